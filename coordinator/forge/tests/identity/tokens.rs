use super::*;
use plue_contract::{RepoId, Scope, TokenId};
use plue_forge::tokens::{self, NewToken};

fn new(scopes: &str) -> NewToken {
    NewToken {
        name: "laptop".into(),
        agent: None,
        scopes: scopes.parse().expect("scopes"),
        repositories: None,
        expires_at_ms: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_and_recognised_until_it_is_deleted() {
    in_both_houses(async |house| {
        let (ada, bob) = (house.account("ada").await, house.account("bob").await);
        let (me, him) = (house.signed_in(&ada).await, house.signed_in(&bob).await);
        let made = tokens::create(&house.forge, house.write_self(&me).await, new("repo:write"), NOW)
            .await
            .expect("one");
        assert!(made.secret.starts_with("plt_") && made.secret.len() == 68);
        assert!(made.secret.ends_with(&made.token.last_eight));
        assert!(
            !format!("{made:?}").contains(&made.secret),
            "nobody logs it by mistake"
        );

        let recognised = |secret: String, at| {
            let forge = house.forge.clone();
            async move {
                tokens::authenticate(&forge, &secret, at)
                    .await
                    .expect("an answer")
            }
        };
        let who = recognised(made.secret.clone(), NOW).await;
        assert_eq!(
            who,
            Some(
                caller(
                    &ada,
                    Via::Token(made.token.id),
                    "repo:write".parse().expect("scopes")
                )
                .who
            )
        );
        let upper = made.secret.to_uppercase().replace("PLT_", "plt_");
        let agent = made.secret.replace("plt_", "plat_");
        for wrong in [
            "",
            "plt_",
            &made.secret[..67],
            &upper,
            &agent,
            &format!("plt_{}", "0".repeat(64)),
        ] {
            assert_eq!(recognised(wrong.to_owned(), NOW).await, None, "{wrong}");
        }

        let listed = tokens::list(&house.forge, house.read_self(&me).await)
            .await
            .expect("a list");
        assert_eq!((listed.len(), listed[0].last_used_at_ms), (1, Some(NOW)));
        recognised(made.secret.clone(), NOW + MINUTE).await;
        recognised(made.secret.clone(), NOW + 6 * MINUTE).await;
        let listed = tokens::list(&house.forge, house.read_self(&me).await)
            .await
            .expect("a list");
        assert_eq!(listed[0].last_used_at_ms, Some(NOW + 6 * MINUTE));

        let delete = async |caller: &Caller, id: TokenId| {
            tokens::delete(&house.forge, house.write_self(caller).await, id, NOW).await
        };
        assert!(matches!(delete(&him, made.token.id).await, Err(Error::NotFound)));
        delete(&me, made.token.id).await.expect("deleted");
        assert!(matches!(delete(&me, made.token.id).await, Err(Error::NotFound)));
        assert_eq!(recognised(made.secret, NOW).await, None);
        let stale = caller(&ada, Via::Token(made.token.id), Scopes::ALL);
        assert!(matches!(
            access::accounts::read_self(&house.forge, &stale, NOW).await,
            Err(Error::Unauthenticated)
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_when_it_says() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let me = house.signed_in(&ada).await;
        let until = |at| NewToken {
            expires_at_ms: Some(at),
            ..new("user:read")
        };
        let make = async |new| tokens::create(&house.forge, house.write_self(&me).await, new, NOW).await;
        assert!(matches!(
            make(until(NOW)).await,
            Err(Error::Invalid {
                field: "expiresAt",
                ..
            })
        ));
        let made = make(until(NOW + DAY)).await.expect("a token");
        let holds = async |at| {
            tokens::authenticate(&house.forge, &made.secret, at)
                .await
                .expect("an answer")
                .is_some()
        };
        assert!(holds(NOW + DAY - 1).await && !holds(NOW + DAY).await);
        let with_it = caller(&ada, Via::Token(made.token.id), made.token.scopes);
        assert!(
            access::accounts::read_self(&house.forge, &with_it, NOW + DAY - 1)
                .await
                .is_ok()
        );
        assert!(
            access::accounts::read_self(&house.forge, &with_it, NOW + DAY)
                .await
                .is_err()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_gets_no_power_that_its_maker_lacks() {
    in_both_houses(async |house| {
        let (ada, root) = (house.account("ada").await, house.admin("root-1").await);
        let (me, boss) = (house.signed_in(&ada).await, house.signed_in(&root).await);
        let make = async |caller: &Caller, new| {
            tokens::create(&house.forge, house.write_self(caller).await, new, NOW).await
        };
        assert!(matches!(
            make(&me, new("")).await,
            Err(Error::Invalid { field: "scopes", .. })
        ));
        assert!(matches!(
            make(&me, new("repo,admin")).await,
            Err(Error::Invalid { field: "scopes", .. })
        ));
        make(&boss, new("admin")).await.expect("an administrator may");
        let blank = NewToken {
            name: " \n ".into(),
            ..new("repo")
        };
        assert!(matches!(
            make(&me, blank).await,
            Err(Error::Invalid { field: "name", .. })
        ));

        let user = make(&me, new("user")).await.expect("a token");
        let with_it = caller(&ada, Via::Token(user.token.id), user.token.scopes);
        make(&with_it, new("user:read")).await.expect("less");
        assert!(matches!(
            make(&with_it, new("repo:read")).await,
            Err(Error::InsufficientScope(Scope::RepoRead))
        ));
        assert!(matches!(
            make(&with_it, new("admin")).await,
            Err(Error::InsufficientScope(Scope::Admin))
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_stays_bound() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let me = house.signed_in(&ada).await;
        let to = |ids: &[i64]| NewToken {
            repositories: Some(ids.iter().copied().map(RepoId).collect()),
            ..new("repo,user")
        };
        let make = async |caller: &Caller, new| {
            tokens::create(&house.forge, house.write_self(caller).await, new, NOW).await
        };
        assert!(matches!(
            make(&me, to(&[])).await,
            Err(Error::Invalid {
                field: "repositories",
                ..
            })
        ));
        let made = make(&me, to(&[9, 7, 9])).await.expect("a token");
        let seven_and_nine = Some(vec![RepoId(7), RepoId(9)]);
        assert_eq!(made.token.repositories, seven_and_nine);
        let who = tokens::authenticate(&house.forge, &made.secret, NOW)
            .await
            .expect("an answer")
            .expect("it holds");
        assert!(matches!(&who, Who::Account { repositories, .. } if *repositories == seven_and_nine));

        let with_it = Caller {
            who,
            address: None,
            request_id: "test".into(),
        };
        make(&with_it, to(&[7])).await.expect("less");
        assert!(matches!(
            make(&with_it, to(&[7, 8])).await,
            Err(Error::Forbidden(_))
        ));
        assert!(matches!(
            make(&with_it, new("repo")).await,
            Err(Error::Forbidden(_))
        ));

        // Its repositories are gone: it counts for none, not for all.
        house
            .store
            .in_tx("test.unbind", |tx| {
                Box::pin(plue_store::query("test.unbind", "DELETE FROM token_repositories").execute(tx))
            })
            .await
            .expect("unbound");
        let who = tokens::authenticate(&house.forge, &made.secret, NOW)
            .await
            .expect("an answer")
            .expect("it holds");
        assert!(matches!(&who, Who::Account { repositories: Some(none), .. } if none.is_empty()));
        let listed = tokens::list(&house.forge, house.read_self(&me).await)
            .await
            .expect("a list");
        assert!(
            listed
                .iter()
                .all(|token| token.repositories.as_deref() == Some(&[]))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_tokens_for_others_and_there_is_a_limit() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let make = async |who: &str| {
            tokens::create_for(
                &house.forge,
                house.administer().await,
                &name(who),
                new("repo"),
                NOW,
            )
            .await
        };
        assert!(matches!(make("nobody-1").await, Err(Error::NotFound)));
        let made = make("ADA").await.expect("a token");
        let who = tokens::authenticate(&house.forge, &made.secret, NOW)
            .await
            .expect("an answer")
            .expect("it holds");
        assert!(matches!(who, Who::Account { id, .. } if id == ada.id));
        for _ in 1..200 {
            make("ada").await.expect("room");
        }
        assert!(matches!(make("ada").await, Err(Error::Refused(_))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_gains_nothing_by_way_of_a_key_or_a_password() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let me = house.signed_in(&ada).await;
        let with = async |new: NewToken| {
            let made = tokens::create(&house.forge, house.write_self(&me).await, new, NOW)
                .await
                .expect("a token");
            let who = tokens::authenticate(&house.forge, &made.secret, NOW)
                .await
                .expect("an answer");
            Caller {
                who: who.expect("it holds"),
                address: None,
                request_id: "test".into(),
            }
        };
        let add_key = async |caller: &Caller| {
            let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti k";
            let new = plue_forge::ssh_keys::NewSshKey {
                name: "k".into(),
                public_key: key.into(),
            };
            plue_forge::ssh_keys::add(&house.forge, house.write_self(caller).await, new, NOW).await
        };
        let user = with(new("user,repo:read")).await;
        assert!(matches!(
            add_key(&user).await,
            Err(Error::InsufficientScope(Scope::Repo))
        ));
        let bound = with(NewToken {
            repositories: Some(vec![RepoId(7)]),
            ..new("user,repo")
        })
        .await;
        assert!(matches!(add_key(&bound).await, Err(Error::Forbidden(_))));
        let whole = with(new("user,repo")).await;
        add_key(&whole).await.expect("no more than it can do already");
        let permit = house.write_self(&whole).await;
        let set = plue_forge::accounts::set_password(&house.forge, permit, None, "correct horse", NOW).await;
        assert!(matches!(set, Err(Error::Forbidden(_))));
    })
    .await;
}

use super::*;
use plue_contract::Problem;
use plue_forge::accounts::{self, ProfileChange};
use plue_forge::repositories::Visibility;
use plue_forge::{sessions, tokens};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_one_administrator_and_a_link_until_it_is_used() {
    in_both_houses(async |house| {
        let (one, two) = tokio::join!(
            accounts::first_start(&house.forge, NOW),
            accounts::first_start(&house.forge, NOW)
        );
        assert!(one.expect("one").is_some() && two.expect("two").is_some());
        let page = accounts::list(&house.forge, 10, 0).await.expect("a list");
        assert_eq!(
            (page.total, page.items[0].name.as_str(), page.items[0].admin),
            (1, "admin", true)
        );

        let old = accounts::first_start(&house.forge, NOW + 1)
            .await
            .expect("a start")
            .expect("still unused");
        let link = accounts::first_start(&house.forge, NOW + 2)
            .await
            .expect("a start")
            .expect("still unused");
        let open = async |token: &str, at| {
            let by = sessions::SignIn::Link {
                token: token.to_owned(),
            };
            sessions::open(&house.forge, by, Default::default(), at)
                .await
                .expect("an answer")
        };
        assert!(
            open(&old.token, NOW + 3).await.is_none(),
            "replaced at the next start"
        );
        assert!(open(&link.token, link.expires_at_ms).await.is_none(), "expired");
        let opened = open(&link.token, NOW + 3).await.expect("signed in");
        assert_eq!(opened.account.last_login_at_ms, Some(NOW + 3));
        assert!(open(&link.token, NOW + 4).await.is_none(), "used");
        assert!(
            accounts::first_start(&house.forge, NOW + 5)
                .await
                .expect("a start")
                .is_none()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_administrator_makes_accounts_and_is_asked_each_time() {
    in_both_houses(async |house| {
        let root = house.admin("root-1").await;
        let ada = house.account("ada").await;
        let (of_root, of_ada) = (house.signed_in(&root).await, house.signed_in(&ada).await);
        let may = async |caller: &Caller| {
            access::accounts::administer(&house.forge, caller, NOW)
                .await
                .err()
        };
        assert!(may(&of_root).await.is_none());
        assert!(matches!(may(&of_ada).await, Some(Error::Forbidden(_))));
        let anonymous = Caller::anonymous(None, "test");
        assert!(matches!(may(&anonymous).await, Some(Error::Unauthenticated)));
        // What the statement says of the flag counts for nothing, and a token needs the scope.
        let boasting = caller(
            &Account {
                admin: true,
                ..ada.clone()
            },
            via(&of_ada),
            Scopes::ALL,
        );
        assert!(matches!(may(&boasting).await, Some(Error::Forbidden(_))));
        let narrow = caller(&root, via(&of_root), "user,repo".parse().expect("scopes"));
        assert!(matches!(may(&narrow).await, Some(Error::InsufficientScope(_))));

        // A permit that was given is looked at again in the verb's own transaction.
        let permit = access::accounts::administer(&house.forge, &of_root, NOW)
            .await
            .expect("a permit");
        house.admin("root-2").await;
        accounts::set_admin(&house.forge, house.administer().await, &root.name, false, NOW)
            .await
            .expect("demoted");
        let new = NewAccount {
            name: "late".to_owned(),
            ..NewAccount::default()
        };
        let late = accounts::create(&house.forge, permit, new, NOW).await;
        assert!(matches!(late, Err(Error::Forbidden(_))));
        assert!(matches!(
            accounts::get(&house.forge, &name("late")).await,
            Err(Error::NotFound)
        ));
    })
    .await;
}

fn via(caller: &Caller) -> Via {
    match &caller.who {
        Who::Account { via, .. } => via.clone(),
        other => panic!("{other:?} is no account"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_an_address_are_one_accounts() {
    in_both_houses(async |house| {
        let new = |name: &str, email: Option<&str>| NewAccount {
            name: name.to_owned(),
            email: email.map(str::to_owned),
            ..NewAccount::default()
        };
        house
            .account_with(new("Ada", Some("Ada@Example.org")))
            .await
            .expect("an account");
        let refused = |field: &'static str, error: Error| {
            let problem = Problem::from(&error);
            assert_eq!(problem.field.as_deref(), Some(field), "{error:?}");
            problem.code.status()
        };
        let fails = async |new: NewAccount| house.account_with(new).await.expect_err("refused");
        assert_eq!(refused("username", fails(new("aDA", None)).await), 409);
        assert_eq!(
            refused("email", fails(new("bob", Some("ada@EXAMPLE.org"))).await),
            409
        );
        for bad in [
            "",
            "-a",
            "a--b",
            "a_b",
            "../x",
            "--exec=x",
            "admin",
            "API",
            "v2",
            &"a".repeat(40),
            "a\0b",
        ] {
            assert_eq!(refused("username", fails(new(bad, None)).await), 400, "{bad:?}");
        }
        for bad in [
            "x",
            "@",
            "a@",
            "a b@c",
            "a@b\nBcc: c@d",
            "a@b,c@d",
            &format!("{}@b", "a".repeat(255)),
        ] {
            assert_eq!(
                refused("email", fails(new("bob", Some(bad))).await),
                400,
                "{bad:?}"
            );
        }
        let weak = NewAccount {
            password: Some("1234567".to_owned()),
            ..new("bob", None)
        };
        assert_eq!(refused("password", fails(weak).await), 400);
        // Two at once: the index decides.
        let (one, two) = tokio::join!(
            house.account_with(new("race", None)),
            house.account_with(new("RACE", None))
        );
        assert_eq!(u8::from(one.is_ok()) + u8::from(two.is_ok()), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_by_name_text_and_page() {
    in_both_houses(async |house| {
        for name in ["Ada", "bob", "carla-x"] {
            house.account(name).await;
        }
        let odd = NewAccount {
            name: "dora".to_owned(),
            display_name: "100%_Dora \\ Ä".to_owned(),
            ..NewAccount::default()
        };
        let dora = house.account_with(odd).await.expect("an account");
        let found = accounts::get(&house.forge, &name("aDA"))
            .await
            .expect("any letter case");
        assert_eq!(found.name.as_str(), "Ada");
        assert_eq!(accounts::by_id(&house.forge, dora.id).await.expect("by id"), dora);
        assert_eq!(found.uuid.len(), 36);

        let names = async |text: &str| -> Vec<String> {
            let found = accounts::search(&house.forge, text).await.expect("a search");
            found
                .into_iter()
                .map(|account| account.name.to_string())
                .collect()
        };
        assert_eq!(names("AD").await, ["Ada"]);
        assert_eq!(names("0%_d").await, ["dora"]);
        assert_eq!(names("or").await, ["dora"]);
        assert!(
            names("%%").await.is_empty() && names("__").await.is_empty() && names("\\\\").await.is_empty()
        );
        assert!(matches!(
            accounts::search(&house.forge, " a ").await,
            Err(Error::Invalid { field: "q", .. })
        ));

        let page = accounts::list(&house.forge, 2, 1).await.expect("a page");
        let on_page: Vec<_> = page.items.iter().map(|account| account.name.as_str()).collect();
        assert_eq!((on_page, page.total), (vec!["bob", "carla-x"], 4));
        assert_eq!(
            accounts::list(&house.forge, i64::MAX, -5)
                .await
                .expect("a page")
                .limit,
            100
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_changes_in_what_is_named_only() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let of_ada = house.signed_in(&ada).await;
        let change = async |change: ProfileChange| {
            accounts::update_profile(&house.forge, house.write_self(&of_ada).await, change, NOW + 5).await
        };
        let some = |text: &str| Some(text.to_owned());
        let full = ProfileChange {
            display_name: some(" Ada L. "),
            bio: some("two\nlines"),
            email: some("ada@example.org"),
            present_password: None,
            avatar_url: some("https://example.org/a.png"),
        };
        change(full).await.expect("changed");
        let now = change(ProfileChange {
            email: some(""),
            ..ProfileChange::default()
        })
        .await
        .expect("changed");
        assert_eq!(
            (now.display_name.as_str(), now.bio.as_str(), now.email),
            ("Ada L.", "two\nlines", None)
        );
        assert_eq!(
            (now.avatar_url.as_deref(), now.updated_at_ms),
            (Some("https://example.org/a.png"), NOW + 5)
        );
        for (field, bad) in [
            (
                "displayName",
                ProfileChange {
                    display_name: some(&"x".repeat(256)),
                    ..Default::default()
                },
            ),
            (
                "bio",
                ProfileChange {
                    bio: some(&"x".repeat(2001)),
                    ..Default::default()
                },
            ),
            (
                "bio",
                ProfileChange {
                    bio: some("\u{1b}[31m"),
                    ..Default::default()
                },
            ),
            (
                "avatarUrl",
                ProfileChange {
                    avatar_url: some("javascript:alert(1)"),
                    ..Default::default()
                },
            ),
            (
                "avatarUrl",
                ProfileChange {
                    avatar_url: some("https://x/\"><script>"),
                    ..Default::default()
                },
            ),
        ] {
            let error = change(bad).await.expect_err("refused");
            assert!(
                matches!(&error, Error::Invalid { field: f, .. } if *f == field),
                "{error:?}"
            );
        }
        house
            .account_with(NewAccount {
                name: "bob".into(),
                email: some("bob@x.org"),
                ..Default::default()
            })
            .await
            .expect("bob");
        let taken = change(ProfileChange {
            email: some("BOB@x.org"),
            ..Default::default()
        })
        .await;
        assert!(matches!(taken, Err(Error::Conflict { field: "email", .. })));

        let reader = caller(&ada, via(&of_ada), "user:read".parse().expect("a scope"));
        let refused = access::accounts::write_self(&house.forge, &reader, NOW).await;
        assert!(matches!(
            refused,
            Err(Error::InsufficientScope(plue_contract::Scope::UserWrite))
        ));
        assert!(
            access::accounts::read_self(&house.forge, &reader, NOW)
                .await
                .is_ok()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_opens_nothing() {
    in_both_houses(async |house| {
        house.admin("root-1").await;
        let ada = house
            .account_with(NewAccount {
                name: "ada".into(),
                password: Some("correct horse".into()),
                ..Default::default()
            })
            .await
            .expect("ada");
        let of_ada = house.signed_in(&ada).await;
        let new = tokens::NewToken {
            name: "t".into(),
            agent: None,
            scopes: "repo,user".parse().expect("scopes"),
            repositories: None,
            expires_at_ms: None,
        };
        let token = tokens::create(&house.forge, house.write_self(&of_ada).await, new, NOW)
            .await
            .expect("a token");
        let link = accounts::issue_link(&house.forge, house.administer().await, &ada.name, NOW)
            .await
            .expect("a link");
        let permit = house.write_self(&of_ada).await;

        let disable = async |yes| {
            accounts::set_disabled(&house.forge, house.administer().await, &ada.name, yes, NOW).await
        };
        let (disabled, ended) = disable(true).await.expect("disabled");
        assert!(disabled.disabled);
        assert_eq!(
            vec![via(&of_ada)],
            ended.into_iter().map(Via::Session).collect::<Vec<_>>()
        );

        let password = accounts::authenticate_password(&house.forge, "ada", "correct horse", NOW).await;
        assert_eq!(password.expect("an answer"), None);
        assert_eq!(
            tokens::authenticate(&house.forge, &token.secret, NOW)
                .await
                .expect("an answer"),
            None
        );
        let by = sessions::SignIn::Link { token: link.token };
        assert!(
            sessions::open(&house.forge, by, Default::default(), NOW)
                .await
                .expect("an answer")
                .is_none()
        );
        assert!(matches!(
            accounts::get(&house.forge, &ada.name).await,
            Err(Error::NotFound)
        ));
        assert_eq!(
            accounts::list(&house.forge, 10, 0).await.expect("a list").total,
            1
        );
        let all = accounts::list_all(&house.forge, house.administer().await, 10, 0)
            .await
            .expect("a list");
        assert_eq!(all.len(), 2);
        assert!(
            accounts::search(&house.forge, "ada")
                .await
                .expect("a search")
                .is_empty()
        );
        let late = accounts::update_profile(&house.forge, permit, ProfileChange::default(), NOW).await;
        assert!(matches!(late, Err(Error::Unauthenticated)));
        let relink = accounts::issue_link(&house.forge, house.administer().await, &ada.name, NOW).await;
        assert!(matches!(relink, Err(Error::Refused(_))));

        disable(false).await.expect("enabled");
        assert!(
            tokens::authenticate(&house.forge, &token.secret, NOW)
                .await
                .expect("an answer")
                .is_some()
        );
        let dead = access::accounts::read_self(&house.forge, &of_ada, NOW).await;
        assert!(
            matches!(dead, Err(Error::Unauthenticated)),
            "its sessions stay ended"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays() {
    in_both_houses(async |house| {
        let (one, two) = (house.admin("root-1").await, house.admin("root-2").await);
        let (first, second) = (house.administer().await, house.administer().await);
        // Two demotions at once: one of them would leave nobody.
        let (a, b) = tokio::join!(
            accounts::set_admin(&house.forge, first, &one.name, false, NOW),
            accounts::set_disabled(&house.forge, second, &two.name, true, NOW),
        );
        assert_eq!(u8::from(a.is_ok()) + u8::from(b.is_ok()), 1, "{a:?} {b:?}");
        let unknown = accounts::set_admin(
            &house.forge,
            house.administer().await,
            &name("nobody-1"),
            true,
            NOW,
        )
        .await;
        assert!(matches!(unknown, Err(Error::NotFound)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public_repositories_are_counted_for_a_page_of_accounts() {
    in_both_houses(async |house| {
        let page = [
            house.account("ada").await,
            house.account("bob").await,
            house.account("carla").await,
        ];
        for (owner, repository, private) in [(0, "a", false), (0, "b", false), (0, "c", true), (1, "a", true)]
        {
            let caller = house.signed_in(&page[owner]).await;
            let own = access::repositories::create_under(&house.forge, &caller, &page[owner].name, NOW).await;
            let new = plue_forge::repositories::NewRepository {
                name: repository.parse().expect("a name"),
                description: String::new(),
                visibility: if private {
                    Visibility::Private
                } else {
                    Visibility::Public
                },
                object_format: plue_git::ObjectFormat::Sha1,
                default_bookmark: None,
            };
            let made = plue_forge::repositories::create(&house.forge, own.expect("her own"), new, NOW).await;
            made.expect("a repository");
        }
        let counts = accounts::public_repositories(&house.forge, &page)
            .await
            .expect("counts");
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(page[0].id, 2)]);
        assert!(
            accounts::public_repositories(&house.forge, &[])
                .await
                .expect("none")
                .is_empty()
        );
    })
    .await;
}

use super::*;
use plue_contract::SessionId;
use plue_contract::credentials::SessionCookie;
use plue_forge::accounts::issue_link;
use plue_forge::sessions::{self, Client, GRACE_MS, LIFETIME_MS, Opened, ROTATE_AFTER_MS, SignIn};

async fn open(house: &House, account: &Account) -> Opened {
    let link = issue_link(&house.forge, house.administer().await, &account.name, NOW)
        .await
        .expect("a link");
    let client = Client {
        address: Some([192, 0, 2, 7].into()),
        user_agent: Some(format!("Browser\n1.0 {}", "x".repeat(500))),
        request_id: "r1".to_owned(),
    };
    let opened = sessions::open(&house.forge, SignIn::Link { token: link.token }, client, NOW).await;
    opened.expect("an answer").expect("a link that holds")
}

fn cookie(value: &str) -> SessionCookie {
    SessionCookie::parse(value).expect("the form of a cookie")
}

async fn lives(house: &House, value: &str, at_ms: i64) -> bool {
    sessions::find(&house.forge, &cookie(value), at_ms)
        .await
        .expect("an answer")
        .is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_one_link_at_once_one_gets_in() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let link = issue_link(&house.forge, house.administer().await, &ada.name, NOW)
            .await
            .expect("a link");
        let mut guests = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (forge, token) = (house.forge.clone(), link.token.clone());
            guests.spawn(async move {
                sessions::open(&forge, SignIn::Link { token }, Client::default(), NOW)
                    .await
                    .expect("an answer")
            });
        }
        let opened = guests.join_all().await.into_iter().flatten().count();
        assert_eq!(opened, 1);
        assert_eq!(
            sessions::count_active(&house.forge, NOW).await.expect("a count"),
            1
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_proved_by_its_secret_until_it_ends() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let opened = open(&house, &ada).await;
        let found = sessions::find(&house.forge, &cookie(&opened.cookie), NOW)
            .await
            .expect("an answer");
        let found = found.expect("it lives");
        assert_eq!(
            found.who,
            caller(&ada, Via::Session(opened.session.id.clone()), Scopes::ALL).who
        );
        assert_eq!(found.session, opened.session);
        assert!(!found.rotate_due);
        assert_eq!(opened.session.address.as_deref(), Some("192.0.2.7"));
        let agent = opened.session.user_agent.clone().expect("an agent");
        assert!(agent.starts_with("Browser1.0 x") && agent.len() == 256);

        let other = open(&house, &ada).await;
        let crossed = SessionCookie {
            id: other.session.id,
            ..cookie(&opened.cookie)
        };
        assert!(
            sessions::find(&house.forge, &crossed, NOW)
                .await
                .expect("an answer")
                .is_none()
        );
        let last = opened.session.expires_at_ms - 1;
        assert!(lives(&house, &opened.cookie, last).await && !lives(&house, &opened.cookie, last + 1).await);
        let by_id = |at| sessions::find_by_id(&house.forge, &opened.session.id, at);
        assert!(
            by_id(last).await.expect("an answer").is_some() && by_id(last + 1).await.expect("one").is_none()
        );
        let nobody = SessionId("01ARZ3NDEKTSV4RRFFQ69G5FAV".into());
        assert!(
            sessions::find_by_id(&house.forge, &nobody, NOW)
                .await
                .expect("an answer")
                .is_none()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_secret_replaces_the_old_one_after_a_minute() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let opened = open(&house, &ada).await;
        let old = cookie(&opened.cookie);
        let due = async |cookie: &SessionCookie, at| {
            sessions::find(&house.forge, cookie, at)
                .await
                .expect("an answer")
                .expect("it lives")
                .rotate_due
        };
        let then = NOW + ROTATE_AFTER_MS;
        assert!(!due(&old, then - 1).await && due(&old, then).await);
        let rotate = || sessions::rotate(&house.forge, &old, then);
        let (one, two) = tokio::join!(rotate(), rotate());
        let mut fresh = [one.expect("one"), two.expect("two")].into_iter().flatten();
        let (Some(fresh), None) = (fresh.next(), fresh.next()) else {
            panic!("one of two changes the secret")
        };
        assert_eq!(cookie(&fresh).id, old.id);
        assert!(lives(&house, &fresh, then).await);
        assert!(
            lives(&house, &opened.cookie, then + GRACE_MS - 1).await,
            "requests under way still hold"
        );
        assert!(
            !due(&old, then + 1).await,
            "the old secret does not ask for another change"
        );
        assert!(!lives(&house, &opened.cookie, then + GRACE_MS).await);
        assert!(
            lives(&house, &fresh, then + LIFETIME_MS - 1).await,
            "its life was renewed"
        );
        let again = sessions::rotate(&house.forge, &old, then + 1)
            .await
            .expect("an answer");
        assert_eq!(again, None, "the old secret changes nothing");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_one_by_one_and_all_at_once() {
    in_both_houses(async |house| {
        let (ada, bob) = (house.account("ada").await, house.account("bob").await);
        let sessions_of_ada: Vec<_> = [
            open(&house, &ada).await,
            open(&house, &ada).await,
            open(&house, &ada).await,
        ]
        .into();
        let of_bob = open(&house, &bob).await;
        let as_caller =
            |account: &Account, id: &SessionId| caller(account, Via::Session(id.clone()), Scopes::ALL);
        let [first, second, third] = &sessions_of_ada[..] else {
            panic!("three")
        };
        let me = as_caller(&ada, &third.session.id);
        assert_eq!(
            sessions::list(&house.forge, house.read_self(&me).await, NOW)
                .await
                .expect("a list")
                .len(),
            3
        );

        let end = async |id: &SessionId| {
            sessions::revoke_one(&house.forge, house.write_self(&me).await, id, NOW).await
        };
        end(&first.session.id).await.expect("ended");
        assert!(matches!(end(&first.session.id).await, Err(Error::NotFound)));
        assert!(
            matches!(end(&of_bob.session.id).await, Err(Error::NotFound)),
            "another's session is not there"
        );
        assert!(lives(&house, &of_bob.cookie, NOW).await && !lives(&house, &first.cookie, NOW).await);

        let out = caller(&ada, Via::Jwt(second.session.id.clone()), Scopes::ALL);
        let ended = sessions::revoke(&house.forge, &out, NOW)
            .await
            .expect("signed out");
        assert_eq!(ended.as_ref(), Some(&second.session.id));
        assert_eq!(
            sessions::revoke(&house.forge, &out, NOW).await.expect("again"),
            None
        );
        assert_eq!(
            sessions::revoke(&house.forge, &Caller::anonymous(None, "t"), NOW)
                .await
                .expect("nobody"),
            None
        );
        let stale = access::accounts::write_self(&house.forge, &out, NOW).await;
        assert!(
            matches!(stale, Err(Error::Unauthenticated)),
            "a JWT does not outlive its session"
        );

        let ended = sessions::revoke_all(&house.forge, house.write_self(&me).await, NOW)
            .await
            .expect("all ended");
        assert_eq!(ended, std::slice::from_ref(&third.session.id));
        assert!(access::accounts::read_self(&house.forge, &me, NOW).await.is_err());
        assert!(lives(&house, &of_bob.cookie, NOW).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_takes_what_has_ended_and_may_run_twice() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let opened = open(&house, &ada).await;
        issue_link(&house.forge, house.administer().await, &ada.name, NOW)
            .await
            .expect("a link");
        let ends = opened.session.expires_at_ms;
        assert_eq!(sessions::sweep(&house.forge, ends - 1).await.expect("a sweep"), 0);
        assert_eq!(
            sessions::count_active(&house.forge, ends - 1)
                .await
                .expect("a count"),
            1
        );
        assert_eq!(sessions::sweep(&house.forge, ends).await.expect("a sweep"), 1);
        assert_eq!(sessions::sweep(&house.forge, ends).await.expect("a sweep"), 0);
        let mut conn = house.store.read().await.expect("a reader");
        let (links,): (i64,) = plue_store::query("test.links", "SELECT COUNT(*) FROM signin_links")
            .one(&mut conn)
            .await
            .expect("a count");
        assert_eq!(links, 0);
    })
    .await;
}

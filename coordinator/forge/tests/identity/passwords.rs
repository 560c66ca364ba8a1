use super::*;
use plue_forge::accounts::{authenticate_password, reset_password, set_password};
use plue_forge::sessions::{self, SignIn};

const GOOD: &str = "correct horse";
const BETTER: &str = "battery staple";

async fn holds(house: &House, name: &str, password: &str) -> bool {
    authenticate_password(&house.forge, name, password, NOW)
        .await
        .expect("an answer")
        .is_some()
}

async fn ada(house: &House) -> Account {
    let new = NewAccount {
        name: "Ada".into(),
        password: Some(GOOD.into()),
        ..NewAccount::default()
    };
    house.account_with(new).await.expect("an account")
}

/// What a guess over git leaves: one line of the log in a minute, and none for whom there is not.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_written_down_once_in_a_minute() {
    use plue_forge::audit;
    in_both_houses(async |house| {
        let new = NewAccount {
            name: "ada".into(),
            password: Some(GOOD.into()),
            ..NewAccount::default()
        };
        let ada = house.account_with(new).await.expect("ada");
        let me = house.signed_in(&ada).await;
        let refusals = async || {
            let query = audit::Query {
                action: Some("session.refuse".to_owned()),
                limit: 100,
                ..audit::Query::default()
            };
            let permit = house.read_self(&me).await;
            audit::list(&house.forge, permit.into(), &query)
                .await
                .expect("a list")
                .len()
        };
        for (at, noted) in [(NOW, 1), (NOW + 1, 1), (NOW + 2 * MINUTE, 2)] {
            for name in ["ada", "nobody"] {
                let who = authenticate_password(&house.forge, name, "wrong", at).await;
                assert!(who.expect("an answer").is_none());
            }
            // The note is written beside the answer.
            for _ in 0..100 {
                if refusals().await == noted {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            assert_eq!(refusals().await, noted, "{at}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_password_holds() {
    in_both_houses(async |house| {
        let ada = ada(&house).await;
        house.account("bob").await;
        let who = authenticate_password(&house.forge, "aDA", GOOD, NOW)
            .await
            .expect("an answer");
        assert_eq!(who, Some(caller(&ada, Via::Password, Scopes::ALL).who));
        for (name, password) in [
            ("ada", "Correct horse"),
            ("ada", ""),
            ("ada", &"x".repeat(2000)),
            ("bob", ""),
            ("bob", GOOD),
            ("nobody-1", GOOD),
            ("", GOOD),
            ("../ada", GOOD),
        ] {
            assert!(!holds(&house, name, password).await, "{name} {password:.10}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_the_old_one_and_other_sessions() {
    in_both_houses(async |house| {
        let ada = ada(&house).await;
        let (here, there) = (house.signed_in(&ada).await, house.signed_in(&ada).await);
        assert!(holds(&house, "ada", GOOD).await);
        let change = async |present: Option<&str>, new: &str| {
            set_password(&house.forge, house.write_self(&here).await, present, new, NOW).await
        };
        assert!(matches!(
            change(None, BETTER).await,
            Err(Error::Invalid { field: "current", .. })
        ));
        assert!(matches!(
            change(Some("wrong"), BETTER).await,
            Err(Error::Invalid { field: "current", .. })
        ));
        assert!(matches!(
            change(Some(GOOD), "short").await,
            Err(Error::Invalid {
                field: "password",
                ..
            })
        ));
        assert_eq!(change(Some(GOOD), BETTER).await.expect("changed").len(), 1);
        assert!(!holds(&house, "ada", GOOD).await && holds(&house, "ada", BETTER).await);
        assert!(
            access::accounts::read_self(&house.forge, &there, NOW)
                .await
                .is_err()
        );
        assert!(
            access::accounts::read_self(&house.forge, &here, NOW)
                .await
                .is_ok()
        );

        let ended = reset_password(&house.forge, house.administer().await, &ada.name, GOOD, NOW).await;
        assert_eq!(ended.expect("reset").len(), 1);
        assert!(!holds(&house, "ada", BETTER).await && holds(&house, "ada", GOOD).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_opens_a_session() {
    in_both_houses(async |house| {
        ada(&house).await;
        let open = async |password: &str| {
            let by = SignIn::Password {
                name: "ada".into(),
                password: password.into(),
            };
            sessions::open(&house.forge, by, Default::default(), NOW)
                .await
                .expect("an answer")
        };
        assert!(open("wrong password").await.is_none());
        assert_eq!(open(GOOD).await.expect("a session").account.name.as_str(), "Ada");
    })
    .await;
}

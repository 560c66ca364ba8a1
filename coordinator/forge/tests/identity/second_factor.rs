//! Codes of an app beside the password, and recovery codes where the app is lost.

use super::*;
use plue_contract::seal::{Keyring, Purpose};
use plue_forge::sessions::{self, Client, Opened, SignIn};
use plue_forge::{Keys, People, accounts, second_factor};
use ring::hmac;

const PASSWORD: &str = "correct horse";
const SECRETS: [&str; 2] = ["a secret of today", "a secret of yesterday"];

fn keys(secrets: &[&str]) -> Keys {
    Keys {
        second_step: Keyring::derive(Purpose::SecondStep, secrets),
        factor_secret: Keyring::derive(Purpose::FactorSecret, secrets),
    }
}

/// The app: the code of a moment, from the secret as it was typed in.
fn app(secret: &str, now_ms: i64) -> String {
    let secret = data_encoding::BASE32_NOPAD
        .decode(secret.as_bytes())
        .expect("base32");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let step = now_ms / 30_000;
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let word = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().expect("four bytes"));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

impl House {
    fn has_keys(&self) {
        self.forge.meet_people_by(People {
            site: "Plue".to_owned(),
            keys: Some(keys(&SECRETS)),
            ..People::default()
        });
    }

    async fn by_password(&self, password: &str, now_ms: i64) -> Result<Option<Opened>, Error> {
        let by = SignIn::Password {
            name: "ada".to_owned(),
            password: password.to_owned(),
        };
        sessions::open(&self.forge, by, Client::default(), now_ms).await
    }

    async fn ticket(&self, now_ms: i64) -> String {
        match self.by_password(PASSWORD, now_ms).await {
            Err(Error::SecondFactor { ticket }) => ticket,
            other => panic!("no second step: {:?}", other.map(|opened| opened.is_some())),
        }
    }

    async fn by_code(&self, ticket: &str, code: &str, now_ms: i64) -> Result<bool, Error> {
        let by = SignIn::SecondStep {
            ticket: ticket.to_owned(),
            code: code.to_owned(),
        };
        let opened = sessions::open(&self.forge, by, Client::default(), now_ms).await?;
        Ok(opened.is_some())
    }

    /// Ada, her session, and her second factor as it was shown to her.
    async fn ada_with_factor(&self) -> (Caller, second_factor::Setup) {
        self.has_keys();
        let new = NewAccount {
            name: "ada".to_owned(),
            password: Some(PASSWORD.to_owned()),
            ..NewAccount::default()
        };
        let ada = self.account_with(new).await.expect("ada");
        let me = self.signed_in(&ada).await;
        let setup = second_factor::begin(&self.forge, self.write_self(&me).await, Some(PASSWORD), NOW).await;
        let setup = setup.expect("a setup");
        let code = app(&setup.secret, NOW);
        second_factor::confirm(&self.forge, self.write_self(&me).await, &code, NOW)
            .await
            .expect("the right code");
        (me, setup)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_counts_once_its_app_has_shown_a_code() {
    in_both_houses(async |house| {
        house.has_keys();
        let new = NewAccount {
            name: "ada".to_owned(),
            password: Some(PASSWORD.to_owned()),
            ..NewAccount::default()
        };
        let ada = house.account_with(new).await.expect("ada");
        let me = house.signed_in(&ada).await;
        let write = async || house.write_self(&me).await;
        let begun = second_factor::begin(&house.forge, write().await, Some("wrong"), NOW).await;
        assert!(
            matches!(begun, Err(Error::Invalid { field: "current", .. })),
            "{begun:?}"
        );
        let early = second_factor::confirm(&house.forge, write().await, "000000", NOW).await;
        assert!(matches!(early, Err(Error::Conflict { .. })), "{early:?}");
        let first = second_factor::begin(&house.forge, write().await, Some(PASSWORD), NOW)
            .await
            .expect("a setup");
        let setup = second_factor::begin(&house.forge, write().await, Some(PASSWORD), NOW)
            .await
            .expect("once more, as long as it is not confirmed");
        assert_eq!(setup.codes.len(), 10);
        assert!(
            setup.uri.starts_with("otpauth://totp/Plue:ada?secret="),
            "{}",
            setup.uri
        );
        assert!(
            house
                .by_password(PASSWORD, NOW)
                .await
                .expect("an answer")
                .is_some()
        );
        let other = app(&first.secret, NOW);
        let wrong = second_factor::confirm(&house.forge, write().await, &other, NOW).await;
        assert!(
            matches!(wrong, Err(Error::Invalid { field: "code", .. })),
            "{wrong:?}"
        );
        // A recovery code shows nothing of an app.
        let wrong = second_factor::confirm(&house.forge, write().await, &setup.codes[0], NOW).await;
        assert!(
            matches!(wrong, Err(Error::Invalid { field: "code", .. })),
            "{wrong:?}"
        );
        second_factor::confirm(&house.forge, write().await, &app(&setup.secret, NOW), NOW)
            .await
            .expect("set");
        let again = second_factor::begin(&house.forge, write().await, Some(PASSWORD), NOW).await;
        assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
        let state = second_factor::state(&house.forge, house.read_self(&me).await).await;
        assert_eq!(
            state.expect("a state"),
            second_factor::State {
                set: true,
                codes_left: 10
            }
        );
        // Nothing of it is readable in the database.
        let mut conn = house.store.read().await.expect("a reader");
        let (sealed,): (Vec<u8>,) = plue_store::query("test", "SELECT sealed_secret FROM second_factors")
            .one(&mut conn)
            .await
            .expect("a row");
        let secret = data_encoding::BASE32_NOPAD
            .decode(setup.secret.as_bytes())
            .expect("base32");
        assert!(!sealed.windows(secret.len()).any(|bytes| bytes == secret));
        let hashes: Vec<(Vec<u8>,)> = plue_store::query("test", "SELECT code_hash FROM recovery_codes")
            .all(&mut conn)
            .await
            .expect("rows");
        assert!(hashes.iter().all(|(hash,)| hash.len() == 32));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_alone_opens_nothing_any_more() {
    in_both_houses(async |house| {
        let (me, setup) = house.ada_with_factor().await;
        let wrong = house.by_password("wrong", NOW).await;
        assert!(
            matches!(wrong, Ok(None)),
            "a wrong password hears of no second factor"
        );
        // Over git there is no second step: a token takes the password's place.
        let git = accounts::authenticate_password(&house.forge, "ada", PASSWORD, NOW).await;
        assert!(git.expect("an answer").is_none());
        let via = Caller {
            who: match &me.who {
                Who::Account {
                    id,
                    name,
                    admin,
                    scopes,
                    ..
                } => Who::Account {
                    id: *id,
                    name: name.clone(),
                    admin: *admin,
                    via: Via::Password,
                    scopes: *scopes,
                    repositories: None,
                },
                other => other.clone(),
            },
            ..me.clone()
        };
        let pushed_before = access::accounts::read_self(&house.forge, &via, NOW).await;
        assert!(
            matches!(pushed_before, Err(Error::Unauthenticated)),
            "nor where it was recognised before"
        );

        let later = NOW + MINUTE;
        let ticket = house.ticket(later).await;
        for wrong in ["", "0", "abcd-efgh-jkmn-pqrs", &app(&setup.secret, later + DAY)] {
            let refused = house.by_code(&ticket, wrong, later).await;
            assert!(
                matches!(refused, Err(Error::Invalid { field: "code", .. })),
                "{wrong}: {refused:?}"
            );
        }
        assert!(
            house
                .by_code(&ticket, &app(&setup.secret, later), later)
                .await
                .expect("in")
        );
        let twice = house.by_code(&ticket, &app(&setup.secret, later), later).await;
        assert!(
            matches!(twice, Err(Error::Invalid { field: "code", .. })),
            "a code is taken once: {twice:?}"
        );
        for bad in ["", "a.b.c", &ticket[..ticket.len() - 2]] {
            let code = app(&setup.secret, later + MINUTE);
            assert!(
                !house
                    .by_code(bad, &code, later + MINUTE)
                    .await
                    .expect("an answer"),
                "{bad}"
            );
        }
        let late = later + 11 * MINUTE;
        let code = app(&setup.secret, late);
        assert!(
            !house.by_code(&ticket, &code, late).await.expect("an answer"),
            "its time is over"
        );
        // A password that was changed ends what its ticket began.
        let ticket = house.ticket(late).await;
        accounts::reset_password(
            &house.forge,
            house.administer().await,
            &name("ada"),
            "battery staple",
            late,
        )
        .await
        .expect("reset");
        assert!(!house.by_code(&ticket, &code, late).await.expect("an answer"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_an_administrator_asks_for_the_code_too() {
    in_both_houses(async |house| {
        let (_, setup) = house.ada_with_factor().await;
        let link = accounts::issue_link(&house.forge, house.administer().await, &name("ada"), NOW)
            .await
            .expect("a link");
        let open = async || {
            let by = SignIn::Link {
                token: link.token.clone(),
            };
            sessions::open(&house.forge, by, Client::default(), NOW).await
        };
        let Err(Error::SecondFactor { ticket }) = open().await.map(drop) else {
            panic!("no second step");
        };
        assert!(open().await.expect("an answer").is_none(), "the link is used");
        assert!(house.by_code(&ticket, &setup.codes[3], NOW).await.expect("in"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_takes_a_lost_one_away() {
    in_both_houses(async |house| {
        house.ada_with_factor().await;
        let ada = name("ada");
        let drop_it =
            async |name| second_factor::remove_of(&house.forge, house.administer().await, name, NOW).await;
        assert!(drop_it(&ada).await.expect("removed"));
        assert!(!drop_it(&ada).await.expect("nothing to remove"));
        let nobody = drop_it(&name("nobody")).await;
        assert!(matches!(nobody, Err(Error::NotFound)), "{nobody:?}");
        let opened = house.by_password(PASSWORD, NOW).await.expect("an answer");
        assert!(opened.is_some(), "the password is enough again");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_opens_once_and_guesses_keep_nobody_else_out() {
    in_both_houses(async |house| {
        let (me, setup) = house.ada_with_factor().await;
        let ticket = house.ticket(NOW).await;
        let spelled = setup.codes[0].to_uppercase().replace('-', " ");
        assert!(house.by_code(&ticket, &spelled, NOW).await.expect("in"));
        let twice = house.by_code(&ticket, &setup.codes[0], NOW).await;
        assert!(matches!(twice, Err(Error::Invalid { .. })), "{twice:?}");
        // One wrong code was free; four more, and one waits, the right code or not.
        for _ in 0..4 {
            let wrong = house.by_code(&ticket, "000000", NOW).await;
            assert!(matches!(wrong, Err(Error::Invalid { .. })), "{wrong:?}");
        }
        let at = NOW + MINUTE / 2;
        let waits = house.by_code(&ticket, &app(&setup.secret, at), at).await;
        assert!(
            matches!(waits, Err(Error::TooMany { retry_after_s: 30 })),
            "{waits:?}"
        );
        assert!(
            house.by_code(&ticket, &setup.codes[1], at).await.expect("in"),
            "the owner gets in"
        );
        let at = NOW + 2 * MINUTE;
        let ticket = house.ticket(at).await;
        assert!(
            house
                .by_code(&ticket, &app(&setup.secret, at), at)
                .await
                .expect("in")
        );
        // New codes make the old ones worthless.
        let fresh = second_factor::renew_codes(&house.forge, house.write_self(&me).await, Some(PASSWORD), at)
            .await
            .expect("codes");
        let old = house.by_code(&ticket, &setup.codes[2], at).await;
        assert!(matches!(old, Err(Error::Invalid { .. })), "{old:?}");
        assert!(house.by_code(&ticket, &fresh[2], at).await.expect("in"));
        let state = second_factor::state(&house.forge, house.read_self(&me).await).await;
        assert_eq!(state.expect("a state").codes_left, 9);
        // Taken away, the password is enough again.
        let refused = second_factor::remove(&house.forge, house.write_self(&me).await, None, at).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "current", .. })));
        second_factor::remove(&house.forge, house.write_self(&me).await, Some(PASSWORD), at)
            .await
            .expect("removed");
        assert!(
            house
                .by_password(PASSWORD, at)
                .await
                .expect("an answer")
                .is_some()
        );
        assert!(!house.by_code(&ticket, &fresh[3], at).await.expect("an answer"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_at_once_are_taken_once() {
    in_both_houses(async |house| {
        let (_, setup) = house.ada_with_factor().await;
        let at = NOW + MINUTE;
        let ticket = house.ticket(at).await;
        let code = app(&setup.secret, at);
        let tries = futures_util::future::join_all((0..4).map(|_| house.by_code(&ticket, &code, at))).await;
        let opened = tries.iter().filter(|tried| matches!(tried, Ok(true))).count();
        assert_eq!(opened, 1, "{tries:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_second_factor_is_half_set() {
    use super::faults::fail_each_statement;
    in_both_houses(async |house| {
        let (me, _) = house.ada_with_factor().await;
        let forge = &house.forge;
        let write = async || house.write_self(&me).await;
        let renew = async |permit| {
            second_factor::renew_codes(forge, permit, Some(PASSWORD), NOW)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "renew_codes", write, renew).await;
        let ticket = async || house.ticket(NOW).await;
        let wrong = async |ticket: String| match house.by_code(&ticket, "000000", NOW).await {
            Err(Error::Invalid { .. }) => Ok(()),
            other => other.map(drop),
        };
        fail_each_statement(&house, "a wrong code", ticket, wrong).await;
        let remove = async |permit| second_factor::remove(forge, permit, Some(PASSWORD), NOW).await;
        fail_each_statement(&house, "remove", write, remove).await;
        let begin = async |permit| {
            second_factor::begin(forge, permit, Some(PASSWORD), NOW)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "begin", write, begin).await;
    })
    .await;
}

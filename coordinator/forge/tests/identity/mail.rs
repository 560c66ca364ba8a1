//! Letters and what their links do: making an account, proving an address, another password.

use super::*;
use plue_forge::access::accounts::join;
use plue_forge::accounts::{self, ProfileChange, SignUp};
use plue_forge::mail::Post;
use plue_forge::sessions::{self, Client, SignIn};
use plue_forge::{People, jobs};
use plue_mail::Mailer;
use plue_tests::smtp::{Arrived, Mailbox};

const EMAIL: &str = "Ada@plue.test";
const PASSWORD: &str = "correct horse";
const HOUR: i64 = 60 * MINUTE;

impl House {
    /// Has the forge send letters to `server`, and lets everybody in.
    pub(super) fn meets_people(&self, server: &Mailbox) {
        self.forge.meet_people_by(People {
            site: "Plue".to_owned(),
            keys: None,
            sign_up: true,
            post: Some(Post {
                mailer: Mailer::smtp(&server.url(), "Plue <plue@plue.test>").expect("an address"),
                url: "https://plue.test".to_owned(),
            }),
        });
    }

    async fn sign_up(&self, name: &str, email: &str) -> Result<sessions::Opened, Error> {
        let new = SignUp {
            name: name.to_owned(),
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            ..SignUp::default()
        };
        let permit = join(&self.forge, &anybody())?;
        accounts::sign_up(&self.forge, permit, new, Client::default(), NOW).await
    }

    pub(super) async fn run_jobs(&self, now_ms: i64) {
        jobs::run_due(&self.forge, "test", now_ms)
            .await
            .expect("jobs that run");
    }

    async fn ask_for_reset(&self, email: &str, now_ms: i64) -> Result<(), Error> {
        accounts::ask_for_reset(&self.forge, email, None, "test", now_ms).await
    }

    async fn reset(&self, token: &str, password: &str, now_ms: i64) -> Result<bool, Error> {
        let ended = accounts::reset_by_link(&self.forge, &anybody(), token, password, now_ms).await?;
        Ok(ended.is_some())
    }

    async fn verify(&self, token: &str, now_ms: i64) -> bool {
        let account = accounts::verify(&self.forge, &anybody(), token, now_ms).await;
        account.expect("an answer").is_some()
    }

    async fn signs_in(&self, name: &str, password: &str) -> bool {
        let by = SignIn::Password {
            name: name.to_owned(),
            password: password.to_owned(),
        };
        let opened = sessions::open(&self.forge, by, Client::default(), NOW).await;
        opened.expect("an answer").is_some()
    }

    async fn waiting(&self) -> i64 {
        jobs::count_waiting(&self.forge).await.expect("a count")
    }
}

fn anybody() -> Caller {
    Caller::anonymous(None, "test".to_owned())
}

/// The token of the link in a letter.
fn token_in(letter: &Arrived) -> String {
    let link = letter.link().expect("a link");
    let (_, token) = link.split_once("token=").expect("a token");
    token.split('&').next().expect("it").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_and_its_address_proven_by_a_letter() {
    in_both_houses(async |house| {
        let server = Mailbox::start().await.expect("a server");
        house.meets_people(&server);
        let opened = house.sign_up("ada", EMAIL).await.expect("an account");
        assert_eq!(
            (opened.account.name.as_str(), opened.account.email_verified),
            ("ada", false)
        );
        assert!(house.signs_in("ada@PLUE.test", PASSWORD).await, "by address");
        assert!(house.signs_in("ada", PASSWORD).await, "by name");
        for (name, email, field) in [
            ("Ada", "other@plue.test", "username"),
            ("bob", "ADA@plue.test", "email"),
            ("api", "bob@plue.test", "username"),
            ("bob", "", "email"),
            ("bob", "bob", "email"),
            ("bob", "bob@plue.test\r\nBcc: eve@evil.test", "email"),
        ] {
            let refused = house.sign_up(name, email).await.map(drop);
            let (Err(Error::Invalid { field: at, .. }) | Err(Error::Conflict { field: at, .. })) = refused
            else {
                panic!("{name} {email:?}: {refused:?}");
            };
            assert_eq!(at, field, "{name} {email:?}");
        }
        house.run_jobs(NOW).await;
        let letter = server.next().await.expect("a letter");
        assert_eq!(letter.to, [EMAIL]);
        assert!(letter.text().contains("Hello ada"), "{}", letter.text());
        assert!(!house.verify("0", NOW).await && !house.verify("", NOW).await);
        let token = token_in(&letter);
        // What proves an address sets no password.
        assert!(
            !house
                .reset(&token, "another long one", NOW)
                .await
                .expect("an answer")
        );
        assert!(
            !house.verify(&token, NOW + DAY + MINUTE).await,
            "its time is over"
        );
        assert!(house.verify(&token, NOW).await);
        assert!(!house.verify(&token, NOW).await, "once");
        let ada = accounts::get(&house.forge, &name("ada")).await.expect("ada");
        assert!(ada.email_verified);
        // What is proven is not proven again.
        accounts::ask_for_verification(&house.forge, EMAIL, None, "test", NOW)
            .await
            .expect("an answer");
        house.run_jobs(NOW).await;
        assert!(!server.has_more().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_site_makes_no_account_and_one_without_mail_sends_no_link() {
    in_both_houses(async |house| {
        let refused = house.sign_up("ada", EMAIL).await.map(drop);
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
        let refused = house.ask_for_reset(EMAIL, NOW).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        assert_eq!(house.waiting().await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_set_by_a_link_once() {
    in_both_houses(async |house| {
        let server = Mailbox::start().await.expect("a server");
        house.meets_people(&server);
        let opened = house.sign_up("ada", EMAIL).await.expect("an account");
        house.run_jobs(NOW).await;
        server.next().await.expect("the letter that proves");
        house
            .ask_for_reset("ada@plue.TEST", NOW)
            .await
            .expect("an answer");
        house.run_jobs(NOW).await;
        let first = token_in(&server.next().await.expect("a letter"));
        house.ask_for_reset(EMAIL, NOW).await.expect("an answer");
        house.run_jobs(NOW).await;
        let letter = server.next().await.expect("a letter");
        assert_eq!(letter.to, [EMAIL], "as the account has it");
        let token = token_in(&letter);
        assert!(
            !house
                .reset(&first, "another long one", NOW)
                .await
                .expect("an answer"),
            "a newer letter makes the older worthless"
        );
        // Kept as a hash only.
        let mut conn = house.store.read().await.expect("a reader");
        let hashes: Vec<(Vec<u8>,)> = plue_store::query("test", "SELECT token_hash FROM mail_links")
            .all(&mut conn)
            .await
            .expect("rows");
        drop(conn);
        assert!(hashes.iter().all(|(hash,)| hash != token.as_bytes()) && hashes.len() == 2);
        // What breaks the rules leaves the link as it is.
        let short = house.reset(&token, "short", NOW).await;
        assert!(
            matches!(
                short,
                Err(Error::Invalid {
                    field: "password",
                    ..
                })
            ),
            "{short:?}"
        );
        let late = house.reset(&token, "another long one", NOW + HOUR + MINUTE).await;
        assert!(!late.expect("an answer"), "its time is over");
        assert!(
            house
                .reset(&token, "another long one", NOW)
                .await
                .expect("an answer")
        );
        assert!(
            !house
                .reset(&token, "a third long one", NOW)
                .await
                .expect("an answer")
        );
        assert!(house.signs_in("ada", "another long one").await && !house.signs_in("ada", PASSWORD).await);
        let lives = sessions::find_by_id(&house.forge, &opened.session.id, NOW).await;
        assert!(lives.expect("an answer").is_none(), "every session has ended");
        let ada = accounts::get(&house.forge, &name("ada")).await.expect("ada");
        assert!(ada.email_verified, "the letter arrived");
        house.run_jobs(NOW).await;
        let news = server.next().await.expect("a letter");
        assert!(news.header("Subject").contains("another password"), "{news:?}");
    })
    .await;
}

/// Whoever asks learns nothing: the same answer, the same job, and no letter where nobody is.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_whether_an_address_is_known() {
    in_both_houses(async |house| {
        let server = Mailbox::start().await.expect("a server");
        house.meets_people(&server);
        house.admin("chief").await;
        house.sign_up("ada", EMAIL).await.expect("an account");
        let disabled = house.sign_up("dan", "dan@plue.test").await.expect("an account");
        accounts::set_disabled(
            &house.forge,
            house.administer().await,
            &disabled.account.name,
            true,
            NOW,
        )
        .await
        .expect("disabled");
        house.run_jobs(NOW).await;
        // Dan was shut out before his letter went.
        assert_eq!(server.next().await.expect("a letter").to, [EMAIL]);
        for email in [EMAIL, "nobody@plue.test", "dan@plue.test"] {
            house.ask_for_reset(email, NOW).await.expect("the same answer");
            assert_eq!(house.waiting().await, 1, "{email}: the same job");
            house.run_jobs(NOW).await;
            assert_eq!(house.waiting().await, 0, "{email}");
        }
        assert_eq!(server.next().await.expect("a letter").to, [EMAIL]);
        assert!(!server.has_more().await);
        // Many at once are one letter.
        for _ in 0..5 {
            house.ask_for_reset(EMAIL, NOW).await.expect("an answer");
        }
        house.run_jobs(NOW).await;
        server.next().await.expect("one letter");
        assert!(!server.has_more().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_tried_for_a_day_and_not_where_it_is_refused() {
    in_both_houses(async |house| {
        let server = Mailbox::start().await.expect("a server");
        house.meets_people(&server);
        server.answer_next("451 4.3.0 later please");
        house.sign_up("ada", EMAIL).await.expect("an account");
        house.run_jobs(NOW).await;
        assert!(!server.has_more().await);
        assert_eq!(house.waiting().await, 1);
        house.run_jobs(NOW + MINUTE).await;
        let letter = server.next().await.expect("the letter");
        assert!(house.verify(&token_in(&letter), NOW + MINUTE).await);
        server.answer_next("550 5.1.1 nobody of that name");
        house.ask_for_reset(EMAIL, NOW).await.expect("an answer");
        house.run_jobs(NOW).await;
        assert_eq!(house.waiting().await, 0, "refused for good");
        house.ask_for_reset(EMAIL, NOW).await.expect("an answer");
        house.run_jobs(NOW + DAY + MINUTE).await;
        assert_eq!(house.waiting().await, 0, "given up");
        assert!(!server.has_more().await);
    })
    .await;
}

/// A token may open less than the account: it must not become all by way of an address.
#[tokio::test(flavor = "multi_thread")]
async fn another_address_needs_a_session_and_the_password() {
    in_both_houses(async |house| {
        let server = Mailbox::start().await.expect("a server");
        house.meets_people(&server);
        let opened = house.sign_up("ada", EMAIL).await.expect("an account");
        house.run_jobs(NOW).await;
        let old = token_in(&server.next().await.expect("a letter"));
        house.ask_for_reset(EMAIL, NOW).await.expect("an answer");
        house.run_jobs(NOW).await;
        let reset = token_in(&server.next().await.expect("a letter"));
        let ada = &opened.account;
        let change = async |via: Via, email: &str, password: Option<&str>| {
            let permit = house.write_self(&caller(ada, via, Scopes::ALL)).await;
            let change = ProfileChange {
                email: Some(email.to_owned()),
                present_password: password.map(str::to_owned),
                ..ProfileChange::default()
            };
            accounts::update_profile(&house.forge, permit, change, NOW).await
        };
        let new = plue_forge::tokens::NewToken {
            name: "t".into(),
            agent: None,
            scopes: "repo,user".parse().expect("scopes"),
            repositories: None,
            expires_at_ms: None,
        };
        let made =
            plue_forge::tokens::create_for(&house.forge, house.administer().await, &ada.name, new, NOW)
                .await
                .expect("a token");
        let session = Via::Session(opened.session.id.clone());
        let by_token = change(Via::Token(made.token.id), "eve@evil.test", Some(PASSWORD)).await;
        assert!(matches!(by_token, Err(Error::Forbidden(_))), "{by_token:?}");
        for wrong in [None, Some(""), Some("wrong")] {
            let refused = change(session.clone(), "eve@evil.test", wrong).await;
            assert!(
                matches!(refused, Err(Error::Invalid { field: "current", .. })),
                "{wrong:?}: {refused:?}"
            );
        }
        // The same one in other letters is the same one.
        let same = change(session.clone(), "ada@PLUE.test", None).await;
        assert_eq!(same.expect("a profile").email.as_deref(), Some("ada@PLUE.test"));
        let moved = change(session, "lovelace@plue.test", Some(PASSWORD)).await;
        assert!(!moved.expect("a profile").email_verified);
        for stale in [&old, &reset] {
            assert!(!house.verify(stale, NOW).await);
            assert!(
                !house
                    .reset(stale, "another long one", NOW)
                    .await
                    .expect("an answer")
            );
        }
        house.run_jobs(NOW).await;
        let mut letters = [
            server.next().await.expect("a letter"),
            server.next().await.expect("a letter"),
        ];
        letters.sort_by(|a, b| a.to.cmp(&b.to));
        assert_eq!(letters[0].to, ["ada@PLUE.test"]);
        assert!(letters[0].text().contains("changed to another one"));
        assert_eq!(letters[1].to, ["lovelace@plue.test"]);
        assert!(house.verify(&token_in(&letters[1]), NOW).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_letter_and_no_link_is_half_done() {
    use super::faults::fail_each_statement;
    in_both_houses(async |house| {
        let server = Mailbox::start().await.expect("a server");
        house.meets_people(&server);
        let forge = &house.forge;
        let permit = async || join(forge, &anybody()).expect("a permit");
        let sign_up = async |permit| {
            let new = SignUp {
                name: "ada".to_owned(),
                email: EMAIL.to_owned(),
                password: PASSWORD.to_owned(),
                ..SignUp::default()
            };
            let made = accounts::sign_up(forge, permit, new, Client::default(), NOW).await;
            made.map(drop)
        };
        fail_each_statement(&house, "sign_up", permit, sign_up).await;
        house.run_jobs(NOW).await;
        let verified = async || {
            accounts::ask_for_verification(forge, EMAIL, None, "test", NOW)
                .await
                .expect("an answer");
            house.run_jobs(NOW).await;
            loop {
                let letter = server.next().await.expect("a letter");
                if !server.has_more().await {
                    return token_in(&letter);
                }
            }
        };
        let verify = async |token: String| accounts::verify(forge, &anybody(), &token, NOW).await.map(drop);
        fail_each_statement(&house, "verify", verified, verify).await;
        let linked = async || {
            house.ask_for_reset(EMAIL, NOW).await.expect("an answer");
            house.run_jobs(NOW).await;
            loop {
                let letter = server.next().await.expect("a letter");
                if letter.text().contains("/-/reset") {
                    return token_in(&letter);
                }
            }
        };
        let reset = async |token: String| house.reset(&token, "another long one", NOW).await.map(drop);
        fail_each_statement(&house, "reset_by_link", linked, reset).await;
        house.run_jobs(NOW).await;
    })
    .await;
}

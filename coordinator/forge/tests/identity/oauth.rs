//! Applications and what comes of a yes, on both engines: used once, in the family of its grant, and
//! never half done.

use super::*;
use plue_forge::oauth::{self, AppText, Client, Issued, Made, Refused, Request, Requested};
use plue_forge::tokens;

const BACK: &str = "https://app.example/back";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn text() -> AppText {
    AppText {
        name: "An app".to_owned(),
        website: String::new(),
        redirect_uris: format!("{BACK}\n\n {BACK}\n"),
    }
}

impl House {
    async fn app(&self, owner: &Caller) -> Made {
        oauth::create(&self.forge, self.write_self(owner).await, &text(), true, NOW)
            .await
            .expect("an application")
    }

    async fn question(&self, made: &Made) -> Requested {
        let request = Request {
            client_id: made.app.client_id.clone(),
            redirect_uri: BACK.to_owned(),
            response_type: "code".to_owned(),
            scope: "openid repo:read".to_owned(),
            code_challenge: CHALLENGE.to_owned(),
            code_challenge_method: "S256".to_owned(),
            nonce: None,
        };
        let looked = oauth::look_at(&self.forge, &request).await.expect("an answer");
        looked.expect("a question")
    }

    async fn yes(&self, who: &Caller, made: &Made) -> String {
        let asked = self.question(made).await;
        oauth::approve(&self.forge, self.write_self(who).await, &asked, NOW)
            .await
            .expect("a code")
    }

    async fn exchange(&self, made: &Made, code: &str, at: i64) -> Result<Result<Issued, Refused>, Error> {
        oauth::exchange(&self.forge, &client(made), code, BACK, VERIFIER, "test", at).await
    }

    async fn tokens(&self, who: &Caller, made: &Made) -> Issued {
        let code = self.yes(who, made).await;
        let issued = self.exchange(made, &code, NOW).await.expect("an answer");
        issued.expect("tokens")
    }

    async fn refresh(&self, made: &Made, token: &str, at: i64) -> Result<Result<Issued, Refused>, Error> {
        oauth::refresh(&self.forge, &client(made), token, None, "test", at).await
    }

    async fn counts(&self, issued: &Issued, at: i64) -> bool {
        let who = tokens::authenticate(&self.forge, &issued.access_token, at).await;
        who.expect("an answer").is_some()
    }
}

fn client(made: &Made) -> Client {
    Client {
        client_id: made.app.client_id.clone(),
        client_secret: made.secret.clone(),
    }
}

fn is_refused(outcome: Result<Result<Issued, Refused>, Error>) -> bool {
    matches!(outcome, Ok(Err(Refused::Grant(_))))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_holds_as_long_as_it_is_refreshed_and_no_longer() {
    const HOUR: i64 = 60 * MINUTE;
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let me = house.signed_in(&ada).await;
        let made = house.app(&me).await;
        assert_eq!(made.app.redirect_uris, [BACK], "said twice, it is one");
        let first = house.tokens(&me, &made).await;
        assert!(house.counts(&first, NOW + 8 * HOUR - 1).await);
        assert!(!house.counts(&first, NOW + 8 * HOUR).await);
        // What an application holds is none of its owner's own tokens.
        let own = tokens::list(&house.forge, house.read_self(&me).await)
            .await
            .expect("a list");
        assert_eq!(own, []);
        let id = match tokens::authenticate(&house.forge, &first.access_token, NOW).await {
            Ok(Some(Who::Account {
                via: Via::Token(id), ..
            })) => id,
            other => panic!("{other:?}"),
        };
        let deleted = tokens::delete(&house.forge, house.write_self(&me).await, id, NOW).await;
        assert!(matches!(deleted, Err(Error::NotFound)), "{deleted:?}");
        // It allows another application nothing, and itself makes no token and no yes.
        let by_app = caller(
            &ada,
            Via::Token(id),
            plue_contract::Scopes::of([plue_contract::Scope::RepoRead]),
        );
        let refused = access::accounts::write_self(&house.forge, &by_app, NOW)
            .await
            .map(drop);
        assert!(matches!(refused, Err(Error::InsufficientScope(_))), "{refused:?}");

        let later = NOW + 29 * DAY;
        let second = house.refresh(&made, &first.refresh_token, later).await;
        let second = second.expect("an answer").expect("tokens");
        assert!(house.counts(&second, later).await);
        let late = house
            .refresh(&made, &second.refresh_token, later + 30 * DAY)
            .await;
        assert!(is_refused(late));
        // What is over is swept away, and nothing else.
        let third = house.tokens(&me, &made).await;
        plue_forge::sessions::sweep(&house.forge, NOW + 20 * MINUTE)
            .await
            .expect("swept");
        assert!(house.counts(&third, NOW + 20 * MINUTE).await);
        plue_forge::sessions::sweep(&house.forge, NOW + 100 * DAY)
            .await
            .expect("swept");
        let mut conn = house.store.read().await.expect("a reader");
        for table in ["oauth_grants", "oauth_refresh_tokens", "tokens"] {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            let (left,): (i64,) = plue_store::query_built("test", sql)
                .one(&mut conn)
                .await
                .expect("a count");
            assert_eq!(left, 0, "{table}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_is_served_and_the_family_ends() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let me = house.signed_in(&ada).await;
        let made = house.app(&me).await;
        let code = house.yes(&me, &made).await;
        let tries = (0..4).map(|_| house.exchange(&made, &code, NOW));
        let tries = futures_util::future::join_all(tries).await;
        let served: Vec<_> = tries
            .into_iter()
            .filter_map(|tried| tried.expect("an answer").ok())
            .collect();
        assert_eq!(served.len(), 1);
        assert!(!house.counts(&served[0], NOW).await);
        let issued = house.tokens(&me, &made).await;
        let tries = (0..4).map(|_| house.refresh(&made, &issued.refresh_token, NOW));
        let tries = futures_util::future::join_all(tries).await;
        let served: Vec<_> = tries
            .into_iter()
            .filter_map(|tried| tried.expect("an answer").ok())
            .collect();
        assert_eq!(served.len(), 1);
        assert!(!house.counts(&served[0], NOW).await && !house.counts(&issued, NOW).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_application_is_half_done() {
    use super::faults::fail_each_statement;
    in_both_houses(async |house| {
        let forge = &house.forge;
        let ada = house.account("ada").await;
        let me = &house.signed_in(&ada).await;
        let write = async || house.write_self(me).await;
        let create = async |permit| oauth::create(forge, permit, &text(), true, NOW).await.map(drop);
        fail_each_statement(&house, "create", write, create).await;
        let made = &house.app(me).await;
        let id = made.app.id;
        let other = AppText {
            name: "Another name".to_owned(),
            ..text()
        };
        let update = async |permit| oauth::update(forge, permit, id, &other, NOW + 1).await.map(drop);
        fail_each_statement(&house, "update", write, update).await;
        let asking = async || (house.write_self(me).await, house.question(made).await);
        let approve = async |(permit, asked): (_, Requested)| {
            oauth::approve(forge, permit, &asked, NOW).await.map(drop)
        };
        fail_each_statement(&house, "the first yes", asking, approve).await;
        fail_each_statement(&house, "another yes", asking, approve).await;
        let code = async || house.yes(me, made).await;
        let exchange = async |code: String| match house.exchange(made, &code, NOW).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(refused)) => panic!("{refused:?}"),
            Err(error) => Err(error),
        };
        fail_each_statement(&house, "exchange", code, exchange).await;
        let used = async || {
            let code = house.yes(me, made).await;
            let issued = house.exchange(made, &code, NOW).await;
            issued.expect("an answer").expect("tokens");
            code
        };
        let again = async |code: String| match house.exchange(made, &code, NOW).await {
            Ok(Err(Refused::Grant(_))) => Ok(()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        fail_each_statement(&house, "a code shown twice", used, again).await;
        let issued = async || house.tokens(me, made).await;
        let refresh = async |issued: Issued| {
            house
                .refresh(made, &issued.refresh_token, NOW)
                .await
                .map(|given| {
                    given.expect("tokens");
                })
        };
        fail_each_statement(&house, "refresh", issued, refresh).await;
        let revoke = async |issued: Issued| {
            let client = client(made);
            oauth::revoke(forge, &client, &issued.access_token, "test", NOW)
                .await
                .map(|itself| assert!(itself))
        };
        fail_each_statement(&house, "revoke", issued, revoke).await;
        let listed = oauth::authorizations(forge, house.read_self(me).await)
            .await
            .expect("a list");
        assert_eq!(listed.len(), 1, "every yes is of one authorization");
        let withdraw = async |permit| oauth::withdraw(forge, permit, listed[0].id, NOW).await;
        fail_each_statement(&house, "withdraw", write, withdraw).await;
        let renew = async |permit| oauth::renew_secret(forge, permit, id, NOW).await.map(drop);
        fail_each_statement(&house, "renew_secret", write, renew).await;
        let delete = async |permit| oauth::delete(forge, permit, id, NOW).await;
        fail_each_statement(&house, "delete", write, delete).await;
    })
    .await;
}

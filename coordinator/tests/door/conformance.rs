//! The gateway's conformance cases on the coordinator's own host: real sessions, tokens, passwords
//! and limits, on a clock that the test moves. What is forwarded is looked at before any handler.

use super::world::{World, secrets};
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use plue_contract::credentials::{Credential, SessionCookie};
use plue_contract::statement::Statement;
use plue_contract::{AccountId, Caller, Scopes, TokenId, Via, Who};
use plue_coordinator::host::Native;
use plue_gateway::conformance::{Asked, Case, HostState, MATRIX, Role, ask, cases, matrix};
use plue_gateway::limits::{BucketKey, Decision, Rate};
use plue_gateway::{
    Buckets, Chance, Clock, Credentials, Gateway, GatewayConfig, Keys, PortError, SessionKey, SessionState,
    Sessions, Statements,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

/// When every case begins.
const BEGIN_MS: i64 = 1_800_000_000_000;
const OUR_HOST: &str = "plue.test";

/// The time of these tests, which take turns because each has a clock of its own.
static NOW_MS: AtomicI64 = AtomicI64::new(BEGIN_MS);

fn clock() -> i64 {
    NOW_MS.load(Ordering::SeqCst)
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).unwrap();
}

/// The coordinator's host, with ports that can be told to fail.
struct Breakable {
    native: Native,
    failing: Vec<String>,
}

impl Breakable {
    fn port(&self, name: &str) -> Result<(), PortError> {
        match self.failing.iter().any(|failing| failing == name) {
            true => Err(PortError(format!("{name} is down"))),
            false => Ok(()),
        }
    }
}

impl Clock for Breakable {
    fn now_ms(&self) -> u64 {
        self.native.now_ms()
    }
}

impl Chance for Breakable {
    fn fill(&self, bytes: &mut [u8]) {
        Chance::fill(&self.native, bytes);
    }
}

impl Buckets for Breakable {
    async fn take(&self, key: &BucketKey, rate: Rate, cost: u32) -> Result<Decision, PortError> {
        self.port("buckets")?;
        self.native.take(key, rate, cost).await
    }

    async fn give_back(&self, key: &BucketKey, rate: Rate, cost: u32) -> Result<(), PortError> {
        self.port("buckets")?;
        self.native.give_back(key, rate, cost).await
    }
}

impl Sessions for Breakable {
    async fn find(&self, key: &SessionKey) -> Result<Option<SessionState>, PortError> {
        self.port("sessions")?;
        self.native.find(key).await
    }
}

impl Credentials for Breakable {
    async fn introspect(&self, credential: &Credential) -> Result<Option<Who>, PortError> {
        self.port("credentials")?;
        self.native.introspect(credential).await
    }
}

/// A forge that knows ada, and what the placeholders stand for there.
struct Forge {
    world: World,
    fixed: HashMap<&'static str, String>,
    ada: AccountId,
}

impl Forge {
    async fn new() -> Self {
        let world = World::new().await;
        world.account("ada", false).await;
        let token = world.token("ada", "repo,user").await;
        let password = "ada has a long password";
        let fixed = HashMap::from([
            ("{host}", OUR_HOST.to_owned()),
            ("{token:ada}", token.clone()),
            ("{basic:ada:password}", STANDARD.encode(format!("ada:{password}"))),
            ("{basic:ada:token}", STANDARD.encode(format!("ada:{token}"))),
        ]);
        let mut forge = Self {
            world,
            fixed,
            ada: AccountId(0),
        };
        let me = forge.world.get("/api/auth/me", Some(&token)).await.json();
        forge.ada = AccountId(me["user"]["id"].as_i64().unwrap());
        forge.sign_in().await;
        forge
    }

    /// Opens a session at the beginning of a case.
    async fn sign_in(&mut self) {
        NOW_MS.store(BEGIN_MS, Ordering::SeqCst);
        let door = self.world.door_at(clock);
        let ask = async |request: http::request::Builder, body: &str| {
            let request: Request<Body> = request
                .header(HOST, OUR_HOST)
                .body(Body::from(body.to_owned()))
                .unwrap();
            let (parts, body) = door.answer(request, None).await.into_parts();
            let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
            assert_eq!(parts.status, 200, "{body:?}");
            (parts, serde_json::from_slice::<serde_json::Value>(&body).unwrap())
        };
        let request = Request::post("/api/auth/login").header(CONTENT_TYPE, "application/json");
        let said = r#"{"username":"ada","password":"ada has a long password"}"#;
        let (parts, body) = ask(request, said).await;
        let cookie = parts.headers[SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let jwt = body["accessToken"].as_str().unwrap().to_owned();
        let (_, body) = ask(Request::get("/api/auth/csrf").header(COOKIE, &cookie), "").await;
        let csrf = body["token"].as_str().unwrap().to_owned();
        self.fixed.insert("{cookie:ada}", cookie);
        self.fixed.insert("{jwt:ada}", jwt);
        self.fixed.insert("{csrf:ada}", csrf);
    }

    /// Ada, by a credential.
    fn who(&self, via: Via) -> Who {
        Who::Account {
            id: self.ada,
            name: "ada".parse().unwrap(),
            admin: false,
            via,
            scopes: Scopes::ALL,
            repositories: None,
        }
    }

    /// Ends the session, as a sign-out does.
    async fn sign_out(&self) {
        let cookie = self.fixed["{cookie:ada}"].strip_prefix("plue_session=").unwrap();
        let id = SessionCookie::parse(cookie).unwrap().id;
        let caller = Caller {
            who: self.who(Via::Session(id)),
            address: None,
            request_id: "sign-out".into(),
        };
        let ended = plue_forge::sessions::revoke(&self.world.site.forge, &caller, clock()).await;
        assert!(ended.unwrap().is_some());
    }

    fn statement(&self, method: &str, target: &str) -> String {
        let caller = Caller {
            who: self.who(Via::Token(TokenId(1))),
            address: Some("203.0.113.7".parse().unwrap()),
            request_id: "request-of-the-edge".into(),
        };
        Statement::new(caller, method, target, BEGIN_MS.cast_unsigned())
            .seal(&keys().caller)
            .unwrap()
    }

    fn fill(&self, value: &str, asked: &Asked) -> String {
        let other = value
            .strip_prefix("{statement:ada:")
            .and_then(|rest| rest.strip_suffix('}'))
            .and_then(|rest| rest.split_once(':'));
        if let Some((method, target)) = other {
            return self.statement(method, target);
        }
        let own = self.statement(&asked.method, &asked.target);
        let filled = self.fixed.iter();
        let filled = filled.fold(value.to_owned(), |text, (name, value)| text.replace(name, value));
        filled.replace("{statement:ada}", &own)
    }

    async fn gateway(&self, state: &HostState) -> Gateway<Breakable> {
        let mut config = GatewayConfig::new(keys());
        config.statements = Statements::Believe;
        config.cors_origins.push("https://app.example".into());
        let native = Native::new(self.world.site.forge.clone(), clock, fill);
        for mut key in state.drained_keys() {
            // The first account of the cases is ada.
            if let plue_gateway::limits::Subject::Account(id) = &mut key.subject {
                *id = self.ada;
            }
            let rate = config.limits.rate(key.preset);
            assert!(native.take(&key, rate, rate.burst).await.unwrap().allowed);
        }
        let failing = state.failing.clone();
        Gateway::new(Breakable { native, failing }, config)
    }

    /// What a case has wrong, in words.
    async fn faults(&mut self, case: &Case) -> Vec<String> {
        NOW_MS.store(BEGIN_MS, Ordering::SeqCst);
        if case.state.session_ended {
            self.sign_in().await;
            self.sign_out().await;
        }
        let gateway = self.gateway(&case.state).await;
        let mut faults = Vec::new();
        for (number, (after_ms, asked, expected)) in case.steps().into_iter().enumerate() {
            NOW_MS.fetch_add(after_ms.cast_signed(), Ordering::SeqCst);
            let mut last = None;
            for _ in 0..asked.times {
                last = Some(ask(&gateway, asked, OUR_HOST, |value| self.fill(value, asked)).await);
            }
            let now_s = clock().cast_unsigned() / 1_000;
            let found = last.unwrap().faults(expected, (now_s, now_s));
            faults.extend(
                found
                    .into_iter()
                    .map(|fault| format!("question {}: {fault}", number + 1)),
            );
        }
        faults
    }
}

fn keys() -> Keys {
    Keys::derive(&secrets().edge, &secrets().token)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_coordinators_host_answers_as_the_gateway_promises() {
    let mut forge = Forge::new().await;
    let mut wrong = Vec::new();
    let mut asked = 0;
    for (file, case) in cases().unwrap() {
        if case.made_up || case.role == Role::Edge {
            continue;
        }
        asked += 1;
        let faults = forge.faults(&case).await;
        if !faults.is_empty() {
            wrong.push(format!("{file}: {}: {}", case.name, faults.join("; ")));
        }
        if case.state.session_ended {
            forge.sign_in().await;
        }
    }
    assert!(asked > 150, "only {asked} cases");
    assert!(
        wrong.is_empty(),
        "{} of {asked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );

    NOW_MS.store(BEGIN_MS, Ordering::SeqCst);
    let mut words = Vec::new();
    for asked in matrix::questions() {
        let gateway = forge.gateway(&HostState::default()).await;
        let outcome = ask(&gateway, &asked, OUR_HOST, |value| forge.fill(value, &asked)).await;
        words.push(outcome.word());
    }
    let found = matrix::table(&words);
    assert!(found == MATRIX, "the table is now\n{found}");
}

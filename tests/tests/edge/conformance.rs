//! The gateway's conformance cases in real workerd, in front of a coordinator that notes what
//! reaches it: the same status, headers and forwarded parts as on every other host. Each case has
//! an address and an account of its own, so that its limits are fresh.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use plue_contract::credentials::SessionCookie;
use plue_contract::edge::SessionFacts;
use plue_contract::statement::Statement;
use plue_contract::{AccountId, Caller, Scopes, SessionId, TokenId, Via, Who};
use plue_gateway::conformance::{Arrived, Asked, Case, MATRIX, Outcome, Role, cases, matrix, sized};
use plue_gateway::jwt::{Claims, Signer};
use plue_gateway::limits::Preset;
use plue_gateway::{Keys, csrf};
use plue_tests::edge::Edge;
use plue_tests::http::Client;

use crate::origin::{EDGE_SECRET, JWT_SECRET, Origin, now_ms};
use crate::settings;

/// How many cases may be refused by the platform before the worker sees them.
const MOST_BY_PLATFORM: usize = 12;

/// Who asks in one case, and with what.
struct Person {
    number: u32,
    fixed: HashMap<&'static str, String>,
}

fn who(number: u32, via: Via) -> Who {
    Who::Account {
        id: AccountId(1_000 + i64::from(number)),
        name: "ada".parse().unwrap(),
        admin: false,
        via,
        scopes: Scopes::ALL,
        repositories: None,
    }
}

impl Person {
    /// Makes the coordinator know somebody new; `signed_in` says whether the session lives.
    fn new(number: u32, origin: &Origin, edge: &Edge, signed_in: bool) -> Person {
        let keys = Keys::derive(&[EDGE_SECRET], &[JWT_SECRET]);
        let session = SessionId(format!("01ARZ3NDEKTSV4RRFFQ7{number:06}"));
        let token = format!("plt_{number:064x}");
        let password = format!("the password of case {number}");
        let cookie = SessionCookie::value(&session, &[7; 32]);
        origin.token(&token, who(number, Via::Token(TokenId(1))));
        origin.password("ada", &password, who(number, Via::Password));
        if signed_in {
            let facts = SessionFacts {
                id: session.clone(),
                who: who(number, Via::Session(session.clone())),
                created_ms: now_ms(),
                expires_ms: now_ms() + 1_000_000,
                replacement: None,
            };
            origin.session(&cookie, facts);
        }
        let claims = Claims {
            sub: AccountId(1_000 + i64::from(number)),
            sid: session.clone(),
            name: "ada".parse().unwrap(),
            admin: false,
            scopes: Scopes::ALL,
            iat: now_ms() / 1_000,
            exp: now_ms() / 1_000 + 900,
            nbf: None,
            iss: "plue".into(),
            aud: "plue".into(),
        };
        let fixed = HashMap::from([
            ("{host}", edge.url().trim_start_matches("http://").to_owned()),
            ("{cookie:ada}", format!("plue_session={cookie}")),
            ("{csrf:ada}", csrf::issue(&keys.csrf, &session).unwrap()),
            ("{jwt:ada}", Signer::new(&keys.jwt).unwrap().sign(&claims)),
            ("{basic:ada:password}", STANDARD.encode(format!("ada:{password}"))),
            ("{basic:ada:token}", STANDARD.encode(format!("ada:{token}"))),
            ("{token:ada}", token),
        ]);
        Person { number, fixed }
    }

    fn fill(&self, value: &str, asked: &Asked) -> String {
        let keys = Keys::derive(&[EDGE_SECRET], &[JWT_SECRET]);
        let stated = || {
            let caller = Caller {
                who: who(self.number, Via::Token(TokenId(1))),
                address: None,
                request_id: "request-of-the-edge".into(),
            };
            Statement::new(caller, &asked.method, &asked.target, now_ms())
                .seal(&keys.caller)
                .unwrap()
        };
        let filled = self.fixed.iter();
        let filled = filled.fold(sized(value), |text, (name, value)| text.replace(name, value));
        match filled.contains("{statement:ada}") {
            true => filled.replace("{statement:ada}", &stated()),
            false => filled,
        }
    }

    /// Asks over a socket and looks at what arrived. None where the platform refused it: then
    /// there is no id of ours.
    fn ask(&self, origin: &Origin, edge: &Edge, asked: &Asked) -> (Option<Outcome>, u16) {
        let mut head = format!("{} {} HTTP/1.1\r\n", asked.method, sized(&asked.target));
        let host = edge.url().trim_start_matches("http://");
        if !asked
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            head.push_str(&format!("host: {host}\r\n"));
        }
        let (high, low) = (self.number / 250, self.number % 250 + 1);
        head.push_str(&format!(
            "cf-connecting-ip: 10.{}.{}.{low}\r\n",
            high / 250,
            high % 250
        ));
        for (name, value) in &asked.headers {
            head.push_str(&format!("{name}: {}\r\n", self.fill(value, asked)));
        }
        head.push_str("connection: close\r\n\r\n");
        origin.seen();
        let reply = Client::new(edge.url()).unwrap().raw(head.as_bytes()).unwrap();
        if reply.header("x-request-id").is_none() {
            return (None, reply.status);
        }
        let mut seen = origin.seen();
        assert!(seen.len() <= 1, "{seen:?}");
        let arrived = seen.pop().map(|seen| {
            let statement = seen.statement.expect("the edge states who calls");
            let mut parts = Request::builder()
                .method(statement.method.as_str())
                .uri(&seen.target)
                .body(())
                .unwrap()
                .into_parts()
                .0;
            parts.headers = map(&seen.headers);
            Arrived::read(&parts, statement.caller).expect("a route's address")
        });
        let outcome = Outcome {
            forwarded: arrived,
            status: StatusCode::from_u16(reply.status).unwrap(),
            headers: map(&reply.headers),
            body: reply.text(),
        };
        (Some(outcome), reply.status)
    }
}

fn map(headers: &[(String, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    map
}

/// Whether a case can be put to a worker on a clock that nobody moves, whose limits nobody drains.
fn can_be_asked(case: &Case) -> bool {
    let told = case
        .request
        .headers
        .iter()
        .any(|(name, _)| name == "cf-connecting-ip");
    !case.made_up
        && case.role != Role::Coordinator
        && case.state.drained.is_empty()
        && !case.state.failing.iter().any(|port| port == "buckets")
        && case.request.peer == "192.0.2.1"
        && !told
}

#[test]
fn the_worker_forwards_and_answers_as_the_gateway_promises() {
    let origin = Origin::start();
    let edge = settings(&origin)
        .var("CLIENT_ADDRESS", "cf-connecting-ip")
        .var("CORS_ORIGINS", "https://app.example")
        .start()
        .unwrap();
    origin.answer_plainly();
    let (mut wrong, mut number, mut by_platform) = (Vec::new(), 0, Vec::new());
    for (file, case) in cases().unwrap() {
        if !can_be_asked(&case) {
            continue;
        }
        number += 1;
        let person = Person::new(number, &origin, &edge, !case.state.session_ended);
        origin.fail_questions(!case.state.failing.is_empty());
        // Nobody moves the clock of a real worker: what is asked at once can be asked of it.
        for (_, asked, expected) in case
            .steps()
            .into_iter()
            .take_while(|(after_ms, ..)| *after_ms == 0)
        {
            let began_s = now_ms() / 1_000;
            let mut last = None;
            for _ in 0..asked.times.min(60) {
                last = Some(person.ask(&origin, &edge, asked));
            }
            let faults = match last.unwrap() {
                (Some(outcome), _) => outcome.faults(expected, (began_s, now_ms().div_ceil(1_000))),
                (None, status) if expected.status >= 400 && status >= 400 => {
                    by_platform.push(case.name.clone());
                    Vec::new()
                }
                (None, status) => vec![format!("the platform answered {status}")],
            };
            if !faults.is_empty() {
                wrong.push(format!("{file}: {}: {}", case.name, faults.join("; ")));
            }
        }
        origin.fail_questions(false);
    }
    println!("refused by the platform: {by_platform:#?}");
    assert!(number > 120, "only {number} cases");
    assert!(
        wrong.is_empty(),
        "{} of {number}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(by_platform.len() <= MOST_BY_PLATFORM, "{by_platform:?}");
    edge.stop().unwrap();
}

#[test]
fn the_table_of_classes_callers_and_methods_holds_in_the_worker() {
    let limits: Vec<String> = Preset::ALL
        .iter()
        .map(|preset| format!("{}=1000000/60s", preset.name()))
        .collect();
    let origin = Origin::start();
    let edge = settings(&origin)
        .var("CLIENT_ADDRESS", "cf-connecting-ip")
        .var("RATE_LIMITS", &limits.join(","))
        .start()
        .unwrap();
    let person = Person::new(1, &origin, &edge, true);
    let words: Vec<String> = matrix::questions()
        .iter()
        .map(|asked| match person.ask(&origin, &edge, asked) {
            (Some(outcome), _) => outcome.word(),
            (None, status) => format!("platform {status}"),
        })
        .collect();
    let found = matrix::table(&words);
    assert!(found == MATRIX, "the table is now\n{found}");
    edge.stop().unwrap();
}

//! The gateway's conformance cases, asked of real servers over sockets: the coordinator, which
//! embeds the gateway, and the same behind the worker in real workerd.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use std::collections::HashMap;

use plue_gateway::conformance::{Case, Role, cases, sized};
use plue_tests::edge;
use plue_tests::http::{Client, Reply};
use plue_tests::serve::{Plue, Settings, no_limits};

const PASSWORD: &str = "correct horse battery";
const ORIGIN: &str = "https://app.example";

/// A forge that knows `ada`, and what the placeholders of the cases stand for there.
struct Forge {
    plue: Plue,
    credentials: HashMap<&'static str, String>,
}

impl Forge {
    fn start() -> Forge {
        let plue = Settings::new()
            .unwrap()
            .without_limits()
            .env("CORS_ORIGINS", ORIGIN)
            .start()
            .unwrap();
        plue.user_with_password("ada", PASSWORD).unwrap();
        let token = plue.token("ada", "repo,user").unwrap();
        let sign_in = serde_json::json!({"username": "ada", "password": PASSWORD});
        let reply = plue.client().json("POST", "/api/auth/login", &sign_in).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let cookie = reply
            .header("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let jwt = reply.json().unwrap()["accessToken"].as_str().unwrap().to_owned();
        let reply = plue
            .client()
            .with("cookie", &cookie)
            .get("/api/auth/csrf")
            .unwrap();
        let csrf = reply.json().unwrap();
        let csrf = csrf["csrfToken"]
            .as_str()
            .or(csrf["token"].as_str())
            .unwrap()
            .to_owned();
        let credentials = HashMap::from([
            ("{token:ada}", token.clone()),
            ("{cookie:ada}", cookie),
            ("{jwt:ada}", jwt),
            ("{csrf:ada}", csrf),
            ("{basic:ada:password}", base64(&format!("ada:{PASSWORD}"))),
            ("{basic:ada:token}", base64(&format!("ada:{token}"))),
        ]);
        Forge { plue, credentials }
    }

    fn ask(&self, address: &str, case: &Case) -> Reply {
        let host = address.trim_start_matches("http://");
        let fill = |text: &str| {
            let filled = self
                .credentials
                .iter()
                .fold(sized(text), |text, (name, value)| text.replace(name, value));
            filled.replace("{host}", host)
        };
        let mut head = format!(
            "{} {} HTTP/1.1\r\n",
            case.request.method,
            sized(&case.request.target)
        );
        if !case
            .request
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            head.push_str(&format!("host: {host}\r\n"));
        }
        for (name, value) in &case.request.headers {
            head.push_str(&format!("{name}: {}\r\n", fill(value)));
        }
        head.push_str("connection: close\r\n\r\n");
        let client = Client::new(address).unwrap();
        let mut last = None;
        for _ in 0..case.request.times {
            last = Some(client.raw(head.as_bytes()).unwrap());
        }
        last.unwrap()
    }
}

/// What an answer has wrong, in words.
fn faults(case: &Case, reply: &Reply) -> Vec<String> {
    let mut faults = Vec::new();
    if reply.status != case.expect.status {
        faults.push(format!("status {} and not {}", reply.status, case.expect.status));
    }
    for (name, value) in &case.expect.headers {
        let found = reply.header(&name.to_lowercase());
        if found.is_none() || (value != "*" && found != Some(value.as_str())) {
            faults.push(format!("{name} is {found:?} and not {value:?}"));
        }
    }
    for name in &case.expect.absent {
        if let Some(found) = reply.header(&name.to_lowercase()) {
            faults.push(format!("{name} is there: {found:?}"));
        }
    }
    // Of what is forwarded the whole server's own body comes back.
    if case.expect.forwarded.is_none() {
        if let Some(body) = &case.expect.body
            && *body != reply.text()
        {
            faults.push(format!("the body is {:?} and not {body:?}", reply.text()));
        }
        if let Some(part) = &case.expect.body_has
            && !reply.text().contains(part.as_str())
        {
            faults.push(format!("the body is {:?} without {part:?}", reply.text()));
        }
    }
    faults
}

fn run(forge: &Forge, address: &str, not: Role) {
    let mut wrong = Vec::new();
    let mut asked = 0;
    for (file, case) in cases().unwrap() {
        if !case.over_sockets || case.role == not {
            continue;
        }
        asked += 1;
        let reply = forge.ask(address, &case);
        let faults = faults(&case, &reply);
        if !faults.is_empty() {
            wrong.push(format!(
                "{file}: {}: {}\n    {}",
                case.name,
                faults.join("; "),
                reply.text()
            ));
        }
    }
    assert!(asked > 40, "only {asked} cases can be asked over sockets");
    assert!(
        wrong.is_empty(),
        "{} of {asked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_coordinator_answers_as_the_gateway_promises() {
    let forge = Forge::start();
    run(&forge, forge.plue.http(), Role::Edge);
    forge.plue.stop().unwrap();
}

#[test]
fn the_worker_answers_as_the_gateway_promises() {
    let forge = Forge::start();
    let edge = edge::Settings::new(forge.plue.http())
        .unwrap()
        .secrets_of(&forge.plue.data())
        .unwrap()
        .var("CORS_ORIGINS", ORIGIN)
        .var("RATE_LIMITS", &no_limits())
        .start()
        .unwrap();
    run(&forge, edge.url(), Role::Coordinator);
    forge.plue.stop().unwrap();
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

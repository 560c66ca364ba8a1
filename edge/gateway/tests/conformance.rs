//! Runs the conformance cases against a host made of maps, and claims about the whole route table.

mod fake;

use fake::{Fake, NOW_MS, config, credentials, now};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use plue_contract::{Caller, Code, Problem, Via, Who};
use plue_gateway::conformance::{Case, Expected, Forwarded, Role, cases};
use plue_gateway::routes::{self, Dialect, State};
use plue_gateway::{Forward, Gateway, Matched, Statements, Verdict, refusal};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What came of a request.
struct Outcome {
    forwarded: Option<Box<Forward>>,
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

fn ask(gateway: &Gateway<Fake>, case: &Case) -> Outcome {
    let mut builder = Request::builder()
        .method(case.request.method.as_str())
        .uri(case.request.target.as_str());
    for (name, value) in &case.request.headers {
        builder = builder.header(name, credentials::fill(value, &case.request));
    }
    if !case.request.headers.iter().any(|(name, _)| name == "host") {
        builder = builder.header("host", credentials::HOST);
    }
    let (parts, ()) = builder.body(()).expect("a request").into_parts();
    let peer: IpAddr = case.request.peer.parse().expect("an address");
    match now(gateway.decide(parts, Some(peer))) {
        Verdict::Reply(response) => {
            let (parts, body) = response.into_parts();
            Outcome {
                forwarded: None,
                status: parts.status,
                headers: parts.headers,
                body: String::from_utf8(body).expect("UTF-8"),
            }
        }
        Verdict::Forward(forward) => {
            let (mut parts, ()) = Response::new(()).into_parts();
            gateway.finish(forward.plan.clone(), &mut parts);
            Outcome {
                forwarded: Some(forward),
                status: parts.status,
                headers: parts.headers,
                body: String::new(),
            }
        }
    }
}

fn name_of(caller: &Caller) -> String {
    match &caller.who {
        Who::Anonymous => "anonymous".into(),
        Who::Account { name, via, .. } => {
            let via = match via {
                Via::Session(_) => "session",
                Via::Jwt(_) => "jwt",
                Via::Token(_) => "token",
                Via::Password => "password",
                Via::SshKey(_) => "ssh key",
            };
            format!("{name} {via}")
        }
        other => format!("{other:?}"),
    }
}

fn has(headers: &HeaderMap, name: &str, value: &str) -> Result<(), String> {
    match headers.get(name) {
        Some(_) if value == "*" => Ok(()),
        Some(found) if found.as_bytes() == value.as_bytes() => Ok(()),
        found => Err(format!("the header {name} is {found:?}, not {value:?}")),
    }
}

fn has_not(headers: &HeaderMap, name: &str) -> Result<(), String> {
    match headers.get(name) {
        None => Ok(()),
        Some(value) => Err(format!("the header {name} is there: {value:?}")),
    }
}

fn check_forwarded(forward: &Forward, expected: &Forwarded) -> Result<(), String> {
    let same = |what: &str, found: &str, wanted: &str| {
        (found == wanted)
            .then_some(())
            .ok_or_else(|| format!("{what} is {found:?}, not {wanted:?}"))
    };
    same("the route", forward.matched.route.name, &expected.route)?;
    same("the caller", &name_of(&forward.caller), &expected.caller)?;
    if let Some(address) = &expected.address {
        let found = forward.caller.address.map(|found| found.to_string());
        same("the address", found.as_deref().unwrap_or("none"), address)?;
    }
    for (name, value) in &expected.params {
        same(name, forward.matched.params.get(name).unwrap_or("none"), value)?;
    }
    for name in &expected.absent {
        has_not(&forward.parts.headers, name)?;
    }
    for (name, value) in &expected.headers {
        has(&forward.parts.headers, name, value)?;
    }
    let extensions = &forward.parts.extensions;
    if extensions.get::<Caller>() != Some(&forward.caller)
        || extensions.get::<Matched>() != Some(&forward.matched)
    {
        return Err("the extensions say something else".into());
    }
    Ok(())
}

fn check(outcome: &Outcome, expected: &Expected) -> Result<(), String> {
    match (&outcome.forwarded, &expected.forwarded) {
        (Some(found), Some(wanted)) => check_forwarded(found, wanted)?,
        (None, None) if outcome.status.as_u16() == expected.status => {}
        (None, _) => return Err(format!("answered {}: {}", outcome.status, outcome.body)),
        (Some(found), None) => return Err(format!("was forwarded to {}", found.matched.route.name)),
    }
    for (name, value) in &expected.headers {
        has(&outcome.headers, name, value)?;
    }
    for name in &expected.absent {
        has_not(&outcome.headers, name)?;
    }
    if let Some(body) = expected.body.as_ref().filter(|body| **body != outcome.body) {
        return Err(format!("the body is {:?}, not {body:?}", outcome.body));
    }
    if let Some(part) = expected
        .body_has
        .as_ref()
        .filter(|part| !outcome.body.contains(part.as_str()))
    {
        return Err(format!("the body does not hold {part:?}: {:?}", outcome.body));
    }
    Ok(())
}

#[test]
fn every_case_holds() {
    let mut failures = Vec::new();
    let mut names = BTreeSet::new();
    for (file, case) in cases().expect("the files are well formed") {
        assert!(
            names.insert(case.name.clone()),
            "two cases are called {:?}",
            case.name
        );
        let roles: &[Statements] = match case.role {
            Role::Any => &[Statements::Neither, Statements::Make, Statements::Believe],
            Role::Edge => &[Statements::Make],
            Role::Coordinator => &[Statements::Believe],
        };
        for &statements in roles {
            let gateway = Gateway::new(Fake::with(&case.state), config(statements));
            let outcome = (0..case.request.times)
                .map(|_| ask(&gateway, &case))
                .last()
                .expect("a request is sent at least once");
            if let Err(why) = check(&outcome, &case.expect) {
                failures.push(format!("{file}: {} ({statements:?}): {why}", case.name));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(names.len() > 90, "only {} cases", names.len());
}

/// A path that a route's pattern matches.
fn path_of(pattern: &str) -> String {
    let segment = |segment: &str| match segment.split_once('{') {
        None => segment.to_owned(),
        Some((prefix, parameter)) => {
            let value = match parameter.trim_end_matches('}').split_once(':') {
                Some((_, "digits")) => "17",
                Some((_, "scope")) => "@scope",
                _ => "some-value",
            };
            format!("{prefix}{value}")
        }
    };
    pattern.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[test]
fn every_owed_route_answers_501_in_its_dialect() {
    let gateway = Gateway::new(Fake::default(), config(Statements::Neither));
    for route in routes::all().filter(|route| route.state == State::Owed) {
        let request = Request::builder()
            .method(route.method.as_str())
            .uri(path_of(route.path))
            .body(())
            .expect("a request");
        let Verdict::Reply(answer) = now(gateway.decide(request.into_parts().0, None)) else {
            panic!("{} was forwarded", route.name);
        };
        assert_eq!(answer.status(), StatusCode::NOT_IMPLEMENTED, "{}", route.name);
        let problem = Problem::new(
            Code::NotBuilt,
            format!("{} is promised, and not built yet.", route.name),
        );
        let id = answer.headers()["x-request-id"].to_str().expect("text");
        let wanted = refusal::render(route.dialect, &problem, id);
        assert_eq!(answer.body(), wanted.body(), "{}", route.name);
        assert_eq!(answer.headers()["content-type"], wanted.headers()["content-type"]);
        let open = answer.headers().get("access-control-allow-origin").is_some();
        assert_eq!(open, route.dialect == Dialect::Happy, "{}", route.name);
    }
}

#[test]
fn every_built_route_refuses_nobody_where_somebody_must_be_known() {
    use plue_gateway::routes::{Access, Class};
    let gateway = Gateway::new(Fake::default(), config(Statements::Neither));
    for route in routes::all().filter(|route| route.state == State::Built) {
        let mut request = Request::builder()
            .method(route.method.as_str())
            .uri(path_of(route.path));
        if let routes::Body::Stream(media_type) = route.body {
            request = request.header("content-type", media_type);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let verdict = now(gateway.decide(parts, None));
        match (route.access, verdict) {
            (Access::Known | Access::Admin, Verdict::Reply(answer)) => {
                let is_page = route.class == Class::Page && route.method.is_safe();
                let status = match is_page {
                    true => StatusCode::SEE_OTHER,
                    false => StatusCode::UNAUTHORIZED,
                };
                assert_eq!(answer.status(), status, "{}", route.name);
            }
            (Access::Anyone | Access::Sealed, Verdict::Forward(forward)) => {
                assert_eq!(forward.matched.route, route, "{}", route.name);
                assert_eq!(forward.caller.who, Who::Anonymous, "{}", route.name);
            }
            (access, verdict) => panic!("{}: {access:?}: {verdict:?}", route.name),
        }
    }
}

/// Mends one fault after the other, and meets the checks in their order.
#[test]
fn a_request_that_fails_all_is_told_of_each_in_turn() {
    let fake = Fake::default();
    fake.drain("api:people:account:1");
    fake.drain("api:people:address:192.0.2.1");
    let gateway = Gateway::new(fake, config(Statements::Neither));
    let send = |target: &str, credential: &str| {
        let (parts, ()) = Request::post(target)
            .header("cookie", credential)
            .header("host", credentials::HOST)
            .body(())
            .expect("a request")
            .into_parts();
        let peer = "192.0.2.1".parse().expect("an address");
        match now(gateway.decide(parts, Some(peer))) {
            Verdict::Reply(answer) => answer.status().as_u16(),
            Verdict::Forward(_) => 200,
        }
    };
    let cookie = credentials::cookie();
    assert_eq!(send("/api/repos?%00", "plue_session=wrong"), 400);
    assert_eq!(send("/api/repos", "plue_session=wrong"), 401);
    assert_eq!(send("/api/repos", &cookie), 429);
    gateway.host().refill();
    assert_eq!(send("/api/repos", &cookie), 403);
}

/// What the edge states, the coordinator believes, for that request and for a minute.
#[test]
fn a_statement_crosses_from_edge_to_coordinator() {
    let edge = Gateway::new(Fake::default(), config(Statements::Make));
    let coordinator = Gateway::new(Fake::default(), config(Statements::Believe));
    let (parts, ()) = Request::post("/api/repos?x=%20y")
        .header("authorization", format!("Bearer {}", credentials::token()))
        .header("host", credentials::HOST)
        .body(())
        .expect("a request")
        .into_parts();
    let peer = Some("192.0.2.44".parse().expect("an address"));
    let Verdict::Forward(forward) = now(edge.decide(parts, peer)) else {
        panic!("the edge refused");
    };
    let arrive = |target: &str, method: Method| {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.headers = forward.parts.headers.clone();
        parts.method = method;
        parts.uri = target.parse().expect("a target");
        now(coordinator.decide(parts, Some("10.0.0.1".parse().expect("an address"))))
    };
    let Verdict::Forward(arrived) = arrive("/api/repos?x=%20y", Method::POST) else {
        panic!("the coordinator refused");
    };
    assert_eq!(arrived.caller, forward.caller);
    assert_eq!(arrived.plan.request_id, forward.plan.request_id);
    assert_eq!(coordinator.host().draws(), 0);
    // For another request it counts for nothing: the token itself is looked at.
    for (target, method) in [
        ("/api/repos?x=y", Method::POST),
        ("/api/repos?x=%20y", Method::GET),
    ] {
        let Verdict::Forward(other) = arrive(target, method) else {
            panic!("the token was refused");
        };
        assert_ne!(other.caller.address, forward.caller.address);
    }
    assert_eq!(coordinator.host().draws(), 2);
    coordinator.host().set_now(NOW_MS + 60_001);
    let Verdict::Forward(late) = arrive("/api/repos?x=%20y", Method::POST) else {
        panic!("the token was refused");
    };
    assert_ne!(late.caller.address, forward.caller.address);
}

/// HTTP/2 has no `Host` header of its own.
#[test]
fn a_host_that_the_address_names_counts_as_the_header() {
    let gateway = Gateway::new(Fake::default(), config(Statements::Neither));
    let sign_in = |origin: &str| {
        let (parts, ()) = Request::post("http://two.example/login")
            .header("origin", origin)
            .body(())
            .expect("a request")
            .into_parts();
        now(gateway.decide(parts, None))
    };
    let Verdict::Forward(forward) = sign_in("http://two.example") else {
        panic!("our own page was refused");
    };
    assert_eq!(forward.parts.headers["host"], "two.example");
    let Verdict::Reply(answer) = sign_in("http://three.example") else {
        panic!("a foreign page signed in");
    };
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

//! Runs the conformance cases against a host made of maps, and claims about the whole route table.

mod fake;

use fake::{Fake, NOW_MS, config, credentials, now};
use http::{Method, Request, StatusCode};
use plue_contract::{Code, Problem, Who};
use plue_gateway::conformance::{MATRIX, Role, ask, cases, matrix};
use plue_gateway::routes::{self, Dialect, State};
use plue_gateway::{Gateway, Statements, Verdict, refusal};
use std::collections::BTreeSet;

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
            let mut now_ms = NOW_MS;
            for (number, (after_ms, asked, expected)) in case.steps().into_iter().enumerate() {
                now_ms += after_ms;
                gateway.host().set_now(now_ms);
                let outcome = (0..asked.times)
                    .map(|_| {
                        let fill = |value: &str| credentials::fill(value, asked);
                        now(ask(&gateway, asked, credentials::HOST, fill))
                    })
                    .last()
                    .expect("a request is sent at least once");
                let faults = outcome.faults(expected, (now_ms / 1_000, now_ms / 1_000));
                if !faults.is_empty() {
                    failures.push(format!(
                        "{file}: {} ({statements:?}), question {}: {}",
                        case.name,
                        number + 1,
                        faults.join("; ")
                    ));
                }
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(names.len() > 150, "only {} cases", names.len());
}

#[test]
fn the_table_of_classes_callers_and_methods_holds() {
    for statements in [Statements::Neither, Statements::Make, Statements::Believe] {
        let words: Vec<String> = matrix::questions()
            .iter()
            .map(|asked| {
                // A host for each question: nobody's limit is another's.
                let gateway = Gateway::new(Fake::default(), config(statements));
                let fill = |value: &str| credentials::fill(value, asked);
                now(ask(&gateway, asked, credentials::HOST, fill)).word()
            })
            .collect();
        let found = matrix::table(&words);
        assert!(found == MATRIX, "{statements:?}: the table is now\n{found}");
    }
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
    for route in routes::all().filter(|route| route.state == State::Built) {
        // Each time with full buckets: there are more routes than one address may ask for at once.
        let gateway = Gateway::new(Fake::default(), config(Statements::Neither));
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

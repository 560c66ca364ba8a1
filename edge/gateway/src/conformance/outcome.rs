//! What came of a case, from whichever host, and how it compares with what was promised.

use super::{Asked, Expected, Forwarded};
use crate::routes::{Router, Verb};
use crate::{Forward, Gateway, Host, Verdict, routes, validation};
use http::{HeaderMap, Request, Response, StatusCode, request};
use plue_contract::{Caller, Via, Who};
use std::net::IpAddr;

/// What came of a request.
#[derive(Debug)]
pub struct Outcome {
    /// What went on to the forge, where it did and the runner sees it.
    pub forwarded: Option<Arrived>,
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The answer's body.
    pub body: String,
}

/// What went on to the forge.
#[derive(Debug)]
pub struct Arrived {
    /// The route's name.
    pub route: &'static str,
    /// The values in the path.
    pub params: Vec<(&'static str, String)>,
    /// Who calls.
    pub caller: Caller,
    /// The headers that arrive.
    pub headers: HeaderMap,
}

impl Arrived {
    /// What a coordinator sees of a request whose statement it has believed; none where no route
    /// has that address.
    pub fn read(parts: &request::Parts, caller: Caller) -> Option<Self> {
        let segments = validation::segments(parts.uri.path()).ok()?;
        let router = Router::new(routes::all());
        let routes::Outcome::Found(matched) = router.find(Verb::of(&parts.method), &segments) else {
            return None;
        };
        Some(Self {
            route: matched.route.name,
            params: matched
                .params
                .iter()
                .map(|(name, value)| (name, value.to_owned()))
                .collect(),
            caller,
            headers: parts.headers.clone(),
        })
    }

    /// The caller in a few words: `anonymous`, or the account's name and its credential.
    pub fn caller_name(&self) -> String {
        match &self.caller.who {
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
}

impl From<&Forward> for Arrived {
    fn from(forward: &Forward) -> Self {
        let params = forward.matched.params.iter();
        Self {
            route: forward.matched.route.name,
            params: params.map(|(name, value)| (name, value.to_owned())).collect(),
            caller: forward.caller.clone(),
            headers: forward.parts.headers.clone(),
        }
    }
}

/// Asks a gateway in this process; `fill` replaces the placeholders of a header's value. What is
/// forwarded is answered with an empty 200, which the gateway finishes.
///
/// # Panics
/// Where the case is no request at all.
pub async fn ask<H: Host>(
    gateway: &Gateway<H>,
    asked: &Asked,
    host: &str,
    fill: impl Fn(&str) -> String,
) -> Outcome {
    let mut builder = Request::builder()
        .method(asked.method.as_str())
        .uri(super::sized(&asked.target));
    for (name, value) in &asked.headers {
        builder = builder.header(name, fill(&super::sized(value)));
    }
    if !asked.headers.iter().any(|(name, _)| name == "host") {
        builder = builder.header("host", host);
    }
    let (parts, ()) = builder.body(()).expect("a request").into_parts();
    let peer: IpAddr = asked.peer.parse().expect("an address");
    let verdict = match gateway.decide(parts, Some(peer)).await {
        // What a host does where it has no answer in its cache.
        Verdict::Forward(mut forward) => match gateway.admit(&mut forward).await {
            Some(refusal) => Verdict::Reply(refusal),
            None => Verdict::Forward(forward),
        },
        reply => reply,
    };
    match verdict {
        Verdict::Reply(response) => {
            let (parts, body) = response.into_parts();
            Outcome {
                forwarded: None,
                status: parts.status,
                headers: parts.headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            }
        }
        Verdict::Forward(forward) => {
            let (mut parts, ()) = Response::new(()).into_parts();
            let arrived = Arrived::from(&*forward);
            gateway.finish(&forward.plan, &mut parts);
            Outcome {
                forwarded: Some(arrived),
                status: parts.status,
                headers: parts.headers,
                body: String::new(),
            }
        }
    }
}

impl Outcome {
    /// Everything that is not as promised, in words. `now_s` are the seconds since 1970 between
    /// which the request was answered.
    pub fn faults(&self, expected: &Expected, now_s: (u64, u64)) -> Vec<String> {
        let mut faults = Vec::new();
        match (&self.forwarded, &expected.forwarded) {
            (Some(found), Some(wanted)) => found.compare(wanted, &mut faults),
            (None, None) if self.status.as_u16() == expected.status => {}
            (None, _) => faults.push(format!("answered {}: {}", self.status, self.body)),
            (Some(found), None) => faults.push(format!("was forwarded to {}", found.route)),
        }
        for (name, value) in &expected.headers {
            has(&self.headers, name, value, now_s, &mut faults);
        }
        for name in &expected.absent {
            has_not(&self.headers, name, &mut faults);
        }
        if self.forwarded.is_none() {
            if let Some(body) = expected.body.as_ref().filter(|body| **body != self.body) {
                faults.push(format!("the body is {:?}, not {body:?}", self.body));
            }
            let part = expected.body_has.as_ref();
            if let Some(part) = part.filter(|part| !self.body.contains(part.as_str())) {
                faults.push(format!("the body does not hold {part:?}: {:?}", self.body));
            }
        }
        faults
    }

    /// The outcome in one word, as [`super::MATRIX`] has it: the status of an answer, or who is
    /// said to call.
    pub fn word(&self) -> String {
        match &self.forwarded {
            Some(arrived) => match arrived.caller_name().split_once(' ') {
                Some((_, via)) => via.to_owned(),
                None => "passes".to_owned(),
            },
            None => self.status.as_str().to_owned(),
        }
    }
}

impl Arrived {
    fn compare(&self, wanted: &Forwarded, faults: &mut Vec<String>) {
        let mut same = |what: &str, found: &str, wanted: &str| {
            if found != wanted {
                faults.push(format!("{what} is {found:?}, not {wanted:?}"));
            }
        };
        same("the route", self.route, &wanted.route);
        same("the caller", &self.caller_name(), &wanted.caller);
        if let Some(address) = &wanted.address {
            let found = self.caller.address.map(|found| found.to_string());
            same("the address", found.as_deref().unwrap_or("none"), address);
        }
        for (name, value) in &wanted.params {
            let found = self.params.iter().find(|(known, _)| known == name);
            same(name, found.map_or("none", |(_, value)| value), value);
        }
        for name in &wanted.absent {
            has_not(&self.headers, name, faults);
        }
        for (name, value) in &wanted.headers {
            has(&self.headers, name, value, (0, 0), faults);
        }
    }
}

fn has(headers: &HeaderMap, name: &str, value: &str, now_s: (u64, u64), faults: &mut Vec<String>) {
    let later = value
        .strip_prefix("{now+")
        .and_then(|rest| rest.strip_suffix('}'));
    let fits = |found: &str| match later.and_then(|later| later.parse::<u64>().ok()) {
        Some(later) => found
            .parse()
            .is_ok_and(|found: u64| (now_s.0 + later..=now_s.1 + later).contains(&found)),
        None => value == "*" || value == found,
    };
    let found = headers
        .get(name)
        .map(|found| String::from_utf8_lossy(found.as_bytes()));
    if !found.as_deref().is_some_and(fits) {
        faults.push(format!("the header {name} is {found:?}, not {value:?}"));
    }
}

fn has_not(headers: &HeaderMap, name: &str, faults: &mut Vec<String>) {
    if let Some(value) = headers.get(name) {
        faults.push(format!("the header {name} is there: {value:?}"));
    }
}

//! The cases that every host of the gateway must answer alike: a request and what the host knows,
//! then the answer, or what is forwarded; and the same question put by everybody to every class of
//! routes, as a table.
//!
//! Both are data. They run against a host made of maps, against the coordinator's own host, and
//! against the worker in real workerd; those marked `over_sockets` also against whole servers. Each
//! runner replaces the placeholders by credentials of its own. Accounts, clients and origins have
//! fixed names: the account `ada`, the listed origin `https://app.example`, the client at
//! 192.0.2.1.
//!
//! Placeholders in header values: `{token:ada}`, `{cookie:ada}` (name and value), `{csrf:ada}`,
//! `{jwt:ada}`, `{basic:ada:password}` and `{basic:ada:token}` (encoded), `{host}` (our own
//! authority), and, for hosts whose keys the runner has, `{statement:ada}` for the request itself
//! and `{statement:ada:GET:/x}` for another. [`sized`] replaces `{large:9}` and `{segments:9}`. In
//! an answer's headers `{now+9}` is the second that many seconds after the request.

pub mod matrix;
mod outcome;

pub use outcome::{Arrived, Outcome, ask};

use crate::limits::{BucketKey, Lane, Preset, Subject};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The cases as JSON, by theme.
pub const FILES: &[(&str, &str)] = &[
    ("validation", include_str!("../conformance/validation.json")),
    ("routes", include_str!("../conformance/routes.json")),
    ("identity", include_str!("../conformance/identity.json")),
    ("limits", include_str!("../conformance/limits.json")),
    ("csrf", include_str!("../conformance/csrf.json")),
    ("cors", include_str!("../conformance/cors.json")),
    ("trust", include_str!("../conformance/trust.json")),
    ("answers", include_str!("../conformance/answers.json")),
    ("smuggling", include_str!("../conformance/smuggling.json")),
    ("paths", include_str!("../conformance/paths.json")),
    ("cookies", include_str!("../conformance/cookies.json")),
    ("clock", include_str!("../conformance/clock.json")),
];

/// Every class of routes, asked by everybody with every method, as [`matrix::table`] writes it.
pub const MATRIX: &str = include_str!("../conformance/matrix.txt");

/// Replaces `{large:9}` by nine letters and `{segments:9}` by nine segments of a path.
pub fn sized(text: &str) -> String {
    let mut filled = text.to_owned();
    for (name, unit) in [("large", "x"), ("segments", "x/")] {
        let opening = format!("{{{name}:");
        while let Some((before, rest)) = filled.split_once(&opening) {
            let Some((number, after)) = rest.split_once('}') else {
                break;
            };
            let size = number.parse().unwrap_or_default();
            filled = format!("{before}{}{after}", unit.repeat(size));
        }
    }
    filled
}

/// One case.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is claimed, as a sentence.
    pub name: String,
    /// Whether a real host can be asked as well.
    #[serde(default)]
    pub over_sockets: bool,
    /// Whether only a host made of maps answers so, because it draws no lots.
    #[serde(default)]
    pub made_up: bool,
    /// Which gateways the claim is about.
    #[serde(default)]
    pub role: Role,
    /// What is asked.
    pub request: Asked,
    /// What the host knows.
    #[serde(default)]
    pub state: HostState,
    /// What becomes of it.
    pub expect: Expected,
    /// What is asked after that.
    #[serde(default)]
    pub then: Vec<Step>,
}

/// One more question of a case, some time later.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How long after the last one, in milliseconds.
    #[serde(default)]
    pub after_ms: u64,
    /// What is asked; the same as before where nothing is said.
    #[serde(default)]
    pub request: Option<Asked>,
    /// What becomes of it.
    pub expect: Expected,
}

impl Case {
    /// Every question of the case, with the time after the one before it, in milliseconds.
    pub fn steps(&self) -> Vec<(u64, &Asked, &Expected)> {
        let mut steps = vec![(0, &self.request, &self.expect)];
        let mut asked = &self.request;
        for step in &self.then {
            asked = step.request.as_ref().unwrap_or(asked);
            steps.push((step.after_ms, asked, &step.expect));
        }
        steps
    }
}

/// Which gateways a case is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Every one.
    #[default]
    Any,
    /// That at the edge, which makes statements.
    Edge,
    /// That inside the coordinator, which believes them.
    Coordinator,
}

/// A request's head.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// Path and query, as they are sent.
    pub target: String,
    /// The headers in their order; a name may come twice. `Host` is added where it is missing.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The socket's other end.
    #[serde(default = "peer")]
    pub peer: String,
    /// How often the request is sent; the last answer is the one that counts.
    #[serde(default = "once")]
    pub times: u32,
}

fn get() -> String {
    "GET".to_owned()
}

fn peer() -> String {
    "192.0.2.1".to_owned()
}

fn once() -> u32 {
    1
}

/// What the host knows; by itself it knows `ada` and nothing else.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostState {
    /// Ports that cannot answer: `buckets`, `sessions`, `credentials`.
    #[serde(default)]
    pub failing: Vec<String>,
    /// Buckets that are empty, as [`crate::limits::BucketKey`] prints.
    #[serde(default)]
    pub drained: Vec<String>,
    /// Whether ada's session has ended.
    #[serde(default)]
    pub session_ended: bool,
    /// Whether the host has just given ada's session a new secret, which only a host made of maps
    /// knows beforehand.
    #[serde(default)]
    pub session_rotated: bool,
}

impl HostState {
    /// The keys of [`HostState::drained`].
    ///
    /// # Panics
    /// Where one has not the form of a key.
    pub fn drained_keys(&self) -> Vec<BucketKey> {
        self.drained.iter().map(|text| bucket(text)).collect()
    }
}

/// Reads a key as [`BucketKey`] prints it.
fn bucket(text: &str) -> BucketKey {
    let mut parts = text.splitn(4, ':');
    let mut next = || parts.next().expect("a key has four parts");
    let (preset, lane, kind, subject) = (next(), next(), next(), next());
    let key = BucketKey {
        preset: *Preset::ALL
            .iter()
            .find(|known| known.name() == preset)
            .expect("a preset's name"),
        lane: match lane {
            "robots" => Lane::Robots,
            _ => Lane::People,
        },
        subject: match kind {
            "account" => Subject::Account(plue_contract::AccountId(subject.parse().expect("a number"))),
            _ => Subject::of_address(Some(subject.parse().expect("an address"))),
        },
    };
    assert_eq!(key.to_string(), text, "this is not how a key prints");
    key
}

/// What becomes of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The status; of a forwarded request, what a whole server answers.
    pub status: u16,
    /// What goes on to the forge; absent where the gateway answers.
    #[serde(default)]
    pub forwarded: Option<Forwarded>,
    /// Headers of the answer and their values; `*` for any.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers that the answer does not have.
    #[serde(default)]
    pub absent: Vec<String>,
    /// The body.
    #[serde(default)]
    pub body: Option<String>,
    /// What stands somewhere in the body.
    #[serde(default)]
    pub body_has: Option<String>,
}

/// What goes on to the forge.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forwarded {
    /// The route's name.
    pub route: String,
    /// `anonymous`, or the account's name, a space, and by which credential it was recognised.
    pub caller: String,
    /// The client's address, where the case is about it.
    #[serde(default)]
    pub address: Option<String>,
    /// The values in the path.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Headers that the forge must not see.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Headers that the forge must see; `*` for any value.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// Every case, with the file it stands in.
///
/// # Errors
/// Where a file is not what this module describes.
pub fn cases() -> Result<Vec<(&'static str, Case)>, serde_json::Error> {
    let mut all = Vec::new();
    for (file, text) in FILES {
        let cases: Vec<Case> = serde_json::from_str(text)?;
        all.extend(cases.into_iter().map(|case| (*file, case)));
    }
    Ok(all)
}

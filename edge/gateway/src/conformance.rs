//! The cases that every host of the gateway must answer alike: a request and what the host knows,
//! then the answer, or what is forwarded.
//!
//! The cases are data. This crate runs them against a host made of maps; those marked
//! `over_sockets` are for real hosts as well, whose runner replaces the placeholders by real
//! credentials. Accounts, clients and origins have fixed names: the account `ada`, the listed
//! origin `https://app.example`, the client at 192.0.2.1.
//!
//! Placeholders in header values: `{token:ada}`, `{cookie:ada}` (name and value), `{csrf:ada}`,
//! `{jwt:ada}`, `{basic:ada:password}` and `{basic:ada:token}` (encoded), `{host}` (our own
//! authority), and, for hosts made of maps only, `{statement:ada}`.

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
];

/// One case.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is claimed, as a sentence.
    pub name: String,
    /// Whether a real host can be asked as well.
    #[serde(default)]
    pub over_sockets: bool,
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

/// What a host made of maps knows; a real host knows `ada` and nothing else.
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
    /// Whether the host has just given ada's session a new secret.
    #[serde(default)]
    pub session_rotated: bool,
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

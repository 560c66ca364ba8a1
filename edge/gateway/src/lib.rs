//! Every decision made before the forge: is the request well formed, who calls, how often, was
//! it forged, what may be cached, and how does a refusal look.
//!
//! The crate is deterministic. Time, randomness, sessions, credentials and the state of rate
//! limits come in through the ports of [`host`]; there are no bodies, no sockets and no clock
//! here, so that one set of rules runs inside the coordinator and on every edge platform. What a
//! known caller may *do* is not decided here but by the forge.
//!
//! The way through: [`Gateway::decide`] → a [`Verdict`]; a forwarded request's answer passes
//! through [`Gateway::finish`].
#![warn(missing_docs)]

pub mod address;
pub mod cache;
mod caller;
pub mod config;
pub mod conformance;
pub mod cookie;
mod cors;
pub mod csrf;
mod decide;
mod finish;
pub mod generations;
pub mod host;
mod identity;
pub mod jwt;
pub mod limits;
pub mod pushed;
pub mod refusal;
pub mod routes;
pub mod siwe;
pub mod validation;

pub use address::{AddressRange, AddressSource};
pub use config::{GatewayConfig, Keys, Statements};
pub use decide::{Forward, Gateway, Stopped, Verdict};
pub use finish::{Plan, page_policy};
pub use host::{
    Buckets, Chance, Clock, Credentials, Host, MaybeSend, MaybeSync, PortError, SessionKey, SessionState,
    Sessions,
};
pub use plue_contract::credentials::{Credential, Family, SessionCookie};
pub use routes::{Matched, Params, Route};

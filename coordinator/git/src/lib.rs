//! Git objects, the wire protocol, quarantine and the local repository cache.
//!
//! Everything here takes paths, streams and limits and gives typed results. It knows no account,
//! no rule about who may do what, no SQL and no blob store: the forge decides, this room obeys.
#![warn(missing_docs)]

pub mod oid;
pub mod refname;
pub mod wire;

pub use oid::{ObjectFormat, Oid, OidError};
pub use refname::{RefName, RefNameError};

//! Git objects, the wire protocol, quarantine and the local repository cache.
//!
//! Everything here takes paths, streams and limits and gives typed results. It knows no account,
//! no rule about who may do what, no SQL and no blob store: the forge decides, this room obeys.
#![warn(missing_docs)]

pub mod browse;
pub mod bundle;
pub mod cache;
pub mod child;
pub mod connectivity;
pub mod import;
pub mod maintenance;
mod multi_pack_index;
pub mod oid;
pub mod pack_cache;
mod pack_index;
pub mod quarantine;
pub mod refname;
pub mod upload;
pub mod verify;
pub mod wire;

pub use cache::{Bare, CacheError, Durability, LooseRef, PackFiles, PackedRef, Stamp, Transfer};
pub use child::{Git, GitError};
pub use connectivity::{ConnectivityError, ObjectKind, Tip};
pub use oid::{ObjectFormat, Oid, OidError};
pub use quarantine::{Quarantine, QuarantineError, QuarantineLimits};
pub use refname::{RefName, RefNameError};

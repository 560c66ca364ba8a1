//! What pages read from a repository: the answers are git's own, in both object formats, with and
//! without what jobs prepare.

#![allow(clippy::unwrap_used, reason = "a test whose world cannot be made fails")]

#[path = "../support/place.rs"]
mod support;

mod changes;
mod compare;
mod histories;
mod hostile;
mod refs;
mod trees;
mod world;

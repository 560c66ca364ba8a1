//! Pushes, clones and what becomes of repositories, with the real git client at the other end, on
//! both engines and both blob stores.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod again;
mod closing;
mod crash;
mod crowd;
mod edge;
mod evict;
mod expiry;
mod faults;
mod house;
mod prepare;
mod push;
mod race;
mod repositories;

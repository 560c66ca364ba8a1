//! The harness of the end-to-end tests: starters for the real servers and clients that a test
//! needs. Each one listens on a port that the system picks, keeps its files in a temporary
//! folder, and ends with the value that holds it. What Plue does is tested in `tests/`, not here.
#![warn(missing_docs)]

pub mod edge;
#[cfg(feature = "s3")]
pub mod engines;
pub mod git;
pub mod history;
pub mod http;
pub mod postgres;
pub mod power;
pub mod process;
pub mod push;
#[cfg(feature = "s3")]
pub mod s3;
pub mod serve;
pub mod slow;
pub mod smtp;
pub mod soak;
pub mod trace;

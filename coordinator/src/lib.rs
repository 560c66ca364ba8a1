//! The coordinator's doors: the HTTP port, the SSH port, the command line, the administration
//! socket and the loop that runs jobs, together with the one place that builds all of them.
//!
//! A door translates: bytes into a verb's input, a verb's result into bytes. What the forge does
//! is `plue-forge`'s; who is calling and how often is the gateway's.
#![warn(missing_docs)]

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod edge;
pub mod edition;
pub mod github;
pub mod host;
pub mod http;
pub mod id_token;
pub mod jobs;
pub mod outgoing;
pub mod rehearsal;
pub mod server;
pub mod ssh;
pub mod telemetry;
#[cfg_attr(not(feature = "traces"), path = "untraced.rs")]
pub mod traces;

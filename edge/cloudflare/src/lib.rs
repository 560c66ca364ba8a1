//! The gateway on Cloudflare's runtime: host 1.
//!
//! A request is translated, judged by [`plue_gateway`], and answered or passed on to the
//! coordinator with its body untouched. What stands here is translation and storage; every
//! decision, down to what a path means, is the gateway's. The handles of the runtime never leave
//! their thread, so that only what is pure is compiled for other targets, for its tests.
#![warn(missing_docs)]
#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

#[cfg(feature = "bench")]
mod bench;
mod config;
#[cfg(target_family = "wasm")]
mod coordinator;
#[cfg(target_family = "wasm")]
mod fetch;
mod figures;
mod glue;
#[cfg(target_family = "wasm")]
mod host;
mod memory;
#[cfg(target_family = "wasm")]
mod objects;
#[cfg(target_family = "wasm")]
mod own;
#[cfg(target_family = "wasm")]
mod shared;
mod translate;

//! The SSH door: it speaks the protocol, verifies signatures, bounds what one client can take,
//! and carries bytes between a client's channel and a [`Backend`].
//!
//! Nothing here knows what a repository is or who may read it. What a key's owner may do, what a
//! command line means and what is answered is the backend's: the forge itself inside
//! `plue serve`, or [`Remote`], which reaches a coordinator on another host.

mod backend;
mod command;
mod config;
mod door;
mod frames;
mod guard;
mod host_keys;
mod proxy;
mod refusal;
mod remote;
mod server;
mod session;
mod socket;
mod streams;

pub use backend::{Backend, BackendError, Connection, Exec};
pub use config::{ANONYMOUS_USER, BridgeConfig, Network, NetworkError, USER};
pub use frames::{encode as encode_frames, encode_exit as encode_exit_frame};
pub use host_keys::{HostKeyError, HostKeys};
pub use remote::{Remote, RemoteConfig, RemoteError};
pub use server::serve;
pub use streams::{Input, Output};

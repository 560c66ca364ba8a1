//! The worker in real workerd, in front of a coordinator that notes what reaches it.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

mod cache;
mod config;
mod conformance;
mod forge;
mod generations;
mod identity;
mod limits;
mod objects;
mod origin;
mod own;
mod panics;
mod sockets;
mod startup;
mod streams;
mod trust;

use origin::{EDGE_SECRET, JWT_SECRET, Origin};
use plue_contract::{AccountId, Scopes, Via, Who};
use plue_tests::edge::{Edge, Settings};

/// A token of the right form; whose it is, the coordinator of the test says.
const TOKEN: &str = "plt_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn settings(origin: &Origin) -> Settings {
    Settings::new(&origin.url())
        .unwrap()
        .secret("EDGE_SECRET", EDGE_SECRET)
        .secret("JWT_SECRET", JWT_SECRET)
}

fn start(origin: &Origin) -> Edge {
    settings(origin).start().unwrap()
}

fn ada(via: Via) -> Who {
    Who::Account {
        id: AccountId(7),
        name: "ada".parse().unwrap(),
        admin: false,
        via,
        scopes: Scopes::ALL,
        repositories: None,
    }
}

//! What the benchmarks measure inside the runtime; no part of the worker that is deployed.

use plue_contract::seal::{Keyring, Purpose};
use plue_gateway::jwt::Verifier;
use wasm_bindgen::prelude::wasm_bindgen;

/// Verifies a token so many times, as the gateway does for each request that bears one, and
/// answers how often it held.
#[wasm_bindgen]
pub fn verify_often(token: &str, secret: &str, now_s: u32, times: u32) -> u32 {
    let ring = Keyring::derive(Purpose::Jwt, [secret]);
    let verifier = Verifier::new(&ring, "plue", "plue-api", 60);
    let held = (0..times).filter(|_| {
        let token = std::hint::black_box(token);
        std::hint::black_box(verifier.verify(token, u64::from(now_s))).is_ok()
    });
    u32::try_from(held.count()).unwrap_or(u32::MAX)
}

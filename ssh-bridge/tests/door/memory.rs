//! What a held connection costs the bridge's host.

use crate::coordinator::Coordinator;
use crate::house::{House, Person};
use crate::identity::{connect, exec, sign_in};
use crate::program::Bridge;

const HELD: usize = 300;
const MAX_BYTES_EACH: usize = 150 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_held_connection_takes_little_memory() {
    let house = House::new();
    let person = Person::member(&house);
    let coordinator = Coordinator::new(house.clone()).await;
    let bridge = Bridge::start(
        &house,
        &coordinator,
        &[
            ("SSH_MAX_PER_IP_CONNECTIONS", "1000"),
            ("SSH_RATE_LIMIT_PER_MINUTE", "1000"),
        ],
    )
    .await;
    let mut held = Vec::new();
    let mut hold = async |count: usize| {
        for _ in 0..count {
            let mut session = connect(bridge.address).await;
            assert!(sign_in(&mut session, &person).await.success());
            held.push(session);
        }
    };
    // What the first ones need once is not counted.
    hold(20).await;
    let before = bridge.resident_bytes();
    hold(HELD).await;
    let idle = bridge.resident_bytes().saturating_sub(before) / HELD;
    println!("{idle} bytes for each idle connection");
    assert!(idle <= MAX_BYTES_EACH, "{idle}");
    for session in &held {
        assert!(exec(session, Some("flood 300000")).await.len() >= 300_000);
    }
    let used = bridge.resident_bytes().saturating_sub(before) / HELD;
    println!("{used} bytes for each that has run a command");
    assert!(used <= 4 * MAX_BYTES_EACH, "{used}");
    drop(held);
    bridge.stop().await;
}

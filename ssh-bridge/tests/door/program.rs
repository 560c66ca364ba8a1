//! The binary `plue-ssh-bridge`, as an operator runs it.

use crate::coordinator::{Coordinator, SECRET};
use crate::house::{House, LIMIT, Person, outcome};
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

fn bridge(dir: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plue-ssh-bridge"));
    command
        .env_clear()
        .env("SSH_HOST", "127.0.0.1")
        .env("SSH_PORT", "0")
        .env("SSH_HOST_KEY_DIR", dir.join("keys"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn it_carries_commands_and_stops_when_told() {
    let house = House::new();
    let person = Person::member(&house);
    let coordinator = Coordinator::new(house.clone()).await;
    let mut command = bridge(house.dir.path());
    command
        .env("COORDINATOR_URL", coordinator.url())
        .env("PLUE_BRIDGE_SECRET", SECRET);
    let mut process = command.spawn().expect("the bridge");
    let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
    let line = tokio::time::timeout(LIMIT, lines.next_line())
        .await
        .expect("in time");
    let line = line.expect("a pipe").expect("a line");
    let address: SocketAddr = line
        .strip_prefix("ssh://")
        .expect("an address")
        .parse()
        .expect("an address");
    let done = outcome(person.ssh(address, &["-T"], None)).await;
    assert_eq!(done.output, format!("Hello, {}!\n", person.fingerprint()));
    let fingerprint = lines.next_line().await.expect("a pipe").expect("a line");
    assert!(fingerprint.starts_with("ssh-ed25519 SHA256:"), "{fingerprint}");

    let id = process.id().expect("it runs").to_string();
    let told = Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .await
        .expect("kill");
    assert!(told.success());
    let status = tokio::time::timeout(LIMIT, process.wait())
        .await
        .expect("in time");
    assert_eq!(status.expect("waited").code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_begin_without_a_good_secret_or_address() {
    let house = House::new();
    for (url, secret, advice) in [
        ("http://127.0.0.1:1", "", "PLUE_BRIDGE_SECRET is missing"),
        (
            "http://127.0.0.1:1",
            "secret",
            "PLUE_BRIDGE_SECRET is shorter than 32 bytes",
        ),
        ("127.0.0.1:1", SECRET, "COORDINATOR_URL must be http://HOST:PORT"),
    ] {
        let mut command = bridge(house.dir.path());
        command
            .env("COORDINATOR_URL", url)
            .env("PLUE_BRIDGE_SECRET", secret);
        let done = outcome(command).await;
        assert_eq!(done.status, Some(1), "{done:?}");
        assert!(done.errors.contains(advice), "{}", done.errors);
        assert!(secret.is_empty() || !done.errors.contains(&format!("`{secret}`")));
    }
    let mut command = bridge(house.dir.path());
    command.env("SSH_PROXY_NETWORKS", "10.0.0.0/99");
    let done = outcome(command).await;
    assert_eq!(done.status, Some(2), "{done:?}");
    assert!(
        done.errors
            .contains("`10.0.0.0/99` is not an address or a network"),
        "{}",
        done.errors
    );
}

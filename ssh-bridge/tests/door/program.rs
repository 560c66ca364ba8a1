//! The binary `plue-ssh-bridge`, as an operator runs it.

use crate::coordinator::{Coordinator, SECRET};
use crate::house::{House, LIMIT, Person, outcome};
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

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

/// A bridge that runs as a process of its own.
pub struct Bridge {
    pub address: SocketAddr,
    process: Child,
}

impl Bridge {
    pub async fn start(house: &House, coordinator: &Coordinator, settings: &[(&str, &str)]) -> Self {
        let mut process = bridge(house.dir.path())
            .env("COORDINATOR_URL", coordinator.url())
            .env("PLUE_BRIDGE_SECRET", SECRET)
            .envs(settings.iter().copied())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the bridge");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let mut line = async || {
            let line = tokio::time::timeout(LIMIT, lines.next_line()).await;
            line.expect("in time").expect("a pipe").expect("a line")
        };
        let first = line().await;
        let address = first.strip_prefix("ssh://").expect("an address");
        let address = address.parse().expect("an address");
        let fingerprint = line().await;
        assert!(fingerprint.starts_with("ssh-ed25519 SHA256:"), "{fingerprint}");
        Self { address, process }
    }

    pub fn resident_bytes(&self) -> usize {
        let path = format!("/proc/{}/status", self.process.id().expect("it runs"));
        let status = std::fs::read_to_string(path).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kilobytes.expect("a size").parse::<usize>().expect("a number") * 1024
    }

    /// Tells it to stop, and waits until it has.
    pub async fn stop(mut self) {
        let id = self.process.id().expect("it runs").to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(told.expect("kill").success());
        let status = tokio::time::timeout(LIMIT, self.process.wait()).await;
        assert_eq!(status.expect("in time").expect("waited").code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_carries_commands_and_stops_when_told() {
    let house = House::new();
    let person = Person::member(&house);
    let coordinator = Coordinator::new(house.clone()).await;
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let figures = free.local_addr().expect("bound");
    drop(free);
    let shown = figures.to_string();
    let bridge = Bridge::start(&house, &coordinator, &[("SSH_METRICS_ADDR", &shown)]).await;
    let done = outcome(person.ssh(bridge.address, &["-T"], None)).await;
    assert_eq!(done.output, format!("Hello, {}!\n", person.fingerprint()));
    let mut reader = TcpStream::connect(figures).await.expect("connected");
    reader
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: bridge\r\n\r\n")
        .await
        .expect("sent");
    let mut page = String::new();
    reader.read_to_string(&mut page).await.expect("read");
    for line in [
        "plue_ssh_auth_total{result=\"accepted\"} 1",
        "plue_ssh_commands_total{command=\"shell\",result=\"ok\"} 1",
        "plue_ssh_connections ",
        "plue_ssh_bytes_total{direction=\"out\"}",
    ] {
        assert!(page.contains(line), "{line} is missing: {page}");
    }
    bridge.stop().await;
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

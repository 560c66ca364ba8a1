//! What one client, one address and all of them may take.

use crate::house::{House, Inside, Open, Person, outcome, until};
use crate::identity::{Trusting, connect, exec, sign_in};
use plue_ssh_bridge::BridgeConfig;
use russh::client;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long it takes until the other side closes the connection.
async fn closed_after(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    let mut bytes = [0; 1024];
    let closed = async {
        // A reset is as good as an end.
        while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    };
    tokio::time::timeout(Duration::from_secs(20), closed)
        .await
        .expect("it closes");
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_dawdles_is_let_go() {
    let house = House::new();
    let config = BridgeConfig {
        handshake_timeout: Duration::from_millis(700),
        auth_timeout: Duration::from_millis(700),
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let mut silent = TcpStream::connect(door.address).await.expect("connected");
    let mut greeting = TcpStream::connect(door.address).await.expect("connected");
    greeting.write_all(b"SSH-2.0-dawdler\r\n").await.expect("sent");
    let (silent, greeting) = tokio::join!(closed_after(&mut silent), closed_after(&mut greeting));
    for took in [silent, greeting] {
        assert!(
            took > Duration::from_millis(500) && took < Duration::from_secs(5),
            "{took:?}"
        );
    }
    let session = connect(door.address).await;
    let began = Instant::now();
    until("it is closed", || session.is_closed()).await;
    assert!(began.elapsed() > Duration::from_millis(500));

    let mut nonsense = TcpStream::connect(door.address).await.expect("connected");
    nonsense.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("sent");
    closed_after(&mut nonsense).await;
    let mut endless = TcpStream::connect(door.address).await.expect("connected");
    let _ = endless.write_all(&[b'x'; 100_000]).await;
    closed_after(&mut endless).await;
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_and_a_quiet_command_is_not() {
    let house = House::new();
    let person = Person::member(&house);
    let config = BridgeConfig {
        idle_timeout: Duration::from_millis(800),
        keepalive: Duration::from_millis(200),
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let mut session = connect(door.address).await;
    assert!(sign_in(&mut session, &person).await.success());
    assert_eq!(exec(&session, Some("sleep 2000")).await, "slept");
    let began = Instant::now();
    until("it is closed", || session.is_closed()).await;
    assert!(
        began.elapsed() > Duration::from_millis(500),
        "{:?}",
        began.elapsed()
    );
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_holds_and_begins_so_many_connections() {
    let house = House::new();
    let person = Person::member(&house);
    let config = BridgeConfig {
        max_connections_per_address: 2,
        max_new_per_minute: 4,
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let (one, two) = (connect(door.address).await, connect(door.address).await);
    let third = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(third.status, Some(255));
    assert!(
        third
            .errors
            .contains("Your address holds as many connections as one may"),
        "{}",
        third.errors
    );
    drop((one, two));
    let mut last = outcome(person.ssh(door.address, &[], Some("both"))).await;
    for _ in 0..20 {
        if last.errors.contains("too fast") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        last = outcome(person.ssh(door.address, &[], Some("both"))).await;
    }
    assert!(
        last.errors
            .contains("Your address begins connections too fast; please wait"),
        "{}",
        last.errors
    );
    assert!(house.seen().len() <= 2);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_says_so() {
    let house = House::new();
    let person = Person::member(&house);
    let config = BridgeConfig {
        max_connections: 1,
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let one = connect(door.address).await;
    let second = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert!(
        second
            .errors
            .contains("The forge holds as many connections as it can"),
        "{}",
        second.errors
    );
    drop(one);
    door.close().await;

    let config = BridgeConfig {
        max_unauthenticated: 1,
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let mut one = connect(door.address).await;
    let second = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert!(
        second
            .errors
            .contains("The forge holds as many connections as it can"),
        "{}",
        second.errors
    );
    assert!(sign_in(&mut one, &person).await.success());
    let third = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(
        third.status,
        Some(7),
        "who authenticated waits no more: {third:?}"
    );
    drop(one);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_before_the_keys_harms_nobody() {
    let house = House::new();
    let person = Person::member(&house);
    let config = BridgeConfig {
        handshake_timeout: Duration::from_secs(1),
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    // Lengths of nothing, of four gigabytes, and of just too much; then messages of every number,
    // among them those of a connection that has authenticated.
    let mut packets = vec![vec![0; 16], vec![0xff; 4096], vec![0, 4, 0, 1, 4, 20, 0, 0]];
    for number in [1, 2, 5, 20, 21, 30, 50, 61, 80, 90, 94, 98, 255] {
        let mut packet = vec![0, 0, 0, 44, 4, number];
        packet.extend((0..42).map(|_| random() as u8));
        packets.push(packet);
    }
    for _ in 0..100 {
        let length = random() % 300;
        packets.push((0..length).map(|_| random() as u8).collect());
    }
    let mut held = Vec::new();
    for packet in packets {
        let mut stream = TcpStream::connect(door.address).await.expect("connected");
        stream.write_all(b"SSH-2.0-nonsense\r\n").await.expect("sent");
        stream.write_all(&packet).await.expect("sent");
        held.push(stream);
        if held.len() == 50 {
            for mut stream in held.drain(..) {
                closed_after(&mut stream).await;
            }
        }
    }
    for mut stream in held {
        closed_after(&mut stream).await;
    }
    let done = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(done.status, Some(7), "{done:?}");
    assert_eq!(house.seen().len(), 1);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_bring_a_ban_and_a_port_scan_does_not() {
    let house = House::new();
    let (person, stranger) = (Person::member(&house), Person::stranger(&["-t", "ed25519"]));
    let config = BridgeConfig {
        max_auth_failures: 3,
        initial_ban: Duration::from_millis(1_500),
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    for _ in 0..5 {
        drop(TcpStream::connect(door.address).await.expect("connected"));
        drop(connect(door.address).await);
    }
    for attempt in 0..3 {
        let done = outcome(stranger.ssh(door.address, &[], Some("both"))).await;
        assert_eq!(done.status, Some(255));
        assert!(
            done.errors.contains("Permission denied (publickey)"),
            "{attempt}: {}",
            done.errors
        );
    }
    let banned = async || {
        let done = outcome(person.ssh(door.address, &[], Some("both"))).await;
        (
            done.errors.contains("Your address showed only unknown keys"),
            done.status,
        )
    };
    until_async(banned, (true, Some(255))).await;
    let began = Instant::now();
    until_async(banned, (false, Some(7))).await;
    assert!(began.elapsed() > Duration::from_millis(500));
    door.close().await;
}

async fn until_async<T: PartialEq + std::fmt::Debug>(ask: impl AsyncFn() -> T, expected: T) {
    let began = Instant::now();
    loop {
        let answer = ask().await;
        if answer == expected {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{answer:?}");
    }
}

async fn behind_a_balancer(
    door: SocketAddr,
    header: &[u8],
) -> Result<client::Handle<Trusting>, russh::Error> {
    let mut stream = TcpStream::connect(door).await.expect("connected");
    stream.write_all(header).await.expect("sent");
    client::connect_stream(Arc::new(client::Config::default()), stream, Trusting).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_balancer_names_its_clients() {
    let house = House::new();
    let person = Person::member(&house);
    let config = BridgeConfig {
        proxies: vec!["127.0.0.0/8".parse().expect("a network")],
        max_connections_per_address: 1,
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let mut version_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    version_2.extend([198, 51, 100, 9, 10, 0, 0, 1, 0, 9, 0, 22]);
    let mut held = Vec::new();
    for header in [
        &b"PROXY TCP4 192.0.2.7 10.0.0.1 9 22\r\n"[..],
        b"PROXY TCP6 2001:db8::7 ::1 9 22\r\n",
        &version_2,
    ] {
        let mut session = behind_a_balancer(door.address, header)
            .await
            .expect("a handshake");
        assert!(sign_in(&mut session, &person).await.success());
        exec(&session, None).await;
        held.push(session);
    }
    assert_eq!(house.addresses(), ["192.0.2.7", "2001:db8::7", "198.51.100.9"]);
    let again = behind_a_balancer(door.address, b"PROXY TCP4 192.0.2.7 10.0.0.1 9 22\r\n").await;
    assert!(again.is_err(), "the caps count the client, not the balancer");
    let bare = behind_a_balancer(door.address, b"").await;
    assert!(bare.is_err(), "a listed balancer must name its client");
    drop(held);
    door.close().await;

    let open = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    let forged = behind_a_balancer(open.address, b"PROXY TCP4 192.0.2.7 10.0.0.1 9 22\r\n").await;
    assert!(forged.is_err(), "nobody else may name an address");
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_lets_commands_finish() {
    let house = House::new();
    let person = Person::member(&house);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    let idle = connect(door.address).await;
    let running = tokio::spawn(outcome(person.ssh(door.address, &[], Some("sleep 1500"))));
    until("the command runs", || house.running.load(Ordering::SeqCst) == 1).await;
    door.shut();
    until("the idle one is told to leave", || idle.is_closed()).await;
    assert!(
        TcpStream::connect(door.address).await.is_err(),
        "nobody is let in"
    );
    let done = running.await.expect("no panic");
    assert_eq!((done.status, done.output.as_str()), (Some(0), "slept"));
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_grace_a_command_is_stopped_with_a_reason() {
    let house = House::new();
    let person = Person::member(&house);
    let config = BridgeConfig {
        shutdown_grace: Duration::from_millis(300),
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let running = tokio::spawn(outcome(person.ssh(door.address, &[], Some("sleep 60000"))));
    until("the command runs", || house.running.load(Ordering::SeqCst) == 1).await;
    door.close().await;
    let done = running.await.expect("no panic");
    assert_eq!(done.status, Some(128), "{done:?}");
    assert!(
        done.errors.contains("The forge is being restarted"),
        "{}",
        done.errors
    );
    assert_eq!(house.abandoned.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_cannot_hold_a_shutdown_up() {
    let house = House::new();
    let person = Person::member(&house);
    let config = BridgeConfig {
        shutdown_grace: Duration::from_millis(300),
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let mut stalled = person
        .ssh(door.address, &[], Some("flood 1000000000"))
        .spawn()
        .expect("ssh");
    until("the command runs", || house.running.load(Ordering::SeqCst) == 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    door.close().await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(house.abandoned.load(Ordering::SeqCst), 1);
    stalled.kill().await.expect("it ends");
}

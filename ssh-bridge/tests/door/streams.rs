//! Bytes: all of them, in order, both ways, and no more than fit.

use crate::house::{House, Inside, LIMIT, Open, Person, outcome, until};
use crate::identity::{connect, sign_in};
use plue_ssh_bridge::BridgeConfig;
use russh::client;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LARGE: usize = 48 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn large_streams_arrive_whole_with_every_cipher() {
    let house = House::new();
    let person = Person::member(&house);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    let expected: Vec<u8> = (0..=255)
        .cycle()
        .take(100_003)
        .collect::<Vec<u8>>()
        .into_iter()
        .cycle()
        .take(LARGE)
        .collect();
    let sum = expected
        .iter()
        .fold(0_u64, |sum, &byte| sum.wrapping_mul(31) + u64::from(byte));
    for cipher in ["chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com"] {
        let flood = format!("flood {LARGE}");
        let mut down = person.ssh(door.address, &["-c", cipher], Some(&flood));
        let down = tokio::time::timeout(LIMIT, down.output())
            .await
            .expect("in time")
            .expect("ssh");
        assert_eq!(down.status.code(), Some(0));
        assert!(down.stdout == expected, "{cipher}: {} bytes", down.stdout.len());

        let mut up = person.ssh(door.address, &["-c", cipher], Some("count"));
        let mut up = up.stdin(Stdio::piped()).spawn().expect("ssh");
        let mut stdin = up.stdin.take().expect("piped");
        stdin.write_all(&expected).await.expect("sent");
        // The half close: the command answers only after it.
        drop(stdin);
        let up = tokio::time::timeout(LIMIT, up.wait_with_output())
            .await
            .expect("in time")
            .expect("ssh");
        assert_eq!(String::from_utf8_lossy(&up.stdout), format!("{LARGE} {sum}"));
        assert_eq!(up.status.code(), Some(0));
    }
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_reads_late_holds_the_client_back() {
    let house = House::new();
    let person = Person::member(&house);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    let mut up = person
        .ssh(door.address, &[], Some("slowly"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("ssh");
    let mut stdin = up.stdin.take().expect("piped");
    until("the command runs", || house.running.load(Ordering::SeqCst) == 1).await;
    let noise = vec![5; LARGE];
    let early = tokio::time::timeout(std::time::Duration::from_millis(1_000), stdin.write_all(&noise)).await;
    assert!(early.is_err(), "the client must wait");
    drop(stdin);
    let up = tokio::time::timeout(LIMIT, up.wait_with_output())
        .await
        .expect("in time")
        .expect("ssh");
    let read: usize = String::from_utf8_lossy(&up.stdout).parse().expect("a number");
    assert!(read > 0 && read < LARGE, "{read}");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_late_holds_the_command_back() {
    let house = House::new();
    let person = Person::member(&house);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    let flood = format!("flood {LARGE}");
    let mut down = person.ssh(door.address, &[], Some(&flood)).spawn().expect("ssh");
    let mut stdout = down.stdout.take().expect("piped");
    until("the command runs", || house.running.load(Ordering::SeqCst) == 1).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(
        house.running.load(Ordering::SeqCst),
        1,
        "nobody has read what it writes"
    );
    let mut all = Vec::new();
    tokio::time::timeout(LIMIT, stdout.read_to_end(&mut all))
        .await
        .expect("in time")
        .expect("read");
    assert_eq!(all.len(), LARGE);
    assert_eq!(house.abandoned.load(Ordering::SeqCst), 0);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_with_its_client() {
    let house = House::new();
    let person = Person::member(&house);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    let mut ssh = person
        .ssh(door.address, &[], Some("sleep 60000"))
        .spawn()
        .expect("ssh");
    until("the command runs", || house.running.load(Ordering::SeqCst) == 1).await;
    ssh.kill().await.expect("killed");
    until("the command is abandoned", || {
        house.abandoned.load(Ordering::SeqCst) == 1
    })
    .await;

    let mut session = connect(door.address).await;
    assert!(sign_in(&mut session, &person).await.success());
    let channel = session.channel_open_session().await.expect("a channel");
    channel.exec(true, "sleep 60000").await.expect("sent");
    until("the command runs", || house.running.load(Ordering::SeqCst) == 1).await;
    channel.close().await.expect("sent");
    until("the command is abandoned", || {
        house.abandoned.load(Ordering::SeqCst) == 2
    })
    .await;
    drop(session);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_refused_and_the_greeting_comes_all_the_same() {
    let house = House::new();
    let person = Person::member(&house);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    let mut session = connect(door.address).await;
    assert!(sign_in(&mut session, &person).await.success());
    let mut channel = session.channel_open_session().await.expect("a channel");
    channel
        .request_pty(true, "xterm", 80, 24, 0, 0, &[])
        .await
        .expect("sent");
    channel.request_shell(true).await.expect("sent");
    let greeting = format!("Hello, {}!\\n", person.fingerprint());
    assert_eq!(
        answers(&mut channel).await,
        [
            "Failure".to_owned(),
            "Success".to_owned(),
            format!("Data {{ data: b\"{greeting}\" }}"),
            "ExitStatus { exit_status: 0 }".to_owned(),
            "Eof".to_owned(),
            "Close".to_owned(),
        ]
    );
    drop(session);
    door.close().await;
}

/// All that the door says on a channel, until it closes it.
async fn answers(channel: &mut russh::Channel<client::Msg>) -> Vec<String> {
    let mut answers = Vec::new();
    let all = async {
        while let Some(message) = channel.wait().await {
            let answer = format!("{message:?}");
            let is_close = answer == "Close";
            if !answer.starts_with("WindowAdjusted") {
                answers.push(answer);
            }
            if is_close {
                break;
            }
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(20), all).await;
    assert!(in_time.is_ok(), "never closed: {answers:?}");
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn one_channel_runs_one_command_and_a_connection_has_so_many_channels() {
    let house = House::new();
    let person = Person::member(&house);
    let config = BridgeConfig {
        max_channels: 3,
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let mut session = connect(door.address).await;
    assert!(sign_in(&mut session, &person).await.success());
    let mut channels = Vec::new();
    for _ in 0..3 {
        channels.push(session.channel_open_session().await.expect("a channel"));
    }
    assert!(session.channel_open_session().await.is_err(), "the fourth");
    let mut first = channels.remove(0);
    first.exec(true, "sleep 300").await.expect("sent");
    first.exec(true, "flood 10").await.expect("sent");
    assert_eq!(
        answers(&mut first).await,
        [
            "Success",
            "Failure",
            "Data { data: b\"slept\" }",
            "ExitStatus { exit_status: 0 }",
            "Eof",
            "Close"
        ]
    );
    for _ in 0..5 {
        let mut next = session
            .channel_open_session()
            .await
            .expect("the place of the one before");
        next.exec(true, "sleep 0").await.expect("sent");
        assert_eq!(answers(&mut next).await.len(), 5);
    }
    assert_eq!(house.seen().len(), 6);
    let own = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(own.status, Some(7));
    drop((session, channels));
    door.close().await;
}

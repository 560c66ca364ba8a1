//! Requests that are not git's, swell, stall, or break off.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use plue_tests::http::{Client, pkt};
use plue_tests::push::{Push, files};
use plue_tests::serve::Settings;
use plue_tests::slow::SlowLine;

use crate::{Setting, noise};

#[test]
fn git_posts_need_their_exact_content_type() {
    let s = Setting::new();
    for (service, kind) in [
        ("git-upload-pack", "application/x-git-receive-pack-request"),
        ("git-upload-pack", "text/plain"),
        ("git-upload-pack", "application/x-www-form-urlencoded"),
        ("git-receive-pack", "application/x-git-upload-pack-request"),
        ("git-receive-pack", "application/json"),
    ] {
        let target = format!("/ada/engine.git/{service}");
        let reply = s
            .client
            .send("POST", &target, &[("content-type", kind)], b"0000")
            .unwrap();
        assert_eq!(reply.status, 415, "{service} {kind}");
        assert_eq!(s.client.send("POST", &target, &[], b"0000").unwrap().status, 415);
    }
    for query in [
        "",
        "?service=git-upload-archive",
        "?service=git-shell",
        "?service=--help",
        "?service=git-upload-pack%00",
    ] {
        let reply = s
            .client
            .get(&format!("/ada/engine.git/info/refs{query}"))
            .unwrap();
        assert!((400..500).contains(&reply.status), "{query}: {}", reply.status);
    }
    s.expect_untouched();
}

#[test]
fn a_gzip_bomb_is_cut_off() {
    let s = Setting::new();
    // A gigabyte of flushes, twice compressed away, as `gzip` makes it.
    let bomb = std::process::Command::new("sh")
        .args(["-c", "head -c 1073741824 /dev/zero | tr '\\0' 0 | gzip -9"])
        .output()
        .unwrap()
        .stdout;
    assert!(bomb.len() < 2 << 20);
    let memory_before = plue_tests::process::resident_bytes(s.plue.process().id());
    for service in ["git-upload-pack", "git-receive-pack"] {
        let kind = format!("application/x-{service}-request");
        let headers = [("content-type", kind.as_str()), ("content-encoding", "gzip")];
        let began = Instant::now();
        let reply = s
            .client
            .send("POST", &format!("/ada/engine.git/{service}"), &headers, &bomb)
            .unwrap();
        assert!(reply.status < 500, "{service}: {}", reply.status);
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{service} took {:?}",
            began.elapsed()
        );
    }
    for encoding in ["br", "deflate", "zstd", "gzip, gzip"] {
        let headers = [
            ("content-type", "application/x-git-upload-pack-request"),
            ("content-encoding", encoding),
        ];
        let reply = s
            .client
            .send("POST", "/ada/engine.git/git-upload-pack", &headers, b"0000")
            .unwrap();
        assert!((400..500).contains(&reply.status), "{encoding}: {}", reply.status);
    }
    let memory_after = plue_tests::process::resident_bytes(s.plue.process().id());
    assert!(
        memory_after < memory_before + (100 << 20),
        "{memory_before} to {memory_after}"
    );
    s.expect_untouched();
}

#[test]
fn slow_clients_are_let_go() {
    let s = Setting::with(
        Settings::new()
            .unwrap()
            .env("PLUE_HEADER_TIMEOUT", "1")
            .env("PLUE_BODY_IDLE_TIMEOUT", "2"),
    );
    let (new, pack) = s.next_commit();
    let body = Push::default()
        .update(&s.head, &new, "refs/heads/main")
        .pack(pack)
        .body();
    let ends = |request: &[u8]| {
        let mut socket = s.client.connect().unwrap();
        socket.write_all(request).unwrap();
        let began = Instant::now();
        let mut rest = Vec::new();
        // A reset counts as an end.
        let _ = socket.read_to_end(&mut rest);
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    };
    ends(b"");
    ends(b"GET /healthz HT");
    ends(b"GET /healthz HTTP/1.1\r\nhost: x\r\n");
    let head = format!(
        "POST /ada/engine.git/git-receive-pack HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\
         content-type: application/x-git-receive-pack-request\r\ncontent-length: {}\r\n\r\n",
        authorization(&s.client),
        body.len()
    );
    for part in [0, 10, body.len() - 5] {
        ends(&[head.as_bytes(), &body[..part]].concat());
    }
    s.home.git(&s.work, &["reset", "-q", "--hard", &s.head]).unwrap();
    s.expect_untouched();
}

#[test]
fn who_does_not_read_is_let_go() {
    let s = Setting::with(Settings::new().unwrap().env("PLUE_BODY_IDLE_TIMEOUT", "2"));
    std::fs::write(s.work.join("noise"), noise(32 << 20)).unwrap();
    s.home.git(&s.work, &["add", "noise"]).unwrap();
    s.home.git(&s.work, &["commit", "-q", "-m", "Noise"]).unwrap();
    s.home
        .git(&s.work, &["push", "-q", &s.plue.url("ada/engine"), "main"])
        .unwrap();
    let head = s.home.git(&s.work, &["rev-parse", "HEAD"]).unwrap();
    let body = [
        &pkt("command=fetch\n")[..],
        b"0001",
        &pkt("no-progress\n"),
        &pkt(format!("want {head}\n")),
        &pkt("done\n"),
        b"0000",
    ]
    .concat();
    let request = format!(
        "POST /ada/engine.git/git-upload-pack HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\
         content-type: application/x-git-upload-pack-request\r\ngit-protocol: version=2\r\n\
         content-length: {}\r\n\r\n",
        authorization(&s.client),
        body.len()
    );
    let mut socket = s.client.connect().unwrap();
    socket.write_all(&[request.as_bytes(), &body].concat()).unwrap();
    // Whoever is let go finds what fitted into the line, and then its end.
    std::thread::sleep(Duration::from_secs(10));
    let mut got = Vec::new();
    let _ = socket.read_to_end(&mut got);
    assert!(got.starts_with(b"HTTP/1.1 200"), "{} bytes", got.len());
    assert!(got.len() < 32 << 20, "{} bytes came after all", got.len());
    s.home
        .git(
            s.home.path(),
            &["clone", "-q", "--bare", &s.plue.url("ada/engine"), "after.git"],
        )
        .unwrap();
    s.plue.stop().unwrap();
}

#[test]
fn a_push_that_takes_too_long_is_told_so() {
    let s = Setting::with(Settings::new().unwrap().env("PLUE_GIT_DEADLINE", "3"));
    std::fs::write(s.work.join("noise"), noise(4 << 20)).unwrap();
    s.home.git(&s.work, &["checkout", "-q", "-b", "noise"]).unwrap();
    s.home.git(&s.work, &["add", "noise"]).unwrap();
    s.home.git(&s.work, &["commit", "-q", "-m", "Noise"]).unwrap();
    let http: SocketAddr = s.plue.http().trim_start_matches("http://").parse().unwrap();
    let slow = |server| {
        SlowLine::to(server, 200_000, Duration::from_secs(8))
            .unwrap()
            .address
    };
    let over_http = format!("http://{}", slow(http));
    let token = std::fs::read_to_string(s.home.at(".git-credentials")).unwrap();
    let token = token.split("ada:").nth(1).unwrap().split('@').next().unwrap();
    s.home.remember(&over_http, "ada", token).unwrap();
    s.home.configure_ssh(slow(s.plue.ssh()), &["id"]).unwrap();
    for address in [
        format!("{over_http}/ada/engine.git"),
        "ssh://plue/ada/engine".to_owned(),
    ] {
        let said = s.home.try_git(&s.work, &["push", &address, "noise"]).unwrap();
        assert!(
            !said.ok && said.err.contains("took longer than the 3 s"),
            "{address}: {}",
            said.err
        );
    }
    s.home.git(&s.work, &["checkout", "-q", "main"]).unwrap();
    s.expect_untouched();
}

/// The header that the client sends with every request.
fn authorization(client: &Client) -> String {
    client.header("authorization").unwrap().to_owned()
}

#[test]
fn a_connection_may_close_at_any_step() {
    let s = Setting::new();
    let (new, pack) = s.next_commit();
    let body = Push::default()
        .update(&s.head, &new, "refs/heads/main")
        .pack(pack)
        .body();
    let head = format!(
        "POST /ada/engine.git/git-receive-pack HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\
         content-type: application/x-git-receive-pack-request\r\ncontent-length: {}\r\n\r\n",
        authorization(&s.client),
        body.len()
    );
    let request = [head.as_bytes(), &body].concat();
    for cut in (0..request.len())
        .step_by(37)
        .chain([head.len(), request.len() - 1])
    {
        let mut socket = s.client.connect().unwrap();
        socket.write_all(&request[..cut]).unwrap();
        drop(socket);
    }
    // Over SSH the client is killed while it pushes.
    for wait_ms in [5, 20, 60, 120] {
        let mut pushing = s
            .home
            .command("git")
            .current_dir(&s.work)
            .args([
                "push",
                "-q",
                "--receive-pack=git-receive-pack",
                "ssh://plue/ada/engine",
                "HEAD:refs/heads/cut",
            ])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        pushing.kill().unwrap();
        pushing.wait().unwrap();
    }
    let quarantined = || {
        files(&s.plue.data())
            .keys()
            .any(|name| name.contains("quarantine"))
    };
    // What had arrived whole may still be on its way in: a push is whole or not there, and goes on
    // without whoever sent it.
    let deadline = Instant::now() + Duration::from_secs(20);
    let untouched = format!("{0}\tHEAD\n{0}\trefs/heads/main", s.head);
    while quarantined() || s.refs() != untouched {
        assert!(
            Instant::now() < deadline,
            "{}\n{:?}",
            s.refs(),
            files(&s.plue.data()).keys()
        );
        let _ = s
            .home
            .try_git(
                &s.work,
                &["push", "-q", &s.plue.url("ada/engine"), ":refs/heads/cut"],
            )
            .unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    s.home.git(&s.work, &["reset", "-q", "--hard", &s.head]).unwrap();
    s.plue.stop().unwrap();
}

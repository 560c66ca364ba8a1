//! Clients that take their time.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use plue_tests::git::Home;
use plue_tests::http::pkt;
use plue_tests::serve::Settings;

use crate::{LIMIT, Place};

/// A commit with a file that cannot be compressed and is larger than all buffers on the way.
fn commit_noise(home: &Home, work: &std::path::Path) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take((32 << 20) / 8)
    .flatten()
    .collect();
    std::fs::write(work.join("noise"), noise).unwrap();
    home.git(work, &["add", "noise"]).unwrap();
    home.git(work, &["commit", "-q", "-m", "Make noise"]).unwrap();
}

#[test]
fn who_does_not_read_its_clone_is_let_go_and_git_with_it() {
    let place = Place::with(Settings::new().unwrap().env("PLUE_BODY_IDLE_TIMEOUT", "2"));
    commit_noise(&place.home, &place.work);
    place
        .home
        .git(
            &place.work,
            &["push", "-q", &place.plue.url("ada/engine"), "main"],
        )
        .unwrap();
    let want = format!("want {} agent=git/by-hand\n", place.head());
    let body = [pkt(want), b"0000".to_vec(), pkt("done\n")].concat();
    let head = format!(
        "POST /ada/engine.git/git-upload-pack HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\
         content-type: application/x-git-upload-pack-request\r\ncontent-length: {}\r\n\r\n",
        place.basic(),
        body.len()
    );
    let mut socket = place.plue.client().connect().unwrap();
    socket.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    let mut some = [0; 4096];
    socket.read_exact(&mut some).unwrap();
    assert!(
        some.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&some)
    );
    // Nothing is read any more; git ends although its client is still connected.
    place.await_quiet();
    let mut rest = Vec::new();
    // What was on its way arrives, and then the end or a reset.
    let ended = socket.read_to_end(&mut rest);
    assert!(ended.is_err() || rest.len() < 32 << 20, "{} bytes", rest.len());
    place.expect_refs_untouched();
    place.plue.stop().unwrap();
}

#[test]
fn a_push_that_stands_still_is_told_so() {
    let place = Place::with(Settings::new().unwrap().env("PLUE_BODY_IDLE_TIMEOUT", "1"));
    let old = "0".repeat(40);
    let command = format!(
        "{old} {} refs/heads/slow\0 report-status side-band-64k",
        place.head()
    );
    let body = [pkt(command), b"0000PACK\0\0\0\x02\0\0\0\x01".to_vec()].concat();
    for (cut, gzip) in [(0, false), (20, false), (body.len(), false), (0, true)] {
        let encoding = if gzip { "content-encoding: gzip\r\n" } else { "" };
        let head = format!(
            "POST /ada/engine.git/git-receive-pack HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n{encoding}\
             content-type: application/x-git-receive-pack-request\r\ncontent-length: 100000\r\n\r\n",
            place.basic(),
        );
        let mut socket = place.plue.client().connect().unwrap();
        let began = Instant::now();
        socket
            .write_all(&[head.as_bytes(), &body[..cut]].concat())
            .unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(began.elapsed() < LIMIT, "{cut}: {:?}", began.elapsed());
        assert!(answer.contains("the body stood still for 1 s"), "{cut}: {answer}");
    }
    place.await_quiet();
    place.expect_refs_untouched();
    place.plue.stop().unwrap();
}

#[test]
fn a_trickle_of_a_head_ends() {
    let place = Place::with(Settings::new().unwrap().env("PLUE_HEADER_TIMEOUT", "1"));
    let mut socket = place.plue.client().connect().unwrap();
    let mut reading = socket.try_clone().unwrap();
    let ended = std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ = reading.read_to_end(&mut rest);
        Instant::now()
    });
    let began = Instant::now();
    // A byte at a time never stands still, and is let go all the same.
    for byte in b"GET /healthz HTTP/1.1\r\nx-slow: "
        .iter()
        .chain(std::iter::repeat_n(&b'x', 400))
    {
        if socket.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        if ended.is_finished() {
            break;
        }
    }
    assert!(ended.join().unwrap().duration_since(began) < Duration::from_secs(15));
    place.plue.stop().unwrap();
}

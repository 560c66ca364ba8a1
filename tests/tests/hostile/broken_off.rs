//! Connections that break off at every step: the real client, over both doors, and a line that is
//! cut after so many bytes in one direction.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plue_tests::serve::Settings;

use crate::Place;

/// At how many places each conversation is cut.
const CUTS: u64 = 10;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// A line to a server that breaks once it has carried so many bytes one way.
struct Line {
    address: SocketAddr,
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
}

impl Line {
    fn to(server: SocketAddr, cut: Option<(Way, u64)>) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let line = Line {
            address,
            up: Arc::default(),
            down: Arc::default(),
        };
        let (up, down) = (Arc::clone(&line.up), Arc::clone(&line.down));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else {
                    return;
                };
                for (way, from, to, carried) in [
                    (
                        Way::Up,
                        client.try_clone().unwrap(),
                        server.try_clone().unwrap(),
                        Arc::clone(&up),
                    ),
                    (Way::Down, server, client, Arc::clone(&down)),
                ] {
                    let limit = cut.filter(|(cut, _)| *cut == way).map(|(_, bytes)| bytes);
                    std::thread::spawn(move || carry(from, to, &carried, limit));
                }
            }
        });
        line
    }

    fn carried(&self, way: Way) -> u64 {
        match way {
            Way::Up => self.up.load(Ordering::SeqCst),
            Way::Down => self.down.load(Ordering::SeqCst),
        }
    }
}

/// Carries bytes until one end closes, or all connections of the line together have had their share.
fn carry(mut from: TcpStream, mut to: TcpStream, carried: &AtomicU64, limit: Option<u64>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let before = carried.fetch_add(read as u64, Ordering::SeqCst);
        let left = limit.map_or(read, |limit| {
            usize::try_from(limit.saturating_sub(before)).unwrap().min(read)
        });
        if to.write_all(&buffer[..left]).is_err() || left < read {
            // Both ways at once, as when a cable is pulled and somebody notices.
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn over_http_a_clone_and_a_push_may_break_at_any_byte() {
    breaks_anywhere(false);
}

#[test]
fn over_ssh_a_clone_and_a_push_may_break_at_any_byte() {
    breaks_anywhere(true);
}

fn breaks_anywhere(ssh: bool) {
    let place = Place::with(
        Settings::new()
            .unwrap()
            .env("SSH_MAX_AUTH_FAILURES", "1000")
            .env("SSH_RATE_LIMIT_PER_MINUTE", "100000"),
    );
    let server = match ssh {
        true => place.plue.ssh(),
        false => place
            .plue
            .http()
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap(),
    };
    let address = |line: &Line| {
        if ssh {
            place.home.configure_ssh(line.address, &["id"]).unwrap();
            "ssh://plue/ada/engine".to_owned()
        } else {
            format!("http://ada:{}@{}/ada/engine.git", place.token, line.address)
        }
    };
    let mut number = 0;
    let mut run = |what: &str, line: &Line| {
        number += 1;
        let address = address(line);
        match what {
            "clone" => {
                let folder = format!("clone-{number}");
                place
                    .home
                    .try_git(place.home.path(), &["clone", "-q", &address, &folder])
            }
            _ => {
                let refspec = format!("HEAD:refs/heads/{what}-{number}");
                place
                    .home
                    .try_git(&place.work, &["push", "-q", &address, &refspec])
            }
        }
        .unwrap()
    };
    for what in ["clone", "push"] {
        // What a push brings is new, so that there is a pack on the line.
        let tip = place.head();
        if what == "push" {
            place
                .home
                .git(&place.work, &["checkout", "-q", "-b", "side"])
                .unwrap();
            place
                .home
                .commit(&place.work, "more.txt", "more\n", "More")
                .unwrap();
        }
        let whole = Line::to(server, None);
        let said = run(what, &whole);
        assert!(said.ok, "{what}: {said:?}");
        for way in [Way::Up, Way::Down] {
            let total = whole.carried(way);
            assert!(total > 200, "{what} {way:?} carries {total} bytes");
            for step in 0..CUTS {
                let bytes = total * step / CUTS;
                let line = Line::to(server, Some((way, bytes)));
                let said = run(what, &line);
                // At the very end nothing of worth may be missing.
                assert!(
                    !said.ok || step > CUTS / 2,
                    "{what} {way:?} {bytes} of {total}: {said:?}"
                );
            }
        }
        place.await_quiet();
        assert_eq!(place.head(), tip);
    }
    if ssh {
        place.home.configure_ssh(place.plue.ssh(), &["id"]).unwrap();
    }
    // Each push is there whole or not at all, and the repository as sound as before.
    let side = place.home.git(&place.work, &["rev-parse", "side"]).unwrap();
    let listed = place.refs();
    for line in listed.lines().filter(|line| line.contains("refs/heads/push-")) {
        assert!(line.starts_with(&side), "{line}");
    }
    place
        .home
        .git(
            place.home.path(),
            &[
                "clone",
                "-q",
                "--mirror",
                &place.plue.url("ada/engine"),
                "after.git",
            ],
        )
        .unwrap();
    place.home.fsck(&place.home.at("after.git")).unwrap();
    place.plue.stop().unwrap();
}

//! Durable Objects are for what the coordinator knows; what strangers make up leaves nothing behind.

use std::io::{Read as _, Write as _};

use plue_contract::credentials::SessionCookie;
use plue_contract::edge::SessionFacts;
use plue_contract::{SessionId, Via};
use plue_tests::edge::Edge;
use plue_tests::process::resident_bytes;

use crate::origin::{Origin, now_ms};
use crate::{ada, settings};

fn cookie(number: u32) -> String {
    SessionCookie::value(&SessionId(format!("{number:026}")), &[9; 32])
}

/// Asks with as many sessions, a few connections at a time, each kept open.
fn ask_with_sessions(edge: &Edge, numbers: std::ops::Range<u32>) {
    const CONNECTIONS: u32 = 8;
    let host = edge.url().trim_start_matches("http://").to_owned();
    std::thread::scope(|scope| {
        for lane in 0..CONNECTIONS {
            let (client, host, numbers) = (edge.client(), host.clone(), numbers.clone());
            scope.spawn(move || {
                let mut socket = client.connect().unwrap();
                for number in numbers.filter(|number| number % CONNECTIONS == lane) {
                    let cookie = cookie(number);
                    write!(
                        socket,
                        "HEAD /api/repos HTTP/1.1\r\nhost: {host}\r\ncookie: plue_session={cookie}\r\n\r\n"
                    )
                    .unwrap();
                    let mut answer = Vec::new();
                    while !answer.ends_with(b"\r\n\r\n") {
                        let mut buffer = [0; 4_096];
                        let length = socket.read(&mut buffer).unwrap();
                        assert_ne!(length, 0, "the edge hung up");
                        answer.extend_from_slice(&buffer[..length]);
                    }
                    assert!(
                        answer.starts_with(b"HTTP/1.1 200"),
                        "{}",
                        String::from_utf8_lossy(&answer)
                    );
                }
            });
        }
    });
}

/// How many sessions' objects have files, which are named by their ids of 64 hex digits.
fn kept_objects(edge: &Edge) -> usize {
    let objects = edge.settings().state().join("objects/plue-Session");
    let Ok(files) = std::fs::read_dir(objects) else {
        return 0;
    };
    let is_object = |name: &str| name.len() >= 64 && name[..64].bytes().all(|b| b.is_ascii_hexdigit());
    files
        .flatten()
        .filter(|file| is_object(&file.file_name().to_string_lossy()))
        .count()
}

/// How many objects come and go; `PLUE_SOAK_OBJECTS=10000` for the long run.
fn objects() -> u32 {
    let told = std::env::var("PLUE_SOAK_OBJECTS").ok();
    told.map_or(1_600, |told| told.parse().expect("PLUE_SOAK_OBJECTS is a number"))
}

#[test]
fn objects_that_came_and_went_leave_memory_flat() {
    let origin = Origin::start();
    let edge = settings(&origin)
        .var("RATE_LIMITS", "api=1000000/60s")
        .start()
        .unwrap();
    let group = edge.process().id();
    let all = objects();
    for number in 0..all {
        let id = SessionId(format!("{number:026}"));
        let facts = SessionFacts {
            who: ada(Via::Session(id.clone())),
            id,
            created_ms: now_ms(),
            expires_ms: now_ms() + 3_600_000,
            replacement: None,
        };
        origin.session(&cookie(number), facts);
    }
    // An object that nobody asks for ten seconds is evicted.
    let idle = std::time::Duration::from_secs(15);
    // Equal crowds, one after another: what one takes while it is there can serve the next.
    let crowd = all / 4;
    let resident = [0, 1, 2, 3].map(|past| {
        ask_with_sessions(&edge, past * crowd..(past + 1) * crowd);
        std::thread::sleep(idle);
        resident_bytes(group)
    });
    let [after_some, .., after_all] = resident;
    assert!(kept_objects(&edge) >= all as usize, "they were made");
    let grown = after_all.saturating_sub(after_some);
    println!("{all} objects, bytes after each quarter: {resident:?}");
    // A leak of what one object holds, some tens of kilobytes, would be many times this.
    let allowed = 24 * 1024 * 1024 + u64::from(all - all / 4) * 2 * 1024;
    assert!(
        grown < allowed,
        "grew by {grown} bytes over {} objects",
        all - all / 4
    );
    edge.stop().unwrap();
}

#[test]
fn what_strangers_make_up_brings_no_object_into_being() {
    let origin = Origin::start();
    let edge = settings(&origin)
        .var("RATE_LIMITS", "api=1000000/60s")
        .start()
        .unwrap();
    ask_with_sessions(&edge, 0..500);
    assert_eq!(origin.asked().len(), 500, "the coordinator knew none of them");
    assert_eq!(kept_objects(&edge), 0);

    // One that the coordinator knows is kept, which shows that the count counts.
    let known = cookie(7_777);
    let id = SessionId(format!("{:026}", 7_777));
    origin.session(
        &known,
        SessionFacts {
            who: ada(Via::Session(id.clone())),
            id,
            created_ms: now_ms(),
            expires_ms: now_ms() + 60_000,
            replacement: None,
        },
    );
    ask_with_sessions(&edge, 7_777..7_778);
    assert!(kept_objects(&edge) > 0);
    edge.stop().unwrap();
}

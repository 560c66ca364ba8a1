//! Bodies flow through in both directions, at the pace of the slower end, and never pile up.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use plue_contract::{TokenId, Via};
use plue_tests::edge::Edge;
use plue_tests::process::{self, resident_bytes};

use crate::origin::{Origin, now_ms};
use crate::{TOKEN, ada, start};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// A head for a request whose body the test sends by itself.
fn head(edge: &Edge, target: &str, kind: &str, length: &str) -> String {
    let host = edge.url().trim_start_matches("http://");
    format!(
        "POST {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/x-git-{kind}-request\r\n{length}\r\n\r\n"
    )
}

/// Reads a socket to its end and answers the status and how many bytes the body had.
fn drain(socket: &mut TcpStream) -> (u16, u64, Vec<u8>) {
    let mut buffer = vec![0; 1 << 20];
    let mut start = Vec::new();
    let mut total = 0;
    loop {
        match socket.read(&mut buffer).unwrap() {
            0 => break,
            n => {
                total += n as u64;
                if start.len() < 4_096 {
                    start.extend_from_slice(&buffer[..n.min(4_096)]);
                }
            }
        }
    }
    let status = std::str::from_utf8(&start[9..12]).unwrap().parse().unwrap();
    (status, total, start)
}

/// Runs something while the memory of the edge's processes is watched; answers the growth at its
/// highest, in bytes.
fn growth_while(edge: &Edge, work: impl FnOnce()) -> u64 {
    let group = edge.process().id();
    let before = resident_bytes(group);
    assert!(before > 40 * MIB, "node and workerd are measured: {before}");
    process::growth_while(group, work).1
}

#[test]
fn a_push_of_a_gibibyte_streams_through_and_memory_stays_flat() {
    let origin = Origin::start();
    origin.token(TOKEN, ada(Via::Token(TokenId(1))));
    let edge = start(&origin);
    edge.client()
        .bearer(TOKEN)
        .get("/ada/warm/info/refs?service=git-upload-pack")
        .unwrap();
    origin.seen();

    let growth = growth_while(&edge, || {
        let mut socket = edge.client().connect().unwrap();
        let head = head(
            &edge,
            "/ada/big/git-receive-pack",
            "receive-pack",
            "transfer-encoding: chunked",
        );
        socket.write_all(head.as_bytes()).unwrap();
        let piece = vec![b'x'; 1 << 20];
        let began_ms = now_ms();
        for i in 0..GIB / MIB {
            write!(socket, "{:x}\r\n", piece.len()).unwrap();
            socket.write_all(&piece).unwrap();
            socket.write_all(b"\r\n").unwrap();
            if i == 0 {
                std::thread::sleep(Duration::from_millis(500));
            }
        }
        socket.write_all(b"0\r\n\r\n").unwrap();
        let (status, _, answer) = drain(&mut socket);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        let answer = plue_tests::http::parse(&answer).unwrap().json().unwrap();
        assert_eq!(answer["bytes"], GIB);
        let first_ms = answer["first_ms"].as_u64().unwrap();
        assert!(
            first_ms < began_ms + 450,
            "the first bytes arrived before the rest was sent: {first_ms} {began_ms}"
        );
    });
    eprintln!("a push of 1 GiB: memory grew by {} MiB", growth / MIB);
    assert!(growth < 96 * MIB, "memory grew by {} MiB", growth / MIB);
    assert_eq!(origin.only().who(), ada(Via::Token(TokenId(1))));
    edge.stop().unwrap();
}

#[test]
fn a_clone_of_a_gibibyte_streams_through_and_memory_stays_flat() {
    let origin = Origin::start();
    origin.token(TOKEN, ada(Via::Token(TokenId(1))));
    let edge = start(&origin);
    edge.client()
        .bearer(TOKEN)
        .get("/ada/warm/info/refs?service=git-upload-pack")
        .unwrap();
    origin.seen();

    let growth = growth_while(&edge, || {
        let mut socket = edge.client().connect().unwrap();
        let body = GIB.to_string();
        let length = format!("content-length: {}", body.len());
        let head = head(&edge, "/ada/big/git-upload-pack", "upload-pack", &length);
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(body.as_bytes()).unwrap();
        // A client that stops reading must stop the coordinator, not fill the edge.
        std::thread::sleep(Duration::from_secs(1));
        let (status, total, _) = drain(&mut socket);
        assert_eq!(status, 200);
        assert!(total > GIB, "{total}");
    });
    eprintln!("a clone of 1 GiB: memory grew by {} MiB", growth / MIB);
    assert!(growth < 96 * MIB, "memory grew by {} MiB", growth / MIB);
    edge.stop().unwrap();
}

//! Sockets and streams of events pass through as they come. No route of the product is a socket
//! yet, so the worker of these tests passes on what is owed, to a coordinator that answers.

use std::io::{BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use plue_contract::{TokenId, Via};
use plue_tests::edge::Edge;
use plue_tests::process::{Server, growth_while};

use crate::origin::Origin;
use crate::{TOKEN, ada, settings};

/// A coordinator in workerd whose every address is a socket.
struct Upstream {
    server: Server,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Upstream {
    fn start() -> Upstream {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(
            root.join("tests/edge/upstream.js"),
            folder.path().join("upstream.js"),
        )
        .unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "{address}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "upstream.js", esModule = embed "upstream.js")],
  compatibilityDate = "2026-04-01",
);
"#
        );
        std::fs::write(folder.path().join("config.capnp"), config).unwrap();
        let mut command = Command::new(root.join("../node_modules/.bin/workerd"));
        command.arg("serve").arg(folder.path().join("config.capnp"));
        let server = Server::start("the upstream", &mut command).unwrap();
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "it does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Upstream {
            server,
            address,
            _folder: folder,
        }
    }
}

/// What a browser calls the end of a socket that nobody closed (RFC 6455, 7.4.1).
const BROKEN: u16 = 1006;

/// A client's end of a socket.
struct Socket(TcpStream);

impl Socket {
    /// Shakes hands; the status and head of what came instead, where it was no socket.
    fn open(edge: &Edge, target: &str, more: &str) -> Result<Socket, String> {
        let mut stream = edge.client().connect().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let host = edge.url().trim_start_matches("http://");
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n{more}\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        // The example of RFC 6455, 1.3.
        let accepted = head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        if head.starts_with("HTTP/1.1 101") && accepted {
            Ok(Socket(stream))
        } else {
            Err(head)
        }
    }

    /// Sends a text, masked with zeroes.
    fn say(&mut self, text: &str) {
        let length = u8::try_from(text.len())
            .ok()
            .filter(|length| *length < 126)
            .unwrap();
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.0.write_all(&frame).unwrap();
    }

    /// The next text, or the code with which the socket was closed.
    fn hear(&mut self) -> Result<String, u16> {
        let mut start = [0; 2];
        if let Err(error) = self.0.read_exact(&mut start) {
            let ended = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
            assert!(ended.contains(&error.kind()), "{error}");
            return Err(BROKEN);
        }
        let mut payload = vec![0; usize::from(start[1] & 0x7f)];
        assert!(payload.len() < 126, "a short frame");
        self.0.read_exact(&mut payload).unwrap();
        match start[0] {
            0x81 => Ok(String::from_utf8(payload).unwrap()),
            0x88 => Err(u16::from_be_bytes([payload[0], payload[1]])),
            other => panic!("a frame of kind {other:x}"),
        }
    }
}

#[test]
fn a_socket_passes_through_and_lives_while_it_waits() {
    let asked = Origin::start();
    let upstream = Upstream::start();
    // Nobody is asked about an anonymous caller, so that the socket's end can be the coordinator.
    let edge = settings(&asked)
        .origin(&format!("http://{}", upstream.address))
        .fail_points()
        .start()
        .unwrap();
    let mut socket = Socket::open(&edge, "/ws/events", "").unwrap();
    let first: serde_json::Value = serde_json::from_str(&socket.hear().unwrap()).unwrap();
    assert_eq!(first["url"], "/ws/events");
    assert_eq!(first["stated"], true, "the coordinator is told who calls");
    socket.say("one");
    assert_eq!(socket.hear(), Ok("one".into()));

    // An object that nobody asks is evicted after ten seconds; a socket that waits longer, while
    // other requests come and go, is still the same socket.
    for _ in 0..15 {
        assert_eq!(edge.client().get("/api/repos").unwrap().status, 426);
        std::thread::sleep(Duration::from_secs(1));
    }
    socket.say("two");
    assert_eq!(socket.hear(), Ok("two".into()));
    socket.say("close");
    assert_eq!(socket.hear(), Err(4001), "the code is the coordinator's");

    // One whose coordinator breaks off breaks off as well.
    let mut socket = Socket::open(&edge, "/ws/events", "").unwrap();
    socket.hear().unwrap();
    upstream.server.kill().unwrap();
    assert_eq!(socket.hear(), Err(BROKEN));

    // Without a coordinator there is no socket, and an answer.
    let refused = Socket::open(&edge, "/ws/events", "").err().unwrap();
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    edge.stop().unwrap();
}

#[test]
fn a_client_that_does_not_read_makes_the_coordinator_wait_and_nobody_remember() {
    const MESSAGES: usize = 4_096;
    const BYTES: u64 = 64 << 10;
    const MIB: u64 = 1 << 20;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge/flood.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(MESSAGES.to_string());
    let mut flood = Server::start("a coordinator that talks", &mut command).unwrap();
    let port = flood.line(Duration::from_secs(30)).unwrap();
    let asked = Origin::start();
    let edge = settings(&asked)
        .origin(&format!("http://127.0.0.1:{port}"))
        .fail_points()
        .start()
        .unwrap();
    edge.client().get("/health").unwrap();
    let (sent, growth) = growth_while(edge.process().id(), || {
        let socket = Socket::open(&edge, "/ws/events", "").unwrap();
        // The kernel and the runtime hold some of it; then the coordinator waits.
        let mut sent = 0;
        while let Ok(said) = flood.line(Duration::from_secs(3)) {
            sent = said.parse::<u64>().unwrap();
        }
        let mut reading = BufReader::with_capacity(1 << 20, socket.0);
        let (said, mut message) = (vec![7; BYTES as usize], vec![0; BYTES as usize]);
        for nth in 0..MESSAGES {
            let mut head = [0; 10];
            reading.read_exact(&mut head).unwrap();
            assert_eq!(head[..2], [0x82, 127], "message {nth}");
            reading.read_exact(&mut message).unwrap();
            assert!(message == said, "message {nth}");
        }
        sent
    });
    assert!(
        sent * BYTES < 64 * MIB,
        "{sent} messages were taken that nobody had read"
    );
    assert!(growth < 64 * MIB, "the edge grew by {} MiB", growth / MIB);
    edge.stop().unwrap();
}

#[test]
fn only_routes_that_are_sockets_are_upgraded() {
    let asked = Origin::start();
    let upstream = Upstream::start();
    let edge = settings(&asked)
        .origin(&format!("http://{}", upstream.address))
        .fail_points()
        .start()
        .unwrap();
    let plain = Socket::open(&edge, "/api/repos", "").err().unwrap();
    assert!(
        plain.starts_with("HTTP/1.1 426"),
        "the upgrade did not arrive: {plain}"
    );
    edge.stop().unwrap();

    // In the worker as it is deployed a socket that is owed is refused, like everything owed.
    let edge = settings(&asked).start().unwrap();
    let owed = Socket::open(&edge, "/ws/events", "").err().unwrap();
    assert!(owed.starts_with("HTTP/1.1 501"), "{owed}");
    edge.stop().unwrap();
}

#[test]
fn events_arrive_as_they_are_sent() {
    let origin = Origin::start();
    origin.token(TOKEN, ada(Via::Token(TokenId(1))));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = settings(&origin)
        .origin(&format!("http://{}", listener.local_addr().unwrap()))
        .start()
        .unwrap();
    let (read, was_read) = mpsc::channel::<()>();
    let upstream = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut asked = [0; 4_096];
        assert!(socket.read(&mut asked).unwrap() > 0);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        socket.write_all(head.as_bytes()).unwrap();
        for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
            write!(socket, "{:x}\r\n{event}\r\n", event.len()).unwrap();
            // The next is sent once this one has been read at the other end.
            was_read
                .recv_timeout(Duration::from_secs(30))
                .expect("the event arrives alone");
        }
        socket.write_all(b"0\r\n\r\n").unwrap();
    });
    let mut stream = edge.client().connect().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let host = edge.url().trim_start_matches("http://");
    write!(
        stream,
        "GET /api/repos HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\n\r\n"
    )
    .unwrap();
    let mut heard = String::new();
    for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        while !heard.contains(event) {
            let mut some = [0; 4_096];
            let length = stream.read(&mut some).unwrap();
            assert_ne!(length, 0, "{heard}");
            heard.push_str(std::str::from_utf8(&some[..length]).unwrap());
        }
        read.send(()).unwrap();
    }
    assert!(
        heard
            .to_ascii_lowercase()
            .contains("content-type: text/event-stream"),
        "{heard}"
    );
    upstream.join().unwrap();
    edge.stop().unwrap();
}

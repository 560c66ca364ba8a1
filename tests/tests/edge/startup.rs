//! How long the worker takes from nothing to its first answer, beside a worker that does nothing:
//! the platform allows a start of one second, and takes workers in and out as it likes.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use plue_tests::http::Client;
use plue_tests::process::Server;

use crate::origin::{EDGE_SECRET, JWT_SECRET, Origin};
use crate::settings;

/// How many times as long as one that does nothing it may take. Both load the same runtime, which
/// is most of it, so that what else the machine does counts for both.
const AT_MOST: u32 = 8;
const ROUNDS: usize = 5;

/// The time until a configuration's first answer.
fn first_answer(config: &Path, address: SocketAddr, target: &str) -> Duration {
    let workerd = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/.bin/workerd");
    let mut command = Command::new(workerd);
    command
        .arg("serve")
        .arg(config)
        .env("EDGE_SECRET", EDGE_SECRET)
        .env("JWT_SECRET", JWT_SECRET);
    // Those that nobody set; serve.mjs hands them over like this.
    for name in [
        "EDGE_SECRET_PREVIOUS",
        "JWT_SECRET_PREVIOUS",
        "EDGE_PUSH_SECRET",
        "METRICS_API_KEY",
    ] {
        command.env(name, "");
    }
    let began = Instant::now();
    let server = Server::start("workerd", &mut command).unwrap();
    let client = Client::new(&format!("http://{address}")).unwrap();
    let took = loop {
        if client.get(target).is_ok_and(|reply| reply.status == 404) {
            break began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no answer");
        std::thread::sleep(Duration::from_millis(1));
    };
    server.kill().unwrap();
    took
}

#[test]
fn the_first_answer_comes_soon_after_that_of_a_worker_that_does_nothing() {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let origin = Origin::start();
    let address = free();
    let edge = settings(&origin).listen(address).start().unwrap();
    let ours = edge.stop().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let other = free();
    std::fs::write(
        folder.path().join("nothing.js"),
        "export default { fetch() { return new Response(null, { status: 404 }); } };",
    )
    .unwrap();
    let config = format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "{other}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "nothing.js", esModule = embed "nothing.js")],
  compatibilityDate = "2026-04-01",
);
"#
    );
    std::fs::write(folder.path().join("config.capnp"), config).unwrap();
    let (mut least, mut least_of_nothing) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let nothing = first_answer(&folder.path().join("config.capnp"), other, "/");
        least_of_nothing = least_of_nothing.min(nothing);
        // An address that is nowhere: the gateway is made, and nobody is asked.
        let worker = first_answer(
            &ours.state().join("config.capnp"),
            address,
            "/internal/introspect",
        );
        least = least.min(worker);
    }
    println!("the first answer after {least:?}; of a worker that does nothing after {least_of_nothing:?}");
    assert!(
        least < least_of_nothing * AT_MOST,
        "{least:?}, and {least_of_nothing:?} for nothing"
    );
}

//! The worker in real workerd: a page from its cache beside a bare worker that does one Durable
//! Object call and the same cache match, and what the way through it adds to an answer of the
//! coordinator.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use plue_contract::seal::{Keyring, Purpose};
use plue_contract::{AccountId, Scope, Scopes, SessionId};
use plue_gateway::jwt::{Claims, Signer};
use plue_tests::edge::{self, Edge};
use plue_tests::git::Home;
use plue_tests::history::History;
use plue_tests::http::Client;
use plue_tests::process::{Server, growth_while};
use plue_tests::serve::{self, Plue};

use crate::{Row, Verdict, in_turn, per_second};

const CACHED: &str = "a cached public answer through workerd";
const BARE: &str = "bare worker: 1 object request, 1 cache match";
const CALLED: &str = "the same with its object called as ours is";
const SECRET: &str = "a secret of the benchmark that opens nothing";
const ROUNDS: usize = 5;
/// How often a gibibyte goes each way.
const LARGE_ROUNDS: usize = 3;
/// How many requests one round of latencies has.
const REQUESTS: usize = 1_000;
const RATES: &str = "api=1000000/1s, git=1000000/1s";

/// A coordinator with an edge before it, each knowing the other, and somebody who pushes.
struct Site {
    plue: Plue,
    edge: Edge,
    home: Home,
    token: String,
}

impl Site {
    fn start() -> anyhow::Result<Site> {
        let listen = free()?;
        let plue = serve::Settings::new()?
            .env("EDGE_URL", format!("http://{listen}"))
            .env("PLUE_LIMITS", RATES)
            .start()?;
        let edge = edge::Settings::new(plue.http())?
            .secrets_of(&plue.data())?
            .var("RATE_LIMITS", RATES)
            .listen(listen)
            .start()?;
        let (home, token) = plue.newcomer("ada")?;
        Ok(Site {
            plue,
            edge,
            home,
            token,
        })
    }

    fn stop(self) -> anyhow::Result<()> {
        self.edge.stop()?;
        self.plue.stop().map(drop)
    }
}

/// What the worker costs: tokens, what is kept, and what is passed on.
pub fn run() -> anyhow::Result<Vec<Row>> {
    let site = Site::start()?;
    let Site {
        plue,
        edge,
        home,
        token,
    } = &site;
    let repository = History::of(200).make(home, "small.git")?;
    home.git(&repository, &["push", "-q", "--mirror", &plue.url("ada/engine")])?;
    let public = plue.client().bearer(token).json(
        "PATCH",
        "/api/ada/engine",
        &serde_json::json!({"isPrivate": false}),
    )?;
    ensure!(public.status == 200, "{}", public.text());
    let mut rows = vec![verified()?];
    rows.extend(cached(edge)?);
    rows.extend(added(plue, edge, token)?);
    site.stop()?;
    Ok(rows)
}

/// A gibibyte each way.
pub fn gibibyte() -> anyhow::Result<Vec<Row>> {
    let site = Site::start()?;
    let rows = large(&site.plue, &site.edge, &site.home, &site.token)?;
    site.stop()?;
    Ok(rows.into())
}

fn free() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Requests a second from the cache, under the same load.
fn cached(edge: &Edge) -> anyhow::Result<Vec<Row>> {
    if Command::new("wrk")
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_err()
    {
        let why = "wrk is not installed (apt-get install wrk)";
        return Ok(vec![Row::skipped(CACHED, BARE, why)]);
    }
    let target = "/api/ada/engine/commits?limit=100";
    let bytes = until_kept(&edge.client(), target)?;
    let folder = tempfile::tempdir()?;
    let (_bare, address) = bare(folder.path())?;
    let client = Client::new(&format!("http://{address}"))?;
    let beside = |peer_name: &str, path: &str, bar: fn(f64) -> Verdict| {
        until_kept_by_peer(&client, &format!("/{path}{bytes}"), bytes)?;
        let (peer, ours) = in_turn(
            ROUNDS,
            || wrk(&format!("http://{address}/{path}{bytes}")),
            || wrk(&format!("{}{target}", edge.url())),
        )?;
        let verdict = bar(ours / peer);
        anyhow::Ok(Row::new(
            CACHED,
            peer_name,
            per_second(peer),
            per_second(ours),
            verdict,
        ))
    };
    Ok(vec![
        beside(BARE, "", |ratio| Verdict::AtLeast(ratio, 0.8))?,
        beside(CALLED, "called/", Verdict::Told)?,
    ])
}

/// Asks until the answer comes from the cache; its length in bytes.
fn until_kept(client: &Client, target: &str) -> anyhow::Result<usize> {
    for _ in 0..100 {
        let reply = client.get(target)?;
        ensure!(reply.status == 200, "{}", reply.text());
        if reply.header("x-cache") == Some("HIT") {
            return Ok(reply.body.len());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("{target} is never kept")
}

fn until_kept_by_peer(client: &Client, path: &str, bytes: usize) -> anyhow::Result<()> {
    for _ in 0..100 {
        let reply = client.get(path)?;
        ensure!(
            reply.status == 200 && reply.body.len() == bytes,
            "{}",
            reply.text()
        );
        if reply.header("cf-cache-status") == Some("HIT") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("the peer never keeps its answer")
}

/// The bare worker, in the same workerd with the same cache behind it, and its object's storage on
/// the disk as ours is.
fn bare(folder: &Path) -> anyhow::Result<(Server, SocketAddr)> {
    let objects = folder.join("objects");
    std::fs::create_dir(&objects)?;
    std::fs::copy(root().join("tests/bench/workerd/bare.js"), folder.join("bare.js"))?;
    std::fs::copy(root().join("infra/edge/cache.js"), folder.join("cache.js"))?;
    let worker = r#"(
  modules = [(name = "bare.js", esModule = embed "bare.js")],
  compatibilityDate = "2026-04-01",
  bindings = [(name = "ONE", durableObjectNamespace = (className = "One"))],
  durableObjectNamespaces = [(className = "One", uniqueKey = "one", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),
  cacheApiOutbound = "cache",
);
const cache :Workerd.Worker = (
  modules = [(name = "cache.js", esModule = embed "cache.js")],
  compatibilityDate = "2026-04-01",
)"#;
    let services = format!(
        r#"(name = "cache", worker = .cache), (name = "objects", disk = (path = "{}", writable = true))"#,
        objects.display()
    );
    workerd(folder, &services, worker)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Starts workerd with one worker and whatever other services it has, in a folder where their
/// files are.
fn workerd(folder: &Path, services: &str, worker: &str) -> anyhow::Result<(Server, SocketAddr)> {
    let address = free()?;
    let config = format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), {services}],
  sockets = [(name = "http", address = "{address}", http = (), service = "main")],
);
const main :Workerd.Worker = {worker};
"#
    );
    std::fs::write(folder.join("config.capnp"), config)?;
    let mut command = Command::new(root().join("node_modules/.bin/workerd"));
    command.arg("serve").arg(folder.join("config.capnp"));
    let server = Server::start("workerd", &mut command)?;
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        ensure!(
            began.elapsed() < Duration::from_secs(30),
            "workerd does not listen"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok((server, address))
}

/// Verifying a token inside workerd, by the gateway's code in wasm and by npm's jose.
fn verified() -> anyhow::Result<Row> {
    let built = Command::new("infra/edge/build.sh")
        .current_dir(root())
        .env("PLUE_EDGE_BENCH", "1")
        .output()?;
    ensure!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let folder = tempfile::tempdir()?;
    for file in ["index.js", "index_bg.wasm"] {
        std::fs::copy(
            root().join("edge/cloudflare/build/bench").join(file),
            folder.path().join(file),
        )?;
    }
    let worker = r#"(
  modules = [
    (name = "index.js", esModule = embed "index.js"),
    (name = "index_bg.wasm", wasm = embed "index_bg.wasm"),
  ],
  compatibilityDate = "2026-04-01",
)"#;
    let (_server, address) = workerd(folder.path(), "", worker)?;
    let client = Client::new(&format!("http://{address}"))?;
    let ring = Keyring::derive(Purpose::Jwt, [SECRET]);
    let bytes = ring.current().context("the ring has a key")?.bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let now_s = 1_800_000_000_u64;
    let token = Signer::new(&ring).context("the ring has a key")?.sign(&Claims {
        sub: AccountId(42),
        sid: SessionId("01ARZ3NDEKTSV4RRFFQ69G5FAV".into()),
        name: "ada".parse().context("a plain name")?,
        admin: false,
        scopes: Scopes::of([Scope::Repo, Scope::User]),
        iat: now_s,
        exp: now_s + 900,
        nbf: None,
        iss: "plue".into(),
        aud: "plue-api".into(),
    });
    let rate = |side: &str, times: u32| -> anyhow::Result<f64> {
        let asked = serde_json::json!({
            "side": side, "token": token, "secret": SECRET, "bytes": hex, "now": now_s, "times": times,
        });
        let began = Instant::now();
        let reply = client.json("POST", "/", &asked)?;
        let took = began.elapsed().as_secs_f64();
        // A side that fails would look quick.
        ensure!(reply.text() == times.to_string(), "{side}: {}", reply.text());
        Ok(f64::from(times) / took)
    };
    // Both are compiled before anything counts.
    for _ in 0..5 {
        rate("jose", 2_000)?;
        rate("plue", 20_000)?;
    }
    let (peer, ours) = in_turn(9, || rate("jose", 5_000), || rate("plue", 50_000))?;
    Ok(Row::new(
        "JWT HS256 verify inside workerd",
        "jose in the same workerd",
        per_second(peer),
        per_second(ours),
        Verdict::AtLeast(ours / peer, 5.0),
    ))
}

/// Requests a second by wrk: one thread, sixteen connections, two seconds.
fn wrk(url: &str) -> anyhow::Result<f64> {
    let output = Command::new("wrk").args(["-t1", "-c16", "-d2s", url]).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success() && !said.contains("Non-2xx"), "{said}");
    let line = said.lines().find(|line| line.starts_with("Requests/sec:"));
    let figure = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(figure.with_context(|| said.clone())?.parse()?)
}

/// What the edge adds to an answer that only the coordinator has.
fn added(plue: &Plue, edge: &Edge, token: &str) -> anyhow::Result<[Row; 2]> {
    let ask = |base: &str| latencies(base, "/api/auth/me", token);
    // Both are warm before anything counts.
    ask(plue.http())?;
    ask(edge.url())?;
    let mut all = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        all[0].extend(ask(plue.http())?);
        all[1].extend(ask(edge.url())?);
    }
    for side in &mut all {
        side.sort_by(f64::total_cmp);
    }
    let row = |name: &str, part: f64, bar_ms: f64| {
        let at = |side: &[f64]| side[(side.len() as f64 * part) as usize];
        let (direct, through) = (at(&all[0]), at(&all[1]));
        Row::new(
            &format!("an API read through the edge, added latency, {name}, ms"),
            "the coordinator alone",
            format!("{direct:.2} ms"),
            format!("{through:.2} ms"),
            Verdict::AtMost(through - direct, bar_ms),
        )
    };
    Ok([row("p50", 0.5, 2.0), row("p99", 0.99, 10.0)])
}

/// A gibibyte pushed and cloned through the edge, and to and from the coordinator itself.
fn large(plue: &Plue, edge: &Edge, home: &Home, token: &str) -> anyhow::Result<[Row; 3]> {
    let work = home.at("large");
    home.git(home.path(), &["init", "-q", "large"])?;
    // What does not compress, and is not the same twice.
    let mut random = std::fs::File::open("/dev/urandom")?;
    for file in 0..16 {
        let mut piece = std::fs::File::create(work.join(format!("part-{file}")))?;
        std::io::copy(&mut (&mut random).take(1 << 26), &mut piece)?;
    }
    home.git(&work, &["add", "."])?;
    home.git(
        &work,
        &["-c", "core.compression=0", "commit", "-q", "-m", "a gibibyte"],
    )?;
    home.git(&work, &["config", "pack.compression", "0"])?;
    home.git(&work, &["repack", "-q", "-a", "-d"])?;
    home.remember(edge.url(), "ada", token)?;
    let timed = |args: &[&str], folder: &Path| {
        let began = Instant::now();
        home.git(folder, args)?;
        anyhow::Ok(began.elapsed().as_secs_f64())
    };
    let number = Cell::new(0);
    let push = |base: &str| {
        number.set(number.get() + 1);
        let address = format!("{base}/ada/large-{}", number.get());
        timed(&["push", "-q", &address, "HEAD:refs/heads/main"], &work)
    };
    let clone = |base: &str| {
        let address = format!("{base}/ada/large-1");
        let seconds = timed(&["clone", "-q", "--bare", &address, "cloned.git"], home.path())?;
        std::fs::remove_dir_all(home.at("cloned.git"))?;
        anyhow::Ok(seconds)
    };
    let (group, direct, through) = (edge.process().id(), plue.http(), edge.url());
    let grown = Cell::new(0);
    let watched = |work: &dyn Fn() -> anyhow::Result<f64>| {
        let (seconds, bytes) = growth_while(group, work);
        grown.set(grown.get().max(bytes));
        seconds
    };
    let pushed = in_turn(LARGE_ROUNDS, || push(direct), || watched(&|| push(through)))?;
    clone(direct)?;
    let cloned = in_turn(LARGE_ROUNDS, || clone(direct), || watched(&|| clone(through)))?;
    let row = |what: &str, (direct, through): (f64, f64)| {
        Row::new(
            what,
            "the coordinator itself",
            format!("{direct:.2} s"),
            format!("{through:.2} s"),
            Verdict::AtMost(through / direct, 1.1),
        )
    };
    let mib = grown.get() as f64 / f64::from(1 << 20);
    Ok([
        row("1 GiB pushed through workerd", pushed),
        row("1 GiB cloned through workerd", cloned),
        Row::new(
            "growth of the edge's memory meanwhile, MiB",
            "an isolate's 128 MiB",
            "128 MiB".into(),
            format!("{mib:.0} MiB"),
            Verdict::AtMost(mib, 128.0),
        ),
    ])
}

/// How long each of some requests took, one after the other on one connection, in milliseconds.
fn latencies(base: &str, target: &str, token: &str) -> anyhow::Result<Vec<f64>> {
    let host = base.strip_prefix("http://").context("plain HTTP")?;
    let mut socket = TcpStream::connect(host)?;
    socket.set_nodelay(true)?;
    let mut head = String::new();
    write!(
        head,
        "GET {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"
    )?;
    let mut buffer = vec![0; 64 * 1024];
    (0..REQUESTS)
        .map(|_| {
            let began = Instant::now();
            socket.write_all(head.as_bytes())?;
            let mut answer = Vec::new();
            loop {
                let length = socket.read(&mut buffer)?;
                ensure!(length > 0, "the server hung up");
                answer.extend_from_slice(&buffer[..length]);
                if is_whole(&answer) {
                    break;
                }
            }
            ensure!(
                answer.starts_with(b"HTTP/1.1 200"),
                "{}",
                String::from_utf8_lossy(&answer)
            );
            Ok(began.elapsed().as_secs_f64() * 1e3)
        })
        .collect()
}

/// Whether an answer is there to its end.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    match length {
        Some(length) => body.len() >= length,
        None => body.ends_with("0\r\n\r\n"),
    }
}

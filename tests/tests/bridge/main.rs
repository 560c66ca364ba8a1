//! The SSH door on a host of its own: `plue serve` and `plue-ssh-bridge` as two processes that
//! share a secret and nothing else.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

mod tls;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use plue_contract::bridge::{Ask, BridgeStatement, EXEC_PATH, IDENTIFY_PATH};
use plue_contract::headers::BRIDGE;
use plue_contract::seal::{Keyring, Purpose};
use plue_tests::git::{Home, Said};
use plue_tests::process::Server;
use plue_tests::serve::{Plue, Settings, binary};

const SECRET: &str = "4f1c9be27d50a8366e0d12c7b95a43f8e6710b2dc85f394a";
const OTHER_SECRET: &str = "b83e05d9147fca6290d6b1e8573c2f4a1d09e7c6f2358ba4";
/// How long the forge lets the body of a request stand still.
const IDLE: Duration = Duration::from_secs(2);
/// How large the pack of the large repository is: far more than all buffers on the way hold.
const LARGE_BYTES: usize = 24 << 20;
/// How fast the slow line is, in bytes a second.
const SLOW: u64 = 3 << 20;
/// How long anything may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(120);

fn forge() -> Plue {
    Settings::new()
        .unwrap()
        .env("PLUE_BRIDGE_SECRET", SECRET)
        .env("PLUE_BODY_IDLE_TIMEOUT", IDLE.as_secs().to_string())
        .start()
        .unwrap()
}

/// A bridge in a process of its own.
struct Bridge {
    address: SocketAddr,
    process: Server,
    _keys: tempfile::TempDir,
}

fn command(coordinator: &str, keys: &tempfile::TempDir) -> Command {
    let mut command = Command::new(binary("plue-ssh-bridge").unwrap());
    command
        .env_clear()
        .env("COORDINATOR_URL", coordinator)
        .env("SSH_HOST", "127.0.0.1")
        .env("SSH_PORT", "0")
        .env("SSH_HOST_KEY_DIR", keys.path())
        .env("SSH_ANONYMOUS_READ", "true");
    command
}

impl Bridge {
    fn start(plue: &Plue, secret: &str) -> Bridge {
        Bridge::start_at(plue.http(), secret, |command| command)
    }

    /// In front of the coordinator at an address, with more in its environment.
    fn start_at(
        coordinator: &str,
        secret: &str,
        change: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Bridge {
        let keys = tempfile::tempdir().unwrap();
        let mut command = command(coordinator, &keys);
        command.env("PLUE_BRIDGE_SECRET", secret);
        let mut process = Server::start("plue-ssh-bridge", change(&mut command)).unwrap();
        let line = process.line(LIMIT).unwrap();
        let address = line.strip_prefix("ssh://").unwrap().parse().unwrap();
        Bridge {
            address,
            process,
            _keys: keys,
        }
    }

    fn stop(self) {
        assert!(self.process.stop().unwrap().success());
    }
}

/// Makes a user whose only way to the forge is the bridge.
fn newcomer(plue: &Plue, name: &str, bridge: SocketAddr) -> Home {
    plue.user(name, "repo,user").unwrap();
    let home = Home::new().unwrap();
    let key = home.keygen("id", "ed25519", None).unwrap();
    plue.add_key(name, &key).unwrap();
    home.configure_ssh(bridge, &["id"]).unwrap();
    home
}

/// A repository of one file that cannot be compressed.
fn large_repository(home: &Home) -> PathBuf {
    let work = home.small_repository("large").unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(LARGE_BYTES / 8)
    .flatten()
    .collect();
    std::fs::write(work.join("noise"), noise).unwrap();
    home.git(&work, &["add", "noise"]).unwrap();
    home.git(&work, &["commit", "-q", "-m", "Make noise"]).unwrap();
    work
}

/// A line between clients and a server that carries no more than so many bytes a second to the clients.
struct Line {
    address: SocketAddr,
    carried: Arc<AtomicU64>,
}

impl Line {
    fn to(server: SocketAddr, bytes_per_second: u64) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let carried = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&carried);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(server).unwrap();
                let (mut up, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut up, &mut to_server);
                    let _ = to_server.shutdown(std::net::Shutdown::Write);
                });
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || carry(server, client, bytes_per_second, &counted));
            }
        });
        Line { address, carried }
    }

    /// Waits until so many bytes were carried to clients.
    fn await_carried(&self, bytes: u64) {
        let deadline = Instant::now() + LIMIT;
        while self.carried.load(Ordering::Relaxed) < bytes {
            assert!(Instant::now() < deadline, "the line stands still");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn carry(mut server: TcpStream, mut client: TcpStream, bytes_per_second: u64, carried: &AtomicU64) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        if client.write_all(&buffer[..read]).is_err() {
            return;
        }
        carried.fetch_add(read as u64, Ordering::Relaxed);
        std::thread::sleep(Duration::from_secs(read as u64) / u32::try_from(bytes_per_second).unwrap());
    }
    let _ = client.shutdown(std::net::Shutdown::Write);
}

#[test]
fn git_works_through_a_bridge_of_its_own() {
    let plue = forge();
    let bridge = Bridge::start(&plue, SECRET);
    let home = newcomer(&plue, "ada", bridge.address);
    let work = large_repository(&home);

    let hello = home.ssh(&["-T", "plue"]).unwrap();
    assert!(hello.ok, "{hello:?}");
    assert!(
        hello.out.starts_with("Hi ada! You are signed in to "),
        "{hello:?}"
    );

    home.git(&work, &["push", "-q", "ssh://plue/ada/engine", "main"])
        .unwrap();
    home.git(home.path(), &["clone", "-q", "ssh://plue/ada/engine", "clone"])
        .unwrap();
    let clone = home.at("clone");
    home.fsck(&clone).unwrap();
    assert_eq!(
        home.git(&clone, &["rev-parse", "HEAD"]).unwrap(),
        home.git(&work, &["rev-parse", "HEAD"]).unwrap()
    );
    // And the other way once more, so that a bridge's second command goes as well as its first.
    let tip = home.commit(&clone, "more.txt", "more\n", "More").unwrap();
    home.git(&clone, &["push", "-q", "origin", "main"]).unwrap();
    home.git(&work, &["pull", "-q", "ssh://plue/ada/engine", "main"])
        .unwrap();
    assert_eq!(home.git(&work, &["rev-parse", "HEAD"]).unwrap(), tip);

    let remote = home.git_bytes(
        home.path(),
        &[
            "archive",
            "--remote=ssh://plue/ada/engine",
            "--format=tar",
            "main",
        ],
        b"",
    );
    let local = home.git_bytes(&work, &["archive", "--format=tar", "main"], b"");
    assert!(
        remote.unwrap() == local.unwrap(),
        "the same archive as a local one"
    );

    // A client that reads its clone says nothing meanwhile, and may take far longer than a body may
    // stand still. In version 2 git closes its side first; before that it keeps it open.
    let line = Line::to(bridge.address, SLOW);
    home.configure_ssh(line.address, &["id"]).unwrap();
    for version in ["0", "2"] {
        let (version, folder) = (format!("protocol.version={version}"), format!("slow-{version}"));
        let begun = Instant::now();
        home.git(
            home.path(),
            &["-c", &version, "clone", "-q", "ssh://plue/ada/engine", &folder],
        )
        .unwrap();
        assert!(begun.elapsed() > 2 * IDLE, "{:?} is not slow", begun.elapsed());
        home.fsck(&home.at(folder)).unwrap();
    }

    bridge.stop();
    plue.stop().unwrap();
}

#[test]
fn without_a_key_one_can_fetch_what_is_public_and_nothing_else() {
    let plue = forge();
    let bridge = Bridge::start(&plue, SECRET);
    let ada = newcomer(&plue, "ada", bridge.address);
    let work = ada.small_repository("work").unwrap();
    plue.admin(&["repo", "create", "ada/open"]).unwrap();
    for name in ["open", "hidden"] {
        // What is made by a push is private.
        ada.git(&work, &["push", "-q", &format!("ssh://plue/ada/{name}"), "main"])
            .unwrap();
    }
    let nobody = Home::new().unwrap();
    nobody.configure_ssh(bridge.address, &[]).unwrap();
    let git = |args: &[&str]| nobody.try_git(nobody.path(), args).unwrap();
    let cloned = git(&["clone", "-q", "ssh://anonymous@plue/ada/open", "open"]);
    assert!(cloned.ok, "{cloned:?}");
    nobody.fsck(&nobody.at("open")).unwrap();

    let refused = |said: &Said| {
        assert!(!said.ok, "{said:?}");
        assert!(
            said.err
                .contains("Without a key you can clone and fetch public repositories"),
            "{said:?}"
        );
    };
    for name in ["open", "hidden", "absent"] {
        let address = format!("ssh://anonymous@plue/ada/{name}");
        refused(&git(&["archive", &format!("--remote={address}"), "main"]));
        refused(&git(&["-C", "open", "push", &address, "HEAD:refs/heads/mine"]));
    }
    let ask = |name: &str| {
        let said = git(&["ls-remote", &format!("ssh://anonymous@plue/ada/{name}")]);
        assert!(!said.ok && said.out.is_empty(), "{said:?}");
        said.err.replace(name, "NAME")
    };
    assert_eq!(ask("hidden"), ask("absent"));
    bridge.stop();
    plue.stop().unwrap();
}

#[test]
fn without_the_secret_a_bridge_gets_nothing() {
    let plue = forge();
    let bridge = Bridge::start(&plue, OTHER_SECRET);
    let home = newcomer(&plue, "ada", bridge.address);
    plue.admin(&["repo", "create", "ada/open"]).unwrap();
    let hello = home.ssh(&["-T", "plue"]).unwrap();
    assert!(!hello.ok && hello.out.is_empty(), "{hello:?}");
    assert!(
        hello.err.contains("The forge does not accept this SSH bridge"),
        "{hello:?}"
    );
    for address in ["ssh://plue/ada/open", "ssh://anonymous@plue/ada/open"] {
        let said = home.try_git(home.path(), &["ls-remote", address]).unwrap();
        assert!(!said.ok && said.out.is_empty(), "{said:?}");
        assert!(
            said.err.contains("The forge does not accept this SSH bridge"),
            "{said:?}"
        );
    }
    bridge.stop();

    let keys = tempfile::tempdir().unwrap();
    let mut none = Server::start("plue-ssh-bridge", &mut command(plue.http(), &keys)).unwrap();
    assert_eq!(none.wait(LIMIT).unwrap().code(), Some(1));
    std::thread::sleep(Duration::from_millis(100));
    assert!(
        none.errors().contains("PLUE_BRIDGE_SECRET is missing"),
        "{}",
        none.errors()
    );

    // Nor does a program of somebody's own, with no statement, a foreign one, or one that is over.
    let listed = home
        .command("ssh-keygen")
        .args(["-l", "-f"])
        .arg(home.at(".ssh/id.pub"))
        .output()
        .unwrap();
    let listed = Said::from(listed).out;
    let fingerprint = listed.split(' ').nth(1).unwrap();
    let sealed = |secret: &str, ask: Ask, age: Duration| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let statement = BridgeStatement {
            iat_ms: u64::try_from((now - age).as_millis()).unwrap(),
            connection_id: "1".to_owned(),
            fingerprint: Some(fingerprint.to_owned()),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ask,
        };
        statement
            .seal(&Keyring::derive(Purpose::Bridge, [secret]))
            .unwrap()
    };
    let greeting = Ask::Exec {
        command: None,
        git_protocol: None,
    };
    let post = |path: &str, statement: &str| {
        let kind = ("content-type", "application/octet-stream");
        plue.client()
            .send("POST", path, &[kind, (BRIDGE, statement)], b"")
            .unwrap()
    };
    let hour = Duration::from_secs(3_600);
    for (path, ask, right) in [
        (IDENTIFY_PATH, Ask::Identify, "{\"known\":true}"),
        (EXEC_PATH, greeting, "Hi ada!"),
    ] {
        let good = post(path, &sealed(SECRET, ask.clone(), Duration::ZERO));
        assert!(good.status == 200 && good.text().contains(right), "{good:?}");
        for bad in [
            String::new(),
            SECRET.to_owned(),
            sealed(OTHER_SECRET, ask.clone(), Duration::ZERO),
            sealed(SECRET, ask.clone(), hour),
        ] {
            let refused = post(path, &bad);
            assert_eq!(refused.status, 401, "{path} {bad}: {refused:?}");
            // Not the bare name: a request id in hex digits may well hold those letters.
            let told = refused.text();
            assert!(!told.contains("known") && !told.contains("Hi ada"), "{refused:?}");
        }
    }
    // A statement for a question runs no command, and the other way about.
    let swapped = post(EXEC_PATH, &sealed(SECRET, Ask::Identify, Duration::ZERO));
    assert_eq!(swapped.status, 401, "{swapped:?}");
    plue.stop().unwrap();
}

#[test]
fn the_user_reads_why_when_the_forge_dies_in_the_middle() {
    let plue = forge();
    let bridge = Bridge::start(&plue, SECRET);
    let home = newcomer(&plue, "ada", bridge.address);
    let work = large_repository(&home);
    home.git(&work, &["push", "-q", "ssh://plue/ada/engine", "main"])
        .unwrap();
    let line = Line::to(bridge.address, SLOW);
    home.configure_ssh(line.address, &["id"]).unwrap();
    let clone = home
        .command("git")
        .args(["clone", "ssh://plue/ada/engine", "clone"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    line.await_carried(4 << 20);
    let settings = plue.kill().unwrap();
    let said = Said::from(clone.wait_with_output().unwrap());
    assert!(!said.ok, "{said:?}");
    assert!(
        said.err
            .contains("The connection to the forge was lost before the command was done"),
        "{said:?}"
    );
    let away = home.ssh(&["-T", "plue"]).unwrap();
    assert!(
        away.err
            .contains("The forge cannot be reached right now; please try again in a minute."),
        "{away:?}"
    );
    bridge.stop();
    drop(settings);
}

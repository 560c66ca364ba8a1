//! A PostgreSQL server for the tests of one process, and a fresh database for each test.
//!
//! The server is started at the first question, listens on a socket in a temporary folder only,
//! and ends with the process, however that ends. Nothing is installed: where the server's
//! programs are absent, the tests that want it say so and how to enable them.

use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Set to `postgres` (or a list that has it), tests fail where they would be skipped.
pub const REQUIRE: &str = "PLUE_TESTS_REQUIRE";

/// How long the server may take to come up.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The keeper: starts the server, waits until the test process is gone (its end of the pipe
/// closes), stops the server and removes the folder.
const KEEPER: &str = r#"
trap '' INT TERM HUP
dir=$1; shift
"$@" >"$dir/log" 2>&1 &
server=$!
cat >/dev/null
kill -INT $server
wait $server
rm -rf "$dir"
"#;

/// The URL of an empty database of its own, on this process's server; none, with a line on
/// standard error, where PostgreSQL's programs are absent.
pub fn database_url() -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| match Programs::find() {
        Some(programs) => Some(Server::start(programs).expect("because PostgreSQL's programs are here")),
        None => {
            let required = std::env::var(REQUIRE).is_ok_and(|list| list.contains("postgres"));
            assert!(
                !required,
                "{REQUIRE} asks for PostgreSQL, and neither PATH nor /usr/lib/postgresql has it"
            );
            eprintln!(
                "skipped on PostgreSQL: `initdb`, `postgres` and `psql` are neither on PATH nor in \
                 /usr/lib/postgresql; install the package `postgresql` to run this"
            );
            None
        }
    });
    let server = server.as_ref()?;
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let made = server.psql("postgres", &format!("CREATE DATABASE {name}"));
    assert!(
        made.status.success(),
        "CREATE DATABASE: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    let socket = server.dir.display().to_string().replace('/', "%2F");
    Some(format!("postgres://plue@{socket}/{name}"))
}

/// The folder with the programs, and who runs them.
struct Programs {
    bin: PathBuf,
    /// As whom, where we are root: the server refuses to be.
    user: Option<User>,
}

struct User {
    uid: u32,
    gid: u32,
}

impl Programs {
    fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut bins: Vec<PathBuf> = std::env::split_paths(&path).collect();
        if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
            bins.extend(versions.flatten().map(|version| version.path().join("bin")));
        }
        let has_all = |bin: &PathBuf| {
            ["initdb", "postgres", "psql"]
                .iter()
                .all(|p| bin.join(p).is_file())
        };
        let bin = bins.into_iter().find(has_all)?;
        let user = if number("id", &["-u"])? == 0 {
            Some(["postgres", "nobody"].iter().find_map(|name| {
                let (uid, gid) = (number("id", &["-u", name])?, number("id", &["-g", name])?);
                Some(User { uid, gid })
            })?)
        } else {
            None
        };
        Some(Self { bin, user })
    }

    /// The words that run a program as the right user.
    fn words(&self, program: &str) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(User { uid, gid }) = self.user {
            words.extend([
                "setpriv".to_owned(),
                format!("--reuid={uid}"),
                format!("--regid={gid}"),
            ]);
            words.extend(["--clear-groups".to_owned(), "--".to_owned()]);
        }
        words.push(self.bin.join(program).display().to_string());
        words
    }
}

fn number(program: &str, arguments: &[&str]) -> Option<u32> {
    let output = Command::new(program)
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

struct Server {
    programs: Programs,
    dir: PathBuf,
    /// Its pipe tells the keeper that this process lives.
    _keeper: std::process::Child,
}

impl Server {
    fn start(programs: Programs) -> io::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("plue-postgres-")
            .tempdir_in("/tmp")?
            .keep();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700))?;
        if let Some(User { uid, gid }) = programs.user {
            chown(&dir, Some(uid), Some(gid))?;
        }
        let data = dir.join("data");
        let initdb = programs.words("initdb");
        let output = clean(Command::new(&initdb[0]), &dir)
            .args(&initdb[1..])
            .args([
                "--username=plue",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .output()?;
        if !output.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ));
        }
        let mut words = programs.words("postgres");
        words.extend([
            "-D".to_owned(),
            data.display().to_string(),
            "-k".to_owned(),
            dir.display().to_string(),
        ]);
        // Tests are about what the engine decides; what survives a loss of power is another's.
        for setting in [
            "listen_addresses=",
            "fsync=off",
            "max_connections=300",
            "shared_buffers=32MB",
        ] {
            words.extend(["-c".to_owned(), setting.to_owned()]);
        }
        let keeper = clean(Command::new("/bin/sh"), &dir)
            .args(["-c", KEEPER, "keeper"])
            .arg(&dir)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self {
            programs,
            dir,
            _keeper: keeper,
        };
        let begun = Instant::now();
        loop {
            let answer = server.psql("postgres", "SELECT 1");
            if answer.status.success() {
                return Ok(server);
            }
            if begun.elapsed() > START_LIMIT {
                let log = std::fs::read_to_string(server.dir.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("PostgreSQL did not come up: {log}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn psql(&self, database: &str, sql: &str) -> Output {
        clean(Command::new(self.programs.bin.join("psql")), &self.dir)
            .args(["-X", "-q", "-U", "plue", "-h"])
            .arg(&self.dir)
            .args(["-d", database, "-c", sql])
            .output()
            .expect("because psql was found")
    }
}

/// A child that inherits nothing but where programs are.
fn clean(mut command: Command, dir: &Path) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C")
        .current_dir(dir)
        .stdin(Stdio::null());
    command
}

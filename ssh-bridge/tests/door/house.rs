//! The house behind the door, and the people in front of it.

use plue_contract::bridge::Identity;
use plue_ssh_bridge::{
    Backend, BackendError, BridgeConfig, Connection, Exec, HostKeys, Input, Output, serve,
};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Every test ends within this time, or has failed.
pub const LIMIT: Duration = Duration::from_secs(120);

/// A backend that runs real git, and a few words of its own for tests of streams.
pub struct House {
    pub dir: TempDir,
    pub known: Mutex<HashSet<String>>,
    pub seen: Mutex<Vec<(Connection, Exec)>>,
    pub running: AtomicUsize,
    pub abandoned: AtomicUsize,
}

/// Counts a command as running until it ends, and as abandoned where it does so early.
struct Running<'a>(&'a House, bool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        if !self.1 {
            self.0.abandoned.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl House {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            dir: tempfile::tempdir().expect("a folder"),
            known: Mutex::default(),
            seen: Mutex::default(),
            running: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
        })
    }

    pub fn seen(&self) -> Vec<Exec> {
        let seen = self.seen.lock().expect("no test panicked");
        seen.iter().map(|(_, exec)| exec.clone()).collect()
    }

    pub fn addresses(&self) -> Vec<String> {
        let seen = self.seen.lock().expect("no test panicked");
        seen.iter()
            .map(|(connection, _)| connection.address.to_string())
            .collect()
    }

    pub fn knows(&self, fingerprint: &str) -> Identity {
        let known = self.known.lock().expect("no test panicked").contains(fingerprint);
        Identity { known }
    }

    /// Makes a bare repository with this name.
    pub fn bare(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        run(
            "git",
            &["init", "-q", "--bare", "-b", "main", &path.to_string_lossy()],
        );
        path
    }

    pub async fn run<I, O, E>(
        &self,
        connection: &Connection,
        exec: Exec,
        mut input: I,
        mut output: O,
        mut errors: E,
    ) -> std::io::Result<u32>
    where
        I: AsyncRead + Send + Unpin,
        O: AsyncWrite + Send + Unpin,
        E: AsyncWrite + Send + Unpin,
    {
        self.seen
            .lock()
            .expect("no test panicked")
            .push((connection.clone(), exec.clone()));
        self.running.fetch_add(1, Ordering::SeqCst);
        let mut running = Running(self, false);
        let Some(line) = &exec.command else {
            let who = exec.fingerprint.unwrap_or("anonymous".to_owned());
            output.write_all(format!("Hello, {who}!\n").as_bytes()).await?;
            running.1 = true;
            return Ok(0);
        };
        let words: Vec<&str> = line.split(' ').collect();
        let status = match words[..] {
            [
                service @ ("git-upload-pack" | "git-receive-pack" | "git-upload-archive"),
                name,
            ] => {
                let path = self.dir.path().join(name.trim_matches(['\'', '/']));
                let mut child = Command::new("git")
                    .arg(service.trim_start_matches("git-"))
                    .arg(path)
                    .envs(
                        exec.git_protocol
                            .as_ref()
                            .map(|value| ("GIT_PROTOCOL", value.clone())),
                    )
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .kill_on_drop(true)
                    .spawn()?;
                let mut stdin = child.stdin.take().expect("piped");
                let mut stdout = child.stdout.take().expect("piped");
                let mut stderr = child.stderr.take().expect("piped");
                let feed = async {
                    // A child that has read enough closes its end first.
                    let _ = tokio::io::copy(&mut input, &mut stdin).await;
                    drop(stdin);
                };
                let drain = async {
                    tokio::try_join!(
                        tokio::io::copy(&mut stdout, &mut output),
                        tokio::io::copy(&mut stderr, &mut errors),
                    )
                };
                tokio::pin!(feed);
                tokio::pin!(drain);
                tokio::select! {
                    drained = &mut drain => drained?,
                    () = &mut feed => drain.await?,
                };
                u32::try_from(child.wait().await?.code().unwrap_or(1)).unwrap_or(1)
            }
            ["flood", bytes] => {
                let mut left: usize = bytes.parse().expect("a number");
                let piece: Vec<u8> = (0..=255).cycle().take(100_003).collect();
                while left > 0 {
                    let taken = left.min(piece.len());
                    output.write_all(&piece[..taken]).await?;
                    left -= taken;
                }
                0
            }
            ["count"] => {
                let (mut sum, mut total) = (0_u64, 0_u64);
                let mut buffer = vec![0; 65_536];
                loop {
                    let read = input.read(&mut buffer).await?;
                    if read == 0 {
                        break;
                    }
                    total += read as u64;
                    sum = buffer[..read]
                        .iter()
                        .fold(sum, |sum, &byte| sum.wrapping_mul(31) + u64::from(byte));
                }
                output.write_all(format!("{total} {sum}").as_bytes()).await?;
                0
            }
            ["slowly"] => {
                tokio::time::sleep(Duration::from_millis(1_500)).await;
                let read = tokio::io::copy(&mut input, &mut tokio::io::sink()).await?;
                output.write_all(read.to_string().as_bytes()).await?;
                0
            }
            ["both"] => {
                output.write_all(b"to the left").await?;
                errors.write_all(b"to the right").await?;
                7
            }
            ["sleep", millis] => {
                let millis = millis.parse().expect("a number");
                tokio::time::sleep(Duration::from_millis(millis)).await;
                output.write_all(b"slept").await?;
                0
            }
            _ => {
                errors.write_all(b"unknown command\n").await?;
                127
            }
        };
        running.1 = true;
        Ok(status)
    }
}

/// The house as the door's backend. (A newtype, because `Arc` is not ours.)
pub struct Inside(pub Arc<House>);

impl Backend for Inside {
    async fn identify(&self, _: &Connection, fingerprint: &str) -> Result<Identity, BackendError> {
        Ok(self.0.knows(fingerprint))
    }

    async fn exec(
        &self,
        connection: &Connection,
        exec: Exec,
        input: Input,
        output: Output,
        errors: Output,
    ) -> Result<u32, BackendError> {
        let done = self.0.run(connection, exec, input, output, errors).await;
        done.map_err(|error| BackendError::Internal(Box::new(error)))
    }
}

/// A door that is open.
pub struct Open {
    pub address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
    _keys: TempDir,
}

impl Open {
    pub async fn new(config: BridgeConfig, backend: impl Backend) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let file = keygen(dir.path(), "host", &["-t", "ed25519"]);
        let keys = HostKeys::from_files(&[file]).expect("a host key");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(serve(
            config,
            keys,
            backend,
            listener,
            shutdown.clone().cancelled_owned(),
        ));
        Self {
            address,
            shutdown,
            served,
            _keys: dir,
        }
    }

    /// Begins the shutdown.
    pub fn shut(&self) {
        self.shutdown.cancel();
    }

    /// Begins the shutdown, and waits for its end.
    pub async fn close(self) {
        self.shut();
        let served = tokio::time::timeout(LIMIT, self.served).await.expect("in time");
        served.expect("no panic").expect("no error");
    }
}

/// Somebody with a key and a client of their own.
pub struct Person {
    pub dir: TempDir,
    pub key: PathBuf,
}

impl Person {
    /// Somebody whose key is not known.
    pub fn stranger(key_type: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let key = keygen(dir.path(), "id", key_type);
        Self { dir, key }
    }

    /// Somebody whom the house knows.
    pub fn member(house: &House) -> Self {
        Self::member_with(house, &["-t", "ed25519"])
    }

    pub fn member_with(house: &House, key_type: &[&str]) -> Self {
        let person = Self::stranger(key_type);
        let fingerprint = person.fingerprint();
        house.known.lock().expect("no test panicked").insert(fingerprint);
        person
    }

    pub fn fingerprint(&self) -> String {
        let line = run("ssh-keygen", &["-lf", &self.key.to_string_lossy()]);
        line.split(' ').nth(1).expect("a fingerprint").to_owned()
    }

    fn options(&self, address: SocketAddr) -> Vec<String> {
        let known = self.dir.path().join("known_hosts");
        let mut options = vec!["-F".into(), "/dev/null".into()];
        for option in [
            "BatchMode=yes".into(),
            "IdentitiesOnly=yes".into(),
            "StrictHostKeyChecking=accept-new".into(),
            "ConnectTimeout=20".into(),
            format!("UserKnownHostsFile={}", known.display()),
            format!("IdentityFile={}", self.key.display()),
            format!("Port={}", address.port()),
        ] {
            options.extend(["-o".to_owned(), option]);
        }
        options
    }

    /// Prepares OpenSSH; options come before the destination.
    pub fn ssh(&self, address: SocketAddr, options: &[&str], line: Option<&str>) -> Command {
        self.ssh_as("git", address, options, line)
    }

    pub fn ssh_as(&self, user: &str, address: SocketAddr, options: &[&str], line: Option<&str>) -> Command {
        let mut command = Command::new("ssh");
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .args(self.options(address))
            .args(options)
            .arg(format!("{user}@{}", address.ip()))
            .args(line)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs git in this person's folder, with this person's key.
    pub async fn git(&self, address: SocketAddr, args: &[&str]) -> Outcome {
        let mut command = Command::new("git");
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env(
                "GIT_SSH_COMMAND",
                format!("ssh {}", self.options(address).join(" ")),
            )
            .envs(
                ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"]
                    .iter()
                    .map(|name| (*name, "Ada")),
            )
            .envs(
                ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"]
                    .iter()
                    .map(|name| (*name, "a@b")),
            )
            .current_dir(self.dir.path())
            .args(args)
            .kill_on_drop(true);
        outcome(command).await
    }
}

/// What a program said.
#[derive(Debug)]
pub struct Outcome {
    pub status: Option<i32>,
    pub output: String,
    pub errors: String,
}

pub async fn outcome(mut command: Command) -> Outcome {
    let done = tokio::time::timeout(LIMIT, command.output())
        .await
        .unwrap_or_else(|_| panic!("{command:?} does not end"))
        .expect("the program runs");
    Outcome {
        status: done.status.code(),
        output: String::from_utf8_lossy(&done.stdout).into_owned(),
        errors: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// Waits until it is so.
pub async fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn keygen(dir: &Path, name: &str, key_type: &[&str]) -> PathBuf {
    let file = dir.join(name);
    let mut args = vec!["-q", "-N", ""];
    args.extend(key_type);
    let path = file.to_string_lossy().into_owned();
    args.extend(["-f", &path]);
    run("ssh-keygen", &args);
    file
}

fn run(program: &str, args: &[&str]) -> String {
    let done = std::process::Command::new(program)
        .args(args)
        .output()
        .expect("the program runs");
    assert!(done.status.success(), "{program} {args:?}: {done:?}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

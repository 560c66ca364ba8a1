//! The real `plue serve`, from its binary, on ports that the system picks.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use plue_gateway::limits::Preset;
use serde_json::Value;

use crate::git::{Home, Said};
use crate::http::Client;
use crate::process::Server;
use crate::trace;

/// How long a start may take on a machine that is busy with other tests.
const STARTING: Duration = Duration::from_secs(60);

/// Rate limits that nothing reaches, as the coordinator's and the edge's settings write them.
pub fn no_limits() -> String {
    let limits: Vec<String> = Preset::ALL
        .iter()
        .map(|preset| format!("{}=100000000/60s", preset.name()))
        .collect();
    limits.join(",")
}

/// A forge that was started for one test.
#[derive(Debug)]
pub struct Plue {
    server: Server,
    settings: Settings,
    http: String,
    ssh: SocketAddr,
}

/// How to start it: where its data lies, and what its environment holds.
#[derive(Debug)]
pub struct Settings {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
    trace: Option<PathBuf>,
}

impl Settings {
    /// A fresh data folder and nothing in the environment.
    pub fn new() -> anyhow::Result<Settings> {
        let folder = tempfile::Builder::new().prefix("plue-data-").tempdir()?;
        std::fs::create_dir(folder.path().join("tmp"))?;
        Ok(Settings {
            folder,
            environment: Vec::new(),
            trace: None,
        })
    }

    /// The same with a variable set; a later value wins.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Settings {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The same with every rate limit out of reach of what a test or a benchmark asks.
    pub fn without_limits(self) -> Settings {
        self.env("PLUE_LIMITS", no_limits())
    }

    /// The same without a variable.
    pub fn without(mut self, name: &str) -> Settings {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// The same with the server's system calls written to a file, which [`crate::trace::read`] reads.
    pub fn traced(mut self, file: &Path) -> Settings {
        self.trace = Some(file.to_owned());
        self
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder that the server has for temporary files of its own.
    pub fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    fn command(&self) -> anyhow::Result<Command> {
        Ok(self.in_environment(Command::new(binary("plue")?)))
    }

    fn in_environment(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
            )
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.temporary())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path());
        command
    }

    /// Runs a `plue` command that is not the server.
    pub fn run(&self, args: &[&str]) -> anyhow::Result<Said> {
        Ok(self.command()?.args(args).stdin(Stdio::null()).output()?.into())
    }

    /// Starts the server without waiting for it to be ready.
    pub fn spawn(&self) -> anyhow::Result<Server> {
        let mut command = match &self.trace {
            None => self.command()?,
            Some(file) => {
                let mut tracer = trace::command(file);
                tracer.arg(binary("plue")?);
                self.in_environment(tracer)
            }
        };
        command.args([
            "serve",
            "--json",
            "--http",
            "127.0.0.1:0",
            "--ssh",
            "127.0.0.1:0",
            "--data-dir",
        ]);
        command.arg(self.data());
        Server::start("plue serve", &mut command)
    }

    /// Starts the server and waits until it answers.
    pub fn start(self) -> anyhow::Result<Plue> {
        self.try_start().map_err(|(error, _)| error)
    }

    /// Starts the server and waits until it answers; where it does not, the settings come back.
    pub fn try_start(self) -> Result<Plue, (anyhow::Error, Settings)> {
        match self.spawn_and_wait() {
            Ok((server, http, ssh)) => Ok(Plue {
                server,
                settings: self,
                http,
                ssh,
            }),
            Err(error) => Err((error, self)),
        }
    }

    fn spawn_and_wait(&self) -> anyhow::Result<(Server, String, SocketAddr)> {
        let mut server = self.spawn()?;
        let line = server.line(STARTING)?;
        let said: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        let http = said["http"]
            .as_str()
            .context("the address of HTTP")?
            .trim_end_matches('/')
            .to_owned();
        let ssh = said["ssh"].as_str().context("the address of SSH")?;
        let ssh = ssh
            .trim_start_matches("ssh://")
            .parse()
            .with_context(|| ssh.to_owned())?;
        Ok((server, http, ssh))
    }
}

impl Plue {
    /// Starts a forge on SQLite and a folder, as `make run` does.
    pub fn start() -> anyhow::Result<Plue> {
        Settings::new()?.start()
    }

    /// The address of HTTP, without a slash at its end.
    pub fn http(&self) -> &str {
        &self.http
    }

    /// The address of SSH.
    pub fn ssh(&self) -> SocketAddr {
        self.ssh
    }

    /// A client for HTTP without credentials.
    pub fn client(&self) -> Client {
        Client::new(&self.http).expect("because the address was parsed when the server gave it")
    }

    /// Data folder and environment.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.settings.data()
    }

    /// The process.
    pub fn process(&self) -> &Server {
        &self.server
    }

    /// Runs `plue admin --json …` against this server and answers the object that it prints.
    pub fn admin(&self, args: &[&str]) -> anyhow::Result<Value> {
        let said = self.try_admin(args)?;
        ensure!(
            said.ok,
            "plue admin {args:?} ended with {}:\n{}",
            said.code,
            said.err
        );
        serde_json::from_str(&said.out).with_context(|| said.out.clone())
    }

    /// Runs `plue admin --json …` and answers what it said, whatever the outcome.
    pub fn try_admin(&self, args: &[&str]) -> anyhow::Result<Said> {
        let data = self.data();
        let data = data.to_str().context("a temporary path is text")?;
        self.settings
            .run(&[&["admin", "--data-dir", data, "--json"], args].concat())
    }

    /// Makes an account with a token of these scopes and answers the token.
    pub fn user(&self, name: &str, scopes: &str) -> anyhow::Result<String> {
        self.admin(&["user", "create", name])?;
        self.token(name, scopes)
    }

    /// Makes an account that signs in with a password.
    pub fn user_with_password(&self, name: &str, password: &str) -> anyhow::Result<()> {
        let mut command = self.settings.command()?;
        command.args(["admin", "--json", "--data-dir"]).arg(self.data());
        command.args(["user", "create", name, "--password-stdin"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        writeln!(child.stdin.take().context("the input was piped")?, "{password}")?;
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Makes one more token for an account.
    pub fn token(&self, name: &str, scopes: &str) -> anyhow::Result<String> {
        let made = self.admin(&["token", "create", "--user", name, "--scopes", scopes])?;
        made["token"]
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("a token in {made}"))
    }

    /// Registers a public key for an account.
    pub fn add_key(&self, user: &str, public_key: &Path) -> anyhow::Result<Value> {
        let file = public_key.to_str().context("a temporary path is text")?;
        self.admin(&["key", "add", "--user", user, "--name", "test key", "--file", file])
    }

    /// The address that git clones a repository from over HTTP.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}.git", self.http)
    }

    /// Makes a user who can push over HTTP and SSH, with a home that knows how.
    pub fn newcomer(&self, name: &str) -> anyhow::Result<(Home, String)> {
        let token = self.user(name, "repo,user")?;
        let home = Home::new()?;
        home.remember(&self.http, name, &token)?;
        let key = home.keygen("id", "ed25519", None)?;
        self.add_key(name, &key)?;
        home.configure_ssh(self.ssh, &["id"])?;
        Ok((home, token))
    }

    /// Asks the server to end, fails where it leaves anything alive, and answers how it can be started again.
    pub fn stop(self) -> anyhow::Result<Settings> {
        let errors = self.server.errors();
        let ended = self.server.stop()?;
        ensure!(ended.success(), "plue serve ended with {ended}:\n{errors}");
        Ok(self.settings)
    }

    /// Kills the server without warning and answers how it can be started again.
    pub fn kill(self) -> anyhow::Result<Settings> {
        self.server.kill()?;
        Ok(self.settings)
    }

    /// Waits for the server to end by itself, as at a fail point, and answers how it can be started again.
    pub fn await_end(mut self) -> anyhow::Result<Settings> {
        self.server.wait(STARTING)?;
        self.server.expect_nothing_alive()?;
        Ok(self.settings)
    }
}

/// Finds one of Plue's programs, building it if nobody has said where it is (`PLUE_BIN_DIR`).
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FOLDER.get_or_init(|| build().map_err(|error| format!("{error:#}"))) {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) => bail!("{error}"),
    }
}

fn build() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("PLUE_BIN_DIR") {
        return Ok(folder.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args([
            "build",
            "--quiet",
            "--message-format=json",
            "-p",
            "plue",
            "--features",
            "plue/failpoints",
        ])
        .args(["-p", "plue-ssh-bridge", "--bins"]);
    // Set for the build of this test, and no business of the other.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let output = command.stderr(Stdio::inherit()).output().context("cargo")?;
    ensure!(output.status.success(), "plue could not be built");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .find_map(|program| {
            program
                .ends_with("plue")
                .then(|| program.parent().map(Path::to_owned))?
        })
        .context("cargo has built plue and not said where")
}

//! The real worker in plain workerd, built and started by the scripts that `make run` uses.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::http::Client;
use crate::process::Server;

/// How long a start may take on a machine that is busy with other tests.
const STARTING: Duration = Duration::from_secs(60);

/// An edge that was started for one test.
#[derive(Debug)]
pub struct Edge {
    server: Server,
    settings: Settings,
    url: String,
}

/// How to start an edge: in front of whom, where its Durable Objects lie, and what it is told.
#[derive(Debug)]
pub struct Settings {
    folder: tempfile::TempDir,
    listen: SocketAddr,
    origin: String,
    secrets: BTreeMap<String, String>,
    vars: BTreeMap<String, String>,
    floods: Option<&'static str>,
    fail_points: bool,
}

impl Settings {
    /// An edge in front of a coordinator, with Durable Objects that remember nothing yet.
    pub fn new(origin: &str) -> anyhow::Result<Settings> {
        Ok(Settings {
            folder: tempfile::Builder::new().prefix("plue-edge-").tempdir()?,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            origin: origin.to_owned(),
            secrets: BTreeMap::new(),
            vars: BTreeMap::new(),
            floods: None,
            fail_points: false,
        })
    }

    /// The same with a secret (`EDGE_SECRET`, `JWT_SECRET`, …).
    pub fn secret(mut self, name: &str, value: &str) -> Settings {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with the secrets that a coordinator keeps in its data folder.
    pub fn secrets_of(mut self, data: &Path) -> anyhow::Result<Settings> {
        for (name, file) in [("EDGE_SECRET", "edge-secret"), ("JWT_SECRET", "jwt-secret")] {
            let path = data.join("secrets").join(file);
            let value = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            self = self.secret(name, value.trim_end_matches('\n'));
        }
        Ok(self)
    }

    /// The same with a variable of wrangler.toml set to something else.
    pub fn var(mut self, name: &str, value: &str) -> Settings {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with the platform's limiter before the exact ones, as `requests/seconds` for each key.
    pub fn floods(mut self, rate: &'static str) -> Settings {
        self.floods = Some(rate);
        self
    }

    /// The same on an address that somebody was told of before.
    pub fn listen(mut self, address: SocketAddr) -> Settings {
        self.listen = address;
        self
    }

    /// The same in front of another coordinator.
    pub fn origin(mut self, origin: &str) -> Settings {
        self.origin = origin.to_owned();
        self
    }

    /// The same with the worker that panics where a request's `x-fail-point` header says so.
    pub fn fail_points(mut self) -> Settings {
        self.fail_points = true;
        self
    }

    /// Where the Durable Objects and the generated configuration lie.
    pub fn state(&self) -> &Path {
        self.folder.path()
    }

    /// Builds the worker if it is not, starts it, and waits until it listens.
    pub fn start(self) -> anyhow::Result<Edge> {
        let worker = build(self.fail_points)?;
        let mut command = Command::new("node");
        command
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
            )
            .envs(&self.secrets)
            .current_dir(root())
            .args(["infra/edge/serve.mjs", "--listen"])
            .arg(self.listen.to_string())
            .arg("--origin")
            .arg(&self.origin)
            .arg("--state")
            .arg(self.folder.path())
            .arg("--build")
            .arg(worker);
        if let Some(rate) = self.floods {
            command.args(["--floods", rate]);
        }
        for (name, value) in &self.vars {
            command.arg("--var").arg(format!("{name}={value}"));
        }
        let mut server = Server::start("the edge", &mut command)?;
        let line = server.line(STARTING)?;
        let said: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        let url = said["edge"].as_str().context("the edge's address")?.to_owned();
        Ok(Edge {
            server,
            settings: self,
            url,
        })
    }
}

impl Edge {
    /// The address of the edge, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client for HTTP without credentials.
    pub fn client(&self) -> Client {
        Client::new(&self.url).expect("because the address was parsed when the edge gave it")
    }

    /// The process; workerd is of its group.
    pub fn process(&self) -> &Server {
        &self.server
    }

    /// How it was started.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks the edge to end, fails where it leaves anything alive, and answers how it can be
    /// started again with the same Durable Objects.
    pub fn stop(self) -> anyhow::Result<Settings> {
        let errors = self.server.errors();
        let ended = self.server.stop()?;
        ensure!(ended.success(), "the edge ended with {ended}:\n{errors}");
        Ok(self.settings)
    }

    /// Kills the edge without warning and answers how it can be started again.
    pub fn kill(self) -> anyhow::Result<Settings> {
        self.server.kill()?;
        Ok(self.settings)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Builds the worker once for all tests of this process, where anything has changed, and answers
/// where it lies.
fn build(fail_points: bool) -> anyhow::Result<&'static str> {
    static USUAL: OnceLock<Result<(), String>> = OnceLock::new();
    static FAILING: OnceLock<Result<(), String>> = OnceLock::new();
    let (built, folder) = if fail_points {
        (&FAILING, "edge/cloudflare/build/failpoints")
    } else {
        (&USUAL, "edge/cloudflare/build")
    };
    let built = built.get_or_init(|| {
        let mut command = Command::new("infra/edge/build.sh");
        command.current_dir(root()).stdin(Stdio::null());
        if fail_points {
            command.env("PLUE_EDGE_FAILPOINTS", "1");
        }
        // Set for the build of this test, and no business of the other.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        let output = command.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    });
    match built {
        Ok(()) => Ok(folder),
        Err(error) => bail!("the worker could not be built:\n{error}"),
    }
}

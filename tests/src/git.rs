//! A user's home: the real git and ssh clients in a clean environment, with a folder of their own.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, ensure};

/// A user with a home folder that nobody else has, and nothing of the machine's configuration.
#[derive(Debug)]
pub struct Home {
    folder: tempfile::TempDir,
}

/// What a command has said, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether it ended with zero.
    pub ok: bool,
    /// Its exit code; -1 where a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            ok: output.status.success(),
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Home {
    /// Makes an empty home.
    pub fn new() -> anyhow::Result<Home> {
        let folder = tempfile::Builder::new().prefix("plue-home-").tempdir()?;
        let home = Home { folder };
        std::fs::write(
            home.path().join(".gitconfig"),
            "[user]\n\tname = Ada Example\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n\
             [credential]\n\thelper = store\n[advice]\n\tdetachedHead = false\n[protocol]\n\tversion = 2\n\
             [gc]\n\tauto = 0\n",
        )?;
        std::fs::create_dir(home.path().join(".ssh"))?;
        Ok(home)
    }

    /// The home folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path below the home folder.
    pub fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// A command with a cleared environment, in this home.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
            )
            .env("HOME", self.path())
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env(
                "GIT_SSH_COMMAND",
                format!("ssh -F {}", self.at(".ssh/config").display()),
            )
            .stdin(Stdio::null())
            .current_dir(self.path());
        command
    }

    /// Runs git in a folder and answers what it said, whatever the outcome.
    pub fn try_git<S: AsRef<OsStr>>(&self, folder: &Path, args: &[S]) -> anyhow::Result<Said> {
        Ok(self
            .command("git")
            .current_dir(folder)
            .args(args)
            .output()?
            .into())
    }

    /// Runs git in a folder, fails where git does, and answers its output without the last line end.
    pub fn git<S: AsRef<OsStr> + std::fmt::Debug>(
        &self,
        folder: &Path,
        args: &[S],
    ) -> anyhow::Result<String> {
        let said = self.try_git(folder, args)?;
        ensure!(
            said.ok,
            "git {args:?} ended with {}:\n{}\n{}",
            said.code,
            said.out,
            said.err
        );
        Ok(said.out.trim_end().to_owned())
    }

    /// Runs git with bytes on its standard input, fails where git does, and answers the bytes of its output.
    pub fn git_bytes(&self, folder: &Path, args: &[&str], input: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut child = self
            .command("git")
            .current_dir(folder)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut pipe = child.stdin.take().context("the input was piped")?;
        let input = input.to_owned();
        // Written beside the reading, or both could wait for each other; a git that has read enough closes early.
        let writing = std::thread::spawn(move || drop(pipe.write_all(&input)));
        let output = child.wait_with_output()?;
        ensure!(writing.join().is_ok(), "the writer of git's input panicked");
        ensure!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output.stdout)
    }

    /// Remembers a name and a secret for an address, as `git credential-store` does.
    pub fn remember(&self, address: &str, name: &str, secret: &str) -> anyhow::Result<()> {
        let (scheme, host) = address.split_once("://").context("an address has a scheme")?;
        let line = format!("{scheme}://{name}:{secret}@{}\n", host.trim_end_matches('/'));
        let path = self.at(".git-credentials");
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?
            .write_all(line.as_bytes())?;
        Ok(())
    }

    /// Forgets every secret that was remembered.
    pub fn forget(&self) -> anyhow::Result<()> {
        std::fs::write(self.at(".git-credentials"), "")?;
        Ok(())
    }

    /// Makes a key pair with `ssh-keygen` and answers the path of the public half.
    pub fn keygen(&self, name: &str, kind: &str, bits: Option<u32>) -> anyhow::Result<PathBuf> {
        let private = self.at(".ssh").join(name);
        let mut command = self.command("ssh-keygen");
        command
            .args(["-q", "-N", "", "-C", name, "-t", kind, "-f"])
            .arg(&private);
        if let Some(bits) = bits {
            command.args(["-b", &bits.to_string()]);
        }
        let said = Said::from(command.output().context("ssh-keygen is part of openssh-client")?);
        ensure!(said.ok, "ssh-keygen: {}", said.err);
        Ok(private.with_extension("pub"))
    }

    /// Configures ssh for one server, offering these private keys (by name) and no others.
    pub fn configure_ssh(&self, server: std::net::SocketAddr, keys: &[&str]) -> anyhow::Result<()> {
        use std::fmt::Write as _;
        let mut text = format!(
            "Host plue\n  HostName {}\n  Port {}\n  User git\nHost *\n  BatchMode yes\n  IdentitiesOnly yes\n  \
             IdentityAgent none\n  StrictHostKeyChecking accept-new\n  UserKnownHostsFile {}\n  \
             GlobalKnownHostsFile /dev/null\n  LogLevel ERROR\n",
            server.ip(),
            server.port(),
            self.at(".ssh/known_hosts").display(),
        );
        if keys.is_empty() {
            text.push_str("  IdentityFile none\n");
        }
        for key in keys {
            writeln!(text, "  IdentityFile {}", self.at(".ssh").join(key).display())?;
        }
        std::fs::write(self.at(".ssh/config"), text)?;
        Ok(())
    }

    /// Runs the real ssh client against the host `plue` of the configuration.
    pub fn ssh(&self, args: &[&str]) -> anyhow::Result<Said> {
        let config = self.at(".ssh/config");
        Ok(self
            .command("ssh")
            .arg("-F")
            .arg(config)
            .args(args)
            .output()?
            .into())
    }

    /// Lists every ref of a repository, with its object and what a tag peels to, sorted.
    pub fn refs(&self, repository: &Path) -> anyhow::Result<String> {
        self.git(
            repository,
            &["for-each-ref", "--format=%(refname) %(objectname) %(*objectname)"],
        )
    }

    /// Fails unless every object of the repository is present and sound.
    pub fn fsck(&self, repository: &Path) -> anyhow::Result<()> {
        let said = self.try_git(
            repository,
            &["fsck", "--full", "--strict", "--no-dangling", "--no-progress"],
        )?;
        ensure!(said.ok, "git fsck:\n{}\n{}", said.out, said.err);
        Ok(())
    }

    /// Makes a work tree with one commit and answers its path.
    pub fn small_repository(&self, name: &str) -> anyhow::Result<PathBuf> {
        let work = self.at(name);
        self.git(self.path(), &["init", "-q", name])?;
        self.commit(&work, "README.md", "hello\n", "Begin")?;
        Ok(work)
    }

    /// Writes a file, commits it and answers the commit's id.
    pub fn commit(&self, work: &Path, file: &str, content: &str, message: &str) -> anyhow::Result<String> {
        let path = work.join(file);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, content)?;
        self.git(work, &["add", "--", file])?;
        self.git(work, &["commit", "-q", "-m", message])?;
        self.git(work, &["rev-parse", "HEAD"])
    }
}

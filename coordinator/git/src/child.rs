//! Running git itself: the one place that builds its command line and environment.
//!
//! A child gets a cleared environment, no configuration but what is said on its command line, and
//! a process group of its own, which ends with whoever waits for it.

use crate::oid::ObjectFormat;
use bytes::Bytes;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::OnceCell;

/// The oldest git that has everything this server asks of it.
pub const OLDEST: (u32, u32) = (2, 39);
/// How much of what a child writes to its standard error is kept, in bytes.
const KEPT_ERRORS: u64 = 16 * 1024;

/// Why git could not do its work, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No `git` in any folder of `PATH`.
    #[error("git is not installed: no `git` in any folder of PATH")]
    NotFound,
    /// A `git` that is too old, or says nothing sensible about its age.
    #[error(
        "git {}.{} or newer is needed, this one says {found:?}",
        OLDEST.0,
        OLDEST.1
    )]
    TooOld {
        /// What `git --version` printed.
        found: String,
    },
    /// It could not be started, or talked to.
    #[error("git could not be run")]
    Io(#[from] std::io::Error),
    /// It ended otherwise than it should.
    #[error("git {verb} failed: {message}")]
    Failed {
        /// Which of its commands.
        verb: String,
        /// What it printed.
        message: String,
    },
}

/// Where git is, and how its children run; a cheap clone.
#[derive(Clone, Debug)]
pub struct Git {
    settings: Arc<Settings>,
}

#[derive(Clone, Debug)]
struct Settings {
    program: PathBuf,
    path_env: OsString,
    version: (u32, u32),
    threads: u32,
    window_memory_bytes: u64,
    advertisements: [OnceCell<Bytes>; 2],
}

impl Git {
    /// Finds git in the folders of `PATH`, and checks its age.
    pub async fn locate(path_env: &OsStr) -> Result<Self, GitError> {
        let program = std::env::split_paths(path_env)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("git"))
            .find(|program| program.is_file())
            .ok_or(GitError::NotFound)?;
        let mut settings = Settings {
            program,
            path_env: path_env.to_owned(),
            version: OLDEST,
            threads: 1,
            window_memory_bytes: 256 << 20,
            advertisements: Default::default(),
        };
        let mut command = settings.command(Path::new("/"));
        command.arg("--version");
        let ended = run(command, b"", 4096).await?;
        let found = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
        settings.version = read_version(&found)
            .filter(|version| *version >= OLDEST)
            .ok_or(GitError::TooOld { found })?;
        Ok(Self {
            settings: Arc::new(settings),
        })
    }

    /// Lets each child that packs or indexes use this many threads.
    pub fn with_threads(mut self, threads: u32) -> Self {
        Arc::make_mut(&mut self.settings).threads = threads.max(1);
        self
    }

    /// Lets each thread that searches for deltas use this much memory.
    pub fn with_window_memory_bytes(mut self, bytes: u64) -> Self {
        Arc::make_mut(&mut self.settings).window_memory_bytes = bytes;
        self
    }

    /// Git's version: its first two numbers.
    pub fn version(&self) -> (u32, u32) {
        self.settings.version
    }

    /// How many threads each child may use.
    pub fn threads(&self) -> u32 {
        self.settings.threads
    }

    /// What `upload-pack` says that it can do, in protocol version 2, for a hash function; empty
    /// until it was asked.
    pub(crate) fn advertisement(&self, format: ObjectFormat) -> &OnceCell<Bytes> {
        &self.settings.advertisements[match format {
            ObjectFormat::Sha1 => 0,
            ObjectFormat::Sha256 => 1,
        }]
    }

    /// A git command in this repository; the caller adds the verb and its arguments, with
    /// `--end-of-options` before anything that a person chose.
    pub(crate) fn command(&self, git_dir: &Path) -> tokio::process::Command {
        self.settings.command(git_dir)
    }
}

impl Settings {
    fn command(&self, git_dir: &Path) -> tokio::process::Command {
        let mut command = std::process::Command::new(&self.program);
        {
            use std::os::unix::process::CommandExt as _;
            command.process_group(0);
        }
        command
            .env_clear()
            .env("PATH", &self.path_env)
            .env("LC_ALL", "C")
            .env("HOME", "/nonexistent")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_DIR", ".")
            .current_dir(git_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for setting in [
            // Ownership says nothing here: every repository below is one that this server made.
            "safe.directory=*",
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "core.alternateRefsCommand=true",
            "protocol.allow=never",
            "gc.auto=0",
            "maintenance.auto=false",
            "transfer.advertiseSID=false",
        ] {
            command.arg("-c").arg(setting);
        }
        command
            .arg("-c")
            .arg(format!("pack.threads={}", self.threads))
            .arg("-c")
            .arg(format!("pack.windowMemory={}", self.window_memory_bytes));
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true);
        command
    }
}

fn read_version(printed: &str) -> Option<(u32, u32)> {
    let mut numbers = printed.strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// A running git and all its descendants; dropping it ends them.
#[derive(Debug)]
pub(crate) struct Child(tokio::process::Child);

impl Child {
    /// Starts the command.
    pub(crate) fn start(mut command: tokio::process::Command) -> Result<Self, GitError> {
        Ok(Self(command.spawn()?))
    }
}

impl std::ops::Deref for Child {
    type Target = tokio::process::Child;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for Child {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // An id is there as long as nobody has waited for the child, so it cannot mean another.
        let group = self
            .0
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // It fails where they have all ended already.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// What a child left when it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    /// The output of a child that must have succeeded.
    pub(crate) fn success(self, verb: &str) -> Result<Vec<u8>, GitError> {
        if self.status.success() {
            Ok(self.stdout)
        } else {
            Err(self.failed(verb))
        }
    }

    /// The error that says how it ended.
    pub(crate) fn failed(&self, verb: &str) -> GitError {
        let message = match self.stderr.trim() {
            "" => self.status.to_string(),
            text => text.to_owned(),
        };
        GitError::Failed {
            verb: verb.to_owned(),
            message,
        }
    }
}

/// Runs a command with this input, and keeps up to `max_stdout` bytes of its output; a child that
/// writes more is ended and counts as failed.
pub(crate) async fn run(
    mut command: tokio::process::Command,
    input: &[u8],
    max_stdout: u64,
) -> Result<Ended, GitError> {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = Child::start(command)?;
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A child that ends before it has read all says why by its status.
            let _ = stdin.write_all(input).await;
        }
    };
    let stdout = child.stdout.take().expect("because the command pipes it");
    let stderr = child.stderr.take().expect("because the command pipes it");
    let (_, stdout, stderr) = tokio::join!(feed, read_up_to(stdout, max_stdout), read_errors(stderr));
    let stdout = stdout?;
    if stdout.len() as u64 > max_stdout {
        return Err(GitError::Failed {
            verb: "output".into(),
            message: format!("more than {max_stdout} bytes"),
        });
    }
    Ok(Ended {
        status: child.wait().await?,
        stdout,
        stderr: stderr?,
    })
}

async fn read_up_to<R: AsyncRead + Unpin>(pipe: R, max_bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut kept = vec![];
    pipe.take(max_bytes + 1).read_to_end(&mut kept).await?;
    Ok(kept)
}

/// Reads a child's standard error to its end, and keeps the beginning.
pub(crate) async fn read_errors<R: AsyncRead + Unpin>(mut pipe: R) -> std::io::Result<String> {
    let mut kept = vec![];
    (&mut pipe).take(KEPT_ERRORS).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(read_version("git version 2.47.3"), Some((2, 47)));
        assert_eq!(read_version("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(read_version("git version x"), None);
    }

    #[tokio::test]
    async fn git_is_found_or_said_to_be_missing() {
        let path = std::env::var_os("PATH").unwrap();
        assert!(Git::locate(&path).await.unwrap().version() >= OLDEST);
        let nowhere = Git::locate(OsStr::new("/nonexistent:relative")).await;
        assert!(matches!(nowhere, Err(GitError::NotFound)));
    }

    #[tokio::test]
    async fn a_child_sees_only_what_it_is_given() {
        let git = Git::locate(&std::env::var_os("PATH").unwrap()).await.unwrap();
        let mut command = git.command(Path::new("/"));
        command.args(["-c", "alias.env=!env", "env"]);
        let printed = run(command, b"", 1 << 20).await.unwrap().success("env").unwrap();
        let printed = String::from_utf8(printed).unwrap();
        let mut names: Vec<_> = printed
            .lines()
            .filter_map(|line| line.split_once('=').map(|(name, _)| name))
            .filter(|name| !matches!(*name, "PWD" | "_" | "SHLVL" | "OLDPWD"))
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(
            names,
            [
                "GIT_ATTR_NOSYSTEM",
                "GIT_CONFIG_GLOBAL",
                "GIT_CONFIG_NOSYSTEM",
                "GIT_CONFIG_PARAMETERS",
                "GIT_DIR",
                "GIT_EXEC_PATH",
                "GIT_NO_LAZY_FETCH",
                "GIT_NO_REPLACE_OBJECTS",
                "GIT_OPTIONAL_LOCKS",
                "GIT_PREFIX",
                "GIT_TERMINAL_PROMPT",
                "HOME",
                "LC_ALL",
                "PATH"
            ]
        );
    }

    #[tokio::test]
    async fn dropping_a_child_ends_its_descendants() {
        let git = Git::locate(&std::env::var_os("PATH").unwrap()).await.unwrap();
        let mut command = git.command(Path::new("/"));
        command.args(["-c", "alias.nap=!sleep 1000 & echo $!; wait", "nap"]);
        let mut child = Child::start(command).unwrap();
        let mut line = [0; 32];
        let read = child.stdout.as_mut().unwrap().read(&mut line).await.unwrap();
        let pid = std::str::from_utf8(&line[..read]).unwrap().trim().to_owned();
        // A process that ended and that nobody has waited for yet is a zombie, which is ended.
        let ended = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        assert!(!ended());
        drop(child);
        for _ in 0..500 {
            if ended() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("process {pid} outlived the child it belongs to");
    }
}

//! A scratch folder, real git in it, and short ways to say what a test does with both.
#![allow(dead_code, reason = "each test program uses a part of it")]

use plue_git::wire::reply::{Reply, ReportKind};
use plue_git::{
    Bare, Durability, Git, ObjectFormat, Oid, PackedRef, Quarantine, QuarantineError, QuarantineLimits,
    RefName, Stamp, Transfer,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub async fn git() -> Git {
    let path = std::env::var_os("PATH").expect("PATH is set");
    Git::locate(&path).await.expect("git is installed")
}

/// Runs git as a person at a terminal would, in an environment of its own.
pub fn person(dir: &Path, args: &[&str]) -> String {
    let out = command(dir, args).output().expect("git runs");
    assert!(
        out.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).expect("text").trim_end().to_owned()
}

pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").expect("PATH is set"))
        .env("HOME", dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.org")
        .env("GIT_AUTHOR_DATE", "1700000000 +0100")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.org")
        .env("GIT_COMMITTER_DATE", "1700000000 +0100")
        .args(args);
    command
}

/// Runs git with this input and returns its raw output.
pub fn piped(dir: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = command(dir, args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git runs");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let out = child.wait_with_output().expect("git ends");
    writer.join().expect("joins").expect("written");
    assert!(out.status.success(), "git {args:?}");
    out.stdout
}

/// A folder with a person's clone `work`, a cached repository `cache.git` and a scratch folder.
pub struct Place {
    pub root: tempfile::TempDir,
    pub git: Git,
    pub bare: Bare,
    pub known: Vec<Oid>,
}

impl Place {
    pub async fn new(format: ObjectFormat) -> Self {
        let root = tempfile::tempdir().expect("a scratch folder");
        let head = RefName::branch("main").expect("a branch");
        let bare = Bare::create(&root.path().join("cache.git"), format, &head, Durability::Lazy)
            .expect("a repository");
        let place = Self {
            root,
            git: git().await,
            bare,
            known: vec![],
        };
        let init = format!("--object-format={format}");
        person(place.root.path(), &["init", "-q", "-b", "main", &init, "work"]);
        place
    }

    pub fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    pub fn scratch(&self) -> PathBuf {
        self.root.path().join("scratch")
    }

    /// Commits a file to the person's clone.
    pub fn commit(&self, file: &str, content: &str) -> Oid {
        let path = self.work().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        person(&self.work(), &["add", "."]);
        person(&self.work(), &["commit", "-q", "-m", file]);
        self.oid("HEAD")
    }

    pub fn oid(&self, rev: &str) -> Oid {
        person(&self.work(), &["rev-parse", rev]).parse().expect("an id")
    }

    /// The pack that a push of these would send.
    pub fn pack(&self, revs: &[&str], thin: bool) -> Vec<u8> {
        let mut args = vec!["pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset"];
        args.extend(thin.then_some("--thin"));
        piped(&self.work(), &args, (revs.join("\n") + "\n").as_bytes())
    }

    pub fn open(&self) -> Quarantine {
        Quarantine::open(&self.bare, &self.known, &self.scratch()).expect("a quarantine")
    }

    pub async fn receive(&self, pack: &[u8]) -> Result<Quarantine, QuarantineError> {
        self.receive_with(pack, &QuarantineLimits::default()).await.0
    }

    /// Also answers what the pusher saw.
    pub async fn receive_with(
        &self,
        pack: &[u8],
        limits: &QuarantineLimits,
    ) -> (Result<Quarantine, QuarantineError>, String) {
        let mut quarantine = self.open();
        let mut screen = vec![];
        let mut reply = Reply::new(&mut screen, true, ReportKind::V2, false);
        let mut input = pack;
        let received = quarantine
            .receive(&self.git, &mut input, limits, &mut reply)
            .await;
        (
            received.map(|()| quarantine),
            String::from_utf8_lossy(&screen).into_owned(),
        )
    }

    /// Lets a push into the cache: its pack, and these refs instead of all.
    pub fn accept(&mut self, quarantine: &Quarantine, refs: &[(&str, Oid)]) {
        if let Some(pack) = quarantine.pack() {
            self.bare
                .install(pack, Transfer::Link, Durability::Lazy)
                .expect("installed");
            self.known.push(pack.checksum);
        }
        let refs: Vec<_> = refs
            .iter()
            .map(|(name, oid)| PackedRef {
                name: name.parse().expect("a name"),
                oid: *oid,
                peeled: None,
            })
            .collect();
        let head = RefName::branch("main").expect("a branch");
        let stamp = Stamp {
            generation: self.known.len() as i64,
            epoch: 1,
        };
        self.bare
            .write_refs(&head, &refs, stamp, Durability::Lazy)
            .expect("written");
    }

    /// Waits until nothing is left in the scratch folder: a server may still be tidying up when
    /// its client has ended.
    pub async fn becomes_clean(&self) {
        for _ in 0..500 {
            if self.is_clean() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("something stays in the scratch folder");
    }

    /// Nothing is left in the scratch folder.
    pub fn is_clean(&self) -> bool {
        match std::fs::read_dir(self.scratch()) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => true,
        }
    }
}

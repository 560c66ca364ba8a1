//! Disks that are full: the one of the caches, of the packs, and of the database. The pusher reads
//! so, nothing is half there, and when there is room again the same push goes through.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use plue_tests::push::{NONE, Push, expect_same_files, files};
use plue_tests::serve::Settings;

use crate::{Setting, noise};

/// What a pusher reads: what happened, and what to do.
const NO_ROOM: &str = "There is no room left on the server's disk; nothing was changed. Whoever runs it has to free some space; then try again.";

/// A file system of a few megabytes, unmounted when it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None where one may not mount, which is said on standard error.
    fn mount(megabytes: u32) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "plue-test"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(SmallDisk(folder));
        }
        eprintln!(
            "skipped: a small file system can only be mounted as root (in a container: with SYS_ADMIN)"
        );
        None
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut ballast = fs::File::create(self.at("ballast")).unwrap();
        let block = [1; 4096];
        while ballast.write(&block).is_ok_and(|written| written > 0) {}
    }

    fn make_room(&self) {
        fs::remove_file(self.at("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A branch `noise` with a file of so many bytes that nothing compresses.
fn commit_noise(s: &Setting, bytes: usize) {
    s.home.git(&s.work, &["checkout", "-q", "-b", "noise"]).unwrap();
    fs::write(s.work.join("noise"), noise(bytes)).unwrap();
    s.home.git(&s.work, &["add", "noise"]).unwrap();
    s.home.git(&s.work, &["commit", "-q", "-m", "Noise"]).unwrap();
}

/// Pushes over both doors, each of which is told that there is no room.
fn expect_no_room(s: &Setting, refspec: &str) {
    for address in [s.plue.url("ada/engine"), "ssh://plue/ada/engine".to_owned()] {
        let said = s.home.try_git(&s.work, &["push", &address, refspec]).unwrap();
        assert!(!said.ok, "{address}");
        assert!(said.err.contains(NO_ROOM), "{address}: {}", said.err);
        assert!(
            !said.err.to_lowercase().contains("sql"),
            "what the database says stays inside: {}",
            said.err
        );
    }
    assert_eq!(s.refs(), format!("{0}\tHEAD\n{0}\trefs/heads/main", s.head));
}

/// The same push goes through, and everything can be cloned.
fn expect_through(s: &Setting, refspec: &str) {
    let url = s.plue.url("ada/engine");
    s.home.git(&s.work, &["push", "-q", &url, refspec]).unwrap();
    s.home
        .git(s.home.path(), &["clone", "-q", "--mirror", &url, "after.git"])
        .unwrap();
    s.home.fsck(&s.home.at("after.git")).unwrap();
    assert_eq!(
        s.home
            .git(&s.home.at("after.git"), &["rev-parse", "noise"])
            .unwrap(),
        s.home.git(&s.work, &["rev-parse", "noise"]).unwrap()
    );
}

#[test]
fn a_full_disk_of_the_caches_refuses_pushes_and_breaks_nothing() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    let s = Setting::with(
        Settings::new()
            .unwrap()
            .env("PLUE_CACHE_DIR", text(&disk.at("cache"))),
    );
    commit_noise(&s, 4 << 20);
    let before = files(&disk.at("cache"));
    disk.fill();
    expect_no_room(&s, "noise");
    expect_same_files(&s.plue.data(), &s.before).unwrap();
    expect_same_files(&disk.at("cache"), &before).unwrap();
    disk.make_room();
    expect_through(&s, "noise");
    s.plue.stop().unwrap();
}

#[test]
fn a_full_disk_of_the_packs_refuses_pushes_and_breaks_nothing() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    let settings = Settings::new().unwrap();
    fs::create_dir(settings.data()).unwrap();
    fs::create_dir(disk.at("blobs")).unwrap();
    symlink(disk.at("blobs"), settings.data().join("blobs")).unwrap();
    let s = Setting::with(settings);
    let before = files(&disk.at("blobs"));
    assert!(!before.is_empty(), "the packs are where the disk is small");
    commit_noise(&s, 4 << 20);
    disk.fill();
    expect_no_room(&s, "noise");
    // Who reads needs no room.
    s.home
        .git(
            s.home.path(),
            &[
                "clone",
                "-q",
                "--bare",
                &s.plue.url("ada/engine"),
                "meanwhile.git",
            ],
        )
        .unwrap();
    expect_same_files(&disk.at("blobs"), &before).unwrap();
    expect_same_files(&s.plue.data(), &s.before).unwrap();
    disk.make_room();
    expect_through(&s, "noise");
    s.plue.stop().unwrap();
}

#[test]
fn a_full_disk_of_the_database_refuses_pushes_and_breaks_nothing() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    let s = Setting::with(
        Settings::new()
            .unwrap()
            .env("DATABASE_URL", format!("sqlite:{}", text(&disk.at("plue.db")))),
    );
    // More than the database's log has room for already, however full that is.
    let (new, pack) = s.next_commit();
    let push = (0..6_000).fold(Push::default().pack(pack), |push, number| {
        push.update(NONE, &new, &format!("refs/heads/{number}-{:a>200}", ""))
    });
    disk.fill();
    let said = s.push(&push);
    assert!(!said.is_ok() && said.text().contains(NO_ROOM), "{}", said.text());
    assert!(!said.text().to_lowercase().contains("sql"), "{}", said.text());
    // Whoever runs it reads the cause.
    let log = s.plue.process().errors();
    let line = log.lines().find(|line| line.contains("a push failed"));
    assert!(
        line.is_some_and(|line| line.contains("database or disk is full")),
        "{log}"
    );
    assert_eq!(s.refs(), format!("{0}\tHEAD\n{0}\trefs/heads/main", s.head));
    // A pack that was put away already is the sweeper's; nothing else is left.
    let left: Vec<String> = files(&s.plue.data())
        .into_keys()
        .filter(|name| !s.before.contains_key(name) && !name.starts_with("blobs/"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    disk.make_room();
    let said = s.push(&push);
    assert!(said.is_ok(), "{}", said.text());
    assert_eq!(s.refs().lines().count(), 6_002);
    s.home
        .git(
            s.home.path(),
            &["clone", "-q", "--bare", &s.plue.url("ada/engine"), "after.git"],
        )
        .unwrap();
    s.home.fsck(&s.home.at("after.git")).unwrap();
    s.plue.stop().unwrap();
}

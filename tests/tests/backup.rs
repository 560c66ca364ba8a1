//! A backup that is taken while people push, and forges that are made out of it.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use plue_tests::engines::{self, Engine};
use plue_tests::git::Home;
use plue_tests::serve::{Plue, Settings};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const PUSHERS: usize = 3;

fn json(settings: &Settings, verb: &str, dir: &Path) -> Value {
    let data = settings.data();
    let said = settings
        .run(&[
            verb,
            "--json",
            "--data-dir",
            data.to_str().unwrap(),
            dir.to_str().unwrap(),
        ])
        .unwrap();
    assert!(said.ok, "{verb}: {}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

fn refused(settings: &Settings, verb: &str, dir: &Path) -> String {
    let data = settings.data();
    let said = settings
        .run(&[verb, "--data-dir", data.to_str().unwrap(), dir.to_str().unwrap()])
        .unwrap();
    assert!(!said.ok, "{verb}: {}", said.out);
    said.err
}

/// Clones a repository and answers the tip of each branch.
fn tips(home: &Home, plue: &Plue, path: &str) -> String {
    let copy = home.at("copy.git");
    let _ = fs::remove_dir_all(&copy);
    home.git(
        home.path(),
        &["clone", "-q", "--mirror", &plue.url(path), "copy.git"],
    )
    .unwrap();
    home.fsck(&copy).unwrap();
    home.refs(&copy).unwrap()
}

/// Pushes to repositories of their own until told to stop; the tips that were answered ok before
/// the backup began, by repository.
fn back_up_under_load(plue: &Plue, home: &Home, backup: &Path) -> (Value, Vec<(String, String)>) {
    let done = AtomicBool::new(false);
    let works: Vec<PathBuf> = (0..PUSHERS)
        .map(|number| home.small_repository(&format!("work-{number}")).unwrap())
        .collect();
    let push = |number: usize, name: &str| {
        let tip = home
            .commit(&works[number], "file", &format!("{name} {number}"), "Change")
            .unwrap();
        let to = format!("HEAD:refs/heads/{name}");
        let url = plue.url(&format!("ada/r{number}"));
        home.git(&works[number], &["push", "-q", &url, &to]).unwrap();
        tip
    };
    let before: Vec<(String, String)> = (0..PUSHERS)
        .map(|number| (format!("ada/r{number}"), push(number, "before")))
        .collect();
    let said = std::thread::scope(|scope| {
        for number in 0..PUSHERS {
            let (done, push) = (&done, &push);
            scope.spawn(move || {
                for round in 0.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    push(number, &format!("during-{round}"));
                }
            });
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
        let said = json(plue.settings(), "backup", backup);
        done.store(true, Ordering::Relaxed);
        said
    });
    (said, before)
}

#[test]
fn a_backup_under_pushes_comes_up_whole_on_every_engine() {
    for Engine { name, settings, s3 } in engines::all().unwrap() {
        let plue = settings.without_limits().start().unwrap();
        let (home, token) = plue.newcomer("ada").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup");
        let (first, before) = back_up_under_load(&plue, &home, &backup);
        assert!(first["packs"].as_u64() >= Some(PUSHERS as u64), "{name}: {first}");

        // The next one copies what is new, and is of a forge that stands still: the same refs.
        let now: Vec<String> = before.iter().map(|(path, _)| tips(&home, &plue, path)).collect();
        let second = json(plue.settings(), "backup", &backup);
        assert!(second["copied"].as_u64() > Some(0), "{name}: {second}");
        // Packs may still be rolled up, once; what was copied is not copied again.
        let copied = (0..10).map(|_| json(plue.settings(), "backup", &backup)["copied"].as_u64());
        let copied: Vec<_> = copied.take_while(|copied| *copied != Some(0)).collect();
        assert!(
            copied.len() <= PUSHERS,
            "{name}: copied again and again: {copied:?}"
        );
        let said = refused(plue.settings(), "restore", &backup);
        assert!(said.contains("another server runs on"), "{name}: {said}");
        let old = plue.kill().unwrap();

        // Another machine, whatever the old one stood on: SQLite and a folder.
        let other = Settings::new().unwrap();
        let restored = json(&other, "restore", &backup);
        assert_eq!(restored["repositories"], PUSHERS, "{name}: {restored}");
        let said = refused(&other, "restore", &backup);
        assert!(said.contains("plue db reset --yes"), "{name}: {said}");
        // The first engine again, emptied.
        let data = old.data();
        let reset = old
            .run(&["db", "reset", "--yes", "--data-dir", data.to_str().unwrap()])
            .unwrap();
        assert!(reset.ok, "{name}: {}", reset.err);
        json(&old, "restore", &backup);
        for settings in [other, old] {
            let plue = settings.start().unwrap();
            home.forget().unwrap();
            home.remember(plue.http(), "ada", &token).unwrap();
            for ((path, tip), refs) in before.iter().zip(&now) {
                let found = tips(&home, &plue, path);
                assert_eq!(&found, refs, "{name}: {path}");
                assert!(found.contains(tip), "{name}: {path}");
            }
            // And it goes on from there.
            let work = home.at("work-0");
            home.commit(&work, "after", plue.http(), "After").unwrap();
            for to in ["ada/r0", "ada/later"] {
                home.git(&work, &["push", "-q", &plue.url(to), "HEAD:refs/heads/after"])
                    .unwrap();
                tips(&home, &plue, to);
            }
            plue.stop().unwrap();
        }
        drop(s3);
    }
}

#[test]
fn what_is_no_whole_backup_is_refused_and_changes_nothing() {
    let plue = Plue::start().unwrap();
    let (home, _) = plue.newcomer("ada").unwrap();
    let work = home.small_repository("work").unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");

    // A folder with something else in it, such as the data folder itself, is left alone.
    for other in [plue.data(), home.path().to_owned()] {
        let said = refused(plue.settings(), "backup", &other);
        assert!(said.contains("neither empty nor a backup"), "{said}");
    }
    let nothing = Settings::new().unwrap();
    let said = refused(&nothing, "backup", &backup);
    assert!(said.contains("is --data-dir right?"), "{said}");
    json(plue.settings(), "backup", &backup);
    plue.stop().unwrap();

    let fresh = Settings::new().unwrap();
    let said = refused(&fresh, "restore", folder.path());
    assert!(said.contains("it is no backup"), "{said}");

    let (database, blobs) = (backup.join("database.jsonl"), backup.join("blobs"));
    let whole = fs::read(&database).unwrap();
    fs::write(&database, &whole[..whole.len() - 20]).unwrap();
    let said = refused(&fresh, "restore", &backup);
    assert!(
        said.contains("cannot be read") || said.contains("breaks off"),
        "{said}"
    );
    fs::write(&database, &whole).unwrap();

    // A database that is newer than its packs names what is missing.
    let mut folders = fs::read_dir(&blobs).unwrap().flatten().map(|entry| entry.path());
    let repository = folders.find(|path| !path.ends_with(".incoming")).unwrap();
    let pack = fs::read_dir(&repository)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "pack"))
        .unwrap();
    let aside = folder.path().join("aside");
    fs::rename(&pack, &aside).unwrap();
    let said = refused(&fresh, "restore", &backup);
    let name = pack.file_name().unwrap().to_str().unwrap();
    assert!(
        said.contains("newer than its packs") && said.contains(name),
        "{said}"
    );
    fs::rename(&aside, &pack).unwrap();

    // A pack that was damaged where it lay is found.
    let good = fs::read(&pack).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 0x10;
    fs::remove_file(&pack).unwrap();
    fs::write(&pack, &bad).unwrap();
    let damaged = Settings::new().unwrap();
    let said = refused(&damaged, "restore", &backup);
    assert!(said.contains("damaged: ada/engine"), "{said}");
    fs::remove_file(&pack).unwrap();
    fs::write(&pack, &good).unwrap();

    // After all that was refused the folder is still empty.
    let restored = json(&fresh, "restore", &backup);
    assert_eq!(restored["repositories"], 1, "{restored}");
}

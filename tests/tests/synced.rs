//! An acknowledged push is on the disk before its pusher hears so, as a trace of the system calls
//! shows: files synced, linked, their folders synced, the transaction synced, and then the answer.
//! A killed process cannot show this, because the page cache outlives it.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, ensure};
use plue_tests::git::Home;
use plue_tests::serve::Settings;
use plue_tests::trace::{self, Call};

/// What the trace of one push has shown.
#[derive(Debug)]
struct Shown {
    /// The endings of the files that came into the blob store.
    kinds: BTreeSet<String>,
    /// Whether a folder was made for them.
    made_folder: bool,
}

/// Fails unless the only push of a trace, to this ref, became durable before it was answered.
fn durable_before_answer(calls: &[Call], data: &Path, name: &str) -> anyhow::Result<Shown> {
    let answer = calls
        .iter()
        .find(|call| call.writes() && is_socket(call) && call.says(b"unpack ok"))
        .context("no report-status left on a socket")?;
    let (commit_begins, last_frame) = commit(calls, data, name)?;
    ensure!(
        synced_between(
            calls,
            |call| call.file() == data.join("plue.db-wal"),
            last_frame,
            answer.began
        ),
        "the answer left before the transaction was synced"
    );

    let blobs = data.join("blobs");
    let mut shown = Shown {
        kinds: BTreeSet::new(),
        made_folder: false,
    };
    for link in calls {
        let Some((source, dest)) = link.names() else {
            continue;
        };
        if !dest.starts_with(&blobs) || dest.starts_with(blobs.join(".incoming")) {
            continue;
        }
        let names = names_of(calls, link, &source);
        let is_it = |call: &Call| names.contains(&file_name(call.file()));
        let written = calls
            .iter()
            .filter(|call| call.writes() && is_it(call))
            .map(|call| call.ended)
            .max()
            .with_context(|| format!("nobody wrote {}", dest.display()))?;
        ensure!(
            synced_between(calls, is_it, written, link.began),
            "{} was linked before its content was synced",
            dest.display()
        );
        // The entry of each folder that is new lies in the one above it.
        let (mut folder, mut changed) = (dest.parent(), link.ended);
        while let Some(here) = folder.filter(|here| here.starts_with(&blobs)) {
            ensure!(
                synced_between(calls, |call| call.file() == here, changed, commit_begins),
                "the transaction began before {} was synced",
                here.display()
            );
            let Some(made) = calls.iter().find(|call| call.makes().as_deref() == Some(here)) else {
                break;
            };
            shown.made_folder = true;
            (folder, changed) = (here.parent(), made.ended);
        }
        shown
            .kinds
            .extend(dest.extension().map(|kind| kind.to_string_lossy().into_owned()));
    }
    Ok(shown)
}

/// When the transaction that sets a ref began to be written, and when its last frame was.
///
/// A frame of the write-ahead log is a header of 24 bytes and a page. The header's second number
/// is zero except in a transaction's last frame (sqlite.org/fileformat2.html, 4.1).
fn commit(calls: &[Call], data: &Path, name: &str) -> anyhow::Result<(usize, usize)> {
    let writes: Vec<&Call> = calls
        .iter()
        .filter(|call| call.writes() && call.file() == data.join("plue.db-wal"))
        .collect();
    let begins = writes
        .iter()
        .position(|call| call.says(name.as_bytes()))
        .context("the ref was never written to the database")?;
    let ends = (begins..writes.len())
        .find(|&at| {
            let header = at.checked_sub(1).map(|before| &writes[before].bytes[0]);
            header.is_some_and(|header| header.len() == 24 && header[4..8] != [0; 4])
        })
        .context("the transaction has no last frame")?;
    Ok((writes[begins].began, writes[ends].ended))
}

fn synced_between(calls: &[Call], of: impl Fn(&Call) -> bool, after: usize, before: usize) -> bool {
    calls
        .iter()
        .any(|call| call.syncs() && of(call) && call.began > after && call.ended < before)
}

/// The names that a file had before it was linked into the blob store: git writes under another.
fn names_of(calls: &[Call], link: &Call, source: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::from([file_name(source)]);
    for earlier in calls.iter().rev().filter(|call| call.ended < link.began) {
        if let Some((from, to)) = earlier.names()
            && names.contains(&file_name(&to))
        {
            names.insert(file_name(&from));
        }
    }
    names
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn is_socket(call: &Call) -> bool {
    call.file().to_string_lossy().starts_with("socket:")
}

/// Each step taken out of a trace must be missed, or the order would not have been looked at.
fn every_step_is_missed(calls: &[Call], data: &Path, name: &str, made_folder: bool) {
    let without = |left_out: &dyn Fn(&Call) -> bool| -> String {
        let rest: Vec<Call> = calls.iter().filter(|call| !left_out(call)).cloned().collect();
        assert!(rest.len() < calls.len(), "nothing was left out");
        format!("{:#}", durable_before_answer(&rest, data, name).unwrap_err())
    };
    for kind in ["pack", "idx"] {
        let missed = without(&|call| {
            let file = file_name(call.file());
            let is_kind = file.ends_with(&format!(".{kind}")) || file.starts_with(&format!("tmp_{kind}"));
            call.syncs() && is_kind
        });
        assert!(missed.contains("linked before its content"), "{kind}: {missed}");
    }
    let blobs = data.join("blobs");
    let missed = without(&|call| call.syncs() && call.file().parent() == Some(&blobs));
    assert!(missed.contains("the transaction began before"), "{missed}");
    if made_folder {
        let missed = without(&|call| call.syncs() && call.file() == blobs);
        assert!(missed.contains("the transaction began before"), "{missed}");
    }
    let missed = without(&|call| call.syncs() && call.file() == data.join("plue.db-wal"));
    assert!(missed.contains("before the transaction was synced"), "{missed}");
    let mut early = calls.to_vec();
    for call in early.iter_mut().filter(|call| call.says(b"unpack ok")) {
        call.began = 0;
    }
    let missed = durable_before_answer(&early, data, name).unwrap_err().to_string();
    assert!(missed.contains("before the transaction was synced"), "{missed}");
}

#[test]
fn a_push_is_answered_after_everything_is_synced() {
    if !trace::is_possible() {
        return;
    }
    let traces = tempfile::tempdir().unwrap();
    let home = Home::new().unwrap();
    let work = home.small_repository("work").unwrap();
    let mut settings = Settings::new().unwrap();
    let mut token = None;
    // The push that makes the repository, and one to a repository that exists.
    for (name, makes) in [("refs/heads/first", true), ("refs/heads/second", false)] {
        let file = traces.path().join(file_name(Path::new(name)));
        let plue = settings.traced(&file).start().unwrap();
        let token = token.get_or_insert_with(|| plue.user("ada", "repo,user").unwrap());
        home.remember(plue.http(), "ada", token).unwrap();
        home.commit(&work, name, name, "Change").unwrap();
        let data = plue.data().canonicalize().unwrap();
        home.git(
            &work,
            &["push", "-q", &plue.url("ada/engine"), &format!("HEAD:{name}")],
        )
        .unwrap();
        settings = plue.stop().unwrap();

        let calls = trace::read(&file).unwrap();
        let shown = durable_before_answer(&calls, &data, name).unwrap();
        assert!(
            shown.kinds.contains("pack") && shown.kinds.contains("idx"),
            "{shown:?}"
        );
        assert_eq!(shown.made_folder, makes, "{shown:?}");
        every_step_is_missed(&calls, &data, name, makes);
    }
}

//! What is known of a whole history: its languages and who wrote it. It is counted after a push
//! and written beside the cached repository, one file a commit, so that a page only reads. It is
//! part of the cache: nothing is lost without it.

use super::contributors::{self, Contributors};
use super::languages::{self, Languages};
use super::reader::Reader;
use super::{BrowseError, objects};
use crate::cache::Bare;
use crate::child::GitError;
use crate::oid::Oid;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::PathBuf;

/// What the name of a file begins with: another form of the content is another name.
const PREFIX: &str = "1-";
/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// What is known of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insight {
    /// What its last commit is written in.
    pub languages: Languages,
    /// Who wrote it.
    pub contributors: Contributors,
}

fn folder_of(bare: &Bare) -> PathBuf {
    bare.dir().join("plue/insights")
}

fn file_of(bare: &Bare, commit: Oid) -> PathBuf {
    folder_of(bare).join(format!("{PREFIX}{commit}"))
}

/// Whether the history that ends at a commit was counted. Blocks for one look at the disk.
pub fn has_insight(reader: &Reader, commit: Oid) -> bool {
    file_of(reader.bare(), commit).exists()
}

/// What is known of the history that ends at a commit; none where it was not counted yet. A file
/// that cannot be read goes away, so that it is counted again.
pub async fn insight(reader: &Reader, commit: Oid) -> Result<Option<Insight>, BrowseError> {
    let file = file_of(reader.bare(), commit);
    let read = move || {
        let known = std::fs::metadata(&file).ok()?;
        let content = (known.len() <= MAX_BYTES).then(|| std::fs::read(&file));
        let read = content.and_then(|content| serde_json::from_slice(&content.ok()?).ok());
        if read.is_none() {
            // Whether it goes or not: there is nothing to show.
            let _ = std::fs::remove_file(&file);
        }
        read
    };
    tokio::task::spawn_blocking(read).await.map_err(objects::failed)
}

/// Counts the history that ends at a commit and writes down what is found, in place of what was
/// counted for other commits; nothing is done where it was counted. At most `max_files` files and
/// the newest `max_commits` commits are looked at.
pub async fn count_insight(
    reader: &Reader,
    commit: Oid,
    max_files: usize,
    max_commits: usize,
) -> Result<(), BrowseError> {
    reader
        .within(move |session| {
            if has_insight(&session.reader, commit) {
                return Ok(());
            }
            let counted = Insight {
                languages: languages::count(session, commit, max_files)?,
                contributors: contributors::count(session, commit, max_commits)?,
            };
            Ok(write(session.reader.bare(), commit, &counted).map_err(GitError::from)?)
        })
        .await
}

fn write(bare: &Bare, commit: Oid, counted: &Insight) -> io::Result<()> {
    let folder = folder_of(bare);
    std::fs::create_dir_all(&folder)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&folder)?;
    let mut out = io::BufWriter::new(&mut file);
    serde_json::to_writer(&mut out, counted)?;
    out.flush()?;
    drop(out);
    let place = file_of(bare, commit);
    file.persist(&place).map_err(|failed| failed.error)?;
    for entry in std::fs::read_dir(&folder)?.flatten() {
        if entry.path() != place {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

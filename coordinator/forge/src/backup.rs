//! A consistent copy of everything that is the truth, and a forge out of such a copy.
//!
//! A backup is a folder: `database.jsonl`, the database as it was at one moment, and `blobs`, the
//! packs that were live then. Packs never change, so the next backup into the same folder copies
//! only what is new. The database comes under its name last: a folder that has it is whole.

use crate::clock::Clock;
use crate::edge::{self, Change};
use crate::repositories::Repository;
use crate::{Error, Forge, cache};
use plue_blobs::{BlobEntry, BlobKey, Blobs, PackPart};
use plue_contract::edge::{DRIFT_MS, LEASE_MS};
use plue_contract::{PackId, RepoId, causes};
use plue_store::packs::PackRow;
use plue_store::{DumpError, Store, repositories as rows};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use tokio::task::JoinSet;

const DATABASE: &str = "database.jsonl";
const UNFINISHED: &str = "database.jsonl.new";
const BLOBS: &str = "blobs";
/// How many of the things that are missing are named.
const NAMED: usize = 10;
/// How many blobs are listed at once.
const LISTED: usize = 1_000;

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Its packs.
    pub packs: usize,
    /// Files that were copied this time.
    pub copied: usize,
    /// Files of packs that are not live any more, which were removed.
    pub removed: usize,
}

/// What a restored forge holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Repositories that are whole.
    pub repositories: usize,
    /// Its packs.
    pub packs: usize,
    /// Repositories that are not, each with git's words.
    pub damaged: Vec<String>,
}

impl From<DumpError> for Error {
    fn from(error: DumpError) -> Self {
        match error {
            DumpError::Store(error) => error.into(),
            DumpError::Io(error) => error.into(),
            DumpError::Unfit(why) => Self::Refused(why),
        }
    }
}

fn unfit(why: impl Into<String>) -> Error {
    Error::Refused(why.into())
}

/// The names of a pack's files, and whether each must be there: git makes do without a reverse index.
fn files_of(pack: &PackRow) -> Result<Vec<(BlobKey, bool)>, Error> {
    let id = PackId(pack.id.clone());
    PackPart::ALL
        .into_iter()
        .map(|part| {
            let key = BlobKey::pack(RepoId(pack.repository_id), &id, &pack.checksum, part)?;
            Ok((key, part != PackPart::Reverse))
        })
        .collect()
}

/// Copies a blob that the target lacks; whether there was anything to copy.
async fn copy(from: &Blobs, to: &Blobs, scratch: &Path, key: &BlobKey, needed: bool) -> Result<bool, Error> {
    let there = from.size(key).await?;
    let Some(size_bytes) = there else {
        return if needed {
            Err(unfit(format!("{key} is not there any more")))
        } else {
            Ok(false)
        };
    };
    if to.size(key).await? == Some(size_bytes) {
        return Ok(false);
    }
    let file = scratch.join("blob");
    from.get_to_file(key, &file).await?;
    to.put_file(key, &file).await?;
    fs::remove_file(&file)?;
    Ok(true)
}

/// Writes a backup into a folder that is empty or has an older one. It needs no server, and may
/// run beside one: pushes go on meanwhile, and what they bring is the next backup's.
pub async fn write(store: &Store, blobs: &Blobs, dir: &Path) -> Result<Written, Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let names = fs::read_dir(dir)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    let own = |name: &std::ffi::OsString| [DATABASE, UNFINISHED, BLOBS].iter().any(|own| name == own);
    if !names.iter().all(own) {
        return Err(unfit(format!(
            "{} is neither empty nor a backup: name a folder of its own",
            dir.display()
        )));
    }
    let unfinished = dir.join(UNFINISHED);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    let mut file = BufWriter::new(file);
    let packs = store.dump(&mut file).await?;
    file.flush()?;
    file.get_ref().sync_all()?;

    let target = Blobs::directory(&dir.join(BLOBS)).await?;
    let scratch = tempfile::tempdir_in(dir.join(BLOBS))?;
    let mut written = Written {
        packs: packs.len(),
        ..Written::default()
    };
    let mut kept = BTreeSet::new();
    for pack in &packs {
        for (key, needed) in files_of(pack)? {
            written.copied += usize::from(copy(blobs, &target, scratch.path(), &key, needed).await?);
            kept.insert(key);
        }
    }
    drop(scratch);
    fs::rename(&unfinished, dir.join(DATABASE))?;
    File::open(dir)?.sync_all()?;
    // Only now that nothing names them any more.
    for blob in all(&target).await? {
        if !kept.contains(&blob.key) {
            target.delete(&blob.key).await?;
            written.removed += 1;
        }
    }
    Ok(written)
}

async fn all(blobs: &Blobs) -> Result<Vec<BlobEntry>, Error> {
    let mut found: Vec<BlobEntry> = Vec::new();
    loop {
        let last = found.last().map(|entry| entry.key.clone());
        let more = blobs.list("", last.as_ref(), LISTED).await?;
        if more.is_empty() {
            return Ok(found);
        }
        found.extend(more);
    }
}

/// Makes an empty forge what the backup says, and looks at every repository. What is missing in the
/// backup is found before anything is changed. Whatever the edge may have seen of the forge that
/// was is old when this returns.
pub async fn restore(forge: &Forge, dir: &Path, now_ms: i64) -> Result<Restored, Error> {
    let clock = Clock::set(now_ms);
    let database = dir.join(DATABASE);
    if !database.is_file() {
        return Err(unfit(format!(
            "{} has no {DATABASE}: it is no backup, or one that was not written to its end",
            dir.display()
        )));
    }
    let source = Blobs::directory(&dir.join(BLOBS)).await?;
    let open = || File::open(&database).map(BufReader::new);
    let packs = plue_store::packs_in_dump(open()?)?;
    let mut missing = Vec::new();
    for pack in &packs {
        for (key, needed) in files_of(pack)? {
            if needed && source.size(&key).await?.is_none() {
                missing.push(key.to_string());
            }
        }
    }
    if !missing.is_empty() {
        let named = missing.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        return Err(unfit(format!(
            "the database of the backup is newer than its packs; {} of their files are missing: {named}",
            missing.len()
        )));
    }
    let scratch = tempfile::tempdir_in(forge.caches().scratch())?;
    for pack in &packs {
        for (key, needed) in files_of(pack)? {
            copy(&source, forge.blobs(), scratch.path(), &key, needed).await?;
        }
    }
    drop(scratch);
    let granted_until_ms = clock.now_ms().saturating_add((LEASE_MS + DRIFT_MS).cast_signed());
    forge.store().load(open, clock.now_ms(), granted_until_ms).await?;

    let mut restored = Restored {
        packs: packs.len(),
        ..Restored::default()
    };
    let repositories = rows::every(&mut forge.store().read().await?).await?;
    let mut changes = Vec::new();
    for row in repositories {
        let repository = Repository::try_from(row)?;
        match whole(forge, &repository).await {
            Ok(()) => restored.repositories += 1,
            Err(error) => restored
                .damaged
                .push(format!("{}: {}", repository.path(), causes(&error))),
        }
        changes.push(Change::of_paths(&repository, [repository.path()]));
    }
    // All at once: each may wait for the end of what the edge was granted.
    let mut settling = JoinSet::new();
    for change in changes {
        let forge = forge.clone();
        settling.spawn(async move { edge::settle(&forge, change, &clock).await });
    }
    settling.join_all().await;
    Ok(restored)
}

async fn whole(forge: &Forge, repository: &Repository) -> Result<(), Error> {
    let pinned = cache::open(forge, repository).await?;
    plue_git::verify::verify(forge.git(), pinned.bare())
        .await
        .map_err(|error| Error::Internal(causes(&error).to_string()))
}

//! What is known of last changes, in a file per commit beside the cached repository: a job writes
//! it after a push, so that a page reads and does not walk.
//!
//! A file holds, for every folder of its commit, which commit changed each entry last, in the
//! order of the folder's tree, and of every such commit what a list shows. It is part of the
//! cache: nothing is lost without it. Numbers are little-endian.

use super::last_change::{Answer, Found, LastChange, align, search};
use super::path_rows::{Paths, Set};
use super::reader::{Reader, Session};
use super::{BrowseError, Signature};
use crate::cache::Bare;
use crate::oid::Oid;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

const MAGIC: &[u8; 16] = b"plue last chg 1\n";
const HEAD_BYTES: u64 = 16 + 3 * 4;
const FOLDER_BYTES: u64 = 16 + 3 * 4;
/// The number that stands for a change which is not known.
const UNKNOWN: u32 = u32::MAX;
/// The largest part of a file that is read at once, in bytes.
const MAX_PART_BYTES: u64 = 64 << 20;

/// What an index knows about rows that are looked for.
pub(super) type Known = Vec<(usize, Arc<LastChange>)>;

fn folder_of(bare: &Bare) -> PathBuf {
    bare.dir().join("plue/last-changes")
}

/// The indexes beside a cached repository, as they were when the folder was listed.
pub(super) struct Indexes {
    listed: Option<SystemTime>,
    bare: Bare,
    commits: BTreeSet<Oid>,
    open: Mutex<HashMap<Oid, Option<Arc<Index>>>>,
}

impl Indexes {
    pub(super) fn list(bare: &Bare) -> Self {
        let listed = Self::changed(bare);
        let mut commits = BTreeSet::new();
        if let Ok(entries) = std::fs::read_dir(folder_of(bare)) {
            for entry in entries.flatten() {
                let name = entry.file_name();
                commits.extend(
                    name.to_str()
                        .and_then(|name| Oid::parse(name, bare.format()).ok()),
                );
            }
        }
        Self {
            listed,
            bare: bare.clone(),
            commits,
            open: Mutex::default(),
        }
    }

    fn changed(bare: &Bare) -> Option<SystemTime> {
        folder_of(bare).metadata().and_then(|data| data.modified()).ok()
    }

    pub(super) fn is_current(&self, bare: &Bare) -> bool {
        self.listed == Self::changed(bare)
    }

    /// The index of a commit, if there is one that can be read.
    pub(super) fn of(&self, commit: Oid) -> Option<Arc<Index>> {
        if !self.commits.contains(&commit) {
            return None;
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let path = folder_of(&self.bare).join(commit.to_string());
        open.entry(commit)
            .or_insert_with(|| Index::open(&path, commit).ok().map(Arc::new))
            .clone()
    }
}

/// One index that is open.
pub(super) struct Index {
    file: File,
    like: Oid,
    folders: u32,
    entries: u32,
    commits: u32,
    read: Mutex<HashMap<u32, Arc<LastChange>>>,
}

/// What an index has about one folder.
struct Record {
    own: u32,
    entries: Vec<u32>,
}

fn odd() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an index of last changes is damaged")
}

fn number(bytes: &[u8], at: usize) -> io::Result<u32> {
    let bytes = bytes.get(at..at + 4).ok_or_else(odd)?;
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

impl Index {
    fn open(path: &std::path::Path, commit: Oid) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut head = [0; HEAD_BYTES as usize];
        file.read_exact_at(&mut head, 0)?;
        if head[..16] != MAGIC[..] {
            return Err(odd());
        }
        Ok(Self {
            file,
            like: commit,
            folders: number(&head, 16)?,
            entries: number(&head, 20)?,
            commits: number(&head, 24)?,
            read: Mutex::default(),
        })
    }

    fn part(&self, at: u64, bytes: u64) -> io::Result<Vec<u8>> {
        if bytes > MAX_PART_BYTES {
            return Err(odd());
        }
        let mut part = vec![0; bytes as usize];
        self.file.read_exact_at(&mut part, at)?;
        Ok(part)
    }

    fn record(&self, path: &[u8]) -> io::Result<Option<Record>> {
        let wanted = key(path);
        let (mut low, mut high) = (0, self.folders);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.part(HEAD_BYTES + u64::from(middle) * FOLDER_BYTES, FOLDER_BYTES)?;
            match row[..16].cmp(&wanted[..]) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    let (first, count) = (number(&row, 16)?, number(&row, 20)?);
                    if first.checked_add(count).is_none_or(|end| end > self.entries) {
                        return Err(odd());
                    }
                    let at = self.entries_at_byte() + u64::from(first) * 4;
                    let part = self.part(at, u64::from(count) * 4)?;
                    let entries = (0..count as usize)
                        .map(|nth| number(&part, nth * 4))
                        .collect::<io::Result<_>>()?;
                    return Ok(Some(Record {
                        own: number(&row, 24)?,
                        entries,
                    }));
                }
            }
        }
        Ok(None)
    }

    fn entries_at_byte(&self) -> u64 {
        HEAD_BYTES + u64::from(self.folders) * FOLDER_BYTES
    }

    fn change(&self, nth: u32) -> io::Result<Option<Arc<LastChange>>> {
        if nth == UNKNOWN {
            return Ok(None);
        }
        if nth >= self.commits {
            return Err(odd());
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(change) = read.get(&nth) {
            return Ok(Some(change.clone()));
        }
        let offsets = self.entries_at_byte() + u64::from(self.entries) * 4;
        let data = offsets + (u64::from(self.commits) + 1) * 4;
        let row = self.part(offsets + u64::from(nth) * 4, 8)?;
        let (start, end) = (number(&row, 0)?, number(&row, 4)?);
        let bytes = end.checked_sub(start).ok_or_else(odd)?;
        let part = self.part(data + u64::from(start), u64::from(bytes))?;
        let change = Arc::new(unpack(&part, self.like)?);
        read.insert(nth, change.clone());
        Ok(Some(change))
    }

    /// What is known about the entries of a folder of this index's own commit, in the order of
    /// its tree; none where it has no such folder or cannot be read.
    pub(super) fn folder(&self, path: &[u8]) -> Option<Found> {
        let read = || -> io::Result<Option<Found>> {
            let Some(record) = self.record(path)? else {
                return Ok(None);
            };
            Ok(Some(Found {
                folder: self.change(record.own)?,
                entries: record
                    .entries
                    .into_iter()
                    .map(|nth| self.change(nth))
                    .collect::<io::Result<_>>()?,
            }))
        };
        read().ok().flatten()
    }

    /// What is known about rows that came unchanged to this index's commit, where `tree` is the
    /// folder that is searched. A damaged index knows nothing.
    pub(super) fn entries_at(
        &self,
        session: &mut Session,
        scope: &[u8],
        tree: Oid,
        wanted: &Set,
        paths: &Paths,
    ) -> Result<Option<Known>, BrowseError> {
        let mut known = vec![];
        let range = 0..paths.rows().len();
        self.add_known(session, scope, range, tree, wanted, paths, &mut known)?;
        Ok(Some(known))
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one step of a walk down two trees at once"
    )]
    fn add_known(
        &self,
        session: &mut Session,
        path: &[u8],
        range: std::ops::Range<usize>,
        tree: Oid,
        wanted: &Set,
        paths: &Paths,
        known: &mut Known,
    ) -> Result<(), BrowseError> {
        let Ok(Some(record)) = self.record(path) else {
            return Ok(());
        };
        let content = session.tree(tree)?;
        let aligned = align(paths, range.clone(), &content, tree, &mut { usize::MAX })?;
        for (row, there) in paths.children(range).zip(aligned) {
            let Some((_, oid, place)) = there else { continue };
            let below = row + 1..paths.rows()[row].end;
            if wanted.has(row)
                && let Some(&nth) = record.entries.get(place)
                && let Ok(Some(change)) = self.change(nth)
            {
                known.push((row, change));
            }
            if wanted.has_any(below.clone()) {
                let path = below_path(path, &paths.rows()[row].name);
                self.add_known(session, &path, below, oid, wanted, paths, known)?;
            }
        }
        Ok(())
    }
}

/// Says whether a commit's last changes are indexed. Blocks.
pub fn indexed(reader: &Reader, commit: Oid) -> bool {
    reader.indexes().of(commit).is_some()
}

/// Finds the last change of every path of a commit and writes it down, beginning with what earlier
/// indexes know; whether there is an index now. There is none for a commit of more than
/// `max_paths` paths. What lies further back than `max_steps` commits stays unknown.
pub async fn index_last_changes(
    reader: &Reader,
    commit: Oid,
    max_paths: usize,
    max_steps: usize,
) -> Result<bool, BrowseError> {
    reader
        .within(move |session| {
            let indexes = session.reader.indexes();
            if indexes.of(commit).is_some() {
                return Ok(true);
            }
            let commit = session.commit(commit)?;
            let Some(paths) = Paths::deep(session, commit.tree, max_paths)? else {
                return Ok(false);
            };
            let mut steps = max_steps;
            let known = |session: &mut Session, at: Oid, tree: Oid, wanted: &Set, paths: &Paths| match indexes
                .of(at)
            {
                Some(index) => index.entries_at(session, b"", tree, wanted, paths),
                None => Ok(None),
            };
            let answers = search(session, commit.oid, &paths, &mut steps, known)?;
            let own = LastChange::of(commit);
            write(session, own, &paths, answers)?;
            Ok(true)
        })
        .await
}

/// Removes the indexes of all commits but these. Blocks.
pub fn keep_indexes(bare: &Bare, kept: &[Oid]) -> io::Result<()> {
    for commit in &Indexes::list(bare).commits {
        if !kept.contains(commit) {
            std::fs::remove_file(folder_of(bare).join(commit.to_string()))?;
        }
    }
    Ok(())
}

fn write(
    session: &mut Session,
    own: LastChange,
    paths: &Paths,
    answers: Vec<Answer>,
) -> Result<(), BrowseError> {
    let name = own.oid;
    let mut numbers: HashMap<Oid, u32> = HashMap::new();
    let mut changes: Vec<Arc<LastChange>> = vec![];
    let mut add = |change: Arc<LastChange>| {
        *numbers.entry(change.oid).or_insert_with(|| {
            changes.push(change);
            (changes.len() - 1) as u32
        })
    };
    let own = add(Arc::new(own));
    let mut of_rows = vec![];
    let mut read: HashMap<Oid, Arc<LastChange>> = HashMap::new();
    for answer in answers {
        of_rows.push(match answer {
            Answer::Unknown => UNKNOWN,
            Answer::Known(change) => add(change),
            Answer::Commit(oid) => {
                let change = match read.get(&oid) {
                    Some(change) => change.clone(),
                    None => {
                        let change = Arc::new(LastChange::of(session.commit(oid)?));
                        read.insert(oid, change.clone());
                        change
                    }
                };
                add(change)
            }
        });
    }
    let mut folders = vec![];
    let mut entries = vec![];
    gather(
        paths,
        0..paths.rows().len(),
        b"",
        own,
        &of_rows,
        &mut folders,
        &mut entries,
    );
    folders.sort_unstable();
    let stored = || -> io::Result<()> {
        let folder = folder_of(session.reader.bare());
        std::fs::create_dir_all(&folder)?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&folder)?;
        let mut out = io::BufWriter::new(&mut file);
        out.write_all(MAGIC)?;
        for count in [folders.len(), entries.len(), changes.len()] {
            out.write_all(&u32::try_from(count).map_err(|_| odd())?.to_le_bytes())?;
        }
        for (key, numbers) in &folders {
            out.write_all(key)?;
            for number in numbers {
                out.write_all(&number.to_le_bytes())?;
            }
        }
        for entry in &entries {
            out.write_all(&entry.to_le_bytes())?;
        }
        let packed: Vec<Vec<u8>> = changes.iter().map(|change| pack(change)).collect();
        let mut offset = 0u32;
        out.write_all(&offset.to_le_bytes())?;
        for change in &packed {
            let bytes = u32::try_from(change.len()).map_err(|_| odd())?;
            offset = offset.checked_add(bytes).ok_or_else(odd)?;
            out.write_all(&offset.to_le_bytes())?;
        }
        for change in &packed {
            out.write_all(change)?;
        }
        out.flush()?;
        drop(out);
        file.persist(folder.join(name.to_string()))
            .map(drop)
            .map_err(|failed| failed.error)
    };
    Ok(stored().map_err(crate::child::GitError::from)?)
}

type FolderRow = ([u8; 16], [u32; 3]);

/// Lists what a folder and the folders below it have.
fn gather(
    paths: &Paths,
    range: std::ops::Range<usize>,
    path: &[u8],
    own: u32,
    of_rows: &[u32],
    folders: &mut Vec<FolderRow>,
    entries: &mut Vec<u32>,
) {
    let first = entries.len();
    entries.extend(paths.children(range.clone()).map(|row| of_rows[row]));
    let count = entries.len() - first;
    folders.push((key(path), [first as u32, count as u32, own]));
    for row in paths.children(range) {
        let entry = &paths.rows()[row];
        if entry.mode & 0o170_000 == 0o040_000 {
            let path = below_path(path, &entry.name);
            gather(
                paths,
                row + 1..entry.end,
                &path,
                of_rows[row],
                of_rows,
                folders,
                entries,
            );
        }
    }
}

fn below_path(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder {
        [] => name.to_vec(),
        folder => [folder, b"/", name].concat(),
    }
}

fn key(path: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&Sha256::digest(path)[..16]);
    key
}

fn pack(change: &LastChange) -> Vec<u8> {
    let Signature {
        name,
        email,
        time_ms,
        offset_minutes,
    } = &change.author;
    let mut packed = change.oid.as_bytes().to_vec();
    packed.extend(change.committed_ms.to_le_bytes());
    packed.extend(time_ms.to_le_bytes());
    packed.extend(offset_minutes.to_le_bytes());
    for text in [name, email, &change.summary] {
        packed.extend((text.len() as u32).to_le_bytes());
        packed.extend(text.as_bytes());
    }
    packed
}

fn unpack(packed: &[u8], like: Oid) -> io::Result<LastChange> {
    let mut rest = packed;
    let mut take = |len: usize| {
        let (head, tail) = rest.split_at_checked(len).ok_or_else(odd)?;
        rest = tail;
        Ok::<_, io::Error>(head)
    };
    let long = |bytes: &[u8]| bytes.try_into().map(i64::from_le_bytes).map_err(|_| odd());
    let oid = Oid::from_bytes(take(like.format().raw_len())?).map_err(|_| odd())?;
    let committed_ms = long(take(8)?)?;
    let time_ms = long(take(8)?)?;
    let offset_minutes = number(take(4)?, 0)?.cast_signed();
    let mut text = || {
        let len = number(take(4)?, 0)? as usize;
        String::from_utf8(take(len)?.to_vec()).map_err(|_| odd())
    };
    Ok(LastChange {
        oid,
        committed_ms,
        author: Signature {
            name: text()?,
            email: text()?,
            time_ms,
            offset_minutes,
        },
        summary: text()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn changes_are_read_back_and_rubbish_is_refused(
            (name, summary) in (".*", ".*"),
            cut in any::<prop::sample::Index>(),
            rubbish in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let oid = Oid::from_bytes(&[7; 20]).unwrap();
            let change = LastChange {
                oid,
                committed_ms: -5,
                author: Signature { name, email: "a@b".into(), time_ms: i64::MAX, offset_minutes: -210 },
                summary,
            };
            let packed = pack(&change);
            prop_assert_eq!(unpack(&packed, oid).unwrap(), change);
            prop_assert!(unpack(&packed[..cut.index(packed.len())], oid).is_err());
            let _ = unpack(&rubbish, oid);
        }
    }
}

//! Packs that were made for one client and serve the next that asks the same.
//!
//! `git upload-pack` runs the program that `uploadpack.packObjectsHook` names instead of
//! `pack-objects`, with the same arguments and input. That program calls [`run`], which answers
//! from a file or makes one. The name of a file is a hash of all that decides what is in the pack:
//! which repository and of which generation, the arguments and the input.
//!
//! While a pack is made, it is written to disk as fast as git makes it, and one client reads it
//! from there. Others with the same question wait for the file to be whole: then whatever becomes
//! of the first client cannot cut off theirs. Where the disk is full or the cache too small, the
//! pack goes to the client alone.

use crate::cache::{Bare, Stamp};
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::SystemTime;

/// The variable that tells the hook where the packs are kept.
pub const DIR_VARIABLE: &str = "PLUE_PACK_CACHE_DIR";
/// The variable that tells the hook how many bytes they may take together.
pub const MAX_VARIABLE: &str = "PLUE_PACK_CACHE_MAX_BYTES";

/// How many bytes are moved at once.
const CHUNK: usize = 256 * 1024;

/// Where packs are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackCache {
    dir: PathBuf,
    max_bytes: u64,
}

impl PackCache {
    /// Keeps packs in this folder, up to so many bytes together.
    pub fn new(dir: PathBuf, max_bytes: u64) -> Self {
        Self { dir, max_bytes }
    }

    /// Reads what [`crate::upload`] told a hook by its environment; none where it told nothing.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let dir = variable(DIR_VARIABLE)?;
        let max_bytes = variable(MAX_VARIABLE)?.to_str()?.parse().ok()?;
        Some(Self::new(dir.into(), max_bytes))
    }

    fn file(&self, key: &str, end: &str) -> PathBuf {
        self.dir.join(format!("{key}.{end}"))
    }
}

/// Acts as git's `pack-objects` hook: `command` is `git` and its arguments, as the hook got them
/// after its own name; `repository` is the folder it runs in. Returns the status to exit with.
/// Blocks until the client has its pack.
pub fn run(
    cache: &PackCache,
    command: &[OsString],
    repository: &Path,
    mut stdin: impl Read,
    mut stdout: impl Write,
) -> io::Result<i32> {
    let mut input = vec![];
    stdin.read_to_end(&mut input)?;
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the hook is run by git upload-pack, with the command it replaces",
        ));
    };
    let mut packer = Command::new(program);
    packer
        .args(arguments)
        .current_dir(repository)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    // Without a stamp nobody could say when a kept pack is out of date; and what goes wrong with
    // the folder of kept packs is no reason to refuse a clone.
    let stamp = Bare::open(repository).ok().and_then(|bare| bare.stamp().ok()?);
    let Some(stamp) = stamp else {
        return pack_for_one(packer, &input, &mut stdout);
    };
    let key = key(&repository.canonicalize()?, stamp, arguments, &input);
    match cache.find(&key) {
        Ok(Found::Whole(mut file)) => {
            io::copy(&mut file, &mut stdout)?;
            stdout.flush()?;
            Ok(0)
        }
        Ok(Found::Ours(part)) => {
            let made = pack_for_all(packer, &input, &mut stdout, &part, cache.max_bytes / 2)?;
            cache.settle(&key, made)
        }
        Err(_) => pack_for_one(packer, &input, &mut stdout),
    }
}

/// What there is of a pack.
enum Found {
    /// All of it.
    Whole(File),
    /// An empty file under our lock.
    Ours(File),
}

impl PackCache {
    /// Finds a pack, or the right to make it; waits while somebody else is making it.
    fn find(&self, key: &str) -> io::Result<Found> {
        fs::create_dir_all(&self.dir)?;
        let (whole, part) = (self.file(key, "pack"), self.file(key, "part"));
        loop {
            if let Some(file) = open_whole(&whole)? {
                return Ok(Found::Whole(file));
            }
            let mut open = OpenOptions::new();
            let file = open.read(true).append(true).create(true).open(&part)?;
            file.lock()?;
            // Whoever held the lock may have finished the file, or removed it.
            if is_still(&file, &part)? {
                file.set_len(0)?;
                return Ok(Found::Ours(file));
            }
        }
    }

    /// Ends the making of a pack, while its file is still locked.
    fn settle(&self, key: &str, made: Made) -> io::Result<i32> {
        let part = self.file(key, "part");
        let (settled, code) = match made {
            Made::Kept => {
                let renamed = fs::rename(&part, self.file(key, "pack"));
                (renamed.and_then(|()| make_room(self)), 0)
            }
            Made::NotKept(code) => (fs::remove_file(&part), code),
        };
        // The client has its pack; whatever is left behind is removed when room is made.
        drop(settled);
        Ok(code)
    }
}

/// Names a pack by all that decides what is in it.
fn key(repository: &Path, stamp: Stamp, arguments: &[OsString], input: &[u8]) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    add(repository.as_os_str().as_bytes());
    add(&stamp.generation.to_be_bytes());
    add(&stamp.epoch.to_be_bytes());
    // Whether the client wants to see progress changes nothing in the pack.
    let shown = [OsStr::new("--progress"), OsStr::new("-q")];
    for argument in arguments
        .iter()
        .filter(|argument| !shown.contains(&argument.as_os_str()))
    {
        add(argument.as_bytes());
    }
    add(input);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn open_whole(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => {
            // The time of its last use decides which goes first when room is needed.
            let _ = file.set_modified(SystemTime::now());
            Ok(Some(file))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a pack that is not kept.
fn pack_for_one(mut packer: Command, input: &[u8], stdout: &mut impl Write) -> io::Result<i32> {
    let mut child = packer.spawn()?;
    let mut stdin = child.stdin.take().expect("because the command pipes it");
    let mut from = child.stdout.take().expect("because the command pipes it");
    std::thread::scope(|scope| {
        // A child that ends before it has read all says why by its status.
        scope.spawn(move || drop(stdin.write_all(input)));
        io::copy(&mut from, stdout)
    })?;
    stdout.flush()?;
    Ok(child.wait()?.code().unwrap_or(1))
}

enum Made {
    Kept,
    NotKept(i32),
}

/// How far the file has been written, and whether the rest comes another way.
#[derive(Default)]
struct Progress {
    state: Mutex<(u64, bool)>,
    changed: Condvar,
}

impl Progress {
    fn set(&self, written: u64, over: bool) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (written, over);
        self.changed.notify_all();
    }

    /// Waits until more is written than was read, or nothing more will be.
    fn wait(&self, read: u64) -> (u64, bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.0 == read && !state.1 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state
    }
}

/// Makes a pack into the file, and lets the client read it while it grows.
fn pack_for_all(
    mut packer: Command,
    input: &[u8],
    stdout: &mut impl Write,
    file: &File,
    max_bytes: u64,
) -> io::Result<Made> {
    let mut child = packer.spawn()?;
    let mut stdin = child.stdin.take().expect("because the command pipes it");
    let from = child.stdout.take().expect("because the command pipes it");
    let progress = Arc::new(Progress::default());
    let (overflow, rest) = sync_channel(4);
    let kept = std::thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(input)));
        let pumped = {
            let progress = Arc::clone(&progress);
            scope.spawn(move || pump(from, file, &progress, overflow, max_bytes))
        };
        let shown = show(file, &progress, rest, stdout);
        if shown.is_err() {
            // The client is gone. Its question is not worth an answer any more.
            let _ = child.kill();
        }
        let pumped = pumped
            .join()
            .map_err(|_| io::Error::other("a thread ended early"))?;
        shown.and(pumped)
    });
    let status = child.wait()?;
    match (kept?, status.code()) {
        (true, Some(0)) => Ok(Made::Kept),
        (_, code) => Ok(Made::NotKept(code.unwrap_or(1))),
    }
}

/// Moves what git makes into the file; what no longer fits goes to the client directly. Answers
/// whether the file is whole.
fn pump(
    mut from: impl Read,
    mut file: &File,
    progress: &Progress,
    overflow: SyncSender<Vec<u8>>,
    max_bytes: u64,
) -> io::Result<bool> {
    let mut buffer = vec![0; CHUNK];
    let mut written = 0;
    let mut whole = true;
    let ended = loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(read) => read,
            Err(error) => break Err(error),
        };
        let piece = &buffer[..read];
        if whole && written + read as u64 <= max_bytes && file.write_all(piece).is_ok() {
            written += read as u64;
            progress.set(written, false);
            continue;
        }
        whole = false;
        progress.set(written, true);
        if overflow.send(piece.to_vec()).is_err() {
            break Ok(());
        }
    };
    progress.set(written, true);
    ended.map(|()| whole)
}

/// Moves the file as it grows to the client, then what did not fit into it.
fn show(
    file: &File,
    progress: &Progress,
    rest: Receiver<Vec<u8>>,
    stdout: &mut impl Write,
) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let mut buffer = vec![0; CHUNK];
    let mut shown = 0;
    loop {
        let (written, over) = progress.wait(shown);
        while shown < written {
            let want = CHUNK.min(usize::try_from(written - shown).unwrap_or(CHUNK));
            file.read_exact_at(&mut buffer[..want], shown)?;
            stdout.write_all(&buffer[..want])?;
            shown += want as u64;
        }
        if over {
            break;
        }
    }
    for piece in rest {
        stdout.write_all(&piece)?;
    }
    stdout.flush()
}

/// Removes the packs that were used longest ago until the rest fits, and what unfinished files
/// killed processes left.
fn make_room(cache: &PackCache) -> io::Result<()> {
    let mut kept = vec![];
    let mut total = 0;
    for entry in fs::read_dir(&cache.dir)? {
        let entry = entry?;
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        match path.extension().and_then(OsStr::to_str) {
            Some("pack") => {
                total += metadata.len();
                kept.push((metadata.modified()?, metadata.len(), path));
            }
            Some("part") => {
                // One that nobody has locked belongs to nobody. Whoever opens it in this moment
                // sees, once it has the lock, that it is gone, and begins anew.
                if let Ok(file) = File::open(&path)
                    && file.try_lock().is_ok()
                    && is_still(&file, &path)?
                {
                    let _ = fs::remove_file(&path);
                }
            }
            _ => {}
        }
    }
    kept.sort_unstable();
    for (_, size, path) in kept {
        if total <= cache.max_bytes {
            break;
        }
        if fs::remove_file(&path).is_ok() {
            total -= size;
        }
    }
    Ok(())
}

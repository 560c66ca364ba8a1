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
//!
//! A pack that is the whole answer to a request has a second name, after that request ([`Answer`]):
//! the next that asks the same is given the file by the server, and git is not run at all.

use crate::cache::{Bare, Stamp};
use crate::wire::fetch::PackAsked;
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::SystemTime;

/// The variable that tells the hook where the packs are kept.
pub const DIR_VARIABLE: &str = "PLUE_PACK_CACHE_DIR";
/// The variable that tells the hook how many bytes they may take together.
pub const MAX_VARIABLE: &str = "PLUE_PACK_CACHE_MAX_BYTES";

/// The variable that tells the hook by which name the server will look for this pack.
pub const ANSWER_VARIABLE: &str = "PLUE_PACK_CACHE_ANSWER";

/// How many bytes are moved at once.
const CHUNK: usize = 256 * 1024;

/// Where packs are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackCache {
    dir: PathBuf,
    max_bytes: u64,
    answer: Option<Answer>,
}

/// The name of a pack after the request that it answers: a repository, its generation, and what
/// was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(String);

impl Answer {
    /// Names the answer to a request for a pack from a repository that shows this.
    pub fn new(repository: &Path, stamp: Stamp, asked: &PackAsked) -> Self {
        let mut hash = Sha256::new();
        hash.update(asked.hash());
        hash.update(stamp.generation.to_be_bytes());
        hash.update(stamp.epoch.to_be_bytes());
        hash.update(repository.as_os_str().as_bytes());
        Self(hex(&hash.finalize()))
    }

    /// The name, in hexadecimal digits.
    pub fn name(&self) -> &str {
        &self.0
    }

    fn parse(name: &OsStr) -> Option<Self> {
        let name = name.to_str()?;
        let good = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then(|| Self(name.to_owned()))
    }

    /// Finds the pack in a folder of kept packs; none where it was not made yet or had to go.
    pub fn find(&self, dir: &Path) -> io::Result<Option<File>> {
        open_whole(&self.place(dir))
    }

    fn place(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.answer", self.0))
    }
}

impl PackCache {
    /// Keeps packs in this folder, up to so many bytes together.
    pub fn new(dir: PathBuf, max_bytes: u64) -> Self {
        Self {
            dir,
            max_bytes,
            answer: None,
        }
    }

    /// Reads what [`crate::upload`] told a hook by its environment; none where it told nothing.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let dir = variable(DIR_VARIABLE)?;
        let max_bytes = variable(MAX_VARIABLE)?.to_str()?.parse().ok()?;
        let answer = variable(ANSWER_VARIABLE).and_then(|name| Answer::parse(&name));
        Some(Self {
            answer,
            ..Self::new(dir.into(), max_bytes)
        })
    }

    /// Removes everything that is kept. Who reads a pack goes on reading it.
    pub fn clear(&self) -> io::Result<()> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            match fs::remove_file(entry?.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives a kept pack its second name; where that cannot be, the next client asks git.
    fn name_answer(&self, key: &str) {
        if let Some(answer) = &self.answer {
            let _ = fs::hard_link(self.file(key, "pack"), answer.place(&self.dir));
        }
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
            cache.name_answer(&key);
            io::copy(&mut file, &mut stdout)?;
            stdout.flush()?;
            Ok(0)
        }
        Ok(Found::Ours(part)) => {
            let made = pack_for_all(cache, &key, packer, &input, &mut stdout, &part);
            if matches!(made, Ok(0)) {
                cache.name_answer(&key);
            }
            // The client has its pack; what is left behind now is removed the next time.
            let _ = cache.make_room();
            made
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

    /// Ends the making of a pack: it is there for all from now on, or not at all.
    fn settle(&self, key: &str, part: &File, kept: bool) {
        let path = self.file(key, "part");
        let _ = match kept {
            true => fs::rename(path, self.file(key, "pack")),
            false => fs::remove_file(path),
        };
        // Those who wait go on now, however slow this client is. A lock that cannot be given back
        // goes with the process.
        let _ = part.unlock();
    }

    /// Removes the packs that were used longest ago until the rest fits, and what unfinished files
    /// killed processes left.
    fn make_room(&self) -> io::Result<()> {
        let mut kept = vec![];
        let mut answers = vec![];
        let mut total = 0;
        for entry in fs::read_dir(&self.dir)? {
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
                Some("answer") => answers.push(path),
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
            if total <= self.max_bytes {
                break;
            }
            if fs::remove_file(&path).is_ok() {
                total -= size;
            }
        }
        // With its first name a pack loses its second.
        for path in answers {
            if fs::metadata(&path).is_ok_and(|metadata| metadata.nlink() == 1) {
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
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
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

/// How far the file has been written, and whether the rest comes another way.
#[derive(Default)]
struct Progress {
    state: Mutex<(u64, bool)>,
    changed: Condvar,
    given_up: AtomicBool,
}

impl Progress {
    fn set(&self, written: u64, over: bool) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (written, over);
        self.changed.notify_all();
    }

    fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
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
    cache: &PackCache,
    key: &str,
    mut packer: Command,
    input: &[u8],
    stdout: &mut impl Write,
    file: &File,
) -> io::Result<i32> {
    let mut child = packer.spawn()?;
    let mut stdin = child.stdin.take().expect("because the command pipes it");
    let from = child.stdout.take().expect("because the command pipes it");
    let progress = &Progress::default();
    let (overflow, rest) = sync_channel(4);
    std::thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(input)));
        let pumped = scope.spawn(move || {
            let whole = pump(from, file, progress, overflow, cache.max_bytes / 2, || {
                cache.settle(key, file, false);
            });
            let code = child.wait().map(|status| status.code().unwrap_or(1));
            if let Ok(true) = whole {
                cache.settle(key, file, matches!(code, Ok(0)));
            }
            whole.and(code)
        });
        let shown = show(file, progress, rest, stdout);
        if shown.is_err() {
            // The client is gone. Its question is not worth an answer any more.
            progress.give_up();
        }
        let code = pumped
            .join()
            .map_err(|_| io::Error::other("a thread ended early"))?;
        shown.and(code)
    })
}

/// Moves what git makes into the file; what no longer fits goes to the client directly. Says at
/// once when the file will not be whole, and at the end whether it is.
fn pump(
    mut from: impl Read,
    mut file: &File,
    progress: &Progress,
    overflow: SyncSender<Vec<u8>>,
    max_bytes: u64,
    not_whole: impl Fn(),
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
        if progress.given_up.load(Ordering::Relaxed) {
            break Err(io::ErrorKind::BrokenPipe.into());
        }
        let piece = &buffer[..read];
        if whole && written + read as u64 <= max_bytes && file.write_all(piece).is_ok() {
            written += read as u64;
            progress.set(written, false);
            continue;
        }
        if whole {
            whole = false;
            progress.set(written, true);
            not_whole();
        }
        if overflow.send(piece.to_vec()).is_err() {
            break Ok(());
        }
    };
    progress.set(written, true);
    if whole && ended.is_err() {
        not_whole();
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Durability;
    use crate::oid::ObjectFormat;
    use crate::refname::RefName;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// Stands for a packer: its "pack" is what its input says, after its arguments.
    fn question(word: &str) -> (Vec<OsString>, Vec<u8>) {
        let echo = "cat; printf end";
        let command = ["sh", "-c", echo].map(OsString::from).to_vec();
        (command, word.repeat(200_000).into_bytes())
    }

    fn repository(root: &Path) -> PathBuf {
        let head = RefName::branch("main").unwrap();
        let dir = root.join("1.git");
        let bare = Bare::create(&dir, ObjectFormat::Sha1, &head, Durability::Lazy).unwrap();
        let stamp = Stamp {
            generation: 1,
            epoch: 1,
        };
        bare.write_refs(&head, &[], stamp, Durability::Lazy).unwrap();
        dir
    }

    fn files(cache: &PackCache) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&cache.dir)
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .extension()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    /// A client that takes one piece and then nothing until it is told.
    struct Slow {
        told: Receiver<()>,
        taken: Vec<u8>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.taken.is_empty() {
                let _ = self.told.recv_timeout(Duration::from_secs(60));
            }
            self.taken.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A client that goes away after its first piece.
    struct Gone(bool);

    impl Write for Gone {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match std::mem::replace(&mut self.0, true) {
                true => Err(io::ErrorKind::BrokenPipe.into()),
                false => Ok(bytes.len()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_slow_client_holds_nobody_up_and_gets_all() {
        let root = tempfile::tempdir().unwrap();
        let dir = repository(root.path());
        let cache = PackCache::new(root.path().join("packs"), 1 << 30);
        let (command, input) = question("abc");
        let (tell, told) = channel();
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| {
                let mut slow = Slow { told, taken: vec![] };
                let code = run(&cache, &command, &dir, &input[..], &mut slow).unwrap();
                (code, slow.taken)
            });
            while !cache.dir.exists() || files(&cache).is_empty() {
                std::thread::sleep(Duration::from_millis(5));
            }
            let mut quick = vec![];
            assert_eq!(run(&cache, &command, &dir, &input[..], &mut quick).unwrap(), 0);
            assert!(!slow.is_finished());
            drop(tell);
            assert_eq!(slow.join().unwrap(), (0, quick.clone()));
            assert!(quick.starts_with(b"abcabc") && quick.ends_with(b"end"));
        });
        assert_eq!(files(&cache), ["pack"]);
    }

    #[test]
    fn a_client_that_goes_away_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let dir = repository(root.path());
        let cache = PackCache::new(root.path().join("packs"), 1 << 30);
        let (command, input) = question(&"x".repeat(20));
        assert!(run(&cache, &command, &dir, &input[..], Gone(false)).is_err());
        // What was made in time is good; half of it is not kept.
        assert!(!files(&cache).contains(&"part".to_owned()));
        let mut all = vec![];
        assert_eq!(run(&cache, &command, &dir, &input[..], &mut all).unwrap(), 0);
        assert_eq!(all.len(), input.len() + 3);
    }

    #[test]
    fn what_fails_is_not_kept() {
        let root = tempfile::tempdir().unwrap();
        let dir = repository(root.path());
        let cache = PackCache::new(root.path().join("packs"), 1 << 30);
        let command = ["sh", "-c", "printf half; exit 3"].map(OsString::from);
        for _ in 0..2 {
            let mut out = vec![];
            assert_eq!(run(&cache, &command, &dir, &b""[..], &mut out).unwrap(), 3);
            assert_eq!(out, b"half");
            assert_eq!(files(&cache), [""; 0]);
        }
        assert!(run(&cache, &[], &dir, &b""[..], io::sink()).is_err());
    }

    #[test]
    fn what_decides_is_in_the_name() {
        let stamp = |generation, epoch| Stamp { generation, epoch };
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let args = words(&["pack-objects", "--revs"]);
        let base = key(Path::new("/r/1"), stamp(1, 1), &args, b"x");
        assert_eq!(
            base,
            key(
                Path::new("/r/1"),
                stamp(1, 1),
                &words(&["pack-objects", "--revs", "--progress"]),
                b"x"
            )
        );
        for other in [
            key(Path::new("/r/2"), stamp(1, 1), &args, b"x"),
            key(Path::new("/r/1"), stamp(2, 1), &args, b"x"),
            key(Path::new("/r/1"), stamp(1, 2), &args, b"x"),
            key(
                Path::new("/r/1"),
                stamp(1, 1),
                &words(&["pack-objects", "--revs", "--thin"]),
                b"x",
            ),
            key(
                Path::new("/r/1"),
                stamp(1, 1),
                &words(&["pack-objects--revs"]),
                b"x",
            ),
            key(Path::new("/r/1"), stamp(1, 1), &args, b"y"),
        ] {
            assert_ne!(base, other);
        }
    }
}

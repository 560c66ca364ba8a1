//! The bare repository on a node's disk: a cache of what the database and the blob store hold.
//!
//! Refs stand in `packed-refs` only, whose first line also says of which generation and epoch
//! they are, so that one rename moves both. Packs are files that never change. Loose refs are
//! somebody else's doing: the watcher takes them under git's own locks. All functions block for
//! as long as the disk takes.

use crate::oid::{ObjectFormat, Oid};
use crate::refname::{self, RefName};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What every `packed-refs` begins with. Git ignores traits that it does not know.
const HEADER: &str = "# pack-refs with: peeled fully-peeled sorted";

/// Why a cache could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// There is none at this place.
    #[error("there is no repository in the cache at {0}")]
    Missing(PathBuf),
    /// Somebody else wrote what stands there, or wrote half of it: it is to be rebuilt.
    #[error("the cached repository is damaged: {0}")]
    Damaged(&'static str),
    /// Another program holds git's lock on a ref file.
    #[error("another program is changing the refs of the cached repository")]
    Locked,
    /// The disk.
    #[error("the cached repository cannot be read or written")]
    Io(#[from] io::Error),
}

/// Whether a write is on the disk, or only on its way, when its function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Files and folder are synced.
    Sync,
    /// The operating system writes when it likes; right for what can be rebuilt.
    Lazy,
}

/// Of which state of the repository a cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// One more at each accepted change of refs or packs.
    pub generation: i64,
    /// One more at each change of who may read it.
    pub epoch: i64,
}

/// A ref as it stands in `packed-refs`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackedRef {
    /// Its name.
    pub name: RefName,
    /// What it names.
    pub oid: Oid,
    /// Where that is an annotated tag: what the tag is of, to the end.
    pub peeled: Option<Oid>,
}

/// A ref in a file of its own, which some other program wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LooseRef {
    /// Its name.
    pub name: RefName,
    /// What it names.
    pub oid: Oid,
}

/// How files get from one folder to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Both keep them, by hard link; a copy where the folders are on two file systems.
    Link,
    /// The first loses them.
    Move,
}

/// A pack and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackFiles {
    /// The checksum at its end, which is also its name.
    pub checksum: Oid,
    /// The pack.
    pub pack: PathBuf,
    /// Its index.
    pub idx: PathBuf,
    /// Its reverse index, if there is one.
    pub rev: Option<PathBuf>,
    /// The size of the pack, in bytes.
    pub pack_bytes: u64,
    /// The size of the index, in bytes.
    pub idx_bytes: u64,
    /// The size of the reverse index, in bytes; 0 where there is none.
    pub rev_bytes: u64,
    /// How many objects it has.
    pub objects: u64,
}

impl PackFiles {
    /// Finds the files named `pack-<checksum>.*` in a folder.
    pub fn at(folder: &Path, checksum: Oid) -> io::Result<Self> {
        let file = |end: &str| folder.join(format!("pack-{checksum}.{end}"));
        let (pack, idx, rev) = (file("pack"), file("idx"), file("rev"));
        let mut head = [0; 12];
        io::Read::read_exact(&mut File::open(&pack)?, &mut head)?;
        let rev = rev.try_exists()?.then_some(rev);
        Ok(Self {
            checksum,
            pack_bytes: fs::metadata(&pack)?.len(),
            idx_bytes: fs::metadata(&idx)?.len(),
            rev_bytes: match &rev {
                Some(rev) => fs::metadata(rev)?.len(),
                None => 0,
            },
            objects: u64::from(u32::from_be_bytes([head[8], head[9], head[10], head[11]])),
            pack,
            idx,
            rev,
        })
    }

    /// Puts the files into another folder, the index last: it makes the pack known to git. A file
    /// that is there already is the same file, since its name is its content's.
    pub fn transfer(&self, folder: &Path, how: Transfer) -> io::Result<Self> {
        let paths = self.rev.iter().chain([&self.pack, &self.idx]);
        for from in paths {
            let name = from
                .file_name()
                .expect("because a pack's files are named after its checksum");
            let to = folder.join(name);
            match how {
                Transfer::Link => link(from, &to)?,
                Transfer::Move => match fs::rename(from, &to) {
                    Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                        link(from, &to)?;
                        fs::remove_file(from)?;
                    }
                    moved => moved?,
                },
            }
        }
        Self::at(folder, self.checksum)
    }
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::CrossesDevices | io::ErrorKind::TooManyLinks
            ) =>
        {
            let folder = to.parent().unwrap_or(Path::new("."));
            let mut copy = tempfile::Builder::new().prefix("tmp_copy_").tempfile_in(folder)?;
            io::copy(&mut File::open(from)?, &mut copy)?;
            copy.persist(to).map(drop).map_err(|failed| failed.error)
        }
        linked => linked,
    }
}

/// A bare repository in the cache; a cheap clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bare {
    dir: PathBuf,
    format: ObjectFormat,
}

impl Bare {
    /// Makes an empty repository; it stands there whole or not at all.
    pub fn create(
        dir: &Path,
        format: ObjectFormat,
        head: &RefName,
        durability: Durability,
    ) -> Result<Self, CacheError> {
        let parent = dir.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent)?;
        let made = tempfile::Builder::new().prefix(".new-").tempdir_in(parent)?;
        skeleton(made.path(), format, head)?;
        if durability == Durability::Sync {
            for file in ["HEAD", "config", "objects", "refs", "."] {
                File::open(made.path().join(file))?.sync_all()?;
            }
        }
        fs::rename(made.path(), dir)?;
        let _ = made.keep();
        if durability == Durability::Sync {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            format,
        })
    }

    /// Opens a repository that is there.
    pub fn open(dir: &Path) -> Result<Self, CacheError> {
        let config = match fs::read_to_string(dir.join("config")) {
            Ok(config) => config,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(match dir.try_exists()? {
                    true => CacheError::Damaged("it has no configuration"),
                    false => CacheError::Missing(dir.to_owned()),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let named = config.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim()
                .eq_ignore_ascii_case("objectformat")
                .then(|| value.trim())
        });
        let format = named
            .unwrap_or("sha1")
            .parse()
            .map_err(|_| CacheError::Damaged("its object format is unknown"))?;
        if !dir.join("objects/pack").is_dir() || !dir.join("refs").is_dir() {
            return Err(CacheError::Damaged("it lacks its folders"));
        }
        Ok(Self {
            dir: dir.to_owned(),
            format,
        })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// By which function its objects are named.
    pub fn format(&self) -> ObjectFormat {
        self.format
    }

    fn pack_dir(&self) -> PathBuf {
        self.dir.join("objects/pack")
    }

    /// Says of which state it is; none where it has no refs yet or somebody else wrote them.
    pub fn stamp(&self) -> Result<Option<Stamp>, CacheError> {
        let file = match File::open(self.dir.join("packed-refs")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut header = String::new();
        let read = io::Read::take(BufReader::with_capacity(256, file), 256).read_line(&mut header);
        Ok(match read {
            Ok(_) => read_stamp(&header),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(error.into()),
        })
    }

    /// Replaces HEAD and every ref, and says of which state they are. The refs may come in any
    /// order. They and the stamp change at once; HEAD changes a moment before.
    pub fn write_refs(
        &self,
        head: &RefName,
        refs: &[PackedRef],
        stamp: Stamp,
        durability: Durability,
    ) -> Result<(), CacheError> {
        let head_line = format!("ref: {head}\n");
        let head_path = self.dir.join("HEAD");
        if fs::read_to_string(&head_path).ok().as_deref() != Some(&head_line) {
            let lock = Lock::take(&head_path)?;
            fs::write(&lock.path, head_line)?;
            lock.commit(durability)?;
        }
        let lock = Lock::take(&self.dir.join("packed-refs"))?;
        let mut out = BufWriter::with_capacity(128 * 1024, File::create(&lock.path)?);
        let Stamp { generation, epoch } = stamp;
        writeln!(out, "{HEADER} plue-generation={generation} plue-epoch={epoch} ")?;
        let mut sorted: Vec<&PackedRef> = refs.iter().collect();
        sorted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut line = Vec::with_capacity(256);
        for PackedRef { name, oid, peeled } in sorted {
            line.clear();
            oid.write_hex(&mut line);
            line.push(b' ');
            line.extend_from_slice(name.as_str().as_bytes());
            line.push(b'\n');
            if let Some(peeled) = peeled {
                line.push(b'^');
                peeled.write_hex(&mut line);
                line.push(b'\n');
            }
            out.write_all(&line)?;
        }
        out.flush()?;
        drop(out);
        lock.commit(durability)
    }

    /// The branch that HEAD names, be it born or not.
    pub fn head(&self) -> Result<RefName, CacheError> {
        fs::read_to_string(self.dir.join("HEAD"))?
            .strip_prefix("ref: ")
            .and_then(|name| refname::check_head_target(name.trim_end()).ok())
            .ok_or(CacheError::Damaged("its HEAD names no branch"))
    }

    /// Finds one of the packed refs.
    pub fn find_ref(&self, name: &RefName) -> Result<Option<PackedRef>, CacheError> {
        let packed = self.packed_refs()?;
        let mut lines = packed.lines();
        let found = lines.find_map(|line| {
            let hex = line.strip_suffix(name.as_str())?.strip_suffix(' ')?;
            Oid::parse(hex, self.format).ok()
        });
        Ok(found.map(|oid| PackedRef {
            name: name.clone(),
            oid,
            peeled: lines
                .next()
                .and_then(|line| Oid::parse(line.strip_prefix('^')?, self.format).ok()),
        }))
    }

    fn packed_refs(&self) -> Result<String, CacheError> {
        match fs::read_to_string(self.dir.join("packed-refs")) {
            Ok(packed) => Ok(packed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(CacheError::Damaged("its packed-refs cannot be read"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads HEAD and the packed refs, in the order of their names.
    pub fn read_refs(&self) -> Result<(RefName, Vec<PackedRef>), CacheError> {
        let head = self.head()?;
        let packed = self.packed_refs()?;
        let odd = || CacheError::Damaged("its packed-refs cannot be read");
        let mut refs: Vec<PackedRef> = vec![];
        for line in packed.lines().filter(|line| !line.starts_with('#')) {
            if let Some(peeled) = line.strip_prefix('^') {
                let last = refs.last_mut().ok_or_else(odd)?;
                last.peeled = Some(Oid::parse(peeled, self.format).map_err(|_| odd())?);
                continue;
            }
            let (oid, name) = line.split_once(' ').ok_or_else(odd)?;
            refs.push(PackedRef {
                name: name.parse().map_err(|_| odd())?,
                oid: Oid::parse(oid, self.format).map_err(|_| odd())?,
                peeled: None,
            });
        }
        Ok((head, refs))
    }

    /// The checksums of the packs that are there with their indexes, in order.
    pub fn packs(&self) -> Result<Vec<Oid>, CacheError> {
        let mut packs = vec![];
        for entry in fs::read_dir(self.pack_dir())? {
            let name = entry?.file_name();
            let checksum = name
                .to_str()
                .and_then(|name| name.strip_prefix("pack-")?.strip_suffix(".idx"))
                .and_then(|hex| Oid::parse(hex, self.format).ok());
            if let Some(checksum) = checksum
                && self.pack_dir().join(format!("pack-{checksum}.pack")).is_file()
            {
                packs.push(checksum);
            }
        }
        packs.sort_unstable();
        Ok(packs)
    }

    /// Finds one pack.
    pub fn pack_files(&self, checksum: Oid) -> Result<PackFiles, CacheError> {
        Ok(PackFiles::at(&self.pack_dir(), checksum)?)
    }

    /// Adds a pack. One that is there already stays.
    pub fn install(
        &self,
        files: &PackFiles,
        how: Transfer,
        durability: Durability,
    ) -> Result<PackFiles, CacheError> {
        let installed = files.transfer(&self.pack_dir(), how)?;
        if durability == Durability::Sync {
            let files = [&installed.pack, &installed.idx];
            for file in files.into_iter().chain(&installed.rev) {
                File::open(file)?.sync_all()?;
            }
            File::open(self.pack_dir())?.sync_all()?;
        }
        Ok(installed)
    }

    /// Removes packs and what belongs to them, the index first; those that are gone already count
    /// as removed.
    pub fn remove_packs(&self, checksums: &[Oid]) -> Result<(), CacheError> {
        for checksum in checksums {
            for end in ["idx", "rev", "bitmap", "mtimes", "pack"] {
                match fs::remove_file(self.pack_dir().join(format!("pack-{checksum}.{end}"))) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Whether some other program left objects in files of their own.
    pub fn has_loose_objects(&self) -> Result<bool, CacheError> {
        for entry in fs::read_dir(self.dir.join("objects"))? {
            let entry = entry?;
            let is_fan_out = entry.file_name().len() == 2;
            if is_fan_out && entry.file_type()?.is_dir() && fs::read_dir(entry.path())?.next().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Finds the refs that other programs wrote: they hide those of `packed-refs`. Files that hold
    /// no object id, and names that no ref may have here, are passed over.
    pub fn loose_refs(&self) -> Result<Vec<LooseRef>, CacheError> {
        let mut found = vec![];
        let mut folders = vec![self.dir.join("refs")];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            for entry in entries {
                let entry = entry?;
                // Neither is true of a symbolic link, which is not followed.
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file()
                    && let Ok(relative) = entry.path().strip_prefix(&self.dir)
                    && let Some(name) = relative.to_str().and_then(|name| name.parse().ok())
                    && let Some(oid) = self.read_loose(&name)?
                {
                    found.push(LooseRef { name, oid });
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn read_loose(&self, name: &RefName) -> Result<Option<Oid>, CacheError> {
        match fs::read(self.dir.join(name.as_str())) {
            Ok(bytes) => Ok(std::str::from_utf8(&bytes)
                .ok()
                .and_then(|text| Oid::parse(text.trim_end(), self.format).ok())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes loose refs, each under git's own lock and only if it still names what it is said
    /// to; returns those that were removed. One that another program has locked stays.
    pub fn take_loose(&self, refs: &[LooseRef]) -> Result<Vec<LooseRef>, CacheError> {
        let mut taken = vec![];
        for loose in refs {
            let path = self.dir.join(loose.name.as_str());
            let lock = match Lock::take(&path) {
                Ok(lock) => lock,
                Err(CacheError::Locked) => continue,
                Err(CacheError::Io(error)) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if self.read_loose(&loose.name)? == Some(loose.oid) {
                fs::remove_file(&path)?;
                taken.push(loose.clone());
            }
            drop(lock);
        }
        Ok(taken)
    }

    /// Removes locks and unfinished files that a process left when it was killed. Only right
    /// before anybody can hold one: when this process opens the cache for the first time.
    pub fn break_locks(&self) -> Result<(), CacheError> {
        let mut folders = vec![self.dir.clone(), self.dir.join("refs"), self.pack_dir()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if entry.file_type()?.is_dir() {
                    if folder.starts_with(self.dir.join("refs")) {
                        folders.push(entry.path());
                    }
                } else if name.ends_with(".lock") || name.starts_with("tmp_") {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }
}

/// Moves a cached repository away, so that nobody finds it any more, and says where it is now.
/// Whoever is reading it goes on reading; the caller removes it when the last has left.
pub fn evict(dir: &Path, graveyard: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(graveyard)?;
    let grave = tempfile::Builder::new()
        .prefix("evicted-")
        .tempdir_in(graveyard)?
        .keep();
    let to = grave.join(dir.file_name().unwrap_or("repository".as_ref()));
    match fs::rename(dir, &to) {
        Ok(()) => Ok(grave),
        Err(error) => {
            fs::remove_dir(&grave)?;
            Err(error)
        }
    }
}

/// Writes what makes a folder a bare repository without refs or objects.
pub(crate) fn skeleton(dir: &Path, format: ObjectFormat, head: &RefName) -> io::Result<()> {
    for folder in ["objects/pack", "objects/info", "refs/heads", "refs/tags"] {
        fs::create_dir_all(dir.join(folder))?;
    }
    fs::write(dir.join("HEAD"), format!("ref: {head}\n"))?;
    let extension = match format {
        ObjectFormat::Sha1 => "",
        ObjectFormat::Sha256 => "[extensions]\n\tobjectFormat = sha256\n",
    };
    let version = u8::from(format != ObjectFormat::Sha1);
    fs::write(
        dir.join("config"),
        format!(
            "[core]\n\trepositoryFormatVersion = {version}\n\tfileMode = true\n\tbare = true\n\
             \tlogAllRefUpdates = false\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n{extension}"
        ),
    )
}

fn read_stamp(header: &str) -> Option<Stamp> {
    let traits = header.strip_suffix('\n')?.strip_prefix(HEADER)?;
    let number = |name: &str| {
        traits
            .split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    Some(Stamp {
        generation: number("plue-generation")?,
        epoch: number("plue-epoch")?,
    })
}

/// Git's own lock on a file: `<file>.lock`, made by one and for one, which replaces the file or
/// goes away.
struct Lock {
    path: PathBuf,
    target: PathBuf,
    held: bool,
}

impl Lock {
    fn take(target: &Path) -> Result<Self, CacheError> {
        let mut name = target.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(_) => Ok(Self {
                path,
                target: target.to_owned(),
                held: true,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(CacheError::Locked),
            Err(error) => Err(error.into()),
        }
    }

    fn commit(mut self, durability: Durability) -> Result<(), CacheError> {
        if durability == Durability::Sync {
            File::open(&self.path)?.sync_all()?;
        }
        fs::rename(&self.path, &self.target)?;
        self.held = false;
        if durability == Durability::Sync
            && let Some(folder) = self.target.parent()
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.held {
            // Nothing can be done about a failure; `break_locks` removes it at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

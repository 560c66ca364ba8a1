//! The bare repository on a node's disk: a cache of what the database and the blob store hold.
//!
//! Refs stand in `packed-refs` only, whose first line also says of which generation and epoch
//! they are, so that one rename moves both. Packs are files that never change. Loose refs are
//! somebody else's doing: the watcher takes them under git's own locks. All functions block for
//! as long as the disk takes.

mod loose;
mod packs;

pub use loose::LooseRef;
pub use packs::{PackFiles, Transfer};

use crate::oid::{ObjectFormat, Oid};
use crate::refname::{self, RefName};
use loose::Lock;
use std::fs::{self, File};
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

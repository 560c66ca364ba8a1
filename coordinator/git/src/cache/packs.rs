//! The packs of a cached repository: files that never change, named after their content.

use super::{Bare, CacheError, Durability};
use crate::multi_pack_index;
use crate::oid::Oid;
use crate::pack_index::PackIndex;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

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

    /// Whether it has this object.
    pub fn contains(&self, oid: Oid) -> io::Result<bool> {
        PackIndex::open(&self.idx, oid.format())?.contains(oid)
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

/// What was not there to be removed is removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
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

impl Bare {
    pub(super) fn pack_dir(&self) -> PathBuf {
        self.dir.join("objects/pack")
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

    /// The packs that the index over several covers, and [`None`] where there is no such index; one
    /// that cannot be understood covers nothing.
    pub fn covered_packs(&self) -> Result<Option<Vec<Oid>>, CacheError> {
        Ok(multi_pack_index::packs(&self.pack_dir())?)
    }

    /// Removes the index over several packs, and its bitmaps.
    fn uncover(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.pack_dir())? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if name.starts_with(multi_pack_index::FILE.as_bytes()) && !name.ends_with(b".lock") {
                gone(fs::remove_file(entry.path()))?;
            }
        }
        Ok(())
    }

    /// Removes packs and what belongs to them, the index first; those that are gone already count
    /// as removed. An index over several that names one of them goes too.
    pub fn remove_packs(&self, checksums: &[Oid]) -> Result<(), CacheError> {
        if !checksums.is_empty()
            && let Some(covered) = self.covered_packs()?
            && (covered.is_empty() || covered.iter().any(|pack| checksums.contains(pack)))
        {
            self.uncover()?;
        }
        for checksum in checksums {
            for end in ["idx", "rev", "bitmap", "mtimes", "pack"] {
                gone(fs::remove_file(
                    self.pack_dir().join(format!("pack-{checksum}.{end}")),
                ))?;
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
}

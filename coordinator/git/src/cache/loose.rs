//! Refs in files of their own, which other programs write, and git's locks on ref files.

use super::{Bare, CacheError, Durability};
use crate::oid::Oid;
use crate::refname::RefName;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A ref in a file of its own, which some other program wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LooseRef {
    /// Its name.
    pub name: RefName,
    /// What it names.
    pub oid: Oid,
}

impl Bare {
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

/// Git's own lock on a file: `<file>.lock`, made by one and for one, which replaces the file or
/// goes away.
pub(super) struct Lock {
    pub(super) path: PathBuf,
    target: PathBuf,
    held: bool,
}

impl Lock {
    pub(super) fn take(target: &Path) -> Result<Self, CacheError> {
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

    pub(super) fn commit(mut self, durability: Durability) -> Result<(), CacheError> {
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

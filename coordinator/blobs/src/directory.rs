//! Blobs in a folder of this machine. A blob appears under its name by a hard link, so never in
//! part and never over another, and file and folders are synced before a put returns.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::{BlobEntry, BlobError, BlobKey, BlobReader, Stored};

/// Holds copies on their way; no key can name it, because it starts with a dot.
const INCOMING: &str = ".incoming";

#[derive(Clone, Debug)]
pub(crate) struct Directory {
    root: Arc<Path>,
}

impl Directory {
    pub(crate) async fn open(root: &Path) -> Result<Directory, BlobError> {
        let directory = Directory { root: root.into() };
        directory
            .run(|directory| {
                let incoming = directory.root.join(INCOMING);
                fs::create_dir_all(&incoming).map_err(|e| BlobError::local(&incoming, e))?;
                sync_folder(&directory.root)?;
                match directory.root.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
                    _ => sync_folder(Path::new(".")),
                }
            })
            .await?;
        Ok(directory)
    }

    /// Runs file work where it may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let directory = self.clone();
        match tokio::task::spawn_blocking(move || work(&directory)).await {
            Ok(outcome) => outcome,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(cancelled) => Err(BlobError::Unavailable {
                    what: "the program is ending".into(),
                    source: cancelled.into(),
                }),
            },
        }
    }

    fn path(&self, key: &BlobKey) -> PathBuf {
        self.root.join(key.as_str())
    }

    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        self.run(|directory| {
            let incoming = directory.root.join(INCOMING);
            // What cannot be written to is found here and not by the first push.
            tempfile::tempfile_in(&incoming)
                .map(drop)
                .map_err(|e| BlobError::local(&incoming, e))
        })
        .await
    }

    pub(crate) async fn put_file(&self, key: &BlobKey, source: &Path) -> Result<Stored, BlobError> {
        let (key, source) = (key.clone(), source.to_owned());
        self.run(move |directory| {
            let file = File::open(&source).map_err(|e| BlobError::local(&source, e))?;
            let known = file.metadata().map_err(|e| BlobError::local(&source, e))?;
            if known.permissions().mode() & 0o222 != 0 {
                file.set_permissions(fs::Permissions::from_mode(0o444))
                    .map_err(|e| BlobError::local(&source, e))?;
            }
            file.sync_all().map_err(|e| BlobError::local(&source, e))?;
            let dest = directory.path(&key);
            make_folder_of(&dest)?;
            match fs::hard_link(&source, &dest) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    directory.accept_repeat(&key, file, &dest)?;
                }
                Err(e) if needs_copy(&e) => directory.put_copy(&key, &mut &file, &dest)?,
                Err(e) => return Err(BlobError::local(&dest, e)),
            }
            directory.sync_folders_of(&dest)?;
            Ok(Stored {
                size_bytes: known.len(),
            })
        })
        .await
    }

    pub(crate) async fn put_bytes(&self, key: &BlobKey, content: Bytes) -> Result<Stored, BlobError> {
        let key = key.clone();
        self.run(move |directory| {
            let dest = directory.path(&key);
            make_folder_of(&dest)?;
            directory.put_copy(&key, &mut content.as_ref(), &dest)?;
            directory.sync_folders_of(&dest)?;
            Ok(Stored {
                size_bytes: content.len() as u64,
            })
        })
        .await
    }

    /// Copies into the incoming folder, syncs, and links the copy under its name.
    fn put_copy(&self, key: &BlobKey, content: &mut dyn io::Read, dest: &Path) -> Result<(), BlobError> {
        let incoming = self.root.join(INCOMING);
        let copy = synced_copy(content, &incoming)?;
        match copy.persist_noclobber(dest) {
            Ok(_) => Ok(()),
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                let copy = File::open(refused.file.path()).map_err(|e| BlobError::local(dest, e))?;
                self.accept_repeat(key, copy, dest)
            }
            Err(refused) => Err(BlobError::local(dest, refused.error)),
        }
    }

    /// Lets a repeated put pass if it says the same again.
    ///
    /// The blob that exists may have been linked by a process that died before its sync, so it is synced here.
    fn accept_repeat(&self, key: &BlobKey, offered: File, dest: &Path) -> Result<(), BlobError> {
        let existing = File::open(dest).map_err(|e| BlobError::local(dest, e))?;
        let same = same_content(&offered, &existing).map_err(|e| BlobError::local(dest, e))?;
        if !same {
            return Err(BlobError::AlreadyExists { key: key.clone() });
        }
        existing.sync_all().map_err(|e| BlobError::local(dest, e))
    }

    /// Syncs the folder of a new file and those above it, up to the root.
    fn sync_folders_of(&self, dest: &Path) -> Result<(), BlobError> {
        for folder in dest.ancestors().skip(1) {
            sync_folder(folder)?;
            if folder == &*self.root {
                break;
            }
        }
        Ok(())
    }

    pub(crate) async fn get_to_file(&self, key: &BlobKey, dest: &Path) -> Result<Stored, BlobError> {
        let (key, dest) = (key.clone(), dest.to_owned());
        self.run(move |directory| {
            let path = directory.path(&key);
            let mut blob = File::open(&path).map_err(|e| absent_or_local(&key, &path, e))?;
            let size_bytes = blob.metadata().map_err(|e| BlobError::local(&path, e))?.len();
            match fs::hard_link(&path, &dest) {
                Ok(()) => {}
                Err(e) if needs_copy(&e) => {
                    let folder = dest.parent().unwrap_or(Path::new("."));
                    synced_copy(&mut blob, folder)?
                        .persist_noclobber(&dest)
                        .map_err(|refused| BlobError::local(&dest, refused.error))?;
                }
                // Between the opening and the link it can have been deleted.
                Err(_) if !path.exists() => return Err(BlobError::NotFound { key }),
                Err(e) => return Err(BlobError::local(&dest, e)),
            }
            Ok(Stored { size_bytes })
        })
        .await
    }

    pub(crate) async fn open_blob(&self, key: &BlobKey) -> Result<BlobReader, BlobError> {
        let path = self.path(key);
        let file = tokio::fs::File::open(&path)
            .await
            .map_err(|e| absent_or_local(key, &path, e))?;
        let size_bytes = file
            .metadata()
            .await
            .map_err(|e| BlobError::local(&path, e))?
            .len();
        Ok(BlobReader::new(size_bytes, file))
    }

    pub(crate) async fn size(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        let path = self.path(key);
        match tokio::fs::metadata(&path).await {
            Ok(known) => Ok(known.is_file().then_some(known.len())),
            Err(e) if is_absent(&e) => Ok(None),
            Err(e) => Err(BlobError::local(&path, e)),
        }
    }

    pub(crate) async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let path = self.path(key);
        match tokio::fs::remove_file(&path).await {
            Ok(()) => Ok(()),
            Err(e) if is_absent(&e) => Ok(()),
            Err(e) => Err(BlobError::local(&path, e)),
        }
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.run(move |directory| {
            let mut found = Vec::new();
            directory.walk(&directory.root, "", &prefix, &mut |key, path| {
                if key.as_str().starts_with(&prefix) && after.as_ref().is_none_or(|after| key > *after) {
                    match fs::metadata(path) {
                        Ok(known) => found.push(BlobEntry {
                            key,
                            size_bytes: known.len(),
                            modified_ms: known.mtime() * 1000 + known.mtime_nsec() / 1_000_000,
                        }),
                        // Deleted while the folder was being read.
                        Err(e) if is_absent(&e) => {}
                        Err(e) => return Err(BlobError::local(path, e)),
                    }
                }
                Ok(())
            })?;
            found.sort_by(|a, b| a.key.cmp(&b.key));
            found.truncate(limit);
            Ok(found)
        })
        .await
    }

    /// Visits every blob below a folder, skipping folders that cannot hold a key with the prefix.
    fn walk(
        &self,
        folder: &Path,
        above: &str,
        prefix: &str,
        visit: &mut dyn FnMut(BlobKey, &Path) -> Result<(), BlobError>,
    ) -> Result<(), BlobError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if is_absent(&e) => return Ok(()),
            Err(e) => return Err(BlobError::local(folder, e)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| BlobError::local(folder, e))?;
            let Some(name) = entry.file_name().to_str().map(|name| format!("{above}{name}")) else {
                continue;
            };
            let kind = entry
                .file_type()
                .map_err(|e| BlobError::local(&entry.path(), e))?;
            let Ok(key) = BlobKey::parse(&name) else { continue };
            if kind.is_dir() {
                let within = format!("{name}/");
                if within.starts_with(prefix) || prefix.starts_with(&within) {
                    self.walk(&entry.path(), &within, prefix, visit)?;
                }
            } else if kind.is_file() {
                visit(key, &entry.path())?;
            }
        }
        Ok(())
    }

    pub(crate) async fn sweep_unfinished(&self, before_ms: i64) -> Result<usize, BlobError> {
        let before = UNIX_EPOCH + Duration::from_millis(u64::try_from(before_ms).unwrap_or(0));
        self.run(move |directory| {
            let incoming = directory.root.join(INCOMING);
            let mut swept = 0;
            for entry in fs::read_dir(&incoming).map_err(|e| BlobError::local(&incoming, e))? {
                let path = entry.map_err(|e| BlobError::local(&incoming, e))?.path();
                let is_old = |known: fs::Metadata| known.modified().is_ok_and(|at: SystemTime| at < before);
                if fs::metadata(&path).is_ok_and(is_old) {
                    fs::remove_file(&path).map_err(|e| BlobError::local(&path, e))?;
                    swept += 1;
                }
            }
            Ok(swept)
        })
        .await
    }
}

/// Copies to a temporary file of a folder and syncs it.
fn synced_copy(content: &mut dyn io::Read, folder: &Path) -> Result<tempfile::NamedTempFile, BlobError> {
    let mut copy = tempfile::Builder::new()
        .prefix(".blob-")
        .permissions(fs::Permissions::from_mode(0o444))
        .tempfile_in(folder)
        .map_err(|e| BlobError::local(folder, e))?;
    io::copy(content, &mut copy)
        .and_then(|_| copy.flush())
        .and_then(|()| copy.as_file().sync_all())
        .map_err(|e| BlobError::local(copy.path(), e))?;
    Ok(copy)
}

fn make_folder_of(dest: &Path) -> Result<(), BlobError> {
    let folder = dest.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| BlobError::local(folder, e))
}

fn sync_folder(folder: &Path) -> Result<(), BlobError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| BlobError::local(folder, e))
}

/// Tells a link that this file system cannot make from one that failed.
fn needs_copy(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(
        error.kind(),
        CrossesDevices | PermissionDenied | TooManyLinks | Unsupported
    )
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn absent_or_local(key: &BlobKey, path: &Path, error: io::Error) -> BlobError {
    if is_absent(&error) {
        BlobError::NotFound { key: key.clone() }
    } else {
        BlobError::local(path, error)
    }
}

fn same_content(a: &File, b: &File) -> io::Result<bool> {
    let (known_a, known_b) = (a.metadata()?, b.metadata()?);
    if (known_a.dev(), known_a.ino()) == (known_b.dev(), known_b.ino()) {
        return Ok(true);
    }
    if known_a.len() != known_b.len() {
        return Ok(false);
    }
    let mut a = io::BufReader::new(a).bytes();
    let mut b = io::BufReader::new(b).bytes();
    loop {
        match (a.next().transpose()?, b.next().transpose()?) {
            (None, None) => return Ok(true),
            (left, right) if left == right => {}
            _ => return Ok(false),
        }
    }
}

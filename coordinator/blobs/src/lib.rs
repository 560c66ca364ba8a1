//! Immutable files under names that are never used twice: packs today, and whatever else is too
//! big for SQL. They live in a directory or in an S3 bucket, behind one type.
//!
//! What is *not* here: which blob belongs to whom and which may be removed. That stands in SQL
//! rows, and the forge decides it.
#![warn(missing_docs)]

mod directory;
mod error;
mod key;
#[cfg(feature = "s3")]
mod s3;
mod settings;

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

pub use error::BlobError;
pub use key::{BlobKey, PackPart};
pub use settings::S3Settings;

use directory::Directory;
#[cfg(feature = "s3")]
use s3::Bucket;

/// Where blobs are kept; cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs(Arc<Kept>);

#[derive(Debug)]
enum Kept {
    Directory(Directory),
    #[cfg(feature = "s3")]
    Bucket(Bucket),
}

/// What a put or a get has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The length of the blob.
    pub size_bytes: u64,
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobEntry {
    /// The blob's name.
    pub key: BlobKey,
    /// The length of the blob.
    pub size_bytes: u64,
    /// When it was written, in milliseconds since 1970, by the clock of whoever keeps it.
    pub modified_ms: i64,
}

/// The content of one blob, as a stream.
///
/// From a bucket it is checked against the blob's SHA-256: a difference is an `InvalidData` error in place of the end.
pub struct BlobReader {
    size_bytes: u64,
    content: Pin<Box<dyn AsyncRead + Send>>,
}

impl BlobReader {
    fn new(size_bytes: u64, content: impl AsyncRead + Send + 'static) -> BlobReader {
        BlobReader {
            size_bytes,
            content: Box::pin(content),
        }
    }

    /// Answers how many bytes there are from the beginning to the end.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl AsyncRead for BlobReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.content.as_mut().poll_read(cx, buf)
    }
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobReader")
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

/// Runs one operation on whichever store is configured and records how long it took.
macro_rules! on_either {
    ($blobs:expr, $operation:literal, $kept:ident => $call:expr) => {{
        let began = tokio::time::Instant::now();
        let outcome = match &*$blobs.0 {
            Kept::Directory($kept) => $call,
            #[cfg(feature = "s3")]
            Kept::Bucket($kept) => $call,
        };
        let labels = [("store", $blobs.kind()), ("operation", $operation)];
        metrics::histogram!("plue_blob_seconds", &labels).record(began.elapsed());
        if let Err(error) = &outcome
            && error.is_failure()
        {
            metrics::counter!("plue_blob_errors_total", &labels).increment(1);
        }
        outcome
    }};
}

impl Blobs {
    /// Keeps blobs in a folder, which is made if it is absent.
    pub async fn directory(root: &Path) -> Result<Blobs, BlobError> {
        Ok(Blobs(Arc::new(Kept::Directory(Directory::open(root).await?))))
    }

    /// Keeps blobs in a bucket; says nothing to the network yet.
    #[cfg(feature = "s3")]
    pub fn s3(settings: S3Settings) -> Result<Blobs, BlobError> {
        Ok(Blobs(Arc::new(Kept::Bucket(Bucket::new(settings)?))))
    }

    /// Refuses: the client for S3, which takes longest of all to compile, was left out of this program.
    #[cfg(not(feature = "s3"))]
    pub fn s3(_: S3Settings) -> Result<Blobs, BlobError> {
        Err(BlobError::BadSetting {
            name: "S3_BUCKET",
            why: "needs the client for S3, which this program was built without; build it with cargo's feature `s3`",
        })
    }

    /// Names the store: `directory` or `s3`.
    pub fn kind(&self) -> &'static str {
        match &*self.0 {
            Kept::Directory(_) => "directory",
            #[cfg(feature = "s3")]
            Kept::Bucket(_) => "s3",
        }
    }

    /// Asks whether the store can be reached and used.
    pub async fn check(&self) -> Result<(), BlobError> {
        on_either!(self, "check", kept => kept.check().await)
    }

    /// Stores a file; when this returns, the blob outlives a loss of power.
    ///
    /// A directory takes a hard link where it can: the source then shares the blob's inode, is made read-only, and
    /// must never be written to again. The same content under the same key again is fine; other content under a key
    /// that exists is [`BlobError::AlreadyExists`].
    pub async fn put_file(&self, key: &BlobKey, source: &Path) -> Result<Stored, BlobError> {
        on_either!(self, "put", kept => kept.put_file(key, source).await)
    }

    /// Stores a few bytes, with the promises of [`Blobs::put_file`].
    pub async fn put_bytes(&self, key: &BlobKey, content: Bytes) -> Result<Stored, BlobError> {
        on_either!(self, "put", kept => kept.put_bytes(key, content).await)
    }

    /// Makes the file `dest`, whole or not at all; its folder must exist and itself must not.
    ///
    /// A directory gives a hard link where it can, so the file must never be written to. What comes from a bucket is
    /// checked against its SHA-256 and synced to the disk first.
    pub async fn get_to_file(&self, key: &BlobKey, dest: &Path) -> Result<Stored, BlobError> {
        on_either!(self, "get", kept => kept.get_to_file(key, dest).await)
    }

    /// Opens a blob for reading from its beginning.
    pub async fn open(&self, key: &BlobKey) -> Result<BlobReader, BlobError> {
        on_either!(self, "open", kept => kept.open_blob(key).await)
    }

    /// Answers a blob's length, or `None` where there is no such blob.
    pub async fn size(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        on_either!(self, "size", kept => kept.size(key).await)
    }

    /// Removes a blob; one that is already gone is fine.
    pub async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        on_either!(self, "delete", kept => kept.delete(key).await)
    }

    /// Lists blobs whose keys begin with `prefix` and sort after `after`, in order of their bytes, at most `limit`.
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError> {
        on_either!(self, "list", kept => kept.list(prefix, after, limit).await)
    }

    /// Removes what uploads that began before a moment and never ended have left; answers how many there were.
    ///
    /// `before_ms` is in milliseconds since 1970. It must lie further back than the longest upload takes.
    pub async fn sweep_unfinished(&self, before_ms: i64) -> Result<usize, BlobError> {
        on_either!(self, "sweep", kept => kept.sweep_unfinished(before_ms).await)
    }
}

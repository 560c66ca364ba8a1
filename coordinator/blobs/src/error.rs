//! What can go wrong with a blob, in the words of whoever has to mend it.

use std::io;
use std::path::{Path, PathBuf};

use crate::BlobKey;

/// Why an operation on the blob store did not happen.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// A name that no blob may have.
    #[error("{key:?} cannot name a blob: {why}")]
    BadKey {
        /// The name that was offered.
        key: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// Settings that no store can be opened with.
    #[error("the blob store's setting {name} {why}")]
    BadSetting {
        /// The name of the setting.
        name: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no blob of this name.
    #[error("there is no blob {key}")]
    NotFound {
        /// The blob that was asked for.
        key: BlobKey,
    },
    /// A blob of this name holds something else.
    #[error("blob {key} exists already, with other content")]
    AlreadyExists {
        /// The blob that was to be written.
        key: BlobKey,
    },
    /// What was read is not what was written.
    #[error("blob {key} is damaged: its content does not match its checksum; restore it from a backup")]
    Damaged {
        /// The blob that was read.
        key: BlobKey,
    },
    /// The disk has no room left.
    #[error("the disk is full: {path} could not be written; free some space and try again")]
    Full {
        /// The file that did not fit.
        path: PathBuf,
    },
    /// The store does not answer, or answers that it cannot serve now: try again later.
    #[error("the blob store cannot be reached ({what}); try again in a minute")]
    Unavailable {
        /// What was being done.
        what: String,
        /// The answer, or the lack of one.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store refuses: the bucket, the credentials or their rights have to be mended by a person.
    #[error("the blob store refuses ({what}); check the bucket's name, the credentials and their rights")]
    Denied {
        /// What was being done.
        what: String,
        /// The store's own words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A local file could not be read or written.
    #[error("{path}: {source}")]
    Local {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl BlobError {
    /// Answers whether the blob is simply absent.
    pub fn is_not_found(&self) -> bool {
        matches!(self, BlobError::NotFound { .. })
    }

    /// Answers whether the same call may succeed later without anybody mending anything.
    pub fn may_be_retried(&self) -> bool {
        matches!(self, BlobError::Unavailable { .. } | BlobError::Full { .. })
    }

    /// Answers whether the store failed, rather than the question.
    pub(crate) fn is_failure(&self) -> bool {
        !matches!(
            self,
            BlobError::NotFound { .. } | BlobError::AlreadyExists { .. } | BlobError::BadKey { .. }
        )
    }

    /// Wraps a system error, naming a full disk by itself.
    pub(crate) fn local(path: &Path, source: io::Error) -> BlobError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BlobError::Full { path },
            _ => BlobError::Local { path, source },
        }
    }
}

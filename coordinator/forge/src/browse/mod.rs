//! Looking into a repository without cloning it: what a ref names, folders, files, history.
//!
//! [`look`] opens one view of a repository: a place in the queue, and a copy that stays as it is
//! until the view is dropped. Everything that a page shows is read from one view, and so is of one
//! moment. The verbs here are its methods, one file a noun.

mod answers;
mod changes;
mod history;
mod names;
pub(crate) mod prepare;
pub(crate) mod pushed;
mod trees;

pub(crate) use answers::Answers;
pub use answers::rendered;

use crate::access::Permit;
use crate::access::repositories::{ReadRepo, read};
use crate::cache::{self, Pinned};
use crate::repositories::Repository;
use crate::transport::queue::Slot;
use crate::{Error, Forge};
use plue_contract::{Caller, RepoPath, causes};
use plue_git::browse::{self, BrowseError, Reader};
use plue_git::oid::Oid;
use std::time::Duration;

pub use history::{MAX_COMMITS, MAX_SKIPPED};
pub use names::MAX_REFS;
pub use plue_git::browse::{
    ArchiveFormat, Blame, BlameRun, Blob, Commit, CommitDetails, Comparison, Containing, Contributor,
    Contributors, Count, Diff, DiffCut, DiffLimits, DiffLine, DiffOptions, Divergence, EntryKind, FileDiff,
    FileStatus, Files, Folder, FolderEntry, History, HistoryEntry, Hunk, Indent, Insight, LanguageShare,
    Languages, LastChange, LineKind, Located, LocatedKind, PathAttributes, RefItem, RefKind, RefNames,
    RefPage, Rest, Signature, SignatureKind, TagNote, TreeEntry, language_of,
};
pub use plue_git::oid;
pub use trees::Stream;

/// What is looked at: a name, or an object.
#[derive(Clone, Copy, Debug)]
pub enum Rev<'a> {
    /// A bookmark, a tag, a full ref name, `HEAD` or a full object id.
    Name(&'a str),
    /// An object.
    Oid(Oid),
}

impl<'a> From<&'a str> for Rev<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a String> for Rev<'a> {
    fn from(name: &'a String) -> Self {
        Self::Name(name)
    }
}

impl From<Oid> for Rev<'_> {
    fn from(oid: Oid) -> Self {
        Self::Oid(oid)
    }
}

/// A repository as it stood at one moment, open for reading.
pub struct View {
    forge: Forge,
    permit: Permit<ReadRepo>,
    pinned: Pinned,
    _slot: Slot,
}

/// Takes a place in the queue, brings the copy up to date, and pins it for as long as the view
/// lives.
pub async fn look(forge: &Forge, permit: Permit<ReadRepo>) -> Result<View, Error> {
    let slot = forge.local_git().browses.enter(permit.caller()).await?;
    let pinned = cache::open(forge, permit.on()).await?;
    Ok(View {
        forge: forge.clone(),
        permit,
        pinned,
        _slot: slot,
    })
}

/// Asks what every first look asks, of a repository that is not there: whoever is first to look
/// finds the connection open and its statements prepared.
pub async fn rehearse(forge: &Forge, now_ms: i64) -> Result<(), Error> {
    cache::bind(forge).await?;
    let nowhere = RepoPath::from_segments("nobody", "nothing").map_err(|_| Error::NotFound)?;
    let anybody = Caller::anonymous(None, "rehearsal");
    match read(forge, &anybody, &nowhere, now_ms).await {
        Err(Error::NotFound) => {}
        outcome => drop(outcome?),
    }
    cache::rehearse(forge).await
}

impl View {
    /// The repository that is looked at.
    pub fn repository(&self) -> &Repository {
        self.permit.on()
    }

    fn reader(&self) -> &Reader {
        self.pinned.reader()
    }

    /// Waits for an answer for as long as one look may take.
    async fn within<T>(&self, reading: impl Future<Output = Result<T, BrowseError>>) -> Result<T, Error> {
        let deadline = Duration::from_millis(self.forge.settings().browse_deadline_ms);
        match tokio::time::timeout(deadline, reading).await {
            Ok(read) => Ok(read?),
            Err(_) => Err(answers::TOO_LONG),
        }
    }

    /// An object of any kind by its full id, anything else by its name.
    async fn find(&self, rev: Rev<'_>) -> Result<Oid, BrowseError> {
        match rev {
            Rev::Oid(oid) => Ok(oid),
            Rev::Name(name) => match Oid::parse(name, self.reader().bare().format()) {
                Ok(oid) => Ok(oid),
                Err(_) => browse::resolve(self.reader(), name).await,
            },
        }
    }
}

impl From<BrowseError> for Error {
    fn from(error: BrowseError) -> Self {
        match error {
            BrowseError::NotFound | BrowseError::NotATree | BrowseError::NotABlob => Self::NotFound,
            said @ BrowseError::TooLarge { .. } => Self::TooLarge(said.to_string()),
            said @ BrowseError::Binary => Self::Refused(said.to_string()),
            BrowseError::Cache(error) => error.into(),
            error => Self::Internal(format!("browsing: {}", causes(&error))),
        }
    }
}

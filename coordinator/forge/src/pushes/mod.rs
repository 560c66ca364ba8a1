//! How refs change. Every writer of refs ends in [`accept`](accept::accept): a push over either
//! door, an import, and what the watcher finds.
//!
//! The steps are numbered here as they are in the fail points:
//!
//! 1. find the repository through its path and take the permit (`transport`);
//! 2. bring the local copy up to date and pin it (`transport`);
//! 3. read commands and push options ([`receive`]);
//! 4. index the pack in quarantine ([`receive`]);
//! 5. check that everything reachable is there, then the rules ([`accept`]);
//! 6. note the upload, then put pack and index into the blob store ([`accept`]);
//! 7. one transaction: the commit point ([`land`]);
//! 8. show it in the local copy ([`accept`]);
//! 9. answer ([`receive`]).

pub(crate) mod accept;
mod land;
pub(crate) mod receive;
pub(crate) mod upload;

use crate::repositories::{Making, Repository};
use crate::{Error, Forge, cache};
use plue_contract::{PushId, RepoId};
use plue_git::oid::Oid;
use plue_git::quarantine::Quarantine;
use plue_git::refname::RefName;
use plue_git::wire::receive::RefUpdate;

/// What somebody wants to change.
#[derive(Clone, Debug)]
pub(crate) struct Proposal {
    /// The refs, in the order in which they came.
    pub(crate) updates: Vec<RefUpdate>,
    /// Whether all of them change or none.
    pub(crate) atomic: bool,
    /// What the pusher says to whoever listens.
    pub(crate) options: Vec<String>,
    /// Whether the pusher's own copy lacks history, which explains what may be missing.
    pub(crate) shallow: bool,
}

/// What became of one ref of a proposal.
pub(crate) type RefOutcome = (RefName, Result<(), String>);

/// What became of a proposal.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    /// The push, unless nothing changed.
    pub(crate) push: Option<PushId>,
    /// The repository that the push made, if it made one.
    pub(crate) created: Option<Repository>,
    /// Each ref, in the order in which it came.
    pub(crate) refs: Vec<RefOutcome>,
}

/// The words for a push that was not done when its time was over. Nothing of it stands.
pub(crate) fn took_too_long(forge: &Forge) -> Error {
    let seconds = forge.settings().deadline_ms / 1000;
    Error::Refused(format!(
        "the push took longer than the {seconds} s that one may take, and nothing was changed; push in \
         several steps"
    ))
}

/// The repository that a proposal is about, and the state of it that the proposal was checked
/// against.
pub(crate) struct Ground {
    pub(crate) id: RepoId,
    /// The objects at which that state's refs stand.
    pub(crate) tips: Vec<Oid>,
    pub(crate) soil: Soil,
}

/// The words for a push that was checked against what has been cleaned up meanwhile.
pub(crate) const CLEANED_UP: &str = "objects that nothing refers to were removed from the repository while you pushed, \
     and the push may count on one of them; please push again";

/// Whether the repository is there already.
pub(crate) enum Soil {
    /// It is, and its copy stays for as long as this lives.
    Existing {
        repository: Box<Repository>,
        pinned: cache::Pinned,
    },
    /// The push makes it.
    New(Box<Making>),
}

impl Ground {
    /// The ground of a repository that is there.
    pub(crate) fn existing(repository: Repository, pinned: cache::Pinned, tips: Vec<Oid>) -> Self {
        Self {
            id: repository.id,
            tips,
            soil: Soil::Existing {
                repository: Box::new(repository),
                pinned,
            },
        }
    }

    /// The ground of a repository that the push will make: so far, a number.
    pub(crate) async fn new(forge: &Forge, making: Making) -> Result<Self, Error> {
        let id = forge
            .store()
            .in_tx("repositories.reserve", |tx| {
                Box::pin(async move { Ok::<_, Error>(plue_store::repositories::reserve_id(tx).await?) })
            })
            .await?;
        Ok(Self {
            id,
            tips: Vec::new(),
            soil: Soil::New(Box::new(making)),
        })
    }

    /// Opens the place where what the push brings is looked at; it sees the ground's packs.
    pub(crate) async fn quarantine(&self, forge: &Forge) -> Result<Quarantine, Error> {
        let scratch = forge.caches().scratch();
        let opened = match &self.soil {
            Soil::Existing { pinned, .. } => {
                let (bare, packs) = (pinned.bare().clone(), pinned.packs().to_vec());
                tokio::task::spawn_blocking(move || Quarantine::open(&bare, &packs, &scratch)).await
            }
            Soil::New(making) => {
                let format = making.object_format;
                tokio::task::spawn_blocking(move || Quarantine::for_new(format, &scratch)).await
            }
        };
        let opened = opened.map_err(|died| Error::Internal(format!("opening a quarantine: {died}")))?;
        Ok(opened?)
    }

    /// The bookmark that nobody may delete; none in a repository that is being made.
    pub(crate) fn default_bookmark(&self) -> Option<&str> {
        match &self.soil {
            Soil::Existing { repository, .. } => Some(&repository.default_bookmark),
            Soil::New(_) => None,
        }
    }
}

//! Taking in repositories that are on this machine already: one by its path, or all of a folder.
//! They come in by the same verb as a push, and what they hold is looked at as if it were one.

use crate::access::Permit;
use crate::access::accounts::Administer;
use crate::access::repositories::{self as access, CreateUnder};
use crate::clock::Clock;
use crate::pushes::accept::accept;
use crate::pushes::{Ground, Proposal};
use crate::repositories::{self, DEFAULT_BOOKMARK, Making, NewRepository, Repository, Visibility};
use crate::{Error, Forge};
use plue_contract::{Caller, Problem, RepoName, RepoPath, causes};
use plue_git::import::{Source, inspect};
use plue_git::oid::Oid;
use plue_git::quarantine::QuarantineLimits;
use plue_git::wire::receive::RefUpdate;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More bytes than any disk has, and few enough for git to count.
const UNBOUNDED: u64 = 1 << 50;

/// What became of one repository of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// Where it is, or was to be: `owner/name`.
    pub path: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a repository that was to be adopted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is here now.
    Created,
    /// It was here already, or is none.
    Skipped(String),
    /// It could not be taken in, and why.
    Failed(String),
}

/// Makes a private repository from one on this machine's disk, bare or with a work tree. Of the
/// refs come those that a push could bring.
pub async fn import(
    forge: &Forge,
    permit: Permit<CreateUnder>,
    name: RepoName,
    from: &Path,
    now_ms: i64,
) -> Result<Repository, Error> {
    let source = inspect(forge.git(), from)
        .await
        .map_err(|error| Error::invalid("path", format!("{} is no repository: {error}", from.display())))?;
    for (name, reason) in &source.refused {
        tracing::warn!(from = %from.display(), name, %reason, "a ref stays behind");
    }
    let default_bookmark = source.head.as_ref().map(|head| head.short().to_owned());
    if source.refs.is_empty() {
        let new = NewRepository {
            name,
            description: String::new(),
            visibility: Visibility::Private,
            object_format: source.format,
            default_bookmark,
        };
        return repositories::create(forge, permit, new, now_ms).await;
    }
    let making = Making {
        owner_id: permit.on().id,
        path: RepoPath {
            owner: permit.on().name.clone(),
            name,
        },
        description: String::new(),
        visibility: Visibility::Private,
        object_format: source.format,
        default_bookmark: default_bookmark.unwrap_or_else(|| DEFAULT_BOOKMARK.to_owned()),
        uuid: forge.uuid(),
    };
    take_in(forge, permit.caller(), making, &source, now_ms).await
}

async fn take_in(
    forge: &Forge,
    caller: &Caller,
    making: Making,
    source: &Source,
    now_ms: i64,
) -> Result<Repository, Error> {
    let clock = Clock::set(now_ms);
    let ground = Ground::new(forge, making).await?;
    let mut quarantine = ground.quarantine(forge).await?;
    let tips: Vec<Oid> = source.refs.iter().map(|(_, oid)| *oid).collect();
    // The limits of pushes are for strangers; what is on the disk already may be larger.
    let limits = QuarantineLimits {
        pack_bytes: UNBOUNDED,
        object_bytes: UNBOUNDED,
        expanded_bytes: UNBOUNDED,
        deadline: Duration::from_millis(forge.settings().deadline_ms),
        ..QuarantineLimits::default()
    };
    quarantine
        .gather(forge.git(), &source.git_dir, &tips, &[], &limits)
        .await?;
    let proposal = Proposal {
        updates: source
            .refs
            .iter()
            .map(|(name, oid)| RefUpdate {
                name: name.clone(),
                old: Oid::zero(source.format),
                new: *oid,
            })
            .collect(),
        atomic: true,
        options: Vec::new(),
        shallow: false,
    };
    let accepted = accept(forge, caller, &ground, &quarantine, &proposal, &clock).await?;
    accepted.created.ok_or_else(|| {
        let why = accepted.refs.into_iter().find_map(|(name, outcome)| {
            let why = outcome.err()?;
            Some(format!("{name}: {why}"))
        });
        Error::Refused(why.unwrap_or_else(|| "nothing came in".to_owned()))
    })
}

/// Adopts the bare repositories `<owner>/<name>.git` of a folder whose owners have accounts and
/// which are not here yet. To do it twice changes nothing.
pub async fn adopt(
    forge: &Forge,
    permit: Permit<Administer>,
    folder: &Path,
    now_ms: i64,
) -> Result<Vec<Adopted>, Error> {
    let found = {
        let folder = folder.to_owned();
        tokio::task::spawn_blocking(move || candidates(&folder))
            .await
            .map_err(|died| Error::Internal(format!("reading the folder: {died}")))?
            .map_err(|error| {
                Error::invalid(
                    "path",
                    format!("the folder of repositories cannot be read: {error}"),
                )
            })?
    };
    let mut adopted = Vec::new();
    for (path, from) in found {
        let outcome = adopt_one(forge, permit.caller(), &path, &from, now_ms).await;
        adopted.push(Adopted { path, outcome });
    }
    Ok(adopted)
}

/// The folders two levels down, as `owner/name` and where they are, in order.
fn candidates(folder: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for owner in std::fs::read_dir(folder)? {
        let owner = owner?;
        // Neither is true of a symbolic link, which is not followed.
        if !owner.file_type()?.is_dir() {
            continue;
        }
        for repository in std::fs::read_dir(owner.path())? {
            let repository = repository?;
            if repository.file_type()?.is_dir() {
                let (owner, name) = (owner.file_name(), repository.file_name());
                let path = format!("{}/{}", owner.to_string_lossy(), name.to_string_lossy());
                found.push((path, repository.path()));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

async fn adopt_one(forge: &Forge, caller: &Caller, path: &str, from: &Path, now_ms: i64) -> Outcome {
    let path: RepoPath = match path.parse() {
        Ok(path) => path,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    if !from.join("objects").is_dir() && !from.join(".git").is_dir() {
        return Outcome::Skipped("it is no git repository".to_owned());
    }
    match access::read(forge, caller, &path, now_ms).await {
        Ok(_) => return Outcome::Skipped("it is here already".to_owned()),
        Err(Error::NotFound) => {}
        Err(error) => return failed(&path, &error),
    }
    let permit = match access::create_under(forge, caller, &path.owner, now_ms).await {
        Ok(permit) => permit,
        Err(Error::NotFound) => return Outcome::Failed(format!("there is no account {}", path.owner)),
        Err(error) => return failed(&path, &error),
    };
    match import(forge, permit, path.name.clone(), from, now_ms).await {
        Ok(_) => Outcome::Created,
        Err(error) => failed(&path, &error),
    }
}

fn failed(path: &RepoPath, error: &Error) -> Outcome {
    tracing::warn!(%path, error = %causes(error), "a repository could not be adopted");
    Outcome::Failed(Problem::from(error).detail)
}

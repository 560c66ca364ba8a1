//! Who may do what to a repository. Permits are made here and nowhere else, from a caller and a
//! path of a URL; a push asks again, inside its transaction.
//!
//! What a caller may not see is not found. The same two statements run whether a repository is
//! there, is hidden, or is not there at all, and of a hidden one nothing leaves the database, so
//! that the answers cannot be told apart by time.

use super::{Action, Live, Permit, live, require_scope};
use crate::repositories::{Repository, Role};
use crate::{Error, Forge};
use plue_contract::{AccountId, AccountName, Caller, RepoId, RepoPath, Scope, Who};
use plue_store::accounts::{self as account_rows, AccountRow};
use plue_store::repositories::{self as rows, FoundRow, Viewer};
use plue_store::{Conn, Tx, collaborators as key_rows};

/// To read a repository.
#[derive(Clone, Copy, Debug)]
pub struct ReadRepo;

impl Action for ReadRepo {
    type On = Repository;
}

/// To change its refs.
#[derive(Clone, Copy, Debug)]
pub struct PushTo;

impl Action for PushTo {
    type On = PushTarget;
}

/// To change the repository itself and who may use it.
#[derive(Clone, Copy, Debug)]
pub struct AdministerRepo;

impl Action for AdministerRepo {
    type On = Repository;
}

/// To make repositories for an account.
#[derive(Clone, Copy, Debug)]
pub struct CreateUnder;

impl Action for CreateUnder {
    type On = AccountRow;
}

/// Where a push goes.
#[derive(Clone, Debug)]
pub enum PushTarget {
    /// To a repository that is there.
    Existing(Repository),
    /// To one that the push will make, under the pusher's own name.
    New {
        /// The pusher.
        owner_id: AccountId,
        /// Where it will be.
        path: RepoPath,
    },
}

/// Permits reading a repository: anybody a public one; of a private one its owner, its
/// collaborators, its deploy keys and administrators.
pub async fn read(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    now_ms: i64,
) -> Result<Permit<ReadRepo>, Error> {
    Ok(read_as(forge, caller, path, now_ms).await?.0)
}

/// Does what [`read`] does, and says what the caller is to the repository: what they are shown may
/// depend on it, what they may do never does.
pub async fn read_as(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    now_ms: i64,
) -> Result<(Permit<ReadRepo>, Role), Error> {
    let (found, _) = look(forge, caller, path, now_ms).await?;
    let standing = found.ok_or(Error::NotFound)?;
    let permit = Permit {
        caller: caller.clone(),
        on: standing.repository,
    };
    Ok((permit, standing.role))
}

/// The paths of repositories by their numbers, as far as the caller may read them; in the order
/// asked.
pub async fn paths(
    forge: &Forge,
    caller: &Caller,
    ids: &[RepoId],
    now_ms: i64,
) -> Result<Vec<Option<RepoPath>>, Error> {
    let mut conn = forge.store().read().await?;
    let mut paths = Vec::with_capacity(ids.len());
    for &id in ids {
        paths.push(match stand_at(&mut conn, caller, id, now_ms).await {
            Ok(standing) => Some(standing.repository.path()),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        });
    }
    Ok(paths)
}

/// Permits a push: to those who may write, or to a repository that is not there yet under the
/// caller's own name.
pub async fn push(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    now_ms: i64,
) -> Result<Permit<PushTo>, Error> {
    let (found, live) = look(forge, caller, path, now_ms).await?;
    let target = match found {
        Some(standing) => PushTarget::Existing(standing.into_push(caller)?),
        None => new_target(caller, &live, path).ok_or(Error::NotFound)?,
    };
    Ok(Permit {
        caller: caller.clone(),
        on: target,
    })
}

/// Permits administering a repository: to its owner, collaborators with that role and
/// administrators.
pub async fn administer(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    now_ms: i64,
) -> Result<Permit<AdministerRepo>, Error> {
    let (found, _) = look(forge, caller, path, now_ms).await?;
    let standing = found.ok_or(Error::NotFound)?;
    standing.require(caller, Role::Admin, Scope::Repo)?;
    Ok(Permit {
        caller: caller.clone(),
        on: standing.repository,
    })
}

/// Permits making repositories under a name: to the account itself, and to administrators for
/// any. Other names are not found, whether there is such an account or not.
pub async fn create_under(
    forge: &Forge,
    caller: &Caller,
    owner: &AccountName,
    now_ms: i64,
) -> Result<Permit<CreateUnder>, Error> {
    let mut conn = forge.store().read().await?;
    let live = live(&mut conn, caller, now_ms).await?;
    let found = account_rows::by_name(&mut conn, owner).await?;
    let on = match &caller.who {
        Who::Anonymous => return Err(Error::Unauthenticated),
        Who::System => found.ok_or(Error::NotFound)?,
        Who::DeployKey { .. } => return Err(Error::NotFound),
        Who::Account { id, repositories, .. } => {
            let all = live.is_admin() && caller.has_scope(Scope::Admin);
            let found = found
                .filter(|owner| owner.id == *id || all)
                .ok_or(Error::NotFound)?;
            require_scope(caller, Scope::RepoWrite)?;
            if repositories.is_some() {
                return Err(Error::Forbidden(
                    "this token counts for the repositories that it names; use another one to make more"
                        .to_owned(),
                ));
            }
            found
        }
    };
    Ok(Permit {
        caller: caller.clone(),
        on,
    })
}

/// Asks once more, within the push's transaction and with the repository's row locked, whether
/// this caller may push; the repository as it is now.
pub(crate) async fn push_again(
    conn: &mut Conn,
    caller: &Caller,
    id: RepoId,
    now_ms: i64,
) -> Result<Repository, Error> {
    stand_at(conn, caller, id, now_ms).await?.into_push(caller)
}

/// What the caller is to the repository of this number just now.
async fn stand_at(conn: &mut Conn, caller: &Caller, id: RepoId, now_ms: i64) -> Result<Standing, Error> {
    let behind = Behind::look(conn, caller, now_ms).await?;
    let found = rows::by_id(conn, id, caller.account()).await?;
    let found = found.filter(|found| found.repository.deleted_at_ms.is_none());
    let standing = found.map(|found| stand(caller, &behind, found)).transpose()?;
    standing.flatten().ok_or(Error::NotFound)
}

impl Permit<AdministerRepo> {
    /// Asks again, within the transaction that makes use of it, with the repository's row locked;
    /// the repository as it is now.
    pub(crate) async fn check_again(&self, tx: &mut Tx<'_>, now_ms: i64) -> Result<Repository, Error> {
        rows::lock(tx, self.on.id).await?;
        let standing = stand_at(tx, &self.caller, self.on.id, now_ms).await?;
        standing.require(&self.caller, Role::Admin, Scope::Repo)?;
        Ok(standing.repository)
    }
}

impl Permit<CreateUnder> {
    /// Asks again, within the transaction that makes use of it: the caller is alive, and so is the
    /// account under which something is made.
    pub(crate) async fn check_again(&self, tx: &mut Tx<'_>, now_ms: i64) -> Result<(), Error> {
        live(tx, &self.caller, now_ms).await?;
        let owner = account_rows::lock(tx, self.on.id).await?;
        match owner {
            Some(owner) if !owner.is_disabled => Ok(()),
            _ => Err(Error::NotFound),
        }
    }
}

/// A repository that the caller may at least read, and what the caller is to it.
struct Standing {
    repository: Repository,
    role: Role,
}

impl Standing {
    fn require(&self, caller: &Caller, role: Role, scope: Scope) -> Result<(), Error> {
        if matches!(caller.who, Who::Anonymous) {
            return Err(Error::Unauthenticated);
        }
        if self.role < role {
            let needed = match role {
                Role::Admin => {
                    "You may read this repository, and not administer it; its owner can change that."
                }
                _ => "You may read this repository, and not push to it; ask its owner for write access.",
            };
            return Err(Error::Forbidden(needed.to_owned()));
        }
        require_scope(caller, scope)
    }

    fn into_push(self, caller: &Caller) -> Result<Repository, Error> {
        self.require(caller, Role::Write, Scope::RepoWrite)?;
        if self.repository.archived {
            return Err(Error::Archived);
        }
        Ok(self.repository)
    }
}

async fn look(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    now_ms: i64,
) -> Result<(Option<Standing>, Live), Error> {
    let mut conn = forge.store().read().await?;
    let behind = Behind::look(&mut conn, caller, now_ms).await?;
    let viewer = viewer(caller, &behind.live);
    let found = rows::find(&mut conn, path, caller.account(), &viewer).await?;
    let standing = found
        .map(|found| stand(caller, &behind, found))
        .transpose()?
        .flatten();
    Ok((standing, behind.live))
}

/// As whom the caller looks at repositories: those that it sees are those that it may read.
pub(crate) fn viewer(caller: &Caller, live: &Live) -> Viewer {
    match &caller.who {
        _ if !caller.has_scope(Scope::RepoRead) => Viewer::Public,
        Who::Anonymous => Viewer::Public,
        Who::System => Viewer::Everything,
        Who::Account { repositories, .. } if live.is_admin() && caller.has_scope(Scope::Admin) => {
            repositories.clone().map_or(Viewer::Everything, Viewer::These)
        }
        Who::Account { id, repositories, .. } => Viewer::Account(*id, repositories.clone()),
        Who::DeployKey { repository, .. } => Viewer::These(vec![*repository]),
    }
}

/// What stands behind a caller just now.
struct Behind {
    live: Live,
    /// Of a deploy key: the repository that it opens and whether it may push.
    key: Option<(RepoId, bool)>,
}

impl Behind {
    async fn look(conn: &mut Conn, caller: &Caller, now_ms: i64) -> Result<Self, Error> {
        let live = live(conn, caller, now_ms).await?;
        let key = match caller.who {
            Who::DeployKey { id, .. } => {
                let row = key_rows::deploy_key(conn, id)
                    .await?
                    .ok_or(Error::Unauthenticated)?;
                Some((RepoId(row.1), row.5 != 0))
            }
            _ => None,
        };
        Ok(Self { live, key })
    }
}

/// What the caller is to a repository; none where it may not even see it.
fn stand(caller: &Caller, behind: &Behind, found: FoundRow) -> Result<Option<Standing>, Error> {
    let private = found.repository.private;
    let role = match &caller.who {
        Who::System => Some(Role::Admin),
        Who::Anonymous => None,
        Who::DeployKey { .. } => behind
            .key
            .filter(|(opens, _)| opens.0 == found.repository.id)
            .map(|(_, writes)| if writes { Role::Write } else { Role::Read }),
        Who::Account { id, repositories, .. } => {
            let bound = repositories
                .as_ref()
                .is_some_and(|only| !only.contains(&RepoId(found.repository.id)));
            if bound {
                None
            } else if found.repository.owner_id == id.0
                || (behind.live.is_admin() && caller.has_scope(Scope::Admin))
            {
                Some(Role::Admin)
            } else {
                found.role.as_deref().map(str::parse).transpose()?
            }
        }
    };
    // A credential without the scope to read is nobody's, as far as private repositories go.
    let role = role.filter(|_| caller.has_scope(Scope::RepoRead));
    let role = if private { role } else { role.or(Some(Role::Read)) };
    Ok(match role {
        Some(role) => Some(Standing {
            repository: found.repository.try_into()?,
            role,
        }),
        None => None,
    })
}

fn new_target(caller: &Caller, live: &Live, path: &RepoPath) -> Option<PushTarget> {
    let Who::Account {
        id,
        repositories: None,
        ..
    } = &caller.who
    else {
        return None;
    };
    let Live::Account(account) = live else {
        return None;
    };
    let owner = &account.name;
    let own = owner.key() == path.owner.key() && caller.has_scope(Scope::RepoWrite);
    own.then(|| PushTarget::New {
        owner_id: *id,
        path: RepoPath {
            owner: owner.clone(),
            name: path.name.clone(),
        },
    })
}

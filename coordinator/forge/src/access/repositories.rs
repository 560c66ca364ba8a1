//! Who may do what to a repository. Permits are made here and nowhere else, from a caller and a
//! path of a URL; a push asks again, inside its transaction.
//!
//! What a caller may not see is not found. The same two statements run whether a repository is
//! there, is hidden, or is not there at all, and of a hidden one nothing leaves the database, so
//! that the answers cannot be told apart by time.

use super::{Action, Live, Permit, live, organisations, require_scope};
use crate::repositories::Repository;
use crate::roles::{MemberRole, Role, Visibility};
use crate::{Error, Forge};
use plue_contract::{AccountId, AccountName, Caller, RepoId, RepoPath, Scope, Who};
use plue_git::wire::receive::RefUpdate;
use plue_store::accounts::{self as account_rows, AccountRow};
use plue_store::repositories::{self as rows, FoundRow, Viewer};
use plue_store::{Conn, Tx, collaborators as key_rows, organisations as org_rows};

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

/// To change the repository itself, as far as the caller's role goes.
#[derive(Clone, Copy, Debug)]
pub struct MaintainRepo;

impl Action for MaintainRepo {
    type On = Repository;
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

/// Permits reading a repository: anybody a public one, every account an internal one; else those
/// who have a role in it, its deploy keys and administrators.
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

/// Permits changing what a repository says of itself: to those who may maintain it.
pub async fn maintain(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    now_ms: i64,
) -> Result<Permit<MaintainRepo>, Error> {
    let (found, _) = look(forge, caller, path, now_ms).await?;
    let standing = found.ok_or(Error::NotFound)?;
    standing.require(caller, Role::Maintain, Scope::Repo)?;
    Ok(Permit {
        caller: caller.clone(),
        on: standing.repository,
    })
}

/// Permits administering a repository: to its owner, those who have that role and administrators.
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

/// Permits making repositories under a name: to the account itself, to those who maintain the
/// organisation, and to administrators for any. Other names are not found, whether there is such
/// an owner or not.
pub async fn create_under(
    forge: &Forge,
    caller: &Caller,
    owner: &AccountName,
    now_ms: i64,
) -> Result<Permit<CreateUnder>, Error> {
    let mut conn = forge.store().read().await?;
    let live = live(&mut conn, caller, now_ms).await?;
    let found = account_rows::owner_by_name(&mut conn, owner).await?;
    if matches!(caller.who, Who::Anonymous) {
        return Err(Error::Unauthenticated);
    }
    let on = may_create(&mut conn, caller, &live, found).await?;
    require_scope(caller, Scope::RepoWrite)?;
    if let Who::Account {
        repositories: Some(_),
        ..
    } = &caller.who
    {
        return Err(Error::Forbidden(
            "this token counts for the repositories that it names; use another one to make more".to_owned(),
        ));
    }
    Ok(Permit {
        caller: caller.clone(),
        on,
    })
}

/// The owner, where the caller may make repositories under its name.
async fn may_create(
    conn: &mut Conn,
    caller: &Caller,
    live: &Live,
    owner: Option<AccountRow>,
) -> Result<AccountRow, Error> {
    let owner = owner.ok_or(Error::NotFound)?;
    let rank = match owner.is_organisation {
        true => org_rows::by_id(conn, owner.id, caller.account()).await?,
        false => None,
    };
    // Whoever owns an organisation owns every name; administrators do too.
    let standing = organisations::standing(caller, live, rank.and_then(|found| found.rank));
    let own = caller.account() == Some(owner.id) || standing >= Some(MemberRole::Maintain);
    Some(owner).filter(|_| own).ok_or(Error::NotFound)
}

/// Whether the caller's credential may move this ref of the repository; if not, why. To propose is
/// less than to merge: it reaches bookmarks that are not the default one, and removes none.
pub(crate) fn may_move(caller: &Caller, repository: &Repository, update: &RefUpdate) -> Result<(), String> {
    if caller.has_scope(Scope::RepoWrite) {
        return Ok(());
    }
    let name = &update.name;
    let said = if !name.is_branch() {
        format!("{name} is no bookmark")
    } else if name.short() == repository.default_bookmark {
        format!("{} is the default bookmark", name.short())
    } else if update.is_delete() {
        format!("{} would be removed", name.short())
    } else {
        return Ok(());
    };
    Err(format!(
        "{said}; this token may propose (`repo:propose`), and not merge (`repo:write`)"
    ))
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

/// Whether an account may read a repository by itself, whoever asks: what its visibility and the
/// account's own roles say, and no credential.
pub(crate) async fn account_reads(conn: &mut Conn, id: RepoId, account: AccountId) -> Result<bool, Error> {
    let found = rows::by_id(conn, id, Some(account)).await?;
    let Some(found) = found.filter(|found| found.repository.deleted_at_ms.is_none()) else {
        return Ok(false);
    };
    let visibility: Visibility = found.repository.visibility.parse()?;
    Ok(visibility != Visibility::Private || found.rank.and_then(Role::of_rank).is_some())
}

/// The repository of this number, where the caller may read it just now.
pub(crate) async fn can_read(
    conn: &mut Conn,
    caller: &Caller,
    id: RepoId,
    now_ms: i64,
) -> Result<Option<Repository>, Error> {
    match stand_at(conn, caller, id, now_ms).await {
        Ok(standing) => Ok(Some(standing.repository)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the caller is to the repository of this number just now.
pub(super) async fn stand_at(
    conn: &mut Conn,
    caller: &Caller,
    id: RepoId,
    now_ms: i64,
) -> Result<Standing, Error> {
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
        locked(tx, &self.caller, self.on.id, Role::Admin, now_ms).await
    }
}

impl From<Permit<AdministerRepo>> for Permit<MaintainRepo> {
    /// Who administers a repository maintains it.
    fn from(permit: Permit<AdministerRepo>) -> Self {
        Self {
            caller: permit.caller,
            on: permit.on,
        }
    }
}

impl Permit<MaintainRepo> {
    /// Asks again, within the transaction that makes use of it, with the repository's row locked,
    /// for the role that this use of it needs; the repository as it is now.
    pub(crate) async fn check_again(
        &self,
        tx: &mut Tx<'_>,
        role: Role,
        now_ms: i64,
    ) -> Result<Repository, Error> {
        locked(tx, &self.caller, self.on.id, role.max(Role::Maintain), now_ms).await
    }
}

async fn locked(
    tx: &mut Tx<'_>,
    caller: &Caller,
    id: RepoId,
    role: Role,
    now_ms: i64,
) -> Result<Repository, Error> {
    rows::lock(tx, id).await?;
    let standing = stand_at(tx, caller, id, now_ms).await?;
    standing.require(caller, role, Scope::Repo)?;
    Ok(standing.repository)
}

impl Permit<CreateUnder> {
    /// Asks again, within the transaction that makes use of it: the caller is alive and still may,
    /// and the owner under whose name something is made is there.
    pub(crate) async fn check_again(&self, tx: &mut Tx<'_>, now_ms: i64) -> Result<(), Error> {
        let live = live(tx, &self.caller, now_ms).await?;
        let owner = account_rows::lock(tx, self.on.id).await?;
        let owner = may_create(tx, &self.caller, &live, owner).await?;
        match owner.is_disabled {
            false => Ok(()),
            true => Err(Error::NotFound),
        }
    }
}

/// A repository that the caller may at least read, and what the caller is to it.
pub(super) struct Standing {
    pub(super) repository: Repository,
    pub(super) role: Role,
}

impl Standing {
    pub(super) fn require(&self, caller: &Caller, role: Role, scope: Scope) -> Result<(), Error> {
        if matches!(caller.who, Who::Anonymous) {
            return Err(Error::Unauthenticated);
        }
        if self.role < role {
            let needed = match role {
                Role::Admin => {
                    "You may read this repository, and not administer it; its owner can change that."
                }
                Role::Maintain => {
                    "You may read this repository, and not maintain it; its owner can change that."
                }
                Role::Triage => {
                    "You may read this repository, and not sort what is reported; its owner can change that."
                }
                _ => "You may read this repository, and not push to it; ask its owner for write access.",
            };
            return Err(Error::Forbidden(needed.to_owned()));
        }
        require_scope(caller, scope)
    }

    fn into_push(self, caller: &Caller) -> Result<Repository, Error> {
        self.require(caller, Role::Write, Scope::RepoPropose)?;
        if self.repository.archived {
            return Err(Error::Archived);
        }
        Ok(self.repository)
    }
}

pub(super) async fn look(
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
    let visibility: Visibility = found.repository.visibility.parse()?;
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
                let internal = (visibility == Visibility::Internal).then_some(Role::Read);
                found.rank.and_then(Role::of_rank).max(internal)
            }
        }
    };
    // A credential without the scope to read is nobody's, as far as hidden repositories go.
    let role = role.filter(|_| caller.has_scope(Scope::RepoRead));
    let role = match visibility {
        Visibility::Public => role.or(Some(Role::Read)),
        Visibility::Internal | Visibility::Private => role,
    };
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

//! Making, finding, changing and ending repositories. What they contain is `pushes`' matter; who
//! else may use them is in `collaborators`.

use crate::access::accounts::Administer;
use crate::access::organisations::lets_go;
use crate::access::repositories::{AdministerRepo, CreateUnder, MaintainRepo, ReadRepo, viewer};
use crate::access::{Permit, live};
use crate::accounts::Page;
use crate::audit::{Action, Note, note};
use crate::clock::Clock;
use crate::edge::{self, Change};
use crate::watches::Level;
use crate::{Error, Forge, events, jobs};
use plue_contract::events::{Event, Nothing, RepositoryChanges, Transferred, Was};
use plue_contract::{AccountId, AccountName, Caller, RepoId, RepoName, RepoPath};
use plue_git::{ObjectFormat, refname::RefName};
use plue_store::repositories::{self as rows, RepositoryRow};
use plue_store::{Tx, accounts as account_rows, redirects, watches};
use serde_json::json;

pub use crate::roles::{Role, Visibility};

/// The bookmark of a repository whose maker names none.
pub const DEFAULT_BOOKMARK: &str = "main";
/// The most characters of a description.
pub const MAX_DESCRIPTION_CHARS: usize = 2000;

/// One repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its number, never used again.
    pub id: RepoId,
    /// Its other id.
    pub uuid: String,
    /// The account that it belongs to.
    pub owner_id: AccountId,
    /// That account's name.
    pub owner: AccountName,
    /// Its name.
    pub name: RepoName,
    /// What it says of itself.
    pub description: String,
    /// Who sees it.
    pub visibility: Visibility,
    /// The hash that names its objects.
    pub object_format: ObjectFormat,
    /// The branch that `HEAD` names, without `refs/heads/`.
    pub default_bookmark: String,
    /// Whether it may only be read.
    pub archived: bool,
    /// Raised at each accepted change of refs or packs.
    pub generation: i64,
    /// Raised at each change of who may see it, under which name, and what it says of itself.
    pub access_epoch: i64,
    /// Raised when the database was restored from a backup.
    pub restore_epoch: i64,
    /// The last generation before objects were removed; -1 where none were.
    pub expired_generation: i64,
    /// How many refs it has.
    pub ref_count: i64,
    /// The size of its packs, in bytes.
    pub size_bytes: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When its own data changed last.
    pub updated_at_ms: i64,
    /// When something was pushed last.
    pub pushed_at_ms: Option<i64>,
    /// When it was deleted, if it was.
    pub deleted_at_ms: Option<i64>,
}

impl Repository {
    /// Where it is found.
    pub fn path(&self) -> RepoPath {
        RepoPath {
            owner: self.owner.clone(),
            name: self.name.clone(),
        }
    }

    /// The ref that `HEAD` names.
    pub(crate) fn head(&self) -> Result<RefName, Error> {
        bookmark(&self.default_bookmark)
    }
}

impl TryFrom<RepositoryRow> for Repository {
    type Error = Error;

    fn try_from(row: RepositoryRow) -> Result<Self, Error> {
        let odd = |what: &str| Error::Internal(format!("repository {} has a bad {what}", row.id));
        Ok(Self {
            id: RepoId(row.id),
            owner_id: AccountId(row.owner_id),
            owner: row.owner.parse().map_err(|_| odd("owner"))?,
            name: row.name.parse().map_err(|_| odd("name"))?,
            object_format: row.object_format.parse().map_err(|_| odd("object format"))?,
            uuid: row.uuid,
            description: row.description,
            visibility: row.visibility.parse()?,
            default_bookmark: row.default_bookmark,
            archived: row.archived,
            generation: row.generation,
            access_epoch: row.access_epoch,
            restore_epoch: row.restore_epoch,
            expired_generation: row.expired_generation,
            ref_count: row.ref_count,
            size_bytes: row.size_bytes,
            created_at_ms: row.created_at_ms,
            updated_at_ms: row.updated_at_ms,
            pushed_at_ms: row.pushed_at_ms,
            deleted_at_ms: row.deleted_at_ms,
        })
    }
}

/// A repository that somebody asks for.
#[derive(Clone, Debug)]
pub struct NewRepository {
    /// Its name.
    pub name: RepoName,
    /// What it says of itself; may be empty.
    pub description: String,
    /// Who sees it.
    pub visibility: Visibility,
    /// The hash that names its objects.
    pub object_format: ObjectFormat,
    /// The branch that `HEAD` names, without `refs/heads/`; [`DEFAULT_BOOKMARK`] if none.
    pub default_bookmark: Option<String>,
}

/// What of a repository is to change; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct RepositoryChange {
    /// A new name; the old one leads to it from then on.
    pub name: Option<RepoName>,
    /// A new description.
    pub description: Option<String>,
    /// A new visibility.
    pub visibility: Option<Visibility>,
    /// Whether it may only be read.
    pub archived: Option<bool>,
    /// Another default bookmark, which must exist unless the repository is empty.
    pub default_bookmark: Option<String>,
}

impl RepositoryChange {
    /// The role that it takes in this repository: what would stay as it is takes none.
    fn needs(&self, before: &Repository) -> Role {
        let grave = self.name.as_ref().is_some_and(|name| *name != before.name)
            || self
                .visibility
                .is_some_and(|visibility| visibility != before.visibility)
            || self.archived.is_some_and(|archived| archived != before.archived);
        if grave { Role::Admin } else { Role::Maintain }
    }
}

/// In which order a list comes.
pub use plue_store::repositories::Order as Sort;

/// Out of which repositories a list comes.
pub use plue_store::repositories::Among;

/// What to list.
#[derive(Clone, Debug)]
pub struct Query {
    /// Out of which.
    pub among: Among,
    /// Only repositories in whose name or description this stands.
    pub text: Option<String>,
    /// Only repositories of this account.
    pub owner: Option<AccountName>,
    /// Only public ones, whoever asks.
    pub public_only: bool,
    /// In which order.
    pub sort: Sort,
    /// At most so many, from 1 to 100.
    pub limit: i64,
    /// After so many.
    pub offset: i64,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            among: Among::All,
            text: None,
            owner: None,
            public_only: false,
            sort: Sort::Name,
            limit: 30,
            offset: 0,
        }
    }
}

/// Makes an empty repository.
pub async fn create(
    forge: &Forge,
    permit: Permit<CreateUnder>,
    new: NewRepository,
    now_ms: i64,
) -> Result<Repository, Error> {
    let new = Making {
        owner_id: permit.on().id,
        path: RepoPath {
            owner: permit.on().name.clone(),
            name: new.name,
        },
        description: described(&new.description)?,
        visibility: new.visibility,
        object_format: new.object_format,
        default_bookmark: match new.default_bookmark {
            Some(name) => bookmark(&name)?.short().to_owned(),
            None => DEFAULT_BOOKMARK.to_owned(),
        },
        uuid: forge.uuid(),
    };
    let clock = Clock::set(now_ms);
    let (permit, new) = (&permit, &new);
    let made = forge
        .store()
        .in_tx("repositories.create", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                let id = rows::reserve_id(tx).await?;
                make(tx, id, permit.caller(), new, now_ms).await
            })
        })
        .await?;
    edge::settle(forge, Change::of_paths(&made, [made.path()]), &clock).await;
    Ok(made)
}

/// A repository that is about to be made, by [`create`] or by a push.
pub(crate) struct Making {
    pub(crate) owner_id: AccountId,
    pub(crate) path: RepoPath,
    pub(crate) description: String,
    pub(crate) visibility: Visibility,
    pub(crate) object_format: ObjectFormat,
    pub(crate) default_bookmark: String,
    pub(crate) uuid: String,
}

/// Makes a repository within a transaction.
pub(crate) async fn make(
    tx: &mut Tx<'_>,
    id: RepoId,
    caller: &Caller,
    new: &Making,
    now_ms: i64,
) -> Result<Repository, Error> {
    let row = rows::NewRepositoryRow {
        id,
        uuid: &new.uuid,
        owner_id: new.owner_id,
        name: &new.path.name,
        description: &new.description,
        visibility: new.visibility.as_str(),
        object_format: new.object_format.name(),
        default_bookmark: &new.default_bookmark,
    };
    rows::insert(tx, &row, now_ms).await.map_err(taken)?;
    let made = one(tx, id).await?;
    let detail = json!({ "visibility": made.visibility.as_str() });
    note(
        tx,
        caller,
        Note::of(Action::RepositoryCreate, &made, detail),
        now_ms,
    )
    .await?;
    events::tell(tx, caller, id, &[Event::RepoCreated(Nothing {})], now_ms).await?;
    // Whoever makes something wants to hear of it.
    if let Some(maker) = caller.account() {
        watches::put(tx, id, maker, Level::All.as_str(), now_ms).await?;
    }
    Ok(made)
}

async fn one(tx: &mut Tx<'_>, id: RepoId) -> Result<Repository, Error> {
    let found = rows::by_id(tx, id, None).await?.ok_or(Error::NotFound)?;
    found.repository.try_into()
}

/// What the permit was given for.
pub fn get(permit: Permit<ReadRepo>) -> Repository {
    permit.on().clone()
}

/// One page of the repositories that the caller may see, and how many those are.
pub async fn list(
    forge: &Forge,
    caller: &Caller,
    query: Query,
    now_ms: i64,
) -> Result<Page<Repository>, Error> {
    let mut conn = forge.store().read().await?;
    let alive = live(&mut conn, caller, now_ms).await?;
    let viewer = match query.public_only {
        true => rows::Viewer::Public,
        false => viewer(caller, &alive),
    };
    let listing = rows::Listing {
        viewer: &viewer,
        among: query.among,
        owner_key: query.owner.map(|owner| owner.key()),
        text: query.text.map(|text| text.to_lowercase()),
        order: query.sort,
        limit: query.limit.clamp(1, 100),
        offset: query.offset.max(0),
    };
    let (found, total) = rows::list(&mut conn, &listing).await?;
    Ok(Page {
        items: found
            .into_iter()
            .map(Repository::try_from)
            .collect::<Result<_, _>>()?,
        total,
        limit: listing.limit,
        offset: listing.offset,
    })
}

/// Changes a repository's own data; its name, who sees it and whether it is archived are its
/// administrators' to change. A rename leaves a redirect; an archived repository can be changed in
/// no other way than being opened again.
pub async fn update(
    forge: &Forge,
    permit: Permit<MaintainRepo>,
    change: RepositoryChange,
    now_ms: i64,
) -> Result<Repository, Error> {
    let id = permit.on().id;
    let description = change.description.as_deref().map(described).transpose()?;
    let head = change.default_bookmark.as_deref().map(bookmark).transpose()?;
    let clock = Clock::set(now_ms);
    let (permit, change, description, head) = (&permit, &change, &description, &head);
    let (before, after) = forge
        .store()
        .in_tx("repositories.update", |tx| {
            Box::pin(async move {
                let before = permit.check_again(tx, Role::Maintain, now_ms).await?;
                permit.check_again(tx, change.needs(&before), now_ms).await?;
                if before.archived && change.archived != Some(false) {
                    return Err(Error::Archived);
                }
                if let Some(head) = head {
                    let there = plue_store::refs::some(tx, id, &[head.as_str().as_bytes()]).await?;
                    if there.is_empty() && before.ref_count > 0 {
                        return Err(Error::invalid(
                            "default_bookmark",
                            "there is no bookmark of this name",
                        ));
                    }
                }
                let renamed = change.name.as_ref().filter(|name| **name != before.name);
                if let Some(name) = renamed.filter(|name| name.key() != before.name.key()) {
                    redirects::drop(tx, before.owner_id, &name.key()).await?;
                    redirects::put(tx, before.owner_id, &before.name.key(), id, now_ms).await?;
                }
                let row = rows::ChangeRow {
                    name: renamed.cloned(),
                    owner_id: None,
                    description: description.clone().filter(|text| *text != before.description),
                    visibility: change
                        .visibility
                        .filter(|visibility| *visibility != before.visibility)
                        .map(Visibility::as_str),
                    archived: change.archived.filter(|archived| *archived != before.archived),
                    default_bookmark: head.as_ref().map(|head| head.short().to_owned()),
                };
                rows::update(tx, id, &row, now_ms).await.map_err(taken)?;
                let after = one(tx, id).await?;
                let detail = changed(&before, &after);
                note(
                    tx,
                    permit.caller(),
                    Note::of(Action::RepositoryUpdate, &after, detail),
                    now_ms,
                )
                .await?;
                let told = happened(&before, &after);
                events::tell(tx, permit.caller(), id, told.as_slice(), now_ms).await?;
                Ok::<_, Error>((before, after))
            })
        })
        .await?;
    edge::settle(
        forge,
        Change::of_paths(&after, [before.path(), after.path()]),
        &clock,
    )
    .await;
    Ok(after)
}

/// What of a repository has changed, each as it was and as it is.
fn changed(before: &Repository, after: &Repository) -> serde_json::Value {
    let of = |repository: &Repository| {
        [
            ("name", json!(repository.path().to_string())),
            ("description", json!(repository.description)),
            ("visibility", json!(repository.visibility.as_str())),
            ("archived", json!(repository.archived)),
            ("default_bookmark", json!(repository.default_bookmark)),
        ]
    };
    let pairs = of(before).into_iter().zip(of(after));
    pairs
        .filter(|((_, was), (_, is))| was != is)
        .map(|((name, was), (_, is))| (name.to_owned(), json!([was, is])))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What is told of a change; nothing where nothing has changed.
fn happened(before: &Repository, after: &Repository) -> Option<Event> {
    let was = |before: &str, after: &str| {
        (before != after).then(|| Was {
            from: before.to_owned(),
        })
    };
    let changes = RepositoryChanges {
        name: was(before.name.as_str(), after.name.as_str()),
        description: was(&before.description, &after.description),
        visibility: was(before.visibility.as_str(), after.visibility.as_str()),
        archived: was(&before.archived.to_string(), &after.archived.to_string()),
        default_bookmark: was(&before.default_bookmark, &after.default_bookmark),
        topics: None,
    };
    (changes != RepositoryChanges::default()).then_some(Event::RepoUpdated(changes))
}

/// Gives a repository to another owner under whom the caller may create, a person or an
/// organisation; its former path leads to it from then on. The teams of the one before have no
/// more to do with it.
pub async fn transfer(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    to: Permit<CreateUnder>,
    now_ms: i64,
) -> Result<Repository, Error> {
    let (permit, to) = (&permit, &to);
    let (id, owner_id) = (permit.on().id, to.on().id);
    let clock = Clock::set(now_ms);
    let (before, after) = forge
        .store()
        .in_tx("repositories.transfer", |tx| {
            Box::pin(async move {
                let before = permit.check_again(tx, now_ms).await?;
                to.check_again(tx, now_ms).await?;
                if before.owner_id == owner_id {
                    return Ok((before.clone(), before));
                }
                lets_go(tx, permit.caller(), before.owner_id, now_ms).await?;
                redirects::drop(tx, owner_id, &before.name.key()).await?;
                redirects::put(tx, before.owner_id, &before.name.key(), id, now_ms).await?;
                plue_store::collaborators::remove(tx, id, owner_id).await?;
                plue_store::teams::forget_repository(tx, id).await?;
                let row = rows::ChangeRow {
                    owner_id: Some(owner_id),
                    ..rows::ChangeRow::default()
                };
                rows::update(tx, id, &row, now_ms).await.map_err(taken)?;
                let after = one(tx, id).await?;
                // It is the matter of both owners.
                let detail = changed(&before, &after);
                for of in [&before, &after] {
                    let told = Note::of(Action::RepositoryTransfer, of, detail.clone());
                    note(tx, permit.caller(), told, now_ms).await?;
                }
                let told = Event::RepoTransferred(Transferred {
                    previous_owner: events::person(before.owner_id, &before.owner),
                    new_owner: events::person(after.owner_id, &after.owner),
                });
                events::tell(tx, permit.caller(), id, &[told], now_ms).await?;
                Ok::<_, Error>((before, after))
            })
        })
        .await?;
    edge::settle(
        forge,
        Change::of_paths(&after, [before.path(), after.path()]),
        &clock,
    )
    .await;
    Ok(after)
}

/// Deletes a repository. For the grace period an administrator can restore it; then a job removes
/// it for good.
pub async fn delete(forge: &Forge, permit: Permit<AdministerRepo>, now_ms: i64) -> Result<(), Error> {
    let permit = &permit;
    let id = permit.on().id;
    let request_id = &permit.caller().request_id;
    let purge_at_ms = now_ms.saturating_add(forge.settings().restore_grace_ms);
    let clock = Clock::set(now_ms);
    forge
        .store()
        .in_tx("repositories.delete", |tx| {
            Box::pin(async move {
                let gone = permit.check_again(tx, now_ms).await?;
                rows::set_deleted(tx, id, Some(now_ms), now_ms).await?;
                let told = Note::of(Action::RepositoryDelete, &gone, json!({}));
                note(tx, permit.caller(), told, now_ms).await?;
                events::tell(tx, permit.caller(), id, &[Event::RepoDeleted(Nothing {})], now_ms).await?;
                let purge = jobs::NewJob {
                    job: jobs::Job::PurgeDeleted { repository: id },
                    run_after_ms: purge_at_ms,
                };
                jobs::enqueue_in(tx, purge, request_id, now_ms).await
            })
        })
        .await?;
    let gone = Change {
        hidden: true,
        ..Change::of_paths(permit.on(), [permit.on().path()])
    };
    edge::settle(forge, gone, &clock).await;
    Ok(())
}

/// The repositories that are deleted and can still be restored.
pub async fn deleted(forge: &Forge, _permit: &Permit<Administer>) -> Result<Vec<Repository>, Error> {
    let mut conn = forge.store().read().await?;
    let found = rows::deleted(&mut conn, i64::MAX).await?;
    found.into_iter().map(Repository::try_from).collect()
}

/// Restores a deleted repository under its old name; a conflict where somebody took that.
pub async fn restore(
    forge: &Forge,
    permit: Permit<Administer>,
    id: RepoId,
    now_ms: i64,
) -> Result<Repository, Error> {
    let permit = &permit;
    let clock = Clock::set(now_ms);
    let restored: Repository = forge
        .store()
        .in_tx("repositories.restore", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                rows::lock(tx, id).await?;
                let before = one(tx, id).await?;
                if before.deleted_at_ms.is_some() {
                    rows::set_deleted(tx, id, None, now_ms).await.map_err(taken)?;
                    redirects::drop(tx, before.owner_id, &before.name.key()).await?;
                    let told = Note::of(Action::RepositoryRestore, &before, json!({}));
                    note(tx, permit.caller(), told, now_ms).await?;
                    events::tell(
                        tx,
                        permit.caller(),
                        id,
                        &[Event::RepoRestored(Nothing {})],
                        now_ms,
                    )
                    .await?;
                }
                one(tx, id).await
            })
        })
        .await?;
    edge::settle(forge, Change::of_paths(&restored, [restored.path()]), &clock).await;
    Ok(restored)
}

/// The account of this name, to whom something is given.
pub(crate) async fn account_id(tx: &mut Tx<'_>, name: &AccountName) -> Result<AccountId, Error> {
    let row = account_rows::by_name(tx, name).await?;
    let row = row.ok_or_else(|| Error::invalid("name", "there is no account of this name"))?;
    Ok(row.id)
}

fn taken(error: plue_store::StoreError) -> Error {
    if error.is_unique("repositories__owner_id__name_key") {
        return Error::Conflict {
            field: "name",
            detail: "The owner has a repository of this name already; please choose another name.".to_owned(),
        };
    }
    error.into()
}

fn described(text: &str) -> Result<String, Error> {
    if text.chars().count() > MAX_DESCRIPTION_CHARS {
        let why = format!("a description has at most {MAX_DESCRIPTION_CHARS} characters");
        return Err(Error::invalid("description", why));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Error::invalid(
            "description",
            "a description has no control characters",
        ));
    }
    Ok(text.trim().to_owned())
}

fn bookmark(short: &str) -> Result<RefName, Error> {
    format!("refs/heads/{short}").parse().map_err(|_| {
        Error::invalid(
            "default_bookmark",
            "this is not a name that git takes for a branch",
        )
    })
}

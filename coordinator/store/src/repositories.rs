//! Repositories. Who may see one is the forge's to decide; [`find`] brings what that decision needs
//! in one statement, by a redirect where a former name is asked for.

use crate::{Conn, Query, StoreError, Tx, query, query_built, redirects, roles};
use plue_contract::{AccountId, RepoId, RepoPath};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use std::sync::LazyLock;

/// One repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryRow {
    /// Its number, never used again.
    pub id: i64,
    /// Its other id.
    pub uuid: String,
    /// The account that it belongs to.
    pub owner_id: i64,
    /// That account's name.
    pub owner: String,
    /// Its name, as it was chosen.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// Who sees it: `public`, `internal` or `private`.
    pub visibility: String,
    /// `sha1` or `sha256`.
    pub object_format: String,
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
    /// The size of its live packs, in bytes.
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

impl FromRow<'_, AnyRow> for RepositoryRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let flag = |column: &str| row.try_get::<i64, _>(column).map(|flag| flag != 0);
        Ok(Self {
            id: row.try_get("id")?,
            uuid: row.try_get("uuid")?,
            owner_id: row.try_get("owner_id")?,
            owner: row.try_get("owner")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            visibility: row.try_get("visibility")?,
            object_format: row.try_get("object_format")?,
            default_bookmark: row.try_get("default_bookmark")?,
            archived: flag("archived")?,
            generation: row.try_get("generation")?,
            access_epoch: row.try_get("access_epoch")?,
            restore_epoch: row.try_get("restore_epoch")?,
            expired_generation: row.try_get("expired_generation")?,
            ref_count: row.try_get("ref_count")?,
            size_bytes: row.try_get("size_bytes")?,
            created_at_ms: row.try_get("created_at_ms")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
            pushed_at_ms: row.try_get("pushed_at_ms")?,
            deleted_at_ms: row.try_get("deleted_at_ms")?,
        })
    }
}

/// A repository and what the account that asked is to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRow {
    /// The repository.
    pub repository: RepositoryRow,
    /// The rank of the highest role that anything gives the account, as [`roles::rank`] has it.
    pub rank: Option<i64>,
}

impl FromRow<'_, AnyRow> for FoundRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            repository: RepositoryRow::from_row(row)?,
            rank: row.try_get("rank")?,
        })
    }
}

/// A repository that is about to be made.
#[derive(Clone, Debug)]
pub struct NewRepositoryRow<'a> {
    /// Its number, from [`reserve_id`].
    pub id: RepoId,
    /// Its other id.
    pub uuid: &'a str,
    /// Whom it will belong to.
    pub owner_id: AccountId,
    /// Its name.
    pub name: &'a plue_contract::RepoName,
    /// What it says of itself.
    pub description: &'a str,
    /// Who sees it: `public`, `internal` or `private`.
    pub visibility: &'a str,
    /// `sha1` or `sha256`.
    pub object_format: &'a str,
    /// The branch that `HEAD` names, without `refs/heads/`.
    pub default_bookmark: &'a str,
}

const COLUMNS: &str = "r.id, r.uuid, r.owner_id, a.name AS owner, r.name, r.description, r.visibility, \
     r.object_format, r.default_bookmark, r.archived, r.generation, r.access_epoch, r.restore_epoch, \
     r.expired_generation, r.ref_count, r.size_bytes, r.created_at_ms, r.updated_at_ms, r.pushed_at_ms, r.deleted_at_ms";

/// Takes the next number of a repository; one that is not used then is used by none.
pub async fn reserve_id(tx: &mut Tx<'_>) -> Result<RepoId, StoreError> {
    let (id,) = query(
        "repositories.reserve_id",
        "UPDATE reserved_numbers SET last = last + 1 WHERE name = 'repositories' RETURNING last",
    )
    .one::<(i64,)>(tx)
    .await?;
    Ok(RepoId(id))
}

/// Makes a repository; `Unique { repositories__owner_id__name_key }` where the owner has one of
/// that name. A redirect that stood under the name ends.
pub async fn insert(tx: &mut Tx<'_>, new: &NewRepositoryRow<'_>, now_ms: i64) -> Result<(), StoreError> {
    redirects::drop(tx, new.owner_id, &new.name.key()).await?;
    query(
        "repositories.insert",
        "INSERT INTO repositories (id, uuid, owner_id, name, name_key, description, visibility, object_format, \
         default_bookmark, archived, generation, access_epoch, restore_epoch, ref_count, size_bytes, \
         created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, 0, 0, 0, $10, $11)",
    )
    .bind(new.id.0)
    .bind(new.uuid)
    .bind(new.owner_id.0)
    .bind(new.name.as_str())
    .bind(new.name.key())
    .bind(new.description)
    .bind(new.visibility)
    .bind(new.object_format)
    .bind(new.default_bookmark)
    .bind(now_ms)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// The number of the repository that a path names now, by its name or by a redirect; one that
/// nothing has where it leads nowhere. Takes the keys of owner and name twice, from the placeholder
/// `first` on.
fn led(first: usize) -> String {
    let (a, b, c, d) = (first, first + 1, first + 2, first + 3);
    format!(
        "COALESCE(\
         (SELECT n.id FROM repositories n JOIN accounts o ON o.id = n.owner_id \
          WHERE o.name_key = ${a} AND n.name_key = ${b} AND n.deleted_at_ms IS NULL), \
         (SELECT d.repository_id FROM redirects d JOIN accounts o ON o.id = d.owner_id \
          WHERE o.name_key = ${c} AND d.name_key = ${d}), -1)"
    )
}

/// The repository that a path names now, by its name or by a redirect, with the rank of `account`
/// in it; none where the viewer may not see it. One statement that answers nothing in the same way
/// whether there is nothing or nothing to be seen, so that time does not tell them apart: where the
/// path leads nowhere, the rank is looked up all the same, first, and for a number that nothing has.
/// Where no account asks there is no rank to look up.
pub async fn find(
    conn: &mut Conn,
    path: &RepoPath,
    account: Option<AccountId>,
    viewer: &Viewer,
) -> Result<Option<FoundRow>, StoreError> {
    static FOR_ANYBODY: LazyLock<String> = LazyLock::new(|| find_unranked(&Viewer::Public));
    let keys = [
        path.owner.key(),
        path.name.key(),
        path.owner.key(),
        path.name.key(),
    ];
    let query = match (account, viewer) {
        (Some(account), _) => query_built("repositories.find", find_ranked(viewer)).bind(account.0),
        (None, Viewer::Public) => query("repositories.find", &FOR_ANYBODY),
        (None, _) => query_built("repositories.find", find_unranked(viewer)),
    };
    keys.into_iter()
        .fold(query, |query, key| query.bind(key))
        .optional(conn)
        .await
}

fn find_ranked(viewer: &Viewer) -> String {
    format!(
        "WITH RECURSIVE asked (account) AS (SELECT CAST($1 AS BIGINT)), led (id) AS (SELECT {}), \
         named (id, owner_id) AS (SELECT COALESCE(n.id, -1), COALESCE(n.owner_id, -1) \
         FROM led LEFT JOIN repositories n ON n.id = led.id), \
         {} \
         SELECT {COLUMNS}, standing.rank FROM standing CROSS JOIN named JOIN repositories r ON r.id = named.id \
         JOIN accounts a ON a.id = r.owner_id WHERE {}",
        led(2),
        roles::in_named(),
        Seen::by(viewer, "standing.rank >= 1").condition
    )
}

fn find_unranked(viewer: &Viewer) -> String {
    format!(
        "SELECT {COLUMNS}, CAST(NULL AS BIGINT) AS rank FROM repositories r \
         JOIN accounts a ON a.id = r.owner_id WHERE r.id = {} AND {}",
        led(1),
        Seen::by(viewer, "1 = 0").condition
    )
}

/// The repository of this number, deleted or not, with the rank of `account` in it.
pub async fn by_id(
    conn: &mut Conn,
    id: RepoId,
    account: Option<AccountId>,
) -> Result<Option<FoundRow>, StoreError> {
    static UNRANKED: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT {COLUMNS}, CAST(NULL AS BIGINT) AS rank FROM repositories r \
             JOIN accounts a ON a.id = r.owner_id WHERE r.id = $1"
        )
    });
    static RANKED: LazyLock<String> = LazyLock::new(|| {
        format!(
            "WITH RECURSIVE asked (account) AS (SELECT CAST($1 AS BIGINT)), \
             named (id, owner_id) AS (SELECT n.id, n.owner_id FROM repositories n WHERE n.id = $2), \
             {} \
             SELECT {COLUMNS}, standing.rank FROM named JOIN repositories r ON r.id = named.id \
             JOIN accounts a ON a.id = r.owner_id CROSS JOIN standing",
            roles::in_named()
        )
    });
    let query = match account {
        Some(account) => query("repositories.by_id", &RANKED).bind(account.0),
        None => query("repositories.by_id", &UNRANKED),
    };
    query.bind(id.0).optional(conn).await
}

/// Locks the repository's row until the transaction ends; whether there is one. On SQLite the
/// transaction itself is the lock.
pub async fn lock(tx: &mut Tx<'_>, id: RepoId) -> Result<bool, StoreError> {
    let sql = tx.engine().pick(
        "SELECT id FROM repositories WHERE id = $1",
        "SELECT id FROM repositories WHERE id = $1 FOR UPDATE",
    );
    let row = query("repositories.lock", sql)
        .bind(id.0)
        .optional::<(i64,)>(tx)
        .await?;
    Ok(row.is_some())
}

/// Generation and restore epoch of a repository.
pub async fn stamp(conn: &mut Conn, id: RepoId) -> Result<Option<(i64, i64)>, StoreError> {
    query(
        "repositories.stamp",
        "SELECT generation, restore_epoch FROM repositories WHERE id = $1",
    )
    .bind(id.0)
    .optional(conn)
    .await
}

/// In which order a list comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By owner and name.
    #[default]
    Name,
    /// The newest first.
    Created,
    /// The latest changed or pushed first.
    Updated,
}

/// Who looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Sees public repositories.
    Public,
    /// Sees public and internal repositories, its own and those in which it has a role; of those
    /// that are not public only those listed, where there is such a list.
    Account(AccountId, Option<Vec<RepoId>>),
    /// Sees public repositories, and of the others those listed.
    These(Vec<RepoId>),
    /// Sees all.
    Everything,
}

/// What a viewer sees, as a condition on `r`.
pub(crate) struct Seen {
    pub(crate) condition: String,
    /// Who it is, where a role counts.
    pub(crate) account: Option<i64>,
}

impl Seen {
    /// `role` is the condition that the account has a role in `r`.
    pub(crate) fn by(viewer: &Viewer, role: &str) -> Self {
        let all = || "1 = 1".to_owned();
        let (opened, only, account) = match viewer {
            Viewer::Public => (None, None, None),
            Viewer::Account(id, bound) => (
                Some(format!("r.visibility = 'internal' OR {role}")),
                bound.as_deref(),
                Some(id.0),
            ),
            Viewer::These(ids) => (Some(all()), Some(ids.as_slice()), None),
            Viewer::Everything => (Some(all()), None, None),
        };
        let opened = opened.map_or(String::new(), |opened| {
            let bound = only.map_or(String::new(), |ids| format!(" AND r.id IN ({})", numbers(ids)));
            format!(" OR (({opened}){bound})")
        });
        Self {
            condition: format!("r.deleted_at_ms IS NULL AND (r.visibility = 'public'{opened})"),
            account,
        }
    }
}

/// Out of which repositories a list comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Among {
    /// All.
    #[default]
    All,
    /// Those to which this account gave a star; the list begins with the latest of them.
    StarredBy(AccountId),
    /// Those that are about this topic.
    About(String),
}

/// What to list.
#[derive(Clone, Debug)]
pub struct Listing<'a> {
    /// Who looks.
    pub viewer: &'a Viewer,
    /// Out of which.
    pub among: Among,
    /// Only repositories of this account, by its key.
    pub owner_key: Option<String>,
    /// Only repositories in whose name or description these words stand, in lower case.
    pub text: Option<String>,
    /// In which order.
    pub order: Order,
    /// At most so many.
    pub limit: i64,
    /// After so many.
    pub offset: i64,
}

/// One page of the repositories that the viewer may see, and how many there are in all.
pub async fn list(conn: &mut Conn, listing: &Listing<'_>) -> Result<(Vec<RepositoryRow>, i64), StoreError> {
    let seen = Seen::by(listing.viewer, roles::IN_EACH);
    let before = format!(
        "WITH RECURSIVE asked (account) AS (SELECT CAST($1 AS BIGINT)), {}",
        roles::reached()
    );
    let (among, next) = match &listing.among {
        Among::All => (String::new(), 7),
        Among::StarredBy(account) => (
            format!(" JOIN stars s ON s.repository_id = r.id AND s.account_id = {account}"),
            7,
        ),
        Among::About(_) => (
            " JOIN topics t ON t.repository_id = r.id AND t.topic = $7".to_owned(),
            8,
        ),
    };
    let from = format!(
        "FROM repositories r JOIN accounts a ON a.id = r.owner_id{among} \
         WHERE {} \
         AND (CAST($2 AS TEXT) IS NULL OR a.name_key = $3) \
         AND (CAST($4 AS TEXT) IS NULL OR r.name_key LIKE $5 ESCAPE '!' OR LOWER(r.description) LIKE $6 ESCAPE '!')",
        seen.condition
    );
    let pattern = listing.text.as_ref().map(|text| {
        let text = text.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        format!("%{text}%")
    });
    let bound = |query: Query| {
        let query = query
            .bind(seen.account)
            .bind(listing.owner_key.clone())
            .bind(listing.owner_key.clone())
            .bind(pattern.clone())
            .bind(pattern.clone())
            .bind(pattern.clone());
        match &listing.among {
            Among::About(topic) => query.bind(topic.clone()),
            Among::All | Among::StarredBy(_) => query,
        }
    };
    let order = match (&listing.among, listing.order) {
        (Among::StarredBy(_), _) => "s.created_at_ms DESC, r.id DESC",
        (_, Order::Name) => "a.name_key, r.name_key",
        (_, Order::Created) => "r.created_at_ms DESC, r.id DESC",
        (_, Order::Updated) => "COALESCE(r.pushed_at_ms, r.updated_at_ms) DESC, r.id DESC",
    };
    let page = format!(
        "{before} SELECT {COLUMNS} {from} ORDER BY {order} LIMIT ${next} OFFSET ${}",
        next + 1
    );
    let rows = bound(query_built("repositories.list", page))
        .bind(listing.limit)
        .bind(listing.offset)
        .all::<RepositoryRow>(conn)
        .await?;
    let (total,) = bound(query_built(
        "repositories.count",
        format!("{before} SELECT COUNT(*) {from}"),
    ))
    .one::<(i64,)>(conn)
    .await?;
    Ok((rows, total))
}

/// Numbers as a list of SQL; none where there is none.
pub(crate) fn numbers(ids: &[RepoId]) -> String {
    let ids: Vec<String> = ids.iter().map(RepoId::to_string).collect();
    if ids.is_empty() {
        "NULL".to_owned()
    } else {
        ids.join(", ")
    }
}

/// What of a repository's own data is to change; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct ChangeRow {
    /// The name.
    pub name: Option<plue_contract::RepoName>,
    /// The owner.
    pub owner_id: Option<AccountId>,
    /// The description.
    pub description: Option<String>,
    /// Who sees it.
    pub visibility: Option<&'static str>,
    /// Whether it may only be read.
    pub archived: Option<bool>,
    /// The default bookmark; raises the generation, because caches hold `HEAD`.
    pub default_bookmark: Option<String>,
}

/// Changes a repository's own data. The access epoch rises with all that is shown of it beside its
/// content: caches keep what they show under the epoch.
pub async fn update(tx: &mut Tx<'_>, id: RepoId, change: &ChangeRow, now_ms: i64) -> Result<(), StoreError> {
    let moves = change.name.is_some()
        || change.owner_id.is_some()
        || change.visibility.is_some()
        || change.description.is_some()
        || change.archived.is_some();
    query(
        "repositories.update",
        "UPDATE repositories SET \
         name = COALESCE($1, name), name_key = COALESCE($2, name_key), owner_id = COALESCE($3, owner_id), \
         description = COALESCE($4, description), visibility = COALESCE($5, visibility), \
         archived = COALESCE($6, archived), default_bookmark = COALESCE($7, default_bookmark), \
         generation = generation + $8, access_epoch = access_epoch + $9, updated_at_ms = $10 WHERE id = $11",
    )
    .bind(change.name.as_ref().map(|name| name.as_str().to_owned()))
    .bind(change.name.as_ref().map(plue_contract::RepoName::key))
    .bind(change.owner_id.map(|owner| owner.0))
    .bind(change.description.clone())
    .bind(change.visibility)
    .bind(change.archived.map(i64::from))
    .bind(change.default_bookmark.clone())
    .bind(i64::from(change.default_bookmark.is_some()))
    .bind(i64::from(moves))
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Raises the access epoch, since what is shown of a repository beside its content is another thing
/// now.
pub async fn touch(tx: &mut Tx<'_>, id: RepoId, now_ms: i64) -> Result<(), StoreError> {
    query(
        "repositories.touch",
        "UPDATE repositories SET access_epoch = access_epoch + 1, updated_at_ms = $1 WHERE id = $2",
    )
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// What one push did to a repository as a whole.
#[derive(Clone, Copy, Debug)]
pub struct PushedRow<'a> {
    /// The generation that the push found; the update is none where it is another by now.
    pub found_generation: i64,
    /// The default bookmark, where the push makes another branch the first one.
    pub default_bookmark: Option<&'a str>,
    /// By how many the refs became more, or fewer.
    pub refs_added: i64,
    /// By how many bytes the live packs grew.
    pub bytes_added: i64,
}

/// Raises the generation after a push; whether it was still the one that the push found.
pub async fn pushed(
    tx: &mut Tx<'_>,
    id: RepoId,
    pushed: PushedRow<'_>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let changed = query(
        "repositories.pushed",
        "UPDATE repositories SET generation = generation + 1, ref_count = ref_count + $1, \
         size_bytes = size_bytes + $2, pushed_at_ms = $3, default_bookmark = COALESCE($4, default_bookmark) \
         WHERE id = $5 AND generation = $6",
    )
    .bind(pushed.refs_added)
    .bind(pushed.bytes_added)
    .bind(now_ms)
    .bind(pushed.default_bookmark.map(str::to_owned))
    .bind(id.0)
    .bind(pushed.found_generation)
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Raises the generation after packs were rolled up, and corrects the size.
pub async fn repacked(tx: &mut Tx<'_>, id: RepoId, bytes_added: i64) -> Result<(), StoreError> {
    query(
        "repositories.repacked",
        "UPDATE repositories SET generation = generation + 1, size_bytes = size_bytes + $1 WHERE id = $2",
    )
    .bind(bytes_added)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// How the packs of a repository were parted.
#[derive(Clone, Copy, Debug)]
pub struct PartedRow {
    /// The generation whose objects were parted; the update is none where it is another by now.
    pub found_generation: i64,
    /// The size of the live packs from now on, in bytes.
    pub size_bytes: i64,
    /// Whether objects are gone.
    pub removed: bool,
    /// Whether nobody is to be shown any more what was kept of them; raises the access epoch.
    pub hidden: bool,
}

/// Raises the generation after the packs were parted; whether it was still the one that was found.
pub async fn parted(tx: &mut Tx<'_>, id: RepoId, parted: PartedRow) -> Result<bool, StoreError> {
    let changed = query(
        "repositories.parted",
        "UPDATE repositories SET generation = generation + 1, \
         expired_generation = CASE WHEN $1 = 1 THEN generation ELSE expired_generation END, \
         size_bytes = $2, access_epoch = access_epoch + $3 WHERE id = $4 AND generation = $5",
    )
    .bind(i64::from(parted.removed))
    .bind(parted.size_bytes)
    .bind(i64::from(parted.hidden))
    .bind(id.0)
    .bind(parted.found_generation)
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Marks a repository as deleted, or as not deleted any more. Its name is free in between:
/// `Unique { repositories__owner_id__name_key }` where somebody took it.
pub async fn set_deleted(
    tx: &mut Tx<'_>,
    id: RepoId,
    deleted_at_ms: Option<i64>,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "repositories.set_deleted",
        "UPDATE repositories SET deleted_at_ms = $1, access_epoch = access_epoch + 1, updated_at_ms = $2 \
         WHERE id = $3",
    )
    .bind(deleted_at_ms)
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Every repository, the deleted ones too.
pub async fn every(conn: &mut Conn) -> Result<Vec<RepositoryRow>, StoreError> {
    query_built(
        "repositories.every",
        format!("SELECT {COLUMNS} FROM repositories r JOIN accounts a ON a.id = r.owner_id ORDER BY r.id"),
    )
    .all(conn)
    .await
}

/// Repositories that were deleted before a moment, the longest deleted first.
pub async fn deleted(conn: &mut Conn, before_ms: i64) -> Result<Vec<RepositoryRow>, StoreError> {
    query_built(
        "repositories.deleted",
        format!(
            "SELECT {COLUMNS} FROM repositories r JOIN accounts a ON a.id = r.owner_id \
             WHERE r.deleted_at_ms < $1 ORDER BY r.deleted_at_ms, r.id"
        ),
    )
    .bind(before_ms)
    .all(conn)
    .await
}

/// Removes a deleted repository and every row that belongs to it but those of its packs, which
/// turn dead for the sweeper; whether it was still deleted.
pub async fn purge(tx: &mut Tx<'_>, id: RepoId) -> Result<bool, StoreError> {
    let still = query(
        "repositories.purge_check",
        "SELECT id FROM repositories WHERE id = $1 AND deleted_at_ms IS NOT NULL",
    )
    .bind(id.0)
    .optional::<(i64,)>(tx)
    .await?;
    if still.is_none() {
        return Ok(false);
    }
    for (name, sql) in [
        (
            "repositories.purge_packs",
            "UPDATE packs SET state = 'dead' WHERE repository_id = $1",
        ),
        (
            "repositories.purge_updates",
            "DELETE FROM push_updates WHERE push_id IN (SELECT id FROM pushes WHERE repository_id = $1)",
        ),
        (
            "repositories.purge_pushes",
            "DELETE FROM pushes WHERE repository_id = $1",
        ),
        (
            "repositories.purge_refs",
            "DELETE FROM refs WHERE repository_id = $1",
        ),
        (
            "repositories.purge_redirects",
            "DELETE FROM redirects WHERE repository_id = $1",
        ),
        (
            "repositories.purge_collaborators",
            "DELETE FROM collaborators WHERE repository_id = $1",
        ),
        (
            "repositories.purge_teams",
            "DELETE FROM team_repositories WHERE repository_id = $1",
        ),
        (
            "repositories.purge_fingerprints",
            "DELETE FROM ssh_key_fingerprints WHERE fingerprint IN \
             (SELECT fingerprint FROM deploy_keys WHERE repository_id = $1)",
        ),
        (
            "repositories.purge_keys",
            "DELETE FROM deploy_keys WHERE repository_id = $1",
        ),
        (
            "repositories.purge_stars",
            "DELETE FROM stars WHERE repository_id = $1",
        ),
        (
            "repositories.purge_watches",
            "DELETE FROM watches WHERE repository_id = $1",
        ),
        (
            "repositories.purge_topics",
            "DELETE FROM topics WHERE repository_id = $1",
        ),
    ]
    .into_iter()
    .chain(crate::issues::PURGED)
    .chain(crate::hooks::PURGED)
    .chain([("repositories.purge", "DELETE FROM repositories WHERE id = $1")])
    {
        query(name, sql).bind(id.0).execute(tx).await?;
    }
    Ok(true)
}

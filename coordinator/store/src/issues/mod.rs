//! Issues: `issues`, and what hangs on them, one file a table or two.

pub mod comments;
pub mod events;
pub mod labels;
mod list;
pub mod marks;
pub mod milestones;
pub mod parts;
pub mod reactions;
pub mod references;
pub mod relations;
pub mod subscriptions;

use crate::{Conn, StoreError, Tx, query, query_built};
pub use list::{Cut, Filter, Filtered, Order, count_filtered, list};
use plue_contract::{AccountId, IssueId, MilestoneId, RepoId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

/// One issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueRow {
    /// Its id.
    pub id: i64,
    /// Its other id.
    pub uuid: String,
    /// The repository that it is in.
    pub repository_id: i64,
    /// Its number there.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// What it says, in Markdown.
    pub body: String,
    /// `open` or `closed`.
    pub state: String,
    /// Why it was closed.
    pub reason: Option<String>,
    /// Who opened it.
    pub author_id: i64,
    /// The name of that account.
    pub author: String,
    /// The milestone that it belongs to.
    pub milestone_id: Option<i64>,
    /// What that is called.
    pub milestone: Option<String>,
    /// When it is due, in milliseconds since 1970.
    pub due_at_ms: Option<i64>,
    /// Whether only those who triage may say more.
    pub locked: bool,
    /// Whether it stands above the list.
    pub pinned: bool,
    /// How many comments it has.
    pub comment_count: i64,
    /// When it was opened, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When something about it changed last.
    pub updated_at_ms: i64,
    /// When it was closed, if it is.
    pub closed_at_ms: Option<i64>,
    /// The name of who closed it.
    pub closed_by: Option<String>,
}

impl FromRow<'_, AnyRow> for IssueRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            uuid: row.try_get("uuid")?,
            repository_id: row.try_get("repository_id")?,
            number: row.try_get("number")?,
            title: row.try_get("title")?,
            body: row.try_get("body")?,
            state: row.try_get("state")?,
            reason: row.try_get("reason")?,
            author_id: row.try_get("author_id")?,
            author: row.try_get("author")?,
            milestone_id: row.try_get("milestone_id")?,
            milestone: row.try_get("milestone")?,
            due_at_ms: row.try_get("due_at_ms")?,
            locked: row.try_get::<i64, _>("locked")? != 0,
            pinned: row.try_get::<Option<i64>, _>("pinned")?.is_some(),
            comment_count: row.try_get("comment_count")?,
            created_at_ms: row.try_get("created_at_ms")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
            closed_at_ms: row.try_get("closed_at_ms")?,
            closed_by: row.try_get("closed_by")?,
        })
    }
}

const COLUMNS: &str = "i.id, i.uuid, i.repository_id, i.number, i.title, i.body, i.state, i.reason, i.author_id, \
     a.name AS author, i.milestone_id, m.title AS milestone, i.due_at_ms, i.locked, p.issue_id AS pinned, \
     i.comment_count, i.created_at_ms, i.updated_at_ms, i.closed_at_ms, c.name AS closed_by";

const JOINED: &str = "JOIN accounts a ON a.id = i.author_id LEFT JOIN milestones m ON m.id = i.milestone_id \
     LEFT JOIN accounts c ON c.id = i.closed_by_id LEFT JOIN issue_pins p ON p.issue_id = i.id";

/// Takes the next number of a repository, whose row stays locked until the transaction ends.
pub async fn take_number(tx: &mut Tx<'_>, repository: RepoId) -> Result<i64, StoreError> {
    let (next,) = query(
        "issues.take_number",
        "UPDATE repositories SET next_number = next_number + 1 WHERE id = $1 RETURNING next_number",
    )
    .bind(repository.0)
    .one::<(i64,)>(tx)
    .await?;
    Ok(next - 1)
}

/// Adds to the counts of open and closed issues of a repository.
pub async fn count(tx: &mut Tx<'_>, repository: RepoId, open: i64, closed: i64) -> Result<(), StoreError> {
    query(
        "issues.count",
        "UPDATE repositories SET open_issues = open_issues + $1, closed_issues = closed_issues + $2 WHERE id = $3",
    )
    .bind(open)
    .bind(closed)
    .bind(repository.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// How many issues of a repository are open, and how many closed.
pub async fn counts(conn: &mut Conn, repository: RepoId) -> Result<(i64, i64), StoreError> {
    query(
        "issues.counts",
        "SELECT open_issues, closed_issues FROM repositories WHERE id = $1",
    )
    .bind(repository.0)
    .one(conn)
    .await
}

/// An issue that is about to be opened.
#[derive(Clone, Copy, Debug)]
pub struct NewIssueRow<'a> {
    /// Its other id.
    pub uuid: &'a str,
    /// The repository.
    pub repository: RepoId,
    /// Its number, from [`take_number`].
    pub number: i64,
    /// What it is called.
    pub title: &'a str,
    /// What it says.
    pub body: &'a str,
    /// Who opens it.
    pub author: AccountId,
}

/// Opens an issue; its repository's counts are the caller's.
pub async fn insert(tx: &mut Tx<'_>, new: NewIssueRow<'_>, now_ms: i64) -> Result<IssueId, StoreError> {
    let (id,) = query(
        "issues.insert",
        "INSERT INTO issues (uuid, repository_id, number, title, body, state, author_id, locked, comment_count, \
         created_at_ms, updated_at_ms) VALUES ($1, $2, $3, $4, $5, 'open', $6, 0, 0, $7, $8) RETURNING id",
    )
    .bind(new.uuid)
    .bind(new.repository.0)
    .bind(new.number)
    .bind(new.title)
    .bind(new.body)
    .bind(new.author.0)
    .bind(now_ms)
    .bind(now_ms)
    .one(tx)
    .await?;
    Ok(IssueId(id))
}

/// The issue of this number in a repository.
pub async fn find(conn: &mut Conn, repository: RepoId, number: i64) -> Result<Option<IssueRow>, StoreError> {
    query_built(
        "issues.find",
        format!("SELECT {COLUMNS} FROM issues i {JOINED} WHERE i.repository_id = $1 AND i.number = $2"),
    )
    .bind(repository.0)
    .bind(number)
    .optional(conn)
    .await
}

/// The issues of these ids in a repository, in no order.
pub async fn some(conn: &mut Conn, repository: RepoId, ids: &[IssueId]) -> Result<Vec<IssueRow>, StoreError> {
    query_built(
        "issues.some",
        format!(
            "SELECT {COLUMNS} FROM issues i {JOINED} WHERE i.repository_id = $1 AND i.id IN ({})",
            numbers(ids)
        ),
    )
    .bind(repository.0)
    .all(conn)
    .await
}

/// Locks an issue's row until the transaction ends. On SQLite the transaction itself is the lock.
pub async fn lock(tx: &mut Tx<'_>, id: IssueId) -> Result<bool, StoreError> {
    let sql = tx.engine().pick(
        "SELECT id FROM issues WHERE id = $1",
        "SELECT id FROM issues WHERE id = $1 FOR UPDATE",
    );
    let row = query("issues.lock", sql)
        .bind(id.0)
        .optional::<(i64,)>(tx)
        .await?;
    Ok(row.is_some())
}

/// What of an issue's own row is written; what is none stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChangeRow<'a> {
    /// The title.
    pub title: Option<&'a str>,
    /// The body.
    pub body: Option<&'a str>,
    /// Whether only those who triage may say more.
    pub locked: Option<bool>,
    /// The milestone, or none.
    pub milestone: Option<Option<MilestoneId>>,
    /// When it is due, or never.
    pub due_at_ms: Option<Option<i64>>,
}

/// Changes an issue's own row, and says that it changed now.
pub async fn update(
    tx: &mut Tx<'_>,
    id: IssueId,
    change: ChangeRow<'_>,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "issues.update",
        "UPDATE issues SET title = COALESCE($1, title), body = COALESCE($2, body), locked = COALESCE($3, locked), \
         milestone_id = CASE WHEN $4 = 1 THEN CAST($5 AS BIGINT) ELSE milestone_id END, \
         due_at_ms = CASE WHEN $6 = 1 THEN CAST($7 AS BIGINT) ELSE due_at_ms END, updated_at_ms = $8 WHERE id = $9",
    )
    .bind(change.title.map(str::to_owned))
    .bind(change.body.map(str::to_owned))
    .bind(change.locked.map(i64::from))
    .bind(i64::from(change.milestone.is_some()))
    .bind(change.milestone.flatten().map(|milestone| milestone.0))
    .bind(i64::from(change.due_at_ms.is_some()))
    .bind(change.due_at_ms.flatten())
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Closes an issue that is open, for a reason, or opens one that is closed; whether it was not so
/// already. Its repository's counts are the caller's.
pub async fn set_closed(
    tx: &mut Tx<'_>,
    id: IssueId,
    reason: Option<&str>,
    by: Option<AccountId>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let (from, to) = match reason {
        Some(_) => ("open", "closed"),
        None => ("closed", "open"),
    };
    let changed = query(
        "issues.set_closed",
        "UPDATE issues SET state = $1, reason = $2, closed_at_ms = $3, closed_by_id = $4, updated_at_ms = $5 \
         WHERE id = $6 AND state = $7",
    )
    .bind(to)
    .bind(reason.map(str::to_owned))
    .bind(reason.map(|_| now_ms))
    .bind(by.filter(|_| reason.is_some()).map(|by| by.0))
    .bind(now_ms)
    .bind(id.0)
    .bind(from)
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Gives the reason of a closed issue anew.
pub async fn set_reason(tx: &mut Tx<'_>, id: IssueId, reason: &str) -> Result<(), StoreError> {
    query("issues.set_reason", "UPDATE issues SET reason = $1 WHERE id = $2")
        .bind(reason)
        .bind(id.0)
        .execute(tx)
        .await?;
    Ok(())
}

/// Says that something about an issue changed now.
pub async fn touch(tx: &mut Tx<'_>, id: IssueId, now_ms: i64) -> Result<(), StoreError> {
    query(
        "issues.touch",
        "UPDATE issues SET updated_at_ms = $1 WHERE id = $2",
    )
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes an issue and all that hangs on it. Its number is not given out again; its repository's
/// counts are the caller's.
pub async fn delete(tx: &mut Tx<'_>, id: IssueId) -> Result<(), StoreError> {
    query("issues.delete", "DELETE FROM issues WHERE id = $1")
        .bind(id.0)
        .execute(tx)
        .await?;
    Ok(())
}

/// What ends with a repository that is removed for good, in the order in which it may.
pub(crate) const PURGED: [(&str, &str); 6] = [
    (
        "issues.purge_notifications",
        "DELETE FROM notifications WHERE repository_id = $1",
    ),
    (
        "issues.purge_events",
        "DELETE FROM issue_events WHERE repository_id = $1",
    ),
    (
        "issues.purge_pins",
        "DELETE FROM issue_pins WHERE repository_id = $1",
    ),
    ("issues.purge", "DELETE FROM issues WHERE repository_id = $1"),
    (
        "issues.purge_labels",
        "DELETE FROM labels WHERE repository_id = $1",
    ),
    (
        "issues.purge_milestones",
        "DELETE FROM milestones WHERE repository_id = $1",
    ),
];

/// Numbers as a list of SQL; none where there is none.
fn numbers(ids: &[IssueId]) -> String {
    let ids: Vec<String> = ids.iter().map(IssueId::to_string).collect();
    match ids.is_empty() {
        true => "NULL".to_owned(),
        false => ids.join(", "),
    }
}

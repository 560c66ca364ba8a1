//! Milestones of a repository: `milestones`.

use crate::{Conn, StoreError, Tx, query, query_built};
use plue_contract::{MilestoneId, RepoId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

/// One milestone, and how many issues belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MilestoneRow {
    /// Its id.
    pub id: i64,
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// `open` or `closed`.
    pub state: String,
    /// When it is due, in milliseconds since 1970.
    pub due_at_ms: Option<i64>,
    /// How many of its issues are open.
    pub open_issues: i64,
    /// How many are closed.
    pub closed_issues: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was changed last.
    pub updated_at_ms: i64,
    /// When it was closed, if it is.
    pub closed_at_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for MilestoneRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            title: row.try_get("title")?,
            description: row.try_get("description")?,
            state: row.try_get("state")?,
            due_at_ms: row.try_get("due_at_ms")?,
            open_issues: row.try_get("open_issues")?,
            closed_issues: row.try_get("closed_issues")?,
            created_at_ms: row.try_get("created_at_ms")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
            closed_at_ms: row.try_get("closed_at_ms")?,
        })
    }
}

const SELECTED: &str = "SELECT m.id, m.title, m.description, m.state, m.due_at_ms, \
     (SELECT COUNT(*) FROM issues i WHERE i.milestone_id = m.id AND i.state = 'open') AS open_issues, \
     (SELECT COUNT(*) FROM issues i WHERE i.milestone_id = m.id AND i.state = 'closed') AS closed_issues, \
     m.created_at_ms, m.updated_at_ms, m.closed_at_ms FROM milestones m WHERE m.repository_id = $1";

/// The milestones of a repository: open before closed, what is due first before what is due later
/// or never.
pub async fn list(
    conn: &mut Conn,
    repository: RepoId,
    state: Option<&str>,
) -> Result<Vec<MilestoneRow>, StoreError> {
    query_built(
        "milestones.list",
        format!(
            "{SELECTED} AND (CAST($2 AS TEXT) IS NULL OR m.state = $3) ORDER BY m.state DESC, \
             CASE WHEN m.due_at_ms IS NULL THEN 1 ELSE 0 END, m.due_at_ms, m.title_key"
        ),
    )
    .bind(repository.0)
    .bind(state.map(str::to_owned))
    .bind(state.map(str::to_owned))
    .all(conn)
    .await
}

/// The milestone of this id in a repository.
pub async fn find(
    conn: &mut Conn,
    repository: RepoId,
    id: MilestoneId,
) -> Result<Option<MilestoneRow>, StoreError> {
    query_built("milestones.find", format!("{SELECTED} AND m.id = $2"))
        .bind(repository.0)
        .bind(id.0)
        .optional(conn)
        .await
}

/// What a milestone is to be.
#[derive(Clone, Copy, Debug)]
pub struct MilestoneTexts<'a> {
    /// What it is called.
    pub title: &'a str,
    /// The same in lower case.
    pub title_key: &'a str,
    /// What it is about.
    pub description: &'a str,
    /// When it is due.
    pub due_at_ms: Option<i64>,
    /// `open` or `closed`.
    pub state: &'a str,
    /// When it was closed, if it is.
    pub closed_at_ms: Option<i64>,
}

/// Makes a milestone; `Unique { milestones__repository_id__title_key }` where there is one of that
/// title.
pub async fn insert(
    tx: &mut Tx<'_>,
    repository: RepoId,
    uuid: &str,
    texts: MilestoneTexts<'_>,
    now_ms: i64,
) -> Result<MilestoneId, StoreError> {
    let (id,) = query(
        "milestones.insert",
        "INSERT INTO milestones (uuid, repository_id, title, title_key, description, state, due_at_ms, \
         created_at_ms, updated_at_ms, closed_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
    )
    .bind(uuid)
    .bind(repository.0)
    .bind(texts.title)
    .bind(texts.title_key)
    .bind(texts.description)
    .bind(texts.state)
    .bind(texts.due_at_ms)
    .bind(now_ms)
    .bind(now_ms)
    .bind(texts.closed_at_ms)
    .one(tx)
    .await?;
    Ok(MilestoneId(id))
}

/// Writes what a milestone is; `Unique { milestones__repository_id__title_key }` where another has
/// its title.
pub async fn update(
    tx: &mut Tx<'_>,
    id: MilestoneId,
    texts: MilestoneTexts<'_>,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "milestones.update",
        "UPDATE milestones SET title = $1, title_key = $2, description = $3, state = $4, due_at_ms = $5, \
         closed_at_ms = $6, updated_at_ms = $7 WHERE id = $8",
    )
    .bind(texts.title)
    .bind(texts.title_key)
    .bind(texts.description)
    .bind(texts.state)
    .bind(texts.due_at_ms)
    .bind(texts.closed_at_ms)
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes a milestone; its issues belong to none then.
pub async fn delete(tx: &mut Tx<'_>, id: MilestoneId) -> Result<(), StoreError> {
    query("milestones.delete", "DELETE FROM milestones WHERE id = $1")
        .bind(id.0)
        .execute(tx)
        .await?;
    Ok(())
}

//! What is said about an issue: `issue_comments`.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::{AccountId, CommentId, IssueId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

/// One comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentRow {
    /// Its id.
    pub id: i64,
    /// Its other id.
    pub uuid: String,
    /// Who said it.
    pub author_id: i64,
    /// The name of that account.
    pub author: String,
    /// What it says, in Markdown.
    pub body: String,
    /// Whether it was changed since.
    pub edited: bool,
    /// When it was said, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was changed last.
    pub updated_at_ms: i64,
}

impl FromRow<'_, AnyRow> for CommentRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            uuid: row.try_get("uuid")?,
            author_id: row.try_get("author_id")?,
            author: row.try_get("author")?,
            body: row.try_get("body")?,
            edited: row.try_get::<i64, _>("edited")? != 0,
            created_at_ms: row.try_get("created_at_ms")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
        })
    }
}

/// Adds a comment, and counts it.
pub async fn insert(
    tx: &mut Tx<'_>,
    issue: IssueId,
    author: AccountId,
    (uuid, body): (&str, &str),
    now_ms: i64,
) -> Result<CommentId, StoreError> {
    let (id,) = query(
        "issue_comments.insert",
        "INSERT INTO issue_comments (uuid, issue_id, author_id, body, edited, created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, 0, $5, $6) RETURNING id",
    )
    .bind(uuid)
    .bind(issue.0)
    .bind(author.0)
    .bind(body)
    .bind(now_ms)
    .bind(now_ms)
    .one(tx)
    .await?;
    count(tx, issue, 1, now_ms).await?;
    Ok(CommentId(id))
}

async fn count(tx: &mut Tx<'_>, issue: IssueId, added: i64, now_ms: i64) -> Result<(), StoreError> {
    query(
        "issue_comments.count",
        "UPDATE issues SET comment_count = comment_count + $1, updated_at_ms = $2 WHERE id = $3",
    )
    .bind(added)
    .bind(now_ms)
    .bind(issue.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// The comment of this id on an issue.
pub async fn find(conn: &mut Conn, issue: IssueId, id: CommentId) -> Result<Option<CommentRow>, StoreError> {
    query(
        "issue_comments.find",
        "SELECT c.id, c.uuid, c.author_id, a.name AS author, c.body, c.edited, c.created_at_ms, c.updated_at_ms \
         FROM issue_comments c JOIN accounts a ON a.id = c.author_id WHERE c.issue_id = $1 AND c.id = $2",
    )
    .bind(issue.0)
    .bind(id.0)
    .optional(conn)
    .await
}

/// At most `limit` comments on an issue after the one of this id, the oldest first.
pub async fn list(
    conn: &mut Conn,
    issue: IssueId,
    after: i64,
    limit: i64,
) -> Result<Vec<CommentRow>, StoreError> {
    query(
        "issue_comments.list",
        "SELECT c.id, c.uuid, c.author_id, a.name AS author, c.body, c.edited, c.created_at_ms, c.updated_at_ms \
         FROM issue_comments c JOIN accounts a ON a.id = c.author_id WHERE c.issue_id = $1 AND c.id > $2 \
         ORDER BY c.id LIMIT $3",
    )
    .bind(issue.0)
    .bind(after)
    .bind(limit)
    .all(conn)
    .await
}

/// Says something else in a comment.
pub async fn update(tx: &mut Tx<'_>, id: CommentId, body: &str, now_ms: i64) -> Result<(), StoreError> {
    query(
        "issue_comments.update",
        "UPDATE issue_comments SET body = $1, edited = 1, updated_at_ms = $2 WHERE id = $3",
    )
    .bind(body)
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes a comment back; whether it was there.
pub async fn delete(tx: &mut Tx<'_>, issue: IssueId, id: CommentId, now_ms: i64) -> Result<bool, StoreError> {
    let gone = query(
        "issue_comments.delete",
        "DELETE FROM issue_comments WHERE issue_id = $1 AND id = $2",
    )
    .bind(issue.0)
    .bind(id.0)
    .execute(tx)
    .await?;
    if gone == 1 {
        count(tx, issue, -1, now_ms).await?;
    }
    Ok(gone == 1)
}

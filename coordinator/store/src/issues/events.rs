//! What was done to issues: `issue_events`.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::{AccountId, IssueId, RepoId};

/// One event: id, number of the issue, actor's id and name, kind, detail as JSON, when.
pub type EventRow = (i64, i64, Option<i64>, Option<String>, String, String, i64);

/// What is about to be written down.
#[derive(Clone, Copy, Debug)]
pub struct NewEventRow<'a> {
    /// The repository.
    pub repository: RepoId,
    /// The issue.
    pub issue: IssueId,
    /// Who did it; none where the forge did.
    pub actor: Option<AccountId>,
    /// What was done.
    pub kind: &'a str,
    /// More, as a JSON object.
    pub detail: &'a str,
}

/// Writes an event, in the transaction of what it tells of; its id.
pub async fn insert(tx: &mut Tx<'_>, new: NewEventRow<'_>, now_ms: i64) -> Result<i64, StoreError> {
    let (id,) = query(
        "issue_events.insert",
        "INSERT INTO issue_events (repository_id, issue_id, actor_id, kind, detail, created_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
    )
    .bind(new.repository.0)
    .bind(new.issue.0)
    .bind(new.actor.map(|actor| actor.0))
    .bind(new.kind)
    .bind(new.detail)
    .bind(now_ms)
    .one(tx)
    .await?;
    Ok(id)
}

/// At most `limit` events of an issue after the one of this id, the oldest first.
pub async fn list(
    conn: &mut Conn,
    issue: IssueId,
    after: i64,
    limit: i64,
) -> Result<Vec<EventRow>, StoreError> {
    query(
        "issue_events.list",
        "SELECT e.id, i.number, e.actor_id, a.name, e.kind, e.detail, e.created_at_ms FROM issue_events e \
         JOIN issues i ON i.id = e.issue_id LEFT JOIN accounts a ON a.id = e.actor_id \
         WHERE e.issue_id = $1 AND e.id > $2 ORDER BY e.id LIMIT $3",
    )
    .bind(issue.0)
    .bind(after)
    .bind(limit)
    .all(conn)
    .await
}

/// At most `limit` events of a repository's issues before the one of this id, the latest first.
pub async fn of_repository(
    conn: &mut Conn,
    repository: RepoId,
    before: i64,
    limit: i64,
) -> Result<Vec<EventRow>, StoreError> {
    query(
        "issue_events.of_repository",
        "SELECT e.id, i.number, e.actor_id, a.name, e.kind, e.detail, e.created_at_ms FROM issue_events e \
         JOIN issues i ON i.id = e.issue_id LEFT JOIN accounts a ON a.id = e.actor_id \
         WHERE e.repository_id = $1 AND e.id < $2 ORDER BY e.id DESC LIMIT $3",
    )
    .bind(repository.0)
    .bind(before)
    .bind(limit)
    .all(conn)
    .await
}

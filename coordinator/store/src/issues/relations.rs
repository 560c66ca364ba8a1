//! How issues of a repository stand to each other: `issue_relations`.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::{AccountId, IssueId};

/// One relation, seen from an issue: whether that is the first of the two, the kind, and the other
/// one's number, title, state and uuid.
pub type RelationRow = (i64, String, i64, String, String, String);

/// Every relation of an issue.
pub async fn of(conn: &mut Conn, issue: IssueId) -> Result<Vec<RelationRow>, StoreError> {
    query(
        "issue_relations.of",
        "SELECT CAST(1 AS BIGINT) AS first, r.kind, i.number, i.title, i.state, i.uuid FROM issue_relations r \
         JOIN issues i ON i.id = r.other_id WHERE r.issue_id = $1 \
         UNION ALL SELECT CAST(0 AS BIGINT), r.kind, i.number, i.title, i.state, i.uuid FROM issue_relations r \
         JOIN issues i ON i.id = r.issue_id WHERE r.other_id = $2 ORDER BY 2, 1 DESC, 3",
    )
    .bind(issue.0)
    .bind(issue.0)
    .all(conn)
    .await
}

/// Whether what `from` stands to in this way, and what that does, and so on, leads to `to`.
pub async fn leads_to(conn: &mut Conn, from: IssueId, kind: &str, to: IssueId) -> Result<bool, StoreError> {
    let found = query(
        "issue_relations.leads_to",
        "WITH RECURSIVE reached (id) AS (SELECT CAST($1 AS BIGINT) \
         UNION SELECT r.other_id FROM issue_relations r JOIN reached b ON r.issue_id = b.id WHERE r.kind = $2) \
         SELECT id FROM reached WHERE id = $3",
    )
    .bind(from.0)
    .bind(kind)
    .bind(to.0)
    .optional::<(i64,)>(conn)
    .await?;
    Ok(found.is_some())
}

/// Relates two issues; whether they were not so already.
pub async fn put(
    tx: &mut Tx<'_>,
    (issue, other): (IssueId, IssueId),
    kind: &str,
    by: Option<AccountId>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let added = query(
        "issue_relations.put",
        "INSERT INTO issue_relations (issue_id, other_id, kind, created_by_id, created_at_ms) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (issue_id, other_id, kind) DO NOTHING",
    )
    .bind(issue.0)
    .bind(other.0)
    .bind(kind)
    .bind(by.map(|by| by.0))
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(added == 1)
}

/// Ends a relation; whether there was one.
pub async fn remove(
    tx: &mut Tx<'_>,
    (issue, other): (IssueId, IssueId),
    kind: &str,
) -> Result<bool, StoreError> {
    let gone = query(
        "issue_relations.remove",
        "DELETE FROM issue_relations WHERE issue_id = $1 AND other_id = $2 AND kind = $3",
    )
    .bind(issue.0)
    .bind(other.0)
    .bind(kind)
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

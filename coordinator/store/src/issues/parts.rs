//! Issues that are parts of others: `parent_id` and `place` of `issues`.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::IssueId;

/// An issue: id, number, title and state.
pub type PartRow = (i64, i64, String, String);

/// The issue of which an issue is a part.
pub async fn whole_of(conn: &mut Conn, issue: IssueId) -> Result<Option<PartRow>, StoreError> {
    query(
        "issue_parts.whole_of",
        "SELECT p.id, p.number, p.title, p.state FROM issues i JOIN issues p ON p.id = i.parent_id WHERE i.id = $1",
    )
    .bind(issue.0)
    .optional(conn)
    .await
}

/// The parts of an issue, in their order.
pub async fn of(conn: &mut Conn, issue: IssueId) -> Result<Vec<PartRow>, StoreError> {
    query(
        "issue_parts.of",
        "SELECT id, number, title, state FROM issues WHERE parent_id = $1 ORDER BY place, id",
    )
    .bind(issue.0)
    .all(conn)
    .await
}

/// Whether an issue is a part of another one, or of a part of it, and so on; or is that one.
pub async fn is_within(conn: &mut Conn, issue: IssueId, whole: IssueId) -> Result<bool, StoreError> {
    let found = query(
        "issue_parts.is_within",
        "WITH RECURSIVE above (id) AS (SELECT CAST($1 AS BIGINT) \
         UNION SELECT i.parent_id FROM issues i JOIN above a ON i.id = a.id WHERE i.parent_id IS NOT NULL) \
         SELECT id FROM above WHERE id = $2",
    )
    .bind(issue.0)
    .bind(whole.0)
    .optional::<(i64,)>(conn)
    .await?;
    Ok(found.is_some())
}

/// Makes an issue a part of another one, as the last of its parts, or of none.
pub async fn put(tx: &mut Tx<'_>, issue: IssueId, whole: Option<IssueId>) -> Result<(), StoreError> {
    query(
        "issue_parts.put",
        "UPDATE issues SET parent_id = $1, \
         place = (SELECT COALESCE(MAX(s.place), 0) + 1 FROM issues s WHERE s.parent_id = $2) WHERE id = $3",
    )
    .bind(whole.map(|whole| whole.0))
    .bind(whole.map(|whole| whole.0))
    .bind(issue.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives a part another place among the parts of its issue.
pub async fn place(tx: &mut Tx<'_>, issue: IssueId, place: i64) -> Result<(), StoreError> {
    query("issue_parts.place", "UPDATE issues SET place = $1 WHERE id = $2")
        .bind(place)
        .bind(issue.0)
        .execute(tx)
        .await?;
    Ok(())
}

//! Whom issues are assigned to, and which of them stand above the list: `issue_assignees`,
//! `issue_pins`.

use super::numbers;
use crate::{Conn, StoreError, Tx, query, query_built};
use plue_contract::{AccountId, IssueId, RepoId};

/// Whom these issues are assigned to: the issue, then the account's id and name.
pub async fn assignees(conn: &mut Conn, issues: &[IssueId]) -> Result<Vec<(i64, i64, String)>, StoreError> {
    query_built(
        "issue_assignees.of",
        format!(
            "SELECT s.issue_id, a.id, a.name FROM issue_assignees s JOIN accounts a ON a.id = s.account_id \
             WHERE s.issue_id IN ({}) ORDER BY s.issue_id, s.created_at_ms, a.name_key",
            numbers(issues)
        ),
    )
    .all(conn)
    .await
}

/// Assigns an issue to an account; whether it was not.
pub async fn assign(
    tx: &mut Tx<'_>,
    issue: IssueId,
    account: AccountId,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let added = query(
        "issue_assignees.put",
        "INSERT INTO issue_assignees (issue_id, account_id, created_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (issue_id, account_id) DO NOTHING",
    )
    .bind(issue.0)
    .bind(account.0)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(added == 1)
}

/// Takes an issue off an account; whether it was assigned to it.
pub async fn unassign(tx: &mut Tx<'_>, issue: IssueId, account: AccountId) -> Result<bool, StoreError> {
    let gone = query(
        "issue_assignees.remove",
        "DELETE FROM issue_assignees WHERE issue_id = $1 AND account_id = $2",
    )
    .bind(issue.0)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

/// The issues that stand above a repository's list, as they were pinned.
pub async fn pinned(conn: &mut Conn, repository: RepoId) -> Result<Vec<IssueId>, StoreError> {
    let rows = query(
        "issue_pins.list",
        "SELECT issue_id FROM issue_pins WHERE repository_id = $1 ORDER BY created_at_ms, issue_id",
    )
    .bind(repository.0)
    .all::<(i64,)>(conn)
    .await?;
    Ok(rows.into_iter().map(|(id,)| IssueId(id)).collect())
}

/// Sets an issue above the list.
pub async fn pin(tx: &mut Tx<'_>, repository: RepoId, issue: IssueId, now_ms: i64) -> Result<(), StoreError> {
    query(
        "issue_pins.put",
        "INSERT INTO issue_pins (issue_id, repository_id, created_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (issue_id) DO NOTHING",
    )
    .bind(issue.0)
    .bind(repository.0)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Sets it back among the others.
pub async fn unpin(tx: &mut Tx<'_>, issue: IssueId) -> Result<(), StoreError> {
    query("issue_pins.remove", "DELETE FROM issue_pins WHERE issue_id = $1")
        .bind(issue.0)
        .execute(tx)
        .await?;
    Ok(())
}

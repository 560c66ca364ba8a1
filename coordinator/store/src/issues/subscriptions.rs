//! What people said of single issues, and where they were named: `issue_subscriptions`.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::{AccountId, IssueId};

/// Says that an event named an account in an issue, unless something was said of it before.
pub async fn name(
    tx: &mut Tx<'_>,
    issue: IssueId,
    account: AccountId,
    event: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "issue_subscriptions.name",
        "INSERT INTO issue_subscriptions (issue_id, account_id, state, event_id, created_at_ms) \
         VALUES ($1, $2, 'named', $3, $4) ON CONFLICT (issue_id, account_id) DO NOTHING",
    )
    .bind(issue.0)
    .bind(account.0)
    .bind(event)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Those whom this event was the first to name in an issue.
pub async fn named_by(conn: &mut Conn, issue: IssueId, event: i64) -> Result<Vec<AccountId>, StoreError> {
    let found = query(
        "issue_subscriptions.named_by",
        "SELECT account_id FROM issue_subscriptions WHERE issue_id = $1 AND event_id = $2 AND state = 'named'",
    )
    .bind(issue.0)
    .bind(event)
    .all::<(i64,)>(conn)
    .await?;
    Ok(found.into_iter().map(|(id,)| AccountId(id)).collect())
}

/// Says what an account wants to hear of an issue, in place of what was said before.
pub async fn put(
    tx: &mut Tx<'_>,
    issue: IssueId,
    account: AccountId,
    state: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "issue_subscriptions.put",
        "INSERT INTO issue_subscriptions (issue_id, account_id, state, created_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (issue_id, account_id) DO UPDATE SET state = EXCLUDED.state",
    )
    .bind(issue.0)
    .bind(account.0)
    .bind(state)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes back what was said; where nothing was, nothing changes.
pub async fn remove(tx: &mut Tx<'_>, issue: IssueId, account: AccountId) -> Result<(), StoreError> {
    query(
        "issue_subscriptions.remove",
        "DELETE FROM issue_subscriptions WHERE issue_id = $1 AND account_id = $2",
    )
    .bind(issue.0)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// What was said of an issue by an account, or of it.
pub async fn of(conn: &mut Conn, issue: IssueId, account: AccountId) -> Result<Option<String>, StoreError> {
    let found = query(
        "issue_subscriptions.of",
        "SELECT state FROM issue_subscriptions WHERE issue_id = $1 AND account_id = $2",
    )
    .bind(issue.0)
    .bind(account.0)
    .optional::<(String,)>(conn)
    .await?;
    Ok(found.map(|(state,)| state))
}

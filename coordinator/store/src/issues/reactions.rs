//! What people feel about an issue or a comment on it: `issue_reactions`.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::{AccountId, CommentId, IssueId};

/// One reaction: its id, the comment that it is to, the account's id and name, the emoji, when.
pub type ReactionRow = (i64, Option<i64>, i64, String, String, i64);

/// Every reaction to an issue and to its comments, as they came.
pub async fn of(conn: &mut Conn, issue: IssueId) -> Result<Vec<ReactionRow>, StoreError> {
    query(
        "issue_reactions.of",
        "SELECT r.id, r.comment_id, r.account_id, a.name, r.emoji, r.created_at_ms FROM issue_reactions r \
         JOIN accounts a ON a.id = r.account_id WHERE r.issue_id = $1 ORDER BY r.id",
    )
    .bind(issue.0)
    .all(conn)
    .await
}

/// Adds a reaction where the account has not reacted so yet.
pub async fn put(
    tx: &mut Tx<'_>,
    issue: IssueId,
    comment: Option<CommentId>,
    account: AccountId,
    emoji: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "issue_reactions.put",
        "INSERT INTO issue_reactions (issue_id, comment_id, account_id, emoji, created_at_ms) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(issue.0)
    .bind(comment.map(|comment| comment.0))
    .bind(account.0)
    .bind(emoji)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes a reaction back.
pub async fn remove(
    tx: &mut Tx<'_>,
    issue: IssueId,
    comment: Option<CommentId>,
    account: AccountId,
    emoji: &str,
) -> Result<(), StoreError> {
    query(
        "issue_reactions.remove",
        "DELETE FROM issue_reactions WHERE issue_id = $1 AND COALESCE(comment_id, 0) = $2 AND account_id = $3 \
         AND emoji = $4",
    )
    .bind(issue.0)
    .bind(comment.map_or(0, |comment| comment.0))
    .bind(account.0)
    .bind(emoji)
    .execute(tx)
    .await?;
    Ok(())
}

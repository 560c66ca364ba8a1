//! Who likes a repository: `stars`.

use crate::{Conn, StoreError, Tx, query, query_built, repositories};
use plue_contract::{AccountId, RepoId};

/// Somebody: id, name, and since when, in milliseconds since 1970.
pub type StarRow = (i64, String, i64);

/// Gives a star; whether it was not given yet.
pub async fn put(
    tx: &mut Tx<'_>,
    repository: RepoId,
    account: AccountId,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let added = query(
        "stars.put",
        "INSERT INTO stars (repository_id, account_id, created_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (repository_id, account_id) DO NOTHING",
    )
    .bind(repository.0)
    .bind(account.0)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(added == 1)
}

/// Takes a star back; whether there was one.
pub async fn remove(tx: &mut Tx<'_>, repository: RepoId, account: AccountId) -> Result<bool, StoreError> {
    let gone = query(
        "stars.remove",
        "DELETE FROM stars WHERE repository_id = $1 AND account_id = $2",
    )
    .bind(repository.0)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

/// Whether the account gave the repository a star.
pub async fn has(conn: &mut Conn, repository: RepoId, account: AccountId) -> Result<bool, StoreError> {
    let found = query(
        "stars.has",
        "SELECT account_id FROM stars WHERE repository_id = $1 AND account_id = $2",
    )
    .bind(repository.0)
    .bind(account.0)
    .optional::<(i64,)>(conn)
    .await?;
    Ok(found.is_some())
}

/// How many stars the repository has.
pub async fn count(conn: &mut Conn, repository: RepoId) -> Result<i64, StoreError> {
    let (count,) = query(
        "stars.count",
        "SELECT COUNT(*) FROM stars WHERE repository_id = $1",
    )
    .bind(repository.0)
    .one(conn)
    .await?;
    Ok(count)
}

/// Who gave the repository a star, the first first.
pub async fn list(
    conn: &mut Conn,
    repository: RepoId,
    limit: i64,
    offset: i64,
) -> Result<Vec<StarRow>, StoreError> {
    query(
        "stars.list",
        "SELECT a.id, a.name, s.created_at_ms FROM stars s JOIN accounts a ON a.id = s.account_id \
         WHERE s.repository_id = $1 ORDER BY s.created_at_ms, a.id LIMIT $2 OFFSET $3",
    )
    .bind(repository.0)
    .bind(limit)
    .bind(offset)
    .all(conn)
    .await
}

/// When the account gave stars to those of these repositories that have one: the repository and the
/// moment.
pub async fn given(
    conn: &mut Conn,
    account: AccountId,
    to: &[RepoId],
) -> Result<Vec<(i64, i64)>, StoreError> {
    query_built(
        "stars.given",
        format!(
            "SELECT repository_id, created_at_ms FROM stars WHERE account_id = $1 AND repository_id IN ({})",
            repositories::numbers(to)
        ),
    )
    .bind(account.0)
    .all(conn)
    .await
}

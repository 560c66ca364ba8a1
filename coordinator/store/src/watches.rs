//! Who wants to hear of a repository, and how much: `watches`.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::{AccountId, RepoId};

/// Somebody: id, name, level, and since when, in milliseconds since 1970.
pub type WatchRow = (i64, String, String, i64);

/// Says how much an account wants to hear of a repository, in place of what it said before.
pub async fn put(
    tx: &mut Tx<'_>,
    repository: RepoId,
    account: AccountId,
    level: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "watches.put",
        "INSERT INTO watches (repository_id, account_id, level, created_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (repository_id, account_id) DO UPDATE SET level = EXCLUDED.level",
    )
    .bind(repository.0)
    .bind(account.0)
    .bind(level)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes back what an account said; where it said nothing, nothing changes.
pub async fn remove(tx: &mut Tx<'_>, repository: RepoId, account: AccountId) -> Result<(), StoreError> {
    query(
        "watches.remove",
        "DELETE FROM watches WHERE repository_id = $1 AND account_id = $2",
    )
    .bind(repository.0)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// What an account said.
pub async fn of(
    conn: &mut Conn,
    repository: RepoId,
    account: AccountId,
) -> Result<Option<String>, StoreError> {
    let found = query(
        "watches.of",
        "SELECT level FROM watches WHERE repository_id = $1 AND account_id = $2",
    )
    .bind(repository.0)
    .bind(account.0)
    .optional::<(String,)>(conn)
    .await?;
    Ok(found.map(|(level,)| level))
}

/// How many accounts want to hear of the repository.
pub async fn count(conn: &mut Conn, repository: RepoId) -> Result<i64, StoreError> {
    let (count,) = query(
        "watches.count",
        "SELECT COUNT(*) FROM watches WHERE repository_id = $1 AND level <> 'ignore'",
    )
    .bind(repository.0)
    .one(conn)
    .await?;
    Ok(count)
}

/// Who wants to hear of the repository, the first first.
pub async fn list(
    conn: &mut Conn,
    repository: RepoId,
    limit: i64,
    offset: i64,
) -> Result<Vec<WatchRow>, StoreError> {
    query(
        "watches.list",
        "SELECT a.id, a.name, w.level, w.created_at_ms FROM watches w JOIN accounts a ON a.id = w.account_id \
         WHERE w.repository_id = $1 AND w.level <> 'ignore' ORDER BY w.created_at_ms, a.id LIMIT $2 OFFSET $3",
    )
    .bind(repository.0)
    .bind(limit)
    .bind(offset)
    .all(conn)
    .await
}

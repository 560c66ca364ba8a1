//! What former names of repositories leave behind: who asks for one is led to where it is now.

use crate::{StoreError, Tx, query};
use plue_contract::{AccountId, RepoId};

/// Lets a former name lead to the repository.
pub async fn put(
    tx: &mut Tx<'_>,
    owner: AccountId,
    name_key: &str,
    to: RepoId,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "redirects.put",
        "INSERT INTO redirects (owner_id, name_key, repository_id, created_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (owner_id, name_key) DO UPDATE SET repository_id = excluded.repository_id, \
         created_at_ms = excluded.created_at_ms",
    )
    .bind(owner.0)
    .bind(name_key)
    .bind(to.0)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends the redirect under a name, if there is one.
pub async fn drop(tx: &mut Tx<'_>, owner: AccountId, name_key: &str) -> Result<(), StoreError> {
    query(
        "redirects.drop",
        "DELETE FROM redirects WHERE owner_id = $1 AND name_key = $2",
    )
    .bind(owner.0)
    .bind(name_key)
    .execute(tx)
    .await?;
    Ok(())
}

//! Who else works in a repository, and the keys that open one.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::{AccountId, DeployKeyId, RepoId};

/// One account's role in a repository: account, its name, role, since when.
pub type CollaboratorRow = (i64, String, String, i64);

/// Everybody who was let into a repository, by name.
pub async fn list(conn: &mut Conn, repository: RepoId) -> Result<Vec<CollaboratorRow>, StoreError> {
    query(
        "collaborators.list",
        "SELECT c.account_id, a.name, c.role, c.created_at_ms FROM collaborators c \
         JOIN accounts a ON a.id = c.account_id WHERE c.repository_id = $1 ORDER BY a.name_key",
    )
    .bind(repository.0)
    .all(conn)
    .await
}

/// Gives an account a role, in place of one that it has.
pub async fn put(
    tx: &mut Tx<'_>,
    repository: RepoId,
    account: AccountId,
    role: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "collaborators.put",
        "INSERT INTO collaborators (repository_id, account_id, role, created_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (repository_id, account_id) DO UPDATE SET role = excluded.role",
    )
    .bind(repository.0)
    .bind(account.0)
    .bind(role)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes an account's role away; whether it had one.
pub async fn remove(tx: &mut Tx<'_>, repository: RepoId, account: AccountId) -> Result<bool, StoreError> {
    let removed = query(
        "collaborators.remove",
        "DELETE FROM collaborators WHERE repository_id = $1 AND account_id = $2",
    )
    .bind(repository.0)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(removed == 1)
}

/// One deploy key: id, repository, name, public key, fingerprint, whether it writes, since when,
/// last used.
pub type DeployKeyRow = (i64, i64, String, String, String, i64, i64, Option<i64>);

/// The deploy keys of a repository, the oldest first.
pub async fn deploy_keys(conn: &mut Conn, repository: RepoId) -> Result<Vec<DeployKeyRow>, StoreError> {
    query(
        "deploy_keys.list",
        "SELECT id, repository_id, name, public_key, fingerprint, writes, created_at_ms, last_used_at_ms \
         FROM deploy_keys WHERE repository_id = $1 ORDER BY id",
    )
    .bind(repository.0)
    .all(conn)
    .await
}

/// The deploy key of this number.
pub async fn deploy_key(conn: &mut Conn, id: DeployKeyId) -> Result<Option<DeployKeyRow>, StoreError> {
    query(
        "deploy_keys.by_id",
        "SELECT id, repository_id, name, public_key, fingerprint, writes, created_at_ms, last_used_at_ms \
         FROM deploy_keys WHERE id = $1",
    )
    .bind(id.0)
    .optional(conn)
    .await
}

/// The deploy key with this fingerprint, of a repository that is not deleted.
pub async fn deploy_key_by_fingerprint(
    conn: &mut Conn,
    fingerprint: &str,
) -> Result<Option<DeployKeyRow>, StoreError> {
    query(
        "deploy_keys.by_fingerprint",
        "SELECT k.id, k.repository_id, k.name, k.public_key, k.fingerprint, k.writes, k.created_at_ms, \
         k.last_used_at_ms FROM deploy_keys k JOIN repositories r ON r.id = k.repository_id \
         WHERE k.fingerprint = $1 AND r.deleted_at_ms IS NULL",
    )
    .bind(fingerprint)
    .optional(conn)
    .await
}

/// A deploy key that is about to be added.
#[derive(Clone, Copy, Debug)]
pub struct NewDeployKeyRow<'a> {
    /// The repository that it will open.
    pub repository: RepoId,
    /// What people call it.
    pub name: &'a str,
    /// The key, as OpenSSH writes it.
    pub public_key: &'a str,
    /// `SHA256:…`.
    pub fingerprint: &'a str,
    /// Whether it may push.
    pub writes: bool,
}

/// Adds a deploy key; its fingerprint was claimed before.
pub async fn insert_deploy_key(
    tx: &mut Tx<'_>,
    new: NewDeployKeyRow<'_>,
    now_ms: i64,
) -> Result<DeployKeyId, StoreError> {
    let (id,) = query(
        "deploy_keys.insert",
        "INSERT INTO deploy_keys (repository_id, name, public_key, fingerprint, writes, created_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
    )
    .bind(new.repository.0)
    .bind(new.name)
    .bind(new.public_key)
    .bind(new.fingerprint)
    .bind(i64::from(new.writes))
    .bind(now_ms)
    .one::<(i64,)>(tx)
    .await?;
    Ok(DeployKeyId(id))
}

/// Removes a deploy key of this repository; its fingerprint, if there was one.
pub async fn remove_deploy_key(
    tx: &mut Tx<'_>,
    repository: RepoId,
    id: DeployKeyId,
) -> Result<Option<String>, StoreError> {
    let row = query(
        "deploy_keys.remove",
        "DELETE FROM deploy_keys WHERE id = $1 AND repository_id = $2 RETURNING fingerprint",
    )
    .bind(id.0)
    .bind(repository.0)
    .optional::<(String,)>(tx)
    .await?;
    Ok(row.map(|(fingerprint,)| fingerprint))
}

/// Notes when a deploy key was used, at most once a minute.
pub async fn touch_deploy_key(tx: &mut Tx<'_>, id: DeployKeyId, now_ms: i64) -> Result<(), StoreError> {
    query(
        "deploy_keys.touch",
        "UPDATE deploy_keys SET last_used_at_ms = $1 \
         WHERE id = $2 AND (last_used_at_ms IS NULL OR last_used_at_ms < $3)",
    )
    .bind(now_ms)
    .bind(id.0)
    .bind(now_ms - 60_000)
    .execute(tx)
    .await?;
    Ok(())
}

//! SSH keys of accounts, and the list of fingerprints that all keys share: `ssh_keys`,
//! `ssh_key_fingerprints`. The keys of repositories are elsewhere and claim theirs here.

use crate::{AnyRow, Conn, FromRow, Row, StoreError, Tx, query};
use plue_contract::{AccountId, SshKeyId};

/// A row of `ssh_keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKeyRow {
    /// Its id.
    pub id: SshKeyId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// Its algorithm, as OpenSSH writes it.
    pub kind: String,
    /// The key as OpenSSH writes it, without a comment.
    pub public_key: String,
    /// `SHA256:` and the unpadded base64 of its hash.
    pub fingerprint: String,
    /// When it was added, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last used, to within a few minutes.
    pub last_used_at_ms: Option<i64>,
}

impl<'r> FromRow<'r, AnyRow> for SshKeyRow {
    fn from_row(row: &'r AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: SshKeyId(row.try_get("id")?),
            account_id: AccountId(row.try_get("account_id")?),
            name: row.try_get("name")?,
            kind: row.try_get("kind")?,
            public_key: row.try_get("public_key")?,
            fingerprint: row.try_get("fingerprint")?,
            created_at_ms: row.try_get("created_at_ms")?,
            last_used_at_ms: row.try_get("last_used_at_ms")?,
        })
    }
}

/// Selects whole keys.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, name, kind, public_key, fingerprint, created_at_ms, last_used_at_ms ",
            "FROM ssh_keys ",
            $rest
        )
    };
}

/// Takes a fingerprint for one key of one account or repository. One that is taken is
/// [`StoreError::Unique`] (`ssh_key_fingerprints__fingerprint`).
pub async fn claim_fingerprint(tx: &mut Tx<'_>, fingerprint: &str) -> Result<(), StoreError> {
    query(
        "ssh_key_fingerprints.claim",
        "INSERT INTO ssh_key_fingerprints (fingerprint) VALUES ($1)",
    )
    .bind(fingerprint)
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives a fingerprint back.
pub async fn release_fingerprint(tx: &mut Tx<'_>, fingerprint: &str) -> Result<(), StoreError> {
    query(
        "ssh_key_fingerprints.release",
        "DELETE FROM ssh_key_fingerprints WHERE fingerprint = $1",
    )
    .bind(fingerprint)
    .execute(tx)
    .await?;
    Ok(())
}

/// Adds a key whose fingerprint was claimed; the row's id is passed over. Answers the id it got.
pub async fn insert(tx: &mut Tx<'_>, row: &SshKeyRow) -> Result<SshKeyId, StoreError> {
    let (id,) = query(
        "ssh_keys.insert",
        "INSERT INTO ssh_keys (account_id, name, kind, public_key, fingerprint, created_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
    )
    .bind(row.account_id.0)
    .bind(row.name.as_str())
    .bind(row.kind.as_str())
    .bind(row.public_key.as_str())
    .bind(row.fingerprint.as_str())
    .bind(row.created_at_ms)
    .one(tx)
    .await?;
    Ok(SshKeyId(id))
}

/// The account's key with this fingerprint.
pub async fn by_fingerprint(conn: &mut Conn, fingerprint: &str) -> Result<Option<SshKeyRow>, StoreError> {
    query("ssh_keys.by_fingerprint", select!("WHERE fingerprint = $1"))
        .bind(fingerprint)
        .optional(conn)
        .await
}

/// An account's keys, the youngest first.
pub async fn of_account(conn: &mut Conn, id: AccountId) -> Result<Vec<SshKeyRow>, StoreError> {
    query(
        "ssh_keys.of_account",
        select!("WHERE account_id = $1 ORDER BY id DESC"),
    )
    .bind(id.0)
    .all(conn)
    .await
}

/// How many keys an account has.
pub async fn count(conn: &mut Conn, id: AccountId) -> Result<i64, StoreError> {
    let (count,) = query(
        "ssh_keys.count",
        "SELECT COUNT(*) FROM ssh_keys WHERE account_id = $1",
    )
    .bind(id.0)
    .one(conn)
    .await?;
    Ok(count)
}

/// Removes one key of an account and answers its fingerprint; none where there is no such key.
pub async fn delete(tx: &mut Tx<'_>, id: SshKeyId, account: AccountId) -> Result<Option<String>, StoreError> {
    let gone: Option<(String,)> = query(
        "ssh_keys.delete",
        "DELETE FROM ssh_keys WHERE id = $1 AND account_id = $2 RETURNING fingerprint",
    )
    .bind(id.0)
    .bind(account.0)
    .optional(tx)
    .await?;
    Ok(gone.map(|(fingerprint,)| fingerprint))
}

/// Notes when a key was used.
pub async fn set_last_used(tx: &mut Tx<'_>, id: SshKeyId, now_ms: i64) -> Result<(), StoreError> {
    query(
        "ssh_keys.set_last_used",
        "UPDATE ssh_keys SET last_used_at_ms = $1 WHERE id = $2",
    )
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

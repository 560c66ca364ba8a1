//! What somebody shows beside their password: `second_factors`, `recovery_codes`. Secrets are
//! sealed, and recovery codes are known by their hashes only.

use crate::{AnyRow, Conn, FromRow, Row, StoreError, Tx, query};
use plue_contract::AccountId;

/// A row of `second_factors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorRow {
    /// The secret, sealed.
    pub sealed_secret: Vec<u8>,
    /// When the first code was shown; none while it is being set up.
    pub confirmed_at_ms: Option<i64>,
    /// The last half minute whose code was taken.
    pub last_step: i64,
    /// Wrong codes since the last right one.
    pub failures: i64,
    /// Until when no code is looked at, in milliseconds since 1970.
    pub locked_until_ms: i64,
}

impl FromRow<'_, AnyRow> for FactorRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            sealed_secret: row.try_get("sealed_secret")?,
            confirmed_at_ms: row.try_get("confirmed_at_ms")?,
            last_step: row.try_get("last_step")?,
            failures: row.try_get("failures")?,
            locked_until_ms: row.try_get("locked_until_ms")?,
        })
    }
}

/// The second factor of an account, also one that is being set up.
pub async fn find(conn: &mut Conn, account: AccountId) -> Result<Option<FactorRow>, StoreError> {
    query(
        "second_factors.find",
        "SELECT sealed_secret, confirmed_at_ms, last_step, failures, locked_until_ms FROM second_factors \
         WHERE account_id = $1",
    )
    .bind(account.0)
    .optional(conn)
    .await
}

/// Whether an account has a second factor that counts.
pub async fn is_set(conn: &mut Conn, account: AccountId) -> Result<bool, StoreError> {
    let found = find(conn, account).await?;
    Ok(found.is_some_and(|factor| factor.confirmed_at_ms.is_some()))
}

/// Begins to set one up, in place of what is there.
pub async fn begin(
    tx: &mut Tx<'_>,
    account: AccountId,
    sealed_secret: &[u8],
    now_ms: i64,
) -> Result<(), StoreError> {
    delete(tx, account).await?;
    query(
        "second_factors.begin",
        "INSERT INTO second_factors (account_id, sealed_secret, created_at_ms, last_step, failures, locked_until_ms) \
         VALUES ($1, $2, $3, 0, 0, 0)",
    )
    .bind(account.0)
    .bind(sealed_secret)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that the code of a half minute was taken, which confirms the factor; the secret may be
/// sealed anew.
pub async fn take_step(
    tx: &mut Tx<'_>,
    account: AccountId,
    step: i64,
    sealed_secret: &[u8],
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "second_factors.take_step",
        "UPDATE second_factors SET last_step = $1, sealed_secret = $2, failures = 0, locked_until_ms = 0, \
         confirmed_at_ms = COALESCE(confirmed_at_ms, $3) WHERE account_id = $4",
    )
    .bind(step)
    .bind(sealed_secret)
    .bind(now_ms)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes a wrong code.
pub async fn fail(
    tx: &mut Tx<'_>,
    account: AccountId,
    failures: i64,
    locked_until_ms: i64,
) -> Result<(), StoreError> {
    query(
        "second_factors.fail",
        "UPDATE second_factors SET failures = $1, locked_until_ms = $2 WHERE account_id = $3",
    )
    .bind(failures)
    .bind(locked_until_ms)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes the second factor of an account, and its recovery codes; whether there was one.
pub async fn delete(tx: &mut Tx<'_>, account: AccountId) -> Result<bool, StoreError> {
    query(
        "recovery_codes.delete",
        "DELETE FROM recovery_codes WHERE account_id = $1",
    )
    .bind(account.0)
    .execute(tx)
    .await?;
    let gone = query(
        "second_factors.delete",
        "DELETE FROM second_factors WHERE account_id = $1",
    )
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

/// Gives an account other recovery codes, known by their hashes.
pub async fn set_codes(tx: &mut Tx<'_>, account: AccountId, hashes: &[[u8; 32]]) -> Result<(), StoreError> {
    query(
        "recovery_codes.delete",
        "DELETE FROM recovery_codes WHERE account_id = $1",
    )
    .bind(account.0)
    .execute(tx)
    .await?;
    for hash in hashes {
        query(
            "recovery_codes.insert",
            "INSERT INTO recovery_codes (account_id, code_hash) VALUES ($1, $2)",
        )
        .bind(account.0)
        .bind(&hash[..])
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Uses a recovery code up; whether there was such a one.
pub async fn take_code(tx: &mut Tx<'_>, account: AccountId, hash: &[u8; 32]) -> Result<bool, StoreError> {
    let gone = query(
        "recovery_codes.take",
        "DELETE FROM recovery_codes WHERE account_id = $1 AND code_hash = $2",
    )
    .bind(account.0)
    .bind(&hash[..])
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

/// How many recovery codes an account has left.
pub async fn count_codes(conn: &mut Conn, account: AccountId) -> Result<i64, StoreError> {
    let (count,) = query(
        "recovery_codes.count",
        "SELECT COUNT(*) FROM recovery_codes WHERE account_id = $1",
    )
    .bind(account.0)
    .one(conn)
    .await?;
    Ok(count)
}

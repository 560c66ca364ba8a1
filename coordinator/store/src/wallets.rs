//! Ethereum addresses that open an account, and the nonces that they sign: `wallets`,
//! `wallet_nonces`.

use crate::{AnyRow, Conn, FromRow, Row, StoreError, Tx, query};
use plue_contract::AccountId;

/// A row of `wallets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletRow {
    /// `0x` and 40 hex digits in lower case.
    pub address: String,
    /// Whose it is.
    pub account_id: AccountId,
    /// When it was linked, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When somebody last signed in by it.
    pub last_used_at_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for WalletRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            address: row.try_get("address")?,
            account_id: AccountId(row.try_get("account_id")?),
            created_at_ms: row.try_get("created_at_ms")?,
            last_used_at_ms: row.try_get("last_used_at_ms")?,
        })
    }
}

/// The wallet of this address.
pub async fn find(conn: &mut Conn, address: &str) -> Result<Option<WalletRow>, StoreError> {
    query(
        "wallets.find",
        "SELECT address, account_id, created_at_ms, last_used_at_ms FROM wallets WHERE address = $1",
    )
    .bind(address)
    .optional(conn)
    .await
}

/// An account's wallets, the oldest first.
pub async fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<WalletRow>, StoreError> {
    query(
        "wallets.of_account",
        "SELECT address, account_id, created_at_ms, last_used_at_ms FROM wallets WHERE account_id = $1 \
         ORDER BY created_at_ms, address",
    )
    .bind(account.0)
    .all(conn)
    .await
}

/// Links a wallet. One that is linked already is [`StoreError::Unique`] (`wallets__address`).
pub async fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    address: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "wallets.insert",
        "INSERT INTO wallets (address, account_id, created_at_ms) VALUES ($1, $2, $3)",
    )
    .bind(address)
    .bind(account.0)
    .bind(now_ms)
    .execute(tx)
    .await?;
    show_first(tx, account).await
}

/// Removes a wallet of an account; whether there was such a one.
pub async fn delete(tx: &mut Tx<'_>, account: AccountId, address: &str) -> Result<bool, StoreError> {
    let gone = query(
        "wallets.delete",
        "DELETE FROM wallets WHERE address = $1 AND account_id = $2",
    )
    .bind(address)
    .bind(account.0)
    .execute(tx)
    .await?;
    show_first(tx, account).await?;
    Ok(gone == 1)
}

/// The account itself shows its first wallet.
async fn show_first(tx: &mut Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    query(
        "wallets.show_first",
        "UPDATE accounts SET wallet_address = (SELECT w.address FROM wallets w WHERE w.account_id = accounts.id \
         ORDER BY w.created_at_ms, w.address LIMIT 1) WHERE id = $1",
    )
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that somebody signed in by a wallet.
pub async fn set_last_used(tx: &mut Tx<'_>, address: &str, now_ms: i64) -> Result<(), StoreError> {
    query(
        "wallets.set_last_used",
        "UPDATE wallets SET last_used_at_ms = $1 WHERE address = $2",
    )
    .bind(now_ms)
    .bind(address)
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes down what a wallet may sign.
pub async fn insert_nonce(tx: &mut Tx<'_>, nonce: &str, expires_at_ms: i64) -> Result<(), StoreError> {
    query(
        "wallet_nonces.insert",
        "INSERT INTO wallet_nonces (nonce, expires_at_ms) VALUES ($1, $2)",
    )
    .bind(nonce)
    .bind(expires_at_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Uses a nonce up; whether it was one that holds. Of two who try at once, one gets it.
pub async fn take_nonce(tx: &mut Tx<'_>, nonce: &str, now_ms: i64) -> Result<bool, StoreError> {
    let gone = query(
        "wallet_nonces.take",
        "DELETE FROM wallet_nonces WHERE nonce = $1 AND expires_at_ms > $2",
    )
    .bind(nonce)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

/// Removes nonces that have expired.
pub async fn delete_expired_nonces(tx: &mut Tx<'_>, now_ms: i64) -> Result<(), StoreError> {
    query(
        "wallet_nonces.delete_expired",
        "DELETE FROM wallet_nonces WHERE expires_at_ms <= $1",
    )
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

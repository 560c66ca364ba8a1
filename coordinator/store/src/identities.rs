//! Accounts elsewhere that open an account here: `identities`.

use crate::{AnyRow, Conn, FromRow, Row, StoreError, Tx, query};
use plue_contract::AccountId;

/// A row of `identities`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// Whose it is here.
    pub account_id: AccountId,
    /// Where it is, as in `github`.
    pub provider: String,
    /// The number that the provider knows it by.
    pub subject: String,
    /// Its name there, as it was last seen.
    pub login: String,
    /// When it was linked, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When somebody last signed in by it.
    pub last_used_at_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for IdentityRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account_id: AccountId(row.try_get("account_id")?),
            provider: row.try_get("provider")?,
            subject: row.try_get("subject")?,
            login: row.try_get("login")?,
            created_at_ms: row.try_get("created_at_ms")?,
            last_used_at_ms: row.try_get("last_used_at_ms")?,
        })
    }
}

/// Selects whole identities.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT account_id, provider, subject, login, created_at_ms, last_used_at_ms FROM identities ",
            $rest
        )
    };
}

/// The identity that a provider knows by this number.
pub async fn find(conn: &mut Conn, provider: &str, subject: &str) -> Result<Option<IdentityRow>, StoreError> {
    query("identities.find", select!("WHERE provider = $1 AND subject = $2"))
        .bind(provider)
        .bind(subject)
        .optional(conn)
        .await
}

/// An account's identities, the oldest first.
pub async fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<IdentityRow>, StoreError> {
    query(
        "identities.of_account",
        select!("WHERE account_id = $1 ORDER BY created_at_ms, provider, subject"),
    )
    .bind(account.0)
    .all(conn)
    .await
}

/// Links an identity. One that is linked already is [`StoreError::Unique`]
/// (`identities__provider__subject`).
pub async fn insert(tx: &mut Tx<'_>, row: &IdentityRow) -> Result<(), StoreError> {
    query(
        "identities.insert",
        "INSERT INTO identities (account_id, provider, subject, login, created_at_ms) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(row.account_id.0)
    .bind(row.provider.as_str())
    .bind(row.subject.as_str())
    .bind(row.login.as_str())
    .bind(row.created_at_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that somebody signed in by an identity, and its name there.
pub async fn set_last_used(tx: &mut Tx<'_>, row: &IdentityRow, now_ms: i64) -> Result<(), StoreError> {
    query(
        "identities.set_last_used",
        "UPDATE identities SET last_used_at_ms = $1, login = $2 WHERE provider = $3 AND subject = $4",
    )
    .bind(now_ms)
    .bind(row.login.as_str())
    .bind(row.provider.as_str())
    .bind(row.subject.as_str())
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes an identity of an account; whether there was such a one.
pub async fn delete(
    tx: &mut Tx<'_>,
    account: AccountId,
    provider: &str,
    subject: &str,
) -> Result<bool, StoreError> {
    let gone = query(
        "identities.delete",
        "DELETE FROM identities WHERE account_id = $1 AND provider = $2 AND subject = $3",
    )
    .bind(account.0)
    .bind(provider)
    .bind(subject)
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

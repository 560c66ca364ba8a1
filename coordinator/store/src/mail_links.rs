//! Links that were sent to addresses: `mail_links`. A link is known by the hash of its token
//! only, and is gone once it was used.

use crate::{AnyRow, Conn, FromRow, Row, StoreError, Tx, query};
use plue_contract::AccountId;

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It sets another password.
    Reset,
    /// It proves an address.
    Verify,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Verify => "verify",
        }
    }
}

/// A link that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    /// Whose it is.
    pub account_id: AccountId,
    /// The address that it was sent to.
    pub email: String,
}

impl FromRow<'_, AnyRow> for LinkRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account_id: AccountId(row.try_get("account_id")?),
            email: row.try_get("email")?,
        })
    }
}

/// A link to be written down.
#[derive(Clone, Copy, Debug)]
pub struct NewLinkRow<'a> {
    /// Whose it is.
    pub account_id: AccountId,
    /// What it does.
    pub purpose: Purpose,
    /// The address that it is sent to.
    pub email: &'a str,
    /// The hash of its token.
    pub token_hash: &'a [u8; 32],
    /// When it ends, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// Adds a link in place of those of the same purpose that the account has.
pub async fn replace(tx: &mut Tx<'_>, new: NewLinkRow<'_>, now_ms: i64) -> Result<(), StoreError> {
    query(
        "mail_links.delete_open",
        "DELETE FROM mail_links WHERE account_id = $1 AND purpose = $2",
    )
    .bind(new.account_id.0)
    .bind(new.purpose.as_str())
    .execute(tx)
    .await?;
    query(
        "mail_links.insert",
        "INSERT INTO mail_links (account_id, purpose, email, token_hash, created_at_ms, expires_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.account_id.0)
    .bind(new.purpose.as_str())
    .bind(new.email)
    .bind(&new.token_hash[..])
    .bind(now_ms)
    .bind(new.expires_at_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// The link with this hash, if it holds.
pub async fn find(
    conn: &mut Conn,
    purpose: Purpose,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<Option<LinkRow>, StoreError> {
    query(
        "mail_links.find",
        "SELECT account_id, email FROM mail_links WHERE token_hash = $1 AND purpose = $2 AND expires_at_ms > $3",
    )
    .bind(&token_hash[..])
    .bind(purpose.as_str())
    .bind(now_ms)
    .optional(conn)
    .await
}

/// Uses a link up; none where it does not hold. Of two who try at once, one gets it.
pub async fn take(
    tx: &mut Tx<'_>,
    purpose: Purpose,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<Option<LinkRow>, StoreError> {
    query(
        "mail_links.take",
        "DELETE FROM mail_links WHERE token_hash = $1 AND purpose = $2 AND expires_at_ms > $3 \
         RETURNING account_id, email",
    )
    .bind(&token_hash[..])
    .bind(purpose.as_str())
    .bind(now_ms)
    .optional(tx)
    .await
}

/// Removes every link of an account.
pub async fn delete_all(tx: &mut Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    query(
        "mail_links.delete_all",
        "DELETE FROM mail_links WHERE account_id = $1",
    )
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes every link that has expired.
pub async fn delete_expired(tx: &mut Tx<'_>, now_ms: i64) -> Result<(), StoreError> {
    query(
        "mail_links.delete_expired",
        "DELETE FROM mail_links WHERE expires_at_ms <= $1",
    )
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

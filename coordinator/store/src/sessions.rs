//! Browser sessions: `sessions`. A secret is known by its hash only.

use crate::{AnyRow, Conn, FromRow, Row, StoreError, Tx, query};
use plue_contract::{AccountId, SessionId};

/// A row of `sessions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub account_id: AccountId,
    /// The hash of its secret.
    pub secret_hash: Vec<u8>,
    /// The hash of the secret before that one.
    pub previous_hash: Option<Vec<u8>>,
    /// Until when the secret before holds, in milliseconds since 1970.
    pub previous_until_ms: Option<i64>,
    /// The client's address when it was opened.
    pub address: Option<String>,
    /// What the client called itself when it was opened.
    pub user_agent: Option<String>,
    /// When it was opened.
    pub created_at_ms: i64,
    /// When its secret was last changed.
    pub rotated_at_ms: i64,
    /// When it ends.
    pub expires_at_ms: i64,
}

impl<'r> FromRow<'r, AnyRow> for SessionRow {
    fn from_row(row: &'r AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: SessionId(row.try_get("id")?),
            account_id: AccountId(row.try_get("account_id")?),
            secret_hash: row.try_get("secret_hash")?,
            previous_hash: row.try_get("previous_hash")?,
            previous_until_ms: row.try_get("previous_until_ms")?,
            address: row.try_get("address")?,
            user_agent: row.try_get("user_agent")?,
            created_at_ms: row.try_get("created_at_ms")?,
            rotated_at_ms: row.try_get("rotated_at_ms")?,
            expires_at_ms: row.try_get("expires_at_ms")?,
        })
    }
}

/// Selects whole sessions.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, secret_hash, previous_hash, previous_until_ms, address, user_agent, ",
            "created_at_ms, rotated_at_ms, expires_at_ms FROM sessions ",
            $rest
        )
    };
}

/// Adds a session.
pub async fn insert(tx: &mut Tx<'_>, row: &SessionRow) -> Result<(), StoreError> {
    query(
        "sessions.insert",
        "INSERT INTO sessions (id, account_id, secret_hash, address, user_agent, created_at_ms, rotated_at_ms, \
         expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(row.id.0.as_str())
    .bind(row.account_id.0)
    .bind(&row.secret_hash[..])
    .bind(row.address.as_deref())
    .bind(row.user_agent.as_deref())
    .bind(row.created_at_ms)
    .bind(row.rotated_at_ms)
    .bind(row.expires_at_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// The session with this id, if it has not expired.
pub async fn find(conn: &mut Conn, id: &SessionId, now_ms: i64) -> Result<Option<SessionRow>, StoreError> {
    query("sessions.find", select!("WHERE id = $1 AND expires_at_ms > $2"))
        .bind(id.0.as_str())
        .bind(now_ms)
        .optional(conn)
        .await
}

/// An account's sessions that have not expired, the youngest first.
pub async fn of_account(conn: &mut Conn, id: AccountId, now_ms: i64) -> Result<Vec<SessionRow>, StoreError> {
    query(
        "sessions.of_account",
        select!("WHERE account_id = $1 AND expires_at_ms > $2 ORDER BY created_at_ms DESC, id DESC"),
    )
    .bind(id.0)
    .bind(now_ms)
    .all(conn)
    .await
}

/// The change of a session's secret.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// The hash of the secret that must still hold.
    pub held: [u8; 32],
    /// The hash of the new one.
    pub fresh: [u8; 32],
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
    /// Until when the old secret holds.
    pub previous_until_ms: i64,
    /// When the session ends from now on.
    pub expires_at_ms: i64,
}

/// Changes the secret, if the held one is still the one that holds; says whether it was.
pub async fn rotate(tx: &mut Tx<'_>, id: &SessionId, rotation: &Rotation) -> Result<bool, StoreError> {
    let changed = query(
        "sessions.rotate",
        "UPDATE sessions SET previous_hash = secret_hash, previous_until_ms = $1, secret_hash = $2, \
         rotated_at_ms = $3, expires_at_ms = $4 WHERE id = $5 AND secret_hash = $6 AND expires_at_ms > $7",
    )
    .bind(rotation.previous_until_ms)
    .bind(&rotation.fresh[..])
    .bind(rotation.now_ms)
    .bind(rotation.expires_at_ms)
    .bind(id.0.as_str())
    .bind(&rotation.held[..])
    .bind(rotation.now_ms)
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Ends one session of an account; says whether there was such a one.
pub async fn delete(tx: &mut Tx<'_>, id: &SessionId, account: AccountId) -> Result<bool, StoreError> {
    let gone = query(
        "sessions.delete",
        "DELETE FROM sessions WHERE id = $1 AND account_id = $2",
    )
    .bind(id.0.as_str())
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

/// Ends every session of an account, save one if one is to stay, and answers which they were.
pub async fn delete_all(
    tx: &mut Tx<'_>,
    account: AccountId,
    save: Option<&SessionId>,
) -> Result<Vec<SessionId>, StoreError> {
    let gone: Vec<(String,)> = query(
        "sessions.delete_all",
        "DELETE FROM sessions WHERE account_id = $1 AND id <> $2 RETURNING id",
    )
    .bind(account.0)
    .bind(save.map_or("", |id| id.0.as_str()))
    .all(tx)
    .await?;
    Ok(gone.into_iter().map(|(id,)| SessionId(id)).collect())
}

/// Removes sessions that have expired; says how many.
pub async fn delete_expired(tx: &mut Tx<'_>, now_ms: i64) -> Result<u64, StoreError> {
    query(
        "sessions.delete_expired",
        "DELETE FROM sessions WHERE expires_at_ms <= $1",
    )
    .bind(now_ms)
    .execute(tx)
    .await
}

/// How many sessions have not expired.
pub async fn count(conn: &mut Conn, now_ms: i64) -> Result<i64, StoreError> {
    let (count,) = query(
        "sessions.count",
        "SELECT COUNT(*) FROM sessions WHERE expires_at_ms > $1",
    )
    .bind(now_ms)
    .one(conn)
    .await?;
    Ok(count)
}

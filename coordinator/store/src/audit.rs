//! What was done that bears on safety: `audit`. Entries are written and read; triggers refuse
//! everything else.

use crate::{AnyRow, Conn, FromRow, Row, StoreError, Tx, query, query_built};
use plue_contract::{AccountId, RepoId};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// Its number, rising; 0 of one that is about to be written.
    pub id: i64,
    /// When it was done, in milliseconds since 1970.
    pub at_ms: i64,
    /// What was done, as in `team.create`.
    pub action: String,
    /// The account that did it, if one did.
    pub actor_id: Option<i64>,
    /// Its name at that time, or what it was instead.
    pub actor: String,
    /// By which credential.
    pub via: String,
    /// From which address.
    pub address: Option<String>,
    /// In which request.
    pub request_id: String,
    /// The account or organisation whose matter it is.
    pub owner_id: Option<i64>,
    /// The repository that it is about.
    pub repository_id: Option<i64>,
    /// What it was done to, by name.
    pub subject: String,
    /// More, as JSON.
    pub detail: String,
}

impl FromRow<'_, AnyRow> for EntryRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            at_ms: row.try_get("at_ms")?,
            action: row.try_get("action")?,
            actor_id: row.try_get("actor_id")?,
            actor: row.try_get("actor")?,
            via: row.try_get("via")?,
            address: row.try_get("address")?,
            request_id: row.try_get("request_id")?,
            owner_id: row.try_get("owner_id")?,
            repository_id: row.try_get("repository_id")?,
            subject: row.try_get("subject")?,
            detail: row.try_get("detail")?,
        })
    }
}

/// Writes an entry, in the transaction of what it tells of.
pub async fn insert(tx: &mut Tx<'_>, row: &EntryRow) -> Result<(), StoreError> {
    query(
        "audit.insert",
        "INSERT INTO audit (at_ms, action, actor_id, actor, via, address, request_id, owner_id, repository_id, \
         subject, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(row.at_ms)
    .bind(row.action.as_str())
    .bind(row.actor_id)
    .bind(row.actor.as_str())
    .bind(row.via.as_str())
    .bind(row.address.as_deref())
    .bind(row.request_id.as_str())
    .bind(row.owner_id)
    .bind(row.repository_id)
    .bind(row.subject.as_str())
    .bind(row.detail.as_str())
    .execute(tx)
    .await?;
    Ok(())
}

/// Whose entries are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// All.
    Everything,
    /// Those that are the matter of an account or organisation.
    Owner(AccountId),
    /// Those about a repository.
    Repository(RepoId),
}

/// At most `limit` entries, the latest first, of those with a smaller number than `before`.
pub async fn list(
    conn: &mut Conn,
    of: Of,
    action: Option<&str>,
    before: i64,
    limit: i64,
) -> Result<Vec<EntryRow>, StoreError> {
    let (condition, id) = match of {
        Of::Everything => ("CAST($1 AS BIGINT) IS NULL", None),
        Of::Owner(id) => ("owner_id = CAST($1 AS BIGINT)", Some(id.0)),
        Of::Repository(id) => ("repository_id = CAST($1 AS BIGINT)", Some(id.0)),
    };
    query_built(
        "audit.list",
        format!(
            "SELECT id, at_ms, action, actor_id, actor, via, address, request_id, owner_id, repository_id, subject, \
             detail FROM audit WHERE {condition} AND id < $2 AND (CAST($3 AS TEXT) IS NULL OR action = $4) \
             ORDER BY id DESC LIMIT $5"
        ),
    )
    .bind(id)
    .bind(before)
    .bind(action)
    .bind(action)
    .bind(limit)
    .all(conn)
    .await
}

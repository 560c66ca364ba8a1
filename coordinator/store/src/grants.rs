//! What the edge was granted: for how long it may answer by itself for a repository, by the name
//! under which it was asked for.

use crate::{Conn, StoreError, Tx, query, query_built};
use plue_contract::RepoId;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// The name, as `RepoPath::key` writes it.
    pub name: String,
    /// Until when it has to be waited for, in milliseconds since 1970.
    pub until_ms: i64,
}

impl FromRow<'_, AnyRow> for GrantRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: row.try_get("name")?,
            until_ms: row.try_get("until_ms")?,
        })
    }
}

/// Writes a grant down; one that lasts longer stays.
pub async fn put(tx: &mut Tx<'_>, repository: RepoId, name: &str, until_ms: i64) -> Result<(), StoreError> {
    query(
        "grants.put",
        "INSERT INTO edge_grants (repository_id, name, until_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (repository_id, name) DO UPDATE SET until_ms = \
         CASE WHEN excluded.until_ms > edge_grants.until_ms THEN excluded.until_ms ELSE edge_grants.until_ms END",
    )
    .bind(repository.0)
    .bind(name)
    .bind(until_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// The grants for a repository, whatever it was called, and for names, whatever they led to, that
/// end after a moment; each name once for each repository.
pub async fn after(
    conn: &mut Conn,
    repository: RepoId,
    names: &[String],
    after_ms: i64,
) -> Result<Vec<GrantRow>, StoreError> {
    let places: Vec<String> = (0..names.len()).map(|at| format!("${}", at + 3)).collect();
    let named = match places.as_slice() {
        [] => String::new(),
        places => format!(" OR name IN ({})", places.join(", ")),
    };
    let mut statement = query_built(
        "grants.after",
        format!("SELECT name, until_ms FROM edge_grants WHERE until_ms > $1 AND (repository_id = $2{named})"),
    )
    .bind(after_ms)
    .bind(repository.0);
    for name in names {
        statement = statement.bind(name.clone());
    }
    statement.all(conn).await
}

/// Forgets grants that ended before a moment; how many.
pub async fn delete_ended(tx: &mut Tx<'_>, before_ms: i64) -> Result<u64, StoreError> {
    query(
        "grants.delete_ended",
        "DELETE FROM edge_grants WHERE until_ms < $1",
    )
    .bind(before_ms)
    .execute(tx)
    .await
}

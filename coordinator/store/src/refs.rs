//! The refs of a repository: which name stands at which object. Whether a ref may move is
//! decided in the forge, under the repository's lock; here are sets read and written.

use crate::{Conn, StoreError, Tx, query, query_built};
use plue_contract::RepoId;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use std::fmt::Write as _;

/// How many refs one statement reads or writes; each takes at most four of the 999 placeholders
/// that every SQLite allows.
pub const BATCH: usize = 240;

/// One ref: name, object, and the object that an annotated tag leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefRow {
    /// The full name, `refs/…`.
    pub name: Vec<u8>,
    /// The object, 20 or 32 bytes.
    pub oid: Vec<u8>,
    /// The object behind the tag, where `oid` is a tag.
    pub peeled: Option<Vec<u8>>,
}

impl FromRow<'_, AnyRow> for RefRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: row.try_get("name")?,
            oid: row.try_get("oid")?,
            peeled: row.try_get("peeled")?,
        })
    }
}

/// All refs of a repository, in the order of their names' bytes.
pub async fn all(conn: &mut Conn, repository: RepoId) -> Result<Vec<RefRow>, StoreError> {
    query(
        "refs.all",
        "SELECT name, oid, peeled FROM refs WHERE repository_id = $1 ORDER BY name",
    )
    .bind(repository.0)
    .all(conn)
    .await
}

/// Those of `names` that exist, with their objects. At most [`BATCH`] names.
pub async fn some(
    conn: &mut Conn,
    repository: RepoId,
    names: &[&[u8]],
) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = "SELECT name, oid FROM refs WHERE repository_id = $1 AND name IN (".to_owned();
    list(&mut sql, 2, names.len());
    let mut statement = query_built("refs.some", sql).bind(repository.0);
    for name in names {
        statement = statement.bind(name.to_vec());
    }
    statement.all(conn).await
}

/// The first few refs below `directory`, which ends in a slash.
pub async fn below(
    conn: &mut Conn,
    repository: RepoId,
    directory: &[u8],
    limit: i64,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut end = directory.to_vec();
    // The byte after the slash: all names below the directory lie before it.
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    let rows = query(
        "refs.below",
        "SELECT name FROM refs WHERE repository_id = $1 AND name > $2 AND name < $3 ORDER BY name LIMIT $4",
    )
    .bind(repository.0)
    .bind(directory.to_vec())
    .bind(end)
    .bind(limit)
    .all::<(Vec<u8>,)>(conn)
    .await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Puts refs at their objects, new or moved. At most [`BATCH`] at a time.
pub async fn put(tx: &mut Tx<'_>, repository: RepoId, refs: &[RefRow]) -> Result<(), StoreError> {
    if refs.is_empty() {
        return Ok(());
    }
    let mut sql = "INSERT INTO refs (repository_id, name, oid, peeled) VALUES ".to_owned();
    rows(&mut sql, refs.len(), 4);
    sql.push_str(
        " ON CONFLICT (repository_id, name) DO UPDATE SET oid = excluded.oid, peeled = excluded.peeled",
    );
    let mut statement = query_built("refs.put", sql);
    for row in refs {
        statement = statement
            .bind(repository.0)
            .bind(row.name.clone())
            .bind(row.oid.clone())
            .bind(row.peeled.clone());
    }
    statement.execute(tx).await?;
    Ok(())
}

/// Removes refs; how many there were. At most [`BATCH`] at a time.
pub async fn remove(tx: &mut Tx<'_>, repository: RepoId, names: &[&[u8]]) -> Result<u64, StoreError> {
    if names.is_empty() {
        return Ok(0);
    }
    let mut sql = "DELETE FROM refs WHERE repository_id = $1 AND name IN (".to_owned();
    list(&mut sql, 2, names.len());
    let mut statement = query_built("refs.remove", sql).bind(repository.0);
    for name in names {
        statement = statement.bind(name.to_vec());
    }
    statement.execute(tx).await
}

/// Appends `$first, $first+1, …)`.
fn list(sql: &mut String, first: usize, count: usize) {
    for n in 0..count {
        let comma = if n == 0 { "" } else { ", " };
        let _ = write!(sql, "{comma}${}", first + n);
    }
    sql.push(')');
}

/// Appends `($1, $2, …), ($5, …)`.
pub(crate) fn rows(sql: &mut String, rows: usize, columns: usize) {
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        list(sql, row * columns + 1, columns);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn placeholders_count_on_through_the_rows() {
        let mut sql = String::new();
        super::rows(&mut sql, 2, 3);
        assert_eq!(sql, "($1, $2, $3), ($4, $5, $6)");
    }
}

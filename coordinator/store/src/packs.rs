//! The packs of the blob store: `uploading` before their first byte, `live` by a push's commit,
//! `replaced` when a larger pack holds the same objects, `dead` by the sweeper and then gone. A
//! pack only ever moves forward through these.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::{PackId, RepoId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

/// One pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackRow {
    /// Its id, a ULID.
    pub id: String,
    /// The repository that it was uploaded for.
    pub repository_id: i64,
    /// The pack's own checksum, in hex; its file is `pack-<checksum>.pack`.
    pub checksum: String,
    /// The size of pack, index and reverse index, in bytes.
    pub size_bytes: i64,
    /// How many objects it holds.
    pub object_count: i64,
    /// Since when nothing refers to what it holds, in milliseconds since 1970, where that was found.
    pub unreachable_since_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for PackRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            repository_id: row.try_get("repository_id")?,
            checksum: row.try_get("checksum")?,
            size_bytes: row.try_get("size_bytes")?,
            object_count: row.try_get("object_count")?,
            unreachable_since_ms: row.try_get("unreachable_since_ms")?,
        })
    }
}

/// Notes that a pack is about to be uploaded. Until the lease ends the sweeper leaves it alone.
pub async fn insert_uploading(
    tx: &mut Tx<'_>,
    pack: &PackRow,
    lease_until_ms: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "packs.insert",
        "INSERT INTO packs (id, repository_id, state, checksum, size_bytes, object_count, created_at_ms, \
         lease_until_ms, unreachable_since_ms) VALUES ($1, $2, 'uploading', $3, $4, $5, $6, $7, $8)",
    )
    .bind(pack.id.as_str())
    .bind(pack.repository_id)
    .bind(pack.checksum.as_str())
    .bind(pack.size_bytes)
    .bind(pack.object_count)
    .bind(now_ms)
    .bind(lease_until_ms)
    .bind(pack.unreachable_since_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Makes an uploaded pack count; false where the sweeper was here first.
pub async fn set_live(tx: &mut Tx<'_>, id: &PackId) -> Result<bool, StoreError> {
    let changed = query(
        "packs.set_live",
        "UPDATE packs SET state = 'live' WHERE id = $1 AND state = 'uploading'",
    )
    .bind(id.0.as_str())
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Gives an upload up that has not become live; whether it had not.
pub async fn abandon(tx: &mut Tx<'_>, id: &PackId) -> Result<bool, StoreError> {
    let changed = query(
        "packs.abandon",
        "UPDATE packs SET state = 'dead' WHERE id = $1 AND state = 'uploading'",
    )
    .bind(id.0.as_str())
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Takes a live pack out of use; its blobs stay until the lease ends, for those who still read
/// them. False where it is not live any more.
pub async fn set_replaced(tx: &mut Tx<'_>, id: &PackId, lease_until_ms: i64) -> Result<bool, StoreError> {
    let changed = query(
        "packs.set_replaced",
        "UPDATE packs SET state = 'replaced', lease_until_ms = $1 WHERE id = $2 AND state = 'live'",
    )
    .bind(lease_until_ms)
    .bind(id.0.as_str())
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Takes every pack of a repository out of use that is live or was replaced, for nobody to read any
/// more; how many those were.
pub async fn kill(tx: &mut Tx<'_>, repository: RepoId) -> Result<u64, StoreError> {
    query(
        "packs.kill",
        "UPDATE packs SET state = 'dead' WHERE repository_id = $1 AND state IN ('live', 'replaced')",
    )
    .bind(repository.0)
    .execute(tx)
    .await
}

/// Turns packs dead whose lease has ended, of uploads and of those that were replaced; how many.
pub async fn abandon_expired(tx: &mut Tx<'_>, now_ms: i64) -> Result<u64, StoreError> {
    query(
        "packs.abandon_expired",
        "UPDATE packs SET state = 'dead' WHERE state IN ('uploading', 'replaced') AND lease_until_ms < $1",
    )
    .bind(now_ms)
    .execute(tx)
    .await
}

/// Some dead packs, whose blobs may be deleted.
pub async fn dead(conn: &mut Conn, limit: i64) -> Result<Vec<PackRow>, StoreError> {
    query(
        "packs.dead",
        "SELECT id, repository_id, checksum, size_bytes, object_count, unreachable_since_ms FROM packs \
         WHERE state = 'dead' ORDER BY id LIMIT $1",
    )
    .bind(limit)
    .all(conn)
    .await
}

/// Forgets a dead pack whose blobs are deleted.
pub async fn forget(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    query(
        "packs.forget",
        "DELETE FROM packs WHERE id = $1 AND state = 'dead'",
    )
    .bind(id)
    .execute(tx)
    .await?;
    Ok(())
}

/// The live packs of a repository, the oldest first.
pub async fn live(conn: &mut Conn, repository: RepoId) -> Result<Vec<PackRow>, StoreError> {
    query(
        "packs.live",
        "SELECT id, repository_id, checksum, size_bytes, object_count, unreachable_since_ms FROM packs \
         WHERE repository_id = $1 AND state = 'live' ORDER BY id",
    )
    .bind(repository.0)
    .all(conn)
    .await
}

/// The packs of a repository that were replaced and may still be read.
pub async fn replaced(conn: &mut Conn, repository: RepoId) -> Result<Vec<PackRow>, StoreError> {
    query(
        "packs.replaced",
        "SELECT id, repository_id, checksum, size_bytes, object_count, unreachable_since_ms FROM packs \
         WHERE repository_id = $1 AND state = 'replaced' ORDER BY id",
    )
    .bind(repository.0)
    .all(conn)
    .await
}

/// How many packs of a repository are in a state: for tests and figures.
pub async fn count(conn: &mut Conn, repository: RepoId, state: &str) -> Result<i64, StoreError> {
    let (count,) = query(
        "packs.count",
        "SELECT COUNT(*) FROM packs WHERE repository_id = $1 AND state = $2",
    )
    .bind(repository.0)
    .bind(state)
    .one::<(i64,)>(conn)
    .await?;
    Ok(count)
}

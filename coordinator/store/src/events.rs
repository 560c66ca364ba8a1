//! What happened: `events`, written in the transaction of the cause.

use crate::engine::Engine;
use crate::{Conn, StoreError, Tx, query, query_built};
use plue_contract::RepoId;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

/// How many events one statement writes.
const BATCH: usize = 100;

/// An event that is about to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEventRow {
    /// What happened, as in `issue.closed`.
    pub kind: &'static str,
    /// What it is about.
    pub topic: &'static str,
    /// More, as JSON: the event with its payload.
    pub payload: String,
}

/// Who did something, where, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause<'a> {
    /// The repository.
    pub repository: RepoId,
    /// The account, if it was one.
    pub actor_id: Option<i64>,
    /// Its name, or what it was instead.
    pub actor: &'a str,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its number.
    pub id: i64,
    /// The transaction that wrote it; 0 where there is one at a time.
    pub tx: i64,
    /// When it happened, in milliseconds since 1970.
    pub at_ms: i64,
    /// What it is about.
    pub topic: String,
    /// Where it happened.
    pub repository_id: i64,
    /// Who did it, if an account did.
    pub actor_id: Option<i64>,
    /// Its name, or what it was instead.
    pub actor: String,
    /// The event with its payload, as JSON.
    pub payload: String,
}

impl FromRow<'_, AnyRow> for EventRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            tx: row.try_get("tx")?,
            at_ms: row.try_get("at_ms")?,
            topic: row.try_get("topic")?,
            repository_id: row.try_get("repository_id")?,
            actor_id: row.try_get("actor_id")?,
            actor: row.try_get("actor")?,
            payload: row.try_get("payload")?,
        })
    }
}

/// Writes events that one cause has; their numbers, in the same order.
pub async fn insert(
    tx: &mut Tx<'_>,
    cause: Cause<'_>,
    events: &[NewEventRow],
) -> Result<Vec<i64>, StoreError> {
    let own = tx
        .engine()
        .pick("0", "CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)");
    let mut ids = Vec::with_capacity(events.len());
    for batch in events.chunks(BATCH) {
        let row = |nth: usize| {
            let at: Vec<String> = (1..8).map(|column| format!("${}", nth * 7 + column)).collect();
            format!("({own}, {})", at.join(", "))
        };
        let rows: Vec<String> = (0..batch.len()).map(row).collect();
        let mut insert = query_built(
            "events.insert",
            format!(
                "INSERT INTO events (tx, at_ms, kind, topic, repository_id, actor_id, actor, payload) VALUES {} \
                 RETURNING id",
                rows.join(", ")
            ),
        );
        for event in batch {
            insert = insert
                .bind(cause.at_ms)
                .bind(event.kind)
                .bind(event.topic)
                .bind(cause.repository.0)
                .bind(cause.actor_id)
                .bind(cause.actor)
                .bind(event.payload.as_str());
        }
        let mut given: Vec<i64> = insert
            .all::<(i64,)>(tx)
            .await?
            .into_iter()
            .map(|(id,)| id)
            .collect();
        // Numbers rise in the order of the rows; in which order they are told is the engine's.
        given.sort_unstable();
        ids.extend(given);
    }
    Ok(ids)
}

const COLUMNS: &str = "id, tx, at_ms, topic, repository_id, actor_id, actor, payload";

/// The event of this number.
pub async fn find(conn: &mut Conn, id: i64) -> Result<Option<EventRow>, StoreError> {
    query_built(
        "events.find",
        format!("SELECT {COLUMNS} FROM events WHERE id = $1"),
    )
    .bind(id)
    .optional(conn)
    .await
}

/// The text of a condition under which no event appears any more before one that is seen.
fn settled(engine: Engine) -> &'static str {
    engine.pick(
        "1 = 1",
        "tx < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)",
    )
}

/// Where the stream of all events stands: the place after the last one, as (`tx`, `id`).
pub async fn end(conn: &mut Conn) -> Result<(i64, i64), StoreError> {
    let settled = settled(conn.engine());
    let last = query_built(
        "events.end",
        format!("SELECT tx, id FROM events WHERE {settled} ORDER BY tx DESC, id DESC LIMIT 1"),
    )
    .optional::<(i64, i64)>(conn)
    .await?;
    Ok(last.unwrap_or((0, 0)))
}

/// At most `limit` events after a place, in the order of the stream.
pub async fn after(conn: &mut Conn, (tx, id): (i64, i64), limit: i64) -> Result<Vec<EventRow>, StoreError> {
    let settled = settled(conn.engine());
    query_built(
        "events.after",
        format!(
            "SELECT {COLUMNS} FROM events WHERE (tx > $1 OR (tx = $2 AND id > $3)) AND {settled} \
             ORDER BY tx, id LIMIT $4"
        ),
    )
    .bind(tx)
    .bind(tx)
    .bind(id)
    .bind(limit)
    .all(conn)
    .await
}

/// Removes at most `limit` events that happened before a moment, and how many those were.
pub async fn sweep(tx: &mut Tx<'_>, before_ms: i64, limit: i64) -> Result<u64, StoreError> {
    query(
        "events.sweep",
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)",
    )
    .bind(before_ms)
    .bind(limit)
    .execute(tx)
    .await
}

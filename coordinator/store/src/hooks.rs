//! Webhooks and what they are told: `hooks`, `hook_deliveries`.

use crate::{Conn, StoreError, Tx, query, query_built};
use plue_contract::{DeliveryId, HookId, RepoId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

/// One webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRow {
    /// Its id.
    pub id: i64,
    /// Its other id.
    pub uuid: String,
    /// The repository of which it hears.
    pub repository_id: i64,
    /// Where it is told.
    pub url: String,
    /// Its secret, sealed.
    pub sealed_secret: Option<Vec<u8>>,
    /// The chosen topics, with a comma between them; `*` for all.
    pub topics: String,
    /// In whose shape it is told.
    pub format: String,
    /// Whether events wait for those before them.
    pub ordered: bool,
    /// Whether it is told at all.
    pub active: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was changed last.
    pub updated_at_ms: i64,
}

impl FromRow<'_, AnyRow> for HookRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            uuid: row.try_get("uuid")?,
            repository_id: row.try_get("repository_id")?,
            url: row.try_get("url")?,
            sealed_secret: row.try_get("sealed_secret")?,
            topics: row.try_get("topics")?,
            format: row.try_get("format")?,
            ordered: row.try_get::<i64, _>("ordered")? != 0,
            active: row.try_get::<i64, _>("active")? != 0,
            created_at_ms: row.try_get("created_at_ms")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
        })
    }
}

const HOOK: &str = "id, uuid, repository_id, url, sealed_secret, topics, format, ordered, active, created_at_ms, updated_at_ms";

/// The webhooks of a repository, the oldest first.
pub async fn list(conn: &mut Conn, repository: RepoId) -> Result<Vec<HookRow>, StoreError> {
    query_built(
        "hooks.list",
        format!("SELECT {HOOK} FROM hooks WHERE repository_id = $1 ORDER BY id"),
    )
    .bind(repository.0)
    .all(conn)
    .await
}

/// The webhook of this id, if it is one of the repository.
pub async fn find(conn: &mut Conn, repository: RepoId, id: HookId) -> Result<Option<HookRow>, StoreError> {
    query_built(
        "hooks.find",
        format!("SELECT {HOOK} FROM hooks WHERE repository_id = $1 AND id = $2"),
    )
    .bind(repository.0)
    .bind(id.0)
    .optional(conn)
    .await
}

/// The webhook of this id.
pub async fn by_id(conn: &mut Conn, id: HookId) -> Result<Option<HookRow>, StoreError> {
    query_built("hooks.by_id", format!("SELECT {HOOK} FROM hooks WHERE id = $1"))
        .bind(id.0)
        .optional(conn)
        .await
}

/// The ids of the active webhooks of a repository, and the topics that they chose.
pub async fn listening(conn: &mut Conn, repository: RepoId) -> Result<Vec<(i64, String)>, StoreError> {
    query(
        "hooks.listening",
        "SELECT id, topics FROM hooks WHERE repository_id = $1 AND active = 1 ORDER BY id",
    )
    .bind(repository.0)
    .all(conn)
    .await
}

/// Adds a webhook; its id is that of the row that comes back.
pub async fn insert(tx: &mut Tx<'_>, row: &HookRow) -> Result<HookId, StoreError> {
    let (id,) = query(
        "hooks.insert",
        "INSERT INTO hooks (uuid, repository_id, url, sealed_secret, topics, format, ordered, active, created_at_ms, \
         updated_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
    )
    .bind(row.uuid.as_str())
    .bind(row.repository_id)
    .bind(row.url.as_str())
    .bind(row.sealed_secret.clone())
    .bind(row.topics.as_str())
    .bind(row.format.as_str())
    .bind(i64::from(row.ordered))
    .bind(i64::from(row.active))
    .bind(row.created_at_ms)
    .bind(row.updated_at_ms)
    .one(tx)
    .await?;
    Ok(HookId(id))
}

/// Writes what may change of a webhook.
pub async fn update(tx: &mut Tx<'_>, row: &HookRow) -> Result<(), StoreError> {
    query(
        "hooks.update",
        "UPDATE hooks SET url = $1, sealed_secret = $2, topics = $3, format = $4, ordered = $5, active = $6, \
         updated_at_ms = $7 WHERE id = $8",
    )
    .bind(row.url.as_str())
    .bind(row.sealed_secret.clone())
    .bind(row.topics.as_str())
    .bind(row.format.as_str())
    .bind(i64::from(row.ordered))
    .bind(i64::from(row.active))
    .bind(row.updated_at_ms)
    .bind(row.id)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes a webhook with all that it was told, and still was to be.
pub async fn delete(tx: &mut Tx<'_>, id: HookId) -> Result<(), StoreError> {
    query("hooks.delete", "DELETE FROM hooks WHERE id = $1")
        .bind(id.0)
        .execute(tx)
        .await?;
    Ok(())
}

/// What goes with a repository that is removed for good.
pub(crate) const PURGED: [(&str, &str); 2] = [
    ("hooks.purge", "DELETE FROM hooks WHERE repository_id = $1"),
    ("events.purge", "DELETE FROM events WHERE repository_id = $1"),
];

/// What a webhook is told of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its id.
    pub id: i64,
    /// The webhook.
    pub hook_id: i64,
    /// The event.
    pub event_id: i64,
    /// What happened, as in `issue.closed`.
    pub kind: String,
    /// `owed`, `delivered` or `failed`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Not before this moment, while it is owed.
    pub next_at_ms: i64,
    /// When it was first owed, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was tried last.
    pub attempted_at_ms: Option<i64>,
    /// How long that took, in milliseconds.
    pub took_ms: Option<i64>,
    /// What the receiver answered.
    pub status: Option<i64>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// What was sent.
    pub request: Option<String>,
    /// What came back.
    pub response: Option<String>,
    /// The delivery that this one repeats.
    pub repeats: Option<i64>,
}

impl FromRow<'_, AnyRow> for DeliveryRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            hook_id: row.try_get("hook_id")?,
            event_id: row.try_get("event_id")?,
            kind: row.try_get("kind")?,
            state: row.try_get("state")?,
            attempts: row.try_get("attempts")?,
            next_at_ms: row.try_get("next_at_ms")?,
            created_at_ms: row.try_get("created_at_ms")?,
            attempted_at_ms: row.try_get("attempted_at_ms")?,
            took_ms: row.try_get("took_ms")?,
            status: row.try_get("status")?,
            error: row.try_get("error")?,
            request: row.try_get("request")?,
            response: row.try_get("response")?,
            repeats: row.try_get("repeats")?,
        })
    }
}

const DELIVERY: &str = "id, hook_id, event_id, kind, state, attempts, next_at_ms, created_at_ms, attempted_at_ms, \
                        took_ms, status, error, request, response, repeats";

/// A delivery that is owed from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed<'a> {
    /// The webhook.
    pub hook: HookId,
    /// The event.
    pub event: i64,
    /// What happened, as in `issue.closed`.
    pub kind: &'a str,
    /// The delivery that it repeats.
    pub repeats: Option<i64>,
    /// What is sent, where that is known already.
    pub request: Option<&'a str>,
}

/// Writes down that a webhook is owed an event.
pub async fn owe(tx: &mut Tx<'_>, owed: Owed<'_>, now_ms: i64) -> Result<DeliveryId, StoreError> {
    let (id,) = query(
        "hook_deliveries.owe",
        "INSERT INTO hook_deliveries (hook_id, event_id, kind, state, attempts, next_at_ms, created_at_ms, repeats, \
         request) VALUES ($1, $2, $3, 'owed', 0, $4, $5, $6, $7) RETURNING id",
    )
    .bind(owed.hook.0)
    .bind(owed.event)
    .bind(owed.kind)
    .bind(now_ms)
    .bind(now_ms)
    .bind(owed.repeats)
    .bind(owed.request)
    .one(tx)
    .await?;
    Ok(DeliveryId(id))
}

/// What a webhook is owed and may be told by now, at most so many, those that wait longest first.
pub async fn due(
    conn: &mut Conn,
    hook: HookId,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    query_built(
        "hook_deliveries.due",
        format!(
            "SELECT {DELIVERY} FROM hook_deliveries WHERE hook_id = $1 AND state = 'owed' AND next_at_ms <= $2 \
             ORDER BY next_at_ms, id LIMIT $3"
        ),
    )
    .bind(hook.0)
    .bind(now_ms)
    .bind(limit)
    .all(conn)
    .await
}

/// The first that a webhook is owed, whether it may be told by now or not.
pub async fn first(conn: &mut Conn, hook: HookId) -> Result<Option<DeliveryRow>, StoreError> {
    query_built(
        "hook_deliveries.first",
        format!(
            "SELECT {DELIVERY} FROM hook_deliveries WHERE hook_id = $1 AND state = 'owed' ORDER BY id LIMIT 1"
        ),
    )
    .bind(hook.0)
    .optional(conn)
    .await
}

/// When an active webhook is to be told something next; none where it is owed nothing.
pub async fn next_at_ms(conn: &mut Conn, hook: HookId) -> Result<Option<i64>, StoreError> {
    let found = query(
        "hook_deliveries.next",
        "SELECT d.next_at_ms FROM hook_deliveries d JOIN hooks h ON h.id = d.hook_id \
         WHERE d.hook_id = $1 AND d.state = 'owed' AND h.active = 1 \
         ORDER BY CASE WHEN h.ordered = 1 THEN d.id ELSE d.next_at_ms END LIMIT 1",
    )
    .bind(hook.0)
    .optional::<(i64,)>(conn)
    .await?;
    Ok(found.map(|(at_ms,)| at_ms))
}

/// Writes down how an attempt went, unless somebody else has made it meanwhile; whether it was written.
pub async fn attempted(tx: &mut Tx<'_>, row: &DeliveryRow) -> Result<bool, StoreError> {
    let written = query(
        "hook_deliveries.attempted",
        "UPDATE hook_deliveries SET state = $1, attempts = $2, next_at_ms = $3, attempted_at_ms = $4, took_ms = $5, \
         status = $6, error = $7, request = $8, response = $9 WHERE id = $10 AND state = 'owed' AND attempts < $11",
    )
    .bind(row.state.as_str())
    .bind(row.attempts)
    .bind(row.next_at_ms)
    .bind(row.attempted_at_ms)
    .bind(row.took_ms)
    .bind(row.status)
    .bind(row.error.as_deref())
    .bind(row.request.as_deref())
    .bind(row.response.as_deref())
    .bind(row.id)
    .bind(row.attempts)
    .execute(tx)
    .await?;
    Ok(written == 1)
}

/// At most `limit` deliveries of a webhook with a smaller id than `before`, the latest first, without
/// what was sent and came back.
pub async fn deliveries(
    conn: &mut Conn,
    hook: HookId,
    before: i64,
    limit: i64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let columns = DELIVERY.replace(
        "request, response",
        "CAST(NULL AS TEXT) AS request, CAST(NULL AS TEXT) AS response",
    );
    query_built(
        "hook_deliveries.list",
        format!(
            "SELECT {columns} FROM hook_deliveries WHERE hook_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
        ),
    )
    .bind(hook.0)
    .bind(before)
    .bind(limit)
    .all(conn)
    .await
}

/// The delivery of this id, if it is one of the webhook.
pub async fn delivery(
    conn: &mut Conn,
    hook: HookId,
    id: DeliveryId,
) -> Result<Option<DeliveryRow>, StoreError> {
    query_built(
        "hook_deliveries.find",
        format!("SELECT {DELIVERY} FROM hook_deliveries WHERE hook_id = $1 AND id = $2"),
    )
    .bind(hook.0)
    .bind(id.0)
    .optional(conn)
    .await
}

/// Removes at most `limit` deliveries that ended and were owed before a moment, and how many those were.
pub async fn sweep(tx: &mut Tx<'_>, before_ms: i64, limit: i64) -> Result<u64, StoreError> {
    query(
        "hook_deliveries.sweep",
        "DELETE FROM hook_deliveries WHERE id IN (SELECT id FROM hook_deliveries WHERE created_at_ms < $1 \
         AND state <> 'owed' ORDER BY created_at_ms LIMIT $2)",
    )
    .bind(before_ms)
    .bind(limit)
    .execute(tx)
    .await
}

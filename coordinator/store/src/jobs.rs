//! The job table: what is still owed. What a job does is the forge's to know.

use crate::{Conn, StoreError, Tx, query, query_built};
use plue_contract::JobId;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

/// One job that was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Its number.
    pub id: i64,
    /// What kind of job it is.
    pub kind: String,
    /// What it is about, in JSON.
    pub payload: String,
    /// The request that it follows from.
    pub request_id: String,
    /// How often it was asked for.
    pub revision: i64,
    /// How often it was begun since it succeeded last, this time included.
    pub attempts: i64,
}

impl FromRow<'_, AnyRow> for JobRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            payload: row.try_get("payload")?,
            request_id: row.try_get("request_id")?,
            revision: row.try_get("revision")?,
            attempts: row.try_get("attempts")?,
        })
    }
}

/// A job that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct NewJobRow<'a> {
    /// What kind of job it is.
    pub kind: &'a str,
    /// Jobs of the same key are one job.
    pub coalesce_key: &'a str,
    /// What it is about, in JSON.
    pub payload: &'a str,
    /// The request that it follows from.
    pub request_id: &'a str,
    /// Not before this moment, in milliseconds since 1970.
    pub run_after_ms: i64,
}

/// Asks for a job, in the transaction of its cause. One that is asked for already is moved
/// forward, not doubled; one that is running runs again, at the moment that is asked for now.
pub async fn enqueue(tx: &mut Tx<'_>, job: NewJobRow<'_>, now_ms: i64) -> Result<(), StoreError> {
    query(
        "jobs.enqueue",
        "INSERT INTO jobs (kind, coalesce_key, payload, request_id, revision, attempts, run_after_ms, \
         created_at_ms) VALUES ($1, $2, $3, $4, 1, 0, $5, $6) \
         ON CONFLICT (coalesce_key) DO UPDATE SET revision = jobs.revision + 1, payload = excluded.payload, \
         request_id = excluded.request_id, \
         run_after_ms = CASE WHEN jobs.lease_until_ms IS NOT NULL OR excluded.run_after_ms < jobs.run_after_ms \
         THEN excluded.run_after_ms ELSE jobs.run_after_ms END",
    )
    .bind(job.kind)
    .bind(job.coalesce_key)
    .bind(job.payload)
    .bind(job.request_id)
    .bind(job.run_after_ms)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Asks for a job unless it is asked for already; whether it was not.
pub async fn enqueue_once(tx: &mut Tx<'_>, job: NewJobRow<'_>, now_ms: i64) -> Result<bool, StoreError> {
    let added = query(
        "jobs.enqueue_once",
        "INSERT INTO jobs (kind, coalesce_key, payload, request_id, revision, attempts, run_after_ms, \
         created_at_ms) VALUES ($1, $2, $3, $4, 1, 0, $5, $6) ON CONFLICT (coalesce_key) DO NOTHING",
    )
    .bind(job.kind)
    .bind(job.coalesce_key)
    .bind(job.payload)
    .bind(job.request_id)
    .bind(job.run_after_ms)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(added == 1)
}

/// Which jobs are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Those of these kinds.
    Of(&'a [&'a str]),
    /// Those of every other kind.
    OtherThan(&'a [&'a str]),
}

/// Claims one due job that nobody holds, for as long as the lease lasts.
pub async fn claim(
    tx: &mut Tx<'_>,
    which: Which<'_>,
    owner: &str,
    lease_until_ms: i64,
    now_ms: i64,
) -> Result<Option<JobRow>, StoreError> {
    // Workers that claim at once pass each other's candidate over instead of waiting for it.
    let skip = tx.engine().pick("", " FOR UPDATE SKIP LOCKED");
    let (compares, kinds) = match which {
        Which::Of(kinds) => ("IN", kinds),
        Which::OtherThan(kinds) => ("NOT IN", kinds),
    };
    let places: Vec<String> = (3..3 + kinds.len()).map(|at| format!("${at}")).collect();
    let mut candidate = query_built(
        "jobs.candidate",
        format!(
            "SELECT id FROM jobs WHERE run_after_ms <= $1 AND (lease_until_ms IS NULL OR lease_until_ms < $2) \
             AND kind {compares} ({}) ORDER BY run_after_ms, id LIMIT 1{skip}",
            places.join(", ")
        ),
    )
    .bind(now_ms)
    .bind(now_ms);
    for kind in kinds {
        candidate = candidate.bind(*kind);
    }
    let candidate = candidate.optional::<(i64,)>(tx).await?;
    let Some((id,)) = candidate else {
        return Ok(None);
    };
    query(
        "jobs.claim",
        "UPDATE jobs SET lease_owner = $1, lease_until_ms = $2, attempts = attempts + 1 WHERE id = $3 \
         RETURNING id, kind, payload, request_id, revision, attempts",
    )
    .bind(owner)
    .bind(lease_until_ms)
    .bind(id)
    .optional(tx)
    .await
}

/// Holds a job for longer, if it is still its owner's; whether it is.
pub async fn renew(
    tx: &mut Tx<'_>,
    job: &JobRow,
    owner: &str,
    lease_until_ms: i64,
) -> Result<bool, StoreError> {
    let renewed = query(
        "jobs.renew",
        "UPDATE jobs SET lease_until_ms = $1 WHERE id = $2 AND lease_owner = $3",
    )
    .bind(lease_until_ms)
    .bind(job.id)
    .bind(owner)
    .execute(tx)
    .await?;
    Ok(renewed == 1)
}

/// Ends a job that its owner has done. If it was asked for again meanwhile, it is due again.
pub async fn complete(tx: &mut Tx<'_>, job: &JobRow, owner: &str) -> Result<(), StoreError> {
    let done = query(
        "jobs.complete",
        "DELETE FROM jobs WHERE id = $1 AND lease_owner = $2 AND revision = $3",
    )
    .bind(job.id)
    .bind(owner)
    .bind(job.revision)
    .execute(tx)
    .await?;
    if done == 0 {
        query(
            "jobs.release",
            "UPDATE jobs SET lease_owner = NULL, lease_until_ms = NULL, attempts = 0, last_error = NULL \
             WHERE id = $1 AND lease_owner = $2",
        )
        .bind(job.id)
        .bind(owner)
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Puts a job back that failed, to be tried again at a moment.
pub async fn fail(
    tx: &mut Tx<'_>,
    job: &JobRow,
    owner: &str,
    error: &str,
    run_after_ms: i64,
) -> Result<(), StoreError> {
    query(
        "jobs.fail",
        "UPDATE jobs SET lease_owner = NULL, lease_until_ms = NULL, last_error = $1, run_after_ms = $2 \
         WHERE id = $3 AND lease_owner = $4",
    )
    .bind(error)
    .bind(run_after_ms)
    .bind(job.id)
    .bind(owner)
    .execute(tx)
    .await?;
    Ok(())
}

/// How many jobs are asked for and not done, those that run just now among them.
pub async fn count(conn: &mut Conn) -> Result<i64, StoreError> {
    let (count,) = query("jobs.count", "SELECT COUNT(*) FROM jobs")
        .one::<(i64,)>(conn)
        .await?;
    Ok(count)
}

/// The kinds, payloads and last errors of all jobs, in the order in which they are due.
pub async fn all(conn: &mut Conn) -> Result<Vec<(JobId, String, String, Option<String>)>, StoreError> {
    let rows = query(
        "jobs.all",
        "SELECT id, kind, payload, last_error FROM jobs ORDER BY run_after_ms, id",
    )
    .all::<(i64, String, String, Option<String>)>(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, kind, payload, error)| (JobId(id), kind, payload, error))
        .collect())
}

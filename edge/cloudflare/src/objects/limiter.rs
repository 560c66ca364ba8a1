//! `RateLimiter`: the buckets of one shard of keys, in SQLite. How a bucket fills is the
//! gateway's; this object only makes a take atomic and remembers it across restarts.

use super::{answer, message};
use crate::host::now_ms;
use plue_gateway::limits::{Bucket, Decision, Rate};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::panic::RefUnwindSafe;
use std::time::Duration;
use worker::{DurableObject, Env, Request, Response, Result, SqlStorage, State, durable_object};

/// How often buckets that have filled up again are forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How many buckets are kept after a sweep; the fullest go first.
const KEPT: i64 = 200_000;

/// Takes from a bucket, or gives back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Take {
    /// Which bucket.
    pub key: String,
    /// How many tokens it holds.
    pub burst: u32,
    /// In how many milliseconds it fills from empty.
    pub per_ms: u64,
    /// How many tokens are taken; with none, the bucket is only looked at.
    pub cost: u32,
    /// Whether they are given back, having been taken for what need not count after all.
    #[serde(default)]
    pub back: bool,
}

/// What came of it; the fields are those of [`Decision`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Taken {
    allowed: bool,
    limit: u32,
    remaining: u32,
    reset_ms: u64,
    retry_after_ms: u64,
}

impl From<Decision> for Taken {
    fn from(from: Decision) -> Self {
        Self {
            allowed: from.allowed,
            limit: from.limit,
            remaining: from.remaining,
            reset_ms: from.reset_ms,
            retry_after_ms: from.retry_after_ms,
        }
    }
}

impl From<Taken> for Decision {
    fn from(from: Taken) -> Self {
        Self {
            allowed: from.allowed,
            limit: from.limit,
            remaining: from.remaining,
            reset_ms: from.reset_ms,
            retry_after_ms: from.retry_after_ms,
        }
    }
}

#[derive(Deserialize)]
struct Row {
    full_at_us: u64,
}

/// The buckets of one shard of keys.
#[durable_object(alarm)]
pub struct RateLimiter {
    state: State,
    has_table: Cell<bool>,
    sweep_is_set: Cell<bool>,
}

/// A take is one statement; what a panic may leave behind are the flags, which cost a statement more.
impl RefUnwindSafe for RateLimiter {}

impl RateLimiter {
    fn sql(&self) -> Result<SqlStorage> {
        let sql = self.state.storage().sql();
        if !self.has_table.get() {
            sql.exec(
                "CREATE TABLE IF NOT EXISTS buckets \
                 (key TEXT PRIMARY KEY, full_at_us INTEGER NOT NULL) WITHOUT ROWID",
                None,
            )?;
            self.has_table.set(true);
        }
        Ok(sql)
    }

    /// No await stands between the read and the write, so that no other take comes between.
    fn take(&self, take: &Take) -> Result<Decision> {
        let sql = self.sql()?;
        let rows: Vec<Row> = sql
            .exec(
                "SELECT full_at_us FROM buckets WHERE key = ?",
                vec![take.key.as_str().into()],
            )?
            .to_array()?;
        let mut bucket = rows.first().map_or_else(Bucket::default, |row| Bucket {
            full_at_us: row.full_at_us,
        });
        let rate = Rate {
            burst: take.burst,
            per_ms: take.per_ms,
        };
        let now_ms = now_ms();
        let decision = if take.back {
            bucket.give_back(now_ms, rate, take.cost);
            bucket.take(now_ms, rate, 0)
        } else {
            bucket.take(now_ms, rate, take.cost)
        };
        if decision.allowed && take.cost > 0 {
            let full_at_us = i64::try_from(bucket.full_at_us).unwrap_or(i64::MAX);
            sql.exec(
                "INSERT INTO buckets (key, full_at_us) VALUES (?, ?) \
                 ON CONFLICT (key) DO UPDATE SET full_at_us = excluded.full_at_us",
                vec![take.key.as_str().into(), full_at_us.into()],
            )?;
        }
        Ok(decision)
    }

    async fn set_sweep(&self) -> Result<()> {
        if !self.sweep_is_set.replace(true) {
            self.state.storage().set_alarm(SWEEP_EVERY).await?;
        }
        Ok(())
    }
}

impl DurableObject for RateLimiter {
    fn new(state: State, _env: Env) -> Self {
        Self {
            state,
            has_table: Cell::new(false),
            sweep_is_set: Cell::new(false),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let take: Take = message(&mut request).await?;
        #[cfg(feature = "failpoints")]
        assert!(!take.key.starts_with("relaxed:people:account:"), "a fail point");
        let decision = self.take(&take)?;
        self.set_sweep().await?;
        answer(&Taken::from(decision))
    }

    /// Forgets the buckets that have filled up, and, past the bound, those nearest to it.
    async fn alarm(&self) -> Result<Response> {
        #[derive(Deserialize)]
        struct Count {
            left: i64,
        }
        let sql = self.sql()?;
        let now_us = i64::try_from(now_ms().saturating_mul(1_000)).unwrap_or(i64::MAX);
        sql.exec("DELETE FROM buckets WHERE full_at_us <= ?", vec![now_us.into()])?;
        let Count { left } = sql.exec("SELECT count(*) AS left FROM buckets", None)?.one()?;
        if left > KEPT {
            sql.exec(
                "DELETE FROM buckets WHERE key IN (SELECT key FROM buckets ORDER BY full_at_us LIMIT ?)",
                vec![(left - KEPT).into()],
            )?;
        }
        self.sweep_is_set.set(false);
        if left > 0 {
            self.set_sweep().await?;
        }
        Response::empty()
    }
}

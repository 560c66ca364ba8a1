//! What happens without being asked: due jobs, the watcher, and the figures that are counted
//! rather than recorded. Which jobs there are and what each does is the forge's.

use crate::http::site::Site;
use plue_contract::causes;
use plue_forge::jobs::Lane;
use plue_forge::{cache, health, jobs, sessions, watcher};
use std::future::Future;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often due jobs are looked for.
const JOBS_EVERY: Duration = Duration::from_secs(1);
/// How often is counted.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// Calls `act` again and again, `every` apart from the end of one to the begin of the next, until
/// the task is dropped.
async fn repeat<A: Future<Output = ()>>(every: Duration, act: impl Fn() -> A) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        act().await;
    }
}

/// Runs the jobs of a lane as they become due. `worker` is this process among all that share the
/// database.
pub async fn run(site: &Site, lane: Lane, worker: &str) {
    repeat(JOBS_EVERY, || async {
        if let Err(error) = jobs::run_lane(&site.forge, lane, worker, site.now_ms()).await {
            tracing::error!(error = %causes(&error), "the jobs could not be run");
        }
    })
    .await;
}

/// Brings in refs that tools wrote into cached repositories.
pub async fn watch(site: &Site, every: Duration) {
    repeat(every, || async {
        match watcher::scan(&site.forge, site.now_ms()).await {
            Ok(reports) => {
                for report in reports {
                    tracing::info!(?report, "refs were brought in from outside");
                }
            }
            Err(error) => tracing::warn!(error = %causes(&error), "the watcher could not look"),
        }
    })
    .await;
}

/// Holds the cached repositories to their budget.
pub async fn evict(site: &Site, every: Duration) {
    repeat(every, || async {
        match cache::keep_within_budget(&site.forge).await {
            Ok(kept) if kept.evicted > 0 => tracing::info!(?kept, "cached repositories were evicted"),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = %causes(&error), "the cached repositories could not be measured")
            }
        }
    })
    .await;
}

/// Keeps the figures true that are counted.
pub async fn count(site: &Site) {
    repeat(COUNT_EVERY, || async {
        match sessions::count_active(&site.forge, site.now_ms()).await {
            Ok(active) => metrics::gauge!("plue_sessions_active").set(active as f64),
            Err(error) => tracing::warn!(error = %causes(&error), "sessions could not be counted"),
        }
        match jobs::count_waiting(&site.forge).await {
            Ok(waiting) => metrics::gauge!("plue_jobs_waiting").set(waiting as f64),
            Err(error) => tracing::warn!(error = %causes(&error), "jobs could not be counted"),
        }
        let pool = health::pool(&site.forge);
        metrics::gauge!("plue_database_connections", "state" => "open").set(f64::from(pool.open));
        metrics::gauge!("plue_database_connections", "state" => "idle").set(f64::from(pool.idle));
    })
    .await;
}

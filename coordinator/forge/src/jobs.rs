//! Follow-up work: asked for in the transaction of its cause, done later, safe to do twice.
//!
//! Here is which jobs there are, when they run, and what happens when one fails; what each of
//! them does is a function of the noun that it is about.

use crate::mail::{self, Letter};
use crate::{Error, Forge, browse, edge, events, expiry, follow_up, hooks, maintenance, sessions, sweeper};
use plue_contract::{HookId, RepoId, causes};
use plue_store::Tx;
use plue_store::hooks as hook_rows;
use plue_store::jobs::{self as rows, JobRow, NewJobRow, Which};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::Instrument;

/// How often a running lane that has room looks for more that is due.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The pause before a job that failed is tried again, in milliseconds; each further one is twice
/// as long.
const FIRST_PAUSE_MS: i64 = 5_000;
/// The longest such pause, in milliseconds.
const LONGEST_PAUSE_MS: i64 = 60 * 60 * 1000;
/// How long after a push its repository is looked after, in milliseconds: a burst of pushes is
/// one job.
pub(crate) const MAINTAIN_AFTER_MS: i64 = 30_000;

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// End uploads that came to nothing and delete dead packs.
    SweepUploads,
    /// Remove sessions that have expired.
    SweepSessions,
    /// Forget what the edge was granted long ago.
    SweepGrants,
    /// Remove a deleted repository for good.
    PurgeDeleted {
        /// The repository.
        repository: RepoId,
    },
    /// Keep a repository quick to serve.
    Maintain {
        /// The repository.
        repository: RepoId,
    },
    /// Prepare what pages read of a repository.
    Prepare {
        /// The repository.
        repository: RepoId,
    },
    /// Remove what nothing in a repository has referred to for long.
    Expire {
        /// The repository.
        repository: RepoId,
    },
    /// Send a letter.
    Mail {
        /// Which.
        letter: Letter,
        /// When it was asked for, in milliseconds since 1970.
        asked_at_ms: i64,
    },
    /// Tell a webhook what it is owed.
    Deliver {
        /// The webhook.
        hook: HookId,
    },
    /// Forget events and deliveries of long ago.
    SweepEvents,
    /// Do what follows for people from what happened.
    FollowUp {
        /// The numbers of the events.
        events: Vec<i64>,
        /// The only repositories in which who caused them may do something, where there is such a list.
        #[serde(default)]
        only: Option<Vec<RepoId>>,
    },
}

/// Jobs that wait for each other. Those of one lane run one after the other, or a few at once, and no
/// lane waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// What looks through whole repositories: of a very large one that takes minutes.
    Whole,
    /// Letters: a mail server may take its time.
    Mail,
    /// What is told to others, who may take their time.
    Hooks,
    /// What follows for people, who wait for it.
    People,
    /// All the rest.
    Rest,
}

/// The kinds of the jobs of all lanes but [`Lane::Rest`], and all of these.
const WHOLE: &[&str] = &["prepare", "expire"];
const MAIL: &[&str] = &["mail"];
const HOOKS: &[&str] = &["deliver"];
const PEOPLE: &[&str] = &["follow_up"];
const APART: &[&str] = &["prepare", "expire", "mail", "deliver", "follow_up"];

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 5] = [Self::Whole, Self::People, Self::Mail, Self::Hooks, Self::Rest];

    fn jobs(self) -> Which<'static> {
        match self {
            Self::Whole => Which::Of(WHOLE),
            Self::Mail => Which::Of(MAIL),
            Self::Hooks => Which::Of(HOOKS),
            Self::People => Which::Of(PEOPLE),
            Self::Rest => Which::OtherThan(APART),
        }
    }

    /// How many of its jobs run at once.
    const fn width(self) -> usize {
        match self {
            Self::Hooks => 8,
            Self::Whole | Self::Mail | Self::People | Self::Rest => 1,
        }
    }

    /// How long a job stays with a worker of which nothing is heard, in milliseconds. A worker that
    /// runs one renews that three times as often.
    const fn lease_ms(self) -> i64 {
        match self {
            // Whoever waits to be told should not wait long because a coordinator died.
            Self::Hooks => 10_000,
            Self::Whole | Self::Mail | Self::People | Self::Rest => 30 * 60 * 1000,
        }
    }
}

/// The jobs that are always there, and how often they run, in milliseconds.
const RECURRING: [(Job, i64); 4] = [
    (Job::SweepUploads, 10 * 60 * 1000),
    (Job::SweepSessions, 5 * 60 * 1000),
    (Job::SweepGrants, 60 * 60 * 1000),
    (Job::SweepEvents, 60 * 60 * 1000),
];

impl Job {
    /// The word by which it is counted and logged.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SweepUploads => "sweep_uploads",
            Self::SweepSessions => "sweep_sessions",
            Self::SweepGrants => "sweep_grants",
            Self::PurgeDeleted { .. } => "purge_deleted",
            Self::Maintain { .. } => "maintain",
            Self::Prepare { .. } => "prepare",
            Self::Expire { .. } => "expire",
            Self::Mail { .. } => "mail",
            Self::Deliver { .. } => "deliver",
            Self::SweepEvents => "sweep_events",
            Self::FollowUp { .. } => "follow_up",
        }
    }

    /// Jobs of the same key are one job.
    fn key(&self) -> String {
        match self {
            Self::SweepUploads | Self::SweepSessions | Self::SweepGrants | Self::SweepEvents => {
                self.kind().to_owned()
            }
            Self::Deliver { hook } => format!("{}:{hook}", self.kind()),
            Self::FollowUp { events, .. } => {
                format!("{}:{}", self.kind(), events.first().copied().unwrap_or_default())
            }
            Self::PurgeDeleted { repository }
            | Self::Maintain { repository }
            | Self::Prepare { repository }
            | Self::Expire { repository } => {
                format!("{}:{repository}", self.kind())
            }
            Self::Mail { letter, .. } => format!("{}:{}", self.kind(), letter.key()),
        }
    }

    fn every_ms(&self) -> Option<i64> {
        RECURRING
            .iter()
            .find(|(job, _)| job == self)
            .map(|(_, every_ms)| *every_ms)
    }

    async fn run(&self, forge: &Forge, request_id: &str, now_ms: i64) -> Result<(), Error> {
        match self {
            Self::SweepUploads => sweeper::sweep_uploads(forge, now_ms).await.map(drop),
            Self::SweepSessions => sessions::sweep(forge, now_ms).await.map(drop),
            Self::SweepGrants => edge::sweep(forge, now_ms).await.map(drop),
            Self::PurgeDeleted { repository } => {
                sweeper::purge_deleted(forge, *repository, request_id, now_ms).await
            }
            Self::Maintain { repository } => maintenance::maintain(forge, *repository, now_ms).await,
            Self::Prepare { repository } => browse::prepare::prepare(forge, *repository).await,
            Self::Expire { repository } => expiry::expire(forge, *repository, now_ms).await,
            Self::Mail { letter, asked_at_ms } => {
                mail::send(forge, letter, *asked_at_ms, request_id, now_ms).await
            }
            Self::Deliver { hook } => hooks::deliver::deliver(forge, *hook, now_ms).await,
            Self::SweepEvents => events::sweep(forge, now_ms).await.map(drop),
            Self::FollowUp { events, only } => {
                follow_up::run(forge, events, only.as_deref(), request_id, now_ms).await
            }
        }
    }

    /// When it is to be done again, once it was done: asked within the transaction that ends it, so
    /// that nothing that is asked for meanwhile is lost.
    async fn again_at_ms(&self, tx: &mut Tx<'_>, now_ms: i64) -> Result<Option<i64>, Error> {
        Ok(match self {
            Self::Deliver { hook } => hook_rows::next_at_ms(tx, *hook).await?.map(|at| at.max(now_ms)),
            job => job.every_ms().map(|every_ms| now_ms.saturating_add(every_ms)),
        })
    }
}

/// A job that is asked for.
pub(crate) struct NewJob {
    pub(crate) job: Job,
    /// Not before this moment, in milliseconds since 1970.
    pub(crate) run_after_ms: i64,
}

/// Asks for a job in the transaction of its cause.
pub(crate) async fn enqueue_in(
    tx: &mut Tx<'_>,
    new: NewJob,
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let (key, payload) = (new.job.key(), payload(&new.job)?);
    let row = NewJobRow {
        kind: new.job.kind(),
        coalesce_key: &key,
        payload: &payload,
        request_id,
        run_after_ms: new.run_after_ms,
    };
    Ok(rows::enqueue(tx, row, now_ms).await?)
}

/// Sees to it that the recurring jobs are there. For the start of the program.
pub async fn plant(forge: &Forge, now_ms: i64) -> Result<(), Error> {
    for (job, _) in &RECURRING {
        let (key, payload) = (job.key(), payload(job)?);
        let row = NewJobRow {
            kind: job.kind(),
            coalesce_key: &key,
            payload: &payload,
            request_id: "start",
            run_after_ms: now_ms,
        };
        forge
            .store()
            .in_tx("jobs.plant", |tx| {
                Box::pin(async move { Ok::<_, Error>(rows::enqueue_once(tx, row, now_ms).await?) })
            })
            .await?;
    }
    Ok(())
}

/// Runs every job that is due, of one lane after the other, as [`run_lane`] does; how many that
/// were.
pub async fn run_due(forge: &Forge, worker: &str, now_ms: i64) -> Result<usize, Error> {
    let mut done = 0;
    for lane in Lane::ALL {
        done += run_lane(forge, lane, worker, now_ms).await?;
    }
    Ok(done)
}

/// Runs every job of a lane that is due, as this worker; how many that were. A job that fails is put
/// back, with its error, and tried again after a pause.
pub async fn run_lane(forge: &Forge, lane: Lane, worker: &str, now_ms: i64) -> Result<usize, Error> {
    let clock = crate::clock::Clock::set(now_ms);
    let mut running = JoinSet::new();
    let mut done = 0;
    loop {
        while running.len() < lane.width()
            && let Some(row) = claim(forge, lane, worker, clock.now_ms()).await?
        {
            let span = tracing::info_span!(
                "job",
                request_id = row.request_id,
                kind = row.kind,
                id = row.id,
                attempts = row.attempts
            );
            let (forge, worker) = (forge.clone(), worker.to_owned());
            let run = async move { run_row(&forge, lane, &row, &worker, clock).await };
            running.spawn(run.instrument(span));
        }
        if running.is_empty() {
            return Ok(done);
        }
        tokio::select! {
            Some(ended) = running.join_next() => {
                ended.map_err(|error| Error::Internal(format!("a job: {error}")))??;
                done += 1;
            }
            () = tokio::time::sleep(LOOK_EVERY), if running.len() < lane.width() => {}
        }
    }
}

/// Runs one job that was claimed, for as long as it stays this worker's.
async fn run_row(
    forge: &Forge,
    lane: Lane,
    row: &JobRow,
    worker: &str,
    clock: crate::clock::Clock,
) -> Result<(), Error> {
    let begun_ms = clock.now_ms();
    let outcome = tokio::select! {
        outcome = run_one(forge, row, begun_ms) => outcome,
        lost = keep(forge, lane, row, worker, clock) => {
            tracing::warn!("a job is another worker's by now");
            return lost;
        }
    };
    let result = if outcome.is_ok() { "ok" } else { "failed" };
    metrics::counter!("plue_jobs_total", "kind" => row.kind.clone(), "result" => result).increment(1);
    let ended_ms = clock.now_ms();
    match &outcome {
        Ok(_) => tracing::info!(took_ms = ended_ms - begun_ms, "a job is done"),
        Err((_, error)) => {
            tracing::warn!(error = %causes(&error), "a job failed and will be tried again")
        }
    }
    end(forge, row, worker, outcome, ended_ms).await
}

/// Renews the lease of a running job; returns once it was lost.
async fn keep(
    forge: &Forge,
    lane: Lane,
    row: &JobRow,
    worker: &str,
    clock: crate::clock::Clock,
) -> Result<(), Error> {
    let every = Duration::from_millis(lane.lease_ms().unsigned_abs() / 3);
    loop {
        tokio::time::sleep(every).await;
        let until_ms = clock.now_ms().saturating_add(lane.lease_ms());
        let renewing = forge.store().in_tx("jobs.renew", |tx| {
            Box::pin(async move { Ok::<_, Error>(rows::renew(tx, row, worker, until_ms).await?) })
        });
        match renewing.await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // What is done goes on; whether the lease is lost is seen next time.
            Err(error) => tracing::warn!(error = %causes(&error), "a job could not be held for longer"),
        }
    }
}

/// How many jobs are asked for and not done.
pub async fn count_waiting(forge: &Forge) -> Result<i64, Error> {
    Ok(rows::count(&mut forge.store().read().await?).await?)
}

async fn claim(forge: &Forge, lane: Lane, worker: &str, now_ms: i64) -> Result<Option<JobRow>, Error> {
    forge
        .store()
        .in_tx("jobs.claim", |tx| {
            Box::pin(async move {
                let until_ms = now_ms.saturating_add(lane.lease_ms());
                Ok::<_, Error>(rows::claim(tx, lane.jobs(), worker, until_ms, now_ms).await?)
            })
        })
        .await
}

async fn run_one(forge: &Forge, row: &JobRow, now_ms: i64) -> Result<Job, (Option<Job>, Error)> {
    let job: Job = serde_json::from_str(&row.payload)
        .map_err(|error| (None, Error::Internal(format!("a job's payload: {error}"))))?;
    match job.run(forge, &row.request_id, now_ms).await {
        Ok(()) => Ok(job),
        Err(error) => Err((Some(job), error)),
    }
}

async fn end(
    forge: &Forge,
    row: &JobRow,
    worker: &str,
    outcome: Result<Job, (Option<Job>, Error)>,
    now_ms: i64,
) -> Result<(), Error> {
    let outcome = &outcome;
    forge
        .store()
        .in_tx("jobs.end", |tx| {
            Box::pin(async move {
                match outcome {
                    Ok(job) => {
                        rows::complete(tx, row, worker).await?;
                        if let Some(run_after_ms) = job.again_at_ms(tx, now_ms).await? {
                            let next = NewJob {
                                job: job.clone(),
                                run_after_ms,
                            };
                            enqueue_in(tx, next, &row.request_id, now_ms).await?;
                        }
                    }
                    Err((_, error)) => {
                        let again_ms = now_ms.saturating_add(pause_ms(row.attempts));
                        rows::fail(tx, row, worker, &error.to_string(), again_ms).await?;
                    }
                }
                Ok(())
            })
        })
        .await
}

fn pause_ms(attempts: i64) -> i64 {
    let doublings = attempts.clamp(1, 20) - 1;
    (FIRST_PAUSE_MS << doublings).min(LONGEST_PAUSE_MS)
}

fn payload(job: &Job) -> Result<String, Error> {
    serde_json::to_string(job).map_err(|error| Error::Internal(format!("a job's payload: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_back_as_it_was_written() {
        let jobs = [
            Job::SweepUploads,
            Job::SweepSessions,
            Job::SweepGrants,
            Job::PurgeDeleted {
                repository: RepoId(7),
            },
            Job::Maintain {
                repository: RepoId(7),
            },
            Job::Prepare {
                repository: RepoId(7),
            },
            Job::Expire {
                repository: RepoId(7),
            },
            Job::Mail {
                letter: Letter::Reset {
                    email: "ada@plue.test".to_owned(),
                    back: Some("/a".to_owned()),
                },
                asked_at_ms: 7,
            },
            Job::Deliver { hook: HookId(7) },
            Job::SweepEvents,
            Job::FollowUp {
                events: vec![7, 8],
                only: Some(vec![RepoId(7)]),
            },
        ];
        for job in jobs {
            let text = payload(&job).expect("a job is plain data");
            assert_eq!(
                serde_json::from_str::<Job>(&text).expect("what was just written"),
                job
            );
            assert!(
                text.contains(job.kind()) && job.key().starts_with(job.kind()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_has_a_lane_of_its_own_is_not_in_the_rest() {
        assert_eq!(APART, [WHOLE, MAIL, HOOKS, PEOPLE].concat());
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        assert_eq!(pause_ms(1), 5_000);
        assert_eq!(pause_ms(3), 20_000);
        assert_eq!(pause_ms(64), LONGEST_PAUSE_MS);
    }
}

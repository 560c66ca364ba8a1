//! Follow-up work: asked for in the transaction of its cause, done later, safe to do twice.
//!
//! Here is which jobs there are, when they run, and what happens when one fails; what each of
//! them does is a function of the noun that it is about.

use crate::mail::{self, Letter};
use crate::{Error, Forge, browse, edge, expiry, maintenance, sessions, sweeper};
use plue_contract::{RepoId, causes};
use plue_store::Tx;
use plue_store::jobs::{self as rows, JobRow, NewJobRow, Which};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

/// How long a worker may hold a job before another one takes it, in milliseconds.
const LEASE_MS: i64 = 30 * 60 * 1000;
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
}

/// Jobs that wait for each other. Those of one lane run one after the other, and no lane waits for
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// What looks through whole repositories: of a very large one that takes minutes.
    Whole,
    /// Letters: a mail server may take its time.
    Mail,
    /// All the rest.
    Rest,
}

/// The kinds of the jobs of [`Lane::Whole`].
const WHOLE: &[&str] = &["prepare", "expire"];
/// The kind of the jobs of [`Lane::Mail`].
const MAIL: &str = "mail";
/// The kinds of the jobs of every lane but [`Lane::Rest`].
const APART: &[&str] = &["prepare", "expire", MAIL];

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Mail, Self::Rest];

    fn jobs(self) -> Which<'static> {
        match self {
            Self::Whole => Which::Of(WHOLE),
            Self::Mail => Which::Of(&[MAIL]),
            Self::Rest => Which::OtherThan(APART),
        }
    }
}

/// The jobs that are always there, and how often they run, in milliseconds.
const RECURRING: [(Job, i64); 3] = [
    (Job::SweepUploads, 10 * 60 * 1000),
    (Job::SweepSessions, 5 * 60 * 1000),
    (Job::SweepGrants, 60 * 60 * 1000),
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
            Self::Mail { .. } => MAIL,
        }
    }

    /// Jobs of the same key are one job.
    fn key(&self) -> String {
        match self {
            Self::SweepUploads | Self::SweepSessions | Self::SweepGrants => self.kind().to_owned(),
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
        }
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

/// Runs every job of a lane that is due, one after the other, as this worker; how many that were.
/// A job that fails is put back, with its error, and tried again after a pause.
pub async fn run_lane(forge: &Forge, lane: Lane, worker: &str, now_ms: i64) -> Result<usize, Error> {
    let clock = crate::clock::Clock::set(now_ms);
    let mut done = 0;
    while let Some(row) = claim(forge, lane, worker, clock.now_ms()).await? {
        let span = tracing::info_span!(
            "job",
            request_id = row.request_id,
            kind = row.kind,
            id = row.id,
            attempts = row.attempts
        );
        let running = async {
            let begun_ms = clock.now_ms();
            let outcome = run_one(forge, &row, begun_ms).await;
            let result = if outcome.is_ok() { "ok" } else { "failed" };
            metrics::counter!("plue_jobs_total", "kind" => row.kind.clone(), "result" => result).increment(1);
            let ended_ms = clock.now_ms();
            match &outcome {
                Ok(_) => tracing::info!(took_ms = ended_ms - begun_ms, "a job is done"),
                Err((_, error)) => {
                    tracing::warn!(error = %causes(&error), "a job failed and will be tried again")
                }
            }
            end(forge, &row, worker, outcome, ended_ms).await
        };
        running.instrument(span).await?;
        done += 1;
    }
    Ok(done)
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
                let until_ms = now_ms.saturating_add(LEASE_MS);
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
                        if let Some(every_ms) = job.every_ms() {
                            let next = NewJob {
                                job: job.clone(),
                                run_after_ms: now_ms.saturating_add(every_ms),
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
    fn pauses_double_up_to_an_hour() {
        assert_eq!(pause_ms(1), 5_000);
        assert_eq!(pause_ms(3), 20_000);
        assert_eq!(pause_ms(64), LONGEST_PAUSE_MS);
    }
}

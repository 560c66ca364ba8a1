//! Connections that read, transactions that write, and the one way to make the latter.

use crate::engine::{Engine, Store};
use crate::error::{StoreError, TxError};
use crate::faults::{Commit, Faults};
use crate::query::Started;
use crate::readers::Lent;
use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Transaction};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often a transaction is tried before its caller reads that the database is busy.
const ATTEMPTS: u32 = 10;
/// The pause before the first repetition; each further one is twice as long, up to a limit.
const FIRST_PAUSE_US: u64 = 2_000;
/// The longest pause between two repetitions.
const LONGEST_PAUSE_US: u64 = 250_000;

/// A connection on which statements run.
pub struct Conn {
    held: Held,
    engine: Engine,
    faults: Faults,
    poisoned: bool,
}

pub(crate) enum Held {
    /// One of SQLite's readers.
    Lent(Lent),
    /// One of the driver's pool.
    Pooled(PoolConnection<Any>),
    /// One on which a transaction is under way.
    Transaction(Transaction<'static, Any>),
}

impl Conn {
    pub(crate) fn new(held: Held, engine: Engine, faults: Faults) -> Self {
        Self {
            held,
            engine,
            faults,
            poisoned: false,
        }
    }

    /// Which engine it is, for the few statements that have to differ.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    pub(crate) fn any(&mut self) -> &mut AnyConnection {
        match &mut self.held {
            Held::Lent(connection) => connection,
            Held::Pooled(connection) => connection,
            Held::Transaction(transaction) => transaction,
        }
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Notes that a statement begins, or that it has ended well: a reader that is given back in
    /// between, or after a failure, is not lent again.
    pub(crate) fn is_well(&mut self, well: bool) {
        if let Held::Lent(connection) = &mut self.held {
            connection.is_well(well);
        }
    }

    /// Remembers that a statement failed, so that the transaction is not committed without it.
    pub(crate) fn poison(&mut self) {
        self.poisoned = true;
    }
}

/// A transaction under way. A function that reads takes a [`Conn`], and a transaction is one.
///
/// The lifetime is that of what the work may borrow.
pub struct Tx<'env> {
    conn: Conn,
    env: PhantomData<&'env ()>,
}

impl Deref for Tx<'_> {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl Store {
    /// Runs one transaction: all of `work` or nothing.
    ///
    /// It commits when the work answers `Ok`, and never otherwise. Where another writer was in
    /// the way (busy, serialization failure, deadlock) the work runs again, after a pause; so it
    /// borrows what it needs, changes nothing but the database, and has no outside effect.
    /// [`StoreError::CommitUnknown`] means that the connection was lost during COMMIT.
    ///
    /// SQLite has one writer at a time, in order of arrival. PostgreSQL runs at READ COMMITTED:
    /// lean on constraints, on `UPDATE … WHERE` that compares, or lock the row that you read.
    pub async fn in_tx<'env, T, E, F>(&self, name: &'static str, mut work: F) -> Result<T, E>
    where
        E: TxError,
        F: for<'t> FnMut(&'t mut Tx<'env>) -> BoxFuture<'t, Result<T, E>>,
    {
        let mut attempt = 1;
        loop {
            let outcome = self.attempt(name, &mut work).await;
            match outcome {
                Err(error)
                    if attempt < ATTEMPTS && error.as_store().is_some_and(StoreError::is_retryable) =>
                {
                    metrics::counter!("plue_sql_retries_total", "transaction" => name).increment(1);
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<'env, T, E, F>(&self, name: &'static str, work: &mut F) -> Result<T, E>
    where
        E: TxError,
        F: for<'t> FnMut(&'t mut Tx<'env>) -> BoxFuture<'t, Result<T, E>>,
    {
        let mut tx = self.begin().await?;
        match work(&mut tx).await {
            Ok(value) => {
                tx.commit(name).await?;
                Ok(value)
            }
            Err(error) => {
                tx.roll_back(name).await;
                Err(error)
            }
        }
    }

    async fn begin<'env>(&self) -> Result<Tx<'env>, StoreError> {
        // Timed with the wait for a free writer, which is where contention shows first.
        let started = Started::new(self.faults_in(), "begin")?;
        let begun = self.writers().begin_with(self.engine().begin()).await;
        started.record();
        Ok(Tx {
            conn: Conn::new(
                Held::Transaction(begun.map_err(StoreError::from_sqlx)?),
                self.engine(),
                self.faults_in().clone(),
            ),
            env: PhantomData,
        })
    }
}

impl Tx<'_> {
    async fn commit(mut self, name: &'static str) -> Result<(), StoreError> {
        if self.conn.poisoned {
            self.roll_back(name).await;
            return Err(StoreError::Poisoned { transaction: name });
        }
        let started = Started::now(&mut self.conn, "commit")?;
        let fate = self.conn.faults.commit(name);
        let Held::Transaction(transaction) = self.conn.held else {
            return Ok(());
        };
        let outcome = match fate {
            Commit::Lost => transaction.rollback().await,
            Commit::Answered | Commit::DoneAndLost => transaction.commit().await,
        };
        started.record();
        outcome.map_err(|error| StoreError::from_commit(name, error))?;
        if fate != Commit::Answered {
            return Err(StoreError::CommitUnknown {
                transaction: name,
                source: None,
            });
        }
        Ok(())
    }

    /// Undoes the work. Where even that fails the connection is lost, and the engine undoes it.
    async fn roll_back(self, name: &'static str) {
        if let Held::Transaction(transaction) = self.conn.held
            && let Err(error) = transaction.rollback().await
        {
            tracing::debug!(transaction = name, %error, "the connection was lost while rolling back");
        }
    }
}

/// How long to wait before the next attempt: doubling, and spread so that two writers that met
/// once do not meet again.
fn pause(attempt: u32) -> Duration {
    static SPREAD: AtomicU64 = AtomicU64::new(0);
    let longest = (FIRST_PAUSE_US << attempt.min(16)).min(LONGEST_PAUSE_US);
    let turn = SPREAD.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    Duration::from_micros(longest / 2 + turn % (longest / 2))
}

//! The readers of an SQLite file: connections that are lent, and put back as they are.
//!
//! The driver's own pool asks each connection that comes back whether it is well. Behind an SQLite
//! connection is a thread, so that this question costs as much as a statement does, and twice the
//! switches between threads for a page that asks one. Here a connection comes back unasked, if
//! every statement on it has ended well, and is closed otherwise.

use crate::error::StoreError;
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection, Executor};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The connections that are there, and room for more.
#[derive(Debug)]
pub(crate) struct Readers {
    options: AnyConnectOptions,
    /// The statements with which a connection begins.
    session: String,
    places: Arc<Semaphore>,
    max: u32,
    acquire_timeout: Duration,
    /// The one that came back last is lent first: what it has prepared and read is still at hand.
    idle: Mutex<Vec<AnyConnection>>,
    open: AtomicU32,
}

impl Readers {
    /// Room for so many connections, each made when it is needed.
    pub(crate) fn new(
        options: AnyConnectOptions,
        session: String,
        max: u32,
        acquire_timeout: Duration,
    ) -> Self {
        let max = max.max(1);
        Self {
            options,
            session,
            places: Arc::new(Semaphore::new(max as usize)),
            max,
            acquire_timeout,
            idle: Mutex::default(),
            open: AtomicU32::new(0),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<AnyConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a connection, as soon as there is one.
    pub(crate) async fn lend(self: &Arc<Self>) -> Result<Lent, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned();
        let place = match tokio::time::timeout(self.acquire_timeout, place).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(StoreError::from_sqlx(sqlx::Error::PoolClosed)),
            Err(_) => return Err(StoreError::from_sqlx(sqlx::Error::PoolTimedOut)),
        };
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await.map_err(StoreError::from_sqlx)?,
        };
        Ok(Lent {
            connection: Some(connection),
            well: true,
            home: Arc::clone(self),
            _place: place,
        })
    }

    async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection = AnyConnection::connect_with(&self.options).await?;
        connection
            .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(self.session.clone())))
            .await?;
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(connection)
    }

    /// How many connections are open, and how many of them nobody uses.
    pub(crate) fn figures(&self) -> (u32, u32) {
        let idle = u32::try_from(self.idle().len()).unwrap_or(u32::MAX);
        (self.open.load(Ordering::Relaxed), idle)
    }

    /// Closes every connection, after the work on it has ended.
    pub(crate) async fn close(&self) {
        let all = self.places.acquire_many(self.max).await;
        self.places.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            self.open.fetch_sub(1, Ordering::Relaxed);
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "a connection did not close well");
            }
        }
    }
}

/// A connection until it is put back.
pub(crate) struct Lent {
    connection: Option<AnyConnection>,
    /// Whether no statement is under way and none has failed.
    well: bool,
    home: Arc<Readers>,
    _place: OwnedSemaphorePermit,
}

impl Lent {
    /// Notes that a statement begins, or that it has ended well.
    pub(crate) fn is_well(&mut self, well: bool) {
        self.well = well;
    }
}

impl Deref for Lent {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        self.connection
            .as_ref()
            .expect("because it is taken in drop alone")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        self.connection
            .as_mut()
            .expect("because it is taken in drop alone")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        // The place is given back after this, so that whoever waits for it finds the connection.
        match self.well {
            true => self.home.idle().push(connection),
            false => drop(self.home.open.fetch_sub(1, Ordering::Relaxed)),
        }
    }
}

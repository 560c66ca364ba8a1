//! The two engines, and the pools that hold connections to them.

use crate::error::StoreError;
use crate::faults::Faults;
use crate::readers::Readers;
use crate::tx::{Conn, Held};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions, Connection, Executor};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

/// Which database engine holds the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One file, one machine.
    Sqlite,
    /// A server.
    Postgres,
}

impl Engine {
    /// The one of two texts that is for this engine.
    pub fn pick<T>(self, sqlite: T, postgres: T) -> T {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }

    /// How a transaction that writes begins. SQLite takes its one write lock at once, because a
    /// reader that turns into a writer later can only fail.
    pub(crate) fn begin(self) -> &'static str {
        self.pick("BEGIN IMMEDIATE", "BEGIN")
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.pick("SQLite", "PostgreSQL"))
    }
}

/// How many connections there are, and how long one waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// The most connections to a PostgreSQL server, or the most readers of an SQLite file.
    pub max_connections: u32,
    /// How long to wait for a free connection, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// How long one statement waits for another writer's lock, in milliseconds.
    pub busy_timeout_ms: u64,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_connections: 16,
            acquire_timeout_ms: 10_000,
            busy_timeout_ms: 5_000,
        }
    }
}

/// How the pools are used just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolFigures {
    /// Connections that are open.
    pub open: u32,
    /// Connections that nobody uses.
    pub idle: u32,
}

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Engine,
    readers: Lending,
    writers: AnyPool,
    faults: Faults,
}

/// From where connections to read with come.
#[derive(Debug)]
enum Lending {
    /// SQLite's, and the driver's pool for the few that read as of one moment.
    Readers(Arc<Readers>, AnyPool),
    /// The pool of those that write.
    Writers,
}

impl Store {
    /// Opens `sqlite:<file>` (made if it is not there, readable by its owner only) or
    /// `postgres://…`. The schema is left as it is: see [`Store::migrate`].
    pub async fn open(url: &str, settings: PoolSettings) -> Result<Self, StoreError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        if let Some(file) = url.strip_prefix("sqlite:") {
            let file = file.strip_prefix("//").unwrap_or(file);
            Self::open_sqlite(file, &settings).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::open_postgres(url, &settings).await
        } else {
            let scheme = url.split(':').next().unwrap_or_default();
            Err(StoreError::BadUrl(format!(
                "a database URL begins with sqlite: or postgres://, not with `{scheme}:`"
            )))
        }
    }

    async fn open_sqlite(file: &str, settings: &PoolSettings) -> Result<Self, StoreError> {
        if file.is_empty() || file.starts_with(':') || file.contains('?') {
            return Err(StoreError::BadUrl(
                "an SQLite URL is `sqlite:` and the path of a file, without options".to_owned(),
            ));
        }
        make_private_file(file).await.map_err(|source| StoreError::File {
            path: file.to_owned(),
            source,
        })?;
        let options = connect_options(&format!("sqlite:{}", percent_encoded(file)))?;
        let pragmas = format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA journal_size_limit = 67108864; PRAGMA busy_timeout = {};",
            settings.busy_timeout_ms
        );
        // One writer connection: whoever wants to write waits for it in order of arrival.
        let writers = pool(settings, 1, pragmas.clone()).test_before_acquire(false);
        let writers = writers
            .connect_with(options.clone())
            .await
            .map_err(StoreError::from_sqlx)?;
        let session = format!("{pragmas} PRAGMA query_only = ON;");
        let moments = pool(settings, settings.max_connections, session.clone())
            .test_before_acquire(false)
            .connect_lazy_with(options.clone());
        let timeout = Duration::from_millis(settings.acquire_timeout_ms);
        let readers = Arc::new(Readers::new(options, session, settings.max_connections, timeout));
        Ok(Self::new(
            Engine::Sqlite,
            Lending::Readers(readers, moments),
            writers,
        ))
    }

    async fn open_postgres(url: &str, settings: &PoolSettings) -> Result<Self, StoreError> {
        let session = format!(
            "SET synchronous_commit = on; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = 60000;",
            settings.busy_timeout_ms
        );
        let both = pool(settings, settings.max_connections, session);
        let both = both
            .connect_with(connect_options(url)?)
            .await
            .map_err(StoreError::from_sqlx)?;
        Ok(Self::new(Engine::Postgres, Lending::Writers, both))
    }

    fn new(engine: Engine, readers: Lending, writers: AnyPool) -> Self {
        let faults = Faults::default();
        Self {
            inner: Arc::new(Inner {
                engine,
                readers,
                writers,
                faults,
            }),
        }
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        self.inner.engine
    }

    /// A connection to read with. On SQLite it refuses to write.
    pub async fn read(&self) -> Result<Conn, StoreError> {
        let held = match &self.inner.readers {
            Lending::Readers(readers, _) => Held::Lent(readers.lend().await?),
            Lending::Writers => {
                let acquired = self.inner.writers.acquire().await;
                Held::Pooled(acquired.map_err(StoreError::from_sqlx)?)
            }
        };
        Ok(Conn::new(held, self.inner.engine, self.inner.faults.clone()))
    }

    /// A connection on which everything is read as it was at one moment.
    pub(crate) async fn snapshot(&self) -> Result<Conn, StoreError> {
        let begin = self
            .inner
            .engine
            .pick("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        let pool = match &self.inner.readers {
            Lending::Readers(_, moments) => moments,
            Lending::Writers => &self.inner.writers,
        };
        let transaction = pool.begin_with(begin).await.map_err(StoreError::from_sqlx)?;
        Ok(Conn::new(
            Held::Transaction(transaction),
            self.inner.engine,
            self.inner.faults.clone(),
        ))
    }

    /// Whether the database answers.
    pub async fn health(&self) -> Result<(), StoreError> {
        let (_one,): (i64,) = crate::query("store.health", "SELECT 1")
            .one(&mut self.read().await?)
            .await?;
        Ok(())
    }

    /// How the pools are used just now.
    pub fn pool_figures(&self) -> PoolFigures {
        let of = |pool: &AnyPool| (pool.size(), idle(pool));
        let writers = of(&self.inner.writers);
        let (open, idle) = match &self.inner.readers {
            Lending::Readers(readers, moments) => [readers.figures(), of(moments)]
                .into_iter()
                .fold(writers, |sum, more| (sum.0 + more.0, sum.1 + more.1)),
            Lending::Writers => writers,
        };
        PoolFigures { open, idle }
    }

    /// Closes every connection, after the work on it has ended.
    pub async fn close(&self) {
        if let Lending::Readers(readers, moments) = &self.inner.readers {
            readers.close().await;
            moments.close().await;
        }
        self.inner.writers.close().await;
    }

    pub(crate) fn writers(&self) -> &AnyPool {
        &self.inner.writers
    }

    pub(crate) fn faults_in(&self) -> &Faults {
        &self.inner.faults
    }

    /// What a test wants to go wrong with this database.
    #[cfg(any(test, feature = "failpoints"))]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }
}

fn idle(pool: &AnyPool) -> u32 {
    u32::try_from(pool.num_idle()).unwrap_or(u32::MAX)
}

fn connect_options(url: &str) -> Result<AnyConnectOptions, StoreError> {
    // The URL may hold a password, so what is wrong with it is said without it.
    let options: AnyConnectOptions = url
        .parse()
        .map_err(|_| StoreError::BadUrl("the database URL cannot be read".to_owned()))?;
    Ok(options.disable_statement_logging())
}

fn pool(settings: &PoolSettings, size: u32, session: String) -> AnyPoolOptions {
    let session: Arc<str> = session.into();
    AnyPoolOptions::new()
        .max_connections(size.max(1))
        .acquire_timeout(Duration::from_millis(settings.acquire_timeout_ms))
        .after_connect(move |connection, _| {
            let session = session.clone();
            Box::pin(async move {
                connection
                    .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(session)))
                    .await?;
                Ok(())
            })
        })
        // Where the disk is full SQLite undoes a transaction by itself, and the driver's own ROLLBACK
        // then fails: it would take every later transaction for one inside of that.
        .after_release(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

/// Makes the file, if it is not there, so that only its owner reads it. SQLite gives the same
/// rights to the log beside it.
async fn make_private_file(file: &str) -> std::io::Result<()> {
    let mut options = tokio::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(Path::new(file)).await.map(drop)
}

/// The path as the driver reads it back byte for byte.
fn percent_encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

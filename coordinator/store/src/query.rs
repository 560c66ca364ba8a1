//! Named statements: every one is timed under its name, and tests can make any of them fail.

use crate::error::StoreError;
use crate::faults::Faults;
use crate::tx::Conn;
use futures_util::TryStreamExt;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, Arguments, AssertSqlSafe, Encode, Executor, FromRow, SqlSafeStr, SqlStr, Type};
use std::time::Instant;

/// A statement with its name and its values, ready to run.
#[must_use = "a statement does nothing until it is run"]
pub struct Query {
    name: &'static str,
    sql: SqlStr,
    arguments: Result<AnyArguments, sqlx::Error>,
}

/// A statement that stands in the source as it is.
pub fn query(name: &'static str, sql: &'static str) -> Query {
    Query {
        name,
        sql: sql.into_sql_str(),
        arguments: Ok(AnyArguments::default()),
    }
}

/// A statement that was put together, for batches of varying length. The text must consist of
/// our own words and placeholders only; values are bound.
pub fn query_built(name: &'static str, sql: String) -> Query {
    Query {
        name,
        sql: AssertSqlSafe(sql).into_sql_str(),
        arguments: Ok(AnyArguments::default()),
    }
}

impl Query {
    /// Adds the value of the next placeholder.
    pub fn bind<'v, V>(mut self, value: V) -> Self
    where
        V: Encode<'v, Any> + Type<Any>,
    {
        if let Ok(arguments) = &mut self.arguments
            && let Err(error) = arguments.add(value)
        {
            self.arguments = Err(sqlx::Error::Encode(error));
        }
        self
    }

    /// Runs it and says how many rows it changed.
    pub async fn execute(self, conn: &mut Conn) -> Result<u64, StoreError> {
        let (started, query) = self.start(conn)?;
        let outcome = conn.any().execute(query).await;
        started.end(conn, outcome).map(|done| done.rows_affected())
    }

    /// The one row; [`StoreError::Missing`] where there is none.
    pub async fn one<R>(self, conn: &mut Conn) -> Result<R, StoreError>
    where
        R: for<'r> FromRow<'r, AnyRow>,
    {
        let statement = self.name;
        let row = self.optional(conn).await?;
        row.ok_or(StoreError::Missing { statement })
    }

    /// The first row, if there is any.
    pub async fn optional<R>(self, conn: &mut Conn) -> Result<Option<R>, StoreError>
    where
        R: for<'r> FromRow<'r, AnyRow>,
    {
        let (started, query) = self.start(conn)?;
        let outcome = conn.any().fetch_optional(query).await;
        let row = started.end(conn, outcome)?;
        row.map(|row| R::from_row(&row))
            .transpose()
            .map_err(StoreError::from_sqlx)
    }

    /// Every row.
    pub async fn all<R>(self, conn: &mut Conn) -> Result<Vec<R>, StoreError>
    where
        R: for<'r> FromRow<'r, AnyRow>,
    {
        let (started, query) = self.start(conn)?;
        let outcome = conn.any().fetch_all(query).await;
        let rows = started.end(conn, outcome)?;
        let rows: Result<_, _> = rows.iter().map(|row| R::from_row(row)).collect();
        rows.map_err(StoreError::from_sqlx)
    }

    /// Every row in turn, without holding them all.
    pub(crate) async fn each<R, E>(
        self,
        conn: &mut Conn,
        mut take: impl FnMut(R) -> Result<(), E>,
    ) -> Result<(), E>
    where
        R: for<'r> FromRow<'r, AnyRow>,
        E: From<StoreError>,
    {
        let (started, query) = self.start(conn)?;
        let mut outcome = Ok(());
        {
            let mut rows = conn.any().fetch(query);
            loop {
                match rows.try_next().await {
                    Ok(Some(row)) => take(R::from_row(&row).map_err(StoreError::from_sqlx)?)?,
                    Ok(None) => break,
                    Err(error) => {
                        outcome = Err(error);
                        break;
                    }
                }
            }
        }
        Ok(started.end(conn, outcome)?)
    }

    fn start(
        self,
        conn: &mut Conn,
    ) -> Result<(Started, sqlx::query::Query<'static, Any, AnyArguments>), StoreError> {
        let started = Started::now(conn, self.name)?;
        match self.arguments {
            Ok(arguments) => {
                conn.is_well(false);
                Ok((started, sqlx::query_with(self.sql, arguments)))
            }
            Err(error) => {
                conn.poison();
                Err(StoreError::Database(error))
            }
        }
    }
}

/// A statement that is under way.
pub(crate) struct Started {
    name: &'static str,
    at: Instant,
}

impl Started {
    /// Begins the clock, unless a test wants this statement to fail.
    pub(crate) fn new(faults: &Faults, name: &'static str) -> Result<Self, StoreError> {
        faults.check(name)?;
        Ok(Self {
            name,
            at: Instant::now(),
        })
    }

    /// Begins the clock for a statement on this connection.
    pub(crate) fn now(conn: &mut Conn, name: &'static str) -> Result<Self, StoreError> {
        Self::new(conn.faults(), name).inspect_err(|_| conn.poison())
    }

    /// Records how long it took, and that it failed if it did.
    fn end<T>(self, conn: &mut Conn, outcome: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        self.record();
        conn.is_well(outcome.is_ok());
        outcome.map_err(|error| {
            conn.poison();
            let error = StoreError::from_sqlx(error);
            tracing::debug!(statement = self.name, ?error, "statement failed");
            error
        })
    }

    /// Records how long it took.
    pub(crate) fn record(&self) {
        metrics::histogram!("plue_sql_seconds", "statement" => self.name)
            .record(self.at.elapsed().as_secs_f64());
    }
}

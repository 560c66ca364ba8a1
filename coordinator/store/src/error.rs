//! What can go wrong between the forge and its database, told apart by what helps.

use std::borrow::Cow;

/// Why a statement, a transaction or a migration did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer was in the way for longer than all retries.
    #[error("the database is busy")]
    Busy(#[source] sqlx::Error),
    /// The database could not be reached, or no connection became free in time.
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    /// A unique index already holds such a row.
    #[error("a row like this exists already ({index})")]
    Unique {
        /// `<table>__<column>[__<column>]`, the same on both engines.
        index: String,
    },
    /// A row that is referred to does not exist, or one that is deleted is still referred to.
    #[error("a row refers to one that is not there")]
    Reference(#[source] sqlx::Error),
    /// Exactly one row was expected and there is none.
    #[error("the statement `{statement}` found no row")]
    Missing {
        /// The statement's name.
        statement: &'static str,
    },
    /// The connection was lost during COMMIT: the transaction may have been done or not.
    #[error("the connection was lost while committing `{transaction}`; its outcome is unknown")]
    CommitUnknown {
        /// The transaction's name.
        transaction: &'static str,
        /// What the driver said.
        #[source]
        source: Option<sqlx::Error>,
    },
    /// A statement of the transaction failed and the work went on as if it had not.
    #[error("the transaction `{transaction}` went on after a failed statement; nothing was committed")]
    Poisoned {
        /// The transaction's name.
        transaction: &'static str,
    },
    /// The disk, or the database's quota, is full.
    #[error("there is no room left for the database")]
    Full(#[source] sqlx::Error),
    /// The schema is not the one that this program knows.
    #[error("{0}")]
    Migration(String),
    /// The database URL cannot be understood.
    #[error("{0}")]
    BadUrl(String),
    /// The file of an SQLite database could not be made.
    #[error("the database file {path} cannot be made")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A value in the database breaks a rule that the program keeps.
    #[error("the database holds a value that cannot be: {0}")]
    Corrupt(String),
    /// A test made this statement fail.
    #[error("the statement `{statement}` was made to fail")]
    Injected {
        /// The statement's name.
        statement: &'static str,
    },
    /// Anything else that the database says.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
}

/// The error of a verb, as far as [`in_tx`](crate::Store::in_tx) has to know it.
pub trait TxError: From<StoreError> {
    /// The store's error inside, if that is what it is; decides whether a retry makes sense.
    fn as_store(&self) -> Option<&StoreError>;
}

impl TxError for StoreError {
    fn as_store(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl StoreError {
    /// Whether the same transaction, run again, may succeed.
    pub(crate) fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy(_))
    }

    /// Whether it is the unique index of this name that already holds such a row.
    pub fn is_unique(&self, name: &str) -> bool {
        matches!(self, Self::Unique { index } if index == name)
    }

    /// Sorts what the driver says of a statement.
    pub(crate) fn from_sqlx(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        let sqlx::Error::Database(database) = &error else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
                _ => Self::Database(error),
            };
        };
        match database.kind() {
            ErrorKind::UniqueViolation => Self::Unique {
                index: unique_index(database.constraint(), database.message()),
            },
            ErrorKind::ForeignKeyViolation => Self::Reference(error),
            _ => match database.code().unwrap_or(Cow::Borrowed("")).as_ref() {
                // PostgreSQL: serialization failure, deadlock, lock not available.
                "40001" | "40P01" | "55P03" => Self::Busy(error),
                // PostgreSQL: connection exceptions, shutdown, start-up, too many connections.
                "08000" | "08001" | "08003" | "08004" | "08006" | "57P01" | "57P02" | "57P03" | "53300" => {
                    Self::Unavailable(error)
                }
                // PostgreSQL: disk full; SQLite: SQLITE_FULL, and SQLITE_IOERR_SHMSIZE, a write-ahead
                // index that cannot be enlarged.
                "53100" | "13" | "4874" => Self::Full(error),
                // SQLite's extended codes keep the primary code in the low byte: BUSY and LOCKED.
                code if matches!(sqlite_primary(code), Some(5 | 6)) => Self::Busy(error),
                _ => Self::Database(error),
            },
        }
    }

    /// Sorts what the driver says of a COMMIT: whether it certainly did not happen, or may have.
    pub(crate) fn from_commit(transaction: &'static str, error: sqlx::Error) -> Self {
        let refused = error.as_database_error().is_some_and(|database| {
            let code = database.code().unwrap_or(Cow::Borrowed(""));
            match sqlite_primary(&code) {
                // SQLITE_IOERR: the log may have reached the disk or not.
                Some(primary) => primary != 10,
                None => !code.starts_with("57P") && !code.starts_with("08"),
            }
        });
        if refused {
            Self::from_sqlx(error)
        } else {
            Self::CommitUnknown {
                transaction,
                source: Some(error),
            }
        }
    }
}

/// The primary result code inside an SQLite extended code; none for PostgreSQL's five letters.
fn sqlite_primary(code: &str) -> Option<u32> {
    (code.len() != 5)
        .then(|| code.parse::<u32>().ok())
        .flatten()
        .map(|code| code & 0xff)
}

/// PostgreSQL names the index; SQLite names its columns, from which our name for it follows.
fn unique_index(constraint: Option<&str>, message: &str) -> String {
    if let Some(name) = constraint {
        return name.to_owned();
    }
    let columns = message.rsplit(": ").next().unwrap_or_default();
    let mut index = String::new();
    for column in columns.split(", ") {
        let (table, name) = column.split_once('.').unwrap_or(("", column));
        if index.is_empty() {
            index.push_str(table);
        }
        index.push_str("__");
        index.push_str(name);
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_index_has_one_name_on_both_engines() {
        let sqlite = "UNIQUE constraint failed: refs.repository_id, refs.name";
        assert_eq!(unique_index(None, sqlite), "refs__repository_id__name");
        assert_eq!(
            unique_index(Some("refs__repository_id__name"), ""),
            "refs__repository_id__name"
        );
    }

    #[test]
    fn sqlite_codes_are_told_from_postgresql_states() {
        assert_eq!(sqlite_primary("517"), Some(5));
        assert_eq!(sqlite_primary("40001"), None);
        assert_eq!(sqlite_primary("2067"), Some(19));
    }
}

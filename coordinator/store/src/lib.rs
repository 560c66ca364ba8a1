//! SQL for SQLite and PostgreSQL: one text for both, one file a noun.
//!
//! Here live the pools, the one way to write ([`Store::in_tx`]), the migrations, and the
//! statements of each noun. What a statement means, and who may cause it, is the forge's.
//!
//! What keeps one text good for both engines: columns are `BIGINT` (flags too, as 0 and 1),
//! `TEXT` or `{blob}`; placeholders are `$1`, `$2`, …; unique indexes are named
//! `<table>__<column>[__<column>]`, so that [`StoreError::Unique`] reads the same on both.
#![warn(missing_docs)]

pub mod accounts;
pub mod audit;
pub mod collaborators;
mod dump;
mod engine;
mod error;
pub mod events;
mod faults;
pub mod grants;
pub mod hooks;
pub mod identities;
pub mod instance;
pub mod issues;
pub mod jobs;
pub mod mail_links;
mod migrate;
pub mod notifications;
pub mod oauth;
pub mod organisations;
pub mod packs;
pub mod pushes;
mod query;
mod readers;
pub mod redirects;
pub mod refs;
pub mod repositories;
pub mod roles;
pub mod second_factors;
pub mod sessions;
pub mod ssh_keys;
pub mod stars;
pub mod teams;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tokens;
pub mod topics;
mod tx;
pub mod wallets;
pub mod watches;

pub use dump::{DumpError, TABLES as DUMPED_TABLES, packs_in_dump};
pub use engine::{Engine, PoolFigures, PoolSettings, Store};
pub use error::{StoreError, TxError};
#[cfg(any(test, feature = "failpoints"))]
pub use faults::Faults;
pub use migrate::{MigrationState, MigrationStatus};
pub use query::{Query, query, query_built};
pub use sqlx::Error as RowError;
pub use sqlx::any::AnyRow;
pub use sqlx::{FromRow, Row};
pub use tx::{Conn, Tx};

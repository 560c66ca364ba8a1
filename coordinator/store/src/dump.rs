//! The whole database as lines of JSON, of one moment and the same from either engine: what a
//! backup keeps. The first line says which schema it is of; then each table's name and columns is
//! a line, and each of its rows. Bytes are `{"hex": "…"}`.

use crate::engine::{Engine, Store};
use crate::error::{StoreError, TxError};
use crate::packs::PackRow;
use crate::tx::{Conn, Tx};
use crate::{query, query_built};
use serde_json::{Value, json};
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{Column, FromRow, Row, ValueRef};
use std::io::{BufRead, Write};

/// Every table that a backup keeps, each after those that it refers to. The id of the database is
/// not among them: what is restored is another one.
pub const TABLES: &[&str] = &[
    "accounts",
    "organisations",
    "organisation_members",
    "teams",
    "team_members",
    "signin_links",
    "mail_links",
    "second_factors",
    "recovery_codes",
    "wallets",
    "wallet_nonces",
    "identities",
    "sessions",
    "oauth_apps",
    "oauth_authorizations",
    "oauth_grants",
    "oauth_refresh_tokens",
    "tokens",
    "token_repositories",
    "ssh_key_fingerprints",
    "ssh_keys",
    "reserved_numbers",
    "repositories",
    "redirects",
    "collaborators",
    "team_repositories",
    "deploy_keys",
    "stars",
    "watches",
    "topics",
    "refs",
    "packs",
    "pushes",
    "push_updates",
    "labels",
    "milestones",
    "issues",
    "issue_labels",
    "issue_assignees",
    "issue_comments",
    "issue_reactions",
    "issue_pins",
    "issue_relations",
    "issue_events",
    "issue_subscriptions",
    "issue_references",
    "events",
    "notifications",
    "notices",
    "notification_settings",
    "hooks",
    "hook_deliveries",
    "jobs",
    "edge_grants",
    "audit",
];
/// Those that number their rows themselves.
const NUMBERED: &[&str] = &[
    "accounts",
    "teams",
    "audit",
    "signin_links",
    "mail_links",
    "oauth_apps",
    "oauth_authorizations",
    "oauth_grants",
    "oauth_refresh_tokens",
    "tokens",
    "ssh_keys",
    "deploy_keys",
    "labels",
    "milestones",
    "issues",
    "issue_comments",
    "issue_reactions",
    "issue_events",
    "events",
    "notifications",
    "hooks",
    "hook_deliveries",
    "jobs",
];
/// By how much the number of the next repository rises, so that it is none that was given out after
/// the backup and may be known outside.
const NUMBERS_SKIPPED: i64 = 1_000_000;

/// What is said of a dump without its last line.
const BREAKS_OFF: &str = "the backup's database breaks off: it was not written to its end";

/// A row of any table.
struct Cells(Vec<(String, Value)>);

impl FromRow<'_, AnyRow> for Cells {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let cell = |column: &<sqlx::Any as sqlx::Database>::Column| {
            let at = column.ordinal();
            let raw = row.try_get_raw(at)?;
            let value = match raw.type_info().kind() {
                _ if raw.is_null() => Value::Null,
                AnyTypeInfoKind::Blob => json!({ "hex": hex(&row.try_get::<Vec<u8>, _>(at)?) }),
                AnyTypeInfoKind::Text => json!(row.try_get::<String, _>(at)?),
                _ => json!(row.try_get::<i64, _>(at)?),
            };
            Ok((column.name().to_owned(), value))
        };
        row.columns().iter().map(cell).collect::<Result<_, _>>().map(Self)
    }
}

/// What goes wrong while a dump is written or read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file.
    #[error("the file of the backup cannot be read or written")]
    Io(#[from] std::io::Error),
    /// It is no dump, or not one of this schema; the text says what to do.
    #[error("{0}")]
    Unfit(String),
}

impl TxError for DumpError {
    fn as_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

fn unfit(why: impl Into<String>) -> DumpError {
    DumpError::Unfit(why.into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

impl Store {
    /// Writes everything that the database holds at one moment, and answers the live packs of that
    /// moment. Who writes meanwhile is not kept waiting.
    pub async fn dump(&self, out: &mut (impl Write + Send)) -> Result<Vec<PackRow>, DumpError> {
        let schema: Vec<Value> = self.schema().await?;
        let mut conn = self.snapshot().await?;
        writeln!(out, "{}", json!({ "plue": 1, "schema": schema }))?;
        for table in TABLES {
            let mut begun = false;
            query_built("dump.read", format!("SELECT * FROM {table}"))
                .each(&mut conn, |Cells(cells)| {
                    if !begun {
                        let columns: Vec<&str> = cells.iter().map(|(name, _)| name.as_str()).collect();
                        writeln!(out, "{}", json!({ "table": table, "columns": columns }))?;
                        begun = true;
                    }
                    let values: Vec<Value> = cells.into_iter().map(|(_, value)| value).collect();
                    writeln!(out, "{}", Value::Array(values))?;
                    Ok::<_, DumpError>(())
                })
                .await?;
        }
        writeln!(out, "{}", json!({ "end": true }))?;
        Ok(live(&mut conn).await?)
    }

    /// Puts a dump into this database, which must be migrated and empty, in one transaction. What
    /// the edge holds of repositories counts as old from then on: their restore epoch rises above
    /// all that it may have seen, and what it was granted counts as granted until `granted_until_ms`.
    /// `open` opens the dump, and may be asked again.
    pub async fn load<R: BufRead + Send>(
        &self,
        open: impl Fn() -> std::io::Result<R> + Send + Sync,
        now_ms: i64,
        granted_until_ms: i64,
    ) -> Result<(), DumpError> {
        let schema = self.schema().await?;
        let (open, schema) = (&open, &schema);
        self.in_tx("dump.load", |tx| {
            Box::pin(async move {
                let (held,) = query("dump.empty", "SELECT COUNT(*) FROM accounts")
                    .one::<(i64,)>(tx)
                    .await?;
                if held > 0 {
                    return Err(unfit(
                        "the database already has accounts, and a backup is restored into an empty one: name \
                         another database or data folder, or empty this one by `plue db reset --yes`",
                    ));
                }
                for table in TABLES.iter().rev() {
                    query_built("dump.clear", format!("DELETE FROM {table}"))
                        .execute(tx)
                        .await?;
                }
                read(tx, open()?, schema).await?;
                renew(tx, now_ms, granted_until_ms).await?;
                Ok(())
            })
        })
        .await
    }

    async fn schema(&self) -> Result<Vec<Value>, StoreError> {
        let known = self.migration_status().await?;
        Ok(known
            .iter()
            .map(|step| json!([step.version, step.name]))
            .collect())
    }
}

/// The live packs of a dump.
pub fn packs_in_dump(lines: impl BufRead) -> Result<Vec<PackRow>, DumpError> {
    let odd = || unfit("the backup's database cannot be read");
    let mut packs = Vec::new();
    let mut columns: Option<Vec<String>> = None;
    let mut ended = false;
    for line in lines.lines() {
        let value: Value = serde_json::from_str(&line?).map_err(|_| odd())?;
        ended = is_end(&value);
        let (Some(columns), Some(cells)) = (&columns, value.as_array()) else {
            columns = (value["table"] == "packs")
                .then(|| serde_json::from_value(value["columns"].clone()).map_err(|_| odd()))
                .transpose()?;
            continue;
        };
        let cell = |name: &str| {
            let at = columns.iter().position(|column| column == name)?;
            cells.get(at)
        };
        let text = |name| cell(name).and_then(Value::as_str).ok_or_else(odd);
        let number = |name| cell(name).and_then(Value::as_i64).ok_or_else(odd);
        if text("state")? == "live" {
            packs.push(PackRow {
                id: text("id")?.to_owned(),
                repository_id: number("repository_id")?,
                checksum: text("checksum")?.to_owned(),
                size_bytes: number("size_bytes")?,
                object_count: number("object_count")?,
                unreachable_since_ms: cell("unreachable_since_ms").and_then(Value::as_i64),
            });
        }
    }
    match ended {
        true => Ok(packs),
        false => Err(unfit(BREAKS_OFF)),
    }
}

async fn live(conn: &mut Conn) -> Result<Vec<PackRow>, StoreError> {
    query(
        "dump.packs",
        "SELECT id, repository_id, checksum, size_bytes, object_count, unreachable_since_ms FROM packs \
         WHERE state = 'live' ORDER BY id",
    )
    .all(conn)
    .await
}

async fn read(tx: &mut Tx<'_>, lines: impl BufRead, schema: &[Value]) -> Result<(), DumpError> {
    let mut insert: Option<String> = None;
    let mut ended = false;
    for (number, line) in lines.lines().enumerate() {
        let odd = || {
            unfit(format!(
                "line {} of the backup's database cannot be read",
                number + 1
            ))
        };
        let value: Value = serde_json::from_str(&line?).map_err(|_| odd())?;
        if number == 0 {
            if value["plue"] != 1 || value["schema"].as_array().map(Vec::as_slice) != Some(schema) {
                return Err(unfit(
                    "the backup was made by another version of plue: restore it with that one, then start this one",
                ));
            }
        } else if let Some(cells) = value.as_array() {
            let insert = insert.as_ref().ok_or_else(odd)?;
            put(tx, insert, cells).await?.ok_or_else(odd)?;
        } else if let Some(name) = value["table"].as_str() {
            let table = TABLES.iter().find(|table| **table == name).ok_or_else(odd)?;
            let columns = value["columns"].as_array().ok_or_else(odd)?;
            let columns: Option<Vec<&str>> = columns.iter().map(column).collect();
            let columns = columns.ok_or_else(odd)?.join(", ");
            insert = Some(format!("INSERT INTO {table} ({columns}) VALUES "));
        } else {
            ended = is_end(&value);
        }
    }
    if !ended {
        return Err(unfit(BREAKS_OFF));
    }
    Ok(())
}

/// Whether it is the last line of a dump.
fn is_end(line: &Value) -> bool {
    line["end"] == true
}

/// A column's name, if it is one.
fn column(value: &Value) -> Option<&str> {
    let name = value.as_str()?;
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain.then_some(name)
}

/// Inserts one row; none where a value is none that a row can have.
async fn put(tx: &mut Tx<'_>, insert: &str, cells: &[Value]) -> Result<Option<()>, StoreError> {
    let mut places = Vec::new();
    let mut bound = 0;
    for cell in cells {
        // Without a value there is no type either: it stands in the text.
        places.push(if cell.is_null() {
            "NULL".to_owned()
        } else {
            bound += 1;
            format!("${bound}")
        });
    }
    let mut statement = query_built("dump.insert", format!("{insert}({})", places.join(", ")));
    for cell in cells {
        statement = match cell {
            Value::Null => statement,
            Value::String(text) => statement.bind(text.clone()),
            Value::Number(number) => match number.as_i64() {
                Some(number) => statement.bind(number),
                None => return Ok(None),
            },
            other => match other["hex"].as_str().and_then(unhex) {
                Some(bytes) => statement.bind(bytes),
                None => return Ok(None),
            },
        };
    }
    statement.execute(tx).await?;
    Ok(Some(()))
}

/// Makes of what was another database's this one's.
async fn renew(tx: &mut Tx<'_>, now_ms: i64, granted_until_ms: i64) -> Result<(), StoreError> {
    // Uploads that were under way, and packs whose blobs nobody has kept.
    query("dump.drop_packs", "DELETE FROM packs WHERE state <> 'live'")
        .execute(tx)
        .await?;
    query(
        "dump.epochs",
        "UPDATE repositories SET restore_epoch = CASE WHEN restore_epoch >= $1 THEN restore_epoch + 1 ELSE $2 END",
    )
    .bind(now_ms)
    .bind(now_ms)
    .execute(tx)
    .await?;
    query("dump.numbers", "UPDATE reserved_numbers SET last = last + $1")
        .bind(NUMBERS_SKIPPED)
        .execute(tx)
        .await?;
    query("dump.grants", "UPDATE edge_grants SET until_ms = $1")
        .bind(granted_until_ms)
        .execute(tx)
        .await?;
    // Transactions are counted by each server for itself.
    query("dump.events", "UPDATE events SET tx = 0")
        .execute(tx)
        .await?;
    query(
        "dump.leases",
        "UPDATE jobs SET lease_owner = NULL, lease_until_ms = NULL",
    )
    .execute(tx)
    .await?;
    if tx.engine() == Engine::Postgres {
        for table in NUMBERED {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), COALESCE((SELECT MAX(id) FROM {table}), 0) + 1, false)"
            );
            query_built("dump.sequence", sql).execute(tx).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex("0g"), None);
    }
}

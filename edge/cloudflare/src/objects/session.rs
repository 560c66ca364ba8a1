//! `Session`: what the edge knows of one browser session, filled from the coordinator when the
//! session is first seen and gone when it ends. It may only refuse earlier than the coordinator
//! would: every write and private read is judged there again.

use super::{Object, ObjectError, answer, message};
use crate::config::EdgeConfig;
use crate::coordinator::{Coordinator, CoordinatorError};
use crate::host::now_ms;
use plue_contract::SessionId;
use plue_contract::credentials::SessionCookie;
use plue_contract::edge::{Answer, Ask, SessionFacts};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::panic::RefUnwindSafe;
use std::time::Duration;
use worker::{DurableObject, Env, Request, Response, Result, SqlStorage, State, durable_object};

/// How long the coordinator is not asked again, in milliseconds.
const FRESH_MS: u64 = 5 * 60 * 1_000;
/// How long a revocation of a session that nobody has seen here is remembered, in milliseconds:
/// longer than any question that was under way.
const REVOKED_MS: u64 = 60 * 60 * 1_000;

/// What a session's object is told or asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Find {
    /// Whose is this cookie?
    Cookie(SessionCookie),
    /// Does the session live, whatever its cookie?
    Alive(SessionId),
    /// The coordinator has just told this of the cookie.
    Learn(SessionCookie, SessionFacts),
    /// It has ended.
    Revoke,
}

/// What the object answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Found {
    /// The session, if it lives and the cookie proves it.
    pub session: Option<SessionFacts>,
}

impl Object<Find, Found> {
    /// Looks the session up.
    pub async fn find(&self, find: &Find) -> Result<Found, ObjectError> {
        self.call(find).await
    }

    /// Ends the session here.
    pub async fn revoke(&self) -> Result<(), ObjectError> {
        self.call(&Find::Revoke).await.map(|_| ())
    }
}

/// Under what a cookie's facts are kept: its secret's hash.
fn proof(cookie: &SessionCookie) -> String {
    cookie
        .secret_hash
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[derive(Deserialize)]
struct Row {
    facts: String,
    asked_ms: u64,
}

/// What is known of one session.
#[durable_object(alarm)]
pub struct Session {
    state: State,
    env: Env,
    has_tables: Cell<bool>,
}

/// Each change is one statement; what a panic may leave behind is the flag, which costs two more.
impl RefUnwindSafe for Session {}

impl Session {
    /// The storage, if anything was ever kept in it: a stranger's cookie must not leave tables behind.
    fn kept(&self) -> Result<Option<SqlStorage>> {
        let sql = self.state.storage().sql();
        if !self.has_tables.get() {
            let mut rows = sql
                .exec("SELECT 1 FROM sqlite_master WHERE name = 'revoked'", None)?
                .raw();
            self.has_tables.set(rows.next().transpose()?.is_some());
        }
        Ok(self.has_tables.get().then_some(sql))
    }

    /// The storage, with its tables, to keep something in.
    fn keep(&self) -> Result<SqlStorage> {
        if let Some(sql) = self.kept()? {
            return Ok(sql);
        }
        let sql = self.state.storage().sql();
        sql.exec(
            "CREATE TABLE known \
             (proof TEXT PRIMARY KEY, facts TEXT NOT NULL, asked_ms INTEGER NOT NULL) WITHOUT ROWID",
            None,
        )?;
        sql.exec("CREATE TABLE revoked (mark INTEGER PRIMARY KEY)", None)?;
        self.has_tables.set(true);
        Ok(sql)
    }

    fn is_revoked(&self) -> Result<bool> {
        let Some(sql) = self.kept()? else {
            return Ok(false);
        };
        let mut rows = sql.exec("SELECT 1 FROM revoked", None)?.raw();
        Ok(rows.next().transpose()?.is_some())
    }

    /// What is known under a proof, however old, if the session has not run out.
    fn known(&self, proof: &str) -> Result<Option<(SessionFacts, u64)>> {
        let Some(sql) = self.kept()? else {
            return Ok(None);
        };
        let rows: Vec<Row> = sql
            .exec(
                "SELECT facts, asked_ms FROM known WHERE proof = ?",
                vec![proof.into()],
            )?
            .to_array()?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let facts: SessionFacts = serde_json::from_str(&row.facts)?;
        Ok((facts.expires_ms > now_ms()).then_some((facts, row.asked_ms)))
    }

    async fn find(&self, proof: &str, ask: Ask) -> Result<Option<SessionFacts>> {
        if self.is_revoked()? {
            return Ok(None);
        }
        let asked_ms = now_ms();
        let known = self.known(proof)?;
        if let Some((facts, known_ms)) = &known
            && asked_ms.saturating_sub(*known_ms) < FRESH_MS
        {
            return Ok(Some(facts.clone()));
        }
        let coordinator = Coordinator::new(&EdgeConfig::read(&self.env)?);
        let answer = coordinator.ask(ask).await;
        // A revocation may have arrived while the question was under way.
        if self.is_revoked()? {
            return Ok(None);
        }
        match answer {
            Ok(Answer::Session { session }) => {
                self.learn(proof, &session, asked_ms).await?;
                Ok(Some(session))
            }
            Ok(Answer::Nobody) => {
                if let Some(sql) = self.kept()? {
                    sql.exec("DELETE FROM known WHERE proof = ?", vec![proof.into()])?;
                }
                Ok(None)
            }
            Ok(Answer::Holder { .. } | Answer::Leased { .. }) => {
                Err(CoordinatorError::Nonsense("something else than a session".into())
                    .to_string()
                    .into())
            }
            // What was true some minutes ago serves while the coordinator is away; it is asked
            // again by the coordinator itself before anything is written or anything private read.
            Err(CoordinatorError::Unreachable(_) | CoordinatorError::Late) if known.is_some() => {
                Ok(known.map(|(facts, _)| facts))
            }
            Err(error) => Err(error.to_string().into()),
        }
    }

    async fn learn(&self, proof: &str, session: &SessionFacts, asked_ms: u64) -> Result<()> {
        // The cookie's new value goes to one answer and is not kept.
        let facts = SessionFacts {
            replacement: None,
            ..session.clone()
        };
        let asked_ms = i64::try_from(asked_ms).unwrap_or(i64::MAX);
        self.keep()?.exec(
            "INSERT INTO known (proof, facts, asked_ms) VALUES (?, ?, ?) \
             ON CONFLICT (proof) DO UPDATE SET facts = excluded.facts, asked_ms = excluded.asked_ms",
            vec![
                proof.into(),
                serde_json::to_string(&facts)?.into(),
                asked_ms.into(),
            ],
        )?;
        self.end_at(session.expires_ms).await
    }

    async fn revoke(&self) -> Result<()> {
        let sql = self.keep()?;
        let rows: Vec<Row> = sql.exec("SELECT facts, asked_ms FROM known", None)?.to_array()?;
        let mut until_ms = now_ms() + REVOKED_MS;
        for row in rows {
            let facts: SessionFacts = serde_json::from_str(&row.facts)?;
            until_ms = until_ms.max(facts.expires_ms);
        }
        sql.exec("DELETE FROM known", None)?;
        sql.exec("INSERT OR IGNORE INTO revoked (mark) VALUES (1)", None)?;
        self.end_at(until_ms).await
    }

    async fn end_at(&self, ms: u64) -> Result<()> {
        let left = Duration::from_millis(ms.saturating_sub(now_ms()));
        self.state.storage().set_alarm(left).await
    }
}

impl DurableObject for Session {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            has_tables: Cell::new(false),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let session = match message(&mut request).await? {
            Find::Cookie(cookie) => {
                let proof = proof(&cookie);
                self.find(&proof, Ask::Session { cookie }).await?
            }
            Find::Learn(cookie, facts) => {
                if self.is_revoked()? {
                    None
                } else {
                    self.learn(&proof(&cookie), &facts, now_ms()).await?;
                    Some(facts)
                }
            }
            Find::Alive(id) => self.find("alive", Ask::SessionAlive { id }).await?,
            Find::Revoke => {
                self.revoke().await?;
                None
            }
        };
        answer(&Found { session })
    }

    /// The session has run out: nothing of it is kept.
    async fn alarm(&self) -> Result<Response> {
        self.state.storage().delete_all().await?;
        self.has_tables.set(false);
        Response::empty()
    }
}

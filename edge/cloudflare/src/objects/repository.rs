//! `Repository`: which state of a repository is current, under one of its names, for as long as a
//! lease of the coordinator says so. The protocol is the gateway's (`generations`); this object
//! asks the questions and keeps over restarts what was held last.

use super::{Object, ObjectError, answer, message, repository_of};
use crate::config::EdgeConfig;
use crate::coordinator::{Coordinator, CoordinatorError};
use crate::host::now_ms;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use plue_contract::edge::{Answer, Ask, STALE_MS, Stamp};
use plue_gateway::generations::{Asking, Holder, Last, Learned, Look};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::RefUnwindSafe;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{
    DurableObject, Env, Headers, Method, Request, Response, Result, SqlStorage, State, durable_object,
};

/// How often a question is asked again whose answer came too late or was overtaken.
const TRIES: usize = 3;

/// In which header the object says how the repository stands; `glue.js` has the same name.
const STANDING: &str = "plue-standing";

/// What a repository's object is told. How the repository stands is asked by the method `stands` of
/// `shim.js`, and of this half, where it cannot say at once, by `GET` with the object's name as the path.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tell {
    /// Something has changed; with `true`, nothing is left for everybody.
    Changed(bool),
}

/// That it was heard.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told;

/// How a repository stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Like this, now.
    Held(Stamp),
    /// There is nothing for everybody, or what there is changes all the time.
    Hidden,
    /// The coordinator cannot be asked; this was held last, if anything may still be shown.
    Away(Option<Last>),
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(stamp) => write!(f, "held {stamp}"),
            Self::Hidden => f.write_str("hidden"),
            Self::Away(None) => f.write_str("away"),
            Self::Away(Some(last)) => write!(f, "away {} {}", last.stamp, last.current_ms),
        }
    }
}

impl FromStr for Standing {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let words: Vec<&str> = text.split(' ').collect();
        let stamp = |text: &str| text.parse().map_err(|_| ());
        match words[..] {
            ["held", held] => Ok(Self::Held(stamp(held)?)),
            ["hidden"] => Ok(Self::Hidden),
            ["away"] => Ok(Self::Away(None)),
            ["away", held, current] => Ok(Self::Away(Some(Last {
                stamp: stamp(held)?,
                current_ms: current.parse().map_err(|_| ())?,
            }))),
            _ => Err(()),
        }
    }
}

impl Object<Tell, Told> {
    /// Has the object let go of what it holds; once this returns, it has.
    pub async fn changed(&self, hidden: bool) -> std::result::Result<(), ObjectError> {
        self.call(&Tell::Changed(hidden)).await.map(|_| ())
    }
}

/// A question that everybody waits for who asks meanwhile.
type Question = Shared<LocalBoxFuture<'static, std::result::Result<Option<Stamp>, Rc<CoordinatorError>>>>;

/// What is known of the repository of one name.
#[durable_object(alarm)]
pub struct Repository {
    state: State,
    env: Env,
    holder: RefCell<Option<Holder>>,
    has_table: Cell<bool>,
    question: RefCell<Option<(Asking, Question)>>,
}

/// A panic leaves no borrow behind, and a holder that lost its lease asks again.
impl RefUnwindSafe for Repository {}

#[derive(Deserialize)]
struct Row {
    last: String,
}

impl Repository {
    /// The storage, if anything was ever kept in it.
    fn kept(&self) -> Result<Option<SqlStorage>> {
        let sql = self.state.storage().sql();
        if !self.has_table.get() {
            let mut rows = sql
                .exec("SELECT 1 FROM sqlite_master WHERE name = 'held'", None)?
                .raw();
            self.has_table.set(rows.next().transpose()?.is_some());
        }
        Ok(self.has_table.get().then_some(sql))
    }

    fn read_last(&self) -> Result<Option<Last>> {
        let Some(sql) = self.kept()? else {
            return Ok(None);
        };
        let rows: Vec<Row> = sql.exec("SELECT last FROM held", None)?.to_array()?;
        match rows.first() {
            Some(row) => Ok(Some(serde_json::from_str(&row.last)?)),
            None => Ok(None),
        }
    }

    /// Does something with the holder, and keeps what it held last where that has changed.
    async fn with<T>(&self, act: impl FnOnce(&mut Holder) -> T) -> Result<T> {
        if self.holder.borrow().is_none() {
            let last = self.read_last()?;
            *self.holder.borrow_mut() = Some(Holder::resume(last));
        }
        let (before, after, done) = {
            let mut slot = self.holder.borrow_mut();
            let holder = slot.get_or_insert_default();
            let before = holder.last();
            let done = act(holder);
            (before, holder.last(), done)
        };
        // That it is still current is not worth a write, unless the last one was long ago.
        let is_news = match (before, after) {
            (Some(before), Some(after)) => {
                before.stamp != after.stamp
                    || after.current_ms / STALE_TOLD_MS != before.current_ms / STALE_TOLD_MS
            }
            (None, None) => false,
            _ => true,
        };
        if is_news {
            self.keep(after).await?;
        }
        Ok(done)
    }

    async fn keep(&self, last: Option<Last>) -> Result<()> {
        let Some(last) = last else {
            if let Some(sql) = self.kept()? {
                sql.exec("DELETE FROM held", None)?;
            }
            return Ok(());
        };
        let sql = self.state.storage().sql();
        if self.kept()?.is_none() {
            sql.exec(
                "CREATE TABLE held (slot INTEGER PRIMARY KEY, last TEXT NOT NULL)",
                None,
            )?;
            self.has_table.set(true);
        }
        sql.exec(
            "INSERT INTO held (slot, last) VALUES (1, ?) ON CONFLICT (slot) DO UPDATE SET last = excluded.last",
            vec![serde_json::to_string(&last)?.into()],
        )?;
        let ends = Duration::from_millis(STALE_MS + STALE_TOLD_MS);
        self.state.storage().set_alarm(ends).await
    }

    async fn look(&self, name: &str) -> Result<Standing> {
        for _ in 0..TRIES {
            let asking = match self.with(|holder| holder.look(now_ms())).await? {
                Look::Held(stamp) => return Ok(Standing::Held(stamp)),
                Look::Ask(asking) => asking,
            };
            let (asking, question) = self.question(name, asking)?;
            let answer = question.await;
            self.question.borrow_mut().take_if(|(asked, _)| *asked == asking);
            match answer {
                Ok(stamp) => match self.with(|holder| holder.learn(asking, stamp, now_ms())).await? {
                    Learned::Held(stamp) => return Ok(Standing::Held(stamp)),
                    Learned::Hidden => return Ok(Standing::Hidden),
                    Learned::Void => {}
                },
                Err(error) if error.is_absence() => {
                    return Ok(Standing::Away(self.with(|holder| holder.stale(now_ms())).await?));
                }
                Err(error) => return Err(error.to_string().into()),
            }
        }
        Ok(Standing::Hidden)
    }

    /// The question that is under way, or this one.
    fn question(&self, name: &str, asking: Asking) -> Result<(Asking, Question)> {
        let mut slot = self.question.borrow_mut();
        if let Some((asked, question)) = &*slot
            && asked.is_as_good_as(&asking)
        {
            return Ok((*asked, question.clone()));
        }
        let coordinator = Coordinator::for_leases(&EdgeConfig::read(&self.env)?);
        let ask = Ask::Lease {
            name: name.to_owned(),
        };
        let question = async move {
            match coordinator.ask(ask).await {
                Ok(Answer::Leased { stamp }) => Ok(stamp),
                Ok(_) => Err(Rc::new(CoordinatorError::Nonsense(
                    "something else than a lease".into(),
                ))),
                Err(error) => Err(Rc::new(error)),
            }
        };
        let question = question.boxed_local().shared();
        *slot = Some((asking, question.clone()));
        Ok((asking, question))
    }
}

#[wasm_bindgen]
impl Repository {
    /// How the repository stands, where its object can say so at once because it holds a lease.
    pub fn held(&self) -> Option<String> {
        let holder = self.holder.borrow();
        match holder.as_ref()?.look(now_ms()) {
            Look::Held(stamp) => Some(Standing::Held(stamp).to_string()),
            Look::Ask(_) => None,
        }
    }
}

/// How exactly it is kept when something was current, in milliseconds.
const STALE_TOLD_MS: u64 = 60 * 1_000;

impl DurableObject for Repository {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            holder: RefCell::new(None),
            has_table: Cell::new(false),
            question: RefCell::new(None),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        if request.method() == Method::Get {
            let path = request.path();
            let name = repository_of(path.trim_start_matches('/')).ok_or("an object of another kind")?;
            let standing = self.look(name).await?;
            let headers = Headers::new();
            headers.set(STANDING, &standing.to_string())?;
            return Ok(Response::empty()?.with_status(204).with_headers(headers));
        }
        let Tell::Changed(hidden) = message(&mut request).await?;
        self.with(|holder| holder.notice(hidden)).await?;
        answer(&Told)
    }

    /// Nobody has read it here for as long as it could have been shown: nothing of it is kept.
    async fn alarm(&self) -> Result<Response> {
        let last = self.with(|holder| holder.stale(now_ms())).await?;
        match last {
            Some(last) => self.keep(Some(last)).await?,
            None => {
                self.state.storage().delete_all().await?;
                self.has_table.set(false);
                *self.holder.borrow_mut() = None;
            }
        }
        Response::empty()
    }
}

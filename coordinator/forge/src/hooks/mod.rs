//! Webhooks: who outside is told of what happens in a repository.
//!
//! A delivery is a row, owed from the transaction of its event on. One job a webhook tells what is
//! owed (`deliver.rs`), in a lane of its own; how a request leaves is the host's ([`Outward`]).

pub(crate) mod deliver;
mod deliveries;
mod payload;

use crate::access::Permit;
use crate::access::repositories::AdministerRepo;
use crate::audit::{Action, Note, note};
use crate::jobs::{self, Job, NewJob};
use crate::repositories::Repository;
use crate::{Error, Forge, events, sealed};
use plue_contract::events::{Event, Ping, Topic};
use plue_contract::seal::Keyring;
use plue_contract::{DeliveryId, HookId};
use plue_store::hooks::{self as rows, HookRow, Owed};
use plue_store::{Conn, Tx};
use serde_json::json;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

pub use deliveries::{Delivery, MAX_PAGE, State, deliveries, delivery, redeliver};

/// The most webhooks of one repository.
pub const MAX_HOOKS: usize = 20;
/// The most characters of a webhook's address, and of its secret.
pub const MAX_URL_CHARS: usize = 2_048;
/// The most characters of a webhook's secret.
pub const MAX_SECRET_CHARS: usize = 255;
/// What stands for every topic.
const ALL_TOPICS: &str = "*";

/// A request that leaves the house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub url: String,
    /// Names and values of its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body, as it was signed.
    pub body: String,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The beginning of the body; what is not UTF-8 in it is replaced.
    pub body: String,
}

/// Sends a request by POST, follows where it is led as far as that is allowed, and answers; else why
/// there is no answer.
pub type Sender =
    Arc<dyn Fn(Outgoing) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + Send>> + Send + Sync>;
/// Says what is wrong with an address, as far as that is known without asking for its name.
pub type Checker = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// How the forge reaches others.
#[derive(Clone)]
pub struct Outward {
    /// The origin of the site's own pages, for addresses in what is told.
    pub origin: String,
    /// What hides the secrets of webhooks in the database.
    pub keys: Keyring,
    /// Looks at an address.
    pub check: Checker,
    /// Sends a request.
    pub send: Sender,
}

impl fmt::Debug for Outward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outward({})", self.origin)
    }
}

/// In whose shape a webhook is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As the event is: an envelope of [`plue_contract::events`].
    #[default]
    Native,
    /// As GitHub writes such an event.
    Github,
}

impl Format {
    /// Every shape.
    pub const ALL: [Self; 2] = [Self::Native, Self::Github];

    /// The shape as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Github => "github",
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| Error::invalid("format", "a format is native or github"))
    }
}

/// One webhook. Its secret is never shown again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its id.
    pub id: HookId,
    /// Its other id.
    pub uuid: String,
    /// Where it is told.
    pub url: String,
    /// Whether it has a secret, with which what it is told is signed.
    pub has_secret: bool,
    /// What it hears of; none: of everything.
    pub topics: Option<Vec<Topic>>,
    /// In whose shape.
    pub format: Format,
    /// Whether an event waits until the one before it has arrived or was given up.
    pub ordered: bool,
    /// Whether it is told at all.
    pub active: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was changed last.
    pub updated_at_ms: i64,
}

impl TryFrom<HookRow> for Hook {
    type Error = Error;

    fn try_from(row: HookRow) -> Result<Self, Error> {
        let topics = match row.topics.as_str() {
            ALL_TOPICS => None,
            some => Some(some.split(',').filter_map(Topic::chosen).collect()),
        };
        Ok(Self {
            id: HookId(row.id),
            has_secret: row.sealed_secret.is_some(),
            format: row.format.parse()?,
            uuid: row.uuid,
            url: row.url,
            topics,
            ordered: row.ordered,
            active: row.active,
            created_at_ms: row.created_at_ms,
            updated_at_ms: row.updated_at_ms,
        })
    }
}

/// What the secret of a webhook is bound to.
fn secret_of(uuid: &str) -> String {
    format!("webhook {uuid}")
}

/// Whether topics that were chosen, as the database has them, hold this one.
pub(crate) fn wants(topics: &str, topic: Topic) -> bool {
    topics == ALL_TOPICS || topics.split(',').any(|chosen| chosen == topic.as_str())
}

/// What of a webhook is to be other than it is; for a new one, other than is usual. What is none stays.
#[derive(Clone, Debug, Default)]
pub struct HookChange {
    /// Where it is told.
    pub url: Option<String>,
    /// Another secret, or none any more.
    pub secret: Option<Option<String>>,
    /// The words of the topics that it hears of; `*` for all.
    pub topics: Option<Vec<String>>,
    /// In whose shape.
    pub format: Option<Format>,
    /// Whether events wait for those before them.
    pub ordered: Option<bool>,
    /// Whether it is told at all.
    pub active: Option<bool>,
}

impl HookChange {
    /// Writes what is to change into the row.
    fn apply(&self, forge: &Forge, row: &mut HookRow) -> Result<(), Error> {
        if let Some(url) = &self.url {
            let url = url.trim();
            if url.is_empty() || url.chars().count() > MAX_URL_CHARS {
                let why = format!("an address has 1 to {MAX_URL_CHARS} characters");
                return Err(Error::invalid("url", why));
            }
            (forge.outward()?.check)(url).map_err(|why| Error::invalid("url", why))?;
            url.clone_into(&mut row.url);
        }
        match &self.secret {
            None => {}
            Some(None) => row.sealed_secret = None,
            Some(Some(secret)) if secret.is_empty() => row.sealed_secret = None,
            Some(Some(secret)) => {
                if secret.chars().count() > MAX_SECRET_CHARS || secret.chars().any(char::is_control) {
                    let why = format!(
                        "a secret has at most {MAX_SECRET_CHARS} characters, and no control characters"
                    );
                    return Err(Error::invalid("secret", why));
                }
                let keys = &forge.outward()?.keys;
                let of = secret_of(&row.uuid);
                row.sealed_secret = Some(sealed::seal(forge, keys, &of, secret.as_bytes())?);
            }
        }
        if let Some(words) = &self.topics {
            row.topics = chosen(words)?;
        }
        if let Some(format) = self.format {
            format.as_str().clone_into(&mut row.format);
        }
        row.ordered = self.ordered.unwrap_or(row.ordered);
        row.active = self.active.unwrap_or(row.active);
        Ok(())
    }
}

/// The topics that words name, as the database has them.
fn chosen(words: &[String]) -> Result<String, Error> {
    let all = || {
        let all: Vec<&str> = Topic::choosable().map(Topic::as_str).collect();
        all.join(", ")
    };
    if words.iter().any(|word| word == ALL_TOPICS) {
        return Ok(ALL_TOPICS.to_owned());
    }
    let mut topics = Vec::new();
    for word in words {
        let topic = Topic::chosen(word).ok_or_else(|| {
            let why = format!("there is no event `{word}`; there are {}, and `*` for all", all());
            Error::invalid("events", why)
        })?;
        topics.push(topic);
    }
    topics.sort_unstable();
    topics.dedup();
    if topics.is_empty() {
        return Err(Error::invalid(
            "events",
            format!("choose at least one of {}", all()),
        ));
    }
    let topics: Vec<&str> = topics.into_iter().map(Topic::as_str).collect();
    Ok(topics.join(","))
}

async fn find_row(conn: &mut Conn, repository: &Repository, id: HookId) -> Result<HookRow, Error> {
    let found = rows::find(conn, repository.id, id).await?;
    found.ok_or(Error::NotFound)
}

/// The webhooks of a repository, the oldest first.
pub async fn list(forge: &Forge, permit: Permit<AdministerRepo>) -> Result<Vec<Hook>, Error> {
    let found = rows::list(&mut forge.store().read().await?, permit.on().id).await?;
    found.into_iter().map(Hook::try_from).collect()
}

/// One webhook.
pub async fn get(forge: &Forge, permit: Permit<AdministerRepo>, id: HookId) -> Result<Hook, Error> {
    let mut conn = forge.store().read().await?;
    find_row(&mut conn, permit.on(), id).await?.try_into()
}

/// Adds a webhook, which is told at once that it is there. It hears of pushes where nothing else is
/// chosen.
pub async fn create(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    new: HookChange,
    now_ms: i64,
) -> Result<Hook, Error> {
    if new.url.is_none() {
        return Err(Error::invalid("url", "a webhook has an address"));
    }
    let mut row = HookRow {
        id: 0,
        uuid: forge.uuid(),
        repository_id: permit.on().id.0,
        url: String::new(),
        sealed_secret: None,
        topics: Topic::Push.as_str().to_owned(),
        format: Format::default().as_str().to_owned(),
        ordered: false,
        active: true,
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
    };
    new.apply(forge, &mut row)?;
    let (permit, row) = (&permit, &row);
    let id = forge
        .store()
        .in_tx("hooks.create", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, now_ms).await?;
                if rows::list(tx, repository.id).await?.len() >= MAX_HOOKS {
                    return Err(Error::conflict(
                        "",
                        format!("A repository has at most {MAX_HOOKS} webhooks; remove one first."),
                    ));
                }
                let id = rows::insert(tx, row).await?;
                let detail = json!({ "hook": id, "url": row.url, "events": row.topics });
                let told = Note::of(Action::HookCreate, &repository, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                if row.active {
                    ping(tx, permit, id, now_ms).await?;
                }
                Ok::<_, Error>(id)
            })
        })
        .await?;
    HookRow {
        id: id.0,
        ..row.clone()
    }
    .try_into()
}

/// Changes a webhook. What it is owed goes to where it is told now.
pub async fn update(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    id: HookId,
    change: HookChange,
    now_ms: i64,
) -> Result<Hook, Error> {
    let (permit, change) = (&permit, &change);
    let after = forge
        .store()
        .in_tx("hooks.update", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, now_ms).await?;
                let before = find_row(tx, &repository, id).await?;
                let mut after = before.clone();
                change.apply(forge, &mut after)?;
                if after == before {
                    return Ok::<_, Error>(after);
                }
                after.updated_at_ms = now_ms;
                rows::update(tx, &after).await?;
                let detail = json!({
                    "hook": id,
                    "url": after.url,
                    "events": after.topics,
                    "active": after.active,
                    "secret": before.sealed_secret != after.sealed_secret,
                });
                let told = Note::of(Action::HookUpdate, &repository, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                if after.active {
                    ask(tx, id, &permit.caller().request_id, now_ms, now_ms).await?;
                }
                Ok(after)
            })
        })
        .await?;
    after.try_into()
}

/// Removes a webhook. What it was still owed is not told any more.
pub async fn delete(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    id: HookId,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("hooks.delete", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, now_ms).await?;
                let gone = find_row(tx, &repository, id).await?;
                rows::delete(tx, id).await?;
                let detail = json!({ "hook": id, "url": gone.url });
                let told = Note::of(Action::HookDelete, &repository, detail);
                note(tx, permit.caller(), told, now_ms).await
            })
        })
        .await
}

/// Has a webhook told that it is there, so that people see whether it works.
pub async fn test(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    id: HookId,
    now_ms: i64,
) -> Result<DeliveryId, Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("hooks.test", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, now_ms).await?;
                let hook = find_row(tx, &repository, id).await?;
                is_active(&hook)?;
                ping(tx, permit, id, now_ms).await
            })
        })
        .await
}

fn is_active(hook: &HookRow) -> Result<(), Error> {
    match hook.active {
        true => Ok(()),
        false => Err(Error::conflict(
            "",
            "This webhook is switched off, and is told nothing; switch it on first.",
        )),
    }
}

async fn ping(
    tx: &mut Tx<'_>,
    permit: &Permit<AdministerRepo>,
    id: HookId,
    now_ms: i64,
) -> Result<DeliveryId, Error> {
    let event = Event::Ping(Ping { hook: id.0 });
    let (caller, repository) = (permit.caller(), permit.on().id);
    let written = events::write(
        tx,
        &events::Doer::of(caller),
        repository,
        std::slice::from_ref(&event),
        now_ms,
    )
    .await?;
    let written: Vec<_> = written.into_iter().map(|at| (at, event.word())).collect();
    let owed = owe(tx, id, &written, &caller.request_id, now_ms).await?;
    let nothing = || Error::Internal("a ping was not written".to_owned());
    owed.last().copied().ok_or_else(nothing)
}

/// Writes down that a webhook is owed these events, by number and word, and asks for them to be told.
pub(crate) async fn owe(
    tx: &mut Tx<'_>,
    hook: HookId,
    events: &[(i64, &str)],
    request_id: &str,
    now_ms: i64,
) -> Result<Vec<DeliveryId>, Error> {
    let mut owed = Vec::with_capacity(events.len());
    for &(event, kind) in events {
        let one = Owed {
            hook,
            event,
            kind,
            repeats: None,
            request: None,
        };
        owed.push(rows::owe(tx, one, now_ms).await?);
    }
    if !owed.is_empty() {
        ask(tx, hook, request_id, now_ms, now_ms).await?;
    }
    Ok(owed)
}

/// Asks for what a webhook is owed to be told.
async fn ask(
    tx: &mut Tx<'_>,
    hook: HookId,
    request_id: &str,
    run_after_ms: i64,
    now_ms: i64,
) -> Result<(), Error> {
    let job = Job::Deliver { hook };
    jobs::enqueue_in(tx, NewJob { job, run_after_ms }, request_id, now_ms).await
}

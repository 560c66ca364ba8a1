//! What happens, written down by whoever does it, in the same transaction: webhooks and live streams
//! are told from there. Neither is an event without its cause nor a cause without its event.

use crate::access::repositories::can_read;
use crate::jobs::{self, Job, NewJob};
use crate::repositories::Repository;
use crate::{Error, Forge, audit, follow_up, hooks};
use plue_contract::events::{self, Actor, Envelope, Event, Topic, moment};
use plue_contract::{AccountId, Caller, RepoId, Who};
use plue_store::events::{self as rows, Cause, EventRow, NewEventRow};
use plue_store::hooks as hook_rows;
use plue_store::notifications as notification_rows;
use plue_store::repositories as repository_rows;
use plue_store::{Conn, Tx};
use std::collections::HashMap;

/// How long events are kept, in milliseconds: a week.
pub const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How many rows one transaction removes.
const SWEPT_AT_ONCE: i64 = 1_000;
/// The most events of one part of a stream.
const A_PART: i64 = 200;

/// Who did something, as events name them.
#[derive(Clone, Debug)]
pub(crate) struct Doer {
    /// The account, if it was one.
    pub(crate) id: Option<AccountId>,
    /// Its name, or what it was instead.
    pub(crate) name: String,
    /// The only repositories in which they may do something, where there is such a list.
    pub(crate) only: Option<Vec<RepoId>>,
    /// The request that it follows from.
    pub(crate) request_id: String,
}

impl Doer {
    /// Who calls.
    pub(crate) fn of(caller: &Caller) -> Self {
        let (id, name) = audit::actor(&caller.who);
        Self {
            id,
            name,
            only: match &caller.who {
                Who::Account { repositories, .. } => repositories.clone(),
                _ => None,
            },
            request_id: caller.request_id.clone(),
        }
    }
}

/// Writes down what a caller did in a repository, and what its webhooks are owed of it.
pub(crate) async fn tell(
    tx: &mut Tx<'_>,
    caller: &Caller,
    repository: RepoId,
    happened: &[Event],
    now_ms: i64,
) -> Result<(), Error> {
    tell_of(tx, &Doer::of(caller), repository, happened, now_ms).await
}

/// Does what [`tell`] does, of what somebody did who does not call any more.
pub(crate) async fn tell_of(
    tx: &mut Tx<'_>,
    doer: &Doer,
    repository: RepoId,
    happened: &[Event],
    now_ms: i64,
) -> Result<(), Error> {
    if happened.is_empty() {
        return Ok(());
    }
    let ids = write(tx, doer, repository, happened, now_ms).await?;
    let followed = ids
        .iter()
        .zip(happened)
        .filter(|(_, event)| follow_up::follows(event));
    let followed: Vec<i64> = followed.map(|(id, _)| *id).collect();
    if !followed.is_empty() {
        let new = NewJob {
            job: Job::FollowUp {
                events: followed,
                only: doer.only.clone(),
            },
            run_after_ms: now_ms,
        };
        jobs::enqueue_in(tx, new, &doer.request_id, now_ms).await?;
    }
    let hooks = hook_rows::listening(tx, repository).await?;
    for (id, topics) in hooks {
        let wanted = ids.iter().zip(happened);
        let wanted = wanted.filter(|(_, event)| hooks::wants(&topics, event.topic()));
        let wanted: Vec<_> = wanted.map(|(id, event)| (*id, event.word())).collect();
        hooks::owe(tx, plue_contract::HookId(id), &wanted, &doer.request_id, now_ms).await?;
    }
    Ok(())
}

/// Writes events down, and nothing else; their numbers.
pub(crate) async fn write(
    tx: &mut Tx<'_>,
    doer: &Doer,
    repository: RepoId,
    happened: &[Event],
    now_ms: i64,
) -> Result<Vec<i64>, Error> {
    let cause = Cause {
        repository,
        actor_id: doer.id.map(|id| id.0),
        actor: &doer.name,
        at_ms: now_ms,
    };
    let row = |event: &Event| {
        let payload = serde_json::to_string(event)
            .map_err(|error| Error::Internal(format!("an event's payload: {error}")))?;
        Ok::<_, Error>(NewEventRow {
            kind: event.word(),
            topic: event.topic().as_str(),
            payload,
        })
    };
    let new = happened.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    Ok(rows::insert(tx, cause, &new).await?)
}

/// A person as events name one.
pub(crate) fn person(id: AccountId, name: impl ToString) -> events::Person {
    events::Person {
        id: id.0,
        name: name.to_string(),
    }
}

/// A repository as events describe one.
pub(crate) fn repository(of: &Repository) -> events::Repository {
    events::Repository {
        id: of.id.0,
        uuid: of.uuid.clone(),
        owner_id: of.owner_id.0,
        owner: of.owner.to_string(),
        name: of.name.to_string(),
        full_name: of.path().to_string(),
        description: of.description.clone(),
        visibility: of.visibility.as_str().to_owned(),
        default_bookmark: of.default_bookmark.clone(),
        archived: of.archived,
        created_at: moment(of.created_at_ms),
        updated_at: moment(of.updated_at_ms),
        pushed_at: of.pushed_at_ms.map(moment),
    }
}

/// Puts an event into its envelope.
pub(crate) fn envelope(row: &EventRow, of: &Repository) -> Result<Envelope, Error> {
    let event = serde_json::from_str(&row.payload)
        .map_err(|error| Error::Internal(format!("event {}: {error}", row.id)))?;
    Ok(Envelope {
        id: row.id,
        version: events::VERSION,
        at: moment(row.at_ms),
        actor: Actor {
            id: row.actor_id,
            name: row.actor.clone(),
        },
        repository: repository(of),
        event,
    })
}

/// Removes events that were told long ago, and what is kept of webhooks' deliveries.
pub(crate) async fn sweep(forge: &Forge, now_ms: i64) -> Result<u64, Error> {
    let before_ms = now_ms.saturating_sub(KEPT_MS);
    let mut swept = 0;
    loop {
        let gone = forge
            .store()
            .in_tx("events.sweep", |tx| {
                Box::pin(async move {
                    let events = rows::sweep(tx, before_ms, SWEPT_AT_ONCE).await?;
                    let deliveries = hook_rows::sweep(tx, before_ms, SWEPT_AT_ONCE).await?;
                    let notices = notification_rows::sweep(tx, before_ms, SWEPT_AT_ONCE).await?;
                    Ok::<_, Error>(events + deliveries + notices)
                })
            })
            .await?;
        swept += gone;
        if gone == 0 {
            return Ok(swept);
        }
    }
}

/// A place in the stream of all events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub i64, pub i64);

/// What somebody listens to: repositories, each with the topics that are wanted of it, empty for all.
pub type Wanted = HashMap<RepoId, Vec<Topic>>;

/// The place after all that has happened.
pub async fn end(forge: &Forge) -> Result<Place, Error> {
    let (tx, id) = rows::end(&mut forge.store().read().await?).await?;
    Ok(Place(tx, id))
}

/// What has happened since a place, of what is wanted and the caller may read just now; each with the
/// place after it. The second value is the place after all that was looked at, the third whether
/// there may be more.
pub async fn since(
    forge: &Forge,
    caller: &Caller,
    wanted: &Wanted,
    from: Place,
    now_ms: i64,
) -> Result<(Vec<(Place, Envelope)>, Place, bool), Error> {
    let mut conn = forge.store().read().await?;
    let found = rows::after(&mut conn, (from.0, from.1), A_PART).await?;
    let more = i64::try_from(found.len()).unwrap_or(i64::MAX) >= A_PART;
    let mut to = from;
    let mut readable: HashMap<i64, Option<Repository>> = HashMap::new();
    let mut told = Vec::new();
    for row in found {
        to = Place(row.tx, row.id);
        let Some(topics) = wanted.get(&RepoId(row.repository_id)) else {
            continue;
        };
        let is_wanted = match topics.is_empty() {
            true => row.topic != Topic::Ping.as_str(),
            false => topics.iter().any(|topic| topic.as_str() == row.topic),
        };
        if !is_wanted {
            continue;
        }
        let of = match readable.get(&row.repository_id) {
            Some(known) => known.clone(),
            None => {
                let now = can_read(&mut conn, caller, RepoId(row.repository_id), now_ms).await?;
                readable.insert(row.repository_id, now.clone());
                now
            }
        };
        if let Some(of) = of {
            told.push((to, envelope(&row, &of)?));
        }
    }
    Ok((told, to, more))
}

/// A repository by its number, deleted ones too; none once it was removed for good.
pub(crate) async fn repository_of(conn: &mut Conn, id: i64) -> Result<Option<Repository>, Error> {
    let found = repository_rows::by_id(conn, RepoId(id), None).await?;
    found.map(|found| found.repository.try_into()).transpose()
}

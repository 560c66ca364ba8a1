//! Events as they happen, as a stream of server-sent events (HTML, 9.2): from now on, or from after the
//! last one that a client says it has. Whether its caller may read is asked again for each part that
//! is sent.

use super::extract::{Asked, Query};
use super::failure::Failure;
use super::site::Site;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use plue_contract::events::{Envelope, Topic};
use plue_contract::{Caller, Code, RepoPath, causes};
use plue_forge::Forge;
use plue_forge::access::repositories::read;
use plue_forge::events::{self, Place, Wanted};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// How many repositories one stream tells of.
const MAX_REPOSITORIES: usize = 50;
/// How many streams are open at once.
const MAX_STREAMS: usize = 1_024;
/// How often is looked for new events while somebody listens.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often a stream says that it is still there.
const STILL_THERE: Duration = Duration::from_secs(15);
/// What says so: a line that clients pass over.
const COMMENT: &[u8] = b": still there\n\n";

/// Who listens on this machine, and the one who looks for all of them.
pub struct Live {
    end: watch::Sender<Place>,
    looking: Mutex<bool>,
    room: Arc<Semaphore>,
    closing: CancellationToken,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            end: watch::Sender::new(Place(0, 0)),
            looking: Mutex::new(false),
            room: Arc::new(Semaphore::new(MAX_STREAMS)),
            closing: CancellationToken::new(),
        }
    }
}

impl Live {
    /// Ends every stream, and those that are asked for from now on: a client comes back to whoever is
    /// there then, with the last id that it has.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Hears of every event from now on. While anybody does, one task looks.
    fn listen(self: &Arc<Self>, forge: &Forge) -> watch::Receiver<Place> {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.end.subscribe();
        if !*looking {
            *looking = true;
            tokio::spawn(look(Arc::clone(self), forge.clone()));
        }
        receiver
    }

    /// Whether nobody listens any more, and so the one who looks may go.
    fn is_over(&self) -> bool {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        *looking = self.end.receiver_count() > 0;
        !*looking
    }
}

async fn look(live: Arc<Live>, forge: Forge) {
    while !live.is_over() {
        match events::end(&forge).await {
            Ok(end) => {
                live.end.send_if_modified(|known| {
                    let moved = *known != end;
                    *known = end;
                    moved
                });
            }
            Err(error) => tracing::warn!(error = %causes(&error), "new events could not be looked for"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is listened to, and from where on.
#[derive(Deserialize)]
pub struct Asks {
    topics: Option<String>,
    /// For clients that cannot send the header.
    #[serde(rename = "lastEventId")]
    last_event_id: Option<String>,
}

/// A stream that is open.
struct Listening {
    site: Site,
    caller: Caller,
    wanted: Wanted,
    place: Place,
    end: watch::Receiver<Place>,
    more: bool,
    closing: CancellationToken,
    _room: OwnedSemaphorePermit,
}

impl Listening {
    /// The next part of the stream; none where the caller is not let in any more.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        loop {
            if !self.more {
                let news = tokio::time::timeout(STILL_THERE, self.end.changed());
                let closing = self.closing.clone();
                match closing.run_until_cancelled(news).await {
                    Some(Ok(Ok(()))) => {}
                    None | Some(Ok(Err(_))) => return None,
                    Some(Err(_)) => return Some((Ok(Bytes::from_static(COMMENT)), self)),
                }
            }
            let now_ms = self.site.now_ms();
            let found = events::since(&self.site.forge, &self.caller, &self.wanted, self.place, now_ms).await;
            let (told, to, more) = match found {
                Ok(found) => found,
                Err(error) => {
                    // The client comes back with the last id that it has, and is told why.
                    tracing::info!(error = %causes(&error), "a stream of events ends");
                    return None;
                }
            };
            self.place = to;
            self.more = more;
            let text: String = told
                .iter()
                .map(|(place, envelope)| written(*place, envelope))
                .collect();
            if !text.is_empty() {
                return Some((Ok(text.into()), self));
            }
        }
    }
}

fn written(Place(tx, id): Place, envelope: &Envelope) -> String {
    let kind = envelope.event.word();
    // JSON has no line breaks outside of what it escapes.
    let data = serde_json::to_string(envelope).unwrap_or_default();
    format!("id: {tx}-{id}\nevent: {kind}\ndata: {data}\n\n")
}

fn place(text: &str) -> Result<Place, Failure> {
    let read = || {
        let (tx, id) = text.split_once('-')?;
        let number = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| text.parse().ok())?
        };
        Some(Place(number(tx)?, number(id)?))
    };
    read().ok_or_else(|| Failure::invalid("lastEventId", "This is no id of an event that we gave."))
}

async fn wanted(site: &Site, caller: &Caller, topics: &str) -> Result<Wanted, Failure> {
    let mut wanted = Wanted::new();
    for one in topics.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let (path, topic) = match one.split_once(':') {
            Some((path, topic)) => (path, Some(topic)),
            None => (one, None),
        };
        let path: RepoPath = path.parse().map_err(|_| {
            Failure::invalid(
                "topics",
                format!("`{path}` is no repository; write owner/name or owner/name:topic."),
            )
        })?;
        let topic = topic.map(|topic| {
            Topic::chosen(topic)
                .ok_or_else(|| Failure::invalid("topics", format!("There is no topic `{topic}`.")))
        });
        let topic = topic.transpose()?;
        let permit = read(&site.forge, caller, &path, site.now_ms()).await?;
        let id = permit.on().id;
        if wanted.len() >= MAX_REPOSITORIES && !wanted.contains_key(&id) {
            let why = format!("A stream tells of at most {MAX_REPOSITORIES} repositories.");
            return Err(Failure::invalid("topics", why));
        }
        match (wanted.get_mut(&id), topic) {
            // One that is wanted whole stays so.
            (Some(topics), Some(topic)) if !topics.is_empty() => topics.push(topic),
            (Some(topics), None) => topics.clear(),
            (Some(_), Some(_)) => {}
            (None, topic) => drop(wanted.insert(id, topic.into_iter().collect())),
        }
    }
    match wanted.is_empty() {
        true => Err(Failure::invalid(
            "topics",
            "Say what to listen to: ?topics=owner/name, or owner/name:push for one topic of it; several with commas.",
        )),
        false => Ok(wanted),
    }
}

/// Tells of events as they happen: of repositories, each wholly (`owner/name`) or by topic
/// (`owner/name:issue`). `Last-Event-ID` goes on after that event, for a week.
#[utoipa::path(get, path = "/api/events", tag = "events",
    params(("topics" = String, Query), ("lastEventId" = Option<String>, Query)),
    responses((status = 200, content_type = "text/event-stream"), (status = 400), (status = 401), (status = 404),
        (status = 503)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    headers: HeaderMap,
    Query(asks): Query<Asks>,
) -> Result<Response, Failure> {
    let wanted = wanted(&site, &caller, asks.topics.as_deref().unwrap_or_default()).await?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let last = last
        .or(asks.last_event_id.as_deref())
        .filter(|last| !last.is_empty());
    let live = site.live();
    let room = Arc::clone(&live.room).try_acquire_owned().map_err(|_| {
        Failure::new(
            Code::Unavailable,
            "Too many streams are open; please try again later.",
        )
    })?;
    let end = live.listen(&site.forge);
    let place = match last {
        Some(last) => place(last)?,
        None => events::end(&site.forge).await?,
    };
    let listening = Listening {
        caller,
        wanted,
        place,
        end,
        // What happened since the place, before anybody says that something did.
        more: true,
        site: site.clone(),
        closing: live.closing.clone(),
        _room: room,
    };
    // A first line at once, so that proxies pass the head on.
    let begun = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(COMMENT)) });
    let rest = stream::unfold(listening, Listening::next);
    let body = Body::from_stream(futures_util::StreamExt::chain(begun, rest));
    const KIND: HeaderValue = HeaderValue::from_static("text/event-stream");
    Ok(([(CONTENT_TYPE, KIND)], body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_that_we_gave_are_places() {
        assert_eq!(place("0-7").ok(), Some(Place(0, 7)));
        for text in [
            "",
            "7",
            "-7",
            "0-",
            "0-x",
            "+1-2",
            "0--7",
            "0-99999999999999999999",
        ] {
            assert!(place(text).is_err(), "{text}");
        }
    }
}

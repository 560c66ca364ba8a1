//! The platform's cache: what the gateway says may be kept of answers, and what it makes of it
//! again. Which state of a repository is current is asked of its Durable Object.
//!
//! Only repositories whose public answers were kept before have their object asked, so that names
//! that strangers make up bring none into being.

use crate::glue;
use crate::host::{EdgeHost, now_ms};
use crate::objects::repository::Standing;
use crate::translate;
use http::header::CACHE_CONTROL;
use http::response::Parts;
use plue_contract::edge::Stamp;
use plue_gateway::cache::{Outcome, Shared, note};
use plue_gateway::generations::Last;
use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::JsFuture;
use worker::worker_sys::web_sys::Response;
use worker::{Context, Result, console_error};

/// In which header the head of an answer is kept; `glue.js` has the same name.
const KEPT_HEAD: &str = "plue-kept";

/// For how long the platform's cache keeps a word of ours, in seconds.
const WORD_S: u64 = 24 * 60 * 60;

/// An answer that was kept, its head read.
pub struct Kept {
    parts: Parts,
    answer: Response,
}

impl Kept {
    fn at(&self) -> Option<u64> {
        Shared::kept_ms(&self.parts.headers)
    }
}

/// The head of an answer that was kept, from the one header in which it is kept: a head costs the
/// runtime an object for each of its headers. Lines are joined by an escaped newline.
pub fn kept_parts(kept: &str) -> Option<Parts> {
    let mut lines = String::with_capacity(kept.len());
    let mut pieces = kept.split('%');
    lines.push_str(pieces.next()?);
    for piece in pieces {
        let (escape, rest) = piece.split_at_checked(2)?;
        lines.push(match escape {
            "0A" => '\n',
            "25" => '%',
            _ => return None,
        });
        lines.push_str(rest);
    }
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.headers = translate::headers(&lines)?;
    Some(parts)
}

/// The head of an answer as it is kept, and how long the cache keeps it.
fn kept_head(head: &Parts) -> String {
    let lines = translate::lines(&head.headers, |name| *name == CACHE_CONTROL);
    let escaped = lines.replace('%', "%25").replace('\n', "%0A");
    let keeping = head
        .headers
        .get(CACHE_CONTROL)
        .and_then(|value| value.to_str().ok());
    format!(
        "{KEPT_HEAD}:{escaped}\ncache-control:{}\n",
        keeping.unwrap_or_default()
    )
}

/// What the cache has for a request.
pub enum Found {
    /// The answer.
    Kept(Kept, Outcome),
    /// An answer that is made anew, if that can be done.
    Old(Kept),
    /// Nothing.
    Nothing,
}

fn known_key(name: &str) -> String {
    format!("https://known.invalid/{name}")
}

/// The answer that is kept under a key.
async fn kept(key: &str) -> Option<Kept> {
    let answer = get(key).await?;
    let parts = kept_parts(&glue::kept_head(&answer)?)?;
    Some(Kept { parts, answer })
}

/// What is kept under a key; a cache that fails has nothing.
async fn get(key: &str) -> Option<Response> {
    match done(glue::cached(key)).await {
        Ok(found) => found.dyn_into().ok(),
        Err(error) => {
            console_error!("the cache cannot be read: {error}");
            None
        }
    }
}

async fn done(called: std::result::Result<Promise, JsValue>) -> Result<JsValue> {
    Ok(JsFuture::from(called?).await?)
}

async fn put(key: String, answer: Response) {
    if let Err(error) = done(glue::put(&key, &answer)).await {
        console_error!("the cache cannot be written: {error}");
    }
}

/// A word of ours, for the cache.
fn word(text: &str) -> Result<Response> {
    let keeping = format!("cache-control:public, max-age={WORD_S}\n");
    Ok(glue::answer(200, &keeping, &JsValue::from_str(text))?)
}

/// What is shown of a repository that stood like this last.
async fn latest(shared: &Shared, last: Last) -> Option<(Kept, u64)> {
    if let Some(kept) = kept(&shared.key(&last.stamp)).await {
        return Some((kept, last.current_ms));
    }
    let key = text(&get(&shared.latest_key(&last.stamp)).await?).await.ok()?;
    let kept = kept(&key).await?;
    let kept_ms = kept.at()?;
    Some((kept, kept_ms))
}

/// The whole of a text.
async fn text(answer: &Response) -> Result<String> {
    let text = done(answer.text()).await?;
    text.as_string().ok_or_else(|| "an answer that is no text".into())
}

impl EdgeHost {
    /// What the cache has for a request.
    /// What the repository's object said already is not asked again.
    pub async fn find(&self, shared: &Shared, said: Option<Option<Standing>>) -> Found {
        let Some(path) = &shared.repository else {
            let kept = kept(&shared.lasting_key()).await;
            return kept.map_or(Found::Nothing, |kept| Found::Kept(kept, Outcome::Hit));
        };
        let name = path.key();
        if !shared.serves || !self.knows(&name).await {
            return Found::Nothing;
        }
        let standing = match said {
            Some(said) => said,
            None => self.standing(&name).await,
        };
        match standing {
            Some(Standing::Held(stamp)) => match kept(&shared.key(&stamp)).await {
                Some(kept) if shared.is_fresh(&kept.parts.headers, now_ms()) => {
                    Found::Kept(kept, Outcome::Hit)
                }
                Some(kept) => Found::Old(kept),
                None => Found::Nothing,
            },
            Some(Standing::Away(Some(last))) => match latest(shared, last).await {
                Some((kept, current_ms)) => Found::Kept(kept, Outcome::Stale { current_ms }),
                None => Found::Nothing,
            },
            Some(Standing::Hidden | Standing::Away(None)) | None => Found::Nothing,
        }
    }

    /// What can be shown although the coordinator did not answer; `old` is what was found before.
    pub async fn find_stale(&self, shared: &Shared, old: Option<Kept>) -> Option<(Kept, Outcome)> {
        if let Some(old) = old {
            let current_ms = old.at()?;
            return Some((old, Outcome::Stale { current_ms }));
        }
        let name = shared.repository.as_ref()?.key();
        if !self.knows(&name).await {
            return None;
        }
        let last = match self.standing(&name).await? {
            Standing::Held(stamp) => Last {
                stamp,
                current_ms: now_ms(),
            },
            Standing::Away(last) => last?,
            Standing::Hidden => return None,
        };
        let (kept, current_ms) = latest(shared, last).await?;
        Some((kept, Outcome::Stale { current_ms }))
    }

    /// Keeps an answer that was made from this state, beside its way to the client.
    pub fn keep(
        &self,
        context: &Context,
        shared: &Shared,
        stamp: Option<Stamp>,
        head: &Parts,
        answer: &Response,
    ) -> Result<()> {
        let body = answer.clone()?.body().map_or(JsValue::NULL, Into::into);
        let kept = glue::answer(200, &kept_head(head), &body)?;
        let Some(stamp) = stamp else {
            let key = shared.lasting_key();
            context.wait_until(async move { put(key, kept).await });
            return Ok(());
        };
        let (key, latest) = (shared.key(&stamp), shared.latest_key(&stamp));
        let pointer = word(&key)?;
        let name = shared.repository.as_ref().map(|path| path.key());
        let mark = match &name {
            Some(name) if self.learn(name) => Some((known_key(name), word("known")?)),
            _ => None,
        };
        context.wait_until(async move {
            put(key, kept).await;
            put(latest, pointer).await;
            if let Some((key, mark)) = mark {
                put(key, mark).await;
            }
        });
        Ok(())
    }

    /// Whether public answers of the repository were kept here before.
    async fn knows(&self, name: &str) -> bool {
        if self.has_learned(name) {
            return true;
        }
        let known = get(&known_key(name)).await.is_some();
        if known {
            self.learn(name);
        }
        known
    }
}

/// Makes an answer of what was kept, its head finished by `finish`.
pub async fn answer(
    kept: Kept,
    shared: &Shared,
    outcome: Outcome,
    finish: impl FnOnce(&mut Parts),
) -> Result<Response> {
    let Kept { mut parts, answer } = kept;
    let has_body = shared.serve(&mut parts, outcome);
    let noted = match outcome {
        Outcome::Stale { current_ms } if has_body && shared.is_noted(outcome) => {
            Some(note(&text(&answer).await?, current_ms))
        }
        _ => None,
    };
    finish(&mut parts);
    if let Some(text) = noted {
        return translate::response(http::Response::from_parts(parts, text.into_bytes()));
    }
    if has_body {
        return translate::streamed(&answer, &parts);
    }
    translate::empty(&parts)
}

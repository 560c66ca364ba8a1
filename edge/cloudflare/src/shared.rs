//! The platform's cache: what the gateway says may be kept of answers, and what it makes of it
//! again. Which state of a repository is current is asked of its Durable Object.
//!
//! Only repositories whose public answers were kept before have their object asked, so that names
//! that strangers make up bring none into being.

use crate::host::{EdgeHost, now_ms};
use crate::objects::repository::Standing;
use crate::translate;
use http::response::Parts;
use plue_contract::edge::Stamp;
use plue_gateway::cache::{Outcome, Shared, note};
use plue_gateway::generations::Last;
use worker::{Cache, Context, Response, ResponseBody, Result, console_error};

/// For how long the platform's cache keeps a word of ours, in seconds.
const WORD_S: u64 = 24 * 60 * 60;

/// What the cache has for a request.
pub enum Found {
    /// The answer.
    Kept(Response, Outcome),
    /// An answer that is made anew, if that can be done.
    Old(Response),
    /// Nothing.
    Nothing,
}

fn known_key(name: &str) -> String {
    format!("https://known.invalid/{name}")
}

/// What is kept under a key; a cache that fails has nothing.
async fn get(key: &str) -> Option<Response> {
    match Cache::default().get(key, false).await {
        Ok(found) => found,
        Err(error) => {
            console_error!("the cache cannot be read: {error}");
            None
        }
    }
}

async fn put(key: String, answer: Response) {
    if let Err(error) = Cache::default().put(key, answer).await {
        console_error!("the cache cannot be written: {error}");
    }
}

/// A word of ours, for the cache.
fn word(text: &str) -> Result<Response> {
    let answer = Response::ok(text)?;
    let keeping = format!("public, max-age={WORD_S}");
    answer.headers().set("cache-control", &keeping)?;
    Ok(answer)
}

/// What is shown of a repository that stood like this last.
async fn latest(shared: &Shared, last: Last) -> Option<(Response, u64)> {
    if let Some(kept) = get(&shared.key(&last.stamp)).await {
        return Some((kept, last.current_ms));
    }
    let key = get(&shared.latest_key(&last.stamp)).await?.text().await.ok()?;
    let kept = get(&key).await?;
    let kept_ms = kept_ms(&kept)?;
    Some((kept, kept_ms))
}

fn kept_ms(kept: &Response) -> Option<u64> {
    Shared::kept_ms(&translate::answer_parts(kept).ok()?.headers)
}

impl EdgeHost {
    /// What the cache has for a request.
    pub async fn find(&self, shared: &Shared) -> Found {
        let Some(path) = &shared.repository else {
            let kept = get(&shared.lasting_key()).await;
            return kept.map_or(Found::Nothing, |kept| Found::Kept(kept, Outcome::Hit));
        };
        let name = path.key();
        if !shared.serves || !self.knows(&name).await {
            return Found::Nothing;
        }
        match self.standing(&name).await {
            Some(Standing::Held(stamp)) => match get(&shared.key(&stamp)).await {
                Some(kept) => match translate::answer_parts(&kept) {
                    Ok(parts) if shared.is_fresh(&parts.headers, now_ms()) => Found::Kept(kept, Outcome::Hit),
                    _ => Found::Old(kept),
                },
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
    pub async fn find_stale(&self, shared: &Shared, old: Option<Response>) -> Option<(Response, Outcome)> {
        if let Some(old) = old {
            let current_ms = kept_ms(&old)?;
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
        answer: &mut Response,
    ) -> Result<()> {
        let mut kept = answer.cloned()?;
        kept = translate::streamed(kept, head)?;
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
    mut kept: Response,
    shared: &Shared,
    outcome: Outcome,
    finish: impl FnOnce(&mut Parts),
) -> Result<Response> {
    let mut parts = translate::answer_parts(&kept)?;
    let has_body = shared.serve(&mut parts, outcome);
    let noted = match outcome {
        Outcome::Stale { current_ms } if has_body && shared.is_noted(outcome) => {
            Some(note(&kept.text().await?, current_ms))
        }
        _ => None,
    };
    finish(&mut parts);
    if let Some(text) = noted {
        return translate::response(http::Response::from_parts(parts, text.into_bytes()));
    }
    if has_body {
        return translate::streamed(kept, &parts);
    }
    Ok(Response::builder()
        .with_status(parts.status.as_u16())
        .with_headers(translate::runtime_headers(&parts.headers, |_| false)?)
        .body(ResponseBody::Empty))
}

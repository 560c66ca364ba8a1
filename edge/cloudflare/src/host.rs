//! The gateway's ports on this runtime. What a failing port means is the gateway's to say.

use crate::config::{ConfigError, EdgeConfig};
use crate::coordinator::{Coordinator, CoordinatorError};
use crate::figures::Figures;
use crate::memory::Fleeting;
use crate::objects::limiter::Take;
use crate::objects::repository::Standing;
use crate::objects::session::Find;
use crate::objects::{self, ObjectError, Objects};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use plue_contract::credentials::{Credential, SessionCookie};
use plue_contract::edge::{Answer, Ask, Event, Notice, SessionFacts, Stamp};
use plue_contract::seal::{Key, Keyring, Purpose};
use plue_contract::{AccountId, Problem, SessionId, Who, headers};
use plue_gateway::limits::{BucketKey, Decision, Rate};
use plue_gateway::pushed;
use plue_gateway::{
    AddressRange, Buckets, Chance, Clock, Credentials, PortError, SessionKey, SessionState, Sessions,
};
use sha2::Sha256;
use std::cell::RefCell;
use std::net::IpAddr;
use worker::{Env, RateLimiter};

/// How long the isolate believes what the coordinator said of a credential, in milliseconds.
const CREDENTIAL_MS: u64 = 10_000;
/// How many credentials an isolate remembers.
const CREDENTIALS: usize = 4_096;
/// How long an isolate remembers that a cookie was one, in milliseconds.
const COOKIE_MS: u64 = 60 * 60 * 1_000;
/// How many cookies an isolate remembers.
const COOKIES: usize = 16_384;
/// How many refusals an isolate remembers.
const REFUSALS: usize = 16_384;

/// How long an isolate remembers that a repository has public answers, in milliseconds.
const NAME_MS: u64 = 60 * 60 * 1_000;
/// How many repositories an isolate remembers.
const NAMES: usize = 16_384;

/// The binding of the platform's limiter.
const FLOODS: &str = "FLOODS";
/// How long one who floods is told to wait, in milliseconds.
const FLOOD_MS: u64 = 10_000;

/// The time, in milliseconds since 1970. It stands still between two awaits.
pub fn now_ms() -> u64 {
    // Whole milliseconds, far below the 2^53 that a number can hold.
    worker::js_sys::Date::now() as u64
}

/// One isolate's host.
pub struct EdgeHost {
    objects: Objects,
    /// The platform's own limiter, where it is configured: it takes floods off the objects.
    floods: Option<RateLimiter>,
    coordinator: Coordinator,
    notices: Keyring,
    credential_key: Key,
    /// Whom a credential belonged to, under a keyed hash of it.
    credentials: RefCell<Fleeting<[u8; 32], Option<Who>>>,
    /// Whose session it was that the coordinator knew some time ago by a cookie, or that it knew none.
    /// Only those that it knew are asked of a Durable Object: a stranger's invention must not bring
    /// one into being.
    cookies: RefCell<Fleeting<[u8; 32], Option<Option<AccountId>>>>,
    /// Refusals that a limiter issued, until they end.
    refusals: RefCell<Fleeting<(String, u32), Decision>>,
    /// The repositories of which public answers were kept.
    names: RefCell<Fleeting<String, ()>>,
    /// How repositories stood a moment ago, where that may be believed.
    standings: RefCell<Fleeting<String, Stamp>>,
    memo_ms: u64,
    push_secret: Option<String>,
    metrics_key: Option<String>,
    metrics_from: Vec<AddressRange>,
    figures: Figures,
}

impl EdgeHost {
    /// A host with empty memories.
    pub fn new(env: &Env, config: EdgeConfig) -> Result<Self, ConfigError> {
        let ring = config.keys(Purpose::CredentialCache);
        Ok(Self {
            objects: Objects::bind(env)?,
            floods: env.rate_limiter(FLOODS).ok(),
            coordinator: Coordinator::new(&config),
            notices: config.keys(Purpose::Notice),
            credential_key: ring.current().ok_or(ConfigError::NoKey)?.clone(),
            credentials: RefCell::new(Fleeting::new(CREDENTIALS)),
            cookies: RefCell::new(Fleeting::new(COOKIES)),
            refusals: RefCell::new(Fleeting::new(REFUSALS)),
            names: RefCell::new(Fleeting::new(NAMES)),
            standings: RefCell::new(Fleeting::new(NAMES)),
            memo_ms: config.memo_ms,
            push_secret: config.push_secret,
            metrics_key: config.metrics_key,
            metrics_from: config.metrics_from,
            figures: Figures::default(),
        })
    }

    /// What was counted here.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Whether somebody may read the figures: by the key, or from a listed address.
    pub fn may_watch(&self, headers: &HeaderMap, address: Option<IpAddr>) -> bool {
        let by_key = pushed::authorised(headers, self.metrics_key.as_deref()).is_ok();
        by_key || address.is_some_and(|address| self.metrics_from.iter().any(|range| range.contains(address)))
    }

    /// Whether a notice in the seed's words is believed.
    pub fn may_push(&self, headers: &HeaderMap) -> Result<(), Problem> {
        pushed::authorised(headers, self.push_secret.as_deref())
    }

    /// How the repository of a name stands; none where its object fails.
    pub async fn standing(&self, name: &str) -> Option<Standing> {
        if let Some(stamp) = self.remembered(name) {
            return Some(Standing::Held(stamp));
        }
        let standing = self.objects.look(name).await.map_err(failed).ok()?;
        if let Standing::Held(stamp) = standing {
            self.remember(name, stamp);
        }
        Some(standing)
    }

    /// How the repository of a name stood a moment ago, where that may be believed.
    pub fn remembered(&self, name: &str) -> Option<Stamp> {
        if self.memo_ms == 0 {
            return None;
        }
        let memo = self.standings.borrow_mut().get(name, now_ms());
        memo.map(|(_, stamp)| stamp)
    }

    /// Remembers for a moment how the repository of a name stands, if that is wanted.
    pub fn remember(&self, name: &str, stamp: Stamp) {
        if self.memo_ms > 0 && self.remembered(name).is_none() {
            let now_ms = now_ms();
            let until_ms = now_ms.saturating_add(self.memo_ms);
            let mut standings = self.standings.borrow_mut();
            standings.put(name.to_owned(), stamp, until_ms, now_ms);
        }
    }

    /// Has the objects of these names let go of what they hold.
    pub async fn changed(&self, names: &[String], hidden: bool) -> Result<(), ObjectError> {
        let telling = names.iter().map(|name| async move {
            self.standings.borrow_mut().forget(name);
            self.objects.repository(name)?.changed(hidden).await
        });
        futures_util::future::try_join_all(telling).await.map(drop)
    }

    /// Forgets what this isolate remembers of credentials, cookies and repositories.
    pub fn forget(&self) {
        self.credentials.borrow_mut().clear();
        self.cookies.borrow_mut().clear();
        self.standings.borrow_mut().clear();
    }

    /// Remembers that public answers of a repository were kept; whether that is news.
    pub fn learn(&self, name: &str) -> bool {
        let now_ms = now_ms();
        let is_news = !self.has_learned(name);
        let mut names = self.names.borrow_mut();
        names.put(name.to_owned(), (), now_ms.saturating_add(NAME_MS), now_ms);
        is_news
    }

    /// Whether public answers of a repository are known to have been kept.
    pub fn has_learned(&self, name: &str) -> bool {
        self.names.borrow_mut().get(name, now_ms()).is_some()
    }

    /// The way to the coordinator.
    pub fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// The notice that a request carries, if it is one of the coordinator's.
    pub fn notice(&self, headers: &HeaderMap) -> Option<Notice> {
        const NOTICE: HeaderName = HeaderName::from_static(headers::NOTICE);
        let sealed = headers.get(NOTICE)?.to_str().ok()?;
        Notice::open(sealed, &self.notices, now_ms()).ok()
    }

    /// Does what a believed notice says. Doing it twice is the same as once.
    pub async fn obey(&self, notice: Notice) -> Result<(), ObjectError> {
        match notice.event {
            Event::SessionsRevoked { ids } => {
                for id in ids {
                    self.objects.session(&id)?.revoke().await?;
                }
                Ok(())
            }
            Event::RepositoriesChanged { names, hidden } => self.changed(&names, hidden).await,
        }
    }

    fn credential_hash(&self, credential: &Credential) -> [u8; 32] {
        match credential {
            Credential::Token { secret } => self.keyed_hash([b"token", secret.as_bytes(), b""]),
            Credential::Password { name, password } => {
                self.keyed_hash([b"password", name.as_bytes(), password.as_bytes()])
            }
        }
    }

    fn cookie_hash(&self, cookie: &SessionCookie) -> [u8; 32] {
        self.keyed_hash([b"cookie", cookie.id.0.as_bytes(), &cookie.secret_hash])
    }

    fn keyed_hash(&self, parts: [&[u8]; 3]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.credential_key.bytes())
            .expect("because HMAC takes a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// A port's failure, logged here, since the gateway only says what it means.
fn failed(error: impl std::fmt::Display) -> PortError {
    worker::console_error!("{error}");
    PortError(error.to_string())
}

impl Clock for EdgeHost {
    fn now_ms(&self) -> u64 {
        now_ms()
    }
}

impl Chance for EdgeHost {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("because the runtime has crypto.getRandomValues");
    }
}

impl Buckets for EdgeHost {
    async fn take(&self, key: &BucketKey, rate: Rate, cost: u32) -> Result<Decision, PortError> {
        let asked_ms = now_ms();
        let memory_key = (key.to_string(), cost);
        let refusal = self.refusals.borrow_mut().get(&memory_key, asked_ms);
        if let Some((until_ms, refusal)) = refusal {
            let passed_ms = refusal.retry_after_ms.saturating_sub(until_ms - asked_ms);
            return Ok(Decision {
                retry_after_ms: until_ms - asked_ms,
                reset_ms: refusal.reset_ms.saturating_sub(passed_ms),
                ..refusal
            });
        }
        if cost > 0 && self.is_flood(key).await {
            return Ok(Decision {
                allowed: false,
                limit: rate.burst,
                remaining: 0,
                reset_ms: FLOOD_MS,
                retry_after_ms: FLOOD_MS,
            });
        }
        let shard = key.shard(objects::LIMITER_SHARDS);
        let take = Take {
            key: memory_key.0.clone(),
            burst: rate.burst,
            per_ms: rate.per_ms,
            cost,
            back: false,
        };
        let limiter = self.objects.limiter(shard).map_err(failed)?;
        let decision: Decision = limiter.call(&take).await.map_err(failed)?.into();
        if !decision.allowed && cost > 0 {
            // Counted from when the question was sent: never later than the object's own moment.
            let until_ms = asked_ms.saturating_add(decision.retry_after_ms);
            let mut refusals = self.refusals.borrow_mut();
            refusals.put(memory_key, decision, until_ms, asked_ms);
        }
        Ok(decision)
    }

    async fn give_back(&self, key: &BucketKey, rate: Rate, cost: u32) -> Result<(), PortError> {
        let memory_key = (key.to_string(), cost);
        let give = Take {
            key: memory_key.0.clone(),
            burst: rate.burst,
            per_ms: rate.per_ms,
            cost,
            back: true,
        };
        let shard = key.shard(objects::LIMITER_SHARDS);
        let limiter = self.objects.limiter(shard).map_err(failed)?;
        limiter.call(&give).await.map_err(failed)?;
        // What was refused before would pass now. Another isolate learns it when its refusal ends.
        self.refusals.borrow_mut().forget(&memory_key);
        Ok(())
    }
}

impl Sessions for EdgeHost {
    fn remembered(&self, key: &SessionKey) -> Option<AccountId> {
        let SessionKey::Cookie(cookie) = key else {
            return None;
        };
        let (_, known) = self
            .cookies
            .borrow_mut()
            .get(&self.cookie_hash(cookie), now_ms())?;
        known?
    }

    async fn find(&self, key: &SessionKey) -> Result<Option<SessionState>, PortError> {
        let found = match key {
            SessionKey::Cookie(cookie) => self.find_by_cookie(cookie).await?,
            // Named by a token that verified: no stranger's invention.
            SessionKey::Id(id) => self.ask_object(id, &Find::Alive(id.clone())).await?,
        };
        Ok(found.map(|facts| SessionState {
            who: facts.who,
            session: facts.id,
            expires_ms: facts.expires_ms,
            replacement: facts.replacement,
        }))
    }
}

impl EdgeHost {
    /// Whether the platform says that there is far too much from here. Its counters are per place
    /// and approximate: it only keeps floods away from the exact ones.
    async fn is_flood(&self, key: &BucketKey) -> bool {
        let Some(floods) = &self.floods else {
            return false;
        };
        match floods.limit(key.to_string()).await {
            Ok(outcome) => !outcome.success,
            Err(error) => {
                worker::console_error!("the platform's limiter does not answer: {error}");
                false
            }
        }
    }

    async fn ask_object(&self, id: &SessionId, find: &Find) -> Result<Option<SessionFacts>, PortError> {
        let session = self.objects.session(id).map_err(failed)?;
        Ok(session.find(find).await.map_err(failed)?.session)
    }

    async fn find_by_cookie(&self, cookie: &SessionCookie) -> Result<Option<SessionFacts>, PortError> {
        let asked_ms = now_ms();
        let memory_key = self.cookie_hash(cookie);
        let remembered = self.cookies.borrow_mut().get(&memory_key, asked_ms);
        let find = match remembered {
            Some((_, None)) => return Ok(None),
            Some((_, Some(_))) => Find::Cookie(cookie.clone()),
            None => {
                let ask = Ask::Session {
                    cookie: cookie.clone(),
                };
                let (known, until_ms, find) = match self.coordinator.ask(ask).await {
                    Ok(Answer::Session { session }) => (
                        Some(match session.who {
                            Who::Account { id, .. } => Some(id),
                            _ => None,
                        }),
                        asked_ms + COOKIE_MS,
                        Some(Find::Learn(cookie.clone(), session)),
                    ),
                    Ok(Answer::Nobody) => (None, asked_ms + CREDENTIAL_MS, None),
                    Ok(Answer::Holder { .. } | Answer::Leased { .. }) => {
                        return Err(failed("something else than a session"));
                    }
                    // While the coordinator is away, what the object knows is all there is.
                    Err(CoordinatorError::Unreachable(_) | CoordinatorError::Late) => {
                        let find = Find::Cookie(cookie.clone());
                        return self.ask_object(&cookie.id, &find).await;
                    }
                    Err(error) => return Err(failed(error)),
                };
                let mut cookies = self.cookies.borrow_mut();
                cookies.put(memory_key, known, until_ms, asked_ms);
                match find {
                    Some(find) => find,
                    None => return Ok(None),
                }
            }
        };
        self.ask_object(&cookie.id, &find).await
    }
}

impl Credentials for EdgeHost {
    async fn introspect(&self, credential: &Credential) -> Result<Option<Who>, PortError> {
        let hash = self.credential_hash(credential);
        let asked_ms = now_ms();
        if let Some((_, who)) = self.credentials.borrow_mut().get(&hash, asked_ms) {
            return Ok(who);
        }
        let ask = Ask::Credential {
            credential: credential.clone(),
        };
        let who = match self.coordinator.ask(ask).await.map_err(failed)? {
            Answer::Nobody => None,
            Answer::Holder { who } => Some(who),
            Answer::Session { .. } | Answer::Leased { .. } => {
                return Err(failed("no holder stands behind a bearer credential"));
            }
        };
        let mut credentials = self.credentials.borrow_mut();
        credentials.put(hash, who.clone(), asked_ms + CREDENTIAL_MS, asked_ms);
        Ok(who)
    }
}

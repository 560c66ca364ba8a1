//! Who stands behind what a request presents: the questions to the ports, and what their answers
//! mean. A credential that does not hold is told so and counted against its address.

use crate::cookie;
use crate::decide::{Gateway, OnFailure, Stop, allowed, on_failing_port, unavailable};
use crate::finish::Plan;
use crate::host::{Host, SessionKey};
use crate::identity::{self, Lookup, Presented};
use crate::limits::{BucketKey, Lane, Preset, Subject};
use crate::routes::{Access, Route};
use http::request;
use plue_contract::credentials::Credential;
use plue_contract::{AccountId, Code, Problem, SessionId, Via, Who};
use std::net::IpAddr;

/// Who calls, and what was learned on the way.
pub(crate) struct Identified {
    /// Whose credential it was.
    pub who: Who,
    /// The session, where its cookie was the credential: then forgery is a question.
    pub by_cookie: Option<SessionId>,
    /// Whose buckets the request draws from.
    pub lane: Lane,
}

impl Identified {
    const NOBODY: Self = Self {
        who: Who::Anonymous,
        by_cookie: None,
        lane: Lane::People,
    };
}

fn unauthenticated(detail: &str) -> Problem {
    Problem::new(Code::Unauthenticated, detail)
}

impl<H: Host> Gateway<H> {
    /// Whose account it will be, before anybody was asked; none where a request changes nothing, or
    /// where nothing is known yet.
    pub(crate) fn guess(
        &self,
        parts: &request::Parts,
        route: &'static Route,
        now_ms: u64,
    ) -> Option<AccountId> {
        if route.method.is_safe() {
            return None;
        }
        match identity::presented(route, &parts.headers) {
            Presented::Cookie(Some(cookie)) => self.host.remembered(&SessionKey::Cookie(cookie)),
            Presented::Jwt(token) => {
                let claims = self.verifier.verify(&token, now_ms / 1_000).ok()?;
                Some(claims.sub)
            }
            _ => None,
        }
    }

    /// Who calls. A credential that does not hold is refused, and counted against its address.
    pub(crate) async fn identify(
        &self,
        parts: &request::Parts,
        route: &'static Route,
        address: Option<IpAddr>,
        now_ms: u64,
        plan: &mut Plan,
    ) -> Result<Identified, Stop> {
        let found = match identity::presented(route, &parts.headers) {
            Presented::Nothing => Ok(Identified::NOBODY),
            Presented::Wrong(detail) => Err(unauthenticated(detail)),
            Presented::Cookie(cookie) => {
                let found = match cookie {
                    Some(cookie) => self.host.find(&SessionKey::Cookie(cookie)).await,
                    None => Ok(None),
                };
                match found {
                    Ok(Some(session)) => {
                        plan.cookie = session.replacement.map(|value| {
                            let left_ms = session.expires_ms.saturating_sub(now_ms);
                            cookie::session(&value, left_ms / 1_000, self.config.secure)
                        });
                        Ok(Identified {
                            who: session.who,
                            by_cookie: Some(session.session),
                            lane: Lane::People,
                        })
                    }
                    // A browser sends what it has kept: an ended session is nobody's, and is
                    // taken away.
                    Ok(None) => {
                        plan.cookie = Some(cookie::expired(self.config.secure));
                        Ok(Identified::NOBODY)
                    }
                    Err(_) if on_failing_port(route) == OnFailure::Open => Ok(Identified::NOBODY),
                    Err(_) => return Err(unavailable().into()),
                }
            }
            Presented::Jwt(token) => self.by_jwt(&token, route, now_ms).await?,
            Presented::Lookup(credential, kind) => self.by_lookup(&credential, kind, address).await?,
        };
        let found = found.and_then(|found| match (route.access, &found.who) {
            (Access::Known | Access::Admin, Who::Anonymous) => Err(unauthenticated("Sign in first.")),
            _ => Ok(found),
        });
        if found.is_err()
            && let Some(preset) = route.preset
        {
            let key = BucketKey {
                preset: preset.for_anonymous(),
                lane: Lane::People,
                subject: Subject::of_address(address),
            };
            // What the bucket says is for the address's next request that is allowed to ask.
            let rate = self.config.limits.rate(key.preset);
            if let Ok(decision) = self.host.take(&key, rate, 1).await {
                plan.limit = Some((rate, decision, now_ms));
            }
        }
        found.map_err(Stop::from)
    }

    /// A JSON Web Token is enough to read. To write, its session must be alive as well.
    async fn by_jwt(
        &self,
        token: &str,
        route: &Route,
        now_ms: u64,
    ) -> Result<Result<Identified, Problem>, Stop> {
        const WRONG: &str = "The token does not hold, or has expired.";
        let Ok(claims) = self.verifier.verify(token, now_ms / 1_000) else {
            return Ok(Err(unauthenticated(WRONG)));
        };
        if !route.method.is_safe() {
            let alive = self.host.find(&SessionKey::Id(claims.sid.clone())).await;
            match alive {
                Ok(Some(session)) if session.session == claims.sid => {}
                Ok(_) => return Ok(Err(unauthenticated(WRONG))),
                Err(_) => return Err(unavailable().into()),
            }
        }
        Ok(Ok(Identified {
            who: Who::Account {
                id: claims.sub,
                name: claims.name,
                admin: claims.admin,
                via: Via::Jwt(claims.sid),
                scopes: claims.scopes,
                repositories: None,
            },
            by_cookie: None,
            lane: Lane::People,
        }))
    }

    /// A token or a password. Somebody who keeps getting passwords wrong is not asked for a
    /// while, so that guessing is slow and checking stays cheap.
    async fn by_lookup(
        &self,
        credential: &Credential,
        kind: Lookup,
        address: Option<IpAddr>,
    ) -> Result<Result<Identified, Problem>, Stop> {
        let guesses = BucketKey {
            preset: Preset::Auth,
            lane: Lane::People,
            subject: Subject::of_address(address),
        };
        let rate = self.config.limits.rate(Preset::Auth);
        if kind == Lookup::Password {
            // Taken before the check, so that guesses sent at once cannot all pass a bucket that
            // none of them has drawn from yet.
            let taken = self.host.take(&guesses, rate, 1).await;
            allowed(taken.map_err(|_| unavailable())?)?;
        }
        let found = self.host.introspect(credential).await;
        if kind == Lookup::Password && !matches!(found, Ok(None)) {
            // Only a wrong guess counts. What cannot be given back refills by itself, and is no
            // reason to refuse a right password.
            self.host.give_back(&guesses, rate, 1).await.ok();
        }
        match found {
            Ok(Some(who)) => Ok(Ok(Identified {
                who,
                by_cookie: None,
                lane: match kind {
                    Lookup::RobotToken => Lane::Robots,
                    Lookup::Token | Lookup::Password => Lane::People,
                },
            })),
            Ok(None) => {
                let detail = match kind {
                    Lookup::Password => {
                        "The name or the password is wrong. Where a second factor is set, use a token as the password."
                    }
                    Lookup::Token | Lookup::RobotToken => "The token does not hold, or has expired.",
                };
                Ok(Err(unauthenticated(detail)))
            }
            // Somebody who showed a credential is never treated as nobody: git would throw the
            // credential away.
            Err(_) => Err(unavailable().into()),
        }
    }
}

//! The order of checks: validation, identity, rate limit, CSRF. Permission is the forge's.
//!
//! A request that fails several is told of the first. What a port that cannot answer means is
//! written here and nowhere else: see [`Gateway::on_failing_port`].

use crate::address;
use crate::config::{GatewayConfig, Statements};
use crate::cookie;
use crate::cors::{self, Cors};
use crate::csrf::{self, Site};
use crate::finish::{self, Plan};
use crate::host::{Host, PortError, SessionKey};
use crate::identity::{self, Lookup, Presented};
use crate::jwt::Verifier;
use crate::limits::{BucketKey, Decision, Lane, Preset, Subject};
use crate::refusal;
use crate::routes::{self, Access, Body, Class, Csrf, Matched, Outcome, Route, Router, State, Verb};
use crate::validation;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, request, response};
use plue_contract::credentials::Credential;
use plue_contract::statement::Statement;
use plue_contract::{Caller, Code, Problem, SessionId, Via, Who, headers};
use std::net::IpAddr;

/// What becomes of a request.
#[derive(Debug)]
pub enum Verdict {
    /// It is answered here; the answer is finished.
    Reply(Response<Vec<u8>>),
    /// It goes on to the forge; the answer must pass through [`Gateway::finish`].
    Forward(Box<Forward>),
}

/// A request that goes on.
#[derive(Debug)]
pub struct Forward {
    /// The head, without what strangers wrote into our own headers. Its extensions hold the
    /// [`Caller`] and the [`Matched`] route.
    pub parts: request::Parts,
    /// Who calls.
    pub caller: Caller,
    /// The route and the values in its path.
    pub matched: Matched,
    /// What is to be done with the answer.
    pub plan: Plan,
}

/// The gateway of one host. It is made once and lives as long as its host.
#[derive(Debug)]
pub struct Gateway<H> {
    host: H,
    config: GatewayConfig,
    router: Router,
    verifier: Verifier,
}

/// A refusal on its way out of the checks.
enum Stop {
    Problem(Problem),
    /// A path that is there, with other methods.
    Methods(Vec<Verb>),
    /// A browser asks beforehand what it may do.
    Preflight,
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Who calls, and what was learned on the way.
struct Identified {
    who: Who,
    /// The session, where its cookie was the credential: then forgery is a question.
    by_cookie: Option<SessionId>,
    lane: Lane,
}

impl Identified {
    const NOBODY: Self = Self {
        who: Who::Anonymous,
        by_cookie: None,
        lane: Lane::People,
    };
}

/// What a port that cannot answer means for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnFailure {
    /// It goes on without that answer.
    Open,
    /// It is refused with 503.
    Closed,
}

fn unauthenticated(detail: &str) -> Problem {
    Problem::new(Code::Unauthenticated, detail)
}

/// The answer when something that we depend on does not answer.
fn unavailable() -> Problem {
    Problem::new(
        Code::Unavailable,
        "The server cannot check this request at the moment. Please try again shortly.",
    )
    .retry_after(5)
}

impl<H: Host> Gateway<H> {
    /// A gateway with its host's ports and its configuration.
    pub fn new(host: H, config: GatewayConfig) -> Self {
        let verifier = Verifier::new(
            &config.keys.jwt,
            config.issuer.clone(),
            config.audience.clone(),
            config.leeway_s,
        );
        Self {
            host,
            config,
            router: Router::new(routes::all()),
            verifier,
        }
    }

    /// The host's ports.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// The configuration.
    pub fn config(&self) -> &GatewayConfig {
        &self.config
    }

    /// Decides about a request from its head; `peer` is the socket's other end, where the host
    /// knows it.
    pub async fn decide(&self, mut parts: request::Parts, peer: Option<IpAddr>) -> Verdict {
        let now_ms = self.host.now_ms();
        let client = address::client(&self.config.addresses, &parts.headers, peer);
        let dialect = routes::dialect_of(parts.uri.path());
        let mut plan = Plan {
            route: None,
            request_id: self.request_id(&parts.headers, client.trusted_hop),
            dialect,
            body_limit_bytes: None,
            known: false,
            limit: None,
            cors: Cors::of(&self.config, dialect, &parts.headers),
            cookie: None,
        };
        let checked = self.check(&mut parts, client.address, now_ms, &mut plan).await;
        match checked {
            Ok((caller, matched)) => {
                parts.extensions.insert(caller.clone());
                parts.extensions.insert(matched.clone());
                Verdict::Forward(Box::new(Forward {
                    parts,
                    caller,
                    matched,
                    plan,
                }))
            }
            Err(stop) => Verdict::Reply(self.stop(stop, plan, &parts)),
        }
    }

    /// Adds to the answer of a forwarded request what every answer bears.
    pub fn finish(&self, plan: Plan, parts: &mut response::Parts) {
        finish::finish(&self.config, plan, parts);
    }

    /// A problem in the dialect of the route. The answer still has to be finished.
    pub fn refuse(&self, plan: &Plan, problem: &Problem) -> Response<Vec<u8>> {
        refusal::render(plan.dialect, problem, &plan.request_id)
    }

    fn stop(&self, stop: Stop, plan: Plan, asked: &request::Parts) -> Response<Vec<u8>> {
        let mut response = match stop {
            Stop::Preflight => plan.cors.preflight(&asked.headers),
            Stop::Problem(problem) => self.refuse(&plan, &problem),
            Stop::Methods(verbs) => {
                let mut names: Vec<_> = verbs.iter().map(|verb| verb.as_str()).collect();
                if names.contains(&"GET") {
                    names.push("HEAD");
                }
                names.push("OPTIONS");
                let names = names.join(", ");
                let mut response = if asked.method == Method::OPTIONS {
                    let mut response = Response::new(Vec::new());
                    *response.status_mut() = StatusCode::NO_CONTENT;
                    response
                } else {
                    let detail = format!("This address knows {names} only.");
                    self.refuse(&plan, &Problem::new(Code::MethodNotAllowed, detail))
                };
                refusal::allow(&mut response, &names);
                response
            }
        };
        if asked.method == Method::HEAD {
            response.body_mut().clear();
        }
        let (mut parts, body) = response.into_parts();
        finish::finish(&self.config, plan, &mut parts);
        Response::from_parts(parts, body)
    }

    async fn check(
        &self,
        parts: &mut request::Parts,
        address: Option<IpAddr>,
        now_ms: u64,
        plan: &mut Plan,
    ) -> Result<(Caller, Matched), Stop> {
        let believed = match self.config.statements {
            Statements::Believe => self.believed(parts, now_ms),
            Statements::Make | Statements::Neither => None,
        };
        let matched = self.validate(parts, plan)?;
        let route = matched.route;
        strip(&mut parts.headers, route);

        if route.state == State::Owed {
            let detail = format!("{} is promised, and not built yet.", route.name);
            return Err(Problem::new(Code::NotBuilt, detail).into());
        }
        if let Some(caller) = believed {
            plan.request_id.clone_from(&caller.request_id);
            plan.known = caller.who != Who::Anonymous;
            return Ok((caller, matched));
        }

        let identified = self.identify(parts, route, address, now_ms, plan).await?;
        plan.known = identified.who != Who::Anonymous;
        self.draw(route, &identified, address, now_ms, plan).await?;
        self.unforged(route, &identified, &parts.headers)?;

        let caller = Caller {
            who: identified.who,
            address,
            request_id: plan.request_id.clone(),
        };
        if self.config.statements == Statements::Make {
            let target = target(parts);
            let sealed = Statement::new(caller.clone(), parts.method.as_str(), target, now_ms)
                .seal(&self.config.keys.caller)
                .and_then(|sealed| HeaderValue::from_str(&sealed).ok())
                .ok_or_else(unavailable)?;
            parts.headers.insert(headers::CALLER, sealed);
        }
        Ok((caller, matched))
    }

    /// The caller that a statement names, if there is a statement and it verifies.
    fn believed(&self, parts: &request::Parts, now_ms: u64) -> Option<Caller> {
        let mut values = parts.headers.get_all(headers::CALLER).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let statement = Statement::open(
            value.to_str().ok()?,
            &self.config.keys.caller,
            parts.method.as_str(),
            target(parts),
            now_ms,
        );
        statement.ok().map(|statement| statement.caller)
    }

    /// A request's id: a proxy of ours may have given it one, else it gets one here.
    fn request_id(&self, headers: &HeaderMap, trusted_hop: bool) -> String {
        let given = headers
            .get(headers::REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| {
                (8..=64).contains(&id.len())
                    && id
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            });
        if let (true, Some(given)) = (trusted_hop, given) {
            return given.to_owned();
        }
        let mut bytes = [0; 16];
        self.host.fill(&mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Everything that can be said of the head alone, and its route.
    fn validate(&self, parts: &request::Parts, plan: &mut Plan) -> Result<Matched, Stop> {
        validation::head(parts)?;
        let segments = validation::segments(parts.uri.path())?;
        let preflight = cors::preflight(&parts.method, &parts.headers);
        let verb = Verb::of(preflight.as_ref().unwrap_or(&parts.method));
        let matched = match self.router.find(verb, &segments) {
            Outcome::Found(matched) => matched,
            Outcome::OtherMethods(verbs, route) if self.is_reachable(route) => {
                plan.dialect = route.dialect;
                plan.cors = Cors::of(&self.config, route.dialect, &parts.headers);
                return Err(Stop::Methods(verbs));
            }
            Outcome::OtherMethods(..) | Outcome::Nothing => return Err(Problem::not_found().into()),
        };
        let route = matched.route;
        plan.route = Some(route);
        plan.dialect = route.dialect;
        plan.body_limit_bytes = route.body.limit_bytes();
        plan.cors = Cors::of(&self.config, route.dialect, &parts.headers);
        if !self.is_reachable(route) {
            return Err(Problem::not_found().into());
        }
        if preflight.is_some() {
            return Err(Stop::Preflight);
        }
        body(route, &parts.headers)?;
        Ok(matched)
    }

    /// What Plue's own programs ask of the coordinator does not exist at the edge.
    fn is_reachable(&self, route: &Route) -> bool {
        route.class != Class::Internal || self.config.statements != Statements::Make
    }

    /// Who calls. A credential that does not hold is refused, and counted against its address.
    async fn identify(
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
            match self.host.take(&guesses, rate, 0).await {
                Ok(seen) if seen.remaining == 0 => {
                    let but_one_ms = rate.per_ms - rate.per_ms / u64::from(rate.burst);
                    return Err(too_many(seen.reset_ms.saturating_sub(but_one_ms)).into());
                }
                Ok(_) => {}
                Err(_) => return Err(unavailable().into()),
            }
        }
        match self.host.introspect(credential).await {
            Ok(Some(who)) => Ok(Ok(Identified {
                who,
                by_cookie: None,
                lane: match kind {
                    Lookup::RobotToken => Lane::Robots,
                    Lookup::Token | Lookup::Password => Lane::People,
                },
            })),
            Ok(None) => {
                if kind == Lookup::Password {
                    self.host
                        .take(&guesses, rate, 1)
                        .await
                        .map_err(|_| unavailable())?;
                }
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

    /// Takes one request from the bucket of the account, or else of the address.
    async fn draw(
        &self,
        route: &'static Route,
        identified: &Identified,
        address: Option<IpAddr>,
        now_ms: u64,
        plan: &mut Plan,
    ) -> Result<(), Stop> {
        let Some(preset) = route.preset else {
            return Ok(());
        };
        let key = match &identified.who {
            Who::Account { id, .. } => BucketKey {
                preset,
                lane: identified.lane,
                subject: Subject::Account(*id),
            },
            Who::Anonymous | Who::DeployKey { .. } | Who::System => BucketKey {
                preset: preset.for_anonymous(),
                lane: identified.lane,
                subject: Subject::of_address(address),
            },
        };
        let rate = self.config.limits.rate(key.preset);
        match self.host.take(&key, rate, 1).await {
            Ok(decision) => {
                plan.limit = Some((rate, decision, now_ms));
                allowed(decision)
            }
            Err(PortError(_)) => match on_failing_port(route) {
                OnFailure::Open => Ok(()),
                OnFailure::Closed => Err(unavailable().into()),
            },
        }
    }

    /// Whether the request is what the person meant, where their browser would send their
    /// cookie with a stranger's request too.
    fn unforged(&self, route: &Route, identified: &Identified, headers: &HeaderMap) -> Result<(), Stop> {
        let forged = |detail: &str| Err(Problem::new(Code::CsrfFailed, detail).into());
        const FOREIGN: &str = "The request came from another site.";
        if route.method.is_safe() && route.csrf != Csrf::Socket {
            return Ok(());
        }
        let site = csrf::site(&self.config, headers);
        match (route.csrf, &identified.by_cookie) {
            (Csrf::Never, _) => Ok(()),
            (Csrf::Token, None) | (Csrf::Socket, None) => Ok(()),
            (Csrf::Token, Some(session)) => {
                if site == Site::Foreign {
                    return forged(FOREIGN);
                }
                let token = headers.get(headers::CSRF).and_then(|token| token.to_str().ok());
                match token {
                    Some(token) if csrf::holds(&self.config.keys.csrf, token, session) => Ok(()),
                    Some(_) => forged("The CSRF token is wrong. Fetch a new one from /api/auth/csrf."),
                    None => forged("The header `x-csrf-token` is missing. Fetch one from /api/auth/csrf."),
                }
            }
            (Csrf::Socket, Some(_)) if site == Site::Ours => Ok(()),
            (Csrf::Socket, Some(_)) => forged(FOREIGN),
            (Csrf::Origin | Csrf::OriginJson, by_cookie) => {
                if site == Site::Foreign {
                    return forged(FOREIGN);
                }
                if by_cookie.is_some() && site == Site::Untold {
                    return forged("The request does not say which site it came from.");
                }
                if route.csrf == Csrf::OriginJson && by_cookie.is_some() && !is_json(headers) {
                    return forged("With a session, this address reads JSON only.");
                }
                Ok(())
            }
        }
    }
}

/// What a port that cannot answer means: reading what is public goes on, and everything that
/// changes something, signs somebody in or pushes is refused.
fn on_failing_port(route: &Route) -> OnFailure {
    let public_read = route.method.is_safe() && route.access == Access::Anyone;
    // The fetch of a clone is a POST and changes nothing.
    let reads = match route.class {
        Class::GitRead => true,
        Class::Login | Class::GitWrite | Class::OAuth | Class::Runner => false,
        Class::Internal | Class::Socket => false,
        _ => public_read,
    };
    if reads { OnFailure::Open } else { OnFailure::Closed }
}

fn allowed(decision: Decision) -> Result<(), Stop> {
    if decision.allowed {
        return Ok(());
    }
    Err(too_many(decision.retry_after_ms).into())
}

fn too_many(wait_ms: u64) -> Problem {
    let wait_s = wait_ms.div_ceil(1_000).max(1);
    Problem::new(
        Code::RateLimited,
        format!("Too many requests. Please try again in {wait_s} seconds."),
    )
    .retry_after(wait_s)
}

/// The path and query that a statement is about.
fn target(parts: &request::Parts) -> &str {
    parts.uri.path_and_query().map_or("/", |target| target.as_str())
}

/// Whether the body is what the route reads, as far as the head tells.
fn body(route: &Route, headers: &HeaderMap) -> Result<(), Problem> {
    match route.body {
        Body::AnyStream => Ok(()),
        Body::Stream(wanted) => {
            let stated = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            if stated == Some(wanted.as_bytes()) {
                return Ok(());
            }
            let detail = format!("This address reads {wanted} and nothing else.");
            Err(Problem::new(Code::UnsupportedMediaType, detail))
        }
        Body::UpTo(limit) => {
            let length = headers
                .get(CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok())
                .and_then(|length| length.parse::<u64>().ok());
            if length.is_some_and(|length| length > limit) {
                let detail = format!("The body is larger than the {limit} bytes that this address reads.");
                return Err(Problem::new(Code::TooLarge, detail));
            }
            Ok(())
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Removes the headers that only our own programs write, in every spelling that some server on
/// the way might take for the same name. A bridge's statement stays where the door
/// verifies it.
fn strip(headers: &mut HeaderMap, route: &Route) {
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let spelling = name.as_str().replace('_', "-");
            let bridge = route.access == Access::Sealed && name.as_str() == headers::BRIDGE;
            !bridge && (spelling.starts_with(headers::PREFIX) || spelling == "x-plue-user-address")
        })
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

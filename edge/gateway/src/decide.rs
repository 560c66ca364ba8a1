//! The order of checks: validation, identity, rate limit, CSRF. Permission is the forge's.
//!
//! A request that fails several is told of the first. What a port that cannot answer means is
//! written here and nowhere else: see [`on_failing_port`].

use crate::address;
use crate::cache::Shared;
use crate::config::{GatewayConfig, Statements};
use crate::cors::{self, Cors};
use crate::csrf;
use crate::finish::{self, Plan};
use crate::host::{Host, PortError};
use crate::jwt::Verifier;
use crate::limits::{BucketKey, Decision, Lane, Subject};
use crate::refusal;
use crate::routes::{self, Access, Class, Matched, Outcome, Route, Router, State, Verb};
use crate::validation;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, request, response};
use plue_contract::statement::Statement;
use plue_contract::{Caller, Code, Problem, Who, headers};
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::task::Poll;

/// What becomes of a request.
#[derive(Debug)]
pub enum Verdict {
    /// It is answered here; the answer is finished. Its extensions hold [`Stopped`].
    Reply(Response<Vec<u8>>),
    /// It goes on to the forge; the answer must pass through [`Gateway::finish`].
    Forward(Box<Forward>),
}

/// Where and why a request was answered here: for the host's figures and log.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// The route; none where the path has none.
    pub route: Option<&'static Route>,
    /// The request's id.
    pub request_id: String,
    /// What is wrong with the request; none for the answer to a preflight.
    pub code: Option<Code>,
}

impl Stopped {
    /// The class's name in metrics, `none` where the path has no route.
    pub fn class_name(&self) -> &'static str {
        class_name(self.route)
    }
}

pub(crate) fn class_name(route: Option<&Route>) -> &'static str {
    route.map_or("none", |route| route.class.name())
}

/// A request that goes on.
#[derive(Debug)]
pub struct Forward {
    /// The head, without what strangers wrote into our own headers.
    pub parts: request::Parts,
    /// Who calls.
    pub caller: Caller,
    /// The route and the values in its path.
    pub matched: Matched,
    /// What is to be done with the answer.
    pub plan: Plan,
    /// What of its answer may be shared with others; at the edge only.
    pub shared: Option<Shared>,
    /// Whether it still has to take from its limit, should it go on to the forge.
    owes: bool,
}

/// The gateway of one host. It is made once and lives as long as its host.
#[derive(Debug)]
pub struct Gateway<H> {
    pub(crate) host: H,
    pub(crate) config: GatewayConfig,
    router: Router,
    pub(crate) verifier: Verifier,
}

/// A request that passed the checks.
struct Checked {
    caller: Caller,
    matched: Matched,
    shared: Option<Shared>,
    owes: bool,
}

/// A refusal on its way out of the checks.
pub(crate) enum Stop {
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

/// What a port that cannot answer means for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// It goes on without that answer.
    Open,
    /// It is refused with 503.
    Closed,
}

/// The answer when something that we depend on does not answer.
pub(crate) fn unavailable() -> Problem {
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
        name_host(&mut parts);
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
            back: None,
            marks: None,
            cached: None,
        };
        let checked = self.check(&mut parts, client.address, now_ms, &mut plan).await;
        match checked {
            Ok(Checked {
                caller,
                matched,
                shared,
                owes,
            }) => Verdict::Forward(Box::new(Forward {
                parts,
                caller,
                matched,
                plan,
                shared,
                owes,
            })),
            Err(stop) => Verdict::Reply(self.stop(stop, &plan, &parts)),
        }
    }

    /// Takes from the limit of a request whose answer the edge does not have: what is answered
    /// from a shared cache costs nobody anything. Before this, such a request is not stated, and
    /// the coordinator would not believe it. The answer, where it is refused.
    pub async fn admit(&self, forward: &mut Forward) -> Option<Response<Vec<u8>>> {
        if !std::mem::take(&mut forward.owes) {
            return None;
        }
        let now_ms = self.host.now_ms();
        let drawn = self
            .draw_from(
                forward.matched.route,
                Lane::People,
                &forward.caller.who,
                forward.caller.address,
                now_ms,
                None,
                &mut forward.plan,
            )
            .await;
        let stated = drawn.and_then(|()| self.state(&mut forward.parts, &forward.caller, now_ms));
        let stop = stated.err()?;
        Some(self.stop(stop, &forward.plan, &forward.parts))
    }

    /// Adds to the answer of a forwarded request what every answer bears.
    pub fn finish(&self, plan: &Plan, parts: &mut response::Parts) {
        finish::finish(&self.config, plan, parts);
    }

    /// A problem in the dialect of the route; a person with a browser who has to be known first is
    /// led to where they can sign in, and back from there. The answer still has to be finished.
    pub fn refuse(&self, plan: &Plan, problem: &Problem) -> Response<Vec<u8>> {
        match &plan.back {
            Some(back) if problem.code == Code::Unauthenticated => refusal::to_sign_in(back),
            _ => refusal::render(plan.dialect, problem, &plan.request_id),
        }
    }

    fn stop(&self, stop: Stop, plan: &Plan, asked: &request::Parts) -> Response<Vec<u8>> {
        let mut stopped = Stopped {
            route: plan.route,
            request_id: plan.request_id.clone(),
            code: None,
        };
        let mut refuse = |problem: &Problem| {
            stopped.code = Some(problem.code);
            self.refuse(plan, problem)
        };
        let mut response = match stop {
            Stop::Preflight => plan.cors.preflight(&asked.headers),
            Stop::Problem(problem) => refuse(&problem),
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
                    refuse(&Problem::new(Code::MethodNotAllowed, detail))
                };
                refusal::allow(&mut response, &names);
                response
            }
        };
        response.extensions_mut().insert(stopped);
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
    ) -> Result<Checked, Stop> {
        let believed = match self.config.statements {
            Statements::Believe => self.believed(parts, now_ms),
            Statements::Make | Statements::Neither => None,
        };
        let matched = self.validate(parts, plan)?;
        let route = matched.route;
        strip(&mut parts.headers, route);

        if route.state == State::Owed && !self.config.passes_owed {
            let detail = format!("{} is promised, and not built yet.", route.name);
            return Err(Problem::new(Code::NotBuilt, detail).into());
        }
        if let Some(caller) = believed {
            plan.request_id.clone_from(&caller.request_id);
            plan.known = caller.who != Who::Anonymous;
            let shared = Shared::of(parts, &matched, &caller.who).filter(|shared| shared.serves);
            plan.marks = shared.and_then(|shared| shared.repository);
            return Ok(Checked {
                caller,
                matched,
                shared: None,
                owes: false,
            });
        }

        // What changes something asks two, the session and its limit: both at once, where it is known
        // beforehand whose limit that will be.
        let early = self.guess(parts, route, now_ms).and_then(|id| {
            let preset = route.preset?;
            Some(BucketKey {
                preset,
                lane: Lane::People,
                subject: Subject::Account(id),
            })
        });
        let taking = async {
            let key = early?;
            let rate = self.config.limits.rate(key.preset);
            let taken = self.host.take(&key, rate, 1).await;
            Some((key, taken))
        };
        let (identified, early) = both(self.identify(parts, route, address, now_ms, plan), taking).await;
        let identified = match identified {
            Ok(identified) => identified,
            Err(stop) => {
                self.untake(early).await;
                return Err(stop);
            }
        };
        plan.known = identified.who != Who::Anonymous;
        let at_edge = self.config.statements == Statements::Make;
        let shared = at_edge
            .then(|| Shared::of(parts, &matched, &identified.who))
            .flatten();
        let serves = shared.as_ref().is_some_and(|shared| shared.serves);
        let owes = serves && identified.who == Who::Anonymous;
        if !owes {
            let (lane, who) = (identified.lane, &identified.who);
            self.draw_from(route, lane, who, address, now_ms, early, plan)
                .await?;
        }
        csrf::unforged(&self.config, route, identified.by_cookie.as_ref(), &parts.headers)?;

        let caller = Caller {
            who: identified.who,
            address,
            request_id: plan.request_id.clone(),
        };
        if serves {
            Shared::level(&mut parts.headers);
        }
        if at_edge && !owes {
            self.state(parts, &caller, now_ms)?;
        }
        Ok(Checked {
            caller,
            matched,
            shared,
            owes,
        })
    }

    /// States to the coordinator who calls.
    fn state(&self, parts: &mut request::Parts, caller: &Caller, now_ms: u64) -> Result<(), Stop> {
        let sealed = Statement::new(caller.clone(), parts.method.as_str(), target(parts), now_ms)
            .seal(&self.config.keys.caller)
            .and_then(|sealed| HeaderValue::from_str(&sealed).ok())
            .ok_or_else(unavailable)?;
        parts.headers.insert(headers::CALLER, sealed);
        Ok(())
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
        let given = trusted_hop.then(|| headers.get(headers::REQUEST_ID)).flatten();
        let given = given.and_then(|value| value.to_str().ok()).filter(|id| {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            (8..=64).contains(&id.len()) && id.bytes().all(is_plain)
        });
        if let Some(given) = given {
            return given.to_owned();
        }
        let mut bytes = [0; 16];
        self.host.fill(&mut bytes);
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect()
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
        let by_browser = route.class == Class::Page && !parts.headers.contains_key(AUTHORIZATION);
        plan.back = (by_browser && route.method.is_safe()).then(|| target(parts).to_owned());
        plan.cors = Cors::of(&self.config, route.dialect, &parts.headers);
        if !self.is_reachable(route) {
            return Err(Problem::not_found().into());
        }
        if preflight.is_some() {
            return Err(Stop::Preflight);
        }
        validation::body(route, &parts.headers)?;
        Ok(matched)
    }

    /// What Plue's own programs ask of the coordinator does not exist at the edge.
    fn is_reachable(&self, route: &Route) -> bool {
        route.class != Class::Internal || self.config.statements != Statements::Make
    }

    /// Gives back what was taken for somebody whom the request turned out not to be.
    async fn untake(&self, taken: Option<(BucketKey, Result<Decision, PortError>)>) {
        if let Some((key, Ok(decision))) = taken
            && decision.allowed
        {
            // What cannot be given back refills by itself.
            let rate = self.config.limits.rate(key.preset);
            self.host.give_back(&key, rate, 1).await.ok();
        }
    }

    /// Takes one request from the bucket of the account, or else of the address; `early` is what
    /// was taken already, before it was known whose bucket it is.
    #[expect(clippy::too_many_arguments, reason = "a request's whole standing, once")]
    async fn draw_from(
        &self,
        route: &'static Route,
        lane: Lane,
        who: &Who,
        address: Option<IpAddr>,
        now_ms: u64,
        early: Option<(BucketKey, Result<Decision, PortError>)>,
        plan: &mut Plan,
    ) -> Result<(), Stop> {
        let Some(preset) = route.preset else {
            return Ok(());
        };
        let key = match who {
            Who::Account { id, .. } => BucketKey {
                preset,
                lane,
                subject: Subject::Account(*id),
            },
            Who::Anonymous | Who::DeployKey { .. } | Who::System => BucketKey {
                preset: preset.for_anonymous(),
                lane,
                subject: Subject::of_address(address),
            },
        };
        let rate = self.config.limits.rate(key.preset);
        let taken = match early {
            Some((taken_from, taken)) if taken_from == key => taken,
            other => {
                self.untake(other).await;
                self.host.take(&key, rate, 1).await
            }
        };
        match taken {
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
}

/// Waits for two answers at once.
async fn both<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut a, mut b) = (None, None);
    poll_fn(move |context| {
        if a.is_none()
            && let Poll::Ready(value) = first.as_mut().poll(context)
        {
            a = Some(value);
        }
        if b.is_none()
            && let Poll::Ready(value) = second.as_mut().poll(context)
        {
            b = Some(value);
        }
        match (a.take(), b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (waiting_a, waiting_b) => {
                (a, b) = (waiting_a, waiting_b);
                Poll::Pending
            }
        }
    })
    .await
}

/// What a port that cannot answer means: reading what is public goes on, and everything that
/// changes something, signs somebody in or pushes is refused.
pub(crate) fn on_failing_port(route: &Route) -> OnFailure {
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

pub(crate) fn allowed(decision: Decision) -> Result<(), Stop> {
    if decision.allowed {
        return Ok(());
    }
    Err(too_many(decision.retry_after_ms).into())
}

fn too_many(wait_ms: u64) -> Problem {
    let wait_s = wait_ms.div_ceil(1_000).max(1);
    Problem::new(
        Code::RateLimited,
        match wait_s {
            1 => "Too many requests. Please try again in a second.".to_owned(),
            _ => format!("Too many requests. Please try again in {wait_s} seconds."),
        },
    )
    .retry_after(wait_s)
}

/// HTTP/2 names the host in the address; everything here and behind reads the header.
fn name_host(parts: &mut request::Parts) {
    if let Some(authority) = parts.uri.authority()
        && !parts.headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        parts.headers.insert(HOST, host);
    }
}

/// The path and query that a statement is about.
fn target(parts: &request::Parts) -> &str {
    parts.uri.path_and_query().map_or("/", |target| target.as_str())
}

/// What bears our name without beginning with it.
const USER_ADDRESS: &str = "x-plue-user-address";

/// Removes the headers that only our own programs write, in every spelling that some server on
/// the way might take for the same name. A bridge's statement stays where the
/// door verifies it.
fn strip(headers: &mut HeaderMap, route: &Route) {
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            let begins = |ours: &str| {
                let mut both = name.bytes().zip(ours.bytes());
                name.len() >= ours.len()
                    && both.all(|(byte, wanted)| byte == wanted || (byte, wanted) == (b'_', b'-'))
            };
            let bridge = route.access == Access::Sealed && name == headers::BRIDGE;
            !bridge && (begins(headers::PREFIX) || name.len() == USER_ADDRESS.len() && begins(USER_ADDRESS))
        })
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

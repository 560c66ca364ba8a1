//! One request from the runtime's hands through the gateway and back. What is decided on the way
//! is decided there.
//!
//! `shim.js` asks in steps: what is answered from the cache is then answered without a future of
//! ours and with as few of the runtime's objects as there can be. Everything else, and whatever
//! the steps do not come to an end with, is [`Asked::answer`]'s.

use crate::config::{ConfigError, EdgeConfig};
use crate::host::{EdgeHost, now_ms};
use crate::objects;
use crate::objects::repository::Standing;
use crate::shared::{self, Found, Kept};
use crate::{own, translate};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::StatusCode;
use plue_contract::edge::Notice;
use plue_contract::{Code, Problem, RepoPath};
use plue_gateway::cache::{self, Outcome, Shared};
use plue_gateway::routes::Dialect;
use plue_gateway::{Forward, Gateway, Plan, Stopped, Verdict, refusal};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{self, Poll, Waker};
use wasm_bindgen::prelude::wasm_bindgen;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::future_to_promise;
use worker::worker_sys::web_sys::{Request, Response};
use worker::{Context, Env, Result, console_error};

type EdgeGateway = Rc<Gateway<EdgeHost>>;

thread_local! {
    /// The gateway and its caches, which live as long as the isolate.
    static GATEWAY: RefCell<Option<EdgeGateway>> = const { RefCell::new(None) };
}

fn gateway(env: &Env) -> std::result::Result<EdgeGateway, ConfigError> {
    GATEWAY.with_borrow_mut(|slot| {
        if let Some(gateway) = slot {
            return Ok(gateway.clone());
        }
        let config = EdgeConfig::read(env)?;
        #[cfg_attr(not(feature = "failpoints"), expect(unused_mut))]
        let mut gateway_config = config.gateway()?;
        #[cfg(feature = "failpoints")]
        {
            gateway_config.passes_owed = true;
        }
        let gateway = Rc::new(Gateway::new(EdgeHost::new(env, config)?, gateway_config));
        Ok(slot.insert(gateway).clone())
    })
}

/// An answer that is at hand.
pub type Outgoing = http::Response<Vec<u8>>;

/// A request that was asked of us.
#[wasm_bindgen]
pub struct Asked {
    begun_ms: u64,
    step: Step,
}

/// What outlives a step is caches behind `RefCell`s, which no panic leaves borrowed or half
/// written, and a request whose step panicked takes no other.
impl UnwindSafe for Asked {}
impl RefUnwindSafe for Asked {}

/// How far it came.
enum Step {
    /// There is nothing but this to say.
    Said(Outgoing),
    /// It failed, which is a matter of ours.
    Failed(worker::Error),
    /// A notice of the coordinator.
    Noticed(EdgeGateway, Notice),
    /// The gateway has to ask somebody before it can judge.
    Judging(EdgeGateway, LocalBoxFuture<'static, Verdict>),
    /// It is judged.
    Judged(EdgeGateway, Box<Verdict>),
    /// The answer may be kept.
    Shared(EdgeGateway, Box<Forward>, Sought),
}

/// What the cache was asked for an answer.
#[derive(Default)]
struct Sought {
    /// The repository's name, by which its object is known.
    name: Option<String>,
    /// What the repository's object said, and none where it could not say anything.
    standing: Option<Option<Standing>>,
    /// Whether the answer was looked for under the key that is current.
    looked: bool,
    /// Whether something was found there.
    found: bool,
}

/// Takes a request in, by its head as `glue.js` writes it, and judges it as far as that goes
/// without asking anybody.
#[wasm_bindgen]
pub fn ask(head: &str, env: &Env) -> Asked {
    let begun_ms = now_ms();
    let judged = catch_unwind(AssertUnwindSafe(|| judge(head, env)));
    let step = judged.unwrap_or_else(|_| Step::Failed("a panic ended the request".into()));
    Asked { begun_ms, step }
}

fn judge(head: &str, env: &Env) -> Step {
    let gateway = match gateway(env) {
        Ok(gateway) => gateway,
        Err(error) => return Step::Failed(error.into()),
    };
    let Some((parts, peer)) = translate::read(head) else {
        let problem = Problem::new(
            Code::InvalidRequest,
            "The request's method, URL or a header is malformed.",
        );
        return Step::Said(refusal::render(Dialect::Plue, &problem, ""));
    };
    if let Some(notice) = gateway.host().notice(&parts.headers) {
        return Step::Noticed(gateway, notice);
    }
    let asked = gateway.clone();
    let mut judging = async move {
        #[cfg(feature = "failpoints")]
        let fail_point = parts.headers.get("x-fail-point").cloned();
        let verdict = asked.decide(parts, peer).await;
        #[cfg(feature = "failpoints")]
        assert!(
            fail_point.is_none_or(|point| point != "request") || matches!(verdict, Verdict::Reply(_)),
            "a fail point"
        );
        verdict
    }
    .boxed_local();
    // A future that has to wait takes the waker of whoever polls it next.
    match judging.poll_unpin(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Pending => Step::Judging(gateway, judging),
        Poll::Ready(Verdict::Forward(forward)) if forward.shared.is_some() => {
            let repository = forward
                .shared
                .as_ref()
                .and_then(|shared| shared.repository.as_ref());
            let name = repository.map(RepoPath::key);
            let sought = Sought {
                name,
                ..Sought::default()
            };
            Step::Shared(gateway, forward, sought)
        }
        Poll::Ready(verdict) => Step::Judged(gateway, Box::new(verdict)),
    }
}

#[wasm_bindgen]
impl Asked {
    /// Which object has to be asked how the repository stands, if an answer may be kept of which
    /// that is the one thing not known.
    pub fn object(&mut self) -> Option<String> {
        self.guarded(|asked| {
            let Step::Shared(gateway, forward, sought) = &asked.step else {
                return None;
            };
            forward.shared.as_ref().filter(|shared| shared.serves)?;
            let (name, host) = (sought.name.as_ref()?, gateway.host());
            let asks = host.has_learned(name) && host.remembered(name).is_none();
            asks.then(|| objects::repository_name(name))
        })
    }

    /// Under which key the answer is kept, `said` being what the object said.
    pub fn key(&mut self, said: Option<String>) -> Option<String> {
        self.guarded(|asked| {
            let Step::Shared(gateway, forward, sought) = &mut asked.step else {
                return None;
            };
            let shared = forward.shared.as_ref().filter(|shared| shared.serves)?;
            let Some(name) = &sought.name else {
                sought.looked = true;
                return Some(shared.lasting_key());
            };
            let host = gateway.host();
            let standing = match (host.remembered(name), said) {
                (Some(stamp), _) => Some(Standing::Held(stamp)),
                (None, Some(said)) => said.parse().ok(),
                (None, None) if !host.has_learned(name) => return None,
                (None, None) => None,
            };
            sought.standing = Some(standing);
            let Some(Standing::Held(stamp)) = standing else {
                return None;
            };
            host.remember(name, stamp);
            sought.looked = true;
            Some(shared.key(&stamp))
        })
    }

    /// The head of the answer, made of what was kept, as `translate::answer_head` writes it. None
    /// where what was kept does not serve.
    pub fn serve(&mut self, kept: &str) -> Option<String> {
        self.guarded(|asked| {
            let Step::Shared(gateway, forward, sought) = &mut asked.step else {
                return None;
            };
            sought.found = true;
            let (shared, plan) = (forward.shared.as_ref()?, &mut forward.plan);
            let mut parts = shared::kept_parts(kept)?;
            let now_ms = now_ms();
            if shared.repository.is_some() && !shared.is_fresh(&parts.headers, now_ms) {
                return None;
            }
            plan.cached = Some((Outcome::Hit, now_ms));
            let has_body = shared.serve(&mut parts, Outcome::Hit);
            gateway.finish(plan, &mut parts);
            let took_ms = now_ms.saturating_sub(asked.begun_ms);
            let (status, outcome) = (parts.status.as_u16(), Outcome::Hit.as_str());
            let figures = gateway.host().figures();
            figures.count(plan.class_name(), status, Some(outcome), took_ms);
            Some(translate::answer_head(&parts, has_body))
        })
    }

    /// Answers what the steps before have not. A failure of ours, even a panic, is an answer too:
    /// it ends this request and no other.
    pub fn answer(&mut self, request: Request, context: worker::worker_sys::Context) -> Promise {
        let failed = || Step::Failed("a request is answered once".into());
        let step = std::mem::replace(&mut self.step, failed());
        let (begun_ms, context) = (self.begun_ms, Context::new(context));
        future_to_promise(AssertUnwindSafe(async move {
            let answer = AssertUnwindSafe(respond(step, begun_ms, &request, &context))
                .catch_unwind()
                .await;
            let answer = answer.unwrap_or_else(|_| Err("a panic ended the request".into()));
            let answer = answer.or_else(|error| {
                console_error!("{error}");
                translate::response(refusal::render(Dialect::Plue, &Problem::internal(), ""))
            });
            Ok(answer?.into())
        }))
    }

    /// Does one step; one that panics is the last.
    fn guarded<T>(&mut self, step: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| step(self)));
        done.unwrap_or_else(|_| {
            self.step = Step::Failed("a panic ended the request".into());
            None
        })
    }
}

async fn respond(step: Step, begun_ms: u64, request: &Request, context: &Context) -> Result<Response> {
    let (gateway, verdict, sought) = match step {
        Step::Said(answer) => return translate::response(answer),
        Step::Failed(error) => return Err(error),
        Step::Noticed(gateway, notice) => return obey(gateway.host(), notice).await,
        Step::Judging(gateway, judging) => (gateway, judging.await, Sought::default()),
        Step::Judged(gateway, verdict) => (gateway, *verdict, Sought::default()),
        Step::Shared(gateway, forward, sought) => (gateway, Verdict::Forward(forward), sought),
    };
    let (answer, class, cached) = match verdict {
        Verdict::Reply(reply) => {
            let stopped = reply.extensions().get::<Stopped>();
            let class = stopped.map_or("none", Stopped::class_name);
            (translate::response(reply)?, class, None)
        }
        Verdict::Forward(forward) => {
            let class = forward.plan.class_name();
            let (answer, cached) = forwarded(&gateway, *forward, sought, request, context).await?;
            (answer, class, cached)
        }
    };
    let took_ms = now_ms().saturating_sub(begun_ms);
    let cached = cached.map(Outcome::as_str);
    let figures = gateway.host().figures();
    figures.count(class, answer.status(), cached, took_ms);
    Ok(answer)
}

/// Answers a request that passed the checks: from the cache, by ourselves, or by the coordinator;
/// and says how the cache had to do with it.
async fn forwarded(
    gateway: &Gateway<EdgeHost>,
    mut forward: Forward,
    sought: Sought,
    request: &Request,
    context: &Context,
) -> Result<(Response, Option<Outcome>)> {
    let host = gateway.host();
    if let Some(own) = own::answer(host, &forward, request).await {
        let answer = own.unwrap_or_else(|problem| gateway.refuse(&forward.plan, &problem));
        return Ok((finished(gateway, forward.plan, answer)?, None));
    }
    let shared = forward.shared.take();
    let mut old = None;
    if let Some(shared) = &shared
        && (sought.found || !sought.looked)
    {
        match host.find(shared, sought.standing).await {
            Found::Kept(kept, outcome) => {
                return from_cache(gateway, forward.plan, shared, kept, outcome).await;
            }
            Found::Old(found) => old = Some(found),
            Found::Nothing => {}
        }
    }
    if let Some(refusal) = gateway.admit(&mut forward).await {
        return Ok((translate::response(refusal)?, None));
    }
    let answer = match host.coordinator().pass_on(&forward, request).await {
        Ok(answer) => answer,
        Err(error) => {
            console_error!("{}: {error}", forward.plan.request_id);
            if let Some(shared) = &shared
                && error.is_absence()
                && let Some((kept, outcome)) = host.find_stale(shared, old).await
            {
                return from_cache(gateway, forward.plan, shared, kept, outcome).await;
            }
            let refusal = gateway.refuse(&forward.plan, &error.problem());
            return Ok((finished(gateway, forward.plan, refusal)?, None));
        }
    };
    let mut plan = forward.plan;
    let mut parts = translate::answer_parts(&answer)?;
    let mut outcome = None;
    if let Some(shared) = &shared {
        let made_from = cache::made_from(&mut parts.headers);
        let head = shared.keep(&parts, now_ms());
        let kept = head.filter(|_| made_from.is_some() || shared.repository.is_none());
        if let Some(head) = &kept {
            host.keep(context, shared, made_from, head, &answer)?;
        }
        let came = kept.map_or(Outcome::Bypass, |_| Outcome::Miss);
        outcome = Some(came);
        plan.cached = Some((came, now_ms()));
        if shared.serves && shared.holds(&parts) {
            shared.serve(&mut parts, came);
            cache::strip_answer(&mut parts.headers);
            gateway.finish(&plan, &mut parts);
            return Ok((translate::empty(&parts)?, outcome));
        }
    }
    cache::strip_answer(&mut parts.headers);
    if let Some(shared) = shared.filter(|shared| shared.serves) {
        shared.pack(&mut parts);
    }
    gateway.finish(&plan, &mut parts);
    let answer = match parts.status {
        StatusCode::SWITCHING_PROTOCOLS => translate::joined(&answer, &parts)?,
        _ => translate::streamed(&answer, &parts)?,
    };
    Ok((answer, outcome))
}

/// An answer that is at hand, with what every answer bears.
fn finished(gateway: &Gateway<EdgeHost>, plan: Plan, answer: Outgoing) -> Result<Response> {
    let (mut parts, body) = answer.into_parts();
    gateway.finish(&plan, &mut parts);
    translate::response(http::Response::from_parts(parts, body))
}

async fn from_cache(
    gateway: &Gateway<EdgeHost>,
    mut plan: Plan,
    shared: &Shared,
    kept: Kept,
    outcome: Outcome,
) -> Result<(Response, Option<Outcome>)> {
    plan.cached = Some((outcome, now_ms()));
    let answer = shared::answer(kept, shared, outcome, |parts| gateway.finish(&plan, parts)).await?;
    Ok((answer, Some(outcome)))
}

/// Does what a notice of the coordinator says, which has been believed.
async fn obey(host: &EdgeHost, notice: Notice) -> Result<Response> {
    let status = match host.obey(notice).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(error) => {
            console_error!("a notice could not be obeyed: {error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let mut answer = http::Response::new(Vec::new());
    *answer.status_mut() = status;
    translate::response(answer)
}

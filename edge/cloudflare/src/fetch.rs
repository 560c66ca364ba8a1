//! One request from the runtime's hands through the gateway and back. What is decided on the way
//! is decided there.

use crate::config::{ConfigError, EdgeConfig};
use crate::host::{EdgeHost, now_ms};
use crate::shared::{self, Found};
use crate::{own, translate};
use futures_util::FutureExt;
use plue_contract::edge::Notice;
use plue_contract::{Code, Problem};
use plue_gateway::cache::{self, Outcome, Shared};
use plue_gateway::routes::Dialect;
use plue_gateway::{Forward, Gateway, Plan, Stopped, Verdict, refusal};
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use worker::{Context, Env, Request, Response, Result, console_error, event};

thread_local! {
    /// The gateway and its caches, which live as long as the isolate.
    static GATEWAY: RefCell<Option<Rc<Gateway<EdgeHost>>>> = const { RefCell::new(None) };
}

/// Answers one request. A failure of ours, even a panic, is an answer too: it ends this request
/// and no other.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let answer = match gateway(&env) {
        Ok(gateway) => {
            // What outlives the request is caches behind `RefCell`s, which no panic leaves
            // borrowed or half written.
            let answer = AssertUnwindSafe(respond(&gateway, request, &context))
                .catch_unwind()
                .await;
            answer.unwrap_or_else(|_| Err("a panic ended the request".into()))
        }
        Err(error) => Err(error.into()),
    };
    answer.or_else(|error| {
        console_error!("{error}");
        translate::response(refusal::render(Dialect::Plue, &Problem::internal(), ""))
    })
}

fn gateway(env: &Env) -> std::result::Result<Rc<Gateway<EdgeHost>>, ConfigError> {
    GATEWAY.with_borrow_mut(|slot| {
        if let Some(gateway) = slot {
            return Ok(gateway.clone());
        }
        let config = EdgeConfig::read(env)?;
        let gateway_config = config.gateway()?;
        let gateway = Rc::new(Gateway::new(EdgeHost::new(env, config)?, gateway_config));
        Ok(slot.insert(gateway).clone())
    })
}

/// An answer that is at hand.
pub type Outgoing = http::Response<Vec<u8>>;

async fn respond(gateway: &Gateway<EdgeHost>, request: Request, context: &Context) -> Result<Response> {
    let begun_ms = now_ms();
    let Some(parts) = translate::parts(&request) else {
        let problem = Problem::new(
            Code::InvalidRequest,
            "The request's method, URL or a header is malformed.",
        );
        return translate::response(refusal::render(Dialect::Plue, &problem, ""));
    };
    if let Some(notice) = gateway.host().notice(&parts.headers) {
        return obey(gateway.host(), notice).await;
    }
    #[cfg(feature = "failpoints")]
    let fail_point = parts.headers.get("x-fail-point").cloned();
    let peer = translate::peer(&request);
    let (answer, class) = match gateway.decide(parts, peer).await {
        Verdict::Reply(reply) => {
            let stopped = reply.extensions().get::<Stopped>();
            let class = stopped.map_or("none", Stopped::class_name);
            (translate::response(reply)?, class)
        }
        Verdict::Forward(forward) => {
            #[cfg(feature = "failpoints")]
            assert!(fail_point.is_none_or(|point| point != "request"), "a fail point");
            let class = forward.plan.class_name();
            (forwarded(gateway, *forward, request, context).await?, class)
        }
    };
    let cached = answer.headers().get("x-cache")?;
    let cached = cached.and_then(|cached| {
        ["HIT", "MISS", "STALE", "BYPASS"]
            .into_iter()
            .find(|known| *known == cached)
    });
    let took_ms = now_ms().saturating_sub(begun_ms);
    gateway
        .host()
        .figures()
        .count(class, answer.status_code(), cached, took_ms);
    Ok(answer)
}

/// Answers a request that passed the checks: from the cache, by ourselves, or by the coordinator.
async fn forwarded(
    gateway: &Gateway<EdgeHost>,
    mut forward: Forward,
    mut request: Request,
    context: &Context,
) -> Result<Response> {
    let host = gateway.host();
    if let Some(own) = own::answer(host, &forward, &mut request).await {
        let answer = own.unwrap_or_else(|problem| gateway.refuse(&forward.plan, &problem));
        let (mut parts, body) = answer.into_parts();
        gateway.finish(forward.plan, &mut parts);
        return translate::response(http::Response::from_parts(parts, body));
    }
    let shared = forward.shared.take();
    let mut old = None;
    if let Some(shared) = &shared {
        match host.find(shared).await {
            Found::Kept(kept, outcome) => {
                return from_cache(gateway, forward.plan, shared, kept, outcome).await;
            }
            Found::Old(found) => old = Some(found),
            Found::Nothing => {}
        }
    }
    if let Some(refusal) = gateway.admit(&mut forward).await {
        return translate::response(refusal);
    }
    let answer = host.coordinator().pass_on(&forward, &request).await;
    let mut plan = forward.plan;
    match answer {
        Ok(mut answer) => {
            let mut parts = translate::answer_parts(&answer)?;
            if let Some(shared) = &shared {
                let made_from = cache::made_from(&mut parts.headers);
                let head = shared.keep(&parts, now_ms());
                let kept = head.is_some() && (made_from.is_some() || shared.repository.is_none());
                if kept && let Some(head) = head {
                    host.keep(context, shared, made_from, &head, &mut answer)?;
                }
                let outcome = if kept { Outcome::Miss } else { Outcome::Bypass };
                plan.cached = Some((outcome, now_ms()));
                if shared.serves && shared.holds(&parts) {
                    shared.serve(&mut parts, outcome);
                    cache::strip_answer(&mut parts.headers);
                    gateway.finish(plan, &mut parts);
                    return translate::response(http::Response::from_parts(parts, Vec::new()));
                }
            }
            cache::strip_answer(&mut parts.headers);
            if let Some(shared) = shared.filter(|shared| shared.serves) {
                shared.pack(&mut parts);
            }
            gateway.finish(plan, &mut parts);
            translate::streamed(answer, &parts)
        }
        Err(error) => {
            console_error!("{}: {error}", plan.request_id);
            if let Some(shared) = &shared
                && error.is_absence()
                && let Some((kept, outcome)) = host.find_stale(shared, old).await
            {
                return from_cache(gateway, plan, shared, kept, outcome).await;
            }
            let (mut parts, body) = gateway.refuse(&plan, &error.problem()).into_parts();
            gateway.finish(plan, &mut parts);
            translate::response(http::Response::from_parts(parts, body))
        }
    }
}

async fn from_cache(
    gateway: &Gateway<EdgeHost>,
    mut plan: Plan,
    shared: &Shared,
    kept: Response,
    outcome: Outcome,
) -> Result<Response> {
    plan.cached = Some((outcome, now_ms()));
    shared::answer(kept, shared, outcome, |parts| gateway.finish(plan, parts)).await
}

/// Does what a notice of the coordinator says, which has been believed.
async fn obey(host: &EdgeHost, notice: Notice) -> Result<Response> {
    let status = match host.obey(notice).await {
        Ok(()) => 204,
        Err(error) => {
            console_error!("a notice could not be obeyed: {error}");
            503
        }
    };
    Ok(Response::empty()?.with_status(status))
}

//! One request from the runtime's hands through the gateway and back. What is decided on the way
//! is decided there.

use crate::config::{ConfigError, EdgeConfig};
use crate::host::EdgeHost;
use crate::translate;
use futures_util::FutureExt;
use plue_contract::edge::Notice;
use plue_contract::{Code, Problem};
use plue_gateway::routes::Dialect;
use plue_gateway::{Gateway, Verdict, refusal};
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
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    let answer = match gateway(&env) {
        Ok(gateway) => {
            // What outlives the request is caches behind `RefCell`s, which no panic leaves
            // borrowed or half written.
            let answer = AssertUnwindSafe(respond(&gateway, request)).catch_unwind().await;
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

async fn respond(gateway: &Gateway<EdgeHost>, request: Request) -> Result<Response> {
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
    match gateway.decide(parts, peer).await {
        Verdict::Reply(reply) => translate::response(reply),
        Verdict::Forward(forward) => {
            #[cfg(feature = "failpoints")]
            assert!(fail_point.is_none_or(|point| point != "request"), "a fail point");
            let answer = gateway.host().coordinator().pass_on(&forward, &request).await;
            let plan = forward.plan;
            match answer {
                Ok(answer) => {
                    let mut parts = translate::answer_parts(&answer)?;
                    gateway.finish(plan, &mut parts);
                    translate::streamed(answer, &parts)
                }
                Err(error) => {
                    console_error!("{}: {error}", plan.request_id);
                    let (mut parts, body) = gateway.refuse(&plan, &error.problem()).into_parts();
                    gateway.finish(plan, &mut parts);
                    translate::response(http::Response::from_parts(parts, body))
                }
            }
        }
    }
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

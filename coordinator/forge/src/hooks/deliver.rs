//! Telling a webhook what it is owed: signed, tried again with growing pauses for a day, and in order
//! where that was asked for. What arrived and was not written down before a crash is told again.

use super::payload;
use super::{Format, Outgoing, State, secret_of};
use crate::clock::Clock;
use crate::{Error, Forge, events, sealed};
use hmac::{Hmac, KeyInit, Mac};
use plue_contract::HookId;
use plue_contract::events::Event;
use plue_store::events as event_rows;
use plue_store::hooks::{self as rows, DeliveryRow, HookRow};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::task::JoinSet;
use tracing::Instrument;

/// How many deliveries of one webhook are under way at once, where it asks for no order.
const AT_ONCE: i64 = 8;
/// After so many deliveries, and so many milliseconds, other webhooks have their turn.
const A_TURN: usize = 64;
const A_TURN_MS: u64 = 20_000;
/// The pause after the first attempt, in milliseconds; each further one is twice as long.
const FIRST_PAUSE_MS: i64 = 1_000;
/// The longest pause.
const LONGEST_PAUSE_MS: i64 = 4 * 60 * 60 * 1000;
/// For how long a delivery is tried.
const TRIED_FOR_MS: i64 = 24 * 60 * 60 * 1000;

/// Tells a webhook what it is owed by now, for as long as its turn lasts. What is left asks for
/// another turn by itself.
pub(crate) async fn deliver(forge: &Forge, id: HookId, now_ms: i64) -> Result<(), Error> {
    let clock = Clock::set(now_ms);
    let mut told = 0;
    while told < A_TURN && !clock.left(A_TURN_MS).is_zero() {
        let mut conn = forge.store().read().await?;
        let Some(hook) = rows::by_id(&mut conn, id).await?.filter(|hook| hook.active) else {
            return Ok(());
        };
        let now_ms = clock.now_ms();
        let due = match hook.ordered {
            true => {
                let first = rows::first(&mut conn, id).await?;
                first
                    .into_iter()
                    .filter(|first| first.next_at_ms <= now_ms)
                    .collect()
            }
            false => rows::due(&mut conn, id, now_ms, AT_ONCE).await?,
        };
        drop(conn);
        if due.is_empty() {
            break;
        }
        told += due.len();
        let hook = Arc::new(hook);
        let mut attempts = JoinSet::new();
        for delivery in due {
            let (forge, hook) = (forge.clone(), Arc::clone(&hook));
            let attempt = async move { attempt(&forge, &hook, delivery, clock).await };
            attempts.spawn(attempt.in_current_span());
        }
        while let Some(done) = attempts.join_next().await {
            done.map_err(|error| Error::Internal(format!("a delivery: {error}")))??;
        }
    }
    Ok(())
}

/// The id under which a receiver sees a delivery: of one webhook and event, however often it is told.
pub(super) fn guid(hook: &HookRow, delivery: &DeliveryRow) -> String {
    let digest = Sha256::new()
        .chain_update(hook.uuid.as_bytes())
        .chain_update(delivery.event_id.to_be_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// What a body is signed with: `sha256=` and the HMAC in hex.
fn signature(secret: &[u8], body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("because HMAC takes a key of any length");
    mac.update(body.as_bytes());
    let tag = mac.finalize().into_bytes();
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// What is to be sent; else why nothing can be.
async fn request(
    forge: &Forge,
    hook: &HookRow,
    delivery: &DeliveryRow,
) -> Result<Result<Outgoing, String>, Error> {
    let body = match &delivery.request {
        Some(body) => body.clone(),
        None => {
            let mut conn = forge.store().read().await?;
            let event = event_rows::find(&mut conn, delivery.event_id).await?;
            let repository = events::repository_of(&mut conn, hook.repository_id).await?;
            drop(conn);
            let (Some(event), Some(repository)) = (event, repository) else {
                return Ok(Err("the event is not known any more".to_owned()));
            };
            payload::body(forge, hook, &event, &repository).await?
        }
    };
    let kinds = Event::KINDS.iter().find(|(word, _)| *word == delivery.kind);
    let (ours, github) = kinds.map_or(("", ""), |(_, topic)| (topic.as_str(), topic.github()));
    let guid = guid(hook, delivery);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-wit-event", ours.to_owned()),
        ("x-wit-delivery", guid.clone()),
        ("x-github-event", github.to_owned()),
        ("x-github-delivery", guid),
        ("x-github-hook-id", hook.id.to_string()),
        ("x-plue-event", delivery.kind.clone()),
        (
            "x-plue-format",
            hook.format.parse::<Format>()?.as_str().to_owned(),
        ),
    ];
    if let Some(secret) = &hook.sealed_secret {
        let Some(secret) = sealed::open(&forge.outward()?.keys, &secret_of(&hook.uuid), secret) else {
            let why = "the webhook's secret cannot be read any more: give it a new one";
            return Ok(Err(why.to_owned()));
        };
        let signed = signature(&secret, &body);
        headers.push(("x-hub-signature-256", signed.clone()));
        headers.push(("x-wit-signature-256", signed));
    }
    Ok(Ok(Outgoing {
        url: hook.url.clone(),
        headers,
        body,
    }))
}

/// Tries one delivery, and writes down how that went.
async fn attempt(
    forge: &Forge,
    hook: &HookRow,
    mut delivery: DeliveryRow,
    clock: Clock,
) -> Result<(), Error> {
    let outgoing = request(forge, hook, &delivery).await?;
    let begun_ms = clock.now_ms();
    let outcome = match outgoing {
        Ok(outgoing) => {
            delivery.request = Some(outgoing.body.clone());
            (forge.outward()?.send)(outgoing).await
        }
        Err(why) => Err(why),
    };
    let ended_ms = clock.now_ms();
    delivery.attempts += 1;
    delivery.attempted_at_ms = Some(begun_ms);
    delivery.took_ms = Some(ended_ms - begun_ms);
    let arrived = outcome
        .as_ref()
        .is_ok_and(|answer| (200..300).contains(&answer.status));
    (delivery.status, delivery.response, delivery.error) = match outcome {
        // No database keeps a text with a NUL in it.
        Ok(answer) => (
            Some(i64::from(answer.status)),
            Some(answer.body.replace('\0', "\u{fffd}")),
            None,
        ),
        Err(why) => (None, None, Some(why)),
    };
    delivery.next_at_ms = ended_ms.saturating_add(pause_ms(delivery.attempts));
    let given_up = delivery.next_at_ms > delivery.created_at_ms.saturating_add(TRIED_FOR_MS);
    let state = match (arrived, given_up) {
        (true, _) => State::Delivered,
        (false, true) => State::Failed,
        (false, false) => State::Owed,
    };
    state.as_str().clone_into(&mut delivery.state);
    let result = if arrived { "ok" } else { "failed" };
    metrics::counter!("plue_webhook_deliveries_total", "result" => result).increment(1);
    let delivery = &delivery;
    forge
        .store()
        .in_tx("hooks.attempted", |tx| {
            Box::pin(async move { Ok::<_, Error>(rows::attempted(tx, delivery).await?) })
        })
        .await?;
    Ok(())
}

/// How long after so many attempts the next one is made, in milliseconds.
fn pause_ms(attempts: i64) -> i64 {
    let doublings = attempts.clamp(1, 30) - 1;
    (FIRST_PAUSE_MS << doublings).min(LONGEST_PAUSE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_github_signs_it() {
        // The example of GitHub's documentation.
        assert_eq!(
            signature(b"It's a Secret to Everybody", "Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    #[test]
    fn a_delivery_is_tried_for_a_day() {
        assert_eq!((pause_ms(1), pause_ms(2), pause_ms(4)), (1_000, 2_000, 8_000));
        let (mut at_ms, mut attempts) = (0, 0);
        while at_ms <= TRIED_FOR_MS {
            attempts += 1;
            at_ms += pause_ms(attempts);
        }
        assert_eq!((attempts, pause_ms(64)), (19, LONGEST_PAUSE_MS));
    }
}

//! What a webhook was told and is to be told, for people to look at and to have told again.

use super::{ask, deliver, find_row, is_active};
use crate::access::Permit;
use crate::access::repositories::AdministerRepo;
use crate::{Error, Forge};
use plue_contract::{DeliveryId, HookId};
use plue_store::hooks::{self as rows, DeliveryRow, HookRow, Owed};
use std::str::FromStr;

/// The most deliveries of one part of a list.
pub const MAX_PAGE: i64 = 100;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is owed, and will be tried, perhaps again.
    Owed,
    /// It arrived.
    Delivered,
    /// It was given up.
    Failed,
}

impl State {
    /// The state as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owed => "owed",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for State {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Owed, Self::Delivered, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| Error::Internal(format!("a delivery is {text}")))
    }
}

/// What a webhook was told, or is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The id that its receiver sees, the same for every repetition.
    pub guid: String,
    /// What happened, as in `issue.closed`.
    pub kind: String,
    /// What became of it.
    pub state: State,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next, while it is owed, in milliseconds since 1970.
    pub next_at_ms: Option<i64>,
    /// Since when it was owed.
    pub created_at_ms: i64,
    /// When it was tried last.
    pub attempted_at_ms: Option<i64>,
    /// How long that took, in milliseconds.
    pub took_ms: Option<i64>,
    /// What the receiver answered.
    pub status: Option<i64>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// What was sent, where one delivery is asked for.
    pub request: Option<String>,
    /// The beginning of what came back, where one delivery is asked for.
    pub response: Option<String>,
    /// The delivery that it repeats.
    pub repeats: Option<DeliveryId>,
}

impl Delivery {
    fn of(hook: &HookRow, row: DeliveryRow) -> Result<Self, Error> {
        let state: State = row.state.parse()?;
        Ok(Self {
            id: DeliveryId(row.id),
            guid: deliver::guid(hook, &row),
            state,
            kind: row.kind,
            attempts: row.attempts,
            next_at_ms: (state == State::Owed).then_some(row.next_at_ms),
            created_at_ms: row.created_at_ms,
            attempted_at_ms: row.attempted_at_ms,
            took_ms: row.took_ms,
            status: row.status,
            error: row.error,
            request: row.request,
            response: row.response,
            repeats: row.repeats.map(DeliveryId),
        })
    }
}

/// What a webhook was told before the delivery of this id, the latest first.
pub async fn deliveries(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    id: HookId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Delivery>, Error> {
    let mut conn = forge.store().read().await?;
    let hook = find_row(&mut conn, permit.on(), id).await?;
    let limit = limit.clamp(1, MAX_PAGE);
    let found = rows::deliveries(&mut conn, id, before.unwrap_or(i64::MAX), limit).await?;
    found.into_iter().map(|row| Delivery::of(&hook, row)).collect()
}

/// One thing that a webhook was told, with what was sent and what came back.
pub async fn delivery(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    (hook, id): (HookId, DeliveryId),
) -> Result<Delivery, Error> {
    let mut conn = forge.store().read().await?;
    let hook = find_row(&mut conn, permit.on(), hook).await?;
    let row = rows::delivery(&mut conn, HookId(hook.id), id).await?;
    Delivery::of(&hook, row.ok_or(Error::NotFound)?)
}

/// Has a webhook told once more what it was told already, word for word; the new delivery's id.
pub async fn redeliver(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    (hook, id): (HookId, DeliveryId),
    now_ms: i64,
) -> Result<DeliveryId, Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("hooks.redeliver", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, now_ms).await?;
                let found = find_row(tx, &repository, hook).await?;
                is_active(&found)?;
                let row = rows::delivery(tx, hook, id).await?.ok_or(Error::NotFound)?;
                let again = Owed {
                    hook,
                    event: row.event_id,
                    kind: &row.kind,
                    repeats: Some(row.id),
                    request: row.request.as_deref(),
                };
                let owed = rows::owe(tx, again, now_ms).await?;
                ask(tx, hook, &permit.caller().request_id, now_ms, now_ms).await?;
                Ok(owed)
            })
        })
        .await
}

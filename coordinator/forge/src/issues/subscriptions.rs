//! What people want to hear of single issues.

use super::find;
use crate::access::Permit;
use crate::access::following::Follow;
use crate::access::repositories::ReadRepo;
use crate::{Error, Forge};
use plue_store::issues::subscriptions as rows;
use std::str::FromStr;

/// What somebody wants to hear of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// All of it.
    Subscribed,
    /// Nothing, not even where they are named.
    Muted,
    /// All of it, because somebody named them there.
    Named,
}

impl Subscription {
    /// Every subscription.
    pub const ALL: [Self; 3] = [Self::Subscribed, Self::Muted, Self::Named];

    /// The subscription as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscribed => "subscribed",
            Self::Muted => "muted",
            Self::Named => "named",
        }
    }
}

impl FromStr for Subscription {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| Error::invalid("state", "a state is subscribed or muted"))
    }
}

/// What the caller wants to hear of an issue; none: what follows from what they do there and from how
/// they watch the repository.
pub async fn get(
    forge: &Forge,
    permit: &Permit<ReadRepo>,
    number: i64,
) -> Result<Option<Subscription>, Error> {
    let mut conn = forge.store().read().await?;
    let issue = find(&mut conn, permit.on().id, number).await?;
    let Some(account) = permit.caller().account() else {
        return Ok(None);
    };
    let found = rows::of(&mut conn, issue.id, account).await?;
    found.as_deref().map(str::parse).transpose()
}

/// Says what the caller wants to hear of an issue; none takes back what was said.
pub async fn set(
    forge: &Forge,
    permit: Permit<Follow>,
    number: i64,
    wanted: Option<Subscription>,
    now_ms: i64,
) -> Result<(), Error> {
    if wanted == Some(Subscription::Named) {
        return Err(Error::invalid("state", "a state is subscribed or muted"));
    }
    let permit = &permit;
    forge
        .store()
        .in_tx("issue_subscriptions.set", |tx| {
            Box::pin(async move {
                let on = permit.check_again(tx, now_ms).await?;
                let issue = find(tx, on.repository.id, number).await?;
                match wanted {
                    Some(wanted) => rows::put(tx, issue.id, on.account, wanted.as_str(), now_ms).await?,
                    None => rows::remove(tx, issue.id, on.account).await?,
                }
                Ok(())
            })
        })
        .await
}

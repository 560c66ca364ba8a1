//! Stars: by them people say that they like a repository, and find it again.

use crate::access::Permit;
use crate::access::following::Follow;
use crate::access::repositories::ReadRepo;
use crate::accounts::Page;
use crate::issues::Person;
use crate::{Error, Forge, events};
use plue_contract::events::{Event, Nothing};
use plue_contract::{AccountId, RepoId};
use plue_store::stars as rows;
use std::collections::HashMap;

/// How a repository stands with the stars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stars {
    /// Whether the caller gave it one.
    pub own: bool,
    /// How many it has.
    pub count: i64,
}

/// Somebody who gave a star.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stargazer {
    /// Who it is.
    pub person: Person,
    /// Since when, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Whether the caller gave a repository a star, and how many did.
pub async fn get(forge: &Forge, permit: &Permit<ReadRepo>) -> Result<Stars, Error> {
    let mut conn = forge.store().read().await?;
    let repository = permit.on().id;
    let own = match permit.caller().account() {
        Some(account) => rows::has(&mut conn, repository, account).await?,
        None => false,
    };
    Ok(Stars {
        own,
        count: rows::count(&mut conn, repository).await?,
    })
}

/// Gives a star, or takes it back. A repeat changes nothing, and is told to nobody.
pub async fn set(forge: &Forge, permit: Permit<Follow>, own: bool, now_ms: i64) -> Result<Stars, Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("stars.set", |tx| {
            Box::pin(async move {
                let on = permit.check_again(tx, now_ms).await?;
                let repository = on.repository.id;
                let (changed, told) = if own {
                    let event = Event::RepoStarred(Nothing {});
                    (rows::put(tx, repository, on.account, now_ms).await?, event)
                } else {
                    let event = Event::RepoUnstarred(Nothing {});
                    (rows::remove(tx, repository, on.account).await?, event)
                };
                if changed {
                    events::tell(tx, permit.caller(), repository, &[told], now_ms).await?;
                }
                let count = rows::count(tx, repository).await?;
                Ok(Stars { own, count })
            })
        })
        .await
}

/// One part of those who gave a repository a star, the first first.
pub async fn list(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    limit: i64,
    offset: i64,
) -> Result<Page<Stargazer>, Error> {
    let mut conn = forge.store().read().await?;
    let repository = permit.on().id;
    let (limit, offset) = (limit.clamp(1, 100), offset.max(0));
    let found = rows::list(&mut conn, repository, limit, offset).await?;
    let star = |(id, name, at_ms): (i64, String, i64)| {
        Ok::<_, Error>(Stargazer {
            person: Person::of(id, &name)?,
            at_ms,
        })
    };
    Ok(Page {
        items: found.into_iter().map(star).collect::<Result<_, _>>()?,
        total: rows::count(&mut conn, repository).await?,
        limit,
        offset,
    })
}

/// When an account gave stars to these repositories, in milliseconds since 1970.
pub async fn given(forge: &Forge, account: AccountId, to: &[RepoId]) -> Result<HashMap<RepoId, i64>, Error> {
    let found = rows::given(&mut forge.store().read().await?, account, to).await?;
    Ok(found.into_iter().map(|(id, at_ms)| (RepoId(id), at_ms)).collect())
}

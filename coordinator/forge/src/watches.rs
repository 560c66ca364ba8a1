//! Watches: how much people want to hear of a repository in which they need not take part.

use crate::access::Permit;
use crate::access::following::Follow;
use crate::access::repositories::ReadRepo;
use crate::accounts::Page;
use crate::issues::Person;
use crate::{Error, Forge};
use plue_store::watches as rows;
use std::str::FromStr;

/// How much somebody wants to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Of everything.
    All,
    /// Of releases, and of what they take part in.
    Releases,
    /// Of nothing, not even where they are named.
    Ignore,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::All, Self::Releases, Self::Ignore];

    /// The level as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Releases => "releases",
            Self::Ignore => "ignore",
        }
    }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| Error::invalid("level", "a level is all, releases or ignore"))
    }
}

/// How a repository stands with those who watch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watches {
    /// What the caller said; none: they hear of what they take part in.
    pub own: Option<Level>,
    /// How many want to hear of it.
    pub count: i64,
}

/// Somebody who watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// Who it is.
    pub person: Person,
    /// How much they want to hear.
    pub level: Level,
    /// Since when, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What the caller said of a repository, and how many want to hear of it.
pub async fn get(forge: &Forge, permit: &Permit<ReadRepo>) -> Result<Watches, Error> {
    let mut conn = forge.store().read().await?;
    let repository = permit.on().id;
    let own = match permit.caller().account() {
        Some(account) => rows::of(&mut conn, repository, account).await?,
        None => None,
    };
    Ok(Watches {
        own: own.as_deref().map(str::parse).transpose()?,
        count: rows::count(&mut conn, repository).await?,
    })
}

/// Says how much the caller wants to hear of a repository; none: of what they take part in.
pub async fn set(
    forge: &Forge,
    permit: Permit<Follow>,
    own: Option<Level>,
    now_ms: i64,
) -> Result<Watches, Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("watches.set", |tx| {
            Box::pin(async move {
                let on = permit.check_again(tx, now_ms).await?;
                let repository = on.repository.id;
                match own {
                    Some(level) => rows::put(tx, repository, on.account, level.as_str(), now_ms).await?,
                    None => rows::remove(tx, repository, on.account).await?,
                }
                let count = rows::count(tx, repository).await?;
                Ok::<_, Error>(Watches { own, count })
            })
        })
        .await
}

/// One part of those who want to hear of a repository, the first first.
pub async fn list(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    limit: i64,
    offset: i64,
) -> Result<Page<Watcher>, Error> {
    let mut conn = forge.store().read().await?;
    let repository = permit.on().id;
    let (limit, offset) = (limit.clamp(1, 100), offset.max(0));
    let found = rows::list(&mut conn, repository, limit, offset).await?;
    let watcher = |(id, name, level, at_ms): (i64, String, String, i64)| {
        Ok::<_, Error>(Watcher {
            person: Person::of(id, &name)?,
            level: level.parse()?,
            at_ms,
        })
    };
    Ok(Page {
        items: found.into_iter().map(watcher).collect::<Result<_, _>>()?,
        total: rows::count(&mut conn, repository).await?,
        limit,
        offset,
    })
}

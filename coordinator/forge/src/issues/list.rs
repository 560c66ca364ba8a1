//! Lists of a repository's issues.

use super::search::Search;
use super::{Issue, whole};
use crate::access::Permit;
use crate::access::repositories::ReadRepo;
use crate::{Error, Forge};
use plue_contract::RepoId;
use plue_store::Conn;
use plue_store::issues::{self as rows, Cut, Filter};

/// The most issues of one part.
pub const MAX_PAGE: i64 = 100;

/// Where a part begins: after the issue that is sorted by the first and has the second as number.
pub type After = (i64, i64);

/// Which part of which list.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which issues, in which order.
    pub search: Search,
    /// After which.
    pub after: Option<After>,
    /// After how many more.
    pub offset: i64,
    /// At most so many, from 1 to [`MAX_PAGE`].
    pub limit: i64,
}

/// One part of a list.
#[derive(Clone, Debug)]
pub struct Part {
    /// The issues.
    pub issues: Vec<Issue>,
    /// How many there are in all.
    pub total: i64,
    /// How many of the repository's issues are open, and how many closed, whatever was asked for.
    pub counts: (i64, i64),
    /// Where the next part begins, if there is more.
    pub next: Option<After>,
}

/// One part of the repository's issues.
pub async fn list(forge: &Forge, permit: Permit<ReadRepo>, query: &Query) -> Result<Part, Error> {
    let mut conn = forge.store().read().await?;
    part(&mut conn, permit.on().id, query).await
}

async fn part(conn: &mut Conn, repository: RepoId, query: &Query) -> Result<Part, Error> {
    let filter = &query.search.filter;
    let order = query.search.order;
    let limit = query.limit.clamp(1, MAX_PAGE);
    // One more than is shown says whether there is more.
    let cut = Cut {
        order,
        after: query.after,
        offset: query.offset.max(0),
        limit: limit + 1,
    };
    let mut found = rows::list(conn, repository, filter, cut).await?;
    let more = i64::try_from(found.len()).is_ok_and(|length| length > limit);
    found.truncate(usize::try_from(limit).unwrap_or_default());
    let next = found.last().filter(|_| more);
    let next = next.map(|row| (order.key_of(row), row.number));
    let counts = rows::counts(conn, repository).await?;
    let only = Filter {
        state: filter.state,
        ..Filter::default()
    };
    let total = match filter.state {
        _ if *filter != only => rows::count_filtered(conn, repository, filter).await?,
        Some("open") => counts.0,
        Some(_) => counts.1,
        None => counts.0 + counts.1,
    };
    Ok(Part {
        issues: whole(conn, found).await?,
        total,
        counts,
        next,
    })
}

/// The issues that stand above the repository's list.
pub async fn pinned(forge: &Forge, permit: Permit<ReadRepo>) -> Result<Vec<Issue>, Error> {
    let mut conn = forge.store().read().await?;
    let repository = permit.on().id;
    let ids = rows::marks::pinned(&mut conn, repository).await?;
    let found = rows::some(&mut conn, repository, &ids).await?;
    let mut found = whole(&mut conn, found).await?;
    found.sort_by_key(|issue| ids.iter().position(|id| *id == issue.id));
    Ok(found)
}

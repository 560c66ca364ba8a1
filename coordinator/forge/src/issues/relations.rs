//! How issues of a repository stand to each other.

use super::change::{By, apply};
use super::events::{Kind as Told, announce, tell};
use super::{Issue, IssueChange, Reason, State, find, held};
use crate::access::Permit;
use crate::access::issues::{Hold, Seat, TriageRepo};
use crate::access::repositories::ReadRepo;
use crate::events::Doer;
use crate::{Error, Forge};
use plue_contract::IssueId;
use plue_store::issues::relations as rows;
use plue_store::{Conn, Tx};
use serde_json::json;
use std::str::FromStr;

/// How one issue stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The other one waits for it.
    Blocks,
    /// It waits for the other one.
    BlockedBy,
    /// They have to do with each other.
    RelatesTo,
    /// The other one says the same, and is the one that counts.
    Duplicates,
    /// It is the one that counts.
    DuplicatedBy,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Blocks,
        Self::BlockedBy,
        Self::RelatesTo,
        Self::Duplicates,
        Self::DuplicatedBy,
    ];

    /// The kind as it is written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::BlockedBy => "blocked_by",
            Self::RelatesTo => "relates_to",
            Self::Duplicates => "duplicates",
            Self::DuplicatedBy => "duplicated_by",
        }
    }

    /// The word in the database, and whether the other one comes first there.
    const fn stored(self) -> (&'static str, bool) {
        match self {
            Self::Blocks => ("blocks", false),
            Self::BlockedBy => ("blocks", true),
            Self::RelatesTo => ("relates_to", false),
            Self::Duplicates => ("duplicates", false),
            Self::DuplicatedBy => ("duplicates", true),
        }
    }

    fn seen(word: &str, first: bool) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.stored().0 == word && (*kind == Self::RelatesTo || kind.stored().1 != first))
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                Error::invalid(
                    "type",
                    "a relation is blocks, blocked_by, relates_to, duplicates or duplicated_by",
                )
            })
    }
}

/// How an issue stands to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// How.
    pub kind: Kind,
    /// The other one's number.
    pub number: i64,
    /// What that is called.
    pub title: String,
    /// Whether there is something to do.
    pub state: State,
}

/// Every relation of an issue.
pub(super) async fn of(conn: &mut Conn, issue: IssueId) -> Result<Vec<Relation>, Error> {
    let found = rows::of(conn, issue).await?;
    found
        .into_iter()
        .map(|(first, kind, number, title, state, _)| {
            Ok(Relation {
                kind: Kind::seen(&kind, first != 0)
                    .ok_or_else(|| Error::Internal(format!("a relation is `{kind}`")))?,
                number,
                title,
                state: state.parse()?,
            })
        })
        .collect()
}

/// Every relation of an issue of the repository.
pub async fn list(forge: &Forge, permit: Permit<ReadRepo>, number: i64) -> Result<Vec<Relation>, Error> {
    let mut conn = forge.store().read().await?;
    let issue = find(&mut conn, permit.on().id, number).await?;
    of(&mut conn, issue.id).await
}

/// The two ids as the database has them.
fn pair(kind: Kind, one: IssueId, other: IssueId) -> (&'static str, (IssueId, IssueId)) {
    let (word, turned) = kind.stored();
    let turned = turned || (kind == Kind::RelatesTo && other < one);
    (word, if turned { (other, one) } else { (one, other) })
}

/// Relates an issue to another one of the repository. Nothing blocks or repeats itself, not by way of
/// others either.
pub async fn relate(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    number: i64,
    kind: Kind,
    other: i64,
    now_ms: i64,
) -> Result<Vec<Relation>, Error> {
    set(forge, permit, (number, &[kind], other), true, now_ms).await
}

/// Ends relations to another issue; where there is none, nothing changes.
pub async fn unrelate(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    number: i64,
    kinds: &[Kind],
    other: i64,
    now_ms: i64,
) -> Result<Vec<Relation>, Error> {
    set(forge, permit, (number, kinds, other), false, now_ms).await
}

fn not_itself(number: i64, other: i64) -> Result<(), Error> {
    match number == other {
        true => Err(Error::invalid(
            "number",
            "an issue does not stand in a relation to itself",
        )),
        false => Ok(()),
    }
}

async fn set(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    (number, kinds, other): (i64, &[Kind], i64),
    there: bool,
    now_ms: i64,
) -> Result<Vec<Relation>, Error> {
    not_itself(number, other)?;
    let permit = &permit;
    forge
        .store()
        .in_tx("issue_relations.set", |tx| {
            Box::pin(async move {
                // Held as a whole, so that two who relate at once make no circle.
                let seat = permit.check_again(tx, Hold::Repository, now_ms).await?;
                let repository = seat.repository.id;
                let issue = held(tx, repository, number).await?;
                for &kind in kinds {
                    put(tx, &seat, &issue, (kind, other), there, now_ms).await?;
                }
                of(tx, issue.id).await
            })
        })
        .await
}

/// Relates an issue that the transaction holds, together with its repository.
async fn put(
    tx: &mut Tx<'_>,
    seat: &Seat,
    issue: &Issue,
    (kind, other): (Kind, i64),
    there: bool,
    now_ms: i64,
) -> Result<(), Error> {
    let (repository, number) = (seat.repository.id, issue.number);
    let related = find(tx, repository, other).await?;
    let (word, ids) = pair(kind, issue.id, related.id);
    let changed = if there {
        if kind != Kind::RelatesTo && rows::leads_to(tx, ids.1, word, ids.0).await? {
            let said = match word {
                "blocks" => "would wait for each other; end the other dependency first",
                _ => "would repeat each other; one of them is the one that counts",
            };
            return Err(Error::conflict("", format!("#{number} and #{other} {said}")));
        }
        rows::put(tx, ids, word, Some(seat.account), now_ms).await?
    } else {
        rows::remove(tx, ids, word).await?
    };
    if changed {
        let told = if there { Told::Related } else { Told::Unrelated };
        let detail = json!({ "type": kind.as_str(), "number": other });
        tell(
            tx,
            repository,
            issue.id,
            Some(seat.account),
            told,
            &detail,
            now_ms,
        )
        .await?;
        plue_store::issues::touch(tx, issue.id, now_ms).await?;
    }
    Ok(())
}

/// Says that an issue repeats another one, which is the one that counts, and closes it as a duplicate.
pub async fn close_as_duplicate(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    number: i64,
    of: i64,
    now_ms: i64,
) -> Result<Issue, Error> {
    not_itself(number, of)?;
    let permit = &permit;
    forge
        .store()
        .in_tx("issue_relations.duplicate", |tx| {
            Box::pin(async move {
                let seat = permit.check_again(tx, Hold::Repository, now_ms).await?;
                let repository = seat.repository.id;
                let issue = held(tx, repository, number).await?;
                put(tx, &seat, &issue, (Kind::Duplicates, of), true, now_ms).await?;
                let close = IssueChange::state(State::Closed, Some(Reason::Duplicate));
                let told = apply(tx, By::Seat(&seat), &issue, &close, now_ms).await?;
                let after = find(tx, repository, number).await?;
                let doer = Doer::of(permit.caller());
                announce(tx, &doer, (repository, &issue, &after), &told, now_ms).await?;
                Ok(after)
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_seen_from_both_sides() {
        for kind in Kind::ALL {
            let (word, turned) = kind.stored();
            assert_eq!(Kind::seen(word, !turned), Some(kind));
            assert_eq!(kind.as_str().parse::<Kind>().unwrap(), kind);
        }
        assert_eq!(Kind::seen("relates_to", false), Some(Kind::RelatesTo));
        let (one, other) = (IssueId(1), IssueId(2));
        assert_eq!(pair(Kind::BlockedBy, one, other), ("blocks", (other, one)));
        assert_eq!(
            pair(Kind::RelatesTo, other, one),
            pair(Kind::RelatesTo, one, other)
        );
    }
}

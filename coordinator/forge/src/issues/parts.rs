//! Issues that are parts of others of the same repository: each of at most one, in an order.

use super::events::{Kind, tell};
use super::{State, find, held};
use crate::access::Permit;
use crate::access::issues::{Hold, Seat, TriageRepo};
use crate::access::repositories::ReadRepo;
use crate::{Error, Forge};
use plue_contract::IssueId;
use plue_store::issues::parts::{self as rows, PartRow};
use plue_store::{Conn, Tx, issues as issue_rows};
use serde_json::json;

/// The most parts of one issue.
pub const MAX_PARTS: usize = 200;

/// An issue that is a part of another one, or has parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its id.
    pub id: IssueId,
    /// Its number.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// Whether there is something to do.
    pub state: State,
}

impl TryFrom<PartRow> for Part {
    type Error = Error;

    fn try_from((id, number, title, state): PartRow) -> Result<Self, Error> {
        Ok(Self {
            id: IssueId(id),
            number,
            title,
            state: state.parse()?,
        })
    }
}

/// Of what an issue is a part, and what its parts are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The issue of which it is a part.
    pub whole: Option<Part>,
    /// Its parts, in their order.
    pub parts: Vec<Part>,
}

impl Parts {
    /// How many of the parts are closed.
    pub fn done(&self) -> usize {
        self.parts
            .iter()
            .filter(|part| part.state == State::Closed)
            .count()
    }
}

pub(super) async fn of(conn: &mut Conn, issue: IssueId) -> Result<Parts, Error> {
    let whole = rows::whole_of(conn, issue).await?;
    let parts = rows::of(conn, issue).await?;
    Ok(Parts {
        whole: whole.map(Part::try_from).transpose()?,
        parts: parts.into_iter().map(Part::try_from).collect::<Result<_, _>>()?,
    })
}

/// Of what an issue is a part, and what its parts are.
pub async fn get(forge: &Forge, permit: Permit<ReadRepo>, number: i64) -> Result<Parts, Error> {
    let mut conn = forge.store().read().await?;
    let issue = find(&mut conn, permit.on().id, number).await?;
    of(&mut conn, issue.id).await
}

/// Makes an issue a part of another one, in place of the one of which it was; or of none. Nothing is a
/// part of itself, not by way of others either; a repeat changes nothing.
pub async fn put(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    number: i64,
    whole: Option<i64>,
    now_ms: i64,
) -> Result<Parts, Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("issue_parts.put", |tx| {
            Box::pin(async move {
                // Held as a whole, so that two who do so at once make no circle.
                let seat = permit.check_again(tx, Hold::Repository, now_ms).await?;
                let repository = seat.repository.id;
                let issue = held(tx, repository, number).await?;
                let before: Option<Part> = rows::whole_of(tx, issue.id)
                    .await?
                    .map(Part::try_from)
                    .transpose()?;
                if before.as_ref().map(|part| part.number) == whole {
                    return of(tx, issue.id).await;
                }
                let after = match whole {
                    None => None,
                    Some(whole) => {
                        let found = find(tx, repository, whole).await;
                        let found = found.map_err(|error| match error {
                            Error::NotFound => Error::invalid("parent", "the repository has no such issue"),
                            error => error,
                        })?;
                        if rows::is_within(tx, found.id, issue.id).await? {
                            return Err(Error::conflict(
                                "parent",
                                format!(
                                    "#{whole} is #{number} or a part of it, and cannot have it as a part"
                                ),
                            ));
                        }
                        if rows::of(tx, found.id).await?.len() >= MAX_PARTS {
                            return Err(Error::invalid(
                                "parent",
                                format!("an issue has at most {MAX_PARTS} parts"),
                            ));
                        }
                        Some(found.id)
                    }
                };
                rows::put(tx, issue.id, after).await?;
                if let Some(before) = &before {
                    note(
                        tx,
                        &seat,
                        (issue.id, number),
                        (before.id, before.number),
                        false,
                        now_ms,
                    )
                    .await?;
                }
                if let (Some(after), Some(whole)) = (after, whole) {
                    note(tx, &seat, (issue.id, number), (after, whole), true, now_ms).await?;
                }
                of(tx, issue.id).await
            })
        })
        .await
}

/// Writes into both histories that one is a part of the other, or not any more.
async fn note(
    tx: &mut Tx<'_>,
    seat: &Seat,
    (part, number): (IssueId, i64),
    (whole, whole_number): (IssueId, i64),
    is_part: bool,
    now_ms: i64,
) -> Result<(), Error> {
    let (repository, actor) = (seat.repository.id, Some(seat.account));
    let (of_part, of_whole) = match is_part {
        true => (Kind::ParentAdded, Kind::PartAdded),
        false => (Kind::ParentRemoved, Kind::PartRemoved),
    };
    for (issue, kind, other) in [(part, of_part, whole_number), (whole, of_whole, number)] {
        let detail = json!({ "number": other });
        tell(tx, repository, issue, actor, kind, &detail, now_ms).await?;
        issue_rows::touch(tx, issue, now_ms).await?;
    }
    Ok(())
}

/// Puts the parts of an issue into another order. All of them are named, each once.
pub async fn order(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    number: i64,
    wanted: &[i64],
    now_ms: i64,
) -> Result<Parts, Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("issue_parts.order", |tx| {
            Box::pin(async move {
                let seat = permit.check_again(tx, Hold::Repository, now_ms).await?;
                let issue = held(tx, seat.repository.id, number).await?;
                let now = of(tx, issue.id).await?;
                let mut have: Vec<i64> = now.parts.iter().map(|part| part.number).collect();
                let mut named = wanted.to_vec();
                have.sort_unstable();
                named.sort_unstable();
                if have != named {
                    return Err(Error::invalid(
                        "numbers",
                        format!("name each part of #{number} once, and nothing else"),
                    ));
                }
                for (place, number) in (1..).zip(wanted) {
                    if let Some(part) = now.parts.iter().find(|part| part.number == *number) {
                        rows::place(tx, part.id, place).await?;
                    }
                }
                of(tx, issue.id).await
            })
        })
        .await
}

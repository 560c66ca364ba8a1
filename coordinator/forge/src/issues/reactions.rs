//! What people feel about an issue or a comment on it.

use super::change::locked;
use super::comments::of;
use super::{Person, fields, find, held};
use crate::access::Permit;
use crate::access::issues::{Hold, TakePart};
use crate::access::repositories::ReadRepo;
use crate::{Error, Forge};
use plue_contract::CommentId;
use plue_store::issues::reactions::{self as rows, ReactionRow};

/// One reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Its id.
    pub id: i64,
    /// The comment that it is to; none where it is to the issue itself.
    pub comment: Option<CommentId>,
    /// Who reacted.
    pub person: Person,
    /// With what.
    pub emoji: String,
    /// When, in milliseconds since 1970.
    pub created_at_ms: i64,
}

impl TryFrom<ReactionRow> for Reaction {
    type Error = Error;

    fn try_from((id, comment, account, name, emoji, created_at_ms): ReactionRow) -> Result<Self, Error> {
        Ok(Self {
            id,
            comment: comment.map(CommentId),
            person: Person::of(account, &name)?,
            emoji,
            created_at_ms,
        })
    }
}

/// What a reaction is to: an issue, or a comment on it.
pub type Target = (i64, Option<CommentId>);

/// Every reaction to an issue, or to a comment on it, as they came.
pub async fn list(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    (number, comment): Target,
) -> Result<Vec<Reaction>, Error> {
    let mut conn = forge.store().read().await?;
    let issue = find(&mut conn, permit.on().id, number).await?;
    if let Some(comment) = comment {
        of(&mut conn, &issue, comment).await?;
    }
    let found = rows::of(&mut conn, issue.id).await?;
    let found: Result<Vec<_>, _> = found.into_iter().map(Reaction::try_from).collect();
    Ok(found?.into_iter().filter(|one| one.comment == comment).collect())
}

/// Reacts to an issue or a comment on it. Whoever has reacted so already has.
pub async fn add(
    forge: &Forge,
    permit: Permit<TakePart>,
    (number, comment): Target,
    emoji: &str,
    now_ms: i64,
) -> Result<Reaction, Error> {
    let emoji = fields::emoji(emoji)?;
    let permit = &permit;
    forge
        .store()
        .in_tx("issue_reactions.add", |tx| {
            Box::pin(async move {
                let seat = permit.check_again(tx, Hold::Nothing, now_ms).await?;
                let issue = held(tx, seat.repository.id, number).await?;
                if let Some(comment) = comment {
                    of(tx, &issue, comment).await?;
                }
                if issue.locked && !seat.triages() {
                    return Err(locked());
                }
                rows::put(tx, issue.id, comment, seat.account, emoji, now_ms).await?;
                for row in rows::of(tx, issue.id).await? {
                    let one = Reaction::try_from(row)?;
                    if one.comment == comment && one.person.id == seat.account && one.emoji == emoji {
                        return Ok(one);
                    }
                }
                Err(Error::NotFound)
            })
        })
        .await
}

/// Takes a reaction back; where there is none, nothing changes.
pub async fn remove(
    forge: &Forge,
    permit: Permit<TakePart>,
    (number, comment): Target,
    emoji: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("issue_reactions.remove", |tx| {
            Box::pin(async move {
                let seat = permit.check_again(tx, Hold::Nothing, now_ms).await?;
                let issue = held(tx, seat.repository.id, number).await?;
                if let Some(comment) = comment {
                    of(tx, &issue, comment).await?;
                }
                Ok(rows::remove(tx, issue.id, comment, seat.account, emoji).await?)
            })
        })
        .await
}

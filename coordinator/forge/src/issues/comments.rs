//! What is said about issues.

use super::change::locked;
use super::events::{Kind, shown, tell};
use super::{Issue, Person, fields, find, held};
use crate::access::Permit;
use crate::access::issues::{Hold, Seat, TakePart};
use crate::access::repositories::ReadRepo;
use crate::{Error, Forge, events};
use plue_contract::CommentId;
use plue_contract::events::{self as said, CommentEdited, Event as Happened, IssueCommented, Was, moment};
use plue_store::issues::comments::{self as rows, CommentRow};
use plue_store::{Conn, Tx};
use serde_json::json;

/// One comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// Its other id.
    pub uuid: String,
    /// Who said it.
    pub author: Person,
    /// What it says, in Markdown.
    pub body: String,
    /// Whether it was changed since.
    pub edited: bool,
    /// When it was said, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was changed last.
    pub updated_at_ms: i64,
}

impl TryFrom<CommentRow> for Comment {
    type Error = Error;

    fn try_from(row: CommentRow) -> Result<Self, Error> {
        Ok(Self {
            id: CommentId(row.id),
            uuid: row.uuid,
            author: Person::of(row.author_id, &row.author)?,
            body: row.body,
            edited: row.edited,
            created_at_ms: row.created_at_ms,
            updated_at_ms: row.updated_at_ms,
        })
    }
}

/// A comment on an issue, as it is told outside.
fn commented(issue: &Issue, comment: &Comment) -> IssueCommented {
    IssueCommented {
        issue: shown(issue, false),
        comment: said::Comment {
            id: comment.id.0,
            uuid: comment.uuid.clone(),
            author: events::person(comment.author.id, &comment.author.name),
            body: comment.body.clone(),
            created_at: moment(comment.created_at_ms),
            updated_at: moment(comment.updated_at_ms),
        },
    }
}

/// The most comments of one part of a list.
pub const MAX_PAGE: i64 = 100;

/// The comments on an issue after the one of this id, the oldest first.
pub async fn list(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    number: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Comment>, Error> {
    let mut conn = forge.store().read().await?;
    let issue = find(&mut conn, permit.on().id, number).await?;
    let found = rows::list(&mut conn, issue.id, after, limit.clamp(1, MAX_PAGE)).await?;
    found.into_iter().map(Comment::try_from).collect()
}

/// The comment of this id on the issue.
pub(super) async fn of(conn: &mut Conn, issue: &Issue, id: CommentId) -> Result<Comment, Error> {
    let row = rows::find(conn, issue.id, id).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// Says something about an issue.
pub async fn add(
    forge: &Forge,
    permit: Permit<TakePart>,
    number: i64,
    body: &str,
    now_ms: i64,
) -> Result<Comment, Error> {
    let body = fields::comment(body)?;
    let (permit, body, uuid) = (&permit, &body, &forge.uuid());
    forge
        .store()
        .in_tx("issue_comments.add", |tx| {
            Box::pin(async move {
                let seat = permit.check_again(tx, Hold::Nothing, now_ms).await?;
                let issue = held(tx, seat.repository.id, number).await?;
                if issue.locked && !seat.triages() {
                    return Err(locked());
                }
                let id = rows::insert(tx, issue.id, seat.account, (uuid, body), now_ms).await?;
                let comment = of(tx, &issue, id).await?;
                let after = find(tx, seat.repository.id, number).await?;
                let told = Happened::IssueCommented(commented(&after, &comment));
                events::tell(tx, permit.caller(), seat.repository.id, &[told], now_ms).await?;
                Ok(comment)
            })
        })
        .await
}

/// The comment, where the seat may change it: its author, while the issue is not locked, and those
/// who triage.
async fn own(tx: &mut Tx<'_>, seat: &Seat, number: i64, id: CommentId) -> Result<(Issue, Comment), Error> {
    let issue = held(tx, seat.repository.id, number).await?;
    let comment = of(tx, &issue, id).await?;
    if !seat.triages() {
        if comment.author.id != seat.account {
            return Err(Error::Forbidden(
                "Only who said this may change it, and those who sort the repository's issues.".to_owned(),
            ));
        }
        if issue.locked {
            return Err(locked());
        }
    }
    Ok((issue, comment))
}

/// Says something else in a comment.
pub async fn edit(
    forge: &Forge,
    permit: Permit<TakePart>,
    (number, id): (i64, CommentId),
    body: &str,
    now_ms: i64,
) -> Result<Comment, Error> {
    let body = fields::comment(body)?;
    let (permit, body) = (&permit, &body);
    forge
        .store()
        .in_tx("issue_comments.edit", |tx| {
            Box::pin(async move {
                let seat = permit.check_again(tx, Hold::Nothing, now_ms).await?;
                let (issue, comment) = own(tx, &seat, number, id).await?;
                if comment.body == *body {
                    return Ok(comment);
                }
                rows::update(tx, id, body, now_ms).await?;
                let after = of(tx, &issue, id).await?;
                let IssueCommented { issue, comment: now } = commented(&issue, &after);
                let told = Happened::IssueCommentEdited(CommentEdited {
                    issue,
                    comment: now,
                    body: Was { from: comment.body },
                });
                events::tell(tx, permit.caller(), seat.repository.id, &[told], now_ms).await?;
                Ok(after)
            })
        })
        .await
}

/// Takes a comment back. That there was one stays in the issue's history.
pub async fn delete(
    forge: &Forge,
    permit: Permit<TakePart>,
    (number, id): (i64, CommentId),
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("issue_comments.delete", |tx| {
            Box::pin(async move {
                let seat = permit.check_again(tx, Hold::Nothing, now_ms).await?;
                let (issue, comment) = own(tx, &seat, number, id).await?;
                rows::delete(tx, issue.id, id, now_ms).await?;
                let detail = json!({ "author": comment.author.name.as_str() });
                let (repository, actor) = (seat.repository.id, Some(seat.account));
                tell(
                    tx,
                    repository,
                    issue.id,
                    actor,
                    Kind::CommentDeleted,
                    &detail,
                    now_ms,
                )
                .await?;
                let after = find(tx, repository, number).await?;
                let told = Happened::IssueCommentDeleted(commented(&after, &comment));
                events::tell(tx, permit.caller(), repository, &[told], now_ms).await
            })
        })
        .await
}

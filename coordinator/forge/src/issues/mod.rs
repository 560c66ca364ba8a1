//! Issues: opened, read, changed and removed here; what hangs on one is a file beside this.
//!
//! Whatever changes of an issue goes through one function ([`change`]), for every door: the routes
//! of each seed, the forms, the edit of many at once and the commit that closes one. It writes what
//! was done into the issue's history in the same transaction.

pub mod change;
pub mod comments;
pub mod events;
mod fields;
pub mod labels;
pub mod list;
pub mod milestones;
pub mod parts;
pub mod reactions;
pub mod references;
pub mod relations;
pub mod search;
pub mod subscriptions;
pub mod templates;

use crate::access::Permit;
use crate::access::issues::{Hold, Seat, TakePart};
use crate::access::repositories::{AdministerRepo, ReadRepo};
use crate::audit::{Action, Note, note};
use crate::repositories::Repository;
use crate::{Error, Forge, events as happening};
pub use change::IssueChange;
use events::{Kind, announce, shown, tell};
pub use labels::Label;
use plue_contract::events::{Event as Happened, IssueHappened};
use plue_contract::{AccountId, AccountName, IssueId, LabelId, MilestoneId, RepoId};
use plue_store::issues::{self as rows, IssueRow, NewIssueRow};
use plue_store::{Conn, Tx};
use serde_json::json;
use std::collections::HashMap;
use std::str::FromStr;

/// The most characters of a title.
pub const MAX_TITLE_CHARS: usize = 512;
/// The most characters of a body or a comment.
pub const MAX_BODY_CHARS: usize = 65_536;
/// The most labels, and the most assignees, that one issue has.
pub const MAX_MARKS: usize = 50;

/// Whether there is still something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is.
    Open,
    /// There is not.
    Closed,
}

impl State {
    /// The state as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

impl FromStr for State {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            _ => Err(Error::invalid("state", "a state is open or closed")),
        }
    }
}

/// Why an issue was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    /// It is done.
    #[default]
    Completed,
    /// Nobody will do it.
    NotPlanned,
    /// Another one says the same.
    Duplicate,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Completed, Self::NotPlanned, Self::Duplicate];

    /// The reason as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NotPlanned => "not_planned",
            Self::Duplicate => "duplicate",
        }
    }
}

impl FromStr for Reason {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| Error::invalid("reason", "a reason is completed, not_planned or duplicate"))
    }
}

/// Somebody who has to do with an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub id: AccountId,
    /// Its name.
    pub name: AccountName,
}

impl Person {
    pub(crate) fn of(id: i64, name: &str) -> Result<Self, Error> {
        let odd = |_| Error::Internal(format!("account {id} has a bad name"));
        Ok(Self {
            id: AccountId(id),
            name: name.parse().map_err(odd)?,
        })
    }
}

/// One issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its id.
    pub id: IssueId,
    /// Its other id.
    pub uuid: String,
    /// Its number in its repository.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// What it says, in Markdown; may be empty.
    pub body: String,
    /// Whether there is something to do.
    pub state: State,
    /// Why it was closed, if it is.
    pub reason: Option<Reason>,
    /// Who opened it.
    pub author: Person,
    /// Whose it is to do.
    pub assignees: Vec<Person>,
    /// What it was labelled.
    pub labels: Vec<Label>,
    /// The milestone that it belongs to, and what that is called.
    pub milestone: Option<(MilestoneId, String)>,
    /// When it is due, in milliseconds since 1970.
    pub due_at_ms: Option<i64>,
    /// Whether only those who triage may say more.
    pub locked: bool,
    /// Whether it stands above the list.
    pub pinned: bool,
    /// How many comments it has.
    pub comment_count: i64,
    /// When it was opened, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When something about it changed last.
    pub updated_at_ms: i64,
    /// When it was closed, if it is.
    pub closed_at_ms: Option<i64>,
    /// The name of who closed it.
    pub closed_by: Option<String>,
}

/// Makes issues of their rows, with their labels and assignees.
pub(crate) async fn whole(conn: &mut Conn, rows: Vec<IssueRow>) -> Result<Vec<Issue>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<IssueId> = rows.iter().map(|row| IssueId(row.id)).collect();
    let mut labels: HashMap<i64, Vec<Label>> = HashMap::new();
    for (issue, id, name, color, description) in rows::labels::of(conn, &ids).await? {
        labels.entry(issue).or_default().push(Label {
            id: LabelId(id),
            name,
            color,
            description,
        });
    }
    let mut assignees: HashMap<i64, Vec<Person>> = HashMap::new();
    for (issue, id, name) in rows::marks::assignees(conn, &ids).await? {
        assignees.entry(issue).or_default().push(Person::of(id, &name)?);
    }
    rows.into_iter()
        .map(|row| {
            Ok(Issue {
                id: IssueId(row.id),
                state: row.state.parse()?,
                reason: row.reason.as_deref().map(str::parse).transpose()?,
                author: Person::of(row.author_id, &row.author)?,
                assignees: assignees.remove(&row.id).unwrap_or_default(),
                labels: labels.remove(&row.id).unwrap_or_default(),
                milestone: row.milestone_id.map(MilestoneId).zip(row.milestone),
                uuid: row.uuid,
                number: row.number,
                title: row.title,
                body: row.body,
                due_at_ms: row.due_at_ms,
                locked: row.locked,
                pinned: row.pinned,
                comment_count: row.comment_count,
                created_at_ms: row.created_at_ms,
                updated_at_ms: row.updated_at_ms,
                closed_at_ms: row.closed_at_ms,
                closed_by: row.closed_by,
            })
        })
        .collect()
}

/// The issue of this number in the repository.
pub(crate) async fn find(conn: &mut Conn, repository: RepoId, number: i64) -> Result<Issue, Error> {
    let row = rows::find(conn, repository, number)
        .await?
        .ok_or(Error::NotFound)?;
    let mut one = whole(conn, vec![row]).await?;
    one.pop().ok_or(Error::NotFound)
}

/// The same, locked until the transaction ends.
pub(crate) async fn held(tx: &mut Tx<'_>, repository: RepoId, number: i64) -> Result<Issue, Error> {
    let row = rows::find(tx, repository, number).await?.ok_or(Error::NotFound)?;
    rows::lock(tx, IssueId(row.id)).await?;
    find(tx, repository, number).await
}

/// One issue.
pub async fn get(forge: &Forge, permit: Permit<ReadRepo>, number: i64) -> Result<Issue, Error> {
    find(&mut forge.store().read().await?, permit.on().id, number).await
}

/// An issue with all that was said and done about it.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The repository, as the permit found it.
    pub repository: Repository,
    /// The issue.
    pub issue: Issue,
    /// What was said, the oldest first.
    pub comments: Vec<comments::Comment>,
    /// What was done, the oldest first.
    pub events: Vec<events::Event>,
    /// What people feel about it and its comments.
    pub reactions: Vec<reactions::Reaction>,
    /// How it stands to others.
    pub relations: Vec<relations::Relation>,
    /// Of what it is a part, and what its parts are.
    pub parts: parts::Parts,
}

/// The most comments, and the most events, that are read at once.
pub const MAX_SAID: i64 = 1_000;

/// One issue with all that was said and done about it, up to [`MAX_SAID`] of each.
pub async fn open(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    number: i64,
    now_ms: i64,
) -> Result<Opened, Error> {
    let mut conn = forge.store().read().await?;
    let repository = permit.on().clone();
    let issue = find(&mut conn, repository.id, number).await?;
    let found = rows::comments::list(&mut conn, issue.id, 0, MAX_SAID).await?;
    let events = rows::events::list(&mut conn, issue.id, 0, MAX_SAID).await?;
    let events = events.into_iter().map(events::Event::from).collect();
    let events = events::seen(&mut conn, permit.caller(), events, now_ms).await?;
    let felt = rows::reactions::of(&mut conn, issue.id).await?;
    let relations = relations::of(&mut conn, issue.id).await?;
    let parts = parts::of(&mut conn, issue.id).await?;
    Ok(Opened {
        parts,
        comments: found
            .into_iter()
            .map(comments::Comment::try_from)
            .collect::<Result<_, _>>()?,
        events,
        reactions: felt
            .into_iter()
            .map(reactions::Reaction::try_from)
            .collect::<Result<_, _>>()?,
        relations,
        repository,
        issue,
    })
}

/// How many issues of the repository are open, and how many closed.
pub async fn counts(forge: &Forge, permit: Permit<ReadRepo>) -> Result<(i64, i64), Error> {
    Ok(rows::counts(&mut forge.store().read().await?, permit.on().id).await?)
}

/// An issue that somebody opens.
#[derive(Clone, Debug, Default)]
pub struct NewIssue {
    /// What it is called.
    pub title: String,
    /// What it says; may be empty.
    pub body: String,
    /// What it has from the start, which takes what [`change::change`] takes; title, body and state
    /// of it do not count.
    pub with: IssueChange,
    /// The labels that its template gives it, whoever opens it; those that are not there do not
    /// count.
    pub of_template: Vec<String>,
}

/// Opens an issue. Its number is the next of the repository, whoever else opens one meanwhile.
pub async fn create(
    forge: &Forge,
    permit: Permit<TakePart>,
    new: NewIssue,
    now_ms: i64,
) -> Result<Issue, Error> {
    let (title, body) = (fields::title(&new.title)?, fields::body(&new.body)?);
    let with = IssueChange {
        title: None,
        body: None,
        state: None,
        ..new.with
    };
    let (permit, texts, with, uuid) = (&permit, &(title, body), &with, &forge.uuid());
    let of_template = &new.of_template;
    forge
        .store()
        .in_tx("issues.create", |tx| {
            Box::pin(async move {
                let seat = permit.check_again(tx, Hold::Repository, now_ms).await?;
                let repository = seat.repository.id;
                let number = make(tx, &seat, (&texts.0, &texts.1), uuid, now_ms).await?;
                let made = held(tx, repository, number).await?;
                let opened = Happened::IssueCreated(IssueHappened {
                    issue: shown(&made, true),
                });
                happening::tell(tx, permit.caller(), repository, &[opened], now_ms).await?;
                let mut told = change::apply(tx, change::By::Seat(&seat), &made, with, now_ms).await?;
                if !of_template.is_empty() {
                    let by = change::By::Template(&seat);
                    let given = change::known_labels(tx, repository, of_template).await?;
                    let given = IssueChange {
                        add_labels: given,
                        ..IssueChange::default()
                    };
                    let so_far = find(tx, repository, number).await?;
                    told.extend(change::apply(tx, by, &so_far, &given, now_ms).await?);
                }
                let after = find(tx, repository, number).await?;
                let doer = happening::Doer::of(permit.caller());
                announce(tx, &doer, (repository, &made, &after), &told, now_ms).await?;
                Ok(after)
            })
        })
        .await
}

/// Opens an issue within a transaction that holds the repository's row; its number.
pub(crate) async fn make(
    tx: &mut Tx<'_>,
    seat: &Seat,
    (title, body): (&str, &str),
    uuid: &str,
    now_ms: i64,
) -> Result<i64, Error> {
    let repository = seat.repository.id;
    let number = rows::take_number(tx, repository).await?;
    let row = NewIssueRow {
        uuid,
        repository,
        number,
        title,
        body,
        author: seat.account,
    };
    let id = rows::insert(tx, row, now_ms).await?;
    rows::count(tx, repository, 1, 0).await?;
    tell(
        tx,
        repository,
        id,
        Some(seat.account),
        Kind::Opened,
        &json!({}),
        now_ms,
    )
    .await?;
    Ok(number)
}

/// Removes an issue with all that hangs on it. Its number is never used again.
pub async fn delete(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    number: i64,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("issues.delete", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, now_ms).await?;
                let issue = held(tx, repository.id, number).await?;
                let (open, closed) = match issue.state {
                    State::Open => (-1, 0),
                    State::Closed => (0, -1),
                };
                rows::delete(tx, issue.id).await?;
                rows::count(tx, repository.id, open, closed).await?;
                let detail = json!({ "issue": number, "title": issue.title });
                let told = Note::of(Action::IssueDelete, &repository, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                let gone = Happened::IssueDeleted(IssueHappened {
                    issue: shown(&issue, true),
                });
                happening::tell(tx, permit.caller(), repository.id, &[gone], now_ms).await
            })
        })
        .await
}

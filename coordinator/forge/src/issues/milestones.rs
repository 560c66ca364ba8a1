//! Milestones of a repository. Which issues belong to them is [`super::change`]'s.

use super::{State, fields};
use crate::access::Permit;
use crate::access::issues::{Hold, TriageRepo};
use crate::access::repositories::ReadRepo;
use crate::{Error, Forge};
use plue_contract::{MilestoneId, RepoId};
use plue_store::issues::milestones::{self as rows, MilestoneRow, MilestoneTexts};
use plue_store::{Conn, StoreError};

/// A milestone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milestone {
    /// Its id.
    pub id: MilestoneId,
    /// What it is called.
    pub title: String,
    /// What it is about, in Markdown; may be empty.
    pub description: String,
    /// Whether it is still worked towards.
    pub state: State,
    /// When it is due, in milliseconds since 1970.
    pub due_at_ms: Option<i64>,
    /// How many of its issues are open.
    pub open_issues: i64,
    /// How many are closed.
    pub closed_issues: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was changed last.
    pub updated_at_ms: i64,
    /// When it was closed, if it is.
    pub closed_at_ms: Option<i64>,
}

impl TryFrom<MilestoneRow> for Milestone {
    type Error = Error;

    fn try_from(row: MilestoneRow) -> Result<Self, Error> {
        Ok(Self {
            id: MilestoneId(row.id),
            title: row.title,
            description: row.description,
            state: row.state.parse()?,
            due_at_ms: row.due_at_ms,
            open_issues: row.open_issues,
            closed_issues: row.closed_issues,
            created_at_ms: row.created_at_ms,
            updated_at_ms: row.updated_at_ms,
            closed_at_ms: row.closed_at_ms,
        })
    }
}

/// What a milestone is to be; of one that is there, what is none stays.
#[derive(Clone, Debug, Default)]
pub struct MilestoneChange {
    /// What it is called.
    pub title: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// When it is due, in milliseconds since 1970, or never.
    pub due_at_ms: Option<Option<i64>>,
    /// Whether it is still worked towards.
    pub state: Option<State>,
}

fn taken(error: StoreError) -> Error {
    if error.is_unique("milestones__repository_id__title_key") {
        return Error::conflict("title", "the repository has a milestone of this title already");
    }
    error.into()
}

async fn find(conn: &mut Conn, repository: RepoId, id: MilestoneId) -> Result<Milestone, Error> {
    let row = rows::find(conn, repository, id).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// The milestones of the repository, or those of one state: what is due next first.
pub async fn list(
    forge: &Forge,
    permit: Permit<ReadRepo>,
    state: Option<State>,
) -> Result<Vec<Milestone>, Error> {
    let mut conn = forge.store().read().await?;
    let found = rows::list(&mut conn, permit.on().id, state.map(State::as_str)).await?;
    found.into_iter().map(Milestone::try_from).collect()
}

/// One milestone.
pub async fn get(forge: &Forge, permit: Permit<ReadRepo>, id: MilestoneId) -> Result<Milestone, Error> {
    find(&mut forge.store().read().await?, permit.on().id, id).await
}

/// What is written of a milestone.
struct Checked {
    title: (String, String),
    description: String,
    due_at_ms: Option<i64>,
    state: State,
    closed_at_ms: Option<i64>,
}

impl Checked {
    fn of(change: &MilestoneChange, before: Option<&Milestone>, now_ms: i64) -> Result<Self, Error> {
        let title = match (&change.title, before) {
            (Some(title), _) => title,
            (None, Some(before)) => &before.title,
            (None, None) => "",
        };
        let description = match (&change.description, before) {
            (Some(text), _) => fields::body(text)
                .map_err(|_| Error::invalid("description", "this is a text without control characters"))?,
            (None, before) => before.map_or(String::new(), |before| before.description.clone()),
        };
        let due = change
            .due_at_ms
            .unwrap_or(before.and_then(|before| before.due_at_ms));
        let state = change
            .state
            .unwrap_or(before.map_or(State::Open, |before| before.state));
        Ok(Self {
            title: fields::name("title", title, 255)?,
            description,
            due_at_ms: due.map(fields::due).transpose()?,
            state,
            closed_at_ms: match state {
                State::Open => None,
                State::Closed => before.and_then(|before| before.closed_at_ms).or(Some(now_ms)),
            },
        })
    }

    fn texts(&self) -> MilestoneTexts<'_> {
        MilestoneTexts {
            title: &self.title.0,
            title_key: &self.title.1,
            description: &self.description,
            due_at_ms: self.due_at_ms,
            state: self.state.as_str(),
            closed_at_ms: self.closed_at_ms,
        }
    }
}

/// Makes a milestone.
pub async fn create(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    new: MilestoneChange,
    now_ms: i64,
) -> Result<Milestone, Error> {
    let checked = Checked::of(&new, None, now_ms)?;
    let (permit, checked, uuid) = (&permit, &checked, &forge.uuid());
    forge
        .store()
        .in_tx("milestones.create", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, Hold::Nothing, now_ms).await?.repository.id;
                let id = rows::insert(tx, repository, uuid, checked.texts(), now_ms)
                    .await
                    .map_err(taken)?;
                find(tx, repository, id).await
            })
        })
        .await
}

/// Changes a milestone.
pub async fn update(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    id: MilestoneId,
    change: MilestoneChange,
    now_ms: i64,
) -> Result<Milestone, Error> {
    let (permit, change) = (&permit, &change);
    forge
        .store()
        .in_tx("milestones.update", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, Hold::Nothing, now_ms).await?.repository.id;
                let before = find(tx, repository, id).await?;
                let checked = Checked::of(change, Some(&before), now_ms)?;
                rows::update(tx, id, checked.texts(), now_ms)
                    .await
                    .map_err(taken)?;
                find(tx, repository, id).await
            })
        })
        .await
}

/// Removes a milestone; its issues belong to none then.
pub async fn delete(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    id: MilestoneId,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("milestones.delete", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, Hold::Nothing, now_ms).await?.repository.id;
                find(tx, repository, id).await?;
                Ok(rows::delete(tx, id).await?)
            })
        })
        .await
}

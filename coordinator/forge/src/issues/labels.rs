//! Labels of a repository. Which issues bear them is [`super::change`]'s.

use super::fields;
use crate::access::Permit;
use crate::access::issues::{Hold, TriageRepo};
use crate::access::repositories::ReadRepo;
use crate::accounts::check_text;
use crate::{Error, Forge};
use plue_contract::{LabelId, RepoId};
use plue_store::issues::labels::{self as rows, LabelRow, LabelTexts};
use plue_store::{Conn, StoreError};

/// The most characters of a label's name.
pub const MAX_NAME_CHARS: usize = 50;
/// The most labels of one repository.
const MAX_LABELS: usize = 1_000;

/// A label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its id.
    pub id: LabelId,
    /// What it is called.
    pub name: String,
    /// Its colour, as in `#d73a4a`.
    pub color: String,
    /// What it is for; may be empty.
    pub description: String,
}

impl From<LabelRow> for Label {
    fn from((id, _, name, color, description, _): LabelRow) -> Self {
        Self {
            id: LabelId(id),
            name,
            color,
            description,
        }
    }
}

/// A label, by one of the two ways in which it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelRef {
    /// By its id.
    Id(LabelId),
    /// By its name.
    Name(String),
}

/// The label of a repository that is meant.
pub(super) async fn resolve(
    conn: &mut Conn,
    repository: RepoId,
    named: &LabelRef,
) -> Result<Option<Label>, Error> {
    let row = match named {
        LabelRef::Id(id) => rows::by_id(conn, repository, *id).await?,
        LabelRef::Name(name) => rows::find(conn, repository, &fields::key(name)).await?,
    };
    Ok(row.map(Label::from))
}

/// What a label is to be; of one that is there, what is none stays.
#[derive(Clone, Debug, Default)]
pub struct LabelChange {
    /// What it is called.
    pub name: Option<String>,
    /// Its colour.
    pub color: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

fn taken(error: StoreError) -> Error {
    if error.is_unique("labels__repository_id__name_key") {
        return Error::conflict("name", "the repository has a label of this name already");
    }
    error.into()
}

/// The labels of the repository, by name.
pub async fn list(forge: &Forge, permit: Permit<ReadRepo>) -> Result<Vec<Label>, Error> {
    let found = rows::list(&mut forge.store().read().await?, permit.on().id).await?;
    Ok(found.into_iter().map(Label::from).collect())
}

/// The colour of a label whose maker names none.
const GREY: &str = "#888888";

/// Makes a label.
pub async fn create(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    new: LabelChange,
    now_ms: i64,
) -> Result<Label, Error> {
    let name = fields::name("name", new.name.as_deref().unwrap_or_default(), MAX_NAME_CHARS)?;
    let color = fields::color(new.color.as_deref().unwrap_or(GREY))?;
    let description = check_text("description", new.description.as_deref().unwrap_or_default(), 500)?;
    let (permit, name, uuid) = (&permit, &name, &forge.uuid());
    let texts = LabelTexts {
        name: &name.0,
        name_key: &name.1,
        color: &color,
        description: &description,
    };
    forge
        .store()
        .in_tx("labels.create", |tx| {
            Box::pin(async move {
                let repository = permit
                    .check_again(tx, Hold::Repository, now_ms)
                    .await?
                    .repository
                    .id;
                if rows::list(tx, repository).await?.len() >= MAX_LABELS {
                    return Err(Error::Refused(format!(
                        "A repository has at most {MAX_LABELS} labels; remove some first."
                    )));
                }
                let id = rows::insert(tx, repository, uuid, texts, now_ms)
                    .await
                    .map_err(taken)?;
                let made = resolve(tx, repository, &LabelRef::Id(id)).await?;
                made.ok_or(Error::NotFound)
            })
        })
        .await
}

/// Changes a label, on every issue that bears it.
pub async fn update(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    named: LabelRef,
    change: LabelChange,
    now_ms: i64,
) -> Result<Label, Error> {
    let name = change.name.as_deref();
    let name = name
        .map(|name| fields::name("name", name, MAX_NAME_CHARS))
        .transpose()?;
    let color = change.color.as_deref().map(fields::color).transpose()?;
    let description = change.description.as_deref();
    let description = description
        .map(|text| check_text("description", text, 500))
        .transpose()?;
    let (permit, named, wanted) = (&permit, &named, &(name, color, description));
    forge
        .store()
        .in_tx("labels.update", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, Hold::Nothing, now_ms).await?.repository.id;
                let before = resolve(tx, repository, named).await?.ok_or(Error::NotFound)?;
                let (name, color, description) = wanted;
                let key = fields::key(&before.name);
                let (name, name_key) = match name {
                    Some((name, key)) => (name, key),
                    None => (&before.name, &key),
                };
                let texts = LabelTexts {
                    name,
                    name_key,
                    color: color.as_deref().unwrap_or(&before.color),
                    description: description.as_deref().unwrap_or(&before.description),
                };
                rows::update(tx, before.id, texts).await.map_err(taken)?;
                let after = resolve(tx, repository, &LabelRef::Id(before.id)).await?;
                after.ok_or(Error::NotFound)
            })
        })
        .await
}

/// Removes a label, from every issue too.
pub async fn delete(
    forge: &Forge,
    permit: Permit<TriageRepo>,
    named: LabelRef,
    now_ms: i64,
) -> Result<(), Error> {
    let (permit, named) = (&permit, &named);
    forge
        .store()
        .in_tx("labels.delete", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, Hold::Nothing, now_ms).await?.repository.id;
                let label = resolve(tx, repository, named).await?.ok_or(Error::NotFound)?;
                Ok(rows::delete(tx, label.id).await?)
            })
        })
        .await
}

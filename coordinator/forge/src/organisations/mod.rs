//! Organisations: owners to whom nobody signs in, which lie in each other to any depth. Who belongs
//! to one is in [`members`]; its teams are in [`crate::teams`].

pub mod members;

use crate::access::Permit;
use crate::access::accounts::{Administer, ReadSelf};
use crate::access::organisations::{
    AdministerOrganisation, FoundOrganisation, OwnOrganisation, ReadOrganisation,
};
use crate::accounts::{Page, check_email, check_text, check_url, taken};
use crate::audit::{Action, Note, note};
use crate::roles::MemberRole;
use crate::{Error, Forge};
use plue_contract::{AccountId, AccountName, Caller};
use plue_store::Tx;
use plue_store::accounts::{self as account_rows, NewAccountRow};
use plue_store::organisations::{self as rows, OrganisationRow};
use serde_json::json;

/// How many organisations a page of a list has at most.
const PAGE_LIMIT: i64 = 100;

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its id, among those of accounts.
    pub id: AccountId,
    /// Its id for those who want a UUID.
    pub uuid: String,
    /// Its name, which no account has.
    pub name: AccountName,
    /// What people call it; may be empty.
    pub display_name: String,
    /// What it says of itself; may be empty.
    pub description: String,
    /// Its address for mail.
    pub email: Option<String>,
    /// Where its picture is.
    pub avatar_url: Option<String>,
    /// Where more about it stands.
    pub website: Option<String>,
    /// Where it is; may be empty.
    pub location: String,
    /// The organisation in which it lies.
    pub parent: Option<AccountName>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last changed.
    pub updated_at_ms: i64,
}

fn name_of(text: &str) -> Result<AccountName, Error> {
    text.parse()
        .map_err(|_| Error::Internal(format!("an organisation has the bad name {text:?}")))
}

impl TryFrom<OrganisationRow> for Organisation {
    type Error = Error;

    fn try_from(row: OrganisationRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            uuid: row.uuid,
            name: name_of(&row.name)?,
            display_name: row.display_name,
            description: row.description,
            email: row.email,
            avatar_url: row.avatar_url,
            website: Some(row.website).filter(|url| !url.is_empty()),
            location: row.location,
            parent: row.parent.as_deref().map(name_of).transpose()?,
            created_at_ms: row.created_at_ms,
            updated_at_ms: row.updated_at_ms,
        })
    }
}

/// What an organisation says of itself, as somebody wants it; what is none stays, and an empty text
/// takes away.
#[derive(Clone, Debug, Default)]
pub struct OrganisationChange {
    /// What people call it.
    pub display_name: Option<String>,
    /// What it says of itself.
    pub description: Option<String>,
    /// Its address for mail.
    pub email: Option<String>,
    /// Where its picture is: an `https:` or `http:` URL.
    pub avatar_url: Option<String>,
    /// Where more about it stands: the same.
    pub website: Option<String>,
    /// Where it is.
    pub location: Option<String>,
}

impl OrganisationChange {
    /// Reads the change, and answers what makes it in a row.
    fn checked(&self) -> Result<impl Fn(&mut OrganisationRow) + Send + Sync + use<>, Error> {
        let text = |field, value: &Option<String>, limit| {
            let checked = value.as_deref().map(|value| check_text(field, value, limit));
            checked.transpose()
        };
        let display_name = text("displayName", &self.display_name, 255)?;
        let description = text("description", &self.description, 2000)?;
        let location = text("location", &self.location, 255)?;
        let email = self.email.as_deref().map(check_email).transpose()?;
        let avatar_url = self.avatar_url.as_deref();
        let avatar_url = avatar_url.map(|url| check_url("avatarUrl", url)).transpose()?;
        let website = self.website.as_deref();
        let website = website.map(|url| check_url("website", url)).transpose()?;
        Ok(move |row: &mut OrganisationRow| {
            row.display_name = display_name.clone().unwrap_or_else(|| row.display_name.clone());
            row.description = description.clone().unwrap_or_else(|| row.description.clone());
            row.location = location.clone().unwrap_or_else(|| row.location.clone());
            row.email = email.clone().unwrap_or_else(|| row.email.clone());
            row.avatar_url = avatar_url.clone().unwrap_or_else(|| row.avatar_url.clone());
            if let Some(website) = &website {
                row.website = website.clone().unwrap_or_default();
            }
        })
    }
}

/// Makes an organisation, at the top or in another one; whoever makes it owns it.
pub async fn create(
    forge: &Forge,
    permit: Permit<FoundOrganisation>,
    name: &str,
    parent: Option<Permit<AdministerOrganisation>>,
    about: OrganisationChange,
    now_ms: i64,
) -> Result<Organisation, Error> {
    let making = Making::read(forge, name, &about)?;
    let (permit, parent, making) = (&permit, &parent, &making);
    forge
        .store()
        .in_tx("organisations.create", |tx| {
            Box::pin(async move {
                let founder = permit.check_again(tx, now_ms).await?.id;
                let parent = match parent {
                    Some(parent) => Some(parent.check_again(tx, now_ms).await?.0),
                    None => None,
                };
                making.make(tx, permit.caller(), founder, parent, now_ms).await
            })
        })
        .await
}

/// Makes an organisation at the top that belongs to somebody else.
pub async fn create_for(
    forge: &Forge,
    permit: Permit<Administer>,
    name: &str,
    owner: &AccountName,
    about: OrganisationChange,
    now_ms: i64,
) -> Result<Organisation, Error> {
    let making = Making::read(forge, name, &about)?;
    let (permit, making) = (&permit, &making);
    forge
        .store()
        .in_tx("organisations.create_for", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                let owner = account_rows::by_name(tx, owner).await?.ok_or(Error::NotFound)?;
                making.make(tx, permit.caller(), owner.id, None, now_ms).await
            })
        })
        .await
}

/// An organisation that is about to be made.
struct Making<F> {
    uuid: String,
    name: AccountName,
    change: F,
}

impl Making<()> {
    fn read(
        forge: &Forge,
        name: &str,
        about: &OrganisationChange,
    ) -> Result<Making<impl Fn(&mut OrganisationRow) + Send + Sync + use<>>, Error> {
        Ok(Making {
            uuid: forge.uuid(),
            name: AccountName::claim(name).map_err(|error| Error::invalid("name", error.to_string()))?,
            change: about.checked()?,
        })
    }
}

impl<F: Fn(&mut OrganisationRow) + Send + Sync> Making<F> {
    async fn make(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        founder: AccountId,
        parent: Option<Organisation>,
        now_ms: i64,
    ) -> Result<Organisation, Error> {
        let account = NewAccountRow {
            uuid: &self.uuid,
            name: &self.name,
            is_organisation: true,
            display_name: "",
            email: None,
            password_hash: None,
            is_admin: false,
            now_ms,
        };
        let id = account_rows::insert(tx, &account).await.map_err(taken_name)?;
        let mut row = OrganisationRow {
            id,
            uuid: self.uuid.clone(),
            name: self.name.to_string(),
            display_name: String::new(),
            description: String::new(),
            email: None,
            avatar_url: None,
            website: String::new(),
            location: String::new(),
            parent_id: parent.as_ref().map(|parent| parent.id.0),
            parent: None,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        };
        (self.change)(&mut row);
        rows::insert(tx, &row).await?;
        rows::update(tx, &row, now_ms).await.map_err(taken_name)?;
        rows::put_member(tx, id, founder, MemberRole::Owner.as_str(), now_ms).await?;
        let detail = json!({ "parent": parent.map(|parent| parent.name), "owner": founder });
        let told = Note::of_account(Action::OrganisationCreate, id, &self.name, detail);
        note(tx, caller, told, now_ms).await?;
        one(tx, id).await
    }
}

fn taken_name(error: plue_store::StoreError) -> Error {
    match taken(error) {
        Error::Conflict {
            field: "username",
            detail,
        } => Error::conflict("name", detail),
        other => other,
    }
}

async fn one(tx: &mut Tx<'_>, id: AccountId) -> Result<Organisation, Error> {
    row_of(tx, id).await?.try_into()
}

async fn row_of(tx: &mut Tx<'_>, id: AccountId) -> Result<OrganisationRow, Error> {
    let found = rows::by_id(tx, id, None).await?;
    Ok(found.ok_or(Error::NotFound)?.organisation)
}

/// What the permit was given for.
pub fn get(permit: Permit<ReadOrganisation>) -> Organisation {
    permit.on().clone()
}

/// All organisations by name, at most 100 a page.
pub async fn list(forge: &Forge, limit: i64, offset: i64) -> Result<Page<Organisation>, Error> {
    page(forge, None, limit, offset).await
}

/// The organisations that lie directly in one, by name, at most 100 a page.
pub async fn within(
    forge: &Forge,
    permit: Permit<ReadOrganisation>,
    limit: i64,
    offset: i64,
) -> Result<Page<Organisation>, Error> {
    page(forge, Some(permit.on().id), limit, offset).await
}

async fn page(
    forge: &Forge,
    parent: Option<AccountId>,
    limit: i64,
    offset: i64,
) -> Result<Page<Organisation>, Error> {
    let (limit, offset) = (limit.clamp(1, PAGE_LIMIT), offset.max(0));
    let (found, total) = rows::list(&mut forge.store().read().await?, parent, limit, offset).await?;
    Ok(Page {
        items: found
            .into_iter()
            .map(Organisation::try_from)
            .collect::<Result<_, _>>()?,
        total,
        limit,
        offset,
    })
}

/// The organisations to which the caller itself belongs, with its role, by name.
pub async fn mine(forge: &Forge, permit: Permit<ReadSelf>) -> Result<Vec<(Organisation, MemberRole)>, Error> {
    let found = rows::of_account(&mut forge.store().read().await?, permit.on().id).await?;
    found
        .into_iter()
        .map(|(row, role)| Ok((row.try_into()?, role.parse()?)))
        .collect()
}

/// Changes what an organisation says of itself.
pub async fn update(
    forge: &Forge,
    permit: Permit<AdministerOrganisation>,
    change: OrganisationChange,
    now_ms: i64,
) -> Result<Organisation, Error> {
    let id = permit.on().id;
    let (permit, change) = (&permit, &change.checked()?);
    forge
        .store()
        .in_tx("organisations.update", |tx| {
            Box::pin(async move {
                let before = permit.check_again(tx, now_ms).await?.0;
                let mut row = row_of(tx, id).await?;
                change(&mut row);
                rows::update(tx, &row, now_ms).await.map_err(taken_name)?;
                let told = Note::of_account(Action::OrganisationUpdate, id, &before.name, json!({}));
                note(tx, permit.caller(), told, now_ms).await?;
                one(tx, id).await
            })
        })
        .await
}

/// Lays an organisation into another one, with all that lies in it, or at the top. It cannot come
/// to lie in itself.
pub async fn move_into(
    forge: &Forge,
    permit: Permit<OwnOrganisation>,
    parent: Option<Permit<AdministerOrganisation>>,
    now_ms: i64,
) -> Result<Organisation, Error> {
    let id = permit.on().id;
    let (permit, parent) = (&permit, &parent);
    forge
        .store()
        .in_tx("organisations.move", |tx| {
            Box::pin(async move {
                rows::lock_all(tx).await?;
                let before = permit.check_again(tx, now_ms).await?;
                let parent = match parent {
                    Some(parent) => Some(parent.check_again(tx, now_ms).await?.0),
                    None => None,
                };
                if let Some(parent) = &parent
                    && rows::lies_in(tx, parent.id, id).await?
                {
                    return Err(Error::conflict(
                        "parent",
                        format!(
                            "{} is {} or lies in it, and nothing can lie in itself",
                            parent.name, before.name
                        ),
                    ));
                }
                let mut row = row_of(tx, id).await?;
                row.parent_id = parent.as_ref().map(|parent| parent.id.0);
                rows::update(tx, &row, now_ms).await?;
                members::require_an_owner(tx, id).await?;
                let detail = json!({ "parent": [before.parent, parent.map(|parent| parent.name)] });
                let told = Note::of_account(Action::OrganisationMove, id, &before.name, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                one(tx, id).await
            })
        })
        .await
}

/// Ends an organisation that is empty: no repository, those among them that can be restored, and
/// none that lies in it. Its name is free from then on.
pub async fn delete(forge: &Forge, permit: Permit<OwnOrganisation>, now_ms: i64) -> Result<(), Error> {
    let id = permit.on().id;
    let permit = &permit;
    forge
        .store()
        .in_tx("organisations.delete", |tx| {
            Box::pin(async move {
                rows::lock_all(tx).await?;
                // Whoever makes a repository in it waits for this lock, or has made it.
                account_rows::lock(tx, id).await?;
                let before = permit.check_again(tx, now_ms).await?;
                let (repositories, within) = rows::count_within(tx, id).await?;
                if repositories > 0 || within > 0 {
                    return Err(Error::conflict(
                        "",
                        "an organisation is deleted when it is empty: give its repositories away or delete them, \
                         wait until deleted ones are gone for good, and move or delete what lies in it",
                    ));
                }
                let told = Note::of_account(Action::OrganisationDelete, id, &before.name, json!({}));
                note(tx, permit.caller(), told, now_ms).await?;
                Ok(rows::delete(tx, id).await?)
            })
        })
        .await
}

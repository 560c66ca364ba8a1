//! Teams: members of an organisation who get a role together, in all of its repositories or in
//! single ones.

use crate::access::Permit;
use crate::access::organisations::{AdministerOrganisation, SeeMembers};
use crate::accounts::check_text;
use crate::audit::{Action, Note, note};
use crate::organisations::Organisation;
use crate::repositories::account_id;
use crate::roles::{MemberRole, Role};
use crate::{Error, Forge};
use plue_contract::{AccountId, AccountName, Caller, RepoId, RepoName, RepoPath, TeamId, TeamName};
use plue_store::teams::{self as rows, TeamRow};
use plue_store::{Conn, StoreError, Tx, organisations as org_rows, repositories as repo_rows};
use serde_json::{Value, json};

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its name within its organisation.
    pub name: TeamName,
    /// What it is for; may be empty.
    pub description: String,
    /// What its members may do in every repository of the organisation and below.
    pub role: MemberRole,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
}

impl TryFrom<TeamRow> for Team {
    type Error = Error;

    fn try_from((id, _, name, description, role, created_at_ms): TeamRow) -> Result<Self, Error> {
        Ok(Self {
            id: TeamId(id),
            name: name.parse().map_err(|_| odd("name"))?,
            description,
            role: role.parse()?,
            created_at_ms,
        })
    }
}

/// Somebody in a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamMember {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: AccountName,
    /// Since when, in milliseconds since 1970.
    pub created_at_ms: i64,
}

/// A repository that a team was let into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamRepository {
    /// The repository.
    pub id: RepoId,
    /// Its name.
    pub name: RepoName,
    /// What the team may do there.
    pub role: Role,
    /// Since when, in milliseconds since 1970.
    pub created_at_ms: i64,
}

/// What a team is to be; of one that is there, what is none stays.
#[derive(Clone, Debug, Default)]
pub struct TeamChange {
    /// Its name.
    pub name: Option<TeamName>,
    /// What it is for.
    pub description: Option<String>,
    /// What its members may do everywhere in the organisation; at most to administer.
    pub role: Option<MemberRole>,
}

fn odd(what: &str) -> Error {
    Error::Internal(format!("a row of a team has a bad {what}"))
}

fn checked(change: &TeamChange) -> Result<TeamChange, Error> {
    if change.role == Some(MemberRole::Owner) {
        return Err(Error::invalid(
            "role",
            "a team owns nothing: its role is at most admin",
        ));
    }
    let description = change.description.as_deref();
    Ok(TeamChange {
        description: description
            .map(|text| check_text("description", text, 2000))
            .transpose()?,
        ..change.clone()
    })
}

fn taken(error: StoreError) -> Error {
    if error.is_unique("teams__organisation_id__name_key") {
        return Error::conflict("name", "the organisation has a team of this name already");
    }
    error.into()
}

async fn find(conn: &mut Conn, organisation: AccountId, name: &TeamName) -> Result<Team, Error> {
    let row = rows::find(conn, organisation, &name.key()).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

async fn told(
    tx: &mut Tx<'_>,
    caller: &Caller,
    action: Action,
    organisation: &Organisation,
    team: &TeamName,
    detail: Value,
    now_ms: i64,
) -> Result<(), Error> {
    let subject = format!("{}/{team}", organisation.name);
    let told = Note::of_account(action, organisation.id, subject, detail);
    note(tx, caller, told, now_ms).await
}

/// The teams of the organisation, by name.
pub async fn list(forge: &Forge, permit: Permit<SeeMembers>) -> Result<Vec<Team>, Error> {
    let found = rows::list(&mut forge.store().read().await?, permit.on().id).await?;
    found.into_iter().map(Team::try_from).collect()
}

/// One team of the organisation, who is in it, and the repositories that it was let into.
pub async fn get(
    forge: &Forge,
    permit: Permit<SeeMembers>,
    name: &TeamName,
) -> Result<(Team, Vec<TeamMember>, Vec<TeamRepository>), Error> {
    let mut conn = forge.store().read().await?;
    let team = find(&mut conn, permit.on().id, name).await?;
    let members = rows::members(&mut conn, team.id).await?;
    let members = members
        .into_iter()
        .map(|(account, name, created_at_ms)| {
            Ok(TeamMember {
                account: AccountId(account),
                name: name.parse().map_err(|_| odd("member"))?,
                created_at_ms,
            })
        })
        .collect::<Result<_, Error>>()?;
    let repositories = rows::repositories(&mut conn, team.id).await?;
    let repositories = repositories
        .into_iter()
        .map(|(id, name, role, created_at_ms)| {
            Ok(TeamRepository {
                id: RepoId(id),
                name: name.parse().map_err(|_| odd("repository"))?,
                role: role.parse()?,
                created_at_ms,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok((team, members, repositories))
}

/// Makes a team. One whose role nobody names opens nothing by itself.
pub async fn create(
    forge: &Forge,
    permit: Permit<AdministerOrganisation>,
    name: TeamName,
    change: TeamChange,
    now_ms: i64,
) -> Result<Team, Error> {
    let change = checked(&change)?;
    let (permit, name, change) = (&permit, &name, &change);
    forge
        .store()
        .in_tx("teams.create", |tx| {
            Box::pin(async move {
                let organisation = permit.check_again(tx, now_ms).await?.0;
                let role = change.role.unwrap_or(MemberRole::Member);
                let description = change.description.as_deref().unwrap_or_default();
                let keys = (name.as_str(), &*name.key());
                rows::insert(tx, organisation.id, keys, description, role.as_str(), now_ms)
                    .await
                    .map_err(taken)?;
                let detail = json!({ "role": role.as_str() });
                let action = Action::TeamCreate;
                told(tx, permit.caller(), action, &organisation, name, detail, now_ms).await?;
                find(tx, organisation.id, name).await
            })
        })
        .await
}

/// Changes a team.
pub async fn update(
    forge: &Forge,
    permit: Permit<AdministerOrganisation>,
    name: &TeamName,
    change: TeamChange,
    now_ms: i64,
) -> Result<Team, Error> {
    let change = checked(&change)?;
    let (permit, change) = (&permit, &change);
    forge
        .store()
        .in_tx("teams.update", |tx| {
            Box::pin(async move {
                let organisation = permit.check_again(tx, now_ms).await?.0;
                let before = find(tx, organisation.id, name).await?;
                let name = change.name.as_ref().unwrap_or(&before.name);
                let description = change.description.as_ref().unwrap_or(&before.description);
                let role = change.role.unwrap_or(before.role);
                let keys = (name.as_str(), &*name.key());
                rows::update(tx, before.id, keys, description, role.as_str())
                    .await
                    .map_err(taken)?;
                let detail = json!({
                    "name": [&before.name, name],
                    "role": [before.role.as_str(), role.as_str()],
                });
                let action = Action::TeamUpdate;
                told(tx, permit.caller(), action, &organisation, name, detail, now_ms).await?;
                find(tx, organisation.id, name).await
            })
        })
        .await
}

/// Removes a team; what it opened to its members is shut.
pub async fn delete(
    forge: &Forge,
    permit: Permit<AdministerOrganisation>,
    name: &TeamName,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("teams.delete", |tx| {
            Box::pin(async move {
                let organisation = permit.check_again(tx, now_ms).await?.0;
                let team = find(tx, organisation.id, name).await?;
                rows::delete(tx, team.id).await?;
                let action = Action::TeamDelete;
                told(
                    tx,
                    permit.caller(),
                    action,
                    &organisation,
                    name,
                    json!({}),
                    now_ms,
                )
                .await
            })
        })
        .await
}

/// Takes somebody who belongs to the organisation itself into a team of it.
pub async fn put_member(
    forge: &Forge,
    permit: Permit<AdministerOrganisation>,
    team: &TeamName,
    name: &AccountName,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("team_members.put", |tx| {
            Box::pin(async move {
                org_rows::lock_all(tx).await?;
                let organisation = permit.check_again(tx, now_ms).await?.0;
                let found = find(tx, organisation.id, team).await?;
                let account = account_id(tx, name).await?;
                if org_rows::member(tx, organisation.id, account).await?.is_none() {
                    return Err(Error::invalid(
                        "name",
                        format!(
                            "{name} does not belong to {}; add them there first",
                            organisation.name
                        ),
                    ));
                }
                rows::put_member(tx, found.id, organisation.id, account, now_ms).await?;
                let (action, detail) = (Action::TeamMemberPut, json!({ "account": name }));
                told(tx, permit.caller(), action, &organisation, team, detail, now_ms).await
            })
        })
        .await
}

/// Takes somebody out of a team; not found where they are not in it.
pub async fn remove_member(
    forge: &Forge,
    permit: Permit<AdministerOrganisation>,
    team: &TeamName,
    name: &AccountName,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("team_members.remove", |tx| {
            Box::pin(async move {
                let organisation = permit.check_again(tx, now_ms).await?.0;
                let found = find(tx, organisation.id, team).await?;
                let account = plue_store::accounts::by_name(tx, name).await?;
                let account = account.ok_or(Error::NotFound)?.id;
                if !rows::remove_member(tx, found.id, account).await? {
                    return Err(Error::NotFound);
                }
                let (action, detail) = (Action::TeamMemberRemove, json!({ "account": name }));
                told(tx, permit.caller(), action, &organisation, team, detail, now_ms).await
            })
        })
        .await
}

/// The repository of this name of the organisation itself, locked.
async fn repository(tx: &mut Tx<'_>, organisation: &Organisation, name: &RepoName) -> Result<RepoId, Error> {
    let path = RepoPath {
        owner: organisation.name.clone(),
        name: name.clone(),
    };
    let found = repo_rows::find(tx, &path, None, &repo_rows::Viewer::Everything).await?;
    let found = found.filter(|found| found.repository.owner_id == organisation.id.0);
    let id = RepoId(found.ok_or(Error::NotFound)?.repository.id);
    repo_rows::lock(tx, id).await?;
    // A transfer that held the lock before us has taken it elsewhere.
    let still = repo_rows::by_id(tx, id, None).await?;
    still
        .filter(|still| still.repository.owner_id == organisation.id.0)
        .map(|_| id)
        .ok_or(Error::NotFound)
}

/// Lets a team into a repository of its organisation, or changes what it may do there.
pub async fn put_repository(
    forge: &Forge,
    permit: Permit<AdministerOrganisation>,
    team: &TeamName,
    name: &RepoName,
    role: Role,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("team_repositories.put", |tx| {
            Box::pin(async move {
                let organisation = permit.check_again(tx, now_ms).await?.0;
                let found = find(tx, organisation.id, team).await?;
                let id = repository(tx, &organisation, name).await?;
                rows::put_repository(tx, found.id, id, role.as_str(), now_ms).await?;
                let detail = json!({ "repository": name, "role": role.as_str() });
                let action = Action::TeamRepositoryPut;
                told(tx, permit.caller(), action, &organisation, team, detail, now_ms).await
            })
        })
        .await
}

/// Shuts a team out of a repository; not found where it was not let in.
pub async fn remove_repository(
    forge: &Forge,
    permit: Permit<AdministerOrganisation>,
    team: &TeamName,
    name: &RepoName,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("team_repositories.remove", |tx| {
            Box::pin(async move {
                let organisation = permit.check_again(tx, now_ms).await?.0;
                let found = find(tx, organisation.id, team).await?;
                let id = repository(tx, &organisation, name).await?;
                if !rows::remove_repository(tx, found.id, id).await? {
                    return Err(Error::NotFound);
                }
                let detail = json!({ "repository": name });
                let action = Action::TeamRepositoryRemove;
                told(tx, permit.caller(), action, &organisation, team, detail, now_ms).await
            })
        })
        .await
}

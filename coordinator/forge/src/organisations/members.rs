//! Who belongs to an organisation, and what that opens.

use crate::access::Permit;
use crate::access::organisations::{AdministerOrganisation, LeaveOrganisation, SeeMembers};
use crate::accounts::Page;
use crate::audit::{Action, Note, note};
use crate::organisations::Organisation;
use crate::repositories::account_id;
use crate::roles::{MemberRole, Role};
use crate::{Error, Forge};
use plue_contract::{AccountId, AccountName, Caller, RepoName};
use plue_store::Tx;
use plue_store::organisations as rows;
use serde_json::json;

/// An account that belongs to an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: AccountName,
    /// What people call it; may be empty.
    pub display_name: String,
    /// What it is to the organisation.
    pub role: MemberRole,
    /// Since when, in milliseconds since 1970.
    pub created_at_ms: i64,
}

/// Somebody who has a role in a repository of an organisation and does not belong to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outsider {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: AccountName,
    /// The repository.
    pub repository: RepoName,
    /// What it may do there.
    pub role: Role,
    /// Since when, in milliseconds since 1970.
    pub created_at_ms: i64,
}

fn odd(what: &str) -> Error {
    Error::Internal(format!("a row of an organisation has a bad {what}"))
}

/// Who belongs to the organisation itself, by name, at most 100 a page.
pub async fn list(
    forge: &Forge,
    permit: Permit<SeeMembers>,
    limit: i64,
    offset: i64,
) -> Result<Page<Member>, Error> {
    let (limit, offset) = (limit.clamp(1, super::PAGE_LIMIT), offset.max(0));
    let mut conn = forge.store().read().await?;
    let (found, total) = rows::members(&mut conn, permit.on().id, limit, offset).await?;
    let items = found
        .into_iter()
        .map(|(account, name, display_name, role, created_at_ms)| {
            Ok(Member {
                account: AccountId(account),
                name: name.parse().map_err(|_| odd("name"))?,
                display_name,
                role: role.parse()?,
                created_at_ms,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Page {
        items,
        total,
        limit,
        offset,
    })
}

/// Who has a role in a repository of the organisation, and belongs neither to it nor to one above
/// it; by name and repository.
pub async fn outsiders(forge: &Forge, permit: Permit<SeeMembers>) -> Result<Vec<Outsider>, Error> {
    let found = rows::outsiders(&mut forge.store().read().await?, permit.on().id).await?;
    found
        .into_iter()
        .map(|(account, name, repository, role, created_at_ms)| {
            Ok(Outsider {
                account: AccountId(account),
                name: name.parse().map_err(|_| odd("name"))?,
                repository: repository.parse().map_err(|_| odd("repository"))?,
                role: role.parse()?,
                created_at_ms,
            })
        })
        .collect()
}

/// Lets an account belong to the organisation, or changes its role. Owners are made and unmade by
/// owners.
pub async fn put(
    forge: &Forge,
    permit: Permit<AdministerOrganisation>,
    name: &AccountName,
    role: MemberRole,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("members.put", |tx| {
            Box::pin(async move {
                rows::lock_all(tx).await?;
                let (organisation, own) = permit.check_again(tx, now_ms).await?;
                let account = account_id(tx, name).await?;
                let before = role_of(tx, organisation.id, account).await?;
                touches_owners(&organisation, own, [before, Some(role)])?;
                rows::put_member(tx, organisation.id, account, role.as_str(), now_ms).await?;
                require_an_owner(tx, organisation.id).await?;
                let detail = json!({
                    "account": name,
                    "role": [before.map(MemberRole::as_str), Some(role.as_str())],
                });
                told(
                    tx,
                    permit.caller(),
                    Action::MemberPut,
                    &organisation,
                    detail,
                    now_ms,
                )
                .await
            })
        })
        .await
}

/// Takes an account out of the organisation and its teams; not found where it does not belong to it
/// itself.
pub async fn remove(
    forge: &Forge,
    permit: Permit<AdministerOrganisation>,
    name: &AccountName,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("members.remove", |tx| {
            Box::pin(async move {
                rows::lock_all(tx).await?;
                let (organisation, own) = permit.check_again(tx, now_ms).await?;
                let account = account_id(tx, name).await.map_err(|error| match error {
                    Error::Invalid { .. } => Error::NotFound,
                    other => other,
                })?;
                let before = role_of(tx, organisation.id, account).await?;
                touches_owners(&organisation, own, [before, None])?;
                take_out(tx, permit.caller(), &organisation, account, name, now_ms).await
            })
        })
        .await
}

/// Takes the caller out of the organisation; not found where it does not belong to it itself.
pub async fn leave(forge: &Forge, permit: Permit<LeaveOrganisation>, now_ms: i64) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("members.leave", |tx| {
            Box::pin(async move {
                rows::lock_all(tx).await?;
                let organisation = permit.check_again(tx, now_ms).await?;
                let plue_contract::Who::Account { id, name, .. } = &permit.caller().who else {
                    return Err(Error::NotFound);
                };
                take_out(tx, permit.caller(), &organisation, *id, name, now_ms).await
            })
        })
        .await
}

async fn role_of(
    tx: &mut Tx<'_>,
    organisation: AccountId,
    account: AccountId,
) -> Result<Option<MemberRole>, Error> {
    let role = rows::member(tx, organisation, account).await?;
    role.as_deref().map(str::parse).transpose()
}

async fn take_out(
    tx: &mut Tx<'_>,
    caller: &Caller,
    organisation: &Organisation,
    account: AccountId,
    name: &AccountName,
    now_ms: i64,
) -> Result<(), Error> {
    let before = role_of(tx, organisation.id, account).await?;
    let before = before.ok_or(Error::NotFound)?;
    rows::remove_member(tx, organisation.id, account).await?;
    require_an_owner(tx, organisation.id).await?;
    let detail = json!({ "account": name, "role": [before.as_str(), null] });
    told(tx, caller, Action::MemberRemove, organisation, detail, now_ms).await
}

async fn told(
    tx: &mut Tx<'_>,
    caller: &Caller,
    action: Action,
    organisation: &Organisation,
    detail: serde_json::Value,
    now_ms: i64,
) -> Result<(), Error> {
    let told = Note::of_account(action, organisation.id, &organisation.name, detail);
    note(tx, caller, told, now_ms).await
}

fn touches_owners(
    organisation: &Organisation,
    own: MemberRole,
    roles: [Option<MemberRole>; 2],
) -> Result<(), Error> {
    if own < MemberRole::Owner && roles.contains(&Some(MemberRole::Owner)) {
        return Err(Error::Forbidden(format!(
            "only an owner of {} says who owns it",
            organisation.name
        )));
    }
    Ok(())
}

/// Refuses to leave an organisation without anybody who owns it: one at the top has an owner of its
/// own.
pub(super) async fn require_an_owner(tx: &mut Tx<'_>, id: AccountId) -> Result<(), Error> {
    let row = super::row_of(tx, id).await?;
    if row.parent_id.is_none() && rows::count_owners(tx, id).await? == 0 {
        return Err(Error::Refused(format!(
            "{} would have no owner left; make somebody else one first",
            row.name
        )));
    }
    Ok(())
}

//! Who may do what to an organisation. That it is there, and what it says of itself, everybody may
//! know; who belongs to it, those who do.

use super::{Action, Live, Permit, live, require_scope};
use crate::organisations::Organisation;
use crate::roles::MemberRole;
use crate::{Error, Forge};
use plue_contract::{AccountId, AccountName, Caller, Scope, Who};
use plue_store::accounts::AccountRow;
use plue_store::organisations::{self as rows, StandingRow};
use plue_store::{Conn, Tx};

/// To read what an organisation says of itself.
#[derive(Debug)]
pub struct ReadOrganisation;

/// To see who belongs to an organisation, and its teams.
#[derive(Debug)]
pub struct SeeMembers;

/// To leave an organisation.
#[derive(Debug)]
pub struct LeaveOrganisation;

/// To change an organisation, who belongs to it, and its teams.
#[derive(Debug)]
pub struct AdministerOrganisation;

/// To give an organisation away, to end it, and to read what was done to it.
#[derive(Debug)]
pub struct OwnOrganisation;

/// To make organisations.
#[derive(Debug)]
pub struct FoundOrganisation;

impl Action for ReadOrganisation {
    type On = Organisation;
}

impl Action for SeeMembers {
    type On = Organisation;
}

impl Action for LeaveOrganisation {
    type On = Organisation;
}

impl Action for AdministerOrganisation {
    type On = Organisation;
}

impl Action for OwnOrganisation {
    type On = Organisation;
}

impl Action for FoundOrganisation {
    type On = AccountRow;
}

/// Permits reading what an organisation says of itself: everybody.
pub async fn read(
    forge: &Forge,
    caller: &Caller,
    name: &AccountName,
    now_ms: i64,
) -> Result<Permit<ReadOrganisation>, Error> {
    let (found, _) = look(forge, caller, name, now_ms).await?;
    permit(caller, found.organisation)
}

/// Permits seeing who belongs to an organisation: those who belong to it or to one above it.
pub async fn see_members(
    forge: &Forge,
    caller: &Caller,
    name: &AccountName,
    now_ms: i64,
) -> Result<Permit<SeeMembers>, Error> {
    let (found, live) = look(forge, caller, name, now_ms).await?;
    require(caller, &live, &found, MemberRole::Member, Scope::OrgRead)?;
    permit(caller, found.organisation)
}

/// Permits leaving an organisation: whoever may see who belongs to it.
pub async fn leave(
    forge: &Forge,
    caller: &Caller,
    name: &AccountName,
    now_ms: i64,
) -> Result<Permit<LeaveOrganisation>, Error> {
    let (found, live) = look(forge, caller, name, now_ms).await?;
    require(caller, &live, &found, MemberRole::Member, Scope::OrgWrite)?;
    permit(caller, found.organisation)
}

/// Permits administering an organisation: its administrators and owners, and those of the
/// organisations above it.
pub async fn administer(
    forge: &Forge,
    caller: &Caller,
    name: &AccountName,
    now_ms: i64,
) -> Result<Permit<AdministerOrganisation>, Error> {
    let (found, live) = look(forge, caller, name, now_ms).await?;
    require(caller, &live, &found, MemberRole::Admin, Scope::OrgWrite)?;
    permit(caller, found.organisation)
}

/// Permits what only owners do: those of the organisation and of the organisations above it.
pub async fn own(
    forge: &Forge,
    caller: &Caller,
    name: &AccountName,
    now_ms: i64,
) -> Result<Permit<OwnOrganisation>, Error> {
    let (found, live) = look(forge, caller, name, now_ms).await?;
    require(caller, &live, &found, MemberRole::Owner, Scope::OrgWrite)?;
    permit(caller, found.organisation)
}

/// Permits making an organisation: every person.
pub async fn found(forge: &Forge, caller: &Caller, now_ms: i64) -> Result<Permit<FoundOrganisation>, Error> {
    let founder = founder(&mut forge.store().read().await?, caller, now_ms).await?;
    Ok(Permit {
        caller: caller.clone(),
        on: founder,
    })
}

fn permit<A>(caller: &Caller, on: rows::OrganisationRow) -> Result<Permit<A>, Error>
where
    A: Action<On = Organisation>,
{
    Ok(Permit {
        caller: caller.clone(),
        on: on.try_into()?,
    })
}

async fn founder(conn: &mut Conn, caller: &Caller, now_ms: i64) -> Result<AccountRow, Error> {
    match live(conn, caller, now_ms).await? {
        Live::Account(account) => {
            require_scope(caller, Scope::OrgWrite)?;
            unbound(caller)?;
            Ok(*account)
        }
        Live::Anonymous => Err(Error::Unauthenticated),
        Live::System | Live::DeployKey => Err(Error::Forbidden(
            "there is no account behind this caller".to_owned(),
        )),
    }
}

async fn look(
    forge: &Forge,
    caller: &Caller,
    name: &AccountName,
    now_ms: i64,
) -> Result<(StandingRow, Live), Error> {
    let mut conn = forge.store().read().await?;
    let live = live(&mut conn, caller, now_ms).await?;
    let found = rows::find(&mut conn, name, caller.account()).await?;
    Ok((found.ok_or(Error::NotFound)?, live))
}

/// A token that is bound to repositories is for nothing else.
fn unbound(caller: &Caller) -> Result<(), Error> {
    match &caller.who {
        Who::Account {
            repositories: Some(_),
            ..
        } => Err(Error::Forbidden(
            "this token counts for the repositories that it names, and not for organisations".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// What the caller is to an organisation; none where it is nothing.
pub(super) fn standing(caller: &Caller, live: &Live, rank: Option<i64>) -> Option<MemberRole> {
    match &caller.who {
        Who::System => Some(MemberRole::Owner),
        Who::Account { .. } if live.is_admin() && caller.has_scope(Scope::Admin) => Some(MemberRole::Owner),
        Who::Account { .. } => rank.and_then(MemberRole::of_rank),
        Who::Anonymous | Who::DeployKey { .. } => None,
    }
}

fn require(
    caller: &Caller,
    live: &Live,
    found: &StandingRow,
    role: MemberRole,
    scope: Scope,
) -> Result<MemberRole, Error> {
    if matches!(caller.who, Who::Anonymous) {
        return Err(Error::Unauthenticated);
    }
    let standing = standing(caller, live, found.rank).filter(|standing| *standing >= role);
    let Some(standing) = standing else {
        let name = &found.organisation.name;
        return Err(Error::Forbidden(match role {
            MemberRole::Owner => format!("only an owner of {name} may do that"),
            MemberRole::Admin => format!("only an administrator of {name} may do that"),
            _ => format!("only those who belong to {name} may see that"),
        }));
    };
    require_scope(caller, scope)?;
    unbound(caller)?;
    Ok(standing)
}

/// Refuses who would take a repository out of an organisation without administering that: whoever
/// administers the repository alone was let in by it. What a person owns is theirs to give.
pub(crate) async fn lets_go(
    tx: &mut Tx<'_>,
    caller: &Caller,
    owner: AccountId,
    now_ms: i64,
) -> Result<(), Error> {
    let live = live(tx, caller, now_ms).await?;
    let Some(found) = rows::by_id(tx, owner, caller.account()).await? else {
        return Ok(());
    };
    match standing(caller, &live, found.rank) {
        Some(standing) if standing >= MemberRole::Admin => Ok(()),
        _ => Err(Error::Forbidden(format!(
            "only an administrator of {} may give its repositories away",
            found.organisation.name
        ))),
    }
}

/// Asks again, within a transaction: the organisation as it is now, and what the caller is to it.
async fn again(
    tx: &mut Tx<'_>,
    caller: &Caller,
    id: AccountId,
    role: MemberRole,
    now_ms: i64,
) -> Result<(Organisation, MemberRole), Error> {
    let live = live(tx, caller, now_ms).await?;
    let found = rows::by_id(tx, id, caller.account())
        .await?
        .ok_or(Error::NotFound)?;
    let standing = require(caller, &live, &found, role, Scope::OrgWrite)?;
    Ok((found.organisation.try_into()?, standing))
}

impl Permit<LeaveOrganisation> {
    /// Asks again, within the transaction that makes use of it.
    pub(crate) async fn check_again(&self, tx: &mut Tx<'_>, now_ms: i64) -> Result<Organisation, Error> {
        Ok(again(tx, &self.caller, self.on.id, MemberRole::Member, now_ms)
            .await?
            .0)
    }
}

impl Permit<AdministerOrganisation> {
    /// Asks again, within the transaction that makes use of it: the organisation as it is now, and
    /// what the caller is to it.
    pub(crate) async fn check_again(
        &self,
        tx: &mut Tx<'_>,
        now_ms: i64,
    ) -> Result<(Organisation, MemberRole), Error> {
        again(tx, &self.caller, self.on.id, MemberRole::Admin, now_ms).await
    }
}

impl Permit<OwnOrganisation> {
    /// Asks again, within the transaction that makes use of it.
    pub(crate) async fn check_again(&self, tx: &mut Tx<'_>, now_ms: i64) -> Result<Organisation, Error> {
        Ok(again(tx, &self.caller, self.on.id, MemberRole::Owner, now_ms)
            .await?
            .0)
    }
}

impl Permit<FoundOrganisation> {
    /// Asks again, within the transaction that makes use of it.
    pub(crate) async fn check_again(&self, tx: &mut Tx<'_>, now_ms: i64) -> Result<AccountRow, Error> {
        founder(tx, &self.caller, now_ms).await
    }
}

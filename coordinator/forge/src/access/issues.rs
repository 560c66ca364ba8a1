//! Who may say something in a repository, and who sorts what is said.
//!
//! Whoever is somebody and may read a repository may open issues in it and comment; those who may
//! triage also label, assign, close and lock. Both take a credential that may at least propose, since
//! one that only reads writes nothing.

use super::repositories::{Standing, look, stand_at};
use super::{Action, Permit};
use crate::repositories::Repository;
use crate::roles::Role;
use crate::{Error, Forge};
use plue_contract::{AccountId, AccountName, Caller, RepoPath, Scope, Who};
use plue_store::{Tx, repositories as rows};

/// To open issues and to comment, react and subscribe.
#[derive(Clone, Copy, Debug)]
pub struct TakePart;

impl Action for TakePart {
    type On = Seat;
}

/// To sort what others report.
#[derive(Clone, Copy, Debug)]
pub struct TriageRepo;

impl Action for TriageRepo {
    type On = Seat;
}

/// Somebody in a repository.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The repository.
    pub repository: Repository,
    /// Who it is.
    pub account: AccountId,
    /// By which name.
    pub name: AccountName,
    /// What they may do there.
    pub role: Role,
}

impl Seat {
    /// Whether they may sort what others report.
    pub fn triages(&self) -> bool {
        self.role >= Role::Triage
    }

    fn of(standing: Standing, caller: &Caller, least: Role) -> Result<Self, Error> {
        standing.require(caller, least, Scope::RepoPropose)?;
        let Who::Account { id, name, .. } = &caller.who else {
            return Err(Error::Forbidden(
                "Issues are people's: a deploy key opens none and says nothing.".to_owned(),
            ));
        };
        if standing.repository.archived {
            return Err(Error::Archived);
        }
        Ok(Self {
            account: *id,
            name: name.clone(),
            role: standing.role,
            repository: standing.repository,
        })
    }
}

/// Permits opening issues and commenting: to every account that may read the repository.
pub async fn take_part(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    now_ms: i64,
) -> Result<Permit<TakePart>, Error> {
    let on = seat(forge, caller, path, Role::Read, now_ms).await?;
    Ok(Permit {
        caller: caller.clone(),
        on,
    })
}

/// Permits sorting what is reported: to those who have that role in the repository, or a higher one.
pub async fn triage(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    now_ms: i64,
) -> Result<Permit<TriageRepo>, Error> {
    let on = seat(forge, caller, path, Role::Triage, now_ms).await?;
    Ok(Permit {
        caller: caller.clone(),
        on,
    })
}

async fn seat(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    least: Role,
    now_ms: i64,
) -> Result<Seat, Error> {
    let (found, _) = look(forge, caller, path, now_ms).await?;
    Seat::of(found.ok_or(Error::NotFound)?, caller, least)
}

/// Whether the repository's row is locked: for what counts or numbers, or looks at several issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Nothing,
    Repository,
}

/// Asks again, within the transaction that makes use of it; the seat as it is now.
async fn again<A: Action<On = Seat>>(
    tx: &mut Tx<'_>,
    permit: &Permit<A>,
    least: Role,
    hold: Hold,
    now_ms: i64,
) -> Result<Seat, Error> {
    let id = permit.on.repository.id;
    if hold == Hold::Repository {
        rows::lock(tx, id).await?;
    }
    let standing = stand_at(tx, &permit.caller, id, now_ms).await?;
    Seat::of(standing, &permit.caller, least)
}

impl Permit<TakePart> {
    /// Asks again, within the transaction that makes use of it; the seat as it is now.
    pub(crate) async fn check_again(&self, tx: &mut Tx<'_>, hold: Hold, now_ms: i64) -> Result<Seat, Error> {
        again(tx, self, Role::Read, hold, now_ms).await
    }
}

impl Permit<TriageRepo> {
    /// Asks again, within the transaction that makes use of it; the seat as it is now.
    pub(crate) async fn check_again(&self, tx: &mut Tx<'_>, hold: Hold, now_ms: i64) -> Result<Seat, Error> {
        again(tx, self, Role::Triage, hold, now_ms).await
    }
}

impl From<Permit<TriageRepo>> for Permit<TakePart> {
    /// Who sorts what is said may say something.
    fn from(permit: Permit<TriageRepo>) -> Self {
        Self {
            caller: permit.caller,
            on: permit.on,
        }
    }
}

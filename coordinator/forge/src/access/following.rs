//! Who may star and watch a repository: every account that may read it. What somebody likes and wants
//! to hear of is their own matter, so that it takes a credential that may change the account, and not
//! one that may write to the repository.

use super::repositories::{Standing, look, stand_at};
use super::{Action, Permit};
use crate::repositories::Repository;
use crate::roles::Role;
use crate::{Error, Forge};
use plue_contract::{AccountId, Caller, RepoPath, Scope, Who};
use plue_store::Conn;

/// To star and watch a repository.
#[derive(Clone, Copy, Debug)]
pub struct Follow;

impl Action for Follow {
    type On = Follower;
}

/// Somebody who may follow a repository.
#[derive(Clone, Debug)]
pub struct Follower {
    /// The repository.
    pub repository: Repository,
    /// Who it is.
    pub account: AccountId,
}

impl Follower {
    fn of(standing: Standing, caller: &Caller) -> Result<Self, Error> {
        standing.require(caller, Role::Read, Scope::UserWrite)?;
        let Who::Account { id, .. } = &caller.who else {
            return Err(Error::Forbidden(
                "Only people star and watch repositories: there is no account behind this caller.".to_owned(),
            ));
        };
        Ok(Self {
            account: *id,
            repository: standing.repository,
        })
    }
}

/// Permits starring and watching a repository: to every account that may read it. Asks for the scope
/// `user:write`.
pub async fn follow(
    forge: &Forge,
    caller: &Caller,
    path: &RepoPath,
    now_ms: i64,
) -> Result<Permit<Follow>, Error> {
    let (found, _) = look(forge, caller, path, now_ms).await?;
    Ok(Permit {
        on: Follower::of(found.ok_or(Error::NotFound)?, caller)?,
        caller: caller.clone(),
    })
}

impl Permit<Follow> {
    /// Asks again, within the transaction that makes use of it.
    pub(crate) async fn check_again(&self, conn: &mut Conn, now_ms: i64) -> Result<Follower, Error> {
        let standing = stand_at(conn, &self.caller, self.on.repository.id, now_ms).await?;
        Follower::of(standing, &self.caller)
    }
}

//! Whether a known caller may do this to that. A yes is a [`Permit`], and nothing else makes one.
//!
//! Who is calling was found out before, by the gateway or the SSH bridge; a permit's own query
//! looks again whether that credential and its account are alive, so that nothing gets through
//! on a revocation that was not heard of elsewhere.

pub mod accounts;
pub mod following;
pub mod issues;
pub mod organisations;
pub mod repositories;

use crate::Error;
use plue_contract::{Caller, Scope, Who};
use plue_store::Conn;
use plue_store::accounts::AccountRow;

/// Something that needs permission, and what it is done to.
pub trait Action {
    /// What it is done to, as the permit's query found it.
    type On;
}

/// A yes: this caller may do this to that. A verb takes it by value, so that "did anybody ask?"
/// is answered by the compiler:
///
/// ```compile_fail,E0451
/// use plue_contract::Caller;
/// use plue_forge::{Permit, access::accounts::Administer};
///
/// // Nothing outside of this module makes one.
/// let permit: Permit<Administer> = Permit { caller: Caller::system("mine"), on: () };
/// ```
#[must_use = "a permit is asked for in order to do something"]
#[derive(Debug)]
pub struct Permit<A: Action> {
    caller: Caller,
    on: A::On,
}

impl<A: Action> Permit<A> {
    /// Who may.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// To what.
    pub fn on(&self) -> &A::On {
        &self.on
    }
}

/// What stands behind a caller just now.
#[derive(Debug)]
pub(crate) enum Live {
    /// Nobody.
    Anonymous,
    /// The forge itself.
    System,
    /// An account, with its flags as they are.
    Account(Box<AccountRow>),
    /// A key of one repository; whether it is still there is the repository's query to say.
    DeployKey,
}

impl Live {
    /// Whether the account behind the caller administers the site, as it is now.
    pub(crate) fn is_admin(&self) -> bool {
        matches!(self, Self::Account(account) if account.is_admin)
    }
}

/// Looks whether the caller's credential and account still live. [`Error::Unauthenticated`]
/// where they do not.
pub(crate) async fn live(conn: &mut Conn, caller: &Caller, now_ms: i64) -> Result<Live, Error> {
    Ok(match &caller.who {
        Who::Anonymous => Live::Anonymous,
        Who::System => Live::System,
        Who::DeployKey { .. } => Live::DeployKey,
        Who::Account { id, via, .. } => {
            let row = plue_store::accounts::behind(conn, *id, via, now_ms).await?;
            Live::Account(Box::new(row.ok_or(Error::Unauthenticated)?))
        }
    })
}

/// Refuses a caller whose credential lacks the scope.
pub(crate) fn require_scope(caller: &Caller, scope: Scope) -> Result<(), Error> {
    if caller.has_scope(scope) {
        Ok(())
    } else {
        Err(Error::InsufficientScope(scope))
    }
}

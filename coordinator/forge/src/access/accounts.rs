//! Permits about the caller's own account, and about the site.

use super::{Action, Live, Permit, live, require_scope};
use crate::accounts::Account;
use crate::{Error, Forge};
use plue_contract::{Caller, Scope};
use plue_store::Conn;
use plue_store::accounts::AccountRow;

/// Reading what only the account itself sees.
#[derive(Debug)]
pub struct ReadSelf;

/// Changing the account itself.
#[derive(Debug)]
pub struct WriteSelf;

/// Administering the site.
#[derive(Debug)]
pub struct Administer;

/// Making an account for oneself.
#[derive(Debug)]
pub struct Join;

impl Action for ReadSelf {
    type On = Account;
}

impl Action for WriteSelf {
    type On = Account;
}

impl Action for Administer {
    type On = ();
}

impl Action for Join {
    type On = ();
}

/// May the caller read what only its own account sees? Asks for the scope `user:read`.
pub async fn read_self(forge: &Forge, caller: &Caller, now_ms: i64) -> Result<Permit<ReadSelf>, Error> {
    let on = own_account(&mut forge.store().read().await?, caller, Scope::UserRead, now_ms).await?;
    Ok(Permit {
        caller: caller.clone(),
        on: on.into(),
    })
}

/// May the caller change its own account? Asks for the scope `user:write`.
pub async fn write_self(forge: &Forge, caller: &Caller, now_ms: i64) -> Result<Permit<WriteSelf>, Error> {
    let on = own_account(&mut forge.store().read().await?, caller, Scope::UserWrite, now_ms).await?;
    Ok(Permit {
        caller: caller.clone(),
        on: on.into(),
    })
}

/// May the caller administer the site? Asks for the account's flag, as it is now, and the scope
/// `admin`; the forge itself may.
pub async fn administer(forge: &Forge, caller: &Caller, now_ms: i64) -> Result<Permit<Administer>, Error> {
    administers(&mut forge.store().read().await?, caller, now_ms).await?;
    Ok(Permit {
        caller: caller.clone(),
        on: (),
    })
}

/// May the caller make an account for itself? Where the site lets everybody.
pub fn join(forge: &Forge, caller: &Caller) -> Result<Permit<Join>, Error> {
    if !forge.lets_people_join() {
        return Err(Error::Forbidden(
            "new accounts are made by the administrators of this site; ask one of them".to_owned(),
        ));
    }
    Ok(Permit {
        caller: caller.clone(),
        on: (),
    })
}

impl Permit<WriteSelf> {
    /// Asks again, within the transaction that makes use of it.
    pub(crate) async fn check_again(&self, conn: &mut Conn, now_ms: i64) -> Result<AccountRow, Error> {
        own_account(conn, &self.caller, Scope::UserWrite, now_ms).await
    }
}

impl Permit<Administer> {
    /// Asks again, within the transaction that makes use of it.
    pub(crate) async fn check_again(&self, conn: &mut Conn, now_ms: i64) -> Result<(), Error> {
        administers(conn, &self.caller, now_ms).await
    }
}

async fn own_account(
    conn: &mut Conn,
    caller: &Caller,
    scope: Scope,
    now_ms: i64,
) -> Result<AccountRow, Error> {
    match live(conn, caller, now_ms).await? {
        Live::Account(account) => {
            require_scope(caller, scope)?;
            Ok(*account)
        }
        Live::Anonymous => Err(Error::Unauthenticated),
        Live::System | Live::DeployKey => Err(Error::Forbidden(
            "there is no account behind this caller".to_owned(),
        )),
    }
}

async fn administers(conn: &mut Conn, caller: &Caller, now_ms: i64) -> Result<(), Error> {
    match live(conn, caller, now_ms).await? {
        Live::System => Ok(()),
        Live::Anonymous => Err(Error::Unauthenticated),
        Live::Account(account) if account.is_admin => require_scope(caller, Scope::Admin),
        Live::Account(_) | Live::DeployKey => Err(Error::Forbidden(
            "only an administrator of this site may do that".to_owned(),
        )),
    }
}

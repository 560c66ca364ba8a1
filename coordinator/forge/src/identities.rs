//! Accounts elsewhere that open an account here. That the person has the account there was found
//! out by the door, which asked the provider.

use crate::access::Permit;
use crate::access::accounts::{ReadSelf, WriteSelf};
use crate::accounts::{check_email, require_a_way_in, require_session, taken};
use crate::audit::{Action, Note, note};
use crate::mail::{self, News};
use crate::sessions::{Client, Fresh, Opened, Outcome, enter, step_in};
use crate::{Error, Forge};
use plue_contract::{AccountId, AccountName, Caller};
use plue_store::accounts::{self as account_rows, AccountRow, NewAccountRow};
use plue_store::identities::{self as rows, IdentityRow};
use plue_store::{StoreError, Tx};
use serde_json::json;

/// The longest display name that is taken over, in characters.
const MAX_NAME_CHARS: usize = 255;
/// How many accounts elsewhere open one account at most.
const MAX_IDENTITIES: usize = 20;

/// Who somebody is elsewhere, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Where, as in `github`.
    pub provider: &'static str,
    /// The number that the provider knows the account by.
    pub subject: String,
    /// Its name there.
    pub login: String,
    /// What people call it; may be empty.
    pub display_name: String,
    /// Its address for mail, where the provider has seen that it is its own.
    pub email: Option<String>,
}

/// An account elsewhere that opens an account here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Where, as in `github`.
    pub provider: String,
    /// The number that the provider knows it by.
    pub subject: String,
    /// Its name there, as it was last seen.
    pub login: String,
    /// When it was linked, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When somebody last signed in by it.
    pub last_used_at_ms: Option<i64>,
}

/// Why an account elsewhere opened nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The account that it opens is disabled.
    Disabled,
    /// It opens none, and new accounts are made by administrators.
    Closed,
    /// An account here has its address and has not proven it.
    Unproven,
}

/// What came of an account elsewhere that was shown.
pub enum Arrival {
    /// A session is open.
    In(Box<Opened>),
    /// None is.
    Refused(Why),
}

/// Opens a session of the account that the identity opens. Where it opens none, it is linked to the
/// account that has proven the same address, and opens that; where no account has the address and
/// everybody may join, one is made. An account that has the address and never proved it is not
/// opened: somebody else may have made it, to wait for whoever has the address.
pub async fn sign_in(forge: &Forge, shown: &Shown, client: Client, now_ms: i64) -> Result<Arrival, Error> {
    let caller = &Caller::anonymous(client.address, client.request_id.clone());
    let fresh = &Fresh::new(forge, client, now_ms)?;
    let uuid = &forge.uuid();
    // An address that is none here is as good as none.
    let email = shown.email.as_deref().and_then(|email| check_email(email).ok());
    let email = &email.flatten();
    let came = forge
        .store()
        .in_tx("identities.sign_in", |tx| {
            Box::pin(async move {
                if let Some(found) = rows::find(tx, shown.provider, &shown.subject).await? {
                    let account = account_rows::lock(tx, found.account_id).await?;
                    let Some(account) = account.filter(|account| !account.is_disabled) else {
                        return Ok(Err(Why::Disabled));
                    };
                    let seen = IdentityRow {
                        login: shown.login.clone(),
                        ..found
                    };
                    rows::set_last_used(tx, &seen, now_ms).await?;
                    return step_in(forge, tx, fresh, account, shown.provider, now_ms)
                        .await
                        .map(Ok);
                }
                let known = match email {
                    Some(email) => account_rows::by_email(tx, email).await?,
                    None => None,
                };
                if let Some(known) = known {
                    let account = account_rows::lock(tx, known.id).await?.ok_or(Error::NotFound)?;
                    if account.is_disabled {
                        return Ok(Err(Why::Disabled));
                    }
                    if account.email_verified_at_ms.is_none() || account.email != known.email {
                        return Ok(Err(Why::Unproven));
                    }
                    join_to(forge, tx, caller, &account, shown, now_ms).await?;
                    return step_in(forge, tx, fresh, account, shown.provider, now_ms)
                        .await
                        .map(Ok);
                }
                if !forge.lets_people_join() {
                    return Ok(Err(Why::Closed));
                }
                let name = free_name(tx, shown).await?;
                let display_name: String = shown
                    .display_name
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(MAX_NAME_CHARS)
                    .collect();
                let row = NewAccountRow {
                    uuid,
                    name: &name,
                    is_organisation: false,
                    display_name: display_name.trim(),
                    email: email.as_deref(),
                    password_hash: None,
                    is_admin: false,
                    now_ms,
                };
                let id = account_rows::insert(tx, &row).await.map_err(taken)?;
                if email.is_some() {
                    account_rows::set_email_verified(tx, id, now_ms).await?;
                }
                rows::insert(tx, &identity(id, shown, now_ms))
                    .await
                    .map_err(linked)?;
                let detail = json!({ "by": shown.provider, "login": shown.login });
                let told = Note::of_account(Action::AccountCreate, id, &name, detail);
                note(tx, caller, told, now_ms).await?;
                let account = account_rows::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                enter(tx, fresh, account, shown.provider, now_ms)
                    .await
                    .map(|account| Ok(Outcome::In(account)))
            })
        })
        .await?;
    match came {
        Ok(outcome) => match outcome.into_opened(fresh)? {
            Some(opened) => Ok(Arrival::In(Box::new(opened))),
            None => Err(Error::Unauthenticated),
        },
        Err(why) => Ok(Arrival::Refused(why)),
    }
}

/// Links an identity that opens nothing yet to an account.
async fn join_to(
    forge: &Forge,
    tx: &mut Tx<'_>,
    caller: &Caller,
    account: &AccountRow,
    shown: &Shown,
    now_ms: i64,
) -> Result<(), Error> {
    let row = identity(account.id, shown, now_ms);
    rows::insert(tx, &row).await.map_err(linked)?;
    let detail = json!({ "provider": shown.provider, "login": shown.login });
    let told = Note::of_account(Action::IdentityLink, account.id, &account.name, detail);
    note(tx, caller, told, now_ms).await?;
    mail::tell(
        forge,
        tx,
        account,
        News::IdentityLinked,
        &caller.request_id,
        now_ms,
    )
    .await
}

fn identity(account_id: AccountId, shown: &Shown, now_ms: i64) -> IdentityRow {
    IdentityRow {
        account_id,
        provider: shown.provider.to_owned(),
        subject: shown.subject.clone(),
        login: shown.login.clone(),
        created_at_ms: now_ms,
        last_used_at_ms: None,
    }
}

/// A name that nobody has: the one there, else with a number, else with the provider's number.
async fn free_name(tx: &mut Tx<'_>, shown: &Shown) -> Result<AccountName, Error> {
    let login = &shown.login;
    let numbered = (2..10).map(|n| format!("{login}-{n}"));
    let names = [login.clone()].into_iter().chain(numbered);
    for name in names.chain([format!("{}-{}", shown.provider, shown.subject)]) {
        if let Ok(name) = AccountName::claim(&name)
            && account_rows::owner_by_name(tx, &name).await?.is_none()
        {
            return Ok(name);
        }
    }
    Err(Error::conflict(
        "username",
        "no name like yours is free; make an account and link the two",
    ))
}

fn linked(error: StoreError) -> Error {
    if error.is_unique("identities__provider__subject") {
        Error::conflict(
            "provider",
            "this account elsewhere opens another account here already",
        )
    } else {
        error.into()
    }
}

/// The caller's accounts elsewhere, the oldest first.
pub async fn list(forge: &Forge, permit: Permit<ReadSelf>) -> Result<Vec<Identity>, Error> {
    let found = rows::of_account(&mut forge.store().read().await?, permit.on().id).await?;
    let identity = |row: IdentityRow| Identity {
        provider: row.provider,
        subject: row.subject,
        login: row.login,
        created_at_ms: row.created_at_ms,
        last_used_at_ms: row.last_used_at_ms,
    };
    Ok(found.into_iter().map(identity).collect())
}

/// Has an account elsewhere open the caller's. Needs a session.
pub async fn link(forge: &Forge, permit: Permit<WriteSelf>, shown: &Shown, now_ms: i64) -> Result<(), Error> {
    require_session(&permit)?;
    let permit = &permit;
    forge
        .store()
        .in_tx("identities.link", |tx| {
            Box::pin(async move {
                let id = permit.check_again(tx, now_ms).await?.id;
                let row = account_rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
                let found = rows::find(tx, shown.provider, &shown.subject).await?;
                if found.is_some_and(|found| found.account_id == id) {
                    return Ok(());
                }
                if rows::of_account(tx, id).await?.len() >= MAX_IDENTITIES {
                    return Err(Error::Refused(format!(
                        "at most {MAX_IDENTITIES} accounts elsewhere open an account; part one first"
                    )));
                }
                join_to(forge, tx, permit.caller(), &row, shown, now_ms).await
            })
        })
        .await
}

/// Has an account elsewhere no longer open the caller's, unless nothing else would. Needs a
/// session.
pub async fn unlink(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    provider: &str,
    subject: &str,
    now_ms: i64,
) -> Result<(), Error> {
    require_session(&permit)?;
    let permit = &permit;
    forge
        .store()
        .in_tx("identities.unlink", |tx| {
            Box::pin(async move {
                let id = permit.check_again(tx, now_ms).await?.id;
                let row = account_rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
                if !rows::delete(tx, id, provider, subject).await? {
                    return Err(Error::NotFound);
                }
                require_a_way_in(forge, tx, &row).await?;
                let detail = json!({ "provider": provider, "subject": subject });
                let told = Note::of_account(Action::IdentityUnlink, id, &row.name, detail);
                note(tx, permit.caller(), told, now_ms).await
            })
        })
        .await
}

//! Accounts: made, found, changed, disabled; and what the gateway is told of one that was
//! recognised.

mod email;
mod fields;
mod links;
mod passwords;
mod sign_up;
mod ways_in;

pub use email::{ask_for_reset, ask_for_verification, holds_reset, reset_by_link, verify};
pub(crate) use fields::{check_email, check_label, check_text, check_url};
pub(crate) use links::link_token;
pub use links::{SigninLink, first_start, issue_link};
pub use passwords::{authenticate_password, reset_password, set_password};
pub(crate) use passwords::{named, prove, require_session, with_password};
pub use sign_up::{SignUp, is_free, sign_up};
pub(crate) use ways_in::require_a_way_in;

use crate::access::Permit;
use crate::access::accounts::{Administer, WriteSelf};
use crate::audit::{Action, Note, note};
use crate::mail::{self, Letter, News};
use crate::{Error, Forge};
use plue_contract::{AccountId, AccountName, Caller, RepoId, Scopes, SessionId, Via, Who};
use plue_store::accounts::{self as rows, AccountRow, NewAccountRow};
use plue_store::{StoreError, Tx};
use serde_json::json;
use std::collections::HashMap;

/// How many accounts a search finds at most.
const SEARCH_LIMIT: i64 = 20;
/// The fewest characters that are searched for.
const SEARCH_MIN_CHARS: usize = 2;
/// How many accounts a page of a list has at most.
const PAGE_LIMIT: i64 = 100;

/// An account, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its id for those who want a UUID.
    pub uuid: String,
    /// Its name.
    pub name: AccountName,
    /// What people call it; may be empty.
    pub display_name: String,
    /// What it says of itself; may be empty.
    pub bio: String,
    /// Its address for mail; only for itself and administrators to see.
    pub email: Option<String>,
    /// Whether it was seen that its owner reads what is sent there.
    pub email_verified: bool,
    /// Where its picture is.
    pub avatar_url: Option<String>,
    /// Its Ethereum address.
    pub wallet_address: Option<String>,
    /// Whether it administers the site.
    pub admin: bool,
    /// Whether it may not sign in.
    pub disabled: bool,
    /// Whether it has a password.
    pub has_password: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last changed.
    pub updated_at_ms: i64,
    /// When it last opened a session.
    pub last_login_at_ms: Option<i64>,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.id,
            uuid: row.uuid,
            name: row.name,
            display_name: row.display_name,
            bio: row.bio,
            email: row.email,
            email_verified: row.email_verified_at_ms.is_some(),
            avatar_url: row.avatar_url,
            wallet_address: row.wallet_address,
            admin: row.is_admin,
            disabled: row.is_disabled,
            has_password: row.password_hash.is_some(),
            created_at_ms: row.created_at_ms,
            updated_at_ms: row.updated_at_ms,
            last_login_at_ms: row.last_login_at_ms,
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: i64,
    /// How many a page has at most.
    pub limit: i64,
    /// How many were passed over.
    pub offset: i64,
}

/// An account that an administrator wants to make.
#[derive(Clone, Default)]
pub struct NewAccount {
    /// Its name.
    pub name: String,
    /// What people call it; may be empty.
    pub display_name: String,
    /// Its address for mail.
    pub email: Option<String>,
    /// Its password; without one it signs in by link, token or key only.
    pub password: Option<String>,
    /// Whether it administers the site.
    pub admin: bool,
}

/// What to change of a profile; what is none stays, and an empty text takes away.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    /// What people call it.
    pub display_name: Option<String>,
    /// What it says of itself.
    pub bio: Option<String>,
    /// Its address for mail. Another one needs a session and, where there is a password, that: who
    /// has the address can set another password.
    pub email: Option<String>,
    /// The present password, for another address.
    pub present_password: Option<String>,
    /// Where its picture is: an `https:` or `http:` URL.
    pub avatar_url: Option<String>,
}

/// Makes an account.
pub async fn create(
    forge: &Forge,
    permit: Permit<Administer>,
    new: NewAccount,
    now_ms: i64,
) -> Result<Account, Error> {
    let name =
        &AccountName::claim(&new.name).map_err(|error| Error::invalid("username", error.to_string()))?;
    let display_name = &check_text("displayName", &new.display_name, 255)?;
    let email = &new.email.as_deref().map(check_email).transpose()?.flatten();
    let password_hash = &match &new.password {
        Some(password) => Some(forge.passwords().hash(password, forge.random()).await?),
        None => None,
    };
    let (permit, uuid) = (&permit, &forge.uuid());
    forge
        .store()
        .in_tx("accounts.create", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                let row = NewAccountRow {
                    uuid,
                    name,
                    is_organisation: false,
                    display_name,
                    email: email.as_deref(),
                    password_hash: password_hash.as_deref(),
                    is_admin: new.admin,
                    now_ms,
                };
                let id = rows::insert(tx, &row).await.map_err(taken)?;
                let detail = json!({ "admin": new.admin });
                let told = Note::of_account(Action::AccountCreate, id, name, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                own(tx, id).await
            })
        })
        .await
}

/// What a unique index says, in words for a person.
pub(crate) fn taken(error: StoreError) -> Error {
    if error.is_unique("accounts__name_key") {
        Error::conflict("username", "this name is taken; please choose another")
    } else if error.is_unique("accounts__email_key") {
        Error::conflict("email", "another account has this address")
    } else {
        error.into()
    }
}

async fn own(tx: &mut Tx<'_>, id: AccountId) -> Result<Account, Error> {
    Ok(rows::by_id(tx, id).await?.ok_or(Error::NotFound)?.into())
}

/// The account of this name; a disabled one is not found.
pub async fn get(forge: &Forge, name: &AccountName) -> Result<Account, Error> {
    let row = rows::by_name(&mut forge.store().read().await?, name).await?;
    row.filter(|row| !row.is_disabled)
        .map(Account::from)
        .ok_or(Error::NotFound)
}

/// The account with this id, whatever its state: for what it once did.
pub async fn by_id(forge: &Forge, id: AccountId) -> Result<Account, Error> {
    let row = rows::by_id(&mut forge.store().read().await?, id).await?;
    row.map(Account::from).ok_or(Error::NotFound)
}

/// Accounts that are not disabled, by name; at most 100 a page.
pub async fn list(forge: &Forge, limit: i64, offset: i64) -> Result<Page<Account>, Error> {
    let (limit, offset) = (limit.clamp(1, PAGE_LIMIT), offset.max(0));
    let mut conn = forge.store().read().await?;
    let items = rows::list(&mut conn, limit, offset)
        .await?
        .into_iter()
        .map(Account::from)
        .collect();
    Ok(Page {
        items,
        total: rows::count(&mut conn).await?,
        limit,
        offset,
    })
}

/// Every account, the disabled ones too, by name; at most 100 a page.
pub async fn list_all(
    forge: &Forge,
    permit: Permit<Administer>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Account>, Error> {
    let _permit = permit;
    let mut conn = forge.store().read().await?;
    let items = rows::list_all(&mut conn, limit.clamp(1, PAGE_LIMIT), offset.max(0)).await?;
    Ok(items.into_iter().map(Account::from).collect())
}

/// Accounts with this text, of at least two characters, in their name or display name; at most
/// 20 of them.
pub async fn search(forge: &Forge, text: &str) -> Result<Vec<Account>, Error> {
    let text = text.trim();
    if text.chars().count() < SEARCH_MIN_CHARS {
        return Err(Error::invalid(
            "q",
            format!("a search needs at least {SEARCH_MIN_CHARS} characters"),
        ));
    }
    let found = rows::search(&mut forge.store().read().await?, text, SEARCH_LIMIT).await?;
    Ok(found.into_iter().map(Account::from).collect())
}

/// How many public repositories each of these accounts has; those that have none are left out.
/// For lists of at most a page.
pub async fn public_repositories(
    forge: &Forge,
    accounts: &[Account],
) -> Result<HashMap<AccountId, i64>, Error> {
    let owners: Vec<_> = accounts.iter().map(|account| account.id).collect();
    let counts = rows::count_public_repositories(&mut forge.store().read().await?, &owners).await?;
    Ok(counts.into_iter().collect())
}

/// Changes the caller's profile.
pub async fn update_profile(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    change: ProfileChange,
    now_ms: i64,
) -> Result<Account, Error> {
    let text = |field, value: &Option<String>, limit| match value {
        Some(value) => check_text(field, value, limit).map(Some),
        None => Ok(None),
    };
    let display_name = &text("displayName", &change.display_name, 255)?;
    let bio = &text("bio", &change.bio, 2000)?;
    let email = &change.email.as_deref().map(check_email).transpose()?;
    let avatar_url = &change
        .avatar_url
        .as_deref()
        .map(|url| check_url("avatarUrl", url))
        .transpose()?;
    let is_other = |now: Option<&str>| {
        let key = |email: Option<&str>| email.map(str::to_lowercase);
        email
            .as_ref()
            .is_some_and(|email| key(email.as_deref()) != key(now))
    };
    let moves = is_other(permit.on().email.as_deref());
    let proven = &match moves {
        true => Some(passwords::prove(forge, &permit, change.present_password.as_deref(), now_ms).await?),
        false => None,
    };
    let permit = &permit;
    forge
        .store()
        .in_tx("accounts.update_profile", |tx| {
            Box::pin(async move {
                let id = permit.check_again(tx, now_ms).await?.id;
                let mut row = rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
                let before = row.clone();
                if is_other(before.email.as_deref()) {
                    // The password may have changed since it was asked for, or the address.
                    if proven.as_ref() != Some(&row.password_hash) {
                        return Err(Error::conflict(
                            "email",
                            "the account has just been changed by another request",
                        ));
                    }
                    row.email_verified_at_ms = None;
                }
                if let Some(value) = display_name {
                    row.display_name.clone_from(value);
                }
                if let Some(value) = bio {
                    row.bio.clone_from(value);
                }
                if let Some(value) = email {
                    row.email.clone_from(value);
                }
                if let Some(value) = avatar_url {
                    row.avatar_url.clone_from(value);
                }
                rows::update_profile(tx, &row, now_ms).await.map_err(taken)?;
                if is_other(before.email.as_deref()) {
                    moved(forge, tx, permit.caller(), &before, &row, now_ms).await?;
                }
                own(tx, id).await
            })
        })
        .await
}

/// What follows from another address: links to the one before are worthless, which is told what
/// happened, and the new one is asked to prove itself.
async fn moved(
    forge: &Forge,
    tx: &mut Tx<'_>,
    caller: &Caller,
    before: &AccountRow,
    after: &AccountRow,
    now_ms: i64,
) -> Result<(), Error> {
    plue_store::mail_links::delete_all(tx, after.id).await?;
    let told = Note::of_account(Action::EmailChange, after.id, &after.name, json!({}));
    note(tx, caller, told, now_ms).await?;
    mail::tell(
        forge,
        tx,
        before,
        News::AddressChanged,
        &caller.request_id,
        now_ms,
    )
    .await?;
    if let Some(email) = after.email.clone() {
        let letter = Letter::Verify { email, back: None };
        mail::owe(forge, tx, letter, &caller.request_id, now_ms).await?;
    }
    Ok(())
}

/// Disables an account or enables it again. With the account end its sessions, which are
/// answered, and its links; its tokens and keys stay, and open nothing while it is disabled.
pub async fn set_disabled(
    forge: &Forge,
    permit: Permit<Administer>,
    name: &AccountName,
    disabled: bool,
    now_ms: i64,
) -> Result<(Account, Vec<SessionId>), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("accounts.set_disabled", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                rows::lock_all(tx).await?;
                let row = rows::by_name(tx, name).await?.ok_or(Error::NotFound)?;
                rows::set_flags(tx, row.id, row.is_admin, disabled, now_ms).await?;
                let mut ended = Vec::new();
                if disabled {
                    require_an_admin(tx).await?;
                    rows::delete_open_links(tx, row.id).await?;
                    ended = plue_store::sessions::delete_all(tx, row.id, None).await?;
                }
                let action = match disabled {
                    true => Action::AccountDisable,
                    false => Action::AccountEnable,
                };
                let told = Note::of_account(action, row.id, &row.name, json!({}));
                note(tx, permit.caller(), told, now_ms).await?;
                Ok((own(tx, row.id).await?, ended))
            })
        })
        .await
}

/// Makes an account an administrator of the site, or no longer one.
pub async fn set_admin(
    forge: &Forge,
    permit: Permit<Administer>,
    name: &AccountName,
    admin: bool,
    now_ms: i64,
) -> Result<Account, Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("accounts.set_admin", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                rows::lock_all(tx).await?;
                let row = rows::by_name(tx, name).await?.ok_or(Error::NotFound)?;
                rows::set_flags(tx, row.id, admin, row.is_disabled, now_ms).await?;
                require_an_admin(tx).await?;
                let detail = json!({ "admin": [row.is_admin, admin] });
                let told = Note::of_account(Action::AccountAdmin, row.id, &row.name, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                own(tx, row.id).await
            })
        })
        .await
}

async fn require_an_admin(tx: &mut Tx<'_>) -> Result<(), Error> {
    if rows::count_admins(tx).await? == 0 {
        return Err(Error::Refused(
            "this is the last administrator; make another one first, or nobody could administer the site"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Whose SSH key it is whose signature was verified: an account's, or a repository's.
pub async fn by_ssh_fingerprint(forge: &Forge, fingerprint: &str, now_ms: i64) -> Result<Option<Who>, Error> {
    crate::ssh_keys::authenticate(forge, fingerprint, now_ms).await
}

/// What the gateway is told of an account that was recognised.
pub(crate) fn who(row: &AccountRow, via: Via, scopes: Scopes, repositories: Option<Vec<RepoId>>) -> Who {
    Who::Account {
        id: row.id,
        name: row.name.clone(),
        admin: row.is_admin,
        via,
        scopes,
        repositories,
    }
}

//! Accounts: made, found, changed, disabled; their passwords and one-time links; and what the
//! gateway is told of one that was recognised.

use crate::access::Permit;
use crate::access::accounts::{Administer, WriteSelf};
use crate::{Error, Forge};
use plue_contract::credentials::secret_hash;
use plue_contract::{AccountId, AccountName, RepoId, Scopes, SessionId, Via, Who};
use plue_store::accounts::{self as rows, AccountRow, NewAccountRow};
use plue_store::{StoreError, Tx};
use std::collections::HashMap;
use std::fmt::Write as _;

/// The account that a first start makes.
const FIRST_NAME: &str = "admin";
/// How long a one-time link holds, in milliseconds.
const LINK_LIFETIME_MS: i64 = 24 * 3_600_000;
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
    /// Its address for mail.
    pub email: Option<String>,
    /// Where its picture is: an `https:` or `http:` URL.
    pub avatar_url: Option<String>,
}

/// A link that signs an account in once.
#[derive(Clone)]
pub struct SigninLink {
    /// Whom it signs in.
    pub account: AccountName,
    /// What proves it: 64 hex digits.
    pub token: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// Makes the first administrator on an empty database, and a link to sign in with; makes a new
/// link at each later start for as long as that account has no password and never signed in.
pub async fn first_start(forge: &Forge, now_ms: i64) -> Result<Option<SigninLink>, Error> {
    let name = &FIRST_NAME
        .parse::<AccountName>()
        .map_err(|error| Error::Internal(error.to_string()))?;
    let (uuid, token) = (&forge.uuid(), &link_token(forge));
    let made = forge
        .store()
        .in_tx("accounts.first_start", |tx| {
            Box::pin(async move {
                rows::lock_all(tx).await?;
                let id = if rows::any(tx).await? {
                    let unused = |row: &AccountRow| {
                        row.is_admin
                            && !row.is_disabled
                            && row.password_hash.is_none()
                            && row.last_login_at_ms.is_none()
                    };
                    match rows::by_name(tx, name).await?.filter(unused) {
                        Some(row) => row.id,
                        None => return Ok(false),
                    }
                } else {
                    let new = NewAccountRow {
                        uuid,
                        name,
                        display_name: "",
                        email: None,
                        password_hash: None,
                        is_admin: true,
                        now_ms,
                    };
                    rows::insert(tx, &new).await?
                };
                replace_link(tx, id, token, now_ms).await?;
                Ok::<_, Error>(true)
            })
        })
        .await?;
    Ok(made.then(|| link(name, token, now_ms)))
}

/// Makes a link that signs an account in once, in place of those that it has.
pub async fn issue_link(
    forge: &Forge,
    permit: Permit<Administer>,
    name: &AccountName,
    now_ms: i64,
) -> Result<SigninLink, Error> {
    let (permit, token) = (&permit, &link_token(forge));
    let name = forge
        .store()
        .in_tx("accounts.issue_link", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                let row = rows::by_name(tx, name).await?.ok_or(Error::NotFound)?;
                if row.is_disabled {
                    return Err(Error::Refused(format!(
                        "the account {} is disabled; enable it first",
                        row.name
                    )));
                }
                replace_link(tx, row.id, token, now_ms).await?;
                Ok(row.name)
            })
        })
        .await?;
    Ok(link(&name, token, now_ms))
}

fn link_token(forge: &Forge) -> String {
    let bytes: [u8; 32] = forge.random();
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn link(account: &AccountName, token: &str, now_ms: i64) -> SigninLink {
    SigninLink {
        account: account.clone(),
        token: token.to_owned(),
        expires_at_ms: now_ms + LINK_LIFETIME_MS,
    }
}

async fn replace_link(tx: &mut Tx<'_>, id: AccountId, token: &str, now_ms: i64) -> Result<(), Error> {
    rows::delete_open_links(tx, id).await?;
    rows::insert_link(tx, id, &secret_hash(token), now_ms, now_ms + LINK_LIFETIME_MS).await?;
    Ok(())
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
                    display_name,
                    email: email.as_deref(),
                    password_hash: password_hash.as_deref(),
                    is_admin: new.admin,
                    now_ms,
                };
                let id = rows::insert(tx, &row).await.map_err(taken)?;
                own(tx, id).await
            })
        })
        .await
}

/// What a unique index says, in words for a person.
fn taken(error: StoreError) -> Error {
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
    let avatar_url = &change.avatar_url.as_deref().map(check_url).transpose()?;
    let permit = &permit;
    forge
        .store()
        .in_tx("accounts.update_profile", |tx| {
            Box::pin(async move {
                let id = permit.check_again(tx, now_ms).await?.id;
                let mut row = rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
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
                own(tx, id).await
            })
        })
        .await
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

/// Changes the caller's password; the present one is asked for where there is one. Needs a
/// session: a password opens everything, and a token may have been made to open less. Ends the
/// account's other sessions, which are answered.
pub async fn set_password(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    present: Option<&str>,
    new: &str,
    now_ms: i64,
) -> Result<Vec<SessionId>, Error> {
    let Who::Account {
        via: Via::Session(session) | Via::Jwt(session),
        ..
    } = &permit.caller().who
    else {
        return Err(Error::Forbidden(
            "sign in with a browser to change the password".to_owned(),
        ));
    };
    let session = &session.clone();
    let before = rows::by_id(&mut forge.store().read().await?, permit.on().id).await?;
    let before = &before.ok_or(Error::Unauthenticated)?.password_hash;
    if before.is_some() {
        let present = present.unwrap_or_default();
        let name = permit.on().name.key();
        if !forge
            .passwords()
            .verify(&name, before.as_deref(), present, now_ms)
            .await?
        {
            return Err(Error::Forbidden("the present password is another".to_owned()));
        }
    }
    let hash = &forge.passwords().hash(new, forge.random()).await?;
    let permit = &permit;
    forge
        .store()
        .in_tx("accounts.set_password", |tx| {
            Box::pin(async move {
                let id = permit.check_again(tx, now_ms).await?.id;
                let row = rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
                if row.password_hash != *before {
                    return Err(Error::conflict(
                        "password",
                        "the password has just been changed by another request",
                    ));
                }
                rows::set_password(tx, id, hash, now_ms).await?;
                Ok(plue_store::sessions::delete_all(tx, id, Some(session)).await?)
            })
        })
        .await
}

/// Gives an account a new password; ends its sessions, which are answered.
pub async fn reset_password(
    forge: &Forge,
    permit: Permit<Administer>,
    name: &AccountName,
    new: &str,
    now_ms: i64,
) -> Result<Vec<SessionId>, Error> {
    let hash = &forge.passwords().hash(new, forge.random()).await?;
    let permit = &permit;
    forge
        .store()
        .in_tx("accounts.reset_password", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                let row = rows::by_name(tx, name).await?.ok_or(Error::NotFound)?;
                rows::set_password(tx, row.id, hash, now_ms).await?;
                Ok(plue_store::sessions::delete_all(tx, row.id, None).await?)
            })
        })
        .await
}

/// Whose name and password these are; none where they do not hold or the account is disabled.
pub async fn authenticate_password(
    forge: &Forge,
    name: &str,
    password: &str,
    now_ms: i64,
) -> Result<Option<Who>, Error> {
    let row = with_password(forge, name, password, now_ms).await?;
    Ok(row.map(|row| who(&row, Via::Password, Scopes::ALL, None)))
}

/// The account whose name and password these are. A name that nobody has takes as long.
pub(crate) async fn with_password(
    forge: &Forge,
    name: &str,
    password: &str,
    now_ms: i64,
) -> Result<Option<AccountRow>, Error> {
    let row = match name.parse::<AccountName>() {
        Ok(name) => rows::by_name(&mut forge.store().read().await?, &name).await?,
        Err(_) => None,
    };
    let stored = row.as_ref().and_then(|row| row.password_hash.as_deref());
    let name = name.to_ascii_lowercase();
    let holds = forge.passwords().verify(&name, stored, password, now_ms).await?;
    Ok(row.filter(|row| holds && !row.is_disabled))
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

/// A name that somebody gives to a thing of theirs: one line of 1 to 255 characters.
pub(crate) fn check_label(field: &'static str, text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 255 || text.contains(char::is_control) {
        return Err(Error::invalid(field, "a name is one line of 1 to 255 characters"));
    }
    Ok(text.to_owned())
}

/// A text without control characters, save the ends of lines.
fn check_text(field: &'static str, text: &str, limit: usize) -> Result<String, Error> {
    let text = text.trim();
    if text.chars().count() > limit || text.contains(|c: char| c.is_control() && c != '\n' && c != '\r') {
        return Err(Error::invalid(
            field,
            format!("this is a text of at most {limit} characters"),
        ));
    }
    Ok(text.to_owned())
}

/// An address for mail, in so far as its form can be told; none for an empty text.
fn check_email(text: &str) -> Result<Option<String>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let parts = text.rsplit_once('@');
    let is_address = parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && text.chars().count() <= 255
        && !text.contains(|c: char| c.is_control() || c.is_whitespace() || "<>,;\"".contains(c));
    if !is_address {
        return Err(Error::invalid(
            "email",
            "this is not an address for mail, such as ada@example.org",
        ));
    }
    Ok(Some(text.to_owned()))
}

/// A URL that a browser may be sent to for a picture; none for an empty text.
fn check_url(text: &str) -> Result<Option<String>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let is_url = ["https://", "http://"]
        .iter()
        .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
        && text.len() <= 2048
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"'<>\\`".contains(&b));
    if !is_url {
        return Err(Error::invalid(
            "avatarUrl",
            "a picture's URL begins with https:// and has at most 2048 characters",
        ));
    }
    Ok(Some(text.to_owned()))
}

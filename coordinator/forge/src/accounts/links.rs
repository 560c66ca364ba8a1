//! One-time links: the first administrator's, and those that an administrator gives away.

use crate::access::Permit;
use crate::access::accounts::Administer;
use crate::audit::{Action, Note, note};
use crate::{Error, Forge};
use plue_contract::credentials::secret_hash;
use plue_contract::{AccountId, AccountName, Caller};
use plue_store::Tx;
use plue_store::accounts::{self as rows, AccountRow, NewAccountRow};
use serde_json::json;
use std::fmt::Write as _;

/// The account that a first start makes.
const FIRST_NAME: &str = "admin";
/// How long a one-time link holds, in milliseconds.
const LINK_LIFETIME_MS: i64 = 24 * 3_600_000;
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
                        is_organisation: false,
                        display_name: "",
                        email: None,
                        password_hash: None,
                        is_admin: true,
                        now_ms,
                    };
                    rows::insert(tx, &new).await?
                };
                replace_link(tx, id, token, now_ms).await?;
                let told = Note::of_account(Action::AccountLink, id, name, json!({}));
                note(tx, &Caller::system("first-start"), told, now_ms).await?;
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
                let told = Note::of_account(Action::AccountLink, row.id, &row.name, json!({}));
                note(tx, permit.caller(), told, now_ms).await?;
                Ok(row.name)
            })
        })
        .await?;
    Ok(link(&name, token, now_ms))
}

/// A token that nobody can guess: 64 hex digits.
pub(crate) fn link_token(forge: &Forge) -> String {
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

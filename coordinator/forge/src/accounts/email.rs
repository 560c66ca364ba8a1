//! The verbs about an account's address for mail: asking for a link, and using it.

use super::{Account, check_email, own};
use crate::audit::{Action, Note, note};
use crate::mail::{self, Letter, News};
use crate::{Error, Forge};
use plue_contract::{Caller, SessionId};
use plue_store::accounts as rows;
use plue_store::mail_links::{self, Purpose};
use serde_json::json;

/// Owes a letter to an address. Whether anybody has that address is found out later, and by nobody
/// who asks.
async fn ask(forge: &Forge, letter: Letter, request_id: &str, now_ms: i64) -> Result<(), Error> {
    mail::require_post(forge)?;
    let letter = &letter;
    forge
        .store()
        .in_tx("accounts.ask_for_letter", |tx| {
            Box::pin(async move { mail::owe(forge, tx, letter.clone(), request_id, now_ms).await })
        })
        .await
}

fn address(text: &str) -> Result<String, Error> {
    check_email(text)?.ok_or_else(|| Error::invalid("email", "type the address for mail of your account"))
}

/// Sends a link that sets another password to an address, if an account has it; nobody learns
/// whether one does. `back` is where the link ends in place of our own page.
pub async fn ask_for_reset(
    forge: &Forge,
    email: &str,
    back: Option<String>,
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let email = address(email)?;
    ask(forge, Letter::Reset { email, back }, request_id, now_ms).await
}

/// Sends a link that proves an address, if an account has it and has not proven it; nobody learns
/// whether one does.
pub async fn ask_for_verification(
    forge: &Forge,
    email: &str,
    back: Option<String>,
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let email = address(email)?;
    ask(forge, Letter::Verify { email, back }, request_id, now_ms).await
}

/// Whether a link that sets another password holds just now.
pub async fn holds_reset(forge: &Forge, token: &str, now_ms: i64) -> Result<bool, Error> {
    let found = mail::look_at_link(forge, Purpose::Reset, token, now_ms).await?;
    Ok(found.is_some())
}

/// Sets another password by a link, which is used up and proves the address that it was sent to.
/// The account's sessions end, and are answered; none where the link does not hold. A password
/// that breaks the rules leaves the link as it is.
pub async fn reset_by_link(
    forge: &Forge,
    caller: &Caller,
    token: &str,
    new: &str,
    now_ms: i64,
) -> Result<Option<Vec<SessionId>>, Error> {
    // Looked at first: a hash costs much, and who has no link is not to cause one.
    if !holds_reset(forge, token, now_ms).await? {
        return Ok(None);
    }
    let hash = &forge.passwords().hash(new, forge.random()).await?;
    forge
        .store()
        .in_tx("accounts.reset_by_link", |tx| {
            Box::pin(async move {
                let Some(account) = mail::take_link(tx, Purpose::Reset, token, now_ms).await? else {
                    return Ok(None);
                };
                rows::set_password(tx, account.id, hash, now_ms).await?;
                if account.email_verified_at_ms.is_none() {
                    rows::set_email_verified(tx, account.id, now_ms).await?;
                }
                rows::delete_open_links(tx, account.id).await?;
                mail_links::delete_all(tx, account.id).await?;
                let detail = json!({ "by": "link" });
                let told = Note::of_account(Action::PasswordReset, account.id, &account.name, detail);
                note(tx, caller, told, now_ms).await?;
                mail::tell(forge, tx, &account, News::PasswordSet, &caller.request_id, now_ms).await?;
                let ended = plue_store::sessions::delete_all(tx, account.id, None).await?;
                Ok::<_, Error>(Some(ended))
            })
        })
        .await
}

/// Proves an address by the link that was sent to it; none where the link does not hold.
pub async fn verify(
    forge: &Forge,
    caller: &Caller,
    token: &str,
    now_ms: i64,
) -> Result<Option<Account>, Error> {
    forge
        .store()
        .in_tx("accounts.verify_email", |tx| {
            Box::pin(async move {
                let Some(account) = mail::take_link(tx, Purpose::Verify, token, now_ms).await? else {
                    return Ok(None);
                };
                rows::set_email_verified(tx, account.id, now_ms).await?;
                let told = Note::of_account(Action::EmailVerify, account.id, &account.name, json!({}));
                note(tx, caller, told, now_ms).await?;
                own(tx, account.id).await.map(Some)
            })
        })
        .await
}

//! The verbs about an account's password. How one is hashed and checked is in
//! [`crate::passwords`].

use super::who;
use crate::access::Permit;
use crate::access::accounts::{Administer, WriteSelf};
use crate::audit::{Action, Note, note};
use crate::{Error, Forge, second_factor};
use plue_contract::{AccountName, Caller, Scopes, SessionId, Via, Who, causes};
use plue_store::Conn;
use plue_store::accounts::{self as rows, AccountRow};
use serde_json::json;

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
    let before = &prove(forge, &permit, present, now_ms).await?;
    let session = &session(&permit)?.clone();
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
                let told = Note::of_account(Action::PasswordChange, id, &row.name, json!({}));
                note(tx, permit.caller(), told, now_ms).await?;
                Ok(plue_store::sessions::delete_all(tx, id, Some(session)).await?)
            })
        })
        .await
}

/// The session behind a caller that changes what opens the account: a token may have been made to
/// open less than that.
fn session(permit: &Permit<WriteSelf>) -> Result<&SessionId, Error> {
    match &permit.caller().who {
        Who::Account {
            via: Via::Session(session) | Via::Jwt(session),
            ..
        } => Ok(session),
        _ => Err(Error::Forbidden(
            "sign in with a browser to change what opens your account".to_owned(),
        )),
    }
}

/// Refuses a caller without a session.
pub(crate) fn require_session(permit: &Permit<WriteSelf>) -> Result<(), Error> {
    session(permit).map(drop)
}

/// Asks for a session, and for the present password where there is one, of who changes what opens
/// the account; answers the stored hash, which the transaction must find unchanged.
pub(crate) async fn prove(
    forge: &Forge,
    permit: &Permit<WriteSelf>,
    present: Option<&str>,
    now_ms: i64,
) -> Result<Option<String>, Error> {
    session(permit)?;
    let row = rows::by_id(&mut forge.store().read().await?, permit.on().id).await?;
    let stored = row.ok_or(Error::Unauthenticated)?.password_hash;
    if stored.is_some() {
        let (name, present) = (permit.on().name.key(), present.unwrap_or_default());
        let holds = forge
            .passwords()
            .verify(&name, stored.as_deref(), present, now_ms);
        if !holds.await? {
            return Err(Error::invalid("current", "this is not your present password"));
        }
    }
    Ok(stored)
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
                let told = Note::of_account(Action::PasswordReset, row.id, &row.name, json!({}));
                note(tx, permit.caller(), told, now_ms).await?;
                Ok(plue_store::sessions::delete_all(tx, row.id, None).await?)
            })
        })
        .await
}

/// Whose name and password these are, where a password is all that can be shown; none where they do
/// not hold, the account is disabled, or it has a second factor: then a token takes its place.
pub async fn authenticate_password(
    forge: &Forge,
    name: &str,
    password: &str,
    now_ms: i64,
) -> Result<Option<Who>, Error> {
    let Some(row) = with_password(forge, name, password, now_ms).await? else {
        // Beside the answer, whose time would else tell who has an account.
        let (forge, name) = (forge.clone(), name.to_owned());
        tokio::spawn(async move {
            if let Err(error) = note_wrong(&forge, &name, now_ms).await {
                tracing::warn!(error = %causes(&error), "a wrong password could not be written down");
            }
        });
        return Ok(None);
    };
    if second_factor::is_owed(&mut forge.store().read().await?, row.id).await? {
        return Ok(None);
    }
    Ok(Some(who(&row, Via::Password, Scopes::ALL, None)))
}

/// Writes down that somebody did not know the password of an account that is there, where a
/// password is all that can be shown; once in a minute for each account.
async fn note_wrong(forge: &Forge, name: &str, now_ms: i64) -> Result<(), Error> {
    let found = named(&mut forge.store().read().await?, name).await?;
    let Some(row) = &found.filter(|row| forge.passwords().is_worth_a_note(row.id, now_ms)) else {
        return Ok(());
    };
    forge
        .store()
        .in_tx("accounts.note_wrong", |tx| {
            Box::pin(async move {
                let detail = json!({ "by": "a password that was sent with a request" });
                let told = Note::of_account(Action::SessionRefuse, row.id, &row.name, detail);
                note(tx, &Caller::anonymous(None, String::new()), told, now_ms).await
            })
        })
        .await
}

/// The account that somebody means who signs in: by its name, or by its address for mail.
pub(crate) async fn named(conn: &mut Conn, text: &str) -> Result<Option<AccountRow>, Error> {
    Ok(match text.parse::<AccountName>() {
        Ok(name) => rows::by_name(conn, &name).await?,
        Err(_) if text.contains('@') => rows::by_email(conn, text.trim()).await?,
        Err(_) => None,
    })
}

/// The account whose name and password these are. A name that nobody has takes as long.
pub(crate) async fn with_password(
    forge: &Forge,
    name: &str,
    password: &str,
    now_ms: i64,
) -> Result<Option<AccountRow>, Error> {
    let row = named(&mut forge.store().read().await?, name).await?;
    let stored = row.as_ref().and_then(|row| row.password_hash.as_deref());
    let name = name.to_ascii_lowercase();
    let holds = forge.passwords().verify(&name, stored, password, now_ms).await?;
    Ok(row.filter(|row| holds && !row.is_disabled))
}

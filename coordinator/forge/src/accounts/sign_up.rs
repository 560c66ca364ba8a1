//! How somebody who has no account makes one, where the site lets everybody.

use super::{check_email, check_text, taken};
use crate::access::Permit;
use crate::access::accounts::Join;
use crate::audit::{Action, Note, note};
use crate::mail::{self, Letter};
use crate::sessions::{self, Client, Fresh, Opened};
use crate::{Error, Forge};
use plue_contract::AccountName;
use plue_store::accounts::{self as rows, NewAccountRow};
use serde_json::json;

/// An account that somebody wants for themselves.
#[derive(Clone, Default)]
pub struct SignUp {
    /// Its name.
    pub name: String,
    /// What people call it; may be empty.
    pub display_name: String,
    /// Its address for mail.
    pub email: String,
    /// Its password.
    pub password: String,
    /// Where the link ends that proves the address, in place of our own page.
    pub back: Option<String>,
}

/// Makes an account and opens its first session. A link that proves its address is sent, where the
/// site sends mail.
pub async fn sign_up(
    forge: &Forge,
    permit: Permit<Join>,
    new: SignUp,
    client: Client,
    now_ms: i64,
) -> Result<Opened, Error> {
    let name =
        &AccountName::claim(&new.name).map_err(|error| Error::invalid("username", error.to_string()))?;
    let display_name = &check_text("name", &new.display_name, 255)?;
    let email = check_email(&new.email)?;
    let email = &email.ok_or_else(|| Error::invalid("email", "an account needs an address for mail"))?;
    let password_hash = &forge.passwords().hash(&new.password, forge.random()).await?;
    let (permit, uuid, back) = (&permit, &forge.uuid(), &new.back);
    let fresh = &Fresh::new(forge, client, now_ms)?;
    let account = forge
        .store()
        .in_tx("accounts.sign_up", |tx| {
            Box::pin(async move {
                let row = NewAccountRow {
                    uuid,
                    name,
                    is_organisation: false,
                    display_name,
                    email: Some(email),
                    password_hash: Some(password_hash),
                    is_admin: false,
                    now_ms,
                };
                let id = rows::insert(tx, &row).await.map_err(taken)?;
                let detail = json!({ "by": "sign-up" });
                let told = Note::of_account(Action::AccountCreate, id, name, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                let letter = Letter::Verify {
                    email: email.clone(),
                    back: back.clone(),
                };
                mail::owe(forge, tx, letter, &permit.caller().request_id, now_ms).await?;
                let row = rows::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                sessions::enter(tx, fresh, row, "sign-up", now_ms).await
            })
        })
        .await?;
    Ok(fresh.opened(account))
}

/// Whether this is the name of nobody yet, and may become one's.
pub async fn is_free(forge: &Forge, name: &str) -> Result<bool, Error> {
    let name = AccountName::claim(name).map_err(|error| Error::invalid("username", error.to_string()))?;
    let found = rows::owner_by_name(&mut forge.store().read().await?, &name).await?;
    Ok(found.is_none())
}

//! Applications, and the verbs of those who make them.

use crate::access::Permit;
use crate::access::accounts::{ReadSelf, WriteSelf};
use crate::accounts::{check_label, check_url, require_session};
use crate::audit::{Action, Note, note};
use crate::{Error, Forge};
use plue_contract::credentials::secret_hash;
use plue_store::Conn;
use plue_store::accounts::{self as account_rows, AccountRow};
use plue_store::oauth::{self as rows, AppRow};
use serde_json::json;

/// How many applications one account makes at most.
const MAX_APPS: usize = 50;
/// How many addresses an application may be sent back to.
const MAX_REDIRECTS: usize = 10;
/// The longest of them, in bytes.
const MAX_REDIRECT_BYTES: usize = 1_024;

/// An application that may act for people who allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub id: i64,
    /// What it calls itself.
    pub name: String,
    /// Where people read of it; may be empty.
    pub website: String,
    /// What it may be sent back to.
    pub redirect_uris: Vec<String>,
    /// The name that it goes by.
    pub client_id: String,
    /// Whether it has a secret, and must show it.
    pub confidential: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was changed last.
    pub updated_at_ms: i64,
}

impl From<AppRow> for App {
    fn from(row: AppRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            website: row.website,
            redirect_uris: row.redirect_uris.lines().map(str::to_owned).collect(),
            client_id: row.client_id,
            confidential: row.secret_hash.is_some(),
            created_at_ms: row.created_at_ms,
            updated_at_ms: row.updated_at_ms,
        }
    }
}

/// What whoever makes an application says of it.
#[derive(Clone, Debug, Default)]
pub struct AppText {
    /// What it calls itself.
    pub name: String,
    /// Where people read of it; may be empty.
    pub website: String,
    /// What it may be sent back to, one a line.
    pub redirect_uris: String,
}

/// An application, and its secret where it has just got one, which is shown this once.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    /// The application.
    pub app: App,
    /// Forty hex digits.
    pub secret: Option<String>,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made")
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}

impl AppText {
    fn checked(&self) -> Result<Self, Error> {
        let mut redirects = Vec::new();
        for line in self
            .redirect_uris
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            check_redirect(line).map_err(|why| Error::invalid("redirectUris", format!("{line}: {why}")))?;
            if !redirects.contains(&line) {
                redirects.push(line);
            }
        }
        if redirects.is_empty() || redirects.len() > MAX_REDIRECTS {
            let why = format!("an application is sent back to between 1 and {MAX_REDIRECTS} addresses");
            return Err(Error::invalid("redirectUris", why));
        }
        Ok(Self {
            name: check_label("name", &self.name)?,
            website: check_url("website", &self.website)?.unwrap_or_default(),
            redirect_uris: redirects.join("\n"),
        })
    }
}

/// Says what is wrong with an address to be sent back to: over TLS, or on the person's own machine,
/// or of a program there by a scheme that looks like a domain (RFC 8252, 7).
fn check_redirect(uri: &str) -> Result<(), &'static str> {
    const FORM: &str = "expected https://…, http://127.0.0.1… or http://localhost…, or a program's own scheme such \
                        as org.example.app:/back";
    if uri.len() > MAX_REDIRECT_BYTES {
        return Err("it is too long");
    }
    if !uri
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\\\"'<>`#*".contains(&byte))
    {
        return Err("it holds spaces, a fragment, or signs that do not belong into an address");
    }
    let (scheme, rest) = uri.split_once(':').ok_or(FORM)?;
    let authority = rest
        .strip_prefix("//")
        .map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    match (scheme, authority) {
        ("https" | "http", Some(authority)) if authority.contains('@') => {
            Err("it holds a name or a password before its host")
        }
        ("https", Some(authority)) if !authority.is_empty() => Ok(()),
        ("http", Some(authority)) => {
            let host = match authority.rsplit_once(':') {
                Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
                _ => authority,
            };
            match host {
                "127.0.0.1" | "localhost" | "[::1]" => Ok(()),
                _ => Err(FORM),
            }
        }
        (scheme, _) => {
            let is_own = scheme.contains('.')
                && scheme.starts_with(|c: char| c.is_ascii_lowercase())
                && scheme
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".+-".contains(&byte));
            if is_own && rest.starts_with('/') {
                Ok(())
            } else {
                Err(FORM)
            }
        }
    }
}

pub(super) fn hex<const N: usize>(forge: &Forge) -> String {
    let bytes: [u8; N] = forge.random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn find(conn: &mut Conn, owner: &AccountRow, id: i64) -> Result<AppRow, Error> {
    rows::app_of(conn, owner.id, id).await?.ok_or(Error::NotFound)
}

/// Makes an application. One that can keep a secret gets one. Needs a session.
pub async fn create(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    text: &AppText,
    confidential: bool,
    now_ms: i64,
) -> Result<Made, Error> {
    require_session(&permit)?;
    let text = &text.checked()?;
    let secret = confidential.then(|| hex::<20>(forge));
    let (permit, hash) = (&permit, &secret.as_deref().map(secret_hash));
    let client_id = &format!("wit_app_{}", hex::<10>(forge));
    let row = forge
        .store()
        .in_tx("oauth.create_app", |tx| {
            Box::pin(async move {
                let id = permit.check_again(tx, now_ms).await?.id;
                let owner = account_rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
                if rows::apps_of(tx, owner.id).await?.len() >= MAX_APPS {
                    return Err(Error::Refused(format!(
                        "an account has at most {MAX_APPS} applications; remove one first"
                    )));
                }
                let mut row = AppRow {
                    id: 0,
                    account_id: owner.id,
                    name: text.name.clone(),
                    website: text.website.clone(),
                    redirect_uris: text.redirect_uris.clone(),
                    client_id: client_id.clone(),
                    secret_hash: hash.map(Vec::from),
                    created_at_ms: now_ms,
                    updated_at_ms: now_ms,
                };
                row.id = rows::insert_app(tx, &row).await?;
                let detail = json!({ "app": row.client_id, "name": row.name });
                let told = Note::of_account(Action::AppCreate, owner.id, &owner.name, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                Ok(row)
            })
        })
        .await?;
    Ok(Made {
        app: row.into(),
        secret,
    })
}

/// The caller's applications, the oldest first.
pub async fn list(forge: &Forge, permit: Permit<ReadSelf>) -> Result<Vec<App>, Error> {
    let found = rows::apps_of(&mut forge.store().read().await?, permit.on().id).await?;
    Ok(found.into_iter().map(App::from).collect())
}

/// One of the caller's applications.
pub async fn get(forge: &Forge, permit: Permit<ReadSelf>, id: i64) -> Result<App, Error> {
    let found = rows::app_of(&mut forge.store().read().await?, permit.on().id, id).await?;
    found.map(App::from).ok_or(Error::NotFound)
}

/// Changes what is said of an application. Needs a session.
pub async fn update(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    id: i64,
    text: &AppText,
    now_ms: i64,
) -> Result<App, Error> {
    require_session(&permit)?;
    let (permit, text) = (&permit, &text.checked()?);
    let row = forge
        .store()
        .in_tx("oauth.update_app", |tx| {
            Box::pin(async move {
                let owner = permit.check_again(tx, now_ms).await?;
                let row = AppRow {
                    name: text.name.clone(),
                    website: text.website.clone(),
                    redirect_uris: text.redirect_uris.clone(),
                    updated_at_ms: now_ms,
                    ..find(tx, &owner, id).await?
                };
                rows::update_app(tx, &row).await?;
                let detail = json!({ "app": row.client_id, "redirects": row.redirect_uris });
                let told = Note::of_account(Action::AppUpdate, owner.id, &owner.name, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                Ok::<_, Error>(row)
            })
        })
        .await?;
    Ok(row.into())
}

/// Gives an application another secret; the one that it had proves nothing any more. Needs a
/// session.
pub async fn renew_secret(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    id: i64,
    now_ms: i64,
) -> Result<Made, Error> {
    require_session(&permit)?;
    let secret = hex::<20>(forge);
    let (permit, hash) = (&permit, &secret_hash(&secret));
    let row = forge
        .store()
        .in_tx("oauth.renew_secret", |tx| {
            Box::pin(async move {
                let owner = permit.check_again(tx, now_ms).await?;
                let before = find(tx, &owner, id).await?;
                if before.secret_hash.is_none() {
                    return Err(Error::Refused(
                        "this application was made without a secret, since it could keep none".to_owned(),
                    ));
                }
                let row = AppRow {
                    secret_hash: Some(hash.to_vec()),
                    updated_at_ms: now_ms,
                    ..before
                };
                rows::update_app(tx, &row).await?;
                let detail = json!({ "app": row.client_id });
                let told = Note::of_account(Action::AppSecret, owner.id, &owner.name, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                Ok(row)
            })
        })
        .await?;
    Ok(Made {
        app: row.into(),
        secret: Some(secret),
    })
}

/// Removes an application; whatever it was allowed is allowed no more. Needs a session.
pub async fn delete(forge: &Forge, permit: Permit<WriteSelf>, id: i64, now_ms: i64) -> Result<(), Error> {
    require_session(&permit)?;
    let permit = &permit;
    forge
        .store()
        .in_tx("oauth.delete_app", |tx| {
            Box::pin(async move {
                let owner = permit.check_again(tx, now_ms).await?;
                let row = find(tx, &owner, id).await?;
                rows::delete_app(tx, row.id).await?;
                let detail = json!({ "app": row.client_id, "name": row.name });
                let told = Note::of_account(Action::AppDelete, owner.id, &owner.name, detail);
                note(tx, permit.caller(), told, now_ms).await
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_nobody_else_reads_are_taken() {
        for good in [
            "https://app.example/back",
            "https://app.example:8443/back?a=b",
            "http://127.0.0.1:7777/back",
            "http://localhost/back",
            "http://[::1]:7/",
            "org.example.app:/back",
            "org.example.app://back",
        ] {
            assert_eq!(check_redirect(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "back",
            "/back",
            "//app.example/back",
            "http://app.example/back",
            "http://127.0.0.1.evil.example/back",
            "http://localhost@evil.example/back",
            "https://app.example@evil.example/",
            "https:///back",
            "https:app.example",
            "https://app.example/#part",
            "https://app.example/a b",
            "https://app.example\\@evil.example/",
            "https://*.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp:/back",
            "org.example.app:back",
            "Org.example:/back",
        ] {
            assert!(check_redirect(bad).is_err(), "{bad}");
        }
        assert!(check_redirect(&format!("https://a.example/{}", "a".repeat(1_024))).is_err());
    }
}

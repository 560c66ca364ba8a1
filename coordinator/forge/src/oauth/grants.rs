//! What people allow applications: the question, the code, and the tokens that it is turned into.

use super::apps::{App, hex};
use super::scopes::Asked;
use crate::access::Permit;
use crate::access::accounts::{ReadSelf, WriteSelf};
use crate::accounts::{Account, require_session};
use crate::audit::{Action, Note, note};
use crate::{Error, Forge};
use plue_contract::credentials::secret_hash;
use plue_contract::{AccountName, Caller, TokenId};
use plue_store::accounts::{self as account_rows, AccountRow};
use plue_store::oauth::{self as rows, AppRow, GrantRow, NewGrant};
use plue_store::tokens::{self as token_rows, TokenRow};
use plue_store::{Conn, Tx};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How long a code holds, in milliseconds.
const CODE_LIFETIME_MS: i64 = 10 * 60_000;
/// How long an access token holds, in milliseconds.
pub const ACCESS_LIFETIME_MS: i64 = 8 * 3_600_000;
/// How long a refresh token holds, in milliseconds.
const REFRESH_LIFETIME_MS: i64 = 30 * 24 * 3_600_000;
/// The longest nonce that is kept, in bytes.
const MAX_NONCE_BYTES: usize = 255;

/// What an application asks a person's browser to bring here, as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Which application asks.
    pub client_id: String,
    /// Where it wants the answer.
    pub redirect_uri: String,
    /// `code`.
    pub response_type: String,
    /// What it wants to be allowed, separated by spaces.
    pub scope: String,
    /// The hash of its verifier.
    pub code_challenge: String,
    /// `S256`.
    pub code_challenge_method: String,
    /// What it wants to find in the ID token.
    pub nonce: Option<String>,
}

/// A question that may be put to a person.
#[derive(Clone, Debug)]
pub struct Requested {
    /// Which application asks.
    pub app: App,
    /// Who made it.
    pub made_by: AccountName,
    /// Where the answer goes: one of the application's addresses, sign by sign.
    pub redirect_uri: String,
    /// What it wants to be allowed.
    pub asked: Asked,
    code_challenge: String,
    nonce: Option<String>,
}

/// Why a question is put to nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The application or its address is not known: told to the person, and sent nowhere.
    Stranger(&'static str),
    /// Told to the application, at an address of its own.
    Told {
        /// That address.
        redirect_uri: String,
        /// One of RFC 6749's words.
        error: &'static str,
        /// What is wrong.
        why: &'static str,
    },
}

fn is_challenge(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Looks at a question before anybody is asked.
pub async fn look_at(forge: &Forge, request: &Request) -> Result<Result<Requested, Refusal>, Error> {
    let mut conn = forge.store().read().await?;
    let Some(row) = rows::app_by_client(&mut conn, &request.client_id).await? else {
        return Ok(Err(Refusal::Stranger(
            "There is no application of this client id.",
        )));
    };
    let owner = account_rows::by_id(&mut conn, row.account_id).await?;
    let Some(owner) = owner.filter(|owner| !owner.is_disabled) else {
        return Ok(Err(Refusal::Stranger(
            "There is no application of this client id.",
        )));
    };
    let app = App::from(row);
    if !app.redirect_uris.contains(&request.redirect_uri) {
        return Ok(Err(Refusal::Stranger(
            "The address to go back to is none of those that the application was registered with.",
        )));
    }
    let told = |error, why| {
        Ok(Err(Refusal::Told {
            redirect_uri: request.redirect_uri.clone(),
            error,
            why,
        }))
    };
    if request.response_type != "code" {
        return told(
            "unsupported_response_type",
            "only the response type code is spoken here",
        );
    }
    if request.code_challenge_method != "S256" || !is_challenge(&request.code_challenge) {
        return told(
            "invalid_request",
            "PKCE is needed: a code_challenge, and the code_challenge_method S256",
        );
    }
    let Some(asked) = Asked::read(&request.scope).filter(|asked| !asked.is_empty()) else {
        return told(
            "invalid_scope",
            "a scope is missing or is none of those at /oauth/scopes",
        );
    };
    if request
        .nonce
        .as_ref()
        .is_some_and(|nonce| nonce.len() > MAX_NONCE_BYTES)
    {
        return told("invalid_request", "the nonce is too long");
    }
    Ok(Ok(Requested {
        app,
        made_by: owner.name,
        redirect_uri: request.redirect_uri.clone(),
        asked,
        code_challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
    }))
}

/// Allows an application what it asked for; answers the code that it gets. Needs a session.
pub async fn approve(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    requested: &Requested,
    now_ms: i64,
) -> Result<String, Error> {
    require_session(&permit)?;
    let code = hex::<16>(forge);
    let (permit, hash) = (&permit, &secret_hash(&code));
    forge
        .store()
        .in_tx("oauth.approve", |tx| {
            Box::pin(async move {
                let id = permit.check_again(tx, now_ms).await?.id;
                // Locked, so that two yeses at once are one authorization.
                let row = account_rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
                let app = &requested.app;
                let authorization = match rows::authorization(tx, id, app.id).await? {
                    Some(before) => {
                        let all = Asked::read(&before.scopes)
                            .unwrap_or_default()
                            .with(requested.asked);
                        rows::update_authorization(tx, before.id, &all.to_string(), now_ms).await?;
                        before.id
                    }
                    None => {
                        let scopes = requested.asked.to_string();
                        rows::insert_authorization(tx, id, app.id, &scopes, now_ms).await?
                    }
                };
                let new = NewGrant {
                    authorization,
                    scopes: &requested.asked.to_string(),
                    code_hash: hash,
                    redirect_uri: &requested.redirect_uri,
                    code_challenge: &requested.code_challenge,
                    nonce: requested.nonce.as_deref(),
                    expires_at_ms: now_ms.saturating_add(CODE_LIFETIME_MS),
                };
                rows::insert_grant(tx, &new).await?;
                let detail = json!({
                    "app": app.client_id,
                    "name": app.name,
                    "scopes": requested.asked.to_string(),
                });
                let told = Note::of_account(Action::AppAllow, id, &row.name, detail);
                note(tx, permit.caller(), told, now_ms).await
            })
        })
        .await?;
    Ok(code)
}

/// Who asks for tokens.
#[derive(Clone, Default)]
pub struct Client {
    /// The name that the application goes by.
    pub client_id: String,
    /// Its secret, where it has one.
    pub client_secret: Option<String>,
}

/// Why no tokens were given, in RFC 6749's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not the application that it says it is.
    Client,
    /// The code or the refresh token does not hold for it.
    Grant(&'static str),
    /// It asks for more than it was allowed.
    Scope,
}

/// Tokens that an application has got, which are shown this once.
#[derive(Clone)]
pub struct Issued {
    /// `wit_oauth_` and forty hex digits.
    pub access_token: String,
    /// `wit_refresh_` and forty hex digits.
    pub refresh_token: String,
    /// What they are for.
    pub allowed: Asked,
    /// Who allowed it.
    pub account: Account,
    /// What the application wants to find in the ID token.
    pub nonce: Option<String>,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Issued({})", self.allowed)
    }
}

/// The application, if it has shown that it is itself.
async fn known(conn: &mut Conn, client: &Client) -> Result<Option<AppRow>, Error> {
    let Some(app) = rows::app_by_client(conn, &client.client_id).await? else {
        return Ok(None);
    };
    let shown = client
        .client_secret
        .as_deref()
        .filter(|secret| !secret.is_empty());
    let is_itself = match (&app.secret_hash, shown) {
        (None, None) => true,
        (Some(hash), Some(secret)) => hash.as_slice().ct_eq(&secret_hash(secret)[..]).into(),
        // One without a secret that shows one mistakes itself for another.
        _ => false,
    };
    Ok(is_itself.then_some(app))
}

/// What is done with tokens that are about to be given.
struct Fresh {
    access: String,
    refresh: String,
}

impl Fresh {
    fn new(forge: &Forge) -> Self {
        Self {
            access: format!("wit_oauth_{}", hex::<20>(forge)),
            refresh: format!("wit_refresh_{}", hex::<20>(forge)),
        }
    }

    fn issued(&self, given: Given) -> Issued {
        Issued {
            access_token: self.access.clone(),
            refresh_token: self.refresh.clone(),
            allowed: given.allowed,
            account: given.account.into(),
            nonce: given.nonce,
        }
    }
}

struct Given {
    allowed: Asked,
    account: AccountRow,
    nonce: Option<String>,
}

/// Gives the tokens of a grant, in place of those that it had.
async fn give(
    tx: &mut Tx<'_>,
    fresh: &Fresh,
    app: &AppRow,
    grant: GrantRow,
    allowed: Asked,
    now_ms: i64,
) -> Result<Result<Given, Refused>, Error> {
    let account = account_rows::by_id(tx, grant.account_id).await?;
    let Some(account) = account.filter(|account| !account.is_disabled) else {
        return Ok(Err(Refused::Grant(
            "whoever allowed it has no account here any more",
        )));
    };
    token_rows::delete_of_grant(tx, grant.id).await?;
    let row = TokenRow {
        id: TokenId(0),
        account_id: account.id,
        name: app.name.clone(),
        agent: None,
        last_eight: fresh.access[fresh.access.len() - 8..].to_owned(),
        scopes: allowed.powers(),
        is_bound: false,
        grant_id: Some(grant.id),
        created_at_ms: now_ms,
        expires_at_ms: Some(now_ms.saturating_add(ACCESS_LIFETIME_MS)),
        last_used_at_ms: None,
    };
    token_rows::insert(tx, &row, &secret_hash(&fresh.access)).await?;
    let until_ms = now_ms.saturating_add(REFRESH_LIFETIME_MS);
    rows::insert_refresh(tx, grant.id, &secret_hash(&fresh.refresh), until_ms).await?;
    Ok(Ok(Given {
        allowed,
        account,
        nonce: grant.nonce,
    }))
}

/// Ends a family whose code or refresh token was shown twice.
async fn end_stolen(
    tx: &mut Tx<'_>,
    app: &AppRow,
    grant: &GrantRow,
    what: &str,
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    rows::delete_grant(tx, grant.id).await?;
    let owner = account_rows::by_id(tx, grant.account_id)
        .await?
        .ok_or(Error::NotFound)?;
    let detail = json!({ "app": app.client_id, "shown_twice": what });
    let told = Note::of_account(Action::AppReplay, owner.id, &owner.name, detail);
    let caller = Caller::anonymous(None, request_id.to_owned());
    note(tx, &caller, told, now_ms).await
}

/// Turns a code into tokens, once, for the application that it was given to.
pub async fn exchange(
    forge: &Forge,
    client: &Client,
    code: &str,
    redirect_uri: &str,
    verifier: &str,
    request_id: &str,
    now_ms: i64,
) -> Result<Result<Issued, Refused>, Error> {
    const NO_CODE: Refused =
        Refused::Grant("the code does not hold: it was used, its time is over, or it is not yours");
    let (fresh, hash) = (&Fresh::new(forge), &secret_hash(code));
    let given = forge
        .store()
        .in_tx("oauth.exchange", |tx| {
            Box::pin(async move {
                let Some(app) = known(tx, client).await? else {
                    return Ok(Err(Refused::Client));
                };
                let grant = rows::grant_by_code(tx, hash).await?;
                // A code of another application is none, and stays as it is.
                let Some(grant) = grant.filter(|grant| grant.app_id == app.id) else {
                    return Ok(Err(NO_CODE));
                };
                // Whatever else is wrong with this attempt, there is no second one.
                if !rows::use_code(tx, hash, now_ms).await? {
                    end_stolen(tx, &app, &grant, "code", request_id, now_ms).await?;
                    return Ok(Err(NO_CODE));
                }
                if grant.expires_at_ms <= now_ms {
                    return Ok(Err(NO_CODE));
                }
                if grant.redirect_uri != redirect_uri {
                    return Ok(Err(Refused::Grant(
                        "redirect_uri is not the one that the code was asked for with",
                    )));
                }
                let made = challenge_of(verifier);
                let same: bool = made.as_bytes().ct_eq(grant.code_challenge.as_bytes()).into();
                if !is_verifier(verifier) || !same {
                    return Ok(Err(Refused::Grant(
                        "code_verifier is not the one of the code_challenge",
                    )));
                }
                let allowed = Asked::read(&grant.scopes).unwrap_or_default();
                give(tx, fresh, &app, grant, allowed, now_ms).await
            })
        })
        .await?;
    Ok(given.map(|given| fresh.issued(given)))
}

/// The challenge of a verifier (RFC 7636, 4.2).
fn challenge_of(verifier: &str) -> String {
    data_encoding::BASE64URL_NOPAD.encode(&Sha256::digest(verifier))
}

/// Turns a refresh token into others, once. `scope` may ask for less than was allowed.
pub async fn refresh(
    forge: &Forge,
    client: &Client,
    token: &str,
    scope: Option<&str>,
    request_id: &str,
    now_ms: i64,
) -> Result<Result<Issued, Refused>, Error> {
    const NO_TOKEN: Refused =
        Refused::Grant("the refresh token does not hold: it was used, its time is over, or it is not yours");
    let (fresh, hash) = (&Fresh::new(forge), &secret_hash(token));
    let given = forge
        .store()
        .in_tx("oauth.refresh", |tx| {
            Box::pin(async move {
                let Some(app) = known(tx, client).await? else {
                    return Ok(Err(Refused::Client));
                };
                let grant = rows::grant_by_refresh(tx, hash).await?;
                let Some(grant) = grant.filter(|grant| grant.app_id == app.id) else {
                    return Ok(Err(NO_TOKEN));
                };
                let all = Asked::read(&grant.scopes).unwrap_or_default();
                let allowed = match scope {
                    None => all,
                    Some(scope) => {
                        match Asked::read(scope).filter(|asked| all.covers(*asked) && !asked.is_empty()) {
                            Some(less) => less,
                            None => return Ok(Err(Refused::Scope)),
                        }
                    }
                };
                if !rows::use_refresh(tx, hash, now_ms).await? {
                    end_stolen(tx, &app, &grant, "refresh token", request_id, now_ms).await?;
                    return Ok(Err(NO_TOKEN));
                }
                if grant.expires_at_ms <= now_ms {
                    return Ok(Err(NO_TOKEN));
                }
                give(tx, fresh, &app, grant, allowed, now_ms).await
            })
        })
        .await?;
    Ok(given.map(|given| fresh.issued(given)))
}

/// Ends the family of a token that its application gives back; whether the application is itself. A
/// token that is none, or another application's, changes nothing.
pub async fn revoke(
    forge: &Forge,
    client: &Client,
    token: &str,
    request_id: &str,
    now_ms: i64,
) -> Result<bool, Error> {
    let hash = &secret_hash(token);
    forge
        .store()
        .in_tx("oauth.revoke", |tx| {
            Box::pin(async move {
                let Some(app) = known(tx, client).await? else {
                    return Ok(false);
                };
                let found = match rows::grant_by_refresh(tx, hash).await? {
                    Some(grant) => Some(grant),
                    None => rows::grant_by_access(tx, hash).await?,
                };
                if let Some(grant) = found.filter(|grant| grant.app_id == app.id) {
                    rows::delete_grant(tx, grant.id).await?;
                    let owner = account_rows::by_id(tx, grant.account_id)
                        .await?
                        .ok_or(Error::NotFound)?;
                    let detail = json!({ "app": app.client_id, "by": "the application" });
                    let told = Note::of_account(Action::AppWithdraw, owner.id, &owner.name, detail);
                    let caller = Caller::anonymous(None, request_id.to_owned());
                    note(tx, &caller, told, now_ms).await?;
                }
                Ok(true)
            })
        })
        .await
}

/// What somebody allowed an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Its id.
    pub id: i64,
    /// What the application calls itself.
    pub app: String,
    /// Where people read of it; may be empty.
    pub website: String,
    /// The name that it goes by.
    pub client_id: String,
    /// All that was allowed.
    pub allowed: Asked,
    /// When something was allowed first, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When something was allowed last.
    pub updated_at_ms: i64,
}

/// What the caller allowed applications, the oldest first.
pub async fn authorizations(forge: &Forge, permit: Permit<ReadSelf>) -> Result<Vec<Authorization>, Error> {
    let found = rows::authorizations_of(&mut forge.store().read().await?, permit.on().id).await?;
    let authorization = |row: rows::AuthorizationRow| Authorization {
        id: row.id,
        app: row.app_name,
        website: row.website,
        client_id: row.client_id,
        allowed: Asked::read(&row.scopes).unwrap_or_default(),
        created_at_ms: row.created_at_ms,
        updated_at_ms: row.updated_at_ms,
    };
    Ok(found.into_iter().map(authorization).collect())
}

/// Withdraws all that the caller allowed an application; its tokens hold no more. Needs a session.
pub async fn withdraw(forge: &Forge, permit: Permit<WriteSelf>, id: i64, now_ms: i64) -> Result<(), Error> {
    require_session(&permit)?;
    let permit = &permit;
    forge
        .store()
        .in_tx("oauth.withdraw", |tx| {
            Box::pin(async move {
                let owner = permit.check_again(tx, now_ms).await?;
                if !rows::delete_authorization(tx, owner.id, id).await? {
                    return Err(Error::NotFound);
                }
                let detail = json!({ "authorization": id });
                let told = Note::of_account(Action::AppWithdraw, owner.id, &owner.name, detail);
                note(tx, permit.caller(), told, now_ms).await
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(is_verifier(verifier));
        assert_eq!(
            challenge_of(verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
        assert!(is_challenge(&challenge_of(verifier)));
        assert!(
            !is_verifier(&verifier[1..]) && !is_verifier(&"a".repeat(129)) && !is_verifier(&"ä".repeat(43))
        );
    }
}

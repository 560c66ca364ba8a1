//! Applications that act for people, and what people allowed them: `oauth_apps`,
//! `oauth_authorizations`, `oauth_grants`, `oauth_refresh_tokens`. Secrets, codes and tokens are known
//! by their hashes only.

use crate::{AnyRow, Conn, FromRow, Row, StoreError, Tx, query};
use plue_contract::AccountId;

/// A row of `oauth_apps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppRow {
    /// Its id.
    pub id: i64,
    /// Whose it is.
    pub account_id: AccountId,
    /// What it calls itself.
    pub name: String,
    /// Where people read of it; may be empty.
    pub website: String,
    /// What it may be sent back to, one a line.
    pub redirect_uris: String,
    /// The name that it goes by.
    pub client_id: String,
    /// The hash of its secret; none: it can keep none.
    pub secret_hash: Option<Vec<u8>>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was changed last.
    pub updated_at_ms: i64,
}

impl FromRow<'_, AnyRow> for AppRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            account_id: AccountId(row.try_get("account_id")?),
            name: row.try_get("name")?,
            website: row.try_get("website")?,
            redirect_uris: row.try_get("redirect_uris")?,
            client_id: row.try_get("client_id")?,
            secret_hash: row.try_get("secret_hash")?,
            created_at_ms: row.try_get("created_at_ms")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
        })
    }
}

/// Selects whole applications.
macro_rules! select_apps {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, name, website, redirect_uris, client_id, secret_hash, created_at_ms, ",
            "updated_at_ms FROM oauth_apps ",
            $rest
        )
    };
}

/// The application that goes by this name.
pub async fn app_by_client(conn: &mut Conn, client_id: &str) -> Result<Option<AppRow>, StoreError> {
    query("oauth_apps.by_client", select_apps!("WHERE client_id = $1"))
        .bind(client_id)
        .optional(conn)
        .await
}

/// One application of an account.
pub async fn app_of(conn: &mut Conn, account: AccountId, id: i64) -> Result<Option<AppRow>, StoreError> {
    query("oauth_apps.of", select_apps!("WHERE id = $1 AND account_id = $2"))
        .bind(id)
        .bind(account.0)
        .optional(conn)
        .await
}

/// An account's applications, the oldest first.
pub async fn apps_of(conn: &mut Conn, account: AccountId) -> Result<Vec<AppRow>, StoreError> {
    query(
        "oauth_apps.of_account",
        select_apps!("WHERE account_id = $1 ORDER BY id"),
    )
    .bind(account.0)
    .all(conn)
    .await
}

/// Adds an application; the row's id is passed over. Answers the id that it got.
pub async fn insert_app(tx: &mut Tx<'_>, row: &AppRow) -> Result<i64, StoreError> {
    let (id,) = query(
        "oauth_apps.insert",
        "INSERT INTO oauth_apps (account_id, name, website, redirect_uris, client_id, secret_hash, created_at_ms, \
         updated_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
    )
    .bind(row.account_id.0)
    .bind(row.name.as_str())
    .bind(row.website.as_str())
    .bind(row.redirect_uris.as_str())
    .bind(row.client_id.as_str())
    .bind(row.secret_hash.as_deref())
    .bind(row.created_at_ms)
    .bind(row.updated_at_ms)
    .one(tx)
    .await?;
    Ok(id)
}

/// Writes what may change of an application.
pub async fn update_app(tx: &mut Tx<'_>, row: &AppRow) -> Result<(), StoreError> {
    query(
        "oauth_apps.update",
        "UPDATE oauth_apps SET name = $1, website = $2, redirect_uris = $3, secret_hash = $4, updated_at_ms = $5 \
         WHERE id = $6",
    )
    .bind(row.name.as_str())
    .bind(row.website.as_str())
    .bind(row.redirect_uris.as_str())
    .bind(row.secret_hash.as_deref())
    .bind(row.updated_at_ms)
    .bind(row.id)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes an application, and with it all that it was allowed.
pub async fn delete_app(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    query("oauth_apps.delete", "DELETE FROM oauth_apps WHERE id = $1")
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

/// What somebody allowed an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRow {
    /// Its id.
    pub id: i64,
    /// All that was allowed, separated by spaces.
    pub scopes: String,
    /// When something was allowed first, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When something was allowed last.
    pub updated_at_ms: i64,
    /// What the application calls itself.
    pub app_name: String,
    /// Where people read of it; may be empty.
    pub website: String,
    /// The name that it goes by.
    pub client_id: String,
}

impl FromRow<'_, AnyRow> for AuthorizationRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            scopes: row.try_get("scopes")?,
            created_at_ms: row.try_get("created_at_ms")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
            app_name: row.try_get("app_name")?,
            website: row.try_get("website")?,
            client_id: row.try_get("client_id")?,
        })
    }
}

/// Selects authorizations with their applications.
macro_rules! select_authorizations {
    ($rest:literal) => {
        concat!(
            "SELECT z.id, z.scopes, z.created_at_ms, z.updated_at_ms, p.name AS app_name, p.website, p.client_id ",
            "FROM oauth_authorizations z JOIN oauth_apps p ON p.id = z.app_id ",
            $rest
        )
    };
}

/// What somebody allowed applications, the oldest first.
pub async fn authorizations_of(
    conn: &mut Conn,
    account: AccountId,
) -> Result<Vec<AuthorizationRow>, StoreError> {
    query(
        "oauth_authorizations.of_account",
        select_authorizations!("WHERE z.account_id = $1 ORDER BY z.id"),
    )
    .bind(account.0)
    .all(conn)
    .await
}

/// What somebody allowed one application.
pub async fn authorization(
    conn: &mut Conn,
    account: AccountId,
    app: i64,
) -> Result<Option<AuthorizationRow>, StoreError> {
    query(
        "oauth_authorizations.find",
        select_authorizations!("WHERE z.account_id = $1 AND z.app_id = $2"),
    )
    .bind(account.0)
    .bind(app)
    .optional(conn)
    .await
}

/// Writes down that somebody allowed an application something. Answers the id.
pub async fn insert_authorization(
    tx: &mut Tx<'_>,
    account: AccountId,
    app: i64,
    scopes: &str,
    now_ms: i64,
) -> Result<i64, StoreError> {
    let (id,) = query(
        "oauth_authorizations.insert",
        "INSERT INTO oauth_authorizations (app_id, account_id, scopes, created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(app)
    .bind(account.0)
    .bind(scopes)
    .bind(now_ms)
    .bind(now_ms)
    .one(tx)
    .await?;
    Ok(id)
}

/// Writes down what is allowed from now on.
pub async fn update_authorization(
    tx: &mut Tx<'_>,
    id: i64,
    scopes: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "oauth_authorizations.update",
        "UPDATE oauth_authorizations SET scopes = $1, updated_at_ms = $2 WHERE id = $3",
    )
    .bind(scopes)
    .bind(now_ms)
    .bind(id)
    .execute(tx)
    .await?;
    Ok(())
}

/// Withdraws all that somebody allowed an application; whether there was anything.
pub async fn delete_authorization(tx: &mut Tx<'_>, account: AccountId, id: i64) -> Result<bool, StoreError> {
    let gone = query(
        "oauth_authorizations.delete",
        "DELETE FROM oauth_authorizations WHERE id = $1 AND account_id = $2",
    )
    .bind(id)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

/// A code that is to be given out.
#[derive(Clone, Copy, Debug)]
pub struct NewGrant<'a> {
    /// Of which authorization.
    pub authorization: i64,
    /// What is allowed, separated by spaces.
    pub scopes: &'a str,
    /// The code's hash.
    pub code_hash: &'a [u8; 32],
    /// Where it is sent.
    pub redirect_uri: &'a str,
    /// What its verifier must hash to.
    pub code_challenge: &'a str,
    /// What the application wants to find in the ID token.
    pub nonce: Option<&'a str>,
    /// Until when it holds, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// Gives out a code.
pub async fn insert_grant(tx: &mut Tx<'_>, new: &NewGrant<'_>) -> Result<(), StoreError> {
    query(
        "oauth_grants.insert",
        "INSERT INTO oauth_grants (authorization_id, scopes, code_hash, redirect_uri, code_challenge, nonce, \
         code_expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(new.authorization)
    .bind(new.scopes)
    .bind(&new.code_hash[..])
    .bind(new.redirect_uri)
    .bind(new.code_challenge)
    .bind(new.nonce)
    .bind(new.expires_at_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// One yes: what was allowed, to whom and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Its id.
    pub id: i64,
    /// Who allowed it.
    pub account_id: AccountId,
    /// To which application.
    pub app_id: i64,
    /// What was allowed, separated by spaces.
    pub scopes: String,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// What its verifier must hash to.
    pub code_challenge: String,
    /// What the application wants to find in the ID token.
    pub nonce: Option<String>,
    /// Until when what was asked for by holds, in milliseconds since 1970: the code, or the refresh
    /// token.
    pub expires_at_ms: i64,
    /// When that was used.
    pub used_at_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for GrantRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            account_id: AccountId(row.try_get("account_id")?),
            app_id: row.try_get("app_id")?,
            scopes: row.try_get("scopes")?,
            redirect_uri: row.try_get("redirect_uri")?,
            code_challenge: row.try_get("code_challenge")?,
            nonce: row.try_get("nonce")?,
            expires_at_ms: row.try_get("expires_at_ms")?,
            used_at_ms: row.try_get("used_at_ms")?,
        })
    }
}

/// Selects grants; `expires_at_ms` and `used_at_ms` are of what they are found by.
macro_rules! select_grants {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT g.id, z.account_id, z.app_id, g.scopes, g.redirect_uri, g.code_challenge, g.nonce, ",
            $columns,
            " FROM oauth_grants g JOIN oauth_authorizations z ON z.id = g.authorization_id ",
            $rest
        )
    };
}

/// The grant of a code, used or not, as long as it is known.
pub async fn grant_by_code(conn: &mut Conn, code_hash: &[u8; 32]) -> Result<Option<GrantRow>, StoreError> {
    query(
        "oauth_grants.by_code",
        select_grants!(
            "g.code_expires_at_ms AS expires_at_ms, g.code_used_at_ms AS used_at_ms",
            "WHERE g.code_hash = $1"
        ),
    )
    .bind(&code_hash[..])
    .optional(conn)
    .await
}

/// The grant of a refresh token, used or not, as long as it is known.
pub async fn grant_by_refresh(
    conn: &mut Conn,
    token_hash: &[u8; 32],
) -> Result<Option<GrantRow>, StoreError> {
    query(
        "oauth_grants.by_refresh",
        select_grants!(
            "r.expires_at_ms, r.used_at_ms",
            "JOIN oauth_refresh_tokens r ON r.grant_id = g.id WHERE r.token_hash = $1"
        ),
    )
    .bind(&token_hash[..])
    .optional(conn)
    .await
}

/// The grant of an access token.
pub async fn grant_by_access(conn: &mut Conn, token_hash: &[u8; 32]) -> Result<Option<GrantRow>, StoreError> {
    query(
        "oauth_grants.by_access",
        select_grants!(
            "g.code_expires_at_ms AS expires_at_ms, g.code_used_at_ms AS used_at_ms",
            "JOIN tokens t ON t.grant_id = g.id WHERE t.token_hash = $1"
        ),
    )
    .bind(&token_hash[..])
    .optional(conn)
    .await
}

/// Uses a code up; whether it was unused. Of two who try at once, one gets it.
pub async fn use_code(tx: &mut Tx<'_>, code_hash: &[u8; 32], now_ms: i64) -> Result<bool, StoreError> {
    let used = query(
        "oauth_grants.use_code",
        "UPDATE oauth_grants SET code_used_at_ms = $1 WHERE code_hash = $2 AND code_used_at_ms IS NULL",
    )
    .bind(now_ms)
    .bind(&code_hash[..])
    .execute(tx)
    .await?;
    Ok(used == 1)
}

/// Uses a refresh token up; whether it was unused. Of two who try at once, one gets it.
pub async fn use_refresh(tx: &mut Tx<'_>, token_hash: &[u8; 32], now_ms: i64) -> Result<bool, StoreError> {
    let used = query(
        "oauth_refresh_tokens.use",
        "UPDATE oauth_refresh_tokens SET used_at_ms = $1 WHERE token_hash = $2 AND used_at_ms IS NULL",
    )
    .bind(now_ms)
    .bind(&token_hash[..])
    .execute(tx)
    .await?;
    Ok(used == 1)
}

/// Adds a refresh token.
pub async fn insert_refresh(
    tx: &mut Tx<'_>,
    grant: i64,
    token_hash: &[u8; 32],
    expires_at_ms: i64,
) -> Result<(), StoreError> {
    query(
        "oauth_refresh_tokens.insert",
        "INSERT INTO oauth_refresh_tokens (grant_id, token_hash, expires_at_ms) VALUES ($1, $2, $3)",
    )
    .bind(grant)
    .bind(&token_hash[..])
    .bind(expires_at_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends a grant: its code and all tokens that came of it.
pub async fn delete_grant(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    query("oauth_grants.delete", "DELETE FROM oauth_grants WHERE id = $1")
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

/// Removes what has expired: refresh tokens, applications' access tokens, and grants that nothing is
/// left of.
pub async fn delete_expired(tx: &mut Tx<'_>, now_ms: i64) -> Result<(), StoreError> {
    for (name, sql) in [
        (
            "oauth_refresh_tokens.delete_expired",
            "DELETE FROM oauth_refresh_tokens WHERE expires_at_ms <= $1",
        ),
        (
            "tokens.delete_expired_of_grants",
            "DELETE FROM tokens WHERE grant_id IS NOT NULL AND expires_at_ms <= $1",
        ),
        (
            "oauth_grants.delete_expired",
            "DELETE FROM oauth_grants WHERE code_expires_at_ms <= $1 AND NOT EXISTS \
             (SELECT 1 FROM oauth_refresh_tokens r WHERE r.grant_id = oauth_grants.id)",
        ),
    ] {
        query(name, sql).bind(now_ms).execute(tx).await?;
    }
    Ok(())
}

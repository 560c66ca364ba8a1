//! Personal access tokens: `tokens`, `token_repositories`. A token is known by its hash only.

use crate::{AnyRow, Conn, FromRow, Row, StoreError, Tx, query};
use plue_contract::{AccountId, RepoId, Scopes, TokenId};

/// A row of `tokens`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// The last eight characters of it, to tell it by.
    pub last_eight: String,
    /// The agent that it was made for; none: a person's or a program's.
    pub agent: Option<String>,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Whether it counts only for the repositories that it names.
    pub is_bound: bool,
    /// The grant that it came of, where it is an application's.
    pub grant_id: Option<i64>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it ends; none: never.
    pub expires_at_ms: Option<i64>,
    /// When it was last used, to within a few minutes.
    pub last_used_at_ms: Option<i64>,
}

impl<'r> FromRow<'r, AnyRow> for TokenRow {
    fn from_row(row: &'r AnyRow) -> Result<Self, sqlx::Error> {
        let scopes: String = row.try_get("scopes")?;
        Ok(Self {
            id: TokenId(row.try_get("id")?),
            account_id: AccountId(row.try_get("account_id")?),
            name: row.try_get("name")?,
            agent: row.try_get("agent")?,
            last_eight: row.try_get("last_eight")?,
            scopes: scopes
                .parse()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            is_bound: row.try_get::<i64, _>("is_bound")? != 0,
            grant_id: row.try_get("grant_id")?,
            created_at_ms: row.try_get("created_at_ms")?,
            expires_at_ms: row.try_get("expires_at_ms")?,
            last_used_at_ms: row.try_get("last_used_at_ms")?,
        })
    }
}

/// Selects whole tokens.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, name, agent, last_eight, scopes, is_bound, grant_id, created_at_ms, expires_at_ms, ",
            "last_used_at_ms FROM tokens ",
            $rest
        )
    };
}

/// Adds a token; the row's id is passed over. Answers the id that it got.
pub async fn insert(tx: &mut Tx<'_>, row: &TokenRow, token_hash: &[u8; 32]) -> Result<TokenId, StoreError> {
    let (id,) = query(
        "tokens.insert",
        "INSERT INTO tokens (account_id, name, agent, token_hash, last_eight, scopes, is_bound, \
         created_at_ms, expires_at_ms, grant_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
    )
    .bind(row.account_id.0)
    .bind(row.name.as_str())
    .bind(row.agent.as_deref())
    .bind(&token_hash[..])
    .bind(row.last_eight.as_str())
    .bind(row.scopes.to_string())
    .bind(i64::from(row.is_bound))
    .bind(row.created_at_ms)
    .bind(row.expires_at_ms)
    .bind(row.grant_id)
    .one(tx)
    .await?;
    Ok(TokenId(id))
}

/// Binds a token to one more repository.
pub async fn bind(tx: &mut Tx<'_>, id: TokenId, repository: RepoId) -> Result<(), StoreError> {
    query(
        "tokens.bind",
        "INSERT INTO token_repositories (token_id, repository_id) VALUES ($1, $2)",
    )
    .bind(id.0)
    .bind(repository.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// The repositories that a token is bound to.
pub async fn repositories(conn: &mut Conn, id: TokenId) -> Result<Vec<RepoId>, StoreError> {
    let rows: Vec<(i64,)> = query(
        "tokens.repositories",
        "SELECT repository_id FROM token_repositories WHERE token_id = $1 ORDER BY repository_id",
    )
    .bind(id.0)
    .all(conn)
    .await?;
    Ok(rows.into_iter().map(|(id,)| RepoId(id)).collect())
}

/// The token with this hash, if it has not expired.
pub async fn by_hash(
    conn: &mut Conn,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<Option<TokenRow>, StoreError> {
    query(
        "tokens.by_hash",
        select!("WHERE token_hash = $1 AND (expires_at_ms IS NULL OR expires_at_ms > $2)"),
    )
    .bind(&token_hash[..])
    .bind(now_ms)
    .optional(conn)
    .await
}

/// The tokens that an account's owner made, expired ones too, the youngest first.
pub async fn of_account(conn: &mut Conn, id: AccountId) -> Result<Vec<TokenRow>, StoreError> {
    query(
        "tokens.of_account",
        select!("WHERE account_id = $1 AND grant_id IS NULL ORDER BY id DESC"),
    )
    .bind(id.0)
    .all(conn)
    .await
}

/// How many tokens an account's owner made.
pub async fn count(conn: &mut Conn, id: AccountId) -> Result<i64, StoreError> {
    let (count,) = query(
        "tokens.count",
        "SELECT COUNT(*) FROM tokens WHERE account_id = $1 AND grant_id IS NULL",
    )
    .bind(id.0)
    .one(conn)
    .await?;
    Ok(count)
}

/// Removes one token that an account's owner made; says whether there was such a one.
pub async fn delete(tx: &mut Tx<'_>, id: TokenId, account: AccountId) -> Result<bool, StoreError> {
    let gone = query(
        "tokens.delete",
        "DELETE FROM tokens WHERE id = $1 AND account_id = $2 AND grant_id IS NULL",
    )
    .bind(id.0)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

/// Removes the access tokens of a grant.
pub async fn delete_of_grant(tx: &mut Tx<'_>, grant: i64) -> Result<(), StoreError> {
    query("tokens.delete_of_grant", "DELETE FROM tokens WHERE grant_id = $1")
        .bind(grant)
        .execute(tx)
        .await?;
    Ok(())
}

/// Notes when a token was used.
pub async fn set_last_used(tx: &mut Tx<'_>, id: TokenId, now_ms: i64) -> Result<(), StoreError> {
    query(
        "tokens.set_last_used",
        "UPDATE tokens SET last_used_at_ms = $1 WHERE id = $2",
    )
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// The agent that a token was made for, if it was made for one.
pub async fn agent(conn: &mut Conn, id: TokenId) -> Result<Option<String>, StoreError> {
    let row: Option<(Option<String>,)> = query("tokens.agent", "SELECT agent FROM tokens WHERE id = $1")
        .bind(id.0)
        .optional(conn)
        .await?;
    Ok(row.and_then(|(agent,)| agent))
}

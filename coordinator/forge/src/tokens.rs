//! Personal access tokens: made, listed, deleted, and recognised when somebody shows one.

use crate::access::Permit;
use crate::access::accounts::{Administer, ReadSelf, WriteSelf};
use crate::accounts::{check_label, who};
use crate::audit::{Action, Note, note};
use crate::{Error, Forge};
use plue_contract::credentials::{Family, secret_hash};
use plue_contract::{AccountName, Caller, RepoId, Scope, Scopes, TokenId, Via, Who, causes};
use plue_store::Tx;
use plue_store::accounts::AccountRow;
use plue_store::tokens::{self as rows, TokenRow};
use serde_json::json;
use std::fmt::Write as _;

/// How many tokens an account has at most.
const MAX_TOKENS: i64 = 200;
/// How many repositories a token is bound to at most.
const MAX_REPOSITORIES: usize = 100;
/// How old the note of a token's last use becomes before it is written anew, in milliseconds.
const USE_NOTE_MS: i64 = 5 * 60_000;

/// A token, without its secret, which nobody has but its owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// The last eight characters of it, to tell it by.
    pub last_eight: String,
    /// The agent that it was made for; none: a person or a program.
    pub agent: Option<String>,
    /// What it may be used for.
    pub scopes: Scopes,
    /// The only repositories for which it counts; none: all.
    pub repositories: Option<Vec<RepoId>>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it ends; none: never.
    pub expires_at_ms: Option<i64>,
    /// When it was last used, to within a few minutes.
    pub last_used_at_ms: Option<i64>,
}

impl Token {
    fn new(row: TokenRow, repositories: Option<Vec<RepoId>>) -> Self {
        Self {
            id: row.id,
            name: row.name,
            last_eight: row.last_eight,
            agent: row.agent,
            scopes: row.scopes,
            repositories,
            created_at_ms: row.created_at_ms,
            expires_at_ms: row.expires_at_ms,
            last_used_at_ms: row.last_used_at_ms,
        }
    }
}

/// A token that somebody wants to have.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What to call it.
    pub name: String,
    /// The agent that will use it, by the name that stands beside what it does; none: nobody but
    /// its owner.
    pub agent: Option<String>,
    /// What it may be used for.
    pub scopes: Scopes,
    /// The only repositories for which it counts, each found through a permit to read it; none:
    /// all.
    pub repositories: Option<Vec<RepoId>>,
    /// When it ends, in milliseconds since 1970; none: never.
    pub expires_at_ms: Option<i64>,
}

/// A token just made, with the secret that is shown this once.
#[derive(Clone, PartialEq)]
pub struct Created {
    /// The token.
    pub token: Token,
    /// `plt_` and 64 hex digits.
    pub secret: String,
}

impl std::fmt::Debug for Created {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Created")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Makes a token for the caller's own account. It gets no power that the caller's own
/// credential lacks.
pub async fn create(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    new: NewToken,
    now_ms: i64,
) -> Result<Created, Error> {
    let new = checked(new, now_ms)?;
    within(permit.caller(), &new)?;
    let secret = fresh(forge);
    let (permit, new, made) = (&permit, &new, &secret);
    let token = forge
        .store()
        .in_tx("tokens.create", |tx| {
            Box::pin(async move {
                let owner = permit.check_again(tx, now_ms).await?;
                insert(tx, permit.caller(), &owner, new, made, now_ms).await
            })
        })
        .await?;
    Ok(Created { token, secret })
}

/// Makes a token for another's account.
pub async fn create_for(
    forge: &Forge,
    permit: Permit<Administer>,
    owner: &AccountName,
    new: NewToken,
    now_ms: i64,
) -> Result<Created, Error> {
    let new = checked(new, now_ms)?;
    let secret = fresh(forge);
    let (permit, new, made) = (&permit, &new, &secret);
    let token = forge
        .store()
        .in_tx("tokens.create_for", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                let owner = plue_store::accounts::by_name(tx, owner)
                    .await?
                    .ok_or(Error::NotFound)?;
                insert(tx, permit.caller(), &owner, new, made, now_ms).await
            })
        })
        .await?;
    Ok(Created { token, secret })
}

fn checked(mut new: NewToken, now_ms: i64) -> Result<NewToken, Error> {
    new.name = check_label("name", &new.name)?;
    new.agent = new
        .agent
        .as_deref()
        .map(|agent| check_label("agent", agent))
        .transpose()?;
    if new.agent.is_some() && new.scopes.include(Scope::Admin) {
        return Err(Error::invalid(
            "scopes",
            "an agent's token does not administer the site; leave the scope `admin` out",
        ));
    }
    if new.scopes.is_empty() {
        let all: Vec<_> = Scope::ALL.into_iter().map(Scope::as_str).collect();
        return Err(Error::invalid(
            "scopes",
            format!("a token has at least one scope of: {}", all.join(", ")),
        ));
    }
    if new.expires_at_ms.is_some_and(|at| at <= now_ms) {
        return Err(Error::invalid(
            "expiresAt",
            "a token ends in the future, or never",
        ));
    }
    if let Some(repositories) = &mut new.repositories {
        repositories.sort_unstable();
        repositories.dedup();
        if repositories.is_empty() || repositories.len() > MAX_REPOSITORIES {
            return Err(Error::invalid(
                "repositories",
                format!("a bound token names between 1 and {MAX_REPOSITORIES} repositories"),
            ));
        }
    }
    Ok(new)
}

/// Refuses a token that could do more than the credential that asks for it.
fn within(caller: &Caller, new: &NewToken) -> Result<(), Error> {
    if let Some(scope) = new.scopes.iter().find(|&scope| !caller.has_scope(scope)) {
        return Err(Error::InsufficientScope(scope));
    }
    if let Who::Account {
        repositories: Some(own),
        ..
    } = &caller.who
    {
        let asked = new.repositories.as_deref();
        if asked.is_none_or(|asked| asked.iter().any(|id| !own.contains(id))) {
            return Err(Error::Forbidden(
                "a token that is bound to repositories makes only tokens that are bound to those".to_owned(),
            ));
        }
    }
    Ok(())
}

fn fresh(forge: &Forge) -> String {
    let bytes: [u8; 32] = forge.random();
    bytes.iter().fold("plt_".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn insert(
    tx: &mut Tx<'_>,
    caller: &Caller,
    owner: &AccountRow,
    new: &NewToken,
    secret: &str,
    now_ms: i64,
) -> Result<Token, Error> {
    if new.scopes.iter().any(|scope| scope == Scope::Admin) && !owner.is_admin {
        return Err(Error::invalid(
            "scopes",
            "the scope `admin` is for administrators of this site",
        ));
    }
    // Locked, so that two requests at once do not both find room for the last token.
    plue_store::accounts::lock(tx, owner.id)
        .await?
        .ok_or(Error::NotFound)?;
    if rows::count(tx, owner.id).await? >= MAX_TOKENS {
        return Err(Error::Refused(format!(
            "an account has at most {MAX_TOKENS} tokens; delete one first"
        )));
    }
    let mut row = TokenRow {
        id: TokenId(0),
        account_id: owner.id,
        name: new.name.clone(),
        agent: new.agent.clone(),
        last_eight: secret[secret.len() - 8..].to_owned(),
        scopes: new.scopes,
        is_bound: new.repositories.is_some(),
        grant_id: None,
        created_at_ms: now_ms,
        expires_at_ms: new.expires_at_ms,
        last_used_at_ms: None,
    };
    row.id = rows::insert(tx, &row, &secret_hash(secret)).await?;
    for repository in new.repositories.iter().flatten() {
        rows::bind(tx, row.id, *repository).await?;
    }
    let detail = json!({
        "token": row.id,
        "name": row.name,
        "agent": row.agent,
        "scopes": row.scopes,
        "repositories": new.repositories,
    });
    let told = Note::of_account(Action::TokenCreate, owner.id, &owner.name, detail);
    note(tx, caller, told, now_ms).await?;
    Ok(Token::new(row, new.repositories.clone()))
}

/// The caller's tokens, the youngest first, expired ones too.
pub async fn list(forge: &Forge, permit: Permit<ReadSelf>) -> Result<Vec<Token>, Error> {
    let mut conn = forge.store().read().await?;
    let mut tokens = Vec::new();
    for row in rows::of_account(&mut conn, permit.on().id).await? {
        let repositories = if row.is_bound {
            Some(rows::repositories(&mut conn, row.id).await?)
        } else {
            None
        };
        tokens.push(Token::new(row, repositories));
    }
    Ok(tokens)
}

/// Removes one of the caller's tokens; from then on nobody gets in with it.
pub async fn delete(forge: &Forge, permit: Permit<WriteSelf>, id: TokenId, now_ms: i64) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("tokens.delete", |tx| {
            Box::pin(async move {
                let owner = permit.check_again(tx, now_ms).await?;
                if !rows::delete(tx, id, owner.id).await? {
                    return Err(Error::NotFound);
                }
                let detail = json!({ "token": id });
                let told = Note::of_account(Action::TokenDelete, owner.id, &owner.name, detail);
                note(tx, permit.caller(), told, now_ms).await
            })
        })
        .await
}

/// Whose token it is; none where it is of another family, unknown, expired, or its owner is
/// disabled. One indexed look-up: nothing is remembered, so a deletion holds at once.
pub async fn authenticate(forge: &Forge, secret: &str, now_ms: i64) -> Result<Option<Who>, Error> {
    if !matches!(Family::of(secret), Some(Family::Personal | Family::WitOAuth)) {
        return Ok(None);
    }
    let mut conn = forge.store().read().await?;
    let Some(token) = rows::by_hash(&mut conn, &secret_hash(secret), now_ms).await? else {
        return Ok(None);
    };
    let owner = plue_store::accounts::by_id(&mut conn, token.account_id).await?;
    let Some(owner) = owner.filter(|owner| !owner.is_disabled) else {
        return Ok(None);
    };
    let repositories = if token.is_bound {
        Some(rows::repositories(&mut conn, token.id).await?)
    } else {
        None
    };
    drop(conn);
    if token
        .last_used_at_ms
        .is_none_or(|last| now_ms - last >= USE_NOTE_MS)
    {
        let noted = forge
            .store()
            .in_tx("tokens.note_use", |tx| {
                Box::pin(rows::set_last_used(tx, token.id, now_ms))
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(error = %causes(&error), token = %token.id, "the use of a token could not be noted");
        }
    }
    Ok(Some(who(
        &owner,
        Via::Token(token.id),
        token.scopes,
        repositories,
    )))
}

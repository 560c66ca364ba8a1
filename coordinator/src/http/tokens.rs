//! One's own personal access tokens.

use super::auth::Message;
use super::extract::{Asked, Json, Path};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::extract::State;
use http::StatusCode;
use plue_contract::{Caller, RepoId, RepoPath, Scope, Scopes, Tier};
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::access::repositories as repository_access;
use plue_forge::tokens::{self, NewToken, Token};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One token, without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    id: i64,
    name: String,
    token_last_eight: String,
    #[schema(value_type = Vec<String>)]
    scopes: Scopes,
    /// How far it goes in repositories: `read`, `propose` or `merge`; none: not at all.
    tier: Option<&'static str>,
    /// The agent that it was made for.
    agent: Option<String>,
    /// The ids of the only repositories it is good for; none means all.
    #[schema(value_type = Option<Vec<i64>>)]
    repositories: Option<Vec<RepoId>>,
    created_at: String,
    last_used_at: Option<String>,
    expires_at: Option<String>,
}

impl TokenView {
    /// What its owner sees of a token.
    pub fn of(token: &Token) -> Self {
        Self {
            id: token.id.0,
            name: token.name.clone(),
            token_last_eight: token.last_eight.clone(),
            scopes: token.scopes,
            tier: token.scopes.tier().map(Tier::as_str),
            agent: token.agent.clone(),
            repositories: token.repositories.clone(),
            created_at: moment::text(token.created_at_ms),
            last_used_at: moment::optional(token.last_used_at_ms),
            expires_at: moment::optional(token.expires_at_ms),
        }
    }
}

/// One's own tokens.
#[derive(Serialize, ToSchema)]
pub struct TokenList {
    tokens: Vec<TokenView>,
}

/// Lists one's own tokens.
#[utoipa::path(get, path = "/api/user/tokens", tag = "tokens", responses((status = 200, body = TokenList), (status = 401)))]
pub async fn list(State(site): State<Site>, Asked(caller): Asked) -> Result<axum::Json<TokenList>, Failure> {
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    let tokens = tokens::list(&site.forge, permit).await?;
    Ok(axum::Json(TokenList {
        tokens: tokens.iter().map(TokenView::of).collect(),
    }))
}

/// What a new token shall be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewTokenBody {
    name: String,
    /// Of `repo`, `repo:read`, `repo:propose`, `repo:write`, `user`, `user:read`, `user:write`, `org:read`,
    /// `org:write`, `admin`.
    #[serde(default)]
    scopes: Vec<String>,
    /// How far it shall go in repositories: `read`; `propose`, which pushes to bookmarks beside the default
    /// one; or `merge`. Beside the scopes, or in their place.
    tier: Option<String>,
    /// The agent that it is for, as it shall be called beside what it does.
    agent: Option<String>,
    /// The only repositories it shall be good for, as `owner/name`.
    repositories: Option<Vec<String>>,
    /// In how many days it shall end.
    expires_in_days: Option<u32>,
}

/// A new token, with the secret that is not shown again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenCreated {
    token: TokenView,
    full_token: String,
    message: &'static str,
}

/// The ids of repositories that a caller may read.
pub async fn repository_ids(
    site: &Site,
    caller: &Caller,
    paths: &[RepoPath],
) -> Result<Vec<RepoId>, Failure> {
    let mut ids = Vec::new();
    for path in paths {
        let permit = repository_access::read(&site.forge, caller, path, site.now_ms()).await?;
        ids.push(permit.on().id);
    }
    Ok(ids)
}

/// Makes a token.
#[utoipa::path(post, path = "/api/user/tokens", tag = "tokens", request_body = NewTokenBody,
    responses((status = 201, body = TokenCreated), (status = 400), (status = 401)))]
pub async fn create(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<NewTokenBody>,
) -> Result<(StatusCode, axum::Json<TokenCreated>), Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let mut scopes = body
        .scopes
        .iter()
        .map(|word| word.parse::<Scope>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Failure::invalid("scopes", format!("{error}.")))?;
    if let Some(tier) = &body.tier {
        let tier: Tier = tier
            .parse()
            .map_err(|error| Failure::invalid("tier", format!("{error}.")))?;
        if Scopes::of(scopes.iter().copied())
            .tier()
            .is_some_and(|held| held != tier)
        {
            return Err(Failure::invalid(
                "tier",
                "`tier` and `scopes` contradict each other.",
            ));
        }
        scopes.push(tier.scope());
    }
    let repositories = match body.repositories {
        None => None,
        Some(paths) => {
            let paths: Result<Vec<RepoPath>, _> = paths.iter().map(|path| path.parse()).collect();
            let paths = paths.map_err(|error| Failure::invalid("repositories", format!("{error}.")))?;
            Some(repository_ids(&site, &caller, &paths).await?)
        }
    };
    let lifetime_ms = body.expires_in_days.map(|days| i64::from(days) * 86_400_000);
    let new = NewToken {
        name: body.name,
        agent: body.agent,
        scopes: Scopes::of(scopes),
        repositories,
        expires_at_ms: lifetime_ms.map(|ms| site.now_ms().saturating_add(ms)),
    };
    let created = tokens::create(&site.forge, permit, new, site.now_ms()).await?;
    let answer = TokenCreated {
        token: TokenView::of(&created.token),
        full_token: created.secret,
        message: "Copy the token now; it is not shown again.",
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// Removes one of one's own tokens.
#[utoipa::path(delete, path = "/api/user/tokens/{id}", tag = "tokens", params(("id" = i64, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 404)))]
pub async fn delete(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    tokens::delete(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Token removed",
    }))
}

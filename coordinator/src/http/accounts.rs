//! People: their public profiles, and what they may change about their own.

use super::extract::{Asked, Json, Page, Path, Query, three_ways};
use super::failure::Failure;
use super::moment;
use super::repositories::RepositoryView;
use super::site::Site;
use axum::extract::State;
use plue_forge::access::accounts::write_self;
use plue_forge::accounts::{self, Account, ProfileChange};
use plue_forge::repositories::{self, Sort};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An account, as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    id: i64,
    uuid: String,
    username: String,
    email: Option<String>,
    email_verified: bool,
    display_name: String,
    bio: String,
    avatar_url: Option<String>,
    wallet_address: Option<String>,
    is_active: bool,
    is_admin: bool,
    created_at: String,
    updated_at: String,
}

impl AccountView {
    /// What the owner of an account sees of it.
    pub fn own(account: &Account) -> Self {
        Self {
            id: account.id.0,
            uuid: account.uuid.clone(),
            username: account.name.to_string(),
            email: account.email.clone(),
            email_verified: account.email_verified,
            display_name: account.display_name.clone(),
            bio: account.bio.clone(),
            avatar_url: account.avatar_url.clone(),
            wallet_address: account.wallet_address.clone(),
            is_active: !account.disabled,
            is_admin: account.admin,
            created_at: moment::text(account.created_at_ms),
            updated_at: moment::text(account.updated_at_ms),
        }
    }
}

/// An account, as everybody sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicAccount {
    id: i64,
    uuid: String,
    username: String,
    display_name: String,
    bio: String,
    avatar_url: Option<String>,
    created_at: String,
    /// How many repositories it has: the public ones in lists, else those that the caller may see.
    repository_count: i64,
}

impl PublicAccount {
    fn of(account: &Account, repository_count: i64) -> Self {
        Self {
            id: account.id.0,
            uuid: account.uuid.clone(),
            username: account.name.to_string(),
            display_name: account.display_name.clone(),
            bio: account.bio.clone(),
            avatar_url: account.avatar_url.clone(),
            created_at: moment::text(account.created_at_ms),
            repository_count,
        }
    }
}

async fn public(site: &Site, accounts: &[Account]) -> Result<Vec<PublicAccount>, Failure> {
    let counts = accounts::public_repositories(&site.forge, accounts).await?;
    let count = |account: &Account| counts.get(&account.id).copied().unwrap_or_default();
    Ok(accounts.iter().map(|a| PublicAccount::of(a, count(a))).collect())
}

/// A part of the list of accounts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountList {
    users: Vec<PublicAccount>,
    total: i64,
    limit: i64,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists accounts.
#[utoipa::path(get, path = "/api/users", tag = "users",
    params(("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = AccountList)))]
pub async fn list(State(site): State<Site>, page: Page) -> Result<axum::Json<AccountList>, Failure> {
    let found = accounts::list(&site.forge, page.limit, page.offset).await?;
    Ok(axum::Json(AccountList {
        users: public(&site, &found.items).await?,
        total: found.total,
        limit: page.limit,
        offset: page.offset,
        next_cursor: page.next(found.total, &site.keys.cursor),
    }))
}

/// What is searched for.
#[derive(Deserialize)]
pub struct Search {
    /// The words.
    #[serde(default)]
    pub q: String,
}

/// Accounts that were found.
#[derive(Serialize, ToSchema)]
pub struct AccountsFound {
    users: Vec<PublicAccount>,
}

/// Finds accounts by name: at least two characters, at most twenty answers.
#[utoipa::path(get, path = "/api/users/search", tag = "users", params(("q" = String, Query)),
    responses((status = 200, body = AccountsFound), (status = 400)))]
pub async fn search(
    State(site): State<Site>,
    Query(Search { q }): Query<Search>,
) -> Result<axum::Json<AccountsFound>, Failure> {
    if q.trim().chars().count() < 2 {
        return Err(Failure::invalid("q", "Search for at least two characters."));
    }
    let found = accounts::search(&site.forge, q.trim()).await?;
    Ok(axum::Json(AccountsFound {
        users: public(&site, &found).await?,
    }))
}

/// Shows one account.
#[utoipa::path(get, path = "/api/users/{username}", tag = "users", params(("username" = String, Path)),
    responses((status = 200, body = PublicAccount), (status = 404)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<PublicAccount>, Failure> {
    let account = accounts::get(&site.forge, &path.account("username")?).await?;
    let query = repositories::Query {
        owner: Some(account.name.clone()),
        limit: 1,
        ..repositories::Query::default()
    };
    let count = repositories::list(&site.forge, &caller, query, site.now_ms())
        .await?
        .total;
    Ok(axum::Json(PublicAccount::of(&account, count)))
}

/// The repositories of one account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnedRepositories {
    owner: String,
    repositories: Vec<RepositoryView>,
    count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists the repositories of one account that the caller may see.
#[utoipa::path(get, path = "/api/users/{username}/repos", tag = "users",
    params(("username" = String, Path), ("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query)),
    responses((status = 200, body = OwnedRepositories), (status = 404)))]
pub async fn repositories_of(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    page: Page,
) -> Result<axum::Json<OwnedRepositories>, Failure> {
    let account = accounts::get(&site.forge, &path.account("username")?).await?;
    let query = repositories::Query {
        owner: Some(account.name.clone()),
        sort: Sort::Name,
        limit: page.limit,
        offset: page.offset,
        ..repositories::Query::default()
    };
    let found = repositories::list(&site.forge, &caller, query, site.now_ms()).await?;
    Ok(axum::Json(OwnedRepositories {
        owner: account.name.to_string(),
        repositories: found.items.iter().map(|r| RepositoryView::of(&site, r)).collect(),
        count: found.total,
        next_cursor: page.next(found.total, &site.keys.cursor),
    }))
}

/// What its owner may change about an account; `null` takes a value away.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileBody {
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    bio: Option<Option<String>>,
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// The present password, which another address asks for where there is one.
    current_password: Option<String>,
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    avatar_url: Option<Option<String>>,
}

/// Changes one's own profile.
#[utoipa::path(patch, path = "/api/users/me", tag = "users", request_body = ProfileBody,
    responses((status = 200, body = AccountView), (status = 400), (status = 401), (status = 409)))]
pub async fn update_me(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<ProfileBody>,
) -> Result<axum::Json<AccountView>, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let change = ProfileChange {
        display_name: body.display_name.map(Option::unwrap_or_default),
        bio: body.bio.map(Option::unwrap_or_default),
        email: body.email.map(Option::unwrap_or_default),
        present_password: body.current_password,
        avatar_url: body.avatar_url.map(Option::unwrap_or_default),
    };
    let account = accounts::update_profile(&site.forge, permit, change, site.now_ms()).await?;
    Ok(axum::Json(AccountView::own(&account)))
}

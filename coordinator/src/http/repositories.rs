//! Repositories: lists, one of them, making, changing, giving away and deleting.

use super::auth::Message;
use super::cached;
use super::extract::{Asked, Json, Page, Path, Query};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use plue_contract::{AccountName, RepoId, RepoName};
use plue_forge::access::accounts::administer as administer_site;
use plue_forge::access::repositories::{administer, create_under, maintain, read};
use plue_forge::repositories::{self, NewRepository, Repository, RepositoryChange, Sort, Visibility};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One repository.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryView {
    id: i64,
    uuid: String,
    owner: String,
    name: String,
    full_name: String,
    description: String,
    /// `public`, `internal` or `private`.
    visibility: &'static str,
    /// Whether it is not public.
    is_private: bool,
    is_public: bool,
    is_archived: bool,
    object_format: String,
    default_branch: String,
    /// The size of its packs, in bytes.
    size_bytes: i64,
    clone_url: String,
    ssh_url: Option<String>,
    created_at: String,
    updated_at: String,
    pushed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
}

impl RepositoryView {
    /// What those who may see a repository see of it.
    pub fn of(site: &Site, repository: &Repository) -> Self {
        let path = repository.path();
        Self {
            id: repository.id.0,
            uuid: repository.uuid.clone(),
            owner: repository.owner.to_string(),
            name: repository.name.to_string(),
            full_name: path.to_string(),
            description: repository.description.clone(),
            visibility: repository.visibility.as_str(),
            is_private: repository.visibility != Visibility::Public,
            is_public: repository.visibility == Visibility::Public,
            is_archived: repository.archived,
            object_format: repository.object_format.to_string(),
            default_branch: repository.default_bookmark.clone(),
            size_bytes: repository.size_bytes,
            clone_url: site.addresses.clone_http(&path),
            ssh_url: site.addresses.clone_ssh(&path),
            created_at: moment::text(repository.created_at_ms),
            updated_at: moment::text(repository.updated_at_ms),
            pushed_at: moment::optional(repository.pushed_at_ms),
            deleted_at: moment::optional(repository.deleted_at_ms),
        }
    }
}

/// A part of a list of repositories.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryList {
    repositories: Vec<RepositoryView>,
    total: i64,
    limit: i64,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What is listed, and in which order.
#[derive(Deserialize)]
pub struct ListQuery {
    /// In which order.
    pub sort: Option<String>,
    q: Option<String>,
}

/// In which order a list is asked for.
pub fn sort(text: Option<&str>) -> Result<Sort, Failure> {
    match text {
        None | Some("name") => Ok(Sort::Name),
        Some("created") => Ok(Sort::Created),
        Some("updated") => Ok(Sort::Updated),
        Some(_) => Err(Failure::invalid(
            "sort",
            "Sort by `name`, `created` or `updated`.",
        )),
    }
}

/// A part of the repositories that a query finds.
pub async fn listed(
    site: &Site,
    caller: &plue_contract::Caller,
    page: Page,
    query: repositories::Query,
) -> Result<RepositoryList, Failure> {
    let query = repositories::Query {
        limit: page.limit,
        offset: page.offset,
        ..query
    };
    let found = repositories::list(&site.forge, caller, query, site.now_ms()).await?;
    Ok(RepositoryList {
        repositories: found.items.iter().map(|r| RepositoryView::of(site, r)).collect(),
        total: found.total,
        limit: page.limit,
        offset: page.offset,
        next_cursor: page.next(found.total, &site.keys.cursor),
    })
}

/// Lists the repositories that the caller may see.
#[utoipa::path(get, path = "/api/repos", tag = "repositories",
    params(("sort" = Option<String>, Query), ("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = RepositoryList), (status = 400)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    Query(query): Query<ListQuery>,
    page: Page,
) -> Result<axum::Json<RepositoryList>, Failure> {
    let query = repositories::Query {
        sort: sort(query.sort.as_deref())?,
        ..repositories::Query::default()
    };
    listed(&site, &caller, page, query).await.map(axum::Json)
}

/// Finds repositories by name or description.
#[utoipa::path(get, path = "/api/repos/search", tag = "repositories",
    params(("q" = String, Query), ("sort" = Option<String>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, body = RepositoryList), (status = 400)))]
pub async fn search(
    State(site): State<Site>,
    Asked(caller): Asked,
    Query(query): Query<ListQuery>,
    page: Page,
) -> Result<axum::Json<RepositoryList>, Failure> {
    let text = query.q.map(|q| q.trim().to_owned()).filter(|q| !q.is_empty());
    let text = text.ok_or_else(|| Failure::invalid("q", "Say what to search for."))?;
    let query = repositories::Query {
        text: Some(text),
        sort: sort(query.sort.as_deref())?,
        ..repositories::Query::default()
    };
    listed(&site, &caller, page, query).await.map(axum::Json)
}

/// What a new repository shall be.
#[derive(Deserialize, ToSchema)]
pub struct NewRepositoryBody {
    name: String,
    #[serde(default)]
    description: String,
    /// `public`, `internal` or `private`; public where nothing is said.
    visibility: Option<String>,
    /// The same in other words: whether everybody sees it.
    #[serde(alias = "isPublic")]
    is_public: Option<bool>,
    #[serde(alias = "isPrivate")]
    private: Option<bool>,
    /// The account it shall belong to, where that is not the caller's own.
    owner: Option<String>,
    /// `sha1`, or `sha256`.
    #[serde(alias = "objectFormat")]
    object_format: Option<String>,
    #[serde(alias = "defaultBranch")]
    default_branch: Option<String>,
}

/// One repository, alone.
#[derive(Serialize, ToSchema)]
pub struct OneRepository {
    repository: RepositoryView,
}

/// A name for a repository; `field` is what it was sent as.
pub fn repository_name(field: &'static str, text: &str) -> Result<RepoName, Failure> {
    text.parse()
        .map_err(|error| Failure::invalid(field, format!("{error}.")))
}

/// Who shall see a repository, said in one word or by `private`, or in both the same.
fn visibility(word: Option<&str>, private: Option<bool>) -> Result<Option<Visibility>, Failure> {
    let word: Option<Visibility> = word.map(str::parse).transpose()?;
    match (word, private) {
        (Some(word), Some(private)) if (word != Visibility::Public) != private => Err(Failure::invalid(
            "visibility",
            "`visibility` and `private` contradict each other.",
        )),
        (Some(word), _) => Ok(Some(word)),
        (None, Some(true)) => Ok(Some(Visibility::Private)),
        (None, Some(false)) => Ok(Some(Visibility::Public)),
        (None, None) => Ok(None),
    }
}

/// Makes an empty repository.
#[utoipa::path(post, path = "/api/repos", tag = "repositories", request_body = NewRepositoryBody,
    responses((status = 201, body = OneRepository), (status = 400), (status = 401), (status = 403), (status = 409)))]
pub async fn create(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<NewRepositoryBody>,
) -> Result<(StatusCode, axum::Json<OneRepository>), Failure> {
    let owner: AccountName = match (&body.owner, &caller.who) {
        (Some(owner), _) => owner
            .parse()
            .map_err(|error| Failure::invalid("owner", format!("{error}.")))?,
        (None, plue_contract::Who::Account { name, .. }) => name.clone(),
        (None, _) => return Err(plue_forge::Error::Unauthenticated.into()),
    };
    let object_format = body
        .object_format
        .as_deref()
        .unwrap_or("sha1")
        .parse()
        .map_err(|_| Failure::invalid("object_format", "The object format is `sha1` or `sha256`."))?;
    if let (Some(private), Some(public)) = (body.private, body.is_public)
        && private == public
    {
        return Err(Failure::invalid(
            "private",
            "`private` and `is_public` contradict each other.",
        ));
    }
    let private = body.private.or(body.is_public.map(|public| !public));
    let visibility = visibility(body.visibility.as_deref(), private)?.unwrap_or_default();
    let permit = create_under(&site.forge, &caller, &owner, site.now_ms()).await?;
    let new = NewRepository {
        name: repository_name("name", &body.name)?,
        description: body.description,
        visibility,
        object_format,
        default_bookmark: body.default_branch,
    };
    let repository = repositories::create(&site.forge, permit, new, site.now_ms()).await?;
    let answer = OneRepository {
        repository: RepositoryView::of(&site, &repository),
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// Shows one repository.
#[utoipa::path(get, path = "/api/{owner}/{repo}", tag = "repositories",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = OneRepository), (status = 304), (status = 404)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let permit = read(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let repository = repositories::get(permit);
    let answer = OneRepository {
        repository: RepositoryView::of(&site, &repository),
    };
    cached::json(&headers, &answer)
}

/// What of a repository shall change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositoryBody {
    name: Option<String>,
    description: Option<String>,
    /// `public`, `internal` or `private`.
    visibility: Option<String>,
    #[serde(alias = "isPrivate")]
    private: Option<bool>,
    #[serde(alias = "isArchived")]
    archived: Option<bool>,
    #[serde(alias = "defaultBranch")]
    default_branch: Option<String>,
}

/// Changes a repository: what it says of itself takes the role `maintain`, its name, who sees it and
/// whether it is archived take `admin`. Its former name leads to it afterwards.
#[utoipa::path(patch, path = "/api/{owner}/{repo}", tag = "repositories", request_body = RepositoryBody,
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = OneRepository), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409), (status = 423)))]
pub async fn update(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<RepositoryBody>,
) -> Result<axum::Json<OneRepository>, Failure> {
    let permit = maintain(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let change = RepositoryChange {
        name: body.name.map(|name| repository_name("name", &name)).transpose()?,
        description: body.description,
        visibility: visibility(body.visibility.as_deref(), body.private)?,
        archived: body.archived,
        default_bookmark: body.default_branch,
    };
    let repository = repositories::update(&site.forge, permit, change, site.now_ms()).await?;
    Ok(axum::Json(OneRepository {
        repository: RepositoryView::of(&site, &repository),
    }))
}

/// Deletes a repository. For a while an administrator of the site can restore it.
#[utoipa::path(delete, path = "/api/{owner}/{repo}", tag = "repositories",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404)))]
pub async fn delete(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = administer(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    repositories::delete(&site.forge, permit, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Repository deleted",
    }))
}

/// To whom a repository shall go.
#[derive(Deserialize, ToSchema)]
pub struct TransferBody {
    #[serde(alias = "newOwner", alias = "new_owner")]
    owner: String,
}

/// Gives a repository to another account or to an organisation.
#[utoipa::path(post, path = "/api/{owner}/{repo}/transfer", tag = "repositories", request_body = TransferBody,
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = OneRepository), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409)))]
pub async fn transfer(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<TransferBody>,
) -> Result<axum::Json<OneRepository>, Failure> {
    let permit = administer(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let owner: AccountName = body
        .owner
        .parse()
        .map_err(|error| Failure::invalid("owner", format!("{error}.")))?;
    let to = create_under(&site.forge, &caller, &owner, site.now_ms()).await?;
    let repository = repositories::transfer(&site.forge, permit, to, site.now_ms()).await?;
    Ok(axum::Json(OneRepository {
        repository: RepositoryView::of(&site, &repository),
    }))
}

/// Repositories that can still be restored.
#[derive(Serialize, ToSchema)]
pub struct DeletedList {
    repositories: Vec<RepositoryView>,
}

/// Lists deleted repositories that can still be restored.
#[utoipa::path(get, path = "/api/admin/repos/deleted", tag = "administration",
    responses((status = 200, body = DeletedList), (status = 401), (status = 403)))]
pub async fn deleted(
    State(site): State<Site>,
    Asked(caller): Asked,
) -> Result<axum::Json<DeletedList>, Failure> {
    let permit = administer_site(&site.forge, &caller, site.now_ms()).await?;
    let found = repositories::deleted(&site.forge, &permit).await?;
    Ok(axum::Json(DeletedList {
        repositories: found.iter().map(|r| RepositoryView::of(&site, r)).collect(),
    }))
}

/// Restores a deleted repository.
#[utoipa::path(post, path = "/api/admin/repos/{id}/restore", tag = "administration", params(("id" = i64, Path)),
    responses((status = 200, body = OneRepository), (status = 401), (status = 403), (status = 404), (status = 409)))]
pub async fn restore(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<OneRepository>, Failure> {
    let permit = administer_site(&site.forge, &caller, site.now_ms()).await?;
    let id: RepoId = path.parse("id")?;
    let repository = repositories::restore(&site.forge, permit, id, site.now_ms()).await?;
    Ok(axum::Json(OneRepository {
        repository: RepositoryView::of(&site, &repository),
    }))
}

//! Who else may use a repository: people, and the keys of machines.

use super::auth::Message;
use super::extract::{Asked, Json, Path};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::extract::State;
use http::StatusCode;
use plue_forge::access::repositories::administer;
use plue_forge::collaborators::{self, Collaborator, DeployKey};
use plue_forge::repositories::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody who was let in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CollaboratorView {
    id: i64,
    username: String,
    /// `read`, `triage`, `write`, `maintain` or `admin`.
    permission: &'static str,
    created_at: String,
}

impl CollaboratorView {
    fn of(collaborator: &Collaborator) -> Self {
        Self {
            id: collaborator.account.0,
            username: collaborator.name.to_string(),
            permission: collaborator.role.as_str(),
            created_at: moment::text(collaborator.created_at_ms),
        }
    }
}

/// All who were let in.
#[derive(Serialize, ToSchema)]
pub struct CollaboratorList {
    collaborators: Vec<CollaboratorView>,
    total: usize,
}

/// Lists the collaborators of a repository.
#[utoipa::path(get, path = "/api/{owner}/{repo}/collaborators", tag = "collaborators",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = CollaboratorList), (status = 401), (status = 403), (status = 404)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<CollaboratorList>, Failure> {
    let permit = administer(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let found = collaborators::list(&site.forge, permit).await?;
    Ok(axum::Json(CollaboratorList {
        total: found.len(),
        collaborators: found.iter().map(CollaboratorView::of).collect(),
    }))
}

/// What a collaborator may do.
#[derive(Deserialize, ToSchema)]
pub struct CollaboratorBody {
    /// `read`, `triage`, `write`, `maintain` or `admin`; `write` where nothing is said.
    #[serde(alias = "role")]
    permission: Option<String>,
}

/// What somebody may do from now on.
#[derive(Serialize, ToSchema)]
pub struct Granted {
    username: String,
    /// `read`, `triage`, `write`, `maintain` or `admin`.
    permission: &'static str,
}

/// Lets somebody in, or changes what they may do.
#[utoipa::path(put, path = "/api/{owner}/{repo}/collaborators/{username}", tag = "collaborators",
    params(("owner" = String, Path), ("repo" = String, Path), ("username" = String, Path)),
    request_body = CollaboratorBody,
    responses((status = 200, body = Granted), (status = 400), (status = 401), (status = 403), (status = 404)))]
pub async fn put(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<CollaboratorBody>,
) -> Result<axum::Json<Granted>, Failure> {
    let permit = administer(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let role: Role = body
        .permission
        .as_deref()
        .unwrap_or("write")
        .parse()
        .map_err(|_| {
            Failure::invalid(
                "permission",
                "A permission is `read`, `triage`, `write`, `maintain` or `admin`.",
            )
        })?;
    let name = path.account("username")?;
    collaborators::put(&site.forge, permit, &name, role, site.now_ms()).await?;
    Ok(axum::Json(Granted {
        username: name.to_string(),
        permission: role.as_str(),
    }))
}

/// Shuts somebody out again.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/collaborators/{username}", tag = "collaborators",
    params(("owner" = String, Path), ("repo" = String, Path), ("username" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404)))]
pub async fn remove(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = administer(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let name = path.account("username")?;
    collaborators::remove(&site.forge, permit, &name, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Collaborator removed",
    }))
}

/// A key that opens this one repository.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeployKeyView {
    id: i64,
    name: String,
    fingerprint: String,
    public_key: String,
    read_only: bool,
    created_at: String,
    last_used_at: Option<String>,
}

impl DeployKeyView {
    fn of(key: &DeployKey) -> Self {
        Self {
            id: key.id.0,
            name: key.name.clone(),
            fingerprint: key.fingerprint.clone(),
            public_key: key.public_key.clone(),
            read_only: !key.write,
            created_at: moment::text(key.created_at_ms),
            last_used_at: moment::optional(key.last_used_at_ms),
        }
    }
}

/// The deploy keys of a repository.
#[derive(Serialize, ToSchema)]
pub struct DeployKeyList {
    keys: Vec<DeployKeyView>,
}

/// Lists the deploy keys of a repository.
#[utoipa::path(get, path = "/api/{owner}/{repo}/keys", tag = "deploy keys",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = DeployKeyList), (status = 401), (status = 403), (status = 404)))]
pub async fn list_keys(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<DeployKeyList>, Failure> {
    let permit = administer(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let keys = collaborators::deploy_keys(&site.forge, permit).await?;
    Ok(axum::Json(DeployKeyList {
        keys: keys.iter().map(DeployKeyView::of).collect(),
    }))
}

/// A public key, what it shall be called and whether it may push.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewDeployKeyBody {
    #[serde(alias = "title")]
    name: String,
    #[serde(alias = "public_key", alias = "key")]
    public_key: String,
    /// Whether it may only fetch; so it is where nothing is said.
    #[serde(default = "yes", alias = "read_only")]
    read_only: bool,
}

const fn yes() -> bool {
    true
}

/// A deploy key, alone.
#[derive(Serialize, ToSchema)]
pub struct OneDeployKey {
    key: DeployKeyView,
}

/// Adds a deploy key to a repository.
#[utoipa::path(post, path = "/api/{owner}/{repo}/keys", tag = "deploy keys", request_body = NewDeployKeyBody,
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 201, body = OneDeployKey), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409)))]
pub async fn add_key(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<NewDeployKeyBody>,
) -> Result<(StatusCode, axum::Json<OneDeployKey>), Failure> {
    let permit = administer(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    let key = collaborators::add_deploy_key(
        &site.forge,
        permit,
        &body.name,
        &body.public_key,
        !body.read_only,
        site.now_ms(),
    )
    .await?;
    let answer = OneDeployKey {
        key: DeployKeyView::of(&key),
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// Removes a deploy key of a repository.
#[utoipa::path(delete, path = "/api/{owner}/{repo}/keys/{id}", tag = "deploy keys",
    params(("owner" = String, Path), ("repo" = String, Path), ("id" = i64, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404)))]
pub async fn remove_key(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = administer(&site.forge, &caller, &path.repository()?, site.now_ms()).await?;
    collaborators::remove_deploy_key(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Deploy key removed",
    }))
}

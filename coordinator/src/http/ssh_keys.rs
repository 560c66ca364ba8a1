//! One's own SSH keys.

use super::auth::Message;
use super::extract::{Asked, Json, Path};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::extract::State;
use http::StatusCode;
use plue_forge::access::accounts::{read_self, write_self};
use plue_forge::ssh_keys::{self, NewSshKey, SshKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One SSH key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SshKeyView {
    id: i64,
    name: String,
    /// `SHA256:` and the hash in base64, as OpenSSH prints it.
    fingerprint: String,
    key_type: String,
    created_at: String,
    last_used_at: Option<String>,
}

impl SshKeyView {
    /// What its owner sees of a key.
    pub fn of(key: &SshKey) -> Self {
        Self {
            id: key.id.0,
            name: key.name.clone(),
            fingerprint: key.fingerprint.clone(),
            key_type: key.kind.clone(),
            created_at: moment::text(key.created_at_ms),
            last_used_at: moment::optional(key.last_used_at_ms),
        }
    }
}

/// One's own keys.
#[derive(Serialize, ToSchema)]
pub struct SshKeyList {
    keys: Vec<SshKeyView>,
}

/// Lists one's own SSH keys.
#[utoipa::path(get, path = "/api/ssh-keys", tag = "keys", responses((status = 200, body = SshKeyList), (status = 401)))]
pub async fn list(State(site): State<Site>, Asked(caller): Asked) -> Result<axum::Json<SshKeyList>, Failure> {
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    let keys = ssh_keys::list(&site.forge, permit).await?;
    Ok(axum::Json(SshKeyList {
        keys: keys.iter().map(SshKeyView::of).collect(),
    }))
}

/// A public key and what it shall be called.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewKeyBody {
    name: String,
    #[serde(alias = "public_key", alias = "key")]
    public_key: String,
}

/// A key that was added.
#[derive(Serialize, ToSchema)]
pub struct SshKeyAdded {
    key: SshKeyView,
}

/// Adds an SSH key to one's account.
#[utoipa::path(post, path = "/api/ssh-keys", tag = "keys", request_body = NewKeyBody,
    responses((status = 201, body = SshKeyAdded), (status = 400), (status = 401), (status = 409)))]
pub async fn add(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<NewKeyBody>,
) -> Result<(StatusCode, axum::Json<SshKeyAdded>), Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    let new = NewSshKey {
        name: body.name,
        public_key: body.public_key,
    };
    let key = ssh_keys::add(&site.forge, permit, new, site.now_ms()).await?;
    let answer = SshKeyAdded {
        key: SshKeyView::of(&key),
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// Removes one of one's own SSH keys.
#[utoipa::path(delete, path = "/api/ssh-keys/{id}", tag = "keys", params(("id" = i64, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 404)))]
pub async fn delete(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = write_self(&site.forge, &caller, site.now_ms()).await?;
    ssh_keys::delete(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Key removed",
    }))
}

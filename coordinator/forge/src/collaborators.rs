//! Who else may use a repository: collaborators, and keys that are nobody's.

use crate::access::Permit;
use crate::access::repositories::AdministerRepo;
use crate::audit::{Action, Note, note};
use crate::repositories::{Role, account_id};
use crate::ssh_keys::PublicKey;
use crate::{Error, Forge, events};
use plue_contract::events::{Event, Member};
use plue_contract::{AccountId, AccountName, DeployKeyId};
use plue_store::collaborators::{self as rows, DeployKeyRow};
use plue_store::ssh_keys as fingerprints;
use serde_json::json;

/// An account that was let into a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collaborator {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: AccountName,
    /// What it may do.
    pub role: Role,
    /// Since when, in milliseconds since 1970.
    pub created_at_ms: i64,
}

/// An SSH key that opens one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployKey {
    /// The key's number.
    pub id: DeployKeyId,
    /// What people call it.
    pub name: String,
    /// The key, as OpenSSH writes it.
    pub public_key: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// Whether it may push.
    pub write: bool,
    /// When it was added, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was used last, to the minute.
    pub last_used_at_ms: Option<i64>,
}

impl From<DeployKeyRow> for DeployKey {
    fn from(row: DeployKeyRow) -> Self {
        let (id, _, name, public_key, fingerprint, writes, created_at_ms, last_used_at_ms) = row;
        Self {
            id: DeployKeyId(id),
            name,
            public_key,
            fingerprint,
            write: writes != 0,
            created_at_ms,
            last_used_at_ms,
        }
    }
}

/// Everybody who was let into the repository, by name.
pub async fn list(forge: &Forge, permit: Permit<AdministerRepo>) -> Result<Vec<Collaborator>, Error> {
    let mut conn = forge.store().read().await?;
    let found = rows::list(&mut conn, permit.on().id).await?;
    found
        .into_iter()
        .map(|(account, name, role, created_at_ms)| {
            Ok(Collaborator {
                account: AccountId(account),
                name: name
                    .parse()
                    .map_err(|_| Error::Internal(format!("account {account} has a bad name")))?,
                role: role.parse()?,
                created_at_ms,
            })
        })
        .collect()
}

/// Lets an account in, or changes what it may do.
pub async fn put(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    name: &AccountName,
    role: Role,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    let id = permit.on().id;
    forge
        .store()
        .in_tx("collaborators.put", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, now_ms).await?;
                let account = account_id(tx, name).await?;
                if account == repository.owner_id {
                    return Err(Error::invalid("name", "the owner needs no invitation"));
                }
                let known = rows::list(tx, id).await?;
                let before = known.into_iter().find(|(of, ..)| *of == account.0);
                rows::put(tx, id, account, role.as_str(), now_ms).await?;
                let detail = json!({ "account": name, "role": role.as_str() });
                let told = Note::of(Action::CollaboratorPut, &repository, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                let member = Member {
                    member: events::person(account, name),
                    role: Some(role.as_str().to_owned()),
                };
                let told = match before {
                    None => Event::MemberAdded(member),
                    Some((.., before, _)) if before != role.as_str() => Event::MemberEdited(member),
                    Some(_) => return Ok(()),
                };
                events::tell(tx, permit.caller(), id, &[told], now_ms).await
            })
        })
        .await
}

/// Shows an account out; not found where it was not in.
pub async fn remove(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    name: &AccountName,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    let id = permit.on().id;
    forge
        .store()
        .in_tx("collaborators.remove", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, now_ms).await?;
                let account = account_id(tx, name).await?;
                if !rows::remove(tx, id, account).await? {
                    return Err(Error::NotFound);
                }
                let told = Note::of(
                    Action::CollaboratorRemove,
                    &repository,
                    json!({ "account": name }),
                );
                note(tx, permit.caller(), told, now_ms).await?;
                let told = Event::MemberRemoved(Member {
                    member: events::person(account, name),
                    role: None,
                });
                events::tell(tx, permit.caller(), id, &[told], now_ms).await
            })
        })
        .await
}

/// The repository's deploy keys, the oldest first.
pub async fn deploy_keys(forge: &Forge, permit: Permit<AdministerRepo>) -> Result<Vec<DeployKey>, Error> {
    let mut conn = forge.store().read().await?;
    let found = rows::deploy_keys(&mut conn, permit.on().id).await?;
    Ok(found.into_iter().map(DeployKey::from).collect())
}

/// Adds a key that opens this repository and nothing else. A key that somebody has is refused.
pub async fn add_deploy_key(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    name: &str,
    public_key: &str,
    write: bool,
    now_ms: i64,
) -> Result<DeployKey, Error> {
    let key = PublicKey::parse(public_key)?;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 255 || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "name",
            "a key's name has between 1 and 255 characters",
        ));
    }
    let (openssh, fingerprint) = (key.openssh().to_owned(), key.fingerprint().to_owned());
    let permit = &permit;
    let new = rows::NewDeployKeyRow {
        repository: permit.on().id,
        name,
        public_key: &openssh,
        fingerprint: &fingerprint,
        writes: write,
    };
    let id = forge
        .store()
        .in_tx("deploy_keys.add", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, now_ms).await?;
                fingerprints::claim_fingerprint(tx, new.fingerprint)
                    .await
                    .map_err(in_use)?;
                let id = rows::insert_deploy_key(tx, new, now_ms).await?;
                let detail = json!({ "name": new.name, "fingerprint": new.fingerprint, "write": new.writes });
                let told = Note::of(Action::DeployKeyAdd, &repository, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                Ok::<_, Error>(id)
            })
        })
        .await?;
    Ok(DeployKey {
        id,
        name: name.to_owned(),
        public_key: openssh,
        fingerprint,
        write,
        created_at_ms: now_ms,
        last_used_at_ms: None,
    })
}

/// Removes a deploy key of this repository.
pub async fn remove_deploy_key(
    forge: &Forge,
    permit: Permit<AdministerRepo>,
    id: DeployKeyId,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    let repository = permit.on().id;
    forge
        .store()
        .in_tx("deploy_keys.remove", |tx| {
            Box::pin(async move {
                let of = permit.check_again(tx, now_ms).await?;
                let fingerprint = rows::remove_deploy_key(tx, repository, id)
                    .await?
                    .ok_or(Error::NotFound)?;
                fingerprints::release_fingerprint(tx, &fingerprint).await?;
                let detail = json!({ "fingerprint": fingerprint });
                let told = Note::of(Action::DeployKeyRemove, &of, detail);
                note(tx, permit.caller(), told, now_ms).await
            })
        })
        .await
}

fn in_use(error: plue_store::StoreError) -> Error {
    if error.is_unique("ssh_key_fingerprints__fingerprint") {
        return Error::Conflict {
            field: "key",
            detail: "This key is in use already, by an account or by another repository.".to_owned(),
        };
    }
    error.into()
}

//! SSH keys of accounts, and what a public key must be like to open anything here.

use crate::access::accounts::{Administer, ReadSelf, WriteSelf};
use crate::access::{Permit, require_scope};
use crate::accounts::{self, check_label};
use crate::audit::{Action, Note, note};
use crate::{Error, Forge};
use plue_contract::{AccountName, Caller, DeployKeyId, RepoId, Scope, Scopes, SshKeyId, Via, Who, causes};
use plue_store::accounts::AccountRow;
use plue_store::ssh_keys::{self as rows, SshKeyRow};
use plue_store::{StoreError, Tx};
use serde_json::json;
use ssh_key::HashAlg;
use ssh_key::public::KeyData;

/// The longest text that is read as a key, in bytes; an RSA key of 16,384 bits fits.
const MAX_TEXT_BYTES: usize = 8 * 1024;
/// The weakest RSA key that opens anything, in bits.
const MIN_RSA_BITS: usize = 3072;
/// The largest RSA key that is worth the time of checking a signature, in bits.
const MAX_RSA_BITS: usize = 16_384;
/// How many keys an account has at most.
const MAX_KEYS: i64 = 100;
/// How old the note of a key's last use becomes before it is written anew, in milliseconds.
const USE_NOTE_MS: i64 = 5 * 60_000;

/// A public key that is strong enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: String,
    openssh: String,
    fingerprint: String,
    comment: String,
}

impl PublicKey {
    /// Reads a line as OpenSSH writes it to `id_ed25519.pub` and its like. Ed25519, ECDSA on the
    /// three NIST curves and RSA of at least 3072 bits are taken.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |detail: &str| Err(Error::invalid("publicKey", detail));
        let line = text.trim();
        if line.contains("PRIVATE KEY") {
            return refuse("this is a private key: keep it to yourself, and send the file that ends in .pub");
        }
        if line.is_empty() || line.len() > MAX_TEXT_BYTES || line.contains(char::is_control) {
            return refuse("a public key is one line, as in the file that ends in .pub");
        }
        let Ok(key) = ssh_key::PublicKey::from_openssh(line) else {
            return refuse(
                "this is not a public key; send the line from the file that ends in .pub, which begins with ssh-ed25519, ecdsa-sha2-… or ssh-rsa",
            );
        };
        match key.key_data() {
            KeyData::Ed25519(_) | KeyData::Ecdsa(_) => {}
            KeyData::Rsa(rsa) => {
                let bits = bits(rsa.n().as_positive_bytes().unwrap_or_default());
                if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
                    return refuse(&format!(
                        "an RSA key has between {MIN_RSA_BITS} and {MAX_RSA_BITS} bits, and this one {bits}; better make one with `ssh-keygen -t ed25519`"
                    ));
                }
                let e = rsa.e().as_positive_bytes().unwrap_or_default();
                if e.last().is_none_or(|last| last % 2 == 0) || e == [1] {
                    return refuse("this RSA key is not well made; make one with `ssh-keygen -t ed25519`");
                }
            }
            _ => return refuse("keys of this kind are not taken; make one with `ssh-keygen -t ed25519`"),
        }
        let bare = ssh_key::PublicKey::new(key.key_data().clone(), "");
        Ok(Self {
            kind: key.algorithm().to_string(),
            openssh: bare
                .to_openssh()
                .map_err(|error| Error::Internal(error.to_string()))?,
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
            comment: key.comment().as_str_lossy().trim().to_owned(),
        })
    }

    /// Its algorithm, as OpenSSH writes it.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The key as OpenSSH writes it, without a comment.
    pub fn openssh(&self) -> &str {
        &self.openssh
    }

    /// `SHA256:` and the unpadded base64 of its hash, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What stood behind the key, often `name@host`.
    pub fn comment(&self) -> &str {
        &self.comment
    }
}

/// How many bits a number in big-endian bytes has.
fn bits(bytes: &[u8]) -> usize {
    let digits = bytes
        .iter()
        .position(|&byte| byte != 0)
        .map_or(&[][..], |first| &bytes[first..]);
    digits.len() * 8 - digits.first().map_or(0, |byte| byte.leading_zeros() as usize)
}

/// A key of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey {
    /// Its id.
    pub id: SshKeyId,
    /// What its owner calls it.
    pub name: String,
    /// Its algorithm, as OpenSSH writes it.
    pub kind: String,
    /// The key as OpenSSH writes it, without a comment.
    pub public_key: String,
    /// `SHA256:` and the unpadded base64 of its hash.
    pub fingerprint: String,
    /// When it was added, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last used, to within a few minutes.
    pub last_used_at_ms: Option<i64>,
}

impl From<SshKeyRow> for SshKey {
    fn from(row: SshKeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            public_key: row.public_key,
            fingerprint: row.fingerprint,
            created_at_ms: row.created_at_ms,
            last_used_at_ms: row.last_used_at_ms,
        }
    }
}

/// A key that somebody wants to add.
#[derive(Clone, Debug)]
pub struct NewSshKey {
    /// What to call it; empty: its comment.
    pub name: String,
    /// The line from the `.pub` file.
    pub public_key: String,
}

/// Adds a key to the caller's account. A key opens all of the account's repositories, so the
/// caller's own credential must too.
pub async fn add(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    new: NewSshKey,
    now_ms: i64,
) -> Result<SshKey, Error> {
    let (permit, new) = (&permit, &checked(new)?);
    require_scope(permit.caller(), Scope::Repo)?;
    if matches!(
        &permit.caller().who,
        Who::Account {
            repositories: Some(_),
            ..
        }
    ) {
        return Err(Error::Forbidden(
            "a token that is bound to repositories adds no SSH keys".to_owned(),
        ));
    }
    forge
        .store()
        .in_tx("ssh_keys.add", |tx| {
            Box::pin(async move {
                let owner = permit.check_again(tx, now_ms).await?;
                insert(tx, permit.caller(), &owner, new, now_ms).await
            })
        })
        .await
}

/// Adds a key to another's account.
pub async fn add_for(
    forge: &Forge,
    permit: Permit<Administer>,
    owner: &AccountName,
    new: NewSshKey,
    now_ms: i64,
) -> Result<SshKey, Error> {
    let (permit, new) = (&permit, &checked(new)?);
    forge
        .store()
        .in_tx("ssh_keys.add_for", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                let owner = plue_store::accounts::by_name(tx, owner)
                    .await?
                    .ok_or(Error::NotFound)?;
                insert(tx, permit.caller(), &owner, new, now_ms).await
            })
        })
        .await
}

/// The name and the key of what is to be added.
type Checked = (String, PublicKey);

fn checked(new: NewSshKey) -> Result<Checked, Error> {
    let key = PublicKey::parse(&new.public_key)?;
    let name = if new.name.trim().is_empty() {
        key.comment()
    } else {
        new.name.trim()
    };
    Ok((check_label("name", name)?, key))
}

async fn insert(
    tx: &mut Tx<'_>,
    caller: &Caller,
    owner: &AccountRow,
    new: &Checked,
    now_ms: i64,
) -> Result<SshKey, Error> {
    let (name, key) = new;

    // Locked, so that two requests at once do not both find room for the last key.
    plue_store::accounts::lock(tx, owner.id)
        .await?
        .ok_or(Error::NotFound)?;
    if rows::count(tx, owner.id).await? >= MAX_KEYS {
        return Err(Error::Refused(format!(
            "an account has at most {MAX_KEYS} SSH keys; delete one first"
        )));
    }
    rows::claim_fingerprint(tx, key.fingerprint())
        .await
        .map_err(taken)?;
    let mut row = SshKeyRow {
        id: SshKeyId(0),
        account_id: owner.id,
        name: name.clone(),
        kind: key.kind().to_owned(),
        public_key: key.openssh().to_owned(),
        fingerprint: key.fingerprint().to_owned(),
        created_at_ms: now_ms,
        last_used_at_ms: None,
    };
    row.id = rows::insert(tx, &row).await?;
    let detail = json!({ "key": row.id, "name": row.name, "fingerprint": row.fingerprint });
    let told = Note::of_account(Action::SshKeyAdd, owner.id, &owner.name, detail);
    note(tx, caller, told, now_ms).await?;
    Ok(row.into())
}

fn taken(error: StoreError) -> Error {
    if error.is_unique("ssh_key_fingerprints__fingerprint") {
        return Error::conflict(
            "publicKey",
            "this key is in use already, by an account or a repository; a key opens one of them: make another with `ssh-keygen -t ed25519`",
        );
    }
    error.into()
}

/// The caller's keys, the youngest first.
pub async fn list(forge: &Forge, permit: Permit<ReadSelf>) -> Result<Vec<SshKey>, Error> {
    let found = rows::of_account(&mut forge.store().read().await?, permit.on().id).await?;
    Ok(found.into_iter().map(SshKey::from).collect())
}

/// Removes one of the caller's keys.
pub async fn delete(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    id: SshKeyId,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("ssh_keys.delete", |tx| {
            Box::pin(async move {
                let owner = permit.check_again(tx, now_ms).await?;
                let fingerprint = rows::delete(tx, id, owner.id).await?.ok_or(Error::NotFound)?;
                rows::release_fingerprint(tx, &fingerprint).await?;
                let detail = json!({ "key": id, "fingerprint": fingerprint });
                let told = Note::of_account(Action::SshKeyDelete, owner.id, &owner.name, detail);
                note(tx, permit.caller(), told, now_ms).await
            })
        })
        .await
}

/// Whose key it is whose signature was verified: an account's, or a repository's; none where
/// nobody has it, its owner is disabled or its repository deleted.
pub async fn authenticate(forge: &Forge, fingerprint: &str, now_ms: i64) -> Result<Option<Who>, Error> {
    let mut conn = forge.store().read().await?;
    if let Some(key) = rows::by_fingerprint(&mut conn, fingerprint).await? {
        let owner = plue_store::accounts::by_id(&mut conn, key.account_id).await?;
        drop(conn);
        let Some(owner) = owner.filter(|owner| !owner.is_disabled) else {
            return Ok(None);
        };
        if is_note_due(key.last_used_at_ms, now_ms) {
            let noted = forge
                .store()
                .in_tx("ssh_keys.note_use", |tx| {
                    Box::pin(rows::set_last_used(tx, key.id, now_ms))
                })
                .await;
            warn_unless(noted);
        }
        return Ok(Some(accounts::who(
            &owner,
            Via::SshKey(key.id),
            Scopes::of([Scope::Repo]),
            None,
        )));
    }
    let found = plue_store::collaborators::deploy_key_by_fingerprint(&mut conn, fingerprint).await?;
    drop(conn);
    let Some((id, repository, _, _, _, writes, _, last_used_at_ms)) = found else {
        return Ok(None);
    };
    let id = DeployKeyId(id);
    if is_note_due(last_used_at_ms, now_ms) {
        let noted = forge
            .store()
            .in_tx("deploy_keys.note_use", |tx| {
                Box::pin(plue_store::collaborators::touch_deploy_key(tx, id, now_ms))
            })
            .await;
        warn_unless(noted);
    }
    Ok(Some(Who::DeployKey {
        id,
        repository: RepoId(repository),
        write: writes != 0,
    }))
}

fn is_note_due(last_used_at_ms: Option<i64>, now_ms: i64) -> bool {
    last_used_at_ms.is_none_or(|last| now_ms - last >= USE_NOTE_MS)
}

/// The note is worth less than the answer: without it the caller still gets in.
fn warn_unless(noted: Result<(), StoreError>) {
    if let Err(error) = noted {
        tracing::warn!(error = %causes(&error), "the use of an SSH key could not be noted");
    }
}

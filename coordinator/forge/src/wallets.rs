//! Ethereum addresses that open an account. That a message was signed by an address's key, for
//! this site and about now, was verified by the gateway's code; here its nonce is used up, once.

use crate::access::Permit;
use crate::access::accounts::{Join, ReadSelf, WriteSelf};
use crate::accounts::{check_text, require_a_way_in, require_session, taken};
use crate::audit::{Action, Note, note};
use crate::mail::{self, News};
use crate::sessions::{self, Client, Fresh, Opened, Outcome, enter, step_in};
use crate::{Error, Forge};
use plue_contract::{AccountName, Caller};
use plue_store::accounts::{self as account_rows, AccountRow, NewAccountRow};
use plue_store::wallets as rows;
use plue_store::{StoreError, Tx};
use serde_json::json;

/// How long a nonce holds, in milliseconds.
const NONCE_LIFETIME_MS: i64 = 10 * 60_000;
/// How many wallets an account has at most.
const MAX_WALLETS: usize = 20;

/// What a signed message showed: the address whose key signed it, and the nonce in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `0x` and 40 hex digits in lower case.
    pub address: String,
    /// The nonce.
    pub nonce: String,
}

/// A wallet that opens an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    /// `0x` and 40 hex digits in lower case.
    pub address: String,
    /// When it was linked, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When somebody last signed in by it.
    pub last_used_at_ms: Option<i64>,
}

/// A nonce for a message, which may be used once.
pub async fn nonce(forge: &Forge, now_ms: i64) -> Result<String, Error> {
    let bytes: [u8; 16] = forge.random();
    let nonce: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let fresh = &nonce;
    forge
        .store()
        .in_tx("wallets.nonce", |tx| {
            Box::pin(async move {
                let expires_at_ms = now_ms.saturating_add(NONCE_LIFETIME_MS);
                Ok::<_, Error>(rows::insert_nonce(tx, fresh, expires_at_ms).await?)
            })
        })
        .await?;
    Ok(nonce)
}

const DISABLED: &str = "this account is disabled; ask an administrator of this site";
const UNKNOWN: &str = "no account has this wallet; sign in otherwise and link it in your settings";

/// Opens a session of the account that has the wallet; none where the nonce does not hold. Where
/// none has it and everybody may join, one is made, and named after the address.
pub async fn sign_in(
    forge: &Forge,
    shown: &Shown,
    client: Client,
    now_ms: i64,
) -> Result<Option<Opened>, Error> {
    let caller = &Caller::anonymous(client.address, client.request_id.clone());
    let fresh = &Fresh::new(forge, client, now_ms)?;
    let uuid = &forge.uuid();
    let came = forge
        .store()
        .in_tx("wallets.sign_in", |tx| {
            Box::pin(async move {
                if !rows::take_nonce(tx, &shown.nonce, now_ms).await? {
                    return Ok(Ok(Outcome::Nobody));
                }
                if let Some(wallet) = rows::find(tx, &shown.address).await? {
                    let account = account_rows::lock(tx, wallet.account_id).await?;
                    let Some(account) = account.filter(|account| !account.is_disabled) else {
                        return Ok(Err(DISABLED));
                    };
                    rows::set_last_used(tx, &shown.address, now_ms).await?;
                    return step_in(forge, tx, fresh, account, "wallet", now_ms).await.map(Ok);
                }
                if !forge.lets_people_join() {
                    return Ok(Err(UNKNOWN));
                }
                let name = free_name(tx, &shown.address).await?;
                let new = Newcomer {
                    uuid,
                    name: &name,
                    display_name: "",
                };
                let account = join(tx, caller, &new, &shown.address, now_ms).await?;
                enter(tx, fresh, account, "wallet", now_ms)
                    .await
                    .map(|account| Ok(Outcome::In(account)))
            })
        })
        .await?;
    let outcome = came.map_err(|why| Error::Forbidden(why.to_owned()))?;
    outcome.into_opened(fresh)
}

/// A name that nobody has, made of an address: its first six and last four signs, else more of
/// them.
async fn free_name(tx: &mut Tx<'_>, address: &str) -> Result<AccountName, Error> {
    for last in [4, 8, 16, 30] {
        let (first, rest) = address.split_at(6);
        let name = format!("{first}{}", &rest[rest.len() - last..]);
        if let Ok(name) = AccountName::claim(&name)
            && account_rows::owner_by_name(tx, &name).await?.is_none()
        {
            return Ok(name);
        }
    }
    Err(Error::conflict(
        "username",
        "no name that is made of this address is free; register with a name of your choice",
    ))
}

struct Newcomer<'a> {
    uuid: &'a str,
    name: &'a AccountName,
    display_name: &'a str,
}

async fn join(
    tx: &mut Tx<'_>,
    caller: &Caller,
    new: &Newcomer<'_>,
    address: &str,
    now_ms: i64,
) -> Result<AccountRow, Error> {
    let row = NewAccountRow {
        uuid: new.uuid,
        name: new.name,
        is_organisation: false,
        display_name: new.display_name,
        email: None,
        password_hash: None,
        is_admin: false,
        now_ms,
    };
    let id = account_rows::insert(tx, &row).await.map_err(taken)?;
    rows::insert(tx, id, address, now_ms).await.map_err(linked)?;
    let detail = json!({ "by": "wallet", "address": address });
    note(
        tx,
        caller,
        Note::of_account(Action::AccountCreate, id, new.name, detail),
        now_ms,
    )
    .await?;
    account_rows::by_id(tx, id).await?.ok_or(Error::NotFound)
}

fn linked(error: StoreError) -> Error {
    if error.is_unique("wallets__address") {
        Error::conflict("wallet", "this wallet opens another account already")
    } else {
        error.into()
    }
}

/// Makes an account of this name that the wallet opens; none where the nonce does not hold.
pub async fn register(
    forge: &Forge,
    permit: Permit<Join>,
    shown: &Shown,
    name: &str,
    display_name: &str,
    client: Client,
    now_ms: i64,
) -> Result<Option<Opened>, Error> {
    let name = &AccountName::claim(name).map_err(|error| Error::invalid("username", error.to_string()))?;
    let display_name = &check_text("displayName", display_name, 255)?;
    let fresh = &sessions::Fresh::new(forge, client, now_ms)?;
    let (permit, uuid) = (&permit, &forge.uuid());
    let account = forge
        .store()
        .in_tx("wallets.register", |tx| {
            Box::pin(async move {
                if !rows::take_nonce(tx, &shown.nonce, now_ms).await? {
                    return Ok(None);
                }
                let new = Newcomer {
                    uuid,
                    name,
                    display_name,
                };
                let account = join(tx, permit.caller(), &new, &shown.address, now_ms).await?;
                enter(tx, fresh, account, "wallet", now_ms).await.map(Some)
            })
        })
        .await?;
    Ok(account.map(|account| fresh.opened(account)))
}

/// The caller's wallets, the oldest first.
pub async fn list(forge: &Forge, permit: Permit<ReadSelf>) -> Result<Vec<Wallet>, Error> {
    let found = rows::of_account(&mut forge.store().read().await?, permit.on().id).await?;
    let wallet = |row: rows::WalletRow| Wallet {
        address: row.address,
        created_at_ms: row.created_at_ms,
        last_used_at_ms: row.last_used_at_ms,
    };
    Ok(found.into_iter().map(wallet).collect())
}

/// Links a wallet to the caller's account; says whether its nonce held. Needs a session.
pub async fn link(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    shown: &Shown,
    now_ms: i64,
) -> Result<bool, Error> {
    require_session(&permit)?;
    let permit = &permit;
    forge
        .store()
        .in_tx("wallets.link", |tx| {
            Box::pin(async move {
                let id = permit.check_again(tx, now_ms).await?.id;
                let row = account_rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
                if !rows::take_nonce(tx, &shown.nonce, now_ms).await? {
                    return Ok(false);
                }
                let mine = rows::of_account(tx, id).await?;
                if mine.iter().any(|wallet| wallet.address == shown.address) {
                    return Ok(true);
                }
                if mine.len() >= MAX_WALLETS {
                    return Err(Error::Refused(format!(
                        "an account has at most {MAX_WALLETS} wallets; remove one first"
                    )));
                }
                rows::insert(tx, id, &shown.address, now_ms)
                    .await
                    .map_err(linked)?;
                let detail = json!({ "address": shown.address });
                let told = Note::of_account(Action::WalletLink, id, &row.name, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                let request = &permit.caller().request_id;
                mail::tell(forge, tx, &row, News::WalletLinked, request, now_ms).await?;
                Ok(true)
            })
        })
        .await
}

/// Removes a wallet of the caller's, unless nothing else would open the account. Needs a session.
pub async fn unlink(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    address: &str,
    now_ms: i64,
) -> Result<(), Error> {
    require_session(&permit)?;
    let (permit, address) = (&permit, &address.to_ascii_lowercase());
    forge
        .store()
        .in_tx("wallets.unlink", |tx| {
            Box::pin(async move {
                let id = permit.check_again(tx, now_ms).await?.id;
                let row = account_rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
                if !rows::delete(tx, id, address).await? {
                    return Err(Error::NotFound);
                }
                require_a_way_in(forge, tx, &row).await?;
                let detail = json!({ "address": address });
                let told = Note::of_account(Action::WalletUnlink, id, &row.name, detail);
                note(tx, permit.caller(), told, now_ms).await
            })
        })
        .await
}

//! What somebody shows beside their password: the codes of an app, and recovery codes for the day
//! on which it is lost.
//!
//! The app's secret lies sealed in the database, under a key that does not. Wrong codes make one
//! wait, longer each time; a recovery code is too long to be guessed and is always looked at, so
//! that nobody is kept out of their own account by somebody else's guesses.

mod totp;

use crate::access::Permit;
use crate::access::accounts::{Administer, ReadSelf, WriteSelf};
use crate::accounts::prove;
use crate::audit::{Action, Note, note};
use crate::mail::{self, News};
use crate::{Error, Forge, sealed};
use plue_contract::credentials::secret_hash;
use plue_contract::{AccountId, AccountName};
use plue_store::Tx;
use plue_store::accounts::{self as account_rows, AccountRow};
use plue_store::second_factors as rows;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How many recovery codes there are.
const CODES: usize = 10;
/// What recovery codes are made of: no signs that look like others.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
/// How many characters one has.
const CODE_CHARS: usize = 16;
/// How many wrong codes are free.
const FREE_FAILURES: i64 = 5;
/// How long the first wait is, in milliseconds; each further one is twice as long.
const FIRST_WAIT_MS: i64 = 60_000;
/// The longest wait, in milliseconds.
const LONGEST_WAIT_MS: i64 = 24 * 3_600_000;
/// How long the second step may take, in milliseconds.
const TICKET_LIFETIME_MS: i64 = 10 * 60_000;

/// How an account's second factor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether one is asked for.
    pub set: bool,
    /// How many recovery codes are left.
    pub codes_left: i64,
}

/// What is shown once, when a second factor is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The secret, as people type it into an app.
    pub secret: String,
    /// The same as an address that apps read from a picture.
    pub uri: String,
    /// The recovery codes.
    pub codes: Vec<String>,
}

/// How the caller's second factor stands.
pub async fn state(forge: &Forge, permit: Permit<ReadSelf>) -> Result<State, Error> {
    let (mut conn, id) = (forge.store().read().await?, permit.on().id);
    Ok(State {
        set: rows::is_set(&mut conn, id).await?,
        codes_left: rows::count_codes(&mut conn, id).await?,
    })
}

/// Begins to set up a second factor; it counts once a code was shown. Needs a session, and the
/// password where there is one.
pub async fn begin(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    present: Option<&str>,
    now_ms: i64,
) -> Result<Setup, Error> {
    let before = &prove(forge, &permit, present, now_ms).await?;
    let secret: [u8; totp::SECRET_BYTES] = forge.random();
    let id = permit.on().id;
    let sealed = &seal(forge, id, &secret)?;
    let (codes, hashes) = &fresh_codes(forge);
    let permit = &permit;
    forge
        .store()
        .in_tx("second_factor.begin", |tx| {
            Box::pin(async move {
                locked(tx, permit, before, now_ms).await?;
                if rows::is_set(tx, id).await? {
                    return Err(Error::conflict(
                        "",
                        "your account has a second factor; take it away first, to set up another one",
                    ));
                }
                rows::begin(tx, id, sealed, now_ms).await?;
                Ok(rows::set_codes(tx, id, hashes).await?)
            })
        })
        .await?;
    let site = forge.site_name();
    Ok(Setup {
        secret: totp::spelled(&secret),
        uri: totp::uri(&secret, site, permit.on().name.as_str()),
        codes: codes.clone(),
    })
}

/// The caller's account, asked again and locked; its password must be the one that was shown.
async fn locked(
    tx: &mut Tx<'_>,
    permit: &Permit<WriteSelf>,
    before: &Option<String>,
    now_ms: i64,
) -> Result<AccountRow, Error> {
    let id = permit.check_again(tx, now_ms).await?.id;
    let row = account_rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
    if row.password_hash != *before {
        return Err(Error::conflict(
            "current",
            "the password has just been changed by another request",
        ));
    }
    Ok(row)
}

/// Has the second factor count from now on, once its app has shown a right code.
pub async fn confirm(forge: &Forge, permit: Permit<WriteSelf>, code: &str, now_ms: i64) -> Result<(), Error> {
    let permit = &permit;
    let confirmed = forge
        .store()
        .in_tx("second_factor.confirm", |tx| {
            Box::pin(async move {
                let id = permit.check_again(tx, now_ms).await?.id;
                let row = account_rows::lock(tx, id).await?.ok_or(Error::Unauthenticated)?;
                match rows::find(tx, id).await? {
                    Some(factor) if factor.confirmed_at_ms.is_none() => {}
                    Some(_) => return Err(Error::conflict("", "your second factor is set already")),
                    None => return Err(Error::conflict("", "begin to set up a second factor first")),
                }
                if !check(forge, tx, id, code, Kinds::App, now_ms).await? {
                    return Ok(false);
                }
                let told = Note::of_account(Action::SecondFactorSet, id, &row.name, json!({}));
                note(tx, permit.caller(), told, now_ms).await?;
                let request = &permit.caller().request_id;
                mail::tell(forge, tx, &row, News::SecondFactorSet, request, now_ms).await?;
                Ok(true)
            })
        })
        .await?;
    if confirmed { Ok(()) } else { Err(wrong_code()) }
}

fn wrong_code() -> Error {
    Error::invalid("code", "this is not the code that the app shows now")
}

/// Takes the caller's second factor away. Needs a session, and the password where there is one.
pub async fn remove(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    present: Option<&str>,
    now_ms: i64,
) -> Result<(), Error> {
    let before = &prove(forge, &permit, present, now_ms).await?;
    let permit = &permit;
    forge
        .store()
        .in_tx("second_factor.remove", |tx| {
            Box::pin(async move {
                let row = locked(tx, permit, before, now_ms).await?;
                if rows::delete(tx, row.id).await? {
                    removed(forge, tx, permit.caller(), &row, now_ms).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Takes the second factor of somebody away who has lost it; whether there was one.
pub async fn remove_of(
    forge: &Forge,
    permit: Permit<Administer>,
    name: &AccountName,
    now_ms: i64,
) -> Result<bool, Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("second_factor.remove_of", |tx| {
            Box::pin(async move {
                permit.check_again(tx, now_ms).await?;
                let row = account_rows::by_name(tx, name).await?.ok_or(Error::NotFound)?;
                if !rows::delete(tx, row.id).await? {
                    return Ok(false);
                }
                removed(forge, tx, permit.caller(), &row, now_ms).await?;
                Ok(true)
            })
        })
        .await
}

async fn removed(
    forge: &Forge,
    tx: &mut Tx<'_>,
    caller: &plue_contract::Caller,
    row: &AccountRow,
    now_ms: i64,
) -> Result<(), Error> {
    let told = Note::of_account(Action::SecondFactorRemove, row.id, &row.name, json!({}));
    note(tx, caller, told, now_ms).await?;
    mail::tell(
        forge,
        tx,
        row,
        News::SecondFactorRemoved,
        &caller.request_id,
        now_ms,
    )
    .await
}

/// Gives the caller other recovery codes, in place of those that are left. Needs a session, and
/// the password where there is one.
pub async fn renew_codes(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    present: Option<&str>,
    now_ms: i64,
) -> Result<Vec<String>, Error> {
    let before = &prove(forge, &permit, present, now_ms).await?;
    let (codes, hashes) = &fresh_codes(forge);
    let permit = &permit;
    forge
        .store()
        .in_tx("second_factor.renew_codes", |tx| {
            Box::pin(async move {
                let row = locked(tx, permit, before, now_ms).await?;
                if !rows::is_set(tx, row.id).await? {
                    return Err(Error::conflict("", "your account has no second factor"));
                }
                rows::set_codes(tx, row.id, hashes).await?;
                let told = Note::of_account(Action::RecoveryCodes, row.id, &row.name, json!({}));
                note(tx, permit.caller(), told, now_ms).await
            })
        })
        .await?;
    Ok(codes.clone())
}

/// Fresh recovery codes, and their hashes.
fn fresh_codes(forge: &Forge) -> (Vec<String>, Vec<[u8; 32]>) {
    let code = |_| -> String {
        let bytes: [u8; CODE_CHARS] = forge.random();
        let signs: Vec<char> = bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
            .collect();
        let groups: Vec<String> = signs.chunks(4).map(|group| group.iter().collect()).collect();
        groups.join("-")
    };
    let codes: Vec<String> = (0..CODES).map(code).collect();
    let hashes = codes.iter().map(|code| code_hash(code)).collect();
    (codes, hashes)
}

/// The hash of a recovery code, however it was typed.
fn code_hash(code: &str) -> [u8; 32] {
    let plain: String = code
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    secret_hash(&plain)
}

/// What counts as a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kinds {
    /// The app's only.
    App,
    /// The app's, or a recovery code.
    Either,
}

/// Whether a code is right, with the account locked; a right one is used up and a wrong one is
/// counted, both in this transaction, which must commit. Who has guessed wrong too often waits
/// ([`Error::TooMany`]).
pub(crate) async fn check(
    forge: &Forge,
    tx: &mut Tx<'_>,
    account: AccountId,
    code: &str,
    kinds: Kinds,
    now_ms: i64,
) -> Result<bool, Error> {
    let Some(factor) = rows::find(tx, account).await? else {
        return Ok(false);
    };
    if kinds == Kinds::Either && rows::take_code(tx, account, &code_hash(code)).await? {
        return Ok(true);
    }
    if factor.locked_until_ms > now_ms {
        let wait_ms = factor.locked_until_ms.saturating_sub(now_ms).unsigned_abs();
        return Err(Error::TooMany {
            retry_after_s: wait_ms.div_ceil(1_000),
        });
    }
    let secret = sealed::open(
        &forge.keys()?.factor_secret,
        &secret_of(account),
        &factor.sealed_secret,
    )
    .ok_or_else(|| {
        Error::Internal("a second factor cannot be read: was JWT_SECRET changed twice?".to_owned())
    })?;
    match totp::accepted(&secret, code, factor.last_step, now_ms) {
        Some(step) => {
            // Sealed anew, so that a key that was changed is needed no longer than until the next
            // sign-in.
            let sealed = seal(forge, account, &secret)?;
            rows::take_step(tx, account, step, &sealed, now_ms).await?;
            Ok(true)
        }
        None => {
            let failures = factor.failures.saturating_add(1);
            let until_ms = now_ms.saturating_add(wait_ms(failures));
            rows::fail(tx, account, failures, until_ms).await?;
            Ok(false)
        }
    }
}

/// What the secret of an account's app is bound to.
fn secret_of(account: AccountId) -> String {
    format!("second factor of account {account}")
}

fn seal(forge: &Forge, account: AccountId, secret: &[u8]) -> Result<Vec<u8>, Error> {
    sealed::seal(forge, &forge.keys()?.factor_secret, &secret_of(account), secret)
}

/// How long one waits after so many wrong codes, in milliseconds.
fn wait_ms(failures: i64) -> i64 {
    let over = failures - FREE_FAILURES;
    if over < 0 {
        return 0;
    }
    (FIRST_WAIT_MS << over.min(20)).min(LONGEST_WAIT_MS)
}

/// What somebody holds who has shown their password and owes a code.
#[derive(Serialize, Deserialize)]
struct Ticket {
    account: i64,
    /// A trace of the stored password: another one makes the ticket worthless.
    password: String,
    /// By what the first step was done.
    by: String,
    until_ms: i64,
}

fn trace(row: &AccountRow) -> String {
    let hash = secret_hash(row.password_hash.as_deref().unwrap_or_default());
    hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A ticket for the second step, for an account that has shown who it is `by` something.
pub(crate) fn ticket(forge: &Forge, row: &AccountRow, by: &str, now_ms: i64) -> Result<String, Error> {
    let ticket = Ticket {
        account: row.id.0,
        password: trace(row),
        by: by.to_owned(),
        until_ms: now_ms.saturating_add(TICKET_LIFETIME_MS),
    };
    let text = serde_json::to_vec(&ticket).map_err(|error| Error::Internal(error.to_string()))?;
    let keys = forge.keys()?;
    keys.second_step
        .seal(&text)
        .ok_or_else(|| Error::Internal("there is no key for tickets".to_owned()))
}

/// The account behind a ticket and by what it has shown who it is, locked; none where the ticket
/// does not hold.
pub(crate) async fn redeem(
    forge: &Forge,
    tx: &mut Tx<'_>,
    ticket: &str,
    now_ms: i64,
) -> Result<Option<(AccountRow, String)>, Error> {
    let Ok(text) = forge.keys()?.second_step.open(ticket) else {
        return Ok(None);
    };
    let Ok(ticket) = serde_json::from_slice::<Ticket>(&text) else {
        return Ok(None);
    };
    if ticket.until_ms <= now_ms {
        return Ok(None);
    }
    let row = account_rows::lock(tx, AccountId(ticket.account)).await?;
    let row = row.filter(|row| !row.is_disabled && trace(row) == ticket.password);
    Ok(row.map(|row| (row, ticket.by)))
}

/// Whether the account has a second factor, so that its password is not enough.
pub(crate) async fn is_owed(conn: &mut plue_store::Conn, account: AccountId) -> Result<bool, Error> {
    Ok(rows::is_set(conn, account).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_day() {
        assert_eq!((1..FREE_FAILURES).map(wait_ms).sum::<i64>(), 0);
        assert_eq!(wait_ms(FREE_FAILURES), FIRST_WAIT_MS);
        assert_eq!(wait_ms(FREE_FAILURES + 2), 4 * FIRST_WAIT_MS);
        assert_eq!(wait_ms(i64::MAX), LONGEST_WAIT_MS);
    }

    #[test]
    fn a_recovery_code_is_read_however_it_is_typed() {
        assert_eq!(
            code_hash("abcd-efgh-jkmn-pqrs"),
            code_hash(" ABCD EFGH jkmnpqrs\n")
        );
        assert_ne!(code_hash("abcd-efgh-jkmn-pqrs"), code_hash("abcd-efgh-jkmn-pqrt"));
    }
}

//! Browser sessions: opened by a password or a one-time link, found by their cookie, renewed,
//! and ended.

use crate::access::Permit;
use crate::access::accounts::{ReadSelf, WriteSelf};
use crate::accounts::{Account, who};
use crate::audit::{Action, Note, note};
use crate::second_factor::{self, Kinds};
use crate::{Error, Forge};
use plue_contract::credentials::{SessionCookie, secret_hash};
use plue_contract::{Caller, Scopes, SessionId, Via, Who};
use plue_store::accounts::{self as account_rows, AccountRow};
use plue_store::sessions::{self as rows, SessionRow};
use plue_store::{Conn, Tx};
use serde_json::json;
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// How long a session lives without being renewed, in milliseconds.
pub const LIFETIME_MS: i64 = 30 * 24 * 3_600_000;
/// How old a session's secret becomes before it is to be changed, in milliseconds.
pub const ROTATE_AFTER_MS: i64 = 24 * 3_600_000;
/// How long the secret before still holds, for requests that were under way, in milliseconds.
pub const GRACE_MS: i64 = 60_000;
/// How many characters are kept of what a client calls itself.
const MAX_USER_AGENT_CHARS: usize = 256;

/// A session, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The client's address when it was opened.
    pub address: Option<String>,
    /// What the client called itself when it was opened.
    pub user_agent: Option<String>,
    /// When it was opened, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When its secret was last changed.
    pub rotated_at_ms: i64,
    /// When it ends.
    pub expires_at_ms: i64,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            address: row.address,
            user_agent: row.user_agent,
            created_at_ms: row.created_at_ms,
            rotated_at_ms: row.rotated_at_ms,
            expires_at_ms: row.expires_at_ms,
        }
    }
}

/// How somebody signs in.
#[derive(Clone)]
pub enum SignIn {
    /// By the token of a one-time link.
    Link {
        /// The token.
        token: String,
    },
    /// By name and password.
    Password {
        /// The account's name or its address for mail, as it was typed.
        name: String,
        /// The password.
        password: String,
    },
    /// By a code, after the first step was done by something else.
    SecondStep {
        /// The ticket of the first step.
        ticket: String,
        /// A code of the app, or a recovery code.
        code: String,
    },
}

/// The client that signs in, as its owner will recognise it in a list.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Its address.
    pub address: Option<IpAddr>,
    /// What it calls itself.
    pub user_agent: Option<String>,
    /// The request in which it signs in.
    pub request_id: String,
}

/// A session just opened.
#[derive(Clone)]
pub struct Opened {
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub account: Account,
    /// The value of its cookie.
    pub cookie: String,
}

/// A session that lives.
#[derive(Clone, Debug)]
pub struct Found {
    /// The session.
    pub session: Session,
    /// Whose it is, with every scope.
    pub who: Who,
    /// Whether this is the moment to [`rotate`] its secret.
    pub rotate_due: bool,
}

/// Opens a session; none where the password, the link or the ticket does not hold. Of two who use
/// one link at once, one gets in. Who has a second factor gets a ticket for a second step
/// ([`Error::SecondFactor`]), and there hears of a wrong code ([`Error::Invalid`]).
pub async fn open(forge: &Forge, by: SignIn, client: Client, now_ms: i64) -> Result<Option<Opened>, Error> {
    let by = &match by {
        SignIn::Link { token } => Verified::Link(secret_hash(&token)),
        SignIn::SecondStep { ticket, code } => Verified::Ticket { ticket, code },
        SignIn::Password { name, password } => {
            match verified_password(forge, &name, &password, now_ms).await? {
                Some(verified) => verified,
                None => {
                    refuse(forge, &name, &client, now_ms).await?;
                    return Ok(None);
                }
            }
        }
    };
    let fresh = &Fresh::new(forge, client, now_ms)?;
    let outcome = forge
        .store()
        .in_tx("sessions.open", |tx| {
            Box::pin(async move {
                if let Verified::Ticket { ticket, code } = by {
                    return second_step(forge, tx, fresh, ticket, code, now_ms).await;
                }
                let account = match by {
                    Verified::Link(token) => match account_rows::use_link(tx, token, now_ms).await? {
                        Some(id) => account_rows::lock(tx, id).await?,
                        None => None,
                    },
                    // The password may have changed since it was checked.
                    Verified::Password(row) => account_rows::lock(tx, row.id)
                        .await?
                        .filter(|now| now.password_hash == row.password_hash),
                    Verified::Ticket { .. } => None,
                };
                let Some(account) = account.filter(|account| !account.is_disabled) else {
                    return Ok(Outcome::Nobody);
                };
                let how = match by {
                    Verified::Link(_) => "link",
                    Verified::Password(_) | Verified::Ticket { .. } => "password",
                };
                step_in(forge, tx, fresh, account, how, now_ms).await
            })
        })
        .await?;
    outcome.into_opened(fresh)
}

/// What came of it.
pub(crate) enum Outcome {
    /// Nobody was recognised.
    Nobody,
    /// A session is open.
    In(Account),
    /// A second step is owed, with this ticket.
    Owed(String),
    /// The code was wrong, which is counted.
    Wrong,
}

impl Outcome {
    /// What whoever signs in hears of it.
    pub(crate) fn into_opened(self, fresh: &Fresh) -> Result<Option<Opened>, Error> {
        match self {
            Self::Nobody => Ok(None),
            Self::In(account) => Ok(Some(fresh.opened(account))),
            Self::Owed(ticket) => Err(Error::SecondFactor { ticket }),
            Self::Wrong => Err(Error::invalid(
                "code",
                "this is neither the code that the app shows now nor a recovery code",
            )),
        }
    }
}

/// Opens a session, or a second step where one is owed.
pub(crate) async fn step_in(
    forge: &Forge,
    tx: &mut Tx<'_>,
    fresh: &Fresh,
    account: AccountRow,
    how: &str,
    now_ms: i64,
) -> Result<Outcome, Error> {
    if second_factor::is_owed(tx, account.id).await? {
        return Ok(Outcome::Owed(second_factor::ticket(
            forge, &account, how, now_ms,
        )?));
    }
    enter(tx, fresh, account, how, now_ms).await.map(Outcome::In)
}

/// Opens a session by a ticket and a code.
async fn second_step(
    forge: &Forge,
    tx: &mut Tx<'_>,
    fresh: &Fresh,
    ticket: &str,
    code: &str,
    now_ms: i64,
) -> Result<Outcome, Error> {
    let Some((account, how)) = second_factor::redeem(forge, tx, ticket, now_ms).await? else {
        return Ok(Outcome::Nobody);
    };
    if !second_factor::is_owed(tx, account.id).await? {
        return Ok(Outcome::Nobody);
    }
    if second_factor::check(forge, tx, account.id, code, Kinds::Either, now_ms).await? {
        let how = format!("{how} and code");
        return enter(tx, fresh, account, &how, now_ms).await.map(Outcome::In);
    }
    let caller = Caller::anonymous(fresh.address, fresh.request_id.clone());
    let detail = json!({ "step": "code" });
    let told = Note::of_account(Action::SessionRefuse, account.id, &account.name, detail);
    note(tx, &caller, told, now_ms).await?;
    Ok(Outcome::Wrong)
}

/// A session that is about to be opened, with its secret.
pub(crate) struct Fresh {
    session: Session,
    cookie: String,
    hash: [u8; 32],
    address: Option<IpAddr>,
    request_id: String,
}

impl Fresh {
    /// Prepares a session for a client.
    pub(crate) fn new(forge: &Forge, client: Client, now_ms: i64) -> Result<Self, Error> {
        let id = SessionId(forge.ulid(now_ms));
        let (cookie, hash) = cookie(&id, &forge.random())?;
        let session = Session {
            id,
            address: client.address.map(|address| address.to_string()),
            user_agent: client.user_agent.map(|agent| {
                agent
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(MAX_USER_AGENT_CHARS)
                    .collect()
            }),
            created_at_ms: now_ms,
            rotated_at_ms: now_ms,
            expires_at_ms: now_ms + LIFETIME_MS,
        };
        Ok(Self {
            session,
            cookie,
            hash,
            address: client.address,
            request_id: client.request_id,
        })
    }

    /// The session, once it is an account's.
    pub(crate) fn opened(&self, account: Account) -> Opened {
        Opened {
            session: self.session.clone(),
            account,
            cookie: self.cookie.clone(),
        }
    }
}

/// Opens a session of an account, which was found to be the caller's `how`: as in `password`.
pub(crate) async fn enter(
    tx: &mut Tx<'_>,
    fresh: &Fresh,
    account: AccountRow,
    how: &str,
    now_ms: i64,
) -> Result<Account, Error> {
    let session = &fresh.session;
    let row = SessionRow {
        id: session.id.clone(),
        account_id: account.id,
        secret_hash: fresh.hash.to_vec(),
        previous_hash: None,
        previous_until_ms: None,
        address: session.address.clone(),
        user_agent: session.user_agent.clone(),
        created_at_ms: session.created_at_ms,
        rotated_at_ms: session.rotated_at_ms,
        expires_at_ms: session.expires_at_ms,
    };
    rows::insert(tx, &row).await?;
    account_rows::set_last_login(tx, account.id, now_ms).await?;
    let caller = Caller {
        who: who(&account, Via::Session(session.id.clone()), Scopes::ALL, None),
        address: fresh.address,
        request_id: fresh.request_id.clone(),
    };
    let detail = json!({ "session": session.id, "by": how });
    let told = Note::of_account(Action::SessionOpen, account.id, &account.name, detail);
    note(tx, &caller, told, now_ms).await?;
    Ok(Account {
        last_login_at_ms: Some(now_ms),
        ..account.into()
    })
}

/// Writes down that somebody did not know the password of an account that is there. The limits of
/// the gateway bound how often.
async fn refuse(forge: &Forge, name: &str, client: &Client, now_ms: i64) -> Result<(), Error> {
    let caller = &Caller::anonymous(client.address, client.request_id.clone());
    forge
        .store()
        .in_tx("sessions.refuse", |tx| {
            Box::pin(async move {
                let Some(account) = crate::accounts::named(tx, name).await? else {
                    return Ok(());
                };
                let told = Note::of_account(Action::SessionRefuse, account.id, &account.name, json!({}));
                note(tx, caller, told, now_ms).await
            })
        })
        .await
}

/// Writes down that sessions of the caller's account were ended.
async fn note_ended(
    tx: &mut Tx<'_>,
    caller: &Caller,
    sessions: &[SessionId],
    now_ms: i64,
) -> Result<(), Error> {
    if let Who::Account { id, name, .. } = &caller.who
        && !sessions.is_empty()
    {
        let detail = json!({ "sessions": sessions });
        let told = Note::of_account(Action::SessionEnd, *id, name, detail);
        note(tx, caller, told, now_ms).await?;
    }
    Ok(())
}

/// What was verified before the transaction.
enum Verified {
    Link([u8; 32]),
    Password(Box<AccountRow>),
    Ticket { ticket: String, code: String },
}

async fn verified_password(
    forge: &Forge,
    name: &str,
    password: &str,
    now_ms: i64,
) -> Result<Option<Verified>, Error> {
    let row = crate::accounts::with_password(forge, name, password, now_ms).await?;
    Ok(row.map(|row| Verified::Password(Box::new(row))))
}

/// The value of a session's cookie, and the hash of its secret.
fn cookie(id: &SessionId, secret: &[u8; 32]) -> Result<(String, [u8; 32]), Error> {
    let value = SessionCookie::value(id, secret);
    let parsed = SessionCookie::parse(&value);
    let hash = parsed
        .ok_or_else(|| Error::Internal("a session's cookie does not read back".to_owned()))?
        .secret_hash;
    Ok((value, hash))
}

/// The session that a cookie proves; none where it is unknown, has ended, its secret is neither
/// the present one nor, for a minute, the one before, or its account is disabled.
pub async fn find(forge: &Forge, cookie: &SessionCookie, now_ms: i64) -> Result<Option<Found>, Error> {
    let mut conn = forge.store().read().await?;
    let Some(row) = rows::find(&mut conn, &cookie.id, now_ms).await? else {
        return Ok(None);
    };
    let shown = &cookie.secret_hash[..];
    let is_present = bool::from(row.secret_hash.ct_eq(shown));
    let is_previous = row
        .previous_hash
        .as_ref()
        .is_some_and(|hash| hash.ct_eq(shown).into())
        && row.previous_until_ms.is_some_and(|until| until > now_ms);
    if !is_present && !is_previous {
        return Ok(None);
    }
    let rotate_due = is_present && now_ms - row.rotated_at_ms >= ROTATE_AFTER_MS;
    living(&mut conn, row, rotate_due).await
}

/// The session with this id, if it lives: for a credential that names a session and was verified
/// otherwise.
pub async fn find_by_id(forge: &Forge, id: &SessionId, now_ms: i64) -> Result<Option<Found>, Error> {
    let mut conn = forge.store().read().await?;
    match rows::find(&mut conn, id, now_ms).await? {
        Some(row) => living(&mut conn, row, false).await,
        None => Ok(None),
    }
}

async fn living(conn: &mut Conn, row: SessionRow, rotate_due: bool) -> Result<Option<Found>, Error> {
    let account = plue_store::accounts::by_id(conn, row.account_id).await?;
    Ok(account
        .filter(|account| !account.is_disabled)
        .map(|account| Found {
            who: who(&account, Via::Session(row.id.clone()), Scopes::ALL, None),
            session: row.into(),
            rotate_due,
        }))
}

/// Changes a session's secret, renews its life, and answers the new value of its cookie; none
/// where the shown secret is not the present one, as when another request was quicker.
pub async fn rotate(forge: &Forge, shown: &SessionCookie, now_ms: i64) -> Result<Option<String>, Error> {
    let (value, fresh) = cookie(&shown.id, &forge.random())?;
    let rotation = &rows::Rotation {
        held: shown.secret_hash,
        fresh,
        now_ms,
        previous_until_ms: now_ms + GRACE_MS,
        expires_at_ms: now_ms + LIFETIME_MS,
    };
    let changed = forge
        .store()
        .in_tx("sessions.rotate", |tx| {
            Box::pin(async move { Ok::<_, Error>(rows::rotate(tx, &shown.id, rotation).await?) })
        })
        .await?;
    Ok(changed.then_some(value))
}

/// Ends the session that the caller came with, and answers which it was. Without a session there
/// is nothing to end.
pub async fn revoke(forge: &Forge, caller: &Caller, now_ms: i64) -> Result<Option<SessionId>, Error> {
    let Who::Account {
        id: account,
        via: Via::Session(id) | Via::Jwt(id),
        ..
    } = &caller.who
    else {
        return Ok(None);
    };
    let ended = forge
        .store()
        .in_tx("sessions.revoke", |tx| {
            Box::pin(async move {
                let ended = rows::delete(tx, id, *account).await?;
                let sessions = std::slice::from_ref(id);
                let sessions = if ended { sessions } else { &[] };
                note_ended(tx, caller, sessions, now_ms).await?;
                Ok::<_, Error>(ended)
            })
        })
        .await?;
    Ok(ended.then(|| id.clone()))
}

/// Ends one of the caller's sessions.
pub async fn revoke_one(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    id: &SessionId,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("sessions.revoke_one", |tx| {
            Box::pin(async move {
                let owner = permit.check_again(tx, now_ms).await?;
                if !rows::delete(tx, id, owner.id).await? {
                    return Err(Error::NotFound);
                }
                note_ended(tx, permit.caller(), std::slice::from_ref(id), now_ms).await
            })
        })
        .await
}

/// Ends every session of the caller, this one too, and answers which they were.
pub async fn revoke_all(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    now_ms: i64,
) -> Result<Vec<SessionId>, Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("sessions.revoke_all", |tx| {
            Box::pin(async move {
                let owner = permit.check_again(tx, now_ms).await?;
                let ended = rows::delete_all(tx, owner.id, None).await?;
                note_ended(tx, permit.caller(), &ended, now_ms).await?;
                Ok(ended)
            })
        })
        .await
}

/// The caller's sessions, the youngest first.
pub async fn list(forge: &Forge, permit: Permit<ReadSelf>, now_ms: i64) -> Result<Vec<Session>, Error> {
    let found = rows::of_account(&mut forge.store().read().await?, permit.on().id, now_ms).await?;
    Ok(found.into_iter().map(Session::from).collect())
}

/// Removes sessions and links that have expired; says how many sessions. A job.
pub async fn sweep(forge: &Forge, now_ms: i64) -> Result<u64, Error> {
    forge
        .store()
        .in_tx("sessions.sweep", |tx| {
            Box::pin(async move {
                plue_store::accounts::delete_expired_links(tx, now_ms).await?;
                plue_store::mail_links::delete_expired(tx, now_ms).await?;
                plue_store::wallets::delete_expired_nonces(tx, now_ms).await?;
                plue_store::oauth::delete_expired(tx, now_ms).await?;
                Ok(rows::delete_expired(tx, now_ms).await?)
            })
        })
        .await
}

/// How many sessions live.
pub async fn count_active(forge: &Forge, now_ms: i64) -> Result<i64, Error> {
    Ok(rows::count(&mut forge.store().read().await?, now_ms).await?)
}

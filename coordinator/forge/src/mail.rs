//! Letters to people: which there are, what they say, and how the job sends one that was asked for
//! in the transaction of its cause.
//!
//! A link in a letter is made when the letter is sent, so that nothing that opens an account is
//! ever written down but in the letter itself. Whoever asks for a letter to an address is told the
//! same, and does the same work, whether or not somebody has that address: the job finds out.

use crate::accounts::link_token;
use crate::audit::{Action, Note, note};
use crate::jobs::{self, Job, NewJob};
use crate::notifications::{self, Reason};
use crate::{Error, Forge};
use plue_contract::credentials::secret_hash;
use plue_contract::{AccountId, AccountName, Caller, causes};
pub use plue_mail::{is_sender, is_server};

use plue_mail::Mailer;
use plue_store::Tx;
use plue_store::accounts::{self as rows, AccountRow};
use plue_store::mail_links::{self, NewLinkRow, Purpose};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

/// How long a link holds that sets another password, in milliseconds.
const RESET_LIFETIME_MS: i64 = 3_600_000;
/// How long a link holds that proves an address, in milliseconds.
const VERIFY_LIFETIME_MS: i64 = 24 * 3_600_000;
/// How long a letter is tried, in milliseconds.
const GIVE_UP_AFTER_MS: i64 = 24 * 3_600_000;

/// How letters leave, and where their links lead.
#[derive(Clone, Debug)]
pub struct Post {
    /// Hands them over.
    pub mailer: Mailer,
    /// The origin of its pages.
    pub url: String,
}

/// A letter that is owed. The address is the one that it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Letter {
    /// A link that sets another password, to whom this address belongs.
    Reset {
        /// The address.
        email: String,
        /// Where the link ends, in place of our own page.
        back: Option<String>,
    },
    /// A link that proves the address.
    Verify {
        /// The address.
        email: String,
        /// Where the link ends, in place of our own page.
        back: Option<String>,
    },
    /// What was done to an account, to whom it should surprise.
    News {
        /// The address.
        email: String,
        /// The account.
        account: AccountName,
        /// What it is.
        news: News,
    },
    /// What happened to an issue, to somebody who hears of it.
    Issue {
        /// Who hears of it.
        account: AccountId,
        /// The number of the event.
        event: i64,
        /// Why they hear of it.
        reason: Reason,
    },
}

/// What its owner should hear of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// It has another address.
    AddressChanged,
    /// It has another password.
    PasswordSet,
    /// A wallet opens it.
    WalletLinked,
    /// An account elsewhere opens it.
    IdentityLinked,
    /// It has a second factor.
    SecondFactorSet,
    /// It has none any more.
    SecondFactorRemoved,
}

impl News {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::AddressChanged => (
                "Your account has another address",
                "the address of your account was changed to another one; nothing is sent to this one any more",
            ),
            Self::WalletLinked => (
                "A wallet opens your account",
                "a wallet was linked to your account: whoever has its key can sign in as you",
            ),
            Self::IdentityLinked => (
                "An account elsewhere opens your account",
                "an account at GitHub was linked to your account: whoever signs in there can sign in as you",
            ),
            Self::SecondFactorSet => (
                "Your account has a second factor",
                "from now on a code of an app is asked for when you sign in",
            ),
            Self::SecondFactorRemoved => (
                "Your account has no second factor any more",
                "your second factor was taken away: your password is enough again",
            ),
            Self::PasswordSet => (
                "Your account has another password",
                "another password was set by a link that had been sent to this address, and every session was ended",
            ),
        }
    }
}

impl Letter {
    /// Letters of the same key are one letter.
    pub(crate) fn key(&self) -> String {
        let (kind, email) = match self {
            Self::Reset { email, .. } => ("reset", email),
            Self::Verify { email, .. } => ("verify", email),
            Self::News { email, news, .. } => match news {
                News::AddressChanged => ("address_changed", email),
                News::PasswordSet => ("password_set", email),
                News::WalletLinked => ("wallet_linked", email),
                News::IdentityLinked => ("identity_linked", email),
                News::SecondFactorSet => ("second_factor_set", email),
                News::SecondFactorRemoved => ("second_factor_removed", email),
            },
            Self::Issue { account, event, .. } => return format!("issue-{event}-{account}"),
        };
        let hash = Sha256::digest(email.to_lowercase());
        let hash: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{kind}-{hash}")
    }
}

/// Owes a letter from now on, where the site sends any.
pub(crate) async fn owe(
    forge: &Forge,
    tx: &mut Tx<'_>,
    letter: Letter,
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    if forge.post().is_none() {
        return Ok(());
    }
    let new = NewJob {
        job: Job::Mail {
            letter,
            asked_at_ms: now_ms,
        },
        run_after_ms: now_ms,
    };
    jobs::enqueue_in(tx, new, request_id, now_ms).await
}

/// Refuses what only letters can do where the site sends none.
pub(crate) fn require_post(forge: &Forge) -> Result<&Post, Error> {
    forge.post().ok_or_else(|| {
        Error::Refused(
            "this site sends no mail; ask one of its administrators for a link that signs you in".to_owned(),
        )
    })
}

/// Sends a letter. One that cannot be sent is tried again for a day, each time with a new link.
pub(crate) async fn send(
    forge: &Forge,
    letter: &Letter,
    asked_at_ms: i64,
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let count = |result| metrics::counter!("plue_mail_total", "result" => result).increment(1);
    if now_ms.saturating_sub(asked_at_ms) > GIVE_UP_AFTER_MS {
        tracing::warn!("a letter was tried for a day and is given up");
        count("given_up");
        return Ok(());
    }
    let post = forge
        .post()
        .ok_or_else(|| Error::Internal("there is no way to send mail".to_owned()))?;
    let Some(written) = write(forge, post, letter, request_id, now_ms).await? else {
        return Ok(());
    };
    let id = format!("{}-{asked_at_ms}", letter.key());
    match post.mailer.send(&written, &id, now_ms).await {
        Ok(()) => {
            count("sent");
            Ok(())
        }
        Err(error) if error.is_final() => {
            tracing::warn!(error = %causes(&error), "a letter is refused for good");
            count("refused");
            Ok(())
        }
        Err(error) => Err(Error::Internal(causes(&error).to_string())),
    }
}

/// Writes a letter; none where nobody is to get one.
async fn write(
    forge: &Forge,
    post: &Post,
    letter: &Letter,
    request_id: &str,
    now_ms: i64,
) -> Result<Option<plue_mail::Letter>, Error> {
    let (email, purpose, back) = match letter {
        Letter::Issue {
            account,
            event,
            reason,
        } => return notifications::letter(forge, post, (*account, *event, *reason)).await,
        Letter::Reset { email, back } => (email, Purpose::Reset, back),
        Letter::Verify { email, back } => (email, Purpose::Verify, back),
        Letter::News { email, account, news } => {
            let (subject, told) = news.words();
            return Ok(Some(plue_mail::Letter {
                to: email.clone(),
                subject: format!("{subject} at {}", forge.site_name()),
                text: format!(
                    "Hello {account},\n\n{told}.\n\nIf that was not you, tell whoever runs {} at once:\n{}\n",
                    forge.site_name(),
                    post.url
                ),
            }));
        }
    };
    let Some((account, token)) = link(forge, email, purpose, request_id, now_ms).await? else {
        return Ok(None);
    };
    let to = account.email.clone().unwrap_or_default();
    let (site, name, url) = (forge.site_name(), &account.name, &post.url);
    let back = back.as_ref().map(|back| percent_encoded(back));
    Ok(Some(match purpose {
        Purpose::Reset => plue_mail::Letter {
            subject: format!("Another password at {site}"),
            text: format!(
                "Hello {name},\n\nsomebody, presumably you, wants to set another password at {site}. This link does so, \
                 once, within an hour:\n\n{}\n\nIf it was not you, there is nothing to do: your password stays as it \
                 is.\n",
                match back {
                    None => format!("{url}/-/reset?token={token}"),
                    Some(back) => format!("{url}/api/auth/reset-password/{token}?callbackURL={back}"),
                }
            ),
            to,
        },
        Purpose::Verify => plue_mail::Letter {
            subject: format!("Your address at {site}"),
            text: format!(
                "Hello {name},\n\nthis link tells {site} that you read what is sent to {to}. It holds for a day:\n\n{}\n\n\
                 If you have no account at {site}, somebody else has typed your address; there is nothing to do.\n",
                match back {
                    None => format!("{url}/-/verify?token={token}"),
                    Some(back) => format!("{url}/api/auth/verify-email?token={token}&callbackURL={back}"),
                }
            ),
            to,
        },
    }))
}

/// Makes the link of a letter, in place of those before it; none where nobody has the address, or
/// it is proven already.
async fn link(
    forge: &Forge,
    email: &str,
    purpose: Purpose,
    request_id: &str,
    now_ms: i64,
) -> Result<Option<(AccountRow, String)>, Error> {
    let token = link_token(forge);
    let token_hash = &secret_hash(&token);
    let made = forge
        .store()
        .in_tx("mail.link", |tx| {
            Box::pin(async move {
                let Some(account) = rows::by_email(tx, email).await? else {
                    return Ok(None);
                };
                let due = !account.is_disabled
                    && (purpose == Purpose::Reset || account.email_verified_at_ms.is_none());
                if !due {
                    return Ok(None);
                }
                let lifetime_ms = match purpose {
                    Purpose::Reset => RESET_LIFETIME_MS,
                    Purpose::Verify => VERIFY_LIFETIME_MS,
                };
                let new = NewLinkRow {
                    account_id: account.id,
                    purpose,
                    email: account.email.as_deref().unwrap_or_default(),
                    token_hash,
                    expires_at_ms: now_ms.saturating_add(lifetime_ms),
                };
                mail_links::replace(tx, new, now_ms).await?;
                if purpose == Purpose::Reset {
                    let told = Note::of_account(Action::PasswordLink, account.id, &account.name, json!({}));
                    note(tx, &Caller::system(request_id), told, now_ms).await?;
                }
                Ok::<_, Error>(Some(account))
            })
        })
        .await?;
    Ok(made.map(|account| (account, token)))
}

/// Tells the owner of an account what was done to it.
pub(crate) async fn tell(
    forge: &Forge,
    tx: &mut Tx<'_>,
    account: &AccountRow,
    news: News,
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let Some(email) = account.email.clone() else {
        return Ok(());
    };
    let letter = Letter::News {
        email,
        account: account.name.clone(),
        news,
    };
    owe(forge, tx, letter, request_id, now_ms).await
}

/// A link that was in a letter, if it holds and its account still has the address that it was
/// sent to; the account is locked, and the link is used up.
pub(crate) async fn take_link(
    tx: &mut Tx<'_>,
    purpose: Purpose,
    token: &str,
    now_ms: i64,
) -> Result<Option<AccountRow>, Error> {
    let Some(link) = mail_links::take(tx, purpose, &secret_hash(token), now_ms).await? else {
        return Ok(None);
    };
    let account = rows::lock(tx, link.account_id).await?;
    let is_still = |account: &AccountRow| {
        let email = account.email.as_deref().unwrap_or_default();
        !account.is_disabled && email.to_lowercase() == link.email.to_lowercase()
    };
    Ok(account.filter(is_still))
}

/// Whether a link of a letter holds just now, and whose it is.
pub(crate) async fn look_at_link(
    forge: &Forge,
    purpose: Purpose,
    token: &str,
    now_ms: i64,
) -> Result<Option<AccountId>, Error> {
    let mut conn = forge.store().read().await?;
    let found = mail_links::find(&mut conn, purpose, &secret_hash(token), now_ms).await?;
    Ok(found.map(|link| link.account_id))
}

/// A text as the value of a parameter (RFC 3986, 2.1).
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_an_address_stays_one_value() {
        assert_eq!(
            percent_encoded("/a b?c=d&e=ü#f"),
            "%2Fa%20b%3Fc%3Dd%26e%3D%C3%BC%23f"
        );
    }

    #[test]
    fn letters_to_one_address_are_one_whatever_its_case() {
        let reset = |email: &str| Letter::Reset {
            email: email.to_owned(),
            back: None,
        };
        assert_eq!(reset("Ada@plue.test").key(), reset("ada@PLUE.test").key());
        assert_ne!(reset("ada@plue.test").key(), reset("bob@plue.test").key());
    }
}

//! Letters on their way out: to an SMTP server, or into a folder where a developer reads them.
//!
//! What a letter says, to whom and why, is the forge's. Here is how one is written down (RFC 5322)
//! and handed over.
#![warn(missing_docs)]

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::{Address, AsyncTransport, Message, Tokio1Executor};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// How long a server may take for one step of the conversation.
const PATIENCE: Duration = Duration::from_secs(30);

/// A letter to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The address that it goes to.
    pub to: String,
    /// What it is about, in one line.
    pub subject: String,
    /// What it says, as plain text.
    pub text: String,
}

/// Why a letter did not go out.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It cannot be written down, or the server will never take it: trying again is useless.
    #[error("the letter is refused for good")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was not taken this time.
    #[error("the letter was not taken")]
    NotTaken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The settings make no sense.
    #[error("{0}")]
    Settings(String),
}

impl MailError {
    /// Whether trying again is useless.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Settings(_))
    }
}

/// Hands letters over. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf),
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match &self.way {
            Way::Smtp(_) => "smtp",
            Way::Folder(_) => "folder",
        };
        write!(f, "Mailer({way})")
    }
}

/// Whether a letter can be sent to this address (RFC 5321, 4.1.2).
pub fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// Whether this is a sender, as in `Plue <plue@example.org>` or `plue@example.org`.
pub fn is_sender(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// Whether this names a server: `smtp://host` (`?tls=required` for STARTTLS), or `smtps://host`;
/// user and password before the host, port after it.
pub fn is_server(url: &str) -> bool {
    ["smtp://", "smtps://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
        && AsyncSmtpTransport::<Tokio1Executor>::from_url(url).is_ok()
}

fn sender(from: &str) -> Result<Mailbox, MailError> {
    from.parse()
        .map_err(|_| MailError::Settings(format!("`{from}` is no sender, such as Plue <plue@example.org>")))
}

impl Mailer {
    /// Hands letters to the server that `url` names, as `from`.
    pub fn smtp(url: &str, from: &str) -> Result<Self, MailError> {
        let settings = |_| MailError::Settings("the address of the mail server cannot be read".to_owned());
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(settings)?;
        Ok(Self {
            from: sender(from)?,
            way: Way::Smtp(server.timeout(Some(PATIENCE)).build()),
        })
    }

    /// Lays letters into a folder, which is made with the first of them; each is a file that ends
    /// in `.eml`, and they sort as they were written.
    pub fn folder(folder: &Path, from: &str) -> Result<Self, MailError> {
        Ok(Self {
            from: sender(from)?,
            way: Way::Folder(folder.to_owned()),
        })
    }

    /// Hands a letter over. `id` tells it from all others, and is the same when it is tried again;
    /// letters digits and hyphens only.
    pub async fn send(&self, letter: &Letter, id: &str, now_ms: i64) -> Result<(), MailError> {
        let refused = |error: lettre::error::Error| MailError::Refused(error.into());
        let to: Address = letter
            .to
            .parse()
            .map_err(|error: lettre::address::AddressError| MailError::Refused(error.into()))?;
        let at = UNIX_EPOCH + Duration::from_millis(now_ms.unsigned_abs());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .date(at)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .map_err(refused)?;
        match &self.way {
            Way::Smtp(server) => match server.send(message).await {
                Ok(_) => Ok(()),
                Err(error) if error.is_permanent() => Err(MailError::Refused(error.into())),
                Err(error) => Err(MailError::NotTaken(error.into())),
            },
            Way::Folder(folder) => lay(folder, &message.formatted(), id, now_ms)
                .await
                .map_err(|error| MailError::NotTaken(error.into())),
        }
    }
}

/// Writes a letter beside its place and then puts it there, so that nobody reads half of one.
async fn lay(folder: &Path, bytes: &[u8], id: &str, now_ms: i64) -> std::io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let unfinished = folder.join(format!(".{id}"));
    tokio::fs::write(&unfinished, bytes).await?;
    tokio::fs::rename(&unfinished, folder.join(format!("{now_ms:015}-{id}.eml"))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_only_looks_like_one() {
        for good in ["ada@plue.test", "ada+forge@plue.test", "a@localhost"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "ada",
            "@plue.test",
            "ada@",
            "ada@plue.test\r\nBcc: eve@evil.test",
            "ada@plue.test, eve@evil.test",
            "<ada@plue.test>",
        ] {
            assert!(!is_address(bad), "{bad:?}");
        }
        assert!(is_sender("Plue <plue@plue.test>") && is_sender("plue@plue.test"));
        assert!(!is_sender("Plue"));
    }

    #[test]
    fn servers_are_named_by_their_scheme() {
        for good in [
            "smtp://localhost:2525",
            "smtps://user:secret@mail.plue.test",
            "smtp://mail.plue.test:587?tls=required",
        ] {
            assert!(is_server(good), "{good}");
        }
        for bad in [
            "",
            "mail.plue.test",
            "http://mail.plue.test",
            "smtp://",
            "smtp://h?tls=maybe",
        ] {
            assert!(!is_server(bad), "{bad}");
        }
    }
}

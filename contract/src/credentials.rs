//! How credentials look: the session cookie, the families of bearer tokens, and the hash by which
//! a database knows a secret that it does not keep.
//!
//! Whether a credential holds is the forge's to say.

use crate::ids::SessionId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The name of the cookie that carries a browser session.
pub const SESSION_COOKIE: &str = "plue_session";

/// How many characters 32 bytes have in unpadded base64url.
const SECRET_CHARS: usize = 43;

/// The SHA-256 of a secret's text, which is what is stored of it.
pub fn secret_hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// What a session cookie says: which session, and the hash of the secret that proves it.
///
/// The cookie's value is `<ULID>.<32 random bytes in base64url>`; the hash is that of the second
/// part's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCookie {
    /// The session.
    pub id: SessionId,
    /// The [`secret_hash`] of its secret.
    pub secret_hash: [u8; 32],
}

impl SessionCookie {
    /// Reads a cookie's value; none where it does not have the form.
    pub fn parse(value: &str) -> Option<Self> {
        let (id, secret) = value.split_once('.')?;
        let is_ulid = id.len() == 26 && id.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_secret = secret.len() == SECRET_CHARS
            && secret
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (is_ulid && is_secret).then(|| Self {
            id: SessionId(id.to_owned()),
            secret_hash: secret_hash(secret),
        })
    }

    /// The value of the cookie for a session and its new secret.
    pub fn value(id: &SessionId, secret: &[u8; 32]) -> String {
        format!("{id}.{}", URL_SAFE_NO_PAD.encode(secret))
    }
}

/// The system that a bearer token belongs to. A token is never tried with another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// `plt_` and 64 hex digits: a person's own access token.
    Personal,
    /// `plat_` and 64 hex digits: an agent's token.
    Agent,
    /// `wit_` and 40 hex digits: a personal token of the GitHub-like interface.
    Wit,
    /// `wit_oauth_` and 40 hex digits: a token of an OAuth application.
    WitOAuth,
    /// Three parts of base64url: a JSON Web Token.
    Jwt,
}

impl Family {
    /// Reads the family off a token's form; none where it has that of no family.
    pub fn of(token: &str) -> Option<Self> {
        let prefixed = [
            ("plt_", 64, Self::Personal),
            ("plat_", 64, Self::Agent),
            ("wit_oauth_", 40, Self::WitOAuth),
            ("wit_", 40, Self::Wit),
        ];
        for (prefix, digits, family) in prefixed {
            if let Some(rest) = token.strip_prefix(prefix) {
                let whole =
                    rest.len() == digits && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                return whole.then_some(family);
            }
        }
        (token.bytes().filter(|&b| b == b'.').count() == 2).then_some(Self::Jwt)
    }
}

/// A credential that has to be looked up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credential {
    /// A bearer token of the family that its form tells.
    Token {
        /// The token itself.
        secret: String,
    },
    /// An account's name and password.
    Password {
        /// The account's name, as it was typed.
        name: String,
        /// The password.
        password: String,
    },
}

/// Says of which kind it is and nothing else.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token { .. } => "Token(…)",
            Self::Password { .. } => "Password(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_reads_back_and_strange_ones_are_refused() {
        let id = SessionId("01ARZ3NDEKTSV4RRFFQ69G5FAV".into());
        let value = SessionCookie::value(&id, &[7; 32]);
        let (_, secret) = value.split_once('.').expect("two parts");
        let cookie = SessionCookie::parse(&value).expect("its own form");
        assert_eq!((cookie.id, cookie.secret_hash), (id, secret_hash(secret)));
        for bad in [
            "",
            ".",
            &value[1..],
            &value[..value.len() - 1],
            &format!("{value}="),
            "a.b",
        ] {
            assert_eq!(SessionCookie::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn families_are_told_by_form() {
        let hex = "0123456789abcdef".repeat(4);
        for (token, family) in [
            (format!("plt_{hex}"), Some(Family::Personal)),
            (format!("plat_{hex}"), Some(Family::Agent)),
            (format!("wit_{}", &hex[..40]), Some(Family::Wit)),
            (format!("wit_oauth_{}", &hex[..40]), Some(Family::WitOAuth)),
            ("a.b.c".into(), Some(Family::Jwt)),
            (format!("plt_{}", &hex[1..]), None),
            (format!("plt_{}", hex.to_uppercase()), None),
            (format!("wit_refresh_{}", &hex[..40]), None),
            ("hunter2".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(Family::of(&token), family, "{token}");
        }
    }

    #[test]
    fn a_printed_credential_shows_no_secret() {
        let shown = format!(
            "{:?}",
            Credential::Password {
                name: "ada".into(),
                password: "hunter2".into()
            }
        );
        assert_eq!(shown, "Password(…)");
    }
}

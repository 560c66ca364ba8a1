//! Short signed texts: a payload that anybody may read and only a holder of the secret can make.
//!
//! Every purpose has a key of its own, derived from one secret, so that a text made for one
//! purpose is worthless for another. Two secrets are valid at a time; the key id says which.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Secrets shorter than this are refused in production.
pub const MIN_SECRET_BYTES: usize = 32;

/// Sealed texts longer than this are refused before anything in them is read.
pub const MAX_SEALED_BYTES: usize = 16 * 1024;

/// What a sealed text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The edge's statement about a caller.
    Caller,
    /// An SSH bridge's statement about a connection.
    Bridge,
    /// JSON Web Tokens that accompany a session.
    Jwt,
    /// CSRF tokens.
    Csrf,
    /// Hashing of credentials in caches.
    CredentialCache,
    /// Cursors of paged lists.
    Cursor,
    /// The edge's questions about credentials.
    Introspect,
    /// The coordinator's notices to the edge.
    Notice,
    /// The secrets of webhooks, which are read back and so are hidden, not signed.
    HookSecret,
    /// Tickets between the two steps of a sign-in.
    SecondStep,
    /// What a browser brings back from a sign-in at another site.
    Elsewhere,
    /// ID tokens for applications, whose keys are pairs made of these.
    IdToken,
    /// The secrets of second factors, which are read back and so are hidden, not signed.
    FactorSecret,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Caller => b"plue/1/caller",
            Self::Bridge => b"plue/1/bridge",
            Self::Jwt => b"plue/1/jwt",
            Self::Csrf => b"plue/1/csrf",
            Self::CredentialCache => b"plue/1/credential-cache",
            Self::Cursor => b"plue/1/cursor",
            Self::Introspect => b"plue/1/introspect",
            Self::Notice => b"plue/1/notice",
            Self::HookSecret => b"plue/1/hook-secret",
            Self::SecondStep => b"plue/1/second-step",
            Self::Elsewhere => b"plue/1/elsewhere",
            Self::IdToken => b"plue/1/id-token",
            Self::FactorSecret => b"plue/1/factor-secret",
        }
    }
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("because HMAC takes a key of any length");
    mac.update(message);
    mac
}

/// One secret, with the id by which its products name it.
#[derive(Clone)]
pub struct Key {
    /// Eight hex digits that say which secret signed, and nothing about it.
    pub kid: String,
    bytes: [u8; 32],
}

impl Key {
    /// The 32 bytes, for algorithms that this module does not offer.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.kid)
    }
}

/// The keys of one purpose: the first signs, all verify.
#[derive(Clone, Debug)]
pub struct Keyring {
    keys: Vec<Key>,
}

/// Why a sealed text was refused. The caller is told no more than that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not of the form `kid.payload.mac`, or too long.
    #[error("not a sealed text")]
    Malformed,
    /// Signed with a secret that is not one of ours, or altered.
    #[error("the signature does not hold")]
    Signature,
}

impl Keyring {
    /// Derives the keys of `purpose` from the secrets, the current one first. Empty secrets are
    /// passed over; a ring without keys verifies nothing and cannot sign.
    pub fn derive<S: AsRef<[u8]>>(purpose: Purpose, secrets: impl IntoIterator<Item = S>) -> Self {
        let keys = secrets
            .into_iter()
            .filter(|secret| !secret.as_ref().is_empty())
            .map(|secret| {
                let bytes: [u8; 32] = mac(secret.as_ref(), purpose.label())
                    .finalize()
                    .into_bytes()
                    .into();
                let id = mac(&bytes, b"kid").finalize().into_bytes();
                Key {
                    kid: id[..4].iter().map(|b| format!("{b:02x}")).collect(),
                    bytes,
                }
            })
            .collect();
        Self { keys }
    }

    /// The key that signs, if the ring has any.
    pub fn current(&self) -> Option<&Key> {
        self.keys.first()
    }

    /// The key that an id names.
    pub fn find(&self, kid: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// Every key, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// Signs `payload` with the current key: `kid.base64url(payload).base64url(mac)`. None where
    /// the ring is empty.
    pub fn seal(&self, payload: &[u8]) -> Option<String> {
        let key = self.current()?;
        let signed = format!("{}.{}", key.kid, URL_SAFE_NO_PAD.encode(payload));
        let tag = mac(&key.bytes, signed.as_bytes()).finalize().into_bytes();
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)))
    }

    /// The payload of a text that one of the ring's keys signed.
    pub fn open(&self, sealed: &str) -> Result<Vec<u8>, SealError> {
        if sealed.len() > MAX_SEALED_BYTES {
            return Err(SealError::Malformed);
        }
        let (signed, tag) = sealed.rsplit_once('.').ok_or(SealError::Malformed)?;
        let (kid, payload) = signed.split_once('.').ok_or(SealError::Malformed)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| SealError::Malformed)?;
        let key = self.find(kid).ok_or(SealError::Signature)?;
        mac(&key.bytes, signed.as_bytes())
            .verify_slice(&tag)
            .map_err(|_| SealError::Signature)?;
        URL_SAFE_NO_PAD.decode(payload).map_err(|_| SealError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let old = Keyring::derive(Purpose::Caller, ["first secret"]);
        let both = Keyring::derive(Purpose::Caller, ["second secret", "first secret"]);
        let sealed = old.seal(b"hello").expect("the ring has a key");
        assert_eq!(both.open(&sealed), Ok(b"hello".to_vec()));
        assert_eq!(
            old.open(&both.seal(b"x").expect("a key")),
            Err(SealError::Signature)
        );
        let other = Keyring::derive(Purpose::Bridge, ["first secret"]);
        assert_eq!(other.open(&sealed), Err(SealError::Signature));
        for i in 0..sealed.len() {
            let mut altered = sealed.clone().into_bytes();
            altered[i] ^= 1;
            let altered = String::from_utf8(altered).expect("ASCII stays ASCII");
            assert!(both.open(&altered).is_err() || altered == sealed, "byte {i}");
        }
        for bad in ["", ".", "..", "a.b.c", &"a".repeat(MAX_SEALED_BYTES + 1)] {
            assert!(both.open(bad).is_err(), "{bad:.10}");
        }
        assert!(Keyring::derive(Purpose::Csrf, [""]).seal(b"x").is_none());
    }
}

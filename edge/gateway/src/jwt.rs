//! The short JSON Web Token that stands for a session: HS256 and nothing else (RFC 7515, 7519).
//!
//! A token names its key by `kid`, so that keys can rotate. Its header chooses nothing but that:
//! whatever algorithm it claims, only HS256 is ever computed. Nothing of the payload is read
//! before its signature holds.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use plue_contract::seal::{Key, Keyring};
use plue_contract::{AccountId, AccountName, Scopes, SessionId};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use std::borrow::Cow;
use std::sync::Arc;

/// The longest token, in bytes; a longer one is refused unread.
pub const MAX_TOKEN_BYTES: usize = 2 * 1024;

/// What fits in a token of the longest size.
const MAX_PAYLOAD_BYTES: usize = MAX_TOKEN_BYTES / 4 * 3;

/// What a token says, and what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose session it is; decimal text on the wire.
    pub sub: AccountId,
    /// The session.
    pub sid: SessionId,
    /// The account's name.
    pub name: AccountName,
    /// Whether the account administers the site.
    pub admin: bool,
    /// What the token may be used for.
    pub scopes: Scopes,
    /// When it was made, in seconds since 1970.
    pub iat: u64,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
    /// When it begins, in seconds since 1970; none means at once.
    pub nbf: Option<u64>,
    /// Who made it.
    pub iss: Arc<str>,
    /// For whom it was made.
    pub aud: Arc<str>,
}

/// The claims as JSON has them. Numbers must be whole and unquoted; a member that comes twice is
/// refused; members that nobody here knows are passed over, as RFC 7519 §4 asks.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    sub: Subject,
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    admin: bool,
    scopes: Scopes,
    iat: u64,
    exp: u64,
    #[serde(
        default,
        deserialize_with = "number_if_present",
        skip_serializing_if = "Option::is_none"
    )]
    nbf: Option<u64>,
}

/// An account's id, as text.
struct Subject(AccountId);

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Subject;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an account's id, as text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Subject, E> {
                text.parse().map(Subject).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// A member that may be absent, and if it is there, must be a number: `null` is not one.
fn number_if_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(deserializer).map(Some)
}

/// Why a token was refused. Callers are told no more than that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url, or a header that is none.
    #[error("this is not a token")]
    Malformed,
    /// Its header asks for another algorithm than HS256.
    #[error("only HS256 is accepted")]
    Algorithm,
    /// No key of ours signed it.
    #[error("the signature does not hold")]
    Signature,
    /// It is signed, and a claim is absent, twice there, or of the wrong type.
    #[error("the claims cannot be read")]
    Claims,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It has not begun, or was made in the future.
    #[error("the token is not valid yet")]
    NotYet,
    /// Somebody else made it, or made it for somebody else.
    #[error("the token belongs to another service")]
    OtherService,
}

/// A key, ready to sign: the hash states after its pads are computed once, and the one after the
/// header of our own tokens too.
#[derive(Clone)]
struct MacKey {
    /// The encoded header of our own tokens and its dot.
    header: String,
    kid: String,
    mac: Hmac<Sha256>,
    after_header: Hmac<Sha256>,
}

impl MacKey {
    fn new(kid: &str, secret: &[u8]) -> Self {
        // With these spaces and a key id of the ring, it fills a block of the hash to the byte.
        let header = format!(r#"{{"alg": "HS256","typ": "JWT","kid": "{kid}"}}"#);
        let header = URL_SAFE_NO_PAD.encode(header) + ".";
        let mac = Hmac::new_from_slice(secret).expect("because HMAC takes a key of any length");
        let mut after_header: Hmac<Sha256> = mac.clone();
        after_header.update(header.as_bytes());
        Self {
            header,
            kid: kid.to_owned(),
            mac,
            after_header,
        }
    }

    fn of(key: &Key) -> Self {
        Self::new(&key.kid, key.bytes())
    }

    fn signs(&self, message: &str, tag: &[u8; 32]) -> bool {
        holds(&self.mac, message, tag)
    }
}

/// Whether a tag is that of a text which goes on from a state.
fn holds(state: &Hmac<Sha256>, text: &str, tag: &[u8; 32]) -> bool {
    let mut mac = state.clone();
    mac.update(text.as_bytes());
    mac.verify_slice(tag).is_ok()
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MacKey({})", self.kid)
    }
}

/// Signs tokens with the current key.
#[derive(Clone, Debug)]
pub struct Signer {
    key: MacKey,
}

impl Signer {
    /// A signer with the ring's current key; none where the ring is empty.
    pub fn new(ring: &Keyring) -> Option<Self> {
        ring.current().map(|key| Self { key: MacKey::of(key) })
    }

    /// The token for some claims.
    pub fn sign(&self, claims: &Claims) -> String {
        let wire = Wire {
            iss: Cow::Borrowed(&claims.iss),
            aud: Cow::Borrowed(&claims.aud),
            sub: Subject(claims.sub),
            sid: Cow::Borrowed(&claims.sid.0),
            name: Cow::Borrowed(claims.name.as_str()),
            admin: claims.admin,
            scopes: claims.scopes,
            iat: claims.iat,
            exp: claims.exp,
            nbf: claims.nbf,
        };
        let mut payload = Vec::with_capacity(384);
        serde_json::to_writer(&mut payload, &wire).expect("because the claims are texts and numbers");
        let mut token = String::with_capacity(self.key.header.len() + payload.len() * 4 / 3 + 48);
        token.push_str(&self.key.header);
        URL_SAFE_NO_PAD.encode_string(&payload, &mut token);
        let mut mac = self.key.after_header.clone();
        mac.update(&token.as_bytes()[self.key.header.len()..]);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(mac.finalize().into_bytes(), &mut token);
        token
    }
}

/// Verifies tokens.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Vec<MacKey>,
    issuer: Arc<str>,
    audience: Arc<str>,
    leeway_s: u64,
}

/// The header members that a token may have. Any other could change how the token is meant to be
/// read (`crit`, `zip`, `jku`, …), so it is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow, default)]
    typ: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    kid: Option<Cow<'a, str>>,
}

impl Verifier {
    /// A verifier for tokens of one issuer, for one audience, signed with any key of the ring;
    /// clocks may differ by `leeway_s` seconds.
    pub fn new(
        ring: &Keyring,
        issuer: impl Into<Arc<str>>,
        audience: impl Into<Arc<str>>,
        leeway_s: u64,
    ) -> Self {
        Self {
            keys: ring.iter().map(MacKey::of).collect(),
            issuer: issuer.into(),
            audience: audience.into(),
            leeway_s,
        }
    }

    /// The claims of a token that holds at `now_s`, in seconds since 1970.
    pub fn verify(&self, token: &str, now_s: u64) -> Result<Claims, JwtError> {
        let mut buffer = [0; MAX_PAYLOAD_BYTES];
        let payload = self.payload(token, &mut buffer)?;
        let wire: Wire<'_> = read_object(payload).ok_or(JwtError::Claims)?;
        if *wire.iss != *self.issuer || *wire.aud != *self.audience {
            return Err(JwtError::OtherService);
        }
        if wire.exp.saturating_add(self.leeway_s) <= now_s {
            return Err(JwtError::Expired);
        }
        let begins = wire.nbf.unwrap_or(0).max(wire.iat);
        if begins > now_s.saturating_add(self.leeway_s) {
            return Err(JwtError::NotYet);
        }
        if wire.exp <= wire.iat {
            return Err(JwtError::Claims);
        }
        Ok(Claims {
            sub: wire.sub.0,
            sid: SessionId(wire.sid.into_owned()),
            name: wire.name.parse().map_err(|_| JwtError::Claims)?,
            admin: wire.admin,
            scopes: wire.scopes,
            iat: wire.iat,
            exp: wire.exp,
            nbf: wire.nbf,
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
        })
    }

    /// The decoded payload of a token whose signature holds.
    fn payload<'b>(
        &self,
        token: &str,
        buffer: &'b mut [u8; MAX_PAYLOAD_BYTES],
    ) -> Result<&'b [u8], JwtError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwtError::TooLong);
        }
        let (message, tag) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(JwtError::Malformed)?;
        let tag = decode_tag(tag).ok_or(JwtError::Malformed)?;
        // Our own tokens begin with one of our own headers, byte for byte.
        let own = |key: &MacKey| {
            message
                .strip_prefix(&*key.header)
                .map(|rest| holds(&key.after_header, rest, &tag))
        };
        let holds = match self.keys.iter().find_map(own) {
            Some(holds) => holds,
            None => {
                let length = URL_SAFE_NO_PAD
                    .decode_slice(header, buffer.as_mut_slice())
                    .map_err(|_| JwtError::Malformed)?;
                let header: Header<'_> = read_object(&buffer[..length]).ok_or(JwtError::Malformed)?;
                if header.alg != "HS256" {
                    return Err(JwtError::Algorithm);
                }
                if header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
                    return Err(JwtError::Malformed);
                }
                let named = |key: &&MacKey| header.kid.as_ref().is_none_or(|kid| *kid == key.kid);
                self.keys.iter().filter(named).any(|key| key.signs(message, &tag))
            }
        };
        if !holds {
            return Err(JwtError::Signature);
        }
        let length = URL_SAFE_NO_PAD
            .decode_slice(payload, buffer.as_mut_slice())
            .map_err(|_| JwtError::Malformed)?;
        Ok(&buffer[..length])
    }
}

/// The 32 bytes of a signature; none where the text is not exactly that, without padding and
/// without bits left over.
fn decode_tag(text: &str) -> Option<[u8; 32]> {
    let mut tag = [0; 32];
    (text.len() == 43 && URL_SAFE_NO_PAD.decode_slice(text, &mut tag).ok()? == 32).then_some(tag)
}

/// Reads a JSON object; a list with the members' values in order is none.
fn read_object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    // Read as text once, not each of its texts by itself.
    let text = std::str::from_utf8(bytes).ok()?;
    text.trim_ascii_start().starts_with('{').then_some(())?;
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests;

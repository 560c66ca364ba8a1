//! The secrets of webhooks, which have to be read back to sign with them: sealed with
//! ChaCha20-Poly1305 (RFC 8439) under a key that is not in the database, each bound to its webhook.
//!
//! A sealed secret is the key's id, eight bytes; the nonce, twelve; and the ciphertext with its tag.

use crate::{Error, Forge};
use plue_contract::seal::Key;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

const KID_LEN: usize = 8;

/// What is said of a secret under a key that is not there any more.
pub(super) const UNREADABLE: &str = "the webhook's secret cannot be read any more: give it a new one";

fn cipher(key: &Key) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.bytes()).ok()?;
    Some(LessSafeKey::new(key))
}

fn bound_to(uuid: &str) -> Aad<String> {
    Aad::from(format!("webhook {uuid}"))
}

/// Seals a webhook's secret under the current key.
pub(super) fn seal(forge: &Forge, uuid: &str, secret: &str) -> Result<Vec<u8>, Error> {
    let no_key = || Error::Internal("there is no key for webhooks' secrets".to_owned());
    let key = forge.outward()?.keys.current().ok_or_else(no_key)?;
    let nonce: [u8; NONCE_LEN] = forge.random();
    let mut text = secret.as_bytes().to_vec();
    cipher(key)
        .ok_or_else(no_key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to(uuid), &mut text)
        .map_err(|_| no_key())?;
    Ok([key.kid.as_bytes(), &nonce, &text].concat())
}

/// Reads a webhook's secret; none where it was sealed under a key that is not there any more.
pub(super) fn open(forge: &Forge, uuid: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let keys = &forge.outward()?.keys;
    let read = || {
        let (kid, rest) = sealed.split_at_checked(KID_LEN)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        let key = keys.find(std::str::from_utf8(kid).ok()?)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let secret = cipher(key)?
            .open_in_place(nonce, bound_to(uuid), &mut text)
            .ok()?;
        Some(secret.to_vec())
    };
    Ok(read())
}

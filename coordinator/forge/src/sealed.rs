//! Secrets that have to be read back: sealed with ChaCha20-Poly1305 (RFC 8439) under a key that is
//! not in the database, each bound to what it is the secret of.
//!
//! A sealed secret is the key's id, eight bytes; the nonce, twelve; and the ciphertext with its tag.

use crate::{Error, Forge};
use plue_contract::seal::{Key, Keyring};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

const KID_LEN: usize = 8;

fn cipher(key: &Key) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.bytes()).ok()?;
    Some(LessSafeKey::new(key))
}

/// Seals the secret `of` something under the current key.
pub(crate) fn seal(forge: &Forge, keys: &Keyring, of: &str, secret: &[u8]) -> Result<Vec<u8>, Error> {
    let no_key = || Error::Internal(format!("there is no key for the secret of {of}"));
    let key = keys.current().ok_or_else(no_key)?;
    let nonce: [u8; NONCE_LEN] = forge.random();
    let mut text = secret.to_vec();
    cipher(key)
        .ok_or_else(no_key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(of), &mut text)
        .map_err(|_| no_key())?;
    Ok([key.kid.as_bytes(), &nonce, &text].concat())
}

/// Reads the secret `of` something; none where it was sealed under a key that is not there any
/// more.
pub(crate) fn open(keys: &Keyring, of: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (kid, rest) = sealed.split_at_checked(KID_LEN)?;
    let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
    let key = keys.find(std::str::from_utf8(kid).ok()?)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let secret = cipher(key)?.open_in_place(nonce, Aad::from(of), &mut text).ok()?;
    Some(secret.to_vec())
}

//! ID tokens (OpenID Connect Core 1.0, 2): who somebody is, signed with ES256 (RFC 7518) for one
//! application. The keys are derived like all others, so that they change with `JWT_SECRET`, and
//! nothing has to be kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use plue_contract::seal::Keyring;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The keys: the first signs, and all are shown to those who verify.
pub struct IdTokens {
    keys: Vec<(String, SigningKey)>,
}

fn signing_key(bytes: &[u8; 32]) -> SigningKey {
    let mut seed = *bytes;
    loop {
        // Of four thousand million seeds one is no key of the curve.
        match SigningKey::from_slice(&seed) {
            Ok(key) => return key,
            Err(_) => seed = Sha256::digest(seed).into(),
        }
    }
}

impl IdTokens {
    /// The keys of a ring.
    pub fn of(ring: &Keyring) -> Self {
        let key = |key: &plue_contract::seal::Key| (key.kid.clone(), signing_key(key.bytes()));
        Self {
            keys: ring.iter().map(key).collect(),
        }
    }

    /// Signs claims; none where there is no key.
    pub fn sign(&self, claims: &impl Serialize) -> Option<String> {
        let (kid, key) = self.keys.first()?;
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": kid }).to_string();
        let claims = serde_json::to_vec(claims).ok()?;
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature: Signature = key.sign(signed.as_bytes());
        Some(format!(
            "{signed}.{}",
            URL_SAFE_NO_PAD.encode(signature.to_bytes())
        ))
    }

    /// The public halves (RFC 7517).
    pub fn jwks(&self) -> Value {
        let key = |(kid, key): &(String, SigningKey)| {
            let point = key.verifying_key().to_sec1_point(false);
            // 4, and both coordinates of 32 bytes (SEC 1, 2.3.3).
            let bytes = point.as_bytes();
            json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
                "x": URL_SAFE_NO_PAD.encode(&bytes[1..33]),
                "y": URL_SAFE_NO_PAD.encode(&bytes[33..65]),
            })
        };
        json!({ "keys": self.keys.iter().map(key).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier;
    use plue_contract::seal::Purpose;

    #[test]
    fn whoever_reads_the_keys_verifies_the_token() {
        let old = IdTokens::of(&Keyring::derive(Purpose::IdToken, ["first secret"]));
        let both = IdTokens::of(&Keyring::derive(
            Purpose::IdToken,
            ["second secret", "first secret"],
        ));
        for tokens in [&old, &both] {
            let token = tokens.sign(&json!({ "sub": "ada" })).expect("a key");
            let parts: Vec<_> = token.split('.').collect();
            let read = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
            let header: Value = serde_json::from_slice(&read(parts[0])).expect("a header");
            assert_eq!(header["alg"], "ES256");
            // The younger ring knows the older one's key still.
            let jwks = both.jwks();
            let keys = jwks["keys"].as_array().expect("keys");
            let key = keys
                .iter()
                .find(|key| key["kid"] == header["kid"])
                .expect("its key");
            let part = |name: &str| read(key[name].as_str().expect("text"));
            let point = [vec![4], part("x"), part("y")].concat();
            let key = VerifyingKey::from_sec1_bytes(&point).expect("a point of the curve");
            let signature = Signature::from_slice(&read(parts[2])).expect("64 bytes");
            let signed = format!("{}.{}", parts[0], parts[1]);
            assert!(key.verify(signed.as_bytes(), &signature).is_ok());
            assert!(key.verify(b"another text", &signature).is_err());
        }
        let none = IdTokens::of(&Keyring::derive(Purpose::IdToken, [""]));
        assert_eq!(none.sign(&json!({})), None);
        assert_eq!(none.jwks(), json!({ "keys": [] }));
    }
}

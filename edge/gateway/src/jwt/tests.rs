//! Vectors of the RFCs, and everything that must be refused.

use super::*;
use plue_contract::Scope;
use plue_contract::seal::Purpose;

const NOW: u64 = 1_800_000_000;

fn ring(secrets: &[&str]) -> Keyring {
    Keyring::derive(Purpose::Jwt, secrets)
}

fn verifier(secrets: &[&str]) -> Verifier {
    Verifier::new(&ring(secrets), "plue", "plue", 5)
}

fn claims() -> Claims {
    Claims {
        sub: AccountId(42),
        sid: SessionId("01ARZ3NDEKTSV4RRFFQ69G5FAV".into()),
        name: "ada".parse().expect("a name"),
        admin: false,
        scopes: Scopes::of([Scope::Repo, Scope::UserRead]),
        iat: NOW,
        exp: NOW + 900,
        nbf: None,
        iss: "plue".into(),
        aud: "plue".into(),
    }
}

/// A token of our first key with any header and payload.
fn forge(header: &str, payload: &str) -> String {
    let key = MacKey::of(ring(&["one"]).current().expect("a key"));
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let mut mac = key.mac;
    mac.update(message.as_bytes());
    format!(
        "{message}.{}",
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}

const PAYLOAD: &str = r#"{"iss":"plue","aud":"plue","sub":"42","sid":"01ARZ3NDEKTSV4RRFFQ69G5FAV","name":"ada","admin":false,"scopes":["repo","user:read"],"iat":1800000000,"exp":1800000900}"#;

/// RFC 7515, appendix A.1, whose payload is also the example of RFC 7519, section 3.1.
#[test]
fn the_example_of_the_rfc_holds() {
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let secret = URL_SAFE_NO_PAD
        .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
        .expect("base64url");
    let verifier = Verifier {
        keys: vec![MacKey::new("", &secret)],
        issuer: "joe".into(),
        audience: "".into(),
        leeway_s: 0,
    };
    let mut buffer = [0; MAX_PAYLOAD_BYTES];
    assert_eq!(
        verifier.payload(token, &mut buffer),
        Ok(&b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"[..])
    );
    let altered = token.replace("dBjf", "eBjf");
    assert_eq!(verifier.payload(&altered, &mut buffer), Err(JwtError::Signature));
}

/// RFC 7519, section 6.1: an unsecured token.
#[test]
fn no_other_algorithm_is_accepted() {
    let unsecured = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    assert_eq!(
        verifier(&["one"]).verify(unsecured, NOW),
        Err(JwtError::Malformed)
    );
    for alg in ["none", "HS384", "RS256", "hs256", ""] {
        let token = forge(&format!(r#"{{"alg":"{alg}"}}"#), PAYLOAD);
        assert_eq!(
            verifier(&["one"]).verify(&token, NOW),
            Err(JwtError::Algorithm),
            "{alg}"
        );
    }
}

#[test]
fn a_token_reads_back() {
    let token = Signer::new(&ring(&["one"])).expect("a key").sign(&claims());
    assert_eq!(verifier(&["one"]).verify(&token, NOW), Ok(claims()));
    assert_eq!(
        verifier(&["one"]).verify(&forge(r#"{"alg":"HS256"}"#, PAYLOAD), NOW),
        Ok(claims())
    );
    let mut later = claims();
    later.nbf = Some(NOW + 10);
    let token = Signer::new(&ring(&["one"])).expect("a key").sign(&later);
    assert_eq!(verifier(&["one"]).verify(&token, NOW + 5), Ok(later));
    assert_eq!(verifier(&["one"]).verify(&token, NOW + 4), Err(JwtError::NotYet));
    assert!(Signer::new(&ring(&[])).is_none());
}

/// A token of ours is hashed on from the state after its header, and any other form of the same
/// header from the beginning.
#[test]
fn our_own_header_fills_a_block_and_every_other_form_of_it_counts() {
    let key = MacKey::of(ring(&["one"]).current().expect("a key"));
    assert_eq!(key.header.len(), 64);
    let token = Signer::new(&ring(&["one"])).expect("a key").sign(&claims());
    let (message, tag) = token.rsplit_once('.').expect("a tag");
    assert!(message.starts_with(&key.header));
    assert!(key.signs(message, &decode_tag(tag).expect("32 bytes")));
    for header in [
        format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{}"}}"#, key.kid),
        format!(r#" {{"kid": "{}", "alg": "HS256"}}"#, key.kid),
    ] {
        let other = forge(&header, PAYLOAD);
        assert_eq!(
            verifier(&["two", "one"]).verify(&other, NOW),
            Ok(claims()),
            "{header}"
        );
        assert_eq!(verifier(&["two"]).verify(&other, NOW), Err(JwtError::Signature));
    }
}

#[test]
fn keys_rotate_by_kid() {
    let old = Signer::new(&ring(&["one"])).expect("a key").sign(&claims());
    let new = Signer::new(&ring(&["two", "one"]))
        .expect("a key")
        .sign(&claims());
    let both = verifier(&["two", "one"]);
    assert_eq!(both.verify(&old, NOW), Ok(claims()));
    assert_eq!(both.verify(&new, NOW), Ok(claims()));
    assert_eq!(verifier(&["one"]).verify(&new, NOW), Err(JwtError::Signature));
    assert_eq!(verifier(&["two"]).verify(&old, NOW), Err(JwtError::Signature));
    let strange = forge(r#"{"alg":"HS256","kid":"../../etc/passwd"}"#, PAYLOAD);
    assert_eq!(verifier(&["one"]).verify(&strange, NOW), Err(JwtError::Signature));
    let other_purpose = Keyring::derive(Purpose::Csrf, ["one"]);
    let token = Signer::new(&other_purpose).expect("a key").sign(&claims());
    assert_eq!(verifier(&["one"]).verify(&token, NOW), Err(JwtError::Signature));
}

#[test]
fn times_hold_to_the_second() {
    let token = forge(r#"{"alg":"HS256"}"#, PAYLOAD);
    let at = |now| verifier(&["one"]).verify(&token, now).map(|claims| claims.exp);
    assert_eq!(at(NOW + 904), Ok(NOW + 900));
    assert_eq!(at(NOW + 905), Err(JwtError::Expired));
    assert_eq!(at(NOW - 5), Ok(NOW + 900));
    assert_eq!(at(NOW - 6), Err(JwtError::NotYet));
}

#[test]
fn claims_of_the_wrong_type_are_refused_and_never_ignored() {
    let refused = |from: &str, to: &str| {
        assert!(PAYLOAD.contains(from), "{from}");
        let token = forge(r#"{"alg":"HS256"}"#, &PAYLOAD.replace(from, to));
        let error = verifier(&["one"]).verify(&token, NOW).expect_err(to);
        assert!(
            matches!(error, JwtError::Claims | JwtError::OtherService),
            "{to}: {error}"
        );
    };
    for member in ["exp\":1800000900", "iat\":1800000000"] {
        let (name, number) = member.split_once("\":").expect("a member");
        for value in [
            format!("\"{number}\""),
            format!("{number}.0"),
            format!("{number}e0"),
            format!("-{number}"),
            "null".into(),
            "true".into(),
            format!("[{number}]"),
            "99999999999999999999".into(),
        ] {
            refused(member, &format!("{name}\":{value}"));
        }
    }
    for nbf in ["\"99999999999\"", "1.5", "null", "{}"] {
        refused("\"iat\"", &format!("\"nbf\":{nbf},\"iat\""));
    }
    refused("\"exp\":1800000900", "\"exp\":1800000900,\"exp\":1900000000");
    refused("\"admin\":false", "\"admin\":false,\"\\u0061dmin\":true");
    refused("\"admin\":false", "\"admin\":\"false\"");
    refused("\"42\"", "42");
    refused("\"42\"", "\"-42\"");
    refused("\"42\"", "\"\"");
    refused("\"ada\"", "\"../ada\"");
    refused("\"repo\"", "\"root\"");
    refused("\"iss\":\"plue\"", "\"iss\":\"other\"");
    refused("\"aud\":\"plue\"", "\"aud\":\"other\"");
    refused("\"aud\":\"plue\"", "\"aud\":[\"plue\"]");
    refused("1800000900", "1800000000");
    for member in [
        "iss", "aud", "sub", "sid", "name", "admin", "scopes", "iat", "exp",
    ] {
        refused(&format!("\"{member}\""), &format!("\"x-{member}\""));
    }
}

#[test]
fn what_is_not_a_token_is_refused() {
    let good = forge(r#"{"alg":"HS256"}"#, PAYLOAD);
    let refused = |token: &str| verifier(&["one"]).verify(token, NOW).expect_err(token);
    for bad in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        &format!("{good}."),
        &format!("{good}="),
    ] {
        assert_eq!(refused(bad), JwtError::Malformed, "{bad}");
    }
    assert_eq!(refused(&"a".repeat(MAX_TOKEN_BYTES + 1)), JwtError::TooLong);
    for header in [
        "",
        "{}",
        "[]",
        "[\"HS256\"]",
        "null",
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","jku":"https://evil.example"}"#,
        r#"{"alg":"HS256","typ":"JWE"}"#,
        r#"{"alg":["HS256"]}"#,
    ] {
        assert_eq!(refused(&forge(header, PAYLOAD)), JwtError::Malformed, "{header}");
    }
    for i in 0..good.len() {
        let mut altered = good.clone().into_bytes();
        altered[i] = if altered[i] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).expect("ASCII");
        assert!(verifier(&["one"]).verify(&altered, NOW).is_err(), "byte {i}");
    }
}

//! Messages that count, and each way in which one does not.

use super::*;
use k256::ecdsa::SigningKey;

const NOW: i64 = 1_800_000_000_000;
const ORIGIN: &str = "https://plue.test";

fn key(byte: u8) -> SigningKey {
    SigningKey::from_slice(&[byte; 32]).expect("a key")
}

fn address(key: &SigningKey) -> String {
    checksummed(&address_of(key.verifying_key()))
}

fn sign(key: &SigningKey, message: &str) -> String {
    let mut hash = Keccak256::new();
    hash.update(format!("\u{19}Ethereum Signed Message:\n{}", message.len()));
    hash.update(message);
    let (signature, id) = key.sign_prehash_recoverable(&hash.finalize());
    let mut bytes = signature.to_bytes().to_vec();
    bytes.push(27 + id.to_byte());
    format!(
        "0x{}",
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    )
}

fn text(key: &SigningKey) -> String {
    let written = message(
        ORIGIN,
        &address(key),
        1,
        "abcdefgh12345678",
        "2027-01-15T08:00:00Z",
        "Sign in.",
    );
    written.expect("an address")
}

fn check(message: &str, signature: &str) -> Result<Proven, SiweError> {
    let origins = [ORIGIN.to_owned(), "http://127.0.0.1:4000".to_owned()];
    let expected = Expected {
        origins: &origins,
        chains: &[1, 10],
        now_ms: NOW,
    };
    verify(message, signature, &expected)
}

#[test]
fn addresses_are_those_that_everybody_computes() {
    // The examples of EIP-55, and the address of the key 0x…01.
    for known in [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ] {
        let bytes = unhex::<20>(&known[2..]).expect("hex");
        assert_eq!(checksummed(&bytes), known);
    }
    let mut one = [0; 32];
    one[31] = 1;
    let one = SigningKey::from_slice(&one).expect("a key");
    assert_eq!(address(&one), "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
}

#[test]
fn a_message_proves_whose_key_signed_it() {
    let key = key(7);
    let proven = check(&text(&key), &sign(&key, &text(&key))).expect("proven");
    assert_eq!(proven.address, address(&key).to_lowercase());
    assert_eq!(proven.nonce, "abcdefgh12345678");
    // Without a statement, with every field, by another origin of ours.
    let who = address(&key);
    for message in [
        format!(
            "plue.test{WANTS}\n{who}\n\n\nURI: https://plue.test/login\nVersion: 1\nChain ID: 10\nNonce: abcdefgh\n\
             Issued At: 2027-01-15T08:00:00.123+00:00"
        ),
        format!(
            "https://plue.test{WANTS}\n{who}\n\nHello.\n\nURI: https://plue.test\nVersion: 1\nChain ID: 1\n\
             Nonce: abcdefgh\nIssued At: 2027-01-15T08:00:00Z\nExpiration Time: 2027-01-15T09:00:00+00:30\n\
             Not Before: 2027-01-15T07:59:59Z\nRequest ID: x\nResources:\n- https://plue.test/a\n- ipfs://b"
        ),
        format!(
            "127.0.0.1:4000{WANTS}\n{who}\n\n\nURI: http://127.0.0.1:4000\nVersion: 1\nChain ID: 1\n\
             Nonce: abcdefgh\nIssued At: 2027-01-15T08:00:00Z"
        ),
    ] {
        let outcome = check(&message, &sign(&key, &message));
        assert!(outcome.is_ok(), "{message}: {outcome:?}");
    }
}

#[test]
fn a_signature_is_the_key_of_the_message_s_address_and_nothing_else() {
    let (mine, other) = (key(7), key(8));
    let message = text(&mine);
    let good = sign(&mine, &message);
    // One nibble changed, another key's, another message's, none, too short, with anything after it
    // (EIP-6492 wraps contracts' so), without its prefix, with another parity.
    let flipped = format!("{}{}", &good[..10], if &good[10..11] == "0" { "1" } else { "0" }) + &good[11..];
    let parity = format!("{}05", &good[..130]);
    for bad in [
        flipped,
        sign(&other, &message),
        sign(&mine, &message.replace("Sign in.", "Sign out.")),
        String::new(),
        "0x".to_owned(),
        good[..130].to_owned(),
        format!("{good}6492649264926492649264926492649264926492649264926492649264926492"),
        good[2..].to_owned(),
        parity,
        format!("0x{}", "0".repeat(130)),
        format!("0x{}", "f".repeat(130)),
        format!("0x{}", "é".repeat(65)),
    ] {
        assert_eq!(check(&message, &bad), Err(SiweError::Signature), "{bad}");
    }
    // The other value of `s` signs the same and is refused, so that a signature has one form.
    let bytes = unhex::<65>(&good[2..]).expect("hex");
    let signature = Signature::from_slice(&bytes[..64]).expect("a signature");
    let high = Signature::from_scalars(signature.r(), -signature.s()).expect("the other one");
    let digits: String = high.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    for v in ["1b", "1c"] {
        let malleable = format!("0x{digits}{v}");
        assert_eq!(check(&message, &malleable), Err(SiweError::Signature), "{v}");
    }
}

#[test]
fn what_is_for_elsewhere_or_another_time_does_not_count() {
    let key = key(7);
    let good = text(&key);
    for (from, to, error) in [
        ("plue.test wants", "evil.test wants", SiweError::Domain),
        ("plue.test wants", "plue.test.evil.test wants", SiweError::Domain),
        ("plue.test wants", "http://plue.test wants", SiweError::Domain),
        ("plue.test wants", "plue.test:8443 wants", SiweError::Domain),
        (
            "URI: https://plue.test",
            "URI: https://evil.test",
            SiweError::Domain,
        ),
        (
            "URI: https://plue.test",
            "URI: https://plue.test.evil.test",
            SiweError::Domain,
        ),
        (
            "URI: https://plue.test",
            "URI: https://plue.test@evil.test",
            SiweError::Domain,
        ),
        ("Chain ID: 1", "Chain ID: 5", SiweError::Chain),
        (
            "Issued At: 2027-01-15T08:00:00Z",
            "Issued At: 2027-01-15T08:05:01Z",
            SiweError::Time,
        ),
        (
            "Issued At: 2027-01-15T08:00:00Z",
            "Issued At: 2027-01-15T08:00:00Z\nExpiration Time: 2027-01-15T08:00:00Z",
            SiweError::Time,
        ),
        (
            "Issued At: 2027-01-15T08:00:00Z",
            "Issued At: 2027-01-15T08:00:00Z\nNot Before: 2027-01-15T08:00:01Z",
            SiweError::Time,
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let message = good.replace(from, to);
        assert_eq!(check(&message, &sign(&key, &message)), Err(error), "{to}");
    }
}

#[test]
fn a_message_of_another_form_is_refused_whoever_signed_it() {
    let key = key(7);
    let good = text(&key);
    let who = address(&key);
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let bad = [
        String::new(),
        "\n".to_owned(),
        good.replace('\n', "\r\n"),
        format!("{good}\n"),
        format!("\n{good}"),
        format!("{good}\nAnything: else"),
        good.clone() + &"x".repeat(MAX_MESSAGE_BYTES),
        replaced("plue.test wants", " wants"),
        replaced("plue.test wants", "user@plue.test wants"),
        replaced("plue.test wants", "https://https://plue.test wants"),
        replaced("wants you to sign in", "wants you to pay"),
        replaced(&who, &who.to_lowercase()),
        replaced(&who, &who.to_uppercase()),
        replaced(&who, &who[..41]),
        replaced(&who, "0x"),
        replaced(&format!("{who}\n\n"), &format!("{who}\n")),
        replaced("Sign in.", "Sign in.\nAnd more."),
        replaced("Sign in.\n\n", "Sign in.\n"),
        replaced("Sign in.", "Sign\u{7} in."),
        replaced("URI: https://plue.test\n", ""),
        replaced("URI: https://plue.test\n", "URI: \n"),
        replaced("URI: https", "URI:https"),
        replaced("URI: https://plue.test", "URI: https://plue.test/a b"),
        replaced("Version: 1", "Version: 2"),
        replaced("Version: 1\n", ""),
        replaced("Chain ID: 1", "Chain ID: 01"),
        replaced("Chain ID: 1", "Chain ID: +1"),
        replaced("Chain ID: 1", "Chain ID: 99999999999999999999"),
        replaced("Nonce: abcdefgh12345678", "Nonce: short"),
        replaced("Nonce: abcdefgh12345678", "Nonce: abcdefgh-2345678"),
        replaced("Nonce: abcdefgh12345678", &format!("Nonce: {}", "a".repeat(65))),
        replaced("Nonce: abcdefgh12345678\n", ""),
        replaced("Issued At: 2027-01-15T08:00:00Z", "Issued At: today"),
        replaced(
            "Issued At: 2027-01-15T08:00:00Z",
            "Issued At: 2027-01-15T08:00:00Z\nResources:\nhttps://plue.test",
        ),
        replaced(
            "Issued At: 2027-01-15T08:00:00Z",
            "Issued At: 2027-01-15T08:00:00Z\nNot Before: 2027-01-15T07:00:00Z\nExpiration Time: 2027-01-16T07:00:00Z",
        ),
    ];
    for message in bad {
        let outcome = check(&message, &sign(&key, &message));
        assert!(
            matches!(outcome, Err(SiweError::Form(_))),
            "{message:?}: {outcome:?}"
        );
    }
}

#[test]
fn moments_are_read_as_rfc_3339_has_them() {
    for (text, ms) in [
        ("1970-01-01T00:00:00Z", 0),
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15T08:00:00.5Z", NOW + 500),
        ("2027-01-15T08:00:00.123456Z", NOW + 123),
        ("2027-01-15T10:30:00+02:30", NOW),
        ("2027-01-15T03:00:00-05:00", NOW),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("2000-03-01T00:00:00Z", 951_868_800_000),
        ("1969-12-31T23:59:59Z", -1_000),
    ] {
        assert_eq!(moment_ms(text), Some(ms), "{text}");
    }
    for bad in [
        "",
        "2027-01-15",
        "2027-01-15 08:00:00Z",
        "2027-01-15T08:00:00",
        "2027-13-15T08:00:00Z",
        "2027-02-29T08:00:00Z",
        "2027-00-10T08:00:00Z",
        "2027-01-15T24:00:00Z",
        "2027-01-15T08:60:00Z",
        "2027-01-15T08:00:00.Z",
        "2027-01-15T08:00:00.5",
        "2027-01-15T08:00:00+2:00",
        "2027-01-15T08:00:00+25:00",
        "2027-01-15T08:00:00ZZ",
        "+027-01-15T08:00:00Z",
        "２027-01-15T08:00:00Z",
    ] {
        assert_eq!(moment_ms(bad), None, "{bad}");
    }
}

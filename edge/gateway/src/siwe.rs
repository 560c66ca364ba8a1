//! Sign-In with Ethereum: the message (EIP-4361) read strictly, and whose key signed it (EIP-191,
//! secp256k1). Whether its nonce is one of ours and was not used is the forge's to say.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

/// The longest message that is read, in bytes.
const MAX_MESSAGE_BYTES: usize = 4096;
/// How far ahead of ours the signer's clock may be, in milliseconds.
const LEEWAY_MS: i64 = 5 * 60_000;
/// What every message says in its first line, after the domain.
const WANTS: &str = " wants you to sign in with your Ethereum account:";

/// Why a message or its signature was refused: for whoever signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SiweError {
    /// It is not of the form of EIP-4361.
    #[error("the message is not of the form of EIP-4361: {0}")]
    Form(&'static str),
    /// It was made for another site.
    #[error("the message was made for another site: its domain and its URI must be this one's")]
    Domain,
    /// It is for a chain that does not count here.
    #[error("the message is for a chain that does not count here")]
    Chain,
    /// Its time has not come, or is over.
    #[error("the message's time has not come, or is over")]
    Time,
    /// The signature is none, or another key's.
    #[error("the signature is not that of the address in the message")]
    Signature,
}

/// What a message must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The origins of this site, as in `https://plue.example`.
    pub origins: &'a [String],
    /// The chains that count.
    pub chains: &'a [u64],
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
}

/// What a signed message proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The address whose key signed it: `0x` and 40 hex digits in lower case.
    pub address: String,
    /// The nonce in it.
    pub nonce: String,
}

/// The parts of a message that are looked at.
#[derive(Debug, PartialEq, Eq)]
struct Message<'a> {
    scheme: Option<&'a str>,
    domain: &'a str,
    address: [u8; 20],
    uri: &'a str,
    chain: u64,
    nonce: &'a str,
    issued_at_ms: i64,
    expires_at_ms: Option<i64>,
    not_before_ms: Option<i64>,
}

/// Whose key signed the message, if it is what is expected.
pub fn verify(message: &str, signature: &str, expected: &Expected<'_>) -> Result<Proven, SiweError> {
    let read = parse(message)?;
    let is_here = |origin: &String| {
        let (scheme, authority) = origin.split_once("://").unwrap_or_default();
        let rest = read.uri.strip_prefix(origin.as_str());
        authority == read.domain
            && read.scheme.is_none_or(|stated| stated == scheme)
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    };
    if !expected.origins.iter().any(is_here) {
        return Err(SiweError::Domain);
    }
    if !expected.chains.contains(&read.chain) {
        return Err(SiweError::Chain);
    }
    let now_ms = expected.now_ms;
    let soon_ms = now_ms.saturating_add(LEEWAY_MS);
    let is_now = read.issued_at_ms <= soon_ms
        && read.expires_at_ms.is_none_or(|at| at > now_ms)
        && read.not_before_ms.is_none_or(|at| at <= now_ms);
    if !is_now {
        return Err(SiweError::Time);
    }
    if recover(message, signature) != Some(read.address) {
        return Err(SiweError::Signature);
    }
    Ok(Proven {
        address: hex(&read.address),
        nonce: read.nonce.to_owned(),
    })
}

/// Writes the message that somebody signs: `origin` is this site's, `address` theirs in any letter
/// case. None where it is no address. The statement may be empty.
pub fn message(
    origin: &str,
    address: &str,
    chain: u64,
    nonce: &str,
    issued_at: &str,
    statement: &str,
) -> Option<String> {
    let domain = origin.split_once("://")?.1;
    let address = checksummed(&unhex::<20>(address.strip_prefix("0x")?)?);
    let end = if statement.is_empty() { "" } else { "\n" };
    Some(format!(
        "{domain}{WANTS}\n{address}\n\n{statement}{end}\nURI: {origin}\nVersion: 1\nChain ID: {chain}\nNonce: {nonce}\n\
         Issued At: {issued_at}"
    ))
}

/// Reads a message, line by line as EIP-4361 has them.
fn parse(text: &str) -> Result<Message<'_>, SiweError> {
    let form = |what| Err(SiweError::Form(what));
    if text.len() > MAX_MESSAGE_BYTES {
        return form("it is too long");
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return form("it has control characters");
    }
    let mut lines = text.split('\n');
    let mut next = || lines.next().ok_or(SiweError::Form("it breaks off"));
    let Some(origin) = next()?.strip_suffix(WANTS) else {
        return form("its first line");
    };
    let (scheme, domain) = match origin.split_once("://") {
        Some((scheme, domain)) => (Some(scheme), domain),
        None => (None, origin),
    };
    let is_authority = |c: u8| c.is_ascii_alphanumeric() || b".-:[]".contains(&c);
    if domain.is_empty() || !domain.bytes().all(is_authority) {
        return form("its domain");
    }
    let shown = next()?;
    let address = shown.strip_prefix("0x").and_then(unhex::<20>);
    // EIP-55: the case of the letters is a checksum.
    let Some(address) = address.filter(|address| checksummed(address) == shown) else {
        return form("its address, whose letters must have the case of EIP-55");
    };
    if !next()?.is_empty() {
        return form("the line after its address");
    }
    let statement = next()?;
    if !statement.is_empty() && !next()?.is_empty() {
        return form("the line after its statement");
    }
    let mut fields = lines.peekable();
    let mut required = |name: &'static str, fault: &'static str| {
        let line = fields.next().ok_or(SiweError::Form(fault))?;
        let value = line.strip_prefix(name).ok_or(SiweError::Form(fault))?;
        Ok::<_, SiweError>(value)
    };
    let uri = required("URI: ", "its URI")?;
    if uri.is_empty() || uri.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return form("its URI");
    }
    if required("Version: ", "its version")? != "1" {
        return form("its version");
    }
    let chain = number(required("Chain ID: ", "its chain")?).ok_or(SiweError::Form("its chain"))?;
    let nonce = required("Nonce: ", "its nonce")?;
    if !(8..=64).contains(&nonce.len()) || !nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return form("its nonce");
    }
    let issued = required("Issued At: ", "when it was issued")?;
    let issued_at_ms = moment_ms(issued).ok_or(SiweError::Form("when it was issued"))?;
    let mut optional = |name: &'static str| {
        let value = fields.peek().and_then(|line| line.strip_prefix(name));
        if value.is_some() {
            fields.next();
        }
        value
    };
    let time = |value: Option<&str>, fault| match value {
        Some(value) => moment_ms(value).map(Some).ok_or(SiweError::Form(fault)),
        None => Ok(None),
    };
    let expires_at_ms = time(optional("Expiration Time: "), "when it expires")?;
    let not_before_ms = time(optional("Not Before: "), "when it begins to count")?;
    optional("Request ID: ");
    if fields.peek() == Some(&"Resources:") {
        fields.next();
        while fields.peek().is_some_and(|line| line.starts_with("- ")) {
            fields.next();
        }
    }
    if fields.next().is_some() {
        return form("what comes after its fields");
    }
    Ok(Message {
        scheme,
        domain,
        address,
        uri,
        chain,
        nonce,
        issued_at_ms,
        expires_at_ms,
        not_before_ms,
    })
}

/// A number without a sign or leading zeros.
fn number(digits: &str) -> Option<u64> {
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain)
}

/// A moment of RFC 3339, in milliseconds since 1970.
fn moment_ms(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let right = text.is_ascii() && marks.iter().all(|(at, mark)| bytes.get(*at) == Some(mark));
    if !right {
        return None;
    }
    let part = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain)
    };
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.bytes().position(|byte| !byte.is_ascii_digit())?;
        if end == 0 {
            return None;
        }
        let first: String = fraction[..end].chars().chain("000".chars()).take(3).collect();
        millis = first.parse().ok()?;
        rest = &fraction[end..];
    }
    let offset_minutes = match rest {
        "Z" => 0,
        _ => {
            let sign = match rest.as_bytes().first()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let at = 20 + (text.len() - 19 - rest.len());
            let (hours, minutes) = (part(at, at + 2)?, part(at + 3, at + 5)?);
            if rest.len() != 6 || rest.as_bytes()[3] != b':' || hours > 23 || minutes > 59 {
                return None;
            }
            sign * (hours * 60 + minutes)
        }
    };
    // Days since 1970 in the proleptic Gregorian calendar, with March as the first month.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_era = (y % 400) * 365 + (y % 400) / 4 - (y % 400) / 100 + (153 * m + 2) / 5 + day - 1;
    let days = (y / 400) * 146_097 + day_of_era - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + (minute - offset_minutes) * 60 + second;
    Some(seconds * 1_000 + millis)
}

/// The address whose key signed `message` (EIP-191, version 0x45); none where this is no signature
/// of a plain key: 65 bytes in hex, with the lower of both values of `s`.
fn recover(message: &str, signature: &str) -> Option<[u8; 20]> {
    let bytes = unhex::<65>(signature.strip_prefix("0x")?)?;
    let signature = Signature::from_slice(&bytes[..64]).ok()?;
    if signature.normalize_s() != signature {
        return None;
    }
    let parity = match bytes[64] {
        v @ (0 | 1) => v,
        v @ (27 | 28) => v - 27,
        _ => return None,
    };
    let mut hash = Keccak256::new();
    hash.update(format!("\u{19}Ethereum Signed Message:\n{}", message.len()));
    hash.update(message);
    let id = RecoveryId::from_byte(parity)?;
    let key = VerifyingKey::recover_from_prehash(&hash.finalize(), &signature, id).ok()?;
    Some(address_of(&key))
}

/// The address of a key: the last twenty bytes of its hash.
pub fn address_of(key: &VerifyingKey) -> [u8; 20] {
    let point = key.to_sec1_point(false);
    let hash: [u8; 32] = Keccak256::digest(&point.as_bytes()[1..]).into();
    let mut address = [0; 20];
    address.copy_from_slice(&hash[12..]);
    address
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    format!("0x{}", digits.collect::<String>())
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// An address in the letter case that is its checksum (EIP-55).
pub fn checksummed(address: &[u8; 20]) -> String {
    let plain = hex(address);
    let hash: [u8; 32] = Keccak256::digest(&plain.as_bytes()[2..]).into();
    let cased = plain.chars().enumerate().map(|(at, c)| {
        let Some(at) = at.checked_sub(2) else { return c };
        let nibble = (hash[at / 2] >> (4 * (1 - at % 2))) & 15;
        if nibble > 7 { c.to_ascii_uppercase() } else { c }
    });
    cased.collect()
}

#[cfg(test)]
mod tests;

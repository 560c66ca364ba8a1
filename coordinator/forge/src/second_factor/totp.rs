//! One-time codes that follow the clock (RFC 6238 over RFC 4226): six digits, half a minute,
//! HMAC-SHA-1, which is what every app reads.

use data_encoding::BASE32_NOPAD;
use ring::hmac;

/// How long a code is the code, in milliseconds.
const STEP_MS: i64 = 30_000;
/// How many half minutes a clock may be off, in either direction.
const DRIFT: i64 = 1;
/// How long a secret is, in bytes (RFC 4226, 4, R6).
pub(super) const SECRET_BYTES: usize = 20;

/// The half minute of a moment.
fn step_of(now_ms: i64) -> i64 {
    now_ms.div_euclid(STEP_MS)
}

/// The code of a half minute (RFC 4226, 5.3).
fn code(secret: &[u8], step: i64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 0x0f);
    let word = tag[at..at + 4]
        .iter()
        .fold(0, |word, byte| (word << 8) | u32::from(*byte));
    (word & 0x7fff_ffff) % 1_000_000
}

/// The half minute whose code this is, if it is one about now and later than the last one that was
/// taken (RFC 6238, 5.2). It takes as long whichever it is, and whether it is one at all.
pub(super) fn accepted(secret: &[u8], shown: &str, last_step: i64, now_ms: i64) -> Option<i64> {
    let digits: String = shown.chars().filter(|c| !c.is_whitespace()).collect();
    let is_code = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let shown: u32 = digits.parse().ok().filter(|_| is_code)?;
    let now = step_of(now_ms);
    let mut found = None;
    for step in now - DRIFT..=now + DRIFT {
        if code(secret, step) == shown && step > last_step {
            found = Some(step);
        }
    }
    found
}

/// The secret as people type it.
pub(super) fn spelled(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// The secret as apps read it from a picture.
pub(super) fn uri(secret: &[u8], site: &str, account: &str) -> String {
    let safe = |text: &str| -> String {
        let keep = |c: char| {
            if c.is_ascii_alphanumeric() || "-._".contains(c) {
                c
            } else {
                '-'
            }
        };
        text.chars().map(keep).collect()
    };
    let site = safe(site);
    format!(
        "otpauth://totp/{site}:{}?secret={}&issuer={site}",
        safe(account),
        spelled(secret)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfc() {
        // The last six of the eight digits that the appendix lists.
        for (at_s, digits) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = step_of(at_s * 1_000);
            assert_eq!(format!("{:06}", code(SECRET, step)), digits, "{at_s}");
            assert_eq!(accepted(SECRET, digits, 0, at_s * 1_000), Some(step));
        }
    }

    #[test]
    fn a_code_is_taken_once_and_about_its_time() {
        let at = 1_111_111_111_000;
        let step = step_of(at);
        assert_eq!(accepted(SECRET, " 050 471 ", step - 1, at), Some(step));
        assert_eq!(accepted(SECRET, "050471", step, at), None, "twice");
        assert_eq!(
            accepted(SECRET, "050471", step + 1, at),
            None,
            "after a later one"
        );
        for (off, taken) in [(-2, false), (-1, true), (1, true), (2, false)] {
            let then = at + off * STEP_MS;
            assert_eq!(accepted(SECRET, "050471", 0, then).is_some(), taken, "{off}");
        }
        for bad in ["", "05047", "0504711", "05047x", "+50471", "٠٥٠٤٧١", "-50471"] {
            assert_eq!(accepted(SECRET, bad, 0, at), None, "{bad}");
        }
    }

    #[test]
    fn an_app_reads_the_secret() {
        assert_eq!(
            uri(b"12345678901234567890", "My Forge?", "ada"),
            "otpauth://totp/My-Forge-:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=My-Forge-"
        );
    }
}

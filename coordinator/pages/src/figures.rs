//! Sizes and counts as people read them, with the exact figure as title.

use maud::{Markup, html};

/// A count with its noun, `one` for 1 and `many` for every other.
pub fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A count in groups of three digits: `12,345`.
pub fn grouped(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if count < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size, as in `1.4 MiB`.
pub fn bytes_text(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1_024 {
        return counted(bytes, "byte", "bytes");
    }
    let (mut size, mut unit) = (bytes as f64 / 1_024.0, 0);
    // What would be written as 1024 is one of the next unit.
    while size >= 1_023.95 && unit + 1 < UNITS.len() {
        size /= 1_024.0;
        unit += 1;
    }
    if size < 10.0 {
        format!("{size:.1} {}", UNITS[unit])
    } else {
        format!("{size:.0} {}", UNITS[unit])
    }
}

/// A size, with the number of bytes as title.
pub fn size(bytes: i64) -> Markup {
    html! { span title=(counted(bytes, "byte", "bytes")) { (bytes_text(bytes)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_plural_and_their_groups() {
        assert_eq!(counted(0, "ref", "refs"), "0 refs");
        assert_eq!(counted(1, "ref", "refs"), "1 ref");
        assert_eq!(counted(12_345, "ref", "refs"), "12,345 refs");
        assert_eq!(
            (grouped(100), grouped(1_000_000), grouped(-1_234)),
            ("100".into(), "1,000,000".into(), "-1,234".into())
        );
    }

    #[test]
    fn sizes_have_two_digits_or_none_behind_the_point() {
        let read = |bytes| bytes_text(bytes);
        assert_eq!(read(0), "0 bytes");
        assert_eq!(read(1_023), "1,023 bytes");
        assert_eq!(read(1_024), "1.0 KiB");
        assert_eq!(read(1_536), "1.5 KiB");
        assert_eq!(read(1_048_575), "1.0 MiB");
        assert_eq!(read(250 << 20), "250 MiB");
        assert_eq!(read(i64::MAX), "8192 PiB");
    }
}

//! Moments as the interface writes them: RFC 3339, in UTC, to the millisecond.

/// A moment, from milliseconds since 1970.
pub use plue_contract::events::moment as text;

/// A moment that may be none.
pub fn optional(ms: Option<i64>) -> Option<String> {
    ms.map(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_767_225_600_123), "2026-01-01T00:00:00.123Z");
        assert_eq!(optional(None), None);
    }
}

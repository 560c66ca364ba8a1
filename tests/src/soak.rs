//! How often tests of chance repeat themselves.

/// So often, or as often as `PLUE_TESTS_ROUNDS` says: a soak sets it to 50.
pub fn rounds(usual: usize) -> usize {
    std::env::var("PLUE_TESTS_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

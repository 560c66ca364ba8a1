//! The plue binary.
fn main() {}

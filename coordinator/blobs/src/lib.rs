//! Immutable files in a directory or a bucket.

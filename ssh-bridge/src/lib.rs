//! The SSH door.

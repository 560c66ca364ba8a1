//! Who sees what, and what becomes of repositories.

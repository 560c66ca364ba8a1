//! What people change about themselves, by forms.

pub mod apps;
pub mod email;
pub mod identities;
pub mod keys;
pub mod profile;
pub mod second_factor;
pub mod sessions;
pub mod tokens;
pub mod wallets;

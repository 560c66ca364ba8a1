//! Applications that act for people who allow it (OAuth 2.0, RFC 6749, with PKCE, RFC 7636).
//!
//! Whoever says yes gives a code, which its application turns into tokens once. All that comes of one
//! yes is a family: a code or a refresh token that is shown twice was stolen, and ends it.

mod apps;
mod grants;
mod scopes;

pub use apps::{App, AppText, Made, create, delete, get, list, renew_secret, update};
pub use grants::{
    ACCESS_LIFETIME_MS, Authorization, Client, Issued, Refusal, Refused, Request, Requested, approve,
    authorizations, exchange, look_at, refresh, revoke, withdraw,
};
pub use scopes::{Asked, OFFERS, Offer};

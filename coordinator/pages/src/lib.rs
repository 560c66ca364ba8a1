//! The pages that people look at: plain values in, HTML out.
//!
//! What is here knows nothing of the forge, of git, of HTTP or of the time: a door gathers what a
//! page shows into the page's own struct, and the page writes it down. Everything that comes from
//! outside is escaped by the templates when they are compiled. A page works without script; style
//! sheet and scripts are files of their own, named by their content ([`assets`]), because nothing
//! inline is allowed to run.
//!
//! What an anonymous visitor gets depends on the address and on what the page is about, and on
//! nothing else: no token, no clock. So it can be kept by caches and told apart by its hash.
#![warn(missing_docs)]

pub mod assets;
pub mod create;
pub mod csv;
pub mod diff;
pub mod explore;
pub mod figures;
pub mod forms;
pub mod frame;
pub mod graph;
pub mod highlight;
pub mod home;
pub mod hooks;
pub mod icons;
pub mod issues;
pub mod log;
pub mod markdown;
pub mod moment;
pub mod notifications;
pub mod oauth;
pub mod organisation;
pub mod person;
pub mod repo;
pub mod repositories;
pub mod repository_settings;
pub mod settings;
pub mod sign_in;
pub mod sign_up;
pub mod stars;
mod wallet;

pub use assets::Script;
pub use frame::{Frame, Notice, Page, Step, Tab, Viewer, layout};

//! The pages on which people change what is theirs: profile, password, keys, tokens, sessions.

pub mod apps;
pub mod email;
pub mod identities;
pub mod keys;
pub mod profile;
pub mod second_factor;
pub mod sessions;
pub mod tokens;
pub mod wallets;

use crate::assets::Script;
use crate::frame::{Frame, Page, layout};
use crate::icons::{Icon, icon};
use crate::log::{self, Log};
use maud::{Markup, html};

mod words {
    pub const TITLE: &str = "Settings";
    pub const LOG_ABOUT: &str =
        "What was done to your account and what is yours. Nobody can change or remove an entry.";
}

/// The settings, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Profile,
    Email,
    Password,
    SecondFactor,
    Wallets,
    Identities,
    Apps,
    Keys,
    Tokens,
    Sessions,
    Log,
}

impl Section {
    const ALL: [Self; 11] = [
        Self::Profile,
        Self::Email,
        Self::Password,
        Self::SecondFactor,
        Self::Wallets,
        Self::Identities,
        Self::Apps,
        Self::Keys,
        Self::Tokens,
        Self::Sessions,
        Self::Log,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Profile => "Profile",
            Self::Email => "Mail",
            Self::Password => "Password",
            Self::SecondFactor => "Second factor",
            Self::Wallets => "Wallets",
            Self::Identities => "Other accounts",
            Self::Apps => "Applications",
            Self::Keys => "SSH keys",
            Self::Tokens => "Access tokens",
            Self::Sessions => "Sessions",
            Self::Log => "Log",
        }
    }

    const fn href(self) -> &'static str {
        match self {
            Self::Profile => "/-/settings",
            Self::Email => "/-/settings/email",
            Self::Password => "/-/settings/password",
            Self::SecondFactor => "/-/settings/second-factor",
            Self::Wallets => "/-/settings/wallets",
            Self::Identities => "/-/settings/identities",
            Self::Apps => "/-/settings/apps",
            Self::Keys => "/-/settings/keys",
            Self::Tokens => "/-/settings/tokens",
            Self::Sessions => "/-/settings/sessions",
            Self::Log => "/-/settings/log",
        }
    }

    const fn icon(self) -> Icon {
        match self {
            Self::Profile => Icon::Person,
            Self::Email => Icon::Mail,
            Self::Password => Icon::Lock,
            Self::SecondFactor => Icon::Shield,
            Self::Wallets => Icon::Token,
            Self::Identities => Icon::Globe,
            Self::Apps => Icon::Code,
            Self::Keys => Icon::Key,
            Self::Tokens => Icon::Token,
            Self::Sessions => Icon::Device,
            Self::Log => Icon::History,
        }
    }
}

/// Writes the page of what was done.
pub fn log(frame: &Frame, entries: &Log) -> String {
    let body = html! {
        h1 { (Section::Log.label()) }
        p.muted { (words::LOG_ABOUT) }
        (log::list(entries))
    };
    page(frame, Section::Log, &body)
}

/// A page of the settings, beside the list of them all.
fn page(frame: &Frame, section: Section, body: &Markup) -> String {
    page_with(frame, section, &[], body)
}

/// The same with scripts of its own.
fn page_with(frame: &Frame, section: Section, more: &[Script], body: &Markup) -> String {
    let scripts = [&[Script::Times, Script::Copy], more].concat();
    let title = format!("{} · {}", section.label(), words::TITLE);
    let body = html! {
        div.sides.left {
            nav.side-tabs aria-label=(words::TITLE) {
                ul {
                    @for each in Section::ALL {
                        li {
                            a href=(each.href()) aria-current=[(each == section).then_some("page")] {
                                (icon(each.icon())) (each.label())
                            }
                        }
                    }
                }
            }
            div.column.spaced { (body) }
        }
    };
    layout(
        frame,
        &Page {
            title: &title,
            place: &[],
            tabs: &[],
            scripts: &scripts,
            body,
        },
    )
}

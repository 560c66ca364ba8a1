//! The accounts at other sites that open the account.

use super::Section;
use crate::forms::{Wrong, alert, button, token};
use crate::frame::{Frame, Viewer};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::html;

mod words {
    pub const TITLE: &str = "Other accounts";
    pub const ABOUT: &str = "An account at another site that is linked to yours signs you in.";
    pub const NONE: &str = "No other account opens yours.";
    pub const NOWHERE: &str = "This site lets nobody sign in by another one.";
    pub const LINK: &str = "Link an account at GitHub";
    pub const REMOVE: &str = "Remove";
    pub const LINKED: &str = "Linked ";
    pub const USED: &str = "last used ";
    pub const UNUSED: &str = "never used";
}

/// One account.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Where it is, as in `github`.
    pub provider: String,
    /// What that site knows it by.
    pub subject: String,
    /// Its name there.
    pub login: String,
    /// When it was linked, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When somebody last signed in by it.
    pub last_used_at_ms: Option<i64>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// Those that are linked.
    pub identities: Vec<Identity>,
    /// Whether accounts at GitHub can be linked.
    pub github: bool,
    /// What was wrong.
    pub wrong: Option<Wrong>,
}

/// Writes the page.
pub fn page(frame: &Frame, viewer: &Viewer, page: &Identities) -> String {
    const ACTION: &str = "/-/settings/identities";
    let body = html! {
        h1 { (words::TITLE) }
        p.muted { (words::ABOUT) }
        (alert(Wrong::elsewhere(&page.wrong, &[])))
        @if page.identities.is_empty() {
            div.empty {
                (icon(Icon::Globe))
                p { strong { (words::NONE) } }
                @if !page.github { p { (words::NOWHERE) } }
            }
        } @else {
            ul.rows {
                @for identity in &page.identities {
                    li {
                        div.line {
                            span.name { (identity.login) " · " (identity.provider) }
                            span.end-of-line {
                                (button(viewer,
                                    &format!("{ACTION}/{}/{}/remove", identity.provider, identity.subject),
                                    words::REMOVE, &identity.login, true))
                            }
                        }
                        p.meta {
                            (words::LINKED) (when(identity.created_at_ms)) ", "
                            @match identity.last_used_at_ms {
                                Some(ms) => { (words::USED) (when(ms)) },
                                None => (words::UNUSED),
                            }
                        }
                    }
                }
            }
        }
        @if page.github {
            form method="post" action={ (ACTION) "/github" } {
                (token(viewer))
                div.submit { button.primary type="submit" { (words::LINK) } }
            }
        }
    };
    super::page(frame, Section::Identities, &body)
}

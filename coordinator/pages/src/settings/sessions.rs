//! The browsers that are signed in.

use super::Section;
use crate::forms::{button, token};
use crate::frame::{Frame, Viewer};
use crate::icons::{Icon, icon};
use crate::moment::{day, exact, when};
use maud::html;

mod words {
    pub const TITLE: &str = "Sessions";
    pub const ABOUT: &str = "The browsers in which you are signed in. What you end is over at once.";
    pub const THIS: &str = "This browser";
    pub const UNKNOWN: &str = "An unknown browser";
    pub const END: &str = "Sign out";
    pub const FROM: &str = "From ";
    pub const SINCE: &str = "Signed in ";
    pub const ENDS: &str = "ends ";
    pub const ALL: &str = "Sign out everywhere";
    pub const ALL_ABOUT: &str =
        "Ends every session, this one too. Tokens and SSH keys stay; remove those on their own pages.";
}

/// One session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The client's address when it was opened.
    pub address: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// When it was opened, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it ends.
    pub expires_at_ms: i64,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// A browser and a system, as far as a user agent's text gives them away: "Firefox on Linux".
fn device(user_agent: &str) -> Option<String> {
    let first = |names: &[(&str, &'static str)]| {
        let found = names.iter().find(|(sign, _)| user_agent.contains(sign));
        found.map(|(_, name)| *name)
    };
    // The more particular come first: most browsers call themselves by the others' names too.
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ])?;
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    Some(match system {
        Some(system) => format!("{browser} on {system}"),
        None => browser.to_owned(),
    })
}

/// Writes the page.
pub fn page(frame: &Frame, viewer: &Viewer, sessions: &[Session]) -> String {
    let body = html! {
        h1 { (words::TITLE) }
        p.muted { (words::ABOUT) }
        ul.rows {
            @for session in sessions {
                @let agent = session.user_agent.as_deref().unwrap_or_default();
                @let name = device(agent).unwrap_or_else(|| words::UNKNOWN.to_owned());
                li {
                    div.line {
                        (icon(Icon::Device))
                        strong.name title=(agent) { (name) }
                        @if session.current { span.badge { (words::THIS) } }
                        span.end-of-line {
                            (button(viewer, &format!("/-/settings/sessions/{}/end", session.id), words::END, &name, true))
                        }
                    }
                    p.meta {
                        @if let Some(address) = &session.address { (words::FROM) (address) " · " }
                        (words::SINCE) (when(session.created_at_ms)) ", " (words::ENDS)
                        span title=(exact(session.expires_at_ms)) { (day(session.expires_at_ms)) }
                    }
                }
            }
        }
        h2 { (words::ALL) }
        p.muted { (words::ALL_ABOUT) }
        form method="post" action="/-/settings/sessions/end" {
            (token(viewer))
            button.danger type="submit" { (words::ALL) }
        }
    };
    super::page(frame, Section::Sessions, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_by_their_particular_names() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(device(chrome).as_deref(), Some("Chrome on Linux"));
        assert_eq!(
            device(&format!("{chrome} Edg/140.0")).as_deref(),
            Some("Edge on Linux")
        );
        let phone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!(device(phone).as_deref(), Some("Safari on iPhone"));
        assert_eq!(device("curl/8.5.0").as_deref(), Some("curl"));
        assert_eq!(device("something else"), None);
    }
}

//! What stands around every page: where one is, the search, who one is; the tabs of what the page
//! is about; the end of the page.

use crate::assets::{self, Script};
use crate::icons::{Icon, icon, mark, sprite};
use maud::{DOCTYPE, Markup, html};

mod words {
    pub const SKIP: &str = "Skip to content";
    pub const START: &str = "Start";
    pub const WHERE: &str = "Where you are";
    pub const SEARCH: &str = "Search";
    pub const SEARCH_HINT: &str = "Search repositories and people";
    pub const SIGN_IN: &str = "Sign in";
    pub const NEW: &str = "New repository";
    pub const YOU: &str = "Your menu";
    pub const PROFILE: &str = "Your repositories";
    pub const HEARD: &str = "Notifications";
    pub const STARS: &str = "Your stars";
    pub const SETTINGS: &str = "Settings";
    pub const SIGN_OUT: &str = "Sign out";
    pub const SITE: &str = "This site";
    pub const EXPLORE: &str = "Explore";
    pub const API: &str = "API";
    pub const KEYS: &str = "Keys";
    pub const THEME: &str = "Theme";
}

/// Who looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// Their account's name.
    pub name: String,
    /// The token that their forms bear.
    pub csrf: String,
}

/// Something that the page has to tell first: what was done, or what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It was done; and how it is undone.
    Done(String),
    /// It was not done; and why.
    Wrong(String),
}

/// What the same visitor finds around every page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What the site calls itself.
    pub site: String,
    /// Who looks; none for everybody who is not signed in, who all get the same bytes.
    pub viewer: Option<Viewer>,
    /// Path and query of this page: where one comes back to after signing in.
    pub path: String,
    /// What is to be told first.
    pub notice: Option<Notice>,
}

/// One step of the way to a page: `ada`, then `engine`.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Its name.
    pub label: &'a str,
    /// Where it is.
    pub href: &'a str,
}

/// One tab of what a page is about.
#[derive(Clone, Copy, Debug)]
pub struct Tab<'a> {
    /// Its name.
    pub label: &'a str,
    /// Where it is.
    pub href: &'a str,
    /// What it looks like.
    pub icon: Icon,
    /// The keys that lead to it, as in `g c`; may be empty.
    pub keys: &'a str,
    /// Whether this page is behind it.
    pub current: bool,
}

/// One page.
pub struct Page<'a> {
    /// What it is called, in the window's title.
    pub title: &'a str,
    /// The way to it.
    pub place: &'a [Step<'a>],
    /// The tabs of what it is about.
    pub tabs: &'a [Tab<'a>],
    /// The scripts that it uses, beside those that every page has.
    pub scripts: &'a [Script],
    /// What stands in it.
    pub body: Markup,
}

/// The link to the sign-in page that leads back to `path`.
pub fn sign_in_link(path: &str) -> String {
    if path == "/" || path.starts_with("/login") {
        return "/login".to_owned();
    }
    let mut link = String::from("/login?to=");
    encode(path, &mut link);
    link
}

/// Writes a text so that it can stand as a value in a query, or as a segment of a path.
pub fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                into.push(byte.into());
            }
            _ => {
                into.push('%');
                into.push_str(&format!("{byte:02X}"));
            }
        }
    }
}

/// The picture of an account: its first letter, on one of eight grounds that its name chooses.
pub fn avatar(name: &str) -> Markup {
    let ground = name
        .bytes()
        .fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte))
        % 8;
    let letter = name.chars().find(|c| c.is_alphabetic()).or(name.chars().next());
    let letter = letter.unwrap_or('?').to_uppercase().to_string();
    html! { span class=(format_args!("avatar g{ground}")) aria-hidden="true" { (letter) } }
}

/// A whole page.
pub fn layout(frame: &Frame, page: &Page<'_>) -> String {
    let Frame { site, viewer, .. } = frame;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title {
                    @if page.title == site { (site) } @else { (page.title) " · " (site) }
                }
                link rel="stylesheet" href=(assets::style());
                // Not deferred: what was chosen has to hold before anything is painted.
                script src=(Script::Theme.href()) {}
                link rel="icon" href=(assets::mark()) type="image/svg+xml";
                script type="module" src=(Script::Keyboard.href()) {}
                @for script in page.scripts {
                    script type="module" src=(script.href()) {}
                }
            }
            body {
                a.skip href="#content" { (words::SKIP) }
                (sprite())
                header.top {
                    div.bar {
                        a.home href="/" aria-label={ (site) ": " (words::START) } data-key="g h" { (mark()) }
                        nav.place aria-label=(words::WHERE) {
                            @if page.place.is_empty() {
                                a href="/" { (site) }
                            } @else {
                                ol {
                                    @for step in page.place {
                                        li { a href=(step.href) { (step.label) } }
                                    }
                                }
                            }
                        }
                        form.find role="search" aria-label=(words::SEARCH_HINT) action="/search" {
                            input type="search" name="q" aria-label=(words::SEARCH_HINT)
                                placeholder=(words::SEARCH) maxlength="200" data-key="/";
                        }
                        (you(frame))
                    }
                    @if !page.tabs.is_empty() {
                        nav.tabs aria-label=(page.title) {
                            ul {
                                @for tab in page.tabs {
                                    li {
                                        a href=(tab.href) aria-current=[tab.current.then_some("page")]
                                            data-key=[(!tab.keys.is_empty()).then_some(tab.keys)] {
                                            (icon(tab.icon)) (tab.label)
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
                main #content tabindex="-1" {
                    @match &frame.notice {
                        Some(Notice::Done(text)) => p.notice.done role="status" { (icon(Icon::Check)) span { (text) } },
                        Some(Notice::Wrong(text)) => p.notice.wrong role="alert" { (icon(Icon::Warning)) span { (text) } },
                        None => {}
                    }
                    (page.body)
                }
                footer.end {
                    div.bar {
                        span { (site) }
                        nav aria-label=(words::SITE) {
                            a href="/explore" { (words::EXPLORE) }
                            a href="/api/openapi.json" { (words::API) }
                            @if viewer.is_none() {
                                a href=(sign_in_link(&frame.path)) rel="nofollow" { (words::SIGN_IN) }
                            }
                            button.plain.scripted type="button" data-key="?" data-keys-help { (words::KEYS) }
                            button.plain.scripted type="button" data-theme-switch { (icon(Icon::Theme)) (words::THEME) }
                        }
                    }
                }
            }
        }
    }
    .into_string()
}

fn you(frame: &Frame) -> Markup {
    html! {
        div.you {
            a.find-small href="/search" aria-label=(words::SEARCH) { (icon(Icon::Search)) }
            @match &frame.viewer {
                None => a.button href=(sign_in_link(&frame.path)) rel="nofollow" { (words::SIGN_IN) },
                Some(viewer) => {
                    a.round href="/notifications" aria-label=(words::HEARD) title=(words::HEARD) data-key="g n" { (icon(Icon::Bell)) }
                    a.round href="/new" aria-label=(words::NEW) title=(words::NEW) data-key="c" { (icon(Icon::Plus)) }
                    details.menu {
                        summary aria-label={ (words::YOU) ": " (viewer.name) } title=(viewer.name) { (avatar(&viewer.name)) (icon(Icon::ChevronDown)) }
                        div.sheet {
                            a href={ "/" (viewer.name) } { (icon(Icon::Repository)) (words::PROFILE) }
                            a href="/-/stars" { (icon(Icon::Star)) (words::STARS) }
                            a href="/-/settings" { (icon(Icon::Settings)) (words::SETTINGS) }
                            // The gateway asks where it comes from; a token would be in every page.
                            form method="post" action="/logout" {
                                button.plain type="submit" { (icon(Icon::SignOut)) (words::SIGN_OUT) " " strong { (viewer.name) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(viewer: Option<&str>) -> Frame {
        Frame {
            site: "Plue".into(),
            viewer: viewer.map(|name| Viewer {
                name: name.into(),
                csrf: "a-token".into(),
            }),
            path: "/ada/engine?tab=a&b".into(),
            notice: None,
        }
    }

    fn page(body: Markup) -> Page<'static> {
        Page {
            title: "<b>title</b>",
            place: &[],
            tabs: &[],
            scripts: &[Script::Copy],
            body,
        }
    }

    #[test]
    fn nothing_in_it_is_inline_and_everything_is_ours() {
        let html = layout(&frame(Some("ada")), &page(html! { p { "x" } }));
        assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains("onclick"));
        for (at, _) in html.match_indices("<script") {
            assert!(
                html[at..].starts_with("<script src=\"/assets/")
                    || html[at..].starts_with("<script type=\"module\" src=\"/assets/")
            );
        }
        for (at, _) in html.match_indices("href=\"") {
            let first = html[at + 6..].chars().next();
            assert!(matches!(first, Some('/' | '#')), "{}", &html[at..at + 40]);
        }
        assert!(html.contains("&lt;b&gt;title&lt;/b&gt; · Plue"));
        // Where the edge puts its note that a page may be out of date.
        assert_eq!(html.matches("<body>").count(), 1);
    }

    #[test]
    fn whoever_is_not_signed_in_is_led_back_and_bears_no_token() {
        let html = layout(&frame(None), &page(html! {}));
        assert!(
            html.contains("href=\"/login?to=/ada/engine%3Ftab%3Da%26b\""),
            "{html}"
        );
        assert!(!html.contains("csrf") && !html.contains("/logout") && !html.contains("a-token"));
        let html = layout(&frame(Some("ada")), &page(html! {}));
        assert!(!html.contains("a-token"), "only forms bear it: {html}");
        assert!(html.contains("action=\"/logout\"") && !html.contains("/login"));
    }

    #[test]
    fn what_was_done_is_told_before_the_page() {
        let mut told = frame(None);
        told.notice = Some(Notice::Done("Saved <it>.".into()));
        let html = layout(&told, &page(html! { h1 { "T" } }));
        let (said, title) = (
            html.find("Saved &lt;it&gt;.").unwrap(),
            html.find("<h1>").unwrap(),
        );
        assert!(said < title && html.contains("role=\"status\""));
    }
}

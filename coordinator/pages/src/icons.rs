//! Icons: drawn here, on a grid of 16, in lines of the text's own colour. A page bears them once,
//! as a sprite, and names them where they are used.

use maud::{Markup, PreEscaped, html};
use std::sync::LazyLock;

/// An icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is called what it shows")]
pub enum Icon {
    Archive,
    Bell,
    Blame,
    Bookmark,
    Branch,
    Change,
    Check,
    ChevronDown,
    Code,
    Commit,
    Compare,
    Copy,
    Device,
    Download,
    Eye,
    File,
    Folder,
    Globe,
    Graph,
    History,
    Image,
    Info,
    Issue,
    Key,
    Link,
    Lock,
    Mail,
    More,
    People,
    Person,
    Plus,
    Raw,
    Repository,
    Search,
    Settings,
    Shield,
    SignOut,
    Star,
    Submodule,
    Tag,
    Theme,
    Token,
    Trash,
    Warning,
}

/// Name and drawing of each, in the order of [`Icon`].
const DRAWINGS: &[(&str, &str)] = &[
    ("archive", "<path d='M2 3h12v3H2zM3 6v7h10V6M6.5 9h3'/>"),
    (
        "bell",
        "<path d='M3 11.5c1-1 1.25-2.25 1.25-4.25a3.75 3.75 0 0 1 7.5 0c0 2 .25 3.25 1.25 4.25zM6.5 13.5h3'/>",
    ),
    (
        "blame",
        "<path d='M2 3h5M2 6.5h5M2 10h5M2 13.5h5M9.5 3H14M9.5 6.5H14M9.5 10H14M9.5 13.5H14'/>",
    ),
    ("bookmark", "<path d='M4 2h8v12l-4-3-4 3z'/>"),
    (
        "branch",
        "<circle cx='4.5' cy='3.5' r='1.75'/><circle cx='4.5' cy='12.5' r='1.75'/><circle cx='11.5' cy='5.5' r='1.75'/><path d='M4.5 5.25v5.5M11.5 7.25c0 2.5-7 1.5-7 3.5'/>",
    ),
    (
        "change",
        "<circle cx='4' cy='3.75' r='1.75'/><circle cx='4' cy='12.25' r='1.75'/><circle cx='12' cy='12.25' r='1.75'/><path d='M4 5.5v5M12 10.5V6.25c0-1.5-1-2.5-2.5-2.5H8M9.75 1.5 7.5 3.75 9.75 6'/>",
    ),
    ("check", "<path d='m3 8.5 3.5 3.5L13 4.5'/>"),
    ("chevron-down", "<path d='m4.5 6.5 3.5 3.5 3.5-3.5'/>"),
    ("code", "<path d='m5.5 4-4 4 4 4M10.5 4l4 4-4 4'/>"),
    (
        "commit",
        "<circle cx='8' cy='8' r='3'/><path d='M1.5 8H5M11 8h3.5'/>",
    ),
    (
        "compare",
        "<path d='M11.5 2 14 4.5 11.5 7M14 4.5H4M4.5 9 2 11.5 4.5 14M2 11.5h10'/>",
    ),
    (
        "copy",
        "<rect x='5.5' y='5.5' width='8.5' height='8.5' rx='1.5'/><path d='M10.5 5.5v-2c0-.8-.7-1.5-1.5-1.5H3.5C2.7 2 2 2.7 2 3.5V9c0 .8.7 1.5 1.5 1.5h2'/>",
    ),
    (
        "device",
        "<rect x='2' y='3' width='12' height='8' rx='1'/><path d='M1 13.5h14'/>",
    ),
    ("download", "<path d='M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11'/>"),
    (
        "eye",
        "<path d='M1.5 8C3 5.2 5.3 3.75 8 3.75S13 5.2 14.5 8C13 10.8 10.7 12.25 8 12.25S3 10.8 1.5 8z'/><circle cx='8' cy='8' r='2'/>",
    ),
    ("file", "<path d='M3.5 2h5.5l3.5 3.5V14h-9zM9 2v3.5h3.5'/>"),
    ("folder", "<path d='M1.75 3.5h4.5l1.5 2h6.5v7.5H1.75z'/>"),
    (
        "globe",
        "<circle cx='8' cy='8' r='6'/><path d='M2 8h12M8 2c2 2 2.5 4 2.5 6S10 12 8 14M8 2C6 4 5.5 6 5.5 8S6 12 8 14'/>",
    ),
    ("graph", "<path d='M2 2v12h12M5 11V8M8.5 11V4.5M12 11V6.5'/>"),
    (
        "history",
        "<path d='M2.5 8a5.5 5.5 0 1 0 1.8-4.06M2 2.5v2.5h2.5M8 5v3.25l2.25 1.25'/>",
    ),
    (
        "image",
        "<rect x='2' y='3' width='12' height='10' rx='1'/><circle cx='5.5' cy='6.5' r='1'/><path d='m2.5 12 3.5-3 2 1.5 3-3 3 3'/>",
    ),
    (
        "info",
        "<circle cx='8' cy='8' r='6'/><path d='M8 7.25v4M8 4.75v.1'/>",
    ),
    (
        "issue",
        "<circle cx='8' cy='8' r='6'/><circle cx='8' cy='8' r='.75'/>",
    ),
    (
        "key",
        "<circle cx='5' cy='11' r='3'/><path d='m7.25 8.75 6.25-6.25M11 5l2 2M9.25 6.75l1.25 1.25'/>",
    ),
    (
        "link",
        "<path d='M6.5 9.5a2.8 2.8 0 0 0 4 0l2.5-2.5a2.8 2.8 0 0 0-4-4l-1 1M9.5 6.5a2.8 2.8 0 0 0-4 0L3 9a2.8 2.8 0 0 0 4 4l1-1'/>",
    ),
    (
        "lock",
        "<rect x='3' y='7' width='10' height='7' rx='1'/><path d='M5 7V5a3 3 0 0 1 6 0v2'/>",
    ),
    (
        "mail",
        "<rect x='1.75' y='3.5' width='12.5' height='9' rx='1'/><path d='m2 4.5 6 4.75 6-4.75'/>",
    ),
    ("more", "<path d='M3.5 8v.1M8 8v.1M12.5 8v.1'/>"),
    (
        "people",
        "<circle cx='6' cy='5.25' r='2.5'/><path d='M1.5 13.5c0-3 2-4.5 4.5-4.5s4.5 1.5 4.5 4.5M10.5 3c1.5.2 2.25 1.2 2.25 2.3S12 7.4 10.75 7.6M12 9.25c1.7.5 2.5 2 2.5 4.25'/>",
    ),
    (
        "person",
        "<circle cx='8' cy='5' r='2.75'/><path d='M2.75 14c0-3.2 2.25-4.75 5.25-4.75s5.25 1.55 5.25 4.75'/>",
    ),
    ("plus", "<path d='M8 3v10M3 8h10'/>"),
    ("raw", "<path d='M3 4h10M3 8h7M3 12h9'/>"),
    (
        "repository",
        "<path d='M3.5 12.5v-9C3.5 2.7 4.2 2 5 2h7.5v9H5c-.8 0-1.5.7-1.5 1.5S4.2 14 5 14h7.5v-3M6.5 5h3'/>",
    ),
    (
        "search",
        "<circle cx='7' cy='7' r='4.5'/><path d='m10.5 10.5 3.5 3.5'/>",
    ),
    (
        "settings",
        "<path d='M2 4.5h6M12 4.5h2M2 11.5h2M8 11.5h6'/><circle cx='10' cy='4.5' r='1.75'/><circle cx='6' cy='11.5' r='1.75'/>",
    ),
    (
        "shield",
        "<path d='M8 1.5 2.75 3.5v4c0 3.5 2.25 5.75 5.25 7 3-1.25 5.25-3.5 5.25-7v-4z'/>",
    ),
    (
        "sign-out",
        "<path d='M9.5 3V2h-7v12h7v-1M6.5 8h7.5M11.5 5.5 14 8l-2.5 2.5'/>",
    ),
    (
        "star",
        "<path d='m8 1.75 1.95 3.95 4.3.65-3.1 3.05.7 4.3L8 11.65 4.15 13.7l.7-4.3-3.1-3.05 4.3-.65z'/>",
    ),
    (
        "submodule",
        "<path d='M1.75 3.5h4.5l1.5 2h6.5v7.5H1.75zM6.5 9.25h3M8.25 7.75l1.5 1.5-1.5 1.5'/>",
    ),
    ("tag", "<path d='M2 2.5h5.5l6.5 6.5-5 5-7-7zM5 5.5v.1'/>"),
    (
        "theme",
        "<circle cx='8' cy='8' r='6'/><path d='M8 2v12a6 6 0 0 0 0-12z' fill='currentColor'/>",
    ),
    (
        "token",
        "<rect x='1.75' y='4' width='12.5' height='8' rx='1.5'/><path d='M4.5 8v.1M8 8v.1M11.5 8v.1'/>",
    ),
    (
        "trash",
        "<path d='M2.5 4h11M6 4V2h4v2M4 4l.5 10h7L12 4M6.75 7v4M9.25 7v4'/>",
    ),
    ("warning", "<path d='M8 2 1.5 13.5h13zM8 6.5v3.25M8 11.75v.1'/>"),
];

static SPRITE: LazyLock<String> = LazyLock::new(|| {
    let symbols: String = DRAWINGS
        .iter()
        .map(|(name, drawing)| format!("<symbol id=i-{name} viewBox='0 0 16 16'>{drawing}</symbol>"))
        .collect();
    format!("<svg class=sprite aria-hidden=true>{symbols}</svg>")
});

/// All icons, to stand once in a page.
pub(crate) fn sprite() -> PreEscaped<&'static str> {
    PreEscaped(&SPRITE)
}

/// The icon, for eyes only: what it says stands beside it in words.
pub fn icon(icon: Icon) -> Markup {
    let (name, _) = DRAWINGS[icon as usize];
    html! { svg.icon aria-hidden="true" { use href=(format_args!("#i-{name}")) {} } }
}

/// The mark of the site, in the accent's colour.
pub(crate) fn mark() -> Markup {
    html! {
        svg.logo viewBox="0 0 24 24" aria-hidden="true" {
            path d="M7 20V9a5 5 0 1 1 5 5H7" {}
            circle cx="7" cy="20" r="2" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawings_stand_in_the_order_of_their_names() {
        for (named, name) in [
            (Icon::Archive, "archive"),
            (Icon::ChevronDown, "chevron-down"),
            (Icon::File, "file"),
            (Icon::Repository, "repository"),
            (Icon::SignOut, "sign-out"),
            (Icon::Star, "star"),
            (Icon::Warning, "warning"),
        ] {
            assert_eq!(DRAWINGS[named as usize].0, name);
        }
        assert_eq!(DRAWINGS.len(), Icon::Warning as usize + 1);
    }
}

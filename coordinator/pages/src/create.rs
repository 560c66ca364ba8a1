//! The page on which a repository is made.

use crate::assets::Script;
use crate::forms::{Field, Wrong, alert, choices, select, token};
use crate::frame::{Frame, Page, Viewer, layout};
use crate::repositories::VISIBILITIES;
use maud::html;

mod words {
    pub const TITLE: &str = "New repository";
    pub const ABOUT: &str = "A repository holds the files of a project and their history.";
    pub const NAME: &str = "Name";
    pub const NAME_HINT: &str = "Letters, digits, hyphens, underscores and dots.";
    pub const DESCRIPTION: &str = "Description";
    pub const DESCRIPTION_HINT: &str = "One sentence about it. May be empty.";
    pub const SEES: &str = "Who sees it";
    pub const OWNER: &str = "Owner";
    pub const MORE: &str = "More choices";
    pub const BOOKMARK: &str = "Default bookmark";
    pub const BOOKMARK_HINT: &str = "The branch that people see first.";
    pub const FORMAT: &str = "Object format";
    pub const FORMATS: [(&str, &str); 2] = [
        ("sha1", "SHA-1, which every client reads"),
        ("sha256", "SHA-256, for newer ones only"),
    ];
    pub const MAKE: &str = "Create repository";
}

/// What the form knows the fields by.
const FIELDS: [&str; 5] = [
    "owner",
    "name",
    "description",
    "default_bookmark",
    "object_format",
];

/// The page, with what was typed.
pub struct Create {
    /// Under which names it may be made.
    pub owners: Vec<String>,
    /// Under which of them.
    pub owner: String,
    /// The name.
    pub name: String,
    /// The description.
    pub description: String,
    /// Who is to see it: `public`, `internal` or `private`.
    pub visibility: String,
    /// The default bookmark.
    pub default_bookmark: String,
    /// The object format.
    pub object_format: String,
    /// What was wrong with it.
    pub wrong: Option<Wrong>,
}

/// Writes the page.
pub fn page(frame: &Frame, viewer: &Viewer, create: &Create) -> String {
    let wrong = |field| Wrong::at(&create.wrong, field);
    let more = wrong("default_bookmark").is_some() || wrong("object_format").is_some();
    let owners: Vec<_> = create
        .owners
        .iter()
        .map(|name| (name.as_str(), name.as_str()))
        .collect();
    let body = html! {
        div.column.spaced {
            div { h1 { (words::TITLE) } p.muted { (words::ABOUT) } }
            (alert(Wrong::elsewhere(&create.wrong, &FIELDS)))
            form method="post" action="/new" {
                (token(viewer))
                @if let Some(wrong) = wrong("owner") { (alert(Some(wrong))) }
                div.owned {
                    @match owners.as_slice() {
                        [_] => span.owner { (create.owner) " /" },
                        owners => (select("owner", words::OWNER, &create.owner, owners)),
                    }
                    (Field::new("name", words::NAME).value(&create.name).hint(words::NAME_HINT)
                        .wrong(wrong("name")).required().focus().max(100))
                }
                (Field::new("description", words::DESCRIPTION).value(&create.description)
                    .hint(words::DESCRIPTION_HINT).wrong(wrong("description")).max(2000))
                (choices("visibility", words::SEES, &create.visibility, &VISIBILITIES))
                details open[more] {
                    summary { (words::MORE) }
                    (Field::new("default_bookmark", words::BOOKMARK).value(&create.default_bookmark)
                        .hint(words::BOOKMARK_HINT).wrong(wrong("default_bookmark")))
                    (select("object_format", words::FORMAT, &create.object_format, &words::FORMATS))
                }
                div.submit { button.primary type="submit" { (words::MAKE) } }
            }
        }
    };
    layout(
        frame,
        &Page {
            title: words::TITLE,
            place: &[],
            tabs: &[],
            scripts: &[] as &[Script],
            body,
        },
    )
}

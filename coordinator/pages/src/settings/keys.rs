//! One's own SSH keys.

use super::Section;
use crate::forms::{Field, Wrong, alert, button, token};
use crate::frame::{Frame, Viewer};
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::{Markup, html};

mod words {
    pub const TITLE: &str = "SSH keys";
    pub const ABOUT: &str = "With the private half of one of these keys you push and pull over SSH.";
    pub const NONE: &str = "You have no key here yet.";
    pub const NONE_NEXT: &str = "Paste the public half of yours below. This makes one, where you have none:";
    pub const MAKE: &str = "ssh-keygen -t ed25519";
    pub const ADD: &str = "Add a key";
    pub const NAME: &str = "Name";
    pub const NAME_HINT: &str = "Where the key lives, as in “laptop”.";
    pub const KEY: &str = "Public key";
    pub const KEY_HINT: &str = "The one line of ~/.ssh/id_ed25519.pub, or of another file that ends in .pub.";
    pub const EXAMPLE: &str = "ssh-ed25519 AAAA…";
    pub const REMOVE: &str = "Remove";
    pub const ADDED: &str = "Added ";
    pub const USED: &str = "last used ";
    pub const UNUSED: &str = "never used";
}

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its number.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// Its kind, as OpenSSH calls it; may be empty.
    pub kind: String,
    /// `SHA256:` and the hash, as OpenSSH prints it.
    pub fingerprint: String,
    /// What else there is to say of it: whether it may only read. May be empty.
    pub note: &'static str,
    /// When it was added, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last used.
    pub last_used_at_ms: Option<i64>,
}

/// The keys, and one that was typed.
#[derive(Default)]
pub struct Keys {
    /// Those that are there.
    pub keys: Vec<Key>,
    /// The name that was typed.
    pub name: String,
    /// The key that was typed.
    pub public_key: String,
    /// What was wrong with it.
    pub wrong: Option<Wrong>,
}

/// Keys as a list, each with its button. `action` is the address of the list.
pub(crate) fn list(viewer: &Viewer, action: &str, keys: &[Key]) -> Markup {
    html! {
        ul.rows {
            @for key in keys {
                li {
                    div.line {
                        (icon(Icon::Key))
                        strong.name { (key.name) }
                        @if !key.note.is_empty() { span.badge { (key.note) } }
                        span.end-of-line {
                            (button(viewer, &format!("{action}/{}/remove", key.id), words::REMOVE, &key.name, true))
                        }
                    }
                    p.about { code { (key.fingerprint) } @if !key.kind.is_empty() { " " span.muted { (key.kind) } } }
                    p.meta {
                        (words::ADDED) (when(key.created_at_ms)) ", "
                        @match key.last_used_at_ms {
                            Some(ms) => { (words::USED) (when(ms)) },
                            None => (words::UNUSED),
                        }
                    }
                }
            }
        }
    }
}

/// The form by which a key is added. `more` stands before its button.
pub(crate) fn form(viewer: &Viewer, action: &str, keys: &Keys, more: &Markup) -> Markup {
    let wrong = |field| Wrong::at(&keys.wrong, field);
    html! {
        h2 { (words::ADD) }
        (alert(Wrong::elsewhere(&keys.wrong, &["name", "publicKey"])))
        form method="post" action=(action) {
            (token(viewer))
            (Field::new("name", words::NAME).value(&keys.name).hint(words::NAME_HINT).wrong(wrong("name"))
                .required().max(255))
            (Field::new("publicKey", words::KEY).value(&keys.public_key).code_area(4).placeholder(words::EXAMPLE)
                .hint(words::KEY_HINT).wrong(wrong("publicKey")).required())
            (more)
            div.submit { button.primary type="submit" { (words::ADD) } }
        }
    }
}

/// Writes the page.
pub fn page(frame: &Frame, viewer: &Viewer, keys: &Keys) -> String {
    const ACTION: &str = "/-/settings/keys";
    let body = html! {
        h1 { (words::TITLE) }
        p.muted { (words::ABOUT) }
        @if keys.keys.is_empty() {
            div.empty {
                (icon(Icon::Key))
                p { strong { (words::NONE) } }
                p { (words::NONE_NEXT) }
                pre { code { (words::MAKE) } }
            }
        } @else {
            (list(viewer, ACTION, &keys.keys))
        }
        (form(viewer, ACTION, keys, &html! {}))
    };
    super::page(frame, Section::Keys, &body)
}

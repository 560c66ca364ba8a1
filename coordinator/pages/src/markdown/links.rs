//! Where the links of a text lead: inside the repository at the same ref, or elsewhere.

use std::borrow::Cow;

/// What comes before an address of this site, so that it is not taken for a path of the repository.
pub(super) const HERE: &str = "/-/here";

/// Where a text stands: what its relative links begin from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address under which files are looked at: `/ada/engine/blob/main`.
    pub blob: String,
    /// The address under which their bytes are: `/ada/engine/raw/main`.
    pub raw: String,
    /// The folder that the text is in, `docs/guide`; empty for the root.
    pub folder: String,
}

/// Whether an address has a scheme or a host of its own.
pub(super) fn is_elsewhere(url: &str) -> bool {
    let url = cleaned(url);
    url.starts_with("//") || url.starts_with("/\\") || url.starts_with('\\') || has_scheme(&url)
}

/// What browsers make of an address before they read it: no control characters, no space around.
fn cleaned(url: &str) -> String {
    url.chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .trim()
        .to_owned()
}

fn has_scheme(url: &str) -> bool {
    let end = url.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
    end.is_some_and(|end| {
        end > 0 && url[end..].starts_with(':') && url.starts_with(|c: char| c.is_ascii_alphabetic())
    })
}

/// An anchor's name, so that none is taken for one of the page's own.
pub(super) fn anchor(name: &str) -> Cow<'_, str> {
    let is_line = name
        .strip_prefix('L')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if is_line || matches!(name, "content" | "readme" | "files" | "keys-title") || name.starts_with("p-") {
        Cow::Owned(format!("user-{name}"))
    } else {
        Cow::Borrowed(name)
    }
}

impl Place {
    /// Where a link leads.
    pub(super) fn link<'a>(&self, url: &'a str) -> Cow<'a, str> {
        if let Some(name) = url.strip_prefix('#') {
            return match anchor(name) {
                Cow::Borrowed(_) => Cow::Borrowed(url),
                Cow::Owned(name) => Cow::Owned(format!("#{name}")),
            };
        }
        if is_elsewhere(url) || url.is_empty() {
            return Cow::Borrowed(url);
        }
        // What is named in passing is of this site, and not of the repository's files.
        if let Some(here) = url.strip_prefix(HERE).filter(|here| !here.starts_with("//")) {
            return Cow::Owned(here.to_owned());
        }
        Cow::Owned(self.within(&self.blob, url))
    }

    /// Where a picture is; none where it is not in the repository.
    pub(super) fn picture<'a>(&self, url: &'a str) -> Option<Cow<'a, str>> {
        let inside = !is_elsewhere(url) && !url.is_empty() && !url.starts_with('#');
        inside.then(|| Cow::Owned(self.within(&self.raw, url)))
    }

    fn within(&self, base: &str, url: &str) -> String {
        let url = cleaned(url).replace('\\', "/");
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let (path, rest) = url.split_at(end);
        let (folder, path) = match path.strip_prefix('/') {
            Some(path) => ("", path),
            None => (self.folder.as_str(), path),
        };
        let mut parts: Vec<Cow<'_, str>> = folder.split('/').map(encoded).collect();
        parts.retain(|part| !part.is_empty());
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                // What is already encoded stays so; what an attribute or a path cannot have is encoded.
                part => parts.push(encoded(part)),
            }
        }
        let mut address = base.to_owned();
        for part in &parts {
            address.push('/');
            address.push_str(part);
        }
        address.push_str(rest);
        address
    }
}

fn encoded(part: &str) -> Cow<'_, str> {
    let odd = |byte: u8| byte <= b' ' || byte >= 0x7f || matches!(byte, b'"' | b'<' | b'>' | b'`');
    if !part.bytes().any(odd) {
        return Cow::Borrowed(part);
    }
    let mut text = String::with_capacity(part.len() + 8);
    for byte in part.bytes() {
        match odd(byte) {
            true => text.push_str(&format!("%{byte:02X}")),
            false => text.push(char::from(byte)),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            blob: "/ada/engine/blob/main".into(),
            raw: "/ada/engine/raw/main".into(),
            folder: "docs/a b".into(),
        }
    }

    #[test]
    fn relative_links_stay_inside_the_repository_at_the_same_ref() {
        for (url, leads_to) in [
            ("x.md", "/ada/engine/blob/main/docs/a%20b/x.md"),
            ("./x.md#part", "/ada/engine/blob/main/docs/a%20b/x.md#part"),
            ("../x.md?plain=1", "/ada/engine/blob/main/docs/x.md?plain=1"),
            ("/src/lib.rs", "/ada/engine/blob/main/src/lib.rs"),
            ("../../../../../etc/passwd", "/ada/engine/blob/main/etc/passwd"),
            ("/../../../settings", "/ada/engine/blob/main/settings"),
            ("a%2F..%2Fb", "/ada/engine/blob/main/docs/a%20b/a%2F..%2Fb"),
            ("ä ö.md", "/ada/engine/blob/main/docs/a%20b/%C3%A4%20%C3%B6.md"),
            ("..\\x", "/ada/engine/blob/main/docs/x"),
            ("#part", "#part"),
            ("#L1", "#user-L1"),
            ("/-/here/ada", "/ada"),
            (
                "/-/here//example.test",
                "/ada/engine/blob/main/-/here/example.test",
            ),
            ("https://example.test/x", "https://example.test/x"),
            ("//example.test/x", "//example.test/x"),
            ("mailto:a@b", "mailto:a@b"),
        ] {
            assert_eq!(place().link(url), leads_to, "{url}");
        }
    }

    #[test]
    fn pictures_are_ours_or_none() {
        let place = place();
        assert_eq!(
            place.picture("/logo.svg").as_deref(),
            Some("/ada/engine/raw/main/logo.svg")
        );
        for elsewhere in [
            "https://example.test/x.png",
            "//example.test/x.png",
            "/\\example.test/x.png",
            "\\\\example.test/x.png",
            "data:image/svg+xml,<svg>",
            "java\nscript:alert(1)",
            " javascript:alert(1)",
            "",
        ] {
            assert_eq!(place.picture(elsewhere), None, "{elsewhere}");
        }
    }
}

//! Style sheet, scripts and pictures: the files that pages name, each under a name that changes
//! with its content, so that a browser may keep it for good.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::sync::LazyLock;

/// The folder that they are served from.
pub const FOLDER: &str = "/assets/";

/// A script. Pages name those that they use; each is complete by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Sets the theme that was chosen before anything is painted, and switches it. On every page.
    Theme,
    /// Keys: whatever has a `data-key` attribute is reached by it; `j` and `k` go along links
    /// with `data-row`; `?` lists them all. On every page.
    Keyboard,
    /// Turns the times of `<time>` elements into "3 hours ago".
    Times,
    /// Buttons with `data-copy="ID"` copy that element's text.
    Copy,
    /// Lines of a file are chosen by their numbers.
    Lines,
    /// The list of files follows what is typed.
    Find,
    /// Files of a difference are remembered as viewed, and more of them is fetched.
    Diff,
    /// Forms with `data-wallet` are filled in by a wallet of the browser.
    Wallet,
}

/// One file.
#[derive(Debug)]
pub struct Asset {
    /// Its name in [`FOLDER`]: `app-0123456789abcdef.css`.
    pub name: String,
    /// Its media type.
    pub media_type: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
    /// The same in gzip.
    pub gzip: Vec<u8>,
    href: String,
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The one style sheet, in parts.
const STYLE: &str = concat!(
    include_str!("../assets/css/tokens.css"),
    include_str!("../assets/css/base.css"),
    include_str!("../assets/css/frame.css"),
    include_str!("../assets/css/parts.css"),
    include_str!("../assets/css/forms.css"),
    include_str!("../assets/css/repo.css"),
    include_str!("../assets/css/issues.css"),
);

const STYLE_AT: usize = 0;
const MARK_AT: usize = 1;
const FIRST_SCRIPT: usize = 2;

/// Name, ending, media type and content of each; scripts in the order of [`Script`].
const SOURCES: &[(&str, &str, &str, &str)] = &[
    ("app", "css", CSS, STYLE),
    ("mark", "svg", SVG, include_str!("../assets/mark.svg")),
    ("theme", "js", JS, include_str!("../assets/js/theme.js")),
    ("keyboard", "js", JS, include_str!("../assets/js/keyboard.js")),
    ("times", "js", JS, include_str!("../assets/js/times.js")),
    ("copy", "js", JS, include_str!("../assets/js/copy.js")),
    ("lines", "js", JS, include_str!("../assets/js/lines.js")),
    ("find", "js", JS, include_str!("../assets/js/find.js")),
    ("diff", "js", JS, include_str!("../assets/js/diff.js")),
    ("wallet", "js", JS, include_str!("../assets/js/wallet.js")),
];

static ALL: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    SOURCES
        .iter()
        .map(|(stem, ending, media_type, content)| {
            let hash: String = Sha256::digest(content)[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let name = format!("{stem}-{hash}.{ending}");
            Asset {
                href: format!("{FOLDER}{name}"),
                name,
                media_type,
                bytes: content.as_bytes(),
                gzip: gzip(content.as_bytes(), Compression::best()),
            }
        })
        .collect()
});

fn gzip(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), level);
    packed
        .write_all(bytes)
        .expect("because writing into memory does not fail");
    packed
        .finish()
        .expect("because writing into memory does not fail")
}

/// A page in gzip, as quickly as that is worth it.
pub fn packed(page: impl AsRef<[u8]>) -> Vec<u8> {
    gzip(page.as_ref(), Compression::new(4))
}

/// Every file.
pub fn all() -> &'static [Asset] {
    &ALL
}

/// The file of this name.
pub fn find(name: &str) -> Option<&'static Asset> {
    ALL.iter().find(|asset| asset.name == name)
}

/// Where the style sheet is.
pub fn style() -> &'static str {
    &ALL[STYLE_AT].href
}

/// Where the site's mark is.
pub fn mark() -> &'static str {
    &ALL[MARK_AT].href
}

/// What browsers ask for that read no page: the mark in 32 by 32 points.
pub const FAVICON: &[u8] = include_bytes!("../assets/favicon.ico");

/// What robots may visit: what people read, and neither forms nor what is made on demand.
pub const ROBOTS: &str = include_str!("../assets/robots.txt");

impl Script {
    /// Where the script is.
    pub fn href(self) -> &'static str {
        &ALL[FIRST_SCRIPT + self as usize].href
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn each_file_is_found_under_a_name_that_its_content_made() {
        for asset in all() {
            let found = find(&asset.name).expect("it is there");
            assert_eq!(found.bytes, asset.bytes);
            let mut unpacked = Vec::new();
            GzDecoder::new(asset.gzip.as_slice())
                .read_to_end(&mut unpacked)
                .expect("gzip");
            assert_eq!(unpacked, asset.bytes, "{}", asset.name);
            assert!(asset.name.contains('-') && asset.href.ends_with(&asset.name));
        }
        assert!(find("app.css").is_none() && find("").is_none());
        assert!(style().ends_with(".css") && mark().ends_with(".svg"));
    }

    #[test]
    fn scripts_stand_in_the_order_of_their_names() {
        for (script, stem) in [
            (Script::Theme, "theme-"),
            (Script::Keyboard, "keyboard-"),
            (Script::Times, "times-"),
            (Script::Copy, "copy-"),
            (Script::Lines, "lines-"),
            (Script::Find, "find-"),
            (Script::Diff, "diff-"),
        ] {
            assert!(script.href().contains(stem), "{} is not {stem}", script.href());
        }
    }

    #[test]
    fn nothing_in_them_is_fetched_from_elsewhere() {
        for (stem, _, _, content) in SOURCES {
            let content = content.replace("http://www.w3.org/2000/svg", "");
            for word in ["http:", "https:", "//cdn", "@import", "url("] {
                assert!(!content.contains(word), "{stem} says {word}");
            }
        }
    }
}

//! How wide a tab is in a file, by the `.editorconfig` files above it.

use super::reader::{Reader, Session};
use super::{BrowseError, parts};
use crate::oid::Oid;
use ec4rs::property::{IndentSize, IndentStyle, TabWidth};
use ec4rs::{ConfigParser, Properties, PropertiesSource};
use std::path::Path;

/// The largest `.editorconfig` that counts, in bytes.
const MAX_BYTES: u64 = 64 << 10;
/// The longest path that patterns are tried on, in bytes, and the most signs of a pattern that
/// stand for others: what takes longer to match than a page may take was not written for people.
const MAX_PATH_BYTES: usize = 512;
const MAX_WILD: usize = 12;
/// The widest tab.
const MAX_WIDTH: usize = 16;

/// How a file is indented. None where no `.editorconfig` says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indent {
    /// How many columns a tab is wide, from 1 to 16.
    pub tab_width: Option<usize>,
    /// Whether lines begin with tabs.
    pub with_tabs: Option<bool>,
}

/// Says how a file of a commit, tag or tree is indented.
pub async fn indent(reader: &Reader, rev: Oid, path: &str) -> Result<Indent, BrowseError> {
    let path = parts(path)?.join("/");
    reader
        .within(move |session| {
            let tree = session.tree_of(rev)?;
            find(session, tree, &path)
        })
        .await
}

fn find(session: &mut Session, tree: Oid, path: &str) -> Result<Indent, BrowseError> {
    // From the file's own folder up to the root, or the file that says it is one.
    let mut files = vec![];
    if path.len() > MAX_PATH_BYTES {
        return Ok(Indent::default());
    }
    let mut folder = path;
    while !folder.is_empty() {
        folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
        let name = match folder {
            "" => ".editorconfig".to_owned(),
            folder => format!("{folder}/.editorconfig"),
        };
        let Some(content) = session.small_file(tree, name.as_bytes(), MAX_BYTES)? else {
            continue;
        };
        let is_wild = |line: &[u8]| line.iter().filter(|b| b"*{[".contains(b)).count() > MAX_WILD;
        if content.split(|&b| b == b'\n').any(is_wild) {
            continue;
        }
        // One that cannot be read says nothing.
        let Ok(parser) = ConfigParser::new(&content[..]) else {
            continue;
        };
        let is_root = parser.is_root;
        files.push((folder.to_owned(), content));
        if is_root {
            break;
        }
    }
    let mut properties = Properties::new();
    for (folder, content) in files.iter().rev() {
        let within = path
            .strip_prefix(folder.as_str())
            .unwrap_or(path)
            .trim_start_matches('/');
        if let Ok(parser) = ConfigParser::new(&content[..]) {
            for section in parser.flatten() {
                let _ = section.apply_to(&mut properties, Path::new(within));
            }
        }
    }
    let width = |width: usize| (1..=MAX_WIDTH).contains(&width).then_some(width);
    let tab_width = match properties.get::<TabWidth>() {
        Ok(TabWidth::Value(value)) => width(value),
        _ => match properties.get::<IndentSize>() {
            Ok(IndentSize::Value(value)) => width(value),
            _ => None,
        },
    };
    Ok(Indent {
        tab_width,
        with_tabs: match properties.get::<IndentStyle>() {
            Ok(IndentStyle::Tabs) => Some(true),
            Ok(IndentStyle::Spaces) => Some(false),
            _ => None,
        },
    })
}

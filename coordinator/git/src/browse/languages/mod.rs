//! What a repository is written in: bytes of each language.

mod table;

use super::attributes::Attributes;
use super::reader::{Reader, Session};
use super::{BrowseError, Kind, files, kind_of};
use crate::oid::Oid;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use table::{Language, TABLE, Use};

/// A language and how much there is of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageShare {
    /// Its name.
    pub name: String,
    /// Its colour, as `#dea584`.
    pub colour: Cow<'static, str>,
    /// How many bytes are written in it.
    pub bytes: u64,
}

/// What a commit is written in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Languages {
    /// The languages, the most bytes first.
    pub shares: Vec<LanguageShare>,
    /// Whether all files were looked at.
    pub is_complete: bool,
}

/// The colour of languages that the table does not know.
const OTHER_COLOUR: &str = "#8b949e";

/// Folders whose content came from elsewhere.
const VENDORED: [&str; 8] = [
    "node_modules/",
    "vendor/",
    "third_party/",
    "third-party/",
    "bower_components/",
    "deps/",
    "dist/",
    "extern/",
];

/// Names of files that programs write.
const GENERATED: [&str; 16] = [
    ".min.js",
    ".min.css",
    ".map",
    ".pb.go",
    ".pb.cc",
    ".pb.h",
    "_pb2.py",
    ".g.dart",
    ".designer.cs",
    "Cargo.lock",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "go.sum",
    "composer.lock",
    "poetry.lock",
];

/// The language that a file is written in by its name, and the colour of that; none where the name
/// does not say.
pub fn language_of(path: &str) -> Option<(&'static str, &'static str)> {
    by_path(path).map(|language| (language.name, language.colour))
}

fn by_path(path: &str) -> Option<&'static Language> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some(language) = TABLE.iter().find(|language| language.files.contains(&name)) {
        return Some(language);
    }
    // The longest end that some language has: `d.ts` goes before `ts`.
    let name = name.to_lowercase();
    name.match_indices('.').find_map(|(at, _)| {
        let end = &name[at + 1..];
        TABLE.iter().find(|language| language.ends.contains(&end))
    })
}

/// Counts the bytes of each language in a commit, tag or tree: of code and markup, without what is
/// generated, vendored or documentation, unless `.gitattributes` says otherwise. At most
/// `max_files` files are looked at.
pub async fn languages(reader: &Reader, rev: Oid, max_files: usize) -> Result<Languages, BrowseError> {
    reader.within(move |session| count(session, rev, max_files)).await
}

pub(super) fn count(session: &mut Session, rev: Oid, max_files: usize) -> Result<Languages, BrowseError> {
    let tree = session.tree_of(rev)?;
    let mut found: Vec<(String, Oid)> = vec![];
    let is_complete = files::visit(session, tree, &mut |path, mode, oid| {
        if kind_of(mode) == Kind::Blob {
            if found.len() >= max_files {
                return false;
            }
            found.push((String::from_utf8_lossy(path).into_owned(), oid));
        }
        true
    })?;
    let mut attributes = Attributes::of_tree(tree);
    let mut shares: HashMap<String, LanguageShare> = HashMap::new();
    for (path, oid) in found {
        let told = attributes.of(session, &path)?;
        let named = told.language.as_deref().map(|name| {
            TABLE
                .iter()
                .find(|language| language.name.eq_ignore_ascii_case(name))
                .ok_or(name)
        });
        let (name, colour, what) = match named {
            Some(Ok(language)) => (language.name, language.colour, language.what),
            Some(Err(name)) => (name, OTHER_COLOUR, Use::Code),
            None => match by_path(&path) {
                Some(language) => (language.name, language.colour, language.what),
                None => continue,
            },
        };
        let is_foreign = told.vendored.unwrap_or_else(|| is_vendored(&path))
            || told.generated.unwrap_or_else(|| is_generated(&path))
            || told.documentation.unwrap_or(false);
        let counts = told.detectable.unwrap_or(what != Use::Data);
        if is_foreign || !counts {
            continue;
        }
        let bytes = session.objects.header(oid)?.map_or(0, |(_, size)| size);
        let share = shares.entry(name.to_owned()).or_insert_with(|| LanguageShare {
            name: name.to_owned(),
            colour: Cow::Borrowed(colour),
            bytes: 0,
        });
        share.bytes = share.bytes.saturating_add(bytes);
    }
    let mut shares: Vec<LanguageShare> = shares.into_values().filter(|share| share.bytes > 0).collect();
    shares.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    Ok(Languages { shares, is_complete })
}

fn is_vendored(path: &str) -> bool {
    VENDORED.iter().any(|folder| {
        path.strip_prefix(folder).is_some()
            || path
                .match_indices(folder)
                .any(|(at, _)| at > 0 && path.as_bytes()[at - 1] == b'/')
    })
}

fn is_generated(path: &str) -> bool {
    GENERATED.iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn files_are_known_by_their_names() {
        for (path, name) in [
            ("src/lib.rs", Some("Rust")),
            ("a/Makefile", Some("Makefile")),
            ("Dockerfile", Some("Dockerfile")),
            ("x.TS", Some("TypeScript")),
            ("types.d.ts", Some("TypeScript")),
            ("a.b/c", None),
            ("README", None),
            ("", None),
        ] {
            assert_eq!(language_of(path).map(|(name, _)| name), name, "{path}");
        }
    }

    #[test]
    fn what_came_from_elsewhere_is_known() {
        assert!(is_vendored("vendor/a.go") && is_vendored("a/node_modules/b.js"));
        assert!(!is_vendored("src/myvendor/a.go") && !is_vendored("vendor.go"));
        assert!(is_generated("a/x.min.js") && !is_generated("min.js"));
    }

    #[test]
    fn the_table_says_nothing_twice() {
        let (mut names, mut ends, mut files) = (HashSet::new(), HashSet::new(), HashSet::new());
        for language in &TABLE {
            assert!(names.insert(language.name), "{}", language.name);
            assert!(
                language.colour.len() == 7
                    && language.colour.starts_with('#')
                    && language.colour[1..].bytes().all(|b| b.is_ascii_hexdigit()),
                "{}",
                language.name
            );
            for end in language.ends {
                assert!(ends.insert(end), "{end}");
                assert_eq!(*end, end.to_lowercase());
            }
            for file in language.files {
                assert!(files.insert(file), "{file}");
            }
        }
    }
}

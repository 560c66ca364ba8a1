//! What `.gitattributes` says of a path: what is generated, vendored, or nothing to read.

use super::reader::{Reader, Session};
use super::{BrowseError, parts};
use crate::oid::Oid;
use gix::bstr::ByteSlice;
use gix::glob::pattern::Case;
use gix_attributes::search::{MetadataCollection, Outcome};
use gix_attributes::{Search, StateRef};
use std::collections::HashMap;
use std::rc::Rc;

/// The largest `.gitattributes` that counts, in bytes: git's own limit is larger.
const MAX_BYTES: u64 = 1 << 20;
/// In how many folders of one commit the file is looked for.
const MAX_FOLDERS: usize = 20_000;

const NAMES: [&str; 7] = [
    "linguist-generated",
    "linguist-vendored",
    "linguist-documentation",
    "linguist-detectable",
    "linguist-language",
    "diff",
    "export-ignore",
];

/// What is said of one path. None where nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathAttributes {
    /// `linguist-generated`.
    pub generated: Option<bool>,
    /// `linguist-vendored`.
    pub vendored: Option<bool>,
    /// `linguist-documentation`.
    pub documentation: Option<bool>,
    /// `linguist-detectable`.
    pub detectable: Option<bool>,
    /// `linguist-language`: a name.
    pub language: Option<String>,
    /// `diff`; no: its changes are nothing to read.
    pub diff: Option<bool>,
    /// `export-ignore`: it is left out of archives.
    pub export_ignore: Option<bool>,
}

/// Says what the attributes of a commit, tag or tree say of a path.
pub async fn attributes(reader: &Reader, rev: Oid, path: &str) -> Result<PathAttributes, BrowseError> {
    let path = parts(path)?.join("/");
    reader
        .within(move |session| {
            let tree = session.tree_of(rev)?;
            Attributes::of_tree(tree).of(session, &path)
        })
        .await
}

/// The attributes of one tree, read as they are needed.
pub(super) struct Attributes {
    tree: Oid,
    /// For each folder that was met: its own file, if there is one.
    files: HashMap<String, Option<Rc<Vec<u8>>>>,
    /// What applies in a folder: the files of all folders above, and its own.
    searches: HashMap<String, Rc<Rules>>,
}

struct Rules {
    search: Search,
    names: MetadataCollection,
    is_empty: bool,
}

impl Attributes {
    pub(super) fn of_tree(tree: Oid) -> Self {
        Self {
            tree,
            files: HashMap::new(),
            searches: HashMap::new(),
        }
    }

    /// What is said of a path.
    pub(super) fn of(&mut self, session: &mut Session, path: &str) -> Result<PathAttributes, BrowseError> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let rules = match self.searches.get(folder) {
            Some(rules) => rules.clone(),
            None => {
                let rules = Rc::new(self.rules(session, folder)?);
                self.searches.insert(folder.to_owned(), rules.clone());
                rules
            }
        };
        if rules.is_empty {
            return Ok(PathAttributes::default());
        }
        let mut outcome = Outcome::default();
        outcome.initialize_with_selection(&rules.names, NAMES);
        rules.search.pattern_matching_relative_path(
            path.as_bytes().as_bstr(),
            Case::Sensitive,
            Some(false),
            &mut outcome,
        );
        let mut told = PathAttributes::default();
        for (name, found) in NAMES.iter().zip(outcome.iter_selected()) {
            let state = found.assignment.state;
            let flag = match state {
                StateRef::Set => Some(true),
                StateRef::Unset => Some(false),
                StateRef::Value(value) => match value.as_bstr().as_bytes() {
                    b"true" => Some(true),
                    b"false" => Some(false),
                    _ => None,
                },
                StateRef::Unspecified => None,
            };
            match *name {
                "linguist-generated" => told.generated = flag,
                "linguist-vendored" => told.vendored = flag,
                "linguist-documentation" => told.documentation = flag,
                "linguist-detectable" => told.detectable = flag,
                "linguist-language" => {
                    if let StateRef::Value(value) = state {
                        told.language = Some(value.as_bstr().to_str_lossy().into_owned());
                    }
                }
                "diff" => told.diff = flag,
                _ => told.export_ignore = flag,
            }
        }
        Ok(told)
    }

    fn rules(&mut self, session: &mut Session, folder: &str) -> Result<Rules, BrowseError> {
        let mut search = Search::default();
        let mut collection = MetadataCollection::default();
        let builtin = b"[attr]binary -diff -merge -text";
        let mut add = |bytes: &[u8], within: &str| {
            // Macros count in the file of the root alone, as with git.
            let source = std::path::Path::new(within).join(".gitattributes");
            search
                .add_patterns_buffer(
                    bytes,
                    source,
                    Some(std::path::Path::new("")),
                    &mut collection,
                    within.is_empty(),
                )
                .map_err(|error| BrowseError::Read(Box::new(error)))
        };
        add(builtin, "")?;
        let mut is_empty = true;
        let mut above = vec![""];
        above.extend(folder.match_indices('/').map(|(at, _)| &folder[..at]));
        if !folder.is_empty() {
            above.push(folder);
        }
        for folder in above {
            if let Some(file) = self.file(session, folder)? {
                is_empty = false;
                add(&file, folder)?;
            }
        }
        Ok(Rules {
            search,
            names: collection,
            is_empty,
        })
    }

    fn file(&mut self, session: &mut Session, folder: &str) -> Result<Option<Rc<Vec<u8>>>, BrowseError> {
        if let Some(file) = self.files.get(folder) {
            return Ok(file.clone());
        }
        if self.files.len() >= MAX_FOLDERS {
            return Ok(None);
        }
        let path = match folder {
            "" => ".gitattributes".to_owned(),
            folder => format!("{folder}/.gitattributes"),
        };
        let file = session
            .small_file(self.tree, path.as_bytes(), MAX_BYTES)?
            .map(Rc::new);
        self.files.insert(folder.to_owned(), file.clone());
        Ok(file)
    }
}

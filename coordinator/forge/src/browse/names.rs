//! What names stand for: refs, bookmarks and tags.

use super::{Located, RefKind, RefNames, RefPage, Rev, View};
use crate::Error;
use plue_git::browse::{self, RefQuery};
use plue_git::oid::Oid;

/// The most refs of one page.
pub const MAX_REFS: usize = 100;
/// How many commits are looked at, for one page of bookmarks, to count how far they are apart.
const MAX_COUNTED: usize = 20_000;

impl View {
    /// The commit that a branch, a tag, a full ref name, `HEAD` or a full object id names.
    pub async fn resolve(&self, rev: impl Into<Rev<'_>>) -> Result<Oid, Error> {
        let rev = rev.into();
        self.within(async {
            let found = self.find(rev).await?;
            browse::resolve(self.reader(), &found.to_string()).await
        })
        .await
    }

    /// Takes `main/src/lib.rs` apart: the bookmark, tag or full commit id at its beginning, and the
    /// path after it. Names of refs may have slashes; a bookmark goes before a tag.
    pub async fn locate(&self, text: &str) -> Result<Located, Error> {
        self.within(browse::locate(self.reader(), text)).await
    }

    /// The names of bookmarks and tags, so many of each, and how many there are.
    pub async fn ref_names(&self, limit: usize) -> Result<RefNames, Error> {
        self.within(browse::ref_names(self.reader(), limit)).await
    }

    /// A page of bookmarks or tags in the order of their names, each with its last commit, what an
    /// annotated tag says, and for bookmarks how far they are from the default one. `containing`
    /// is a part of the name, `after` is where the page before ended.
    pub async fn refs(
        &self,
        kind: RefKind,
        containing: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<RefPage, Error> {
        let query = RefQuery {
            kind,
            containing: containing.map(str::to_owned),
            after: after.map(str::to_owned),
            limit: limit.clamp(1, MAX_REFS),
            max_steps: MAX_COUNTED,
        };
        self.within(browse::refs(self.reader(), query)).await
    }
}

//! Who wrote the commits of a history.

use super::BrowseError;
use super::history::ByTime;
use super::mailmap::{self, Mailmap};
use super::reader::{Reader, Session};
use crate::oid::Oid;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Somebody who wrote commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributor {
    /// The name, of the newest commit.
    pub name: String,
    /// The address.
    pub email: String,
    /// How many commits; those that bring two histories together do not count.
    pub commits: usize,
    /// When the first was written, in milliseconds since 1970.
    pub first_ms: i64,
    /// When the last was written, in milliseconds since 1970.
    pub last_ms: i64,
}

/// Everybody who wrote commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributors {
    /// Who, the most commits first.
    pub people: Vec<Contributor>,
    /// How many commits were looked at.
    pub commits: usize,
    /// Whether these are all, or older ones were left out.
    pub is_complete: bool,
}

/// Counts the commits of everybody, from a commit or tag back, by address and as the `.mailmap` of
/// that commit says; the newest `max_commits` are looked at.
pub async fn contributors(
    reader: &Reader,
    rev: Oid,
    max_commits: usize,
) -> Result<Contributors, BrowseError> {
    reader
        .within(move |session| count(session, rev, max_commits))
        .await
}

pub(super) fn count(
    session: &mut Session,
    rev: Oid,
    max_commits: usize,
) -> Result<Contributors, BrowseError> {
    let tip = session.commit_of(rev)?;
    let tree = session.node(tip)?.tree;
    let map = session
        .small_file(tree, b".mailmap", mailmap::MAX_BYTES)?
        .map(|content| Mailmap::read(&content))
        .unwrap_or_default();
    let mut people: HashMap<String, Contributor> = HashMap::new();
    let mut walk = ByTime::default();
    walk.add(session, tip)?;
    let mut commits = 0;
    let mut is_complete = true;
    while let Some(node) = walk.next() {
        if commits >= max_commits {
            is_complete = false;
            break;
        }
        commits += 1;
        if node.parents.len() < 2 {
            let author = session.commit(node.oid)?.author;
            let (name, email) = map.resolve(&author.name, &author.email);
            let person = people.entry(email.to_lowercase()).or_insert_with(|| Contributor {
                name,
                email,
                commits: 0,
                first_ms: author.time_ms,
                last_ms: author.time_ms,
            });
            person.commits += 1;
            person.first_ms = person.first_ms.min(author.time_ms);
            person.last_ms = person.last_ms.max(author.time_ms);
        }
        for parent in node.parents {
            walk.add(session, parent)?;
        }
    }
    let mut people: Vec<Contributor> = people.into_values().collect();
    people.sort_by(|a, b| b.commits.cmp(&a.commits).then_with(|| a.email.cmp(&b.email)));
    Ok(Contributors {
        people,
        commits,
        is_complete,
    })
}

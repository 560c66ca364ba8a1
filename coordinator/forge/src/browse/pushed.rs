//! The commits that a push brought.

use crate::repositories::Repository;
use crate::{Error, Forge, cache};
use plue_contract::events::Pushed;
use plue_git::browse::{self, BrowseError, Commit};
use plue_git::oid::Oid;

/// How many commits are looked at to find them.
const MAX_STEPS: usize = 100_000;

/// The commits that a push brought to a bookmark, the newest first and at most `most` of them, and
/// whether it left others behind. Of a bookmark that is new they are those that the default one has not.
/// None where they cannot be read any more.
pub(crate) async fn commits(
    forge: &Forge,
    repository: &Repository,
    pushed: &Pushed,
    most: usize,
) -> Result<Option<(Vec<Commit>, bool)>, Error> {
    let format = repository.object_format;
    let oid = |text: &Option<String>| text.as_deref().and_then(|text| Oid::parse(text, format).ok());
    let (before, after) = (oid(&pushed.before), oid(&pushed.after));
    let (Some(after), true) = (after, pushed.r#ref.starts_with("refs/heads/")) else {
        return Ok(Some((Vec::new(), false)));
    };
    let pinned = cache::open(forge, repository).await?;
    let reader = pinned.reader();
    let head = format!("refs/heads/{}", repository.default_bookmark);
    let reading = async {
        let base = match before {
            Some(before) => Some(before),
            None if pushed.r#ref == head => None,
            None => match browse::resolve(reader, &head).await {
                Ok(base) => Some(base),
                Err(BrowseError::NotFound) => None,
                Err(error) => return Err(error),
            },
        };
        match base {
            None => Ok((browse::commits(reader, after, 0, most).await?, false)),
            Some(base) => {
                let (found, apart) = browse::ahead(reader, base, after, most, MAX_STEPS).await?;
                Ok((found, before.is_some() && apart.behind.count > 0))
            }
        }
    };
    match reading.await {
        Ok(found) => Ok(Some(found)),
        // Pushed over since, and removed.
        Err(BrowseError::NotFound | BrowseError::Damaged(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

//! Topics: what a repository says that it is about, so that others find it.

use crate::access::Permit;
use crate::access::repositories::{MaintainRepo, ReadRepo};
use crate::audit::{Action, Note, note};
use crate::clock::Clock;
use crate::edge::{self, Change};
use crate::roles::Role;
use crate::{Error, Forge, events};
use plue_contract::events::{Event, RepositoryChanges, Was};
use plue_store::{repositories as repository_rows, topics as rows};
use serde_json::json;

/// The most topics of one repository.
pub const MAX_TOPICS: usize = 20;
/// The most characters of one.
pub const MAX_TOPIC_CHARS: usize = 50;

/// A topic as it is kept: in lower case, of letters, digits and hyphens, and no hyphen at either end.
pub fn clean(text: &str) -> Result<String, Error> {
    let topic = text.trim().to_lowercase();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = !topic.is_empty()
        && topic.len() <= MAX_TOPIC_CHARS
        && topic.chars().all(plain)
        && !topic.starts_with('-')
        && !topic.ends_with('-');
    match good {
        true => Ok(topic),
        false => Err(Error::invalid(
            "topics",
            format!(
                "a topic has 1 to {MAX_TOPIC_CHARS} letters, digits and hyphens, as in `version-control`"
            ),
        )),
    }
}

/// What a repository is about, sorted.
pub async fn of(forge: &Forge, permit: &Permit<ReadRepo>) -> Result<Vec<String>, Error> {
    Ok(rows::of(&mut forge.store().read().await?, permit.on().id).await?)
}

/// Says what a repository is about, in place of what was said before; at most [`MAX_TOPICS`].
pub async fn set(
    forge: &Forge,
    permit: Permit<MaintainRepo>,
    topics: &[String],
    now_ms: i64,
) -> Result<Vec<String>, Error> {
    let mut wanted = topics
        .iter()
        .map(|topic| clean(topic))
        .collect::<Result<Vec<_>, _>>()?;
    wanted.sort();
    wanted.dedup();
    if wanted.len() > MAX_TOPICS {
        return Err(Error::invalid(
            "topics",
            format!("a repository has at most {MAX_TOPICS} topics"),
        ));
    }
    let clock = Clock::set(now_ms);
    let (permit, topics) = (&permit, &wanted);
    let changed = forge
        .store()
        .in_tx("topics.set", |tx| {
            Box::pin(async move {
                let repository = permit.check_again(tx, Role::Maintain, now_ms).await?;
                if repository.archived {
                    return Err(Error::Archived);
                }
                let before = rows::of(tx, repository.id).await?;
                if before == *topics {
                    return Ok(None);
                }
                rows::set(tx, repository.id, topics).await?;
                repository_rows::touch(tx, repository.id, now_ms).await?;
                let detail = json!({ "topics": [before, topics] });
                let told = Note::of(Action::RepositoryUpdate, &repository, detail);
                note(tx, permit.caller(), told, now_ms).await?;
                let told = Event::RepoUpdated(RepositoryChanges {
                    topics: Some(Was {
                        from: before.join(","),
                    }),
                    ..RepositoryChanges::default()
                });
                events::tell(tx, permit.caller(), repository.id, &[told], now_ms).await?;
                Ok(Some(repository))
            })
        })
        .await?;
    if let Some(repository) = changed {
        edge::settle(forge, Change::of(&repository), &clock).await;
    }
    Ok(wanted)
}

/// The topics of most public repositories, with how many those are.
pub async fn popular(forge: &Forge, limit: i64) -> Result<Vec<(String, i64)>, Error> {
    Ok(rows::popular(&mut forge.store().read().await?, limit.clamp(1, 100)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_plain_and_in_lower_case() {
        assert_eq!(clean(" Version-Control ").expect("a topic"), "version-control");
        let long = "a".repeat(MAX_TOPIC_CHARS + 1);
        for bad in ["", " ", "-a", "a-", "a b", "a/b", "ä", "a,b", "<b>", &long] {
            assert!(clean(bad).is_err(), "{bad}");
        }
    }
}

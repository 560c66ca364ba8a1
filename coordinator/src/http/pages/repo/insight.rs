//! What is known of a whole history: its languages and who wrote it. It is counted beside the
//! request, once a commit, and shown by the next page.

use super::super::super::site::Site;
use super::super::Visit;
use plue_contract::RepoPath;
use plue_forge::access::repositories::read;
use plue_forge::browse::{self, Contributors, Languages};
use plue_pages::repo::people::Person;
use std::sync::{Arc, PoisonError};

/// What is known of a history.
pub struct Insight {
    /// What its content is written in.
    pub languages: Languages,
    /// Who wrote it.
    pub people: Vec<Person>,
    /// Whether all of it was counted.
    pub complete: bool,
}

impl Insight {
    fn of(languages: Languages, contributors: Contributors) -> Self {
        let person = |person: browse::Contributor| Person {
            name: person.name,
            commits: person.commits,
            first_ms: person.first_ms,
            last_ms: person.last_ms,
        };
        Self {
            languages,
            complete: contributors.is_complete,
            people: contributors.people.into_iter().map(person).collect(),
        }
    }

    fn cost_bytes(&self) -> usize {
        let names: usize = self.people.iter().map(|person| person.name.len() + 64).sum();
        names + self.languages.shares.len() * 64
    }
}

/// What is known of the history that ends at a commit; none where it is only being counted now.
pub fn known(site: &Site, visit: &Visit, path: &RepoPath, id: i64, commit: &str) -> Option<Arc<Insight>> {
    let key = format!("{id} {commit}");
    if let Some(insight) = site.kept().insights.get(&key) {
        return Some(insight);
    }
    let looking = || site.kept().looking.lock().unwrap_or_else(PoisonError::into_inner);
    if !looking().insert(key.clone()) {
        return None;
    }
    let (site, caller, path, commit) = (
        site.clone(),
        visit.caller.clone(),
        path.clone(),
        commit.to_owned(),
    );
    tokio::spawn(async move {
        let counted = async {
            let permit = read(&site.forge, &caller, &path, site.now_ms()).await?;
            let view = browse::look(&site.forge, permit).await?;
            let languages = view.languages(&commit).await?;
            let contributors = view.contributors(&commit).await?;
            Ok::<_, plue_forge::Error>(Insight::of(languages, contributors))
        }
        .await;
        match counted {
            Ok(insight) => {
                let bytes = insight.cost_bytes();
                site.kept().insights.put(&key, insight, bytes);
            }
            Err(error) => {
                tracing::warn!(%error, repository = %path, "languages and contributors were not counted")
            }
        }
        let mut looking = site.kept().looking.lock().unwrap_or_else(PoisonError::into_inner);
        looking.remove(&key);
    });
    None
}

//! What is public, and the search of repositories and people.

use super::super::extract::Query;
use super::super::failure::Failure;
use super::super::site::Site;
use super::Visit;
use super::home::{Asked, Of, listing};
use axum::extract::State;
use axum::response::Response;
use plue_forge::accounts;
use plue_pages::explore::{self, Explore, Found, Person, Search};
use serde::Deserialize;

/// The fewest characters by which people are searched for.
const MIN_PERSON_CHARS: usize = 2;

/// Everything that is public.
pub async fn get(
    State(site): State<Site>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let repositories = listing(&site, &visit, "/explore", &asked, Of::Everybody).await?;
    Ok(visit.show(explore::page(&visit.frame(), &Explore { repositories })))
}

/// What is searched for.
#[derive(Deserialize)]
pub struct Kind {
    r#type: Option<String>,
}

/// The search.
pub async fn search(
    State(site): State<Site>,
    visit: Visit,
    Query(asked): Query<Asked>,
    Query(kind): Query<Kind>,
) -> Result<Response, Failure> {
    let text = asked.text();
    let found = match kind.r#type.as_deref() {
        _ if text.is_empty() => Found::Nothing,
        Some("people") if text.chars().count() < MIN_PERSON_CHARS => Found::People(None),
        Some("people") => Found::People(Some(people(&site, &text).await?)),
        _ => Found::Repositories(listing(&site, &visit, "/search", &asked, Of::Seen).await?),
    };
    Ok(visit.show(explore::search(&visit.frame(), &Search { text, found })))
}

async fn people(site: &Site, text: &str) -> Result<Vec<Person>, Failure> {
    let found = accounts::search(&site.forge, text).await?;
    let counts = accounts::public_repositories(&site.forge, &found).await?;
    let person = |account: &accounts::Account| Person {
        name: account.name.to_string(),
        display_name: account.display_name.clone(),
        bio: account.bio.clone(),
        repositories: counts.get(&account.id).copied().unwrap_or_default(),
    };
    Ok(found.iter().map(person).collect())
}

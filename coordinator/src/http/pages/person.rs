//! The page of an account.

use super::super::extract::{Path, Query};
use super::super::failure::Failure;
use super::super::site::Site;
use super::Visit;
use super::home::{Asked, listing};
use axum::extract::State;
use axum::response::Response;
use plue_forge::accounts;
use plue_pages::person::{self, Person};

/// Who it is, and what of theirs the caller may see.
pub async fn get(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let account = accounts::get(&site.forge, &path.account("owner")?).await?;
    let address = format!("/{}", account.name);
    let repositories = listing(&site, &visit, &address, &asked, Some(account.name.clone()), false).await?;
    let page = Person {
        name: account.name.to_string(),
        display_name: account.display_name,
        bio: account.bio,
        created_at_ms: account.created_at_ms,
        repositories,
    };
    Ok(visit.show(person::page(&visit.frame(), &page)))
}

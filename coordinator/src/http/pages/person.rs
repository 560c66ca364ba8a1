//! The page of an account.

use super::super::failure::Failure;
use super::super::site::Site;
use super::Visit;
use super::home::{Asked, Of, listing};
use axum::response::Response;
use plue_forge::access::accounts::read_self;
use plue_forge::accounts::Account;
use plue_forge::organisations;
use plue_pages::organisation::Named;
use plue_pages::person::{self, Person};

/// Who it is, and what of theirs the caller may see.
pub async fn show(site: &Site, visit: &Visit, account: Account, asked: &Asked) -> Result<Response, Failure> {
    let address = format!("/{}", account.name);
    let repositories = listing(site, visit, &address, asked, Of::Owner(account.name.clone())).await?;
    let own = visit.name() == Some(account.name.as_str());
    let mut organisations = Vec::new();
    if own && let Ok(permit) = read_self(&site.forge, &visit.caller, site.now_ms()).await {
        let mine = organisations::mine(&site.forge, permit).await?;
        organisations.extend(mine.into_iter().map(|(organisation, role)| Named {
            name: organisation.name.to_string(),
            display_name: organisation.display_name,
            note: role.as_str().to_owned(),
        }));
    }
    let page = Person {
        name: account.name.to_string(),
        display_name: account.display_name,
        bio: account.bio,
        created_at_ms: account.created_at_ms,
        organisations,
        repositories,
    };
    Ok(visit.show(person::page(&visit.frame(), &page)))
}

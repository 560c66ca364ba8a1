//! Making a repository by a form.

use super::super::extract::Query;
use super::super::failure::Failure;
use super::super::repositories::repository_name;
use super::super::site::Site;
use super::sent::Sent;
use super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_contract::AccountName;
use plue_forge::access::accounts::read_self;
use plue_forge::access::repositories::create_under;
use plue_forge::organisations;
use plue_forge::repositories::{self, DEFAULT_BOOKMARK, NewRepository, Repository, Visibility};
use plue_forge::roles::MemberRole;
use plue_pages::create::{self, Create};
use serde::Deserialize;

/// For whom the form is opened.
#[derive(Deserialize)]
pub struct For {
    owner: Option<String>,
}

/// Under which names the visitor may make repositories: their own and those of organisations that
/// they maintain.
async fn owners(site: &Site, visit: &Visit) -> Result<Vec<String>, Failure> {
    let mut owners = vec![visit.viewer()?.name.clone()];
    // A token may be for repositories and for nothing else.
    if let Ok(permit) = read_self(&site.forge, &visit.caller, site.now_ms()).await {
        let mine = organisations::mine(&site.forge, permit).await?;
        let maintained = mine.iter().filter(|(_, role)| *role >= MemberRole::Maintain);
        owners.extend(maintained.map(|(organisation, _)| organisation.name.to_string()));
    }
    Ok(owners)
}

/// The empty form.
pub async fn get(State(site): State<Site>, visit: Visit, Query(of): Query<For>) -> Result<Response, Failure> {
    let mut owners = owners(&site, &visit).await?;
    let wanted = of.owner.and_then(|owner| owner.parse::<AccountName>().ok());
    let owner = wanted.map_or_else(|| owners[0].clone(), |owner| owner.to_string());
    // One that lies in an organisation of theirs is not among those to which they belong.
    if !owners.contains(&owner) {
        owners.push(owner.clone());
    }
    let form = Create {
        owners,
        owner,
        name: String::new(),
        description: String::new(),
        visibility: Visibility::Public.as_str().to_owned(),
        default_bookmark: DEFAULT_BOOKMARK.to_owned(),
        object_format: "sha1".to_owned(),
        wrong: None,
    };
    Ok(visit.show(create::page(&visit.frame(), visit.viewer()?, &form)))
}

async fn make(site: &Site, visit: &Visit, sent: &Sent) -> Result<Repository, Failure> {
    let unknown = || Failure::invalid("owner", "You may not make repositories under this name.");
    let owner: AccountName = match sent.text("owner") {
        "" => visit.viewer()?.name.parse().map_err(Failure::internal)?,
        owner => owner.parse().map_err(|_| unknown())?,
    };
    let permit = create_under(&site.forge, &visit.caller, &owner, site.now_ms())
        .await
        .map_err(|error| match error {
            plue_forge::Error::NotFound => unknown(),
            error => error.into(),
        })?;
    let bookmark = sent.text("default_bookmark").trim();
    let new = NewRepository {
        name: repository_name("name", sent.text("name").trim())?,
        description: sent.text("description").to_owned(),
        visibility: sent.text("visibility").parse()?,
        object_format: sent
            .text("object_format")
            .parse()
            .map_err(|_| Failure::invalid("object_format", "The object format is SHA-1 or SHA-256."))?,
        default_bookmark: (!bookmark.is_empty()).then(|| bookmark.to_owned()),
    };
    Ok(repositories::create(&site.forge, permit, new, site.now_ms()).await?)
}

/// Makes the repository and shows it, or says what is wrong.
pub async fn post(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    match make(&site, &visit, &sent).await {
        Ok(repository) => see_other(&format!("/{}?done=created", repository.path())),
        Err(failure) => {
            let viewer = visit.viewer()?;
            let owners = owners(&site, &visit).await?;
            visit.mend(failure, |wrong| {
                let form = Create {
                    owners,
                    owner: sent.text("owner").to_owned(),
                    name: sent.text("name").to_owned(),
                    description: sent.text("description").to_owned(),
                    visibility: sent.text("visibility").to_owned(),
                    default_bookmark: sent.text("default_bookmark").to_owned(),
                    object_format: sent.text("object_format").to_owned(),
                    wrong: Some(wrong),
                };
                create::page(&visit.frame(), viewer, &form)
            })
        }
    }
}

//! Making a repository by a form.

use super::super::failure::Failure;
use super::super::repositories::repository_name;
use super::super::site::Site;
use super::sent::Sent;
use super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_forge::access::repositories::create_under;
use plue_forge::repositories::{self, DEFAULT_BOOKMARK, NewRepository, Repository};
use plue_pages::create::{self, Create};

/// The empty form.
pub async fn get(visit: Visit) -> Result<Response, Failure> {
    let form = Create {
        name: String::new(),
        description: String::new(),
        private: false,
        default_bookmark: DEFAULT_BOOKMARK.to_owned(),
        object_format: "sha1".to_owned(),
        wrong: None,
    };
    Ok(visit.show(create::page(&visit.frame(), visit.viewer()?, &form)))
}

async fn make(site: &Site, visit: &Visit, sent: &Sent) -> Result<Repository, Failure> {
    let owner = visit.viewer()?.name.parse().map_err(Failure::internal)?;
    let permit = create_under(&site.forge, &visit.caller, &owner, site.now_ms()).await?;
    let bookmark = sent.text("default_bookmark").trim();
    let new = NewRepository {
        name: repository_name("name", sent.text("name").trim())?,
        description: sent.text("description").to_owned(),
        private: sent.text("visibility") == "private",
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
            visit.mend(failure, |wrong| {
                let form = Create {
                    name: sent.text("name").to_owned(),
                    description: sent.text("description").to_owned(),
                    private: sent.text("visibility") == "private",
                    default_bookmark: sent.text("default_bookmark").to_owned(),
                    object_format: sent.text("object_format").to_owned(),
                    wrong: Some(wrong),
                };
                create::page(&visit.frame(), viewer, &form)
            })
        }
    }
}

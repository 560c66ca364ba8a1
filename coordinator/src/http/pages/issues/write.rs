//! A new issue.

use super::super::super::extract::{Path, Query};
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use super::{Desk, desk, reading, taking_part};
use axum::extract::State;
use axum::response::Response;
use plue_forge::issues::templates::{self, Template};
use plue_forge::issues::{self, NewIssue};
use plue_pages::forms::Wrong;
use plue_pages::issues::write::{self as page, New};
use serde::Deserialize;

/// What the form begins with.
#[derive(Deserialize)]
pub struct Asked {
    template: Option<String>,
    title: Option<String>,
    body: Option<String>,
}

async fn of_repository(site: &Site, visit: &Visit, path: &Path) -> Result<Vec<Template>, Failure> {
    let permit = reading(site, visit, path).await?;
    Ok(templates::list(&site.forge, permit).await?)
}

/// The form; before it the choice of a template, where there are any.
pub async fn form(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let Desk { head, .. } = desk!(&site, &visit, &path);
    let found = of_repository(&site, &visit, &path).await?;
    let chosen = asked.template.as_deref();
    let template = found
        .iter()
        .find(|template| Some(template.file.as_str()) == chosen);
    if template.is_none() && chosen.is_none() && asked.title.is_none() && !found.is_empty() {
        let shown: Vec<_> = found
            .iter()
            .map(|template| page::Template {
                file: template.file.clone(),
                name: template.name.clone(),
                about: template.about.clone(),
            })
            .collect();
        return Ok(visit.show(page::choose(&visit.frame(), &head, &shown)));
    }
    let new = New {
        template: template.map_or(String::new(), |template| template.file.clone()),
        title: asked
            .title
            .or(template.map(|template| template.title.clone()))
            .unwrap_or_default(),
        body: asked
            .body
            .or(template.map(|template| template.body.clone()))
            .unwrap_or_default(),
        wrong: None,
    };
    Ok(visit.show(page::form(&visit.frame(), visit.viewer()?, &head, &new)))
}

async fn make(site: &Site, visit: &Visit, path: &Path, sent: &Sent) -> Result<String, Failure> {
    let permit = taking_part(site, visit, path).await?;
    let there = permit.on().repository.path();
    let chosen = sent.text("template");
    let of_template = match chosen {
        "" => Vec::new(),
        file => {
            let found = of_repository(site, visit, path).await?;
            let found = found.into_iter().find(|template| template.file == file);
            found.map_or_else(Vec::new, |template| template.labels)
        }
    };
    let new = NewIssue {
        title: sent.text("title").to_owned(),
        body: sent.lines("body"),
        of_template,
        ..NewIssue::default()
    };
    let made = issues::create(&site.forge, permit, new, site.now_ms()).await?;
    Ok(format!("/{there}/issues/{}", made.number))
}

/// Opens an issue.
pub async fn create(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let failure = match make(&site, &visit, &path, &sent).await {
        Ok(address) => return see_other(&address),
        Err(failure) => failure,
    };
    let Desk { head, .. } = desk!(&site, &visit, &path);
    let viewer = visit.viewer()?;
    visit.mend(failure, |wrong: Wrong| {
        let new = New {
            template: sent.text("template").to_owned(),
            title: sent.text("title").to_owned(),
            body: sent.lines("body"),
            wrong: Some(wrong),
        };
        page::form(&visit.frame(), viewer, &head, &new)
    })
}

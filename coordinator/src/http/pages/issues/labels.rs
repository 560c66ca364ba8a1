//! The labels of a repository, by forms.

use super::super::super::extract::Path;
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use super::{address, desk, label, sorting};
use axum::extract::State;
use axum::response::Response;
use plue_contract::LabelId;
use plue_forge::issues::labels::{self as verbs, LabelChange, LabelRef};
use plue_pages::issues::Label;
use plue_pages::issues::labels::{self as page, Labels};

mod words {
    pub const DONE: &str = "Done.";
}

/// The labels.
pub async fn list(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    shown(&site, &visit, &path, None).await
}

async fn shown(
    site: &Site,
    visit: &Visit,
    path: &Path,
    wrong: Option<(Failure, Label)>,
) -> Result<Response, Failure> {
    let desk = desk!(site, visit, path);
    let found = verbs::list(&site.forge, desk.permit).await?;
    let mut list = Labels {
        labels: found.iter().map(label).collect(),
        may_write: desk.speaks,
        sorts: desk.sorts,
        ..Labels::default()
    };
    let Some((failure, typed)) = wrong else {
        let frame = visit.frame_after(|word| (word == "done").then(|| words::DONE.to_owned()));
        return Ok(visit.show(page::list(&frame, &desk.head, &list)));
    };
    visit.mend(failure, |wrong| {
        list.typed = typed;
        list.wrong = Some(wrong);
        page::list(&visit.frame(), &desk.head, &list)
    })
}

fn wanted(sent: &Sent) -> LabelChange {
    LabelChange {
        name: Some(sent.text("name").to_owned()),
        color: Some(sent.text("color").to_owned()),
        description: Some(sent.text("description").to_owned()),
    }
}

async fn answer(
    site: &Site,
    visit: &Visit,
    path: &Path,
    (done, id, sent): (Result<(), Failure>, i64, &Sent),
) -> Result<Response, Failure> {
    let failure = match done {
        Ok(()) => return see_other(&format!("{}/labels?done=done", address(path))),
        Err(failure) => failure,
    };
    let typed = Label {
        id,
        name: sent.text("name").to_owned(),
        color: sent.text("color").to_owned(),
        description: sent.text("description").to_owned(),
    };
    shown(site, visit, path, Some((failure, typed))).await
}

/// Makes a label.
pub async fn create(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = sorting(&site, &visit, &path).await?;
    let made = verbs::create(&site.forge, permit, wanted(&sent), site.now_ms()).await;
    let done = made.map(drop).map_err(Failure::from);
    answer(&site, &visit, &path, (done, 0, &sent)).await
}

/// Changes a label.
pub async fn change(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = sorting(&site, &visit, &path).await?;
    let id: LabelId = path.parse("id")?;
    let named = LabelRef::Id(id);
    let changed = verbs::update(&site.forge, permit, named, wanted(&sent), site.now_ms()).await;
    let done = changed.map(drop).map_err(Failure::from);
    answer(&site, &visit, &path, (done, id.0, &sent)).await
}

/// Removes a label.
pub async fn remove(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = sorting(&site, &visit, &path).await?;
    verbs::delete(
        &site.forge,
        permit,
        LabelRef::Id(path.parse("id")?),
        site.now_ms(),
    )
    .await?;
    see_other(&format!("{}/labels?done=done", address(&path)))
}

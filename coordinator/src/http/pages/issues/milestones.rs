//! The milestones of a repository, by forms.

use super::super::super::extract::Path;
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use super::{address, day, desk, sorting};
use axum::extract::State;
use axum::response::Response;
use plue_forge::issues::State as Standing;
use plue_forge::issues::milestones::{self as verbs, Milestone, MilestoneChange};
use plue_pages::issues::milestones::{self as page, Milestones};

mod words {
    pub const DONE: &str = "Done.";
}

fn entry(milestone: &Milestone) -> page::Milestone {
    page::Milestone {
        id: milestone.id.0,
        title: milestone.title.clone(),
        description: milestone.description.clone(),
        open: milestone.state == Standing::Open,
        due_at_ms: milestone.due_at_ms,
        issues: (milestone.open_issues, milestone.closed_issues),
    }
}

/// The milestones.
pub async fn list(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    shown(&site, &visit, &path, None).await
}

async fn shown(
    site: &Site,
    visit: &Visit,
    path: &Path,
    wrong: Option<(Failure, [String; 3])>,
) -> Result<Response, Failure> {
    let desk = desk!(site, visit, path);
    let found = verbs::list(&site.forge, desk.permit, None).await?;
    let mut list = Milestones {
        milestones: found.iter().map(entry).collect(),
        may_write: desk.speaks,
        sorts: desk.sorts,
        ..Milestones::default()
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

async fn make(site: &Site, visit: &Visit, path: &Path, sent: &Sent) -> Result<(), Failure> {
    let permit = sorting(site, visit, path).await?;
    let new = MilestoneChange {
        title: Some(sent.text("title").to_owned()),
        description: Some(sent.lines("description")),
        due_at_ms: Some(day(sent.text("due_date"))?),
        state: None,
    };
    verbs::create(&site.forge, permit, new, site.now_ms()).await?;
    Ok(())
}

/// Makes a milestone.
pub async fn create(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    match make(&site, &visit, &path, &sent).await {
        Ok(()) => see_other(&format!("{}/milestones?done=done", address(&path))),
        Err(failure) => {
            let typed = ["title", "description", "due_date"].map(|name| sent.lines(name));
            shown(&site, &visit, &path, Some((failure, typed))).await
        }
    }
}

async fn set(site: &Site, visit: &Visit, path: &Path, state: Standing) -> Result<Response, Failure> {
    let permit = sorting(site, visit, path).await?;
    let change = MilestoneChange {
        state: Some(state),
        ..MilestoneChange::default()
    };
    verbs::update(&site.forge, permit, path.parse("id")?, change, site.now_ms()).await?;
    see_other(&format!("{}/milestones?done=done", address(path)))
}

/// Closes a milestone.
pub async fn close(State(site): State<Site>, visit: Visit, path: Path, _: Sent) -> Result<Response, Failure> {
    set(&site, &visit, &path, Standing::Closed).await
}

/// Opens a milestone again.
pub async fn open(State(site): State<Site>, visit: Visit, path: Path, _: Sent) -> Result<Response, Failure> {
    set(&site, &visit, &path, Standing::Open).await
}

/// Removes a milestone.
pub async fn remove(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = sorting(&site, &visit, &path).await?;
    verbs::delete(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    see_other(&format!("{}/milestones?done=done", address(&path)))
}

//! Teams of an organisation, by forms.

use super::super::extract::Path;
use super::super::failure::Failure;
use super::super::site::Site;
use super::organisation::head;
use super::sent::Sent;
use super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_contract::TeamName;
use plue_forge::access::Permit;
use plue_forge::access::organisations::{AdministerOrganisation, administer, see_members};
use plue_forge::teams::{self, TeamChange};
use plue_pages::organisation::settings::Head;
use plue_pages::organisation::teams::{self as pages, Form, One, Team, Teams};

mod words {
    pub const DONE: &str = "Done.";
    pub const GONE: &str = "The team is removed, and opens nothing any more.";
    pub const NO_REPOSITORY: &str = "The organisation has no repository of this name.";
    pub const NO_ACCOUNT: &str = "There is no account of this name.";
}

fn shown(team: teams::Team) -> Team {
    Team {
        name: team.name.to_string(),
        description: team.description,
        role: team.role.as_str(),
    }
}

async fn permit(site: &Site, visit: &Visit, path: &Path) -> Result<Permit<AdministerOrganisation>, Failure> {
    Ok(administer(&site.forge, &visit.caller, &path.organisation()?, site.now_ms()).await?)
}

async fn teams_of(site: &Site, visit: &Visit, path: &Path) -> Result<(Head, Teams), Failure> {
    let permit = see_members(&site.forge, &visit.caller, &path.organisation()?, site.now_ms()).await?;
    let head = head(site, visit, permit.on()).await?;
    let found = teams::list(&site.forge, permit).await?;
    let page = Teams {
        teams: found.into_iter().map(shown).collect(),
        ..Teams::default()
    };
    Ok((head, page))
}

/// The teams.
pub async fn list(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let (head, page) = teams_of(&site, &visit, &path).await?;
    let frame = visit.frame_after(|word| (word == "gone").then(|| words::GONE.to_owned()));
    Ok(visit.show(pages::list(&frame, visit.viewer()?, &head, &page)))
}

fn name_in(text: &str) -> Result<TeamName, Failure> {
    text.trim()
        .parse()
        .map_err(|error| Failure::invalid("name", format!("{error}.")))
}

async fn make(site: &Site, visit: &Visit, path: &Path, sent: &Sent) -> Result<String, Failure> {
    let permit = permit(site, visit, path).await?;
    let organisation = permit.on().name.clone();
    let change = TeamChange {
        name: None,
        description: Some(sent.text("description").to_owned()),
        role: Some(sent.text("role").parse()?),
    };
    let name = name_in(sent.text("name"))?;
    let made = teams::create(&site.forge, permit, name, change, site.now_ms()).await?;
    Ok(format!("/-/orgs/{organisation}/teams/{}", made.name))
}

/// Makes a team.
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
    let ((head, mut page), viewer) = (teams_of(&site, &visit, &path).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        page.name = sent.text("name").to_owned();
        page.description = sent.text("description").to_owned();
        page.role = sent.text("role").to_owned();
        page.wrong = Some(wrong);
        pages::list(&visit.frame(), viewer, &head, &page)
    })
}

async fn one_of(site: &Site, visit: &Visit, path: &Path) -> Result<(Head, One), Failure> {
    let permit = see_members(&site.forge, &visit.caller, &path.organisation()?, site.now_ms()).await?;
    let head = head(site, visit, permit.on()).await?;
    let (team, members, repositories) = teams::get(&site.forge, permit, &path.parse("team")?).await?;
    let page = One {
        new_name: team.name.to_string(),
        team: shown(team),
        members: members.iter().map(|member| member.name.to_string()).collect(),
        repositories: repositories
            .iter()
            .map(|one| (one.name.to_string(), one.role.as_str()))
            .collect(),
        typed: String::new(),
        wrong: None,
    };
    Ok((head, page))
}

/// One team.
pub async fn get(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let (head, page) = one_of(&site, &visit, &path).await?;
    let frame = visit.frame_after(|word| (word == "done").then(|| words::DONE.to_owned()));
    Ok(visit.show(pages::one(&frame, visit.viewer()?, &head, &page)))
}

/// Answers a form of a team's page: the page after it was done, or with what is wrong.
async fn answer(
    site: &Site,
    visit: &Visit,
    path: &Path,
    form: Form,
    done: Result<TeamName, Failure>,
    typed: impl FnOnce(&mut One),
) -> Result<Response, Failure> {
    let failure = match done {
        Ok(team) => {
            let organisation = path.organisation()?;
            return see_other(&format!("/-/orgs/{organisation}/teams/{team}?done=done"));
        }
        Err(failure) => failure,
    };
    let ((head, mut page), viewer) = (one_of(site, visit, path).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        typed(&mut page);
        page.wrong = Some((form, wrong));
        pages::one(&visit.frame(), viewer, &head, &page)
    })
}

async fn change(site: &Site, visit: &Visit, path: &Path, sent: &Sent) -> Result<TeamName, Failure> {
    let permit = permit(site, visit, path).await?;
    let change = TeamChange {
        name: Some(name_in(sent.text("new-name"))?),
        description: Some(sent.text("description").to_owned()),
        role: Some(sent.text("role").parse()?),
    };
    let changed = teams::update(&site.forge, permit, &path.parse("team")?, change, site.now_ms()).await?;
    Ok(changed.name)
}

/// Saves what a team is.
pub async fn save(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let done = change(&site, &visit, &path, &sent).await;
    answer(&site, &visit, &path, Form::About, done, |page| {
        page.new_name = sent.text("new-name").to_owned();
        page.team.description = sent.text("description").to_owned();
    })
    .await
}

/// Removes a team.
pub async fn delete(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let address = format!("/-/orgs/{}/teams?done=gone", permit.on().name);
    teams::delete(&site.forge, permit, &path.parse("team")?, site.now_ms()).await?;
    see_other(&address)
}

async fn add(site: &Site, visit: &Visit, path: &Path, sent: &Sent) -> Result<TeamName, Failure> {
    let permit = permit(site, visit, path).await?;
    let team: TeamName = path.parse("team")?;
    let name = sent.text("name").trim().parse();
    let name = name.map_err(|_| Failure::invalid("name", words::NO_ACCOUNT))?;
    teams::put_member(&site.forge, permit, &team, &name, site.now_ms()).await?;
    Ok(team)
}

/// Takes somebody into a team.
pub async fn put_member(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let done = add(&site, &visit, &path, &sent).await;
    answer(&site, &visit, &path, Form::Member, done, |page| {
        page.typed = sent.text("name").to_owned();
    })
    .await
}

/// Takes somebody out of a team.
pub async fn remove_member(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let team: TeamName = path.parse("team")?;
    let address = format!("/-/orgs/{}/teams/{team}?done=done", permit.on().name);
    let name = path.account("username")?;
    teams::remove_member(&site.forge, permit, &team, &name, site.now_ms()).await?;
    see_other(&address)
}

async fn let_in(site: &Site, visit: &Visit, path: &Path, sent: &Sent) -> Result<TeamName, Failure> {
    let permit = permit(site, visit, path).await?;
    let team: TeamName = path.parse("team")?;
    let unknown = || Failure::invalid("repository", words::NO_REPOSITORY);
    let name = sent.text("repository").trim().parse().map_err(|_| unknown())?;
    let role = sent.text("permission").parse()?;
    let put = teams::put_repository(&site.forge, permit, &team, &name, role, site.now_ms()).await;
    put.map_err(|error| match error {
        plue_forge::Error::NotFound => unknown(),
        error => error.into(),
    })?;
    Ok(team)
}

/// Lets a team into a repository.
pub async fn put_repository(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let done = let_in(&site, &visit, &path, &sent).await;
    answer(&site, &visit, &path, Form::Repository, done, |page| {
        page.typed = sent.text("repository").to_owned();
    })
    .await
}

/// Shuts a team out of a repository.
pub async fn remove_repository(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let team: TeamName = path.parse("team")?;
    let address = format!("/-/orgs/{}/teams/{team}?done=done", permit.on().name);
    teams::remove_repository(&site.forge, permit, &team, &path.parse("repo")?, site.now_ms()).await?;
    see_other(&address)
}

//! Teams of organisations, who is in them, and the repositories that they may use.

use super::auth::Message;
use super::extract::{Asked, Json, Path};
use super::failure::Failure;
use super::moment;
use super::site::Site;
use axum::extract::State;
use http::StatusCode;
use plue_contract::{RepoName, TeamName};
use plue_forge::access::Permit;
use plue_forge::access::organisations::{AdministerOrganisation, administer, see_members};
use plue_forge::roles::Role;
use plue_forge::teams::{self, Team, TeamChange, TeamMember, TeamRepository};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One team.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamView {
    id: i64,
    name: String,
    description: String,
    /// What its members may do in every repository of the organisation and below: `member`, which is nothing,
    /// `read`, `triage`, `write`, `maintain` or `admin`.
    role: &'static str,
    created_at: String,
}

impl TeamView {
    fn of(team: &Team) -> Self {
        Self {
            id: team.id.0,
            name: team.name.to_string(),
            description: team.description.clone(),
            role: team.role.as_str(),
            created_at: moment::text(team.created_at_ms),
        }
    }
}

/// The teams of an organisation.
#[derive(Serialize, ToSchema)]
pub struct TeamList {
    teams: Vec<TeamView>,
}

/// One team, alone.
#[derive(Serialize, ToSchema)]
pub struct OneTeam {
    team: TeamView,
}

/// Somebody in a team.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamMemberView {
    id: i64,
    username: String,
    created_at: String,
}

impl TeamMemberView {
    fn of(member: &TeamMember) -> Self {
        Self {
            id: member.account.0,
            username: member.name.to_string(),
            created_at: moment::text(member.created_at_ms),
        }
    }
}

/// A repository that a team was let into.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamRepositoryView {
    id: i64,
    name: String,
    /// `read`, `triage`, `write`, `maintain` or `admin`.
    permission: &'static str,
    created_at: String,
}

impl TeamRepositoryView {
    fn of(repository: &TeamRepository) -> Self {
        Self {
            id: repository.id.0,
            name: repository.name.to_string(),
            permission: repository.role.as_str(),
            created_at: moment::text(repository.created_at_ms),
        }
    }
}

/// One team with who is in it and what it was let into.
#[derive(Serialize, ToSchema)]
pub struct WholeTeam {
    team: TeamView,
    members: Vec<TeamMemberView>,
    repositories: Vec<TeamRepositoryView>,
}

async fn permit(
    site: &Site,
    caller: &plue_contract::Caller,
    path: &Path,
) -> Result<Permit<AdministerOrganisation>, Failure> {
    Ok(administer(&site.forge, caller, &path.organisation()?, site.now_ms()).await?)
}

fn team_name(text: &str) -> Result<TeamName, Failure> {
    text.parse()
        .map_err(|error| Failure::invalid("name", format!("{error}.")))
}

/// Lists the teams of an organisation; for those who belong to it or to one above it.
#[utoipa::path(get, path = "/api/orgs/{org}/teams", tag = "teams", params(("org" = String, Path)),
    responses((status = 200, body = TeamList), (status = 401), (status = 403), (status = 404)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<TeamList>, Failure> {
    let permit = see_members(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    let found = teams::list(&site.forge, permit).await?;
    Ok(axum::Json(TeamList {
        teams: found.iter().map(TeamView::of).collect(),
    }))
}

/// Shows one team.
#[utoipa::path(get, path = "/api/orgs/{org}/teams/{team}", tag = "teams",
    params(("org" = String, Path), ("team" = String, Path)),
    responses((status = 200, body = WholeTeam), (status = 401), (status = 403), (status = 404)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<WholeTeam>, Failure> {
    let permit = see_members(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    let (team, members, repositories) = teams::get(&site.forge, permit, &path.parse("team")?).await?;
    Ok(axum::Json(WholeTeam {
        team: TeamView::of(&team),
        members: members.iter().map(TeamMemberView::of).collect(),
        repositories: repositories.iter().map(TeamRepositoryView::of).collect(),
    }))
}

/// What a team shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTeamBody {
    name: String,
    description: Option<String>,
    /// What its members may do in every repository of the organisation and below: `member`, `read`, `triage`,
    /// `write`, `maintain` or `admin`; `member`, which is nothing, where nothing is said.
    role: Option<String>,
}

/// Makes a team.
#[utoipa::path(post, path = "/api/orgs/{org}/teams", tag = "teams", request_body = NewTeamBody,
    params(("org" = String, Path)),
    responses((status = 201, body = OneTeam), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409)))]
pub async fn create(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<NewTeamBody>,
) -> Result<(StatusCode, axum::Json<OneTeam>), Failure> {
    let permit = permit(&site, &caller, &path).await?;
    let change = TeamChange {
        name: None,
        description: body.description,
        role: body.role.as_deref().map(str::parse).transpose()?,
    };
    let made = teams::create(&site.forge, permit, team_name(&body.name)?, change, site.now_ms()).await?;
    let answer = OneTeam {
        team: TeamView::of(&made),
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// What of a team shall change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamBody {
    name: Option<String>,
    description: Option<String>,
    /// `member`, `read`, `triage`, `write`, `maintain` or `admin`.
    role: Option<String>,
}

/// Changes a team.
#[utoipa::path(patch, path = "/api/orgs/{org}/teams/{team}", tag = "teams", request_body = TeamBody,
    params(("org" = String, Path), ("team" = String, Path)),
    responses((status = 200, body = OneTeam), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409)))]
pub async fn update(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<TeamBody>,
) -> Result<axum::Json<OneTeam>, Failure> {
    let permit = permit(&site, &caller, &path).await?;
    let change = TeamChange {
        name: body.name.as_deref().map(team_name).transpose()?,
        description: body.description,
        role: body.role.as_deref().map(str::parse).transpose()?,
    };
    let changed = teams::update(&site.forge, permit, &path.parse("team")?, change, site.now_ms()).await?;
    Ok(axum::Json(OneTeam {
        team: TeamView::of(&changed),
    }))
}

/// Removes a team.
#[utoipa::path(delete, path = "/api/orgs/{org}/teams/{team}", tag = "teams",
    params(("org" = String, Path), ("team" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404)))]
pub async fn delete(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = permit(&site, &caller, &path).await?;
    teams::delete(&site.forge, permit, &path.parse("team")?, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Team removed",
    }))
}

/// Takes somebody who belongs to the organisation into a team.
#[utoipa::path(put, path = "/api/orgs/{org}/teams/{team}/members/{username}", tag = "teams",
    params(("org" = String, Path), ("team" = String, Path), ("username" = String, Path)),
    responses((status = 200, body = Message), (status = 400), (status = 401), (status = 403), (status = 404)))]
pub async fn put_member(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = permit(&site, &caller, &path).await?;
    let (team, name) = (path.parse("team")?, path.account("username")?);
    teams::put_member(&site.forge, permit, &team, &name, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Added to the team",
    }))
}

/// Takes somebody out of a team.
#[utoipa::path(delete, path = "/api/orgs/{org}/teams/{team}/members/{username}", tag = "teams",
    params(("org" = String, Path), ("team" = String, Path), ("username" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404)))]
pub async fn remove_member(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = permit(&site, &caller, &path).await?;
    let (team, name) = (path.parse("team")?, path.account("username")?);
    teams::remove_member(&site.forge, permit, &team, &name, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Removed from the team",
    }))
}

/// What a team may do in a repository.
#[derive(Deserialize, ToSchema)]
pub struct TeamRepositoryBody {
    /// `read`, `triage`, `write`, `maintain` or `admin`; `write` where nothing is said.
    #[serde(alias = "role")]
    permission: Option<String>,
}

/// Lets a team into a repository of its organisation, or changes what it may do there.
#[utoipa::path(put, path = "/api/orgs/{org}/teams/{team}/repos/{repo}", tag = "teams",
    request_body = TeamRepositoryBody,
    params(("org" = String, Path), ("team" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = Message), (status = 400), (status = 401), (status = 403), (status = 404)))]
pub async fn put_repository(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<TeamRepositoryBody>,
) -> Result<axum::Json<Message>, Failure> {
    let permit = permit(&site, &caller, &path).await?;
    let role: Role = body.permission.as_deref().unwrap_or("write").parse()?;
    let (team, name): (TeamName, RepoName) = (path.parse("team")?, path.parse("repo")?);
    teams::put_repository(&site.forge, permit, &team, &name, role, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "The team may use the repository",
    }))
}

/// Shuts a team out of a repository.
#[utoipa::path(delete, path = "/api/orgs/{org}/teams/{team}/repos/{repo}", tag = "teams",
    params(("org" = String, Path), ("team" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404)))]
pub async fn remove_repository(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = permit(&site, &caller, &path).await?;
    let (team, name): (TeamName, RepoName) = (path.parse("team")?, path.parse("repo")?);
    teams::remove_repository(&site.forge, permit, &team, &name, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "The team may not use the repository any more",
    }))
}

//! Organisations: what they say of themselves, how they lie in each other, and who belongs to them.

use super::auth::Message;
use super::extract::{Asked, Json, Page, Path, three_ways};
use super::failure::Failure;
use super::moment;
use super::repositories::RepositoryView;
use super::site::Site;
use axum::extract::State;
use http::StatusCode;
use plue_contract::{AccountName, Caller, Who};
use plue_forge::access::accounts::read_self;
use plue_forge::access::organisations::{administer, found, leave, own, read, see_members};
use plue_forge::organisations::members::{self, Member, Outsider};
use plue_forge::organisations::{self, Organisation, OrganisationChange};
use plue_forge::repositories;
use plue_forge::roles::MemberRole;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One organisation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganisationView {
    id: i64,
    uuid: String,
    name: String,
    display_name: String,
    description: String,
    email: Option<String>,
    avatar_url: Option<String>,
    website: Option<String>,
    location: String,
    /// The organisation in which it lies.
    parent: Option<String>,
    created_at: String,
    updated_at: String,
}

impl OrganisationView {
    /// What everybody sees of an organisation.
    pub fn of(organisation: &Organisation) -> Self {
        Self {
            id: organisation.id.0,
            uuid: organisation.uuid.clone(),
            name: organisation.name.to_string(),
            display_name: organisation.display_name.clone(),
            description: organisation.description.clone(),
            email: organisation.email.clone(),
            avatar_url: organisation.avatar_url.clone(),
            website: organisation.website.clone(),
            location: organisation.location.clone(),
            parent: organisation.parent.as_ref().map(AccountName::to_string),
            created_at: moment::text(organisation.created_at_ms),
            updated_at: moment::text(organisation.updated_at_ms),
        }
    }
}

/// One organisation, alone.
#[derive(Serialize, ToSchema)]
pub struct OneOrganisation {
    organization: OrganisationView,
}

impl OneOrganisation {
    fn of(organisation: &Organisation) -> axum::Json<Self> {
        axum::Json(Self {
            organization: OrganisationView::of(organisation),
        })
    }
}

/// A part of a list of organisations.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganisationList {
    organizations: Vec<OrganisationView>,
    total: i64,
    limit: i64,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl OrganisationList {
    fn of(
        site: &Site,
        page: Page,
        found: &plue_forge::accounts::Page<Organisation>,
    ) -> axum::Json<OrganisationList> {
        axum::Json(Self {
            organizations: found.items.iter().map(OrganisationView::of).collect(),
            total: found.total,
            limit: page.limit,
            offset: page.offset,
            next_cursor: page.next(found.total, &site.keys.cursor),
        })
    }
}

/// Lists organisations.
#[utoipa::path(get, path = "/api/orgs", tag = "organizations",
    params(("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = OrganisationList)))]
pub async fn list(State(site): State<Site>, page: Page) -> Result<axum::Json<OrganisationList>, Failure> {
    let all = organisations::list(&site.forge, page.limit, page.offset).await?;
    Ok(OrganisationList::of(&site, page, &all))
}

/// Shows one organisation.
#[utoipa::path(get, path = "/api/orgs/{org}", tag = "organizations", params(("org" = String, Path)),
    responses((status = 200, body = OneOrganisation), (status = 404)))]
pub async fn get(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<OneOrganisation>, Failure> {
    let permit = read(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    Ok(OneOrganisation::of(&organisations::get(permit)))
}

/// Lists the organisations that lie directly in one.
#[utoipa::path(get, path = "/api/orgs/{org}/orgs", tag = "organizations",
    params(("org" = String, Path), ("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = OrganisationList), (status = 404)))]
pub async fn within(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    page: Page,
) -> Result<axum::Json<OrganisationList>, Failure> {
    let permit = read(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    let all = organisations::within(&site.forge, permit, page.limit, page.offset).await?;
    Ok(OrganisationList::of(&site, page, &all))
}

/// The repositories of an organisation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganisationRepositories {
    repositories: Vec<RepositoryView>,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists the repositories of an organisation that the caller may see.
#[utoipa::path(get, path = "/api/orgs/{org}/repos", tag = "organizations",
    params(("org" = String, Path), ("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = OrganisationRepositories), (status = 404)))]
pub async fn repositories_of(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    page: Page,
) -> Result<axum::Json<OrganisationRepositories>, Failure> {
    let permit = read(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    let query = repositories::Query {
        owner: Some(permit.on().name.clone()),
        limit: page.limit,
        offset: page.offset,
        ..repositories::Query::default()
    };
    let found = repositories::list(&site.forge, &caller, query, site.now_ms()).await?;
    Ok(axum::Json(OrganisationRepositories {
        repositories: found
            .items
            .iter()
            .map(|repository| RepositoryView::of(&site, repository))
            .collect(),
        total: found.total,
        next_cursor: page.next(found.total, &site.keys.cursor),
    }))
}

/// What a new organisation shall be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewOrganisationBody {
    name: String,
    display_name: Option<String>,
    description: Option<String>,
    email: Option<String>,
    avatar_url: Option<String>,
    website: Option<String>,
    location: Option<String>,
    /// The organisation in which it shall lie.
    parent: Option<String>,
}

/// Makes an organisation; the caller owns it.
#[utoipa::path(post, path = "/api/orgs", tag = "organizations", request_body = NewOrganisationBody,
    responses((status = 201, body = OneOrganisation), (status = 400), (status = 401), (status = 403), (status = 409)))]
pub async fn create(
    State(site): State<Site>,
    Asked(caller): Asked,
    Json(body): Json<NewOrganisationBody>,
) -> Result<(StatusCode, axum::Json<OneOrganisation>), Failure> {
    let permit = found(&site.forge, &caller, site.now_ms()).await?;
    let parent = parent(&site, &caller, body.parent.as_deref()).await?;
    let about = OrganisationChange {
        display_name: body.display_name,
        description: body.description,
        email: body.email,
        avatar_url: body.avatar_url,
        website: body.website,
        location: body.location,
    };
    let made = organisations::create(&site.forge, permit, &body.name, parent, about, site.now_ms()).await?;
    Ok((StatusCode::CREATED, OneOrganisation::of(&made)))
}

/// The organisation in which another one shall lie, which the caller must administer.
pub async fn parent(
    site: &Site,
    caller: &Caller,
    name: Option<&str>,
) -> Result<Option<plue_forge::Permit<plue_forge::access::organisations::AdministerOrganisation>>, Failure> {
    let unknown = || Failure::invalid("parent", "There is no organisation of this name.");
    let Some(name) = name else {
        return Ok(None);
    };
    let name: AccountName = name.parse().map_err(|_| unknown())?;
    match administer(&site.forge, caller, &name, site.now_ms()).await {
        Ok(permit) => Ok(Some(permit)),
        Err(plue_forge::Error::NotFound) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

/// What of an organisation shall change; `null` takes a value away.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrganisationBody {
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    avatar_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    website: Option<Option<String>>,
    #[serde(default, deserialize_with = "three_ways")]
    #[schema(value_type = Option<String>)]
    location: Option<Option<String>>,
}

/// Changes what an organisation says of itself.
#[utoipa::path(patch, path = "/api/orgs/{org}", tag = "organizations", request_body = OrganisationBody,
    params(("org" = String, Path)),
    responses((status = 200, body = OneOrganisation), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409)))]
pub async fn update(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<OrganisationBody>,
) -> Result<axum::Json<OneOrganisation>, Failure> {
    let permit = administer(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    let change = OrganisationChange {
        display_name: body.display_name.map(Option::unwrap_or_default),
        description: body.description.map(Option::unwrap_or_default),
        email: body.email.map(Option::unwrap_or_default),
        avatar_url: body.avatar_url.map(Option::unwrap_or_default),
        website: body.website.map(Option::unwrap_or_default),
        location: body.location.map(Option::unwrap_or_default),
    };
    let changed = organisations::update(&site.forge, permit, change, site.now_ms()).await?;
    Ok(OneOrganisation::of(&changed))
}

/// Where an organisation shall lie.
#[derive(Deserialize, ToSchema)]
pub struct ParentBody {
    /// The organisation in which it shall lie; `null`: at the top.
    parent: Option<String>,
}

/// Lays an organisation into another one, or at the top.
#[utoipa::path(put, path = "/api/orgs/{org}/parent", tag = "organizations", request_body = ParentBody,
    params(("org" = String, Path)),
    responses((status = 200, body = OneOrganisation), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409), (status = 422)))]
pub async fn move_into(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<ParentBody>,
) -> Result<axum::Json<OneOrganisation>, Failure> {
    let permit = own(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    let parent = parent(&site, &caller, body.parent.as_deref()).await?;
    let moved = organisations::move_into(&site.forge, permit, parent, site.now_ms()).await?;
    Ok(OneOrganisation::of(&moved))
}

/// Ends an organisation that is empty.
#[utoipa::path(delete, path = "/api/orgs/{org}", tag = "organizations", params(("org" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404), (status = 409)))]
pub async fn delete(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    let permit = own(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    organisations::delete(&site.forge, permit, site.now_ms()).await?;
    Ok(axum::Json(Message {
        message: "Organization deleted",
    }))
}

/// One of one's own organisations.
#[derive(Serialize, ToSchema)]
pub struct MyOrganisation {
    organization: OrganisationView,
    /// `member`, `read`, `triage`, `write`, `maintain`, `admin` or `owner`.
    role: &'static str,
}

/// One's own organisations.
#[derive(Serialize, ToSchema)]
pub struct MyOrganisations {
    organizations: Vec<MyOrganisation>,
}

/// Lists the organisations to which the caller belongs.
#[utoipa::path(get, path = "/api/user/orgs", tag = "organizations",
    responses((status = 200, body = MyOrganisations), (status = 401)))]
pub async fn mine(
    State(site): State<Site>,
    Asked(caller): Asked,
) -> Result<axum::Json<MyOrganisations>, Failure> {
    let permit = read_self(&site.forge, &caller, site.now_ms()).await?;
    let mine = organisations::mine(&site.forge, permit).await?;
    Ok(axum::Json(MyOrganisations {
        organizations: mine
            .iter()
            .map(|(organisation, role)| MyOrganisation {
                organization: OrganisationView::of(organisation),
                role: role.as_str(),
            })
            .collect(),
    }))
}

/// Somebody who belongs to an organisation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    id: i64,
    username: String,
    display_name: String,
    /// `member`, `read`, `triage`, `write`, `maintain`, `admin` or `owner`.
    role: &'static str,
    created_at: String,
}

impl MemberView {
    fn of(member: &Member) -> Self {
        Self {
            id: member.account.0,
            username: member.name.to_string(),
            display_name: member.display_name.clone(),
            role: member.role.as_str(),
            created_at: moment::text(member.created_at_ms),
        }
    }
}

/// A part of the list of who belongs to an organisation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberList {
    members: Vec<MemberView>,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists who belongs to an organisation itself; for those who belong to it or to one above it.
#[utoipa::path(get, path = "/api/orgs/{org}/members", tag = "organizations",
    params(("org" = String, Path), ("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = MemberList), (status = 401), (status = 403), (status = 404)))]
pub async fn list_members(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    page: Page,
) -> Result<axum::Json<MemberList>, Failure> {
    let permit = see_members(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    let found = members::list(&site.forge, permit, page.limit, page.offset).await?;
    Ok(axum::Json(MemberList {
        members: found.items.iter().map(MemberView::of).collect(),
        total: found.total,
        next_cursor: page.next(found.total, &site.keys.cursor),
    }))
}

/// What somebody shall be to an organisation.
#[derive(Deserialize, ToSchema)]
pub struct MemberBody {
    /// `member`, `read`, `triage`, `write`, `maintain`, `admin` or `owner`; `member` where nothing is said.
    role: Option<String>,
}

/// What somebody is to an organisation from now on.
#[derive(Serialize, ToSchema)]
pub struct MemberSet {
    username: String,
    /// `member`, `read`, `triage`, `write`, `maintain`, `admin` or `owner`.
    role: &'static str,
}

/// Lets somebody belong to an organisation, or changes their role.
#[utoipa::path(put, path = "/api/orgs/{org}/members/{username}", tag = "organizations", request_body = MemberBody,
    params(("org" = String, Path), ("username" = String, Path)),
    responses((status = 200, body = MemberSet), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 422)))]
pub async fn put_member(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<MemberBody>,
) -> Result<axum::Json<MemberSet>, Failure> {
    let permit = administer(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    let role: MemberRole = body.role.as_deref().unwrap_or("member").parse()?;
    let name = path.account("username")?;
    members::put(&site.forge, permit, &name, role, site.now_ms()).await?;
    Ok(axum::Json(MemberSet {
        username: name.to_string(),
        role: role.as_str(),
    }))
}

/// Takes somebody out of an organisation and its teams; everybody may take out themselves.
#[utoipa::path(delete, path = "/api/orgs/{org}/members/{username}", tag = "organizations",
    params(("org" = String, Path), ("username" = String, Path)),
    responses((status = 200, body = Message), (status = 401), (status = 403), (status = 404), (status = 422)))]
pub async fn remove_member(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Message>, Failure> {
    take_out(&site, &caller, &path).await?;
    Ok(axum::Json(Message {
        message: "Member removed",
    }))
}

/// Takes the account that the path names out of the organisation that it names.
pub async fn take_out(site: &Site, caller: &Caller, path: &Path) -> Result<(), Failure> {
    let (organisation, name) = (path.organisation()?, path.account("username")?);
    let own = matches!(&caller.who, Who::Account { name: own, .. } if own.key() == name.key());
    if own {
        let permit = leave(&site.forge, caller, &organisation, site.now_ms()).await?;
        members::leave(&site.forge, permit, site.now_ms()).await?;
    } else {
        let permit = administer(&site.forge, caller, &organisation, site.now_ms()).await?;
        members::remove(&site.forge, permit, &name, site.now_ms()).await?;
    }
    Ok(())
}

/// Somebody who has a role in a repository of an organisation, and does not belong to that.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutsiderView {
    id: i64,
    username: String,
    repository: String,
    /// `read`, `triage`, `write`, `maintain` or `admin`.
    permission: &'static str,
    created_at: String,
}

impl OutsiderView {
    fn of(outsider: &Outsider) -> Self {
        Self {
            id: outsider.account.0,
            username: outsider.name.to_string(),
            repository: outsider.repository.to_string(),
            permission: outsider.role.as_str(),
            created_at: moment::text(outsider.created_at_ms),
        }
    }
}

/// All outside collaborators of an organisation, once for each repository.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutsiderList {
    outside_collaborators: Vec<OutsiderView>,
}

/// Lists who has a role in a repository of an organisation without belonging to it.
#[utoipa::path(get, path = "/api/orgs/{org}/outside-collaborators", tag = "organizations",
    params(("org" = String, Path)),
    responses((status = 200, body = OutsiderList), (status = 401), (status = 403), (status = 404)))]
pub async fn list_outsiders(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<OutsiderList>, Failure> {
    let permit = see_members(&site.forge, &caller, &path.organisation()?, site.now_ms()).await?;
    let found = members::outsiders(&site.forge, permit).await?;
    Ok(axum::Json(OutsiderList {
        outside_collaborators: found.iter().map(OutsiderView::of).collect(),
    }))
}

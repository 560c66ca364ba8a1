//! Issues under `/api/repos`, as far as they are of wit's own shape: which issue is a part of which, how
//! they stand to each other, what was done.

use super::super::extract::{Asked, Json, Path, Query};
use super::super::failure::Failure;
use super::super::parts;
use super::super::site::Site;
use super::comments::CommentBody;
use super::one::Onward;
use super::relations::OtherIssue;
use super::{CommentView, EventView, IssueView, reading, sorting, taking_part};
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};
use plue_contract::Caller;
use plue_forge::issues::parts::{self as of_issues, Part, Parts};
use plue_forge::issues::relations::{self, Kind, Relation};
use plue_forge::issues::{comments, events};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far the parts of an issue are.
#[derive(Serialize, ToSchema)]
pub struct PartProgress {
    total: usize,
    /// How many are closed.
    completed: usize,
}

/// Of what an issue is a part, and what its parts are.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartsView {
    parent: Option<OtherIssue>,
    /// In their order.
    sub_issues: Vec<OtherIssue>,
    progress: PartProgress,
}

impl PartsView {
    fn of(found: &Parts) -> axum::Json<Self> {
        let one = |part: &Part| OtherIssue::of(part.number, &part.title, part.state);
        axum::Json(Self {
            parent: found.whole.as_ref().map(one),
            sub_issues: found.parts.iter().map(one).collect(),
            progress: PartProgress {
                total: found.parts.len(),
                completed: found.done(),
            },
        })
    }
}

/// Shows of what an issue is a part, and what its parts are.
#[utoipa::path(get, path = "/api/repos/{owner}/{repo}/issues/{number}/sub-issues", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = PartsView), (status = 404)))]
pub async fn sub_issues(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<PartsView>, Failure> {
    let permit = reading(&site, &caller, &path).await?;
    let found = of_issues::get(&site.forge, permit, path.parse("number")?).await?;
    Ok(PartsView::of(&found))
}

/// The parts of an issue in the order that is wanted.
#[derive(Deserialize, ToSchema)]
pub struct OrderBody {
    /// The number of each part, once.
    numbers: Vec<i64>,
}

/// Puts the parts of an issue into another order.
#[utoipa::path(put, path = "/api/repos/{owner}/{repo}/issues/{number}/sub-issues", tag = "issues",
    request_body = OrderBody, params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = PartsView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn order(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<OrderBody>,
) -> Result<axum::Json<PartsView>, Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    let number = path.parse("number")?;
    let found = of_issues::order(&site.forge, permit, number, &body.numbers, site.now_ms()).await?;
    Ok(PartsView::of(&found))
}

/// Of what an issue is to be a part.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentBody {
    parent_number: i64,
}

async fn put(
    site: &Site,
    caller: &Caller,
    path: &Path,
    whole: Option<i64>,
) -> Result<axum::Json<PartsView>, Failure> {
    let permit = sorting(site, caller, path).await?;
    let number = path.parse("number")?;
    let found = of_issues::put(&site.forge, permit, number, whole, site.now_ms()).await?;
    Ok(PartsView::of(&found))
}

/// Makes an issue a part of another one. What would be a part of itself is refused.
#[utoipa::path(post, path = "/api/repos/{owner}/{repo}/issues/{number}/parent", tag = "issues",
    request_body = ParentBody, params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = PartsView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409), (status = 423)))]
pub async fn put_parent(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<ParentBody>,
) -> Result<axum::Json<PartsView>, Failure> {
    put(&site, &caller, &path, Some(body.parent_number)).await
}

/// Makes an issue a part of no other one.
#[utoipa::path(delete, path = "/api/repos/{owner}/{repo}/issues/{number}/parent", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = PartsView), (status = 401), (status = 403), (status = 404), (status = 423)))]
pub async fn remove_parent(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<PartsView>, Failure> {
    put(&site, &caller, &path, None).await
}

/// How an issue stands to another one.
#[derive(Serialize, ToSchema)]
pub struct RelationView {
    /// `blocks`, `blocked_by`, `relates_to`, `duplicates` or `duplicated_by`.
    r#type: &'static str,
    issue: OtherIssue,
}

/// How an issue stands to others.
#[derive(Serialize, ToSchema)]
pub struct Relations {
    relations: Vec<RelationView>,
}

impl Relations {
    fn of(found: &[Relation]) -> axum::Json<Self> {
        let one = |relation: &Relation| RelationView {
            r#type: relation.kind.as_str(),
            issue: OtherIssue::of(relation.number, &relation.title, relation.state),
        };
        axum::Json(Self {
            relations: found.iter().map(one).collect(),
        })
    }
}

/// Shows how an issue stands to others.
#[utoipa::path(get, path = "/api/repos/{owner}/{repo}/issues/{number}/relations", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = Relations), (status = 404)))]
pub async fn list_relations(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<Relations>, Failure> {
    let permit = reading(&site, &caller, &path).await?;
    let found = relations::list(&site.forge, permit, path.parse("number")?).await?;
    Ok(Relations::of(&found))
}

/// How an issue is to stand to another one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RelationBody {
    related_number: i64,
    /// `blocks`, `blocked_by`, `relates_to`, `duplicates` or `duplicated_by`.
    r#type: String,
}

/// Relates an issue to another one. What would wait for itself, or repeat itself, is refused.
#[utoipa::path(post, path = "/api/repos/{owner}/{repo}/issues/{number}/relations", tag = "issues",
    request_body = RelationBody, params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 201, body = Relations), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409), (status = 423)))]
pub async fn relate(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<RelationBody>,
) -> Result<(StatusCode, axum::Json<Relations>), Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    let (number, kind) = (path.parse("number")?, body.r#type.parse()?);
    let other = body.related_number;
    let found = relations::relate(&site.forge, permit, number, kind, other, site.now_ms()).await?;
    Ok((StatusCode::CREATED, Relations::of(&found)))
}

/// Which relation ends.
#[derive(Deserialize)]
pub struct RelationQuery {
    r#type: Option<String>,
}

/// Ends how an issue stands to another one: in one way, or in all.
#[utoipa::path(delete, path = "/api/repos/{owner}/{repo}/issues/{number}/relations/{relatedNumber}", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path),
        ("relatedNumber" = i64, Path), ("type" = Option<String>, Query)),
    responses((status = 200, body = Relations), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn unrelate(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(query): Query<RelationQuery>,
) -> Result<axum::Json<Relations>, Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    let kinds: Vec<Kind> = match query.r#type.as_deref() {
        None => Kind::ALL.to_vec(),
        Some(kind) => vec![kind.parse()?],
    };
    let (number, other) = (path.parse("number")?, path.parse("relatedNumber")?);
    let found = relations::unrelate(&site.forge, permit, number, &kinds, other, site.now_ms()).await?;
    Ok(Relations::of(&found))
}

/// Which issue is the one that counts.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DuplicateBody {
    canonical_number: i64,
}

/// Closes an issue because another one says the same.
#[utoipa::path(post, path = "/api/repos/{owner}/{repo}/issues/{number}/duplicate", tag = "issues",
    request_body = DuplicateBody, params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 200, body = IssueView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409), (status = 423)))]
pub async fn duplicate(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<DuplicateBody>,
) -> Result<axum::Json<IssueView>, Failure> {
    let permit = sorting(&site, &caller, &path).await?;
    let (number, of) = (path.parse("number")?, body.canonical_number);
    let issue = relations::close_as_duplicate(&site.forge, permit, number, of, site.now_ms()).await?;
    Ok(axum::Json(IssueView::of(&issue)))
}

/// A part of what was done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityList {
    activity: Vec<EventView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

type Answer = Result<(HeaderMap, axum::Json<ActivityList>), Failure>;

fn answer(site: &Site, uri: &Uri, found: &[events::Event], limit: i64) -> Answer {
    let full = i64::try_from(found.len()).is_ok_and(|length| length == limit);
    let last = found.last().filter(|_| full);
    let next = last.and_then(|event| parts::seal(site, [event.id]));
    let head = parts::head(site, uri, next.as_deref());
    let list = ActivityList {
        activity: found.iter().map(EventView::of).collect(),
        next_cursor: next,
    };
    Ok((head, axum::Json(list)))
}

/// Shows what was done to an issue, the oldest first.
#[utoipa::path(get, path = "/api/repos/{owner}/{repo}/issues/{number}/activity", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path),
        ("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ActivityList), (status = 400), (status = 404)))]
pub async fn activity(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(onward): Query<Onward>,
    uri: Uri,
) -> Answer {
    let limit = parts::limit(onward.limit, onward.per_page)?;
    let [after] = parts::open(&site, onward.cursor.as_deref())?.unwrap_or([0]);
    let permit = reading(&site, &caller, &path).await?;
    let number = path.parse("number")?;
    let found = events::history(&site.forge, permit, number, after, limit, site.now_ms()).await?;
    answer(&site, &uri, &found, limit)
}

/// Shows what was done to the issues of a repository, the latest first.
#[utoipa::path(get, path = "/api/repos/{owner}/{repo}/issues/activity", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path),
        ("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ActivityList), (status = 400), (status = 404)))]
pub async fn activity_of_all(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(onward): Query<Onward>,
    uri: Uri,
) -> Answer {
    let limit = parts::limit(onward.limit, onward.per_page)?;
    let before = parts::open(&site, onward.cursor.as_deref())?.map(|[before]| before);
    let permit = reading(&site, &caller, &path).await?;
    let found = events::of_repository(&site.forge, permit, before, limit, site.now_ms()).await?;
    answer(&site, &uri, &found, limit)
}

/// Says something about an issue.
#[utoipa::path(post, path = "/api/repos/{owner}/{repo}/issues/{number}/comments", tag = "issues",
    request_body = CommentBody, params(("owner" = String, Path), ("repo" = String, Path), ("number" = i64, Path)),
    responses((status = 201, body = CommentView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn comment(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<CommentBody>,
) -> Result<(StatusCode, axum::Json<CommentView>), Failure> {
    let permit = taking_part(&site, &caller, &path).await?;
    let number = path.parse("number")?;
    let said = comments::add(&site.forge, permit, number, &body.body, site.now_ms()).await?;
    Ok((StatusCode::CREATED, axum::Json(CommentView::of(&said))))
}

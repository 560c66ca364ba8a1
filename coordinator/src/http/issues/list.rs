//! Lists of issues, how many there are, and changes of many at once.

use super::super::extract::{Asked, Json, Path, Query};
use super::super::failure::Failure;
use super::super::parts;
use super::super::site::Site;
use super::{IssueView, reading, state_of, taking_part};
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};
use plue_contract::MilestoneId;
use plue_forge::issues::change::PersonRef;
use plue_forge::issues::labels::LabelRef;
use plue_forge::issues::search::{Filtered, Search, order};
use plue_forge::issues::{self, IssueChange, NewIssue, Reason, State as Standing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many issues are open, and how many closed.
#[derive(Serialize, ToSchema)]
pub struct CountsView {
    open: i64,
    closed: i64,
}

/// A part of a list of issues.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssueList {
    issues: Vec<IssueView>,
    /// Of the whole repository.
    counts: CountsView,
    /// How many pass the filter.
    total: i64,
    /// Where the next part begins, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which issues, and which part of them.
#[derive(Default, Deserialize)]
pub struct Wanted {
    state: Option<String>,
    label: Option<String>,
    labels: Option<String>,
    assignee: Option<String>,
    author: Option<String>,
    milestone: Option<String>,
    q: Option<String>,
    sort: Option<String>,
    direction: Option<String>,
    limit: Option<i64>,
    per_page: Option<i64>,
    offset: Option<i64>,
    page: Option<i64>,
    cursor: Option<String>,
}

impl Wanted {
    fn search(&self, me: Option<&str>) -> Result<Search, Failure> {
        let mut search = Search::parse(self.q.as_deref().unwrap_or_default(), me);
        let filter = &mut search.filter;
        if let Some(state) = state_of(self.state.as_deref())? {
            filter.state = Some(state.as_str());
        }
        let named = |text: &str| match (text.trim(), me) {
            ("none", _) => Filtered::None,
            ("*", _) => Filtered::Any,
            ("@me", Some(me)) => Filtered::Is(me.to_lowercase()),
            (text, _) => Filtered::Is(text.to_lowercase()),
        };
        let labels = [&self.label, &self.labels];
        let labels = labels.into_iter().flatten().flat_map(|text| text.split(','));
        filter
            .labels
            .extend(labels.filter(|one| !one.trim().is_empty()).map(named));
        filter.assignees.extend(self.assignee.as_deref().map(named));
        filter.author.extend(self.author.as_deref().map(named));
        filter.milestone.extend(self.milestone.as_deref().map(named));
        if let Some(sort) = &self.sort {
            let word = match &self.direction {
                Some(direction) => format!("{sort}-{direction}"),
                None => sort.clone(),
            };
            let said = "A list is sorted by created, updated or comments, as in `updated-desc`.";
            search.order = order(&word).ok_or_else(|| Failure::invalid("sort", said))?;
        }
        Ok(search)
    }
}

/// Lists the issues of a repository: all, or those that pass a filter.
#[utoipa::path(get, path = "/api/{owner}/{repo}/issues", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path),
        ("state" = Option<String>, Query, description = "`open`, `closed` or `all`"),
        ("labels" = Option<String>, Query, description = "Names of labels that they all have, with commas between"),
        ("assignee" = Option<String>, Query, description = "A name, `none` or `*`"),
        ("author" = Option<String>, Query), ("milestone" = Option<String>, Query, description = "A title, `none` or `*`"),
        ("q" = Option<String>, Query, description = "As in `is:open label:bug author:ada crash`"),
        ("sort" = Option<String>, Query, description = "`created`, `updated` or `comments`, and `-asc` or `-desc`"),
        ("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query), ("page" = Option<i64>, Query),
        ("per_page" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = IssueList), (status = 400), (status = 404)))]
pub async fn list(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Query(wanted): Query<Wanted>,
    uri: Uri,
) -> Result<(HeaderMap, axum::Json<IssueList>), Failure> {
    let me = caller.name().map(ToString::to_string);
    let search = wanted.search(me.as_deref())?;
    let order = search.order as i64;
    let after = parts::open::<3>(&site, wanted.cursor.as_deref())?;
    if after.is_some_and(|[of, ..]| of != order) {
        return Err(Failure::invalid(
            "cursor",
            "This cursor is of a list in another order.",
        ));
    }
    let limit = parts::limit(wanted.limit, wanted.per_page)?;
    let query = issues::list::Query {
        search,
        offset: match after {
            Some(_) => 0,
            None => parts::offset(wanted.offset, wanted.page, limit)?,
        },
        after: after.map(|[_, key, number]| (key, number)),
        limit,
    };
    let permit = reading(&site, &caller, &path).await?;
    let part = issues::list::list(&site.forge, permit, &query).await?;
    let next = part
        .next
        .and_then(|(key, number)| parts::seal(&site, [order, key, number]));
    let head = parts::head(&site, &uri, next.as_deref());
    let list = IssueList {
        issues: part.issues.iter().map(IssueView::of).collect(),
        counts: CountsView {
            open: part.counts.0,
            closed: part.counts.1,
        },
        total: part.total,
        next_cursor: next,
    };
    Ok((head, axum::Json(list)))
}

/// Counts the issues of a repository.
#[utoipa::path(get, path = "/api/{owner}/{repo}/issues/counts", tag = "issues",
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = CountsView), (status = 404)))]
pub async fn counts(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
) -> Result<axum::Json<CountsView>, Failure> {
    let permit = reading(&site, &caller, &path).await?;
    let (open, closed) = issues::counts(&site.forge, permit).await?;
    Ok(axum::Json(CountsView { open, closed }))
}

/// An issue that is to be opened. All but title and body takes somebody who triages.
#[derive(Deserialize, ToSchema)]
pub struct NewIssueBody {
    title: String,
    body: Option<String>,
    /// Names of labels.
    #[serde(default)]
    labels: Vec<String>,
    /// Names of accounts.
    #[serde(default)]
    assignees: Vec<String>,
    milestone_id: Option<i64>,
    /// In seconds since 1970.
    due_date: Option<i64>,
}

/// Opens an issue.
#[utoipa::path(post, path = "/api/{owner}/{repo}/issues", tag = "issues", request_body = NewIssueBody,
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 201, body = IssueView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn create(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<NewIssueBody>,
) -> Result<(StatusCode, axum::Json<IssueView>), Failure> {
    let permit = taking_part(&site, &caller, &path).await?;
    let new = NewIssue {
        title: body.title,
        body: body.body.unwrap_or_default(),
        with: IssueChange {
            add_labels: body.labels,
            add_assignees: people("assignees", &body.assignees)?,
            milestone: body.milestone_id.map(|id| Some(MilestoneId(id))),
            due_at_ms: body.due_date.map(|due| Some(super::milliseconds(due))),
            ..IssueChange::default()
        },
        of_template: Vec::new(),
    };
    let made = issues::create(&site.forge, permit, new, site.now_ms()).await?;
    Ok((StatusCode::CREATED, axum::Json(IssueView::of(&made))))
}

/// People whom a request names.
pub fn people(field: &str, names: &[String]) -> Result<Vec<PersonRef>, Failure> {
    let read = |name: &String| name.trim().parse().map(PersonRef::Name);
    let read: Result<Vec<_>, _> = names.iter().map(read).collect();
    read.map_err(|_| Failure::invalid(field, "There is no such account."))
}

/// What is to change of several issues, in each of them alike.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ManyBody {
    /// Their numbers, at most 100.
    numbers: Vec<i64>,
    state: Option<String>,
    state_reason: Option<String>,
    #[serde(default)]
    add_labels: Vec<String>,
    #[serde(default)]
    remove_labels: Vec<String>,
    #[serde(default)]
    add_assignees: Vec<String>,
    #[serde(default)]
    remove_assignees: Vec<String>,
    /// A milestone's id, or null for none.
    #[serde(default, deserialize_with = "super::super::extract::three_ways")]
    #[schema(value_type = Option<i64>)]
    milestone_id: Option<Option<i64>>,
    locked: Option<bool>,
}

/// The issues after a change of several.
#[derive(Serialize, ToSchema)]
pub struct ManyIssues {
    issues: Vec<IssueView>,
}

/// What a request says of a state.
pub fn state_change(
    state: Option<&str>,
    reason: Option<&str>,
) -> Result<Option<(Standing, Option<Reason>)>, Failure> {
    let reason: Option<Reason> = reason.map(str::parse).transpose()?;
    Ok(match state {
        None => None,
        Some(state) => Some((state.parse()?, reason)),
    })
}

/// Changes several issues in the same way, all or none.
#[utoipa::path(patch, path = "/api/{owner}/{repo}/issues", tag = "issues", request_body = ManyBody,
    params(("owner" = String, Path), ("repo" = String, Path)),
    responses((status = 200, body = ManyIssues), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 423)))]
pub async fn change_many(
    State(site): State<Site>,
    Asked(caller): Asked,
    path: Path,
    Json(body): Json<ManyBody>,
) -> Result<axum::Json<ManyIssues>, Failure> {
    let permit = taking_part(&site, &caller, &path).await?;
    let change = IssueChange {
        state: state_change(body.state.as_deref(), body.state_reason.as_deref())?,
        add_labels: body.add_labels,
        remove_labels: body.remove_labels.into_iter().map(LabelRef::Name).collect(),
        add_assignees: people("addAssignees", &body.add_assignees)?,
        remove_assignees: people("removeAssignees", &body.remove_assignees)?,
        milestone: body.milestone_id.map(|id| id.map(MilestoneId)),
        locked: body.locked,
        ..IssueChange::default()
    };
    let changed =
        issues::change::change_many(&site.forge, permit, &body.numbers, change, site.now_ms()).await?;
    Ok(axum::Json(ManyIssues {
        issues: changed.iter().map(IssueView::of).collect(),
    }))
}

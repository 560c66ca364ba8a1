//! Whatever changes of an issue: what it takes, what is written, and what its history says.

use super::events::{Kind, announce, tell};
use super::labels::{LabelRef, resolve};
use super::{Issue, MAX_MARKS, Person, Reason, State, fields, find, held};
use crate::access::Permit;
use crate::access::issues::{Hold, Seat, TakePart};
use crate::access::repositories::account_reads;
use crate::events::Doer;
use crate::{Error, Forge};
use plue_contract::{AccountId, AccountName, LabelId, MilestoneId, RepoId};
use plue_store::issues::{self as rows, ChangeRow};
use plue_store::{Tx, accounts as account_rows};
use serde_json::{Value, json};

/// The most issues that are changed at once.
pub const MAX_AT_ONCE: usize = 100;
/// The most issues that stand above a list.
pub const MAX_PINNED: usize = 3;

/// Somebody, by one of the two ways in which they are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonRef {
    /// By their account's id.
    Id(AccountId),
    /// By its name.
    Name(AccountName),
}

/// What of an issue is to change; what is none or empty stays. What would change nothing does
/// nothing, and is written nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssueChange {
    /// Another title.
    pub title: Option<String>,
    /// Another body.
    pub body: Option<String>,
    /// Opened again, or closed for a reason.
    pub state: Option<(State, Option<Reason>)>,
    /// These labels, and no others.
    pub labels: Option<Vec<String>>,
    /// These labels too.
    pub add_labels: Vec<String>,
    /// Without these labels.
    pub remove_labels: Vec<LabelRef>,
    /// Assigned to these, and to nobody else.
    pub assignees: Option<Vec<PersonRef>>,
    /// Assigned to these too.
    pub add_assignees: Vec<PersonRef>,
    /// Taken off these.
    pub remove_assignees: Vec<PersonRef>,
    /// Another milestone, or none.
    pub milestone: Option<Option<MilestoneId>>,
    /// Due at another moment, in milliseconds since 1970, or never.
    pub due_at_ms: Option<Option<i64>>,
    /// Whether only those who triage may say more.
    pub locked: Option<bool>,
    /// Whether it stands above the list.
    pub pinned: Option<bool>,
}

impl IssueChange {
    /// Closes, or opens again.
    pub fn state(state: State, reason: Option<Reason>) -> Self {
        Self {
            state: Some((state, reason)),
            ..Self::default()
        }
    }

    /// Whether it takes somebody who triages: an author may say something else, close and open again.
    fn is_triage(&self) -> bool {
        let own = Self {
            title: self.title.clone(),
            body: self.body.clone(),
            state: self.state,
            ..Self::default()
        };
        own != *self
    }

    /// Whether it counts, or looks at more than the issue itself.
    fn hold(&self) -> Hold {
        match self.state.is_some() || self.pinned.is_some() {
            true => Hold::Repository,
            false => Hold::Nothing,
        }
    }
}

/// By whom an issue is changed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    /// Somebody who sits in the repository, and may do what their role says.
    Seat(&'a Seat),
    /// A template of the repository, used by somebody.
    Template(&'a Seat),
    /// A commit, pushed by somebody.
    Commit {
        /// The repository of the issue.
        repository: RepoId,
        /// Who pushed it; none: no account did.
        account: Option<AccountId>,
        /// What the issue's history says of it.
        source: &'a Value,
    },
}

impl By<'_> {
    fn repository(self) -> RepoId {
        match self {
            Self::Seat(seat) | Self::Template(seat) => seat.repository.id,
            Self::Commit { repository, .. } => repository,
        }
    }

    fn actor(self) -> Option<AccountId> {
        match self {
            Self::Seat(seat) | Self::Template(seat) => Some(seat.account),
            Self::Commit { account, .. } => account,
        }
    }

    /// What the history says of a state that is another one now.
    fn why(self, reason: Option<&str>) -> Value {
        let mut detail = match self {
            Self::Commit { source, .. } => source.clone(),
            Self::Seat(_) | Self::Template(_) => json!({}),
        };
        detail["reason"] = json!(reason);
        detail
    }

    fn may(self, issue: &Issue, change: &IssueChange) -> Result<(), Error> {
        let Self::Seat(seat) = self else {
            return Ok(());
        };
        if *change == IssueChange::default() || seat.triages() {
            return Ok(());
        }
        if change.is_triage() {
            return Err(Error::Forbidden(
                "You may take part in this repository, and not sort its issues; its owner can change that."
                    .to_owned(),
            ));
        }
        if issue.author.id != seat.account {
            return Err(Error::Forbidden(
                "Only who opened this issue may change it, and those who sort the repository's issues."
                    .to_owned(),
            ));
        }
        if issue.locked {
            return Err(locked());
        }
        Ok(())
    }
}

/// What is said where somebody who does not triage would say more.
pub(super) fn locked() -> Error {
    Error::Forbidden(
        "This issue is locked: only those who sort the repository's issues may say more.".to_owned(),
    )
}

/// Changes one issue. Its author may change what it says, close it and open it again; all else takes
/// somebody who triages.
pub async fn change(
    forge: &Forge,
    permit: Permit<TakePart>,
    number: i64,
    change: IssueChange,
    now_ms: i64,
) -> Result<Issue, Error> {
    let mut changed = change_many(forge, permit, &[number], change, now_ms).await?;
    changed.pop().ok_or(Error::NotFound)
}

/// Changes several issues in the same way, all or none; at most [`MAX_AT_ONCE`].
pub async fn change_many(
    forge: &Forge,
    permit: Permit<TakePart>,
    numbers: &[i64],
    change: IssueChange,
    now_ms: i64,
) -> Result<Vec<Issue>, Error> {
    if numbers.is_empty() || numbers.len() > MAX_AT_ONCE {
        return Err(Error::invalid(
            "numbers",
            format!("1 to {MAX_AT_ONCE} issues are changed at once"),
        ));
    }
    let change = IssueChange {
        title: change.title.as_deref().map(fields::title).transpose()?,
        body: change.body.as_deref().map(fields::body).transpose()?,
        due_at_ms: match change.due_at_ms {
            Some(Some(ms)) => Some(Some(fields::due(ms)?)),
            other => other,
        },
        ..change
    };
    // In one order, so that two who change the same issues do not wait for each other.
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let (permit, change, sorted) = (&permit, &change, &sorted);
    forge
        .store()
        .in_tx("issues.change", |tx| {
            Box::pin(async move {
                let seat = permit.check_again(tx, change.hold(), now_ms).await?;
                let mut changed = Vec::with_capacity(sorted.len());
                for &number in sorted {
                    let issue = held(tx, seat.repository.id, number).await?;
                    let told = apply(tx, By::Seat(&seat), &issue, change, now_ms).await?;
                    let after = find(tx, seat.repository.id, number).await?;
                    announce(
                        tx,
                        &Doer::of(permit.caller()),
                        (seat.repository.id, &issue, &after),
                        &told,
                        now_ms,
                    )
                    .await?;
                    changed.push(after);
                }
                Ok(changed)
            })
        })
        .await
}

/// Changes an issue that the transaction holds, writes down what was done, and answers it, so that it is
/// announced. Where the change closes, opens or pins, the transaction holds the repository too.
pub(crate) async fn apply(
    tx: &mut Tx<'_>,
    by: By<'_>,
    issue: &Issue,
    change: &IssueChange,
    now_ms: i64,
) -> Result<Told, Error> {
    by.may(issue, change)?;
    let mut told = Vec::new();
    let mut row = ChangeRow::default();
    if let Some(title) = change.title.as_deref().filter(|title| *title != issue.title) {
        row.title = Some(title);
        told.push((Kind::Renamed, json!({ "from": issue.title, "to": title })));
    }
    if let Some(body) = change.body.as_deref().filter(|body| *body != issue.body) {
        row.body = Some(body);
        told.push((Kind::Edited, json!({})));
    }
    if let Some(locked) = change.locked.filter(|locked| *locked != issue.locked) {
        row.locked = Some(locked);
        told.push((if locked { Kind::Locked } else { Kind::Unlocked }, json!({})));
    }
    if let Some(due) = change.due_at_ms.filter(|due| *due != issue.due_at_ms) {
        row.due_at_ms = Some(due);
        told.push((Kind::DueChanged, json!({ "from": issue.due_at_ms, "to": due })));
    }
    if let Some(milestone) = change.milestone {
        told.extend(milestone_of(tx, by, issue, milestone, &mut row).await?);
    }
    told.extend(labels(tx, by, issue, change, now_ms).await?);
    told.extend(assignees(tx, by, issue, change, now_ms).await?);
    told.extend(pin(tx, by, issue, change, now_ms).await?);
    told.extend(state(tx, by, issue, change, now_ms).await?);
    if told.is_empty() {
        return Ok(told);
    }
    rows::update(tx, issue.id, row, now_ms).await?;
    for (kind, detail) in &told {
        tell(tx, by.repository(), issue.id, by.actor(), *kind, detail, now_ms).await?;
    }
    Ok(told)
}

/// Those of the names that labels of the repository have.
pub(super) async fn known_labels(
    tx: &mut Tx<'_>,
    repository: RepoId,
    names: &[String],
) -> Result<Vec<String>, Error> {
    let mut known = Vec::new();
    for name in names {
        known.extend(resolve(tx, repository, &LabelRef::Name(name.clone())).await?);
    }
    Ok(known.into_iter().map(|label| label.name).collect())
}

/// What was done to an issue, as its history says it.
pub(crate) type Told = Vec<(Kind, Value)>;

async fn milestone_of<'a>(
    tx: &mut Tx<'_>,
    by: By<'_>,
    issue: &Issue,
    to: Option<MilestoneId>,
    row: &mut ChangeRow<'a>,
) -> Result<Told, Error> {
    let from = issue.milestone.as_ref();
    if from.map(|(id, _)| *id) == to {
        return Ok(Vec::new());
    }
    row.milestone = Some(to);
    let title = match to {
        None => None,
        Some(id) => {
            let found = rows::milestones::find(tx, by.repository(), id).await?;
            let missing = || Error::invalid("milestone_id", "the repository has no such milestone");
            Some(found.ok_or_else(missing)?.title)
        }
    };
    let kind = match (from, to) {
        (None, _) => Kind::MilestoneAdded,
        (Some(_), None) => Kind::MilestoneRemoved,
        (Some(_), Some(_)) => Kind::MilestoneChanged,
    };
    let detail = json!({ "from": from.map(|(_, title)| title), "to": title });
    Ok(vec![(kind, detail)])
}

async fn labels(
    tx: &mut Tx<'_>,
    by: By<'_>,
    issue: &Issue,
    change: &IssueChange,
    now_ms: i64,
) -> Result<Told, Error> {
    let mut told = Vec::new();
    let wanted = change.labels.iter().flatten().chain(&change.add_labels);
    let mut kept: Vec<LabelId> = Vec::new();
    let mut count = issue.labels.len();
    for name in wanted {
        let label = resolve(tx, by.repository(), &LabelRef::Name(name.clone())).await?;
        let label =
            label.ok_or_else(|| Error::invalid("labels", format!("there is no label `{}`", name.trim())))?;
        kept.push(label.id);
        if rows::labels::put(tx, issue.id, label.id, now_ms).await? {
            count += 1;
            told.push((
                Kind::LabelAdded,
                json!({ "label": label.name, "color": label.color }),
            ));
        }
    }
    let mut gone = Vec::new();
    if change.labels.is_some() {
        gone.extend(
            issue
                .labels
                .iter()
                .filter(|label| !kept.contains(&label.id))
                .cloned(),
        );
    }
    for named in &change.remove_labels {
        // What is not there need not be taken off; what the repository has not is not found.
        gone.extend(match named {
            LabelRef::Id(_) => Some(
                resolve(tx, by.repository(), named)
                    .await?
                    .ok_or(Error::NotFound)?,
            ),
            LabelRef::Name(_) => resolve(tx, by.repository(), named).await?,
        });
    }
    for label in gone {
        if rows::labels::remove(tx, issue.id, label.id).await? {
            count -= 1;
            told.push((
                Kind::LabelRemoved,
                json!({ "label": label.name, "color": label.color }),
            ));
        }
    }
    too_many("labels", count)?;
    Ok(told)
}

fn too_many(field: &'static str, count: usize) -> Result<(), Error> {
    match count > MAX_MARKS {
        true => Err(Error::invalid(
            field,
            format!("an issue has at most {MAX_MARKS} of them"),
        )),
        false => Ok(()),
    }
}

async fn assignees(
    tx: &mut Tx<'_>,
    by: By<'_>,
    issue: &Issue,
    change: &IssueChange,
    now_ms: i64,
) -> Result<Told, Error> {
    let mut told = Vec::new();
    let mut kept = Vec::new();
    let mut count = issue.assignees.len();
    for named in change.assignees.iter().flatten().chain(&change.add_assignees) {
        let person = person(tx, named)
            .await?
            .ok_or_else(|| Error::invalid("assignees", "there is no such account"))?;
        kept.push(person.id);
        if !account_reads(tx, by.repository(), person.id).await? {
            return Err(Error::invalid(
                "assignees",
                format!("{} may not read this repository", person.name),
            ));
        }
        if rows::marks::assign(tx, issue.id, person.id, now_ms).await? {
            count += 1;
            let detail = json!({ "assignee": person.name.as_str(), "assigneeId": person.id });
            told.push((Kind::AssigneeAdded, detail));
        }
    }
    let mut gone = Vec::new();
    if change.assignees.is_some() {
        let others = issue.assignees.iter().filter(|one| !kept.contains(&one.id));
        gone.extend(others.cloned());
    }
    for named in &change.remove_assignees {
        gone.extend(person(tx, named).await?);
    }
    for person in gone {
        if rows::marks::unassign(tx, issue.id, person.id).await? {
            count -= 1;
            let detail = json!({ "assignee": person.name.as_str(), "assigneeId": person.id });
            told.push((Kind::AssigneeRemoved, detail));
        }
    }
    too_many("assignees", count)?;
    Ok(told)
}

async fn person(tx: &mut Tx<'_>, named: &PersonRef) -> Result<Option<Person>, Error> {
    let row = match named {
        PersonRef::Id(id) => account_rows::by_id(tx, *id).await?,
        PersonRef::Name(name) => account_rows::by_name(tx, name).await?,
    };
    let row = row.filter(|row| !row.is_organisation);
    Ok(row.map(|row| Person {
        id: row.id,
        name: row.name,
    }))
}

async fn pin(
    tx: &mut Tx<'_>,
    by: By<'_>,
    issue: &Issue,
    change: &IssueChange,
    now_ms: i64,
) -> Result<Told, Error> {
    let Some(pinned) = change.pinned.filter(|pinned| *pinned != issue.pinned) else {
        return Ok(Vec::new());
    };
    if !pinned {
        rows::marks::unpin(tx, issue.id).await?;
        return Ok(vec![(Kind::Unpinned, json!({}))]);
    }
    if rows::marks::pinned(tx, by.repository()).await?.len() >= MAX_PINNED {
        return Err(Error::conflict(
            "",
            format!("{MAX_PINNED} issues are pinned already; unpin one first"),
        ));
    }
    rows::marks::pin(tx, by.repository(), issue.id, now_ms).await?;
    Ok(vec![(Kind::Pinned, json!({}))])
}

async fn state(
    tx: &mut Tx<'_>,
    by: By<'_>,
    issue: &Issue,
    change: &IssueChange,
    now_ms: i64,
) -> Result<Told, Error> {
    let Some((state, reason)) = change.state else {
        return Ok(Vec::new());
    };
    let reason = (state == State::Closed).then(|| reason.or(issue.reason).unwrap_or_default());
    let written = reason.map(Reason::as_str);
    if rows::set_closed(tx, issue.id, written, by.actor(), now_ms).await? {
        let (kind, open) = match state {
            State::Closed => (Kind::Closed, -1),
            State::Open => (Kind::Reopened, 1),
        };
        rows::count(tx, by.repository(), open, -open).await?;
        return Ok(vec![(kind, by.why(written))]);
    }
    // Closed already, and now for another reason.
    match written {
        Some(written) if reason != issue.reason => {
            rows::set_reason(tx, issue.id, written).await?;
            Ok(vec![(Kind::Closed, by.why(Some(written)))])
        }
        _ => Ok(Vec::new()),
    }
}

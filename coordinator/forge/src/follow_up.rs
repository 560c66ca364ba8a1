//! What follows from what happened: whoever is named, or takes part, hears of it; issues that are named
//! say where; those that a commit of the default bookmark closes are closed.
//!
//! The job reads the event that its cause has written down in the same transaction. What it does is
//! written once, however often it is done.

use crate::access::repositories::account_reads;
use crate::browse::pushed::commits;
use crate::events::Doer;
use crate::issues::change::{By, apply};
use crate::issues::events::{FROM, Kind, announce, tell};
use crate::issues::references::{self, Named, scan, scan_markdown};
use crate::issues::{IssueChange, Reason, State, find, held};
use crate::notifications::{self, News, To};
use crate::repositories::Repository;
use crate::roles::Role;
use crate::{Error, Forge, events};
use plue_contract::events::{Event, Issue, Pushed};
use plue_contract::{AccountId, IssueId, RepoId, RepoPath};
use plue_store::issues::{self as issue_rows, references as reference_rows, subscriptions};
use plue_store::repositories::{self as repository_rows, Viewer};
use plue_store::{Conn, accounts as account_rows, events as rows};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The most commits of one push that are read, the newest first.
const MAX_COMMITS: usize = 2_000;
/// The most bytes of a message that are read.
const MAX_MESSAGE: usize = 64 * 1024;

/// Whether anything follows from an event.
pub(crate) fn follows(event: &Event) -> bool {
    match event {
        Event::IssueEdited(of) => of.body,
        Event::IssueCreated(_)
        | Event::IssueCommented(_)
        | Event::IssueCommentEdited(_)
        | Event::IssueClosed(_)
        | Event::IssueReopened(_)
        | Event::IssueAssigned(_) => true,
        Event::RepoPushed(of) => of.after.is_some() && of.r#ref.starts_with("refs/heads/"),
        _ => false,
    }
}

/// What an event says that was not said before, if it says anything.
fn said(event: &Event) -> Option<&str> {
    match event {
        Event::IssueCreated(of) => of.issue.body.as_deref(),
        Event::IssueEdited(of) => of.issue.body.as_deref(),
        Event::IssueCommented(of) => Some(&of.comment.body),
        Event::IssueCommentEdited(of) => Some(&of.comment.body),
        _ => None,
    }
}

/// Does what follows from events.
///
/// `only` are the repositories in which who caused them may do something, where there is such a list.
pub(crate) async fn run(
    forge: &Forge,
    ids: &[i64],
    only: Option<&[RepoId]>,
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    for &id in ids {
        let found = {
            let mut conn = forge.store().read().await?;
            match rows::find(&mut conn, id).await? {
                None => None,
                Some(row) => events::repository_of(&mut conn, row.repository_id)
                    .await?
                    .map(|repository| (row, repository)),
            }
        };
        // What is gone meanwhile interests nobody.
        let Some((row, repository)) = found.filter(|(_, of)| of.deleted_at_ms.is_none()) else {
            continue;
        };
        let cause = Cause {
            event: row.id,
            at_ms: row.at_ms,
            doer: Doer {
                id: row.actor_id.map(AccountId),
                name: row.actor.clone(),
                only: only.map(<[RepoId]>::to_vec),
                request_id: request_id.to_owned(),
            },
            repository: &repository,
        };
        let mut event = events::envelope(&row, &repository)?.event;
        if let Some(issue) = event.issue_mut().cloned()
            && is_there(forge, &repository, &issue).await?
        {
            cause.of_issue(forge, &event, &issue, now_ms).await?;
        }
        if let Event::RepoPushed(pushed) = &event {
            cause.of_push(forge, pushed, now_ms).await?;
        }
    }
    Ok(())
}

/// The beginning of a message.
fn begin_of(message: &str) -> &str {
    message
        .get(..message.floor_char_boundary(MAX_MESSAGE))
        .unwrap_or(message)
}

async fn is_there(forge: &Forge, repository: &Repository, issue: &Issue) -> Result<bool, Error> {
    let mut conn = forge.store().read().await?;
    let found = issue_rows::find(&mut conn, repository.id, issue.number).await?;
    Ok(found.is_some_and(|found| found.id == issue.id))
}

/// What it follows from.
struct Cause<'a> {
    event: i64,
    at_ms: i64,
    doer: Doer,
    repository: &'a Repository,
}

/// An issue that is named.
struct Target {
    /// Where it is.
    repository: RepoId,
    issue: IssueId,
    number: i64,
    /// Whether it is to be closed.
    closes: bool,
}

/// Where an issue is named.
enum Source<'a> {
    /// In this issue, or in what was said about it.
    Issue(&'a Issue),
    /// In the message of the commit of this id.
    Commit(&'a str),
}

impl Source<'_> {
    fn key(&self) -> String {
        match self {
            Self::Issue(issue) => format!("issue:{}", issue.id),
            Self::Commit(id) => format!("commit:{id}"),
        }
    }

    /// What the history of an issue in the repository `to` says of it.
    fn detail(&self, from: RepoId, to: RepoId) -> Value {
        let mut detail = match self {
            Self::Issue(issue) => json!({ "number": issue.number }),
            Self::Commit(id) => json!({ "commit": id }),
        };
        if from != to {
            detail[FROM] = json!(from);
        }
        detail
    }
}

impl Cause<'_> {
    async fn of_issue(&self, forge: &Forge, event: &Event, issue: &Issue, now_ms: i64) -> Result<(), Error> {
        let id = IssueId(issue.id);
        let found = said(event).map(scan_markdown).unwrap_or_default();
        let named = self.readers(forge, &found).await?;
        let new = self.name(forge, id, &named, now_ms).await?;
        let to = match event {
            // What was said before was told before.
            Event::IssueEdited(_) | Event::IssueCommentEdited(_) => To::These(new),
            Event::IssueAssigned(of) => To::These(vec![AccountId(of.assignee.id)]),
            _ => To::Everybody,
        };
        let news = News {
            event: self.event,
            at_ms: self.at_ms,
            actor: self.doer.id,
            repository: self.repository,
            issue: id,
            named: &named,
        };
        notifications::tell(forge, &news, &to, &self.doer.request_id, now_ms).await?;
        for target in self.targets(forge, &found, false).await? {
            if target.issue != id {
                self.refer(forge, &Source::Issue(issue), &target, now_ms).await?;
            }
        }
        Ok(())
    }

    /// Only what comes to the default bookmark counts: what is proposed elsewhere may never come.
    async fn of_push(&self, forge: &Forge, pushed: &Pushed, now_ms: i64) -> Result<(), Error> {
        if pushed.r#ref != format!("refs/heads/{}", self.repository.default_bookmark) {
            return Ok(());
        }
        let found = commits(forge, self.repository, pushed, MAX_COMMITS).await?;
        let Some((commits, _)) = found else {
            return Ok(());
        };
        for commit in commits.iter().rev() {
            let found = scan(begin_of(&commit.message));
            let id = commit.oid.to_string();
            for target in self.targets(forge, &found, true).await? {
                self.refer(forge, &Source::Commit(&id), &target, now_ms).await?;
            }
        }
        Ok(())
    }

    /// The issues that are named, as far as whoever names them may read them; of those that they say
    /// they close the ones that they may.
    async fn targets(
        &self,
        forge: &Forge,
        found: &[references::Found],
        by_commit: bool,
    ) -> Result<Vec<Target>, Error> {
        let mut targets: Vec<Target> = Vec::new();
        let mut conn = forge.store().read().await?;
        for one in found {
            let Named::Issue {
                repository,
                number,
                closes,
            } = &one.named
            else {
                continue;
            };
            let (id, may) = match repository {
                None => (self.repository.id, true),
                Some(path) => match self.other(&mut conn, path).await? {
                    Some(found) => found,
                    None => continue,
                },
            };
            let closes = by_commit && *closes && may;
            let Some(issue) = issue_rows::find(&mut conn, id, *number).await? else {
                continue;
            };
            let issue = IssueId(issue.id);
            match targets.iter_mut().find(|target| target.issue == issue) {
                Some(target) => target.closes |= closes,
                None => targets.push(Target {
                    repository: id,
                    issue,
                    number: *number,
                    closes,
                }),
            }
        }
        Ok(targets)
    }

    /// A repository that is named by its path, and whether issues may be closed there; none where whoever
    /// names it may not read it, or it is archived.
    async fn other(&self, conn: &mut Conn, path: &RepoPath) -> Result<Option<(RepoId, bool)>, Error> {
        if self.repository.path().key() == path.key() {
            return Ok(Some((self.repository.id, true)));
        }
        // Only an account is anybody elsewhere.
        let Some(account) = self.doer.id else {
            return Ok(None);
        };
        let viewer = Viewer::Account(account, self.doer.only.clone());
        let found = repository_rows::find(conn, path, Some(account), &viewer).await?;
        let Some(found) = found.filter(|found| !found.repository.archived) else {
            return Ok(None);
        };
        let id = RepoId(found.repository.id);
        let within = self.doer.only.as_ref().is_none_or(|only| only.contains(&id));
        let role = found.rank.and_then(Role::of_rank);
        Ok(Some((
            id,
            id == self.repository.id || (within && role >= Some(Role::Triage)),
        )))
    }

    /// Writes into the history of an issue where it is named, once, and closes it where that says so.
    async fn refer(
        &self,
        forge: &Forge,
        source: &Source<'_>,
        target: &Target,
        now_ms: i64,
    ) -> Result<(), Error> {
        let (key, detail) = (
            &source.key(),
            &source.detail(self.repository.id, target.repository),
        );
        forge
            .store()
            .in_tx("follow_up.refer", |tx| {
                Box::pin(async move {
                    if target.closes {
                        repository_rows::lock(tx, target.repository).await?;
                    }
                    let issue = match held(tx, target.repository, target.number).await {
                        Ok(issue) if issue.id == target.issue => issue,
                        Ok(_) | Err(Error::NotFound) => return Ok(()),
                        Err(error) => return Err(error),
                    };
                    if !reference_rows::put(tx, issue.id, self.repository.id, key, now_ms).await? {
                        return Ok(());
                    }
                    let (repository, actor) = (target.repository, self.doer.id);
                    tell(tx, repository, issue.id, actor, Kind::Referenced, detail, now_ms).await?;
                    if !target.closes || issue.state == State::Closed {
                        return Ok(());
                    }
                    let by = By::Commit {
                        repository,
                        account: actor,
                        source: detail,
                    };
                    let close = IssueChange::state(State::Closed, Some(Reason::Completed));
                    let told = apply(tx, by, &issue, &close, now_ms).await?;
                    let after = find(tx, repository, target.number).await?;
                    announce(tx, &self.doer, (repository, &issue, &after), &told, now_ms).await
                })
            })
            .await
    }

    /// Those people who are named and may read what names them.
    async fn readers(
        &self,
        forge: &Forge,
        found: &[references::Found],
    ) -> Result<BTreeSet<AccountId>, Error> {
        let mut readers = BTreeSet::new();
        let mut conn = forge.store().read().await?;
        for one in found {
            let Named::Person(name) = &one.named else {
                continue;
            };
            let found = account_rows::by_name(&mut conn, name).await?;
            let Some(found) = found.filter(|found| !found.is_organisation && !found.is_disabled) else {
                continue;
            };
            if self.doer.id == Some(found.id) {
                continue;
            }
            if account_reads(&mut conn, self.repository.id, found.id).await? {
                readers.insert(found.id);
            }
        }
        Ok(readers)
    }

    /// Writes down who was named; those who were not before.
    async fn name(
        &self,
        forge: &Forge,
        issue: IssueId,
        named: &BTreeSet<AccountId>,
        now_ms: i64,
    ) -> Result<Vec<AccountId>, Error> {
        if named.is_empty() {
            return Ok(Vec::new());
        }
        forge
            .store()
            .in_tx("follow_up.name", |tx| {
                Box::pin(async move {
                    for &account in named {
                        subscriptions::name(tx, issue, account, self.event, now_ms).await?;
                    }
                    Ok::<_, Error>(subscriptions::named_by(tx, issue, self.event).await?)
                })
            })
            .await
    }
}

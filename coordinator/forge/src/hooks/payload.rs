//! What a webhook is sent: an event's envelope with what only webhooks have, or the same in GitHub's
//! shape. Addresses in it lead to the site's own pages and routes.

use super::{Format, HookRow};
use crate::browse::{Commit as Found, pushed::commits as pushed_commits};
use crate::events;
use crate::repositories::Repository;
use crate::{Error, Forge};
use plue_contract::events::{Comment, Commit, Envelope, Event, Issue, Person, Pushed, Topic, Was, moment};
use plue_store::events::EventRow;
use plue_store::issues as issue_rows;
use serde_json::{Value, json};

/// The most commits that a push is told with.
const MAX_COMMITS: usize = 50;
/// What GitHub writes where a ref is not there.
const ZERO: &str = "0000000000000000000000000000000000000000";

/// The body of the request that tells a webhook of an event.
pub(super) async fn body(
    forge: &Forge,
    hook: &HookRow,
    event: &EventRow,
    repository: &Repository,
) -> Result<String, Error> {
    let mut envelope = events::envelope(event, repository)?;
    fill(forge, repository, &mut envelope.event).await?;
    let said = match hook.format.parse::<Format>()? {
        Format::Native => serde_json::to_string(&envelope),
        Format::Github => serde_json::to_string(&github(&envelope, hook, &forge.outward()?.origin)),
    };
    said.map_err(|error| Error::Internal(format!("a webhook's body: {error}")))
}

/// Adds what live streams do without: the commits of a push, and the text of an issue.
async fn fill(forge: &Forge, repository: &Repository, event: &mut Event) -> Result<(), Error> {
    if let Event::RepoPushed(pushed) = event {
        return commits(forge, repository, pushed).await;
    }
    if let Some(issue) = event.issue_mut().filter(|issue| issue.body.is_none()) {
        let mut conn = forge.store().read().await?;
        let found = issue_rows::find(&mut conn, repository.id, issue.number).await?;
        issue.body = found.map(|found| found.body);
    }
    Ok(())
}

async fn commits(forge: &Forge, repository: &Repository, pushed: &mut Pushed) -> Result<(), Error> {
    let Some((found, forced)) = pushed_commits(forge, repository, pushed, MAX_COMMITS).await? else {
        pushed.forced = None;
        return Ok(());
    };
    let told = |commit: Found| Commit {
        sha: commit.oid.to_string(),
        message: commit.message,
        author: commit.author.name,
        email: commit.author.email,
        at: moment(commit.author.time_ms),
    };
    pushed.commits = Some(found.into_iter().rev().map(told).collect());
    pushed.forced = Some(forced);
    Ok(())
}

/// Somebody in GitHub's shape.
fn user(origin: &str, id: Option<i64>, name: &str) -> Value {
    json!({
        "id": id,
        "login": name,
        "type": "User",
        "html_url": format!("{origin}/{name}"),
        "url": format!("{origin}/api/users/{name}"),
    })
}

fn person(origin: &str, person: &Person) -> Value {
    user(origin, Some(person.id), &person.name)
}

/// The repository in GitHub's shape.
fn repository(envelope: &Envelope, origin: &str) -> Value {
    let of = &envelope.repository;
    let at = format!("{origin}/{}", of.full_name);
    json!({
        "id": of.id,
        "node_id": of.uuid,
        "name": of.name,
        "full_name": of.full_name,
        "private": of.visibility != "public",
        "visibility": of.visibility,
        "owner": user(origin, Some(of.owner_id), &of.owner),
        "description": of.description,
        "html_url": at,
        "url": format!("{origin}/api/{}", of.full_name),
        "clone_url": format!("{at}.git"),
        "default_branch": of.default_bookmark,
        "archived": of.archived,
        "created_at": of.created_at,
        "updated_at": of.updated_at,
        "pushed_at": of.pushed_at,
    })
}

fn issue(issue: &Issue, full_name: &str, origin: &str) -> Value {
    let people = |people: &[Person]| people.iter().map(|one| person(origin, one)).collect::<Vec<_>>();
    json!({
        "id": issue.id,
        "node_id": issue.uuid,
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "state_reason": issue.reason,
        "user": person(origin, &issue.author),
        "assignee": issue.assignees.first().map(|one| person(origin, one)),
        "assignees": people(&issue.assignees),
        "labels": issue.labels.iter().map(label).collect::<Vec<_>>(),
        "milestone": issue.milestone.as_ref().map(|title| json!({ "title": title })),
        "locked": issue.locked,
        "comments": issue.comments,
        "html_url": format!("{origin}/{full_name}/issues/{}", issue.number),
        "url": format!("{origin}/api/{full_name}/issues/{}", issue.number),
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "closed_at": issue.closed_at,
    })
}

fn label(label: &plue_contract::events::Label) -> Value {
    json!({ "name": label.name, "color": label.color.trim_start_matches('#') })
}

fn comment(comment: &Comment, of: &Issue, full_name: &str, origin: &str) -> Value {
    json!({
        "id": comment.id,
        "node_id": comment.uuid,
        "user": person(origin, &comment.author),
        "body": comment.body,
        "html_url": format!("{origin}/{full_name}/issues/{}#comment-{}", of.number, comment.id),
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
    })
}

fn commit(commit: &Commit, full_name: &str, origin: &str) -> Value {
    let who = json!({ "name": commit.author, "email": commit.email });
    json!({
        "id": commit.sha,
        "message": commit.message,
        "timestamp": commit.at,
        "url": format!("{origin}/{full_name}/commit/{}", commit.sha),
        "author": who,
        "committer": who,
    })
}

fn pushed(push: &Pushed, envelope: &Envelope, origin: &str) -> Value {
    let full_name = &envelope.repository.full_name;
    let told = push.commits.as_deref().unwrap_or_default();
    let commits: Vec<Value> = told.iter().map(|one| commit(one, full_name, origin)).collect();
    let width = push
        .after
        .as_ref()
        .or(push.before.as_ref())
        .map_or(ZERO.len(), String::len);
    let zero = || "0".repeat(width);
    let (before, after) = (
        push.before.clone().unwrap_or_else(zero),
        push.after.clone().unwrap_or_else(zero),
    );
    json!({
        "ref": push.r#ref,
        "compare": format!("{origin}/{full_name}/compare/{before}...{after}"),
        "before": before,
        "after": after,
        "created": push.before.is_none(),
        "deleted": push.after.is_none(),
        "forced": push.forced.unwrap_or_default(),
        "head_commit": commits.last(),
        "commits": commits,
        "pusher": { "name": envelope.actor.name },
    })
}

/// What GitHub says was done to a repository, where it has several words for it.
fn repository_action(event: &Event) -> Option<&'static str> {
    let Event::RepoUpdated(changes) = event else {
        return event.action();
    };
    let of_archive = |was: &Was| match was.from.as_str() {
        "true" => "unarchived",
        _ => "archived",
    };
    let of_sight = |was: &Was| match was.from.as_str() {
        "public" => "privatized",
        _ => "publicized",
    };
    let renamed = changes.name.as_ref().map(|_| "renamed");
    let archived = changes.archived.as_ref().map(of_archive);
    let seen = changes.visibility.as_ref().map(of_sight);
    renamed.or(archived).or(seen).or(event.action())
}

/// An event as GitHub writes it.
fn github(envelope: &Envelope, hook: &HookRow, origin: &str) -> Value {
    let full_name = &envelope.repository.full_name;
    let of_issue = |of: &Issue| json!({ "issue": issue(of, full_name, origin) });
    let said = |of: &Issue, what: &Comment| json!({ "issue": issue(of, full_name, origin), "comment": comment(what, of, full_name, origin) });
    let mut body = match &envelope.event {
        Event::Ping(ping) => json!({
            "zen": "What is owed is told.",
            "hook_id": ping.hook,
            "hook": {
                "type": "Repository",
                "id": ping.hook,
                "name": "web",
                "active": hook.active,
                "events": hook.topics.split(',').map(|topic| {
                    Topic::chosen(topic).map_or(topic, |topic| topic.github())
                }).collect::<Vec<_>>(),
                "config": { "content_type": "json", "url": hook.url },
            },
        }),
        Event::RepoCreated(_) | Event::RepoDeleted(_) | Event::RepoRestored(_) => json!({}),
        Event::RepoStarred(_) => json!({ "starred_at": envelope.at }),
        Event::RepoUnstarred(_) => json!({ "starred_at": null }),
        Event::RepoUpdated(changes) => json!({
            "changes": {
                "repository": changes.name.as_ref().map(|was| json!({ "name": was })),
                "description": changes.description,
                "default_branch": changes.default_bookmark,
                "visibility": changes.visibility,
                "archived": changes.archived,
                "topics": changes.topics,
            },
        }),
        Event::RepoTransferred(of) => json!({
            "changes": { "owner": { "from": { "user": person(origin, &of.previous_owner) } } },
        }),
        Event::RepoPushed(push) => pushed(push, envelope, origin),
        Event::BookmarkCreated(mark) | Event::BookmarkDeleted(mark) => json!({
            "ref": mark.name,
            "ref_type": mark.kind,
            "master_branch": envelope.repository.default_bookmark,
            "description": envelope.repository.description,
            "pusher_type": "user",
        }),
        Event::IssueCreated(of)
        | Event::IssueClosed(of)
        | Event::IssueReopened(of)
        | Event::IssueLocked(of)
        | Event::IssueUnlocked(of)
        | Event::IssuePinned(of)
        | Event::IssueUnpinned(of)
        | Event::IssueDeleted(of) => of_issue(&of.issue),
        Event::IssueEdited(of) => {
            let mut body = of_issue(&of.issue);
            body["changes"] = json!({});
            if let Some(was) = &of.title {
                body["changes"]["title"] = json!(was);
            }
            if of.body {
                body["changes"]["body"] = json!({});
            }
            body
        }
        Event::IssueLabeled(of) | Event::IssueUnlabeled(of) => {
            let mut body = of_issue(&of.issue);
            body["label"] = label(&of.label);
            body
        }
        Event::IssueAssigned(of) | Event::IssueUnassigned(of) => {
            let mut body = of_issue(&of.issue);
            body["assignee"] = person(origin, &of.assignee);
            body
        }
        Event::IssueMilestoned(of) | Event::IssueDemilestoned(of) => {
            let mut body = of_issue(&of.issue);
            body["milestone"] = json!({ "title": of.milestone });
            body
        }
        Event::IssueCommented(of) | Event::IssueCommentDeleted(of) => said(&of.issue, &of.comment),
        Event::IssueCommentEdited(of) => {
            let mut body = said(&of.issue, &of.comment);
            body["changes"] = json!({ "body": of.body });
            body
        }
        Event::MemberAdded(of) | Event::MemberEdited(of) | Event::MemberRemoved(of) => json!({
            "member": person(origin, &of.member),
            "changes": { "permission": { "to": of.role } },
        }),
    };
    let action = match envelope.event.topic() {
        Topic::Repository => repository_action(&envelope.event),
        _ => envelope.event.action(),
    };
    if let Some(action) = action {
        body["action"] = json!(action);
    }
    body["repository"] = repository(envelope, origin);
    body["sender"] = user(origin, envelope.actor.id, &envelope.actor.name);
    body
}

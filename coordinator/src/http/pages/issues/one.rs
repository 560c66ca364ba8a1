//! One issue: what was said and done, and the forms by which more is.

use super::super::super::extract::Path;
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::named::links;
use super::super::repo::in_time;
use super::super::sent::Sent;
use super::super::{Visit, see_other};
use super::{address, day, desk, label, reading, sorting, state, taking_part};
use axum::extract::State;
use axum::response::Response;
use plue_contract::{CommentId, MilestoneId};
use plue_forge::access::following::follow;
use plue_forge::issues::change::PersonRef;
use plue_forge::issues::reactions::Reaction;
use plue_forge::issues::subscriptions::Subscription;
use plue_forge::issues::{
    self, IssueChange, Opened, Reason, State as Standing, change, comments, events, labels, milestones,
    parts, reactions, relations, subscriptions,
};
use plue_pages::highlight;
use plue_pages::issues::one::{self as page, Done, Felt, Form, Item, May, One, Other, Relation, Said};
use plue_pages::markdown::{self, Place};
use plue_pages::repo::{Head, Sight, address as address_in};

mod words {
    pub const SAVED: &str = "Saved.";
    pub const SAID: &str = "Said.";
    pub const REMOVED: &str = "The comment is gone.";
    pub const HEARD: &str = "Saved: that is what you hear of this issue from now on.";
    pub const NO_PERSON: &str = "There is no such account.";
    pub const NO_ISSUE: &str = "This is the number of an issue, as in #12.";
}

/// Renders texts of one repository, away from the threads that answer.
async fn rendered(head: &Head, texts: Vec<String>) -> Result<Vec<String>, Failure> {
    let place = Place {
        blob: address_in(head, Sight::Blob, &head.default_bookmark, ""),
        raw: address_in(head, Sight::Raw, &head.default_bookmark, ""),
        folder: String::new(),
    };
    let home = head.home();
    let go_on = in_time();
    let rendering = tokio::task::spawn_blocking(move || {
        let refer = |text: &str| links(&home, text);
        let one = |text: &String| {
            markdown::render_said(text, &place, &refer, &go_on).unwrap_or_else(|_| {
                let mut plain = String::from("<pre>");
                highlight::escape(text, &mut plain);
                plain + "</pre>"
            })
        };
        texts.iter().map(one).collect()
    });
    rendering.await.map_err(Failure::internal)
}

fn felt(all: &[Reaction], comment: Option<CommentId>) -> Vec<Felt> {
    let mut felt: Vec<Felt> = Vec::new();
    for one in all.iter().filter(|one| one.comment == comment) {
        let name = one.person.name.to_string();
        match felt.iter_mut().find(|felt| felt.emoji == one.emoji) {
            Some(felt) => felt.people.push(name),
            None => felt.push(Felt {
                emoji: one.emoji.clone(),
                people: vec![name],
            }),
        }
    }
    felt
}

/// What was done, as the rest of a sentence that begins with who did it.
fn done(event: &events::Event, home: &str) -> Option<Done> {
    let text = |name: &str| event.detail[name].as_str().unwrap_or_default().to_owned();
    let number = event.detail["number"].as_i64();
    // What comes from another repository says from which.
    let (from, named) = match text("repository") {
        path if path.is_empty() => (home.to_owned(), path),
        path => (format!("/{path}"), path),
    };
    let commit = text("commit");
    let link = if commit.is_empty() {
        number.map(|number| (format!("{from}/issues/{number}"), format!("{named}#{number}")))
    } else {
        let short = commit.get(..8).unwrap_or(&commit);
        let at = if named.is_empty() { "" } else { "@" };
        Some((format!("{from}/commit/{commit}"), format!("{named}{at}{short}")))
    };
    let what = match event.kind.as_str() {
        "closed" => match event.detail["reason"].as_str() {
            Some("not_planned") => "closed it as not planned".to_owned(),
            Some("duplicate") => "closed it as a duplicate".to_owned(),
            _ if !commit.is_empty() => "closed it by".to_owned(),
            _ => "closed it".to_owned(),
        },
        "reopened" => "opened it again".to_owned(),
        "title_changed" => format!("renamed it from “{}” to “{}”", text("from"), text("to")),
        "body_changed" => "changed its text".to_owned(),
        "label_added" => format!("added the label {}", text("label")),
        "label_removed" => format!("removed the label {}", text("label")),
        "assignee_added" => format!("assigned {}", text("assignee")),
        "assignee_removed" => format!("took it off {}", text("assignee")),
        "milestone_added" => format!("put it into {}", text("to")),
        "milestone_removed" => format!("took it out of {}", text("from")),
        "milestone_changed" => format!("moved it from {} to {}", text("from"), text("to")),
        "due_date_changed" => match event.detail["to"].as_i64() {
            Some(ms) => format!("set it due on {}", plue_pages::moment::day(ms)),
            None => "took away when it is due".to_owned(),
        },
        "locked" => "locked it".to_owned(),
        "unlocked" => "unlocked it".to_owned(),
        "pinned" => "pinned it".to_owned(),
        "unpinned" => "unpinned it".to_owned(),
        "relation_added" => format!("said that it {}", how(&text("type"))),
        "relation_removed" => format!("took back that it {}", how(&text("type"))),
        "parent_added" => "made it a part of".to_owned(),
        "parent_removed" => "took it out of".to_owned(),
        "sub_issue_added" => "added the part".to_owned(),
        "sub_issue_removed" => "took away the part".to_owned(),
        "comment_deleted" => format!("removed a comment by {}", text("author")),
        "referenced" => "named it in".to_owned(),
        _ => return None,
    };
    Some(Done {
        actor: event.actor.as_ref().map(|(_, name)| name.clone()),
        what,
        link,
        at_ms: event.created_at_ms,
    })
}

fn how(word: &str) -> &'static str {
    match word {
        "blocks" => "blocks",
        "blocked_by" => "waits for",
        "duplicates" => "says the same as",
        "duplicated_by" => "is repeated by",
        _ => "has to do with",
    }
}

/// What was wrong with a form, and what was typed.
type Mistake = (Form, Failure, [String; 2]);

async fn shown(
    site: &Site,
    visit: &Visit,
    path: &Path,
    mistake: Option<Mistake>,
) -> Result<Response, Failure> {
    let desk = desk!(site, visit, path);
    let heard = match visit.name() {
        Some(_) => Some(subscriptions::get(&site.forge, &desk.permit, path.parse("number")?).await?),
        None => None,
    };
    let opened = issues::open(&site.forge, desk.permit, path.parse("number")?, site.now_ms()).await?;
    let mut texts = vec![opened.issue.body.clone()];
    texts.extend(opened.comments.iter().map(|comment| comment.body.clone()));
    let htmls = rendered(&desk.head, texts).await?;
    let me = visit.name();
    let own = me == Some(opened.issue.author.name.as_str()) && (!opened.issue.locked || desk.sorts);
    let may = May {
        speak: desk.speaks && (!opened.issue.locked || desk.sorts),
        edit: desk.speaks && (desk.sorts || own),
        sort: desk.sorts,
    };
    let mut page = one(&desk.head, opened, htmls, may, me);
    page.heard = heard.map(|said| said.map_or("", Subscription::as_str));
    if desk.sorts {
        let permit = reading(site, visit, path).await?;
        let found = labels::list(&site.forge, permit).await?;
        page.all_labels = found.iter().map(label).collect();
        let permit = reading(site, visit, path).await?;
        let found = milestones::list(&site.forge, permit, None).await?;
        page.all_milestones = found
            .into_iter()
            .map(|one| (one.id.to_string(), one.title))
            .collect();
    }
    let Some((form, failure, typed)) = mistake else {
        let frame = visit.frame_after(|word| {
            Some(
                match word {
                    "saved" => words::SAVED,
                    "said" => words::SAID,
                    "removed" => words::REMOVED,
                    "heard" => words::HEARD,
                    _ => return None,
                }
                .to_owned(),
            )
        });
        return Ok(visit.show(page::one(&frame, &desk.head, &page)));
    };
    visit.mend(failure, |wrong| {
        page.wrong = Some((form, wrong, typed));
        page::one(&visit.frame(), &desk.head, &page)
    })
}

fn one(head: &Head, opened: Opened, htmls: Vec<String>, may: May, me: Option<&str>) -> One {
    let Opened {
        issue,
        comments,
        events,
        reactions,
        relations,
        parts,
        ..
    } = opened;
    let mut htmls = htmls.into_iter();
    let said = Said {
        id: None,
        author: issue.author.name.to_string(),
        at_ms: issue.created_at_ms,
        edited: events.iter().any(|event| event.kind == "body_changed"),
        html: htmls.next().unwrap_or_default(),
        source: issue.body.clone(),
        own: may.edit,
        felt: felt(&reactions, None),
    };
    let home = head.home();
    let mut items: Vec<(i64, Item)> = Vec::new();
    for comment in comments {
        let mine = me == Some(comment.author.name.as_str()) && may.speak;
        let said = Said {
            id: Some(comment.id.0),
            author: comment.author.name.to_string(),
            at_ms: comment.created_at_ms,
            edited: comment.edited,
            html: htmls.next().unwrap_or_default(),
            own: mine || may.sort,
            felt: felt(&reactions, Some(comment.id)),
            source: comment.body,
        };
        items.push((comment.created_at_ms, Item::Said(said)));
    }
    let events = events.iter().filter_map(|event| done(event, &home));
    items.extend(events.map(|done| (done.at_ms, Item::Done(done))));
    items.sort_by_key(|(at_ms, _)| *at_ms);
    One {
        number: issue.number,
        state: state(&issue),
        locked: issue.locked,
        pinned: issue.pinned,
        said,
        items: items.into_iter().map(|(_, item)| item).collect(),
        comments: issue.comment_count,
        assignees: issue.assignees.iter().map(|one| one.name.to_string()).collect(),
        labels: issue.labels.iter().map(label).collect(),
        milestone: issue.milestone.as_ref().map(|(id, title)| (id.0, title.clone())),
        due_at_ms: issue.due_at_ms,
        relations: relations
            .iter()
            .map(|relation: &relations::Relation| Relation {
                kind: relation.kind.as_str(),
                how: how(relation.kind.as_str()),
                number: relation.number,
                title: relation.title.clone(),
                open: relation.state == Standing::Open,
            })
            .collect(),
        whole: parts.whole.as_ref().map(other),
        parts: parts.parts.iter().map(other).collect(),
        may,
        all_labels: Vec::new(),
        all_milestones: Vec::new(),
        heard: None,
        wrong: None,
        title: issue.title,
    }
}

fn other(part: &parts::Part) -> Other {
    Other {
        number: part.number,
        title: part.title.clone(),
        open: part.state == Standing::Open,
    }
}

/// The page.
pub async fn get(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    shown(&site, &visit, &path, None).await
}

/// Leads back to the issue.
fn back(path: &Path, done: &str) -> Result<Response, Failure> {
    let number = path.text("number");
    see_other(&format!("{}/issues/{number}?done={done}", address(path)))
}

async fn changed(site: &Site, visit: &Visit, path: &Path, wanted: IssueChange) -> Result<(), Failure> {
    let permit = taking_part(site, visit, path).await?;
    change::change(&site.forge, permit, path.parse("number")?, wanted, site.now_ms()).await?;
    Ok(())
}

/// Says something, closes or opens again, or both.
pub async fn comment(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let text = sent.lines("comment");
    let outcome = async {
        let then = match sent.text("then") {
            "" => None,
            "open" => Some(IssueChange::state(Standing::Open, None)),
            "closed" => Some(IssueChange::state(Standing::Closed, None)),
            reason => Some(IssueChange::state(
                Standing::Closed,
                Some(reason.parse::<Reason>()?),
            )),
        };
        if then.is_none() || !text.trim().is_empty() {
            let permit = taking_part(&site, &visit, &path).await?;
            comments::add(&site.forge, permit, path.parse("number")?, &text, site.now_ms()).await?;
        }
        match then {
            Some(then) => changed(&site, &visit, &path, then).await,
            None => Ok(()),
        }
    };
    match outcome.await {
        Ok(()) => back(&path, "said"),
        Err(failure) => {
            let mistake = (Form::Comment, failure, [text, String::new()]);
            shown(&site, &visit, &path, Some(mistake)).await
        }
    }
}

/// Says something else in the issue itself.
pub async fn edit(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let typed = [sent.text("title").to_owned(), sent.lines("body")];
    let wanted = IssueChange {
        title: Some(typed[0].clone()),
        body: Some(typed[1].clone()),
        ..IssueChange::default()
    };
    match changed(&site, &visit, &path, wanted).await {
        Ok(()) => back(&path, "saved"),
        Err(failure) => shown(&site, &visit, &path, Some((Form::Edit, failure, typed))).await,
    }
}

async fn sorted(site: &Site, visit: &Visit, path: &Path, sent: &Sent) -> Result<(), Failure> {
    let names = sent.text("assignees").split([' ', ',', '\t']);
    let names = names
        .map(|name| name.trim_start_matches('@'))
        .filter(|name| !name.is_empty());
    let people: Result<Vec<_>, _> = names.map(|name| name.parse().map(PersonRef::Name)).collect();
    let milestone = match sent.text("milestone") {
        "" => None,
        id => Some(MilestoneId(id.parse().map_err(|_| Failure::not_found())?)),
    };
    let wanted = IssueChange {
        assignees: Some(people.map_err(|_| Failure::invalid("assignees", words::NO_PERSON))?),
        labels: Some(sent.all("label").map(str::to_owned).collect()),
        milestone: Some(milestone),
        due_at_ms: Some(day(sent.text("due_date"))?),
        ..IssueChange::default()
    };
    changed(site, visit, path, wanted).await
}

/// Sorts the issue.
pub async fn sort(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    match sorted(&site, &visit, &path, &sent).await {
        Ok(()) => back(&path, "saved"),
        Err(failure) => {
            let typed = ["assignees", "due_date"].map(|name| sent.text(name).to_owned());
            shown(&site, &visit, &path, Some((Form::Sort, failure, typed))).await
        }
    }
}

/// Locks, pins, and takes back either.
pub async fn flag(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let set = |name| match sent.text(name) {
        "" => None,
        value => Some(value == "yes"),
    };
    let wanted = IssueChange {
        locked: set("locked"),
        pinned: set("pinned"),
        ..IssueChange::default()
    };
    match changed(&site, &visit, &path, wanted).await {
        Ok(()) => back(&path, "saved"),
        Err(failure) => {
            let typed = [String::new(), String::new()];
            shown(&site, &visit, &path, Some((Form::Sort, failure, typed))).await
        }
    }
}

async fn related(site: &Site, visit: &Visit, path: &Path, sent: &Sent) -> Result<(), Failure> {
    let permit = sorting(site, visit, path).await?;
    let number = path.parse("number")?;
    let other = sent.text("other").trim().trim_start_matches('#').parse();
    let other: i64 = other.map_err(|_| Failure::invalid("other", words::NO_ISSUE))?;
    let (ends, now_ms) = (sent.text("ends") == "yes", site.now_ms());
    match sent.text("how") {
        "part_of" => {
            let whole = (!ends).then_some(other);
            parts::put(&site.forge, permit, number, whole, now_ms).await?;
        }
        "duplicates" if !ends => {
            relations::close_as_duplicate(&site.forge, permit, number, other, now_ms).await?;
        }
        how => {
            let kind = how.parse()?;
            if ends {
                relations::unrelate(&site.forge, permit, number, &[kind], other, now_ms).await?;
            } else {
                relations::relate(&site.forge, permit, number, kind, other, now_ms).await?;
            }
        }
    }
    Ok(())
}

/// Says how the issue stands to another one, or that it does not any more.
pub async fn relate(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    match related(&site, &visit, &path, &sent).await {
        Ok(()) => back(&path, "saved"),
        Err(mut failure) => {
            // Whatever names the other issue is the same field here.
            if matches!(failure.0.field.as_deref(), Some("number" | "parent")) {
                failure.0.field = Some("other".to_owned());
            }
            let typed = ["how", "other"].map(|name| sent.text(name).to_owned());
            shown(&site, &visit, &path, Some((Form::Relate, failure, typed))).await
        }
    }
}

/// Says what somebody wants to hear of the issue.
pub async fn subscribe(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let wanted = match sent.text("state") {
        "" => None,
        state => Some(state.parse()?),
    };
    let permit = follow(&site.forge, &visit.caller, &path.repository()?, site.now_ms()).await?;
    subscriptions::set(&site.forge, permit, path.parse("number")?, wanted, site.now_ms()).await?;
    back(&path, "heard")
}

/// Says something else in a comment.
pub async fn edit_comment(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = taking_part(&site, &visit, &path).await?;
    let which = (path.parse("number")?, path.parse("commentId")?);
    comments::edit(&site.forge, permit, which, &sent.lines("body"), site.now_ms()).await?;
    back(&path, "saved")
}

/// Takes a comment back.
pub async fn remove_comment(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = taking_part(&site, &visit, &path).await?;
    let which = (path.parse("number")?, path.parse("commentId")?);
    comments::delete(&site.forge, permit, which, site.now_ms()).await?;
    back(&path, "removed")
}

/// Reacts, or takes a reaction back that is there.
pub async fn react(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let comment = match sent.text("comment") {
        "" => None,
        id => Some(CommentId(id.parse().map_err(|_| Failure::not_found())?)),
    };
    let (to, emoji) = ((path.parse("number")?, comment), sent.text("emoji"));
    let permit = reading(&site, &visit, &path).await?;
    let there = reactions::list(&site.forge, permit, to).await?;
    let me = visit.caller.account();
    let mine = there
        .iter()
        .any(|one| Some(one.person.id) == me && one.emoji == emoji);
    let permit = taking_part(&site, &visit, &path).await?;
    if mine {
        reactions::remove(&site.forge, permit, to, emoji, site.now_ms()).await?;
    } else {
        reactions::add(&site.forge, permit, to, emoji, site.now_ms()).await?;
    }
    back(&path, "saved")
}

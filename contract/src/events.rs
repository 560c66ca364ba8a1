//! What happens in a forge, in the words in which webhooks and live streams are told of it.
//!
//! Every kind of event has a word (`issue.closed`), a topic by which people choose what they want to
//! hear of (`issue`), and a payload of its own. The form has a version: within one, members are
//! added and never changed or removed.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The version of the form of all events.
pub const VERSION: u32 = 1;

/// A moment as events write it: RFC 3339, in UTC, to the millisecond; `ms` is since 1970.
pub fn moment(ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_default()
}

macro_rules! topics {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $github:literal;)*) => {
        /// What events are about: people choose by it what they hear of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Topic {
            $($(#[$doc])* $name,)*
        }

        impl Topic {
            /// Every topic.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The topic as it is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// What GitHub calls such an event.
            pub const fn github(self) -> &'static str {
                match self {
                    $(Self::$name => $github,)*
                }
            }
        }
    };
}

topics! {
    /// A webhook itself.
    Ping = "ping", "ping";
    /// Commits that were pushed.
    Push = "push", "push";
    /// Bookmarks and tags that were made.
    Create = "create", "create";
    /// Bookmarks and tags that were removed.
    Delete = "delete", "delete";
    /// A repository itself.
    Repository = "repository", "repository";
    /// Issues.
    Issue = "issue", "issues";
    /// What is said about issues.
    IssueComment = "issue_comment", "issue_comment";
    /// Who may use a repository.
    Member = "member", "member";
    /// Who likes a repository.
    Star = "star", "star";
}

impl Topic {
    /// The topics that somebody may choose: a webhook hears of itself without being asked.
    pub fn choosable() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|topic| *topic != Self::Ping)
    }

    /// Reads a topic that somebody chose, by our word or GitHub's.
    pub fn chosen(word: &str) -> Option<Self> {
        Self::choosable().find(|topic| topic.as_str() == word || topic.github() == word)
    }
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

shapes! {
    /// Who did it.
    Actor {
        /// The account's id; none where it was no account.
        id: Option<i64>,
        /// Its name; `deploy key 7` or `system` where it was no account.
        name: String,
    }
    /// Where it happened: the repository as it is when the event is told.
    Repository {
        /// Its number.
        id: i64,
        /// Its other id.
        uuid: String,
        /// The id of the account that it belongs to.
        owner_id: i64,
        /// That account's name.
        owner: String,
        /// Its name.
        name: String,
        /// `owner/name`.
        full_name: String,
        /// What it says of itself.
        description: String,
        /// `public`, `internal` or `private`.
        visibility: String,
        /// The branch that people see first.
        default_bookmark: String,
        /// Whether it may only be read.
        archived: bool,
        /// When it was made.
        created_at: String,
        /// When its own data changed last.
        updated_at: String,
        /// When something was pushed last.
        pushed_at: Option<String>,
    }
    /// An account.
    Person {
        /// Its id.
        id: i64,
        /// Its name.
        name: String,
    }
    /// A label of an issue.
    Label {
        /// What it is called.
        name: String,
        /// Its colour, as in `#d73a4a`.
        color: String,
    }
    /// An issue, as it was right after the event.
    Issue {
        /// Its id.
        id: i64,
        /// Its other id.
        uuid: String,
        /// Its number in the repository.
        number: i64,
        /// What it is called.
        title: String,
        /// What it says. Live streams have it where it was written or changed; webhooks have it
        /// always, elsewhere as it is when they are told.
        body: Option<String>,
        /// `open` or `closed`.
        state: String,
        /// Why it was closed: `completed`, `not_planned` or `duplicate`.
        reason: Option<String>,
        /// Who opened it.
        author: Person,
        /// Whose it is to do.
        assignees: Vec<Person>,
        /// What it was labelled.
        labels: Vec<Label>,
        /// The title of the milestone that it belongs to.
        milestone: Option<String>,
        /// When it is due.
        due_at: Option<String>,
        /// Whether only those who triage may say more.
        locked: bool,
        /// How many comments it has.
        comments: i64,
        /// When it was opened.
        created_at: String,
        /// When something about it changed last.
        updated_at: String,
        /// When it was closed.
        closed_at: Option<String>,
    }
    /// Something that was said about an issue.
    Comment {
        /// Its id.
        id: i64,
        /// Its other id.
        uuid: String,
        /// Who said it.
        author: Person,
        /// What it says.
        body: String,
        /// When it was said.
        created_at: String,
        /// When it was changed last.
        updated_at: String,
    }
    /// A commit of a push.
    Commit {
        /// Its id.
        sha: String,
        /// What it says of itself.
        message: String,
        /// Who wrote it.
        author: String,
        /// Their address.
        email: String,
        /// When.
        at: String,
    }
    /// What was, where it is another thing now.
    Was {
        /// What it was.
        from: String,
    }
    /// Nothing more than that it happened.
    Nothing {}
    /// Which webhook is tried out.
    Ping {
        /// The webhook's id.
        hook: i64,
    }
    /// What of a repository is different now; what is absent stayed.
    RepositoryChanges {
        /// Its former name.
        name: Option<Was>,
        /// What it said of itself.
        description: Option<Was>,
        /// Who saw it.
        visibility: Option<Was>,
        /// `true` where it was archived before, `false` where it was not.
        archived: Option<Was>,
        /// Its former default bookmark.
        default_bookmark: Option<Was>,
        /// What it was about, with commas between.
        topics: Option<Was>,
    }
    /// From whom a repository came.
    Transferred {
        /// Its former owner.
        previous_owner: Person,
        /// Its present owner.
        new_owner: Person,
    }
    /// A ref that was moved by a push, made or removed.
    Pushed {
        /// Its full name, as in `refs/heads/main`.
        r#ref: String,
        /// Where it stood; none where it was made.
        before: Option<String>,
        /// Where it stands; none where it was removed.
        after: Option<String>,
        /// The commits that came, the oldest first, at most fifty of the newest. Webhooks have
        /// them; none where they cannot be read any more.
        commits: Option<Vec<Commit>>,
        /// Whether commits were left behind. Webhooks know it.
        forced: Option<bool>,
    }
    /// A bookmark or a tag that was made or removed.
    Bookmark {
        /// Its name, without `refs/heads/` and `refs/tags/`.
        name: String,
        /// `branch` or `tag`.
        kind: String,
        /// Where it stands, or stood.
        at: String,
    }
    /// Something that happened to an issue as a whole.
    IssueHappened {
        /// The issue.
        issue: Issue,
    }
    /// Something else that an issue says now.
    IssueEdited {
        /// The issue.
        issue: Issue,
        /// Its former title, where that changed.
        title: Option<Was>,
        /// Whether its text changed.
        body: bool,
        /// When it was due, where that changed; empty where it was not due.
        due: Option<Was>,
    }
    /// A label that an issue got or lost.
    IssueLabel {
        /// The issue.
        issue: Issue,
        /// The label.
        label: Label,
    }
    /// Somebody to whom an issue was given, or from whom it was taken.
    IssueAssignee {
        /// The issue.
        issue: Issue,
        /// The account.
        assignee: Person,
    }
    /// A milestone into which an issue was put, or out of which it was taken.
    IssueMilestone {
        /// The issue.
        issue: Issue,
        /// The milestone's title.
        milestone: String,
    }
    /// What was said about an issue.
    IssueCommented {
        /// The issue.
        issue: Issue,
        /// The comment.
        comment: Comment,
    }
    /// Something else that a comment says now.
    CommentEdited {
        /// The issue.
        issue: Issue,
        /// The comment, as it is now.
        comment: Comment,
        /// What it said before.
        body: Was,
    }
    /// Somebody who was let into a repository, or shown out.
    Member {
        /// The account.
        member: Person,
        /// What it may do, as in `write`; none where it may nothing any more.
        role: Option<String>,
    }
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($payload:ident) = $word:literal, $topic:ident, $action:expr;)*) => {
        /// One thing that happened.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(tag = "type", content = "payload")]
        pub enum Event {
            $($(#[$doc])* #[serde(rename = $word)] $name($payload),)*
        }

        impl Event {
            /// The words of all kinds of events, with the topic of each.
            pub const KINDS: &'static [(&'static str, Topic)] = &[$(($word, Topic::$topic),)*];

            /// The word of this kind of event.
            pub const fn word(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $word,)*
                }
            }

            /// What it is about.
            pub const fn topic(&self) -> Topic {
                match self {
                    $(Self::$name(_) => Topic::$topic,)*
                }
            }

            /// What GitHub calls that which was done, where its event has such a word.
            pub const fn action(&self) -> Option<&'static str> {
                match self {
                    $(Self::$name(_) => $action,)*
                }
            }
        }
    };
}

events! {
    /// A webhook is tried out.
    Ping(Ping) = "ping", Ping, None;
    /// A repository was made.
    RepoCreated(Nothing) = "repo.created", Repository, Some("created");
    /// A repository has another name, or says something else of itself.
    RepoUpdated(RepositoryChanges) = "repo.updated", Repository, Some("edited");
    /// A repository got another owner.
    RepoTransferred(Transferred) = "repo.transferred", Repository, Some("transferred");
    /// A repository was deleted.
    RepoDeleted(Nothing) = "repo.deleted", Repository, Some("deleted");
    /// A deleted repository was restored.
    RepoRestored(Nothing) = "repo.restored", Repository, Some("created");
    /// A ref was moved by a push.
    RepoPushed(Pushed) = "repo.pushed", Push, None;
    /// A bookmark or a tag was made.
    BookmarkCreated(Bookmark) = "bookmark.created", Create, None;
    /// A bookmark or a tag was removed.
    BookmarkDeleted(Bookmark) = "bookmark.deleted", Delete, None;
    /// An issue was opened.
    IssueCreated(IssueHappened) = "issue.created", Issue, Some("opened");
    /// An issue says something else.
    IssueEdited(IssueEdited) = "issue.edited", Issue, Some("edited");
    /// An issue was closed.
    IssueClosed(IssueHappened) = "issue.closed", Issue, Some("closed");
    /// An issue was opened again.
    IssueReopened(IssueHappened) = "issue.reopened", Issue, Some("reopened");
    /// An issue got a label.
    IssueLabeled(IssueLabel) = "issue.labeled", Issue, Some("labeled");
    /// A label was taken off an issue.
    IssueUnlabeled(IssueLabel) = "issue.unlabeled", Issue, Some("unlabeled");
    /// An issue was assigned to somebody.
    IssueAssigned(IssueAssignee) = "issue.assigned", Issue, Some("assigned");
    /// An issue was taken off somebody.
    IssueUnassigned(IssueAssignee) = "issue.unassigned", Issue, Some("unassigned");
    /// An issue was put into a milestone.
    IssueMilestoned(IssueMilestone) = "issue.milestoned", Issue, Some("milestoned");
    /// An issue was taken out of a milestone.
    IssueDemilestoned(IssueMilestone) = "issue.demilestoned", Issue, Some("demilestoned");
    /// Only those who triage may say more about an issue.
    IssueLocked(IssueHappened) = "issue.locked", Issue, Some("locked");
    /// Everybody may say more about an issue again.
    IssueUnlocked(IssueHappened) = "issue.unlocked", Issue, Some("unlocked");
    /// An issue stands above the list.
    IssuePinned(IssueHappened) = "issue.pinned", Issue, Some("pinned");
    /// An issue stands among the others again.
    IssueUnpinned(IssueHappened) = "issue.unpinned", Issue, Some("unpinned");
    /// An issue was removed.
    IssueDeleted(IssueHappened) = "issue.deleted", Issue, Some("deleted");
    /// Something was said about an issue.
    IssueCommented(IssueCommented) = "issue.commented", IssueComment, Some("created");
    /// A comment says something else.
    IssueCommentEdited(CommentEdited) = "issue.comment_edited", IssueComment, Some("edited");
    /// A comment was taken back.
    IssueCommentDeleted(IssueCommented) = "issue.comment_deleted", IssueComment, Some("deleted");
    /// Somebody was let into a repository.
    MemberAdded(Member) = "member.added", Member, Some("added");
    /// Somebody who is in a repository may do other things than before.
    MemberEdited(Member) = "member.edited", Member, Some("edited");
    /// Somebody was shown out of a repository.
    MemberRemoved(Member) = "member.removed", Member, Some("removed");
    /// Somebody gave a repository a star.
    RepoStarred(Nothing) = "repo.starred", Star, Some("created");
    /// Somebody took their star back.
    RepoUnstarred(Nothing) = "repo.unstarred", Star, Some("deleted");
}

impl Event {
    /// The issue that it is about, if it is about one.
    pub fn issue_mut(&mut self) -> Option<&mut Issue> {
        Some(match self {
            Self::IssueCreated(of)
            | Self::IssueClosed(of)
            | Self::IssueReopened(of)
            | Self::IssueLocked(of)
            | Self::IssueUnlocked(of)
            | Self::IssuePinned(of)
            | Self::IssueUnpinned(of)
            | Self::IssueDeleted(of) => &mut of.issue,
            Self::IssueEdited(of) => &mut of.issue,
            Self::IssueLabeled(of) | Self::IssueUnlabeled(of) => &mut of.issue,
            Self::IssueAssigned(of) | Self::IssueUnassigned(of) => &mut of.issue,
            Self::IssueMilestoned(of) | Self::IssueDemilestoned(of) => &mut of.issue,
            Self::IssueCommented(of) | Self::IssueCommentDeleted(of) => &mut of.issue,
            Self::IssueCommentEdited(of) => &mut of.issue,
            _ => return None,
        })
    }
}

/// An event with what is told of every one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Envelope {
    /// Its number; of two events of one repository the later one has the higher.
    pub id: i64,
    /// The version of its form, [`VERSION`].
    pub version: u32,
    /// When it happened.
    pub at: String,
    /// Who did it.
    pub actor: Actor,
    /// Where it happened.
    pub repository: Repository,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// The form of all events as JSON Schema (2020-12), made from the types.
#[cfg(feature = "schema")]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Envelope).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn an_envelope_is_read_back_as_it_was_written() {
        let envelope = Envelope {
            id: 7,
            version: VERSION,
            at: moment(1_767_225_600_123),
            actor: Actor {
                id: Some(1),
                name: "ada".into(),
            },
            repository: Repository {
                id: 3,
                uuid: "u".into(),
                owner_id: 1,
                owner: "ada".into(),
                name: "engine".into(),
                full_name: "ada/engine".into(),
                description: String::new(),
                visibility: "public".into(),
                default_bookmark: "main".into(),
                archived: false,
                created_at: moment(0),
                updated_at: moment(0),
                pushed_at: None,
            },
            event: Event::BookmarkCreated(Bookmark {
                name: "v1".into(),
                kind: "tag".into(),
                at: "00".into(),
            }),
        };
        let text = serde_json::to_value(&envelope).expect("plain data");
        assert_eq!(text["type"], "bookmark.created");
        assert_eq!(text["payload"]["kind"], "tag");
        assert_eq!(text["repository"]["fullName"], "ada/engine");
        assert_eq!(text["at"], "2026-01-01T00:00:00.123Z");
        let read: Envelope = serde_json::from_value(text).expect("what was just written");
        assert_eq!(read, envelope);
    }

    #[test]
    fn words_are_told_apart() {
        let words: BTreeSet<_> = Event::KINDS.iter().map(|(word, _)| word).collect();
        assert_eq!(words.len(), Event::KINDS.len());
        for topic in Topic::choosable() {
            assert_eq!(Topic::chosen(topic.as_str()), Some(topic));
            assert_eq!(Topic::chosen(topic.github()), Some(topic));
            assert!(
                Event::KINDS.iter().any(|(_, of)| *of == topic),
                "{topic:?} never happens"
            );
        }
        assert_eq!(Topic::chosen("ping"), None);
        assert_eq!(Topic::chosen("Push"), None);
    }
}

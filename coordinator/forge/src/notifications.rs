//! Notifications: what people have heard of issues, and what is mailed to them of it.
//!
//! Who opened an issue, is assigned to it, said something or is named in it takes part, and hears of it;
//! so does who asked for it, and who watches the repository. Whoever muted either hears nothing. What
//! somebody may not read any more is not in their list, and is not mailed.

use crate::access::accounts::{ReadSelf, WriteSelf};
use crate::access::repositories::{account_reads, viewer};
use crate::access::{Permit, live};
use crate::mail::{self, Letter, Post};
use crate::repositories::{Repository, Visibility};
use crate::{Error, Forge, events};
use plue_contract::events::{Event, Issue};
use plue_contract::{AccountId, IssueId, RepoPath};
use plue_store::notifications::{self as rows, NewNotificationRow, NotificationRow, Wanted, Which};
use plue_store::{accounts as account_rows, events as event_rows};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::str::FromStr;

/// The most notifications of one part of a list.
pub const MAX_PAGE: i64 = 100;
/// How many people one transaction tells.
const TOLD_AT_ONCE: i64 = 200;

/// Why somebody hears of an issue, the nearest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// They were named.
    Mention,
    /// It was given to them.
    Assign,
    /// They opened it.
    Author,
    /// They said something about it.
    Comment,
    /// They asked for it.
    Subscribed,
    /// They watch the repository.
    Watching,
}

impl Reason {
    /// Every reason, in the order of the ranks that the database knows.
    pub const ALL: [Self; 6] = [
        Self::Mention,
        Self::Assign,
        Self::Author,
        Self::Comment,
        Self::Subscribed,
        Self::Watching,
    ];

    /// The reason as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mention => "mention",
            Self::Assign => "assign",
            Self::Author => "author",
            Self::Comment => "comment",
            Self::Subscribed => "subscribed",
            Self::Watching => "watching",
        }
    }

    /// What is said of it to whom it concerns.
    const fn because(self) -> &'static str {
        match self {
            Self::Mention => "you were named there",
            Self::Assign => "it is assigned to you",
            Self::Author => "you opened it",
            Self::Comment => "you said something there",
            Self::Subscribed => "you asked for it",
            Self::Watching => "you watch the repository",
        }
    }

    fn of_rank(rank: i64) -> Result<Self, Error> {
        let at = usize::try_from(rank - 1).ok();
        at.and_then(|at| Self::ALL.get(at).copied())
            .ok_or_else(|| Error::Internal(format!("a reason is of rank {rank}")))
    }
}

impl FromStr for Reason {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| {
                Error::invalid(
                    "reason",
                    "a reason is mention, assign, author, comment, subscribed or watching",
                )
            })
    }
}

/// What is mailed to somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mails {
    /// All that they hear.
    All,
    /// What they take part in.
    #[default]
    Participating,
    /// Nothing.
    None,
}

impl Mails {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::All, Self::Participating, Self::None];

    /// The choice as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Participating => "participating",
            Self::None => "none",
        }
    }

    fn wants(self, reason: Reason) -> bool {
        match self {
            Self::All => true,
            Self::Participating => reason != Reason::Watching,
            Self::None => false,
        }
    }
}

impl FromStr for Mails {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|mails| mails.as_str() == text)
            .ok_or_else(|| Error::invalid("mail", "what is mailed is all, participating or none"))
    }
}

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its id.
    pub id: i64,
    /// Why it was heard.
    pub reason: Reason,
    /// The number of the event that was heard last.
    pub event: i64,
    /// Whether it was not seen yet.
    pub unread: bool,
    /// When it was heard, in milliseconds since 1970.
    pub updated_at_ms: i64,
    /// The repository, where it is now.
    pub repository: RepoPath,
    /// The issue's number.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// `open` or `closed`.
    pub state: String,
}

impl TryFrom<NotificationRow> for Notification {
    type Error = Error;

    fn try_from(row: NotificationRow) -> Result<Self, Error> {
        let odd = |_| Error::Internal(format!("notification {} is of no repository", row.id));
        Ok(Self {
            id: row.id,
            reason: row.reason.parse()?,
            event: row.event_id,
            unread: row.unread,
            updated_at_ms: row.updated_at_ms,
            repository: RepoPath::from_segments(&row.owner, &row.repository).map_err(odd)?,
            number: row.number,
            title: row.title,
            state: row.state,
        })
    }
}

/// Which notifications are asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only those that were not seen yet.
    pub unread: bool,
    /// Only those for this reason.
    pub reason: Option<Reason>,
    /// Only those of this repository.
    pub repository: Option<RepoPath>,
    /// Only those before this moment and id.
    pub before: Option<(i64, i64)>,
    /// At most so many, from 1 to [`MAX_PAGE`].
    pub limit: i64,
}

/// One part of somebody's own notifications, the latest first, and how many of all they have not seen.
pub async fn list(
    forge: &Forge,
    permit: Permit<ReadSelf>,
    query: &Query,
    now_ms: i64,
) -> Result<(Vec<Notification>, i64), Error> {
    let mut conn = forge.store().read().await?;
    let account = permit.on().id;
    let alive = live(&mut conn, permit.caller(), now_ms).await?;
    let viewer = viewer(permit.caller(), &alive);
    let wanted = Wanted {
        account,
        viewer: &viewer,
        unread: query.unread,
        reason: query.reason.map(Reason::as_str),
        repository: query
            .repository
            .as_ref()
            .map(|path| (path.owner.key(), path.name.key())),
        before: query.before,
        limit: query.limit.clamp(1, MAX_PAGE),
    };
    let found = rows::list(&mut conn, &wanted).await?;
    let unread = rows::unread(&mut conn, account, &viewer).await?;
    let found = found.into_iter().map(Notification::try_from);
    Ok((found.collect::<Result<_, _>>()?, unread))
}

/// Says whether one's notification was seen; a repeat changes nothing.
pub async fn set_unread(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    id: i64,
    unread: bool,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("notifications.set_unread", |tx| {
            Box::pin(async move {
                let account = permit.check_again(tx, now_ms).await?;
                match rows::set_unread(tx, account.id, id, unread).await? {
                    true => Ok(()),
                    false => Err(Error::NotFound),
                }
            })
        })
        .await
}

/// Says that all was seen that one had heard up to an event; all there is, where none is named.
pub async fn set_seen(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    up_to: Option<i64>,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("notifications.set_seen", |tx| {
            Box::pin(async move {
                let account = permit.check_again(tx, now_ms).await?;
                Ok(rows::set_seen(tx, account.id, up_to.unwrap_or(i64::MAX)).await?)
            })
        })
        .await
}

/// What is mailed to oneself.
pub async fn mails(forge: &Forge, permit: Permit<ReadSelf>) -> Result<Mails, Error> {
    let said = rows::mails(&mut forge.store().read().await?, permit.on().id).await?;
    said.as_deref().map_or(Ok(Mails::default()), str::parse)
}

/// Says what is mailed to oneself.
pub async fn set_mails(
    forge: &Forge,
    permit: Permit<WriteSelf>,
    mails: Mails,
    now_ms: i64,
) -> Result<(), Error> {
    let permit = &permit;
    forge
        .store()
        .in_tx("notifications.set_mails", |tx| {
            Box::pin(async move {
                let account = permit.check_again(tx, now_ms).await?;
                Ok(rows::set_mails(tx, account.id, mails.as_str()).await?)
            })
        })
        .await
}

/// Who is to be told of an event.
pub(crate) enum To {
    /// Everybody who hears of the issue.
    Everybody,
    /// Those of these who do.
    These(Vec<AccountId>),
}

/// What is to be told.
pub(crate) struct News<'a> {
    /// The number of the event.
    pub(crate) event: i64,
    /// When it happened, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// Who did it: they know already.
    pub(crate) actor: Option<AccountId>,
    /// Where.
    pub(crate) repository: &'a Repository,
    /// The issue that it is about.
    pub(crate) issue: IssueId,
    /// Whom it names.
    pub(crate) named: &'a BTreeSet<AccountId>,
}

/// Tells people of an event, each once, however often it is done.
pub(crate) async fn tell(
    forge: &Forge,
    news: &News<'_>,
    to: &To,
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let which = match to {
            To::Everybody => Which::After(after, TOLD_AT_ONCE),
            To::These(accounts) => Which::Of(accounts),
        };
        let mut conn = forge.store().read().await?;
        let found = rows::hearers(&mut conn, news.repository.id, news.issue, which).await?;
        let (count, last) = (found.len(), found.last().map(|(id, ..)| *id));
        let mut hearers = Vec::with_capacity(count);
        for (id, rank, mails, proven) in found {
            let account = AccountId(id);
            let hidden = news.repository.visibility == Visibility::Private;
            if news.actor == Some(account)
                || (hidden && !account_reads(&mut conn, news.repository.id, account).await?)
            {
                continue;
            }
            let reason = match news.named.contains(&account) {
                true => Reason::Mention,
                false => Reason::of_rank(rank)?,
            };
            let mailed = proven != 0 && mails.parse::<Mails>()?.wants(reason);
            hearers.push((account, reason, mailed));
        }
        drop(conn);
        put(forge, news, &hearers, request_id, now_ms).await?;
        match (to, last) {
            (To::Everybody, Some(last)) if i64::try_from(count).is_ok_and(|count| count == TOLD_AT_ONCE) => {
                after = last;
            }
            _ => return Ok(()),
        }
    }
}

async fn put(
    forge: &Forge,
    news: &News<'_>,
    hearers: &[(AccountId, Reason, bool)],
    request_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    if hearers.is_empty() {
        return Ok(());
    }
    forge
        .store()
        .in_tx("notifications.tell", |tx| {
            Box::pin(async move {
                for &(account, reason, mailed) in hearers {
                    if !rows::note(tx, news.event, account, news.at_ms).await? {
                        continue;
                    }
                    let row = NewNotificationRow {
                        account,
                        repository: news.repository.id,
                        issue: news.issue,
                        reason: reason.as_str(),
                        event: news.event,
                        at_ms: news.at_ms,
                    };
                    rows::put(tx, row).await?;
                    if mailed {
                        let letter = Letter::Issue {
                            account,
                            event: news.event,
                            reason,
                        };
                        mail::owe(forge, tx, letter, request_id, now_ms).await?;
                    }
                }
                Ok(())
            })
        })
        .await
}

/// Writes the letter that tells somebody of an event; none where there is nothing to tell any more, or
/// they may not read it.
pub(crate) async fn letter(
    forge: &Forge,
    post: &Post,
    (account, event, reason): (AccountId, i64, Reason),
) -> Result<Option<plue_mail::Letter>, Error> {
    let mut conn = forge.store().read().await?;
    let (Some(account), Some(row)) = (
        account_rows::by_id(&mut conn, account).await?,
        event_rows::find(&mut conn, event).await?,
    ) else {
        return Ok(None);
    };
    let proven = account.email_verified_at_ms.is_some() && !account.is_disabled;
    let Some(to) = account.email.clone().filter(|_| proven) else {
        return Ok(None);
    };
    let found = events::repository_of(&mut conn, row.repository_id).await?;
    let Some(repository) = found.filter(|found| found.deleted_at_ms.is_none()) else {
        return Ok(None);
    };
    if !account_reads(&mut conn, repository.id, account.id).await? {
        return Ok(None);
    }
    let (path, actor) = (repository.path(), row.actor.clone());
    let mut told = events::envelope(&row, &repository)?.event;
    let Some((said, at)) = sentence(&told, &actor) else {
        return Ok(None);
    };
    let Some(Issue { number, title, .. }) = told.issue_mut() else {
        return Ok(None);
    };
    let address = format!("{}/{path}/issues/{number}{at}", post.url);
    Ok(Some(plue_mail::Letter {
        to,
        subject: format!("[{path}] {title} (#{number})"),
        text: format!(
            "{said}\n\n{address}\n\nYou hear of this because {}. To hear no more of it, open the address and mute it; what \
             else is mailed to you is chosen at {}/notifications\n",
            reason.because(),
            post.url
        ),
    }))
}

/// What happened, as a letter says it, and what is added to the issue's address.
fn sentence(event: &Event, actor: &str) -> Option<(String, String)> {
    let nowhere = String::new;
    Some(match event {
        Event::IssueCreated(of) => {
            let body = of.issue.body.as_deref().unwrap_or_default();
            (format!("{actor} opened it.\n\n{body}"), nowhere())
        }
        Event::IssueEdited(of) => {
            let body = of.issue.body.as_deref().unwrap_or_default();
            (format!("{actor} changed what it says:\n\n{body}"), nowhere())
        }
        Event::IssueCommented(of) => {
            let at = format!("#comment-{}", of.comment.id);
            (format!("{actor} said:\n\n{}", of.comment.body), at)
        }
        Event::IssueCommentEdited(of) => {
            let at = format!("#comment-{}", of.comment.id);
            (format!("{actor} says now:\n\n{}", of.comment.body), at)
        }
        Event::IssueClosed(of) => {
            let how = match of.issue.reason.as_deref() {
                Some("not_planned") => " as not planned",
                Some("duplicate") => " as a duplicate",
                _ => "",
            };
            (format!("{actor} closed it{how}."), nowhere())
        }
        Event::IssueReopened(_) => (format!("{actor} opened it again."), nowhere()),
        Event::IssueAssigned(of) => (format!("{actor} assigned it to {}.", of.assignee.name), nowhere()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_the_ranks_that_the_database_knows() {
        for (at, reason) in (1..).zip(Reason::ALL) {
            assert_eq!(Reason::of_rank(at).expect("a reason"), reason);
            assert_eq!(reason.as_str().parse::<Reason>().expect("a reason"), reason);
        }
        assert!(Reason::of_rank(0).is_err() && Reason::of_rank(7).is_err());
    }

    #[test]
    fn who_only_watches_is_not_written_to_unless_they_want_everything() {
        assert!(Mails::All.wants(Reason::Watching) && !Mails::None.wants(Reason::Mention));
        assert!(Mails::default().wants(Reason::Comment) && !Mails::default().wants(Reason::Watching));
    }
}

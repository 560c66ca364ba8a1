//! Who hears of an issue, and what people have heard: `notifications`, `notices`,
//! `notification_settings`.

use crate::repositories::{Seen, Viewer};
use crate::{AnyRow, Conn, FromRow, Row, StoreError, Tx, query, query_built, roles};
use plue_contract::{AccountId, IssueId, RepoId};

/// Somebody who hears of an issue: account, rank of the reason, what is mailed to them, and whether
/// they have an address that was proven. The ranks: 1 named, 2 assigned, 3 opened it, 4 said something,
/// 5 asked for it, 6 watches the repository.
pub type HearerRow = (i64, i64, String, i64);

/// Which of those who hear of an issue.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// At most so many of them, by their ids, after the one of this id.
    After(i64, i64),
    /// Those of these accounts who do.
    Of(&'a [AccountId]),
}

/// Those who hear of an issue: who has to do with it or watches its repository, who has muted neither.
pub async fn hearers(
    conn: &mut Conn,
    repository: RepoId,
    issue: IssueId,
    which: Which<'_>,
) -> Result<Vec<HearerRow>, StoreError> {
    let (condition, limit) = match which {
        Which::After(id, limit) => (format!("p.account_id > {id}"), limit),
        Which::Of(accounts) => {
            let ids: Vec<String> = accounts.iter().map(AccountId::to_string).collect();
            let ids = if ids.is_empty() {
                "NULL".to_owned()
            } else {
                ids.join(", ")
            };
            let count = i64::try_from(accounts.len()).unwrap_or(i64::MAX);
            (format!("p.account_id IN ({ids})"), count)
        }
    };
    let sql = format!(
        "SELECT p.account_id, CAST(MIN(p.why) AS BIGINT) AS why, COALESCE(s.mails, 'participating') AS mails, \
         CAST(CASE WHEN a.email IS NOT NULL AND a.email_verified_at_ms IS NOT NULL THEN 1 ELSE 0 END AS BIGINT) AS proven \
         FROM (SELECT author_id AS account_id, 3 AS why FROM issues WHERE id = $1 \
         UNION ALL SELECT account_id, 2 FROM issue_assignees WHERE issue_id = $2 \
         UNION ALL SELECT author_id, 4 FROM issue_comments WHERE issue_id = $3 \
         UNION ALL SELECT account_id, CASE state WHEN 'named' THEN 1 ELSE 5 END FROM issue_subscriptions WHERE issue_id = $4 \
         UNION ALL SELECT account_id, 6 FROM watches WHERE repository_id = $5 AND level = 'all') p \
         JOIN accounts a ON a.id = p.account_id LEFT JOIN notification_settings s ON s.account_id = p.account_id \
         WHERE {condition} AND a.is_disabled = 0 \
         AND NOT EXISTS (SELECT 1 FROM issue_subscriptions m WHERE m.issue_id = $6 AND m.account_id = p.account_id \
         AND m.state = 'muted') \
         AND NOT EXISTS (SELECT 1 FROM watches w WHERE w.repository_id = $7 AND w.account_id = p.account_id \
         AND w.level = 'ignore') \
         GROUP BY p.account_id, s.mails, a.email, a.email_verified_at_ms ORDER BY p.account_id LIMIT $8"
    );
    query_built("notifications.hearers", sql)
        .bind(issue.0)
        .bind(issue.0)
        .bind(issue.0)
        .bind(issue.0)
        .bind(repository.0)
        .bind(issue.0)
        .bind(repository.0)
        .bind(limit)
        .all(conn)
        .await
}

/// Writes down that somebody is told of an event; whether they were not yet.
pub async fn note(tx: &mut Tx<'_>, event: i64, account: AccountId, at_ms: i64) -> Result<bool, StoreError> {
    let added = query(
        "notices.put",
        "INSERT INTO notices (event_id, account_id, at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (event_id, account_id) DO NOTHING",
    )
    .bind(event)
    .bind(account.0)
    .bind(at_ms)
    .execute(tx)
    .await?;
    Ok(added == 1)
}

/// Removes at most `limit` notes of what was told before a moment; how many those were.
pub async fn sweep(tx: &mut Tx<'_>, before_ms: i64, limit: i64) -> Result<u64, StoreError> {
    query(
        "notices.sweep",
        "DELETE FROM notices WHERE (event_id, account_id) IN \
         (SELECT event_id, account_id FROM notices WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)",
    )
    .bind(before_ms)
    .bind(limit)
    .execute(tx)
    .await
}

/// What somebody hears.
#[derive(Clone, Copy, Debug)]
pub struct NewNotificationRow<'a> {
    /// Who.
    pub account: AccountId,
    /// The repository.
    pub repository: RepoId,
    /// The issue.
    pub issue: IssueId,
    /// Why they hear it.
    pub reason: &'a str,
    /// The event.
    pub event: i64,
    /// When that was, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Puts what somebody hears before them, unless they have heard something later of the issue.
pub async fn put(tx: &mut Tx<'_>, new: NewNotificationRow<'_>) -> Result<(), StoreError> {
    query(
        "notifications.put",
        "INSERT INTO notifications (account_id, repository_id, issue_id, reason, event_id, unread, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT (account_id, issue_id) DO UPDATE SET \
         reason = EXCLUDED.reason, event_id = EXCLUDED.event_id, unread = 1, updated_at_ms = EXCLUDED.updated_at_ms \
         WHERE notifications.event_id < EXCLUDED.event_id",
    )
    .bind(new.account.0)
    .bind(new.repository.0)
    .bind(new.issue.0)
    .bind(new.reason)
    .bind(new.event)
    .bind(new.at_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// One notification, with the issue that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationRow {
    /// Its id.
    pub id: i64,
    /// Why it was heard.
    pub reason: String,
    /// The number of the event that was heard last.
    pub event_id: i64,
    /// Whether it was not seen yet.
    pub unread: bool,
    /// When it was heard, in milliseconds since 1970.
    pub updated_at_ms: i64,
    /// Whose the repository is.
    pub owner: String,
    /// The repository's name.
    pub repository: String,
    /// The issue's number.
    pub number: i64,
    /// What it is called.
    pub title: String,
    /// `open` or `closed`.
    pub state: String,
}

impl FromRow<'_, AnyRow> for NotificationRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            reason: row.try_get("reason")?,
            event_id: row.try_get("event_id")?,
            unread: row.try_get::<i64, _>("unread")? != 0,
            updated_at_ms: row.try_get("updated_at_ms")?,
            owner: row.try_get("owner")?,
            repository: row.try_get("repository")?,
            number: row.try_get("number")?,
            title: row.try_get("title")?,
            state: row.try_get("state")?,
        })
    }
}

/// Which notifications are asked for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub account: AccountId,
    /// As whom they look: what they may not read any more is not there.
    pub viewer: &'a Viewer,
    /// Only those that were not seen yet.
    pub unread: bool,
    /// Only those for this reason.
    pub reason: Option<&'a str>,
    /// Only those of this repository, by the keys of owner and name.
    pub repository: Option<(String, String)>,
    /// Only those before this moment and id.
    pub before: Option<(i64, i64)>,
    /// At most so many.
    pub limit: i64,
}

/// The notifications that are asked for, the latest first.
pub async fn list(conn: &mut Conn, wanted: &Wanted<'_>) -> Result<Vec<NotificationRow>, StoreError> {
    let seen = Seen::by(wanted.viewer, roles::IN_EACH);
    let mut sql = format!(
        "WITH RECURSIVE asked (account) AS (SELECT CAST($1 AS BIGINT)), {} \
         SELECT n.id, n.reason, n.event_id, n.unread, n.updated_at_ms, o.name AS owner, r.name AS repository, \
         i.number, i.title, i.state FROM notifications n JOIN repositories r ON r.id = n.repository_id \
         JOIN accounts o ON o.id = r.owner_id JOIN issues i ON i.id = n.issue_id \
         WHERE n.account_id = $2 AND {}",
        roles::reached(),
        seen.condition
    );
    let mut next = 3;
    let mut place = || {
        next += 1;
        format!("${}", next - 1)
    };
    if wanted.unread {
        sql.push_str(" AND n.unread = 1");
    }
    if wanted.reason.is_some() {
        sql.push_str(&format!(" AND n.reason = {}", place()));
    }
    if wanted.repository.is_some() {
        sql.push_str(&format!(
            " AND o.name_key = {} AND r.name_key = {}",
            place(),
            place()
        ));
    }
    if wanted.before.is_some() {
        sql.push_str(&format!(
            " AND (n.updated_at_ms < {} OR (n.updated_at_ms = {} AND n.id < {}))",
            place(),
            place(),
            place()
        ));
    }
    sql.push_str(&format!(
        " ORDER BY n.updated_at_ms DESC, n.id DESC LIMIT {}",
        place()
    ));
    let mut query = query_built("notifications.list", sql)
        .bind(seen.account)
        .bind(wanted.account.0);
    if let Some(reason) = wanted.reason {
        query = query.bind(reason);
    }
    if let Some((owner, name)) = &wanted.repository {
        query = query.bind(owner.clone()).bind(name.clone());
    }
    if let Some((at_ms, id)) = wanted.before {
        query = query.bind(at_ms).bind(at_ms).bind(id);
    }
    query.bind(wanted.limit).all(conn).await
}

/// How many notifications somebody has not seen yet, of what they may read.
pub async fn unread(conn: &mut Conn, account: AccountId, viewer: &Viewer) -> Result<i64, StoreError> {
    let seen = Seen::by(viewer, roles::IN_EACH);
    let (count,) = query_built(
        "notifications.unread",
        format!(
            "WITH RECURSIVE asked (account) AS (SELECT CAST($1 AS BIGINT)), {} \
             SELECT COUNT(*) FROM notifications n JOIN repositories r ON r.id = n.repository_id \
             WHERE n.account_id = $2 AND n.unread = 1 AND {}",
            roles::reached(),
            seen.condition
        ),
    )
    .bind(seen.account)
    .bind(account.0)
    .one::<(i64,)>(conn)
    .await?;
    Ok(count)
}

/// Says whether a notification of somebody's was seen; whether they have it.
pub async fn set_unread(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: i64,
    unread: bool,
) -> Result<bool, StoreError> {
    let found = query(
        "notifications.set_unread",
        "UPDATE notifications SET unread = $1 WHERE account_id = $2 AND id = $3",
    )
    .bind(i64::from(unread))
    .bind(account.0)
    .bind(id)
    .execute(tx)
    .await?;
    Ok(found == 1)
}

/// Says that all was seen that somebody had heard up to an event.
pub async fn set_seen(tx: &mut Tx<'_>, account: AccountId, up_to: i64) -> Result<(), StoreError> {
    query(
        "notifications.set_seen",
        "UPDATE notifications SET unread = 0 WHERE account_id = $1 AND unread = 1 AND event_id <= $2",
    )
    .bind(account.0)
    .bind(up_to)
    .execute(tx)
    .await?;
    Ok(())
}

/// What is mailed to somebody, if they have said so.
pub async fn mails(conn: &mut Conn, account: AccountId) -> Result<Option<String>, StoreError> {
    let found = query(
        "notification_settings.of",
        "SELECT mails FROM notification_settings WHERE account_id = $1",
    )
    .bind(account.0)
    .optional::<(String,)>(conn)
    .await?;
    Ok(found.map(|(mails,)| mails))
}

/// Says what is mailed to somebody.
pub async fn set_mails(tx: &mut Tx<'_>, account: AccountId, mails: &str) -> Result<(), StoreError> {
    query(
        "notification_settings.put",
        "INSERT INTO notification_settings (account_id, mails) VALUES ($1, $2) \
         ON CONFLICT (account_id) DO UPDATE SET mails = EXCLUDED.mails",
    )
    .bind(account.0)
    .bind(mails)
    .execute(tx)
    .await?;
    Ok(())
}

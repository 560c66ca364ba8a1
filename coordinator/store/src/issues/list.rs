//! Lists of issues of one repository: filtered, sorted, and cut by where the last part ended.
//!
//! Each order has an index that begins with repository and state, so that a page reads as many rows
//! as it shows; filters are looked up for each of them.

use super::{COLUMNS, IssueRow, JOINED};
use crate::{Conn, StoreError, query_built};
use plue_contract::RepoId;

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// What changed last, first.
    Updated,
    /// What changed longest ago, first.
    LeastUpdated,
    /// What has the most comments, first.
    Commented,
    /// What has the fewest comments, first.
    LeastCommented,
}

impl Order {
    /// What is sorted by, beside the number, and whether downwards.
    const fn key(self) -> (&'static str, bool) {
        match self {
            Self::Newest => ("i.number", true),
            Self::Oldest => ("i.number", false),
            Self::Updated => ("i.updated_at_ms", true),
            Self::LeastUpdated => ("i.updated_at_ms", false),
            Self::Commented => ("i.comment_count", true),
            Self::LeastCommented => ("i.comment_count", false),
        }
    }

    /// What of a row it is sorted by.
    pub fn key_of(self, row: &IssueRow) -> i64 {
        match self {
            Self::Newest | Self::Oldest => row.number,
            Self::Updated | Self::LeastUpdated => row.updated_at_ms,
            Self::Commented | Self::LeastCommented => row.comment_count,
        }
    }
}

/// What must hold of something that an issue has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// It is this, in lower case.
    Is(String),
    /// It is not this, in lower case.
    Not(String),
    /// There is none.
    None,
    /// There is any.
    Any,
}

/// Which issues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `open` or `closed`.
    pub state: Option<&'static str>,
    /// Why they were closed.
    pub reason: Option<&'static str>,
    /// What must hold of who opened them, by name.
    pub author: Vec<Filtered>,
    /// What must hold of their labels, by name.
    pub labels: Vec<Filtered>,
    /// What must hold of whom they are assigned to, by name.
    pub assignees: Vec<Filtered>,
    /// What must hold of their milestone, by title.
    pub milestone: Vec<Filtered>,
    /// Words that must stand in title or body, in lower case.
    pub words: Vec<String>,
    /// Whether they are locked.
    pub locked: Option<bool>,
}

/// Which part of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// In which order.
    pub order: Order,
    /// After the one that is sorted by this and has this number.
    pub after: Option<(i64, i64)>,
    /// After so many more.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

enum Value {
    Number(i64),
    Text(String),
}

/// A condition that grows, and what is bound in it.
struct Where {
    sql: String,
    values: Vec<Value>,
}

impl Where {
    fn text(&mut self, value: &str) -> String {
        self.values.push(Value::Text(value.to_owned()));
        format!("${}", self.values.len())
    }

    fn number(&mut self, value: i64) -> String {
        self.values.push(Value::Number(value));
        format!("${}", self.values.len())
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// What must hold of something that an issue has: `any` is the condition that it has one at all,
    /// and `is` that it has the one of a name.
    fn each(&mut self, of: &[Filtered], any: &str, is: impl Fn(&str) -> String) {
        for filtered in of {
            let condition = match filtered {
                Filtered::Is(value) => is(&self.text(value)),
                // What has none has not this one either.
                Filtered::Not(value) => format!("NOT COALESCE({}, 1 = 0)", is(&self.text(value))),
                Filtered::None => format!("NOT ({any})"),
                Filtered::Any => any.to_owned(),
            };
            self.and(&condition);
        }
    }

    fn of(repository: RepoId, filter: &Filter) -> Self {
        let mut whole = Self {
            sql: "i.repository_id = $1".to_owned(),
            values: vec![Value::Number(repository.0)],
        };
        if let Some(state) = filter.state {
            let state = whole.text(state);
            whole.and(&format!("i.state = {state}"));
        }
        if let Some(reason) = filter.reason {
            let reason = whole.text(reason);
            whole.and(&format!("i.reason = {reason}"));
        }
        if let Some(locked) = filter.locked {
            let locked = whole.number(i64::from(locked));
            whole.and(&format!("i.locked = {locked}"));
        }
        whole.each(&filter.author, "1 = 1", |name| {
            format!("i.author_id = (SELECT fa.id FROM accounts fa WHERE fa.name_key = {name})")
        });
        whole.each(
            &filter.labels,
            "EXISTS (SELECT 1 FROM issue_labels fl WHERE fl.issue_id = i.id)",
            |name| {
                format!(
                    "i.id IN (SELECT fl.issue_id FROM issue_labels fl WHERE fl.label_id = \
                     (SELECT l.id FROM labels l WHERE l.repository_id = $1 AND l.name_key = {name}))"
                )
            },
        );
        whole.each(
            &filter.assignees,
            "EXISTS (SELECT 1 FROM issue_assignees fs WHERE fs.issue_id = i.id)",
            |name| {
                format!(
                    "i.id IN (SELECT fs.issue_id FROM issue_assignees fs WHERE fs.account_id = \
                     (SELECT s.id FROM accounts s WHERE s.name_key = {name}))"
                )
            },
        );
        whole.each(&filter.milestone, "i.milestone_id IS NOT NULL", |title| {
            format!(
                "i.milestone_id = (SELECT fm.id FROM milestones fm \
                 WHERE fm.repository_id = $1 AND fm.title_key = {title})"
            )
        });
        for word in &filter.words {
            let word = word.replace('!', "!!").replace('%', "!%").replace('_', "!_");
            let pattern = format!("%{word}%");
            let (title, body) = (whole.text(&pattern), whole.text(&pattern));
            whole.and(&format!(
                "(LOWER(i.title) LIKE {title} ESCAPE '!' OR LOWER(i.body) LIKE {body} ESCAPE '!')"
            ));
        }
        whole
    }
}

macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Number(number) => query.bind(*number),
                Value::Text(text) => query.bind(text.clone()),
            };
        }
        query
    }};
}

/// One part of the issues of a repository that pass a filter.
pub async fn list(
    conn: &mut Conn,
    repository: RepoId,
    filter: &Filter,
    cut: Cut,
) -> Result<Vec<IssueRow>, StoreError> {
    let mut whole = Where::of(repository, filter);
    let (key, down) = cut.order.key();
    let (than, direction) = if down { ("<", "DESC") } else { (">", "ASC") };
    if let Some((value, number)) = cut.after {
        let (value, number) = (whole.number(value), whole.number(number));
        whole.and(&format!("({key}, i.number) {than} ({value}, {number})"));
    }
    let (limit, offset) = (whole.number(cut.limit), whole.number(cut.offset));
    let order = match key {
        "i.number" => format!("i.number {direction}"),
        key => format!("{key} {direction}, i.number {direction}"),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM issues i {JOINED} WHERE {} ORDER BY {order} LIMIT {limit} OFFSET {offset}",
        whole.sql
    );
    bound!(query_built("issues.list", sql), &whole.values)
        .all(conn)
        .await
}

/// How many issues of a repository pass a filter.
pub async fn count_filtered(conn: &mut Conn, repository: RepoId, filter: &Filter) -> Result<i64, StoreError> {
    let whole = Where::of(repository, filter);
    let sql = format!("SELECT COUNT(*) FROM issues i WHERE {}", whole.sql);
    let (count,) = bound!(query_built("issues.count_filtered", sql), &whole.values)
        .one::<(i64,)>(conn)
        .await?;
    Ok(count)
}

//! Labels of a repository and the issues that bear them: `labels`, `issue_labels`.

use super::numbers;
use crate::{Conn, StoreError, Tx, query, query_built};
use plue_contract::{IssueId, LabelId, RepoId};

/// One label: id, other id, name, colour, description, since when.
pub type LabelRow = (i64, String, String, String, String, i64);

/// What a label is to be: its name, as chosen and in lower case, colour and description.
#[derive(Clone, Copy, Debug)]
pub struct LabelTexts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its name in lower case.
    pub name_key: &'a str,
    /// Its colour, as in `#d73a4a`.
    pub color: &'a str,
    /// What it is for.
    pub description: &'a str,
}

/// The labels of a repository, by name.
pub async fn list(conn: &mut Conn, repository: RepoId) -> Result<Vec<LabelRow>, StoreError> {
    query(
        "labels.list",
        "SELECT id, uuid, name, color, description, created_at_ms FROM labels WHERE repository_id = $1 \
         ORDER BY name_key",
    )
    .bind(repository.0)
    .all(conn)
    .await
}

/// The label of this name in a repository.
pub async fn find(
    conn: &mut Conn,
    repository: RepoId,
    name_key: &str,
) -> Result<Option<LabelRow>, StoreError> {
    query(
        "labels.find",
        "SELECT id, uuid, name, color, description, created_at_ms FROM labels \
         WHERE repository_id = $1 AND name_key = $2",
    )
    .bind(repository.0)
    .bind(name_key)
    .optional(conn)
    .await
}

/// The label of this id in a repository.
pub async fn by_id(conn: &mut Conn, repository: RepoId, id: LabelId) -> Result<Option<LabelRow>, StoreError> {
    query(
        "labels.by_id",
        "SELECT id, uuid, name, color, description, created_at_ms FROM labels WHERE repository_id = $1 AND id = $2",
    )
    .bind(repository.0)
    .bind(id.0)
    .optional(conn)
    .await
}

/// Makes a label; `Unique { labels__repository_id__name_key }` where there is one of that name.
pub async fn insert(
    tx: &mut Tx<'_>,
    repository: RepoId,
    uuid: &str,
    texts: LabelTexts<'_>,
    now_ms: i64,
) -> Result<LabelId, StoreError> {
    let (id,) = query(
        "labels.insert",
        "INSERT INTO labels (uuid, repository_id, name, name_key, color, description, created_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
    )
    .bind(uuid)
    .bind(repository.0)
    .bind(texts.name)
    .bind(texts.name_key)
    .bind(texts.color)
    .bind(texts.description)
    .bind(now_ms)
    .one(tx)
    .await?;
    Ok(LabelId(id))
}

/// Writes what a label is; `Unique { labels__repository_id__name_key }` where another has its name.
pub async fn update(tx: &mut Tx<'_>, id: LabelId, texts: LabelTexts<'_>) -> Result<(), StoreError> {
    query(
        "labels.update",
        "UPDATE labels SET name = $1, name_key = $2, color = $3, description = $4 WHERE id = $5",
    )
    .bind(texts.name)
    .bind(texts.name_key)
    .bind(texts.color)
    .bind(texts.description)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes a label, from every issue too.
pub async fn delete(tx: &mut Tx<'_>, id: LabelId) -> Result<(), StoreError> {
    query("labels.delete", "DELETE FROM labels WHERE id = $1")
        .bind(id.0)
        .execute(tx)
        .await?;
    Ok(())
}

/// Which labels these issues bear: the issue, then the label's id, name, colour and description.
pub async fn of(
    conn: &mut Conn,
    issues: &[IssueId],
) -> Result<Vec<(i64, i64, String, String, String)>, StoreError> {
    query_built(
        "issue_labels.of",
        format!(
            "SELECT b.issue_id, l.id, l.name, l.color, l.description FROM issue_labels b \
             JOIN labels l ON l.id = b.label_id WHERE b.issue_id IN ({}) ORDER BY b.issue_id, l.name_key",
            numbers(issues)
        ),
    )
    .all(conn)
    .await
}

/// Puts a label on an issue; whether it was not there.
pub async fn put(tx: &mut Tx<'_>, issue: IssueId, label: LabelId, now_ms: i64) -> Result<bool, StoreError> {
    let added = query(
        "issue_labels.put",
        "INSERT INTO issue_labels (issue_id, label_id, created_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (issue_id, label_id) DO NOTHING",
    )
    .bind(issue.0)
    .bind(label.0)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(added == 1)
}

/// Takes a label off an issue; whether it was there.
pub async fn remove(tx: &mut Tx<'_>, issue: IssueId, label: LabelId) -> Result<bool, StoreError> {
    let gone = query(
        "issue_labels.remove",
        "DELETE FROM issue_labels WHERE issue_id = $1 AND label_id = $2",
    )
    .bind(issue.0)
    .bind(label.0)
    .execute(tx)
    .await?;
    Ok(gone == 1)
}

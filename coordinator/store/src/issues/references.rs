//! Where issues are named: `issue_references`.

use crate::{StoreError, Tx, query};
use plue_contract::{IssueId, RepoId};

/// Writes down that an issue is named by a source in a repository; whether it was not yet.
pub async fn put(
    tx: &mut Tx<'_>,
    issue: IssueId,
    repository: RepoId,
    source: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let added = query(
        "issue_references.put",
        "INSERT INTO issue_references (issue_id, repository_id, source, created_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (issue_id, repository_id, source) DO NOTHING",
    )
    .bind(issue.0)
    .bind(repository.0)
    .bind(source)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(added == 1)
}

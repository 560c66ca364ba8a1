//! What repositories say they are about: `topics`.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::RepoId;

/// The topics of a repository, sorted.
pub async fn of(conn: &mut Conn, repository: RepoId) -> Result<Vec<String>, StoreError> {
    let rows = query("topics.of", "SELECT topic FROM topics WHERE repository_id = $1")
        .bind(repository.0)
        .all::<(String,)>(conn)
        .await?;
    let mut topics: Vec<String> = rows.into_iter().map(|(topic,)| topic).collect();
    // Not by the database, whose locale may sort otherwise.
    topics.sort();
    Ok(topics)
}

/// Gives a repository these topics and no others.
pub async fn set(tx: &mut Tx<'_>, repository: RepoId, topics: &[String]) -> Result<(), StoreError> {
    query("topics.clear", "DELETE FROM topics WHERE repository_id = $1")
        .bind(repository.0)
        .execute(tx)
        .await?;
    for topic in topics {
        query(
            "topics.put",
            "INSERT INTO topics (repository_id, topic) VALUES ($1, $2)",
        )
        .bind(repository.0)
        .bind(topic.as_str())
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// The topics that most public repositories have, with how many those are.
pub async fn popular(conn: &mut Conn, limit: i64) -> Result<Vec<(String, i64)>, StoreError> {
    query(
        "topics.popular",
        "SELECT t.topic, COUNT(*) FROM topics t JOIN repositories r ON r.id = t.repository_id \
         WHERE r.visibility = 'public' AND r.deleted_at_ms IS NULL GROUP BY t.topic ORDER BY 2 DESC, 1 LIMIT $1",
    )
    .bind(limit)
    .all(conn)
    .await
}

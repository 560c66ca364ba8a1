//! What was pushed: one row a push, one row for each ref that it moved.

use crate::refs::{BATCH, rows};
use crate::{Conn, StoreError, Tx, query, query_built};
use plue_contract::{AccountId, DeployKeyId, PackId, PushId, RepoId};

/// One push that is being accepted.
#[derive(Clone, Copy, Debug)]
pub struct NewPushRow<'a> {
    /// Its id; what an unknown outcome is looked up by.
    pub id: &'a PushId,
    /// The repository.
    pub repository: RepoId,
    /// Who pushed, if it was an account.
    pub account: Option<AccountId>,
    /// Who pushed, if it was a deploy key.
    pub deploy_key: Option<DeployKeyId>,
    /// The pack that it brought, if it brought one.
    pub pack: Option<&'a PackId>,
    /// The generation that it made.
    pub generation: i64,
    /// The push options, as a JSON list of texts.
    pub options: &'a str,
    /// The request that it came with.
    pub request_id: &'a str,
}

/// One ref that a push moved: name, old and new object; none where it was made or deleted.
pub type UpdateRow = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

/// Notes a push.
pub async fn insert(tx: &mut Tx<'_>, push: NewPushRow<'_>, now_ms: i64) -> Result<(), StoreError> {
    query(
        "pushes.insert",
        "INSERT INTO pushes (id, repository_id, account_id, deploy_key_id, pack_id, generation, options, \
         request_id, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(push.id.0.as_str())
    .bind(push.repository.0)
    .bind(push.account.map(|id| id.0))
    .bind(push.deploy_key.map(|id| id.0))
    .bind(push.pack.map(|id| id.0.clone()))
    .bind(push.generation)
    .bind(push.options)
    .bind(push.request_id)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes the refs that a push moved, in as many statements as it takes.
pub async fn insert_updates(tx: &mut Tx<'_>, push: &PushId, updates: &[UpdateRow]) -> Result<(), StoreError> {
    for batch in updates.chunks(BATCH) {
        let mut sql = "INSERT INTO push_updates (push_id, name, old_oid, new_oid) VALUES ".to_owned();
        rows(&mut sql, batch.len(), 4);
        let mut statement = query_built("pushes.insert_updates", sql);
        for (name, old, new) in batch {
            statement = statement
                .bind(push.0.clone())
                .bind(name.clone())
                .bind(old.clone())
                .bind(new.clone());
        }
        statement.execute(tx).await?;
    }
    Ok(())
}

/// The generation that a push made, if it was accepted.
pub async fn generation(conn: &mut Conn, push: &PushId) -> Result<Option<i64>, StoreError> {
    let row = query("pushes.generation", "SELECT generation FROM pushes WHERE id = $1")
        .bind(push.0.as_str())
        .optional::<(i64,)>(conn)
        .await?;
    Ok(row.map(|(generation,)| generation))
}

/// The refs that a push moved, by name.
pub async fn updates(conn: &mut Conn, push: &PushId) -> Result<Vec<UpdateRow>, StoreError> {
    query(
        "pushes.updates",
        "SELECT name, old_oid, new_oid FROM push_updates WHERE push_id = $1 ORDER BY name",
    )
    .bind(push.0.as_str())
    .all(conn)
    .await
}

/// How many pushes a repository has seen: for tests and figures.
pub async fn count(conn: &mut Conn, repository: RepoId) -> Result<i64, StoreError> {
    let (count,) = query(
        "pushes.count",
        "SELECT COUNT(*) FROM pushes WHERE repository_id = $1",
    )
    .bind(repository.0)
    .one::<(i64,)>(conn)
    .await?;
    Ok(count)
}

//! What keeps a repository quick to serve after many pushes.

use crate::repositories::Repository;
use crate::{Error, Forge, cache};
use plue_contract::RepoId;
use plue_store::repositories as rows;

/// Brings the local copy up to date and writes its commit graph, which spares every later walk
/// through history the reading of commits. A repository that is gone meanwhile needs nothing.
pub(crate) async fn maintain(forge: &Forge, id: RepoId) -> Result<(), Error> {
    let mut conn = forge.store().read().await?;
    let found = rows::by_id(&mut conn, id, None).await?;
    drop(conn);
    let Some(found) = found.filter(|found| found.repository.deleted_at_ms.is_none()) else {
        return Ok(());
    };
    let repository = Repository::try_from(found.repository)?;
    let pinned = cache::open(forge, &repository).await?;
    plue_git::maintenance::commit_graph(forge.git(), pinned.bare())
        .await
        .map_err(|error| Error::Internal(format!("commit graph: {error}")))
}

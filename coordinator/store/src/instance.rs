//! Which database this is: an id that it gets once and that no other has.

use crate::{StoreError, Tx, query};

/// The database's id; `fresh` becomes it where it has none yet.
pub async fn id(tx: &mut Tx<'_>, fresh: &str) -> Result<String, StoreError> {
    query(
        "instance.insert",
        "INSERT INTO instance (slot, id) VALUES (1, $1) ON CONFLICT (slot) DO NOTHING",
    )
    .bind(fresh)
    .execute(tx)
    .await?;
    let (id,) = query("instance.id", "SELECT id FROM instance WHERE slot = 1")
        .one::<(String,)>(tx)
        .await?;
    Ok(id)
}

//! Whether what the forge depends on answers.

use crate::Forge;
use plue_contract::causes;
pub use plue_store::PoolFigures;

/// How the forge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether the database answers.
    pub database: bool,
    /// Whether the store of packs answers.
    pub blobs: bool,
    /// Whether that store is a bucket and not a folder.
    pub object_storage: bool,
}

impl Health {
    /// Whether requests can be served.
    pub const fn is_well(self) -> bool {
        self.database && self.blobs
    }
}

/// Asks the database and the store of packs, both at once. What they say is logged.
pub async fn check(forge: &Forge) -> Health {
    let (database, blobs) = tokio::join!(forge.store().health(), forge.blobs().check());
    if let Err(error) = &database {
        tracing::warn!(error = %causes(&error), "the database does not answer");
    }
    if let Err(error) = &blobs {
        tracing::warn!(error = %causes(&error), "the store of packs does not answer");
    }
    Health {
        database: database.is_ok(),
        blobs: blobs.is_ok(),
        object_storage: forge.blobs().kind() == "s3",
    }
}

/// How the database's connections are used just now.
pub fn pool(forge: &Forge) -> PoolFigures {
    forge.store().pool_figures()
}

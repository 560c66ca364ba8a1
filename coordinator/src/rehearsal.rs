//! What the first visitors of a new process would wait for, done once before it says that it is
//! ready: files are packed, connections opened and their statements prepared.

use crate::edition::edition;
use crate::http::site::Site;
use plue_contract::causes;
use plue_pages::assets;

/// Does what is done once in a process. What fails here fails again, and is told, where it counts.
pub async fn rehearse(site: &Site) {
    edition();
    assets::all();
    if let Err(error) = plue_forge::browse::rehearse(&site.forge, site.now_ms()).await {
        tracing::warn!(error = %causes(&error), "the first visitor will wait a little longer");
    }
}

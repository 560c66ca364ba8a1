//! Runs a test on both engines: a fresh SQLite file, and a fresh database on a real PostgreSQL
//! server that the test process starts.

use crate::{PoolSettings, Store};

/// Runs the test on SQLite and then on PostgreSQL, each on a migrated store of its own. Where
/// PostgreSQL's programs are absent a line on standard error says that half was skipped.
pub async fn on_both_engines(mut test: impl AsyncFnMut(Store)) {
    let folder = tempfile::tempdir().expect("because tests may write to the temporary folder");
    let file = folder.path().join("plue.db");
    let mut urls = vec![format!("sqlite:{}", file.display())];
    let postgres = tokio::task::spawn_blocking(plue_tests::postgres::database_url);
    urls.extend(
        postgres
            .await
            .expect("because starting PostgreSQL does not panic"),
    );
    for url in urls {
        let store = Store::open(&url, PoolSettings::default())
            .await
            .expect("because the test made it");
        store
            .migrate(0)
            .await
            .expect("because the schema is good for both engines");
        eprintln!("on {}", store.engine());
        test(store.clone()).await;
        store.close().await;
    }
}

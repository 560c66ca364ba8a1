//! What a backup keeps of the database, and what becomes of it in another one.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use plue_store::testing::on_both_engines;
use plue_store::{Engine, PoolSettings, Store, query, query_built};
use std::collections::BTreeSet;

async fn run(store: &Store, sql: &str) {
    let done: Result<_, plue_store::StoreError> = store
        .in_tx("test.run", |tx| {
            Box::pin(async move { query_built("test.run", sql.to_owned()).execute(tx).await })
        })
        .await;
    done.unwrap();
}

async fn fill(store: &Store) {
    for sql in [
        "INSERT INTO accounts (id, uuid, name, name_key, display_name, bio, is_admin, is_disabled, created_at_ms, \
         updated_at_ms) VALUES (7, 'u', 'ada', 'ada', 'Ada', 'line\nand \"quotes\" ü', 1, 0, 1, 2)",
        "INSERT INTO tokens (account_id, name, token_hash, last_eight, scopes, is_bound, created_at_ms) \
         VALUES (7, 't', BYTES, 'x', 'repo', 0, 3)",
        "UPDATE reserved_numbers SET last = 4",
        "INSERT INTO repositories (id, uuid, owner_id, name, name_key, description, visibility, object_format, \
         default_bookmark, archived, generation, access_epoch, restore_epoch, ref_count, size_bytes, created_at_ms, \
         updated_at_ms) VALUES (4, 'r', 7, 'engine', 'engine', '', 'public', 'sha1', 'main', 0, 5, 2, 0, 1, 9, 1, 1)",
        "INSERT INTO packs (id, repository_id, state, checksum, size_bytes, object_count, created_at_ms, lease_until_ms) \
         VALUES ('a', 4, 'live', 'c', 9, 1, 1, 1), ('b', 4, 'uploading', 'd', 9, 1, 1, 1)",
        "INSERT INTO edge_grants (repository_id, name, until_ms) VALUES (4, 'ada/engine', 10)",
    ] {
        let bytes = store.engine().pick("x'00ff'", "'\\x00ff'");
        run(store, &sql.replace("BYTES", bytes)).await;
    }
}

async fn rows(store: &Store, sql: &'static str) -> Vec<(i64,)> {
    query("test.rows", sql)
        .all(&mut store.read().await.unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_goes_into_an_empty_database_and_into_no_other() {
    on_both_engines(async |store| {
        fill(&store).await;
        let mut dump = Vec::new();
        let packs = store.dump(&mut dump).await.unwrap();
        assert_eq!(packs.iter().map(|pack| pack.id.as_str()).collect::<Vec<_>>(), ["a"]);
        let load = async |into: &Store, text: &[u8]| into.load(|| Ok(text), 1_000, 99).await;

        let full = load(&store, &dump).await.unwrap_err().to_string();
        assert!(full.contains("already has accounts"), "{full}");

        // The other engine understands it as well.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other.db");
        let other = Store::open(&format!("sqlite:{}", file.display()), PoolSettings::default())
            .await
            .unwrap();
        other.migrate(0).await.unwrap();
        for cut in [dump.len() / 2, dump.len() - 13] {
            let said = load(&other, &dump[..cut]).await.unwrap_err().to_string();
            assert!(said.contains("cannot be read") || said.contains("breaks off"), "{said}");
        }
        let newer = String::from_utf8(dump.clone()).unwrap().replacen("identity", "other", 1);
        let said = load(&other, newer.as_bytes()).await.unwrap_err().to_string();
        assert!(said.contains("another version of plue"), "{said}");
        assert!(rows(&other, "SELECT id FROM accounts").await.is_empty(), "nothing half done");

        load(&other, &dump).await.unwrap();
        assert_eq!(rows(&other, "SELECT id FROM accounts WHERE bio LIKE 'line%ü'").await, [(7,)]);
        assert_eq!(
            rows(&other, "SELECT id FROM tokens WHERE token_hash = x'00ff'").await.len(),
            1
        );
        assert_eq!(rows(&other, "SELECT restore_epoch FROM repositories").await, [(1_000,)]);
        assert_eq!(rows(&other, "SELECT COUNT(*) FROM packs").await, [(1,)]);
        assert_eq!(rows(&other, "SELECT until_ms FROM edge_grants").await, [(99,)]);
        assert_eq!(rows(&other, "SELECT last FROM reserved_numbers").await, [(1_000_004,)]);

        // And back again: what is loaded is what was dumped, and the epoch goes on rising.
        let mut again = Vec::new();
        other.dump(&mut again).await.unwrap();
        store.reset().await.unwrap();
        store.migrate(0).await.unwrap();
        store.load(|| Ok(&again[..]), 1_000, 99).await.unwrap();
        assert_eq!(rows(&store, "SELECT restore_epoch FROM repositories").await, [(1_001,)]);
        // Numbers that the database gives out go on behind those that were loaded.
        run(
            &store,
            "INSERT INTO accounts (uuid, name, name_key, display_name, bio, is_admin, is_disabled, created_at_ms, \
             updated_at_ms) VALUES ('v', 'bob', 'bob', '', '', 0, 0, 1, 1)",
        )
        .await;
        assert_eq!(rows(&store, "SELECT id FROM accounts ORDER BY id").await, [(7,), (8,)]);
        other.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_is_kept() {
    on_both_engines(async |store| {
        let sql = match store.engine() {
            Engine::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            }
            Engine::Postgres => {
                "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()"
            }
        };
        let all: Vec<(String,)> = query_built("test.tables", sql.to_owned())
            .all(&mut store.read().await.unwrap())
            .await
            .unwrap();
        let mut all: BTreeSet<&str> = all.iter().map(|(name,)| name.as_str()).collect();
        for own in ["schema_migrations", "instance"] {
            assert!(all.remove(own));
        }
        let kept: BTreeSet<&str> = plue_store::DUMPED_TABLES.iter().copied().collect();
        assert_eq!(all, kept);
    })
    .await;
}

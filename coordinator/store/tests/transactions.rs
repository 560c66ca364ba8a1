//! What a transaction promises, on both engines.

use plue_store::testing::on_both_engines;
use plue_store::{Conn, Engine, MigrationState, Store, StoreError, Tx, query};

async fn make_table(store: &Store) {
    store
        .in_tx("test.table", |tx| {
            Box::pin(async move {
                query(
                    "test.table",
                    "CREATE TABLE counters (name TEXT NOT NULL, value BIGINT NOT NULL, note TEXT)",
                )
                .execute(tx)
                .await?;
                query(
                    "test.index",
                    "CREATE UNIQUE INDEX counters__name ON counters (name)",
                )
                .execute(tx)
                .await?;
                Ok::<_, StoreError>(())
            })
        })
        .await
        .expect("a table");
    for name in ["a", "b"] {
        insert(store, name).await.expect("a row");
    }
}

async fn insert(store: &Store, name: &str) -> Result<u64, StoreError> {
    store
        .in_tx("test.insert", |tx| {
            Box::pin(async move {
                query("test.insert", "INSERT INTO counters (name, value) VALUES ($1, 0)")
                    .bind(name)
                    .execute(tx)
                    .await
            })
        })
        .await
}

async fn value(conn: &mut Conn, name: &str) -> Result<i64, StoreError> {
    let sql = conn.engine().pick(
        "SELECT value FROM counters WHERE name = $1",
        "SELECT value FROM counters WHERE name = $1 FOR UPDATE",
    );
    let (value,) = query("test.value", sql).bind(name).one(conn).await?;
    Ok(value)
}

async fn set(tx: &mut Tx<'_>, name: &str, value: i64) -> Result<(), StoreError> {
    query("test.set", "UPDATE counters SET value = $1 WHERE name = $2")
        .bind(value)
        .bind(name)
        .execute(tx)
        .await?;
    Ok(())
}

async fn seen(store: &Store, name: &str) -> i64 {
    let mut conn = store.read().await.expect("a reader");
    let (value,) = query("test.seen", "SELECT value FROM counters WHERE name = $1")
        .bind(name)
        .one(&mut conn)
        .await
        .expect("a value");
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn all_or_nothing() {
    on_both_engines(async |store| {
        make_table(&store).await;
        let refused = store
            .in_tx("test.refused", |tx| {
                Box::pin(async move {
                    set(tx, "a", 7).await?;
                    Err::<(), _>(StoreError::Corrupt("the verb's own refusal".to_owned()))
                })
            })
            .await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))));
        assert_eq!(seen(&store, "a").await, 0);

        // Going on after a failed statement is not a way to commit the rest.
        let poisoned = store
            .in_tx("test.poisoned", |tx| {
                Box::pin(async move {
                    set(tx, "a", 7).await?;
                    let again = query("test.insert", "INSERT INTO counters (name, value) VALUES ($1, 0)")
                        .bind("b")
                        .execute(tx)
                        .await;
                    assert!(again.is_err_and(|error| error.is_unique("counters__name")));
                    Ok::<_, StoreError>(())
                })
            })
            .await;
        assert!(matches!(
            poisoned,
            Err(StoreError::Poisoned {
                transaction: "test.poisoned"
            })
        ));
        assert_eq!(seen(&store, "a").await, 0);

        // A transaction whose future is dropped is undone, and its connection serves the next.
        for _ in 0..3 {
            let dropped = store.in_tx("test.dropped", |tx| {
                Box::pin(async move {
                    set(tx, "a", 7).await?;
                    std::future::pending::<()>().await;
                    Ok::<_, StoreError>(())
                })
            });
            let limit = std::time::Duration::from_millis(50);
            assert!(tokio::time::timeout(limit, dropped).await.is_err());
        }
        insert(&store, "c").await.expect("the writer is free again");
        assert_eq!(seen(&store, "a").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_lose_nothing() {
    on_both_engines(async |store| {
        make_table(&store).await;
        let mut writers = tokio::task::JoinSet::new();
        for turn in 0..40 {
            let store = store.clone();
            writers.spawn(async move {
                // One locks in the opposite order: a deadlock on PostgreSQL, retried.
                let (first, second) = if turn == 0 { ("b", "a") } else { ("a", "b") };
                store
                    .in_tx("test.add", |tx| {
                        Box::pin(async move {
                            let one = value(tx, first).await?;
                            tokio::task::yield_now().await;
                            let two = value(tx, second).await?;
                            set(tx, first, one + 1).await?;
                            set(tx, second, two + 1).await
                        })
                    })
                    .await
            });
        }
        while let Some(done) = writers.join_next().await {
            done.expect("no panic").expect("every writer succeeds in the end");
        }
        assert_eq!((seen(&store, "a").await, seen(&store, "b").await), (40, 40));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_round_trip() {
    on_both_engines(async |store| {
        let bytes: Vec<u8> = (0..=255).collect();
        let bytes = &bytes;
        type Row = (i64, Vec<u8>, Option<String>, Option<i64>, Option<Vec<u8>>);
        let row: Row = store
            .in_tx("test.values", |tx| {
                Box::pin(async move {
                    let blob = tx.engine().pick(
                        "CREATE TABLE v (id INTEGER PRIMARY KEY AUTOINCREMENT, b BLOB NOT NULL, t TEXT, i BIGINT, n BLOB)",
                        "CREATE TABLE v (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, b BYTEA NOT NULL, t TEXT, i BIGINT, n BYTEA)",
                    );
                    query("test.table", blob).execute(tx).await?;
                    query("test.row", "INSERT INTO v (b, t, i, n) VALUES ($1, $2, $3, $4) RETURNING id, b, t, i, n")
                        .bind(&bytes[..])
                        .bind(None::<String>)
                        .bind(Some(i64::MAX))
                        .bind(None::<Vec<u8>>)
                        .one(tx)
                        .await
                })
            })
            .await
            .expect("a row");
        assert_eq!(row, (1, bytes.clone(), None, Some(i64::MAX), None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_can_be_made_to_fail_and_leaves_nothing() {
    on_both_engines(async |store| {
        make_table(&store).await;
        let mut n = 1;
        loop {
            store.faults().fail_nth(n);
            let outcome = store
                .in_tx("test.both", |tx| {
                    Box::pin(async move {
                        set(tx, "a", 5).await?;
                        set(tx, "b", 5).await
                    })
                })
                .await;
            if !store.faults().clear() {
                outcome.expect("nothing was made to fail");
                break;
            }
            assert!(
                matches!(outcome, Err(StoreError::Injected { .. })),
                "statement {n}"
            );
            assert_eq!(
                (seen(&store, "a").await, seen(&store, "b").await),
                (0, 0),
                "statement {n}"
            );
            n += 1;
        }
        assert_eq!(n, 5, "BEGIN, two updates, COMMIT");
        assert_eq!(seen(&store, "b").await, 5);

        store.faults().lose_commit();
        let lost = store.in_tx("test.lost", |tx| Box::pin(set(tx, "a", 6))).await;
        assert!(matches!(
            lost,
            Err(StoreError::CommitUnknown {
                transaction: "test.lost",
                ..
            })
        ));
        assert_eq!(seen(&store, "a").await, 6);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_applied_once_and_can_be_taken_away() {
    on_both_engines(async |store| {
        assert_eq!(store.migrate(1).await.expect("again"), Vec::<&str>::new());
        let status = store.migration_status().await.expect("a status");
        assert!(
            !status.is_empty()
                && status
                    .iter()
                    .all(|s| s.state == MigrationState::Applied { at_ms: 0 })
        );

        store.reset().await.expect("a reset");
        let status = store.migration_status().await.expect("a status");
        assert!(status.iter().all(|step| step.state == MigrationState::Pending));
        // Several programs at once take each step once.
        let (one, two) = tokio::join!(store.migrate(2), store.migrate(2));
        let taken = one.expect("one").len() + two.expect("two").len();
        assert_eq!(taken, status.len());

        store
            .in_tx("test.edit", |tx| {
                Box::pin(
                    query(
                        "test.edit",
                        "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1",
                    )
                    .execute(tx),
                )
            })
            .await
            .expect("an edit");
        let refused = store.migrate(3).await.expect_err("an applied step was edited");
        assert!(refused.to_string().contains("step 1 (identity)"), "{refused}");
        store
            .in_tx("test.newer", |tx| {
                Box::pin(
                    query(
                        "test.newer",
                        "UPDATE schema_migrations SET version = 9999 WHERE version = 1",
                    )
                    .execute(tx),
                )
            })
            .await
            .expect("an edit");
        let refused = store.migrate(3).await.expect_err("a newer program's database");
        assert!(refused.to_string().contains("newer"), "{refused}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_file_cannot_write() {
    on_both_engines(async |store| {
        make_table(&store).await;
        let mut conn = store.read().await.expect("a reader");
        let wrote = query("test.write", "UPDATE counters SET value = 1")
            .execute(&mut conn)
            .await;
        if store.engine() == Engine::Sqlite {
            assert!(wrote.is_err());
        }
        store.health().await.expect("healthy");
        assert!(store.pool_figures().open >= 1);
    })
    .await;
}

#[tokio::test]
async fn strange_urls_are_refused_without_being_repeated() {
    for url in [
        "",
        "mysql://u:secret@h/d",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:/tmp/x?mode=ro",
        "postgres://u:secret@h:port/d",
    ] {
        let refused = Store::open(url, Default::default()).await.expect_err(url);
        assert!(matches!(refused, StoreError::BadUrl(_)), "{url}: {refused:?}");
        assert!(!format!("{refused:?} {refused}").contains("secret"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a strange % ? name").with_extension("db");
    let name = file.display().to_string().replace('?', "#");
    let store = Store::open(&format!("sqlite:{name}"), Default::default())
        .await
        .expect("a store");
    store.migrate(0).await.expect("a schema");
    for suffix in ["", "-wal"] {
        let mode = std::fs::metadata(format!("{name}{suffix}"))
            .expect("the file of that very name")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

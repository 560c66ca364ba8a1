//! What a transaction says when the engine goes away, and when another program is in the way.

use plue_store::{PoolSettings, Store, StoreError, query};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

async fn make_table(store: &Store) {
    store
        .in_tx("test.table", |tx| {
            Box::pin(async move {
                query("test.table", "CREATE TABLE counters (value BIGINT NOT NULL)")
                    .execute(tx)
                    .await?;
                query("test.row", "INSERT INTO counters (value) VALUES (0)")
                    .execute(tx)
                    .await
            })
        })
        .await
        .expect("a table");
}

async fn add_one(store: &Store) -> Result<u64, StoreError> {
    store
        .in_tx("test.add", |tx| {
            Box::pin(query("test.add", "UPDATE counters SET value = value + 1").execute(tx))
        })
        .await
}

async fn seen(store: &Store) -> i64 {
    let mut conn = store.read().await.expect("a reader");
    let (value,) = query("test.seen", "SELECT value FROM counters")
        .one(&mut conn)
        .await
        .expect("a value");
    value
}

/// Passes bytes between clients and the server until it is told to cut the line at a COMMIT.
struct Wire {
    port: u16,
    /// Cut before the COMMIT reaches the server.
    cut_before: Arc<AtomicBool>,
    /// Cut when the server has answered it.
    cut_after: Arc<AtomicBool>,
}

impl Wire {
    async fn to(socket: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let wire = Self {
            port,
            cut_before: Arc::default(),
            cut_after: Arc::default(),
        };
        let (before, after) = (wire.cut_before.clone(), wire.cut_after.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.expect("the server's socket");
                let (before, after) = (before.clone(), after.clone());
                tokio::spawn(async move {
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
                    let mut cut = false;
                    loop {
                        tokio::select! {
                            n = from_client.read(&mut asked) => {
                                let Ok(n @ 1..) = n else { return };
                                if asked[..n].windows(7).any(|w| w == b"COMMIT\0") {
                                    if before.swap(false, Ordering::SeqCst) { return }
                                    cut = after.swap(false, Ordering::SeqCst);
                                }
                                if to_server.write_all(&asked[..n]).await.is_err() { return }
                            }
                            n = from_server.read(&mut answered) => {
                                let Ok(n @ 1..) = n else { return };
                                if cut { return }
                                if to_client.write_all(&answered[..n]).await.is_err() { return }
                            }
                        }
                    }
                });
            }
        });
        wire
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_during_commit_leaves_the_outcome_unknown_and_says_so() {
    let url = tokio::task::spawn_blocking(plue_tests::postgres::database_url)
        .await
        .expect("no panic");
    let Some(url) = url else { return };
    let rest = url.strip_prefix("postgres://plue@").expect("the harness's URL");
    let (folder, database) = rest.split_once('/').expect("a database");
    let wire = Wire::to(format!("{}/.s.PGSQL.5432", folder.replace("%2F", "/"))).await;
    let url = format!("postgres://plue@127.0.0.1:{}/{database}", wire.port);
    let store = Store::open(&url, PoolSettings::default()).await.expect("a store");
    make_table(&store).await;

    wire.cut_after.store(true, Ordering::SeqCst);
    let outcome = add_one(&store).await;
    assert!(
        matches!(
            outcome,
            Err(StoreError::CommitUnknown {
                transaction: "test.add",
                ..
            })
        ),
        "{outcome:?}"
    );
    assert_eq!(seen(&store).await, 1, "it was done");

    wire.cut_before.store(true, Ordering::SeqCst);
    let outcome = add_one(&store).await;
    assert!(
        matches!(
            outcome,
            Err(StoreError::CommitUnknown {
                transaction: "test.add",
                ..
            })
        ),
        "{outcome:?}"
    );
    assert_eq!(seen(&store).await, 1, "it was not done");

    add_one(&store)
        .await
        .expect("the next transaction has a line of its own");
    assert_eq!(seen(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_unavailable_within_the_limit() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let settings = PoolSettings {
        acquire_timeout_ms: 500,
        ..PoolSettings::default()
    };
    let outcome = Store::open(&format!("postgres://u:secret@127.0.0.1:{port}/d"), settings).await;
    let error = outcome.expect_err("nobody listens");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

/// Two programs on one file: the server, and its command line while the server runs.
#[tokio::test(flavor = "multi_thread")]
async fn two_programs_write_to_one_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = &format!("sqlite:{}", folder.path().join("plue.db").display());
    let one = Store::open(url, PoolSettings::default()).await.expect("one");
    make_table(&one).await;
    let two = Store::open(url, PoolSettings::default()).await.expect("two");
    let mut writers = tokio::task::JoinSet::new();
    for turn in 0..100 {
        let store = if turn % 2 == 0 { one.clone() } else { two.clone() };
        writers.spawn(async move { add_one(&store).await });
    }
    for outcome in writers.join_all().await {
        outcome.expect("each waits its turn");
    }
    assert_eq!((seen(&one).await, seen(&two).await), (100, 100));

    // One that keeps the lock for too long is an error, and not a wait without end.
    let settings = PoolSettings {
        busy_timeout_ms: 20,
        ..PoolSettings::default()
    };
    let hasty = Store::open(url, settings).await.expect("three");
    let (begun, begins) = tokio::sync::oneshot::channel();
    let mut begun = Some(begun);
    let slow = tokio::spawn(async move {
        one.in_tx("test.slow", |tx| {
            let begun = begun.take();
            Box::pin(async move {
                query("test.slow", "UPDATE counters SET value = value + 1")
                    .execute(tx)
                    .await?;
                if let Some(begun) = begun {
                    begun.send(()).expect("somebody waits");
                }
                tokio::time::sleep(std::time::Duration::from_secs(5)).await;
                Ok::<_, StoreError>(())
            })
        })
        .await
    });
    begins.await.expect("the slow one has the lock");
    let outcome = add_one(&hasty).await;
    assert!(matches!(outcome, Err(StoreError::Busy(_))), "{outcome:?}");
    slow.await.expect("no panic").expect("it is done");
    add_one(&hasty).await.expect("now there is room");
    assert_eq!(seen(&two).await, 102);
}

#[test]
fn statements_are_timed_by_name() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("plue.db").display());
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let store = Store::open(&url, PoolSettings::default()).await.expect("a store");
            make_table(&store).await;
            add_one(&store).await.expect("one more");
            store.health().await.expect("healthy");
        });
    });
    let page = recorder.handle().render();
    for name in ["begin", "test.add", "store.health", "commit"] {
        assert!(
            page.contains(&format!("plue_sql_seconds_count{{statement=\"{name}\"}}")),
            "{name} in {page}"
        );
    }
}

//! Repositories, refs, packs, pushes and jobs, on both engines.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use plue_contract::{AccountId, PackId, PushId, RepoId, RepoPath};
use plue_store::jobs::{self, NewJobRow};
use plue_store::packs::{self, PackRow};
use plue_store::pushes::{self, NewPushRow};
use plue_store::refs::{self, RefRow};
use plue_store::repositories::{self, Among, ChangeRow, Listing, NewRepositoryRow, Order, PushedRow, Viewer};
use plue_store::testing::on_both_engines;
use plue_store::{Store, StoreError, Tx, collaborators, query, redirects};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Runs one transaction; the block may use `?` on store errors.
macro_rules! tx {
    ($store:expr, |$tx:ident| $body:expr) => {
        $store
            .in_tx("test", |$tx| Box::pin(async move { Ok::<_, StoreError>($body) }))
            .await
    };
}

async fn account(store: &Store, name: &'static str) -> AccountId {
    let id = tx!(store, |tx| {
        query(
            "test.account",
            "INSERT INTO accounts (uuid, name, name_key, display_name, bio, is_admin, is_disabled, created_at_ms, updated_at_ms) \
             VALUES ($1, $2, $3, '', '', 0, 0, 1, 1) RETURNING id",
        )
        .bind(format!("uuid-{name}"))
        .bind(name)
        .bind(name.to_ascii_lowercase())
        .one::<(i64,)>(tx)
        .await?
        .0
    });
    AccountId(id.unwrap())
}

async fn insert(tx: &mut Tx<'_>, owner: AccountId, name: &str, private: bool) -> Result<RepoId, StoreError> {
    let id = repositories::reserve_id(tx).await?;
    let new = NewRepositoryRow {
        id,
        uuid: &format!("repo-{id}"),
        owner_id: owner,
        name: &name.parse().unwrap(),
        description: "An engine for weaving",
        visibility: if private { "private" } else { "public" },
        object_format: "sha1",
        default_bookmark: "main",
    };
    repositories::insert(tx, &new, 10).await?;
    Ok(id)
}

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_repository_is_found_by_its_names() {
    on_both_engines(async |store| {
        let (ada, bob) = (account(&store, "Ada").await, account(&store, "bob").await);
        let id = tx!(&store, |tx| insert(tx, ada, "Engine", true).await?).unwrap();
        let again = tx!(&store, |tx| insert(tx, ada, "engine", true).await?);
        assert!(again.unwrap_err().is_unique("repositories__owner_id__name_key"));
        tx!(&store, |tx| collaborators::put(tx, id, bob, "write", 11).await?).unwrap();

        let mut conn = store.read().await.unwrap();
        let found = repositories::find(
            &mut conn,
            &path("ada/ENGINE"),
            Some(bob),
            &Viewer::Account(bob, None),
        )
        .await
        .unwrap()
        .unwrap();
        assert_eq!(found.rank, Some(3));
        assert_eq!(
            (found.repository.id, found.repository.owner.as_str()),
            (id.0, "Ada")
        );
        assert!(found.repository.visibility == "private" && !found.repository.archived);
        let none = repositories::find(&mut conn, &path("ada/loom"), None, &Viewer::Everything)
            .await
            .unwrap();
        assert!(none.is_none());
        drop(conn);

        let change = ChangeRow {
            name: Some("loom".parse().unwrap()),
            visibility: Some("public"),
            ..ChangeRow::default()
        };
        let change = &change;
        tx!(&store, |tx| {
            redirects::put(tx, ada, "engine", id, 12).await?;
            repositories::update(tx, id, change, 12).await?;
        })
        .unwrap();
        let mut conn = store.read().await.unwrap();
        for name in ["ada/loom", "ada/engine"] {
            let found = repositories::find(&mut conn, &path(name), None, &Viewer::Public)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(found.repository.name, "loom", "{name}");
            assert_eq!(
                (
                    found.repository.access_epoch,
                    found.repository.visibility.as_str()
                ),
                (1, "public")
            );
        }
        drop(conn);

        // A new repository of the old name ends the redirect; a deleted one frees its name.
        let other = tx!(&store, |tx| insert(tx, ada, "engine", false).await?).unwrap();
        tx!(&store, |tx| repositories::set_deleted(tx, id, Some(20), 20)
            .await?)
        .unwrap();
        let third = tx!(&store, |tx| insert(tx, ada, "loom", false).await?).unwrap();
        let mut conn = store.read().await.unwrap();
        let mut of = async |name| {
            let found = repositories::find(&mut conn, &path(name), None, &Viewer::Public)
                .await
                .unwrap();
            found.map(|found| RepoId(found.repository.id))
        };
        assert_eq!(of("ada/engine").await, Some(other));
        assert_eq!(of("ada/loom").await, Some(third));
        drop(conn);
        let back = tx!(&store, |tx| repositories::set_deleted(tx, id, None, 21).await?);
        assert!(back.unwrap_err().is_unique("repositories__owner_id__name_key"));
    })
    .await;
}

#[tokio::test]
async fn lists_show_what_the_viewer_may_see() {
    on_both_engines(async |store| {
        let (ada, bob) = (account(&store, "ada").await, account(&store, "bob").await);
        let (open, closed, shared) = tx!(&store, |tx| (
            insert(tx, ada, "open_1", false).await?,
            insert(tx, ada, "closed", true).await?,
            insert(tx, ada, "shared", true).await?
        ))
        .unwrap();
        tx!(&store, |tx| collaborators::put(tx, shared, bob, "read", 11)
            .await?)
        .unwrap();
        let names = async |viewer: Viewer, text: Option<&str>| {
            let listing = Listing {
                viewer: &viewer,
                among: Among::All,
                owner_key: Some("ada".to_owned()),
                text: text.map(str::to_owned),
                order: Order::Name,
                limit: 10,
                offset: 0,
            };
            let mut conn = store.read().await.unwrap();
            let (rows, total) = repositories::list(&mut conn, &listing).await.unwrap();
            assert_eq!(total, rows.len() as i64);
            rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
        };
        assert_eq!(names(Viewer::Public, None).await, ["open_1"]);
        assert_eq!(
            names(Viewer::Account(ada, None), None).await,
            ["closed", "open_1", "shared"]
        );
        assert_eq!(
            names(Viewer::Account(bob, None), None).await,
            ["open_1", "shared"]
        );
        assert_eq!(
            names(Viewer::Account(ada, Some(vec![closed])), None).await,
            ["closed", "open_1"]
        );
        assert_eq!(names(Viewer::Account(ada, Some(vec![])), None).await, ["open_1"]);
        assert_eq!(
            names(Viewer::These(vec![closed]), None).await,
            ["closed", "open_1"]
        );
        assert_eq!(
            names(Viewer::Everything, Some("n_1")).await,
            ["open_1"],
            "_ is no wildcard"
        );
        assert_eq!(names(Viewer::Everything, Some("weaving")).await.len(), 3);
        assert_eq!(names(Viewer::Everything, Some("%")).await.len(), 0);
        assert_ne!(open, closed);
    })
    .await;
}

#[tokio::test]
async fn refs_are_sets_of_bytes_in_order() {
    on_both_engines(async |store| {
        let ada = account(&store, "ada").await;
        let id = tx!(&store, |tx| insert(tx, ada, "engine", false).await?).unwrap();
        let row = |name: &str, byte: u8| RefRow {
            name: name.as_bytes().to_vec(),
            oid: vec![byte; 20],
            peeled: (byte == 9).then(|| vec![1; 20]),
        };
        // `-` and `.` come before `/`, capitals before small letters: as bytes, not as words.
        let wanted = [
            row("refs/heads/B", 1),
            row("refs/heads/a", 2),
            row("refs/heads/a-b", 3),
            row("refs/heads/a/b", 4),
            row("refs/heads/ä", 5),
            row("refs/tags/v1", 9),
        ];
        let mut shuffled = wanted.clone();
        shuffled.reverse();
        let shuffled = &shuffled;
        tx!(&store, |tx| refs::put(tx, id, shuffled).await?).unwrap();
        let mut conn = store.read().await.unwrap();
        assert_eq!(refs::all(&mut conn, id).await.unwrap(), wanted);
        let below = refs::below(&mut conn, id, b"refs/heads/a/", 5).await.unwrap();
        assert_eq!(below, [b"refs/heads/a/b".to_vec()]);
        let some = refs::some(&mut conn, id, &[b"refs/heads/B", b"refs/heads/none"])
            .await
            .unwrap();
        assert_eq!(some, [(b"refs/heads/B".to_vec(), vec![1; 20])]);
        drop(conn);
        let moved = &[row("refs/heads/a", 7)];
        let gone = tx!(&store, |tx| {
            refs::put(tx, id, moved).await?;
            refs::remove(tx, id, &[b"refs/heads/B", b"refs/heads/none"]).await?
        });
        assert_eq!(gone.unwrap(), 1);
        let mut conn = store.read().await.unwrap();
        let left = refs::all(&mut conn, id).await.unwrap();
        assert_eq!((left.len(), &left[0]), (5, &moved[0]));
    })
    .await;
}

#[tokio::test]
async fn a_pack_only_moves_forward_and_a_push_is_noted_once() {
    on_both_engines(async |store| {
        let ada = account(&store, "ada").await;
        let id = tx!(&store, |tx| insert(tx, ada, "engine", false).await?).unwrap();
        let pack = |name: &str| PackRow {
            id: name.to_owned(),
            repository_id: id.0,
            checksum: "c".repeat(40),
            size_bytes: 100,
            object_count: 3,
            unreachable_since_ms: None,
        };
        let (one, two) = (pack("P1"), pack("P2"));
        let (one, two) = (&one, &two);
        let (p1, p2) = (&PackId("P1".into()), &PackId("P2".into()));
        tx!(&store, |tx| {
            packs::insert_uploading(tx, one, 50, 10).await?;
            packs::insert_uploading(tx, two, 500, 10).await?;
        })
        .unwrap();
        assert_eq!(
            tx!(&store, |tx| packs::abandon_expired(tx, 51).await?).unwrap(),
            1
        );
        assert!(
            !tx!(&store, |tx| packs::set_live(tx, p1).await?).unwrap(),
            "a dead pack stays dead"
        );
        assert!(tx!(&store, |tx| packs::set_live(tx, p2).await?).unwrap());
        assert!(
            !tx!(&store, |tx| packs::abandon(tx, p2).await?).unwrap(),
            "a live pack is not given up"
        );

        let push = &PushId("PUSH".into());
        let row = NewPushRow {
            id: push,
            repository: id,
            account: Some(ada),
            deploy_key: None,
            pack: Some(p2),
            generation: 1,
            options: "[]",
            request_id: "r",
        };
        let updates: Vec<_> = (0..1000)
            .map(|n| {
                (
                    format!("refs/heads/b{n:04}").into_bytes(),
                    None,
                    Some(vec![1; 20]),
                )
            })
            .collect();
        let wanted = &updates;
        let pushed = PushedRow {
            found_generation: 0,
            default_bookmark: Some("b0000"),
            refs_added: 1000,
            bytes_added: 100,
        };
        tx!(&store, |tx| {
            assert!(repositories::lock(tx, id).await?);
            assert!(repositories::pushed(tx, id, pushed, 77).await?);
            assert!(
                !repositories::pushed(tx, id, pushed, 77).await?,
                "the generation has moved"
            );
            pushes::insert(tx, row, 77).await?;
            pushes::insert_updates(tx, push, wanted).await?;
        })
        .unwrap();
        let mut conn = store.read().await.unwrap();
        assert_eq!(pushes::generation(&mut conn, push).await.unwrap(), Some(1));
        assert_eq!(pushes::updates(&mut conn, push).await.unwrap(), updates);
        let live = packs::live(&mut conn, id).await.unwrap();
        assert_eq!(live.iter().collect::<Vec<_>>(), [two]);
        let found = repositories::by_id(&mut conn, id, None)
            .await
            .unwrap()
            .unwrap()
            .repository;
        assert_eq!(
            (found.generation, found.ref_count, found.size_bytes),
            (1, 1000, 100)
        );
        assert_eq!(
            (found.pushed_at_ms, found.default_bookmark.as_str()),
            (Some(77), "b0000")
        );
        assert_eq!(repositories::stamp(&mut conn, id).await.unwrap(), Some((1, 0)));
        drop(conn);

        // Only what is deleted can be purged; of it, only dead packs remain for the sweeper.
        assert!(!tx!(&store, |tx| repositories::purge(tx, id).await?).unwrap());
        tx!(&store, |tx| repositories::set_deleted(tx, id, Some(80), 80)
            .await?)
        .unwrap();
        assert!(tx!(&store, |tx| repositories::purge(tx, id).await?).unwrap());
        let mut conn = store.read().await.unwrap();
        assert_eq!(packs::dead(&mut conn, 10).await.unwrap().len(), 2);
        assert!(repositories::by_id(&mut conn, id, None).await.unwrap().is_none());
        drop(conn);
        tx!(&store, |tx| packs::forget(tx, "P1").await?).unwrap();
        let next = tx!(&store, |tx| repositories::reserve_id(tx).await?).unwrap();
        assert!(next > id, "a number is never used again");
    })
    .await;
}

#[tokio::test]
async fn jobs_of_one_key_are_one_job_and_run_again_when_asked_again() {
    on_both_engines(async |store| {
        let job = |key: &'static str, run_after_ms| NewJobRow {
            kind: "maintain",
            coalesce_key: key,
            payload: "{}",
            request_id: "r",
            run_after_ms,
        };
        tx!(&store, |tx| {
            jobs::enqueue(tx, job("maintain:1", 100), 1).await?;
            jobs::enqueue(tx, job("maintain:1", 50), 2).await?;
            jobs::enqueue(tx, job("maintain:2", 300), 3).await?;
            assert!(!jobs::enqueue_once(tx, job("maintain:2", 0), 3).await?);
        })
        .unwrap();
        let claim = async |owner: &'static str, now_ms: i64| {
            tx!(&store, |tx| jobs::claim(
                tx,
                jobs::Which::OtherThan(&["prepare"]),
                owner,
                now_ms + 1000,
                now_ms
            )
            .await?)
            .unwrap()
        };
        assert_eq!(claim("w1", 49).await, None, "not due yet");
        let first = claim("w1", 50).await.unwrap();
        assert_eq!(
            (first.kind.as_str(), first.revision, first.attempts),
            ("maintain", 2, 1)
        );
        assert_eq!(claim("w2", 60).await, None, "held by the first worker");
        let first = &first;

        // Asked for again while it runs: completing it makes it due again.
        tx!(&store, |tx| jobs::enqueue(tx, job("maintain:1", 70), 65).await?).unwrap();
        tx!(&store, |tx| jobs::complete(tx, first, "w1").await?).unwrap();
        let again = claim("w2", 70).await.unwrap();
        assert_eq!((again.id, again.revision), (first.id, 3));
        let again = &again;

        // A worker that lost its lease can neither complete nor fail the job.
        let stolen = claim("w3", 70 + 1001).await.unwrap();
        let stolen = &stolen;
        assert_eq!(stolen.id, again.id);
        tx!(&store, |tx| jobs::complete(tx, again, "w2").await?).unwrap();
        tx!(&store, |tx| jobs::fail(tx, stolen, "w3", "no luck", 5000).await?).unwrap();
        let mut conn = store.read().await.unwrap();
        let all = jobs::all(&mut conn).await.unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[1].3.as_deref(), Some("no luck"));
        drop(conn);
        let last = claim("w1", 5000).await.unwrap();
        let last = &last;
        tx!(&store, |tx| jobs::complete(tx, last, "w1").await?).unwrap();
        let last = claim("w1", 5000).await.unwrap();
        let last = &last;
        tx!(&store, |tx| jobs::complete(tx, last, "w1").await?).unwrap();
        let mut conn = store.read().await.unwrap();
        assert!(jobs::all(&mut conn).await.unwrap().is_empty());
    })
    .await;
}

/// Ten thousand uploads whose lease is about to end, each made live by a push while the sweeper
/// comes by: whichever is second finds that it is, and what a push was told stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_and_the_sweeper_never_both_win() {
    const ROUNDS: i64 = 10_000;
    on_both_engines(async |store| {
        let packs: Vec<PackRow> = (0..ROUNDS)
            .map(|n| PackRow {
                id: format!("P{n:05}"),
                repository_id: 1,
                checksum: "c".repeat(40),
                size_bytes: 1,
                object_count: 1,
                unreachable_since_ms: None,
            })
            .collect();
        let all = &packs;
        tx!(&store, |tx| {
            for (n, pack) in (0..).zip(all) {
                packs::insert_uploading(tx, pack, n, 0).await?;
            }
        })
        .unwrap();
        // The sweeper's clock is a little ahead of the upload that the pushes are at.
        let at = Arc::new(AtomicI64::new(0));
        let sweeping = tokio::spawn({
            let (store, at) = (store.clone(), at.clone());
            async move {
                let mut swept = HashSet::new();
                while at.load(Ordering::Relaxed) < ROUNDS {
                    let now_ms = at.load(Ordering::Relaxed) + 4;
                    tx!(&store, |tx| packs::abandon_expired(tx, now_ms).await?).unwrap();
                    let dead = packs::dead(&mut store.read().await.unwrap(), 100).await.unwrap();
                    for pack in dead {
                        let id = pack.id.as_str();
                        tx!(&store, |tx| packs::forget(tx, id).await?).unwrap();
                        swept.insert(pack.id);
                    }
                }
                swept
            }
        });
        let mut live = HashSet::new();
        for pack in &packs {
            let id = &PackId(pack.id.clone());
            if tx!(&store, |tx| packs::set_live(tx, id).await?).unwrap() {
                live.insert(pack.id.clone());
            }
            at.fetch_add(1, Ordering::Relaxed);
        }
        let swept = sweeping.await.unwrap();
        eprintln!("{} live, {} swept", live.len(), swept.len());
        assert!(live.is_disjoint(&swept), "nothing acknowledged was removed");
        assert!(!live.is_empty() && !swept.is_empty(), "both were at work");
        let found = packs::live(&mut store.read().await.unwrap(), RepoId(1))
            .await
            .unwrap();
        let found: HashSet<String> = found.into_iter().map(|pack| pack.id).collect();
        assert_eq!(found, live);
    })
    .await;
}

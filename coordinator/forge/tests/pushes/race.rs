//! Several at once: pushes to the same ref, pushes in opposite orders, and a cache that goes away
//! under its readers.

use crate::house::{House, NOW_MS, in_both_houses};
use crate::push::rows;
use plue_forge::jobs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_pushes_to_one_ref_exactly_one_wins() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let other = house.second_node().await;
            let doors = [house.door(&ada).await, other.door(&ada).await];
            let base = house.home.small_repository("base").unwrap();
            house.git(
                &base,
                &["push", "-q", &format!("{}/ada/engine", doors[0]), "main"],
            );
            for round in 0..3 {
                let works: Vec<PathBuf> = (0..4)
                    .map(|n| {
                        let name = format!("work-{round}-{n}");
                        house.git(
                            house.home.path(),
                            &["clone", "-q", &format!("{}/ada/engine", doors[0]), &name],
                        );
                        let work = house.home.at(name);
                        house
                            .home
                            .commit(&work, "who", &format!("{round} {n}\n"), "Mine")
                            .unwrap();
                        work
                    })
                    .collect();
                let before = rows(&house, id).await;
                let pushed: Vec<bool> = std::thread::scope(|scope| {
                    let threads: Vec<_> = works
                        .iter()
                        .enumerate()
                        .map(|(n, work)| {
                            let address = format!("{}/ada/engine", doors[n % 2]);
                            let home = &house.home;
                            scope.spawn(move || {
                                let said = home.try_git(work, &["push", &address, "main"]).unwrap();
                                assert!(
                                    said.ok
                                        || said.err.contains("meanwhile")
                                        || said.err.contains("fetch first"),
                                    "{}",
                                    said.err
                                );
                                said.ok
                            })
                        })
                        .collect();
                    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
                });
                assert_eq!(pushed.iter().filter(|ok| **ok).count(), 1, "{pushed:?}");
                let after = rows(&house, id).await;
                assert_eq!((after.1, after.2, after.3), (before.1 + 1, 0, before.3 + 1));
                let winner = &works[pushed.iter().position(|ok| *ok).unwrap()];
                let copy = house.clone_of(&format!("{}/ada/engine", doors[1]), &format!("copy-{round}"));
                assert_eq!(
                    house.git(&copy, &["rev-parse", "main"]),
                    house.git(winner, &["rev-parse", "main"])
                );
                house.home.fsck(&copy).unwrap();
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_of_the_same_refs_in_opposite_orders_both_end() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            house.repository(&ada, "engine", true).await;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            let names: Vec<String> = (0..300).map(|n| format!("main:refs/heads/n{n}")).collect();
            let reversed: Vec<String> = names.iter().rev().cloned().collect();
            std::thread::scope(|scope| {
                for (folder, specs) in [("one", &names), ("two", &reversed)] {
                    let (home, address, work) = (&house.home, &address, &work);
                    scope.spawn(move || {
                        home.git(home.path(), &["clone", "-q", work.to_str().unwrap(), folder])
                            .unwrap();
                        let mut args = vec!["push", "-q", address.as_str()];
                        args.extend(specs.iter().map(String::as_str));
                        // The same refs at the same commit: whoever is second finds them as wanted.
                        home.git(&home.at(folder), &args).unwrap();
                    });
                }
            });
            assert_eq!(house.seen(&ada, "ada/engine").await.unwrap().ref_count, 300);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_is_disposable() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            for n in 0..5 {
                house
                    .home
                    .commit(&work, "file", &format!("{n}\n"), "Step")
                    .unwrap();
                house.git(&work, &["push", "-q", &address, "main"]);
            }
            // Removed by hand, in whole or in part, or rewritten by git itself: the next reader
            // finds everything.
            let cache = house.cache(id);
            std::fs::remove_dir_all(house.folder.path().join("cache")).unwrap();
            house
                .home
                .fsck(&house.clone_of(&address, "after-folder"))
                .unwrap();
            let pack = std::fs::read_dir(cache.join("objects/pack"))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .find(|path| path.extension().is_some_and(|end| end == "pack"))
                .unwrap();
            std::fs::remove_file(pack).unwrap();
            house.home.fsck(&house.clone_of(&address, "after-pack")).unwrap();
            std::fs::remove_dir_all(&cache).unwrap();
            house.home.fsck(&house.clone_of(&address, "after-all")).unwrap();
            house.git(&cache, &["pack-refs", "--all"]);
            std::fs::write(cache.join("packed-refs"), "nonsense").unwrap();
            house.home.fsck(&house.clone_of(&address, "after-refs")).unwrap();
            std::fs::remove_dir_all(&cache).unwrap();
            house.home.commit(&work, "file", "last\n", "Last").unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            let copy = house.clone_of(&address, "after-push");
            assert_eq!(
                house.git(&copy, &["rev-parse", "main"]),
                house.git(&work, &["rev-parse", "main"])
            );
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweeper_removes_nothing_that_was_acknowledged() {
    // Every upload's lease has ended when it begins, so that each push races the sweeper.
    in_both_houses(
        |settings| settings.upload_grace_ms = -1,
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            let done = std::sync::Arc::new(AtomicBool::new(false));
            let sweeping = tokio::spawn({
                let (forge, done) = (house.forge.clone(), done.clone());
                async move {
                    let mut now_ms = NOW_MS;
                    while !done.load(Ordering::Relaxed) {
                        now_ms += 3_600_000;
                        jobs::plant(&forge, now_ms).await.unwrap();
                        jobs::run_due(&forge, "test", now_ms).await.unwrap();
                    }
                }
            });
            let (mut kept, mut lost) = (0, 0);
            while kept < 15 && lost < 200 {
                house
                    .home
                    .commit(&work, "file", &format!("{kept} {lost}\n"), "Step")
                    .unwrap();
                let said = house.try_git(&work, &["push", &address, "main"]);
                if said.ok {
                    kept += 1;
                } else {
                    assert!(said.err.contains("its upload was given up"), "{}", said.err);
                    lost += 1;
                }
            }
            done.store(true, Ordering::Relaxed);
            sweeping.await.unwrap();
            eprintln!("{kept} pushes came before the sweeper, {lost} after it");
            let after = rows(&house, id).await;
            assert_eq!((after.2, after.3), (0, kept));
            let node = house.second_node().await;
            let copy = node.clone_of(&format!("{}/ada/engine", node.door(&ada).await), "copy");
            node.home.fsck(&copy).unwrap();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_run_while_packs_are_rolled_up() {
    in_both_houses(
        |settings| settings.deadline_ms = 60_000,
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let node = house.second_node().await;
            let elsewhere = format!("{}/ada/engine", node.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            let done = std::sync::Arc::new(AtomicBool::new(false));
            let rolling = tokio::spawn({
                let (forge, done) = (house.forge.clone(), done.clone());
                async move {
                    let mut now_ms = NOW_MS;
                    while !done.load(Ordering::Relaxed) {
                        now_ms += 60_000;
                        jobs::run_due(&forge, "test", now_ms).await.unwrap();
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                }
            });
            for n in 0..20 {
                house
                    .home
                    .commit(&work, &format!("file-{n}"), &format!("{n}\n"), "Step")
                    .unwrap();
                house.git(&work, &["push", "-q", &address, "main"]);
                let from = if n % 2 == 0 { &address } else { &elsewhere };
                let copy = house.clone_of(from, &format!("copy-{n}"));
                house.home.fsck(&copy).unwrap();
                assert_eq!(
                    house.git(&copy, &["rev-parse", "main"]),
                    house.git(&work, &["rev-parse", "HEAD"])
                );
            }
            done.store(true, Ordering::Relaxed);
            rolling.await.unwrap();
            jobs::run_due(&house.forge, "test", NOW_MS + 24 * 3_600_000)
                .await
                .unwrap();
            let (_, live, _, pushed, _) = rows(&house, id).await;
            assert!(live < 8 && pushed == 21, "{live} packs of {pushed} pushes");
            // What was replaced goes from the blob store, and from the copies with their next change.
            jobs::plant(&house.forge, NOW_MS).await.unwrap();
            jobs::run_due(&house.forge, "test", NOW_MS + 72 * 3_600_000)
                .await
                .unwrap();
            let blobs = house.blobs.list(&format!("{id}/"), None, 1000).await.unwrap();
            assert_eq!(blobs.len() as i64, 3 * live);
            house.home.commit(&work, "last", "last\n", "Last").unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            let packs = std::fs::read_dir(house.cache(id).join("objects/pack"))
                .unwrap()
                .count();
            assert_eq!(packs as i64, 3 * (live + 1));
            let third = house.second_node().await;
            let copy = third.clone_of(&format!("{}/ada/engine", third.door(&ada).await), "copy");
            third.home.fsck(&copy).unwrap();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_another_database_is_not_shown() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "secret", true).await.id;
            let work = house.home.small_repository("work").unwrap();
            house.git(
                &work,
                &[
                    "push",
                    "-q",
                    &format!("{}/ada/secret", house.door(&ada).await),
                    "main",
                ],
            );
            let tip = house.home.commit(&work, "secret", "secret\n", "Secret").unwrap();
            house.git(
                &work,
                &[
                    "push",
                    "-q",
                    &format!("{}/ada/secret", house.door(&ada).await),
                    "main",
                ],
            );
            assert!(house.cache(id).exists());

            // The same folder under a database that numbers its repositories from the start.
            let elsewhere = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", elsewhere.path().join("other.db").display());
            let store = plue_store::Store::open(&url, plue_store::PoolSettings::default())
                .await
                .unwrap();
            store.migrate(0).await.unwrap();
            let other = House::build(store, house.blobs.clone(), house.folder.clone(), |_| {}).await;
            let eve = other.account("eve").await;
            assert_eq!(other.repository(&eve, "mine", true).await.id, id);
            let address = format!("{}/eve/mine", other.door(&eve).await);
            let loom = other.home.small_repository("loom").unwrap();
            other.home.commit(&loom, "other", "other\n", "Other").unwrap();
            other.git(&loom, &["push", "-q", &address, "main"]);
            let said = other.try_git(&loom, &["fetch", &address, &tip]);
            assert!(
                !said.ok,
                "what another database's repository had is not here: {}",
                said.err
            );
            other.home.fsck(&other.clone_of(&address, "copy")).unwrap();
        },
    )
    .await;
}

//! Several at once: pushes to the same ref, pushes in opposite orders, and a cache that goes away
//! under its readers.

use crate::house::{NOW_MS, in_both_houses};
use crate::push::rows;
use std::path::PathBuf;

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
            let _ = NOW_MS;
        },
    )
    .await;
}

//! Many small pushes: the packs stay few however fast they come, and clones beside them are clean.

use crate::house::{House, NOW_MS, in_both_houses};
use plue_forge::jobs;
use plue_store::packs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// The most live packs that a repository may have.
const MOST: i64 = 50;
/// How many push at once, and how often each.
const PUSHERS: usize = 4;
const PUSHES: usize = 75;

/// Watches how many live packs there are until told to stop; the most that there were at any look.
fn watch(house: &House, id: plue_contract::RepoId, done: &Arc<AtomicBool>) -> tokio::task::JoinHandle<i64> {
    let (store, done) = (house.store.clone(), done.clone());
    tokio::spawn(async move {
        let mut most = 0;
        while !done.load(Ordering::Relaxed) {
            let mut conn = store.read().await.unwrap();
            most = most.max(packs::count(&mut conn, id, "live").await.unwrap());
            drop(conn);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        most
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_hundred_pushes_leave_no_more_than_fifty_packs() {
    in_both_houses(
        |settings| {
            settings.queues.pushes = PUSHERS;
            settings.queues.pushes_per_caller = PUSHERS;
        },
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let works: Vec<_> = (0..PUSHERS)
                .map(|n| house.home.small_repository(&format!("work-{n}")).unwrap())
                .collect();
            let done = Arc::new(AtomicBool::new(false));
            let watching = watch(&house, id, &done);
            let pushed = Arc::new(AtomicI64::new(0));
            // At first nobody looks after the repository: only the pushes themselves can.
            let chores = tokio::spawn({
                let (forge, done, pushed) = (house.forge.clone(), done.clone(), pushed.clone());
                async move {
                    while !done.load(Ordering::Relaxed) {
                        if pushed.load(Ordering::Relaxed) > (PUSHERS * PUSHES / 2) as i64 {
                            // Late enough for what is due at once, too early for what has time.
                            jobs::run_due(&forge, "test", NOW_MS + 20_000).await.unwrap();
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            });
            let home = &house.home;
            let clones = tokio::task::block_in_place(|| {
                std::thread::scope(|scope| {
                    let pushers: Vec<_> = works
                        .iter()
                        .enumerate()
                        .map(|(n, work)| {
                            let (address, pushed) = (&address, &pushed);
                            scope.spawn(move || {
                                for round in 0..PUSHES {
                                    home.commit(work, "file", &format!("{n} {round}\n"), "Step")
                                        .unwrap();
                                    let to = format!("HEAD:refs/heads/b{n}");
                                    home.git(work, &["push", "-q", address, &to]).unwrap();
                                    pushed.fetch_add(1, Ordering::Relaxed);
                                }
                            })
                        })
                        .collect();
                    let mut clones = 0;
                    while pushers.iter().any(|pusher| !pusher.is_finished()) {
                        let copy = format!("copy-{clones}");
                        home.git(home.path(), &["clone", "-q", "--mirror", &address, &copy])
                            .unwrap();
                        home.fsck(&home.at(&copy)).unwrap();
                        std::fs::remove_dir_all(home.at(&copy)).unwrap();
                        clones += 1;
                    }
                    for pusher in pushers {
                        pusher.join().unwrap();
                    }
                    clones
                })
            });
            done.store(true, Ordering::Relaxed);
            let most = watching.await.unwrap();
            chores.await.unwrap();
            eprintln!("at most {most} packs, beside {clones} clones");
            assert!(most > 20 && most <= MOST, "{most} packs");
            // What the roll-ups replaced is gone from the copy with the last who read it.
            let copy = house.clone_of(&address, "after");
            house.home.fsck(&copy).unwrap();
            let packs = std::fs::read_dir(house.cache(id).join("objects/pack")).unwrap();
            let packs = packs
                .filter(|file| {
                    file.as_ref()
                        .unwrap()
                        .path()
                        .extension()
                        .is_some_and(|end| end == "pack")
                })
                .count();
            assert!(packs as i64 <= MOST, "{packs} packs in the copy");
            for (n, work) in works.iter().enumerate() {
                assert_eq!(
                    house.git(&copy, &["rev-parse", &format!("b{n}")]),
                    house.git(work, &["rev-parse", "HEAD"])
                );
            }
            house.assert_tidy();
        },
    )
    .await;
}

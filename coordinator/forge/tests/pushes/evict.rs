//! Copies that go away: by their budget, at every moment, under clients that notice nothing but
//! time.

use crate::house::{House, in_every_house};
use plue_blobs::Blobs;
use plue_contract::RepoId;
use plue_forge::cache::keep_within_budget;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn copies_go_at_every_moment_and_no_client_notices() {
    in_every_house(
        |settings| settings.cache_bytes = 0,
        async |house| {
            let ada = house.account("ada").await;
            let address = house.door(&ada).await;
            for name in ["engine", "loom"] {
                house.repository(&ada, name, true).await;
                let work = house.home.small_repository(name).unwrap();
                for n in 0..5 {
                    house
                        .home
                        .commit(&work, &format!("file-{n}"), &format!("{n}\n"), "Step")
                        .unwrap();
                }
                house.git(&work, &["push", "-q", &format!("{address}/ada/{name}"), "main"]);
            }
            let done = Arc::new(AtomicBool::new(false));
            let evicted = Arc::new(AtomicUsize::new(0));
            let evicting = tokio::spawn({
                let (forge, done, evicted) = (house.forge.clone(), done.clone(), evicted.clone());
                async move {
                    while !done.load(Ordering::Relaxed) {
                        let kept = keep_within_budget(&forge).await.unwrap();
                        evicted.fetch_add(kept.evicted, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
            });
            // Every clone and every push succeeds at the first try. They go on until enough copies went away
            // meanwhile, however the machine shares its time out.
            let home = &house.home;
            let goes_on = |&round: &u32| round < 10 || (round < 500 && evicted.load(Ordering::Relaxed) < 10);
            tokio::task::block_in_place(|| {
                std::thread::scope(|scope| {
                    for (who, name) in ["engine", "loom"].into_iter().enumerate() {
                        let from = format!("{address}/ada/{name}");
                        let to = from.clone();
                        scope.spawn(move || {
                            for round in (0..).take_while(goes_on) {
                                let copy = format!("copy-{who}-{round}");
                                home.git(home.path(), &["clone", "-q", "--mirror", &from, &copy])
                                    .unwrap();
                                home.fsck(&home.at(&copy)).unwrap();
                            }
                        });
                        scope.spawn(move || {
                            for round in (0..).take_while(goes_on) {
                                home.commit(&home.at(name), "news", &format!("{round}\n"), "News")
                                    .unwrap();
                                home.git(&home.at(name), &["push", "-q", &to, "main"]).unwrap();
                            }
                        });
                    }
                });
            });
            done.store(true, Ordering::Relaxed);
            evicting.await.unwrap();
            let evicted = evicted.load(Ordering::Relaxed);
            eprintln!("{evicted} copies were evicted");
            assert!(evicted >= 10, "{evicted} evictions are no test");
            for name in ["engine", "loom"] {
                let copy = house.clone_of(&format!("{address}/ada/{name}"), &format!("after-{name}"));
                house.home.fsck(&copy).unwrap();
                assert_eq!(
                    house.git(&copy, &["rev-parse", "main"]),
                    house.git(&house.home.at(name), &["rev-parse", "HEAD"])
                );
            }
            assert_eq!(nothing_left(&house).await, (0, 0), "what is evicted is removed");
        },
    )
    .await;
}

/// Evicts all, as soon as the last readers have left; what is on the disk after that.
async fn nothing_left(house: &House) -> (usize, usize) {
    let attic = house.folder.path().join("cache/evicted");
    let mut left = (usize::MAX, usize::MAX);
    for _ in 0..100 {
        let kept = keep_within_budget(&house.forge).await.unwrap();
        left = (kept.copies, std::fs::read_dir(&attic).unwrap().count());
        if left == (0, 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_that_was_not_used_for_longest_goes_and_one_that_is_read_stays() {
    in_every_house(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let address = house.door(&ada).await;
            let work = house.home.small_repository("work").unwrap();
            let mut ids = Vec::new();
            for name in ["a", "b", "c"] {
                ids.push(house.repository(&ada, name, true).await.id);
                house.git(&work, &["push", "-q", &format!("{address}/ada/{name}"), "main"]);
            }
            let all = keep_within_budget(&house.forge).await.unwrap();
            assert_eq!((all.copies, all.evicted), (3, 0), "there is room for all");
            let there = |ids: &[RepoId]| ids.iter().map(|id| house.cache(*id).exists()).collect::<Vec<_>>();

            // The next process on this folder has room for all but the last byte.
            let next = House::build_in(
                house.store.clone(),
                house.blobs.clone(),
                house.folder.path(),
                |settings| settings.cache_bytes = all.bytes - 1,
            )
            .await;
            let door = next.door(&ada).await;
            for name in ["a", "c", "b", "a"] {
                next.git(next.home.path(), &["ls-remote", &format!("{door}/ada/{name}")]);
            }
            let kept = keep_within_budget(&next.forge).await.unwrap();
            assert_eq!((kept.copies, kept.evicted), (2, 1));
            assert_eq!(there(&ids), [true, true, false], "c was not used for longest");

            // In mid-conversation: the refs were told, and the client has not said what it wants.
            let last = House::build_in(
                house.store.clone(),
                house.blobs.clone(),
                house.folder.path(),
                |settings| settings.cache_bytes = 0,
            )
            .await;
            let door = last.door(&ada).await;
            let mut reader = tokio::net::TcpStream::connect(door.trim_start_matches("git://"))
                .await
                .unwrap();
            reader
                .write_all(b"0025git-upload-pack /ada/a\0host=here\0")
                .await
                .unwrap();
            let mut head = [0; 4];
            reader.read_exact(&mut head).await.unwrap();
            let kept = keep_within_budget(&last.forge).await.unwrap();
            assert_eq!((kept.copies, kept.evicted), (1, 1), "a is being read");
            assert_eq!(there(&ids), [true, false, false]);
            drop(reader);
            let mut went = 0;
            for _ in 0..100 {
                went += keep_within_budget(&last.forge).await.unwrap().evicted;
                if went == 1 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(there(&ids), [false, false, false]);
            last.home
                .fsck(&last.clone_of(&format!("{door}/ada/c"), "c.git"))
                .unwrap();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_shares_its_packs_costs_next_to_nothing() {
    plue_store::testing::on_both_engines(async |store| {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let blobs = Blobs::directory(&folder.path().join("blobs")).await.unwrap();
        let house = House::build(store, blobs, folder, |_| {}).await;
        let ada = house.account("ada").await;
        house.repository(&ada, "engine", true).await;
        let work = house.home.small_repository("work").unwrap();
        // Beyond compression: a megabyte of a counter's hashes.
        let mut state = 1_u64;
        let noise: String = (0..1 << 20)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b' ' + (state >> 33) as u8 % 90)
            })
            .collect();
        house.home.commit(&work, "noise", &noise, "Noise").unwrap();
        let address = format!("{}/ada/engine", house.door(&ada).await);
        house.git(&work, &["push", "-q", &address, "main"]);
        let kept = keep_within_budget(&house.forge).await.unwrap();
        assert_eq!(kept.copies, 1);
        assert!(kept.bytes < 200_000, "{kept:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_left_in_the_cache_stops_no_start() {
    let folder = tempfile::tempdir().unwrap();
    let quarantine = folder.path().join("cache/quarantine/quarantine-1/objects");
    std::fs::create_dir_all(&quarantine).unwrap();
    // A child of the dead process goes on writing while the next one starts.
    let done = Arc::new(AtomicBool::new(false));
    let writing = std::thread::spawn({
        let (done, quarantine) = (done.clone(), quarantine.clone());
        // From inside, as a child's own folder is: it follows where the folder is moved to.
        let inside = std::fs::File::open(&quarantine).unwrap();
        move || {
            use std::os::fd::AsRawFd as _;
            let inside = format!("/proc/self/fd/{}", inside.as_raw_fd());
            for n in 0.. {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                let _ = std::fs::write(format!("{inside}/file-{n}"), "x");
            }
        }
    });
    let path = std::env::var_os("PATH").unwrap();
    for _ in 0..20 {
        let git = plue_git::Git::locate(&path).await.unwrap();
        let settings = plue_forge::GitSettings::new(folder.path().join("cache"));
        plue_forge::LocalGit::open(git, settings).unwrap();
        let left = std::fs::read_dir(folder.path().join("cache/quarantine")).unwrap();
        assert_eq!(left.count(), 0);
    }
    done.store(true, Ordering::Relaxed);
    writing.join().unwrap();
}

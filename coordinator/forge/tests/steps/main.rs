//! Each step of a push, made to fail. Fail points belong to the whole process, so this program
//! has one test.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
#![allow(dead_code, reason = "the house is shared with the other tests of pushes")]

#[path = "../pushes/house.rs"]
mod house;

use house::{House, NOW_MS, in_both_houses};
use plue_contract::RepoId;
use plue_forge::failpoints;
use plue_forge::jobs;
use plue_store::{packs, pushes};
use std::path::Path;

/// What the database holds of a repository: live packs, uploads under way, pushes.
async fn rows(house: &House, id: RepoId) -> (i64, i64, i64) {
    let mut conn = house.store.read().await.unwrap();
    (
        packs::count(&mut conn, id, "live").await.unwrap(),
        packs::count(&mut conn, id, "uploading").await.unwrap(),
        pushes::count(&mut conn, id).await.unwrap(),
    )
}

/// What a push must leave, whatever happened to it: the refs and the objects agree, and a fresh
/// copy is whole.
async fn assert_sound(house: &House, address: &str, name: &str) -> String {
    let node = house.second_node().await;
    let copy = house.clone_of(address, name);
    house.home.fsck(&copy).unwrap();
    drop(node);
    house.home.refs(&copy).unwrap()
}

fn tip(house: &House, work: &Path) -> String {
    house.git(work, &["rev-parse", "HEAD"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_leaves_the_push_whole_or_undone() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            for point in failpoints::POINTS {
                let before = rows(&house, id).await;
                house.home.commit(&work, "file", point, point).unwrap();
                failpoints::arm(&format!("{point}=error")).unwrap();
                let said = house.try_git(&work, &["push", &address, "main"]);
                let committed = ["push-7-committed", "push-8", "push-9"]
                    .iter()
                    .any(|late| point.starts_with(late));
                let after = rows(&house, id).await;
                let refs = assert_sound(&house, &address, point).await;
                assert_eq!(
                    refs.contains(&tip(&house, &work)),
                    committed,
                    "{point}: {}",
                    said.err
                );
                if committed {
                    assert_eq!((after.0, after.2), (before.0 + 1, before.2 + 1), "{point}");
                    assert!(said.ok || *point == "push-9-reported", "{point}: {}", said.err);
                } else {
                    assert_eq!((after.0, after.2), (before.0, before.2), "{point}");
                    assert!(!said.ok, "{point}");
                }
                house.git(&work, &["push", "-q", &address, "main"]);
            }
            house.assert_tidy();

            // What was uploaded for nothing is swept, and nothing else is.
            jobs::plant(&house.forge, NOW_MS).await.unwrap();
            let later_ms = NOW_MS + 7 * 60 * 60 * 1000;
            jobs::run_due(&house.forge, "test", later_ms).await.unwrap();
            let (live, uploading, _) = rows(&house, id).await;
            assert_eq!(uploading, 0);
            let mut conn = house.store.read().await.unwrap();
            let replaced = packs::count(&mut conn, id, "replaced").await.unwrap();
            drop(conn);
            let blobs = house.blobs.list(&format!("{id}/"), None, 1000).await.unwrap();
            assert_eq!(
                blobs.len() as i64,
                3 * (live + replaced),
                "pack, index and reverse index of each pack that counts"
            );
            assert_sound(&house, &address, "swept").await;
        },
    )
    .await;
}

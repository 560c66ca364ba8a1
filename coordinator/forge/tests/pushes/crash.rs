//! What goes wrong on our side in the middle of a push: a statement that fails, a COMMIT whose
//! answer is lost.

use crate::house::{House, in_both_houses};
use crate::push::rows;
use std::path::Path;

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
async fn each_statement_of_a_push_may_fail() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            let mut nth = 0;
            let mut refused = 0;
            loop {
                nth += 1;
                let before = rows(&house, id).await;
                house
                    .home
                    .commit(&work, "file", &format!("{nth}\n"), "Step")
                    .unwrap();
                house.store.faults().fail_nth(nth);
                let said = house.try_git(&work, &["push", &address, "main", "main:other"]);
                let fired = house.store.faults().clear();
                let after = rows(&house, id).await;
                let refs = assert_sound(&house, &address, &format!("copy-{nth}")).await;
                if !fired {
                    assert!(said.ok, "{}", said.err);
                    break;
                }
                // A statement may fail after the commit: then the push stands and says so.
                if said.ok {
                    assert!(
                        refs.contains(&tip(&house, &work)),
                        "an acknowledged push is there"
                    );
                    assert_eq!((after.1, after.3), (before.1 + 1, before.3 + 1));
                } else {
                    refused += 1;
                    assert_eq!(
                        (after.1, after.3, after.4),
                        (before.1, before.3, before.4),
                        "statement {nth}"
                    );
                    assert!(
                        !refs.contains(&tip(&house, &work)),
                        "statement {nth}: {}",
                        said.err
                    );
                }
            }
            assert!(refused > 8, "only {refused} of {nth} statements were in the way");
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_commit_is_looked_up() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            let faults = house.store.faults();
            let push = || house.try_git(&work, &["push", &address, "main"]);
            // Lost before anything of the push could count, and lost before it arrived.
            for (transaction, said) in [("packs.begin_upload", "busy"), ("pushes.accept", "busy")] {
                faults.lose_commit_of(transaction, false);
                let answer = push();
                assert!(
                    !answer.ok && answer.err.contains(said),
                    "{transaction}: {}",
                    answer.err
                );
                assert_eq!(rows(&house, id).await.3, 0, "{transaction}");
            }
            // Done, and the answer lost: the push is looked up, and its pusher reads that it is in.
            faults.lose_commit_of("pushes.accept", true);
            let answer = push();
            assert!(answer.ok, "{}", answer.err);
            house.home.commit(&work, "more", "more\n", "More").unwrap();
            faults.lose_commit_of("pushes.accept", true);
            // The same for a repository that the push makes.
            let new = address.replace("engine", "loom");
            let answer = house.try_git(&work, &["push", &new, "main"]);
            assert!(answer.ok, "{}", answer.err);
            house.home.fsck(&house.clone_of(&new, "loom.git")).unwrap();
            assert!(push().ok);
            let after = rows(&house, id).await;
            assert_eq!((after.0, after.3), (1, 2), "one ref, two pushes");
        },
    )
    .await;
}

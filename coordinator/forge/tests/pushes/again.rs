//! What is done in several transactions and is safe to do twice: jobs. Each statement is made to
//! fail in turn; what is there then is whole, and doing it again brings it to its end.

use crate::house::{House, NOW_MS, in_both_houses};
use plue_contract::{AccountName, Caller, PackId, RepoId};
use plue_forge::access::repositories as access;
use plue_forge::repositories;
use plue_forge::{import, jobs};
use plue_store::packs::{self, PackRow};
use plue_store::query_built;
use std::path::Path;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Prepares something to be done, does it with a later statement failing each time, looks at what
/// is there, and does it again; until none is left to fail. `run` is told how often it ran before.
async fn each_statement_again<P>(
    house: &House,
    name: &str,
    prepare: impl AsyncFn(i64) -> P,
    run: impl AsyncFn(i64),
    look: impl AsyncFn(&P, &str),
    end: impl AsyncFn(&P, &str),
) {
    let mut times = 0;
    for nth in 1.. {
        let prepared = prepare(nth).await;
        house.store.faults().fail_nth(nth);
        run(times).await;
        let fired = house.store.faults().clear();
        times += 1;
        if !fired {
            end(&prepared, name).await;
            assert!(nth > 3, "{name} has more than {nth} statements");
            eprintln!("{name}: {} statements", nth - 1);
            return;
        }
        let what = format!("{name}: statement {nth}");
        look(&prepared, &what).await;
        run(times).await;
        times += 1;
        end(&prepared, &what).await;
    }
}

/// Runs what is due. A worker that cannot end its job leaves it to the next one, which takes it
/// when the lease is over: each run is a day after the one before.
async fn work(house: &House, times: i64) {
    // What the first statements of a worker say is its door's to log.
    let _ = jobs::run_due(&house.forge, "test", NOW_MS + 60 * DAY_MS + times * DAY_MS).await;
}

/// How many rows of a table there are for a repository.
async fn count(house: &House, table: &str, condition: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE {condition}");
    let mut conn = house.store.read().await.unwrap();
    query_built("test.count", sql)
        .one::<(i64,)>(&mut conn)
        .await
        .unwrap()
        .0
}

/// Plants the recurring jobs; how many there are.
async fn planted(house: &House) -> i64 {
    jobs::plant(&house.forge, NOW_MS).await.unwrap();
    count(house, "jobs", "1 = 1").await
}

async fn imported(house: &House, owner: &Caller, from: &Path, name: &str) -> RepoId {
    let ada: AccountName = "ada".parse().unwrap();
    let under = access::create_under(&house.forge, owner, &ada, NOW_MS)
        .await
        .unwrap();
    import::import(&house.forge, under, name.parse().unwrap(), from, NOW_MS)
        .await
        .unwrap()
        .id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_that_is_cut_off_is_done_by_the_next() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let source = house.home.small_repository("work").unwrap();
            let prepare = async |nth: i64| {
                let name = format!("r{nth}");
                let id = imported(&house, &ada, &source, &name).await;
                // What follows from the import itself is done before.
                work(&house, -40).await;
                let path = format!("ada/{name}").parse().unwrap();
                let permit = access::administer(&house.forge, &ada, &path, NOW_MS)
                    .await
                    .unwrap();
                repositories::delete(&house.forge, permit, NOW_MS).await.unwrap();
                id
            };
            let rows = async |id: &RepoId| {
                let of = format!("repository_id = {id}");
                (
                    count(&house, "repositories", &format!("id = {id}")).await,
                    count(&house, "refs", &of).await,
                    count(&house, "pushes", &of).await,
                    count(&house, "packs", &format!("{of} AND state = 'live'")).await,
                )
            };
            let look = async |id: &RepoId, what: &str| {
                let found = rows(id).await;
                assert!(matches!(found, (1, 1, 1, 1) | (0, 0, 0, 0)), "{what}: {found:?}");
            };
            let end = async |id: &RepoId, what: &str| {
                assert_eq!(rows(id).await, (0, 0, 0, 0), "{what}");
                let packs = count(&house, "packs", &format!("repository_id = {id}")).await;
                assert_eq!(packs, 0, "{what}");
                assert_eq!(count(&house, "jobs", "1 = 1").await, 0, "{what}");
                let blobs = house.blobs.list(&format!("{id}/"), None, 10).await.unwrap();
                assert!(
                    blobs.is_empty() && !house.cache(*id).exists(),
                    "{what}: {blobs:?}"
                );
            };
            let run = async |times| work(&house, times).await;
            each_statement_again(&house, "purge", prepare, run, look, end).await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_up_that_is_cut_off_is_done_by_the_next() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let source = house.home.small_repository("work").unwrap();
            let door = house.door(&ada).await;
            let begin = house.git(&source, &["rev-parse", "HEAD"]);
            let prepare = async |nth: i64| {
                let name = format!("r{nth}");
                house.git(&source, &["reset", "-q", "--hard", &begin]);
                let id = imported(&house, &ada, &source, &name).await;
                house
                    .home
                    .commit(&source, "file", &format!("{nth}\n"), "Step")
                    .unwrap();
                house.git(&source, &["push", "-q", &format!("{door}/ada/{name}"), "main"]);
                (id, name, house.git(&source, &["rev-parse", "HEAD"]))
            };
            let sound = async |(_, name, tip): &(RepoId, String, String), what: &str| {
                let copy = house.clone_of(&format!("{door}/ada/{name}"), "copy");
                house.home.fsck(&copy).unwrap();
                assert_eq!(&house.git(&copy, &["rev-parse", "main"]), tip, "{what}");
                std::fs::remove_dir_all(copy).unwrap();
            };
            let end = async |prepared: &(RepoId, String, String), what: &str| {
                sound(prepared, what).await;
                let of = format!("repository_id = {}", prepared.0);
                let live = count(&house, "packs", &format!("{of} AND state = 'live'")).await;
                assert_eq!(live, 1, "{what}: two packs became one");
                assert_eq!(count(&house, "jobs", "1 = 1").await, 0, "{what}");
            };
            let run = async |times| work(&house, times).await;
            each_statement_again(&house, "maintain", prepare, run, sound, end).await;
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_that_is_cut_off_is_done_by_the_next() {
    in_both_houses(
        |settings| settings.expiry_grace_ms = 0,
        async |house| {
            let ada = house.account("ada").await;
            let source = house.home.small_repository("work").unwrap();
            let door = house.door(&ada).await;
            let begin = house.git(&source, &["rev-parse", "HEAD"]);
            let prepare = async |nth: i64| {
                let name = format!("r{nth}");
                house
                    .home
                    .commit(&source, "file", &format!("{nth}\n"), "Step")
                    .unwrap();
                let id = imported(&house, &ada, &source, &name).await;
                house.git(&source, &["reset", "-q", "--hard", &begin]);
                house.git(&source, &["push", "-q", &format!("{door}/ada/{name}"), "+main"]);
                (id, name)
            };
            let sound = async |(_, name): &(RepoId, String), what: &str| {
                let copy = house.clone_of(&format!("{door}/ada/{name}"), "copy");
                house.home.fsck(&copy).unwrap();
                assert_eq!(house.git(&copy, &["rev-parse", "main"]), begin, "{what}");
                std::fs::remove_dir_all(copy).unwrap();
            };
            let end = async |prepared: &(RepoId, String), what: &str| {
                sound(prepared, what).await;
                let of = format!("repository_id = {}", prepared.0);
                let live = count(&house, "packs", &format!("{of} AND state = 'live'")).await;
                assert_eq!(live, 1, "{what}: what nothing refers to is gone");
                assert_eq!(count(&house, "jobs", "1 = 1").await, 0, "{what}");
            };
            // Once to find it, and once to remove it.
            let run = async |times| {
                work(&house, 2 * times).await;
                work(&house, 2 * times + 1).await;
            };
            each_statement_again(&house, "expire", prepare, run, sound, end).await;
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_is_cut_off_is_done_by_the_next() {
    in_both_houses(
        |_| {},
        async |house| {
            let recurring = planted(&house).await;
            let checksum = "0123456789012345678901234567890123456789";
            let file = house.home.at("blob");
            std::fs::write(&file, "left behind").unwrap();
            let key = |id: &PackId| {
                plue_blobs::BlobKey::pack(RepoId(7), id, checksum, plue_blobs::PackPart::Pack).unwrap()
            };
            // An upload whose push never came to its end.
            let prepare = async |nth: i64| {
                jobs::plant(&house.forge, NOW_MS).await.unwrap();
                let id = PackId(format!("01ARZ3NDEKTSV4RRFFQ69G{nth:04}"));
                let row = &PackRow {
                    id: id.0.clone(),
                    repository_id: 7,
                    checksum: checksum.to_owned(),
                    size_bytes: 11,
                    object_count: 1,
                    unreachable_since_ms: None,
                };
                house
                    .store
                    .in_tx("test.upload", |tx| {
                        Box::pin(async move { packs::insert_uploading(tx, row, NOW_MS, NOW_MS).await })
                    })
                    .await
                    .unwrap();
                house.blobs.put_file(&key(&id), &file).await.unwrap();
                id
            };
            let look = async |id: &PackId, what: &str| {
                let row = count(&house, "packs", &format!("id = '{}'", id.0)).await;
                let blob = house.blobs.size(&key(id)).await.unwrap();
                assert!(blob.is_none() || row == 1, "{what}: a blob that nobody knows of");
            };
            let end = async |id: &PackId, what: &str| {
                assert_eq!(count(&house, "packs", "1 = 1").await, 0, "{what}");
                assert_eq!(house.blobs.size(&key(id)).await.unwrap(), None, "{what}");
                // The recurring jobs are there, for their next time.
                let waiting = count(&house, "jobs", "lease_until_ms IS NULL").await;
                assert_eq!(waiting, recurring, "{what}");
            };
            let run = async |times| work(&house, times).await;
            each_statement_again(&house, "sweep", prepare, run, look, end).await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recurring_jobs_are_planted_once_whatever_fails() {
    in_both_houses(
        |_| {},
        async |house| {
            let recurring = planted(&house).await;
            let clear = async |_: i64| {
                house
                    .store
                    .in_tx("test.clear", |tx| {
                        Box::pin(async move {
                            query_built("test.clear", "DELETE FROM jobs".to_owned())
                                .execute(tx)
                                .await
                        })
                    })
                    .await
                    .unwrap();
            };
            let run = async |_: i64| drop(jobs::plant(&house.forge, NOW_MS).await);
            let look = async |(): &(), what: &str| {
                assert!(count(&house, "jobs", "1 = 1").await <= recurring, "{what}");
            };
            let end = async |(): &(), what: &str| {
                assert_eq!(count(&house, "jobs", "1 = 1").await, recurring, "{what}");
            };
            each_statement_again(&house, "plant", clear, run, look, end).await;
        },
    )
    .await;
}

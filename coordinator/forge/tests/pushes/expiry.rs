//! Objects that nothing refers to: how long they stay, and how one goes at once.

use crate::house::{House, NOW_MS, in_both_houses, in_every_house};
use plue_contract::{Caller, RepoId};
use plue_forge::access::accounts::administer;
use plue_forge::expiry::{self, Purged};
use plue_forge::{Error, audit, jobs};
use plue_git::ObjectFormat;
use plue_git::cache::PackFiles;
use plue_git::oid::Oid;
use plue_store::packs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY_MS: i64 = 24 * 3_600_000;
/// After the week in which a repository is not looked through again.
const FOUND_MS: i64 = NOW_MS + 8 * DAY_MS;
/// Before and after the 30 days for which what was found then stays.
const STILL_MS: i64 = FOUND_MS + 29 * DAY_MS;
const OVER_MS: i64 = FOUND_MS + 31 * DAY_MS;

/// A repository whose history was rewritten after something was pushed by mistake.
struct Rewritten {
    ada: Caller,
    id: RepoId,
    address: String,
    work: PathBuf,
    /// The commit that nothing refers to, and the file in it.
    commit: String,
    secret: String,
}

async fn rewritten(house: &House) -> Rewritten {
    let ada = house.account("ada").await;
    let id = house.repository(&ada, "engine", false).await.id;
    let address = format!("{}/ada/engine", house.door(&ada).await);
    let work = house.home.small_repository("work").unwrap();
    let push = |how: &str| house.git(&work, &["push", "-q", &address, how]);
    push("main");
    house
        .home
        .commit(&work, "key.pem", "the key to everything\n", "Oops")
        .unwrap();
    push("main");
    let commit = house.git(&work, &["rev-parse", "HEAD"]);
    let secret = house.git(&work, &["rev-parse", "HEAD:key.pem"]);
    house.git(&work, &["reset", "-q", "--hard", "HEAD^"]);
    house.home.commit(&work, "file", "later\n", "Later").unwrap();
    push("+main");
    Rewritten {
        ada,
        id,
        address,
        work,
        commit,
        secret,
    }
}

impl Rewritten {
    /// Whether somebody who knows the commit gets it.
    fn is_had(&self, house: &House, name: &str) -> bool {
        let copy = house.home.at(name);
        std::fs::create_dir(&copy).unwrap();
        house.git(&copy, &["init", "-q", "--bare"]);
        let had = house
            .try_git(&copy, &["fetch", "-q", &self.address, &self.commit])
            .ok;
        std::fs::remove_dir_all(copy).unwrap();
        had
    }

    /// Clones, and looks at every object of the clone.
    fn is_whole(&self, house: &House, name: &str) {
        let copy = house.clone_of(&self.address, name);
        house.home.fsck(&copy).unwrap();
        assert_eq!(
            house.git(&copy, &["rev-parse", "main"]),
            house.git(&self.work, &["rev-parse", "HEAD"])
        );
        std::fs::remove_dir_all(copy).unwrap();
    }

    async fn packs(&self, house: &House, state: &str) -> i64 {
        let mut conn = house.store.read().await.unwrap();
        packs::count(&mut conn, self.id, state).await.unwrap()
    }

    async fn purge(&self, house: &House, oid: &str) -> Result<Purged, Error> {
        let system = Caller::system("test");
        let permit = administer(&house.forge, &system, NOW_MS).await.unwrap();
        expiry::purge(&house.forge, permit, &"ada/engine".parse().unwrap(), oid, NOW_MS).await
    }
}

async fn work_at(house: &House, now_ms: i64) {
    jobs::run_due(&house.forge, "test", now_ms).await.unwrap();
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_refers_to_stays_for_its_time_and_then_goes() {
    in_every_house(
        |_| {},
        async |house| {
            let made = rewritten(&house).await;
            work_at(&house, FOUND_MS).await;
            assert_eq!(
                made.packs(&house, "live").await,
                2,
                "what is referred to, and the rest"
            );
            assert!(made.is_had(&house, "found"));
            made.is_whole(&house, "whole");
            // Looking again changes nothing.
            let before = house.seen(&made.ada, "ada/engine").await.unwrap();
            work_at(&house, STILL_MS).await;
            assert_eq!(house.seen(&made.ada, "ada/engine").await.unwrap(), before);
            assert!(made.is_had(&house, "still"));

            work_at(&house, OVER_MS).await;
            assert_eq!(made.packs(&house, "live").await, 1);
            assert!(!made.is_had(&house, "over"));
            made.is_whole(&house, "whole");
            // Those who were reading have long ended: the sweeper removes what was replaced.
            jobs::plant(&house.forge, OVER_MS).await.unwrap();
            work_at(&house, OVER_MS + DAY_MS).await;
            let left = house
                .blobs
                .list(&format!("{}/", made.id), None, 100)
                .await
                .unwrap();
            assert_eq!(left.len(), 3, "one pack with its two indexes: {left:?}");
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_referred_to_again_comes_back() {
    in_every_house(
        |_| {},
        async |house| {
            let made = rewritten(&house).await;
            work_at(&house, FOUND_MS).await;
            // The client knows that the server has the commit, and sends nothing but its name.
            house.git(&made.work, &["fetch", "-q", &made.address, &made.commit]);
            let to = format!("{}:refs/heads/back", made.commit);
            house.git(&made.work, &["push", "-q", &made.address, &to]);
            work_at(&house, OVER_MS).await;
            assert!(made.is_had(&house, "back"));
            made.is_whole(&house, "whole");
            work_at(&house, OVER_MS + 60 * DAY_MS).await;
            made.is_whole(&house, "whole");
            assert_eq!(made.packs(&house, "live").await, 1);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_removed_at_once_and_everywhere() {
    in_every_house(
        |_| {},
        async |house| {
            let made = rewritten(&house).await;
            made.is_whole(&house, "before");
            let before = house.seen(&made.ada, "ada/engine").await.unwrap();

            // What is referred to, what is not there and what is no id are refused, and nothing is changed.
            let kept = house.git(&made.work, &["rev-parse", "HEAD:file"]);
            let refused = made.purge(&house, &kept).await.unwrap_err();
            assert!(
                matches!(&refused, Error::Refused(why) if why.contains("still refers to")),
                "{refused:?}"
            );
            let absent = made.purge(&house, &"1".repeat(40)).await;
            assert!(matches!(absent, Err(Error::NotFound)), "{absent:?}");
            for odd in ["", "HEAD", "--all", &made.secret[..12], &"1".repeat(64)] {
                let refused = made.purge(&house, odd).await.unwrap_err();
                assert!(matches!(&refused, Error::Refused(_)), "{odd}: {refused:?}");
            }
            assert_eq!(house.seen(&made.ada, "ada/engine").await.unwrap(), before);
            assert!(made.is_had(&house, "had"));

            let purged = made.purge(&house, &made.secret).await.unwrap();
            assert_eq!(purged.objects, 3, "the file, its folder and its commit");
            assert!(purged.repository.access_epoch > before.access_epoch);
            assert!(!made.is_had(&house, "gone"));
            made.is_whole(&house, "whole");
            assert_eq!(made.packs(&house, "dead").await, 0);
            let left = house
                .blobs
                .list(&format!("{}/", made.id), None, 100)
                .await
                .unwrap();
            assert_eq!(left.len(), 3, "one pack with its two indexes: {left:?}");
            let secret = Oid::parse(&made.secret, ObjectFormat::Sha1).unwrap();
            let packs = files(house.folder.path())
                .into_iter()
                .filter(|file| file.extension().is_some_and(|end| end == "pack"));
            for pack in packs {
                let name = pack.file_stem().unwrap().to_str().unwrap();
                let Some(checksum) = name.strip_prefix("pack-") else {
                    continue;
                };
                let checksum = Oid::parse(checksum, ObjectFormat::Sha1).unwrap();
                let files = PackFiles::at(pack.parent().unwrap(), checksum).unwrap();
                assert!(!files.contains(secret).unwrap(), "{}", pack.display());
            }
            let again = made.purge(&house, &made.secret).await;
            assert!(matches!(again, Err(Error::NotFound)), "{again:?}");
            let system = Caller::system("test");
            let permit = administer(&house.forge, &system, NOW_MS).await.unwrap();
            let query = audit::Query {
                action: Some("repository.purge".to_owned()),
                before: None,
                limit: 10,
            };
            let told = audit::list(&house.forge, permit.into(), &query).await.unwrap();
            assert_eq!(told.len(), 1);
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_push_that_was_checked_before_is_asked_to_come_again() {
    in_both_houses(
        |settings| settings.expiry_grace_ms = 0,
        async |house| {
            let made = rewritten(&house).await;
            // A hook holds the client up when it has seen the refs and sent nothing yet.
            let (seen, go) = (house.home.at("seen"), house.home.at("go"));
            let hook = made.work.join(".git/hooks/pre-push");
            std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
            let script = format!(
                "#!/bin/sh\ntouch {}\nwhile [ ! -e {} ]; do sleep 0.02; done\n",
                seen.display(),
                go.display()
            );
            std::fs::write(&hook, script).unwrap();
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&hook, executable).unwrap();
            house.home.commit(&made.work, "file", "more\n", "More").unwrap();
            let home = &house.home;
            let (work, address) = (&made.work, &made.address);
            let said = std::thread::scope(|scope| {
                let pushing = scope.spawn(|| home.try_git(work, &["push", address, "main"]).unwrap());
                tokio::task::block_in_place(|| {
                    while !seen.exists() {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    tokio::runtime::Handle::current().block_on(async {
                        work_at(&house, FOUND_MS).await;
                        work_at(&house, OVER_MS).await;
                    });
                    std::fs::write(&go, "").unwrap();
                    pushing.join().unwrap()
                })
            });
            assert_eq!(
                made.packs(&house, "live").await,
                1,
                "what nothing refers to is gone"
            );
            assert!(!said.ok, "{said:?}");
            assert!(said.err.contains("please push again"), "{said:?}");
            house.git(&made.work, &["push", "-q", &made.address, "main"]);
            made.is_whole(&house, "whole");
            house.assert_tidy();
        },
    )
    .await;
}

//! A process that dies in the middle of a push, at each of its steps, while others push beside it.
//!
//! The forge runs in a process of its own, which is this program again: the ignored test at the
//! end, told by its environment where its data is and at which point to die.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
#![allow(dead_code, reason = "the house is shared with the other tests of pushes")]

#[path = "../pushes/house.rs"]
mod house;

use house::{House, NOW_MS};
use plue_blobs::Blobs;
use plue_forge::{failpoints, jobs};
use plue_store::{PoolSettings, Store};
use plue_tests::git::Home;
use plue_tests::soak::rounds;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The forge in another process.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &Path, database: &str, armed: &str) -> Server {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve_until_killed", "--exact", "--ignored", "--nocapture"])
            .env("KILL_TEST_DATA", data)
            .env("KILL_TEST_DATABASE", database)
            .env("KILL_TEST_ARMED", armed)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.find("git://").map(|at| line[at..].to_owned()));
        Server {
            address: address.expect("because the server says where it is"),
            child,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills the forge at each point, several pushes under way, and looks at what is left.
fn survive(database: &dyn Fn(&Path) -> String) {
    let data = tempfile::tempdir().unwrap();
    let database = database(data.path());
    let home = Home::new().unwrap();
    let work = home.small_repository("work").unwrap();
    {
        let server = Server::start(data.path(), &database, "");
        home.git(
            &work,
            &["push", "-q", &format!("{}/ada/engine", server.address), "main"],
        )
        .unwrap();
    }
    let others: Vec<_> = (0..2)
        .map(|n| {
            let name = format!("other-{n}");
            home.git(home.path(), &["clone", "-q", work.to_str().unwrap(), &name])
                .unwrap();
            home.at(name)
        })
        .collect();
    let mut acknowledged: Vec<(String, String)> = Vec::new();
    let points = failpoints::POINTS
        .iter()
        .cycle()
        .take(failpoints::POINTS.len() * rounds(1));
    for (round, point) in points.enumerate() {
        // The second time by: one push is through, another is killed, a third is somewhere.
        let server = Server::start(data.path(), &database, &format!("{point}=abort@2"));
        let pushed = std::thread::scope(|scope| {
            let threads: Vec<_> = others
                .iter()
                .chain([&work])
                .enumerate()
                .map(|(n, work)| {
                    let (home, address) = (&home, format!("{}/ada/engine", server.address));
                    scope.spawn(move || {
                        let tip = home
                            .commit(work, "file", &format!("{round} {n}\n"), point)
                            .unwrap();
                        let branch = format!("b{n}");
                        let spec = format!("HEAD:refs/heads/{branch}");
                        let said = home.try_git(work, &["push", &address, &spec]).unwrap();
                        said.ok.then_some((branch, tip))
                    })
                })
                .collect();
            threads
                .into_iter()
                .filter_map(|thread| thread.join().unwrap())
                .collect::<Vec<_>>()
        });
        let mut server = server;
        let status = server.child.wait().unwrap();
        assert!(!status.success(), "{point}: the server lived on");
        for (branch, tip) in pushed {
            acknowledged.retain(|(other, _)| *other != branch);
            acknowledged.push((branch, tip));
        }

        // A new process finds every acknowledged push, and nothing that is half there.
        let server = Server::start(data.path(), &database, "");
        let copy = format!("copy-{round}");
        let address = format!("{}/ada/engine", server.address);
        home.git(home.path(), &["clone", "-q", "--mirror", &address, &copy])
            .unwrap();
        home.fsck(&home.at(&copy)).unwrap();
        for (branch, tip) in &acknowledged {
            let found = home.git(&home.at(&copy), &["rev-parse", branch]).unwrap();
            let later = home
                .try_git(&home.at(&copy), &["merge-base", "--is-ancestor", tip, branch])
                .unwrap();
            assert!(
                later.ok,
                "{point}: {branch} is at {found}, and {tip} was acknowledged"
            );
        }
        std::fs::remove_dir_all(home.at(&copy)).unwrap();
    }
}

#[test]
fn a_killed_forge_loses_no_acknowledged_push_on_sqlite() {
    survive(&|data| format!("sqlite:{}", data.join("plue.db").display()));
}

#[test]
fn a_killed_forge_loses_no_acknowledged_push_on_postgresql() {
    if let Some(url) = plue_tests::postgres::database_url() {
        survive(&|_| url.clone());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "this is the server of the tests above"]
async fn serve_until_killed() {
    let Some(data) = std::env::var_os("KILL_TEST_DATA") else {
        return;
    };
    let database = std::env::var("KILL_TEST_DATABASE").unwrap();
    let armed = std::env::var("KILL_TEST_ARMED").unwrap();
    let data = Path::new(&data);
    let store = Store::open(&database, PoolSettings::default()).await.unwrap();
    store.migrate(0).await.unwrap();
    let blobs = Blobs::directory(&data.join("blobs")).await.unwrap();
    let house = House::build_in(store, blobs, data, |_| {}).await;
    let ada = house.account("ada").await;
    jobs::plant(&house.forge, NOW_MS).await.unwrap();
    failpoints::arm(&armed).unwrap();
    println!("{}", house.door(&ada).await);
    std::future::pending().await
}

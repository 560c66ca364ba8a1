//! What pages read is made after a push, by jobs of their own lane, and anew in the background
//! where a copy went away.

use crate::house::{House, NOW_MS, in_both_houses};
use plue_contract::Caller;
use plue_forge::access::repositories::read;
use plue_forge::browse::{self, Insight, View};
use plue_forge::jobs::{Lane, run_lane};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// After the jobs that a push asks for are due.
const LATER_MS: i64 = NOW_MS + 60_000;

async fn view(house: &House, caller: &Caller) -> View {
    let permit = read(&house.forge, caller, &"ada/engine".parse().unwrap(), NOW_MS)
        .await
        .unwrap();
    browse::look(&house.forge, permit).await.unwrap()
}

async fn known(house: &House, caller: &Caller) -> Option<Arc<Insight>> {
    view(house, caller).await.insight("main").await.unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The name, and how many commits, of everybody.
fn people(insight: &Insight) -> Vec<(&str, usize)> {
    let people = &insight.contributors.people;
    people
        .iter()
        .map(|person| (person.name.as_str(), person.commits))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_has_its_pages_prepared_and_no_other_job_waits_for_it() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let repository = house.repository(&ada, "engine", true).await;
            let work = house.home.small_repository("engine").unwrap();
            house
                .home
                .commit(&work, "src/main.rs", "fn main() {}\n", "Begin")
                .unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            let prepared = house.cache(repository.id).join("plue");

            // The other lane is done with all that it has, and this is not among it.
            assert!(
                run_lane(&house.forge, Lane::Rest, "rest", LATER_MS)
                    .await
                    .unwrap()
                    > 0
            );
            assert_eq!(
                run_lane(&house.forge, Lane::Rest, "rest", LATER_MS)
                    .await
                    .unwrap(),
                0
            );
            assert!(files(&prepared).is_empty(), "{:?}", files(&prepared));

            assert_eq!(
                run_lane(&house.forge, Lane::Whole, "pages", LATER_MS)
                    .await
                    .unwrap(),
                1
            );
            let tip = house.git(&work, &["rev-parse", "HEAD"]);
            assert_eq!(files(&prepared.join("last-changes")), [tip.as_str()]);
            let graph = house.cache(repository.id).join("objects/info/commit-graphs");
            assert!(graph.join("commit-graph-chain").exists());
            let commits: usize = house
                .git(&work, &["rev-list", "--count", "HEAD"])
                .parse()
                .unwrap();
            let insight = known(&house, &ada).await.expect("it was counted");
            assert_eq!(insight.contributors.commits, commits);
            assert_eq!(
                people(&insight).iter().map(|(_, commits)| commits).sum::<usize>(),
                commits
            );
            let rust = insight.languages.shares.iter().find(|share| share.name == "Rust");
            assert_eq!(rust.map(|share| share.bytes), Some(13));

            // The next push replaces what was counted.
            let author = "user.name=Grace";
            std::fs::write(work.join("more.rs"), "fn more() {}\n").unwrap();
            house.git(&work, &["add", "."]);
            house.git(
                &work,
                &[
                    "-c",
                    author,
                    "-c",
                    "user.email=grace@example.org",
                    "commit",
                    "-q",
                    "-m",
                    "More",
                ],
            );
            house.git(&work, &["push", "-q", &address, "main"]);
            assert_eq!(
                run_lane(&house.forge, Lane::Whole, "pages", LATER_MS)
                    .await
                    .unwrap(),
                1
            );
            let insight = known(&house, &ada).await.expect("it was counted");
            assert_eq!(insight.contributors.commits, commits + 1);
            assert!(people(&insight).contains(&("Grace", 1)), "{:?}", people(&insight));
            assert_eq!(files(&prepared.join("insights")).len(), 1);
            let folder = view(&house, &ada).await.folder("main", "").await.unwrap();
            let last = |name: &str| {
                let entry = folder.entries.iter().find(|found| found.entry.name == name);
                entry.unwrap().last.as_ref().unwrap().summary.clone()
            };
            assert_eq!(
                (last("more.rs").as_str(), last("src").as_str()),
                ("More", "Begin")
            );
        },
    )
    .await;
}

/// Looks until the history is known, which it is not at first.
async fn until_known(house: &House, caller: &Caller, expected: &Arc<Insight>) {
    let mut found = known(house, caller).await;
    assert_eq!(found, None);
    let mut looked = 0;
    while found.is_none() {
        looked += 1;
        assert!(looked < 600, "nobody prepares the copy");
        tokio::time::sleep(Duration::from_millis(50)).await;
        found = known(house, caller).await;
    }
    assert_eq!(found.as_ref(), Some(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_made_anew_is_prepared_while_nobody_waits() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let repository = house.repository(&ada, "engine", true).await;
            let work = house.home.small_repository("engine").unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            run_lane(&house.forge, Lane::Whole, "pages", LATER_MS)
                .await
                .unwrap();
            let before = known(&house, &ada).await.expect("it was counted");

            // What another node has is that one's, and a copy may go at any moment. A new process
            // has nothing in its memory.
            let other = house.second_node().await;
            std::fs::remove_dir_all(house.cache(repository.id)).unwrap();
            until_known(&house.again_in(&house).await, &ada, &before).await;
            until_known(&other, &ada, &before).await;

            // A file that cannot be read is no error, and is written again.
            let insights = other.cache(repository.id).join("plue/insights");
            let name = files(&insights).pop().unwrap();
            std::fs::write(insights.join(&name), "{\"languages\":").unwrap();
            until_known(&house.again_in(&other).await, &ada, &before).await;
        },
    )
    .await;
}

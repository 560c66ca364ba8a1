//! Issues that commits and other issues name: what their history says of it, who may close them, and
//! that it happens once.

use crate::house::{House, NOW_MS, in_both_houses};
use plue_contract::{Caller, RepoId, RepoPath, Who};
use plue_forge::access::issues::take_part;
use plue_forge::access::repositories::{administer, read};
use plue_forge::issues::events::{self, Event};
use plue_forge::issues::{self, IssueChange, NewIssue, State, change, comments};
use plue_forge::jobs::{self, Lane};
use plue_forge::repositories::Role;
use plue_forge::{Error, collaborators};
use serde_json::{Value, json};
use std::path::PathBuf;

const MINUTE_MS: i64 = 60_000;

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

/// A repository with a clone of it in which commits are made.
struct Bench<'a> {
    house: &'a House,
    work: PathBuf,
    url: String,
}

impl<'a> Bench<'a> {
    async fn new(house: &'a House, caller: &Caller, called: &str) -> Self {
        let work = house.home.small_repository(&called.replace('/', "-")).unwrap();
        let door = house.door(caller).await;
        let bench = Self {
            house,
            work,
            url: format!("{door}/{called}"),
        };
        bench.push("HEAD:main").await;
        bench
    }

    fn git(&self, args: &[&str]) -> String {
        self.house.git(&self.work, args)
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    async fn push(&self, what: &str) {
        self.git(&["push", "-q", "--force", &self.url, what]);
        follow_up(self.house).await;
    }
}

async fn follow_up(house: &House) {
    // A push takes its time, and what follows from it is due after that.
    jobs::run_lane(&house.forge, Lane::People, "test", NOW_MS + MINUTE_MS)
        .await
        .unwrap();
}

async fn open(house: &House, caller: &Caller, at: &str, body: &str) -> i64 {
    let permit = take_part(&house.forge, caller, &path(at), NOW_MS).await.unwrap();
    let new = NewIssue {
        title: "It breaks".into(),
        body: body.into(),
        ..NewIssue::default()
    };
    let made = issues::create(&house.forge, permit, new, NOW_MS).await.unwrap();
    follow_up(house).await;
    made.number
}

async fn state(house: &House, caller: &Caller, at: &str, number: i64) -> State {
    let permit = read(&house.forge, caller, &path(at), NOW_MS).await.unwrap();
    issues::get(&house.forge, permit, number).await.unwrap().state
}

/// What was done to an issue but that it was opened: what, by whom, and what is said of it.
async fn history(
    house: &House,
    caller: &Caller,
    at: &str,
    number: i64,
) -> Vec<(String, Option<String>, Value)> {
    let permit = read(&house.forge, caller, &path(at), NOW_MS).await.unwrap();
    let found = events::history(&house.forge, permit, number, 0, 100, NOW_MS)
        .await
        .unwrap();
    let one = |event: Event| (event.kind, event.actor.map(|(_, name)| name), event.detail);
    found.into_iter().skip(1).map(one).collect()
}

fn event(kind: &str, actor: &str, detail: Value) -> (String, Option<String>, Value) {
    (kind.to_owned(), Some(actor.to_owned()), detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_closes_an_issue_once() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            house.repository(&ada, "engine", false).await;
            let bench = Bench::new(&house, &ada, "ada/engine").await;
            for _ in 0..3 {
                open(&house, &ada, "ada/engine", "").await;
            }
            let at = "ada/engine";
            // Beside the default bookmark nothing is closed, and nothing said.
            bench.git(&["checkout", "-q", "-b", "try"]);
            let commit = bench.commit("Mend it\n\nFixes #1, see #2; closes #9, fixes nobody/none#1.");
            bench.push("try").await;
            assert_eq!(state(&house, &ada, at, 1).await, State::Open);
            assert!(history(&house, &ada, at, 1).await.is_empty());

            bench.push("try:main").await;
            assert_eq!(state(&house, &ada, at, 1).await, State::Closed);
            let closed = [
                event("referenced", "ada", json!({ "commit": commit })),
                event(
                    "closed",
                    "ada",
                    json!({ "commit": commit, "reason": "completed" }),
                ),
            ];
            assert_eq!(history(&house, &ada, at, 1).await, closed);
            assert_eq!(state(&house, &ada, at, 2).await, State::Open);
            assert_eq!(
                history(&house, &ada, at, 2).await,
                [event("referenced", "ada", json!({ "commit": commit }))]
            );
            let permit = read(&house.forge, &ada, &path(at), NOW_MS).await.unwrap();
            assert_eq!(issues::counts(&house.forge, permit).await.unwrap(), (2, 1));

            // Who opens it again means it: the same commit does not close it once more.
            let permit = take_part(&house.forge, &ada, &path(at), NOW_MS).await.unwrap();
            let again = IssueChange::state(State::Open, None);
            change::change(&house.forge, permit, 1, again, NOW_MS)
                .await
                .unwrap();
            bench.git(&["branch", "-q", "-f", "back", "HEAD~1"]);
            bench.push("back:main").await;
            bench.push("try:main").await;
            assert_eq!(state(&house, &ada, at, 1).await, State::Open);
            // Another one does; one that is closed already stays as it is.
            let second = bench.commit("Mend it better (fixes #1)");
            let third = bench.commit("Closes: ADA/Engine#1");
            bench.push("try:main").await;
            assert_eq!(state(&house, &ada, at, 1).await, State::Closed);
            let found = history(&house, &ada, at, 1).await;
            assert_eq!(
                found[3..],
                [
                    event("referenced", "ada", json!({ "commit": second })),
                    event(
                        "closed",
                        "ada",
                        json!({ "commit": second, "reason": "completed" })
                    ),
                    event("referenced", "ada", json!({ "commit": third })),
                ]
            );
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_elsewhere_are_closed_by_those_who_may() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let bob = house.account("bob").await;
            house.repository(&ada, "engine", false).await;
            let secret = house.repository(&ada, "secret", true).await;
            house.repository(&bob, "loom", true).await;
            for at in ["ada/engine", "ada/secret"] {
                open(&house, &ada, at, "").await;
            }
            let bench = Bench::new(&house, &bob, "bob/loom").await;
            let commit = bench.commit("Fixes ada/engine#1, ada/secret#1 and ada/none#1");
            bench.push("HEAD:main").await;
            assert_eq!(state(&house, &ada, "ada/engine", 1).await, State::Open);
            // It is named from a repository that bob alone may read.
            let loom = house.seen(&bob, "bob/loom").await.unwrap().id;
            let told = json!({ "commit": commit, "repositoryId": loom, "repository": "bob/loom" });
            assert_eq!(
                history(&house, &bob, "ada/engine", 1).await,
                [event("referenced", "bob", told)]
            );
            assert!(history(&house, &ada, "ada/engine", 1).await.is_empty());
            assert!(
                history(&house, &ada, "ada/secret", 1).await.is_empty(),
                "bob may not read it"
            );

            let permit = administer(&house.forge, &ada, &path("ada/engine"), NOW_MS)
                .await
                .unwrap();
            let who = "bob".parse().unwrap();
            collaborators::put(&house.forge, permit, &who, Role::Triage, NOW_MS)
                .await
                .unwrap();
            // A credential that is bound to a repository reaches no other one.
            let bound = |only: RepoId| {
                let Who::Account {
                    id,
                    name,
                    admin,
                    via,
                    scopes,
                    ..
                } = bob.who.clone()
                else {
                    panic!("bob is somebody");
                };
                Caller {
                    who: Who::Account {
                        id,
                        name,
                        admin,
                        via,
                        scopes,
                        repositories: Some(vec![only]),
                    },
                    ..bob.clone()
                }
            };
            let narrow = Bench {
                house: &house,
                work: bench.work.clone(),
                url: format!("{}/bob/loom", house.door(&bound(loom)).await),
            };
            narrow.commit("Fixes ada/engine#1, by a machine");
            narrow.push("HEAD:main").await;
            assert_eq!(state(&house, &ada, "ada/engine", 1).await, State::Open);
            bench.commit("Fixes ada/engine#1, by bob");
            bench.push("HEAD:main").await;
            assert_eq!(state(&house, &ada, "ada/engine", 1).await, State::Closed);
            // That it was closed is no secret; whence is.
            assert_eq!(
                history(&house, &ada, "ada/engine", 1).await,
                [event("closed", "bob", json!({ "reason": "completed" }))]
            );
            assert_eq!(secret.visibility.as_str(), "private");
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_name_each_other_once() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let bob = house.account("bob").await;
            for (owner, name, private) in [
                (&ada, "engine", false),
                (&ada, "secret", true),
                (&bob, "loom", false),
            ] {
                house.repository(owner, name, private).await;
            }
            let at = "ada/engine";
            open(&house, &ada, at, "").await;
            let body = "Like #1 and #1, `#1`, #2, fixes #1, ada/secret#1";
            open(&house, &bob, at, body).await;
            let named = [event("referenced", "bob", json!({ "number": 2 }))];
            assert_eq!(history(&house, &ada, at, 1).await, named);
            assert!(
                history(&house, &ada, at, 2).await.is_empty(),
                "nothing names itself"
            );
            assert_eq!(
                state(&house, &ada, at, 1).await,
                State::Open,
                "only commits close"
            );
            let permit = take_part(&house.forge, &bob, &path(at), NOW_MS).await.unwrap();
            comments::add(&house.forge, permit, 2, "As said in #1", NOW_MS)
                .await
                .unwrap();
            follow_up(&house).await;
            assert_eq!(history(&house, &ada, at, 1).await, named, "said twice, told once");

            open(&house, &bob, "bob/loom", "See Ada/ENGINE#1").await;
            let loom = house.seen(&bob, "bob/loom").await.unwrap().id;
            let told = json!({ "number": 1, "repositoryId": loom, "repository": "bob/loom" });
            let found = history(&house, &ada, at, 1).await;
            assert_eq!(found[1..], [event("referenced", "bob", told)]);
            // Nobody takes part in what is archived, not even by naming it.
            let permit = administer(&house.forge, &bob, &path("bob/loom"), NOW_MS)
                .await
                .unwrap();
            let archive = plue_forge::repositories::RepositoryChange {
                archived: Some(true),
                ..Default::default()
            };
            plue_forge::repositories::update(&house.forge, permit.into(), archive, NOW_MS)
                .await
                .unwrap();
            open(&house, &ada, at, "See bob/loom#1").await;
            assert!(history(&house, &bob, "bob/loom", 1).await.is_empty());
        },
    )
    .await;
}

/// The job with its first statement made to fail, then its second, and so on: in the end the issue is
/// closed, and its history says so once.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_it_is_closed_once() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            house.repository(&ada, "engine", false).await;
            let bench = Bench::new(&house, &ada, "ada/engine").await;
            let at = "ada/engine";
            for n in 1.. {
                let number = open(&house, &ada, at, "").await;
                bench.commit(&format!("Fixes #{number}"));
                bench.git(&["push", "-q", &bench.url, "HEAD:main"]);
                house.store.faults().fail_nth(n);
                let now_ms = NOW_MS + MINUTE_MS;
                let outcome = jobs::run_lane(&house.forge, Lane::People, "test", now_ms).await;
                let fired = house.store.faults().clear();
                for hours in 1..3 {
                    let later_ms = NOW_MS + hours * 60 * MINUTE_MS;
                    jobs::run_lane(&house.forge, Lane::People, "test", later_ms)
                        .await
                        .unwrap();
                }
                let kinds: Vec<_> = history(&house, &ada, at, number)
                    .await
                    .into_iter()
                    .map(|(kind, ..)| kind)
                    .collect();
                assert_eq!(kinds, ["referenced", "closed"], "statement {n}: {outcome:?}");
                if !fired {
                    assert!(n > 10, "the job has more statements than {n}");
                    return;
                }
                assert!(
                    matches!(outcome, Ok(_) | Err(Error::Store(_))),
                    "statement {n}: {outcome:?}"
                );
            }
        },
    )
    .await;
}

//! Stars, watches and topics: who may give them, what a repeat does, and what lists show of what is
//! hidden.

use super::faults::fail_each_statement;
use super::organisations::{repository, word};
use super::*;
use plue_contract::{RepoId, RepoPath};
use plue_forge::access::following::{Follow, follow};
use plue_forge::access::repositories::{ReadRepo, administer, maintain, read};
use plue_forge::collaborators;
use plue_forge::repositories::{self, Among, Query, Visibility};
use plue_forge::roles::Role;
use plue_forge::stars::{self, Stars};
use plue_forge::topics;
use plue_forge::watches::{self, Level, Watches};
use plue_store::query;

fn path(text: &str) -> RepoPath {
    text.parse().expect("a path")
}

async fn may(house: &House, caller: &Caller, on: &str) -> Result<Permit<Follow>, Error> {
    follow(&house.forge, caller, &path(on), NOW).await
}

async fn reads(house: &House, caller: &Caller, on: &str) -> Permit<ReadRepo> {
    read(&house.forge, caller, &path(on), NOW)
        .await
        .expect("a permit")
}

async fn star(house: &House, caller: &Caller, on: &str, own: bool) -> Result<Stars, Error> {
    stars::set(&house.forge, may(house, caller, on).await?, own, NOW).await
}

async fn say(house: &House, caller: &Caller, on: &str, topics: &[&str]) -> Result<Vec<String>, Error> {
    let permit = maintain(&house.forge, caller, &path(on), NOW).await?;
    let topics: Vec<String> = topics.iter().map(|&topic| topic.to_owned()).collect();
    topics::set(&house.forge, permit, &topics, NOW).await
}

async fn among(house: &House, caller: &Caller, among: Among) -> Vec<String> {
    let query = Query {
        among,
        ..Query::default()
    };
    let found = repositories::list(&house.forge, caller, query, NOW)
        .await
        .expect("a list");
    assert_eq!(found.total, i64::try_from(found.items.len()).expect("few"));
    found.items.iter().map(|one| one.path().to_string()).collect()
}

async fn told(house: &House, kind: &str) -> i64 {
    let mut conn = house.store.read().await.expect("a reader");
    let (count,) = query("test.told", "SELECT COUNT(*) FROM events WHERE kind = $1")
        .bind(kind)
        .one::<(i64,)>(&mut conn)
        .await
        .expect("a count");
    count
}

/// ada's repositories `engine`, that everybody sees, and `secret`, that mary may read.
async fn house_of(house: &House) -> (Caller, Caller, Caller) {
    let mut callers = Vec::new();
    for name in ["ada", "mary", "eve"] {
        let account = house.account(name).await;
        callers.push(house.signed_in(&account).await);
    }
    let [ada, mary, eve] = callers.try_into().expect("three");
    for (named, visibility) in [
        ("ada/engine", Visibility::Public),
        ("ada/secret", Visibility::Private),
    ] {
        repository(house, &ada, named, visibility)
            .await
            .expect("a repository");
    }
    let permit = administer(&house.forge, &ada, &path("ada/secret"), NOW)
        .await
        .expect("a permit");
    collaborators::put(&house.forge, permit, &name("mary"), Role::Read, NOW)
        .await
        .expect("a role");
    (ada, mary, eve)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_star_is_given_once_and_taken_back_once() {
    in_both_houses(async |house| {
        let (ada, mary, eve) = house_of(&house).await;
        let house = &house;
        for count in [1, 1] {
            let now = star(house, &mary, "ada/engine", true).await.expect("a star");
            assert_eq!(now, Stars { own: true, count });
        }
        assert_eq!(
            star(house, &eve, "ada/engine", true).await.expect("a star").count,
            2
        );
        assert_eq!(told(house, "repo.starred").await, 2);
        let found = stars::list(&house.forge, reads(house, &ada, "ada/engine").await, 1, 0)
            .await
            .expect("a list");
        assert_eq!((found.items.len(), found.total), (1, 2));
        let seen = stars::get(&house.forge, &reads(house, &ada, "ada/engine").await).await;
        assert_eq!(seen.expect("stars"), Stars { own: false, count: 2 });
        for count in [1, 1] {
            let now = star(house, &eve, "ada/engine", false).await.expect("taken back");
            assert_eq!(now, Stars { own: false, count });
        }
        assert_eq!(told(house, "repo.unstarred").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_is_in_nobodys_list() {
    in_both_houses(async |house| {
        let (ada, mary, eve) = house_of(&house).await;
        let house = &house;
        assert_eq!(word(star(house, &eve, "ada/secret", true).await), "not found");
        let nobody = Caller::anonymous(None, "test");
        assert_eq!(word(star(house, &nobody, "ada/engine", true).await), "sign in");
        for on in ["ada/engine", "ada/secret"] {
            star(house, &mary, on, true).await.expect("a star");
        }
        let id = mary.account().expect("an account");
        let hers = || Among::StarredBy(id);
        let mut seen = among(house, &mary, hers()).await;
        seen.sort();
        assert_eq!(seen, ["ada/engine", "ada/secret"]);
        assert_eq!(among(house, &eve, hers()).await, ["ada/engine"]);
        assert_eq!(among(house, &nobody, hers()).await, ["ada/engine"]);
        let given = stars::given(&house.forge, id, &[RepoId(1), RepoId(2), RepoId(3)])
            .await
            .expect("moments");
        assert!(given.len() == 2 && given.values().all(|at_ms| *at_ms == NOW));

        for on in ["ada/engine", "ada/secret"] {
            say(house, &ada, on, &["engines"]).await.expect("topics");
        }
        let about = || Among::About("engines".into());
        assert_eq!(among(house, &ada, about()).await, ["ada/engine", "ada/secret"]);
        assert_eq!(among(house, &eve, about()).await, ["ada/engine"]);
        let popular = topics::popular(&house.forge, 10).await.expect("topics");
        assert_eq!(popular, [("engines".to_owned(), 1)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_makes_a_repository_watches_it() {
    in_both_houses(async |house| {
        let (ada, mary, _) = house_of(&house).await;
        let house = &house;
        let seen = async |caller: &Caller| {
            let permit = reads(house, caller, "ada/engine").await;
            watches::get(&house.forge, &permit).await.expect("watches")
        };
        let all = Some(Level::All);
        assert_eq!(seen(&ada).await, Watches { own: all, count: 1 });
        let set = async |level| {
            let permit = may(house, &mary, "ada/engine").await.expect("a permit");
            watches::set(&house.forge, permit, level, NOW)
                .await
                .expect("a level")
        };
        for (level, count) in [
            (Some(Level::Releases), 2),
            (Some(Level::All), 2),
            (Some(Level::Ignore), 1),
            (None, 1),
            (None, 1),
        ] {
            assert_eq!(set(level).await, Watches { own: level, count });
            assert_eq!(seen(&mary).await, Watches { own: level, count });
        }
        let permit = reads(house, &mary, "ada/engine").await;
        let found = watches::list(&house.forge, permit, 10, 0).await.expect("a list");
        let names: Vec<_> = found.items.iter().map(|one| one.person.name.as_str()).collect();
        assert_eq!((names, found.total), (vec!["ada"], 1));
        assert!("loud".parse::<Level>().is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_sorted_and_said_by_those_who_maintain() {
    in_both_houses(async |house| {
        let (ada, mary, _) = house_of(&house).await;
        let house = &house;
        let said = say(house, &ada, "ada/engine", &["Git", " forge", "git"]).await;
        assert_eq!(said.expect("topics"), ["forge", "git"]);
        assert_eq!(told(house, "repo.updated").await, 1);
        say(house, &ada, "ada/engine", &["git", "forge"])
            .await
            .expect("the same");
        assert_eq!(
            told(house, "repo.updated").await,
            1,
            "what changes nothing is not told"
        );
        let permit = reads(house, &mary, "ada/engine").await;
        assert_eq!(
            topics::of(&house.forge, &permit).await.expect("topics"),
            ["forge", "git"]
        );
        assert_eq!(word(say(house, &mary, "ada/secret", &["git"]).await), "forbidden");
        let many: Vec<String> = (0..21).map(|n| format!("t{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for bad in [&["a b"][..], &many] {
            assert_eq!(word(say(house, &ada, "ada/engine", bad).await), "invalid");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_of_it_is_ever_half_done() {
    in_both_houses(async |house| {
        let (_, mary, _) = house_of(&house).await;
        let (house, forge) = (&house, &house.forge);
        let follows = async || may(house, &mary, "ada/engine").await.expect("a permit");
        for own in [true, false] {
            let set = async |permit| stars::set(forge, permit, own, NOW).await.map(drop);
            fail_each_statement(house, "stars::set", follows, set).await;
        }
        for level in [Some(Level::All), None] {
            let set = async |permit| watches::set(forge, permit, level, NOW).await.map(drop);
            fail_each_statement(house, "watches::set", follows, set).await;
        }
    })
    .await;
}

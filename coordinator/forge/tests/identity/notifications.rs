//! Who hears of an issue, why, once, and what of it is mailed.

use super::faults::fail_each_statement;
use super::issues::{Desk, desk, desks};
use super::organisations::word;
use super::*;
use plue_forge::access::following::follow;
use plue_forge::access::repositories::administer;
use plue_forge::issues::change::PersonRef;
use plue_forge::issues::subscriptions::{self, Subscription};
use plue_forge::issues::{self, IssueChange, NewIssue, State, comments};
use plue_forge::notifications::{self, Mails, Notification, Query, Reason};
use plue_forge::watches::{self, Level};
use plue_forge::{collaborators, jobs};
use plue_store::query;
use plue_tests::smtp::Mailbox;

async fn heard_as(house: &House, caller: &Caller, query: &Query) -> (Vec<Notification>, i64) {
    let permit = house.read_self(caller).await;
    notifications::list(&house.forge, permit, query, NOW)
        .await
        .expect("a list")
}

/// What somebody has not seen yet: the issue and why.
async fn heard(house: &House, caller: &Caller) -> Vec<(String, &'static str)> {
    let query = Query {
        unread: true,
        limit: 100,
        ..Query::default()
    };
    let (found, unread) = heard_as(house, caller, &query).await;
    assert_eq!(unread, i64::try_from(found.len()).expect("few"));
    let one = |one: Notification| (format!("{}#{}", one.repository, one.number), one.reason.as_str());
    found.into_iter().map(one).collect()
}

async fn see_all(house: &House, caller: &Caller) {
    let permit = house.write_self(caller).await;
    notifications::set_seen(&house.forge, permit, None, NOW)
        .await
        .expect("seen");
}

/// Does what follows, and sends the letters that are due after that.
async fn follow_up(house: &House) {
    for later in [0, MINUTE] {
        house.run_jobs(NOW + later).await;
    }
}

async fn open(desk: &Desk<'_>, house: &House, caller: &Caller, body: &str) -> i64 {
    let new = NewIssue {
        title: "It breaks".into(),
        body: body.into(),
        ..NewIssue::default()
    };
    let permit = desk.part(caller).await.expect("a permit");
    let made = issues::create(&house.forge, permit, new, NOW).await;
    follow_up(house).await;
    made.expect("an issue").number
}

async fn say(desk: &Desk<'_>, house: &House, caller: &Caller, number: i64, body: &str) {
    desk.say(caller, number, body).await.expect("a comment");
    follow_up(house).await;
}

async fn watch(house: &House, caller: &Caller, path: &str, level: Option<Level>) {
    let path = path.parse().expect("a path");
    let permit = follow(&house.forge, caller, &path, NOW).await.expect("a permit");
    watches::set(&house.forge, permit, level, NOW)
        .await
        .expect("a level");
}

async fn ask_for(house: &House, caller: &Caller, path: &str, number: i64, wanted: Option<Subscription>) {
    let path = path.parse().expect("a path");
    let permit = follow(&house.forge, caller, &path, NOW).await.expect("a permit");
    subscriptions::set(&house.forge, permit, number, wanted, NOW)
        .await
        .expect("a subscription");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_part_or_watches_hears_of_it() {
    in_both_houses(async |house| {
        let (ada, grace, mary, eve) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/engine"));
        let number = open(desk, house, &mary, "Dear @grace, it breaks; so says `@eve`").await;
        assert_eq!(number, 1);
        let one = |reason| vec![("ada/engine#1".to_owned(), reason)];
        assert_eq!(
            heard(house, &ada).await,
            one("watching"),
            "who made it watches it"
        );
        assert_eq!(heard(house, &grace).await, one("mention"));
        assert!(heard(house, &mary).await.is_empty(), "who did it knows already");
        assert!(heard(house, &eve).await.is_empty(), "code names nobody");

        see_all(house, &ada).await;
        see_all(house, &grace).await;
        say(desk, house, &eve, 1, "Here too").await;
        assert_eq!(heard(house, &mary).await, one("author"));
        assert_eq!(
            heard(house, &grace).await,
            one("mention"),
            "who was named takes part"
        );
        see_all(house, &mary).await;
        let assigned = IssueChange {
            add_assignees: vec![PersonRef::Name(name("mary"))],
            ..IssueChange::default()
        };
        desk.change(&ada, 1, assigned).await.expect("assigned");
        house.run_jobs(NOW).await;
        assert_eq!(heard(house, &mary).await, one("assign"));
        assert!(heard(house, &eve).await.is_empty(), "it is not theirs");
        desk.change(&ada, 1, IssueChange::state(State::Closed, None))
            .await
            .expect("closed");
        house.run_jobs(NOW).await;
        assert_eq!(heard(house, &eve).await, one("comment"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_muted_hears_nothing_and_who_asked_hears_all() {
    in_both_houses(async |house| {
        let (ada, grace, mary, eve) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/engine"));
        open(desk, house, &mary, "").await;
        for caller in [&ada, &mary] {
            see_all(house, caller).await;
        }
        ask_for(house, &mary, "ada/engine", 1, Some(Subscription::Muted)).await;
        ask_for(house, &eve, "ada/engine", 1, Some(Subscription::Subscribed)).await;
        watch(house, &ada, "ada/engine", Some(Level::Ignore)).await;
        say(desk, house, &grace, 1, "@mary @ada @eve, look").await;
        let one = |reason| vec![("ada/engine#1".to_owned(), reason)];
        assert!(heard(house, &mary).await.is_empty(), "muted");
        assert!(
            heard(house, &ada).await.is_empty(),
            "wants to hear of nothing there"
        );
        assert_eq!(heard(house, &eve).await, one("mention"));
        see_all(house, &eve).await;
        say(desk, house, &grace, 1, "And more").await;
        assert_eq!(heard(house, &eve).await, one("subscribed"));

        ask_for(house, &mary, "ada/engine", 1, None).await;
        watch(house, &ada, "ada/engine", None).await;
        say(desk, house, &grace, 1, "@ada?").await;
        assert_eq!(heard(house, &mary).await, one("author"));
        assert_eq!(heard(house, &ada).await, one("mention"));
        let path = "ada/engine".parse().expect("a path");
        let permit = follow(&house.forge, &eve, &path, NOW).await.expect("a permit");
        let named = Some(Subscription::Named);
        assert_eq!(
            word(subscriptions::set(&house.forge, permit, 1, named, NOW).await),
            "invalid"
        );
        let permit = follow(&house.forge, &eve, &path, NOW).await.expect("a permit");
        assert_eq!(
            word(subscriptions::set(&house.forge, permit, 7, None, NOW).await),
            "not found"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_issue_reaches_nobody_who_may_not_read_it() {
    in_both_houses(async |house| {
        let (ada, grace, mary, eve) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/secret"));
        open(desk, house, &ada, "@mary @eve @grace @nobody @ada").await;
        let one = |reason| vec![("ada/secret#1".to_owned(), reason)];
        assert!(heard(house, &eve).await.is_empty());
        assert_eq!(heard(house, &mary).await, one("mention"));
        // Whoever may not read it any more does not see its title either.
        let path = "ada/secret".parse().expect("a path");
        let permit = administer(&house.forge, &ada, &path, NOW)
            .await
            .expect("a permit");
        collaborators::remove(&house.forge, permit, &name("mary"), NOW)
            .await
            .expect("shown out");
        assert!(heard(house, &mary).await.is_empty());
        say(desk, house, &grace, 1, "@mary, still there?").await;
        assert!(heard(house, &mary).await.is_empty());
        assert_eq!(heard(house, &ada).await, one("author"));
        // Nor does a credential that reads nothing hidden.
        let Who::Account {
            id, name, admin, via, ..
        } = grace.who.clone()
        else {
            panic!("grace is somebody");
        };
        let narrow = Caller {
            who: Who::Account {
                id,
                name,
                admin,
                via,
                scopes: "user:read".parse().expect("a scope"),
                repositories: None,
            },
            ..grace.clone()
        };
        assert_eq!(heard(house, &grace).await, one("mention"));
        assert!(heard(house, &narrow).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_tells_only_those_whom_it_is_the_first_to_name() {
    in_both_houses(async |house| {
        let (_, grace, mary, eve) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/engine"));
        open(desk, house, &mary, "@grace").await;
        let said = desk.say(&mary, 1, "x").await.expect("a comment");
        house.run_jobs(NOW).await;
        for caller in [&grace, &eve] {
            see_all(house, caller).await;
        }
        let permit = desk.part(&mary).await.expect("a permit");
        comments::edit(&house.forge, permit, (1, said), "@grace @eve", NOW)
            .await
            .expect("edited");
        let title = IssueChange {
            title: Some("It broke".into()),
            ..IssueChange::default()
        };
        desk.change(&mary, 1, title).await.expect("renamed");
        house.run_jobs(NOW).await;
        assert!(heard(house, &grace).await.is_empty());
        assert_eq!(heard(house, &eve).await, [("ada/engine#1".to_owned(), "mention")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_part_by_part_and_what_is_seen_stays_under_all() {
    in_both_houses(async |house| {
        let (ada, _, mary, eve) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/engine"));
        for _ in 0..5 {
            open(desk, house, &mary, "").await;
        }
        let mut query = Query {
            limit: 2,
            ..Query::default()
        };
        let mut seen = Vec::new();
        loop {
            let (found, unread) = heard_as(house, &ada, &query).await;
            assert_eq!(unread, 5);
            let Some(last) = found.last() else { break };
            query.before = Some((last.updated_at_ms, last.id));
            seen.extend(found.iter().map(|one| one.number));
        }
        assert_eq!(seen, [5, 4, 3, 2, 1]);
        let all = Query {
            limit: 100,
            ..Query::default()
        };
        let (found, _) = heard_as(house, &ada, &all).await;
        let set = async |caller: &Caller, id, unread| {
            let permit = house.write_self(caller).await;
            notifications::set_unread(&house.forge, permit, id, unread, NOW).await
        };
        set(&ada, found[0].id, false).await.expect("seen");
        assert_eq!(heard(house, &ada).await.len(), 4);
        assert_eq!(word(set(&eve, found[1].id, false).await), "not found");
        let permit = house.write_self(&ada).await;
        notifications::set_seen(&house.forge, permit, Some(found[2].event), NOW)
            .await
            .expect("seen");
        assert_eq!(
            heard(house, &ada).await,
            [("ada/engine#4".to_owned(), "watching")]
        );
        set(&ada, found[0].id, true).await.expect("not seen");
        assert_eq!(heard(house, &ada).await.len(), 2);
        for (reason, path, count) in [
            (Some(Reason::Watching), None, 5),
            (Some(Reason::Mention), None, 0),
            (None, Some("ADA/Engine"), 5),
            (None, Some("ada/secret"), 0),
        ] {
            let query = Query {
                reason,
                repository: path.map(|path| path.parse().expect("a path")),
                limit: 100,
                ..Query::default()
            };
            assert_eq!(heard_as(house, &ada, &query).await.0.len(), count, "{query:?}");
        }
    })
    .await;
}

async fn prove(house: &House, email: &str) {
    house
        .store
        .in_tx("test.prove", |tx| {
            Box::pin(async move {
                query(
                    "test.prove",
                    "UPDATE accounts SET email_verified_at_ms = 1 WHERE email = $1",
                )
                .bind(email)
                .execute(tx)
                .await?;
                Ok::<_, plue_store::StoreError>(())
            })
        })
        .await
        .expect("proven");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_takes_part_in_is_mailed_to_a_proven_address() {
    in_both_houses(async |house| {
        let server = Mailbox::start().await.expect("a server");
        house.meets_people(&server);
        let (ada, _, mary, _) = desks(&house).await;
        let mut callers = Vec::new();
        for who in ["anna", "berta"] {
            let new = NewAccount {
                name: who.to_owned(),
                email: Some(format!("{who}@plue.test")),
                ..NewAccount::default()
            };
            let account = house.account_with(new).await.expect("an account");
            callers.push(house.signed_in(&account).await);
        }
        let [anna, berta] = callers.try_into().expect("two");
        let (house, desk) = (&house, &desk(&house, "ada/engine"));
        prove(house, "anna@plue.test").await;
        open(desk, house, &mary, "@anna @berta\n\nLook.").await;
        let letter = server.next().await.expect("a letter");
        assert_eq!(letter.to, ["anna@plue.test"], "berta's address is not proven");
        assert_eq!(letter.header("Subject"), "[ada/engine] It breaks (#1)");
        let text = letter.text();
        for part in [
            "mary opened it.",
            "Look.",
            "https://plue.test/ada/engine/issues/1",
            "because you were named there",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!server.has_more().await);
        assert_eq!(heard(house, &berta).await.len(), 1, "the page has it");

        // Who only watches is mailed nothing unless they want everything.
        prove(house, "berta@plue.test").await;
        watch(house, &berta, "ada/engine", Some(Level::All)).await;
        open(desk, house, &mary, "").await;
        assert!(!server.has_more().await);
        let permit = house.write_self(&berta).await;
        notifications::set_mails(&house.forge, permit, Mails::All, NOW)
            .await
            .expect("saved");
        open(desk, house, &mary, "").await;
        assert_eq!(server.next().await.expect("a letter").to, ["berta@plue.test"]);
        let permit = house.write_self(&anna).await;
        notifications::set_mails(&house.forge, permit, Mails::None, NOW)
            .await
            .expect("saved");
        let saved = notifications::mails(&house.forge, house.read_self(&anna).await).await;
        assert_eq!(saved.expect("settings"), Mails::None);
        say(desk, house, &ada, 1, "@anna, look again").await;
        let letter = server.next().await.expect("a letter");
        assert_eq!(letter.to, ["berta@plue.test"]);
        assert!(
            letter.text().contains("ada said:") && letter.text().contains("#comment-"),
            "{}",
            letter.text()
        );
        assert!(!server.has_more().await);
    })
    .await;
}

/// The job with its first statement made to fail, then its second, and so on: in the end everybody was
/// told once, and one letter was sent.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_everybody_is_told_once() {
    in_both_houses(async |house| {
        let server = Mailbox::start().await.expect("a server");
        house.meets_people(&server);
        let (ada, _, mary, _) = desks(&house).await;
        let new = NewAccount {
            name: "anna".to_owned(),
            email: Some("anna@plue.test".to_owned()),
            ..NewAccount::default()
        };
        let anna = house.account_with(new).await.expect("an account");
        let anna = house.signed_in(&anna).await;
        prove(&house, "anna@plue.test").await;
        let (house, desk) = (&house, &desk(&house, "ada/engine"));
        for n in 1.. {
            let new = NewIssue {
                title: format!("The {n}th"),
                body: "@anna".into(),
                ..NewIssue::default()
            };
            let permit = desk.part(&mary).await.expect("a permit");
            issues::create(&house.forge, permit, new, NOW)
                .await
                .expect("an issue");
            house.store.faults().fail_nth(n);
            let outcome = jobs::run_lane(&house.forge, jobs::Lane::People, "test", NOW).await;
            let fired = house.store.faults().clear();
            for later in [0, 60 * MINUTE, 120 * MINUTE, 121 * MINUTE] {
                house.run_jobs(NOW + later).await;
            }
            let mine = (format!("ada/engine#{n}"), "mention");
            assert_eq!(heard(house, &anna).await, [mine], "statement {n}: {outcome:?}");
            see_all(house, &anna).await;
            assert_eq!(heard(house, &ada).await.len(), 1);
            see_all(house, &ada).await;
            let letter = server.next().await.expect("a letter");
            assert!(letter.header("Subject").ends_with(&format!("(#{n})")));
            assert!(!server.has_more().await, "statement {n}: a second letter");
            if !fired {
                assert!(n > 10, "the job has more statements than {n}");
                return;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_of_it_is_ever_half_done() {
    in_both_houses(async |house| {
        let (ada, _, mary, _) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/engine"));
        let forge = &house.forge;
        open(desk, house, &mary, "").await;
        let path = "ada/engine".parse().expect("a path");
        let follows = async || follow(forge, &mary, &path, NOW).await.expect("a permit");
        for wanted in [Some(Subscription::Muted), None] {
            let set = async |permit| subscriptions::set(forge, permit, 1, wanted, NOW).await;
            fail_each_statement(house, "subscriptions::set", follows, set).await;
        }
        let write = async || house.write_self(&ada).await;
        let (found, _) = heard_as(
            house,
            &ada,
            &Query {
                limit: 1,
                ..Query::default()
            },
        )
        .await;
        for unread in [false, true] {
            let set = async |permit| notifications::set_unread(forge, permit, found[0].id, unread, NOW).await;
            fail_each_statement(house, "set_unread", write, set).await;
        }
        let set = async |permit| notifications::set_seen(forge, permit, None, NOW).await;
        fail_each_statement(house, "set_seen", write, set).await;
        let set = async |permit| notifications::set_mails(forge, permit, Mails::All, NOW).await;
        fail_each_statement(house, "set_mails", write, set).await;
    })
    .await;
}

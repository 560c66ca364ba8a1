//! Webhooks: owed with their cause or not at all, told in order where that was asked for, and taken up
//! by another worker when the first one dies.

use super::faults::fail_each_statement;
use super::organisations::{repository, word};
use super::*;
use plue_contract::seal::{Keyring, Purpose};
use plue_contract::{HookId, RepoPath};
use plue_forge::access::issues::take_part;
use plue_forge::access::repositories::{AdministerRepo, administer};
use plue_forge::hooks::{self, Answer, HookChange, Outgoing, Outward};
use plue_forge::issues::{self, IssueChange, NewIssue, State};
use plue_forge::jobs::{self, Lane, run_lane};
use plue_forge::repositories::Visibility;
use plue_store::query_built;
use std::sync::{Arc, Mutex};

/// What left the house, and what is answered to it: by each address a status, 200 where none is given.
#[derive(Clone, Default)]
struct Outside {
    sent: Arc<Mutex<Vec<Outgoing>>>,
    answers: Arc<Mutex<Vec<(String, u16)>>>,
}

impl Outside {
    fn of(house: &House) -> Self {
        let outside = Self::default();
        let (sent, answers) = (Arc::clone(&outside.sent), Arc::clone(&outside.answers));
        house.forge.reach_out_by(Outward {
            origin: "https://plue.test".into(),
            keys: Keyring::derive(Purpose::HookSecret, ["a secret of thirty-two characters"]),
            check: Arc::new(|url| match url.starts_with("https://") {
                true => Ok(()),
                false => Err("expected https://".into()),
            }),
            send: Arc::new(move |outgoing| {
                let status = answers
                    .lock()
                    .expect("the answers")
                    .iter()
                    .find_map(|(url, status)| (*url == outgoing.url).then_some(*status));
                sent.lock().expect("what was sent").push(outgoing);
                Box::pin(async move {
                    match status.unwrap_or(200) {
                        0 => Err("nobody answers".into()),
                        status => Ok(Answer {
                            status,
                            body: "said\0so".into(),
                        }),
                    }
                })
            }),
        });
        outside
    }

    fn answer(&self, url: &str, status: u16) {
        self.answers
            .lock()
            .expect("the answers")
            .insert(0, (url.into(), status));
    }

    /// What was sent to an address since the last look: what happened, and to which issue.
    fn taken(&self, url: &str) -> Vec<String> {
        let mut sent = self.sent.lock().expect("what was sent");
        let said = |one: &Outgoing| {
            let body: serde_json::Value = serde_json::from_str(&one.body).expect("JSON");
            let number = &body["payload"]["issue"]["number"];
            format!("{} {number}", body["type"].as_str().expect("a type"))
        };
        let (of, rest): (Vec<_>, Vec<_>) = sent.drain(..).partition(|one| one.url == url);
        *sent = rest;
        of.iter().map(said).collect()
    }
}

struct Desk<'a> {
    house: &'a House,
    caller: Caller,
    path: RepoPath,
}

impl Desk<'_> {
    async fn permit(&self) -> Permit<AdministerRepo> {
        administer(&self.house.forge, &self.caller, &self.path, NOW)
            .await
            .expect("a permit")
    }

    async fn add(&self, change: HookChange) -> Result<HookId, Error> {
        let made = hooks::create(&self.house.forge, self.permit().await, change, NOW).await;
        made.map(|hook| hook.id)
    }

    async fn open(&self, title: &str) {
        let permit = take_part(&self.house.forge, &self.caller, &self.path, NOW).await;
        let new = NewIssue {
            title: title.into(),
            ..NewIssue::default()
        };
        issues::create(&self.house.forge, permit.expect("a permit"), new, NOW)
            .await
            .expect("an issue");
    }

    async fn close(&self, number: i64) {
        let permit = take_part(&self.house.forge, &self.caller, &self.path, NOW).await;
        let change = IssueChange::state(State::Closed, None);
        issues::change::change(&self.house.forge, permit.expect("a permit"), number, change, NOW)
            .await
            .expect("a change");
    }

    async fn run(&self, now_ms: i64) -> usize {
        run_lane(&self.house.forge, Lane::Hooks, "worker", now_ms)
            .await
            .expect("jobs that run")
    }

    async fn states(&self, hook: HookId) -> Vec<(String, i64)> {
        let found = hooks::deliveries(&self.house.forge, self.permit().await, hook, None, 100).await;
        let mut found: Vec<_> = found
            .expect("deliveries")
            .into_iter()
            .map(|one| (format!("{} {}", one.kind, one.state.as_str()), one.attempts))
            .collect();
        found.reverse();
        found
    }
}

async fn desk(house: &House) -> (Desk<'_>, Outside) {
    let ada = house.account("ada").await;
    let caller = house.signed_in(&ada).await;
    repository(house, &caller, "ada/engine", Visibility::Private)
        .await
        .expect("a repository");
    let path = "ada/engine".parse().expect("a path");
    let desk = Desk { house, caller, path };
    (desk, Outside::of(house))
}

fn to(url: &str) -> HookChange {
    HookChange {
        url: Some(url.into()),
        topics: Some(vec!["issue".into()]),
        ..HookChange::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_event_waits_for_the_one_before_it_where_that_was_asked() {
    in_both_houses(async |house| {
        let (desk, outside) = desk(&house).await;
        let (ordered, loose) = ("https://ordered.test/", "https://loose.test/");
        let in_order = HookChange {
            ordered: Some(true),
            ..to(ordered)
        };
        let first = desk.add(in_order).await.expect("a hook");
        let second = desk.add(to(loose)).await.expect("a hook");
        desk.run(NOW).await;
        assert_eq!(
            (outside.taken(ordered), outside.taken(loose)),
            (vec!["ping null".into()], vec!["ping null".into()])
        );

        outside.answer(ordered, 500);
        outside.answer(loose, 0);
        desk.open("One").await;
        desk.open("Two").await;
        desk.close(1).await;
        desk.run(NOW).await;
        assert_eq!(outside.taken(ordered), ["issue.created 1"]);
        let mut told = outside.taken(loose);
        told.sort();
        assert_eq!(told, ["issue.closed 1", "issue.created 1", "issue.created 2"]);
        assert_eq!(desk.run(NOW).await, 0, "not before its time");
        outside.answer(ordered, 204);
        outside.answer(loose, 204);
        desk.run(NOW + 5_000).await;
        assert_eq!(
            outside.taken(ordered),
            ["issue.created 1", "issue.created 2", "issue.closed 1"]
        );
        assert_eq!(outside.taken(loose).len(), 3);
        let delivered = [
            ("ping delivered".to_owned(), 1),
            ("issue.created delivered".to_owned(), 2),
            ("issue.created delivered".to_owned(), 1),
            ("issue.closed delivered".to_owned(), 1),
        ];
        assert_eq!(desk.states(first).await, delivered);
        assert!(
            desk.states(second).await[1..]
                .iter()
                .all(|(_, attempts)| *attempts == 2)
        );

        // After a day it is given up, and what came after it has its turn.
        outside.answer(ordered, 500);
        desk.open("Three").await;
        let mut now_ms = NOW;
        while desk.states(first).await.last().expect("one").0 == "issue.created owed" {
            now_ms += 4 * 60 * MINUTE;
            assert!(now_ms < NOW + 7 * DAY);
            desk.run(now_ms).await;
        }
        assert!(
            now_ms >= NOW + DAY - 4 * 60 * MINUTE,
            "not before a day has passed"
        );
        outside.taken(ordered);
        outside.answer(ordered, 200);
        desk.close(2).await;
        desk.run(now_ms).await;
        assert_eq!(outside.taken(ordered), ["issue.closed 2"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_worker_held_is_taken_up_soon() {
    in_both_houses(async |house| {
        let (desk, outside) = desk(&house).await;
        let url = "https://a.test/";
        desk.add(to(url)).await.expect("a hook");
        // A worker took the job, and nothing was heard of it since.
        house
            .store
            .in_tx("test.hold", |tx| {
                Box::pin(async move {
                    query_built(
                        "test.hold",
                        format!(
                            "UPDATE jobs SET lease_owner = 'dead', lease_until_ms = {} WHERE kind = 'deliver'",
                            NOW + 10_000
                        ),
                    )
                    .execute(tx)
                    .await
                })
            })
            .await
            .expect("a lease");
        assert_eq!(desk.run(NOW + 9_000).await, 0);
        assert_eq!(desk.run(NOW + 10_001).await, 1);
        assert_eq!(outside.taken(url), ["ping null"]);
        // Twice is as good as once.
        assert_eq!(desk.run(NOW + 20_000).await, 0);
        jobs::plant(&house.forge, NOW).await.expect("the recurring jobs");
        jobs::run_due(&house.forge, "worker", NOW + 8 * DAY).await.expect("a sweep");
        jobs::run_due(&house.forge, "worker", NOW + 9 * DAY).await.expect("another");
        let mut conn = house.store.read().await.expect("a reader");
        for table in ["events", "hook_deliveries"] {
            let (left,) = query_built("test.count", format!("SELECT COUNT(*) FROM {table}"))
                .one::<(i64,)>(&mut conn)
                .await
                .expect("a count");
            assert_eq!(left, 0, "{table} keep what is older than a week");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_owed_with_its_cause_or_not_at_all() {
    in_both_houses(async |house| {
        let (desk, _) = desk(&house).await;
        let forge = &house.forge;
        let permit = async || desk.permit().await;
        let new = || HookChange {
            secret: Some(Some("hush".into())),
            topics: Some(vec!["*".into()]),
            ..to("https://a.test/")
        };
        let create = async |permit| hooks::create(forge, permit, new(), NOW).await.map(drop);
        fail_each_statement(&house, "hooks::create", permit, create).await;
        let id = hooks::list(forge, permit().await).await.expect("a list")[0].id;
        let other = || HookChange {
            ordered: Some(true),
            ..HookChange::default()
        };
        let update = async |permit| hooks::update(forge, permit, id, other(), NOW).await.map(drop);
        fail_each_statement(&house, "hooks::update", permit, update).await;
        let test = async |permit| hooks::test(forge, permit, id, NOW).await.map(drop);
        fail_each_statement(&house, "hooks::test", permit, test).await;
        let told = hooks::deliveries(forge, permit().await, id, None, 1)
            .await
            .expect("one")[0]
            .id;
        let again = async |permit| hooks::redeliver(forge, permit, (id, told), NOW).await.map(drop);
        fail_each_statement(&house, "hooks::redeliver", permit, again).await;
        let part = async || {
            take_part(forge, &desk.caller, &desk.path, NOW)
                .await
                .expect("a permit")
        };
        let open = async |permit| {
            let new = NewIssue {
                title: "One".into(),
                ..NewIssue::default()
            };
            issues::create(forge, permit, new, NOW).await.map(drop)
        };
        fail_each_statement(&house, "issues::create with a webhook", part, open).await;
        let delete = async |permit| hooks::delete(forge, permit, id, NOW).await;
        fail_each_statement(&house, "hooks::delete", permit, delete).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_webhook_is_said() {
    in_both_houses(async |house| {
        let (desk, outside) = desk(&house).await;
        let wrong = [
            HookChange::default(),
            to(""),
            to("http://a.test/"),
            to(&format!("https://a.test/{}", "a".repeat(hooks::MAX_URL_CHARS))),
            HookChange {
                topics: Some(vec!["ping".into()]),
                ..to("https://a.test/")
            },
            HookChange {
                topics: Some(Vec::new()),
                ..to("https://a.test/")
            },
            HookChange {
                secret: Some(Some("a\nb".into())),
                ..to("https://a.test/")
            },
        ];
        for change in wrong {
            let said = format!("{change:?}");
            assert_eq!(word(desk.add(change).await), "invalid", "{said}");
        }
        for nth in 0..hooks::MAX_HOOKS {
            desk.add(to(&format!("https://a.test/{nth}")))
                .await
                .expect("a hook");
        }
        assert_eq!(word(desk.add(to("https://a.test/more")).await), "conflict");
        desk.run(NOW).await;
        assert_eq!(
            outside.sent.lock().expect("what was sent").len(),
            hooks::MAX_HOOKS
        );
    })
    .await;
}

//! A change is answered once no edge holds on to what was before: told and acknowledged, or, where
//! nobody can be told, when what was granted has ended.

use crate::house::{House, NOW_MS, in_both_houses};
use plue_contract::edge::{DRIFT_MS, Event, LEASE_MS};
use plue_contract::{Caller, RepoPath};
use plue_forge::access::repositories as access;
use plue_forge::edge;
use plue_forge::repositories::{self, Repository, RepositoryChange, Visibility};
use std::cell::Cell;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

type Told = (Event, oneshot::Sender<()>);

/// Listens to what the edge is told; each event is acknowledged when the test says so.
fn listen(house: &House) -> mpsc::UnboundedReceiver<Told> {
    let (sender, receiver) = mpsc::unbounded_channel();
    house.forge.tell_edge_by(Arc::new(move |event| {
        let sender = sender.clone();
        Box::pin(async move {
            let (acknowledge, acknowledged) = oneshot::channel();
            sender.send((event, acknowledge)).is_ok() && acknowledged.await.is_ok()
        })
    }));
    receiver
}

async fn lease(house: &House, path: &str) -> Option<Repository> {
    let path: RepoPath = path.parse().unwrap();
    edge::lease(&house.forge, &path, NOW_MS).await.unwrap()
}

/// Awaits a change of which the edge is told so, and acknowledges it once the check is over.
async fn during<T>(
    work: impl Future<Output = T>,
    told: &mut mpsc::UnboundedReceiver<Told>,
    expected: Event,
    check: impl AsyncFnOnce(),
) -> T {
    let over = Cell::new(false);
    let changing = async {
        let value = work.await;
        over.set(true);
        value
    };
    let acknowledging = async {
        let (event, acknowledge) = told.recv().await.unwrap();
        assert_eq!(event, expected);
        check().await;
        assert!(!over.get(), "answered before the edge has let go");
        acknowledge.send(()).unwrap();
    };
    tokio::join!(changing, acknowledging).0
}

async fn change(house: &House, caller: &Caller, path: &str, change: RepositoryChange) -> Repository {
    let path: RepoPath = path.parse().unwrap();
    let permit = access::administer(&house.forge, caller, &path, NOW_MS)
        .await
        .unwrap();
    repositories::update(&house.forge, permit.into(), change, NOW_MS)
        .await
        .unwrap()
}

fn described(text: &str) -> RepositoryChange {
    RepositoryChange {
        description: Some(text.to_owned()),
        ..RepositoryChange::default()
    }
}

fn changed(names: &[&str], hidden: bool) -> Event {
    Event::RepositoriesChanged {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        hidden,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_waits_for_whoever_holds_what_was_before() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            house.repository(&ada, "engine", false).await;
            let mut told = listen(&house);

            // Nothing was granted: nobody is told, and nobody waited for.
            let before = change(&house, &ada, "ada/engine", described("one")).await;
            assert!(told.try_recv().is_err());
            assert_eq!(lease(&house, "Ada/Engine").await, Some(before.clone()));

            let two = change(&house, &ada, "ada/engine", described("two"));
            during(two, &mut told, changed(&["ada/engine"], false), async || {
                // It is committed, and not answered.
                let now = lease(&house, "ada/engine").await.unwrap();
                let found = (now.description.as_str(), now.access_epoch);
                assert_eq!(found, ("two", before.access_epoch + 1));
            })
            .await;

            // Renamed: who holds it knows it by its former name.
            let renamed = RepositoryChange {
                name: Some("motor".parse().unwrap()),
                ..RepositoryChange::default()
            };
            let rename = change(&house, &ada, "ada/engine", renamed);
            during(rename, &mut told, changed(&["ada/engine"], false), async || {}).await;
            assert!(lease(&house, "ada/engine").await.is_some());
            assert!(lease(&house, "ada/motor").await.is_some());

            // Another one under that name: who held the former one there is told, and only they.
            let make = house.repository(&ada, "engine", true);
            during(make, &mut told, changed(&["ada/engine"], true), async || {}).await;

            let hide = RepositoryChange {
                visibility: Some(Visibility::Internal),
                ..RepositoryChange::default()
            };
            let hiding = change(&house, &ada, "ada/motor", hide);
            during(
                hiding,
                &mut told,
                changed(&["ada/engine", "ada/motor"], true),
                async || {},
            )
            .await;
            assert_eq!(
                lease(&house, "ada/motor").await,
                None,
                "there is nothing for everybody"
            );
            assert_eq!(lease(&house, "ada/none").await, None);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_be_told_a_change_waits_for_the_end() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            house.repository(&ada, "engine", false).await;
            // Granted so long ago that little of it is left.
            let left_ms = 400;
            let then_ms = NOW_MS + left_ms - (LEASE_MS + DRIFT_MS).cast_signed();
            let path: RepoPath = "ada/engine".parse().unwrap();
            assert!(edge::lease(&house.forge, &path, then_ms).await.unwrap().is_some());
            let began = std::time::Instant::now();
            change(&house, &ada, "ada/engine", described("one")).await;
            let waited = began.elapsed().as_millis();
            assert!(waited >= left_ms.unsigned_abs().into(), "{waited} ms");
        },
    )
    .await;
}

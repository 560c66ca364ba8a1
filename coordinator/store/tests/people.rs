//! Who has which role in what: the two forms of the rule compared over made-up worlds, and the log
//! that nobody changes. On both engines.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use plue_contract::{AccountId, AccountName, RepoId, RepoPath};
use plue_store::accounts::{self, NewAccountRow};
use plue_store::organisations::{self, OrganisationRow};
use plue_store::repositories::{self, Among, Listing, NewRepositoryRow, Order, Viewer};
use plue_store::testing::on_both_engines;
use plue_store::{Store, StoreError, Tx, audit, collaborators, query, teams};
use std::collections::{BTreeMap, BTreeSet};

const ROLES: [&str; 7] = ["member", "read", "triage", "write", "maintain", "admin", "owner"];

/// A row of numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn role(&mut self, most: usize) -> usize {
        self.below(most + 1)
    }
}

async fn account(tx: &mut Tx<'_>, name: &str, is_organisation: bool) -> Result<AccountId, StoreError> {
    let name: AccountName = name.parse().unwrap();
    let new = NewAccountRow {
        uuid: &format!("uuid-{name}"),
        name: &name,
        is_organisation,
        display_name: "",
        email: None,
        password_hash: None,
        is_admin: false,
        now_ms: 1,
    };
    accounts::insert(tx, &new).await
}

async fn organisation(
    tx: &mut Tx<'_>,
    name: &str,
    parent: Option<AccountId>,
) -> Result<AccountId, StoreError> {
    let id = account(tx, name, true).await?;
    let row = OrganisationRow {
        id,
        uuid: String::new(),
        name: name.to_owned(),
        display_name: String::new(),
        description: String::new(),
        email: None,
        avatar_url: None,
        website: String::new(),
        location: String::new(),
        parent_id: parent.map(|parent| parent.0),
        parent: None,
        created_at_ms: 1,
        updated_at_ms: 1,
    };
    organisations::insert(tx, &row).await?;
    Ok(id)
}

async fn repository(
    tx: &mut Tx<'_>,
    owner: AccountId,
    name: &str,
    visibility: &str,
) -> Result<RepoId, StoreError> {
    let id = repositories::reserve_id(tx).await?;
    let new = NewRepositoryRow {
        id,
        uuid: &format!("repo-{id}"),
        owner_id: owner,
        name: &name.parse().unwrap(),
        description: "",
        visibility,
        object_format: "sha1",
        default_bookmark: "main",
    };
    repositories::insert(tx, &new, 1).await?;
    Ok(id)
}

/// What a world is, in plain words: the model that the database is compared with.
#[derive(Default)]
struct World {
    parents: BTreeMap<AccountId, Option<AccountId>>,
    owners: BTreeMap<RepoId, (AccountId, &'static str, String)>,
    /// Roles in organisations, given to a person directly or through a team.
    inside: BTreeSet<(AccountId, AccountId, usize)>,
    /// Roles in single repositories.
    single: BTreeSet<(AccountId, RepoId, usize)>,
}

impl World {
    fn rank(&self, person: AccountId, repository: RepoId) -> Option<usize> {
        let owner = self.owners[&repository].0;
        let mut ranks: Vec<usize> = (owner == person).then_some(5).into_iter().collect();
        let mut at = Some(owner);
        while let Some(organisation) = at {
            let here = self
                .inside
                .iter()
                .filter(|(who, of, _)| *who == person && *of == organisation);
            ranks.extend(here.map(|(_, _, rank)| rank));
            at = self.parents.get(&organisation).copied().flatten();
        }
        let single = self
            .single
            .iter()
            .filter(|(who, of, _)| *who == person && *of == repository);
        ranks.extend(single.map(|(_, _, rank)| rank));
        ranks.into_iter().max()
    }

    fn sees(&self, person: AccountId, repository: RepoId) -> bool {
        self.owners[&repository].1 != "private" || self.rank(person, repository).is_some_and(|rank| rank >= 1)
    }
}

/// Makes a world in one transaction.
async fn make(tx: &mut Tx<'_>, seed: u64) -> Result<(World, Vec<AccountId>), StoreError> {
    let mut dice = Dice(seed);
    let mut world = World::default();
    let mut people = Vec::new();
    for at in 0..4 {
        people.push(account(tx, &format!("p{seed}-{at}"), false).await?);
    }
    let mut all = Vec::new();
    for at in 0..8 {
        let parent = match dice.below(3) {
            0 => None,
            _ if all.is_empty() => None,
            _ => Some(all[dice.below(all.len())]),
        };
        let id = organisation(tx, &format!("o{seed}-{at}"), parent).await?;
        world.parents.insert(id, parent);
        all.push(id);
    }
    let owners: Vec<AccountId> = all.iter().chain(&people).copied().collect();
    for at in 0..12 {
        let owner = owners[dice.below(owners.len())];
        let visibility = ["public", "internal", "private", "private"][dice.below(4)];
        let name = format!("r{at}");
        let id = repository(tx, owner, &name, visibility).await?;
        let owner_name = match all.iter().position(|each| *each == owner) {
            Some(at) => format!("o{seed}-{at}"),
            None => format!(
                "p{seed}-{}",
                people.iter().position(|each| *each == owner).unwrap()
            ),
        };
        world
            .owners
            .insert(id, (owner, visibility, format!("{owner_name}/{name}")));
    }
    let repositories: Vec<RepoId> = world.owners.keys().copied().collect();
    for (at, organisation) in all.iter().enumerate() {
        let team_role = dice.role(5);
        let team = teams::insert(tx, *organisation, ("team", "team"), "", ROLES[team_role], 1).await?;
        let own: Vec<RepoId> = world
            .owners
            .iter()
            .filter(|(_, (owner, ..))| owner == organisation)
            .map(|(id, _)| *id)
            .collect();
        let let_in = (!own.is_empty()).then(|| (own[dice.below(own.len())], 1 + dice.below(5)));
        if let Some((repository, rank)) = let_in {
            teams::put_repository(tx, team, repository, ROLES[rank], 1).await?;
        }
        for person in &people {
            if dice.below(4) > 0 {
                continue;
            }
            let rank = dice.role(6);
            organisations::put_member(tx, *organisation, *person, ROLES[rank], 1).await?;
            world.inside.insert((*person, *organisation, rank));
            if (dice.below(2) + at).is_multiple_of(2) {
                teams::put_member(tx, team, *organisation, *person, 1).await?;
                world.inside.insert((*person, *organisation, team_role));
                if let Some((repository, rank)) = let_in {
                    world.single.insert((*person, repository, rank));
                }
            }
        }
    }
    for person in &people {
        let repository = repositories[dice.below(repositories.len())];
        let rank = 1 + dice.below(5);
        collaborators::put(tx, repository, *person, ROLES[rank], 1).await?;
        world.single.insert((*person, repository, rank));
    }
    Ok((world, people))
}

async fn compare(store: &Store, world: &World, people: &[AccountId], seed: u64) {
    let mut conn = store.read().await.unwrap();
    for person in people {
        let viewer = Viewer::Account(*person, None);
        let mut listed = BTreeSet::new();
        let listing = Listing {
            viewer: &viewer,
            among: Among::All,
            owner_key: None,
            text: None,
            order: Order::Name,
            limit: 10_000,
            offset: 0,
        };
        let (rows, total) = repositories::list(&mut conn, &listing).await.unwrap();
        assert_eq!(i64::try_from(rows.len()).unwrap(), total);
        listed.extend(rows.iter().map(|row| RepoId(row.id)));
        for (id, (.., path)) in &world.owners {
            let expected = world.rank(*person, *id).map(|rank| i64::try_from(rank).unwrap());
            let whole = repositories::by_id(&mut conn, *id, Some(*person))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(whole.rank, expected, "seed {seed}: {person} in {path}");
            let path: RepoPath = path.parse().unwrap();
            let found = repositories::find(&mut conn, &path, Some(*person), &viewer)
                .await
                .unwrap();
            let sees = world.sees(*person, *id);
            assert_eq!(found.is_some(), sees, "seed {seed}: {person} finds {path}");
            if let Some(found) = found {
                assert_eq!(found.rank, expected, "seed {seed}: {person} in {path}");
            }
            assert_eq!(listed.contains(id), sees, "seed {seed}: {person} is shown {path}");
        }
    }
}

#[tokio::test]
async fn both_forms_of_the_rule_say_what_the_model_says() {
    on_both_engines(async |store| {
        for seed in 1..=12_u64 {
            let (world, people) = store
                .in_tx("test", |tx| {
                    Box::pin(make(tx, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
                })
                .await
                .map_err(|error: StoreError| error)
                .unwrap();
            compare(&store, &world, &people, seed).await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_leaves_an_organisation_leaves_its_teams() {
    on_both_engines(async |store| {
        let ids = store.in_tx("test", |tx| {
            Box::pin(async move {
                let ada = account(tx, "ada", false).await?;
                let weavers = organisation(tx, "weavers", None).await?;
                let engine = repository(tx, weavers, "engine", "private").await?;
                let team = teams::insert(tx, weavers, ("loom", "loom"), "", "write", 1).await?;
                organisations::put_member(tx, weavers, ada, "member", 1).await?;
                teams::put_member(tx, team, weavers, ada, 1).await?;
                Ok::<_, StoreError>((ada, weavers, engine))
            })
        });
        let (ada, weavers, engine) = ids.await.unwrap();
        let rank = async || {
            let mut conn = store.read().await.unwrap();
            let found = repositories::by_id(&mut conn, engine, Some(ada)).await.unwrap();
            found.unwrap().rank
        };
        assert_eq!(rank().await, Some(3));
        let left = store.in_tx("test", |tx| {
            Box::pin(organisations::remove_member(tx, weavers, ada))
        });
        left.await.map_err(|error: StoreError| error).unwrap();
        assert_eq!(rank().await, None);
    })
    .await;
}

#[tokio::test]
async fn a_circle_of_organisations_ends() {
    on_both_engines(async |store| {
        let ids = store.in_tx("test", |tx| {
            Box::pin(async move {
                let ada = account(tx, "ada", false).await?;
                let outer = organisation(tx, "outer", None).await?;
                let inner = organisation(tx, "inner", Some(outer)).await?;
                query(
                    "test.circle",
                    "UPDATE organisations SET parent_id = $1 WHERE account_id = $2",
                )
                .bind(inner.0)
                .bind(outer.0)
                .execute(tx)
                .await?;
                organisations::put_member(tx, outer, ada, "read", 1).await?;
                let engine = repository(tx, inner, "engine", "private").await?;
                Ok::<_, StoreError>((ada, outer, inner, engine))
            })
        });
        let (ada, outer, inner, engine) = ids.await.unwrap();
        let mut conn = store.read().await.unwrap();
        let found = repositories::by_id(&mut conn, engine, Some(ada)).await.unwrap();
        assert_eq!(found.unwrap().rank, Some(1));
        assert!(organisations::lies_in(&mut conn, inner, outer).await.unwrap());
        let viewer = Viewer::Account(ada, None);
        let path = "inner/engine".parse().unwrap();
        let found = repositories::find(&mut conn, &path, Some(ada), &viewer)
            .await
            .unwrap();
        assert!(found.is_some());
    })
    .await;
}

#[tokio::test]
async fn what_is_written_into_the_log_stays() {
    on_both_engines(async |store| {
        let row = audit::EntryRow {
            id: 0,
            at_ms: 5,
            action: "team.create".into(),
            actor_id: Some(7),
            actor: "ada".into(),
            via: "session".into(),
            address: Some("192.0.2.1".into()),
            request_id: "r1".into(),
            owner_id: Some(8),
            repository_id: None,
            subject: "weavers/loom".into(),
            detail: "{}".into(),
        };
        let written = row.clone();
        let row = &row;
        let written_down = store.in_tx("test", |tx| Box::pin(async move { audit::insert(tx, row).await }));
        written_down.await.unwrap();
        for sql in ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit"] {
            let refused = store.in_tx("test", |tx| {
                Box::pin(async move { query("test.forge", sql).execute(tx).await.map(drop) })
            });
            let said = format!("{:?}", refused.await.unwrap_err());
            assert!(said.contains("never changed"), "{sql}: {said}");
        }
        let mut conn = store.read().await.unwrap();
        let of = async |conn: &mut _, of, action: Option<&str>, before| {
            audit::list(conn, of, action, before, 10).await.unwrap()
        };
        let all = of(&mut conn, audit::Of::Everything, None, i64::MAX).await;
        let id = all[0].id;
        assert_eq!(all, [audit::EntryRow { id, ..written }]);
        assert_eq!(
            of(&mut conn, audit::Of::Owner(AccountId(8)), None, i64::MAX)
                .await
                .len(),
            1
        );
        assert_eq!(
            of(&mut conn, audit::Of::Owner(AccountId(9)), None, i64::MAX)
                .await
                .len(),
            0
        );
        assert_eq!(
            of(&mut conn, audit::Of::Repository(RepoId(8)), None, i64::MAX)
                .await
                .len(),
            0
        );
        assert_eq!(
            of(&mut conn, audit::Of::Everything, Some("team.delete"), i64::MAX)
                .await
                .len(),
            0
        );
        assert_eq!(of(&mut conn, audit::Of::Everything, None, id).await.len(), 0);
        drop(conn);
        // Emptying the whole database is another matter, and works.
        store.reset().await.unwrap();
        store.migrate(1).await.unwrap();
    })
    .await;
}

//! Each statement of each verb about repositories, made to fail in turn: all of the verb happens or
//! nothing does.

use crate::house::{House, NOW_MS, in_both_houses};
use plue_contract::{AccountName, Caller, RepoPath};
use plue_forge::access::accounts::administer;
use plue_forge::access::repositories as access;
use plue_forge::collaborators;
use plue_forge::repositories::{self, RepositoryChange, Role, Visibility};
use plue_forge::{Error, expiry, import, topics, watcher};
use plue_store::query_built;

/// Everything that the verbs may change, as text.
async fn state(house: &House) -> String {
    let mut conn = house.store.read().await.unwrap();
    let mut all = String::new();
    for (table, columns, order) in [
        (
            "repositories",
            "name_key || ':' || CAST(owner_id AS TEXT) || ':' || CAST(access_epoch AS TEXT) || ':' || \
          CAST(generation AS TEXT) || ':' || CAST(COALESCE(deleted_at_ms, 0) AS TEXT)",
            "id",
        ),
        ("redirects", "name_key || ':' || CAST(repository_id AS TEXT)", "1"),
        ("collaborators", "CAST(account_id AS TEXT) || ':' || role", "1"),
        ("deploy_keys", "fingerprint", "1"),
        ("ssh_key_fingerprints", "fingerprint", "1"),
        ("pushes", "CAST(generation AS TEXT)", "1"),
        ("packs", "state", "id"),
        ("events", "kind", "id"),
        ("jobs", "coalesce_key || ':' || CAST(revision AS TEXT)", "1"),
    ] {
        // An upload that was given up is the sweeper's and nobody else's.
        let live = if table == "packs" {
            "WHERE state = 'live'"
        } else {
            ""
        };
        let sql = format!("SELECT {columns} FROM {table} {live} ORDER BY {order}");
        let rows: Vec<(String,)> = query_built("test.state", sql).all(&mut conn).await.unwrap();
        all.push_str(&format!("{table}: {rows:?}\n"));
    }
    all
}

/// Runs a verb again and again, a later statement failing each time, until none is left to fail.
async fn each_statement(house: &House, name: &str, verb: impl AsyncFn() -> Result<(), Error>) {
    for nth in 1.. {
        let before = state(house).await;
        house.store.faults().fail_nth(nth);
        let outcome = verb().await;
        let fired = house.store.faults().clear();
        let after = state(house).await;
        // What fails after the commit changes no answer.
        if !fired || outcome.is_ok() {
            outcome.unwrap();
            assert_ne!(before, after, "{name} changes something");
            assert!(nth > 3, "{name} has more than {nth} statements");
            return;
        }
        assert_eq!(before, after, "{name}: statement {nth}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_happens_or_does_not() {
    in_both_houses(
        |settings| settings.watched = true,
        async |house| {
            let ada = house.account("ada").await;
            house.account("bob").await;
            let forge = &house.forge;
            let system = Caller::system("test");
            let bob: AccountName = "bob".parse().unwrap();
            let own: AccountName = "ada".parse().unwrap();
            let path: RepoPath = "ada/engine".parse().unwrap();
            let moved: RepoPath = "bob/loom".parse().unwrap();
            let permit = async |path: &RepoPath| access::administer(forge, &system, path, NOW_MS).await;
            let work = house.home.small_repository("work").unwrap();
            let public =
                tokio::task::block_in_place(|| house.home.keygen("deploy", "ed25519", None).unwrap());
            let public = std::fs::read_to_string(public).unwrap();

            each_statement(&house, "import", async || {
                let under = access::create_under(forge, &ada, &own, NOW_MS).await?;
                import::import(forge, under, path.name.clone(), &work, NOW_MS)
                    .await
                    .map(drop)
            })
            .await;
            each_statement(&house, "create", async || {
                let under = access::create_under(forge, &ada, &own, NOW_MS).await?;
                let new = repositories::NewRepository {
                    name: "empty".parse().unwrap(),
                    description: String::new(),
                    visibility: Visibility::Private,
                    object_format: plue_git::ObjectFormat::Sha1,
                    default_bookmark: None,
                };
                repositories::create(forge, under, new, NOW_MS).await.map(drop)
            })
            .await;
            each_statement(&house, "put", async || {
                collaborators::put(forge, permit(&path).await?, &bob, Role::Write, NOW_MS).await
            })
            .await;
            each_statement(&house, "add_deploy_key", async || {
                let added =
                    collaborators::add_deploy_key(forge, permit(&path).await?, "ci", &public, true, NOW_MS);
                added.await.map(drop)
            })
            .await;
            let key = collaborators::deploy_keys(forge, permit(&path).await.unwrap())
                .await
                .unwrap()[0]
                .id;
            each_statement(&house, "remove_deploy_key", async || {
                collaborators::remove_deploy_key(forge, permit(&path).await?, key, NOW_MS).await
            })
            .await;
            each_statement(&house, "remove", async || {
                collaborators::remove(forge, permit(&path).await?, &bob, NOW_MS).await
            })
            .await;
            each_statement(&house, "update", async || {
                let change = RepositoryChange {
                    name: Some("loom".parse().unwrap()),
                    visibility: Some(Visibility::Public),
                    ..RepositoryChange::default()
                };
                repositories::update(forge, permit(&path).await?.into(), change, NOW_MS)
                    .await
                    .map(drop)
            })
            .await;
            each_statement(&house, "topics", async || {
                let maintains = permit(&"ada/loom".parse().unwrap()).await?.into();
                topics::set(forge, maintains, &["looms".to_owned()], NOW_MS)
                    .await
                    .map(drop)
            })
            .await;
            each_statement(&house, "transfer", async || {
                let to = access::create_under(forge, &system, &bob, NOW_MS).await?;
                repositories::transfer(forge, permit(&path).await?, to, NOW_MS)
                    .await
                    .map(drop)
            })
            .await;
            let id = house.seen(&ada, "bob/loom").await.unwrap().id;
            each_statement(&house, "delete", async || {
                repositories::delete(forge, permit(&moved).await?, NOW_MS).await
            })
            .await;
            each_statement(&house, "restore", async || {
                let admin = administer(forge, &system, NOW_MS).await?;
                repositories::restore(forge, admin, id, NOW_MS).await.map(drop)
            })
            .await;
            let lost = house.git(&work, &["rev-parse", "HEAD"]);
            let door = house.door(&system).await;
            let amend = ["commit", "-q", "--amend", "-m", "Another beginning"];
            house.git(&work, &amend);
            house.git(&work, &["push", "-q", &format!("{door}/bob/loom"), "+HEAD:main"]);
            each_statement(&house, "purge", async || {
                let admin = administer(forge, &system, NOW_MS).await?;
                expiry::purge(forge, admin, &moved, &lost, NOW_MS).await.map(drop)
            })
            .await;
            let root = house.home.at("repos");
            std::fs::create_dir_all(root.join("ada")).unwrap();
            house.git(
                &root,
                &["clone", "-q", "--bare", work.to_str().unwrap(), "ada/adopted.git"],
            );
            each_statement(&house, "adopt", async || {
                let admin = administer(forge, &system, NOW_MS).await?;
                let adopted = import::adopt(forge, admin, &root, NOW_MS).await?;
                let [only] = &adopted[..] else {
                    panic!("{adopted:?}");
                };
                match &only.outcome {
                    import::Outcome::Created => Ok(()),
                    other => Err(Error::Internal(format!("{other:?}"))),
                }
            })
            .await;
            // A commit and a branch that somebody made in the copy itself.
            let door = house.door(&ada).await;
            house.clone_of(&format!("{door}/ada/adopted"), "adopted.git");
            let id = house.seen(&ada, "ada/adopted").await.unwrap().id;
            let copy = house.cache(id);
            let outside = house.git(
                &copy,
                &[
                    "-c",
                    "user.name=Out",
                    "-c",
                    "user.email=out@example.org",
                    "commit-tree",
                    "-p",
                    "main",
                    "-m",
                    "Outside",
                    "main^{tree}",
                ],
            );
            house.git(&copy, &["update-ref", "refs/heads/outside", &outside]);
            each_statement(&house, "watch", async || {
                let reports = watcher::scan(forge, NOW_MS).await?;
                match &reports[..] {
                    [report] if report.removed.is_none() && report.oid.to_string() == outside => Ok(()),
                    other => panic!("{other:?}"),
                }
            })
            .await;
            assert!(
                watcher::scan(forge, NOW_MS).await.unwrap().is_empty(),
                "what was taken in is not taken in again"
            );
            house.assert_tidy();
        },
    )
    .await;
}

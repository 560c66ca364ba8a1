//! Who sees what, what becomes of repositories, and how they come in by other ways than a push.

use crate::house::{House, NOW_MS, in_both_houses};
use plue_contract::{AccountName, Caller, RepoPath, Scope, Scopes, Who};
use plue_forge::access::accounts::administer;
use plue_forge::access::repositories as access;
use plue_forge::collaborators;
use plue_forge::import::{self, Outcome};
use plue_forge::repositories::{self, Query, RepositoryChange, Role};
use plue_forge::{Error, browse, jobs, watcher};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

/// The caller with another set of scopes.
fn with_scopes(caller: &Caller, granted: &[Scope]) -> Caller {
    let mut caller = caller.clone();
    if let Who::Account { scopes, .. } = &mut caller.who {
        *scopes = Scopes::of(granted.iter().copied());
    }
    caller
}

/// What a caller may do: read, push, administer.
async fn may(house: &House, caller: &Caller, text: &str) -> [&'static str; 3] {
    let word = |error: Error| match error {
        Error::NotFound => "not found",
        Error::Unauthenticated => "sign in",
        Error::Forbidden(_) => "forbidden",
        Error::InsufficientScope(_) => "scope",
        Error::Archived => "archived",
        error => panic!("{error}"),
    };
    let (forge, path) = (&house.forge, path(text));
    [
        access::read(forge, caller, &path, NOW_MS)
            .await
            .map_or_else(word, |_| "yes"),
        access::push(forge, caller, &path, NOW_MS)
            .await
            .map_or_else(word, |_| "yes"),
        access::administer(forge, caller, &path, NOW_MS)
            .await
            .map_or_else(word, |_| "yes"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_do_what() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let bob = house.account("bob").await;
            let nobody = Caller::anonymous(None, "test");
            house.repository(&ada, "open", false).await;
            let closed = house.repository(&ada, "closed", true).await.id;

            assert_eq!(may(&house, &ada, "ada/open").await, ["yes"; 3]);
            assert_eq!(may(&house, &ada, "ADA/Closed").await, ["yes"; 3]);
            assert_eq!(
                may(&house, &bob, "ada/open").await,
                ["yes", "forbidden", "forbidden"]
            );
            assert_eq!(
                may(&house, &nobody, "ada/open").await,
                ["yes", "sign in", "sign in"]
            );
            for stranger in [&bob, &nobody] {
                for hidden in ["ada/closed", "ada/none", "none/none"] {
                    assert_eq!(may(&house, stranger, hidden).await, ["not found"; 3], "{hidden}");
                }
            }
            let reads = with_scopes(&ada, &[Scope::RepoRead]);
            assert_eq!(may(&house, &reads, "ada/closed").await, ["yes", "scope", "scope"]);
            assert_eq!(may(&house, &reads, "ada/fresh").await, ["not found"; 3]);
            let writes = with_scopes(&ada, &[Scope::RepoWrite]);
            assert_eq!(may(&house, &writes, "ada/closed").await, ["yes", "yes", "scope"]);
            let user = with_scopes(&ada, &[Scope::User]);
            assert_eq!(may(&house, &user, "ada/closed").await, ["not found"; 3]);
            assert_eq!(
                may(&house, &user, "ada/open").await,
                ["yes", "forbidden", "forbidden"]
            );
            let mut bound = ada.clone();
            if let Who::Account { repositories, .. } = &mut bound.who {
                *repositories = Some(vec![closed]);
            }
            assert_eq!(may(&house, &bound, "ada/closed").await, ["yes"; 3]);
            assert_eq!(
                may(&house, &bound, "ada/open").await,
                ["yes", "forbidden", "forbidden"]
            );
            assert_eq!(may(&house, &bound, "ada/fresh").await, ["not found"; 3]);

            let to_bob: AccountName = "bob".parse().unwrap();
            for (role, wanted) in [
                (Role::Read, ["yes", "forbidden", "forbidden"]),
                (Role::Write, ["yes", "yes", "forbidden"]),
                (Role::Admin, ["yes"; 3]),
            ] {
                let permit = access::administer(&house.forge, &ada, &path("ada/closed"), NOW_MS)
                    .await
                    .unwrap();
                collaborators::put(&house.forge, permit, &to_bob, role, NOW_MS)
                    .await
                    .unwrap();
                assert_eq!(may(&house, &bob, "ada/closed").await, wanted);
            }
            let listed = repositories::list(&house.forge, &bob, Query::default(), NOW_MS)
                .await
                .unwrap();
            assert_eq!(listed.total, 2);
            let permit = access::administer(&house.forge, &bob, &path("ada/closed"), NOW_MS)
                .await
                .unwrap();
            collaborators::remove(&house.forge, permit, &to_bob, NOW_MS)
                .await
                .unwrap();
            assert_eq!(may(&house, &bob, "ada/closed").await, ["not found"; 3]);
            let listed = repositories::list(&house.forge, &bob, Query::default(), NOW_MS)
                .await
                .unwrap();
            assert_eq!(listed.total, 1);

            let administer = async || {
                access::administer(&house.forge, &ada, &path("ada/open"), NOW_MS)
                    .await
                    .unwrap()
            };
            let archive = |archived| RepositoryChange {
                archived: Some(archived),
                ..RepositoryChange::default()
            };
            repositories::update(&house.forge, administer().await.into(), archive(true), NOW_MS)
                .await
                .unwrap();
            assert_eq!(may(&house, &ada, "ada/open").await, ["yes", "archived", "yes"]);
            repositories::update(&house.forge, administer().await.into(), archive(false), NOW_MS)
                .await
                .unwrap();
            assert_eq!(may(&house, &ada, "ada/open").await, ["yes"; 3]);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_key_opens_one_repository() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            house.repository(&ada, "one", true).await;
            house.repository(&ada, "two", true).await;
            let public =
                tokio::task::block_in_place(|| house.home.keygen("deploy", "ed25519", None).unwrap());
            let public = std::fs::read_to_string(public).unwrap();
            let permit = async |name| {
                access::administer(&house.forge, &ada, &path(name), NOW_MS)
                    .await
                    .unwrap()
            };
            let forge = &house.forge;
            let added =
                collaborators::add_deploy_key(forge, permit("ada/one").await, "ci", &public, false, NOW_MS);
            let added = added.await.unwrap();
            let again =
                collaborators::add_deploy_key(forge, permit("ada/two").await, "ci", &public, true, NOW_MS);
            assert!(matches!(again.await, Err(Error::Conflict { .. })));
            let who = plue_forge::accounts::by_ssh_fingerprint(forge, &added.fingerprint, NOW_MS)
                .await
                .unwrap();
            let caller = Caller {
                who: who.unwrap(),
                address: None,
                request_id: "test".to_owned(),
            };
            assert_eq!(
                may(&house, &caller, "ada/one").await,
                ["yes", "forbidden", "forbidden"]
            );
            assert_eq!(may(&house, &caller, "ada/two").await, ["not found"; 3]);
            collaborators::remove_deploy_key(forge, permit("ada/one").await, added.id, NOW_MS)
                .await
                .unwrap();
            let gone = access::read(forge, &caller, &path("ada/one"), NOW_MS).await;
            assert!(
                matches!(gone, Err(Error::Unauthenticated)),
                "the key is gone, and so is who had it"
            );
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rename_transfer_delete_restore_purge() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let bob = house.account("bob").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let door = house.door(&ada).await;
            let work = house.home.small_repository("work").unwrap();
            house.git(&work, &["push", "-q", &format!("{door}/ada/engine"), "main"]);
            let forge = &house.forge;
            let permit = async |caller: &Caller, name| {
                access::administer(forge, caller, &path(name), NOW_MS)
                    .await
                    .unwrap()
            };

            let rename = RepositoryChange {
                name: Some("loom".parse().unwrap()),
                ..RepositoryChange::default()
            };
            repositories::update(forge, permit(&ada, "ada/engine").await.into(), rename, NOW_MS)
                .await
                .unwrap();
            house.git(
                &work,
                &[
                    "push",
                    "-q",
                    &format!("{door}/ada/engine"),
                    "main:by-the-old-name",
                ],
            );
            assert_eq!(
                may(&house, &bob, "ada/engine").await,
                ["not found"; 3],
                "a redirect tells nothing"
            );

            let system = Caller::system("test");
            let to = access::create_under(forge, &system, &"bob".parse().unwrap(), NOW_MS)
                .await
                .unwrap();
            repositories::transfer(forge, permit(&ada, "ada/loom").await, to, NOW_MS)
                .await
                .unwrap();
            // The name is free again for its former owner.
            assert_eq!(
                may(&house, &ada, "ada/loom").await,
                ["not found", "yes", "not found"]
            );
            assert_eq!(
                house.seen(&bob, "ada/engine").await.unwrap().path().to_string(),
                "bob/loom"
            );

            repositories::delete(forge, permit(&bob, "bob/loom").await, NOW_MS)
                .await
                .unwrap();
            assert_eq!(may(&house, &bob, "bob/loom").await[0], "not found");
            jobs::run_due(forge, "test", NOW_MS + 29 * DAY_MS).await.unwrap();
            let admin = async || administer(forge, &system, NOW_MS).await.unwrap();
            assert_eq!(
                repositories::deleted(forge, &admin().await).await.unwrap().len(),
                1
            );
            repositories::restore(forge, admin().await, id, NOW_MS)
                .await
                .unwrap();
            assert_eq!(may(&house, &bob, "bob/loom").await, ["yes"; 3]);
            let copy = house.clone_of(&format!("{}/bob/loom", house.door(&bob).await), "copy");
            house.home.fsck(&copy).unwrap();

            repositories::delete(forge, permit(&bob, "bob/loom").await, NOW_MS + 20 * DAY_MS)
                .await
                .unwrap();
            // The first deletion's job finds the second one, and leaves it its whole time.
            let left = async || repositories::deleted(forge, &admin().await).await.unwrap().len();
            jobs::run_due(forge, "test", NOW_MS + 31 * DAY_MS).await.unwrap();
            assert_eq!(left().await, 1);
            jobs::run_due(forge, "test", NOW_MS + 51 * DAY_MS).await.unwrap();
            assert!(
                repositories::deleted(forge, &admin().await)
                    .await
                    .unwrap()
                    .is_empty()
            );
            assert!(
                house
                    .blobs
                    .list(&format!("{id}/"), None, 10)
                    .await
                    .unwrap()
                    .is_empty()
            );
            assert!(!house.cache(id).exists());
            assert!(house.repository(&bob, "loom", true).await.id > id);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adopting_a_folder_twice_changes_nothing() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            house.repository(&ada, "here", true).await;
            let root = house.home.at("repos");
            for folder in ["ada", "nobody", "ada/no-git", "ada/-x.git"] {
                std::fs::create_dir_all(root.join(folder)).unwrap();
            }
            let work = house.home.small_repository("work").unwrap();
            house.git(&work, &["tag", "-a", "-m", "One", "v1"]);
            for bare in ["ada/engine.git", "ada/here.git", "nobody/x.git"] {
                house.git(&root, &["clone", "-q", "--bare", work.to_str().unwrap(), bare]);
            }
            house.git(&root, &["init", "-q", "--bare", "ada/empty.git"]);
            let broken = root.join("ada/broken.git");
            house.git(
                &root,
                &[
                    "clone",
                    "-q",
                    "--bare",
                    "--no-hardlinks",
                    work.to_str().unwrap(),
                    "ada/broken.git",
                ],
            );
            let tree = house.git(&work, &["rev-parse", "HEAD^{tree}"]);
            std::fs::remove_file(broken.join("objects").join(&tree[..2]).join(&tree[2..])).unwrap();

            let system = Caller::system("test");
            let adopt = async || {
                let permit = administer(&house.forge, &system, NOW_MS).await.unwrap();
                let adopted = import::adopt(&house.forge, permit, &root, NOW_MS).await.unwrap();
                let word = |outcome: &Outcome| match outcome {
                    Outcome::Created => "created",
                    Outcome::Skipped(_) => "skipped",
                    Outcome::Failed(_) => "failed",
                };
                adopted
                    .iter()
                    .map(|each| format!("{} {}", each.path, word(&each.outcome)))
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                adopt().await,
                [
                    "ada/-x.git failed",
                    "ada/broken.git failed",
                    "ada/empty.git created",
                    "ada/engine.git created",
                    "ada/here.git skipped",
                    "ada/no-git skipped",
                    "nobody/x.git failed",
                ]
            );
            let second = adopt().await;
            assert!(second.iter().all(|line| !line.ends_with("created")), "{second:?}");
            let copy = house.clone_of(&format!("{}/ada/engine", house.door(&ada).await), "copy");
            assert_eq!(house.home.refs(&copy).unwrap(), house.home.refs(&work).unwrap());
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_into_a_copy_comes_in_or_goes() {
    in_both_houses(
        |settings| settings.watched = true,
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            let cache = house.cache(id);
            let before = house.git(&cache, &["rev-parse", "main"]);
            let tree = house.git(&cache, &["rev-parse", "main^{tree}"]);
            let user = ["-c", "user.name=Op", "-c", "user.email=op@example.org"];
            let commit = |parent: &[&str], message: &str| {
                let mut args = user.to_vec();
                args.extend(["commit-tree", "-m", message]);
                args.extend(parent);
                args.push(&tree);
                house.git(&cache, &args)
            };
            let next = commit(&["-p", &before], "On the server");
            house.git(&cache, &["update-ref", "refs/heads/main", &next]);
            let other = commit(&[], "Another beginning");
            house.git(&cache, &["update-ref", "refs/heads/other", &other]);
            let reports = watcher::scan(&house.forge, NOW_MS).await.unwrap();
            assert_eq!(reports.len(), 2);
            assert!(
                reports.iter().all(|report| report.removed.is_none()),
                "{reports:?}"
            );
            let node = house.second_node().await;
            let copy = node.clone_of(&format!("{}/ada/engine", node.door(&ada).await), "copy");
            node.home.fsck(&copy).unwrap();
            assert_eq!(
                node.git(&copy, &["rev-parse", "main", "other"]),
                format!("{next}\n{other}")
            );

            // What leads nowhere that is here is removed, and the database stays right.
            house.git(&cache, &["update-ref", "refs/heads/main", &other]);
            let reports = watcher::scan(&house.forge, NOW_MS).await.unwrap();
            assert_eq!(reports.len(), 1);
            assert!(reports[0].removed.is_some(), "{reports:?}");
            assert_eq!(house.git(&cache, &["rev-parse", "main"]), next);
            assert!(watcher::scan(&house.forge, NOW_MS).await.unwrap().is_empty());
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsing_sees_what_was_pushed() {
    in_both_houses(
        |settings| settings.browse_bytes = 1000,
        async |house| {
            let ada = house.account("ada").await;
            house.repository(&ada, "engine", true).await;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            house
                .home
                .commit(&work, "src/large", &"x".repeat(2000), "Grow")
                .unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            let forge = &house.forge;
            let permit = access::read(forge, &ada, &path("ada/engine"), NOW_MS)
                .await
                .unwrap();
            let view = browse::look(forge, permit).await.unwrap();
            let tip = view.resolve("main").await.unwrap();
            assert_eq!(tip.to_string(), house.git(&work, &["rev-parse", "HEAD"]));
            let root = view.tree(tip, "").await.unwrap();
            let names: Vec<_> = root.iter().map(|entry| entry.name.as_str()).collect();
            assert_eq!(names, ["README.md", "src"]);
            let file = view.blob("main", "README.md").await.unwrap();
            assert_eq!(&file.content[..], b"hello\n");
            let large = view.blob("main", "src/large").await;
            assert!(matches!(large, Err(Error::TooLarge(_))));
            for none in ["none", "--exec=x", "../x"] {
                assert!(matches!(view.resolve(none).await, Err(Error::NotFound)), "{none}");
                assert!(
                    matches!(view.blob("main", none).await, Err(Error::NotFound)),
                    "{none}"
                );
            }
            let history = view.commits("main", 0, 10).await.unwrap();
            assert_eq!(history.len(), 2);
            let far = view.commits("main", 1_000_000_000, 10).await;
            assert!(matches!(far, Err(Error::Invalid { .. })));
            assert_eq!(view.ref_names(10).await.unwrap().bookmarks_total, 1);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_watcher_nothing_hides_what_is_here() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            let first = house.git(&work, &["rev-parse", "HEAD"]);
            let second = house.home.commit(&work, "more", "more\n", "More").unwrap();
            house.git(&house.cache(id), &["update-ref", "refs/heads/main", &first]);
            std::fs::write(house.cache(id).join("refs/heads/main"), format!("{first}\n")).unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            let copy = house.clone_of(&address, "copy");
            assert_eq!(house.git(&copy, &["rev-parse", "main"]), second);
        },
    )
    .await;
}

//! What one push does, and what a clone gets afterwards.

use crate::house::{House, in_both_houses, in_every_house};
use plue_contract::{Caller, RepoId};
use plue_git::ObjectFormat;
use plue_store::{jobs, packs, pushes, refs};

/// What the database holds of a repository: refs, live packs, uploads under way, pushes, jobs.
pub async fn rows(house: &House, id: RepoId) -> (usize, i64, i64, i64, usize) {
    let mut conn = house.store.read().await.unwrap();
    (
        refs::all(&mut conn, id).await.unwrap().len(),
        packs::count(&mut conn, id, "live").await.unwrap(),
        packs::count(&mut conn, id, "uploading").await.unwrap(),
        pushes::count(&mut conn, id).await.unwrap(),
        jobs::all(&mut conn).await.unwrap().len(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_can_be_cloned_from_another_node() {
    in_every_house(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let engine = house.repository(&ada, "engine", true).await;
            let address = format!("{}/ada/engine.git", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            house.git(&work, &["tag", "-a", "-m", "First", "v1"]);
            house.git(&work, &["push", "-q", &address, "main", "v1"]);
            house
                .home
                .commit(&work, "src/lib.rs", "fn main() {}\n", "Add")
                .unwrap();
            house.git(&work, &["push", "-q", &address, "main"]);
            // Jobs: the repository's upkeep, pages and expiry, and for each push who hears of it.
            assert_eq!(rows(&house, engine.id).await, (2, 2, 0, 2, 5));
            house.assert_tidy();

            for node in [&house, &house.second_node().await] {
                let address = format!("{}/ada/engine", node.door(&ada).await);
                let copy = node.clone_of(&address, "copy.git");
                assert_eq!(node.home.refs(&copy).unwrap(), house.home.refs(&work).unwrap());
                node.home.fsck(&copy).unwrap();
                let cache = node.cache(engine.id);
                assert_eq!(node.home.refs(&cache).unwrap(), node.home.refs(&copy).unwrap());
            }
            let seen = house.seen(&ada, "ada/engine").await.unwrap();
            assert_eq!((seen.generation, seen.ref_count), (2, 2));
            assert!(seen.size_bytes > 0 && seen.pushed_at_ms.is_some());
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn force_delete_and_atomic() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            house.git(
                &work,
                &["push", "-q", &address, "main", "main:other", "main:third"],
            );

            house.git(&work, &["commit", "-q", "--amend", "-m", "Begin again"]);
            assert!(
                !house.try_git(&work, &["push", &address, "main"]).ok,
                "not a fast-forward"
            );
            house.git(&work, &["push", "-q", "--force", &address, "main"]);
            house.git(&work, &["push", "-q", &address, ":other"]);
            assert_eq!(rows(&house, id).await.0, 2);

            let said = house.try_git(&work, &["push", &address, ":main"]);
            assert!(
                !said.ok && said.err.contains("main is the default bookmark"),
                "{}",
                said.err
            );

            // One of the two has moved: atomic changes neither, the ordinary push the other.
            let lease = "--force-with-lease=third:0000000000000000000000000000000000000000";
            let stale = ["push", "--force", &address, "main:fourth", "main:third"];
            let said = house.try_git(
                &work,
                &["push", "--atomic", lease, &address, "main:fourth", "main:third"],
            );
            assert!(!said.ok, "{}", said.err);
            assert_eq!(rows(&house, id).await.0, 2);
            house.git(&work, &stale);
            assert_eq!(rows(&house, id).await.0, 3);

            house.git(&work, &["tag", "v2"]);
            house.git(
                &work,
                &["push", "-q", "--atomic", &address, "main:fifth", "v2", ":fourth"],
            );
            let copy = house.clone_of(&address, "copy.git");
            let names = house.git(&copy, &["for-each-ref", "--format=%(refname)"]);
            assert_eq!(
                names,
                "refs/heads/fifth\nrefs/heads/main\nrefs/heads/third\nrefs/tags/v2"
            );
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_push_makes_the_repository_under_the_pushers_name_only() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            house.account("bob").await;
            let door = house.door(&ada).await;
            let work = house.home.small_repository("work").unwrap();
            house.git(&work, &["branch", "-m", "main", "master"]);
            for other in ["bob/engine", "nobody/engine"] {
                let said = house.try_git(&work, &["push", &format!("{door}/{other}"), "master"]);
                assert!(!said.ok, "{other}: {}", said.err);
            }
            let address = format!("{door}/ada/Engine.git");
            let said = house.try_git(&work, &["ls-remote", &address]);
            assert!(!said.ok, "reading makes nothing: {}", said.out);
            assert!(house.seen(&ada, "ada/engine").await.is_err());

            let said = house.try_git(&work, &["push", &address, "master"]);
            assert!(
                said.ok
                    && said
                        .err
                        .contains("remote: Created the private repository ada/Engine"),
                "{}",
                said.err
            );
            let made = house.seen(&ada, "ada/engine").await.unwrap();
            assert!(
                made.visibility == plue_forge::repositories::Visibility::Private
                    && made.object_format == ObjectFormat::Sha1
            );
            assert_eq!(
                (made.name.as_str(), made.default_bookmark.as_str()),
                ("Engine", "master")
            );
            assert!(
                house
                    .seen(&Caller::anonymous(None, "test"), "ada/engine")
                    .await
                    .is_err()
            );
            house.git(house.home.path(), &["clone", "-q", &address, "again"]);
            assert!(
                house.home.at("again/README.md").exists(),
                "HEAD names the branch that was pushed"
            );

            // A push that is refused makes nothing.
            let said = house.try_git(&work, &["push", &format!("{door}/ada/loom"), "HEAD:refs/plue/x"]);
            assert!(!said.ok, "{}", said.err);
            assert!(house.seen(&ada, "ada/loom").await.is_err());
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_stand_in_each_others_way() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            let id = house.repository(&ada, "engine", true).await.id;
            let address = format!("{}/ada/engine", house.door(&ada).await);
            let work = house.home.small_repository("work").unwrap();
            let push = |specs: &[&str]| {
                let mut args = vec!["push", "--porcelain", &address];
                args.extend(specs);
                house.try_git(&work, &args)
            };
            let said = push(&["main:a", "main:a/b"]);
            assert!(
                !said.ok && said.out.contains("refs/heads/a exists"),
                "{}\n{}",
                said.out,
                said.err
            );
            assert_eq!(rows(&house, id).await.0, 1, "the first of the two was good");
            let said = push(&["main:a/b/c"]);
            assert!(
                !said.ok && said.out.contains("refs/heads/a exists"),
                "{}",
                said.out
            );
            assert!(push(&["main:d/e"]).ok);
            let said = push(&["main:d"]);
            assert!(
                !said.ok && said.out.contains("refs below refs/heads/d/"),
                "{}",
                said.out
            );
            // What is deleted in the same push stands in nobody's way.
            assert!(push(&[":d/e", "main:d"]).ok);
            assert!(push(&[":d", "main:d/f"]).ok);
            // Many at once take another way to the same answer.
            let many: Vec<String> = (0..100).map(|n| format!("main:many/{n}/x")).collect();
            let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
            assert!(push(&many).ok);
            many = vec!["main:many/7", "main:many/8/x/y"];
            let more: Vec<String> = (100..200).map(|n| format!("main:many/{n}")).collect();
            many.extend(more.iter().map(String::as_str));
            let said = push(&many);
            assert!(
                !said.ok && said.out.matches("[remote rejected]").count() == 2,
                "{}",
                said.out
            );
            let copy = house.clone_of(&address, "copy.git");
            house.home.fsck(&copy).unwrap();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sha256_shallow_partial_and_options() {
    in_both_houses(
        |_| {},
        async |house| {
            let ada = house.account("ada").await;
            house
                .repository_of(&ada, "modern", false, ObjectFormat::Sha256)
                .await;
            let address = format!("{}/ada/modern", house.door(&ada).await);
            house.git(
                house.home.path(),
                &["init", "-q", "--object-format=sha256", "work"],
            );
            let work = house.home.at("work");
            for n in 0..3 {
                house
                    .home
                    .commit(&work, "file", &format!("{n}\n"), "Step")
                    .unwrap();
            }
            let said = house.try_git(
                &work,
                &["push", "-o", "ci.skip;x", "-o", "two words", &address, "main"],
            );
            assert!(said.ok, "{}", said.err);
            let shallow = house.home.at("shallow");
            house.git(
                house.home.path(),
                &["clone", "-q", "--depth=1", &address, "shallow"],
            );
            assert_eq!(house.git(&shallow, &["rev-list", "--count", "HEAD"]), "1");
            house.git(
                house.home.path(),
                &[
                    "clone",
                    "-q",
                    "--filter=blob:none",
                    "--no-checkout",
                    &address,
                    "partial",
                ],
            );
            assert_eq!(
                house.git(&house.home.at("partial"), &["rev-list", "--count", "HEAD"]),
                "3"
            );

            // A shallow clone may push what rests on history that the server has.
            house.home.commit(&shallow, "more", "more\n", "More").unwrap();
            house.git(&shallow, &["push", "-q", "origin", "HEAD:main"]);
            // And nothing that would be cut off: another repository lacks the history.
            house
                .repository_of(&ada, "empty", false, ObjectFormat::Sha256)
                .await;
            let other = address.replace("modern", "empty");
            let said = house.try_git(&shallow, &["push", &other, "HEAD:main"]);
            assert!(!said.ok && said.err.contains("unshallow"), "{}", said.err);
            house.assert_tidy();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_told_with_their_figure_and_leave_nothing() {
    let narrow = |settings: &mut plue_forge::GitSettings| {
        settings.limits.pack_bytes = 64 * 1024;
        settings.limits.refs_per_push = 20;
        settings.limits.refs_per_repository = 25;
        settings.limits.repository_bytes = 150 * 1024;
    };
    in_both_houses(narrow, async |house| {
        let ada = house.account("ada").await;
        let id = house.repository(&ada, "engine", true).await.id;
        let address = format!("{}/ada/engine", house.door(&ada).await);
        let work = house.home.small_repository("work").unwrap();
        house.git(&work, &["push", "-q", &address, "main"]);
        let before = rows(&house, id).await;

        let noise = |n: u64| -> String {
            let mut state = n;
            (0..60 * 1024)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    char::from(b'!' + (state >> 33) as u8 % 90)
                })
                .collect()
        };
        house
            .home
            .commit(&work, "large", &(noise(1) + &noise(2)), "Too much")
            .unwrap();
        let said = house.try_git(&work, &["push", &address, "main"]);
        assert!(!said.ok && said.err.contains("64 KiB"), "{}", said.err);
        house.git(&work, &["reset", "-q", "--hard", "HEAD~1"]);

        let many: Vec<String> = (0..21).map(|n| format!("main:b{n}")).collect();
        let mut args = vec!["push", &address];
        args.extend(many.iter().map(String::as_str));
        let said = house.try_git(&work, &args);
        assert!(!said.ok && said.err.contains("at most 20 refs"), "{}", said.err);
        args.truncate(22);
        assert!(house.try_git(&work, &args[..20]).ok, "19 refs in all");
        let more: Vec<String> = (0..10).map(|n| format!("main:c{n}")).collect();
        let mut args = vec!["push", &address];
        args.extend(more.iter().map(String::as_str));
        let said = house.try_git(&work, &args);
        assert!(!said.ok && said.err.contains("at most 25 refs"), "{}", said.err);

        let after = rows(&house, id).await;
        assert_eq!(
            (after.1, after.2),
            (before.1, before.2),
            "no pack of a refused push is live"
        );
        house.home.commit(&work, "half", &noise(3), "Fits").unwrap();
        house.git(&work, &["push", "-q", &address, "main"]);
        house.home.commit(&work, "half", &noise(4), "Fits").unwrap();
        house.git(&work, &["push", "-q", &address, "main"]);
        house
            .home
            .commit(&work, "half", &noise(5), "Too much in all")
            .unwrap();
        let said = house.try_git(&work, &["push", &address, "main"]);
        assert!(!said.ok && said.err.contains("153600 bytes"), "{}", said.err);
        assert_eq!(rows(&house, id).await.1, before.1 + 2);
        house.assert_tidy();
    })
    .await;
}

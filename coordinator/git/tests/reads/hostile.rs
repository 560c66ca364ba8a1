//! Repositories and questions that mean no good.

use crate::support::{Place, command, person, piped};
use crate::world::{self, FORMATS, reader};
use plue_git::browse::{self, BrowseError, DiffOptions, HistoryOptions};
use plue_git::{ObjectFormat, Oid};

const OPTIONS: HistoryOptions = HistoryOptions {
    follow: true,
    skip: 0,
    limit: 10,
    max_steps: 1000,
};

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_lead_elsewhere_lead_nowhere() {
    for format in FORMATS {
        let mut place = Place::new(format).await;
        let tip = place.commit("dir/a", "x\n");
        world::take_all(&mut place).await;
        let reader = reader(&place);
        for path in [
            "..",
            "dir/../dir/a",
            "dir//a",
            "./dir",
            "/etc/passwd/..",
            "a\0b",
            "dir/a/..",
        ] {
            assert!(browse::folder(&reader, tip, path, 10).await.is_err(), "{path:?}");
            assert!(
                browse::history(&reader, tip, path, OPTIONS).await.is_err(),
                "{path:?}"
            );
            assert!(browse::blame(&reader, tip, path, 1000).await.is_err(), "{path:?}");
            assert!(browse::raw(&reader, tip, path).await.is_err(), "{path:?}");
            assert!(browse::attributes(&reader, tip, path).await.is_err(), "{path:?}");
            let options = DiffOptions {
                paths: vec![path.into()],
                ..DiffOptions::default()
            };
            assert!(
                browse::diff(&reader, None, tip, options).await.is_err(),
                "{path:?}"
            );
        }
        // Objects of the wrong kind, and none at all.
        let blob = place.oid("main:dir/a");
        let nothing: Oid = "1".repeat(format.hex_len()).parse().unwrap();
        for rev in [blob, nothing] {
            assert!(matches!(
                browse::commit(&reader, rev, 1, 1).await,
                Err(BrowseError::NotFound)
            ));
            assert!(browse::folder(&reader, rev, "", 10).await.is_err());
            assert!(
                browse::diff(&reader, Some(rev), tip, DiffOptions::default())
                    .await
                    .is_err()
            );
            assert!(
                browse::diff(&reader, None, rev, DiffOptions::default())
                    .await
                    .is_err()
            );
            assert!(
                browse::compare(&reader, tip, rev, 1, 1, DiffOptions::default())
                    .await
                    .is_err()
            );
            assert!(browse::files(&reader, rev, 10, 10).await.is_err());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_repository_has_nothing_to_show() {
    for format in FORMATS {
        let place = Place::new(format).await;
        let reader = reader(&place);
        assert!(matches!(
            browse::resolve(&reader, "HEAD").await,
            Err(BrowseError::NotFound)
        ));
        assert!(matches!(
            browse::locate(&reader, "main").await,
            Err(BrowseError::NotFound)
        ));
        let query = browse::RefQuery {
            kind: browse::RefKind::Bookmark,
            containing: None,
            after: None,
            limit: 10,
            max_steps: 10,
        };
        let page = browse::refs(&reader, query).await.unwrap();
        assert_eq!((page.items.len(), page.total, page.next), (0, 0, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_folders_end_somewhere() {
    for format in FORMATS {
        let mut place = Place::new(format).await;
        place.commit("a", "x\n");
        // 2,000 folders in one another, as nobody's disk would hold them.
        let work = place.work();
        let blob = person(&work, &["rev-parse", "HEAD:a"]);
        let mut tree = String::from_utf8(piped(
            &work,
            &["mktree"],
            format!("100644 blob {blob}\tf\n").as_bytes(),
        ))
        .unwrap();
        for _ in 0..2000 {
            let line = format!("040000 tree {}\td\n", tree.trim());
            tree = String::from_utf8(piped(&work, &["mktree"], line.as_bytes())).unwrap();
        }
        let commit = person(&work, &["commit-tree", tree.trim(), "-m", "deep"]);
        person(&work, &["update-ref", "refs/heads/main", &commit]);
        world::take_all(&mut place).await;
        let reader = reader(&place);
        let tip: Oid = commit.parse().unwrap();
        assert!(browse::files(&reader, tip, 10_000, 1 << 20).await.unwrap().is_cut);
        assert!(!browse::languages(&reader, tip, 10_000).await.unwrap().is_complete);
        assert!(
            !browse::index_last_changes(&reader, tip, 100_000, 1000)
                .await
                .unwrap()
        );
        let path = vec!["d"; 300].join("/");
        let shown = browse::folder(&reader, tip, &path, 100).await.unwrap();
        assert_eq!((shown.entries.len(), shown.is_complete()), (1, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_folder_costs_what_it_may_and_no_more() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    let mut stream = String::new();
    for round in 0..4 {
        stream.push_str(&format!(
            "commit refs/heads/main\ncommitter A <a@b> {} +0000\ndata 2\nx\n",
            1_700_000_000 + round
        ));
        for n in 0..3000 {
            if round == 0 || n % 1000 == round {
                stream.push_str(&format!("M 100644 inline d/f{n}\ndata 2\n{round}\n"));
            }
        }
    }
    piped(&place.work(), &["fast-import", "--quiet"], stream.as_bytes());
    world::take_all(&mut place).await;
    let reader = reader(&place);
    let tip = place.oid("main");
    let whole = browse::folder(&reader, tip, "d", 100_000).await.unwrap();
    assert_eq!((whole.entries.len(), whole.is_complete()), (3000, true));
    let few = browse::folder(&reader, tip, "d", 1).await.unwrap();
    assert_eq!(few.entries.len(), 3000);
    assert!(!few.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_reported_and_nothing_hangs() {
    for format in FORMATS {
        let mut place = Place::new(format).await;
        place.commit("a", "one\n");
        let tip = place.commit("b", "two\n");
        world::take_all(&mut place).await;
        let tree = place.oid("main^{tree}");
        // The pack's bytes are overwritten where the objects are.
        let packs = place.bare.dir().join("objects/pack");
        for entry in std::fs::read_dir(&packs).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "pack") {
                let mut bytes = std::fs::read(&path).unwrap();
                let end = bytes.len() - 40;
                bytes[14..end].fill(0xff);
                let mut permissions = path.metadata().unwrap().permissions();
                #[allow(clippy::permissions_set_readonly_false, reason = "a file of this test alone")]
                permissions.set_readonly(false);
                std::fs::set_permissions(&path, permissions).unwrap();
                std::fs::write(&path, bytes).unwrap();
            }
        }
        let reader = reader(&place);
        assert!(browse::folder(&reader, tip, "", 10).await.is_err());
        assert!(browse::history(&reader, tip, "a", OPTIONS).await.is_err());
        assert!(browse::blame(&reader, tip, "a", 1000).await.is_err());
        assert!(
            browse::diff(&reader, None, tip, DiffOptions::default())
                .await
                .is_err()
        );
        assert!(browse::files(&reader, tree, 10, 10).await.is_err());
        assert!(browse::raw(&reader, tip, "a").await.is_err());
        assert!(
            browse::archive(&reader, tip, browse::ArchiveFormat::Zip, "x")
                .await
                .is_err()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_graph_costs_time_and_no_answer() {
    let place = world::with_history(ObjectFormat::Sha1, 99, 40).await;
    world::write_graph(&place).await;
    let graphs = place.bare.dir().join("objects/info/commit-graphs");
    let graph = std::fs::read_dir(graphs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "graph"))
        .unwrap();
    let whole = std::fs::read(&graph).unwrap();
    let expected = person(&place.work(), &["log", "--format=%H", "main", "--", "dir/a"]);
    let out = command(&place.work(), &["rev-parse", "main"]).output().unwrap();
    let tip: Oid = String::from_utf8(out.stdout).unwrap().trim().parse().unwrap();
    for cut in [0, 5, 100, whole.len() / 2] {
        std::fs::remove_file(&graph).unwrap();
        std::fs::write(&graph, &whole[..cut]).unwrap();
        let told = browse::history(
            &reader(&place),
            tip,
            "dir/a",
            HistoryOptions {
                follow: false,
                limit: 1000,
                ..OPTIONS
            },
        )
        .await
        .unwrap();
        let ours: Vec<String> = told
            .entries
            .iter()
            .map(|entry| entry.commit.oid.to_string())
            .collect();
        assert_eq!(ours.join("\n"), expected, "{cut}");
    }
}

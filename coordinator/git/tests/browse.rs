//! Reading a repository, in process and through git: the answers are the same.

#[path = "support/place.rs"]
mod support;

use plue_git::browse::{self, BrowseError, EntryKind, Reader};
use plue_git::{Bare, Durability, ObjectFormat, Oid, PackedRef, RefName, Stamp, import, maintenance};
use support::{Place, person};

/// A repository with folders, an executable, a link, a submodule, a merge and an annotated tag.
async fn stored(format: ObjectFormat) -> (Place, Oid) {
    let mut place = Place::new(format).await;
    place.commit("README.md", "hello\n");
    let other = place.commit("src/deep/a file", "text");
    let work = place.work();
    std::fs::write(work.join("run.sh"), "#!/bin/sh\n").expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(work.join("run.sh"), executable).expect("changed");
    person(&work, &["add", "run.sh"]);
    std::os::unix::fs::symlink("README.md", work.join("link")).expect("linked");
    let module = format!("160000,{other},module");
    person(&work, &["add", "link"]);
    person(&work, &["update-index", "--add", "--cacheinfo", &module]);
    person(&work, &["commit", "-q", "-m", "Title\n\nBody of the\nmessage."]);
    person(&work, &["branch", "side", "HEAD~1"]);
    person(&work, &["checkout", "-q", "side"]);
    place.commit("side", "side");
    person(&work, &["checkout", "-q", "main"]);
    person(&work, &["merge", "-q", "-m", "merge", "side"]);
    person(&work, &["tag", "-a", "-m", "a tag", "v1"]);
    person(&work, &["tag", "-a", "-m", "a tag of a tag", "v2", "v1"]);
    let tip = place.oid("main");
    let pack = place.pack(&["main", "v1", "v2"], false);
    let quarantine = place.receive(&pack).await.expect("a good pack");
    let v2 = place.oid("v2");
    place.accept(
        &quarantine,
        &[
            ("refs/heads/main", tip),
            ("refs/tags/v2", v2),
            ("refs/tags/x/main", v2),
        ],
    );
    (place, tip)
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_resolved_to_commits() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let (place, tip) = stored(format).await;
        let (git, bare) = (&place.git, &place.bare);
        let reader = &Reader::new(git, bare);
        let (tip_hex, v2) = (tip.to_string(), place.oid("v2").to_string());
        for name in [
            "main",
            "HEAD",
            "refs/heads/main",
            "v2",
            "refs/tags/v2",
            "x/main",
            &tip_hex,
            &v2,
        ] {
            assert_eq!(browse::resolve(reader, name).await.unwrap(), tip, "{name}");
        }
        let tree = place.oid("main^{tree}").to_string();
        let nowhere = "1".repeat(format.hex_len());
        for name in [
            "",
            "nope",
            "refs/heads/nope",
            "heads/main",
            "--all",
            "main~1",
            "../HEAD",
            "refs/heads/main\n",
            "packed-refs",
            &tree,
            &nowhere,
            &tip_hex[..12],
        ] {
            let found = browse::resolve(reader, name).await;
            assert!(matches!(found, Err(BrowseError::NotFound)), "{name:?}: {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_listed_as_git_lists_them() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let (place, tip) = stored(format).await;
        let (git, bare) = (&place.git, &place.bare);
        let reader = &Reader::new(git, bare);
        let v2 = place.oid("v2");
        let tree = place.oid("main^{tree}");
        for rev in [tip, v2, tree] {
            for path in ["", "src", "src/deep", "/src/deep/"] {
                let listed = browse::tree(reader, rev, path).await.unwrap();
                let lines: Vec<String> = listed
                    .iter()
                    .map(|entry| {
                        let kind = match entry.kind {
                            EntryKind::Tree => "tree",
                            EntryKind::Blob | EntryKind::Symlink => "blob",
                            EntryKind::Commit => "commit",
                        };
                        let size = entry.size_bytes.map_or("-".to_owned(), |size| size.to_string());
                        format!(
                            "{:06o} {kind} {} {size:>7}\t{}",
                            entry.mode, entry.oid, entry.path
                        )
                    })
                    .collect();
                let inside = path.trim_matches('/');
                let mut args = vec!["ls-tree", "-l", "main"];
                let slash = format!("{inside}/");
                args.extend((!inside.is_empty()).then_some(slash.as_str()));
                assert_eq!(lines.join("\n"), person(&place.work(), &args), "{path:?}");
                for entry in &listed {
                    assert!(entry.path.ends_with(&entry.name));
                }
            }
        }
        let kinds: Vec<_> = browse::tree(reader, tip, "").await.unwrap();
        let link = kinds.iter().find(|entry| entry.name == "link").unwrap();
        assert_eq!((link.kind, link.size_bytes), (EntryKind::Symlink, Some(9)));
        for (path, expected) in [
            ("README.md", "not a folder"),
            ("nope", "nothing of this name"),
            ("README.md/x", "nothing of this name"),
            ("module", "nothing of this name"),
            ("../x", "nothing of this name"),
        ] {
            let refused = browse::tree(reader, tip, path).await.unwrap_err();
            assert!(refused.to_string().contains(expected), "{path}: {refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_up_to_a_size() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let (place, tip) = stored(format).await;
        let (git, bare) = (&place.git, &place.bare);
        let reader = &Reader::new(git, bare);
        let readme = place.oid("main:README.md");
        for (rev, path) in [(tip, "README.md"), (readme, "")] {
            let blob = browse::blob(reader, rev, path, 6).await.unwrap();
            assert_eq!((blob.oid, &blob.content[..]), (readme, &b"hello\n"[..]));
            let large = browse::blob(reader, rev, path, 5).await;
            assert!(
                matches!(
                    large,
                    Err(BrowseError::TooLarge {
                        size_bytes: 6,
                        limit_bytes: 5
                    })
                ),
                "{large:?}"
            );
        }
        let deep = browse::blob(reader, tip, "src/deep/a file", 100).await.unwrap();
        assert_eq!(&deep.content[..], b"text");
        let link = browse::blob(reader, tip, "link", 100).await.unwrap();
        assert_eq!(&link.content[..], b"README.md");
        for (rev, path) in [(tip, "src"), (tip, "")] {
            let odd = browse::blob(reader, rev, path, 100).await;
            assert!(matches!(odd, Err(BrowseError::NotABlob)), "{path}: {odd:?}");
        }
        for path in ["src/nope", "nope/nope", "module", "../README.md", "README.md/x"] {
            let odd = browse::blob(reader, tip, path, 100).await;
            assert!(matches!(odd, Err(BrowseError::NotFound)), "{path}: {odd:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_paged() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let (place, tip) = stored(format).await;
        let (git, bare) = (&place.git, &place.bare);
        let reader = &Reader::new(git, bare);
        for round in 0..2 {
            let all = browse::commits(reader, tip, 0, 100).await.unwrap();
            assert_eq!(all.len(), 5);
            let mut paged = vec![];
            for skip in (0..6).step_by(2) {
                paged.extend(browse::commits(reader, tip, skip, 2).await.unwrap());
            }
            assert_eq!(paged, all);
            let merge = &all[0];
            assert_eq!((merge.oid, merge.parents.len()), (tip, 2));
            assert_eq!(merge.message, "merge\n");
            assert_eq!(merge.tree, place.oid("main^{tree}"));
            assert_eq!(
                (merge.author.name.as_str(), merge.author.email.as_str()),
                ("Ada", "ada@example.org")
            );
            assert_eq!(
                (merge.author.time_ms, merge.author.offset_minutes),
                (1_700_000_000_000, 60)
            );
            assert!(
                all.iter()
                    .any(|commit| commit.message == "Title\n\nBody of the\nmessage.\n")
            );
            // A tag begins at what it is of; a tree has no history.
            let by_tag = browse::commits(reader, place.oid("v2"), 0, 1).await.unwrap();
            assert_eq!(by_tag[0].oid, tip);
            let tree = place.oid("main^{tree}");
            assert!(matches!(
                browse::commits(reader, tree, 0, 1).await,
                Err(BrowseError::NotFound)
            ));
            // The second round reads the same from a commit graph.
            if round == 0 {
                maintenance::commit_graph(git, bare).await.unwrap();
                assert!(
                    bare.dir()
                        .join("objects/info/commit-graphs/commit-graph-chain")
                        .exists()
                );
                person(bare.dir(), &["commit-graph", "verify"]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_folder_is_listed_quickly() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    for n in 0..5000 {
        std::fs::write(place.work().join(format!("f{n}")), n.to_string()).unwrap();
    }
    let tip = place.commit("last", "last");
    let quarantine = place.receive(&place.pack(&["main"], false)).await.unwrap();
    place.accept(&quarantine, &[("refs/heads/main", tip)]);
    let begin = std::time::Instant::now();
    let listed = browse::tree(&Reader::new(&place.git, &place.bare), tip, "")
        .await
        .unwrap();
    assert_eq!(listed.len(), 5001);
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_repository_is_looked_at_and_taken_in() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let place = Place::new(format).await;
        let work = place.work();
        let born = import::inspect(&place.git, &work).await.unwrap();
        assert_eq!(
            (born.refs.len(), born.head),
            (0, Some(RefName::branch("main").unwrap()))
        );
        let tip = place.commit("a", "a");
        person(&work, &["tag", "-a", "-m", "x", "v1"]);
        person(&work, &["update-ref", "refs/plue/x", "HEAD"]);
        // What its configuration asks for is not done.
        let marker = place.root.path().join("was-run");
        let run = format!("touch {}", marker.display());
        for key in ["core.fsmonitor", "core.sshCommand", "uploadpack.packObjectsHook"] {
            person(&work, &["config", key, &run]);
        }
        let source = import::inspect(&place.git, &work).await.unwrap();
        assert_eq!(source.format, format);
        assert_eq!(source.head, Some(RefName::branch("main").unwrap()));
        assert_eq!(
            source.refs,
            [
                ("refs/heads/main".parse().unwrap(), tip),
                ("refs/tags/v1".parse().unwrap(), place.oid("v1"))
            ]
        );
        assert_eq!(source.refused.len(), 1);
        let tips: Vec<Oid> = source.refs.iter().map(|(_, oid)| *oid).collect();
        let mut quarantine = place.open();
        quarantine
            .gather(&place.git, &source.git_dir, &tips, &[], &Default::default())
            .await
            .unwrap();
        assert_eq!(quarantine.pack().unwrap().objects, 4);
        plue_git::connectivity::check(&place.git, &quarantine, &tips, &[])
            .await
            .unwrap();
        assert!(!marker.exists());
        person(&work, &["checkout", "-q", "--detach"]);
        assert_eq!(import::inspect(&place.git, &work).await.unwrap().head, None);
        assert!(import::inspect(&place.git, place.root.path()).await.is_err());
    }
}

#[tokio::test]
async fn one_ref_is_found_among_many() {
    let root = tempfile::tempdir().unwrap();
    let main = RefName::branch("main").unwrap();
    let bare = Bare::create(
        &root.path().join("x.git"),
        ObjectFormat::Sha1,
        &main,
        Durability::Lazy,
    )
    .unwrap();
    assert_eq!(bare.find_ref(&main).unwrap(), None);
    let packed = |name: &str, byte: u8, peeled: Option<u8>| PackedRef {
        name: name.parse().unwrap(),
        oid: Oid::from_bytes(&[byte; 20]).unwrap(),
        peeled: peeled.map(|byte| Oid::from_bytes(&[byte; 20]).unwrap()),
    };
    let refs = [
        packed("refs/heads/main", 1, None),
        packed("refs/x/refs/heads/other", 2, None),
        packed("refs/tags/v1", 3, Some(4)),
        packed("refs/tags/v2", 5, None),
    ];
    let stamp = Stamp {
        generation: 1,
        epoch: 1,
    };
    bare.write_refs(&main, &refs, stamp, Durability::Lazy).unwrap();
    for one in &refs {
        assert_eq!(bare.find_ref(&one.name).unwrap().as_ref(), Some(one));
    }
    for none in ["refs/heads/other", "refs/heads/mai", "refs/tags/v"] {
        assert_eq!(bare.find_ref(&none.parse().unwrap()).unwrap(), None);
    }
}

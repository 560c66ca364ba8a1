//! What people do with git, each with the real client, over both doors.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use plue_tests::git::Home;
use plue_tests::history::History;
use plue_tests::serve::Plue;

struct Setting {
    plue: Plue,
    home: Home,
    /// A bare repository with 1,200 commits, which `ada/engine` mirrors.
    original: PathBuf,
}

impl Setting {
    fn new() -> Setting {
        let plue = Plue::start().unwrap();
        let (home, _) = plue.newcomer("ada").unwrap();
        let original = History::of(1200).make(&home, "original.git").unwrap();
        home.git(&original, &["push", "-q", "--mirror", &plue.url("ada/engine")])
            .unwrap();
        Setting { plue, home, original }
    }

    /// Both doors to `ada/<name>`.
    fn doors(&self, name: &str) -> [(&'static str, String); 2] {
        [
            ("http", self.plue.url(&format!("ada/{name}"))),
            ("ssh", format!("ssh://plue/ada/{name}.git")),
        ]
    }

    fn clone(&self, args: &[&str], address: &str, into: &str) -> PathBuf {
        let args = [&["clone", "-q"], args, &[address, into]].concat();
        self.home.git(self.home.path(), &args).unwrap();
        self.home.at(into)
    }
}

#[test]
fn a_shallow_clone_can_be_deepened() {
    let s = Setting::new();
    for (door, address) in s.doors("engine") {
        let clone = s.clone(
            &["--depth=3", "--no-checkout"],
            &address,
            &format!("shallow-{door}"),
        );
        let count = || {
            s.home
                .git(&clone, &["rev-list", "--count", "--first-parent", "HEAD"])
                .unwrap()
        };
        assert_eq!(count(), "3", "{door}");
        s.home.git(&clone, &["fetch", "-q", "--depth=10"]).unwrap();
        assert_eq!(count(), "10", "{door}");
        s.home.git(&clone, &["fetch", "-q", "--unshallow"]).unwrap();
        let whole = s.home.git(&s.original, &["rev-list", "--count", "main"]).unwrap();
        assert_eq!(
            s.home.git(&clone, &["rev-list", "--count", "HEAD"]).unwrap(),
            whole,
            "{door}"
        );
        s.home.fsck(&clone).unwrap();
    }
    let (_, address) = &s.doors("engine")[0];
    let since = s.clone(&["--shallow-since=2017-08-01", "--no-checkout"], address, "since");
    assert!(since.join(".git/shallow").exists());
}

#[test]
fn a_partial_clone_fetches_what_is_missing_when_it_is_asked_for() {
    let s = Setting::new();
    for (door, address) in s.doors("engine") {
        for (kind, filter) in [
            ("blobs", "blob:none"),
            ("trees", "tree:0"),
            ("limit", "blob:limit=1k"),
        ] {
            let clone = s.clone(
                &["--no-checkout", &format!("--filter={filter}")],
                &address,
                &format!("{kind}-{door}"),
            );
            let missing = s
                .home
                .git(&clone, &["rev-list", "--objects", "--missing=print", "HEAD"])
                .unwrap();
            assert!(
                missing.lines().any(|line| line.starts_with('?')),
                "{door} {filter} leaves something out"
            );
            s.home.git(&clone, &["checkout", "-q"]).unwrap();
            let status = s.home.git(&clone, &["status", "--porcelain"]).unwrap();
            assert_eq!(status, "", "{door} {filter}");
        }
        let refused = s
            .home
            .try_git(
                s.home.path(),
                &[
                    "clone",
                    "-q",
                    "--filter=sparse:oid=main:README.md",
                    &address,
                    "sparse",
                ],
            )
            .unwrap();
        assert!(
            !refused.ok,
            "a filter that costs the server a walk of every tree is not offered"
        );
    }
}

#[test]
fn a_single_object_can_be_fetched_by_its_id() {
    let s = Setting::new();
    let old = s.home.git(&s.original, &["rev-parse", "main~500"]).unwrap();
    for (door, address) in s.doors("engine") {
        let name = format!("single-{door}");
        s.home.git(s.home.path(), &["init", "-q", &name]).unwrap();
        let into = s.home.at(&name);
        s.home
            .git(&into, &["fetch", "-q", "--depth=1", &address, &old])
            .unwrap();
        assert_eq!(s.home.git(&into, &["rev-parse", "FETCH_HEAD"]).unwrap(), old);
        let absent = "a".repeat(40);
        let refused = s
            .home
            .try_git(&into, &["fetch", "-q", &address, &absent])
            .unwrap();
        assert!(
            !refused.ok && refused.err.contains(&absent),
            "{door}: {}",
            refused.err
        );
    }
}

#[test]
fn every_protocol_version_lists_the_same_refs() {
    let s = Setting::new();
    let expected = s
        .home
        .git(&s.original, &["show-ref", "--dereference"])
        .unwrap()
        .replace(' ', "\t");
    for (door, address) in s.doors("engine") {
        for version in ["0", "1", "2"] {
            let setting = format!("protocol.version={version}");
            let listed = s
                .home
                .git(&s.original, &["-c", &setting, "ls-remote", &address])
                .unwrap();
            let head = listed
                .lines()
                .find(|line| line.ends_with("\tHEAD"))
                .map(str::to_owned);
            let refs: Vec<&str> = listed.lines().filter(|line| !line.ends_with("\tHEAD")).collect();
            assert_eq!(refs.join("\n"), expected, "{door} version {version}");
            assert!(head.is_some(), "{door} version {version} has a HEAD");
            let into = format!("v{version}-{door}.git");
            s.home
                .git(
                    s.home.path(),
                    &["-c", &setting, "clone", "-q", "--bare", &address, &into],
                )
                .unwrap();
            s.home.fsck(&s.home.at(&into)).unwrap();
        }
        let symref = s
            .home
            .git(&s.original, &["ls-remote", "--symref", &address, "HEAD"])
            .unwrap();
        assert!(
            symref.starts_with("ref: refs/heads/main\tHEAD"),
            "{door}: {symref}"
        );
    }
}

#[test]
fn a_fetch_brings_only_what_is_new() {
    let s = Setting::new();
    for (door, address) in s.doors("engine") {
        let clone = s.clone(&[], &address, &format!("writer-{door}"));
        let reader = s.clone(&[], &address, &format!("reader-{door}"));
        let new = s.home.commit(&clone, "news.txt", door, "News").unwrap();
        s.home
            .git(&clone, &["push", "-q", "origin", "HEAD:main"])
            .unwrap();
        let fetched = s.home.try_git(&reader, &["fetch", "--progress"]).unwrap();
        assert!(fetched.ok, "{}", fetched.err);
        assert!(
            fetched.err.contains("Total 3 "),
            "{door}: a commit, a tree and a blob: {}",
            fetched.err
        );
        assert_eq!(s.home.git(&reader, &["rev-parse", "origin/main"]).unwrap(), new);
    }
}

#[test]
fn refs_are_deleted_forced_and_tagged() {
    let s = Setting::new();
    for (door, address) in s.doors("engine") {
        let work = s.clone(&[], &address, &format!("work-{door}"));
        let git = |args: &[&str]| s.home.git(&work, args).unwrap();
        let remote = |name: &str| {
            let listed = s.home.git(&work, &["ls-remote", &address, name]).unwrap();
            listed.split('\t').next().map(str::to_owned).unwrap_or_default()
        };
        let branch = format!("refs/heads/{door}/a/b");
        git(&["push", "-q", "origin", &format!("HEAD:{branch}")]);
        assert_eq!(remote(&branch), git(&["rev-parse", "HEAD"]));

        let behind = s
            .home
            .try_git(&work, &["push", "origin", &format!("HEAD~3:{branch}")])
            .unwrap();
        assert!(!behind.ok, "without force the client itself refuses");
        git(&["push", "-q", "--force", "origin", &format!("HEAD~3:{branch}")]);
        assert_eq!(remote(&branch), git(&["rev-parse", "HEAD~3"]));
        let lease = format!("--force-with-lease={branch}:{}", git(&["rev-parse", "HEAD~3"]));
        git(&["push", "-q", &lease, "origin", &format!("HEAD~5:{branch}")]);
        assert_eq!(remote(&branch), git(&["rev-parse", "HEAD~5"]));

        git(&["tag", "-a", "-m", "signed off", &format!("{door}-1.0")]);
        git(&["tag", &format!("{door}-light"), "HEAD~2"]);
        git(&["push", "-q", "origin", "--tags"]);
        assert_eq!(
            remote(&format!("refs/tags/{door}-1.0^{{}}")),
            git(&["rev-parse", "HEAD"])
        );
        assert_eq!(
            remote(&format!("refs/tags/{door}-light")),
            git(&["rev-parse", "HEAD~2"])
        );

        git(&[
            "push",
            "-q",
            "origin",
            &format!(":{branch}"),
            &format!(":refs/tags/{door}-1.0"),
        ]);
        assert_eq!(remote(&branch), "");
        assert_eq!(remote(&format!("refs/tags/{door}-1.0")), "");
        let unmade = s
            .home
            .try_git(&work, &["push", "origin", ":refs/heads/main"])
            .unwrap();
        assert!(
            !unmade.ok && unmade.err.contains("main"),
            "the default is kept: {}",
            unmade.err
        );
        assert_ne!(remote("refs/heads/main"), "");
    }
}

#[test]
fn an_atomic_push_is_all_or_nothing() {
    let s = Setting::new();
    for (door, address) in s.doors("engine") {
        let work = s.clone(&[], &address, &format!("work-{door}"));
        let new = s.home.commit(&work, "x", door, "X").unwrap();
        let taken = format!("refs/heads/{door}-taken");
        s.home
            .git(&work, &["push", "-q", "origin", &format!("HEAD~1:{taken}")])
            .unwrap();
        let good = format!("HEAD:refs/heads/{door}-good");
        // The second cannot stand beside the branch that exists: a file where a folder is needed.
        let bad = format!("HEAD:{taken}/below");
        let refused = s
            .home
            .try_git(&work, &["push", "--atomic", "origin", &good, &bad])
            .unwrap();
        assert!(!refused.ok);
        let listed = s
            .home
            .git(&work, &["ls-remote", &address, &format!("refs/heads/{door}-*")])
            .unwrap();
        assert!(!listed.contains(&new), "{door}: nothing of it happened: {listed}");

        let partly = s.home.try_git(&work, &["push", "origin", &good, &bad]).unwrap();
        assert!(!partly.ok, "{door}");
        assert!(partly.err.contains(&format!("{door}-good")), "{}", partly.err);
        let listed = s
            .home
            .git(
                &work,
                &["ls-remote", &address, &format!("refs/heads/{door}-good")],
            )
            .unwrap();
        assert!(
            listed.starts_with(&new),
            "{door}: without --atomic the good half stands: {listed}"
        );
        let both = s
            .home
            .try_git(
                &work,
                &[
                    "push",
                    "--atomic",
                    "origin",
                    &good,
                    &format!("HEAD:refs/heads/{door}-more"),
                ],
            )
            .unwrap();
        assert!(both.ok, "{}", both.err);
    }
}

#[test]
fn push_options_are_taken() {
    let s = Setting::new();
    for (door, address) in s.doors("engine") {
        let work = s.clone(&[], &address, &format!("work-{door}"));
        s.home.commit(&work, "x", door, "X").unwrap();
        let args = [
            "push",
            "-o",
            "ci.skip",
            "-o",
            "topic=x;field=value",
            "origin",
            "HEAD:main",
        ];
        let pushed = s.home.try_git(&work, &args).unwrap();
        assert!(pushed.ok, "{door}: {}", pushed.err);
    }
}

#[test]
fn sha256_repositories_are_served_like_others() {
    let s = Setting::new();
    s.plue
        .admin(&[
            "repo",
            "create",
            "ada/long",
            "--private",
            "--object-format",
            "sha256",
        ])
        .unwrap();
    let original = History {
        sha256: true,
        ..History::of(200)
    }
    .make(&s.home, "long.git")
    .unwrap();
    for (door, address) in s.doors("long") {
        s.home
            .git(&original, &["push", "-q", "--mirror", &address])
            .unwrap();
        let clone = s.clone(&["--mirror"], &address, &format!("long-{door}.git"));
        assert_eq!(
            s.home.refs(&clone).unwrap(),
            s.home.refs(&original).unwrap(),
            "{door}"
        );
        s.home.fsck(&clone).unwrap();
    }
    let short = s
        .home
        .try_git(&s.original, &["push", &s.plue.url("ada/long"), "main"])
        .unwrap();
    assert!(
        !short.ok,
        "a SHA-1 history does not fit into a SHA-256 repository"
    );
    // Browsing goes another way there than in SHA-1 repositories.
    let token = s.plue.token("ada", "repo").unwrap();
    let head = s.home.git(&original, &["rev-parse", "main"]).unwrap();
    let reply = s
        .plue
        .client()
        .bearer(&token)
        .get("/api/ada/long/refs/main")
        .unwrap();
    assert_eq!(reply.json().unwrap()["commit"], head, "{}", reply.text());
}

#[test]
fn an_archive_is_made_over_ssh() {
    let s = Setting::new();
    let archive = s
        .home
        .command("git")
        .args([
            "archive",
            "--remote=ssh://plue/ada/engine",
            "--format=tar",
            "main",
        ])
        .output()
        .unwrap();
    assert!(
        archive.status.success(),
        "{}",
        String::from_utf8_lossy(&archive.stderr)
    );
    let local = s
        .home
        .command("git")
        .current_dir(&s.original)
        .args(["archive", "--format=tar", "main"])
        .output()
        .unwrap();
    assert!(archive.stdout == local.stdout, "the same archive as a local one");
}

#[test]
fn an_empty_repository_can_be_cloned_and_filled() {
    let s = Setting::new();
    s.plue.admin(&["repo", "create", "ada/empty"]).unwrap();
    for (door, address) in s.doors("empty") {
        let clone = s.clone(&[], &address, &format!("empty-{door}"));
        s.home.commit(&clone, "README.md", door, "Begin").unwrap();
        if door == "http" {
            s.home
                .git(&clone, &["push", "-q", "-u", "origin", "main"])
                .unwrap();
            let anonymous = Home::new().unwrap();
            anonymous
                .git(anonymous.path(), &["clone", "-q", &address, "public"])
                .unwrap();
        }
    }
}

#[test]
fn many_clients_push_and_fetch_at_once() {
    let s = Setting::new();
    let [(_, http), (_, ssh)] = s.doors("engine");
    let clones: Vec<PathBuf> = (0..6)
        .map(|n| {
            s.clone(
                &["--depth=50", "--no-checkout"],
                if n % 2 == 0 { &http } else { &ssh },
                &format!("many-{n}"),
            )
        })
        .collect();
    std::thread::scope(|scope| {
        for (n, clone) in clones.iter().enumerate() {
            let home = &s.home;
            scope.spawn(move || {
                home.git(clone, &["reset", "-q", "--hard"]).unwrap();
                for round in 0..4 {
                    home.commit(clone, &format!("n{n}.txt"), &format!("{round}"), "More")
                        .unwrap();
                    home.git(
                        clone,
                        &["push", "-q", "origin", &format!("HEAD:refs/heads/many-{n}")],
                    )
                    .unwrap();
                    home.git(clone, &["fetch", "-q", "origin"]).unwrap();
                }
            });
        }
    });
    let listed = s
        .home
        .git(&clones[0], &["ls-remote", &http, "refs/heads/many-*"])
        .unwrap();
    let mut expected: Vec<String> = clones
        .iter()
        .map(|c| s.home.git(c, &["rev-parse", "HEAD"]).unwrap())
        .collect();
    let mut found: Vec<String> = listed
        .lines()
        .filter_map(|l| l.split('\t').next())
        .map(str::to_owned)
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    let whole = s.clone(&["--mirror"], &ssh, "whole.git");
    s.home.fsck(&whole).unwrap();
}

#[test]
fn a_large_repository_is_cloned_from_its_bundle_by_who_asks_for_it() {
    let plue = Plue::start().unwrap();
    let (home, token) = plue.newcomer("ada").unwrap();
    let original = History::of(2500).make(&home, "original.git").unwrap();
    let address = plue.url("ada/engine");
    home.git(&original, &["push", "-q", "--mirror", &address])
        .unwrap();
    // It is written by a job, after all else that follows from the push.
    let ask = || {
        let request = plue.client().with("git-protocol", "version=2").bearer(&token);
        request
            .get("/ada/engine.git/info/refs?service=git-upload-pack")
            .unwrap()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ask().text().contains("bundle-uri") {
        assert!(Instant::now() < deadline, "{}", ask().text());
        std::thread::sleep(Duration::from_millis(100));
    }
    home.git(
        home.path(),
        &[
            "-c",
            "transfer.bundleURI=true",
            "clone",
            "-q",
            "--mirror",
            &address,
            "bundled",
        ],
    )
    .unwrap();
    let bundled = home.at("bundled");
    home.fsck(&bundled).unwrap();
    let refs = |folder, which: &str| home.git(folder, &["for-each-ref", which]).unwrap();
    assert_ne!(refs(&bundled, "refs/bundles"), "", "the client took the bundle");
    assert_eq!(refs(&bundled, "refs/heads"), refs(&original, "refs/heads"));
    // Who does not ask is not told, and gets the same.
    home.git(home.path(), &["clone", "-q", "--mirror", &address, "plain"])
        .unwrap();
    assert_eq!(
        refs(&home.at("plain"), "refs/heads"),
        refs(&original, "refs/heads")
    );
    // It is private, as the repository is, and one that was not announced is not there.
    let bundle = |path: &str, token: Option<&str>| {
        let client = plue.client();
        let client = match token {
            Some(token) => client.bearer(token),
            None => client,
        };
        client.get(path).unwrap().status
    };
    let (_, stranger) = plue.newcomer("eve").unwrap();
    for generation in [1, 2, 99] {
        let path = format!("/ada/engine.git/bundles/{generation}");
        assert_eq!(bundle(&path, None), 401);
        assert_eq!(bundle(&path, Some(&stranger)), 404);
    }
    assert_eq!(bundle("/ada/engine.git/bundles/99", Some(&token)), 404);
    plue.stop().unwrap();
}

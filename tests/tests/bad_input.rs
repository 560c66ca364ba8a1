//! What no honest client sends. Each is answered with a clear error and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use plue_tests::git::Home;
use plue_tests::http::Client;
use plue_tests::push::{Answer, NONE, Push, expect_same_files, files};
use plue_tests::serve::{Plue, Settings};

/// A forge with the repository `ada/engine`, which has one branch, and a client that may push to it.
struct Setting {
    plue: Plue,
    home: Home,
    work: PathBuf,
    client: Client,
    head: String,
    before: BTreeMap<String, u64>,
}

impl Setting {
    fn new() -> Setting {
        Setting::with(Settings::new().unwrap())
    }

    fn with(settings: Settings) -> Setting {
        let plue = settings.start().unwrap();
        let (home, token) = plue.newcomer("ada").unwrap();
        let work = home.small_repository("work").unwrap();
        home.commit(&work, "src/lib.rs", "pub fn it() {}\n", "Add it")
            .unwrap();
        home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
            .unwrap();
        let head = home.git(&work, &["rev-parse", "HEAD"]).unwrap();
        let basic = plue.client().with(
            "authorization",
            &format!("Basic {}", base64(&format!("ada:{token}"))),
        );
        let before = files(&plue.data());
        Setting {
            plue,
            home,
            work,
            client: basic,
            head,
            before,
        }
    }

    /// A commit that the forge does not have, and a pack that brings it.
    fn next_commit(&self) -> (String, Vec<u8>) {
        let new = self
            .home
            .commit(&self.work, "new.txt", &format!("{:?}", Instant::now()), "New")
            .unwrap();
        let range = format!("{new}\n^{}\n", self.head);
        let pack = self
            .home
            .git_bytes(
                &self.work,
                &["pack-objects", "--stdout", "--revs", "-q"],
                range.as_bytes(),
            )
            .unwrap();
        (new, pack)
    }

    fn push(&self, push: &Push) -> Answer {
        Answer::of(&push.send(&self.client, "ada/engine").unwrap()).unwrap()
    }

    fn refs(&self) -> String {
        self.home
            .git(&self.work, &["ls-remote", &self.plue.url("ada/engine")])
            .unwrap()
    }

    /// Fails unless everything is as it was and an honest push goes through.
    fn expect_untouched(self) {
        assert_eq!(self.refs(), format!("{0}\tHEAD\n{0}\trefs/heads/main", self.head));
        expect_same_files(&self.plue.data(), &self.before).unwrap();
        assert!(files(&self.plue.settings().temporary()).is_empty());
        let (new, pack) = self.next_commit();
        let honest = self.push(
            &Push::default()
                .update(&self.head, &new, "refs/heads/main")
                .pack(pack),
        );
        assert!(honest.is_ok(), "{}", honest.text());
        self.home
            .git(
                self.home.path(),
                &["clone", "-q", "--bare", &self.plue.url("ada/engine"), "after.git"],
            )
            .unwrap();
        self.home.fsck(&self.home.at("after.git")).unwrap();
        self.plue.stop().unwrap();
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn names_cannot_leave_their_place() {
    let s = Setting::new();
    let bad = [
        "..",
        ".",
        "../ada/engine",
        "..%2f..%2fetc",
        "%2e%2e",
        "-rf",
        "--upload-pack=x",
        "a b",
        "a%20b",
        "a%00b",
        "a%0ab",
        "a;b",
        "$(id)",
        "`id`",
        "a'b",
        "a\\b",
        "con%3a",
        ".git",
        "engine.git.git",
        "engine.lock",
        "%ff",
        "ä",
    ];
    for name in bad {
        for target in [
            format!("/ada/{name}/info/refs?service=git-upload-pack"),
            format!("/ada/{name}/info/refs?service=git-receive-pack"),
            format!("/{name}/engine/info/refs?service=git-upload-pack"),
            format!("/api/ada/{name}"),
            format!("/api/{name}/engine"),
            format!("/api/users/{name}"),
        ] {
            let reply = s.client.send("GET", &target, &[], b"").unwrap();
            assert!((400..500).contains(&reply.status), "{target}: {}", reply.status);
        }
        let body = serde_json::json!({"name": name, "is_public": false});
        let reply = s.client.json("POST", "/api/repos", &body).unwrap();
        assert!(
            (400..500).contains(&reply.status),
            "{name}: {} {}",
            reply.status,
            reply.text()
        );
        let made = s
            .plue
            .try_admin(&["repo", "create", &format!("ada/{name}")])
            .unwrap();
        assert!(!made.ok, "repo create {name}");
        let made = s.plue.try_admin(&["user", "create", name]).unwrap();
        assert!(!made.ok, "user create {name}");
    }
    for line in [
        "git-upload-pack '../ada/engine'",
        "git-upload-pack 'ada/../ada/engine'",
        "git-upload-pack '--help'",
        "git-upload-pack -- 'ada/engine'",
        "git-upload-pack --strict 'ada/engine'",
        "git-upload-pack 'ada/engine' extra",
        "git-upload-pack 'ada/engine'; id",
        "git-upload-pack `id`",
        "git-upload-pack $(id)",
        "git-upload-pack 'ada/engine",
        "git-upload-pack ''",
        "git-upload-pack",
        "git-upload-pack '/etc/passwd'",
        "git-shell",
        "git",
        "ls",
        "/bin/sh -c id",
        "scp -t /tmp/x",
        "git-upload-pack\u{a0}'ada/engine'",
    ] {
        let said = s.home.ssh(&["plue", line]).unwrap();
        assert!(!said.ok, "{line}");
        assert!(
            !said.out.contains("uid=") && !said.out.contains("root:"),
            "{line}: {}",
            said.out
        );
        assert!(said.err.len() > 5, "{line}: the user reads why");
    }
    s.expect_untouched();
}

#[test]
fn refs_that_look_like_options_or_paths_are_refused() {
    let s = Setting::new();
    let long = format!("refs/heads/{}", "x".repeat(5000));
    for name in [
        "--exec=touch /tmp/x",
        "-d",
        "refs/heads/--exec=touch",
        "refs/heads/-x",
        "HEAD",
        "main",
        "refs",
        "refs/",
        "refs/heads/",
        "refs/heads/..",
        "refs/heads/a..b",
        "refs/heads/.a",
        "refs/heads/a.lock",
        "refs/heads/a/",
        "refs/heads//a",
        "refs/../config",
        "../../config",
        "/refs/heads/a",
        "refs/heads/a b",
        "refs/heads/a~1",
        "refs/heads/a^",
        "refs/heads/a:b",
        "refs/heads/a?",
        "refs/heads/a*",
        "refs/heads/a[",
        "refs/heads/a\\b",
        "refs/heads/a@{1}",
        "refs/heads/a\u{1}",
        "refs/heads/a\u{7f}",
        "refs/heads/a\nb",
        "refs/plue/x",
        &long,
    ] {
        let push = Push::default().update(NONE, &s.head, name).pack(empty_pack());
        let reply = push.send(&s.client, "ada/engine").unwrap();
        let refused = match Answer::of(&reply) {
            Ok(answer) => !answer.is_ok(),
            Err(_) => (400..500).contains(&reply.status),
        };
        assert!(refused, "{name:?}: {} {}", reply.status, reply.text());
    }
    // The real client lets such a name through, so it is the forge that says no.
    let said = s
        .home
        .try_git(
            &s.work,
            &["push", &s.plue.url("ada/engine"), "HEAD:refs/heads/--exec=id"],
        )
        .unwrap();
    assert!(!said.ok && said.err.contains("--exec=id"), "{}", said.err);
    s.expect_untouched();
}

fn empty_pack() -> Vec<u8> {
    // "PACK", version 2, no objects, and the SHA-1 of these twelve bytes.
    let mut pack = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    pack.extend(b"\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e");
    pack
}

#[test]
fn push_options_cannot_smuggle_lines() {
    let s = Setting::new();
    for bad in [
        &b"ci.skip\nfield=value"[..],
        b"a\0b",
        b"a\rb",
        &[0xff, 0xfe],
        &b"x".repeat(5000),
    ] {
        let (new, pack) = s.next_commit();
        let push = Push::default()
            .update(&s.head, &new, "refs/heads/main")
            .option(bad)
            .pack(pack);
        let reply = push.send(&s.client, "ada/engine").unwrap();
        let refused = Answer::of(&reply).map_or((400..500).contains(&reply.status), |answer| !answer.is_ok());
        assert!(refused, "{:?}", String::from_utf8_lossy(bad));
    }
    let mut many = Push::default()
        .update(&s.head, &s.head, "refs/heads/main")
        .pack(empty_pack());
    for number in 0..5000 {
        many = many.option(format!("option-{number}"));
    }
    let reply = many.send(&s.client, "ada/engine").unwrap();
    assert!(
        Answer::of(&reply).map_or(true, |answer| !answer.is_ok()),
        "too many options"
    );
    s.expect_untouched();
}

#[test]
fn packs_that_are_not_whole_and_sound_are_refused() {
    let s = Setting::new();
    let (new, pack) = s.next_commit();
    let push = |pack: Vec<u8>| {
        s.push(
            &Push::default()
                .update(&s.head, &new, "refs/heads/main")
                .pack(pack),
        )
    };

    for cut in [0, 3, 11, 12, 20, pack.len() / 2, pack.len() - 21, pack.len() - 1] {
        let answer = push(pack[..cut].to_vec());
        assert!(!answer.is_ok(), "cut to {cut} bytes: {}", answer.text());
    }
    for place in [0, 5, 9, 13, pack.len() / 2, pack.len() - 3] {
        let mut corrupted = pack.clone();
        corrupted[place] ^= 0x20;
        let answer = push(corrupted);
        assert!(!answer.is_ok(), "byte {place}: {}", answer.text());
    }
    let answer = push([&pack[..], b"and more"].concat());
    assert!(!answer.is_ok() || s.refs().contains(&new), "{}", answer.text());
    if answer.is_ok() {
        return;
    }

    // Without its blob the commit is there and cannot be checked out.
    let tree = s.home.git(&s.work, &["rev-parse", "HEAD^{tree}"]).unwrap();
    let partial = s
        .home
        .git_bytes(
            &s.work,
            &["pack-objects", "--stdout", "-q"],
            format!("{new}\n{tree}\n").as_bytes(),
        )
        .unwrap();
    let answer = push(partial);
    let blob = s.home.git(&s.work, &["rev-parse", "HEAD:new.txt"]).unwrap();
    assert!(
        !answer.is_ok() && answer.text().contains(&blob),
        "it names what is missing: {}",
        answer.text()
    );
    let answer = push(empty_pack());
    assert!(
        !answer.is_ok() && answer.text().contains(&new),
        "{}",
        answer.text()
    );

    // A tree with a folder that would be written into a clone's own repository.
    let evil = s
        .home
        .git_bytes(
            &s.work,
            &["hash-object", "-t", "blob", "-w", "--stdin"],
            b"[core]\n",
        )
        .unwrap();
    let evil = String::from_utf8(evil).unwrap();
    let tree = format!("100644 blob {}\t.git\n", evil.trim());
    let tree = s.home.git_bytes(&s.work, &["mktree"], tree.as_bytes()).unwrap();
    let tree = String::from_utf8(tree).unwrap();
    let commit = s
        .home
        .git(&s.work, &["commit-tree", "-p", "HEAD", "-m", "evil", tree.trim()])
        .unwrap();
    let said = s
        .home
        .try_git(
            &s.work,
            &[
                "push",
                &s.plue.url("ada/engine"),
                &format!("{commit}:refs/heads/evil"),
            ],
        )
        .unwrap();
    assert!(
        !said.ok && said.err.to_lowercase().contains("dotgit"),
        "git's own words reach the pusher: {}",
        said.err
    );
    s.expect_untouched();
}

#[test]
fn limits_are_told_with_their_figure() {
    let settings = Settings::new()
        .unwrap()
        .env("PLUE_MAX_OBJECT_BYTES", "1M")
        .env("PLUE_MAX_PACK_BYTES", "2M")
        .env("PLUE_MAX_REFS_PER_PUSH", "50");
    let s = Setting::with(settings);
    let url = s.plue.url("ada/engine");

    // A bomb: it travels as a few kilobytes and is a hundred megabytes of nothing.
    std::fs::write(s.work.join("bomb"), vec![0; 100 << 20]).unwrap();
    s.home.git(&s.work, &["checkout", "-q", "-b", "bomb"]).unwrap();
    s.home.git(&s.work, &["add", "bomb"]).unwrap();
    s.home.git(&s.work, &["commit", "-q", "-m", "Bomb"]).unwrap();
    let said = s.home.try_git(&s.work, &["push", &url, "bomb"]).unwrap();
    assert!(!said.ok && figure(&said.err, 1 << 20), "{}", said.err);

    // A pack that is too large as it travels.
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..3 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        })
        .collect();
    s.home
        .git(&s.work, &["checkout", "-q", "-b", "noise", "main"])
        .unwrap();
    for (number, part) in noise.chunks(512 << 10).enumerate() {
        std::fs::write(s.work.join(format!("noise-{number}")), part).unwrap();
    }
    s.home.git(&s.work, &["add", "."]).unwrap();
    s.home.git(&s.work, &["commit", "-q", "-m", "Noise"]).unwrap();
    for address in [url.as_str(), "ssh://plue/ada/engine"] {
        let said = s.home.try_git(&s.work, &["push", address, "noise"]).unwrap();
        assert!(!said.ok && figure(&said.err, 2 << 20), "{address}: {}", said.err);
    }
    s.home.git(&s.work, &["checkout", "-q", "-f", "main"]).unwrap();

    let mut many = Push::default().pack(empty_pack());
    for number in 0..51 {
        many = many.update(NONE, &s.head, &format!("refs/heads/many-{number}"));
    }
    let reply = many.send(&s.client, "ada/engine").unwrap();
    let text = Answer::of(&reply).map_or(reply.text(), |answer| answer.text());
    assert!(text.contains("50"), "{text}");
    s.expect_untouched();
}

/// Whether a message names a size: in bytes, or in mebibytes or megabytes.
fn figure(message: &str, bytes: u64) -> bool {
    let mega = bytes >> 20;
    [
        format!("{bytes}"),
        format!("{mega} M"),
        format!("{mega}M"),
        format!("{mega}.0 M"),
    ]
    .iter()
    .any(|text| message.contains(text.as_str()))
}

#[test]
fn a_shallow_history_does_not_become_a_repository() {
    let s = Setting::new();
    s.home
        .git(
            s.home.path(),
            &["clone", "-q", "--depth=1", &s.plue.url("ada/engine"), "shallow"],
        )
        .unwrap();
    let shallow = s.home.at("shallow");
    for address in [s.plue.url("ada/other"), "ssh://plue/ada/other".to_owned()] {
        let said = s
            .home
            .try_git(&shallow, &["push", &address, "HEAD:refs/heads/main"])
            .unwrap();
        assert!(!said.ok && said.err.contains("shallow"), "{}", said.err);
        assert!(
            !s.home.try_git(&shallow, &["ls-remote", &address]).unwrap().ok,
            "nor was it made"
        );
    }
    s.expect_untouched();
}

#[test]
fn a_branch_and_one_below_it_cannot_both_be() {
    let s = Setting::new();
    let both = Push::default()
        .update(NONE, &s.head, "refs/heads/a")
        .update(NONE, &s.head, "refs/heads/a/b")
        .pack(empty_pack());
    let answer = s.push(&both);
    assert!(!answer.is_ok(), "{}", answer.text());
    let accepted = |name: &str| answer.report.contains(&format!("ok {name}"));
    assert!(!(accepted("refs/heads/a") && accepted("refs/heads/a/b")));
    for name in ["refs/heads/a", "refs/heads/a/b"] {
        if accepted(name) {
            assert!(s.push(&Push::default().update(&s.head, NONE, name)).is_ok());
        }
    }
    // Two pushes at once, again and again: never both.
    for round in 0..20 {
        let push = |name: String| {
            let push = Push::default().update(NONE, &s.head, &name).pack(empty_pack());
            (push.send(&s.client, "ada/engine"), name)
        };
        let names = [
            format!("refs/heads/r{round}"),
            format!("refs/heads/r{round}/below"),
        ];
        let outcomes = std::thread::scope(|scope| {
            let started: Vec<_> = names
                .iter()
                .map(|name| scope.spawn(|| push(name.clone())))
                .collect();
            started
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect::<Vec<_>>()
        });
        let won: Vec<String> = outcomes
            .into_iter()
            .filter(|(reply, _)| Answer::of(reply.as_ref().unwrap()).unwrap().is_ok())
            .map(|(_, name)| name)
            .collect();
        assert_eq!(won.len(), 1, "round {round}: {won:?}");
        assert!(s.push(&Push::default().update(&s.head, NONE, &won[0])).is_ok());
    }
    assert_eq!(s.refs(), format!("{0}\tHEAD\n{0}\trefs/heads/main", s.head));
}

#[test]
fn of_two_pushes_to_one_branch_one_wins_and_the_other_reads_why() {
    let s = Setting::new();
    let commits: Vec<(String, Vec<u8>)> = (0..4)
        .map(|_| {
            s.home.git(&s.work, &["reset", "-q", "--hard", &s.head]).unwrap();
            s.next_commit()
        })
        .collect();
    let answers = std::thread::scope(|scope| {
        let pushes: Vec<_> = commits
            .iter()
            .map(|(new, pack)| {
                let push = Push::default()
                    .update(&s.head, new, "refs/heads/main")
                    .pack(pack.clone());
                let client = &s.client;
                scope.spawn(move || {
                    (
                        new,
                        Answer::of(&push.send(client, "ada/engine").unwrap()).unwrap(),
                    )
                })
            })
            .collect();
        pushes
            .into_iter()
            .map(|push| push.join().unwrap())
            .collect::<Vec<_>>()
    });
    let won: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_ok()).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert!(s.refs().contains(won[0].0.as_str()));
    for (_, lost) in answers.iter().filter(|(_, answer)| !answer.is_ok()) {
        assert!(
            lost.report
                .iter()
                .any(|line| line.starts_with("ng refs/heads/main ")),
            "{}",
            lost.text()
        );
    }
}

#[test]
fn a_hundred_thousand_refs_fit_into_one_push() {
    let s = Setting::new();
    let mut push = Push::default().pack(empty_pack());
    for number in 0..100_000 {
        push = push.update(
            NONE,
            &s.head,
            &format!("refs/heads/many/{}/{number}", number % 100),
        );
    }
    let began = Instant::now();
    let answer = s.push(&push);
    assert!(answer.is_ok(), "{}", &answer.text()[..200]);
    assert_eq!(
        answer
            .report
            .iter()
            .filter(|line| line.starts_with("ok "))
            .count(),
        100_000
    );
    println!("100,000 refs took {:?}", began.elapsed());
    assert_eq!(s.refs().lines().count(), 100_002);
    let listed = s
        .home
        .git(
            &s.work,
            &["ls-remote", "ssh://plue/ada/engine", "refs/heads/many/7/1007"],
        )
        .unwrap();
    assert!(listed.starts_with(&s.head));
}

#[test]
fn what_is_no_object_id_is_refused() {
    let s = Setting::new();
    let before_head = s.home.git(&s.work, &["rev-parse", "HEAD~1"]).unwrap();
    let words = [
        "z".repeat(40),
        "A".repeat(39),
        "0".repeat(41),
        format!("-{}", &s.head[1..]),
        "HEAD".into(),
        String::new(),
        "0".repeat(64),
        "a".repeat(40),
    ];
    for word in &words {
        for push in [
            Push::default()
                .update(NONE, word, "refs/heads/x")
                .pack(empty_pack()),
            // Not to where main is: a push of what is there already is a repeat, whatever it thinks was before.
            Push::default()
                .update(word, &before_head, "refs/heads/main")
                .pack(empty_pack()),
            Push::default().update(word, NONE, "refs/heads/main"),
        ] {
            let reply = push.send(&s.client, "ada/engine").unwrap();
            let refused =
                Answer::of(&reply).map_or((400..500).contains(&reply.status), |answer| !answer.is_ok());
            assert!(refused, "{word:?}: {} {}", reply.status, reply.text());
        }
        let reply = s
            .client
            .send("GET", &format!("/api/ada/engine/tree/{word}"), &[], b"")
            .unwrap();
        assert!((400..500).contains(&reply.status), "{word}: {}", reply.status);
    }
    // Not a push or a fetch at all, but a stream of anything. It is answered, or the connection is closed.
    for garbage in [
        &b"0003"[..],
        b"fffe",
        b"zzzz",
        b"0000PACK",
        &[0; 100],
        &b"00".repeat(100_000),
    ] {
        for service in ["git-receive-pack", "git-upload-pack"] {
            let kind = format!("application/x-{service}-request");
            let target = format!("/ada/engine.git/{service}");
            let headers = [("content-type", kind.as_str())];
            if let Ok(reply) = s.client.send("POST", &target, &headers, garbage) {
                assert!(reply.status < 500, "{service} {garbage:.8?}: {}", reply.status);
            }
        }
    }
    s.expect_untouched();
}

#[test]
fn git_posts_need_their_exact_content_type() {
    let s = Setting::new();
    for (service, kind) in [
        ("git-upload-pack", "application/x-git-receive-pack-request"),
        ("git-upload-pack", "text/plain"),
        ("git-upload-pack", "application/x-www-form-urlencoded"),
        ("git-receive-pack", "application/x-git-upload-pack-request"),
        ("git-receive-pack", "application/json"),
    ] {
        let target = format!("/ada/engine.git/{service}");
        let reply = s
            .client
            .send("POST", &target, &[("content-type", kind)], b"0000")
            .unwrap();
        assert_eq!(reply.status, 415, "{service} {kind}");
        assert_eq!(s.client.send("POST", &target, &[], b"0000").unwrap().status, 415);
    }
    for query in [
        "",
        "?service=git-upload-archive",
        "?service=git-shell",
        "?service=--help",
        "?service=git-upload-pack%00",
    ] {
        let reply = s
            .client
            .get(&format!("/ada/engine.git/info/refs{query}"))
            .unwrap();
        assert!((400..500).contains(&reply.status), "{query}: {}", reply.status);
    }
    s.expect_untouched();
}

#[test]
fn a_gzip_bomb_is_cut_off() {
    let s = Setting::new();
    // A gigabyte of flushes, twice compressed away, as `gzip` makes it.
    let bomb = std::process::Command::new("sh")
        .args(["-c", "head -c 1073741824 /dev/zero | tr '\\0' 0 | gzip -9"])
        .output()
        .unwrap()
        .stdout;
    assert!(bomb.len() < 2 << 20);
    let memory_before = plue_tests::process::resident_bytes(s.plue.process().id());
    for service in ["git-upload-pack", "git-receive-pack"] {
        let kind = format!("application/x-{service}-request");
        let headers = [("content-type", kind.as_str()), ("content-encoding", "gzip")];
        let began = Instant::now();
        let reply = s
            .client
            .send("POST", &format!("/ada/engine.git/{service}"), &headers, &bomb)
            .unwrap();
        assert!(reply.status < 500, "{service}: {}", reply.status);
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{service} took {:?}",
            began.elapsed()
        );
    }
    for encoding in ["br", "deflate", "zstd", "gzip, gzip"] {
        let headers = [
            ("content-type", "application/x-git-upload-pack-request"),
            ("content-encoding", encoding),
        ];
        let reply = s
            .client
            .send("POST", "/ada/engine.git/git-upload-pack", &headers, b"0000")
            .unwrap();
        assert!((400..500).contains(&reply.status), "{encoding}: {}", reply.status);
    }
    let memory_after = plue_tests::process::resident_bytes(s.plue.process().id());
    assert!(
        memory_after < memory_before + (100 << 20),
        "{memory_before} to {memory_after}"
    );
    s.expect_untouched();
}

#[test]
fn slow_clients_are_let_go() {
    let s = Setting::with(
        Settings::new()
            .unwrap()
            .env("PLUE_HEADER_TIMEOUT", "1")
            .env("PLUE_BODY_IDLE_TIMEOUT", "2"),
    );
    let (new, pack) = s.next_commit();
    let body = Push::default()
        .update(&s.head, &new, "refs/heads/main")
        .pack(pack)
        .body();
    let ends = |request: &[u8]| {
        let mut socket = s.client.connect().unwrap();
        socket.write_all(request).unwrap();
        let began = Instant::now();
        let mut rest = Vec::new();
        // A reset counts as an end.
        let _ = socket.read_to_end(&mut rest);
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    };
    ends(b"");
    ends(b"GET /healthz HT");
    ends(b"GET /healthz HTTP/1.1\r\nhost: x\r\n");
    let head = format!(
        "POST /ada/engine.git/git-receive-pack HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\
         content-type: application/x-git-receive-pack-request\r\ncontent-length: {}\r\n\r\n",
        authorization(&s.client),
        body.len()
    );
    for part in [0, 10, body.len() - 5] {
        ends(&[head.as_bytes(), &body[..part]].concat());
    }
    s.home.git(&s.work, &["reset", "-q", "--hard", &s.head]).unwrap();
    s.expect_untouched();
}

/// The header that the client sends with every request.
fn authorization(client: &Client) -> String {
    client.header("authorization").unwrap().to_owned()
}

#[test]
fn a_connection_may_close_at_any_step() {
    let s = Setting::new();
    let (new, pack) = s.next_commit();
    let body = Push::default()
        .update(&s.head, &new, "refs/heads/main")
        .pack(pack)
        .body();
    let head = format!(
        "POST /ada/engine.git/git-receive-pack HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\
         content-type: application/x-git-receive-pack-request\r\ncontent-length: {}\r\n\r\n",
        authorization(&s.client),
        body.len()
    );
    let request = [head.as_bytes(), &body].concat();
    for cut in (0..request.len())
        .step_by(37)
        .chain([head.len(), request.len() - 1])
    {
        let mut socket = s.client.connect().unwrap();
        socket.write_all(&request[..cut]).unwrap();
        drop(socket);
    }
    // Over SSH the client is killed while it pushes.
    for wait_ms in [5, 20, 60, 120] {
        let mut pushing = s
            .home
            .command("git")
            .current_dir(&s.work)
            .args([
                "push",
                "-q",
                "--receive-pack=git-receive-pack",
                "ssh://plue/ada/engine",
                "HEAD:refs/heads/cut",
            ])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        pushing.kill().unwrap();
        pushing.wait().unwrap();
    }
    let quarantined = || {
        files(&s.plue.data())
            .keys()
            .any(|name| name.contains("quarantine"))
    };
    // What had arrived whole may still be on its way in: a push is whole or not there, and goes on
    // without whoever sent it.
    let deadline = Instant::now() + Duration::from_secs(20);
    let untouched = format!("{0}\tHEAD\n{0}\trefs/heads/main", s.head);
    while quarantined() || s.refs() != untouched {
        assert!(
            Instant::now() < deadline,
            "{}\n{:?}",
            s.refs(),
            files(&s.plue.data()).keys()
        );
        let _ = s
            .home
            .try_git(
                &s.work,
                &["push", "-q", &s.plue.url("ada/engine"), ":refs/heads/cut"],
            )
            .unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    s.home.git(&s.work, &["reset", "-q", "--hard", &s.head]).unwrap();
    s.plue.stop().unwrap();
}

/// A file system of a few megabytes, unmounted when it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None where one may not mount.
    fn mount(size: &str) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "plue-test"])
            .arg(folder.path())
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(SmallDisk(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status();
    }
}

#[test]
fn a_full_disk_refuses_pushes_and_breaks_nothing() {
    let Some(disk) = SmallDisk::mount("24m") else {
        eprintln!("skipped: a small file system can only be mounted as root");
        return;
    };
    let cache = disk.0.path().join("cache");
    let s = Setting::with(
        Settings::new()
            .unwrap()
            .env("PLUE_CACHE_DIR", cache.to_str().unwrap()),
    );
    let mut state = 7_u64;
    let noise: Vec<u8> = (0..40 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        })
        .collect();
    s.home.git(&s.work, &["checkout", "-q", "-b", "noise"]).unwrap();
    std::fs::write(s.work.join("noise"), &noise).unwrap();
    s.home.git(&s.work, &["add", "noise"]).unwrap();
    s.home.git(&s.work, &["commit", "-q", "-m", "Noise"]).unwrap();
    for address in [s.plue.url("ada/engine"), "ssh://plue/ada/engine".to_owned()] {
        let said = s.home.try_git(&s.work, &["push", &address, "noise"]).unwrap();
        assert!(!said.ok, "{address}");
        assert!(said.err.contains("no room left"), "{address}: {}", said.err);
    }
    s.home.git(&s.work, &["checkout", "-q", "-f", "main"]).unwrap();
    s.expect_untouched();
}

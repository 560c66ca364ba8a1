//! Words where they do not belong: names, refs, push options and object ids.

use plue_tests::push::{Answer, NONE, Push};

use crate::{Setting, empty_pack};

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

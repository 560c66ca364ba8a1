//! Options, paths and lines of a shell in every place in which a name can stand.

use std::process::Command;

use plue_tests::http::pkt;
use plue_tests::push::{Answer, NONE, Push, expect_same_files, files};
use plue_tests::serve::{Plue, Settings};
use serde_json::{Value, json};

use crate::Place;

/// What no account, repository or file of ours is called.
const BAD: &[&str] = &[
    "--help",
    "-",
    "--",
    "--upload-pack=touch ran",
    "--exec=touch ran",
    "-oProxyCommand=touch ran",
    "..",
    ".",
    "../ran",
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../b",
    "$(touch ran)",
    "`touch ran`",
    "a;touch ran",
    "a|touch ran",
    "a&touch ran",
    "a\ntouch ran",
    "a\r\nset-cookie: x=y",
    "a\0b",
    "a b",
    "a'b\"c",
    "a\\b",
    "~root",
    "%2e%2e",
    "\u{202e}gnp",
    "ａｄａ",
    "",
];

/// A name as it stands in a path: every byte that is not plain escaped.
fn escaped(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            byte => format!("%{byte:02x}"),
        })
        .collect()
}

/// Nothing that a name said was done.
fn expect_nothing_ran(plue: &Plue) {
    for folder in [plue.data(), plue.settings().temporary()] {
        let ran = files(&folder).into_keys().find(|name| name.ends_with("ran"));
        assert_eq!(ran, None, "in {folder:?}");
    }
    assert!(!std::path::Path::new("ran").exists());
}

#[test]
fn in_addresses_and_bodies() {
    // Every refusal is to be for the name, and none for the number of them.
    let place = Place::with(Settings::new().unwrap().without_limits());
    let client = place.client();
    let before = files(&place.plue.data());
    let key = std::fs::read_to_string(place.home.at(".ssh/id.pub")).unwrap();
    for bad in BAD {
        let name = escaped(bad);
        let none = json!({});
        let in_paths: &[(&str, String, &Value)] = &[
            (
                "GET",
                format!("/{name}/engine/info/refs?service=git-upload-pack"),
                &none,
            ),
            (
                "GET",
                format!("/ada/{name}/info/refs?service=git-upload-pack"),
                &none,
            ),
            ("GET", format!("/ada/engine/info/refs?service={name}"), &none),
            ("GET", format!("/api/{name}/engine"), &none),
            ("GET", format!("/api/ada/{name}"), &none),
            ("GET", format!("/api/ada/engine/refs/{name}"), &none),
            ("GET", format!("/api/ada/engine/tree/{name}"), &none),
            ("GET", format!("/api/ada/engine/blob/{name}/README.md"), &none),
            (
                "GET",
                format!("/api/ada/engine/blob/{}/{name}", place.head()),
                &none,
            ),
            ("GET", format!("/api/ada/engine/commits?ref={name}x"), &none),
            (
                "PUT",
                format!("/api/ada/engine/collaborators/{name}"),
                &json!({"permission": "read"}),
            ),
            ("DELETE", format!("/api/ada/engine/collaborators/{name}"), &none),
            ("DELETE", format!("/api/ada/engine/keys/{name}"), &none),
            ("GET", format!("/api/users/{name}"), &none),
            ("GET", format!("/api/users/{name}/repos"), &none),
            ("DELETE", format!("/api/ssh-keys/{name}"), &none),
            ("DELETE", format!("/api/user/tokens/{name}"), &none),
            ("DELETE", format!("/api/auth/sessions/{name}"), &none),
        ];
        for (method, target, body) in in_paths {
            // An empty last segment is another address.
            if bad.is_empty() && target.ends_with('/') {
                continue;
            }
            let listing = bad.is_empty() && target.contains("/repos");
            // Under a hyphen stand our own pages, some of which are owed.
            let owed = *bad == "-" && target.starts_with("/-/");
            let reply = client.json(method, target, body).unwrap();
            assert!(
                (400..500).contains(&reply.status) || listing || owed,
                "{method} {target}: {} {}",
                reply.status,
                reply.text()
            );
            assert_eq!(reply.header("set-cookie"), None, "{target}");
        }
        let in_bodies = [
            ("POST", "/api/repos", json!({"name": bad})),
            ("PATCH", "/api/ada/engine", json!({"name": bad})),
            ("PATCH", "/api/ada/engine", json!({"owner": bad})),
            ("PATCH", "/api/ada/engine", json!({"defaultBookmark": bad})),
            ("POST", "/api/user/tokens", json!({"name": "t", "scopes": [bad]})),
            (
                "POST",
                "/api/user/tokens",
                json!({"name": "t", "scopes": ["repo"], "repositories": [format!("ada/{bad}")]}),
            ),
            ("POST", "/api/ssh-keys", json!({"name": "k", "publicKey": bad})),
            (
                "POST",
                "/api/ssh-keys",
                json!({"name": "k", "publicKey": format!("{bad} {key}")}),
            ),
            (
                "POST",
                "/api/ada/engine/keys",
                json!({"name": "k", "publicKey": bad}),
            ),
            (
                "POST",
                "/api/auth/login",
                json!({"username": bad, "password": "x"}),
            ),
        ];
        for (method, target, body) in in_bodies {
            let reply = client.json(method, target, &body).unwrap();
            assert!(
                (400..500).contains(&reply.status),
                "{method} {target} {body}: {} {}",
                reply.status,
                reply.text()
            );
        }
        // A label is a text for people: one line is kept as it is, and nothing else is a label.
        let fit = !bad.is_empty() && !bad.contains(char::is_control);
        let reply = client
            .json(
                "POST",
                "/api/user/tokens",
                &json!({"name": bad, "scopes": ["repo:read"]}),
            )
            .unwrap();
        assert_eq!(
            reply.status,
            if fit { 201 } else { 400 },
            "{bad:?}: {}",
            reply.text()
        );
        if fit {
            let made = reply.json().unwrap();
            assert_eq!(made["token"]["name"], *bad);
            let id = &made["token"]["id"];
            let gone = client
                .json("DELETE", &format!("/api/user/tokens/{id}"), &json!({}))
                .unwrap();
            assert_eq!(gone.status, 200);
        }
    }
    expect_nothing_ran(&place.plue);
    place.expect_refs_untouched();
    // The database wrote tokens and forgot them; no file came or went.
    let names = |files: &std::collections::BTreeMap<String, u64>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&files(&place.plue.data())), names(&before));
    place.plue.stop().unwrap();
}

#[test]
fn in_credentials() {
    use base64::Engine as _;
    let place = Place::new();
    let base64 = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let target = "/ada/engine/info/refs?service=git-upload-pack";
    for bad in BAD {
        // A name beside a token is not looked at, and beside a password it is nobody's.
        let basic = format!("Basic {}", base64(format!("{bad}:some password")));
        let reply = place
            .plue
            .client()
            .with("authorization", &basic)
            .get(target)
            .unwrap();
        assert!(matches!(reply.status, 401 | 429), "{bad:?}: {}", reply.status);
        let basic = format!("Basic {}", base64(format!("ada:{bad}")));
        let reply = place
            .plue
            .client()
            .with("authorization", &basic)
            .get(target)
            .unwrap();
        assert!(matches!(reply.status, 401 | 429), "{bad:?}: {}", reply.status);
        if !bad.contains(char::is_control) {
            let reply = place.plue.client().bearer(bad).get("/api/user/tokens").unwrap();
            assert!(
                matches!(reply.status, 400 | 401 | 429),
                "{bad:?}: {}",
                reply.status
            );
            let cookie = format!("plue_session={bad}");
            let reply = place
                .plue
                .client()
                .with("cookie", &cookie)
                .get("/api/user/tokens")
                .unwrap();
            assert!(
                matches!(reply.status, 400 | 401 | 429),
                "{bad:?}: {}",
                reply.status
            );
        }
    }
    expect_nothing_ran(&place.plue);
    place.expect_refs_untouched();
    place.plue.stop().unwrap();
}

#[test]
fn in_what_ssh_is_asked() {
    let place = Place::with(
        Settings::new()
            .unwrap()
            .env("SSH_MAX_AUTH_FAILURES", "1000")
            .env("SSH_RATE_LIMIT_PER_MINUTE", "100000"),
    );
    let before = files(&place.plue.data());
    for bad in BAD {
        let quoted = format!("'{}'", bad.replace('\'', r"'\''"));
        let mut lines = vec![
            bad.to_string(),
            format!("git-upload-pack {quoted}"),
            format!("git-receive-pack 'ada/{bad}'"),
            format!("git-upload-archive 'ada/engine' {bad}"),
            format!("git-upload-pack {bad} 'ada/engine'"),
            format!("git {bad} upload-pack 'ada/engine'"),
            format!("{bad} git-upload-pack 'ada/engine'"),
        ];
        if bad.is_empty() {
            // No line is a wish for a shell, and no more words than there are is an honest command.
            lines = vec!["git-upload-pack ''".into(), "git-receive-pack 'ada/'".into()];
        }
        for line in lines {
            // A line that our own client cannot be given says nothing about the server.
            if line.contains('\0') {
                continue;
            }
            let said = place.home.ssh(&["plue", "--", &line]).unwrap();
            assert!(!said.ok, "{line:?}: {said:?}");
            assert!(!said.out.contains("root:"), "{line:?}: {said:?}");
            assert!(said.err.len() > 5, "{line:?}: the user reads why");
        }
    }
    // The name that is signed in with is `git`, or the key counts for nothing.
    for user in [
        "root",
        "ada",
        "--help",
        "-l",
        "../git",
        "$(touch ran)",
        "git ",
        "GIT",
        "git;id",
        "",
    ] {
        // In quotes, or the client takes the space of `git ` away.
        let option = format!("User=\"{user}\"");
        let said = place.home.ssh(&["-o", &option, "-T", "plue"]).unwrap();
        if user.is_empty() {
            continue; // The client takes it for its own user's name, or refuses.
        }
        assert!(!said.ok && !said.out.contains("Hi "), "{user:?}: {said:?}");
    }
    // What the environment may not bring does not arrive.
    let said = place
        .home
        .command("git")
        .env(
            "GIT_SSH_COMMAND",
            format!(
                "ssh -F {} -o 'SetEnv=GIT_PROTOCOL=version=2;--help'",
                place.home.at(".ssh/config").display()
            ),
        )
        .args(["ls-remote", "ssh://plue/ada/engine"])
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    expect_nothing_ran(&place.plue);
    expect_same_files(&place.plue.data(), &before).unwrap();
    place.expect_refs_untouched();
    place.plue.stop().unwrap();
}

#[test]
fn in_pushes() {
    let place = Place::new();
    let basic = place.plue.client().with("authorization", &place.basic());
    let head = place.head();
    for bad in BAD {
        for name in [
            bad.to_string(),
            format!("refs/heads/{bad}"),
            format!("refs/{bad}/x"),
        ] {
            // Spaces end a name on the wire, NUL the command, and a line end the line: what is left
            // may be a name that is none of these.
            if name.contains([' ', '\0', '\n', '\r']) || name.ends_with("ｄａ") || name.ends_with("gnp") {
                continue;
            }
            if matches!(*bad, "a'b\"c" | "%2e%2e") && name.starts_with("refs/") {
                continue; // Odd, and git's rules permit it.
            }
            let push = Push::default().update(NONE, &head, &name);
            let reply = push.send(&basic, "ada/engine").unwrap();
            let refused =
                Answer::of(&reply).map_or((400..500).contains(&reply.status), |answer| !answer.is_ok());
            assert!(refused, "{name:?}: {} {}", reply.status, reply.text());
        }
        // In a fetch: a ref that is asked for by name, and an object.
        for line in [
            format!("ref-prefix {bad}"),
            format!("want-ref {bad}"),
            format!("want {bad}"),
            format!("filter {bad}"),
        ] {
            let mut body = pkt(if line.starts_with("ref-prefix") {
                "command=ls-refs"
            } else {
                "command=fetch"
            });
            body.extend(b"0001");
            body.extend(pkt(&line));
            body.extend(pkt("done"));
            body.extend(b"0000");
            let headers = [
                ("content-type", "application/x-git-upload-pack-request"),
                ("git-protocol", "version=2"),
            ];
            let reply = basic.send("POST", "/ada/engine.git/git-upload-pack", &headers, &body);
            // Git may close its end without a word.
            if let Ok(reply) = reply {
                assert!(reply.status < 500, "{line:?}: {}", reply.status);
                assert!(!reply.text().contains("root:"), "{line:?}");
            }
        }
    }
    // What looks like a shell's line in a push option is a text like any other.
    for option in [
        "a;touch ran",
        "$(touch ran)",
        "`touch ran`",
        "--exec=touch ran",
        "../../ran",
        "ci.skip; id",
    ] {
        let address = place.plue.url("ada/engine");
        for address in [address.as_str(), "ssh://plue/ada/engine"] {
            place
                .home
                .git(
                    &place.work,
                    &["push", "-q", "-o", option, address, "main:refs/heads/with-option"],
                )
                .unwrap();
            place
                .home
                .git(&place.work, &["push", "-q", address, ":refs/heads/with-option"])
                .unwrap();
        }
    }
    // One with the end of a line in it is refused, and the pusher reads so.
    let said = place
        .home
        .try_git(
            &place.work,
            &[
                "push",
                "-o",
                "ci.skip\nfield=value",
                &place.plue.url("ada/engine"),
                "main:refs/heads/with-option",
            ],
        )
        .unwrap();
    assert!(!said.ok && said.err.contains("push option"), "{said:?}");
    expect_nothing_ran(&place.plue);
    place.expect_refs_untouched();
    place.plue.stop().unwrap();
}

#[test]
fn in_the_administrators_words() {
    let place = Place::new();
    let bare = place.home.at("bare.git");
    place
        .home
        .git(place.home.path(), &["clone", "-q", "--bare", "work", "bare.git"])
        .unwrap();
    let bare = bare.to_str().unwrap();
    let key = place.home.keygen("second", "ed25519", None).unwrap();
    let key = key.to_str().unwrap();
    for bad in BAD.iter().filter(|bad| !bad.contains('\0')) {
        let path = format!("ada/{bad}");
        let under = format!("{bad}/engine");
        for args in [
            &["user", "create", bad][..],
            &["user", "create", "--", bad],
            &["user", "disable", bad],
            &["user", "link", "--", bad],
            &["token", "create", "--user", bad, "--scopes", "repo"],
            &["token", "create", "--user", "ada", "--scopes", bad],
            &[
                "token", "create", "--user", "ada", "--scopes", "repo", "--repo", &path,
            ],
            &[
                "token",
                "create",
                "--user",
                "ada",
                "--scopes",
                "repo",
                "--expires",
                bad,
            ],
            &["key", "add", "--user", bad, "--name", "k", "--file", key],
            &[
                "key",
                "add",
                "--user",
                "ada",
                "--name",
                "k",
                "--file",
                "/etc/passwd",
            ],
            &[
                "key",
                "add",
                "--user",
                "ada",
                "--name",
                "k",
                "--file",
                "/dev/null",
            ],
            &["repo", "create", "--", &path],
            &["repo", "create", "--", &under],
            &["repo", "create", "ada/new", "--object-format", bad],
            &["repo", "import", "--", &path, bare],
            &["repo", "import", "--", &under, bare],
            &["repo", "import", "--", "ada/new", bad],
            &["repo", "restore", "--", bad],
        ] {
            let said = place.plue.try_admin(args).unwrap();
            // `--help` asks for help, wherever it stands.
            let help = *bad == "--help" && said.out.contains("Usage:");
            assert!(!said.ok || help, "{args:?}: {said:?}");
            assert!(said.err.len() > 5 || help, "{args:?} is told why");
        }
    }
    expect_nothing_ran(&place.plue);
    let listed = place.plue.admin(&["repo", "list"]).unwrap();
    assert_eq!(listed["repositories"].as_array().unwrap().len(), 1, "{listed}");
    place.plue.stop().unwrap();
}

/// Names of accounts and repositories reach a file system only as numbers; a settings file does not.
#[test]
fn in_settings() {
    let settings = Settings::new().unwrap();
    let plue = |args: &[&str]| settings.run(args).unwrap();
    for args in [
        &["serve", "--data-dir"][..],
        &["serve", "--http", "--help=1"],
        &["serve", "--http", "127.0.0.1"],
        &["serve", "--ssh", "../22"],
        &["config", "--config", "../none"],
        &["config", "--config", "--json"],
        &["db", "reset"],
        &["db", "drop", "--yes"],
        &["nonsense"],
        &["--nonsense"],
    ] {
        let said = plue(args);
        assert!(!said.ok && said.err.len() > 5, "{args:?}: {said:?}");
    }
    let missing = Command::new(plue_tests::serve::binary("plue").unwrap())
        .env_clear()
        .env("PLUE_TYPO", "1")
        .arg("config")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(!missing.status.success() && said.contains("PLUE_TYPO"), "{said}");
}

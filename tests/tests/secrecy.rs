//! What somebody may not see is not there: same status, same bytes, whether it exists or not.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use plue_tests::git::Home;
use plue_tests::http::{Client, Reply};
use plue_tests::serve::Plue;

/// An answer without what differs between any two answers.
fn comparable(reply: Reply, name: &str) -> (u16, Vec<(String, String)>, String) {
    let varying = [
        "date",
        "x-request-id",
        "ratelimit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "ratelimit-remaining",
        "ratelimit-reset",
    ];
    let mut request_id = reply.header("x-request-id").unwrap_or("none").to_owned();
    if request_id.is_empty() {
        request_id.push('?');
    }
    let body = reply.text().replace(name, "NAME").replace(&request_id, "ID");
    let headers = reply
        .headers
        .into_iter()
        .filter(|(known, _)| !varying.contains(&known.as_str()))
        .collect();
    (reply.status, headers, body)
}

const PLACES: &[(&str, &str)] = &[
    ("GET", "/ada/NAME/info/refs?service=git-upload-pack"),
    ("GET", "/ada/NAME.git/info/refs?service=git-upload-pack"),
    ("GET", "/ada/NAME/info/refs?service=git-receive-pack"),
    ("POST", "/ada/NAME/git-upload-pack"),
    ("POST", "/ada/NAME/git-receive-pack"),
    ("GET", "/api/ada/NAME"),
    ("PATCH", "/api/ada/NAME"),
    ("DELETE", "/api/ada/NAME"),
    ("GET", "/api/ada/NAME/refs/main"),
    ("GET", "/api/ada/NAME/commits"),
    ("GET", "/api/ada/NAME/collaborators"),
    ("GET", "/api/ada/NAME/keys"),
];

fn ask(client: &Client, method: &str, place: &str, name: &str) -> Reply {
    let target = place.replace("NAME", name);
    let kind = if place.ends_with("upload-pack") && method == "POST" {
        "application/x-git-upload-pack-request"
    } else if place.ends_with("receive-pack") && method == "POST" {
        "application/x-git-receive-pack-request"
    } else {
        "application/json"
    };
    let body: &[u8] = match (method, place.starts_with("/api")) {
        ("POST", false) => b"0000",
        ("PATCH", _) => b"{\"description\":\"x\"}",
        _ => b"",
    };
    client
        .send(method, &target, &[("content-type", kind)], body)
        .unwrap()
}

#[test]
fn a_private_repository_looks_like_none() {
    let plue = Plue::start().unwrap();
    let (home, _) = plue.newcomer("ada").unwrap();
    let work = home.small_repository("work").unwrap();
    // As long as the other name, so that lengths cannot tell them apart.
    home.git(&work, &["push", "-q", &plue.url("ada/private-one"), "main"])
        .unwrap();
    let stranger = plue.user("eve", "repo,user").unwrap();
    for (who, client) in [
        ("anonymous", plue.client()),
        ("signed in", plue.client().bearer(&stranger)),
    ] {
        for (method, place) in PLACES {
            let there = comparable(ask(&client, method, place, "private-one"), "private-one");
            let absent = comparable(ask(&client, method, place, "missing-one"), "missing-one");
            assert_eq!(there, absent, "{who}: {method} {place}");
            let expected: &[u16] = if who == "anonymous" { &[401, 404] } else { &[404] };
            assert!(
                expected.contains(&there.0),
                "{who}: {method} {place} answers {there:?}"
            );
        }
    }
    // To an anonymous git client every name that is not a public repository asks for credentials.
    for (method, place) in &PLACES[..5] {
        assert_eq!(
            ask(&plue.client(), method, place, "private-one").status,
            401,
            "{method} {place}"
        );
        let nobody = place.replace("ada", "nobody");
        assert_eq!(
            ask(&plue.client(), method, &nobody, "missing-one").status,
            401,
            "{method} {nobody}"
        );
    }
}

#[test]
fn over_ssh_a_private_repository_looks_like_none() {
    let plue = Plue::start().unwrap();
    let (home, _) = plue.newcomer("ada").unwrap();
    let work = home.small_repository("work").unwrap();
    home.git(&work, &["push", "-q", "ssh://plue/ada/private-one", "main"])
        .unwrap();
    let (eve, _) = plue.newcomer("eve").unwrap();
    for args in [&["ls-remote"][..], &["push"][..]] {
        let said = |name: &str| {
            let folder = eve.path();
            let address = format!("ssh://plue/ada/{name}");
            let mut all = args.to_vec();
            all.push(&address);
            if args == ["push"] {
                all.push("main");
            }
            let work = if args == ["push"] {
                eve.at("work")
            } else {
                folder.to_owned()
            };
            let said = eve.try_git(&work, &all).unwrap();
            assert!(!said.ok);
            said.err.replace(name, "NAME")
        };
        if args == ["push"] {
            eve.small_repository("work").unwrap();
        }
        assert_eq!(said("private-one"), said("missing-one"), "{args:?}");
    }
}

#[test]
fn a_repository_that_was_made_public_is_seen_and_then_again_not() {
    let plue = Plue::start().unwrap();
    let (home, token) = plue.newcomer("ada").unwrap();
    let work = home.small_repository("work").unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
        .unwrap();
    let stranger = Home::new().unwrap();
    let sees = || {
        stranger
            .try_git(stranger.path(), &["ls-remote", &plue.url("ada/engine")])
            .unwrap()
            .ok
    };
    let owner = plue.client().bearer(&token);
    assert!(!sees(), "what a push makes is private");
    let reply = owner
        .json(
            "PATCH",
            "/api/ada/engine",
            &serde_json::json!({"isPrivate": false}),
        )
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(sees());
    let listed = plue.client().get("/api/repos").unwrap();
    assert!(listed.text().contains("engine"));
    let reply = owner
        .json(
            "PATCH",
            "/api/ada/engine",
            &serde_json::json!({"isPrivate": true}),
        )
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!sees());
    assert!(!plue.client().get("/api/repos").unwrap().text().contains("engine"));
    assert!(!plue.client().get("/").unwrap().text().contains("engine"));
}

#[test]
fn a_key_that_is_offered_and_does_not_sign_opens_nothing() {
    let plue = Plue::start().unwrap();
    let (ada, _) = plue.newcomer("ada").unwrap();
    let (eve, _) = plue.newcomer("eve").unwrap();
    let work = ada.small_repository("work").unwrap();
    ada.git(&work, &["push", "-q", "ssh://plue/ada/secret", "main"])
        .unwrap();
    // Eve has the public half of Ada's key: her client offers it first, cannot sign, and goes on with her own.
    std::fs::copy(ada.at(".ssh/id.pub"), eve.at(".ssh/stolen.pub")).unwrap();
    eve.configure_ssh(plue.ssh(), &["stolen.pub", "id"]).unwrap();
    let greeting = eve.ssh(&["plue"]).unwrap();
    let said = format!("{}{}", greeting.out, greeting.err);
    assert!(said.contains("eve") && !said.contains("ada"), "{said}");
    assert!(
        !eve.try_git(eve.path(), &["ls-remote", "ssh://plue/ada/secret"])
            .unwrap()
            .ok
    );
    // With nothing else to sign with she is nobody.
    eve.configure_ssh(plue.ssh(), &["stolen.pub"]).unwrap();
    assert!(!eve.ssh(&["plue"]).unwrap().ok);
}

#[test]
fn a_token_is_good_for_what_it_says_and_no_longer() {
    let plue = Plue::start().unwrap();
    let (home, _) = plue.newcomer("ada").unwrap();
    let work = home.small_repository("work").unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/one"), "main"])
        .unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/two"), "main"])
        .unwrap();
    let with = |token: &str, args: &[&str]| {
        let user = Home::new().unwrap();
        user.remember(plue.http(), "ada", token).unwrap();
        user.try_git(&work, args).unwrap()
    };
    let (one, two) = (plue.url("ada/one"), plue.url("ada/two"));

    let reading = plue.token("ada", "repo:read").unwrap();
    assert!(with(&reading, &["ls-remote", &one]).ok);
    let refused = with(&reading, &["push", &one, "HEAD:refs/heads/new"]);
    assert!(
        !refused.ok && refused.err.contains("Required: repo:propose"),
        "it says which scope is the least that will do: {}",
        refused.err
    );

    let made = plue
        .admin(&[
            "token", "create", "--user", "ada", "--scopes", "repo", "--repo", "ada/one",
        ])
        .unwrap();
    let bound = made["token"].as_str().unwrap();
    assert!(with(bound, &["push", &one, "HEAD:refs/heads/bound"]).ok);
    assert!(
        !with(bound, &["ls-remote", &two]).ok,
        "a token that is bound to one repository does not open another"
    );
    assert!(!with(bound, &["push", &plue.url("ada/new"), "main"]).ok);

    let user_only = plue.token("ada", "user").unwrap();
    assert!(!with(&user_only, &["ls-remote", &one]).ok);

    let made = plue
        .admin(&[
            "token",
            "create",
            "--user",
            "ada",
            "--scopes",
            "repo",
            "--expires",
            "1s",
        ])
        .unwrap();
    let short = made["token"].as_str().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(!with(short, &["ls-remote", &one]).ok, "it has expired");

    for wrong in [
        "plt_0000",
        "",
        "x",
        &"plt_".repeat(4000),
        "plat_0123456789",
        "wit_0123456789",
    ] {
        assert!(!with(wrong, &["ls-remote", &one]).ok, "{:.20}", wrong);
        let reply = plue.client().bearer(wrong).get("/api/user/tokens").unwrap();
        assert!(
            matches!(reply.status, 400 | 401 | 431),
            "{:.20}: {}",
            wrong,
            reply.status
        );
    }

    assert!(with(&reading, &["ls-remote", &one]).ok);
    plue.admin(&["user", "disable", "ada"]).unwrap();
    assert!(
        !with(&reading, &["ls-remote", &one]).ok,
        "a disabled account's tokens end at once"
    );
    assert!(
        !home
            .try_git(&work, &["ls-remote", "ssh://plue/ada/one"])
            .unwrap()
            .ok,
        "and its keys"
    );
}

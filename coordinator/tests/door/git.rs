//! Git over HTTP, with the real client and by hand.

use super::world::World;
use axum::body::Body;
use http::Request;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_push_and_a_clone_over_the_socket() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo").await;
    let commit = world.repository(&token, "engine", true).await;
    let to = world.dir.path().join("clone");
    for (user, secret) in [
        ("ada", token.as_str()),
        ("ada", "ada%20has%20a%20long%20password"),
    ] {
        let url = format!("http://{user}:{secret}@{}/ada/engine.git", world.address);
        world.git(&[], &["clone", "-q", &url, to.to_str().unwrap()]).await;
        let head = world
            .git(&["-C", to.to_str().unwrap()], &["rev-parse", "HEAD"])
            .await;
        assert_eq!(head.trim(), commit);
        std::fs::remove_dir_all(&to).unwrap();
    }
    let reader = world.token("ada", "repo:read").await;
    let url = format!("http://ada:{reader}@{}/ada/engine.git", world.address);
    let work = world.dir.path().join("work-engine");
    let pushed = world
        .git_command()
        .args(["-C", work.to_str().unwrap(), "push", &url, "main:other"])
        .output()
        .await
        .unwrap();
    assert!(!pushed.status.success());
    let said = String::from_utf8_lossy(&pushed.stderr).into_owned();
    assert!(said.contains("403") || said.contains("scope"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_exact_and_odd_requests_refused() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    world.repository(&token, "open", false).await;
    let refs = world
        .get("/ada/open.git/info/refs?service=git-upload-pack", None)
        .await;
    assert_eq!(refs.status.as_u16(), 200);
    assert_eq!(
        refs.header("content-type"),
        "application/x-git-upload-pack-advertisement"
    );
    assert!(refs.header("cache-control").contains("no-"), "{refs:?}");
    assert!(
        refs.text.starts_with("001e# service=git-upload-pack\n0000"),
        "{}",
        refs.text
    );
    let to_push = world
        .get("/ada/open/info/refs?service=git-receive-pack", None)
        .await;
    assert_eq!(to_push.status.as_u16(), 401);
    assert_eq!(to_push.header("www-authenticate"), "Basic realm=\"Plue\"");
    let to_push = world
        .get("/ada/open/info/refs?service=git-receive-pack", Some(&token))
        .await;
    assert_eq!(
        to_push.header("content-type"),
        "application/x-git-receive-pack-advertisement"
    );
    for query in ["", "?service=git-upload-archive", "?service=--exec"] {
        let odd = world.get(&format!("/ada/open/info/refs{query}"), None).await;
        assert_eq!(odd.status.as_u16(), 400, "{query}: {odd:?}");
        assert!(odd.header("content-type").starts_with("text/plain"));
    }
    let post = |media_type: &str, encoding: &str| {
        Request::post("/ada/open/git-upload-pack")
            .header("host", "plue.test")
            .header("content-type", media_type)
            .header("content-encoding", encoding)
            .body(Body::from("0000"))
            .unwrap()
    };
    let right = "application/x-git-upload-pack-request";
    for (media_type, encoding, status) in [
        (right, "identity", 200),
        ("application/x-www-form-urlencoded", "identity", 415),
        (right, "br", 415),
        (right, "deflate", 415),
    ] {
        let answer = world.send(post(media_type, encoding)).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{media_type} {encoding}: {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_name_leads_to_the_repository() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    let commit = world.repository(&token, "old", false).await;
    let renamed = world
        .ask(
            "PATCH",
            "/api/ada/old",
            Some(&token),
            Some(json!({ "name": "fresh" })),
        )
        .await;
    assert_eq!(
        renamed.json()["repository"]["fullName"],
        "ada/fresh",
        "{renamed:?}"
    );
    let url = format!("http://{}/ada/old.git", world.address);
    let listed = world.git(&[], &["ls-remote", &url, "refs/heads/main"]).await;
    assert!(listed.starts_with(&commit), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_a_push_after_its_refs_were_told_is_said_in_gits_own_packets() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    world.repository(&token, "done", false).await;
    let archived = world
        .ask(
            "PATCH",
            "/api/ada/done",
            Some(&token),
            Some(json!({ "archived": true })),
        )
        .await;
    assert_eq!(archived.status.as_u16(), 200, "{archived:?}");
    let request = Request::post("/ada/done/git-receive-pack")
        .header("host", "plue.test")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-git-receive-pack-request");
    let answer = world.send(request.body(Body::from("0000")).unwrap()).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(
        answer.header("content-type"),
        "application/x-git-receive-pack-result"
    );
    let (head, words) = answer.text.split_at(4);
    assert_eq!(usize::from_str_radix(head, 16).unwrap(), answer.text.len());
    assert!(
        words.starts_with('\u{3}') && words.contains("archived"),
        "{words:?}"
    );

    let work = world.dir.path().join("work-done");
    let url = format!("http://ada:{token}@{}/ada/done.git", world.address);
    let pushed = world
        .git_command()
        .args(["-C", work.to_str().unwrap(), "push", &url, "main:b"])
        .output();
    let said = String::from_utf8_lossy(&pushed.await.unwrap().stderr).into_owned();
    assert!(said.contains("archived"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_proposes_does_not_merge() {
    let world = World::new().await;
    world.account("ada", false).await;
    let ada = world.token("ada", "repo,user").await;
    world.repository(&ada, "engine", true).await;
    let body =
        json!({ "name": "scribe", "tier": "propose", "agent": "scribe", "repositories": ["ada/engine"] });
    let made = world
        .ask("POST", "/api/user/tokens", Some(&ada), Some(body))
        .await
        .json();
    let shown = &made["token"];
    assert_eq!(
        (&shown["tier"], &shown["agent"], &shown["scopes"]),
        (&json!("propose"), &json!("scribe"), &json!(["repo:propose"]))
    );
    for (body, field) in [
        (json!({ "name": "x", "tier": "land" }), "tier"),
        (
            json!({ "name": "x", "tier": "read", "scopes": ["repo:write"] }),
            "tier",
        ),
        (json!({ "name": "x" }), "scopes"),
    ] {
        let refused = world
            .ask("POST", "/api/user/tokens", Some(&ada), Some(body))
            .await;
        assert_eq!(refused.status.as_u16(), 400, "{refused:?}");
        assert_eq!(refused.json()["field"], field);
    }
    let token = made["fullToken"].as_str().unwrap();
    let work = world.dir.path().join("work-engine");
    let push = async |token: &str, refspecs: &[&str]| {
        let url = format!("http://ada:{token}@{}/ada/engine.git", world.address);
        let at = ["-C", work.to_str().unwrap(), "push", &url];
        let ran = world
            .git_command()
            .args(at)
            .args(refspecs)
            .output()
            .await
            .unwrap();
        (
            ran.status.success(),
            String::from_utf8_lossy(&ran.stderr).into_owned(),
        )
    };
    let at = ["-C", work.to_str().unwrap()];
    world
        .git(&at, &["commit", "-q", "--allow-empty", "-m", "A proposal"])
        .await;
    let refused = async |refspecs: &[&str], why: &str| {
        let (done, said) = push(token, refspecs).await;
        assert!(
            !done && said.contains(why) && said.contains("repo:propose"),
            "{refspecs:?}: {said}"
        );
    };
    refused(&["main"], "main is the default bookmark").await;
    refused(&["main:refs/tags/v1"], "is no bookmark").await;
    let (done, said) = push(token, &["main:proposal"]).await;
    assert!(done, "{said}");
    world
        .git(
            &at,
            &["commit", "-q", "--amend", "--allow-empty", "-m", "A better one"],
        )
        .await;
    let (done, said) = push(token, &["+main:proposal"]).await;
    assert!(done, "{said}");
    refused(&[":proposal"], "would be removed").await;
    // One that may not move along takes an atomic push with it, and else the others go through.
    refused(
        &["--atomic", "main:second", "main"],
        "main is the default bookmark",
    )
    .await;
    refused(&["main:third", "main"], "main is the default bookmark").await;
    let bookmarks = world
        .git(
            &at,
            &[
                "ls-remote",
                "--heads",
                &format!("http://ada:{ada}@{}/ada/engine.git", world.address),
            ],
        )
        .await;
    let names: Vec<_> = bookmarks
        .lines()
        .map(|line| line.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(names, ["main", "proposal", "third"]);
    // It makes no repository, and changes none.
    let (done, _) = push(token, &["main"]).await;
    assert!(!done);
    let changed = world
        .ask(
            "PATCH",
            "/api/ada/engine",
            Some(token),
            Some(json!({ "description": "x" })),
        )
        .await;
    assert_eq!(changed.status.as_u16(), 403);
    let (done, said) = push(&ada, &["main", "main:refs/tags/v1", ":proposal"]).await;
    assert!(done, "{said}");
}

//! Whole answers, and what is said of bad input.

use super::world::{Answer, World};
use serde_json::{Value, json};

/// Replaces what differs from run to run.
fn plain(mut value: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let moment = name.ends_with("At") && member.is_string();
                    if moment
                        || matches!(
                            name.as_str(),
                            "uuid" | "requestId" | "fullToken" | "tokenLastEight"
                        )
                    {
                        *member = json!("…");
                    } else {
                        walk(member);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut value);
    value
}

fn problem(answer: &Answer) -> (u16, String, Value) {
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{answer:?}"
    );
    let body = answer.json();
    assert_eq!(body["status"], answer.status.as_u16());
    assert_eq!(body["error"], body["detail"]);
    let code = body["code"].as_str().unwrap().to_owned();
    (answer.status.as_u16(), code, body["field"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_their_promised_shapes() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    let ada = Some(token.as_str());
    let commit = world.repository(&token, "engine", false).await;

    let me = plain(world.get("/api/auth/me", ada).await.json());
    assert_eq!(
        me,
        json!({ "user": {
            "id": me["user"]["id"], "uuid": "…", "username": "ada", "email": null, "emailVerified": false, "displayName": "", "bio": "",
            "avatarUrl": null, "walletAddress": null, "isActive": true, "isAdmin": false,
            "createdAt": "…", "updatedAt": "…",
        } })
    );
    assert_eq!(
        world.get("/api/auth/me", None).await.json(),
        json!({ "user": null })
    );

    let one = plain(world.get("/api/ada/engine", None).await.json());
    let repository = json!({
        "id": one["repository"]["id"], "uuid": "…", "owner": "ada", "name": "engine", "fullName": "ada/engine",
        "description": "", "isPrivate": false, "isPublic": true, "visibility": "public", "isArchived": false,
        "objectFormat": "sha1",
        "defaultBranch": "main", "sizeBytes": one["repository"]["sizeBytes"],
        "cloneUrl": "http://plue.test/ada/engine.git", "sshUrl": "ssh://git@plue.test:2222/ada/engine.git",
        "createdAt": "…", "updatedAt": "…", "pushedAt": "…",
    });
    assert_eq!(one, json!({ "repository": repository }));
    let list = plain(world.get("/api/repos", None).await.json());
    assert_eq!(
        list,
        json!({ "repositories": [repository], "total": 1, "limit": 30, "offset": 0 })
    );
    assert_eq!(
        world.get("/repos", None).await.json(),
        json!({ "count": 1, "repositories": [{ "owner": "ada", "name": "engine", "url": "/ada/engine.wit" }] })
    );

    let of_main = world.get("/api/ada/engine/refs/main", None).await;
    assert_eq!(of_main.json(), json!({ "commit": commit, "ref": "main" }));
    assert_eq!(of_main.header("cache-control"), "public, no-cache");
    let full = world.get("/api/ada/engine/refs/refs%2Fheads%2Fmain", None).await;
    assert_eq!(full.json()["commit"], commit.as_str());

    let tree = world.get(&format!("/api/ada/engine/tree/{commit}"), None).await;
    let listed = tree.json();
    let names: Vec<_> = listed["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (&e["name"], &e["type"]))
        .collect();
    assert_eq!(
        names,
        [
            (&json!("README.md"), &json!("blob")),
            (&json!("docs"), &json!("tree"))
        ]
    );
    assert_eq!(
        (&listed["total"], &listed["path"], &listed["sha"]),
        (&json!(2), &json!(""), &json!(commit))
    );
    assert_eq!(tree.header("cache-control"), "public, no-cache");
    let below = world
        .get(&format!("/api/ada/engine/tree/{commit}/docs"), None)
        .await;
    assert_eq!(below.json()["entries"][0]["path"], "docs/bytes");

    let blob = world
        .get(&format!("/api/ada/engine/blob/{commit}/README.md"), None)
        .await;
    assert_eq!(blob.json()["content"], "# A <title>\n");
    assert_eq!(blob.json()["encoding"], "utf-8");
    let bytes = world
        .get(&format!("/api/ada/engine/blob/{commit}/docs/bytes"), None)
        .await;
    assert_eq!(
        (bytes.json()["content"].clone(), bytes.json()["encoding"].clone()),
        (json!("/wAB"), json!("base64"))
    );
    let tag = blob.header("etag").to_owned();
    let request = http::Request::get(format!("/api/ada/engine/blob/{commit}/README.md"))
        .header("host", "plue.test")
        .header("if-none-match", tag);
    let again = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));

    let commits = world.get("/api/ada/engine/commits", None).await.json();
    assert_eq!(
        commits,
        json!({ "commits": [{
            "sha": commit, "parents": [], "message": "The first commit\n",
            "author": { "name": "Ada", "email": "ada@plue.test", "date": "2026-01-01T00:00:00Z" },
            "committer": { "name": "Ada", "email": "ada@plue.test", "date": "2026-01-01T00:00:00Z" },
        }], "limit": 30, "offset": 0 })
    );

    let made = world
        .ask(
            "POST",
            "/api/user/tokens",
            ada,
            Some(json!({ "name": "t", "scopes": ["repo:read"], "repositories": ["ada/engine"] })),
        )
        .await;
    let secret = made.json()["fullToken"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("plt_") && secret.len() == 68);
    let shown = plain(made.json());
    assert_eq!(
        shown,
        json!({
            "token": {
                "id": shown["token"]["id"], "name": "t", "tokenLastEight": "…", "scopes": ["repo:read"],
                "tier": "read", "agent": null,
                "repositories": [repository["id"]], "createdAt": "…", "lastUsedAt": null, "expiresAt": null,
            },
            "fullToken": "…",
            "message": "Copy the token now; it is not shown again.",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_told_apart_and_changes_nothing() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    let ada = Some(token.as_str());
    world.repository(&token, "engine", false).await;
    let cases = [
        (
            "POST",
            "/api/repos",
            json!({ "name": "../up" }),
            (400, "invalid-request", json!("name")),
        ),
        (
            "POST",
            "/api/repos",
            json!({ "name": "--exec=x" }),
            (400, "invalid-request", json!("name")),
        ),
        (
            "POST",
            "/api/repos",
            json!({ "name": "x.git" }),
            (400, "invalid-request", json!("name")),
        ),
        (
            "POST",
            "/api/repos",
            json!({ "nom": "x" }),
            (400, "invalid-request", Value::Null),
        ),
        (
            "POST",
            "/api/repos",
            json!({ "name": "x", "object_format": "md5" }),
            (400, "invalid-request", json!("object_format")),
        ),
        (
            "POST",
            "/api/repos",
            json!({ "name": "x", "private": true, "is_public": true }),
            (400, "invalid-request", json!("private")),
        ),
        (
            "POST",
            "/api/repos",
            json!({ "name": "ENGINE" }),
            (409, "conflict", json!("name")),
        ),
        (
            "PATCH",
            "/api/ada/engine",
            json!({ "colour": "red" }),
            (400, "invalid-request", Value::Null),
        ),
        (
            "PATCH",
            "/api/users/me",
            json!({ "isAdmin": true }),
            (400, "invalid-request", Value::Null),
        ),
        (
            "POST",
            "/api/user/tokens",
            json!({ "name": "t", "scopes": ["root"] }),
            (400, "invalid-request", json!("scopes")),
        ),
        (
            "PUT",
            "/api/ada/engine/collaborators/eve",
            json!({ "permission": "own" }),
            (400, "invalid-request", json!("permission")),
        ),
        (
            "POST",
            "/api/ssh-keys",
            json!({ "name": "k", "publicKey": "ssh-rsa AAAA" }),
            (400, "invalid-request", json!("publicKey")),
        ),
    ];
    for (method, path, body, (status, code, field)) in cases {
        let answer = world.ask(method, path, ada, Some(body.clone())).await;
        assert_eq!(
            problem(&answer),
            (status, code.to_owned(), field),
            "{method} {path} {body}"
        );
    }
    for (path, status) in [
        ("/api/users/search?q=a", 400),
        ("/api/repos?sort=size", 400),
        ("/api/repos?limit=0", 400),
        ("/api/repos?limit=many", 400),
        ("/api/repos?cursor=nonsense", 400),
        ("/api/ada/engine/tree/main", 400),
        ("/api/ada/engine/blob/--exec=x/y", 400),
        ("/api/ada/engine/refs/--exec=x", 404),
        ("/api/ada/engine/refs/nothing", 404),
        ("/api/ada/engine/commits?ref=nothing", 404),
    ] {
        let answer = world.get(path, ada).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let request = http::Request::post("/api/repos")
        .header("host", "plue.test")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "text/plain");
    let answer = world
        .send(request.body(axum::body::Body::from("{}")).unwrap())
        .await;
    assert_eq!(problem(&answer).0, 415);
    let huge = json!({ "name": "x", "description": "x".repeat(11 << 20) });
    let answer = world.ask("POST", "/api/repos", ada, Some(huge)).await;
    assert_eq!(problem(&answer).0, 413);
    assert_eq!(world.get("/api/repos", ada).await.json()["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_lists_public_repositories_and_nothing_in_it_is_a_tag() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    world.repository(&token, "secret", true).await;
    let body = json!({ "name": "open", "description": "<script>alert(1)</script>" });
    world.ask("POST", "/api/repos", Some(&token), Some(body)).await;
    let page = world.get("/", None).await;
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(page.text.contains("href=\"/ada/open\""), "{}", page.text);
    assert!(page.text.contains("&lt;script&gt;alert") && !page.text.contains("<script>"));
    assert!(!page.text.contains("secret"));
    let link = world.get("/login?token=%22%3E%3Cscript%3E", None).await;
    assert!(!link.text.contains("<script>"), "{}", link.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_in_parts() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    for name in ["a", "b", "c"] {
        world
            .ask("POST", "/api/repos", Some(&token), Some(json!({ "name": name })))
            .await;
    }
    let mut path = String::from("/api/repos?limit=2");
    let mut names = Vec::new();
    for part in 0..2 {
        let list = world.get(&path, None).await.json();
        assert_eq!(list["total"], 3);
        for repository in list["repositories"].as_array().unwrap() {
            names.push(repository["name"].as_str().unwrap().to_owned());
        }
        match list["nextCursor"].as_str() {
            Some(cursor) => path = format!("/api/repos?limit=2&cursor={cursor}"),
            None => assert_eq!(part, 1),
        }
    }
    assert_eq!(names, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_list_is_whole_unless_a_part_is_asked_for() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    for number in 0..101 {
        let body = json!({ "name": format!("r{number}") });
        world.ask("POST", "/api/repos", Some(&token), Some(body)).await;
    }
    for (query, listed) in [("", 101), ("?limit=2", 2), ("?limit=100&offset=100", 1)] {
        let list = world.get(&format!("/repos{query}"), None).await.json();
        assert_eq!(list["count"], 101);
        assert_eq!(list["repositories"].as_array().unwrap().len(), listed, "{query}");
    }
    let end = world.get("/api/ada/r1?offset=9223372036854775807", None).await;
    assert_eq!(end.status.as_u16(), 200);
    let far = world.get("/api/repos?offset=9223372036854775807", None).await;
    assert_eq!(far.json()["repositories"], json!([]));
}

//! Organisations, teams and the log over the interface for programs: whole answers, and what bad
//! input is told.

use super::world::{Answer, World};
use serde_json::{Value, json};

async fn ask(world: &World, method: &str, path: &str, token: &str, body: Value) -> Answer {
    world.ask(method, path, Some(token), Some(body)).await
}

/// The answer with its times and ids written alike.
fn plain(mut value: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match name.as_str() {
                        "id" | "uuid" | "createdAt" | "updatedAt" | "at" | "requestId"
                            if !member.is_null() =>
                        {
                            *member = json!("…");
                        }
                        _ => walk(member),
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

#[tokio::test(flavor = "multi_thread")]
async fn a_team_of_an_organisation_works_in_a_repository_that_moved_in() {
    let world = World::new().await;
    for name in ["ada", "bob", "eve"] {
        world.account(name, false).await;
    }
    let ada = world.token("ada", "repo,user,org:write").await;
    let bob = world.token("bob", "repo,user,org:write").await;
    let body =
        json!({ "name": "Weavers", "displayName": "The weavers", "website": "https://weavers.example" });
    let made = ask(&world, "POST", "/api/orgs", &ada, body).await;
    assert_eq!(made.status.as_u16(), 201);
    let organisation = json!({
        "id": "…", "uuid": "…", "name": "Weavers", "displayName": "The weavers", "description": "", "email": null,
        "avatarUrl": null, "website": "https://weavers.example", "location": "", "parent": null,
        "createdAt": "…", "updatedAt": "…",
    });
    assert_eq!(plain(made.json()), json!({ "organization": organisation }));
    assert_eq!(
        plain(world.get("/api/orgs/weavers", None).await.json()),
        json!({ "organization": organisation })
    );
    let body = json!({ "name": "looms", "parent": "weavers" });
    let made = ask(&world, "POST", "/api/orgs", &ada, body).await;
    assert_eq!(made.json()["organization"]["parent"], "Weavers");
    let within = world.get("/api/orgs/weavers/orgs", None).await.json();
    assert_eq!(
        (&within["total"], &within["organizations"][0]["name"]),
        (&json!(1), &json!("looms"))
    );
    for (body, field) in [
        (json!({ "name": "looms" }), "name"),
        (json!({ "name": "ada" }), "name"),
        (json!({ "name": "login" }), "name"),
        (json!({ "name": "x", "parent": "none" }), "parent"),
        (
            json!({ "name": "x", "website": "javascript:alert(1)" }),
            "website",
        ),
        (json!({ "name": "x", "email": "no address" }), "email"),
    ] {
        let refused = ask(&world, "POST", "/api/orgs", &ada, body).await;
        assert!(matches!(refused.status.as_u16(), 400 | 409), "{refused:?}");
        assert_eq!(refused.json()["field"], field, "{refused:?}");
    }

    // A repository moves in; its old address leads to the new one.
    world.repository(&ada, "engine", true).await;
    let body = json!({ "owner": "weavers" });
    let moved = ask(&world, "POST", "/api/ada/engine/transfer", &ada, body).await;
    assert_eq!(moved.json()["repository"]["fullName"], "Weavers/engine");
    let seen = world.get("/api/ada/engine", Some(&ada)).await.json();
    assert_eq!(seen["repository"]["fullName"], "Weavers/engine");
    assert_eq!(
        world.get("/api/weavers/engine", Some(&bob)).await.status.as_u16(),
        404
    );

    // Bob comes to it by a team, eve from outside.
    let put = async |path: &str, body: Value| {
        let done = ask(&world, "PUT", path, &ada, body).await;
        assert_eq!(done.status.as_u16(), 200, "{path}: {done:?}");
        plain(done.json())
    };
    let said = put("/api/orgs/weavers/members/bob", json!({})).await;
    assert_eq!(said, json!({ "username": "bob", "role": "member" }));
    assert_eq!(
        world.get("/api/weavers/engine", Some(&bob)).await.status.as_u16(),
        404
    );
    let body = json!({ "name": "core", "description": "The core" });
    let made = ask(&world, "POST", "/api/orgs/weavers/teams", &ada, body).await;
    assert_eq!(made.status.as_u16(), 201);
    put("/api/orgs/weavers/teams/core/members/bob", json!({})).await;
    put(
        "/api/orgs/weavers/teams/core/repos/engine",
        json!({ "permission": "triage" }),
    )
    .await;
    assert_eq!(
        world.get("/api/weavers/engine", Some(&bob)).await.status.as_u16(),
        200
    );
    let team = plain(world.get("/api/orgs/weavers/teams/core", Some(&bob)).await.json());
    assert_eq!(
        team,
        json!({
            "team": { "id": "…", "name": "core", "description": "The core", "role": "member", "createdAt": "…" },
            "members": [{ "id": "…", "username": "bob", "createdAt": "…" }],
            "repositories": [{ "id": "…", "name": "engine", "permission": "triage", "createdAt": "…" }],
        })
    );
    put(
        "/api/weavers/engine/collaborators/eve",
        json!({ "permission": "maintain" }),
    )
    .await;
    let outside = plain(
        world
            .get("/api/orgs/weavers/outside-collaborators", Some(&ada))
            .await
            .json(),
    );
    assert_eq!(
        outside,
        json!({ "outsideCollaborators": [
            { "id": "…", "username": "eve", "repository": "engine", "permission": "maintain", "createdAt": "…" },
        ] })
    );
    let mine = plain(world.get("/api/user/orgs", Some(&bob)).await.json());
    assert_eq!(
        mine,
        json!({ "organizations": [{ "organization": organisation, "role": "member" }] })
    );
    let page = world.get("/weavers", Some(&bob)).await;
    assert!(
        page.text.contains("The weavers") && page.text.contains("People and teams"),
        "{}",
        page.text
    );
    let page = world.get("/weavers", None).await;
    assert!(!page.text.contains("engine") && !page.text.contains("People and teams"));

    // When it moves out, the team stays behind.
    let body = json!({ "owner": "ada" });
    let moved = ask(&world, "POST", "/api/weavers/engine/transfer", &ada, body).await;
    assert_eq!(moved.status.as_u16(), 200);
    assert_eq!(
        world.get("/api/ada/engine", Some(&bob)).await.status.as_u16(),
        404
    );
    let left = world
        .ask("DELETE", "/api/orgs/weavers/members/bob", Some(&bob), None)
        .await;
    assert_eq!(left.status.as_u16(), 200, "{left:?}");
    assert_eq!(
        world
            .get("/api/orgs/weavers/members", Some(&bob))
            .await
            .status
            .as_u16(),
        403
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_in_parts_and_exported_whole() {
    let world = World::new().await;
    world.account("ada", false).await;
    world.account("chief", true).await;
    let ada = world.token("ada", "repo,user,org:write").await;
    let chief = world.token("chief", "admin").await;
    ask(&world, "POST", "/api/orgs", &ada, json!({ "name": "weavers" })).await;
    for at in 0..5 {
        let body = json!({ "name": format!("team{at}"), "description": "=1,\"2\"" });
        ask(&world, "POST", "/api/orgs/weavers/teams", &ada, body).await;
    }
    let first = world
        .get("/api/orgs/weavers/audit?limit=4", Some(&ada))
        .await
        .json();
    let cursor = first["nextCursor"].as_str().expect("there is more").to_owned();
    let second = world
        .get(
            &format!("/api/orgs/weavers/audit?limit=4&cursor={cursor}"),
            Some(&ada),
        )
        .await
        .json();
    let subjects: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|part| part["entries"].as_array().unwrap())
        .map(|entry| {
            format!(
                "{} {}",
                entry["action"].as_str().unwrap(),
                entry["subject"].as_str().unwrap()
            )
        })
        .collect();
    let mut expected: Vec<_> = (0..5)
        .rev()
        .map(|at| format!("team.create weavers/team{at}"))
        .collect();
    expected.push("organisation.create weavers".to_owned());
    assert_eq!(subjects, expected);
    assert_eq!(second.get("nextCursor"), None);
    let entry = plain(first["entries"][0].clone());
    assert_eq!(
        entry,
        json!({
            "id": "…", "at": "…", "action": "team.create", "actorId": entry["actorId"], "actor": "ada",
            "via": entry["via"], "address": "192.0.2.7", "requestId": "…", "subject": "weavers/team4",
            "detail": { "role": "member" },
        })
    );
    assert!(entry["via"].as_str().unwrap().starts_with("token "));
    let only = world
        .get("/api/orgs/weavers/audit?action=organisation.create", Some(&ada))
        .await
        .json();
    assert_eq!(only["entries"].as_array().unwrap().len(), 1);
    for bad in ["cursor=x", "limit=0", "format=xml", "limit=x"] {
        let refused = world
            .get(&format!("/api/orgs/weavers/audit?{bad}"), Some(&ada))
            .await;
        assert_eq!(refused.status.as_u16(), 400, "{bad}");
    }
    let lines = world
        .get("/api/orgs/weavers/audit?format=jsonl", Some(&ada))
        .await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let parsed: Vec<Value> = lines
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(parsed.len(), 6);
    assert_eq!(parsed[0], first["entries"][0]);
    let table = world.get("/api/admin/audit?format=csv", Some(&chief)).await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    assert!(
        table.text.starts_with("id,at,action,actorId,actor,via,"),
        "{}",
        table.text
    );
    assert!(table.text.contains(",account.create,,system,"), "{}", table.text);
    assert!(
        table.text.contains(",\"{\"\"role\"\":\"\"member\"\"}\"\r\n"),
        "{}",
        table.text
    );
    // One's own, and no one else's.
    let own = world.get("/api/user/audit", Some(&ada)).await;
    assert!(
        own.text.contains("token.create") && !own.text.contains("team.create"),
        "{}",
        own.text
    );
    // Wrong and right passwords are both told to whom they concern.
    for (password, status) in [("wrong", 401), ("ada has a long password", 200)] {
        let body = json!({ "username": "ada", "password": password });
        let request = http::Request::builder()
            .method("POST")
            .uri("/api/auth/login")
            .header("host", "plue.test")
            .header("origin", super::world::ORIGIN)
            .header("content-type", "application/json")
            .body(axum::body::Body::from(body.to_string()))
            .unwrap();
        assert_eq!(world.send(request).await.status.as_u16(), status);
    }
    let own = world.get("/api/user/audit?limit=2", Some(&ada)).await.json();
    let actions = [&own["entries"][0]["action"], &own["entries"][1]["action"]];
    assert_eq!(actions, ["session.open", "session.refuse"]);
}

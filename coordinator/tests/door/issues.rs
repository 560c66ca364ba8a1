//! Issues as programs see them: the shapes, lists read part by part, and what is done twice.

use super::world::World;
use serde_json::{Value, json};

async fn world() -> (World, String, String) {
    let world = World::new().await;
    for name in ["ada", "eve"] {
        world.account(name, false).await;
    }
    let ada = world.token("ada", "repo,user").await;
    let eve = world.token("eve", "repo:propose").await;
    world.repository(&ada, "engine", false).await;
    (world, ada, eve)
}

async fn done(world: &World, method: &str, path: &str, token: &str, body: Value) -> Value {
    let answer = world.ask(method, path, Some(token), Some(body)).await;
    assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_has_the_promised_shape() {
    let (world, ada, eve) = world().await;
    let base = "/api/ada/engine";
    let made = done(
        &world,
        "POST",
        &format!("{base}/issues"),
        &eve,
        json!({ "title": "It breaks", "body": "Look:\r\n1" }),
    )
    .await;
    let label = done(
        &world,
        "POST",
        &format!("{base}/labels"),
        &ada,
        json!({ "name": "Bug", "color": "#D73A4A", "description": "It breaks" }),
    )
    .await;
    let milestone = done(
        &world,
        "POST",
        &format!("{base}/milestones"),
        &ada,
        json!({ "title": "v1", "due_date": 1_800_000_000 }),
    )
    .await;
    let one = format!("{base}/issues/1");
    done(
        &world,
        "POST",
        &format!("{one}/labels"),
        &ada,
        json!({ "labels": ["bug"] }),
    )
    .await;
    let user = made["author"]["id"].clone();
    done(
        &world,
        "POST",
        &format!("{one}/assignees"),
        &ada,
        json!({ "user_id": user }),
    )
    .await;
    done(
        &world,
        "PUT",
        &format!("{one}/milestone"),
        &ada,
        json!({ "milestone_id": milestone["id"] }),
    )
    .await;
    let due = done(
        &world,
        "PUT",
        &format!("{one}/due-date"),
        &ada,
        json!({ "due_date": 1_800_000_000 }),
    )
    .await;
    assert_eq!(due, json!({ "dueDate": 1_800_000_000 }));
    let said = done(
        &world,
        "POST",
        &format!("{one}/comments"),
        &eve,
        json!({ "body": "Here too" }),
    )
    .await;
    let to_comment = format!("{one}/comments/{}/reactions", said["id"]);
    for path in [&format!("{one}/reactions"), &to_comment] {
        let first = done(&world, "POST", path, &ada, json!({ "emoji": "👍" })).await;
        let again = done(&world, "POST", path, &ada, json!({ "emoji": "👍" })).await;
        assert_eq!(first, again, "a repeat changes nothing");
        let list = world.get(path, None).await.json();
        assert_eq!(
            list,
            json!({ "reactions": [{ "emoji": "👍", "count": 1, "users": [{ "id": first["userId"], "username": "ada" }] }] })
        );
        for _ in 0..2 {
            let gone = world
                .ask("DELETE", &format!("{path}/%F0%9F%91%8D"), Some(&ada), None)
                .await;
            assert_eq!(gone.status.as_u16(), 200, "{gone:?}");
        }
        assert_eq!(world.get(path, None).await.json(), json!({ "reactions": [] }));
    }
    done(&world, "POST", &format!("{one}/close"), &ada, json!({})).await;
    let twice = done(&world, "POST", &format!("{one}/close"), &ada, json!({})).await;
    let whole = world.get(&one, None).await.json();
    assert_eq!(whole["closedAt"], twice["closedAt"]);
    let mut shown = whole.clone();
    for moment in ["createdAt", "updatedAt", "closedAt", "uuid"] {
        assert!(shown[moment].is_string(), "{shown}");
        shown[moment] = Value::Null;
    }
    for moment in ["createdAt", "updatedAt", "uuid"] {
        shown["comments"][0][moment] = Value::Null;
    }
    let eve_view = json!({ "id": user, "username": "eve" });
    assert_eq!(
        shown,
        json!({
            "id": made["id"], "uuid": null, "number": 1, "title": "It breaks", "body": "Look:\n1", "state": "closed",
            "stateReason": "completed", "authorId": user, "author": eve_view, "assignees": [eve_view],
            "labels": [label], "milestone": { "id": milestone["id"], "title": "v1" }, "dueDate": 1_800_000_000,
            "locked": false, "pinned": false, "commentCount": 1, "createdAt": null, "updatedAt": null,
            "closedAt": null, "closedBy": "ada",
            "comments": [{
                "id": said["id"], "uuid": null, "body": "Here too", "authorId": user, "author": eve_view,
                "createdAt": null, "updatedAt": null, "edited": false
            }]
        })
    );
    let history = world.get(&format!("{one}/history"), None).await.json();
    let kinds: Vec<&str> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["eventType"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "opened",
            "label_added",
            "assignee_added",
            "milestone_added",
            "due_date_changed",
            "closed"
        ]
    );
    assert_eq!(history["history"][1]["metadata"]["label"], "Bug");
    let milestones = world.get(&format!("{base}/milestones"), None).await.json();
    assert_eq!(milestones["milestones"][0]["closedIssues"], 1);
    let counts = world.get(&format!("{base}/issues/counts"), None).await.json();
    assert_eq!(counts, json!({ "open": 0, "closed": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_to_its_end_by_its_links() {
    let (world, ada, _) = world().await;
    let issues = "/api/ada/engine/issues";
    for n in 1..=25 {
        done(
            &world,
            "POST",
            issues,
            &ada,
            json!({ "title": format!("The {n}th") }),
        )
        .await;
    }
    done(
        &world,
        "PATCH",
        issues,
        &ada,
        json!({ "numbers": [3, 4, 5], "state": "closed", "stateReason": "not_planned" }),
    )
    .await;
    let mut path = format!("{issues}?q=is:open&sort=created-asc&limit=7&page=1");
    let mut read = Vec::new();
    loop {
        let answer = world.get(&path, None).await;
        let part = answer.json();
        assert_eq!(
            (&part["total"], &part["counts"]),
            (&json!(22), &json!({ "open": 22, "closed": 3 }))
        );
        read.extend(
            part["issues"]
                .as_array()
                .unwrap()
                .iter()
                .map(|issue| issue["number"].as_i64().unwrap()),
        );
        let link = answer.header("link");
        assert_eq!(link.is_empty(), part.get("nextCursor").is_none());
        if link.is_empty() {
            break;
        }
        assert!(
            link.starts_with("<http://plue.test/api/ada/engine/issues?q=is:open")
                && link.ends_with(">; rel=\"next\""),
            "{link}"
        );
        let end = link.find('>').unwrap();
        path = link["<http://plue.test".len()..end].to_owned();
    }
    let expected: Vec<i64> = (1..=25).filter(|n| !(3..=5).contains(n)).collect();
    assert_eq!(read, expected);
    let closed = world.get(&format!("{issues}?state=closed"), None).await.json();
    assert_eq!(closed["total"], 3);
    assert_eq!(closed["issues"][0]["stateReason"], "not_planned");
    let by_offset = world
        .get(&format!("{issues}?limit=2&offset=2"), None)
        .await
        .json();
    assert_eq!(by_offset["issues"][0]["number"], 23);
    let next = world.get(&format!("{issues}?limit=2"), None).await.json();
    let cursor = next["nextCursor"].as_str().unwrap();
    for (query, said) in [
        (format!("cursor={cursor}&sort=updated"), "another order"),
        ("cursor=1:2:3".to_owned(), "not one that we gave"),
        ("state=half".to_owned(), "open or closed"),
        ("sort=size".to_owned(), "sorted by"),
        ("limit=0".to_owned(), "begins at 1"),
    ] {
        let refused = world.get(&format!("{issues}?{query}"), None).await;
        assert_eq!(refused.status.as_u16(), 400, "{query}");
        assert!(refused.text.contains(said), "{query}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_badly_asked_for_is_told() {
    let (world, ada, eve) = world().await;
    let base = "/api/ada/engine";
    for n in 1..=5 {
        done(
            &world,
            "POST",
            &format!("{base}/issues"),
            &eve,
            json!({ "title": format!("The {n}th") }),
        )
        .await;
    }
    for n in 1..=3 {
        done(&world, "POST", &format!("{base}/issues/{n}/pin"), &ada, json!({})).await;
    }
    done(
        &world,
        "POST",
        &format!("{base}/labels"),
        &ada,
        json!({ "name": "bug" }),
    )
    .await;
    done(
        &world,
        "POST",
        &format!("{base}/issues/1/dependencies"),
        &ada,
        json!({ "blocks": 2 }),
    )
    .await;
    let shown = world
        .get(&format!("{base}/issues/2/dependencies"), None)
        .await
        .json();
    assert_eq!(
        shown,
        json!({ "blocks": [], "blockedBy": [{ "number": 1, "title": "The 1th", "state": "open" }] })
    );
    for (method, path, token, body, status, said) in [
        (
            "POST",
            "issues",
            &eve,
            json!({ "title": " " }),
            400,
            "a title is one line",
        ),
        (
            "POST",
            "issues",
            &eve,
            json!({ "title": "x", "labels": ["bug"] }),
            403,
            "not sort its issues",
        ),
        (
            "POST",
            "issues",
            &ada,
            json!({ "title": "x", "labels": ["none"] }),
            400,
            "there is no label",
        ),
        (
            "POST",
            "issues",
            &eve,
            json!({ "title": "x", "body": "a\u{0}b" }),
            400,
            "control characters",
        ),
        ("POST", "issues/4/pin", &ada, json!({}), 409, "unpin one first"),
        (
            "POST",
            "issues/2/dependencies",
            &ada,
            json!({ "blocks": 1 }),
            409,
            "wait for each other",
        ),
        (
            "POST",
            "issues/2/dependencies",
            &ada,
            json!({ "blocks": 2 }),
            400,
            "relation to itself",
        ),
        (
            "POST",
            "issues/1/reactions",
            &ada,
            json!({ "emoji": "<script>" }),
            400,
            "one emoji",
        ),
        (
            "POST",
            "issues/1/comments",
            &ada,
            json!({ "body": "\n" }),
            400,
            "says something",
        ),
        (
            "POST",
            "labels",
            &ada,
            json!({ "name": "BUG" }),
            409,
            "of this name already",
        ),
        (
            "PUT",
            "issues/1/due-date",
            &ada,
            json!({ "due_date": i64::MAX }),
            400,
            "1970 to 9999",
        ),
        (
            "PATCH",
            "issues",
            &ada,
            json!({ "numbers": [] }),
            400,
            "1 to 100 issues",
        ),
        (
            "PATCH",
            "issues/1",
            &ada,
            json!({ "state": "merged" }),
            400,
            "open or closed",
        ),
    ] {
        let refused = world
            .ask(method, &format!("{base}/{path}"), Some(token), Some(body))
            .await;
        assert_eq!(refused.status.as_u16(), status, "{method} {path}: {refused:?}");
        assert!(refused.text.contains(said), "{method} {path}: {refused:?}");
    }
    // Archived: read, and nothing else.
    done(&world, "PATCH", base, &ada, json!({ "archived": true })).await;
    let refused = world
        .ask(
            "POST",
            &format!("{base}/issues"),
            Some(&ada),
            Some(json!({ "title": "x" })),
        )
        .await;
    assert_eq!(refused.status.as_u16(), 423, "{refused:?}");
    assert_eq!(
        world.get(&format!("{base}/issues/1"), None).await.status.as_u16(),
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_relations_and_duplicates_have_the_shapes_of_wit() {
    let (world, ada, _) = world().await;
    for title in ["The whole", "A part", "Another"] {
        let body = json!({ "title": title });
        done(&world, "POST", "/api/ada/engine/issues", &ada, body).await;
    }
    let base = "/api/repos/ada/engine/issues";
    let whole = json!({ "number": 1, "title": "The whole", "state": "open" });
    let part = json!({ "number": 2, "title": "A part", "state": "open" });
    let body = json!({ "parentNumber": 1 });
    let found = done(&world, "POST", &format!("{base}/2/parent"), &ada, body).await;
    let expected = json!({ "parent": whole, "subIssues": [], "progress": { "total": 0, "completed": 0 } });
    assert_eq!(found, expected);
    let found = world.get(&format!("{base}/1/sub-issues"), None).await.json();
    let expected = json!({ "parent": null, "subIssues": [part], "progress": { "total": 1, "completed": 0 } });
    assert_eq!(found, expected);
    let body = json!({ "parentNumber": 2 });
    let refused = world
        .ask("POST", &format!("{base}/1/parent"), Some(&ada), Some(body))
        .await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["field"]),
        (409, &json!("parent"))
    );
    let order = json!({ "numbers": [2] });
    done(&world, "PUT", &format!("{base}/1/sub-issues"), &ada, order).await;

    let body = json!({ "relatedNumber": 1, "type": "blocked_by" });
    let found = done(&world, "POST", &format!("{base}/3/relations"), &ada, body).await;
    assert_eq!(
        found,
        json!({ "relations": [{ "type": "blocked_by", "issue": whole }] })
    );
    assert_eq!(
        world.get(&format!("{base}/3/relations"), None).await.json(),
        found
    );
    let ended = world
        .ask("DELETE", &format!("{base}/3/relations/1"), Some(&ada), None)
        .await;
    assert_eq!(ended.json(), json!({ "relations": [] }));
    let body = json!({ "canonicalNumber": 1 });
    let closed = done(&world, "POST", &format!("{base}/3/duplicate"), &ada, body).await;
    assert_eq!(
        (&closed["state"], &closed["stateReason"]),
        (&json!("closed"), &json!("duplicate"))
    );

    let found = world
        .get(&format!("{base}/3/activity?limit=2"), None)
        .await
        .json();
    let kinds: Vec<_> = found["activity"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["eventType"].clone())
        .collect();
    assert_eq!(kinds, ["opened", "relation_added"]);
    assert!(found["nextCursor"].is_string());
    let found = world.get(&format!("{base}/activity?limit=1"), None).await;
    assert_eq!(
        found.json()["activity"][0]["eventType"],
        "closed",
        "the latest first"
    );
    assert!(found.header("link").contains("rel=\"next\""), "{found:?}");
    let said = done(
        &world,
        "POST",
        &format!("{base}/1/comments"),
        &ada,
        json!({ "body": "Look" }),
    )
    .await;
    assert_eq!(said["body"], "Look");

    let page = world.get("/ada/engine/issues/1", Some(&ada)).await;
    for part in [
        "0 / 1",
        "is repeated by",
        "action=\"/ada/engine/issues/1/relate\"",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    let open = world.get("/ada/engine/issues/2", None).await;
    assert!(
        open.text.contains("is a part of") && !open.text.contains("/relate\""),
        "{}",
        open.text
    );
}

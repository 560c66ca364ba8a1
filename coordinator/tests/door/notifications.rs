//! Notifications as programs and browsers see them.

use super::world::{World, now_ms};
use plue_forge::jobs::{self, Lane};
use serde_json::{Value, json};

async fn done(world: &World, method: &str, path: &str, token: &str, body: Value) -> Value {
    let answer = world.ask(method, path, Some(token), Some(body)).await;
    assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
    jobs::run_lane(&world.site.forge, Lane::People, "test", now_ms())
        .await
        .unwrap();
    answer.json()
}

async fn world() -> (World, String, String) {
    let world = World::new().await;
    for name in ["ada", "eve"] {
        world.account(name, false).await;
    }
    let ada = world.token("ada", "repo,user").await;
    let eve = world.token("eve", "repo,user").await;
    world.repository(&ada, "engine", false).await;
    for title in ["It breaks", "It breaks again"] {
        let body = json!({ "title": title, "body": "@ada?" });
        done(&world, "POST", "/api/ada/engine/issues", &eve, body).await;
    }
    (world, ada, eve)
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_have_the_promised_shapes() {
    let (world, ada, eve) = world().await;
    let mut list = world.get("/api/notifications?limit=1", Some(&ada)).await;
    assert!(list.header("link").contains("rel=\"next\""), "{list:?}");
    let cursor = list.json()["nextCursor"].as_str().unwrap().to_owned();
    let mut first = list.json();
    for member in ["id", "event", "updatedAt"] {
        first["notifications"][0][member] = json!("…");
    }
    first["nextCursor"] = json!("…");
    let expected = json!({
        "notifications": [{
            "id": "…",
            "reason": "mention",
            "event": "…",
            "unread": true,
            "updatedAt": "…",
            "repository": "ada/engine",
            "issue": { "number": 2, "title": "It breaks again", "state": "open" },
            "url": "http://plue.test/ada/engine/issues/2",
        }],
        "unread": 2,
        "nextCursor": "…",
    });
    assert_eq!(first, expected);
    list = world
        .get(&format!("/api/notifications?limit=1&cursor={cursor}"), Some(&ada))
        .await;
    let second = &list.json()["notifications"][0];
    assert_eq!(second["issue"]["number"], 1);

    let one = format!("/api/notifications/{}", second["id"]);
    let said = done(&world, "PATCH", &one, &ada, json!({ "unread": false })).await;
    assert_eq!(said, json!({ "message": "Notification read" }));
    let theirs = world
        .ask("PATCH", &one, Some(&eve), Some(json!({ "unread": false })))
        .await;
    assert_eq!(theirs.status.as_u16(), 404);
    let list = world.get("/api/notifications", Some(&ada)).await.json();
    assert_eq!(
        (&list["unread"], list["notifications"].as_array().unwrap().len()),
        (&json!(1), 1)
    );
    let list = world
        .get("/api/notifications?all=true&repository=ada/engine", Some(&ada))
        .await;
    assert_eq!(list.json()["notifications"].as_array().unwrap().len(), 2);
    let up_to = json!({ "upTo": second["event"] });
    done(&world, "PUT", "/api/notifications/read", &ada, up_to).await;
    let left = world.get("/api/notifications", Some(&ada)).await.json();
    assert_eq!(left["unread"], 1, "what came later stays");
    done(&world, "PUT", "/api/notifications/read", &ada, json!({})).await;
    let left = world.get("/api/notifications", Some(&ada)).await.json();
    assert_eq!(left, json!({ "notifications": [], "unread": 0 }));
    for (query, field) in [
        ("reason=boredom", "reason"),
        ("repository=engine", "repository"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
    ] {
        let bad = world
            .get(&format!("/api/notifications?{query}"), Some(&ada))
            .await;
        assert_eq!((bad.status.as_u16(), &bad.json()["field"]), (400, &json!(field)));
    }

    let settings = "/api/notifications/settings";
    let usual = world.get(settings, Some(&ada)).await.json();
    assert_eq!(usual, json!({ "mail": "participating" }));
    let all = done(&world, "PUT", settings, &ada, json!({ "mail": "all" })).await;
    assert_eq!(
        (&all, &world.get(settings, Some(&ada)).await.json()),
        (&json!({ "mail": "all" }), &all)
    );
    let bad = world
        .ask("PUT", settings, Some(&ada), Some(json!({ "mail": "some" })))
        .await;
    assert_eq!((bad.status.as_u16(), &bad.json()["field"]), (400, &json!("mail")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_subscribed_and_muted() {
    let (world, ada, eve) = world().await;
    let at = "/api/ada/engine/issues/1/subscription";
    assert_eq!(world.get(at, None).await.json(), json!({ "state": null }));
    assert_eq!(
        world.get(at, Some(&ada)).await.json(),
        json!({ "state": "named" })
    );
    let muted = done(&world, "PUT", at, &ada, json!({ "state": "muted" })).await;
    assert_eq!(muted, json!({ "state": "muted" }));
    assert_eq!(world.get(at, Some(&ada)).await.json(), muted);
    done(&world, "PUT", "/api/notifications/read", &ada, json!({})).await;
    let body = json!({ "body": "@ada!" });
    done(&world, "POST", "/api/ada/engine/issues/1/comments", &eve, body).await;
    let left = world.get("/api/notifications", Some(&ada)).await.json();
    assert_eq!(left["unread"], 0);
    let answer = world.ask("DELETE", at, Some(&ada), None).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, json!({ "state": null }))
    );
    for state in ["named", "loud"] {
        let bad = world
            .ask("PUT", at, Some(&ada), Some(json!({ "state": state })))
            .await;
        assert_eq!(
            (bad.status.as_u16(), &bad.json()["field"]),
            (400, &json!("state"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_lists_what_was_heard() {
    let (world, ada, _) = world().await;
    let page = world.get("/notifications", Some(&ada)).await;
    for part in [
        "href=\"/ada/engine/issues/1\"",
        "It breaks again",
        "You are named",
        "Mark all as seen",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    let none = world.get("/notifications?reason=author", Some(&ada)).await;
    assert!(none.text.contains("There is nothing new."), "{}", none.text);
    let issue = world.get("/ada/engine/issues/1", Some(&ada)).await;
    assert!(
        issue
            .text
            .contains("action=\"/ada/engine/issues/1/subscription\""),
        "{}",
        issue.text
    );
    let open = world.get("/ada/engine/issues/1", None).await;
    assert!(!open.text.contains("/subscription"), "{}", open.text);
}

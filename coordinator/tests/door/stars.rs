//! Stars, watches and topics as programs and browsers see them.

use super::world::World;
use serde_json::{Value, json};

async fn done(world: &World, method: &str, path: &str, token: &str, body: Option<Value>) -> Value {
    let answer = world.ask(method, path, Some(token), body).await;
    assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn stars_watches_and_topics_have_the_promised_shapes() {
    let world = World::new().await;
    for name in ["ada", "eve"] {
        world.account(name, false).await;
    }
    let ada = world.token("ada", "repo,user").await;
    let eve = world.token("eve", "repo:read,user").await;
    world.repository(&ada, "engine", false).await;
    let base = "/api/ada/engine";
    let star = format!("{base}/star");
    let seen = world.get(&star, None).await.json();
    assert_eq!(seen, json!({ "starred": false, "starCount": 0 }));
    for _ in 0..2 {
        let now = done(&world, "POST", &star, &eve, None).await;
        let expected = json!({ "message": "Repository starred", "starred": true, "starCount": 1 });
        assert_eq!(now, expected);
    }
    let seen = world.get(&star, Some(&eve)).await.json();
    assert_eq!(seen, json!({ "starred": true, "starCount": 1 }));
    let mut all = world.get(&format!("{base}/stargazers"), None).await.json();
    all["stargazers"][0]["starredAt"] = json!("…");
    all["stargazers"][0]["id"] = json!("…");
    assert_eq!(
        all,
        json!({ "stargazers": [{ "id": "…", "username": "eve", "starredAt": "…" }], "total": 1 })
    );
    let hers = world.get("/api/users/eve/starred", None).await.json();
    assert_eq!(
        (
            &hers["user"],
            &hers["total"],
            &hers["repositories"][0]["fullName"]
        ),
        (&json!("eve"), &json!(1), &json!("ada/engine"))
    );
    assert!(hers["repositories"][0]["starredAt"].is_string());

    let watch = format!("{base}/watch");
    let now = done(&world, "POST", &watch, &eve, Some(json!({ "level": "releases" }))).await;
    let expected = json!({ "message": "Repository watched", "level": "releases", "watcherCount": 2 });
    assert_eq!(now, expected);
    let bad = world
        .ask("POST", &watch, Some(&eve), Some(json!({ "level": "loud" })))
        .await;
    assert_eq!(
        (bad.status.as_u16(), &bad.json()["field"]),
        (400, &json!("level"))
    );
    let now = done(&world, "DELETE", &watch, &eve, None).await;
    assert_eq!((&now["level"], &now["watcherCount"]), (&Value::Null, &json!(1)));
    let all = world.get(&format!("{base}/watchers"), None).await.json();
    assert_eq!(
        (&all["watchers"][0]["username"], &all["watchers"][0]["level"]),
        (&json!("ada"), &json!("all"))
    );

    let topics = format!("{base}/topics");
    let body = json!({ "topics": ["Git", "forge"] });
    let now = done(&world, "PUT", &topics, &ada, Some(body)).await;
    assert_eq!(now, json!({ "topics": ["forge", "git"] }));
    assert_eq!(world.get(&topics, None).await.json(), now);
    let popular = world.get("/api/repos/topics/popular", None).await.json();
    let expected = json!({ "topics": [{ "topic": "forge", "count": 1 }, { "topic": "git", "count": 1 }] });
    assert_eq!(popular, expected);
    let about = world.get("/api/repos/topics/GIT", None).await.json();
    assert_eq!(about["repositories"][0]["fullName"], "ada/engine");
    let bad = world.get("/api/repos/topics/a%20b", None).await;
    assert_eq!(bad.status.as_u16(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_them_to_those_whom_they_are_for() {
    let world = World::new().await;
    for name in ["ada", "eve"] {
        world.account(name, false).await;
    }
    let ada = world.token("ada", "repo,user").await;
    let eve = world.token("eve", "repo,user").await;
    world.repository(&ada, "engine", false).await;
    let topics = json!({ "topics": ["version-control"] });
    done(&world, "PUT", "/api/ada/engine/topics", &ada, Some(topics)).await;
    done(&world, "POST", "/api/ada/engine/star", &eve, None).await;

    let open = world.get("/ada/engine", None).await;
    assert!(
        open.text.contains("href=\"/explore?topic=version-control\""),
        "{}",
        open.text
    );
    assert!(
        !open.text.contains("/ada/engine/star\""),
        "nobody is offered what they cannot do"
    );
    let own = world.get("/ada/engine", Some(&eve)).await;
    assert!(
        own.text.contains("aria-pressed=\"true\"") && own.text.contains("action=\"/ada/engine/watch\""),
        "{}",
        own.text
    );
    let found = world.get("/explore?topic=version-control", None).await;
    assert!(found.text.contains("/ada/engine"), "{}", found.text);
    let none = world.get("/explore?topic=cooking", None).await;
    assert!(!none.text.contains("/ada/engine"), "{}", none.text);
    let stars = world.get("/-/stars", Some(&eve)).await;
    assert!(stars.text.contains("/ada/engine"), "{}", stars.text);
    let people = world.get("/ada/engine/stargazers", None).await;
    assert!(people.text.contains("href=\"/eve\""), "{}", people.text);
}

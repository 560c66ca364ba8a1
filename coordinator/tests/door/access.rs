//! Who may ask what: every built route, asked by nobody, by somebody with too small a token, by
//! somebody else, and by its owner.

use super::cases;
use super::world::{ORIGIN, World};
use axum::body::Body;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN as ORIGIN_HEADER};
use plue_gateway::routes::{self, State};
use std::collections::BTreeSet;

#[test]
fn every_built_route_has_a_case() {
    let built: BTreeSet<_> = routes::all()
        .filter(|route| route.state == State::Built)
        .map(|route| route.name)
        .collect();
    let cases: BTreeSet<_> = cases::all().map(|case| case.route).collect();
    assert_eq!(cases, built);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_gets_what_is_theirs() {
    let world = World::new().await;
    for (name, admin) in [("ada", false), ("eve", false), ("chief", true)] {
        world.account(name, admin).await;
    }
    let everything = "repo,user,org:write";
    let ada = world.token("ada", everything).await;
    let callers = [
        None,
        Some(world.token("ada", "repo:read").await),
        Some(world.token("eve", everything).await),
        Some(ada.clone()),
        Some(world.token("chief", "admin").await),
    ];
    for (path, name) in [
        ("/api/orgs", "weavers"),
        ("/api/orgs/weavers/teams", "core"),
        // So that the weavers are never empty.
        ("/api/orgs", "looms"),
    ] {
        let body = match name {
            "looms" => serde_json::json!({ "name": name, "parent": "weavers" }),
            name => serde_json::json!({ "name": name }),
        };
        let made = world.ask("POST", path, Some(&ada), Some(body)).await;
        assert_eq!(made.status.as_u16(), 201, "{made:?}");
    }
    world.repository(&ada, "open", false).await;
    world.repository(&ada, "pages", true).await;
    let commit = world.repository(&ada, "secret", true).await;
    for (path, body) in [
        (
            "/api/ada/pages/issues",
            serde_json::json!({ "title": "It breaks" }),
        ),
        (
            "/api/ada/pages/labels",
            serde_json::json!({ "name": "bug", "color": "#d73a4a" }),
        ),
    ] {
        let made = world.ask("POST", path, Some(&ada), Some(body)).await;
        assert_eq!(made.status.as_u16(), 201, "{made:?}");
    }
    let mut wrong = Vec::new();
    for case in cases::all() {
        let (method, _) = case.route.split_once(' ').unwrap();
        let asset = plue_pages::assets::all()[0].name.as_str();
        let path = case.path.replace("COMMIT", &commit).replace("ASSET", asset);
        let mut found = Vec::new();
        for caller in &callers {
            let mut request = Request::builder()
                .method(method)
                .uri(&path)
                .header(HOST, "plue.test")
                .header(ORIGIN_HEADER, ORIGIN);
            if let Some(token) = caller {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
                if case.route.contains("/git-") || case.route.contains("/info/") {
                    request.headers_mut().unwrap().remove(ORIGIN_HEADER);
                }
            }
            let (media_type, body) = case.body;
            if !media_type.is_empty() {
                request = request.header(CONTENT_TYPE, media_type);
            }
            let answer = world.send(request.body(Body::from(body)).unwrap()).await;
            let id = answer.header("x-request-id");
            assert!(!id.is_empty(), "{} bears no request id", case.route);
            found.push(answer.status.as_u16());
        }
        if found != case.expected {
            wrong.push(format!("{}: {found:?}, not {:?}", case.route, case.expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_looks_like_what_is_not_there() {
    let world = World::new().await;
    world.account("ada", false).await;
    world.account("eve", false).await;
    let ada = world.token("ada", "repo,user").await;
    let eve = world.token("eve", "repo,user").await;
    world.repository(&ada, "secret", true).await;
    let same = |mut a: super::world::Answer, mut b: super::world::Answer| {
        for answer in [&mut a, &mut b] {
            for own in [
                "x-request-id",
                "ratelimit-remaining",
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
                "ratelimit-reset",
            ] {
                if let Some(value) = answer.headers.remove(own) {
                    answer.text = answer.text.replace(value.to_str().unwrap(), "…");
                }
            }
        }
        assert_eq!((a.status, a.headers, a.text), (b.status, b.headers, b.text));
    };
    for caller in [None, Some(eve.as_str())] {
        for rest in ["", "/commits", "/refs/main", "/collaborators", "/keys"] {
            let hidden = world.get(&format!("/api/ada/secret{rest}"), caller).await;
            let absent = world.get(&format!("/api/ada/nothing{rest}"), caller).await;
            same(hidden, absent);
        }
        for page in ["settings", "settings/access", "settings/keys"] {
            let hidden = world.get(&format!("/ada/secret/{page}"), caller).await;
            let absent = world.get(&format!("/ada/nothing/{page}"), caller).await;
            if caller.is_some() {
                assert_eq!(hidden.status.as_u16(), 404, "{page}");
                same(hidden, absent);
            } else {
                assert_eq!(
                    (hidden.status, absent.status.as_u16()),
                    (absent.status, 303),
                    "{page}"
                );
            }
        }
        for rest in [
            "",
            "/tree/main",
            "/blob/main/README.md",
            "/raw/main/README.md",
            "/blame/main/README.md",
            "/commits",
            "/commits/main",
            "/bookmarks",
            "/tags",
            "/contributors",
            "/compare",
            "/archive/main.zip",
            "/find/main",
        ] {
            let hidden = world.get(&format!("/ada/secret{rest}"), caller).await;
            let absent = world.get(&format!("/ada/nothing{rest}"), caller).await;
            assert_eq!(hidden.status.as_u16(), 404, "{rest}");
            same(hidden, absent);
        }
        let refs = "info/refs?service=git-upload-pack";
        let hidden = world.get(&format!("/ada/secret/{refs}"), caller).await;
        let absent = world.get(&format!("/ada/nothing/{refs}"), caller).await;
        let nobodys = world.get(&format!("/nobody/nothing/{refs}"), caller).await;
        assert_eq!(hidden.status.as_u16(), if caller.is_some() { 404 } else { 401 });
        same(hidden, absent);
        let odd = world.get(&format!("/-x-/nothing/{refs}"), caller).await;
        assert_eq!(nobodys.status, odd.status);
    }
}

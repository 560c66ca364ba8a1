//! Every role with every route: what an organisation's repository and the organisation itself
//! answer to nobody, a stranger, who rules elsewhere, and to every role within.

use super::cases;
use super::world::{ORIGIN, World};
use axum::body::Body;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN as ORIGIN_HEADER};
use plue_gateway::routes::{self, State};
use std::collections::BTreeMap;

/// Who asks, from least to most: the first three have no role, whatever they are elsewhere.
const CALLERS: [&str; 10] = [
    "anonymous",
    "stranger",
    "elsewhere",
    "member",
    "read",
    "triage",
    "write",
    "maintain",
    "admin",
    "owner",
];

/// The least who may do it.
const NEEDS: &[(&str, &[&str])] = &[
    (
        "read",
        &[
            "GET /{owner}/{repo}",
            "GET /{owner}/{repo}/tree/{path:rest}",
            "GET /{owner}/{repo}/blob/{path:rest}",
            "GET /{owner}/{repo}/raw/{path:rest}",
            "GET /{owner}/{repo}/blame/{path:rest}",
            "GET /{owner}/{repo}/commits",
            "GET /{owner}/{repo}/commits/{ref:rest}",
            "GET /{owner}/{repo}/commit/{oid}",
            "GET /{owner}/{repo}/compare",
            "GET /{owner}/{repo}/compare/{refs:rest}",
            "GET /{owner}/{repo}/bookmarks",
            "GET /{owner}/{repo}/tags",
            "GET /{owner}/{repo}/contributors",
            "GET /{owner}/{repo}/archive/{file:rest}",
            "GET /{owner}/{repo}/find/{ref:rest}",
            "GET /{owner}/{repo}/info/refs",
            "GET /{owner}/{repo}/bundles/{generation:digits}",
            "POST /{owner}/{repo}/git-upload-pack",
            "GET /api/{owner}/{repo}",
            "GET /api/{owner}/{repo}/refs/{ref:slash}",
            "GET /api/{owner}/{repo}/tree/{oid}",
            "GET /api/{owner}/{repo}/tree/{oid}/{path:rest}",
            "GET /api/{owner}/{repo}/blob/{oid}/{path:rest}",
            "GET /api/{owner}/{repo}/commits",
            "GET /api/{owner}/{repo}/commits/{oid}",
            "GET /api/{owner}/{repo}/history/{oid}/{path:rest}",
            "GET /api/{owner}/{repo}/blame/{oid}/{path:rest}",
            "GET /api/{owner}/{repo}/languages/{oid}",
            "GET /api/{owner}/{repo}/issues/{number:digits}/subscription",
            "PUT /api/{owner}/{repo}/issues/{number:digits}/subscription",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/subscription",
            "POST /{owner}/{repo}/issues/{number:digits}/subscription",
            "GET /api/repos/{owner}/{repo}/issues/activity",
            "GET /api/repos/{owner}/{repo}/issues/{number:digits}/activity",
            "GET /api/repos/{owner}/{repo}/issues/{number:digits}/sub-issues",
            "GET /api/repos/{owner}/{repo}/issues/{number:digits}/relations",
            "POST /api/repos/{owner}/{repo}/issues/{number:digits}/comments",
            "GET /{owner}/{repo}/stargazers",
            "POST /{owner}/{repo}/star",
            "POST /{owner}/{repo}/watch",
            "GET /api/{owner}/{repo}/star",
            "POST /api/{owner}/{repo}/star",
            "DELETE /api/{owner}/{repo}/star",
            "GET /api/{owner}/{repo}/stargazers",
            "GET /api/{owner}/{repo}/watch",
            "POST /api/{owner}/{repo}/watch",
            "DELETE /api/{owner}/{repo}/watch",
            "GET /api/{owner}/{repo}/watchers",
            "GET /api/{owner}/{repo}/topics",
            "GET /{owner}/{repo}/issues",
            "GET /{owner}/{repo}/issues/{number:digits}",
            "GET /{owner}/{repo}/labels",
            "GET /{owner}/{repo}/milestones",
            "GET /{owner}/{repo}/issues/new",
            "POST /{owner}/{repo}/issues/new",
            "POST /{owner}/{repo}/issues/{number:digits}/comments",
            "POST /{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}",
            "POST /{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/remove",
            "POST /{owner}/{repo}/issues/{number:digits}/react",
            "GET /api/{owner}/{repo}/issues",
            "GET /api/{owner}/{repo}/issues/counts",
            "POST /api/{owner}/{repo}/issues",
            "GET /api/{owner}/{repo}/issues/{number:digits}",
            "GET /api/{owner}/{repo}/issues/{number:digits}/history",
            "GET /api/{owner}/{repo}/issues/{number:digits}/comments",
            "POST /api/{owner}/{repo}/issues/{number:digits}/comments",
            "PATCH /api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}",
            "GET /api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/reactions",
            "POST /api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/reactions",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/reactions/{emoji}",
            "GET /api/{owner}/{repo}/issues/{number:digits}/reactions",
            "POST /api/{owner}/{repo}/issues/{number:digits}/reactions",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/reactions/{emoji}",
            "GET /api/{owner}/{repo}/labels",
            "GET /api/{owner}/{repo}/issues/{number:digits}/dependencies",
            "GET /api/{owner}/{repo}/issues/{number:digits}/due-date",
            "GET /api/{owner}/{repo}/milestones",
            "GET /api/{owner}/{repo}/milestones/{id:digits}",
        ],
    ),
    (
        "triage",
        &[
            "PUT /api/repos/{owner}/{repo}/issues/{number:digits}/sub-issues",
            "POST /api/repos/{owner}/{repo}/issues/{number:digits}/parent",
            "DELETE /api/repos/{owner}/{repo}/issues/{number:digits}/parent",
            "POST /api/repos/{owner}/{repo}/issues/{number:digits}/relations",
            "DELETE /api/repos/{owner}/{repo}/issues/{number:digits}/relations/{relatedNumber:digits}",
            "POST /api/repos/{owner}/{repo}/issues/{number:digits}/duplicate",
            "POST /{owner}/{repo}/issues/{number:digits}/relate",
            "POST /{owner}/{repo}/issues/many",
            "POST /{owner}/{repo}/issues/{number:digits}/edit",
            "POST /{owner}/{repo}/issues/{number:digits}/sort",
            "POST /{owner}/{repo}/issues/{number:digits}/flag",
            "POST /{owner}/{repo}/labels",
            "POST /{owner}/{repo}/labels/{id:digits}",
            "POST /{owner}/{repo}/labels/{id:digits}/remove",
            "POST /{owner}/{repo}/milestones",
            "POST /{owner}/{repo}/milestones/{id:digits}/close",
            "POST /{owner}/{repo}/milestones/{id:digits}/open",
            "POST /{owner}/{repo}/milestones/{id:digits}/remove",
            "PATCH /api/{owner}/{repo}/issues",
            "PATCH /api/{owner}/{repo}/issues/{number:digits}",
            "POST /api/{owner}/{repo}/issues/{number:digits}/close",
            "POST /api/{owner}/{repo}/issues/{number:digits}/reopen",
            "POST /api/{owner}/{repo}/labels",
            "PATCH /api/{owner}/{repo}/labels/{name:slash}",
            "DELETE /api/{owner}/{repo}/labels/{name:slash}",
            "POST /api/{owner}/{repo}/issues/{number:digits}/labels",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/labels/{labelId:digits}",
            "POST /api/{owner}/{repo}/issues/{number:digits}/pin",
            "POST /api/{owner}/{repo}/issues/{number:digits}/unpin",
            "PUT /api/{owner}/{repo}/issues/{number:digits}/lock",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/lock",
            "POST /api/{owner}/{repo}/issues/{number:digits}/assignees",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/assignees/{userId:digits}",
            "POST /api/{owner}/{repo}/issues/{number:digits}/dependencies",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/dependencies/{blockedNumber:digits}",
            "PUT /api/{owner}/{repo}/issues/{number:digits}/due-date",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/due-date",
            "POST /api/{owner}/{repo}/milestones",
            "PATCH /api/{owner}/{repo}/milestones/{id:digits}",
            "DELETE /api/{owner}/{repo}/milestones/{id:digits}",
            "PUT /api/{owner}/{repo}/issues/{number:digits}/milestone",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/milestone",
        ],
    ),
    ("write", &["POST /{owner}/{repo}/git-receive-pack"]),
    (
        "maintain",
        &["PATCH /api/{owner}/{repo}", "PUT /api/{owner}/{repo}/topics"],
    ),
    (
        "admin",
        &[
            "GET /{owner}/{repo}/settings",
            "POST /{owner}/{repo}/settings",
            "POST /{owner}/{repo}/settings/archive",
            "POST /{owner}/{repo}/settings/topics",
            "GET /{owner}/{repo}/settings/access",
            "POST /{owner}/{repo}/settings/access",
            "POST /{owner}/{repo}/settings/access/{username}/remove",
            "GET /{owner}/{repo}/settings/keys",
            "POST /{owner}/{repo}/settings/keys",
            "POST /{owner}/{repo}/settings/keys/{id:digits}/remove",
            "GET /{owner}/{repo}/settings/hooks",
            "POST /{owner}/{repo}/settings/hooks",
            "GET /{owner}/{repo}/settings/hooks/{id:digits}",
            "POST /{owner}/{repo}/settings/hooks/{id:digits}",
            "POST /{owner}/{repo}/settings/hooks/{id:digits}/test",
            "POST /{owner}/{repo}/settings/hooks/{id:digits}/remove",
            "GET /{owner}/{repo}/settings/hooks/{id:digits}/deliveries/{deliveryId:digits}",
            "POST /{owner}/{repo}/settings/hooks/{id:digits}/deliveries/{deliveryId:digits}/redeliver",
            "GET /{owner}/{repo}/settings/log",
            "POST /{owner}/{repo}/settings/rename",
            "POST /{owner}/{repo}/settings/transfer",
            "POST /{owner}/{repo}/settings/delete",
            "GET /api/{owner}/{repo}/audit",
            "GET /api/{owner}/{repo}/hooks",
            "POST /api/{owner}/{repo}/hooks",
            "GET /api/{owner}/{repo}/hooks/{id:digits}",
            "PATCH /api/{owner}/{repo}/hooks/{id:digits}",
            "DELETE /api/{owner}/{repo}/hooks/{id:digits}",
            "POST /api/{owner}/{repo}/hooks/{id:digits}/test",
            "GET /api/{owner}/{repo}/hooks/{id:digits}/deliveries",
            "GET /api/{owner}/{repo}/hooks/{id:digits}/deliveries/{deliveryId:digits}",
            "POST /api/{owner}/{repo}/hooks/{id:digits}/deliveries/{deliveryId:digits}/redeliver",
            "GET /api/{owner}/{repo}/collaborators",
            "PUT /api/{owner}/{repo}/collaborators/{username}",
            "DELETE /api/{owner}/{repo}/collaborators/{username}",
            "GET /api/{owner}/{repo}/keys",
            "POST /api/{owner}/{repo}/keys",
            "DELETE /api/{owner}/{repo}/keys/{id:digits}",
            "POST /api/{owner}/{repo}/transfer",
            "DELETE /api/{owner}/{repo}",
            "DELETE /api/{owner}/{repo}/issues/{number:digits}",
            "GET /-/orgs/{org}",
            "POST /-/orgs/{org}",
            "POST /-/orgs/{org}/members",
            "POST /-/orgs/{org}/members/{username}/remove",
            "POST /-/orgs/{org}/teams",
            "POST /-/orgs/{org}/teams/{team}",
            "POST /-/orgs/{org}/teams/{team}/delete",
            "POST /-/orgs/{org}/teams/{team}/members",
            "POST /-/orgs/{org}/teams/{team}/members/{username}/remove",
            "POST /-/orgs/{org}/teams/{team}/repos",
            "POST /-/orgs/{org}/teams/{team}/repos/{repo}/remove",
            "PATCH /api/orgs/{org}",
            "PUT /api/orgs/{org}/members/{username}",
            "DELETE /api/orgs/{org}/members/{username}",
            "POST /api/orgs/{org}/teams",
            "PATCH /api/orgs/{org}/teams/{team}",
            "DELETE /api/orgs/{org}/teams/{team}",
            "PUT /api/orgs/{org}/teams/{team}/members/{username}",
            "DELETE /api/orgs/{org}/teams/{team}/members/{username}",
            "PUT /api/orgs/{org}/teams/{team}/repos/{repo}",
            "DELETE /api/orgs/{org}/teams/{team}/repos/{repo}",
        ],
    ),
    (
        "anonymous",
        &[
            "GET /api/orgs/{org}",
            "GET /api/orgs/{org}/orgs",
            "GET /api/orgs/{org}/repos",
        ],
    ),
    (
        "member",
        &[
            "GET /-/orgs/{org}/members",
            "GET /-/orgs/{org}/teams",
            "GET /-/orgs/{org}/teams/{team}",
            "GET /api/orgs/{org}/members",
            "GET /api/orgs/{org}/outside-collaborators",
            "GET /api/orgs/{org}/teams",
            "GET /api/orgs/{org}/teams/{team}",
        ],
    ),
    (
        "owner",
        &[
            "POST /-/orgs/{org}/move",
            "POST /-/orgs/{org}/delete",
            "GET /-/orgs/{org}/log",
            "GET /api/orgs/{org}/audit",
            "PUT /api/orgs/{org}/parent",
            "DELETE /api/orgs/{org}",
        ],
    ),
];

/// After these the repository is another's, has another name, or is gone: each gets its own.
const ONCE: [&str; 5] = [
    "POST /{owner}/{repo}/settings/rename",
    "POST /{owner}/{repo}/settings/transfer",
    "POST /{owner}/{repo}/settings/delete",
    "POST /api/{owner}/{repo}/transfer",
    "DELETE /api/{owner}/{repo}",
];

fn of_a_repository(route: &str) -> bool {
    [
        " /{owner}/{repo}",
        " /api/{owner}/{repo}",
        " /api/repos/{owner}/{repo}",
    ]
    .iter()
    .any(|begin| route.contains(begin))
}

fn of_an_organisation(route: &str) -> bool {
    route.contains(" /api/orgs/{org}") || route.contains(" /-/orgs/{org}")
}

#[test]
fn every_route_of_a_repository_and_an_organisation_says_who_may() {
    let built: Vec<_> = routes::all()
        .filter(|route| route.state == State::Built)
        .map(|route| route.name)
        .filter(|route| of_a_repository(route) || of_an_organisation(route))
        .collect();
    let mut said = BTreeMap::new();
    for route in NEEDS.iter().flat_map(|(_, routes)| *routes) {
        *said.entry(*route).or_insert(0) += 1;
    }
    let expected: BTreeMap<_, _> = built.into_iter().map(|route| (route, 1)).collect();
    assert_eq!(said, expected);
}

fn address(route: &str, repository: &str, commit: &str) -> String {
    let (_, pattern) = route.split_once(' ').unwrap();
    let rest = if pattern.contains("{oid}") {
        "README.md"
    } else {
        "main/README.md"
    };
    let rest = match pattern {
        "/{owner}/{repo}/tree/{path:rest}" => "main/docs",
        "/api/{owner}/{repo}/tree/{oid}/{path:rest}" => "docs",
        _ => rest,
    };
    // One that is removed is needed no more.
    let team = match route.ends_with("/delete") || route == "DELETE /api/orgs/{org}/teams/{team}" {
        true => "spare",
        false => "core",
    };
    let label = match route.starts_with("PATCH") {
        true => "bug",
        false => "none",
    };
    let number = match route {
        "DELETE /api/{owner}/{repo}/issues/{number:digits}" => "2",
        _ => "1",
    };
    let mut path = pattern
        .replace("{number:digits}", number)
        .replace("{commentId:digits}", "999")
        .replace("{labelId:digits}", "999")
        .replace("{userId:digits}", "999")
        .replace("{blockedNumber:digits}", "999")
        .replace("{relatedNumber:digits}", "999")
        .replace("{deliveryId:digits}", "999")
        .replace("{emoji}", "%F0%9F%91%8D")
        .replace("{name:slash}", label)
        .replace("/{owner}/{repo}", &format!("/weavers/{repository}"))
        .replace("{org}", "weavers")
        .replace("{repo}", repository)
        .replace("{team}", team)
        .replace("{username}", "visitor")
        .replace("{id:digits}", "999")
        .replace("{generation:digits}", "999")
        .replace("{oid}", commit)
        .replace("{path:rest}", rest)
        .replace("{refs:rest}", "main...main")
        .replace("{ref:rest}", "main")
        .replace("{ref:slash}", "main")
        .replace("{file:rest}", "main.zip");
    if path.ends_with("/info/refs") {
        path.push_str("?service=git-upload-pack");
    }
    path
}

async fn ask(world: &World, route: &str, path: &str, token: Option<&str>) -> u16 {
    let (method, _) = route.split_once(' ').unwrap();
    let (media_type, body) = cases::all().find(|case| case.route == route).unwrap().body;
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "plue.test");
    if !route.contains("/git-") && !route.contains("/info/") {
        request = request.header(ORIGIN_HEADER, ORIGIN);
    }
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    if !media_type.is_empty() {
        request = request.header(CONTENT_TYPE, media_type);
    }
    world
        .send(request.body(Body::from(body)).unwrap())
        .await
        .status
        .as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_with_every_route() {
    let world = World::new().await;
    let mut tokens: Vec<Option<String>> = vec![None];
    for name in &CALLERS[1..] {
        let name = format!("the-{name}");
        world.account(&name, false).await;
        tokens.push(Some(world.token(&name, "repo,user,org:write").await));
    }
    world.account("visitor", false).await;
    let owner = tokens.last().unwrap().clone().unwrap();
    let made = async |method: &str, path: &str, token: &str, body: serde_json::Value| {
        let made = world.ask(method, path, Some(token), Some(body)).await;
        assert!(made.status.is_success(), "{path}: {made:?}");
    };
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let elsewhere = tokens[2].clone().unwrap();
    made("POST", "/api/orgs", &elsewhere, json(r#"{"name":"others"}"#)).await;
    let body = json(r#"{"name":"engine","owner":"others","private":true}"#);
    made("POST", "/api/repos", &elsewhere, body).await;
    made("POST", "/api/orgs", &owner, json(r#"{"name":"weavers"}"#)).await;
    for role in &CALLERS[3..9] {
        let path = format!("/api/orgs/weavers/members/the-{role}");
        made("PUT", &path, &owner, serde_json::json!({ "role": role })).await;
    }
    let repository = async |name: &str| {
        let body = serde_json::json!({ "name": name, "owner": "weavers", "visibility": "private" });
        made("POST", "/api/repos", &owner, body).await;
    };
    for team in ["core", "spare"] {
        let body = serde_json::json!({ "name": team });
        made("POST", "/api/orgs/weavers/teams", &owner, body).await;
    }
    repository("engine").await;
    for title in ["The first", "The second"] {
        let body = serde_json::json!({ "title": title });
        made("POST", "/api/weavers/engine/issues", &owner, body).await;
    }
    let body = json(r##"{"name":"bug","color":"#d73a4a"}"##);
    made("POST", "/api/weavers/engine/labels", &owner, body).await;
    let work = world.dir.path().join("work");
    world
        .git(&[], &["init", "-q", "-b", "main", work.to_str().unwrap()])
        .await;
    std::fs::create_dir(work.join("docs")).unwrap();
    std::fs::write(work.join("README.md"), "# Engine\n").unwrap();
    std::fs::write(work.join("docs/a"), "a\n").unwrap();
    let at = ["-C", work.to_str().unwrap()];
    world.git(&at, &["add", "-A"]).await;
    world.git(&at, &["commit", "-q", "-m", "The first commit"]).await;
    let url = format!("http://the-owner:{owner}@{}/weavers/engine.git", world.address);
    world.git(&at, &["push", "-q", &url, "main"]).await;
    let commit = world.git(&at, &["rev-parse", "HEAD"]).await.trim().to_owned();

    let mut wrong = Vec::new();
    for (needs, routes) in NEEDS {
        let least = CALLERS.iter().position(|caller| caller == needs).unwrap();
        for route in *routes {
            let fresh = ONCE
                .iter()
                .position(|once| once == route)
                .map(|at| format!("once{at}"));
            if let Some(fresh) = &fresh {
                repository(fresh).await;
            }
            let path = address(route, fresh.as_deref().unwrap_or("engine"), &commit);
            for (rank, token) in tokens.iter().enumerate() {
                // Only the least who may does what cannot be done twice.
                if fresh.is_some() && rank > least {
                    break;
                }
                let found = ask(&world, route, &path, token.as_deref()).await;
                let inside = rank >= 3 && (of_an_organisation(route) || rank >= 4);
                let right = if rank >= least {
                    // What is done to somebody or something that is not there is not found.
                    let absent = [
                        "{id:",
                        "{generation:",
                        "{username}",
                        "{team}",
                        "/transfer",
                        "{commentId",
                        "{labelId",
                        "{blockedNumber",
                        "{relatedNumber",
                        "DELETE /api/{owner}/{repo}/labels/",
                    ];
                    let absent = absent.iter().any(|part| route.contains(part))
                        || *route == "DELETE /api/{owner}/{repo}/issues/{number:digits}";
                    !matches!(found, 401 | 403) && (found != 404 || absent) && found < 500
                } else if rank == 0 {
                    // A page asks to sign in, and so does git; what is hidden is not there.
                    matches!(found, 401 | 404) || (found == 303 && !route.contains("/api/"))
                } else if inside || of_an_organisation(route) {
                    found == 403
                } else {
                    found == 404
                };
                if !right {
                    wrong.push(format!("{route} as {}: {found}", CALLERS[rank]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! Every built route, and the status that each caller gets of it.

mod hooks;
mod issues;
mod notifications;
mod people;
mod stars;
mod wit;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// One request, and the status that each caller gets: nobody; ada with a token that only reads
/// repositories; eve, whose token may everything; ada; an administrator. What the last of those
/// who may do a thing changes, later cases do not rely on.
pub struct Case {
    pub route: &'static str,
    pub path: &'static str,
    pub body: (&'static str, &'static str),
    pub expected: [u16; 5],
}

const fn case(route: &'static str, path: &'static str, expected: [u16; 5]) -> Case {
    Case {
        route,
        path,
        body: ("", ""),
        expected,
    }
}

const fn with(
    route: &'static str,
    path: &'static str,
    media_type: &'static str,
    body: &'static str,
    expected: [u16; 5],
) -> Case {
    Case {
        route,
        path,
        body: (media_type, body),
        expected,
    }
}

const ALL: [u16; 5] = [200; 5];

/// Every case; those of what others end come first.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let more = people::CASES.iter().chain(hooks::CASES).chain(stars::CASES);
    let more = more.chain(notifications::CASES).chain(wit::CASES);
    issues::CASES.iter().chain(more).chain(CASES)
}

const CASES: &[Case] = &[
    case("GET /health", "/health", ALL),
    case("GET /healthz", "/healthz", ALL),
    case("GET /ready", "/ready", ALL),
    case("GET /api/health", "/api/health", ALL),
    case("GET /api/ready", "/api/ready", ALL),
    case("GET /metrics", "/metrics", ALL),
    case("GET /", "/", ALL),
    case("GET /login", "/login", ALL),
    with(
        "POST /login",
        "/login",
        FORM,
        "username=ada&password=wrong",
        [401; 5],
    ),
    case("POST /logout", "/logout", [303; 5]),
    // Who is not known is led to the sign-in page. A token that may only read sees the form.
    case("GET /new", "/new", [303, 200, 200, 200, 200]),
    with(
        "POST /new",
        "/new",
        FORM,
        "name=by-form&visibility=public&object_format=sha1",
        [401, 403, 303, 303, 303],
    ),
    case("GET /explore", "/explore", ALL),
    case("GET /search", "/search?q=open", ALL),
    case("GET /{owner}", "/ada", ALL),
    case("GET /-/settings", "/-/settings", [303, 403, 200, 200, 200]),
    with(
        "POST /-/settings",
        "/-/settings",
        FORM,
        "displayName=A",
        [401, 403, 303, 303, 303],
    ),
    case(
        "GET /-/settings/password",
        "/-/settings/password",
        [303, 403, 200, 200, 200],
    ),
    // A password is a browser session's to change.
    with(
        "POST /-/settings/password",
        "/-/settings/password",
        FORM,
        "password=another+long+one",
        [401, 403, 403, 403, 403],
    ),
    case(
        "GET /-/settings/keys",
        "/-/settings/keys",
        [303, 403, 200, 200, 200],
    ),
    with(
        "POST /-/settings/keys",
        "/-/settings/keys",
        FORM,
        "name=k&publicKey=none",
        [401, 403, 400, 400, 400],
    ),
    with(
        "POST /-/settings/keys/{id:digits}/remove",
        "/-/settings/keys/999/remove",
        FORM,
        "",
        [401, 403, 404, 404, 404],
    ),
    case(
        "GET /-/settings/tokens",
        "/-/settings/tokens",
        [303, 403, 200, 200, 200],
    ),
    with(
        "POST /-/settings/tokens",
        "/-/settings/tokens",
        FORM,
        "name=t&scopes=repo",
        [401, 403, 200, 200, 200],
    ),
    with(
        "POST /-/settings/tokens/{id:digits}/remove",
        "/-/settings/tokens/999/remove",
        FORM,
        "",
        [401, 403, 404, 404, 404],
    ),
    case(
        "GET /-/settings/sessions",
        "/-/settings/sessions",
        [303, 403, 200, 200, 200],
    ),
    with(
        "POST /-/settings/sessions/end",
        "/-/settings/sessions/end",
        FORM,
        "",
        [401, 403, 303, 303, 303],
    ),
    with(
        "POST /-/settings/sessions/{id}/end",
        "/-/settings/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV/end",
        FORM,
        "",
        [401, 403, 404, 404, 404],
    ),
    case(
        "GET /{owner}/{repo}/settings",
        "/ada/pages/settings",
        [303, 403, 404, 200, 200],
    ),
    with(
        "POST /{owner}/{repo}/settings",
        "/ada/pages/settings",
        FORM,
        "description=x&visibility=private&default_bookmark=main",
        [401, 403, 404, 303, 303],
    ),
    with(
        "POST /{owner}/{repo}/settings/rename",
        "/ada/pages/settings/rename",
        FORM,
        "name=pages",
        [401, 403, 404, 303, 303],
    ),
    with(
        "POST /{owner}/{repo}/settings/archive",
        "/ada/pages/settings/archive",
        FORM,
        "archived=no",
        [401, 403, 404, 303, 303],
    ),
    case(
        "GET /{owner}/{repo}/settings/access",
        "/ada/pages/settings/access",
        [303, 403, 404, 200, 200],
    ),
    with(
        "POST /{owner}/{repo}/settings/access",
        "/ada/pages/settings/access",
        FORM,
        "name=nobody&role=read",
        [401, 403, 404, 400, 400],
    ),
    with(
        "POST /{owner}/{repo}/settings/access/{username}/remove",
        "/ada/pages/settings/access/eve/remove",
        FORM,
        "",
        [401, 403, 404, 404, 404],
    ),
    case(
        "GET /{owner}/{repo}/settings/keys",
        "/ada/pages/settings/keys",
        [303, 403, 404, 200, 200],
    ),
    with(
        "POST /{owner}/{repo}/settings/keys",
        "/ada/pages/settings/keys",
        FORM,
        "name=k&publicKey=none",
        [401, 403, 404, 400, 400],
    ),
    with(
        "POST /{owner}/{repo}/settings/keys/{id:digits}/remove",
        "/ada/pages/settings/keys/999/remove",
        FORM,
        "",
        [401, 403, 404, 404, 404],
    ),
    // What is an organisation's: ada owns the weavers, and everybody sees that they are there.
    case("GET /-/orgs/new", "/-/orgs/new", [303, 403, 200, 200, 200]),
    with(
        "POST /-/orgs/new",
        "/-/orgs/new",
        FORM,
        "name=api",
        [401, 403, 400, 400, 400],
    ),
    case("GET /-/orgs/{org}", "/-/orgs/weavers", [303, 403, 403, 200, 200]),
    with(
        "POST /-/orgs/{org}",
        "/-/orgs/weavers",
        FORM,
        "location=Here",
        [401, 403, 403, 303, 303],
    ),
    with(
        "POST /-/orgs/{org}/move",
        "/-/orgs/weavers/move",
        FORM,
        "parent=",
        [401, 403, 403, 303, 303],
    ),
    with(
        "POST /-/orgs/{org}/delete",
        "/-/orgs/weavers/delete",
        FORM,
        "confirm=no",
        [401, 403, 403, 400, 400],
    ),
    case(
        "GET /-/orgs/{org}/members",
        "/-/orgs/weavers/members",
        [303, 403, 403, 200, 200],
    ),
    with(
        "POST /-/orgs/{org}/members",
        "/-/orgs/weavers/members",
        FORM,
        "name=nobody&role=read",
        [401, 403, 403, 400, 400],
    ),
    with(
        "POST /-/orgs/{org}/members/{username}/remove",
        "/-/orgs/weavers/members/nobody/remove",
        FORM,
        "",
        [401, 403, 403, 404, 404],
    ),
    case(
        "GET /-/orgs/{org}/teams",
        "/-/orgs/weavers/teams",
        [303, 403, 403, 200, 200],
    ),
    with(
        "POST /-/orgs/{org}/teams",
        "/-/orgs/weavers/teams",
        FORM,
        "name=core&role=read",
        [401, 403, 403, 409, 409],
    ),
    case(
        "GET /-/orgs/{org}/teams/{team}",
        "/-/orgs/weavers/teams/core",
        [303, 403, 403, 200, 200],
    ),
    with(
        "POST /-/orgs/{org}/teams/{team}",
        "/-/orgs/weavers/teams/core",
        FORM,
        "new-name=core&role=read",
        [401, 403, 403, 303, 303],
    ),
    with(
        "POST /-/orgs/{org}/teams/{team}/delete",
        "/-/orgs/weavers/teams/none/delete",
        FORM,
        "",
        [401, 403, 403, 404, 404],
    ),
    with(
        "POST /-/orgs/{org}/teams/{team}/members",
        "/-/orgs/weavers/teams/core/members",
        FORM,
        "name=nobody",
        [401, 403, 403, 400, 400],
    ),
    with(
        "POST /-/orgs/{org}/teams/{team}/members/{username}/remove",
        "/-/orgs/weavers/teams/core/members/nobody/remove",
        FORM,
        "",
        [401, 403, 403, 404, 404],
    ),
    with(
        "POST /-/orgs/{org}/teams/{team}/repos",
        "/-/orgs/weavers/teams/core/repos",
        FORM,
        "repository=none&permission=read",
        [401, 403, 403, 400, 400],
    ),
    with(
        "POST /-/orgs/{org}/teams/{team}/repos/{repo}/remove",
        "/-/orgs/weavers/teams/core/repos/none/remove",
        FORM,
        "",
        [401, 403, 403, 404, 404],
    ),
    case(
        "GET /-/orgs/{org}/log",
        "/-/orgs/weavers/log",
        [303, 403, 403, 200, 200],
    ),
    case(
        "GET /-/settings/log",
        "/-/settings/log",
        [303, 403, 200, 200, 200],
    ),
    case("GET /-/admin/log", "/-/admin/log", [303, 403, 403, 403, 200]),
    case("GET /api/orgs", "/api/orgs", ALL),
    case("GET /api/orgs/{org}", "/api/orgs/weavers", ALL),
    case("GET /api/orgs/{org}/orgs", "/api/orgs/weavers/orgs", ALL),
    case("GET /api/orgs/{org}/repos", "/api/orgs/weavers/repos", ALL),
    case("GET /api/user/orgs", "/api/user/orgs", [401, 403, 200, 200, 200]),
    case(
        "GET /api/user/audit",
        "/api/user/audit",
        [401, 403, 200, 200, 200],
    ),
    case(
        "GET /api/admin/audit",
        "/api/admin/audit",
        [401, 403, 403, 403, 200],
    ),
    with(
        "POST /api/orgs",
        "/api/orgs",
        JSON,
        r#"{"name":"api"}"#,
        [401, 403, 400, 400, 400],
    ),
    with(
        "PATCH /api/orgs/{org}",
        "/api/orgs/weavers",
        JSON,
        r#"{"location":"There"}"#,
        [401, 403, 403, 200, 200],
    ),
    with(
        "PUT /api/orgs/{org}/parent",
        "/api/orgs/weavers/parent",
        JSON,
        r#"{"parent":null}"#,
        [401, 403, 403, 200, 200],
    ),
    case(
        "GET /api/orgs/{org}/members",
        "/api/orgs/weavers/members",
        [401, 403, 403, 200, 200],
    ),
    with(
        "PUT /api/orgs/{org}/members/{username}",
        "/api/orgs/weavers/members/nobody",
        JSON,
        r#"{"role":"read"}"#,
        [401, 403, 403, 400, 400],
    ),
    case(
        "DELETE /api/orgs/{org}/members/{username}",
        "/api/orgs/weavers/members/nobody",
        [401, 403, 403, 404, 404],
    ),
    case(
        "GET /api/orgs/{org}/outside-collaborators",
        "/api/orgs/weavers/outside-collaborators",
        [401, 403, 403, 200, 200],
    ),
    case(
        "GET /api/orgs/{org}/audit",
        "/api/orgs/weavers/audit",
        [401, 403, 403, 200, 200],
    ),
    case(
        "GET /api/orgs/{org}/teams",
        "/api/orgs/weavers/teams",
        [401, 403, 403, 200, 200],
    ),
    with(
        "POST /api/orgs/{org}/teams",
        "/api/orgs/weavers/teams",
        JSON,
        r#"{"name":"core"}"#,
        [401, 403, 403, 409, 409],
    ),
    case(
        "GET /api/orgs/{org}/teams/{team}",
        "/api/orgs/weavers/teams/core",
        [401, 403, 403, 200, 200],
    ),
    with(
        "PATCH /api/orgs/{org}/teams/{team}",
        "/api/orgs/weavers/teams/core",
        JSON,
        r#"{"role":"read"}"#,
        [401, 403, 403, 200, 200],
    ),
    case(
        "DELETE /api/orgs/{org}/teams/{team}",
        "/api/orgs/weavers/teams/none",
        [401, 403, 403, 404, 404],
    ),
    case(
        "PUT /api/orgs/{org}/teams/{team}/members/{username}",
        "/api/orgs/weavers/teams/core/members/nobody",
        [401, 403, 403, 400, 400],
    ),
    case(
        "DELETE /api/orgs/{org}/teams/{team}/members/{username}",
        "/api/orgs/weavers/teams/core/members/nobody",
        [401, 403, 403, 404, 404],
    ),
    with(
        "PUT /api/orgs/{org}/teams/{team}/repos/{repo}",
        "/api/orgs/weavers/teams/core/repos/none",
        JSON,
        "{}",
        [401, 403, 403, 404, 404],
    ),
    case(
        "DELETE /api/orgs/{org}/teams/{team}/repos/{repo}",
        "/api/orgs/weavers/teams/core/repos/none",
        [401, 403, 403, 404, 404],
    ),
    case(
        "DELETE /api/orgs/{org}",
        "/api/orgs/weavers",
        [401, 403, 403, 409, 409],
    ),
    case(
        "GET /{owner}/{repo}/settings/log",
        "/ada/pages/settings/log",
        [303, 403, 404, 200, 200],
    ),
    with(
        "POST /{owner}/{repo}/settings/transfer",
        "/ada/pages/settings/transfer",
        FORM,
        "owner=nobody",
        [401, 403, 404, 400, 400],
    ),
    with(
        "POST /{owner}/{repo}/settings/delete",
        "/ada/pages/settings/delete",
        FORM,
        "confirm=ada/pages",
        [401, 403, 404, 303, 404],
    ),
    // Pages of a private repository: its owner sees them, and so does an administrator.
    case("GET /{owner}/{repo}", "/ada/secret", [404, 200, 404, 200, 200]),
    case(
        "GET /{owner}/{repo}/tree/{path:rest}",
        "/ada/secret/tree/main/docs",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/blob/{path:rest}",
        "/ada/secret/blob/main/README.md",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/raw/{path:rest}",
        "/ada/secret/raw/main/README.md",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/blame/{path:rest}",
        "/ada/secret/blame/main/README.md",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/commits",
        "/ada/secret/commits",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/commits/{ref:rest}",
        "/ada/secret/commits/main/docs",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/commit/{oid}",
        "/ada/secret/commit/COMMIT",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/compare",
        "/ada/secret/compare",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/compare/{refs:rest}",
        "/ada/secret/compare/main...main",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/bookmarks",
        "/ada/secret/bookmarks",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/tags",
        "/ada/secret/tags",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/contributors",
        "/ada/secret/contributors",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/archive/{file:rest}",
        "/ada/secret/archive/main.zip",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /{owner}/{repo}/find/{ref:rest}",
        "/ada/secret/find/main",
        [404, 200, 404, 200, 200],
    ),
    case("GET /assets/{path:rest}", "/assets/ASSET", ALL),
    case("GET /robots.txt", "/robots.txt", ALL),
    case("GET /favicon.ico", "/favicon.ico", ALL),
    case("GET /api/openapi.json", "/api/openapi.json", ALL),
    case("GET /api/auth/me", "/api/auth/me", [200, 403, 200, 200, 200]),
    with(
        "POST /api/auth/login",
        "/api/auth/login",
        JSON,
        r#"{"username":"ada","password":"wrong"}"#,
        [401; 5],
    ),
    case("POST /api/auth/logout", "/api/auth/logout", ALL),
    // These are a browser session's, and tokens are none.
    case("GET /api/auth/csrf", "/api/auth/csrf", [401, 403, 403, 403, 403]),
    case(
        "POST /api/auth/token",
        "/api/auth/token",
        [401, 403, 403, 403, 403],
    ),
    case(
        "POST /api/auth/refresh",
        "/api/auth/refresh",
        [401, 403, 403, 403, 403],
    ),
    case(
        "GET /api/auth/sessions",
        "/api/auth/sessions",
        [401, 403, 200, 200, 200],
    ),
    case(
        "DELETE /api/auth/sessions",
        "/api/auth/sessions",
        [401, 403, 200, 200, 200],
    ),
    case(
        "DELETE /api/auth/sessions/{id}",
        "/api/auth/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV",
        [401, 403, 404, 404, 404],
    ),
    case("GET /api/users", "/api/users", ALL),
    case("GET /api/users/search", "/api/users/search?q=ad", ALL),
    case("GET /api/users/{username}", "/api/users/ada", ALL),
    case("GET /api/users/{username}/repos", "/api/users/ada/repos", ALL),
    with(
        "PATCH /api/users/me",
        "/api/users/me",
        JSON,
        r#"{"bio":"x"}"#,
        [401, 403, 200, 200, 200],
    ),
    case("GET /api/ssh-keys", "/api/ssh-keys", [401, 403, 200, 200, 200]),
    with(
        "POST /api/ssh-keys",
        "/api/ssh-keys",
        JSON,
        r#"{"name":"k","publicKey":"none"}"#,
        [401, 403, 400, 400, 400],
    ),
    case(
        "DELETE /api/ssh-keys/{id:digits}",
        "/api/ssh-keys/999",
        [401, 403, 404, 404, 404],
    ),
    case(
        "GET /api/user/tokens",
        "/api/user/tokens",
        [401, 403, 200, 200, 200],
    ),
    with(
        "POST /api/user/tokens",
        "/api/user/tokens",
        JSON,
        r#"{"name":"t","scopes":["repo"]}"#,
        [401, 403, 201, 201, 201],
    ),
    case(
        "DELETE /api/user/tokens/{id:digits}",
        "/api/user/tokens/999",
        [401, 403, 404, 404, 404],
    ),
    case("GET /api/repos", "/api/repos", ALL),
    case("GET /api/repos/search", "/api/repos/search?q=open", ALL),
    with(
        "POST /api/repos",
        "/api/repos",
        JSON,
        r#"{"name":"made","owner":"ada"}"#,
        [401, 403, 404, 201, 409],
    ),
    case(
        "GET /api/{owner}/{repo}",
        "/api/ada/secret",
        [404, 200, 404, 200, 200],
    ),
    with(
        "PATCH /api/{owner}/{repo}",
        "/api/ada/secret",
        JSON,
        r#"{"description":"x"}"#,
        [401, 403, 404, 200, 200],
    ),
    with(
        "POST /api/{owner}/{repo}/transfer",
        "/api/ada/secret/transfer",
        JSON,
        r#"{"owner":"eve"}"#,
        [401, 403, 404, 404, 200],
    ),
    // From here on it is eve's, and ada finds it no more than eve did before.
    case(
        "GET /api/{owner}/{repo}/audit",
        "/api/eve/secret/audit",
        [401, 404, 200, 404, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/collaborators",
        "/api/eve/secret/collaborators",
        [401, 404, 200, 404, 200],
    ),
    with(
        "PUT /api/{owner}/{repo}/collaborators/{username}",
        "/api/eve/secret/collaborators/chief",
        JSON,
        r#"{"permission":"read"}"#,
        [401, 404, 200, 404, 200],
    ),
    case(
        "DELETE /api/{owner}/{repo}/collaborators/{username}",
        "/api/eve/secret/collaborators/chief",
        [401, 404, 200, 404, 404],
    ),
    case(
        "GET /api/{owner}/{repo}/keys",
        "/api/eve/secret/keys",
        [401, 404, 200, 404, 200],
    ),
    with(
        "POST /api/{owner}/{repo}/keys",
        "/api/eve/secret/keys",
        JSON,
        r#"{"name":"k","publicKey":"none"}"#,
        [401, 404, 400, 404, 400],
    ),
    case(
        "DELETE /api/{owner}/{repo}/keys/{id:digits}",
        "/api/eve/secret/keys/999",
        [401, 404, 404, 404, 404],
    ),
    case(
        "GET /api/{owner}/{repo}/refs/{ref:slash}",
        "/api/eve/secret/refs/main",
        [404, 404, 200, 404, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/tree/{oid}",
        "/api/eve/secret/tree/COMMIT",
        [404, 404, 200, 404, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/tree/{oid}/{path:rest}",
        "/api/eve/secret/tree/COMMIT/docs",
        [404, 404, 200, 404, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/blob/{oid}/{path:rest}",
        "/api/eve/secret/blob/COMMIT/README.md",
        [404, 404, 200, 404, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/commits/{oid}",
        "/api/eve/secret/commits/COMMIT",
        [404, 404, 200, 404, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/history/{oid}/{path:rest}",
        "/api/eve/secret/history/COMMIT/README.md",
        [404, 404, 200, 404, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/blame/{oid}/{path:rest}",
        "/api/eve/secret/blame/COMMIT/README.md",
        [404, 404, 200, 404, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/languages/{oid}",
        "/api/eve/secret/languages/COMMIT",
        [404, 404, 200, 404, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/commits",
        "/api/eve/secret/commits",
        [404, 404, 200, 404, 200],
    ),
    // A git client that is nobody is asked who it is, whatever the name.
    case(
        "GET /{owner}/{repo}/info/refs",
        "/eve/secret/info/refs?service=git-upload-pack",
        [401, 404, 200, 404, 200],
    ),
    // There is none of so small a repository: who may read it is told that.
    case(
        "GET /{owner}/{repo}/bundles/{generation:digits}",
        "/eve/secret/bundles/1",
        [401, 404, 404, 404, 404],
    ),
    with(
        "POST /{owner}/{repo}/git-upload-pack",
        "/eve/secret/git-upload-pack",
        "application/x-git-upload-pack-request",
        "0000",
        [401, 404, 200, 404, 200],
    ),
    with(
        "POST /{owner}/{repo}/git-receive-pack",
        "/eve/secret/git-receive-pack",
        "application/x-git-receive-pack-request",
        "0000",
        [401, 404, 200, 404, 200],
    ),
    case(
        "DELETE /api/{owner}/{repo}",
        "/api/eve/secret",
        [401, 404, 200, 404, 404],
    ),
    case(
        "GET /api/admin/repos/deleted",
        "/api/admin/repos/deleted",
        [401, 403, 403, 403, 200],
    ),
    case(
        "POST /api/admin/repos/{id:digits}/restore",
        "/api/admin/repos/999/restore",
        [401, 403, 403, 403, 404],
    ),
    case("GET /repos", "/repos", ALL),
    // Nothing to adopt from is configured here.
    case("POST /sync", "/sync", [401, 403, 403, 403, 409]),
    // The edge's own; the coordinator says so to everybody.
    case("POST /do/{scope:rest}", "/do/global/invalidate", [404; 5]),
    // Without a sealed message these are shut to everybody.
    with(
        "POST /internal/introspect",
        "/internal/introspect",
        "text/plain",
        "x.y.z",
        [401; 5],
    ),
    case("POST /internal/ssh/identify", "/internal/ssh/identify", [401; 5]),
    case("POST /internal/ssh/exec", "/internal/ssh/exec", [401; 5]),
];

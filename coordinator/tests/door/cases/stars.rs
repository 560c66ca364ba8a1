//! Stars, watches and topics of a private repository of ada's.

use super::{ALL, Case, FORM, JSON, case, with};

pub const CASES: &[Case] = &[
    case(
        "GET /api/{owner}/{repo}/star",
        "/api/ada/pages/star",
        [404, 200, 404, 200, 200],
    ),
    case(
        "POST /api/{owner}/{repo}/star",
        "/api/ada/pages/star",
        [401, 403, 404, 200, 200],
    ),
    case(
        "DELETE /api/{owner}/{repo}/star",
        "/api/ada/pages/star",
        [401, 403, 404, 200, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/stargazers",
        "/api/ada/pages/stargazers",
        [404, 200, 404, 200, 200],
    ),
    case("GET /api/users/{username}/starred", "/api/users/ada/starred", ALL),
    case(
        "GET /api/{owner}/{repo}/watch",
        "/api/ada/pages/watch",
        [404, 200, 404, 200, 200],
    ),
    with(
        "POST /api/{owner}/{repo}/watch",
        "/api/ada/pages/watch",
        JSON,
        r#"{"level":"releases"}"#,
        [401, 403, 404, 200, 200],
    ),
    case(
        "DELETE /api/{owner}/{repo}/watch",
        "/api/ada/pages/watch",
        [401, 403, 404, 200, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/watchers",
        "/api/ada/pages/watchers",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/topics",
        "/api/ada/pages/topics",
        [404, 200, 404, 200, 200],
    ),
    with(
        "PUT /api/{owner}/{repo}/topics",
        "/api/ada/pages/topics",
        JSON,
        r#"{"topics":["engines"]}"#,
        [401, 403, 404, 200, 200],
    ),
    case("GET /api/repos/topics/popular", "/api/repos/topics/popular", ALL),
    case("GET /api/repos/topics/{topic}", "/api/repos/topics/engines", ALL),
    case(
        "GET /{owner}/{repo}/stargazers",
        "/ada/pages/stargazers",
        [404, 200, 404, 200, 200],
    ),
    with(
        "POST /{owner}/{repo}/star",
        "/ada/pages/star",
        FORM,
        "starred=yes",
        [401, 403, 404, 303, 303],
    ),
    with(
        "POST /{owner}/{repo}/watch",
        "/ada/pages/watch",
        FORM,
        "level=all",
        [401, 403, 404, 303, 303],
    ),
    with(
        "POST /{owner}/{repo}/settings/topics",
        "/ada/pages/settings/topics",
        FORM,
        "topics=engines",
        [401, 403, 404, 303, 303],
    ),
    case("GET /-/stars", "/-/stars", [303, 403, 200, 200, 200]),
];

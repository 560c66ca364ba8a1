//! The routes of wit's own shape, about a private repository of ada's, which has one issue.

use super::{Case, JSON, case, with};

pub const CASES: &[Case] = &[
    case(
        "GET /api/repos/{owner}/{repo}/issues/activity",
        "/api/repos/ada/pages/issues/activity",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /api/repos/{owner}/{repo}/issues/{number:digits}/activity",
        "/api/repos/ada/pages/issues/1/activity",
        [404, 200, 404, 200, 200],
    ),
    case(
        "GET /api/repos/{owner}/{repo}/issues/{number:digits}/sub-issues",
        "/api/repos/ada/pages/issues/1/sub-issues",
        [404, 200, 404, 200, 200],
    ),
    with(
        "PUT /api/repos/{owner}/{repo}/issues/{number:digits}/sub-issues",
        "/api/repos/ada/pages/issues/1/sub-issues",
        JSON,
        r#"{"numbers":[]}"#,
        [401, 403, 404, 200, 200],
    ),
    with(
        "POST /api/repos/{owner}/{repo}/issues/{number:digits}/parent",
        "/api/repos/ada/pages/issues/1/parent",
        JSON,
        r#"{"parentNumber":1}"#,
        [401, 403, 404, 409, 409],
    ),
    case(
        "DELETE /api/repos/{owner}/{repo}/issues/{number:digits}/parent",
        "/api/repos/ada/pages/issues/1/parent",
        [401, 403, 404, 200, 200],
    ),
    case(
        "GET /api/repos/{owner}/{repo}/issues/{number:digits}/relations",
        "/api/repos/ada/pages/issues/1/relations",
        [404, 200, 404, 200, 200],
    ),
    with(
        "POST /api/repos/{owner}/{repo}/issues/{number:digits}/relations",
        "/api/repos/ada/pages/issues/1/relations",
        JSON,
        r#"{"relatedNumber":1,"type":"blocks"}"#,
        [401, 403, 404, 400, 400],
    ),
    case(
        "DELETE /api/repos/{owner}/{repo}/issues/{number:digits}/relations/{relatedNumber:digits}",
        "/api/repos/ada/pages/issues/1/relations/999",
        [401, 403, 404, 404, 404],
    ),
    with(
        "POST /api/repos/{owner}/{repo}/issues/{number:digits}/duplicate",
        "/api/repos/ada/pages/issues/1/duplicate",
        JSON,
        r#"{"canonicalNumber":1}"#,
        [401, 403, 404, 400, 400],
    ),
    with(
        "POST /api/repos/{owner}/{repo}/issues/{number:digits}/comments",
        "/api/repos/ada/pages/issues/1/comments",
        JSON,
        r#"{"body":"Here too"}"#,
        [401, 403, 404, 201, 201],
    ),
];

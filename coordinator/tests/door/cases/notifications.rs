//! What ada has heard, and what she wants to hear of an issue of a private repository of hers.

use super::{Case, FORM, JSON, case, with};

pub const CASES: &[Case] = &[
    case(
        "GET /api/notifications",
        "/api/notifications",
        [401, 403, 200, 200, 200],
    ),
    with(
        "PUT /api/notifications/read",
        "/api/notifications/read",
        JSON,
        "{}",
        [401, 403, 200, 200, 200],
    ),
    with(
        "PATCH /api/notifications/{id:digits}",
        "/api/notifications/999",
        JSON,
        r#"{"unread":false}"#,
        [401, 403, 404, 404, 404],
    ),
    case(
        "GET /api/notifications/settings",
        "/api/notifications/settings",
        [401, 403, 200, 200, 200],
    ),
    with(
        "PUT /api/notifications/settings",
        "/api/notifications/settings",
        JSON,
        r#"{"mail":"none"}"#,
        [401, 403, 200, 200, 200],
    ),
    case(
        "GET /api/{owner}/{repo}/issues/{number:digits}/subscription",
        "/api/ada/pages/issues/1/subscription",
        [404, 200, 404, 200, 200],
    ),
    with(
        "PUT /api/{owner}/{repo}/issues/{number:digits}/subscription",
        "/api/ada/pages/issues/1/subscription",
        JSON,
        r#"{"state":"muted"}"#,
        [401, 403, 404, 200, 200],
    ),
    case(
        "DELETE /api/{owner}/{repo}/issues/{number:digits}/subscription",
        "/api/ada/pages/issues/1/subscription",
        [401, 403, 404, 200, 200],
    ),
    with(
        "POST /{owner}/{repo}/issues/{number:digits}/subscription",
        "/ada/pages/issues/1/subscription",
        FORM,
        "state=subscribed",
        [401, 403, 404, 303, 303],
    ),
    case("GET /notifications", "/notifications", [303, 403, 200, 200, 200]),
    with(
        "POST /notifications",
        "/notifications",
        FORM,
        "up_to=0",
        [401, 403, 303, 303, 303],
    ),
    with(
        "POST /notifications/settings",
        "/notifications/settings",
        FORM,
        "mail=participating",
        [401, 403, 303, 303, 303],
    ),
];

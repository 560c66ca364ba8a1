//! Webhooks of a private repository of ada's, which has none.

use super::{ALL, Case, FORM, JSON, case, with};

pub const CASES: &[Case] = &[
    // A stream that is open has no end: what is asked here is what nobody gets.
    case("GET /api/events", "/api/events", [400; 5]),
    case("GET /api/events/schema.json", "/api/events/schema.json", ALL),
    case("GET /api/events/asyncapi.json", "/api/events/asyncapi.json", ALL),
    case(
        "GET /api/{owner}/{repo}/hooks",
        "/api/ada/pages/hooks",
        [401, 403, 404, 200, 200],
    ),
    with(
        "POST /api/{owner}/{repo}/hooks",
        "/api/ada/pages/hooks",
        JSON,
        r#"{"url":"http://127.0.0.1/"}"#,
        [401, 403, 404, 400, 400],
    ),
    case(
        "GET /api/{owner}/{repo}/hooks/{id:digits}",
        "/api/ada/pages/hooks/999",
        [401, 403, 404, 404, 404],
    ),
    with(
        "PATCH /api/{owner}/{repo}/hooks/{id:digits}",
        "/api/ada/pages/hooks/999",
        JSON,
        r#"{"active":false}"#,
        [401, 403, 404, 404, 404],
    ),
    case(
        "DELETE /api/{owner}/{repo}/hooks/{id:digits}",
        "/api/ada/pages/hooks/999",
        [401, 403, 404, 404, 404],
    ),
    case(
        "POST /api/{owner}/{repo}/hooks/{id:digits}/test",
        "/api/ada/pages/hooks/999/test",
        [401, 403, 404, 404, 404],
    ),
    case(
        "GET /api/{owner}/{repo}/hooks/{id:digits}/deliveries",
        "/api/ada/pages/hooks/999/deliveries",
        [401, 403, 404, 404, 404],
    ),
    case(
        "GET /api/{owner}/{repo}/hooks/{id:digits}/deliveries/{deliveryId:digits}",
        "/api/ada/pages/hooks/999/deliveries/999",
        [401, 403, 404, 404, 404],
    ),
    case(
        "POST /api/{owner}/{repo}/hooks/{id:digits}/deliveries/{deliveryId:digits}/redeliver",
        "/api/ada/pages/hooks/999/deliveries/999/redeliver",
        [401, 403, 404, 404, 404],
    ),
    case(
        "GET /{owner}/{repo}/settings/hooks",
        "/ada/pages/settings/hooks",
        [303, 403, 404, 200, 200],
    ),
    with(
        "POST /{owner}/{repo}/settings/hooks",
        "/ada/pages/settings/hooks",
        FORM,
        "url=http%3A%2F%2F127.0.0.1%2F&events=push&format=native",
        [401, 403, 404, 400, 400],
    ),
    case(
        "GET /{owner}/{repo}/settings/hooks/{id:digits}",
        "/ada/pages/settings/hooks/999",
        [303, 403, 404, 404, 404],
    ),
    with(
        "POST /{owner}/{repo}/settings/hooks/{id:digits}",
        "/ada/pages/settings/hooks/999",
        FORM,
        "url=https%3A%2F%2Fexample.org%2F&events=push&format=native",
        [401, 403, 404, 404, 404],
    ),
    with(
        "POST /{owner}/{repo}/settings/hooks/{id:digits}/test",
        "/ada/pages/settings/hooks/999/test",
        FORM,
        "",
        [401, 403, 404, 404, 404],
    ),
    with(
        "POST /{owner}/{repo}/settings/hooks/{id:digits}/remove",
        "/ada/pages/settings/hooks/999/remove",
        FORM,
        "",
        [401, 403, 404, 404, 404],
    ),
    case(
        "GET /{owner}/{repo}/settings/hooks/{id:digits}/deliveries/{deliveryId:digits}",
        "/ada/pages/settings/hooks/999/deliveries/999",
        [303, 403, 404, 404, 404],
    ),
    with(
        "POST /{owner}/{repo}/settings/hooks/{id:digits}/deliveries/{deliveryId:digits}/redeliver",
        "/ada/pages/settings/hooks/999/deliveries/999/redeliver",
        FORM,
        "",
        [401, 403, 404, 404, 404],
    ),
];

//! What has to do with accounts, addresses and sign-in.

use super::{ALL, Case, FORM, JSON, case, with};

pub const CASES: &[Case] = &[
    case("GET /-/sign-up", "/-/sign-up", ALL),
    with("POST /-/sign-up", "/-/sign-up", FORM, "username=ada", [400; 5]),
    case("GET /-/forgot", "/-/forgot", ALL),
    with(
        "POST /-/forgot",
        "/-/forgot",
        FORM,
        "email=nobody@plue.test",
        [303; 5],
    ),
    case("GET /-/reset", "/-/reset?token=0", [404; 5]),
    with(
        "POST /-/reset",
        "/-/reset",
        FORM,
        "token=0&password=another+long+one",
        [404; 5],
    ),
    case("GET /-/verify", "/-/verify?token=0", ALL),
    with("POST /-/verify", "/-/verify", FORM, "token=0", [404; 5]),
    case(
        "GET /-/settings/email",
        "/-/settings/email",
        [303, 403, 200, 200, 200],
    ),
    // An address is a browser session's to change.
    with(
        "POST /-/settings/email",
        "/-/settings/email",
        FORM,
        "email=new@plue.test",
        [401, 403, 403, 403, 403],
    ),
    // None of them has an address.
    with(
        "POST /-/settings/email/verify",
        "/-/settings/email/verify",
        FORM,
        "",
        [401, 403, 400, 400, 400],
    ),
    with(
        "POST /api/auth/sign-up/email",
        "/api/auth/sign-up/email",
        JSON,
        r#"{"email":"new@plue.test","password":"short","name":"N","username":"newcomer"}"#,
        [400; 5],
    ),
    with(
        "POST /api/auth/sign-in/email",
        "/api/auth/sign-in/email",
        JSON,
        r#"{"email":"nobody@plue.test","password":"a long password"}"#,
        [401; 5],
    ),
    with(
        "POST /api/auth/sign-in/username",
        "/api/auth/sign-in/username",
        JSON,
        r#"{"username":"ada","password":"a wrong password"}"#,
        [401; 5],
    ),
    with("POST /api/auth/sign-out", "/api/auth/sign-out", JSON, "{}", ALL),
    with(
        "POST /api/auth/is-username-available",
        "/api/auth/is-username-available",
        JSON,
        r#"{"username":"ada"}"#,
        ALL,
    ),
    case("GET /api/auth/get-session", "/api/auth/get-session", ALL),
    with(
        "POST /api/auth/request-password-reset",
        "/api/auth/request-password-reset",
        JSON,
        r#"{"email":"nobody@plue.test"}"#,
        ALL,
    ),
    case(
        "GET /api/auth/reset-password/{token}",
        "/api/auth/reset-password/0",
        [302; 5],
    ),
    with(
        "POST /api/auth/reset-password",
        "/api/auth/reset-password",
        JSON,
        r#"{"newPassword":"another long one","token":"0"}"#,
        [400; 5],
    ),
    with(
        "POST /api/auth/send-verification-email",
        "/api/auth/send-verification-email",
        JSON,
        r#"{"email":"nobody@plue.test"}"#,
        ALL,
    ),
    case(
        "GET /api/auth/verify-email",
        "/api/auth/verify-email?token=0",
        [401; 5],
    ),
];

//! Pages: what everybody gets alike, what only some get, and forms that are of another session.

use super::world::{Answer, ORIGIN, World};
use axum::body::Body;
use http::{Method, Request};
use plue_gateway::routes::{self, Csrf, State};

const FORM: &str = "application/x-www-form-urlencoded";

async fn send(world: &World, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(path)
        .header("host", "plue.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world
        .send(request.body(Body::from(body.to_owned())).unwrap())
        .await
}

/// Signs somebody in by the page, and answers their cookie.
async fn sign_in(world: &World, name: &str) -> String {
    let body = format!("username={name}&password={name}+has+a+long+password&to=/{name}");
    let headers = [("origin", ORIGIN), ("content-type", FORM)];
    let answer = send(world, "POST", "/login", &headers, &body).await;
    assert_eq!(answer.status.as_u16(), 303, "{answer:?}");
    assert_eq!(answer.header("location"), format!("/{name}"));
    let set = answer.header("set-cookie");
    set.split(';').next().unwrap().to_owned()
}

/// The token that the forms of a page bear.
fn token_of(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("name=\"csrf\" value=\"").expect("a form");
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_is_nobody_gets_the_same_bytes_and_somebody_their_own() {
    let world = World::new().await;
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    world.repository(&token, "open", false).await;
    world.repository(&token, "secret", true).await;
    let cookie = sign_in(&world, "ada").await;
    for path in [
        "/",
        "/explore",
        "/search?q=e",
        "/search?q=ad&type=people",
        "/ada",
        "/ada?q=e&sort=name",
    ] {
        let one = send(
            &world,
            "GET",
            path,
            &[("user-agent", "one"), ("cookie", "a=b")],
            "",
        )
        .await;
        let two = send(&world, "GET", path, &[("user-agent", "two")], "").await;
        assert_eq!((one.status.as_u16(), &one.text), (200, &two.text), "{path}");
        assert_eq!(one.header("cache-control"), "public, no-cache", "{path}");
        assert!(
            one.header("set-cookie").is_empty() && !one.text.contains("csrf"),
            "{path}"
        );
        assert!(!one.text.contains("secret"), "{path}");
        let tag = one.header("etag");
        assert!(
            tag.starts_with("W/\"") && tag == two.header("etag"),
            "{path}: {tag}"
        );
        let held = send(&world, "GET", path, &[("if-none-match", tag)], "").await;
        assert_eq!((held.status.as_u16(), held.text.as_str()), (304, ""), "{path}");

        let own = send(&world, "GET", path, &[("cookie", &cookie)], "").await;
        assert_eq!(own.header("cache-control"), "private, no-cache", "{path}");
        assert_ne!(own.header("etag"), tag, "{path}");
    }
    let own = send(&world, "GET", "/ada", &[("cookie", &cookie)], "").await;
    assert!(own.text.contains("secret"), "{}", own.text);
    let own = send(&world, "GET", "/explore", &[("cookie", &cookie)], "").await;
    assert!(!own.text.contains("secret"), "what is public is, whoever asks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_comes_in_gzip_to_those_who_take_it() {
    let world = World::new().await;
    let plain = send(&world, "GET", "/", &[], "").await;
    let packed = send(&world, "GET", "/", &[("accept-encoding", "gzip, br")], "").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(plain.header("content-encoding").is_empty());
    // Bytes that are no text are read as one character each at most.
    assert!(packed.text.chars().count() < plain.text.len() / 2);
    assert_eq!(packed.header("etag"), plain.header("etag"));
    let varies: Vec<_> = plain.headers.get_all("vary").iter().collect();
    assert!(
        varies
            .iter()
            .any(|value| value.to_str().unwrap().contains("Accept-Encoding")),
        "{varies:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_is_taken_without_the_token_of_its_own_session() {
    let world = World::new().await;
    for name in ["ada", "eve"] {
        world.account(name, false).await;
    }
    let token = world.token("ada", "repo,user").await;
    world.repository(&token, "open", false).await;
    let (ada, eve) = (sign_in(&world, "ada").await, sign_in(&world, "eve").await);
    let of_eve = token_of(&send(&world, "GET", "/new", &[("cookie", &eve)], "").await);
    let mut asked = 0;
    for route in routes::all().filter(|route| route.state == State::Built && route.csrf == Csrf::Form) {
        if route.method.is_safe() {
            continue;
        }
        asked += 1;
        let path = route
            .path
            .replace("{owner}", "ada")
            .replace("{repo}", "open")
            .replace("{org}", "weavers")
            .replace("{team}", "core")
            .replace("{username}", "eve")
            .replace("{address}", "0x00")
            .replace("{provider}", "github")
            .replace("{subject}", "1")
            .replace("{id:digits}", "1")
            .replace("{number:digits}", "1")
            .replace("{commentId:digits}", "1")
            .replace("{deliveryId:digits}", "1")
            .replace("{id}", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        assert!(!path.contains('{'), "{path}");
        let headers = [
            ("cookie", ada.as_str()),
            ("origin", ORIGIN),
            ("content-type", FORM),
        ];
        for body in [String::new(), "csrf=".into(), format!("csrf={of_eve}")] {
            let answer = send(&world, route.method.as_str(), &path, &headers, &body).await;
            assert_eq!(answer.status.as_u16(), 403, "{}: {body}", route.name);
            assert!(
                answer.text.contains("another session"),
                "{}: {}",
                route.name,
                answer.text
            );
        }
    }
    assert!(asked > 15, "only {asked} routes read forms");
    // With the right one it is taken.
    let of_ada = token_of(&send(&world, "GET", "/new", &[("cookie", &ada)], "").await);
    let headers = [
        ("cookie", ada.as_str()),
        ("origin", ORIGIN),
        ("content-type", FORM),
    ];
    let body = format!("csrf={of_ada}&name=made&visibility=public&object_format=sha1");
    let made = send(&world, "POST", "/new", &headers, &body).await;
    assert_eq!(
        (made.status.as_u16(), made.header("location")),
        (303, "/ada/made?done=created")
    );
    let again = send(&world, "POST", "/new", &headers, &body).await;
    assert_eq!(again.status.as_u16(), 409);
    assert!(again.text.contains("aria-invalid=\"true\"") && again.text.contains("value=\"made\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_page_leads_nowhere_else() {
    let world = World::new().await;
    world.account("ada", false).await;
    for (to, location) in [
        ("/ada/open?tab=a%26b", "/ada/open?tab=a&b"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("", "/"),
    ] {
        let body = format!("username=ada&password=ada+has+a+long+password&to={to}");
        let headers = [("origin", ORIGIN), ("content-type", FORM)];
        let answer = send(&world, "POST", "/login", &headers, &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, location),
            "{to}"
        );
        let page = send(&world, "GET", &format!("/login?to={to}"), &[], "").await;
        assert_eq!(page.text.contains("name=\"to\""), location != "/", "{to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_said_in_our_words_only() {
    let world = World::new().await;
    world.account("ada", false).await;
    let cookie = sign_in(&world, "ada").await;
    let saved = send(
        &world,
        "GET",
        "/-/settings?done=saved",
        &[("cookie", &cookie)],
        "",
    )
    .await;
    assert!(saved.text.contains("Your profile is saved."), "{}", saved.text);
    let odd = send(
        &world,
        "GET",
        "/-/settings?done=Call+this+number",
        &[("cookie", &cookie)],
        "",
    )
    .await;
    assert!(
        !odd.text.contains("role=\"status\"") && !odd.text.contains("Call this"),
        "{}",
        odd.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_take_any_address_and_show_no_more_than_there_is() {
    let world = World::new().await;
    world.account("ada", false).await;
    for query in [
        "page=0",
        "page=-1",
        "page=99999999999999999999",
        "page=x&sort=stars",
        "q=%25%5F%00",
        "q=%3Cscript%3E",
    ] {
        for path in ["/", "/explore", "/search", "/ada"] {
            let answer = send(&world, "GET", &format!("{path}?{query}"), &[], "").await;
            assert!(answer.status.as_u16() < 500, "{path}?{query}: {answer:?}");
            assert!(!answer.text.contains("<script>"), "{path}?{query}");
        }
    }
    let absent = send(&world, "GET", "/nobody", &[], "").await;
    assert_eq!(absent.status.as_u16(), 404);
    assert!(absent.header("content-type").starts_with("text/html"));
}

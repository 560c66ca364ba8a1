//! The pages of a repository, as somebody's browser asks for them.

use super::world::{Answer, World};
use std::path::Path;

const HOSTILE: &str = "<img src=x onerror=alert(1)>";

/// A public repository of ada's with something of everything in it.
async fn engine(world: &World) -> (String, String) {
    world.account("ada", false).await;
    let token = world.token("ada", "repo,user").await;
    world.repository(&token, "engine", false).await;
    let work = world.dir.path().join("work-engine");
    let write = |path: &str, content: &[u8]| {
        let path = work.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    write(
        "README.md",
        b"# Engine\n\nSee [the guide](docs/guide.md) and ![a logo](logo.svg).\n\n<script>alert(1)</script>\n",
    );
    write("docs/guide.md", b"## Use\n\n[back](../README.md)\n");
    write(
        "src/lib.rs",
        b"/// Doubles.\npub fn double(n: u32) -> u32 {\n\tn * 2\n}\n",
    );
    write(
        ".editorconfig",
        b"root = true\n[*.rs]\nindent_style = tab\ntab_width = 3\n",
    );
    write("data/a.csv", b"name,note\n<b>x</b>,\"1, 2\"\n");
    write(
        "logo.svg",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>\n",
    );
    write("page.html", b"<script>alert(document.cookie)</script>\n");
    write(&format!("{HOSTILE}.txt"), b"text\n");
    std::os::unix::fs::symlink("src/lib.rs", work.join("link")).unwrap();
    let url = format!("http://ada:{token}@{}/ada/engine.git", world.address);
    let at = ["-C", work.to_str().unwrap()];
    world.git(&at, &["add", "-A"]).await;
    // Git itself takes angle brackets out of names.
    let author = "Eve\" onmouseover=\"alert(1) {{7*7}} %s <x@plue.test>";
    world
        .git(
            &at,
            &[
                "commit",
                "-q",
                "--author",
                author,
                "-m",
                &format!("Add {HOSTILE}\n\nMore {{7*7}} %s"),
            ],
        )
        .await;
    world.git(&at, &["branch", "feature/deep/er"]).await;
    world.git(&at, &["tag", "-a", "v1.0", "-m", HOSTILE]).await;
    world.git(&at, &["push", "-q", &url, "--all"]).await;
    world.git(&at, &["push", "-q", &url, "--tags"]).await;
    let tip = world.git(&at, &["rev-parse", "HEAD"]).await.trim().to_owned();
    (token, tip)
}

async fn page(world: &World, path: &str) -> Answer {
    let answer = world.get(path, None).await;
    assert_eq!(answer.status.as_u16(), 200, "{path}: {answer:?}");
    assert!(answer.header("content-type").starts_with("text/html"), "{path}");
    assert!(
        !answer.text.contains("<img src=x")
            && !answer.text.contains("<script>")
            && !answer.text.contains("\" onmouseover"),
        "{path}: {}",
        answer.text
    );
    answer
}

fn every_page(tip: &str) -> Vec<String> {
    [
        "",
        "/tree/main",
        "/tree/main/docs",
        "/blob/main/src/lib.rs",
        "/blob/main/README.md",
        "/blob/main/README.md?plain=1",
        "/blob/main/data/a.csv",
        "/blob/main/logo.svg",
        "/blob/main/docs/bytes",
        "/blob/main/link",
        "/blob/main/page.html",
        "/blame/main/src/lib.rs",
        "/commits",
        "/commits/main",
        "/commits/main/src/lib.rs",
        "/commits/main/docs",
        "/bookmarks",
        "/tags",
        "/contributors",
        "/compare",
        "/compare/main...feature/deep/er",
        "/find/main",
        "/find/main?q=lib",
        "/tree/feature/deep/er/src",
        "/blob/feature/deep/er/src/lib.rs",
        "/blob/v1.0/src/lib.rs",
    ]
    .iter()
    .map(|rest| format!("/ada/engine{rest}"))
    .chain([
        format!("/ada/engine/commit/{tip}"),
        format!("/ada/engine/commit/{tip}?diff=split&w=1"),
        format!("/ada/engine/blob/{tip}/src/lib.rs"),
        format!(
            "/ada/engine/blob/main/{}",
            HOSTILE
                .replace(' ', "%20")
                .replace('<', "%3C")
                .replace('>', "%3E")
                .replace('/', "%2F")
                + ".txt"
        ),
    ])
    .collect()
}

/// Names of people, files, messages, tags and tables: GHSA-vgvf, GHSA-3qq3, GHSA-4j89, GHSA-jq8v.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_there_and_nothing_in_it_is_a_tag_ghsa_vgvf_3qq3_4j89_jq8v() {
    let world = World::new().await;
    let (_, tip) = engine(&world).await;
    for path in every_page(&tip) {
        page(&world, &path).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_read_from_its_first_page_to_a_line() {
    let world = World::new().await;
    let (_, tip) = engine(&world).await;
    let home = page(&world, "/ada/engine").await;
    for part in [
        "http://plue.test/ada/engine.git",
        "ssh://git@plue.test:2222/ada/engine.git",
        "href=\"/ada/engine/tree/main/docs\"",
        "href=\"/ada/engine/blob/main/docs/guide.md\"",
        "src=\"/ada/engine/raw/main/logo.svg\"",
        "href=\"/ada/engine/archive/main.tar.gz\"",
        "Add &lt;img",
    ] {
        assert!(home.text.contains(part), "no {part} in {}", home.text);
    }
    let file = page(&world, "/ada/engine/blob/main/src/lib.rs").await;
    assert!(
        file.text
            .contains("<span id=L3><a href=#L3 tabindex=-1>3</a>\tn * <b class=n>2</b>"),
        "{}",
        file.text
    );
    assert!(
        file.text.contains("class=\"code tab3 d3\""),
        "the width of a tab is .editorconfig's: {}",
        file.text
    );
    assert!(
        file.text
            .contains(&format!("href=\"/ada/engine/blob/{tip}/src/lib.rs\"")),
        "a permalink"
    );
    let table = page(&world, "/ada/engine/blob/main/data/a.csv").await;
    assert!(
        table.text.contains("<td>&lt;b&gt;x&lt;/b&gt;</td><td>1, 2</td>"),
        "{}",
        table.text
    );
    let link = page(&world, "/ada/engine/blob/main/link").await;
    assert!(link.text.contains("<code>src/lib.rs</code>"), "{}", link.text);
    let blame = page(&world, "/ada/engine/blame/main/src/lib.rs").await;
    assert!(blame.text.contains("id=L4"), "{}", blame.text);
    let commit = page(&world, &format!("/ada/engine/commit/{tip}")).await;
    assert!(
        commit
            .text
            .contains("<td class=m>+</td><td class=c>pub fn double"),
        "{}",
        commit.text
    );
    let found = page(&world, "/ada/engine/find/main?q=lib").await;
    assert!(
        found.text.contains("href=\"/ada/engine/blob/main/src/lib.rs\""),
        "{}",
        found.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_and_files_lead_to_each_other_and_what_is_not_there_is_not_found() {
    let world = World::new().await;
    engine(&world).await;
    for (path, there) in [
        (
            "/ada/engine/tree/main/src/lib.rs",
            "/ada/engine/blob/main/src/lib.rs",
        ),
        ("/ada/engine/blob/main/src", "/ada/engine/tree/main/src"),
        ("/ada/engine/raw/main/src", "/ada/engine/tree/main/src"),
        (
            "/ada/engine/compare?base=main&head=feature/deep/er",
            "/ada/engine/compare/main...feature/deep/er",
        ),
    ] {
        let answer = world.get(path, None).await;
        assert!(answer.status.is_redirection(), "{path}: {answer:?}");
        assert_eq!(answer.header("location"), there);
    }
    let zeros = "0".repeat(40);
    for path in [
        "/ada/engine/tree/none".to_owned(),
        "/ada/engine/blob/main/none".to_owned(),
        "/ada/engine/blob/main/../../etc/passwd".to_owned(),
        "/ada/engine/raw/main/.git/config".to_owned(),
        "/ada/engine/blame/main/src".to_owned(),
        "/ada/engine/commits/main/none".to_owned(),
        "/ada/engine/commit/--output=x".to_owned(),
        format!("/ada/engine/commit/{zeros}"),
        "/ada/engine/compare/main".to_owned(),
        "/ada/engine/compare/--help...main".to_owned(),
        "/ada/engine/archive/main.rar".to_owned(),
        "/ada/engine/archive/--output=x.zip".to_owned(),
        "/ada/engine/find/main/src".to_owned(),
    ] {
        let answer = world.get(&path, None).await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 404),
            "{path}: {}",
            answer.status
        );
    }
}

/// Raw files can do nothing on our origin: GHSA-xh32, GHSA-xrcr, GHSA-6vxv.
#[tokio::test(flavor = "multi_thread")]
async fn raw_files_are_text_or_harmless_pictures_ghsa_xh32_xrcr_6vxv() {
    let world = World::new().await;
    engine(&world).await;
    for (path, media_type) in [
        ("page.html", "text/plain; charset=utf-8"),
        ("README.md", "text/plain; charset=utf-8"),
        ("logo.svg", "image/svg+xml"),
        ("docs/bytes", "application/octet-stream"),
    ] {
        let answer = world.get(&format!("/ada/engine/raw/main/{path}"), None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, media_type),
            "{path}"
        );
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("sandbox; default-src 'none'"),
            "{path}"
        );
        assert!(
            !answer.header("content-security-policy").contains("script"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let text = world.get("/ada/engine/raw/main/src/lib.rs", None).await;
    assert_eq!(
        text.text,
        "/// Doubles.\npub fn double(n: u32) -> u32 {\n\tn * 2\n}\n"
    );
    let kept = world
        .get("/ada/engine/raw/main/src/lib.rs?download=1", None)
        .await;
    assert!(
        kept.header("content-disposition")
            .starts_with("attachment; filename=\"lib.rs\"")
    );
}

/// A token that counts for one repository says which, as long as its owner sees that.
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_names_its_repositories() {
    let world = World::new().await;
    let (ada, _) = engine(&world).await;
    world.account("eve", false).await;
    let eve = world.token("eve", "repo,user").await;
    let body =
        serde_json::json!({ "name": "backup", "scopes": ["repo:read"], "repositories": ["ada/engine"] });
    let made = world
        .ask("POST", "/api/user/tokens", Some(&eve), Some(body))
        .await;
    assert_eq!(made.status.as_u16(), 201, "{made:?}");
    let page = async || world.get("/-/settings/tokens", Some(&eve)).await.text;
    assert!(
        page()
            .await
            .contains("only <a href=\"/ada/engine\">ada/engine</a>")
    );
    let hide = serde_json::json!({ "private": true });
    let hidden = world
        .ask("PATCH", "/api/ada/engine", Some(&ada), Some(hide))
        .await;
    assert!(hidden.status.is_success(), "{hidden:?}");
    let page = page().await;
    assert!(page.contains("only one that you cannot see any more") && !page.contains("ada/engine"));
}

async fn ask(world: &World, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = http::Request::get(path).header("host", "plue.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(axum::body::Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_a_raw_file_is_answered_alone() {
    let world = World::new().await;
    engine(&world).await;
    let path = "/ada/engine/raw/main/src/lib.rs";
    let whole = world.get(path, None).await;
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let (text, size) = (&whole.text, whole.text.len());
    let tag = whole.header("etag").to_owned();
    for (range, first, end) in [
        ("bytes=0-3".to_owned(), 0, 4),
        ("bytes=4-".to_owned(), 4, size),
        ("bytes=-5".to_owned(), size - 5, size),
        (format!("bytes={}-", size - 1), size - 1, size),
    ] {
        let answer = ask(&world, path, &[("range", &range), ("if-range", &tag)]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (206, &text[first..end]),
            "{range}"
        );
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {first}-{}/{size}", end - 1)
        );
        assert_eq!(answer.header("content-length"), (end - first).to_string());
    }
    let beyond = ask(&world, path, &[("range", "bytes=10000-")]).await;
    assert_eq!(
        (beyond.status.as_u16(), beyond.header("content-range")),
        (416, format!("bytes */{size}").as_str())
    );
    // Of other bytes than the client has, of several ranges, and of none, all is answered.
    for headers in [
        [("range", "bytes=0-3"), ("if-range", "\"other\"")],
        [("range", "bytes=0-1,3-4"), ("accept", "*/*")],
        [("range", "bytes=3-0"), ("accept", "*/*")],
    ] {
        let answer = ask(&world, path, &headers).await;
        assert_eq!((answer.status.as_u16(), &answer.text), (200, text), "{headers:?}");
    }
    let held = ask(&world, path, &[("range", "bytes=0-3"), ("if-none-match", &tag)]).await;
    assert_eq!(held.status.as_u16(), 304);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_deep_in_a_large_file_is_cut_from_it() {
    let world = World::new().await;
    engine(&world).await;
    let work = world.dir.path().join("work-engine");
    let content: String = (0..30_000).map(|n| format!("{n:09}\n")).collect();
    std::fs::write(work.join("large.txt"), &content).unwrap();
    let at = ["-C", work.to_str().unwrap()];
    world.git(&at, &["add", "-A"]).await;
    world.git(&at, &["commit", "-q", "-m", "Add a large file"]).await;
    let token = world.token("ada", "repo,user").await;
    let url = format!("http://ada:{token}@{}/ada/engine.git", world.address);
    world.git(&at, &["push", "-q", &url, "main"]).await;
    let range = [("range", "bytes=199995-200014")];
    let answer = ask(&world, "/ada/engine/raw/main/large.txt", &range).await;
    assert_eq!(answer.status.as_u16(), 206);
    assert_eq!(answer.text, content[199_995..200_015]);
    assert_eq!(answer.header("content-range"), "bytes 199995-200014/300000");
}

/// The tab is for those who may change the settings, whoever owns the repository.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_administers_a_repository_sees_its_settings() {
    let world = World::new().await;
    let (ada, _) = engine(&world).await;
    let page = async |token: Option<&str>| world.get("/ada/engine", token).await.text;
    let tab = "href=\"/ada/engine/settings\"";
    assert!(page(Some(&ada)).await.contains(tab));
    for (name, role, sees) in [("eve", "admin", true), ("bob", "write", false)] {
        world.account(name, false).await;
        let token = world.token(name, "repo,user").await;
        assert!(!page(Some(&token)).await.contains(tab), "{name}");
        let path = format!("/api/ada/engine/collaborators/{name}");
        let body = serde_json::json!({ "role": role });
        assert!(
            world
                .ask("PUT", &path, Some(&ada), Some(body))
                .await
                .status
                .is_success()
        );
        assert_eq!(page(Some(&token)).await.contains(tab), sees, "{name}");
    }
    assert!(!page(None).await.contains(tab));
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_hold_everything_below_one_folder() {
    let world = World::new().await;
    engine(&world).await;
    for ending in ["tar.gz", "zip"] {
        let path = format!("/ada/engine/archive/feature/deep/er.{ending}");
        let request = http::Request::get(&path)
            .header("host", "plue.test")
            .body(axum::body::Body::empty())
            .unwrap();
        let (parts, body) = world.door.answer(request, None).await.into_parts();
        assert_eq!(parts.status.as_u16(), 200, "{path}");
        let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        let file = world.dir.path().join(format!("a.{ending}"));
        std::fs::write(&file, &bytes).unwrap();
        if ending == "tar.gz" {
            let listed = listed(&file).await;
            assert!(listed.contains("engine-feature-deep-er/src/lib.rs"), "{listed}");
        } else {
            assert!(bytes.starts_with(b"PK"), "a zip file");
        }
    }
}

async fn listed(file: &Path) -> String {
    let ran = tokio::process::Command::new("tar")
        .arg("-tzf")
        .arg(file)
        .output()
        .await
        .unwrap();
    assert!(ran.status.success());
    String::from_utf8(ran.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_is_not_signed_in_gets_the_same_bytes_until_something_changes() {
    let world = World::new().await;
    let (token, _) = engine(&world).await;
    let path = "/ada/engine/tree/main/src";
    let first = page(&world, path).await;
    let again = page(&world, path).await;
    assert_eq!(first.text, again.text);
    let tag = first.header("etag").to_owned();
    assert!(
        tag.starts_with("W/\"") && first.header("cache-control") == "public, no-cache",
        "{first:?}"
    );
    let held = |tag: &str| {
        let request = http::Request::get(path)
            .header("host", "plue.test")
            .header("if-none-match", tag);
        request.body(axum::body::Body::empty()).unwrap()
    };
    assert_eq!(world.send(held(&tag)).await.status.as_u16(), 304);
    let own = world.get(path, Some(&token)).await;
    assert_eq!(own.header("cache-control"), "private, no-cache");
    assert_ne!(own.header("etag"), tag);

    let work = world.dir.path().join("work-engine");
    std::fs::write(work.join("src/new.rs"), "new\n").unwrap();
    let at = ["-C", work.to_str().unwrap()];
    world.git(&at, &["add", "-A"]).await;
    world.git(&at, &["commit", "-q", "-m", "Another"]).await;
    let url = format!("http://ada:{token}@{}/ada/engine.git", world.address);
    world.git(&at, &["push", "-q", &url, "main"]).await;
    let after = world.send(held(&tag)).await;
    assert_eq!(after.status.as_u16(), 200, "a push changes the page");
    assert!(after.text.contains("new.rs") && after.header("etag") != tag);

    let private = serde_json::json!({ "private": true });
    let made = world
        .ask("PATCH", "/api/ada/engine", Some(&token), Some(private))
        .await;
    assert_eq!(made.status.as_u16(), 200, "{made:?}");
    let hidden = world.send(held(after.header("etag"))).await;
    assert_eq!(
        hidden.status.as_u16(),
        404,
        "what became private is not shown to those who held it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_repository_leads_to_its_new_name_and_an_empty_one_says_how_to_fill_it() {
    let world = World::new().await;
    let (token, _) = engine(&world).await;
    let renamed = serde_json::json!({ "name": "motor" });
    let made = world
        .ask("PATCH", "/api/ada/engine", Some(&token), Some(renamed))
        .await;
    assert_eq!(made.status.as_u16(), 200, "{made:?}");
    for (old, new) in [
        ("/ada/engine", "/ada/motor"),
        (
            "/ada/engine/blob/main/README.md?plain=1",
            "/ada/motor/blob/main/README.md?plain=1",
        ),
    ] {
        let answer = world.get(old, None).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (302, new));
    }
    let body = serde_json::json!({ "name": "bare" });
    world.ask("POST", "/api/repos", Some(&token), Some(body)).await;
    let empty = page(&world, "/ada/bare").await;
    assert!(empty.text.contains("git push -u origin main"), "{}", empty.text);
    let none = page(&world, "/ada/bare/contributors").await;
    assert!(none.text.contains("Nobody has written anything yet"));
}

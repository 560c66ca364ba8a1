//! The pages of this door: the public repositories, and the one on which people sign in. They
//! have no script, and everything in them is escaped.

use super::extract::{Asked, Page};
use super::failure::Failure;
use super::site::Site;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use plue_contract::{Caller, Who};
use plue_forge::repositories::{self, Repository, Sort};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::LazyLock;

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{max-width:60rem;margin:0 auto;padding:1rem}\
header,footer{display:flex;gap:1rem;justify-content:space-between;align-items:baseline;flex-wrap:wrap}\
main>ul{list-style:none;padding:0}main>ul>li{border-top:1px solid #8885;padding:.75rem 0}\
h2{font-size:1.1rem;margin:0}p{margin:.25rem 0}code{font-size:.9rem;overflow-wrap:anywhere}\
form{display:grid;gap:.75rem;max-width:22rem}input,button{font:inherit;padding:.5rem}\
.said{border-left:.25rem solid #c33;padding-left:.75rem}.quiet{opacity:.75}";

/// Nothing but our one style sheet, by its hash, and forms to ourselves.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    HeaderValue::from_str(&format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ))
    .expect("because base64 stands in a header")
});

/// A text in which nothing is a tag, an entity or the end of an attribute.
struct Safe<'a>(&'a str);

impl std::fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

fn page(site: &Site, title: &str, aside: &str, main: &str) -> Response {
    let (name, title) = (Safe(&site.name), Safe(title));
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · {name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><p><a href=\"/\">{name}</a></p><p>{aside}</p></header>\n\
         <main>\n<h1>{title}</h1>\n{main}</main>\n</body>\n</html>\n"
    );
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY.clone()),
    ];
    (headers, html).into_response()
}

fn entry(site: &Site, repository: &Repository) -> String {
    let path = repository.path();
    let mut entry = format!("<li>\n<h2>{}</h2>\n", Safe(&path.to_string()));
    if !repository.description.is_empty() {
        entry.push_str(&format!("<p>{}</p>\n", Safe(&repository.description)));
    }
    let addresses = [
        Some(site.addresses.clone_http(&path)),
        site.addresses.clone_ssh(&path),
    ];
    for address in addresses.into_iter().flatten() {
        entry.push_str(&format!("<p><code>git clone {}</code></p>\n", Safe(&address)));
    }
    entry.push_str("</li>\n");
    entry
}

/// Whether the client would rather read plain text than a page.
fn wants_text(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(http::header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/plain") && !accept.contains("text/html"))
}

/// The public repositories with their clone addresses.
pub async fn index(
    State(site): State<Site>,
    Asked(caller): Asked,
    shown: Page,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if wants_text(&headers) {
        return Ok(format!("Welcome to {}!\n", site.name).into_response());
    }
    let aside = match &caller.who {
        Who::Account { name, .. } => format!("Signed in as {}", Safe(name.as_str())),
        _ => String::from("<a href=\"/login\">Sign in</a>"),
    };
    let anybody = Caller::anonymous(caller.address, caller.request_id);
    let query = repositories::Query {
        public_only: true,
        sort: Sort::Updated,
        limit: shown.limit,
        offset: shown.offset,
        ..repositories::Query::default()
    };
    let found = repositories::list(&site.forge, &anybody, query, site.now_ms()).await?;
    let mut main = String::new();
    if found.items.is_empty() {
        main.push_str("<p>There is no public repository here.</p>\n");
    } else {
        let entries: String = found.items.iter().map(|r| entry(&site, r)).collect();
        main.push_str(&format!("<ul>\n{entries}</ul>\n"));
    }
    if let Some(cursor) = shown.next(found.total, &site.keys.cursor) {
        let (cursor, limit) = (Safe(&cursor), shown.limit);
        main.push_str(&format!(
            "<p><a href=\"/?limit={limit}&amp;cursor={cursor}\">More</a></p>\n"
        ));
    }
    let mut response = page(&site, "Public repositories", &aside, &main);
    let known = !matches!(caller.who, Who::Anonymous);
    let cache = if known {
        "private, no-cache"
    } else {
        "public, no-cache"
    };
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    Ok(response)
}

/// The page on which people sign in: with a one-time token one button, else name and password.
pub fn sign_in(site: &Site, token: Option<&str>, said: Option<&str>) -> Response {
    let said = said.map_or(String::new(), |said| {
        format!("<p class=\"said\" role=\"alert\">{}</p>\n", Safe(said))
    });
    let form = match token {
        Some(token) => format!(
            "<p>This link signs you in once.</p>\n<form method=\"post\" action=\"/login\">\n\
             <input type=\"hidden\" name=\"token\" value=\"{}\">\n\
             <button type=\"submit\">Sign in</button>\n</form>\n",
            Safe(token)
        ),
        None => String::from(
            "<form method=\"post\" action=\"/login\">\n\
             <label for=\"username\">Name</label>\n\
             <input id=\"username\" name=\"username\" autocomplete=\"username\" required autofocus>\n\
             <label for=\"password\">Password</label>\n\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\n\
             <button type=\"submit\">Sign in</button>\n</form>\n",
        ),
    };
    page(site, "Sign in", "", &format!("{said}{form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_page_is_a_tag() {
        let text = Safe("<script>\"&'</script>").to_string();
        assert_eq!(text, "&lt;script&gt;&quot;&amp;&#39;&lt;/script&gt;");
    }

    #[test]
    fn the_policy_names_our_style_and_nothing_else() {
        let policy = POLICY.to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
    }
}

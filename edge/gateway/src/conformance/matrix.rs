//! The table of classes, callers and methods: one address of each class, asked by everybody with
//! every method. A cell is the status of a refusal, `passes` where the forge is asked on nobody's
//! behalf, or by which credential the caller was recognised.

use super::Asked;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// One address of each class, and the media type that its bodies have.
const PLACES: &[(&str, &str, &str)] = &[
    ("page", "/", ""),
    ("page", "/login", "application/x-www-form-urlencoded"),
    ("health", "/healthz", ""),
    ("login", "/api/auth/login", "application/json"),
    ("api", "/api/repos", "application/json"),
    ("api", "/api/user/tokens", "application/json"),
    ("api", "/api/ada/engine", "application/json"),
    ("git_read", "/ada/engine/info/refs", ""),
    (
        "git_read",
        "/ada/engine/git-upload-pack",
        "application/x-git-upload-pack-request",
    ),
    (
        "git_write",
        "/ada/engine/git-receive-pack",
        "application/x-git-receive-pack-request",
    ),
    ("wit", "/repos", "application/json"),
    ("wit", "/sync", "application/json"),
    (
        "lfs",
        "/ada/engine.git/info/lfs/objects/batch",
        "application/vnd.git-lfs+json",
    ),
    ("trpc", "/trpc/repos.list", "application/json"),
    ("npm", "/api/packages/@scope%2fname", "application/json"),
    ("oci", "/v2/ada/engine/manifests/latest", "application/json"),
    ("oauth", "/oauth/token", "application/x-www-form-urlencoded"),
    ("happy", "/v1/sessions", "application/json"),
    ("cockpit", "/api/tasks/1", "application/json"),
    ("none", "/api/nonsense", "application/json"),
];

const COOKIE: (&str, &str) = ("cookie", "{cookie:ada}");
const CSRF: (&str, &str) = ("x-csrf-token", "{csrf:ada}");
const OURS: (&str, &str) = ("origin", "http://{host}");
const FOREIGN: (&str, &str) = ("origin", "https://evil.example");

/// Who asks, and by what one would know.
const CALLERS: &[(&str, &[(&str, &str)])] = &[
    ("nobody", &[]),
    ("cookie", &[COOKIE]),
    ("ours", &[COOKIE, OURS]),
    ("csrf", &[COOKIE, CSRF, OURS]),
    ("foreign", &[COOKIE, CSRF, FOREIGN]),
    (
        "ended",
        &[(
            "cookie",
            "plue_session=01ARZ3NDEKTSV4RRFFQ69G5FAW.CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
        )],
    ),
    ("jwt", &[("authorization", "Bearer {jwt:ada}")]),
    ("token", &[("authorization", "Bearer {token:ada}")]),
    ("basic-pw", &[("authorization", "Basic {basic:ada:password}")]),
    ("basic-tk", &[("authorization", "Basic {basic:ada:token}")]),
    (
        "wrong",
        &[(
            "authorization",
            "Bearer plt_0000000000000000000000000000000000000000000000000000000000000000",
        )],
    ),
    ("wrong-pw", &[("authorization", "Basic YWRhOndyb25n")]),
    (
        "family",
        &[(
            "authorization",
            "Bearer wit_0000000000000000000000000000000000000000",
        )],
    ),
];

/// Every question of the table, row by row.
pub fn questions() -> Vec<Asked> {
    let mut questions = Vec::new();
    for (_, target, media_type) in PLACES {
        for method in METHODS {
            for (_, shown) in CALLERS {
                let mut headers: Vec<(String, String)> = shown
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect();
                let has_body = !matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS");
                if has_body && !media_type.is_empty() {
                    headers.push(("content-type".to_owned(), (*media_type).to_owned()));
                }
                questions.push(Asked {
                    method: method.to_owned(),
                    target: (*target).to_owned(),
                    headers,
                    peer: super::peer(),
                    times: 1,
                });
            }
        }
    }
    questions
}

/// Writes the table from one word for each question.
///
/// # Panics
/// Where there are more or fewer words than questions.
pub fn table(words: &[String]) -> String {
    assert_eq!(words.len(), PLACES.len() * METHODS.len() * CALLERS.len());
    let line = |class: &str, method: &str, target: &str, cells: &mut dyn Iterator<Item = &str>| {
        let mut line = format!("{class:<10}{method:<8}{target:<40}");
        for cell in cells {
            line.push_str(&format!("{cell:<9}"));
        }
        format!("{}\n", line.trim_end())
    };
    let mut text = line(
        "class",
        "method",
        "address",
        &mut CALLERS.iter().map(|(name, _)| *name),
    );
    let mut rows = words.chunks(CALLERS.len());
    for (class, target, _) in PLACES {
        for method in METHODS {
            let row = rows.next().unwrap_or_default();
            text.push_str(&line(class, method, target, &mut row.iter().map(String::as_str)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{self, Class, Outcome, Router, State, Verb};
    use std::collections::BTreeSet;

    #[test]
    fn every_place_is_of_its_class_and_every_built_class_has_a_place() {
        let router = Router::new(routes::all());
        let class_of = |target: &str| {
            let segments = crate::validation::segments(target).expect("a path");
            let verbs = [Verb::Get, Verb::Post, Verb::Put, Verb::Patch, Verb::Delete];
            verbs
                .into_iter()
                .find_map(|verb| match router.find(Some(verb), &segments) {
                    Outcome::Found(matched) => Some(matched.route.class),
                    _ => None,
                })
        };
        let mut seen = BTreeSet::new();
        for (class, target, _) in PLACES {
            let found = class_of(target).map_or("none", Class::name);
            assert_eq!(found, *class, "{target}");
            seen.insert(found);
        }
        for route in routes::all().filter(|route| route.state == State::Built) {
            // Ours are sealed, and do not exist at the edge; assets and notices have no callers.
            let apart = matches!(route.class, Class::Internal | Class::Asset | Class::Hook);
            assert!(
                apart || seen.contains(route.class.name()),
                "{} has no place",
                route.name
            );
        }
    }
}

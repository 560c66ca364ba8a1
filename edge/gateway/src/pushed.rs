//! Notices in the words of the seed's coordinator: `POST /do/{scope}/invalidate` with a shared
//! secret as the bearer, for whoever has one that speaks them. Two spellings of their fields are
//! read, because the seed's sender and receiver never agreed on one.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use plue_contract::{Code, Problem, RepoPath};
use serde::Deserialize;
use subtle::ConstantTimeEq;

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// What is under these names, as `RepoPath::key` writes them.
    Repositories(Vec<String>),
    /// Whatever is remembered.
    Global,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Sql,
    Git,
}

/// The fields of both spellings; what only other caches need is checked and passed over.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: Kind,
    /// Seconds or milliseconds since 1970.
    #[serde(rename = "timestamp")]
    _timestamp: u64,
    #[serde(rename = "table")]
    _table: Option<String>,
    #[serde(alias = "repoKey")]
    repo_key: Option<String>,
    #[serde(rename = "merkle_root", alias = "merkleRoot")]
    _merkle_root: Option<String>,
}

/// Whether the bearer is the shared secret. Without a secret there is no such address.
pub fn authorised(headers: &HeaderMap, secret: Option<&str>) -> Result<(), Problem> {
    let secret = secret.ok_or_else(Problem::not_found)?;
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = sent
        .and_then(|sent| sent.strip_prefix("Bearer "))
        .unwrap_or_default();
    if bool::from(bearer.as_bytes().ct_eq(secret.as_bytes())) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Unauthenticated,
        "Notices come with `Authorization: Bearer` and the secret that both sides share.",
    ))
}

/// Reads a notice: what follows `/do/` in its path, and its body.
pub fn read(scope: &str, body: &[u8]) -> Result<Pushed, Problem> {
    let scope = scope.strip_suffix("/invalidate").ok_or_else(Problem::not_found)?;
    let body: Body = serde_json::from_slice(body).map_err(|error| {
        Problem::new(
            Code::InvalidRequest,
            format!("The notice cannot be read: {error}."),
        )
    })?;
    let name = |text: &str| {
        let path = text.parse::<RepoPath>();
        path.map(|path| path.key()).map_err(|_| {
            Problem::new(Code::InvalidRequest, "A repository is written as owner/name.").field("repo_key")
        })
    };
    let told = body.repo_key.as_deref().map(name).transpose()?;
    match (scope, scope.strip_prefix("repo:")) {
        ("global", _) => Ok(match (body.kind, told) {
            (Kind::Git, Some(name)) => Pushed::Repositories(vec![name]),
            _ => Pushed::Global,
        }),
        (_, Some(text)) => {
            let mut names = vec![name(text).map_err(|_| Problem::not_found())?];
            names.extend(told);
            names.dedup();
            Ok(Pushed::Repositories(names))
        }
        _ => Err(Problem::not_found()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read() {
        let names = |names: &[&str]| {
            Ok(Pushed::Repositories(
                names.iter().map(|&name| name.to_owned()).collect(),
            ))
        };
        for body in [
            r#"{"type":"git","timestamp":1700000000,"repo_key":"Ada/Engine","merkle_root":"0f"}"#,
            r#"{"type":"git","timestamp":1700000000000,"repoKey":"Ada/Engine","merkleRoot":"0f"}"#,
            r#"{"type":"git","timestamp":1700000000,"repo_key":null}"#,
        ] {
            assert_eq!(
                read("repo:ada/engine/invalidate", body.as_bytes()),
                names(&["ada/engine"])
            );
        }
        let other = br#"{"type":"git","timestamp":1,"repoKey":"bob/x"}"#;
        assert_eq!(
            read("repo:ada/engine/invalidate", other),
            names(&["ada/engine", "bob/x"])
        );
        assert_eq!(read("global/invalidate", other), names(&["bob/x"]));
        let table = br#"{"type":"sql","timestamp":1,"table":"issues"}"#;
        assert_eq!(read("global/invalidate", table), Ok(Pushed::Global));
    }

    #[test]
    fn what_is_no_notice_is_refused() {
        let good = br#"{"type":"sql","timestamp":1}"#;
        for scope in [
            "global",
            "repo:ada/invalidate",
            "repo:a/b/c/invalidate",
            "other/invalidate",
            "invalidate",
        ] {
            assert_eq!(
                read(scope, good).map_err(|problem| problem.code),
                Err(Code::NotFound),
                "{scope}"
            );
        }
        for body in [
            "",
            "{}",
            r#"{"type":"dns","timestamp":1}"#,
            r#"{"type":"git","timestamp":1,"repoKey":"a"}"#,
        ] {
            let refused = read("global/invalidate", body.as_bytes()).map_err(|problem| problem.code);
            assert_eq!(refused, Err(Code::InvalidRequest), "{body}");
        }
    }

    #[test]
    fn only_the_secret_opens_it() {
        let sent = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().expect("a value"));
            authorised(&headers, Some("a secret")).map_err(|problem| problem.code)
        };
        assert_eq!(sent("Bearer a secret"), Ok(()));
        for wrong in ["Bearer a secre", "Bearer ", "a secret", "Basic a secret"] {
            assert_eq!(sent(wrong), Err(Code::Unauthenticated), "{wrong}");
        }
        let nothing = authorised(&HeaderMap::new(), None).map_err(|problem| problem.code);
        assert_eq!(nothing, Err(Code::NotFound));
    }
}

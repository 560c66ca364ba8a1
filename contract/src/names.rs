//! The names of accounts and repositories: one rule for every door.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// First path segments that belong to the server itself, under `/` and under `/api`, also those
/// of routes that are promised and not yet built. No account may bear one, in any letter case.
pub const RESERVED: &[&str] = &[
    "about",
    "account",
    "accounts",
    "actions",
    "admin",
    "agent",
    "agents",
    "api",
    "apps",
    "assets",
    "auth",
    "billing",
    "blog",
    "bookmarks",
    "changes",
    "cmd",
    "contact",
    "cookies",
    "dashboard",
    "deploy",
    "dev",
    "directory",
    "do",
    "docs",
    "download",
    "downloads",
    "edge",
    "events",
    "explore",
    "favicon",
    "features",
    "feed",
    "files",
    "ghost",
    "git",
    "graphql",
    "groups",
    "guest",
    "health",
    "healthz",
    "help",
    "home",
    "hooks",
    "import",
    "inbox",
    "integrations",
    "internal",
    "invite",
    "issues",
    "jobs",
    "join",
    "landing",
    "legal",
    "lfs",
    "limits",
    "live",
    "login",
    "logout",
    "machines",
    "me",
    "metrics",
    "mirror",
    "new",
    "none",
    "notifications",
    "null",
    "oauth",
    "openapi",
    "organizations",
    "orgs",
    "packages",
    "pages",
    "planning",
    "plue",
    "ports",
    "pricing",
    "privacy",
    "profile",
    "projects",
    "prompts",
    "pty",
    "public",
    "pulls",
    "queue",
    "raw",
    "ready",
    "register",
    "relay",
    "repos",
    "repositories",
    "robots",
    "root",
    "rpc",
    "runners",
    "sandbox",
    "search",
    "security",
    "self",
    "session",
    "sessions",
    "settings",
    "setup",
    "signin",
    "signout",
    "signup",
    "site",
    "sitemap",
    "ssh",
    "ssh-keys",
    "stars",
    "static",
    "status",
    "storage",
    "support",
    "sync",
    "system",
    "tags",
    "tasks",
    "team",
    "teams",
    "terms",
    "tokens",
    "tools",
    "topics",
    "trending",
    "trpc",
    "undefined",
    "user",
    "users",
    "v1",
    "v2",
    "v3",
    "v4",
    "version",
    "voice",
    "watch",
    "watcher",
    "webhooks",
    "wiki",
    "workflows",
    "ws",
    "www",
];

/// Second segments under an account that are pages or transport, never a repository.
pub const RESERVED_REPOSITORIES: &[&str] = &[
    "new", "settings", "admin", "api", "help", "explore", ".", "..", "-",
];

/// Why a name was refused, in words for the person who chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No character, or more than the limit.
    #[error("a name has between 1 and {limit} characters")]
    Length {
        /// The most characters a name of this kind may have.
        limit: usize,
    },
    /// A character outside the permitted set, or a hyphen or dot where none may stand.
    #[error("{0}")]
    Shape(&'static str),
    /// A word that the server keeps for itself.
    #[error("this name is reserved; please choose another")]
    Reserved,
}

macro_rules! name_type {
    ($($(#[$doc:meta])* $name:ident, $check:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as it was chosen.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form by which names are looked up and compared: two names that differ only
            /// in letter case are the same name.
            pub fn key(&self) -> String {
                self.0.to_ascii_lowercase()
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                $check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

name_type! {
    /// The name of an account: 1–39 ASCII letters, digits and single hyphens, none of them at
    /// either end. [`AccountName::claim`] is the stricter rule for a name that somebody chooses.
    AccountName, check_account;
    /// The name of a team within its organisation: of the same shape as an account's.
    TeamName, check_account;
    /// The name of a repository: 1–100 ASCII letters, digits, `-`, `_` and `.`, not beginning
    /// with a dot or hyphen and not ending in `.git`, `.wit`, `.lock` or a dot.
    RepoName, check_repository;
}

impl AccountName {
    /// Reads a name that somebody wants to have: the rule of the type, and no [`RESERVED`] word.
    pub fn claim(text: &str) -> Result<Self, NameError> {
        let name: Self = text.parse()?;
        if RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text)) {
            return Err(NameError::Reserved);
        }
        Ok(name)
    }
}

/// Whether a byte stands beside itself; a search for two of them would cost more to prepare than to do.
fn twice(text: &str, byte: u8) -> bool {
    text.as_bytes().windows(2).any(|two| two == [byte, byte])
}

fn check_account(text: &str) -> Result<(), NameError> {
    if text.is_empty() || text.len() > 39 {
        return Err(NameError::Length { limit: 39 });
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(NameError::Shape(
            "an account's name has letters, digits and hyphens only",
        ));
    }
    if text.starts_with('-') || text.ends_with('-') || twice(text, b'-') {
        return Err(NameError::Shape(
            "hyphens in an account's name stand singly, between other characters",
        ));
    }
    Ok(())
}

fn check_repository(text: &str) -> Result<(), NameError> {
    if text.is_empty() || text.len() > 100 {
        return Err(NameError::Length { limit: 100 });
    }
    if RESERVED_REPOSITORIES
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text))
    {
        return Err(NameError::Reserved);
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    {
        return Err(NameError::Shape(
            "a repository's name has letters, digits, `-`, `_` and `.` only",
        ));
    }
    if text.starts_with(['.', '-']) || text.ends_with('.') || twice(text, b'.') {
        return Err(NameError::Shape(
            "a repository's name does not begin with `.` or `-`, end with `.` or contain `..`",
        ));
    }
    let lower = text.to_ascii_lowercase();
    if [".git", ".wit", ".lock"].iter().any(|end| lower.ends_with(end)) {
        return Err(NameError::Shape(
            "a repository's name does not end in .git, .wit or .lock",
        ));
    }
    Ok(())
}

/// A repository as people write it: `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepoPath {
    /// The account that the repository belongs to.
    pub owner: AccountName,
    /// The repository's own name.
    pub name: RepoName,
}

impl RepoPath {
    /// Reads the two segments of a URL; a final `.git` or `.wit` of the second is dropped, as
    /// git clients may write it or leave it.
    pub fn from_segments(owner: &str, repository: &str) -> Result<Self, NameError> {
        let name = repository
            .strip_suffix(".git")
            .or_else(|| repository.strip_suffix(".wit"))
            .unwrap_or(repository);
        Ok(Self {
            owner: owner.parse()?,
            name: name.parse()?,
        })
    }

    /// The same for every spelling of the same path.
    pub fn key(&self) -> String {
        format!("{}/{}", self.owner.key(), self.name.key())
    }
}

impl FromStr for RepoPath {
    type Err = NameError;

    /// Reads `owner/name`, with `.git` or without.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (owner, name) = text
            .split_once('/')
            .ok_or(NameError::Shape("a repository is written as owner/name"))?;
        Self::from_segments(owner, name)
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names() {
        for good in ["a", "Ada", "a-b-c", "x1", &"a".repeat(39)] {
            assert!(good.parse::<AccountName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            &"a".repeat(40),
            "-a",
            "a-",
            "a--b",
            "a_b",
            "a.b",
            ".well-known",
            "..",
            "a/b",
            "a b",
            "ä",
            "a\0",
            "--upload-pack=x",
        ] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad:?}");
        }
        for taken in ["API", "Login", "v2", "admin"] {
            assert_eq!(AccountName::claim(taken), Err(NameError::Reserved), "{taken}");
        }
    }

    #[test]
    fn repository_names() {
        for good in ["a", "a.b", "A_b-c", "x.rs", "git"] {
            assert!(good.parse::<RepoName>().is_ok(), "{good}");
        }
        for bad in [
            "", ".", "..", ".a", "-a", "a.", "a..b", "a.git", "a.GIT", "a.lock", "a.wit", "a/b", "a\n",
            "--exec=x", "settings", "ü",
        ] {
            assert!(bad.parse::<RepoName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paths_drop_one_transport_suffix() {
        let path: RepoPath = "ada/engine.git".parse().expect("a path");
        assert_eq!(path.to_string(), "ada/engine");
        assert!("ada/engine.git.git".parse::<RepoPath>().is_err());
        assert!("ada".parse::<RepoPath>().is_err());
        assert!("ada/b/c".parse::<RepoPath>().is_err());
    }
}

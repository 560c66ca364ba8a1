//! What a token may be used for.

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// One power that a token can carry. A scope of a noun includes the smaller ones of the same noun,
/// and `admin` includes everything.
///
/// About repositories there are three tiers: to read, to propose, which moves bookmarks beside the
/// default one, and to write, which moves that too: who may propose may not merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything about repositories.
    Repo,
    /// Read repositories.
    RepoRead,
    /// Read repositories, and push to bookmarks that are not the default one.
    RepoPropose,
    /// Read and write repositories.
    RepoWrite,
    /// Everything about the account itself.
    User,
    /// Read the account.
    UserRead,
    /// Read and change the account.
    UserWrite,
    /// See who belongs to one's organisations.
    OrgRead,
    /// Make and change organisations, their members and teams.
    OrgWrite,
    /// Everything, the site's administration among it; counts only for an administrator.
    Admin,
}

impl Scope {
    /// Every scope, in the order in which they are listed to people.
    pub const ALL: [Self; 10] = [
        Self::Repo,
        Self::RepoRead,
        Self::RepoPropose,
        Self::RepoWrite,
        Self::User,
        Self::UserRead,
        Self::UserWrite,
        Self::OrgRead,
        Self::OrgWrite,
        Self::Admin,
    ];

    /// The scope as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repo => "repo",
            Self::RepoRead => "repo:read",
            Self::RepoPropose => "repo:propose",
            Self::RepoWrite => "repo:write",
            Self::User => "user",
            Self::UserRead => "user:read",
            Self::UserWrite => "user:write",
            Self::OrgRead => "org:read",
            Self::OrgWrite => "org:write",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }

    /// The scope and all that it includes, as bits.
    const fn closure(self) -> u16 {
        match self {
            Self::RepoPropose => Self::RepoPropose.bit() | Self::RepoRead.bit(),
            Self::RepoWrite => Self::RepoWrite.bit() | Self::RepoPropose.closure(),
            Self::UserWrite => Self::UserWrite.bit() | Self::UserRead.bit(),
            Self::Repo => Self::Repo.bit() | Self::RepoWrite.closure(),
            Self::User => Self::User.bit() | Self::UserWrite.closure(),
            Self::OrgWrite => Self::OrgWrite.bit() | Self::OrgRead.bit(),
            Self::Admin => u16::MAX,
            other => other.bit(),
        }
    }
}

/// How far a credential goes in repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// It reads.
    Read,
    /// It reads and proposes.
    Propose,
    /// It reads, proposes and merges.
    Merge,
}

impl Tier {
    /// The tier as it is written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Propose => "propose",
            Self::Merge => "merge",
        }
    }

    /// The scope that stands for it.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Read => Scope::RepoRead,
            Self::Propose => Scope::RepoPropose,
            Self::Merge => Scope::RepoWrite,
        }
    }
}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, UnknownTier> {
        [Self::Read, Self::Propose, Self::Merge]
            .into_iter()
            .find(|tier| tier.as_str() == text)
            .ok_or(UnknownTier)
    }
}

/// A word that is not a tier.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tier is read, propose or merge")]
pub struct UnknownTier;

/// A word that is not a scope.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a scope; the scopes are repo, repo:read, repo:propose, repo:write, user, user:read, user:write, \
     org:read, org:write, admin"
)]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope(text.chars().take(40).collect()))
    }
}

/// A set of scopes, as it was granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u16);

impl Scopes {
    /// No scope at all.
    pub const NONE: Self = Self(0);
    /// What a session and a password carry: everything.
    pub const ALL: Self = Self((1 << Scope::ALL.len()) - 1);

    /// The set that holds exactly these scopes.
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | scope.bit()))
    }

    /// Whether a holder of this set may do what asks for `scope`.
    pub fn include(self, scope: Scope) -> bool {
        self.iter().any(|held| held.closure() & scope.bit() != 0)
    }

    /// The scopes that were granted, in their listed order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |scope| self.0 & scope.bit() != 0)
    }

    /// What a holder of this set may do to repositories, in one word; none where that is nothing.
    pub fn tier(self) -> Option<Tier> {
        [Tier::Merge, Tier::Propose, Tier::Read]
            .into_iter()
            .find(|tier| self.include(tier.scope()))
    }

    /// Whether nothing was granted.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Comma-separated, as the database and the command line have it.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&words.join(","))
    }
}

/// Reads the comma-separated form; an empty text is the empty set.
impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        text.split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(Scope::from_str)
            .collect::<Result<Vec<_>, _>>()
            .map(Self::of)
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::as_str))
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;

        impl Visitor<'_> for Word {
            type Value = Scope;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a scope")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Scope, E> {
                word.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Word)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl<'de> Visitor<'de> for Words {
            type Value = Scopes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of scopes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<Scopes, A::Error> {
                let mut set = Scopes::NONE;
                while let Some(scope) = words.next_element::<Scope>()? {
                    set.0 |= scope.bit();
                }
                Ok(set)
            }
        }

        deserializer.deserialize_seq(Words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_includes_read_and_admin_includes_all() {
        let write: Scopes = "repo:write".parse().expect("a scope");
        assert!(write.include(Scope::RepoRead) && write.include(Scope::RepoWrite));
        assert!(!write.include(Scope::Repo) && !write.include(Scope::UserRead));
        let repo = Scopes::of([Scope::Repo]);
        assert!(repo.include(Scope::RepoWrite) && !repo.include(Scope::Admin));
        assert!(Scope::ALL.iter().all(|&s| Scopes::of([Scope::Admin]).include(s)));
        assert!(Scope::ALL.iter().all(|&s| Scopes::ALL.include(s)));
        assert!(Scope::ALL.iter().all(|&s| !Scopes::NONE.include(s)));
    }

    #[test]
    fn who_proposes_does_not_merge() {
        let of = |text: &str| text.parse::<Scopes>().expect("scopes").tier();
        assert_eq!(of("repo:read,user"), Some(Tier::Read));
        assert_eq!(of("repo:propose"), Some(Tier::Propose));
        assert_eq!(of("repo:write"), Some(Tier::Merge));
        assert_eq!(of("repo"), Some(Tier::Merge));
        assert_eq!(of("user,org:write"), None);
        let propose: Scopes = "repo:propose".parse().expect("a scope");
        assert!(propose.include(Scope::RepoRead) && !propose.include(Scope::RepoWrite));
        for tier in [Tier::Read, Tier::Propose, Tier::Merge] {
            assert_eq!(tier.as_str().parse(), Ok(tier));
        }
        assert_eq!("land".parse::<Tier>(), Err(UnknownTier));
    }

    #[test]
    fn text_round_trips_and_strange_words_are_refused() {
        let set: Scopes = "user:read, repo".parse().expect("two scopes");
        assert_eq!(set.to_string(), "repo,user:read");
        assert_eq!("repo,root".parse::<Scopes>(), Err(UnknownScope("root".into())));
        assert_eq!("".parse::<Scopes>(), Ok(Scopes::NONE));
        let json = r#"["repo","user:read"]"#;
        assert_eq!(serde_json::to_string(&set).expect("JSON"), json);
        assert_eq!(serde_json::from_str::<Scopes>(json).expect("scopes"), set);
        for bad in [r#"["root"]"#, r#""repo""#, "[1]", "null"] {
            assert!(serde_json::from_str::<Scopes>(bad).is_err(), "{bad}");
        }
    }
}

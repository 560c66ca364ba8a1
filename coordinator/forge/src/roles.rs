//! What an account may be to a repository and to an organisation, and who sees a repository.

use crate::Error;
use std::str::FromStr;

/// What an account is to a repository, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May read it.
    Read,
    /// May sort what others report: labels, people, milestones; close and open again.
    Triage,
    /// May push to it.
    Write,
    /// May change what it says of itself and its default bookmark.
    Maintain,
    /// May change and delete it and let others in.
    Admin,
}

impl Role {
    /// Every role, from least to most.
    pub const ALL: [Self; 5] = [Self::Read, Self::Triage, Self::Write, Self::Maintain, Self::Admin];

    /// The role as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// The role of a rank, as `plue_store::roles` has it; of an owner's too.
    pub(crate) const fn of_rank(rank: i64) -> Option<Self> {
        match rank {
            1 => Some(Self::Read),
            2 => Some(Self::Triage),
            3 => Some(Self::Write),
            4 => Some(Self::Maintain),
            5.. => Some(Self::Admin),
            _ => None,
        }
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Error::invalid("role", "a role is read, triage, write, maintain or admin"))
    }
}

/// What an account is to an organisation, from least to most. All but the first open its
/// repositories, and those of the organisations that lie in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberRole {
    /// Belongs to it; its teams may open repositories.
    Member,
    /// May read its repositories.
    Read,
    /// May sort what others report in them.
    Triage,
    /// May push to them.
    Write,
    /// May maintain them, and make more.
    Maintain,
    /// May administer them, and the organisation.
    Admin,
    /// May also give it away, end it, and say who else owns it.
    Owner,
}

impl MemberRole {
    /// Every role, from least to most.
    pub const ALL: [Self; 7] = [
        Self::Member,
        Self::Read,
        Self::Triage,
        Self::Write,
        Self::Maintain,
        Self::Admin,
        Self::Owner,
    ];

    /// The role as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of a rank, as `plue_store::roles` has it.
    pub(crate) fn of_rank(rank: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(rank).ok()?).copied()
    }
}

impl FromStr for MemberRole {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                Error::invalid(
                    "role",
                    "a role is member, read, triage, write, maintain, admin or owner",
                )
            })
    }
}

/// Who sees a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    #[default]
    Public,
    /// Everybody who has an account here.
    Internal,
    /// Those who have a role in it.
    Private,
}

impl Visibility {
    /// Every visibility, from most to least.
    pub const ALL: [Self; 3] = [Self::Public, Self::Internal, Self::Private];

    /// The visibility as it is written on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Private => "private",
        }
    }
}

impl FromStr for Visibility {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|visibility| visibility.as_str() == text)
            .ok_or_else(|| Error::invalid("visibility", "a repository is public, internal or private"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_ranks_are_one_order() {
        for (rank, role) in MemberRole::ALL.into_iter().enumerate() {
            let rank = i64::try_from(rank).unwrap();
            assert_eq!(MemberRole::of_rank(rank), Some(role));
            assert_eq!(role.as_str().parse::<MemberRole>().unwrap(), role);
            let opened = Role::of_rank(rank);
            assert_eq!(opened.is_none(), role == MemberRole::Member);
            if let Some(opened) = opened.filter(|_| role != MemberRole::Owner) {
                assert_eq!(opened.as_str(), role.as_str());
                assert_eq!(role.as_str().parse::<Role>().unwrap(), opened);
            }
        }
        assert_eq!((MemberRole::of_rank(-1), MemberRole::of_rank(7)), (None, None));
        assert!("owner".parse::<Role>().is_err() && "ADMIN".parse::<Role>().is_err());
        for visibility in Visibility::ALL {
            assert_eq!(visibility.as_str().parse::<Visibility>().unwrap(), visibility);
        }
        assert!("secret".parse::<Visibility>().is_err());
    }
}

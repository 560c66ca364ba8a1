//! One id type for each noun, so that an account's id can never stand where a repository's belongs.

use serde::{Deserialize, Serialize};

macro_rules! integer_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            /// Reads decimal digits only: no sign, no space, at most what fits an `i64`.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let digits = if text.bytes().all(|b| b.is_ascii_digit()) { text } else { "" };
                digits.parse().map(Self)
            }
        }
    )*};
}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

integer_id! {
    /// An account: a person, an agent or an organisation.
    AccountId;
    /// A repository; never used again after the repository is gone.
    RepoId;
    /// A personal access token.
    TokenId;
    /// An SSH key of an account.
    SshKeyId;
    /// An SSH key of a repository.
    DeployKeyId;
    /// A team of an organisation.
    TeamId;
    /// An issue, which people name by its number.
    IssueId;
    /// A comment on an issue.
    CommentId;
    /// A label of a repository.
    LabelId;
    /// A milestone of a repository.
    MilestoneId;
    /// A webhook of a repository.
    HookId;
    /// What one webhook is told of one event.
    DeliveryId;
    /// A row of the job table.
    JobId;
}

text_id! {
    /// A browser session, as a ULID; it names the session and is not the secret in the cookie.
    SessionId;
    /// A pack in the blob store, as a ULID.
    PackId;
    /// One push, as a ULID; what an unknown outcome is looked up by.
    PushId;
}

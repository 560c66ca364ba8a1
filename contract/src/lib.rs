//! Words and shapes that two of Plue's programs must agree on: ids, names, scopes, who a caller
//! is, how an error looks, the signed messages between the edge and the coordinator, and the
//! wire between an SSH bridge and the coordinator.
//!
//! Nothing here does input or output, reads a clock or decides what somebody may do.
#![warn(missing_docs)]

pub mod bridge;
pub mod caller;
pub mod causes;
pub mod credentials;
pub mod edge;
pub mod events;
pub mod headers;
pub mod ids;
pub mod names;
pub mod problem;
pub mod scopes;
pub mod seal;
pub mod statement;

pub use caller::{Caller, Via, Who};
pub use causes::causes;
pub use ids::{
    AccountId, CommentId, DeliveryId, DeployKeyId, HookId, IssueId, JobId, LabelId, MilestoneId, PackId,
    PushId, RepoId, SessionId, SshKeyId, TeamId, TokenId,
};
pub use names::{AccountName, RepoName, RepoPath, TeamName};
pub use problem::{Code, Problem};
pub use scopes::{Scope, Scopes, Tier};

//! Who is calling, as the gateway found out. What that caller may do is the forge's to say.

use crate::ids::{AccountId, DeployKeyId, RepoId, SessionId, SshKeyId, TokenId};
use crate::names::AccountName;
use crate::scopes::{Scope, Scopes};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One caller of one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    /// Whose credential was verified.
    pub who: Who,
    /// The address of the client itself, where a trusted hop or the socket told it.
    pub address: Option<IpAddr>,
    /// The id that this request bears in every log, from the edge to the last job.
    pub request_id: String,
}

/// Whose credential was verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Who {
    /// Nobody said who they are.
    Anonymous,
    /// An account, by one of its credentials.
    Account {
        /// The account.
        id: AccountId,
        /// Its name, for logs and greetings.
        name: AccountName,
        /// Whether it administers the site.
        admin: bool,
        /// By which credential.
        via: Via,
        /// What the credential was granted.
        scopes: Scopes,
        /// The only repositories for which the credential counts; none means all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repositories: Option<Vec<RepoId>>,
    },
    /// A key that opens one repository and is nobody's.
    DeployKey {
        /// The key.
        id: DeployKeyId,
        /// The repository it opens.
        repository: RepoId,
        /// Whether it may push.
        write: bool,
    },
    /// The forge itself: its watcher, its jobs, its command line.
    System,
}

/// By which credential an account was recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "via", content = "id", rename_all = "snake_case")]
pub enum Via {
    /// The session cookie, checked against the session itself.
    Session(SessionId),
    /// The short JWT beside it: good for reads, until it expires.
    Jwt(SessionId),
    /// A personal access token.
    Token(TokenId),
    /// Name and password, on git routes only.
    Password,
    /// An SSH key whose signature was verified.
    SshKey(SshKeyId),
}

impl Caller {
    /// The caller of whom nothing is known.
    pub fn anonymous(address: Option<IpAddr>, request_id: impl Into<String>) -> Self {
        Self {
            who: Who::Anonymous,
            address,
            request_id: request_id.into(),
        }
    }

    /// The forge acting for itself.
    pub fn system(request_id: impl Into<String>) -> Self {
        Self {
            who: Who::System,
            address: None,
            request_id: request_id.into(),
        }
    }

    /// The account behind the caller, if there is one.
    pub fn account(&self) -> Option<AccountId> {
        match self.who {
            Who::Account { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The name of that account.
    pub fn name(&self) -> Option<&AccountName> {
        match &self.who {
            Who::Account { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether the caller's credential carries `scope`; the forge itself carries all, and a
    /// deploy key those of its repository.
    pub fn has_scope(&self, scope: Scope) -> bool {
        match &self.who {
            Who::Anonymous => false,
            Who::Account { scopes, .. } => scopes.include(scope),
            Who::DeployKey { write, .. } => match scope {
                Scope::RepoRead => true,
                Scope::RepoPropose | Scope::RepoWrite => *write,
                _ => false,
            },
            Who::System => true,
        }
    }
}

//! What was done that bears on safety: who, when, from where, by which credential, to what.
//!
//! A verb writes its entry in its own transaction, so that neither is there without the other. The
//! database refuses to change or remove an entry.

use crate::access::Permit;
use crate::access::accounts::{Administer, ReadSelf};
use crate::access::organisations::OwnOrganisation;
use crate::access::repositories::AdministerRepo;
use crate::{Error, Forge};
use plue_contract::{AccountId, Caller, RepoId, Via, Who};
use plue_store::Tx;
use plue_store::audit::{self as rows, EntryRow, Of};
use serde_json::Value;

/// The most entries of one page.
pub const MAX_PAGE: i64 = 500;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The action as it is written on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

actions! {
    /// An account was made.
    AccountCreate = "account.create";
    /// An account was shut out.
    AccountDisable = "account.disable";
    /// An account was let in again.
    AccountEnable = "account.enable";
    /// An account was made an administrator, or no longer is one.
    AccountAdmin = "account.admin";
    /// A link was made that signs an account in.
    AccountLink = "account.link";
    /// A password was changed by its owner.
    PasswordChange = "password.change";
    /// A password was given by an administrator, or set by a link that was sent.
    PasswordReset = "password.reset";
    /// A link was sent that sets another password.
    PasswordLink = "password.link";
    /// An account got another address for mail.
    EmailChange = "email.change";
    /// An address for mail was proven by its link.
    EmailVerify = "email.verify";
    /// An account elsewhere was linked to an account.
    IdentityLink = "identity.link";
    /// An account elsewhere was parted from an account.
    IdentityUnlink = "identity.unlink";
    /// An application was made.
    AppCreate = "app.create";
    /// What is said of an application was changed.
    AppUpdate = "app.update";
    /// An application got another secret.
    AppSecret = "app.secret";
    /// An application was removed.
    AppDelete = "app.delete";
    /// Somebody allowed an application something.
    AppAllow = "app.allow";
    /// What was allowed an application was withdrawn.
    AppWithdraw = "app.withdraw";
    /// A code or a refresh token was shown twice, which ended what came of it.
    AppReplay = "app.replay";
    /// A wallet was linked to an account.
    WalletLink = "wallet.link";
    /// A wallet was removed from an account.
    WalletUnlink = "wallet.unlink";
    /// A second factor was set.
    SecondFactorSet = "second_factor.set";
    /// A second factor was taken away.
    SecondFactorRemove = "second_factor.remove";
    /// Recovery codes were made anew.
    RecoveryCodes = "second_factor.codes";
    /// Somebody signed in.
    SessionOpen = "session.open";
    /// Somebody who knew a name did not know its password.
    SessionRefuse = "session.refuse";
    /// Sessions were ended.
    SessionEnd = "session.end";
    /// A token was made.
    TokenCreate = "token.create";
    /// A token was removed.
    TokenDelete = "token.delete";
    /// An SSH key was added to an account.
    SshKeyAdd = "ssh_key.add";
    /// An SSH key was removed from an account.
    SshKeyDelete = "ssh_key.delete";
    /// A repository was made.
    RepositoryCreate = "repository.create";
    /// A repository's name, visibility or state was changed.
    RepositoryUpdate = "repository.update";
    /// A repository got another owner.
    RepositoryTransfer = "repository.transfer";
    /// A repository was deleted.
    RepositoryDelete = "repository.delete";
    /// A deleted repository was restored.
    RepositoryRestore = "repository.restore";
    /// An object was removed from a repository for good.
    RepositoryPurge = "repository.purge";
    /// An issue was removed, with all that was said about it.
    IssueDelete = "issue.delete";
    /// An account was given a role in a repository.
    CollaboratorPut = "collaborator.put";
    /// An account's role in a repository was taken away.
    CollaboratorRemove = "collaborator.remove";
    /// A key was added that opens a repository.
    DeployKeyAdd = "deploy_key.add";
    /// Such a key was removed.
    DeployKeyRemove = "deploy_key.remove";
    /// A webhook was added to a repository.
    HookCreate = "hook.create";
    /// A webhook was changed.
    HookUpdate = "hook.update";
    /// A webhook was removed.
    HookDelete = "hook.delete";
    /// An organisation was made.
    OrganisationCreate = "organisation.create";
    /// What an organisation says of itself was changed.
    OrganisationUpdate = "organisation.update";
    /// An organisation was laid into another one, or out of it.
    OrganisationMove = "organisation.move";
    /// An organisation was ended.
    OrganisationDelete = "organisation.delete";
    /// An account was given a role in an organisation.
    MemberPut = "member.put";
    /// An account left an organisation or was taken out of it.
    MemberRemove = "member.remove";
    /// A team was made.
    TeamCreate = "team.create";
    /// A team's name or role was changed.
    TeamUpdate = "team.update";
    /// A team was removed.
    TeamDelete = "team.delete";
    /// An account was taken into a team.
    TeamMemberPut = "team_member.put";
    /// An account was taken out of a team.
    TeamMemberRemove = "team_member.remove";
    /// A team was given a role in a repository.
    TeamRepositoryPut = "team_repository.put";
    /// A team's role in a repository was taken away.
    TeamRepositoryRemove = "team_repository.remove";
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, rising.
    pub id: i64,
    /// When it was done, in milliseconds since 1970.
    pub at_ms: i64,
    /// What was done, as [`Action`] writes it.
    pub action: String,
    /// The account that did it, if one did.
    pub actor_id: Option<AccountId>,
    /// Its name at that time; `anonymous`, `deploy key 7` or `system` where it was no account.
    pub actor: String,
    /// By which credential, as in `session`, `token 12`, `token 12 of the agent scribe`.
    pub via: String,
    /// From which address.
    pub address: Option<String>,
    /// In which request.
    pub request_id: String,
    /// What it was done to, by the name that it had.
    pub subject: String,
    /// What else is worth knowing, as a JSON object.
    pub detail: String,
}

/// Which entries are asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only those of this action.
    pub action: Option<String>,
    /// Only those before the one of this number.
    pub before: Option<i64>,
    /// At most so many, from 1 to [`MAX_PAGE`].
    pub limit: i64,
}

/// Leave to read entries, and which.
#[derive(Clone, Copy, Debug)]
pub struct Reader(Of);

impl From<Permit<Administer>> for Reader {
    /// Administrators read all.
    fn from(_: Permit<Administer>) -> Self {
        Self(Of::Everything)
    }
}

impl From<Permit<OwnOrganisation>> for Reader {
    /// Owners of an organisation read what is its matter.
    fn from(permit: Permit<OwnOrganisation>) -> Self {
        Self(Of::Owner(permit.on().id))
    }
}

impl From<Permit<ReadSelf>> for Reader {
    /// Everybody reads what is their own matter.
    fn from(permit: Permit<ReadSelf>) -> Self {
        Self(Of::Owner(permit.on().id))
    }
}

impl From<Permit<AdministerRepo>> for Reader {
    /// Administrators of a repository read what was done to it.
    fn from(permit: Permit<AdministerRepo>) -> Self {
        Self(Of::Repository(permit.on().id))
    }
}

/// Entries, the latest first.
pub async fn list(forge: &Forge, reader: Reader, query: &Query) -> Result<Vec<Entry>, Error> {
    let found = rows::list(
        &mut forge.store().read().await?,
        reader.0,
        query.action.as_deref(),
        query.before.unwrap_or(i64::MAX),
        query.limit.clamp(1, MAX_PAGE),
    )
    .await?;
    let entry = |row: EntryRow| Entry {
        id: row.id,
        at_ms: row.at_ms,
        action: row.action,
        actor_id: row.actor_id.map(AccountId),
        actor: row.actor,
        via: row.via,
        address: row.address,
        request_id: row.request_id,
        subject: row.subject,
        detail: row.detail,
    };
    Ok(found.into_iter().map(entry).collect())
}

/// What an entry will tell beside who did it and when.
pub(crate) struct Note {
    pub(crate) action: Action,
    /// Whose matter it is.
    pub(crate) owner: Option<AccountId>,
    pub(crate) repository: Option<RepoId>,
    /// What it was done to, by name.
    pub(crate) subject: String,
    /// More, as an object.
    pub(crate) detail: Value,
}

impl Note {
    /// What was done to an account.
    pub(crate) fn of_account(action: Action, id: AccountId, name: impl ToString, detail: Value) -> Self {
        Self {
            action,
            owner: Some(id),
            repository: None,
            subject: name.to_string(),
            detail,
        }
    }

    /// What was done to a repository.
    pub(crate) fn of(action: Action, repository: &crate::repositories::Repository, detail: Value) -> Self {
        Self {
            action,
            owner: Some(repository.owner_id),
            repository: Some(repository.id),
            subject: repository.path().to_string(),
            detail,
        }
    }
}

/// Who a caller is, to people who read of it later: the account's id, if it is one, and its name.
pub(crate) fn actor(who: &Who) -> (Option<AccountId>, String) {
    match who {
        Who::Anonymous => (None, "anonymous".to_owned()),
        Who::System => (None, "system".to_owned()),
        Who::DeployKey { id, .. } => (None, format!("deploy key {id}")),
        Who::Account { id, name, .. } => (Some(*id), name.to_string()),
    }
}

/// Writes an entry, in the transaction of what it tells of.
pub(crate) async fn note(tx: &mut Tx<'_>, caller: &Caller, note: Note, now_ms: i64) -> Result<(), Error> {
    let (actor_id, actor) = actor(&caller.who);
    let via = match &caller.who {
        Who::Anonymous | Who::System => String::new(),
        Who::DeployKey { .. } => "ssh".to_owned(),
        Who::Account { via, .. } => match via {
            Via::Session(_) | Via::Jwt(_) => "session".to_owned(),
            Via::Password => "password".to_owned(),
            Via::SshKey(key) => format!("ssh key {key}"),
            Via::Token(token) => match plue_store::tokens::agent(tx, *token).await? {
                Some(agent) => format!("token {token} of the agent {agent}"),
                None => format!("token {token}"),
            },
        },
    };
    let row = EntryRow {
        id: 0,
        at_ms: now_ms,
        action: note.action.as_str().to_owned(),
        actor_id: actor_id.map(|id| id.0),
        actor,
        via,
        address: caller.address.map(|address| address.to_string()),
        request_id: caller.request_id.clone(),
        owner_id: note.owner.map(|owner| owner.0),
        repository_id: note.repository.map(|repository| repository.0),
        subject: note.subject,
        detail: note.detail.to_string(),
    };
    Ok(rows::insert(tx, &row).await?)
}

//! The administration socket: the command line asks, the running server does, so that its caches
//! know. One line of JSON each way; whoever may open the socket administers the site.

use crate::http::accounts::AccountView;
use crate::http::audit::EntryView;
use crate::http::failure::Failure;
use crate::http::organisations::OrganisationView;
use crate::http::repositories::RepositoryView;
use crate::http::site::Site;
use crate::http::ssh_keys::SshKeyView;
use crate::http::tokens::{TokenView, repository_ids};
use crate::telemetry::OpenSocket;
use plue_contract::{AccountName, Caller, Code, Problem, RepoId, RepoPath, Scopes, causes};
use plue_forge::access::accounts::administer;
use plue_forge::access::repositories::create_under;
use plue_forge::accounts::{self, NewAccount, SigninLink};
use plue_forge::audit;
use plue_forge::expiry;
use plue_forge::import;
use plue_forge::organisations::{self, OrganisationChange};
use plue_forge::repositories::{self, NewRepository, Query};
use plue_forge::second_factor;
use plue_forge::ssh_keys::{self, NewSshKey};
use plue_forge::tokens::{self, NewToken};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::future::Future;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// The socket's name within the data folder.
pub const SOCKET: &str = "admin.sock";
/// The longest line of a command, in bytes.
const MAX_COMMAND_BYTES: u64 = 1 << 20;
/// How many repositories are asked for at a time.
const LIST_PART: i64 = 100;

/// What the command line asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Make an account.
    UserCreate {
        /// Its name.
        name: AccountName,
        /// Whether it administers the site.
        admin: bool,
        /// Its password; none makes a one-time sign-in link.
        password: Option<String>,
    },
    /// Shut an account out, or let it in again.
    UserDisable {
        /// Its name.
        name: AccountName,
        /// Which of the two.
        disabled: bool,
    },
    /// Make a one-time sign-in link.
    UserLink {
        /// For whom.
        name: AccountName,
    },
    /// Take a second factor away that was lost.
    UserDropSecondFactor {
        /// Whose.
        name: AccountName,
    },
    /// Make a personal token.
    TokenCreate {
        /// Whose.
        user: AccountName,
        /// What it is called.
        name: String,
        /// The agent that it is for.
        agent: Option<String>,
        /// What it may do.
        scopes: Scopes,
        /// The only repositories it is good for, as `owner/name`; empty for all.
        repositories: Vec<String>,
        /// How long it holds, in milliseconds.
        lifetime_ms: Option<i64>,
    },
    /// Give an account an SSH key.
    KeyAdd {
        /// Whose.
        user: AccountName,
        /// What it is called.
        name: String,
        /// The public key, as ssh-keygen wrote it.
        public_key: String,
    },
    /// Make an empty repository.
    RepoCreate {
        /// Where, as `owner/name`.
        path: String,
        /// Who sees it: `public`, `internal` or `private`.
        visibility: String,
        /// What it is.
        description: String,
        /// `sha1` or `sha256`.
        object_format: String,
    },
    /// Make an organisation at the top.
    OrgCreate {
        /// Its name.
        name: AccountName,
        /// Who will own it.
        owner: AccountName,
    },
    /// List all organisations.
    OrgList,
    /// Show what was done.
    Log {
        /// Only this action.
        action: Option<String>,
        /// At most so many entries.
        limit: i64,
    },
    /// Bring in a bare repository of this machine.
    RepoImport {
        /// Where it will stand, as `owner/name`.
        path: String,
        /// The bare repository.
        from: PathBuf,
    },
    /// List all repositories.
    RepoList,
    /// List those that can still be restored.
    RepoDeleted,
    /// Restore one.
    RepoRestore {
        /// Its id.
        id: RepoId,
    },
    /// Remove an object for good.
    RepoPurge {
        /// The repository, as `owner/name`.
        path: String,
        /// The object's id.
        oid: String,
    },
}

/// What the server says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It was done.
    Done(Value),
    /// It was not.
    Refused {
        /// Which kind of error, as a slug.
        code: String,
        /// What happened and what to do about it.
        detail: String,
    },
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        Self::Refused {
            code: problem.code.slug(),
            detail: problem.detail,
        }
    }
}

/// Why a command reached nobody.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no socket, or nobody behind it.
    #[error("no server is running on {}: start `plue serve --data-dir {}` first, or name its folder with --data-dir", .0.display(), .0.display())]
    NotRunning(PathBuf),
    /// The socket belongs to somebody else.
    #[error("the server's socket {} may not be opened: run this as the user that runs the server", .0.display())]
    NotAllowed(PathBuf),
    /// The server went away before it answered.
    #[error("the server went away before it answered; look into its log")]
    Lost(#[source] io::Error),
}

/// Asks the server that runs on this data folder.
pub async fn ask(data_dir: &Path, command: &Command) -> Result<Reply, AdminError> {
    let socket = data_dir.join(SOCKET);
    let stream = UnixStream::connect(&socket)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => AdminError::NotAllowed(socket.clone()),
            _ => AdminError::NotRunning(data_dir.to_owned()),
        })?;
    converse(stream, command).await.map_err(AdminError::Lost)
}

async fn converse(mut stream: UnixStream, command: &Command) -> io::Result<Reply> {
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&answer)?)
}

/// Opens the socket of a data folder, for this user alone. One that an earlier process left is
/// replaced.
pub fn listen(data_dir: &Path) -> io::Result<UnixListener> {
    // Made in a folder that nobody else can enter, the socket is never open to anybody else, not
    // even between its making and its permissions.
    let making = data_dir.join("admin.new");
    match std::fs::remove_dir_all(&making) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::DirBuilder::new().mode(0o700).create(&making)?;
    let new = making.join(SOCKET);
    let listener = UnixListener::bind(&new)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&new, data_dir.join(SOCKET))?;
    std::fs::remove_dir(&making)?;
    Ok(listener)
}

/// Answers commands until `shutdown` resolves.
pub async fn serve(listener: UnixListener, site: Site, shutdown: impl Future<Output = ()>) {
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let site = site.clone();
                tokio::spawn(async move {
                    let _open = OpenSocket::of("admin");
                    if let Err(error) = answer(stream, &site).await {
                        tracing::warn!(error = %causes(&error), "an administration command broke off");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(error = %causes(&error), "an administration command could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, site: &Site) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    BufReader::new(read.take(MAX_COMMAND_BYTES))
        .read_until(b'\n', &mut line)
        .await?;
    if line.is_empty() {
        return Ok(());
    }
    let reply = match serde_json::from_slice(&line) {
        Ok(command) => match run(site, command).await {
            Ok(value) => Reply::Done(value),
            Err(Failure(problem)) => problem.into(),
        },
        Err(error) => Problem::new(
            Code::InvalidRequest,
            format!("The server does not know this command; is it of the same version? ({error})"),
        )
        .into(),
    };
    write.write_all(&serde_json::to_vec(&reply)?).await?;
    write.shutdown().await
}

fn value(view: impl Serialize, more: Value) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(view).map_err(Failure::internal)?;
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    Ok(value)
}

fn path(text: &str) -> Result<RepoPath, Failure> {
    text.parse()
        .map_err(|error| Failure::invalid("path", format!("{error}.")))
}

/// The address at which a one-time link signs in.
pub fn link_address(site: &Site, link: &SigninLink) -> String {
    format!("{}/login?token={}", site.addresses.http, link.token)
}

fn repository(site: &Site, found: &repositories::Repository) -> Result<Value, Failure> {
    let view = RepositoryView::of(site, found);
    let path = found.path();
    let more = json!({
        "full_name": path.to_string(),
        "clone_url": site.addresses.clone_http(&path),
        "ssh_url": site.addresses.clone_ssh(&path),
    });
    value(view, more)
}

/// Runs a command. An administrator may see everything, and is told what it is that is not there.
async fn run(site: &Site, command: Command) -> Result<Value, Failure> {
    let absent = absent(&command);
    obey(site, command).await.map_err(|failure| match absent {
        Some(detail) if failure.0.code == Code::NotFound => Failure::new(Code::NotFound, detail),
        _ => failure,
    })
}

/// What is said where a command meets something that is not there.
fn absent(command: &Command) -> Option<String> {
    let account = |name: &dyn std::fmt::Display| format!("There is no account called `{name}`.");
    Some(match command {
        Command::UserDisable { name, .. }
        | Command::UserLink { name }
        | Command::UserDropSecondFactor { name } => account(name),
        Command::KeyAdd { user, .. } => account(user),
        Command::TokenCreate {
            user, repositories, ..
        } if repositories.is_empty() => account(user),
        Command::TokenCreate {
            user, repositories, ..
        } => {
            let all = repositories.join(", ");
            format!("There is no account called `{user}`, or one of these repositories is not there: {all}.")
        }
        Command::RepoCreate { path, .. } | Command::RepoImport { path, .. } => {
            account(&path.split('/').next().unwrap_or_default())
        }
        Command::RepoRestore { id } => format!(
            "No deleted repository that can be restored has the id {id}; `plue admin repo deleted` lists them."
        ),
        Command::OrgCreate { owner, .. } => account(owner),
        Command::RepoPurge { path, oid } => {
            format!("There is no repository {path}, or it has no object {oid}.")
        }
        Command::UserCreate { .. }
        | Command::OrgList
        | Command::Log { .. }
        | Command::RepoList
        | Command::RepoDeleted => return None,
    })
}

async fn obey(site: &Site, command: Command) -> Result<Value, Failure> {
    let now_ms = site.now_ms();
    let forge = &site.forge;
    let mut id = [0; 8];
    (site.chance)(&mut id);
    let id: String = id.iter().map(|b| format!("{b:02x}")).collect();
    let caller = Caller::system(format!("admin-{id}"));
    tracing::info!(request_id = %caller.request_id, command = name(&command), "an administration command");
    let permit = administer(forge, &caller, now_ms).await?;
    match command {
        Command::UserCreate {
            name,
            admin,
            password,
        } => {
            let invited = password.is_none();
            let new = NewAccount {
                name: name.to_string(),
                display_name: String::new(),
                email: None,
                password,
                admin,
            };
            let account = accounts::create(forge, permit, new, now_ms).await?;
            let sign_in = if invited {
                let permit = administer(forge, &caller, now_ms).await?;
                let link = accounts::issue_link(forge, permit, &account.name, now_ms).await?;
                Some(link_address(site, &link))
            } else {
                None
            };
            let more = json!({ "name": account.name, "sign_in": sign_in });
            value(AccountView::own(&account), more)
        }
        Command::UserDisable { name, disabled } => {
            let (account, ended) = accounts::set_disabled(forge, permit, &name, disabled, now_ms).await?;
            site.tell_edge_of_ended(&ended);
            value(AccountView::own(&account), json!({ "name": account.name }))
        }
        Command::UserLink { name } => {
            let link = accounts::issue_link(forge, permit, &name, now_ms).await?;
            Ok(json!({ "name": link.account, "sign_in": link_address(site, &link) }))
        }
        Command::UserDropSecondFactor { name } => {
            let removed = second_factor::remove_of(forge, permit, &name, now_ms).await?;
            Ok(json!({ "name": name, "removed": removed }))
        }
        Command::TokenCreate {
            user,
            name,
            agent,
            scopes,
            repositories,
            lifetime_ms,
        } => {
            let paths = repositories
                .iter()
                .map(|text| path(text))
                .collect::<Result<Vec<_>, _>>()?;
            let ids = repository_ids(site, &caller, &paths).await?;
            let new = NewToken {
                name,
                agent,
                scopes,
                repositories: (!ids.is_empty()).then_some(ids),
                expires_at_ms: lifetime_ms.map(|ms| now_ms.saturating_add(ms)),
            };
            let created = tokens::create_for(forge, permit, &user, new, now_ms).await?;
            value(TokenView::of(&created.token), json!({ "token": created.secret }))
        }
        Command::KeyAdd {
            user,
            name,
            public_key,
        } => {
            let new = NewSshKey { name, public_key };
            let key = ssh_keys::add_for(forge, permit, &user, new, now_ms).await?;
            value(SshKeyView::of(&key), json!({}))
        }
        Command::RepoCreate {
            path: text,
            visibility,
            description,
            object_format,
        } => {
            let path = path(&text)?;
            let permit = create_under(forge, &caller, &path.owner, now_ms).await?;
            let new = NewRepository {
                name: path.name,
                description,
                visibility: visibility.parse()?,
                object_format: object_format
                    .parse()
                    .map_err(|_| Failure::invalid("object_format", "The object format is sha1 or sha256."))?,
                default_bookmark: None,
            };
            repository(site, &repositories::create(forge, permit, new, now_ms).await?)
        }
        Command::RepoImport { path: text, from } => {
            let path = path(&text)?;
            let permit = create_under(forge, &caller, &path.owner, now_ms).await?;
            let imported = import::import(forge, permit, path.name, &from, now_ms).await?;
            repository(site, &imported)
        }
        Command::OrgCreate { name, owner } => {
            let about = OrganisationChange::default();
            let made = organisations::create_for(forge, permit, name.as_str(), &owner, about, now_ms).await?;
            value(OrganisationView::of(&made), json!({}))
        }
        Command::OrgList => {
            let mut all: Vec<Value> = Vec::new();
            loop {
                let offset = i64::try_from(all.len()).unwrap_or(i64::MAX);
                let part = organisations::list(forge, LIST_PART, offset).await?;
                for found in &part.items {
                    all.push(value(OrganisationView::of(found), json!({}))?);
                }
                if part.items.is_empty() || i64::try_from(all.len()).unwrap_or(i64::MAX) >= part.total {
                    return Ok(json!({ "count": all.len(), "organizations": all }));
                }
            }
        }
        Command::Log { action, limit } => {
            let query = audit::Query {
                action,
                before: None,
                limit,
            };
            let found = audit::list(forge, permit.into(), &query).await?;
            let entries: Result<Vec<_>, _> = found
                .iter()
                .map(|entry| value(EntryView::of(entry), json!({})))
                .collect();
            Ok(json!({ "entries": entries? }))
        }
        Command::RepoList => {
            let mut all = Vec::new();
            loop {
                let query = Query {
                    limit: LIST_PART,
                    offset: i64::try_from(all.len()).unwrap_or(i64::MAX),
                    ..Query::default()
                };
                let part = repositories::list(forge, &caller, query, now_ms).await?;
                let ended = part.items.is_empty();
                for found in &part.items {
                    all.push(repository(site, found)?);
                }
                if ended || i64::try_from(all.len()).unwrap_or(i64::MAX) >= part.total {
                    return Ok(json!({ "count": all.len(), "repositories": all }));
                }
            }
        }
        Command::RepoDeleted => {
            let found = repositories::deleted(forge, &permit).await?;
            let found = found
                .iter()
                .map(|found| repository(site, found))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(json!({ "count": found.len(), "repositories": found }))
        }
        Command::RepoRestore { id } => {
            repository(site, &repositories::restore(forge, permit, id, now_ms).await?)
        }
        Command::RepoPurge { path: text, oid } => {
            let purged = expiry::purge(forge, permit, &path(&text)?, &oid, now_ms).await?;
            let more = json!({ "object": oid, "objects_removed": purged.objects });
            value(repository(site, &purged.repository)?, more)
        }
    }
}

const fn name(command: &Command) -> &'static str {
    match command {
        Command::UserCreate { .. } => "user create",
        Command::UserDisable { .. } => "user disable",
        Command::UserLink { .. } => "user link",
        Command::UserDropSecondFactor { .. } => "user drop-second-factor",
        Command::TokenCreate { .. } => "token create",
        Command::KeyAdd { .. } => "key add",
        Command::OrgCreate { .. } => "org create",
        Command::OrgList => "org list",
        Command::Log { .. } => "log",
        Command::RepoCreate { .. } => "repo create",
        Command::RepoImport { .. } => "repo import",
        Command::RepoList => "repo list",
        Command::RepoDeleted => "repo deleted",
        Command::RepoRestore { .. } => "repo restore",
        Command::RepoPurge { .. } => "repo purge",
    }
}

//! The command line: what can be asked of the binary, and nothing of how it is done.

use clap::{Args, Parser, Subcommand};
use plue_contract::{AccountName, RepoPath, Scopes};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A git forge with its public face at the edge.
#[derive(Debug, Parser)]
#[command(name = "plue", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the forge: HTTP and SSH
    Serve(Serve),
    /// Print the effective configuration, secrets masked
    Config(ShowConfig),
    /// Bring the database up to date, look at it, or empty it
    Db(Db),
    /// Copy everything that must not be lost into a folder; the server may run meanwhile
    Backup(Copy),
    /// Bring a backup up in an empty forge, and verify all of it
    Restore(Copy),
    /// Administer the running server through its socket
    Admin(Admin),
    /// Write the files that pages name into a folder, for whoever serves them from elsewhere
    Assets {
        /// The folder; each file comes to lie under assets/ in it
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Flags that win over the environment and the settings file.
#[derive(Clone, Debug, Default, Args)]
pub struct Settings {
    /// The folder where everything is kept [env: PLUE_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// A file of NAME=value lines [env: PLUE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Serve the forge.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub settings: Settings,
    /// What the HTTP port listens on [env: HOST and PORT] [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub http: Option<SocketAddr>,
    /// What the SSH port listens on [env: SSH_HOST and SSH_PORT] [default: 127.0.0.1:2222]
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "no_ssh")]
    pub ssh: Option<SocketAddr>,
    /// Keep the SSH door shut [env: SSH_ENABLED=false]
    #[arg(long)]
    pub no_ssh: bool,
    /// Say where it answers as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Print the effective configuration.
#[derive(Debug, Args)]
pub struct ShowConfig {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub settings: Settings,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Print the reference of all settings instead, as Markdown
    #[arg(long, conflicts_with = "json")]
    pub reference: bool,
}

/// The database.
#[derive(Debug, Args)]
pub struct Db {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub settings: Settings,
    /// What to do with it.
    #[command(subcommand)]
    pub command: DbCommand,
}

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Apply the migrations that have not been applied
    Migrate,
    /// List the migrations and whether each has been applied
    Status,
    /// Remove everything in it and begin anew
    Reset {
        /// Do it; without this, only say what would be lost
        #[arg(long)]
        yes: bool,
    },
}

/// A backup.
#[derive(Debug, Args)]
pub struct Copy {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub settings: Settings,
    /// The folder of the backup
    pub dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The running server.
#[derive(Debug, Args)]
pub struct Admin {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub settings: Settings,
    /// Print one JSON object
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub noun: AdminNoun,
}

/// What the administration is about.
#[derive(Debug, Subcommand)]
pub enum AdminNoun {
    /// Accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Personal access tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// SSH keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Organisations
    #[command(subcommand)]
    Org(OrgCommand),
    /// Repositories
    #[command(subcommand)]
    Repo(RepoCommand),
    /// Show what was done that bears on safety, the latest first
    Log {
        /// Only this action, as in `token.create`
        #[arg(long)]
        action: Option<String>,
        /// At most so many entries
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=500))]
        limit: i64,
    },
}

/// Organisations.
#[derive(Debug, Subcommand)]
pub enum OrgCommand {
    /// Make an organisation
    Create {
        /// Its name
        name: AccountName,
        /// Who owns it
        #[arg(long)]
        owner: AccountName,
    },
    /// List all organisations
    List,
}

/// Accounts.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account; without a password, print a one-time sign-in link
    Create {
        /// Its name
        name: AccountName,
        /// It administers the site
        #[arg(long)]
        admin: bool,
        /// Read its password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Shut an account out, everywhere and at once
    Disable {
        /// Its name
        name: AccountName,
    },
    /// Let it in again
    Enable {
        /// Its name
        name: AccountName,
    },
    /// Print a one-time sign-in link for an account
    Link {
        /// Its name
        name: AccountName,
    },
    /// Take the second factor of an account away, whose owner has lost it and the recovery codes
    DropSecondFactor {
        /// Its name
        name: AccountName,
    },
}

/// Personal access tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it; it is not shown again
    Create {
        /// Whose it is
        #[arg(long)]
        user: AccountName,
        /// What it may do: repo, repo:read, repo:propose, repo:write, user, user:read, user:write,
        /// org:read, org:write, admin
        #[arg(long, value_name = "A,B", value_parser = scopes)]
        scopes: Scopes,
        /// What it is called
        #[arg(long, default_value = "command line")]
        name: String,
        /// The agent that it is for, as it is called beside what it does
        #[arg(long)]
        agent: Option<String>,
        /// The only repositories it is good for
        #[arg(long = "repo", value_name = "OWNER/NAME", value_parser = clap::value_parser!(RepoPath))]
        repositories: Vec<RepoPath>,
        /// When it ends, from now: 12h, 30d, 1y
        #[arg(long, value_parser = period_ms)]
        expires: Option<i64>,
    },
}

/// SSH keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Give an account an SSH key
    Add {
        /// Whose it is
        #[arg(long)]
        user: AccountName,
        /// What it is called
        #[arg(long)]
        name: String,
        /// The public key, as ssh-keygen wrote it
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
}

/// Repositories.
#[derive(Debug, Subcommand)]
pub enum RepoCommand {
    /// Make an empty repository
    Create {
        /// Where it stands
        #[arg(value_name = "OWNER/NAME", value_parser = clap::value_parser!(RepoPath))]
        path: RepoPath,
        /// Only those who have a role in it see it
        #[arg(long, conflicts_with = "internal")]
        private: bool,
        /// Only those who have an account here see it
        #[arg(long)]
        internal: bool,
        /// What it is
        #[arg(long, default_value = "")]
        description: String,
        /// How its objects are named: sha1 or sha256
        #[arg(long, default_value = "sha1", value_parser = ["sha1", "sha256"])]
        object_format: String,
    },
    /// Bring in a bare repository from this machine
    Import {
        /// Where it will stand
        #[arg(value_name = "OWNER/NAME", value_parser = clap::value_parser!(RepoPath))]
        path: RepoPath,
        /// The bare repository
        from: PathBuf,
    },
    /// List all repositories
    List,
    /// List those that were deleted and can still be restored
    Deleted,
    /// Restore one of them
    Restore {
        /// Its id, as `deleted` lists it
        id: i64,
    },
    /// Remove an object, such as a secret that was pushed, for good and everywhere; nothing may
    /// refer to it any more. All else that nothing refers to goes with it
    Purge {
        /// The repository
        #[arg(value_name = "OWNER/NAME", value_parser = clap::value_parser!(RepoPath))]
        path: RepoPath,
        /// The object's full id
        oid: String,
    },
}

fn scopes(text: &str) -> Result<Scopes, String> {
    let scopes: Scopes = text.parse().map_err(|e| format!("{e}"))?;
    if scopes.is_empty() {
        return Err("a token without a scope can do nothing".into());
    }
    Ok(scopes)
}

/// Reads `90s`, `15m`, `12h`, `30d` or `1y` as milliseconds.
fn period_ms(text: &str) -> Result<i64, String> {
    const EXPECTED: &str = "expected a number with s, m, h, d or y, such as 30d";
    let unit_ms: i64 = match text.chars().last() {
        Some('s') => 1_000,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        Some('y') => 365 * 86_400_000,
        _ => return Err(EXPECTED.into()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| EXPECTED)?;
    number
        .checked_mul(unit_ms)
        .filter(|ms| (1..=100 * 365 * 86_400_000).contains(ms))
        .ok_or_else(|| EXPECTED.into())
}

impl Settings {
    /// The flags under the names of their variables.
    pub fn values(&self) -> Vec<(String, String)> {
        let path = |name: &str, path: &Option<PathBuf>| {
            path.as_ref()
                .map(|path| (name.to_owned(), path.to_string_lossy().into_owned()))
        };
        [
            path("PLUE_DATA_DIR", &self.data_dir),
            path("PLUE_CONFIG", &self.config),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Serve {
    /// The flags under the names of their variables.
    pub fn values(&self) -> Vec<(String, String)> {
        let mut values = self.settings.values();
        let addresses = [(self.http, "HOST", "PORT"), (self.ssh, "SSH_HOST", "SSH_PORT")];
        for (address, host, port) in addresses {
            if let Some(address) = address {
                values.push((host.into(), address.ip().to_string()));
                values.push((port.into(), address.port().to_string()));
            }
        }
        if self.no_ssh {
            values.push(("SSH_ENABLED".into(), "false".into()));
        } else if self.ssh.is_some() {
            values.push(("SSH_ENABLED".into(), "true".into()));
        }
        values
    }
}

impl Command {
    /// The flags under the names of their variables.
    pub fn values(&self) -> Vec<(String, String)> {
        match self {
            Self::Serve(serve) => serve.values(),
            Self::Config(config) => config.settings.values(),
            Self::Db(db) => db.settings.values(),
            Self::Backup(copy) | Self::Restore(copy) => copy.settings.values(),
            Self::Admin(admin) => admin.settings.values(),
            Self::Assets { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_are_settings() {
        let cli = Cli::try_parse_from([
            "plue",
            "serve",
            "--data-dir",
            "/d",
            "--http",
            "127.0.0.1:0",
            "--ssh",
            "[::1]:22",
        ])
        .unwrap();
        let values = cli.command.values();
        let expected = [
            ("PLUE_DATA_DIR", "/d"),
            ("HOST", "127.0.0.1"),
            ("PORT", "0"),
            ("SSH_HOST", "::1"),
            ("SSH_PORT", "22"),
            ("SSH_ENABLED", "true"),
        ];
        assert_eq!(values, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn odd_names_and_periods_are_refused() {
        let parse = |args: &[&str]| Cli::try_parse_from([&["plue", "admin"], args].concat()).is_ok();
        assert!(parse(&["user", "create", "ada"]));
        assert!(parse(&["repo", "create", "ada/engine", "--private", "--json"]));
        assert!(parse(&[
            "token",
            "create",
            "--user",
            "ada",
            "--scopes",
            "repo,user:read",
            "--expires",
            "30d"
        ]));
        for wrong in [
            &["user", "create", "--exec=x"] as &[_],
            &["user", "create", "../x"],
            &["repo", "create", "ada"],
            &["repo", "create", "ada/../x"],
            &["repo", "create", "ada/x", "--object-format", "md5"],
            &["token", "create", "--user", "ada", "--scopes", ""],
            &["token", "create", "--user", "ada", "--scopes", "root"],
            &[
                "token",
                "create",
                "--user",
                "ada",
                "--scopes",
                "repo",
                "--expires",
                "soon",
            ],
            &[
                "token",
                "create",
                "--user",
                "ada",
                "--scopes",
                "repo",
                "--expires",
                "-1d",
            ],
        ] {
            assert!(!parse(wrong), "{wrong:?}");
        }
    }
}

//! The one list of settings: name, default, what is expected, what it does. The reference table
//! in CONFIGURATION.md is printed from it.

/// How a value is shown to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// As it is.
    Plain,
    /// Never.
    Secret,
    /// An address whose password is masked.
    Url,
}

/// One setting.
#[derive(Debug)]
pub struct Variable {
    /// Its name, in the environment and in a file.
    pub name: &'static str,
    /// Other names under which it is read.
    pub aliases: &'static [&'static str],
    /// The value where nobody sets it; empty for none.
    pub default: &'static str,
    /// What a value looks like, for messages and the reference.
    pub expects: &'static str,
    /// What it does.
    pub about: &'static str,
    /// How its value is shown.
    pub show: Show,
}

const fn plain(
    name: &'static str,
    default: &'static str,
    expects: &'static str,
    about: &'static str,
) -> Variable {
    Variable {
        name,
        aliases: &[],
        default,
        expects,
        about,
        show: Show::Plain,
    }
}

const fn secret(name: &'static str, about: &'static str) -> Variable {
    Variable {
        name,
        aliases: &[],
        default: "",
        expects: "at least 32 characters",
        about,
        show: Show::Secret,
    }
}

const fn also(mut variable: Variable, aliases: &'static [&'static str]) -> Variable {
    variable.aliases = aliases;
    variable
}

const FLAG: &str = "true or false";
const SECONDS: &str = "seconds";
const NUMBER: &str = "a whole number above 0";
const BYTES: &str = "bytes, or a number with K, M or G (powers of 1024)";
const ROOM: &str = "bytes, or a number with K, M or G (powers of 1024); 0 for none";
const NETWORKS: &str = "addresses or networks such as 10.0.0.0/8, separated by commas";

/// Variables that begin with `PLUE_` and belong to programs beside the coordinator.
pub const OF_OTHER_PROGRAMS: &[&str] = &[
    "PLUE_TOOLS_DIR",
    "PLUE_TESTS_REQUIRE",
    "PLUE_EDGE_MEMO_MS",
    "PLUE_API_URL",
    #[cfg(feature = "failpoints")]
    "PLUE_FAILPOINTS",
];

/// Variables that an operator may know from elsewhere, and what to set in their place.
pub const INSTEAD: &[(&str, &str)] = &[
    (
        "PLUE_INTERNAL_API_TOKEN",
        "set EDGE_SECRET for the edge and PLUE_BRIDGE_SECRET for SSH bridges: each signs what it says",
    ),
    (
        "PLUE_MTLS_ENABLED",
        "set PLUE_BRIDGE_SECRET: bridges prove themselves by signed statements",
    ),
    (
        "PLUE_MTLS_CA_PATH",
        "set PLUE_BRIDGE_SECRET: bridges prove themselves by signed statements",
    ),
];

/// Every setting of the coordinator, in the order of the reference.
pub const VARIABLES: &[Variable] = &[
    plain(
        "PLUE_ENV",
        "development",
        "development or production",
        "In production, absent or weak secrets stop the start; in development they are made once and kept in the data folder.",
    ),
    plain(
        "PLUE_CONFIG",
        "",
        "a file of NAME=value lines",
        "Settings that neither a flag nor the environment gives. Flag: --config.",
    ),
    also(
        plain(
            "PLUE_DATA_DIR",
            "data",
            "a folder",
            "Where everything is kept that is not kept elsewhere. Flag: --data-dir.",
        ),
        &["DATA_DIR"],
    ),
    plain(
        "HOST",
        "127.0.0.1",
        "an IP address",
        "The address that the HTTP port listens on. Flag: --http ADDRESS:PORT.",
    ),
    plain(
        "PORT",
        "4000",
        "a port, 0 for any free one",
        "The HTTP port: HTTP/1.1 and HTTP/2 without TLS. Flag: --http ADDRESS:PORT.",
    ),
    also(
        plain(
            "PLUE_PUBLIC_URL",
            "",
            "an origin such as https://plue.example",
            "The address that people use. With https, cookies are Secure and HSTS is sent.",
        ),
        &["BASE_URL"],
    ),
    plain(
        "PLUE_PUBLIC_SSH",
        "",
        "host or host:port",
        "The SSH address in clone addresses, where it is not the one that is listened on.",
    ),
    plain(
        "PLUE_SITE_NAME",
        "Plue",
        "a short text",
        "What the site calls itself.",
    ),
    plain(
        "PLUE_SIGN_UP",
        "true",
        FLAG,
        "Whether everybody may make an account for themselves; else administrators make them.",
    ),
    plain(
        "PLUE_SIWE_CHAINS",
        "1",
        "numbers of chains, separated by commas",
        "For which chains an Ethereum wallet may sign in (EIP-155).",
    ),
    plain(
        "GITHUB_CLIENT_ID",
        "",
        "the client id of an OAuth app",
        "Lets people sign in by GitHub. The app's callback address is /api/auth/callback/github of this site.",
    ),
    Variable {
        expects: "the secret of that app",
        ..secret("GITHUB_CLIENT_SECRET", "Proves to GitHub who asks.")
    },
    plain(
        "PLUE_GITHUB_URL",
        "https://github.com",
        "an http or https address",
        "The pages of GitHub; of GitHub Enterprise, its address.",
    ),
    plain(
        "PLUE_GITHUB_API_URL",
        "https://api.github.com",
        "an http or https address",
        "The interface of GitHub; of GitHub Enterprise, its address and /api/v3.",
    ),
    Variable {
        name: "PLUE_SMTP_URL",
        aliases: &[],
        default: "",
        expects: "smtp://host:port (?tls=required for STARTTLS) or smtps://host, with user:password@ before the host",
        about: "The server that takes letters. Without one, letters are laid into PLUE_MAIL_DIR in development, and in production none are sent.",
        show: Show::Url,
    },
    plain(
        "PLUE_MAIL_FROM",
        "Plue <plue@localhost>",
        "a sender such as Plue <plue@example.org>",
        "Whom letters are from.",
    ),
    plain(
        "PLUE_MAIL_DIR",
        "",
        "a folder",
        "Where letters are laid, each a file, while there is no server that takes them; none is in the data folder.",
    ),
    also(
        plain(
            "CORS_ORIGINS",
            "",
            "origins, separated by commas",
            "Whose scripts may call the API with credentials.",
        ),
        &["TRUSTED_ORIGINS"],
    ),
    plain(
        "PLUE_TRUSTED_PROXIES",
        "",
        NETWORKS,
        "From whom a forwarding header is believed.",
    ),
    plain(
        "PLUE_HEADER_TIMEOUT",
        "10",
        SECONDS,
        "How long a client may take to send the head of a request.",
    ),
    plain(
        "PLUE_BODY_IDLE_TIMEOUT",
        "60",
        SECONDS,
        "How long a body may stand still, in either direction.",
    ),
    plain(
        "PLUE_MAX_CONNECTIONS",
        "10000",
        NUMBER,
        "How many HTTP connections may be open.",
    ),
    plain(
        "PLUE_MAX_PER_IP_CONNECTIONS",
        "256",
        NUMBER,
        "How many of them from one address; PLUE_PEER_NETWORKS and PLUE_TRUSTED_PROXIES are not counted.",
    ),
    plain(
        "PLUE_PEER_NETWORKS",
        "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7",
        NETWORKS,
        "From where SSH bridges and edges connect: one connection carries 4096 requests at a time, not 128. It proves nothing about who calls.",
    ),
    plain(
        "PLUE_SHUTDOWN_GRACE",
        "60",
        SECONDS,
        "How long running requests may go on after a shutdown began.",
    ),
    plain(
        "PLUE_LIMITS",
        "",
        "PRESET=BURST/SECONDSs, separated by commas",
        "Rate limits that differ from the presets, such as login=5/60s,api=100/900s.",
    ),
    Variable {
        name: "DATABASE_URL",
        aliases: &[],
        default: "",
        expects: "sqlite:PATH or postgres://…",
        about: "The database; none is a SQLite file in the data folder.",
        show: Show::Url,
    },
    plain(
        "PLUE_DATABASE_CONNECTIONS",
        "16",
        NUMBER,
        "How many connections to the database may be open.",
    ),
    plain(
        "S3_BUCKET",
        "",
        "a bucket's name",
        "Keeps packs in S3; none keeps them in the data folder.",
    ),
    plain(
        "S3_PREFIX",
        "",
        "a text",
        "What every key in the bucket begins with.",
    ),
    also(
        plain("S3_REGION", "us-east-1", "a region", "The bucket's region."),
        &["AWS_REGION"],
    ),
    plain(
        "S3_ENDPOINT",
        "",
        "an http or https address",
        "The S3 server, where it is not Amazon's.",
    ),
    plain(
        "S3_PATH_STYLE",
        "true",
        FLAG,
        "Whether the bucket stands in the path; most servers beside Amazon's want it.",
    ),
    also(
        plain(
            "S3_ACCESS_KEY_ID",
            "",
            "an access key",
            "Who the coordinator is to S3.",
        ),
        &["AWS_ACCESS_KEY_ID", "S3_ACCESS_KEY"],
    ),
    also(
        Variable {
            expects: "a secret key",
            ..secret("S3_SECRET_ACCESS_KEY", "Proves it.")
        },
        &["AWS_SECRET_ACCESS_KEY", "S3_SECRET_KEY"],
    ),
    also(
        Variable {
            expects: "a session token",
            ..secret("S3_SESSION_TOKEN", "Goes with temporary credentials.")
        },
        &["AWS_SESSION_TOKEN"],
    ),
    also(
        secret(
            "JWT_SECRET",
            "Derives the keys of session JWTs, CSRF tokens, cursors and credential caches.",
        ),
        &["BETTER_AUTH_SECRET"],
    ),
    secret(
        "JWT_SECRET_PREVIOUS",
        "Still valid while the secret is being changed.",
    ),
    also(
        secret(
            "EDGE_SECRET",
            "Shared with the edge: statements about callers, questions about credentials, notices.",
        ),
        &["EDGE_PUSH_SECRET"],
    ),
    secret(
        "EDGE_SECRET_PREVIOUS",
        "Still valid while the secret is being changed.",
    ),
    secret("PLUE_BRIDGE_SECRET", "Shared with SSH bridges on other hosts."),
    secret(
        "PLUE_BRIDGE_SECRET_PREVIOUS",
        "Still valid while the secret is being changed.",
    ),
    plain(
        "EDGE_URL",
        "",
        "an http or https address",
        "Where the edge is told what it must forget.",
    ),
    also(
        plain(
            "PLUE_REPOS_DIR",
            "",
            "a folder",
            "Bare repositories OWNER/NAME.git that POST /sync adopts.",
        ),
        &["REPOS_DIR"],
    ),
    plain(
        "PLUE_CACHE_DIR",
        "",
        "a folder",
        "Where bare repositories are cached; none is in the data folder. Keep it on the file system of the packs.",
    ),
    plain(
        "PLUE_CACHE_BYTES",
        "20G",
        BYTES,
        "How much room cached repositories may take; those unused for the longest time go. Files that the store of packs shares by hard link do not count, since removing them frees nothing.",
    ),
    plain(
        "PLUE_CACHE_INTERVAL",
        "30",
        SECONDS,
        "How often cached repositories are measured.",
    ),
    plain(
        "PLUE_RESTORE_GRACE",
        "2592000",
        SECONDS,
        "How long a deleted repository can be restored, before it is removed for good: 30 days.",
    ),
    plain(
        "PLUE_EXPIRY_GRACE",
        "2592000",
        SECONDS,
        "How long objects stay that nothing refers to any more, after a forced push or a deleted bookmark: 30 days. `plue admin repo purge` removes one at once.",
    ),
    plain(
        "WATCHER_ENABLED",
        "true",
        FLAG,
        "Whether refs that tools write into cached repositories are brought in.",
    ),
    plain(
        "PLUE_WATCHER_INTERVAL",
        "5",
        SECONDS,
        "How often the watcher looks.",
    ),
    plain(
        "PLUE_MAX_PACK_BYTES",
        "8G",
        BYTES,
        "The largest pack that one push may send.",
    ),
    plain(
        "PLUE_MAX_OBJECT_BYTES",
        "2G",
        BYTES,
        "The largest object in a push.",
    ),
    plain(
        "PLUE_MAX_REPOSITORY_BYTES",
        "64G",
        BYTES,
        "How large the packs of one repository may grow.",
    ),
    plain(
        "PLUE_MAX_REFS_PER_PUSH",
        "200000",
        NUMBER,
        "How many refs one push may name.",
    ),
    plain(
        "PLUE_MAX_REFS_PER_REPOSITORY",
        "1000000",
        NUMBER,
        "How many refs one repository may have.",
    ),
    plain(
        "PLUE_GIT_READS",
        "32",
        NUMBER,
        "How many clones and fetches run at once; more wait.",
    ),
    plain(
        "PLUE_GIT_READS_PER_ACCOUNT",
        "16",
        NUMBER,
        "How many of them for one account, or one address.",
    ),
    plain(
        "PLUE_GIT_WRITES",
        "8",
        NUMBER,
        "How many pushes run at once; more wait.",
    ),
    plain(
        "PLUE_GIT_WRITES_PER_ACCOUNT",
        "4",
        NUMBER,
        "How many of them for one account.",
    ),
    plain(
        "PLUE_GIT_WAIT",
        "60",
        SECONDS,
        "How long a git operation waits for its turn.",
    ),
    plain(
        "PLUE_GIT_DEADLINE",
        "3600",
        SECONDS,
        "How long a git operation may take.",
    ),
    plain(
        "PLUE_PACK_CACHE_BYTES",
        "2G",
        ROOM,
        "How much room results of pack-objects may take, so that a repeated clone costs little.",
    ),
    plain(
        "PLUE_WEBHOOK_NETWORKS",
        "",
        NETWORKS,
        "Networks that webhooks may be in although not everybody reaches them, such as an intranet's. Whoever administers a repository can have requests sent there.",
    ),
    plain(
        "PLUE_WEBHOOK_TIMEOUT",
        "10",
        SECONDS,
        "How long a webhook may take to answer before it is told again later.",
    ),
    plain(
        "SSH_ENABLED",
        "true",
        FLAG,
        "Whether the SSH door is open. Flag: --no-ssh.",
    ),
    plain(
        "SSH_HOST",
        "127.0.0.1",
        "an IP address",
        "The address that the SSH port listens on. Flag: --ssh ADDRESS:PORT.",
    ),
    plain(
        "SSH_PORT",
        "2222",
        "a port, 0 for any free one",
        "The SSH port. Flag: --ssh ADDRESS:PORT.",
    ),
    also(
        plain(
            "SSH_HOST_KEYS",
            "",
            "files, separated by commas",
            "Host keys; none are made once in the data folder, ed25519 and rsa.",
        ),
        &["SSH_HOST_KEY_PATH"],
    ),
    plain(
        "SSH_BANNER",
        "",
        "a text",
        "What clients show before they authenticate.",
    ),
    plain(
        "SSH_ANONYMOUS_READ",
        "false",
        FLAG,
        "Whether `anonymous@` may fetch public repositories without a key.",
    ),
    plain("SSH_PROXIES", "", NETWORKS, "Balancers that send a PROXY header."),
    plain(
        "SSH_MAX_CONNECTIONS",
        "1000",
        NUMBER,
        "How many SSH connections may be open.",
    ),
    plain(
        "SSH_MAX_PER_IP_CONNECTIONS",
        "64",
        NUMBER,
        "How many of them from one address.",
    ),
    plain(
        "SSH_RATE_LIMIT_PER_MINUTE",
        "240",
        NUMBER,
        "How many new ones from one address in a minute.",
    ),
    plain(
        "SSH_MAX_AUTH_FAILURES",
        "5",
        NUMBER,
        "How many connections in a row may end unauthenticated before their address is banned.",
    ),
    plain(
        "SSH_INITIAL_BAN_DURATION",
        "900",
        SECONDS,
        "How long the first ban lasts; each further one lasts twice as long.",
    ),
    plain(
        "SSH_MAX_BAN_DURATION",
        "86400",
        SECONDS,
        "How long a ban lasts at most.",
    ),
    plain(
        "SSH_HANDSHAKE_TIMEOUT",
        "15",
        SECONDS,
        "How long a client may take to agree on keys.",
    ),
    plain(
        "SSH_AUTH_TIMEOUT",
        "60",
        SECONDS,
        "How long it may take after that to authenticate.",
    ),
    plain(
        "SSH_IDLE_TIMEOUT",
        "600",
        SECONDS,
        "How long a silent connection is kept.",
    ),
    plain(
        "PLUE_LOG",
        "info",
        "a filter such as info,plue=debug",
        "What is logged, to standard error.",
    ),
    plain("PLUE_LOG_FORMAT", "text", "text or json", "How it is logged."),
    plain(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "an http or https address",
        "Where traces are sent, as OTLP over HTTP; none sends none.",
    ),
];

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|v| v.name == name)
}

/// The reference of all settings, as Markdown.
pub fn reference() -> String {
    let mut text = String::from(
        "# Settings of the coordinator\n\n\
         Printed by `plue config --reference`. A flag wins over the environment, the environment over the\n\
         file that `PLUE_CONFIG` names. A value that cannot be read, or an unknown name that begins with\n\
         `PLUE_`, stops the start.\n\n\
         | variable | default | expected | what it does |\n|---|---|---|---|\n",
    );
    for v in VARIABLES {
        let names = std::iter::once(&v.name)
            .chain(v.aliases)
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(" or ");
        let default = if v.default.is_empty() {
            String::from("–")
        } else {
            format!("`{}`", v.default)
        };
        text.push_str(&format!(
            "| {names} | {default} | {} | {} |\n",
            v.expects, v.about
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_in_the_tree_is_the_one_that_is_printed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/CONFIGURATION.md");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == reference(),
            "coordinator/CONFIGURATION.md is not true: `plue config --reference > coordinator/CONFIGURATION.md`"
        );
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = VARIABLES
            .iter()
            .flat_map(|v| std::iter::once(v.name).chain(v.aliases.iter().copied()))
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}

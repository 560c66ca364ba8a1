//! The `plue` binary: it reads the environment and the clock, and hands both to what does the
//! work.

use anyhow::{Context, bail};
use clap::Parser;
use plue_coordinator::admin::{self, Reply};
use plue_coordinator::app::{self, Ready, World};
use plue_coordinator::cli::{
    self, AdminNoun, Cli, Command, DbCommand, KeyCommand, OrgCommand, RepoCommand, TokenCommand, UserCommand,
};
use plue_coordinator::config::{self, Config, Layers, Map, Source, source, variables};
use plue_coordinator::http::moment;
use plue_coordinator::telemetry;
use plue_git::pack_cache::{self, PackCache};
use plue_pages::assets;
use plue_store::MigrationState;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};

/// Memory goes from one thread to another with each statement and each page, which the C library's
/// allocator pays for with locks and with small steps of growth.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where programs are found where the environment does not say.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // Git runs this same program in place of `pack-objects`. It happens once for each clone, so
    // nothing that a server needs is set up before.
    if arguments.get(1).is_some_and(|word| word == "git")
        && let Some(cache) = PackCache::from_variables(|name| std::env::var_os(name))
    {
        return pack_hook(&cache, &arguments[1..]);
    }
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("plue: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn pack_hook(cache: &PackCache, command: &[OsString]) -> ExitCode {
    let ran = std::env::current_dir().and_then(|repository| {
        use std::os::fd::AsFd;
        let stdout = std::fs::File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
        pack_cache::run(cache, command, &repository, std::io::stdin().lock(), stdout)
    });
    match ran {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)),
        Err(error) => {
            eprintln!("plue: {error}");
            ExitCode::from(128)
        }
    }
}

fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("because every system that we run on has randomness");
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Command::Assets { out } = &cli.command {
        return write_assets(out);
    }
    let flags = Map::new("flag", cli.command.values());
    let environment = Map::new("environment", std::env::vars());
    let named = flags
        .get("PLUE_CONFIG")
        .or_else(|| environment.get("PLUE_CONFIG"));
    let file = match named.filter(|name| !name.is_empty()) {
        None => Map::default(),
        Some(name) => {
            let text = std::fs::read_to_string(&name).with_context(|| format!("PLUE_CONFIG: {name}"))?;
            source::parse_file(&text).with_context(|| format!("PLUE_CONFIG: {name}"))?
        }
    };
    let layers = Layers(vec![&flags, &environment, &file]);
    if let Command::Config(command) = &cli.command {
        return show_config(command, &layers);
    }
    let config = Config::read(&layers)?;
    let path = environment.get("PATH").unwrap_or_else(|| PATH.to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match cli.command {
        Command::Serve(command) => {
            let traces = telemetry::log(&config.telemetry, runtime.handle())?;
            let served = runtime.block_on(serve(config, &command, world(path.into())));
            if let Some(traces) = traces {
                traces.stop();
            }
            served?;
            // A thread that is still busy with somebody's file keeps nobody waiting.
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
            Ok(ExitCode::SUCCESS)
        }
        Command::Db(command) => runtime.block_on(database(config, command.command)),
        Command::Backup(command) => runtime.block_on(back_up(config, &command)),
        Command::Restore(command) => runtime.block_on(restore(config, &command, world(path.into()))),
        Command::Admin(command) => runtime.block_on(administer(config, command)),
        Command::Config(_) | Command::Assets { .. } => unreachable!("because it was answered above"),
    }
}

/// Writes each file that pages name, with the folder that its address has.
fn write_assets(out: &Path) -> anyhow::Result<ExitCode> {
    let folder = out.join(assets::FOLDER.trim_matches('/'));
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for asset in assets::all() {
        let file = folder.join(&asset.name);
        std::fs::write(&file, asset.bytes).with_context(|| file.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show_config(command: &cli::ShowConfig, layers: &Layers<'_>) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if command.reference {
        write!(out, "{}", variables::reference())?;
        return Ok(ExitCode::SUCCESS);
    }
    let shown = config::show(layers);
    if command.json {
        writeln!(out, "{}", serde_json::to_string(&shown)?)?;
    } else {
        for line in &shown {
            writeln!(out, "{}={}  # {}", line.name, line.value, line.from)?;
        }
    }
    // What is shown may still be wrong: then it is said, and the exit status tells.
    Config::read(layers)?;
    Ok(ExitCode::SUCCESS)
}

fn world(path: OsString) -> World {
    World {
        clock: now_ms,
        chance: fill,
        path,
        program: std::env::current_exe().ok(),
    }
}

async fn serve(config: Config, command: &cli::Serve, world: World) -> anyhow::Result<()> {
    #[cfg(feature = "failpoints")]
    if let Ok(list) = std::env::var("PLUE_FAILPOINTS") {
        plue_forge::failpoints::arm(&list)?;
    }
    let figures = telemetry::collect()?;
    let json = command.json;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            eprintln!("plue: stopping at once");
            std::process::exit(130);
        });
    };
    app::serve(config, world, figures, |ready| say_ready(ready, json), shutdown).await?;
    Ok(())
}

fn say_ready(ready: &Ready, json: bool) {
    let mut out = std::io::stdout().lock();
    // Nobody may be listening; the server runs all the same.
    let _ = if json {
        serde_json::to_string(ready)
            .map_err(std::io::Error::other)
            .and_then(|line| writeln!(out, "{line}"))
    } else {
        let ssh = ready.ssh.as_deref().unwrap_or("off");
        let sign_in = ready.admin_link.as_ref().map_or(String::new(), |link| {
            format!("  sign in  {link}\n           (once; as `admin`)\n")
        });
        write!(
            out,
            "Plue is ready.\n  http     {}\n  ssh      {ssh}\n  data     {}\n{sign_in}",
            ready.http,
            ready.data_dir.display()
        )
    };
    let _ = out.flush();
}

async fn database(config: Config, command: DbCommand) -> anyhow::Result<ExitCode> {
    if let DbCommand::Reset { yes: false } = command {
        bail!(
            "this removes every account and repository from the database; if that is what you want, \
             run `plue db reset --yes`"
        );
    }
    // What changes the schema must not do so under a server that runs.
    let _held = match command {
        DbCommand::Status => None,
        DbCommand::Migrate | DbCommand::Reset { .. } => Some(app::hold(&config.data_dir)?),
    };
    let store = app::store(&config).await?;
    match command {
        DbCommand::Migrate => {
            let applied = store.migrate(now_ms()).await?;
            for name in &applied {
                println!("applied {name}");
            }
            if applied.is_empty() {
                println!("nothing to do: the database is up to date");
            }
        }
        DbCommand::Status => {
            for migration in store.migration_status().await? {
                let state = match migration.state {
                    MigrationState::Applied { at_ms } => format!("applied at {}", moment::text(at_ms)),
                    MigrationState::Pending => String::from("not applied yet: plue db migrate"),
                    MigrationState::Changed => {
                        String::from("applied with another text than this program has")
                    }
                    MigrationState::Unknown => String::from("applied by a newer program"),
                };
                println!("{:04}  {:<24}{state}", migration.version, migration.name);
            }
        }
        DbCommand::Reset { .. } => {
            store.reset().await?;
            store.migrate(now_ms()).await?;
            println!("the database is empty and up to date; packs that it knew of are left where they are");
        }
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn back_up(config: Config, command: &cli::Copy) -> anyhow::Result<ExitCode> {
    let store = app::store(&config).await?;
    let pending = store.migration_status().await?;
    store.close().await;
    if pending
        .iter()
        .any(|step| !matches!(step.state, MigrationState::Applied { .. }))
    {
        bail!(
            "there is no forge of this version here to back up: is --data-dir right? `plue db status` says more"
        );
    }
    let written = app::backup(&config, &command.dir).await?;
    if command.json {
        println!(
            "{}",
            json!({ "packs": written.packs, "copied": written.copied, "removed": written.removed })
        );
    } else {
        println!(
            "the backup in {} is whole: {} packs, {} files copied, {} removed",
            command.dir.display(),
            written.packs,
            written.copied,
            written.removed
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn restore(config: Config, command: &cli::Copy, world: World) -> anyhow::Result<ExitCode> {
    let restored = app::restore(config, world, &command.dir).await?;
    if command.json {
        println!(
            "{}",
            json!({
                "repositories": restored.repositories,
                "packs": restored.packs,
                "damaged": restored.damaged,
            })
        );
    } else {
        println!(
            "restored: {} repositories are whole, in {} packs",
            restored.repositories, restored.packs
        );
    }
    for damaged in &restored.damaged {
        eprintln!("plue: damaged: {damaged}");
    }
    Ok(match restored.damaged.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn asked(noun: AdminNoun) -> anyhow::Result<admin::Command> {
    Ok(match noun {
        AdminNoun::User(UserCommand::Create {
            name,
            admin,
            password_stdin,
        }) => admin::Command::UserCreate {
            name,
            admin,
            password: password_stdin.then(read_password).transpose()?,
        },
        AdminNoun::User(UserCommand::Disable { name }) => {
            admin::Command::UserDisable { name, disabled: true }
        }
        AdminNoun::User(UserCommand::Enable { name }) => admin::Command::UserDisable {
            name,
            disabled: false,
        },
        AdminNoun::User(UserCommand::Link { name }) => admin::Command::UserLink { name },
        AdminNoun::User(UserCommand::DropSecondFactor { name }) => {
            admin::Command::UserDropSecondFactor { name }
        }
        AdminNoun::Token(TokenCommand::Create {
            user,
            scopes,
            name,
            agent,
            repositories,
            expires,
        }) => admin::Command::TokenCreate {
            user,
            name,
            agent,
            scopes,
            repositories: repositories.iter().map(ToString::to_string).collect(),
            lifetime_ms: expires,
        },
        AdminNoun::Key(KeyCommand::Add { user, name, file }) => admin::Command::KeyAdd {
            user,
            name,
            public_key: std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?,
        },
        AdminNoun::Org(OrgCommand::Create { name, owner }) => admin::Command::OrgCreate { name, owner },
        AdminNoun::Org(OrgCommand::List) => admin::Command::OrgList,
        AdminNoun::Log { action, limit } => admin::Command::Log { action, limit },
        AdminNoun::Repo(RepoCommand::Create {
            path,
            private,
            internal,
            description,
            object_format,
        }) => admin::Command::RepoCreate {
            path: path.to_string(),
            visibility: match (private, internal) {
                (true, _) => "private",
                (_, true) => "internal",
                _ => "public",
            }
            .to_owned(),
            description,
            object_format,
        },
        AdminNoun::Repo(RepoCommand::Import { path, from }) => admin::Command::RepoImport {
            path: path.to_string(),
            from: from
                .canonicalize()
                .with_context(|| format!("{}", from.display()))?,
        },
        AdminNoun::Repo(RepoCommand::List) => admin::Command::RepoList,
        AdminNoun::Repo(RepoCommand::Deleted) => admin::Command::RepoDeleted,
        AdminNoun::Repo(RepoCommand::Purge { path, oid }) => admin::Command::RepoPurge {
            path: path.to_string(),
            oid,
        },
        AdminNoun::Repo(RepoCommand::Restore { id }) => admin::Command::RepoRestore {
            id: plue_contract::RepoId(id),
        },
    })
}

fn read_password() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("--password-stdin: standard input has no password on its first line");
    }
    Ok(password.to_owned())
}

async fn administer(config: Config, command: cli::Admin) -> anyhow::Result<ExitCode> {
    let json = command.json;
    let reply = admin::ask(&config.data_dir, &asked(command.noun)?).await?;
    Ok(match reply {
        Reply::Done(value) if json => {
            println!("{value}");
            ExitCode::SUCCESS
        }
        Reply::Done(value) => {
            print!("{}", words(&value));
            ExitCode::SUCCESS
        }
        Reply::Refused { code, detail } => {
            if json {
                println!("{}", json!({ "error": { "code": code, "detail": detail } }));
            }
            eprintln!("plue: {detail}");
            ExitCode::FAILURE
        }
    })
}

/// An answer for people: a token alone, a list as lines, anything else as names and values.
fn words(value: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if let Some(token) = value.get("token") {
        return format!("{}\n", text(token));
    }
    if let Some(repositories) = value.get("repositories").and_then(Value::as_array) {
        let line = |repository: &Value| {
            format!(
                "{:>6}  {:<8}  {}\n",
                text(&repository["id"]),
                text(&repository["visibility"]),
                text(&repository["full_name"])
            )
        };
        return repositories.iter().map(line).collect();
    }
    if let Some(organisations) = value.get("organizations").and_then(Value::as_array) {
        let line = |organisation: &Value| {
            let within = match &organisation["parent"] {
                Value::Null => String::new(),
                parent => format!("  in {}", text(parent)),
            };
            format!(
                "{:>6}  {}{within}\n",
                text(&organisation["id"]),
                text(&organisation["name"])
            )
        };
        return organisations.iter().map(line).collect();
    }
    if let Some(entries) = value.get("entries").and_then(Value::as_array) {
        let line = |entry: &Value| {
            format!(
                "{}  {:<20}  {} by {}  {}\n",
                text(&entry["at"]),
                text(&entry["action"]),
                text(&entry["subject"]),
                text(&entry["actor"]),
                entry["detail"]
            )
        };
        return entries.iter().map(line).collect();
    }
    let shown = [
        "id",
        "name",
        "full_name",
        "object",
        "objects_removed",
        "fingerprint",
        "clone_url",
        "ssh_url",
        "sign_in",
        "removed",
    ];
    shown
        .into_iter()
        .filter_map(|name| value.get(name).map(|value| (name, value)))
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name}: {}\n", text(value)))
        .collect()
}

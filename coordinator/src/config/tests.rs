//! What settings mean, and what is said of those that mean nothing.

use super::*;

fn map(label: &'static str, pairs: &[(&str, &str)]) -> Map {
    Map::new(label, pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())))
}

fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(&Layers(vec![&map("environment", pairs)]))
}

fn faults(pairs: &[(&str, &str)]) -> Vec<String> {
    read(pairs)
        .err()
        .map(|ConfigError(faults)| faults)
        .unwrap_or_default()
}

#[test]
fn nothing_set_is_a_whole_configuration() {
    let config = read(&[]).unwrap();
    assert_eq!(config.http.address.to_string(), "127.0.0.1:4000");
    assert_eq!(config.database_url, "sqlite:data/plue.db");
    assert!(matches!(&config.blobs, Blobs::Directory(dir) if dir.ends_with("data/blobs")));
    assert_eq!(config.ssh.unwrap().address.to_string(), "127.0.0.1:2222");
    assert_eq!(config.git.max_pack_bytes, 8 << 30);
    assert_eq!(config.watcher_interval, Some(Duration::from_secs(5)));
}

#[test]
fn every_listed_variable_is_read() {
    let layers = Layers(vec![]);
    let reader = Reader {
        layers: &layers,
        faults: RefCell::default(),
        read: RefCell::default(),
    };
    reader.config();
    let listed: BTreeSet<_> = VARIABLES.iter().map(|v| v.name).collect();
    assert_eq!(reader.read.into_inner(), listed);
}

#[test]
fn a_bad_value_is_named_with_what_was_expected() {
    assert_eq!(
        faults(&[
            ("PORT", "http"),
            ("SSH_ENABLED", "maybe"),
            ("PLUE_MAX_PACK_BYTES", "0")
        ]),
        [
            "PORT: expected a port, 0 for any free one, not `http`",
            "PLUE_MAX_PACK_BYTES: expected bytes, or a number with K, M or G (powers of 1024), not `0`",
            "SSH_ENABLED: expected true or false, not `maybe`",
        ]
    );
    for (name, value) in [
        ("PLUE_ENV", "prod"),
        ("HOST", "example.com"),
        ("CORS_ORIGINS", "https://a.example,*"),
        ("PLUE_PUBLIC_URL", "https://a.example/path"),
        ("PLUE_TRUSTED_PROXIES", "10.0.0.0/40"),
        ("PLUE_PEER_NETWORKS", "bridge"),
        ("SSH_PROXIES", "balancer"),
        ("PLUE_LIMITS", "login=5/60"),
        ("PLUE_LIMITS", "nonsense=5/60s"),
        ("DATABASE_URL", "mysql://localhost/plue"),
        ("EDGE_URL", "edge.example"),
        ("PLUE_SIGN_UP", "everybody"),
        ("PLUE_SIWE_CHAINS", "mainnet"),
        ("GITHUB_CLIENT_ID", "of-an-app-without-a-secret"),
        ("PLUE_GITHUB_URL", "github.example"),
        ("PLUE_SMTP_URL", "mail.plue.example"),
        ("PLUE_MAIL_FROM", "Plue"),
        ("PLUE_LOG_FORMAT", "xml"),
        ("PLUE_SHUTDOWN_GRACE", "-1"),
        ("PLUE_MAX_OBJECT_BYTES", "99999999999G"),
    ] {
        let faults = faults(&[(name, value)]);
        assert_eq!(faults.len(), 1, "{name}={value}: {faults:?}");
        assert!(faults[0].starts_with(name.trim_end_matches("_ID")), "{faults:?}");
    }
    let leak = faults(&[("PLUE_SMTP_URL", "imap://me:hunter2@localhost")]);
    assert!(!leak[0].contains("hunter2"), "{leak:?}");
    let leak = faults(&[("DATABASE_URL", "mysql://me:hunter2@localhost/plue")]);
    assert!(!leak[0].contains("hunter2"), "{leak:?}");
}

#[test]
fn letters_go_to_the_server_else_in_development_into_a_folder() {
    let way = |pairs: &[(&str, &str)]| read(pairs).unwrap().mail.way;
    let production = ("PLUE_ENV", "production");
    let server = ("PLUE_SMTP_URL", "smtp://mail.plue.example:587?tls=required");
    assert!(matches!(way(&[]), MailWay::Folder(dir) if dir.ends_with("data/mail")));
    assert!(matches!(way(&[production]), MailWay::Nowhere));
    assert!(
        matches!(way(&[production, ("PLUE_MAIL_DIR", "/m")]), MailWay::Folder(dir) if dir.ends_with("m"))
    );
    assert!(matches!(
        way(&[server, ("PLUE_MAIL_DIR", "/m")]),
        MailWay::Smtp(_)
    ));
}

#[test]
fn a_cache_may_have_no_room() {
    let file = source::parse_file("PLUE_PACK_CACHE_BYTES=0").unwrap();
    let config = Config::read(&Layers(vec![&file])).unwrap();
    assert_eq!(config.git.pack_cache_bytes, 0);
}

#[test]
fn an_unknown_setting_stops_the_start() {
    let found = faults(&[("PLUE_DATADIR", "x"), ("HOME", "/"), ("PLUE_TOOLS_DIR", "y")]);
    assert_eq!(
        found,
        ["PLUE_DATADIR: no setting of this name (in the environment); `plue config --reference` lists all"]
    );
    let mtls = faults(&[("PLUE_MTLS_ENABLED", "true")]);
    assert_eq!(
        mtls,
        [
            "PLUE_MTLS_ENABLED: no setting here; set PLUE_BRIDGE_SECRET: bridges prove themselves by signed statements"
        ]
    );
    let file = source::parse_file("PROT=1").unwrap();
    let ConfigError(found) = Config::read(&Layers(vec![&file])).unwrap_err();
    assert_eq!(
        found,
        ["PROT: no setting of this name (in the file); `plue config --reference` lists all"]
    );
}

#[test]
fn a_bucket_needs_its_credentials() {
    assert_eq!(
        faults(&[("S3_BUCKET", "packs"), ("AWS_ACCESS_KEY_ID", "me")]),
        ["S3_SECRET_ACCESS_KEY: must be set where S3_BUCKET is"]
    );
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let (flag, env, file) = (
        map("flag", &[("PORT", "1")]),
        map(
            "environment",
            &[
                ("PORT", "2"),
                ("HOST", "::1"),
                ("REPOS_DIR", "/r"),
                ("EDGE_URL", ""),
            ],
        ),
        map(
            "file",
            &[("HOST", "0.0.0.0"), ("EDGE_URL", "https://edge.example/")],
        ),
    );
    let layers = Layers(vec![&flag, &env, &file]);
    let config = Config::read(&layers).unwrap();
    assert_eq!(config.http.address.to_string(), "[::1]:1");
    assert_eq!(config.repos_dir, Some(PathBuf::from("/r")));
    assert_eq!(config.edge_url.as_deref(), Some("https://edge.example"));
    let shown = show(&layers);
    let of = |name| shown.iter().find(|s| s.name == name).map(|s| s.from.as_str());
    assert_eq!(of("PORT"), Some("flag"));
    assert_eq!(of("PLUE_REPOS_DIR"), Some("environment"));
    assert_eq!(of("EDGE_URL"), Some("file"));
    assert_eq!(of("PLUE_ENV"), Some("default"));
}

#[test]
fn names_of_older_systems_are_read() {
    // One value that is right for each setting that has another name.
    let value = |name: &str| match name {
        "S3_REGION" => "eu-central-1",
        "PLUE_PUBLIC_URL" | "CORS_ORIGINS" => "https://plue.example",
        "PLUE_DATA_DIR" | "PLUE_REPOS_DIR" | "SSH_HOST_KEYS" => "/srv/plue",
        _ => "4f1c9be27d50a8366e0d12c7b95a43f8",
    };
    let mut seen = 0;
    for variable in VARIABLES {
        for alias in variable.aliases {
            let env = map("environment", &[(alias, value(variable.name))]);
            let layers = Layers(vec![&env]);
            Config::read(&layers).unwrap_or_else(|error| panic!("{alias}: {error}"));
            let (found, from) = layers.value(variable);
            assert_eq!(
                (found.as_str(), from.as_str()),
                (value(variable.name), "environment"),
                "{alias}"
            );
            // The name of our own wins.
            let both = map(
                "environment",
                &[(alias, "other"), (variable.name, value(variable.name))],
            );
            assert_eq!(
                Layers(vec![&both]).value(variable).0,
                value(variable.name),
                "{alias}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 11, "only {seen}");
}

#[test]
fn secrets_are_never_shown() {
    let env = map(
        "environment",
        &[
            ("JWT_SECRET", "hunter2"),
            ("S3_SECRET_ACCESS_KEY", "hunter2"),
            (
                "DATABASE_URL",
                "postgres://plue:hunter2@db.example/plue?password=hunter2",
            ),
        ],
    );
    let layers = Layers(vec![&env]);
    let shown = format!("{:?}", show(&layers));
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        shown.contains("postgres://plue:********@db.example/plue?********"),
        "{shown}"
    );
    let config = format!("{:?}", Config::read(&layers).unwrap().secrets);
    assert!(!config.contains("hunter2"));
}

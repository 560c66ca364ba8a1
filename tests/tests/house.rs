//! The rules of the house that the compiler cannot keep: who may use whom, which words belong to
//! one room, what the two pure crates may depend on, and how files introduce themselves.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// A source file, its path from the root, and its lines up to its own tests, without comments.
struct Source {
    path: String,
    text: String,
    code: String,
}

fn sources_of(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut |path| {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let without_comments =
                |line: &&str| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("#!");
            let code: Vec<&str> = code.lines().filter(without_comments).collect();
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push(Source {
                path,
                text: text.clone(),
                code: code.join("\n"),
            });
        }
    });
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !matches!(name, "build" | "target" | "node_modules") {
                walk(&path, visit);
            }
        } else {
            visit(&path);
        }
    }
}

/// Every folder with sources, its own crate's name, and which of ours it may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("contract/src", &["plue_contract"]),
    ("edge/gateway/src", &["plue_gateway", "plue_contract"]),
    (
        "edge/cloudflare/src",
        &["plue_edge_cloudflare", "plue_gateway", "plue_contract"],
    ),
    ("coordinator/store/src", &["plue_store", "plue_contract"]),
    ("coordinator/git/src", &["plue_git", "plue_contract"]),
    ("coordinator/blobs/src", &["plue_blobs", "plue_contract"]),
    ("coordinator/mail/src", &["plue_mail"]),
    (
        "coordinator/forge/src",
        &[
            "plue_forge",
            "plue_store",
            "plue_git",
            "plue_blobs",
            "plue_mail",
            "plue_contract",
        ],
    ),
    ("coordinator/pages/src", &["plue_pages"]),
    ("ssh-bridge/src", &["plue_ssh_bridge", "plue_contract"]),
    (
        "coordinator/src",
        &[
            "plue",
            "plue_forge",
            "plue_gateway",
            "plue_pages",
            "plue_ssh_bridge",
            "plue_contract",
        ],
    ),
];

/// The only file of the coordinator that builds the rooms, and so may name them.
const BUILDER: &str = "coordinator/src/app.rs";
/// The command line's own programs, which run without a forge: the database's and git's helper.
const WITHOUT_FORGE: &[&str] = &["coordinator/src/main.rs", "coordinator/src/db.rs"];

/// Takes the names of crates of ours out of a line of code: `plue_x::` and `use plue_x`.
fn crates_named(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("plue_") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"') {
            continue;
        }
        let rest = &code[at..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if rest[end..].starts_with("::") {
            names.push(&rest[..end]);
        }
    }
    names
}

#[test]
fn arrows_point_one_way() {
    let mut broken = Vec::new();
    for (folder, may) in ARROWS {
        for source in sources_of(folder) {
            if source.path == BUILDER || WITHOUT_FORGE.contains(&source.path.as_str()) {
                continue;
            }
            for name in crates_named(&source.code) {
                // What a room offers to the tests of others, behind a feature that no program has.
                let for_tests = name == "plue_tests" && source.path.ends_with("/testing.rs");
                if !for_tests && !may.contains(&name) {
                    broken.push(format!("{} names {name}", source.path));
                }
            }
        }
    }
    broken.dedup();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn words_stay_in_their_room() {
    // A word, and the beginnings of the paths in which it may stand.
    let rooms: &[(&str, &[&str])] = &[
        ("worker::", &["edge/cloudflare/"]),
        ("spin_sdk::", &["edge/spin/"]),
        ("russh::", &["ssh-bridge/"]),
        ("aws_sdk_s3::", &["coordinator/blobs/"]),
        ("sqlx::", &["coordinator/store/"]),
        ("gix::", &["coordinator/git/"]),
        ("axum::", &["coordinator/src/"]),
        ("argon2::", &["coordinator/forge/"]),
        ("lettre::", &["coordinator/mail/"]),
        ("maud::", &["coordinator/pages/"]),
        ("Command::new(\"git\")", &["coordinator/git/"]),
    ];
    let mut misplaced = Vec::new();
    for (folder, _) in ARROWS {
        for source in sources_of(folder) {
            for (word, may) in rooms {
                let stands = source.code.match_indices(word).any(|(at, _)| {
                    let before = source.code[..at].chars().next_back();
                    before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
                });
                if stands && !may.iter().any(|start| source.path.starts_with(start)) {
                    misplaced.push(format!("{} says {word}", source.path));
                }
            }
        }
    }
    assert!(misplaced.is_empty(), "{}", misplaced.join("\n"));
}

#[test]
fn time_chance_and_environment_come_in_as_arguments() {
    let words = [
        "SystemTime::now",
        "UtcDateTime::now",
        "OffsetDateTime::now",
        "env::var",
        "env::args",
    ];
    let pure = [
        "Instant::now",
        "std::net::Tcp",
        "std::fs",
        "thread::spawn",
        "std::process",
        "std::env",
        "tokio::",
        "getrandom::",
    ];
    // Programs of their own: the bridge on its host, and what git runs in place of pack-objects.
    let programs = ["ssh-bridge/src/main.rs", "coordinator/git/src/pack_cache.rs"];
    let mut reading = Vec::new();
    for (folder, _) in ARROWS {
        let is_pure = matches!(
            *folder,
            "contract/src" | "edge/gateway/src" | "coordinator/pages/src"
        );
        // Programs and hosts are where they are read.
        if matches!(*folder, "coordinator/src" | "edge/cloudflare/src") {
            continue;
        }
        for source in sources_of(folder) {
            if programs.contains(&source.path.as_str()) {
                continue;
            }
            let forbidden = words.iter().chain(if is_pure { pure.iter() } else { [].iter() });
            for word in forbidden.filter(|word| source.code.contains(**word)) {
                reading.push(format!("{} says {word}", source.path));
            }
        }
    }
    assert!(reading.is_empty(), "{}", reading.join("\n"));
}

#[test]
fn hosts_do_not_decide_by_path() {
    for folder in ["edge/cloudflare/src", "coordinator/src/http"] {
        if !root().join(folder).exists() {
            continue;
        }
        for source in sources_of(folder) {
            for line in source.code.lines() {
                let decides = line.contains("match ") && (line.contains(".path()") || line.contains("uri()"));
                assert!(!decides, "{}: {line}", source.path);
            }
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for folder in ARROWS
        .iter()
        .map(|(folder, _)| *folder)
        .chain(["tests/src", "tests/tests"])
    {
        for source in sources_of(folder) {
            assert!(
                source.text.starts_with("//! "),
                "{} has no door plate",
                source.path
            );
        }
    }
}

#[test]
fn there_is_no_room_for_odds_and_ends() {
    let mut odd = Vec::new();
    for folder in ["contract", "edge", "coordinator", "ssh-bridge", "tests", "infra"] {
        walk(&root().join(folder), &mut |path| {
            let path = path.strip_prefix(root()).unwrap();
            for part in path.components() {
                let name = Path::new(part.as_os_str())
                    .file_stem()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_lowercase();
                if ["util", "utils", "common", "helper", "helpers", "manager", "misc"]
                    .contains(&name.as_str())
                {
                    odd.push(path.display().to_string());
                }
            }
        });
    }
    assert!(odd.is_empty(), "{}", odd.join("\n"));
}

#[test]
fn the_pure_crates_keep_their_dependency_budget() {
    let allowed_direct = [
        "base64",
        "ed25519-dalek",
        "hmac",
        "http",
        "k256",
        "matchit",
        "serde",
        "serde_json",
        "sha2",
        "sha3",
        "subtle",
        "thiserror",
        "time",
        "ulid",
        "url",
        "uuid",
        "plue-contract",
    ];
    let never = [
        "tokio",
        "axum",
        "hyper",
        "reqwest",
        "worker",
        "spin-sdk",
        "sqlx",
        "ring",
        "rustls",
        "getrandom",
        "rand",
        "chrono",
        "tower",
        "tracing",
        "mio",
        "socket2",
    ];
    for name in ["plue-contract", "plue-gateway"] {
        let tree = |depth: &str| -> Vec<String> {
            let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
                .current_dir(root())
                .args([
                    "tree",
                    "--locked",
                    "--offline",
                    "-p",
                    name,
                    "-e",
                    "normal",
                    "--prefix",
                    "none",
                ])
                .args([
                    "--format",
                    "{p}",
                    "--depth",
                    depth,
                    "--target",
                    "wasm32-unknown-unknown",
                ])
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let text = String::from_utf8(output.stdout).unwrap();
            text.lines()
                .skip(1)
                .filter_map(|line| line.split(' ').next())
                .map(str::to_owned)
                .collect()
        };
        for direct in tree("1") {
            assert!(
                allowed_direct.contains(&direct.as_str()),
                "{name} may not depend on {direct}"
            );
        }
        let mut all = tree("99");
        all.sort();
        all.dedup();
        for banned in never {
            assert!(
                !all.iter().any(|found| found == banned),
                "{name} pulls in {banned}"
            );
        }
        assert!(
            // Nearly half of them are k256's, which is arithmetic and nothing else.
            all.len() <= 60,
            "{name} has grown to {} dependencies: {all:?}",
            all.len()
        );
    }
}

/// The quoted words of `deny.toml` between two marks: its lists, which cargo-deny reads too.
fn denied_or_allowed(from: &str, to: &str, word: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = text.split_once(from).unwrap().1.split_once(to).unwrap().0;
    let words: Vec<String> = list
        .lines()
        .filter_map(|line| line.split_once(word)?.1.split('"').next().map(str::to_owned))
        .collect();
    assert!(!words.is_empty(), "deny.toml has no list after {from}");
    words
}

/// What cargo-deny says without a network, said without cargo-deny: it takes minutes to build.
#[test]
fn every_dependency_may_travel_with_plue() {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .current_dir(root())
        .args([
            "metadata",
            "--locked",
            "--offline",
            "--all-features",
            "--format-version",
            "1",
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let allowed = denied_or_allowed("allow = [", "]", "    \"");
    let banned = denied_or_allowed("deny = [", "\n]", "crate = \"");

    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        // Our own have no source; their licence is the project's.
        let Some(source) = package["source"].as_str() else {
            continue;
        };
        let name = package["name"].as_str().unwrap();
        if !source.starts_with("registry+") {
            wrong.push(format!("{name} comes from {source}"));
        }
        if banned.iter().any(|word| word == name) {
            wrong.push(format!("{name} is banned; deny.toml says why"));
        }
        let licence = package["license"].as_str().unwrap_or_default();
        let may = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX).is_ok_and(|expression| {
            expression.evaluate(|requirement| allowed.contains(&requirement.to_string()))
        });
        if !may {
            wrong.push(format!("{name} is under {licence:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_test_program_of_the_harness_runs() {
    // A folder without a main.rs would be left out without a word.
    for entry in fs::read_dir(root().join("tests/tests")).unwrap() {
        let path = entry.unwrap().path();
        let runs =
            path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists();
        assert!(runs, "{} is never run", path.display());
    }
}

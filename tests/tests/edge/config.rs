//! One list of bindings, classes, secrets and variables: what is deployed, what is served by
//! plain workerd and what the worker reads cannot differ.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use plue_tests::edge::Settings;

use crate::origin::{EDGE_SECRET, JWT_SECRET, Origin};
use crate::{settings, start};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every text between double quotes that is written in capitals.
fn quoted_names(text: &str) -> BTreeSet<String> {
    let is_name = |word: &&str| word.len() > 3 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    text.split('"')
        .skip(1)
        .step_by(2)
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_assets_that_are_deployed_are_those_that_pages_name() {
    let folder = tempfile::tempdir().unwrap();
    let written = Command::new("node")
        .current_dir(root())
        .arg("infra/edge/assets.mjs")
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(written.success());
    let plue = plue_tests::serve::Plue::start().unwrap();
    let page = plue.client().get("/").unwrap().text();
    let mut named = 0;
    for link in page.split("=\"/assets/").skip(1) {
        let name = link.split('"').next().unwrap();
        let deployed = std::fs::read(folder.path().join("assets").join(name))
            .unwrap_or_else(|error| panic!("{name} is named by a page and not deployed: {error}"));
        let served = plue.client().get(&format!("/assets/{name}")).unwrap();
        assert_eq!((served.status, served.body == deployed), (200, true), "{name}");
        assert_eq!(
            served.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
        named += 1;
    }
    assert!(named >= 2, "{page}");
    plue.stop().unwrap();
}

#[test]
fn plain_workerd_is_given_what_is_deployed() {
    let origin = Origin::start();
    let edge = start(&origin);
    let generated = std::fs::read_to_string(edge.settings().state().join("config.capnp")).unwrap();
    let stopped = edge.stop().unwrap();
    assert!(
        !generated.contains(EDGE_SECRET) && !generated.contains(JWT_SECRET),
        "secrets stay off the disk"
    );

    let folder = tempfile::tempdir().unwrap();
    let said = Command::new("node")
        .current_dir(root())
        .env("WRANGLER_SEND_METRICS", "false")
        .env("CI", "1")
        .args([
            "node_modules/wrangler/bin/wrangler.js",
            "deploy",
            "--dry-run",
            "--outdir",
        ])
        .arg(folder.path())
        .output()
        .unwrap();
    let deployed = format!(
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    assert!(said.status.success(), "{deployed}");
    let bindings: BTreeSet<String> = deployed
        .lines()
        .filter_map(|line| line.strip_prefix("env."))
        .map(|line| line.split([' ', '(']).next().unwrap().to_owned())
        .collect();
    assert!(
        bindings.contains("LIMITS") && bindings.contains("ORIGIN_URL"),
        "{deployed}"
    );
    for name in &bindings {
        assert!(
            generated.contains(&format!("(name = \"{name}\"")),
            "{name} is deployed and not served"
        );
    }
    let secrets: BTreeSet<String> = quoted_names(&read("infra/edge/workerd.mjs"))
        .into_iter()
        .collect();
    for name in quoted_names(&generated) {
        assert!(
            bindings.contains(&name) || secrets.contains(&name),
            "{name} is served and not deployed"
        );
    }
    let wasm = std::fs::read(root().join("edge/cloudflare/build/index_bg.wasm")).unwrap();
    assert_eq!(
        std::fs::read(stopped.state().join("index_bg.wasm")).unwrap(),
        wasm
    );
    let bundled = std::fs::read_dir(folder.path()).unwrap().flatten();
    let wasm_is_bundled = bundled
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".wasm"))
        .any(|entry| std::fs::read(entry.path()).unwrap() == wasm);
    assert!(wasm_is_bundled, "the same worker is deployed");
}

#[test]
fn the_worker_reads_what_is_configured_and_nothing_else() {
    let reads = quoted_names(&read("edge/cloudflare/src/config.rs"));
    let objects = read("edge/cloudflare/src/objects/mod.rs");
    let constants: String = objects
        .lines()
        .filter(|line| line.starts_with("const "))
        .collect();
    let bound = quoted_names(&constants);
    assert!(bound.contains("LIMITS"), "{bound:?}");
    let wrangler = read("wrangler.toml");
    let vars: BTreeSet<String> = wrangler
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        .collect();
    let secrets = quoted_names(&read("infra/edge/workerd.mjs"));
    assert_eq!(
        reads,
        vars.union(&secrets).cloned().collect(),
        "variables and secrets"
    );
    for name in &bound {
        assert!(wrangler.contains(&format!("name = \"{name}\"")), "{name}");
    }
    for secret in &secrets {
        assert!(
            wrangler.contains(secret.as_str()),
            "{secret} is explained in wrangler.toml"
        );
    }
}

#[test]
fn a_start_that_could_not_work_is_refused_with_the_name_of_the_variable() {
    let origin = Origin::start();
    let none = Settings::new(&origin.url())
        .unwrap()
        .start()
        .unwrap_err()
        .to_string();
    assert!(none.contains("EDGE_SECRET"), "{none}");
    let bad = settings(&origin)
        .origin("ftp://example")
        .start()
        .unwrap_err()
        .to_string();
    assert!(bad.contains("expected http or https"), "{bad}");

    // What only the worker can judge is an answer without details, and a line in the log.
    let edge = settings(&origin)
        .var("CLIENT_ADDRESS", "anybody")
        .start()
        .unwrap();
    let reply = edge.client().get("/api/repos").unwrap();
    assert_eq!(reply.status, 500);
    assert!(!reply.text().contains("CLIENT_ADDRESS"), "{}", reply.text());
    // The log comes by another way than the answer, and may be later.
    let began = Instant::now();
    while !edge.process().errors().contains("CLIENT_ADDRESS is `anybody`") {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{}",
            edge.process().errors()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    edge.stop().unwrap();
}

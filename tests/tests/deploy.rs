//! What `infra/` says of a deployment: the names in it are those that the programs know.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands between two texts.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("no {begin}"));
    rest.split_once(end)
        .unwrap_or_else(|| panic!("no {end} after {begin}"))
        .0
}

/// The words in capitals that a value is given to, as in `NAME = …` or `NAME=…`.
fn assigned(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices('=') {
        let name = text[..at].trim_end_matches(' ');
        let begin = name
            .rfind(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_')
            .map_or(0, |before| before + 1);
        let name = &name[begin..];
        if name.len() > 1 && name.starts_with(|c: char| c.is_ascii_uppercase()) {
            names.insert(name.to_owned());
        }
    }
    names
}

fn output(name: &str) -> BTreeSet<String> {
    let outputs = read("infra/terraform/outputs.tf");
    let names = assigned(between(&outputs, &format!("output \"{name}\" {{"), "\n}\n"));
    assert!(!names.is_empty(), "{name} names nothing");
    names
}

/// Fails unless every name stands in a text, in quotes of some kind.
fn all_known(names: &BTreeSet<String>, known: &str, whose: &str) {
    for name in names {
        let quoted = ['`', '"']
            .iter()
            .any(|q| known.contains(&format!("{q}{name}{q}")));
        assert!(quoted, "{whose} does not know {name}");
    }
}

#[test]
fn terraform_speaks_of_the_worker_that_wrangler_deploys() {
    let wrangler = read("wrangler.toml");
    let worker = between(&wrangler, "\nname = \"", "\"");
    let terraform = read("infra/terraform/main.tf");
    assert_eq!(between(&terraform, "worker = \"", "\""), worker);

    let vars = assigned(between(&wrangler, "[vars]\n", "\n[["));
    assert!(output("worker_variables").is_subset(&vars), "{vars:?}");
    all_known(
        &output("worker_secrets"),
        between(&read("infra/edge/workerd.mjs"), "SECRETS = [", "]"),
        "the worker",
    );
}

#[test]
fn every_setting_in_a_deployment_is_one() {
    let coordinator = read("coordinator/CONFIGURATION.md");
    let bridge = read("ssh-bridge/src/main.rs");
    all_known(
        &output("coordinator_environment"),
        &coordinator,
        "the coordinator",
    );
    all_known(&output("bridge_environment"), &bridge, "the bridge");

    let of_unit = |path: &str| {
        let unit = read(path);
        let lines: Vec<_> = unit
            .lines()
            .filter_map(|line| line.strip_prefix("Environment="))
            .collect();
        assigned(&lines.join(" "))
    };
    all_known(
        &of_unit("infra/systemd/plue.service"),
        &coordinator,
        "the coordinator",
    );
    all_known(
        &of_unit("infra/systemd/plue-ssh-bridge.service"),
        &bridge,
        "the bridge",
    );

    // One image holds both programs; each reads its own.
    let image = read("infra/container/Containerfile");
    let line = between(&image, "\nENV ", "\n");
    all_known(
        &assigned(line),
        &format!("{coordinator}{bridge}"),
        "neither program",
    );
}

#[test]
fn terraform_is_formatted() {
    let Ok(output) = Command::new("terraform")
        .args(["fmt", "-check", "-recursive", "-diff"])
        .arg(root().join("infra/terraform"))
        .output()
    else {
        eprintln!("skipped: terraform is not installed; put it on the PATH");
        return;
    };
    let diff = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "run terraform fmt:\n{diff}");
}

#[test]
fn the_units_are_units() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plue", "plue-ssh-bridge", "plue-edge"] {
        let unit = read(&format!("infra/systemd/{name}.service"));
        // The programs are not installed where this runs.
        let lines = unit.lines().map(|line| match line.strip_prefix("ExecStart=") {
            Some(_) => "ExecStart=/bin/true",
            None => line,
        });
        let path = folder.path().join(format!("{name}.service"));
        fs::write(&path, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
        let Ok(output) = Command::new("systemd-analyze").arg("verify").arg(&path).output() else {
            eprintln!("skipped: systemd-analyze is not installed (apt-get install systemd)");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        let about_it: Vec<_> = said.lines().filter(|line| line.contains(name)).collect();
        assert!(output.status.success() && about_it.is_empty(), "{said}");
    }
}

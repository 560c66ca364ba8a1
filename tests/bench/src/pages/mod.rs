//! A repository's pages beside cgit's, and beside git itself.

pub mod growth;
mod made;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use plue_tests::git::Home;
use plue_tests::http::Client;
use plue_tests::serve::{Plue, Settings};
use serde_json::json;

use crate::peers::Cgit;
use crate::{Row, Verdict, in_turn, median};

/// The commits of the repository whose pages are shown.
const COMMITS: usize = 25_000;
const ROUNDS: usize = 3;
const FIRSTS: usize = 7;
const BLAMES: usize = 9;
/// How long one round of requests lasts, in seconds.
const ROUND_S: usize = 3;

/// Starts a forge that holds back nobody, with an account of this name.
fn forge() -> anyhow::Result<(Plue, String)> {
    let plue = Settings::new()?.without_limits().start()?;
    let token = plue.user("ada", "repo,user")?;
    Ok((plue, token))
}

/// Makes a public repository and pushes a bare one to it; its tip.
fn publish(
    plue: &Plue,
    token: &str,
    home: &Home,
    name: &str,
    repository: &std::path::Path,
) -> anyhow::Result<String> {
    let api = plue.client().bearer(token);
    let made = api.json("POST", "/api/repos", &json!({ "name": name, "private": false }))?;
    ensure!(made.status == 201, "POST /api/repos: {}", made.text());
    home.remember(plue.http(), "ada", token)?;
    home.git(
        repository,
        &["push", "-q", "--mirror", &plue.url(&format!("ada/{name}"))],
    )?;
    home.git(repository, &["rev-parse", "HEAD"])
}

/// Waits until the job after a push has prepared the repository: its index is there.
fn await_prepared(plue: &Plue, tip: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !find(plue.data(), tip) {
        ensure!(Instant::now() < deadline, "no index of {tip} after five minutes");
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Whether a file of this name is somewhere in a folder.
fn find(folder: PathBuf, name: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        entry.file_name() == name
            || (entry.file_type().is_ok_and(|kind| kind.is_dir()) && find(entry.path(), name))
    })
}

/// Requests a second that `wrk` gets from an address.
fn requests_per_second(url: &str) -> anyhow::Result<f64> {
    let output = Command::new("wrk")
        .args(["-t1", "-c8", &format!("-d{ROUND_S}s"), url])
        .output()
        .context("wrk (apt-get install wrk)")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(!printed.contains("Non-2xx"), "{url}: {printed}");
    printed
        .lines()
        .find_map(|line| line.trim().strip_prefix("Requests/sec:")?.trim().parse().ok())
        .with_context(|| format!("wrk said {printed}"))
}

/// How long one request takes, in milliseconds.
fn took_ms(client: &Client, target: &str) -> anyhow::Result<f64> {
    let began = Instant::now();
    let reply = client.get(target)?;
    let took = began.elapsed().as_secs_f64() * 1000.0;
    ensure!(reply.status == 200, "{target}: {} {}", reply.status, reply.text());
    Ok(took)
}

/// Whether a page is there; one that is owed is measured when it is built.
fn is_built(client: &Client, target: &str) -> anyhow::Result<bool> {
    Ok(client.get(target)?.status == 200)
}

/// Tree pages, first requests and blame.
pub fn beside_cgit() -> anyhow::Result<Vec<Row>> {
    let home = Home::new()?;
    let repository = made::commits(&home, COMMITS)?;
    let cgit = match Cgit::start(&[("engine", &repository)])? {
        Ok(cgit) => cgit,
        Err(why) => return Ok(vec![Row::skipped("pages", "cgit", why)]),
    };
    let (plue, token) = forge()?;
    let tip = publish(&plue, &token, &home, "engine", &repository)?;
    await_prepared(&plue, &tip)?;
    let mut rows = vec![];
    let peer = format!("{}/engine/tree/", cgit.url());
    let base = plue.http();
    for (what, target, bar) in [
        (
            "tree as JSON, warm, requests/s",
            format!("/api/ada/engine/tree/{tip}"),
            20.0,
        ),
        (
            "tree page as HTML, warm, requests/s",
            "/ada/engine/tree/main".into(),
            10.0,
        ),
    ] {
        if !is_built(&plue.client(), &target)? {
            rows.push(Row::skipped(what, "cgit's tree page", "the page is not built"));
            continue;
        }
        let (theirs, ours) = in_turn(
            ROUNDS,
            || requests_per_second(&peer),
            || requests_per_second(&format!("{base}{target}")),
        )?;
        rows.push(Row::new(
            what,
            "cgit's tree page",
            format!("{theirs:.0}/s"),
            format!("{ours:.0}/s"),
            Verdict::AtLeast(ours / theirs, bar),
        ));
    }
    // Blame of a file with a thousand commits of history, another commit each time.
    let file = made::OFTEN;
    let back = home.git(
        &repository,
        &["log", &format!("-{BLAMES}"), "--format=%H", "--", file],
    )?;
    let mut commits = back.lines();
    let mut again = back.lines();
    let client = plue.client();
    let (theirs, ours) = in_turn(
        BLAMES,
        || {
            let commit = commits.next().context("enough commits")?;
            let began = Instant::now();
            home.git(&repository, &["blame", "--porcelain", commit, "--", file])?;
            Ok(began.elapsed().as_secs_f64() * 1000.0)
        },
        || {
            let commit = again.next().context("enough commits")?;
            took_ms(&client, &format!("/api/ada/engine/blame/{commit}/{file}"))
        },
    )?;
    rows.push(Row::new(
        "blame of a file with 1,000 commits, ms",
        "git blame",
        format!("{theirs:.0} ms"),
        format!("{ours:.0} ms"),
        Verdict::AtMost(ours / theirs, 1.2),
    ));
    // The first request to a process that has just come up.
    let home_page = "/ada/engine".to_owned();
    let (what, target) = match is_built(&plue.client(), &home_page)? {
        true => ("home page, first request of a cold process, ms", home_page),
        false => (
            "root folder as JSON, first request of a cold process, ms",
            format!("/api/ada/engine/tree/{tip}"),
        ),
    };
    let peer_client = Client::new(&cgit.url())?;
    let mut settings = plue.stop()?;
    let (mut theirs, mut ours) = (vec![], vec![]);
    for _ in 0..FIRSTS {
        theirs.push(took_ms(&peer_client, "/engine/")?);
        let plue = settings.start()?;
        ours.push(took_ms(&plue.client(), &target)?);
        settings = plue.stop()?;
    }
    let (theirs, ours) = (median(theirs), median(ours));
    rows.push(Row::new(
        what,
        "cgit's summary",
        format!("{theirs:.1} ms"),
        format!("{ours:.1} ms"),
        Verdict::AtMost(ours / theirs, 1.0),
    ));
    Ok(rows)
}

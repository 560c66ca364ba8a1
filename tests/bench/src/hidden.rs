//! Whether the time of an answer tells a stranger that a private repository exists, on each database.

use std::time::Instant;

use anyhow::ensure;
use plue_tests::git::Home;
use plue_tests::http::Client;
use plue_tests::postgres::database_url;
use plue_tests::serve::Settings;

use crate::{Row, Verdict, median};

/// Requests of each kind; one in two pairs begins with the other kind.
const ROUNDS: usize = 2000;
const WARMING: usize = 100;
const PEER: &str = "of an absent one";
/// How far the medians may be apart, either way.
const APART: f64 = 0.05;
/// The names differ in nothing but the name, not even in length.
const PRIVATE: &str = "private-one";
const ABSENT: &str = "missing-one";
const ALSO_ABSENT: &str = "missing-two";

pub fn run() -> anyhow::Result<Vec<Row>> {
    let mut rows = on("SQLite", Settings::new()?)?;
    match database_url() {
        Some(url) => rows.extend(on("PostgreSQL", Settings::new()?.env("DATABASE_URL", url))?),
        None => rows.push(Row::skipped(
            "a private repository's answers on PostgreSQL",
            PEER,
            "PostgreSQL is not installed (apt-get install postgresql)",
        )),
    }
    Ok(rows)
}

fn on(engine: &str, settings: Settings) -> anyhow::Result<Vec<Row>> {
    let plue = settings.without_limits().start()?;
    let token = plue.user("ada", "repo,user")?;
    let home = Home::new()?;
    home.remember(plue.http(), "ada", &token)?;
    let work = home.small_repository("work")?;
    home.git(&work, &["push", "-q", &plue.url("ada/private-one"), "main"])?;
    let stranger = plue.client().bearer(&plue.user("ben", "repo,user")?);
    let nobody = plue.client();
    let info_refs = |name: &str| format!("/ada/{name}.git/info/refs?service=git-upload-pack");
    let api = |name: &str| format!("/api/ada/{name}");
    let near = |ratio| Verdict::Near(ratio, APART);
    let rows = vec![
        compare(
            &format!("{engine}: nobody's info/refs of a private repository"),
            &nobody,
            PRIVATE,
            info_refs,
            near,
        )?,
        compare(
            &format!("{engine}: a stranger's info/refs of it"),
            &stranger,
            PRIVATE,
            info_refs,
            near,
        )?,
        compare(
            &format!("{engine}: a stranger's API request for it"),
            &stranger,
            PRIVATE,
            api,
            near,
        )?,
        compare(
            &format!("{engine}, control: info/refs of another absent one"),
            &nobody,
            ALSO_ABSENT,
            info_refs,
            Verdict::Told,
        )?,
    ];
    plue.stop()?;
    Ok(rows)
}

fn compare(
    what: &str,
    client: &Client,
    hidden: &str,
    target: impl Fn(&str) -> String,
    verdict: impl Fn(f64) -> Verdict,
) -> anyhow::Result<Row> {
    let targets = [target(ABSENT), target(hidden)];
    let mut took_us = [Vec::new(), Vec::new()];
    let mut statuses = [0, 0];
    for round in 0..WARMING + ROUNDS {
        for side in [round % 2, 1 - round % 2] {
            let began = Instant::now();
            statuses[side] = client.get(&targets[side])?.status;
            if round >= WARMING {
                took_us[side].push(began.elapsed().as_secs_f64() * 1e6);
            }
        }
        ensure!(
            statuses[0] == statuses[1] && matches!(statuses[0], 401 | 404),
            "absent and private answer {statuses:?}"
        );
    }
    let [absent, hidden] = took_us.map(median);
    Ok(Row::new(
        what,
        PEER,
        format!("{absent:.0} µs"),
        format!("{hidden:.0} µs"),
        verdict(hidden / absent),
    ))
}

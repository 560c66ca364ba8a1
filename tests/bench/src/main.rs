//! The benchmarks: each figure of Plue beside its peer's, measured in one run on one machine.
//! Arguments choose among them by name; without any, all run.
//!
//! Two sides of a comparison take turns, and medians are compared, so that a machine that slows
//! down meanwhile slows both.
#![warn(missing_docs)]

mod clone;
mod edge;
mod held;
mod hidden;
mod jwt;
mod limiter;
mod pages;
mod peers;
mod rest;

use std::process::ExitCode;
use std::time::Instant;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    what: String,
    peer: String,
    peer_figure: String,
    plue_figure: String,
    /// The comparison, and what it is to reach.
    verdict: Verdict,
}

/// How a figure stands to its bar.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Plue's figure in units of the peer's (or plain), and the bar: at least this.
    AtLeast(f64, f64),
    /// The same with the bar as a ceiling.
    AtMost(f64, f64),
    /// The comparison, and how far from one it may be.
    Near(f64, f64),
    /// The comparison alone: a figure to read, with no bar.
    Told(f64),
    /// Why it could not be measured here.
    Skipped(String),
}

impl Row {
    fn new(what: &str, peer: &str, peer_figure: String, plue_figure: String, verdict: Verdict) -> Row {
        Row {
            what: what.into(),
            peer: peer.into(),
            peer_figure,
            plue_figure,
            verdict,
        }
    }

    fn skipped(what: &str, peer: &str, why: impl Into<String>) -> Row {
        Row::new(what, peer, "-".into(), "-".into(), Verdict::Skipped(why.into()))
    }
}

impl Verdict {
    fn text(&self) -> (String, String, &'static str) {
        match self {
            Verdict::AtLeast(ratio, bar) => (
                format!("{ratio:.2}"),
                format!(">= {bar}"),
                if ratio >= bar { "yes" } else { "NO" },
            ),
            Verdict::AtMost(ratio, bar) => (
                format!("{ratio:.2}"),
                format!("<= {bar}"),
                if ratio <= bar { "yes" } else { "NO" },
            ),
            Verdict::Near(ratio, apart) => (
                format!("{ratio:.3}"),
                format!("1 ± {apart}"),
                if (ratio - 1.0).abs() <= *apart {
                    "yes"
                } else {
                    "NO"
                },
            ),
            Verdict::Told(ratio) => (format!("{ratio:.3}"), String::new(), ""),
            Verdict::Skipped(why) => (String::new(), why.clone(), "skipped"),
        }
    }
}

/// A named group of rows.
type Bench = (&'static str, fn() -> anyhow::Result<Vec<Row>>);

const BENCHES: &[Bench] = &[
    ("jwt", jwt::run),
    ("limiter", limiter::run),
    ("held", held::run),
    ("ssh", clone::over_ssh),
    ("http", clone::over_http),
    ("push", clone::push),
    ("rest", rest::run),
    ("hidden", hidden::run),
    ("pages", pages::beside_cgit),
    ("growth", pages::growth::run),
    ("edge", edge::run),
    ("gibibyte", edge::gibibyte),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, rest @ ..] = &arguments[..]
        && word == limiter::WORKER
    {
        return limiter::worker(rest);
    }
    if let Some(unknown) = arguments
        .iter()
        .find(|name| !BENCHES.iter().any(|(known, _)| known == name))
    {
        let names: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
        eprintln!("there is no benchmark {unknown}; there are {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    let mut rows = Vec::new();
    for (name, run) in BENCHES {
        if !arguments.is_empty() && !arguments.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("bench: {name} …");
        let began = Instant::now();
        match run() {
            Ok(more) => rows.extend(more),
            Err(error) => rows.push(Row::skipped(name, "", format!("failed: {error:#}"))),
        }
        eprintln!("bench: {name} took {:.0?}", began.elapsed());
    }
    print(&rows);
    let missed = rows.iter().any(|row| row.verdict.text().2 == "NO");
    if missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn print(rows: &[Row]) {
    let mut table =
        vec![["what", "peer", "peer's", "plue's", "ratio", "to reach", "reached"].map(str::to_owned)];
    for row in rows {
        let (ratio, bar, reached) = row.verdict.text();
        let peer = (row.peer.clone(), row.peer_figure.clone());
        table.push([
            row.what.clone(),
            peer.0,
            peer.1,
            row.plue_figure.clone(),
            ratio,
            bar,
            reached.into(),
        ]);
    }
    let widths: Vec<usize> = (0..7)
        .map(|column| {
            table
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    println!("\nOn {}\n", machine());
    for (number, line) in table.iter().enumerate() {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        println!("| {} |", cells.join(" | "));
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            println!("| {} |", rules.join(" | "));
        }
    }
}

/// Says what the figures were measured on.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, word: &str| -> Option<String> {
        let line = text.lines().find(|line| line.starts_with(word))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = after(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "an unknown processor".into());
    let memory = after(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = read("/proc/loadavg");
    format!(
        "{cores} x {model}, {memory}, load {}",
        load.split(' ').next().unwrap_or("?")
    )
}

/// The middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs two things in turn, `rounds` times, and answers the medians of what they return.
pub fn in_turn(
    rounds: usize,
    mut peer: impl FnMut() -> anyhow::Result<f64>,
    mut plue: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<(f64, f64)> {
    let (mut of_peer, mut of_plue) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        of_peer.push(peer()?);
        of_plue.push(plue()?);
    }
    Ok((median(of_peer), median(of_plue)))
}

/// Writes a rate so that one can read it.
pub fn per_second(figure: f64) -> String {
    if figure >= 1e6 {
        format!("{:.2} M/s", figure / 1e6)
    } else {
        format!("{:.0} k/s", figure / 1e3)
    }
}

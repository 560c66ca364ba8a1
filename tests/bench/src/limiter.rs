//! Rate-limit checks over 10,000 keys, against governor's keyed limiter.
//!
//! How well two threads can scale at all on a machine is found by a control: two processes, which
//! share nothing.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::Barrier;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use governor::{Quota, RateLimiter};
use plue_contract::AccountId;
use plue_gateway::limits::{BucketKey, Lane, Preset, Rate, Subject, Table};

use crate::{Row, Verdict, median, per_second};

const KEYS: i64 = 10_000;
const ROUNDS: usize = 7;
const LASTING: Duration = Duration::from_millis(500);
/// The first argument of this program when it runs as one process of the control.
pub const WORKER: &str = "limiter-worker";
/// A control below this says that the machine has no second core to give.
const CONTROL_FLOOR: f64 = 1.6;

pub fn run() -> anyhow::Result<Vec<Row>> {
    let mut figures: [Vec<f64>; 6] = Default::default();
    for _ in 0..ROUNDS {
        figures[0].push(peer(1)?);
        figures[1].push(plue(1)?);
        figures[2].push(peer(2)?);
        figures[3].push(plue(2)?);
        figures[4].push(control(1)?);
        figures[5].push(control(2)?);
    }
    let [peer_1, plue_1, peer_2, plue_2, control_1, control_2] = figures.map(median);
    let what = |threads: u32| format!("limiter checks, 10,000 keys, {threads} thread(s)");
    let row = |threads, peer: f64, plue: f64| {
        let verdict = Verdict::AtLeast(plue / peer, 1.0);
        Row::new(
            &what(threads),
            "governor keyed",
            per_second(peer),
            per_second(plue),
            verdict,
        )
    };
    let (scaling, of_control) = (plue_2 / plue_1, control_2 / control_1);
    let scaling_row = if of_control < CONTROL_FLOOR {
        let why = format!(
            "two processes scale by {of_control:.2}, below {CONTROL_FLOOR}: no second core to be had"
        );
        Row::skipped("limiter, scaling with 2 threads", "two processes", why)
    } else {
        Row::new(
            "limiter, scaling with 2 threads",
            "two processes",
            format!("{of_control:.2}"),
            format!("{scaling:.2}"),
            Verdict::AtLeast(scaling / of_control, 0.85),
        )
    };
    Ok(vec![row(1, peer_1, plue_1), row(2, peer_2, plue_2), scaling_row])
}

/// A rate that lets the loop through now and then, as one does that is neither idle nor flooded.
const RATE: Rate = Rate::new(100, 1_000);

fn plue(threads: usize) -> anyhow::Result<f64> {
    let table = Arc::new(Table::new(
        1 << 16,
        [0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210],
    ));
    together(threads, move |thread| {
        let table = Arc::clone(&table);
        let keys: Vec<BucketKey> = keys(thread)
            .map(|id| BucketKey {
                preset: Preset::Api,
                lane: Lane::People,
                subject: Subject::Account(AccountId(id)),
            })
            .collect();
        move |place: usize, now_ms: u64| table.take(black_box(&keys[place]), now_ms, RATE, 1).allowed
    })
}

fn peer(threads: usize) -> anyhow::Result<f64> {
    let burst = NonZeroU32::new(100).context("a hundred is not zero")?;
    let limiter = Arc::new(RateLimiter::keyed(Quota::per_second(burst)));
    together(threads, move |thread| {
        let limiter = Arc::clone(&limiter);
        let keys: Vec<String> = keys(thread)
            .map(|id| format!("api:people:account:{id}"))
            .collect();
        move |place: usize, _| limiter.check_key(black_box(&keys[place])).is_ok()
    })
}

/// Every thread has its own ten thousand keys in an order of its own; the limiter holds them all.
fn keys(thread: usize) -> impl Iterator<Item = i64> {
    let first = thread as i64 * KEYS;
    (0..KEYS).map(move |n| first + (n * 7919) % KEYS)
}

/// Runs checks on some threads for the same half second and answers how many a second in all.
fn together<C: FnMut(usize, u64) -> bool>(
    threads: usize,
    make: impl Fn(usize) -> C + Sync,
) -> anyhow::Result<f64> {
    let start = Barrier::new(threads);
    let rates: Vec<f64> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let (make, start) = (&make, &start);
                scope.spawn(move || {
                    let mut check = make(thread);
                    for place in 0..KEYS as usize {
                        check(place, now_ms());
                    }
                    start.wait();
                    let began = Instant::now();
                    let (mut checks, mut passed, mut place) = (0_u64, 0_u64, 0);
                    while began.elapsed() < LASTING {
                        // The gateway reads its clock once a request, and a request asks a few limits.
                        for _ in 0..64 {
                            let now_ms = now_ms();
                            for _ in 0..4 {
                                passed += u64::from(check(place, now_ms));
                                place = if place + 1 == KEYS as usize { 0 } else { place + 1 };
                            }
                        }
                        checks += 256;
                    }
                    black_box(passed);
                    checks as f64 / began.elapsed().as_secs_f64()
                })
            })
            .collect();
        running
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    anyhow::ensure!(rates.len() == threads, "a thread of the benchmark panicked");
    Ok(rates.iter().sum())
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

/// Runs Plue's limiter in some processes at once, one thread each.
fn control(processes: usize) -> anyhow::Result<f64> {
    let program = std::env::current_exe()?;
    let running: Vec<_> = (0..processes)
        .map(|_| Command::new(&program).arg(WORKER).stdout(Stdio::piped()).spawn())
        .collect::<Result<_, _>>()?;
    let mut sum = 0.0;
    for process in running {
        let output = process.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        sum += text
            .trim()
            .parse::<f64>()
            .with_context(|| format!("a worker said {text:?}"))?;
    }
    Ok(sum)
}

/// One process of the control.
pub fn worker(_: &[String]) -> ExitCode {
    match plue(1) {
        Ok(rate) => {
            println!("{rate}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

//! What an idle forge takes, and how quickly it answers after its start.

use std::time::{Duration, Instant};

use plue_tests::http::Client;
use plue_tests::process::resident_bytes;
use plue_tests::serve::Plue;

use crate::{Row, Verdict, median};

const ROUNDS: usize = 7;

pub fn run() -> anyhow::Result<Vec<Row>> {
    // The first start makes keys and a database; those that follow are what an operator waits for.
    let mut settings = Plue::start()?.stop()?;
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let plue = settings.start()?;
        let reply = Client::new(plue.http())?.get("/healthz")?;
        starts.push(began.elapsed().as_secs_f64() * 1000.0);
        anyhow::ensure!(reply.status == 200, "/healthz answers {}", reply.status);
        std::thread::sleep(Duration::from_secs(1));
        memory.push(resident_bytes(plue.process().id()) as f64 / 1e6);
        settings = plue.stop()?;
    }
    let (start_ms, memory_mb) = (median(starts), median(memory));
    Ok(vec![
        Row::new(
            "idle memory of plue serve, MB",
            "",
            "-".into(),
            format!("{memory_mb:.0} MB"),
            Verdict::AtMost(memory_mb, 60.0),
        ),
        Row::new(
            "start to first answer, ms",
            "",
            "-".into(),
            format!("{start_ms:.0} ms"),
            Verdict::AtMost(start_ms, 300.0),
        ),
    ])
}

//! Clones and pushes of one large repository with the real git client: over SSH against OpenSSH,
//! over HTTP against nginx with git-http-backend.
//!
//! The repository is made for the run, or is the one that `PLUE_BENCH_REPOSITORY` names.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use plue_tests::git::Home;
use plue_tests::history::History;
use plue_tests::process::processor_seconds;
use plue_tests::serve::{Plue, Settings};

use crate::peers::{Nginx, OpenSsh};
use crate::{Row, Verdict, in_turn, median};

const ROUNDS: usize = 5;

/// A forge without limits that a benchmark would meet, and whether it keeps packs for repeated clones.
fn settings(pack_cache: bool) -> anyhow::Result<Settings> {
    let settings = Settings::new()?.env("PLUE_LIMITS", "git=1000000/60s");
    Ok(if pack_cache {
        settings
    } else {
        settings.env("PLUE_PACK_CACHE_BYTES", "0")
    })
}

/// The large repository, packed as one that has been cloned from elsewhere is.
fn large(home: &Home) -> anyhow::Result<PathBuf> {
    let repository = match std::env::var_os("PLUE_BENCH_REPOSITORY") {
        Some(path) => {
            let path = PathBuf::from(path);
            let from = path.to_str().context("the path is text")?;
            home.git(
                home.path(),
                &["clone", "-q", "--mirror", "--no-local", from, "large.git"],
            )?;
            home.at("large.git")
        }
        None => History::of(30_000).make(home, "large.git")?,
    };
    home.git(&repository, &["repack", "-q", "-a", "-d", "-f"])?;
    Ok(repository)
}

fn with_large(pack_cache: bool) -> anyhow::Result<(Plue, Home, PathBuf)> {
    let plue = settings(pack_cache)?.start()?;
    let (home, _) = plue.newcomer("ada")?;
    let repository = large(&home)?;
    home.git(&repository, &["push", "-q", "--mirror", &plue.url("ada/engine")])?;
    await_rest(&plue);
    Ok((plue, home, repository))
}

/// Waits until the forge does nothing for a while: what it prepares after a push is not part of a
/// clone.
fn await_rest(plue: &Plue) {
    const QUIET_S: u32 = 3;
    let used = || processor_seconds(plue.process().id());
    let (mut before, mut quiet) = (used(), 0);
    while quiet < QUIET_S {
        std::thread::sleep(Duration::from_secs(1));
        let now = used();
        quiet = if now - before < 0.03 { quiet + 1 } else { 0 };
        before = now;
    }
}

/// Times a bare clone, and removes it.
fn clone(home: &Home, address: &str) -> anyhow::Result<f64> {
    let began = Instant::now();
    home.git(home.path(), &["clone", "-q", "--bare", address, "cloned.git"])?;
    let seconds = began.elapsed().as_secs_f64();
    std::fs::remove_dir_all(home.at("cloned.git"))?;
    Ok(seconds)
}

pub fn over_ssh() -> anyhow::Result<Vec<Row>> {
    let what = "one large clone over SSH";
    let (plue, home, repository) = with_large(true)?;
    let peer = match OpenSsh::start(&home.at(".ssh/id.pub"), &repository)? {
        Ok(peer) => peer,
        Err(why) => return Ok(vec![Row::skipped(what, "OpenSSH + git-shell", why)]),
    };
    let other = Home::new()?;
    for name in ["id", "id.pub"] {
        std::fs::copy(home.at(".ssh").join(name), other.at(".ssh").join(name))?;
    }
    other.configure_ssh(peer.address, &["id"])?;
    let (peer_s, plue_s) = in_turn(
        ROUNDS,
        || clone(&other, &peer.url()),
        || clone(&home, "ssh://plue/ada/engine"),
    )?;
    plue.stop()?;
    let verdict = Verdict::AtMost(plue_s / peer_s, 1.05);
    Ok(vec![Row::new(
        what,
        "OpenSSH + git-shell",
        format!("{peer_s:.2} s"),
        format!("{plue_s:.2} s"),
        verdict,
    )])
}

pub fn over_http() -> anyhow::Result<Vec<Row>> {
    let peer_name = "nginx + git-http-backend";
    let (cold, home, repository) = with_large(false)?;
    let peer = match Nginx::start()? {
        Ok(peer) => peer,
        Err(why) => return Ok(vec![Row::skipped("clone over HTTP, server CPU", peer_name, why)]),
    };
    peer.add("engine.git", &repository)?;
    let of_plue = |plue: &Plue, home: &Home| {
        let before = processor_seconds(plue.process().id());
        clone(home, &plue.url("ada/engine"))?;
        anyhow::Ok(processor_seconds(plue.process().id()) - before)
    };
    let of_peer = || {
        let before = peer.processor_seconds()?;
        clone(&home, &peer.url("engine.git"))?;
        anyhow::Ok(peer.processor_seconds()? - before)
    };
    let (peer_s, cold_s) = in_turn(ROUNDS, of_peer, || of_plue(&cold, &home))?;
    cold.stop()?;

    let (warm, home, _) = with_large(true)?;
    // The first clone fills the cache.
    of_plue(&warm, &home)?;
    let repeated = (0..ROUNDS)
        .map(|_| of_plue(&warm, &home))
        .collect::<Result<Vec<_>, _>>()?;
    let warm_s = median(repeated);
    warm.stop()?;
    ensure!(peer_s > 0.0, "the peer's processor time was not seen");
    let row = |what: &str, plue_s: f64, bar: f64| {
        let verdict = Verdict::AtMost(plue_s / peer_s, bar);
        Row::new(
            what,
            peer_name,
            format!("{peer_s:.2} s CPU"),
            format!("{plue_s:.2} s CPU"),
            verdict,
        )
    };
    Ok(vec![
        row("clone over HTTP, server CPU, cold", cold_s, 1.1),
        row("clone over HTTP, server CPU, repeated", warm_s, 0.2),
    ])
}

pub fn push() -> anyhow::Result<Vec<Row>> {
    let what = "push of a large repository";
    let plue = settings(true)?.start()?;
    let (home, _) = plue.newcomer("ada")?;
    let repository = large(&home)?;
    let peer = match Nginx::start()? {
        Ok(peer) => peer,
        Err(why) => return Ok(vec![Row::skipped(what, "nginx + git-http-backend", why)]),
    };
    let timed = |address: &str| {
        let began = Instant::now();
        home.git(&repository, &["push", "-q", "--mirror", address])?;
        anyhow::Ok(began.elapsed().as_secs_f64())
    };
    let mut number = 0;
    let (peer_s, plue_s) = in_turn(
        ROUNDS,
        || {
            peer.add_empty(&home, "engine.git")?;
            timed(&peer.url("engine.git"))
        },
        || {
            number += 1;
            timed(&plue.url(&format!("ada/engine-{number}")))
        },
    )?;
    plue.stop()?;
    let verdict = Verdict::AtMost(plue_s / peer_s, 1.15);
    let figures = (format!("{peer_s:.2} s"), format!("{plue_s:.2} s"));
    Ok(vec![Row::new(
        what,
        "nginx + git-http-backend",
        figures.0,
        figures.1,
        verdict,
    )])
}

//! The power goes: the data folder is put back to what had been synced, and a forge is started on
//! that. Every push that was answered is there, with all that it leads to. Where syncing is left
//! out the same look at it finds the loss.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use plue_tests::git::Home;
use plue_tests::power::{Names, Power};
use plue_tests::serve::{Plue, Settings};
use plue_tests::soak::rounds;

/// How many push at once.
const PUSHERS: usize = 3;

/// One who pushes to a branch of their own, and what they were told.
struct Pusher {
    work: PathBuf,
    branch: String,
    /// The tip of the last push that was answered ok.
    acknowledged: Option<String>,
}

struct Site {
    power: Power,
    home: Home,
    token: String,
    pushers: Vec<Pusher>,
    /// Secrets and host keys, which are made once.
    made_once: BTreeMap<PathBuf, Vec<u8>>,
}

/// The files that a first start makes and every later one has to find.
fn made_once(settings: &Settings) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["secrets", "ssh"] {
        for entry in std::fs::read_dir(settings.data().join(folder))
            .into_iter()
            .flatten()
        {
            let path = entry.unwrap().path();
            let content = std::fs::read(&path).unwrap();
            found.insert(path, content);
        }
    }
    found
}

impl Site {
    /// A forge with an account, whose first start was without a fault; none without a C compiler.
    fn begin(settings: Settings) -> Option<(Site, Settings)> {
        let power = Power::watch(&settings.data()).unwrap()?;
        let plue = power.on(settings, "").unwrap().start().unwrap();
        let (home, token) = plue.newcomer("ada").unwrap();
        let pushers = (0..PUSHERS)
            .map(|number| Pusher {
                work: home.small_repository(&format!("work-{number}")).unwrap(),
                branch: format!("refs/heads/b{number}"),
                acknowledged: None,
            })
            .collect();
        let settings = plue.kill().unwrap();
        let site = Site {
            made_once: made_once(&settings),
            power,
            home,
            token,
            pushers,
        };
        Some((site, settings))
    }

    fn find(&self, plue: &Plue) {
        self.home.forget().unwrap();
        self.home.remember(plue.http(), "ada", &self.token).unwrap();
    }

    /// Pushes from all sides until so many were answered, and kills the forge in the middle of the rest.
    fn push_until_killed(&mut self, plue: Plue, wanted: usize) -> Settings {
        self.find(&plue);
        let (url, done) = (plue.url("ada/engine"), AtomicBool::new(false));
        let answered = Mutex::new(0);
        let home = &self.home;
        std::thread::scope(|scope| {
            for pusher in &mut self.pushers {
                let (url, done, answered) = (&url, &done, &answered);
                scope.spawn(move || {
                    let mut number = 0;
                    while !done.load(Ordering::Relaxed) {
                        number += 1;
                        let text = format!("{number} {:?}", Instant::now());
                        let tip = home.commit(&pusher.work, "file", &text, "Change").unwrap();
                        let to = format!("HEAD:{}", pusher.branch);
                        let said = home.try_git(&pusher.work, &["push", url, &to]).unwrap();
                        if said.ok {
                            pusher.acknowledged = Some(tip);
                            *answered.lock().unwrap() += 1;
                        }
                    }
                });
            }
            let deadline = Instant::now() + Duration::from_secs(120);
            while *answered.lock().unwrap() < wanted && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            let settings = plue.kill().unwrap();
            done.store(true, Ordering::Relaxed);
            settings
        })
    }

    /// Fails unless a forge starts on what is there and has every push that was answered, whole.
    fn look(&self, settings: Settings) -> (anyhow::Result<()>, Settings) {
        match settings.try_start() {
            Ok(plue) => {
                let found = self.look_at(&plue);
                let found = found.with_context(|| format!("the forge said:\n{}", plue.process().errors()));
                (found, plue.kill().unwrap())
            }
            Err((error, settings)) => (Err(error.context("the forge does not start")), settings),
        }
    }

    fn look_at(&self, plue: &Plue) -> anyhow::Result<()> {
        self.find(plue);
        let copy = self.home.at("copy.git");
        let _ = std::fs::remove_dir_all(&copy);
        let url = plue.url("ada/engine");
        self.home
            .git(self.home.path(), &["clone", "-q", "--mirror", &url, "copy.git"])
            .context("the repository cannot be cloned")?;
        self.home.fsck(&copy)?;
        for Pusher {
            branch, acknowledged, ..
        } in &self.pushers
        {
            let Some(tip) = acknowledged else { continue };
            let there = self
                .home
                .try_git(&copy, &["merge-base", "--is-ancestor", tip, branch])?;
            ensure!(
                there.ok,
                "{branch}: {tip} was answered ok and is lost: {}",
                there.err
            );
        }
        // And it goes on from here: the next push of each goes through.
        for Pusher { work, branch, .. } in &self.pushers {
            let to = format!("+HEAD:{branch}");
            self.home.git(work, &["push", "-q", &url, &to])?;
        }
        Ok(())
    }
}

#[test]
fn what_was_answered_outlives_the_power() {
    for names in [Names::Lost, Names::Kept] {
        let Some((mut site, mut settings)) = Site::begin(Settings::new().unwrap()) else {
            return;
        };
        for round in 0..rounds(2) {
            let plue = settings.start().unwrap();
            settings = site.push_until_killed(plue, 9);
            assert!(site.pushers.iter().any(|pusher| pusher.acknowledged.is_some()));
            site.power.cut(names).unwrap();
            assert!(site.made_once.len() >= 4, "{:?}", site.made_once.keys());
            assert!(
                made_once(&settings) == site.made_once,
                "names {names:?}: secrets or host keys were lost"
            );
            let (found, after) = site.look(settings);
            settings = after;
            if let Err(lost) = found {
                panic!("names {names:?}, round {round}: {lost:#}");
            }
        }
    }
}

#[test]
fn a_sync_that_is_left_out_is_noticed() {
    let Some((mut site, mut settings)) = Site::begin(Settings::new().unwrap()) else {
        return;
    };
    site.power.keep().unwrap();
    // What is not synced, and a disk that then loses it.
    for (drops, names) in [
        ("all", Names::Kept),
        ("plue.db", Names::Kept),
        ("blobs", Names::Lost),
        (".pack", Names::Kept),
        (".idx", Names::Kept),
        ("folders", Names::Lost),
    ] {
        site.power.put_back().unwrap();
        for pusher in &mut site.pushers {
            pusher.acknowledged = None;
        }
        let plue = site.power.on(settings, drops).unwrap().start().unwrap();
        settings = site.push_until_killed(plue, 3);
        site.power.cut(names).unwrap();
        let (found, after) = site.look(settings);
        settings = after;
        match found {
            Err(lost) => println!(
                "{drops}: {}",
                format!("{lost:#}").lines().next().unwrap_or_default()
            ),
            Ok(()) => panic!("{drops} is not synced, and nobody noticed"),
        }
    }
}

//! An acknowledged push is never lost and a refused one leaves nothing: at every step of the write
//! path, on every database and blob store, and with the cache torn away.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plue_tests::engines::{self, Engine};
use plue_tests::git::Home;
use plue_tests::history::History;
use plue_tests::serve::{Plue, Settings};
use plue_tests::soak::rounds;

/// The numbered steps of the write path.
const POINTS: &[&str] = &[
    "push-2-pinned",
    "push-3-read",
    "push-4-indexed",
    "push-5-connected",
    "push-6-row",
    "push-6-uploaded",
    "push-7-locked",
    "push-7-refs",
    "push-7-live",
    "push-7-jobs",
    "push-7-committed",
    "push-8-installed",
    "push-8-materialised",
    "push-9-reported",
];

/// A user whose home knows the forge wherever it listens after a restart.
struct User {
    home: Home,
    token: String,
}

impl User {
    fn find(&self, plue: &Plue) {
        self.home.forget().unwrap();
        self.home.remember(plue.http(), "ada", &self.token).unwrap();
        self.home.configure_ssh(plue.ssh(), &["id"]).unwrap();
        let _ = std::fs::remove_file(self.home.at(".ssh/known_hosts"));
    }

    fn remote(&self, plue: &Plue, name: &str) -> String {
        let listed = self
            .home
            .git(self.home.path(), &["ls-remote", &plue.url("ada/engine"), name])
            .unwrap();
        listed.split('\t').next().unwrap_or_default().to_owned()
    }
}

#[test]
fn no_acknowledged_push_is_lost_when_the_forge_dies() {
    for Engine { name, settings, s3 } in engines::all().unwrap() {
        let plue = settings.start().unwrap();
        let (home, token) = plue.newcomer("ada").unwrap();
        let user = User { home, token };
        let work = user.home.small_repository("work").unwrap();
        user.home
            .git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
            .unwrap();
        let mut settings = plue.stop().unwrap();
        for round in 0..rounds(1) {
            for point in POINTS {
                let what = format!("{name}, {point}, round {round}");
                settings = die_at(&user, &work, settings, point, &what);
            }
        }
        println!("{name}: {} kills survived", rounds(1) * POINTS.len());
        let plue = settings.start().unwrap();
        user.find(&plue);
        let whole = user.home.at("whole.git");
        user.home
            .git(
                user.home.path(),
                &["clone", "-q", "--mirror", &plue.url("ada/engine"), "whole.git"],
            )
            .unwrap();
        user.home.fsck(&whole).unwrap();
        std::fs::remove_dir_all(whole).unwrap();
        plue.stop().unwrap();
        drop(s3);
    }
}

/// Pushes to a forge that dies at a point, starts it again, and answers its settings. Before, main
/// is where the work tree has it. Whoever comes by the point first ends the forge: this push, one
/// of those beside it, or the roll-up of packs that follows from an earlier round.
fn die_at(user: &User, work: &Path, settings: Settings, point: &str, what: &str) -> Settings {
    let plue = settings
        .env("PLUE_FAILPOINTS", format!("{point}=abort"))
        .start()
        .unwrap();
    user.find(&plue);
    let old = user.home.git(work, &["rev-parse", "HEAD"]).unwrap();
    let new = user.home.commit(work, "file.txt", what, what).unwrap();
    // Others push at the same time, to branches of their own.
    let (said, others) = std::thread::scope(|scope| {
        let others: Vec<_> = (0..2)
            .map(|n| {
                let target = format!("{old}:refs/heads/other-{}-{n}", new.get(..8).unwrap());
                let url = plue.url("ada/engine");
                scope.spawn(move || (user.home.try_git(work, &["push", &url, &target]).unwrap(), target))
            })
            .collect();
        let said = user
            .home
            .try_git(work, &["push", &plue.url("ada/engine"), "main"])
            .unwrap();
        (
            said,
            others
                .into_iter()
                .map(|other| other.join().unwrap())
                .collect::<Vec<_>>(),
        )
    });
    let settings = plue.await_end().unwrap();

    let plue = settings.without("PLUE_FAILPOINTS").start().unwrap();
    user.find(&plue);
    let now = user.remote(&plue, "refs/heads/main");
    assert!(now == old || now == new, "{what}: main is at {now}");
    assert!(
        !said.ok || now == new,
        "{what}: an acknowledged push was lost: {}",
        said.err
    );
    // A pusher whose connection broke does not know; one who was refused does.
    if said.err.contains("[remote rejected]") {
        assert_eq!(now, old, "{what}: a push that was refused stands: {}", said.err);
    }
    for (other, target) in &others {
        let name = target.split(':').next_back().unwrap();
        assert!(
            !other.ok || user.remote(&plue, name) == old,
            "{what}: {name} was acknowledged and is lost"
        );
    }
    user.home
        .git(work, &["push", "-q", &plue.url("ada/engine"), "main"])
        .unwrap();
    assert_eq!(
        user.remote(&plue, "refs/heads/main"),
        new,
        "{what}: the repeat goes through"
    );
    let cloned = user.home.at("after.git");
    user.home
        .git(
            user.home.path(),
            &["clone", "-q", "--mirror", &plue.url("ada/engine"), "after.git"],
        )
        .unwrap();
    user.home.fsck(&cloned).unwrap();
    std::fs::remove_dir_all(cloned).unwrap();
    plue.stop().unwrap()
}

#[test]
fn a_step_that_fails_after_the_commit_does_not_take_the_push_back() {
    for point in ["push-8-installed", "push-8-materialised"] {
        let plue = Settings::new()
            .unwrap()
            .env("PLUE_FAILPOINTS", format!("{point}=error@2"))
            .start()
            .unwrap();
        let (home, _) = plue.newcomer("ada").unwrap();
        let work = home.small_repository("work").unwrap();
        home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
            .unwrap();
        let new = home.commit(&work, "more", "more", "More").unwrap();
        let said = home
            .try_git(&work, &["push", &plue.url("ada/engine"), "main"])
            .unwrap();
        assert!(said.ok, "{point}: {}", said.err);
        let listed = home
            .git(&work, &["ls-remote", &plue.url("ada/engine"), "refs/heads/main"])
            .unwrap();
        assert!(listed.starts_with(&new), "{point}: the next reader catches up");
        plue.stop().unwrap();
    }
}

#[test]
fn the_cache_may_be_deleted_under_load() {
    let plue = Plue::start().unwrap();
    let (home, _) = plue.newcomer("ada").unwrap();
    let original = History::of(600).make(&home, "original.git").unwrap();
    home.git(&original, &["push", "-q", "--mirror", &plue.url("ada/engine")])
        .unwrap();
    let cache = plue.data().join("cache");
    assert!(cache.exists(), "the cache lies where the tests look for it");
    let done = AtomicBool::new(false);
    // Held by who deletes, and by a client for which a deletion in the middle was no excuse.
    let hand = Mutex::new(());
    let clones = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1000));
                let _deleting = hand.lock().unwrap();
                for entry in std::fs::read_dir(&cache).into_iter().flatten().flatten() {
                    // Files appear and go while it is deleted; whatever is left is deleted the next time.
                    let _ = std::fs::remove_dir_all(entry.path());
                }
            }
        });
        let (home, plue, hand) = (&home, &plue, &hand);
        let readers: Vec<_> = (0..3)
            .map(|reader| {
                scope.spawn(move || {
                    let mut clean = 0;
                    for round in 0..8 {
                        let address = if reader == 0 {
                            "ssh://plue/ada/engine".into()
                        } else {
                            plue.url("ada/engine")
                        };
                        let into = format!("clone-{reader}-{round}.git");
                        let clone = ["clone", "-q", "--mirror", &address, &into];
                        if home.try_git(home.path(), &clone).unwrap().ok {
                            clean += 1;
                        } else {
                            let _ = std::fs::remove_dir_all(home.at(&into));
                            let _kept = hand.lock().unwrap();
                            home.git(home.path(), &clone).expect("the next request succeeds");
                        }
                        home.fsck(&home.at(&into)).unwrap();
                        let _ = std::fs::remove_dir_all(home.at(&into));
                    }
                    clean
                })
            })
            .collect();
        let writer = scope.spawn(move || {
            home.git(
                home.path(),
                &["clone", "-q", &original.display().to_string(), "writer"],
            )
            .unwrap();
            let work = home.at("writer");
            let mut acknowledged = String::new();
            let url = plue.url("ada/engine");
            let push = ["push", &url, "HEAD:refs/heads/news"];
            for round in 0..8 {
                acknowledged = home
                    .commit(&work, "news.txt", &format!("{round}"), "News")
                    .unwrap();
                if !home.try_git(&work, &push).unwrap().ok {
                    let _kept = hand.lock().unwrap();
                    home.git(&work, &push).expect("the next request succeeds");
                }
            }
            acknowledged
        });
        let clean: u32 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        let acknowledged = writer.join().unwrap();
        done.store(true, Ordering::Relaxed);
        (clean, acknowledged)
    });
    println!(
        "{} of 24 clones were clean while the cache was being deleted",
        clones.0
    );
    home.git(
        home.path(),
        &["clone", "-q", "--mirror", &plue.url("ada/engine"), "after.git"],
    )
    .unwrap();
    home.fsck(&home.at("after.git")).unwrap();
    let news = home
        .git(&home.at("after.git"), &["rev-list", "refs/heads/news"])
        .unwrap();
    assert!(news.starts_with(&clones.1), "no acknowledged push is lost");
    plue.stop().unwrap();
}

#[test]
fn a_clean_stop_lets_a_push_finish() {
    let plue = Plue::start().unwrap();
    let (home, token) = plue.newcomer("ada").unwrap();
    let original = History::of(3000).make(&home, "original.git").unwrap();
    let pushing = std::thread::scope(|scope| {
        let (url, home, original) = (plue.url("ada/engine"), &home, &original);
        let push = scope.spawn(move || home.try_git(original, &["push", "--mirror", &url]).unwrap());
        // Long enough to have begun, and not to have ended.
        std::thread::sleep(Duration::from_millis(700));
        let settings = plue.stop().unwrap();
        (push.join().unwrap(), settings)
    });
    let (said, settings) = pushing;
    let plue = settings.start().unwrap();
    let user = User { home, token };
    user.find(&plue);
    let main = user.home.git(&original, &["rev-parse", "main"]).unwrap();
    if said.ok {
        assert_eq!(user.remote(&plue, "refs/heads/main"), main);
    } else {
        // The stop came between its two requests: it was refused, and said so.
        assert!(
            said.err.contains("fatal") || said.err.contains("error"),
            "{}",
            said.err
        );
    }
    plue.stop().unwrap();
}

#[test]
fn everything_works_on_postgresql_and_s3() {
    for Engine { name, settings, s3 } in engines::all().unwrap().into_iter().skip(1) {
        let plue = settings.start().unwrap();
        let (home, token) = plue.newcomer("ada").unwrap();
        let user = User { home, token };
        let original = History::of(2000).make(&user.home, "original.git").unwrap();
        user.home
            .git(&original, &["push", "-q", "--mirror", &plue.url("ada/engine")])
            .unwrap();
        // The machine is lost: a new one has only the database and the bucket.
        let settings = plue.kill().unwrap();
        let cache = settings.data().join("cache");
        std::fs::remove_dir_all(&cache).unwrap();
        let began = Instant::now();
        let plue = settings.start().unwrap();
        user.find(&plue);
        user.home
            .git(
                user.home.path(),
                &["clone", "-q", "--mirror", &plue.url("ada/engine"), "back.git"],
            )
            .unwrap();
        println!("{name}: back after {:?}", began.elapsed());
        assert_eq!(
            user.home.refs(&user.home.at("back.git")).unwrap(),
            user.home.refs(&original).unwrap()
        );
        user.home.fsck(&user.home.at("back.git")).unwrap();
        plue.stop().unwrap();
        drop(s3);
    }
}

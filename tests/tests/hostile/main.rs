//! What strangers may try at every door: names that are options or paths, compressed bombs, and
//! connections that are slow or break off. Each is answered with a clear error, or not at all, and
//! leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

mod bombs;
mod broken_off;
mod names;
mod slow;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use plue_tests::git::Home;
use plue_tests::http::Client;
use plue_tests::push::files;
use plue_tests::serve::{Plue, Settings};

/// How long anything may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);

/// A forge with the private repository `ada/engine`, and ada, whose clients may do everything.
struct Place {
    plue: Plue,
    home: Home,
    work: PathBuf,
    token: String,
}

impl Place {
    fn new() -> Place {
        Place::with(Settings::new().unwrap())
    }

    fn with(settings: Settings) -> Place {
        let plue = settings.start().unwrap();
        let (home, token) = plue.newcomer("ada").unwrap();
        let work = home.small_repository("work").unwrap();
        home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
            .unwrap();
        Place {
            plue,
            home,
            work,
            token,
        }
    }

    fn client(&self) -> Client {
        self.plue.client().bearer(&self.token)
    }

    fn basic(&self) -> String {
        let pair = format!("ada:{}", self.token);
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }

    /// The refs, with a symbolic one as such.
    fn refs(&self) -> String {
        self.home
            .git(
                &self.work,
                &["ls-remote", "--symref", &self.plue.url("ada/engine")],
            )
            .unwrap()
    }

    fn head(&self) -> String {
        self.home.git(&self.work, &["rev-parse", "main"]).unwrap()
    }

    fn expect_refs_untouched(&self) {
        let head = self.head();
        assert_eq!(
            self.refs(),
            format!("ref: refs/heads/main\tHEAD\n{head}\tHEAD\n{head}\trefs/heads/main")
        );
    }

    /// Waits until no quarantine and no git of the server's is left.
    fn await_quiet(&self) {
        let began = Instant::now();
        loop {
            let quarantined = files(&self.plue.data())
                .into_keys()
                .find(|name| name.contains("quarantine"));
            let children = plue_tests::process::descendants(self.plue.process().id());
            if quarantined.is_none() && children.is_empty() {
                return;
            }
            assert!(began.elapsed() < LIMIT, "{quarantined:?} {children:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

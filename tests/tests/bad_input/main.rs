//! What no honest client sends. Each is answered with a clear error and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

mod disk;
mod packs;
mod refs;
mod transport;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use plue_tests::git::Home;
use plue_tests::http::Client;
use plue_tests::push::{Answer, Push, expect_same_files, files};
use plue_tests::serve::{Plue, Settings};

/// A forge with the repository `ada/engine`, which has one branch, and a client that may push to it.
struct Setting {
    plue: Plue,
    home: Home,
    work: PathBuf,
    client: Client,
    head: String,
    before: BTreeMap<String, u64>,
}

impl Setting {
    fn new() -> Setting {
        Setting::with(Settings::new().unwrap())
    }

    fn with(settings: Settings) -> Setting {
        let plue = settings.start().unwrap();
        let (home, token) = plue.newcomer("ada").unwrap();
        let work = home.small_repository("work").unwrap();
        home.commit(&work, "src/lib.rs", "pub fn it() {}\n", "Add it")
            .unwrap();
        home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
            .unwrap();
        let head = home.git(&work, &["rev-parse", "HEAD"]).unwrap();
        let basic = plue.client().with(
            "authorization",
            &format!("Basic {}", base64(&format!("ada:{token}"))),
        );
        let before = files(&plue.data());
        Setting {
            plue,
            home,
            work,
            client: basic,
            head,
            before,
        }
    }

    /// A commit that the forge does not have, and a pack that brings it.
    fn next_commit(&self) -> (String, Vec<u8>) {
        let new = self
            .home
            .commit(&self.work, "new.txt", &format!("{:?}", Instant::now()), "New")
            .unwrap();
        let range = format!("{new}\n^{}\n", self.head);
        let pack = self
            .home
            .git_bytes(
                &self.work,
                &["pack-objects", "--stdout", "--revs", "-q"],
                range.as_bytes(),
            )
            .unwrap();
        (new, pack)
    }

    fn push(&self, push: &Push) -> Answer {
        Answer::of(&push.send(&self.client, "ada/engine").unwrap()).unwrap()
    }

    fn refs(&self) -> String {
        self.home
            .git(&self.work, &["ls-remote", &self.plue.url("ada/engine")])
            .unwrap()
    }

    /// Fails unless everything is as it was and an honest push goes through.
    fn expect_untouched(self) {
        assert_eq!(self.refs(), format!("{0}\tHEAD\n{0}\trefs/heads/main", self.head));
        expect_same_files(&self.plue.data(), &self.before).unwrap();
        assert!(files(&self.plue.settings().temporary()).is_empty());
        let (new, pack) = self.next_commit();
        let honest = self.push(
            &Push::default()
                .update(&self.head, &new, "refs/heads/main")
                .pack(pack),
        );
        assert!(honest.is_ok(), "{}", honest.text());
        self.home
            .git(
                self.home.path(),
                &["clone", "-q", "--bare", &self.plue.url("ada/engine"), "after.git"],
            )
            .unwrap();
        self.home.fsck(&self.home.at("after.git")).unwrap();
        self.plue.stop().unwrap();
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// A pack without objects.
fn empty_pack() -> Vec<u8> {
    // "PACK", version 2, no objects, and the SHA-1 of these twelve bytes.
    let mut pack = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    pack.extend(b"\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e");
    pack
}

/// Bytes that nothing compresses, the same each time.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    };
    (0..bytes).map(next).collect()
}

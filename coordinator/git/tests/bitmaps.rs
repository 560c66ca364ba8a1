//! Bitmaps over the packs of a cached repository: written where they pay, and gone with any of
//! the packs that they are of.

#[path = "support/place.rs"]
mod place;

use place::{Place, person};
use plue_git::browse::{self, Reader};
use plue_git::{ObjectFormat, Oid, maintenance};
use std::path::Path;

/// Enough for a repository to count as large.
const FILES: usize = 5_000;

/// Commits many files at once and takes them into the cache; answers the tip and the new pack.
async fn take_in(place: &mut Place, folder: &str, files: usize) -> (Oid, Oid) {
    let work = place.work().join(folder);
    std::fs::create_dir_all(&work).expect("it works");
    for n in 0..files {
        std::fs::write(work.join(format!("f{n}")), format!("{folder} {n}")).expect("it works");
    }
    let before = person(&place.work(), &["rev-list", "--all"]);
    let tip = place.commit(&format!("{folder}/last"), folder);
    let known: Vec<String> = before.lines().map(|oid| format!("^{oid}")).collect();
    let revs: Vec<&str> = ["main"]
        .into_iter()
        .chain(known.iter().map(String::as_str))
        .collect();
    let quarantine = place.receive(&place.pack(&revs, false)).await.expect("it works");
    place.accept(&quarantine, &[("refs/heads/main", tip)]);
    (tip, quarantine.pack().expect("it works").checksum)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir.join("objects/pack"))
        .expect("a readable folder")
        .map(|entry| {
            entry
                .expect("a readable folder")
                .file_name()
                .into_string()
                .expect("a readable folder")
        })
        .filter(|name| name.starts_with("multi-pack-index"))
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_repository_gets_bitmaps_and_reads_the_same_with_them() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let mut place = Place::new(format).await;
        let (_, first) = take_in(&mut place, "small", 3).await;
        let (git, bare) = (place.git.clone(), place.bare.clone());
        let bitmaps = async || {
            maintenance::bitmaps(&git, &bare, &bare.packs().unwrap())
                .await
                .unwrap()
        };
        assert!(!bitmaps().await, "a small one needs none");
        assert_eq!(bare.covered_packs().unwrap(), None);

        let (tip, second) = take_in(&mut place, "large", FILES).await;
        assert!(bitmaps().await);
        assert!(!bitmaps().await, "those that stand are good enough");
        let mut both = vec![first, second];
        both.sort_unstable();
        assert_eq!(bare.covered_packs().unwrap(), Some(both));
        let files = names(bare.dir());
        assert!(files.iter().any(|name| name.ends_with(".bitmap")), "{files:?}");
        person(bare.dir(), &["multi-pack-index", "verify"]);
        let counted = |more: &[&str]| {
            person(
                bare.dir(),
                &[&["rev-list", "--count", "--objects", "--all"], more].concat(),
            )
        };
        assert_eq!(counted(&["--use-bitmap-index"]), counted(&[]));
        let listed = browse::tree(&Reader::new(&git, &bare), tip, "large")
            .await
            .unwrap();
        assert_eq!(listed.len(), FILES + 1);

        // What comes later is walked, until it is too much.
        let (tip, third) = take_in(&mut place, "later", 3).await;
        assert!(!bitmaps().await);
        let clone = place.root.path().join("clone.git");
        let address = bare.dir().to_str().unwrap();
        person(
            place.root.path(),
            &[
                "clone",
                "-q",
                "--bare",
                "--no-local",
                address,
                clone.to_str().unwrap(),
            ],
        );
        assert_eq!(person(&clone, &["rev-parse", "main"]), tip.to_string());
        person(&clone, &["fsck", "--full", "--strict"]);

        // A pack goes, and with it what names it; what does not name it stays.
        bare.remove_packs(&[third]).unwrap();
        assert_eq!(names(bare.dir()), files);
        bare.remove_packs(&[first]).unwrap();
        assert_eq!(names(bare.dir()), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_cannot_be_understood_is_written_anew_or_removed() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    let (_, pack) = take_in(&mut place, "large", FILES).await;
    let (git, bare) = (place.git.clone(), place.bare.clone());
    let file = bare.dir().join("objects/pack/multi-pack-index");
    for odd in [
        &b""[..],
        b"MIDX",
        b"MIDX\x01\x01\x09\x00\x00\x00\x00\x01",
        b"nothing of the kind",
    ] {
        std::fs::write(&file, odd).unwrap();
        assert_eq!(bare.covered_packs().unwrap(), Some(vec![]), "{odd:?}");
        assert!(maintenance::bitmaps(&git, &bare, &[pack]).await.unwrap());
        assert_eq!(bare.covered_packs().unwrap(), Some(vec![pack]));
    }
    std::fs::write(&file, "nothing of the kind").unwrap();
    bare.remove_packs(&[pack]).unwrap();
    assert_eq!(names(bare.dir()), [""; 0]);
}

//! The bare repository on disk, as this server writes it and as git reads it.

#[path = "support/place.rs"]
mod support;

use plue_git::cache::evict;
use plue_git::{Bare, CacheError, Durability, LooseRef, ObjectFormat, PackedRef, RefName, Stamp, Transfer};
use support::{Place, person};

fn main_branch() -> RefName {
    RefName::branch("main").expect("a branch")
}

#[tokio::test]
async fn git_reads_what_is_written_and_the_stamp_stays() {
    for durability in [Durability::Lazy, Durability::Sync] {
        let mut place = Place::new(ObjectFormat::Sha1).await;
        let commit = place.commit("a", "a");
        person(&place.work(), &["tag", "-a", "-m", "x", "v1"]);
        let tag = place.oid("v1");
        let quarantine = place.receive(&place.pack(&["main", "v1"], false)).await.unwrap();
        place.accept(&quarantine, &[]);
        let stamp = Stamp {
            generation: 42,
            epoch: 7,
        };
        let refs = [
            PackedRef {
                name: "refs/tags/v1".parse().unwrap(),
                oid: tag,
                peeled: Some(commit),
            },
            PackedRef {
                name: "refs/heads/trunk".parse().unwrap(),
                oid: commit,
                peeled: None,
            },
        ];
        let head = RefName::branch("trunk").unwrap();
        place.bare.write_refs(&head, &refs, stamp, durability).unwrap();
        assert_eq!(place.bare.stamp().unwrap(), Some(stamp));
        let (read_head, read) = place.bare.read_refs().unwrap();
        assert_eq!(read_head, head);
        assert_eq!(read, [refs[1].clone(), refs[0].clone()]);
        assert_eq!(
            person(
                place.bare.dir(),
                &["for-each-ref", "--format=%(refname) %(objectname) %(*objectname)"]
            ),
            format!("refs/heads/trunk {commit} \nrefs/tags/v1 {tag} {commit}").trim_end()
        );
        assert_eq!(
            person(place.bare.dir(), &["ls-remote", "."]),
            format!(
                "{commit}\tHEAD\n{commit}\trefs/heads/trunk\n{tag}\trefs/tags/v1\n{commit}\trefs/tags/v1^{{}}"
            )
        );
        assert_eq!(
            person(place.bare.dir(), &["symbolic-ref", "HEAD"]),
            "refs/heads/trunk"
        );
        // Another program that packs refs drops the stamp, and so says that it was there.
        person(
            place.bare.dir(),
            &["update-ref", "refs/heads/x", &commit.to_string()],
        );
        assert_eq!(place.bare.stamp().unwrap(), Some(stamp));
        person(place.bare.dir(), &["pack-refs", "--all"]);
        assert_eq!(place.bare.stamp().unwrap(), None);
    }
}

#[tokio::test]
async fn a_repository_is_found_damaged_or_missing() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("some/where/1.git");
    assert!(matches!(Bare::open(&dir), Err(CacheError::Missing(_))));
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let made = Bare::create(&dir, format, &main_branch(), Durability::Sync).unwrap();
        assert_eq!(made, Bare::open(&dir).unwrap());
        assert_eq!(made.format(), format);
        assert_eq!(made.stamp().unwrap(), None);
        assert_eq!(made.packs().unwrap(), []);
        assert_eq!(
            person(
                &dir,
                &["rev-parse", "--show-object-format", "--is-bare-repository"]
            ),
            format!("{format}\ntrue")
        );
        assert!(Bare::create(&dir, format, &main_branch(), Durability::Lazy).is_err());
        let grave = evict(&dir, &root.path().join("graves")).unwrap();
        assert!(grave.join("1.git/HEAD").exists());
        assert!(matches!(Bare::open(&dir), Err(CacheError::Missing(_))));
    }
    assert!(evict(&dir, &root.path().join("graves")).is_err());
    assert_eq!(std::fs::read_dir(dir.parent().unwrap()).unwrap().count(), 0);
    std::fs::create_dir(&dir).unwrap();
    assert!(matches!(Bare::open(&dir), Err(CacheError::Damaged(_))));
}

#[tokio::test]
async fn packs_come_and_go() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    place.commit("a", "a");
    let pack = place.pack(&["main"], false);
    let quarantine = place.receive(&pack).await.unwrap();
    place.accept(&quarantine, &[]);
    let checksum = quarantine.pack().unwrap().checksum;
    assert_eq!(place.bare.packs().unwrap(), [checksum]);
    // Once more is no error; a pack's name says what is in it.
    for how in [Transfer::Link, Transfer::Move] {
        place
            .bare
            .install(quarantine.pack().unwrap(), how, Durability::Sync)
            .unwrap();
    }
    let files = place.bare.pack_files(checksum).unwrap();
    assert_eq!(files.objects, 3);
    place.bare.remove_packs(&[checksum, checksum]).unwrap();
    assert_eq!(place.bare.packs().unwrap(), []);
    assert_eq!(
        std::fs::read_dir(place.bare.dir().join("objects/pack"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn loose_refs_are_taken_under_gits_own_locks() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    let commit = place.commit("a", "a");
    let quarantine = place.receive(&place.pack(&["main"], false)).await.unwrap();
    place.accept(&quarantine, &[("refs/heads/main", commit)]);
    let dir = place.bare.dir().to_owned();
    for name in ["refs/heads/x/y", "refs/heads/z", "refs/tags/t"] {
        person(&dir, &["update-ref", name, &commit.to_string()]);
    }
    std::fs::write(dir.join("refs/heads/junk"), "no id").unwrap();
    std::os::unix::fs::symlink("/etc", dir.join("refs/heads/etc")).unwrap();
    let loose = |name: &str| LooseRef {
        name: name.parse().unwrap(),
        oid: commit,
    };
    let found = place.bare.loose_refs().unwrap();
    assert_eq!(
        found,
        [
            loose("refs/heads/x/y"),
            loose("refs/heads/z"),
            loose("refs/tags/t")
        ]
    );
    // One is locked by a git at work, one has changed since it was read.
    std::fs::write(dir.join("refs/heads/z.lock"), "").unwrap();
    std::fs::write(dir.join("refs/tags/t"), format!("{}\n", "1".repeat(40))).unwrap();
    assert_eq!(place.bare.take_loose(&found).unwrap(), [loose("refs/heads/x/y")]);
    assert_eq!(place.bare.take_loose(&[loose("refs/heads/x/y")]).unwrap(), []);
    assert_eq!(place.bare.loose_refs().unwrap().len(), 2);
    place.bare.break_locks().unwrap();
    assert_eq!(place.bare.take_loose(&found).unwrap(), [loose("refs/heads/z")]);
    // A lock on packed-refs keeps this server out, too.
    std::fs::write(dir.join("packed-refs.lock"), "").unwrap();
    let stamp = Stamp {
        generation: 9,
        epoch: 1,
    };
    let kept_out = place
        .bare
        .write_refs(&main_branch(), &[], stamp, Durability::Lazy);
    assert!(matches!(kept_out, Err(CacheError::Locked)));
    place.bare.break_locks().unwrap();
    place
        .bare
        .write_refs(&main_branch(), &[], stamp, Durability::Lazy)
        .unwrap();
}

#[tokio::test]
async fn many_refs_are_written_quickly() {
    let place = Place::new(ObjectFormat::Sha1).await;
    let refs: Vec<_> = (0..100_000)
        .map(|n| PackedRef {
            name: format!("refs/heads/b{n}").parse().unwrap(),
            oid: "a9993e364706816aba3e25717850c26c9cd0d89d".parse().unwrap(),
            peeled: None,
        })
        .collect();
    let stamp = Stamp {
        generation: 1,
        epoch: 1,
    };
    let begin = std::time::Instant::now();
    place
        .bare
        .write_refs(&main_branch(), &refs, stamp, Durability::Lazy)
        .unwrap();
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
    let listed = person(
        place.bare.dir(),
        &["for-each-ref", "--count=3", "--format=%(refname)"],
    );
    assert_eq!(listed, "refs/heads/b0\nrefs/heads/b1\nrefs/heads/b10");
}

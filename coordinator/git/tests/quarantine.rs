//! Packs of every kind, good and bad, on their way in.

#[path = "support/place.rs"]
mod support;

use plue_git::connectivity::{self, ConnectivityError};
use plue_git::{ObjectFormat, ObjectKind, Oid, Quarantine, QuarantineError, QuarantineLimits, maintenance};
use std::time::Duration;
use support::{Place, person, piped};

async fn with_two_commits() -> (Place, Oid, Oid) {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    let first = place.commit("a.txt", &"some text\n".repeat(1000));
    let pack = place.pack(&["main"], false);
    let quarantine = place.receive(&pack).await.expect("a good pack");
    place.accept(&quarantine, &[("refs/heads/main", first)]);
    let second = place.commit("a.txt", &("some text\n".repeat(1000) + "more\n"));
    (place, first, second)
}

#[tokio::test]
async fn a_first_push_is_taken_in_whole() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let mut place = Place::new(format).await;
        let tip = place.commit("dir/a.txt", "a");
        let pack = place.pack(&["main"], false);
        let (quarantine, seen) = place.receive_with(&pack, &QuarantineLimits::default()).await;
        let quarantine = quarantine.unwrap();
        assert!(!seen.contains("error"), "{seen}");
        let files = quarantine.pack().unwrap().clone();
        assert_eq!(files.objects, 4);
        assert_eq!(files.pack_bytes, pack.len() as u64);
        assert_eq!(std::fs::read(&files.pack).unwrap(), pack);
        assert!(files.rev.is_some() && files.rev_bytes > 0);
        connectivity::check(&place.git, &quarantine, &[tip], &[])
            .await
            .unwrap();
        let tips = connectivity::inspect(&place.git, &quarantine, &[tip])
            .await
            .unwrap();
        assert_eq!(tips[0].kind, ObjectKind::Commit);
        place.accept(&quarantine, &[("refs/heads/main", tip)]);
        drop(quarantine);
        assert!(place.is_clean());
        person(place.bare.dir(), &["fsck", "--full", "--strict"]);
        assert_eq!(
            person(place.bare.dir(), &["rev-parse", "refs/heads/main"]),
            tip.to_string()
        );
    }
}

#[tokio::test]
async fn a_thin_pack_is_completed_from_what_is_known() {
    let (mut place, first, second) = with_two_commits().await;
    let pack = place.pack(&["main", &format!("^{first}")], true);
    let quarantine = place.receive(&pack).await.unwrap();
    // The base of the delta was added.
    assert_eq!(quarantine.pack().unwrap().objects, 4);
    let git = &place.git;
    connectivity::check(git, &quarantine, &[second], &[first])
        .await
        .unwrap();
    assert!(
        connectivity::is_ancestor(git, &quarantine, first, second)
            .await
            .unwrap()
    );
    assert!(
        !connectivity::is_ancestor(git, &quarantine, second, first)
            .await
            .unwrap()
    );
    place.accept(&quarantine, &[("refs/heads/main", second)]);
    drop(quarantine);
    person(place.bare.dir(), &["fsck", "--full", "--strict"]);
}

#[tokio::test]
async fn the_cache_may_vanish_meanwhile() {
    let (place, first, second) = with_two_commits().await;
    let pack = place.pack(&["main", &format!("^{first}")], true);
    let mut quarantine = place.open();
    std::fs::remove_dir_all(place.bare.dir()).unwrap();
    let mut reply = plue_git::wire::reply::Reply::new(
        tokio::io::sink(),
        false,
        plue_git::wire::reply::ReportKind::V1,
        true,
    );
    let limits = QuarantineLimits::default();
    quarantine
        .receive(&place.git, &mut &pack[..], &limits, &mut reply)
        .await
        .unwrap();
    connectivity::check(&place.git, &quarantine, &[second], &[first])
        .await
        .unwrap();
    let gone = Quarantine::open(&place.bare, &place.known, &place.scratch());
    assert!(matches!(gone, Err(QuarantineError::CacheChanged(_))));
}

#[tokio::test]
async fn an_empty_pack_leaves_none() {
    let (place, first, _) = with_two_commits().await;
    let pack = place.pack(&["main", "^main"], false);
    assert_eq!(&pack[8..12], [0; 4]);
    let quarantine = place.receive(&pack).await.unwrap();
    assert_eq!(quarantine.pack(), None);
    connectivity::check(&place.git, &quarantine, &[first], &[first])
        .await
        .unwrap();
    connectivity::check(&place.git, &quarantine, &[first], &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn bytes_behind_the_pack_are_left_alone() {
    let place = Place::new(ObjectFormat::Sha1).await;
    place.commit("a", "a");
    let (mut client, mut server) = tokio::io::duplex(1 << 20);
    let pack = place.pack(&["main"], false);
    // The client does not close its end, as one over SSH may not.
    tokio::io::AsyncWriteExt::write_all(&mut client, &pack)
        .await
        .unwrap();
    let mut quarantine = place.open();
    let mut reply = plue_git::wire::reply::Reply::new(
        tokio::io::sink(),
        false,
        plue_git::wire::reply::ReportKind::V1,
        true,
    );
    quarantine
        .receive(&place.git, &mut server, &QuarantineLimits::default(), &mut reply)
        .await
        .unwrap();
    assert_eq!(quarantine.pack().unwrap().objects, 3);
}

#[tokio::test]
async fn damaged_packs_are_refused_and_leave_nothing() {
    let place = Place::new(ObjectFormat::Sha1).await;
    for n in 0..20 {
        place.commit(&format!("f{n}"), &format!("{n} content\n").repeat(50));
    }
    let pack = place.pack(&["main"], false);
    for cut in [0, 3, 12, 13, 40, pack.len() / 2, pack.len() - 1] {
        let refused = place.receive(&pack[..cut]).await.unwrap_err();
        assert!(
            matches!(refused, QuarantineError::Truncated),
            "{cut}: {refused:?}"
        );
    }
    for at in (0..pack.len()).step_by(pack.len() / 40) {
        let mut bad = pack.clone();
        bad[at] ^= 0x55;
        let refused = place.receive(&bad).await.unwrap_err();
        assert!(refused.is_pushers_fault(), "{at}: {refused:?}");
    }
    assert!(place.is_clean());
}

#[tokio::test]
async fn limits_are_kept_and_named() {
    let place = Place::new(ObjectFormat::Sha1).await;
    place.commit("zeros", &"0".repeat(3 << 20));
    place.commit(
        "noise",
        &format!(
            "{:?}",
            (0..60_000u32)
                .map(|n| n.wrapping_mul(2_654_435_761))
                .collect::<Vec<_>>()
        ),
    );
    let pack = place.pack(&["main"], false);
    let all = QuarantineLimits::default();
    for (limits, words) in [
        (
            QuarantineLimits {
                object_bytes: 2 << 20,
                ..all
            },
            "an object of 3 MiB is larger than the 2 MiB",
        ),
        (
            QuarantineLimits {
                pack_bytes: 100_000,
                ..all
            },
            "larger than the 97.7 KiB",
        ),
        (
            QuarantineLimits { objects: 5, ..all },
            "6 objects, more than the 5",
        ),
        (
            QuarantineLimits {
                expanded_bytes: 3 << 20,
                ..all
            },
            "grow beyond 3 MiB",
        ),
        (
            QuarantineLimits {
                deadline: Duration::ZERO,
                ..all
            },
            "took longer than the 0 seconds",
        ),
    ] {
        let refused = place.receive_with(&pack, &limits).await.0.unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
        assert!(refused.is_pushers_fault());
    }
    assert!(place.is_clean());
}

#[tokio::test]
async fn a_client_that_falls_silent_is_left() {
    let place = Place::new(ObjectFormat::Sha1).await;
    place.commit("a", "a");
    let pack = place.pack(&["main"], false);
    for sent in [5, 60] {
        let (mut client, mut server) = tokio::io::duplex(1 << 20);
        tokio::io::AsyncWriteExt::write_all(&mut client, &pack[..sent])
            .await
            .unwrap();
        let limits = QuarantineLimits {
            idle: Duration::from_millis(100),
            ..QuarantineLimits::default()
        };
        let mut reply = plue_git::wire::reply::Reply::new(
            tokio::io::sink(),
            true,
            plue_git::wire::reply::ReportKind::V1,
            true,
        );
        let refused = place
            .open()
            .receive(&place.git, &mut server, &limits, &mut reply)
            .await
            .unwrap_err();
        assert!(matches!(refused, QuarantineError::Idle { .. }), "{refused:?}");
    }
    assert!(place.is_clean());
}

fn with_object(place: &Place, kind: &str, content: &[u8]) -> Oid {
    let hashed = piped(
        &place.work(),
        &["hash-object", "-w", "--literally", "-t", kind, "--stdin"],
        content,
    );
    let hashed = String::from_utf8(hashed).expect("text");
    hashed.trim().parse().expect("an id")
}

#[tokio::test]
async fn dangerous_objects_are_refused_in_gits_own_words() {
    let place = Place::new(ObjectFormat::Sha1).await;
    let blob = with_object(&place, "blob", b"x");
    let url = with_object(
        &place,
        "blob",
        b"[submodule \"a\"]\n\turl = -oProxyCommand=sh\n\tpath = a\n",
    );
    let tree = |mode: &str, name: &[u8], oid: Oid| {
        let mut entry = format!("{mode} ").into_bytes();
        entry.extend_from_slice(name);
        entry.push(0);
        entry.extend_from_slice(oid.as_bytes());
        entry
    };
    for (content, words) in [
        (tree("100644", b".git", blob), "hasDotgit"),
        (tree("100644", b".GIT", blob), "hasDotgit"),
        (tree("100644", b"git~1", blob), "hasDotgit"),
        (tree("100644", b"..", blob), "hasDotdot"),
        (tree("100644", b"a/b", blob), "fullPathname"),
        (tree("120000", b".gitmodules", blob), "gitmodulesSymlink"),
        (tree("100644", b".gitmodules", url), "gitmodulesUrl"),
        (
            [tree("100644", b"a", blob), tree("100644", b"a", blob)].concat(),
            "duplicateEntries",
        ),
        (
            [tree("100644", b"b", blob), tree("100644", b"a", blob)].concat(),
            "treeNotSorted",
        ),
    ] {
        let tree = with_object(&place, "tree", &content);
        let commit = with_object(
            &place,
            "commit",
            format!("tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n").as_bytes(),
        );
        let pack = place.pack(&[&commit.to_string()], false);
        let refused = place.receive(&pack).await.unwrap_err();
        assert!(
            matches!(&refused, QuarantineError::Refused(said) if said.contains(words)),
            "{words}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn old_untidiness_warns_and_is_taken_in() {
    let place = Place::new(ObjectFormat::Sha1).await;
    let blob = with_object(&place, "blob", b"x");
    let mut inner = b"0100644 a\0".to_vec();
    inner.extend_from_slice(blob.as_bytes());
    let tree = with_object(&place, "tree", &inner);
    let commit = with_object(
        &place,
        "commit",
        format!("tree {tree}\nauthor A<a@b> 1 +0000\ncommitter A <a@b> 1 +051800\n\nx\n").as_bytes(),
    );
    let pack = place.pack(&[&commit.to_string()], false);
    let (quarantine, seen) = place.receive_with(&pack, &QuarantineLimits::default()).await;
    quarantine.unwrap();
    for id in ["zeroPaddedFilemode", "missingSpaceBeforeEmail", "badTimezone"] {
        assert!(seen.contains(id), "{id}: {seen}");
    }
}

#[tokio::test]
async fn what_a_push_lacks_is_named() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    let first = place.commit("a", "a");
    let second = place.commit("b", "b");
    let third = place.commit("c", "c");

    // A pack whose parent commit nobody has: refused while it is indexed.
    let lacking = place.pack(&["main", &format!("^{second}")], false);
    let refused = place.receive(&lacking).await.unwrap_err();
    let words = refused.to_string();
    assert!(words.contains(&second.to_string()), "{words}");

    // An object that is there, but not what it refers to: the walk does not stop at it.
    let incomplete = piped(
        &place.work(),
        &["pack-objects", "--stdout", "-q"],
        format!("{second}\n{}\n{}\n", place.oid("main:a"), place.oid("main:b")).as_bytes(),
    );
    let indexed = piped(place.bare.dir(), &["index-pack", "--stdin"], &incomplete);
    let stray_checksum: Oid = String::from_utf8(indexed).unwrap()["pack\t".len()..]
        .trim()
        .parse()
        .unwrap();
    place.known.push(stray_checksum);
    let quarantine = place.receive(&lacking).await.unwrap();
    let missing = connectivity::check(&place.git, &quarantine, &[third], &[]).await;
    assert!(
        matches!(missing, Err(ConnectivityError::Missing { .. })),
        "{missing:?}"
    );

    // The same for a tip that is nowhere at all.
    let nowhere: Oid = "1234567890123456789012345678901234567890".parse().unwrap();
    let missing = connectivity::check(&place.git, &quarantine, &[nowhere], &[]).await;
    assert!(matches!(missing, Err(ConnectivityError::Missing { oid }) if oid == nowhere));
    let missing = connectivity::inspect(&place.git, &quarantine, &[third, nowhere]).await;
    assert!(matches!(missing, Err(ConnectivityError::Missing { oid }) if oid == nowhere));

    // And a blob that is missing under a tree that is there.
    place.known.clear();
    let objects = format!("{first}\n{first}^{{tree}}\n");
    let resolved = piped(
        &place.work(),
        &["cat-file", "--batch-check=%(objectname)"],
        objects.as_bytes(),
    );
    let no_blob = piped(&place.work(), &["pack-objects", "--stdout", "-q"], &resolved);
    let refused = place.receive(&no_blob).await.unwrap_err();
    assert!(matches!(refused, QuarantineError::Refused(_)), "{refused:?}");
}

#[tokio::test]
async fn loose_objects_in_the_cache_do_not_count() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    place.commit("a", "a");
    let second = place.commit("b", "b");
    place.commit("c", "c");
    // Somebody fetched the first two commits into the cache, past the server.
    let from = place.work();
    let refspec = format!("{second}:refs/heads/x");
    person(
        place.bare.dir(),
        &[
            "-c",
            "fetch.unpackLimit=1000",
            "fetch",
            "-q",
            from.to_str().unwrap(),
            &refspec,
        ],
    );
    assert!(place.bare.has_loose_objects().unwrap());
    let lacking = place.pack(&["main", &format!("^{second}")], false);
    assert!(matches!(
        place.receive(&lacking).await,
        Err(QuarantineError::Refused(_))
    ));
    // What they left is gathered like a push.
    let mut quarantine = place.open();
    quarantine
        .gather(
            &place.git,
            place.bare.dir(),
            &[second],
            &[],
            &QuarantineLimits::default(),
        )
        .await
        .unwrap();
    assert_eq!(quarantine.pack().unwrap().objects, 6);
    connectivity::check(&place.git, &quarantine, &[second], &[])
        .await
        .unwrap();
    place.accept(&quarantine, &[("refs/heads/x", second)]);
    assert!(place.receive(&lacking).await.is_ok());
    // Its limits hold here, too.
    let noise: String = (0..3_000_000u32)
        .map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26))
        .collect();
    let large = place.commit("large", &noise);
    let limits = QuarantineLimits {
        pack_bytes: 10_000,
        ..QuarantineLimits::default()
    };
    let refused = Quarantine::for_new(ObjectFormat::Sha1, &place.scratch())
        .unwrap()
        .gather(&place.git, &place.work().join(".git"), &[large], &[], &limits)
        .await;
    assert!(
        matches!(
            refused,
            Err(QuarantineError::PackTooLarge { limit_bytes: 10_000 })
        ),
        "{refused:?}"
    );
    // Gathering what nobody has says so.
    let nowhere: Oid = "1234567890123456789012345678901234567890".parse().unwrap();
    let refused = place
        .open()
        .gather(
            &place.git,
            place.bare.dir(),
            &[nowhere],
            &[],
            &QuarantineLimits::default(),
        )
        .await
        .unwrap_err();
    assert!(matches!(refused, QuarantineError::Refused(_)), "{refused:?}");
}

#[tokio::test]
async fn tags_are_followed_to_their_end() {
    let place = Place::new(ObjectFormat::Sha1).await;
    let commit = place.commit("a", "a");
    person(&place.work(), &["tag", "-a", "-m", "one", "v1"]);
    person(&place.work(), &["tag", "-a", "-m", "of a tag", "v2", "v1"]);
    let (v1, v2, tree, blob) = (
        place.oid("v1"),
        place.oid("v2"),
        place.oid("main^{tree}"),
        place.oid("main:a"),
    );
    let quarantine = place
        .receive(&place.pack(&["main", "v1", "v2"], false))
        .await
        .unwrap();
    let tips = connectivity::inspect(&place.git, &quarantine, &[v2, commit, tree, blob, v1])
        .await
        .unwrap();
    let told: Vec<_> = tips.iter().map(|tip| (tip.oid, tip.kind, tip.peeled)).collect();
    assert_eq!(
        told,
        [
            (v2, ObjectKind::Tag, Some(commit)),
            (commit, ObjectKind::Commit, None),
            (tree, ObjectKind::Tree, None),
            (blob, ObjectKind::Blob, None),
            (v1, ObjectKind::Tag, Some(commit)),
        ]
    );
}

#[tokio::test]
async fn many_packs_become_one() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let mut place = Place::new(format).await;
        let mut last = None;
        for n in 0..4 {
            let tip = place.commit("a", &format!("{n}\n").repeat(500));
            let since = last.map(|old: Oid| format!("^{old}"));
            let revs: Vec<&str> = ["main"].into_iter().chain(since.as_deref()).collect();
            let pack = place.pack(&revs, true);
            let quarantine = place.receive(&pack).await.unwrap();
            place.accept(&quarantine, &[("refs/heads/main", tip)]);
            last = Some(tip);
        }
        let before = place.known.clone();
        assert_eq!(before.len(), 4);
        let mut quarantine = place.open();
        maintenance::roll_up(&place.git, &mut quarantine, &before[1..])
            .await
            .unwrap();
        let rolled = quarantine.pack().unwrap().clone();
        assert!(rolled.rev.is_some());
        // Three commits, trees and blobs; the first pack keeps what it has.
        assert_eq!(rolled.objects, 9);
        place.accept(&quarantine, &[("refs/heads/main", last.unwrap())]);
        place.bare.remove_packs(&before[1..]).unwrap();
        assert_eq!(place.bare.packs().unwrap().len(), 2);
        person(place.bare.dir(), &["fsck", "--full", "--strict"]);
        // Once more there is nothing in it that the other does not have.
        place.known = vec![before[0], rolled.checksum];
        let mut again = place.open();
        maintenance::roll_up(&place.git, &mut again, &[]).await.unwrap();
        assert_eq!(again.pack(), None);
    }
}

//! What a blob store promises, asked of a directory and of a real S3 server alike.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use plue_blobs::{BlobError, BlobKey, Blobs, S3Settings};
use plue_tests::s3::{Fault, S3Server};
use tokio::io::AsyncReadExt as _;

/// Far after any test.
const FUTURE_MS: i64 = 40_000_000_000_000;

struct Kept {
    blobs: Blobs,
    folder: tempfile::TempDir,
    server: Option<S3Server>,
}

impl Kept {
    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the store keeps a blob, for tests that look behind it.
    fn behind(&self, key: &BlobKey) -> PathBuf {
        match &self.server {
            Some(server) => server
                .root()
                .join(server.bucket())
                .join("forge")
                .join(key.as_str()),
            None => self.folder.path().join("blobs").join(key.as_str()),
        }
    }
}

fn settings(server: &S3Server) -> S3Settings {
    S3Settings {
        bucket: server.bucket().into(),
        prefix: "forge".into(),
        region: "us-east-1".into(),
        endpoint: Some(server.endpoint().into()),
        path_style: true,
        access_key_id: server.access_key().into(),
        secret_access_key: server.secret_key().into(),
        session_token: None,
    }
}

async fn both() -> [Kept; 2] {
    let folder = tempfile::tempdir().unwrap();
    let directory = Blobs::directory(&folder.path().join("blobs")).await.unwrap();
    let server = S3Server::start().await.unwrap();
    let bucket = Blobs::s3(settings(&server)).unwrap();
    [
        Kept {
            blobs: directory,
            folder,
            server: None,
        },
        Kept {
            blobs: bucket,
            folder: tempfile::tempdir().unwrap(),
            server: Some(server),
        },
    ]
}

fn key(text: &str) -> BlobKey {
    BlobKey::parse(text).unwrap()
}

/// Bytes that differ from place to place, so that a part in the wrong order is noticed.
fn pattern(size_bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(size_bytes + 8);
    while bytes.len() < size_bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size_bytes);
    bytes
}

async fn read(blobs: &Blobs, key: &BlobKey) -> Vec<u8> {
    let mut reader = blobs.open(key).await.unwrap();
    let mut content = Vec::new();
    reader.read_to_end(&mut content).await.unwrap();
    assert_eq!(reader.size_bytes(), content.len() as u64);
    content
}

fn leftovers(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".blob-"))
        .collect()
}

#[tokio::test]
async fn what_was_put_is_what_one_gets() {
    for kept in both().await {
        let blobs = &kept.blobs;
        blobs.check().await.unwrap();
        for (name, size_bytes) in [
            ("1/empty.pack", 0),
            ("1/small.pack", 1000),
            ("1/large.pack", 20_000_003),
        ] {
            let content = pattern(size_bytes);
            let source = kept.file("source", &content);
            let stored = blobs.put_file(&key(name), &source).await.unwrap();
            assert_eq!(stored.size_bytes, size_bytes as u64);
            assert_eq!(blobs.size(&key(name)).await.unwrap(), Some(size_bytes as u64));
            assert!(
                read(blobs, &key(name)).await == content,
                "{} {name}",
                blobs.kind()
            );
            let dest = kept.place("dest");
            assert_eq!(
                blobs.get_to_file(&key(name), &dest).await.unwrap().size_bytes,
                size_bytes as u64
            );
            assert!(fs::read(&dest).unwrap() == content, "{} {name}", blobs.kind());
            fs::remove_file(dest).unwrap();
            fs::remove_file(source).unwrap();
            assert!(
                read(blobs, &key(name)).await == content,
                "the source is not needed any more"
            );
        }
        blobs
            .put_bytes(&key("1/bytes"), Bytes::from_static(b"a few"))
            .await
            .unwrap();
        assert_eq!(read(blobs, &key("1/bytes")).await, b"a few");
        assert!(leftovers(kept.folder.path()).is_empty());
    }
}

#[tokio::test]
async fn a_blob_is_never_overwritten_but_may_be_put_again() {
    for kept in both().await {
        let blobs = &kept.blobs;
        for (name, size_bytes) in [("1/small", 500), ("1/large", 9_000_000)] {
            let content = pattern(size_bytes);
            let source = kept.file("source", &content);
            blobs.put_file(&key(name), &source).await.unwrap();
            blobs.put_file(&key(name), &source).await.unwrap();
            let again = kept.file("again", &content);
            blobs.put_file(&key(name), &again).await.unwrap();

            let mut other = content.clone();
            other[size_bytes / 2] ^= 1;
            for (what, other) in [("same length", &other[..]), ("shorter", &other[1..])] {
                let place = kept.file("other", other);
                let refused = blobs.put_file(&key(name), &place).await;
                assert!(
                    matches!(refused, Err(BlobError::AlreadyExists { .. })),
                    "{} {name} {what}: {refused:?}",
                    blobs.kind()
                );
                fs::remove_file(place).unwrap();
            }
            let refused = blobs.put_bytes(&key(name), Bytes::from_static(b"other")).await;
            assert!(
                matches!(refused, Err(BlobError::AlreadyExists { .. })),
                "{refused:?}"
            );
            assert!(
                read(blobs, &key(name)).await == content,
                "{} {name} is as it was",
                blobs.kind()
            );
            fs::remove_file(source).unwrap();
            fs::remove_file(again).unwrap();
        }
        assert_eq!(
            blobs.sweep_unfinished(FUTURE_MS).await.unwrap(),
            0,
            "refused puts leave nothing behind"
        );
    }
}

/// Of the directory only: the S3 server of these tests looks and then writes, which Amazon's does in one step.
#[tokio::test]
async fn of_many_puts_of_one_key_one_wins_and_all_others_hear_of_it() {
    let [kept, _] = both().await;
    let blobs = &kept.blobs;
    let puts = (0..8_u8).map(|writer| {
        let blobs = blobs.clone();
        tokio::spawn(async move {
            (
                writer,
                blobs
                    .put_bytes(&key("3/contested"), Bytes::from(vec![writer; 4000]))
                    .await,
            )
        })
    });
    let mut winners = Vec::new();
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            (writer, Ok(_)) => winners.push(writer),
            (_, Err(BlobError::AlreadyExists { .. })) => {}
            (_, Err(other)) => panic!("{other}"),
        }
    }
    let [winner] = winners[..] else {
        panic!("{winners:?}")
    };
    assert_eq!(read(blobs, &key("3/contested")).await, vec![winner; 4000]);
}

#[tokio::test]
async fn what_is_absent_is_not_found() {
    for kept in both().await {
        let blobs = &kept.blobs;
        let absent = key("9/absent");
        assert!(blobs.open(&absent).await.unwrap_err().is_not_found());
        assert!(
            blobs
                .get_to_file(&absent, &kept.place("dest"))
                .await
                .unwrap_err()
                .is_not_found()
        );
        assert!(!kept.place("dest").exists());
        assert_eq!(blobs.size(&absent).await.unwrap(), None);
        blobs.delete(&absent).await.unwrap();
        let nowhere = blobs
            .put_file(&absent, &kept.place("no-such-source"))
            .await
            .unwrap_err();
        assert!(matches!(nowhere, BlobError::Local { .. }), "{nowhere:?}");
        assert_eq!(blobs.size(&absent).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_deleted_blob_is_gone_and_its_readers_finish() {
    for kept in both().await {
        let blobs = &kept.blobs;
        let content = pattern(100_000);
        blobs
            .put_bytes(&key("2/a"), content.clone().into())
            .await
            .unwrap();
        blobs.get_to_file(&key("2/a"), &kept.place("copy")).await.unwrap();
        blobs.delete(&key("2/a")).await.unwrap();
        assert_eq!(blobs.size(&key("2/a")).await.unwrap(), None);
        assert!(fs::read(kept.place("copy")).unwrap() == content);
        blobs.delete(&key("2/a")).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_exists_is_not_replaced_by_a_get() {
    for kept in both().await {
        kept.blobs
            .put_bytes(&key("2/a"), Bytes::from_static(b"new"))
            .await
            .unwrap();
        let dest = kept.file("dest", b"old");
        assert!(matches!(
            kept.blobs.get_to_file(&key("2/a"), &dest).await,
            Err(BlobError::Local { .. })
        ));
        assert_eq!(fs::read(&dest).unwrap(), b"old");
        assert!(leftovers(kept.folder.path()).is_empty());
    }
}

#[tokio::test]
async fn a_listing_is_sorted_and_can_be_continued() {
    for kept in both().await {
        let blobs = &kept.blobs;
        assert!(blobs.list("", None, 10).await.unwrap().is_empty());
        for name in ["12/b", "12/a", "1/z", "120/c", "12/d"] {
            blobs.put_bytes(&key(name), Bytes::from(name)).await.unwrap();
        }
        let names = |entries: Vec<plue_blobs::BlobEntry>| -> Vec<String> {
            entries.iter().map(|entry| entry.key.to_string()).collect()
        };
        assert_eq!(
            names(blobs.list("", None, 10).await.unwrap()),
            ["1/z", "12/a", "12/b", "12/d", "120/c"]
        );
        assert_eq!(
            names(blobs.list("12/", None, 10).await.unwrap()),
            ["12/a", "12/b", "12/d"]
        );
        assert_eq!(names(blobs.list("12", None, 2).await.unwrap()), ["12/a", "12/b"]);
        assert_eq!(
            names(blobs.list("12/", Some(&key("12/a")), 1).await.unwrap()),
            ["12/b"]
        );
        assert_eq!(
            names(blobs.list("12/", Some(&key("12/d")), 5).await.unwrap()),
            Vec::<String>::new()
        );
        assert!(blobs.list("../", None, 5).await.unwrap().is_empty());
        let entry = &blobs.list("120/", None, 5).await.unwrap()[0];
        assert_eq!(entry.size_bytes, 5);
        assert!(
            entry.modified_ms > 1_700_000_000_000 && entry.modified_ms < FUTURE_MS,
            "{entry:?}"
        );
    }
}

#[tokio::test]
async fn damage_in_the_bucket_is_noticed() {
    let [_, kept] = both().await;
    let blobs = &kept.blobs;
    for (name, size_bytes) in [("5/small", 3000), ("5/large", 10_000_000)] {
        blobs
            .put_file(&key(name), &kept.file("source", &pattern(size_bytes)))
            .await
            .unwrap();
        let behind = kept.behind(&key(name));
        let mut content = fs::read(&behind).unwrap();
        content[size_bytes - 7] ^= 0x40;
        fs::write(&behind, content).unwrap();
        let got = blobs.get_to_file(&key(name), &kept.place("dest")).await;
        assert!(matches!(got, Err(BlobError::Damaged { .. })), "{got:?}");
        assert!(
            !kept.place("dest").exists(),
            "a damaged blob does not reach the cache"
        );
        assert!(leftovers(kept.folder.path()).is_empty());
    }
}

#[tokio::test]
async fn a_bucket_that_falters_gets_what_it_was_given_and_once() {
    let [_, kept] = both().await;
    let (blobs, server) = (&kept.blobs, kept.server.as_ref().unwrap());
    let content = pattern(20_000_000);
    let source = kept.file("source", &content);
    for (name, faults) in [
        ("refuses", vec![Fault::Refuse, Fault::Refuse]),
        ("loses", vec![Fault::LoseAnswer]),
        (
            "loses-all",
            vec![Fault::LoseAnswer, Fault::Refuse, Fault::LoseAnswer],
        ),
        ("waits", vec![Fault::Delay(Duration::from_millis(300)); 3]),
    ] {
        let (small, large) = (key(&format!("6/{name}")), key(&format!("6/{name}.pack")));
        server.faults(faults.clone());
        blobs
            .put_bytes(&small, Bytes::from_static(b"small"))
            .await
            .unwrap();
        assert!(read(blobs, &small).await == b"small", "{name}");
        server.faults(faults.clone());
        blobs.put_file(&large, &source).await.unwrap();
        server.faults(faults.clone());
        blobs.get_to_file(&large, &kept.place("dest")).await.unwrap();
        assert!(fs::read(kept.place("dest")).unwrap() == content, "{name}");
        fs::remove_file(kept.place("dest")).unwrap();
        server.faults(faults.clone());
        assert_eq!(blobs.size(&large).await.unwrap(), Some(content.len() as u64));
        server.faults(faults.clone());
        blobs.delete(&large).await.unwrap();
        assert_eq!(blobs.size(&large).await.unwrap(), None);
        assert!(server.faults_left() < faults.len(), "{name} has come to pass");
    }
    server.faults(vec![Fault::Refuse; 20]);
    let refused = blobs
        .put_bytes(&key("6/never"), Bytes::from_static(b"x"))
        .await
        .unwrap_err();
    assert!(refused.may_be_retried(), "{refused:?}");
}

#[tokio::test]
async fn a_directory_shares_its_files_with_the_cache() {
    let [kept, _] = both().await;
    let source = kept.file("source", b"one copy");
    kept.blobs.put_file(&key("1/a"), &source).await.unwrap();
    kept.blobs
        .get_to_file(&key("1/a"), &kept.place("dest"))
        .await
        .unwrap();
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&source), inode(&kept.behind(&key("1/a"))));
    assert_eq!(inode(&source), inode(&kept.place("dest")));
    assert!(fs::metadata(&source).unwrap().permissions().readonly());
}

#[tokio::test]
async fn copies_that_were_never_finished_are_swept() {
    let [kept, _] = both().await;
    let left = kept.folder.path().join("blobs/.incoming/.blob-left");
    fs::write(&left, b"half").unwrap();
    assert!(
        kept.blobs.list("", None, 10).await.unwrap().is_empty(),
        "it is no blob"
    );
    assert_eq!(
        kept.blobs.sweep_unfinished(1000).await.unwrap(),
        0,
        "it may still be on its way"
    );
    assert_eq!(kept.blobs.sweep_unfinished(FUTURE_MS).await.unwrap(), 1);
    assert!(!left.exists());
}

#[tokio::test]
async fn a_bucket_that_refuses_is_told_from_one_that_is_away() {
    let server = S3Server::start().await.unwrap();
    let wrong = S3Settings {
        secret_access_key: "wrong".into(),
        ..settings(&server)
    };
    let refused = Blobs::s3(wrong).unwrap().check().await.unwrap_err();
    assert!(matches!(refused, BlobError::Denied { .. }), "{refused:?}");
    let missing = S3Settings {
        bucket: "no-such-bucket".into(),
        ..settings(&server)
    };
    let refused = Blobs::s3(missing).unwrap().check().await.unwrap_err();
    assert!(matches!(refused, BlobError::Denied { .. }), "{refused:?}");
    let away = Blobs::s3(settings(&server)).unwrap();
    drop(server);
    tokio::task::yield_now().await;
    let unreachable = away.put_bytes(&key("1/a"), Bytes::new()).await.unwrap_err();
    assert!(
        matches!(unreachable, BlobError::Unavailable { .. }),
        "{unreachable:?}"
    );
    assert!(unreachable.may_be_retried());
}

#[test]
fn settings_that_cannot_work_are_refused_and_secrets_are_not_printed() {
    let good = S3Settings {
        bucket: "b".into(),
        region: "r".into(),
        access_key_id: "id".into(),
        secret_access_key: "hush".into(),
        ..S3Settings::default()
    };
    assert!(Blobs::s3(good.clone()).is_ok());
    for bad in [
        S3Settings {
            bucket: String::new(),
            ..good.clone()
        },
        S3Settings {
            secret_access_key: String::new(),
            ..good.clone()
        },
        S3Settings {
            endpoint: Some("localhost:9000".into()),
            ..good.clone()
        },
        S3Settings {
            prefix: "../up".into(),
            ..good.clone()
        },
    ] {
        assert!(matches!(Blobs::s3(bad), Err(BlobError::BadSetting { .. })));
    }
    assert!(!format!("{good:?}").contains("hush"));
    assert!(!format!("{:?}", Blobs::s3(good).unwrap()).contains("hush"));
}

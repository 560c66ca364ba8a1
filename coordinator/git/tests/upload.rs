//! Real git clients clone and fetch through `upload_pack`.

mod support {
    pub mod place;
    pub mod server;
    pub use place::*;
}

use plue_git::browse::Reader;
use plue_git::upload::{
    Exchange, PackCacheSettings, UploadError, UploadSettings, upload_archive, upload_pack,
};
use plue_git::wire::Protocol;
use plue_git::{ObjectFormat, Oid};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use support::server::greet;
use support::{Place, command, person};
use tokio::io::BufReader;
use tokio::net::TcpListener;

/// A cached repository with `commits` commits on its branch, each of which adds a file.
async fn stored(format: ObjectFormat, commits: usize) -> (Place, Oid) {
    let mut place = Place::new(format).await;
    let mut tip = None;
    for n in 0..commits {
        tip = Some(place.commit(
            &format!("dir{}/f{n}", n % 3),
            &format!("{n}\n").repeat(200 * (n + 1)),
        ));
    }
    let tip = tip.expect("a commit");
    let pack = place.pack(&["main"], false);
    let quarantine = place.receive(&pack).await.expect("a good pack");
    place.accept(&quarantine, &[("refs/heads/main", tip)]);
    (place, tip)
}

/// Serves fetches until the test ends.
async fn serve_uploads(place: &Place, settings: UploadSettings) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (git, bare) = (place.git.clone(), place.bare.clone());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (git, bare, settings) = (git.clone(), bare.clone(), settings.clone());
            tokio::spawn(async move {
                let (input, output) = socket.split();
                let mut input = BufReader::new(input);
                let (service, protocol) = greet(&mut input).await;
                assert_eq!(service, "git-upload-pack");
                let way = Exchange::Stateful;
                // A client that failed says so itself.
                let reader = Reader::new(&git, &bare);
                let _ = upload_pack(&reader, &protocol, way, &settings, input, output).await;
            });
        }
    });
    address
}

/// Runs the client in a thread, as the server needs this one.
async fn client(place: &Place, args: &[&str]) -> std::process::Output {
    let mut client = command(place.root.path(), args);
    client.env("GIT_TERMINAL_PROMPT", "0");
    tokio::task::spawn_blocking(move || client.output().expect("git runs"))
        .await
        .expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_of_the_protocol_clones() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let (place, tip) = stored(format, 5).await;
        let address = serve_uploads(&place, UploadSettings::default()).await;
        let url = format!("git://{address}/x");
        for version in ["0", "1", "2"] {
            let config = format!("protocol.version={version}");
            let to = format!("clone{version}");
            let out = client(&place, &["-c", &config, "clone", "-q", &url, &to]).await;
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let clone = place.root.path().join(to);
            person(&clone, &["fsck", "--full", "--strict"]);
            assert_eq!(person(&clone, &["rev-parse", "HEAD"]), tip.to_string());
            assert_eq!(person(&clone, &["symbolic-ref", "HEAD"]), "refs/heads/main");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shallow_and_partial_clones_and_single_objects() {
    let (place, _) = stored(ObjectFormat::Sha1, 5).await;
    let address = serve_uploads(&place, UploadSettings::default()).await;
    let url = format!("git://{address}/x");
    let missing = |clone: &str| {
        let dir = place.root.path().join(clone);
        let listed = person(
            &dir,
            &[
                "rev-list",
                "--objects",
                "--all",
                "--missing=print",
                "--no-object-names",
            ],
        );
        listed.lines().filter(|line| line.starts_with('?')).count()
    };
    for (to, how, lacking) in [
        ("shallow", "--depth=1", 0),
        ("blobless", "--filter=blob:none", 5),
        ("small", "--filter=blob:limit=500", 4),
        ("treeless", "--filter=tree:0", 5),
    ] {
        let out = client(&place, &["clone", "-q", "-n", how, &url, to]).await;
        assert!(
            out.status.success(),
            "{how}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        assert_eq!(missing(to), lacking, "{how}");
    }
    assert_eq!(
        person(
            &place.root.path().join("shallow"),
            &["rev-list", "--count", "HEAD"]
        ),
        "1"
    );
    // A blob by its id.
    person(place.root.path(), &["init", "-q", "single"]);
    let blob = place.oid("main:dir1/f1").to_string();
    let out = client(&place, &["-C", "single", "fetch", "-q", &url, &blob]).await;
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    // Filters that cost too much are refused, in words.
    for filter in ["sparse:oid=main:x", "tree:9", "object:type=blob"] {
        let how = format!("--filter={filter}");
        let out = client(&place, &["clone", "-q", "-n", &how, &url, "refused"]).await;
        assert!(!out.status.success(), "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_has_its_own_ways() {
    let (place, tip) = stored(ObjectFormat::Sha1, 2).await;
    let settings = UploadSettings::default();
    let ask = async |protocol: &str, exchange: Exchange, input: &[u8]| {
        let protocol = Protocol::parse(protocol).expect("a protocol");
        let mut out = vec![];
        let served = upload_pack(
            &Reader::new(&place.git, &place.bare),
            &protocol,
            exchange,
            &settings,
            input,
            &mut out,
        )
        .await
        .expect("served");
        assert_eq!(served.bytes_out, out.len() as u64);
        String::from_utf8_lossy(&out).into_owned()
    };
    let v0 = ask("version=0", Exchange::Advertise, b"").await;
    assert!(
        v0.starts_with("001e# service=git-upload-pack\n0000") && v0.contains(&format!("{tip} HEAD\0")),
        "{v0}"
    );
    let v2 = ask("version=2", Exchange::Advertise, b"").await;
    assert!(v2.starts_with("000eversion 2\n"), "{v2}");
    let refs = ask(
        "version=2",
        Exchange::Stateless,
        b"0014command=ls-refs\n00010009peel\n0000",
    )
    .await;
    assert_eq!(refs, format!("0032{tip} HEAD\n003d{tip} refs/heads/main\n0000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn archives() {
    let (place, _) = stored(ObjectFormat::Sha1, 2).await;
    let mut request = vec![];
    plue_git::wire::pkt::append(&mut request, b"argument --format=tar\n");
    plue_git::wire::pkt::append(&mut request, b"argument main\n");
    request.extend_from_slice(b"0000");
    let mut out = vec![];
    upload_archive(
        &place.git,
        &place.bare,
        &UploadSettings::default(),
        &request[..],
        &mut out,
    )
    .await
    .unwrap();
    assert!(out.starts_with(b"0008ACK\n0000"));
    assert!(String::from_utf8_lossy(&out).contains("dir1/f1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_fail_are_told_apart() {
    let (place, tip) = stored(ObjectFormat::Sha1, 3).await;
    let short = UploadSettings {
        idle: Duration::from_millis(200),
        ..UploadSettings::default()
    };
    let none = Protocol::default();
    let serve =
        async |settings: &UploadSettings, input: tokio::io::DuplexStream, output: tokio::io::DuplexStream| {
            upload_pack(
                &Reader::new(&place.git, &place.bare),
                &none,
                Exchange::Stateful,
                settings,
                input,
                output,
            )
            .await
        };
    // Silent.
    let (_client, input) = tokio::io::duplex(1 << 16);
    let (_screen, output) = tokio::io::duplex(1 << 16);
    let served = serve(&short, input, output).await;
    assert!(matches!(served, Err(UploadError::Idle { .. })), "{served:?}");
    // Too long.
    let hasty = UploadSettings {
        deadline: Duration::from_millis(200),
        ..UploadSettings::default()
    };
    let (_client, input) = tokio::io::duplex(1 << 16);
    let (_screen, output) = tokio::io::duplex(1 << 16);
    let served = serve(&hasty, input, output).await;
    assert!(matches!(served, Err(UploadError::Deadline { .. })), "{served:?}");
    // Gone before the answer.
    let (_client, input) = tokio::io::duplex(1 << 16);
    let (screen, output) = tokio::io::duplex(1 << 16);
    drop(screen);
    let served = serve(&UploadSettings::default(), input, output).await;
    assert!(matches!(served, Err(UploadError::ClientGone(_))), "{served:?}");
    // Gone in the middle of a request: git says that the other end hung up.
    let (mut client, input) = tokio::io::duplex(1 << 16);
    let (_screen, output) = tokio::io::duplex(1 << 16);
    let want = format!("0032want {tip}\n");
    tokio::io::AsyncWriteExt::write_all(&mut client, want.as_bytes())
        .await
        .unwrap();
    drop(client);
    let served = serve(&UploadSettings::default(), input, output).await;
    assert!(matches!(served, Err(UploadError::Failed { .. })), "{served:?}");
    // Asking for what is nowhere.
    let (mut client, input) = tokio::io::duplex(1 << 16);
    let (_screen, output) = tokio::io::duplex(1 << 16);
    let want = format!("0032want {}\n00000009done\n", "1".repeat(40));
    tokio::io::AsyncWriteExt::write_all(&mut client, want.as_bytes())
        .await
        .unwrap();
    let served = serve(&UploadSettings::default(), input, output).await;
    assert!(
        matches!(&served, Err(UploadError::Failed { message }) if message.contains("not our ref")),
        "{served:?}"
    );
}

fn hook() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let profile = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let hook = profile.join("examples/pack_hook");
    assert!(hook.exists(), "cargo test builds the examples, too");
    hook
}

fn kept(place: &Place, end: &str) -> Vec<(std::ffi::OsString, u64)> {
    let mut kept: Vec<_> = std::fs::read_dir(place.root.path().join("packs"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().extension().is_some_and(|found| found == end))
        .map(|entry| (entry.file_name(), entry.metadata().expect("a size").len()))
        .collect();
    kept.sort();
    kept
}

fn with_cache(place: &Place, max_bytes: u64) -> UploadSettings {
    UploadSettings {
        pack_cache: Some(PackCacheSettings {
            hook: hook(),
            dir: place.root.path().join("packs"),
            max_bytes,
        }),
        ..UploadSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_made_once_for_all_who_ask_the_same() {
    let (mut place, tip) = stored(ObjectFormat::Sha1, 8).await;
    let address = serve_uploads(&place, with_cache(&place, 1 << 30)).await;
    let url = format!("git://{address}/x");
    let clone = async |place: &Place, to: &str| {
        let out = client(place, &["clone", "-q", &url, to]).await;
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        person(&place.root.path().join(to), &["fsck", "--full", "--strict"]);
    };
    // Four at once, and one after them.
    tokio::join!(
        clone(&place, "c1"),
        clone(&place, "c2"),
        clone(&place, "c3"),
        clone(&place, "c4")
    );
    clone(&place, "c5").await;
    let first = kept(&place, "pack");
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(kept(&place, "part"), []);
    // It is the file that is served: a clone of a damaged one fails.
    let file = place.root.path().join("packs").join(&first[0].0);
    let good = std::fs::read(&file).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    std::fs::write(&file, bad).unwrap();
    assert!(
        !client(&place, &["clone", "-q", &url, "c6"])
            .await
            .status
            .success()
    );
    std::fs::write(&file, good).unwrap();
    // Another generation is another question.
    let empty = place.open();
    place.known.push(place.known[0]);
    place.accept(&empty, &[("refs/heads/main", tip), ("refs/heads/also", tip)]);
    clone(&place, "c7").await;
    assert_eq!(kept(&place, "pack").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_without_room_serves_all_the_same() {
    let (place, _) = stored(ObjectFormat::Sha1, 8).await;
    for max_bytes in [0, 100, 3000] {
        let address = serve_uploads(&place, with_cache(&place, max_bytes)).await;
        let to = format!("c{max_bytes}");
        let url = format!("git://{address}/x");
        let out = client(&place, &["clone", "-q", &url, &to]).await;
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let total: u64 = kept(&place, "pack").iter().map(|(_, size)| size).sum();
        assert!(total <= max_bytes, "{total} of {max_bytes}");
        assert_eq!(kept(&place, "part"), []);
    }
    // Nor does it matter that its folder cannot be made.
    std::fs::remove_dir_all(place.root.path().join("packs")).unwrap();
    std::fs::write(place.root.path().join("packs"), "a file").unwrap();
    let address = serve_uploads(&place, with_cache(&place, 1 << 20)).await;
    let url = format!("git://{address}/x");
    let out = client(&place, &["clone", "-q", &url, "c"]).await;
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_unused_goes_first() {
    let (place, _) = stored(ObjectFormat::Sha1, 8).await;
    let address = serve_uploads(&place, with_cache(&place, 1 << 30)).await;
    let url = format!("git://{address}/x");
    for depth in 1..=4 {
        let depth_arg = format!("--depth={depth}");
        let to = format!("d{depth}");
        assert!(
            client(&place, &["clone", "-q", &depth_arg, &url, &to])
                .await
                .status
                .success()
        );
    }
    let all = kept(&place, "pack");
    assert_eq!(all.len(), 4);
    let total: u64 = all.iter().map(|(_, size)| size).sum();
    // What a killed process left goes, too.
    std::fs::write(place.root.path().join("packs/dead.part"), "x").unwrap();
    let address = serve_uploads(&place, with_cache(&place, total)).await;
    let url = format!("git://{address}/x");
    assert!(
        client(&place, &["clone", "-q", "--depth=5", &url, "d5"])
            .await
            .status
            .success()
    );
    let now: u64 = kept(&place, "pack").iter().map(|(_, size)| size).sum();
    assert!(now <= total, "{now} of {total}");
    assert_eq!(kept(&place, "part"), []);
}

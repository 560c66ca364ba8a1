//! What a client of protocol version 2 over HTTP is answered without git's program: the same as
//! with it.

mod support {
    pub mod place;
    pub use place::*;
}

use plue_git::browse::Reader;
use plue_git::upload::{Exchange, PackCacheSettings, UploadSettings, upload_pack};
use plue_git::wire::{Protocol, pkt};
use plue_git::{ObjectFormat, Oid};
use std::path::PathBuf;
use support::{Place, command, person, piped};

const BAND_OF_PACK: u8 = 1;

fn request(lines: &[String]) -> Vec<u8> {
    let mut request = vec![];
    for line in lines {
        match line.as_str() {
            "0001" => request.extend_from_slice(b"0001"),
            line => pkt::append(&mut request, line.as_bytes()),
        }
    }
    request.extend_from_slice(pkt::FLUSH);
    request
}

async fn ask(place: &Place, settings: &UploadSettings, exchange: Exchange, request: &[u8]) -> Vec<u8> {
    let reader = Reader::new(&place.git, &place.bare);
    let protocol = Protocol::parse("version=2").expect("a protocol");
    let mut out = vec![];
    let served = upload_pack(&reader, &protocol, exchange, settings, request, &mut out)
        .await
        .expect("served");
    assert_eq!(served.bytes_in, request.len() as u64);
    assert_eq!(served.bytes_out, out.len() as u64);
    out
}

/// What git's own program answers.
fn of_git(place: &Place, request: &[u8]) -> Vec<u8> {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = command(place.bare.dir(), &["upload-pack", "--stateless-rpc", "."])
        .env("GIT_PROTOCOL", "version=2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(request).expect("written");
    drop(stdin);
    child.wait_with_output().expect("git ends").stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn refs_are_listed_as_git_lists_them() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let mut place = Place::new(format).await;
        let settings = UploadSettings::default();
        let arguments = ["peel", "symrefs", "unborn"];
        let prefixes: [&[&str]; 5] = [
            &[],
            &["HEAD"],
            &["refs/heads/"],
            &["HEAD", "refs/tags/v", "refs/heads/main"],
            &["nothing"],
        ];
        for filled in [false, true] {
            if filled {
                let tip = place.commit("a", "a");
                person(&place.work(), &["tag", "-a", "-m", "x", "v1"]);
                let tag = place.oid("refs/tags/v1");
                let quarantine = place.receive(&place.pack(&["main", "v1"], false)).await.unwrap();
                let refs = [
                    ("refs/heads/main", tip),
                    ("refs/heads/other", tip),
                    ("refs/tags/light", tip),
                    ("refs/tags/v1", tag),
                ];
                place.accept(&quarantine, &refs);
                let head = place.bare.head().unwrap();
                let (stamp, listed) = (
                    place.bare.stamp().unwrap().unwrap(),
                    place.bare.read_refs().unwrap().1,
                );
                let peeled: Vec<_> = listed
                    .into_iter()
                    .map(|mut found| {
                        found.peeled = (found.oid == tag).then_some(tip);
                        found
                    })
                    .collect();
                let lazy = plue_git::Durability::Lazy;
                place.bare.write_refs(&head, &peeled, stamp, lazy).unwrap();
            }
            for chosen in 0..1 << arguments.len() {
                for prefixes in prefixes {
                    let mut lines = vec![
                        "command=ls-refs\n".to_owned(),
                        format!("object-format={format}"),
                        "0001".to_owned(),
                    ];
                    let some = arguments
                        .iter()
                        .enumerate()
                        .filter(|(nth, _)| chosen >> nth & 1 == 1);
                    lines.extend(some.map(|(_, argument)| format!("{argument}\n")));
                    lines.extend(prefixes.iter().map(|prefix| format!("ref-prefix {prefix}\n")));
                    let request = request(&lines);
                    let ours = ask(&place, &settings, Exchange::Stateless, &request).await;
                    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
                    assert_eq!(text(ours), text(of_git(&place, &request)), "{filled} {lines:?}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_can_do_is_asked_of_git_once() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let place = Place::new(format).await;
        let settings = UploadSettings::default();
        let first = ask(&place, &settings, Exchange::Advertise, b"").await;
        assert!(String::from_utf8_lossy(&first).contains(&format!("object-format={format}")));
        // It is not asked again: a repository of which nothing can be read is answered the same.
        std::fs::remove_file(place.bare.dir().join("HEAD")).unwrap();
        assert_eq!(ask(&place, &settings, Exchange::Advertise, b"").await, first);
    }
}

/// The pack in an answer.
async fn pack_of(answer: &[u8]) -> Vec<u8> {
    let (mut input, mut pack) = (answer, vec![]);
    let head = pkt::read(&mut input).await.expect("a packet");
    assert_eq!(head, Some(pkt::Packet::Data("packfile\n".into())));
    while let Some(pkt::Packet::Data(bytes)) = pkt::read(&mut input).await.expect("a packet") {
        if bytes[0] == BAND_OF_PACK {
            pack.extend_from_slice(&bytes[1..]);
        }
    }
    assert!(input.is_empty());
    pack
}

fn hook() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let profile = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    profile.join("examples/pack_hook")
}

fn answers(place: &Place) -> Vec<PathBuf> {
    std::fs::read_dir(place.root.path().join("packs"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "answer"))
        .collect()
}

fn clone_of(tip: Oid, format: ObjectFormat, more: &[&str]) -> Vec<u8> {
    let mut lines = vec![
        "command=fetch".to_owned(),
        "agent=test".to_owned(),
        format!("object-format={format}"),
        "0001".to_owned(),
        "ofs-delta".to_owned(),
        format!("want {tip}\n"),
        "done\n".to_owned(),
    ];
    lines.splice(5..5, more.iter().map(|&line| line.to_owned()));
    request(&lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_was_made_is_the_next_answer() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let mut place = Place::new(format).await;
        // Enough for many packets: text that does not shrink.
        let noise: String = (0..60_000_u64)
            .map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        let tip = place.commit("noise", &noise);
        let quarantine = place.receive(&place.pack(&["main"], false)).await.unwrap();
        place.accept(&quarantine, &[("refs/heads/main", tip)]);
        let packs = place.root.path().join("packs");
        let settings = |max_bytes| UploadSettings {
            pack_cache: Some(PackCacheSettings {
                hook: hook(),
                dir: packs.clone(),
                max_bytes,
            }),
            ..UploadSettings::default()
        };
        let large = settings(1 << 30);
        let whole = clone_of(tip, format, &[]);
        let first = pack_of(&ask(&place, &large, Exchange::Stateless, &whole).await).await;
        assert!(first.len() > 300_000, "{}", first.len());
        assert_eq!(answers(&place).len(), 1);
        assert!(pack_of(&ask(&place, &large, Exchange::Stateless, &whole).await).await == first);
        let quiet = clone_of(tip, format, &["no-progress"]);
        assert!(pack_of(&ask(&place, &large, Exchange::Stateless, &quiet).await).await == first);
        // A client unpacks it.
        let unpacked = place.root.path().join("unpacked.git");
        let init = format!("--object-format={format}");
        person(
            place.root.path(),
            &["init", "-q", "--bare", &init, "unpacked.git"],
        );
        piped(&unpacked, &["index-pack", "--stdin", "--strict"], &first);
        person(&unpacked, &["fsck", "--full", "--strict", &tip.to_string()]);
        // It is the file that is sent, and git does not run.
        let kept = answers(&place).remove(0);
        std::fs::write(&kept, "another").unwrap();
        assert!(pack_of(&ask(&place, &large, Exchange::Stateless, &whole).await).await == b"another");
        // Another question has another answer, and so has another generation.
        let partial = clone_of(tip, format, &["filter blob:none"]);
        assert!(pack_of(&ask(&place, &large, Exchange::Stateless, &partial).await).await != b"another");
        assert_eq!(answers(&place).len(), 2);
        let shallow = clone_of(tip, format, &["deepen 1"]);
        ask(&place, &large, Exchange::Stateless, &shallow).await;
        assert_eq!(answers(&place).len(), 2, "that answer has more than a pack in it");
        let empty = place.open();
        place.known.push(place.known[0]);
        place.accept(&empty, &[("refs/heads/main", tip), ("refs/heads/also", tip)]);
        assert!(pack_of(&ask(&place, &large, Exchange::Stateless, &whole).await).await == first);
        assert_eq!(answers(&place).len(), 3);
        // Without room for a pack there is none for its second name.
        let small = settings(10);
        let treeless = clone_of(tip, format, &["filter tree:0"]);
        ask(&place, &small, Exchange::Stateless, &treeless).await;
        assert!(answers(&place).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stands_still_is_let_go() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    let tip = place.commit("a", "a");
    let quarantine = place.receive(&place.pack(&["main"], false)).await.unwrap();
    place.accept(&quarantine, &[("refs/heads/main", tip)]);
    let settings = UploadSettings {
        idle: std::time::Duration::from_millis(200),
        ..UploadSettings::default()
    };
    let reader = Reader::new(&place.git, &place.bare);
    let protocol = Protocol::parse("version=2").unwrap();
    let (_client, input) = tokio::io::duplex(64);
    let served = upload_pack(&reader, &protocol, Exchange::Stateless, &settings, input, vec![]).await;
    assert!(
        matches!(served, Err(plue_git::upload::UploadError::Idle { .. })),
        "{served:?}"
    );
    // Nor does it take what it asked for.
    let (_client, output) = tokio::io::duplex(16);
    let list = request(&["command=ls-refs".to_owned(), "0001".to_owned()]);
    let served = upload_pack(
        &reader,
        &protocol,
        Exchange::Stateless,
        &settings,
        &list[..],
        output,
    )
    .await;
    assert!(
        matches!(served, Err(plue_git::upload::UploadError::Idle { .. })),
        "{served:?}"
    );
}

//! Real git clients push through the server's side of `receive-pack`, into a stand-in for the
//! forge that accepts what is whole.

mod support {
    pub mod place;
    pub mod server;
    pub use place::*;
}

use plue_git::wire::receive::{self, Advertisement, ReceiveLimits};
use plue_git::wire::reply::{RefReport, Reply, Report};
use plue_git::{
    Bare, Durability, Git, ObjectFormat, Oid, Quarantine, QuarantineLimits, RefName, connectivity,
};
use plue_git::{PackedRef, Stamp, Transfer};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use support::server::greet;
use support::{Place, command, person};
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};

/// What the stand-in remembers.
#[derive(Default)]
struct Truth {
    refs: BTreeMap<RefName, Oid>,
    packs: Vec<Oid>,
    options: Vec<String>,
    shallow: usize,
}

#[derive(Clone)]
struct Server {
    git: Git,
    bare: Bare,
    scratch: PathBuf,
    limits: ReceiveLimits,
    quarantine_limits: QuarantineLimits,
    truth: Arc<Mutex<Truth>>,
}

impl Server {
    fn of(place: &Place) -> Self {
        Self {
            git: place.git.clone(),
            bare: place.bare.clone(),
            scratch: place.scratch(),
            limits: ReceiveLimits::default(),
            quarantine_limits: QuarantineLimits::default(),
            truth: Arc::default(),
        }
    }

    async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = self.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move {
                    // A client that goes away is a test of its own.
                    let _ = server.serve(socket).await;
                });
            }
        });
        address
    }

    fn refs(&self) -> Vec<(RefName, Oid)> {
        let truth = self.truth.lock().expect("no panic");
        truth
            .refs
            .iter()
            .map(|(name, oid)| (name.clone(), *oid))
            .collect()
    }

    async fn serve(&self, mut socket: TcpStream) -> std::io::Result<()> {
        let (input, mut output) = socket.split();
        let mut input = BufReader::new(input);
        let (service, protocol) = greet(&mut input).await;
        assert_eq!(service, "git-receive-pack");
        let refs = self.refs();
        let advertisement = Advertisement {
            format: self.bare.format(),
            protocol: &protocol,
            smart_http: false,
            refs: &refs,
            agent: "plue/test",
        };
        receive::advertise(&mut output, &advertisement).await?;
        let read = receive::read_request(&mut input, self.bare.format(), &self.limits).await;
        let (request, mut pack) = match read {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(()),
            Err(refusal) => {
                let none = plue_git::wire::reply::ReportKind::None;
                let reply = Reply::new(&mut output, refusal.sideband, none, false);
                reply.fatal(&refusal.to_string()).await?;
                return receive::drain(&mut input, 1 << 30).await;
            }
        };
        let mut reply = Reply::for_request(output, &request);
        reply.progress("Looking at your push.\n").await?;
        let known = self.truth.lock().expect("no panic").packs.clone();
        let mut quarantine = Quarantine::open(&self.bare, &known, &self.scratch).expect("a quarantine");
        let mut unpack = Ok(());
        if request.expects_pack {
            let limits = &self.quarantine_limits;
            let received = quarantine.receive(&self.git, &mut pack, limits, &mut reply).await;
            unpack = received.map_err(|error| error.to_string());
        }
        let news: Vec<Oid> = request
            .updates
            .iter()
            .map(|update| update.new)
            .filter(|oid| !oid.is_zero())
            .collect();
        let pinned: Vec<Oid> = refs.iter().map(|(_, oid)| *oid).collect();
        if unpack.is_ok() {
            let whole = connectivity::check(&self.git, &quarantine, &news, &pinned).await;
            unpack = whole.map_err(|error| error.to_string());
        }
        let report = self.decide(&request, &quarantine, unpack);
        reply.finish(&report).await?;
        receive::drain(&mut pack, 1 << 30).await
    }

    fn decide(
        &self,
        request: &receive::ReceiveRequest,
        quarantine: &Quarantine,
        unpack: Result<(), String>,
    ) -> Report {
        let mut truth = self.truth.lock().expect("no panic");
        truth.options.extend(request.push_options.iter().cloned());
        truth.shallow += request.shallow.len();
        let mut refs: Vec<RefReport> = request
            .refused
            .iter()
            .map(|refused| RefReport::refused(refused.name.clone(), refused.reason.to_string()))
            .collect();
        let zero = Oid::zero(self.bare.format());
        let stale =
            |update: &receive::RefUpdate| truth.refs.get(&update.name).copied().unwrap_or(zero) != update.old;
        let fails = |update: &receive::RefUpdate| {
            if unpack.is_err() {
                Some("unpacker error")
            } else if stale(update) {
                Some("it changed meanwhile")
            } else if update.name.as_str().ends_with("/protected") {
                Some("this branch is protected")
            } else {
                None
            }
        };
        let any = request.updates.iter().any(|update| fails(update).is_some()) || !refs.is_empty();
        let verdicts: Vec<_> = request.updates.iter().map(fails).collect();
        for (update, verdict) in request.updates.iter().zip(verdicts) {
            let name = update.name.as_str().as_bytes().to_vec();
            refs.push(match verdict {
                Some(why) => RefReport::refused(name, why),
                None if any && request.atomic => RefReport::refused(name, "atomic push failed"),
                None => {
                    match update.is_delete() {
                        true => truth.refs.remove(&update.name),
                        false => truth.refs.insert(update.name.clone(), update.new),
                    };
                    RefReport::ok(&update.name)
                }
            });
        }
        if let (Ok(()), Some(pack)) = (&unpack, quarantine.pack()) {
            self.bare
                .install(pack, Transfer::Link, Durability::Lazy)
                .expect("installed");
            truth.packs.push(pack.checksum);
        }
        let packed: Vec<_> = truth
            .refs
            .iter()
            .map(|(name, oid)| PackedRef {
                name: name.clone(),
                oid: *oid,
                peeled: None,
            })
            .collect();
        let head = RefName::branch("main").expect("a branch");
        let stamp = Stamp {
            generation: 1,
            epoch: 1,
        };
        self.bare
            .write_refs(&head, &packed, stamp, Durability::Lazy)
            .expect("written");
        Report { unpack, refs }
    }
}

/// Runs the client, and answers whether it succeeded and what it said.
async fn client(dir: PathBuf, args: &[&str]) -> (bool, String) {
    let mut client = command(&dir, args);
    let out = tokio::task::spawn_blocking(move || client.output().expect("git runs"))
        .await
        .expect("it ends");
    let said = [out.stdout, out.stderr].concat();
    (out.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_come_move_and_go() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        for version in ["protocol.version=0", "protocol.version=1", "protocol.version=2"] {
            let place = Place::new(format).await;
            let server = Server::of(&place);
            let url = format!("git://{}/x", server.listen().await);
            let push = async |args: &[&str]| {
                let mut all = vec!["-c", version, "push", "--porcelain", &url];
                all.extend(args);
                client(place.work(), &all).await
            };
            let first = place.commit("a", &"a\n".repeat(1000));
            let (ok, said) = push(&["main", "main:refs/heads/x"]).await;
            assert!(ok && said.contains("remote: Looking at your push."), "{said}");
            let second = place.commit("a", &("a\n".repeat(1000) + "b\n"));
            let (ok, said) = push(&["main", ":refs/heads/x"]).await;
            assert!(ok, "{said}");
            let main = RefName::branch("main").unwrap();
            assert_eq!(server.refs(), [(main.clone(), second)]);
            // Nothing to do, a step back, and a tag.
            let (ok, said) = push(&["main"]).await;
            assert!(ok && said.contains("up to date"), "{said}");
            let back = format!("+{first}:refs/heads/main");
            let (ok, said) = push(&[&back]).await;
            assert!(ok && said.contains("forced update"), "{said}");
            person(&place.work(), &["tag", "-a", "-m", "x", "v1"]);
            let (ok, said) = push(&["v1"]).await;
            assert!(ok, "{said}");
            assert_eq!(
                server.refs(),
                [(main, first), ("refs/tags/v1".parse().unwrap(), place.oid("v1"))]
            );
            person(place.bare.dir(), &["fsck", "--full", "--strict"]);
            place.becomes_clean().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_or_some() {
    let place = Place::new(ObjectFormat::Sha1).await;
    let server = Server::of(&place);
    let url = format!("git://{}/x", server.listen().await);
    place.commit("a", "a");
    let names = [
        "main:refs/heads/good",
        "main:refs/heads/protected",
        "main:refs/plue/x",
    ];
    let mut args = vec!["push", "--atomic", &url];
    args.extend(names);
    let (ok, said) = client(place.work(), &args).await;
    assert!(!ok && said.contains("this branch is protected"), "{said}");
    assert_eq!(server.refs(), []);
    args.remove(1);
    let (ok, said) = client(place.work(), &args).await;
    assert!(!ok && said.contains("this branch is protected"), "{said}");
    assert!(said.contains("belong to the server"), "{said}");
    assert_eq!(server.refs().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn push_options_are_data() {
    let place = Place::new(ObjectFormat::Sha1).await;
    let server = Server::of(&place);
    let url = format!("git://{}/x", server.listen().await);
    place.commit("a", "a");
    let options = ["-o", "a=b;role=admin", "-o", "--exec=x $(id)"];
    let push = [&["push"][..], &options, &[&url, "main"]].concat();
    let (ok, said) = client(place.work(), &push).await;
    assert!(ok, "{said}");
    assert_eq!(
        server.truth.lock().unwrap().options,
        ["a=b;role=admin", "--exec=x $(id)"]
    );
    for (option, words) in [
        ("x".repeat(2000), "at most 1024 bytes"),
        ("a\u{1b}[31m".to_owned(), "without control characters"),
    ] {
        let (ok, said) = client(place.work(), &["push", "-o", &option, &url, "main:refs/heads/y"]).await;
        assert!(!ok && said.contains(words), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shallow_clones_push_what_is_whole() {
    let place = Place::new(ObjectFormat::Sha1).await;
    let server = Server::of(&place);
    let url = format!("git://{}/x", server.listen().await);
    place.commit("a", "a");
    place.commit("b", "b");
    let (ok, said) = client(place.work(), &["push", &url, "main"]).await;
    assert!(ok, "{said}");
    let from = format!("file://{}", place.work().display());
    let (ok, said) = client(
        place.root.path().to_owned(),
        &["clone", "-q", "--depth=1", &from, "shallow"],
    )
    .await;
    assert!(ok, "{said}");
    let shallow = place.root.path().join("shallow");
    std::fs::write(shallow.join("c"), "c").unwrap();
    person(&shallow, &["add", "."]);
    person(&shallow, &["commit", "-q", "-m", "c"]);
    // Its parent is there.
    let (ok, said) = client(shallow.clone(), &["push", &url, "main:refs/heads/c"]).await;
    assert!(ok, "{said}");
    assert_eq!(server.truth.lock().unwrap().shallow, 1);
    person(place.bare.dir(), &["fsck", "--full", "--strict"]);
    // On another server nobody has it.
    let elsewhere = Place::new(ObjectFormat::Sha1).await;
    let other = Server::of(&elsewhere);
    let url = format!("git://{}/x", other.listen().await);
    let (ok, said) = client(shallow, &["push", &url, "main"]).await;
    assert!(!ok && said.contains("did not receive expected object"), "{said}");
    assert_eq!(other.refs(), []);
    elsewhere.becomes_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_said_with_the_figure() {
    let place = Place::new(ObjectFormat::Sha1).await;
    let mut server = Server::of(&place);
    server.limits.commands = 2;
    server.quarantine_limits.object_bytes = 1 << 20;
    let url = format!("git://{}/x", server.listen().await);
    place.commit("a", "a");
    let three = [
        "push",
        &url,
        "main:refs/heads/a",
        "main:refs/heads/b",
        "main:refs/heads/c",
    ];
    let (ok, said) = client(place.work(), &three).await;
    assert!(!ok && said.contains("at most 2 refs"), "{said}");
    let noise: String = (0..2_000_000u32)
        .map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26))
        .collect();
    place.commit("big", &noise);
    let (ok, said) = client(place.work(), &["push", &url, "main"]).await;
    assert!(
        !ok && said.contains("larger than the 1 MiB that one may have"),
        "{said}"
    );
    assert_eq!(server.refs(), []);
    place.becomes_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hash_function_is_refused() {
    let place = Place::new(ObjectFormat::Sha256).await;
    place.commit("a", "a");
    let other = Place::new(ObjectFormat::Sha1).await;
    let server = Server::of(&other);
    let url = format!("git://{}/x", server.listen().await);
    let (ok, said) = client(place.work(), &["push", &url, "main"]).await;
    assert!(!ok && said.contains("hash algorithm"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_refs_in_one_push() {
    let place = Place::new(ObjectFormat::Sha1).await;
    let server = Server::of(&place);
    let url = format!("git://{}/x", server.listen().await);
    let tip = place.commit("a", "a");
    let mut packed = String::from("# pack-refs with: peeled fully-peeled sorted \n");
    let mut names: Vec<_> = (0..100_000).map(|n| format!("refs/many/{n}")).collect();
    names.sort();
    for name in &names {
        packed.push_str(&format!("{tip} {name}\n"));
    }
    std::fs::write(place.work().join(".git/packed-refs"), packed).unwrap();
    let push = ["push", "-q", &url, "refs/many/*:refs/heads/many/*"];
    let begin = std::time::Instant::now();
    let (ok, said) = client(place.work(), &push).await;
    assert!(ok, "{said}");
    assert_eq!(server.refs().len(), 100_000);
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
    // One more than permitted.
    place.commit("b", "b");
    let (ok, said) = client(
        place.work(),
        &["push", "-q", &url, "refs/many/*:refs/x/*", "main"],
    )
    .await;
    assert!(!ok && said.contains("at most 100000 refs"), "{said}");
    assert_eq!(server.refs().len(), 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let place = Place::new(ObjectFormat::Sha1).await;
    let server = Server::of(&place);
    let address = server.listen().await;
    let tip = place.commit("a", &"text\n".repeat(10_000));
    let pack = place.pack(&["main"], false);
    let mut whole = vec![];
    let pkt = plue_git::wire::pkt::append;
    pkt(&mut whole, b"git-receive-pack /x\0host=x\0");
    let zero = Oid::zero(ObjectFormat::Sha1);
    let caps = "report-status side-band-64k";
    pkt(
        &mut whole,
        format!("{zero} {tip} refs/heads/main\0{caps}").as_bytes(),
    );
    whole.extend_from_slice(b"0000");
    let before_pack = whole.len();
    whole.extend_from_slice(&pack);
    let steps = [
        10,
        60,
        before_pack - 2,
        before_pack,
        before_pack + 8,
        whole.len() - 30,
        whole.len() - 1,
    ];
    for cut in steps {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(&whole[..cut]).await.unwrap();
        drop(socket);
    }
    place.becomes_clean().await;
    assert_eq!(server.refs(), []);
    // The same bytes, all of them, are a push.
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(&whole).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).await.unwrap();
    assert!(
        said.contains("unpack ok") && said.contains("ok refs/heads/main"),
        "{said}"
    );
    assert_eq!(server.refs().len(), 1);
}

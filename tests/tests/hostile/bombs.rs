//! Requests that grow when they are unpacked. The real client sends them: a proxy on its way puts
//! the bomb in the place of what git had to say.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use plue_tests::http::{Client, pkt};
use plue_tests::process::resident_bytes;

use crate::Place;

/// What every client reads.
const WHY: &str = "the compressed request grows to more than 32 times its size";

fn gzip(bytes: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut child = std::process::Command::new("gzip")
        .args(["-9", "-c"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        output.read_to_end(&mut all).map(|_| all)
    });
    let mut input = child.stdin.take().unwrap();
    for piece in bytes {
        input.write_all(&piece).unwrap();
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    reading.join().unwrap().unwrap()
}

/// A proxy that passes what a client asks on, and instead of its POSTs a compressed body.
fn proxy(server: &str, bomb: Vec<u8>) -> SocketAddr {
    let server: SocketAddr = server.strip_prefix("http://").unwrap().parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let bomb = bomb.clone();
            std::thread::spawn(move || {
                // A client that goes away ends its own connection only.
                let _ = pass(client, server, &bomb);
            });
        }
    });
    address
}

fn pass(mut client: TcpStream, server: SocketAddr, bomb: &[u8]) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut kept: Vec<&str> = head
        .trim_end()
        .lines()
        .filter(|line| {
            let line = line.to_ascii_lowercase();
            let ours = [
                "content-length:",
                "transfer-encoding:",
                "content-encoding:",
                "connection:",
                "expect:",
            ];
            !ours.iter().any(|name| line.starts_with(name))
        })
        .collect();
    let posts = head.starts_with("POST ");
    let length = format!("content-length: {}", bomb.len());
    kept.push("connection: close");
    if posts {
        kept.push("content-encoding: gzip");
        kept.push(&length);
    }
    let mut request = kept.join("\r\n").into_bytes();
    request.extend(b"\r\n\r\n");
    if posts {
        request.extend(bomb);
    }
    let mut upstream = TcpStream::connect(server)?;
    let mut sending = upstream.try_clone()?;
    let sent = std::thread::spawn(move || {
        let _ = sending.write_all(&request);
    });
    // What git itself sends is read away while the answer is on its way.
    let mut away = client.try_clone()?;
    std::thread::spawn(move || std::io::copy(&mut away, &mut std::io::sink()));
    std::io::copy(&mut upstream, &mut client)?;
    client.shutdown(std::net::Shutdown::Both)?;
    let _ = sent.join();
    Ok(())
}

#[test]
fn a_bomb_is_cut_off_and_the_client_reads_why() {
    let place = Place::new();
    let head = place.head();
    let memory_before = resident_bytes(place.plue.process().id());
    // Half a gigabyte each, in a few hundred kilobytes.
    let haves = || (0..64).map(|_| pkt(format!("have {}\n", "0".repeat(40))).repeat(8 << 20 >> 6));
    let want = pkt(format!("want {head} ofs-delta agent=git/by-hand\n"));
    let old = gzip([[want, b"0000".to_vec()].concat()].into_iter().chain(haves()));
    let two = [
        pkt("command=fetch"),
        b"0001".to_vec(),
        pkt(format!("want {head}\n")),
    ]
    .concat();
    let new = gzip([two].into_iter().chain(haves()));
    let command = pkt(format!(
        "{} {} refs/heads/bomb\0 report-status side-band-64k agent=git/by-hand",
        "0".repeat(40),
        head
    ));
    let commands = gzip(std::iter::once(command.clone()).chain((0..500).map(|part| {
        let line = |number| {
            pkt(format!(
                "{} {head} refs/heads/{part:04}{number:04}",
                "0".repeat(40)
            ))
        };
        (0..1000).flat_map(line).collect()
    })));
    let pack = [&command[..], b"0000PACK\0\0\0\x02\0\0\0\x01"].concat();
    let packs = gzip(std::iter::once(pack).chain((0..512).map(|_| vec![0; 1 << 20])));
    for (what, version, args, bomb) in [
        ("a fetch of version 0", "0", &["fetch"][..], old),
        ("a fetch of version 2", "2", &["fetch"], new),
        ("commands of a push", "0", &["push"], commands),
        ("a pack of zeros", "0", &["push"], packs),
    ] {
        assert!(bomb.len() < 4 << 20, "{what} travels as {} bytes", bomb.len());
        let address = proxy(place.plue.http(), bomb);
        let url = format!("http://ada:{}@{address}/ada/engine.git", place.token);
        let version = format!("protocol.version={version}");
        let refspec = if args == ["push"] {
            "HEAD:refs/heads/bomb"
        } else {
            "main"
        };
        let mut all = vec!["-c", version.as_str()];
        all.extend(args);
        all.extend([url.as_str(), refspec]);
        // A clone that has nothing, so that there is something to be fetched.
        let name = what.replace(' ', "-");
        place.home.git(place.home.path(), &["init", "-q", &name]).unwrap();
        let work = if args == ["push"] {
            place.work.clone()
        } else {
            place.home.at(&name)
        };
        let said = place.home.try_git(&work, &all).unwrap();
        assert!(!said.ok, "{what}: {said:?}");
        println!("{what}: {}", said.err);
        // What is wrong in another way first is told of that.
        let other = match what {
            "commands of a push" => "one push may change at most",
            "a pack of zeros" => "the pack is damaged",
            _ => WHY,
        };
        assert!(
            said.err.contains(WHY) || said.err.contains(other),
            "{what}: {}",
            said.err
        );
    }
    place.await_quiet();
    let memory_after = resident_bytes(place.plue.process().id());
    assert!(
        memory_after < memory_before + (64 << 20),
        "{memory_before} to {memory_after}"
    );
    place.expect_refs_untouched();
    place.plue.stop().unwrap();
}

#[test]
fn what_is_no_gzip_is_told_so() {
    let place = Place::new();
    let basic = place.basic();
    let client = Client::new(place.plue.http())
        .unwrap()
        .with("authorization", &basic);
    let whole = gzip([pkt("command=ls-refs\n"), b"0000".to_vec()]);
    for (body, cut) in [
        (&b"not compressed at all"[..], false),
        (&whole[..whole.len() - 9], true),
    ] {
        for service in ["git-upload-pack", "git-receive-pack"] {
            let kind = format!("application/x-{service}-request");
            let headers = [("content-type", kind.as_str()), ("content-encoding", "gzip")];
            let reply = client
                .send("POST", &format!("/ada/engine.git/{service}"), &headers, body)
                .unwrap();
            assert!(reply.status < 500, "{service}: {}", reply.status);
            let told = reply.text();
            assert!(
                cut || told.contains("ERR ") || told.contains('\u{3}'),
                "{service}: {told:?}"
            );
        }
    }
    place.await_quiet();
    place.expect_refs_untouched();
    place.plue.stop().unwrap();
}

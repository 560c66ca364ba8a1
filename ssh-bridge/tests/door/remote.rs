//! The door on one host, the house on another.

use crate::coordinator::{Coordinator, SECRET, now_ms};
use crate::house::{House, LIMIT, Open, Person, outcome, until};
use plue_ssh_bridge::{BridgeConfig, Remote, RemoteConfig};
use std::process::Stdio;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn remote(url: &str, secret: &str) -> Remote {
    Remote::new(&RemoteConfig {
        url: url.to_owned(),
        ca: None,
        secret: secret.to_owned(),
        now_ms,
    })
    .expect("a fit configuration")
}

#[tokio::test(flavor = "multi_thread")]
async fn git_works_through_a_bridge() {
    let house = House::new();
    house.bare("a.git");
    let person = Person::member(&house);
    let coordinator = Coordinator::new(house.clone()).await;
    let door = Open::new(BridgeConfig::default(), remote(&coordinator.url(), SECRET)).await;
    let git = async |args: &[&str]| {
        let done = person.git(door.address, args).await;
        assert_eq!(done.status, Some(0), "git {args:?}: {done:?}");
        done.output
    };
    git(&["init", "-q", "-b", "main", "work"]).await;
    let noise: Vec<u8> = (0_u32..2_000_000)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    std::fs::write(person.dir.path().join("work/noise"), noise).expect("written");
    git(&["-C", "work", "add", "."]).await;
    git(&["-C", "work", "commit", "-qm", "noise"]).await;
    let url = format!("git@{}:/a.git", door.address.ip());
    git(&["-C", "work", "push", "-q", &url, "main"]).await;
    git(&["clone", "-q", &url, "clone"]).await;
    git(&["-C", "clone", "fsck", "--full", "--strict"]).await;

    let both = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(
        (both.status, both.output.as_str()),
        (Some(7), "to the left"),
        "{both:?}"
    );
    assert!(both.errors.ends_with("to the right"), "{}", both.errors);
    let hello = outcome(person.ssh(door.address, &["-T"], None)).await;
    assert_eq!(hello.output, format!("Hello, {}!\n", person.fingerprint()));
    let stranger = Person::stranger(&["-t", "ed25519"]);
    let done = outcome(stranger.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(done.status, Some(255));
    assert!(
        house
            .addresses()
            .iter()
            .all(|address| address == "127.0.0.1" || address == "::1")
    );

    let mut up = person
        .ssh(door.address, &[], Some("count"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("ssh");
    let mut stdin = up.stdin.take().expect("piped");
    stdin.write_all(&vec![1; 20_000_000]).await.expect("sent");
    drop(stdin);
    let up = tokio::time::timeout(LIMIT, up.wait_with_output())
        .await
        .expect("in time")
        .expect("ssh");
    assert!(
        String::from_utf8_lossy(&up.stdout).starts_with("20000000 "),
        "{up:?}"
    );
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_with_its_client_on_the_other_host_too() {
    let house = House::new();
    let person = Person::member(&house);
    let coordinator = Coordinator::new(house.clone()).await;
    let door = Open::new(BridgeConfig::default(), remote(&coordinator.url(), SECRET)).await;
    let mut up = person
        .ssh(door.address, &[], Some("count"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("ssh");
    until("the command runs", || house.running.load(Ordering::SeqCst) == 1).await;
    up.kill().await.expect("killed");
    until("its input broke, it did not end", || {
        house.abandoned.load(Ordering::SeqCst) == 1
    })
    .await;
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_behind_tls_must_show_its_certificate() {
    let house = House::new();
    let person = Person::member(&house);
    let certify = |name: &str| {
        let file = |kind: &str| house.dir.path().join(format!("{name}.{kind}"));
        let (certificate, key) = (file("crt"), file("key"));
        let made = std::process::Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ])
            .args(["-nodes", "-days", "2", "-subj", "/CN=forge"])
            .args([
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl");
        assert!(made.status.success(), "{made:?}");
        (certificate, key)
    };
    let (certificate, key) = certify("own");
    let (other, _) = certify("other");
    let coordinator = Coordinator::with_tls(house.clone(), &certificate, &key).await;
    for (ca, status) in [(certificate, 7), (other, 128)] {
        let remote = Remote::new(&RemoteConfig {
            url: format!("https://{}", coordinator.address),
            ca: Some(ca),
            secret: SECRET.to_owned(),
            now_ms,
        });
        let door = Open::new(BridgeConfig::default(), remote.expect("fit")).await;
        let done = outcome(person.ssh(door.address, &[], Some("both"))).await;
        assert_eq!(done.status, Some(status), "{done:?}");
        door.close().await;
    }
    assert_eq!(house.seen().len(), 1);
    let nothing = house.dir.path().join("own.key");
    for ca in [nothing, house.dir.path().join("none")] {
        let refused = Remote::new(&RemoteConfig {
            url: "https://127.0.0.1".to_owned(),
            ca: Some(ca),
            secret: SECRET.to_owned(),
            now_ms,
        });
        assert!(refused.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_secret_a_bridge_gets_nothing() {
    let house = House::new();
    let person = Person::member(&house);
    let coordinator = Coordinator::new(house.clone()).await;
    let other = SECRET.replace('1', "2");
    let door = Open::new(BridgeConfig::default(), remote(&coordinator.url(), &other)).await;
    let done = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(done.status, Some(128), "{done:?}");
    assert!(
        done.errors.contains("The forge does not accept this SSH bridge"),
        "{}",
        done.errors
    );
    assert!(house.seen().is_empty());
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_reads_that_the_forge_is_away_and_it_may_come_back() {
    let house = House::new();
    let person = Person::member(&house);
    let coordinator = Coordinator::new(house.clone()).await;
    let address = coordinator.address;
    let door = Open::new(BridgeConfig::default(), remote(&coordinator.url(), SECRET)).await;
    drop(coordinator);
    let away = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(away.status, Some(128), "{away:?}");
    assert!(
        away.errors
            .contains("The forge cannot be reached right now; please try again in a minute."),
        "{}",
        away.errors
    );

    let coordinator = Coordinator::at(address, house.clone()).await;
    let flood = format!("flood {}", 1_u64 << 33);
    let mut cut = person.ssh(door.address, &[], Some(&flood)).spawn().expect("ssh");
    let mut stdout = cut.stdout.take().expect("piped");
    let mut stderr = cut.stderr.take().expect("piped");
    let mut begun = vec![0; 8_000_000];
    stdout.read_exact(&mut begun).await.expect("the beginning");
    drop(coordinator);
    let mut text = String::new();
    let (rest, told) = tokio::join!(
        tokio::io::copy(&mut stdout, &mut begun),
        stderr.read_to_string(&mut text)
    );
    assert!(rest.is_ok() && told.is_ok());
    assert!(
        text.contains("The connection to the forge was lost before the command was done"),
        "{text}"
    );
    let status = tokio::time::timeout(LIMIT, cut.wait()).await.expect("in time");
    assert_eq!(status.expect("ssh").code(), Some(128));

    let _coordinator = Coordinator::at(address, house.clone()).await;
    let back = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(back.status, Some(7), "{back:?}");
    door.close().await;
}

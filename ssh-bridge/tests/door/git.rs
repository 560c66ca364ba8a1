//! git and OpenSSH at the door.

use crate::house::{House, Inside, Open, Person, outcome};
use plue_ssh_bridge::BridgeConfig;

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_pushed_and_cloned_in_every_protocol_version() {
    let house = House::new();
    let bare = house.bare("a.git");
    let person = Person::member(&house);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    let git = async |args: &[&str]| {
        let done = person.git(door.address, args).await;
        assert_eq!(done.status, Some(0), "git {args:?}: {done:?}");
        done.output
    };
    git(&["init", "-q", "-b", "main", "work"]).await;
    // Not compressible, and larger than the window that OpenSSH opens.
    let noise: Vec<u8> = (0_u32..3_000_000)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    std::fs::write(person.dir.path().join("work/noise"), noise).expect("written");
    git(&["-C", "work", "add", "."]).await;
    git(&["-C", "work", "commit", "-qm", "noise"]).await;
    let url = format!("git@{}:/a.git", door.address.ip());
    git(&["-C", "work", "push", "-q", &url, "main", "main:refs/heads/other"]).await;
    let pushed = git(&["-C", "work", "rev-parse", "main"]).await;
    for version in ["0", "1", "2"] {
        let clone = format!("clone-{version}");
        let version = format!("protocol.version={version}");
        git(&["-c", &version, "clone", "-q", &url, &clone]).await;
        assert_eq!(git(&["-C", &clone, "rev-parse", "origin/other"]).await, pushed);
        git(&["-C", &clone, "fsck", "--full", "--strict"]).await;
    }
    git(&["-C", "work", "push", "-q", &url, ":other"]).await;
    let refs = git(&[
        "-C",
        &bare.to_string_lossy(),
        "for-each-ref",
        "--format=%(refname)",
    ])
    .await;
    assert_eq!(refs.trim(), "refs/heads/main");
    let archive = git(&["archive", "--remote", &url, "main"]).await;
    assert!(archive.len() > 1_000_000);
    let seen = house.seen();
    assert!(
        seen.iter()
            .all(|exec| exec.fingerprint.as_deref() == Some(&person.fingerprint()))
    );
    let protocols: Vec<_> = seen
        .iter()
        .filter(|exec| exec.command.as_deref() == Some("git-upload-pack '/a.git'"))
        .map(|exec| exec.git_protocol.as_deref())
        .collect();
    assert_eq!(protocols, [None, Some("version=1"), Some("version=2")]);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_is_greeted_and_other_wishes_are_refused() {
    let house = House::new();
    let person = Person::member(&house);
    let door = Open::new(
        BridgeConfig {
            banner: Some("Be kind.".into()),
            ..BridgeConfig::default()
        },
        Inside(house.clone()),
    )
    .await;
    let greeting = format!("Hello, {}!\n", person.fingerprint());
    let hello = outcome(person.ssh(door.address, &["-T"], None)).await;
    assert_eq!((hello.status, hello.output), (Some(0), greeting));
    assert!(hello.errors.contains("Be kind."), "{}", hello.errors);

    let subsystem = outcome(person.ssh(door.address, &["-s"], Some("sftp"))).await;
    assert_ne!(subsystem.status, Some(0));
    assert!(
        subsystem.errors.contains("subsystem request failed"),
        "{}",
        subsystem.errors
    );

    let forward = outcome(person.ssh(
        door.address,
        &[
            "-R",
            "0:localhost:1",
            "-o",
            "ExitOnForwardFailure=yes",
            "-o",
            "ForwardAgent=yes",
        ],
        Some("both"),
    ))
    .await;
    assert_eq!(forward.status, Some(255), "{forward:?}");
    let through = outcome(person.ssh(door.address, &["-W", "localhost:22"], None)).await;
    assert!(
        through.errors.contains("administratively prohibited"),
        "{through:?}"
    );
    let squeezed = outcome(person.ssh(door.address, &["-vv", "-C"], Some("both"))).await;
    assert!(
        squeezed.errors.contains("compression: none"),
        "{}",
        squeezed.errors
    );

    let both = outcome(person.ssh(door.address, &["-o", "LogLevel=ERROR"], Some("both"))).await;
    assert_eq!(both.status, Some(7));
    assert_eq!(both.output, "to the left");
    assert!(both.errors.ends_with("to the right"), "{}", both.errors);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_well_formed_git_protocol_comes_through_the_environment() {
    let house = House::new();
    let person = Person::member(&house);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    for (set, expected) in [
        ("GIT_PROTOCOL=version=2", Some("version=2")),
        (
            "GIT_PROTOCOL=version=1:object-format=sha256",
            Some("version=1:object-format=sha256"),
        ),
        ("GIT_PROTOCOL=version=9", None),
        ("GIT_PROTOCOL=--split-string=sh", None),
        ("GIT_PROTOCOL=version=2;id", None),
        ("LD_PRELOAD=/x.so", None),
        ("GIT_DIR=/etc", None),
    ] {
        let set = format!("SetEnv={set}");
        let done = outcome(person.ssh(door.address, &["-o", &set], Some("both"))).await;
        assert_eq!(done.status, Some(7), "{done:?}");
        let exec = house.seen().pop().expect("it ran");
        assert_eq!(exec.git_protocol.as_deref(), expected, "{set}");
    }
    let long = format!("git-upload-pack '{}'", "x".repeat(5_000));
    let done = outcome(person.ssh(door.address, &[], Some(&long))).await;
    assert_eq!(done.status, Some(128));
    assert!(
        done.errors.contains("The command line is too long."),
        "{}",
        done.errors
    );
    assert_eq!(house.seen().len(), 7, "the backend did not see it");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_key_type_signs_in_and_sha1_does_not() {
    let house = House::new();
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    for key_type in [
        &["-t", "ed25519"][..],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "ecdsa", "-b", "521"],
        &["-t", "rsa", "-b", "3072"],
    ] {
        let person = Person::member_with(&house, key_type);
        let done = outcome(person.ssh(door.address, &[], Some("both"))).await;
        assert_eq!(done.status, Some(7), "{key_type:?}: {done:?}");
        if key_type.contains(&"rsa") {
            for (algorithm, status) in [("rsa-sha2-256", 7), ("rsa-sha2-512", 7), ("ssh-rsa", 255)] {
                let option = format!("PubkeyAcceptedAlgorithms={algorithm}");
                let done = outcome(person.ssh(door.address, &["-o", &option], Some("both"))).await;
                assert_eq!(done.status, Some(status), "{algorithm}: {done:?}");
            }
        }
    }
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_commands_share_a_connection() {
    let house = House::new();
    let person = Person::member(&house);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    let socket = person.dir.path().join("mux");
    let control = format!("ControlPath={}", socket.display());
    let mut master = person
        .ssh(door.address, &["-N", "-M", "-o", &control], None)
        .spawn()
        .expect("ssh");
    crate::house::until("the master is ready", || socket.exists()).await;
    let slow = outcome(person.ssh(door.address, &["-o", &control], Some("sleep 1500")));
    let quick = async {
        let began = std::time::Instant::now();
        for _ in 0..3 {
            let done = outcome(person.ssh(door.address, &["-o", &control], Some("both"))).await;
            assert_eq!(done.status, Some(7), "{done:?}");
        }
        began.elapsed()
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!((slow.status, slow.output.as_str()), (Some(0), "slept"));
    assert!(quick.as_millis() < 1_500, "{quick:?}");
    let connections: std::collections::HashSet<_> = {
        let seen = house.seen.lock().expect("no test panicked");
        seen.iter().map(|(connection, _)| connection.id.clone()).collect()
    };
    assert_eq!(connections.len(), 1);
    master.kill().await.expect("it ends");
    door.close().await;
}

use super::*;
use plue_contract::SshKeyId;
use plue_forge::accounts::{by_ssh_fingerprint, set_disabled};
use plue_forge::collaborators;
use plue_forge::repositories::NewRepository;
use plue_forge::repositories::Visibility;
use plue_forge::ssh_keys::{self, NewSshKey, PublicKey};
use std::path::Path;
use std::process::Command;

/// A key as the real `ssh-keygen` makes it: the line of its `.pub` file, and the fingerprint
/// that `ssh-keygen -l` prints.
fn keygen(folder: &Path, arguments: &[&str]) -> (String, String) {
    let file = folder.join(arguments.concat());
    let run = |arguments: &[&str]| {
        let output = Command::new("ssh-keygen")
            .args(arguments)
            .arg("-f")
            .arg(&file)
            .output()
            .expect("`ssh-keygen` of OpenSSH is needed to run this test");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    };
    run(&[&["-q", "-N", "", "-C", "ada@engine"], arguments].concat());
    let printed = run(&["-l", "-E", "sha256"]);
    let fingerprint = printed.split(' ').nth(1).expect("a fingerprint").to_owned();
    (
        std::fs::read_to_string(file.with_extension("pub")).expect("a .pub file"),
        fingerprint,
    )
}

#[test]
fn strong_keys_are_read_as_openssh_reads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, kind) in [
        (&["-t", "ed25519"][..], "ssh-ed25519"),
        (&["-t", "ecdsa", "-b", "256"], "ecdsa-sha2-nistp256"),
        (&["-t", "ecdsa", "-b", "384"], "ecdsa-sha2-nistp384"),
        (&["-t", "ecdsa", "-b", "521"], "ecdsa-sha2-nistp521"),
        (&["-t", "rsa", "-b", "3072"], "ssh-rsa"),
    ] {
        let (line, fingerprint) = keygen(folder.path(), arguments);
        let key = PublicKey::parse(&line).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(
            (key.kind(), key.fingerprint(), key.comment()),
            (kind, &fingerprint[..], "ada@engine")
        );
        let bare = line.trim().strip_suffix(" ada@engine").expect("a comment");
        assert_eq!(key.openssh(), bare);
        assert_eq!(
            PublicKey::parse(bare).expect("without a comment").fingerprint(),
            fingerprint
        );
    }
}

#[test]
fn weak_and_strange_keys_are_refused_with_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    let (good, _) = keygen(folder.path(), &["-t", "ed25519"]);
    let good = good.trim();
    let (weak, _) = keygen(folder.path(), &["-t", "rsa", "-b", "2048"]);
    let private = std::fs::read_to_string(folder.path().join("-ted25519")).expect("a private key");
    let refused = |text: &str| match PublicKey::parse(text) {
        Err(Error::Invalid {
            field: "publicKey",
            detail,
        }) => detail,
        other => panic!("{text:?}: {other:?}"),
    };
    assert!(refused(&weak).contains("2048"));
    assert!(refused(&private).contains("private key"));
    let (kind, rest) = good.split_once(' ').expect("a kind");
    let data = rest.split(' ').next().expect("data");
    for bad in [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-dss AAAAB3NzaC1kc3MAAACBAP1/U4EddRIpUt9KnC7s5Of2EbdSPO9EAMMeP4C2USZpRV1AIlH7WT2NWPq/xfW6MPbLm1Vs14E7gB00b/JmYLdrmVClpJ+f6AR7ECLCT7up1/63xhv4O1fnxqimFQ8E+4P208UewwI1VBNaFpEy9nXzrith1yrv8iIDGZ3RSAHHAAAAFQCXYFCPFSMLzLKSuYKi64QL8Fgc9QAAAIEA9+GghdabPd7LvKtcNrhXuXmUr7v6OuqC+VdMCz0HgmdRWVeOutRZT+ZxBxCBgLRJFnEj6EwoFhO3zwkyjMim4TwWeotUfI0o4KOuHiuzpnWRbqN/C/ohNWLx+2J6ASQ7zKTxvqhRkImog9/hWuWfBpKLZl6Ae1UlZAFMO/7PSSoAAACAF8dQ",
        &format!("ssh-rsa {data}"),
        &format!("{kind} {}", &data[..data.len() - 8]),
        &format!("{kind} {data}AAAA"),
        &format!("command=\"sh\" {good}"),
        &format!("{good}\n{good}"),
        &format!("{kind}\t{data}"),
        &format!("{good}\0"),
        &"A".repeat(10_000),
    ] {
        refused(bad);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_one_account() {
    let folder = tempfile::tempdir().expect("a folder");
    let (line, fingerprint) = &keygen(folder.path(), &["-t", "ed25519"]);
    in_both_houses(async |house| {
        house.admin("root-1").await;
        let (ada, bob) = (house.account("ada").await, house.account("bob").await);
        let (me, him) = (house.signed_in(&ada).await, house.signed_in(&bob).await);
        let add = async |caller: &Caller, name: &str| {
            let new = NewSshKey {
                name: name.into(),
                public_key: line.clone(),
            };
            ssh_keys::add(&house.forge, house.write_self(caller).await, new, NOW).await
        };
        let whose = async || {
            by_ssh_fingerprint(&house.forge, fingerprint, NOW)
                .await
                .expect("an answer")
        };
        assert_eq!(whose().await, None);
        let (one, two) = tokio::join!(add(&me, ""), add(&him, "mine"));
        let (key, owner, other) = match (one, two) {
            (
                Ok(key),
                Err(Error::Conflict {
                    field: "publicKey", ..
                }),
            ) => (key, &me, &him),
            (
                Err(Error::Conflict {
                    field: "publicKey", ..
                }),
                Ok(key),
            ) => (key, &him, &me),
            other => panic!("one of two gets it: {other:?}"),
        };
        let expected = owner.account();
        let Some(Who::Account { id, via, scopes, .. }) = whose().await else {
            panic!("it opens an account")
        };
        assert_eq!(
            (Some(id), via, scopes),
            (expected, Via::SshKey(key.id), "repo".parse().expect("a scope"))
        );

        let listed = ssh_keys::list(&house.forge, house.read_self(owner).await)
            .await
            .expect("a list");
        assert_eq!((listed.len(), listed[0].last_used_at_ms), (1, Some(NOW)));
        let delete = async |caller: &Caller, id: SshKeyId| {
            ssh_keys::delete(&house.forge, house.write_self(caller).await, id, NOW).await
        };
        assert!(matches!(delete(other, key.id).await, Err(Error::NotFound)));
        delete(owner, key.id).await.expect("deleted");
        assert_eq!(whose().await, None);

        let again = ssh_keys::add_for(
            &house.forge,
            house.administer().await,
            &ada.name,
            NewSshKey {
                name: "".into(),
                public_key: line.clone(),
            },
            NOW,
        );
        assert_eq!(again.await.expect("free again").name, "ada@engine");
        set_disabled(&house.forge, house.administer().await, &ada.name, true, NOW)
            .await
            .expect("disabled");
        assert_eq!(whose().await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repositorys_key_and_an_accounts_key_are_not_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let (line, fingerprint) = &keygen(folder.path(), &["-t", "ed25519"]);
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let me = house.signed_in(&ada).await;
        let owner = access::repositories::create_under(&house.forge, &me, &ada.name, NOW)
            .await
            .expect("her own");
        let new = NewRepository {
            name: "engine".parse().expect("a name"),
            description: String::new(),
            visibility: Visibility::Private,
            object_format: plue_git::ObjectFormat::Sha1,
            default_bookmark: None,
        };
        let engine = plue_forge::repositories::create(&house.forge, owner, new, NOW)
            .await
            .expect("a repository");
        let administer = async || {
            let path = &engine.path();
            access::repositories::administer(&house.forge, &me, path, NOW)
                .await
                .expect("her own")
        };
        let add = async |line: &str| {
            collaborators::add_deploy_key(&house.forge, administer().await, "robot", line, false, NOW).await
        };
        let key = add(line).await.expect("a deploy key");
        let whose = async || {
            by_ssh_fingerprint(&house.forge, fingerprint, NOW)
                .await
                .expect("an answer")
        };
        assert_eq!(
            whose().await,
            Some(Who::DeployKey {
                id: key.id,
                repository: engine.id,
                write: false
            })
        );
        let keys = collaborators::deploy_keys(&house.forge, administer().await)
            .await
            .expect("a list");
        assert_eq!(keys[0].last_used_at_ms, Some(NOW));
        let new = NewSshKey {
            name: "k".into(),
            public_key: line.clone(),
        };
        let taken = ssh_keys::add(&house.forge, house.write_self(&me).await, new, NOW).await;
        assert!(matches!(
            taken,
            Err(Error::Conflict {
                field: "publicKey",
                ..
            })
        ));

        collaborators::remove_deploy_key(&house.forge, administer().await, key.id, NOW)
            .await
            .expect("removed");
        assert_eq!(whose().await, None);
        let new = NewSshKey {
            name: "k".into(),
            public_key: line.clone(),
        };
        ssh_keys::add(&house.forge, house.write_self(&me).await, new, NOW)
            .await
            .expect("free again");
        assert!(
            matches!(add(line).await, Err(Error::Conflict { .. })),
            "and taken, the other way round"
        );
    })
    .await;
}

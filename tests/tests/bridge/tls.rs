//! The bridge and its coordinator over TLS: a proxy with a certificate of the tests' own authority
//! stands in front of `plue serve`, as one would between two hosts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use plue_tests::git::Said;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::{Bridge, OTHER_SECRET, SECRET, forge, newcomer};

/// What the user reads where the forge's certificate is not the right one.
const UNTRUSTED: &str = "cannot be sure that it speaks with the forge, because the certificate is wrong";

/// Somebody whose word about certificates counts for those who have its own.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Authority {
        let authority = Authority {
            folder: tempfile::tempdir().unwrap(),
        };
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=An authority of tests",
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
        ]);
        authority
    }

    fn openssl(&self, args: &[&str]) {
        let made = Command::new("openssl")
            .current_dir(self.folder.path())
            .args(args)
            .output()
            .expect("the tests need openssl");
        assert!(made.status.success(), "{args:?}: {}", Said::from(made).err);
    }

    /// The file that a bridge is given.
    fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// A certificate for a name, such as `IP:127.0.0.1`, and its key.
    fn certify(&self, name: &str) -> (PathBuf, PathBuf) {
        self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=forge",
            "-keyout",
            "forge.key",
            "-out",
            "forge.csr",
        ]);
        let extensions = format!("subjectAltName={name}\nbasicConstraints=critical,CA:FALSE\n");
        std::fs::write(self.folder.path().join("forge.ext"), extensions).unwrap();
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            "forge.csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "forge.ext",
            "-out",
            "forge.crt",
        ]);
        let file = |name: &str| self.folder.path().join(name);
        (file("forge.crt"), file("forge.key"))
    }
}

/// A proxy that speaks TLS to bridges and plain HTTP/2 to a coordinator, until it is dropped.
struct Proxy {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Proxy {
    fn before(coordinator: &str, (certificate, key): (PathBuf, PathBuf)) -> Proxy {
        let coordinator: SocketAddr = coordinator.strip_prefix("http://").unwrap().parse().unwrap();
        let tls = TlsAcceptor::from(Arc::new(config(&certificate, &key)));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            loop {
                let (bridge, _) = listener.accept().await.unwrap();
                let tls = tls.clone();
                tokio::spawn(async move {
                    // A bridge that does not like the certificate goes away.
                    let Ok(mut bridge) = tls.accept(bridge).await else {
                        return;
                    };
                    let mut coordinator = TcpStream::connect(coordinator).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut bridge, &mut coordinator).await;
                });
            }
        });
        Proxy {
            address,
            _runtime: runtime,
        }
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

fn config(certificate: &Path, key: &Path) -> ServerConfig {
    let certificates = CertificateDer::pem_file_iter(certificate).unwrap();
    let certificates = certificates.collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

fn bridge(proxy: &Proxy, authority: &Authority, secret: &str) -> Bridge {
    let ca = authority.certificate();
    Bridge::start_at(&proxy.url(), secret, |command| command.env("COORDINATOR_CA", ca))
}

#[test]
fn git_works_through_a_bridge_that_knows_the_forges_authority() {
    let plue = forge();
    let authority = Authority::new();
    let proxy = Proxy::before(plue.http(), authority.certify("IP:127.0.0.1"));
    let bridge = bridge(&proxy, &authority, SECRET);
    let home = newcomer(&plue, "ada", bridge.address);
    let work = home.small_repository("work").unwrap();
    home.git(&work, &["push", "-q", "ssh://plue/ada/engine", "main"])
        .unwrap();
    home.git(home.path(), &["clone", "-q", "ssh://plue/ada/engine", "clone"])
        .unwrap();
    let clone = home.at("clone");
    home.fsck(&clone).unwrap();
    assert_eq!(
        home.git(&clone, &["rev-parse", "HEAD"]).unwrap(),
        home.git(&work, &["rev-parse", "HEAD"]).unwrap()
    );
    let tip = home.commit(&clone, "more.txt", "more\n", "More").unwrap();
    home.git(&clone, &["push", "-q", "origin", "main"]).unwrap();
    let listed = home
        .git(&work, &["ls-remote", "ssh://plue/ada/engine", "main"])
        .unwrap();
    assert!(listed.starts_with(&tip), "{listed}");
    bridge.stop();
    plue.stop().unwrap();
}

#[test]
fn a_bridge_believes_no_other_certificate_and_its_user_reads_why() {
    let plue = forge();
    let (own, other) = (Authority::new(), Authority::new());
    let right = Proxy::before(plue.http(), own.certify("IP:127.0.0.1"));
    let of_another_host = Proxy::before(plue.http(), own.certify("DNS:forge.example"));
    for (proxy, authority) in [(&right, &other), (&of_another_host, &own)] {
        let bridge = bridge(proxy, authority, SECRET);
        let name = format!("user-{}", bridge.address.port());
        let home = newcomer(&plue, &name, bridge.address);
        let work = home.small_repository("work").unwrap();
        let address = format!("ssh://plue/{name}/engine");
        for args in [&["push", &address, "main"][..], &["ls-remote", &address]] {
            let said = home.try_git(&work, args).unwrap();
            assert!(!said.ok && said.out.is_empty(), "{said:?}");
            assert!(said.err.contains(UNTRUSTED), "{said:?}");
        }
        let hello = home.ssh(&["-T", "plue"]).unwrap();
        assert!(!hello.ok && hello.err.contains(UNTRUSTED), "{hello:?}");
        let log = bridge.process.errors();
        assert!(
            log.contains("invalid peer certificate"),
            "its administrator reads more: {log}"
        );
        bridge.stop();
    }
    let listed = plue.admin(&["repo", "list"]).unwrap();
    assert_eq!(
        listed["repositories"],
        serde_json::json!([]),
        "nothing came through"
    );

    // A bridge that was told to speak without TLS reaches nobody.
    let bridge = Bridge::start_at(&right.url().replace("https", "http"), SECRET, |command| command);
    let home = newcomer(&plue, "plain", bridge.address);
    let hello = home.ssh(&["-T", "plue"]).unwrap();
    assert!(
        !hello.ok && hello.err.contains("The forge cannot be reached right now"),
        "{hello:?}"
    );
    bridge.stop();
    plue.stop().unwrap();
}

#[test]
fn without_the_secret_tls_opens_nothing() {
    let plue = forge();
    let authority = Authority::new();
    let proxy = Proxy::before(plue.http(), authority.certify("IP:127.0.0.1"));
    let bridge = bridge(&proxy, &authority, OTHER_SECRET);
    let home = newcomer(&plue, "ada", bridge.address);
    plue.admin(&["repo", "create", "ada/open"]).unwrap();
    for address in ["ssh://plue/ada/open", "ssh://anonymous@plue/ada/open"] {
        let said = home.try_git(home.path(), &["ls-remote", address]).unwrap();
        assert!(!said.ok && said.out.is_empty(), "{said:?}");
        assert!(
            said.err.contains("The forge does not accept this SSH bridge"),
            "{said:?}"
        );
    }
    bridge.stop();
    plue.stop().unwrap();
}

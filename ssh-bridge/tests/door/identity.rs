//! Who somebody is: only what a verified signature says.

use crate::house::{House, Inside, Open, Person, outcome};
use plue_ssh_bridge::{ANONYMOUS_USER, BridgeConfig};
use russh::client::{self, AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{ChannelMsg, SendError, Signer};
use std::net::SocketAddr;
use std::sync::Arc;

/// A client that trusts every host.
pub struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

pub async fn connect(address: SocketAddr) -> Handle<Trusting> {
    client::connect(Arc::new(client::Config::default()), address, Trusting)
        .await
        .expect("a handshake")
}

pub fn private(person: &Person) -> PrivateKey {
    let text = std::fs::read_to_string(&person.key).expect("the key");
    PrivateKey::from_openssh(text).expect("a key")
}

pub async fn sign_in(session: &mut Handle<Trusting>, person: &Person) -> AuthResult {
    let key = PrivateKeyWithHashAlg::new(Arc::new(private(person)), None);
    session
        .authenticate_publickey("git", key)
        .await
        .expect("an answer")
}

/// Runs a line and answers what it wrote.
pub async fn exec(session: &Handle<Trusting>, line: Option<&str>) -> String {
    let mut channel = session.channel_open_session().await.expect("a channel");
    match line {
        Some(line) => channel.exec(true, line).await.expect("sent"),
        None => channel.request_shell(true).await.expect("sent"),
    }
    let mut output = String::new();
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::Data { data } = message {
            output.push_str(&String::from_utf8_lossy(&data));
        }
    }
    output
}

#[derive(Debug)]
enum Unsigned {
    Asked,
    Closed,
}

impl From<SendError> for Unsigned {
    fn from(_: SendError) -> Self {
        Self::Closed
    }
}

/// Offers a key, and does not sign when asked to.
struct Offers;

impl Signer for Offers {
    type Error = Unsigned;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        _: Option<HashAlg>,
        _: Vec<u8>,
    ) -> Result<Vec<u8>, Unsigned> {
        Err(Unsigned::Asked)
    }
}

/// Offers a key, and signs with another.
struct Forges(PrivateKey);

impl Signer for Forges {
    type Error = Unsigned;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        _: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, Unsigned> {
        use russh::keys::signature::Signer as _;
        use russh::keys::ssh_encoding::Encode;
        let signature = self.0.try_sign(&to_sign).expect("a signature");
        let mut encoded = Vec::new();
        signature.encode(&mut encoded).expect("encoded");
        encoded.as_slice().encode(&mut to_sign).expect("encoded");
        Ok(to_sign)
    }
}

fn public(person: &Person) -> PublicKey {
    private(person).public_key().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_offered_but_does_not_sign_gives_nothing() {
    let house = House::new();
    let (admin, user) = (Person::member(&house), Person::member(&house));
    let stranger = Person::stranger(&["-t", "ed25519"]);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;

    let mut session = connect(door.address).await;
    let offered = session
        .authenticate_publickey_with("git", public(&admin), None, &mut Offers)
        .await;
    assert!(matches!(offered, Err(Unsigned::Asked)), "{offered:?}");
    assert!(
        !session.is_closed() && session.channel_open_session().await.is_err(),
        "no channel opens"
    );

    let mut session = connect(door.address).await;
    let offered = session
        .authenticate_publickey_with("git", public(&admin), None, &mut Offers)
        .await;
    assert!(matches!(offered, Err(Unsigned::Asked)), "{offered:?}");
    assert!(sign_in(&mut session, &user).await.success());
    let greeting = exec(&session, None).await;
    assert_eq!(
        greeting,
        format!("Hello, {}!\n", user.fingerprint()),
        "who signed is who it is"
    );

    let mut session = connect(door.address).await;
    let forged = session
        .authenticate_publickey_with("git", public(&admin), None, &mut Forges(private(&stranger)))
        .await
        .expect("an answer");
    assert!(!forged.success(), "another's signature");
    assert!(!sign_in(&mut session, &stranger).await.success());
    assert!(sign_in(&mut session, &user).await.success());
    let greeting = exec(&session, None).await;
    assert_eq!(greeting, format!("Hello, {}!\n", user.fingerprint()));
    let fingerprints: Vec<_> = house
        .seen()
        .into_iter()
        .map(|exec| exec.fingerprint.expect("signed in"))
        .collect();
    assert!(!fingerprints.contains(&admin.fingerprint()), "{fingerprints:?}");
    drop(session);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_method_opens_the_door() {
    let house = House::new();
    let person = Person::member(&house);
    let door = Open::new(BridgeConfig::default(), Inside(house.clone())).await;
    let mut session = connect(door.address).await;
    let AuthResult::Failure {
        remaining_methods, ..
    } = session.authenticate_none("git").await.expect("an answer")
    else {
        panic!("nobody comes in without a key");
    };
    assert_eq!(&remaining_methods[..], [russh::MethodKind::PublicKey]);
    assert!(
        !session
            .authenticate_password("git", "secret")
            .await
            .expect("an answer")
            .success()
    );
    let asked = session
        .authenticate_keyboard_interactive_start("git", None)
        .await
        .expect("an answer");
    assert!(
        matches!(asked, client::KeyboardInteractiveAuthResponse::Failure { .. }),
        "{asked:?}"
    );
    assert!(
        sign_in(&mut session, &person).await.success(),
        "and a key still does"
    );

    for (user, text) in [
        ("root", "The user name is git"),
        (ANONYMOUS_USER, "nobody in without a key"),
    ] {
        let done = outcome(person.ssh_as(user, door.address, &[], Some("both"))).await;
        assert_eq!(done.status, Some(255));
        assert!(done.errors.contains(text), "{}", done.errors);
    }
    assert!(house.seen().is_empty());
    drop(session);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anonymous_readers_come_in_where_they_may() {
    let house = House::new();
    let (person, stranger) = (Person::member(&house), Person::stranger(&["-t", "ed25519"]));
    let config = BridgeConfig {
        anonymous_read: true,
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    let done = outcome(stranger.ssh_as(ANONYMOUS_USER, door.address, &[], Some("both"))).await;
    assert_eq!(done.status, Some(7), "{done:?}");
    let done = outcome(stranger.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(
        done.status,
        Some(255),
        "an unknown key is not anonymous: {done:?}"
    );
    let done = outcome(person.ssh(door.address, &[], Some("both"))).await;
    assert_eq!(done.status, Some(7), "{done:?}");
    let fingerprints: Vec<_> = house.seen().into_iter().map(|exec| exec.fingerprint).collect();
    assert_eq!(fingerprints, [None, Some(person.fingerprint())]);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_several_keys_counts() {
    let house = House::new();
    let person = Person::member(&house);
    let strangers: Vec<_> = (0..6).map(|_| Person::stranger(&["-t", "ed25519"])).collect();
    let config = BridgeConfig {
        max_auth_failures: 2,
        ..BridgeConfig::default()
    };
    let door = Open::new(config, Inside(house.clone())).await;
    for _ in 0..4 {
        let mut session = connect(door.address).await;
        for stranger in &strangers {
            assert!(!sign_in(&mut session, stranger).await.success());
        }
        assert!(sign_in(&mut session, &person).await.success());
    }
    door.close().await;
}

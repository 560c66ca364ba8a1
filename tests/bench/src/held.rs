//! Three hundred SSH connections that are held open together, then a clone over each, against
//! OpenSSH with git-shell. The client is one process, the same for both.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use plue_tests::history::History;
use plue_tests::process::resident_bytes;
use plue_tests::serve::Settings;
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{ChannelMsg, client};

use crate::peers::OpenSsh;
use crate::{Row, Verdict, median};

const CONNECTIONS: usize = 300;
const ROUNDS: usize = 3;

/// What one round has measured.
struct Round {
    seconds: f64,
    bytes_per_connection: f64,
}

pub fn run() -> anyhow::Result<Vec<Row>> {
    let what = format!("{CONNECTIONS} SSH connections held, then a clone each");
    let settings = Settings::new()?
        .env("SSH_MAX_CONNECTIONS", "2000")
        .env("SSH_MAX_PER_IP_CONNECTIONS", "2000")
        .env("SSH_RATE_LIMIT_PER_MINUTE", "100000")
        .env("PLUE_LIMITS", "git=1000000/60s");
    let plue = settings.start()?;
    let (home, _) = plue.newcomer("ada")?;
    let repository = History::of(200).make(&home, "small.git")?;
    home.git(&repository, &["push", "-q", "--mirror", &plue.url("ada/engine")])?;
    let peer = match OpenSsh::start(&home.at(".ssh/id.pub"), &repository)? {
        Ok(peer) => peer,
        Err(why) => return Ok(vec![Row::skipped(&what, "OpenSSH + git-shell", why)]),
    };
    let key = home.at(".ssh/id");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let process = plue.process().id();
    let mut of_peer = Vec::new();
    let mut of_plue = Vec::new();
    for _ in 0..ROUNDS {
        let memory = || peer.resident_bytes();
        of_peer.push(runtime.block_on(round(
            peer.address,
            peer.user(),
            &key,
            &peer.upload_pack(),
            &memory,
        ))?);
        let memory = || resident_bytes(process);
        of_plue.push(runtime.block_on(round(
            plue.ssh(),
            "git",
            &key,
            "git-upload-pack 'ada/engine'",
            &memory,
        ))?);
    }
    plue.stop()?;
    let seconds = |rounds: &[Round]| median(rounds.iter().map(|round| round.seconds).collect());
    let kilobytes = |rounds: &[Round]| median(rounds.iter().map(|r| r.bytes_per_connection / 1e3).collect());
    let (peer_s, plue_s) = (seconds(&of_peer), seconds(&of_plue));
    // The first round pays for what is kept afterwards, so the most of all rounds is what counts.
    let plue_kb = of_plue
        .iter()
        .map(|round| round.bytes_per_connection / 1e3)
        .fold(0.0, f64::max);
    Ok(vec![
        Row::new(
            &what,
            "OpenSSH + git-shell",
            format!("{peer_s:.2} s"),
            format!("{plue_s:.2} s"),
            Verdict::AtMost(plue_s / peer_s, 0.7),
        ),
        Row::new(
            "memory of an idle SSH connection, KB",
            "OpenSSH + git-shell",
            format!("{:.0} KB", kilobytes(&of_peer)),
            format!("{plue_kb:.0} KB"),
            Verdict::AtMost(plue_kb, 150.0),
        ),
    ])
}

struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        // The server was started by this program a moment ago.
        Ok(true)
    }
}

async fn round(
    address: SocketAddr,
    user: &str,
    key: &Path,
    command: &str,
    memory: &dyn Fn() -> u64,
) -> anyhow::Result<Round> {
    let key = Arc::new(load_secret_key(key, None)?);
    let config = Arc::new(client::Config {
        nodelay: true,
        ..client::Config::default()
    });
    let before = memory();
    let began = Instant::now();
    let mut connecting = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (config, key, user) = (Arc::clone(&config), Arc::clone(&key), user.to_owned());
        connecting.spawn(async move {
            let mut session = client::connect(config, address, Trusting)
                .await
                .context("connecting")?;
            let key = PrivateKeyWithHashAlg::new(key, None);
            ensure!(
                session.authenticate_publickey(user, key).await?.success(),
                "the key was refused"
            );
            anyhow::Ok(session)
        });
    }
    let mut sessions = Vec::new();
    while let Some(session) = connecting.join_next().await {
        sessions.push(session??);
    }
    let connected = began.elapsed();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let held = memory().saturating_sub(before);
    let began = Instant::now();
    let mut cloning = tokio::task::JoinSet::new();
    for session in sessions {
        let command = command.to_owned();
        cloning.spawn(async move { clone(session, &command).await });
    }
    while let Some(cloned) = cloning.join_next().await {
        cloned??;
    }
    Ok(Round {
        seconds: (connected + began.elapsed()).as_secs_f64(),
        bytes_per_connection: held as f64 / CONNECTIONS as f64,
    })
}

/// Asks for everything that HEAD reaches and reads the pack to its end, in protocol version 0.
async fn clone(session: client::Handle<Trusting>, command: &str) -> anyhow::Result<()> {
    let mut channel = session.channel_open_session().await?;
    channel.exec(true, command).await?;
    let mut received = Vec::new();
    let mut asked = false;
    let mut errors = String::new();
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Data { data }) => {
                received.extend_from_slice(&data);
                if !asked && received.ends_with(b"0000") {
                    asked = true;
                    let id = received.get(4..44).context("an advertisement")?;
                    let want = format!("want {} side-band-64k ofs-delta\n", std::str::from_utf8(id)?);
                    let request = format!("{:04x}{want}00000009done\n", want.len() + 4);
                    received.clear();
                    channel.data(request.as_bytes()).await?;
                }
            }
            Some(ChannelMsg::ExtendedData { data, .. }) => errors.push_str(&String::from_utf8_lossy(&data)),
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                ensure!(
                    exit_status == 0,
                    "git-upload-pack ended with {exit_status}: {errors}"
                );
            }
            Some(_) => {}
            None => break,
        }
    }
    let has_pack = received.windows(4).any(|four| four == b"PACK");
    if !asked || !has_pack || !received.ends_with(b"0000") {
        bail!("the clone broke off after {} bytes: {errors}", received.len());
    }
    Ok(())
}

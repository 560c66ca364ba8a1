//! Clones and fetches: git's own `upload-pack`, on a cached repository, between two streams.
//!
//! The protocol is git's business here. This module gives it its configuration, moves the bytes,
//! and ends it when the client is gone or the time is over. Over HTTP, what a client of version 2
//! asks for again and again is answered without it (`answers.rs`): what the server can do, which
//! refs there are, where its bundle is, and a pack that was made for somebody before.

mod answers;

use crate::browse::Reader;
use crate::cache::Bare;
use crate::child::{self, Child, Git, GitError};
use crate::pack_cache::Answer;
use crate::wire::{Protocol, pkt};
use answers::{Answered, Begun};
use bytes::BytesMut;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// In which way a client and `upload-pack` talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The answer to `GET info/refs` over HTTP.
    Advertise,
    /// One request and one answer, as in a POST over HTTP.
    Stateless,
    /// The whole conversation over one connection, as with SSH.
    Stateful,
}

/// What serving one client may cost.
#[derive(Clone, Debug)]
pub struct UploadSettings {
    /// How long it may take altogether.
    pub deadline: Duration,
    /// How long nothing may move in either direction.
    pub idle: Duration,
    /// The deepest `tree:<depth>` filter that a partial clone may ask for.
    pub max_tree_depth: u32,
    /// Where packs that were made once are kept for the next client with the same question.
    pub pack_cache: Option<PackCacheSettings>,
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(3600),
            idle: Duration::from_secs(300),
            max_tree_depth: 8,
            pack_cache: None,
        }
    }
}

/// Where made packs are kept, and by which program.
#[derive(Clone, Debug)]
pub struct PackCacheSettings {
    /// The program that git runs instead of `pack-objects`, which calls
    /// [`crate::pack_cache::run`]: normally the server's own.
    pub hook: PathBuf,
    /// The folder of the kept packs.
    pub dir: PathBuf,
    /// How many bytes they may take together.
    pub max_bytes: u64,
}

/// How much went each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// From the client to git.
    pub bytes_in: u64,
    /// From git to the client.
    pub bytes_out: u64,
}

/// Why a client was not served to the end.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It took too long.
    #[error("this took longer than the {} seconds it may take", deadline.as_secs())]
    Deadline {
        /// How long it may take.
        deadline: Duration,
    },
    /// Nothing moved for too long.
    #[error("nothing moved for {} seconds", idle.as_secs())]
    Idle {
        /// How long nothing may move.
        idle: Duration,
    },
    /// The connection to the client broke.
    #[error("the client is gone")]
    ClientGone(#[source] std::io::Error),
    /// Git ended with an error, which is in its own words; it has told the client, too, where
    /// the protocol lets it.
    #[error("{message}")]
    Failed {
        /// Its words.
        message: String,
    },
    /// Git could not be run.
    #[error("git could not be run")]
    Git(#[from] GitError),
}

/// How many bytes are moved at once.
const CHUNK: usize = 256 * 1024;

/// Serves a clone or fetch.
pub async fn upload_pack<R, W>(
    reader: &Reader,
    protocol: &Protocol,
    exchange: Exchange,
    settings: &UploadSettings,
    mut input: R,
    mut output: W,
) -> Result<Served, UploadError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let answered = match (exchange, protocol.version()) {
        (Exchange::Advertise, 2) => answers::advertise(reader, settings, &mut output).await?,
        (Exchange::Stateless, 2) => answers::answer(reader, settings, &mut input, &mut output).await?,
        _ => Answered::Not(Begun::default()),
    };
    let begun = match answered {
        Answered::With(served) => return Ok(served),
        Answered::Not(begun) => begun,
    };
    let command = upload_pack_command(reader, protocol, exchange, settings, begun.answer.as_ref());
    let mut head = vec![];
    if exchange == Exchange::Advertise && protocol.version() != 2 {
        pkt::append(&mut head, b"# service=git-upload-pack\n");
        head.extend_from_slice(pkt::FLUSH);
        output.write_all(&head).await.map_err(UploadError::ClientGone)?;
    }
    let mut served = converse(command, settings, begun.request.chain(input), output).await?;
    served.bytes_out += head.len() as u64;
    Ok(served)
}

/// Git's own program, with all its settings.
fn upload_pack_command(
    reader: &Reader,
    protocol: &Protocol,
    exchange: Exchange,
    settings: &UploadSettings,
    answer: Option<&Answer>,
) -> tokio::process::Command {
    let mut command = reader.git().command(reader.bare().dir());
    let depth = settings.max_tree_depth;
    for setting in [
        "uploadpack.allowFilter=true",
        "uploadpack.allowAnySHA1InWant=true",
        "uploadpackfilter.allow=false",
        "uploadpackfilter.blob:none.allow=true",
        "uploadpackfilter.blob:limit.allow=true",
        "uploadpackfilter.tree.allow=true",
        &format!("uploadpackfilter.tree.maxDepth={depth}"),
    ] {
        command.arg("-c").arg(setting);
    }
    if let Some(cache) = &settings.pack_cache {
        command.arg("-c").arg(format!(
            "uploadpack.packObjectsHook={}",
            shell_word(&cache.hook.to_string_lossy())
        ));
        command
            .env(crate::pack_cache::DIR_VARIABLE, &cache.dir)
            .env(crate::pack_cache::MAX_VARIABLE, cache.max_bytes.to_string());
        if let Some(answer) = answer {
            command.env(crate::pack_cache::ANSWER_VARIABLE, answer.name());
        }
    }
    if let Some(protocol) = protocol.as_env() {
        command.env("GIT_PROTOCOL", protocol);
    }
    command.args(["upload-pack", "--strict"]);
    match exchange {
        Exchange::Advertise => command.args(["--stateless-rpc", "--http-backend-info-refs"]),
        Exchange::Stateless => command.arg("--stateless-rpc"),
        Exchange::Stateful => &mut command,
    };
    command.arg(".");
    command
}

/// Serves `git archive --remote`, which only exists over SSH.
pub async fn upload_archive<R, W>(
    git: &Git,
    bare: &Bare,
    settings: &UploadSettings,
    input: R,
    output: W,
) -> Result<Served, UploadError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut command = git.command(bare.dir());
    command.args(["upload-archive", "."]);
    converse(command, settings, input, output).await
}

/// A word as the shell reads it. Git runs the hook directly if its path is plain, and else gives
/// it to a shell.
fn shell_word(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+,@%".contains(&b) || b >= 0x80;
    match word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

async fn converse<R, W>(
    mut command: tokio::process::Command,
    settings: &UploadSettings,
    mut input: R,
    mut output: W,
) -> Result<Served, UploadError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    command.stdin(Stdio::piped());
    let mut child = Child::start(command)?;
    let mut stdin = child.stdin.take().expect("because the command pipes it");
    let mut stdout = child.stdout.take().expect("because the command pipes it");
    let stderr = child.stderr.take().expect("because the command pipes it");
    // A pipe that holds more wakes both ends less often; a system that refuses serves as well.
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, 4 * CHUNK);
    let (taken, given) = (AtomicU64::new(0), AtomicU64::new(0));

    let feed = async {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(64 * 1024);
            match input.read_buf(&mut buffer).await {
                Ok(0) => break,
                Ok(read) => taken.fetch_add(read as u64, Ordering::Relaxed),
                Err(error) => return UploadError::ClientGone(error),
            };
            // Git closes its end when it has heard enough.
            if stdin.write_all(&buffer).await.is_err() {
                break;
            }
            buffer.clear();
        }
        drop(stdin);
        // The client has said all it had to; only git's end is the end.
        std::future::pending().await
    };
    let serve = async {
        let mut buffer = Vec::with_capacity(CHUNK);
        loop {
            buffer.clear();
            if stdout.read_buf(&mut buffer).await.map_err(GitError::from)? == 0 {
                break;
            }
            output.write_all(&buffer).await.map_err(UploadError::ClientGone)?;
            given.fetch_add(buffer.len() as u64, Ordering::Relaxed);
            // What follows may be long in the making; what is there goes out at once.
            output.flush().await.map_err(UploadError::ClientGone)?;
        }
        Ok(())
    };
    let watch = async {
        let moved = || taken.load(Ordering::Relaxed) + given.load(Ordering::Relaxed);
        loop {
            let before = moved();
            tokio::time::sleep(settings.idle).await;
            if moved() == before {
                return UploadError::Idle { idle: settings.idle };
            }
        }
    };
    // Not to be waited for together: while a client is gone, git may yet have much to say.
    let both = async {
        tokio::try_join!(serve, async {
            Ok(child::read_errors(stderr).await.map_err(GitError::from)?)
        })
    };
    let errors = tokio::time::timeout(settings.deadline, async {
        tokio::select! {
            ended = both => ended.map(|((), errors)| errors),
            error = feed => Err(error),
            error = watch => Err(error),
        }
    })
    .await
    .map_err(|_| UploadError::Deadline {
        deadline: settings.deadline,
    })??;
    let status = child.wait().await.map_err(GitError::from)?;
    if !status.success() {
        let message = match crate::quarantine::intake::own_words(&errors) {
            words if words.is_empty() => status.to_string(),
            words => words,
        };
        return Err(UploadError::Failed { message });
    }
    Ok(Served {
        bytes_in: taken.into_inner(),
        bytes_out: given.into_inner(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_the_shell() {
        assert_eq!(shell_word("/usr/bin/plue"), "/usr/bin/plue");
        assert_eq!(shell_word("/home/Ada's $(x)/plue"), r"'/home/Ada'\''s $(x)/plue'");
    }
}

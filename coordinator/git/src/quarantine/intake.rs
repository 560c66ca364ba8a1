//! One pack's way from the client through the scanner into `git index-pack`.

use super::scan::{self, ScanError, Scanner};
use super::{QuarantineError, QuarantineLimits};
use crate::child::{Child, Git, GitError};
use crate::oid::{ObjectFormat, Oid};
use crate::wire::reply::Reply;
use bytes::{Bytes, BytesMut};
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::process::{ChildStderr, ChildStdin};
use tokio::sync::mpsc;

/// What git finds untidy in old histories and what harms nobody: it is shown to the pusher as a
/// warning. Everything else that `git fsck` knows as an error or a warning refuses the push, the
/// checks of `.gitmodules`, `.git` in other spellings, and file modes among it.
pub const TOLERATED: &[&str] = &[
    "badDate",
    "badEmail",
    "badName",
    "badTimezone",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
];

/// How often an idle line is told that the server is still at work.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How many of git's warnings the pusher is shown.
const SHOWN_WARNINGS: usize = 20;
/// How much of what git says is kept for the case that it refuses the pack, in bytes.
const KEPT_WORDS: usize = 8 * 1024;

/// A pack that git took in.
pub(super) struct Received {
    pub(super) checksum: Oid,
    /// Whether whatever its objects refer to is among them.
    pub(super) self_contained: bool,
}

/// Takes a pack in; none where it has no objects.
pub(super) async fn receive<R, W>(
    git: &Git,
    dir: &Path,
    format: ObjectFormat,
    input: &mut R,
    limits: &QuarantineLimits,
    reply: &mut Reply<W>,
) -> Result<Option<Received>, QuarantineError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut head = [0; scan::HEAD_BYTES];
    read_exact(input, &mut head, limits).await?;
    let objects = scan::read_head(head).map_err(|error| translate(error, limits))?;
    if objects == 0 {
        let mut checksum = vec![0; format.raw_len()];
        read_exact(input, &mut checksum, limits).await?;
        return Ok(None);
    }
    let scanner = Scanner::new(*limits, format, objects).map_err(|error| translate(error, limits))?;
    let mut child = Child::start(index_pack(git, dir, limits, reply.wants_progress()))?;
    let stdin = child.stdin.take().expect("because the command pipes it");
    let stdout = child.stdout.take().expect("because the command pipes it");
    let stderr = child.stderr.take().expect("because the command pipes it");

    let mut screen = Screen::new(stderr);
    feed(input, stdin, head, scanner, limits, &mut screen, reply).await?;
    screen.show_rest(reply).await?;
    let mut printed = String::new();
    stdout.take(1024).read_to_string(&mut printed).await?;
    let status = child.wait().await?;
    let checksum = printed
        .trim_end()
        .strip_prefix("pack\t")
        .and_then(|hex| Oid::parse(hex, format).ok());
    // It ends with 1 if the pack is good and refers to objects outside of it.
    match (status.code(), checksum) {
        (Some(code @ (0 | 1)), Some(checksum)) => Ok(Some(Received {
            checksum,
            self_contained: code == 0,
        })),
        (Some(_), _) if screen.words.contains("No space left on device") => {
            Err(io::Error::from(io::ErrorKind::StorageFull).into())
        }
        (Some(_), _) if !screen.words.is_empty() => Err(QuarantineError::Refused(own_words(&screen.words))),
        _ => Err(GitError::Failed {
            verb: "index-pack".into(),
            message: status.to_string(),
        }
        .into()),
    }
}

fn index_pack(git: &Git, dir: &Path, limits: &QuarantineLimits, progress: bool) -> tokio::process::Command {
    let mut command = git.command(dir);
    let severities: Vec<String> = TOLERATED.iter().map(|id| format!("{id}=warn")).collect();
    // A blob beyond this goes through in pieces and never stands in memory as a whole.
    command.args(["-c", "core.bigFileThreshold=32m"]);
    command
        .args(["index-pack", "--stdin", "--fix-thin", "--rev-index"])
        .arg("--check-self-contained-and-connected")
        .arg(format!("--threads={}", git.threads()))
        .arg(format!("--strict={}", severities.join(",")))
        .arg(format!("--max-input-size={}", limits.pack_bytes));
    if progress {
        command.arg("--show-resolving-progress");
    }
    command.stdin(Stdio::piped());
    command
}

async fn read_exact<R: AsyncRead + Unpin>(
    input: &mut R,
    target: &mut [u8],
    limits: &QuarantineLimits,
) -> Result<(), QuarantineError> {
    match tokio::time::timeout(limits.idle, input.read_exact(target)).await {
        Err(_) => Err(QuarantineError::Idle { idle: limits.idle }),
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(QuarantineError::Truncated),
        Ok(Err(error)) => Err(QuarantineError::Client(error)),
        Ok(Ok(_)) => Ok(()),
    }
}

fn translate(error: ScanError, limits: &QuarantineLimits) -> QuarantineError {
    match error {
        ScanError::PackTooLarge => QuarantineError::PackTooLarge {
            limit_bytes: limits.pack_bytes,
        },
        ScanError::ObjectTooLarge { size_bytes } => QuarantineError::ObjectTooLarge {
            size_bytes,
            limit_bytes: limits.object_bytes,
        },
        ScanError::TooManyObjects { found } => QuarantineError::TooManyObjects {
            found,
            limit: limits.objects,
        },
        ScanError::ExpandsTooFar => QuarantineError::ExpandsTooFar {
            limit_bytes: limits.expanded_bytes,
        },
        ScanError::Damaged(how) => QuarantineError::Damaged(how),
    }
}

/// How the thread that scans and writes came to its end.
enum Fed {
    /// The whole pack was written.
    All,
    /// The stream ended before the pack did.
    Truncated,
    /// Git closed its end; it will say why.
    Closed,
}

/// Moves the pack to git. One thread inflates and writes, while this task reads the client and
/// shows what git says.
async fn feed<R, W>(
    input: &mut R,
    stdin: ChildStdin,
    head: [u8; scan::HEAD_BYTES],
    scanner: Scanner,
    limits: &QuarantineLimits,
    screen: &mut Screen,
    reply: &mut Reply<W>,
) -> Result<(), QuarantineError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let pipe = std::fs::File::from(stdin.into_owned_fd()?);
    let (chunks, queue) = mpsc::channel(8);
    let mut scanning = tokio::task::spawn_blocking(move || scan_and_write(pipe, head, scanner, queue));
    let mut chunks = Some(chunks);
    let mut waiting: Option<Bytes> = None;
    let mut buffer = BytesMut::new();
    let idle = tokio::time::sleep(limits.idle);
    tokio::pin!(idle);
    let fed = loop {
        buffer.reserve(CHUNK);
        let reading = chunks.is_some() && waiting.is_none();
        tokio::select! {
            // Its end first: bytes behind the pack are none of ours.
            biased;
            fed = &mut scanning => break fed.map_err(io::Error::other)?,
            heard = screen.listen() => {
                let heard = heard?;
                screen.show(heard, reply).await?;
            }
            room = room_in(chunks.clone()), if waiting.is_some() => {
                // Without room the thread has ended, which the next turn of the loop sees.
                if let (Some(room), Some(chunk)) = (room, waiting.take()) {
                    room.send(chunk);
                }
                idle.as_mut().reset(tokio::time::Instant::now() + limits.idle);
            }
            read = input.read_buf(&mut buffer), if reading => {
                match read.map_err(QuarantineError::Client)? {
                    0 => chunks = None,
                    _ => waiting = Some(buffer.split().freeze()),
                }
            }
            () = &mut idle, if reading => {
                return Err(QuarantineError::Idle { idle: limits.idle });
            }
        }
    };
    match fed {
        Ok(Fed::All | Fed::Closed) => Ok(()),
        Ok(Fed::Truncated) => Err(QuarantineError::Truncated),
        Err(error) => Err(translate(error, limits)),
    }
}

async fn room_in(chunks: Option<mpsc::Sender<Bytes>>) -> Option<mpsc::OwnedPermit<Bytes>> {
    chunks?.reserve_owned().await.ok()
}

/// How many bytes are read from a client at once.
const CHUNK: usize = 64 * 1024;

fn scan_and_write(
    mut pipe: std::fs::File,
    head: [u8; scan::HEAD_BYTES],
    mut scanner: Scanner,
    mut queue: mpsc::Receiver<Bytes>,
) -> Result<Fed, ScanError> {
    if pipe.write_all(&head).is_err() {
        return Ok(Fed::Closed);
    }
    while let Some(chunk) = queue.blocking_recv() {
        let taken = scanner.feed(&chunk)?;
        if pipe.write_all(&chunk[..taken]).is_err() {
            return Ok(Fed::Closed);
        }
        if scanner.is_over() {
            return Ok(Fed::All);
        }
    }
    Ok(Fed::Truncated)
}

/// What came from git.
enum Heard {
    /// Not a word, for as long as a line may be silent.
    Nothing,
    /// These bytes; none at the end.
    Words(Vec<u8>),
}

/// What git says, on its way to the pusher's screen.
struct Screen {
    stderr: ChildStderr,
    /// The beginning of a line that is not complete.
    line: Vec<u8>,
    /// What it said that was no progress.
    words: String,
    warnings: usize,
    over: bool,
}

impl Screen {
    fn new(stderr: ChildStderr) -> Self {
        Self {
            stderr,
            line: vec![],
            words: String::new(),
            warnings: 0,
            over: false,
        }
    }

    /// Waits for git to say something, or for so long that the line must be kept alive. Nothing
    /// is lost where the future is dropped.
    async fn listen(&mut self) -> io::Result<Heard> {
        if self.over {
            return std::future::pending().await;
        }
        let mut bytes = [0; 4096];
        Ok(
            match tokio::time::timeout(KEEP_ALIVE, self.stderr.read(&mut bytes)).await {
                Err(_) => Heard::Nothing,
                Ok(read) => Heard::Words(bytes[..read?].to_vec()),
            },
        )
    }

    /// Passes on to the pusher what is worth it.
    async fn show<W: AsyncWrite + Unpin>(
        &mut self,
        heard: Heard,
        reply: &mut Reply<W>,
    ) -> Result<(), QuarantineError> {
        let written = match heard {
            Heard::Nothing => reply.keep_alive().await,
            Heard::Words(bytes) => {
                self.over = bytes.is_empty();
                let shown = self.sort(&bytes);
                reply.progress_bytes(&shown).await
            }
        };
        written.map_err(QuarantineError::Client)
    }

    async fn show_rest<W: AsyncWrite + Unpin>(
        &mut self,
        reply: &mut Reply<W>,
    ) -> Result<(), QuarantineError> {
        while !self.over {
            let heard = self.listen().await?;
            self.show(heard, reply).await?;
        }
        Ok(())
    }

    /// Takes words that say what is wrong out of the stream, and answers what is to be shown:
    /// progress, and the first of the warnings.
    fn sort(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut shown = vec![];
        for &byte in bytes {
            self.line.push(byte);
            if !matches!(byte, b'\n' | b'\r') && self.line.len() < 4096 {
                continue;
            }
            let line = std::mem::take(&mut self.line);
            if line.starts_with(b"error:") || line.starts_with(b"fatal:") {
                if self.words.len() < KEPT_WORDS {
                    self.words.push_str(&String::from_utf8_lossy(&line));
                }
            } else if line.starts_with(b"warning:") {
                self.warnings += 1;
                match self.warnings {
                    ..=SHOWN_WARNINGS => shown.extend(line),
                    n if n == SHOWN_WARNINGS + 1 => shown.extend(b"warning: ... and more of the same kind\n"),
                    _ => {}
                }
            } else {
                shown.extend(line);
            }
        }
        shown
    }
}

/// What git said, on one line and without its prefixes.
pub(crate) fn own_words(words: &str) -> String {
    let lines: Vec<&str> = words
        .lines()
        .map(|line| {
            line.trim_start_matches("error: ")
                .trim_start_matches("fatal: ")
                .trim()
        })
        .filter(|line| !line.is_empty())
        .take(10)
        .collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_gathered_on_one_line() {
        assert_eq!(
            own_words("error: object 12: hasDotgit: contains '.git'\nfatal: fsck error in packed object\n"),
            "object 12: hasDotgit: contains '.git'; fsck error in packed object"
        );
    }
}

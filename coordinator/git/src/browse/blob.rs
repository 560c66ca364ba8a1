//! Files: up to a size in one piece, of any size as a stream.

use super::reader::{Reader, Session};
use super::{BrowseError, find_entry, parts, walk_to};
use crate::child::Child;
use crate::connectivity::ObjectKind;
use crate::oid::Oid;
use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// Files up to this size are read in process and in one piece, in bytes.
const MAX_WHOLE_BYTES: u64 = 1 << 20;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its object.
    pub oid: Oid,
    /// What it says.
    pub content: Bytes,
}

/// A file or an archive of any size, read from here.
#[derive(Debug)]
pub struct Raw {
    /// Its object.
    pub oid: Oid,
    /// How much there is to read, in bytes; none where that is not known beforehand.
    pub size_bytes: Option<u64>,
    from: From,
}

#[derive(Debug)]
enum From {
    Memory(std::io::Cursor<Bytes>),
    Child {
        child: Box<Child>,
        stdout: tokio::process::ChildStdout,
        left: Option<u64>,
    },
}

/// Reads a file of a commit, tag or tree, or a blob itself for an empty path, up to a size.
pub async fn blob(reader: &Reader, rev: Oid, path: &str, max_bytes: u64) -> Result<Blob, BrowseError> {
    let parts = parts(path)?;
    reader
        .within(move |session| match find(session, rev, &parts)? {
            (_, size_bytes) if size_bytes > max_bytes => Err(BrowseError::TooLarge {
                size_bytes,
                limit_bytes: max_bytes,
            }),
            (oid, _) => whole(session, oid),
        })
        .await
}

/// Opens a file of a commit, tag or tree, or a blob itself for an empty path, whatever its size.
/// A large one is read from git, piece by piece, as the reader takes it.
pub async fn raw(reader: &Reader, rev: Oid, path: &str) -> Result<Raw, BrowseError> {
    let parts = parts(path)?;
    let (oid, size_bytes, content) = reader
        .within(move |session| {
            let (oid, size_bytes) = find(session, rev, &parts)?;
            let small = size_bytes <= MAX_WHOLE_BYTES;
            let content = small.then(|| whole(session, oid)).transpose()?;
            Ok((oid, size_bytes, content))
        })
        .await?;
    match content {
        Some(blob) => Ok(Raw {
            oid,
            size_bytes: Some(size_bytes),
            from: From::Memory(std::io::Cursor::new(blob.content)),
        }),
        None => {
            let mut command = reader.git().command(reader.bare().dir());
            command
                .args(["cat-file", "blob", &oid.to_string()])
                .stderr(std::process::Stdio::null());
            Ok(Raw::from_child(oid, Some(size_bytes), Child::start(command)?))
        }
    }
}

impl Raw {
    /// What a child writes to its standard output. Its end must be a good one.
    pub(super) fn from_child(oid: Oid, size_bytes: Option<u64>, mut child: Child) -> Self {
        let stdout = child.stdout.take().expect("because the command pipes it");
        Self {
            oid,
            size_bytes,
            from: From::Child {
                child: Box::new(child),
                stdout,
                left: size_bytes,
            },
        }
    }
}

impl AsyncRead for Raw {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match &mut self.from {
            From::Memory(cursor) => Pin::new(cursor).poll_read(context, buffer),
            From::Child { stdout, left, child } => {
                let before = buffer.filled().len();
                ready!(Pin::new(stdout).poll_read(context, buffer))?;
                let read = (buffer.filled().len() - before) as u64;
                if let Some(left) = left {
                    *left = left.saturating_sub(read);
                }
                if read > 0 || buffer.remaining() == 0 {
                    return Poll::Ready(Ok(()));
                }
                // Half a file that looks like a whole one would be the worst answer.
                let ended = ready!(std::pin::pin!(child.wait()).poll(context))?;
                match left {
                    Some(1..) => Poll::Ready(Err(std::io::Error::other("git ended too early"))),
                    _ if !ended.success() => Poll::Ready(Err(std::io::Error::other("git failed"))),
                    _ => Poll::Ready(Ok(())),
                }
            }
        }
    }
}

fn find(session: &mut Session, rev: Oid, parts: &[String]) -> Result<(Oid, u64), BrowseError> {
    let objects = session.objects.as_mut();
    let oid = match parts.split_last() {
        None => rev,
        Some((name, folders)) => {
            let (_, kind, content) = walk_to(objects, rev, folders)?;
            if kind != ObjectKind::Tree {
                return Err(BrowseError::NotFound);
            }
            find_entry(&content, rev, name)?.ok_or(BrowseError::NotFound)?
        }
    };
    match objects.header(oid)?.ok_or(BrowseError::NotFound)? {
        (ObjectKind::Blob, size_bytes) => Ok((oid, size_bytes)),
        _ => Err(BrowseError::NotABlob),
    }
}

fn whole(session: &mut Session, oid: Oid) -> Result<Blob, BrowseError> {
    let (_, content) = session.objects.read(oid)?.ok_or(BrowseError::NotFound)?;
    Ok(Blob {
        oid,
        content: content.into(),
    })
}

/// Whether git would call this content binary: a NUL byte near its beginning.
pub(super) fn is_binary(content: &[u8]) -> bool {
    content[..content.len().min(8000)].contains(&0)
}

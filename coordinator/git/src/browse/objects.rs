//! The two ways of reading objects: in process, and through `git cat-file` for the formats that
//! cannot be read so.

use super::BrowseError;
use super::reader::Reader;
use crate::cache::Bare;
use crate::child::{Git, GitError};
use crate::connectivity::ObjectKind;
use crate::oid::{ObjectFormat, Oid};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Reads objects of one repository. Every function blocks.
pub(super) trait Objects {
    /// An object's kind and size in bytes; none where it does not exist.
    fn header(&mut self, oid: Oid) -> Result<Option<(ObjectKind, u64)>, BrowseError>;
    /// An object's kind and content; none where it does not exist.
    fn read(&mut self, oid: Oid) -> Result<Option<(ObjectKind, Vec<u8>)>, BrowseError>;
}

pub(super) fn open(reader: &Reader) -> Result<Box<dyn Objects>, BrowseError> {
    Ok(match reader.bare().format() {
        ObjectFormat::Sha1 => Box::new(InProcess {
            repository: reader.in_process()?,
        }),
        ObjectFormat::Sha256 => Box::new(ByChild {
            batch: Batch::start(reader.git(), reader.bare())?,
        }),
    })
}

pub(super) fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BrowseError {
    BrowseError::Read(error.into())
}

struct InProcess {
    repository: gix::Repository,
}

pub(super) fn gix_id(oid: Oid) -> Result<gix::ObjectId, BrowseError> {
    gix::ObjectId::try_from(oid.as_bytes()).map_err(failed)
}

fn kind(kind: gix::objs::Kind) -> ObjectKind {
    match kind {
        gix::objs::Kind::Commit => ObjectKind::Commit,
        gix::objs::Kind::Tree => ObjectKind::Tree,
        gix::objs::Kind::Blob => ObjectKind::Blob,
        gix::objs::Kind::Tag => ObjectKind::Tag,
    }
}

impl Objects for InProcess {
    fn header(&mut self, oid: Oid) -> Result<Option<(ObjectKind, u64)>, BrowseError> {
        let header = self.repository.try_find_header(gix_id(oid)?).map_err(failed)?;
        Ok(header.map(|header| (kind(header.kind()), header.size())))
    }

    fn read(&mut self, oid: Oid) -> Result<Option<(ObjectKind, Vec<u8>)>, BrowseError> {
        let object = self.repository.try_find_object(gix_id(oid)?).map_err(failed)?;
        Ok(object.map(|object| (kind(object.kind), object.detach().data)))
    }
}

struct ByChild {
    batch: Batch,
}

/// A `git cat-file` that answers one question after another.
struct Batch {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Batch {
    fn start(git: &Git, bare: &Bare) -> Result<Self, GitError> {
        let mut command: Command = git.command(bare.dir()).into_std();
        command
            .args(["cat-file", "--batch-command"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
        Ok(Self {
            stdin: child.stdin.take().expect("because the command pipes it"),
            stdout: BufReader::new(child.stdout.take().expect("because the command pipes it")),
            child,
        })
    }

    fn ask(&mut self, question: &str, oid: Oid) -> Result<Option<(ObjectKind, u64)>, GitError> {
        writeln!(self.stdin, "{question} {oid}")?;
        self.stdin.flush()?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let mut words = line.split_ascii_whitespace().skip(1);
        match (words.next(), words.next()) {
            (Some("missing"), None) => Ok(None),
            (Some(kind), Some(size)) => Ok(Some((
                ObjectKind::from_name(kind).ok_or_else(|| odd(&line))?,
                size.parse().map_err(|_| odd(&line))?,
            ))),
            _ => Err(odd(&line)),
        }
    }
}

fn odd(line: &str) -> GitError {
    GitError::Failed {
        verb: "cat-file".into(),
        message: format!("it answered {line:?}"),
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // It may be in the middle of an answer that nobody reads any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Objects for ByChild {
    fn header(&mut self, oid: Oid) -> Result<Option<(ObjectKind, u64)>, BrowseError> {
        Ok(self.batch.ask("info", oid)?)
    }

    fn read(&mut self, oid: Oid) -> Result<Option<(ObjectKind, Vec<u8>)>, BrowseError> {
        let Some((kind, size_bytes)) = self.batch.ask("contents", oid)? else {
            return Ok(None);
        };
        let mut content = vec![];
        let mut take = (&mut self.batch.stdout).take(size_bytes + 1);
        take.read_to_end(&mut content).map_err(GitError::from)?;
        if content.pop() != Some(b'\n') || content.len() as u64 != size_bytes {
            return Err(odd("less than it promised").into());
        }
        Ok(Some((kind, content)))
    }
}

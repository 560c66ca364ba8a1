//! Where a pushed pack is taken in and looked at, before anybody else can see it.
//!
//! A quarantine is a folder that git takes for a repository: it has no refs, and sees, besides the
//! pack that comes in, exactly the packs it was told of. It keeps those by hard link, so that it
//! does not care what becomes of the cache meanwhile; objects that some other program left in the
//! cache are not seen. It is removed when it is dropped.

pub(crate) mod intake;
mod scan;

use crate::cache::{Bare, PackFiles, skeleton};
use crate::child::{Git, GitError};
use crate::oid::{ObjectFormat, Oid};
use crate::refname::RefName;
use crate::wire::reply::Reply;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};

/// How large a push may be, and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantineLimits {
    /// The most bytes of a pack as it is sent.
    pub pack_bytes: u64,
    /// The most bytes of one object, uncompressed.
    pub object_bytes: u64,
    /// The most bytes of all objects together, uncompressed.
    pub expanded_bytes: u64,
    /// The most objects.
    pub objects: u32,
    /// How long it may take altogether.
    pub deadline: Duration,
    /// How long the client may send nothing while it has something to send.
    pub idle: Duration,
}

impl Default for QuarantineLimits {
    fn default() -> Self {
        Self {
            pack_bytes: 4 << 30,
            object_bytes: 512 << 20,
            expanded_bytes: 1 << 40,
            objects: 20_000_000,
            deadline: Duration::from_secs(3600),
            idle: Duration::from_secs(120),
        }
    }
}

/// Why a pack was not taken in; those that are the pusher's doing say so in words for the pusher.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// More bytes than permitted.
    #[error(
        "the pack is larger than the {} that one push may have; push in several steps",
        figure(*limit_bytes)
    )]
    PackTooLarge {
        /// The most.
        limit_bytes: u64,
    },
    /// An object of more bytes than permitted.
    #[error(
        "an object of {} is larger than the {} that one may have; keep large files elsewhere",
        figure(*size_bytes),
        figure(*limit_bytes)
    )]
    ObjectTooLarge {
        /// How large it is.
        size_bytes: u64,
        /// The most.
        limit_bytes: u64,
    },
    /// More objects than permitted.
    #[error("the pack has {found} objects, more than the {limit} that one push may have")]
    TooManyObjects {
        /// How many there are.
        found: u32,
        /// The most.
        limit: u32,
    },
    /// The objects together are larger than permitted.
    #[error("the pack would grow beyond {} when it is unpacked", figure(*limit_bytes))]
    ExpandsTooFar {
        /// The most.
        limit_bytes: u64,
    },
    /// The stream ended before the pack did.
    #[error("the connection ended before the whole pack had come")]
    Truncated,
    /// It is no pack.
    #[error("the pack is damaged: {0}")]
    Damaged(&'static str),
    /// Git looked at the objects and found them wanting; its own words.
    #[error("{0}")]
    Refused(String),
    /// The client stopped sending.
    #[error("nothing came for {} seconds", idle.as_secs())]
    Idle {
        /// For how long nothing came.
        idle: Duration,
    },
    /// It took too long.
    #[error("taking the pack in took longer than the {} seconds it may take", deadline.as_secs())]
    Deadline {
        /// How long it may take.
        deadline: Duration,
    },
    /// The connection to the client broke.
    #[error("the connection to the client broke")]
    Client(#[source] io::Error),
    /// A pack that the repository has is not in the cache any more: catch up and try again.
    #[error("the cache lost a pack of this repository")]
    CacheChanged(Oid),
    /// The disk.
    #[error("the server could not store the pack")]
    Io(#[from] io::Error),
    /// Git itself.
    #[error("the server could not look at the pack")]
    Git(#[from] GitError),
}

impl QuarantineError {
    /// Whether the pusher can do something about it, so that [`ToString`] is for the pusher.
    pub fn is_pushers_fault(&self) -> bool {
        !matches!(
            self,
            Self::Client(_) | Self::CacheChanged(_) | Self::Io(_) | Self::Git(_)
        )
    }
}

/// A number of bytes as people read it.
fn figure(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("bytes", 0)];
    let (unit, shift) = UNITS
        .into_iter()
        .find(|(_, shift)| bytes >> shift > 0)
        .unwrap_or(UNITS[3]);
    match (bytes >> shift, bytes & ((1 << shift) - 1)) {
        (whole, 0) => format!("{whole} {unit}"),
        _ => format!("{:.1} {unit}", bytes as f64 / (1u64 << shift) as f64),
    }
}

/// A push on its way in.
#[derive(Debug)]
pub struct Quarantine {
    dir: TempDir,
    format: ObjectFormat,
    known: Vec<Oid>,
    pack: Option<PackFiles>,
    self_contained: bool,
}

impl Quarantine {
    /// Makes one beside a cached repository, of which it sees the packs with these checksums and
    /// nothing else. The scratch folder is on the file system of the cache.
    pub fn open(bare: &Bare, known: &[Oid], scratch: &Path) -> Result<Self, QuarantineError> {
        let dir = Self::empty(bare.format(), scratch)?;
        let packs = dir.path().join("known/pack");
        fs::create_dir_all(&packs)?;
        for &checksum in known {
            let linked = bare
                .pack_files(checksum)
                .map_err(|_| QuarantineError::CacheChanged(checksum))
                .and_then(|files| Ok(files.transfer(&packs, crate::cache::Transfer::Link)?));
            match linked {
                Err(QuarantineError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(QuarantineError::CacheChanged(checksum));
                }
                linked => linked?,
            };
        }
        fs::write(dir.path().join("objects/info/alternates"), "../known\n")?;
        Ok(Self {
            dir,
            format: bare.format(),
            known: known.to_vec(),
            pack: None,
            self_contained: false,
        })
    }

    /// Makes one for a repository that does not exist yet.
    pub fn for_new(format: ObjectFormat, scratch: &Path) -> Result<Self, QuarantineError> {
        Ok(Self {
            dir: Self::empty(format, scratch)?,
            format,
            known: vec![],
            pack: None,
            self_contained: false,
        })
    }

    fn empty(format: ObjectFormat, scratch: &Path) -> io::Result<TempDir> {
        fs::create_dir_all(scratch)?;
        let dir = tempfile::Builder::new()
            .prefix("quarantine-")
            .tempdir_in(scratch)?;
        let head = RefName::branch("none").expect("because this is the name of a branch");
        skeleton(dir.path(), format, &head)?;
        Ok(dir)
    }

    /// Takes a pack from the stream, no further than its last byte, and lets git index it and
    /// look at each object. What git says meanwhile appears on the pusher's screen. A pack without
    /// objects leaves none. Dropping the future ends git.
    pub async fn receive<R, W>(
        &mut self,
        git: &Git,
        input: &mut R,
        limits: &QuarantineLimits,
        reply: &mut Reply<W>,
    ) -> Result<(), QuarantineError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let deadline = limits.deadline;
        let received = intake::receive(git, self.dir.path(), self.format, input, limits, reply);
        let received = tokio::time::timeout(deadline, received)
            .await
            .map_err(|_| QuarantineError::Deadline { deadline })??;
        if let Some(received) = received {
            self.adopt(received.checksum)?;
            self.self_contained = received.self_contained;
        }
        Ok(())
    }

    /// Takes from another repository on this machine what is reachable from these objects and not
    /// from those, as if it had been pushed; for imports, and for what other programs left in the
    /// cache.
    pub async fn gather(
        &mut self,
        git: &Git,
        source_dir: &Path,
        tips: &[Oid],
        without: &[Oid],
        limits: &QuarantineLimits,
    ) -> Result<(), QuarantineError> {
        let mut command = git.command(source_dir);
        command
            .args(["pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset"])
            .stdin(std::process::Stdio::piped());
        let mut child = crate::child::Child::start(command)?;
        let mut revs = String::new();
        for tip in tips {
            revs.push_str(&format!("{tip}\n"));
        }
        for old in without {
            revs.push_str(&format!("^{old}\n"));
        }
        let mut stdin = child.stdin.take().expect("because the command pipes it");
        let mut stdout = child.stdout.take().expect("because the command pipes it");
        let stderr = child.stderr.take().expect("because the command pipes it");
        let feed = async {
            // A child that ends before it has read all says why by its status.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stdin, revs.as_bytes()).await;
            drop(stdin);
        };
        let nobody = tokio::io::sink();
        let mut reply = Reply::new(nobody, false, crate::wire::reply::ReportKind::None, true);
        let receive = async {
            let received = self.receive(git, &mut stdout, limits, &mut reply).await;
            // A pack that is refused has more to come, which must not wait for a reader.
            drop(stdout);
            received
        };
        let (_, received, stderr) = tokio::join!(feed, receive, crate::child::read_errors(stderr));
        let status = child.wait().await?;
        if !status.success() && matches!(received, Ok(()) | Err(QuarantineError::Truncated)) {
            return Err(QuarantineError::Refused(intake::own_words(&stderr?)));
        }
        received
    }

    /// The pack to be stored; none where nothing came that the repository lacked.
    pub fn pack(&self) -> Option<&PackFiles> {
        self.pack.as_ref()
    }

    /// The packs that it was told of.
    pub(crate) fn known(&self) -> &[Oid] {
        &self.known
    }

    /// Takes a pack that git put into its folder for its own, unless it is empty.
    pub(crate) fn adopt(&mut self, checksum: Oid) -> io::Result<()> {
        let folder = self.dir.path().join("objects/pack");
        self.pack = Some(PackFiles::at(&folder, checksum)?).filter(|pack| pack.objects > 0);
        Ok(())
    }

    /// Whether whatever the pack's objects refer to is in the pack.
    pub(crate) fn is_self_contained(&self) -> bool {
        self.self_contained
    }

    /// The folder that git takes for a repository.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// By which function its objects are named.
    pub fn format(&self) -> ObjectFormat {
        self.format
    }

    /// Where the index of its pack is.
    pub(crate) fn index(&self) -> Option<PathBuf> {
        self.pack.as_ref().map(|pack| pack.idx.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        assert_eq!(figure(0), "0 bytes");
        assert_eq!(figure(1000), "1000 bytes");
        assert_eq!(figure(4 << 30), "4 GiB");
        assert_eq!(figure((3 << 20) + (1 << 19)), "3.5 MiB");
    }
}

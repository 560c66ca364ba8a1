//! Archives: everything in a commit, packed for those who have no git.

use super::reader::Reader;
use super::{BrowseError, Raw};
use crate::child::Child;
use crate::oid::Oid;

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// A tar file, compressed by gzip.
    TarGz,
    /// A zip file.
    Zip,
}

impl ArchiveFormat {
    /// The end of its files' names.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::TarGz => "tar.gz",
            Self::Zip => "zip",
        }
    }
}

/// Packs a commit, tag or tree as `git archive` does, everything below a folder of this name; what
/// `.gitattributes` says about archives is followed. The archive is made as it is read.
pub async fn archive(
    reader: &Reader,
    rev: Oid,
    format: ArchiveFormat,
    prefix: &str,
) -> Result<Raw, BrowseError> {
    let (rev, tree) = reader
        .within(move |session| {
            let tree = session.tree_of(rev)?;
            // A commit gives the archive its date and its id.
            Ok((session.commit_of(rev).unwrap_or(tree), tree))
        })
        .await?;
    let mut command = reader.git().command(reader.bare().dir());
    command
        .args(["archive", &format!("--format={}", format.extension())])
        .arg(format!("--prefix={prefix}/"))
        .args(["--end-of-options", &rev.to_string()])
        .stderr(std::process::Stdio::null());
    Ok(Raw::from_child(tree, None, Child::start(command)?))
}

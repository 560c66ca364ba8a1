//! Whether a repository is whole: every pack's checksum, every object, and that everything is there
//! that a ref leads to.

use crate::cache::Bare;
use crate::child::{self, Git, GitError};

/// The most that is read of what git finds wrong.
const MAX_BYTES: u64 = 16 << 20;

/// Reads all of it, which takes long; an error holds the first of git's own words.
pub async fn verify(git: &Git, bare: &Bare) -> Result<(), GitError> {
    let mut command = git.command(bare.dir());
    command.args(["fsck", "--full", "--no-dangling", "--no-progress"]);
    let mut ended = child::run(command, b"", MAX_BYTES).await?;
    if !ended.status.success() {
        // What is missing stands on its standard output.
        let missing = String::from_utf8_lossy(&ended.stdout);
        let first: Vec<&str> = ended.stderr.lines().chain(missing.lines()).take(5).collect();
        ended.stderr = first.join("; ");
    }
    ended.success("fsck").map(drop)
}

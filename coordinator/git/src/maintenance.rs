//! Keeping a cached repository quick to read.

use crate::cache::Bare;
use crate::child::{self, Git, GitError};

/// Writes the commit graph with its changed-path filters, from which history is read many times
/// quicker than from the commits. It is part of the cache: nothing is lost without it.
pub async fn commit_graph(git: &Git, bare: &Bare) -> Result<(), GitError> {
    let mut command = git.command(bare.dir());
    command.args([
        "commit-graph",
        "write",
        "--reachable",
        "--changed-paths",
        "--no-progress",
    ]);
    child::run(command, b"", 4096)
        .await?
        .success("commit-graph")
        .map(drop)
}

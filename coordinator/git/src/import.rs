//! Looking at a repository that another program made, before it is taken in.
//!
//! Its objects come by [`crate::quarantine::Quarantine::gather`], which looks at each of them as
//! if it had been pushed.

use crate::child::{self, Git, GitError};
use crate::oid::{ObjectFormat, Oid};
use crate::refname::{RefName, RefNameError, check_head_target};
use std::path::{Path, PathBuf};

/// A repository that can be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The folder with its objects: what a path names, or `.git` in it.
    pub git_dir: PathBuf,
    /// By which function its objects are named.
    pub format: ObjectFormat,
    /// The branch that HEAD names, be it born or not.
    pub head: Option<RefName>,
    /// Its refs, in the order of their names.
    pub refs: Vec<(RefName, Oid)>,
    /// Refs of which this server has none of their name.
    pub refused: Vec<(String, RefNameError)>,
}

/// The most that a list of refs may take, in bytes.
const MAX_LIST_BYTES: u64 = 1 << 30;

/// Reads the refs of a repository, bare or with a work tree. Nothing in it is run or obeyed.
pub async fn inspect(git: &Git, path: &Path) -> Result<Source, GitError> {
    let inner = path.join(".git");
    let git_dir = match inner.is_dir() {
        true => inner,
        false => path.to_owned(),
    };
    let ask = async |args: &[&str]| {
        let mut command = git.command(&git_dir);
        command.args(args);
        let printed = child::run(command, b"", MAX_LIST_BYTES).await?.success(args[0])?;
        Ok::<_, GitError>(String::from_utf8_lossy(&printed).into_owned())
    };
    let odd = |what: &str| GitError::Failed {
        verb: "for-each-ref".into(),
        message: format!("it answered {what:?}"),
    };
    let format = ask(&["rev-parse", "--show-object-format"]).await?;
    let format: ObjectFormat = format.trim().parse().map_err(|_| odd(&format))?;
    let head = match ask(&["symbolic-ref", "-q", "HEAD"]).await {
        Ok(head) => check_head_target(head.trim()).ok(),
        // A detached HEAD names no branch.
        Err(GitError::Failed { .. }) => None,
        Err(error) => return Err(error),
    };
    let mut source = Source {
        format,
        head,
        refs: vec![],
        refused: vec![],
        git_dir: git_dir.clone(),
    };
    for line in ask(&["for-each-ref", "--format=%(objectname) %(refname)"])
        .await?
        .lines()
    {
        let (oid, name) = line.split_once(' ').ok_or_else(|| odd(line))?;
        let oid = Oid::parse(oid, format).map_err(|_| odd(line))?;
        match name.parse() {
            Ok(name) => source.refs.push((name, oid)),
            Err(reason) => source.refused.push((name.to_owned(), reason)),
        }
    }
    Ok(source)
}

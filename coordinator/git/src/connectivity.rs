//! Whether a push is whole: everything that its new tips reach exists.
//!
//! The walk stops at what is reachable from the refs it is told, and nowhere else: an object that
//! merely happens to be there may lack what it refers to.

use crate::child::{self, Git, GitError};
use crate::oid::Oid;
use crate::pack_index::PackIndex;
use crate::quarantine::Quarantine;
use std::collections::HashSet;

/// What kind of object it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A commit: the only thing that a branch may name.
    Commit,
    /// A tree.
    Tree,
    /// A blob.
    Blob,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    /// Reads git's own word for it.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "commit" => Self::Commit,
            "tree" => Self::Tree,
            "blob" => Self::Blob,
            "tag" => Self::Tag,
            _ => return None,
        })
    }

    /// Git's own word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

/// What a ref shall name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The object.
    pub oid: Oid,
    /// What it is.
    pub kind: ObjectKind,
    /// Where it is an annotated tag: what that is of, to the end.
    pub peeled: Option<Oid>,
}

/// Why a push is not whole, or could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ConnectivityError {
    /// An object that a tip reaches, or a tip itself, exists nowhere.
    #[error(
        "object {oid} is missing; if this clone is shallow, run `git fetch --unshallow`, then push again"
    )]
    Missing {
        /// Which.
        oid: Oid,
    },
    /// The disk.
    #[error("the pushed objects cannot be read")]
    Io(#[from] std::io::Error),
    /// Git itself.
    #[error("the pushed objects cannot be examined")]
    Git(#[from] GitError),
}

/// Says of each object what it is, in the order asked.
pub async fn inspect(
    git: &Git,
    quarantine: &Quarantine,
    oids: &[Oid],
) -> Result<Vec<Tip>, ConnectivityError> {
    let names: Vec<String> = oids.iter().map(Oid::to_string).collect();
    let mut tips: Vec<Tip> = look_up(git, quarantine, &names, oids)
        .await?
        .into_iter()
        .map(|(oid, kind)| Tip {
            oid,
            kind,
            peeled: None,
        })
        .collect();
    let tags: Vec<usize> = (0..tips.len())
        .filter(|&at| tips[at].kind == ObjectKind::Tag)
        .collect();
    let names: Vec<String> = tags.iter().map(|&at| format!("{}^{{}}", tips[at].oid)).collect();
    let of: Vec<Oid> = tags.iter().map(|&at| tips[at].oid).collect();
    let peeled = look_up(git, quarantine, &names, &of).await?;
    for (at, (oid, _)) in tags.into_iter().zip(peeled) {
        tips[at].peeled = Some(oid);
    }
    Ok(tips)
}

async fn look_up(
    git: &Git,
    quarantine: &Quarantine,
    names: &[String],
    of: &[Oid],
) -> Result<Vec<(Oid, ObjectKind)>, ConnectivityError> {
    if names.is_empty() {
        return Ok(vec![]);
    }
    let mut command = git.command(quarantine.dir());
    command.args([
        "cat-file",
        "--batch-check=%(objectname) %(objecttype)",
        "--buffer",
    ]);
    let input = names.join("\n") + "\n";
    let limit = 128 * names.len() as u64 + 1024;
    let printed = child::run(command, input.as_bytes(), limit).await?;
    let printed = printed.success("cat-file")?;
    let printed = String::from_utf8_lossy(&printed);
    let mut lines = printed.lines();
    of.iter()
        .map(|&asked| {
            let (name, kind) = lines
                .next()
                .and_then(|line| line.split_once(' '))
                .unwrap_or_default();
            match (Oid::parse(name, quarantine.format()), ObjectKind::from_name(kind)) {
                (Ok(oid), Some(kind)) => Ok((oid, kind)),
                _ => Err(ConnectivityError::Missing { oid: asked }),
            }
        })
        .collect()
}

/// Checks that everything reachable from the new tips exists, as far as it is not reachable from
/// the pinned refs.
pub async fn check(
    git: &Git,
    quarantine: &Quarantine,
    new_tips: &[Oid],
    pinned: &[Oid],
) -> Result<(), ConnectivityError> {
    let known: HashSet<Oid> = pinned.iter().copied().collect();
    let mut tips: Vec<Oid> = new_tips
        .iter()
        .copied()
        .filter(|oid| !known.contains(oid))
        .collect();
    tips.sort_unstable();
    tips.dedup();
    // While it indexed the pack, git followed every reference of every object in it. Where none
    // leads out of the pack, its objects are connected, and the walk would only say so again.
    if quarantine.is_self_contained()
        && let Some(index) = quarantine.index()
    {
        let index = PackIndex::open(&index, quarantine.format())?;
        let mut outside = vec![];
        for tip in tips {
            if !index.contains(tip)? {
                outside.push(tip);
            }
        }
        tips = outside;
    }
    if tips.is_empty() {
        return Ok(());
    }
    let mut input = Vec::with_capacity((tips.len() + known.len()) * 66);
    for tip in &tips {
        tip.write_hex(&mut input);
        input.push(b'\n');
    }
    for oid in &known {
        input.push(b'^');
        oid.write_hex(&mut input);
        input.push(b'\n');
    }
    let mut command = git.command(quarantine.dir());
    command.args(["rev-list", "--objects", "--stdin", "--quiet"]);
    let ended = child::run(command, &input, 1024).await?;
    if ended.status.success() {
        return Ok(());
    }
    match first_oid(&ended.stderr, quarantine) {
        Some(oid) => Err(ConnectivityError::Missing { oid }),
        None => Err(ended.failed("rev-list").into()),
    }
}

/// The first object id in what git said.
fn first_oid(words: &str, quarantine: &Quarantine) -> Option<Oid> {
    words
        .split(|c: char| !c.is_ascii_hexdigit())
        .find_map(|word| Oid::parse(word, quarantine.format()).ok())
}

/// Whether the one commit is reachable from the other, so that a ref may move from it to the
/// other without losing anything.
pub async fn is_ancestor(
    git: &Git,
    quarantine: &Quarantine,
    old: Oid,
    new: Oid,
) -> Result<bool, ConnectivityError> {
    let mut command = git.command(quarantine.dir());
    command.args(["merge-base", "--is-ancestor", &old.to_string(), &new.to_string()]);
    let ended = child::run(command, b"", 1024).await?;
    match ended.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(ended.failed("merge-base").into()),
    }
}

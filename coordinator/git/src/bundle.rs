//! A bundle of what a large repository has: a file that a client takes before it asks for the rest,
//! so that a clone costs the server a file to send.
//!
//! It is written after a push, once it is worth it, lies beside the cached repository and goes with
//! it. Clients learn of it in protocol version 2, where they ask (`transfer.bundleURI`). Source:
//! `gitformat-bundle`, and `gitprotocol-v2`, "bundle-uri".

use crate::cache::{Bare, CacheError};
use crate::child::{self, Git, GitError};
use crate::oid::Oid;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

/// From how many objects on a repository gets a bundle; smaller ones are packed as quickly.
const MIN_OBJECTS: u64 = 5_000;
/// A bundle is written anew when it lacks more than one in so many of the objects.
const LACKED_SHARE: u64 = 5;
/// How many stand: the newest, and one that clients may be about to ask for.
const KEPT: usize = 2;
const END: &str = "bundle";
/// What the refs begin with that are in it.
const KINDS: [&str; 2] = ["refs/heads/", "refs/tags/"];

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Git could not write it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The packs could not be read.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// What a bundle's file is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    /// Of which generation of the repository it is.
    generation: i64,
    /// How many objects the repository had then.
    objects: u64,
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        let (generation, objects) = name.strip_suffix(END)?.strip_suffix('.')?.split_once('-')?;
        Some(Self {
            generation: generation.parse().ok()?,
            objects: objects.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}.{END}", self.generation, self.objects)
    }
}

fn folder_of(bare: &Bare) -> PathBuf {
    bare.dir().join("plue/bundles")
}

/// The bundles that stand, the oldest first.
fn standing(bare: &Bare) -> io::Result<Vec<Name>> {
    let entries = match fs::read_dir(folder_of(bare)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().to_str().and_then(Name::parse));
    }
    names.sort_unstable();
    Ok(names)
}

/// The generation whose bundle clients are told of, if there is one.
pub fn newest(bare: &Bare) -> io::Result<Option<i64>> {
    Ok(standing(bare)?.last().map(|name| name.generation))
}

/// Opens the bundle of a generation; none where there is none.
pub fn open(bare: &Bare, generation: i64) -> io::Result<Option<File>> {
    let named = standing(bare)?
        .into_iter()
        .find(|name| name.generation == generation);
    let Some(name) = named else { return Ok(None) };
    match File::open(folder_of(bare).join(name.to_string())) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// Removes every bundle: they may hold what is to be had no longer.
pub fn forget(bare: &Bare) -> io::Result<()> {
    match fs::remove_dir_all(folder_of(bare)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Writes a bundle of all bookmarks and tags of a large repository, unless one stands that lacks
/// little; whether it did. The packs must stay while this runs.
pub async fn write(git: &Git, bare: &Bare, packs: &[Oid]) -> Result<bool, BundleError> {
    let (copy, packs) = (bare.clone(), packs.to_vec());
    let wanted = tokio::task::spawn_blocking(move || wanted(&copy, &packs))
        .await
        .map_err(|died| CacheError::Io(io::Error::other(died)))??;
    let Some(name) = wanted else {
        return Ok(false);
    };
    let made = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(folder_of(bare))
        .map_err(CacheError::Io)?;
    let file = made.path().join("bundle");
    let mut command = git.command(bare.dir());
    command
        .args(["bundle", "create", "--quiet"])
        .arg(&file)
        .args(["--branches", "--tags"]);
    child::run(command, b"", 4096).await?.success("bundle")?;
    let bare = bare.clone();
    let kept = tokio::task::spawn_blocking(move || keep(&bare, &file, name));
    kept.await
        .map_err(|died| CacheError::Io(io::Error::other(died)))?
        .map_err(CacheError::Io)?;
    Ok(true)
}

/// The name of the bundle that is to be written, if one is.
fn wanted(bare: &Bare, packs: &[Oid]) -> Result<Option<Name>, CacheError> {
    let mut objects = 0;
    for &checksum in packs {
        objects += bare.pack_files(checksum)?.objects;
    }
    let (_, refs) = bare.read_refs()?;
    // Git makes no bundle of nothing, and of other refs there is none to be made.
    let any = refs
        .iter()
        .any(|packed| KINDS.iter().any(|kind| packed.name.as_str().starts_with(kind)));
    let (Some(stamp), true) = (bare.stamp()?, any) else {
        return Ok(None);
    };
    let enough = standing(bare)?
        .last()
        .is_some_and(|name| objects.saturating_sub(name.objects) < objects / LACKED_SHARE);
    if objects < MIN_OBJECTS || enough {
        return Ok(None);
    }
    fs::create_dir_all(folder_of(bare))?;
    Ok(Some(Name {
        generation: stamp.generation,
        objects,
    }))
}

fn keep(bare: &Bare, file: &std::path::Path, name: Name) -> io::Result<()> {
    fs::rename(file, folder_of(bare).join(name.to_string()))?;
    let names = standing(bare)?;
    for old in &names[..names.len().saturating_sub(KEPT)] {
        fs::remove_file(folder_of(bare).join(old.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_of_which_generation_it_is() {
        let name = Name {
            generation: 12,
            objects: 30_500,
        };
        assert_eq!(Name::parse(&name.to_string()), Some(name));
        for odd in ["", "12.bundle", "a-b.bundle", "12-30500.pack", ".new-x"] {
            assert_eq!(Name::parse(odd), None, "{odd}");
        }
    }
}

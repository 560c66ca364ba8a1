//! Keeping a cached repository quick to read: many small packs into few, what is reachable apart
//! from what is not, the commit graph, and bitmaps of what commits reach.

use crate::cache::{Bare, CacheError, PackFiles};
use crate::child::{self, Git, GitError};
use crate::oid::Oid;
use crate::pack_index::PackIndex;
use crate::quarantine::{Quarantine, QuarantineError};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How much larger each pack is to be than all smaller ones together.
const FACTOR: u64 = 2;

/// Chooses packs to be rolled up into one, by how many objects each has, so that every pack that
/// is left has at least twice as many as all smaller ones together. Answers their places; none
/// where that is so already. However often it is followed, the number of packs stays below the
/// logarithm of the number of objects, and each object is rewritten that many times at most.
pub fn geometric(objects: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.sort_by_key(|&at| objects[at]);
    let (mut sum, mut split) = (0u64, 0);
    for (place, &at) in order.iter().enumerate() {
        if place > 0 && objects[at] < FACTOR.saturating_mul(sum) {
            split = place + 1;
        }
        sum = sum.saturating_add(objects[at]);
    }
    order.truncate(split);
    order
}

/// Makes one pack of several, in a quarantine that knows all packs of the repository: every
/// object of these that is in none of the others, reachable or not. The pack is then the
/// quarantine's, like one that was pushed; there is none where the others have everything.
pub async fn roll_up(git: &Git, quarantine: &mut Quarantine, packs: &[Oid]) -> Result<(), QuarantineError> {
    let known = quarantine.known().to_vec();
    let others = known.into_iter().filter(|pack| !packs.contains(pack));
    pack(git, quarantine, "--stdin-packs", &of_packs(packs, others)).await
}

/// Names what is in some packs and in none of the others.
fn of_packs(packs: &[Oid], others: impl IntoIterator<Item = Oid>) -> String {
    let names = packs.iter().map(|pack| format!("pack-{pack}.pack\n"));
    let others = others.into_iter().map(|pack| format!("^pack-{pack}.pack\n"));
    names.chain(others).collect()
}

/// What [`part`] makes of the packs of a repository.
#[derive(Debug)]
pub struct Parted {
    /// Everything that something refers to; none where nothing does.
    pub reachable: Option<PackFiles>,
    /// The rest of the packs that were parted; none where there is no rest.
    pub rest: Option<PackFiles>,
}

/// Parts the objects of a repository, in a quarantine that knows all its packs: what these tips
/// lead to goes into one pack, whichever it was in, and what is left over of `packs`, and is in none
/// of `others`, into another. The files go with the quarantine.
pub async fn part(
    git: &Git,
    quarantine: &mut Quarantine,
    tips: &[Oid],
    packs: &[Oid],
    others: &[Oid],
) -> Result<Parted, QuarantineError> {
    let tips: String = tips.iter().map(|tip| format!("{tip}\n")).collect();
    pack(git, quarantine, "--revs", &tips).await?;
    let reachable = quarantine.pack().cloned();
    let others = others
        .iter()
        .copied()
        .chain(reachable.as_ref().map(|pack| pack.checksum));
    pack(git, quarantine, "--stdin-packs", &of_packs(packs, others)).await?;
    let rest = quarantine.pack().cloned();
    Ok(Parted { reachable, rest })
}

/// Counts the objects that these tips lead to.
pub async fn count_reachable(git: &Git, bare: &Bare, tips: &[Oid]) -> Result<u64, GitError> {
    let mut command = git.command(bare.dir());
    command.args([
        "rev-list",
        "--objects",
        "--use-bitmap-index",
        "--count",
        "--stdin",
    ]);
    let tips: String = tips.iter().map(|tip| format!("{tip}\n")).collect();
    let printed = child::run(command, tips.as_bytes(), 64)
        .await?
        .success("rev-list")?;
    let printed = String::from_utf8_lossy(&printed);
    printed.trim().parse().map_err(|_| GitError::Failed {
        verb: "rev-list".into(),
        message: format!("it answered {printed:?}"),
    })
}

/// Counts the objects that are in any of these packs, each once. Blocks for as long as the disk takes.
pub fn count_distinct(bare: &Bare, packs: &[Oid]) -> Result<u64, CacheError> {
    let mut names = Vec::new();
    // The next name of each pack, the first of all at the top.
    let mut next = BinaryHeap::new();
    for (at, &checksum) in packs.iter().enumerate() {
        let files = bare.pack_files(checksum)?;
        names.push(PackIndex::open(&files.idx, bare.format())?.names()?);
        next.extend(names[at].next().transpose()?.map(|name| Reverse((name, at))));
    }
    let (mut count, mut last) = (0, Vec::new());
    while let Some(Reverse((name, at))) = next.pop() {
        if name != last {
            count += 1;
            last = name;
        }
        next.extend(names[at].next().transpose()?.map(|name| Reverse((name, at))));
    }
    Ok(count)
}

/// Has git write a pack of what the input names, which becomes the quarantine's own.
async fn pack(
    git: &Git,
    quarantine: &mut Quarantine,
    named_by: &str,
    input: &str,
) -> Result<(), QuarantineError> {
    let mut command = git.command(quarantine.dir());
    command
        .args(["-c", "pack.writeReverseIndex=true"])
        .args(["pack-objects", named_by, "--delta-base-offset", "-q"])
        .arg("objects/pack/pack");
    let printed = child::run(command, input.as_bytes(), 1024)
        .await?
        .success("pack-objects")?;
    let printed = String::from_utf8_lossy(&printed);
    let checksum = printed.trim();
    let checksum = Oid::parse(checksum, quarantine.format()).map_err(|_| GitError::Failed {
        verb: "pack-objects".into(),
        message: format!("it answered {checksum:?}"),
    })?;
    Ok(quarantine.adopt(checksum)?)
}

/// Writes the commit graph with its changed-path filters, from which history is read many times
/// quicker than from the commits: what is new goes into a layer of its own, and small layers are
/// merged. It is part of the cache: nothing is lost without it.
pub async fn commit_graph(git: &Git, bare: &Bare) -> Result<(), GitError> {
    let mut command = git.command(bare.dir());
    command.args([
        "commit-graph",
        "write",
        "--reachable",
        "--changed-paths",
        "--split",
        "--no-progress",
    ]);
    child::run(command, b"", 4096)
        .await?
        .success("commit-graph")
        .map(drop)
}

/// From how many objects on a repository gets bitmaps; smaller ones are walked as quickly.
const BITMAP_OBJECTS: u64 = 5_000;
/// How many times more objects the bitmaps are to know than they do not: what came later is walked.
const BITMAP_SHARE: u64 = 8;

/// Why there are no bitmaps.
#[derive(Debug, thiserror::Error)]
pub enum BitmapError {
    /// Git could not write them.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The packs could not be read.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Writes bitmaps of what the commits of a large repository reach, over an index of all its packs:
/// with them a clone is counted out by reading, and most of it sent as it lies on the disk.
/// Answers whether it did, which it does not where those that stand are good enough. It is part
/// of the cache: nothing is lost without it. The packs must stay while this runs.
pub async fn bitmaps(git: &Git, bare: &Bare, packs: &[Oid]) -> Result<bool, BitmapError> {
    let (copy, wanted) = (bare.clone(), packs.to_vec());
    let largest = tokio::task::spawn_blocking(move || needing_bitmaps(&copy, &wanted))
        .await
        .map_err(|died| CacheError::Io(std::io::Error::other(died)))??;
    let Some(largest) = largest else {
        return Ok(false);
    };
    let mut command = git.command(bare.dir());
    command
        .args(["-c", "pack.writeBitmapLookupTable=true"])
        .args([
            "multi-pack-index",
            "write",
            "--bitmap",
            "--stdin-packs",
            "--no-progress",
        ])
        .arg(format!("--preferred-pack=pack-{largest}.pack"));
    let input: String = packs.iter().map(|pack| format!("pack-{pack}.idx\n")).collect();
    child::run(command, input.as_bytes(), 4096)
        .await?
        .success("multi-pack-index")?;
    Ok(true)
}

/// The largest pack of a repository that lacks bitmaps of most of its objects; the one that most
/// of a clone is read from.
fn needing_bitmaps(bare: &Bare, packs: &[Oid]) -> Result<Option<Oid>, CacheError> {
    let covered = bare.covered_packs()?.unwrap_or_default();
    let (mut all, mut known, mut largest) = (0, 0, None);
    for &checksum in packs {
        let objects = bare.pack_files(checksum)?.objects;
        all += objects;
        known += if covered.contains(&checksum) { objects } else { 0 };
        largest = largest.max(Some((objects, checksum)));
    }
    let stale = covered.iter().any(|checksum| !packs.contains(checksum));
    let enough = !stale && known >= (all - known).saturating_mul(BITMAP_SHARE);
    Ok(largest
        .filter(|_| all >= BITMAP_OBJECTS && !enough)
        .map(|(_, checksum)| checksum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_packs_are_chosen() {
        for (objects, chosen) in [
            (&[][..], &[][..]),
            (&[5], &[]),
            (&[5, 5], &[0, 1]),
            (&[10, 5], &[]),
            (&[9, 5], &[1, 0]),
            (&[100, 3, 3, 3], &[1, 2, 3]),
            (&[100, 3, 3, 60], &[1, 2, 3, 0]),
            (&[0, 0], &[]),
        ] {
            assert_eq!(geometric(objects), chosen, "{objects:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_grows(objects in prop::collection::vec(0..1_000_000u64, 0..60)) {
            let chosen = geometric(&objects);
            prop_assert_ne!(chosen.len(), 1);
            let mut left: Vec<u64> = (0..objects.len())
                .filter(|at| !chosen.contains(at))
                .map(|at| objects[at])
                .collect();
            if !chosen.is_empty() {
                left.push(chosen.iter().map(|&at| objects[at]).sum());
            }
            prop_assert_eq!(geometric(&left), [0usize; 0]);
        }

        #[test]
        fn many_pushes_never_make_many_packs(pushes in prop::collection::vec(1..50u64, 0..300)) {
            let mut packs: Vec<u64> = vec![];
            for push in pushes {
                packs.push(push);
                let chosen = geometric(&packs);
                if !chosen.is_empty() {
                    let one = chosen.iter().map(|&at| packs[at]).sum();
                    packs = (0..packs.len()).filter(|at| !chosen.contains(at)).map(|at| packs[at]).collect();
                    packs.push(one);
                }
                prop_assert!(packs.len() <= 16, "{:?}", packs);
            }
        }
    }
}

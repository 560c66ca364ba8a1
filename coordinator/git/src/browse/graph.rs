//! The commit graph beside a cached repository: parents, trees and times of commits without
//! reading them, and the filters that say which paths a commit surely did not change.

use super::reader::Node;
use crate::cache::Bare;
use crate::oid::{ObjectFormat, Oid};
use gix::commitgraph::{File, Position, file};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

/// The largest part of a graph file that is read into memory, in bytes.
const MAX_FILTER_BYTES: u64 = 512 << 20;

/// Of which files a graph was read: they never change, but others take their place.
pub(super) type Stamp = Vec<(PathBuf, Option<SystemTime>)>;

/// A commit graph, of one file or several that build on each other.
pub(super) struct CommitGraph {
    of: Stamp,
    layers: Vec<Layer>,
}

struct Layer {
    file: File,
    path: PathBuf,
    /// How many commits the layers below have.
    start: u32,
    filters: OnceLock<Option<Filters>>,
}

impl CommitGraph {
    /// Says which files stand there now.
    pub(super) fn stamp(bare: &Bare) -> Stamp {
        let info = bare.dir().join("objects/info");
        let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
        ["commit-graph", "commit-graphs/commit-graph-chain"]
            .into_iter()
            .map(|name| {
                let path = info.join(name);
                let modified = modified(&path);
                (path, modified)
            })
            .collect()
    }

    /// Opens what the stamp names. None where there is nothing, or nothing that can be read here.
    pub(super) fn open(bare: &Bare, of: Stamp) -> Option<Self> {
        if bare.format() != ObjectFormat::Sha1 {
            return None;
        }
        let info = bare.dir().join("objects/info");
        let mut paths = vec![];
        if of[0].1.is_some() {
            paths.push(info.join("commit-graph"));
        } else if of[1].1.is_some() {
            let chain = std::fs::read_to_string(info.join("commit-graphs/commit-graph-chain")).ok()?;
            for line in chain.lines() {
                let hash = Oid::parse(line, bare.format()).ok()?;
                paths.push(info.join(format!("commit-graphs/graph-{hash}.graph")));
            }
        }
        let mut layers = vec![];
        let mut start = 0u32;
        for path in paths {
            let file = File::at(&path).ok()?;
            let count = file.num_commits();
            layers.push(Layer {
                file,
                path,
                start,
                filters: OnceLock::new(),
            });
            start = start.checked_add(count)?;
        }
        (!layers.is_empty()).then_some(Self { of, layers })
    }

    pub(super) fn of(&self) -> &Stamp {
        &self.of
    }

    fn find(&self, oid: Oid) -> Option<(&Layer, file::Position)> {
        let id = super::objects::gix_id(oid).ok()?;
        // The last layers have the newest commits, which are asked for most.
        self.layers
            .iter()
            .rev()
            .find_map(|layer| Some((layer, layer.file.lookup(id)?)))
    }

    fn id_at(&self, position: Position) -> Option<Oid> {
        let layer = self.layers.iter().rev().find(|layer| layer.start <= position.0)?;
        let within = position.0 - layer.start;
        if within >= layer.file.num_commits() {
            return None;
        }
        Oid::from_bytes(layer.file.id_at(file::Position(within)).as_bytes()).ok()
    }

    /// A commit for a walk, if the graph has it.
    pub(super) fn node(&self, oid: Oid) -> Option<Node> {
        let (layer, position) = self.find(oid)?;
        let commit = layer.file.commit_at(position);
        let mut parents = vec![];
        for parent in commit.iter_parents() {
            parents.push(self.id_at(parent.ok()?)?);
        }
        Some(Node {
            oid,
            tree: Oid::from_bytes(commit.root_tree_id().as_bytes()).ok()?,
            parents,
            time_s: i64::try_from(commit.committer_timestamp()).ok()?,
            generation: commit.generation(),
        })
    }

    /// What is known of the paths that a commit changed, compared with its first parent; none where
    /// nothing is.
    pub(super) fn filter(&self, oid: Oid) -> Option<Filter<'_>> {
        let (layer, position) = self.find(oid)?;
        let filters = layer
            .filters
            .get_or_init(|| Filters::read(&layer.path))
            .as_ref()?;
        filters.of(position.0)
    }

    /// Whether this commit may have changed the path, compared with its first parent. A no is
    /// certain; so is a yes never.
    pub(super) fn may_have_changed(&self, oid: Oid, path: &PathKeys) -> bool {
        self.filter(oid).is_none_or(|filter| filter.may_have_all(path))
    }
}

/// A path as the filters know it.
pub(super) struct PathKey {
    hashes: (u32, u32),
    is_ascii: bool,
}

impl PathKey {
    pub(super) fn new(path: &[u8]) -> Self {
        Self {
            hashes: (murmur3(0x293a_e76f, path), murmur3(0x7e64_6e2c, path)),
            is_ascii: path.is_ascii(),
        }
    }
}

/// A path and the folders that it is in, as the filters know them.
pub(super) struct PathKeys {
    keys: Vec<PathKey>,
}

impl PathKeys {
    pub(super) fn new(path: &[u8]) -> Self {
        let mut keys = vec![];
        let mut end = path.len();
        while end > 0 {
            let part = &path[..end];
            keys.push(PathKey::new(part));
            end = part.iter().rposition(|&b| b == b'/').unwrap_or(0);
        }
        Self { keys }
    }
}

/// The filter of one commit.
pub(super) struct Filter<'a> {
    version: u32,
    hashes: u32,
    bits: &'a [u8],
}

impl Filter<'_> {
    /// Whether the commit may have changed this path, by what is known of its folders too.
    pub(super) fn may_have_all(&self, path: &PathKeys) -> bool {
        path.keys.iter().all(|key| self.may_have(key))
    }

    /// Whether the commit may have changed this path, or something below it. A no is certain.
    pub(super) fn may_have(&self, path: &PathKey) -> bool {
        // The first version hashes bytes beyond ASCII as the machine that wrote them did.
        let hashed_alike = match self.version {
            1 => path.is_ascii,
            version => version == 2,
        };
        let (first, second) = path.hashes;
        !hashed_alike
            || (0..self.hashes).all(|n| {
                let bit = first.wrapping_add(n.wrapping_mul(second)) as usize % (self.bits.len() * 8);
                self.bits[bit / 8] & (1 << (bit & 7)) != 0
            })
    }
}

struct Filters {
    version: u32,
    hashes: u32,
    /// Where the filter of each commit ends, as big-endian numbers.
    ends: Vec<u8>,
    data: Vec<u8>,
}

impl Filters {
    /// Reads the two chunks of a graph file that hold filters.
    fn read(path: &Path) -> Option<Self> {
        let mut file = std::fs::File::open(path).ok()?;
        let mut head = [0; 8];
        file.read_exact(&mut head).ok()?;
        let mut table = vec![0; 12 * (usize::from(head[6]) + 1)];
        file.read_exact(&mut table).ok()?;
        let rows: Vec<([u8; 4], u64)> = table
            .chunks_exact(12)
            .filter_map(|row| {
                let (id, offset) = row.split_at(4);
                Some((id.try_into().ok()?, u64::from_be_bytes(offset.try_into().ok()?)))
            })
            .collect();
        let mut chunk = |wanted: &[u8; 4]| {
            let at = rows.iter().position(|(id, _)| id == wanted)?;
            let (start, end) = (rows[at].1, rows.get(at + 1)?.1);
            let bytes = end
                .checked_sub(start)
                .filter(|&bytes| bytes <= MAX_FILTER_BYTES)?;
            let mut content = vec![0; usize::try_from(bytes).ok()?];
            file.seek(SeekFrom::Start(start)).ok()?;
            file.read_exact(&mut content).ok()?;
            Some(content)
        };
        let (ends, data) = (chunk(b"BIDX")?, chunk(b"BDAT")?);
        let number = |at: usize| Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?));
        Some(Self {
            version: number(0)?,
            hashes: number(4)?.min(64),
            ends,
            data,
        })
    }

    fn end(&self, at: u32) -> Option<usize> {
        let at = usize::try_from(at).ok()? * 4;
        let bytes = self.ends.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    }

    /// The filter of the commit at this place; none where it is empty, which says nothing.
    fn of(&self, at: u32) -> Option<Filter<'_>> {
        let start = match at {
            0 => 0,
            at => self.end(at - 1)?,
        };
        let bits = self.data.get(12 + start..12 + self.end(at)?)?;
        (!bits.is_empty()).then_some(Filter {
            version: self.version,
            hashes: self.hashes,
            bits,
        })
    }
}

/// The 32-bit hash MurmurHash3, as `gitformat-commit-graph` asks for it.
fn murmur3(seed: u32, bytes: &[u8]) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |k: u32| k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let mut hash = seed;
    let blocks = bytes.chunks_exact(4);
    let tail = blocks.remainder();
    for block in blocks {
        let k = u32::from_le_bytes([block[0], block[1], block[2], block[3]]);
        hash = (hash ^ scramble(k))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    if !tail.is_empty() {
        let k = tail
            .iter()
            .rev()
            .fold(0u32, |k, &byte| (k << 8) | u32::from(byte));
        hash ^= scramble(k);
    }
    hash ^= bytes.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_that_git_tests() {
        // From git's t0095-bloom.sh.
        assert_eq!(murmur3(0, b""), 0x0000_0000);
        assert_eq!(murmur3(0, b"Hello world!"), 0x627b_0c2c);
        assert_eq!(
            murmur3(0, b"The quick brown fox jumps over the lazy dog"),
            0x2e4f_f723
        );
    }
}

//! Asking a repository's index over several packs which packs those are.
//!
//! Source: `gitformat-pack`, "multi-pack-index (MIDX) files have the following format".

use crate::oid::Oid;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The name of the file, in a folder of packs; the files of its bitmaps begin with it too.
pub(crate) const FILE: &str = "multi-pack-index";

const SIGNATURE: &[u8; 4] = b"MIDX";
const HEAD_BYTES: usize = 12;
/// Where in the head the number of chunks stands, in one byte.
const CHUNKS: usize = 6;
/// A name of four bytes and an offset of eight.
const CHUNK_BYTES: usize = 12;
const PACK_NAMES: &[u8; 4] = b"PNAM";
/// Names of 50 packs take a twentieth of this.
const MAX_NAMES_BYTES: u64 = 64 * 1024;

/// The checksums of the packs that the index of this folder covers, and [`None`] where there is no
/// index. One that cannot be understood covers nothing.
pub(crate) fn packs(folder: &Path) -> io::Result<Option<Vec<Oid>>> {
    match File::open(folder.join(FILE)) {
        Ok(file) => match read(&file) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Some(vec![])),
            read => Ok(Some(read?.unwrap_or_default())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(file: &File) -> io::Result<Option<Vec<Oid>>> {
    let mut head = [0; HEAD_BYTES];
    file.read_exact_at(&mut head, 0)?;
    if !head.starts_with(SIGNATURE) {
        return Ok(None);
    }
    // One more than there are: the last says where the last chunk ends.
    let mut chunks = vec![0; (usize::from(head[CHUNKS]) + 1) * CHUNK_BYTES];
    file.read_exact_at(&mut chunks, HEAD_BYTES as u64)?;
    let (chunks, _) = chunks.as_chunks::<CHUNK_BYTES>();
    let offset = |chunk: &[u8; CHUNK_BYTES]| u64::from_be_bytes(*chunk.last_chunk().expect("twelve bytes"));
    let place = chunks
        .windows(2)
        .find(|two| two[0].starts_with(PACK_NAMES))
        .map(|two| (offset(&two[0]), offset(&two[1])));
    let Some((begin, end)) = place else {
        return Ok(None);
    };
    let mut names = vec![0; end.saturating_sub(begin).min(MAX_NAMES_BYTES) as usize];
    file.read_exact_at(&mut names, begin)?;
    let names = names.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(checksum).collect())
}

fn checksum(name: &[u8]) -> Option<Oid> {
    let name = std::str::from_utf8(name).ok()?;
    name.strip_prefix("pack-")?.strip_suffix(".idx")?.parse().ok()
}

//! Asking the index of one pack whether the pack has an object.
//!
//! Source: `gitformat-pack`, "Version 2 pack-*.idx files support packs larger than 4 GiB".

use crate::oid::{ObjectFormat, Oid};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

const HEAD: &[u8; 8] = b"\xfftOc\0\0\0\x02";
const FAN_OUT: u64 = 8;
const NAMES: u64 = FAN_OUT + 256 * 4;

/// The index of a pack.
#[derive(Debug)]
pub(crate) struct PackIndex {
    file: File,
    oid_bytes: u64,
}

impl PackIndex {
    /// Opens an index of version 2, the only one that git has written since 2008.
    pub(crate) fn open(path: &Path, format: ObjectFormat) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut head = [0; 8];
        file.read_exact_at(&mut head, 0)?;
        if &head != HEAD {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a pack's index is not of version 2",
            ));
        }
        Ok(Self {
            file,
            oid_bytes: format.raw_len() as u64,
        })
    }

    /// Whether the pack has this object.
    pub(crate) fn contains(&self, oid: Oid) -> io::Result<bool> {
        let first = u64::from(oid.as_bytes()[0]);
        let mut low = match first {
            0 => 0,
            _ => self.before(first - 1)?,
        };
        let mut high = self.before(first)?;
        let mut name = vec![0; oid.as_bytes().len()];
        while low < high {
            let middle = (low + high) / 2;
            self.file
                .read_exact_at(&mut name, NAMES + middle * self.oid_bytes)?;
            match name.as_slice().cmp(oid.as_bytes()) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(false)
    }

    /// The names of all objects, in order.
    pub(crate) fn names(self) -> io::Result<impl Iterator<Item = io::Result<Vec<u8>>>> {
        let mut left = self.before(255)?;
        let (mut file, oid_bytes) = (self.file, self.oid_bytes as usize);
        file.seek(SeekFrom::Start(NAMES))?;
        let mut file = BufReader::with_capacity(64 * 1024, file);
        Ok(std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let mut name = vec![0; oid_bytes];
            Some(file.read_exact(&mut name).map(|()| name))
        }))
    }

    /// How many objects have a first byte of at most this.
    fn before(&self, first: u64) -> io::Result<u64> {
        let mut count = [0; 4];
        self.file.read_exact_at(&mut count, FAN_OUT + first * 4)?;
        Ok(u64::from(u32::from_be_bytes(count)))
    }
}

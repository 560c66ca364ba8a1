//! Reading a pack as it comes in, only to see how large it will become.
//!
//! `git index-pack` limits the bytes of a pack and nothing else: a few kilobytes can ask it for
//! gigabytes of memory or days of work. The scanner inflates each entry to nowhere and stops at
//! the first figure that is over a limit, before git has seen that entry. Whether the objects are
//! right is left to git.
//!
//! Source: `gitformat-pack`, "pack-*.pack files have the following format".

use super::QuarantineLimits;
use crate::oid::ObjectFormat;
use flate2::{Decompress, FlushDecompress, Status};

/// The head of a pack: `PACK`, the version and the number of objects.
pub(super) const HEAD_BYTES: usize = 12;

/// Why a pack is not read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanError {
    PackTooLarge,
    ObjectTooLarge { size_bytes: u64 },
    ExpandsTooFar,
    TooManyObjects { found: u32 },
    Damaged(&'static str),
}

/// Reads the head, and answers how many objects it promises.
pub(super) fn read_head(head: [u8; HEAD_BYTES]) -> Result<u32, ScanError> {
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if &head[..4] != b"PACK" {
        return Err(ScanError::Damaged("it does not begin as a pack does"));
    }
    if !matches!(word(4), 2 | 3) {
        return Err(ScanError::Damaged("its version is neither 2 nor 3"));
    }
    Ok(word(8))
}

pub(super) struct Scanner {
    limits: QuarantineLimits,
    base_oid_bytes: usize,
    state: State,
    objects_left: u32,
    pack_bytes: u64,
    expanded_bytes: u64,
    inflate: Decompress,
    scratch: Box<[u8]>,
}

enum State {
    /// Before the first byte of an entry.
    Entry,
    /// In the rest of the number that says its size.
    Size { kind: u8, size: u64, shift: u32 },
    /// In the offset of a delta's base.
    BaseOffset { size: u64 },
    /// In the id of a delta's base.
    BaseOid { size: u64, left: usize },
    /// In the compressed content.
    Content {
        size: u64,
        done: u64,
        delta: Option<DeltaHead>,
    },
    /// In the checksum at the end.
    Checksum { left: usize },
    /// Behind it.
    Over,
}

/// The two numbers that a delta begins with: the size of its base and that of its result.
#[derive(Default)]
struct DeltaHead {
    numbers: [u64; 2],
    at: usize,
    shift: u32,
}

impl DeltaHead {
    /// Reads on; true once, when the second number is complete.
    fn feed(&mut self, bytes: &[u8]) -> Result<bool, ScanError> {
        for &byte in bytes {
            if self.at == 2 {
                return Ok(false);
            }
            if self.shift > 56 {
                return Err(ScanError::Damaged("a delta's size is out of range"));
            }
            self.numbers[self.at] |= u64::from(byte & 0x7f) << self.shift;
            self.shift += 7;
            if byte & 0x80 == 0 {
                self.at += 1;
                self.shift = 0;
                if self.at == 2 {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

impl Scanner {
    /// Begins behind the head of a pack with at least one object.
    pub(super) fn new(
        limits: QuarantineLimits,
        format: ObjectFormat,
        objects: u32,
    ) -> Result<Self, ScanError> {
        if objects > limits.objects {
            return Err(ScanError::TooManyObjects { found: objects });
        }
        Ok(Self {
            limits,
            base_oid_bytes: format.raw_len(),
            state: State::Entry,
            objects_left: objects,
            pack_bytes: HEAD_BYTES as u64,
            expanded_bytes: 0,
            inflate: Decompress::new(true),
            scratch: vec![0; 64 * 1024].into_boxed_slice(),
        })
    }

    /// Whether the whole pack was read.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Reads on, and answers how many of the bytes belong to the pack.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<usize, ScanError> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over() {
            let taken = self.step(rest)?;
            rest = &rest[taken..];
        }
        let taken = bytes.len() - rest.len();
        self.pack_bytes += taken as u64;
        if self.pack_bytes > self.limits.pack_bytes {
            return Err(ScanError::PackTooLarge);
        }
        Ok(taken)
    }

    /// Takes at least one byte of a piece that has one.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, ScanError> {
        let byte = bytes[0];
        match &mut self.state {
            State::Entry => {
                let (kind, size) = ((byte >> 4) & 7, u64::from(byte & 15));
                if byte & 0x80 != 0 {
                    self.state = State::Size { kind, size, shift: 4 };
                } else {
                    self.begin(kind, size)?;
                }
                Ok(1)
            }
            State::Size { kind, size, shift } => {
                if *shift > 56 {
                    return Err(ScanError::Damaged("an object's size is out of range"));
                }
                *size |= u64::from(byte & 0x7f) << *shift;
                *shift += 7;
                if byte & 0x80 == 0 {
                    let (kind, size) = (*kind, *size);
                    self.begin(kind, size)?;
                }
                Ok(1)
            }
            State::BaseOffset { size } => {
                if byte & 0x80 == 0 {
                    let size = *size;
                    self.begin_content(size, true);
                }
                Ok(1)
            }
            State::BaseOid { size, left } => {
                let taken = bytes.len().min(*left);
                *left -= taken;
                if *left == 0 {
                    let size = *size;
                    self.begin_content(size, true);
                }
                Ok(taken)
            }
            State::Content { .. } => self.inflate(bytes),
            State::Checksum { left } => {
                let taken = bytes.len().min(*left);
                *left -= taken;
                if *left == 0 {
                    self.state = State::Over;
                }
                Ok(taken)
            }
            State::Over => Ok(bytes.len()),
        }
    }

    /// Knows an entry's kind and size. A delta's size is that of its instructions.
    fn begin(&mut self, kind: u8, size: u64) -> Result<(), ScanError> {
        if size > self.limits.object_bytes {
            return Err(ScanError::ObjectTooLarge { size_bytes: size });
        }
        match kind {
            1..=4 => {
                self.expand(size)?;
                self.begin_content(size, false);
            }
            6 => self.state = State::BaseOffset { size },
            7 => {
                self.state = State::BaseOid {
                    size,
                    left: self.base_oid_bytes,
                }
            }
            _ => return Err(ScanError::Damaged("an object is of no known kind")),
        }
        Ok(())
    }

    fn begin_content(&mut self, size: u64, delta: bool) {
        self.inflate.reset(true);
        self.state = State::Content {
            size,
            done: 0,
            delta: delta.then(DeltaHead::default),
        };
    }

    /// Counts what an object will take when it is unpacked.
    fn expand(&mut self, size_bytes: u64) -> Result<(), ScanError> {
        if size_bytes > self.limits.object_bytes {
            return Err(ScanError::ObjectTooLarge { size_bytes });
        }
        self.expanded_bytes = self.expanded_bytes.saturating_add(size_bytes);
        if self.expanded_bytes > self.limits.expanded_bytes {
            return Err(ScanError::ExpandsTooFar);
        }
        Ok(())
    }

    fn inflate(&mut self, bytes: &[u8]) -> Result<usize, ScanError> {
        let State::Content { size, done, delta } = &mut self.state else {
            return Ok(0);
        };
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(bytes, &mut self.scratch, FlushDecompress::None)
            .map_err(|_| ScanError::Damaged("an object cannot be decompressed"))?;
        let taken = (self.inflate.total_in() - before_in) as usize;
        let produced = (self.inflate.total_out() - before_out) as usize;
        *done += produced as u64;
        if *done > *size {
            return Err(ScanError::Damaged("an object is larger than it says"));
        }
        let mut result = None;
        if let Some(delta) = delta
            && delta.feed(&self.scratch[..produced])?
        {
            result = Some(delta.numbers[1]);
        }
        let ended = status == Status::StreamEnd;
        if ended && (*done < *size || delta.as_ref().is_some_and(|delta| delta.at < 2)) {
            return Err(ScanError::Damaged("an object is smaller than it says"));
        }
        if !ended && taken == 0 && produced == 0 {
            return Err(ScanError::Damaged("an object cannot be decompressed"));
        }
        if let Some(result) = result {
            self.expand(result)?;
        }
        if ended {
            self.objects_left -= 1;
            self.state = match self.objects_left {
                0 => State::Checksum {
                    left: self.base_oid_bytes,
                },
                _ => State::Entry,
            };
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};
    use proptest::prelude::*;
    use std::time::Duration;

    fn limits() -> QuarantineLimits {
        QuarantineLimits {
            pack_bytes: 1 << 20,
            object_bytes: 1 << 20,
            expanded_bytes: 4 << 20,
            objects: 100,
            deadline: Duration::from_secs(1),
            idle: Duration::from_secs(1),
        }
    }

    fn entry(kind: u8, size: u64, base: &[u8], content: &[u8]) -> Vec<u8> {
        let mut head = vec![kind << 4 | (size & 15) as u8];
        let mut rest = size >> 4;
        while rest > 0 {
            *head.last_mut().unwrap() |= 0x80;
            head.push((rest & 0x7f) as u8);
            rest >>= 7;
        }
        head.extend_from_slice(base);
        let mut packed = Vec::with_capacity(content.len() + 1024);
        Compress::new(Compression::best(), true)
            .compress_vec(content, &mut packed, FlushCompress::Finish)
            .unwrap();
        head.extend(packed);
        head
    }

    fn delta(base: u64, result: u64) -> Vec<u8> {
        let mut out = vec![];
        for mut number in [base, result] {
            while number > 0x7f {
                out.push(number as u8 | 0x80);
                number >>= 7;
            }
            out.push(number as u8);
        }
        out.push(1);
        out
    }

    fn scan(entries: &[Vec<u8>], chunk: usize) -> Result<bool, ScanError> {
        let mut scanner = Scanner::new(limits(), ObjectFormat::Sha1, entries.len() as u32)?;
        let mut bytes = entries.concat();
        bytes.extend_from_slice(&[7; 20]);
        let pack = bytes.len();
        bytes.extend_from_slice(b"more");
        let mut taken = 0;
        for piece in bytes.chunks(chunk) {
            taken += scanner.feed(piece)?;
        }
        assert_eq!(taken, pack);
        Ok(scanner.is_over())
    }

    #[test]
    fn a_pack_is_read_in_pieces_of_any_size() {
        let instructions = delta(5, 300_000);
        let entries = [
            entry(1, 0, b"", b""),
            entry(3, 200_000, b"", &vec![b'x'; 200_000]),
            entry(6, instructions.len() as u64, &[0x81, 0x05], &instructions),
            entry(7, instructions.len() as u64, &[9; 20], &instructions),
        ];
        for chunk in [1, 2, 3, 7, 100, 1 << 20] {
            assert_eq!(scan(&entries, chunk), Ok(true), "{chunk}");
        }
    }

    #[test]
    fn what_would_grow_too_large_is_seen() {
        let bomb = vec![0; 3 << 20];
        let big = |result| {
            let instructions = delta(5, result);
            entry(6, instructions.len() as u64, &[5], &instructions)
        };
        for (entries, expected) in [
            (
                vec![entry(3, 3 << 20, b"", &bomb)],
                ScanError::ObjectTooLarge { size_bytes: 3 << 20 },
            ),
            (
                vec![entry(3, 10, b"", &bomb)],
                ScanError::Damaged("an object is larger than it says"),
            ),
            (
                vec![entry(3, 10, b"", b"x")],
                ScanError::Damaged("an object is smaller than it says"),
            ),
            (
                vec![big(1 << 40)],
                ScanError::ObjectTooLarge { size_bytes: 1 << 40 },
            ),
            (vec![big(1 << 20); 5], ScanError::ExpandsTooFar),
            (
                vec![entry(3, 1, b"", b"x"); 101],
                ScanError::TooManyObjects { found: 101 },
            ),
            (
                vec![entry(5, 1, b"", b"x")],
                ScanError::Damaged("an object is of no known kind"),
            ),
            (
                vec![vec![0x30, 1, 2, 3, 4]],
                ScanError::Damaged("an object cannot be decompressed"),
            ),
            (
                vec![vec![0xff; 40]],
                ScanError::Damaged("an object's size is out of range"),
            ),
        ] {
            for chunk in [1, 1 << 20] {
                assert_eq!(scan(&entries, chunk), Err(expected), "in pieces of {chunk}");
            }
        }
    }

    #[test]
    fn heads() {
        assert_eq!(read_head(*b"PACK\0\0\0\x02\0\0\0\x05"), Ok(5));
        for bad in [b"PACX\0\0\0\x02\0\0\0\x05", b"PACK\0\0\0\x04\0\0\0\x05"] {
            assert!(matches!(read_head(*bad), Err(ScanError::Damaged(_))));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut scanner = Scanner::new(limits(), ObjectFormat::Sha256, 3).unwrap();
            let _ = scanner.feed(&bytes);
        }
    }
}

//! Which build of the program this is.
//!
//! The linker writes a hash of the whole program into it (the GNU build id), so that nobody has to
//! read fifty megabytes for one while a visitor waits. A program without it is hashed.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::LazyLock;

/// What the segment is called that holds notes (ELF, "Program Header").
const PT_NOTE: u32 = 4;
/// What the note is called that holds the build id, of the owner "GNU".
const NT_GNU_BUILD_ID: u32 = 3;
/// The largest segment of notes that is read, in bytes.
const MAX_NOTES_BYTES: u64 = 64 << 10;
/// The shortest id that tells builds apart, in bytes.
const MIN_ID_BYTES: usize = 8;

/// A number that another build of the program does not have.
pub fn edition() -> u64 {
    static EDITION: LazyLock<u64> = LazyLock::new(|| {
        let hash = std::env::current_exe().and_then(|path| hash_of(&path));
        hash.unwrap_or_else(|error| {
            tracing::warn!(error = %plue_contract::causes(&error), "the program cannot be read: its version stands for its build");
            short(&Sha256::digest(env!("CARGO_PKG_VERSION")))
        })
    });
    *EDITION
}

fn hash_of(path: &Path) -> io::Result<u64> {
    let mut program = File::open(path)?;
    if let Some(id) = build_id(&program) {
        return Ok(short(&id));
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match program.read(&mut buffer)? {
            0 => return Ok(short(&hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}

fn short(hash: &[u8]) -> u64 {
    hash.iter()
        .take(8)
        .fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

/// The build id of a program for a 64-bit little-endian machine; none where it has none.
fn build_id(program: &File) -> Option<Vec<u8>> {
    let part = |at: u64, bytes: u64| {
        let mut part = vec![0; usize::try_from(bytes).ok()?];
        program.read_exact_at(&mut part, at).ok()?;
        Some(part)
    };
    let head = part(0, 64)?;
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, row_bytes, rows) = (long(&head, 32)?, short_at(&head, 54)?, short_at(&head, 56)?);
    (0..rows).find_map(|nth| {
        let at = table.checked_add(u64::from(nth) * u64::from(row_bytes))?;
        let row = part(at, 56)?;
        if word(&row, 0)? != PT_NOTE {
            return None;
        }
        let bytes = long(&row, 32).filter(|&bytes| bytes <= MAX_NOTES_BYTES)?;
        in_notes(&part(long(&row, 8)?, bytes)?)
    })
}

/// Each note is the lengths of its owner and of its content, its kind, and both of them, filled up
/// to four bytes.
fn in_notes(mut notes: &[u8]) -> Option<Vec<u8>> {
    loop {
        let (owner, content, kind) = (
            word(notes, 0)? as usize,
            word(notes, 4)? as usize,
            word(notes, 8)?,
        );
        let begins = 12usize.checked_add(owner.checked_next_multiple_of(4)?)?;
        let ends = begins.checked_add(content)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..16)? == b"GNU\0" && content >= MIN_ID_BYTES {
            return notes.get(begins..ends).map(<[u8]>::to_vec);
        }
        notes = notes.get(ends.checked_next_multiple_of(4)?..)?;
    }
}

fn short_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn note(owner: &[u8], kind: u32, content: &[u8]) -> Vec<u8> {
        let mut note = vec![];
        for number in [owner.len() as u32, content.len() as u32, kind] {
            note.extend(number.to_le_bytes());
        }
        for part in [owner, content] {
            note.extend(part);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    fn program(notes: &[u8]) -> tempfile::NamedTempFile {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
        bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&1u16.to_le_bytes());
        bytes[64..68].copy_from_slice(&PT_NOTE.to_le_bytes());
        bytes[72..80].copy_from_slice(&120u64.to_le_bytes());
        bytes[96..104].copy_from_slice(&(notes.len() as u64).to_le_bytes());
        bytes.extend(notes);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    #[test]
    fn a_build_id_stands_for_the_program() {
        let notes = [
            note(b"GNU\0", 1, &[0; 16]),
            note(b"Go\0", NT_GNU_BUILD_ID, &[1; 20]),
            note(b"GNU\0", NT_GNU_BUILD_ID, &[7; 20]),
        ];
        let file = program(&notes.concat());
        assert_eq!(build_id(file.as_file()).unwrap(), [7; 20]);
        assert_eq!(hash_of(file.path()).unwrap(), 0x0707_0707_0707_0707);
    }

    #[test]
    fn a_program_without_one_is_hashed() {
        let [a, b] = [b"one", b"two"].map(|content| {
            let file = program(&note(b"GNU\0", 1, content));
            assert_eq!(build_id(file.as_file()), None);
            hash_of(file.path()).unwrap()
        });
        assert_ne!(a, b);
        // Lengths that lead nowhere end the search.
        let mut odd = note(b"GNU\0", NT_GNU_BUILD_ID, &[7; 20]);
        odd[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(build_id(program(&odd).as_file()), None);
        assert_eq!(build_id(program(&[]).as_file()), None);
    }
}

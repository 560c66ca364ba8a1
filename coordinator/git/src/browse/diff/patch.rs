//! Reading what `git diff-tree -z --raw --numstat -p` prints: the list of files, then the lines of
//! each, as they come.

use super::{DiffCut, DiffLimits, DiffLine, FileDiff, FileStatus, Hunk, LineKind};
use crate::browse::BrowseError;
use crate::child::GitError;
use crate::oid::Oid;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// The longest list of changed files that is read, in bytes.
const MAX_LIST_BYTES: usize = 64 << 20;
/// The longest line that counts as one of the format itself, in bytes: two paths fit in.
const MAX_HEAD_BYTES: usize = 32 * 1024;

fn odd() -> BrowseError {
    BrowseError::Damaged("git diff-tree answered something odd")
}

/// Reads the list of files, which ends with a NUL of its own before the lines begin. What is left
/// unread is the first line of the first file.
pub(super) async fn read_list<R: AsyncBufRead + Unpin>(
    input: &mut R,
    like: Oid,
) -> Result<Vec<FileDiff>, BrowseError> {
    let mut files: Vec<FileDiff> = vec![];
    let mut left = MAX_LIST_BYTES;
    let mut counted = 0;
    while let Some(word) = word(input, &mut left).await? {
        if word.is_empty() {
            break;
        }
        if let Some(about) = word.strip_prefix(b":") {
            let mut file = file(std::str::from_utf8(about).map_err(|_| odd())?, like)?;
            let path = text(word_or_odd(input, &mut left).await?);
            match file.status {
                FileStatus::Renamed { .. } | FileStatus::Copied { .. } => {
                    file.old_path = Some(path);
                    file.new_path = Some(text(word_or_odd(input, &mut left).await?));
                }
                FileStatus::Added => file.new_path = Some(path),
                FileStatus::Deleted => file.old_path = Some(path),
                FileStatus::Modified | FileStatus::TypeChanged => {
                    file.old_path = Some(path.clone());
                    file.new_path = Some(path);
                }
            }
            files.push(file);
            continue;
        }
        // `<added>\t<removed>\t<path>`, or the path empty and both paths as words of their own.
        let mut fields = word.splitn(3, |&b| b == b'\t');
        let (Some(added), Some(removed), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(odd());
        };
        let path = match path {
            [] => {
                word_or_odd(input, &mut left).await?;
                text(word_or_odd(input, &mut left).await?)
            }
            path => text(path.to_vec()),
        };
        let number = |field: &[u8]| {
            std::str::from_utf8(field)
                .ok()
                .and_then(|field| field.parse().ok())
        };
        // Both lists are in the same order; files without other lines are missing in this one.
        let at = files[counted..]
            .iter()
            .position(|file| file.path() == path)
            .ok_or_else(odd)?;
        counted += at;
        let file = &mut files[counted];
        counted += 1;
        match (added, removed) {
            (b"-", b"-") => file.is_binary = true,
            _ => {
                file.additions = number(added).ok_or_else(odd)?;
                file.deletions = number(removed).ok_or_else(odd)?;
            }
        }
    }
    Ok(files)
}

/// Reads `100644 100755 <id> <id> R086`.
fn file(about: &str, like: Oid) -> Result<FileDiff, BrowseError> {
    let mut words = about.split(' ');
    let mut next = || words.next().ok_or_else(odd);
    let mode = |word: &str| u32::from_str_radix(word, 8).map_err(|_| odd());
    let (old_mode, new_mode) = (mode(next()?)?, mode(next()?)?);
    let (old, new) = (
        Oid::parse(next()?, like.format())?,
        Oid::parse(next()?, like.format())?,
    );
    let status = next()?;
    let similarity = || status[1..].parse().unwrap_or(100);
    let status = match status.as_bytes().first() {
        Some(b'A') => FileStatus::Added,
        Some(b'D') => FileStatus::Deleted,
        Some(b'M') => FileStatus::Modified,
        Some(b'T') => FileStatus::TypeChanged,
        Some(b'R') => FileStatus::Renamed {
            similarity: similarity(),
        },
        Some(b'C') => FileStatus::Copied {
            similarity: similarity(),
        },
        _ => return Err(odd()),
    };
    Ok(FileDiff {
        old_path: None,
        new_path: None,
        status,
        old_mode,
        new_mode,
        old_oid: (!old.is_zero()).then_some(old),
        new_oid: (!new.is_zero()).then_some(new),
        is_binary: false,
        additions: 0,
        deletions: 0,
        is_generated: false,
        is_vendored: false,
        is_suppressed: false,
        hunks: vec![],
        cut: None,
    })
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

async fn word_or_odd<R: AsyncBufRead + Unpin>(
    input: &mut R,
    left: &mut usize,
) -> Result<Vec<u8>, BrowseError> {
    word(input, left).await?.ok_or_else(odd)
}

/// Reads up to a NUL; none at the end.
async fn word<R: AsyncBufRead + Unpin>(
    input: &mut R,
    left: &mut usize,
) -> Result<Option<Vec<u8>>, BrowseError> {
    let mut word = vec![];
    loop {
        let chunk = input.fill_buf().await.map_err(GitError::from)?;
        if chunk.is_empty() {
            return if word.is_empty() { Ok(None) } else { Err(odd()) };
        }
        let end = chunk.iter().position(|&b| b == 0);
        let taken = end.unwrap_or(chunk.len());
        if taken >= *left {
            return Err(BrowseError::TooLarge {
                size_bytes: MAX_LIST_BYTES as u64,
                limit_bytes: MAX_LIST_BYTES as u64,
            });
        }
        *left -= taken;
        word.extend_from_slice(&chunk[..taken]);
        input.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Some(word));
        }
    }
}

/// A line: its beginning, and how long it is in truth.
struct Line {
    bytes: Vec<u8>,
    whole_len: usize,
}

/// Reads a line without its end and keeps up to `keep` bytes of it; none at the end.
async fn line<R: AsyncBufRead + Unpin>(input: &mut R, keep: usize) -> Result<Option<Line>, BrowseError> {
    let mut line = Line {
        bytes: vec![],
        whole_len: 0,
    };
    loop {
        let chunk = input.fill_buf().await.map_err(GitError::from)?;
        if chunk.is_empty() {
            return Ok((line.whole_len > 0).then_some(line));
        }
        let end = chunk.iter().position(|&b| b == b'\n');
        let taken = end.unwrap_or(chunk.len());
        let kept = taken.min(keep.saturating_sub(line.bytes.len()));
        line.bytes.extend_from_slice(&chunk[..kept]);
        line.whole_len += taken;
        input.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// Reads the lines of all files into them, up to the limits; whether that went to the end.
pub(super) async fn read_lines<R: AsyncBufRead + Unpin>(
    input: &mut R,
    files: &mut [FileDiff],
    limits: DiffLimits,
) -> Result<bool, BrowseError> {
    // Files whose lines are not shown anyway are passed over, and reading ends behind the last.
    let (mut lines_left, mut bytes_left) = (limits.lines, limits.bytes);
    let mut at: Option<usize> = None;
    let mut in_file = 0;
    // What is left of the hunk that is being read.
    let (mut old_left, mut new_left) = (0usize, 0usize);
    let keep = limits.bytes_per_line + 1;
    while let Some(line) = line(input, keep.max(MAX_HEAD_BYTES)).await? {
        let bytes = &line.bytes[..];
        if old_left == 0 && new_left == 0 && bytes.starts_with(b"diff --git ") {
            // A file that became a link is shown as one that goes and one that comes.
            let again = at
                .and_then(|at| files.get(at))
                .is_some_and(|file| file.status == FileStatus::TypeChanged && is_head_of(bytes, file));
            if again {
                continue;
            }
            let next = at.map_or(0, |at| at + 1);
            let found = files[next..]
                .iter()
                .position(|file| is_head_of(bytes, file))
                .ok_or_else(odd)?;
            at = Some(next + found);
            in_file = 0;
            if next + found >= limits.files || (lines_left == 0 || bytes_left == 0) {
                for file in &mut files[next + found..] {
                    if !file.is_binary && file.additions + file.deletions > 0 {
                        file.cut = Some(DiffCut::Whole);
                    }
                }
                return Ok(false);
            }
            continue;
        }
        let Some(file) = at.and_then(|at| files.get_mut(at)) else {
            return Err(odd());
        };
        if old_left == 0 && new_left == 0 {
            if bytes.starts_with(b"@@ ") {
                let hunk = hunk(&String::from_utf8_lossy(bytes)).ok_or_else(odd)?;
                (old_left, new_left) = (hunk.old_count, hunk.new_count);
                if file.cut.is_none() {
                    file.hunks.push(hunk);
                }
            } else if bytes.starts_with(b"\\") && file.cut.is_none() {
                if let Some(last) = file.hunks.last_mut().and_then(|hunk| hunk.lines.last_mut()) {
                    last.no_newline = true;
                }
            } else if bytes.starts_with(b"Binary files ") {
                file.is_binary = true;
            }
            continue;
        }
        let kind = match bytes.first() {
            Some(b'+') => LineKind::Added,
            Some(b'-') => LineKind::Removed,
            Some(b' ') => LineKind::Context,
            Some(b'\\') => {
                if let Some(last) = file.hunks.last_mut().and_then(|hunk| hunk.lines.last_mut())
                    && file.cut.is_none()
                {
                    last.no_newline = true;
                }
                continue;
            }
            _ => return Err(odd()),
        };
        if kind != LineKind::Added {
            old_left = old_left.checked_sub(1).ok_or_else(odd)?;
        }
        if kind != LineKind::Removed {
            new_left = new_left.checked_sub(1).ok_or_else(odd)?;
        }
        if file.cut.is_some() {
            continue;
        }
        let shown = &bytes[1..bytes.len().min(keep)];
        if in_file >= limits.lines_per_file {
            file.cut = Some(DiffCut::File);
            continue;
        }
        if lines_left == 0 || bytes_left < shown.len() {
            bytes_left = 0;
            file.cut = Some(DiffCut::Whole);
            continue;
        }
        lines_left -= 1;
        bytes_left -= shown.len();
        in_file += 1;
        let hunk = file.hunks.last_mut().ok_or_else(odd)?;
        hunk.lines.push(DiffLine {
            kind,
            text: String::from_utf8_lossy(shown).into_owned(),
            is_cut: line.whole_len > shown.len() + 1,
            no_newline: false,
        });
    }
    Ok(true)
}

/// Whether `diff --git a/<old> b/<new>` begins this file. A path is quoted where it has odd
/// characters.
fn is_head_of(head: &[u8], file: &FileDiff) -> bool {
    let head = String::from_utf8_lossy(head);
    let rest = head.strip_prefix("diff --git ").unwrap_or(&head);
    let (old, new) = (&file.old_path, &file.new_path);
    let old = old.as_ref().or(new.as_ref()).map(|path| format!("a/{path}"));
    let new = new
        .as_ref()
        .or(file.old_path.as_ref())
        .map(|path| format!("b/{path}"));
    let (Some(old), Some(new)) = (old, new) else {
        return false;
    };
    let is_plain = rest.len() == old.len() + 1 + new.len();
    if is_plain && rest.starts_with(&old) && rest.ends_with(&new) {
        return true;
    }
    rest.contains('"')
        && rest.match_indices(' ').any(|(at, _)| {
            let unquoted = |part| crate::browse::blame::unquote(part);
            unquoted(&rest[..at]) == old && unquoted(&rest[at + 1..]) == new
        })
}

/// Reads `@@ -1,2 +3,4 @@ heading`.
fn hunk(line: &str) -> Option<Hunk> {
    let (ranges, section) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| -> Option<(usize, usize)> {
        match text.split_once(',') {
            Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        }
    };
    let ((old_start, old_count), (new_start, new_count)) = (range(old)?, range(new)?);
    Some(Hunk {
        old_start,
        old_count,
        new_start,
        new_count,
        section: section.trim_start().to_owned(),
        lines: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunk_heads() {
        let read = |line| hunk(line).map(|h| (h.old_start, h.old_count, h.new_start, h.new_count, h.section));
        assert_eq!(
            read("@@ -1,2 +3 @@ fn main() {"),
            Some((1, 2, 3, 1, "fn main() {".to_owned()))
        );
        assert_eq!(read("@@ -0,0 +1,9 @@"), Some((0, 0, 1, 9, String::new())));
        assert_eq!(read("@@ -x +1 @@"), None);
        assert_eq!(read("@@ 1 @@"), None);
    }
}

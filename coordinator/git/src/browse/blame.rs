//! Blame: which commit each line of a file is from.

use super::reader::Reader;
use super::{BrowseError, Signature, blob, parts};
use crate::child;
use crate::oid::Oid;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;

use super::last_change::LastChange;

/// Lines that stand together and are from one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlameRun {
    /// The commit that they are from.
    pub commit: Arc<LastChange>,
    /// What the file was called there.
    pub original_path: String,
    /// The number of the first of them there, from 1.
    pub original_start: usize,
    /// The number of the first of them in this file, from 1.
    pub start: usize,
    /// How many they are.
    pub lines: usize,
    /// The commit before, where the file can be looked at without this change, and what the file
    /// was called there; none where the lines came with the file.
    pub previous: Option<(Oid, String)>,
}

/// A file, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blame {
    /// The file's object.
    pub oid: Oid,
    /// What it says.
    pub content: Bytes,
    /// Where its lines are from, from the first to the last.
    pub runs: Vec<BlameRun>,
}

/// Says of every line of a file at a commit where it is from. Whole-file renames are followed.
/// Files larger than `max_bytes` are refused, and binary ones.
pub async fn blame(reader: &Reader, rev: Oid, path: &str, max_bytes: u64) -> Result<Blame, BrowseError> {
    let path = parts(path)?.join("/");
    let commit = reader.within(move |session| session.commit_of(rev)).await?;
    let file = blob(reader, commit, &path, max_bytes).await?;
    if blob::is_binary(&file.content) {
        return Err(BrowseError::Binary);
    }
    let runs = match file.content.is_empty() {
        true => vec![],
        false => {
            let mut command = reader.git().command(reader.bare().dir());
            // The id is ours, and only a path stands behind the dashes. (`--end-of-options` would
            // make git take the path for a revision.)
            command.args(["blame", "--porcelain", &commit.to_string(), "--", &path]);
            // Each line comes back with a head of its own, and each commit with its own lines.
            let max_stdout = max_bytes.saturating_mul(2).saturating_add(256 << 20);
            let printed = child::run(command, b"", max_stdout).await?.success("blame")?;
            read(&printed, commit)?
        }
    };
    Ok(Blame {
        oid: file.oid,
        content: file.content,
        runs,
    })
}

struct Told {
    change: LastChange,
    path: String,
    previous: Option<(Oid, String)>,
}

/// Reads what `git blame --porcelain` prints.
fn read(printed: &[u8], like: Oid) -> Result<Vec<BlameRun>, BrowseError> {
    let odd = || BrowseError::Damaged("git blame answered something odd");
    let mut told: HashMap<Oid, Told> = HashMap::new();
    let mut changes: HashMap<Oid, Arc<LastChange>> = HashMap::new();
    let mut runs: Vec<(Oid, BlameRun)> = vec![];
    let mut lines = printed.split(|&b| b == b'\n');
    while let Some(head) = lines.next() {
        if head.is_empty() {
            continue;
        }
        let head = std::str::from_utf8(head).map_err(|_| odd())?;
        let mut words = head.split(' ');
        let oid = Oid::parse(words.next().ok_or_else(odd)?, like.format())?;
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok());
        let (original_start, start) = (number().ok_or_else(odd)?, number().ok_or_else(odd)?);
        let begins = number();
        let about = told.entry(oid).or_insert_with(|| Told {
            change: LastChange {
                oid,
                summary: String::new(),
                author: Signature::default(),
                committed_ms: 0,
            },
            path: String::new(),
            previous: None,
        });
        loop {
            let line = lines.next().ok_or_else(odd)?;
            if line.starts_with(b"\t") {
                break;
            }
            let line = String::from_utf8_lossy(line);
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let milliseconds = || rest.parse::<i64>().unwrap_or(0).saturating_mul(1000);
            match word {
                "author" => about.change.author.name = rest.to_owned(),
                "author-mail" => {
                    about.change.author.email = rest.trim_matches(['<', '>']).to_owned();
                }
                "author-time" => about.change.author.time_ms = milliseconds(),
                "author-tz" => about.change.author.offset_minutes = super::commit::offset_minutes(rest),
                "committer-time" => about.change.committed_ms = milliseconds(),
                "summary" => about.change.summary = rest.to_owned(),
                "filename" => about.path = unquote(rest),
                "previous" => {
                    let (hex, path) = rest.split_once(' ').ok_or_else(odd)?;
                    about.previous = Some((Oid::parse(hex, like.format())?, unquote(path)));
                }
                _ => {}
            }
        }
        match begins {
            Some(_) => {
                let commit = changes
                    .entry(oid)
                    .or_insert_with(|| Arc::new(about.change.clone()))
                    .clone();
                runs.push((
                    oid,
                    BlameRun {
                        commit,
                        original_path: about.path.clone(),
                        original_start,
                        start,
                        lines: 1,
                        previous: about.previous.clone(),
                    },
                ));
            }
            None => match runs.last_mut() {
                Some((last, run)) if *last == oid => run.lines += 1,
                _ => return Err(odd()),
            },
        }
    }
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

/// Undoes the quoting of a path with odd characters: `"a\tb\303\244"`.
pub(super) fn unquote(path: &str) -> String {
    let Some(inner) = path.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return path.to_owned();
    };
    let mut bytes = vec![];
    let mut rest = inner.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    if let Some(digit @ b'0'..=b'7') = rest.peek().copied() {
                        value = value * 8 + u32::from(digit - b'0');
                        rest.next();
                    }
                }
                bytes.push(value as u8);
            }
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b'a') => bytes.push(7),
            Some(b'b') => bytes.push(8),
            Some(b'f') => bytes.push(12),
            Some(b'v') => bytes.push(11),
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_paths() {
        for (quoted, path) in [
            ("plain", "plain"),
            (r#""a\tb""#, "a\tb"),
            (r#""\303\244\"\\""#, "ä\"\\"),
            (r#"""#, r#"""#),
        ] {
            assert_eq!(unquote(quoted), path);
        }
    }

    #[test]
    fn odd_answers_are_refused() {
        let like = Oid::from_bytes(&[1; 20]).unwrap();
        let hex = like.to_string();
        for odd in [
            "x 1 1 1\n",
            &format!("{hex} 1 1 1\nauthor A\n"),
            &format!("{hex} 1 1\nauthor A\n\tx\n"),
        ] {
            assert!(read(odd.as_bytes(), like).is_err(), "{odd}");
        }
    }
}

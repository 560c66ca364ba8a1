//! Taking a commit apart.

use super::BrowseError;
use super::reader::Reader;
use super::refs::RefItem;
use crate::connectivity::ObjectKind;
use crate::oid::Oid;
use std::collections::HashMap;

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Signature {
    /// The name; what is not UTF-8 in it is replaced.
    pub name: String,
    /// The address.
    pub email: String,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// How far the clock there was ahead of UTC, in minutes.
    pub offset_minutes: i32,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its own id.
    pub oid: Oid,
    /// What it holds.
    pub tree: Oid,
    /// What it follows.
    pub parents: Vec<Oid>,
    /// Who wrote it.
    pub author: Signature,
    /// Who made it a commit.
    pub committer: Signature,
    /// What it says about itself; what is not UTF-8 in it is replaced.
    pub message: String,
}

impl Commit {
    /// The first line of the message; empty where that is.
    pub fn summary(&self) -> &str {
        self.message.trim_start().lines().next().unwrap_or("").trim_end()
    }

    /// Reads the content of a commit object. Lines that old programs wrote badly are read as far
    /// as they make sense.
    pub(super) fn parse(oid: Oid, content: &[u8]) -> Result<Self, BrowseError> {
        let text = String::from_utf8_lossy(content);
        let (head, message) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
        let mut tree = None;
        let mut parents = vec![];
        let (mut author, mut committer) = (Signature::default(), Signature::default());
        for line in head.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "tree" => tree = Some(Oid::parse(rest, oid.format())?),
                "parent" => parents.push(Oid::parse(rest, oid.format())?),
                "author" => author = signature(rest),
                "committer" => committer = signature(rest),
                _ => {}
            }
        }
        Ok(Self {
            oid,
            tree: tree.ok_or(BrowseError::Damaged("a commit has no tree"))?,
            parents,
            author,
            committer,
            message: message.to_owned(),
        })
    }
}

/// By which program a commit was signed. Whether the signature is good is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// OpenPGP.
    OpenPgp,
    /// An SSH key.
    Ssh,
    /// An X.509 certificate.
    X509,
    /// Something else.
    Other,
}

/// Which refs contain a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Containing {
    /// Their full names: the default bookmark first, then in the order of their names.
    pub refs: Vec<String>,
    /// Whether all refs were looked at, and each to the end.
    pub is_complete: bool,
}

/// Everything about one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitDetails {
    /// The commit.
    pub commit: Commit,
    /// The lines `Key: value` at the end of its message.
    pub trailers: Vec<(String, String)>,
    /// By what it was signed, if it was.
    pub signature: Option<SignatureKind>,
    /// The refs that name it, by themselves or through a tag.
    pub named_by: Vec<RefItem>,
    /// The refs that contain it.
    pub contained_in: Containing,
}

/// Tells everything about a commit. In search of the refs that contain it, so many refs and so
/// many commits are looked at.
pub async fn commit(
    reader: &Reader,
    rev: Oid,
    max_refs: usize,
    max_steps: usize,
) -> Result<CommitDetails, BrowseError> {
    reader
        .within(move |session| {
            let oid = session.commit_of(rev)?;
            let (_, content) = super::read_structure(session.objects.as_mut(), oid)?;
            let commit = Commit::parse(oid, &content)?;
            let refs = session.reader.refs()?;
            let named_by = refs.pointing_at(oid, max_refs);
            let mut steps = max_steps;
            let mut known: HashMap<Oid, bool> = HashMap::from([(oid, true)]);
            let floor = session.node(oid)?.generation;
            let mut contained_in = Containing {
                refs: vec![],
                is_complete: refs.len() <= max_refs,
            };
            for (name, tip) in refs.default_first().take(max_refs) {
                match super::peel(session.objects.as_mut(), tip) {
                    Ok((tip, ObjectKind::Commit, _)) => {
                        match super::refs::contains(session, tip, floor, &mut known, &mut steps)? {
                            Some(true) => contained_in.refs.push(name.to_owned()),
                            Some(false) => {}
                            None => contained_in.is_complete = false,
                        }
                    }
                    Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(CommitDetails {
                trailers: trailers(&commit.message),
                signature: signed_by(&content),
                named_by,
                contained_in,
                commit,
            })
        })
        .await
}

/// The lines `Key: value` that a message ends with, if its last paragraph has no others.
fn trailers(message: &str) -> Vec<(String, String)> {
    let paragraphs: Vec<&str> = message.trim_end().split("\n\n").collect();
    // The first paragraph is the title, whatever it looks like.
    let Some((last, [_, ..])) = paragraphs.split_last() else {
        return vec![];
    };
    let mut found: Vec<(String, String)> = vec![];
    for line in last.trim_start_matches('\n').lines() {
        if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), found.last_mut()) {
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let pair = line.split_once(':').filter(|(key, _)| {
            !key.is_empty()
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
        match pair {
            Some((key, value)) => found.push((key.to_owned(), value.trim().to_owned())),
            None => return vec![],
        }
    }
    found
}

fn signed_by(content: &[u8]) -> Option<SignatureKind> {
    let text = String::from_utf8_lossy(content);
    let head = text.split("\n\n").next().unwrap_or_default();
    let begin = head.lines().find_map(|line| {
        line.strip_prefix("gpgsig ")
            .or(line.strip_prefix("gpgsig-sha256 "))
    })?;
    Some(match begin {
        "-----BEGIN PGP SIGNATURE-----" | "-----BEGIN PGP MESSAGE-----" => SignatureKind::OpenPgp,
        "-----BEGIN SSH SIGNATURE-----" => SignatureKind::Ssh,
        "-----BEGIN SIGNED MESSAGE-----" => SignatureKind::X509,
        _ => SignatureKind::Other,
    })
}

/// Reads `Name <address> seconds +hhmm`.
pub(super) fn signature(text: &str) -> Signature {
    let (person, when) = text.rsplit_once('>').unwrap_or((text, ""));
    let (name, email) = person.split_once('<').unwrap_or((person, ""));
    let mut words = when.split_ascii_whitespace();
    let seconds: i64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    Signature {
        name: name.trim().to_owned(),
        email: email.trim().to_owned(),
        time_ms: seconds.saturating_mul(1000),
        offset_minutes: offset_minutes(words.next().unwrap_or("")),
    }
}

/// Reads `+hhmm`.
pub(super) fn offset_minutes(text: &str) -> i32 {
    let offset: i32 = text.parse().unwrap_or(0);
    (offset / 100).saturating_mul(60).saturating_add(offset % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oid::ObjectFormat;

    #[test]
    fn signatures() {
        let read = |text: &str| {
            let Signature {
                name,
                email,
                time_ms,
                offset_minutes,
            } = signature(text);
            (name, email, time_ms, offset_minutes)
        };
        let ada = || ("Ada L".to_owned(), "a@b".to_owned());
        let (name, email) = ada();
        assert_eq!(
            read("Ada L <a@b> 1700000000 -0330"),
            (name, email, 1_700_000_000_000, -210)
        );
        let (name, email) = ada();
        assert_eq!(read("Ada L<a@b> x"), (name, email, 0, 0));
        assert_eq!(read(""), (String::new(), String::new(), 0, 0));
        assert_eq!(read("<> 99999999999999999999 +2147483648").2, 0);
    }

    #[test]
    fn trailers_are_the_last_paragraph() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(trailers("Fix: it\n"), []);
        assert_eq!(
            trailers("Title\n\nWhy.\n\nSigned-off-by: A <a@b>\nReviewed-by: B\n and C\n"),
            [pair("Signed-off-by", "A <a@b>"), pair("Reviewed-by", "B and C")]
        );
        assert_eq!(trailers("Title\n\nNote: this\nis prose\n"), []);
        assert_eq!(trailers(""), []);
    }

    #[test]
    fn signatures_are_named_by_their_first_line() {
        let signed = |by: &str| format!("tree x\ngpgsig {by}\n abc\n\ngpgsig -----BEGIN\n");
        let kind = |by: &str| signed_by(signed(by).as_bytes());
        assert_eq!(kind("-----BEGIN SSH SIGNATURE-----"), Some(SignatureKind::Ssh));
        assert_eq!(
            kind("-----BEGIN PGP SIGNATURE-----"),
            Some(SignatureKind::OpenPgp)
        );
        assert_eq!(kind("-----BEGIN SIGNED MESSAGE-----"), Some(SignatureKind::X509));
        assert_eq!(kind("x"), Some(SignatureKind::Other));
        assert_eq!(signed_by(b"tree x\n\ngpgsig x\n"), None);
    }

    #[test]
    fn commits() {
        let oid = Oid::zero(ObjectFormat::Sha1);
        let hex = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let text = format!(
            "tree {hex}\nparent {hex}\nparent {hex}\nauthor A <a> 1 +0100\ncommitter B <b> 2 +0000\ngpgsig x\n y\n\ntitle\n\nbody\n"
        );
        let commit = Commit::parse(oid, text.as_bytes()).unwrap();
        assert_eq!(commit.parents.len(), 2);
        assert_eq!(commit.message, "title\n\nbody\n");
        assert_eq!(
            (commit.author.offset_minutes, commit.committer.time_ms),
            (60, 2000)
        );
        assert!(Commit::parse(oid, b"").is_err());
        assert!(Commit::parse(oid, b"tree x\n\n").is_err());
    }
}

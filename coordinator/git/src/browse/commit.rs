//! Taking a commit apart.

use super::BrowseError;
use crate::oid::Oid;

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

/// Reads `Name <address> seconds +hhmm`.
fn signature(text: &str) -> Signature {
    let (person, when) = text.rsplit_once('>').unwrap_or((text, ""));
    let (name, email) = person.split_once('<').unwrap_or((person, ""));
    let mut words = when.split_ascii_whitespace();
    let seconds: i64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let offset: i32 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    Signature {
        name: name.trim().to_owned(),
        email: email.trim().to_owned(),
        time_ms: seconds.saturating_mul(1000),
        offset_minutes: (offset / 100).saturating_mul(60).saturating_add(offset % 100),
    }
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

//! The names of blobs: plain enough to be a path in a directory and a key in a bucket alike.

use plue_contract::{PackId, RepoId};

use crate::BlobError;

const LENGTH_LIMIT: usize = 255;

/// The name of a blob: segments of letters, digits, `.`, `_` and `-`, joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(String);

/// The files that a pack consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PackPart {
    /// The objects.
    Pack,
    /// Where each object stands in the pack.
    Index,
    /// The index in the order of the pack.
    Reverse,
}

impl PackPart {
    /// Every part, in the order in which they are stored.
    pub const ALL: [PackPart; 3] = [PackPart::Pack, PackPart::Index, PackPart::Reverse];

    /// Answers the end of the file's name, without the dot, as git has it.
    pub fn extension(self) -> &'static str {
        match self {
            PackPart::Pack => "pack",
            PackPart::Index => "idx",
            PackPart::Reverse => "rev",
        }
    }
}

impl BlobKey {
    /// Reads a key, refusing whatever could mean something else to a file system or a bucket.
    pub fn parse(text: &str) -> Result<BlobKey, BlobError> {
        let refuse = |why| {
            Err(BlobError::BadKey {
                key: text.to_owned(),
                why,
            })
        };
        if text.len() > LENGTH_LIMIT {
            return refuse("it is longer than 255 bytes");
        }
        for segment in text.split('/') {
            if segment.is_empty() {
                return refuse("a segment is empty");
            }
            if segment.starts_with(['.', '-']) {
                return refuse("a segment starts with '.' or '-'");
            }
            if !segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            {
                return refuse("only letters, digits, '.', '_', '-' and '/' may stand in it");
            }
        }
        Ok(BlobKey(text.to_owned()))
    }

    /// Names a part of a pack: `<repo>/<pack>-<checksum>.<extension>`.
    pub fn pack(repo: RepoId, pack: &PackId, checksum: &str, part: PackPart) -> Result<BlobKey, BlobError> {
        BlobKey::parse(&format!("{repo}/{pack}-{checksum}.{}", part.extension()))
    }

    /// Answers the key as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for BlobKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_named_by_repository_pack_and_checksum() {
        let key = BlobKey::pack(
            RepoId(7),
            &PackId("01ARZ3NDEKTSV4RRFFQ69G5FAV".into()),
            "ab12",
            PackPart::Index,
        )
        .expect("because every segment is plain");
        assert_eq!(key.as_str(), "7/01ARZ3NDEKTSV4RRFFQ69G5FAV-ab12.idx");
        assert_eq!(
            BlobKey::parse(key.as_str()).expect("because it was made from parts"),
            key
        );
    }

    #[test]
    fn a_key_cannot_leave_the_store() {
        for bad in [
            "", "/", "a//b", "/a", "a/", "..", "a/../b", "../a", ".hidden", "a/.b", "-rf", "a/-b", "a b",
            "a\0b", "a\nb", "a\\b", "a%2e", "ä", "a:b", "~", "a/*",
        ] {
            assert!(
                matches!(BlobKey::parse(bad), Err(BlobError::BadKey { .. })),
                "{bad:?}"
            );
        }
        assert!(BlobKey::parse(&"a".repeat(255)).is_ok());
        assert!(BlobKey::parse(&"a".repeat(256)).is_err());
    }

    #[test]
    fn a_checksum_with_a_path_in_it_is_refused() {
        assert!(BlobKey::pack(RepoId(1), &PackId("../../etc".into()), "x", PackPart::Pack).is_err());
        assert!(BlobKey::pack(RepoId(1), &PackId("a".into()), "x/../../y", PackPart::Pack).is_err());
        assert!(BlobKey::pack(RepoId(-1), &PackId("a".into()), "x", PackPart::Pack).is_err());
    }
}

//! The git wire protocol as far as this server speaks it itself: pkt-lines, the command line of
//! an SSH client, protocol versions, the server's side of `receive-pack`, and the questions of a
//! fetching client that need no walk.
//!
//! The rest of the other service, `upload-pack`, is git's own program; see [`crate::upload`].

pub mod advertise;
pub mod command;
pub mod fetch;
pub mod pkt;
pub mod receive;
pub mod reply;

/// What a client asked for in `GIT_PROTOCOL` or the `Git-Protocol` header.
///
/// Source: `gitprotocol-v2`, "Initial Client Request". Only the form `version=N` with further
/// plain `:key` or `:key=value` items is taken over; everything else counts as not sent.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Protocol {
    text: Option<String>,
}

/// The most bytes that a value of `GIT_PROTOCOL` may have.
const MAX_PROTOCOL_BYTES: usize = 256;

impl Protocol {
    /// Reads the value; none where it is not `version=0`, `1` or `2`, alone or followed by items
    /// of letters, digits and `-._=`.
    pub fn parse(value: &str) -> Option<Self> {
        if value.len() > MAX_PROTOCOL_BYTES {
            return None;
        }
        let mut items = value.split(':');
        if !matches!(items.next()?, "version=0" | "version=1" | "version=2") {
            return None;
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._=".contains(&b);
        items
            .all(|item| !item.is_empty() && item.bytes().all(plain))
            .then(|| Self {
                text: Some(value.to_owned()),
            })
    }

    /// The version asked for; 0 where none was.
    pub fn version(&self) -> u8 {
        match self.text.as_deref().map(|text| text.as_bytes()[8]) {
            Some(b'1') => 1,
            Some(b'2') => 2,
            _ => 0,
        }
    }

    /// The value for a child's `GIT_PROTOCOL`.
    pub fn as_env(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols() {
        for (value, version) in [
            ("version=0", Some(0)),
            ("version=1", Some(1)),
            ("version=2", Some(2)),
            ("version=2:side-band=all", Some(2)),
            ("version=3", None),
            ("version=22", None),
            ("version=2:", None),
            ("version=2;x", None),
            ("--split-string=version=2", None),
            ("version=2:a b", None),
            ("version=2\n", None),
            ("", None),
        ] {
            assert_eq!(Protocol::parse(value).map(|p| p.version()), version, "{value:?}");
        }
        assert_eq!(Protocol::default().version(), 0);
        assert_eq!(Protocol::default().as_env(), None);
    }
}

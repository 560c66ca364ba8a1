//! What a client of protocol version 2 asks for in one stateless request, as far as this server
//! answers that itself: a list of refs, a whole clone, or where its bundle is.
//!
//! Source: `gitprotocol-v2`, "ls-refs", "fetch" and "bundle-uri".

use super::pkt::{self, Packet};
use crate::cache::PackedRef;
use crate::oid::{ObjectFormat, Oid};
use crate::refname::RefName;
use sha2::{Digest, Sha256};

/// The most prefixes that a list of refs may be asked for by; git's own client sends about ten.
const MAX_PREFIXES: usize = 200;
/// How many bytes of a pack one packet carries beside its length and its band.
const BAND_BYTES: usize = pkt::MAX_PAYLOAD - 1;
/// The band of the pack.
const PACK_BAND: u8 = 1;

/// A request that this server answers itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A list of refs.
    Refs(RefList),
    /// Which bundles may be had.
    Bundles,
    /// A pack of everything that some objects reach, and nothing else in the answer.
    Pack(PackAsked),
}

/// Which refs, and what of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefList {
    /// What annotated tags are of.
    peel: bool,
    /// What HEAD stands for.
    symrefs: bool,
    /// What HEAD stands for, even where that is not there yet; only beside `symrefs`.
    unborn: bool,
    /// Only names that begin with one of these; all where there are none.
    prefixes: Vec<String>,
}

/// The wanted objects and all that decides what is in their pack, by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackAsked([u8; 32]);

impl PackAsked {
    /// The hash, of 32 bytes.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Reads a whole request; [`None`] where it asks for anything else, or is none: that is git's
/// own program's business, as is every complaint.
pub async fn read(request: &[u8], format: ObjectFormat) -> Option<Asked> {
    let mut input = request;
    let mut command = None;
    let mut arguments = vec![];
    let mut more = loop {
        match packet(&mut input).await? {
            Packet::Delimiter => break true,
            // What has no arguments needs no delimiter either.
            Packet::Flush if input.is_empty() => break false,
            Packet::Data(capability) => {
                let capability = text(&capability)?;
                let agrees = match capability.split_once('=')? {
                    // Of `bundle-uri`, git's client says what it can do before it says what it wants.
                    ("command", name) => command.replace(name.to_owned()).is_none(),
                    ("object-format", name) => name == format.to_string(),
                    (name, _) => matches!(name, "agent" | "session-id"),
                };
                if !agrees {
                    return None;
                }
            }
            Packet::Flush | Packet::ResponseEnd => return None,
        }
    };
    while more {
        match packet(&mut input).await? {
            Packet::Data(argument) => arguments.push(text(&argument)?.to_owned()),
            Packet::Flush if input.is_empty() => more = false,
            _ => return None,
        }
    }
    match command?.as_str() {
        "ls-refs" => ref_list(arguments).map(Asked::Refs),
        "bundle-uri" => arguments.is_empty().then_some(Asked::Bundles),
        "fetch" => pack_asked(&arguments, format).map(Asked::Pack),
        _ => None,
    }
}

/// What is said of the bundle of a generation: where it is, from the repository's own address.
pub fn bundles(newest: Option<i64>) -> Vec<u8> {
    let mut said = vec![];
    if let Some(generation) = newest {
        pkt::append(&mut said, b"bundle.version=1\n");
        pkt::append(&mut said, b"bundle.mode=all\n");
        let place = format!("bundle.all.uri=./bundles/{generation}\n");
        pkt::append(&mut said, place.as_bytes());
    }
    said.extend_from_slice(pkt::FLUSH);
    said
}

fn ref_list(arguments: Vec<String>) -> Option<RefList> {
    let mut list = RefList::default();
    for argument in arguments {
        match argument.as_str() {
            "peel" => list.peel = true,
            "symrefs" => list.symrefs = true,
            "unborn" => list.unborn = true,
            other => list.prefixes.push(other.strip_prefix("ref-prefix ")?.to_owned()),
        }
    }
    (list.prefixes.len() <= MAX_PREFIXES).then_some(list)
}

fn pack_asked(arguments: &[String], format: ObjectFormat) -> Option<PackAsked> {
    let (mut done, mut wants) = (false, false);
    let mut hash = Sha256::new();
    for argument in arguments {
        match argument.as_str() {
            "done" => done = true,
            // What it says beside the pack is another thing.
            "no-progress" => continue,
            "thin-pack" | "include-tag" | "ofs-delta" => {}
            other => match other.split_once(' ')? {
                ("want", oid) => {
                    Oid::parse(oid, format).ok()?;
                    wants = true;
                }
                ("filter", _) => {}
                _ => return None,
            },
        }
        hash.update((argument.len() as u64).to_be_bytes());
        hash.update(argument);
    }
    (done && wants).then(|| PackAsked(hash.finalize().into()))
}

async fn packet(input: &mut &[u8]) -> Option<Packet> {
    pkt::read(input).await.ok().flatten()
}

fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(text.strip_suffix('\n').unwrap_or(text))
}

impl RefList {
    /// Answers the list: HEAD, then the refs, which come in the order of their names.
    pub fn answer(&self, head: &RefName, refs: &[PackedRef]) -> Vec<u8> {
        let mut out = vec![];
        let default = refs
            .binary_search_by(|found| found.name.cmp(head))
            .ok()
            .map(|at| &refs[at]);
        if self.wants("HEAD") {
            let symref = format!(" symref-target:{}", head.as_str());
            let symref = if self.symrefs { symref.as_str() } else { "" };
            match default {
                Some(default) => self.append(&mut out, "HEAD", default, symref),
                None if self.unborn && self.symrefs => {
                    pkt::append_parts(&mut out, &[b"unborn HEAD", symref.as_bytes(), b"\n"]);
                }
                None => {}
            }
        }
        for found in refs.iter().filter(|found| self.wants(found.name.as_str())) {
            self.append(&mut out, found.name.as_str(), found, "");
        }
        out.extend_from_slice(pkt::FLUSH);
        out
    }

    fn wants(&self, name: &str) -> bool {
        self.prefixes.is_empty()
            || self
                .prefixes
                .iter()
                .any(|prefix| name.starts_with(prefix.as_str()))
    }

    fn append(&self, out: &mut Vec<u8>, name: &str, found: &PackedRef, symref: &str) {
        let peeled = match found.peeled {
            Some(peeled) if self.peel => format!(" peeled:{peeled}"),
            _ => String::new(),
        };
        let line = format!("{} {name}{symref}{peeled}\n", found.oid);
        pkt::append(out, line.as_bytes());
    }
}

/// What stands before the packets of a pack.
pub fn append_pack_head(out: &mut Vec<u8>) {
    pkt::append(out, b"packfile\n");
}

/// Appends a piece of a pack, in as few packets as it takes.
pub fn append_pack_piece(out: &mut Vec<u8>, piece: &[u8]) {
    for chunk in piece.chunks(BAND_BYTES) {
        pkt::append_parts(out, &[&[PACK_BAND], chunk]);
    }
}

/// How many bytes of a pack fill so many packets.
pub const fn packets(number: usize) -> usize {
    number * BAND_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";

    fn asked(lines: &[&str]) -> Option<Asked> {
        let mut request = vec![];
        for line in lines {
            match *line {
                "0001" => request.extend_from_slice(b"0001"),
                "0000" => request.extend_from_slice(pkt::FLUSH),
                line => pkt::append(&mut request, line.as_bytes()),
            }
        }
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(read(&request, ObjectFormat::Sha1))
    }

    #[test]
    fn clones_and_lists_of_refs_are_understood() {
        let want = format!("want {A}\n");
        let clone = |more: &[&str]| {
            let begin = ["command=fetch", "agent=git/2.50.1", "object-format=sha1", "0001"];
            asked(&[&begin, more, &["0000"]].concat())
        };
        let plain = clone(&["thin-pack", "ofs-delta", &want, "done"]);
        assert!(matches!(plain, Some(Asked::Pack(_))), "{plain:?}");
        assert_eq!(
            clone(&["thin-pack", "no-progress", "ofs-delta", &want, "done\n"]),
            plain
        );
        assert_ne!(
            clone(&["thin-pack", "ofs-delta", &want, "filter blob:none", "done"]),
            plain
        );
        assert_ne!(clone(&["ofs-delta", &want, "done"]), plain);
        for other in [
            &["thin-pack", &want[..]][..],
            &["done"],
            &[&want, "have 84983e441c3bd26ebaae4aa1f95129e5e54670f1", "done"],
            &[&want, "deepen 1", "done"],
            &[&want, "shallow 84983e441c3bd26ebaae4aa1f95129e5e54670f1", "done"],
            &[&want, "sideband-all", "done"],
            &[&want, "packfile-uris https", "done"],
            &["want a9993e", "done"],
            &["want-ref refs/heads/main", "done"],
        ] {
            assert_eq!(clone(other), None, "{other:?}");
        }
        for other in [
            &[
                "command=fetch",
                "object-format=sha256",
                "0001",
                &want,
                "done",
                "0000",
            ][..],
            &["command=fetch", "server-option=x", "0001", &want, "done", "0000"],
            &["command=fetch", "0001", &want, "done"],
            &["command=fetch", "0001", &want, "done", "0000", "0000"],
            &["command=fetch", "0000"],
            &["0000"],
            &[],
        ] {
            assert_eq!(asked(other), None, "{other:?}");
        }
        let bundles = [
            "agent=x",
            "object-format=sha1",
            "command=bundle-uri\n",
            "0001",
            "0000",
        ];
        assert_eq!(asked(&bundles), Some(Asked::Bundles));
        assert_eq!(asked(&["command=bundle-uri", "0000"]), Some(Asked::Bundles));
        assert_eq!(asked(&["command=bundle-uri", "0001", "x", "0000"]), None);
        assert_eq!(asked(&["command=bundle-uri", "command=ls-refs", "0000"]), None);
        let list = asked(&[
            "command=ls-refs\n",
            "agent=x",
            "0001",
            "peel",
            "symrefs",
            "unborn",
            "ref-prefix HEAD",
            "ref-prefix refs/heads/",
            "0000",
        ]);
        let prefixes = vec!["HEAD".to_owned(), "refs/heads/".to_owned()];
        let (peel, symrefs, unborn) = (true, true, true);
        assert_eq!(
            list,
            Some(Asked::Refs(RefList {
                peel,
                symrefs,
                unborn,
                prefixes
            }))
        );
        assert_eq!(asked(&["command=ls-refs", "0001", "sort", "0000"]), None);
    }

    proptest! {
        #[test]
        fn no_request_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(read(&bytes, ObjectFormat::Sha1));
        }

        #[test]
        fn a_pack_in_packets_is_the_pack(pack in prop::collection::vec(any::<u8>(), 0..200_000)) {
            let mut out = vec![];
            append_pack_piece(&mut out, &pack);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(async {
                let (mut input, mut read) = (&out[..], vec![]);
                while let Some(Packet::Data(bytes)) = pkt::read(&mut input).await.unwrap() {
                    prop_assert_eq!(bytes[0], PACK_BAND);
                    read.extend_from_slice(&bytes[1..]);
                }
                Ok(read)
            })?;
            prop_assert_eq!(read, pack);
        }
    }
}

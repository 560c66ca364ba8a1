//! Histories with everything that git allows, made up by chance that is the same each time.

use crate::support::{Place, person, piped};
use plue_git::browse::Reader;
use plue_git::{ObjectFormat, Oid, maintenance};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A simple stream of numbers.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A path as `git fast-import` wants it.
fn quoted(path: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in path {
        match byte {
            b'"' | b'\\' => write!(text, "\\{}", byte as char).unwrap(),
            0x20..=0x7e => text.push(byte as char),
            _ => write!(text, "\\{byte:03o}").unwrap(),
        }
    }
    text.push('"');
    text
}

const PATHS: [&[u8]; 18] = [
    b"a",
    b"a-b",
    b"a.c",
    b"dir/a",
    b"dir/b",
    b"dir/deep/er/x",
    b"dir/deep/er/y",
    b"dir/deep/z",
    b"dir-x/a",
    b"dir.y",
    b"link",
    b"module",
    b"crlf.txt",
    b"bin",
    b"sp ace/\xc3\xa4\"q",
    b"sp ace/tab\there",
    b"raw\xff\xfe",
    b"-option",
];

/// Makes up a history of so many commits on `main`, with merges of two and three, and branches
/// `b0` to `b3` that end somewhere in it. Times go forward, some of them not at all.
pub fn history(seed: u64, commits: usize, format: ObjectFormat) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let mut out: Vec<u8> = vec![];
    type Tree = BTreeMap<&'static [u8], (String, Vec<u8>)>;
    let mut trees: Vec<Tree> = vec![];
    for n in 0..commits {
        let mut parents = vec![];
        if n > 0 {
            parents.push(match chance.below(12) {
                0 => chance.below(n),
                _ => n - 1,
            });
            for _ in 0..[0, 0, 0, 0, 1, 1, 2][chance.below(7)] {
                let other = chance.below(n);
                if !parents.contains(&other) {
                    parents.push(other);
                }
            }
        }
        // A merge takes each path from one of its sides.
        let mut tree: Tree = parents.first().map(|&at| trees[at].clone()).unwrap_or_default();
        for &other in parents.iter().skip(1) {
            for path in PATHS {
                if chance.below(2) == 0 {
                    match trees[other].get(path) {
                        Some(entry) => tree.insert(path, entry.clone()),
                        None => tree.remove(path),
                    };
                }
            }
        }
        for _ in 0..chance.below(6) {
            let path = PATHS[chance.below(PATHS.len())];
            let old = tree
                .get(path)
                .map(|(_, content)| content.clone())
                .unwrap_or_default();
            match chance.below(9) {
                0 => {
                    tree.remove(path);
                }
                1 | 8 if tree.contains_key(path) => {
                    // Under another name, the same or nearly.
                    let (mode, mut content) = tree.remove(path).unwrap();
                    let to = PATHS[chance.below(10)];
                    if chance.below(2) == 0 {
                        content.extend_from_slice(b"moved\n");
                    }
                    if mode.starts_with("100") {
                        tree.insert(to, (mode, content));
                    }
                }
                2 => {
                    tree.insert(path, ("100755".into(), old));
                }
                3 => {
                    // Like an earlier one: a change and its undoing.
                    tree.insert(path, ("100644".into(), b"one\ntwo\n".to_vec()));
                }
                _ => {
                    let entry = match path {
                        b"link" => ("120000".into(), format!("target {n}").into_bytes()),
                        b"module" => ("160000".into(), vec![]),
                        b"bin" => ("100644".into(), format!("x\0{n}").into_bytes()),
                        b"crlf.txt" => (
                            "100644".into(),
                            [&old[..], format!("line {n}\r\n").as_bytes()].concat(),
                        ),
                        _ => {
                            let mut lines: Vec<&[u8]> = old.split(|&b| b == b'\n').collect();
                            let line = format!("line {n} {}", chance.below(1000));
                            lines.insert(chance.below(lines.len()), line.as_bytes());
                            let mut content = lines.join(&b"\n"[..]);
                            if chance.below(6) == 0 && content.ends_with(b"\n") {
                                content.pop();
                            }
                            ("100644".into(), content)
                        }
                    };
                    tree.insert(path, entry);
                }
            }
        }
        let time = 1_700_000_000 + n / 2 * 60;
        let mut head = format!("commit refs/heads/main\nmark :{}\n", n + 1);
        write!(
            head,
            "author P{who} <p{who}@x> {time} +0130\ncommitter Ada <ada@example.org> {time} -0800\n",
            who = chance.below(3)
        )
        .unwrap();
        let message = format!("Commit {n}\n\nBody.\n");
        write!(head, "data {}\n{message}", message.len()).unwrap();
        for (nth, parent) in parents.iter().enumerate() {
            let word = if nth == 0 { "from" } else { "merge" };
            writeln!(head, "{word} :{}", parent + 1).unwrap();
        }
        if parents.is_empty() && n > 0 {
            unreachable!("only the first has no parent");
        }
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(b"deleteall\n");
        for (path, (mode, content)) in &tree {
            if mode == "160000" {
                let oid = "1".repeat(format.hex_len());
                out.extend_from_slice(format!("M 160000 {oid} {}\n", quoted(path)).as_bytes());
            } else {
                out.extend_from_slice(format!("M {mode} inline {}\n", quoted(path)).as_bytes());
                out.extend_from_slice(format!("data {}\n", content.len()).as_bytes());
                out.extend_from_slice(content);
                out.push(b'\n');
            }
        }
        trees.push(tree);
    }
    for n in 0..4.min(commits) {
        let at = chance.below(commits) + 1;
        out.extend_from_slice(format!("reset refs/heads/b{n}\nfrom :{at}\n\n").as_bytes());
    }
    out
}

/// A place whose cached repository has such a history.
pub async fn with_history(format: ObjectFormat, seed: u64, commits: usize) -> Place {
    let mut place = Place::new(format).await;
    piped(
        &place.work(),
        &["fast-import", "--quiet", "--force"],
        &history(seed, commits, format),
    );
    take_all(&mut place).await;
    place
}

/// Lets everything that the person has into the cached repository.
pub async fn take_all(place: &mut Place) {
    let listed = person(
        &place.work(),
        &["for-each-ref", "--format=%(refname) %(objectname)"],
    );
    let refs: Vec<(String, Oid)> = listed
        .lines()
        .map(|line| {
            let (name, oid) = line.split_once(' ').unwrap();
            (name.to_owned(), oid.parse().unwrap())
        })
        .collect();
    let names: Vec<&str> = refs.iter().map(|(name, _)| name.as_str()).collect();
    let quarantine = place
        .receive(&place.pack(&names, false))
        .await
        .expect("a good pack");
    let refs: Vec<(&str, Oid)> = refs.iter().map(|(name, oid)| (name.as_str(), *oid)).collect();
    place.accept(&quarantine, &refs);
}

/// A reader as the cache opens one after each change.
pub fn reader(place: &Place) -> Reader {
    Reader::new(&place.git, &place.bare)
}

pub async fn write_graph(place: &Place) {
    maintenance::commit_graph(&place.git, &place.bare).await.unwrap();
}

/// The commits of `main`, the newest first.
pub fn commits(place: &Place) -> Vec<Oid> {
    person(&place.work(), &["rev-list", "main"])
        .lines()
        .map(|line| line.parse().unwrap())
        .collect()
}

pub const FORMATS: [ObjectFormat; 2] = [ObjectFormat::Sha1, ObjectFormat::Sha256];

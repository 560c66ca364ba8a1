//! Pushes made by hand, byte by byte, for what no honest client would send.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::http::{Client, Reply, pkt};

/// The object id that stands for none in a SHA-1 repository.
pub const NONE: &str = "0000000000000000000000000000000000000000";

/// A push: commands, options, and whatever is sent for a pack.
#[derive(Clone, Debug, Default)]
pub struct Push {
    commands: Vec<String>,
    options: Vec<Vec<u8>>,
    extra: Vec<u8>,
    pack: Vec<u8>,
}

impl Push {
    /// Asks to move a ref from one object id to another.
    pub fn update(mut self, old: &str, new: &str, name: &str) -> Push {
        self.commands.push(format!("{old} {new} {name}"));
        self
    }

    /// Adds a push option, whatever its bytes.
    pub fn option(mut self, option: impl Into<Vec<u8>>) -> Push {
        self.options.push(option.into());
        self
    }

    /// Adds bytes before the first command.
    pub fn before(mut self, bytes: Vec<u8>) -> Push {
        self.extra = bytes;
        self
    }

    /// Sends these bytes as the pack.
    pub fn pack(mut self, bytes: impl Into<Vec<u8>>) -> Push {
        self.pack = bytes.into();
        self
    }

    /// The body of the request.
    pub fn body(&self) -> Vec<u8> {
        let mut body = self.extra.clone();
        let options = if self.options.is_empty() {
            ""
        } else {
            " push-options"
        };
        for (number, command) in self.commands.iter().enumerate() {
            if number == 0 {
                body.extend(pkt(format!(
                    "{command}\0 report-status side-band-64k atomic{options} agent=by-hand"
                )));
            } else {
                body.extend(pkt(command));
            }
        }
        body.extend(b"0000");
        if !self.options.is_empty() {
            for option in &self.options {
                body.extend(pkt(option));
            }
            body.extend(b"0000");
        }
        body.extend(&self.pack);
        body
    }

    /// Sends it to a repository over HTTP.
    pub fn send(&self, client: &Client, path: &str) -> anyhow::Result<Reply> {
        let kind = ("content-type", "application/x-git-receive-pack-request");
        client.send(
            "POST",
            &format!("/{path}.git/git-receive-pack"),
            &[kind],
            &self.body(),
        )
    }
}

/// What a push was answered, out of its bands: the report's lines, and what the pusher reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The report: `unpack …`, then `ok …` and `ng …`.
    pub report: Vec<String>,
    /// The text of the progress and error bands.
    pub remote: String,
}

impl Answer {
    /// Reads the body of an answer with status 200.
    pub fn of(reply: &Reply) -> anyhow::Result<Answer> {
        if reply.status != 200 {
            bail!("status {}: {}", reply.status, reply.text());
        }
        let mut answer = Answer::default();
        let mut report = Vec::new();
        for line in lines(&reply.body)? {
            match line.split_first() {
                Some((1, rest)) => report.extend_from_slice(rest),
                Some((2 | 3, rest)) => answer.remote.push_str(&String::from_utf8_lossy(rest)),
                _ => answer.remote.push_str(&String::from_utf8_lossy(&line)),
            }
        }
        for line in lines(&report)? {
            answer
                .report
                .push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        Ok(answer)
    }

    /// Everything that the pusher's git would print.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.report.join("\n"), self.remote)
    }

    /// Whether every ref was accepted.
    pub fn is_ok(&self) -> bool {
        self.report.iter().any(|line| line == "unpack ok")
            && !self.report.iter().any(|line| line.starts_with("ng "))
    }
}

/// Splits pkt-lines, leaving out the flushes.
fn lines(mut bytes: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let Some(length) = bytes.get(..4).and_then(|hex| std::str::from_utf8(hex).ok()) else {
            bail!("a pkt-line is cut short")
        };
        let length = usize::from_str_radix(length, 16)?;
        if length < 4 {
            bytes = &bytes[4..];
            continue;
        }
        let Some(line) = bytes.get(4..length) else {
            bail!("a pkt-line is cut short")
        };
        found.push(line.to_owned());
        bytes = &bytes[length..];
    }
    Ok(found)
}

/// Every file of a data folder but the database, secrets and packs kept for repeated clones, with its length.
pub fn files(data: &Path) -> BTreeMap<String, u64> {
    fn walk(folder: &Path, data: &Path, found: &mut BTreeMap<String, u64>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(known) = entry.metadata() else { continue };
            if known.is_dir() {
                walk(&path, data, found);
            } else if let Ok(name) = path.strip_prefix(data) {
                let name = name.to_string_lossy().into_owned();
                // What clones and pages are prepared with, which a job may write at any time.
                let is_kept = name.starts_with("cache/packs/")
                    || name.contains(".git/plue/")
                    || name.contains(".git/objects/info/commit-graph");
                if !name.contains(".db") && !name.starts_with("secrets") && !is_kept {
                    found.insert(name, known.len());
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(data, data, &mut found);
    found
}

/// Waits until a data folder holds what it held before, or fails with the difference.
pub fn expect_same_files(data: &Path, before: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let now = files(data);
        if now == *before {
            return Ok(());
        }
        if Instant::now() > deadline {
            let new: Vec<_> = now.keys().filter(|name| !before.contains_key(*name)).collect();
            let gone: Vec<_> = before.keys().filter(|name| !now.contains_key(*name)).collect();
            let other: Vec<_> = now
                .iter()
                .filter(|(n, l)| before.get(*n).is_some_and(|was| was != *l))
                .collect();
            bail!("left behind: {new:?}; gone: {gone:?}; changed: {other:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

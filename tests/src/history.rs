//! A repository like those that people have, of any length: directories, renames, merges, tags,
//! binary files, links and executables, made in one `git fast-import` and the same every time.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};

use crate::git::Home;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// How many commits the repository has in all.
    pub commits: u32,
    /// Another seed gives other content of the same shape.
    pub seed: u64,
    /// Makes a SHA-256 repository.
    pub sha256: bool,
}

impl History {
    /// A SHA-1 history of this many commits.
    pub fn of(commits: u32) -> History {
        History {
            commits,
            seed: 1,
            sha256: false,
        }
    }

    /// Makes the bare repository `<home>/<name>` and answers its path.
    pub fn make(self, home: &Home, name: &str) -> anyhow::Result<PathBuf> {
        let format = if self.sha256 {
            "--object-format=sha256"
        } else {
            "--object-format=sha1"
        };
        home.git(home.path(), &["init", "-q", "--bare", format, name])?;
        let repository = home.at(name);
        let mut import = home
            .command("git")
            .current_dir(&repository)
            .args(["fast-import", "--quiet", "--done"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipe = import.stdin.take().context("the input was piped")?;
        let written = Writer::new(
            BufWriter::with_capacity(1 << 20, pipe),
            self.seed,
            if self.sha256 { 64 } else { 40 },
        )
        .write(self.commits);
        let output = import.wait_with_output()?;
        ensure!(
            output.status.success(),
            "git fast-import: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        written?;
        Ok(repository)
    }
}

/// Counts the commits that the refs of a repository reach.
pub fn count_commits(home: &Home, repository: &Path) -> anyhow::Result<u32> {
    Ok(home.git(repository, &["rev-list", "--all", "--count"])?.parse()?)
}

struct Writer<W> {
    out: W,
    state: u64,
    /// The files of the main branch, by path, and how many versions each has had.
    files: BTreeMap<String, u32>,
    clock_s: u64,
    /// How many hexadecimal digits an object id has.
    id_digits: usize,
}

impl<W: Write> Writer<W> {
    fn new(out: W, seed: u64, id_digits: usize) -> Writer<W> {
        Writer {
            out,
            state: seed | 1,
            files: BTreeMap::new(),
            clock_s: 1_500_000_000,
            id_digits,
        }
    }

    /// The next number of a fixed sequence (SplitMix64).
    fn next(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    fn write(mut self, commits: u32) -> std::io::Result<()> {
        let mut written = 0;
        // Set while a side branch is open: the commits that it still gets.
        let mut side_left = 0;
        let mut sides = 0;
        while written < commits {
            if side_left > 0 {
                side_left -= 1;
                let parent = (side_left == 4).then_some("refs/heads/main");
                let file = format!("side/branch-{sides}/{side_left}.txt");
                self.begin_commit(&format!("refs/heads/topic/{sides}"), "Work beside main", parent)?;
                self.text(&file, 12)?;
            } else if written > 20 && written % 97 == 0 && commits - written > 6 {
                sides += 1;
                side_left = 5;
                continue;
            } else if sides > 0 && written % 97 == 8 {
                self.begin_commit("refs/heads/main", "Merge a topic", None)?;
                writeln!(self.out, "merge refs/heads/topic/{sides}")?;
                let touched = format!("side/merged-{sides}.txt");
                self.text(&touched, 3)?;
            } else {
                let message =
                    format!("Change number {written}\n\nÄußerst wichtig: why it was done, in a line.");
                self.begin_commit("refs/heads/main", &message, None)?;
                self.change(written)?;
            }
            written += 1;
            if written % 500 == 0 {
                self.tag(written)?;
            }
        }
        // Most topics are deleted after their merge; a few stay.
        for side in 1..=sides {
            if side % 10 != 0 {
                let none = "0".repeat(self.id_digits);
                write!(self.out, "reset refs/heads/topic/{side}\nfrom {none}\n\n")?;
            }
        }
        writeln!(self.out, "reset refs/notes/kept\nfrom refs/heads/main\n")?;
        writeln!(self.out, "done")?;
        self.out.flush()
    }

    fn begin_commit(&mut self, branch: &str, message: &str, parent: Option<&str>) -> std::io::Result<()> {
        self.clock_s += 60 + self.next(7200);
        let author = [
            "Ada Example <ada@example.org>",
            "Grace Beispiel <grace@example.org>",
            "李 <li@example.org>",
        ][self.next(3) as usize];
        writeln!(
            self.out,
            "commit {branch}\nauthor {author} {} +0100",
            self.clock_s
        )?;
        writeln!(
            self.out,
            "committer Ada Example <ada@example.org> {} +0000",
            self.clock_s + 30
        )?;
        writeln!(self.out, "data {}\n{message}", message.len())?;
        if let Some(parent) = parent {
            writeln!(self.out, "from {parent}")?;
        }
        Ok(())
    }

    /// One everyday change of the main branch.
    fn change(&mut self, number: u32) -> std::io::Result<()> {
        match number % 23 {
            3 => {
                let path = format!("assets/picture-{}.bin", number % 300);
                let mut bytes = vec![0; 512 + self.next(4096) as usize];
                for byte in &mut bytes {
                    *byte = self.next(256) as u8;
                }
                self.file("100644", &path, &bytes)?;
            }
            7 if self.files.len() > 10 => {
                let from = self.some_file();
                let to = format!("moved/{}/{from}", number % 17);
                writeln!(self.out, "R {from} {to}")?;
                let versions = self.files.remove(&from).unwrap_or(0);
                self.files.insert(to, versions);
            }
            11 if self.files.len() > 200 => {
                let path = self.some_file();
                writeln!(self.out, "D {path}")?;
                self.files.remove(&path);
            }
            13 => self.file(
                "100755",
                &format!("scripts/do-{}.sh", number % 40),
                b"#!/bin/sh\necho done\n",
            )?,
            17 => self.file("120000", &format!("links/link-{}", number % 30), b"../README.md")?,
            _ => {
                for _ in 0..=self.next(3) {
                    let path = if self.files.len() < 40 || self.next(4) == 0 {
                        let (area, room, name) = (self.next(12), self.next(9), self.next(2000));
                        format!("src/area-{area}/room-{room}/file-{name}.rs")
                    } else {
                        self.some_file()
                    };
                    let lines = 20 + self.next(60);
                    self.text(&path, lines)?;
                    *self.files.entry(path).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    fn some_file(&mut self) -> String {
        let index = self.next(self.files.len().max(1) as u64) as usize;
        self.files
            .keys()
            .nth(index)
            .cloned()
            .unwrap_or_else(|| "README.md".to_owned())
    }

    /// Text whose versions are alike, so that deltas have something to do.
    fn text(&mut self, path: &str, lines: u64) -> std::io::Result<()> {
        let changed = self.next(lines.max(1));
        let fresh = self.next(u64::MAX);
        let mut content = String::new();
        for line in 0..lines {
            use std::fmt::Write as _;
            let _ = if line == changed {
                writeln!(content, "    let changed = {fresh:x};")
            } else {
                writeln!(content, "    // line {line} of {path} as it has always been")
            };
        }
        self.file("100644", path, content.as_bytes())
    }

    fn file(&mut self, mode: &str, path: &str, content: &[u8]) -> std::io::Result<()> {
        writeln!(self.out, "M {mode} inline {path}\ndata {}", content.len())?;
        self.out.write_all(content)?;
        writeln!(self.out)
    }

    fn tag(&mut self, number: u32) -> std::io::Result<()> {
        if number.is_multiple_of(1000) {
            let message = format!("Release {number}");
            write!(
                self.out,
                "tag v{number}\nfrom refs/heads/main\ntagger Ada Example <ada@example.org> {} +0000\ndata {}\n{message}\n",
                self.clock_s,
                message.len()
            )
        } else {
            writeln!(self.out, "reset refs/tags/build-{number}\nfrom refs/heads/main\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_sound_and_the_same_every_time() {
        let home = Home::new().unwrap();
        let one = History::of(1500).make(&home, "one.git").unwrap();
        let two = History::of(1500).make(&home, "two.git").unwrap();
        home.fsck(&one).unwrap();
        assert_eq!(home.refs(&one).unwrap(), home.refs(&two).unwrap());
        assert_eq!(count_commits(&home, &one).unwrap(), 1500);
        let count = |args: &[&str]| home.git(&one, args).unwrap().lines().count();
        assert!(count(&["rev-list", "--all", "--merges"]) > 5);
        assert!(count(&["log", "--format=%H", "--diff-filter=R", "--name-status", "main"]) > 10);
        assert!(count(&["ls-tree", "-r", "main"]) > 100);
        assert!(home.refs(&one).unwrap().contains("refs/tags/v1000"));
    }

    #[test]
    fn sha256_repositories_can_be_made() {
        let home = Home::new().unwrap();
        let history = History {
            sha256: true,
            ..History::of(300)
        };
        let repository = history.make(&home, "long.git").unwrap();
        assert_eq!(home.git(&repository, &["rev-parse", "main"]).unwrap().len(), 64);
    }
}

//! The system calls of a server, as `strace` saw them: what was called on which file, with which
//! bytes, and which call had ended before which other began. What they should be is the test's to
//! say.

use std::collections::HashMap;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::postgres::REQUIRE;

/// Everything that writes, names or syncs a file; those with `?` do not exist on every machine.
const CALLS: &str = "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendfile,splice,\
    copy_file_range,fsync,fdatasync,?link,linkat,?rename,?renameat,renameat2,?mkdir,mkdirat";

/// One system call that succeeded.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name, as in `pwrite64`.
    pub name: String,
    /// What its file descriptors stand for, in order: a path, or `socket:[…]`.
    pub files: Vec<PathBuf>,
    /// Its strings and buffers, in order.
    pub bytes: Vec<Vec<u8>>,
    /// When it began, in lines of the trace.
    pub began: usize,
    /// When it had ended; the same line where no other call was seen meanwhile.
    pub ended: usize,
}

impl Call {
    /// Whether it puts bytes into a file or a socket.
    pub fn writes(&self) -> bool {
        self.name.contains("write") || self.name.starts_with("send") || self.name == "splice"
    }

    /// Whether it returns only when a file's content is on the disk.
    pub fn syncs(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
    }

    /// The file that it works on, where it takes one.
    pub fn file(&self) -> &Path {
        self.files.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// Whether a buffer of it holds these bytes.
    pub fn says(&self, wanted: &[u8]) -> bool {
        self.bytes
            .iter()
            .any(|bytes| bytes.windows(wanted.len()).any(|part| part == wanted))
    }

    /// From where to where it links or renames.
    pub fn names(&self) -> Option<(PathBuf, PathBuf)> {
        (self.name.starts_with("link") || self.name.starts_with("rename"))
            .then(|| Some((self.path(0)?, self.path(1)?)))
            .flatten()
    }

    /// The folder that it makes.
    pub fn makes(&self) -> Option<PathBuf> {
        self.name.starts_with("mkdir").then(|| self.path(0)).flatten()
    }

    fn path(&self, index: usize) -> Option<PathBuf> {
        let path = PathBuf::from(std::ffi::OsString::from_vec(self.bytes.get(index)?.clone()));
        // Calls of the `at` family say what a relative path starts from.
        Some(match self.files.get(index) {
            Some(folder) => folder.join(path),
            None => path,
        })
    }
}

/// Whether system calls can be traced here; where not, a line on standard error says why.
pub fn is_possible() -> bool {
    let tried = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=fsync", "-o", "/dev/null", "true"])
        .stdin(Stdio::null())
        .output();
    let why = match tried {
        Ok(output) if output.status.success() => return true,
        Ok(output) => format!(
            "strace may not trace here ({}); allow ptrace, in a container with `--cap-add SYS_PTRACE`",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
        Err(error) => format!("strace cannot be started ({error}); install the package `strace`"),
    };
    let required = std::env::var(REQUIRE).is_ok_and(|list| list.contains("strace"));
    assert!(!required, "{REQUIRE} asks for strace: {why}");
    eprintln!("skipped: {why}");
    false
}

/// The command line in front of a program's that writes its calls, and those of its children, to a file.
///
/// The program stays the direct child, so that signals and exit status are its own.
pub(crate) fn command(output: &Path) -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "-y", "-xx", "-s", "16384", "-e", "signal=none"])
        .args(["-e", CALLS, "-o"])
        .arg(output);
    command
}

/// Reads a trace that has ended.
pub fn read(file: &Path) -> anyhow::Result<Vec<Call>> {
    let text = std::fs::read_to_string(file)?;
    ensure!(
        text.lines().next_back().is_some_and(|line| line.contains("+++")),
        "the trace does not end with the end of the program"
    );
    parse(&text)
}

fn parse(text: &str) -> anyhow::Result<Vec<Call>> {
    let mut running: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let (thread, said) = line.split_once(' ').with_context(|| line.to_owned())?;
        let said = said.trim_start();
        if said.starts_with("+++") || said.starts_with("---") {
            continue;
        }
        if let Some(begun) = said.strip_suffix("<unfinished ...>") {
            running.insert(thread, (at, begun));
            continue;
        }
        let (began, whole) = match said.strip_prefix("<... ") {
            None => (at, said.to_owned()),
            Some(resumed) => {
                let (_, rest) = resumed.split_once(" resumed>").with_context(|| line.to_owned())?;
                let (began, begun) = running.remove(thread).with_context(|| line.to_owned())?;
                (began, format!("{begun}{rest}"))
            }
        };
        let (call, result) = whole.rsplit_once(" = ").with_context(|| line.to_owned())?;
        let (name, arguments) = call.split_once('(').with_context(|| line.to_owned())?;
        // A failed call says -1 and why, one that a signal ended says `?`.
        if result.starts_with(|first: char| first.is_ascii_digit()) {
            calls.push(Call {
                name: name.to_owned(),
                files: between(arguments, '<', '>')?
                    .into_iter()
                    .map(|bytes| std::ffi::OsString::from_vec(bytes).into())
                    .collect(),
                bytes: between(arguments, '"', '"')?,
                began,
                ended: at,
            });
        }
    }
    calls.sort_by_key(|call| call.began);
    Ok(calls)
}

/// Reads every part of the arguments between two marks, which are bytes in hexadecimal.
fn between(mut arguments: &str, open: char, close: char) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while let Some((_, rest)) = arguments.split_once(open) {
        let (inner, rest) = rest.split_once(close).context("a mark is not closed")?;
        let bytes: Result<_, _> = inner
            .split("\\x")
            .skip(1)
            .map(|pair| u8::from_str_radix(pair, 16))
            .collect();
        found.push(bytes.with_context(|| inner.to_owned())?);
        arguments = rest;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_two_threads_are_told_apart_and_failures_left_out() {
        let calls = parse(
            "7  fsync(3<\\x2f\\x61> <unfinished ...>\n\
             8  linkat(AT_FDCWD<\\x2f>, \"\\x61\", AT_FDCWD<\\x2f>, \"\\x2f\\x62\", 0) = 0\n\
             7  <... fsync resumed>)               = 0\n\
             8  mkdir(\"\\x63\", 0777) = -1 EEXIST (File exists)\n\
             7  +++ exited with 0 +++\n",
        )
        .unwrap();
        let [sync, link] = &calls[..] else {
            panic!("{calls:?}")
        };
        assert!(sync.syncs() && sync.file() == Path::new("/a"));
        assert_eq!((sync.began, sync.ended), (0, 2));
        assert_eq!(link.names(), Some(("/a".into(), "/b".into())));
    }
}

//! Repositories of a known shape, made once by `git fast-import` and kept in the cache folder.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use plue_tests::git::Home;

/// The file that every 25th commit changes.
pub const OFTEN: &str = "src/often.rs";

/// Where such repositories are kept, and what a bench writes for people.
pub fn cache() -> anyhow::Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME")?).join(".cache"),
    };
    let folder = base.join("plue/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A repository of so many commits: 200 files in 20 folders, one of them changed often.
pub fn commits(home: &Home, commits: usize) -> anyhow::Result<PathBuf> {
    make(home, &format!("commits-{commits}"), |out| {
        for n in 0..commits {
            begin(out, n)?;
            let step = if n == 0 { 200 } else { 1 };
            for k in 0..step {
                let at = (n * 37 + k) % 200;
                file(
                    out,
                    &format!("src/m{}/f{at}.rs", at % 20),
                    &format!("// {at}\nfn f() -> u32 {{ {n} }}\n"),
                )?;
            }
            if n % 25 == 0 {
                // Each time other lines of the file.
                let lines: String = (0..1000)
                    .map(|line| {
                        let last = (0..=n / 25)
                            .rev()
                            .find(|round| round % 1000 == line || *round == 0);
                        format!("line {line} of {}\n", last.unwrap_or(0))
                    })
                    .collect();
                file(out, OFTEN, &lines)?;
            }
        }
        Ok(())
    })
}

/// A repository with so many files in one folder.
pub fn files(home: &Home, files: usize) -> anyhow::Result<PathBuf> {
    make(home, &format!("files-{files}"), |out| {
        for n in 0..50 {
            begin(out, n)?;
            for k in 0..files {
                if n == 0 || (k * 7919 + n) % (files / 2) == 0 {
                    file(out, &format!("f{k:06}.txt"), &format!("{k} {n}\n"))?;
                }
            }
        }
        Ok(())
    })
}

/// A repository with so many bookmarks.
pub fn refs(home: &Home, refs: usize) -> anyhow::Result<PathBuf> {
    make(home, &format!("refs-{refs}"), |out| {
        for n in 0..100 {
            begin(out, n)?;
            file(out, &format!("src/f{n}.rs"), "x\n")?;
        }
        for n in 0..refs.saturating_sub(1) {
            write!(out, "reset refs/heads/b{n:06}\nfrom :{}\n\n", n % 100 + 1)?;
        }
        Ok(())
    })
}

fn begin(out: &mut impl Write, n: usize) -> std::io::Result<()> {
    let time = 1_600_000_000 + n * 600;
    let message = format!("Change {n}\n");
    write!(
        out,
        "commit refs/heads/main\nmark :{}\nauthor P{who} <p{who}@example.org> {time} +0000\n\
         committer P{who} <p{who}@example.org> {time} +0000\ndata {}\n{message}",
        n + 1,
        message.len(),
        who = n % 40,
    )
}

fn file(out: &mut impl Write, path: &str, content: &str) -> std::io::Result<()> {
    write!(out, "M 100644 inline {path}\ndata {}\n{content}\n", content.len())
}

fn make(
    home: &Home,
    name: &str,
    fill: impl FnOnce(&mut BufWriter<std::process::ChildStdin>) -> std::io::Result<()>,
) -> anyhow::Result<PathBuf> {
    let place = cache()?.join(format!("{name}-v1.git"));
    if place.exists() {
        return Ok(place);
    }
    eprintln!("bench: making {} …", place.display());
    let fresh = home.at(name);
    home.git(home.path(), &["init", "-q", "--bare", "-b", "main", name])?;
    let mut import = home
        .command("git")
        .current_dir(&fresh)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()?;
    let mut out = BufWriter::with_capacity(1 << 20, import.stdin.take().context("piped")?);
    fill(&mut out)?;
    out.flush()?;
    drop(out);
    ensure!(import.wait()?.success(), "git fast-import");
    home.git(&fresh, &["repack", "-q", "-a", "-d"])?;
    home.git(&fresh, &["pack-refs", "--all"])?;
    move_folder(&fresh, &place)?;
    Ok(place)
}

fn move_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    if std::fs::rename(from, to).is_err() {
        let copied = std::process::Command::new("cp")
            .arg("-r")
            .args([from, to])
            .status()?;
        ensure!(copied.success(), "cp");
    }
    Ok(())
}

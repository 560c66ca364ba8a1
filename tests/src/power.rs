//! Cutting the power: a folder as the disk would have held it if the machine had stopped at once,
//! with what was synced and nothing else. A killed process shows less, because the page cache
//! outlives it.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, bail, ensure};

use crate::postgres::REQUIRE;
use crate::serve::Settings;

/// What becomes of the names that no folder was synced with. No system promises either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// They are gone, and what was removed is back.
    Lost,
    /// They are there, as they were; the files behind them hold what was synced, or nothing.
    Kept,
}

/// Watches what a program syncs below one folder.
#[derive(Debug)]
pub struct Power {
    library: PathBuf,
    image: tempfile::TempDir,
    root: PathBuf,
}

impl Power {
    /// Builds the library and begins to watch a folder that does not exist yet; none where there is
    /// no C compiler, which is said on standard error.
    pub fn watch(root: &Path) -> anyhow::Result<Option<Power>> {
        let image = tempfile::Builder::new().prefix("plue-power-").tempdir()?;
        let library = image.path().join("power.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/power.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o"])
            .arg(&library)
            .arg(&source)
            .output();
        let built = match built {
            Ok(built) => built,
            Err(error) => {
                let required = std::env::var(REQUIRE).is_ok_and(|list| list.contains("cc"));
                ensure!(!required, "{REQUIRE} asks for a C compiler: {error}");
                eprintln!("skipped: there is no C compiler `cc` ({error}); install the package `gcc`");
                return Ok(None);
            }
        };
        ensure!(
            built.status.success(),
            "cc: {}",
            String::from_utf8_lossy(&built.stderr)
        );
        let parent = root.parent().context("a folder lies in another")?;
        fs::create_dir(image.path().join("now"))?;
        Ok(Some(Power {
            library,
            image,
            root: parent
                .canonicalize()?
                .join(root.file_name().context("a folder has a name")?),
        }))
    }

    fn now(&self) -> PathBuf {
        self.image.path().join("now")
    }

    /// Settings under which a program is watched. What `drops` names is not kept although it was
    /// synced: `all`, `folders`, or a part of a path; nothing where it is empty.
    pub fn on(&self, settings: Settings, drops: &str) -> anyhow::Result<Settings> {
        let text = |path: &Path| {
            path.to_str()
                .map(str::to_owned)
                .context("a temporary path is text")
        };
        Ok(settings
            .env("LD_PRELOAD", text(&self.library)?)
            .env("POWER_ROOT", text(&self.root)?)
            .env("POWER_IMAGE", text(&self.now())?)
            .env("POWER_DROPS", drops))
    }

    /// Puts into the place of the folder what the disk would have held. The program is dead by now.
    pub fn cut(&self, names: Names) -> anyhow::Result<()> {
        let aside = self.image.path().join("before");
        fs::rename(&self.root, &aside)?;
        let image = Image {
            kept: self.now(),
            aside: &aside,
            names,
        };
        let mut made = HashMap::new();
        image.folder(&aside, &image.id(&aside)?, &self.root, &mut made)?;
        fs::remove_dir_all(&aside)?;
        // The machine is on again, and what it finds on the disk is on the disk.
        fs::remove_dir_all(self.now())?;
        fs::create_dir(self.now())?;
        self.settle(&self.root)
    }

    /// Keeps a copy of the folder as it is, for [`Power::put_back`]. No program uses it.
    pub fn keep(&self) -> anyhow::Result<()> {
        copy(&self.root, &self.image.path().join("kept"))
    }

    /// Puts the copy in the place of the folder; all of it is durable.
    pub fn put_back(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(&self.root)?;
        copy(&self.image.path().join("kept"), &self.root)?;
        fs::remove_dir_all(self.now())?;
        fs::create_dir(self.now())?;
        self.settle(&self.root)
    }

    /// Notes that a folder and all in it are durable.
    fn settle(&self, folder: &Path) -> anyhow::Result<()> {
        let mut list = String::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let known = fs::symlink_metadata(&path)?;
            if !known.is_dir() && !known.is_file() {
                // A socket of a program that is dead.
                fs::remove_file(&path)?;
                continue;
            }
            let kind = if known.is_dir() { 'd' } else { 'f' };
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .context("a name")?;
            let id = id(&known)?;
            list.push_str(&format!("{kind} {id} {:o} {name}\n", known.mode() & 0o7777));
            match kind {
                'd' => self.settle(&path)?,
                _ => drop(fs::copy(&path, self.now().join(format!("f-{id}")))?),
            }
        }
        let known = fs::metadata(folder)?;
        fs::write(self.now().join(format!("d-{}", id(&known)?)), list)?;
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copied = Command::new("cp").arg("-a").args([from, to]).output()?;
    ensure!(
        copied.status.success(),
        "cp: {}",
        String::from_utf8_lossy(&copied.stderr)
    );
    Ok(())
}

/// What tells a file from all others, those that had its number before among them.
fn id(known: &fs::Metadata) -> anyhow::Result<String> {
    let born = known
        .created()
        .context("this file system does not tell when a file was made; set TMPDIR to one that does")?
        .duration_since(UNIX_EPOCH)?;
    Ok(format!(
        "{}-{}.{:09}",
        known.ino(),
        born.as_secs(),
        born.subsec_nanos()
    ))
}

struct Image<'a> {
    kept: PathBuf,
    /// The folder as the page cache had it.
    aside: &'a Path,
    names: Names,
}

impl Image<'_> {
    fn id(&self, path: &Path) -> anyhow::Result<String> {
        id(&fs::symlink_metadata(path)?)
    }

    /// Makes a folder again. `seen` is where it was, if it still has a name.
    fn folder(
        &self,
        seen: &Path,
        id: &str,
        to: &Path,
        made: &mut HashMap<String, PathBuf>,
    ) -> anyhow::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(to)?;
        for Entry { kind, id, mode, name } in self.list(seen, id)? {
            let path = to.join(&name);
            match kind {
                'd' => self.folder(&seen.join(&name), &id, &path, made)?,
                _ => {
                    // Names of one file stay names of one file.
                    if let Some(first) = made.get(&id) {
                        fs::hard_link(first, &path)?;
                        continue;
                    }
                    let kept = self.kept.join(format!("f-{id}"));
                    match kept.exists() {
                        true => drop(fs::copy(kept, &path)?),
                        false => fs::write(&path, b"")?,
                    }
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
                    made.insert(id, path);
                }
            }
        }
        Ok(())
    }

    fn list(&self, seen: &Path, id: &str) -> anyhow::Result<Vec<Entry>> {
        match self.names {
            Names::Lost => {
                let kept = self.kept.join(format!("d-{id}"));
                let text = if kept.exists() {
                    fs::read_to_string(kept)?
                } else {
                    String::new()
                };
                text.lines().map(Entry::read).collect()
            }
            Names::Kept => {
                ensure!(seen.starts_with(self.aside), "a folder that is not there");
                let mut entries = Vec::new();
                for entry in fs::read_dir(seen)? {
                    let entry = entry?;
                    let known = entry.metadata()?;
                    if known.is_dir() || known.is_file() {
                        entries.push(Entry {
                            kind: if known.is_dir() { 'd' } else { 'f' },
                            id: self.id(&entry.path())?,
                            mode: known.mode() & 0o7777,
                            name: entry
                                .file_name()
                                .into_string()
                                .map_err(|_| anyhow::anyhow!("a name"))?,
                        });
                    }
                }
                Ok(entries)
            }
        }
    }
}

struct Entry {
    kind: char,
    id: String,
    mode: u32,
    name: String,
}

impl Entry {
    fn read(line: &str) -> anyhow::Result<Entry> {
        let mut words = line.splitn(4, ' ');
        let (Some(kind), Some(id), Some(mode), Some(name)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            bail!("a list of names holds {line:?}");
        };
        Ok(Entry {
            kind: kind.chars().next().context("a kind")?,
            id: id.to_owned(),
            mode: u32::from_str_radix(mode, 8)?,
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes files, syncs some of them, and links one.
    const PROGRAM: &str = r#"
        #include <fcntl.h>
        #include <string.h>
        #include <sys/stat.h>
        #include <unistd.h>
        static void put(const char *name, const char *text, int sync) {
            int fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
            if (fd < 0 || write(fd, text, strlen(text)) < 0) _exit(1);
            if (sync) fsync(fd);
            close(fd);
        }
        int main(void) {
            put("synced", "one", 1);
            if (link("synced", "linked") != 0) return 2;
            fsync(open(".", O_RDONLY));
            put("synced", "two", 0);
            put("unsynced", "three", 0);
            if (mkdir("sub", 0700) != 0) return 3;
            put("sub/in", "four", 1);
            return 0;
        }
    "#;

    #[test]
    fn only_what_was_synced_outlives_the_power() {
        let folder = tempfile::tempdir().unwrap();
        for (names, there) in [
            (Names::Lost, vec!["linked", "synced"]),
            (Names::Kept, vec!["linked", "sub", "synced", "unsynced"]),
        ] {
            let root = folder.path().join(format!("{names:?}"));
            let Some(power) = Power::watch(&root).unwrap() else {
                return;
            };
            fs::create_dir(&root).unwrap();
            let (source, program) = (folder.path().join("program.c"), folder.path().join("program"));
            fs::write(&source, PROGRAM).unwrap();
            let built = Command::new("cc").arg("-o").args([&program, &source]).status();
            assert!(built.unwrap().success());
            let mut command = Command::new(&program);
            let command = command
                .env("LD_PRELOAD", &power.library)
                .env("POWER_ROOT", &power.root)
                .env("POWER_IMAGE", power.now())
                .current_dir(&power.root);
            assert!(command.status().unwrap().success());
            // Twice: what was found once is durable from then on.
            for _ in 0..2 {
                power.cut(names).unwrap();
                let mut found: Vec<String> = fs::read_dir(&root)
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect();
                found.sort();
                assert_eq!(found, there);
                assert_eq!(fs::read_to_string(root.join("linked")).unwrap(), "one");
                let inode = |name: &str| fs::metadata(root.join(name)).unwrap().ino();
                assert_eq!(inode("linked"), inode("synced"));
                if names == Names::Kept {
                    assert_eq!(fs::read_to_string(root.join("unsynced")).unwrap(), "");
                    assert_eq!(fs::read_to_string(root.join("sub/in")).unwrap(), "four");
                }
            }
        }
    }
}

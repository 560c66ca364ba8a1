//! Jujutsu as a client: clone, push, and bookmarks that are made, moved and deleted.
//!
//! It runs where `jj` is on the path, or where `PLUE_JJ` names the program (`cargo install --locked
//! jj-cli`).
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use std::path::{Path, PathBuf};

use plue_tests::git::{Home, Said};
use plue_tests::serve::Plue;

/// The program, if there is one.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("PLUE_JJ") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("jj"));
    let found = found.into_iter().find(|file| file.is_file());
    if found.is_none() {
        eprintln!(
            "skipped: jj is not on the path; install it (cargo install --locked jj-cli) or name it in PLUE_JJ"
        );
    }
    found
}

struct Jj<'a> {
    program: PathBuf,
    home: &'a Home,
}

impl Jj<'_> {
    fn try_run(&self, folder: &Path, args: &[&str]) -> Said {
        let config = self.home.at("jj.toml");
        std::fs::write(
            &config,
            "user.name = \"Ada Example\"\nuser.email = \"ada@example.org\"\nui.color = \"never\"\nui.paginate = \"never\"\n",
        )
        .unwrap();
        let mut command = self.home.command(self.program.to_str().unwrap());
        let said = command
            .env("JJ_CONFIG", config)
            .current_dir(folder)
            .args(args)
            .output()
            .unwrap();
        said.into()
    }

    fn run(&self, folder: &Path, args: &[&str]) -> String {
        let said = self.try_run(folder, args);
        assert!(said.ok, "jj {args:?}: {}{}", said.out, said.err);
        format!("{}{}", said.out, said.err)
    }

    fn commit_of(&self, folder: &Path, revision: &str) -> String {
        let args = ["log", "--no-graph", "-r", revision, "-T", "commit_id"];
        self.run(folder, &args).trim().to_owned()
    }
}

#[test]
fn jujutsu_clones_and_pushes_over_both_doors() {
    let Some(program) = program() else {
        return;
    };
    let plue = Plue::start().unwrap();
    let (home, _) = plue.newcomer("ada").unwrap();
    let jj = Jj { program, home: &home };
    let work = home.small_repository("work").unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
        .unwrap();
    for (door, address) in [
        ("http", plue.url("ada/engine")),
        ("ssh", "ssh://plue/ada/engine".to_owned()),
    ] {
        let remote = |name: &str| {
            let listed = home.git(&work, &["ls-remote", &address, name]).unwrap();
            listed.split('\t').next().unwrap_or_default().to_owned()
        };
        let bookmark = format!("topic-{door}");
        let name = format!("refs/heads/{bookmark}");
        jj.run(home.path(), &["git", "clone", &address, door]);
        let clone = home.at(door);
        assert_eq!(jj.commit_of(&clone, "main@origin"), remote("refs/heads/main"));

        std::fs::write(clone.join("more.txt"), "more\n").unwrap();
        jj.run(&clone, &["describe", "-m", "More"]);
        jj.run(&clone, &["bookmark", "create", &bookmark, "-r", "@"]);
        // A bookmark that the remote does not know yet is followed first, as jj asks for.
        jj.run(&clone, &["bookmark", "track", &bookmark, "--remote", "origin"]);
        jj.run(&clone, &["git", "push", "--bookmark", &bookmark]);
        let first = jj.commit_of(&clone, &bookmark);
        assert_eq!(remote(&name), first, "made");

        jj.run(&clone, &["new", "-m", "And more"]);
        std::fs::write(clone.join("more.txt"), "and more\n").unwrap();
        jj.run(&clone, &["bookmark", "move", &bookmark, "--to", "@"]);
        jj.run(&clone, &["git", "push", "--bookmark", &bookmark]);
        let second = jj.commit_of(&clone, &bookmark);
        assert_ne!(first, second);
        assert_eq!(remote(&name), second, "moved on");

        // A change that is written anew has another commit: the bookmark moves sideways.
        jj.run(&clone, &["describe", "-m", "And more, in other words"]);
        jj.run(&clone, &["git", "push", "--bookmark", &bookmark]);
        assert_eq!(remote(&name), jj.commit_of(&clone, &bookmark), "moved sideways");

        // Somebody else moves it; jj does not know, is refused, fetches, and sees the conflict.
        home.git(&work, &["push", "-q", "-f", &address, &format!("main:{name}")])
            .unwrap();
        jj.run(&clone, &["describe", "-m", "Once more"]);
        let refused = jj.try_run(&clone, &["git", "push", "--bookmark", &bookmark]);
        assert!(!refused.ok, "{refused:?}");
        assert_eq!(remote(&name), remote("refs/heads/main"), "and nothing moved");
        jj.run(&clone, &["git", "fetch"]);

        jj.run(&clone, &["bookmark", "delete", &bookmark]);
        jj.run(&clone, &["git", "push", "--deleted"]);
        assert_eq!(remote(&name), "", "deleted");
    }

    // A repository that jj makes here, and the forge there.
    jj.run(home.path(), &["git", "init", "--colocate", "mine"]);
    let mine = home.at("mine");
    std::fs::write(mine.join("README.md"), "mine\n").unwrap();
    jj.run(&mine, &["describe", "-m", "Begin"]);
    jj.run(&mine, &["bookmark", "create", "main", "-r", "@"]);
    jj.run(&mine, &["git", "remote", "add", "origin", &plue.url("ada/mine")]);
    jj.run(&mine, &["bookmark", "track", "main", "--remote", "origin"]);
    let said = jj.run(&mine, &["git", "push", "--bookmark", "main"]);
    assert!(said.contains("Created the private repository ada/mine"), "{said}");
    home.git(home.path(), &["clone", "-q", &plue.url("ada/mine"), "mine-again"])
        .unwrap();
    home.fsck(&home.at("mine-again")).unwrap();
    plue.stop().unwrap();
}

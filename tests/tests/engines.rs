//! The main job on everything that a forge may stand on: a repository is made by a push, cloned
//! over both doors, renamed, deleted and restored, and is there after a restart on another machine.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use plue_tests::engines::{self, Engine};
use plue_tests::git::Home;
use plue_tests::history::History;
use plue_tests::serve::Plue;
use serde_json::json;
use std::path::Path;

fn expect_clones(home: &Home, plue: &Plue, repository: &str, original: &Path, what: &str) {
    for (door, address) in [
        ("http", plue.url(repository)),
        ("ssh", format!("ssh://plue/{repository}")),
    ] {
        let copy = home.at("copy.git");
        home.git(home.path(), &["clone", "-q", "--mirror", &address, "copy.git"])
            .unwrap();
        assert_eq!(
            home.refs(&copy).unwrap(),
            home.refs(original).unwrap(),
            "{what}, {door}"
        );
        home.fsck(&copy).unwrap();
        std::fs::remove_dir_all(copy).unwrap();
    }
}

#[test]
fn the_main_job_is_done_on_every_engine() {
    for Engine { name, settings, s3 } in engines::all().unwrap() {
        let plue = settings.start().unwrap();
        let (home, token) = plue.newcomer("ada").unwrap();
        plue.admin(&["user", "create", "grace", "--admin"]).unwrap();
        let admin = plue.token("grace", "repo,user,admin").unwrap();
        let original = History::of(800).make(&home, "original.git").unwrap();
        let pushed = home
            .try_git(&original, &["push", "--mirror", &plue.url("ada/engine")])
            .unwrap();
        assert!(
            pushed.ok
                && pushed
                    .err
                    .contains("remote: Created the private repository ada/engine"),
            "{name}: {}",
            pushed.err
        );
        expect_clones(&home, &plue, "ada/engine", &original, name);

        // Over SSH a branch comes, moves with force, and goes.
        let work = home.at("work");
        home.git(home.path(), &["clone", "-q", "ssh://plue/ada/engine", "work"])
            .unwrap();
        let tip = home.commit(&work, "news", "news\n", "News").unwrap();
        home.git(&work, &["push", "-q", "origin", "HEAD:refs/heads/news"])
            .unwrap();
        home.git(&work, &["commit", "-q", "--amend", "-m", "Other news"])
            .unwrap();
        let refused = home
            .try_git(&work, &["push", "origin", "HEAD:refs/heads/news"])
            .unwrap();
        assert!(!refused.ok, "{name}: {tip} is not an ancestor");
        home.git(
            &work,
            &["push", "-q", "--force", "origin", "HEAD:refs/heads/news"],
        )
        .unwrap();
        home.git(&work, &["push", "-q", "origin", ":refs/heads/news"])
            .unwrap();
        expect_clones(&home, &plue, "ada/engine", &original, name);

        // Renamed by its owner; the old address still leads there.
        let client = plue.client().bearer(&token);
        let renamed = client
            .json("PATCH", "/api/ada/engine", &json!({"name": "loom"}))
            .unwrap();
        assert_eq!(renamed.status, 200, "{name}: {}", renamed.text());
        expect_clones(&home, &plue, "ada/loom", &original, name);
        expect_clones(&home, &plue, "ada/engine", &original, name);
        let id = renamed.json().unwrap()["repository"]["id"].clone();

        let deleted = client.send("DELETE", "/api/ada/loom", &[], b"").unwrap();
        assert!((200..300).contains(&deleted.status), "{name}: {}", deleted.text());
        let gone = home
            .try_git(home.path(), &["ls-remote", &plue.url("ada/loom")])
            .unwrap();
        assert!(!gone.ok, "{name}: a deleted repository is not there");
        let restored = plue
            .client()
            .bearer(&admin)
            .send("POST", &format!("/api/admin/repos/{id}/restore"), &[], b"")
            .unwrap();
        assert!(
            (200..300).contains(&restored.status),
            "{name}: {}",
            restored.text()
        );
        expect_clones(&home, &plue, "ada/loom", &original, name);

        // The machine is lost with its cache. Of a directory the packs are on the machine as well.
        let settings = plue.kill().unwrap();
        std::fs::remove_dir_all(settings.data().join("cache")).unwrap();
        let plue = settings.start().unwrap();
        home.remember(plue.http(), "ada", &token).unwrap();
        home.configure_ssh(plue.ssh(), &["id"]).unwrap();
        std::fs::remove_file(home.at(".ssh/known_hosts")).unwrap();
        expect_clones(&home, &plue, "ada/loom", &original, name);
        plue.stop().unwrap();
        drop(s3);
    }
}

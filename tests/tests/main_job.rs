//! The main job: somebody new pushes a real repository and clones it back, over HTTP and SSH, and
//! it is still there after a restart.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use plue_tests::edge;
use plue_tests::git::Home;
use plue_tests::history::{History, count_commits};
use plue_tests::serve::Plue;

/// Clones without a work tree and compares every ref with the original; fsck finds every object that they reach.
fn clone_and_compare(home: &Home, address: &str, into: &str, original: &std::path::Path) {
    home.git(home.path(), &["clone", "-q", "--mirror", address, into])
        .unwrap();
    let clone = home.at(into);
    assert_eq!(
        home.refs(&clone).unwrap(),
        home.refs(original).unwrap(),
        "{address}"
    );
    home.fsck(&clone).unwrap();
}

#[test]
fn a_real_repository_is_pushed_and_cloned_back() {
    let plue = Plue::start().unwrap();
    let (home, _) = plue.newcomer("ada").unwrap();
    let original = History::of(3000).make(&home, "original.git").unwrap();
    assert_eq!(count_commits(&home, &original).unwrap(), 3000);

    let pushed = home
        .try_git(&original, &["push", "--mirror", &plue.url("ada/engine")])
        .unwrap();
    assert!(pushed.ok, "{}", pushed.err);
    assert!(
        pushed.err.contains("remote: "),
        "the pusher is told that a repository was made: {}",
        pushed.err
    );

    clone_and_compare(&home, &plue.url("ada/engine"), "over-http.git", &original);
    clone_and_compare(&home, "ssh://plue/ada/engine.git", "over-ssh.git", &original);
    plue.stop().unwrap();
}

#[test]
fn what_was_pushed_over_ssh_is_there_after_a_restart() {
    let plue = Plue::start().unwrap();
    let (home, token) = plue.newcomer("ada").unwrap();
    let original = History::of(300).make(&home, "original.git").unwrap();
    home.git(&original, &["push", "-q", "--mirror", "ssh://plue/ada/engine"])
        .unwrap();
    let settings = plue.stop().unwrap();

    let plue = settings.start().unwrap();
    home.remember(plue.http(), "ada", &token).unwrap();
    home.configure_ssh(plue.ssh(), &["id"]).unwrap();
    std::fs::remove_file(home.at(".ssh/known_hosts")).unwrap();
    clone_and_compare(&home, &plue.url("ada/engine"), "over-http.git", &original);
    clone_and_compare(&home, "ssh://plue/ada/engine", "over-ssh.git", &original);
    plue.stop().unwrap();
}

#[test]
fn the_host_key_stays_the_same_over_restarts() {
    let plue = Plue::start().unwrap();
    let (home, _) = plue.newcomer("ada").unwrap();
    assert!(home.ssh(&["plue"]).unwrap().ok);
    let keys = |home: &Home| {
        let text = std::fs::read_to_string(home.at(".ssh/known_hosts")).unwrap();
        let mut keys: Vec<String> = text
            .lines()
            .filter_map(|line| line.split(' ').nth(2))
            .map(str::to_owned)
            .collect();
        keys.sort();
        keys
    };
    let before = keys(&home);
    assert!(!before.is_empty());
    let plue = plue.stop().unwrap().start().unwrap();
    home.configure_ssh(plue.ssh(), &["id"]).unwrap();
    std::fs::remove_file(home.at(".ssh/known_hosts")).unwrap();
    assert!(home.ssh(&["plue"]).unwrap().ok);
    assert_eq!(keys(&home), before);
}

#[test]
fn every_spelling_of_a_repository_leads_to_it() {
    let plue = Plue::start().unwrap();
    let (home, _) = plue.newcomer("ada").unwrap();
    let work = home.small_repository("work").unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
        .unwrap();
    let head = home.git(&work, &["rev-parse", "main"]).unwrap();
    for address in [
        format!("{}/ada/engine", plue.http()),
        format!("{}/ada/engine.git", plue.http()),
        format!("{}/ada/engine.wit", plue.http()),
        format!("{}/ADA/Engine.git", plue.http()),
        "ssh://plue/ada/engine".into(),
        "ssh://plue/ada/engine.git".into(),
        "plue:ada/engine".into(),
        "plue:/ada/engine.git".into(),
    ] {
        let listed = home
            .git(&work, &["ls-remote", &address, "refs/heads/main"])
            .unwrap();
        assert_eq!(listed, format!("{head}\trefs/heads/main"), "{address}");
    }
}

#[test]
fn a_password_works_where_a_token_does() {
    let plue = Plue::start().unwrap();
    plue.user_with_password("ada", "correct horse battery").unwrap();
    let home = Home::new().unwrap();
    let work = home.small_repository("work").unwrap();
    home.remember(plue.http(), "ada", "correct%20horse%20battery")
        .unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
        .unwrap();
    home.forget().unwrap();
    home.remember(plue.http(), "ada", "wrong").unwrap();
    let refused = home
        .try_git(&work, &["ls-remote", &plue.url("ada/engine")])
        .unwrap();
    assert!(!refused.ok);
}

#[test]
fn the_same_goes_through_the_worker_in_workerd() {
    let plue = Plue::start().unwrap();
    let (home, token) = plue.newcomer("ada").unwrap();
    let edge = edge::Settings::new(plue.http())
        .unwrap()
        .secrets_of(&plue.data())
        .unwrap()
        .start()
        .unwrap();
    home.remember(edge.url(), "ada", &token).unwrap();
    let original = History::of(20_000).make(&home, "original.git").unwrap();
    let address = format!("{}/ada/engine.git", edge.url());
    home.git(&original, &["push", "-q", "--mirror", &address])
        .unwrap();
    clone_and_compare(&home, &address, "over-the-edge.git", &original);
    clone_and_compare(&home, &plue.url("ada/engine"), "over-http.git", &original);
    clone_and_compare(&home, "ssh://plue/ada/engine.git", "over-ssh.git", &original);
    edge.stop().unwrap();
    plue.stop().unwrap();
}

//! Packs that are not whole, not sound, or too much.

use plue_tests::push::{Answer, NONE, Push};
use plue_tests::serve::Settings;

use crate::{Setting, empty_pack, noise};

#[test]
fn packs_that_are_not_whole_and_sound_are_refused() {
    let s = Setting::new();
    let (new, pack) = s.next_commit();
    let push = |pack: Vec<u8>| {
        s.push(
            &Push::default()
                .update(&s.head, &new, "refs/heads/main")
                .pack(pack),
        )
    };

    // Each is told what is wrong with its pack, and none that the server is at fault.
    let refused = |answer: &Answer| {
        let text = answer.text();
        let says = ["pack", "object", "connection ended"]
            .iter()
            .any(|word| text.contains(word));
        !answer.is_ok() && says && !text.contains("internal") && !text.contains("unpack ok")
    };
    for cut in [0, 3, 11, 12, 20, pack.len() / 2, pack.len() - 21, pack.len() - 1] {
        let answer = push(pack[..cut].to_vec());
        assert!(refused(&answer), "cut to {cut} bytes: {}", answer.text());
    }
    for place in [0, 5, 9, 13, pack.len() / 2, pack.len() - 3] {
        let mut corrupted = pack.clone();
        corrupted[place] ^= 0x20;
        let answer = push(corrupted);
        assert!(refused(&answer), "byte {place}: {}", answer.text());
    }
    // Without its blob the commit is there and cannot be checked out.
    let tree = s.home.git(&s.work, &["rev-parse", "HEAD^{tree}"]).unwrap();
    let partial = s
        .home
        .git_bytes(
            &s.work,
            &["pack-objects", "--stdout", "-q"],
            format!("{new}\n{tree}\n").as_bytes(),
        )
        .unwrap();
    let answer = push(partial);
    let blob = s.home.git(&s.work, &["rev-parse", "HEAD:new.txt"]).unwrap();
    assert!(
        !answer.is_ok() && answer.text().contains(&blob),
        "it names what is missing: {}",
        answer.text()
    );
    let answer = push(empty_pack());
    assert!(
        !answer.is_ok() && answer.text().contains(&new),
        "{}",
        answer.text()
    );

    // A tree with a folder that would be written into a clone's own repository.
    let evil = s
        .home
        .git_bytes(
            &s.work,
            &["hash-object", "-t", "blob", "-w", "--stdin"],
            b"[core]\n",
        )
        .unwrap();
    let evil = String::from_utf8(evil).unwrap();
    let tree = format!("100644 blob {}\t.git\n", evil.trim());
    let tree = s.home.git_bytes(&s.work, &["mktree"], tree.as_bytes()).unwrap();
    let tree = String::from_utf8(tree).unwrap();
    let commit = s
        .home
        .git(&s.work, &["commit-tree", "-p", "HEAD", "-m", "evil", tree.trim()])
        .unwrap();
    let said = s
        .home
        .try_git(
            &s.work,
            &[
                "push",
                &s.plue.url("ada/engine"),
                &format!("{commit}:refs/heads/evil"),
            ],
        )
        .unwrap();
    assert!(
        !said.ok && said.err.to_lowercase().contains("dotgit"),
        "git's own words reach the pusher: {}",
        said.err
    );
    s.expect_untouched();
}

#[test]
fn limits_are_told_with_their_figure() {
    let settings = Settings::new()
        .unwrap()
        .env("PLUE_MAX_OBJECT_BYTES", "1M")
        .env("PLUE_MAX_PACK_BYTES", "2M")
        .env("PLUE_MAX_REFS_PER_PUSH", "50");
    let s = Setting::with(settings);
    let url = s.plue.url("ada/engine");

    // A bomb: it travels as a few kilobytes and is a hundred megabytes of nothing.
    std::fs::write(s.work.join("bomb"), vec![0; 100 << 20]).unwrap();
    s.home.git(&s.work, &["checkout", "-q", "-b", "bomb"]).unwrap();
    s.home.git(&s.work, &["add", "bomb"]).unwrap();
    s.home.git(&s.work, &["commit", "-q", "-m", "Bomb"]).unwrap();
    let said = s.home.try_git(&s.work, &["push", &url, "bomb"]).unwrap();
    assert!(!said.ok && figure(&said.err, 1 << 20), "{}", said.err);

    // A pack that is too large as it travels.
    s.home
        .git(&s.work, &["checkout", "-q", "-b", "noise", "main"])
        .unwrap();
    for (number, part) in noise(3 << 20).chunks(512 << 10).enumerate() {
        std::fs::write(s.work.join(format!("noise-{number}")), part).unwrap();
    }
    s.home.git(&s.work, &["add", "."]).unwrap();
    s.home.git(&s.work, &["commit", "-q", "-m", "Noise"]).unwrap();
    for address in [url.as_str(), "ssh://plue/ada/engine"] {
        let said = s.home.try_git(&s.work, &["push", address, "noise"]).unwrap();
        assert!(!said.ok && figure(&said.err, 2 << 20), "{address}: {}", said.err);
    }
    s.home.git(&s.work, &["checkout", "-q", "-f", "main"]).unwrap();

    let mut many = Push::default().pack(empty_pack());
    for number in 0..51 {
        many = many.update(NONE, &s.head, &format!("refs/heads/many-{number}"));
    }
    let reply = many.send(&s.client, "ada/engine").unwrap();
    let text = Answer::of(&reply).map_or(reply.text(), |answer| answer.text());
    assert!(text.contains("50"), "{text}");
    s.expect_untouched();
}

/// Whether a message names a size: in bytes, or in mebibytes or megabytes.
fn figure(message: &str, bytes: u64) -> bool {
    let mega = bytes >> 20;
    [
        format!("{bytes}"),
        format!("{mega} M"),
        format!("{mega}M"),
        format!("{mega}.0 M"),
    ]
    .iter()
    .any(|text| message.contains(text.as_str()))
}

#[test]
fn a_shallow_history_does_not_become_a_repository() {
    let s = Setting::new();
    s.home
        .git(
            s.home.path(),
            &["clone", "-q", "--depth=1", &s.plue.url("ada/engine"), "shallow"],
        )
        .unwrap();
    let shallow = s.home.at("shallow");
    for address in [s.plue.url("ada/other"), "ssh://plue/ada/other".to_owned()] {
        let said = s
            .home
            .try_git(&shallow, &["push", &address, "HEAD:refs/heads/main"])
            .unwrap();
        assert!(!said.ok && said.err.contains("shallow"), "{}", said.err);
        assert!(
            !s.home.try_git(&shallow, &["ls-remote", &address]).unwrap().ok,
            "nor was it made"
        );
    }
    s.expect_untouched();
}

#[test]
fn what_follows_a_pack_is_not_looked_at() {
    let s = Setting::new();
    let (new, pack) = s.next_commit();
    let answer = s.push(
        &Push::default()
            .update(&s.head, &new, "refs/heads/main")
            .pack([&pack[..], b"and more"].concat()),
    );
    assert_eq!(answer.is_ok(), s.refs().contains(&new), "{}", answer.text());
    s.plue.stop().unwrap();
}

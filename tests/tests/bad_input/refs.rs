//! Refs that stand in each other's way, and very many of them.

use std::time::Instant;

use plue_tests::push::{Answer, NONE, Push};

use crate::{Setting, empty_pack};

#[test]
fn a_branch_and_one_below_it_cannot_both_be() {
    let s = Setting::new();
    let both = Push::default()
        .update(NONE, &s.head, "refs/heads/a")
        .update(NONE, &s.head, "refs/heads/a/b")
        .pack(empty_pack());
    let answer = s.push(&both);
    assert!(!answer.is_ok(), "{}", answer.text());
    let accepted = |name: &str| answer.report.contains(&format!("ok {name}"));
    assert!(!(accepted("refs/heads/a") && accepted("refs/heads/a/b")));
    for name in ["refs/heads/a", "refs/heads/a/b"] {
        if accepted(name) {
            assert!(s.push(&Push::default().update(&s.head, NONE, name)).is_ok());
        }
    }
    // Two pushes at once, again and again: never both.
    for round in 0..20 {
        let push = |name: String| {
            let push = Push::default().update(NONE, &s.head, &name).pack(empty_pack());
            (push.send(&s.client, "ada/engine"), name)
        };
        let names = [
            format!("refs/heads/r{round}"),
            format!("refs/heads/r{round}/below"),
        ];
        let outcomes = std::thread::scope(|scope| {
            let started: Vec<_> = names
                .iter()
                .map(|name| scope.spawn(|| push(name.clone())))
                .collect();
            started
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect::<Vec<_>>()
        });
        let won: Vec<String> = outcomes
            .into_iter()
            .filter(|(reply, _)| Answer::of(reply.as_ref().unwrap()).unwrap().is_ok())
            .map(|(_, name)| name)
            .collect();
        assert_eq!(won.len(), 1, "round {round}: {won:?}");
        assert!(s.push(&Push::default().update(&s.head, NONE, &won[0])).is_ok());
    }
    assert_eq!(s.refs(), format!("{0}\tHEAD\n{0}\trefs/heads/main", s.head));
}

#[test]
fn of_two_pushes_to_one_branch_one_wins_and_the_other_reads_why() {
    let s = Setting::new();
    let commits: Vec<(String, Vec<u8>)> = (0..4)
        .map(|_| {
            s.home.git(&s.work, &["reset", "-q", "--hard", &s.head]).unwrap();
            s.next_commit()
        })
        .collect();
    let answers = std::thread::scope(|scope| {
        let pushes: Vec<_> = commits
            .iter()
            .map(|(new, pack)| {
                let push = Push::default()
                    .update(&s.head, new, "refs/heads/main")
                    .pack(pack.clone());
                let client = &s.client;
                scope.spawn(move || {
                    (
                        new,
                        Answer::of(&push.send(client, "ada/engine").unwrap()).unwrap(),
                    )
                })
            })
            .collect();
        pushes
            .into_iter()
            .map(|push| push.join().unwrap())
            .collect::<Vec<_>>()
    });
    let won: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_ok()).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert!(s.refs().contains(won[0].0.as_str()));
    for (_, lost) in answers.iter().filter(|(_, answer)| !answer.is_ok()) {
        assert!(
            lost.report
                .iter()
                .any(|line| line.starts_with("ng refs/heads/main ")),
            "{}",
            lost.text()
        );
    }
}

#[test]
fn a_hundred_thousand_refs_fit_into_one_push() {
    let s = Setting::new();
    let mut push = Push::default().pack(empty_pack());
    for number in 0..100_000 {
        push = push.update(
            NONE,
            &s.head,
            &format!("refs/heads/many/{}/{number}", number % 100),
        );
    }
    let began = Instant::now();
    let answer = s.push(&push);
    assert!(answer.is_ok(), "{}", &answer.text()[..200]);
    assert_eq!(
        answer
            .report
            .iter()
            .filter(|line| line.starts_with("ok "))
            .count(),
        100_000
    );
    println!("100,000 refs took {:?}", began.elapsed());
    assert_eq!(s.refs().lines().count(), 100_002);
    let listed = s
        .home
        .git(
            &s.work,
            &["ls-remote", "ssh://plue/ada/engine", "refs/heads/many/7/1007"],
        )
        .unwrap();
    assert!(listed.starts_with(&s.head));
}

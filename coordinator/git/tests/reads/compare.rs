//! Two commits beside each other: the same distances and lists as `git rev-list`.

use crate::changes::{as_list, list_by_git};
use crate::support::{command, person};
use crate::world::{self, reader, with_history};
use plue_git::browse::{self, DiffOptions};
use plue_git::{ObjectFormat, Oid};

#[tokio::test(flavor = "multi_thread")]
async fn two_commits_are_compared_as_git_compares_them() {
    for (format, seed) in [
        (ObjectFormat::Sha1, 71),
        (ObjectFormat::Sha1, 72),
        (ObjectFormat::Sha256, 73),
    ] {
        let mut place = with_history(format, seed, 60).await;
        person(&place.work(), &["checkout", "-q", "--orphan", "alone"]);
        place.commit("alone", "x\n");
        world::take_all(&mut place).await;
        for round in 0..2 {
            let reader = reader(&place);
            let commits = world::commits(&place);
            let mut pairs: Vec<(Oid, Oid)> = commits
                .iter()
                .zip(commits.iter().rev())
                .step_by(7)
                .map(|(&a, &b)| (a, b))
                .collect();
            pairs
                .extend(["b0", "b1", "b2", "alone", "main"].map(|name| (place.oid("main"), place.oid(name))));
            for (base, head) in pairs {
                let shown = browse::compare(&reader, base, head, 1000, 100_000, DiffOptions::default())
                    .await
                    .unwrap();
                let out = command(
                    &place.work(),
                    &["merge-base", "--all", &base.to_string(), &head.to_string()],
                )
                .output()
                .unwrap();
                let text = String::from_utf8(out.stdout).unwrap();
                let bases: Vec<&str> = text.lines().collect();
                match shown.merge_base {
                    Some(found) => assert!(
                        bases.contains(&found.to_string().as_str()),
                        "{round} {base} {head}"
                    ),
                    None => assert!(bases.is_empty()),
                }
                let counts = person(
                    &place.work(),
                    &["rev-list", "--left-right", "--count", &format!("{base}...{head}")],
                );
                let ours = shown.divergence;
                assert_eq!(
                    format!("{}\t{}", ours.behind.count, ours.ahead.count),
                    counts,
                    "{round} {base} {head}"
                );
                assert!(ours.ahead.is_exact && ours.behind.is_exact);
                let listed = person(&place.work(), &["rev-list", &format!("{base}..{head}")]);
                let mut gits: Vec<&str> = listed.lines().collect();
                let ours: Vec<String> = shown
                    .commits
                    .iter()
                    .map(|commit| commit.oid.to_string())
                    .collect();
                let mut ours: Vec<&str> = ours.iter().map(String::as_str).collect();
                gits.sort_unstable();
                ours.sort_unstable();
                assert_eq!(ours, gits);
                if let Some(found) = shown.merge_base {
                    assert_eq!(
                        as_list(&shown.diff),
                        list_by_git(&place, &[&found.to_string(), &head.to_string()])
                    );
                }
            }
            let cut = browse::divergence(&reader, commits[commits.len() - 1], commits[0], 3)
                .await
                .unwrap();
            assert!(!cut.ahead.is_exact);
            world::write_graph(&place).await;
        }
    }
}

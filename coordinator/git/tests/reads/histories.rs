//! Last changes, the history of paths, blame, and who contains what.

use crate::support::{Place, command, person};
use crate::world::{self, FORMATS, reader, with_history};
use plue_git::browse::{self, BrowseError, HistoryOptions, Reader, Rest};
use plue_git::{ObjectFormat, Oid};
use std::collections::BTreeSet;

/// What git says changed each entry of a folder last, by the entry's raw name.
fn last_by_git(place: &Place, commit: Oid, folder: &str) -> Vec<String> {
    let slash = format!("{folder}/");
    let spec = commit.to_string();
    let mut args = vec!["ls-tree", "-z", "--name-only", &spec];
    if !folder.is_empty() {
        args.push(&slash);
    }
    let out = command(&place.work(), &args).output().unwrap();
    assert!(out.status.success());
    out.stdout
        .split(|&b| b == 0)
        .filter(|name| !name.is_empty())
        .map(|name| {
            use std::os::unix::ffi::OsStrExt;
            let out = command(
                &place.work(),
                &["--literal-pathspecs", "log", "-1", "--format=%H", &spec, "--"],
            )
            .arg(std::ffi::OsStr::from_bytes(name))
            .output()
            .unwrap();
            String::from_utf8(out.stdout).unwrap().trim().to_owned()
        })
        .collect()
}

async fn last_by_us(reader: &Reader, commit: Oid, folder: &str, steps: usize) -> Vec<String> {
    let shown = browse::folder(reader, commit, folder, steps).await.unwrap();
    shown
        .entries
        .iter()
        .map(|entry| {
            entry
                .last
                .as_ref()
                .map_or("?".to_owned(), |last| last.oid.to_string())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_change_of_every_entry_is_the_one_that_git_finds() {
    for (format, seed) in [
        (ObjectFormat::Sha1, 1),
        (ObjectFormat::Sha1, 2),
        (ObjectFormat::Sha1, 3),
        (ObjectFormat::Sha256, 4),
    ] {
        let place = with_history(format, seed, 60).await;
        let commits = world::commits(&place);
        for round in 0..2 {
            let reader = reader(&place);
            for &commit in commits.iter().step_by(13) {
                for folder in ["", "dir", "dir/deep", "sp ace"] {
                    if browse::tree(&reader, commit, folder).await.is_err() {
                        continue;
                    }
                    let ours = last_by_us(&reader, commit, folder, 100_000).await;
                    let gits = last_by_git(&place, commit, folder);
                    assert_eq!(ours, gits, "{format} {seed} {round} {commit}:{folder}");
                    let shown = browse::folder(&reader, commit, folder, 100_000).await.unwrap();
                    assert!(shown.is_complete());
                    let folder_last = shown.last.unwrap().oid.to_string();
                    let mut args = vec!["log", "-1", "--format=%H"];
                    let spec = commit.to_string();
                    args.push(&spec);
                    if !folder.is_empty() {
                        args.extend(["--", folder]);
                    }
                    assert_eq!(folder_last, person(&place.work(), &args));
                }
            }
            world::write_graph(&place).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_knows_what_a_walk_would_find_and_the_next_one_builds_on_it() {
    for format in FORMATS {
        let place = with_history(format, 7, 80).await;
        world::write_graph(&place).await;
        let reader = reader(&place);
        let commits = world::commits(&place);
        let middle = commits[commits.len() / 2];
        // Old tips first, as pushes come.
        for &commit in commits.iter().rev().step_by(9).chain([&commits[0]]) {
            assert!(!browse::indexed(&reader, commit) || commit == commits[0]);
            assert!(
                browse::index_last_changes(&reader, commit, 1000, 100_000)
                    .await
                    .unwrap()
            );
            assert!(browse::indexed(&reader, commit));
            for folder in ["", "dir", "dir/deep", "dir/deep/er", "sp ace"] {
                if browse::tree(&reader, commit, folder).await.is_err() {
                    continue;
                }
                // Not one step is left for a walk.
                assert_eq!(
                    last_by_us(&reader, commit, folder, 0).await,
                    last_by_git(&place, commit, folder),
                    "{format} {commit}:{folder}"
                );
            }
        }
        // A repository without a graph or an index between gives the same again.
        browse::keep_indexes(reader.bare(), &[commits[0]]).unwrap();
        let reader = world::reader(&place);
        assert!(browse::indexed(&reader, commits[0]) && !browse::indexed(&reader, middle));
        // Too many paths are not indexed, and what no index knows is not made up.
        assert!(!browse::index_last_changes(&reader, middle, 1, 100).await.unwrap());
        let ours = last_by_us(&reader, middle, "", 0).await;
        assert!(ours.iter().all(|last| last == "?"), "{ours:?}");
        let some = last_by_us(&reader, middle, "", 3).await;
        let all = last_by_us(&reader, middle, "", 100_000).await;
        for (some, all) in some.iter().zip(&all) {
            assert!(some == "?" || some == all);
        }
        // A damaged index is as good as none.
        let file = place.bare.dir().join(format!("plue/last-changes/{}", commits[0]));
        let whole = std::fs::read(&file).unwrap();
        for cut in [10, 40, whole.len() / 2, whole.len() - 3] {
            std::fs::write(&file, &whole[..cut]).unwrap();
            let reader = world::reader(&place);
            assert_eq!(
                last_by_us(&reader, commits[0], "", 100_000).await,
                last_by_git(&place, commits[0], ""),
                "{cut}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_path_is_the_one_that_git_tells() {
    for (format, seed) in [
        (ObjectFormat::Sha1, 11),
        (ObjectFormat::Sha1, 12),
        (ObjectFormat::Sha256, 13),
    ] {
        let place = with_history(format, seed, 70).await;
        let tip = place.oid("main");
        for round in 0..2 {
            let reader = reader(&place);
            for path in [
                "a",
                "dir",
                "dir/a",
                "dir/deep/er/x",
                "link",
                "module",
                "sp ace/ä\"q",
                "never",
                "-option",
            ] {
                let listed = person(
                    &place.work(),
                    &["--literal-pathspecs", "log", "--format=%H", "main", "--", path],
                );
                let expected: Vec<&str> = listed.lines().collect();
                let options = HistoryOptions {
                    follow: false,
                    skip: 0,
                    limit: 1000,
                    max_steps: 100_000,
                };
                let all = browse::history(&reader, tip, path, options).await.unwrap();
                let ours: Vec<String> = all
                    .entries
                    .iter()
                    .map(|entry| entry.commit.oid.to_string())
                    .collect();
                assert_eq!(ours, expected, "{format} {seed} {path}");
                assert_eq!(all.rest, Rest::Nothing);
                // The same in pages.
                let mut paged = vec![];
                for skip in (0..expected.len() + 1).step_by(4) {
                    let page = HistoryOptions {
                        skip,
                        limit: 4,
                        ..options
                    };
                    let part = browse::history(&reader, tip, path, page).await.unwrap();
                    let more = skip + 4 < expected.len();
                    assert_eq!(part.rest == Rest::More, more, "{path} {skip}");
                    paged.extend(part.entries);
                }
                assert_eq!(paged, all.entries);
            }
            if round == 0 {
                let short = HistoryOptions {
                    follow: false,
                    skip: 0,
                    limit: 10,
                    max_steps: 2,
                };
                let cut = browse::history(&reader, tip, "never", short).await.unwrap();
                assert_eq!((cut.entries.len(), cut.rest), (0, Rest::Unsearched));
            }
            world::write_graph(&place).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_never_hides_a_change() {
    // Enough paths and commits that a wrong hash would be found out.
    let place = with_history(ObjectFormat::Sha1, 21, 300).await;
    world::write_graph(&place).await;
    let reader = reader(&place);
    let tip = place.oid("main");
    for path in [
        "a",
        "a-b",
        "dir/b",
        "dir/deep/z",
        "dir-x/a",
        "dir.y",
        "crlf.txt",
        "bin",
        "sp ace",
    ] {
        let options = HistoryOptions {
            follow: false,
            skip: 0,
            limit: 1000,
            max_steps: 100_000,
        };
        let ours = browse::history(&reader, tip, path, options)
            .await
            .unwrap()
            .entries
            .len();
        let gits = person(&place.work(), &["rev-list", "--count", "main", "--", path]);
        assert_eq!(ours.to_string(), gits, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_followed_to_its_earlier_names() {
    for format in FORMATS {
        let mut place = Place::new(format).await;
        let work = place.work();
        let text: String = (0..40).map(|n| format!("line {n}\n")).collect();
        place.commit("first", &text);
        place.commit("other", "x");
        person(&work, &["mv", "first", "second"]);
        place.commit("second", &format!("{text}more\n"));
        std::fs::create_dir(work.join("d")).unwrap();
        person(&work, &["mv", "second", "d/third"]);
        place.commit("x", "x");
        world::take_all(&mut place).await;
        let reader = reader(&place);
        let options = HistoryOptions {
            follow: true,
            skip: 0,
            limit: 10,
            max_steps: 1000,
        };
        let told = browse::history(&reader, place.oid("main"), "d/third", options)
            .await
            .unwrap();
        let gits = person(
            &work,
            &["log", "--follow", "--format=%H", "main", "--", "d/third"],
        );
        let ours: Vec<String> = told
            .entries
            .iter()
            .map(|entry| entry.commit.oid.to_string())
            .collect();
        assert_eq!(ours.join("\n"), gits);
        let paths: Vec<&str> = told.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["d/third", "second", "first"]);
        let plain = HistoryOptions {
            follow: false,
            ..options
        };
        let told = browse::history(&reader, place.oid("main"), "d/third", plain)
            .await
            .unwrap();
        assert_eq!(told.entries.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_from_where_git_says() {
    for (format, seed) in [(ObjectFormat::Sha1, 31), (ObjectFormat::Sha256, 32)] {
        let place = with_history(format, seed, 60).await;
        let reader = reader(&place);
        let tip = place.oid("main");
        let mut seen = 0;
        for path in [
            "a",
            "a-b",
            "dir/a",
            "dir/b",
            "dir/deep/er/x",
            "sp ace/ä\"q",
            "crlf.txt",
            "-option",
        ] {
            let blame = match browse::blame(&reader, tip, path, 1 << 20).await {
                Err(BrowseError::NotFound) => continue,
                blame => blame.unwrap(),
            };
            let out = command(&place.work(), &["blame", "--line-porcelain", "main", "--", path])
                .output()
                .unwrap();
            let printed = String::from_utf8_lossy(&out.stdout).into_owned();
            // Of each line: commit, line there, line here, who, when, path there.
            let mut gits = vec![];
            let (mut head, mut author, mut time, mut file) =
                (String::new(), String::new(), String::new(), String::new());
            for line in printed.split('\n') {
                if line.starts_with('\t') {
                    gits.push(format!("{head} {author} {time} {file}"));
                } else if let Some(name) = line.strip_prefix("author ") {
                    author = name.to_owned();
                } else if let Some(seconds) = line.strip_prefix("author-time ") {
                    time = seconds.to_owned();
                } else if let Some(name) = line.strip_prefix("filename ") {
                    file = name.to_owned();
                } else if line.len() > format.hex_len() && line.as_bytes()[format.hex_len()] == b' ' {
                    head = line.split(' ').take(3).collect::<Vec<_>>().join(" ");
                }
            }
            let mut ours = vec![];
            for run in &blame.runs {
                for n in 0..run.lines {
                    let there = run.original_start + n;
                    let here = run.start + n;
                    ours.push(format!(
                        "{} {there} {here} {} {} {}",
                        run.commit.oid,
                        run.commit.author.name,
                        run.commit.author.time_ms / 1000,
                        if run.original_path.contains('"') {
                            "\"sp ace/\\303\\244\\\"q\""
                        } else {
                            &run.original_path
                        },
                    ));
                }
                assert!(run.commit.summary.starts_with("Commit "));
                assert_eq!(run.commit.author.offset_minutes, 90);
            }
            assert_eq!(ours, gits, "{path}");
            assert_eq!(
                blame
                    .content
                    .split(|&b| b == b'\n')
                    .filter(|line| !line.is_empty())
                    .count()
                    > 0,
                !blame.runs.is_empty()
            );
            seen += 1;
        }
        assert!(seen > 2, "{seen}");
        if browse::blob(&reader, tip, "bin", 100).await.is_ok() {
            let binary = browse::blame(&reader, tip, "bin", 1 << 20).await;
            assert!(matches!(binary, Err(BrowseError::Binary)), "{binary:?}");
        }
        let large = browse::blame(&reader, tip, "a", 1).await;
        assert!(
            matches!(large, Err(BrowseError::TooLarge { .. } | BrowseError::NotFound)),
            "{large:?}"
        );
        for none in ["nope", "../a", "dir", "--all"] {
            assert!(
                browse::blame(&reader, tip, none, 1 << 20).await.is_err(),
                "{none}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_told_with_their_refs() {
    for format in FORMATS {
        let mut place = with_history(format, 41, 50).await;
        let work = place.work();
        person(&work, &["tag", "-a", "-m", "note", "v1", "main~3"]);
        world::take_all(&mut place).await;
        for _round in 0..2 {
            let reader = reader(&place);
            for &commit in world::commits(&place).iter().step_by(7) {
                let told = browse::commit(&reader, commit, 100, 100_000).await.unwrap();
                let listed = person(
                    &work,
                    &[
                        "for-each-ref",
                        "--format=%(refname)",
                        "--contains",
                        &commit.to_string(),
                    ],
                );
                let gits: BTreeSet<&str> = listed.lines().collect();
                let ours: BTreeSet<&str> = told.contained_in.refs.iter().map(String::as_str).collect();
                assert_eq!(ours, gits, "{commit}");
                assert!(told.contained_in.is_complete);
                assert_eq!(told.contained_in.refs[0], "refs/heads/main");
                let listed = person(
                    &work,
                    &[
                        "for-each-ref",
                        "--format=%(refname)",
                        "--points-at",
                        &commit.to_string(),
                    ],
                );
                let ours: Vec<&str> = told.named_by.iter().map(|item| item.full_name.as_str()).collect();
                assert_eq!(ours.join("\n"), listed);
            }
            let cut = browse::commit(&reader, *world::commits(&place).last().unwrap(), 1, 0)
                .await
                .unwrap();
            assert!(!cut.contained_in.is_complete);
            world::write_graph(&place).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contributors_are_counted_as_shortlog_counts_them() {
    for format in FORMATS {
        let mut place = with_history(format, 51, 60).await;
        let work = place.work();
        person(&work, &["checkout", "-q", "-f", "main"]);
        place.commit(".mailmap", "Second <p2@new> <p2@x>\nFirst <p1@x>\n");
        world::take_all(&mut place).await;
        let tip = place.oid("main");
        let told = browse::contributors(&reader(&place), tip, 10_000).await.unwrap();
        assert!(told.is_complete);
        let mut ours: Vec<String> = told
            .people
            .iter()
            .map(|person| format!("{:>6}\t{} <{}>", person.commits, person.name, person.email))
            .collect();
        let printed = person(&work, &["shortlog", "-s", "-e", "--no-merges", "main"]);
        let mut gits: Vec<String> = printed
            .lines()
            .map(|line| {
                format!(
                    "{:>6}\t{}",
                    line.trim().split('\t').next().unwrap(),
                    line.split('\t').nth(1).unwrap()
                )
            })
            .collect();
        ours.sort();
        gits.sort();
        assert_eq!(ours, gits);
        let cut = browse::contributors(&reader(&place), tip, 5).await.unwrap();
        assert_eq!((cut.is_complete, cut.commits), (false, 5));
    }
}

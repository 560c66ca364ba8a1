//! What changed: the same files and lines as `git diff-tree`.

use crate::support::{Place, command, person};
use crate::world::{self, FORMATS, reader, with_history};
use plue_git::browse::{self, Diff, DiffCut, DiffLimits, DiffOptions, FileDiff, FileStatus, LineKind};
use plue_git::{ObjectFormat, Oid};

/// Writes a file's hunks as git does.
fn as_patch(file: &FileDiff) -> String {
    let mut text = String::new();
    for hunk in &file.hunks {
        let range = |start: usize, count: usize| match count {
            1 => start.to_string(),
            _ => format!("{start},{count}"),
        };
        let section = match hunk.section.as_str() {
            "" => String::new(),
            section => format!(" {section}"),
        };
        text.push_str(&format!(
            "@@ -{} +{} @@{section}\n",
            range(hunk.old_start, hunk.old_count),
            range(hunk.new_start, hunk.new_count)
        ));
        for line in &hunk.lines {
            let sign = match line.kind {
                LineKind::Context => ' ',
                LineKind::Added => '+',
                LineKind::Removed => '-',
            };
            text.push_str(&format!("{sign}{}\n", line.text));
            if line.no_newline {
                text.push_str("\\ No newline at end of file\n");
            }
            assert!(!line.is_cut);
        }
    }
    text
}

/// Only the hunks of a patch.
fn hunks_of(patch: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in patch.split_inclusive('\n') {
        if line.starts_with("diff --git ") {
            inside = false;
        } else if line.starts_with("@@ ") {
            inside = true;
        }
        if inside {
            text.push_str(line);
        }
    }
    text
}

pub fn as_list(diff: &Diff) -> Vec<String> {
    diff.files
        .iter()
        .map(|file| {
            let zero = Oid::zero(diff.to.format());
            let status = match file.status {
                FileStatus::Added => "A".to_owned(),
                FileStatus::Deleted => "D".to_owned(),
                FileStatus::Modified => "M".to_owned(),
                FileStatus::TypeChanged => "T".to_owned(),
                FileStatus::Renamed { similarity } => format!("R{similarity:03}"),
                FileStatus::Copied { similarity } => format!("C{similarity:03}"),
            };
            let counts = match file.is_binary {
                true => "-/-".to_owned(),
                false => format!("{}/{}", file.additions, file.deletions),
            };
            format!(
                ":{:06o} {:06o} {} {} {status} {counts}",
                file.old_mode,
                file.new_mode,
                file.old_oid.unwrap_or(zero),
                file.new_oid.unwrap_or(zero)
            )
        })
        .collect()
}

pub fn list_by_git(place: &Place, args: &[&str]) -> Vec<String> {
    let mut all = vec!["diff-tree", "-r", "-M", "-C", "--full-index", "-z"];
    all.extend(["--raw", "--numstat"]);
    all.extend(args);
    let out = command(&place.work(), &all).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let words: Vec<&str> = text.split('\0').collect();
    let mut heads: Vec<String> = words
        .iter()
        .filter(|word| word.starts_with(':'))
        .map(|word| (*word).to_owned())
        .collect();
    let counts = words.iter().filter_map(|word| {
        let mut fields = word.split('\t');
        let (added, removed) = (fields.next()?, fields.next()?);
        fields.next()?;
        let is_count = |text: &str| text == "-" || text.parse::<usize>().is_ok();
        (is_count(added) && is_count(removed)).then(|| format!("{added}/{removed}"))
    });
    for (head, count) in heads.iter_mut().zip(counts) {
        head.push(' ');
        head.push_str(&count);
    }
    heads
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_is_the_one_that_git_makes() {
    for (format, seed) in [(ObjectFormat::Sha1, 61), (ObjectFormat::Sha256, 62)] {
        let place = with_history(format, seed, 60).await;
        let reader = reader(&place);
        let commits = world::commits(&place);
        let mut pairs: Vec<(Option<Oid>, Oid)> = commits.iter().map(|&to| (None, to)).collect();
        pairs.extend(
            commits
                .windows(7)
                .step_by(5)
                .map(|window| (Some(window[6]), window[0])),
        );
        let (mut renames, mut binaries) = (0, 0);
        for (from, to) in pairs {
            let diff = browse::diff(&reader, from, to, DiffOptions::default())
                .await
                .unwrap();
            let root = person(&place.work(), &["hash-object", "-t", "tree", "/dev/null"]);
            let left = match from {
                Some(from) => from.to_string(),
                None => command(
                    &place.work(),
                    &["rev-parse", "-q", "--verify", &format!("{to}^1")],
                )
                .output()
                .map(|out| String::from_utf8(out.stdout).unwrap().trim().to_owned())
                .ok()
                .filter(|hex| !hex.is_empty())
                .unwrap_or(root),
            };
            assert_eq!(
                as_list(&diff),
                list_by_git(&place, &[&left, &to.to_string()]),
                "{from:?} {to}"
            );
            assert!(!diff.is_cut());
            let out = command(
                &place.work(),
                &[
                    "diff-tree",
                    "-r",
                    "-p",
                    "-M",
                    "-C",
                    "--full-index",
                    &left,
                    &to.to_string(),
                ],
            )
            .output()
            .unwrap();
            let ours: String = diff.files.iter().map(as_patch).collect();
            assert_eq!(
                ours,
                hunks_of(&String::from_utf8_lossy(&out.stdout)),
                "{from:?} {to}"
            );
            renames += diff
                .files
                .iter()
                .filter(|file| matches!(file.status, FileStatus::Renamed { .. }))
                .count();
            binaries += diff.files.iter().filter(|file| file.is_binary).count();
            let sum: usize = diff.files.iter().map(|file| file.additions).sum();
            assert_eq!((diff.additions, diff.total_files), (sum, diff.files.len()));
        }
        assert!(renames > 0 && binaries > 0, "{renames} {binaries}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn white_space_paths_and_context_can_be_chosen() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    place.commit("w", "a\nb\nc\nd\ne\nf\ng\nh\n");
    place.commit("[x]", "x\n");
    place.commit("x", "x\n");
    let from = place.oid("HEAD");
    for (name, content) in [
        ("w", "a \nb\nc\nd\nE\nf\ng\nh\n"),
        ("[x]", "y\n"),
        ("x", "y\n"),
        ("only", " \t\n"),
    ] {
        std::fs::write(place.work().join(name), content).unwrap();
    }
    std::fs::write(place.work().join("x"), "x \n").unwrap();
    let to = place.commit("last", "last\n");
    world::take_all(&mut place).await;
    let reader = reader(&place);
    let options = DiffOptions::default();
    let names = |diff: &Diff| {
        diff.files
            .iter()
            .map(|file| file.path().to_owned())
            .collect::<Vec<_>>()
    };
    let all = browse::diff(&reader, Some(from), to, options.clone())
        .await
        .unwrap();
    assert_eq!(names(&all), ["[x]", "last", "only", "w", "x"]);
    // A path is a path, whatever signs are in it.
    let one = DiffOptions {
        paths: vec!["[x]".into()],
        ..options.clone()
    };
    assert_eq!(
        names(&browse::diff(&reader, Some(from), to, one).await.unwrap()),
        ["[x]"]
    );
    for odd in ["--output=x", ":(exclude)x", "nope"] {
        let none = DiffOptions {
            paths: vec![odd.into()],
            ..options.clone()
        };
        assert_eq!(
            browse::diff(&reader, Some(from), to, none)
                .await
                .unwrap()
                .total_files,
            0
        );
    }
    let outside = DiffOptions {
        paths: vec!["../x".into()],
        ..options.clone()
    };
    assert!(browse::diff(&reader, Some(from), to, outside).await.is_err());
    let blind = DiffOptions {
        ignore_whitespace: true,
        context: 0,
        ..options
    };
    let diff = browse::diff(&reader, Some(from), to, blind).await.unwrap();
    let w = diff.files.iter().find(|file| file.path() == "w").unwrap();
    assert_eq!(
        (w.additions, w.deletions, w.hunks.len(), w.hunks[0].lines.len()),
        (1, 1, 1, 2)
    );
    let x = diff.files.iter().find(|file| file.path() == "x").unwrap();
    assert_eq!((x.additions, x.deletions, x.hunks.len()), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_cut_and_says_so() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    let from = place.commit("start", "x\n");
    let lines = |count: usize| (0..count).map(|n| format!("{n}\n")).collect::<String>();
    for (name, content) in [
        ("a-long", lines(100)),
        ("b-short", lines(3)),
        ("c-wide", format!("{}\nend\n", "w".repeat(10_000))),
        ("d-last", lines(50)),
    ] {
        std::fs::write(place.work().join(name), content).unwrap();
    }
    let to = place.commit("z", "z\n");
    world::take_all(&mut place).await;
    let reader = reader(&place);
    let with = async |limits: DiffLimits| {
        let options = DiffOptions {
            limits,
            ..DiffOptions::default()
        };
        let diff = browse::diff(&reader, Some(from), to, options).await.unwrap();
        let shown = diff
            .files
            .iter()
            .map(|file| {
                let lines: usize = file.hunks.iter().map(|hunk| hunk.lines.len()).sum();
                (file.path().to_owned(), lines, file.cut)
            })
            .collect::<Vec<_>>();
        // Whatever is cut, the figures are those of the whole.
        assert_eq!((diff.total_files, diff.additions), (5, 156));
        (diff, shown)
    };
    let own = |name: &str, lines, cut| (name.to_owned(), lines, cut);
    let limits = DiffLimits {
        lines_per_file: 10,
        bytes_per_line: 20,
        ..DiffLimits::default()
    };
    let (diff, shown) = with(limits).await;
    assert_eq!(
        shown,
        [
            own("a-long", 10, Some(DiffCut::File)),
            own("b-short", 3, None),
            own("c-wide", 2, None),
            own("d-last", 10, Some(DiffCut::File)),
            own("z", 1, None)
        ]
    );
    let wide = &diff.files[2].hunks[0].lines;
    assert_eq!(
        (wide[0].text.len(), wide[0].is_cut, wide[1].is_cut),
        (20, true, false)
    );
    let limits = DiffLimits {
        lines: 102,
        ..DiffLimits::default()
    };
    let (diff, shown) = with(limits).await;
    assert!(diff.is_cut());
    assert_eq!(
        shown,
        [
            own("a-long", 100, None),
            own("b-short", 2, Some(DiffCut::Whole)),
            own("c-wide", 0, Some(DiffCut::Whole)),
            own("d-last", 0, Some(DiffCut::Whole)),
            own("z", 0, Some(DiffCut::Whole))
        ]
    );
    let limits = DiffLimits {
        files: 2,
        ..DiffLimits::default()
    };
    let (diff, shown) = with(limits).await;
    assert!(diff.is_cut());
    assert_eq!(shown, [own("a-long", 100, None), own("b-short", 3, None)]);
    let limits = DiffLimits {
        bytes: 0,
        ..DiffLimits::default()
    };
    let (_, shown) = with(limits).await;
    assert!(
        shown
            .iter()
            .all(|(_, lines, cut)| *lines == 0 && *cut == Some(DiffCut::Whole))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_mark_files_of_a_diff() {
    for format in FORMATS {
        let mut place = Place::new(format).await;
        let from = place.commit("start", "x\n");
        for (name, content) in [
            (
                ".gitattributes",
                "*.gen linguist-generated\nlib/** linguist-vendored=true\nlib/own.c -linguist-vendored\n*.dat -diff\n*.bin binary\n",
            ),
            ("a.gen", "x\n"),
            ("lib/a/x.c", "x\n"),
            ("lib/own.c", "x\n"),
            ("b.dat", "x\n"),
            ("c.bin", "x\n"),
            (
                "sub/.gitattributes",
                "*.gen !linguist-generated\n/only linguist-generated\n",
            ),
            ("sub/d.gen", "x\n"),
            ("sub/only", "x\n"),
            ("sub/deep/only", "x\n"),
        ] {
            let path = place.work().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let to = place.commit("last", "last\n");
        world::take_all(&mut place).await;
        let reader = reader(&place);
        let diff = browse::diff(&reader, Some(from), to, DiffOptions::default())
            .await
            .unwrap();
        for file in &diff.files {
            let printed = person(
                &place.work(),
                &[
                    "check-attr",
                    "linguist-generated",
                    "linguist-vendored",
                    "diff",
                    "--",
                    file.path(),
                ],
            );
            let states: Vec<&str> = printed
                .lines()
                .map(|line| line.rsplit(' ').next().unwrap())
                .collect();
            let yes = |state: &str| matches!(state, "set" | "true");
            assert_eq!(
                (file.is_generated, file.is_vendored, file.is_suppressed),
                (yes(states[0]), yes(states[1]), states[2] == "unset"),
                "{}",
                file.path()
            );
        }
        let marked = |path: &str| diff.files.iter().find(|file| file.path() == path).unwrap();
        assert!(marked("a.gen").is_generated && marked("sub/only").is_generated);
        assert!(marked("lib/a/x.c").is_vendored && marked("c.bin").is_suppressed);
    }
}

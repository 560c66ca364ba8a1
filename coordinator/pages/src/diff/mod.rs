//! What changed, ready to be shown: which words of a line, which lines only moved, and how both
//! sides stand beside each other. [`table`] writes it.

mod moved;
pub mod table;
mod words;

use std::ops::Range;

/// What kind of line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In both.
    Context,
    /// Only in the new file.
    Added,
    /// Only in the old file.
    Removed,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What kind.
    pub kind: Kind,
    /// What it says, without its end.
    pub text: String,
    /// Whether it is longer than what is here.
    pub cut: bool,
    /// Whether the file ends here without a line feed.
    pub no_newline: bool,
    /// Whether it stands elsewhere on the other side.
    pub moved: bool,
    /// Which bytes of it differ from the line that it was paired with.
    pub words: Vec<Range<usize>>,
}

impl Line {
    /// A line that nothing was found out about yet.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            cut: false,
            no_newline: false,
            moved: false,
            words: Vec::new(),
        }
    }
}

/// Lines that changed, and those around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The number of its first line in the old file, from 1.
    pub old_start: usize,
    /// The number of its first line in the new file, from 1.
    pub new_start: usize,
    /// The heading of the section that it is in; may be empty.
    pub section: String,
    /// Its lines.
    pub lines: Vec<Line>,
    /// The rows of both sides beside each other: a line of the old file and one of the new, by
    /// their places in `lines`.
    pub pairs: Vec<(Option<usize>, Option<usize>)>,
}

impl Hunk {
    /// A hunk that nothing was found out about yet.
    pub fn new(old_start: usize, new_start: usize, section: impl Into<String>, lines: Vec<Line>) -> Self {
        Self {
            old_start,
            new_start,
            section: section.into(),
            lines,
            pairs: Vec::new(),
        }
    }
}

/// Why something of a file is not shown at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// A program wrote it.
    Generated,
    /// It came from elsewhere.
    Vendored,
    /// It is nothing to read.
    Suppressed,
}

/// Why lines of a file are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The file has more than is shown of one.
    File,
    /// The files before it have used up what is shown of all.
    Whole,
}

/// One file.
#[derive(Clone, Debug)]
pub struct File {
    /// Its old path; none where it is new.
    pub old_path: Option<String>,
    /// Its new path; none where it is gone.
    pub new_path: Option<String>,
    /// What happened to it, in a word or two.
    pub status: &'static str,
    /// The change of its mode, as in `100644 → 100755`, where it changed.
    pub modes: Option<String>,
    /// Whether it has no lines to compare.
    pub binary: bool,
    /// How many lines were added.
    pub additions: usize,
    /// How many lines were removed.
    pub deletions: usize,
    /// Why it is folded, if it is.
    pub folded: Option<Folded>,
    /// What stands for what it became, so that a mark "viewed" ends when it changes.
    pub version: String,
    /// What changed.
    pub hunks: Vec<Hunk>,
    /// Why the hunks are not all there.
    pub cut: Option<Cut>,
}

impl File {
    /// The path by which it is called now, or was called last.
    pub fn path(&self) -> &str {
        self.new_path
            .as_deref()
            .or(self.old_path.as_deref())
            .unwrap_or_default()
    }
}

/// How many lines that stand together are compared word by word, on each side.
const MAX_BLOCK: usize = 40;

/// Finds out about all lines what there is to find out.
pub fn prepare(files: &mut [File]) {
    for hunk in files.iter_mut().flat_map(|file| &mut file.hunks) {
        pair(hunk);
    }
    moved::mark(files);
}

/// Pairs the lines of a hunk, and marks which words differ in those that belong together.
fn pair(hunk: &mut Hunk) {
    let mut pairs = Vec::with_capacity(hunk.lines.len());
    let mut at = 0;
    while at < hunk.lines.len() {
        if hunk.lines[at].kind == Kind::Context {
            pairs.push((Some(at), Some(at)));
            at += 1;
            continue;
        }
        let end = (at..hunk.lines.len())
            .find(|at| hunk.lines[*at].kind == Kind::Context)
            .unwrap_or(hunk.lines.len());
        let (old, new): (Vec<usize>, Vec<usize>) =
            (at..end).partition(|at| hunk.lines[*at].kind == Kind::Removed);
        for (old, new) in aligned(&hunk.lines, &old, &new) {
            if let (Some(old), Some(new)) = (old, new)
                && let Some((removed, added)) = words::differing(&hunk.lines[old].text, &hunk.lines[new].text)
            {
                hunk.lines[old].words = removed;
                hunk.lines[new].words = added;
            }
            pairs.push((old, new));
        }
        at = end;
    }
    hunk.pairs = pairs;
}

/// Puts removed and added lines beside each other, the most alike together and in their order.
fn aligned(lines: &[Line], old: &[usize], new: &[usize]) -> Vec<(Option<usize>, Option<usize>)> {
    if old.is_empty() || new.is_empty() || old.len() > MAX_BLOCK || new.len() > MAX_BLOCK {
        let rows = old.len().max(new.len());
        return (0..rows)
            .map(|at| (old.get(at).copied(), new.get(at).copied()))
            .collect();
    }
    // best[i][j]: how alike the rest from `old[i]` and `new[j]` on can be made.
    let width = new.len() + 1;
    let mut best = vec![0_u32; (old.len() + 1) * width];
    let mut alike = vec![0_u32; old.len() * new.len()];
    let bags: Vec<_> = new.iter().map(|at| words::bag(&lines[*at].text)).collect();
    for i in (0..old.len()).rev() {
        let bag = words::bag(&lines[old[i]].text);
        for j in (0..new.len()).rev() {
            let likeness = words::likeness(&bag, &bags[j]);
            alike[i * new.len() + j] = likeness;
            let together = match likeness >= words::ALIKE {
                true => best[(i + 1) * width + j + 1] + likeness,
                false => 0,
            };
            best[i * width + j] = together
                .max(best[(i + 1) * width + j])
                .max(best[i * width + j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    let (mut rows, mut left, mut right) = (Vec::new(), Vec::new(), Vec::new());
    let flush = |rows: &mut Vec<_>, left: &mut Vec<usize>, right: &mut Vec<usize>| {
        for at in 0..left.len().max(right.len()) {
            rows.push((left.get(at).copied(), right.get(at).copied()));
        }
        left.clear();
        right.clear();
    };
    while i < old.len() && j < new.len() {
        let likeness = alike[i * new.len() + j];
        let here = best[i * width + j];
        if likeness >= words::ALIKE && here == best[(i + 1) * width + j + 1] + likeness {
            flush(&mut rows, &mut left, &mut right);
            rows.push((Some(old[i]), Some(new[j])));
            (i, j) = (i + 1, j + 1);
        } else if here == best[(i + 1) * width + j] {
            left.push(old[i]);
            i += 1;
        } else {
            right.push(new[j]);
            j += 1;
        }
    }
    left.extend(&old[i..]);
    right.extend(&new[j..]);
    flush(&mut rows, &mut left, &mut right);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunk(text: &str) -> Hunk {
        let mut hunk = tests_support::file(text).hunks.remove(0);
        pair(&mut hunk);
        hunk
    }

    #[test]
    fn lines_that_are_alike_stand_beside_each_other() {
        let hunk = hunk(
            " a\n-let x = compute(1, 2);\n-unrelated words here\n+something new entirely\n+let x = compute(1, 3);\n b\n",
        );
        assert_eq!(
            hunk.pairs,
            [
                (Some(0), Some(0)),
                (None, Some(3)),
                (Some(1), Some(4)),
                (Some(2), None),
                (Some(5), Some(5))
            ]
        );
        assert_eq!(&hunk.lines[1].text[hunk.lines[1].words[0].clone()], "2");
        assert_eq!(&hunk.lines[4].text[hunk.lines[4].words[0].clone()], "3");
    }

    #[test]
    fn lines_that_have_nothing_in_common_fill_the_rows_without_marks() {
        let hunk = hunk("-aaa bbb\n+ccc ddd\n+eee\n");
        assert_eq!(hunk.pairs, [(Some(0), Some(1)), (None, Some(2))]);
        assert!(hunk.lines.iter().all(|line| line.words.is_empty()));
    }

    #[test]
    fn long_blocks_are_paired_in_their_order() {
        let text = "-x\n".repeat(MAX_BLOCK + 1) + "+y\n";
        assert_eq!(hunk(&text).pairs.len(), MAX_BLOCK + 1);
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    use super::*;

    /// A file of one hunk, each line of the text with its sign before it.
    pub(crate) fn file(text: &str) -> File {
        let lines = text.lines().map(|line| {
            let kind = match &line[..1] {
                "+" => Kind::Added,
                "-" => Kind::Removed,
                _ => Kind::Context,
            };
            Line::new(kind, &line[1..])
        });
        File {
            old_path: Some("a.rs".into()),
            new_path: Some("a.rs".into()),
            status: "modified",
            modes: None,
            binary: false,
            additions: 1,
            deletions: 1,
            folded: None,
            version: "1".into(),
            hunks: vec![Hunk::new(1, 1, "", lines.collect())],
            cut: None,
        }
    }
}

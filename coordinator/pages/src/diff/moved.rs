//! Which lines were not written but moved: blocks that were taken out in one place and put in in
//! another.

use super::{File, Kind};
use std::collections::HashMap;

/// So many lines with something in them make a block.
const LEAST: usize = 3;
/// Lines that stand in more places than this are nothing to go by.
const MAX_PLACES: usize = 8;

type Spot = (usize, usize, usize);

/// A line with something in it: more than a brace.
fn weighs(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).count() >= 4
}

/// Marks them, on both sides. Indentation may have changed on the way.
pub(super) fn mark(files: &mut [File]) {
    let mut places: HashMap<&str, Vec<Spot>> = HashMap::new();
    for (f, file) in files.iter().enumerate() {
        for (h, hunk) in file.hunks.iter().enumerate() {
            for (l, line) in hunk.lines.iter().enumerate() {
                if line.kind == Kind::Removed && weighs(&line.text) {
                    places.entry(line.text.trim()).or_default().push((f, h, l));
                }
            }
        }
    }
    let text = |(f, h, l): Spot, kind: Kind| {
        let line = files.get(f)?.hunks.get(h)?.lines.get(l)?;
        (line.kind == kind).then(|| line.text.trim())
    };
    let mut found: Vec<Spot> = Vec::new();
    for (f, file) in files.iter().enumerate() {
        for (h, hunk) in file.hunks.iter().enumerate() {
            let mut l = 0;
            while l < hunk.lines.len() {
                let line = &hunk.lines[l];
                let candidates = match line.kind {
                    Kind::Added => places
                        .get(line.text.trim())
                        .filter(|spots| spots.len() <= MAX_PLACES),
                    _ => None,
                };
                let same = |from: &Spot| {
                    let next = |n: &usize| {
                        let new = text((f, h, l + n), Kind::Added)?;
                        (text((from.0, from.1, from.2 + n), Kind::Removed) == Some(new)).then_some(new)
                    };
                    let lines: Vec<_> = (0..).map_while(|n| next(&n)).collect();
                    let weight = lines.iter().filter(|line| weighs(line)).count();
                    (weight >= LEAST).then_some((lines.len(), *from))
                };
                let longest = candidates
                    .into_iter()
                    .flatten()
                    .filter_map(same)
                    .max_by_key(|(length, _)| *length);
                match longest {
                    Some((length, from)) => {
                        for n in 0..length {
                            found.push((f, h, l + n));
                            found.push((from.0, from.1, from.2 + n));
                        }
                        l += length;
                    }
                    None => l += 1,
                }
            }
        }
    }
    for (f, h, l) in found {
        let line = &mut files[f].hunks[h].lines[l];
        line.moved = true;
        line.words.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::file;
    use super::*;

    #[test]
    fn a_block_that_moved_is_marked_on_both_sides_whatever_its_indentation() {
        let mut files = [
            file("-fn area() {\n-    let width = 2;\n-    width * 3\n-}\n x\n-gone for good\n"),
            file(
                " y\n+    fn area() {\n+        let width = 2;\n+        width * 3\n+    }\n+new here too\n",
            ),
        ];
        mark(&mut files);
        let marks = |file: &File| {
            file.hunks[0]
                .lines
                .iter()
                .map(|line| line.moved)
                .collect::<Vec<_>>()
        };
        assert_eq!(marks(&files[0]), [true, true, true, true, false, false]);
        assert_eq!(marks(&files[1]), [false, true, true, true, true, false]);
    }

    #[test]
    fn single_lines_and_braces_are_no_block() {
        let mut files = [file(
            "-return value;\n-}\n-}\n-}\n x\n+return value;\n+}\n+}\n+}\n",
        )];
        mark(&mut files);
        assert!(files[0].hunks[0].lines.iter().all(|line| !line.moved));
    }
}

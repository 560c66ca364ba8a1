//! Which words of a line changed.

use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::collections::HashMap;
use std::ops::Range;

/// From this likeness on, of 100, two lines are two versions of one.
pub(super) const ALIKE: u32 = 40;
/// Lines longer than this are not compared word by word, in bytes.
const MAX_BYTES: usize = 1_000;

type Ranges = Vec<Range<usize>>;

/// Words, runs of white space, and every other character by itself.
fn tokens(line: &str) -> Vec<&str> {
    let kind = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        c if c.is_whitespace() => 1,
        _ => 2,
    };
    let mut tokens = Vec::new();
    let (mut start, mut before) = (0, None);
    for (at, c) in line.char_indices() {
        let now = kind(c);
        if before.is_some_and(|before| before != now || now == 2) {
            tokens.push(&line[start..at]);
            start = at;
        }
        before = Some(now);
    }
    if start < line.len() {
        tokens.push(&line[start..]);
    }
    tokens
}

/// The tokens of a line with how often each is there, and their weight.
pub(super) fn bag(line: &str) -> (HashMap<&str, u32>, u32) {
    let mut bag = HashMap::new();
    let mut weight = 0;
    if line.len() <= MAX_BYTES {
        for token in tokens(line).into_iter().filter(|token| !token.trim().is_empty()) {
            *bag.entry(token).or_insert(0) += 1;
            weight += token.len() as u32;
        }
    }
    (bag, weight)
}

/// How much two lines have in common, of 100.
pub(super) fn likeness(one: &(HashMap<&str, u32>, u32), other: &(HashMap<&str, u32>, u32)) -> u32 {
    let common: u32 = one
        .0
        .iter()
        .map(|(token, count)| token.len() as u32 * (*count).min(other.0.get(token).copied().unwrap_or(0)))
        .sum();
    (200 * common).checked_div(one.1 + other.1).unwrap_or(0)
}

/// Which bytes of each of two lines differ; none where hardly anything is the same.
pub(super) fn differing(old: &str, new: &str) -> Option<(Ranges, Ranges)> {
    if old.len() > MAX_BYTES || new.len() > MAX_BYTES || likeness(&bag(old), &bag(new)) < ALIKE {
        return None;
    }
    let (old, new) = (tokens(old), tokens(new));
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let mut at = (0, 0);
    for step in capture_diff_slices(Algorithm::Myers, &old, &new) {
        let length = |tokens: &[&str]| tokens.iter().map(|token| token.len()).sum::<usize>();
        let (before, after) = (length(&old[step.old_range()]), length(&new[step.new_range()]));
        if !matches!(step, DiffOp::Equal { .. }) {
            add(&mut removed, at.0..at.0 + before);
            add(&mut added, at.1..at.1 + after);
        }
        at = (at.0 + before, at.1 + after);
    }
    Some((removed, added))
}

/// Adds a range, as part of the one before it where that ends there.
fn add(ranges: &mut Vec<Range<usize>>, range: Range<usize>) {
    match ranges.last_mut() {
        _ if range.is_empty() => {}
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_and_not_letters() {
        let (removed, added) = differing("let size = old_name + 1;", "let size = new_name + 1;").unwrap();
        assert_eq!(format!("{removed:?} {added:?}"), "[11..19] [11..19]");
        let (removed, added) = differing("f(a, b)", "f(a, b, c)").unwrap();
        assert_eq!(format!("{removed:?} {added:?}"), "[] [6..9]");
        assert_eq!(differing("entirely different", "no likeness at all"), None);
        assert_eq!(differing("", ""), None);
    }

    #[test]
    fn ranges_end_where_characters_do() {
        let (old, new) = ("größe: 10 €", "größe: 12 €");
        let (removed, added) = differing(old, new).unwrap();
        assert_eq!((&old[removed[0].clone()], &new[added[0].clone()]), ("10", "12"));
    }

    #[test]
    fn very_long_lines_are_not_compared() {
        let long = "x ".repeat(MAX_BYTES);
        assert_eq!(differing(&long, &long), None);
    }
}

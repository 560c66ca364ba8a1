//! Writes a file's changes as a table, in one column or with both sides beside each other.
//!
//! A sign says of every line what happened to it, so that colour only repeats it.

use super::{File, Hunk, Kind, Line};
use crate::highlight::escape;
use maud::{Markup, PreEscaped};
use std::fmt::Write;

/// How changes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Old and new in one column.
    #[default]
    Unified,
    /// Old at the left, new at the right.
    Split,
}

const SPLIT_HEAD: &str =
    "<colgroup><col class=n><col class=m><col class=c><col class=n><col class=m><col class=c></colgroup>";
const UNIFIED_HEAD: &str = "<colgroup><col class=n><col class=n><col class=m><col class=c></colgroup>";

/// The table of a file, with `expand` as the address under which more of it is shown.
pub fn table(file: &File, style: Style, expand: Option<&str>) -> Markup {
    let mut html = String::with_capacity(4_096);
    let (class, head) = match style {
        Style::Unified => ("diff", UNIFIED_HEAD),
        Style::Split => ("diff split", SPLIT_HEAD),
    };
    let _ = write!(html, "<table class=\"{class}\">{head}<tbody>");
    for hunk in &file.hunks {
        head_of(hunk, style, expand, &mut html);
        match style {
            Style::Unified => unified(hunk, &mut html),
            Style::Split => split(hunk, &mut html),
        }
    }
    html.push_str("</tbody></table>");
    PreEscaped(html)
}

fn head_of(hunk: &Hunk, style: Style, expand: Option<&str>, html: &mut String) {
    let span = if style == Style::Split { 5 } else { 2 };
    html.push_str("<tr class=h><td class=n");
    html.push_str(if style == Style::Split { ">" } else { " colspan=2>" });
    if let Some(expand) = expand {
        html.push_str("<a data-expand href=\"");
        escape(expand, html);
        html.push_str("\" title=\"Show more of this file\" aria-label=\"Show more of this file\">⋯</a>");
    }
    let _ = write!(
        html,
        "</td><td colspan={span}>@@ −{} +{} @@ ",
        hunk.old_start, hunk.new_start
    );
    escape(&hunk.section, html);
    html.push_str("</td></tr>");
}

/// Sign, class and what a reader is told of a kind of line.
const fn looks(line: &Line) -> (&'static str, &'static str) {
    match (line.kind, line.moved) {
        (Kind::Context, _) => (" ", ""),
        (Kind::Added, false) => ("+", "a"),
        (Kind::Removed, false) => ("−", "r"),
        (Kind::Added, true) => ("+<i title=Moved>↷</i>", "a v"),
        (Kind::Removed, true) => ("−<i title=Moved>↶</i>", "r v"),
    }
}

fn text_of(line: &Line, html: &mut String) {
    let mark = if line.kind == Kind::Added { "ins" } else { "del" };
    let mut at = 0;
    for range in &line.words {
        let (Some(before), Some(within)) = (line.text.get(at..range.start), line.text.get(range.clone()))
        else {
            break;
        };
        escape(before, html);
        let _ = write!(html, "<{mark}>");
        escape(within, html);
        let _ = write!(html, "</{mark}>");
        at = range.end;
    }
    escape(
        line.text.get(at..).unwrap_or_default().trim_end_matches('\r'),
        html,
    );
    if line.text.ends_with('\r') {
        html.push_str("<i class=end title=\"Carriage return\">␍</i>");
    }
    if line.cut {
        html.push_str("<i class=end title=\"This line is longer\">…</i>");
    }
    if line.no_newline {
        html.push_str("<i class=end title=\"No line feed at the end of the file\">⊘</i>");
    }
}

fn unified(hunk: &Hunk, html: &mut String) {
    let (mut old, mut new) = (hunk.old_start, hunk.new_start);
    for line in &hunk.lines {
        let (sign, class) = looks(line);
        match class.is_empty() {
            true => html.push_str("<tr>"),
            false => drop(write!(html, "<tr class=\"{class}\">")),
        }
        html.push_str("<td class=n>");
        if line.kind != Kind::Added {
            let _ = write!(html, "{old}");
            old += 1;
        }
        html.push_str("</td><td class=n>");
        if line.kind != Kind::Removed {
            let _ = write!(html, "{new}");
            new += 1;
        }
        let _ = write!(html, "</td><td class=m>{sign}</td><td class=c>");
        text_of(line, html);
        html.push_str("</td></tr>");
    }
}

fn split(hunk: &Hunk, html: &mut String) {
    let (mut old, mut new) = (hunk.old_start, hunk.new_start);
    let side = |line: Option<&Line>, number: &mut usize, html: &mut String| match line {
        None => html.push_str("<td class=\"n x\"></td><td class=\"m x\"></td><td class=\"c x\"></td>"),
        Some(line) => {
            let (sign, class) = looks(line);
            let _ = write!(
                html,
                "<td class=\"n {class}\">{number}</td><td class=\"m {class}\">{sign}</td><td class=\"c {class}\">"
            );
            text_of(line, html);
            html.push_str("</td>");
            *number += 1;
        }
    };
    for (left, right) in &hunk.pairs {
        html.push_str("<tr>");
        side(left.map(|at| &hunk.lines[at]), &mut old, html);
        side(right.map(|at| &hunk.lines[at]), &mut new, html);
        html.push_str("</tr>");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{prepare, tests_support::file};
    use super::*;

    #[test]
    fn every_line_has_its_sign_its_number_and_its_marks() {
        let mut files = [file(" same\n-let a = <1>;\n+let a = <2>;\n")];
        prepare(&mut files);
        let html = table(&files[0], Style::Unified, Some("/x?a=1&b")).into_string();
        assert!(html.contains("<tr class=\"r\"><td class=n>2</td><td class=n></td><td class=m>−</td><td class=c>let a = &lt;<del>1</del>&gt;;</td></tr>"), "{html}");
        assert!(html.contains("<tr class=\"a\"><td class=n></td><td class=n>2</td><td class=m>+</td><td class=c>let a = &lt;<ins>2</ins>&gt;;</td></tr>"), "{html}");
        assert!(html.contains("href=\"/x?a=1&amp;b\""));
    }

    #[test]
    fn both_sides_have_their_own_numbers() {
        let mut files = [file(" same\n-old line here\n b\n+x\n")];
        prepare(&mut files);
        let html = table(&files[0], Style::Split, None).into_string();
        assert!(html.contains("<td class=\"n r\">2</td>"), "{html}");
        assert!(
            html.contains("<td class=\"c x\"></td><td class=\"n a\">3</td>"),
            "{html}"
        );
    }

    /// Names and texts that would be commands elsewhere: GHSA-3qq3, GHSA-4j89.
    #[test]
    fn texts_are_texts_ghsa_3qq3_4j89() {
        let mut hostile = file("+<img src=x onerror=alert(1)> {} %s %n \u{202e}\n");
        hostile.hunks[0].section = "<script>".into();
        let html = table(&hostile, Style::Unified, Some("\"><script>")).into_string();
        assert!(
            !html.contains("<img") && !html.contains("<script") && html.contains("{} %s %n"),
            "{html}"
        );
    }
}

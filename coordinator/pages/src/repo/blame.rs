//! A file with where each of its lines is from.

use super::{Behind, Change, Head, Sight, Spot, address, bar, commit_address, page, tab_class};
use crate::Script;
use crate::frame::Frame;
use crate::highlight::Lines;
use crate::icons::{Icon, icon};
use crate::moment::when;
use maud::{PreEscaped, html};
use std::fmt::Write;

/// Lines that stand together and are from one commit.
#[derive(Clone, Debug)]
pub struct Run {
    /// The commit.
    pub change: Change,
    /// The number of the first line, from 1.
    pub start: usize,
    /// How many they are.
    pub lines: usize,
    /// The commit before and the path there, where the file can be looked at without this change.
    pub before: Option<(String, String)>,
}

/// Writes the page.
pub fn blame(
    frame: &Frame,
    head: &Head,
    spot: &Spot,
    lines: &Lines,
    runs: &[Run],
    tab_width: Option<usize>,
) -> String {
    let title = format!("Blame of {} · {}/{}", spot.path, head.owner, head.name);
    let body = html! {
        h1.hidden { (title) }
        (bar(head, spot, Sight::Blame, true))
        div.card.file.blame data-lines {
            @for run in runs {
                div.run {
                    div.from {
                        a.what href=(commit_address(head, &run.change.oid)) title=(run.change.title()) data-row { (run.change.title()) }
                        span.who { (run.change.author) ", " (when(run.change.when_ms)) }
                        @if let Some((commit, path)) = &run.before {
                            a.before href=(address(head, Sight::Blame, commit, path)) title="Blame before this change" aria-label="Blame before this change" rel="nofollow" { (icon(Icon::History)) }
                        }
                    }
                    pre class=(format_args!("code {}", tab_class(tab_width))) { (PreEscaped(run_lines(lines, run))) }
                }
            }
        }
    };
    page(frame, head, Behind::Code, &title, &[Script::Lines], body)
}

fn run_lines(lines: &Lines, run: &Run) -> String {
    let mut html = String::new();
    for number in run.start..run.start.saturating_add(run.lines) {
        let _ = write!(
            html,
            "<span id=L{number}><a href=#L{number} tabindex=-1>{number}</a>"
        );
        html.push_str(lines.get(number.saturating_sub(1)));
        html.push_str("\n</span>");
    }
    html
}

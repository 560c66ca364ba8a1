//! The graph beside a list of commits: which lane each commit stands in, and the lines between,
//! drawn as one small picture a row.

use maud::{Markup, PreEscaped};
use std::fmt::Write;

/// How many lanes are drawn; histories wider than this go on without their outermost lines.
pub const MAX_LANES: usize = 10;

/// The distance of two lanes, and the height of a row, in the picture's own units.
const LANE: usize = 12;
const ROW: usize = 44;

/// One line of a row's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The lane at the upper edge; none where the line begins at the commit.
    pub from: Option<usize>,
    /// The lane at the lower edge; none where the line ends at the commit.
    pub to: Option<usize>,
}

/// One row: a commit and the lines around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The lane that the commit stands in.
    pub lane: usize,
    /// The lines.
    pub lines: Vec<Line>,
    /// Whether the commit brings histories together.
    pub merge: bool,
}

/// Lays out a list of commits, each by its id and the ids of its parents. Children stand before
/// parents, except where clocks were wrong or a second was too long: no line leads to a parent that
/// stands above its child.
pub fn lanes<'a, Id: PartialEq + Clone + 'a>(commits: impl Iterator<Item = (&'a Id, &'a [Id])>) -> Vec<Row> {
    // Which commit each lane leads down to.
    let mut lanes: Vec<Option<Id>> = Vec::new();
    let mut rows = Vec::new();
    let mut above: Vec<&Id> = Vec::new();
    for (id, parents) in commits {
        above.push(id);
        let mut lines = Vec::new();
        let before = lanes.clone();
        let lane = match lanes.iter().position(|next| next.as_ref() == Some(id)) {
            Some(lane) => lane,
            None => free(&mut lanes),
        };
        for (at, next) in before.iter().enumerate() {
            if next.as_ref() == Some(id) {
                lines.push(Line {
                    from: Some(at),
                    to: None,
                });
                lanes[at] = None;
            }
        }
        let mut below = Vec::new();
        for (nth, parent) in parents.iter().enumerate() {
            if above.contains(&parent) {
                continue;
            }
            let known = lanes.iter().position(|next| next.as_ref() == Some(parent));
            let to = match known {
                Some(to) => to,
                None if nth == 0 => {
                    lanes[lane] = Some(parent.clone());
                    lane
                }
                None => {
                    let to = match lanes[lane] {
                        None => lane,
                        Some(_) => free(&mut lanes),
                    };
                    lanes[to] = Some(parent.clone());
                    to
                }
            };
            if !below.contains(&to) {
                below.push(to);
                lines.push(Line {
                    from: None,
                    to: Some(to),
                });
            }
        }
        for (at, next) in before.iter().enumerate() {
            if next.is_some() && next.as_ref() != Some(id) {
                lines.push(Line {
                    from: Some(at),
                    to: Some(at),
                });
            }
        }
        while lanes.last().is_some_and(Option::is_none) {
            lanes.pop();
        }
        rows.push(Row {
            lane,
            lines,
            merge: parents.len() > 1,
        });
    }
    rows
}

fn free<Id>(lanes: &mut Vec<Option<Id>>) -> usize {
    match lanes.iter().position(Option::is_none) {
        Some(lane) => lane,
        None => {
            lanes.push(None);
            lanes.len() - 1
        }
    }
}

/// How many lanes the rows need, up to [`MAX_LANES`].
pub fn width(rows: &[Row]) -> usize {
    let ends = |line: &Line| line.from.max(line.to).unwrap_or(0);
    let row = |row: &Row| row.lines.iter().map(ends).max().unwrap_or(0).max(row.lane) + 1;
    rows.iter().map(row).max().unwrap_or(1).min(MAX_LANES)
}

/// Draws a row of a graph this many lanes wide. For eyes only: the list says the same in words.
pub fn draw(row: &Row, width: usize) -> Markup {
    let x = |lane: usize| lane.min(width) * LANE + LANE / 2;
    let (middle, cx) = (ROW / 2, x(row.lane));
    let mut svg = format!(
        "<svg class=graph viewBox=\"0 0 {} {ROW}\" aria-hidden=true width={0} height={ROW}>",
        width * LANE
    );
    for line in &row.lines {
        let lane = line.to.or(line.from).unwrap_or(row.lane);
        let _ = write!(svg, "<path class=l{} d=\"", lane % 6);
        let _ = match (line.from.map(x), line.to.map(x)) {
            (Some(from), Some(to)) => write!(svg, "M{from} 0L{to} {ROW}"),
            (Some(from), None) if from == cx => write!(svg, "M{from} 0V{middle}"),
            (Some(from), None) => write!(svg, "M{from} 0C{from} {middle} {cx} 4 {cx} {middle}"),
            (None, Some(to)) if to == cx => write!(svg, "M{cx} {middle}V{ROW}"),
            (None, Some(to)) => write!(svg, "M{cx} {middle}C{to} {middle} {to} {middle} {to} {ROW}"),
            (None, None) => Ok(()),
        };
        svg.push_str("\"/>");
    }
    let radius = if row.merge { 3 } else { 4 };
    let _ = write!(
        svg,
        "<circle class=l{} cx={cx} cy={middle} r={radius}></circle></svg>",
        row.lane % 6
    );
    PreEscaped(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(commits: &[(u8, &[u8])]) -> Vec<Row> {
        lanes(commits.iter().map(|(id, parents)| (id, *parents)))
    }

    #[test]
    fn a_straight_history_is_one_lane() {
        let rows = laid_out(&[(3, &[2]), (2, &[1]), (1, &[])]);
        assert!(rows.iter().all(|row| row.lane == 0 && !row.merge));
        assert_eq!(
            rows[0].lines,
            [Line {
                from: None,
                to: Some(0)
            }]
        );
        assert_eq!(rows[1].lines.len(), 2);
        assert_eq!(
            rows[2].lines,
            [Line {
                from: Some(0),
                to: None
            }]
        );
        assert_eq!(width(&rows), 1);
    }

    #[test]
    fn a_side_branch_has_a_lane_from_its_merge_to_its_fork() {
        // 4 brings 3 (the side) into 2 (the main line); both come from 1.
        let rows = laid_out(&[(4, &[2, 3]), (3, &[1]), (2, &[1]), (1, &[])]);
        assert!(rows[0].merge);
        assert_eq!(rows.iter().map(|row| row.lane).collect::<Vec<_>>(), [0, 1, 0, 1]);
        assert!(rows[0].lines.contains(&Line {
            from: None,
            to: Some(1)
        }));
        assert!(
            rows[2].lines.contains(&Line {
                from: None,
                to: Some(1)
            }),
            "{:?}",
            rows[2]
        );
        assert_eq!(width(&rows), 2);
    }

    #[test]
    fn histories_without_a_common_root_stand_side_by_side() {
        let rows = laid_out(&[(9, &[8]), (5, &[4]), (8, &[]), (4, &[])]);
        assert_eq!(rows.iter().map(|row| row.lane).collect::<Vec<_>>(), [0, 1, 0, 1]);
    }

    #[test]
    fn no_line_hangs_below_a_commit_whose_parent_stands_above_it() {
        // 4 brings 3 into 2, and 3 comes from 2 in the same second.
        let rows = laid_out(&[(4, &[2, 3]), (2, &[1]), (3, &[2]), (1, &[])]);
        let from_top = |at| Line {
            from: Some(at),
            to: None,
        };
        assert_eq!(rows[2].lines.iter().filter(|line| line.to == Some(1)).count(), 0);
        assert_eq!(
            (rows[3].lane, rows[3].lines.as_slice()),
            (0, [from_top(0)].as_slice())
        );
    }

    #[test]
    fn no_history_is_drawn_wider_than_the_page_has_room_for() {
        let parents: Vec<u8> = (1..=40).collect();
        let rows = laid_out(&[(99, &parents), (1, &[])]);
        assert_eq!(width(&rows), MAX_LANES);
        let svg = draw(&rows[0], width(&rows)).into_string();
        assert!(
            svg.starts_with("<svg class=graph") && svg.ends_with("</svg>"),
            "{svg}"
        );
    }

    #[test]
    fn a_commit_that_names_a_parent_twice_draws_it_once() {
        let rows = laid_out(&[(2, &[1, 1]), (1, &[])]);
        assert_eq!(rows[0].lines.len(), 1);
    }
}

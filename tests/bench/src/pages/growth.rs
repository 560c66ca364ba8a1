//! What pages cost as a repository grows: commits, files in a folder, refs, and repositories. A
//! table, and the same as a plot.

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use plue_tests::git::Home;
use plue_tests::serve::Plue;
use serde_json::json;

use super::{await_prepared, forge, is_built, made, publish, took_ms};
use crate::{Row, Verdict, median};

const WARM: usize = 30;

/// The figures of one size: what it counts, how many, and the milliseconds of each page.
struct Point {
    of: &'static str,
    size: usize,
    pages: Vec<(&'static str, f64)>,
}

/// Measures every size.
pub fn run() -> anyhow::Result<Vec<Row>> {
    let home = Home::new()?;
    let mut points = vec![];
    for size in [1000, 10_000, 100_000] {
        let repository = made::commits(&home, size)?;
        points.push(measure(&home, "commits", size, &repository, made::OFTEN)?);
    }
    for size in [100, 10_000] {
        let repository = made::files(&home, size)?;
        points.push(measure(
            &home,
            "files in a folder",
            size,
            &repository,
            "f000050.txt",
        )?);
    }
    for size in [10, 100_000] {
        let repository = made::refs(&home, size)?;
        points.push(measure(&home, "refs", size, &repository, "src/f50.rs")?);
    }
    let repository = made::commits(&home, 1000)?;
    for size in [10, 10_000] {
        let (plue, token) = forge()?;
        let tip = publish(&plue, &token, &home, "engine", &repository)?;
        let api = plue.client().bearer(&token);
        for n in 1..size {
            let made = api.json(
                "POST",
                "/api/repos",
                &json!({ "name": format!("r{n}"), "private": false }),
            )?;
            ensure!(made.status == 201, "{}", made.text());
        }
        await_prepared(&plue, &tip)?;
        points.push(pages(plue, "repositories", size, &tip, made::OFTEN)?);
    }
    let plot = made::cache()?.join("growth.svg");
    std::fs::write(&plot, draw(&points))?;
    eprintln!("bench: the plot is {}", plot.display());
    Ok(rows(&points))
}

fn measure(
    home: &Home,
    of: &'static str,
    size: usize,
    repository: &std::path::Path,
    file: &str,
) -> anyhow::Result<Point> {
    let (plue, token) = forge()?;
    // Not pushed: git's own client needs minutes for a hundred thousand refs at once.
    let from = repository.to_str().context("a path that is text")?;
    plue.admin(&["repo", "import", "ada/engine", from])?;
    let api = plue.client().bearer(&token);
    let shown = api.json("PATCH", "/api/ada/engine", &json!({ "private": false }))?;
    ensure!(shown.status == 200, "{}", shown.text());
    let tip = home.git(repository, &["rev-parse", "HEAD"])?;
    await_prepared(&plue, &tip)?;
    pages(plue, of, size, &tip, file)
}

fn pages(plue: Plue, of: &'static str, size: usize, tip: &str, file: &str) -> anyhow::Result<Point> {
    let mut targets = vec![
        ("tree, JSON", format!("/api/ada/engine/tree/{tip}")),
        ("commits, JSON", "/api/ada/engine/commits?limit=30".to_owned()),
        (
            "history of a file, JSON",
            format!("/api/ada/engine/history/{tip}/{file}?limit=30"),
        ),
    ];
    for (name, target) in [
        ("home page", "/ada/engine"),
        ("tree page", "/ada/engine/tree/main"),
        ("bookmarks page", "/ada/engine/bookmarks"),
    ] {
        if is_built(&plue.client(), target)? {
            targets.push((name, target.to_owned()));
        }
    }
    // First requests come to a process that has just started.
    let plue = plue.stop()?.start()?;
    let client = plue.client();
    let mut pages = vec![("first request", took_ms(&client, &targets[0].1)?)];
    for (name, target) in targets {
        let warm: Vec<f64> = (0..WARM)
            .map(|_| took_ms(&client, &target))
            .collect::<anyhow::Result<_>>()?;
        pages.push((name, median(warm)));
    }
    plue.stop()?;
    Ok(Point { of, size, pages })
}

fn rows(points: &[Point]) -> Vec<Row> {
    let mut rows = vec![];
    for pair in points.windows(2) {
        let [small, large] = pair else { continue };
        if small.of != large.of {
            continue;
        }
        for ((name, before), (_, after)) in small.pages.iter().zip(&large.pages) {
            rows.push(Row::new(
                &format!("{name}: {} {}", large.size, large.of),
                &format!("{} {}", small.size, small.of),
                format!("{before:.2} ms"),
                format!("{after:.2} ms"),
                Verdict::Told(after / before),
            ));
        }
    }
    rows
}

/// Draws each page's milliseconds over the size, both by powers of ten; one panel for each thing
/// that grows.
fn draw(points: &[Point]) -> String {
    const COLOURS: [&str; 7] = [
        "#555555", "#0969da", "#1a7f37", "#bf3989", "#9a6700", "#8250df", "#cf222e",
    ];
    let (width, height, margin) = (360.0, 260.0, 48.0);
    let mut kinds: Vec<&str> = vec![];
    for point in points {
        if !kinds.contains(&point.of) {
            kinds.push(point.of);
        }
    }
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        width * kinds.len() as f64,
        height + 150.0
    );
    for (nth, kind) in kinds.iter().enumerate() {
        let left = width * nth as f64 + margin;
        let x = |size: usize| left + ((size as f64).log10() - 1.0) / 4.0 * (width - 2.0 * margin);
        // From a tenth of a millisecond to ten seconds.
        let y = |ms: f64| height - margin - (ms.max(0.1).log10() + 1.0) / 5.0 * (height - 2.0 * margin);
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"20\" font-weight=\"bold\">{kind}</text>"
        );
        for power in -1..=4 {
            let ms = 10f64.powi(power);
            let at = y(ms);
            let right = left + width - 2.0 * margin;
            let _ = writeln!(
                svg,
                "<line x1=\"{left}\" x2=\"{right}\" y1=\"{at}\" y2=\"{at}\" stroke=\"#dddddd\"/>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{ms} ms</text>",
                left - 4.0,
                at + 4.0
            );
        }
        let of_kind: Vec<&Point> = points.iter().filter(|point| point.of == *kind).collect();
        for point in &of_kind {
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                x(point.size),
                height - margin + 16.0,
                point.size
            );
        }
        let names = of_kind
            .first()
            .map(|point| point.pages.as_slice())
            .unwrap_or_default();
        for (page, (name, _)) in names.iter().enumerate() {
            let colour = COLOURS[page % COLOURS.len()];
            let line: Vec<String> = of_kind
                .iter()
                .filter_map(|point| Some(format!("{},{}", x(point.size), y(point.pages.get(page)?.1))))
                .collect();
            let legend = height + 14.0 * page as f64;
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
                 <text x=\"{left}\" y=\"{legend}\" fill=\"{colour}\">{name}</text>",
                line.join(" ")
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_a_line_for_every_page_and_a_row_for_every_step() {
        let point = |of, size, ms| Point {
            of,
            size,
            pages: vec![("tree", ms), ("home", 2.0 * ms)],
        };
        let points = [
            point("commits", 10, 1.0),
            point("commits", 100, 2.0),
            point("refs", 10, 1.0),
        ];
        assert_eq!(draw(&points).matches("<polyline").count(), 4);
        assert_eq!(rows(&points).len(), 2);
    }
}

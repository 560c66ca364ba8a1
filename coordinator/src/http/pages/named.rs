//! Where that leads which a text names in passing: people, issues, commits.

use plue_forge::issues::references::{Named, scan};
use std::ops::Range;

/// Which bytes of a text name something, and where it is; `home` is the repository of the text, as in
/// `/ada/engine`.
pub fn links(home: &str, text: &str) -> Vec<(Range<usize>, String)> {
    let found = scan(text).into_iter();
    let there = |named: Named| match named {
        Named::Person(name) => format!("/{name}"),
        Named::Issue {
            repository, number, ..
        } => {
            let home = repository.map_or_else(|| home.to_owned(), |path| format!("/{path}"));
            format!("{home}/issues/{number}")
        }
        Named::Commit { repository, id } => {
            let home = repository.map_or_else(|| home.to_owned(), |path| format!("/{path}"));
            format!("{home}/commit/{id}")
        }
    };
    found.map(|found| (found.at, there(found.named))).collect()
}

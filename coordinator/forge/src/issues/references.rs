//! What a text names: people by `@name`, issues by `#12` and `owner/name#12`, and of those the ones
//! that it says it closes; commits by their whole id and `owner/name@id`.

use plue_contract::{AccountName, RepoPath};
use std::ops::Range;

/// The words after which an issue is closed.
const CLOSING: [&str; 9] = [
    "close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved",
];
/// The most that is found in one text.
const MAX_FOUND: usize = 100;
/// The most characters before a sign that may belong to the path of a repository.
const MAX_PATH: usize = 200;

/// What is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// Somebody.
    Person(AccountName),
    /// An issue, of the text's own repository where none is named.
    Issue {
        /// The other repository.
        repository: Option<RepoPath>,
        /// The number.
        number: i64,
        /// Whether the text says that it closes it.
        closes: bool,
    },
    /// A commit, of the text's own repository where none is named.
    Commit {
        /// The other repository.
        repository: Option<RepoPath>,
        /// Its whole id, in lower case.
        id: String,
    },
}

/// Something that a text names, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which bytes of the text name it.
    pub at: Range<usize>,
    /// What it is.
    pub named: Named,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '@' | '#' | '.' | '&')
}

/// What a plain text names, in its order; at most a hundred people and issues, and as many commits.
pub fn scan(text: &str) -> Vec<Found> {
    let mut found = people_and_issues(text);
    found.extend(commits(text));
    found.sort_by_key(|one| one.at.start);
    found
}

/// Where the word begins that ends before `at`; none where it is too long for a path.
fn begin(text: &str, at: usize) -> Option<usize> {
    let before = text[..at].char_indices().rev().take(MAX_PATH + 1);
    let word: Vec<usize> = before
        .take_while(|(_, c)| is_word(*c))
        .map(|(begin, _)| begin)
        .collect();
    (word.len() <= MAX_PATH).then(|| word.last().copied().unwrap_or(at))
}

/// The commits that a text names.
fn commits(text: &str) -> Vec<Found> {
    let bytes = text.as_bytes();
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = bytes[from..].iter().position(is_hex).map(|at| at + from) {
        let length = bytes[start..].iter().take_while(|byte| is_hex(byte)).count();
        from = start + length;
        let next = text[from..].chars().next();
        if !matches!(length, 40 | 64) || next.is_some_and(|c| is_word(c) && c != '.') {
            continue;
        }
        let Some(begin) = begin(text, start) else {
            continue;
        };
        let repository = match text[begin..start].strip_suffix('@') {
            None if begin == start => None,
            Some(path) => match path.parse::<RepoPath>() {
                Ok(path) => Some(path),
                Err(_) => continue,
            },
            None => continue,
        };
        found.push(Found {
            at: begin..from,
            named: Named::Commit {
                repository,
                id: text[start..from].to_owned(),
            },
        });
        if found.len() == MAX_FOUND {
            break;
        }
    }
    found
}

fn people_and_issues(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(['@', '#']).map(|at| at + from) {
        from = at + 1;
        let one = match text.as_bytes()[at] {
            b'@' => person(text, at),
            _ => issue(text, at),
        };
        if let Some(one) = one {
            from = one.at.end;
            found.push(one);
            if found.len() == MAX_FOUND {
                break;
            }
        }
    }
    found
}

fn person(text: &str, at: usize) -> Option<Found> {
    if text[..at].chars().next_back().is_some_and(is_word) {
        return None;
    }
    let rest = &text[at + 1..];
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let name = rest[..end.unwrap_or(rest.len())].trim_end_matches('-');
    let next = rest[name.len()..].chars().next();
    // `@scope/package` and `ada@example.org` are no people.
    if next.is_some_and(|c| matches!(c, '/' | '@' | '_')) {
        return None;
    }
    Some(Found {
        at: at..at + 1 + name.len(),
        named: Named::Person(name.parse().ok()?),
    })
}

fn issue(text: &str, at: usize) -> Option<Found> {
    let rest = &text[at + 1..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let next = rest[end..].chars().next();
    if end == 0 || end > 18 || next.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let number: i64 = rest[..end].parse().ok().filter(|number| *number > 0)?;
    let before = &text[..at];
    let begin = begin(text, at)?;
    let path = &before[begin..];
    let repository = match path {
        "" => None,
        path => Some(path.parse::<RepoPath>().ok()?),
    };
    Some(Found {
        at: begin..at + 1 + end,
        named: Named::Issue {
            repository,
            number,
            closes: closes(&before[..begin]),
        },
    })
}

/// Whether what stands before says that what follows is closed: `Fixes: `, `closes `.
fn closes(before: &str) -> bool {
    let words = before.trim_end_matches([' ', '\t']);
    if words.len() == before.len() {
        return false;
    }
    let words = words.strip_suffix(':').unwrap_or(words);
    let begin = words
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '-'))
        .last()
        .map_or(words.len(), |(begin, _)| begin);
    CLOSING
        .iter()
        .any(|word| word.eq_ignore_ascii_case(&words[begin..]))
}

/// What a text in Markdown names: code in it names nothing.
pub fn scan_markdown(text: &str) -> Vec<Found> {
    let mut prose = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let begin = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| begin.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => {
                // Between two backticks of a line is code.
                let mut is_code = false;
                for part in line.split('`') {
                    prose.push_str(if is_code { " \u{0}" } else { part });
                    is_code = !is_code;
                }
            }
        }
        prose.push('\n');
    }
    scan(&prose)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        scan(text)
            .into_iter()
            .map(|found| match found.named {
                Named::Person(name) => format!("@{name}"),
                Named::Issue {
                    repository,
                    number,
                    closes,
                } => {
                    let path = repository.map_or(String::new(), |path| path.to_string());
                    format!("{}{path}#{number}", if closes { "closes " } else { "" })
                }
                Named::Commit { repository, id } => {
                    let path = repository.map_or(String::new(), |path| format!("{path}@"));
                    format!("{path}{}", &id[..4])
                }
            })
            .collect()
    }

    #[test]
    fn people_and_issues_are_found() {
        for (text, expected) in [
            (
                "@ada, see #12 and ada/engine#3.",
                vec!["@ada", "#12", "ada/engine#3"],
            ),
            ("(#1) [#2] \"#3\" #4!", vec!["#1", "#2", "#3", "#4"]),
            ("ada@example.org @scope/package a@b #x #12a x#1 ##1 #0", vec![]),
            ("é#1 @ @- #", vec![]),
            ("@grace-h- @a--b", vec!["@grace-h"]),
            ("http://x.test/#12 http://x.test/a/b#3", vec![]),
            ("&#39; &#12;", vec![]),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
        let found = scan("see ada/engine#3.");
        assert_eq!(found[0].at, 4..16);
        assert_eq!(scan(&"#1 ".repeat(1_000)).len(), MAX_FOUND);
    }

    #[test]
    fn commits_are_named_by_their_whole_id() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let long = "fedc".repeat(16);
        for (text, expected) in [
            (format!("See {id}."), vec!["0123"]),
            (format!("({long}) #1"), vec!["fedc", "#1"]),
            (format!("ada/engine@{id}"), vec!["ada/engine@0123"]),
            (format!("x{id} {id}0 {id}x -{id} a/b/{id} {}", &id[..12]), vec![]),
            (format!("x@{id} {}", id.to_uppercase()), vec![]),
        ] {
            assert_eq!(said(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_one_word_is_read_in_no_time() {
        let long = format!("{}{}", "a".repeat(60_000), "#1@".repeat(20_000));
        assert!(scan(&long).is_empty());
        assert!(scan(&format!("{}#1", "a".repeat(MAX_PATH + 1))).is_empty());
    }

    #[test]
    fn some_words_close() {
        for text in [
            "Fixes #1",
            "closes: #1",
            "(resolved #1)",
            "This fix #1",
            "FIXED   #1",
        ] {
            assert_eq!(said(text), ["closes #1"], "{text}");
        }
        for text in [
            "prefixes #1",
            "fixes\n#1",
            "fixes#1",
            "un-fixes #1",
            "See #1",
            "fixes issue #1",
        ] {
            assert!(!said(text).contains(&"closes #1".to_owned()), "{text}");
        }
        assert_eq!(
            said("Fixes #1, closes ada/engine#2"),
            ["closes #1", "closes ada/engine#2"]
        );
    }

    #[test]
    fn code_names_nothing() {
        let found = scan_markdown("a #1 `#2` b\n```\n@ada #3\n```\n~~~sh\n#4\n~~~\n#5 ` #6");
        let numbers: Vec<_> = found
            .iter()
            .filter_map(|one| match one.named {
                Named::Issue { number, .. } => Some(number),
                Named::Person(_) | Named::Commit { .. } => None,
            })
            .collect();
        assert_eq!(numbers, [1, 5]);
    }
}

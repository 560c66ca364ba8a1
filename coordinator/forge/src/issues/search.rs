//! The language in which people say which issues they mean: `is:open label:bug author:ada crash`.
//!
//! A word with a colon that the language knows is a condition; a `-` before it turns it around; all
//! else has to stand in title or body. Quotes hold words together. What is read is said again by
//! [`Search::text`], in one form.

use super::Reason;
pub use plue_store::issues::{Filter, Filtered, Order};

/// The most conditions that are read; what follows is left out.
const MAX_CONDITIONS: usize = 20;
/// The longest text that is read, in characters.
pub const MAX_CHARS: usize = 500;

/// Which issues, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// What must hold of them.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
}

/// The words of an order.
const ORDERS: [(&str, Order); 6] = [
    ("created-desc", Order::Newest),
    ("created-asc", Order::Oldest),
    ("updated-desc", Order::Updated),
    ("updated-asc", Order::LeastUpdated),
    ("comments-desc", Order::Commented),
    ("comments-asc", Order::LeastCommented),
];

/// The order of a word, as in `updated-desc`; `updated` alone is downwards.
pub fn order(word: &str) -> Option<Order> {
    let find = |word: &str| ORDERS.iter().find(|(known, _)| *known == word);
    let found = find(word).or_else(|| find(&format!("{word}-desc")));
    found.map(|(_, order)| *order)
}

/// The word of an order.
pub fn word_of(order: Order) -> &'static str {
    let found = ORDERS.iter().find(|(_, known)| *known == order);
    found.map_or("created-desc", |(word, _)| *word)
}

impl Search {
    /// Every open issue, the newest first.
    pub fn open() -> Self {
        Self {
            filter: Filter {
                state: Some("open"),
                ..Filter::default()
            },
            order: Order::Newest,
        }
    }

    /// Reads what somebody typed. `me` is the name that `@me` stands for.
    pub fn parse(text: &str, me: Option<&str>) -> Self {
        let text: String = text.chars().take(MAX_CHARS).collect();
        let mut search = Self::default();
        for word in words(&text).into_iter().take(MAX_CONDITIONS) {
            search.add(word, me);
        }
        search
    }

    fn add(&mut self, word: Word, me: Option<&str>) {
        let Some((key, value)) = &word.condition else {
            self.filter.words.push(word.text.to_lowercase());
            return;
        };
        let name = match (value.as_str(), me) {
            ("@me", Some(me)) => me.to_lowercase(),
            (value, _) => value.to_lowercase(),
        };
        let one = match word.negated {
            true => Filtered::Not(name.clone()),
            false => Filtered::Is(name.clone()),
        };
        let filter = &mut self.filter;
        match (key.as_str(), name.as_str(), word.negated) {
            ("is" | "state", "open", false) | ("is" | "state", "closed", true) => filter.state = Some("open"),
            ("is" | "state", "closed", false) | ("is" | "state", "open", true) => {
                filter.state = Some("closed");
            }
            ("is", "locked", negated) => filter.locked = Some(!negated),
            ("is", "issue", false) => {}
            ("reason", name, false) if name.replace(' ', "_").parse::<Reason>().is_ok() => {
                filter.reason = name.replace(' ', "_").parse().ok().map(Reason::as_str);
            }
            ("no" | "has", what, negated) => {
                let none = (key == "no") != negated;
                let one = if none { Filtered::None } else { Filtered::Any };
                match what {
                    "label" | "labels" => filter.labels.push(one),
                    "assignee" | "assignees" => filter.assignees.push(one),
                    "milestone" => filter.milestone.push(one),
                    _ => filter.words.push(word.text.to_lowercase()),
                }
            }
            ("label", _, _) => filter.labels.push(one),
            ("author", _, _) => filter.author.push(one),
            ("assignee", _, _) => filter.assignees.push(one),
            ("milestone", _, _) => filter.milestone.push(one),
            ("sort", name, false) if order(name).is_some() => self.order = order(name).unwrap_or_default(),
            _ => filter.words.push(word.text.to_lowercase()),
        }
    }

    /// What was read, as somebody would type it.
    pub fn text(&self) -> String {
        let mut parts = Vec::new();
        let filter = &self.filter;
        parts.extend(filter.state.map(|state| format!("is:{state}")));
        parts.extend(
            filter
                .locked
                .map(|locked| if locked { "is:locked" } else { "-is:locked" }.to_owned()),
        );
        parts.extend(filter.reason.map(|reason| format!("reason:{reason}")));
        for (key, all) in [
            ("author", &filter.author),
            ("label", &filter.labels),
            ("assignee", &filter.assignees),
            ("milestone", &filter.milestone),
        ] {
            parts.extend(all.iter().map(|one| match one {
                Filtered::Is(value) => format!("{key}:{}", quoted(value)),
                Filtered::Not(value) => format!("-{key}:{}", quoted(value)),
                Filtered::None => format!("no:{key}"),
                Filtered::Any => format!("has:{key}"),
            }));
        }
        if self.order != Order::default() {
            parts.push(format!("sort:{}", word_of(self.order)));
        }
        parts.extend(filter.words.iter().map(|word| quoted(word)));
        parts.join(" ")
    }
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"' || c == ':');
    match plain && !text.starts_with('-') {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('"', "")),
    }
}

/// One word of what was typed.
struct Word {
    negated: bool,
    /// Key and value, where there is a colon outside of quotes.
    condition: Option<(String, String)>,
    /// All of it, without quotes.
    text: String,
}

fn words(text: &str) -> Vec<Word> {
    let mut all = Vec::new();
    let (mut current, mut colon, mut quoted, mut begun) = (String::new(), None, false, false);
    let mut starts_quoted = false;
    for c in text.chars().chain([' ']) {
        match c {
            '"' => {
                starts_quoted |= !begun;
                quoted = !quoted;
                begun = true;
            }
            c if c.is_whitespace() && !quoted => {
                if begun {
                    all.extend(word(&current, colon, starts_quoted));
                }
                (current, colon, begun, starts_quoted) = (String::new(), None, false, false);
            }
            c => {
                if c == ':' && !quoted && colon.is_none() {
                    colon = Some(current.len());
                }
                current.push(if c.is_control() { ' ' } else { c });
                begun = true;
            }
        }
    }
    // A quote that nobody closed holds to the end.
    if begun {
        all.extend(word(current.trim_end(), colon, starts_quoted));
    }
    all
}

fn word(text: &str, colon: Option<usize>, starts_quoted: bool) -> Option<Word> {
    if text.trim().is_empty() {
        return None;
    }
    let condition = colon.and_then(|at| {
        let (key, value) = (&text[..at], text[at + 1..].trim());
        let key = key.strip_prefix('-').unwrap_or(key).to_lowercase();
        (!key.is_empty() && !value.is_empty() && !starts_quoted).then(|| (key, value.to_owned()))
    });
    Some(Word {
        negated: condition.is_some() && text.starts_with('-'),
        condition,
        text: text.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(name: &str) -> Filtered {
        Filtered::Is(name.to_owned())
    }

    #[test]
    fn people_say_which_issues_they_mean() {
        let search = Search::parse(
            "is:open label:Bug -label:\"help wanted\" author:@me assignee:Grace no:milestone sort:updated crash",
            Some("Ada"),
        );
        let expected = Filter {
            state: Some("open"),
            labels: vec![is("bug"), Filtered::Not("help wanted".into())],
            author: vec![is("ada")],
            assignees: vec![is("grace")],
            milestone: vec![Filtered::None],
            words: vec!["crash".into()],
            ..Filter::default()
        };
        assert_eq!(search.filter, expected);
        assert_eq!(search.order, Order::Updated);
        let text = search.text();
        assert_eq!(
            text,
            "is:open author:ada label:bug -label:\"help wanted\" assignee:grace no:milestone sort:updated-desc crash"
        );
        assert_eq!(Search::parse(&text, None), search, "it is read as it is said");
    }

    #[test]
    fn what_is_no_condition_is_looked_for() {
        let words = |text: &str| Search::parse(text, None).filter.words;
        assert_eq!(
            words("http://x \"two words\" :x x: -y"),
            ["http://x", "two words", ":x", "x:", "-y"]
        );
        assert_eq!(words("\"label:bug\""), ["label:bug"]);
        assert_eq!(words("sort:nonsense is:nothing"), ["sort:nonsense", "is:nothing"]);
        assert_eq!(words("   "), [] as [&str; 0]);
        assert_eq!(words("\"never closed"), ["never closed"]);
        assert!(words(&"x ".repeat(1_000)).len() <= MAX_CONDITIONS);
        let odd = Search::parse("label:\"a:b\" milestone:\"v 1\" \"-x\"", None);
        assert_eq!(odd.filter.labels, [is("a:b")]);
        assert_eq!(Search::parse(&odd.text(), None), odd);
    }

    #[test]
    fn a_dash_turns_it_around() {
        assert_eq!(Search::parse("-is:open", None).filter.state, Some("closed"));
        assert_eq!(Search::parse("-no:label", None).filter.labels, [Filtered::Any]);
        assert_eq!(Search::parse("-is:locked", None).filter.locked, Some(false));
        assert_eq!(
            Search::parse("reason:\"not planned\"", None).filter.reason,
            Some("not_planned")
        );
    }
}

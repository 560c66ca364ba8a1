//! Colours for source text: lines in, lines of HTML out, with one short class a token, so that
//! both themes are made from the same bytes.
//!
//! The grammars are Sublime's, read by `syntect` with a regex engine that gives up on patterns
//! that run away. What is too large, has lines that nobody wrote by hand, or takes longer than the
//! caller allows comes out without colours and says so.

use std::collections::HashMap;
use std::sync::LazyLock;
use syntect::parsing::{BasicScopeStackOp, ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};
use syntect::util::LinesWithEndings;

/// Text up to this size is coloured, in bytes.
pub const MAX_BYTES: usize = 512 << 10;
/// A line longer than this is no source that somebody reads, in bytes.
pub const MAX_LINE_BYTES: usize = 4 << 10;

static GRAMMARS: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_newlines);

/// Class and the scopes that it stands for. The innermost scope that stands here decides.
const CLASSES: &[(&str, &[&str])] = &[
    ("c", &["comment", "punctuation.definition.comment"]),
    (
        "s",
        &[
            "string",
            "punctuation.definition.string",
            "constant.other.symbol",
            "markup.raw",
        ],
    ),
    (
        "e",
        &[
            "constant.character.escape",
            "string.regexp",
            "constant.other.placeholder",
        ],
    ),
    ("n", &["constant", "support.constant"]),
    (
        "k",
        &[
            "keyword",
            "storage",
            "variable.language",
            "punctuation.definition.heading",
        ],
    ),
    (
        "f",
        &[
            "entity.name.function",
            "support.function",
            "variable.function",
            "support.macro",
            "entity.name.macro",
        ],
    ),
    (
        "t",
        &[
            "entity.name.type",
            "entity.name.class",
            "entity.name.struct",
            "entity.name.enum",
            "entity.name.trait",
            "entity.name.interface",
            "entity.name.namespace",
            "entity.other.inherited-class",
            "support.type",
            "support.class",
            "storage.type.numeric",
        ],
    ),
    (
        "a",
        &[
            "entity.name.tag",
            "entity.other.attribute-name",
            "variable.annotation",
            "meta.annotation",
            "support.type.property-name",
            "entity.name.label",
        ],
    ),
    (
        "v",
        &[
            "variable.parameter",
            "variable.other.member",
            "variable.other.constant",
            "variable.other.readwrite.assignment",
        ],
    ),
    ("h", &["markup.heading", "entity.name.section"]),
    ("l", &["markup.underline.link", "meta.link"]),
    ("x", &["markup.inserted"]),
    ("y", &["markup.deleted"]),
    ("z", &["markup.bold", "markup.italic"]),
    // Nothing: neither operators and braces nor what names are made of need a colour.
    (
        "",
        &[
            "keyword.operator.assignment",
            "keyword.operator.arithmetic",
            "keyword.operator.comparison",
            "keyword.operator.logical",
            "punctuation.section",
            "punctuation.separator",
            "punctuation.terminator",
            "punctuation.accessor",
            "meta.interpolation",
            "meta.template.expression",
            "source",
            "text",
        ],
    ),
];

struct Table {
    /// The prefixes with their class, the longest first.
    prefixes: Vec<(Scope, u8)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut prefixes: Vec<(Scope, u8)> = CLASSES
        .iter()
        .enumerate()
        .flat_map(|(at, (_, scopes))| scopes.iter().map(move |scope| (*scope, at as u8)))
        .filter_map(|(scope, at)| Some((Scope::new(scope).ok()?, at)))
        .collect();
    prefixes.sort_by_key(|(scope, _)| std::cmp::Reverse(scope.len()));
    Table { prefixes }
});

/// Why a text has no colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// No grammar knows it.
    Unknown,
    /// It is larger than [`MAX_BYTES`].
    TooLarge,
    /// It has a line longer than [`MAX_LINE_BYTES`].
    LongLine,
    /// It took longer than it may.
    TookTooLong,
}

impl Plain {
    /// What a reader is told; nothing where plain text is what they expect.
    pub const fn note(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::TooLarge => Some("This file is too large to be coloured."),
            Self::LongLine => Some("This file has lines too long to be coloured."),
            Self::TookTooLong => Some("Colouring this file took too long."),
        }
    }
}

/// A text as lines of HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    html: String,
    /// Where each line ends.
    ends: Vec<u32>,
    /// The name of the language, where one was recognised.
    pub language: Option<&'static str>,
    /// Why there are no colours, if there are none.
    pub plain: Option<Plain>,
}

impl Lines {
    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no line at all.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The HTML of a line, counted from 0, without its end; empty where there is none.
    pub fn get(&self, at: usize) -> &str {
        let Some(end) = self.ends.get(at) else { return "" };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.html[start as usize..*end as usize]
    }

    /// All lines in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// What it takes to keep this, in bytes.
    pub fn cost_bytes(&self) -> usize {
        self.html.len() + self.ends.len() * 4 + 128
    }

    fn end(&mut self) {
        self.ends.push(u32::try_from(self.html.len()).unwrap_or(u32::MAX));
    }
}

/// Writes a text so that nothing in it is a tag, an entity or the end of an attribute.
pub fn escape(text: &str, into: &mut String) {
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => continue,
        };
        into.push_str(&text[done..at]);
        into.push_str(entity);
        done = at + 1;
    }
    into.push_str(&text[done..]);
}

/// The grammar for a file of this name that begins so.
fn grammar(path: &str, first_line: &str) -> Option<&'static SyntaxReference> {
    let set = &*GRAMMARS;
    let name = path.rsplit('/').next().unwrap_or(path);
    let known = match name {
        "Cargo.lock" | "poetry.lock" | "uv.lock" => Some("toml"),
        ".editorconfig" | ".gitconfig" => Some("ini"),
        _ => None,
    };
    let found = known
        .or(Some(name))
        .and_then(|name| set.find_syntax_by_extension(name))
        .or_else(|| {
            let (_, ending) = name.rsplit_once('.')?;
            let ending = match ending {
                "mjs" | "cjs" => "js",
                "mts" | "cts" => "ts",
                "jsonc" | "webmanifest" => "json",
                other => other,
            };
            set.find_syntax_by_extension(ending)
                .or_else(|| set.find_syntax_by_extension(&ending.to_ascii_lowercase()))
        })
        .or_else(|| set.find_syntax_by_first_line(first_line))?;
    (found.name != "Plain Text").then_some(found)
}

/// The name of the language of a file, as people call it.
pub fn language(path: &str, first_line: &str) -> Option<&'static str> {
    grammar(path, first_line).map(|grammar| grammar.name.as_str())
}

/// The lines of a text, without colours.
pub fn plain(text: &str, why: Plain) -> Lines {
    let mut lines = Lines {
        html: String::with_capacity(text.len() + text.len() / 8),
        ends: Vec::new(),
        language: None,
        plain: Some(why),
    };
    for line in LinesWithEndings::from(text) {
        escape(without_end(line), &mut lines.html);
        lines.end();
    }
    lines
}

/// Colours a file. `go_on` is asked at every line whether there is still time.
pub fn file(path: &str, text: &str, go_on: impl FnMut() -> bool) -> Lines {
    let first_line = text.lines().next().unwrap_or_default();
    if text.len() > MAX_BYTES {
        return plain(text, Plain::TooLarge);
    }
    match grammar(
        path,
        first_line.get(..first_line.len().min(200)).unwrap_or_default(),
    ) {
        Some(grammar) => colour(grammar, text, go_on),
        None => plain(text, Plain::Unknown),
    }
}

/// Colours a piece of text in a language as the fence of a code block names it.
pub fn fenced(language: &str, text: &str, go_on: impl FnMut() -> bool) -> Lines {
    let language = language.split([',', ' ', '{']).next().unwrap_or_default();
    let grammar = (!language.is_empty() && text.len() <= MAX_BYTES)
        .then(|| GRAMMARS.find_syntax_by_token(language))
        .flatten()
        .filter(|grammar| grammar.name != "Plain Text");
    match grammar {
        Some(grammar) => colour(grammar, text, go_on),
        None => plain(text, Plain::Unknown),
    }
}

fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

fn colour(grammar: &'static SyntaxReference, text: &str, mut go_on: impl FnMut() -> bool) -> Lines {
    if text.lines().any(|line| line.len() > MAX_LINE_BYTES) {
        return plain(text, Plain::LongLine);
    }
    let mut lines = Lines {
        html: String::with_capacity(text.len() * 2),
        ends: Vec::new(),
        language: Some(&grammar.name),
        plain: None,
    };
    let (mut state, mut scopes) = (ParseState::new(grammar), ScopeStack::new());
    let mut painter = Painter::default();
    for line in LinesWithEndings::from(text) {
        if !go_on() {
            return plain(text, Plain::TookTooLong);
        }
        let Ok(steps) = state.parse_line(line, &GRAMMARS) else {
            return plain(text, Plain::Unknown);
        };
        let shown = without_end(line);
        let mut from = 0;
        for (at, step) in steps {
            painter.paint(
                &shown[from.min(shown.len())..at.min(shown.len())],
                &mut lines.html,
            );
            from = at;
            let applied = scopes.apply_with_hook(&step, |step, _| painter.step(&step));
            if applied.is_err() {
                return plain(text, Plain::Unknown);
            }
        }
        painter.paint(&shown[from.min(shown.len())..], &mut lines.html);
        painter.close(&mut lines.html);
        lines.end();
    }
    lines
}

/// Writes tokens, one element for neighbours of the same class.
#[derive(Default)]
struct Painter {
    /// The class of each scope on the stack: its own, or that of the scope around it.
    classes: Vec<u8>,
    known: HashMap<Scope, Option<u8>>,
    open: Option<u8>,
}

const NOTHING: u8 = (CLASSES.len() - 1) as u8;

impl Painter {
    fn step(&mut self, step: &BasicScopeStackOp) {
        match step {
            BasicScopeStackOp::Push(scope) => {
                let own = *self.known.entry(*scope).or_insert_with(|| {
                    let prefix =
                        |(prefix, class): &(Scope, u8)| prefix.is_prefix_of(*scope).then_some(*class);
                    TABLE.prefixes.iter().find_map(prefix)
                });
                let around = self.classes.last().copied().unwrap_or(NOTHING);
                self.classes.push(own.unwrap_or(around));
            }
            BasicScopeStackOp::Pop => {
                self.classes.pop();
            }
        }
    }

    fn paint(&mut self, text: &str, into: &mut String) {
        if text.is_empty() {
            return;
        }
        let class = self.classes.last().copied().unwrap_or(NOTHING);
        // White space has no colour, so that it need not end what stands before it.
        let blank = text.bytes().all(|byte| byte == b' ' || byte == b'\t');
        if self.open != Some(class) && !blank {
            self.close(into);
            if class != NOTHING {
                into.push_str("<b class=");
                into.push_str(CLASSES[usize::from(class)].0);
                into.push('>');
                self.open = Some(class);
            }
        }
        escape(text, into);
    }

    fn close(&mut self, into: &mut String) {
        if self.open.take().is_some() {
            into.push_str("</b>");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coloured(path: &str, text: &str) -> Vec<String> {
        file(path, text, || true).iter().map(str::to_owned).collect()
    }

    #[test]
    fn tokens_have_one_short_class() {
        let lines = coloured("src/main.rs", "// <a>\nfn main() {\r\n\tlet s = \"x\\n\";\n}\n");
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], "<b class=c>// &lt;a&gt;</b>");
        assert!(
            lines[1].contains("<b class=k>fn </b><b class=f>main</b>"),
            "{}",
            lines[1]
        );
        assert!(
            lines[2].starts_with('\t') && lines[2].contains("<b class=e>\\n</b>"),
            "{}",
            lines[2]
        );
        assert_eq!(lines[3], "}");
    }

    #[test]
    fn a_comment_of_several_lines_is_whole_on_each() {
        let lines = coloured("a.c", "/* one\n two */ int x;\n");
        assert_eq!(lines[0], "<b class=c>/* one</b>");
        assert!(lines[1].starts_with("<b class=c> two */"), "{}", lines[1]);
    }

    #[test]
    fn files_are_known_by_name_by_ending_and_by_their_first_line() {
        for (path, first, name) in [
            ("Cargo.lock", "", "TOML"),
            ("deep/Makefile", "", "Makefile"),
            ("a.ts", "", "TypeScript"),
            ("A.PY", "", "Python"),
            ("Dockerfile", "", "Dockerfile"),
            ("run", "#!/bin/bash", "Bourne Again Shell (bash)"),
        ] {
            assert_eq!(language(path, first), Some(name), "{path}");
        }
        assert_eq!(language("notes", "some prose"), None);
    }

    #[test]
    fn what_is_not_coloured_says_why_and_is_escaped_all_the_same() {
        let long = format!("let x = \"{}<\";\n", "a".repeat(MAX_LINE_BYTES));
        let lines = file("a.rs", &long, || true);
        assert_eq!(lines.plain, Some(Plain::LongLine));
        assert!(lines.get(0).ends_with("&lt;&quot;;"));
        let large = "let x = 1;\n".repeat(MAX_BYTES / 11 + 1);
        assert_eq!(file("a.rs", &large, || true).plain, Some(Plain::TooLarge));
        let mut left = 2;
        let slow = file("a.rs", "a\n<b>\nc\n", || {
            left -= 1;
            left > 0
        });
        assert_eq!((slow.plain, slow.get(1)), (Some(Plain::TookTooLong), "&lt;b&gt;"));
        assert_eq!(file("a.unknown", "<x>", || true).get(0), "&lt;x&gt;");
    }

    #[test]
    fn elements_are_balanced_on_every_line() {
        let text = "<script>alert('x')</script> /* \" ' ` ${ #{ {{ <!-- \n# \\ % $ @ ! <? <% */ -->\n\u{0}\u{202e}é\n";
        let names = [
            "Rust",
            "HTML",
            "PHP",
            "Ruby",
            "JavaScript (Babel)",
            "Markdown",
            "LaTeX",
            "Perl",
            "Diff",
        ];
        for grammar in names.iter().filter_map(|name| GRAMMARS.find_syntax_by_name(name)) {
            for line in colour(grammar, text, || true).iter() {
                assert_eq!(
                    line.matches("<b class=").count(),
                    line.matches("</b>").count(),
                    "{line}"
                );
                let rest = line.replace("</b>", "");
                let tags = rest.matches('<').count();
                assert_eq!(
                    tags,
                    rest.matches("<b class=").count(),
                    "{}: {line}",
                    grammar.name
                );
            }
        }
    }

    #[test]
    fn an_empty_text_has_no_line_and_the_last_needs_no_end() {
        assert!(file("a.rs", "", || true).is_empty());
        let lines = file("a.txt", "a\nb", || true);
        assert_eq!((lines.len(), lines.get(1), lines.get(2)), (2, "b", ""));
    }
}

//! Markdown, as GitHub reads it, made into HTML that cannot do anything.
//!
//! `comrak` reads, `ammonia` lets through what is on its list, and both are kept from work that a
//! hostile text could cause: size, depth and what it costs to put badly nested HTML in order are
//! measured first (`cost.rs`). Relative links lead to the same repository at the same ref
//! (`links.rs`). Pictures from elsewhere become links, because pages ask nobody but us for anything.
//! Mathematics and diagrams stay as their source.

mod cost;
mod links;
mod named;

use crate::highlight;
use ammonia::Builder;
use comrak::nodes::{NodeCode, NodeCodeBlock, NodeValue};
use comrak::options::Plugins;
use comrak::{Arena, Node, Options, parse_document};
pub use links::Place;
pub use named::Refer;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// Texts up to this size are rendered, in bytes.
pub const MAX_BYTES: usize = 512 << 10;
/// How deep blocks and marks may stand in one another.
const MAX_DEPTH: usize = 100;
/// How much code of one text is coloured, in bytes.
const MAX_CODE_BYTES: usize = 128 << 10;

/// Why a text is shown as its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMuch {
    /// It is larger than [`MAX_BYTES`].
    Size,
    /// It is nested too deep, or too badly.
    Nesting,
}

impl TooMuch {
    /// What a reader is told.
    pub const fn note(self) -> &'static str {
        match self {
            Self::Size => "This file is too large to be rendered; here is its source.",
            Self::Nesting => "This file is nested too deep to be rendered; here is its source.",
        }
    }
}

/// Whether a file of this name is Markdown.
pub fn is_markdown(path: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["md", "markdown", "mdown", "mkd", "mkdn"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

/// Renders a text that stands at `place`. `go_on` is asked whether there is still time to colour
/// code.
pub fn render(text: &str, place: &Place, go_on: impl Fn() -> bool + Sync + Send) -> Result<String, TooMuch> {
    written_down(text, place, None, go_on)
}

/// Renders what somebody said about the repository whose files are at `place`: ends of lines stay,
/// and what it names in passing leads to where `refer` says.
pub fn render_said(
    text: &str,
    place: &Place,
    refer: &Refer<'_>,
    go_on: impl Fn() -> bool + Sync + Send,
) -> Result<String, TooMuch> {
    written_down(text, place, Some(refer), go_on)
}

fn written_down(
    text: &str,
    place: &Place,
    refer: Option<&Refer<'_>>,
    go_on: impl Fn() -> bool + Sync + Send,
) -> Result<String, TooMuch> {
    if text.len() > MAX_BYTES {
        return Err(TooMuch::Size);
    }
    let arena = Arena::new();
    let mut options = options();
    options.render.hardbreaks = refer.is_some();
    let root = parse_document(&arena, text, &options);
    adapt(root)?;
    if let Some(refer) = refer {
        named::link(&arena, root, refer);
    }
    let code = Code {
        left: std::sync::atomic::AtomicUsize::new(MAX_CODE_BYTES),
        go_on: &go_on,
    };
    let mut html = written(root, &options, &code);
    if !cost::is_bearable(&html) {
        // Without its own HTML it is in order by construction.
        options.render.escape = true;
        options.render.r#unsafe = false;
        html = written(root, &options, &code);
        if !cost::is_bearable(&html) {
            return Err(TooMuch::Nesting);
        }
    }
    Ok(cleaner(place).clean(&html).to_string())
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.strikethrough = true;
    extension.table = true;
    extension.autolink = true;
    extension.tasklist = true;
    extension.footnotes = true;
    extension.alerts = true;
    extension.math_dollars = true;
    extension.math_code = true;
    extension.header_id_prefix = Some(String::new());
    extension.header_id_prefix_in_href = true;
    extension.front_matter_delimiter = Some("---".to_owned());
    // What is let through is decided after all of it is HTML.
    options.render.r#unsafe = true;
    options
}

fn written<'a>(root: Node<'a>, options: &Options<'_>, code: &Code<'_>) -> String {
    let mut plugins = Plugins::default();
    plugins.render.codefence_syntax_highlighter = Some(code);
    let mut html = String::new();
    comrak::format_html_with_plugins(root, options, &mut html, &plugins)
        .expect("because writing into a string does not fail");
    html
}

/// Turns what we show in another way than `comrak` does into something that it shows so.
fn adapt(root: Node<'_>) -> Result<(), TooMuch> {
    let mut stack = vec![(root, 0)];
    while let Some((node, depth)) = stack.pop() {
        if depth > MAX_DEPTH {
            return Err(TooMuch::Nesting);
        }
        let mut alt = None;
        {
            let mut data = node.data_mut();
            let value = &mut data.value;
            match value {
                NodeValue::Math(math) => {
                    let fence = if math.display_math { "$$" } else { "$" };
                    *value = NodeValue::Code(NodeCode {
                        num_backticks: 1,
                        literal: format!("{fence}{}{fence}", math.literal),
                    });
                }
                NodeValue::FrontMatter(text) => {
                    let literal = text.trim().trim_matches('-').trim().to_owned() + "\n";
                    *value = NodeValue::CodeBlock(Box::new(NodeCodeBlock {
                        info: "yaml".to_owned(),
                        literal,
                        fenced: true,
                        ..NodeCodeBlock::default()
                    }));
                }
                NodeValue::Image(link) if links::is_elsewhere(&link.url) => {
                    alt = Some(link.url.clone());
                    *value = NodeValue::Link(link.clone());
                }
                _ => {}
            }
        }
        // No link stands in another one: there the picture's words are left.
        let in_link = node
            .ancestors()
            .skip(1)
            .any(|around| matches!(around.data().value, NodeValue::Link(_)));
        if let Some(url) = &alt
            && in_link
        {
            let words = node.collect_text();
            let words = if words.is_empty() {
                last_part(url).to_owned()
            } else {
                words
            };
            let within: Vec<_> = node.children().collect();
            within.into_iter().for_each(|child| child.detach());
            node.data_mut().value = NodeValue::Text(Cow::Owned(words));
        } else if let Some(url) = alt
            && node.first_child().is_none()
        {
            let name = last_part(&url);
            node.data_mut().value = NodeValue::Text(Cow::Owned(name.to_owned()));
        }
        stack.extend(node.children().map(|child| (child, depth + 1)));
    }
    Ok(())
}

/// The last part of an address, by which a picture without words is called.
fn last_part(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if name.is_empty() { url } else { name }
}

/// Colours fenced code.
struct Code<'a> {
    left: std::sync::atomic::AtomicUsize,
    go_on: &'a (dyn Fn() -> bool + Sync + Send),
}

impl comrak::adapters::SyntaxHighlighterAdapter for Code<'_> {
    fn write_highlighted(&self, output: &mut dyn fmt::Write, lang: Option<&str>, code: &str) -> fmt::Result {
        use std::sync::atomic::Ordering::Relaxed;
        let taken = self
            .left
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(code.len()));
        let lines = match lang {
            Some(lang) if taken.is_ok() => highlight::fenced(lang, code, self.go_on),
            _ => highlight::plain(code, highlight::Plain::Unknown),
        };
        for line in lines.iter() {
            output.write_str(line)?;
            output.write_char('\n')?;
        }
        Ok(())
    }

    fn write_pre_tag(
        &self,
        output: &mut dyn fmt::Write,
        _: HashMap<&'static str, Cow<'_, str>>,
    ) -> fmt::Result {
        output.write_str("<pre>")
    }

    fn write_code_tag(
        &self,
        output: &mut dyn fmt::Write,
        _: HashMap<&'static str, Cow<'_, str>>,
    ) -> fmt::Result {
        output.write_str("<code>")
    }
}

/// What is let through: marks and tables, links and pictures, and nothing that moves, asks,
/// covers the page or speaks for it.
fn cleaner(place: &Place) -> Builder<'static> {
    const TAGS: &[&str] = &[
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "input",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "picture",
        "pre",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "section",
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
    ];
    let set = |names: &[&'static str]| names.iter().copied().collect::<HashSet<&'static str>>();
    let place = Arc::new(place.clone());
    let mut builder = Builder::empty();
    builder
        .tags(set(TAGS))
        .clean_content_tags(set(&[
            "script", "style", "title", "textarea", "noscript", "iframe", "noembed", "noframes", "xmp",
        ]))
        .generic_attributes(set(&["id", "title", "lang", "dir"]))
        .tag_attributes(HashMap::from([
            ("a", set(&["href", "aria-label", "name"])),
            ("img", set(&["src", "alt", "width", "height", "align"])),
            ("input", set(&["checked"])),
            ("td", set(&["align", "colspan", "rowspan"])),
            ("th", set(&["align", "colspan", "rowspan", "scope"])),
            ("ol", set(&["start", "reversed"])),
            ("details", set(&["open"])),
            ("p", set(&["align"])),
            ("div", set(&["align"])),
            ("h1", set(&["align"])),
            ("h2", set(&["align"])),
            ("h3", set(&["align"])),
        ]))
        .set_tag_attribute_value("input", "type", "checkbox")
        .set_tag_attribute_value("input", "disabled", "")
        .set_tag_attribute_value("input", "aria-label", "Task")
        .set_tag_attribute_value("img", "loading", "lazy")
        // What runs off to the side is reached by the keyboard, too.
        .set_tag_attribute_value("pre", "tabindex", "0")
        .allowed_classes(HashMap::from([
            (
                "b",
                set(&[
                    "c", "s", "e", "n", "k", "f", "t", "a", "v", "h", "l", "x", "y", "z",
                ]),
            ),
            ("a", set(&["anchor", "footnote-backref"])),
            ("sup", set(&["footnote-ref"])),
            ("section", set(&["footnotes"])),
            (
                "div",
                set(&[
                    "markdown-alert",
                    "markdown-alert-note",
                    "markdown-alert-tip",
                    "markdown-alert-important",
                    "markdown-alert-warning",
                    "markdown-alert-caution",
                ]),
            ),
            ("p", set(&["markdown-alert-title"])),
        ]))
        .url_schemes(set(&["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::PassThrough)
        .link_rel(Some("nofollow noopener ugc"))
        .strip_comments(true)
        .attribute_filter(move |element, attribute, value| match (element, attribute) {
            ("a", "href") => Some(place.link(value)),
            ("img", "src") => place.picture(value),
            (_, "id") | ("a", "name") => Some(links::anchor(value)),
            ("img", "width" | "height") | (_, "colspan" | "rowspan" | "start") => {
                let small = value.len() <= 4 && value.bytes().all(|byte| byte.is_ascii_digit());
                small.then_some(Cow::Borrowed(value))
            }
            _ => Some(Cow::Borrowed(value)),
        });
    builder
}

#[cfg(test)]
mod tests;

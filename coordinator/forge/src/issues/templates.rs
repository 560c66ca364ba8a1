//! Templates of issues: files of the repository's default bookmark, in `.plue/issue_templates` or,
//! where that is not there, `.github/ISSUE_TEMPLATE`. A file begins with what it is called, what it
//! is for, a title and labels, between two lines of `---`; the rest is the text to begin with.

use crate::access::Permit;
use crate::access::repositories::ReadRepo;
use crate::browse::{self, EntryKind};
use crate::{Error, Forge};

/// Where they are looked for.
const FOLDERS: [&str; 2] = [".plue/issue_templates", ".github/ISSUE_TEMPLATE"];
/// The most templates that are read.
const MAX_TEMPLATES: usize = 20;
/// The largest template, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// A template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// The name of its file, by which it is chosen.
    pub file: String,
    /// What it is called.
    pub name: String,
    /// What it is for; may be empty.
    pub about: String,
    /// The title to begin with; may be empty.
    pub title: String,
    /// The labels that an issue made of it gets, where the repository has them.
    pub labels: Vec<String>,
    /// The text to begin with.
    pub body: String,
}

impl Template {
    fn read(file: &str, text: &str) -> Self {
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let mut template = Self {
            file: file.to_owned(),
            name: stem.replace(['_', '-'], " "),
            ..Self::default()
        };
        let text = text.replace("\r\n", "\n");
        let parts = text
            .strip_prefix("---\n")
            .and_then(|rest| rest.split_once("\n---"));
        let Some((head, body)) = parts else {
            template.body = text;
            return template;
        };
        for line in head.lines() {
            let Some((key, value)) = line.split_once(':') else {
                // `- bug` below `labels:`.
                if let Some(label) = line.trim().strip_prefix("- ") {
                    template.labels.push(bare(label).to_owned());
                }
                continue;
            };
            let value = bare(value);
            match key.trim() {
                "name" if !value.is_empty() => template.name = value.to_owned(),
                "about" | "description" => template.about = value.to_owned(),
                "title" => template.title = value.to_owned(),
                "labels" => {
                    let list = value.trim_start_matches('[').trim_end_matches(']');
                    let labels = list.split(',').map(bare).filter(|label| !label.is_empty());
                    template.labels = labels.map(str::to_owned).collect();
                }
                _ => {}
            }
        }
        template.body = body.trim_start_matches(['-', '\n']).to_owned();
        template
    }
}

/// A value without what stands around it.
fn bare(value: &str) -> &str {
    value.trim().trim_matches(['"', '\''])
}

/// The templates of the repository, by the names of their files.
pub async fn list(forge: &Forge, permit: Permit<ReadRepo>) -> Result<Vec<Template>, Error> {
    let view = browse::look(forge, permit).await?;
    let bookmark = view.repository().default_bookmark.clone();
    for folder in FOLDERS {
        let entries = match view.tree(bookmark.as_str(), folder).await {
            Ok(entries) => entries,
            Err(Error::NotFound) => continue,
            Err(error) => return Err(error),
        };
        let mut templates = Vec::new();
        for entry in entries {
            let fits = entry.kind == EntryKind::Blob
                && entry.name.to_ascii_lowercase().ends_with(".md")
                && entry.size_bytes.is_none_or(|size| size <= MAX_BYTES);
            if !fits || templates.len() >= MAX_TEMPLATES {
                continue;
            }
            let blob = view.blob(entry.oid, "").await?;
            if let Ok(text) = std::str::from_utf8(&blob.content) {
                templates.push(Template::read(&entry.name, text));
            }
        }
        if !templates.is_empty() {
            return Ok(templates);
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_says_what_it_is() {
        let text = "---\nname: Bug report\nabout: 'Something breaks'\ntitle: \"[Bug] \"\nlabels: [bug, 'help wanted']\n\
                    ---\n\n## What happens\n";
        let template = Template::read("bug.md", text);
        assert_eq!(
            template,
            Template {
                file: "bug.md".into(),
                name: "Bug report".into(),
                about: "Something breaks".into(),
                title: "[Bug] ".into(),
                labels: vec!["bug".into(), "help wanted".into()],
                body: "## What happens\n".into(),
            }
        );
        let listed = Template::read("a_b.md", "---\r\nlabels:\r\n  - bug\r\n---\r\nText");
        assert_eq!((listed.name.as_str(), listed.body.as_str()), ("a b", "Text"));
        assert_eq!(listed.labels, ["bug"]);
        let plain = Template::read("x.md", "Just a text\n---\n");
        assert_eq!(
            (plain.name.as_str(), plain.body.as_str()),
            ("x", "Just a text\n---\n")
        );
    }
}

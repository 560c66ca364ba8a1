//! Where settings come from: flags, the environment, a file. Who wins is decided here; what a
//! value means is not.

use std::collections::{BTreeMap, HashMap};

/// A place where settings are looked up by the name of their variable.
pub trait Source {
    /// The value of a variable, if the source has one.
    fn get(&self, name: &str) -> Option<String>;
    /// The names of all variables that the source has.
    fn names(&self) -> Vec<String>;
    /// What the source is called in messages.
    fn label(&self) -> &str;
}

/// A source that is a map: of flags, of the environment as `main` read it, of a test.
#[derive(Clone, Debug, Default)]
pub struct Map {
    label: &'static str,
    values: HashMap<String, String>,
}

impl Map {
    /// A map under the label that messages use.
    pub fn new(label: &'static str, values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            label,
            values: values.into_iter().collect(),
        }
    }
}

impl Source for Map {
    fn get(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.values.keys().cloned().collect()
    }

    fn label(&self) -> &str {
        self.label
    }
}

/// Why a settings file cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// A line is neither empty, nor a comment, nor `NAME=value`.
    #[error("line {0} is not of the form NAME=value")]
    Line(usize),
    /// A variable stands there twice.
    #[error("line {line} sets {name} a second time")]
    Twice {
        /// The later line.
        line: usize,
        /// The variable.
        name: String,
    },
}

/// Reads a settings file: lines of `NAME=value`, empty lines and lines that begin with `#`. A
/// value may stand in double quotes; nothing in it is expanded.
pub fn parse_file(text: &str) -> Result<Map, FileError> {
    let mut values = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let (line, number) = (line.trim(), index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or(FileError::Line(number))?;
        let name = name.trim();
        let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !named {
            return Err(FileError::Line(number));
        }
        let value = value.trim();
        let value = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(value);
        if values.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(FileError::Twice {
                line: number,
                name: name.to_owned(),
            });
        }
    }
    Ok(Map::new("file", values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_lines_of_names_and_values() {
        let file = parse_file("# a comment\n\nPORT=4001\nHOST = \"::1\"\nEMPTY=\n").expect("well formed");
        assert_eq!(file.get("PORT").as_deref(), Some("4001"));
        assert_eq!(file.get("HOST").as_deref(), Some("::1"));
        assert_eq!(file.get("EMPTY").as_deref(), Some(""));
        assert_eq!(parse_file("PORT=1\nwhat").unwrap_err(), FileError::Line(2));
        assert_eq!(parse_file("export PORT=1").unwrap_err(), FileError::Line(1));
        assert_eq!(
            parse_file("PORT=1\nPORT=2").unwrap_err(),
            FileError::Twice {
                line: 2,
                name: "PORT".into()
            }
        );
    }
}

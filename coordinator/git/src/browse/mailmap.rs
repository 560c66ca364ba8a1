//! `.mailmap`: by which name and address people want to be known.

use std::collections::HashMap;

/// The largest `.mailmap` that counts, in bytes.
pub(super) const MAX_BYTES: u64 = 4 << 20;

/// A name, where it matters, and an address.
type Person = (Option<String>, String);
/// A name and an address, where they are to be others.
type Wish = (Option<String>, Option<String>);

/// A `.mailmap`, read.
#[derive(Debug, Default)]
pub(super) struct Mailmap {
    /// By address, and by name and address; in small letters.
    by: HashMap<Person, Wish>,
}

impl Mailmap {
    /// Reads `Name <address>`, `<address> <old>`, `Name <address> <old>` and
    /// `Name <address> Old Name <old>`; lines that are none of these say nothing.
    pub(super) fn read(content: &[u8]) -> Self {
        let mut map = Self::default();
        for line in String::from_utf8_lossy(content).lines() {
            let line = match line.trim_start().starts_with('#') {
                true => continue,
                false => line,
            };
            let Some((name, address, rest)) = person(line) else {
                continue;
            };
            let (key, value) = match person(rest) {
                Some((old_name, old_address, _)) => (
                    (old_name.map(str::to_lowercase), old_address.to_lowercase()),
                    (name.map(str::to_owned), Some(address.to_owned())),
                ),
                None => ((None, address.to_lowercase()), (name.map(str::to_owned), None)),
            };
            let entry = map.by.entry(key).or_default();
            // Two lines about one address complete each other.
            entry.0 = value.0.or(entry.0.take());
            entry.1 = value.1.or(entry.1.take());
        }
        map
    }

    /// The name and address by which somebody wants to be known.
    pub(super) fn resolve(&self, name: &str, address: &str) -> (String, String) {
        let low = address.to_lowercase();
        let found = self
            .by
            .get(&(Some(name.to_lowercase()), low.clone()))
            .or_else(|| self.by.get(&(None, low)));
        let (new_name, new_address) = found.cloned().unwrap_or_default();
        (
            new_name.unwrap_or_else(|| name.to_owned()),
            new_address.unwrap_or_else(|| address.to_owned()),
        )
    }
}

/// Takes `Name <address> rest` apart.
fn person(text: &str) -> Option<(Option<&str>, &str, &str)> {
    let (name, rest) = text.split_once('<')?;
    let (address, rest) = rest.split_once('>')?;
    let name = name.trim();
    Some(((!name.is_empty()).then_some(name), address.trim(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_known_as_they_wish() {
        let map = Mailmap::read(
            b"# a comment\nAda <ada@x>\n<bob@new> <bob@old>\nCy <cy@new> <cy@old>\nDee <dee@new> Dora <shared@x>\nrubbish\nEve <eve@x> # why\n",
        );
        let known = |name: &str, address: &str| {
            let (name, address) = map.resolve(name, address);
            format!("{name} <{address}>")
        };
        assert_eq!(known("ada l", "ADA@x"), "Ada <ADA@x>");
        assert_eq!(known("Bob", "bob@old"), "Bob <bob@new>");
        assert_eq!(known("c", "cy@old"), "Cy <cy@new>");
        assert_eq!(known("Dora", "shared@x"), "Dee <dee@new>");
        assert_eq!(known("Fay", "shared@x"), "Fay <shared@x>");
        assert_eq!(known("e", "eve@x"), "Eve <eve@x>");
    }
}

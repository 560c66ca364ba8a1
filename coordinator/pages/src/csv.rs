//! Tables of values that are separated by commas or tabs (RFC 4180), as far as a page shows them.

/// How many rows are shown.
pub const MAX_ROWS: usize = 1_000;
/// How many columns are shown.
pub const MAX_COLUMNS: usize = 64;
/// How much of one cell is shown, in characters.
pub const MAX_CELL_CHARS: usize = 400;

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its rows, the head first; each cell as text.
    pub rows: Vec<Vec<String>>,
    /// Whether rows, columns or the ends of long cells were left out.
    pub cut: bool,
}

/// The separator of a file with this name, if it is a table at all.
pub fn separator(path: &str) -> Option<u8> {
    let (_, ending) = path.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "csv" => Some(b','),
        "tsv" | "tab" => Some(b'\t'),
        _ => None,
    }
}

/// Reads a table. None where a quoted cell never ends: then it is better read as text.
pub fn read(text: &str, separator: u8) -> Option<Table> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Many write semicolons where the comma stands in numbers.
    let first = text.lines().next().unwrap_or_default();
    let separator = match separator {
        b',' if !first.contains(',') && first.contains(';') => ';',
        other => char::from(other),
    };
    let mut table = Table::default();
    let mut row = Row::default();
    let mut chars = text.chars().peekable();
    let (mut quoted, mut begun) = (false, false);
    while let Some(c) = chars.next() {
        begun = true;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                row.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if row.at_start => {
                quoted = true;
                row.at_start = false;
            }
            c if quoted => row.push(c),
            c if c == separator => row.end_cell(),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                if table.rows.len() == MAX_ROWS {
                    table.cut = true;
                    return Some(table);
                }
                row.end_row(&mut table);
                begun = false;
            }
            c => row.push(c),
        }
    }
    if quoted {
        return None;
    }
    if begun {
        if table.rows.len() == MAX_ROWS {
            table.cut = true;
        } else {
            row.end_row(&mut table);
        }
    }
    Some(table)
}

struct Row {
    cells: Vec<String>,
    cell: String,
    chars: usize,
    at_start: bool,
    cut: bool,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            cell: String::new(),
            chars: 0,
            at_start: true,
            cut: false,
        }
    }
}

impl Row {
    fn push(&mut self, c: char) {
        self.at_start = false;
        if self.chars < MAX_CELL_CHARS {
            self.cell.push(c);
        } else if self.chars == MAX_CELL_CHARS {
            self.cell.push('…');
            self.cut = true;
        }
        self.chars += 1;
    }

    fn end_cell(&mut self) {
        let cell = std::mem::take(&mut self.cell);
        if self.cells.len() < MAX_COLUMNS {
            self.cells.push(cell);
        } else {
            self.cut = true;
        }
        self.chars = 0;
        self.at_start = true;
    }

    fn end_row(&mut self, table: &mut Table) {
        self.end_cell();
        table.cut |= self.cut;
        table.rows.push(std::mem::take(self).cells);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        read(text, b',').expect("a table").rows
    }

    #[test]
    fn cells_may_be_quoted_and_have_separators_quotes_and_lines_in_them() {
        assert_eq!(
            rows("a,b\r\n\"x, y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\n"),
            [vec!["a", "b"], vec!["x, y", "say \"hi\""], vec!["two\nlines", ""]]
        );
        assert_eq!(rows("a;b\n1,5;2"), [["a", "b"], ["1,5", "2"]]);
        assert_eq!(rows("\u{feff}a,b"), [["a", "b"]]);
        assert_eq!(
            rows("a\"b,c"),
            [["a\"b", "c"]],
            "a quote in the middle is a quote"
        );
        assert_eq!(read("a\tb", b'\t').unwrap().rows, [["a", "b"]]);
        assert!(rows("").is_empty());
    }

    #[test]
    fn what_is_no_table_is_not_read_as_one() {
        assert_eq!(read("a,\"never ends\nb,c\n", b','), None);
        assert_eq!(separator("data/a.CSV"), Some(b','));
        assert_eq!(separator("a.tsv"), Some(b'\t'));
        assert_eq!((separator("csv"), separator("a.txt")), (None, None));
    }

    #[test]
    fn a_table_is_cut_where_it_is_too_long_too_wide_or_too_deep() {
        let long = read(&"a,b\n".repeat(MAX_ROWS + 1), b',').unwrap();
        assert_eq!((long.rows.len(), long.cut), (MAX_ROWS, true));
        let whole = read(&"a,b\n".repeat(MAX_ROWS), b',').unwrap();
        assert_eq!((whole.rows.len(), whole.cut), (MAX_ROWS, false));
        let wide = read(&",".repeat(MAX_COLUMNS), b',').unwrap();
        assert_eq!((wide.rows[0].len(), wide.cut), (MAX_COLUMNS, true));
        let deep = read(&"x".repeat(MAX_CELL_CHARS + 1), b',').unwrap();
        assert_eq!(
            (deep.rows[0][0].chars().count(), deep.cut),
            (MAX_CELL_CHARS + 1, true)
        );
    }
}

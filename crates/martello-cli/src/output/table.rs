use std::{
    fmt,
    io::{IsTerminal, stdout},
};

use super::Printable;

/// The maximum width of a column on a terminal, in characters. Ids fit; longer URLs and reasons are
/// truncated. Output to a file or pipe is never truncated.
const WIDEST: usize = 72;

/// A text table; each column is as wide as its widest cell.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// The columns that are aligned to the right.
    right: &'static [usize],
    widest: usize,
}

impl Table {
    pub(crate) fn new(heads: &[&str], right: &'static [usize]) -> Self {
        let widest = if stdout().is_terminal() { WIDEST } else { usize::MAX };
        Self { rows: vec![heads.iter().map(ToString::to_string).collect()], right, widest }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let most = self.widest;
        self.rows.push(cells.map(|cell| Printable::new(&cell).most(most).to_string()).into());
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        (0..columns).map(width).collect()
    }
}

impl fmt::Display for Table {
    /// Writes no newline after the last row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (at, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let cell = if self.right.contains(&column) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                };
                line.push_str(&cell);
                line.push_str("  ");
            }
            f.write_str(if at == 0 { "" } else { "\n" })?;
            f.write_str(line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_their_widest_cell() {
        let mut table = Table::new(&["QUEUE", "N"], &[1]);
        table.row(["default".to_owned(), "7".to_owned()]);
        table.row(["a".to_owned(), "1234".to_owned()]);
        assert_eq!(table.to_string(), "QUEUE       N\ndefault     7\na        1234");
    }

    #[test]
    fn truncates_a_long_cell_on_a_terminal() {
        let long = "x".repeat(100);
        for (widest, shown) in [(WIDEST, format!("{}…", "x".repeat(72))), (usize::MAX, long.clone())] {
            let mut table = Table { widest, ..Table::new(&["IS"], &[]) };
            table.row([long.clone()]);
            assert_eq!(table.to_string(), format!("IS\n{shown}"));
        }
    }
}

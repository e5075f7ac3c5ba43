//! Columns that line up, one of which gives way where the terminal is narrow.

use std::fmt::Write as _;

use anstyle::Style;

use super::text::{columns, cut};
use super::{Page, QUIET, styled};

/// Between two columns.
const GAP: &str = "  ";
/// A column that gives way keeps this many characters.
const COLUMN_MIN: usize = 8;

/// One place of a table. The text must be one line already.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) style: Style,
}

impl Cell {
    /// Text in a style.
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style }
    }
}

/// Rows under a heading; the columns named in `give_way` are shortened, the first first, until it fits.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: &[[Cell; N]], give_way: &[usize], page: &Page) -> String {
    let mut widths = heading.map(columns);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(&cell.text));
        }
    }
    if let Some(room) = page.columns {
        for at in give_way {
            let total = widths.iter().sum::<usize>() + GAP.len() * N.saturating_sub(1);
            if let Some(width) = widths.get_mut(*at) {
                *width = width.saturating_sub(total.saturating_sub(room)).max((*width).min(COLUMN_MIN));
            }
        }
    }
    let mut table = String::new();
    line(&mut table, &heading.map(|title| Cell::new(QUIET, title)), &widths);
    for row in rows {
        line(&mut table, row, &widths);
    }
    table
}

fn line(table: &mut String, cells: &[Cell], widths: &[usize]) {
    let last = cells.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate().take(last + 1) {
        if at > 0 {
            table.push_str(GAP);
        }
        let text = cut(&cell.text, *width);
        let padding = if at == last { 0 } else { width.saturating_sub(columns(&text)) };
        // Writing to a string cannot fail.
        let _written = write!(table, "{}{:padding$}", styled(cell.style, &text), "");
    }
    table.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::PLAIN;
    use super::super::time::Clock;
    use super::*;

    fn shown(columns: Option<usize>) -> String {
        let page = Page { columns, clock: Clock::standing_at("2026-11-22T10:51:00+00:00[UTC]") };
        let rows = [("Bob", "A line that somebody wrote", "now"), ("日本", "", "")]
            .map(|(name, text, when)| [Cell::new(PLAIN, name), Cell::new(PLAIN, text), Cell::new(PLAIN, when)]);
        let table = table(["NAME", "LAST", "WHEN"], &rows, &[1], &page);
        anstream::adapter::strip_str(&table).to_string()
    }

    #[test]
    fn columns_line_up_by_the_width_that_is_seen() {
        assert_eq!(
            shown(None),
            "NAME  LAST                        WHEN\nBob   A line that somebody wrote  now\n日本\n"
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_the_column_that_gives_way() {
        assert_eq!(shown(Some(26)), "NAME  LAST            WHEN\nBob   A line that s…  now\n日本\n");
    }
}

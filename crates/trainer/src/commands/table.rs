//! Text tables for users.

use std::io::{self, Write};

/// Writes rows under a header. Columns are as wide as their content; the first and those in `left` are aligned
/// left, the others, numbers, right.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(
    out: &mut impl Write,
    header: &[&str],
    left: &[usize],
    rows: &[Vec<String>],
) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(header.get(column).map_or(0, |name| name.chars().count()))
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (column, (cell, width)) in cells.zip(&widths).enumerate() {
            let is_left = column == 0 || left.contains(&column);
            text += &if is_left {
                format!("{cell:<width$}  ")
            } else {
                format!("{cell:>width$}  ")
            };
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(&mut header.iter().copied())?;
    for row in rows {
        line(&mut row.iter().map(String::as_str))?;
    }
    Ok(())
}

//! What the columns of a CSV file mean, from its first rows.

use std::collections::HashSet;
use std::path::Path;

use csv::ByteRecord;

use super::parts::words;

/// Rows that are looked at.
const LOOKED_AT: usize = 1000;
/// Tables with more columns have pixels, not paths.
const MOST_COLUMNS: usize = 32;
/// What columns are called.
const LABEL: [&str; 7] = ["label", "labels", "class", "target", "category", "y", "dx"];
const PATH: [&str; 8] = [
    "path", "file", "filename", "filepath", "image", "img", "name", "id",
];
const SPLIT: [&str; 5] = ["split", "subset", "set", "part", "partition"];

/// What a table's columns mean.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// Whether the first row has names.
    pub has_header: bool,
    /// Columns in every row.
    pub columns: usize,
    /// The column with the label.
    pub label: usize,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// All other columns are pixels, between these two, whole numbers or not.
    Pixels {
        lowest: f64,
        highest: f64,
        are_whole: bool,
    },
    /// One column has paths of picture files; another may name the part.
    Paths { path: usize, split: Option<usize> },
}

/// Opens a table, rows of any length.
pub(crate) fn open(file: &Path) -> Result<csv::Reader<std::fs::File>, csv::Error> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).from_path(file)
}

/// Returns what the columns of a file mean, or why they cannot be understood.
pub(crate) fn look(file: &Path) -> Result<Layout, String> {
    let text = |error: csv::Error| one_line(&error);
    let mut rows = Vec::new();
    for row in open(file).map_err(text)?.byte_records().take(LOOKED_AT) {
        rows.push(row.map_err(text)?);
    }
    let first = rows.first().ok_or("is empty")?;
    let columns = first.len();
    if columns < 2 {
        return Err("has one column: a label and pixels, or a path and a label, are read".into());
    }
    let dir = file.parent().unwrap_or(Path::new(""));
    let is_path = |row: &ByteRecord, column: usize| {
        let field = text_of(row, column);
        !field.is_empty() && number(field.as_bytes()).is_none() && dir.join(field).is_file()
    };
    let any_path = (columns <= MOST_COLUMNS).then(|| {
        let mut places = rows
            .iter()
            .flat_map(|row| (0..row.len()).map(move |column| (row, column)));
        places
            .find(|(row, column)| is_path(row, *column))
            .map(|(_, column)| column)
    });
    let has_header = match any_path.flatten() {
        Some(path) => !is_path(first, path),
        None => {
            first.iter().filter(|field| number(field).is_none()).count() > 1
                || is_name_of_label(first)
        }
    };
    let body = rows.get(usize::from(has_header)..).unwrap_or_default();
    let named = |names: &[&str]| {
        let mut columns = (0..columns).filter(|_| has_header);
        columns.find(|&column| {
            words(&text_of(first, column))
                .iter()
                .any(|word| names.contains(&word.as_str()))
        })
    };
    if let Some(path) = any_path
        .flatten()
        .or_else(|| named(&PATH).filter(|_| columns <= MOST_COLUMNS))
    {
        let label = named(&LABEL).filter(|label| *label != path);
        let label = label.unwrap_or(usize::from(path == 0));
        let split = named(&SPLIT).filter(|split| *split != path && *split != label);
        let kind = Kind::Paths { path, split };
        return Ok(Layout {
            has_header,
            columns,
            label,
            kind,
        });
    }
    let label = named(&LABEL).unwrap_or_else(|| likely_label(body, columns));
    let kind = pixels(body, label)?;
    Ok(Layout {
        has_header,
        columns,
        label,
        kind,
    })
}

/// A header of pixels without names may still name the label.
fn is_name_of_label(row: &ByteRecord) -> bool {
    [0, row.len().saturating_sub(1)]
        .iter()
        .any(|&column| LABEL.contains(&text_of(row, column).to_lowercase().as_str()))
}

/// The label is the first column or the last: of both, the one that varies, and takes fewer values.
fn likely_label(rows: &[ByteRecord], columns: usize) -> usize {
    let values = |column: usize| {
        let fields = rows.iter().filter_map(|row| row.get(column));
        match fields.collect::<HashSet<_>>().len() {
            1 => usize::MAX,
            values => values,
        }
    };
    if values(columns - 1) < values(0) {
        columns - 1
    } else {
        0
    }
}

fn pixels(rows: &[ByteRecord], label: usize) -> Result<Kind, String> {
    let (mut lowest, mut highest, mut are_whole) = (f64::INFINITY, f64::NEG_INFINITY, true);
    for (at, row) in rows.iter().enumerate() {
        for (column, field) in row
            .iter()
            .enumerate()
            .filter(|(column, _)| *column != label)
        {
            let value = number(field).ok_or_else(|| {
                let field = super::listing::quoted(&String::from_utf8_lossy(field));
                format!(
                    "has `{field}` where a pixel should be (row {}, column {})",
                    at + 1,
                    column + 1
                )
            })?;
            (lowest, highest) = (lowest.min(value), highest.max(value));
            are_whole &= value.fract() == 0.0;
        }
    }
    if rows.is_empty() {
        return Err("has no row below its header".into());
    }
    Ok(Kind::Pixels {
        lowest,
        highest,
        are_whole,
    })
}

/// Returns a field as text.
pub(crate) fn text_of(row: &ByteRecord, column: usize) -> String {
    let field = row.get(column).unwrap_or_default();
    let field = field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field); // what Excel puts in front
    String::from_utf8_lossy(field.trim_ascii()).into_owned()
}

/// Returns a finite number.
pub(crate) fn number(field: &[u8]) -> Option<f64> {
    let field = field.trim_ascii();
    if (1..=3).contains(&field.len()) && field.iter().all(u8::is_ascii_digit) {
        return Some(
            field
                .iter()
                .fold(0.0, |sum, digit| 10.0 * sum + f64::from(digit - b'0')),
        );
    }
    let number: f64 = std::str::from_utf8(field).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// Returns an error of the reader as the rest of a sentence.
pub(crate) fn one_line(error: &csv::Error) -> String {
    format!("cannot be read: {error}").replace('\n', " ")
}

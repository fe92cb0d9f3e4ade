//! A mistake in a config: what it is, where it is, and what to do about it.

use std::fmt;
use std::ops::Range;

use data::visible;

/// Number of columns of a long line shown around the mistake.
const WIDTH: usize = 96;
/// Number of those columns before the mistake.
const BEFORE: usize = 48;
/// Maximum length of a text echoed in a message, in characters.
const ECHO: usize = 48;

/// A mistake in a config file, a `--set` argument, or the reading of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    message: String,
    place: Option<Place>,
    hint: Option<String>,
}

/// Where a mistake is, with the line it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file with line and column, both from 1; `None` for a `--set` argument.
    pub file: Option<(String, usize, usize)>,
    /// The line, shortened around the mistake, without control characters.
    pub excerpt: String,
    /// The columns of `excerpt` that are wrong, from 0, never empty.
    pub caret: Range<usize>,
}

impl ConfigError {
    /// Returns an error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            message: message.into(),
            place: None,
            hint: None,
        }))
    }

    /// Returns this error with its place, if it has one.
    #[must_use]
    pub fn at(mut self, place: impl Into<Option<Place>>) -> Self {
        self.0.place = place.into();
        self
    }

    /// Returns this error for a value that is not in any text.
    pub(crate) fn without_place(mut self) -> Self {
        self.0.place = None;
        self
    }

    /// Returns this error with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Returns what is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns where it is wrong.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// Returns what to do about it, without the word `hint:`.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl std::error::Error for ConfigError {}

/// The message after its place, the line with a caret below, and the hint.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place {
            file: Some((file, line, column)),
            ..
        }) = self.place()
        {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        f.write_str(self.message())?;
        if let Some(place) = self.place() {
            write!(f, "\n{place}")?;
        }
        if let Some(hint) = self.advice() {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// The line with a caret below it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self
            .file
            .as_ref()
            .map_or(String::new(), |(_, line, _)| line.to_string());
        let margin = number.len().max(1);
        writeln!(f, "{:margin$} |", "")?;
        writeln!(f, "{number:margin$} | {}", self.excerpt)?;
        write!(
            f,
            "{:margin$} | {:indent$}",
            "",
            "",
            indent = self.caret.start
        )?;
        write!(f, "{}", "^".repeat(self.caret.len()))
    }
}

impl Place {
    /// Returns the place of the bytes `span` of `text`, the contents of the file called `label`.
    /// A span outside the text or inside a character is moved to the nearest valid place.
    pub fn in_file(label: &str, text: &str, span: Range<usize>) -> Self {
        let offset = text.floor_char_boundary(span.start);
        let (before, after) = text.split_at(offset);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after
            .find('\n')
            .map_or(text.len(), |newline| offset + newline);
        let line = text[start..end].trim_end_matches('\r');
        let (excerpt, caret) = excerpt(line, offset - start..span.end.saturating_sub(start));
        let number = before.matches('\n').count() + 1;
        let column = text[start..offset].chars().count() + 1;
        Self {
            file: Some((label.to_owned(), number, column)),
            excerpt,
            caret,
        }
    }

    /// Returns the place of the bytes `span` of `argument`, the value of a `--set`.
    pub fn in_override(argument: &str, span: Range<usize>) -> Self {
        const OPTION: &str = "--set ";
        let (excerpt, caret) = excerpt(argument, span);
        let caret = caret.start + OPTION.len()..caret.end + OPTION.len();
        Self {
            file: None,
            excerpt: format!("{OPTION}{excerpt}"),
            caret,
        }
    }
}

/// Returns a text from outside as it is echoed in a message.
pub(crate) fn echo(text: &str) -> String {
    data::excerpt(text, ECHO)
}

/// Returns `line` as it is shown, and the columns of its bytes `span` there.
fn excerpt(line: &str, span: Range<usize>) -> (String, Range<usize>) {
    let bytes = line.floor_char_boundary(span.start)..line.floor_char_boundary(span.end);
    let first = line[..bytes.start].chars().count();
    let last = first
        + line
            .get(bytes)
            .map_or(0, |wrong| wrong.chars().count())
            .max(1);
    let total = line.chars().count();
    let skipped = if total > WIDTH {
        first.saturating_sub(BEFORE)
    } else {
        0
    };

    let mut shown = String::from(if skipped > 0 { "…" } else { "" });
    let mut columns = shown.chars().count();
    let mut caret = None;
    let mut caret_end = None;
    for (index, c) in line.chars().enumerate().skip(skipped).take(WIDTH) {
        if index == first {
            caret = Some(columns);
        }
        if index == last {
            caret_end = Some(columns);
        }
        let piece = visible(c);
        columns += piece.chars().count();
        shown.push_str(&piece);
    }
    let caret = caret.unwrap_or(columns);
    let caret_end = caret_end.unwrap_or(columns).max(caret + 1);
    if total > skipped + WIDTH {
        shown.push('…');
    }
    (shown, caret..caret_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_span_has_a_place() {
        let text = "a = \"\u{e9}\u{1F457}\"\t#\r\n\r\n\n  b\u{301} = [\u{7}";
        for start in 0..text.len() + 3 {
            for end in 0..text.len() + 3 {
                for place in [
                    Place::in_file("f", text, start..end),
                    Place::in_override(text, start..end),
                ] {
                    assert!(!place.caret.is_empty());
                    assert!(place.caret.start <= place.excerpt.chars().count());
                    assert!(!place.excerpt.chars().any(char::is_control));
                }
            }
        }
        let empty = Place::in_file("f", "", 0..9);
        assert_eq!(
            (empty.file, empty.caret),
            (Some(("f".to_owned(), 1, 1)), 0..1)
        );
        assert_eq!(
            Place::in_file("f", "a\r\nb\u{e9}c", 6..7).file,
            Some(("f".to_owned(), 2, 3))
        );
    }
}

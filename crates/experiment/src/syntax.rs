//! TOML's own errors in plain words.

use std::ops::Range;

use crate::ConfigError;

/// Prefix of an error of the `toml` crate, the message shown instead, and the hint. The first match counts; an
/// error without a match keeps its message.
const PLAIN: &[(&str, &str, &str)] = &[
    (
        "string values must be quoted",
        "this is neither a number nor text in quotes",
        "write \"...\" around text; a list is [256, 128]",
    ),
    (
        "key with no value",
        "expected `=` after the key",
        "a setting is one line: key = value",
    ),
    (
        "duplicate key",
        "this is set twice",
        "keep one of the two; a [table] may appear once",
    ),
    (
        "cannot extend value",
        "this is set twice",
        "it is a value above and a table here",
    ),
    (
        "invalid basic string, expected `\"`",
        "the text has no closing quote",
        "write \"...\" around it",
    ),
    (
        "invalid literal string, expected `'`",
        "the text has no closing quote",
        "write \"...\" around it",
    ),
    (
        "missing escaped value",
        "unknown escape after `\\`",
        "write a single backslash as \\\\, or use '...'",
    ),
    (
        "unclosed table",
        "the table name has no closing `]`",
        "write [name]",
    ),
    (
        "unclosed array table",
        "the table name has no closing `]]`",
        "write [name]",
    ),
    (
        "unclosed array",
        "the list has no closing `]`",
        "write [256, 128]",
    ),
    (
        "unclosed inline table",
        "the table has no closing `}`",
        "write { key = value }",
    ),
    (
        "missing comma",
        "expected `,`",
        "write a comma between two entries",
    ),
    (
        "unexpected key or value",
        "expected the end of the line",
        "write one setting per line",
    ),
    (
        "unexpected content",
        "expected the end of the value",
        "write one value",
    ),
    (
        "unexpected leading zero",
        "a number must not begin with 0",
        "remove the 0",
    ),
    (
        "invalid boolean",
        "this is neither a number nor text in quotes",
        "write true or false in lower case, or \"...\" around text",
    ),
    (
        "invalid mantissa",
        "this is not a number",
        "write a digit before the point: 0.5",
    ),
    (
        "invalid fraction",
        "this is not a number",
        "write a digit after the point: 1.0",
    ),
    (
        "unquoted keys cannot be empty",
        "the key is missing",
        "a setting is one line: key = value",
    ),
    (
        "invalid unquoted key",
        "a key has only letters a to z, digits, `-` and `_`",
        "see the keys in configs/fashion-mnist.toml",
    ),
];

/// Returns the error in plain words, and the bytes of `text` it is about.
pub(crate) fn explain(error: &toml::de::Error, text: &str) -> (ConfigError, Range<usize>) {
    let span = error.span().unwrap_or(text.len()..text.len());
    let missing = text
        .get(span.clone())
        .is_some_and(|wrong| wrong.trim().is_empty());
    if missing && error.message().starts_with("string values must be quoted") {
        let advice = "a setting is one line: key = value";
        return (ConfigError::new("the value is missing").hint(advice), span);
    }
    let span = if error.message().starts_with("unexpected key or value") {
        begin_of_key(text, span)
    } else {
        span
    };
    let plain = PLAIN
        .iter()
        .find(|(begin, ..)| error.message().starts_with(begin));
    let error = match plain {
        Some((_, message, advice)) => ConfigError::new(*message).hint(*advice),
        None => ConfigError::new(error.message().trim_end_matches(", expected nothing"))
            .hint("the format is TOML, see https://toml.io"),
    };
    (error, span)
}

/// Returns the bytes of a second setting on a line; TOML's error points at its `=`.
fn begin_of_key(text: &str, span: Range<usize>) -> Range<usize> {
    let Some((before, after)) = text.split_at_checked(span.start) else {
        return span;
    };
    let key = before.trim_end_matches([' ', '\t']);
    let start = key
        .trim_end_matches(|c: char| c.is_alphanumeric() || "-_.".contains(c))
        .len();
    if after.starts_with('=') {
        start..key.len()
    } else {
        span
    }
}

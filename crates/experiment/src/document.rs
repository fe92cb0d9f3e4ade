//! A file with its overrides merged in; every value has the position where it was set.
//!
//! A position is a single number: the file's bytes come first, then those of each `--set` argument, with
//! a gap of one so that the end of one text is not the beginning of the next.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::echo;
use crate::{ConfigError, Place, Source, syntax};

/// Bytes in all the texts, file first.
pub(crate) type Span = Range<usize>;
/// The keys of a table with their values.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// A config as written, not yet checked against the known keys.
#[derive(Clone)]
pub(crate) struct Document {
    label: String,
    file: String,
    overrides: Vec<String>,
    /// Keys and values, the overrides merged in.
    pub(crate) root: Entries,
}

/// A key and its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: Span,
    pub(crate) node: Node,
}

/// A value and where it was set.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// A TOML value.
#[derive(Clone)]
pub(crate) enum Value {
    Text(String),
    /// Saturated if it is larger than any range allows.
    Integer(i128),
    Float(f64),
    Flag(bool),
    Date,
    List(Vec<Node>),
    Table(Entries),
}

impl Document {
    /// Reads the file, then the overrides in order; the last one to set a key wins.
    pub(crate) fn parse(source: Source, overrides: &[String]) -> Result<Self, ConfigError> {
        let Source { label, text } = source;
        let text = text
            .strip_prefix('\u{feff}')
            .map(str::to_owned)
            .unwrap_or(text); // a BOM is not part of the text
        let mut document = Self {
            label,
            file: text,
            overrides: Vec::new(),
            root: Entries::new(),
        };
        document.root = document.parse_file()?;
        for argument in overrides {
            let base = document.end() + 1;
            document.overrides.push(argument.clone());
            let newer = document.parse_override(argument, base)?;
            merge(&mut document.root, newer);
        }
        Ok(document)
    }

    /// Returns the place of `span`, for display.
    pub(crate) fn place(&self, span: Span) -> Place {
        match self.text_of(&span) {
            Some((text, local)) if self.is_override(&span) => Place::in_override(text, local),
            Some((text, local)) => Place::in_file(&self.label, text, local),
            None => Place::in_file(&self.label, &self.file, span), // unreachable: spans begin in a text
        }
    }

    /// Returns the bytes of `span`, a whole key or value.
    pub(crate) fn text(&self, span: &Span) -> &str {
        let found = self.text_of(span);
        found
            .and_then(|(text, local)| text.get(local))
            .unwrap_or_default()
    }

    /// Returns the text that `span` begins in, and where in it.
    fn text_of(&self, span: &Span) -> Option<(&str, Span)> {
        let mut base = 0;
        for text in self.texts() {
            if span.start <= base + text.len() {
                return Some((text, span.start - base..span.end.saturating_sub(base)));
            }
            base += text.len() + 1;
        }
        None
    }

    fn texts(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.file).chain(&self.overrides)
    }

    /// Returns where to report values that do not fit together: at the last override among them, else at the
    /// first that the file sets, else nowhere.
    pub(crate) fn blame(&self, keys: &[(&str, &str)]) -> Option<Place> {
        let spans: Vec<&Span> = keys
            .iter()
            .filter_map(|(table, key)| self.find(table, key))
            .collect();
        let overridden = spans
            .iter()
            .filter(|span| self.is_override(span))
            .max_by_key(|span| span.start);
        overridden
            .or(spans.first())
            .map(|span| self.place((*span).clone()))
    }

    fn find(&self, table: &str, key: &str) -> Option<&Span> {
        let entries = match self.root.get(table).map(|entry| &entry.node.value) {
            Some(Value::Table(entries)) => entries,
            _ if table.is_empty() => &self.root,
            _ => return None,
        };
        entries.get(key).map(|entry| &entry.node.span)
    }

    /// Returns whether `span` is in a `--set` argument.
    pub(crate) fn is_override(&self, span: &Span) -> bool {
        span.start > self.file.len()
    }

    /// Returns the position after the last text.
    fn end(&self) -> usize {
        self.texts().map(|text| text.len() + 1).sum::<usize>() - 1
    }

    fn parse_file(&self) -> Result<Entries, ConfigError> {
        let text = &self.file;
        let table = DeTable::parse(text).map_err(|error| self.syntax_error(&error, text, 0))?;
        Ok(entries(table.into_inner(), 0))
    }

    pub(crate) fn syntax_error(
        &self,
        error: &toml::de::Error,
        text: &str,
        base: usize,
    ) -> ConfigError {
        let (error, span) = syntax::explain(error, text);
        error.at(self.place(base + span.start..base + span.end))
    }
}

impl Value {
    /// Returns what the value is, for "expected ..., found ...".
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Text(text) => format!("the text \"{}\"", echo(text)),
            Self::Integer(number) => format!("the whole number {number}"),
            Self::Float(number) => format!("the number {number:?}"),
            Self::Flag(flag) => format!("{flag}"),
            Self::Date => "a date".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

/// Merges `newer` into `older`, tables key by key; values of `newer` win.
fn merge(older: &mut Entries, newer: Entries) {
    for (name, entry) in newer {
        match (older.get_mut(&name).map(|old| &mut old.node.value), entry) {
            (
                Some(Value::Table(old)),
                Entry {
                    node:
                        Node {
                            value: Value::Table(new),
                            ..
                        },
                    ..
                },
            ) => merge(old, new),
            (_, entry) => {
                older.insert(name, entry);
            }
        }
    }
}

fn entries(table: DeTable<'_>, base: usize) -> Entries {
    table
        .into_iter()
        .map(|(key, value)| {
            let span = base + key.span().start..base + key.span().end;
            (
                key.into_inner().into_owned(),
                Entry {
                    key: span,
                    node: node(value, base),
                },
            )
        })
        .collect()
}

/// Returns a parsed value with its position moved by `base`.
pub(crate) fn node(value: Spanned<DeValue<'_>>, base: usize) -> Node {
    let span = base + value.span().start..base + value.span().end;
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(digits) => Value::Integer(
            i128::from_str_radix(digits.as_str(), digits.radix()).unwrap_or(
                if digits.as_str().starts_with('-') {
                    i128::MIN
                } else {
                    i128::MAX
                },
            ),
        ),
        DeValue::Float(digits) => Value::Float(digits.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(list) => {
            Value::List(list.into_iter().map(|item| node(item, base)).collect())
        }
        DeValue::Table(table) => Value::Table(entries(table, base)),
    };
    Node { span, value }
}

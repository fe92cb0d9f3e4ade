//! One table of a document, read key by key: name, default and range stand in one line of
//! `resolve.rs`, and `wrong_value.rs` has the words for a value that is wrong.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::document::{Document, Entries, Entry, Node, Value};
use crate::keys::{list, nearest};
use crate::{ConfigError, diagnostic::echo};

/// A table, which may be absent: then every key has its default.
pub(crate) struct Table<'d> {
    pub(crate) document: &'d Document,
    pub(crate) name: &'static str,
    entries: Option<&'d Entries>,
}

/// The numbers a key may have: a test, and the words for it.
pub(crate) struct Limit(pub(crate) fn(f64) -> bool, pub(crate) &'static str);

/// Whole numbers of any width.
pub(crate) trait Whole: TryFrom<i128> + PartialOrd + Display {}
impl<T: TryFrom<i128> + PartialOrd + Display> Whole for T {}

impl<'d> Table<'d> {
    /// Returns the keys above the first table.
    pub(crate) fn top(document: &'d Document) -> Self {
        Self {
            document,
            name: "",
            entries: Some(&document.root),
        }
    }

    /// Returns the table called `name`.
    pub(crate) fn of(document: &'d Document, name: &'static str) -> Self {
        let entries = match document.root.get(name).map(|entry| &entry.node.value) {
            Some(Value::Table(entries)) => Some(entries),
            _ => None,
        };
        Self {
            document,
            name,
            entries,
        }
    }

    /// Returns whether the table was written at all.
    pub(crate) fn is_present(&self) -> bool {
        self.entries.is_some()
    }

    /// Returns a number within `limit`, also after it is rounded to single precision, in which the
    /// weights are.
    pub(crate) fn number(
        &self,
        key: &str,
        default: f64,
        limit: &Limit,
    ) -> Result<f64, ConfigError> {
        let Some(node) = self.node(key) else {
            return Ok(default);
        };
        let example = format!("{default:?}");
        let number = match node.value {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            _ => return Err(self.wrong_type(key, node, "a number", &example)),
        };
        let Limit(allows, words) = limit;
        let single = f64::from(number as f32);
        let problem = if !number.is_finite() {
            "must be a finite number".to_owned()
        } else if !single.is_finite() {
            "must be a number that fits single precision".to_owned()
        } else if !allows(number) {
            format!("must be {words}")
        } else if !allows(single) {
            format!("must be {words}, also in single precision, where it is {single:?}")
        } else {
            return Ok(number);
        };
        Err(self.out_of_range(key, node, &problem, &example))
    }

    /// Returns a whole number in `range`.
    pub(crate) fn integer<T: Whole>(
        &self,
        key: &str,
        default: T,
        range: RangeInclusive<T>,
    ) -> Result<T, ConfigError> {
        let Some(node) = self.node(key) else {
            return Ok(default);
        };
        self.integer_in(key, node, &range, "a whole number", &default.to_string())
    }

    /// Returns a list of whole numbers in `range`; by default with one number.
    pub(crate) fn integers<T: Whole>(
        &self,
        key: &str,
        default: T,
        range: RangeInclusive<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let Some(node) = self.node(key) else {
            return Ok(vec![default]);
        };
        let (expected, example) = ("a list of whole numbers", format!("[{default}]"));
        let Value::List(items) = &node.value else {
            return Err(self.wrong_type(key, node, expected, &example));
        };
        items
            .iter()
            .map(|item| self.integer_in(key, item, &range, expected, &example))
            .collect()
    }

    /// Returns true or false.
    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        match self.node(key) {
            None => Ok(default),
            Some(Node {
                value: Value::Flag(flag),
                ..
            }) => Ok(*flag),
            Some(node) => Err(self.wrong_type(key, node, "true or false", &default.to_string())),
        }
    }

    /// Returns a text that is not empty and has no control characters.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        self.node(key)
            .map(|node| self.text_of(key, node, "text", "\"...\""))
            .transpose()
    }

    /// Returns a list of such texts.
    pub(crate) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(node) = self.node(key) else {
            return Ok(None);
        };
        let (expected, example) = ("a list of texts", "[\"cat\", \"dog\"]");
        let Value::List(items) = &node.value else {
            return Err(self.wrong_type(key, node, expected, example));
        };
        let texts: Result<_, _> = items
            .iter()
            .map(|item| self.text_of(key, item, expected, example))
            .collect();
        texts.map(Some)
    }

    /// Returns the choice whose name was written.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &str,
        default: T,
        choices: &[(&'static str, T)],
    ) -> Result<T, ConfigError> {
        let Some(node) = self.node(key) else {
            return Ok(default);
        };
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let Value::Text(word) = &node.value else {
            return Err(self.wrong_type(
                key,
                node,
                &format!("one of {}", list(&names)),
                &format!("\"{}\"", names.first().unwrap_or(&"")),
            ));
        };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| name == word) {
            return Ok(*choice);
        }
        let message = format!("unknown value \"{}\" for `{}`", echo(word), self.path(key));
        let choices = format!("the choices are {}", list(&names));
        Err(self
            .refuse_node(node, message)
            .hint(match nearest(word, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? {choices}"),
                None => choices,
            }))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'d Entry> {
        self.entries.and_then(|entries| entries.get(key))
    }

    pub(crate) fn node(&self, key: &str) -> Option<&'d Node> {
        self.get(key).map(|entry| &entry.node)
    }

    fn integer_in<T: Whole>(
        &self,
        key: &str,
        node: &Node,
        range: &RangeInclusive<T>,
        expected: &str,
        example: &str,
    ) -> Result<T, ConfigError> {
        let Value::Integer(number) = node.value else {
            return Err(self.wrong_type(key, node, expected, example));
        };
        match T::try_from(number) {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => {
                let problem = format!("must be {} to {}", range.start(), range.end());
                Err(self.out_of_range(key, node, &problem, example))
            }
        }
    }

    fn text_of(
        &self,
        key: &str,
        node: &Node,
        expected: &str,
        example: &str,
    ) -> Result<String, ConfigError> {
        let path = self.path(key);
        match &node.value {
            Value::Text(text) if text.is_empty() => Err(self
                .refuse_node(node, format!("`{path}` has an empty text"))
                .hint("write something between the quotes")),
            Value::Text(text) if text.chars().any(char::is_control) => {
                let message = format!("`{path}` has a control character: \"{}\"", echo(text));
                Err(self
                    .refuse_node(node, message)
                    .hint("write it on one line, with spaces"))
            }
            Value::Text(text) => Ok(text.clone()),
            _ => Err(self.wrong_type(key, node, expected, example)),
        }
    }
}

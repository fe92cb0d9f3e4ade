//! One table of a document, read key by key: type, default and range come from `reference.rs`, and the
//! messages for wrong values from `wrong_value.rs`.

use std::ops::{RangeBounds, RangeInclusive};

use crate::document::{Document, Entries, Entry, Node, Value};
use crate::keys::{list, nearest};
use crate::reference::{Kind, Limit, Section};
use crate::{ConfigError, diagnostic::echo};

/// The value of a key that is a name or a list of numbers.
pub(crate) enum WordOrNumbers {
    Word(&'static str),
    Numbers(Vec<f64>),
}

/// A table; if it is absent, every key has its default.
pub(crate) struct Table<'d> {
    pub(crate) document: &'d Document,
    pub(crate) name: &'static str,
    entries: Option<&'d Entries>,
}

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

    /// Returns whether the table is present.
    pub(crate) fn is_present(&self) -> bool {
        self.entries.is_some()
    }

    /// Returns a number within its limits, also after rounding to single precision, the precision of the weights.
    pub(crate) fn number(&self, key: &str) -> Result<f64, ConfigError> {
        match self.kind(key) {
            Some(&Kind::Number(default, _)) => self.number_or(key, default),
            _ => Err(self.misread(key)),
        }
    }

    /// Returns the same with another default.
    pub(crate) fn number_or(&self, key: &str, default: f64) -> Result<f64, ConfigError> {
        let Some(Kind::Number(_, limit)) = self.kind(key) else {
            return Err(self.misread(key));
        };
        match self.node(key) {
            None => Ok(default),
            Some(node) => {
                let default = format!("{default:?}");
                self.number_in(key, node, limit, ("a number", &default), &default)
            }
        }
    }

    /// Returns the name that was written, after checking that it exists, or the numbers, each within its limits.
    pub(crate) fn word_or_numbers(&self, key: &str) -> Result<WordOrNumbers, ConfigError> {
        let Some(Kind::ChoiceOrNumbers(default, names, limit)) = self.kind(key) else {
            return Err(self.misread(key));
        };
        let Some(node) = self.node(key) else {
            return Ok(WordOrNumbers::Word(default));
        };
        let expected = format!("one of {} or a list of numbers", list(names));
        let example = "[1.0, 2.5]";
        match &node.value {
            Value::Text(word) => self.known(key, node, word, names).map(WordOrNumbers::Word),
            Value::List(items) => {
                let (expected, default) = ((expected.as_str(), example), format!("{default:?}"));
                let numbers = items
                    .iter()
                    .map(|item| self.number_in(key, item, limit, expected, &default));
                numbers
                    .collect::<Result<_, _>>()
                    .map(WordOrNumbers::Numbers)
            }
            _ => Err(self.wrong_type(key, node, &expected, example)),
        }
    }

    fn number_in(
        &self,
        key: &str,
        node: &Node,
        limit: &Limit,
        (expected, example): (&str, &str),
        default: &str,
    ) -> Result<f64, ConfigError> {
        let number = match node.value {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            _ => return Err(self.wrong_type(key, node, expected, example)),
        };
        let (range, words) = (&limit.range, limit.words);
        let single = f64::from(number as f32);
        let problem = if !number.is_finite() {
            "must be a finite number".to_owned()
        } else if !single.is_finite() {
            "must be a number that fits single precision".to_owned()
        } else if !range.contains(&number) {
            format!("must be {words}")
        } else if !range.contains(&single) {
            format!("must be {words}, also in single precision, where it is {single:?}")
        } else {
            return Ok(number);
        };
        Err(self.out_of_range(key, node, &problem, default))
    }

    /// Returns a whole number in its range.
    pub(crate) fn integer<T: TryFrom<u64>>(&self, key: &str) -> Result<T, ConfigError> {
        let Some(Kind::Integer(default, range)) = self.kind(key) else {
            return Err(self.misread(key));
        };
        let number = match self.node(key) {
            None => *default,
            Some(node) => {
                self.integer_in(key, node, range, "a whole number", &default.to_string())?
            }
        };
        T::try_from(number).map_err(|_| self.misread(key))
    }

    /// Returns a list of whole numbers in their range.
    pub(crate) fn integers<T: TryFrom<u64>>(&self, key: &str) -> Result<Vec<T>, ConfigError> {
        let Some(Kind::Integers(default, range)) = self.kind(key) else {
            return Err(self.misread(key));
        };
        let (expected, example) = ("a list of whole numbers", format!("{default:?}"));
        let numbers = match self.node(key).map(|node| (node, &node.value)) {
            None => default.to_vec(),
            Some((_, Value::List(items))) => items
                .iter()
                .map(|item| self.integer_in(key, item, range, expected, &example))
                .collect::<Result<_, _>>()?,
            Some((node, _)) => return Err(self.wrong_type(key, node, expected, &example)),
        };
        let numbers = numbers.into_iter().map(T::try_from);
        numbers
            .collect::<Result<_, _>>()
            .map_err(|_| self.misread(key))
    }

    /// Returns true or false.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, ConfigError> {
        let Some(&Kind::Flag(default)) = self.kind(key) else {
            return Err(self.misread(key));
        };
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
    pub(crate) fn text(&self, key: &str) -> Result<String, ConfigError> {
        match (self.kind(key), self.node(key)) {
            (Some(Kind::Text(default)), None) => Ok((*default).to_owned()),
            (Some(Kind::Text(_)), Some(node)) => self.text_of(key, node, "text", "\"...\""),
            _ => Err(self.misread(key)),
        }
    }

    /// Returns such a text, if present.
    pub(crate) fn optional_text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let Some(Kind::OptionalText) = self.kind(key) else {
            return Err(self.misread(key));
        };
        self.node(key)
            .map(|node| self.text_of(key, node, "text", "\"...\""))
            .transpose()
    }

    /// Returns a list of such texts, if present.
    pub(crate) fn optional_texts(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(Kind::OptionalTexts) = self.kind(key) else {
            return Err(self.misread(key));
        };
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

    /// Returns the choice with the name that was written.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&'static str, T)],
    ) -> Result<T, ConfigError> {
        let word = self.word(key)?;
        let chosen = choices.iter().find(|(name, _)| *name == word);
        chosen
            .map(|(_, choice)| *choice)
            .ok_or_else(|| self.misread(key))
    }

    /// Returns the name that was written, after checking that it exists.
    pub(crate) fn word(&self, key: &str) -> Result<&'static str, ConfigError> {
        let Some(Kind::Choice(default, names)) = self.kind(key) else {
            return Err(self.misread(key));
        };
        let Some(node) = self.node(key) else {
            return Ok(default);
        };
        let names = names();
        let Value::Text(word) = &node.value else {
            return Err(self.wrong_type(
                key,
                node,
                &format!("one of {}", list(&names)),
                &format!("\"{}\"", names.first().unwrap_or(&"")),
            ));
        };
        self.known(key, node, word, &names)
    }

    /// Returns the name in `names` that is `word`.
    fn known(
        &self,
        key: &str,
        node: &Node,
        word: &str,
        names: &[&'static str],
    ) -> Result<&'static str, ConfigError> {
        if let Some(name) = names.iter().find(|name| **name == word) {
            return Ok(name);
        }
        let message = format!("unknown value \"{}\" for `{}`", echo(word), self.path(key));
        let choices = format!("the choices are {}", list(names));
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

    fn kind(&self, key: &str) -> Option<&'static Kind> {
        Some(&Section::named(self.name)?.key(key)?.kind)
    }

    fn integer_in(
        &self,
        key: &str,
        node: &Node,
        range: &RangeInclusive<u64>,
        expected: &str,
        example: &str,
    ) -> Result<u64, ConfigError> {
        let Value::Integer(number) = node.value else {
            return Err(self.wrong_type(key, node, expected, example));
        };
        match u64::try_from(number) {
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

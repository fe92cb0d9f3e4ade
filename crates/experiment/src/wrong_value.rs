//! Messages for values of the wrong type or size, or in the wrong place.

use crate::document::{Node, Value};
use crate::keys::{self, list};
use crate::reference::Section;
use crate::table::Table;
use crate::{ConfigError, diagnostic::echo};

impl Table<'_> {
    /// Refuses the first key that is not used with `kind`, the value of the key `chooser`.
    ///
    /// A key from the file is ignored if `name` comes from a `--set`: `--set
    /// optimizer.name=sgd` works with a file that spells out Adam's constants.
    pub(crate) fn refuse_unread(&self, chooser: &str, kind: &str) -> Result<(), ConfigError> {
        let keys = Section::named(self.name).map_or(&[][..], |section| section.keys);
        let mut limited = keys.iter().filter(|key| !key.only_for.is_empty());
        limited.try_for_each(|key| self.only_for(key.name, key.only_for, [chooser, kind]))
    }

    fn only_for(
        &self,
        key: &str,
        readers: &[&str],
        [chooser, kind]: [&str; 2],
    ) -> Result<(), ConfigError> {
        let Some(entry) = self.get(key).filter(|_| !readers.contains(&kind)) else {
            return Ok(());
        };
        let renamed = self
            .get(chooser)
            .is_some_and(|name| self.document.is_override(&name.node.span));
        if renamed && !self.document.is_override(&entry.key) {
            return Ok(());
        }
        let verb = if readers.len() == 1 { "uses" } else { "use" };
        let message = format!(
            "`{}` is not used when `{}` is `{kind}`",
            self.path(key),
            self.path(chooser)
        );
        let hint = format!(
            "only {} {verb} it: remove it or choose another `{chooser}`",
            list(readers)
        );
        Err(ConfigError::new(message)
            .at(self.document.place(entry.key.clone()))
            .hint(hint))
    }

    /// Returns an error at the value of `key`, if present.
    pub(crate) fn refuse(&self, key: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::new(message).at(self
            .node(key)
            .map(|node| self.document.place(node.span.clone())))
    }

    pub(crate) fn refuse_node(&self, node: &Node, message: String) -> ConfigError {
        ConfigError::new(message).at(self.document.place(node.span.clone()))
    }

    pub(crate) fn path(&self, key: &str) -> String {
        keys::path(self.name, key)
    }

    /// Returns the error for a key that is read with another type than the reference gives it.
    pub(crate) fn misread(&self, key: &str) -> ConfigError {
        let message = format!("`{}` is read with the wrong type", self.path(key));
        ConfigError::new(message).hint("this is a bug in the program; please report it")
    }

    pub(crate) fn out_of_range(
        &self,
        key: &str,
        node: &Node,
        problem: &str,
        default: &str,
    ) -> ConfigError {
        let written = echo(self.document.text(&node.span));
        self.refuse_node(
            node,
            format!("`{}` is {written}, but {problem}", self.path(key)),
        )
        .hint(format!("the default is {default}"))
    }

    pub(crate) fn wrong_type(
        &self,
        key: &str,
        node: &Node,
        expected: &str,
        example: &str,
    ) -> ConfigError {
        let message = format!(
            "expected {expected} for `{}`, found {}",
            self.path(key),
            node.value.describe()
        );
        let written = echo(self.document.text(&node.span));
        self.refuse_node(node, message).hint(match &node.value {
            Value::Text(text) if expected == "a number" && text.parse::<f64>().is_ok() => {
                format!("write {text}")
            }
            Value::Text(text) if expected == "a whole number" && text.parse::<u64>().is_ok() => {
                format!("write {text}")
            }
            Value::Float(number) if expected == "a whole number" && number.fract() == 0.0 => {
                format!("write {number:.0}")
            }
            Value::Integer(number) if expected == "a list of whole numbers" => {
                format!("write [{number}]")
            }
            Value::Integer(_) | Value::Float(_) | Value::Flag(_) | Value::Date
                if expected == "text" =>
            {
                if self.document.is_override(&node.span) {
                    format!("write --set '{}=\"{written}\"'", self.path(key))
                } else {
                    format!("write \"{written}\"")
                }
            }
            _ => format!("for example {example}"),
        })
    }
}

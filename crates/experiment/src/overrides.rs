//! One `--set` argument: a key, `=`, and a value.

use toml::de::DeValue;

use crate::ConfigError;
use crate::document::{Document, Entries, Entry, Node, Span, Value, node};

impl Document {
    /// Reads `key=value` or `table.key=value`; a value that is not TOML is text without quotes.
    pub(crate) fn parse_override(
        &self,
        argument: &str,
        base: usize,
    ) -> Result<Entries, ConfigError> {
        let end = argument.len();
        let Some((keys, value)) = argument.split_once('=') else {
            return Err(self.bad_override(
                "expected `=` and a value after the key",
                base + end..base + end,
            ));
        };
        let node = match value.trim() {
            "" => return Err(self.bad_override("the value is missing", base + end..base + end)),
            text => self.parse_value(text, base + end - value.trim_start().len())?,
        };
        match keys.split_once('.') {
            None => Ok(Entries::from([self.parse_key(keys, base, node)?])),
            Some((table, key)) => {
                let inner = Entries::from([self.parse_key(key, base + table.len() + 1, node)?]);
                let outer = Node {
                    span: base..base + keys.len(),
                    value: Value::Table(inner),
                };
                Ok(Entries::from([self.parse_key(table, base, outer)?]))
            }
        }
    }

    /// Returns the name in `key`, which begins at `base`, with its value.
    fn parse_key(
        &self,
        key: &str,
        base: usize,
        node: Node,
    ) -> Result<(String, Entry), ConfigError> {
        let start = base + key.len() - key.trim_start().len();
        let name = key.trim();
        let span = start..start + name.len();
        if name.is_empty() {
            return Err(self.bad_override("the key is missing", span));
        }
        if !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        {
            return Err(self.bad_override(
                "a key is one name, or a table and a name with a `.` between them",
                span,
            ));
        }
        Ok((name.to_owned(), Entry { key: span, node }))
    }

    fn parse_value(&self, text: &str, base: usize) -> Result<Node, ConfigError> {
        match DeValue::parse(text) {
            Ok(value) => Ok(node(value, base)),
            Err(error) if text.starts_with(['[', '{', '"', '\'']) => {
                Err(self.syntax_error(&error, text, base))
            }
            Err(_) => Ok(Node {
                span: base..base + text.len(),
                value: Value::Text(text.to_owned()),
            }),
        }
    }

    fn bad_override(&self, message: &str, span: Span) -> ConfigError {
        let hint = "write --set key=value, for example --set optimizer.learning_rate=3e-4";
        ConfigError::new(message).at(self.place(span)).hint(hint)
    }
}

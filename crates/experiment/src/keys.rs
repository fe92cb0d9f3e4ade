//! Checking that keys exist, and suggesting the closest match to one that does not.

use crate::document::{Document, Entries, Entry, Span, Value};
use crate::reference::{SECTIONS, Section};
use crate::{ConfigError, diagnostic::echo};

/// Names from other libraries that a similarity measure would not match.
const ALIASES: &[(&str, &str)] = &[
    ("lr", "learning_rate"),
    ("eps", "epsilon"),
    ("wd", "weight_decay"),
    ("layers", "hidden"),
    ("units", "hidden"),
];

/// Minimum similarity of two names for a suggestion, 0 to 1.
const ALIKE: f64 = 0.8;

/// Checks that every key of the document exists; the error is about the first that does not, in file order.
pub(crate) fn check(document: &Document) -> Result<(), ConfigError> {
    for (name, entry) in in_order(&document.root) {
        if keys_of("").contains(&name) {
            continue; // a value, whose type is checked when it is read
        }
        let known = !name.is_empty() && !keys_of(name).is_empty();
        match &entry.node.value {
            Value::Table(_) if !known => return Err(unknown_table(document, name, &entry.key)),
            Value::Table(entries) => {
                if let Some((key, entry)) = in_order(entries)
                    .into_iter()
                    .find(|(key, _)| !keys_of(name).contains(key))
                {
                    return Err(unknown_key(document, name, key, &entry.key));
                }
            }
            _ if !known => return Err(unknown_key(document, "", name, &entry.key)),
            other => {
                let message = format!("expected a table for `{name}`, found {}", other.describe());
                let hint = if document.is_override(&entry.node.span) {
                    let keys = keys_of(name);
                    let key = keys.first().unwrap_or(&"key");
                    format!("write --set {name}.{key}=value")
                } else {
                    format!("write [{name}], and its keys on the lines below")
                };
                return Err(ConfigError::new(message)
                    .at(document.place(entry.node.span.clone()))
                    .hint(hint));
            }
        }
    }
    Ok(())
}

/// Returns the choice most similar to `word`, if one is similar enough.
pub(crate) fn nearest<'c>(
    word: &str,
    choices: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let word: String = word
        .chars()
        .take(64)
        .collect::<String>()
        .to_lowercase()
        .replace('-', "_");
    let likeness = choices
        .into_iter()
        .map(|choice| (strsim::jaro_winkler(&word, choice), choice));
    let best = likeness.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    (best.0 >= ALIKE).then_some(best.1)
}

/// Returns names in backticks with commas between.
pub(crate) fn list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns `table.key`, the way `--set` writes it.
pub(crate) fn path(table: &str, key: &str) -> String {
    match table {
        "" => key.to_owned(),
        _ => format!("{table}.{key}"),
    }
}

fn unknown_table(document: &Document, name: &str, key: &Span) -> ConfigError {
    let tables: Vec<&str> = SECTIONS
        .iter()
        .map(|section| section.name)
        .filter(|table| !table.is_empty())
        .collect();
    let hint = match nearest(name, tables.iter().copied()) {
        Some(table) => format!("did you mean [{table}]?"),
        None => format!("the tables are {}", list(&tables)),
    };
    ConfigError::new(format!("unknown table [{}]", echo(name)))
        .at(document.place(key.clone()))
        .hint(hint)
}

fn unknown_key(document: &Document, table: &str, key: &str, span: &Span) -> ConfigError {
    let message = match table {
        "" => format!("unknown key `{}`", echo(key)),
        _ => format!("unknown key `{}` in [{table}]", echo(key)),
    };
    let alias = ALIASES
        .iter()
        .find(|(alias, _)| *alias == key)
        .map(|(_, name)| *name);
    let key = alias.unwrap_or(key);
    let home = SECTIONS
        .iter()
        .find(|section| section.key(key).is_some())
        .map(|section| section.name);
    let hint = match home {
        Some(home) if home == table => format!("did you mean `{key}`?"),
        Some(home) if document.is_override(span) => format!("did you mean `{}`?", path(home, key)),
        Some("") => format!("`{key}` belongs at the top of the file, above the first [table]"),
        Some(home) => format!("`{key}` belongs in [{home}]"),
        None => match (nearest(key, keys_of(table)), table) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, "") => format!(
                "the keys above the first [table] are {}",
                list(&keys_of(""))
            ),
            (None, _) => format!("the keys of [{table}] are {}", list(&keys_of(table))),
        },
    };
    ConfigError::new(message)
        .at(document.place(span.clone()))
        .hint(hint)
}

/// Returns whether an experiment has a table of this name.
pub(crate) fn is_table(name: &str) -> bool {
    !matches!(name, "" | "sweep") && !keys_of(name).is_empty()
}

/// Returns the keys of a table; empty if there is no such table.
fn keys_of(table: &str) -> Vec<&'static str> {
    let keys = Section::named(table).map_or(&[][..], |section| section.keys);
    keys.iter().map(|key| key.name).collect()
}

/// Returns the entries in the order they were written.
fn in_order(entries: &Entries) -> Vec<(&str, &Entry)> {
    let mut list: Vec<_> = entries
        .iter()
        .map(|(name, entry)| (name.as_str(), entry))
        .collect();
    list.sort_by_key(|(_, entry)| entry.key.start);
    list
}

//! `[sweep.grid]` and `[sweep.random]`: keys with their possible values, and the values of each setting.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::document::{Entries, Entry, Node, Value};
use crate::table::Table;
use crate::{ConfigError, diagnostic::echo, keys};

/// A key with its possible values.
pub(crate) struct Axis<'d> {
    pub table: &'d str,
    pub key: &'d str,
    pub entry: &'d Entry,
    choices: Choices<'d>,
}

enum Choices<'d> {
    Of(&'d [Node]),
    Between(Range),
}

/// A range that values are drawn from.
struct Range {
    from: f64,
    to: f64,
    /// Whether to draw uniformly on a logarithmic scale.
    log: bool,
    /// Whether both ends, and so the values drawn, are whole numbers.
    whole: bool,
}

/// A key's value in one setting.
pub(crate) struct Assignment<'d> {
    pub axis: &'d Axis<'d>,
    pub node: Node,
    /// The value as TOML.
    pub text: String,
}

/// Returns the keys in the table `[sweep.<kind>]`, in the order they are written.
pub(crate) fn axes<'d>(table: &Table<'d>, kind: &str) -> Result<Vec<Axis<'d>>, ConfigError> {
    let Some(entry) = table.get(kind) else {
        return Ok(Vec::new());
    };
    let Value::Table(entries) = &entry.node.value else {
        let message = format!(
            "expected a table for `sweep.{kind}`, found {}",
            entry.node.value.describe()
        );
        return Err(table.refuse_node(&entry.node, message).hint(format!(
            "write [sweep.{kind}], and keys with lists of values below"
        )));
    };
    let mut axes = Vec::new();
    for (name, entry) in entries {
        match &entry.node.value {
            Value::Table(inner) if keys::is_table(name) => {
                for (key, entry) in inner {
                    axes.push(axis(table, kind, name, key, entry)?);
                }
            }
            _ => axes.push(axis(table, kind, "", name, entry)?),
        }
    }
    axes.sort_by_key(|axis| axis.entry.key.start);
    Ok(axes)
}

fn axis<'d>(
    sweep: &Table<'d>,
    kind: &str,
    table: &'d str,
    key: &'d str,
    entry: &'d Entry,
) -> Result<Axis<'d>, ConfigError> {
    let path = keys::path(table, key);
    let refuse = |message: String, hint: &str| {
        let place = sweep.document.place(entry.key.clone());
        Err(ConfigError::new(message).at(place).hint(hint))
    };
    match path.as_str() {
        "seed" => {
            return refuse(
                "`seed` cannot be a setting".into(),
                "write seeds = 10 in [sweep] to train each setting ten times",
            );
        }
        "name" => {
            return refuse(
                "`name` cannot be a setting".into(),
                "a sweep has one name, at the top of the file",
            );
        }
        _ => {}
    }
    let choices = match &entry.node.value {
        Value::List(items) if !items.is_empty() => Choices::Of(items),
        Value::Table(range) if kind == "random" => {
            Choices::Between(self::range(sweep, &path, entry, range)?)
        }
        other => {
            let message = format!(
                "expected values for `{}`, found {}",
                echo(&path),
                other.describe()
            );
            return refuse(
                message,
                match kind {
                    "random" => "write a list, or a range: { from = 1e-4, to = 1e-2, log = true }",
                    _ => "write a list of values, for example [1e-3, 3e-3]",
                },
            );
        }
    };
    Ok(Axis {
        table,
        key,
        entry,
        choices,
    })
}

fn range(sweep: &Table, path: &str, entry: &Entry, range: &Entries) -> Result<Range, ConfigError> {
    let number = |key: &str| match range.get(key).map(|entry| &entry.node.value) {
        Some(Value::Integer(number)) => Some((*number as f64, true)),
        Some(Value::Float(number)) if number.is_finite() => Some((*number, false)),
        _ => None,
    };
    let log = match range.get("log").map(|entry| &entry.node.value) {
        None => Some(false),
        Some(Value::Flag(log)) => Some(*log),
        Some(_) => None,
    };
    let known = range
        .keys()
        .all(|key| ["from", "to", "log"].contains(&key.as_str()));
    if let (Some((from, whole_from)), Some((to, whole_to)), Some(log), true) =
        (number("from"), number("to"), log, known)
    {
        let positive = !log || from > 0.0;
        if from < to && positive {
            return Ok(Range {
                from,
                to,
                log,
                whole: whole_from && whole_to,
            });
        }
    }
    let message = format!("`{}` has no valid range", echo(path));
    Err(sweep
        .refuse_node(&entry.node, message)
        .hint("write { from = 1e-4, to = 1e-2, log = true }: two numbers, the second above the first, above 0 with log"))
}

/// Returns every combination of the grid's values; if there is no grid, one that sets nothing.
pub(crate) fn cells<'d>(grid: &'d [Axis<'d>]) -> Vec<Vec<Assignment<'d>>> {
    let mut cells: Vec<Vec<(&Axis, &Node)>> = vec![Vec::new()];
    for axis in grid {
        let Choices::Of(items) = axis.choices else {
            continue;
        };
        let extended = |cell: Vec<_>| {
            items
                .iter()
                .map(move |item| [&cell[..], &[(axis, item)]].concat())
        };
        cells = cells.into_iter().flat_map(extended).collect();
    }
    let assign = |(axis, node): (&'d Axis<'d>, &Node)| Assignment {
        axis,
        node: node.clone(),
        text: node.to_toml(),
    };
    cells
        .into_iter()
        .map(|cell| cell.into_iter().map(assign).collect())
        .collect()
}

/// Returns `count` draws of a value for every key. Equal seeds give equal draws.
pub(crate) fn draw<'d>(
    random: &'d [Axis<'d>],
    count: usize,
    seed: u64,
) -> Vec<Vec<Assignment<'d>>> {
    let mut numbers = ChaCha8Rng::seed_from_u64(seed);
    let mut share = || (numbers.next_u64() >> 11) as f64 / (1u64 << 53) as f64; // 0 to below 1
    let mut one = |axis: &'d Axis<'d>| {
        let share = share();
        let node = match &axis.choices {
            Choices::Of(items) => items.get((share * items.len() as f64) as usize).cloned(),
            Choices::Between(range) => Some(Node {
                span: axis.entry.node.span.clone(),
                value: range.at(share),
            }),
        };
        let node = node.unwrap_or_else(|| axis.entry.node.clone()); // unreachable: the share is below 1
        Assignment {
            axis,
            text: node.to_toml(),
            node,
        }
    };
    (0..count)
        .map(|_| random.iter().map(&mut one).collect())
        .collect()
}

impl Axis<'_> {
    /// Returns the number of its values in a grid.
    pub fn count(&self) -> usize {
        match self.choices {
            Choices::Of(items) => items.len(),
            Choices::Between(_) => 1,
        }
    }
}

impl Range {
    /// Returns the value at a share of the range, with three significant digits unless it is a whole number.
    fn at(&self, share: f64) -> Value {
        let Self {
            from,
            to,
            log,
            whole,
        } = *self;
        let to_end = if whole { to + 1.0 } else { to };
        let value = if log {
            from * (to_end / from).powf(share)
        } else {
            from + share * (to_end - from)
        };
        if whole {
            Value::Integer(value.floor().min(to) as i128)
        } else {
            let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
            Value::Float(rounded.clamp(from, to))
        }
    }
}

impl Node {
    /// Returns the value as TOML.
    fn to_toml(&self) -> String {
        match &self.value {
            Value::Text(text) => toml::Value::from(text.as_str()).to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => format!("{number:?}"),
            Value::Flag(flag) => flag.to_string(),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_toml).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Date | Value::Table(_) => self.value.describe(), // no key takes one
        }
    }
}

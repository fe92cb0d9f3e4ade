//! Conditions on runs (`test_accuracy > 0.88`) and sorting them.

use std::cmp::Ordering;
use std::str::FromStr;

use super::list::{self, Summary, is_killed};

/// Fields for conditions and sorting, besides the metrics and the keys of the config.
const FACTS: [&str; 10] = [
    "run",
    "experiment",
    "status",
    "started",
    "backend",
    "seed",
    "epochs",
    "best_epoch",
    "seconds",
    "test_looks",
];

/// Returns the fields for conditions and sorting, besides the keys of the config.
pub fn fields() -> Vec<String> {
    let (facts, last) = FACTS.split_at(FACTS.len() - 1);
    let figures = list::measured().map(|(images, metric)| list::name(images, metric));
    let facts = facts.iter().copied().map(String::from);
    facts
        .chain(figures)
        .chain(last.iter().copied().map(String::from))
        .collect()
}

/// A run's value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// `FIELD OPERATOR VALUE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The field or key of the config.
    pub field: String,
    operator: Operator,
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

/// The operators, longer ones first: `>=` begins with `>`.
const OPERATORS: [(&str, Operator); 8] = [
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("~", Operator::Contains),
];

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['=', '!', '<', '>', '~']);
        let (field, rest) = text.split_at(at.unwrap_or(text.len()));
        let found = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?)));
        let (field, value) = (field.trim(), found.map_or("", |(_, value)| value.trim()));
        match found {
            Some((operator, _)) if !field.is_empty() && !value.is_empty() => Ok(Self {
                field: field.to_string(),
                operator,
                value: Value::of(value),
            }),
            _ => Err(
                "write a field, one of = != < <= > >= ~ (contains), and a value, like \
                 `test_accuracy > 0.88`"
                    .to_string(),
            ),
        }
    }
}

impl Condition {
    /// Returns whether a run meets the condition; `false` if the run has no such value.
    pub fn holds(&self, run: &Summary) -> bool {
        let Some(value) = value(run, &self.field) else {
            return false;
        };
        let order = value.order(&self.value);
        match self.operator {
            Operator::Equal => order == Ordering::Equal,
            Operator::Unequal => order != Ordering::Equal,
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::Greater => order == Ordering::Greater,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::Contains => value.text().contains(&self.value.text()),
        }
    }
}

impl Value {
    fn of(text: &str) -> Self {
        let bare = text.trim_matches(['"', '\'']);
        match bare.parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::Text(bare.to_string()),
        }
    }

    /// Returns the order of two numbers, or of the two as text unless both are numbers.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            _ => self.text().cmp(&other.text()),
        }
    }

    /// Returns the value as text.
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Returns a run's value for a field or a key of its config; `None` if it has none.
pub fn value(run: &Summary, field: &str) -> Option<Value> {
    let number = |number: f64| Some(Value::Number(number));
    let text = |text: &str| Some(Value::Text(text.to_string()));
    match field {
        "run" => text(&run.run),
        "experiment" => text(&run.experiment),
        "status" => text(&status(run)),
        "started" => text(&run.started.to_string()),
        "backend" => text(&run.backend),
        "seed" => number(run.seed as f64),
        "epochs" => number(run.epochs as f64),
        "best_epoch" => run.best_epoch.and_then(|epoch| number(epoch as f64)),
        "seconds" => run.seconds.and_then(number),
        "test_looks" => number(run.test_looks as f64),
        key => match run.figures.get(key) {
            Some(figure) => figure.and_then(number),
            None => run.settings.get(key).map(|value| Value::of(value)),
        },
    }
}

/// Returns a run's status as a word; `killed` if its process ended without a status.
pub fn status(run: &Summary) -> String {
    if is_killed(run) {
        "killed".to_string()
    } else {
        format!("{:?}", run.status).to_lowercase()
    }
}

/// Returns the order of two runs by a field: ascending, those without a value last.
pub fn order(a: &Summary, b: &Summary, field: &str) -> Ordering {
    match (value(a, field), value(b, field)) {
        (Some(a), Some(b)) => a.order(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

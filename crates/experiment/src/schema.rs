//! The reference as a JSON schema, with which editors complete, explain and check configs.

use std::ops::{Bound, RangeInclusive};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::keys;
use crate::reference::{Key, Kind, Limit, SECTIONS, Section};

/// The draft that editors support best, <https://json-schema.org/draft-07>.
const DIALECT: &str = "http://json-schema.org/draft-07/schema#";

/// Returns the JSON schema of a config: an experiment or a sweep. Checks across keys are not in it.
///
/// # Errors
/// Never: the schema depends only on the reference.
pub fn schema() -> Result<String, serde_json::Error> {
    let (top, tables): (Vec<_>, Vec<_>) = SECTIONS.iter().partition(|s| s.name.is_empty());
    let keys = top.iter().flat_map(|top| of_keys(top));
    let tables = tables
        .iter()
        .map(|table| (table.name, object(table.about, of_keys(table))));
    let about = top.first().map_or("", |top| top.about);
    let schema = Schema {
        dialect: Some(DIALECT),
        ..object(about, keys.chain(tables).collect())
    };
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

/// A schema. The fields are in the order in which they are written.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Schema {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    dialect: Option<&'static str>,
    #[serde(rename = "$ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    r#enum: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusive_minimum: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusive_maximum: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Box<Schema>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_items: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    any_of: Vec<Schema>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_properties: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "in_order")]
    properties: Properties,
}

type Properties = Vec<(&'static str, Schema)>;

/// Writes the properties in order: depending on its features, `serde_json` might sort them.
fn in_order<S: Serializer>(properties: &Properties, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(properties.iter().map(|(name, schema)| (name, schema)))
}

fn object(about: &str, properties: Properties) -> Schema {
    Schema {
        description: Some(about.to_owned()).filter(|about| !about.is_empty()),
        r#type: Some("object"),
        additional_properties: Some(false),
        properties,
        ..Schema::default()
    }
}

fn of_keys(section: &Section) -> Properties {
    let keys = section.keys.iter();
    keys.map(|key| (key.name, of_key(key))).collect()
}

fn of_key(key: &Key) -> Schema {
    let schema = match &key.kind {
        Kind::Text(default) => with_default(text(), json!(default)),
        Kind::OptionalText => text(),
        Kind::OptionalTexts => list(text()),
        Kind::Flag(default) => with_default(of_type("boolean"), json!(default)),
        Kind::Number(default, limit) => with_default(number(limit), json!(default)),
        Kind::Integer(default, range) => with_default(integer(range), json!(default)),
        Kind::Integers(default, range) => with_default(list(integer(range)), json!(default)),
        Kind::Choice(default, names) => Schema {
            r#enum: names(),
            ..with_default(of_type("string"), json!(default))
        },
        Kind::ChoiceOrNumbers(default, names, limit) => Schema {
            any_of: vec![
                Schema {
                    r#enum: names.to_vec(),
                    ..of_type("string")
                },
                list(number(limit)),
            ],
            default: Some(json!(default)),
            ..Schema::default()
        },
        Kind::Axes { ranges } => axes(*ranges),
    };
    let about = match key.only_for {
        [] => key.about.to_owned(),
        names => format!("{} (only {})", key.about, names.join(", ")),
    };
    Schema {
        description: Some(about),
        ..schema
    }
}

/// Returns the schema of `[sweep.grid]`, or with `ranges` of `[sweep.random]`.
fn axes(ranges: bool) -> Schema {
    let mut tables = Vec::new();
    for section in SECTIONS.iter().filter(|section| section.name != "sweep") {
        // A sweep has one name, and its own seeds.
        let is_axis =
            |key: &&Key| !section.name.is_empty() || !["name", "seed"].contains(&key.name);
        let keys = section.keys.iter().filter(is_axis);
        let keys = keys.map(|key| (key.name, axis(section, key, ranges)));
        if section.name.is_empty() {
            tables.extend(keys);
        } else {
            tables.push((section.name, object("", keys.collect())));
        }
    }
    object("", tables)
}

/// Returns the schema of the values of a key in a sweep.
fn axis(section: &Section, key: &Key, ranges: bool) -> Schema {
    let path = keys::path(section.name, key.name).replace('.', "/properties/");
    let one = || Schema {
        reference: Some(format!("#/properties/{path}")),
        ..Schema::default()
    };
    let values = Schema {
        min_items: Some(1),
        ..list(one())
    };
    let is_number = matches!(key.kind, Kind::Number(..) | Kind::Integer(..));
    if !ranges || !is_number {
        return values;
    }
    let log = Schema {
        description: Some("Draw uniformly on a logarithmic scale".to_owned()),
        ..with_default(of_type("boolean"), json!(false))
    };
    let range = Schema {
        required: vec!["from", "to"],
        ..object("", vec![("from", one()), ("to", one()), ("log", log)])
    };
    Schema {
        any_of: vec![values, range],
        ..Schema::default()
    }
}

fn of_type(name: &'static str) -> Schema {
    Schema {
        r#type: Some(name),
        ..Schema::default()
    }
}

fn with_default(schema: Schema, default: Value) -> Schema {
    Schema {
        default: Some(default),
        ..schema
    }
}

fn text() -> Schema {
    Schema {
        min_length: Some(1),
        ..of_type("string")
    }
}

fn list(items: Schema) -> Schema {
    Schema {
        items: Some(Box::new(items)),
        ..of_type("array")
    }
}

fn integer(range: &RangeInclusive<u64>) -> Schema {
    Schema {
        minimum: Some(json!(range.start())),
        maximum: Some(json!(range.end())),
        ..of_type("integer")
    }
}

fn number(limit: &Limit) -> Schema {
    let (least, most) = limit.range;
    let included = |bound| match bound {
        Bound::Included(number) => Some(json!(number)),
        _ => None,
    };
    let excluded = |bound| match bound {
        Bound::Excluded(number) => Some(json!(number)),
        _ => None,
    };
    Schema {
        minimum: included(least),
        exclusive_minimum: excluded(least),
        maximum: included(most),
        exclusive_maximum: excluded(most),
        ..of_type("number")
    }
}

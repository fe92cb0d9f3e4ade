//! The schema for editors says what the reader says, and every config names it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

use std::fs;
use std::path::{Path, PathBuf};

use experiment::{ConfigError, Source, load, load_sweep, schema};
use serde_json::Value;

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

/// Returns every config below a folder of configs.
fn files(folder: &str) -> Vec<Source> {
    let entries = fs::read_dir(configs().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let toml = paths.filter(|path| path.extension().is_some_and(|name| name == "toml"));
    toml.map(|path| Source::read(&path).unwrap()).collect()
}

fn check(text: String) -> Result<(), ConfigError> {
    let label = "test.toml".to_owned();
    load(Source { label, text }, &[]).map(drop)
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let committed = fs::read_to_string(configs().join("schema.json")).unwrap();
    assert!(
        committed == schema().unwrap(),
        "out of date: cargo run -p trainer -- config schema > configs/schema.json"
    );
}

#[test]
fn every_config_names_the_schema() {
    for (folder, line, count) in [
        (".", "#:schema ./schema.json\n", 5),
        ("sweeps", "#:schema ../schema.json\n", 2),
    ] {
        let files = files(folder);
        assert!(files.len() >= count, "{folder}");
        for Source { label, text } in files {
            assert!(text.starts_with(line), "{label}");
        }
    }
    for source in files("sweeps") {
        load_sweep(source, &[]).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Every key with its default is a config; the first value out of its range, and a name that is no choice, are not.
#[test]
fn the_reader_takes_what_the_schema_allows() {
    let schema: Value = serde_json::from_str(&schema().unwrap()).unwrap();
    let mut tried = 0;
    for (name, property) in schema["properties"].as_object().unwrap() {
        if name == "sweep" {
            continue;
        }
        let Some(keys) = property["properties"].as_object() else {
            tried += try_key("", name, property);
            continue;
        };
        for (key, property) in keys {
            tried += try_key(&format!("[{name}]\n"), key, property);
        }
    }
    assert!(tried >= 30, "{tried}");
}

/// Returns how many keys were tried: 1, or none when it has no default.
fn try_key(table: &str, key: &str, schema: &Value) -> usize {
    assert!(schema["description"].as_str().is_some(), "{table}{key}");
    if schema.get("default").is_none() {
        return 0;
    }
    // The `name` (of a network: `kind`) with which the key is read, and what its table needs.
    let about = schema["description"].as_str().unwrap();
    let name = about.rsplit_once("(only ").map(|(_, names)| names);
    let name = name.and_then(|names| names.split([',', ')']).next());
    let chooser = if table == "[model]\n" { "kind" } else { "name" };
    let name = name.map_or(String::new(), |name| format!("{chooser} = \"{name}\"\n"));
    let needs = match table {
        "[early_stopping]\n" | "[schedule]\n" => "[data]\nvalidation = 1\n",
        _ => "",
    };
    let config = |value: &Value| format!("{needs}{table}{name}{key} = {value}\n");
    check(config(&schema["default"])).unwrap_or_else(|error| panic!("{error}"));

    let outside = match schema {
        Value::Object(limits) if limits.contains_key("enum") => Value::from("no such name"),
        Value::Object(limits) if limits.contains_key("exclusiveMinimum") => {
            limits["exclusiveMinimum"].clone()
        }
        Value::Object(limits) if limits.contains_key("minimum") => Value::from(-1),
        _ => Value::from("["),
    };
    let text = config(&outside);
    let is_text = schema["type"] == "string" && schema.get("enum").is_none();
    assert!(is_text || check(text.clone()).is_err(), "{text}");
    1
}

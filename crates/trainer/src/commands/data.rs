//! `trainer data`

use std::io::Write;

use ::data::{DataSet, Place, PlaceState, fashion_mnist};
use serde_json::json;

use super::terminal::{self, Messages};
use crate::cli::{DataArgs, ExperimentArgs};
use crate::datasets::Wanted;
use crate::failure::Failure;

/// Prints where the data set was searched and what it contains.
///
/// # Errors
/// When the config is wrong, or the data set is not found (exit code 2).
pub fn run(args: &DataArgs) -> Result<(), Failure> {
    let messages = Messages::of(args.output);
    let experiment = super::config::experiment(&ExperimentArgs {
        config: args.config.clone(),
        ..ExperimentArgs::default()
    })?;
    let mut wanted = Wanted::by(&experiment);
    if let Some(address) = &args.from {
        wanted.mirrors = vec![address.clone()];
    }
    for place in wanted.places() {
        messages.note(describe(&place, &wanted.name));
    }
    let set = wanted.load(&mut messages.listener())?;
    if args.output.json {
        return print_json(&set);
    }
    print_text(&set)?;
    messages.next("cargo run -p trainer");
    Ok(())
}

fn describe(place: &Place, name: &str) -> String {
    let state = match &place.state {
        PlaceState::Missing => "not there".to_string(),
        PlaceState::Incomplete(files) => format!("lacks {}", files.join(", ")),
        PlaceState::Refused(reason) => format!("refused: {reason}"),
        PlaceState::Verified(_) if name == fashion_mnist::NAME => {
            "all four files are there and verified".to_string()
        }
        PlaceState::Verified(_) => "all four files are there".to_string(),
    };
    format!("{} {}: {state}", place.kind, place.path.display())
}

fn print_text(set: &DataSet) -> Result<(), Failure> {
    let mut out = terminal::out();
    writeln!(out, "{} in {}", set.name, set.place.display())?;
    for file in &set.files {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(
            out,
            "  {name:<28} {:>9} bytes  sha256 {}",
            file.bytes, file.sha256
        )?;
    }
    let (train, test) = (set.train.label_counts(), set.test.label_counts());
    writeln!(
        out,
        "\n{:<16} {:>8} {:>8}   images of {}x{}",
        "class",
        "training",
        "test",
        set.train.width(),
        set.train.height()
    )?;
    for (name, (train, test)) in set.class_names.iter().zip(train.iter().zip(test)) {
        writeln!(out, "{name:<16} {train:>8} {test:>8}")?;
    }
    writeln!(
        out,
        "{:<16} {:>8} {:>8}",
        "all",
        set.train.len(),
        set.test.len()
    )?;
    Ok(())
}

fn print_json(set: &DataSet) -> Result<(), Failure> {
    let files: Vec<_> = set
        .files
        .iter()
        .map(|file| json!({ "path": file.path, "bytes": file.bytes, "sha256": file.sha256 }))
        .collect();
    let value = json!({
        "name": set.name,
        "place": set.place,
        "files": files,
        "height": set.train.height(),
        "width": set.train.width(),
        "classes": set.class_names,
        "training": set.train.label_counts(),
        "test": set.test.label_counts(),
    });
    terminal::json(&value)?;
    Ok(())
}

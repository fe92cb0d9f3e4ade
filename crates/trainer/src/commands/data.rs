//! `trainer data`

use std::io::Write;

use ::data::{DataSet, ImageDataset, Place, PlaceState, fashion_mnist};
use serde_json::json;

use super::table;
use super::terminal::{self, Messages};
use crate::cli::{ExperimentArgs, ShowDataArgs};
use crate::datasets::Wanted;
use crate::failure::Failure;

/// Prints where the data set was searched and what it contains.
///
/// # Errors
/// When the config is wrong, or the data set is not found (exit code 2).
pub fn run(args: &ShowDataArgs) -> Result<(), Failure> {
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
    print_text(&set, args.verbose)?;
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
        PlaceState::Verified(_) => "all files are there".to_string(),
    };
    format!("{} {}: {state}", place.kind, place.path.display())
}

fn print_text(set: &DataSet, verbose: bool) -> Result<(), Failure> {
    let mut out = terminal::out();
    let understood = &set.understood;
    writeln!(
        out,
        "{}: {} in {}",
        set.name,
        understood.kind,
        understood.place.display()
    )?;
    if understood.kind.is_idx() {
        for file in &set.files {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            writeln!(
                out,
                "  {name:<28} {:>9} bytes  sha256 {}",
                file.bytes, file.sha256
            )?;
        }
    }
    let [channels, height, width] = understood.size;
    let colours = if channels == 3 { "in colour" } else { "grey" };
    let [darkest, brightest] = understood.pixels;
    writeln!(
        out,
        "images of {width}x{height}, {colours}, pixels {darkest} to {brightest}"
    )?;
    if verbose {
        for left_out in &understood.left_out {
            writeln!(
                out,
                "left out {}: {}",
                left_out.path.display(),
                left_out.reason
            )?;
        }
    }
    writeln!(out)?;
    let has_validation = set.validation.is_some();
    let row = |name: &str, [train, validation, test]: [String; 3]| {
        let mut row = vec![name.to_string(), train];
        row.extend(has_validation.then_some(validation));
        row.push(test);
        row
    };
    let titles = row(
        "class",
        ["training", "validation", "test"].map(String::from),
    );
    let header: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for class in &understood.classes {
        let counts = [class.train, class.validation, class.test];
        rows.push(row(&class.name, counts.map(|count| count.to_string())));
    }
    rows.push(row("all", set.counts(0).map(|count| count.to_string())));
    table::write(&mut out, &header, &[], &rows)?;
    Ok(())
}

fn print_json(set: &DataSet) -> Result<(), Failure> {
    let files: Vec<_> = set
        .files
        .iter()
        .map(|file| json!({ "path": file.path, "bytes": file.bytes, "sha256": file.sha256 }))
        .collect();
    let understood = &set.understood;
    let left_out = understood.left_out.iter();
    let left_out: Vec<_> = left_out
        .map(|file| json!({ "path": file.path, "reason": file.reason }))
        .collect();
    let validation = set.validation.as_ref();
    let value = json!({
        "name": set.name,
        "kind": understood.kind.to_string(),
        "place": set.place,
        "files": files,
        "channels": set.train.channels(),
        "height": set.train.height(),
        "width": set.train.width(),
        "pixels": understood.pixels,
        "classes": set.class_names,
        "training": set.train.label_counts(),
        "validation": validation.map(ImageDataset::label_counts),
        "test": set.test.label_counts(),
        "notes": understood.notes,
        "warnings": understood.warnings,
        "left_out": left_out,
    });
    terminal::json(&value)?;
    Ok(())
}

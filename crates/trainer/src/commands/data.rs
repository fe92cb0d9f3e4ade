//! `trainer data`

use std::io::{Write, stdout};

use ::data::{DataSet, Place, PlaceState, fashion_mnist};
use serde_json::json;

use super::terminal::Messages;
use crate::cli::{DataArgs, ExperimentArgs};
use crate::datasets::Wanted;
use crate::failure::{Failure, one_line};

/// Says where the data set was looked for and prints what it holds.
///
/// # Errors
/// When the config is wrong, or no place has the data set (exit code 2).
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
    explain(&set, messages);
    messages.next("cargo run -p trainer");
    Ok(())
}

fn describe(place: &Place, name: &str) -> String {
    let state = match &place.state {
        PlaceState::Missing => "not there".to_string(),
        PlaceState::Incomplete(files) => format!("lacks {}", files.join(", ")),
        PlaceState::Refused(reason) => format!("refused: {reason}"),
        PlaceState::Verified(_) if name == fashion_mnist::NAME => {
            "all four files are there and are what they should be".to_string()
        }
        PlaceState::Verified(_) => "all four files are there".to_string(),
    };
    format!("{} {}: {state}", place.kind, place.path.display())
}

/// Says how the files were understood, and what was not read of them.
fn explain(set: &DataSet, messages: Messages) {
    let understood = &set.understood;
    let is_plain =
        understood.notes.is_empty() && set.files.len() == 4 && understood.kind == "IDX files";
    if !is_plain {
        let place = understood.place.display();
        messages.note(format_args!("read as {} in {place}", understood.kind));
    }
    for note in &understood.notes {
        messages.note(format_args!("  {note}"));
    }
    for left in &understood.left_out {
        let text = format!("  left out: {} {}", left.path.display(), left.reason);
        messages.note(one_line(&text));
    }
}

fn print_text(set: &DataSet) -> Result<(), Failure> {
    let mut out = stdout();
    writeln!(out, "{} in {}", set.name, set.place.display())?;
    for file in &set.files {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(
            out,
            "  {name:<28} {:>9} bytes  sha256 {}",
            file.bytes, file.sha256
        )?;
    }
    // A column for validation only where the files have such a part.
    let held_out = |text: String| match set.validation {
        Some(_) => format!(" {text:>10}"),
        None => String::new(),
    };
    let colours = match set.train.channels() {
        1 => "",
        _ => " in colour",
    };
    writeln!(
        out,
        "\n{:<16} {:>8}{} {:>8}   images of {}x{}{colours}",
        "class",
        "training",
        held_out("validation".into()),
        "test",
        set.train.width(),
        set.train.height()
    )?;
    for class in &set.understood.classes {
        let validation = held_out(class.validation.to_string());
        let (name, train, test) = (&class.name, class.train, class.test);
        writeln!(out, "{name:<16} {train:>8}{validation} {test:>8}")?;
    }
    let validation = set.validation.as_ref().map_or(0, ::data::ImageDataset::len);
    writeln!(
        out,
        "{:<16} {:>8}{} {:>8}",
        "all",
        set.train.len(),
        held_out(validation.to_string()),
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
    let left_out: Vec<_> = set
        .understood
        .left_out
        .iter()
        .map(|left| json!({ "path": left.path, "reason": left.reason }))
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
        "channels": set.train.channels(),
        "validation": set.validation.as_ref().map(::data::ImageDataset::label_counts),
        "kind": set.understood.kind,
        "pixels": set.understood.pixels,
        "notes": set.understood.notes,
        "warnings": set.understood.warnings,
        "left_out": left_out,
    });
    writeln!(stdout(), "{value}")?;
    Ok(())
}

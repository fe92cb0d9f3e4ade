//! `trainer import`

use std::io::Write;

use exchange::about::Told;
use serde_json::json;

use super::terminal::{self, Messages};
use crate::cli::ImportArgs;
use crate::failure::Failure;
use crate::format::quoted;
use crate::import::{self, Made, Request};

/// Makes a run from another program's network, with its result on the test images if they are found.
///
/// # Errors
/// When the file is not a network that can run here (exit code 1), or the run folder is taken (2).
pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    let messages = Messages::of(args.output);
    let request = Request {
        file: args.file.clone(),
        layout: args.layout,
        scale: args.scale,
        told: Told {
            name: args.name.clone(),
            class_names: args.classes.clone(),
            input: args.input,
            activation: args.activation,
        },
        run_dir: args.run_dir.clone(),
        data_dir: args.data_dir.clone(),
    };
    let made = import::import(&request, &mut messages.listener())?;
    print(args, &made, messages)
}

fn print(args: &ImportArgs, made: &Made, messages: Messages) -> Result<(), Failure> {
    let Made { run, kind, test } = made;
    let test = test.as_ref();
    let mut out = terminal::out();
    let path = run.path();
    if args.output.json {
        let object = json!({
            "run": path,
            "kind": kind,
            "parameters": run.manifest().parameters,
            "test_accuracy": test.map(|test| test.figures.accuracy()),
            "test_loss": test.map(|test| test.figures.loss()),
        });
        terminal::json(&object)?;
        return Ok(());
    }
    writeln!(out, "{}", path.display())?;
    if let Some(test) = test {
        writeln!(
            out,
            "test {}  ({} images)",
            test.figures.test_line(),
            test.images
        )?;
    }
    let name = args
        .run_dir
        .as_deref()
        .map_or_else(|| "last".into(), quoted);
    let rest = if test.is_some() { "" } else { " --data-dir D" };
    messages.next(format_args!(
        "cargo run -p trainer -- evaluate {name}{rest}"
    ));
    Ok(())
}

//! `trainer data import`

use std::io::Write;

use serde_json::json;

use super::signals::Signals;
use super::terminal::{self, Messages};
use crate::cli::{ConfigArgs, ExperimentArgs, ImportDataArgs};
use crate::datasets::{self, Wanted};
use crate::failure::Failure;

/// Writes a data set as an import and prints where it is.
///
/// # Errors
/// When the config or the name is wrong, the data is not found (exit code 2), or the import cannot be written.
pub fn run(args: &ImportDataArgs) -> Result<(), Failure> {
    let _signals = Signals::listen()?;
    let messages = Messages::of(args.output);
    let experiment = super::config::experiment(&ExperimentArgs {
        config: ConfigArgs {
            config: args.config.clone(),
            set: args.set.clone(),
            data_dir: Some(args.source.clone()),
        },
        ..ExperimentArgs::default()
    })?;
    let wanted = Wanted::by(&experiment);
    let listener = &mut messages.listener();
    let (set, place) = datasets::import(&wanted, &args.name, args.force, listener)?;
    let counts = set.counts(0);
    let size = set.train.size();
    if args.output.json {
        let value = json!({
            "name": args.name,
            "place": place,
            "size": size,
            "classes": set.class_names,
            "images": counts,
        });
        terminal::json(&value)?;
        return Ok(());
    }
    let ([train, validation, test], [channels, height, width]) = (counts, size);
    let colours = if channels == 3 { " in colour" } else { "" };
    writeln!(
        terminal::out(),
        "{}: {train} training, {validation} validation, {test} test images of {width}x{height}{colours}, {} classes\n{}",
        args.name,
        set.class_names.len(),
        place.display(),
    )?;
    let name = &args.name;
    messages.next(format_args!(
        "cargo run -p trainer -- --set data.name={name} --set name={name}"
    ));
    Ok(())
}

//! `trainer repeat`: training a run again from its folder.

use std::io::{Write, stdout};

use serde_json::json;

use super::{terminal, train};
use crate::cli::RepeatArgs;
use crate::failure::Failure;
use crate::repeat;

/// Trains a finished run again and compares record, predictions and metrics byte for byte (except seconds).
///
/// # Errors
/// When the run is not finished or its config was changed (exit code 2); when the training fails or
/// gives a different result (exit code 1).
pub fn run(args: RepeatArgs) -> Result<(), Failure> {
    let original = repeat::original(&args.run, args.data_dir.as_deref())?;
    let experiment = || Ok(original.experiment.clone());
    let repeated = train::new_run(experiment, args.run_dir, args.show)?;
    let different = original.differences(&repeated)?;
    if args.show.output.json {
        let value = json!({
            "event": "repeat",
            "run": original.folder,
            "repeated": repeated,
            "identical": different.is_empty(),
            "different": different,
        });
        terminal::json(&value)?;
    }
    if !different.is_empty() {
        return Err(original.not_identical(&repeated, &different)?);
    }
    if !args.show.output.json {
        writeln!(stdout(), "identical: record, predictions and metrics")?;
    }
    Ok(())
}

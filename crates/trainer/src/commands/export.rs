//! `trainer export`

use std::io::Write;

use serde_json::json;

use super::terminal::{self, Messages};
use crate::cli::ExportArgs;
use crate::export::{self, Comparison, Exported, Request};
use crate::failure::Failure;

/// Loss of accuracy by rounding above which there is a warning, in percentage points.
const POINTS: f64 = 0.2;

/// Exports a saved run's network for another program, reads it back, and prints how the predictions compare.
///
/// # Errors
/// When the run is not found, or the file cannot be written or does not hold the run's weights.
pub fn run(args: &ExportArgs) -> Result<(), Failure> {
    let request = Request {
        run: args.saved.run.clone(),
        format: args.format,
        layout: args.layout,
        out: args.out.clone(),
        backend: args.saved.backend,
        data_dir: args.saved.data_dir.clone(),
    };
    let messages = Messages::of(args.saved.output);
    let exported = export::export(&request, &mut messages.listener())?;
    print(args, &exported)
}

fn print(args: &ExportArgs, exported: &Exported) -> Result<(), Failure> {
    let mut out = terminal::out();
    let (size, found) = (exported.bytes, exported.comparison.as_ref());
    let lost = |found: &Comparison| 100.0 * (found.accuracy_of_run - found.accuracy_of_file);
    let points = found.map(lost);
    if args.saved.output.json {
        let object = json!({
            "file": args.out,
            "format": args.format,
            "bytes": size,
            "images": found.map(|found| found.images),
            "same_labels": found.map(|found| found.same_labels),
            "largest_difference": found.map(|found| found.largest_difference),
            "accuracy_of_run": found.map(|found| found.accuracy_of_run),
            "accuracy_of_file": found.map(|found| found.accuracy_of_file),
        });
        terminal::json(&object)?;
    } else {
        writeln!(out, "{}: {size} bytes", args.out.display())?;
    }
    if let (Some(found), false) = (found, args.saved.output.json) {
        let probabilities = match found.largest_difference {
            0.0 => "with the same probabilities".to_string(),
            difference => format!("with probabilities within {difference:.0e}"),
        };
        writeln!(
            out,
            "read back: the same label for {} of {} test images, {probabilities}",
            found.same_labels, found.images
        )?;
        if !args.format.is_exact() {
            let (run, file) = (found.accuracy_of_run, found.accuracy_of_file);
            let lost = points.unwrap_or_default();
            writeln!(
                out,
                "test accuracy {file:.4}, the run's {run:.4}: {lost:+.2} points lost"
            )?;
        }
    }
    let messages = Messages::of(args.saved.output);
    if let Some(lost) = points.filter(|lost| *lost > POINTS) {
        messages.warn(format_args!(
            "rounding costs {lost:.2} points of accuracy, more than {POINTS}"
        ));
    }
    messages.next(format_args!(
        "cargo run -p trainer -- import {} --as NAME, or see docs/interop.md",
        args.out.display()
    ));
    Ok(())
}

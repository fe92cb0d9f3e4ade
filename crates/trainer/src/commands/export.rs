//! `trainer export`

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;

use ::data::DataSet;
use exchange::{Format, Layout, Network};
use model::Record;
use serde_json::json;

use super::saved;
use crate::backend::Compute;
use crate::cli::ExportArgs;
use crate::evaluation::{self, Predictions};
use crate::failure::Failure;
use crate::run::find::Saved;
use crate::run::write;

/// Test images an exact export is compared on; one that rounds is compared on all.
const COMPARED: usize = 1000;
/// Accuracy that rounding may cost before it is warned about, in points.
const POINTS: f64 = 0.2;

/// Writes a saved run's network as a file of another program, reads it back, and prints how its answers
/// compare.
///
/// # Errors
/// When the run is not there, the file cannot be written, or does not give the run's answers.
pub fn run(args: &ExportArgs) -> Result<(), Failure> {
    if args.layout == Layout::OutIn && matches!(args.format, Format::Onnx | Format::Int8) {
        return Err(
            Failure::usage("ONNX and 8-bit weights have one layout only")
                .hint("leave --layout out, or choose safetensors, f16 or npz"),
        );
    }
    let folder = args.out.parent().filter(|folder| *folder != Path::new(""));
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let message = format!("there is no folder {}", folder.display());
        return Err(Failure::usage(message).hint("make it first, or name another file: --out PATH"));
    }
    let (compute, saved) = saved::open(&args.saved)?;
    let data = data_at_hand(args, &saved)?;

    let network = Network::of(saved.record.weights.clone(), &saved.record.metadata);
    let bytes = exchange::write(&network, args.format, args.layout)?;
    write::atomically(&args.out, &bytes)?;

    let written = fs::read(&args.out).map_err(|e| Failure::io("read", &args.out, &e))?;
    let (_, back) = exchange::read(&written, None)?;
    if args.format.is_exact() && back.tensors != network.tensors {
        let message = format!("{} does not hold the run's weights", args.out.display());
        return Err(
            Failure::failed(message).hint("this is a defect of the program; please report it")
        );
    }
    let comparison = match data {
        Some(data) => Some(compare(args, &saved, back, &data, &compute)?),
        None => None,
    };
    print(args, written.len(), comparison.as_ref())
}

/// Returns the run's data set; `None`, and says so, when it is not found and nobody said where.
fn data_at_hand(args: &ExportArgs, saved: &Saved) -> Result<Option<DataSet>, Failure> {
    match saved::data_set(saved, &args.saved) {
        Ok(data) => Ok(Some(data)),
        Err(failure) if args.saved.data_dir.is_some() => Err(failure),
        Err(failure) => {
            let talk = saved::talk(&args.saved);
            talk.warn(format_args!(
                "the file is not compared on test images: {}",
                failure.sentence()
            ));
            Ok(None)
        }
    }
}

/// How a file's answers compare with the run's.
struct Comparison {
    images: usize,
    same_labels: usize,
    /// Of a probability.
    largest_difference: f32,
    /// Of the run and of the file, 0 to 1.
    accuracy: [f64; 2],
}

fn compare(
    args: &ExportArgs,
    saved: &Saved,
    back: Network,
    data: &DataSet,
    compute: &Compute,
) -> Result<Comparison, Failure> {
    let images = match args.format.is_exact() {
        true => data.test.take(COMPARED),
        false => data.test.clone(),
    };
    let run = evaluation::predict(&saved.record, &images, compute)?;
    let exported = Record {
        weights: back.tensors,
        ..saved.record.clone()
    };
    let file = evaluation::predict(&exported, &images, compute)?;
    let is_same = |i: &usize| run.top(*i).0 == file.top(*i).0;
    let differences = run.probabilities.iter().zip(&file.probabilities);
    let accuracy = |p: &Predictions| p.evaluate(&data.class_names).figures.accuracy();
    Ok(Comparison {
        images: images.len(),
        same_labels: (0..images.len()).filter(is_same).count(),
        largest_difference: differences.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max),
        accuracy: [accuracy(&run), accuracy(&file)],
    })
}

fn print(args: &ExportArgs, size: usize, found: Option<&Comparison>) -> Result<(), Failure> {
    let mut out = stdout();
    let points = found.map(|found| 100.0 * (found.accuracy[0] - found.accuracy[1]));
    if args.saved.output.json {
        let object = json!({
            "file": args.out,
            "format": args.format,
            "bytes": size,
            "images": found.map(|found| found.images),
            "same_labels": found.map(|found| found.same_labels),
            "largest_difference": found.map(|found| found.largest_difference),
            "accuracy_of_run": found.map(|found| found.accuracy[0]),
            "accuracy_of_file": found.map(|found| found.accuracy[1]),
        });
        writeln!(out, "{object}")?;
    } else {
        writeln!(out, "{}: {size} bytes", args.out.display())?;
    }
    if let (Some(found), false) = (found, args.saved.output.json) {
        let probabilities = match found.largest_difference {
            0.0 => "with the same probabilities".to_string(),
            difference => format!("with probabilities to {difference:.0e}"),
        };
        writeln!(
            out,
            "read back: the same label for {} of {} test images, {probabilities}",
            found.same_labels, found.images
        )?;
        if !args.format.is_exact() {
            let [run, file] = found.accuracy;
            let lost = points.unwrap_or_default();
            writeln!(
                out,
                "test accuracy {file:.4}, of the run {run:.4}: {lost:+.2} points lost"
            )?;
        }
    }
    let talk = saved::talk(&args.saved);
    if let Some(lost) = points.filter(|lost| *lost > POINTS) {
        talk.warn(format_args!(
            "rounding costs {lost:.2} points of accuracy, more than {POINTS}"
        ));
    }
    talk.next(format_args!(
        "cargo run -p trainer -- import {} --as NAME, or see docs/interop.md",
        args.out.display()
    ));
    Ok(())
}

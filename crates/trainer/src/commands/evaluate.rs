//! `trainer evaluate`

use std::io::{Write, stdout};
use std::path::PathBuf;

use ::data::DataSet;
use serde::Serialize;

use super::saved;
use super::terminal::print_trust;
use crate::backend::Compute;
use crate::cli::EvaluateArgs;
use crate::evaluation::Evaluation;
use crate::failure::Failure;
use crate::results;
use crate::run::find::Saved;
use crate::run::{RunFolder, manifest};
use crate::trust::{self, Trust};

/// What `--json` prints.
#[derive(Serialize)]
struct Results<'a> {
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    trust: &'a Trust,
}

/// Measures a saved run on the test images and prints accuracy, loss, calibration, per-class figures
/// and the confusion matrix.
///
/// # Errors
/// When the run, its data or the backend is not there.
pub fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    let args = &args.saved;
    let (compute, saved) = saved::open(args)?;
    let data = saved::data_set(&saved, args)?;
    let (file, missing) = (saved.file.clone(), trust::missing(&saved.record.metadata));
    let (evaluation, trust) = evaluate(saved, &data, &compute)?;
    if args.output.json {
        let results = Results {
            evaluation: &evaluation,
            trust: &trust,
        };
        let json = serde_json::to_string(&results).map_err(Failure::failed)?;
        writeln!(stdout(), "{json}")?;
        return Ok(());
    }
    let talk = saved::talk(args);
    talk.note(format_args!("{} on {}", file.display(), compute.processor));
    if let Some(missing) = missing {
        talk.note(missing);
    }
    print(&evaluation, &trust)?;
    talk.next(format_args!(
        "cargo run -p trainer -- gallery {} --wrong",
        args.run
    ));
    Ok(())
}

/// Returns the result on the test images. A run that was trained without looking at them gets all that
/// other runs have of them.
fn evaluate(
    saved: Saved,
    data: &DataSet,
    compute: &Compute,
) -> Result<(Evaluation, Trust), Failure> {
    let untested = |folder: &PathBuf| manifest::read(folder).is_ok_and(|run| run.test.is_none());
    if let Some(folder) = saved.folder.clone().filter(untested) {
        let mut run = RunFolder::open(folder)?;
        return results::test(saved.record, data, compute, &mut run);
    }
    let predictions = saved::predictions(&saved, data, compute)?;
    let trust = trust::measure(&saved.record.metadata, &predictions, &data.test);
    Ok((predictions.evaluate(&data.class_names), trust))
}

fn print(e: &Evaluation, trust: &Trust) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(out, "test {}  ({} images)", e.figures.test_line(), e.images)?;
    print_trust(&mut out, trust)?;
    writeln!(out)?;
    writeln!(
        out,
        "{:>3} {:<16} {:>9} {:>7} {:>7} {:>7}",
        "", "class", "precision", "recall", "f1", "images"
    )?;
    for (i, c) in e.per_class.iter().enumerate() {
        writeln!(
            out,
            "{i:>3} {:<16} {:>9.4} {:>7.4} {:>7.4} {:>7}",
            c.class, c.precision, c.recall, c.f1, c.images
        )?;
    }
    writeln!(
        out,
        "\nconfusion matrix: rows are true classes, columns predicted ones\n"
    )?;
    let width = e.images.to_string().len().max(4) + 1;
    write!(out, "{:>20}", "")?;
    for i in 0..e.confusion.len() {
        write!(out, "{i:>width$}")?;
    }
    writeln!(out)?;
    for (i, (row, c)) in e.confusion.iter().zip(&e.per_class).enumerate() {
        write!(out, "{i:>3} {:<16}", c.class)?;
        for count in row {
            write!(out, "{count:>width$}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

//! `trainer evaluate`

use std::io::Write;

use serde::Serialize;

use super::saved::{data_set, messages, open};
use super::terminal;
use super::terminal::print_trust;
use crate::cli::EvaluateArgs;
use crate::evaluation::Evaluation;
use crate::failure::Failure;
use crate::saved;
use crate::trust::{self, Trust};

/// The output of `--json`.
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
/// When the run, its data or the backend is not found.
pub fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    let args = &args.saved;
    let (compute, saved) = open(args)?;
    let data = data_set(&saved, args)?;
    let (file, missing) = (saved.file.clone(), trust::missing(&saved.record.metadata));
    let messages = messages(args);
    let (evaluation, trust) = saved::evaluate(saved, &data, &compute, &mut messages.listener())?;
    if args.output.json {
        let results = Results {
            evaluation: &evaluation,
            trust: &trust,
        };
        terminal::json(&results)?;
        return Ok(());
    }
    messages.note(format_args!("{} on {}", file.display(), compute.processor));
    if let Some(missing) = missing {
        messages.note(missing);
    }
    print(&evaluation, &trust)?;
    messages.next(format_args!(
        "cargo run -p trainer -- gallery {} --wrong",
        args.run
    ));
    Ok(())
}

fn print(e: &Evaluation, trust: &Trust) -> Result<(), Failure> {
    let mut out = terminal::out();
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

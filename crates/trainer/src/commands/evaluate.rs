//! `trainer evaluate`

use std::io::{Write, stdout};

use super::saved;
use crate::cli::EvaluateArgs;
use crate::evaluation::Evaluation;
use crate::failure::Failure;

/// Measures a saved run on the test images and prints accuracy, loss, per-class figures and the
/// confusion matrix.
///
/// # Errors
/// When the run, its data or the backend is not there.
pub fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    let args = &args.saved;
    let (compute, saved) = saved::open(args)?;
    let data = saved::data_set(&saved, args)?;
    let evaluation = saved::predictions(&saved, &data, &compute)?.evaluate(&data.class_names);
    if args.output.json {
        let json = serde_json::to_string(&evaluation).map_err(Failure::failed)?;
        writeln!(stdout(), "{json}")?;
        return Ok(());
    }
    let talk = saved::talk(args);
    talk.note(format_args!(
        "{} on {}",
        saved.file.display(),
        compute.processor
    ));
    print(&evaluation)?;
    talk.next(format_args!(
        "cargo run -p trainer -- gallery {} --wrong",
        args.run
    ));
    Ok(())
}

fn print(e: &Evaluation) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(
        out,
        "test accuracy {:.4}  loss {:.4}  ({} images)\n",
        e.accuracy, e.loss, e.images
    )?;
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

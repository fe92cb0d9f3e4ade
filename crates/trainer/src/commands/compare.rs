//! `trainer runs compare`: how runs differ, and whether it is more than chance.

use std::io::Write;

use experiment::Metric;
use serde_json::json;

use super::{table, terminal};
use crate::cli::CompareArgs;
use crate::comparison::mcnemar::recall;
use crate::comparison::{Compared, Comparison};
use crate::failure::Failure;
use crate::run::epoch::EpochMetrics;

/// Symbols for the height of a bar, low to high.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Compares runs with the first of them: config, metrics, learning curves, classes, and McNemar's test on
/// the test images.
///
/// # Errors
/// When a run is not found or not finished, or they were tested on different images.
pub fn run(args: &CompareArgs) -> Result<(), Failure> {
    let comparison = Comparison::of(&args.runs)?;
    if args.json {
        print_json(&comparison)
    } else {
        print(&comparison)
    }
}

fn print(comparison: &Comparison) -> Result<(), Failure> {
    let Comparison { runs: all, tests } = comparison;
    let mut out = terminal::out();
    let letters = comparison.letters();
    for (letter, compared) in letters.iter().zip(all) {
        writeln!(out, "{letter}  {}", compared.run.run)?;
    }
    let columns = |name: &'static str| -> Vec<&str> {
        std::iter::once(name)
            .chain(letters.iter().map(String::as_str))
            .collect()
    };
    writeln!(out)?;
    let config = comparison.settings();
    if config.is_empty() {
        writeln!(out, "the configs are the same")?;
    } else {
        table::write(&mut out, &columns("config"), &[], &config)?;
    }
    writeln!(out)?;
    table::write(&mut out, &columns("metric"), &[], &comparison.metrics())?;
    writeln!(out)?;
    curves(&mut out, &letters, all)?;
    writeln!(out)?;
    table::write(&mut out, &columns("recall"), &[], &comparison.classes())?;
    writeln!(out)?;
    for (letter, test) in letters.iter().skip(1).zip(tests) {
        let verdict = if test.p < 0.05 {
            "more than chance explains"
        } else {
            "no more than chance explains"
        };
        writeln!(
            out,
            "A and {letter} on the test images: {} only A gets right, {} only {letter}; p = {:.4} \
             (McNemar, exact): {verdict}",
            test.only_first, test.only_second, test.p
        )?;
    }
    if tests.len() > 1 {
        writeln!(
            out,
            "of {} tests, one in twenty is below 0.05 by chance alone",
            tests.len()
        )?;
    }
    Ok(())
}

/// Writes the losses of all epochs as bars, on one scale for all runs.
fn curves(out: &mut impl Write, letters: &[String], all: &[Compared]) -> Result<(), Failure> {
    type Curve = fn(&EpochMetrics) -> Option<f64>;
    let curves: [(&str, Curve); 2] = [
        ("training loss", |epoch| epoch.train.get(Metric::LOSS)),
        ("validation loss", |epoch| epoch.validation(Metric::LOSS)),
    ];
    for (name, curve) in curves {
        let points = |c: &Compared| -> Vec<f64> { c.epochs.iter().filter_map(curve).collect() };
        let every: Vec<f64> = all.iter().flat_map(points).collect();
        if every.is_empty() {
            continue;
        }
        let low = every.iter().copied().fold(f64::INFINITY, f64::min);
        let high = every.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        writeln!(out, "{name}, {low:.4} to {high:.4}")?;
        for (letter, compared) in letters.iter().zip(all) {
            let bars: String = points(compared)
                .iter()
                .map(|loss| bar(*loss, low, high))
                .collect();
            writeln!(out, "  {letter}  {bars}")?;
        }
    }
    Ok(())
}

fn bar(value: f64, low: f64, high: f64) -> char {
    let share = (value - low) / (high - low).max(f64::MIN_POSITIVE);
    let step = (share * (BARS.len() - 1) as f64).round() as usize;
    BARS.get(step).copied().unwrap_or('█')
}

fn print_json(comparison: &Comparison) -> Result<(), Failure> {
    let runs: Vec<_> = comparison
        .runs
        .iter()
        .map(|c| json!({ "run": c.run, "metrics": c.epochs, "recall": recall(&c.predictions) }))
        .collect();
    let tests: Vec<_> = comparison
        .tests
        .iter()
        .map(|t| json!({ "only_first": t.only_first, "only_second": t.only_second, "p": t.p }))
        .collect();
    let value = json!({ "runs": runs, "mcnemar": tests });
    terminal::json(&value)?;
    Ok(())
}

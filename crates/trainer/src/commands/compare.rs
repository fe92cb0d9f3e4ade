//! `trainer runs compare`: what runs did differently, and whether it is more than chance.

use std::collections::BTreeSet;
use std::io::{Write, stdout};

use experiment::Metric;
use serde_json::json;

use super::runs::{shown, summary};
use super::table;
use crate::cli::CompareArgs;
use crate::failure::Failure;
use crate::run::compare::{McNemar, Prediction, mcnemar, predictions, recall};
use crate::run::epoch::EpochMetrics;
use crate::run::list::{self, Summary};
use crate::run::query;

/// Heights of a bar, low to high.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A run with all that is compared.
pub(super) struct Compared {
    pub run: Summary,
    pub epochs: Vec<EpochMetrics>,
    pub predictions: Vec<Prediction>,
}

/// Compares runs with the first of them: config, metrics, learning curves, classes, and McNemar's test on
/// the test images.
///
/// # Errors
/// When one is not there or not finished, or they were tested on different images.
pub fn run(args: &CompareArgs) -> Result<(), Failure> {
    let (all, tests) = load(&args.runs)?;
    match args.json {
        true => print_json(&all, &tests),
        false => print(&all, &tests),
    }
}

/// Returns the runs that a person names, and the test of each but the first against the first.
///
/// # Errors
/// As [`run`].
pub(super) fn load(names: &[String]) -> Result<(Vec<Compared>, Vec<McNemar>), Failure> {
    let mut all = Vec::new();
    for name in names {
        let run = summary(name)?;
        all.push(Compared {
            epochs: list::metrics(&run.folder),
            predictions: predictions(&run.folder)?,
            run,
        });
    }
    let Some((first, others)) = all.split_first() else {
        return Err(Failure::usage("there is nothing to compare").hint("name two runs or more"));
    };
    let tests: Result<Vec<McNemar>, Failure> = others
        .iter()
        .map(|other| mcnemar(&first.predictions, &other.predictions))
        .collect();
    let tests = tests?;
    Ok((all, tests))
}

/// Returns what each of so many runs is called.
pub(super) fn letters(count: usize) -> Vec<String> {
    ('A'..='Z').cycle().take(count).map(String::from).collect()
}

fn print(all: &[Compared], tests: &[McNemar]) -> Result<(), Failure> {
    let mut out = stdout().lock();
    let letters = letters(all.len());
    for (letter, compared) in letters.iter().zip(all) {
        writeln!(out, "{letter}  {}", compared.run.run)?;
    }
    let columns = |name: &'static str| -> Vec<&str> {
        std::iter::once(name)
            .chain(letters.iter().map(String::as_str))
            .collect()
    };
    writeln!(out)?;
    let config = differing_settings(all);
    match config.is_empty() {
        true => writeln!(out, "the configs are the same")?,
        false => table::write(&mut out, &columns("config"), &[], &config)?,
    }
    writeln!(out)?;
    table::write(&mut out, &columns("metric"), &[], &metrics(all))?;
    writeln!(out)?;
    curves(&mut out, &letters, all)?;
    writeln!(out)?;
    table::write(&mut out, &columns("recall"), &[], &classes(all))?;
    writeln!(out)?;
    for (letter, test) in letters.iter().skip(1).zip(tests) {
        let verdict = match test.p < 0.05 {
            true => "more than chance explains",
            false => "no more than chance explains",
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

/// Returns a row for each key whose values differ.
pub(super) fn differing_settings(all: &[Compared]) -> Vec<Vec<String>> {
    let keys: BTreeSet<&String> = all.iter().flat_map(|c| c.run.settings.keys()).collect();
    let row = |key: &String| -> Vec<String> {
        let values = all.iter().map(|c| c.run.settings.get(key));
        let values = values.map(|value| value.map_or("-".into(), Clone::clone));
        std::iter::once(key.clone()).chain(values).collect()
    };
    let differs = |row: &Vec<String>| {
        row.windows(2)
            .skip(1)
            .any(|pair| pair.first() != pair.last())
    };
    keys.into_iter().map(row).filter(differs).collect()
}

/// Returns a row for each figure that runs come to.
pub(super) fn metrics(all: &[Compared]) -> Vec<Vec<String>> {
    let row = |name: String, figure: &dyn Fn(&Summary) -> String| -> Vec<String> {
        let values = all.iter().map(|compared| figure(&compared.run));
        std::iter::once(name).chain(values).collect()
    };
    let seconds = |run: &Summary| run.seconds.map_or("-".into(), |s| format!("{s:.1} s"));
    let best = |run: &Summary| run.best_epoch.map_or("-".into(), |epoch| epoch.to_string());
    let metrics = || Metric::all().rev();
    let test = metrics().map(|metric| {
        let figure = |run: &Summary| shown(run.test(metric));
        row(format!("test {}", metric.label), &figure)
    });
    let validation = metrics().map(|metric| {
        let figure = |run: &Summary| shown(run.validation(metric));
        row(format!("validation {}", metric.label), &figure)
    });
    let others = [
        row("epochs".into(), &|run| run.epochs.to_string()),
        row("best epoch".into(), &best),
        row("time".into(), &seconds),
        row("status".into(), &query::status),
    ];
    test.chain(validation).chain(others).collect()
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

/// Returns a row for each class: the share of its images that each run gets right.
pub(super) fn classes(all: &[Compared]) -> Vec<Vec<String>> {
    let recalls: Vec<Vec<(String, f64)>> = all.iter().map(|c| recall(&c.predictions)).collect();
    let first = recalls.first().cloned().unwrap_or_default();
    let row = |(name, _): (String, f64)| -> Vec<String> {
        let of = |recall: &Vec<(String, f64)>| {
            shown(
                recall
                    .iter()
                    .find(|(class, _)| *class == name)
                    .map(|(_, share)| *share),
            )
        };
        let values: Vec<String> = recalls.iter().map(of).collect();
        std::iter::once(name.clone()).chain(values).collect()
    };
    first.into_iter().map(row).collect()
}

fn print_json(all: &[Compared], tests: &[McNemar]) -> Result<(), Failure> {
    let runs: Vec<_> = all
        .iter()
        .map(|c| json!({ "run": c.run, "metrics": c.epochs, "recall": recall(&c.predictions) }))
        .collect();
    let tests: Vec<_> = tests
        .iter()
        .map(|t| json!({ "only_first": t.only_first, "only_second": t.only_second, "p": t.p }))
        .collect();
    let value = json!({ "runs": runs, "mcnemar": tests });
    writeln!(stdout(), "{value}")?;
    Ok(())
}

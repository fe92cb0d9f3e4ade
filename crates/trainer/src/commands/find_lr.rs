//! `trainer find-lr`: a learning rate to start with.

use std::io::Write;

use serde_json::json;

use super::table;
use super::terminal::{self, Messages};
use crate::cli::FindLrArgs;
use crate::failure::Failure;
use crate::learner::range_test::{self, Point, Range};
use crate::report::range_test_page;
use crate::run::write;
use crate::session;

/// Maximum number of lines of the table; with more steps, some are left out.
const LINES: usize = 24;
/// Length of the longest bar.
const BAR: f64 = 40.0;

/// Runs a learning-rate range test and prints the loss at each rate and a rate to start with. Nothing is saved
/// except the plot, if requested, and neither validation nor test images are used.
///
/// # Errors
/// When the range is not valid (exit code 2), or config, data or backend fail.
pub fn run(args: &FindLrArgs) -> Result<(), Failure> {
    let messages = Messages::of(args.output);
    let range = Range {
        from: args.from,
        to: args.to,
        steps: args.steps,
    };
    let range = range.checked()?;
    let experiment = super::config::experiment(&args.experiment)?;
    let prepared = session::prepare(experiment, None, &mut messages.listener())?;
    let experiment = &prepared.experiment;
    messages.note(format_args!(
        "{} steps of {} images, learning rate {:e} to {:e}, on {}",
        range.steps,
        experiment.training.batch_size,
        range.from,
        range.to,
        prepared.compute.processor
    ));
    let (count, seed) = (experiment.data.validation, experiment.seed);
    let (train, _) = prepared.data.train.split(count, seed)?;
    let points = range_test::run(prepared.job(), train, range)?;
    let suggestion = range_test::suggestion(&points).ok_or_else(|| {
        Failure::failed("the loss did not fall at any learning rate that was tried")
            .hint("try others: --from 1e-8 --to 10")
    })?;
    if args.output.json {
        print_json(&points, suggestion)?;
    } else {
        print(&points, range, suggestion)?;
    }
    let now = experiment.optimizer.learning_rate();
    if let Some(out) = &args.out {
        let page = range_test_page::html(&experiment.name, &points, suggestion, now);
        write::atomically(out, page.as_bytes())?;
        messages.note(format_args!("plot    {}", out.display()));
    }
    messages.note(format_args!("the experiment uses {now:e}"));
    let set = format!("--set optimizer.learning_rate={suggestion:.1e}");
    messages.next(format_args!("cargo run -p trainer -- {set}"));
    Ok(())
}

fn print(points: &[Point], range: Range, suggestion: f64) -> Result<(), Failure> {
    let every = points.len().div_ceil(LINES).max(1);
    let highest = points.iter().map(|p| p.smoothed).fold(0.0, f64::max);
    let rows: Vec<Vec<String>> = points
        .iter()
        .step_by(every)
        .map(|point| {
            let length = (point.smoothed / highest * BAR).round() as usize;
            vec![
                format!("{:.2e}", point.rate),
                format!("{:.4}", point.smoothed),
                "█".repeat(length),
            ]
        })
        .collect();
    let mut out = terminal::out();
    table::write(&mut out, &["rate", "loss", ""], &[2], &rows)?;
    if points.len() < range.steps {
        let last = points.last().map_or(range.from, |point| point.rate);
        writeln!(out, "the loss diverged above {last:.1e}")?;
    }
    writeln!(out, "the loss falls fastest at {suggestion:.1e}")?;
    Ok(())
}

fn print_json(points: &[Point], suggestion: f64) -> Result<(), Failure> {
    let points: Vec<_> = points
        .iter()
        .map(|p| json!({ "rate": p.rate, "loss": p.loss, "smoothed": p.smoothed }))
        .collect();
    let value = json!({ "suggestion": suggestion, "points": points });
    terminal::json(&value)?;
    Ok(())
}

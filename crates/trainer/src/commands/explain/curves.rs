//! `trainer explain curves`

use std::io::Write;

use experiment::Metric;
use serde_json::json;

use super::language;
use crate::cli::ExplainCurvesArgs;
use crate::commands::table;
use crate::commands::terminal::{self, Messages};
use crate::explain::Language;
use crate::failure::Failure;
use crate::format::figure;
use crate::report::curves::{self, Words};
use crate::run::epoch::EpochMetrics;
use crate::run::{find, list, write};

/// Lines of the table; of more epochs, some are left out.
const LINES: usize = 12;

/// Prints a metric on training and validation images after each epoch, and draws it if asked to.
///
/// # Errors
/// When the run is not found or has no epochs (exit code 2), or the drawing cannot be written.
pub fn run(args: &ExplainCurvesArgs) -> Result<(), Failure> {
    let (language, metric) = (language(&args.common), args.metric);
    let epochs = list::metrics(&find::folder(&args.run)?);
    if epochs.is_empty() {
        return Err(
            Failure::usage(format!("the run {} has no epochs", args.run))
                .hint("give a run that was trained here; `trainer runs` lists them"),
        );
    }
    let words = words(metric, language);
    if let Some(out) = &args.out {
        let svg = curves::svg(&epochs, metric, words);
        let hint = "give an SVG file in a folder that exists: --out FILE";
        write::atomically(out, svg.as_bytes()).map_err(|failure| failure.hint(hint))?;
        Messages::of(args.common.output).note(out.display());
    }
    if args.common.output.json {
        for epoch in &epochs {
            let (train, validation) = (epoch.train.get(metric), epoch.validation(metric));
            let line = json!({ "epoch": epoch.epoch, "training": train, "validation": validation });
            terminal::json(&line)?;
        }
        return Ok(());
    }
    print(&epochs, metric, words)
}

fn print(epochs: &[EpochMetrics], metric: Metric, words: Words) -> Result<(), Failure> {
    let mut out = terminal::out();
    writeln!(out, "{}", words.metric)?;
    let [training, validation] = words.images;
    // Without validation images there is no column for them.
    let has_validation = epochs.iter().any(|epoch| epoch.validation.is_some());
    let columns = 2 + usize::from(has_validation);
    let row = |epoch: &EpochMetrics| {
        let mut cells = vec![
            epoch.epoch.to_string(),
            figure(epoch.train.get(metric)),
            figure(epoch.validation(metric)),
        ];
        cells.truncate(columns);
        cells
    };
    let rows: Vec<Vec<String>> = some(epochs).map(row).collect();
    let mut header = vec![words.epoch, training, validation];
    header.truncate(columns);
    table::write(&mut out, &header, &[], &rows)?;
    Ok(())
}

/// Returns a dozen of the epochs, with the last.
fn some(epochs: &[EpochMetrics]) -> impl Iterator<Item = &EpochMetrics> {
    let step = epochs.len().div_ceil(LINES).max(1);
    let last = epochs.len();
    let is_shown = move |epoch: &&EpochMetrics| {
        epoch.epoch == 1 || epoch.epoch.is_multiple_of(step) || epoch.epoch == last
    };
    epochs.iter().filter(is_shown)
}

fn words(metric: Metric, language: Language) -> Words<'static> {
    let portuguese = match metric.key {
        "accuracy" => "acurácia",
        "loss" => "perda",
        "top_2_accuracy" => "acurácia das 2 mais prováveis",
        other => other,
    };
    Words {
        metric: language.pick(metric.label, portuguese),
        epoch: language.pick("epoch", "época"),
        images: language.pick(["training", "validation"], ["treino", "validação"]),
    }
}

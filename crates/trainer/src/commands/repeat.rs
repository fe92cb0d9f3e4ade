//! `trainer repeat`: the same training again, from what the run's folder says about it.

use std::io::{Write, stdout};
use std::path::Path;

use experiment::MAX_BYTES;
use serde_json::json;

use super::train;
use crate::cli::{ConfigArgs, ExperimentArgs, RepeatArgs, TrainArgs};
use crate::failure::Failure;
use crate::run::epoch::EpochMetrics;
use crate::run::folder::{CONFIG, MODEL, PREDICTIONS, sha256};
use crate::run::read::{self, MAX_RESULT};
use crate::run::{Manifest, Status, find, list, manifest};

/// Trains a finished run again and compares record, predictions and metrics byte for byte (but for the
/// seconds).
///
/// # Errors
/// When the run is not finished or its config was changed (exit code 2); when the training fails or comes
/// to something else (exit code 1).
pub fn run(args: RepeatArgs) -> Result<(), Failure> {
    let first = find::folder(&args.run)?;
    let before = manifest::read(&first)?;
    refuse_unrepeatable(&first, &before)?;
    let experiment = ExperimentArgs {
        config: ConfigArgs {
            config: Some(first.join(CONFIG)),
            set: Vec::new(),
            data_dir: args.data_dir,
        },
        ..ExperimentArgs::default()
    };
    let second = train::into_folder(TrainArgs {
        experiment,
        run_dir: args.run_dir,
        show: args.show,
    })?;
    let different = differences(&first, &second)?;
    if args.show.output.json {
        let value = json!({
            "event": "repeat",
            "run": first,
            "repeated": second,
            "identical": different.is_empty(),
            "different": different,
        });
        writeln!(stdout(), "{value}")?;
    }
    if different.is_empty() {
        if !args.show.output.json {
            writeln!(stdout(), "identical: record, predictions and metrics")?;
        }
        return Ok(());
    }
    let message = format!("not identical: {} differ", different.join(", "));
    Err(Failure::failed(message).hint(causes(&before, &manifest::read(&second)?)))
}

fn refuse_unrepeatable(folder: &Path, manifest: &Manifest) -> Result<(), Failure> {
    if manifest.status != Status::Finished {
        let message = format!("{} is not finished", folder.display());
        return Err(Failure::usage(message).hint("go on with it: trainer resume RUN"));
    }
    let path = folder.join(CONFIG);
    let config = read::at_most(&path, MAX_BYTES)?;
    let known = manifest.files_sha256.get(CONFIG);
    match known.is_some_and(|known| *known == sha256(&config)) {
        true => Ok(()),
        false => Err(
            Failure::usage(format!("{} is not as the run wrote it", path.display()))
                .hint("train it as an experiment of its own: --config FILE"),
        ),
    }
}

/// Returns the names of what differs between two finished runs.
fn differences(first: &Path, second: &Path) -> Result<Vec<&'static str>, Failure> {
    let mut different = Vec::new();
    for name in [MODEL, PREDICTIONS] {
        let file = |folder: &Path| read::at_most(&folder.join(name), MAX_RESULT);
        if file(first)? != file(second)? {
            different.push(name);
        }
    }
    let metrics = |folder| -> Vec<EpochMetrics> {
        let timeless = |epoch| EpochMetrics {
            seconds: 0.0,
            ..epoch
        };
        list::metrics(folder).into_iter().map(timeless).collect()
    };
    if metrics(first) != metrics(second) {
        different.push("metrics");
    }
    Ok(different)
}

/// Returns what was another thing the first time and may be the cause.
fn causes(before: &Manifest, now: &Manifest) -> String {
    let cpu = |manifest: &Manifest| manifest.cpu.clone().unwrap_or_default();
    let facts = [
        ("the program", before.version.clone(), now.version.clone()),
        (
            "the commit",
            before.git_commit.clone().unwrap_or_default(),
            now.git_commit.clone().unwrap_or_default(),
        ),
        ("Burn", before.burn.clone(), now.burn.clone()),
        (
            "the processor",
            before.processor.clone(),
            now.processor.clone(),
        ),
        ("the CPU", cpu(before), cpu(now)),
    ];
    let mut changed: Vec<String> = facts
        .into_iter()
        .filter(|(_, before, now)| before != now)
        .map(|(what, before, now)| format!("{what} was {before:?} and is {now:?}"))
        .collect();
    if before
        .dataset_sha256
        .values()
        .ne(now.dataset_sha256.values())
    {
        changed.push("the data files are others".to_string());
    }
    match changed.is_empty() {
        true => "nothing else is known to have changed".to_string(),
        false => changed.join("; "),
    }
}

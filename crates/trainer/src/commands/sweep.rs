//! `trainer sweep`: many settings, and which of them is the best.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use experiment::{Source, Sweep};
use serde_json::json;

use super::board::Board;
use super::signals::Signals;
use super::table;
use super::terminal::{Talk, counted};
use super::train::with_absolute_folder;
use crate::cli::SweepArgs;
use crate::failure::Failure;
use crate::run::find::ARTIFACTS;
use crate::run::list;
use crate::sweep::folder::{SWEEP, SweepManifest};
use crate::sweep::statistics::Spread;
use crate::sweep::training::{self, Event, Watch};
use crate::sweep::{Outcome, SweepFolder};

/// Below it, a difference is called more than chance.
const SIGNIFICANT: f64 = 0.05;

/// Trains what is missing of a sweep and prints its settings, the best first, by the validation images;
/// then the best one's result on the test images.
///
/// # Errors
/// When the file, the data or the folder is wrong (exit code 2), the sweep is stopped, or a training fails
/// in a way that says nothing about its setting.
pub fn run(args: &SweepArgs) -> Result<(), Failure> {
    let talk = Talk {
        quiet: args.output.quiet || args.output.json,
    };
    let signals = Signals::listen()?;
    let sweep = load(args)?;
    let first = sweep.settings.first().map(|setting| &setting.experiment);
    let first = first.ok_or_else(|| Failure::usage("the sweep has no setting"))?;
    let data = super::data::load(first, talk)?;
    for setting in &sweep.settings {
        setting.experiment.check_data(data.train.len())?;
        let (size, classes) = (data.train.size(), data.train.classes());
        setting.experiment.architecture(size, classes).validate()?;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores);
    let mut folder = SweepFolder::open(&sweep)?;
    talk.note(format_args!(
        "sweep   {}: {}, {} each, {jobs} at a time",
        folder.path().display(),
        counted(sweep.settings.len(), "setting"),
        counted(sweep.seeds.len(), "seed"),
    ));

    let live = !talk.quiet && stderr().is_terminal();
    let mut board = live.then(|| Board::new(&sweep));
    let mut observer = |event: &Event| match &mut board {
        Some(board) => board.show(event),
        None if args.output.json => print_event(event),
        None => say(event, talk),
    };
    let mut watch = Watch {
        observer: &mut observer,
        jobs,
        stop: signals.ask_first(),
    };
    let outcomes = training::train(&sweep, &mut folder, &data, &mut watch);
    drop(board); // what is printed now does not go between its lines
    let outcomes = outcomes?;
    match args.output.json {
        true => print_json(&outcomes, folder.manifest(), folder.path()),
        false => print(&outcomes, folder.manifest(), talk),
    }
}

fn load(args: &SweepArgs) -> Result<Sweep, Failure> {
    let mut overrides = args.set.clone();
    if let Some(dir) = &args.data_dir {
        overrides.push(super::config::data_dir(dir)?);
    }
    let mut sweep = experiment::load_sweep(Source::read(&args.file)?, &overrides)?;
    for setting in &mut sweep.settings {
        setting.experiment = with_absolute_folder(&setting.experiment);
    }
    Ok(sweep)
}

/// Returns the folder of the sweep that a person names by its folder or its experiment, if it is one.
pub(super) fn named(name: &str) -> Option<PathBuf> {
    let places = [PathBuf::from(name), Path::new(ARTIFACTS).join(name)];
    places.into_iter().find(|place| place.join(SWEEP).is_file())
}

/// Says what happened in a line, where there is no terminal to draw on.
fn say(event: &Event, talk: Talk) {
    match event {
        Event::Round { round, of, trials } if *of > 1 => {
            talk.note(format_args!(
                "round {round} of {of}: {}",
                counted(trials.len(), "training")
            ));
        }
        Event::Ended(trial, score) => {
            talk.note(format_args!(
                "{}  {}",
                list::summarize(&trial.folder)
                    .map(|run| run.run)
                    .unwrap_or_default(),
                super::runs::shown(*score)
            ));
        }
        Event::Failed(trial, error) => {
            talk.warn(format_args!("{}: {error}", trial.folder.display()))
        }
        Event::Round { .. } | Event::Begun(_) | Event::Epoch(..) => {}
    }
}

/// Prints what happened as a line of JSON. A reader that has gone does not stop the sweep.
fn print_event(event: &Event) {
    let value = match event {
        Event::Round { round, of, trials } => {
            json!({ "event": "round", "round": round, "of": of, "trainings": trials.len() })
        }
        Event::Ended(trial, score) => {
            json!({ "event": "training", "run": trial.folder, "setting": trial.setting, "seed": trial.seed, "score": score })
        }
        Event::Failed(trial, error) => {
            json!({ "event": "failed", "run": trial.folder, "setting": trial.setting, "seed": trial.seed, "error": error })
        }
        Event::Begun(_) | Event::Epoch(..) => return,
    };
    let _ = writeln!(stdout(), "{value}");
}

fn print_json(outcomes: &[Outcome], sweep: &SweepManifest, path: &Path) -> Result<(), Failure> {
    let value = json!({
        "event": "sweep",
        "sweep": path,
        "metric": sweep.metric,
        "best": sweep.best,
        "settings": outcomes,
        "test": sweep.test,
        "test_looks": sweep.test_looks,
    });
    writeln!(stdout(), "{value}")?;
    Ok(())
}

fn print(outcomes: &[Outcome], sweep: &SweepManifest, talk: Talk) -> Result<(), Failure> {
    let mut out = stdout().lock();
    let measure = format!("validation {}", sweep.metric.label);
    table::write(&mut out, &header(&measure), &[1], &rows(outcomes))?;
    writeln!(out)?;
    for line in conclusions(outcomes, sweep) {
        writeln!(out, "{line}")?;
    }
    talk.next(format_args!(
        "cargo run -p trainer -- report {}",
        sweep.experiment
    ));
    Ok(())
}

/// Returns the header of [`rows`].
pub(super) fn header(measure: &str) -> [&str; 8] {
    [
        "setting",
        "sets",
        "seeds",
        "epochs",
        measure,
        "95 % interval",
        "to the best",
        "p",
    ]
}

/// Returns a row for each setting: number, values, seeds, epochs, mean and deviation, interval, difference
/// to the best, probability of that by chance.
pub(super) fn rows(outcomes: &[Outcome]) -> Vec<Vec<String>> {
    let dash = || "-".to_string();
    let row = |outcome: &Outcome| {
        let epochs = match outcome.given_up {
            true => format!("{}, given up", outcome.epochs),
            false => outcome.epochs.to_string(),
        };
        let seeds = match outcome.failed {
            0 => outcome.scores.len().to_string(),
            failed => format!("{}, {failed} failed", outcome.scores.len()),
        };
        let interval = outcome.spread.and_then(|spread| spread.interval);
        vec![
            outcome.setting.to_string(),
            described(&outcome.values),
            seeds,
            epochs,
            outcome.spread.map_or_else(dash, |spread| shown(&spread)),
            interval.map_or_else(dash, |[low, high]| format!("{low:.4} to {high:.4}")),
            outcome
                .against_best
                .map_or_else(dash, |test| format!("{:+.4}", test.difference)),
            outcome
                .against_best
                .map_or_else(dash, |test| probability(test.p)),
        ]
    };
    outcomes.iter().map(row).collect()
}

/// Returns what a setting sets, in short.
pub(super) fn described(values: &[(String, String)]) -> String {
    let texts: Vec<String> = values
        .iter()
        .map(|(key, value)| super::runs::short(key, value))
        .collect();
    match texts.is_empty() {
        true => "as the file is".to_string(),
        false => texts.join(", "),
    }
}

/// Returns mean and standard deviation.
pub(super) fn shown(spread: &Spread) -> String {
    match spread.deviation {
        Some(deviation) => format!("{:.4} ± {deviation:.4}", spread.mean),
        None => format!("{:.4}", spread.mean),
    }
}

fn probability(p: f64) -> String {
    match p < 1e-4 {
        true => "< 0.0001".to_string(),
        false => format!("{p:.4}"),
    }
}

/// Returns what the figures say, in sentences.
pub(super) fn conclusions(outcomes: &[Outcome], sweep: &SweepManifest) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(best) = sweep
        .best
        .and_then(|best| outcomes.iter().find(|outcome| outcome.setting == best))
    else {
        return lines;
    };
    lines.push(format!(
        "best by the validation images: setting {}, {}",
        best.setting,
        described(&best.values)
    ));
    let tests: Vec<f64> = outcomes
        .iter()
        .filter_map(|outcome| outcome.against_best)
        .map(|test| test.p)
        .collect();
    let alike = tests.iter().filter(|p| **p >= SIGNIFICANT).count();
    lines.push(match (tests.len(), alike, best.scores.len()) {
        (0, _, _) if outcomes.len() < 2 => "there is nothing to compare it with".to_string(),
        (0, _, 1) => {
            "one seed a setting does not tell a difference from chance: seeds = 5 in [sweep]"
                .to_string()
        }
        (0, _, _) if outcomes.iter().any(|outcome| outcome.given_up) => {
            "the others were given up before".to_string()
        }
        (0, _, _) => "no other setting has two seeds in common with it".to_string(),
        (all, 0, _) => format!(
            "better than each of {} by more than chance",
            counted(all, "other setting")
        ),
        (all, alike, seeds) => format!(
            "{alike} of {} may be as good: with {} the difference can be chance",
            counted(all, "other setting"),
            counted(seeds, "seed"),
        ),
    });
    if !tests.is_empty() {
        lines.push("(p: paired t-test over the seeds, Holm's correction; the best was chosen by the same figures, which \
             makes p a little too small)"
                .to_string());
    }
    if let Some(test) = &sweep.test {
        let looks = match sweep.test_looks {
            1 => "looked at once".to_string(),
            looks => format!("looked at {looks} times"),
        };
        lines.push(format!(
            "its test accuracy {}  loss {}  ({}; the test images were {looks})",
            shown(&test.accuracy),
            shown(&test.loss),
            counted(test.accuracy.count, "seed"),
        ));
    }
    lines
}

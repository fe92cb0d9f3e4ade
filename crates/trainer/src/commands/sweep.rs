//! `trainer sweep`: training many settings and finding the best.

use std::io::{IsTerminal, Write, stderr};
use std::path::Path;

use experiment::{Source, Sweep};
use serde_json::json;

use super::board::Board;
use super::signals::Signals;
use super::table;
use super::terminal::{self, Messages};
use crate::cli::SweepArgs;
use crate::configs;
use crate::failure::Failure;
use crate::format::{counted, figure};
use crate::run::list;
use crate::sweep::rounds::{self, Event, Watch};
use crate::sweep::{Outcome, SweepFolder, SweepState, conclusions};

/// Trains the missing trainings of a sweep and prints its settings, best first on the validation images, then
/// the best one's result on the test images.
///
/// # Errors
/// When the file, the data or the folder is wrong (exit code 2), the sweep is stopped, or a training fails
/// for a reason other than its setting.
pub fn run(args: &SweepArgs) -> Result<(), Failure> {
    let messages = Messages::of(args.output);
    let signals = Signals::listen()?;
    let sweep = load(args)?;
    let data = rounds::data_set(&sweep, &mut messages.listener())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores);
    let mut folder = SweepFolder::open(&sweep)?;
    messages.note(format_args!(
        "sweep   {}: {}, {} each, {jobs} at a time",
        folder.path().display(),
        counted(sweep.settings.len(), "setting"),
        counted(sweep.seeds.len(), "seed"),
    ));

    let live = !messages.quiet && stderr().is_terminal();
    let mut board = live.then(|| Board::new(&sweep));
    let mut observer = |event: &Event| match &mut board {
        Some(board) => board.show(event),
        None if args.output.json => print_event(event),
        None => say(event, messages),
    };
    let mut watch = Watch {
        observer: &mut observer,
        jobs,
        stop: signals.ask_first(),
    };
    let outcomes = rounds::train(&sweep, &mut folder, &data, &mut watch);
    drop(board); // so that later output does not go between its lines
    let outcomes = outcomes?;
    if args.output.json {
        print_json(&outcomes, folder.state(), folder.path())
    } else {
        print(&outcomes, folder.state(), messages)
    }
}

fn load(args: &SweepArgs) -> Result<Sweep, Failure> {
    let set = configs::with_data_dir(&args.set, args.data_dir.as_deref())?;
    let mut sweep = experiment::load_sweep(Source::read(&args.file)?, &set)?;
    for setting in &mut sweep.settings {
        setting.experiment = configs::with_absolute_folder(&setting.experiment);
    }
    Ok(sweep)
}

/// Prints an event as a line, if there is no terminal to draw on.
fn say(event: &Event, messages: Messages) {
    match event {
        Event::Round { round, of, trials } if *of > 1 => {
            messages.note(format_args!(
                "round {round} of {of}: {}",
                counted(trials.len(), "training")
            ));
        }
        Event::Ended(trial, score) => {
            messages.note(format_args!(
                "{}  {}",
                list::summarize(&trial.folder)
                    .map(|run| run.run)
                    .unwrap_or_default(),
                figure(*score)
            ));
        }
        Event::Failed(trial, error) => {
            messages.warn(format_args!("{}: {error}", trial.folder.display()))
        }
        Event::Round { .. } | Event::Begun(_) | Event::Epoch(..) => {}
    }
}

/// Prints an event as a line of JSON. A closed stdout does not stop the sweep.
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
    let _ = terminal::json(&value);
}

fn print_json(outcomes: &[Outcome], sweep: &SweepState, path: &Path) -> Result<(), Failure> {
    let value = json!({
        "event": "sweep",
        "sweep": path,
        "metric": sweep.metric,
        "best": sweep.best,
        "settings": outcomes,
        "test": sweep.test,
        "test_looks": sweep.test_looks,
    });
    terminal::json(&value)?;
    Ok(())
}

fn print(outcomes: &[Outcome], sweep: &SweepState, messages: Messages) -> Result<(), Failure> {
    let mut out = terminal::out();
    let measure = format!("validation {}", sweep.metric.label);
    table::write(
        &mut out,
        &conclusions::header(&measure),
        &[1],
        &conclusions::rows(outcomes),
    )?;
    writeln!(out)?;
    for line in conclusions::sentences(outcomes, sweep) {
        writeln!(out, "{line}")?;
    }
    messages.next(format_args!(
        "cargo run -p trainer -- report {}",
        sweep.experiment
    ));
    Ok(())
}

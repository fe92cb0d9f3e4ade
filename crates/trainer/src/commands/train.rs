//! `trainer` and `trainer train`: from arguments to a finished run folder.

use std::io::{IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use experiment::{Experiment, Metric};
use serde_json::json;

use super::progress::Progress;
use super::signals::Signals;
use super::terminal::{self, Messages, print_trust};
use crate::cli::{ShowArgs, TrainArgs};
use crate::engine;
use crate::failure::Failure;
use crate::format::{counted, quoted};
use crate::learner::Watch;
use crate::results::Trained;
use crate::run::folder::GALLERY;
use crate::session::{self, Prepared, Session};

/// Trains an experiment and prints the results.
///
/// # Errors
/// When the config, the data, the backend or the training fails.
pub fn run(args: TrainArgs) -> Result<(), Failure> {
    let experiment = || super::config::experiment(&args.experiment);
    new_run(experiment, args.run_dir, args.show).map(drop)
}

/// Trains an experiment as a new run and prints the results; returns the run's folder.
///
/// # Errors
/// Those of `experiment`; when the data, the backend or the training fails.
pub(super) fn new_run(
    experiment: impl FnOnce() -> Result<Experiment, Failure>,
    run_dir: Option<PathBuf>,
    show: ShowArgs,
) -> Result<PathBuf, Failure> {
    let messages = messages(show)?;
    let signals = Signals::listen()?;
    let prepared = session::prepare(experiment()?, run_dir.as_deref(), &mut messages.listener())?;
    introduce(&prepared, messages);
    let stop = signals.ask_first();
    let name = run_dir.as_deref().map(quoted);
    let session = prepared.begin(run_dir)?;
    messages.note(format_args!("run     {}", session.run.path().display()));
    finish(session, show, stop, name)
}

/// Returns how to print messages while training.
///
/// # Errors
/// When this build has no dashboard, or there is no terminal for it (exit code 2).
pub(super) fn messages(show: ShowArgs) -> Result<Messages, Failure> {
    if show.tui && !cfg!(feature = "tui") {
        return Err(Failure::left_out("dashboard", "tui"));
    }
    if show.tui && !stdout().is_terminal() {
        return Err(Failure::usage("--tui needs a terminal on stdout").hint("leave --tui out"));
    }
    Ok(Messages::of(show.output))
}

/// Prints what is about to be trained.
pub(super) fn introduce(prepared: &Prepared, messages: Messages) {
    let Prepared {
        experiment,
        data,
        architecture,
        compute,
        engine,
    } = prepared;
    let [train, validation, test] = data.counts(experiment.data.validation);
    let [channels, height, width] = data.train.size();
    let colours = if channels == 3 { " in colour" } else { "" };
    messages.note(format_args!(
        "data    {}: {train} training, {validation} validation, {test} test images of {width}x{height}{colours}, \
         {} classes",
        data.name,
        data.train.classes(),
    ));
    messages.note(format_args!(
        "network {}: {} parameters",
        architecture.chain(),
        prepared.parameters()
    ));
    let fewer = engine::fewer_threads(prepared.job());
    let fewer = fewer.map_or_else(String::new, |used| format!(" of which {used} train"));
    messages.note(format_args!(
        "backend {} on {}{fewer}, engine {engine}, seed {}",
        compute.backend, compute.processor, experiment.seed
    ));
    if compute.software {
        messages.warn(
            "this adapter runs in software: a step takes about 90 ms, hundreds of times as long as with \
             --backend flex",
        );
    }
}

/// Trains a run, prints the results and returns its folder. `stop` is 0, or the exit code to end with; `name` is
/// the run's name in other commands, `last` if absent.
///
/// # Errors
/// When the training fails or is stopped.
pub(super) fn finish(
    session: Session,
    show: ShowArgs,
    stop: Arc<AtomicUsize>,
    name: Option<String>,
) -> Result<PathBuf, Failure> {
    let path = session.run.path().to_path_buf();
    let progress = Progress::new(show, session.prepared.experiment.training.epochs);
    let watch = Watch {
        live: progress.is_live(),
        dashboard: show.tui,
        stop,
        observer: Box::new(move |event| progress.show(event)),
    };
    let trained = session.train(watch)?;
    conclude(&trained, &path, name, show)?;
    Ok(path)
}

fn conclude(
    trained: &Trained,
    path: &Path,
    name: Option<String>,
    show: ShowArgs,
) -> Result<(), Failure> {
    let messages = messages(show)?;
    let mut out = terminal::out();
    let tested = trained.test.as_ref();
    if show.output.json {
        let mut result = json!({
            "event": "result",
            "run": path,
            "epochs": trained.epochs.len(),
            "best_epoch": trained.best,
            "training_seconds": trained.seconds,
            "test_ece": tested.map(|(_, trust)| trust.ece),
            "test_calibrated_ece": tested.and_then(|(_, trust)| trust.calibrated_ece),
            "test_unknown": tested.and_then(|(_, trust)| trust.unknown),
        });
        if let Some(result) = result.as_object_mut() {
            result.extend(Metric::all().map(|metric| {
                let figure = tested.and_then(|(test, _)| test.figures.get(metric));
                (format!("test_{}", metric.key), json!(figure))
            }));
        }
        writeln!(out, "{result}")?;
        return Ok(());
    }
    if let Some(best) = trained.best {
        writeln!(
            out,
            "best epoch {best} of {}, chosen on the validation images",
            trained.epochs.len()
        )?;
    }
    if let Some((test, trust)) = tested {
        writeln!(
            out,
            "test {}  ({} images)",
            test.figures.test_line(),
            test.images
        )?;
        if trust.calibrated_ece.is_some() {
            print_trust(&mut out, trust)?;
        }
        // The notebook's own two lines: round(score * 100).
        writeln!(out, "Accuracy: {:.0}", test.figures.accuracy() * 100.0)?;
        writeln!(out, "Loss: {:.0}", test.figures.loss() * 100.0)?;
    }
    writeln!(
        out,
        "trained {} in {:.1} s",
        counted(trained.epochs.len(), "epoch"),
        trained.seconds
    )?;
    match tested {
        Some(_) => messages.note(format_args!("pictures: {}", path.join(GALLERY).display())),
        None => messages.note("the test images were not used: evaluation.test is false"),
    }
    let run = name.unwrap_or_else(|| "last".to_string());
    messages.next(format_args!("cargo run -p trainer -- evaluate {run}"));
    Ok(())
}

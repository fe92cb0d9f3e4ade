//! `trainer` and `trainer train`: from arguments to a filled run folder.

use std::io::{IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use ::data::DataSet;
use experiment::Experiment;
use experiment::Metric;
use serde_json::json;

use super::progress::Progress;
use super::signals::Signals;
use super::terminal::{Talk, counted, print_trust};
use crate::backend::Compute;
use crate::cli::{ShowArgs, TrainArgs};
use crate::engine;
use crate::failure::Failure;
use crate::learner::Watch;
use crate::results::Trained;
use crate::run::checkpoint::Checkpoint;
use crate::run::find::ARTIFACTS;
use crate::run::folder::{self, GALLERY};
use crate::run::{Manifest, RunFolder};
use crate::training;

/// Trains and prints what came of it.
///
/// # Errors
/// When the config, the data, the backend or the training fails.
pub fn run(args: TrainArgs) -> Result<(), Failure> {
    into_folder(args).map(drop)
}

/// The same; returns the run's folder.
pub(super) fn into_folder(args: TrainArgs) -> Result<PathBuf, Failure> {
    let talk = talk(args.show)?;
    let signals = Signals::listen()?;
    // Everything that can be wrong is checked before the first batch, the quick things first.
    let experiment = super::config::experiment(&args.experiment)?;
    args.run_dir
        .as_deref()
        .map_or(Ok(()), folder::refuse_taken)?;
    let data = super::data::load(&experiment, talk)?;
    experiment.check_data(data.train.len())?;
    let input = data.train.size();
    let network = experiment.architecture(input, data.train.classes());
    network.validate()?;
    let parameters = network.parameters().unwrap_or_default();
    let compute = Compute::open(experiment.backend)?;
    introduce(&experiment, &data, &compute, parameters, talk)?;

    let name = folder::fresh_name();
    let path = args
        .run_dir
        .clone()
        .unwrap_or_else(|| Path::new(ARTIFACTS).join(&experiment.name).join(name));
    let resolved = with_absolute_folder(&experiment)
        .to_toml()
        .map_err(Failure::usage)?;
    let manifest = Manifest::start(&experiment, Some(&data), &compute, parameters, &path);
    let stop = signals.ask_first();
    let run = RunFolder::create(path, &resolved, manifest)?;
    talk.note(format_args!("run     {}", run.path().display()));
    let start = Checkpoint::start(resolved);
    let name = args.run_dir.as_ref().map(|path| quoted(path));
    let session = Session {
        experiment,
        data,
        compute,
        run,
        stop,
    };
    session.train(start, args.show, name)
}

/// Returns how to talk while training.
///
/// # Errors
/// When this build has no dashboard, or it has no terminal (exit code 2).
pub(super) fn talk(show: ShowArgs) -> Result<Talk, Failure> {
    if show.tui && !cfg!(feature = "tui") {
        return Err(Failure::left_out("dashboard", "tui"));
    }
    if show.tui && !stdout().is_terminal() {
        return Err(Failure::usage("--tui needs a terminal on stdout").hint("leave --tui out"));
    }
    Ok(Talk {
        quiet: show.output.quiet || show.output.json,
    })
}

/// All that a training needs: what `train` makes and `resume` finds.
pub(super) struct Session {
    pub experiment: Experiment,
    pub data: DataSet,
    pub compute: Compute,
    pub run: RunFolder,
    pub stop: Arc<AtomicUsize>,
}

impl Session {
    /// Trains from `start` on, prints what came of it and returns the run's folder. `name` is what other
    /// commands call the run; without one it is the last.
    ///
    /// # Errors
    /// When the training fails or is stopped.
    pub fn train(
        mut self,
        start: Checkpoint,
        show: ShowArgs,
        name: Option<String>,
    ) -> Result<PathBuf, Failure> {
        let progress = Progress::new(show, self.experiment.training.epochs);
        let watch = Watch {
            live: progress.is_live(),
            dashboard: show.tui,
            stop: self.stop,
            observer: Box::new(move |event| progress.show(event)),
        };
        let trained = training::train(
            &self.experiment,
            &self.data,
            &self.compute,
            start,
            &mut self.run,
            watch,
        )?;
        conclude(&trained, &self.run, name, show)?;
        Ok(self.run.path().to_path_buf())
    }
}

/// Says what will be trained, and how.
///
/// # Errors
/// When the engine that the experiment asks for cannot train it (exit code 2).
pub(super) fn introduce(
    experiment: &Experiment,
    data: &DataSet,
    compute: &Compute,
    parameters: usize,
    talk: Talk,
) -> Result<(), Failure> {
    let engine = engine::choose(experiment, compute.backend)?;
    let validation = experiment.data.validation;
    talk.note(format_args!(
        "data    {}: {} training, {validation} validation, {} test images of {}x{}, {} classes",
        data.name,
        data.train.len() - validation,
        data.test.len(),
        data.train.width(),
        data.train.height(),
        data.train.classes(),
    ));
    let network = experiment.architecture(data.train.size(), data.train.classes());
    talk.note(format_args!(
        "network {}: {parameters} parameters",
        network.chain()
    ));
    talk.note(format_args!(
        "backend {} on {}, engine {engine}, seed {}",
        compute.backend, compute.processor, experiment.seed
    ));
    if compute.software {
        talk.warn(
            "this adapter is software: a step costs about 90 ms here, hundreds of times that of \
             --backend flex",
        );
    }
    Ok(())
}

/// Returns `path` as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    match text.contains(|c: char| c.is_whitespace() || "'\"$`\\;&|<>()*?[]#~!".contains(c)) {
        true => format!("'{}'", text.replace('\'', "'\\''")),
        false => text,
    }
}

/// The run's own config must find the data from any working directory.
pub(super) fn with_absolute_folder(experiment: &Experiment) -> Experiment {
    let mut resolved = experiment.clone();
    resolved.data.dir = resolved
        .data
        .dir
        .map(|dir| std::path::absolute(&dir).unwrap_or(dir));
    resolved
}

fn conclude(
    trained: &Trained,
    run: &RunFolder,
    name: Option<String>,
    show: ShowArgs,
) -> Result<(), Failure> {
    let talk = talk(show)?;
    let path = run.path();
    let mut out = stdout();
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
        for metric in Metric::all() {
            let figure = tested.and_then(|(test, _)| test.figures.get(metric));
            result[format!("test_{}", metric.key)] = json!(figure);
        }
        writeln!(out, "{result}")?;
        return Ok(());
    }
    if let Some(best) = trained.best {
        writeln!(
            out,
            "best epoch {best} of {}, by the validation images",
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
        Some(_) => talk.note(format_args!("pictures: {}", path.join(GALLERY).display())),
        None => talk.note("the test images were not looked at: evaluation.test is false"),
    }
    let run = name.unwrap_or_else(|| "last".to_string());
    talk.next(format_args!("cargo run -p trainer -- evaluate {run}"));
    Ok(())
}

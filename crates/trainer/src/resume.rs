//! Resuming a run that was stopped, killed or failed.

use std::path::PathBuf;

use experiment::{Experiment, Source};

use crate::configs;
use crate::engine;
use crate::failure::{Failure, shown};
use crate::notice::{Notice, Notify};
use crate::run::checkpoint::{self, Checkpoint};
use crate::run::folder::{CONFIG, sha256};
use crate::run::{RunFolder, Status, find};
use crate::session::{self, Prepared, Session};

/// Which run to resume, and what to change.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The run's folder, a unique prefix of its name, or `last`.
    pub run: String,
    /// Overrides of its config, each `key=value`. Only a few keys may change.
    pub set: Vec<String>,
    /// Where the data files are now.
    pub data_dir: Option<PathBuf>,
}

/// A run that can be resumed. Its folder is locked but not yet changed.
pub struct Resumable {
    /// The experiment, changed as requested, with its data and its backend.
    pub prepared: Prepared,
    /// The run's folder.
    pub run: RunFolder,
    /// The checkpoint it resumes from.
    pub start: Checkpoint,
}

/// Returns the requested run with its newest valid checkpoint, or with the state before the first step if it
/// has none; `None`, with a notice, if it is finished and nothing is left to train.
///
/// # Errors
/// When the run, its data or its backend has changed (exit code 2).
pub fn open(request: &Request, notify: Notify) -> Result<Option<Resumable>, Failure> {
    let run = RunFolder::open(find::folder(&request.run)?)?;
    if let Some(imported) = &run.manifest().imported {
        let message = format!(
            "the run was not trained here, but imported from {}",
            imported.file
        );
        return Err(Failure::usage(message).hint("resume it where it was trained"));
    }
    let set = configs::with_data_dir(&request.set, request.data_dir.as_deref())?;
    let experiment = configs::of_run(run.path(), &set)?;
    let start = start(&run, &experiment, notify)?;
    if let Some(text) = nothing_to_do(&run, &start, &experiment) {
        notify(Notice::Note(text));
        return Ok(None);
    }
    let mut prepared = session::prepare(experiment, None, notify)?;
    prepared.engine = engine::resumed(prepared.engine, &prepared.experiment, &start.parts);
    refuse_other_data(&run, &start, &prepared)?;
    refuse_other_backend(&run, &prepared)?;
    Ok(Some(Resumable {
        prepared,
        run,
        start,
    }))
}

impl Resumable {
    /// Marks the run as running again and returns it ready to be trained.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin(mut self) -> Result<Session, Failure> {
        let state = &self.start.state;
        self.run
            .reopen(&state.experiment, &state.history.to_vec())?;
        Ok(Session {
            prepared: self.prepared,
            run: self.run,
            start: self.start,
        })
    }
}

/// Returns the checkpoint to resume from.
fn start(run: &RunFolder, experiment: &Experiment, notify: Notify) -> Result<Checkpoint, Failure> {
    let resolved = configs::resolved(experiment)?;
    let (found, warnings) = checkpoint::newest(run.path())?;
    for warning in warnings {
        notify(Notice::Warning(warning));
    }
    let Some(mut start) = found else {
        refuse_changes(&begun_with(run)?, experiment, 1)?;
        if run.manifest().status == Status::Finished {
            let message = format!("{} is finished and has no checkpoint", run.path().display());
            return Err(Failure::usage(message).hint("start a new run"));
        }
        let note = "there is no checkpoint to resume from: training starts at the beginning";
        notify(Notice::Note(note.to_string()));
        return Ok(Checkpoint::start(resolved));
    };
    let source = Source {
        label: "the checkpoint's experiment".to_string(),
        text: start.state.experiment,
    };
    let before = experiment::load(source, &[])?;
    refuse_changes(&before, experiment, start.state.epoch)?;
    start.state.experiment = resolved;
    Ok(start)
}

/// Returns the experiment that the run's own config describes, which must be as the run wrote it.
fn begun_with(run: &RunFolder) -> Result<Experiment, Failure> {
    let source = configs::source_in(&run.path().join(CONFIG))?;
    let known = run.manifest().files_sha256.get(CONFIG);
    if known.is_none_or(|known| *known != sha256(source.text.as_bytes())) {
        return Err(Failure::usage(format!(
            "{} has changed since the run wrote it, and no checkpoint records what it was",
            run.path().join(CONFIG).display()
        ))
        .hint("train it as a new run: --config FILE"));
    }
    Ok(experiment::load(source, &[])?)
}

/// Fails when the experiment differs from `before` in anything that affects the epochs already trained.
fn refuse_changes(before: &Experiment, now: &Experiment, epoch: usize) -> Result<(), Failure> {
    let mut allowed = before.clone();
    allowed.checkpoint = now.checkpoint.clone();
    allowed.log = now.log.clone();
    allowed.data.dir = now.data.dir.clone(); // the files' hashes are compared
    if now.training.epochs + 1 >= epoch && !before.schedule.depends_on_length() {
        allowed.training.epochs = now.training.epochs;
    }
    if allowed == *now {
        return Ok(());
    }
    let (before, now) = (configs::to_toml(&allowed)?, configs::to_toml(now)?);
    let lines = |a: &str, b: &str, sign: char| -> Vec<String> {
        let missing = a
            .lines()
            .filter(|line| !b.lines().any(|other| other == *line));
        missing.map(|line| format!("  {sign} {line}")).collect()
    };
    let diff = [lines(&before, &now, '-'), lines(&now, &before, '+')].concat();
    Err(Failure::usage(format!(
        "the experiment differs from the one the run was started with:\n{}",
        diff.join("\n")
    ))
    .hint("undo the change, or start a new run: only training.epochs (unless the schedule is cosine), checkpoint.* and log.* may change"))
}

/// Returns what to say if nothing is left to train.
fn nothing_to_do(run: &RunFolder, start: &Checkpoint, experiment: &Experiment) -> Option<String> {
    let is_done = start.state.stopped || start.state.epoch > experiment.training.epochs;
    if run.manifest().status != Status::Finished || !is_done {
        return None;
    }
    let more = if start.state.stopped {
        "early stopping ended it; start a new run with more patience"
    } else {
        "to train it longer: --set training.epochs=N"
    };
    Some(format!("the run {} is finished; {more}", shown(run.path())))
}

/// Fails when the files differ from those the run was started with, or the checkpoint does not fit the number
/// of images.
fn refuse_other_data(
    run: &RunFolder,
    start: &Checkpoint,
    prepared: &Prepared,
) -> Result<(), Failure> {
    let Prepared {
        experiment, data, ..
    } = prepared;
    let known = &run.manifest().dataset_sha256;
    let is_known = |sha256: &String| known.values().any(|known| known == sha256);
    if !data.files.iter().all(|file| is_known(&file.sha256)) {
        let message = "the data files differ from those the run was started with";
        return Err(
            Failure::usage(message).hint("give the folder with the original files: --data-dir D")
        );
    }
    let [images, ..] = data.counts(experiment.data.validation);
    if !start.state.fits(experiment.training.batch_size, images) {
        let message = "the checkpoint does not fit this experiment and data";
        return Err(
            Failure::failed(message).hint("remove its folder to resume from the previous one")
        );
    }
    Ok(())
}

fn refuse_other_backend(run: &RunFolder, prepared: &Prepared) -> Result<(), Failure> {
    let (before, now) = (&run.manifest().backend, prepared.compute.backend);
    if now.to_string() == *before {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the run was started on the backend {before}, but would resume on {now}"
    ))
    .hint("results would differ; start a new run to change the backend"))
}

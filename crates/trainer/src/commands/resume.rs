//! `trainer resume`: goes on with a run as if nothing had happened.

use experiment::{Decay, Experiment, Source};

use super::signals::Signals;
use super::terminal::Talk;
use super::train::{Session, introduce, quoted, talk, with_absolute_folder};
use crate::backend::Compute;
use crate::cli::ResumeArgs;
use crate::failure::Failure;
use crate::run::checkpoint::{self, Checkpoint};
use crate::run::folder::{CONFIG, sha256};
use crate::run::{RunFolder, Status, find};

/// Trains what is left of a run, from its newest checkpoint that verifies; from its beginning when there
/// is none.
///
/// # Errors
/// When the run, its data or its backend is not what it was, or nothing is left to do (exit code 2);
/// when the training fails.
pub fn run(args: &ResumeArgs) -> Result<(), Failure> {
    let talk = talk(args.show)?;
    let signals = Signals::listen()?;
    let mut run = RunFolder::open(find::folder(&args.run)?)?;
    if let Some(imported) = &run.manifest().imported {
        let message = format!(
            "the run was not trained here, but imported from {}",
            imported.file
        );
        return Err(Failure::usage(message).hint("go on with it where it was trained"));
    }
    let experiment = experiment(args, &run)?;
    let resolved = with_absolute_folder(&experiment)
        .to_toml()
        .map_err(Failure::usage)?;
    let start = start(&run, &experiment, &resolved, talk)?;
    refuse_nothing_to_do(&run, &start, &experiment)?;

    let data = super::data::load(&experiment, talk)?;
    experiment.check_data(data.train.len())?;
    let manifest = run.manifest();
    let hashes = data.files.iter().map(|file| &file.sha256);
    if !hashes.clone().all(|sha256| {
        manifest
            .dataset_sha256
            .values()
            .any(|known| known == sha256)
    }) {
        return Err(
            Failure::usage("the data files are not those the run began with")
                .hint("name the folder that has them: --data-dir D"),
        );
    }
    let images = data.train.len() - experiment.data.validation;
    if !start.state.fits(experiment.training.batch_size, images) {
        return Err(Failure::failed(
            "the checkpoint's numbers are not those of this experiment and data",
        )
        .hint("remove its folder to go on from the one before"));
    }
    let compute = Compute::open(experiment.backend)?;
    if compute.backend.to_string() != manifest.backend {
        return Err(Failure::usage(format!(
            "the run began on the backend {}, here it would go on on {}",
            manifest.backend, compute.backend
        ))
        .hint("results would differ; train anew to change the backend"));
    }
    introduce(&experiment, &data, &compute, manifest.parameters, talk)?;
    talk.note(format_args!(
        "resume  {} at epoch {}, step {}",
        run.path().display(),
        start.state.epoch,
        start.state.step + 1
    ));
    let stop = signals.ask_first();
    run.reopen(&resolved, &start.state.history.to_vec())?;
    let name = quoted(run.path());
    let session = Session {
        experiment,
        data,
        compute,
        run,
        stop,
    };
    session.train(start, args.show, Some(name)).map(drop)
}

/// Returns the run's experiment with the changes that `args` ask for.
fn experiment(args: &ResumeArgs, run: &RunFolder) -> Result<Experiment, Failure> {
    let mut overrides = args.set.clone();
    if let Some(dir) = &args.data_dir {
        overrides.push(super::config::data_dir(dir)?);
    }
    let source = Source::read(&run.path().join(CONFIG))?;
    Ok(experiment::load(source, &overrides)?)
}

/// Returns what to go on from.
fn start(
    run: &RunFolder,
    experiment: &Experiment,
    resolved: &str,
    talk: Talk,
) -> Result<Checkpoint, Failure> {
    let (found, warnings) = checkpoint::newest(run.path())?;
    warnings.iter().for_each(|warning| talk.warn(warning));
    let Some(mut start) = found else {
        refuse_changes(&begun_with(run)?, experiment, 1)?;
        if run.manifest().status == Status::Finished {
            let message = format!("{} is finished and has no checkpoint", run.path().display());
            return Err(Failure::usage(message).hint("train anew"));
        }
        talk.note("there is no checkpoint to go on from: training starts at the beginning");
        return Ok(Checkpoint::start(resolved.to_string()));
    };
    let source = Source {
        label: "the checkpoint's experiment".to_string(),
        text: start.state.experiment,
    };
    refuse_changes(
        &experiment::load(source, &[])?,
        experiment,
        start.state.epoch,
    )?;
    start.state.experiment = resolved.to_string();
    Ok(start)
}

/// Returns the experiment that the run's own config describes, which must be as the run wrote it.
fn begun_with(run: &RunFolder) -> Result<Experiment, Failure> {
    let source = Source::read(&run.path().join(CONFIG))?;
    let known = run.manifest().files_sha256.get(CONFIG);
    if known.is_none_or(|known| *known != sha256(source.text.as_bytes())) {
        return Err(Failure::usage(format!(
            "{} is not as the run wrote it, and there is no checkpoint that says what it was",
            run.path().join(CONFIG).display()
        ))
        .hint("train it anew: --config FILE"));
    }
    Ok(experiment::load(source, &[])?)
}

/// Fails when the experiment is another than `before`, apart from what cannot change what was trained.
fn refuse_changes(before: &Experiment, now: &Experiment, epoch: usize) -> Result<(), Failure> {
    let mut allowed = before.clone();
    allowed.checkpoint = now.checkpoint.clone();
    allowed.log = now.log.clone();
    allowed.data.dir = now.data.dir.clone(); // the files' hashes are compared
    let length_matters = matches!(before.schedule.decay, Decay::Cosine { .. });
    if now.training.epochs + 1 >= epoch && !length_matters {
        allowed.training.epochs = now.training.epochs;
    }
    if allowed == *now {
        return Ok(());
    }
    let toml = |experiment: &Experiment| experiment.to_toml().map_err(Failure::usage);
    let (before, now) = (toml(&allowed)?, toml(now)?);
    let lines = |a: &str, b: &str, sign: char| -> Vec<String> {
        let missing = a
            .lines()
            .filter(|line| !b.lines().any(|other| other == *line));
        missing.map(|line| format!("  {sign} {line}")).collect()
    };
    let diff = [lines(&before, &now, '-'), lines(&now, &before, '+')].concat();
    Err(Failure::usage(format!(
        "the experiment is not the one the run began with:\n{}",
        diff.join("\n")
    ))
    .hint("undo the change, or train anew: only training.epochs (unless the schedule is cosine), checkpoint.* and log.* may change"))
}

fn refuse_nothing_to_do(
    run: &RunFolder,
    start: &Checkpoint,
    experiment: &Experiment,
) -> Result<(), Failure> {
    let is_done = start.state.stopped || start.state.epoch > experiment.training.epochs;
    if run.manifest().status != Status::Finished || !is_done {
        return Ok(());
    }
    let failure = Failure::usage(format!("the run {} is finished", run.path().display()));
    Err(match start.state.stopped {
        true => failure.hint("early stopping ended it; train anew with more patience"),
        false => failure.hint("train it longer: --set training.epochs=N"),
    })
}

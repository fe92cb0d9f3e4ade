//! One training from preparation to end, shared by `train`, `resume` and `repeat`.

use std::path::{Path, PathBuf};

use data::DataSet;
use experiment::Experiment;
use model::Architecture;

use crate::backend::Compute;
use crate::configs;
use crate::datasets::Wanted;
use crate::engine::{self, EngineKind, Job};
use crate::failure::Failure;
use crate::learner::Watch;
use crate::notice::Notify;
use crate::results::Trained;
use crate::run::checkpoint::Checkpoint;
use crate::run::find::ARTIFACTS;
use crate::run::{Manifest, RunFolder, folder};
use crate::training;

/// An experiment with its data and its backend, checked against each other. Nothing is written yet.
pub struct Prepared {
    /// The experiment.
    pub experiment: Experiment,
    /// Its data set.
    pub data: DataSet,
    /// Its network.
    pub architecture: Architecture,
    /// The device it computes on.
    pub compute: Compute,
    /// The engine that trains it there.
    pub engine: EngineKind,
}

/// Returns `experiment` with its data and its backend. Everything is checked here, quick checks first:
/// `run_dir`, if given, must not contain a run.
///
/// # Errors
/// When data, network or backend are not available, or the requested engine cannot train the network (exit
/// code 2).
pub fn prepare(
    mut experiment: Experiment,
    run_dir: Option<&Path>,
    notify: Notify,
) -> Result<Prepared, Failure> {
    run_dir.map_or(Ok(()), folder::refuse_occupied)?;
    let data = Wanted::by(&experiment).load(notify)?;
    take_name(&mut experiment, &data);
    experiment.check_data(data.train.len(), data.set_aside(), data.train.classes())?;
    let architecture = experiment.architecture(data.train.size(), data.train.classes());
    architecture.validate()?;
    let compute = Compute::open(experiment.backend)?;
    let engine = engine::choose(&experiment, compute.backend)?;
    Ok(Prepared {
        experiment,
        data,
        architecture,
        compute,
        engine,
    })
}

/// Gives an experiment on data of its own, which goes by the tutorial's names, that of its data.
fn take_name(experiment: &mut Experiment, data: &DataSet) {
    if experiment.data.name == data.name {
        return;
    }
    if experiment.name == experiment.data.name {
        let portable = |c: char| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        };
        let name: String = data.name.chars().map(portable).take(64).collect();
        let name = name.trim_matches('.');
        experiment.name = if name.is_empty() { "data" } else { name }.to_string();
    }
    experiment.data.name.clone_from(&data.name);
}

impl Prepared {
    /// Returns what is trained, and by which engine.
    pub fn job(&self) -> Job<'_> {
        Job {
            experiment: &self.experiment,
            architecture: &self.architecture,
            compute: &self.compute,
            engine: self.engine,
        }
    }

    /// Returns the number of the network's parameters.
    pub fn parameters(&self) -> usize {
        self.architecture.parameters().unwrap_or_default()
    }

    /// Creates the folder of a new run, `run_dir` or a new one in `artifacts/`, and returns the run, ready to be
    /// trained from the beginning.
    ///
    /// # Errors
    /// When the folder already holds a run, or cannot be written (exit code 2).
    pub fn begin(self, run_dir: Option<PathBuf>) -> Result<Session, Failure> {
        let (experiment, data) = (&self.experiment, Some(&self.data));
        let path = run_dir.unwrap_or_else(|| fresh_folder(&experiment.name));
        let resolved = configs::resolved(experiment)?;
        let manifest = Manifest::start(experiment, data, &self.compute, self.parameters(), &path);
        let run = RunFolder::create(path, &resolved, manifest)?;
        let start = Checkpoint::start(resolved);
        Ok(Session {
            prepared: self,
            run,
            start,
        })
    }
}

/// Returns a folder in `artifacts/` for a new run of the experiment of that name.
pub fn fresh_folder(experiment: &str) -> PathBuf {
    let name = folder::fresh_name();
    Path::new(ARTIFACTS).join(experiment).join(name)
}

/// A run that is ready to be trained: created by `train` or found by `resume`.
pub struct Session {
    /// The experiment with its data and its backend.
    pub prepared: Prepared,
    /// The run's folder.
    pub run: RunFolder,
    /// The checkpoint to start from.
    pub start: Checkpoint,
}

impl Session {
    /// Trains the run and returns the results.
    ///
    /// # Errors
    /// When the training fails or is stopped; the run's manifest records it.
    pub fn train(mut self, watch: Watch) -> Result<Trained, Failure> {
        let (job, data) = (self.prepared.job(), &self.prepared.data);
        training::train(job, data, self.start, &mut self.run, watch)
    }
}

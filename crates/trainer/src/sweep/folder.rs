//! A sweep's folder: its settings and its progress.

use std::path::{Path, PathBuf};

use experiment::{Experiment, MAX_EPOCHS, MAX_TRAININGS, Metric, Sweep};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::statistics::Spread;
use crate::configs;
use crate::failure::{Failure, shown};
use crate::run::find::ARTIFACTS;
use crate::run::folder::refuse_taken;
use crate::run::lock::{self, Lock};
use crate::run::{Status, manifest, read, write};

/// The settings, progress and results of a sweep, JSON.
pub const SWEEP: &str = "sweep.json";
/// Maximum size of that file, in bytes: a thousand settings.
const MAX_SWEEP: u64 = 16 << 20;
/// The hint if it is damaged.
const MADE_AGAIN: &str = "remove the file; it is rebuilt from the runs beside it";
/// Folder of the settings, one experiment per file.
const SETTINGS: &str = "settings";

/// `sweep.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepState {
    /// Status of the sweep.
    pub status: Status,
    /// Name of the experiment.
    pub experiment: String,
    /// Start, UTC.
    pub started: Timestamp,
    /// End, UTC.
    pub ended: Option<Timestamp>,
    /// The command as typed.
    pub command: Vec<String>,
    /// Version of this program.
    pub version: String,
    /// What each setting sets: keys with their values as TOML.
    pub settings: Vec<Vec<(String, String)>>,
    /// Epochs of each setting's full training.
    pub epochs: Vec<usize>,
    /// The seeds that each setting is trained with.
    pub seeds: Vec<u64>,
    /// Metric on the validation images that settings are compared by.
    pub metric: Metric,
    /// With successive halving, one in this many settings is trained further.
    pub halving: Option<usize>,
    /// The best setting by the validation images, counted from 1.
    pub best: Option<usize>,
    /// Result of the best setting on the test images.
    pub test: Option<Tested>,
    /// How often the test images were used: once by a finished sweep, and again if it is given more seeds.
    pub test_looks: u64,
    /// Why it failed.
    pub error: Option<String>,
}

/// Results on the test images, over the seeds of one setting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// Accuracy, 0 to 1.
    pub accuracy: Spread,
    /// Mean loss.
    pub loss: Spread,
}

/// One training of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its setting, counted from 1.
    pub setting: usize,
    /// Its seed.
    pub seed: u64,
    /// Its run's folder.
    pub folder: PathBuf,
    /// The experiment file of its setting.
    pub config: PathBuf,
}

/// A sweep that is being trained; no other process can write to its folder.
#[derive(Debug)]
pub struct SweepFolder {
    path: PathBuf,
    state: SweepState,
    data_dir: Option<PathBuf>,
    _lock: Lock,
}

impl SweepFolder {
    /// Opens the folder of `sweep`, `artifacts/<name>`: creates it, or continues with what is there. A sweep without
    /// halving can be given more seeds.
    ///
    /// # Errors
    /// When the folder belongs to another sweep, another process is writing to it, or a file cannot be written.
    pub fn open(sweep: &Sweep) -> Result<Self, Failure> {
        let path = Path::new(ARTIFACTS).join(&sweep.name);
        let settings = path.join(SETTINGS);
        refuse_taken(&path)?;
        std::fs::create_dir_all(&settings).map_err(|e| {
            Failure::usage(format!("cannot create {}", shown(&settings)))
                .because(e)
                .hint("sweeps are kept in artifacts/: change to a writable folder")
        })?;
        if !read::is_folder(&settings) {
            let message = format!("{} is a link", shown(&settings));
            return Err(
                Failure::usage(message).hint("remove it: a sweep's settings are in its own folder")
            );
        }
        let lock = lock::take(&path)?;
        let fresh = SweepState::of(sweep);
        let state = if path.join(SWEEP).exists() {
            let known = read(&path)?;
            refuse_another(&known, &fresh, &path)?;
            known.with_seeds_of(fresh)
        } else {
            fresh
        };
        let mut changed = Vec::new();
        for (number, setting) in (1..).zip(&sweep.settings) {
            let file = config_of(&path, number);
            let toml = configs::to_toml(&setting.experiment)?;
            if !is_written(&file, &toml, &setting.experiment)? {
                changed.push((file, toml));
            }
        }
        for (file, toml) in changed {
            write::atomically(&file, toml.as_bytes())?;
        }
        Ok(Self {
            path,
            state,
            data_dir: sweep
                .settings
                .first()
                .and_then(|setting| setting.experiment.data.dir.clone()),
            _lock: lock,
        })
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the state of the sweep.
    pub fn state(&self) -> &SweepState {
        &self.state
    }

    /// Returns the data folder of all settings, if not one of the usual places.
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// Changes the state of the sweep and writes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn update(&mut self, change: impl FnOnce(&mut SweepState)) -> Result<(), Failure> {
        change(&mut self.state);
        let mut json = serde_json::to_string_pretty(&self.state).map_err(Failure::caused_by)?;
        json.push('\n');
        write::atomically(&self.path.join(SWEEP), json.as_bytes())
    }
}

impl SweepState {
    /// Returns the state of a sweep that starts now.
    fn of(sweep: &Sweep) -> Self {
        Self {
            status: Status::Running,
            experiment: sweep.name.clone(),
            started: Timestamp::now(),
            ended: None,
            command: manifest::command_line(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            settings: sweep
                .settings
                .iter()
                .map(|setting| setting.values.clone())
                .collect(),
            epochs: sweep
                .settings
                .iter()
                .map(|setting| setting.experiment.training.epochs)
                .collect(),
            seeds: sweep.seeds.clone(),
            metric: sweep.metric,
            halving: sweep.halving,
            best: None,
            test: None,
            test_looks: 0,
            error: None,
        }
    }

    /// Returns the state of the sweep when it is restarted as `fresh`, which may have more seeds.
    fn with_seeds_of(self, fresh: Self) -> Self {
        if self.seeds.len() == fresh.seeds.len() {
            return self;
        }
        Self {
            test_looks: self.test_looks,
            started: self.started,
            ..fresh
        }
    }

    /// Returns the training of a setting, counted from 1, with a seed, in the folder `sweep`.
    pub fn trial(&self, sweep: &Path, setting: usize, seed: u64) -> Trial {
        Trial {
            setting,
            seed,
            folder: sweep.join(format!("{setting:03}-seed{seed}")),
            config: config_of(sweep, setting),
        }
    }
}

/// Returns the state of the sweep in the folder `path`.
///
/// # Errors
/// When there is none, or its file is damaged.
pub fn read(path: &Path) -> Result<SweepState, Failure> {
    let file = path.join(SWEEP);
    let json = read::at_most(&file, MAX_SWEEP)?;
    let sweep: SweepState =
        serde_json::from_slice(&json).map_err(|e| Failure::damaged(&file, e).hint(MADE_AGAIN))?;
    let is_whole = !sweep.settings.is_empty()
        && sweep.settings.len() == sweep.epochs.len()
        && sweep
            .epochs
            .iter()
            .all(|epochs| (1..=MAX_EPOCHS).contains(epochs))
        && sweep
            .best
            .is_none_or(|best| (1..=sweep.settings.len()).contains(&best))
        && sweep.seeds.len().saturating_mul(sweep.settings.len()) <= MAX_TRAININGS
        && sweep.halving.is_none_or(|of| (2..=10).contains(&of));
    if is_whole {
        Ok(sweep)
    } else {
        let message = format!("{} is damaged: its parts do not fit together", shown(&file));
        Err(Failure::failed(message).hint(MADE_AGAIN))
    }
}

/// Returns the folder of the sweep with that folder or experiment name, if there is one.
pub fn named(name: &str) -> Option<PathBuf> {
    let places = [PathBuf::from(name), Path::new(ARTIFACTS).join(name)];
    places.into_iter().find(|place| place.join(SWEEP).is_file())
}

/// Returns the file of a setting, counted from 1, in the folder `sweep`.
pub fn config_of(sweep: &Path, setting: usize) -> PathBuf {
    sweep.join(SETTINGS).join(format!("{setting:03}.toml"))
}

/// Fails when the folder belongs to another sweep than the requested one.
fn refuse_another(known: &SweepState, asked: &SweepState, path: &Path) -> Result<(), Failure> {
    let more_seeds = asked.seeds.starts_with(&known.seeds) && asked.halving.is_none();
    let what = if known.settings != asked.settings || known.epochs != asked.epochs {
        "different settings"
    } else if known.metric != asked.metric {
        "a different metric"
    } else if known.halving != asked.halving {
        "a different halving"
    } else if known.seeds != asked.seeds && !more_seeds {
        "different seeds"
    } else {
        return Ok(());
    };
    Err(another(path, what))
}

/// Returns whether a setting's file has the right content. Fails when the file describes another experiment;
/// its data may have moved (each training compares the hashes).
fn is_written(file: &Path, toml: &str, experiment: &Experiment) -> Result<bool, Failure> {
    if !file.exists() {
        return Ok(false);
    }
    let source = configs::source_in(file)?;
    if source.text == toml {
        return Ok(true);
    }
    let mut known = experiment::load(source, &[])?;
    known.data.dir = experiment.data.dir.clone();
    if known == *experiment {
        Ok(false)
    } else {
        Err(another(file, "a different experiment"))
    }
}

fn another(path: &Path, what: &str) -> Failure {
    Failure::usage(format!("{} is a sweep with {what}", shown(path)))
        .hint("give this sweep another name: --set name=NAME; or remove that folder")
}

//! All runs, with the fields to filter, sort and compare them by.
//!
//! Reading ten thousand manifests takes a second, so an index beside the runs caches them. It has no data of
//! its own: an entry is valid as long as its manifest is unchanged, and without the index everything is read
//! again.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use experiment::{MAX_BYTES, Metric};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::folder::{CONFIG, MANIFEST, METRICS};
use super::manifest::{self, Status};
use super::{find, lock, read, write};
use crate::failure::Failure;
use crate::run::epoch::EpochMetrics;

/// The index, in the folder of all runs.
const INDEX: &str = ".index.json";
/// Maximum size of the index, in bytes: that of 100,000 runs.
const MAX_INDEX: u64 = 256 << 20;
/// Version of the index; other versions are not read.
const VERSION: u32 = 3;
/// Maximum size of a run's file read here, in bytes: the metrics of 100,000 epochs.
const MAX_FILE: u64 = 32 << 20;

/// Summary of a run: settings and results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Its name, with that of the experiment: `experiment/run`.
    pub run: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Name of the experiment.
    pub experiment: String,
    /// Status in its manifest. A killed run's still says `running`, see [`is_killed`].
    pub status: Status,
    /// Start, UTC.
    pub started: Timestamp,
    /// Backend in use.
    pub backend: String,
    /// Seed of the run.
    pub seed: u64,
    /// Epochs finished.
    pub epochs: usize,
    /// The epoch whose weights were kept, when a validation split chose it.
    pub best_epoch: Option<usize>,
    /// Wall time of the epochs, in seconds.
    pub seconds: Option<f64>,
    /// Every figure by its name, see [`measured`]: `validation_accuracy` after the best epoch or, if there is
    /// none, the last; `test_loss`; ... Unknown figures are `null` or absent.
    #[serde(flatten)]
    pub figures: BTreeMap<String, Option<f64>>,
    /// How often it was evaluated on the test images.
    pub test_looks: u64,
    /// Every key of the resolved config with its value as TOML: `optimizer.learning_rate`, `0.001`.
    pub settings: BTreeMap<String, String>,
}

/// The images that runs are measured on.
const VALIDATION: &str = "validation";
const TEST: &str = "test";

/// Returns every figure that runs are compared by: its images and its metric.
pub fn measured() -> impl Iterator<Item = (&'static str, Metric)> {
    let of = |images| Metric::of_results().map(move |metric| (images, metric));
    of(VALIDATION).chain(of(TEST))
}

/// Returns the name of a figure: `test_accuracy`.
pub fn name(images: &str, metric: Metric) -> String {
    format!("{images}_{}", metric.key)
}

impl Summary {
    /// Returns a metric on the validation images, if it is known.
    pub fn validation(&self, metric: Metric) -> Option<f64> {
        self.figures
            .get(&name(VALIDATION, metric))
            .copied()
            .flatten()
    }

    /// Returns a metric on the test images, if it is known.
    pub fn test(&self, metric: Metric) -> Option<f64> {
        self.figures.get(&name(TEST, metric)).copied().flatten()
    }
}

/// All runs under a folder.
#[derive(Debug, Default)]
pub struct Runs {
    /// Those whose manifest can be read, oldest first.
    pub runs: Vec<Summary>,
    /// Folders whose manifest cannot be read.
    pub damaged: Vec<PathBuf>,
}

/// When a manifest was written, in nanoseconds since 1970, and its length. Manifests are never changed in
/// place.
type Stamp = (u128, u64);

#[derive(Serialize, Deserialize)]
struct Index {
    version: u32,
    runs: Vec<(Stamp, Summary)>,
}

/// Returns all runs under `root`. An index that is missing, damaged or out of date is rewritten; if it cannot
/// be written, the next call reads the manifests again.
pub fn all(root: &Path) -> Runs {
    let known = read_index(root);
    let (mut entries, mut damaged, mut changed) = (Vec::new(), Vec::new(), false);
    let folders = find::folders(root);
    changed |= folders.len() != known.len();
    for folder in folders {
        let stamp = stamp(&folder.join(MANIFEST));
        match known.get(&folder) {
            Some((old, summary)) if Some(*old) == stamp => entries.push((*old, summary.clone())),
            _ => {
                changed = true;
                match stamp.zip(summarize(&folder)) {
                    Some(entry) => entries.push(entry),
                    None => damaged.push(folder),
                }
            }
        }
    }
    entries.sort_by(|(_, a), (_, b)| (a.started, &a.run).cmp(&(b.started, &b.run)));
    if changed {
        let index = Index {
            version: VERSION,
            runs: entries.clone(),
        };
        if let Ok(json) = serde_json::to_vec(&index) {
            let _ = write::atomically(&root.join(INDEX), &json);
        }
    }
    let runs = entries.into_iter().map(|(_, summary)| summary).collect();
    Runs { runs, damaged }
}

/// Returns the summary of a run, or `None` if its manifest cannot be read.
pub fn summarize(folder: &Path) -> Option<Summary> {
    let manifest = manifest::read(folder).ok()?;
    let epochs = metrics(folder);
    let chosen = match manifest.best_epoch {
        Some(best) => epochs.iter().find(|epoch| epoch.epoch == best),
        None => epochs.last(),
    };
    Some(Summary {
        run: find::qualified(folder),
        folder: folder.into(),
        experiment: manifest.experiment,
        status: manifest.status,
        started: manifest.started,
        backend: manifest.backend,
        seed: manifest.seed,
        epochs: manifest.epochs.max(epochs.len()),
        best_epoch: manifest.best_epoch,
        seconds: manifest.training_seconds,
        figures: measured()
            .map(|(images, metric)| {
                let figure = if images == TEST {
                    manifest
                        .test
                        .as_ref()
                        .and_then(|test| test.figures.get(metric.key))
                        .copied()
                } else {
                    chosen.and_then(|epoch| epoch.validation(metric))
                };
                (name(images, metric), figure)
            })
            .collect(),
        test_looks: manifest.test_looks,
        settings: settings(&folder.join(CONFIG)),
    })
}

/// Returns the summary of the run that `run` names.
///
/// # Errors
/// When there is none, or its manifest is damaged.
pub fn named(run: &str) -> Result<Summary, Failure> {
    let folder = find::folder(run)?;
    summarize(&folder).ok_or_else(|| {
        let message = format!("{} has no readable manifest", folder.display());
        Failure::failed(message).hint("give the folder of a run; `trainer runs` lists them")
    })
}

/// Returns the finished epochs of the run in `folder`; unreadable lines are skipped.
pub fn metrics(folder: &Path) -> Vec<EpochMetrics> {
    let text = read::at_most(&folder.join(METRICS), MAX_FILE).unwrap_or_default();
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

/// Returns whether a run's manifest says `running` though no process is writing to its folder.
pub fn is_killed(run: &Summary) -> bool {
    run.status == Status::Running && !lock::is_held(&run.folder)
}

/// Returns every key of a TOML text, tables joined by dots, with its value as TOML; nothing if the text is
/// not TOML.
pub fn flatten(toml: &str) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    for (key, value) in toml.parse::<toml::Table>().unwrap_or_default() {
        match value {
            toml::Value::Table(table) => {
                let inner = table.into_iter();
                flat.extend(
                    inner.map(|(name, value)| (format!("{key}.{name}"), value.to_string())),
                );
            }
            value => drop(flat.insert(key, value.to_string())),
        }
    }
    flat
}

fn settings(config: &Path) -> BTreeMap<String, String> {
    let text = read::at_most(config, MAX_BYTES).unwrap_or_default();
    flatten(&String::from_utf8(text).unwrap_or_default())
}

fn read_index(root: &Path) -> HashMap<PathBuf, (Stamp, Summary)> {
    let json = read::at_most(&root.join(INDEX), MAX_INDEX).unwrap_or_default();
    let index = serde_json::from_slice(&json).ok();
    let index = index.filter(|index: &Index| index.version == VERSION);
    let runs = index.map(|index| index.runs).unwrap_or_default();
    let by_folder = |(stamp, run): (Stamp, Summary)| (run.folder.clone(), (stamp, run));
    runs.into_iter().map(by_folder).collect()
}

fn stamp(manifest: &Path) -> Option<Stamp> {
    let data = fs::metadata(manifest).ok()?;
    let written = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((written.as_nanos(), data.len()))
}

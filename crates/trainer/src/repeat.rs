//! Training a run again from its folder, and comparing the results.

use std::path::{Path, PathBuf};

use experiment::{Experiment, MAX_BYTES};

use crate::configs;
use crate::failure::Failure;
use crate::run::epoch::EpochMetrics;
use crate::run::folder::{CONFIG, MODEL, PREDICTIONS, sha256};
use crate::run::read::{self, MAX_RESULT};
use crate::run::{Manifest, Status, find, list, manifest};

/// A run that can be repeated.
#[derive(Debug)]
pub struct Original {
    /// Its folder.
    pub folder: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its experiment.
    pub experiment: Experiment,
}

/// Returns the finished run named by `run`, with the data in `data_dir` if given.
///
/// # Errors
/// When the run is not finished or its config was changed (exit code 2).
pub fn original(run: &str, data_dir: Option<&Path>) -> Result<Original, Failure> {
    let folder = find::folder(run)?;
    let manifest = manifest::read(&folder)?;
    refuse_unrepeatable(&folder, &manifest)?;
    let experiment = configs::of_run(&folder, &configs::with_data_dir(&[], data_dir)?)?;
    Ok(Original {
        folder,
        manifest,
        experiment,
    })
}

fn refuse_unrepeatable(folder: &Path, manifest: &Manifest) -> Result<(), Failure> {
    if manifest.status != Status::Finished {
        let message = format!("{} is not finished", folder.display());
        return Err(Failure::usage(message).hint("resume it: trainer resume RUN"));
    }
    let path = folder.join(CONFIG);
    let config = read::at_most(&path, MAX_BYTES)?;
    let known = manifest.files_sha256.get(CONFIG);
    if known.is_some_and(|known| *known == sha256(&config)) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} has changed since the run wrote it",
        path.display()
    ))
    .hint("train it as a new run: --config FILE"))
}

impl Original {
    /// Returns the names of the results that differ, byte for byte (except seconds), in the repetition in
    /// `folder`.
    ///
    /// # Errors
    /// When a file of either run cannot be read.
    pub fn differences(&self, folder: &Path) -> Result<Vec<&'static str>, Failure> {
        let mut different = Vec::new();
        for name in [MODEL, PREDICTIONS] {
            let file = |folder: &Path| read::at_most(&folder.join(name), MAX_RESULT);
            if file(&self.folder)? != file(folder)? {
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
        if metrics(&self.folder) != metrics(folder) {
            different.push("metrics");
        }
        Ok(different)
    }

    /// Returns the failure of the repetition in `folder`, whose results named in `different` differ; its hint
    /// lists what else has changed and may be the cause.
    ///
    /// # Errors
    /// When its manifest cannot be read.
    pub fn not_identical(&self, folder: &Path, different: &[&str]) -> Result<Failure, Failure> {
        let causes = causes(&self.manifest, &manifest::read(folder)?);
        let message = format!("not identical: {} differ", different.join(", "));
        Ok(Failure::failed(message).hint(causes))
    }
}

fn causes(before: &Manifest, now: &Manifest) -> String {
    let cpu = |manifest: &Manifest| manifest.cpu.clone().unwrap_or_default();
    let commit = |manifest: &Manifest| manifest.git_commit.clone().unwrap_or_default();
    let facts = [
        ("the program", before.version.clone(), now.version.clone()),
        ("the commit", commit(before), commit(now)),
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
    let files = |manifest: &Manifest| -> Vec<String> {
        manifest.dataset_sha256.values().cloned().collect()
    };
    if files(before) != files(now) {
        changed.push("the data files differ".to_string());
    }
    if changed.is_empty() {
        return "nothing else is known to have changed".to_string();
    }
    changed.join("; ")
}

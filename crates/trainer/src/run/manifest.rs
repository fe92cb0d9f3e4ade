//! The manifest: settings, environment, status and results of a run, as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use data::DataSet;
use exchange::Kind;
use experiment::Experiment;
use jiff::Timestamp;
use model::TestMetrics;
use serde::{Deserialize, Serialize};

use super::folder::{MANIFEST, sha256};
use super::read;
use crate::backend::Compute;
use crate::failure::{Failure, shown};

/// Maximum size of a manifest, in bytes.
pub(super) const MAX_MANIFEST: u64 = 1 << 20;

/// Status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Training, or killed.
    Running,
    /// Trained, evaluated and saved.
    Finished,
    /// Stopped on request; there is no model, only a checkpoint to resume from.
    Interrupted,
    /// Ended by an error.
    Failed,
}

/// `manifest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Status of the run.
    pub status: Status,
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the run: its folder.
    pub run: String,
    /// Its place in the order in which the runs in `artifacts/` were made, whatever the clock said; `None` elsewhere,
    /// and in manifests of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Start, UTC.
    pub started: Timestamp,
    /// Times of resuming, UTC.
    #[serde(default)]
    pub resumed: Vec<Timestamp>,
    /// End, UTC.
    pub ended: Option<Timestamp>,
    /// The command as typed.
    pub command: Vec<String>,
    /// Version of this program.
    pub version: String,
    /// Version of Burn.
    pub burn: String,
    /// Commit of the working directory, if it is a git checkout; `-dirty` when it has changes.
    pub git_commit: Option<String>,
    /// Backend in use.
    pub backend: String,
    /// Processor behind it.
    pub processor: String,
    /// Model name of the CPU, if the system reports it.
    pub cpu: Option<String>,
    /// Seed of the run.
    pub seed: u64,
    /// Name of the data set.
    pub dataset: String,
    /// SHA-256 of each data file's uncompressed content.
    pub dataset_sha256: BTreeMap<String, String>,
    /// Training, validation and test images.
    pub images: [usize; 3],
    /// Parameters of the network.
    pub parameters: usize,
    /// Epochs finished.
    pub epochs: usize,
    /// The epoch whose weights were kept, when a validation split chose it.
    pub best_epoch: Option<usize>,
    /// Wall time of the epochs, in seconds.
    pub training_seconds: Option<f64>,
    /// Result on the test images, which are first used after training.
    pub test: Option<TestMetrics>,
    /// How often a command evaluated this run on test images: after training, and by each `evaluate`, `gallery`,
    /// `predict --test`, `explain --test` and `export`. Programs that load the record themselves, as the examples do, are not
    /// counted. Manifests of earlier versions lack it: it then counts from 0.
    #[serde(default)]
    pub test_looks: u64,
    /// The file it was imported from, if it was not trained here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// SHA-256 of each file of the run that is complete.
    pub files_sha256: BTreeMap<String, String>,
    /// Why it failed.
    pub error: Option<String>,
    /// It failed because the training diverged, and would diverge again.
    #[serde(default)]
    pub diverged: bool,
    /// SHA-256 of this file without this line; see [`Manifest::to_json`]. Empty before it is written, and in
    /// manifests of earlier versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest_sha256: String,
}

/// The file a run was imported from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Imported {
    /// Path of the file.
    pub file: String,
    /// Kind of file.
    pub kind: Kind,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

impl Manifest {
    /// Returns the manifest of a run of `experiment` that starts now in the folder `path`.
    pub fn start(
        experiment: &Experiment,
        data: Option<&DataSet>,
        compute: &Compute,
        parameters: usize,
        path: &Path,
    ) -> Self {
        let name = |path: &Path| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let validation = experiment.data.validation;
        let files = data.iter().flat_map(|data| &data.files);
        Self {
            status: Status::Running,
            experiment: experiment.name.clone(),
            run: name(path),
            number: None,
            started: Timestamp::now(),
            resumed: Vec::new(),
            ended: None,
            command: command_line(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            burn: model::record::BURN_VERSION.to_string(),
            git_commit: git_commit(),
            backend: compute.backend.to_string(),
            processor: compute.processor.clone(),
            cpu: cpu_model(),
            seed: experiment.seed,
            dataset: experiment.data.name.clone(),
            dataset_sha256: files
                .map(|file| (name(&file.path), file.sha256.clone()))
                .collect(),
            images: data.map_or([0; 3], |data| data.counts(validation)),
            parameters,
            epochs: 0,
            best_epoch: None,
            training_seconds: None,
            test: None,
            test_looks: 0,
            imported: None,
            files_sha256: BTreeMap::new(),
            error: None,
            diverged: false,
            manifest_sha256: String::new(),
        }
    }

    /// Returns the file's text: JSON whose last entry is the SHA-256 of the rest. In the file itself, it is
    /// never of another version of it, whatever ends the program.
    ///
    /// # Errors
    /// Never, for what manifests hold.
    pub fn to_json(&self) -> Result<String, Failure> {
        let without = Self {
            manifest_sha256: String::new(),
            ..self.clone()
        };
        let json = serde_json::to_string_pretty(&without).map_err(Failure::caused_by)?;
        let rest = json.strip_suffix(END).unwrap_or(&json);
        Ok(format!(
            "{rest}{}{END}\n",
            own_hash(&sha256(json.as_bytes()))
        ))
    }
}

/// End of a manifest, after its last entry.
const END: &str = "\n}";

/// Returns the last entry of a manifest.
fn own_hash(sha256: &str) -> String {
    format!(",\n  \"manifest_sha256\": \"{sha256}\"")
}

/// Returns whether the manifest in `folder` is as this program wrote it; `None` when an earlier version wrote
/// it, without a hash.
///
/// # Errors
/// When it is not there, too large or damaged.
pub fn is_as_written(folder: &Path) -> Result<Option<bool>, Failure> {
    let hash = read(folder)?.manifest_sha256;
    if hash.is_empty() {
        return Ok(None);
    }
    let json = read::at_most(&folder.join(MANIFEST), MAX_MANIFEST)?;
    let end = format!("{}{END}\n", own_hash(&hash));
    let rest = json.strip_suffix(end.as_bytes());
    Ok(Some(rest.is_some_and(|rest| {
        sha256(&[rest, END.as_bytes()].concat()) == hash
    })))
}

/// Returns the manifest of the run in `folder`.
///
/// # Errors
/// When it is missing, too large or damaged.
pub fn read(folder: &Path) -> Result<Manifest, Failure> {
    let file = folder.join(MANIFEST);
    if !file.is_file() {
        let message = format!(
            "{} is not a run folder ({MANIFEST} is missing)",
            shown(folder)
        );
        return Err(Failure::usage(message).hint("give the folder of a run"));
    }
    let hint = "it cannot be resumed; its record can be used, if it has one";
    let json = read::at_most(&file, MAX_MANIFEST).map_err(|failure| failure.hint(hint))?;
    serde_json::from_slice(&json).map_err(|e| Failure::damaged(&file, e).hint(hint))
}

/// Returns the command as typed.
pub fn command_line() -> Vec<String> {
    std::env::args_os()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect()
}

/// Returns the commit of the git checkout around the working directory, if there is one.
fn git_commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = std::process::Command::new("git").args(args).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() {
        commit
    } else {
        format!("{commit}-dirty")
    })
}

/// Returns the CPU's model name, if Linux reports it.
fn cpu_model() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':')
        .map(|(_, name)| name.trim().to_string())
}

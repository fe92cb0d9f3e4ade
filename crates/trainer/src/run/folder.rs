//! The folder of one run while it is being written.

use std::fs;
use std::path::{Path, PathBuf};

use data::printable;
use sha2::{Digest, Sha256};

use super::lock::{self, LOCK, Lock};
use super::manifest::{self, Manifest, Status};
use super::read::{self, MAX_RESULT};
use super::{order, remove, write};
use crate::failure::{Code, Failure, shown};
use crate::run::epoch::EpochMetrics;

/// The resolved experiment.
pub const CONFIG: &str = "config.toml";
/// The manifest: versions, settings, status, results.
pub const MANIFEST: &str = "manifest.json";
/// One line per epoch.
pub const METRICS: &str = "metrics.jsonl";
/// The record.
pub const MODEL: &str = "model.bpk";
/// Every test image's prediction.
pub const PREDICTIONS: &str = "predictions.csv";
/// The first 40 test images.
pub const GALLERY: &str = "gallery.png";
/// Reliability diagram, before and after calibration.
pub const RELIABILITY: &str = "reliability.png";
/// The most confident mistakes.
pub const MISTAKES: &str = "mistakes.png";
/// The run as one page, written by `trainer report`.
pub const REPORT: &str = "report.html";
/// The files of a run besides its config, event files and checkpoints.
pub const FILES: [&str; 8] = [
    MANIFEST,
    METRICS,
    MODEL,
    PREDICTIONS,
    GALLERY,
    RELIABILITY,
    MISTAKES,
    REPORT,
];

/// What to do when a folder is in use.
const ANOTHER: &str = "choose another folder with --run-dir, or leave the option out";

/// A run being written. Its manifest on disk says `running` from the start; no other process can write to
/// the folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    manifest: Manifest,
    _lock: Lock,
}

impl RunFolder {
    /// Creates the folder `path` with the resolved `config` and the manifest of a new run.
    ///
    /// # Errors
    /// When the folder already holds a run, or cannot be written (exit code 2).
    pub fn create(path: PathBuf, config: &str, mut manifest: Manifest) -> Result<Self, Failure> {
        let usage = |f: Failure| {
            let f = f.hint("choose a writable folder: --run-dir D");
            Failure {
                code: Code::Usage,
                ..f
            }
        };
        let failed = |e| usage(Failure::io("create the run folder", &path, e));
        refuse_occupied(&path)?;
        fs::create_dir_all(&path).map_err(failed)?;
        let lock = lock::take(&path).map_err(usage)?;
        refuse_occupied(&path)?; // by a process that has come and gone meanwhile
        write::atomically(&path.join(CONFIG), config.as_bytes()).map_err(usage)?;
        manifest.number = order::next(&path);
        manifest
            .files_sha256
            .insert(CONFIG.into(), sha256(config.as_bytes()));
        let run = Self {
            path,
            manifest,
            _lock: lock,
        };
        run.save_manifest().map_err(usage)?;
        Ok(run)
    }

    /// Opens the folder of a run that is no longer running, to resume it.
    ///
    /// # Errors
    /// When another process is writing to it, or its manifest cannot be read.
    pub fn open(path: PathBuf) -> Result<Self, Failure> {
        manifest::read(&path)?; // before the lock file is created: nothing is created in a folder without a run
        let lock = lock::take(&path)?;
        write::remove_leftovers(&path);
        let manifest = manifest::read(&path)?;
        Ok(Self {
            path,
            manifest,
            _lock: lock,
        })
    }

    /// Marks the run as running again, with the resolved `config` and the epochs it resumes from.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn reopen(&mut self, config: &str, epochs: &[EpochMetrics]) -> Result<(), Failure> {
        let mut lines = Vec::new();
        for epoch in epochs {
            serde_json::to_writer(&mut lines, epoch).map_err(Failure::caused_by)?;
            lines.push(b'\n');
        }
        // Before the config, so that a finished run never has the config of a longer one.
        self.update(|manifest| manifest.status = Status::Running)?;
        self.write(CONFIG, config.as_bytes())?;
        write::atomically(&self.path.join(METRICS), &lines)?;
        self.update(|manifest| {
            manifest.resumed.push(jiff::Timestamp::now());
            (manifest.ended, manifest.error, manifest.diverged) = (None, None, false);
        })
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the current manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes the file `name` of the run, complete or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        write::atomically(&self.path.join(name), bytes)?;
        self.manifest
            .files_sha256
            .insert(name.into(), sha256(bytes));
        Ok(())
    }

    /// Removes the test results of an earlier, shorter training of the run.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_test(&mut self) -> Result<(), Failure> {
        for name in [PREDICTIONS, GALLERY, RELIABILITY, MISTAKES, REPORT] {
            let path = self.path.join(name);
            remove::file(&path).map_err(|e| Failure::io("remove", &path, e))?;
            self.manifest.files_sha256.remove(name);
        }
        self.update(|manifest| manifest.test = None)
    }

    /// Changes the manifest and writes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn update(&mut self, change: impl FnOnce(&mut Manifest)) -> Result<(), Failure> {
        change(&mut self.manifest);
        self.save_manifest()
    }

    /// Marks the run as ended with `status` and writes the manifest.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end(&mut self, status: Status, error: Option<String>) -> Result<(), Failure> {
        if let Ok(metrics) = read::at_most(&self.path.join(METRICS), MAX_RESULT) {
            self.manifest
                .files_sha256
                .insert(METRICS.into(), sha256(&metrics));
        }
        self.update(|manifest| {
            manifest.status = status;
            manifest.ended = Some(jiff::Timestamp::now());
            manifest.error = error;
        })
    }

    fn save_manifest(&self) -> Result<(), Failure> {
        let json = self.manifest.to_json()?;
        write::atomically(&self.path.join(MANIFEST), json.as_bytes())
    }
}

/// Checks that `path` contains no run, complete or partial.
///
/// # Errors
/// When it does (exit code 2).
pub fn refuse_taken(path: &Path) -> Result<(), Failure> {
    let is_taken = [MANIFEST, METRICS, MODEL]
        .iter()
        .any(|file| path.join(file).exists());
    if is_taken {
        let message = format!("{} already holds a run", shown(path));
        return Err(Failure::usage(message).hint(ANOTHER));
    }
    Ok(())
}

/// Fails when `path` is no place for a new run: one that holds anything, or a link to somewhere else.
///
/// # Errors
/// Then (exit code 2).
pub fn refuse_occupied(path: &Path) -> Result<(), Failure> {
    if path.is_symlink() {
        let message = format!("{} is a link", shown(path));
        return Err(Failure::usage(message).hint("name the folder that it leads to, or another"));
    }
    let names = remove::names(path).unwrap_or_default(); // none: it is not there yet
    refuse_taken(path)?; // after the names: another process may begin meanwhile
    // A run that was killed as it began leaves its lock, and perhaps its config.
    let killed = names.iter().any(|name| name == LOCK);
    let is_left = |name: &str| name == LOCK || name == CONFIG || write::is_temporary(name);
    match names.iter().find(|name| !(killed && is_left(name))) {
        Some(name) => Err(Failure::usage(format!(
            "{} is not empty: it has {}",
            shown(path),
            printable(name)
        ))
        .hint(format!("a run has a folder of its own: {ANOTHER}"))),
        None => Ok(()),
    }
}

/// Returns a new folder name, `<time>-<id>`: local time to the second and four hex digits, so
/// that names sort by time and two runs started in the same second differ.
pub fn fresh_name() -> String {
    let now = jiff::Zoned::now();
    let nanos = now.timestamp().as_nanosecond();
    let id = sha256(format!("{nanos} {}", std::process::id()).as_bytes());
    format!("{}-{}", now.strftime("%Y%m%d-%H%M%S"), &id[..4])
}

/// Returns the SHA-256 of `bytes`, lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

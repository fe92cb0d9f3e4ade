//! One run's folder, while it is being written.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::lock::{self, Lock};
use super::manifest::{self, Manifest, Status};
use super::write;
use crate::failure::{Code, Failure, shown};
use crate::run::epoch::EpochMetrics;

/// The resolved experiment.
pub const CONFIG: &str = "config.toml";
/// What the run was and came to.
pub const MANIFEST: &str = "manifest.json";
/// One line an epoch.
pub const METRICS: &str = "metrics.jsonl";
/// The record.
pub const MODEL: &str = "model.bpk";
/// Every test image's prediction.
pub const PREDICTIONS: &str = "predictions.csv";
/// The first 40 test images.
pub const GALLERY: &str = "gallery.png";
/// What was promised and kept, before and after calibration.
pub const RELIABILITY: &str = "reliability.png";
/// The most confident mistakes.
pub const MISTAKES: &str = "mistakes.png";
/// All of it as one page, when somebody asks for one.
pub const REPORT: &str = "report.html";

/// A run being written. Its manifest on disk says `running` from the first moment on; no other process
/// writes the folder meanwhile.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    manifest: Manifest,
    _lock: Lock,
}

impl RunFolder {
    /// Makes the folder `path` with the resolved `config` and the manifest of a run that starts.
    ///
    /// # Errors
    /// When the folder holds a run already, or cannot be written (exit code 2).
    pub fn create(path: PathBuf, config: &str, mut manifest: Manifest) -> Result<Self, Failure> {
        let usage = |f: Failure| {
            let f = f.hint("choose a folder that can be written: --run-dir D");
            Failure {
                code: Code::Usage,
                ..f
            }
        };
        let failed = |e| usage(Failure::io("make the run folder", &path, e));
        refuse_taken(&path)?;
        fs::create_dir_all(&path).map_err(failed)?;
        let lock = lock::take(&path).map_err(usage)?;
        refuse_taken(&path)?; // by a process that has come and gone meanwhile
        write::atomically(&path.join(CONFIG), config.as_bytes()).map_err(usage)?;
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

    /// Opens the folder of a run that has ended, or whose process has, to resume it.
    ///
    /// # Errors
    /// When another process is writing it, or its manifest cannot be read.
    pub fn open(path: PathBuf) -> Result<Self, Failure> {
        manifest::read(&path)?; // before a lock is made: in a folder that holds no run, nothing is
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
        // First of all, so that a finished run never has the config of a longer one.
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

    /// Returns the manifest as it stands.
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

    /// Removes what an earlier, shorter training of the run came to on the test images.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_test(&mut self) -> Result<(), Failure> {
        for name in [PREDICTIONS, GALLERY, RELIABILITY, MISTAKES, REPORT] {
            let path = self.path.join(name);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != ErrorKind::NotFound => {
                    return Err(Failure::io("remove", &path, e));
                }
                _ => drop(self.manifest.files_sha256.remove(name)),
            }
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

    /// Marks the run as ended with `status`; the manifest on disk then says so.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end(&mut self, status: Status, error: Option<String>) -> Result<(), Failure> {
        if let Ok(metrics) = fs::read(self.path.join(METRICS)) {
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

/// Fails when `path` holds a run, whole or in part.
///
/// # Errors
/// Then (exit code 2).
pub fn refuse_taken(path: &Path) -> Result<(), Failure> {
    let is_taken = [MANIFEST, METRICS, MODEL]
        .iter()
        .any(|file| path.join(file).exists());
    if is_taken {
        let message = format!("{} holds a run already", shown(path));
        return Err(Failure::usage(message)
            .hint("name another folder with --run-dir, or leave the option out"));
    }
    Ok(())
}

/// Returns a fresh folder name, `<time>-<id>`: local time to the second and four hex digits, so
/// that names sort by time and two runs of one second still differ.
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

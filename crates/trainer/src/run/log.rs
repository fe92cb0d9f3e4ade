//! The log of a training's finished epochs.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use experiment::Log;

use super::epoch::EpochMetrics;
use super::folder::{METRICS, RunFolder};
use super::read;
use super::tensorboard::EventLog;
use crate::failure::Failure;

/// `metrics.jsonl`, open for appending, and TensorBoard's event file if requested.
#[derive(Debug)]
pub struct EpochLog {
    file: File,
    path: PathBuf,
    events: Option<EventLog>,
}

impl RunFolder {
    /// Returns the run's epoch log, to append to the epochs it resumes from.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn epoch_log(&self, log: &Log, before: &[EpochMetrics]) -> Result<EpochLog, Failure> {
        let path = self.path().join(METRICS);
        let file = read::open(&path, OpenOptions::new().append(true).create(true));
        let file = file.map_err(|e| Failure::io("open", &path, e))?;
        let events = || EventLog::create(self.path(), self.manifest().started, before);
        Ok(EpochLog {
            file,
            path,
            events: log.tensorboard.then(events).transpose()?,
        })
    }
}

impl EpochLog {
    /// Appends an epoch and flushes it to the system.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn append(&mut self, epoch: &EpochMetrics) -> Result<(), Failure> {
        let mut text = serde_json::to_string(epoch).map_err(Failure::caused_by)?;
        text.push('\n');
        self.file
            .write_all(text.as_bytes())
            .map_err(|e| Failure::io("append to", &self.path, e))?;
        self.events.iter_mut().try_for_each(|log| log.append(epoch))
    }
}

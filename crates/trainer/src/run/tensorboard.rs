//! The metrics of a run for TensorBoard: `events.out.tfevents.*` beside `metrics.jsonl`.
//!
//! An event file is a sequence of records: length, checksum, content, checksum; the content is a protocol
//! buffer. Format: `record_writer.h` and `event.proto` in <https://github.com/tensorflow/tensorflow>.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use exchange::protobuf::Message;
use jiff::Timestamp;

use super::{read, remove};
use crate::failure::Failure;
use crate::run::epoch::EpochMetrics;

/// Prefix of an event file's name, by which TensorBoard finds it.
const PREFIX: &str = "events.out.tfevents.";
/// How those of this program end; the run's start is between, in seconds since 1970.
const SUFFIX: &str = ".trainer";

/// Field numbers of an event.
mod event {
    pub const WALL_TIME: u64 = 1; // seconds since 1970
    pub const STEP: u64 = 2;
    pub const FILE_VERSION: u64 = 3; // in the first event only
    pub const SUMMARY: u64 = 5;
}

/// ... of a summary ...
mod summary {
    pub const VALUE: u64 = 1;
}

/// ... and of one of its values.
mod value {
    pub const TAG: u64 = 1;
    pub const SIMPLE_VALUE: u64 = 2;
}

/// An event file, open for appending.
#[derive(Debug)]
pub struct EventLog {
    file: File,
    path: PathBuf,
    /// Start of the next epoch, in seconds since 1970, if the run is not stopped in between.
    time: f64,
}

impl EventLog {
    /// Creates the event file of the run in `folder`, with the epochs it resumes from. An older one of the same
    /// run is replaced.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(
        folder: &Path,
        started: Timestamp,
        epochs: &[EpochMetrics],
    ) -> Result<Self, Failure> {
        let names = remove::names(folder).unwrap_or_default();
        for name in names.iter().filter(|name| is_log(name)) {
            let path = folder.join(name);
            remove::file(&path).map_err(|e| Failure::io("remove", &path, e))?;
        }
        let time = started.as_millisecond() as f64 / 1000.0;
        let path = folder.join(format!("{PREFIX}{:010}{SUFFIX}", started.as_second()));
        let file = read::open(&path, OpenOptions::new().append(true).create(true));
        let file = file.map_err(|e| Failure::io("create", &path, e))?;
        let mut log = Self { file, path, time };
        let version = Message::default().double(event::WALL_TIME, time);
        log.write(version.bytes(event::FILE_VERSION, "brain.Event:2"))?;
        epochs.iter().try_for_each(|epoch| log.append(epoch))?;
        Ok(log)
    }

    /// Appends an epoch: one value per metric, with the epoch number as the step.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&mut self, epoch: &EpochMetrics) -> Result<(), Failure> {
        self.time += epoch.seconds;
        let figures = epoch.figures();
        let figures = figures.map(|(images, m, figure)| (format!("{}/{images}", m.key), figure));
        let others = [
            ("learning_rate", epoch.learning_rate),
            ("seconds", epoch.seconds),
        ];
        let others = others.map(|(tag, value)| (tag.to_string(), value));
        let mut summary = Message::default();
        for (tag, value) in figures.chain(others) {
            let value = Message::default()
                .bytes(value::TAG, &tag)
                .float(value::SIMPLE_VALUE, value as f32);
            summary = summary.bytes(summary::VALUE, value);
        }
        let epoch = Message::default()
            .double(event::WALL_TIME, self.time)
            .number(event::STEP, epoch.epoch as u64)
            .bytes(event::SUMMARY, summary);
        self.write(epoch)
    }

    fn write(&mut self, event: Message) -> Result<(), Failure> {
        let content = event.0;
        let length = (content.len() as u64).to_le_bytes();
        let record = [
            &length[..],
            &masked_checksum(&length).to_le_bytes(),
            &content,
            &masked_checksum(&content).to_le_bytes(),
        ]
        .concat();
        let written = self.file.write_all(&record);
        written.map_err(|e| Failure::io("append to", &self.path, e))
    }
}

/// Returns whether a file is called what this module calls one.
pub fn is_log(name: &str) -> bool {
    let seconds = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_suffix(SUFFIX));
    seconds
        .is_some_and(|seconds| seconds.len() >= 10 && seconds.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns CRC-32C, rotated and offset: a plain checksum of data that contains checksums would be weak.
fn masked_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

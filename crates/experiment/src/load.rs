//! From a file and `--set` arguments to an experiment.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::document::Document;
use crate::keys::nearest;
use data::printable;

use crate::diagnostic::echo;
use crate::{ConfigError, Experiment, resolve};

/// Maximum size of a config file, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;
/// Maximum number of files named in a hint.
const MAX_NAMES: usize = 12;

/// The text of a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Path or description of the text, shown in errors.
    pub label: String,
    /// TOML.
    pub text: String,
}

/// Returns the experiment that `source` describes, with `overrides`.
///
/// An override is `key=value` or `table.key=value`. The value is a TOML value, or else text without
/// quotes: `backend=wgpu`, `model.hidden=[512, 512]`. Overrides are applied in order, checked like
/// the file, and the last to set a key wins. If one sets `optimizer.name` or `schedule.name`, the
/// file's keys for other optimizers or schedules are ignored.
///
/// # Errors
/// The first mistake found, with its place.
pub fn load(source: Source, overrides: &[String]) -> Result<Experiment, ConfigError> {
    let document = Document::parse(source, overrides)?;
    refuse_sweep(&document)?;
    resolve::resolve(&document)
}

/// Fails when the document is a sweep: that is not one experiment.
fn refuse_sweep(document: &Document) -> Result<(), ConfigError> {
    let Some(entry) = document.root.get("sweep") else {
        return Ok(());
    };
    Err(
        ConfigError::new("[sweep] makes this file many experiments, not one")
            .at(document.place(entry.key.clone()))
            .hint("train them all with trainer sweep FILE, or remove the table"),
    )
}

impl Source {
    /// Reads a file of at most [`MAX_BYTES`] of UTF-8.
    ///
    /// # Errors
    /// When it cannot be read; the hint names configs that exist.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut bytes = Vec::new();
        open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| unreadable(path, &error))?;
        Self::of_file(path, bytes)
    }

    /// Returns the content of the file `path`, at most [`MAX_BYTES`] of UTF-8.
    ///
    /// # Errors
    /// When it is larger, or no text.
    pub fn of_file(path: &Path, bytes: Vec<u8>) -> Result<Self, ConfigError> {
        let label = printable(&path.display().to_string());
        if bytes.len() as u64 > MAX_BYTES {
            let message = format!("{label} is larger than 1 MiB, too large for a config");
            return Err(ConfigError::new(message).hint("give the TOML file of an experiment"));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { label, text }),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let before = error.as_bytes().iter().take(offset);
                let line = before.filter(|byte| **byte == b'\n').count() + 1;
                let message = format!("{label}:{line}: this is not UTF-8 text (byte {offset})");
                Err(ConfigError::new(message)
                    .hint("save the file as UTF-8, or give the TOML file of an experiment"))
            }
        }
    }
}

/// Opens a file to read it; a pipe, which could make the reader wait for ever, is not opened.
fn open(path: &Path) -> io::Result<File> {
    let data = fs::metadata(path)?;
    if data.is_file() || data.is_dir() {
        return File::open(path);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is not a regular file",
    ))
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    let label = printable(&path.display().to_string());
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    };
    ConfigError::new(format!("cannot read {label}: {reason}")).hint(suggestion(path))
}

/// Returns a hint that lists existing configs: in the given folder, beside the file, or in `configs`.
fn suggestion(path: &Path) -> String {
    let beside = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let folders = [path, beside, Path::new("configs")];
    let Some((folder, names)) = folders
        .iter()
        .map(|folder| (folder, configs_in(folder)))
        .find(|(_, names)| !names.is_empty())
    else {
        return "run from the project's folder, whose configs/ has one TOML file for each experiment".to_owned();
    };
    let wanted = path.file_stem().unwrap_or_default().to_string_lossy();
    let near = nearest(
        &wanted,
        names.iter().filter_map(|name| name.strip_suffix(".toml")),
    );
    if let Some(near) = near.filter(|_| *folder != path) {
        return format!(
            "did you mean {}?",
            printable(&folder.join(format!("{near}.toml")).display().to_string())
        );
    }
    let shown: Vec<String> = names
        .iter()
        .take(MAX_NAMES)
        .map(|name| echo(name))
        .collect();
    let more = if names.len() > MAX_NAMES { ", ..." } else { "" };
    format!(
        "{} has {}{more}",
        printable(&folder.display().to_string()),
        shown.join(", ")
    )
}

/// Returns the names of the TOML files in a folder, sorted; empty if it cannot be read.
fn configs_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir() else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".toml")).collect();
    names.sort();
    names
}

//! Finding the run and its record from RUN on the command line: a folder, a file, a prefix of a name, or `last`.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::Record;
use serde::Deserialize;

use super::folder::{MANIFEST, MODEL};
use super::manifest::{MAX_MANIFEST, Status};
use super::{lock, read};
use crate::failure::{Failure, shown};

/// Folder of all runs, relative to the working directory.
pub const ARTIFACTS: &str = "artifacts";
/// Maximum size of a record file, in bytes: the largest allowed network, with room for metadata.
const MAX_RECORD: u64 = 4 * model::config::MAX_PARAMETERS as u64 + (64 << 20);

/// A record and where it was found.
#[derive(Debug)]
pub struct Saved {
    /// The record file.
    pub file: PathBuf,
    /// Its run folder, if RUN named a run and not a file.
    pub folder: Option<PathBuf>,
    /// The record itself.
    pub record: Record,
}

/// Loads and returns the record that `run` names.
///
/// # Errors
/// When `run` names nothing, or more than one run, or a run without a model (exit code 2); when
/// the record is damaged (exit code 1).
pub fn load(run: &str) -> Result<Saved, Failure> {
    let found = resolve(run)?;
    let (file, folder) = if found.is_dir() {
        (found.join(MODEL), Some(found))
    } else {
        (found, None)
    };
    if let Some(folder) = &folder {
        refuse_unfinished(folder)?;
    }
    let bytes = match &folder {
        Some(_) => read::at_most(&file, MAX_RECORD),
        None => read::named_at_most(&file, MAX_RECORD),
    };
    let bytes = bytes.map_err(|failure| failure.hint(at_hand(&runs())))?;
    let record = Record::from_bytes(&bytes).map_err(|e| {
        Failure::failed(shown(&file))
            .because(e)
            .hint(at_hand(&runs()))
    })?;
    Ok(Saved {
        file,
        folder,
        record,
    })
}

/// Returns the folder of the run to resume: the one that `run` names, or the newest for `last`.
///
/// # Errors
/// When there is none, or more than one.
pub fn folder(run: &str) -> Result<PathBuf, Failure> {
    let newest = match run {
        "last" => runs().pop(),
        _ => None,
    };
    newest.map_or_else(|| resolve(run), Ok)
}

/// Returns the folder (or record file) that `run` names.
///
/// # Errors
/// When there is none, or more than one.
pub fn resolve(run: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(run);
    if path.is_file() || (path.is_dir() && path.join(MANIFEST).is_file()) {
        return Ok(path.to_path_buf());
    }
    if path.is_dir() {
        return Err(Failure::usage(format!(
            "{} is a folder, but not a run ({MANIFEST} is missing)",
            shown(path)
        ))
        .hint(at_hand(&runs())));
    }
    let runs = runs();
    if run == "last" {
        let finished = runs.iter().rev().find(|folder| is_finished(folder));
        return finished.cloned().ok_or_else(|| {
            Failure::usage(format!("there is no finished run in {ARTIFACTS}/"))
                .hint("train one first: cargo run -p trainer")
        });
    }
    if let Some(exact) = runs.iter().find(|f| name(f) == run || qualified(f) == run) {
        return Ok(exact.clone());
    }
    let begins = |f: &&PathBuf| name(f).starts_with(run) || qualified(f).starts_with(run);
    let matches: Vec<&PathBuf> = runs
        .iter()
        .filter(|f| !run.is_empty() && begins(f))
        .collect();
    match matches[..] {
        [one] => Ok(one.clone()),
        [] => Err(
            Failure::usage(format!("no run, file or folder is named {run:?}")).hint(at_hand(&runs)),
        ),
        _ => {
            let names: Vec<String> = matches.iter().map(|f| qualified(f)).collect();
            Err(Failure::usage(format!(
                "{run:?} fits {} runs: {}",
                names.len(),
                names.join(", ")
            ))
            .hint("type more of the name"))
        }
    }
}

/// The fields of a manifest needed to find a run. Others may change between versions.
#[derive(Debug, Deserialize)]
struct Head {
    status: Status,
    started: Timestamp,
    #[serde(default)]
    number: Option<u64>,
}

/// Returns every run folder under `artifacts/`, in the order they were made; those without a number come first, in
/// order of start time.
fn runs() -> Vec<PathBuf> {
    let mut runs = folders(Path::new(ARTIFACTS));
    // Sorting by name would do, but for --run-dir and changed clocks.
    runs.sort_by_cached_key(|folder| {
        let head = head(folder).ok();
        let order = head.map(|head| (head.number, head.started));
        (order, name(folder))
    });
    runs
}

/// Returns the highest number of a run under `root`, 0 if none has one.
pub(super) fn highest_number(root: &Path) -> u64 {
    let heads = folders(root)
        .into_iter()
        .filter_map(|folder| head(&folder).ok());
    heads.filter_map(|head| head.number).max().unwrap_or(0)
}

/// Returns every run folder under `root`, which contains the experiments' folders.
pub(super) fn folders(root: &Path) -> Vec<PathBuf> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect()
    };
    folders(root)
        .iter()
        .flat_map(|experiment| folders(experiment))
        .filter(|folder| folder.join(MANIFEST).is_file())
        .collect()
}

fn refuse_unfinished(folder: &Path) -> Result<(), Failure> {
    let status = head(folder)?.status;
    if status == Status::Finished {
        return Ok(());
    }
    let killed = status == Status::Running && !lock::is_held(folder);
    let what = if folder.join(MODEL).is_file() {
        "its results are incomplete"
    } else {
        "it has no model"
    };
    let state = match status {
        Status::Failed => "has failed",
        Status::Interrupted => "was interrupted",
        _ if killed => "is not finished (its process has ended)",
        _ => "is running",
    };
    let failure = Failure::usage(format!("the run {} {state}: {what}", folder.display()));
    Err(match folder.join(MODEL) {
        model if model.is_file() => failure.hint(format!(
            "to use its weights, name the file: {}",
            model.display()
        )),
        _ if status == Status::Running && !killed => failure.hint(at_hand(&runs())),
        _ => failure.hint(format!("resume it: trainer resume {}", folder.display())),
    })
}

/// Returns status and start time of the run in `folder`.
fn head(folder: &Path) -> Result<Head, Failure> {
    let path = folder.join(MANIFEST);
    let hint = || format!("use the record itself: {}", folder.join(MODEL).display());
    let json = read::at_most(&path, MAX_MANIFEST).map_err(|failure| failure.hint(hint()))?;
    serde_json::from_slice(&json).map_err(|e| Failure::damaged(&path, e).hint(hint()))
}

fn is_finished(folder: &Path) -> bool {
    head(folder).is_ok_and(|head| head.status == Status::Finished)
}

fn name(folder: &Path) -> String {
    folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Returns `experiment/run`.
pub(super) fn qualified(folder: &Path) -> String {
    let experiment = folder.parent().map(name).unwrap_or_default();
    format!("{experiment}/{}", name(folder))
}

fn at_hand(runs: &[PathBuf]) -> String {
    let finished: Vec<String> = runs
        .iter()
        .rev()
        .filter(|folder| is_finished(folder))
        .take(5)
        .map(|folder| qualified(folder))
        .collect();
    match finished.len() {
        0 => "there is no finished run; train one: cargo run -p trainer".to_string(),
        _ => format!("finished runs, newest first: {}", finished.join(", ")),
    }
}

//! `trainer verify`: is every file of a run as it was written?

use std::io::{Write, stdout};
use std::path::{Component, Path};

use serde_json::json;

use super::terminal::counted;
use crate::cli::ShowRunArgs;
use crate::failure::Failure;
use crate::run::folder::sha256;
use crate::run::read::{self, MAX_RESULT};
use crate::run::{checkpoint, find, manifest};

/// Checks each file that a run's manifest names against its SHA-256, and its checkpoints against theirs.
///
/// # Errors
/// When there is no such run (exit code 2), or something is not as it was written (exit code 1).
pub fn run(args: &ShowRunArgs) -> Result<(), Failure> {
    let folder = find::folder(&args.run)?;
    let manifest = manifest::read(&folder)?;
    let files = manifest.files_sha256.iter();
    let mut found: Vec<(String, Result<(), String>)> = files
        .map(|(name, hash)| (name.clone(), check(&folder, name, hash)))
        .collect();
    for (set, result) in checkpoint::check(&folder) {
        let name = set
            .strip_prefix(&folder)
            .unwrap_or(&set)
            .display()
            .to_string();
        found.push((name, result.map_err(|failure| failure.sentence())));
    }
    let mut out = stdout().lock();
    for (name, result) in &found {
        let problem = result.as_ref().err();
        match args.json {
            true => writeln!(
                out,
                "{}",
                json!({ "file": name, "ok": result.is_ok(), "problem": problem })
            )?,
            false => writeln!(out, "{:<8} {name}", problem.map_or("ok", |_| "DAMAGED"))?,
        }
    }
    let problems: Vec<String> = found
        .iter()
        .filter_map(|(name, result)| Some(format!("{name}: {}", result.as_ref().err()?)))
        .collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "{} of {} {} not as written: {}",
            problems.len(),
            counted(found.len(), "file"),
            if problems.len() == 1 { "is" } else { "are" },
            problems.join("; ")
        ))
        .hint("train it again: trainer repeat RUN")),
    }
}

/// Checks a file that lies in the folder itself: a name from a manifest must not lead elsewhere.
fn check(folder: &Path, name: &str, hash: &str) -> Result<(), String> {
    let mut parts = Path::new(name).components();
    if !matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    ) {
        return Err("is no name of a file in the run's folder".to_string());
    }
    let bytes =
        read::at_most(&folder.join(name), MAX_RESULT).map_err(|failure| failure.sentence())?;
    match sha256(&bytes) == hash {
        true => Ok(()),
        false => Err("has another SHA-256".to_string()),
    }
}

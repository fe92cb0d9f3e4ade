//! `trainer verify`: checks that every file of a run is as it was written.

use std::io::Write;

use serde_json::json;

use super::terminal;
use crate::cli::ShowRunArgs;
use crate::failure::Failure;
use crate::format::counted;
use crate::run::{find, verify};

/// Checks a run's manifest, each file named in it, and its checkpoints against their SHA-256.
///
/// # Errors
/// When there is no such run (exit code 2), or a file has changed (exit code 1).
pub fn run(args: &ShowRunArgs) -> Result<(), Failure> {
    let found = verify::files(&find::folder(&args.run)?)?;
    let (count, mut problems) = (found.len(), Vec::new());
    let mut out = terminal::out();
    for (name, result) in found {
        let ok = result.as_ref().map(Result::is_ok);
        let problem = result
            .and_then(Result::err)
            .map(|failure| failure.sentence());
        if args.json {
            let object = json!({ "file": name, "ok": ok, "problem": problem });
            terminal::json(&object)?;
        } else {
            match ok {
                Some(true) => writeln!(out, "ok       {name}")?,
                Some(false) => writeln!(out, "DAMAGED  {name}")?,
                None => writeln!(
                    out,
                    "unknown  {name} (an earlier version wrote it, without a hash)"
                )?,
            }
        }
        problems.extend(problem.map(|problem| format!("{name}: {problem}")));
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{} of {} {} not as written: {}",
        problems.len(),
        counted(count, "file"),
        if problems.len() == 1 { "is" } else { "are" },
        problems.join("; ")
    ))
    .hint("train it again: trainer repeat RUN"))
}

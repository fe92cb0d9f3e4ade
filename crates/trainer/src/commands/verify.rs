//! `trainer verify`: is every file of a run as it was written?

use std::io::{Write, stdout};

use serde_json::json;

use crate::cli::ShowRunArgs;
use crate::failure::Failure;
use crate::format::counted;
use crate::run::{find, verify};

/// Checks a run's manifest against the SHA-256 it ends with, each file that it names, and its checkpoints against
/// theirs.
///
/// # Errors
/// When there is no such run (exit code 2), or something is not as it was written (exit code 1).
pub fn run(args: &ShowRunArgs) -> Result<(), Failure> {
    let found = verify::files(&find::folder(&args.run)?)?;
    let (count, mut problems) = (found.len(), Vec::new());
    let mut out = stdout().lock();
    for (name, result) in found {
        let ok = result.as_ref().map(Result::is_ok);
        let problem = result
            .and_then(Result::err)
            .map(|failure| failure.sentence());
        if args.json {
            let object = json!({ "file": name, "ok": ok, "problem": problem });
            writeln!(out, "{object}")?;
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

//! `trainer verify`: checks that every file of a run is as it was written.

use std::io::Write;

use serde_json::json;

use super::terminal;
use crate::cli::ShowRunArgs;
use crate::failure::Failure;
use crate::format::counted;
use crate::run::{find, verify};

/// Checks each file named in a run's manifest, and its checkpoints, against their SHA-256.
///
/// # Errors
/// When there is no such run (exit code 2), or a file has changed (exit code 1).
pub fn run(args: &ShowRunArgs) -> Result<(), Failure> {
    let found = verify::files(&find::folder(&args.run)?)?;
    let (count, mut problems) = (found.len(), Vec::new());
    let mut out = terminal::out();
    for (name, result) in found {
        let problem = result.err().map(|failure| failure.sentence());
        if args.json {
            let object = json!({ "file": name, "ok": problem.is_none(), "problem": problem });
            terminal::json(&object)?;
        } else {
            let state = problem.as_ref().map_or("ok", |_| "DAMAGED");
            writeln!(out, "{state:<8} {name}")?;
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

//! `trainer data sample`

use std::io::Write;

use serde_json::json;

use super::terminal::{self, Messages};
use crate::cli::{SampleArgs, SampleKind};
use crate::failure::Failure;
use crate::format::quoted;
use crate::samples;

/// Writes a data set that this program draws, and prints its files.
///
/// # Errors
/// When the folder has other files (exit code 2), or cannot be written.
pub fn run(args: &SampleArgs) -> Result<(), Failure> {
    let files = match args.what {
        SampleKind::Digits => samples::digits(&args.out, args.train, args.test, args.seed)?,
    };
    if args.output.json {
        return Ok(terminal::json(&json!({ "files": files }))?);
    }
    let mut out = terminal::out();
    for file in &files {
        writeln!(out, "{}", file.display())?;
    }
    let messages = Messages::of(args.output);
    messages.note("drawn by this program, not written by people: for lessons, not for results");
    messages.next(format_args!(
        "cargo run -p trainer -- --data-dir {}",
        quoted(&args.out)
    ));
    Ok(())
}

//! `trainer report`: one HTML page of a run, several runs, or a sweep.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::terminal::{self, Messages};
use crate::cli::ReportArgs;
use crate::comparison::Comparison;
use crate::failure::Failure;
use crate::report::{comparison_page, contents, run_page, sweep_page};
use crate::run::folder::REPORT;
use crate::run::{find, write};
use crate::sweep;

/// Writes the page of a run, or the comparison of several, and prints its path.
///
/// # Errors
/// When a run is not found, `--data-dir` has other images, or the page cannot be written.
pub fn run(args: &ReportArgs) -> Result<(), Failure> {
    let messages = Messages::of(args.output);
    let (default, page) = page(args, messages)?;
    let out = args.out.clone().unwrap_or(default);
    write::atomically(&out, page.as_bytes())?;
    if args.output.json {
        terminal::json(&json!({ "report": out }))?;
    } else {
        writeln!(terminal::out(), "{}", out.display())?;
    }
    messages.next(format_args!("open {} in a browser", out.display()));
    Ok(())
}

/// Returns the page and the path to write it to by default.
fn page(args: &ReportArgs, messages: Messages) -> Result<(PathBuf, String), Failure> {
    let [name] = &args.runs[..] else {
        let comparison = Comparison::of(&args.runs)?;
        return Ok((PathBuf::from(REPORT), comparison_page::html(&comparison)));
    };
    if let Some(folder) = sweep::folder::named(name) {
        let page = sweep_page::html(&contents::of_sweep(&folder)?);
        return Ok((folder.join(REPORT), page));
    }
    let folder = find::resolve(name)?;
    if !folder.is_dir() {
        return Err(Failure::usage(format!("{name} is a file, not a run"))
            .hint("give the folder of the run; `trainer runs` lists them"));
    }
    let data_dir = args.data_dir.as_deref();
    let contents = contents::of_run(&folder, data_dir, &args.mute, &mut messages.listener())?;
    Ok((folder.join(REPORT), run_page::html(&contents)))
}

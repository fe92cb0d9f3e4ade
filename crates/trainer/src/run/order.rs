//! The order in which runs are made, whatever the clock says: each run in `artifacts/` gets the next number.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::find::{self, ARTIFACTS};
use super::read;

/// The file with the number of the run made last.
const LAST: &str = ".last-number";

/// Returns the number of a run that is made now in the folder `run`; `None` outside of `artifacts/`, or if numbers
/// cannot be written down there.
pub fn next(run: &Path) -> Option<u64> {
    let is_inside = run.starts_with(ARTIFACTS) && run.components().count() > 2;
    is_inside.then(|| take(Path::new(ARTIFACTS)).ok()).flatten()
}

/// Takes the next number in the folder `root`.
fn take(root: &Path) -> io::Result<u64> {
    std::fs::create_dir_all(root)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = read::open(&root.join(LAST), &options)?;
    file.lock()?; // until it is closed
    let mut text = String::new();
    (&file).take(32).read_to_string(&mut text)?;
    let known = text.trim().parse::<u64>().ok();
    let last = known.unwrap_or_else(|| find::highest_number(root));
    let number = last.saturating_add(1);
    file.rewind()?;
    file.set_len(0)?;
    writeln!(file, "{number}")?;
    Ok(number)
}

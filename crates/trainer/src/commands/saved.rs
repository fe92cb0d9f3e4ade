//! The saved record and data set that `evaluate`, `predict` and `gallery` work on.

use ::data::DataSet;

use super::terminal::Messages;
use crate::backend::Compute;
use crate::cli::SavedArgs;
use crate::failure::Failure;
use crate::run::find::{self, Saved};
use crate::saved;

/// Opens the backend and loads the record that `args` name; returns both.
///
/// # Errors
/// When either fails.
pub fn open(args: &SavedArgs) -> Result<(Compute, Saved), Failure> {
    let compute = Compute::open(args.backend)?;
    let saved = find::load(&args.run)?;
    Ok((compute, saved))
}

/// Returns which messages to print.
pub fn messages(args: &SavedArgs) -> Messages {
    Messages::of(args.output)
}

/// Returns the data set the record was trained on, or the one in `--data-dir`.
///
/// # Errors
/// When it is not found, or its images or classes do not fit the network.
pub fn data_set(saved: &Saved, args: &SavedArgs) -> Result<DataSet, Failure> {
    saved::data_set(saved, args.data_dir.clone(), &mut messages(args).listener())
}

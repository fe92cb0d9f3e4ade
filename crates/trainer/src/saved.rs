//! A saved record with its data set.

use std::path::PathBuf;

use data::DataSet;

use crate::backend::Compute;
use crate::configs;
use crate::datasets::{self, Wanted};
use crate::evaluation::{self, Evaluation, Predictions};
use crate::failure::Failure;
use crate::notice::{Notice, Notify};
use crate::results;
use crate::run::find::Saved;
use crate::run::{RunFolder, manifest};
use crate::trust::{self, Trust};

/// Returns the data set the record was trained on, or the one in `data_dir`.
///
/// # Errors
/// When it is not found, or its images or classes do not fit the network.
pub fn data_set(
    saved: &Saved,
    data_dir: Option<PathBuf>,
    notify: Notify,
) -> Result<DataSet, Failure> {
    let metadata = &saved.record.metadata;
    let is_named = data_dir.is_some();
    let dir = data_dir.or_else(|| folder_trained_in(saved));
    let wanted = Wanted::at_hand(&metadata.dataset, &metadata.class_names, dir.as_deref());
    let found = wanted.or_download().load(notify).map_err(|failure| {
        if is_named {
            let name = &metadata.dataset;
            failure.hint(format!(
                "--data-dir must be the folder with the run's data: {name}"
            ))
        } else {
            failure
        }
    });
    let data = datasets::fitting(found?, metadata)?;
    let images = data.files.first();
    let are_others = images.is_some_and(|file| file.sha256 != metadata.dataset_sha256);
    // An imported network may not say what it was trained on.
    if are_others && !metadata.dataset_sha256.is_empty() {
        let text = "these are not the files the network was trained on";
        notify(Notice::Warning(text.to_string()));
    }
    Ok(data)
}

/// Returns the data folder that the run's config names, if it can be read and names one.
fn folder_trained_in(saved: &Saved) -> Option<PathBuf> {
    configs::of_run(saved.file.parent()?, &[]).ok()?.data.dir
}

/// Returns the record's predictions for every test image. The run's manifest counts this use of the test images;
/// if it cannot be written, there is a warning.
///
/// # Errors
/// When the device fails.
pub fn predictions(
    saved: &Saved,
    data: &DataSet,
    compute: &Compute,
    notify: Notify,
) -> Result<Predictions, Failure> {
    let predictions = evaluation::predict(&saved.record, &data.test, compute)?;
    if let Some(folder) = &saved.folder {
        let counted = RunFolder::open(folder.clone())
            .and_then(|mut run| run.update(|manifest| manifest.test_looks += 1));
        if let Err(failure) = counted {
            notify(Notice::Warning(format!(
                "this use of the test images is not counted: {}",
                failure.sentence()
            )));
        }
    }
    Ok(predictions)
}

/// Returns the record's result on the test images. For a run that was trained without them, this also writes
/// the files that other runs have.
///
/// # Errors
/// When the device or the disk fails.
pub fn evaluate(
    saved: Saved,
    data: &DataSet,
    compute: &Compute,
    notify: Notify,
) -> Result<(Evaluation, Trust), Failure> {
    let untested = |folder: &PathBuf| manifest::read(folder).is_ok_and(|run| run.test.is_none());
    if let Some(folder) = saved.folder.clone().filter(untested) {
        let mut run = RunFolder::open(folder)?;
        return results::test(saved.record, data, compute, &mut run);
    }
    let predictions = predictions(&saved, data, compute, notify)?;
    let trust = trust::measure(&saved.record.metadata, &predictions, &data.test);
    Ok((predictions.evaluate(&data.class_names), trust))
}

//! A saved record with its data set.

use std::path::PathBuf;

use data::DataSet;
use experiment::Experiment;

use crate::backend::Compute;
use crate::configs;
use crate::datasets::{self, Wanted};
use crate::evaluation::{self, Evaluation, Predictions};
use crate::failure::{Failure, shown};
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
    let experiment = experiment_of(saved);
    let dir = data_dir.or_else(|| experiment.as_ref()?.data.dir.clone());
    let (name, input) = (&metadata.dataset, metadata.architecture.input());
    let wanted = Wanted::at_hand(name, &metadata.class_names, input, dir.as_deref());
    let wanted = wanted
        .tested_as(experiment.as_ref())
        .trained_as(experiment.as_ref());
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

/// Returns the experiment in the config beside the record, if it can be read.
pub fn experiment_of(saved: &Saved) -> Option<Experiment> {
    configs::of_run(saved.file.parent()?, &[]).ok()
}

/// Returns the record's predictions for every test image, and counts this use of them, see [`count_use`].
///
/// # Errors
/// When the device fails.
pub fn predictions(
    saved: &Saved,
    data: &DataSet,
    compute: &Compute,
    notify: Notify,
) -> Result<Predictions, Failure> {
    count_use(saved, notify);
    evaluation::predict(&saved.record, &data.test, compute)
}

/// Counts in the run's manifest that its network is evaluated on test images. Every command that does so calls
/// this. A warning says when the use is not counted: the manifest cannot be written, or the record belongs to no
/// run.
pub fn count_use(saved: &Saved, notify: Notify) {
    let not_counted = |why: String| {
        let text = format!("this use of the test images is not counted: {why}");
        Notice::Warning(text)
    };
    let Some(folder) = saved.run() else {
        let file = shown(&saved.file);
        notify(not_counted(format!("{file} is not in a run's folder")));
        return;
    };
    let counted =
        RunFolder::open(folder).and_then(|mut run| run.update(|manifest| manifest.test_looks += 1));
    if let Err(failure) = counted {
        notify(not_counted(failure.sentence()));
    }
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

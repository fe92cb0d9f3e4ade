//! What `evaluate`, `predict` and `gallery` share: a saved record and the data set it belongs to.

use std::path::{Path, PathBuf};

use ::data::DataSet;
use experiment::Source;
use model::Metadata;

use super::terminal::Talk;
use crate::backend::Compute;
use crate::cli::SavedArgs;
use crate::evaluation::{self, Predictions};
use crate::failure::Failure;
use crate::run::RunFolder;
use crate::run::find::{self, Saved};
use crate::run::folder::CONFIG;

/// Opens the backend and loads the record that `args` name.
///
/// # Errors
/// When either fails.
pub fn open(args: &SavedArgs) -> Result<(Compute, Saved), Failure> {
    let compute = Compute::open(args.backend)?;
    let saved = find::load(&args.run)?;
    Ok((compute, saved))
}

/// Returns the talk that `args` ask for.
pub fn talk(args: &SavedArgs) -> Talk {
    Talk {
        quiet: args.output.quiet || args.output.json,
    }
}

/// Returns the data set the record was trained on, or the one in `--data-dir`.
///
/// # Errors
/// When it is not found, or its images or classes do not fit the network.
pub fn data_set(saved: &Saved, args: &SavedArgs) -> Result<DataSet, Failure> {
    let talk = talk(args);
    let metadata = &saved.record.metadata;
    let trained_in = saved.file.parent().and_then(folder_trained_in);
    let dir = args.data_dir.as_deref().or(trained_in.as_deref());
    let mirrors = ::data::fashion_mnist::addresses();
    let (name, classes) = (&metadata.dataset, Some(&metadata.class_names[..]));
    let found = super::data::find(name, dir, classes, &mirrors, talk);
    let data = found.map_err(|failure| match &args.data_dir {
        Some(_) => failure.hint(format_args!(
            "--data-dir must hold the data of the run: {name}"
        )),
        None => failure,
    })?;
    let data = fitting(data, metadata)?;
    if data
        .files
        .first()
        .is_some_and(|file| file.sha256 != metadata.dataset_sha256)
        && !metadata.dataset_sha256.is_empty()
    // an imported network may not say
    {
        talk.warn("these are not the files the network was trained on");
    }
    Ok(data)
}

/// Returns `data` if its images have the size that a record's network takes.
///
/// # Errors
/// When they have not.
pub fn fitting(data: DataSet, metadata: &Metadata) -> Result<DataSet, Failure> {
    let found = [data.test.height(), data.test.width()];
    let [channels, height, width] = metadata.architecture.input();
    if data.test.size() != [channels, height, width] {
        return Err(Failure::failed(format!(
            "the test images have {}x{} pixels, the network takes {}x{}",
            found[1], found[0], width, height,
        ))
        .hint(format_args!(
            "--data-dir must hold the data of the run: {}",
            metadata.dataset
        )));
    }
    Ok(data)
}

/// Returns what the record says about every test image. The run's manifest counts it as a look at them;
/// where it cannot be written, a warning says so.
///
/// # Errors
/// When the device fails.
pub fn predictions(
    saved: &Saved,
    data: &DataSet,
    compute: &Compute,
) -> Result<Predictions, Failure> {
    let predictions = evaluation::predict(&saved.record, &data.test, compute)?;
    if let Some(folder) = &saved.folder {
        let counted = RunFolder::open(folder.clone())
            .and_then(|mut run| run.update(|manifest| manifest.test_looks += 1));
        if let Err(failure) = counted {
            let text = format!(
                "this look at the test images is not counted: {}",
                failure.sentence()
            );
            Talk { quiet: false }.warn(text);
        }
    }
    Ok(predictions)
}

/// Returns the data folder that the run's config names, if it can be read and names one.
fn folder_trained_in(run: &Path) -> Option<PathBuf> {
    let source = Source::read(&run.join(CONFIG)).ok()?;
    experiment::load(source, &[]).ok()?.data.dir
}

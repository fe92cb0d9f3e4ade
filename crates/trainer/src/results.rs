//! The results of a training: the record, its predictions for the test images, the pictures.

use std::any::Any;
use std::panic::resume_unwind;
use std::thread;

use data::{DataSet, ImageDataset};
use model::record::{BURN_VERSION, FORMAT_VERSION, PIXEL_DIVISOR};
use model::{Architecture, Metadata, Record, TestMetrics};
use pictures::Preparation;

use crate::backend::Compute;
use crate::drawing;
use crate::engine::{Images, Job};
use crate::evaluation::{self, Evaluation, Predictions};
use crate::failure::{Code, Failure, FailureKind};
use crate::learner::divergence;
use crate::learner::epochs::Fitted;
use crate::predictions;
use crate::run::epoch::EpochMetrics;
use crate::run::folder::{GALLERY, MODEL, PREDICTIONS, RELIABILITY};
use crate::run::{RunFolder, Status};
use crate::trust::{self, Trust};

/// The results of a training.
#[derive(Debug)]
pub struct Trained {
    /// The finished epochs.
    pub epochs: Vec<EpochMetrics>,
    /// The epoch whose weights were kept, when a validation split chose it.
    pub best: Option<usize>,
    /// Result on the test images, and how far the predictions can be trusted; `None` if the experiment
    /// does not use the test images.
    pub test: Option<(Evaluation, Trust)>,
    /// Wall time of the epochs, in seconds.
    pub seconds: f64,
}

/// Writes the results of a training to `run`, and returns them.
///
/// # Errors
/// When the device or the disk fails, or the loss is not a number.
pub fn save(
    fitted: Fitted,
    images: &Images,
    data: &DataSet,
    job: Job,
    run: &mut RunFolder,
) -> Result<Trained, Failure> {
    let experiment = job.experiment;
    let mut record = Record {
        metadata: metadata(&experiment.name, job.architecture.clone(), data)?,
        weights: fitted.weights,
    };
    if !images.held_out.is_empty() {
        let predictions = evaluation::predict(&record, &images.held_out, job.compute)?;
        let Images { train, held_out } = images;
        trust::fit(&mut record.metadata, &predictions, train, held_out);
    }
    let test = if experiment.evaluation.test {
        Some(test(record, data, job.compute, run)?)
    } else {
        run.forget_test()?;
        run.write(MODEL, &record.to_bytes().map_err(Failure::caused_by)?)?;
        None
    };
    fitted.strategy.close()?;
    Ok(Trained {
        seconds: fitted.epochs.iter().map(|epoch| epoch.seconds).sum(),
        epochs: fitted.epochs,
        best: fitted.best,
        test,
    })
}

/// Writes a network's record, its predictions for the test images (used here for the first time) and the
/// pictures to `run`. Returns its result on the test images, and how far its predictions can be trusted.
///
/// # Errors
/// When the device or the disk fails, or the loss is not a number.
pub fn test(
    mut record: Record,
    data: &DataSet,
    compute: &Compute,
    run: &mut RunFolder,
) -> Result<(Evaluation, Trust), Failure> {
    // Save before anything else can fail; evaluate once; save again with the result.
    run.write(MODEL, &record.to_bytes().map_err(Failure::caused_by)?)?;
    let predictions = evaluation::predict(&record, &data.test, compute)?;
    let (known, names) = (record.metadata.clone(), &data.class_names);
    // The pictures do not need the figures: drawing takes as long as all the rest.
    let (gallery, tested) = thread::scope(|scope| {
        let gallery = scope.spawn(|| drawing::first_images(&data.test, &predictions, &known));
        let tested = tested(&mut record, &predictions, data);
        let tested = tested.and_then(|tested| {
            run.write(MODEL, &record.to_bytes().map_err(Failure::caused_by)?)?;
            run.write(PREDICTIONS, &predictions::to_csv(&predictions, names)?)?;
            Ok(tested)
        });
        let gallery = gallery.join().unwrap_or_else(|panic| resume_unwind(panic));
        (gallery, tested)
    });
    let (test, trust) = tested?;
    run.write(GALLERY, &gallery?)?;
    if let Some(diagram) = drawing::reliability(&trust)? {
        run.write(RELIABILITY, &diagram)?;
    }
    run.update(|manifest| {
        manifest.test = record.metadata.test;
        manifest.test_looks += 1;
    })?;
    Ok((test, trust))
}

/// Returns a network's result on the test images, and how far its predictions can be trusted; puts both into its
/// record.
fn tested(
    record: &mut Record,
    predictions: &Predictions,
    data: &DataSet,
) -> Result<(Evaluation, Trust), Failure> {
    let test = predictions.evaluate(&data.class_names);
    divergence::refuse(test.figures.loss(), "the test loss")?;
    let trust = trust::measure(&record.metadata, predictions, &data.test);
    let figures = test.figures.known();
    record.metadata.test = Some(TestMetrics {
        figures: figures
            .map(|(m, figure)| (m.key.to_string(), figure))
            .collect(),
        ece: Some(trust.ece),
        calibrated_ece: trust.calibrated_ece,
        unknown: trust.unknown,
    });
    Ok((test, trust))
}

/// Records in the manifest of `run` how its training ended.
///
/// # Errors
/// When a finished training cannot be marked as finished.
pub fn close(run: &mut RunFolder, trained: &Result<Trained, Failure>) -> Result<(), Failure> {
    if trained
        .as_ref()
        .is_err_and(|failure| failure.kind == Some(FailureKind::Diverged))
    {
        let _ = run.update(|manifest| manifest.diverged = true); // written again at the end
    }
    match trained {
        Ok(_) => run.end(Status::Finished, None)?,
        // The cause is what matters to the user, even if the manifest cannot be written either.
        Err(f) if f.code.is_stop() => drop(run.end(Status::Interrupted, None)),
        Err(f) if f.silent => drop(run.end(Status::Failed, Some("internal error".to_string()))),
        Err(f) => drop(run.end(Status::Failed, Some(f.sentence()))),
    }
    Ok(())
}

/// Returns the failure for a panic: the dashboard's kill key panics on purpose.
pub fn from_panic(panic: &(dyn Any + Send)) -> Failure {
    let failure = Failure::panicked(panic);
    if failure.message.contains("Killing training from user input") {
        return Failure {
            code: Code::Interrupted,
            ..Failure::already_reported()
        };
    }
    failure
}

/// Returns how the training images place what they show in the frame, so that pictures can be prepared alike; `None`
/// if they do as Fashion-MNIST's.
fn preparation(train: &ImageDataset) -> Result<Option<serde_json::Value>, Failure> {
    let images: Vec<&[u8]> = (0..train.len()).map(|i| train.image(i)).collect();
    let learned = Preparation::learn(&images, train.size());
    let is_usual = learned == Preparation::default();
    let value = serde_json::to_value(learned).map_err(Failure::caused_by)?;
    Ok((!is_usual).then_some(value))
}

fn metadata(
    experiment: &str,
    architecture: Architecture,
    data: &DataSet,
) -> Result<Metadata, Failure> {
    let images = data.files.first();
    Ok(Metadata {
        format: FORMAT_VERSION,
        architecture,
        class_names: data.class_names.clone(),
        pixel_divisor: PIXEL_DIVISOR,
        dataset: data.name.clone(),
        dataset_sha256: images.map(|file| file.sha256.clone()).unwrap_or_default(),
        experiment: experiment.to_string(),
        test: None,
        calibration: None,
        unknown: None,
        preparation: preparation(&data.train)?,
        burn: BURN_VERSION.to_string(),
    })
}

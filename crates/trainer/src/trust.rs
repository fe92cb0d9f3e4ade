//! How far answers can be trusted: temperature and threshold, fitted on the images held out of training
//! and measured on the test images.

use data::ImageDataset;
use model::{Calibration, Metadata, Reliability, Unknown};
use serde::Serialize;

use crate::evaluation::Predictions;

/// How to get what a record without calibration and threshold lacks.
pub const WAY_OUT: &str = "to change that, train with held-out images: \
                           --set data.validation=5000, or --config configs/validated.toml";

/// What calibration and threshold come to on a set of images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trust {
    /// Expected calibration error of the raw probabilities, 0 to 1.
    pub ece: f64,
    /// The same of the calibrated ones.
    pub calibrated_ece: Option<f64>,
    /// The temperature.
    pub temperature: Option<f64>,
    /// Share of the images taken for none of the classes, 0 to 1: falsely, if they are of its classes.
    pub unknown: Option<f64>,
    /// The strangeness above which they are.
    pub threshold: Option<f32>,
    /// The bins of the raw probabilities.
    pub reliability: Reliability,
    /// The bins of the calibrated ones.
    pub calibrated_reliability: Option<Reliability>,
}

/// Fits temperature and threshold, from the raw `predictions` of the images `held_out` of training, and
/// the training images. Each stays absent where there are too few of them.
pub fn fit(
    metadata: &mut Metadata,
    predictions: &Predictions,
    train: &ImageDataset,
    held_out: &ImageDataset,
) {
    let Predictions {
        probabilities,
        labels,
        classes,
        ..
    } = predictions;
    metadata.calibration = Calibration::fit(probabilities, labels, *classes);
    let train = train.take(model::unknown::MOST_IMAGES);
    metadata.unknown = Unknown::fit(&pictures(&train), &pictures(held_out));
}

/// Measures what the record's calibration and threshold are worth on `images`, from its raw
/// `predictions` of them.
pub fn measure(metadata: &Metadata, predictions: &Predictions, images: &ImageDataset) -> Trust {
    let measure = |p: &Predictions| Reliability::measure(&p.probabilities, &p.labels, p.classes);
    let reliability = measure(predictions);
    let calibrated = metadata
        .calibration
        .map(|_| measure(&predictions.calibrated(metadata)));
    let unknown = metadata.unknown.as_ref().map(|_| {
        let count = (0..images.len()).filter(|&i| is_unknown(metadata, images.image(i)));
        count.count() as f64 / images.len().max(1) as f64
    });
    Trust {
        ece: reliability.ece(),
        calibrated_ece: calibrated.as_ref().map(Reliability::ece),
        temperature: metadata.calibration.map(|c| c.temperature),
        unknown,
        threshold: metadata.unknown.as_ref().map(|u| u.threshold),
        reliability,
        calibrated_reliability: calibrated,
    }
}

/// Returns whether a picture, given as bytes `[height * width]`, is none of the record's classes; `false`
/// where the record has no threshold.
pub fn is_unknown(metadata: &Metadata, pixels: &[u8]) -> bool {
    let unknown = metadata.unknown.as_ref();
    unknown.is_some_and(|unknown| unknown.is_beyond(unknown.strangeness(pixels)))
}

/// Returns in a line what a record lacks to be trusted, and the way out; `None` when it lacks nothing.
pub fn missing(metadata: &Metadata) -> Option<String> {
    let what = match (&metadata.calibration, &metadata.unknown) {
        (Some(_), Some(_)) => return None,
        (None, Some(_)) => "probabilities are not calibrated",
        (Some(_), None) => "unknown pictures are not detected",
        (None, None) => "probabilities are not calibrated and unknown pictures are not detected",
    };
    Some(format!("{what}: {WAY_OUT}"))
}

fn pictures(images: &ImageDataset) -> Vec<&[u8]> {
    (0..images.len()).map(|i| images.image(i)).collect()
}

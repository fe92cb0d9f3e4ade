//! How far predictions can be trusted: temperature and threshold, fitted on held-out images and measured on
//! the test images.

use data::ImageDataset;
use model::{Calibration, Metadata, Reliability, Unknown};
use serde::Serialize;

use crate::evaluation::Predictions;

/// How to get a record with a calibration and a threshold.
pub const WAY_OUT: &str = "to change that, train with held-out images: \
                           --set data.validation=5000, or --config configs/validated.toml";

/// Calibration error and share of unknown pictures on a set of images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trust {
    /// Expected calibration error of the raw probabilities, 0 to 1.
    pub ece: f64,
    /// The same for the calibrated probabilities.
    pub calibrated_ece: Option<f64>,
    /// The temperature.
    pub temperature: Option<f64>,
    /// Share of the images that are unknown, 0 to 1: wrongly, if they are of the record's classes.
    pub unknown: Option<f64>,
    /// The strangeness above which a picture is unknown.
    pub threshold: Option<f32>,
    /// The bins of the raw probabilities.
    pub reliability: Reliability,
    /// The bins of the calibrated ones.
    pub calibrated_reliability: Option<Reliability>,
}

/// Fits temperature and threshold from the raw `predictions` for the `held_out` images and from the training
/// images. Either stays absent if there are too few images.
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

/// Returns how well the record's calibration and threshold do on `images`, from its raw `predictions` for
/// them.
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

/// Returns whether a picture, given as bytes `[height * width]`, is unknown; `false` if the record has no
/// threshold.
pub fn is_unknown(metadata: &Metadata, pixels: &[u8]) -> bool {
    let unknown = metadata.unknown.as_ref();
    unknown.is_some_and(|unknown| unknown.is_beyond(unknown.strangeness(pixels)))
}

/// Returns one line that says what a record lacks and how to get it; `None` if it lacks nothing.
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

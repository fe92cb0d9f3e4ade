//! The metadata of a record: everything about its network except the weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::network::Architecture;
use crate::record::RecordError;
use crate::unknown::Unknown;

/// Version of the metadata written by this crate. Version 2 added [`Metadata::calibration`] and
/// [`Metadata::unknown`], version 3 the kind of network and the channels of its input. Older versions stay
/// readable.
pub const FORMAT_VERSION: u32 = 3;
/// The Burn release whose pack format is written.
pub const BURN_VERSION: &str = "0.22.1";
/// Divisor of pixel bytes before they enter a network, so that they range from 0 to 1.
pub const PIXEL_DIVISOR: f32 = 255.0;
/// Maximum length of a class name, in bytes.
const MAX_CLASS_NAME: usize = 256;

/// Everything about a saved network except its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// [`FORMAT_VERSION`] of the writer; set on writing.
    pub format: u32,
    /// The network, with its input size in pixels.
    pub architecture: Architecture,
    /// Name of every class, in label order.
    pub class_names: Vec<String>,
    /// Pixel bytes are divided by this before they enter the network: [`PIXEL_DIVISOR`].
    pub pixel_divisor: f32,
    /// Name of the data set trained on.
    pub dataset: String,
    /// SHA-256 of the training images file (uncompressed), lower-case hex.
    pub dataset_sha256: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Result on the test images; absent until it has been measured.
    pub test: Option<TestMetrics>,
    /// Calibration of the probabilities; absent if no images were held out to fit it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// How to detect unknown pictures; absent if no images were held out to fit it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
    /// Release of Burn that wrote the file.
    pub burn: String,
}

/// Result of a network on test images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestMetrics {
    /// Every metric by its key: `accuracy`, 0 to 1, `loss`, ...
    #[serde(flatten)]
    pub figures: BTreeMap<String, f64>,
    /// Expected calibration error of the raw probabilities, 0 to 1; absent in records of format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ece: Option<f64>,
    /// The same for the calibrated ones, if there is a calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated_ece: Option<f64>,
    /// Fraction of the test images that are unknown, 0 to 1, if there is a threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<f64>,
}

impl TestMetrics {
    /// Returns a value by the key of its metric; NaN if it is not known.
    pub fn figure(&self, key: &str) -> f64 {
        self.figures.get(key).copied().unwrap_or(f64::NAN)
    }
}

impl Metadata {
    /// Returns the number of images in the bytes `pixels`.
    pub(crate) fn count_images(&self, pixels: &[u8]) -> Result<usize, RecordError> {
        let size = self.architecture.pixels();
        if pixels.len().is_multiple_of(size) {
            Ok(pixels.len() / size)
        } else {
            Err(self.other_size(pixels))
        }
    }

    /// Checks that the bytes `pixels` are exactly one picture.
    pub(crate) fn check_picture(&self, pixels: &[u8]) -> Result<(), RecordError> {
        if pixels.len() == self.architecture.pixels() {
            Ok(())
        } else {
            Err(self.other_size(pixels))
        }
    }

    fn other_size(&self, pixels: &[u8]) -> RecordError {
        let [_, height, width] = self.architecture.input();
        RecordError::Input {
            found: pixels.len(),
            height,
            width,
        }
    }

    /// Checks every limit.
    pub(crate) fn validate(&self) -> Result<(), RecordError> {
        self.architecture.validate()?;
        let (names, classes) = (self.class_names.len(), self.architecture.classes());
        if names != classes {
            return Err(RecordError::ClassNames { names, classes });
        }
        let is_bad = |name: &&String| {
            name.is_empty() || name.len() > MAX_CLASS_NAME || name.chars().any(char::is_control)
        };
        if let Some(name) = self.class_names.iter().find(is_bad) {
            return Err(RecordError::ClassName(name.clone()));
        }
        if self.pixel_divisor != PIXEL_DIVISOR {
            return Err(RecordError::PixelDivisor(self.pixel_divisor));
        }
        if self.calibration.is_some_and(|c| !c.is_valid()) {
            return Err(RecordError::Trust("calibration"));
        }
        if self.unknown.as_ref().is_some_and(|u| !u.is_valid()) {
            return Err(RecordError::Trust("threshold for unknown pictures"));
        }
        Ok(())
    }
}

//! A saved record on new pictures.

use std::path::Path;

use model::{Metadata, Record};
use pictures::PictureError;

use crate::backend::Compute;
use crate::engine::Predictor;
use crate::failure::Failure;

/// A record's prediction for a picture.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Probability of every class `[classes]`, calibrated if the record has a calibration.
    pub probabilities: Vec<f32>,
    /// The raw probabilities of the network `[classes]`.
    pub raw: Vec<f32>,
    /// How unlike the training images the picture is, 0 to 1; `None` if the record has no threshold.
    pub strangeness: Option<f32>,
    /// Whether the picture is unknown, above the threshold; `None` if there is no threshold.
    pub unknown: Option<bool>,
    /// How the picture was prepared as the network's input, as text.
    pub done: Vec<String>,
    /// How to take a better picture, if parts of this one may be lost.
    pub hint: Option<&'static str>,
}

/// A saved network that classifies pictures.
pub struct Inference<'a> {
    metadata: &'a Metadata,
    predictor: Predictor,
}

impl<'a> Inference<'a> {
    /// Returns the network of `record`, loaded on `compute`.
    ///
    /// # Errors
    /// When its weights do not fit its architecture.
    pub fn new(record: &'a Record, compute: &Compute) -> Result<Self, Failure> {
        let metadata = &record.metadata;
        let weights = record.weights.clone();
        let predictor = Predictor::new(&metadata.architecture, weights, compute);
        Ok(Self {
            metadata,
            predictor: predictor.map_err(Failure::caused_by)?,
        })
    }

    /// Returns the prediction for the picture in `file` (PNG or JPEG, any size).
    ///
    /// # Errors
    /// When the file is not a picture, or the device fails.
    pub fn picture(&self, file: &Path) -> Result<Answer, Failure> {
        let [_, height, width] = self.metadata.architecture.input();
        let prepared = pictures::open(file, height, width).map_err(|error| {
            let hint = what_to_do(&error);
            Failure::caused_by(error).hint(hint)
        })?;
        Ok(Answer {
            done: prepared.done,
            hint: prepared.hint,
            ..self.pixels(&prepared.pixels)?
        })
    }

    /// Returns the prediction for one image given as bytes `[channels, height, width]`, light on dark.
    ///
    /// # Errors
    /// When the number of pixels does not fit, or the device fails.
    pub fn pixels(&self, pixels: &[u8]) -> Result<Answer, Failure> {
        let architecture = &self.metadata.architecture;
        let classes = architecture.classes();
        if pixels.len() != architecture.pixels() {
            return Err(Failure::failed(format!(
                "{} pixels given, but the network expects {}",
                pixels.len(),
                architecture.pixels()
            )));
        }
        let mut raw = self.predictor.logits(pixels)?;
        architecture.output().probabilities(&mut raw, classes);
        let mut probabilities = raw.clone();
        if let Some(calibration) = &self.metadata.calibration {
            calibration.apply(&mut probabilities, classes);
        }
        let unknown = self.metadata.unknown.as_ref();
        let strangeness = unknown.map(|unknown| unknown.strangeness(pixels));
        Ok(Answer {
            probabilities,
            raw,
            strangeness,
            unknown: unknown.zip(strangeness).map(|(u, s)| u.is_beyond(s)),
            done: Vec::new(),
            hint: None,
        })
    }
}

fn what_to_do(error: &PictureError) -> &'static str {
    match error {
        PictureError::Io { .. } => "give PNG or JPEG files that exist and can be read",
        PictureError::TooLarge { .. } => {
            "scale it down, for example to 1000 pixels per side: the network uses far fewer"
        }
        PictureError::Blank { .. } => {
            "photograph one garment on a plain background of another colour, ideally white"
        }
        PictureError::NotAPicture { .. } | PictureError::Damaged { .. } => {
            "open it in an image editor and save it as PNG or JPEG"
        }
    }
}

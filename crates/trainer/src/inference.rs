//! A saved record on new pictures.

use std::path::Path;

use model::{Metadata, Record};
use pictures::{Preparation, Prepared};

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
    preparation: Preparation,
    predictor: Predictor,
}

impl<'a> Inference<'a> {
    /// Returns the network of `record`, loaded on `compute`.
    ///
    /// # Errors
    /// When its weights do not fit its architecture, or what it says about pictures cannot be used.
    pub fn new(record: &'a Record, compute: &Compute) -> Result<Self, Failure> {
        let metadata = &record.metadata;
        let weights = record.weights.clone();
        let predictor = Predictor::new(&metadata.architecture, weights, compute);
        let preparation = Preparation::of_record(metadata.preparation.clone()).map_err(|e| {
            Failure::failed("the record's preparation of pictures cannot be used").because(e)
        })?;
        Ok(Self {
            metadata,
            preparation,
            predictor: predictor.map_err(Failure::caused_by)?,
        })
    }

    /// Returns the prediction for the picture in `file` (any size).
    ///
    /// # Errors
    /// When the file is not a picture, or the device fails.
    pub fn picture(&self, file: &Path) -> Result<Answer, Failure> {
        let prepared = self.prepare(file)?;
        Ok(Answer {
            done: prepared.done,
            hint: prepared.hint,
            ..self.pixels(&prepared.pixels)?
        })
    }

    /// Returns the picture in `file` (any size) as the network's input.
    ///
    /// # Errors
    /// When the file is not a picture.
    pub fn prepare(&self, file: &Path) -> Result<Prepared, Failure> {
        let input = self.metadata.architecture.input();
        pictures::open_as(file, input, &self.preparation).map_err(|error| {
            let hint = error.hint();
            Failure::caused_by(error).hint(hint)
        })
    }

    /// Returns the number of classes.
    pub fn classes(&self) -> usize {
        self.metadata.architecture.classes()
    }

    /// Returns the raw probabilities `[images, classes]` of a whole number of images given as bytes `[images, channels,
    /// height, width]`, light on dark.
    ///
    /// # Errors
    /// When the device fails.
    pub fn raw(&self, pixels: &[u8]) -> Result<Vec<f32>, Failure> {
        let mut raw = self.predictor.logits(pixels)?;
        let output = self.metadata.architecture.output();
        output.probabilities(&mut raw, self.classes());
        Ok(raw)
    }

    /// Returns the prediction for one image given as bytes `[channels, height, width]`, light on dark.
    ///
    /// # Errors
    /// When the number of pixels does not fit, or the device fails.
    pub fn pixels(&self, pixels: &[u8]) -> Result<Answer, Failure> {
        let architecture = &self.metadata.architecture;
        let classes = self.classes();
        if pixels.len() != architecture.pixels() {
            return Err(Failure::failed(format!(
                "{} pixels given, but the network expects {}",
                pixels.len(),
                architecture.pixels()
            )));
        }
        let raw = self.raw(pixels)?;
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

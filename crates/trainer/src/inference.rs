//! A saved record on new pictures.

use std::path::Path;

use model::{Metadata, Record};

use crate::backend::Compute;
use crate::engine::Predictor;
use crate::failure::{Failure, one_line};

/// What a record says about a picture.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Probability of every class `[classes]`, calibrated where the record has a calibration.
    pub probabilities: Vec<f32>,
    /// The same as the network itself says it.
    pub raw: Vec<f32>,
    /// How unlike the training images the picture is, 0 to 1; `None` where the record has no threshold.
    pub strangeness: Option<f32>,
    /// Whether that is too far for the picture to be of any class; `None` where there is no threshold.
    pub unknown: Option<bool>,
    /// What was done to the picture to make it the network's input, in plain words.
    pub done: Vec<String>,
    /// What to do for a better picture, where parts of this one may be lost.
    pub hint: Option<&'static str>,
}

/// A saved network that is asked about pictures.
pub struct Inference<'a> {
    metadata: &'a Metadata,
    predictor: Predictor,
}

impl<'a> Inference<'a> {
    /// Returns the network of `record`, which answers where `compute` is.
    ///
    /// # Errors
    /// When its weights are not those of its architecture.
    pub fn new(record: &'a Record, compute: &Compute) -> Result<Self, Failure> {
        let metadata = &record.metadata;
        let weights = record.weights.clone();
        let predictor = Predictor::new(&metadata.architecture, weights, compute);
        Ok(Self {
            metadata,
            predictor: predictor.map_err(Failure::caused_by)?,
        })
    }

    /// Returns what it says about the picture in `file` (any size).
    ///
    /// # Errors
    /// When the file is no picture, or the device fails.
    pub fn picture(&self, file: &Path) -> Result<Answer, Failure> {
        let [_, height, width] = self.metadata.architecture.input();
        let prepared = pictures::open(file, height, width)
            .map_err(|error| Failure::failed(one_line(&error.to_string())).hint(error.hint()))?;
        Ok(Answer {
            done: prepared.done,
            hint: prepared.hint,
            ..self.pixels(&prepared.pixels)?
        })
    }

    /// Returns what it says about one image given as bytes `[channels, height, width]`, light on dark.
    ///
    /// # Errors
    /// When the number of pixels does not fit, or the device fails.
    pub fn pixels(&self, pixels: &[u8]) -> Result<Answer, Failure> {
        let architecture = &self.metadata.architecture;
        let classes = architecture.classes();
        if pixels.len() != architecture.pixels() {
            return Err(Failure::failed(format!(
                "{} pixels given, the network takes {}",
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

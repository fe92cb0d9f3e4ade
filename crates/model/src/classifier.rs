//! Inference with a saved network on the CPU: no device, no tensors.

use std::thread::available_parallelism;

use crate::answer::Answer;
use crate::network::Forward;
use crate::record::{Metadata, Record, RecordError};

/// A network with its metadata, ready for inference. It can be shared between threads; for many concurrent
/// callers, see [`Queue`](crate::Queue).
#[derive(Debug, Clone)]
pub struct Classifier {
    metadata: Metadata,
    forward: Forward,
    threads: usize,
}

impl Classifier {
    /// Returns the network in the bytes of a `.bpk` record. It uses one thread per core if there are enough images,
    /// see [`Classifier::with_threads`].
    ///
    /// # Errors
    /// [`RecordError`] says what is wrong with the file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        Self::new(Record::from_bytes(bytes)?)
    }

    /// Returns the network of a record. It uses as many threads as [`Classifier::from_bytes`] does.
    ///
    /// # Errors
    /// When the weights do not fit the architecture.
    pub fn new(Record { metadata, weights }: Record) -> Result<Self, RecordError> {
        Ok(Self {
            forward: metadata.architecture.forward(weights)?,
            metadata,
            threads: available_parallelism().map_or(1, usize::from),
        })
    }

    /// Sets the maximum number of threads; 0 counts as 1. The results are the same.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Returns the metadata: input size, class names, origin of the weights.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns the prediction for one picture: grey bytes `[height * width]`, row-major, light on dark.
    ///
    /// # Errors
    /// When `pixels` is not exactly one picture of the network's size.
    pub fn answer(&self, pixels: &[u8]) -> Result<Answer, RecordError> {
        self.metadata.check_picture(pixels)?;
        Ok(Answer::new(&self.metadata, pixels, &self.predict(pixels)?))
    }

    /// Returns the prediction for each picture in `pixels`, `[images, height, width]`.
    ///
    /// # Errors
    /// When `pixels` is not a whole number of pictures.
    pub fn answers(&self, pixels: &[u8]) -> Result<Vec<Answer>, RecordError> {
        let probabilities = self.predict(pixels)?;
        let architecture = &self.metadata.architecture;
        let pictures = pixels.chunks_exact(architecture.pixels());
        let rows = probabilities.chunks_exact(architecture.classes());
        Ok(pictures
            .zip(rows)
            .map(|(picture, row)| Answer::new(&self.metadata, picture, row))
            .collect())
    }

    /// Returns the probability of every class for each image in `pixels`: grey bytes, row-major, light
    /// on dark, `[images, height, width]`. The result is `[images, classes]`, row-major; each row sums
    /// to 1 and has the same bits whether its image comes alone or with others. Calibrated if the
    /// record has a [`Calibration`](crate::Calibration).
    ///
    /// # Errors
    /// When `pixels` is not a whole number of images.
    pub fn predict(&self, pixels: &[u8]) -> Result<Vec<f32>, RecordError> {
        let mut probabilities = self.predict_raw(pixels)?;
        if let Some(calibration) = &self.metadata.calibration {
            calibration.apply(&mut probabilities, self.metadata.architecture.classes());
        }
        Ok(probabilities)
    }

    /// Returns the same without calibration, like Keras's `predict`.
    ///
    /// # Errors
    /// When `pixels` is not a whole number of images.
    pub fn predict_raw(&self, pixels: &[u8]) -> Result<Vec<f32>, RecordError> {
        self.metadata.count_images(pixels)?;
        Ok(self.forward.probabilities(pixels, self.threads))
    }
}

//! A saved network that answers, on the CPU: no device, no tensors.

use std::thread::available_parallelism;

use kernels::Layer as LayerWeights;

use crate::answer::Answer;
use crate::config::{Activation, Output};
use crate::record::{self, Metadata, RecordError};

/// A network with its metadata, ready to answer. It can be shared between threads; for many callers at
/// once, see [`Queue`](crate::Queue).
#[derive(Debug, Clone)]
pub struct Classifier {
    metadata: Metadata,
    layers: Vec<LayerWeights>,
    threads: usize,
}

impl Classifier {
    /// Returns the network in the bytes of a `.bpk` record. It uses a thread a core where there are
    /// images enough, see [`Classifier::with_threads`].
    ///
    /// # Errors
    /// [`RecordError`] says what is wrong with the file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let (metadata, layers) = record::read(bytes)?;
        let threads = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            metadata,
            layers,
            threads,
        })
    }

    /// Sets the most threads an answer may use; 0 counts as 1. The answers are the same.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Returns what the weights are: input size, class names, where they come from.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns what there is to say about one picture: grey bytes `[height * width]`, row-major, light
    /// on dark.
    ///
    /// # Errors
    /// When `pixels` is not exactly one picture of the network's size.
    pub fn answer(&self, pixels: &[u8]) -> Result<Answer, RecordError> {
        self.metadata.check_picture(pixels)?;
        Ok(Answer::new(&self.metadata, pixels, &self.predict(pixels)?))
    }

    /// Returns the same for each picture in `pixels`, `[images, height, width]`.
    ///
    /// # Errors
    /// When `pixels` is not a whole number of pictures.
    pub fn answers(&self, pixels: &[u8]) -> Result<Vec<Answer>, RecordError> {
        let probabilities = self.predict(pixels)?;
        let [height, width] = self.metadata.architecture.input;
        let pictures = pixels.chunks_exact(height * width);
        let rows = probabilities.chunks_exact(self.metadata.architecture.classes);
        Ok(pictures
            .zip(rows)
            .map(|(picture, row)| Answer::new(&self.metadata, picture, row))
            .collect())
    }

    /// Returns the probability of every class for each image in `pixels`: grey bytes, row-major, light
    /// on dark, `[images, height, width]`. The answer is `[images, classes]`, row-major; each row sums
    /// to 1 and has the same bits whether its image comes alone or among others. Calibrated where the
    /// record has a [`Calibration`](crate::Calibration).
    ///
    /// # Errors
    /// When `pixels` is not a whole number of images.
    pub fn predict(&self, pixels: &[u8]) -> Result<Vec<f32>, RecordError> {
        let calibration = &self.metadata.calibration;
        let temperature = calibration.map_or(1.0, |calibration| calibration.temperature as f32);
        self.forward(pixels, temperature)
    }

    /// Returns the same as the network itself says it, not calibrated: Keras's `predict`.
    ///
    /// # Errors
    /// When `pixels` is not a whole number of images.
    pub fn predict_raw(&self, pixels: &[u8]) -> Result<Vec<f32>, RecordError> {
        self.forward(pixels, 1.0)
    }

    fn forward(&self, pixels: &[u8], temperature: f32) -> Result<Vec<f32>, RecordError> {
        self.metadata.count_images(pixels)?;
        let activation = match self.metadata.architecture.activation {
            Activation::Relu => kernels::Activation::Relu,
            Activation::Sigmoid => kernels::Activation::Sigmoid,
            Activation::Tanh => kernels::Activation::Tanh,
            Activation::Gelu => kernels::Activation::Gelu,
        };
        let output = match self.metadata.architecture.output {
            Output::Softmax => kernels::Output::Softmax,
            Output::Sigmoid => kernels::Output::Sigmoid,
        };
        Ok(kernels::predict(
            &self.layers,
            activation,
            output,
            temperature,
            pixels,
            self.threads,
        ))
    }
}

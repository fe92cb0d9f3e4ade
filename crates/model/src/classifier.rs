//! A saved network that answers, on the CPU: no device, no tensors.

use std::thread::available_parallelism;

use crate::config::{Activation, Output};
use crate::mlp::LayerWeights;
use crate::record::{self, Metadata, RecordError};

/// A network with its metadata, ready to answer. It can be shared between threads.
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

    /// Returns the probability of every class for each image in `pixels`: grey bytes, row-major, light
    /// on dark, `[images, height, width]`. The answer is `[images, classes]`, row-major; each row sums
    /// to 1 and has the same bits whether its image comes alone or among others.
    ///
    /// # Errors
    /// When `pixels` is not a whole number of images.
    pub fn predict(&self, pixels: &[u8]) -> Result<Vec<f32>, RecordError> {
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
            pixels,
            self.threads,
        ))
    }
}

//! Inference: the logits of every image of a data set.

use burn::data::dataloader::DataLoader;
use burn::tensor::{self, TensorData};
use data::{ImageDataset, Loader};
use experiment::Backend;
use model::record::PIXEL_DIVISOR;
use model::{Architecture, Forward, Network, RecordError, Tensor};

use crate::backend::{self, Compute};
use crate::failure::Failure;

/// Maximum number of images per batch.
const MOST_IMAGES: usize = 1000;
/// Maximum number of pixels per batch: 64 MB of floats, whatever the size of an image.
const MOST_PIXELS: usize = 16 << 20;

/// A network for inference only.
pub enum Predictor {
    /// By the kernel, on the CPU.
    Kernel(Forward),
    /// With Burn's operations, on the device that its weights are on.
    Burn(Box<Network>),
}

impl Predictor {
    /// Returns the network of `weights` on the device of `compute`: with the kernel if that is flex.
    ///
    /// # Errors
    /// When the weights do not fit the network.
    pub fn new(
        architecture: &Architecture,
        weights: Vec<Tensor>,
        compute: &Compute,
    ) -> Result<Self, RecordError> {
        if compute.backend == Backend::Flex {
            return Ok(Self::Kernel(architecture.forward(weights)?));
        }
        let network = Network::new(architecture, weights, &compute.device)?;
        Ok(Self::Burn(Box::new(network)))
    }

    /// Returns the logits `[images, classes]` of a whole number of images given as bytes `[images, channels, height,
    /// width]`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn logits(&self, pixels: &[u8]) -> Result<Vec<f32>, Failure> {
        let network = match self {
            Self::Kernel(forward) => return Ok(forward.logits(pixels, backend::threads())),
            Self::Burn(network) => network,
        };
        let [channels, height, width] = network.architecture().input();
        let images = pixels.len() / (channels * height * width).max(1);
        let shape = [images, channels, height, width];
        let scaled: Vec<f32> = pixels
            .iter()
            .map(|&p| f32::from(p) / PIXEL_DIVISOR)
            .collect();
        let input = tensor::Tensor::from_data(TensorData::new(scaled, shape), &network.device());
        let logits = network.forward(input).try_into_data();
        Ok(logits.map_err(Failure::device)?.iter().collect())
    }

    /// Passes the logits `[batch, classes]` and labels `[batch]` of the images in `loader` to `take`, batch by batch
    /// in order, until `take` returns `false`. Returns whether it never did.
    ///
    /// # Errors
    /// Those of `take`, and when the device fails.
    pub fn each(&self, loader: &Loader, take: Take) -> Result<bool, Failure> {
        match self {
            Self::Kernel(forward) => on_host(forward, loader, take),
            Self::Burn(network) => on_device(network, loader, take),
        }
    }
}

/// Called with the logits `[batch, classes]` and labels `[batch]` of a batch; returns whether to continue.
type Take<'t> = &'t mut dyn FnMut(&[f32], &[u8]) -> Result<bool, Failure>;

fn on_host(forward: &Forward, loader: &Loader, take: Take) -> Result<bool, Failure> {
    let batches = loader.batches();
    let epoch = batches.epoch(0);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for batch in 0..batches.per_epoch() {
        epoch.fill(epoch.positions(batch), &mut pixels, &mut labels);
        if !take(&forward.logits(&pixels, backend::threads()), &labels)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn on_device(network: &Network, loader: &Loader, take: Take) -> Result<bool, Failure> {
    for batch in loader.iter() {
        let batch = batch.map_err(Failure::caused_by)?;
        let logits = network.forward(batch.images); // [batch, classes]
        let logits = logits.try_into_data().map_err(Failure::device)?;
        let labels = batch.labels.try_into_data().map_err(Failure::device)?;
        let labels: Vec<u8> = labels.iter::<i64>().map(|label| label as u8).collect();
        if !take(&logits.iter::<f32>().collect::<Vec<_>>(), &labels)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns a loader of `images` in order, in batches large enough to keep any backend busy.
pub fn loader(images: ImageDataset, compute: &Compute) -> Loader {
    let batch_size = (MOST_PIXELS / images.values().max(1)).clamp(1, MOST_IMAGES);
    let resident = compute.keeps(&images);
    let batches = data::Batches::sequential(images, batch_size);
    Loader::new(batches, &compute.device).resident(resident)
}

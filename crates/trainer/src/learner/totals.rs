//! Loss and accuracy as sums over count: exact for any batch size, without waiting for the device.

use burn::tensor::{Tensor, TensorReadError};
use burn::train::ClassificationOutput;

/// Batches kept on the device before their sums are read back in one go.
const PENDING: usize = 128;

/// Mean loss and accuracy over a number of images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean loss.
    pub loss: f64,
    /// Correct over all, 0 to 1.
    pub accuracy: f64,
}

impl From<kernels::Score> for Score {
    fn from(sums: kernels::Score) -> Self {
        let images = sums.images.max(1) as f64;
        Self {
            loss: sums.loss / images,
            accuracy: sums.correct as f64 / images,
        }
    }
}

/// Running sums of an epoch. A GPU is asked for numbers once in 128 batches only.
#[derive(Default)]
pub struct Totals {
    losses: Vec<Tensor<1>>,
    hits: Vec<Tensor<1>>,
    sums: kernels::Score,
    /// The first image whose loss is no finite number, counted from the epoch's first.
    diverged: Option<usize>,
}

impl Totals {
    /// Returns totals that go on from `sums`.
    pub fn from(sums: kernels::Score) -> Self {
        Self {
            sums,
            ..Self::default()
        }
    }

    /// Returns the first image whose loss was no finite number, of those read back so far, counted from
    /// the epoch's first.
    pub fn diverged(&self) -> Option<usize> {
        self.diverged
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// When the device fails to hand out earlier sums.
    pub fn add(&mut self, output: &ClassificationOutput) -> Result<(), TensorReadError> {
        let losses = output.loss.clone().without_autodiff(); // [batch]
        let logits = output.output.clone().without_autodiff(); // [batch, classes]
        let labels = output.targets.clone().without_autodiff(); // [batch]
        let [batch] = losses.dims();
        let hits = logits.argmax(1).reshape([batch]).equal(labels).float(); // [batch]
        self.losses.push(losses);
        self.hits.push(hits);
        if self.losses.len() == PENDING {
            self.read()
        } else {
            Ok(())
        }
    }

    /// Returns mean loss and accuracy so far; 0 of both before the first batch.
    ///
    /// # Errors
    /// When the device fails to hand out the sums.
    pub fn score(&mut self) -> Result<Score, TensorReadError> {
        Ok(self.sums()?.into())
    }

    /// Returns the sums so far.
    ///
    /// # Errors
    /// As [`Totals::score`].
    pub fn sums(&mut self) -> Result<kernels::Score, TensorReadError> {
        self.read()?;
        Ok(self.sums)
    }

    /// Sums in f64 on the host: 60,000 terms in f32 would lose the fifth digit. One term after the
    /// other, so that the result does not depend on when it is asked for.
    fn read(&mut self) -> Result<(), TensorReadError> {
        if self.losses.is_empty() {
            return Ok(());
        }
        let losses = Tensor::cat(std::mem::take(&mut self.losses), 0).try_into_data()?;
        let hits = Tensor::cat(std::mem::take(&mut self.hits), 0).try_into_data()?;
        for loss in losses.iter::<f64>() {
            if !loss.is_finite() {
                self.diverged.get_or_insert(self.sums.images);
            }
            self.sums.loss += loss;
            self.sums.images += 1;
        }
        self.sums.correct += hits.iter::<f64>().filter(|hit| *hit > 0.5).count();
        Ok(())
    }
}

//! Running sums of an epoch: exact for any batch size, without waiting for the device.

use burn::tensor::{Int, Tensor, TensorReadError};
use burn::train::ClassificationOutput;
use experiment::Sums;
use kernels::Objective;

/// Batches kept on the device before their results are read back together.
const PENDING: usize = 128;

/// Running sums. Results are read back from a GPU only once every 128 batches.
pub struct Totals {
    objective: Objective,
    /// Results that are still on the device: logits `[batch, classes]`.
    logits: Vec<Tensor<2>>,
    /// Their labels, `[batch]`.
    labels: Vec<Tensor<1, Int>>,
    sums: Sums,
    /// The first image whose loss is not finite, counted from the epoch's first.
    diverged: Option<usize>,
}

impl Totals {
    /// Returns totals of this `objective` that continue from `sums`.
    pub fn new(objective: Objective, sums: Sums) -> Self {
        Self {
            objective,
            logits: Vec::new(),
            labels: Vec::new(),
            sums,
            diverged: None,
        }
    }

    /// Returns the first image whose loss was not finite, of those read back so far, counted from the epoch's
    /// first.
    pub fn diverged(&self) -> Option<usize> {
        self.diverged
    }

    /// Adds the results of a batch computed with Burn's operations.
    ///
    /// # Errors
    /// When earlier results cannot be read from the device.
    pub fn add(&mut self, output: &ClassificationOutput) -> Result<(), TensorReadError> {
        self.logits.push(output.output.clone().without_autodiff());
        self.labels.push(output.targets.clone().without_autodiff());
        if self.logits.len() == PENDING {
            self.read()
        } else {
            Ok(())
        }
    }

    /// Adds a step of the kernel.
    pub fn add_outcome(&mut self, outcome: &kernels::Outcome) {
        if !outcome.loss.is_finite() {
            self.diverged.get_or_insert(self.sums.images);
        }
        self.sums.loss += outcome.loss;
        self.sums.add_answers(outcome.logits, outcome.labels);
    }

    /// Adds results in host memory: `logits` `[batch, classes]` and `labels` `[batch]`.
    pub fn add_answers(&mut self, logits: &[f32], labels: &[u8]) {
        let classes = logits.len() / labels.len().max(1);
        // One term after another, in f64, so that the sum does not depend on when it is requested.
        for (image, loss) in (0..).zip(self.objective.losses(logits, labels, classes)) {
            if !loss.is_finite() {
                self.diverged.get_or_insert(self.sums.images + image);
            }
            self.sums.loss += f64::from(loss);
        }
        self.sums.add_answers(logits, labels);
    }

    /// Returns the sums of the results read back so far.
    pub fn known(&self) -> &Sums {
        &self.sums
    }

    /// Returns the sums so far.
    ///
    /// # Errors
    /// When results cannot be read from the device.
    pub fn sums(&mut self) -> Result<&Sums, TensorReadError> {
        self.read()?;
        Ok(&self.sums)
    }

    fn read(&mut self) -> Result<(), TensorReadError> {
        if self.logits.is_empty() {
            return Ok(());
        }
        let logits = Tensor::cat(std::mem::take(&mut self.logits), 0).try_into_data()?;
        let labels = Tensor::cat(std::mem::take(&mut self.labels), 0).try_into_data()?;
        let logits: Vec<f32> = logits.iter().collect();
        let labels: Vec<u8> = labels.iter::<i64>().map(|label| label as u8).collect();
        self.add_answers(&logits, &labels);
        Ok(())
    }
}

//! The sums of an epoch as it goes: exact for any batch size, without waiting for the device.

use burn::tensor::{Int, Tensor, TensorReadError};
use burn::train::ClassificationOutput;
use experiment::Sums;
use model::Loss;

/// Batches kept on the device before their answers are read back in one go.
const PENDING: usize = 128;

/// Running sums. A GPU is asked for numbers once in 128 batches only.
pub struct Totals {
    loss: Loss,
    /// Answers that are still on the device: logits `[batch, classes]`.
    logits: Vec<Tensor<2>>,
    /// Their labels, `[batch]`.
    labels: Vec<Tensor<1, Int>>,
    sums: Sums,
    /// The first image whose loss is no finite number, counted from the epoch's first.
    diverged: Option<usize>,
}

impl Totals {
    /// Returns totals of answers to be measured by `loss`, which continue from `sums`.
    pub fn new(loss: Loss, sums: Sums) -> Self {
        Self {
            loss,
            logits: Vec::new(),
            labels: Vec::new(),
            sums,
            diverged: None,
        }
    }

    /// Returns the first image whose loss was no finite number, of those read back so far, counted from
    /// the epoch's first.
    pub fn diverged(&self) -> Option<usize> {
        self.diverged
    }

    /// Adds a batch that Burn's operations have answered.
    ///
    /// # Errors
    /// When the device fails to hand out earlier answers.
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

    /// Adds answers in the memory of the host: `logits` `[batch, classes]` and `labels` `[batch]`.
    pub fn add_answers(&mut self, logits: &[f32], labels: &[u8]) {
        let classes = logits.len() / labels.len().max(1);
        // One term after the other, in f64, so that the sum does not depend on when it is asked for.
        for (image, loss) in (0..).zip(self.loss.of_logits(logits, labels, classes)) {
            if !loss.is_finite() {
                self.diverged.get_or_insert(self.sums.images + image);
            }
            self.sums.loss += f64::from(loss);
        }
        self.sums.add_answers(logits, labels);
    }

    /// Returns the sums of what has been read back so far.
    pub fn known(&self) -> &Sums {
        &self.sums
    }

    /// Returns the sums so far.
    ///
    /// # Errors
    /// When the device fails to hand them out.
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

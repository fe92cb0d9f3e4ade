//! The state of a training: with weights and optimizer state, everything it resumes from.

use std::collections::BTreeMap;

use experiment::{Counts, Sums};
use serde::{Deserialize, Serialize};

use super::best::Best;
use super::epoch::EpochMetrics;
use super::history::History;
use crate::failure::Failure;

/// Format version of checkpoints. Version 2 added [`State::counts`]. Older versions stay readable.
pub const FORMAT_VERSION: u32 = 2;

/// The weights, a Burn pack.
pub const WEIGHTS: &str = "weights.bpk";
/// The mean gradients or the momentum, a Burn pack like the weights.
pub const FIRST_MOMENTS: &str = "first-moments.bpk";
/// The mean squared gradients, a Burn pack like the weights.
pub const SECOND_MOMENTS: &str = "second-moments.bpk";
/// The moving average of the weights, a Burn pack like the weights, if the experiment asks for one.
pub const AVERAGE: &str = "average.bpk";
/// The optimizer state as Burn writes it, if Burn's optimizer is used.
pub const OPTIMIZER: &str = "optimizer.bpk";
/// The weights of the best epoch so far, if there is a validation split.
pub const BEST: &str = "best.bpk";

/// The files of a checkpoint, besides the state: name and content.
pub type Parts = BTreeMap<&'static str, Vec<u8>>;

/// Returns the failure to use a checkpoint's file.
pub fn unusable(error: model::RecordError) -> Failure {
    Failure::failed("the checkpoint cannot be used").because(error)
}

/// The state of a training between two steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The experiment, as TOML.
    pub experiment: String,
    /// The current epoch, counted from 1; one more than the last when all are done.
    pub epoch: usize,
    /// Steps done in the current epoch. The order of its images is a function of seed and epoch.
    pub step: usize,
    /// Steps done in all.
    pub steps: u64,
    /// Sum of the losses of the current epoch's images so far.
    pub loss: f64,
    /// Correct predictions among them.
    pub correct: usize,
    /// Number of those images.
    pub images: usize,
    /// Other counts over them; `None` if some were counted by version 1, which lacks these.
    #[serde(default)]
    pub counts: Option<Counts>,
    /// Seconds the current epoch has taken.
    pub seconds: f64,
    /// The finished epochs.
    pub history: History,
    /// The best of them, and the state of early stopping.
    pub best: Best,
    /// Whether patience has run out and training is over.
    pub stopped: bool,
}

impl State {
    /// Returns the state before the first step.
    pub fn start(experiment: String) -> Self {
        Self {
            experiment,
            epoch: 1,
            step: 0,
            steps: 0,
            loss: 0.0,
            correct: 0,
            images: 0,
            counts: None,
            seconds: 0.0,
            history: History::default(),
            best: Best::default(),
            stopped: false,
        }
    }

    /// Returns whether its numbers are consistent with each other.
    pub fn is_sound(&self) -> bool {
        let done = self.history.len();
        let in_order = self
            .history
            .to_vec()
            .iter()
            .zip(1..)
            .all(|(epoch, number)| epoch.epoch == number);
        in_order
            && self.epoch == done + 1
            && self.best.is_among(done)
            && self.correct <= self.images
            && self
                .counts
                .as_ref()
                .is_none_or(|c| c.fit(self.images, self.correct))
            && self.step <= self.images
            && self.step as u64 <= self.steps
    }

    /// Returns whether it fits a training on `images` images.
    pub fn fits(&self, batch_size: usize, images: usize) -> bool {
        let last = images.div_ceil(batch_size);
        let seen = self.step.saturating_mul(batch_size).min(images);
        let before = self.history.len().saturating_mul(last);
        self.step <= last
            && self.images == seen
            && self.steps == before.saturating_add(self.step) as u64
    }

    /// Returns the epoch, counted from 0, and the batch to train on next, if an epoch has `batches` batches. After a
    /// stop during validation, the epoch has no batches left.
    pub fn next_batch(&self, batches: usize) -> (usize, usize) {
        if self.step >= batches {
            (self.epoch, 0)
        } else {
            (self.epoch - 1, self.step)
        }
    }

    /// Returns the sums of the current epoch.
    pub fn sums(&self) -> Sums {
        if self.images == 0 {
            return Sums::new();
        }
        Sums {
            loss: self.loss,
            correct: self.correct,
            images: self.images,
            counts: self.counts.clone(),
        }
    }

    /// Advances within the epoch, to `sums` after `step` steps.
    pub fn advance(&mut self, sums: Sums, step: usize) {
        self.steps += (step - self.step) as u64;
        self.step = step;
        self.set(sums);
    }

    /// Ends the epoch with its metrics.
    pub fn close_epoch(&mut self, metrics: EpochMetrics) {
        self.history.push(metrics);
        self.epoch += 1;
        self.step = 0;
        self.seconds = 0.0;
        self.set(Sums::default());
    }

    fn set(&mut self, sums: Sums) {
        (self.loss, self.correct, self.images) = (sums.loss, sums.correct, sums.images);
        self.counts = sums.counts;
    }
}

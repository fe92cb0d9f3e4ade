//! One training step in Burn's terms: forward, loss, backward.

use burn::module::Module;
use burn::train::{ClassificationOutput, InferenceStep, TrainOutput, TrainStep};
use data::Batch;
use model::{Loss, Network, Tensor};

use super::Job;
use crate::failure::Failure;

/// The network together with its loss.
#[derive(Module, Debug)]
pub struct TrainingStep {
    /// The network.
    pub network: Network,
    #[module(skip)]
    loss: Loss,
}

impl TrainingStep {
    /// Returns `network`, to be trained with `loss`.
    pub fn new(network: Network, loss: Loss) -> Self {
        Self { network, loss }
    }

    /// Returns the network of `job` with these `weights`, on its device, with its loss.
    ///
    /// # Errors
    /// When they are the weights of another network.
    pub fn of(job: Job, weights: Vec<Tensor>) -> Result<Self, Failure> {
        let device = job.compute.device.clone().autodiff();
        let network = Network::new(job.architecture, weights, &device);
        let loss = job.architecture.loss();
        Ok(Self::new(network.map_err(Failure::caused_by)?, loss))
    }

    /// Returns logits `[batch, classes]`, labels `[batch]` and the loss of every sample `[batch]`.
    ///
    /// Burn's examples return the mean loss, `[1]`; one value per sample lets `LossMetric` weight a short last
    /// batch correctly.
    pub fn score(&self, batch: Batch) -> ClassificationOutput {
        let logits = self.network.forward(batch.images); // [batch, classes]
        let losses = self.loss.per_sample(logits.clone(), batch.labels.clone()); // [batch]
        ClassificationOutput::new(losses, logits, batch.labels)
    }
}

impl TrainStep for TrainingStep {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let output = self.score(batch);
        let grads = output.loss.clone().mean().backward();
        TrainOutput::new(self, grads, output)
    }
}

impl InferenceStep for TrainingStep {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        self.score(batch)
    }
}

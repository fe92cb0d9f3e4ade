//! One training step in Burn's terms: forward, loss, backward.

use burn::module::Module;
use burn::tensor::TensorData;
use burn::train::{ClassificationOutput, InferenceStep, TrainOutput, TrainStep};
use data::Batch;
use kernels::Objective;
use model::{Loss, Network, Tensor};

use super::{Job, clipping};
use crate::failure::Failure;

/// The network together with its loss.
#[derive(Module, Debug)]
pub struct TrainingStep {
    /// The network.
    pub network: Network,
    #[module(skip)]
    loss: Loss,
    #[module(skip)]
    label_smoothing: f32,
    /// What the loss of an image is multiplied by, `[classes]`; `None` for 1.
    class_weights: Option<burn::tensor::Tensor<1>>,
    /// Maximum norm of all gradients together.
    #[module(skip)]
    clip_norm: Option<f32>,
}

impl TrainingStep {
    /// Returns `network`, to be trained to minimise `objective`.
    pub fn new(network: Network, objective: &Objective) -> Self {
        let weights = &objective.class_weights;
        let class_weights = (!weights.is_empty()).then(|| {
            let data = TensorData::new(weights.clone(), [weights.len()]);
            burn::tensor::Tensor::from_data(data, &network.device())
        });
        Self {
            loss: network.architecture().loss(),
            network,
            label_smoothing: objective.label_smoothing,
            class_weights,
            clip_norm: None,
        }
    }

    /// Returns the network of `job` with these `weights`, on its device, to be trained to minimise `objective`.
    ///
    /// # Errors
    /// When they are the weights of another network.
    pub fn of(job: Job, weights: Vec<Tensor>, objective: &Objective) -> Result<Self, Failure> {
        let device = job.compute.device.clone().autodiff();
        let network = Network::new(job.architecture, weights, &device);
        Ok(Self {
            clip_norm: job.experiment.training.clips_to(),
            ..Self::new(network.map_err(Failure::caused_by)?, objective)
        })
    }

    /// Returns this step with another network.
    #[must_use]
    pub fn with_network(self, network: Network) -> Self {
        Self { network, ..self }
    }

    /// Returns logits `[batch, classes]`, labels `[batch]` and the loss of every sample `[batch]`.
    ///
    /// Burn's examples return the mean loss, `[1]`; one value per sample lets `LossMetric` weight a short last
    /// batch correctly.
    pub fn score(&self, batch: Batch) -> ClassificationOutput {
        let logits = self.network.forward(batch.images); // [batch, classes]
        let (loss, smoothing) = (self.loss, self.label_smoothing);
        let mut losses = loss.per_sample(logits.clone(), batch.labels.clone(), smoothing); // [batch]
        if let Some(weights) = &self.class_weights {
            losses = losses * weights.clone().gather(0, batch.labels.clone());
        }
        ClassificationOutput::new(losses, logits, batch.labels)
    }
}

impl TrainStep for TrainingStep {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let output = self.score(batch);
        let grads = output.loss.clone().mean().backward();
        let mut output = TrainOutput::new(self, grads, output);
        if let Some(longest) = self.clip_norm {
            clipping::clip(&self.network, &mut output.grads, longest);
        }
        output
    }
}

impl InferenceStep for TrainingStep {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        self.score(batch)
    }
}

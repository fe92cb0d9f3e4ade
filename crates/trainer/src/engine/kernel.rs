//! Training by the fused kernel.

use std::ops::Range;

use data::{Batches, Epoch};
use experiment::{Backend, Optimizer};
use kernels::Objective;
use model::{Architecture, RecordError, Tensor, record};

use super::{Job, LearningRate, Predictor, Totals, Watch};
use crate::backend;
use crate::failure::Failure;
use crate::run::state::{AVERAGE, FIRST_MOMENTS, Parts, SECOND_MOMENTS, WEIGHTS, unusable};

/// Returns the first key, with its value, that keeps the kernel from training on `backend`; `None` if it can.
pub(super) fn obstacle(backend: Backend) -> Option<(&'static str, String)> {
    (backend != Backend::Flex).then(|| ("backend", format!("\"{backend}\"")))
}

/// Returns how many of the CPU's threads train `job`.
pub(super) fn threads(job: Job) -> usize {
    let batch = job.experiment.training.batch_size;
    let widths = match job.architecture {
        Architecture::Mlp(mlp) => mlp.widths(),
        Architecture::Cnn(cnn) => cnn.widths(), // convolutions are more work still
    };
    kernels::threads(&widths, backend::threads(), batch)
}

/// A network being trained without Burn's tensors.
pub struct Kernel {
    network: kernels::Network,
    architecture: Architecture,
    batches: Batches,
    /// The last epoch requested.
    epoch: Option<(usize, Epoch)>,
    learning_rate: LearningRate,
}

impl Kernel {
    /// Returns the network of `job` with these `weights`, ready to be trained on `batches` to
    /// minimise `objective`.
    ///
    /// # Panics
    /// When `weights` belong to another network.
    pub fn new(
        job: Job,
        weights: Vec<Tensor>,
        batches: Batches,
        learning_rate: LearningRate,
        objective: &Objective,
    ) -> Self {
        let optimizer = constants(&job.experiment.optimizer);
        let network = job.architecture.training(weights, optimizer);
        let (training, seed) = (&job.experiment.training, job.experiment.seed);
        let share = job.architecture.dropout() as f32;
        Self {
            network: network.with(kernels::Extras {
                dropout: kernels::Dropout { share, seed },
                label_smoothing: objective.label_smoothing,
                class_weights: objective.class_weights.clone(),
                clip_norm: training.clips_to(),
                average: training.averages_by(),
            }),
            architecture: job.architecture.clone(),
            batches,
            epoch: None,
            learning_rate,
        }
    }

    /// See [`Engine::train`](super::Engine::train).
    pub(super) fn train(
        &mut self,
        epoch: usize,
        steps: Range<usize>,
        totals: &mut Totals,
        watch: Watch,
    ) -> Result<usize, Failure> {
        let before = epoch.saturating_sub(1);
        let batches = match self.epoch.take() {
            Some((number, batches)) if number == epoch => batches,
            _ => self.batches.epoch(before),
        };
        let (start, rate) = (before * self.batches.per_epoch(), &self.learning_rate);
        let of_call = kernels::Batches {
            fill: &|step, pixels, labels| batches.fill(batches.positions(step), pixels, labels),
            batch_size: self.batches.batch_size().min(batches.len()),
            steps: steps.clone(),
        };
        let rate = |step| rate.at(start + step);
        let mut failure = None;
        let done = self
            .network
            .train(&of_call, backend::threads(), &rate, &mut |outcome| {
                totals.add_outcome(outcome);
                let goes_on = match failure {
                    None => watch(outcome.step, totals),
                    Some(_) => Ok(false),
                };
                goes_on.unwrap_or_else(|error| {
                    failure = Some(error);
                    false
                })
            });
        self.epoch = Some((epoch, batches));
        failure.map_or(Ok(steps.start + done), Err)
    }

    pub(super) fn weights(&self) -> Vec<Tensor> {
        let network = &self.network;
        self.named(network.averages().unwrap_or_else(|| network.layers()))
    }

    pub(super) fn predictor(&self) -> Result<Predictor, RecordError> {
        let forward = self.architecture.forward(self.weights())?;
        Ok(Predictor::Kernel(forward))
    }

    pub(super) fn parts(&self) -> Result<Parts, RecordError> {
        let network = &self.network;
        let bytes = |layers| record::tensors_to_bytes(&self.named(layers));
        let mut parts = Parts::from([
            (WEIGHTS, bytes(network.layers())?),
            (FIRST_MOMENTS, bytes(network.first_moments())?),
            (SECOND_MOMENTS, bytes(network.second_moments())?),
        ]);
        if let Some(averages) = network.averages() {
            parts.insert(AVERAGE, bytes(averages)?);
        }
        Ok(parts)
    }

    pub(super) fn restore(&mut self, parts: &Parts, steps: u64) -> Result<(), Failure> {
        let layers = |name: &str| {
            let bytes = parts.get(name).map_or(&[][..], Vec::as_slice);
            let tensors = record::tensors_from_bytes(bytes, &self.architecture);
            let layers = tensors.map(|tensors| self.architecture.layers(tensors));
            layers.map_err(unusable)
        };
        let (first, second) = (layers(FIRST_MOMENTS)?, layers(SECOND_MOMENTS)?);
        self.network.restore(&first, &second, steps);
        if self.network.averages().is_some() {
            self.network.restore_averages(&layers(AVERAGE)?);
        }
        Ok(())
    }

    /// Returns `layers` as named tensors.
    fn named(&self, layers: Vec<kernels::Layer>) -> Vec<Tensor> {
        self.architecture.from_layers(layers)
    }
}

/// Returns the optimizer of an experiment in the kernel's form.
fn constants(config: &Optimizer) -> kernels::Optimizer {
    let adam = |beta_1: f64, beta_2: f64, epsilon: f64, l2: f64, decoupled_decay: f64| {
        kernels::Optimizer::Adam(kernels::Adam {
            beta_1: beta_1 as f32,
            beta_2: beta_2 as f32,
            epsilon: epsilon as f32,
            l2: l2 as f32,
            decoupled_decay: decoupled_decay as f32,
        })
    };
    match *config {
        Optimizer::Adam {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
            ..
        } => adam(beta_1, beta_2, epsilon, weight_decay, 0.0),
        Optimizer::AdamW {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
            ..
        } => adam(beta_1, beta_2, epsilon, 0.0, weight_decay),
        Optimizer::Sgd {
            momentum,
            nesterov,
            weight_decay,
            ..
        } => kernels::Optimizer::Sgd(kernels::Sgd {
            momentum: momentum as f32,
            nesterov,
            l2: weight_decay as f32,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constant_arrives() {
        let sgd = Optimizer::Sgd {
            learning_rate: 0.1,
            momentum: 0.5,
            nesterov: true,
            weight_decay: 0.25,
        };
        let expected = kernels::Sgd {
            momentum: 0.5,
            nesterov: true,
            l2: 0.25,
        };
        assert_eq!(constants(&sgd), kernels::Optimizer::Sgd(expected));
        let [learning_rate, beta_1, beta_2, epsilon, weight_decay] = [0.1, 0.5, 0.75, 0.125, 0.25];
        let adam = Optimizer::Adam {
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
        };
        let expected = kernels::Adam {
            beta_1: 0.5,
            beta_2: 0.75,
            epsilon: 0.125,
            l2: 0.25,
            decoupled_decay: 0.0,
        };
        assert_eq!(constants(&adam), kernels::Optimizer::Adam(expected));
        let adamw = Optimizer::AdamW {
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
        };
        let expected = kernels::Adam {
            l2: 0.0,
            decoupled_decay: 0.25,
            ..expected
        };
        assert_eq!(constants(&adamw), kernels::Optimizer::Adam(expected));
    }
}

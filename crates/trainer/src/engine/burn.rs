//! Training by Burn's `Learner`, step by step.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use burn::data::dataloader::{DataLoader, DataLoaderIterator};
use burn::module::Module;
use burn::optim::OptimizerRecord;
use burn::train::metric::store::EventStoreClient;
use burn::train::{Learner, LearningCheckpointer};
use data::Batch;
use experiment::{Experiment, Optimizer};
use model::{Network, RecordError, Tensor, record};

use super::{Predictor, Totals, TrainingStep, Watch, optimizer};
use crate::backend::Compute;
use crate::failure::Failure;
use crate::run::state::{AVERAGE, OPTIMIZER, Parts, WEIGHTS, unusable};

/// A network being trained on a device.
pub struct Burn<'a> {
    learner: Learner<TrainingStep>,
    compute: Compute,
    /// Seed of the run; dropout is seeded from it at every step.
    seed: u64,
    optimizer: Optimizer,
    /// The moving average of the weights, if the experiment asks for one.
    average: Option<Average>,
    /// Each call of its `iter` starts the next epoch.
    loader: &'a dyn DataLoader<Batch>,
    /// The rest of the current epoch.
    batches: Option<(usize, Box<dyn DataLoaderIterator<Batch> + 'a>)>,
    state: Option<OptimizerAccess>,
}

/// A moving average of the weights, as the kernel computes it.
struct Average {
    /// How much of it stays at a step, above 0 and below 1.
    memory: f32,
    /// `None` before the first step.
    network: Option<Network>,
}

impl Average {
    /// Moves it towards the weights of `newer`; after the first step it is these.
    fn follow(&mut self, newer: Network) {
        self.network = Some(match self.network.take() {
            Some(average) => average.towards(&newer, self.memory),
            None => newer,
        });
    }
}

/// How to get the optimizer state out of a `Learner`, which passes it only to its checkpointer.
pub struct OptimizerAccess {
    /// The checkpointer that requests it.
    pub checkpointer: LearningCheckpointer<TrainingStep>,
    /// Argument that Burn's checkpointer needs.
    pub store: Arc<EventStoreClient>,
    /// Receives it.
    pub arrives: Receiver<OptimizerRecord>,
}

impl<'a> Burn<'a> {
    /// Returns the network in `learner`, to be trained as `experiment` says on the batches of `loader`, whose
    /// epochs follow each other. Checkpoints need a way to the optimizer's `state`.
    pub fn new(
        learner: Learner<TrainingStep>,
        experiment: &Experiment,
        compute: &Compute,
        loader: &'a dyn DataLoader<Batch>,
        state: Option<OptimizerAccess>,
    ) -> Self {
        Self {
            learner,
            compute: compute.clone(),
            seed: experiment.seed,
            optimizer: experiment.optimizer.clone(),
            average: experiment.training.averages_by().map(|memory| Average {
                memory,
                network: None,
            }),
            loader,
            batches: None,
            state,
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
        let loader = self.loader;
        let (_, batches) = match self.batches.take() {
            Some(rest) if rest.0 == epoch => self.batches.insert(rest),
            _ => self.batches.insert((epoch, loader.iter())),
        };
        let end = steps.end;
        for step in steps {
            let Some(batch) = batches.next() else {
                return Ok(step);
            };
            // Dropout draws from the device's own stream. Seeding it makes a step a function of
            // (seed, epoch, step, weights), whatever ran before in this process.
            self.compute.device.seed(mix(mix(self.seed, epoch), step));
            let output = self.learner.train_step(batch.map_err(Failure::caused_by)?);
            self.learner.lr_step();
            self.learner.optimizer_step(output.grads);
            if let Some(average) = &mut self.average {
                average.follow(self.learner.model().valid().network);
            }
            totals.add(&output.item).map_err(Failure::device)?;
            if !watch(step, totals)? {
                return Ok(step + 1);
            }
        }
        Ok(end)
    }

    /// Returns the network with the weights themselves.
    fn trained(&self) -> Network {
        self.learner.model().valid().network
    }

    /// Returns the network that is evaluated and saved: the average, if there is one.
    fn network(&self) -> Network {
        let average = self.average.as_ref();
        let average = average.and_then(|average| average.network.clone());
        average.unwrap_or_else(|| self.trained())
    }

    pub(super) fn weights(&self) -> Result<Vec<Tensor>, RecordError> {
        self.network().tensors()
    }

    pub(super) fn predictor(&self) -> Predictor {
        Predictor::Burn(Box::new(self.network()))
    }

    pub(super) fn parts(&mut self, epoch: usize) -> Result<Parts, RecordError> {
        let optimizer = self.optimizer_bytes(epoch)?;
        let weights = record::tensors_to_bytes(&self.trained().tensors()?)?;
        let mut parts = Parts::from([(OPTIMIZER, optimizer), (WEIGHTS, weights)]);
        if self.average.is_some() {
            parts.insert(AVERAGE, record::tensors_to_bytes(&self.weights()?)?);
        }
        Ok(parts)
    }

    pub(super) fn restore(&mut self, parts: &Parts, steps: u64) -> Result<(), Failure> {
        let Some(bytes) = parts.get(OPTIMIZER) else {
            return Err(Failure::failed(
                "the checkpoint has the state of another optimizer",
            ));
        };
        let architecture = self.learner.model().network.architecture();
        let state = optimizer::state(bytes, &self.optimizer, &architecture.tensors(), steps)?;
        self.learner.load_optim(state);
        // The average begins with the weights after the first step: before it there is none.
        if let Some(average) = self.average.as_mut().filter(|_| steps > 0) {
            let bytes = parts.get(AVERAGE).map_or(&[][..], Vec::as_slice);
            let tensors = record::tensors_from_bytes(bytes, &architecture).map_err(unusable)?;
            let network = Network::new(&architecture, tensors, &self.compute.device);
            average.network = Some(network.map_err(unusable)?);
        }
        Ok(())
    }

    fn optimizer_bytes(&mut self, epoch: usize) -> Result<Vec<u8>, RecordError> {
        let failed = |e: &dyn std::fmt::Display| RecordError::Device(e.to_string());
        let state = self.state.as_mut();
        let state = state.ok_or_else(|| failed(&"no checkpointer is set"))?;
        let OptimizerAccess {
            checkpointer,
            store,
            arrives,
        } = state;
        checkpointer.checkpoint(&self.learner, epoch, store);
        let record = arrives.recv().map_err(|e| failed(&e))?;
        let bytes = record.into_bytes().map_err(|e| failed(&e))?;
        Ok(bytes.to_vec())
    }
}

/// Returns a seed for `part` (an epoch, a step) that differs from those of neighbouring seeds. The multiplier
/// is 2^64 over the golden ratio (Knuth, The Art of Computer Programming, vol. 3, 6.4).
fn mix(seed: u64, part: usize) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(part as u64)
}

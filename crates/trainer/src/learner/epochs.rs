//! The loop over epochs, as a strategy of Burn's `SupervisedTraining`.
//!
//! Burn's own loop sends every batch through its metric pipeline, keeps no best model in memory and
//! can stop between epochs only. This one sums loss and accuracy itself (exactly, see [`Totals`]),
//! validates, keeps the best epoch, stops early, writes checkpoints, begins and ends between any two
//! steps, and reports to an observer once an epoch.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use burn::data::dataloader::DataLoader;
use burn::module::Module;
use burn::optim::OptimizerRecord;
use burn::train::metric::store::EventStoreClient;
use burn::train::{
    EventProcessorTraining, Learner, LearnerEvent, LearningCheckpointer,
    SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents,
    TrainingItem, ValidLoader,
};
use data::{Batch, permutation};
use experiment::{EarlyStopping, Metric};
use model::LayerWeights;
use serde::{Deserialize, Serialize};

use super::divergence::{self, refuse_divergence};
use super::schedule::LearningRate;
use super::state::State;
use super::{Classifier, Fused, Score, Totals};
use crate::failure::Failure;
use crate::run::checkpoint::Checkpoints;

/// How often a live display is fed.
const LIVE_INTERVAL: Duration = Duration::from_millis(100);

/// What one epoch came to: a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// Learning rate of its last step.
    pub learning_rate: f64,
    /// Mean loss over the epoch's training images, each seen while the weights still changed.
    pub train_loss: f64,
    /// Accuracy over the same, 0 to 1.
    pub train_accuracy: f64,
    /// Mean loss over the validation images after the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Accuracy over the same, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
    /// Wall time of the epoch with its validation, in seconds.
    pub seconds: f64,
}

impl EpochMetrics {
    /// Returns the epoch's figure of the validation images, if there were any.
    pub fn validation(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Accuracy => self.validation_accuracy,
            Metric::Loss => self.validation_loss,
        }
    }
}

/// What the loop reports.
#[derive(Debug)]
pub enum Event<'a> {
    /// Within an epoch, about ten times a second, and only when somebody watches.
    Step {
        /// Epoch, counted from 1.
        epoch: usize,
        /// Training images done in this epoch.
        images: usize,
        /// Training images of an epoch.
        of: usize,
        /// Loss and accuracy of the epoch so far.
        score: Score,
    },
    /// After an epoch.
    Epoch(&'a EpochMetrics),
    /// Something went wrong that training can do without.
    Warning(String),
}

/// Receives [`Event`]s; an error ends the training.
pub type Observer = Box<dyn FnMut(Event) -> Result<(), Failure>>;

/// How the loop ended.
#[derive(Debug, Default)]
pub enum End {
    /// All epochs are done, or early stopping ended them.
    #[default]
    Finished,
    /// Somebody asked to stop.
    Interrupted,
    /// An error ended it.
    Failed(Failure),
}

/// The strategy.
pub struct Epochs {
    /// Seed of the run: dropout draws from it, anew every step.
    pub seed: u64,
    /// Images of a step.
    pub batch_size: usize,
    /// The learning rate of every step.
    pub learning_rate: LearningRate,
    /// Whether there is a validation split.
    pub validate: bool,
    /// When to stop early.
    pub early_stopping: Option<EarlyStopping>,
    /// The kernel that runs the epochs, where there is one for the experiment.
    pub fused: Option<Fused>,
    /// Feed Burn's dashboard with every batch.
    pub dashboard: bool,
    /// Report [`Event::Step`].
    pub live: bool,
    /// Says whether somebody has asked to stop.
    pub stop: Box<dyn Fn() -> bool>,
    /// Receives the events.
    pub observer: RefCell<Observer>,
    /// Where the training stands: what it begins from, and what it came to.
    pub state: RefCell<State>,
    /// The weights of the best epoch so far, when a validation split chooses it.
    pub best: RefCell<Option<Vec<LayerWeights>>>,
    /// When and where checkpoints are written.
    pub checkpoints: Checkpoints,
    /// The optimizer's memory arrives here when Burn's checkpointer is asked to save.
    pub optimizer: Receiver<OptimizerRecord>,
    /// How the loop ended.
    pub end: Cell<End>,
}

pub(super) type Events = SupervisedTrainingEventProcessor<Classifier>;

/// Burn's side of a training.
pub(super) struct Burn {
    pub learner: Learner<Classifier>,
    /// The network without gradients, as it was at first: its shape and its device.
    pub shape: Classifier,
    pub events: Events,
    pub checkpointer: Option<LearningCheckpointer<Classifier>>,
    pub store: Arc<EventStoreClient>,
}

impl SupervisedLearningStrategy<Classifier> for Epochs {
    fn fit(
        &self,
        parts: TrainingComponents<Classifier>,
        learner: Learner<Classifier>,
        train: TrainLoader<Classifier>,
        valid: ValidLoader<Classifier>,
        _first_epoch: usize,
    ) -> (Classifier, Events) {
        let mut burn = Burn {
            shape: learner.model().valid(),
            learner,
            events: parts.event_processor,
            checkpointer: parts.checkpointer,
            store: parts.event_store,
        };
        let end = self.run(parts.num_epochs, &mut burn, &*train, &*valid);
        let end = end.and_then(|end| self.load_weights(&mut burn).map(|()| end));
        self.end.set(end.unwrap_or_else(End::Failed));
        (burn.learner.model(), burn.events)
    }
}

impl Epochs {
    /// Trains to the end of the last epoch, to the end of patience, or until somebody asks to stop.
    fn run(
        &self,
        epochs: usize,
        burn: &mut Burn,
        train: &dyn DataLoader<Batch>,
        valid: &dyn DataLoader<Batch>,
    ) -> Result<End, Failure> {
        let mut state = self.state.borrow_mut();
        while state.epoch <= epochs && !state.stopped {
            let Some(metrics) = self.epoch(&mut state, burn, train, valid)? else {
                self.checkpoint(&state, burn, true)?;
                return Ok(End::Interrupted);
            };
            if self.validate {
                let rule = self.early_stopping.as_ref();
                let (is_best, stops) = state.best.judge(&metrics, rule);
                if is_best {
                    self.best.replace(Some(self.weights(burn)?));
                }
                state.stopped = stops;
            }
            state.close_epoch(metrics);
            let is_last = state.epoch > epochs || state.stopped;
            if is_last || self.checkpoints.is_due_after(state.epoch - 1, state.steps) {
                self.checkpoint(&state, burn, is_last)?;
            }
        }
        Ok(End::Finished)
    }

    /// Trains and validates what is left of an epoch; `None` when somebody asked to stop.
    fn epoch(
        &self,
        state: &mut State,
        burn: &mut Burn,
        train: &dyn DataLoader<Batch>,
        valid: &dyn DataLoader<Batch>,
    ) -> Result<Option<EpochMetrics>, Failure> {
        let (epoch, before, started) = (state.epoch, state.seconds, Instant::now());
        let seconds = || before + started.elapsed().as_secs_f64();
        notify(burn.events.process_train(LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items: train.num_items(),
        }))?;
        let done = match &self.fused {
            Some(fused) => self.train_fused(fused, state, burn, &seconds)?,
            None => self.train(state, burn, train, &seconds)?,
        };
        state.seconds = seconds();
        if !done {
            return Ok(None);
        }
        notify(burn.events.process_train(LearnerEvent::EndSplit(epoch)))?;
        let validated = if self.validate {
            let Some(score) = self.validate(epoch, burn, valid)? else {
                return Ok(None);
            };
            Some(score)
        } else {
            None
        };
        notify(burn.events.process_train(LearnerEvent::EndEpoch(epoch)))?;
        let trained = Score::from(state.sums());
        let metrics = EpochMetrics {
            epoch,
            // Not the learner's: it has none yet when the epoch was resumed after its last step.
            learning_rate: self
                .learning_rate
                .at(state.steps.saturating_sub(1) as usize),
            train_loss: trained.loss,
            train_accuracy: trained.accuracy,
            validation_loss: validated.map(|score| score.loss),
            validation_accuracy: validated.map(|score| score.accuracy),
            seconds: seconds(),
        };
        (self.observer.borrow_mut())(Event::Epoch(&metrics))?;
        Ok(Some(metrics))
    }

    /// Runs the optimizer over the batches that are left; says whether all are done.
    fn train(
        &self,
        state: &mut State,
        burn: &mut Burn,
        loader: &dyn DataLoader<Batch>,
        seconds: &dyn Fn() -> f64,
    ) -> Result<bool, Failure> {
        let (epoch, images) = (state.epoch, loader.num_items());
        let last = images.div_ceil(self.batch_size);
        let mut totals = Totals::from(state.sums());
        let mut shown = Instant::now();
        let mut batches = loader.iter();
        let device = burn.learner.model().devices().into_iter().next();
        for step in state.step..last {
            let Some(batch) = batches.next() else { break };
            // Dropout draws from the device's own stream. Seeding it makes a step a function of
            // (seed, epoch, step, weights), whatever ran before in this process.
            if let Some(device) = &device {
                device.seed(mix(mix(self.seed, epoch), step));
            }
            let output = burn.learner.train_step(batch.map_err(Failure::failed)?);
            burn.learner.lr_step();
            burn.learner.optimizer_step(output.grads);
            totals.add(&output.item).map_err(device_failed)?;
            let progress = batches.progress();
            if self.live && shown.elapsed() >= LIVE_INTERVAL {
                shown = Instant::now();
                let score = totals.score().map_err(device_failed)?;
                self.show(epoch, progress.items_processed, images, score)?;
            }
            if self.dashboard {
                let lr = Some(burn.learner.lr_current());
                let item = TrainingItem::new(output.item, progress, Some(step + 1), lr);
                notify(burn.events.process_train(LearnerEvent::ProcessedItem(item)))?;
            }
            let stop = (self.stop)();
            let due = step + 1 < last
                && self
                    .checkpoints
                    .is_due(state.steps + (step + 1 - state.step) as u64);
            if stop || due || step + 1 == last {
                let sums = totals.sums().map_err(device_failed)?;
                let mean = sums.loss / sums.images as f64;
                if divergence::has_come(mean) {
                    let step = totals
                        .diverged()
                        .map_or(step, |image| image / self.batch_size);
                    return Err(divergence::at(
                        epoch,
                        step,
                        mean,
                        &self.batch(epoch, step, images),
                    ));
                }
                state.advance(sums, step + 1);
                state.seconds = seconds();
                if stop {
                    return Ok(false);
                }
            }
            if due {
                self.checkpoint(state, burn, false)?;
            }
        }
        Ok(true)
    }

    /// The same by the kernel.
    fn train_fused(
        &self,
        fused: &Fused,
        state: &mut State,
        burn: &mut Burn,
        seconds: &dyn Fn() -> f64,
    ) -> Result<bool, Failure> {
        let last = fused.steps();
        let mut stop = false;
        while state.step < last && !stop {
            let pause = self.checkpoints.steps_until_due(state.steps);
            let steps = state.step..pause.map_or(last, |pause| last.min(state.step + pause));
            let sums = self.steps(fused, state, steps, burn, &mut stop)?;
            state.advance(sums, sums.images.div_ceil(self.batch_size));
            state.seconds = seconds();
            if !stop && state.step < last && self.checkpoints.is_due(state.steps) {
                self.checkpoint(state, burn, false)?;
            }
        }
        Ok(!stop)
    }

    /// Gives Burn's learner the kernel's weights, when all is done.
    fn load_weights(&self, burn: &mut Burn) -> Result<(), Failure> {
        let Some(fused) = &self.fused else {
            return Ok(());
        };
        let model = burn.learner.model();
        let mlp = fused.mlp(&model.mlp.device()).map_err(Failure::failed)?;
        burn.learner.load_model(model.with(mlp).into_record());
        Ok(())
    }

    /// Returns the network as it is, to be asked and not trained. The kernel's does not come from the
    /// learner: Burn's autodiff remembers every leaf it was given or asked for until the next backward
    /// pass, and there is none.
    pub(super) fn model(&self, burn: &Burn) -> Result<Classifier, Failure> {
        let Some(fused) = &self.fused else {
            return Ok(burn.learner.model().valid());
        };
        let mlp = fused
            .mlp(&burn.shape.mlp.device())
            .map_err(Failure::failed)?;
        Ok(burn.shape.clone().with(mlp))
    }

    /// Runs `steps` of an epoch by the kernel, or fewer when somebody asked to stop or a checkpoint is
    /// due. Returns the sums.
    fn steps(
        &self,
        fused: &Fused,
        state: &State,
        steps: Range<usize>,
        burn: &mut Burn,
        stop: &mut bool,
    ) -> Result<kernels::Score, Failure> {
        let (epoch, of) = (state.epoch, fused.images());
        let device = burn.shape.mlp.device();
        let (mut shown, mut before) = (Instant::now(), state.sums());
        let mut failure = Ok(());
        let sums = fused.train(epoch, steps, state.sums(), &mut |sums| {
            let mean = sums.loss / sums.images as f64;
            if failure.is_ok() && divergence::has_come(mean) {
                let step = sums.images.div_ceil(self.batch_size) - 1;
                failure = Err(divergence::at(
                    epoch,
                    step,
                    mean,
                    &self.batch(epoch, step, of),
                ));
            }
            if self.live && failure.is_ok() && shown.elapsed() >= LIVE_INTERVAL {
                shown = Instant::now();
                failure = self.show(epoch, sums.images, of, sums.into());
            }
            if self.dashboard && failure.is_ok() {
                let item = fused.progress(epoch, before, sums, &device);
                failure = notify(burn.events.process_train(LearnerEvent::ProcessedItem(item)));
                before = sums;
            }
            *stop = *stop || (self.stop)();
            failure.is_ok() && !*stop && !self.checkpoints.time_is_up()
        });
        failure.map(|()| sums)
    }

    /// Returns the numbers of the training images in a step, counted from 0.
    fn batch(&self, epoch: usize, step: usize, images: usize) -> Vec<u32> {
        let order = permutation(self.seed, epoch.saturating_sub(1) as u64, images);
        let batch = order.chunks(self.batch_size).nth(step);
        batch.unwrap_or_default().to_vec()
    }

    fn show(&self, epoch: usize, images: usize, of: usize, score: Score) -> Result<(), Failure> {
        (self.observer.borrow_mut())(Event::Step {
            epoch,
            images,
            of,
            score,
        })
    }

    /// Scores the validation images with the weights as they are; `None` when somebody asked to stop.
    fn validate(
        &self,
        epoch: usize,
        burn: &mut Burn,
        loader: &dyn DataLoader<Batch>,
    ) -> Result<Option<Score>, Failure> {
        let total_items = loader.num_items();
        notify(burn.events.process_valid(LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items,
        }))?;
        let model = self.model(burn)?;
        let mut totals = Totals::default();
        let mut batches = loader.iter();
        while let Some(batch) = batches.next() {
            let output = model.score(batch.map_err(Failure::failed)?);
            totals.add(&output).map_err(device_failed)?;
            if self.dashboard {
                let item = TrainingItem::new(output, batches.progress(), None, None);
                notify(burn.events.process_valid(LearnerEvent::ProcessedItem(item)))?;
            }
            if (self.stop)() {
                return Ok(None);
            }
        }
        notify(burn.events.process_valid(LearnerEvent::EndSplit(epoch)))?;
        let score = totals.score().map_err(device_failed)?;
        refuse_divergence(score.loss, &format!("the validation loss of epoch {epoch}"))?;
        Ok(Some(score))
    }
}

/// Returns a seed for `part` (an epoch, a step) that no part of a neighbouring seed has. The multiplier
/// is 2^64 over the golden ratio (Knuth, The Art of Computer Programming, vol. 3, 6.4).
fn mix(seed: u64, part: usize) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(part as u64)
}

fn notify<E: std::fmt::Display>(result: Result<(), E>) -> Result<(), Failure> {
    result.map_err(|e| Failure::failed(format!("Burn's metric pipeline failed: {e}")))
}

fn device_failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("reading from the device failed: {error}"))
}

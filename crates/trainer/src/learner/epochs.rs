//! The loop over epochs, as a strategy of Burn's `SupervisedTraining`.
//!
//! Burn's own loop sends every batch through its metric pipeline and keeps no best model in
//! memory. This one sums loss and accuracy itself (exactly, see [`Totals`]), validates, keeps the
//! best epoch, stops early, and reports to an observer once an epoch.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use burn::data::dataloader::DataLoader;
use burn::module::Module;
use burn::train::{
    EventProcessorTraining, Interrupter, Learner, LearnerEvent, SupervisedLearningStrategy,
    SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents, TrainingItem, ValidLoader,
};
use data::Batch;
use serde::Serialize;

use super::{Classifier, Fused, Score, Totals};
use crate::config::{EarlyStopping, Metric};
use crate::failure::Failure;

/// How often a live display is fed.
const LIVE_INTERVAL: Duration = Duration::from_millis(100);

/// What one epoch came to: a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
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
}

/// Receives [`Event`]s; an error ends the training.
pub type Observer = Box<dyn FnMut(Event) -> Result<(), Failure>>;

/// How the loop ended.
#[derive(Debug, Default)]
pub enum End {
    /// All epochs are done, or early stopping ended them.
    #[default]
    Finished,
    /// Somebody asked to stop in the middle of an epoch.
    Interrupted,
    /// An error ended it.
    Failed(Failure),
}

/// What the loop leaves behind, besides the model.
#[derive(Debug, Default)]
pub struct History {
    /// The finished epochs, first to last.
    pub epochs: Vec<EpochMetrics>,
    /// The epoch whose weights are kept, when a validation split chose it.
    pub best: Option<usize>,
    /// How it ended.
    pub end: End,
}

/// The strategy.
pub struct Epochs {
    /// Seed of the run: dropout draws from it, anew every epoch.
    pub seed: u64,
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
    /// Receives the events.
    pub observer: RefCell<Observer>,
    /// Filled when the loop ends.
    pub history: RefCell<History>,
}

type Events = SupervisedTrainingEventProcessor<Classifier>;

impl SupervisedLearningStrategy<Classifier> for Epochs {
    fn fit(
        &self,
        parts: TrainingComponents<Classifier>,
        mut learner: Learner<Classifier>,
        train: TrainLoader<Classifier>,
        valid: ValidLoader<Classifier>,
        first_epoch: usize,
    ) -> (Classifier, Events) {
        let mut events = parts.event_processor;
        let mut best = Best::default();
        for epoch in first_epoch..=parts.num_epochs {
            let step = self.epoch(
                epoch,
                &mut learner,
                &*train,
                &*valid,
                &mut events,
                &parts.interrupter,
            );
            let metrics = match step {
                Ok(Some(metrics)) => metrics,
                Ok(None) => {
                    self.history.borrow_mut().end = End::Interrupted;
                    break;
                }
                Err(failure) => {
                    self.history.borrow_mut().end = End::Failed(failure);
                    break;
                }
            };
            let stop =
                self.validate && best.stops(&metrics, &learner, self.early_stopping.as_ref());
            self.history.borrow_mut().epochs.push(metrics);
            if stop {
                break;
            }
        }
        self.history.borrow_mut().best = best.epoch;
        (best.model.unwrap_or_else(|| learner.model()), events)
    }
}

impl Epochs {
    /// Trains and validates one epoch; `None` when somebody asked to stop.
    fn epoch(
        &self,
        epoch: usize,
        learner: &mut Learner<Classifier>,
        train: &dyn DataLoader<Batch>,
        valid: &dyn DataLoader<Batch>,
        events: &mut Events,
        interrupter: &Interrupter,
    ) -> Result<Option<EpochMetrics>, Failure> {
        let started = Instant::now();
        let total_items = train.num_items();
        notify(events.process_train(LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items,
        }))?;
        let trained = match &self.fused {
            Some(fused) => self.train_fused(fused, epoch, learner, events, interrupter),
            None => self.train(epoch, learner, train, events, interrupter),
        };
        let Some(trained) = trained? else {
            return Ok(None);
        };
        refuse_divergence(trained.loss, &format!("the training loss of epoch {epoch}"))?;
        notify(events.process_train(LearnerEvent::EndSplit(epoch)))?;
        let validated = if self.validate {
            let Some(score) = self.validate(epoch, learner, valid, events, interrupter)? else {
                return Ok(None);
            };
            Some(score)
        } else {
            None
        };
        notify(events.process_train(LearnerEvent::EndEpoch(epoch)))?;
        let metrics = EpochMetrics {
            epoch,
            learning_rate: match &self.fused {
                Some(fused) => fused.last_learning_rate(epoch),
                None => learner.lr_current().base(),
            },
            train_loss: trained.loss,
            train_accuracy: trained.accuracy,
            validation_loss: validated.map(|score| score.loss),
            validation_accuracy: validated.map(|score| score.accuracy),
            seconds: started.elapsed().as_secs_f64(),
        };
        (self.observer.borrow_mut())(Event::Epoch(&metrics))?;
        Ok(Some(metrics))
    }

    /// Runs the optimizer over every batch once.
    fn train(
        &self,
        epoch: usize,
        learner: &mut Learner<Classifier>,
        loader: &dyn DataLoader<Batch>,
        events: &mut Events,
        interrupter: &Interrupter,
    ) -> Result<Option<Score>, Failure> {
        // Dropout draws from the device's own stream. Seeding it by epoch makes an epoch a
        // function of (seed, epoch, weights), whatever ran before in this process.
        if let Some(device) = learner.model().devices().first() {
            device.seed(mix(self.seed, epoch));
        }
        let mut totals = Totals::default();
        let mut shown = Instant::now();
        let mut batches = loader.iter();
        let mut iteration = 0;
        while let Some(batch) = batches.next() {
            let step = learner.train_step(batch.map_err(Failure::failed)?);
            learner.lr_step();
            learner.optimizer_step(step.grads);
            totals.add(&step.item).map_err(device_failed)?;
            iteration += 1;
            let progress = batches.progress();
            if self.live && shown.elapsed() >= LIVE_INTERVAL {
                shown = Instant::now();
                let score = totals.score().map_err(device_failed)?;
                let (images, of) = (progress.items_processed, progress.items_total);
                (self.observer.borrow_mut())(Event::Step {
                    epoch,
                    images,
                    of,
                    score,
                })?;
            }
            if self.dashboard {
                let lr = Some(learner.lr_current());
                let item = TrainingItem::new(step.item, progress, Some(iteration), lr);
                notify(events.process_train(LearnerEvent::ProcessedItem(item)))?;
            }
            if interrupter.should_stop() {
                return Ok(None);
            }
        }
        totals.score().map(Some).map_err(device_failed)
    }

    /// The same by the kernel; the learner then has the new weights.
    fn train_fused(
        &self,
        fused: &Fused,
        epoch: usize,
        learner: &mut Learner<Classifier>,
        events: &mut Events,
        interrupter: &Interrupter,
    ) -> Result<Option<Score>, Failure> {
        let model = learner.model();
        let device = model.devices().swap_remove(0);
        let (of, mut shown, mut before) =
            (fused.images(), Instant::now(), kernels::Score::default());
        let mut failure = Ok(());
        let sums = fused.epoch(epoch, &mut |sums| {
            if self.live && shown.elapsed() >= LIVE_INTERVAL {
                shown = Instant::now();
                let (images, score) = (sums.images, Score::from(sums));
                let step = Event::Step {
                    epoch,
                    images,
                    of,
                    score,
                };
                failure = (self.observer.borrow_mut())(step);
            }
            if self.dashboard {
                let item = fused.progress(epoch, before, sums, &device);
                let result = notify(events.process_train(LearnerEvent::ProcessedItem(item)));
                failure = std::mem::replace(&mut failure, Ok(())).and(result);
                before = sums;
            }
            failure.is_ok() && !interrupter.should_stop()
        });
        failure?;
        if interrupter.should_stop() {
            return Ok(None);
        }
        let mlp = fused.mlp(&device).map_err(Failure::failed)?;
        learner.load_model(model.with(mlp).into_record());
        Ok(Some(sums.into()))
    }

    /// Scores the validation images with the weights as they are.
    fn validate(
        &self,
        epoch: usize,
        learner: &Learner<Classifier>,
        loader: &dyn DataLoader<Batch>,
        events: &mut Events,
        interrupter: &Interrupter,
    ) -> Result<Option<Score>, Failure> {
        let total_items = loader.num_items();
        notify(events.process_valid(LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items,
        }))?;
        let model = learner.model().valid();
        let mut totals = Totals::default();
        let mut batches = loader.iter();
        while let Some(batch) = batches.next() {
            let output = model.score(batch.map_err(Failure::failed)?);
            totals.add(&output).map_err(device_failed)?;
            if self.dashboard {
                let item = TrainingItem::new(output, batches.progress(), None, None);
                notify(events.process_valid(LearnerEvent::ProcessedItem(item)))?;
            }
            if interrupter.should_stop() {
                return Ok(None);
            }
        }
        notify(events.process_valid(LearnerEvent::EndSplit(epoch)))?;
        let score = totals.score().map_err(device_failed)?;
        refuse_divergence(score.loss, &format!("the validation loss of epoch {epoch}"))?;
        Ok(Some(score))
    }
}

/// The best epoch so far, by the validation split.
#[derive(Default)]
struct Best {
    epoch: Option<usize>,
    value: f64,
    model: Option<Classifier>,
    /// What patience waits to see beaten by `min_delta`, and the epoch that set it.
    mark: Option<(usize, f64)>,
}

impl Best {
    /// Keeps the epoch when it is the best so far; returns whether patience has run out.
    fn stops(
        &mut self,
        metrics: &EpochMetrics,
        learner: &Learner<Classifier>,
        rule: Option<&EarlyStopping>,
    ) -> bool {
        let by_accuracy = rule.is_some_and(|rule| rule.metric == Metric::Accuracy);
        let value = if by_accuracy {
            metrics.validation_accuracy.map(|accuracy| -accuracy)
        } else {
            metrics.validation_loss
        };
        let Some(value) = value else { return false }; // lower is better
        if self.epoch.is_none() || value < self.value {
            self.epoch = Some(metrics.epoch);
            self.value = value;
            self.model = Some(learner.model());
        }
        let Some(rule) = rule else { return false };
        let (since, mark) = *self.mark.get_or_insert((metrics.epoch, value));
        if value < mark - rule.min_delta {
            self.mark = Some((metrics.epoch, value));
            return false;
        }
        metrics.epoch - since >= rule.patience
    }
}

/// Fails when `loss` is NaN or infinite; `what` names it.
///
/// # Errors
/// With the usual cause as a hint.
pub fn refuse_divergence(loss: f64, what: &str) -> Result<(), Failure> {
    if loss.is_finite() {
        return Ok(());
    }
    Err(Failure::failed(format!("{what} is not a finite number"))
        .hint("the learning rate is probably too high: --set optimizer.learning_rate=..."))
}

/// Returns a seed for `epoch` that no epoch of a neighbouring seed has. The multiplier is 2^64 over
/// the golden ratio (Knuth, The Art of Computer Programming, vol. 3, 6.4).
fn mix(seed: u64, epoch: usize) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(epoch as u64)
}

fn notify<E: std::fmt::Display>(result: Result<(), E>) -> Result<(), Failure> {
    result.map_err(|e| Failure::failed(format!("Burn's metric pipeline failed: {e}")))
}

fn device_failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("reading from the device failed: {error}"))
}

//! The loop over epochs, as a strategy of Burn's `SupervisedTraining`.
//!
//! Burn's own loop sends every batch through its metric pipeline, keeps no best model in memory and
//! can stop only between epochs. This one computes the metrics itself (exactly, see [`Totals`]),
//! validates, keeps the best epoch, stops early, writes checkpoints, starts and stops between any two
//! steps, and reports to an observer once per epoch.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use burn::data::dataloader::DataLoader;
use burn::module::Module;
use burn::optim::OptimizerRecord;
use burn::train::{
    Interrupter, Learner, SupervisedLearningStrategy, TrainLoader, TrainingComponents, ValidLoader,
};
use data::{Batches, Loader};
use experiment::{Experiment, Sums};
use kernels::Objective;
use model::{Network, Tensor, record};

use super::dashboard::{Dashboard, Events};
use super::{Event, Observer, Watch, divergence};
use crate::backend::Compute;
use crate::engine::burn::OptimizerAccess;
use crate::engine::{Burn, Engine, Job, Kernel, LearningRate, Totals, TrainingStep};
use crate::failure::{Code, Failure};
use crate::run::RunFolder;
use crate::run::checkpoint::{Checkpoint, Checkpoints};
use crate::run::epoch::EpochMetrics;
use crate::run::log::EpochLog;
use crate::run::state::{BEST, Parts, State};

/// How the loop ended.
#[derive(Debug, Default)]
pub enum End {
    /// All epochs are done, or early stopping ended them.
    #[default]
    Finished,
    /// A stop was requested.
    Interrupted,
    /// An error ended it.
    Failed(Failure),
}

/// The result of fitting.
pub struct Fitted {
    /// The weights that are kept: those of the best epoch if there is a validation split, else the last.
    pub weights: Vec<Tensor>,
    /// The finished epochs.
    pub epochs: Vec<EpochMetrics>,
    /// The best of them, counted from 1, if there is a validation split.
    pub best: Option<usize>,
    /// The strategy, which still writes its last checkpoint.
    pub strategy: Arc<Epochs>,
}

/// The strategy.
pub struct Epochs {
    experiment: Experiment,
    compute: Compute,
    /// The training batches.
    pub(super) batches: Batches,
    /// The validation images; if empty, there is no validation.
    validation: Arc<Loader>,
    pub(super) learning_rate: LearningRate,
    /// What is minimised.
    pub(super) objective: Objective,
    /// The kernel, if it trains; otherwise Burn's `Learner` does.
    kernel: Cell<Option<Kernel>>,
    /// Receives the optimizer state when Burn's checkpointer is asked to save.
    optimizer_state: Cell<Option<Receiver<OptimizerRecord>>>,
    /// Update Burn's dashboard.
    pub dashboard: bool,
    /// Report [`Event::Step`].
    pub(super) live: bool,
    /// 0, or the exit code to stop with.
    stop: Arc<AtomicUsize>,
    /// Burn's own request to stop.
    interrupter: Interrupter,
    /// Receives the events.
    observer: RefCell<Observer>,
    /// The log of the epochs.
    log: RefCell<EpochLog>,
    /// The state of the training.
    state: RefCell<State>,
    /// The files of the checkpoint that it starts from.
    parts: Parts,
    /// The weights of the best epoch so far, if there is a validation split.
    best: RefCell<Option<Vec<Tensor>>>,
    /// When and where checkpoints are written.
    pub(super) checkpoints: Checkpoints,
    /// How the loop ended.
    end: Cell<End>,
}

impl SupervisedLearningStrategy<TrainingStep> for Epochs {
    fn fit(
        &self,
        parts: TrainingComponents<TrainingStep>,
        learner: Learner<TrainingStep>,
        train: TrainLoader<TrainingStep>,
        _valid: ValidLoader<TrainingStep>,
        _first_epoch: usize,
    ) -> (TrainingStep, Events) {
        let untrained = learner.model().valid();
        let mut dashboard = Dashboard::new(parts.event_processor, self.dashboard);
        let mut engine = match self.kernel.take() {
            Some(kernel) => Engine::Kernel(Box::new(kernel)),
            None => {
                let state = parts.checkpointer.zip(self.optimizer_state.take());
                let state = state.map(|(checkpointer, arrives)| OptimizerAccess {
                    checkpointer,
                    store: parts.event_store,
                    arrives,
                });
                let burn = Burn::new(learner, &self.experiment, &self.compute, &*train, state);
                Engine::Burn(Box::new(burn))
            }
        };
        let end = self.run(parts.num_epochs, &mut engine, &mut dashboard);
        let trained = end.and_then(|end| Ok((end, self.trained(&untrained, &engine)?)));
        let (end, model) = trained.unwrap_or_else(|failure| (End::Failed(failure), untrained));
        self.end.set(end);
        (model, dashboard.events)
    }
}

impl Epochs {
    /// Returns a loop over the epochs of `job` that are left after `start`, in the folder `run`. It trains on
    /// `batches`, with the kernel or with the learner that Burn passes to it, whose optimizer state arrives
    /// through `optimizer_state`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used, or the run's logs cannot be opened.
    pub fn new(
        job: Job,
        start: Checkpoint,
        (batches, validation): (Batches, Arc<Loader>),
        (kernel, optimizer_state): (Option<Kernel>, Receiver<OptimizerRecord>),
        (learning_rate, objective): (LearningRate, Objective),
        (watch, interrupter): (Watch, Interrupter),
        run: &RunFolder,
    ) -> Result<Self, Failure> {
        let experiment = job.experiment;
        Ok(Self {
            objective,
            best: RefCell::new(start.best(job.architecture)?),
            experiment: experiment.clone(),
            compute: job.compute.clone(),
            batches,
            validation,
            learning_rate,
            kernel: Cell::new(kernel),
            optimizer_state: Cell::new(Some(optimizer_state)),
            dashboard: watch.dashboard,
            live: watch.live,
            stop: watch.stop,
            interrupter,
            observer: RefCell::new(watch.observer),
            log: RefCell::new(run.epoch_log(&experiment.log, &start.state.history.to_vec())?),
            checkpoints: Checkpoints::new(run.path(), &experiment.checkpoint),
            state: RefCell::new(start.state),
            parts: start.parts,
            end: Cell::new(End::Finished),
        })
    }

    /// Returns the result of fitting, once it has ended with the weights `last`, and updates the manifest of `run`.
    ///
    /// # Errors
    /// When it was stopped or failed.
    pub fn result(
        self: &Arc<Self>,
        last: &Network,
        run: &mut RunFolder,
    ) -> Result<Fitted, Failure> {
        let (epochs, best) = {
            let state = self.state.borrow();
            (state.history.to_vec(), state.best.epoch)
        };
        run.update(|manifest| {
            manifest.epochs = epochs.len();
            manifest.best_epoch = best;
            manifest.training_seconds = Some(epochs.iter().map(|epoch| epoch.seconds).sum());
        })?;
        match self.end.take() {
            End::Finished => {}
            End::Interrupted => {
                self.checkpoints.finish()?;
                return Err(self.interrupted(run));
            }
            End::Failed(failure) => return Err(failure),
        }
        let weights = match self.best.take() {
            Some(best) => best,
            None => last.tensors().map_err(Failure::caused_by)?,
        };
        Ok(Fitted {
            weights,
            epochs,
            best,
            strategy: self.clone(),
        })
    }

    /// Waits until the last checkpoint is written. The results are already written, so a failure is only a warning.
    ///
    /// # Errors
    /// When the observer fails.
    pub fn close(&self) -> Result<(), Failure> {
        match self.checkpoints.finish() {
            Ok(()) => Ok(()),
            Err(failure) => self.tell(Event::Warning(failure.sentence())),
        }
    }

    /// Trains until the last epoch is done, patience runs out or a stop is requested.
    fn run(
        &self,
        epochs: usize,
        engine: &mut Engine,
        dashboard: &mut Dashboard,
    ) -> Result<End, Failure> {
        let mut state = self.state.borrow_mut();
        engine.restore(&self.parts, state.steps)?;
        self.learning_rate.follow(&state.history);
        while state.epoch <= epochs && !state.stopped {
            let Some(metrics) = self.epoch(&mut state, engine, dashboard)? else {
                self.checkpoint(&state, engine, true)?;
                return Ok(End::Interrupted);
            };
            if self.validates() {
                let rule = self.experiment.early_stopping.as_ref();
                let (is_best, stops) = state.best.judge(&metrics, rule);
                if is_best {
                    let weights = engine.weights().map_err(Failure::caused_by)?;
                    self.best.replace(Some(weights));
                }
                state.stopped = stops;
            }
            state.close_epoch(metrics);
            self.learning_rate.follow(&state.history);
            let is_last = state.epoch > epochs || state.stopped;
            if is_last || self.checkpoints.is_due_after(state.epoch - 1, state.steps) {
                self.checkpoint(&state, engine, is_last)?;
            }
        }
        Ok(End::Finished)
    }

    /// Trains the rest of an epoch and validates; `None` if a stop was requested.
    fn epoch(
        &self,
        state: &mut State,
        engine: &mut Engine,
        dashboard: &mut Dashboard,
    ) -> Result<Option<EpochMetrics>, Failure> {
        let (epoch, before, started) = (state.epoch, state.seconds, Instant::now());
        let seconds = || before + started.elapsed().as_secs_f64();
        dashboard.begin_training(epoch, self.batches.images().len())?;
        let done = self.train(state, engine, dashboard, &seconds)?;
        state.seconds = seconds();
        if !done {
            return Ok(None);
        }
        dashboard.end_training(epoch)?;
        let validation = if self.validates() {
            let Some(sums) = self.validate(epoch, engine, dashboard)? else {
                return Ok(None);
            };
            Some(sums.figures())
        } else {
            None
        };
        dashboard.end_epoch(epoch)?;
        let metrics = EpochMetrics {
            epoch,
            // Not the learner's: it has none yet if the epoch was resumed after its last step.
            learning_rate: self
                .learning_rate
                .at(state.steps.saturating_sub(1) as usize),
            train: state.sums().figures(),
            validation,
            seconds: seconds(),
        };
        self.log.borrow_mut().append(&metrics)?;
        self.tell(Event::Epoch(&metrics))?;
        Ok(Some(metrics))
    }

    /// Evaluates the validation images with the current weights; `None` if a stop was requested.
    fn validate(
        &self,
        epoch: usize,
        engine: &Engine,
        dashboard: &mut Dashboard,
    ) -> Result<Option<Sums>, Failure> {
        dashboard.begin_validation(epoch, self.validation.num_items())?;
        let predictor = engine.predictor().map_err(Failure::caused_by)?;
        let plain = Objective::plain(self.objective.loss);
        let mut totals = Totals::new(plain, Sums::new());
        let done = predictor.each(&self.validation, &mut |logits, labels| {
            totals.add_answers(logits, labels);
            Ok(!self.is_asked_to_stop())
        })?;
        if !done {
            return Ok(None);
        }
        let sums = totals.known().clone();
        dashboard.validated(epoch, &sums)?;
        let what = format!("the validation loss of epoch {epoch}");
        divergence::refuse(sums.mean_loss(), &what)?;
        Ok(Some(sums))
    }

    pub(super) fn is_asked_to_stop(&self) -> bool {
        self.stop.load(SeqCst) != 0 || self.interrupter.should_stop()
    }

    /// Returns the failure of a training that was stopped on request.
    fn interrupted(&self, run: &RunFolder) -> Failure {
        let code = match self.stop.load(SeqCst) {
            143 => Code::Terminated,
            _ => Code::Interrupted,
        };
        let epoch = self.state.borrow().epoch;
        Failure {
            code,
            ..Failure::failed(format!(
                "stopped in epoch {epoch}; a checkpoint was written"
            ))
        }
        .hint(format!(
            "resume it: trainer resume {}",
            run.path().display()
        ))
    }

    fn validates(&self) -> bool {
        self.validation.num_items() > 0
    }

    /// Returns the network in the form that Burn's training returns.
    fn trained(&self, untrained: &TrainingStep, engine: &Engine) -> Result<TrainingStep, Failure> {
        let weights = engine.weights().map_err(Failure::caused_by)?;
        let architecture = untrained.network.architecture();
        let network = Network::new(&architecture, weights, &self.compute.device);
        let network = network.map_err(Failure::caused_by)?;
        Ok(untrained.clone().with_network(network))
    }

    /// Hands a checkpoint to the writer. One that `must` be written waits for the writer.
    pub(super) fn checkpoint(
        &self,
        state: &State,
        engine: &mut Engine,
        must: bool,
    ) -> Result<(), Failure> {
        for failure in self.checkpoints.failures() {
            self.tell(Event::Warning(format!(
                "{}; training continues",
                failure.sentence()
            )))?;
        }
        if !self.checkpoints.is_wanted(must) {
            return Ok(());
        }
        let mut parts = engine.parts(state.epoch).map_err(|e| {
            let place = format!("epoch {}, step {}", state.epoch, state.step);
            divergence::failure(format!("training has diverged by {place}")).because(e)
        })?;
        if let Some(best) = &*self.best.borrow() {
            let bytes = record::tensors_to_bytes(best).map_err(Failure::caused_by)?;
            parts.insert(BEST, bytes);
        }
        let state = state.clone();
        self.checkpoints.write(Checkpoint { state, parts }, must);
        Ok(())
    }

    pub(super) fn tell(&self, event: Event) -> Result<(), Failure> {
        (self.observer.borrow_mut())(event)
    }
}

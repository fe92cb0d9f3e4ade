//! The loop over epochs, as a strategy of Burn's `SupervisedTraining`.
//!
//! Burn's own loop sends every batch through its metric pipeline, keeps no best model in memory and
//! can stop between epochs only. This one sums what is measured itself (exactly, see [`Totals`]),
//! validates, keeps the best epoch, stops early, writes checkpoints, begins and ends between any two
//! steps, and reports to an observer once an epoch.

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
use model::{Loss, Network, Tensor, record};

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
    /// Somebody asked to stop.
    Interrupted,
    /// An error ended it.
    Failed(Failure),
}

/// What fitting came to.
pub struct Fitted {
    /// The weights that are kept: those of the best epoch, when a validation split chooses it, else the last.
    pub weights: Vec<Tensor>,
    /// The finished epochs.
    pub epochs: Vec<EpochMetrics>,
    /// The best of them, counted from 1, when a validation split chooses it.
    pub best: Option<usize>,
    /// The strategy, which still writes its last checkpoint.
    pub strategy: Arc<Epochs>,
}

/// The strategy.
pub struct Epochs {
    experiment: Experiment,
    compute: Compute,
    /// What is trained on.
    pub(super) batches: Batches,
    /// The validation images; none of them: nothing is validated.
    validation: Arc<Loader>,
    pub(super) learning_rate: LearningRate,
    /// The kernel, where it trains; else Burn's `Learner` does.
    kernel: Cell<Option<Kernel>>,
    /// The optimizer's state arrives here when Burn's checkpointer is asked to save.
    optimizer_state: Cell<Option<Receiver<OptimizerRecord>>>,
    /// Feed Burn's dashboard.
    pub dashboard: bool,
    /// Report [`Event::Step`].
    pub(super) live: bool,
    /// Asks to stop: 0, or the exit code to end with.
    stop: Arc<AtomicUsize>,
    /// Burn's own way to ask.
    interrupter: Interrupter,
    /// Receives the events.
    observer: RefCell<Observer>,
    /// Where the epochs are written down.
    log: RefCell<EpochLog>,
    /// Where the training stands: what it begins from, and what it came to.
    state: RefCell<State>,
    /// The files of the checkpoint that it begins from.
    parts: Parts,
    /// The weights of the best epoch so far, when a validation split chooses it.
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
    /// `batches`, by the kernel or else by the learner that Burn hands it, whose optimizer's state arrives
    /// through `optimizer_state`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used, or the run's logs cannot be opened.
    pub fn new(
        job: Job,
        start: Checkpoint,
        (batches, validation): (Batches, Arc<Loader>),
        (kernel, optimizer_state): (Option<Kernel>, Receiver<OptimizerRecord>),
        learning_rate: LearningRate,
        (watch, interrupter): (Watch, Interrupter),
        run: &RunFolder,
    ) -> Result<Self, Failure> {
        let experiment = job.experiment;
        Ok(Self {
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

    /// Returns what fitting came to, once it has ended with the weights `last`; the manifest of `run` is told.
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

    /// Waits until the last checkpoint is written. The results are there already: what goes wrong is a warning.
    ///
    /// # Errors
    /// When the observer fails.
    pub fn close(&self) -> Result<(), Failure> {
        match self.checkpoints.finish() {
            Ok(()) => Ok(()),
            Err(failure) => self.tell(Event::Warning(failure.sentence())),
        }
    }

    /// Trains to the end of the last epoch, to the end of patience, or until somebody asks to stop.
    fn run(
        &self,
        epochs: usize,
        engine: &mut Engine,
        dashboard: &mut Dashboard,
    ) -> Result<End, Failure> {
        let mut state = self.state.borrow_mut();
        engine.restore(&self.parts, state.steps)?;
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
            let is_last = state.epoch > epochs || state.stopped;
            if is_last || self.checkpoints.is_due_after(state.epoch - 1, state.steps) {
                self.checkpoint(&state, engine, is_last)?;
            }
        }
        Ok(End::Finished)
    }

    /// Trains and validates what is left of an epoch; `None` when somebody asked to stop.
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
            // Not the learner's: it has none yet when the epoch was resumed after its last step.
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

    /// Measures the validation images with the weights as they are; `None` when somebody asked to stop.
    fn validate(
        &self,
        epoch: usize,
        engine: &Engine,
        dashboard: &mut Dashboard,
    ) -> Result<Option<Sums>, Failure> {
        dashboard.begin_validation(epoch, self.validation.num_items())?;
        let predictor = engine.predictor().map_err(Failure::caused_by)?;
        let mut totals = Totals::new(self.loss(), Sums::new());
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

    pub(super) fn loss(&self) -> Loss {
        self.experiment.training.loss
    }

    pub(super) fn is_asked_to_stop(&self) -> bool {
        self.stop.load(SeqCst) != 0 || self.interrupter.should_stop()
    }

    /// Returns the failure of a training that somebody stopped.
    fn interrupted(&self, run: &RunFolder) -> Failure {
        let code = match self.stop.load(SeqCst) {
            143 => Code::Terminated,
            _ => Code::Interrupted,
        };
        let epoch = self.state.borrow().epoch;
        Failure {
            code,
            ..Failure::failed(format!("stopped in epoch {epoch}; a checkpoint is written"))
        }
        .hint(format!(
            "resume it: trainer resume {}",
            run.path().display()
        ))
    }

    fn validates(&self) -> bool {
        self.validation.num_items() > 0
    }

    /// Returns the network as Burn's training ends with it.
    fn trained(&self, untrained: &TrainingStep, engine: &Engine) -> Result<TrainingStep, Failure> {
        let weights = engine.weights().map_err(Failure::caused_by)?;
        let architecture = untrained.network.architecture();
        let network = Network::new(&architecture, weights, &self.compute.device);
        Ok(TrainingStep::new(
            network.map_err(Failure::caused_by)?,
            self.loss(),
        ))
    }

    /// Hands a checkpoint to its writer. One that `must` be written waits for its turn.
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
            divergence::failure(format!("training has diverged by {place}: {e}"))
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

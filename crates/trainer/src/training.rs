//! Config in, run out: the page to read first.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use burn::data::dataloader::DataLoader;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingStrategy};
use data::{Batches, DataSet, ImageDataset, Loader};
use experiment::Experiment;
use model::{Architecture, Network, Record, Tensor};

use crate::backend::Compute;
use crate::engine::capture::{Always, Capture, Ignore};
use crate::engine::{self, Classifier, Kernel, Kind, LearningRate, loader, optimizer};
use crate::failure::Failure;
use crate::learner::epochs::End;
use crate::learner::{Epochs, Observer, renderer};
use crate::results::{self, Trained};
use crate::run::RunFolder;
use crate::run::checkpoint::{Checkpoint, Checkpoints};

/// How a training is watched and stopped.
pub struct Watch {
    /// Told about every epoch and, when `live`, about steps.
    pub observer: Observer,
    /// Report steps too.
    pub live: bool,
    /// Show Burn's terminal dashboard.
    pub dashboard: bool,
    /// Stops the training between two steps: 0, or the exit code it then ends with.
    pub stop: Arc<AtomicUsize>,
}

/// Trains `experiment` on `data`, from `start` on, and fills the folder `run`: metrics, checkpoints,
/// record, predictions, gallery.
///
/// # Errors
/// When training fails or is stopped. The run's manifest then says so.
pub fn train(
    experiment: &Experiment,
    data: &DataSet,
    compute: &Compute,
    start: Checkpoint,
    run: &mut RunFolder,
    watch: Watch,
) -> Result<Trained, Failure> {
    // A driver that panics (a GPU that went away, the dashboard's kill key) must not leave a
    // manifest behind that says `running`. The panic hook has told the person already.
    let fit = AssertUnwindSafe(|| fit_and_evaluate(experiment, data, compute, start, run, watch));
    let trained = catch_unwind(fit).unwrap_or_else(|panic| Err(results::from_panic(&*panic)));
    results::close(run, &trained)?;
    trained
}

fn fit_and_evaluate(
    experiment: &Experiment,
    data: &DataSet,
    compute: &Compute,
    start: Checkpoint,
    run: &mut RunFolder,
    watch: Watch,
) -> Result<Trained, Failure> {
    // Data. What chooses an epoch is cut from the training images; the test images wait.
    let images = Images::split(experiment, data)?;

    // Network. The same seed gives the same first weights on every backend; a run that resumes has its own.
    let architecture = experiment.architecture(data.train.size(), data.train.classes());
    let weights = start.weights(&architecture, experiment.seed)?;

    // Engine: the fused kernel, or Burn's operations.
    let kind = engine::choose(experiment, compute.backend)?;
    let job = Job { experiment, compute, kind };

    // Fit.
    let fitted = fit(job, &images, (&architecture, weights), start, run, watch)?;

    // Results: the record, calibrated on what was held out, and the one look at the test images.
    results::save(fitted, architecture, &images, data, job, run)
}

/// Trains the network with Burn's `SupervisedTraining`, which runs [`Epochs`] as its strategy.
fn fit(
    job: Job,
    images: &Images,
    (architecture, weights): (&Architecture, Vec<Tensor>),
    start: Checkpoint,
    run: &mut RunFolder,
    watch: Watch,
) -> Result<Fitted, Failure> {
    let Job { experiment, compute, kind } = job;
    let Checkpoint { state, parts } = start;
    let batches = images.batches(experiment);
    let learning_rate = LearningRate::of(experiment, batches.per_epoch());
    let kernel = (kind == Kind::Kernel).then(|| {
        let (optimizer, weights) = (&experiment.optimizer, weights.clone());
        Kernel::new(architecture, weights, optimizer, batches.clone(), learning_rate.clone())
    });

    let device = compute.device.clone().autodiff();
    let network = Network::new(architecture, weights, &device).map_err(Failure::failed)?;
    let learner = Learner::new(
        Classifier::new(network, architecture.loss()),
        optimizer::build(&experiment.optimizer),
        learning_rate.clone().starting_at(state.steps as usize),
    );
    let train = Loader::new(batches.clone(), &device)
        .starting_at(state.epoch - 1, state.step)
        .resident(compute.keeps(&images.train));
    let validation = loader(images.held_out.clone(), compute);

    let (capture, optimizer_state) = Capture::new();
    let interrupter = Interrupter::new();
    let mut log = run.epoch_log(&experiment.log, &state.history.to_vec())?;
    let (mut observer, stop, asked) = (watch.observer, watch.stop.clone(), interrupter.clone());
    // Burn wants an Arc; nothing here crosses a thread.
    #[allow(clippy::arc_with_non_send_sync)]
    let strategy = Arc::new(Epochs {
        experiment: experiment.clone(),
        compute: compute.clone(),
        learning_rate,
        batches,
        validation: validation.clone(),
        kernel: Cell::new(kernel),
        dashboard: watch.dashboard,
        live: watch.live,
        observer: RefCell::new(Box::new(move |event| {
            log.append(&event)?;
            observer(event)
        })),
        stop: Box::new(move || stop.load(SeqCst) != 0 || asked.should_stop()),
        best: RefCell::new(start_best),
        state: RefCell::new(state),
        parts,
        checkpoints: Checkpoints::new(run.path(), &experiment.checkpoint),
        optimizer_state: Cell::new(Some(optimizer_state)),
        end: Cell::new(End::Finished),
    });
    let training = SupervisedTraining::new(run.path(), Arc::new(train), Arc::new(validation))
        .num_epochs(experiment.training.epochs)
        .with_training_strategy(TrainingStrategy::Custom(strategy.clone()))
        .with_interrupter(interrupter.clone())
        .with_custom_checkpointers(Ignore, capture, Ignore)
        .with_checkpointing_strategy(Always)
        .with_metric_logger(InMemoryMetricLogger::default())
        .with_application_logger(None);
    let training = show(training, watch.dashboard, interrupter);
    let last = training.launch(learner).model.network;
    strategy.result(&last, run, watch.stop.load(SeqCst))
}

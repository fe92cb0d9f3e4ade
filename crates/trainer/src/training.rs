//! Config in, run out: the page to read first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingStrategy};
use data::{Batches, DataSet, Loader};
use experiment::Experiment;
use model::{Architecture, Network, Tensor};

use crate::backend::Compute;
use crate::engine::capture::{Always, Capture, Ignore};
use crate::engine::{self, EngineKind, Kernel, LearningRate, TrainingStep, loader, optimizer};
use crate::failure::Failure;
use crate::learner::epochs::Fitted;
use crate::learner::{Epochs, Images, Job, Silent, Watch, dashboard};
use crate::results::{self, Trained};
use crate::run::RunFolder;
use crate::run::checkpoint::Checkpoint;

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
    let (count, seed) = (experiment.data.validation, experiment.seed);
    let (train, held_out) = data.train.split(count, seed)?;
    let images = Images { train, held_out };

    // Network. The same seed gives the same first weights on every backend; a run that resumes has its own.
    let architecture = experiment.architecture(data.train.size(), data.train.classes());
    let weights = start.weights(&architecture, seed)?;

    // Engine: the fused kernel, or Burn's operations.
    let kind = engine::choose(experiment, compute.backend)?;
    let kind = engine::resumed(kind, experiment, &start.parts);
    let job = Job {
        experiment,
        compute,
        kind,
    };

    // Fit.
    let fitted = fit(job, &images, &architecture, weights, start, run, watch)?;

    // Results: the record, calibrated on what was held out, and the one look at the test images.
    results::save(fitted, architecture, &images, data, job, run)
}

/// Trains the network with Burn's `SupervisedTraining`, which runs [`Epochs`] as its strategy.
fn fit(
    job: Job,
    images: &Images,
    architecture: &Architecture,
    weights: Vec<Tensor>,
    start: Checkpoint,
    run: &mut RunFolder,
    watch: Watch,
) -> Result<Fitted, Failure> {
    let Job {
        experiment,
        compute,
        kind,
    } = job;
    let batches = Batches::shuffled(
        images.train.clone(),
        experiment.training.batch_size,
        experiment.seed,
    )
    .augmented(experiment.augmentation);
    let learning_rate = LearningRate::of(experiment, batches.per_epoch());
    let kernel = (kind == EngineKind::Kernel).then(|| {
        let (optimizer, weights) = (&experiment.optimizer, weights.clone());
        let (batches, learning_rate) = (batches.clone(), learning_rate.clone());
        let seed = experiment.seed;
        Kernel::new(
            architecture,
            weights,
            optimizer,
            batches,
            learning_rate,
            seed,
        )
    });
    let device = compute.device.clone().autodiff();
    let network = Network::new(architecture, weights, &device).map_err(Failure::caused_by)?;
    let learner = Learner::new(
        TrainingStep::new(network, architecture.loss()),
        optimizer::build(&experiment.optimizer),
        learning_rate
            .clone()
            .starting_at(start.state.steps as usize),
    );
    let (epoch, batch) = start.state.next_batch(batches.per_epoch());
    let train = Loader::new(batches.clone(), &device)
        .starting_at(epoch, batch)
        .resident(compute.keeps(&images.train));
    let validation = Arc::new(loader(images.held_out.clone(), compute));

    let (capture, optimizer_state) = Capture::new();
    let interrupter = Interrupter::new();
    // Burn wants an Arc; nothing here crosses a thread.
    #[allow(clippy::arc_with_non_send_sync)]
    let strategy = Arc::new(Epochs::new(
        job,
        start,
        (batches, validation.clone()),
        (kernel, optimizer_state),
        learning_rate,
        (watch, interrupter.clone()),
        run,
    )?);
    let training = SupervisedTraining::new(run.path(), Arc::new(train), validation)
        .num_epochs(experiment.training.epochs)
        .with_training_strategy(TrainingStrategy::Custom(strategy.clone()))
        .with_interrupter(interrupter.clone())
        .with_custom_checkpointers(Ignore, capture, Ignore)
        .with_checkpointing_strategy(Always)
        .with_metric_logger(InMemoryMetricLogger::default())
        .with_application_logger(None);
    let training = match dashboard(strategy.dashboard, interrupter) {
        Some(renderer) => training
            .renderer(renderer)
            .metrics((AccuracyMetric::new(), LossMetric::new())),
        None => training.renderer(Box::new(Silent)),
    };
    let last = training.launch(learner).model.network;
    strategy.result(&last, run)
}

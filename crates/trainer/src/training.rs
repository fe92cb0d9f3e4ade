//! Config in, run out: the page to read first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingStrategy};
use data::{DataSet, Loader};
use model::Tensor;

use crate::engine::capture::{Always, Capture, Ignore};
use crate::engine::{
    EngineKind, Images, Job, Kernel, LearningRate, TrainingStep, loader, objective, optimizer,
};
use crate::failure::Failure;
use crate::learner::epochs::Fitted;
use crate::learner::{Epochs, Silent, Watch, dashboard};
use crate::results::{self, Trained};
use crate::run::RunFolder;
use crate::run::checkpoint::Checkpoint;

/// Trains the network of `job` on `data` from `start`, and writes metrics, checkpoints, record, predictions and
/// gallery to the folder `run`. Returns the results.
///
/// # Errors
/// When training fails or is stopped; the run's manifest records it.
pub fn train(
    job: Job,
    data: &DataSet,
    start: Checkpoint,
    run: &mut RunFolder,
    watch: Watch,
) -> Result<Trained, Failure> {
    // A driver that panics (a GPU that went away, the dashboard's kill key) must not leave a
    // manifest behind that says `running`. The panic hook has already printed a message.
    let fit = AssertUnwindSafe(|| fit_and_evaluate(job, data, start, run, watch));
    let trained = catch_unwind(fit).unwrap_or_else(|panic| Err(results::from_panic(&*panic)));
    results::close(run, &trained)?;
    trained
}

fn fit_and_evaluate(
    job: Job,
    data: &DataSet,
    start: Checkpoint,
    run: &mut RunFolder,
    watch: Watch,
) -> Result<Trained, Failure> {
    // Data. Validation images are split off the training images; the test images are not used yet.
    let (count, seed) = (job.experiment.data.validation, job.experiment.seed);
    let (train, held_out) = data.split(count, seed)?;
    let images = Images { train, held_out };

    // Network. A seed gives the same initial weights on every backend; a resumed run has its own weights.
    let weights = start.weights(job.architecture, seed)?;

    // Fit.
    let fitted = fit(job, &images, weights, start, run, watch)?;

    // Results: the record, calibrated on the held-out images, and the one evaluation on the test images.
    results::save(fitted, &images, data, job, run)
}

/// Trains the network with Burn's `SupervisedTraining`, which runs [`Epochs`] as its strategy.
fn fit(
    job: Job,
    images: &Images,
    weights: Vec<Tensor>,
    start: Checkpoint,
    run: &mut RunFolder,
    watch: Watch,
) -> Result<Fitted, Failure> {
    let (experiment, compute) = (job.experiment, job.compute);
    let batches = experiment.batches(images.train.clone());
    let per_epoch = batches.per_epoch();
    let learning_rate = LearningRate::of(experiment, per_epoch);
    let objective = objective(experiment, &images.train);

    // Engine: the fused kernel, where it knows the network, or else Burn's `Learner`.
    let kernel = (job.engine == EngineKind::Kernel).then(|| {
        let (weights, batches) = (weights.clone(), batches.clone());
        Kernel::new(job, weights, batches, learning_rate.clone(), &objective)
    });
    let learner = Learner::new(
        TrainingStep::of(job, weights, &objective)?,
        optimizer::build(&experiment.optimizer),
        learning_rate
            .clone()
            .starting_at(start.state.steps as usize),
    );
    let (epoch, batch) = start.state.next_batch(per_epoch);
    let train = Loader::new(batches.clone(), &compute.device.clone().autodiff())
        .starting_at(epoch, batch)
        .resident(compute.keeps(&images.train));
    let validation = Arc::new(loader(images.held_out.clone(), compute));

    let (capture, optimizer_state) = Capture::new();
    let interrupter = Interrupter::new();
    // Burn requires an Arc; nothing here crosses threads.
    #[allow(clippy::arc_with_non_send_sync)]
    let strategy = Arc::new(Epochs::new(
        job,
        start,
        (batches, validation.clone()),
        (kernel, optimizer_state),
        (learning_rate, objective),
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

//! Config in, run out: the page to read first.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::renderer::default_renderer;
use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingStrategy};
use data::{DataSet, Loader};
use model::record::{BURN_VERSION, FORMAT_VERSION, PIXEL_DIVISOR};
use model::{Metadata, Mlp, Record, TestMetrics};

use crate::backend::Compute;
use crate::config::Experiment;
use crate::evaluation::{self, Evaluation, Predictions};
use crate::failure::{Code, Failure};
use crate::learner::epochs::{
    End, EpochMetrics, Epochs, Event, History, Observer, refuse_divergence,
};
use crate::learner::schedule::LearningRate;
use crate::learner::{Classifier, Fused, Silent, optimizer};
use crate::report;
use crate::run::folder::{GALLERY, MODEL, PREDICTIONS};
use crate::run::{RunFolder, Status};

/// How a training is watched and stopped.
pub struct Watch {
    /// Told about every epoch and, when `live`, about steps.
    pub observer: Observer,
    /// Report steps too.
    pub live: bool,
    /// Show Burn's terminal dashboard.
    pub dashboard: bool,
    /// Stops the training between two steps.
    pub interrupter: Interrupter,
}

/// What a training came to.
#[derive(Debug)]
pub struct Trained {
    /// The finished epochs.
    pub epochs: Vec<EpochMetrics>,
    /// The epoch whose weights were kept, when a validation split chose it.
    pub best: Option<usize>,
    /// Result on the test images.
    pub test: Evaluation,
    /// Wall time of the epochs, in seconds.
    pub seconds: f64,
}

/// Trains `experiment` on `data` and fills the folder `run`: metrics, record, predictions, gallery.
///
/// # Errors
/// When training fails or is stopped. The run's manifest then says so.
pub fn train(
    experiment: &Experiment,
    data: &DataSet,
    compute: &Compute,
    run: &mut RunFolder,
    watch: Watch,
) -> Result<Trained, Failure> {
    // A driver that panics (a GPU that went away, the dashboard's kill key) must not leave a
    // manifest behind that says `running`. The panic hook has told the person already.
    let fit = AssertUnwindSafe(|| fit_and_evaluate(experiment, data, compute, run, watch));
    let trained = catch_unwind(fit).unwrap_or_else(|panic| Err(from_panic(&*panic)));
    match &trained {
        Ok(_) => run.end(Status::Finished, None)?,
        // The cause is what matters to a person, even if the manifest cannot be written as well.
        Err(f) if f.code == Code::Interrupted => drop(run.end(Status::Interrupted, None)),
        Err(f) if f.silent => drop(run.end(Status::Failed, Some("internal error".to_string()))),
        Err(f) => drop(run.end(Status::Failed, Some(f.message.clone()))),
    }
    trained
}

fn fit_and_evaluate(
    experiment: &Experiment,
    data: &DataSet,
    compute: &Compute,
    run: &mut RunFolder,
    watch: Watch,
) -> Result<Trained, Failure> {
    // Data. What chooses an epoch is cut from the training images; the test images wait.
    let (train, validation) = data
        .train
        .split(experiment.data.validation, experiment.seed)?;
    let device = compute.device.clone().autodiff();
    let batch_size = experiment.training.batch_size;
    let resident = compute.keeps(&train);
    let images = train.clone();
    let train = Loader::shuffled(train, batch_size, experiment.seed, &device).resident(resident);
    let validate = !validation.is_empty();
    let validation = evaluation::loader(validation, compute);
    let steps_per_epoch = train.batches_per_epoch();

    // Model. The same seed gives the same first weights on every backend.
    let architecture = experiment.mlp(
        [data.train.height(), data.train.width()],
        data.train.classes(),
    );
    let mlp = Mlp::init(&architecture, experiment.seed, &device)?;
    let loss = experiment.training.loss;

    // Learner.
    let epochs = experiment.training.epochs;
    let learning_rate = LearningRate::new(
        experiment.optimizer.learning_rate(),
        &experiment.schedule,
        epochs,
        steps_per_epoch,
    );
    let fused = Fused::of(experiment, compute, &mlp, &images, &learning_rate);
    let fused = fused.map_err(Failure::failed)?;
    let optimizer = optimizer::build(&experiment.optimizer);
    let learner = Learner::new(Classifier::new(mlp, loss), optimizer, learning_rate);

    // Fit.
    let mut metrics = run.metrics_log()?;
    let mut observer = watch.observer;
    // Burn wants an Arc; nothing here crosses a thread.
    #[allow(clippy::arc_with_non_send_sync)]
    let strategy = Arc::new(Epochs {
        seed: experiment.seed,
        validate,
        early_stopping: experiment.early_stopping.clone(),
        fused,
        dashboard: watch.dashboard,
        live: watch.live,
        observer: RefCell::new(Box::new(move |event| {
            if let Event::Epoch(epoch) = &event {
                metrics.append(epoch)?;
            }
            observer(event)
        })),
        history: RefCell::new(History::default()),
    });
    let mut training =
        SupervisedTraining::new(run.path(), train.to_device(&device), Arc::new(validation))
            .num_epochs(epochs)
            .with_training_strategy(TrainingStrategy::Custom(strategy.clone()))
            .with_interrupter(watch.interrupter.clone())
            .with_metric_logger(InMemoryMetricLogger::default())
            .with_application_logger(None);
    training = if watch.dashboard {
        training
            .renderer(default_renderer(watch.interrupter, None))
            .metrics((AccuracyMetric::new(), LossMetric::new()))
    } else {
        training.renderer(Box::new(Silent))
    };
    let mlp = training.launch(learner).model.mlp;
    let History { epochs, best, end } = strategy.history.take();
    let seconds = epochs.iter().map(|epoch| epoch.seconds).sum();
    run.update(|manifest| {
        manifest.epochs = epochs.len();
        manifest.best_epoch = best;
        manifest.training_seconds = Some(seconds);
    })?;
    match end {
        End::Finished => {}
        End::Interrupted => return Err(interrupted(epochs.len())),
        End::Failed(failure) => return Err(failure),
    }

    // Save before anything else can fail, evaluate once, save again with the result.
    let mut record = Record {
        metadata: metadata(experiment, data, &mlp),
        model: mlp,
    };
    run.write(MODEL, &record.to_bytes().map_err(Failure::failed)?)?;
    let predictions = evaluation::predict(&record.model, loss, &data.test, compute)?;
    let test = predictions.evaluate(&data.class_names);
    refuse_divergence(test.loss, "the test loss")?;
    record.metadata.test = Some(TestMetrics {
        accuracy: test.accuracy,
        loss: test.loss,
    });
    run.write(MODEL, &record.to_bytes().map_err(Failure::failed)?)?;
    run.write(
        PREDICTIONS,
        &predictions_csv(&predictions, &data.class_names)?,
    )?;
    run.write(
        GALLERY,
        &report::first_images(&data.test, &predictions, &data.class_names)?,
    )?;
    run.update(|manifest| manifest.test = record.metadata.test)?;
    Ok(Trained {
        epochs,
        best,
        test,
        seconds,
    })
}

fn metadata(experiment: &Experiment, data: &DataSet, mlp: &Mlp) -> Metadata {
    Metadata {
        format: FORMAT_VERSION,
        architecture: mlp.config().clone(),
        class_names: data.class_names.clone(),
        pixel_divisor: PIXEL_DIVISOR,
        dataset: data.name.clone(),
        dataset_sha256: data
            .files
            .first()
            .map(|file| file.sha256.clone())
            .unwrap_or_default(),
        experiment: experiment.name.clone(),
        test: None,
        burn: BURN_VERSION.to_string(),
    }
}

/// Returns one line a test image: its number, both labels, and the probability of every class.
fn predictions_csv(predictions: &Predictions, class_names: &[String]) -> Result<Vec<u8>, Failure> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let fixed = ["index", "true", "predicted"].map(String::from);
    csv.write_record(fixed.iter().chain(class_names))
        .map_err(Failure::failed)?;
    for (i, &label) in predictions.labels.iter().enumerate() {
        let names =
            [usize::from(label), predictions.top(i).0].map(|class| class_names[class].clone());
        let probabilities = predictions.row(i).iter().map(f32::to_string);
        let fields = std::iter::once(i.to_string())
            .chain(names)
            .chain(probabilities);
        csv.write_record(fields).map_err(Failure::failed)?;
    }
    csv.into_inner().map_err(Failure::failed)
}

/// Returns what a panic means: the dashboard's kill key panics on purpose.
fn from_panic(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    if text.is_some_and(|text| text.contains("Killing training from user input")) {
        return Failure {
            code: Code::Interrupted,
            ..Failure::already_reported()
        };
    }
    Failure::already_reported()
}

fn interrupted(epochs: usize) -> Failure {
    Failure {
        code: Code::Interrupted,
        ..Failure::failed(format!(
            "stopped in epoch {}; no model was saved",
            epochs + 1
        ))
    }
}

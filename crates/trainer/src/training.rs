//! Config in, run out: the page to read first.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use burn::data::dataloader::DataLoader;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::renderer::default_renderer;
use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingStrategy};
use data::{DataSet, Loader};
use experiment::Experiment;
use model::record::{BURN_VERSION, FORMAT_VERSION, PIXEL_DIVISOR, layers_from_bytes};
use model::{Loss, Metadata, Mlp, Record, TestMetrics};

use crate::backend::Compute;
use crate::evaluation::{self, Evaluation, Predictions, class_name, top};
use crate::failure::{Code, Failure};
use crate::learner::capture::{Always, Capture, Ignore};
use crate::learner::divergence::refuse_divergence;
use crate::learner::epochs::{End, EpochMetrics, Epochs, Event, Observer};
use crate::learner::schedule::LearningRate;
use crate::learner::state::{BEST, OPTIMIZER, WEIGHTS};
use crate::learner::{Classifier, Fused, Silent, optimizer};
use crate::report;
use crate::run::checkpoint::{Checkpoint, Checkpoints};
use crate::run::folder::{GALLERY, MODEL, PREDICTIONS, RELIABILITY};
use crate::run::tensorboard::EventLog;
use crate::run::{RunFolder, Status};
use crate::trust::{self, Trust};

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

/// What a training came to.
#[derive(Debug)]
pub struct Trained {
    /// The finished epochs.
    pub epochs: Vec<EpochMetrics>,
    /// The epoch whose weights were kept, when a validation split chose it.
    pub best: Option<usize>,
    /// Result on the test images, and how far the answers to them can be trusted; `None` when the
    /// experiment does not look at them.
    pub test: Option<(Evaluation, Trust)>,
    /// Wall time of the epochs, in seconds.
    pub seconds: f64,
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
    let trained = catch_unwind(fit).unwrap_or_else(|panic| Err(from_panic(&*panic)));
    if trained.as_ref().is_err_and(|failure| failure.diverged) {
        let _ = run.update(|manifest| manifest.diverged = true); // the end writes it again
    }
    match &trained {
        Ok(_) => run.end(Status::Finished, None)?,
        // The cause is what matters to a person, even if the manifest cannot be written as well.
        Err(f) if f.code.is_stop() => drop(run.end(Status::Interrupted, None)),
        Err(f) if f.silent => drop(run.end(Status::Failed, Some("internal error".to_string()))),
        Err(f) => drop(run.end(Status::Failed, Some(f.message.clone()))),
    }
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
    let Checkpoint { state, parts } = start;
    // Data. What chooses an epoch is cut from the training images; the test images wait.
    let (train, validation) = data
        .train
        .split(experiment.data.validation, experiment.seed)?;
    let device = compute.device.clone().autodiff();
    let batch_size = experiment.training.batch_size;
    let resident = compute.keeps(&train);
    let images = train.clone();
    let train = Loader::shuffled(train, batch_size, experiment.seed, &device)
        .starting_at(state.epoch - 1, state.step)
        .resident(resident);
    let validate = !validation.is_empty();
    let held_out = validation.clone();
    let validation = evaluation::loader(validation, compute);
    let steps_per_epoch = train.batches_per_epoch();

    // Model. The same seed gives the same first weights on every backend; a run that goes on has its own.
    let architecture = experiment.mlp(
        [data.train.height(), data.train.width()],
        data.train.classes(),
    );
    let damaged = |e| Failure::failed(format!("the checkpoint cannot be used: {e}"));
    let layers = |name| {
        parts
            .get(name)
            .map(|part| layers_from_bytes(part, &architecture))
    };
    let best = layers(BEST).transpose().map_err(damaged)?;
    let mlp = match layers(WEIGHTS).transpose().map_err(damaged)? {
        Some(weights) => Mlp::from_weights(&architecture, weights, &device).map_err(damaged)?,
        None => Mlp::init(&architecture, experiment.seed, &device)?,
    };
    let loss = experiment.training.loss;

    // Learner.
    let epochs = experiment.training.epochs;
    let learning_rate = LearningRate::new(
        experiment.optimizer.learning_rate(),
        &experiment.schedule,
        epochs,
        steps_per_epoch,
    )
    .starting_at(state.steps as usize);
    let fused = Fused::of(experiment, compute, &mlp, &images, &learning_rate);
    let fused = fused.map_err(Failure::failed)?;
    let optimizer = optimizer::build(&experiment.optimizer);
    let mut learner = Learner::new(Classifier::new(mlp, loss), optimizer, learning_rate.clone());
    match (&fused, parts.get(OPTIMIZER)) {
        (Some(fused), _) if !parts.is_empty() => {
            fused.restore(&parts, state.steps).map_err(damaged)?;
        }
        (None, Some(memory)) => learner.load_optim(optimizer::memory(
            memory,
            &experiment.optimizer,
            &architecture,
            state.steps,
        )?),
        (None, None) if !parts.is_empty() => {
            return Err(Failure::failed(
                "the checkpoint has the memory of another optimizer",
            ));
        }
        _ => {}
    }

    // Fit.
    let mut metrics = run.metrics_log()?;
    let mut events = match experiment.log.tensorboard {
        true => Some(EventLog::create(
            run.path(),
            run.manifest().started,
            &state.history.to_vec(),
        )?),
        false => None,
    };
    let mut observer = watch.observer;
    let (capture, optimizer) = Capture::new();
    let (interrupter, stop) = (Interrupter::new(), watch.stop.clone());
    let asked = interrupter.clone();
    // Burn wants an Arc; nothing here crosses a thread.
    #[allow(clippy::arc_with_non_send_sync)]
    let strategy = Arc::new(Epochs {
        seed: experiment.seed,
        batch_size,
        learning_rate,
        validate,
        early_stopping: experiment.early_stopping.clone(),
        fused,
        dashboard: watch.dashboard,
        live: watch.live,
        observer: RefCell::new(Box::new(move |event| {
            if let Event::Epoch(epoch) = &event {
                metrics.append(epoch)?;
                events.iter_mut().try_for_each(|log| log.append(epoch))?;
            }
            observer(event)
        })),
        stop: Box::new(move || stop.load(SeqCst) != 0 || asked.should_stop()),
        state: RefCell::new(state),
        best: RefCell::new(best),
        checkpoints: Checkpoints::new(run.path(), &experiment.checkpoint),
        optimizer,
        end: Cell::new(End::Finished),
    });
    let mut training =
        SupervisedTraining::new(run.path(), train.to_device(&device), Arc::new(validation))
            .num_epochs(epochs)
            .with_training_strategy(TrainingStrategy::Custom(strategy.clone()))
            .with_interrupter(interrupter.clone())
            .with_custom_checkpointers(Ignore, capture, Ignore)
            .with_checkpointing_strategy(Always)
            .with_metric_logger(InMemoryMetricLogger::default())
            .with_application_logger(None);
    training = if watch.dashboard {
        training
            .renderer(default_renderer(interrupter, None))
            .metrics((AccuracyMetric::new(), LossMetric::new()))
    } else {
        training.renderer(Box::new(Silent))
    };
    let last = training.launch(learner).model.mlp;
    let (state, best) = (strategy.state.borrow().clone(), strategy.best.take());
    let (epochs, best_epoch) = (state.history.to_vec(), state.best.epoch);
    let mlp = match best {
        Some(best) => Mlp::from_weights(&architecture, best, &compute.device).map_err(damaged)?,
        None => last,
    };
    let seconds = epochs.iter().map(|epoch| epoch.seconds).sum();
    run.update(|manifest| {
        manifest.epochs = epochs.len();
        manifest.best_epoch = best_epoch;
        manifest.training_seconds = Some(seconds);
    })?;
    match strategy.end.take() {
        End::Finished => {}
        End::Interrupted => {
            strategy.checkpoints.finish()?;
            return Err(interrupted(state.epoch, run, watch.stop.load(SeqCst)));
        }
        End::Failed(failure) => return Err(failure),
    }

    let mut record = Record {
        metadata: metadata(experiment, data, &mlp),
        model: mlp,
    };
    if validate {
        let predictions = evaluation::predict(&record.model, loss, &held_out, compute)?;
        trust::fit(&mut record.metadata, &predictions, &images, &held_out);
    }
    let test = match experiment.evaluation.test {
        true => Some(save_and_evaluate(record, data, compute, run)?),
        false => {
            run.forget_test()?;
            run.write(MODEL, &record.to_bytes().map_err(Failure::failed)?)?;
            None
        }
    };
    if let Err(failure) = strategy.checkpoints.finish() {
        (strategy.observer.borrow_mut())(Event::Warning(failure.message))?;
    }
    Ok(Trained {
        epochs,
        best: best_epoch,
        test,
        seconds,
    })
}

/// Fills `run` with what a network comes to: its record, what it says about the test images, which are
/// looked at here for the first time, and the pictures. Returns its result on them, and how far its answers
/// can be trusted.
///
/// # Errors
/// When the device or the disk fails, or the loss is not a number.
pub fn save_and_evaluate(
    mut record: Record,
    data: &DataSet,
    compute: &Compute,
    run: &mut RunFolder,
) -> Result<(Evaluation, Trust), Failure> {
    // Save before anything else can fail, evaluate once, save again with the result.
    run.write(MODEL, &record.to_bytes().map_err(Failure::failed)?)?;
    let loss = Loss::of(record.metadata.architecture.output);
    let predictions = evaluation::predict(&record.model, loss, &data.test, compute)?;
    let test = predictions.evaluate(&data.class_names);
    refuse_divergence(test.loss, "the test loss")?;
    let trust = trust::measure(&record.metadata, &predictions, &data.test);
    record.metadata.test = Some(TestMetrics {
        accuracy: test.accuracy,
        loss: test.loss,
        ece: Some(trust.ece),
        calibrated_ece: trust.calibrated_ece,
        unknown: trust.unknown,
    });
    run.write(MODEL, &record.to_bytes().map_err(Failure::failed)?)?;
    run.write(
        PREDICTIONS,
        &predictions_csv(&predictions, &data.class_names)?,
    )?;
    run.write(
        GALLERY,
        &report::first_images(&data.test, &predictions, &record.metadata)?,
    )?;
    if let Some(diagram) = report::reliability(&trust)? {
        run.write(RELIABILITY, &diagram)?;
    }
    run.update(|manifest| {
        manifest.test = record.metadata.test;
        manifest.test_looks += 1;
    })?;
    Ok((test, trust))
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
        calibration: None,
        unknown: None,
        burn: BURN_VERSION.to_string(),
    }
}

/// Returns one line a test image: its number, both labels, and the raw probability of every class, which
/// are what accuracy and loss are of.
fn predictions_csv(predictions: &Predictions, class_names: &[String]) -> Result<Vec<u8>, Failure> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let fixed = ["index", "true", "predicted"].map(String::from);
    csv.write_record(fixed.iter().chain(class_names))
        .map_err(Failure::failed)?;
    for (i, (&label, row)) in predictions
        .labels
        .iter()
        .zip(predictions.rows())
        .enumerate()
    {
        let actual = class_name(class_names, label.into())?.to_string();
        let predicted = class_name(class_names, top(row).0)?.to_string();
        let fields = [i.to_string(), actual, predicted];
        let fields = fields.into_iter().chain(row.iter().map(f32::to_string));
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

fn interrupted(epoch: usize, run: &RunFolder, code: usize) -> Failure {
    let code = match code {
        143 => Code::Terminated,
        _ => Code::Interrupted,
    };
    Failure {
        code,
        ..Failure::failed(format!("stopped in epoch {epoch}; a checkpoint is written"))
    }
    .hint(format!(
        "go on with it: trainer resume {}",
        run.path().display()
    ))
}

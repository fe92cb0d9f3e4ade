//! A network without hidden layers, trained in a second, to compare with.

use data::{ImageDataset, Selection};
use experiment::{Experiment, Sums};
use kernels::Objective;
use model::Loss;

use crate::engine::{Engine, EngineKind, Job, Kernel, LearningRate, Predictor, Totals, loader};
use crate::evaluation::top;
use crate::failure::Failure;
use crate::session::Prepared;

/// Most images that it is trained on.
const MOST_IMAGES: usize = 60_000;
/// Epochs that it is trained for.
pub const EPOCHS: usize = 3;

/// Returns the accuracy on `images` of a network without hidden layers, trained on `train` with the tutorial's optimizer.
///
/// # Errors
/// When the device fails.
pub fn accuracy(
    prepared: &Prepared,
    train: &ImageDataset,
    images: &ImageDataset,
) -> Result<f64, Failure> {
    let predictor = trained(prepared, train)?;
    let (classes, mut right) = (images.classes(), 0usize);
    let loader = loader(images.clone(), &prepared.compute);
    predictor.each(&loader, &mut |logits, labels| {
        let answers = logits.chunks_exact(classes).map(|row| top(row).0);
        let is_right = |&(answer, &label): &(usize, &u8)| answer == usize::from(label);
        right += answers.zip(labels).filter(is_right).count();
        Ok(true)
    })?;
    Ok(right as f64 / images.len().max(1) as f64)
}

fn trained(prepared: &Prepared, train: &ImageDataset) -> Result<Predictor, Failure> {
    let few = Selection {
        take: train.len().min(MOST_IMAGES),
        ..Selection::default()
    };
    let train = few.of(train).map_err(Failure::caused_by)?;
    let mut experiment = Experiment {
        data: prepared.experiment.data.clone(),
        ..experiment::tutorial()?
    };
    experiment.model.hidden = Vec::new();
    experiment.training.epochs = EPOCHS;
    experiment.training.batch_size = experiment.training.batch_size.min(train.len());
    let architecture = experiment.architecture(train.size(), train.classes());
    let job = Job {
        experiment: &experiment,
        architecture: &architecture,
        compute: &prepared.compute,
        engine: EngineKind::Kernel,
    };
    let batches = experiment.batches(train);
    let objective = Objective::plain(Loss::CrossEntropy.into());
    let rates = LearningRate::of(&experiment, batches.per_epoch());
    let (weights, steps) = (architecture.init(experiment.seed)?, batches.per_epoch());
    let kernel = Kernel::new(job, weights, batches, rates, &objective);
    let mut engine = Engine::Kernel(Box::new(kernel));
    for epoch in 1..=EPOCHS {
        let mut totals = Totals::new(objective.clone(), Sums::new());
        engine.train(epoch, 0..steps, &mut totals, &mut |_, _| Ok(true))?;
    }
    engine.predictor().map_err(Failure::caused_by)
}

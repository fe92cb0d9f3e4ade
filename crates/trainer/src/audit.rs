//! Audit of a data set: duplicates, odd images, and labels that are likely wrong.
//!
//! The labels of the training images are compared with predictions from cross-validation: the images are dealt to
//! folds, and those of each fold are predicted by a network that was trained on the others. Test images are compared
//! with the others byte by byte and pixel by pixel, but no network sees them.

use data::audit::Place;
use data::audit::duplicates::{self, Duplicates};
use data::audit::label_errors::{self, Found};
use data::audit::oddities::{self, Oddity};
use data::{DataSet, ImageDataset};
use experiment::{Backend, EngineChoice, Experiment, Sums};
use model::calibration::top;

use crate::engine::{Engine, EngineKind, Job, Kernel, LearningRate, Totals, loader, objective};
use crate::failure::{Failure, shown};
use crate::notice::{Notice, Notify};
use crate::session::{self, Prepared};

/// What is found in a data set.
pub struct Audit {
    /// The data set.
    pub data: DataSet,
    /// Images that are there more than once.
    pub duplicates: Duplicates,
    /// Images that show nothing, or came from pictures of unlike sizes.
    pub oddities: Vec<Oddity>,
    /// What predictions say of the training images' labels.
    pub labels: Found,
    /// Share of the training images that are predicted as their label, 0 to 1.
    pub agreement: f64,
}

/// Audits the data set of an experiment, with its network and its training in each of `folds`, on the CPU.
///
/// # Errors
/// When data or network are not available, there are fewer images than folds (exit code 2), or a training diverges.
pub fn audit(mut experiment: Experiment, folds: usize, notify: Notify) -> Result<Audit, Failure> {
    (experiment.backend, experiment.engine) = (Backend::Flex, EngineChoice::Kernel);
    experiment.early_stopping = None;
    experiment.check()?;
    let prepared = session::prepare(experiment, None, notify)?;
    let train = &prepared.data.train;
    let classes = train.classes();
    let mut probabilities = vec![0.0; train.len() * classes];
    let parts = train.folds(folds, prepared.experiment.seed);
    if parts.is_empty() {
        let message = format!("{} images cannot be dealt to {folds} folds", train.len());
        return Err(Failure::usage(message).hint("use fewer folds: --folds 2"));
    }
    for (fold, (rest, held_out, positions)) in parts.into_iter().enumerate() {
        let predicted = predict(&prepared, rest, held_out)?;
        for (row, &position) in predicted.chunks_exact(classes).zip(&positions) {
            let start = position as usize * classes;
            if let Some(to) = probabilities.get_mut(start..start + classes) {
                to.copy_from_slice(row);
            }
        }
        notify(Notice::Note(format!("fold {} of {folds}", fold + 1)));
    }
    let labels: Vec<u8> = (0..train.len()).map(|i| train.label(i)).collect();
    let agreement = agreement(&probabilities, &labels, classes);
    let found = label_errors::find(&probabilities, &labels, classes);
    let data = prepared.data;
    Ok(Audit {
        duplicates: duplicates::find(&data),
        oddities: oddities::find(&data),
        labels: found,
        agreement,
        data,
    })
}

/// Returns the probabilities `[images, classes]` of `held_out`, by a network trained on `train`.
fn predict(
    prepared: &Prepared,
    train: ImageDataset,
    held_out: ImageDataset,
) -> Result<Vec<f32>, Failure> {
    let Prepared {
        experiment,
        architecture,
        compute,
        ..
    } = prepared;
    let job = Job {
        experiment,
        architecture,
        compute,
        engine: EngineKind::Kernel,
    };
    let objective = objective(experiment, &train);
    let batches = experiment.batches(train);
    let per_epoch = batches.per_epoch();
    let rate = LearningRate::of(experiment, per_epoch);
    let weights = architecture.init(experiment.seed)?;
    let mut engine = Engine::Kernel(Box::new(Kernel::new(
        job, weights, batches, rate, &objective,
    )));
    for epoch in 1..=experiment.training.epochs {
        let mut totals = Totals::new(objective.clone(), Sums::new());
        engine.train(epoch, 0..per_epoch, &mut totals, &mut |_, _| Ok(true))?;
        if totals.diverged().is_some() {
            return Err(Failure::failed("the training diverged")
                .hint("give it a smaller learning rate: --set optimizer.learning_rate=1e-4"));
        }
    }
    let classes = architecture.classes();
    let mut all = Vec::with_capacity(held_out.len() * classes);
    engine.predictor().map_err(Failure::caused_by)?.each(
        &loader(held_out, compute),
        &mut |logits, _| {
            all.extend_from_slice(logits);
            Ok(true)
        },
    )?;
    architecture.output().probabilities(&mut all, classes);
    Ok(all)
}

/// Returns the share of rows whose largest probability is that of the label.
fn agreement(probabilities: &[f32], labels: &[u8], classes: usize) -> f64 {
    let rows = probabilities.chunks_exact(classes.max(1)).zip(labels);
    let right = rows.filter(|(row, label)| top(row).0 == usize::from(**label));
    right.count() as f64 / labels.len().max(1) as f64
}

impl Audit {
    /// Returns the name of a class; empty if there is none.
    pub fn class(&self, label: u8) -> &str {
        let name = self.data.class_names.get(usize::from(label));
        name.map_or("", String::as_str)
    }

    /// Returns the name of an image's class.
    pub fn label(&self, place: Place) -> &str {
        place
            .label(&self.data)
            .map_or("", |label| self.class(label))
    }

    /// Returns an image's part and number, and its file if it has its own.
    pub fn describe(&self, place: Place) -> String {
        let (part, index) = (place.part, place.index);
        match place.origin(&self.data) {
            Some(origin) => format!("{part} {index} {}", shown(&origin.path)),
            None => format!("{part} {index}"),
        }
    }

    /// Returns how many images with a label are likely of another class, with the names of both, most first.
    pub fn pairs(&self) -> Vec<(usize, &str, &str)> {
        let mut pairs = Vec::new();
        for (label, counts) in (0..).zip(&self.labels.joint) {
            for (likely, &count) in (0..).zip(counts) {
                if label != likely && count > 0 {
                    pairs.push((count, self.class(label), self.class(likely)));
                }
            }
        }
        pairs.sort_by_key(|&(count, ..)| std::cmp::Reverse(count));
        pairs
    }

    /// Returns the equal images that have different labels: one of them at least is wrong.
    pub fn conflicts(&self) -> impl Iterator<Item = &Vec<Place>> {
        let differ = |group: &&Vec<Place>| {
            let mut labels = group.iter().map(|place| place.label(&self.data));
            let first = labels.next();
            labels.any(|label| Some(label) != first)
        };
        self.duplicates.exact.iter().filter(differ)
    }

    /// Returns the equal images that are in more than one part.
    pub fn shared(&self) -> impl Iterator<Item = &Vec<Place>> {
        let parts =
            |group: &&Vec<Place>| group.first().map(|p| p.part) != group.last().map(|p| p.part);
        self.duplicates.exact.iter().filter(parts)
    }
}

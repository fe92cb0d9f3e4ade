//! One step downhill: what one picture's gradient changes, and what that does to the cost of its answer.

use data::{Batches, DataSet, ImageDataset};
use experiment::{Decay, Experiment, Optimizer, Schedule};
use kernels::Objective;
use model::{Architecture, Loss, Record, Tensor};
use serde::Serialize;

use super::cost::{label_of, network_outputs};
use super::subject::Subject;
use crate::backend::Compute;
use crate::engine::{Engine, EngineKind, Job, Kernel, LearningRate, Predictor, Totals, objective};
use crate::failure::Failure;

/// Weights that are listed.
pub const MOVED: usize = 10;
/// Training images whose cost is watched, at most.
const OTHERS: usize = 1000;
/// The learning rates that are tried beside the one asked for.
const RATES: [f64; 8] = [0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0];

/// One step of gradient descent on one picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The right class.
    pub label: usize,
    /// What is minimised: `cross_entropy` or `quadratic`.
    pub loss: Loss,
    /// The learning rate.
    pub rate: f64,
    /// Its cost before and after the step.
    pub cost: [f64; 2],
    /// The number of training images whose cost is watched, and its mean before and after the step.
    pub others: (usize, [f64; 2]),
    /// The outputs before and after it, `[2][classes]`.
    pub outputs: [Vec<f64>; 2],
    /// Number of weights and biases.
    pub parameters: usize,
    /// Length of the gradient: the root of the sum of its squares.
    pub gradient: f64,
    /// The weights that moved most, by how far.
    pub moved: Vec<Moved>,
    /// The cost after one step at other learning rates, in rising order.
    pub trials: Vec<Trial>,
}

/// A weight that moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// The tensor it is in.
    pub tensor: String,
    /// Its place there, one number for each dimension, counted from 0.
    pub index: Vec<usize>,
    /// Its value before and after the step.
    pub value: [f64; 2],
}

/// One step at another learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Trial {
    /// The learning rate.
    pub rate: f64,
    /// The cost after the step.
    pub cost: f64,
    /// The mean cost of the training images that are watched.
    pub others: f64,
}

/// Returns one step of plain gradient descent at `rate` on a picture, from the weights of `record`, down what its
/// training minimised: the loss, with the label smoothing and class weights of `experiment`, if that is known. Neither
/// dropout nor weight decay nor clipping is part of it.
///
/// # Errors
/// When the label of the picture is not known, or `rate` is not above 0 (exit code 2).
pub fn of(
    record: &Record,
    experiment: Option<&Experiment>,
    data: &DataSet,
    subject: &Subject,
    rate: f64,
) -> Result<Step, Failure> {
    if !(rate > 0.0 && rate.is_finite()) {
        let message = format!("{rate} is not a learning rate");
        return Err(Failure::usage(message).hint("give one above 0: --rate 0.1"));
    }
    let label = label_of(subject)?;
    let compute = Compute::open(experiment::Backend::Flex)?;
    let downhill = Downhill::new(record, experiment, data, subject, &compute)?;
    let (before, after) = (downhill.at(0.0)?, downhill.at(rate)?);
    let trials = RATES.iter().copied().filter(|&other| other != rate);
    let mut trials: Vec<Trial> = trials
        .map(|rate| Ok(downhill.at(rate)?.trial))
        .collect::<Result<_, Failure>>()?;
    trials.push(after.trial);
    trials.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    Ok(Step {
        label,
        loss: record.metadata.architecture.loss(),
        rate,
        cost: [before.trial.cost, after.trial.cost],
        others: (
            downhill.others.len(),
            [before.trial.others, after.trial.others],
        ),
        outputs: [before.outputs, after.outputs],
        parameters: downhill.gradient.iter().map(|t| t.values.len()).sum(),
        gradient: downhill.length(),
        moved: downhill.moved(rate),
        trials,
    })
}

/// A network and the gradient of the cost of one picture.
struct Downhill<'a> {
    record: &'a Record,
    objective: Objective,
    image: ImageDataset,
    /// Training images whose cost is watched.
    others: ImageDataset,
    compute: &'a Compute,
    /// In the order of the record's weights.
    gradient: Vec<Tensor>,
}

/// A network after a step.
struct After {
    trial: Trial,
    outputs: Vec<f64>,
}

impl<'a> Downhill<'a> {
    fn new(
        record: &'a Record,
        experiment: Option<&Experiment>,
        data: &DataSet,
        subject: &Subject,
        compute: &'a Compute,
    ) -> Result<Self, Failure> {
        let image = subject.alone(label_of(subject)?, record)?;
        let loss = record.metadata.architecture.loss();
        let objective = experiment.map_or_else(
            || Objective::plain(loss.into()),
            |experiment| objective(experiment, &data.train),
        );
        let gradient = gradient(record, &image, &objective, compute)?;
        Ok(Self {
            record,
            objective,
            image,
            others: data.train.take(OTHERS),
            compute,
            gradient,
        })
    }

    /// Returns the network after one step at `rate`.
    fn at(&self, rate: f64) -> Result<After, Failure> {
        let weights = self.record.weights.iter().zip(&self.gradient);
        let moved = |(weights, gradient): (&Tensor, &Tensor)| Tensor {
            values: step(weights, gradient, rate),
            ..weights.clone()
        };
        let architecture = &self.record.metadata.architecture;
        let predictor = Predictor::new(architecture, weights.map(moved).collect(), self.compute);
        let predictor = predictor.map_err(|error| {
            Failure::failed(format!("a step at the learning rate {rate} leads nowhere"))
                .because(error)
                .hint("try a smaller one: --rate")
        })?;
        Ok(After {
            trial: Trial {
                rate,
                cost: self.cost(&predictor, &self.image)?,
                others: self.cost(&predictor, &self.others)?,
            },
            outputs: network_outputs(self.record, &predictor, self.image.image(0))?,
        })
    }

    /// Returns the mean cost of images.
    fn cost(&self, predictor: &Predictor, images: &ImageDataset) -> Result<f64, Failure> {
        let pixels: Vec<u8> = (0..images.len())
            .flat_map(|i| images.image(i).iter().copied())
            .collect();
        let labels: Vec<u8> = (0..images.len()).map(|i| images.label(i)).collect();
        let classes = self.record.metadata.architecture.classes();
        let costs = self
            .objective
            .losses(&predictor.logits(&pixels)?, &labels, classes);
        let sum: f64 = costs.into_iter().map(f64::from).sum();
        Ok(sum / images.len().max(1) as f64)
    }

    /// Returns the length of the gradient.
    fn length(&self) -> f64 {
        let all = self.gradient.iter().flat_map(|tensor| &tensor.values);
        let squares: f64 = all.map(|&x| f64::from(x) * f64::from(x)).sum();
        squares.sqrt()
    }

    /// Returns the weights that move most at `rate`.
    fn moved(&self, rate: f64) -> Vec<Moved> {
        let mut all: Vec<(usize, usize, f32)> = Vec::new();
        for (tensor, gradient) in self.gradient.iter().enumerate() {
            let values = gradient.values.iter().enumerate();
            all.extend(values.map(|(at, &slope)| (tensor, at, slope.abs())));
            all.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
            all.truncate(MOVED);
        }
        let moved = |(tensor, at, _): (usize, usize, f32)| {
            let weights = self.record.weights.get(tensor)?;
            let slope = *self.gradient.get(tensor)?.values.get(at)?;
            let before = *weights.values.get(at)?;
            let after = f64::from(before) - rate * f64::from(slope);
            Some(Moved {
                tensor: weights.name.clone(),
                index: index(at, &weights.shape),
                value: [before.into(), after],
            })
        };
        all.into_iter().filter_map(moved).collect()
    }
}

/// Returns the gradient of the cost of one image: what a step of the training kernel at learning rate 1 takes off the
/// weights.
fn gradient(
    record: &Record,
    image: &ImageDataset,
    objective: &Objective,
    compute: &Compute,
) -> Result<Vec<Tensor>, Failure> {
    let (experiment, architecture) = plain(&record.metadata.architecture)?;
    let job = Job {
        experiment: &experiment,
        architecture: &architecture,
        compute,
        engine: EngineKind::Kernel,
    };
    let rate = LearningRate::new(1.0, &experiment.schedule, 1, 1);
    let batches = Batches::sequential(image.clone(), 1);
    let kernel = Kernel::new(job, record.weights.clone(), batches, rate, objective);
    let mut engine = Engine::Kernel(Box::new(kernel));
    let mut totals = Totals::new(objective.clone(), experiment::Sums::new());
    engine.train(1, 0..1, &mut totals, &mut |_, _| Ok(true))?;
    let after = engine.weights().map_err(Failure::caused_by)?;
    let difference = |(before, after): (&Tensor, Tensor)| Tensor {
        values: step(before, &after, 1.0),
        ..after
    };
    Ok(record.weights.iter().zip(after).map(difference).collect())
}

/// Returns an experiment of plain gradient descent, and the network without dropout.
fn plain(architecture: &Architecture) -> Result<(Experiment, Architecture), Failure> {
    let mut experiment = experiment::tutorial()?;
    experiment.optimizer = Optimizer::Sgd {
        learning_rate: 1.0,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    experiment.schedule = Schedule {
        decay: Decay::Constant,
        warmup_epochs: 0.0,
    };
    let mut architecture = architecture.clone();
    match &mut architecture {
        Architecture::Mlp(mlp) => mlp.dropout = 0.0,
        #[allow(unreachable_patterns, reason = "whatever kinds of networks there are")]
        _ => {
            let message = "one step is only explained for networks of dense layers";
            return Err(
                Failure::usage(message).hint("`trainer summary RUN` shows a network's layers")
            );
        }
    }
    Ok((experiment, architecture))
}

/// Returns `from` minus `rate` times `slope`.
fn step(from: &Tensor, slope: &Tensor, rate: f64) -> Vec<f32> {
    let pairs = from.values.iter().zip(&slope.values);
    pairs
        .map(|(&from, &slope)| (f64::from(from) - rate * f64::from(slope)) as f32)
        .collect()
}

/// Returns the place of value `at` in a tensor of this shape.
fn index(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&side| {
            let here = at % side.max(1);
            at /= side.max(1);
            here
        })
        .collect();
    index.reverse();
    index
}

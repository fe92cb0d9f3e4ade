//! Which learning rates are worth trying: train for a moment while the rate climbs, and watch the loss.
//!
//! The learning-rate range test of Smith 2015, <https://arxiv.org/abs/1506.01186>, section 3.3, with the
//! rate growing by a constant factor a step instead of a constant amount.

use burn::data::dataloader::DataLoader;
use burn::tensor::Device;
use burn::train::Learner;
use data::{ImageDataset, Loader};
use experiment::Experiment;
use model::Mlp;

use super::{Classifier, optimizer};
use crate::backend::Compute;
use crate::failure::Failure;

/// Weight of what came before in the smoothed loss.
const MEMORY: f64 = 0.95;
/// The test ends when the smoothed loss is so many times the least so far.
const DIVERGED: f64 = 4.0;

/// The rates to try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The first, above 0.
    pub from: f64,
    /// The last, above the first.
    pub to: f64,
    /// Steps from the first to the last, 2 or more.
    pub steps: usize,
}

/// One step of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Its learning rate.
    pub rate: f64,
    /// Mean loss of its batch, before the step.
    pub loss: f64,
    /// The same, smoothed over the steps so far.
    pub smoothed: f64,
}

impl Range {
    /// Returns the rate of a step, counted from 0.
    pub fn rate(&self, step: usize) -> f64 {
        let share = step as f64 / (self.steps.max(2) - 1) as f64;
        self.from * (self.to / self.from).powf(share)
    }
}

/// Trains the experiment's network from its first weights on its training images, the validation split
/// left out, with its optimizer and batches, while the learning rate climbs through `range`. Ends early
/// when the loss has diverged. The images begin anew when they are used up.
///
/// # Errors
/// When the device fails.
pub fn run(
    experiment: &Experiment,
    images: ImageDataset,
    compute: &Compute,
    range: Range,
) -> Result<Vec<Point>, Failure> {
    let device: Device = compute.device.clone().autodiff();
    let architecture = experiment.mlp([images.height(), images.width()], images.classes());
    let mlp = Mlp::init(&architecture, experiment.seed, &device)?;
    let resident = compute.keeps(&images);
    let loader = Loader::shuffled(
        images,
        experiment.training.batch_size,
        experiment.seed,
        &device,
    )
    .resident(resident);
    let classifier = Classifier::new(mlp, experiment.training.loss);
    let optimizer = optimizer::build(&experiment.optimizer);
    let rates: Vec<f64> = (0..range.steps).map(|step| range.rate(step)).collect();
    let mut learner = Learner::new(classifier, optimizer, Rates { rates, step: 0 });

    let (mut points, mut average) = (Vec::<Point>::new(), 0.0);
    let mut batches = loader.iter();
    for step in 0..range.steps {
        let batch = match batches.next() {
            Some(batch) => batch,
            None => {
                batches = loader.iter();
                match batches.next() {
                    Some(batch) => batch,
                    None => break, // there are no images
                }
            }
        };
        let output = learner.train_step(batch.map_err(Failure::failed)?);
        learner.lr_step();
        learner.optimizer_step(output.grads);
        let losses = output.item.loss.without_autodiff().try_into_data();
        let losses: Vec<f64> = losses.map_err(Failure::failed)?.iter::<f64>().collect();
        let loss = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
        average = MEMORY * average + (1.0 - MEMORY) * loss;
        // The average begins at 0; this takes that out again (as Adam does with its moments).
        let smoothed = average / (1.0 - MEMORY.powi(step as i32 + 1));
        let least = points
            .iter()
            .map(|p| p.smoothed)
            .fold(f64::INFINITY, f64::min);
        if !smoothed.is_finite() || smoothed > DIVERGED * least {
            break;
        }
        points.push(Point {
            rate: range.rate(step),
            loss,
            smoothed,
        });
    }
    Ok(points)
}

/// Returns the rate to begin with: where the smoothed loss falls fastest, per factor of the rate; `None`
/// where it never falls. The slope is taken over a fifth of the points.
pub fn suggestion(points: &[Point]) -> Option<f64> {
    let reach = (points.len() / 10).max(1);
    let slope = |window: &[Point]| Some(window.last()?.smoothed - window.first()?.smoothed);
    let steepest = points
        .windows(2 * reach + 1)
        .filter_map(|window| Some((window.get(reach)?.rate, slope(window)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    (steepest.1 < 0.0).then_some(steepest.0)
}

/// A list of rates as a schedule of Burn's.
#[derive(Clone)]
struct Rates {
    rates: Vec<f64>,
    step: usize,
}

impl burn::optim::lr_scheduler::LrScheduler for Rates {
    fn step(&mut self) -> f64 {
        let rate = self.rates.get(self.step).or(self.rates.last());
        self.step += 1;
        rate.copied().unwrap_or(0.0)
    }

    fn to_record(&self) -> burn::optim::lr_scheduler::LrSchedulerRecord {
        burn::optim::lr_scheduler::LrSchedulerRecord::new().with_scalar("step", self.step)
    }

    fn load_record(&mut self, record: burn::optim::lr_scheduler::LrSchedulerRecord) {
        self.step = record.scalar("step").unwrap_or(self.step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_climb_by_a_constant_factor() {
        let range = Range {
            from: 1e-6,
            to: 1.0,
            steps: 7,
        };
        let rates: Vec<f64> = (0..7).map(|step| range.rate(step)).collect();
        for (rate, expected) in rates.iter().zip([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]) {
            assert!((rate / expected - 1.0).abs() < 1e-12, "{rate} {expected}");
        }
    }

    #[test]
    fn the_suggestion_is_where_the_loss_falls_fastest() {
        let point = |i: usize, smoothed| Point {
            rate: i as f64,
            loss: smoothed,
            smoothed,
        };
        let losses = [2.0, 2.0, 1.9, 1.2, 0.9, 0.85, 0.85, 1.5, 3.0];
        let points: Vec<Point> = losses
            .iter()
            .enumerate()
            .map(|(i, l)| point(i, *l))
            .collect();
        assert_eq!(suggestion(&points), Some(3.0));
        let rising: Vec<Point> = (0..9).map(|i| point(i, i as f64)).collect();
        assert_eq!(suggestion(&rising), None);
        assert_eq!(suggestion(&[]), None);
    }
}

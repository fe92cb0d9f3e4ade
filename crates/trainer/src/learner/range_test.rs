//! The learning-rate range test: train briefly while the learning rate increases, and watch the loss.
//!
//! From Smith 2015, <https://arxiv.org/abs/1506.01186>, section 3.3, but the rate grows by a constant factor per
//! step instead of a constant amount.

use burn::train::Learner;
use data::{ImageDataset, Loader};
use experiment::Sums;

use crate::engine::{
    Burn, Engine, EngineKind, Job, Kernel, LearningRate, Totals, TrainingStep, objective, optimizer,
};
use crate::failure::Failure;

/// Weight of earlier losses in the smoothed loss.
const MEMORY: f64 = 0.95;
/// The test ends when the smoothed loss exceeds this many times its minimum so far.
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
    /// Returns the range if it is valid.
    ///
    /// # Errors
    /// When it is not (exit code 2).
    pub fn checked(self) -> Result<Self, Failure> {
        let in_order = self.from > 0.0 && self.to > self.from && self.to.is_finite();
        if in_order && (10..=100_000).contains(&self.steps) {
            return Ok(self);
        }
        Err(
            Failure::usage("--from and --to are not a valid range of learning rates")
                .hint("--from must be above 0, --to above that, and --steps 10 to 100000"),
        )
    }

    /// Returns the rates.
    fn rates(&self) -> LearningRate {
        LearningRate::climb(self.from, self.to, self.steps)
    }
}

/// Trains the network of `job` from its initial weights on `images`, with its optimizer, batches and engine, while
/// the learning rate increases through `range`. Ends early if the loss diverges. Starts a new epoch when the
/// images are used up.
///
/// # Errors
/// When the device fails.
pub fn run(job: Job, images: ImageDataset, range: Range) -> Result<Vec<Point>, Failure> {
    let (experiment, architecture) = (job.experiment, job.architecture);
    let weights = architecture.init(experiment.seed)?;
    let resident = job.compute.keeps(&images);
    let objective = objective(experiment, &images);
    let batches = experiment.batches(images);
    let device = job.compute.device.clone().autodiff();
    let loader = Loader::new(batches.clone(), &device).resident(resident);
    let mut engine = match job.engine {
        EngineKind::Kernel => {
            let kernel = Kernel::new(job, weights, batches.clone(), range.rates(), &objective);
            Engine::Kernel(Box::new(kernel))
        }
        EngineKind::Burn => {
            let optimizer = optimizer::build(&experiment.optimizer);
            let step = TrainingStep::of(job, weights, &objective)?;
            let learner = Learner::new(step, optimizer, range.rates());
            let burn = Burn::new(learner, experiment, job.compute, &loader, None);
            Engine::Burn(Box::new(burn))
        }
    };
    let mut curve = Curve::new(range);
    let per_epoch = batches.per_epoch().max(1);
    for epoch in 1..=range.steps.div_ceil(per_epoch) {
        let steps = per_epoch.min(range.steps - (epoch - 1) * per_epoch);
        let mut totals = Totals::new(objective.clone(), Sums::new());
        curve.before = Sums::new();
        engine.train(epoch, 0..steps, &mut totals, &mut |_, totals| {
            curve.add(totals.sums().map_err(Failure::device)?);
            Ok(!curve.has_diverged)
        })?;
        if curve.has_diverged {
            break;
        }
    }
    Ok(curve.points)
}

/// The points so far.
struct Curve {
    rates: LearningRate,
    points: Vec<Point>,
    /// Running mean of the losses; starts at 0.
    average: f64,
    /// The minimum smoothed loss.
    least: f64,
    /// Sums of the epoch before the step.
    before: Sums,
    has_diverged: bool,
}

impl Curve {
    fn new(range: Range) -> Self {
        Self {
            rates: range.rates(),
            points: Vec::new(),
            average: 0.0,
            least: f64::INFINITY,
            before: Sums::new(),
            has_diverged: false,
        }
    }

    /// Adds a step after which the sums of its epoch are `sums`.
    fn add(&mut self, sums: &Sums) {
        let images = sums.images - self.before.images;
        if self.has_diverged || images == 0 {
            return;
        }
        let loss = (sums.loss - self.before.loss) / images as f64;
        self.before = sums.clone();
        self.average = MEMORY * self.average + (1.0 - MEMORY) * loss;
        let step = self.points.len();
        // The average starts at 0; this corrects for that (as Adam does for its moments).
        let smoothed = self.average / (1.0 - MEMORY.powi(step as i32 + 1));
        self.has_diverged = !smoothed.is_finite() || smoothed > DIVERGED * self.least;
        if self.has_diverged {
            return;
        }
        self.least = self.least.min(smoothed);
        self.points.push(Point {
            rate: self.rates.at(step),
            loss,
            smoothed,
        });
    }
}

/// Returns the rate to start with: where the smoothed loss falls fastest, per factor of the rate; `None` if it
/// never falls. The slope is taken over a fifth of the points.
pub fn suggestion(points: &[Point]) -> Option<f64> {
    let reach = (points.len() / 10).max(1);
    let slope = |window: &[Point]| Some(window.last()?.smoothed - window.first()?.smoothed);
    let steepest = points
        .windows(2 * reach + 1)
        .filter_map(|window| Some((window.get(reach)?.rate, slope(window)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    (steepest.1 < 0.0).then_some(steepest.0)
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
        let rates: Vec<f64> = (0..7).map(|step| range.rates().at(step)).collect();
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

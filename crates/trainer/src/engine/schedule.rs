//! The learning rate as a function of the step; schedules are configured in epochs.

use std::f64::consts::PI;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use burn::optim::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use experiment::{Decay, Experiment, Schedule};

use crate::run::history::History;

/// The learning rates of a whole run; Burn requests one before every step.
#[derive(Debug, Clone)]
pub struct LearningRate {
    rates: Rates,
    step: usize,
    /// How often a plateau has reduced the rate. Clones share it: the engine and the loop over epochs have one each.
    reductions: Arc<AtomicUsize>,
}

#[derive(Debug, Clone)]
enum Rates {
    Schedule {
        base: f64,
        schedule: Schedule,
        epochs: f64,
        steps_per_epoch: f64,
    },
    /// From the first rate to the last over a number of steps, by a constant factor.
    Climb { from: f64, to: f64, steps: usize },
}

impl LearningRate {
    /// Returns the schedule of a run of `epochs` epochs of `steps_per_epoch` steps, with `base` as
    /// the highest learning rate.
    pub fn new(base: f64, schedule: &Schedule, epochs: usize, steps_per_epoch: usize) -> Self {
        let rates = Rates::Schedule {
            base,
            schedule: schedule.clone(),
            epochs: epochs as f64,
            steps_per_epoch: steps_per_epoch.max(1) as f64,
        };
        Self::starting(rates)
    }

    /// Returns the learning rates of a run of `experiment` with `steps_per_epoch` steps per epoch.
    pub fn of(experiment: &Experiment, steps_per_epoch: usize) -> Self {
        let base = experiment.optimizer.learning_rate();
        let epochs = experiment.training.epochs;
        Self::new(base, &experiment.schedule, epochs, steps_per_epoch)
    }

    /// Returns rates that grow from `from` to `to` in `steps` steps, by a constant factor.
    pub fn climb(from: f64, to: f64, steps: usize) -> Self {
        Self::starting(Rates::Climb { from, to, steps })
    }

    fn starting(rates: Rates) -> Self {
        Self {
            rates,
            step: 0,
            reductions: Arc::default(),
        }
    }

    /// Reduces the learning rate of the next steps, and of those of all clones, if the schedule says so after these
    /// epochs.
    pub fn follow(&self, history: &History) {
        if let Rates::Schedule { schedule, .. } = &self.rates
            && let Decay::Plateau { patience, .. } = schedule.decay
        {
            let losses = history.to_vec().into_iter();
            let losses = losses.filter_map(|epoch| Some(epoch.validation?.loss()));
            self.reductions.store(plateaus(losses, patience), Relaxed);
        }
    }

    /// Returns the schedule starting at `step`, counted from 0 over the whole run.
    pub fn starting_at(self, step: usize) -> Self {
        Self { step, ..self }
    }

    /// Returns the learning rate of `step`, counted from 0 over the whole run.
    ///
    /// Linear warm-up reaches the base rate after `warmup_epochs`; the decay counts from there.
    pub fn at(&self, step: usize) -> f64 {
        let (base, schedule, epochs, steps_per_epoch) = match &self.rates {
            Rates::Schedule {
                base,
                schedule,
                epochs,
                steps_per_epoch,
            } => (*base, schedule, *epochs, *steps_per_epoch),
            Rates::Climb { from, to, steps } => {
                let share = step as f64 / (*steps.max(&2) - 1) as f64;
                return from * (to / from).powf(share);
            }
        };
        let epoch = step as f64 / steps_per_epoch;
        let warmup = schedule.warmup_epochs;
        let next = (step + 1) as f64 / steps_per_epoch;
        if epoch < warmup {
            return base * (next / warmup).min(1.0); // the first step is above 0
        }
        let since = epoch - warmup;
        match schedule.decay {
            Decay::Constant => base,
            Decay::Cosine { final_fraction } => {
                // Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983, eq. 5, one cycle
                let share = (since / (epochs - warmup)).min(1.0);
                base * between(1.0, final_fraction, share)
            }
            Decay::OneCycle {
                rise,
                initial_fraction,
                final_fraction,
            } => {
                let share = (step as f64 / (epochs * steps_per_epoch - 1.0).max(1.0)).min(1.0);
                if share < rise {
                    base * between(initial_fraction, 1.0, share / rise)
                } else {
                    base * between(1.0, final_fraction, (share - rise) / (1.0 - rise))
                }
            }
            Decay::Plateau {
                factor,
                final_fraction,
                ..
            } => {
                let reduced = factor.powf(self.reductions.load(Relaxed) as f64);
                base * reduced.max(final_fraction)
            }
            Decay::Step {
                every_epochs,
                factor,
            } => base * factor.powf((since / every_epochs).floor()),
        }
    }
}

/// Returns the value at `share` (0 to 1) of the way from one value to another, along half a cosine wave.
fn between(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (PI * share).cos())
}

/// Returns how often the least loss so far stood for `patience` epochs in a row; after that the count starts anew.
fn plateaus(losses: impl Iterator<Item = f64>, patience: usize) -> usize {
    let (mut least, mut waited, mut reductions) = (f64::INFINITY, 0, 0);
    for loss in losses {
        waited = if loss < least { 0 } else { waited + 1 };
        least = least.min(loss);
        if waited == patience {
            (waited, reductions) = (0, reductions + 1);
        }
    }
    reductions
}

impl LrScheduler for LearningRate {
    fn step(&mut self) -> f64 {
        let rate = self.at(self.step);
        self.step += 1;
        rate
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar("step", self.step)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        if let Some(step) = record.scalar("step") {
            self.step = step;
        }
    }
}

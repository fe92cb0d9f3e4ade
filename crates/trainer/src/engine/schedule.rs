//! The learning rate as a function of the step; schedules are configured in epochs.

use burn::optim::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use experiment::{Decay, Experiment, Schedule};

/// The learning rates of a whole run; Burn requests one before every step.
#[derive(Debug, Clone)]
pub struct LearningRate {
    rates: Rates,
    step: usize,
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
        Self { rates, step: 0 }
    }

    /// Returns the learning rates of a run of `experiment` with `steps_per_epoch` steps per epoch.
    pub fn of(experiment: &Experiment, steps_per_epoch: usize) -> Self {
        let base = experiment.optimizer.learning_rate();
        let epochs = experiment.training.epochs;
        Self::new(base, &experiment.schedule, epochs, steps_per_epoch)
    }

    /// Returns rates that grow from `from` to `to` in `steps` steps, by a constant factor.
    pub fn climb(from: f64, to: f64, steps: usize) -> Self {
        let rates = Rates::Climb { from, to, steps };
        Self { rates, step: 0 }
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
                let wave = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
                base * (final_fraction + (1.0 - final_fraction) * wave)
            }
            Decay::Step {
                every_epochs,
                factor,
            } => base * factor.powf((since / every_epochs).floor()),
        }
    }
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

//! The learning rate as a function of the step, stated in epochs.

use burn::optim::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use experiment::{Decay, Schedule};

/// A learning-rate schedule over a whole run; Burn asks it once before every step.
#[derive(Debug, Clone)]
pub struct LearningRate {
    base: f64,
    schedule: Schedule,
    epochs: f64,
    steps_per_epoch: f64,
    step: usize,
}

impl LearningRate {
    /// Returns the schedule of a run of `epochs` epochs of `steps_per_epoch` steps, with `base` as
    /// the highest learning rate.
    pub fn new(base: f64, schedule: &Schedule, epochs: usize, steps_per_epoch: usize) -> Self {
        Self {
            base,
            schedule: schedule.clone(),
            epochs: epochs as f64,
            steps_per_epoch: steps_per_epoch.max(1) as f64,
            step: 0,
        }
    }

    /// Begins at `step`, counted from 0 over the whole run.
    pub fn starting_at(self, step: usize) -> Self {
        Self { step, ..self }
    }

    /// Returns the learning rate of `step`, counted from 0 over the whole run.
    ///
    /// Linear warm-up reaches the base rate after `warmup_epochs`; what follows counts from there.
    pub fn at(&self, step: usize) -> f64 {
        let epoch = step as f64 / self.steps_per_epoch;
        let warmup = self.schedule.warmup_epochs;
        let next = (step + 1) as f64 / self.steps_per_epoch;
        if epoch < warmup {
            return self.base * (next / warmup).min(1.0); // the first step is above 0
        }
        let since = epoch - warmup;
        match self.schedule.decay {
            Decay::Constant => self.base,
            Decay::Cosine { final_fraction } => {
                // Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983, eq. 5, one cycle
                let share = (since / (self.epochs - warmup)).min(1.0);
                let wave = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
                self.base * (final_fraction + (1.0 - final_fraction) * wave)
            }
            Decay::Step {
                every_epochs,
                factor,
            } => self.base * factor.powf((since / every_epochs).floor()),
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

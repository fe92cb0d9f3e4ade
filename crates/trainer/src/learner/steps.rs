//! The steps of an epoch: what happens between two checkpoints, and after every step.

use std::time::{Duration, Instant};

use super::dashboard::Dashboard;
use super::{Epochs, Event, divergence};
use crate::engine::{Engine, Totals};
use crate::failure::Failure;
use crate::run::state::State;

/// How often a live display is updated.
const LIVE_INTERVAL: Duration = Duration::from_millis(100);

impl Epochs {
    /// Trains on the remaining batches of an epoch, with a pause for each checkpoint that is due within it; returns
    /// whether all are done.
    pub(super) fn train(
        &self,
        state: &mut State,
        engine: &mut Engine,
        dashboard: &mut Dashboard,
        seconds: &dyn Fn() -> f64,
    ) -> Result<bool, Failure> {
        let last = self.batches.per_epoch();
        while state.step < last && !self.is_asked_to_stop() {
            let pause = self.checkpoints.steps_until_due(state.steps);
            let end = pause.map_or(last, |pause| last.min(state.step + pause));
            let mut totals = Totals::new(self.objective.clone(), state.sums());
            let mut step = StepWatch::new(self, state.epoch, dashboard);
            let next = engine.train(
                state.epoch,
                state.step..end,
                &mut totals,
                &mut |number, totals| step.took(number, totals),
            )?;
            if next == state.step {
                return Err(Failure::failed("the engine was given no batch to train on"));
            }
            let sums = totals.sums().map_err(Failure::device)?.clone();
            self.refuse_divergence(state.epoch, next - 1, &totals)?;
            state.advance(sums, next);
            state.seconds = seconds();
            if !self.is_asked_to_stop() && state.step < last && self.checkpoints.is_due(state.steps)
            {
                self.checkpoint(state, engine, false)?;
            }
        }
        Ok(!self.is_asked_to_stop())
    }

    /// Fails when the mean loss of the epoch up to `step`, as far as it is known, shows divergence.
    fn refuse_divergence(&self, epoch: usize, step: usize, totals: &Totals) -> Result<(), Failure> {
        let mean = totals.known().mean_loss();
        if !divergence::has_come(mean) {
            return Ok(());
        }
        let size = self.batches.batch_size();
        let step = totals.diverged().map_or(step, |image| image / size);
        let batches = self.batches.epoch(epoch - 1);
        let images = batches.order().get(batches.positions(step));
        Err(divergence::at(
            epoch,
            step,
            mean,
            images.unwrap_or_default(),
        ))
    }
}

/// Work after every step.
struct StepWatch<'a> {
    epochs: &'a Epochs,
    epoch: usize,
    dashboard: &'a mut Dashboard,
    /// When the live display was fed last.
    shown: Instant,
}

impl<'a> StepWatch<'a> {
    fn new(epochs: &'a Epochs, epoch: usize, dashboard: &'a mut Dashboard) -> Self {
        Self {
            epochs,
            epoch,
            dashboard,
            shown: Instant::now(),
        }
    }

    /// Handles a step, counted from 0; returns whether to continue.
    fn took(&mut self, step: usize, totals: &mut Totals) -> Result<bool, Failure> {
        let epochs = self.epochs;
        epochs.refuse_divergence(self.epoch, step, totals)?;
        if epochs.live && self.shown.elapsed() >= LIVE_INTERVAL {
            self.shown = Instant::now();
            let sums = totals.sums().map_err(Failure::device)?;
            epochs.tell(Event::Step {
                epoch: self.epoch,
                images: sums.images,
                of: epochs.batches.images().len(),
                figures: sums.figures(),
            })?;
        }
        let before = (self.epoch - 1) * epochs.batches.per_epoch();
        let rate = || epochs.learning_rate.at(before + step);
        self.dashboard.trained(step, totals, rate)?;
        Ok(!epochs.is_asked_to_stop() && !epochs.checkpoints.time_is_up())
    }
}

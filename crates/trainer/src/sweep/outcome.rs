//! The results of a sweep's settings on the validation images: scores, ranks, significance.

use std::path::Path;

use experiment::{Experiment, Metric};
use serde::Serialize;

use super::folder::{SweepState, Trial};
use super::statistics::{Paired, Spread, holm, paired};
use crate::configs;
use crate::failure::Failure;
use crate::run::best::Best;
use crate::run::{Status, list, manifest};

/// The result of a setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Its number, counted from 1.
    pub setting: usize,
    /// What it sets: keys with their values as TOML.
    pub values: Vec<(String, String)>,
    /// Maximum number of epochs it was trained for.
    pub epochs: usize,
    /// Whether it was stopped before its last epoch because others did better.
    pub given_up: bool,
    /// Each seed it was trained with, and the metric on the validation images after the epoch whose weights were
    /// kept.
    pub scores: Vec<(u64, f64)>,
    /// Number of trainings that diverged or ended without a readable score.
    pub failed: usize,
    /// Mean and spread of the scores.
    pub spread: Option<Spread>,
    /// The paired test against the best setting, corrected for the number of tests; only for settings trained as
    /// long as the best.
    pub against_best: Option<Paired>,
}

/// The status of a training.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Not started.
    New,
    /// Started, and to be resumed.
    Begun,
    /// Trained to the requested epoch, or ended earlier by early stopping.
    Done,
    /// Diverged, and would diverge again.
    Failed(String),
}

impl Trial {
    /// Returns its status if it is to be trained for `epochs` epochs.
    pub fn standing(&self, epochs: usize) -> Standing {
        let Ok(manifest) = manifest::read(&self.folder) else {
            return Standing::New;
        };
        match manifest.status {
            Status::Finished
                if manifest.epochs >= epochs || self.stopped_early(manifest.epochs) =>
            {
                Standing::Done
            }
            _ if self.is_beyond(epochs) => Standing::Done,
            Status::Failed if manifest.diverged => {
                Standing::Failed(manifest.error.unwrap_or_default())
            }
            _ => Standing::Begun,
        }
    }

    /// Returns whether a later round resumed it after `epochs` epochs. However that ended, the result of this round
    /// stays the same.
    fn is_beyond(&self, epochs: usize) -> bool {
        self.experiment()
            .is_some_and(|experiment| experiment.training.epochs > epochs)
            && list::metrics(&self.folder).len() >= epochs
    }

    /// Returns whether early stopping ended it after `done` epochs.
    fn stopped_early(&self, done: usize) -> bool {
        self.experiment()
            .is_some_and(|experiment| done < experiment.training.epochs)
    }

    /// Returns the run's experiment.
    fn experiment(&self) -> Option<Experiment> {
        configs::of_run(&self.folder, &[]).ok()
    }

    /// Returns the metric on the validation images after the epoch whose weights are kept, for a training of `epochs`
    /// epochs; `None` if it is not done.
    pub fn score(&self, metric: Metric, epochs: usize) -> Option<f64> {
        if self.standing(epochs) != Standing::Done {
            return None;
        }
        let rule = self.experiment()?.early_stopping;
        let mut metrics = list::metrics(&self.folder);
        metrics.truncate(epochs);
        let mut best = Best::default();
        for epoch in &metrics {
            best.judge(epoch, rule.as_ref());
        }
        let kept = metrics
            .iter()
            .find(|epoch| Some(epoch.epoch) == best.epoch)?;
        kept.validation(metric)
    }
}

/// Returns the result of a setting after `epochs` epochs.
fn of_setting(sweep: &SweepState, path: &Path, setting: usize, epochs: usize) -> Outcome {
    let trials: Vec<Trial> = sweep
        .seeds
        .iter()
        .map(|seed| sweep.trial(path, setting, *seed))
        .collect();
    let scores: Vec<(u64, f64)> = trials
        .iter()
        .filter_map(|trial| Some((trial.seed, trial.score(sweep.metric, epochs)?)))
        .collect();
    let has_ended =
        |trial: &Trial| matches!(trial.standing(epochs), Standing::Failed(_) | Standing::Done);
    let failed = trials
        .iter()
        .filter(|trial| scores.iter().all(|(seed, _)| *seed != trial.seed) && has_ended(trial))
        .count();
    let figures: Vec<f64> = scores.iter().map(|(_, score)| *score).collect();
    let at = setting.saturating_sub(1);
    Outcome {
        setting,
        values: sweep.settings.get(at).cloned().unwrap_or_default(),
        epochs,
        given_up: false,
        spread: Spread::of(&figures),
        scores,
        failed,
        against_best: None,
    }
}

/// Returns all settings, best first. They are compared round by round; without halving there is one round.
/// `train` is called with the number of each round, the number of rounds, and the round's trainings with their
/// epochs.
///
/// # Errors
/// Those of `train`.
pub fn ranked(
    sweep: &SweepState,
    path: &Path,
    mut train: impl FnMut(u32, u32, Vec<(Trial, usize)>) -> Result<(), Failure>,
) -> Result<Vec<Outcome>, Failure> {
    let of = experiment::rounds(sweep.settings.len(), sweep.halving);
    let (mut settings, mut given_up): (Vec<usize>, _) =
        ((1..=sweep.settings.len()).collect(), Vec::new());
    let mut outcomes = Vec::new();
    for round in 1..=of {
        let epochs = |setting: usize| {
            let full = sweep.epochs.get(setting - 1).copied().unwrap_or(1);
            experiment::epochs_in_round(full, sweep.halving, of - round)
        };
        let with_seeds = |setting: &usize| {
            sweep
                .seeds
                .iter()
                .map(|seed| (*setting, *seed))
                .collect::<Vec<_>>()
        };
        let trial = |(setting, seed)| (sweep.trial(path, setting, seed), epochs(setting));
        train(
            round,
            of,
            settings.iter().flat_map(with_seeds).map(trial).collect(),
        )?;
        outcomes = settings
            .iter()
            .map(|setting| of_setting(sweep, path, *setting, epochs(*setting)))
            .collect();
        rank(&mut outcomes, sweep.metric);
        if round < of {
            let kept = outcomes.len().div_ceil(sweep.halving.unwrap_or(1));
            let others = outcomes.split_off(kept).into_iter();
            let give_up = |outcome| Outcome {
                given_up: true,
                against_best: None,
                ..outcome
            };
            given_up.splice(0..0, others.map(give_up));
            settings = outcomes.iter().map(|outcome| outcome.setting).collect();
            settings.sort_unstable();
        }
    }
    Ok([outcomes, given_up].concat())
}

/// Sorts the settings of a round, best first, with settings that have failed trainings last. Fills in the
/// tests against the best.
fn rank(outcomes: &mut [Outcome], metric: Metric) {
    let key = |outcome: &Outcome| {
        let mean = outcome
            .spread
            .map_or(f64::INFINITY, |spread| metric.cost(spread.mean));
        (outcome.failed > 0, mean)
    };
    outcomes.sort_by(|a, b| {
        let ((a_failed, a_mean), (b_failed, b_mean)) = (key(a), key(b));
        a_failed.cmp(&b_failed).then(a_mean.total_cmp(&b_mean))
    });
    let Some((best, others)) = outcomes.split_first_mut() else {
        return;
    };
    for other in others.iter_mut() {
        let pairs: Vec<(f64, f64)> = best
            .scores
            .iter()
            .filter_map(|(seed, score)| {
                let twin = other.scores.iter().find(|(of, _)| of == seed)?;
                Some((*score, twin.1))
            })
            .collect();
        other.against_best = paired(&pairs);
    }
    holm(
        &mut others
            .iter_mut()
            .filter_map(|other| other.against_best.as_mut())
            .collect::<Vec<_>>(),
    );
}

/// Returns the best of the ranked settings, if all its trainings finished.
pub fn best(ranked: &[Outcome]) -> Option<&Outcome> {
    ranked
        .first()
        .filter(|outcome| !outcome.given_up && outcome.failed == 0 && outcome.spread.is_some())
}

//! The best epoch so far by the validation split, and early stopping's patience.

use experiment::{EarlyStopping, Metric};
use serde::{Deserialize, Serialize};

use super::epoch::EpochMetrics;

/// The best epoch so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Its number, counted from 1.
    pub epoch: Option<usize>,
    /// Its value of the metric, as a cost; lower is better.
    value: f64,
    /// The cost that patience waits to see improved by `min_delta`, and the epoch that set it.
    mark: Option<(usize, f64)>,
}

impl Best {
    /// Returns whether it is possible after `epochs` epochs.
    pub fn is_among(&self, epochs: usize) -> bool {
        let marked = self.mark.map(|(epoch, _)| epoch);
        let mut named = self.epoch.iter().chain(&marked);
        named.all(|epoch| (1..=epochs).contains(epoch))
    }

    /// Adds a finished epoch. Returns whether it is the best so far, and whether patience has run out.
    pub fn judge(&mut self, metrics: &EpochMetrics, rule: Option<&EarlyStopping>) -> (bool, bool) {
        let metric = rule.map_or(Metric::LOSS, |rule| rule.metric);
        let Some(figure) = metrics.validation(metric) else {
            return (false, false);
        };
        let value = metric.cost(figure);
        let is_best = self.epoch.is_none() || value < self.value;
        if is_best {
            self.epoch = Some(metrics.epoch);
            self.value = value;
        }
        let Some(rule) = rule else {
            return (is_best, false);
        };
        let (since, mark) = *self.mark.get_or_insert((metrics.epoch, value));
        if value < mark - rule.min_delta {
            self.mark = Some((metrics.epoch, value));
            return (is_best, false);
        }
        (is_best, metrics.epoch - since >= rule.patience)
    }
}

//! The metrics of one epoch.

use std::collections::BTreeMap;

use experiment::{Figures, MAX_EPOCHS, Metric};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

/// The metrics of one epoch: a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochMetrics {
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// Learning rate of its last step.
    pub learning_rate: f64,
    /// Metrics on the epoch's training images, each measured before the step that trained on it.
    pub train: Figures,
    /// Metrics on the validation images after the epoch, if there are any.
    pub validation: Option<Figures>,
    /// Wall time of the epoch including validation, in seconds.
    pub seconds: f64,
}

impl EpochMetrics {
    /// Returns a metric on the validation images, if there were any.
    pub fn validation(&self, metric: Metric) -> Option<f64> {
        self.validation.and_then(|figures| figures.get(metric))
    }

    /// Returns every known figure with its metric and its images, `train` or `validation`.
    pub fn figures(&self) -> impl Iterator<Item = (&'static str, Metric, f64)> {
        let of = |images, figures: Figures| {
            let known: Vec<_> = figures.known().collect();
            known
                .into_iter()
                .map(move |(m, figure)| (images, m, figure))
        };
        let validation = self.validation.into_iter();
        of("train", self.train).chain(validation.flat_map(move |f| of("validation", f)))
    }
}

/// As a flat map: `train_loss`, `validation_accuracy`, ...
impl Serialize for EpochMetrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("epoch", &self.epoch)?;
        map.serialize_entry("learning_rate", &self.learning_rate)?;
        for (images, metric, figure) in self.figures() {
            map.serialize_entry(&format!("{images}_{}", metric.key), &figure)?;
        }
        map.serialize_entry("seconds", &self.seconds)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for EpochMetrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Line {
            epoch: usize,
            learning_rate: f64,
            seconds: f64,
            #[serde(flatten)]
            rest: BTreeMap<String, Value>,
        }
        let line = Line::deserialize(deserializer)?;
        let figures =
            |images: &str| Figures::find(|key| line.rest.get(&format!("{images}_{key}"))?.as_f64());
        let (train, validation) = (figures("train"), figures("validation"));
        if train.get(Metric::LOSS).is_none() {
            return Err(de::Error::missing_field("train_loss"));
        }
        if !(1..=MAX_EPOCHS).contains(&line.epoch) {
            return Err(de::Error::custom(format_args!(
                "`epoch` must be 1 to {MAX_EPOCHS}"
            )));
        }
        Ok(Self {
            epoch: line.epoch,
            learning_rate: line.learning_rate,
            train,
            validation: validation.get(Metric::LOSS).map(|_| validation),
            seconds: line.seconds,
        })
    }
}

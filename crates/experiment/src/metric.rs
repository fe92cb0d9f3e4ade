//! The metrics: one table of them, and the sums over images that they are computed from.
//!
//! Everything that shows, stores or compares metrics iterates over [`METRICS`]: a new one is a row here.

use std::collections::BTreeMap;

use model::calibration::top;
use model::config::MAX_CLASSES;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A row of the table.
#[derive(Debug)]
pub struct Definition {
    /// Its name in configs, files and `--json`.
    pub key: &'static str,
    /// Its display name, in lower case.
    pub label: &'static str,
    /// Whether higher is better.
    pub higher_is_better: bool,
    /// Whether it is printed in the line after an epoch or a test.
    pub in_line: bool,
    /// Computes it; `None` if the sums lack what it needs.
    of: fn(&Sums) -> Option<f64>,
}

/// The metrics, in the order in which they are shown.
pub static METRICS: [Definition; 4] = [
    Definition {
        key: "loss",
        label: "loss",
        higher_is_better: false,
        in_line: true,
        of: |sums| Some(sums.mean_loss()),
    },
    Definition {
        key: "accuracy",
        label: "accuracy",
        higher_is_better: true,
        in_line: true,
        of: |sums| Some(share(sums.correct, sums.images)),
    },
    // The label is among the two most probable classes. Keras: `SparseTopKCategoricalAccuracy(k=2)`.
    Definition {
        key: "top_2_accuracy",
        label: "top-2 accuracy",
        higher_is_better: true,
        in_line: false,
        of: |sums| {
            let ranks = &sums.counts.as_ref()?.ranks;
            Some(share(ranks.iter().take(2).sum(), sums.images))
        },
    },
    // The mean over the classes of F1 = 2 hits / (images + predicted); 0 where a class has neither. scikit-learn:
    // `f1_score(average="macro", labels=range(classes), zero_division=0)`.
    Definition {
        key: "macro_f1",
        label: "macro F1",
        higher_is_better: true,
        in_line: false,
        of: |sums| {
            let classes = &sums.counts.as_ref()?.classes;
            let f1 = |[images, predicted, hits]: &[usize; 3]| share(2 * hits, images + predicted);
            Some(classes.iter().map(f1).sum::<f64>() / classes.len().max(1) as f64)
        },
    },
];

/// One of [`METRICS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric(usize);

impl Metric {
    /// The mean loss.
    pub const LOSS: Self = Self(0);
    /// Fraction of correct predictions, 0 to 1.
    pub const ACCURACY: Self = Self(1);

    /// Returns all metrics, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..METRICS.len()).map(Self)
    }

    /// Returns all metrics in the order of results: accuracy before loss.
    pub fn of_results() -> impl Iterator<Item = Self> {
        [Self::ACCURACY, Self::LOSS]
            .into_iter()
            .chain(Self::all().skip(2))
    }

    /// Returns all metrics with their names in configs.
    pub fn named() -> [(&'static str, Self); METRICS.len()] {
        std::array::from_fn(|i| (Self(i).key, Self(i)))
    }

    /// Returns its display name, capitalised.
    pub fn title(self) -> String {
        let mut letters = self.label.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect()
    }

    /// Returns a value of this metric as a cost, so that lower is better.
    pub fn cost(self, figure: f64) -> f64 {
        if self.higher_is_better {
            -figure
        } else {
            figure
        }
    }
}

impl std::ops::Deref for Metric {
    type Target = Definition;

    #[expect(clippy::indexing_slicing, reason = "made from the table alone")]
    fn deref(&self) -> &Definition {
        &METRICS[self.0]
    }
}

/// Serialized as its key.
impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        let found = Self::all().find(|metric| metric.key == key);
        found.ok_or_else(|| de::Error::custom("no such metric"))
    }
}

/// The values of all [`METRICS`] on some images.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures([Option<f64>; METRICS.len()]);

impl Figures {
    /// Returns the value of a metric, if it is known.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.0.get(metric.0).copied().flatten()
    }

    /// Returns the mean loss; NaN if it is not known.
    pub fn loss(&self) -> f64 {
        self.get(Metric::LOSS).unwrap_or(f64::NAN)
    }

    /// Returns the accuracy, 0 to 1; NaN if it is not known.
    pub fn accuracy(&self) -> f64 {
        self.get(Metric::ACCURACY).unwrap_or(f64::NAN)
    }

    /// Returns the known values, in the order of the table.
    pub fn known(&self) -> impl Iterator<Item = (Metric, f64)> {
        Metric::all().filter_map(|metric| Some((metric, self.get(metric)?)))
    }

    /// Returns the metrics that are printed as a line: `loss 0.4912  accuracy 0.8271`.
    pub fn line(&self) -> String {
        self.line_of(Metric::all())
    }

    /// Returns the same for a test, accuracy before loss.
    pub fn test_line(&self) -> String {
        self.line_of(Metric::of_results())
    }

    fn line_of(&self, metrics: impl Iterator<Item = Metric>) -> String {
        let in_line = metrics.filter(|metric| metric.in_line);
        let text = |metric: Metric| Some(format!("{} {:.4}", metric.label, self.get(metric)?));
        in_line.filter_map(text).collect::<Vec<_>>().join("  ")
    }

    /// Returns the values that `find` returns for the metrics' keys.
    pub fn find(find: impl Fn(&str) -> Option<f64>) -> Self {
        Self(std::array::from_fn(|i| find(Metric(i).key)))
    }
}

/// Serialized as a map from keys to the known values.
impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.known().map(|(metric, figure)| (metric.key, figure)))
    }
}

impl<'de> Deserialize<'de> for Figures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, f64>::deserialize(deserializer)?;
        Ok(Self::find(|key| map.get(key).copied()))
    }
}

/// Sums over some images, from which every metric is computed: exact for batches of any size.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sums {
    /// Sum of the losses.
    pub loss: f64,
    /// Number of images.
    pub images: usize,
    /// Number of correct predictions; of equal logits, the first counts.
    pub correct: usize,
    /// Counts per class; `None` if an earlier version of the program computed part of the sums.
    pub counts: Option<Counts>,
}

/// Counts per class. Empty before the first image.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Number of images by the rank of their label among the logits, highest first, `[classes]`.
    pub ranks: Vec<usize>,
    /// For each class: its images, the images predicted as it, and its images predicted correctly.
    pub classes: Vec<[usize; 3]>,
}

impl Sums {
    /// Returns the sums of no images.
    pub fn new() -> Self {
        Self {
            counts: Some(Counts::default()),
            ..Self::default()
        }
    }

    /// Returns the mean loss; 0 if there are no images.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.images.max(1) as f64
    }

    /// Returns the values of all metrics.
    pub fn figures(&self) -> Figures {
        Figures(std::array::from_fn(|i| (Metric(i).of)(self)))
    }

    /// Adds predictions: `logits` `[images, classes]` and the `labels` `[images]`, which are below the number of
    /// classes. The caller adds the losses.
    pub fn add_answers(&mut self, logits: &[f32], labels: &[u8]) {
        let classes = logits.len() / labels.len().max(1);
        for (row, &label) in logits.chunks_exact(classes.max(1)).zip(labels) {
            let label = usize::from(label);
            let (top, _) = top(row);
            self.images += 1;
            self.correct += usize::from(top == label);
            if let Some(counts) = &mut self.counts {
                counts.add(row, label, top);
            }
        }
    }
}

impl Counts {
    /// Returns whether the counts fit `images` images and `correct` correct predictions.
    pub fn fit(&self, images: usize, correct: usize) -> bool {
        let sum = |of: usize| -> Option<usize> {
            let mut counts = self.classes.iter().map(|class| class.get(of).copied());
            counts.try_fold(0, |sum: usize, count| sum.checked_add(count?))
        };
        let ranked = self
            .ranks
            .iter()
            .try_fold(0, |sum: usize, n| sum.checked_add(*n));
        self.ranks.len() == self.classes.len()
            && self.ranks.len() <= MAX_CLASSES
            && ranked == Some(images)
            && [sum(0), sum(1), sum(2)] == [Some(images), Some(images), Some(correct)]
    }

    fn add(&mut self, row: &[f32], label: usize, top: usize) {
        self.ranks.resize(row.len(), 0);
        self.classes.resize(row.len(), [0; 3]);
        if let Some(count) = self.ranks.get_mut(rank(row, label)) {
            *count += 1;
        }
        if let Some([images, _, hits]) = self.classes.get_mut(label) {
            *images += 1;
            *hits += usize::from(top == label);
        }
        if let Some([_, predicted, _]) = self.classes.get_mut(top) {
            *predicted += 1;
        }
    }
}

/// Returns how many classes rank before `label`: those with a higher logit, and earlier ones with the same.
fn rank(row: &[f32], label: usize) -> usize {
    let Some(own) = row.get(label) else {
        return row.len();
    };
    let before = |(class, logit): &(usize, &f32)| *logit > own || (*logit == own && *class < label);
    row.iter().enumerate().filter(before).count()
}

fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums() -> Sums {
        // Labels 0, 0, 0, 1 of three classes; the answers are 0, 0, 1 and 1.
        let logits = [
            [3.0, 2.0, 1.0],
            [3.0, 1.0, 2.0],
            [2.0, 3.0, 1.0],
            [1.0, 3.0, 2.0],
        ];
        let mut sums = Sums::new();
        sums.add_answers(logits.as_flattened(), &[0, 0, 0, 1]);
        sums.loss = 1.0;
        sums
    }

    fn figure(sums: &Sums, key: &str) -> Option<f64> {
        let metric = Metric::all().find(|metric| metric.key == key)?;
        sums.figures().get(metric)
    }

    /// Against scikit-learn's `accuracy_score`, `top_k_accuracy_score(k=2, labels=range(3))` and
    /// `f1_score(average="macro", labels=range(3), zero_division=0)`.
    #[test]
    fn figures_of_four_answers() {
        let sums = sums();
        assert_eq!(figure(&sums, "loss"), Some(0.25));
        assert_eq!(figure(&sums, "accuracy"), Some(0.75));
        assert_eq!(figure(&sums, "top_2_accuracy"), Some(1.0));
        let macro_f1 = (0.8 + 2.0 / 3.0 + 0.0) / 3.0;
        assert!((figure(&sums, "macro_f1").unwrap_or(0.0) - macro_f1).abs() < 1e-12);
    }

    #[test]
    fn equal_logits_rank_by_class() {
        let mut sums = Sums::new();
        sums.add_answers(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0], &[0, 2]);
        let counts = sums.counts.clone().unwrap_or_default();
        assert_eq!((sums.correct, counts.ranks), (1, vec![1, 0, 1]));
        assert_eq!(counts.classes, [[1, 2, 1], [0, 0, 0], [1, 0, 0]]);
        assert_eq!(figure(&sums, "top_2_accuracy"), Some(0.5));
    }

    /// A checkpoint of an earlier version stopped in the middle of an epoch: it did not count classes.
    #[test]
    fn what_was_not_counted_is_not_known() {
        let mut old = Sums {
            counts: None,
            ..sums()
        };
        old.add_answers(&[0.0, 1.0, 0.0], &[1]);
        assert_eq!(figure(&old, "accuracy"), Some(0.8));
        assert_eq!(figure(&old, "macro_f1"), None);
        assert!(Counts::default().fit(0, 0) && sums().counts.is_some_and(|c| c.fit(4, 3)));
        assert!(!sums().counts.is_some_and(|c| c.fit(4, 2) || c.fit(5, 3)));
    }

    #[test]
    fn metrics_are_named_once_and_read_back() {
        let mut keys: Vec<&str> = Metric::all().map(|metric| metric.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), METRICS.len());
        assert_eq!(Metric::of_results().count(), METRICS.len());
        assert_eq!(Metric::LOSS.key, "loss");
        assert_eq!(Metric::ACCURACY.key, "accuracy");
        assert_eq!(
            (Metric::LOSS.cost(2.0), Metric::ACCURACY.cost(2.0)),
            (2.0, -2.0)
        );
    }
}

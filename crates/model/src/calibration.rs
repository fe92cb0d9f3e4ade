//! Calibrated probabilities: of the predictions that a calibrated network makes with 80 % probability, four in
//! five are correct.
//!
//! [`Calibration`] is temperature scaling, fitted on held-out images: Guo et al. 2017,
//! <https://arxiv.org/abs/1706.04599>. [`Reliability`] measures how far probabilities are from accuracy.

use serde::{Deserialize, Serialize};

/// Bins of the expected calibration error, as in Guo et al. 2017.
pub const BINS: usize = 15;
/// Minimum number of images to fit a temperature on. With fewer, a network that predicts all of them correctly
/// would be made certain of everything.
pub const LEAST_IMAGES: usize = 100;
/// Highest temperature that is fitted; the lowest is one over it.
const HOTTEST: f64 = 20.0;
/// Bisections of the interval that contains the temperature: its logarithm is then exact to 1e-11.
const HALVINGS: usize = 40;

/// Temperature scaling, which makes a network less or more confident: each probability is raised to the power
/// of 1 / `temperature`, and those of a picture are scaled to sum to 1. The order of the classes is unchanged.
///
/// For softmax this is softmax(logits / temperature). Networks with sigmoid outputs, whose probabilities are
/// the outputs divided by their sum, are calibrated by the same rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Above 1 if the network was overconfident, below 1 if underconfident; 0.05 to 20.
    pub temperature: f64,
    /// Number of held-out images it was fitted on.
    pub images: usize,
    /// Expected calibration error of the raw probabilities of these images, 0 to 1.
    pub ece_before: f64,
    /// The same for the calibrated ones, cross-fitted: each half of the images is measured with a
    /// temperature that was fitted on the other half.
    pub ece_after: f64,
}

impl Calibration {
    /// Returns the temperature that minimises the cross-entropy of held-out images, from their raw
    /// `probabilities` `[images, classes]` and `labels` `[images]`, each below `classes`.
    ///
    /// `None` if there are fewer than [`LEAST_IMAGES`], or the lengths or labels do not fit.
    pub fn fit(probabilities: &[f32], labels: &[u8], classes: usize) -> Option<Self> {
        let fits = labels.len().checked_mul(classes) == Some(probabilities.len())
            && labels.iter().all(|&label| usize::from(label) < classes);
        if !fits || labels.len() < LEAST_IMAGES {
            return None;
        }
        let logs: Vec<f64> = probabilities.iter().map(|&p| f64::from(log(p))).collect();
        let rows = logs.chunks_exact(classes).zip(labels);
        let rows: Vec<Row> = rows.map(Row::of).collect::<Option<_>>()?;
        // Every second image, so that an order by class does not matter.
        let half = |first: usize| rows.iter().skip(first).step_by(2).copied();
        let (even, odd) = (half(0).collect::<Vec<_>>(), half(1).collect::<Vec<_>>());
        let crosswise = [(&even, temperature(&odd)), (&odd, temperature(&even))];
        let measured = crosswise.into_iter().flat_map(|(half, temperature)| {
            half.iter().map(move |row| {
                let mut sharp: Vec<f32> = row.logs.iter().map(|&log| log.exp() as f32).collect();
                sharpen(&mut sharp, temperature);
                judge(&sharp, row.label)
            })
        });
        Some(Self {
            temperature: temperature(&rows),
            images: labels.len(),
            ece_before: Reliability::measure(probabilities, labels, classes).ece(),
            ece_after: Reliability::of(measured).ece(),
        })
    }

    /// Calibrates raw `probabilities` `[images, classes]` in place.
    pub fn apply(&self, probabilities: &mut [f32], classes: usize) {
        for row in probabilities.chunks_mut(classes.max(1)) {
            sharpen(row, self.temperature);
        }
    }

    /// Returns whether the numbers are within the range of [`Calibration::fit`].
    pub fn is_valid(&self) -> bool {
        let errors = [self.ece_before, self.ece_after];
        (0.99 / HOTTEST..=1.01 * HOTTEST).contains(&self.temperature)
            && errors.iter().all(|error| (0.0..=1.0).contains(error))
    }
}

/// Accuracy against confidence, in bins of equal width over the probability of the most probable class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reliability {
    /// From the least to the most confident predictions.
    pub bins: [Bin; BINS],
}

/// The predictions in one bin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Number of images in the bin.
    pub images: usize,
    /// Mean probability of their most probable class, 0 to 1; 0 without images.
    pub confidence: f64,
    /// Fraction of them predicted correctly, 0 to 1; 0 without images.
    pub accuracy: f64,
}

impl Reliability {
    /// Returns the bins of `probabilities` `[images, classes]` of images with these `labels`
    /// `[images]`.
    pub fn measure(probabilities: &[f32], labels: &[u8], classes: usize) -> Self {
        let rows = probabilities.chunks(classes.max(1)).zip(labels);
        Self::of(rows.map(|(row, &label)| judge(row, label)))
    }

    /// Returns the bins of predictions, given as the probability of the most probable class and whether it is right.
    fn of(answers: impl Iterator<Item = (f32, bool)>) -> Self {
        let mut bins = [Bin::default(); BINS];
        for (confidence, is_right) in answers {
            let confidence = f64::from(confidence);
            let at = (confidence * BINS as f64) as usize;
            #[expect(clippy::indexing_slicing, reason = "there are `BINS` of them")]
            let bin = &mut bins[at.min(BINS - 1)];
            bin.images += 1;
            bin.confidence += confidence;
            bin.accuracy += f64::from(u8::from(is_right));
        }
        for bin in bins.iter_mut().filter(|bin| bin.images > 0) {
            bin.confidence /= bin.images as f64;
            bin.accuracy /= bin.images as f64;
        }
        Self { bins }
    }

    /// Returns the expected calibration error, 0 to 1: the mean over all images of the difference between
    /// accuracy and confidence of their bin; 0 without images.
    pub fn ece(&self) -> f64 {
        let images: usize = self.bins.iter().map(|bin| bin.images).sum();
        let distance = |bin: &Bin| bin.images as f64 * (bin.accuracy - bin.confidence).abs();
        self.bins.iter().map(distance).sum::<f64>() / images.max(1) as f64
    }
}

/// Returns the index of the largest value (the first of equal ones) and the value.
pub fn top(probabilities: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (class, &p) in probabilities.iter().enumerate() {
        if p > best.1 {
            best = (class, p);
        }
    }
    best
}

/// An image.
#[derive(Clone, Copy)]
struct Row<'a> {
    /// The logarithms of its probabilities, `[classes]`.
    logs: &'a [f64],
    label: u8,
    /// The logarithm for the label.
    right: f64,
}

impl<'a> Row<'a> {
    /// Returns `None` for a label that is not below the number of classes.
    fn of((logs, &label): (&'a [f64], &u8)) -> Option<Self> {
        let right = *logs.get(usize::from(label))?;
        Some(Self { logs, label, right })
    }
}

/// Returns the temperature that minimises the cross-entropy of `rows`. It is convex in 1 / temperature, so
/// bisection by the sign of its slope finds the minimum.
fn temperature(rows: &[Row]) -> f64 {
    let (mut low, mut high) = (-HOTTEST.ln(), HOTTEST.ln());
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if slope(rows, (-middle).exp()) < 0.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    ((low + high) / 2.0).exp()
}

/// Returns the slope of the summed cross-entropy at `power` = 1 / temperature: the expected logarithm
/// under the sharpened probabilities, minus the label's.
fn slope(rows: &[Row], power: f64) -> f64 {
    let of_row = |&Row { logs, right, .. }: &Row| {
        let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut total, mut expected) = (0.0, 0.0);
        for log in logs {
            let weight = (power * (log - highest)).exp();
            total += weight;
            expected += weight * log;
        }
        expected / total - right
    };
    rows.iter().map(of_row).sum()
}

/// Raises an image's probabilities to the power of 1 / `temperature` and scales them to sum to 1. The most probable
/// class stays the same, although two that hardly differ may become equal or swap by rounding.
fn sharpen(row: &mut [f32], temperature: f64) {
    let power = (1.0 / temperature) as f32;
    let (likeliest, highest) = top(row);
    let highest = log(highest);
    let mut total = 0.0;
    for p in row.iter_mut() {
        *p = (power * (log(*p) - highest)).exp();
        total += *p;
    }
    row.iter_mut().for_each(|p| *p /= total);
    let (found, most) = top(row);
    if let Some(p) = row.get_mut(likeliest).filter(|_| found != likeliest) {
        *p = most.next_up();
    }
}

/// Returns the logarithm of a probability; one that was rounded to 0 counts as the smallest positive one.
fn log(p: f32) -> f32 {
    p.max(f32::MIN_POSITIVE).ln()
}

/// Returns the probability of an image's most probable class, and whether it is the label.
fn judge(row: &[f32], label: u8) -> (f32, bool) {
    let (class, confidence) = top(row);
    (confidence, class == usize::from(label))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    const CLASSES: usize = 4;

    /// Returns probabilities of `images` images, and labels drawn from them: perfectly calibrated.
    fn honest(images: usize) -> (Vec<f32>, Vec<u8>) {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut unit = || (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
        let (mut probabilities, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..images {
            let row: Vec<f32> = (0..CLASSES).map(|_| (6.0 * unit()).exp()).collect();
            let total: f32 = row.iter().sum();
            let mut left = unit() * total;
            let drawn = row.iter().position(|p| {
                left -= p;
                left < 0.0
            });
            labels.push(drawn.unwrap_or(CLASSES - 1) as u8);
            probabilities.extend(row.iter().map(|p| p / total));
        }
        (probabilities, labels)
    }

    #[test]
    fn a_temperature_that_was_put_in_is_found_and_taken_out() {
        let (honest, labels) = honest(20_000);
        for expect in [0.5, 1.0, 2.0] {
            let mut raw = honest.clone();
            raw.chunks_mut(CLASSES)
                .for_each(|row| sharpen(row, 1.0 / expect));
            let found = Calibration::fit(&raw, &labels, CLASSES).unwrap();
            assert!((found.temperature / expect - 1.0).abs() < 0.05, "{found:?}");
            assert!(found.ece_after < 0.015, "{found:?}");
            assert!(expect == 1.0 || found.ece_before > 0.05, "{found:?}");
            assert!(found.is_valid());
            let before = raw.clone();
            found.apply(&mut raw, CLASSES);
            for (calibrated, honest) in raw.iter().zip(&honest) {
                assert!((calibrated - honest).abs() < 0.02, "{calibrated} {honest}");
            }
            for (calibrated, raw) in raw.chunks(CLASSES).zip(before.chunks(CLASSES)) {
                assert_eq!(top(calibrated).0, top(raw).0);
                assert!((calibrated.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn the_label_stays_where_two_classes_hardly_differ() {
        let mut equals = 0;
        for i in 0..2_000 {
            let low = 0.2 + 0.0001 * i as f32;
            for temperature in [0.05, 0.9, 1.3, 20.0] {
                let mut row = [low, low.next_up(), 0.1];
                let (power, highest) = ((1.0 / temperature) as f32, log(row[1]));
                equals += i32::from(power * (log(low) - highest) == 0.0);
                sharpen(&mut row, temperature);
                assert_eq!(top(&row).0, 1, "{low} {temperature} {row:?}");
            }
        }
        assert!(equals > 0, "the test has none of what it is about");
    }

    #[test]
    fn expected_calibration_error_by_hand() {
        // Three answers of 0.95 of which two are right, one of 0.55 that is wrong, one sure and right.
        let rows = [
            [0.95, 0.05],
            [0.05, 0.95],
            [0.95, 0.05],
            [0.55, 0.45],
            [1.0, 0.0],
        ];
        let reliability = Reliability::measure(&rows.concat(), &[0, 1, 1, 1, 0], 2);
        let expect = ((3.0 + 1.0) * ((0.75) - (3.0 * 0.95 + 1.0) / 4.0f64).abs() + 0.55) / 5.0;
        assert!((reliability.ece() - expect).abs() < 1e-7, "{reliability:?}");
        assert_eq!(reliability.bins[14].images, 4);
        assert_eq!(reliability.bins[8].images, 1);
        assert_eq!(Reliability::measure(&[], &[], 2).ece(), 0.0);
    }

    #[test]
    fn what_cannot_be_fitted_is_not() {
        let (probabilities, labels) = honest(LEAST_IMAGES);
        let fit = |p: &[f32], l: &[u8]| Calibration::fit(p, l, CLASSES);
        assert!(fit(&probabilities, &labels).is_some());
        assert!(fit(&probabilities[4..], &labels[1..]).is_none(), "too few");
        assert!(fit(&probabilities[1..], &labels).is_none());
        assert!(fit(&probabilities, &[9; LEAST_IMAGES]).is_none());
        // All right, or rounded to 0 where it matters: still a temperature within its limits.
        let certain: Vec<f32> = [1.0, 0.0, 0.0, 0.0].repeat(LEAST_IMAGES);
        for label in [0, 1] {
            let found = fit(&certain, &[label; LEAST_IMAGES]).unwrap();
            assert!(found.is_valid(), "{found:?}");
        }
    }
}

//! Losses of logits, their gradients, and the probabilities that logits stand for.

use crate::activation::sigmoid;
use crate::settings::{Loss, Output};

/// What a network learns from: the mean over a batch of the loss times the weight of the image's class.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// The loss of an image.
    pub loss: Loss,
    /// Share of the ideal output that all classes have evenly, 0 to 1.
    pub label_smoothing: f32,
    /// Weight of the images of each class `[classes]`, or empty: all 1.
    pub class_weights: Vec<f32>,
}

impl Objective {
    /// Returns the mean of `loss` as it is.
    pub fn plain(loss: Loss) -> Self {
        Self {
            loss,
            label_smoothing: 0.0,
            class_weights: Vec::new(),
        }
    }

    /// Returns the weighted loss of every image `[images]`, from `logits` `[images, classes]` and `labels`
    /// `[images]`.
    ///
    /// # Panics
    /// When a label is not below the number of classes.
    pub fn losses(&self, logits: &[f32], labels: &[u8], classes: usize) -> Vec<f32> {
        let mut row = vec![0.0; classes];
        let images = logits.chunks_exact(classes).zip(labels);
        images
            .map(|(logits, &label)| {
                row.copy_from_slice(logits);
                self.of_image(&mut row, label.into(), 1.0) * self.weight(label)
            })
            .collect()
    }

    /// Turns `logits` `[batch, classes]` into the gradient of the weighted mean loss; returns the sum of the
    /// weighted losses.
    pub(crate) fn loss_and_gradient(
        &self,
        logits: &mut [f32],
        labels: &[u8],
        classes: usize,
    ) -> f64 {
        let share = 1.0 / labels.len() as f32;
        let mut sum = 0.0;
        for (row, &label) in logits.chunks_exact_mut(classes).zip(labels) {
            let weight = self.weight(label);
            let loss = self.of_image(row, label.into(), share * weight);
            sum += f64::from(loss * weight);
        }
        sum
    }

    fn weight(&self, label: u8) -> f32 {
        let weight = self.class_weights.get(usize::from(label));
        weight.copied().unwrap_or(1.0)
    }

    /// Returns the loss of an image; turns its logits into the gradient of `share` of it.
    fn of_image(&self, row: &mut [f32], label: usize, share: f32) -> f32 {
        match self.loss {
            Loss::CrossEntropy => cross_entropy(row, label, share, self.label_smoothing),
            Loss::Quadratic => quadratic(row, label, share, self.label_smoothing),
        }
    }
}

/// Probabilities below this count as 0 in a gradient: none of their products with weights and pixels can become a
/// denormal number, which costs a processor a hundred times a normal one.
const LEAST_PROBABILITY: f32 = 1e-30;

/// The cross-entropy of the softmax, with the label's ideal of `1 - smoothing` and `smoothing / classes` for each
/// class: Szegedy et al. 2016, <https://arxiv.org/abs/1512.00567>, section 7.
fn cross_entropy(row: &mut [f32], label: usize, share: f32, smoothing: f32) -> f32 {
    let classes = row.len() as f32;
    let highest = highest(row);
    let mut of_ideal = row[label] - highest;
    if smoothing > 0.0 {
        let mean = row.iter().map(|x| x - highest).sum::<f32>() / classes;
        of_ideal = (1.0 - smoothing) * of_ideal + smoothing * mean;
    }
    let mut total = 0.0;
    for x in row.iter_mut() {
        let power = (*x - highest).exp();
        *x = if power < LEAST_PROBABILITY {
            0.0
        } else {
            power
        };
        total += *x;
    }
    let everywhere = share * (smoothing / classes);
    for x in row.iter_mut() {
        *x = *x * (share / total) - everywhere;
    }
    row[label] -= share * (1.0 - smoothing);
    total.ln() - of_ideal
}

/// Returns the highest of some logits.
fn highest(row: &[f32]) -> f32 {
    row.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The sum over the classes of (sigmoid - ideal)², with the same ideal.
fn quadratic(row: &mut [f32], label: usize, share: f32, smoothing: f32) -> f32 {
    let everywhere = smoothing / row.len() as f32;
    let mut cost = 0.0;
    for (class, x) in row.iter_mut().enumerate() {
        let neuron = sigmoid(*x);
        let ideal = f32::from(u8::from(class == label)) * (1.0 - smoothing) + everywhere;
        let distance = neuron - ideal;
        cost += distance * distance;
        let gradient = 2.0 * distance * neuron * (1.0 - neuron) * share;
        let tiny = gradient.abs() < LEAST_PROBABILITY;
        *x = if tiny { 0.0 } else { gradient };
    }
    cost
}

/// Turns `logits` `[images, classes]` into probabilities; each row sums to 1.
pub fn probabilities(logits: &mut [f32], classes: usize, output: Output) {
    for row in logits.chunks_exact_mut(classes) {
        if output == Output::Sigmoid {
            // Softmax of log-sigmoid is sigmoid / sum of sigmoids, safe when all are near 0.
            row.iter_mut().for_each(|x| *x = log_sigmoid(*x));
        }
        softmax(row);
    }
}

fn softmax(row: &mut [f32]) {
    let highest = highest(row);
    let mut total = 0.0;
    for x in row.iter_mut() {
        *x = (*x - highest).exp();
        total += *x;
    }
    for x in row.iter_mut() {
        *x /= total;
    }
}

fn log_sigmoid(x: f32) -> f32 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objectives() -> Vec<Objective> {
        let mut all = Vec::new();
        for loss in [Loss::CrossEntropy, Loss::Quadratic] {
            for label_smoothing in [0.0, 0.1, 1.0] {
                for class_weights in [vec![], vec![1.0, 0.5, 3.0, 0.0]] {
                    all.push(Objective {
                        loss,
                        label_smoothing,
                        class_weights,
                    });
                }
            }
        }
        all
    }

    const LOGITS: [f32; 12] = [
        0.3, -1.2, 2.0, 0.1, 1.5, 1.4, -0.2, 0.0, -3.0, 0.5, 0.25, 4.0,
    ];
    const LABELS: [u8; 3] = [2, 1, 0];

    /// The gradient is the slope of the mean: each logit moved up and down.
    #[test]
    fn gradients_are_slopes() {
        for objective in objectives() {
            let sum =
                |logits: &[f32]| objective.loss_and_gradient(&mut logits.to_vec(), &LABELS, 4);
            let mut gradient = LOGITS;
            objective.loss_and_gradient(&mut gradient, &LABELS, 4);
            for i in 0..LOGITS.len() {
                let mut moved = [LOGITS, LOGITS];
                moved[0][i] += 0.01;
                moved[1][i] -= 0.01;
                let slope = (sum(&moved[0]) - sum(&moved[1])) / 0.02 / 3.0;
                let off = (f64::from(gradient[i]) - slope).abs();
                assert!(off < 1e-4, "{objective:?} {i}: {} {slope}", gradient[i]);
            }
        }
    }

    /// softmax([ln 3, 0]) = 3/4, 1/4; a smoothing of 0.2 makes the ideal of the second 0.1, 0.9.
    #[test]
    fn known_losses() {
        let logits = [3f32.ln(), 0.0];
        let of = |label_smoothing: f32, class_weights: &[f32]| {
            let objective = Objective {
                loss: Loss::CrossEntropy,
                label_smoothing,
                class_weights: class_weights.to_vec(),
            };
            let sum = objective.loss_and_gradient(&mut logits.clone(), &[1], 2);
            assert_eq!(sum, f64::from(objective.losses(&logits, &[1], 2)[0]));
            sum
        };
        let [first, second] = [-(0.75f64.ln()), -(0.25f64.ln())];
        for (ours, exact) in [
            (of(0.0, &[]), second),
            (of(0.2, &[]), 0.1 * first + 0.9 * second),
            (of(0.0, &[1.0, 2.5]), 2.5 * second),
            (of(0.2, &[2.5, 0.5]), 0.5 * (0.1 * first + 0.9 * second)),
            (
                Objective::plain(Loss::CrossEntropy).losses(&logits, &[1], 2)[0].into(),
                second,
            ),
        ] {
            assert!((ours - exact).abs() < 1e-6, "{ours} {exact}");
        }
        // Neurons of 3/4 and 1/2, ideals of 0.1 and 0.9: distances of 0.65 and 0.4.
        let objective = Objective {
            loss: Loss::Quadratic,
            label_smoothing: 0.2,
            class_weights: vec![],
        };
        let cost = objective.loss_and_gradient(&mut logits.clone(), &[1], 2);
        assert!((cost - 0.5825).abs() < 1e-6, "{cost}");
    }

    /// Logits as far apart as floats allow: no gradient is denormal, none is lost that counts.
    #[test]
    fn no_gradient_is_denormal() {
        for loss in [Loss::CrossEntropy, Loss::Quadratic] {
            for apart in (0..120).map(|i| i as f32) {
                let objective = Objective::plain(loss);
                let mut row = [0.0, -apart, apart / 2.0];
                objective.loss_and_gradient(&mut row, &[2], 3);
                for x in row {
                    assert!(x == 0.0 || x.is_normal(), "{loss:?} {apart}: {x:e}");
                }
                if apart < 30.0 {
                    assert!(row[1] != 0.0, "{loss:?} {apart}");
                }
            }
        }
    }

    #[test]
    fn known_probabilities() {
        let of = |mut logits: [f32; 2], output| {
            probabilities(&mut logits, 2, output);
            logits[0]
        };
        let ln = f32::ln;
        for (ours, exact) in [
            (of([ln(3.0), 0.0], Output::Softmax), 0.75),
            (of([ln(3.0), 0.0], Output::Sigmoid), 0.6), // 3/4 of 3/4 + 1/2
            (of([-200.0, -200.0], Output::Sigmoid), 0.5),
            (of([800.0, 0.0], Output::Softmax), 1.0),
        ] {
            assert!((ours - exact).abs() < 1e-6, "{ours} {exact}");
        }
    }
}

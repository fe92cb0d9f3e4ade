//! The losses, on tensors: cross-entropy, and the notebook's quadratic cost.

use burn::tensor::{Int, Tensor, activation};

use crate::config::Loss;

impl Loss {
    /// Returns the loss of every sample `[batch]`, from `logits` `[batch, classes]` and `labels`
    /// `[batch]`. All classes share `label_smoothing` (0 to 1) of the label's ideal output evenly.
    pub fn per_sample(
        self,
        logits: Tensor<2>,
        labels: Tensor<1, Int>,
        label_smoothing: f32,
    ) -> Tensor<1> {
        match self {
            Loss::CrossEntropy => cross_entropy(logits, labels, label_smoothing),
            Loss::Quadratic => quadratic_cost(activation::sigmoid(logits), labels, label_smoothing),
        }
    }
}

fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, smoothing: f32) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let log_probabilities = activation::log_softmax(logits, 1); // [batch, classes]
    let labels = labels.reshape([batch, 1]);
    let of_label = log_probabilities.clone().gather(1, labels); // [batch, 1]
    if smoothing == 0.0 {
        return of_label.reshape([batch]).neg();
    }
    let mean = log_probabilities.mean_dim(1); // [batch, 1]
    let of_ideal = of_label * (1.0 - smoothing) + mean * smoothing;
    of_ideal.reshape([batch]).neg()
}

/// Returns Σ over the classes of (neuron − ideal)² `[batch]`, from output `neurons`
/// `[batch, classes]` and `labels` `[batch]`.
fn quadratic_cost(neurons: Tensor<2>, labels: Tensor<1, Int>, smoothing: f32) -> Tensor<1> {
    let [batch, classes] = neurons.dims();
    let mut ideal = labels.one_hot::<2>(classes).float().cast(neurons.dtype()); // [batch, classes]
    if smoothing > 0.0 {
        ideal = ideal * (1.0 - smoothing) + smoothing / classes as f32;
    }
    (neurons - ideal).square().sum_dim(1).reshape([batch])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_notebooks_worked_example_costs_2_7359() {
        let device = Device::flex();
        let neurons = Tensor::<2>::from_data(
            [[0.32, 0.51, 0.45, 0.21, 0.67, 0.13, 0.04, 0.89, 0.83, 0.28]],
            &device,
        );
        let cost = quadratic_cost(neurons, Tensor::from_data([2], &device), 0.0);
        let cost: f32 = cost.into_scalar();
        assert!((cost - 2.7359).abs() < 1e-6, "{cost}");
    }

    #[test]
    fn cross_entropy_of_known_logits() {
        let device = Device::flex();
        // softmax([0, 0]) = 1/2 each; softmax([ln 3, 0]) = 3/4, 1/4
        let logits = Tensor::<2>::from_data([[0.0, 0.0], [3f32.ln(), 0.0], [200.0, 0.0]], &device);
        let labels = Tensor::from_data([0, 1, 1], &device);
        let losses = Loss::CrossEntropy
            .per_sample(logits, labels, 0.0)
            .into_data();
        let expect = [2f32.ln(), 4f32.ln(), 200.0];
        for (loss, expect) in losses.iter::<f32>().zip(expect) {
            assert!((loss - expect).abs() < 1e-5, "{loss} {expect}");
        }
    }
}

//! What training minimises.

use data::ImageDataset;
use experiment::{ClassWeights, Experiment};
use kernels::Objective;

/// Returns what a training of `experiment` on `images` minimises. Validation and test use the plain loss, so that
/// experiments can be compared.
pub fn objective(experiment: &Experiment, images: &ImageDataset) -> Objective {
    let training = &experiment.training;
    Objective {
        loss: training.loss.into(),
        label_smoothing: training.label_smoothing as f32,
        class_weights: match &training.class_weights {
            ClassWeights::None => Vec::new(),
            ClassWeights::Balanced => balanced(&images.label_counts()),
            ClassWeights::Of(weights) => weights.iter().map(|&weight| weight as f32).collect(),
        },
    }
}

/// Returns weights with which every class that has images counts the same in all, and the mean weight of an image
/// is 1, as scikit-learn's `class_weight="balanced"`. A class without images has 0.
fn balanced(counts: &[usize]) -> Vec<f32> {
    let images: usize = counts.iter().sum();
    let classes = counts.iter().filter(|&&count| count > 0).count();
    let weight = |&count: &usize| match count {
        0 => 0.0,
        _ => images as f32 / (classes * count) as f32,
    };
    counts.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_classes_count_the_same() {
        assert_eq!(balanced(&[10, 30, 0, 20]), [2.0, 2.0 / 3.0, 0.0, 1.0]);
        assert_eq!(balanced(&[7, 7]), [1.0, 1.0]);
    }
}

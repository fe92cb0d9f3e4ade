//! What a network computes and how it learns.

/// Activation of the hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// max(0, x)
    Relu,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// Hyperbolic tangent
    Tanh,
    /// x Φ(x), with the normal distribution's Φ (Hendrycks & Gimpel 2016,
    /// <https://arxiv.org/abs/1606.08415>), not its approximation by a hyperbolic tangent.
    Gelu,
}

/// What the output neurons are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Softmax of the logits.
    Softmax,
    /// Sigmoid neurons, divided by their sum.
    Sigmoid,
}

/// What is minimised: the mean over the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Cross-entropy of the softmax of the logits.
    CrossEntropy,
    /// Sum over the classes of (sigmoid(logit) - ideal)^2.
    Quadratic,
}

/// How weights move against their gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// Adam or AdamW.
    Adam(Adam),
    /// Gradient descent with momentum.
    Sgd(Sgd),
}

/// Constants of gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Share of the last step's movement that is kept, 0 to below 1.
    pub momentum: f32,
    /// Whether the gradient counts as if the momentum had been followed already.
    pub nesterov: bool,
    /// Share of each weight added to its gradient.
    pub l2: f32,
}

/// Constants of Adam and AdamW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Memory of the mean gradient, 0 to below 1.
    pub beta_1: f32,
    /// Memory of the squared gradient, 0 to below 1.
    pub beta_2: f32,
    /// Added to the divisor, above 0.
    pub epsilon: f32,
    /// Adam: share of each weight added to its gradient.
    pub l2: f32,
    /// AdamW: share of each weight taken off, times the learning rate.
    pub decoupled_decay: f32,
}

/// What training does beyond a plain step. The default is nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extras {
    /// Hidden neurons that are silent in a step.
    pub dropout: Dropout,
    /// Share of the label's ideal output that all classes have evenly, 0 to 1.
    pub label_smoothing: f32,
    /// What the loss of an image, and its gradient, are multiplied by: `[classes]`, or empty for 1. The mean is
    /// still that over all images of the batch, as in Keras.
    pub class_weights: Vec<f32>,
    /// Longest that the gradient may be, above 0: the root of the sum of the squares over all weights and biases.
    /// A longer one is scaled down to it before the optimizer sees it.
    pub clip_norm: Option<f32>,
    /// Memory of the moving average of the weights, 0 to below 1. It begins with the weights after the first step.
    pub average: Option<f32>,
}

/// Dropout of hidden neurons.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dropout {
    /// Share of them that is silent, 0 to below 1. The others are multiplied by 1 / (1 - share).
    pub share: f32,
    /// Seed that, with the step, says which.
    pub seed: u64,
}

impl Extras {
    /// Panics when one is outside its range, for a network of so many classes.
    pub(crate) fn check(&self, classes: usize) {
        let memory = |value: f32| (0.0..1.0).contains(&value);
        assert!(
            memory(self.dropout.share),
            "a dropout of {}",
            self.dropout.share
        );
        assert!(
            (0.0..=1.0).contains(&self.label_smoothing),
            "a label smoothing of {}",
            self.label_smoothing
        );
        let weights = &self.class_weights;
        assert!(
            weights.is_empty() || weights.len() == classes,
            "{} weights for {classes} classes",
            weights.len()
        );
        assert!(
            weights
                .iter()
                .all(|weight| *weight >= 0.0 && weight.is_finite()),
            "class weights of {weights:?}"
        );
        assert!(
            self.clip_norm.is_none_or(|norm| norm > 0.0),
            "a clip norm of {:?}",
            self.clip_norm
        );
        assert!(
            self.average.is_none_or(memory),
            "an average with memory {:?}",
            self.average
        );
    }
}

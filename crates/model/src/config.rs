//! What a network looks like: plain data, checked once, stored in every record.

use serde::{Deserialize, Serialize};

/// Widest hidden layer accepted, in neurons.
pub const MAX_WIDTH: usize = 65_536;
/// Most hidden layers accepted.
pub const MAX_LAYERS: usize = 64;
/// Largest network accepted, in parameters (400 MB of `f32` weights; Adam needs three times that).
pub const MAX_PARAMETERS: usize = 100_000_000;

/// The architecture of an [`Mlp`](crate::Mlp): Flatten → Dense(h, activation) for every h in
/// `hidden` → Dense(classes).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Image height and width in pixels.
    pub input: [usize; 2],
    /// Neurons of each hidden layer, first to last; empty for a linear classifier.
    pub hidden: Vec<usize>,
    /// Neurons of the output layer, one for each class.
    pub classes: usize,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// What the output neurons mean.
    pub output: Output,
    /// Share of hidden activations set to zero while training, 0 ≤ dropout < 1.
    pub dropout: f64,
    /// How the weights start.
    pub init: Init,
}

/// Activation function of the hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, x)
    Relu,
    /// 1 / (1 + e^-x), the notebook's sigmoid neuron
    Sigmoid,
    /// Hyperbolic tangent
    Tanh,
    /// x · Φ(x), with the exact normal distribution function
    Gelu,
}

/// What the output neurons mean, and so how logits become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Softmax over the classes (trained with cross-entropy).
    Softmax,
    /// One sigmoid neuron a class (trained with the quadratic cost).
    Sigmoid,
}

/// A loss on logits. Both kinds come as one value a sample, so that sums over batches of any size
/// stay exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// −log of the label's share in softmax(logits); Keras: `SparseCategoricalCrossentropy(from_logits=True)`.
    CrossEntropy,
    /// Σ over the classes of (sigmoid(logit) − ideal)², ideal 1 for the label and 0 elsewhere:
    /// the cost of the notebook's theory part.
    Quadratic,
}

/// Distribution of the initial weights. `in` and `out` are the layer's input and output widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Uniform in ±√(6 / (in + out)), zero bias: Keras's default.
    /// Glorot & Bengio 2010, <https://proceedings.mlr.press/v9/glorot10a.html>
    GlorotUniform,
    /// Uniform in ±√(6 / in), zero bias. He et al. 2015, <https://arxiv.org/abs/1502.01852>
    HeUniform,
    /// Uniform in ±1/√in, weights and bias: PyTorch's `nn.Linear`.
    Torch,
}

/// A network that cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Height or width is zero or too large.
    #[error("input of {0}x{1} pixels: each side must be 1 to {MAX_WIDTH}")]
    Input(usize, usize),
    /// There are too many hidden layers.
    #[error("{0} hidden layers: at most {MAX_LAYERS}")]
    Layers(usize),
    /// A hidden layer is empty or too wide.
    #[error("a hidden layer of {0} neurons: must be 1 to {MAX_WIDTH}")]
    Width(usize),
    /// There are too few or too many classes.
    #[error("{0} classes: must be 2 to 256, labels are bytes")]
    Classes(usize),
    /// The dropout rate is not a rate.
    #[error("dropout of {0}: must be at least 0 and below 1")]
    Dropout(f64),
    /// The network has too many parameters.
    #[error("the network would have more than {MAX_PARAMETERS} parameters")]
    Parameters,
}

impl Loss {
    /// Returns the output layer this loss trains.
    pub fn output(self) -> Output {
        match self {
            Loss::CrossEntropy => Output::Softmax,
            Loss::Quadratic => Output::Sigmoid,
        }
    }

    /// Returns the loss that trains `output`.
    pub fn of(output: Output) -> Self {
        match output {
            Output::Softmax => Loss::CrossEntropy,
            Output::Sigmoid => Loss::Quadratic,
        }
    }
}

impl MlpConfig {
    /// Returns the notebook's network for `input` = (height, width): one hidden layer of 128 ReLU
    /// neurons, softmax, Glorot weights.
    pub fn tutorial(input: [usize; 2], classes: usize) -> Self {
        Self {
            input,
            hidden: vec![128],
            classes,
            activation: Activation::Relu,
            output: Output::Softmax,
            dropout: 0.0,
            init: Init::GlorotUniform,
        }
    }

    /// Checks every limit; nothing behind this call checks again.
    ///
    /// # Errors
    /// The first limit that is broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let [height, width] = self.input;
        if !(1..=MAX_WIDTH).contains(&height) || !(1..=MAX_WIDTH).contains(&width) {
            return Err(ConfigError::Input(height, width));
        }
        if self.hidden.len() > MAX_LAYERS {
            return Err(ConfigError::Layers(self.hidden.len()));
        }
        if let Some(&bad) = self.hidden.iter().find(|h| !(1..=MAX_WIDTH).contains(*h)) {
            return Err(ConfigError::Width(bad));
        }
        if !(2..=256).contains(&self.classes) {
            return Err(ConfigError::Classes(self.classes));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ConfigError::Dropout(self.dropout));
        }
        match self.parameters() {
            Some(count) if count <= MAX_PARAMETERS => Ok(()),
            _ => Err(ConfigError::Parameters),
        }
    }

    /// Returns the widths (in, out) of every dense layer, first to last.
    pub fn layer_shapes(&self) -> Vec<[usize; 2]> {
        let [height, width] = self.input;
        let widths = || self.hidden.iter().copied();
        let from = std::iter::once(height.saturating_mul(width)).chain(widths());
        let to = widths().chain([self.classes]);
        from.zip(to).map(|(from, to)| [from, to]).collect()
    }

    /// Returns the number of weights and biases, or `None` when it does not fit a `usize`.
    pub fn parameters(&self) -> Option<usize> {
        self.layer_shapes().iter().try_fold(0usize, |sum, [i, o]| {
            sum.checked_add(i.checked_mul(*o)?.checked_add(*o)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_checked() {
        let good = MlpConfig::tutorial([28, 28], 10);
        assert_eq!(good.validate(), Ok(()));
        assert_eq!(good.parameters(), Some(101_770));
        let check = |change: fn(&mut MlpConfig), expect: ConfigError| {
            let mut config = MlpConfig::tutorial([28, 28], 10);
            change(&mut config);
            assert_eq!(config.validate(), Err(expect));
        };
        check(|c| c.input = [0, 28], ConfigError::Input(0, 28));
        check(
            |c| c.input = [usize::MAX, 2],
            ConfigError::Input(usize::MAX, 2),
        );
        check(|c| c.hidden = vec![0], ConfigError::Width(0));
        check(|c| c.hidden = vec![128, 65_537], ConfigError::Width(65_537));
        check(|c| c.hidden = vec![1; 65], ConfigError::Layers(65));
        check(|c| c.hidden = vec![65_536, 65_536], ConfigError::Parameters);
        check(|c| c.classes = 1, ConfigError::Classes(1));
        check(|c| c.classes = 257, ConfigError::Classes(257));
        check(|c| c.dropout = 1.0, ConfigError::Dropout(1.0));
    }
}

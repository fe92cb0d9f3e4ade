//! The description of a network: plain data, stored in every record.

use serde::{Deserialize, Serialize};

/// Maximum number of classes: labels are bytes.
pub const MAX_CLASSES: usize = 256;
/// Maximum width of a hidden layer, in neurons.
pub const MAX_WIDTH: usize = 65_536;
/// Maximum number of hidden layers.
pub const MAX_LAYERS: usize = 64;
/// Maximum number of values of an image between convolutions (40 MB; training keeps them for every image of a batch).
pub const MAX_VALUES: usize = 10_000_000;
/// Maximum number of parameters (400 MB of `f32` weights; Adam needs three times that).
pub const MAX_PARAMETERS: usize = 100_000_000;

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

impl Activation {
    /// Returns its display name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "ReLU",
            Self::Sigmoid => "Sigmoid",
            Self::Tanh => "Tanh",
            Self::Gelu => "GELU",
        }
    }
}

/// The output layer, which determines how logits become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Softmax over the classes (trained with cross-entropy).
    Softmax,
    /// One sigmoid neuron per class (trained with the quadratic cost).
    Sigmoid,
}

impl Output {
    /// Returns its display name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Softmax => "Softmax",
            Self::Sigmoid => "Sigmoid",
        }
    }
}

/// A loss on logits. Both kinds give one value per sample, so that sums over batches of any size are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// −log of the label's softmax probability; Keras: `SparseCategoricalCrossentropy(from_logits=True)`.
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
    /// The number of channels is neither 1 nor 3.
    #[error("images of {0} channels: must be 1 (grey) or 3 (red, green, blue)")]
    Channels(usize),
    /// There are too many hidden layers.
    #[error("{0} hidden layers: at most {MAX_LAYERS}")]
    Layers(usize),
    /// A hidden layer is empty or too wide.
    #[error("a hidden layer of {0} neurons: must be 1 to {MAX_WIDTH}")]
    Width(usize),
    /// The kernel of the convolutions has a size there is no code for.
    #[error("a kernel of {0}x{0}: must be 3 or 5")]
    Kernel(usize),
    /// There is no convolution, or there are too many.
    #[error("{0} convolutions: must be 1 to {MAX_LAYERS}")]
    Convolutions(usize),
    /// Nothing would be left of an image.
    #[error(
        "{blocks} blocks leave nothing of {height}x{width} pixels: each halves height and width"
    )]
    Blocks {
        /// Blocks of convolutions, each with max-pooling.
        blocks: usize,
        /// Height of an image.
        height: usize,
        /// Width of an image.
        width: usize,
    },
    /// The convolutions give too many values.
    #[error("the convolutions would turn an image into more than {MAX_VALUES} values")]
    Values,
    /// There are too few or too many classes.
    #[error("{0} classes: must be 2 to 256, labels are bytes")]
    Classes(usize),
    /// The dropout rate is out of range.
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

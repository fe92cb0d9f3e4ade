//! Convolutional networks: blocks of convolutions and max-pooling, then dense layers as in a multilayer perceptron.
//!
//! [`CnnConfig`] is its shape, with the names of its tensors and its initial weights.

mod shape;
#[cfg(all(test, feature = "burn"))]
#[allow(clippy::unwrap_used)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::config::{Activation, Init, Output};
#[cfg(feature = "burn")]
use crate::init::Draw;
use crate::mlp;
use crate::tensor::Shape;
#[cfg(feature = "burn")]
use crate::tensor::Tensor;

/// The shape of a convolutional network: (Conv2D(c, activation), once or several times → MaxPooling2D(2)) for every c
/// in `channels` → Flatten or GlobalAveragePooling2D → Dense(h, activation) for every h in `hidden` → Dense(classes).
///
/// Convolutions have stride 1 and Keras's padding "same".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CnnConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Output channels of the convolutions of each block, first to last.
    pub channels: Vec<usize>,
    /// Convolutions of each block.
    pub convolutions: usize,
    /// Rows and columns of the kernels, 3 or 5.
    pub kernel: usize,
    /// Whether the dense layers see the mean of each channel (GlobalAveragePooling2D) rather than all values (Flatten).
    pub global_average: bool,
    /// Neurons of each hidden dense layer, first to last; may be empty.
    pub hidden: Vec<usize>,
    /// Neurons of the output layer, one for each class.
    pub classes: usize,
    /// Activation of convolutions and hidden layers.
    pub activation: Activation,
    /// The output layer.
    pub output: Output,
    /// Fraction of hidden dense activations set to zero during training, 0 ≤ dropout < 1.
    pub dropout: f64,
    /// Distribution of the initial weights.
    pub init: Init,
}

impl CnnConfig {
    /// Returns names and shapes of the tensors, in order: `convolutions.N.weight` `[kernel, kernel, in, out]` and
    /// `convolutions.N.bias` `[out]`, then those of the dense layers, see [`mlp::shapes`].
    pub fn tensors(&self) -> Vec<Shape> {
        let mut shapes: Vec<Shape> = Vec::new();
        for (i, [inputs, outputs]) in self.convolution_shapes().into_iter().enumerate() {
            let mut push = |what: &str, shape: Vec<usize>| {
                let name = format!("convolutions.{i}.{what}");
                shapes.push(Shape { name, shape });
            };
            push("weight", vec![self.kernel, self.kernel, inputs, outputs]);
            push("bias", vec![outputs]);
        }
        shapes.extend(mlp::shapes(&self.widths()));
        shapes
    }

    /// Returns the initial weights that belong to `seed`.
    #[cfg(feature = "burn")]
    pub fn init(&self, seed: u64) -> Vec<Tensor> {
        let mut draw = Draw::new(seed);
        // Of a convolution, each output depends on a kernel of every input channel, and the reverse.
        let taps = self.kernel * self.kernel;
        let convolutions = self.convolution_shapes().into_iter();
        let fans = convolutions.map(|[inputs, outputs]| [taps * inputs, taps * outputs]);
        let dense = self.widths();
        let fans = fans.chain(dense.array_windows().copied());
        let limits = fans.flat_map(|[inputs, outputs]| self.init.limits(inputs, outputs));
        let mut filled = |(shape, limit): (Shape, f64)| {
            let count = shape.shape.iter().product();
            shape.filled(draw.uniform(count, limit))
        };
        let shapes = self.tensors().into_iter();
        shapes.zip(limits).map(&mut filled).collect()
    }

    /// Returns what comes before the dense layers, for the kernels.
    pub fn front(&self) -> kernels::Convolutions {
        let block = |&channels: &usize| {
            (1..=self.convolutions).map(move |number| kernels::Block {
                channels,
                kernel: self.kernel,
                pool: number == self.convolutions,
            })
        };
        kernels::Convolutions {
            input: self.input,
            blocks: self.channels.iter().flat_map(block).collect(),
            average: self.global_average,
        }
    }
}

//! Convolutional networks: blocks of convolutions and max-pooling, then dense layers as in a multilayer perceptron.
//!
//! [`CnnConfig`] is its shape, with the names of its tensors and its initial weights; [`Cnn`] is the network as a Burn
//! module.

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

#[cfg(feature = "burn")]
pub use module::Cnn;

/// The network as a Burn module, to be trained or to run on any device.
#[cfg(feature = "burn")]
mod module {
    use burn::module::{Module, Param};
    use burn::nn::{Dropout, DropoutConfig};
    use burn::tensor::module::{conv2d, max_pool2d};
    use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
    use burn::tensor::{self, Device, TensorData};

    use super::CnnConfig;
    use crate::network::{activate, floats, moved, parameter};
    use crate::record::RecordError;
    use crate::tensor::{Tensor, named};

    /// A convolutional network on a device. `forward` returns logits and the losses take logits (Keras:
    /// `from_logits=True`).
    #[derive(Module, Debug)]
    pub struct Cnn {
        /// `[kernel, kernel, in, out]` as in Keras and in the record, so that the optimizer's state has that shape too.
        convolutions: Vec<Param<tensor::Tensor<4>>>,
        /// `[in, out]`
        layers: Vec<Param<tensor::Tensor<2>>>,
        /// `[out]`, of the convolutions and then of the layers.
        biases: Vec<Param<tensor::Tensor<1>>>,
        dropout: Dropout,
        #[module(skip)]
        config: CnnConfig,
    }

    impl Cnn {
        /// Returns the network of `tensors`, which have the shapes of [`CnnConfig::tensors`], on `device`.
        pub fn new(config: &CnnConfig, tensors: Vec<Tensor>, device: &Device) -> Self {
            let mut network = Self {
                convolutions: Vec::new(),
                layers: Vec::new(),
                biases: Vec::new(),
                dropout: DropoutConfig::new(config.dropout).init(),
                config: config.clone(),
            };
            for (id, tensor) in (0..).zip(tensors) {
                let data = TensorData::new(tensor.values, tensor.shape.clone());
                match tensor.shape.len() {
                    4 => network.convolutions.push(parameter(id, data, device)),
                    2 => network.layers.push(parameter(id, data, device)),
                    _ => network.biases.push(parameter(id, data, device)),
                }
            }
            network
        }

        /// Returns the logits `[batch, classes]` of `images` `[batch, channels, height, width]`, pixels 0
        /// to 1.
        pub fn forward(&self, images: tensor::Tensor<4>) -> tensor::Tensor<2> {
            let (activation, mut x) = (self.config.activation, images);
            let mut biases = self.biases.iter();
            for (i, (weight, bias)) in self.convolutions.iter().zip(&mut biases).enumerate() {
                let weight = weight.val().permute([3, 2, 0, 1]); // [out, in, kernel, kernel]
                let same = ConvOptions::new([1, 1], [self.config.kernel / 2; 2], [1, 1], 1);
                x = conv2d(x, weight, Some(bias.val()), same); // [batch, out, height, width]
                x = activate(activation, x);
                if (i + 1).is_multiple_of(self.config.convolutions) {
                    x = max_pool2d(x, MaxPoolOptions::new([2, 2])); // [batch, out, height / 2, width / 2]
                }
            }
            let mut x = if self.config.global_average {
                x.mean_dim(3).mean_dim(2).flatten::<2>(1, 3) // [batch, out]
            } else {
                x.permute([0, 2, 3, 1]).flatten::<2>(1, 3) // [batch, height * width * out], as Keras
            };
            let last = self.layers.len().saturating_sub(1);
            for (i, (weight, bias)) in self.layers.iter().zip(biases).enumerate() {
                x = x.matmul(weight.val()) + bias.val().unsqueeze(); // [batch, out]
                if i < last {
                    x = self.dropout.forward(activate(activation, x)); // dropout: only during training
                }
            }
            x // [batch, classes]
        }

        /// Returns the tensors, in the order of [`CnnConfig::tensors`].
        ///
        /// # Errors
        /// When they cannot be read from the device.
        pub fn tensors(&self) -> Result<Vec<Tensor>, RecordError> {
            let convolutions = self.convolutions.iter().map(|weight| floats(weight.val()));
            let weights = convolutions.chain(self.layers.iter().map(|weight| floats(weight.val())));
            let layers = weights.zip(&self.biases).map(|(weight, bias)| {
                let (weight, bias) = (weight?, floats(bias.val())?);
                Ok(kernels::Layer { weight, bias })
            });
            let layers: Result<_, RecordError> = layers.collect();
            Ok(named(self.config.tensors(), layers?))
        }

        /// Returns this network with its weights moved towards those of `newer` by `1 - memory` of the way.
        #[must_use]
        pub fn towards(self, newer: &Self, memory: f32) -> Self {
            Self {
                convolutions: all_moved(&self.convolutions, &newer.convolutions, memory),
                layers: all_moved(&self.layers, &newer.layers, memory),
                biases: all_moved(&self.biases, &newer.biases, memory),
                ..self
            }
        }

        /// Returns the device that the weights are on.
        #[expect(clippy::indexing_slicing, reason = "every network has an output layer")]
        pub fn device(&self) -> Device {
            self.layers[0].device()
        }

        /// Returns the shape.
        pub fn config(&self) -> &CnnConfig {
            &self.config
        }
    }
    fn all_moved<const D: usize>(
        averages: &[Param<tensor::Tensor<D>>],
        newer: &[Param<tensor::Tensor<D>>],
        memory: f32,
    ) -> Vec<Param<tensor::Tensor<D>>> {
        let pairs = averages.iter().zip(newer);
        pairs
            .map(|(average, newer)| moved(average, newer, memory))
            .collect()
    }
}

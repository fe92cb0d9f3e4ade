//! Multilayer perceptrons, such as the notebook's network: Flatten → Dense(128, ReLU) → Dense(10).
//!
//! [`MlpConfig`] is its shape, with the names of its tensors and its initial weights; [`Mlp`] is the network as
//! a Burn module.

mod shape;
#[cfg(all(test, feature = "burn"))]
mod tests;

use serde::{Deserialize, Serialize};

use crate::config::{Activation, Init, Output};
#[cfg(feature = "burn")]
use crate::init::Draw;
use crate::tensor::{Shape, Tensor, named, to_layers};
pub(crate) use shape::dense_summary;

/// The shape of a multilayer perceptron: Flatten → Dense(h, activation) for every h in `hidden` →
/// Dense(classes).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Neurons of each hidden layer, first to last; empty for a linear classifier.
    pub hidden: Vec<usize>,
    /// Neurons of the output layer, one for each class.
    pub classes: usize,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// The output layer.
    pub output: Output,
    /// Fraction of hidden activations set to zero during training, 0 ≤ dropout < 1.
    pub dropout: f64,
    /// Distribution of the initial weights.
    pub init: Init,
}

impl MlpConfig {
    /// Returns names and shapes of the tensors, in order, see [`shapes`].
    pub fn tensors(&self) -> Vec<Shape> {
        shapes(&self.widths())
    }

    /// Returns the initial weights that belong to `seed`.
    #[cfg(feature = "burn")]
    pub fn init(&self, seed: u64) -> Vec<Tensor> {
        let mut draw = Draw::new(seed);
        let layers = self.layer_shapes().into_iter();
        let limits = layers.flat_map(|[inputs, outputs]| self.init.limits(inputs, outputs));
        let mut filled = |(shape, limit): (Shape, f64)| {
            let count = shape.shape.iter().product();
            shape.filled(draw.uniform(count, limit))
        };
        let shapes = self.tensors().into_iter();
        shapes.zip(limits).map(&mut filled).collect()
    }

    /// Returns tensors with the shapes of [`MlpConfig::tensors`] as dense layers for the kernels.
    pub fn layers(&self, tensors: Vec<Tensor>) -> Vec<kernels::Layer> {
        to_layers(tensors)
    }

    /// Returns the tensors of dense `layers`, the inverse of [`MlpConfig::layers`]. They may also be an optimizer's
    /// moments.
    pub fn from_layers(&self, layers: Vec<kernels::Layer>) -> Vec<Tensor> {
        named(self.tensors(), layers)
    }
}

/// Returns names and shapes of the tensors of dense layers with these `widths`, from inputs to classes:
/// `layers.N.weight` `[in, out]` and `layers.N.bias` `[out]`, first to last.
pub fn shapes(widths: &[usize]) -> Vec<Shape> {
    let layers = widths.array_windows().enumerate();
    let of_layer = |(layer, &[inputs, outputs]): (usize, &[usize; 2])| {
        let shape = |what: &str, shape: Vec<usize>| Shape {
            name: format!("layers.{layer}.{what}"),
            shape,
        };
        [
            shape("weight", vec![inputs, outputs]),
            shape("bias", vec![outputs]),
        ]
    };
    layers.flat_map(of_layer).collect()
}

#[cfg(feature = "burn")]
pub use module::Mlp;

/// The network as a Burn module, to be trained or to run on any device.
#[cfg(feature = "burn")]
mod module {
    use burn::module::Module;
    use burn::nn::{Dropout, DropoutConfig, Linear};
    use burn::tensor::{self, Device, TensorData};

    use super::MlpConfig;
    use crate::network::{activate, floats, moved, parameter};
    use crate::record::RecordError;
    use crate::tensor::Tensor;

    /// A multilayer perceptron on a device. `forward` returns logits and the losses take logits (Keras:
    /// `from_logits=True`).
    #[derive(Module, Debug)]
    pub struct Mlp {
        layers: Vec<Linear>,
        dropout: Dropout,
        #[module(skip)]
        config: MlpConfig,
    }

    impl Mlp {
        /// Returns the network of `tensors`, which have the shapes of [`MlpConfig::tensors`], on `device`.
        pub fn new(config: &MlpConfig, tensors: Vec<Tensor>, device: &Device) -> Self {
            let layers = config.layers(tensors).into_iter();
            let shapes = config.layer_shapes().into_iter();
            let linear = |(i, (layer, shape)): (u64, (kernels::Layer, [usize; 2]))| {
                let id = 2 * i;
                let bias = TensorData::new(layer.bias, [shape[1]]);
                Linear {
                    weight: parameter(id, TensorData::new(layer.weight, shape), device),
                    bias: Some(parameter(id + 1, bias, device)),
                }
            };
            Self {
                layers: (0..).zip(layers.zip(shapes)).map(linear).collect(),
                dropout: DropoutConfig::new(config.dropout).init(),
                config: config.clone(),
            }
        }

        /// Returns the logits `[batch, classes]` of `images` `[batch, channels, height, width]`, pixels 0
        /// to 1.
        pub fn forward(&self, images: tensor::Tensor<4>) -> tensor::Tensor<2> {
            let mut x = images.flatten::<2>(1, 3); // [batch, channels * height * width]
            for (i, layer) in self.layers.iter().enumerate() {
                x = layer.forward(x); // [batch, out]
                if i + 1 < self.layers.len() {
                    x = activate(self.config.activation, x); // [batch, hidden]
                    x = self.dropout.forward(x); // active only during training
                }
            }
            x // [batch, classes]
        }

        /// Returns the tensors, in the order of [`MlpConfig::tensors`].
        ///
        /// # Errors
        /// When they cannot be read from the device.
        pub fn tensors(&self) -> Result<Vec<Tensor>, RecordError> {
            let layer = |layer: &Linear| {
                let bias = layer.bias.as_ref();
                Ok(kernels::Layer {
                    weight: floats(layer.weight.val())?,
                    bias: bias.map_or(Ok(Vec::new()), |bias| floats(bias.val()))?,
                })
            };
            let layers: Result<_, RecordError> = self.layers.iter().map(layer).collect();
            Ok(self.config.from_layers(layers?))
        }

        /// Returns this network with its weights moved towards those of `newer` by `1 - memory` of the way.
        #[must_use]
        pub fn towards(mut self, newer: &Self, memory: f32) -> Self {
            for (layer, newer) in self.layers.iter_mut().zip(&newer.layers) {
                layer.weight = moved(&layer.weight, &newer.weight, memory);
                let biases = layer.bias.as_ref().zip(newer.bias.as_ref());
                layer.bias = biases.map(|(bias, newer)| moved(bias, newer, memory));
            }
            self
        }

        /// Returns the device that the weights are on.
        #[expect(clippy::indexing_slicing, reason = "every network has an output layer")]
        pub fn device(&self) -> Device {
            self.layers[0].weight.device()
        }

        /// Returns the shape.
        pub fn config(&self) -> &MlpConfig {
            &self.config
        }
    }
}

//! Multilayer perceptrons, such as the notebook's network: Flatten → Dense(128, ReLU) → Dense(10).
//!
//! In order: [`MlpConfig`] (its shape), the names of its tensors, its initial weights, its forward pass on the
//! CPU, and [`Mlp`], the same as a Burn module.

#[cfg(feature = "burn")]
use rand_chacha::ChaCha8Rng;
#[cfg(feature = "burn")]
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::config::{Activation, ConfigError, Init, MAX_LAYERS, MAX_PARAMETERS, MAX_WIDTH, Output};
use crate::network::LayerSummary;
use crate::tensor::{Shape, Tensor};

/// Random stream of the seed that the weights are drawn from. The order of the images uses the streams from 0
/// up (one per epoch) and the last one (the validation split).
#[cfg(feature = "burn")]
const WEIGHTS_STREAM: u64 = u64::MAX - 1;

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
    /// Returns the notebook's network for `input` = (channels, height, width): one hidden layer of 128
    /// ReLU neurons, softmax, Glorot weights.
    pub fn tutorial(input: [usize; 3], classes: usize) -> Self {
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

    /// Checks every limit; later code does not check again.
    ///
    /// # Errors
    /// The first limit that is exceeded.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let [channels, height, width] = self.input;
        if !(1..=MAX_WIDTH).contains(&height) || !(1..=MAX_WIDTH).contains(&width) {
            return Err(ConfigError::Input(height, width));
        }
        if ![1, 3].contains(&channels) {
            return Err(ConfigError::Channels(channels));
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

    /// Returns the widths from the inputs to the classes, `[layers + 1]`.
    pub fn widths(&self) -> Vec<usize> {
        let inputs = self.input.into_iter().fold(1, usize::saturating_mul);
        [&[inputs], &self.hidden[..], &[self.classes]].concat()
    }

    /// Returns the widths (in, out) of every dense layer, first to last.
    pub fn layer_shapes(&self) -> Vec<[usize; 2]> {
        self.widths().array_windows().copied().collect()
    }

    /// Returns the number of weights and biases, or `None` if it does not fit a `usize`.
    pub fn parameters(&self) -> Option<usize> {
        self.layer_shapes().iter().try_fold(0usize, |sum, [i, o]| {
            sum.checked_add(i.checked_mul(*o)?.checked_add(*o)?)
        })
    }

    /// Returns the network as text: `784 -> 128 -> 10`.
    pub fn chain(&self) -> String {
        let widths: Vec<String> = self.widths().iter().map(usize::to_string).collect();
        widths.join(" -> ")
    }

    /// Returns the layers in the order the data flows.
    pub fn summary(&self) -> Vec<LayerSummary> {
        let shapes = self.layer_shapes();
        let layer = |kind, outputs: usize, weights: usize, biases: usize| LayerSummary {
            kind,
            output: vec![outputs],
            parameters: weights + biases,
            multiply_adds: weights,
        };
        let inputs = shapes.first().map_or(0, |[inputs, _]| *inputs);
        let mut layers = vec![layer("Flatten", inputs, 0, 0)];
        for (i, [inputs, outputs]) in shapes.iter().copied().enumerate() {
            layers.push(layer("Dense", outputs, inputs * outputs, outputs));
            if i + 1 == shapes.len() {
                layers.push(layer(self.output.name(), outputs, 0, 0));
                continue;
            }
            layers.push(layer(self.activation.name(), outputs, 0, 0));
            if self.dropout > 0.0 {
                layers.push(layer("Dropout", outputs, 0, 0));
            }
        }
        layers
    }

    /// Returns names and shapes of the tensors, in order, see [`shapes`].
    pub fn tensors(&self) -> Vec<Shape> {
        shapes(&self.widths())
    }

    /// Returns initial weights, a function only of the shape and `seed`. They are drawn here, not by a backend, so
    /// that every backend starts from the same numbers.
    #[cfg(feature = "burn")]
    pub fn init(&self, seed: u64) -> Vec<Tensor> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(WEIGHTS_STREAM);
        let layers = self.layer_shapes().into_iter();
        let limits = layers.flat_map(|[inputs, outputs]| limits(self.init, inputs, outputs));
        let mut draw = |(shape, limit): (Shape, f64)| {
            let count = shape.shape.iter().product();
            shape.filled(uniform(&mut rng, count, limit))
        };
        let shapes = self.tensors().into_iter();
        shapes.zip(limits).map(&mut draw).collect()
    }

    /// Returns tensors with the shapes of [`MlpConfig::tensors`] as dense layers for the kernels.
    pub fn layers(&self, tensors: Vec<Tensor>) -> Vec<kernels::Layer> {
        let mut values = tensors.into_iter().map(|tensor| tensor.values);
        let next = || {
            let (weight, bias) = values.next().zip(values.next())?;
            Some(kernels::Layer { weight, bias })
        };
        std::iter::from_fn(next).collect()
    }

    /// Returns the tensors of dense `layers`, the inverse of [`MlpConfig::layers`]. They may also be an optimizer's
    /// moments.
    pub fn from_layers(&self, layers: Vec<kernels::Layer>) -> Vec<Tensor> {
        let values = layers.into_iter().flat_map(|l| [l.weight, l.bias]);
        let named = self.tensors().into_iter().zip(values);
        named.map(|(shape, values)| shape.filled(values)).collect()
    }
}

/// Returns names and shapes of the tensors of dense layers with these `widths`, from the inputs to the
/// classes: `layers.N.weight` `[in, out]` and `layers.N.bias` `[out]` for each, first to last.
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

/// Returns the half-widths of the uniform distributions of a layer's weight and bias.
#[cfg(feature = "burn")]
fn limits(init: Init, inputs: usize, outputs: usize) -> [f64; 2] {
    let (inputs, outputs) = (inputs as f64, outputs as f64);
    match init {
        Init::GlorotUniform => [(6.0 / (inputs + outputs)).sqrt(), 0.0],
        Init::HeUniform => [(6.0 / inputs).sqrt(), 0.0],
        Init::Torch => [inputs.sqrt().recip(), inputs.sqrt().recip()],
    }
}

/// Returns `count` draws from the uniform distribution on [-limit, limit).
#[cfg(feature = "burn")]
fn uniform(rng: &mut ChaCha8Rng, count: usize, limit: f64) -> Vec<f32> {
    if limit == 0.0 {
        return vec![0.0; count];
    }
    // The upper 24 bits make a float in [0, 1) without rounding.
    let unit = |bits: u32| f64::from(bits >> 8) / f64::from(1u32 << 24);
    (0..count)
        .map(|_| ((2.0 * unit(rng.next_u32()) - 1.0) * limit) as f32)
        .collect()
}

#[cfg(feature = "burn")]
pub use module::Mlp;

/// The network as a Burn module, to be trained or to run on any device.
#[cfg(feature = "burn")]
mod module {
    use burn::module::{Module, Param, ParamId};
    use burn::nn::{Dropout, DropoutConfig, Linear};
    use burn::tensor::{self, Device, TensorData, activation};

    use super::MlpConfig;
    use crate::config::Activation;
    use crate::network::floats;
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
                // Burn gives parameters random, unseeded ids; numbering them by
                // position keeps two equal runs equal in everything they write.
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
                    x = self.activate(x); // [batch, hidden]
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

        /// Returns the device that the weights are on.
        #[expect(clippy::indexing_slicing, reason = "every network has an output layer")]
        pub fn device(&self) -> Device {
            self.layers[0].weight.device()
        }

        /// Returns the shape.
        pub fn config(&self) -> &MlpConfig {
            &self.config
        }

        fn activate(&self, x: tensor::Tensor<2>) -> tensor::Tensor<2> {
            match self.config.activation {
                Activation::Relu => activation::relu(x),
                Activation::Sigmoid => activation::sigmoid(x),
                Activation::Tanh => activation::tanh(x),
                Activation::Gelu => activation::gelu(x),
            }
        }
    }

    fn parameter<const D: usize>(
        id: u64,
        data: TensorData,
        device: &Device,
    ) -> Param<tensor::Tensor<D>> {
        let (_, value, mapper) = Param::<tensor::Tensor<D>>::from_data(data, device).consume();
        Param::from_mapped_value(ParamId::from(id), value, mapper)
    }
}

#[cfg(all(test, feature = "burn"))]
mod tests {
    use super::*;

    fn values(tensors: &[Tensor]) -> Vec<f32> {
        let all = tensors.iter().flat_map(|tensor| &tensor.values);
        all.copied().collect()
    }

    #[test]
    fn limits_are_checked() {
        let good = MlpConfig::tutorial([1, 28, 28], 10);
        assert_eq!(good.validate(), Ok(()));
        assert_eq!(good.parameters(), Some(101_770));
        let check = |change: fn(&mut MlpConfig), expect: ConfigError| {
            let mut config = MlpConfig::tutorial([1, 28, 28], 10);
            change(&mut config);
            assert_eq!(config.validate(), Err(expect));
        };
        check(|c| c.input = [1, 0, 28], ConfigError::Input(0, 28));
        check(
            |c| c.input = [1, usize::MAX, 2],
            ConfigError::Input(usize::MAX, 2),
        );
        check(|c| c.input = [2, 28, 28], ConfigError::Channels(2));
        check(|c| c.hidden = vec![0], ConfigError::Width(0));
        check(|c| c.hidden = vec![128, 65_537], ConfigError::Width(65_537));
        check(|c| c.hidden = vec![1; 65], ConfigError::Layers(65));
        check(|c| c.hidden = vec![65_536, 65_536], ConfigError::Parameters);
        check(|c| c.classes = 1, ConfigError::Classes(1));
        check(|c| c.classes = 257, ConfigError::Classes(257));
        check(|c| c.dropout = 1.0, ConfigError::Dropout(1.0));
    }

    #[test]
    fn the_tutorial_network_has_101_770_parameters() {
        let config = MlpConfig::tutorial([1, 28, 28], 10);
        assert_eq!(values(&config.init(1)).len(), 101_770);
        let names: Vec<String> = config.tensors().into_iter().map(|t| t.name).collect();
        assert_eq!(
            names,
            [
                "layers.0.weight",
                "layers.0.bias",
                "layers.1.weight",
                "layers.1.bias"
            ]
        );
    }

    #[test]
    fn weights_are_a_function_of_the_seed() {
        let config = MlpConfig::tutorial([1, 28, 28], 10);
        assert_eq!(config.init(7), config.init(7));
        assert_ne!(config.init(7), config.init(8));
    }

    #[test]
    fn layers_and_tensors_are_the_same_thing() {
        let config = MlpConfig {
            hidden: vec![5, 4],
            ..MlpConfig::tutorial([3, 2, 2], 3)
        };
        let tensors = config.init(1);
        assert_eq!(config.from_layers(config.layers(tensors.clone())), tensors);
    }

    #[test]
    fn initial_weights_follow_their_distribution() {
        // (init, half-width of the first layer's weights, half-width of its bias) for 784 -> 128
        let glorot = (6.0f64 / 912.0).sqrt();
        let he = (6.0f64 / 784.0).sqrt();
        let torch = 1.0 / 28.0;
        for (init, weight_limit, bias_limit) in [
            (Init::GlorotUniform, glorot, 0.0),
            (Init::HeUniform, he, 0.0),
            (Init::Torch, torch, torch),
        ] {
            let config = MlpConfig {
                init,
                ..MlpConfig::tutorial([1, 28, 28], 10)
            };
            let all = values(&config.init(3));
            let (weight, bias) = (&all[..784 * 128], &all[784 * 128..784 * 128 + 128]);
            let max = |v: &[f32]| f64::from(v.iter().fold(0f32, |m, x| m.max(x.abs())));
            let variance = weight.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 100_352.0;
            assert!(max(weight) <= weight_limit + 1e-7 && max(weight) > 0.999 * weight_limit);
            assert!(
                (variance / (weight_limit.powi(2) / 3.0) - 1.0).abs() < 0.01,
                "{init:?}"
            );
            assert!(max(bias) <= bias_limit + 1e-7 && max(bias) >= 0.9 * bias_limit);
        }
    }
}

//! Flatten → Dense(128, ReLU) → Dense(10): the network of the notebook, and its relatives.

use burn::module::{Module, Param, ParamId};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData, activation};
pub use kernels::Layer as LayerWeights;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::config::{Activation, ConfigError, Init, MlpConfig, Output};
use crate::record::RecordError;

/// Stream of the seed's random numbers that the weights are drawn from. The order of the images uses
/// the streams from 0 up (one an epoch) and the last one (the validation split).
const WEIGHTS_STREAM: u64 = u64::MAX - 1;

/// A multilayer perceptron on images.
///
/// `forward` returns logits and the losses take logits (Keras: `from_logits=True`); softmax lives
/// in [`Mlp::probabilities`] alone.
#[derive(Module, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
    dropout: Dropout,
    #[module(skip)]
    config: MlpConfig,
}

impl Mlp {
    /// Returns a network with fresh weights on `device`.
    ///
    /// The weights are a function of `config` and `seed` alone: they are drawn here, not by the
    /// backend, so that every backend starts from the same numbers.
    ///
    /// # Errors
    /// When `config` breaks a limit, see [`MlpConfig::validate`].
    pub fn init(config: &MlpConfig, seed: u64, device: &Device) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(WEIGHTS_STREAM);
        let weights = config
            .layer_shapes()
            .into_iter()
            .map(|[inputs, outputs]| {
                let (weight_limit, bias_limit) = limits(config.init, inputs, outputs);
                let weight = uniform(&mut rng, inputs * outputs, weight_limit);
                let bias = uniform(&mut rng, outputs, bias_limit);
                LayerWeights { weight, bias }
            })
            .collect();
        Ok(Self::assemble(config, weights, device))
    }

    /// Returns a network with the given weights, first layer to last, on `device`.
    ///
    /// # Errors
    /// When `config` breaks a limit, or the weights are not those of such a network.
    pub fn from_weights(
        config: &MlpConfig,
        weights: Vec<LayerWeights>,
        device: &Device,
    ) -> Result<Self, RecordError> {
        config.validate()?;
        let shapes = config.layer_shapes();
        let found: Vec<[usize; 2]> = weights
            .iter()
            .map(|l| [l.weight.len(), l.bias.len()])
            .collect();
        let expected: Vec<[usize; 2]> = shapes.iter().map(|[i, o]| [i * o, *o]).collect();
        if found != expected {
            return Err(RecordError::Shape {
                name: "layers".into(),
                found: format!("{found:?} weights and biases"),
                expected: format!("{expected:?}"),
            });
        }
        Ok(Self::assemble(config, weights, device))
    }

    /// Returns the weights, first layer to last.
    ///
    /// # Errors
    /// When the device cannot hand them out.
    pub fn weights(&self) -> Result<Vec<LayerWeights>, RecordError> {
        let layer = |layer: &Linear| {
            let weight = floats(layer.weight.val())?;
            let bias = layer
                .bias
                .as_ref()
                .map_or(Ok(Vec::new()), |bias| floats(bias.val()))?;
            Ok(LayerWeights { weight, bias })
        };
        self.layers.iter().map(layer).collect()
    }

    /// Puts a network together; the lengths of the weights were checked by the caller.
    fn assemble(config: &MlpConfig, weights: Vec<LayerWeights>, device: &Device) -> Self {
        let layers = config
            .layer_shapes()
            .into_iter()
            .zip(weights)
            .enumerate()
            .map(|(i, (shape, LayerWeights { weight, bias }))| {
                // Burn numbers parameters at random and seeds nothing there; numbering them by
                // position keeps two equal runs equal in everything they write.
                let id = 2 * i as u64;
                Linear {
                    weight: parameter(id, TensorData::new(weight, shape), device),
                    bias: Some(parameter(id + 1, TensorData::new(bias, [shape[1]]), device)),
                }
            })
            .collect();
        Self {
            layers,
            dropout: DropoutConfig::new(config.dropout).init(),
            config: config.clone(),
        }
    }

    /// Returns the logits `[batch, classes]` of `images` `[batch, height, width]`, pixels 0 to 1.
    pub fn forward(&self, images: Tensor<3>) -> Tensor<2> {
        let mut x = images.flatten::<2>(1, 2); // [batch, height * width]
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x); // [batch, out]
            if i + 1 < self.layers.len() {
                x = self.activate(x); // [batch, hidden]
                x = self.dropout.forward(x); // acts while training only
            }
        }
        x // [batch, classes]
    }

    /// Returns the probabilities `[batch, classes]` of `images` `[batch, height, width]`; each row
    /// sums to 1.
    pub fn predict(&self, images: Tensor<3>) -> Tensor<2> {
        self.probabilities(self.forward(images))
    }

    /// Returns the probabilities `[batch, classes]` that `logits` `[batch, classes]` stand for:
    /// their softmax; for a network of sigmoid output neurons, the neurons divided by their sum.
    pub fn probabilities(&self, logits: Tensor<2>) -> Tensor<2> {
        match self.config.output {
            Output::Softmax => activation::softmax(logits, 1),
            Output::Sigmoid => {
                // Softmax of log-sigmoid is sigmoid / sum of sigmoids, safe when all are near 0.
                activation::softmax(activation::log_sigmoid(logits), 1)
            }
        }
    }

    /// Returns the architecture.
    pub fn config(&self) -> &MlpConfig {
        &self.config
    }

    /// Returns the device the weights are on.
    #[expect(clippy::indexing_slicing, reason = "every network has an output layer")]
    pub fn device(&self) -> Device {
        self.layers[0].weight.device()
    }

    fn activate(&self, x: Tensor<2>) -> Tensor<2> {
        match self.config.activation {
            Activation::Relu => activation::relu(x),
            Activation::Sigmoid => activation::sigmoid(x),
            Activation::Tanh => activation::tanh(x),
            Activation::Gelu => activation::gelu(x),
        }
    }
}

/// Returns the half-widths of the uniform distributions of a layer's weight and bias.
fn limits(init: Init, inputs: usize, outputs: usize) -> (f64, f64) {
    let (inputs, outputs) = (inputs as f64, outputs as f64);
    match init {
        Init::GlorotUniform => ((6.0 / (inputs + outputs)).sqrt(), 0.0),
        Init::HeUniform => ((6.0 / inputs).sqrt(), 0.0),
        Init::Torch => (inputs.sqrt().recip(), inputs.sqrt().recip()),
    }
}

/// Returns `count` draws from the uniform distribution on [-limit, limit).
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

/// Returns the values of a tensor, row-major.
///
/// # Errors
/// When the device cannot hand them out.
pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, RecordError> {
    let data = tensor
        .try_into_data()
        .map_err(|e| RecordError::Device(e.to_string()))?;
    Ok(data.iter::<f32>().collect())
}

fn parameter<const D: usize>(id: u64, data: TensorData, device: &Device) -> Param<Tensor<D>> {
    let (_, value, mapper) = Param::<Tensor<D>>::from_data(data, device).consume();
    Param::from_mapped_value(ParamId::from(id), value, mapper)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn weights(model: &Mlp) -> Vec<f32> {
        let layers = model.weights().unwrap().into_iter();
        layers
            .flat_map(|layer| layer.weight.into_iter().chain(layer.bias))
            .collect()
    }

    #[test]
    fn the_tutorial_network_has_101_770_parameters() {
        let config = MlpConfig::tutorial([28, 28], 10);
        let model = Mlp::init(&config, 1, &Device::flex()).unwrap();
        assert_eq!(model.num_params(), 101_770);
        assert_eq!(weights(&model).len(), 101_770);
    }

    #[test]
    fn weights_are_a_function_of_the_seed() {
        let config = MlpConfig::tutorial([28, 28], 10);
        let draw = |seed| weights(&Mlp::init(&config, seed, &Device::flex()).unwrap());
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
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
                ..MlpConfig::tutorial([28, 28], 10)
            };
            let all = weights(&Mlp::init(&config, 3, &Device::flex()).unwrap());
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

    #[test]
    fn predictions_are_distributions() {
        let device = Device::flex();
        for output in [Output::Softmax, Output::Sigmoid] {
            let config = MlpConfig {
                output,
                ..MlpConfig::tutorial([4, 5], 3)
            };
            let model = Mlp::init(&config, 1, &device).unwrap();
            let images = Tensor::<3>::ones([2, 4, 5], &device) * 1e3; // large logits
            let p = model.predict(images);
            assert_eq!(p.dims(), [2, 3]);
            for sum in p.sum_dim(1).into_data().iter::<f32>() {
                assert!((sum - 1.0).abs() < 1e-6, "{output:?}: {sum}");
            }
        }
    }
}

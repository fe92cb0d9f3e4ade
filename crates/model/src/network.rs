//! Every kind of network as one type: [`Architecture`] is its shape, [`Forward`] its forward pass on the CPU,
//! [`Network`] the same as a Burn module. Each variant has its own file.

#[cfg(feature = "burn")]
use burn::module::{Module, Param, ParamId};
#[cfg(feature = "burn")]
use burn::tensor::{self, Device, TensorData, activation};
use serde::{Deserialize, Serialize};

#[cfg(feature = "burn")]
use crate::cnn::Cnn;
use crate::cnn::CnnConfig;
use crate::config::{Activation, ConfigError, Loss, Output};
#[cfg(feature = "burn")]
use crate::mlp::Mlp;
use crate::mlp::MlpConfig;
use crate::record::RecordError;
use crate::tensor::{Shape, Tensor, named, to_layers};

/// The shape of a network: everything about it except its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Architecture {
    /// A multilayer perceptron.
    Mlp(MlpConfig),
    /// A convolutional network.
    Cnn(CnnConfig),
}

/// One layer of a network, as in Keras's `summary()`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerSummary {
    /// Kind of layer: `Flatten`, `Dense`, `ReLU`.
    pub kind: &'static str,
    /// Shape of its output for one image.
    pub output: Vec<usize>,
    /// Number of weights and biases.
    pub parameters: usize,
    /// Number of multiply-adds for one image.
    pub multiply_adds: usize,
}

/// The weights of a network's first layer, each neuron's as a picture of what it looks at.
#[derive(Debug, Clone, Copy)]
pub struct FirstLayer<'a> {
    /// Number of neurons.
    pub neurons: usize,
    /// Height and width of the part of an image that a neuron looks at.
    pub size: [usize; 2],
    /// Whether they are the output neurons: there is no hidden layer.
    pub is_output: bool,
    /// All weights, and how far it is in them from a neuron to the next and from a pixel to the next.
    pub(crate) values: &'a [f32],
    pub(crate) strides: [usize; 2],
}

impl FirstLayer<'_> {
    /// Returns the weights of a neuron, `[height * width]`, for the first channel; none if there is no such neuron.
    pub fn neuron(&self, neuron: usize) -> Vec<f32> {
        let ([height, width], [start, step]) = (self.size, self.strides);
        let values = self.values.iter().skip(neuron * start);
        values
            .step_by(step.max(1))
            .take(height * width)
            .copied()
            .collect()
    }
}

impl Architecture {
    /// Returns channels, height and width of an image.
    pub fn input(&self) -> [usize; 3] {
        match self {
            Self::Mlp(mlp) => mlp.input,
            Self::Cnn(cnn) => cnn.input,
        }
    }

    /// Returns the number of values of an image.
    pub fn pixels(&self) -> usize {
        self.input().into_iter().fold(1, usize::saturating_mul)
    }

    /// Returns the number of classes.
    pub fn classes(&self) -> usize {
        match self {
            Self::Mlp(mlp) => mlp.classes,
            Self::Cnn(cnn) => cnn.classes,
        }
    }

    /// Returns the output layer.
    pub fn output(&self) -> Output {
        match self {
            Self::Mlp(mlp) => mlp.output,
            Self::Cnn(cnn) => cnn.output,
        }
    }

    /// Returns the activation of the hidden layers.
    pub fn activation(&self) -> Activation {
        match self {
            Self::Mlp(mlp) => mlp.activation,
            Self::Cnn(cnn) => cnn.activation,
        }
    }

    /// Returns the fraction of hidden activations set to zero during training.
    pub fn dropout(&self) -> f64 {
        match self {
            Self::Mlp(mlp) => mlp.dropout,
            Self::Cnn(cnn) => cnn.dropout,
        }
    }

    /// Returns the loss that trains the output neurons.
    pub fn loss(&self) -> Loss {
        Loss::of(self.output())
    }

    /// Checks every limit; later code does not check again.
    ///
    /// # Errors
    /// The first limit that is exceeded.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Mlp(mlp) => mlp.validate(),
            Self::Cnn(cnn) => cnn.validate(),
        }
    }

    /// Returns the number of weights and biases, or `None` if it does not fit a `usize`.
    pub fn parameters(&self) -> Option<usize> {
        match self {
            Self::Mlp(mlp) => mlp.parameters(),
            Self::Cnn(cnn) => cnn.parameters(),
        }
    }

    /// Returns the network as text: `784 -> 128 -> 10`.
    pub fn chain(&self) -> String {
        match self {
            Self::Mlp(mlp) => mlp.chain(),
            Self::Cnn(cnn) => cnn.chain(),
        }
    }

    /// Returns the layers in the order the data flows.
    pub fn summary(&self) -> Vec<LayerSummary> {
        match self {
            Self::Mlp(mlp) => mlp.summary(),
            Self::Cnn(cnn) => cnn.summary(),
        }
    }

    /// Returns the first layer of the network with these `tensors`; `None` if they are not its own.
    pub fn first_layer<'a>(&self, tensors: &'a [Tensor]) -> Option<FirstLayer<'a>> {
        match self {
            Self::Mlp(mlp) => mlp.first_layer(tensors),
            Self::Cnn(cnn) => cnn.first_layer(tensors),
        }
    }

    /// Returns names and shapes of the weight tensors, in order.
    pub fn tensors(&self) -> Vec<Shape> {
        match self {
            Self::Mlp(mlp) => mlp.tensors(),
            Self::Cnn(cnn) => cnn.tensors(),
        }
    }

    /// Returns initial weights, a function only of the shape and `seed`.
    ///
    /// # Errors
    /// When the shape exceeds a limit, see [`Architecture::validate`].
    #[cfg(feature = "burn")]
    pub fn init(&self, seed: u64) -> Result<Vec<Tensor>, ConfigError> {
        self.validate()?;
        Ok(match self {
            Self::Mlp(mlp) => mlp.init(seed),
            Self::Cnn(cnn) => cnn.init(seed),
        })
    }

    /// Checks that `tensors` are weights of this architecture, or values of the same shapes, such as an optimizer's
    /// moments.
    ///
    /// # Errors
    /// When one is missing, has another shape or a value that is not finite, or is not part of the network.
    pub fn check(&self, tensors: &[Tensor]) -> Result<(), RecordError> {
        self.validate()?;
        let shapes = self.tensors();
        for (shape, tensor) in shapes.iter().zip(tensors) {
            shape.check(tensor)?;
        }
        match (shapes.get(tensors.len()), tensors.get(shapes.len())) {
            (Some(missing), _) => Err(RecordError::Missing(missing.name.clone())),
            (_, Some(left)) => Err(RecordError::Unexpected(left.name.clone())),
            (None, None) => Ok(()),
        }
    }

    /// Returns tensors with the shapes of [`Architecture::tensors`] as layers for the kernels.
    pub fn layers(&self, tensors: Vec<Tensor>) -> Vec<kernels::Layer> {
        to_layers(tensors)
    }

    /// Returns the tensors of `layers`, the inverse of [`Architecture::layers`]. They may also be an optimizer's
    /// moments.
    pub fn from_layers(&self, layers: Vec<kernels::Layer>) -> Vec<Tensor> {
        named(self.tensors(), layers)
    }

    /// Returns the network with these `tensors`, for training on the CPU.
    ///
    /// # Panics
    /// When they do not fit the network, see [`Architecture::check`].
    pub fn training(
        &self,
        tensors: Vec<Tensor>,
        optimizer: kernels::Optimizer,
    ) -> kernels::Network {
        let layers = self.layers(tensors);
        let (activation, loss) = (self.activation().into(), self.loss().into());
        match self {
            Self::Mlp(_) => kernels::Network::new(&layers, activation, loss, optimizer),
            Self::Cnn(cnn) => {
                let front = cnn.front();
                kernels::Network::convolutional(&front, &layers, activation, loss, optimizer)
            }
        }
    }

    /// Returns the network with these `tensors`, for inference on the CPU.
    ///
    /// # Errors
    /// When they do not fit the network, see [`Architecture::check`].
    pub fn forward(&self, tensors: Vec<Tensor>) -> Result<Forward, RecordError> {
        self.check(&tensors)?;
        let layers = self.layers(tensors);
        let activation = self.activation().into();
        let output = kernel_output(self.output());
        Ok(match self {
            Self::Mlp(_) => Forward::Mlp {
                layers,
                activation,
                output,
            },
            Self::Cnn(cnn) => Forward::Cnn {
                network: kernels::Cnn::new(&cnn.front(), &layers, activation),
                output,
            },
        })
    }
}

/// A network for inference on the CPU.
#[derive(Debug, Clone)]
pub enum Forward {
    /// A multilayer perceptron.
    Mlp {
        /// The dense layers, first to last.
        layers: Vec<kernels::Layer>,
        /// Activation of the hidden layers.
        activation: kernels::Activation,
        /// The output layer.
        output: kernels::Output,
    },
    /// A convolutional network.
    Cnn {
        /// Convolutions and dense layers.
        network: kernels::Cnn,
        /// The output layer.
        output: kernels::Output,
    },
}

impl Forward {
    /// Returns the logits `[images, classes]` of images given as bytes `[images, channels, height, width]`,
    /// a whole number of them. Uses up to `threads` threads; the bits do not depend on their number.
    pub fn logits(&self, pixels: &[u8], threads: usize) -> Vec<f32> {
        match self {
            Self::Mlp {
                layers, activation, ..
            } => kernels::logits(layers, *activation, pixels, threads),
            Self::Cnn { network, .. } => network.logits(pixels, threads),
        }
    }

    /// Returns the probabilities `[images, classes]` of such images, not calibrated; each row sums to 1.
    pub fn probabilities(&self, pixels: &[u8], threads: usize) -> Vec<f32> {
        match self {
            Self::Mlp {
                layers,
                activation,
                output,
            } => kernels::predict(layers, *activation, *output, pixels, threads),
            Self::Cnn { network, output } => network.predict(*output, pixels, threads),
        }
    }
}

impl Output {
    /// Turns `logits` `[images, classes]` into probabilities in place: their softmax or, for sigmoid outputs, the
    /// outputs divided by their sum.
    pub fn probabilities(self, logits: &mut [f32], classes: usize) {
        kernels::probabilities(logits, classes, kernel_output(self));
    }
}

impl Loss {
    /// Returns the loss of every image `[images]`, from `logits` `[images, classes]` and `labels`
    /// `[images]`.
    pub fn of_logits(self, logits: &[f32], labels: &[u8], classes: usize) -> Vec<f32> {
        kernels::Objective::plain(self.into()).losses(logits, labels, classes)
    }
}

impl From<Loss> for kernels::Loss {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::CrossEntropy => Self::CrossEntropy,
            Loss::Quadratic => Self::Quadratic,
        }
    }
}

fn kernel_output(output: Output) -> kernels::Output {
    match output {
        Output::Softmax => kernels::Output::Softmax,
        Output::Sigmoid => kernels::Output::Sigmoid,
    }
}

impl From<Activation> for kernels::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Relu => Self::Relu,
            Activation::Sigmoid => Self::Sigmoid,
            Activation::Tanh => Self::Tanh,
            Activation::Gelu => Self::Gelu,
        }
    }
}

/// A network on a device, to be trained or to run there with Burn's operations.
///
/// `forward` returns logits and the losses take logits (Keras: `from_logits=True`); softmax is only in
/// [`Network::probabilities`].
#[cfg(feature = "burn")]
#[derive(Module, Debug)]
pub enum Network {
    /// A multilayer perceptron.
    Mlp(Mlp),
    /// A convolutional network.
    Cnn(Cnn),
}

#[cfg(feature = "burn")]
impl Network {
    /// Returns the network with `tensors` on `device`.
    ///
    /// # Errors
    /// When they do not fit the network, see [`Architecture::check`].
    pub fn new(
        architecture: &Architecture,
        tensors: Vec<Tensor>,
        device: &Device,
    ) -> Result<Self, RecordError> {
        architecture.check(&tensors)?;
        Ok(match architecture {
            Architecture::Mlp(mlp) => Self::Mlp(Mlp::new(mlp, tensors, device)),
            Architecture::Cnn(cnn) => Self::Cnn(Cnn::new(cnn, tensors, device)),
        })
    }

    /// Returns the logits `[batch, classes]` of `images` `[batch, channels, height, width]`, pixels 0 to 1.
    pub fn forward(&self, images: tensor::Tensor<4>) -> tensor::Tensor<2> {
        match self {
            Self::Mlp(mlp) => mlp.forward(images),
            Self::Cnn(cnn) => cnn.forward(images),
        }
    }

    /// Returns the probabilities `[batch, classes]` of `images` `[batch, channels, height, width]`; each row
    /// sums to 1.
    pub fn predict(&self, images: tensor::Tensor<4>) -> tensor::Tensor<2> {
        self.probabilities(self.forward(images))
    }

    /// Returns the probabilities `[batch, classes]` of `logits` `[batch, classes]`: their softmax or, for sigmoid
    /// outputs, the outputs divided by their sum.
    pub fn probabilities(&self, logits: tensor::Tensor<2>) -> tensor::Tensor<2> {
        match self.architecture().output() {
            Output::Softmax => activation::softmax(logits, 1),
            Output::Sigmoid => {
                // Softmax of log-sigmoid is sigmoid / sum of sigmoids, safe when all are near 0.
                activation::softmax(activation::log_sigmoid(logits), 1)
            }
        }
    }

    /// Returns the weights, in the order of [`Architecture::tensors`].
    ///
    /// # Errors
    /// When they cannot be read from the device.
    pub fn tensors(&self) -> Result<Vec<Tensor>, RecordError> {
        match self {
            Self::Mlp(mlp) => mlp.tensors(),
            Self::Cnn(cnn) => cnn.tensors(),
        }
    }

    /// Returns this network with its weights moved towards those of `newer`, a network of the same shape, by
    /// `1 - memory` of the way: a moving average.
    #[must_use]
    pub fn towards(self, newer: &Self, memory: f32) -> Self {
        match (self, newer) {
            (Self::Mlp(mlp), Self::Mlp(newer)) => Self::Mlp(mlp.towards(newer, memory)),
            (Self::Cnn(cnn), Self::Cnn(newer)) => Self::Cnn(cnn.towards(newer, memory)),
            (other, _) => other, // of another shape
        }
    }

    /// Returns the device that the weights are on.
    pub fn device(&self) -> Device {
        match self {
            Self::Mlp(mlp) => mlp.device(),
            Self::Cnn(cnn) => cnn.device(),
        }
    }

    /// Returns the shape.
    pub fn architecture(&self) -> Architecture {
        match self {
            Self::Mlp(mlp) => Architecture::Mlp(mlp.config().clone()),
            Self::Cnn(cnn) => Architecture::Cnn(cnn.config().clone()),
        }
    }
}

/// Returns a parameter of a module on `device`. Burn numbers parameters at random and seeds nothing there;
/// numbering them by position keeps two equal runs equal in everything they write.
#[cfg(feature = "burn")]
pub(crate) fn parameter<const D: usize>(
    position: u64,
    data: TensorData,
    device: &Device,
) -> Param<tensor::Tensor<D>> {
    let (_, value, mapper) = Param::<tensor::Tensor<D>>::from_data(data, device).consume();
    Param::from_mapped_value(ParamId::from(position), value, mapper)
}

/// Returns `x` after an activation.
#[cfg(feature = "burn")]
pub(crate) fn activate<const D: usize>(
    function: Activation,
    x: tensor::Tensor<D>,
) -> tensor::Tensor<D> {
    match function {
        Activation::Relu => activation::relu(x),
        Activation::Sigmoid => activation::sigmoid(x),
        Activation::Tanh => activation::tanh(x),
        Activation::Gelu => activation::gelu(x),
    }
}

/// Returns a parameter moved towards `newer` by `1 - memory` of the way.
#[cfg(feature = "burn")]
pub(crate) fn moved<const D: usize>(
    average: &Param<tensor::Tensor<D>>,
    newer: &Param<tensor::Tensor<D>>,
    memory: f32,
) -> Param<tensor::Tensor<D>> {
    let value = average.val() * memory + newer.val() * (1.0 - memory);
    Param::initialized(average.id, value)
}

/// Returns the values of a tensor, row-major.
///
/// # Errors
/// When they cannot be read from the device.
#[cfg(feature = "burn")]
pub(crate) fn floats<const D: usize>(tensor: tensor::Tensor<D>) -> Result<Vec<f32>, RecordError> {
    let data = tensor
        .try_into_data()
        .map_err(|e| RecordError::Device(e.to_string()))?;
    Ok(data.iter::<f32>().collect())
}

#[cfg(all(test, feature = "burn"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_tutorial_network_has_101_770_parameters() {
        let architecture = Architecture::Mlp(MlpConfig::tutorial([1, 28, 28], 10));
        let tensors = architecture.init(1).unwrap();
        let network = Network::new(&architecture, tensors.clone(), &Device::flex()).unwrap();
        assert_eq!(network.num_params(), 101_770);
        assert_eq!(network.tensors().unwrap(), tensors);
        assert_eq!(network.architecture(), architecture);
    }

    #[test]
    fn predictions_are_distributions() {
        let device = Device::flex();
        for output in [Output::Softmax, Output::Sigmoid] {
            let architecture = Architecture::Mlp(MlpConfig {
                output,
                ..MlpConfig::tutorial([1, 4, 5], 3)
            });
            let tensors = architecture.init(1).unwrap();
            let network = Network::new(&architecture, tensors, &device).unwrap();
            let images = tensor::Tensor::<4>::ones([2, 1, 4, 5], &device) * 1e3; // large logits
            let p = network.predict(images);
            assert_eq!(p.dims(), [2, 3]);
            for sum in p.sum_dim(1).into_data().iter::<f32>() {
                assert!((sum - 1.0).abs() < 1e-6, "{output:?}: {sum}");
            }
        }
    }

    #[test]
    fn other_tensors_are_refused_by_name() {
        let architecture = Architecture::Mlp(MlpConfig::tutorial([1, 2, 2], 3));
        let good = architecture.init(1).unwrap();
        assert_eq!(architecture.check(&good), Ok(()));
        let check = |change: fn(&mut Vec<Tensor>), expect: &str| {
            let mut tensors = good.clone();
            change(&mut tensors);
            let error = architecture.check(&tensors).unwrap_err().to_string();
            assert!(
                error.contains(expect),
                "{error:?} should contain {expect:?}"
            );
        };
        check(|t| drop(t.pop()), "no tensor `layers.1.bias`");
        check(|t| t.push(t[0].clone()), "a tensor `layers.0.weight`");
        check(|t| t.swap(0, 1), "no tensor `layers.0.weight`");
        check(|t| t[0].shape.reverse(), "expected F32 [4, 128]");
        check(|t| t[1].values.truncate(3), "layers.0.bias");
        check(|t| t[1].values[0] = f32::NAN, "not a finite number");
    }
}

//! A network as a row of steps, which every reader turns its file into: the one kind of network there is here,
//! dense layers with one activation between them.

use model::{Activation, Architecture, Init, MlpConfig, Output, Tensor, mlp};

use crate::{About, ExchangeError, Network};

/// A dense layer of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    /// `[in, out]`, row-major.
    pub weight: Vec<f32>,
    /// `[out]`.
    pub bias: Vec<f32>,
}

impl Layer {
    /// Returns the number of inputs.
    pub fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len().max(1)
    }
}

/// Returns the network of dense layers, first to last.
pub(crate) fn network(layers: Vec<Layer>, about: About) -> Network {
    let inputs = layers.first().map(Layer::inputs);
    let outputs = layers.iter().map(|layer| layer.bias.len());
    let widths: Vec<usize> = inputs.into_iter().chain(outputs).collect();
    let values = layers
        .into_iter()
        .flat_map(|layer| [layer.weight, layer.bias]);
    let shapes = mlp::shapes(&widths).into_iter();
    let tensors = shapes
        .zip(values)
        .map(|(shape, values)| shape.filled(values))
        .collect();
    Network { tensors, about }
}

/// Returns the widths from the inputs to the classes, `[layers + 1]`.
pub(crate) fn widths(tensors: &[Tensor]) -> Vec<usize> {
    let shapes = tensors.iter().map(|tensor| &tensor.shape[..]);
    let weights = shapes.filter_map(|shape| <[usize; 2]>::try_from(shape).ok());
    let first = weights.clone().take(1).map(|[inputs, _]| inputs);
    first.chain(weights.map(|[_, outputs]| outputs)).collect()
}

/// Returns the shape of the network with these `tensors`, for images of `input` (height, width).
///
/// # Errors
/// When they are none, or the network breaks a limit.
pub(crate) fn architecture(
    tensors: &[Tensor],
    input: [usize; 2],
    activation: Activation,
    output: Output,
) -> Result<Architecture, ExchangeError> {
    let [_, hidden @ .., classes] = &widths(tensors)[..] else {
        return Err(ExchangeError::Chain("there is none".into()));
    };
    let [height, width] = input;
    let architecture = Architecture::Mlp(MlpConfig {
        input: [1, height, width],
        hidden: hidden.to_vec(),
        classes: *classes,
        activation,
        output,
        dropout: 0.0,
        init: Init::GlorotUniform,
    });
    architecture
        .validate()
        .map_err(|e| ExchangeError::Unsupported {
            what: format!("the file's network cannot run here: {e}"),
            hint: "see docs/interop.md for what can",
        })?;
    Ok(architecture)
}

/// Returns the activation of the hidden layers.
pub(crate) fn activation(architecture: &Architecture) -> Activation {
    let Architecture::Mlp(mlp) = architecture;
    mlp.activation
}

//! The shape of a multilayer perceptron: the tutorial's, its limits, widths and layers.

use super::MlpConfig;
use crate::config::{
    Activation, ConfigError, Init, MAX_CLASSES, MAX_LAYERS, MAX_PARAMETERS, MAX_WIDTH, Output,
};
use crate::network::{FirstLayer, LayerSummary};
use crate::tensor::Tensor;

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
        if !(2..=MAX_CLASSES).contains(&self.classes) {
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
        let widths = self.widths();
        let flatten = LayerSummary {
            kind: "Flatten",
            output: widths.iter().take(1).copied().collect(),
            parameters: 0,
            multiply_adds: 0,
        };
        let names = [self.activation.name(), self.output.name()];
        let dense = dense_summary(&widths, names, self.dropout);
        [flatten].into_iter().chain(dense).collect()
    }

    /// Returns the first layer of the network with these `tensors`. Weights are `[inputs, neurons]`, row-major:
    /// those of a neuron are a column.
    pub(crate) fn first_layer<'a>(&self, tensors: &'a [Tensor]) -> Option<FirstLayer<'a>> {
        let [_, height, width] = self.input;
        let [_, neurons] = *self.layer_shapes().first()?;
        Some(FirstLayer {
            neurons,
            size: [height, width],
            is_output: self.hidden.is_empty(),
            values: &tensors.first()?.values,
            strides: [1, neurons],
        })
    }
}

/// Returns dense layers of these `widths` in the order the data flows, with the names of the hidden layers'
/// activation and of the output.
pub(crate) fn dense_summary(
    widths: &[usize],
    [activation, output]: [&'static str; 2],
    dropout: f64,
) -> Vec<LayerSummary> {
    let layer = |kind, outputs: usize, weights: usize, biases: usize| LayerSummary {
        kind,
        output: vec![outputs],
        parameters: weights + biases,
        multiply_adds: weights,
    };
    let mut layers = Vec::new();
    for (i, &[inputs, outputs]) in widths.array_windows().enumerate() {
        layers.push(layer("Dense", outputs, inputs * outputs, outputs));
        if i + 2 == widths.len() {
            layers.push(layer(output, outputs, 0, 0));
            continue;
        }
        layers.push(layer(activation, outputs, 0, 0));
        if dropout > 0.0 {
            layers.push(layer("Dropout", outputs, 0, 0));
        }
    }
    layers
}

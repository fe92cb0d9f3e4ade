//! A network of dense layers, looked into: the weighted sums and the activations of every neuron.

use kernels::Layer;
use model::record::PIXEL_DIVISOR;
use model::{Activation, Architecture, Output, Record};
use statrs::function::erf::erf;

use crate::backend;
use crate::failure::Failure;

/// The layers of a network.
#[derive(Debug, Clone)]
pub struct Dense {
    layers: Vec<Layer>,
    activation: Activation,
    output: Output,
}

/// What a layer does with one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    /// What goes in, `[inputs]`: the pixels, 0 to 1, or the activations of the layer before.
    pub inputs: Vec<f64>,
    /// Each neuron's weighted sum with its bias, `[outputs]`.
    pub sums: Vec<f64>,
    /// What comes out, `[outputs]`: the activations; of the last layer, the outputs of the network, before any
    /// calibration.
    pub outputs: Vec<f64>,
}

impl Dense {
    /// Returns the layers of `record`'s network.
    ///
    /// # Errors
    /// When it is not made of dense layers only, or its weights do not fit it.
    pub fn of(record: &Record) -> Result<Self, Failure> {
        let architecture = &record.metadata.architecture;
        architecture
            .check(&record.weights)
            .map_err(Failure::caused_by)?;
        match architecture {
            Architecture::Mlp(mlp) => Ok(Self {
                layers: mlp.layers(record.weights.clone()),
                activation: mlp.activation,
                output: mlp.output,
            }),
            #[allow(unreachable_patterns, reason = "whatever kinds of networks there are")]
            _ => Err(
                Failure::usage("the network has other layers than dense ones")
                    .hint("explain a network of dense layers: `trainer summary RUN` shows them"),
            ),
        }
    }

    /// Returns the number of layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Returns whether there is no layer: never, for a network that was checked.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Returns the weights `[inputs]` and the bias of a neuron of a layer, both counted from 0; `None` if there is none.
    pub fn neuron(&self, layer: usize, neuron: usize) -> Option<(Vec<f32>, f32)> {
        let layer = self.layers.get(layer)?;
        let bias = *layer.bias.get(neuron)?;
        let column = layer.weight.iter().skip(neuron).step_by(layer.bias.len());
        Some((column.copied().collect(), bias))
    }

    /// Returns the number of neurons of a layer; 0 if there is no such layer.
    pub fn neurons(&self, layer: usize) -> usize {
        self.layers.get(layer).map_or(0, |layer| layer.bias.len())
    }

    /// Returns what a neuron of a layer, counted from 0, makes of its weighted sum, in words.
    pub fn function(&self, layer: usize) -> &'static str {
        match (layer + 1 == self.len(), self.output) {
            (false, _) => self.activation.name(),
            (true, Output::Softmax) => "Softmax",
            (true, Output::Sigmoid) => "Sigmoid",
        }
    }

    /// Returns what every layer does with a picture, given as bytes.
    pub fn pass(&self, pixels: &[u8]) -> Vec<Pass> {
        let divisor = f64::from(PIXEL_DIVISOR);
        let mut inputs: Vec<f64> = pixels.iter().map(|&p| f64::from(p) / divisor).collect();
        let mut passes = Vec::with_capacity(self.len());
        for (number, layer) in self.layers.iter().enumerate() {
            let sums = sums(layer, &inputs);
            let outputs = if number + 1 == self.len() {
                outputs(&sums, self.output)
            } else {
                sums.iter().map(|&x| activate(x, self.activation)).collect()
            };
            passes.push(Pass {
                inputs: std::mem::replace(&mut inputs, outputs.clone()),
                sums,
                outputs,
            });
        }
        passes
    }

    /// Returns what the last hidden layer makes of each image in `pixels` (bytes `[images, inputs]`): its activations
    /// `[images, neurons]`, row-major; `None` if there is no hidden layer.
    pub fn hidden(&self, pixels: &[u8]) -> Option<Vec<f32>> {
        let (_, hidden) = self.layers.split_last()?;
        if hidden.is_empty() {
            return None;
        }
        let activation = match self.activation {
            Activation::Relu => kernels::Activation::Relu,
            Activation::Sigmoid => kernels::Activation::Sigmoid,
            Activation::Tanh => kernels::Activation::Tanh,
            Activation::Gelu => kernels::Activation::Gelu,
        };
        let mut sums = kernels::logits(hidden, activation, pixels, backend::threads());
        for x in &mut sums {
            *x = activate(f64::from(*x), self.activation) as f32;
        }
        Some(sums)
    }
}

/// Returns each neuron's weighted sum with its bias.
fn sums(layer: &Layer, inputs: &[f64]) -> Vec<f64> {
    let mut sums: Vec<f64> = layer.bias.iter().map(|&bias| f64::from(bias)).collect();
    for (input, row) in inputs
        .iter()
        .zip(layer.weight.chunks_exact(sums.len().max(1)))
    {
        for (sum, &weight) in sums.iter_mut().zip(row) {
            *sum += input * f64::from(weight);
        }
    }
    sums
}

/// Returns a hidden neuron's activation.
pub fn activate(x: f64, activation: Activation) -> f64 {
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Gelu => x * 0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
    }
}

/// Returns the outputs of a network for its logits: a sigmoid each, or their softmax.
pub fn outputs(logits: &[f64], output: Output) -> Vec<f64> {
    match output {
        Output::Sigmoid => logits.iter().map(|&x| sigmoid(x)).collect(),
        Output::Softmax => {
            let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = logits.iter().map(|x| (x - highest).exp()).collect();
            let total: f64 = powers.iter().sum();
            powers.iter().map(|power| power / total).collect()
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

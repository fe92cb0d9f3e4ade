//! A network cut into shards: each owns some neurons of every hidden layer, with all that belongs to
//! them.

use std::ops::Range;

/// Parts a network is cut into. One thread may work on several; more threads than shards idle.
pub const SHARDS: usize = 2;

/// A dense layer: `output = input weight + bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// `[inputs, outputs]`, row-major.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// Activation of the hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// max(0, x)
    Relu,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// Hyperbolic tangent
    Tanh,
    /// x Φ(x), with the normal distribution's Φ (Hendrycks & Gimpel 2016,
    /// <https://arxiv.org/abs/1606.08415>). For answers only: its derivative needs the neuron's input,
    /// which a training step does not keep.
    Gelu,
}

/// What the output neurons are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Softmax of the logits.
    Softmax,
    /// Sigmoid neurons, divided by their sum.
    Sigmoid,
}

/// What is minimised: the mean over the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Cross-entropy of the softmax of the logits.
    CrossEntropy,
    /// Sum over the classes of (sigmoid(logit) - ideal)^2.
    Quadratic,
}

/// How weights move against their gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// Adam or AdamW.
    Adam(Adam),
    /// Gradient descent with momentum.
    Sgd(Sgd),
}

/// Constants of gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Share of the last step's movement that is kept, 0 to below 1.
    pub momentum: f32,
    /// Whether the gradient counts as if the momentum had been followed already.
    pub nesterov: bool,
    /// Share of each weight added to its gradient.
    pub l2: f32,
}

/// Constants of Adam and AdamW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Memory of the mean gradient, 0 to below 1.
    pub beta_1: f32,
    /// Memory of the squared gradient, 0 to below 1.
    pub beta_2: f32,
    /// Added to the divisor after the bias correction (Keras adds it before), above 0.
    pub epsilon: f32,
    /// Adam: share of each weight added to its gradient.
    pub l2: f32,
    /// AdamW: share of each weight taken off, times the learning rate.
    pub decoupled_decay: f32,
}

/// Weights and moments of a network that is being trained.
#[derive(Debug)]
pub struct Network {
    pub(crate) shards: Vec<Shard>,
    pub(crate) widths: Vec<usize>,
    pub(crate) activation: Activation,
    pub(crate) loss: Loss,
    pub(crate) optimizer: Optimizer,
    /// Steps done.
    pub(crate) time: u64,
}

/// One shard: its columns of every hidden layer, and the rows of the output layer they feed.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Its place, 0 to [`SHARDS`] - 1.
    pub index: usize,
    pub hidden: Vec<Dense>,
    /// The bias is the same in every shard: each computes it from the same sums.
    pub output: Dense,
}

/// A layer's parameters, gradients and moments.
#[derive(Debug)]
pub(crate) struct Dense {
    pub weight: Parameter,
    pub bias: Parameter,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub values: Vec<f32>,
    pub gradient: Vec<f32>,
    pub first: Vec<f32>,
    pub second: Vec<f32>,
}

impl Network {
    /// Returns a network of `layers`, first to last, at step 0.
    ///
    /// # Panics
    /// When there is no layer, a layer is empty, layers do not fit each other, or the activation is
    /// [`Activation::Gelu`].
    pub fn new(layers: &[Layer], activation: Activation, loss: Loss, optimizer: Optimizer) -> Self {
        assert!(
            activation != Activation::Gelu,
            "GELU cannot be trained here"
        );
        let widths = widths(layers);
        let shards = (0..SHARDS)
            .map(|index| Shard::new(index, layers, &widths))
            .collect();
        Self {
            shards,
            widths,
            activation,
            loss,
            optimizer,
            time: 0,
        }
    }

    /// Returns the layers as they are now, first to last.
    pub fn layers(&self) -> Vec<Layer> {
        self.gather(&|parameter| &parameter.values)
    }

    /// Returns the running mean of the gradients (Adam's first moment) or the momentum, in the shape
    /// of the layers.
    pub fn first_moments(&self) -> Vec<Layer> {
        self.gather(&|parameter| &parameter.first)
    }

    /// Returns the running mean of the squared gradients, Adam's second moment, in the shape of the
    /// layers.
    pub fn second_moments(&self) -> Vec<Layer> {
        self.gather(&|parameter| &parameter.second)
    }

    /// Puts back what [`Network::first_moments`] and [`Network::second_moments`] returned after so many
    /// steps: training then goes on as if it had never stopped.
    ///
    /// # Panics
    /// When the moments do not have the shape of the layers.
    pub fn restore(&mut self, first: &[Layer], second: &[Layer], steps: u64) {
        for moments in [first, second] {
            assert_eq!(widths(moments), self.widths, "the shape of the moments");
        }
        for shard in &mut self.shards {
            let first = Shard::new(shard.index, first, &self.widths);
            let second = Shard::new(shard.index, second, &self.widths);
            let parameters = shard.parameters_mut();
            for ((parameter, first), second) in parameters
                .into_iter()
                .zip(first.into_values())
                .zip(second.into_values())
            {
                parameter.first = first;
                parameter.second = second;
            }
        }
        self.time = steps;
    }

    fn gather(&self, of: &dyn Fn(&Parameter) -> &[f32]) -> Vec<Layer> {
        let last = self.widths.len() - 2;
        let hidden = (0..last).map(|layer| self.hidden(layer, of));
        hidden.chain([self.output(of)]).collect()
    }

    fn hidden(&self, layer: usize, of: &dyn Fn(&Parameter) -> &[f32]) -> Layer {
        let [inputs, outputs] = [self.widths[layer], self.widths[layer + 1]];
        let mut whole = Layer {
            weight: vec![0.0; inputs * outputs],
            bias: vec![0.0; outputs],
        };
        for shard in &self.shards {
            let range = range(outputs, shard.index);
            let dense = &shard.hidden[layer];
            whole.bias[range.clone()].copy_from_slice(of(&dense.bias));
            if range.is_empty() {
                continue;
            }
            let rows = of(&dense.weight).chunks_exact(range.len());
            for (whole, part) in whole.weight.chunks_exact_mut(outputs).zip(rows) {
                whole[range.clone()].copy_from_slice(part);
            }
        }
        whole
    }

    fn output(&self, of: &dyn Fn(&Parameter) -> &[f32]) -> Layer {
        let rows = self
            .shards
            .iter()
            .flat_map(|shard| of(&shard.output.weight));
        Layer {
            weight: rows.copied().collect(),
            bias: of(&self.shards[0].output.bias).to_vec(),
        }
    }
}

impl Shard {
    fn new(index: usize, layers: &[Layer], widths: &[usize]) -> Self {
        let last = layers.len() - 1;
        let hidden = layers[..last]
            .iter()
            .zip(&widths[1..])
            .map(|(layer, &outputs)| {
                let range = range(outputs, index);
                let rows = layer.weight.chunks_exact(outputs);
                let weight = rows
                    .flat_map(|row| row[range.clone()].iter().copied())
                    .collect();
                Dense::new(weight, layer.bias[range.clone()].to_vec())
            })
            .collect();
        let classes = widths[last + 1];
        let rows = range(widths[last], index);
        let weight = layers[last].weight[rows.start * classes..rows.end * classes].to_vec();
        Self {
            index,
            hidden,
            output: Dense::new(weight, layers[last].bias.clone()),
        }
    }
}

impl Shard {
    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        let layers = self.hidden.iter_mut().chain([&mut self.output]);
        layers
            .flat_map(|dense| [&mut dense.weight, &mut dense.bias])
            .collect()
    }

    fn into_values(self) -> impl Iterator<Item = Vec<f32>> {
        let layers = self.hidden.into_iter().chain([self.output]);
        layers.flat_map(|dense| [dense.weight.values, dense.bias.values])
    }
}

impl Dense {
    fn new(weight: Vec<f32>, bias: Vec<f32>) -> Self {
        Self {
            weight: Parameter::new(weight),
            bias: Parameter::new(bias),
        }
    }
}

impl Parameter {
    fn new(values: Vec<f32>) -> Self {
        let zeros = vec![0.0; values.len()];
        Self {
            gradient: zeros.clone(),
            first: zeros.clone(),
            second: zeros,
            values,
        }
    }
}

/// Returns the neurons of a layer of `width` that shard `index` owns. Multiples of 16 keep vectors
/// whole where the width allows.
pub(crate) fn range(width: usize, index: usize) -> Range<usize> {
    let part = width.div_ceil(SHARDS).next_multiple_of(16);
    (part * index).min(width)..(part * (index + 1)).min(width)
}

/// Returns the number of inputs and the number of neurons of every layer.
pub(crate) fn widths(layers: &[Layer]) -> Vec<usize> {
    assert!(!layers.is_empty(), "a network has at least one layer");
    let inputs = layers[0].weight.len() / layers[0].bias.len().max(1);
    let mut widths = vec![inputs];
    for layer in layers {
        let (inputs, outputs) = (widths[widths.len() - 1], layer.bias.len());
        assert!(inputs > 0 && outputs > 0, "a layer of {inputs} x {outputs}");
        assert_eq!(
            layer.weight.len(),
            inputs * outputs,
            "a layer of {inputs} x {outputs}"
        );
        widths.push(outputs);
    }
    widths
}

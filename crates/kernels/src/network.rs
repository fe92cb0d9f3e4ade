//! A network cut into shards: each owns some neurons of every hidden layer, with all that belongs to
//! them.

use std::ops::Range;

use crate::aligned::Aligned;
use crate::convolution::{Convolutions, Front};
use crate::instructions::Instructions;
use crate::loss::Objective;
use crate::product::area;
use crate::settings::{Activation, Dropout, Extras, Loss, Optimizer};

/// Fewest and most shards of a network. One thread may work on several; more threads than shards do not help.
const FEWEST_SHARDS: usize = 2;
const MOST_SHARDS: usize = 16;

/// Neurons of the widest hidden layer in a shard, at least: rows of its weights are whole vectors, and a shard's
/// [784, 64] weights with their moments fit into a core's L2 cache.
const SHARD_WIDTH: usize = 64;

/// A dense layer, `output = input weight + bias`, or a convolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// `[inputs, outputs]`, row-major; of a convolution `[kernel, kernel, inputs, outputs]`.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// Weights and moments of a network that is being trained.
#[derive(Debug)]
pub struct Network {
    pub(crate) shards: Vec<Shard>,
    pub(crate) plan: Plan,
    pub(crate) optimizer: Optimizer,
    /// Steps done.
    pub(crate) time: u64,
}

/// The network apart from its weights, and what a step does with it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub instructions: Instructions,
    /// What comes before the dense layers.
    pub front: Option<Front>,
    /// Inputs, and neurons of every dense layer.
    pub widths: Vec<usize>,
    pub activation: Activation,
    pub objective: Objective,
    pub dropout: Dropout,
    pub clip_norm: Option<f32>,
    pub average: Option<f32>,
}

/// One shard: its columns of every hidden layer, and the rows of the output layer they feed.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Its place, from 0.
    pub index: usize,
    /// Its part of the weights and biases of all convolutions; empty where there are none.
    pub front: Parameter,
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
    pub values: Aligned,
    /// All of it where it is clipped before the values move; otherwise the block of it that was computed last, at the
    /// beginning.
    pub gradient: Aligned,
    pub first: Aligned,
    pub second: Aligned,
    /// The moving average of the values; empty where none is asked for.
    pub average: Aligned,
}

impl Network {
    /// Returns a network of `layers`, first to last, at step 0.
    ///
    /// # Panics
    /// When there is no layer, a layer is empty, or layers do not fit each other.
    pub fn new(layers: &[Layer], activation: Activation, loss: Loss, optimizer: Optimizer) -> Self {
        let widths = widths(layers);
        let shards = (0..shards(&widths))
            .map(|index| Shard::new(index, layers, &widths))
            .collect();
        let plan = Plan {
            instructions: Instructions::widest(),
            front: None,
            widths,
            activation,
            objective: Objective::plain(loss),
            dropout: Dropout::default(),
            clip_norm: None,
            average: None,
        };
        Self {
            shards,
            plan,
            optimizer,
            time: 0,
        }
    }

    /// Returns a network of `layers`, first to last, at step 0: those of `convolutions`, then dense ones. The
    /// activation is that of both.
    ///
    /// # Panics
    /// As [`Network::new`], and when the convolutions leave nothing of an image.
    pub fn convolutional(
        convolutions: &Convolutions,
        layers: &[Layer],
        activation: Activation,
        loss: Loss,
        optimizer: Optimizer,
    ) -> Self {
        let front = Front::new(convolutions);
        let (blocks, dense) = front.split(layers);
        let packed = front.pack(blocks);
        let mut network = Self::new(dense, activation, loss, optimizer);
        let inputs = network.plan.widths[0];
        assert_eq!(inputs, front.features(), "inputs of the first dense layer");
        network.plan.front = Some(front);
        for shard in &mut network.shards {
            let part = network.plan.part(packed.len(), shard.index);
            shard.front = Parameter::new(packed[part].to_vec());
        }
        network
    }

    /// Returns the network, to be trained with `extras`. The average begins anew.
    ///
    /// # Panics
    /// When one of them is outside its range, or the weights of the classes are not one for each.
    pub fn with(mut self, extras: Extras) -> Self {
        extras.check(self.plan.classes());
        let plan = &mut self.plan;
        plan.objective.label_smoothing = extras.label_smoothing;
        plan.objective.class_weights = extras.class_weights;
        plan.dropout = extras.dropout;
        plan.clip_norm = extras.clip_norm;
        plan.average = extras.average;
        for parameter in self.shards.iter_mut().flat_map(Shard::parameters_mut) {
            parameter.average = match plan.average {
                Some(_) => parameter.values.clone(),
                None => Aligned::default(),
            };
        }
        self
    }

    /// Returns the network, to be trained with these instructions. A new one has the widest.
    pub fn with_instructions(mut self, instructions: Instructions) -> Self {
        self.plan.instructions = instructions;
        self
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
        self.replace(first, |parameter, values| parameter.first = values);
        self.replace(second, |parameter, values| parameter.second = values);
        self.time = steps;
    }

    /// Returns the moving average of the weights, in the shape of the layers, when [`Extras::average`] asks for
    /// it.
    pub fn averages(&self) -> Option<Vec<Layer>> {
        self.plan.average?;
        Some(self.gather(&|parameter| &parameter.average))
    }

    /// Puts back what [`Network::averages`] returned.
    ///
    /// # Panics
    /// When no average is asked for, or `averages` does not have the shape of the layers.
    pub fn restore_averages(&mut self, averages: &[Layer]) {
        assert!(self.plan.average.is_some(), "no average is asked for");
        self.replace(averages, |parameter, values| parameter.average = values);
    }

    /// Hands out every parameter with its part of `layers`.
    fn replace(&mut self, mut layers: &[Layer], put: impl Fn(&mut Parameter, Aligned)) {
        if let Some(front) = &self.plan.front {
            let (blocks, dense) = front.split(layers);
            let packed = front.pack(blocks);
            for shard in &mut self.shards {
                let part = packed[self.plan.part(packed.len(), shard.index)].to_vec();
                put(&mut shard.front, part.into());
            }
            layers = dense;
        }
        assert_eq!(widths(layers), self.plan.widths, "the shape of the layers");
        for shard in &mut self.shards {
            let part = Shard::new(shard.index, layers, &self.plan.widths);
            let parameters = shard.parameters_mut().into_iter().skip(1);
            parameters
                .zip(part.into_values())
                .for_each(|(parameter, values)| put(parameter, values));
        }
    }

    fn gather(&self, of: &dyn Fn(&Parameter) -> &[f32]) -> Vec<Layer> {
        let last = self.plan.widths.len() - 2;
        let front = self.plan.front.iter().flat_map(|front| {
            let parts = self.shards.iter().flat_map(|shard| of(&shard.front));
            front.unpack(&parts.copied().collect::<Vec<f32>>())
        });
        let hidden = (0..last).map(|layer| self.hidden(layer, of));
        front.chain(hidden).chain([self.output(of)]).collect()
    }

    fn hidden(&self, layer: usize, of: &dyn Fn(&Parameter) -> &[f32]) -> Layer {
        let [inputs, outputs] = [self.plan.widths[layer], self.plan.widths[layer + 1]];
        let mut whole = Layer {
            weight: vec![0.0; area(inputs, outputs)],
            bias: vec![0.0; outputs],
        };
        for shard in &self.shards {
            let range = self.plan.range(layer + 1, shard.index);
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

impl Plan {
    /// Returns the number of hidden layers.
    pub fn hidden(&self) -> usize {
        self.widths.len() - 2
    }

    pub fn classes(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    /// Returns the number of shards.
    pub fn shards(&self) -> usize {
        shards(&self.widths)
    }

    /// Returns the number of values that the convolutions make of an image; 0 without convolutions.
    pub fn features(&self) -> usize {
        if self.front.is_some() {
            self.widths[0]
        } else {
            0
        }
    }

    /// Returns the neurons of layer `layer` that shard `index` owns; layer 0 is the inputs.
    pub fn range(&self, layer: usize, index: usize) -> Range<usize> {
        self.part(self.widths[layer], index)
    }

    /// Returns which of `count` values shard `index` owns.
    pub fn part(&self, count: usize, index: usize) -> Range<usize> {
        range(count, index, self.shards())
    }

    /// Returns the images of a batch that a shard sends through the convolutions.
    pub fn images(&self, batch: usize, shard: usize) -> Range<usize> {
        let shards = self.shards();
        batch * shard / shards..batch * (shard + 1) / shards
    }

    /// Returns the most images that a shard has of a batch of no more than this.
    pub fn most_images(&self, batch: usize) -> usize {
        batch.div_ceil(self.shards())
    }

    /// Returns the number of values of an image.
    pub fn pixels(&self) -> usize {
        let inputs = self.widths[0];
        self.front.as_ref().map_or(inputs, Front::pixels)
    }

    /// Returns whether the derivatives of the hidden neurons are kept from the way forward: they do not follow from
    /// the neurons' outputs alone.
    pub fn keeps_slopes(&self) -> bool {
        self.activation == Activation::Gelu || self.dropout.share > 0.0
    }
}

impl Shard {
    fn new(index: usize, layers: &[Layer], widths: &[usize]) -> Self {
        let range = |width| range(width, index, shards(widths));
        let last = layers.len() - 1;
        let hidden = layers[..last]
            .iter()
            .zip(&widths[1..])
            .map(|(layer, &outputs)| {
                let range = range(outputs);
                let rows = layer.weight.chunks_exact(outputs);
                let weight = rows
                    .flat_map(|row| row[range.clone()].iter().copied())
                    .collect();
                Dense::new(weight, layer.bias[range.clone()].to_vec())
            })
            .collect();
        let classes = widths[last + 1];
        let rows = range(widths[last]);
        let weight = layers[last].weight[rows.start * classes..rows.end * classes].to_vec();
        Self {
            index,
            front: Parameter::new(Vec::new()),
            hidden,
            output: Dense::new(weight, layers[last].bias.clone()),
        }
    }
}

impl Shard {
    pub fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        let layers = self.hidden.iter_mut().chain([&mut self.output]);
        let dense = layers.flat_map(|dense| [&mut dense.weight, &mut dense.bias]);
        [&mut self.front].into_iter().chain(dense).collect()
    }

    fn into_values(self) -> impl Iterator<Item = Aligned> {
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
        let zeros = Aligned::zeros(values.len());
        Self {
            gradient: zeros.clone(),
            first: zeros.clone(),
            second: zeros,
            average: Aligned::default(),
            values: values.into(),
        }
    }
}

/// Returns how many shards a network is cut into: a power of two that follows from its shape alone, so that results
/// do not depend on the machine.
fn shards(widths: &[usize]) -> usize {
    let hidden = &widths[1..widths.len() - 1];
    let widest = hidden.iter().max().unwrap_or(&0);
    let most = (widest / SHARD_WIDTH).clamp(FEWEST_SHARDS, MOST_SHARDS);
    1 << most.ilog2()
}

/// Returns the number of shards, and of those that have neurons of some layer: all of them in a wide network. Without
/// hidden layers they share the inputs.
pub(crate) fn count_shards(widths: &[usize]) -> [usize; 2] {
    let (shards, hidden) = (shards(widths), &widths[1..widths.len() - 1]);
    let shared = if hidden.is_empty() {
        &widths[..1]
    } else {
        hidden
    };
    let with_neurons = |index: &usize| {
        let mut ranges = shared.iter().map(|width| range(*width, *index, shards));
        ranges.any(|range| !range.is_empty())
    };
    [shards, (0..shards).filter(with_neurons).count()]
}

/// Returns the neurons of a layer of `width` that shard `index` of `shards` owns. Multiples of 16, as even as can be,
/// keep vectors whole where the width allows.
fn range(width: usize, index: usize, shards: usize) -> Range<usize> {
    let vectors = width.div_ceil(16);
    let start = |index: usize| (16 * (vectors * index).div_ceil(shards)).min(width);
    start(index)..start(index + 1)
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
            area(inputs, outputs),
            "a layer of {inputs} x {outputs}"
        );
        widths.push(outputs);
    }
    widths
}

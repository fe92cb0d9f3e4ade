//! Convolutions before the dense layers: what an image becomes on its way to them, and the way back.
//!
//! An image goes through all of them before the next one does, so that it stays in its core's cache; each shard has
//! its own images of a batch. Values are `[height, width, channels]` with a border of zeros ([`plane`]), and channels
//! are filled up with zeros to a multiple of 16, so that the loops ([`tiles`], [`gradient`], [`pool`]) have no edges.

mod vectors;
mod tiles;
mod gradient;
mod plane;
mod pool;
mod chosen;
mod images;
mod back;
mod transpose;

use std::ops::Range;

use crate::aligned::Aligned;
use crate::instructions::Instructions;
use crate::network::Layer;
use crate::product::area;
pub(crate) use back::Back;
pub(crate) use images::{Images, Way};
use plane::{Convolution, Plane};
pub(crate) use transpose::add_transposed;
use vectors::LANES;

/// Convolutions that turn an image into what the dense layers see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convolutions {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// First to last.
    pub blocks: Vec<Block>,
    /// Whether the dense layers see the mean of each channel (global average pooling) rather than every value,
    /// `[height, width, channels]`.
    pub average: bool,
}

/// A convolution of stride 1 whose output is as large as its input, the activation, and max-pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Channels of the output.
    pub channels: usize,
    /// Rows and columns of the kernel, an odd number.
    pub kernel: usize,
    /// Whether the largest of two by two values is kept, of equal ones the first, which halves height and width,
    /// rounded down.
    pub pool: bool,
}

/// Where everything of [`Convolutions`] lies.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    /// Channels, height and width of an image.
    input: [usize; 3],
    stages: Vec<Stage>,
    average: bool,
}

/// Where everything of a block lies.
#[derive(Debug, Clone)]
struct Stage {
    convolution: Convolution,
    /// Channels of the output.
    outputs: usize,
    pool: bool,
    /// What comes out: the input of the next one, or of the dense layers.
    output: Plane,
    /// The gradient of the sums, where there is one. Where it becomes that of the input, it has a border.
    delta: Plane,
    /// Where the weights are among those of all blocks, `[kernel, kernel, inputs, lanes]`, and the bias `[lanes]`.
    weights: Range<usize>,
    bias: Range<usize>,
}

impl Front {
    /// # Panics
    /// When there is no block, an image or a block has no values, or a kernel is even.
    pub fn new(convolutions: &Convolutions) -> Self {
        let Convolutions {
            input,
            blocks,
            average,
        } = convolutions;
        let [mut inputs, mut height, mut width] = *input;
        assert!(!blocks.is_empty(), "convolutions of no block");
        assert!(inputs > 0, "an image of no channels");
        let (mut pixel, mut end) = (inputs, 0);
        let mut stages: Vec<Stage> = Vec::new();
        for (i, block) in blocks.iter().enumerate() {
            let border = block.kernel / 2;
            assert!(block.channels > 0 && block.kernel % 2 == 1, "{block:?}");
            let plane = |border, pixel| Plane {
                height,
                width,
                border,
                pixel,
            };
            let lanes = block.channels.next_multiple_of(LANES);
            let convolution = Convolution {
                input: plane(border, pixel),
                inputs,
                kernel: block.kernel,
                lanes,
            };
            let next = blocks.get(i + 1).map_or(0, |next| next.kernel / 2);
            let sums = plane(next, lanes);
            let (weights, bias) = (
                end + convolution.weights(),
                end + convolution.weights() + lanes,
            );
            stages.push(Stage {
                convolution,
                outputs: block.channels,
                pool: block.pool,
                output: if block.pool { sums.pooled() } else { sums },
                delta: plane(if i == 0 { 0 } else { border }, lanes),
                weights: end..weights,
                bias: weights..bias,
            });
            Plane { height, width, .. } = stages[i].output;
            assert!(
                height > 0 && width > 0,
                "{block:?} leaves nothing of an image"
            );
            (inputs, pixel, end) = (block.channels, lanes, bias);
        }
        Self {
            input: *input,
            stages,
            average: *average,
        }
    }

    /// Returns the number of values of an image.
    pub fn pixels(&self) -> usize {
        let [channels, height, width] = self.input;
        area(channels, area(height, width))
    }

    /// Returns how many values the dense layers see.
    pub fn features(&self) -> usize {
        let last = self.last();
        let size = if self.average {
            1
        } else {
            area(last.output.height, last.output.width)
        };
        area(size, last.outputs)
    }

    /// Returns the number of weights and biases, with the zeros that fill up channels.
    pub fn parameters(&self) -> usize {
        self.last().bias.end
    }

    fn last(&self) -> &Stage {
        &self.stages[self.stages.len() - 1]
    }

    /// Returns the number of blocks.
    pub fn blocks(&self) -> usize {
        self.stages.len()
    }

    /// Returns the layers of the blocks, and the others.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn split<'a>(&self, layers: &'a [Layer]) -> (&'a [Layer], &'a [Layer]) {
        assert!(
            layers.len() > self.blocks(),
            "{} layers of convolutions",
            layers.len()
        );
        layers.split_at(self.blocks())
    }

    /// Returns the weights and biases of the layers of all blocks, one after the other: weights
    /// `[kernel, kernel, inputs, outputs]` and biases `[outputs]` filled up with zeros.
    ///
    /// # Panics
    /// When a layer does not have the shape of its block.
    pub fn pack(&self, layers: &[Layer]) -> Vec<f32> {
        assert_eq!(layers.len(), self.blocks(), "a layer for each block");
        let mut packed = vec![0.0; self.parameters()];
        for (stage, layer) in self.stages.iter().zip(layers) {
            let lanes = stage.convolution.lanes;
            assert_eq!(layer.bias.len(), stage.outputs, "biases of a convolution");
            let rows = stage.weights.len() / lanes;
            assert_eq!(
                layer.weight.len(),
                area(rows, stage.outputs),
                "weights of a convolution"
            );
            let whole = packed[stage.weights.clone()].chunks_exact_mut(lanes);
            for (to, from) in whole.zip(layer.weight.chunks_exact(stage.outputs)) {
                to[..stage.outputs].copy_from_slice(from);
            }
            packed[stage.bias.clone()][..stage.outputs].copy_from_slice(&layer.bias);
        }
        packed
    }

    /// Returns the layers of what [`Front::pack`] returned.
    pub fn unpack(&self, packed: &[f32]) -> Vec<Layer> {
        let layer = |stage: &Stage| {
            let rows = packed[stage.weights.clone()].chunks_exact(stage.convolution.lanes);
            Layer {
                weight: rows
                    .flat_map(|row| &row[..stage.outputs])
                    .copied()
                    .collect(),
                bias: packed[stage.bias.clone()][..stage.outputs].to_vec(),
            }
        };
        self.stages.iter().map(layer).collect()
    }

    /// Writes the weights of every block but the first, as the way back needs them, to `turned`: where the sums are
    /// pooled `[outputs, kernel, kernel, inputs]`, elsewhere `[kernel, kernel, outputs, inputs]` with the kernel turned by
    /// 180 degrees; inputs are filled up with zeros.
    pub fn turn(&self, instructions: Instructions, packed: &[f32], turned: &mut Vec<Aligned>) {
        turned.resize_with(self.blocks(), Aligned::default);
        for (stage, turned) in self.stages.iter().zip(turned).skip(1) {
            let Convolution {
                input: Plane { pixel, .. },
                inputs,
                lanes,
                ..
            } = stage.convolution;
            let weights = &packed[stage.weights.clone()];
            let taps = weights.chunks_exact(area(inputs, lanes));
            let size = area(area(taps.len(), stage.outputs), pixel);
            if turned.len() == size {
                turned.fill(0.0);
            } else {
                *turned = Aligned::zeros(size);
            }
            let width = if stage.pool {
                taps.len() * pixel
            } else {
                pixel
            };
            let last = taps.len() - 1;
            for (tap, weights) in taps.enumerate() {
                let out = if stage.pool {
                    &mut turned[tap * pixel..]
                } else {
                    let size = stage.outputs * pixel;
                    &mut turned[(last - tap) * size..][..size]
                };
                add_transposed(instructions, out, width, weights, lanes, 0);
            }
        }
    }

    /// Adds a gradient of a block's weights that has the form of its turned ones to `gradient`, in the form of the packed
    /// ones.
    fn turn_back(
        &self,
        instructions: Instructions,
        stage: &Stage,
        turned: &[f32],
        gradient: &mut [f32],
    ) {
        let Convolution {
            input: Plane { pixel, .. },
            inputs,
            lanes,
            kernel,
            ..
        } = stage.convolution;
        let columns = kernel * kernel * pixel;
        let taps = gradient[stage.weights.clone()].chunks_exact_mut(area(inputs, lanes));
        for (tap, gradient) in taps.enumerate() {
            add_transposed(instructions, gradient, lanes, turned, columns, tap * pixel);
        }
    }
}

impl Stage {
    /// Returns the convolution that makes the gradient of the input from that of the sums.
    fn back(&self) -> Convolution {
        Convolution {
            input: self.delta,
            inputs: self.outputs,
            kernel: self.convolution.kernel,
            lanes: self.convolution.input.pixel,
        }
    }
}

#[cfg(test)]
mod tests;

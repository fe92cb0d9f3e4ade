//! Images on their way through the convolutions.

use super::plane::Plane;
use super::vectors::LANES;
use super::{Front, Stage, pool};
use crate::aligned::Aligned;
use crate::instructions::Instructions;
use crate::product::area;
use crate::settings::Activation;
use crate::{activation, vector};

/// Some images on their way: what the way back needs of each, and room for one.
pub(crate) struct Images {
    /// `[stage]`, each `[images]`: the input of the stage; after the last stage, what comes out of it, of one image
    /// where the way back asks nothing of it.
    pub planes: Vec<Aligned>,
    /// `[stage]`, each `[images, height, width, lanes / 16]`: see [`pool`]. Empty where nothing is pooled.
    pub routes: Vec<Vec<pool::Route>>,
    /// `[stage]`, each `[images, height, width, lanes]`: derivatives of what comes out. Empty for ReLU.
    pub slopes: Vec<Aligned>,
    /// An image's pixels, 0 to 1.
    pixels: Aligned,
    /// The activations of a stage and their derivatives, `[height, width, lanes]`. Empty for ReLU.
    values: Aligned,
    all_slopes: Aligned,
}

impl Images {
    /// Returns room for `count` images.
    pub fn new(front: &Front, activation: Activation, count: usize) -> Self {
        let stages = &front.stages;
        let times = |len: usize| Aligned::zeros(area(count, len));
        let inputs = stages.iter().map(|stage| stage.convolution.input);
        let routes = |stage: &Stage| {
            let len = if stage.pool {
                stage.outcomes() / LANES
            } else {
                0
            };
            vec![[0; 4]; area(count, len)]
        };
        let relu = activation == Activation::Relu;
        let last = front.last();
        let kept = if relu && !last.pool { count } else { 1 };
        let last = Aligned::zeros(area(kept, last.output.len()));
        let slopes = |stage: &Stage| times(if relu { 0 } else { stage.outcomes() });
        let most = stages.iter().map(Stage::sums).max().unwrap_or(0);
        let sums = if relu { 0 } else { most };
        Self {
            planes: inputs
                .map(|plane| times(plane.len()))
                .chain([last])
                .collect(),
            routes: stages.iter().map(routes).collect(),
            slopes: stages.iter().map(slopes).collect(),
            pixels: Aligned::zeros(front.pixels()),
            values: Aligned::zeros(sums),
            all_slopes: Aligned::zeros(sums),
        }
    }
}

impl Stage {
    /// Returns the number of values that come out, without a border.
    pub fn outcomes(&self) -> usize {
        area(
            area(self.output.height, self.output.width),
            self.output.pixel,
        )
    }

    /// Returns the number of sums.
    fn sums(&self) -> usize {
        let Plane { height, width, .. } = self.convolution.input;
        area(area(height, width), self.convolution.lanes)
    }
}

/// How images go through the convolutions.
pub(crate) struct Way<'a> {
    pub front: &'a Front,
    pub instructions: Instructions,
    pub activation: Activation,
}

impl Way<'_> {
    /// Sends the image of `pixels`, bytes `[channels, height, width]`, through: it becomes the `n`-th of `images`.
    /// Writes what the dense layers see to `features`. The `weights` are as [`Front::pack`] returns them.
    pub fn forward(
        &self,
        weights: &[f32],
        pixels: &[u8],
        (images, n): (&mut Images, usize),
        features: &mut [f32],
    ) {
        self.read(pixels, images, n);
        for (i, stage) in self.front.stages.iter().enumerate() {
            self.stage(i, stage, weights, images, n);
        }
        let last = self.front.last();
        let plane = nth(&images.planes[self.front.blocks()], last.output.len(), n);
        if self.front.average {
            self.average(last, plane, features);
        } else {
            let rows = features.chunks_exact_mut(last.output.width * last.outputs);
            for (row, to) in rows.enumerate() {
                let from = plane[last.output.range(row)].chunks_exact(last.output.pixel);
                for (to, from) in to.chunks_exact_mut(last.outputs).zip(from) {
                    to.copy_from_slice(&from[..last.outputs]);
                }
            }
        }
    }

    /// Writes an image's pixels to the first plane, a pixel's channels side by side.
    fn read(&self, pixels: &[u8], images: &mut Images, n: usize) {
        let plane = self.front.stages[0].convolution.input;
        let values = &mut images.pixels[..pixels.len()];
        vector::scale(self.instructions, values, pixels);
        let to = nth_mut(&mut images.planes[0], plane.len(), n);
        let channels = values.chunks_exact(area(plane.height, plane.width));
        for (channel, values) in channels.enumerate() {
            for (row, values) in values.chunks_exact(plane.width).enumerate() {
                let to = &mut to[plane.range(row)];
                if plane.pixel == 1 {
                    to.copy_from_slice(values);
                    continue;
                }
                for (to, value) in to.chunks_exact_mut(plane.pixel).zip(values) {
                    to[channel] = *value;
                }
            }
        }
    }

    fn stage(&self, i: usize, stage: &Stage, weights: &[f32], images: &mut Images, n: usize) {
        let Images {
            planes,
            routes,
            slopes,
            values,
            all_slopes,
            ..
        } = images;
        let (before, after) = planes.split_at_mut(i + 1);
        let x = nth(&before[i], stage.convolution.input.len(), n);
        let out = (stage.output, nth_mut(&mut after[0], stage.output.len(), n));
        let routes = nth_mut(
            &mut routes[i],
            stage.outcomes() / LANES * usize::from(stage.pool),
            n,
        );
        let (weights, bias) = (
            &weights[stage.weights.clone()],
            &weights[stage.bias.clone()],
        );
        let convolution = &stage.convolution;
        if self.activation == Activation::Relu {
            let from = (x, weights, Some(bias));
            if stage.pool {
                convolution.forward_pooled(self.instructions, from, out, routes);
            } else {
                convolution.forward(self.instructions, from, out, true);
            }
            return;
        }
        let (plane, out) = out;
        let sums = stage.sums();
        let (values, all_slopes) = (&mut values[..sums], &mut all_slopes[..sums]);
        let whole = Plane {
            border: 0,
            pixel: convolution.lanes,
            ..convolution.input
        };
        convolution.forward(
            self.instructions,
            (x, weights, None),
            (whole, values),
            false,
        );
        activation::activate_with_slopes(
            self.instructions,
            values,
            all_slopes,
            bias,
            self.activation,
        );
        let slopes = nth_mut(&mut slopes[i], stage.outcomes(), n);
        if stage.pool {
            pool::pool(
                self.instructions,
                plane,
                out,
                [values, all_slopes],
                slopes,
                routes,
                whole.width,
            );
        } else {
            slopes.copy_from_slice(all_slopes);
            for (row, values) in values.chunks_exact(whole.row()).enumerate() {
                out[plane.range(row)].copy_from_slice(values);
            }
        }
    }

    /// Writes the mean of each channel to `features`.
    fn average(&self, last: &Stage, plane: &[f32], features: &mut [f32]) {
        features.fill(0.0);
        for row in 0..last.output.height {
            for pixel in plane[last.output.range(row)].chunks_exact(last.output.pixel) {
                vector::add(self.instructions, features, &pixel[..last.outputs]);
            }
        }
        let share = 1.0 / area(last.output.height, last.output.width) as f32;
        vector::multiply_all(self.instructions, features, share);
    }
}

/// Returns the `n`-th of parts of that length, or the only one.
pub fn nth<T>(of: &[T], len: usize, n: usize) -> &[T] {
    if of.len() == len {
        of
    } else {
        &of[n * len..(n + 1) * len]
    }
}

/// Returns the same, to be written.
fn nth_mut<T>(of: &mut [T], len: usize, n: usize) -> &mut [T] {
    if of.len() == len {
        of
    } else {
        &mut of[n * len..(n + 1) * len]
    }
}

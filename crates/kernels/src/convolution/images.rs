//! Images on their way through the convolutions, and back.

use super::plane::{Convolution, Plane};
use super::vectors::LANES;
use super::{Front, Stage, pool};
use crate::instructions::Instructions;
use crate::product::area;
use crate::settings::Activation;
use crate::{activation, vector};

/// Some images on their way: what the way back needs of each, and room for one.
pub(crate) struct Images {
    /// `[stage]`, each `[images]`: the input of the stage; after the last stage, what comes out of it.
    planes: Vec<Vec<f32>>,
    /// `[stage]`, each `[images, height, width, lanes / 16]`: see [`pool`]. Empty where nothing is pooled.
    routes: Vec<Vec<pool::Route>>,
    /// `[stage]`, each `[images, height, width, lanes]`: derivatives of what comes out. Empty for ReLU.
    slopes: Vec<Vec<f32>>,
    /// `[stage]`: the gradient of the sums of an image.
    deltas: Vec<Vec<f32>>,
    /// The gradient of what comes out of a stage, `[height, width, lanes]`.
    delta: Vec<f32>,
    /// An image's pixels, 0 to 1.
    pixels: Vec<f32>,
    /// The activations of a stage and their derivatives, `[height, width, lanes]`. Empty for ReLU.
    values: Vec<f32>,
    all_slopes: Vec<f32>,
}

impl Images {
    /// Returns room for `count` images.
    pub fn new(front: &Front, activation: Activation, count: usize) -> Self {
        let stages = &front.stages;
        let times = |len: usize| vec![0.0; area(count, len)];
        let inputs = stages.iter().map(|stage| stage.convolution.input);
        let planes = inputs.chain([front.last().output]);
        let routes = |stage: &Stage| {
            let len = if stage.pool {
                stage.outcomes() / LANES
            } else {
                0
            };
            vec![[0; 4]; area(count, len)]
        };
        let relu = activation == Activation::Relu;
        let slopes = |stage: &Stage| times(if relu { 0 } else { stage.outcomes() });
        let most = |of: fn(&Stage) -> usize| stages.iter().map(of).max().unwrap_or(0);
        let sums = if relu { 0 } else { most(Stage::sums) };
        Self {
            planes: planes.map(|plane| times(plane.len())).collect(),
            routes: stages.iter().map(routes).collect(),
            slopes: stages.iter().map(slopes).collect(),
            deltas: stages
                .iter()
                .map(|stage| vec![0.0; stage.delta.len()])
                .collect(),
            delta: vec![0.0; most(Stage::outcomes)],
            pixels: vec![0.0; front.pixels()],
            values: vec![0.0; sums],
            all_slopes: vec![0.0; sums],
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
                values,
                all_slopes,
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

    /// Sends the gradient of what the dense layers saw of the `n`-th of `images` back, and adds that of the weights to
    /// `gradient`. The weights are `turned` by [`Front::turn`].
    pub fn backward(
        &self,
        turned: &[Vec<f32>],
        features: &[f32],
        (images, n): (&mut Images, usize),
        gradient: &mut [f32],
    ) {
        self.spread(features, images);
        for (i, stage) in self.front.stages.iter().enumerate().rev() {
            if i == 0 && stage.pool {
                return self.first_in_strips(stage, images, n, gradient);
            }
            self.through_activation(i, stage, images, n, &mut gradient[stage.bias.clone()]);
            let x = nth(&images.planes[i], stage.convolution.input.len(), n);
            let delta = (stage.delta, &images.deltas[i][..]);
            let weights = &mut gradient[stage.weights.clone()];
            stage
                .convolution
                .weight_gradient(self.instructions, x, delta, weights);
            if i > 0 {
                let back = stage.back();
                let plane = Plane {
                    border: 0,
                    ..stage.convolution.input
                };
                let from = (&images.deltas[i][..], &turned[i][..], None);
                let out = (plane, &mut images.delta[..plane.len()]);
                back.forward(self.instructions, from, out, false);
            }
        }
    }

    /// Does the same for a first stage that pools, a few rows at a time: the gradient of its sums is large, and is
    /// needed only once.
    fn first_in_strips(&self, stage: &Stage, images: &mut Images, n: usize, gradient: &mut [f32]) {
        self.through_slopes(0, stage, images, n);
        let Images {
            planes,
            routes,
            deltas,
            delta,
            ..
        } = images;
        let convolution = stage.convolution;
        let x = nth(&planes[0], convolution.input.len(), n);
        let count = stage.outcomes() / LANES;
        let (routes, delta) = (nth(&routes[0], count, n), &delta[..count * LANES]);
        let row = stage.output.width * stage.output.pixel;
        let (weights, bias) = gradient[..stage.bias.end].split_at_mut(stage.weights.end);
        let strips = delta
            .chunks(STRIP * row)
            .zip(routes.chunks(STRIP * row / LANES));
        for (number, (delta, routes)) in strips.enumerate() {
            let height = 2 * delta.len() / row;
            let plane = Plane {
                height,
                ..stage.delta
            };
            let out = &mut deltas[0][..plane.len()];
            pool::unpool(self.instructions, delta, routes, (plane, out), bias);
            let input = Plane {
                height,
                ..convolution.input
            };
            let start = 2 * STRIP * number * input.row();
            let x = &x[start..start + input.len()];
            let strip = Convolution {
                input,
                ..convolution
            };
            strip.weight_gradient(self.instructions, x, (plane, out), weights);
        }
    }

    /// Turns the gradient of what the dense layers saw into that of what comes out of the last stage.
    fn spread(&self, features: &[f32], images: &mut Images) {
        let last = self.front.last();
        let delta = &mut images.delta[..last.outcomes()];
        let pixels = delta.chunks_exact_mut(last.output.pixel);
        if self.front.average {
            let share = 1.0 / area(last.output.height, last.output.width) as f32;
            for pixel in pixels {
                for (to, from) in pixel.iter_mut().zip(features) {
                    *to = share * from;
                }
                pixel[last.outputs..].fill(0.0);
            }
        } else {
            for (pixel, from) in pixels.zip(features.chunks_exact(last.outputs)) {
                pixel[..last.outputs].copy_from_slice(from);
                pixel[last.outputs..].fill(0.0);
            }
        }
    }

    /// Multiplies the gradient of what comes out of a stage by its derivatives, where they are kept.
    fn through_slopes(&self, i: usize, stage: &Stage, images: &mut Images, n: usize) {
        if self.activation != Activation::Relu {
            let count = stage.outcomes();
            let slopes = nth(&images.slopes[i], count, n);
            vector::multiply(self.instructions, &mut images.delta[..count], slopes);
        }
    }

    /// Turns the gradient of what comes out of a stage into that of its sums; adds that of the bias to `bias`.
    fn through_activation(
        &self,
        i: usize,
        stage: &Stage,
        images: &mut Images,
        n: usize,
        bias: &mut [f32],
    ) {
        self.through_slopes(i, stage, images, n);
        let Images {
            planes,
            routes,
            deltas,
            delta,
            ..
        } = images;
        let count = stage.outcomes();
        let (delta, out) = (&mut delta[..count], &mut deltas[i]);
        if stage.pool {
            let routes = nth(&routes[i], count / LANES, n);
            return pool::unpool(self.instructions, delta, routes, (stage.delta, out), bias);
        }
        let plane = nth(&planes[i + 1], stage.output.len(), n);
        let rows = delta.chunks_exact_mut(stage.output.width * stage.output.pixel);
        for (row, delta) in rows.enumerate() {
            if self.activation == Activation::Relu {
                let output = &plane[stage.output.range(row)];
                activation::activation_backward(self.instructions, delta, output, Activation::Relu);
            }
            out[stage.delta.range(row)].copy_from_slice(delta);
            pool::add_rows(self.instructions, bias, delta);
        }
    }
}

/// Rows of the output of a first stage that are sent back together.
const STRIP: usize = 2;

fn nth<T>(of: &[T], len: usize, n: usize) -> &[T] {
    &of[n * len..(n + 1) * len]
}

fn nth_mut<T>(of: &mut [T], len: usize, n: usize) -> &mut [T] {
    &mut of[n * len..(n + 1) * len]
}

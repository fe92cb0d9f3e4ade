//! Images on their way through the convolutions, and back.

use super::chosen::Chosen;
use super::plane::{Convolution, Plane};
use super::vectors::LANES;
use super::{Front, Stage, pool};
use crate::aligned::Aligned;
use crate::instructions::Instructions;
use crate::product::area;
use crate::settings::Activation;
use crate::{activation, vector};

/// Some images on their way: what the way back needs of each, and room for one.
pub(crate) struct Images {
    /// `[stage]`, each `[images]`: the input of the stage; after the last stage, what comes out of it.
    planes: Vec<Aligned>,
    /// `[stage]`, each `[images, height, width, lanes / 16]`: see [`pool`]. Empty where nothing is pooled.
    routes: Vec<Vec<pool::Route>>,
    /// `[stage]`, each `[images, height, width, lanes]`: derivatives of what comes out. Empty for ReLU.
    slopes: Vec<Aligned>,
    /// `[stage]`: the gradient of the sums of an image, where it is worked out.
    deltas: Vec<Aligned>,
    /// `[stage]`: the gradient of what comes out of it.
    outputs: Vec<Aligned>,
    /// `[stage]`: the sums that have a gradient, where they are pooled; not of the first.
    chosen: Vec<Option<Chosen>>,
    /// `[stage]`: the gradient of the weights from all images, in the form of the turned ones, for the same stages.
    gradients: Vec<Aligned>,
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
        let most = stages.iter().map(Stage::sums).max().unwrap_or(0);
        let sums = if relu { 0 } else { most };
        Self {
            planes: planes.map(|plane| times(plane.len())).collect(),
            routes: stages.iter().map(routes).collect(),
            slopes: stages.iter().map(slopes).collect(),
            deltas: stages
                .iter()
                .enumerate()
                .map(|(i, stage)| {
                    Aligned::zeros(stage.worked_out(i).map_or(0, |plane| plane.len()))
                })
                .collect(),
            outputs: stages
                .iter()
                .map(|stage| Aligned::zeros(stage.output.len()))
                .collect(),
            chosen: stages
                .iter()
                .enumerate()
                .map(|(i, stage)| stage.is_chosen(i).then(|| Chosen::new(&stage.convolution)))
                .collect(),
            gradients: stages
                .iter()
                .enumerate()
                .map(|(i, stage)| {
                    Aligned::zeros(if stage.is_chosen(i) {
                        stage.turned()
                    } else {
                        0
                    })
                })
                .collect(),
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

    /// Returns whether the way back lists the sums that were chosen, in the `i`-th stage.
    fn is_chosen(&self, i: usize) -> bool {
        self.pool && i > 0
    }

    /// Returns where the gradient of the sums, or of some rows of them, is worked out in the `i`-th stage.
    fn worked_out(&self, i: usize) -> Option<Plane> {
        let strip = Plane {
            height: 2 * STRIP,
            ..self.delta
        };
        match (self.pool, i) {
            (false, _) => Some(self.delta),
            (true, 0) => Some(strip),
            (true, _) => None,
        }
    }

    /// Returns the number of weights in the form of the turned ones.
    fn turned(&self) -> usize {
        let Convolution { input, kernel, .. } = self.convolution;
        area(area(self.outputs, kernel * kernel), input.pixel)
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
    /// `gradient`; what [`Way::finish`] adds is missing. The weights are `turned` by [`Front::turn`].
    pub fn backward(
        &self,
        turned: &[Aligned],
        features: &[f32],
        (images, n): (&mut Images, usize),
        gradient: &mut [f32],
    ) {
        self.spread(features, images);
        for (i, stage) in self.front.stages.iter().enumerate().rev() {
            self.through_slopes(i, stage, images, n);
            if !stage.pool {
                self.back_through_all(i, stage, &turned[i], images, n, gradient);
            } else if i == 0 {
                self.back_in_strips(stage, images, n, gradient);
            } else {
                self.back_through_chosen(i, stage, &turned[i], images, n, gradient);
            }
        }
    }

    /// Adds what all images have left of the gradient of the weights to `gradient`.
    pub fn finish(&self, images: &mut Images, gradient: &mut [f32]) {
        for (stage, turned) in self.front.stages.iter().zip(&mut images.gradients) {
            if !turned.is_empty() {
                self.front
                    .turn_back(self.instructions, stage, turned, gradient);
                turned.fill(0.0);
            }
        }
    }

    /// Turns the gradient of what the dense layers saw into that of what comes out of the last stage.
    fn spread(&self, features: &[f32], images: &mut Images) {
        let (last, stages) = (self.front.last(), self.front.blocks());
        let (plane, outputs) = (last.output, last.outputs);
        let out = &mut images.outputs[stages - 1];
        let share = 1.0 / area(plane.height, plane.width) as f32;
        for row in 0..plane.height {
            let pixels = out[plane.range(row)].chunks_exact_mut(plane.pixel);
            for (column, pixel) in pixels.enumerate() {
                if self.front.average {
                    for (to, from) in pixel.iter_mut().zip(features) {
                        *to = share * from;
                    }
                } else {
                    let first = (row * plane.width + column) * outputs;
                    pixel[..outputs].copy_from_slice(&features[first..first + outputs]);
                }
            }
        }
    }

    /// Multiplies the gradient of what comes out of a stage by its derivatives, where they are kept.
    fn through_slopes(&self, i: usize, stage: &Stage, images: &mut Images, n: usize) {
        if self.activation == Activation::Relu {
            return;
        }
        let slopes = nth(&images.slopes[i], stage.outcomes(), n);
        let rows = slopes.chunks_exact(stage.output.width * stage.output.pixel);
        for (row, slopes) in rows.enumerate() {
            let out = &mut images.outputs[i][stage.output.range(row)];
            vector::multiply(self.instructions, out, slopes);
        }
    }

    /// Sends the gradient of what comes out of a stage that does not pool back through it.
    fn back_through_all(
        &self,
        i: usize,
        stage: &Stage,
        turned: &[f32],
        images: &mut Images,
        n: usize,
        gradient: &mut [f32],
    ) {
        let Images {
            planes,
            deltas,
            outputs,
            ..
        } = images;
        let (plane, delta) = (stage.delta, &mut deltas[i]);
        let (before, output) = outputs.split_at_mut(i);
        let seen = nth(&planes[i + 1], stage.output.len(), n);
        for row in 0..plane.height {
            let delta = &mut delta[plane.range(row)];
            delta.copy_from_slice(&output[0][stage.output.range(row)]);
            if self.activation == Activation::Relu {
                let seen = &seen[stage.output.range(row)];
                activation::activation_backward(self.instructions, delta, seen, Activation::Relu);
            }
            pool::add_rows(self.instructions, &mut gradient[stage.bias.clone()], delta);
        }
        let x = nth(&planes[i], stage.convolution.input.len(), n);
        let weights = &mut gradient[stage.weights.clone()];
        stage
            .convolution
            .weight_gradient(self.instructions, x, (plane, delta), weights);
        if let Some(before) = before.last_mut() {
            let out = (stage.convolution.input, &mut before[..]);
            stage
                .back()
                .forward(self.instructions, (delta, turned, None), out, false);
        }
    }

    /// Sends the gradient of what comes out of a stage that pools back through the sums that were chosen.
    fn back_through_chosen(
        &self,
        i: usize,
        stage: &Stage,
        turned: &[f32],
        images: &mut Images,
        n: usize,
        gradient: &mut [f32],
    ) {
        let Images {
            planes,
            routes,
            outputs,
            chosen,
            gradients,
            ..
        } = images;
        let Some(chosen) = &mut chosen[i] else { return };
        let (before, output) = outputs.split_at_mut(i);
        let (convolution, before) = (&stage.convolution, &mut before[i - 1]);
        let routes = nth(&routes[i], stage.outcomes() / LANES, n);
        let delta = (stage.output, &output[0][..]);
        let bias = &mut gradient[stage.bias.clone()];
        chosen.list(self.instructions, convolution, delta, routes, bias);
        let x = nth(&planes[i], convolution.input.len(), n);
        chosen.weight_gradient(self.instructions, convolution, x, &mut gradients[i]);
        before.fill(0.0);
        chosen.input_gradient(self.instructions, convolution, turned, before);
    }

    /// Sends the gradient of what comes out of a first stage that pools back, a few rows at a time: the gradient of its
    /// sums is large, and is needed only once.
    fn back_in_strips(&self, stage: &Stage, images: &mut Images, n: usize, gradient: &mut [f32]) {
        let Images {
            planes,
            routes,
            deltas,
            outputs,
            ..
        } = images;
        let (convolution, output) = (stage.convolution, stage.output);
        let x = nth(&planes[0], convolution.input.len(), n);
        let routes = nth(&routes[0], stage.outcomes() / LANES, n);
        let per_row = output.width * output.pixel / LANES;
        let (weights, bias) = gradient[..stage.bias.end].split_at_mut(stage.weights.end);
        for first in (0..output.height).step_by(STRIP) {
            let height = STRIP.min(output.height - first);
            let half = Plane { height, ..output };
            let start = first * output.row();
            let delta = (half, &outputs[0][start..start + half.len()]);
            let routes = &routes[first * per_row..(first + height) * per_row];
            let plane = Plane {
                height: 2 * height,
                ..stage.delta
            };
            let out = &mut deltas[0][..plane.len()];
            pool::unpool(self.instructions, delta, routes, (plane, out), bias);

            let input = Plane {
                height: 2 * height,
                ..convolution.input
            };
            let start = 2 * first * input.row();
            let x = &x[start..start + input.len()];
            let strip = Convolution {
                input,
                ..convolution
            };
            strip.weight_gradient(self.instructions, x, (plane, out), weights);
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

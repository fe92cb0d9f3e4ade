//! Images on their way back through the convolutions.

use super::chosen::Chosen;
use super::images::{Images, Way, nth};
use super::plane::{Convolution, Plane};
use super::vectors::LANES;
use super::{Front, Stage, pool};
use crate::aligned::Aligned;
use crate::product::area;
use crate::settings::Activation;
use crate::{activation, vector};

/// Room for an image on its way back.
pub(crate) struct Back {
    /// `[stage]`: the gradient of what comes out of it.
    outputs: Vec<Aligned>,
    /// `[stage]`: the gradient of its sums.
    sums: Vec<Sums>,
}

/// The gradient of the sums of a stage.
enum Sums {
    /// Of all sums of an image.
    All(Aligned),
    /// Of some rows at a time: that of a large first stage is needed only once.
    Strip(Aligned),
    /// Of those that were chosen, where sums are pooled.
    Chosen {
        sums: Chosen,
        /// The gradient of the weights from all images, in the form of the turned ones.
        weights: Aligned,
    },
}

/// Rows of the output of a first stage that are sent back together.
const STRIP: usize = 2;

impl Back {
    pub fn new(front: &Front) -> Self {
        let stages = front.stages.iter().enumerate();
        let outputs = front.stages.iter().map(|stage| stage.output.len());
        Self {
            outputs: outputs.map(Aligned::zeros).collect(),
            sums: stages.map(|(i, stage)| Sums::new(i, stage)).collect(),
        }
    }
}

impl Sums {
    fn new(i: usize, stage: &Stage) -> Self {
        let Convolution { input, kernel, .. } = stage.convolution;
        if !stage.pool {
            return Self::All(Aligned::zeros(stage.delta.len()));
        }
        if i == 0 {
            let strip = Plane {
                height: 2 * STRIP,
                ..stage.delta
            };
            return Self::Strip(Aligned::zeros(strip.len()));
        }
        let weights = area(area(stage.outputs, kernel * kernel), input.pixel);
        Self::Chosen {
            sums: Chosen::new(&stage.convolution),
            weights: Aligned::zeros(weights),
        }
    }
}

impl Way<'_> {
    /// Sends the gradient of what the dense layers saw of the `n`-th of `images` back, and adds that of the weights to
    /// `gradient`; what [`Way::finish`] adds is missing. The weights are `turned` by [`Front::turn`].
    pub fn backward(
        &self,
        turned: &[Aligned],
        features: &[f32],
        (images, n): (&Images, usize),
        back: &mut Back,
        gradient: &mut [f32],
    ) {
        self.spread(features, back);
        for (i, stage) in self.front.stages.iter().enumerate().rev() {
            let (before, output) = back.outputs.split_at_mut(i);
            let (before, output) = (before.last_mut(), &mut output[0]);
            self.through_slopes((i, stage), (images, n), output);
            let (place, turned) = ((i, stage), &turned[i]);
            match &mut back.sums[i] {
                Sums::All(delta) => {
                    self.through_all(place, (images, n), output, delta, gradient);
                    if let Some(before) = before {
                        let (from, out) =
                            ((&delta[..], &turned[..], None), stage.convolution.input);
                        stage
                            .back()
                            .forward(self.instructions, from, (out, before), false);
                    }
                }
                Sums::Strip(delta) => self.in_strips(stage, (images, n), output, delta, gradient),
                Sums::Chosen { sums, weights } => {
                    let bias = &mut gradient[stage.bias.clone()];
                    self.through_chosen(place, (images, n), output, (sums, weights), bias);
                    if let Some(before) = before {
                        before.fill(0.0);
                        sums.input_gradient(self.instructions, &stage.convolution, turned, before);
                    }
                }
            }
        }
    }

    /// Adds what all images have left of the gradient of the weights to `gradient`.
    pub fn finish(&self, back: &mut Back, gradient: &mut [f32]) {
        for (stage, sums) in self.front.stages.iter().zip(&mut back.sums) {
            if let Sums::Chosen { weights, .. } = sums {
                self.front
                    .turn_back(self.instructions, stage, weights, gradient);
                weights.fill(0.0);
            }
        }
    }

    /// Turns the gradient of what the dense layers saw into that of what comes out of the last stage.
    fn spread(&self, features: &[f32], back: &mut Back) {
        let (last, stages) = (self.front.last(), self.front.blocks());
        let (plane, outputs) = (last.output, last.outputs);
        let out = &mut back.outputs[stages - 1];
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
    fn through_slopes(
        &self,
        (i, stage): (usize, &Stage),
        (images, n): (&Images, usize),
        output: &mut [f32],
    ) {
        if self.activation == Activation::Relu {
            return;
        }
        let slopes = nth(&images.slopes[i], stage.outcomes(), n);
        let rows = slopes.chunks_exact(stage.output.width * stage.output.pixel);
        for (row, slopes) in rows.enumerate() {
            let output = &mut output[stage.output.range(row)];
            vector::multiply(self.instructions, output, slopes);
        }
    }

    /// Turns the gradient of what comes out of a stage that does not pool into `delta`, that of its sums; adds that of
    /// its weights.
    fn through_all(
        &self,
        (i, stage): (usize, &Stage),
        (images, n): (&Images, usize),
        output: &[f32],
        delta: &mut [f32],
        gradient: &mut [f32],
    ) {
        let plane = stage.delta;
        let seen = nth(&images.planes[i + 1], stage.output.len(), n);
        for row in 0..plane.height {
            let (delta, outside) = (&mut delta[plane.range(row)], stage.output.range(row));
            delta.copy_from_slice(&output[outside.clone()]);
            if self.activation == Activation::Relu {
                let seen = &seen[outside];
                activation::activation_backward(self.instructions, delta, seen, Activation::Relu);
            }
            pool::add_rows(self.instructions, &mut gradient[stage.bias.clone()], delta);
        }
        let x = nth(&images.planes[i], stage.convolution.input.len(), n);
        let weights = &mut gradient[stage.weights.clone()];
        stage
            .convolution
            .weight_gradient(self.instructions, x, (plane, delta), weights);
    }

    /// Lists the sums of a stage that were chosen; adds the gradients of its bias and weights.
    fn through_chosen(
        &self,
        (i, stage): (usize, &Stage),
        (images, n): (&Images, usize),
        output: &[f32],
        (sums, weights): (&mut Chosen, &mut [f32]),
        bias: &mut [f32],
    ) {
        let convolution = &stage.convolution;
        let routes = nth(&images.routes[i], stage.outcomes() / LANES, n);
        sums.list(
            self.instructions,
            convolution,
            (stage.output, output),
            routes,
            bias,
        );
        let x = nth(&images.planes[i], convolution.input.len(), n);
        sums.weight_gradient(self.instructions, convolution, x, weights);
    }

    /// Adds the gradients of weights and bias of a first stage that pools, some rows at a time.
    fn in_strips(
        &self,
        stage: &Stage,
        (images, n): (&Images, usize),
        output: &[f32],
        delta: &mut [f32],
        gradient: &mut [f32],
    ) {
        let (convolution, half) = (stage.convolution, stage.output);
        let x = nth(&images.planes[0], convolution.input.len(), n);
        let routes = nth(&images.routes[0], stage.outcomes() / LANES, n);
        let per_row = half.width * half.pixel / LANES;
        let (weights, bias) = gradient[..stage.bias.end].split_at_mut(stage.weights.end);
        for first in (0..half.height).step_by(STRIP) {
            let height = STRIP.min(half.height - first);
            let rows = |plane: Plane, height| Plane { height, ..plane };
            let (half, plane) = (rows(half, height), rows(stage.delta, 2 * height));
            let start = first * half.row();
            let output = (half, &output[start..start + half.len()]);
            let routes = &routes[first * per_row..(first + height) * per_row];
            let delta = &mut delta[..plane.len()];
            pool::unpool(self.instructions, output, routes, (plane, delta), bias);

            let input = rows(convolution.input, 2 * height);
            let start = 2 * first * input.row();
            let x = &x[start..start + input.len()];
            let strip = Convolution {
                input,
                ..convolution
            };
            strip.weight_gradient(self.instructions, x, (plane, delta), weights);
        }
    }
}

//! The convolutions' part of a step: each shard sends its images of the batch through, all of them see what comes
//! out, and after the dense layers' part each sends the gradient of its images back.

use std::sync::RwLock;

use crate::aligned::Aligned;
use crate::convolution::{Front, Way, add_transposed};
use crate::exchange::{Scratch, read, write};
use crate::network::{Plan, Shard};
use crate::product::area;
use crate::step::Step;
use crate::vector;

/// What shards show each other of the convolutions.
pub(crate) struct Exchange {
    /// What each has made of its images: `[shard]`, each `[images, features]`.
    features: Vec<RwLock<Vec<f32>>>,
    /// Gradient of all weights, from the images of each: `[shard]`.
    gradients: Vec<RwLock<Aligned>>,
    /// Each shard's part of the weights.
    weights: Vec<RwLock<Vec<f32>>>,
}

/// A thread's copy of the weights.
#[derive(Default)]
pub(crate) struct Weights {
    /// See [`Front::pack`].
    packed: Aligned,
    /// See [`Front::turn`].
    turned: Vec<Aligned>,
}

impl Exchange {
    pub fn new(plan: &Plan, batch: usize) -> Self {
        let parameters = plan.front.as_ref().map_or(0, Front::parameters);
        let features = area(plan.most_images(batch), plan.features());
        let (values, shards) = (|count| RwLock::new(vec![0.0; count]), 0..plan.shards());
        Self {
            features: shards.clone().map(|_| values(features)).collect(),
            gradients: shards
                .clone()
                .map(|_| RwLock::new(Aligned::zeros(parameters)))
                .collect(),
            weights: shards
                .map(|shard| values(plan.part(parameters, shard).len()))
                .collect(),
        }
    }
}

impl Step<'_> {
    fn way<'a>(&'a self, front: &'a Front) -> Way<'a> {
        Way {
            front,
            instructions: self.plan.instructions,
            activation: self.plan.activation,
        }
    }

    /// Sends the images of `shards` through the convolutions, and collects what comes out of all in `scratch`.
    pub fn look(
        &self,
        front: &Front,
        shards: &[Shard],
        pixels: &[u8],
        scratch: &mut Scratch,
        meet: &dyn Fn(),
    ) {
        let (inputs, features) = (front.pixels(), self.plan.widths[0]);
        let exchange = &self.exchange.front;
        for shard in shards {
            write(&exchange.weights[shard.index]).copy_from_slice(&shard.front.values);
        }
        meet();
        let Weights { packed, turned } = &mut scratch.front;
        if packed.is_empty() {
            *packed = Aligned::zeros(front.parameters());
        }
        for (shard, part) in exchange.weights.iter().enumerate() {
            packed[self.plan.part(front.parameters(), shard)].copy_from_slice(&read(part));
        }
        front.turn(self.plan.instructions, packed, turned);
        for (shard, own) in shards.iter().zip(&mut scratch.own) {
            let Some((images, _)) = &mut own.images else {
                continue;
            };
            let share = self.plan.images(self.batch(), shard.index);
            let pixels = pixels[share.start * inputs..share.end * inputs].chunks_exact(inputs);
            let mut out = write(&exchange.features[shard.index]);
            for (n, (pixels, out)) in pixels.zip(out.chunks_exact_mut(features)).enumerate() {
                self.way(front)
                    .forward(&scratch.front.packed, pixels, (images, n), out);
            }
        }
        meet();
        for (shard, part) in exchange.features.iter().enumerate() {
            let share = self.plan.images(self.batch(), shard);
            let to = &mut scratch.input[share.start * features..share.end * features];
            to.copy_from_slice(&read(part)[..to.len()]);
        }
    }

    /// Sends the gradient of what came out back through the convolutions, for the images of `shards`; leaves each
    /// shard's part of the gradient of the weights with its parameters.
    pub fn look_back(
        &self,
        front: &Front,
        shards: &mut [Shard],
        scratch: &mut Scratch,
        meet: &dyn Fn(),
    ) {
        meet();
        let features = self.plan.widths[0];
        let exchange = &self.exchange.front;
        for (shard, own) in shards.iter().zip(&mut scratch.own) {
            let Some((images, back)) = &mut own.images else {
                continue;
            };
            let share = self.plan.images(self.batch(), shard.index);
            // What came out is not needed any more.
            let asks = &mut scratch.input[share.start * features..share.end * features];
            self.collect_asks(asks, share.start);
            let mut gradient = write(&exchange.gradients[shard.index]);
            gradient.fill(0.0);
            let (way, turned) = (self.way(front), &scratch.front.turned);
            for (n, ask) in asks.chunks_exact(features).enumerate() {
                way.backward(turned, ask, (images, n), back, &mut gradient);
            }
            way.finish(back, &mut gradient);
        }
        meet();
        for shard in shards {
            let range = self.plan.part(front.parameters(), shard.index);
            let sum = &mut shard.front.gradient;
            sum.fill(0.0);
            for part in &exchange.gradients {
                vector::add(self.plan.instructions, sum, &read(part)[range.clone()]);
            }
        }
    }

    /// Writes the gradient of what came out for the images from the `first` on to `asks` `[images, features]`.
    fn collect_asks(&self, asks: &mut [f32], first: usize) {
        let (features, batch) = (self.plan.widths[0], self.batch());
        asks.fill(0.0);
        for (shard, part) in self.exchange.asks.iter().enumerate() {
            let rows = if self.plan.hidden() == 0 {
                self.plan.part(features, shard)
            } else {
                0..features
            };
            let part = read(part);
            let part = &part[..rows.len() * batch];
            let asks = &mut asks[rows.start..];
            add_transposed(self.plan.instructions, asks, features, part, batch, first);
        }
    }
}

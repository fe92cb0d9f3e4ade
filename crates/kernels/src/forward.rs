//! Answers: what a network says about images, without anything that training needs.

use std::thread;

use crate::aligned::Aligned;
use crate::convolution::{Convolutions, Front, Images, Way};
use crate::instructions::Instructions;
use crate::network::{Layer, widths};
use crate::product::{Matrix, area, product};
use crate::settings::{Activation, Output};
use crate::{activation, loss, vector};

/// Images computed together: their pixels as floats and the first layer's weights share a core's cache
/// (200 + 400 KB for the tutorial's network).
const CHUNK: usize = 64;
/// Images that take longer than starting a thread does, some 30 microseconds.
const WORTH_A_THREAD: usize = 128;
/// The same with convolutions.
const CONVOLUTIONS_WORTH_A_THREAD: usize = 4;

/// Returns the logits of each image in `pixels` (bytes `[images, inputs]`, divided by 255 here):
/// `[images, classes]`, row-major. Uses up to `threads` threads.
///
/// An image's logits have the same bits alone and among others, and on any number of threads.
///
/// # Panics
/// When the layers do not fit each other, or `pixels` is not a whole number of images.
pub fn logits(layers: &[Layer], activation: Activation, pixels: &[u8], threads: usize) -> Vec<f32> {
    let forward = Forward::new(layers, activation);
    forward.on_threads(pixels, threads, &|_| {})
}

/// Returns the probability of every class for the same images: `[images, classes]`, row-major, each row
/// sums to 1.
///
/// # Panics
/// As [`logits`].
pub fn predict(
    layers: &[Layer],
    activation: Activation,
    output: Output,
    pixels: &[u8],
    threads: usize,
) -> Vec<f32> {
    let forward = Forward::new(layers, activation);
    forward.probabilities(output, pixels, threads)
}

/// A convolutional network that answers.
#[derive(Debug, Clone)]
pub struct Cnn {
    front: Front,
    /// The weights of its convolutions, see [`Front::pack`].
    packed: Aligned,
    dense: Vec<Layer>,
    activation: Activation,
}

impl Cnn {
    /// Returns the network of `layers`, first to last: those of `convolutions`, then dense ones.
    ///
    /// # Panics
    /// When the layers do not fit each other.
    pub fn new(convolutions: &Convolutions, layers: &[Layer], activation: Activation) -> Self {
        let front = Front::new(convolutions);
        let (blocks, dense) = front.split(layers);
        assert_eq!(
            widths(dense)[0],
            front.features(),
            "inputs of the first dense layer"
        );
        Self {
            packed: front.pack(blocks).into(),
            dense: dense.to_vec(),
            front,
            activation,
        }
    }

    /// Returns the logits of each image in `pixels`, bytes `[images, channels, height, width]`, as [`logits`] does.
    ///
    /// # Panics
    /// When `pixels` is not a whole number of images.
    pub fn logits(&self, pixels: &[u8], threads: usize) -> Vec<f32> {
        self.forward().on_threads(pixels, threads, &|_| {})
    }

    /// Returns the probability of every class for the same images, as [`predict`] does.
    ///
    /// # Panics
    /// As [`Cnn::logits`].
    pub fn predict(&self, output: Output, pixels: &[u8], threads: usize) -> Vec<f32> {
        let forward = self.forward();
        forward.probabilities(output, pixels, threads)
    }

    fn forward(&self) -> Forward<'_> {
        Forward {
            front: Some((&self.front, &self.packed[..])),
            ..Forward::new(&self.dense, self.activation)
        }
    }
}

struct Forward<'a> {
    /// What comes before the dense layers, with its weights.
    front: Option<(&'a Front, &'a [f32])>,
    layers: &'a [Layer],
    widths: Vec<usize>,
    activation: Activation,
    instructions: Instructions,
}

impl<'a> Forward<'a> {
    fn new(layers: &'a [Layer], activation: Activation) -> Self {
        Self {
            front: None,
            layers,
            widths: widths(layers),
            activation,
            instructions: Instructions::widest(),
        }
    }

    fn classes(&self) -> usize {
        self.widths[self.layers.len()]
    }

    fn pixels(&self) -> usize {
        let inputs = self.widths[0];
        self.front.map_or(inputs, |(front, _)| front.pixels())
    }

    fn probabilities(&self, output: Output, pixels: &[u8], threads: usize) -> Vec<f32> {
        let classes = self.classes();
        self.on_threads(pixels, threads, &|logits| {
            loss::probabilities(logits, classes, output);
        })
    }

    /// Returns what `finish` makes of the logits `[images, classes]` of `pixels`; it is given some rows at a
    /// time.
    fn on_threads(
        &self,
        pixels: &[u8],
        threads: usize,
        finish: &(dyn Fn(&mut [f32]) + Sync),
    ) -> Vec<f32> {
        let (inputs, classes) = (self.pixels(), self.classes());
        assert!(
            pixels.len().is_multiple_of(inputs),
            "{} pixels for images of {inputs}",
            pixels.len()
        );
        let images = pixels.len() / inputs;
        let worth = self
            .front
            .map_or(WORTH_A_THREAD, |_| CONVOLUTIONS_WORTH_A_THREAD);
        let threads = threads.clamp(1, (images / worth).max(1));
        let share = images.div_ceil(threads).max(1);
        let mut answers = vec![0.0; area(images, classes)];
        thread::scope(|scope| {
            let parts = pixels.chunks(share * inputs);
            let mut parts = parts.zip(answers.chunks_mut(share * classes));
            let mine = parts.next();
            for (pixels, answers) in parts {
                scope.spawn(|| self.run(pixels, answers, finish));
            }
            if let Some((pixels, answers)) = mine {
                self.run(pixels, answers, finish);
            }
        });
        answers
    }

    /// Fills `answers` `[images, classes]` from `pixels` `[images, inputs]`.
    fn run(&self, pixels: &[u8], answers: &mut [f32], finish: &dyn Fn(&mut [f32])) {
        let (inputs, classes) = (self.pixels(), self.classes());
        let mut images = self
            .front
            .map(|(front, _)| Images::new(front, self.activation, 1));
        let most = CHUNK.min(pixels.len() / inputs);
        let widest = self.widths.iter().copied().max().unwrap_or(0);
        let (mut x, mut y) = (vec![0.0; area(most, widest)], vec![0.0; area(most, widest)]);
        let chunks = pixels.chunks(CHUNK * inputs);
        for (pixels, answers) in chunks.zip(answers.chunks_mut(CHUNK * classes)) {
            if let Some(((front, weights), images)) = self.front.zip(images.as_mut()) {
                let way = Way {
                    front,
                    instructions: self.instructions,
                    activation: self.activation,
                };
                let features = x.chunks_exact_mut(self.widths[0]);
                for (pixels, features) in pixels.chunks_exact(inputs).zip(features) {
                    way.forward(weights, pixels, (images, 0), features);
                }
            } else {
                vector::scale(self.instructions, &mut x[..pixels.len()], pixels);
            }
            for layer in 0..self.layers.len() {
                self.layer(layer, pixels.len() / inputs, &x, &mut y);
                std::mem::swap(&mut x, &mut y);
            }
            answers.copy_from_slice(&x[..answers.len()]);
            finish(answers);
        }
    }

    /// Computes a layer's output `[images, outputs]` at the front of `y` from its input at the front of
    /// `x`.
    fn layer(&self, index: usize, images: usize, x: &[f32], y: &mut [f32]) {
        let (inputs, outputs) = (self.widths[index], self.widths[index + 1]);
        let Layer { weight, bias } = &self.layers[index];
        let y = &mut y[..images * outputs];
        for row in y.chunks_exact_mut(outputs) {
            row.copy_from_slice(bias);
        }
        let x = Matrix::new(&x[..images * inputs], images, inputs);
        let weight = Matrix::new(weight, inputs, outputs);
        product(self.instructions, y, true, x, weight);
        if index + 1 < self.layers.len() {
            activation::activate(self.instructions, y, self.activation);
        }
    }
}

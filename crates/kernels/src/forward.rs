//! Answers: what a network says about images, without anything that training needs.

use std::thread;

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
/// `temperature` (above 0) is 1 for what the network itself says; others give these probabilities to the
/// power of 1 / `temperature`, scaled to sum to 1: above 1 less sure, below 1 surer.
///
/// # Panics
/// As [`logits`].
pub fn predict(
    layers: &[Layer],
    activation: Activation,
    output: Output,
    temperature: f32,
    pixels: &[u8],
    threads: usize,
) -> Vec<f32> {
    let forward = Forward::new(layers, activation);
    let classes = forward.classes();
    forward.on_threads(pixels, threads, &|logits| {
        loss::probabilities(logits, classes, output, temperature);
    })
}

struct Forward<'a> {
    layers: &'a [Layer],
    widths: Vec<usize>,
    activation: Activation,
    instructions: Instructions,
}

impl<'a> Forward<'a> {
    fn new(layers: &'a [Layer], activation: Activation) -> Self {
        Self {
            layers,
            widths: widths(layers),
            activation,
            instructions: Instructions::widest(),
        }
    }

    fn classes(&self) -> usize {
        self.widths[self.layers.len()]
    }

    /// Returns what `finish` makes of the logits `[images, classes]` of `pixels`; it is given some rows at a
    /// time.
    fn on_threads(
        &self,
        pixels: &[u8],
        threads: usize,
        finish: &(dyn Fn(&mut [f32]) + Sync),
    ) -> Vec<f32> {
        let (inputs, classes) = (self.widths[0], self.classes());
        assert!(
            pixels.len().is_multiple_of(inputs),
            "{} pixels for images of {inputs}",
            pixels.len()
        );
        let images = pixels.len() / inputs;
        let threads = threads.clamp(1, (images / WORTH_A_THREAD).max(1));
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
        let (inputs, classes) = (self.widths[0], self.classes());
        let most = CHUNK.min(pixels.len() / inputs);
        let widest = self.widths.iter().copied().max().unwrap_or(0);
        let (mut x, mut y) = (vec![0.0; area(most, widest)], vec![0.0; area(most, widest)]);
        let chunks = pixels.chunks(CHUNK * inputs);
        for (pixels, answers) in chunks.zip(answers.chunks_mut(CHUNK * classes)) {
            vector::scale(self.instructions, &mut x[..pixels.len()], pixels);
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

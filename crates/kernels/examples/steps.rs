//! Steps of training on random images, to be timed or counted: `scripts/scaling`.
//!
//! `steps INPUTS HIDDEN[,HIDDEN] BATCH THREADS STEPS` prints how many threads were used and the microseconds a step.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // not part of the product

use std::time::Instant;

use kernels::{Activation, Adam, Batches, Layer, Loss, Network, Optimizer};

const CLASSES: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers = |text: &str| -> Vec<usize> {
        let parts = text.split(',').filter(|part| !part.is_empty());
        parts.map(|part| part.parse().unwrap()).collect()
    };
    let [inputs, batch, threads, steps] = [0, 2, 3, 4].map(|i| numbers(&arguments[i])[0]);
    let widths: Vec<usize> = [vec![inputs], numbers(&arguments[1]), vec![CLASSES]].concat();
    let layer = |pair: &[usize]| Layer {
        weight: (0..pair[0] * pair[1])
            .map(|i| ((i * 7919 % 1009) as f32 - 504.0) / 20_000.0)
            .collect(),
        bias: vec![0.0; pair[1]],
    };
    let layers: Vec<Layer> = widths.windows(2).map(layer).collect();
    let adam = Optimizer::Adam(Adam {
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-7,
        l2: 0.0,
        decoupled_decay: 0.0,
    });
    let mut network = Network::new(&layers, Activation::Relu, Loss::CrossEntropy, adam);
    let images: Vec<u8> = (0..batch * inputs + CLASSES)
        .map(|i| (i * 31 % 256) as u8)
        .collect();
    let fill = |step: usize, pixels: &mut Vec<u8>, labels: &mut Vec<u8>| {
        pixels.clear();
        pixels.extend_from_slice(&images[step % CLASSES..][..batch * inputs]);
        labels.clear();
        labels.extend((0..batch).map(|i| ((i + step) % CLASSES) as u8));
    };
    let batches = Batches {
        fill: &fill,
        steps: 0..steps,
        batch_size: batch,
    };
    let start = Instant::now();
    network.train(&batches, threads, &|_| 1e-3, &mut |_| true);
    let microseconds = start.elapsed().as_secs_f64() * 1e6 / steps as f64;
    println!("{} {microseconds:.2}", network.threads(threads, batch));
}

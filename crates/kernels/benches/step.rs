//! Whole training steps and answers of the kernels, at several sizes: `make microbench`.
//!
//! A call of `train` starts threads and takes memory, so a sample is several steps; the second line of
//! each result says how many steps, or images, a second.

use std::fmt;

use divan::Bencher;
use divan::counter::ItemsCount;
use kernels::{Activation, Adam, Batches, Dropout, Extras, Layer, Loss, Network, Optimizer};

fn main() {
    divan::main();
}

const INPUTS: usize = 28 * 28;
const CLASSES: usize = 10;
const ADAM: Optimizer = Optimizer::Adam(Adam {
    beta_1: 0.9,
    beta_2: 0.999,
    epsilon: 1e-7,
    l2: 0.0,
    decoupled_decay: 0.0,
});

struct Case {
    hidden: &'static [usize],
    batch: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "hidden {:?}, batch {}", self.hidden, self.batch)
    }
}

const SMALL: &[usize] = &[128];
const MIDDLE: &[usize] = &[512];
const LARGE: &[usize] = &[1024; 3];

fn cases() -> impl Iterator<Item = Case> {
    [SMALL, MIDDLE, LARGE]
        .into_iter()
        .flat_map(|hidden| [32, 128, 1024].map(|batch| Case { hidden, batch }))
}

#[divan::bench(args = cases(), consts = [1, 2], max_time = 1)]
fn train<const THREADS: usize>(bencher: Bencher, case: &Case) {
    let layers = layers(case.hidden);
    let network = Network::new(&layers, Activation::Relu, Loss::CrossEntropy, ADAM);
    run::<THREADS>(bencher, case.batch, network);
}

/// The tutorial's network, with one thing changed.
#[divan::bench(args = variants().into_iter().map(|variant| variant.0), consts = [1, 2], max_time = 1)]
fn train_variant<const THREADS: usize>(bencher: Bencher, name: &str) {
    let variants = variants();
    let variant = variants.into_iter().find(|variant| variant.0 == name);
    let (_, activation, extras) = variant.expect("it is one of them");
    let network = Network::new(&layers(SMALL), activation, Loss::CrossEntropy, ADAM);
    run::<THREADS>(bencher, 32, network.with(extras));
}

fn variants() -> Vec<(&'static str, Activation, Extras)> {
    let none = Extras::default;
    let dropout = Dropout {
        share: 0.2,
        seed: 1,
    };
    vec![
        ("relu", Activation::Relu, none()),
        ("sigmoid", Activation::Sigmoid, none()),
        ("tanh", Activation::Tanh, none()),
        ("gelu", Activation::Gelu, none()),
        ("dropout", Activation::Relu, Extras { dropout, ..none() }),
        (
            "label smoothing, class weights",
            Activation::Relu,
            Extras {
                label_smoothing: 0.1,
                class_weights: vec![2.0; CLASSES],
                ..none()
            },
        ),
        (
            "clipping",
            Activation::Relu,
            Extras {
                clip_norm: Some(1e-3),
                ..none()
            },
        ),
        (
            "average",
            Activation::Relu,
            Extras {
                average: Some(0.999),
                ..none()
            },
        ),
    ]
}

fn run<const THREADS: usize>(bencher: Bencher, batch: usize, mut network: Network) {
    let steps = (4096 / batch).min(20);
    let pixels = pixels(1024);
    let batches = Batches {
        fill: &|step, to, labels| {
            to.clear();
            labels.clear();
            for i in step * batch..(step + 1) * batch {
                to.extend(&pixels[i % 1024 * INPUTS..][..INPUTS]);
                labels.push((i % CLASSES) as u8);
            }
        },
        steps: 0..steps,
        batch_size: batch,
    };
    bencher
        .counter(ItemsCount::new(steps))
        .bench_local(|| network.train(&batches, THREADS, &|_| 1e-3, &mut |_| true));
}

/// Returns layers of weights that are small and differ.
fn layers(hidden: &[usize]) -> Vec<Layer> {
    let widths = [&[INPUTS], hidden, &[CLASSES]].concat();
    let layer = |pair: &[usize]| Layer {
        weight: (0..pair[0] * pair[1])
            .map(|i| ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) / (pair[0] as f32).sqrt())
            .collect(),
        bias: vec![0.0; pair[1]],
    };
    widths.windows(2).map(layer).collect()
}

/// Returns images of which half the pixels are lit, as in Fashion-MNIST.
fn pixels(images: usize) -> Vec<u8> {
    let pixel = |i: usize| {
        if i % 56 < 28 {
            0
        } else {
            (i * 7919 % 256) as u8
        }
    };
    (0..images * INPUTS).map(pixel).collect()
}

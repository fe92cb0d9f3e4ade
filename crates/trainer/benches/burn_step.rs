//! A training step of Burn's operations on flex, in parts and whole: `make microbench`.

use std::fmt;

use burn::data::dataloader::DataLoader;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use burn::train::{Learner, TrainStep};
use data::{Batch, Batches, ImageDataset, Images, Loader};
use divan::Bencher;
use divan::counter::ItemsCount;
use experiment::Optimizer;
use kernels::{Loss, Objective};
use model::{Architecture, MlpConfig, Network};
use trainer::engine::{TrainingStep, optimizer};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

const BATCH: usize = 32;
const RATE: f64 = 1e-3;
const ADAM: Optimizer = Optimizer::Adam {
    learning_rate: RATE,
    beta_1: 0.9,
    beta_2: 0.999,
    epsilon: 1e-7,
    weight_decay: 0.0,
};

/// One batch, gathered from bytes.
#[divan::bench]
fn loader(bencher: Bencher) {
    let batches = Batches::shuffled(images(6400), BATCH, 42);
    let loader = Loader::new(batches, &Device::flex());
    let mut batches = loader.iter();
    bencher.bench_local(|| {
        batches.next().or_else(|| {
            batches = loader.iter();
            batches.next()
        })
    });
}

/// Logits and losses, with the graph for the way back.
#[divan::bench]
fn forward(bencher: Bencher) {
    let (step, batch) = (training_step(&[128]), batch(BATCH));
    bencher.bench_local(|| step.score(batch.clone()));
}

/// The gradients, from the losses.
#[divan::bench]
fn backward(bencher: Bencher) {
    let (step, batch) = (training_step(&[128]), batch(BATCH));
    bencher
        .with_inputs(|| step.score(batch.clone()))
        .bench_local_values(|output| output.loss.mean().backward());
}

/// Adam, from the gradients.
#[divan::bench]
fn optimizer_step(bencher: Bencher) {
    let (step, batch) = (training_step(&[128]), batch(BATCH));
    let mut adam = optimizer::build(&ADAM);
    let mut model = Some(step.clone());
    bencher
        .with_inputs(|| TrainStep::step(&step, batch.clone()).grads)
        .bench_local_values(|grads: GradientsParams| {
            model = model.take().map(|model| adam.step(RATE, model, grads));
        });
}

struct Case {
    hidden: &'static [usize],
    batch: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "hidden {:?}, batch {}", self.hidden, self.batch)
    }
}

const CASES: [Case; 6] = [
    Case {
        hidden: &[128],
        batch: 32,
    },
    Case {
        hidden: &[128],
        batch: 128,
    },
    Case {
        hidden: &[128],
        batch: 1024,
    },
    Case {
        hidden: &[512],
        batch: 32,
    },
    Case {
        hidden: &[512],
        batch: 1024,
    },
    Case {
        hidden: &[1024; 3],
        batch: 128,
    },
];

/// All of it but the loader, through Burn's `Learner`.
#[divan::bench(args = CASES, max_time = 1)]
fn whole_step(bencher: Bencher, case: &Case) {
    let batch = batch(case.batch);
    let mut learner = Learner::new(training_step(case.hidden), optimizer::build(&ADAM), RATE);
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        let step = learner.train_step(batch.clone());
        learner.lr_step();
        learner.optimizer_step(step.grads);
    });
}

#[allow(clippy::expect_used)]
fn training_step(hidden: &[usize]) -> TrainingStep {
    let config = MlpConfig {
        hidden: hidden.to_vec(),
        ..MlpConfig::tutorial([1, 28, 28], 10)
    };
    let architecture = Architecture::Mlp(config);
    let weights = architecture.init(42).expect("within the limits");
    let device = Device::flex().autodiff();
    let network = Network::new(&architecture, weights, &device).expect("its own weights");
    TrainingStep::new(network, &Objective::plain(Loss::CrossEntropy))
}

#[allow(clippy::expect_used)]
fn batch(size: usize) -> Batch {
    let batches = Batches::sequential(images(size), size);
    let loader = Loader::new(batches, &Device::flex().autodiff());
    loader.iter().next().expect("one batch").expect("in memory")
}

/// Returns images of which half the pixels are lit, as in Fashion-MNIST.
#[allow(clippy::expect_used)]
fn images(count: usize) -> ImageDataset {
    let pixel = |i: usize| {
        if i % 56 < 28 {
            0
        } else {
            (i * 7919 % 256) as u8
        }
    };
    let images = Images {
        count,
        height: 28,
        width: 28,
        pixels: (0..count * 784).map(pixel).collect(),
    };
    let labels = (0..count).map(|i| (i % 10) as u8).collect();
    ImageDataset::new(images, labels, 10).expect("a label for each image")
}

//! What is trained, how, and by the kernel.

use kernels::{
    Activation, Adam, Batches, Dropout, Extras, Instructions, Layer, Loss, Network, Optimizer,
    Outcome, Sgd,
};

pub const CLASSES: usize = 10;
pub const IMAGES: usize = 100;
/// Few for Miri, which takes a microsecond for a product.
pub const INPUTS: usize = if cfg!(miri) { 7 } else { 77 };
pub const BATCH: usize = 32;

/// Hidden widths that shards split evenly, unevenly, and not at all.
pub const HIDDEN: [&[usize]; 7] = [
    &[128],
    &[],
    &[5],
    &[40, 33],
    &[64, 17, 20],
    &[16, 5],
    &[256, 64], // four shards
];

/// A stream of numbers in [0, 1) that is the same everywhere: xorshift64, Marsaglia 2003.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// A network and images.
pub struct Case {
    pub layers: Vec<Layer>,
    pub pixels: Vec<u8>,
    pub labels: Vec<u8>,
}

/// Returns layers of the given hidden widths, and images of which a third of the pixels is never lit.
pub fn case(hidden: &[usize]) -> Case {
    let mut numbers = Numbers(88_172_645_463_325_252);
    let widths: Vec<usize> = [&[INPUTS], hidden, &[CLASSES]].concat();
    let layer = |pair: &[usize]| {
        let limit = (6.0 / (pair[0] + pair[1]) as f32).sqrt();
        let mut draw = |count| {
            (0..count)
                .map(|_| (2.0 * numbers.next() - 1.0) * limit)
                .collect()
        };
        Layer {
            weight: draw(pair[0] * pair[1]),
            bias: draw(pair[1]),
        }
    };
    let layers = widths.windows(2).map(layer).collect();
    let mut pixel = |i| {
        if i % 3 == 0 {
            0
        } else {
            (numbers.next() * 256.0) as u8
        }
    };
    let pixels = (0..IMAGES * INPUTS).map(&mut pixel).collect();
    let label = |_| (numbers.next() * CLASSES as f32) as u8;
    let labels = (0..IMAGES).map(label).collect();
    Case {
        layers,
        pixels,
        labels,
    }
}

impl Case {
    /// Fills in the images at `order`, of which there may be more than once.
    pub fn fill(&self, order: &[u32], pixels: &mut Vec<u8>, labels: &mut Vec<u8>) {
        pixels.clear();
        labels.clear();
        for &i in order {
            pixels.extend(&self.pixels[i as usize * INPUTS..][..INPUTS]);
            labels.push(self.labels[i as usize]);
        }
    }
}

/// How a network learns.
#[derive(Debug, Clone)]
pub struct Kind {
    pub activation: Activation,
    pub loss: Loss,
    pub optimizer: Optimizer,
    pub extras: Extras,
}

impl Kind {
    pub fn network(&self, case: &Case) -> Network {
        let network = Network::new(&case.layers, self.activation, self.loss, self.optimizer);
        network.with(self.extras.clone())
    }
}

pub const ADAM: Adam = Adam {
    beta_1: 0.9,
    beta_2: 0.999,
    epsilon: 1e-7,
    l2: 0.0,
    decoupled_decay: 0.0,
};

/// The tutorial's.
pub fn plain() -> Kind {
    Kind {
        activation: Activation::Relu,
        loss: Loss::CrossEntropy,
        optimizer: Optimizer::Adam(ADAM),
        extras: Extras::default(),
    }
}

/// Returns every activation, loss, optimizer and extra at least once, some of them together.
pub fn kinds() -> Vec<Kind> {
    use Activation::{Gelu, Relu, Sigmoid, Tanh};
    use Loss::{CrossEntropy, Quadratic};
    let adam = |l2, decoupled_decay| {
        Optimizer::Adam(Adam {
            l2,
            decoupled_decay,
            ..ADAM
        })
    };
    let sgd = |momentum, nesterov, l2| {
        Optimizer::Sgd(Sgd {
            momentum,
            nesterov,
            l2,
        })
    };
    let kind = |activation, loss, optimizer| Kind {
        activation,
        loss,
        optimizer,
        extras: Extras::default(),
    };
    let mut kinds = vec![
        plain(),
        kind(Sigmoid, Quadratic, adam(0.0, 0.0)),
        kind(Tanh, CrossEntropy, adam(0.01, 0.0)),
        kind(Relu, Quadratic, adam(0.0, 0.1)),
        kind(Sigmoid, CrossEntropy, sgd(0.0, false, 0.0)),
        kind(Tanh, Quadratic, sgd(0.9, false, 0.01)),
        kind(Relu, CrossEntropy, sgd(0.9, true, 0.0)),
        kind(Gelu, CrossEntropy, adam(0.0, 0.0)),
    ];
    let dropout = |share| Extras {
        dropout: Dropout { share, seed: 5 },
        ..Extras::default()
    };
    let weights: Vec<f32> = (0..CLASSES).map(|class| 0.5 + class as f32 / 5.0).collect();
    let with = |activation, loss, optimizer, extras| Kind {
        extras,
        ..kind(activation, loss, optimizer)
    };
    kinds.extend([
        with(Relu, CrossEntropy, adam(0.0, 0.0), dropout(0.2)),
        with(Tanh, Quadratic, sgd(0.9, true, 0.01), dropout(0.5)),
        with(
            Sigmoid,
            CrossEntropy,
            adam(0.0, 0.0),
            Extras {
                label_smoothing: 0.1,
                class_weights: weights.clone(),
                ..Extras::default()
            },
        ),
        with(
            Relu,
            CrossEntropy,
            sgd(0.9, false, 0.0),
            Extras {
                clip_norm: Some(0.3),
                average: Some(0.98),
                ..Extras::default()
            },
        ),
        with(
            Gelu,
            Quadratic,
            adam(0.0, 0.1),
            Extras {
                label_smoothing: 0.2,
                class_weights: weights,
                clip_norm: Some(0.05),
                average: Some(0.9),
                ..dropout(0.1)
            },
        ),
    ]);
    kinds
}

/// What all steps came to.
#[derive(Debug, Default, PartialEq)]
pub struct Score {
    pub loss: f64,
    pub correct: usize,
    pub images: usize,
}

impl Score {
    pub fn add(&mut self, outcome: &Outcome) {
        let classes = outcome.logits.len() / outcome.labels.len();
        self.loss += outcome.loss;
        self.images += outcome.labels.len();
        for (row, label) in outcome.logits.chunks_exact(classes).zip(outcome.labels) {
            let mut top = 0; // the first of equal logits counts
            for (class, logit) in row.iter().enumerate() {
                if *logit > row[top] {
                    top = class;
                }
            }
            self.correct += usize::from(top == usize::from(*label));
        }
    }
}

/// Trains `steps` steps, going round the images, by the kernel.
pub fn fused(
    case: &Case,
    kind: &Kind,
    steps: usize,
    threads: usize,
    instructions: Instructions,
) -> (Network, Score) {
    let mut network = kind.network(case).with_instructions(instructions);
    let order: Vec<u32> = (0..BATCH * steps).map(|i| (i % IMAGES) as u32).collect();
    let batches = Batches {
        fill: &|step, pixels, labels| case.fill(&order[BATCH * step..][..BATCH], pixels, labels),
        steps: 0..steps,
        batch_size: BATCH,
    };
    let mut score = Score::default();
    let done = network.train(&batches, threads, &rate, &mut |outcome| {
        score.add(outcome);
        true
    });
    assert_eq!(done, steps);
    (network, score)
}

/// Returns the learning rate of a step: no two are alike.
pub fn rate(step: usize) -> f64 {
    1e-2 / (1.0 + step as f64 / 50.0)
}

//! The fused step against Burn's own operations: loss, every gradient, and 100 steps of Adam; and
//! against itself on another number of threads.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use kernels::{Activation, Adam, Batches, Layer, Loss, Network, Optimizer, Outcome, Sgd};

type Kind = (Activation, Loss, Optimizer);

const CLASSES: usize = 10;
const IMAGES: usize = 100;
const INPUTS: usize = 77;

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

struct Case {
    layers: Vec<Layer>,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

/// Returns layers of the given hidden widths, and images of which a third of the pixels is never lit.
fn case(hidden: &[usize]) -> Case {
    let mut numbers = Numbers(88_172_645_463_325_252);
    let widths: Vec<usize> = [&[INPUTS], hidden, &[CLASSES]].concat();
    let layers = widths
        .windows(2)
        .map(|pair| {
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
        })
        .collect();
    let pixels = (0..IMAGES * INPUTS)
        .map(|i| {
            if i % 3 == 0 {
                0
            } else {
                (numbers.next() * 256.0) as u8
            }
        })
        .collect();
    let labels = (0..IMAGES)
        .map(|_| (numbers.next() * CLASSES as f32) as u8)
        .collect();
    Case {
        layers,
        pixels,
        labels,
    }
}

/// What all steps came to.
#[derive(Debug, Default, PartialEq)]
struct Score {
    loss: f64,
    correct: usize,
    images: usize,
}

impl Score {
    fn add(&mut self, outcome: &Outcome) {
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

impl Case {
    /// Fills in the images at `order`, of which there may be more than once.
    fn fill(&self, order: &[u32], pixels: &mut Vec<u8>, labels: &mut Vec<u8>) {
        pixels.clear();
        labels.clear();
        for &i in order {
            pixels.extend(&self.pixels[i as usize * INPUTS..][..INPUTS]);
            labels.push(self.labels[i as usize]);
        }
    }
}

/// Trains `steps` steps of 32 images, going round the images, as the kernel does.
fn fused(case: &Case, kind: Kind, steps: usize, threads: usize) -> (Network, Score) {
    let (activation, loss, optimizer) = kind;
    let mut network = Network::new(&case.layers, activation, loss, optimizer);
    let order: Vec<u32> = (0..32 * steps).map(|i| (i % IMAGES) as u32).collect();
    let batches = Batches {
        fill: &|step, pixels, labels| case.fill(&order[32 * step..][..32], pixels, labels),
        steps: 0..steps,
        batch_size: 32,
    };
    let mut score = Score::default();
    let done = network.train(&batches, threads, &rate, &mut |outcome| {
        score.add(outcome);
        true
    });
    assert_eq!(done, steps);
    (network, score)
}

fn rate(step: usize) -> f64 {
    1e-2 / (1.0 + step as f64 / 50.0)
}

#[derive(Module, Debug)]
struct Reference {
    layers: Vec<Linear>,
}

/// The same with Burn's operations: the layers, the summed loss and the last gradients.
fn burn(case: &Case, kind: Kind, steps: usize) -> (Vec<Layer>, f64, Vec<Layer>) {
    let (kind, loss, optimizer) = kind;
    let device = Device::flex().autodiff();
    let widths: Vec<usize> = case.layers.iter().map(|layer| layer.bias.len()).collect();
    let mut model = Reference {
        layers: case
            .layers
            .iter()
            .map(|layer| {
                let outputs = layer.bias.len();
                let shape = [layer.weight.len() / outputs, outputs];
                Linear {
                    weight: Param::from_data(TensorData::new(layer.weight.clone(), shape), &device),
                    bias: Some(Param::from_data(
                        TensorData::new(layer.bias.clone(), [outputs]),
                        &device,
                    )),
                }
            })
            .collect(),
    };
    let mut optimizer = burns_optimizer(optimizer);
    let mut total = 0.0;
    let mut gradients = Vec::new();
    for step in 0..steps {
        let images: Vec<usize> = (0..32).map(|i| (32 * step + i) % IMAGES).collect();
        let pixels: Vec<f32> = images
            .iter()
            .flat_map(|&i| &case.pixels[i * INPUTS..][..INPUTS])
            .map(|&p| f32::from(p) / 255.0)
            .collect();
        let labels: Vec<i32> = images.iter().map(|&i| case.labels[i].into()).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [32]), &device);
        let mut x = Tensor::<2>::from_data(TensorData::new(pixels, [32, INPUTS]), &device);
        for (i, layer) in model.layers.iter().enumerate() {
            x = layer.forward(x);
            if i + 1 < model.layers.len() {
                x = match kind {
                    Activation::Relu => activation::relu(x),
                    Activation::Sigmoid => activation::sigmoid(x),
                    Activation::Tanh => activation::tanh(x),
                    Activation::Gelu => unreachable!("no training step has GELU"),
                };
            }
        }
        let losses = match loss {
            Loss::CrossEntropy => activation::log_softmax(x, 1)
                .gather(1, labels.reshape([32, 1]))
                .neg()
                .reshape([32]),
            Loss::Quadratic => {
                let ideal = labels.one_hot::<2>(CLASSES).float();
                (activation::sigmoid(x) - ideal)
                    .square()
                    .sum_dim(1)
                    .reshape([32])
            }
        };
        total += losses.clone().into_data().iter::<f64>().sum::<f64>();
        let grads = losses.mean().backward();
        let grad_of = |layer: &Linear| Layer {
            weight: layer
                .weight
                .val()
                .grad(&grads)
                .unwrap()
                .into_data()
                .iter()
                .collect(),
            bias: layer
                .bias
                .as_ref()
                .unwrap()
                .val()
                .grad(&grads)
                .unwrap()
                .into_data()
                .iter()
                .collect(),
        };
        gradients = model.layers.iter().map(grad_of).collect();
        let grads = GradientsParams::from_grads(grads, &model);
        model = optimizer.step(rate(step), model, grads);
    }
    let layers = model.layers.iter().map(|layer| Layer {
        weight: layer.weight.val().into_data().iter().collect(),
        bias: layer
            .bias
            .as_ref()
            .unwrap()
            .val()
            .into_data()
            .iter()
            .collect(),
    });
    let layers: Vec<Layer> = layers.collect();
    assert_eq!(
        layers
            .iter()
            .map(|layer| layer.bias.len())
            .collect::<Vec<_>>(),
        widths
    );
    (layers, total, gradients)
}

fn burns_optimizer(optimizer: Optimizer) -> ModuleOptimizer {
    let l2 = |penalty: f32| (penalty > 0.0).then(|| WeightDecayConfig::new(penalty));
    match optimizer {
        Optimizer::Adam(adam) if adam.decoupled_decay > 0.0 => AdamWConfig::new()
            .with_epsilon(adam.epsilon)
            .with_weight_decay(adam.decoupled_decay)
            .init(),
        Optimizer::Adam(adam) => AdamConfig::new()
            .with_epsilon(adam.epsilon)
            .with_weight_decay(l2(adam.l2))
            .init(),
        Optimizer::Sgd(sgd) => SgdConfig::new()
            .with_momentum((sgd.momentum > 0.0).then(|| {
                MomentumConfig::new()
                    .with_momentum(sgd.momentum.into())
                    .with_dampening(0.0)
                    .with_nesterov(sgd.nesterov)
            }))
            .with_weight_decay(l2(sgd.l2))
            .init(),
    }
}

/// Asserts that no value differs by more than `tolerance`.
fn close(what: &str, ours: &[Layer], theirs: &[Layer], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len());
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        for (name, ours, theirs) in [
            ("weight", &ours.weight, &theirs.weight),
            ("bias", &ours.bias, &theirs.bias),
        ] {
            assert_eq!(ours.len(), theirs.len(), "{what} layer {i} {name}");
            let off = ours
                .iter()
                .zip(theirs)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(off <= tolerance, "{what} layer {i} {name}: off by {off}");
        }
    }
}

const ADAM: Adam = Adam {
    beta_1: 0.9,
    beta_2: 0.999,
    epsilon: 1e-7,
    l2: 0.0,
    decoupled_decay: 0.0,
};

const PLAIN: Optimizer = Optimizer::Adam(ADAM);

fn kinds() -> Vec<Kind> {
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
    vec![
        (Activation::Relu, Loss::CrossEntropy, PLAIN),
        (Activation::Sigmoid, Loss::Quadratic, PLAIN),
        (Activation::Tanh, Loss::CrossEntropy, adam(0.01, 0.0)),
        (Activation::Relu, Loss::Quadratic, adam(0.0, 0.1)),
        (
            Activation::Sigmoid,
            Loss::CrossEntropy,
            sgd(0.0, false, 0.0),
        ),
        (Activation::Tanh, Loss::Quadratic, sgd(0.9, false, 0.01)),
        (Activation::Relu, Loss::CrossEntropy, sgd(0.9, true, 0.0)),
    ]
}

/// Hidden widths that shards split evenly, unevenly, and not at all.
const HIDDEN: [&[usize]; 5] = [&[128], &[], &[5], &[40, 33], &[64, 17, 20]];

#[test]
fn the_first_step_has_burns_loss_and_gradients() {
    for hidden in HIDDEN {
        let case = case(hidden);
        for kind in kinds() {
            let (network, score) = fused(&case, kind, 1, 2);
            let (_, loss, mut gradients) = burn(&case, kind, 1);
            assert!(
                (score.loss - loss).abs() < 1e-4 * loss,
                "{hidden:?} {kind:?}"
            );
            // After one step, the first memory is the gradient times (1 - beta_1), or the gradient.
            let (share, l2) = match kind.2 {
                Optimizer::Adam(adam) => (0.1, adam.l2),
                Optimizer::Sgd(sgd) => (1.0, sgd.l2),
            };
            for (gradient, layer) in gradients.iter_mut().zip(&case.layers) {
                let bias = (&mut gradient.bias, &layer.bias);
                for (g, w) in [(&mut gradient.weight, &layer.weight), bias] {
                    g.iter_mut()
                        .zip(w)
                        .for_each(|(g, w)| *g = (*g + l2 * w) * share);
                }
            }
            close(
                &format!("{hidden:?} {kind:?}"),
                &network.first_moments(),
                &gradients,
                1e-6 * share,
            );
        }
    }
}

#[test]
fn a_hundred_steps_of_adam_stay_with_burns() {
    for hidden in HIDDEN {
        let case = case(hidden);
        for kind in kinds() {
            let (network, score) = fused(&case, kind, 100, 2);
            let (layers, loss, _) = burn(&case, kind, 100);
            assert!(
                (score.loss - loss).abs() < 1e-3 * loss,
                "{hidden:?} {kind:?}"
            );
            // Rounding differs in the sums; Adam divides by gradients near 0, which magnifies it.
            close(
                &format!("{hidden:?} {kind:?}"),
                &network.layers(),
                &layers,
                2e-3,
            );
        }
    }
}

#[test]
fn threads_change_no_bit() {
    for hidden in HIDDEN {
        let case = case(hidden);
        for kind in kinds() {
            let (one, score_one) = fused(&case, kind, 40, 1);
            let (two, score_two) = fused(&case, kind, 40, 2);
            assert_eq!(score_one, score_two, "{hidden:?} {kind:?}");
            assert_eq!(one.layers(), two.layers(), "{hidden:?} {kind:?}");
            assert_eq!(one.second_moments(), two.second_moments());
        }
    }
}

#[test]
fn an_epoch_can_be_cut_anywhere() {
    let case = case(&[40, 33]);
    let train = |network: &mut Network, order: &[u32], stop_after: usize| {
        let chunk = |step: usize| order.chunks(16).nth(step).unwrap();
        let batches = Batches {
            fill: &|step, pixels, labels| case.fill(chunk(step), pixels, labels),
            steps: 0..order.len().div_ceil(16),
            batch_size: 16,
        };
        let mut score = Score::default();
        let done = network.train(&batches, 2, &|_| 1e-3, &mut |outcome| {
            score.add(outcome);
            score.images < stop_after
        });
        assert_eq!(done, score.images.div_ceil(16));
        score.images
    };
    let order: Vec<u32> = (0..IMAGES as u32).collect();
    let new = || Network::new(&case.layers, Activation::Relu, Loss::CrossEntropy, PLAIN);
    let (mut whole, mut parts) = (new(), new());
    assert_eq!(train(&mut whole, &order, usize::MAX), IMAGES);
    train(&mut parts, &order[..48], usize::MAX);
    train(&mut parts, &order[48..], usize::MAX);
    assert_eq!(whole.layers(), parts.layers());

    // Asked to stop after the second step, it does one more.
    let mut stopped = new();
    assert_eq!(train(&mut stopped, &order, 32), 48);
    let mut short = new();
    train(&mut short, &order[..48], usize::MAX);
    assert_eq!(stopped.layers(), short.layers());
}

#[test]
fn layers_come_out_as_they_went_in() {
    for hidden in HIDDEN {
        let layers = case(hidden).layers;
        assert_eq!(
            Network::new(&layers, Activation::Relu, Loss::CrossEntropy, PLAIN).layers(),
            layers
        );
    }
}

/// A caller learns from the loss that training has diverged; no activation may hide it.
#[test]
fn a_weight_that_is_no_number_shows_in_the_loss() {
    for (activation, loss, optimizer) in kinds() {
        let mut case = case(&[40]);
        case.layers[0].weight[5 * 40 + 7] = f32::NAN;
        let (_, score) = fused(&case, (activation, loss, optimizer), 1, 2);
        assert!(score.loss.is_nan(), "{activation:?} {loss:?}");
    }
}

/// Threads wait for each other in every step: one that panics must not leave the others waiting.
#[test]
fn a_panic_in_one_thread_ends_all() {
    let case = case(&[40]);
    let order: Vec<u32> = (0..IMAGES as u32).collect();
    let asked = AtomicUsize::new(0);
    let batches = Batches {
        fill: &|step, pixels, labels| {
            assert_ne!(
                asked.fetch_add(1, Ordering::SeqCst),
                5,
                "only one thread sees this"
            );
            case.fill(&order[16 * step..][..16], pixels, labels);
        },
        steps: 0..IMAGES / 16,
        batch_size: 16,
    };
    let mut network = Network::new(&case.layers, Activation::Relu, Loss::CrossEntropy, PLAIN);
    let train = AssertUnwindSafe(|| network.train(&batches, 2, &rate, &mut |_| true));
    assert!(catch_unwind(train).is_err());
}

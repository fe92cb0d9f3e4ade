//! Optimizers and learning rates by their formulas, and sums that are exact.

use burn::nn::{Initializer, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor};
use burn::train::ClassificationOutput;
use experiment::{Decay, Optimizer, Schedule, Sums};
use kernels::{Loss, Objective};
use trainer::engine::{LearningRate, Totals, optimizer};
use trainer::run::epoch::EpochMetrics;
use trainer::run::history::History;

#[test]
fn learning_rates_follow_their_formulas() {
    // 4 epochs of 10 steps, highest rate 0.8
    let check = |decay: Decay, warmup_epochs: f64, expect: &[(usize, f64)]| {
        let schedule = Schedule {
            decay,
            warmup_epochs,
        };
        let rate = LearningRate::new(0.8, &schedule, 4, 10);
        for &(step, value) in expect {
            let found = rate.at(step);
            assert!(
                (found - value).abs() < 1e-12,
                "step {step} of {schedule:?}: {found}"
            );
        }
    };
    check(Decay::Constant, 0.0, &[(0, 0.8), (39, 0.8), (1000, 0.8)]);
    // warm-up: a straight line whose first step is above 0, whose last is the rate itself
    check(
        Decay::Constant,
        1.0,
        &[(0, 0.08), (4, 0.4), (9, 0.8), (10, 0.8), (39, 0.8)],
    );
    check(Decay::Constant, 0.5, &[(0, 0.16), (4, 0.8), (5, 0.8)]);
    check(Decay::Constant, 0.05, &[(0, 0.8), (1, 0.8)]); // half a step
    // cosine: halfway at half the way, the final fraction at the end and after it
    let cosine = |final_fraction| Decay::Cosine { final_fraction };
    check(
        cosine(0.0),
        0.0,
        &[(0, 0.8), (20, 0.4), (40, 0.0), (50, 0.0)],
    );
    let quarter = 0.8 * 0.5 * (1.0 + std::f64::consts::FRAC_PI_4.cos());
    check(cosine(0.0), 0.0, &[(10, quarter)]);
    check(cosine(0.5), 0.0, &[(0, 0.8), (20, 0.6), (40, 0.4)]);
    check(
        cosine(0.0),
        2.0,
        &[(9, 0.4), (19, 0.8), (20, 0.8), (30, 0.4), (40, 0.0)],
    );
    // steps: cuts counted from the end of the warm-up
    let halves = |every_epochs| Decay::Step {
        every_epochs,
        factor: 0.5,
    };
    check(
        halves(1.0),
        0.0,
        &[(0, 0.8), (9, 0.8), (10, 0.4), (20, 0.2), (39, 0.1)],
    );
    check(
        halves(1.5),
        1.0,
        &[(9, 0.8), (24, 0.8), (25, 0.4), (39, 0.4), (40, 0.2)],
    );
    // one cycle: up to the rate in the first half of 40 steps, down to the last, step 39
    let cycle = Decay::OneCycle {
        rise: 20.0 / 39.0,
        initial_fraction: 0.25,
        final_fraction: 0.125,
    };
    check(
        cycle,
        0.0,
        &[(0, 0.2), (10, 0.5), (20, 0.8), (39, 0.1), (50, 0.1)],
    );
}

/// The reference is Keras's `ReduceLROnPlateau(patience=2, factor=0.5, min_delta=0)`.
#[test]
fn a_plateau_reduces_the_learning_rate_of_all_clones() {
    let schedule = Schedule {
        decay: Decay::Plateau {
            factor: 0.5,
            patience: 2,
            final_fraction: 0.2,
        },
        warmup_epochs: 0.0,
    };
    let rate = LearningRate::new(0.8, &schedule, 20, 10);
    let of_engine = rate.clone();
    let mut history = History::default();
    let losses = [
        0.9, 0.5, 0.5, 0.6, 0.4, 0.4, 0.41, 0.42, 0.43, 0.3, 0.3, 0.3,
    ];
    let expect = [
        0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.16, 0.16, 0.16, 0.16,
    ];
    for ((number, loss), expect) in (1..).zip(losses).zip(expect) {
        history.push(epoch(number, loss));
        rate.follow(&history);
        let found = of_engine.at(number * 10);
        assert!((found - expect).abs() < 1e-12, "epoch {number}: {found}");
    }
}

/// Returns an epoch with a validation loss.
fn epoch(epoch: usize, loss: f64) -> EpochMetrics {
    let mut sums = Sums::new();
    (sums.images, sums.loss) = (1, loss);
    EpochMetrics {
        epoch,
        learning_rate: 0.0,
        train: sums.figures(),
        validation: Some(sums.figures()),
        seconds: 0.0,
    }
}

/// Returns logits of two classes with which images of the label 1 have these `losses`. Those below ln 2 are
/// right answers.
fn batch(losses: &[f32], device: &Device) -> ClassificationOutput {
    let count = losses.len();
    let logits: Vec<f32> = losses
        .iter()
        .flat_map(|loss| [(loss.exp() - 1.0).ln(), 0.0]) // ln(1 + e^x) = loss
        .collect();
    ClassificationOutput::new(
        Tensor::from_floats(losses, device), // not read: the logits say it
        Tensor::<1>::from_floats(logits.as_slice(), device).reshape([count, 2]),
        Tensor::<1, Int>::from_ints(vec![1; count].as_slice(), device),
    )
}

fn totals() -> Totals {
    Totals::new(Objective::plain(Loss::CrossEntropy), Sums::new())
}

fn close(found: f64, expect: f64) {
    assert!(
        (found - expect).abs() < 1e-6 * expect,
        "{found}, not {expect}"
    );
}

#[test]
fn totals_weight_every_image_the_same_whatever_the_batches() {
    let device = Device::flex();
    let mut all = totals();
    let none = all.sums().unwrap().figures();
    assert_eq!((none.loss(), none.accuracy()), (0.0, 0.0));

    all.add(&batch(&[0.25, 0.5, 0.125], &device)).unwrap();
    all.add(&batch(&[10.0], &device)).unwrap();
    let figures = all.sums().unwrap().figures();
    close(figures.loss(), 10.875 / 4.0);
    assert_eq!(figures.accuracy(), 0.75);

    // More than are kept on the device at once, asked for in the middle, and a short last one.
    let mut all = totals();
    for number in 0..300 {
        all.add(&batch(
            &[0.25, if number % 2 == 0 { 0.5 } else { 0.75 }],
            &device,
        ))
        .unwrap();
        if number == 100 {
            all.sums().unwrap();
        }
    }
    all.add(&batch(&[0.125], &device)).unwrap();
    let sums = all.sums().unwrap();
    assert_eq!((sums.images, sums.correct), (601, 451)); // 0.75 is beyond ln 2
    close(sums.mean_loss(), 262.625 / 601.0);
}

/// 60,000 terms of 0.1 in f32 drift in the fourth digit.
#[test]
fn totals_sum_in_double_precision() {
    let device = Device::flex();
    let mut all = totals();
    for _ in 0..60 {
        all.add(&batch(&[0.1; 1000], &device)).unwrap();
    }
    let figures = all.sums().unwrap().figures();
    // All terms are the same float: their mean is it.
    let one = all_equal_loss(&device);
    assert!((figures.loss() - one).abs() < 1e-12, "{}", figures.loss());
    assert_eq!(figures.accuracy(), 1.0);
}

fn all_equal_loss(device: &Device) -> f64 {
    let mut one = totals();
    one.add(&batch(&[0.1], device)).unwrap();
    let loss = one.sums().unwrap().mean_loss();
    close(loss, 0.1);
    loss
}

/// The kernel's steps and Burn's batches come to the same sums.
#[test]
fn answers_of_either_engine_are_counted_alike() {
    let device = Device::flex();
    let losses = [0.25, 2.0, 0.5, 0.75];
    let output = batch(&losses, &device);
    let mut burn = totals();
    burn.add(&output).unwrap();
    let logits: Vec<f32> = output.output.into_data().iter().collect();
    let mut host = totals();
    host.add_answers(&logits, &[1; 4]);
    assert_eq!(burn.sums().unwrap(), host.known());
    assert_eq!(host.known().correct, 2);
    let mut lost = totals();
    lost.add_answers(&[0.0, 0.0, f32::NAN, 0.0], &[1, 1]);
    assert_eq!(lost.diverged(), Some(1));
}

/// Learning rate of every step below, and the weight they start from.
const RATE: f64 = 0.1;
const WEIGHT: f64 = 0.5;

/// Returns a weight after a step with each of the gradients, by the optimizer of an experiment.
fn weight_after(config: &Optimizer, gradients: &[f64]) -> f64 {
    let device = Device::flex().autodiff();
    let initializer = Initializer::Constant { value: WEIGHT };
    let linear = LinearConfig::new(1, 1)
        .with_bias(false)
        .with_initializer(initializer);
    let mut linear = linear.init(&device);
    let mut optimizer = optimizer::build(config);
    for gradient in gradients {
        let input = Tensor::<2>::from_floats([[*gradient as f32]], &device); // d(wx)/dw = x
        let grads = linear.forward(input).sum().backward();
        let grads = GradientsParams::from_grads(grads, &linear);
        linear = optimizer.step(RATE, linear, grads);
    }
    let weight = linear.weight.val().into_data();
    weight.iter::<f64>().next().unwrap()
}

/// Adam (Kingma and Ba, algorithm 1) in double precision: weight decay either joins the gradient
/// (`l2`) or takes its share of the weight (`decoupled`).
fn adam(gradients: &[f64], beta: [f64; 2], epsilon: f64, l2: f64, decoupled: f64) -> f64 {
    let (mut weight, mut mean, mut square) = (WEIGHT, 0.0, 0.0);
    for (step, gradient) in (1..).zip(gradients) {
        let gradient = gradient + l2 * weight;
        weight -= RATE * decoupled * weight;
        mean = beta[0] * mean + (1.0 - beta[0]) * gradient;
        square = beta[1] * square + (1.0 - beta[1]) * gradient * gradient;
        let mean = mean / (1.0 - beta[0].powi(step));
        let square: f64 = square / (1.0 - beta[1].powi(step));
        weight -= RATE * mean / (square.sqrt() + epsilon);
    }
    weight
}

/// Gradient descent with momentum as Keras and PyTorch have it: without dampening.
fn sgd(gradients: &[f64], momentum: f64, nesterov: bool, l2: f64) -> f64 {
    let (mut weight, mut velocity) = (WEIGHT, 0.0);
    for gradient in gradients {
        let gradient = gradient + l2 * weight;
        velocity = momentum * velocity + gradient;
        let ahead = if nesterov {
            gradient + momentum * velocity
        } else {
            velocity
        };
        weight -= RATE * ahead;
    }
    weight
}

#[test]
fn optimizers_follow_their_formulas() {
    let check = |config: Optimizer, gradients: &[f64], expect: f64| {
        let found = weight_after(&config, gradients);
        assert!(
            (found - expect).abs() < 2e-6,
            "{config:?}: {found}, not {expect}"
        );
        assert!(
            (expect - WEIGHT).abs() > 1e-3,
            "{config:?}: a test of nothing"
        );
    };
    let learning_rate = RATE;
    let usual = [1.0, -0.5, 0.25, 2.0];
    let tiny = [1e-6, 2e-6, -3e-6]; // where epsilon counts
    for gradients in [&usual[..], &tiny] {
        for (beta_1, beta_2) in [(0.9, 0.999), (0.5, 0.8)] {
            for epsilon in [1e-7, 1e-5] {
                for weight_decay in [0.0, 0.1] {
                    let beta = [beta_1, beta_2];
                    let config = Optimizer::Adam {
                        learning_rate,
                        beta_1,
                        beta_2,
                        epsilon,
                        weight_decay,
                    };
                    check(
                        config,
                        gradients,
                        adam(gradients, beta, epsilon, weight_decay, 0.0),
                    );
                    let config = Optimizer::AdamW {
                        learning_rate,
                        beta_1,
                        beta_2,
                        epsilon,
                        weight_decay,
                    };
                    check(
                        config,
                        gradients,
                        adam(gradients, beta, epsilon, 0.0, weight_decay),
                    );
                }
            }
        }
    }
    for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
        for weight_decay in [0.0, 0.1] {
            let config = Optimizer::Sgd {
                learning_rate,
                momentum,
                nesterov,
                weight_decay,
            };
            check(
                config,
                &usual,
                sgd(&usual, momentum, nesterov, weight_decay),
            );
        }
    }
}

//! The fused step against itself: on other numbers of threads, cut in two, with other batches; and what it
//! does when something is wrong.
#![allow(clippy::unwrap_used)]

#[path = "equivalence/case.rs"]
mod case;

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use case::{Case, HIDDEN, IMAGES, INPUTS, Kind, Score, case, fused, kinds, plain, rate};
use kernels::{
    Activation, Batches, Dropout, Extras, Instructions, Layer, Mask, Network, Optimizer, Sgd,
};

/// Trains on the images at `order`, `batch` at a time, with the learning rates of the steps from `first` on.
fn train(network: &mut Network, case: &Case, order: &[u32], batch: usize, first: usize) -> Score {
    let chunk = |step: usize| order.chunks(batch).nth(step - first).unwrap();
    let batches = Batches {
        fill: &|step, pixels, labels| case.fill(chunk(step), pixels, labels),
        steps: first..first + order.len().div_ceil(batch),
        batch_size: batch,
    };
    let mut score = Score::default();
    let done = network.train(&batches, 2, &rate, &mut |outcome| {
        score.add(outcome);
        true
    });
    assert_eq!(done, order.len().div_ceil(batch));
    score
}

fn all_images() -> Vec<u32> {
    (0..IMAGES as u32).collect()
}

#[test]
fn threads_change_no_bit() {
    let (hidden, steps): (&[&[usize]], usize) = if cfg!(miri) {
        (&[&[20, 3]], 2)
    } else {
        (&HIDDEN, 40)
    };
    for hidden in hidden {
        let case = case(hidden);
        for kind in kinds() {
            for instructions in Instructions::all() {
                let (one, score_one) = fused(&case, &kind, steps, 1, instructions);
                let (two, score_two) = fused(&case, &kind, steps, 2, instructions);
                let what = format!("{instructions} {hidden:?} {kind:?}");
                assert_eq!(score_one, score_two, "{what}");
                assert_eq!(one.layers(), two.layers(), "{what}");
                assert_eq!(one.second_moments(), two.second_moments(), "{what}");
                assert_eq!(one.averages(), two.averages(), "{what}");
            }
        }
    }
}

/// Shards follow from the network's shape, and any number of threads takes them.
#[test]
#[cfg_attr(miri, ignore = "wide networks take long")]
fn any_number_of_threads_trains_a_wide_network_to_the_same_bits() {
    for (hidden, shards) in [
        (&[130][..], 2),
        (&[256, 64], 4),
        (&[33, 530], 8),
        (&[1030, 40], 16),
    ] {
        let case = case(hidden);
        let mut kind = plain();
        kind.extras.clip_norm = Some(0.5);
        let mut trained = vec![];
        for threads in [1, 2, 3, 4, 8, 99] {
            let (network, score) = fused(&case, &kind, 6, threads, Instructions::widest());
            trained.push((score, network.layers(), network.second_moments()));
            assert!(network.threads(threads, IMAGES) <= threads, "{hidden:?}");
        }
        assert!(
            trained.windows(2).all(|pair| pair[0] == pair[1]),
            "{hidden:?}"
        );
        assert_eq!(
            kind.network(&case).threads(99, 10_000),
            shards,
            "{hidden:?}"
        );
    }
}

/// Threads that would have nothing to do are not started.
#[test]
fn threads_are_as_many_as_help() {
    let network = |hidden: &[usize]| plain().network(&case(hidden));
    assert_eq!(
        network(&[16]).threads(8, 10_000),
        1,
        "one shard has them all"
    );
    assert_eq!(network(&[]).threads(8, 100_000), 2, "the inputs are shared");
    assert_eq!(network(&[128]).threads(8, 32), 2);
    assert_eq!(network(&[128]).threads(0, 32), 1);
    assert_eq!(network(&[128]).threads(2, 1), 1, "little work");
    assert_eq!(
        network(&[1024]).threads(5, 32),
        4,
        "four shards each, as with five"
    );
}

/// Stopped and restored from what it hands out, training goes on as if it had never stopped.
#[test]
#[cfg_attr(miri, ignore = "what it does is in the other tests, and it takes long")]
fn an_epoch_can_be_cut_anywhere() {
    let (case, order) = (case(&[40, 33]), all_images());
    for kind in kinds() {
        let (mut whole, mut first) = (kind.network(&case), kind.network(&case));
        assert_eq!(train(&mut whole, &case, &order, 16, 0).images, IMAGES);
        train(&mut first, &case, &order[..48], 16, 0);

        let now = Case {
            layers: first.layers(),
            ..case_of(&case)
        };
        let mut second = kind.network(&now);
        second.restore(&first.first_moments(), &first.second_moments(), 3);
        if let Some(averages) = first.averages() {
            second.restore_averages(&averages);
        }
        train(&mut second, &case, &order[48..], 16, 3);
        assert_eq!(whole.layers(), second.layers(), "{kind:?}");
        assert_eq!(whole.first_moments(), second.first_moments(), "{kind:?}");
        assert_eq!(whole.second_moments(), second.second_moments(), "{kind:?}");
        assert_eq!(whole.averages(), second.averages(), "{kind:?}");
    }
}

fn case_of(case: &Case) -> Case {
    Case {
        layers: case.layers.clone(),
        pixels: case.pixels.clone(),
        labels: case.labels.clone(),
    }
}

/// Asked to stop after the second step, it does one more.
#[test]
fn a_stop_comes_a_step_later() {
    let (case, order) = (case(&[40, 33]), all_images());
    let mut stopped = plain().network(&case);
    let batches = Batches {
        fill: &|step, pixels, labels| case.fill(&order[16 * step..][..16], pixels, labels),
        steps: 0..6,
        batch_size: 16,
    };
    let mut seen = Vec::new();
    let done = stopped.train(&batches, 2, &rate, &mut |outcome| {
        seen.push(outcome.step);
        outcome.step < 1
    });
    assert_eq!((done, seen), (3, vec![0, 1, 2]));
    let mut short = plain().network(&case);
    train(&mut short, &case, &order[..48], 16, 0);
    assert_eq!(stopped.layers(), short.layers());
}

/// The mean of a short batch is over the images it has: it learns as where batches are no larger.
#[test]
fn a_short_batch_counts_its_own_images() {
    let (case, order) = (case(&[40]), all_images());
    for kind in kinds() {
        let (mut short, mut full) = (kind.network(&case), kind.network(&case));
        let batches = Batches {
            fill: &|_, pixels, labels| case.fill(&order[..7], pixels, labels),
            steps: 0..1,
            batch_size: 32,
        };
        short.train(&batches, 2, &rate, &mut |_| true);
        train(&mut full, &case, &order[..7], 7, 0);
        assert_eq!(short.first_moments(), full.first_moments(), "{kind:?}");
        assert_eq!(short.layers(), full.layers(), "{kind:?}");
    }
}

/// Two steps at two rates are two trainings of a step at these rates, and not two at the first.
#[test]
#[cfg_attr(miri, ignore = "what it does is in the other tests, and it takes long")]
fn every_step_has_its_own_learning_rate() {
    let (case, order) = (case(&[5]), all_images());
    for kind in kinds() {
        let (mut both, mut each) = (kind.network(&case), kind.network(&case));
        train(&mut both, &case, &order[..64], 32, 40);
        train(&mut each, &case, &order[..32], 32, 40);
        train(&mut each, &case, &order[32..64], 32, 41);
        assert_eq!(both.layers(), each.layers(), "{kind:?}");
        let mut other = kind.network(&case);
        train(&mut other, &case, &order[..32], 32, 40);
        train(&mut other, &case, &order[32..64], 32, 40);
        assert_ne!(both.layers(), other.layers(), "{kind:?}");
    }
}

/// The gradient of every layer is the slope of the mean loss: single weights moved up and down.
#[test]
#[cfg_attr(miri, ignore = "what it does is in the other tests, and it takes long")]
fn gradients_are_slopes() {
    for hidden in [&[][..], &[20], &[20, 33, 5]] {
        let case = case(hidden);
        for kind in kinds().into_iter().map(smooth) {
            let (gradient, _) = gradient_and_loss(&case, &kind);
            let slope = |change: &dyn Fn(&mut Vec<Layer>, f32)| {
                let moved = |by| {
                    let mut case = case_of(&case);
                    change(&mut case.layers, by);
                    gradient_and_loss(&case, &kind).1
                };
                (moved(0.01) - moved(-0.01)) / 0.02
            };
            let close = |ours: f32, slope: f64, what: &str| {
                let off = (f64::from(ours) - slope).abs();
                assert!(off < 2e-4, "{hidden:?} {kind:?} {what}: {ours} {slope}");
            };
            for (i, gradient) in gradient.iter().enumerate() {
                let last = gradient.weight.len() - 1;
                for at in [1, last / 3, last / 2, last] {
                    let slope = slope(&|layers, by| layers[i].weight[at] += by);
                    close(
                        gradient.weight[at],
                        slope,
                        &format!("weight {at} of layer {i}"),
                    );
                }
                let slope = slope(&|layers, by| layers[i].bias[2] += by);
                close(gradient.bias[2], slope, &format!("bias of layer {i}"));
            }
        }
    }
}

/// Returns `kind` without what has no slope: ReLU at 0, which some neuron is always near, and clipping. Its optimizer
/// remembers the last gradient as it is.
fn smooth(kind: Kind) -> Kind {
    let activation = match kind.activation {
        Activation::Relu => Activation::Tanh,
        smooth => smooth,
    };
    let optimizer = Optimizer::Sgd(Sgd {
        momentum: 0.0,
        nesterov: false,
        l2: 0.0,
    });
    let extras = Extras {
        clip_norm: None,
        ..kind.extras
    };
    Kind {
        activation,
        optimizer,
        extras,
        ..kind
    }
}

/// Returns gradient and mean loss of the first batch.
fn gradient_and_loss(case: &Case, kind: &Kind) -> (Vec<Layer>, f64) {
    let mut network = kind.network(case);
    let loss = train(&mut network, case, &all_images()[..32], 32, 0).loss;
    (network.first_moments(), loss / 32.0)
}

/// A gradient that is too long is scaled down to the norm asked for, over all layers together; its direction stays.
#[test]
fn a_clipped_gradient_has_the_norm_asked_for() {
    let length = |layers: &[Layer]| {
        let values = layers.iter().flat_map(|l| l.weight.iter().chain(&l.bias));
        values.map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
    };
    for hidden in [&[][..], &[5], &[40, 33]] {
        let case = case(hidden);
        let clipped = |clip_norm| {
            let mut kind = smooth(plain());
            kind.extras.clip_norm = clip_norm;
            gradient_and_loss(&case, &kind).0
        };
        let whole = clipped(None);
        for factor in [0.01, 0.99, 1.01] {
            let norm = factor * length(&whole);
            let ours = clipped(Some(norm as f32));
            let expected = factor.min(1.0);
            assert!(
                (length(&ours) / length(&whole) - expected).abs() < 1e-5,
                "{hidden:?}"
            );
            for (ours, whole) in ours.iter().zip(&whole) {
                for (ours, whole) in ours.weight.iter().zip(&whole.weight) {
                    let off = f64::from(*ours) - expected * f64::from(*whole);
                    assert!(off.abs() < 1e-6, "{hidden:?} {factor}");
                }
            }
        }
    }
}

/// The average begins with the weights after the first step, and moves towards those after every other one.
#[test]
fn the_average_is_that_of_the_weights_after_every_step() {
    let (case, order) = (case(&[20]), all_images());
    let extras = Extras {
        average: Some(0.75),
        ..Extras::default()
    };
    let mut network = Kind { extras, ..plain() }.network(&case);
    assert_eq!(network.averages().unwrap(), case.layers);
    assert_eq!(plain().network(&case).averages(), None);
    let mut expected: Vec<f32> = Vec::new();
    for step in 0..4 {
        train(&mut network, &case, &order[16 * step..][..16], 16, step);
        let values = |layers: &[Layer]| -> Vec<f32> {
            let values = layers.iter().flat_map(|l| l.weight.iter().chain(&l.bias));
            values.copied().collect()
        };
        let weights = values(&network.layers());
        if step == 0 {
            expected = weights.clone();
        } else {
            for (average, weight) in expected.iter_mut().zip(weights) {
                *average = 0.75 * *average + 0.25 * weight;
            }
        }
        assert_eq!(values(&network.averages().unwrap()), expected, "{step}");
    }
}

/// The neurons that are silent are those of [`Mask`]: a network whose neurons are all 1 and whose logits are some of
/// them shows which.
#[test]
fn silent_neurons_are_those_of_the_mask() {
    let dropout = Dropout {
        share: 0.4,
        seed: 3,
    };
    for hidden in [&[20][..], &[40, 20]] {
        let mut case = case(hidden);
        let (output, layers) = case.layers.split_last_mut().unwrap();
        for layer in layers {
            layer.weight.fill(0.0);
            layer.bias.fill(1.0);
        }
        output.weight.fill(0.0);
        output.bias.fill(0.0);
        for class in 0..10 {
            output.weight[2 * class * 10 + class] = 1.0;
        }
        let extras = Extras {
            dropout,
            ..Extras::default()
        };
        let mut network = Kind { extras, ..plain() }.network(&case);
        let batches = Batches {
            fill: &|_, pixels, labels| case.fill(&all_images()[..9], pixels, labels),
            steps: 0..3,
            batch_size: 9,
        };
        network.train(&batches, 2, &|_| 0.0, &mut |outcome| {
            let mask = Mask::new(dropout, outcome.step as u64 + 1, hidden.len() - 1);
            let factors = mask.factors(9, 20);
            let expected: Vec<f32> = factors.into_iter().step_by(2).collect();
            assert_eq!(outcome.logits, expected, "{hidden:?} step {}", outcome.step);
            true
        });
    }
}

/// Every extra does something, and another seed, share or value something else.
#[test]
#[cfg_attr(miri, ignore = "what it does is in the other tests, and it takes long")]
fn every_extra_counts() {
    let (case, order) = (case(&[40]), all_images());
    let dropout = |share, seed| Extras {
        dropout: Dropout { share, seed },
        ..Extras::default()
    };
    let extras = [
        Extras::default(),
        dropout(0.1, 1),
        dropout(0.1, 2),
        dropout(0.2, 1),
        Extras {
            label_smoothing: 0.1,
            ..Extras::default()
        },
        Extras {
            class_weights: (1..=10).map(|weight| weight as f32).collect(),
            ..Extras::default()
        },
        Extras {
            clip_norm: Some(0.1),
            ..Extras::default()
        },
    ];
    let trained = extras.map(|extras| {
        let mut network = Kind { extras, ..plain() }.network(&case);
        train(&mut network, &case, &order, 32, 0);
        network.layers()
    });
    for (i, layers) in trained.iter().enumerate() {
        assert!(!trained[..i].contains(layers), "{i}");
    }
    // A norm that no gradient reaches clips nothing.
    let extras = Extras {
        clip_norm: Some(1e9),
        ..Extras::default()
    };
    let mut network = Kind { extras, ..plain() }.network(&case);
    train(&mut network, &case, &order, 32, 0);
    assert_eq!(network.layers(), trained[0]);
}

#[test]
fn extras_out_of_range_are_refused() {
    let case = case(&[5]);
    let with = |change: fn(&mut Extras)| {
        let mut extras = Extras::default();
        change(&mut extras);
        catch_unwind(AssertUnwindSafe(|| {
            Kind { extras, ..plain() }.network(&case)
        }))
        .is_ok()
    };
    let good: [fn(&mut Extras); 6] = [
        |e| e.dropout.share = 0.99,
        |e| e.label_smoothing = 1.0,
        |e| e.class_weights = vec![0.0; 10],
        |e| e.clip_norm = Some(1e-3),
        |e| e.average = Some(0.0),
        |e| e.average = Some(0.999),
    ];
    assert!(good.into_iter().all(with));
    let bad: [fn(&mut Extras); 12] = [
        |e| e.dropout.share = 1.0,
        |e| e.dropout.share = -0.1,
        |e| e.dropout.share = f32::NAN,
        |e| e.label_smoothing = 1.1,
        |e| e.label_smoothing = -0.1,
        |e| e.class_weights = vec![1.0; 9],
        |e| e.class_weights = vec![-1.0; 10],
        |e| e.class_weights = vec![f32::INFINITY; 10],
        |e| e.clip_norm = Some(0.0),
        |e| e.clip_norm = Some(f32::NAN),
        |e| e.average = Some(1.0),
        |e| e.average = Some(-0.5),
    ];
    for (i, change) in bad.into_iter().enumerate() {
        assert!(!with(change), "{i}");
    }
}

#[test]
fn layers_come_out_as_they_went_in() {
    for hidden in HIDDEN {
        let case = case(hidden);
        assert_eq!(plain().network(&case).layers(), case.layers);
    }
}

/// Layers that are none, empty or do not fit.
#[test]
fn layers_that_do_not_fit_are_refused() {
    let layer = |weights, biases| Layer {
        weight: vec![0.0; weights],
        bias: vec![0.0; biases],
    };
    let fits = |layers: &[Layer]| {
        let case = Case {
            layers: layers.to_vec(),
            ..case(&[])
        };
        catch_unwind(AssertUnwindSafe(|| plain().network(&case))).is_ok()
    };
    assert!(fits(&[layer(6, 3), layer(12, 4)]));
    assert!(!fits(&[]) && !fits(&[layer(0, 3)]) && !fits(&[layer(6, 0)]));
    assert!(!fits(&[layer(7, 3)]) && !fits(&[layer(6, 3), layer(8, 4)]));
    let mut network = plain().network(&case(&[5]));
    let moments = network.first_moments();
    let other = case(&[6]).layers;
    assert!(catch_unwind(AssertUnwindSafe(|| network.restore(&moments, &other, 1))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| network.restore_averages(&moments))).is_err());
}

/// A caller learns from the loss that training has diverged; no activation may hide it.
#[test]
fn a_weight_that_is_no_number_shows_in_the_loss() {
    for kind in kinds() {
        for instructions in Instructions::all() {
            let mut case = case(&[40]);
            case.layers[0].weight[5 * 40 + 7] = f32::NAN;
            let (_, score) = fused(&case, &kind, 1, 2, instructions);
            assert!(score.loss.is_nan(), "{instructions} {kind:?}");
        }
    }
}

/// The caller's code runs in the processor's usual mode, in which denormal numbers are numbers.
#[test]
fn the_callers_denormal_numbers_stay() {
    fn denormal_numbers_are_there() {
        assert!(black_box(f32::MIN_POSITIVE) / black_box(2.0) > 0.0);
        assert!(black_box(f32::from_bits(1)) > 0.0);
    }
    let case = case(&[40]);
    for threads in [1, 2] {
        let batches = Batches {
            fill: &|_, pixels, labels| {
                denormal_numbers_are_there();
                case.fill(&all_images()[..16], pixels, labels);
            },
            steps: 0..3,
            batch_size: 16,
        };
        let rate = |_| {
            denormal_numbers_are_there();
            1e-3
        };
        plain()
            .network(&case)
            .train(&batches, threads, &rate, &mut |_| {
                denormal_numbers_are_there();
                true
            });
        denormal_numbers_are_there();
    }
}

/// Threads wait for each other in every step: one that panics must not leave the others waiting.
#[test]
fn a_panic_in_one_thread_ends_all() {
    let (case, order) = (case(&[40]), all_images());
    let asked = AtomicUsize::new(0);
    let batches = Batches {
        fill: &|step, pixels, labels| {
            let count = asked.fetch_add(1, Ordering::SeqCst);
            assert_ne!(count, 5, "only one thread sees this");
            case.fill(&order[16 * step..][..16], pixels, labels);
        },
        steps: 0..IMAGES / 16,
        batch_size: 16,
    };
    let mut network = plain().network(&case);
    let train = AssertUnwindSafe(|| network.train(&batches, 2, &rate, &mut |_| true));
    assert!(catch_unwind(train).is_err());
}

/// Batches that are empty, too large, or do not fit the network.
#[test]
fn batches_that_do_not_fit_are_refused() {
    let case = case(&[5]);
    let fits = |images: usize, pixels: usize, label: u8| {
        let batches = Batches {
            fill: &|_, to, labels| {
                (*to, *labels) = (vec![0; pixels], vec![label; images]);
            },
            steps: 0..1,
            batch_size: 4,
        };
        let mut network = plain().network(&case);
        catch_unwind(AssertUnwindSafe(|| {
            network.train(&batches, 1, &rate, &mut |_| true)
        }))
        .is_ok()
    };
    assert!(fits(4, 4 * INPUTS, 9) && fits(1, INPUTS, 0));
    assert!(
        !fits(0, 0, 0)
            && !fits(5, 5 * INPUTS, 0)
            && !fits(4, 3 * INPUTS, 0)
            && !fits(4, 4 * INPUTS, 10)
    );
}

/// Images alone, among others, and on threads have the same bits; and the probabilities are theirs.
#[test]
#[cfg_attr(miri, ignore = "what it does is in the other tests, and it takes long")]
fn answers_do_not_depend_on_company() {
    let case = case(&[40, 33]);
    let pixels: Vec<u8> = case
        .pixels
        .iter()
        .copied()
        .cycle()
        .take(400 * INPUTS)
        .collect();
    for activation in [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Gelu,
    ] {
        let together = kernels::logits(&case.layers, activation, &pixels, 1);
        assert_eq!(together.len(), 400 * 10);
        assert_eq!(
            together,
            kernels::logits(&case.layers, activation, &pixels, 2)
        );
        for image in [0, 1, 99] {
            let alone = kernels::logits(
                &case.layers,
                activation,
                &pixels[image * INPUTS..][..INPUTS],
                1,
            );
            assert_eq!(alone, together[image * 10..][..10], "{activation:?}");
        }
        // In training, before its step, the network says the same.
        let kind = Kind {
            activation,
            ..plain()
        };
        let batches = Batches {
            fill: &|_, pixels, labels| case.fill(&all_images(), pixels, labels),
            steps: 0..1,
            batch_size: IMAGES,
        };
        kind.network(&case)
            .train(&batches, 2, &rate, &mut |outcome| {
                for (ours, theirs) in outcome.logits.iter().zip(&together) {
                    assert!((ours - theirs).abs() < 1e-5, "{activation:?}");
                }
                true
            });
        let output = kernels::Output::Softmax;
        let mut expected = together.clone();
        kernels::probabilities(&mut expected, 10, output);
        let ours = kernels::predict(&case.layers, activation, output, &pixels, 2);
        assert_eq!(ours, expected);
        assert!(kernels::logits(&case.layers, activation, &[], 2).is_empty());
    }
}

//! Convolutional networks: gradients against slopes, on other numbers of threads, cut in two, and what they learn.
#![allow(clippy::unwrap_used)]

#[path = "equivalence/case.rs"]
#[allow(dead_code)]
mod case;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use case::{Kind, Score, kinds, plain, rate};
use kernels::{
    Activation, Batches, Block, Cnn, Convolutions, Extras, Instructions, Layer, Network, Optimizer,
    Sgd,
};

const CLASSES: usize = 10;
const IMAGES: usize = 60;
const BATCH: usize = 16;

/// A network and images.
struct Case {
    convolutions: Convolutions,
    layers: Vec<Layer>,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

/// Returns numbers in [0, 1) that are the same everywhere: xorshift64, Marsaglia 2003.
fn numbers() -> impl FnMut() -> f32 {
    let mut state = 88_172_645_463_325_252u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Returns convolutions and the widths of the hidden layers after them: grey and coloured images of odd and even sizes,
/// channels that fill vectors and such that do not, with pooling and without, small and large kernels.
fn shapes() -> Vec<(Convolutions, &'static [usize])> {
    let block = |channels, kernel, pool| Block {
        channels,
        kernel,
        pool,
    };
    let shape = |input, blocks: &[Block], average, hidden: &'static [usize]| {
        let blocks = blocks.to_vec();
        (
            Convolutions {
                input,
                blocks,
                average,
            },
            hidden,
        )
    };
    vec![
        shape(
            [1, 8, 12],
            &[block(16, 3, true), block(32, 3, true)],
            false,
            &[20],
        ),
        shape(
            [3, 7, 6],
            &[block(5, 5, true), block(17, 3, false)],
            false,
            &[],
        ),
        shape(
            [1, 9, 5],
            &[block(6, 3, false), block(33, 5, true), block(3, 3, false)],
            true,
            &[20, 33],
        ),
        shape([3, 6, 6], &[block(48, 3, true)], true, &[]),
        shape([2, 4, 4], &[block(16, 1, false)], false, &[40]),
        shape([1, 4, 4], &[block(16, 3, true)], false, &[256]), // four shards
    ]
}

fn case((convolutions, hidden): (Convolutions, &[usize])) -> Case {
    let mut next = numbers();
    let [mut channels, mut height, mut width] = convolutions.input;
    let pixels = channels * height * width;
    let mut layers = Vec::new();
    let mut layer = |inputs: usize, outputs: usize| {
        let limit = (3.0 / inputs as f32).sqrt();
        let mut draw =
            |count, limit: f32| (0..count).map(|_| (2.0 * next() - 1.0) * limit).collect();
        layers.push(Layer {
            weight: draw(inputs * outputs, limit),
            bias: draw(outputs, 0.1),
        });
    };
    for block in &convolutions.blocks {
        layer(block.kernel * block.kernel * channels, block.channels);
        channels = block.channels;
        if block.pool {
            (height, width) = (height / 2, width / 2);
        }
    }
    let size = if convolutions.average {
        1
    } else {
        height * width
    };
    let widths = [&[size * channels], hidden, &[CLASSES]].concat();
    for pair in widths.windows(2) {
        layer(pair[0], pair[1]);
    }
    Case {
        convolutions,
        layers,
        pixels: (0..IMAGES * pixels)
            .map(|_| (next() * 256.0) as u8)
            .collect(),
        labels: (0..IMAGES)
            .map(|_| (next() * CLASSES as f32) as u8)
            .collect(),
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let few = if cfg!(miri) { 1..2 } else { 0..9 };
    shapes()
        .into_iter()
        .skip(few.start)
        .take(few.len())
        .map(case)
}

impl Case {
    fn network(&self, kind: &Kind) -> Network {
        self.with_layers(&self.layers, kind)
    }

    fn with_layers(&self, layers: &[Layer], kind: &Kind) -> Network {
        let Kind {
            activation,
            loss,
            optimizer,
            extras,
        } = kind.clone();
        Network::convolutional(&self.convolutions, layers, activation, loss, optimizer).with(extras)
    }

    /// Trains on batches of images, going round.
    fn train(&self, network: &mut Network, steps: Range<usize>, threads: usize) -> Score {
        self.train_at(&rate, network, steps, threads)
    }

    fn train_at(
        &self,
        rate: &(dyn Fn(usize) -> f64 + Sync),
        network: &mut Network,
        steps: Range<usize>,
        threads: usize,
    ) -> Score {
        let size = self.pixels.len() / IMAGES;
        let batches = Batches {
            fill: &|step, pixels, labels| {
                pixels.clear();
                labels.clear();
                // One batch is short.
                let count = if step == 3 { BATCH - 3 } else { BATCH };
                for i in (0..count).map(|i| (step * BATCH + i) % IMAGES) {
                    pixels.extend(&self.pixels[i * size..][..size]);
                    labels.push(self.labels[i]);
                }
            },
            steps: steps.clone(),
            batch_size: BATCH,
        };
        let mut score = Score::default();
        let done = network.train(&batches, threads, rate, &mut |outcome| {
            score.add(outcome);
            true
        });
        assert_eq!(done, steps.len());
        score
    }
}

#[test]
fn threads_change_no_bit() {
    for case in cases() {
        for kind in kinds() {
            for instructions in Instructions::all() {
                let train = |threads| {
                    let mut network = case.network(&kind).with_instructions(instructions);
                    let score = case.train(&mut network, 0..4, threads);
                    (score, network)
                };
                let (score, one) = train(1);
                for threads in 2..=4 {
                    let (other, many) = train(threads);
                    let what = format!("{instructions} {:?} {kind:?}", case.convolutions);
                    assert_eq!(score, other, "{what}");
                    assert_eq!(one.layers(), many.layers(), "{what}");
                    assert_eq!(one.first_moments(), many.first_moments(), "{what}");
                    assert_eq!(one.second_moments(), many.second_moments(), "{what}");
                    assert_eq!(one.averages(), many.averages(), "{what}");
                }
            }
        }
    }
}

/// Stopped and restored from what it hands out, training goes on as if it had never stopped.
#[test]
#[cfg_attr(miri, ignore = "what it does is in the other tests, and it takes long")]
fn an_epoch_can_be_cut_anywhere() {
    for case in cases() {
        for kind in kinds() {
            let (mut whole, mut first) = (case.network(&kind), case.network(&kind));
            case.train(&mut whole, 0..6, 2);
            case.train(&mut first, 0..2, 2);
            let mut second = case.with_layers(&first.layers(), &kind);
            second.restore(&first.first_moments(), &first.second_moments(), 2);
            if let Some(averages) = first.averages() {
                second.restore_averages(&averages);
            }
            case.train(&mut second, 2..6, 2);
            assert_eq!(whole.layers(), second.layers(), "{kind:?}");
            assert_eq!(whole.first_moments(), second.first_moments(), "{kind:?}");
            assert_eq!(whole.second_moments(), second.second_moments(), "{kind:?}");
            assert_eq!(whole.averages(), second.averages(), "{kind:?}");
        }
    }
}

/// The gradient of every layer is the slope of the mean loss: single weights moved up and down.
#[test]
#[cfg_attr(miri, ignore = "what it does is in the other tests, and it takes long")]
fn gradients_are_slopes() {
    for case in cases() {
        for kind in kinds().into_iter().map(smooth) {
            let measure = |layers: &[Layer]| {
                let mut network = case.with_layers(layers, &kind);
                let loss = case.train(&mut network, 0..1, 2).loss / BATCH as f64;
                (network.first_moments(), loss)
            };
            let gradient = measure(&case.layers).0;
            for (i, layer) in gradient.iter().enumerate() {
                let last = layer.weight.len() - 1;
                let places =
                    [0, last / 5, last / 3, last / 2, last].map(|at| (Some(at), layer.weight[at]));
                let bias = (None, *layer.bias.last().unwrap());
                for (at, ours) in places.into_iter().chain([bias]) {
                    let moved = |by: f32| {
                        let mut layers = case.layers.clone();
                        match at {
                            Some(at) => layers[i].weight[at] += by,
                            None => *layers[i].bias.last_mut().unwrap() += by,
                        }
                        measure(&layers).1
                    };
                    let slope = (moved(3e-4) - moved(-3e-4)) / 6e-4;
                    let off = (f64::from(ours) - slope).abs();
                    let what = format!("{:?} {kind:?}, {at:?} of layer {i}", case.convolutions);
                    // Some sum is always near 0, and some two are nearly the largest: there is no slope.
                    assert!(off < 2e-3 + 0.1 * slope.abs(), "{what}: {ours} {slope}");
                }
            }
        }
    }
}

/// Returns `kind` without clipping, whose optimizer remembers the last gradient as it is.
fn smooth(kind: Kind) -> Kind {
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
        optimizer,
        extras,
        ..kind
    }
}

/// A gradient that is too long is scaled down to the norm asked for, over all layers together.
#[test]
fn a_clipped_gradient_has_the_norm_asked_for() {
    let length = |layers: &[Layer]| {
        let values = layers.iter().flat_map(|l| l.weight.iter().chain(&l.bias));
        values.map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
    };
    for case in cases() {
        let clipped = |clip_norm| {
            let mut kind = smooth(plain());
            kind.extras.clip_norm = clip_norm;
            let mut network = case.network(&kind);
            case.train(&mut network, 0..1, 2);
            length(&network.first_moments())
        };
        let whole = clipped(None);
        for factor in [0.01, 0.99, 1.01] {
            let ours = clipped(Some((factor * whole) as f32));
            assert!(
                (ours / whole - factor.min(1.0)).abs() < 1e-5,
                "{factor}: {ours} of {whole}"
            );
        }
    }
}

/// What is learned by heart: the same images again and again.
#[test]
#[cfg_attr(miri, ignore = "what it does is in the other tests, and it takes long")]
fn training_lowers_the_loss() {
    for case in cases() {
        for activation in [Activation::Relu, Activation::Gelu] {
            let mut network = case.network(&Kind {
                activation,
                ..plain()
            });
            let mut train = |steps| case.train_at(&|_| 3e-3, &mut network, steps, 2).loss;
            let first = train(0..4);
            train(4..200);
            let last = train(0..4);
            assert!(
                last < 0.9 * first,
                "{:?} {activation:?}: {first} {last}",
                case.convolutions
            );
        }
    }
}

/// Images alone, among others, and on threads have the same bits; in training the network says the same.
#[test]
#[cfg_attr(miri, ignore = "what it does is in the other tests, and it takes long")]
fn answers_do_not_depend_on_company() {
    for case in cases() {
        for activation in [
            Activation::Relu,
            Activation::Sigmoid,
            Activation::Tanh,
            Activation::Gelu,
        ] {
            let cnn = Cnn::new(&case.convolutions, &case.layers, activation);
            let together = cnn.logits(&case.pixels, 1);
            assert_eq!(together.len(), IMAGES * CLASSES);
            for threads in 2..=4 {
                assert_eq!(together, cnn.logits(&case.pixels, threads));
            }
            let size = case.pixels.len() / IMAGES;
            for image in [0, 1, IMAGES - 1] {
                let alone = cnn.logits(&case.pixels[image * size..][..size], 1);
                assert_eq!(
                    alone,
                    together[image * CLASSES..][..CLASSES],
                    "{activation:?}"
                );
            }
            let output = kernels::Output::Softmax;
            let mut expected = together.clone();
            kernels::probabilities(&mut expected, CLASSES, output);
            assert_eq!(cnn.predict(output, &case.pixels, 2), expected);

            let batches = Batches {
                fill: &|_, pixels, labels| {
                    (*pixels, *labels) = (case.pixels.clone(), case.labels.clone());
                },
                steps: 0..1,
                batch_size: IMAGES,
            };
            let mut network = case.network(&Kind {
                activation,
                ..plain()
            });
            network.train(&batches, 2, &rate, &mut |outcome| {
                for (ours, theirs) in outcome.logits.iter().zip(&together) {
                    assert!((ours - theirs).abs() < 1e-4, "{activation:?}");
                }
                true
            });
        }
    }
}

#[test]
fn layers_come_out_as_they_went_in() {
    for case in cases() {
        assert_eq!(case.network(&plain()).layers(), case.layers);
    }
}

/// A caller learns from the loss that training has diverged; neither activation nor pooling may hide it.
#[test]
fn a_weight_that_is_no_number_shows_in_the_loss() {
    for mut case in cases() {
        case.layers[0].weight[0] = f32::NAN;
        for kind in kinds() {
            for instructions in Instructions::all() {
                let mut network = case.network(&kind).with_instructions(instructions);
                let loss = case.train(&mut network, 0..1, 2).loss;
                assert!(
                    loss.is_nan(),
                    "{instructions} {kind:?} {:?}",
                    case.convolutions
                );
            }
        }
    }
}

/// Layers and blocks that are none, empty or do not fit.
#[test]
fn layers_that_do_not_fit_are_refused() {
    let fits = |change: fn(&mut Case)| {
        let mut case = case(shapes().remove(0));
        change(&mut case);
        let network = || case.network(&plain());
        let trained = catch_unwind(AssertUnwindSafe(network)).is_ok();
        let answer = || Cnn::new(&case.convolutions, &case.layers, Activation::Relu);
        assert_eq!(trained, catch_unwind(AssertUnwindSafe(answer)).is_ok());
        trained
    };
    assert!(fits(|_| {}));
    let bad: [fn(&mut Case); 9] = [
        |case| case.convolutions.blocks.clear(),
        |case| case.convolutions.blocks[0].channels = 0,
        |case| case.convolutions.blocks[1].kernel = 4,
        |case| case.convolutions.blocks[1].channels = 33,
        |case| case.convolutions.input[1] = 3,
        |case| case.convolutions.input[0] = 0,
        |case| case.convolutions.average = true,
        |case| case.layers.truncate(2),
        |case| case.layers[1].bias.truncate(31),
    ];
    for (i, change) in bad.into_iter().enumerate() {
        assert!(!fits(change), "{i}");
    }
}

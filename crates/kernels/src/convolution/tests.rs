//! The products of a convolution against plain loops: every shape and set of instructions, to the bit. The numbers are
//! whole and small, so that no order of the sums rounds.

mod speed;

use super::chosen::Chosen;
use super::plane::{Convolution, Plane};
use super::vectors::LANES;
use super::{Block, Convolutions, Front, pool};
use crate::Instructions;
use crate::network::Layer;

const CHANNELS: [usize; 9] = [1, 2, 3, 5, 16, 17, 31, 32, 50];
const SIZES: [[usize; 2]; 11] = [
    [1, 1],
    [1, 5],
    [2, 2],
    [2, 3],
    [3, 8],
    [4, 4],
    [5, 1],
    [6, 7],
    [7, 6],
    [8, 9],
    [9, 16],
];
const KERNELS: [usize; 4] = [1, 3, 5, 7];

/// Whole numbers from -2 to 2: many sums are equal.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    let number = |i: usize| ((i * 7919 + seed * 104_729) % 1009 % 5) as f32 - 2.0;
    (0..count).map(number).collect()
}

/// A convolution and its numbers, without borders or zeros that fill up channels.
struct Case {
    size: [usize; 2],
    inputs: usize,
    outputs: usize,
    kernel: usize,
    /// `[height, width, inputs]`
    x: Vec<f32>,
    /// `[kernel, kernel, inputs, outputs]`
    weight: Vec<f32>,
    bias: Vec<f32>,
    /// `[height, width, outputs]`
    delta: Vec<f32>,
}

impl Case {
    fn new(size: [usize; 2], inputs: usize, outputs: usize, kernel: usize) -> Self {
        let pixels = size[0] * size[1];
        Self {
            size,
            inputs,
            outputs,
            kernel,
            x: numbers(pixels * inputs, 1),
            weight: numbers(kernel * kernel * inputs * outputs, 2),
            bias: numbers(outputs, 3),
            delta: numbers(pixels * outputs, 4),
        }
    }

    /// Hands out every product of a weight: the output, the input and the weight, each as an index.
    fn terms(&self, mut term: impl FnMut(usize, usize, usize)) {
        let ([height, width], kernel) = (self.size, self.kernel);
        let (inputs, outputs, half) = (self.inputs, self.outputs, kernel / 2);
        for (y, x) in (0..height * width).map(|i| (i / width, i % width)) {
            for (a, b) in (0..kernel * kernel).map(|i| (i / kernel, i % kernel)) {
                let (from_y, from_x) = ((y + a).wrapping_sub(half), (x + b).wrapping_sub(half));
                if from_y >= height || from_x >= width {
                    continue;
                }
                for i in 0..inputs {
                    let input = (from_y * width + from_x) * inputs + i;
                    let weight = ((a * kernel + b) * inputs + i) * outputs;
                    let output = (y * width + x) * outputs;
                    (0..outputs).for_each(|o| term(output + o, input, weight + o));
                }
            }
        }
    }

    /// Returns the sums `[height, width, outputs]`, and the gradients of input and weights.
    fn plain(&self) -> [Vec<f64>; 3] {
        let bias = self.bias.iter().map(|&bias| f64::from(bias));
        let mut sums: Vec<f64> = bias.cycle().take(self.delta.len()).collect();
        let (mut of_x, mut of_weight) = (vec![0.0; self.x.len()], vec![0.0; self.weight.len()]);
        self.terms(|output, input, weight| {
            let [x, w, delta] =
                [self.x[input], self.weight[weight], self.delta[output]].map(f64::from);
            sums[output] += x * w;
            of_x[input] += delta * w;
            of_weight[weight] += x * delta;
        });
        [sums, of_x, of_weight]
    }

    /// Returns the same as a block of a network, after another one where its channels are filled up.
    fn front(&self, pool: bool, first: bool) -> Front {
        let block = |channels, pool| Block {
            channels,
            kernel: self.kernel,
            pool,
        };
        let mut blocks = vec![block(self.inputs, false), block(self.outputs, pool)];
        let input = [
            if first { self.inputs } else { 1 },
            self.size[0],
            self.size[1],
        ];
        if first {
            blocks.remove(0);
        }
        Front::new(&Convolutions {
            input,
            blocks,
            average: false,
        })
    }
}

/// Returns the values `[height, width, channels]` in `plane`.
fn spread(plane: Plane, channels: usize, values: &[f32]) -> Vec<f32> {
    let mut all = vec![0.0; plane.len()];
    for (i, values) in values.chunks_exact(channels).enumerate() {
        let at = plane.at(i / plane.width, i % plane.width);
        all[at..at + channels].copy_from_slice(values);
    }
    all
}

/// Returns the values `[height, width, channels]` of `plane`; all others must be 0.
fn gather(plane: Plane, channels: usize, values: &[f32]) -> Vec<f32> {
    let pixels =
        (0..plane.height * plane.width).map(|i| plane.at(i / plane.width, i % plane.width));
    let gathered: Vec<f32> = pixels
        .flat_map(|at| values[at..at + channels].to_vec())
        .collect();
    assert_eq!(
        spread(plane, channels, &gathered),
        values,
        "what is beside the values"
    );
    gathered
}

fn equal(ours: &[f32], plain: &[f64], what: &str) {
    let ours: Vec<f64> = ours.iter().map(|&x| f64::from(x)).collect();
    assert!(ours == plain, "{what}");
}

fn cases(mut check: impl FnMut(&Case, bool, &str)) {
    let few = |channels: &&usize| !cfg!(miri) || [3, 17].contains(*channels);
    for &inputs in CHANNELS.iter().filter(few) {
        for &outputs in CHANNELS.iter().filter(few) {
            for kernel in KERNELS {
                for size in SIZES.into_iter().step_by(if cfg!(miri) { 3 } else { 1 }) {
                    // Large ones at every other size.
                    if inputs * outputs > 300 && (size[0] + size[1]) % 3 != 0 {
                        continue;
                    }
                    let case = Case::new(size, inputs, outputs, kernel);
                    for first in [true, false] {
                        let what = format!("{size:?} {inputs}-{outputs}, kernel {kernel}, {first}");
                        check(&case, first, &what);
                    }
                }
            }
        }
    }
}

#[test]
fn products_are_those_of_plain_loops() {
    cases(|case, first, what| {
        let [sums, of_x, of_weight] = case.plain();
        let front = case.front(false, first);
        let stage = front.last();
        let convolution = &stage.convolution;
        let packed = pack(&front, case);
        let [weights, bias] = [&stage.weights, &stage.bias].map(|range| &packed[range.clone()]);
        let x = spread(convolution.input, case.inputs, &case.x);
        for instructions in Instructions::all() {
            let what = format!("{instructions}: {what}");
            let mut out = vec![0.0; stage.output.len()];
            convolution.forward(
                instructions,
                (&x, weights, Some(bias)),
                (stage.output, &mut out),
                false,
            );
            equal(&gather(stage.output, case.outputs, &out), &sums, &what);
            convolution.forward(
                instructions,
                (&x, weights, Some(bias)),
                (stage.output, &mut out),
                true,
            );
            let relu: Vec<f64> = sums.iter().map(|x| x.max(0.0)).collect();
            equal(&gather(stage.output, case.outputs, &out), &relu, &what);

            let delta = spread(stage.delta, case.outputs, &case.delta);
            let mut gradient = vec![1.0; convolution.weights()];
            convolution.weight_gradient(instructions, &x, (stage.delta, &delta), &mut gradient);
            for (row, plain) in gradient
                .chunks(convolution.lanes)
                .zip(of_weight.chunks(case.outputs))
            {
                let plain: Vec<f64> = plain.iter().map(|x| x + 1.0).collect();
                equal(&row[..case.outputs], &plain, &what);
                assert!(row[case.outputs..].iter().all(|&x| x == 1.0), "{what}");
            }
            if !first {
                let (back, mut turned) = (stage.back(), Vec::new());
                front.turn(instructions, &packed, &mut turned);
                let plane = Plane {
                    border: 0,
                    ..convolution.input
                };
                let mut out = vec![0.0; plane.len()];
                back.forward(
                    instructions,
                    (&delta, &turned[1], None),
                    (plane, &mut out),
                    false,
                );
                equal(&gather(plane, case.inputs, &out), &of_x, &what);
            }
        }
    });
}

/// Returns the weights of `front`, whose last block is that of `case`.
fn pack(front: &Front, case: &Case) -> Vec<f32> {
    let before = Layer {
        weight: vec![0.0; case.kernel * case.kernel * case.inputs],
        bias: vec![0.0; case.inputs],
    };
    let layer = Layer {
        weight: case.weight.clone(),
        bias: case.bias.clone(),
    };
    let layers = [before, layer];
    front.pack(&layers[2 - front.blocks()..])
}

/// Of equal values the first is chosen, row by row; where none is above 0, none is. The gradient goes where it came from.
#[test]
fn the_first_of_the_largest_is_chosen() {
    cases(|case, first, what| {
        let [height, width] = case.size;
        if height < 2 || width < 2 {
            return;
        }
        let [sums, ..] = case.plain();
        let front = case.front(true, first);
        let stage = front.last();
        let packed = pack(&front, case);
        let [weights, bias] = [&stage.weights, &stage.bias].map(|range| &packed[range.clone()]);
        let x = spread(stage.convolution.input, case.inputs, &case.x);
        let (largest, from) = pooled(&sums, case.size, case.outputs);
        let largest: Vec<f64> = largest.into_iter().map(|x| x.max(0.0)).collect();
        let delta = numbers(largest.len(), 5);
        let mut back = vec![0.0; sums.len()];
        for ((delta, largest), from) in delta.iter().zip(&largest).zip(from) {
            back[from] = if *largest > 0.0 {
                f64::from(*delta)
            } else {
                0.0
            };
        }
        let half = Plane {
            border: 0,
            ..stage.output
        };
        let lanes = spread(half, case.outputs, &delta);
        for instructions in Instructions::all() {
            let what = format!("{instructions}: {what}");
            let mut out = vec![0.0; stage.output.len()];
            let mut routes = vec![[9; 4]; stage.outcomes() / LANES];
            let from = (&x[..], weights, Some(bias));
            stage.convolution.forward_pooled(
                instructions,
                from,
                (stage.output, &mut out),
                &mut routes,
            );
            equal(&gather(stage.output, case.outputs, &out), &largest, &what);

            if !first {
                check_chosen(
                    instructions,
                    case,
                    &front,
                    (half, &lanes),
                    &routes,
                    &back,
                    &what,
                );
            }
            let (mut out, mut bias) = (vec![0.0; stage.delta.len()], vec![1.0; stage.delta.pixel]);
            pool::unpool(
                instructions,
                (half, &lanes),
                &routes,
                (stage.delta, &mut out),
                &mut bias,
            );
            equal(&gather(stage.delta, case.outputs, &out), &back, &what);
            for (o, bias) in bias[..case.outputs].iter().enumerate() {
                let sum: f64 = back.iter().skip(o).step_by(case.outputs).sum();
                assert_eq!(f64::from(*bias), sum + 1.0, "{what}");
            }
        }
    });
}

/// The lists of chosen sums give the gradients that all sums give, whose gradient is `back`.
fn check_chosen(
    instructions: Instructions,
    case: &Case,
    front: &Front,
    delta: (Plane, &[f32]),
    routes: &[pool::Route],
    back: &[f64],
    what: &str,
) {
    let mut plain = Case::new(case.size, case.inputs, case.outputs, case.kernel);
    plain.delta = back.iter().map(|&x| x as f32).collect();
    let [_, of_x, of_weight] = plain.plain();
    let (stage, packed) = (front.last(), pack(front, case));
    let convolution = &stage.convolution;
    let mut chosen = Chosen::new(convolution);
    let mut bias = vec![1.0; convolution.lanes];
    chosen.list(instructions, convolution, delta, routes, &mut bias);
    for (o, bias) in bias[..case.outputs].iter().enumerate() {
        let sum: f64 = back.iter().skip(o).step_by(case.outputs).sum();
        assert_eq!(f64::from(*bias), sum + 1.0, "{what}");
    }
    let mut turned = Vec::new();
    front.turn(instructions, &packed, &mut turned);
    let x = spread(convolution.input, case.inputs, &case.x);
    let mut out = vec![0.0; turned[1].len()];
    chosen.weight_gradient(instructions, convolution, &x, &mut out);
    let mut gradient = vec![0.0; packed.len()];
    front.turn_back(instructions, stage, &out, &mut gradient);
    let rows = gradient[stage.weights.clone()].chunks(convolution.lanes);
    for (row, plain) in rows.zip(of_weight.chunks(case.outputs)) {
        equal(&row[..case.outputs], plain, what);
    }
    let mut out = vec![0.0; convolution.input.len()];
    chosen.input_gradient(instructions, convolution, &turned[1], &mut out);
    let inside = 0..case.size[0] * case.size[1];
    let inside = inside.map(|i| convolution.input.at(i / case.size[1], i % case.size[1]));
    let inside: Vec<f32> = inside
        .flat_map(|at| out[at..at + case.inputs].to_vec())
        .collect();
    equal(&inside, &of_x, what);
}

/// Returns the first of the largest of two by two, and where it is.
fn pooled(sums: &[f64], [height, width]: [usize; 2], channels: usize) -> (Vec<f64>, Vec<usize>) {
    let (mut largest, mut from) = (Vec::new(), Vec::new());
    for (y, x) in (0..height / 2 * (width / 2)).map(|i| (i / (width / 2), i % (width / 2))) {
        for channel in 0..channels {
            let at = |dy, dx| ((2 * y + dy) * width + 2 * x + dx) * channels + channel;
            let window = [at(0, 0), at(0, 1), at(1, 0), at(1, 1)];
            let mut best = window[0];
            for i in window {
                best = if sums[i] > sums[best] { i } else { best };
            }
            largest.push(sums[best]);
            from.push(best);
        }
    }
    (largest, from)
}

/// The plain loops of [`pool::pool`] choose as the tiles do.
#[test]
fn slopes_are_chosen_with_their_values() {
    for (size, channels) in [([5, 4], 16), ([2, 7], 32)] {
        let values = numbers(size[0] * size[1] * channels, 6);
        let slopes: Vec<f32> = (0..values.len()).map(|i| i as f32).collect();
        let sums: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
        let (largest, from) = pooled(&sums, size, channels);
        let plane = Plane {
            height: size[0] / 2,
            width: size[1] / 2,
            border: 1,
            pixel: channels,
        };
        for instructions in Instructions::all() {
            let mut out = vec![0.0; plane.len()];
            let (mut chosen, mut routes) = (
                vec![0.0; largest.len()],
                vec![[9; 4]; largest.len() / LANES],
            );
            pool::pool(
                instructions,
                plane,
                &mut out,
                [&values, &slopes],
                &mut chosen,
                &mut routes,
                size[1],
            );
            equal(&gather(plane, channels, &out), &largest, "values");
            assert!(
                chosen
                    .iter()
                    .zip(&from)
                    .all(|(slope, from)| *slope == *from as f32)
            );
            let whole = Plane {
                height: size[0],
                width: size[1],
                border: 0,
                pixel: channels,
            };
            let (mut back, mut bias) = (vec![0.0; whole.len()], vec![0.0; channels]);
            let half = Plane { border: 0, ..plane };
            pool::unpool(
                instructions,
                (half, &chosen),
                &routes,
                (whole, &mut back),
                &mut bias,
            );
            for (i, back) in back.iter().enumerate() {
                let expected = if from.contains(&i) { i as f32 } else { 0.0 };
                assert_eq!(*back, expected, "{instructions}");
            }
        }
    }
}

/// Sizes that do not fit are refused before a pointer is made of them.
#[test]
fn sizes_that_do_not_fit_are_refused() {
    let input = Plane {
        height: 4,
        width: 4,
        border: 1,
        pixel: 1,
    };
    let convolution = Convolution {
        input,
        inputs: 1,
        kernel: 3,
        lanes: 16,
    };
    let plane = Plane {
        border: 0,
        pixel: 16,
        ..input
    };
    let fits = |convolution: Convolution, x: usize, weights: usize, out: usize| {
        let (x, weights, mut out) = (vec![0.0; x], vec![0.0; weights], vec![0.0; out]);
        let run = || {
            let from = (&x[..], &weights[..], None);
            convolution.forward(Instructions::widest(), from, (plane, &mut out), false);
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_ok()
    };
    assert!(fits(convolution, 36, 144, 256));
    assert!(!fits(convolution, 35, 144, 256) && !fits(convolution, 36, 143, 256));
    assert!(!fits(convolution, 36, 144, 255));
    assert!(!fits(
        Convolution {
            kernel: 5,
            ..convolution
        },
        36,
        400,
        256
    ));
    assert!(!fits(
        Convolution {
            inputs: 2,
            ..convolution
        },
        36,
        288,
        256
    ));
    assert!(!fits(
        Convolution {
            lanes: 8,
            ..convolution
        },
        36,
        72,
        256
    ));
}

/// Rows and columns around the edges of blocks of 16, and a part of the columns only.
#[test]
fn transposes_are_added() {
    for instructions in Instructions::all() {
        for (rows, height) in [
            (0, 5),
            (1, 1),
            (3, 17),
            (16, 16),
            (17, 33),
            (40, 31),
            (32, 64),
        ] {
            for (before, after, margin) in [(0, 0, 0), (2, 3, 4)] {
                let (columns, width) = (before + rows + after, height + margin);
                let x = numbers(height * columns.max(1), 1);
                let length = (rows * width).saturating_sub(margin);
                let mut out = numbers(length, 2);
                let mut plain = out.clone();
                for (i, value) in plain.iter_mut().enumerate() {
                    if i % width < height {
                        *value += x[i % width * columns + before + i / width];
                    }
                }
                super::add_transposed(instructions, &mut out, width, &x, columns.max(1), before);
                assert_eq!(out, plain, "{instructions}: {rows} x {height}");
            }
        }
    }
}

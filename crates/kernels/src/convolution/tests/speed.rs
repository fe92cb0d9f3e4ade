//! What the products reach, beside nothing: a figure to read while they are changed.

use super::*;
use crate::aligned::Aligned;

/// What the products reach on one thread: `cargo test -p kernels --lib speed -- --ignored --nocapture`. The least time of
/// many, so that it can be read on a machine that does other things too. Of four sums one has a gradient.
#[test]
#[ignore = "it measures"]
fn speed() {
    for (inputs, outputs, side) in [
        (1, 16, 28),
        (16, 32, 14),
        (1, 32, 28),
        (32, 64, 14),
        (32, 32, 28),
        (64, 64, 14),
        (64, 128, 7),
    ] {
        let case = Case::new([side, side], inputs, outputs, 3);
        for instructions in Instructions::all() {
            let flop = (2 * 9 * inputs * outputs * side * side) as f64;
            let rate = |time: f64| format!("{:6.1}", flop / time / 1e9);
            let [plain, pooled, weights, unpool] = times(&case, instructions).map(rate);
            println!(
                "{instructions:9} {inputs:3} to {outputs:3}, {side} x {side}, GFLOP/s: forward {plain}, pooled {pooled}, weights {weights}, unpool {unpool}"
            );
            if inputs > 1 {
                let [input, list, weights, chosen] = times_back(&case, instructions).map(rate);
                println!(
                    "    input {input}; chosen: list {list}, weights {weights}, input {chosen}"
                );
            }
        }
    }
}

fn times(case: &Case, instructions: Instructions) -> [f64; 4] {
    let front = case.front(true, case.inputs == 1);
    let stage = front.last();
    let convolution = &stage.convolution;
    let packed = aligned(&pack(&front, case));
    let [weights, bias] = [&stage.weights, &stage.bias].map(|range| &packed[range.clone()]);
    let x = aligned(&spread(convolution.input, case.inputs, &case.x));
    let from = (&x[..], weights, Some(bias));
    let whole = Plane {
        border: 0,
        pixel: convolution.lanes,
        ..convolution.input
    };
    let mut out = Aligned::zeros(whole.len());
    let plain = least(|| convolution.forward(instructions, from, (whole, &mut out), false));
    let (half, mut out) = (stage.output, Aligned::zeros(stage.output.len()));
    let mut routes = vec![[0; 4]; stage.outcomes() / LANES];
    let pooled =
        least(|| convolution.forward_pooled(instructions, from, (half, &mut out), &mut routes));
    let mut delta = (
        stage.delta,
        aligned(&spread(stage.delta, case.outputs, &case.delta)),
    );
    let mut gradient = Aligned::zeros(convolution.weights());
    let weights =
        least(|| convolution.weight_gradient(instructions, &x, (delta.0, &delta.1), &mut gradient));
    let (ones, mut bias) = (vec![1.0; half.len()], vec![0.0; half.pixel]);
    let unpool = least(|| {
        pool::unpool(
            instructions,
            (half, &ones),
            &routes,
            (delta.0, &mut delta.1),
            &mut bias,
        )
    });
    [plain, pooled, weights, unpool]
}

fn times_back(case: &Case, instructions: Instructions) -> [f64; 4] {
    let [all, pooled] = [false, true].map(|pool| case.front(pool, false));
    let delta = (
        all.last().delta,
        aligned(&spread(all.last().delta, case.outputs, &case.delta)),
    );
    let [mut turned_all, mut turned] = [Vec::new(), Vec::new()];
    all.turn(instructions, &pack(&all, case), &mut turned_all);
    pooled.turn(instructions, &pack(&pooled, case), &mut turned);
    let convolution = &all.last().convolution;
    let mut out = Aligned::zeros(convolution.input.len());
    let from = (&delta.1[..], &turned_all[1][..], None);
    let back = all.last().back();
    let input = least(|| back.forward(instructions, from, (convolution.input, &mut out), false));
    let (half, mut chosen) = (pooled.last().output, Chosen::new(convolution));
    let (ones, mut bias) = (vec![1.0; half.len()], vec![0.0; half.pixel]);
    let routes = vec![[0x1234, 0x4321, 0x1111, 0xffff]; pooled.last().outcomes() / LANES];
    let list = least(|| chosen.list(instructions, convolution, (half, &ones), &routes, &mut bias));
    let x = aligned(&spread(convolution.input, case.inputs, &case.x));
    let mut gradient = Aligned::zeros(turned[1].len());
    let weights = least(|| chosen.weight_gradient(instructions, convolution, &x, &mut gradient));
    let chosen = least(|| chosen.input_gradient(instructions, convolution, &turned[1], &mut out));
    [input, list, weights, chosen]
}

fn aligned(values: &[f32]) -> Aligned {
    let mut aligned = Aligned::zeros(values.len());
    aligned.copy_from_slice(values);
    aligned
}

/// Returns the least seconds that `work` takes.
fn least(mut work: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..300 {
        let start = std::time::Instant::now();
        for _ in 0..5 {
            work();
        }
        least = least.min(start.elapsed().as_secs_f64() / 5.0);
    }
    least
}

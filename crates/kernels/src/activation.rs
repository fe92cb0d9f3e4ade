//! Activations of hidden layers and their derivatives.

use crate::instructions::for_each_set;
use crate::settings::Activation;

for_each_set! {
    /// Adds `bias` `[columns]` to every row of `x` and applies the activation.
    pub fn add_bias_and_activate(x: &mut [f32], bias: &[f32], activation: Activation) {
        for row in x.chunks_exact_mut(bias.len()) {
            for (x, b) in row.iter_mut().zip(bias) {
                *x += b;
            }
        }
        apply(x, activation);
    }

    /// Applies the activation.
    pub fn activate(x: &mut [f32], activation: Activation) {
        apply(x, activation);
    }

    /// Adds `bias` to every row of `x` and applies the activation; writes its derivative to `slopes`.
    pub fn activate_with_slopes(
        x: &mut [f32],
        slopes: &mut [f32],
        bias: &[f32],
        activation: Activation,
    ) {
        let rows = x.chunks_exact_mut(bias.len());
        for (row, slopes) in rows.zip(slopes.chunks_exact_mut(bias.len())) {
            for (x, b) in row.iter_mut().zip(bias) {
                *x += b;
            }
            if activation == Activation::Gelu {
                for (x, slope) in row.iter_mut().zip(slopes) {
                    (*x, *slope) = gelu(*x);
                }
            } else {
                apply(row, activation);
                slopes.fill(1.0);
                backward(slopes, row, activation);
            }
        }
    }

    /// Multiplies `gradient` by the derivative of the activation, given its `output`. GELU's does not follow
    /// from its output: see [`activate_with_slopes`].
    pub fn activation_backward(gradient: &mut [f32], output: &[f32], activation: Activation) {
        backward(gradient, output, activation);
    }
}

#[inline(always)]
fn apply(x: &mut [f32], activation: Activation) {
    match activation {
        // Not `max`, which would turn a NaN into 0 and hide that training has diverged.
        Activation::Relu => x
            .iter_mut()
            .for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
        Activation::Sigmoid => x.iter_mut().for_each(|x| *x = sigmoid(*x)),
        Activation::Tanh => x.iter_mut().for_each(|x| *x = x.tanh()),
        Activation::Gelu => x.iter_mut().for_each(|x| *x = gelu(*x).0),
    }
}

#[inline(always)]
fn backward(gradient: &mut [f32], output: &[f32], activation: Activation) {
    let pairs = gradient.iter_mut().zip(output);
    match activation {
        Activation::Relu => pairs.for_each(|(g, &y)| *g = if y > 0.0 { *g } else { 0.0 }),
        Activation::Sigmoid => pairs.for_each(|(g, &y)| *g *= y * (1.0 - y)),
        Activation::Tanh => pairs.for_each(|(g, &y)| *g *= 1.0 - y * y),
        Activation::Gelu => unreachable!("a step with GELU keeps its slopes"),
    }
}

/// Returns 1 / (1 + e^-x).
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Returns `x Φ(x)` and its derivative `Φ(x) + x φ(x)`, with distribution and density of the standard normal
/// distribution. Both are off by at most 4e-7 from -10 to 10 (a test tries them).
///
/// With t = 1 / (1 + 0.3 |x|), the tail Φ(-|x|) is e^(-x²/2) times a polynomial in t, as in Abramowitz & Stegun,
/// Handbook of Mathematical Functions, 7.1.26; this one has a higher degree, and coefficients for the least
/// largest relative error up to |x| = 13, 1.2e-7. There are no branches, so that it becomes vectors.
#[inline(always)]
fn gelu(x: f32) -> (f32, f32) {
    const TAIL: [f32; 8] = [
        0.119_623_24,
        0.120_845_99,
        0.099_344,
        0.130_427_64,
        -0.057_190_226,
        0.210_145_13,
        -0.159_394_92,
        0.036_199_1,
    ];
    const DENSITY_AT_0: f32 = 0.398_942_3; // 1 / √(2π)
    let size = x.abs();
    let bell = exp_of_negative(-0.5 * x * x);
    let t = 1.0 / (1.0 + 0.3 * size);
    let tail = bell * t * polynomial(t, &TAIL);
    let distribution = if x < 0.0 { tail } else { 1.0 - tail };
    (x * distribution, distribution + x * (bell * DENSITY_AT_0))
}

/// Returns e^x for x from -80 to 0, off by at most 1 in the last place or two; 0 below -80, where e^x is 1.8e-35.
///
/// e^x = 2^n e^r with n = round(x / ln 2): Cephes, `expf.c`, <https://www.netlib.org/cephes/>.
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    /// 1.5 · 2^23: a float of this size has no fraction, and the whole part of what was added is in its low bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts; the first has few bits, so that its product with n is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const TERMS: [f32; 6] = [
        0.5,
        1.666_666_5e-1,
        4.166_579_6e-2,
        8.333_452e-3,
        1.398_2e-3,
        1.987_569_2e-4,
    ];
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23); // 2^n
    let value = (polynomial(r, &TERMS) * (r * r) + r + 1.0) * power;
    if x < -80.0 { 0.0 } else { value }
}

/// Returns the polynomial in `x` with these coefficients, the constant first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: &[f32; N]) -> f32 {
    let mut value = coefficients[N - 1];
    for coefficient in coefficients[..N - 1].iter().rev() {
        value = value * x + coefficient;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instructions;

    /// Returns x Φ(x) and its derivative in f64.
    fn exact(x: f32) -> (f64, f64) {
        let x = f64::from(x);
        let distribution = 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
        let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        (x * distribution, distribution + x * density)
    }

    #[test]
    fn gelu_is_as_exact_as_it_says() {
        let count = if cfg!(miri) { 50 } else { 2_000_000 };
        let mut off = [0f64; 2];
        for i in 0..=count {
            let x = 20.0 * (i as f32 / count as f32) - 10.0;
            let (ours, theirs) = (gelu(x), exact(x));
            off[0] = off[0].max((f64::from(ours.0) - theirs.0).abs() / f64::from(x.abs().max(1.0)));
            off[1] = off[1].max((f64::from(ours.1) - theirs.1).abs());
        }
        assert!(off[0] < 2e-7 && off[1] < 3e-7, "{off:?}");
    }

    #[test]
    fn gelu_at_the_ends() {
        // (x, x Φ(x), its derivative); e^(-x²/2) is 0 from |x| = 12.6 on
        for (x, value, slope) in [
            (0.0, 0.0, 0.5),
            (-0.0, 0.0, 0.5),
            (13.0, 13.0, 1.0),
            (-13.0, 0.0, 0.0),
            (1e30, 1e30, 1.0),
            (-1e30, 0.0, 0.0),
            (f32::MAX, f32::MAX, 1.0),
            (f32::MIN, 0.0, 0.0),
        ] {
            let ours = gelu(x);
            assert_eq!(ours.0, value, "{x}");
            assert!((ours.1 - slope).abs() < 1e-7, "{x}: {}", ours.1);
        }
        let (value, slope) = gelu(f32::NAN);
        assert!(value.is_nan() && slope.is_nan());
    }

    #[test]
    fn known_values_and_slopes() {
        let tanh = 0.5f32.tanh();
        // (activation, x, its value, its slope); at 0 the slope of ReLU is 0
        for (activation, x, value, slope) in [
            (Activation::Relu, -1.5, 0.0, 0.0),
            (Activation::Relu, 0.0, 0.0, 0.0),
            (Activation::Relu, 2.5, 2.5, 1.0),
            (Activation::Sigmoid, 0.0, 0.5, 0.25),
            (Activation::Sigmoid, 3f32.ln(), 0.75, 0.1875),
            (Activation::Tanh, 0.5, tanh, 1.0 - tanh * tanh),
        ] {
            let mut ours = [x];
            activate(Instructions::widest(), &mut ours, activation);
            assert!((ours[0] - value).abs() < 1e-6, "{activation:?} of {x}");
            let mut gradient = [2.0];
            activation_backward(Instructions::widest(), &mut gradient, &ours, activation);
            assert!(
                (gradient[0] - 2.0 * slope).abs() < 1e-6,
                "{activation:?} at {x}"
            );
        }
    }

    /// Rows that fill no vector, on every processor: the same bits as one value alone.
    #[test]
    fn activations_have_the_same_bits_alone_and_in_rows() {
        let all = [
            Activation::Relu,
            Activation::Sigmoid,
            Activation::Tanh,
            Activation::Gelu,
        ];
        let width = 37;
        let input: Vec<f32> = (0..3 * width).map(|i| i as f32 / 10.0 - 5.0).collect();
        let bias: Vec<f32> = (0..width).map(|i| i as f32 / 100.0).collect();
        let portable = Instructions::all().pop().unwrap();
        for instructions in Instructions::all() {
            for activation in all {
                let (mut with_slopes, mut slopes) = (input.clone(), vec![0.0; input.len()]);
                activate_with_slopes(
                    instructions,
                    &mut with_slopes,
                    &mut slopes,
                    &bias,
                    activation,
                );
                let mut outputs = input.clone();
                add_bias_and_activate(instructions, &mut outputs, &bias, activation);
                assert_eq!(outputs, with_slopes, "{instructions} {activation:?}");
                for (i, x) in input.iter().enumerate() {
                    let mut alone = [x + bias[i % width]];
                    activate(portable, &mut alone, activation);
                    assert_eq!(alone[0], outputs[i], "{instructions} {activation:?} of {x}");
                    if activation != Activation::Gelu {
                        let mut slope = [1.0];
                        activation_backward(portable, &mut slope, &alone, activation);
                        assert_eq!(slope[0], slopes[i], "{instructions} {activation:?} at {x}");
                    }
                }
            }
        }
    }
}
